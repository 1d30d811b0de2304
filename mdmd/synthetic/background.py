"""Backgrounds of drawn faces."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from mdmd.synthetic.canvas import Canvas, arc, backdrop, mix, noise, pick, rectangle, shade, vary

#: Colors of house walls.
PLASTERS = (
    (236, 214, 170),
    (222, 150, 120),
    (176, 200, 214),
    (240, 236, 226),
    (196, 208, 160),
    (214, 120, 96),
    (232, 190, 96),
)


def street(canvas: Canvas, rng: np.random.Generator) -> None:
    """Paint sky, clouds, distant trees and houses, and a pavement. Coordinates are from 0 to 1."""
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
    """Paint plaster, tiles or wallpaper, with a shelf or a picture."""
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
    """Paint a table top from above: planks, a checked cloth or stone, with a few objects on it."""
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
    """Paint a wall above a floor."""
    wall(canvas, rng)
    edge = float(rng.uniform(0.72, 0.84))
    floor = vary(rng, pick(rng, (140, 100, 66), (110, 110, 116), (190, 170, 150), (80, 70, 66)))
    canvas.gradient(rectangle(0, edge, 1, 1), [shade(floor, 0.8), shade(floor, 1.1)])
    canvas.texture(rng, rectangle(0, edge, 1, 1), 0.12, (10, 40))
    canvas.fill(rectangle(0, edge - 0.03, 1, edge), (236, 234, 228), ink=(150, 146, 140), width=0.004)


def blurred_room(rng: np.random.Generator, size: int) -> Image.Image:
    """A background out of focus: a gradient with rectangles, discs and stripes."""
    n = size // 2
    gray, dull = rng.uniform(30, 220, 2), rng.uniform(0.2, 0.9)
    top, bottom = (mix(rng.integers(20, 235, 3), (g, g, g), dull) for g in gray)
    image = Image.fromarray(np.linspace(top, bottom, n).astype(np.uint8)[:, None].repeat(2, axis=1)).resize((n, n))
    draw = ImageDraw.Draw(image, "RGBA")
    for _ in range(int(rng.integers(0, 16))):
        x, y = rng.uniform(-0.2, 1.1, 2) * n
        w, h = rng.uniform(0.05, 0.5, 2) * n
        color = (*vary(rng, mix(top, bottom, rng.uniform()), 45), int(rng.integers(60, 256)))
        (draw.ellipse if rng.uniform() < 0.4 else draw.rectangle)((x, y, x + w, y + h), fill=color)
    if rng.uniform() < 0.2:
        step = int(rng.integers(6, 20))
        for x in range(0, n, step):
            draw.line((x, 0, x + rng.normal(0, 3), n), fill=(*shade(top, 0.7), 90), width=max(1, step // 3))
    return image.filter(ImageFilter.GaussianBlur(float(rng.choice([0.4, 1.5, 4.0]))))


def lumps(rng: np.random.Generator, size: int) -> Image.Image:
    """Color noise at two scales, which looks like foliage, cloth or rock."""
    planes = []
    coarse, fine, strength = rng.uniform(2, 9), rng.uniform(15, 90), rng.uniform(0, 0.6)
    texture = noise(rng, size, size, (fine, fine * rng.uniform(0.3, 1)))
    for _ in range(3):
        planes.append(Image.blend(noise(rng, size, size, (coarse, coarse)), texture, strength))
    colors = Image.merge("RGB", planes)
    return Image.blend(colors, colors.convert("L").convert("RGB"), rng.uniform(0, 0.9))


def behind_portrait(rng: np.random.Generator, size: int) -> Image.Image:
    """A background for a face: mostly a blurred room, else noise or a scene (street, wall, table, room)."""
    kind = rng.uniform()
    if kind < 0.5:
        return blurred_room(rng, size)
    if kind < 0.7:
        return lumps(rng, size // 2)
    half = size // 2
    canvas = Canvas(backdrop(half, Image.new("RGB", (2, 2))), np.diag([half, half, 1.0]))
    pick(rng, street, wall, table, room)(canvas, rng)
    return canvas.image.filter(ImageFilter.GaussianBlur(float(rng.choice([0.3, 1.5, 4.0]))))
