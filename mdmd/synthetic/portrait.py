"""Paint a head in one of several styles: photograph-like, flat cartoon, line art, pencil."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from PIL import Image, ImageFilter

from mdmd.synthetic.background import behind_portrait
from mdmd.synthetic.camera import cast_shadow, photograph, poor_copy
from mdmd.synthetic.canvas import Array, Canvas, Color, backdrop, disc, moved, pick, shade, smooth, vary
from mdmd.synthetic.caricature import Bend
from mdmd.synthetic.features import brow, eye, mouth, nose, skin
from mdmd.synthetic.hair import back_hair, beard, hair
from mdmd.synthetic.head import Expression, Head, Identity, View
from mdmd.synthetic.style import SKINS, Easel, Look

#: The share of images that are warped into caricatures.
CARICATURES = 0.3


def paint_head(easel: Easel) -> None:
    """Paint all parts from back to front."""
    back_hair(easel)
    _body(easel)
    _ears(easel)
    skin(easel)
    beard(easel)
    for name in ("left", "right"):
        eye(easel, name)
        brow(easel, name)
    nose(easel)
    mouth(easel)
    hair(easel)
    if easel.look.glasses != "none":
        _glasses(easel)
    if easel.look.occluder:
        _occluder(easel)


def _body(easel: Easel) -> None:
    look, head = easel.look, easel.head
    chin = head.feature("lips")[9] * 0.25 + head.silhouette([head.identity.chin], 1)[0] * 0.75
    base = np.array([easel.skull[0] * 0.6 + chin[0] * 0.4, easel.skull[1] + 192 * easel.mm])
    jaw = [head.silhouette([58.0], side)[0] * 0.8 + chin * 0.2 for side in (-1, 1)]
    wide = 50 * easel.mm
    half = np.array([(0, -24), (50, -34), (80, -20), (150, 5), (190, 60), (190, 400)])
    shoulder = np.concatenate([half, half[:0:-1] * (-1, 1)])
    neck = np.array([jaw[0], moved(base, -wide, 10), moved(base, wide, 10), jaw[1]])
    if look.manner in ("photo", "pencil"):
        easel.canvas.gradient(neck, [shade(look.skin, 0.5), shade(look.skin, 0.78)])
        easel.canvas.gradient(base + smooth(shoulder * easel.mm, closed=True), [look.cloth, shade(look.cloth, 0.6)])
    else:
        easel.fill(neck, shade(look.skin, 0.85))
        easel.fill(base + smooth(shoulder * easel.mm, closed=True), look.cloth)


def _ears(easel: Easel) -> None:
    if easel.look.hairstyle in ("long", "scarf"):
        return
    t = np.radians(np.arange(0, 360, 15))
    for side in (-1, 1):
        for size, tone in ((1.0, 0.9), (0.55, 0.7)):
            x = side * (easel.head.half_width(15) - 1 + 10 * size * (0.5 - 0.5 * np.cos(t)))
            ear = easel.head.project(x, 15 + 28 * size * np.sin(t), -82 + 13 * size * np.cos(t))
            easel.fill(ear, shade(easel.look.skin, tone), 0.7)


def _glasses(easel: Easel) -> None:
    rng, head = easel.rng, easel.head
    frame = pick(rng, (20, 18, 20), (90, 60, 34), (150, 30, 40), (170, 170, 176))
    rx, ry, round_ = rng.uniform(19, 24), rng.uniform(13, 19), rng.uniform(2, 5)
    tint = (24, 22, 26, 225) if easel.look.glasses == "dark" else (230, 240, 250, 28)
    t = np.radians(np.arange(0, 360, 9))
    form = np.stack(
        [
            np.sign(np.cos(t)) * np.abs(np.cos(t)) ** (2 / round_),
            np.sign(np.sin(t)) * np.abs(np.sin(t)) ** (2 / round_),
        ],
        1,
    )
    width = rng.uniform(1.2, 3.2) * easel.mm
    for side in (-1, 1):
        lens = form * (rx, ry) + (side * (rx + 8), 3)
        front = head.project(lens[:, 0], lens[:, 1], np.full(len(t), 12.0) - 0.12 * np.abs(lens[:, 0]))
        easel.canvas.fill(front, tint)
        easel.canvas.line(np.concatenate([front, front[:1]]), frame, width)
        arm = np.array(
            [
                (side * (2 * rx + 7), -2, 6),
                (side * (head.half_width(0) + 3), -4, -20),
                (side * (head.half_width(0) + 4), 0, -80),
            ]
        )
        if side * head.view.yaw <= 0.1:
            easel.canvas.line(head.project(*arm.T), frame, width)
    easel.canvas.line(head.project([-9.0, 0, 9.0], [1.0, -1.5, 1.0], [13.0, 15, 13.0]), frame, width)


def _occluder(easel: Easel) -> None:
    """Paint an occluder in front of a part of the face: a stick, a cup, fingers, a mask or a sheet."""
    rng, head = easel.rng, easel.head
    spot = head.on_face([(rng.uniform(-50, 50), rng.uniform(30, 100))])[0]
    color = easel.look.paint(vary(rng, rng.integers(20, 230, 3), 10))
    kind = int(rng.integers(5))
    if kind == 0:
        way = rng.uniform(0, np.pi)
        step = np.array([np.cos(way), np.sin(way)]) * easel.canvas.size
        easel.canvas.line(np.stack([spot - step, spot + step]), color, rng.uniform(6, 16) * easel.mm)
    elif kind == 1:
        cup = np.array([(-26, 0), (26, 0), (20, 75), (-20, 75)]) * easel.mm + spot
        easel.fill(cup, color)
        easel.fill(disc(spot, 26 * easel.mm, 7 * easel.mm), shade(color, 0.7))
    elif kind == 2:
        edge = [(-66, 46), (-30, 30), (0, 22), (30, 30), (66, 46), (54, 96), (20, 122), (-20, 122), (-54, 96)]
        easel.fill(smooth(head.on_face(edge), closed=True), color, 0.7)
        for y in (60, 80):
            easel.canvas.line(head.on_face([(-48, y), (0, y - 8), (48, y)]), shade(color, 0.8), 0.8 * easel.mm)
    elif kind == 3:
        half = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * rng.uniform(15, 45, 2) * easel.mm
        turn = rng.uniform(0, np.pi)
        way = np.array([(np.cos(turn), np.sin(turn)), (-np.sin(turn), np.cos(turn))])
        easel.canvas.gradient(spot + half @ way, [shade(color, 1.2), shade(color, 0.7)], float(rng.uniform(0, 360)))
    else:
        fingers = pick(rng, easel.look.skin, *SKINS)
        for k in range(4):
            root = spot + np.array([(k - 1.5) * 15, 130]) * easel.mm
            tip = spot + np.array([(k - 1.5) * 13, -6 * (1 - abs(k - 1.5))]) * easel.mm
            easel.canvas.line(np.stack([root, tip]), shade(easel.look.paint(fingers), 0.6), 15 * easel.mm)
            easel.canvas.line(np.stack([root, tip]), easel.look.paint(fingers), 13 * easel.mm)


def _pencil(rng: np.random.Generator, image: Image.Image, paper: Iterable[int]) -> Image.Image:
    """Turn an image into a pencil drawing by color dodge: gray divided by its blurred copy."""
    gray = image.convert("L")
    base = np.asarray(gray, np.float32)
    soft = np.asarray(gray.filter(ImageFilter.GaussianBlur(rng.uniform(2, 6))), np.float32)
    lines = np.clip(base / (soft + 2), 0, 1) ** rng.uniform(2, 5)
    tone = (1 - rng.uniform(0.1, 0.5)) + (base / 255) * 0.4
    grain = 1 + rng.normal(0, 0.03, base.shape).astype(np.float32)
    sheet = np.clip(lines * np.minimum(tone, 1) * grain, 0, 1)[..., None]
    ink = np.array(pick(rng, (30, 30, 36), (70, 36, 24), (24, 32, 70)), np.float32)
    return Image.fromarray((ink + (np.array(list(paper), np.float32) - ink) * sheet).astype(np.uint8))


def paint_portrait(rng: np.random.Generator, size: int) -> tuple[Image.Image, Array]:
    """A drawn face of `size` x `size` pixels and its points (68, 2) in pixels, in 300W's order."""
    look = Look.sample(rng)
    stretch = float(rng.choice([1.0, 1.4, 1.8], p=[0.2, 0.5, 0.3] if look.manner == "cartoon" else [0.75, 0.2, 0.05]))
    head = Head(Identity.sample(rng, stretch), Expression.sample(rng), View.sample(rng, size))
    plain = look.manner == "line" or (look.manner == "cartoon" and rng.uniform() < 0.4)
    ground = Image.new("RGB", (2, 2), look.paper) if plain else behind_portrait(rng, size)
    canvas = Canvas(backdrop(size, ground))
    paint_head(Easel(head, look, canvas, rng))
    return finished(rng, canvas, head.landmarks(), look.manner, look.paper)


def finished(
    rng: np.random.Generator, canvas: Canvas, points: Array, manner: str, paper: Color
) -> tuple[Image.Image, Array]:
    """The finished picture of what is painted on `canvas`, and the places of its `points` (N, 2) there, in pixels.

    Shadow, caricature, pencil, camera and copying at random, as the `manner` allows.
    """
    if manner == "photo" and rng.uniform() < 0.2:
        cast_shadow(rng, canvas.image)
    if rng.uniform() < CARICATURES:
        bend = Bend.sample(rng)
        canvas.image, points = bend.picture(canvas.image), bend.points(points / canvas.size) * canvas.size
    image = canvas.finish()
    if manner == "pencil":
        image = _pencil(rng, image, paper)
    return poor_copy(rng, photograph(rng, image, faults=1.0 if manner == "photo" else 0.4)), points
