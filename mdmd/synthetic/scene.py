"""A thing that looks like a face, set before a ground, seen at an angle, lit, and sometimes half hidden."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image

from mdmd.synthetic.background import Ground, blurred_room, room, street, table, wall
from mdmd.synthetic.camera import cast_shadow, light, photograph
from mdmd.synthetic.canvas import Array, Canvas, arc, backdrop, mix, pick, shade, vary
from mdmd.synthetic.household import (
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
from mdmd.synthetic.street import car, house, letter_box, tram, tree

Painter = Callable[[Canvas, np.random.Generator], Array]


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
