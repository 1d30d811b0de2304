"""A thing that looks like a face, set before a ground, seen at an angle, lit, and sometimes half hidden."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image

from mdmd.synthetic_canvas import (
    Array,
    Canvas,
    arc,
    backdrop,
    blurred_room,
    cast_shadow,
    light,
    mix,
    photograph,
    pick,
    rectangle,
    shade,
    vary,
)  # fmt: skip
from mdmd.synthetic_household import (
    box,
    breakfast,
    cup,
    handbag,
    pepper,
    radio,
    socket,
    wash_basin,
    washing_machine,
)
from mdmd.synthetic_street import PLASTERS, car, house, letter_box, tram, tree

Painter = Callable[[Canvas, np.random.Generator], Array]
Ground = Callable[[Canvas, np.random.Generator], None]


def street(canvas: Canvas, rng: np.random.Generator) -> None:
    """Sky, clouds, trees and houses far away, a pavement. Units: the picture is 0 to 1."""
    sky = pick(
        rng,
        ((96, 160, 220), (206, 226, 240)),
        ((240, 170, 120), (250, 222, 180)),
        ((150, 158, 170), (214, 216, 220)),
        ((30, 40, 80), (110, 100, 140)),
    )
    horizon = rng.uniform(0.68, 0.8)
    canvas.gradient(rectangle(0, 0, 1, horizon + 0.02), sky)
    for _ in range(int(rng.integers(0, 6))):
        canvas.soft(
            arc(rng.uniform(0, 1), rng.uniform(0, 0.4), rng.uniform(0.06, 0.18), rng.uniform(0.02, 0.05)),
            (255, 255, 255, 170),
            0.02,
        )
    for x in np.arange(-0.05, 1.1, 0.12):
        if rng.uniform() < 0.5:
            wall = vary(rng, mix(pick(rng, *PLASTERS), sky[1], 0.45))
            top = horizon - rng.uniform(0.1, 0.35)
            canvas.fill(rectangle(x, top, x + rng.uniform(0.08, 0.16), horizon), wall)
            for wx in (x + 0.02, x + 0.055):
                canvas.fill(rectangle(wx, top + 0.03, wx + 0.02, top + 0.06), shade(wall, 0.7))
        else:
            green = vary(rng, mix((70, 120, 60), sky[1], 0.3))
            canvas.soft(arc(x, horizon - 0.06, rng.uniform(0.05, 0.12), rng.uniform(0.08, 0.2)), green, 0.01)
    ground = vary(rng, pick(rng, (128, 126, 124), (96, 132, 70), (176, 164, 146), (90, 88, 92)))
    floor = rectangle(0, horizon, 1, 1)
    canvas.gradient(floor, [shade(ground, 1.1), shade(ground, 0.75)])
    canvas.texture(rng, floor, 0.14, (90, 30))


def wall(canvas: Canvas, rng: np.random.Generator) -> None:
    """Plaster, tiles or wallpaper, with a shelf or a picture somewhere."""
    color = vary(
        rng,
        pick(rng, (226, 220, 206), (150, 176, 180), (214, 176, 150), (110, 124, 110), (190, 190, 200), (232, 206, 130)),
    )
    full = rectangle(0, 0, 1, 1)
    canvas.gradient(full, [shade(color, 1.1), shade(color, 0.82)], float(rng.uniform(30, 150)))
    kind, step = rng.integers(4), float(rng.uniform(0.06, 0.2))
    if kind == 0:
        for t in np.arange(0, 1, step):
            canvas.line(np.array([(t, 0), (t, 1)]), shade(color, 0.8), 0.006)
            canvas.line(np.array([(0, t), (1, t)]), shade(color, 0.8), 0.006)
    elif kind == 1:
        stripe = vary(rng, color, 25)
        for t in np.arange(0, 1, step):
            canvas.fill(rectangle(t, 0, t + step / 2, 1), (*stripe, 130))
    elif kind == 2:
        motif = vary(rng, color, 40)
        for k, x in enumerate(np.arange(0, 1.05, step)):
            for y in np.arange(0, 1.05, step):
                canvas.fill(arc(x, y + (k % 2) * step / 2, step * 0.18, steps=10), (*motif, 150))
    canvas.texture(rng, full, 0.07, (60, 60))
    for _ in range(int(rng.integers(0, 4))):
        x, y, w, h = *rng.uniform(-0.1, 1.0, 2), *rng.uniform(0.08, 0.3, 2)
        canvas.soft(rectangle(x + 0.01, y + 0.015, x + w, y + h), (0, 0, 0, 90), 0.01)
        paint = vary(rng, mix(rng.integers(60, 230, 3), color, 0.4))
        canvas.gradient(rectangle(x, y, x + w, y + h), [shade(paint, 1.15), shade(paint, 0.8)], 60)


def table(canvas: Canvas, rng: np.random.Generator) -> None:
    """A table top from above: planks, a checked cloth or stone, with a few things lying about."""
    full, kind = rectangle(0, 0, 1, 1), int(rng.integers(3))
    color = vary(
        rng,
        pick(
            rng,
            (170, 120, 76),
            (110, 74, 50),
            (206, 176, 140),
            (90, 96, 104),
            (220, 216, 208),
            (170, 60, 56),
            (70, 110, 150),
        ),
    )
    canvas.gradient(full, [shade(color, 1.12), shade(color, 0.85)], float(rng.uniform(0, 180)))
    if kind == 0:
        canvas.texture(rng, full, 0.16, (6, 120))
        for y in np.arange(rng.uniform(0, 0.2), 1, 0.24):
            canvas.line(np.array([(0, y), (1, y + 0.01)]), shade(color, 0.55), 0.008)
    elif kind == 1:
        step = float(rng.uniform(0.08, 0.16))
        for t in np.arange(0, 1, step):
            canvas.fill(rectangle(t, 0, t + step / 2, 1), (255, 255, 255, 80))
            canvas.fill(rectangle(0, t, 1, t + step / 2), (255, 255, 255, 80))
    else:
        canvas.texture(rng, full, 0.14, (50, 50))
    for _ in range(int(rng.integers(0, 5))):
        x, y, r = *rng.uniform(-0.05, 1.05, 2), rng.uniform(0.03, 0.13)
        thing = (
            arc(x, y, r, r * rng.uniform(0.5, 1), tilt=float(rng.uniform(0, 180)))
            if rng.uniform() < 0.6
            else rectangle(x, y, x + 2 * r, y + r, 0.02)
        )
        paint = vary(rng, rng.integers(40, 240, 3))
        canvas.soft(thing + 0.012, (0, 0, 0, 120), 0.012)
        canvas.gradient(thing, [shade(paint, 1.15), shade(paint, 0.8)], 60)


def room(canvas: Canvas, rng: np.random.Generator) -> None:
    """A wall above a floor."""
    wall(canvas, rng)
    edge = float(rng.uniform(0.72, 0.84))
    floor = vary(rng, pick(rng, (140, 100, 66), (110, 110, 116), (190, 170, 150), (80, 70, 66)))
    canvas.gradient(rectangle(0, edge, 1, 1), [shade(floor, 0.8), shade(floor, 1.1)])
    canvas.texture(rng, rectangle(0, edge, 1, 1), 0.12, (10, 40))
    canvas.fill(rectangle(0, edge - 0.03, 1, edge), (236, 234, 228), ink=(150, 146, 140), width=0.004)


#: Every kind of thing: its painter, the ground it is found on, and how far it may be turned, in degrees.
KINDS: dict[str, tuple[Painter, Ground, float]] = {
    "house": (house, street, 5),
    "cup": (cup, table, 40),
    "car": (car, street, 6),
    "handbag": (handbag, room, 14),
    "tree": (tree, street, 10),
    "socket": (socket, wall, 8),
    "breakfast": (breakfast, table, 35),
    "tram": (tram, street, 5),
    "washing machine": (washing_machine, room, 6),
    "pepper": (pepper, table, 40),
    "letter box": (letter_box, street, 10),
    "box": (box, room, 14),
    "wash basin": (wash_basin, wall, 8),
    "radio": (radio, room, 8),
}


def _view(rng: np.random.Generator, size: int, turn: float) -> Array:
    """From a thing's units to pixels (3, 3): place, size, turn, squeeze, shear and a little perspective."""
    a = np.radians(np.clip(rng.normal(0, turn / 2), -turn, turn))
    scale = size * rng.uniform(0.22, 0.31)
    squeeze, shear = np.exp(rng.normal(0, 0.07)), rng.normal(0, 0.04)
    turned = (
        np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
        @ np.array([[squeeze, shear], [0, 1 / squeeze]])
        * scale
    )
    x, y = (
        size * (0.5 + np.clip(rng.normal(0, 0.04), -0.1, 0.1)),
        size * (0.5 + np.clip(rng.normal(0, 0.03), -0.08, 0.08)),
    )
    tip = np.clip(rng.normal(0, 0.045, 2), -0.1, 0.1)
    bend = np.array([[1, 0, 0], [0, 1, 0], [*tip, 1]])
    return np.array([[*turned[0], x], [*turned[1], y], [0, 0, 1]]) @ bend


def _occlude(canvas: Canvas, rng: np.random.Generator, points: Array) -> None:
    """Leaves, a post or a cable in front of part of the thing. Units are pixels."""
    spot, size = points[int(rng.integers(9))], canvas.size
    if rng.uniform() < 0.5:
        green = vary(rng, pick(rng, (60, 110, 50), (110, 140, 50), (170, 110, 40)))
        for _ in range(int(rng.integers(4, 9))):
            x, y = spot + rng.normal(0, size * 0.05, 2)
            leaf = arc(
                x, y, size * rng.uniform(0.03, 0.06), size * rng.uniform(0.012, 0.025), tilt=float(rng.uniform(0, 180))
            )
            canvas.fill(leaf, vary(rng, green), ink=shade(green, 0.6), width=0.6)
    else:
        a = np.radians(90 + rng.normal(0, 25))
        reach = np.array([np.cos(a), np.sin(a)]) * size * 2
        color = vary(rng, rng.integers(30, 210, 3))
        width = size * rng.uniform(0.015, 0.05)
        canvas.line(np.stack([spot - reach, spot + reach]), shade(color, 0.6), width)
        canvas.line(np.stack([spot - reach, spot + reach]) - width * 0.15, color, width * 0.5)


def paint_scene(rng: np.random.Generator, size: int, kind: str) -> tuple[Image.Image, Array]:
    """A picture, `size` pixels square, of one of KINDS, and its nine points (9, 2) in pixels (definition "pare")."""
    painter, ground, turn = KINDS[kind]
    if rng.uniform() < 0.1:
        plain = backdrop(size, blurred_room(rng, size))
    else:
        plain = backdrop(size, Image.new("RGB", (2, 2)))
        ground(Canvas(plain, np.diag([size, size, 1.0])), rng)
    canvas = Canvas(plain, _view(rng, size, turn))
    points = canvas.place(painter(canvas, rng))
    if rng.uniform() < 0.12:
        _occlude(Canvas(plain), rng, points)
    light(rng, plain, float(rng.uniform(0, 0.45)))
    if rng.uniform() < 0.22:
        cast_shadow(rng, plain)
    if rng.uniform() < 0.1:
        haze = mix(rng.integers(60, 220, 3), (150, 150, 150), 0.5)
        plain.paste(haze, (0, 0), Image.new("L", plain.size, int(rng.uniform(70, 150))))
    return photograph(rng, canvas.finish(), faults=0.7), points
