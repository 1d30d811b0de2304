"""Paint skin, eyes, brows, nose and mouth of a head."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter

from mdmd.synthetic.canvas import COARSE, SUPERSAMPLING, Array, arc, disc, mix, moved, shade, smooth
from mdmd.synthetic.style import Easel


def skin(easel: Easel) -> None:
    """Paint the front of the head, shaded or flat."""
    look, outline = easel.look, easel.head.outline()
    if look.manner in ("photo", "pencil"):
        _shaded_skin(easel, outline)
        return
    easel.fill(outline, look.skin, 1.3)
    if look.manner == "cartoon":
        side = 1 if easel.rng.uniform() < 0.5 else -1
        with easel.canvas.within(outline):
            moved = outline + np.array([side * 26, -6]) * easel.mm
            far = disc(easel.head.on_face([(0.0, 30.0)])[0], 400 * easel.mm)
            easel.canvas.fill(np.concatenate([far, moved, moved[:1], far[-1:]]), (*shade(look.skin, 0.8), 140))
        if easel.rng.uniform() < 0.5:
            for x in (-40, 40):
                cheek = easel.head.on_face(arc(x, 34, 10, 7))
                easel.canvas.soft(cheek, (*mix(look.skin, (230, 80, 80), 0.6), 120), 4 * easel.mm)


def _shaded_skin(easel: Easel, outline: Array) -> None:
    """Shade the surface with one light, from its normals, so that nose, sockets and cheeks show."""
    rng, look = easel.rng, easel.look
    pixels, turned = easel.head.mesh(round(260 * easel.mm * SUPERSAMPLING / COARSE))
    du, dv = np.gradient(turned, axis=1), np.gradient(turned, axis=0)
    normal = np.cross(du, dv)
    normal *= np.sign(normal[..., 2].mean()) / (np.linalg.norm(normal, axis=2, keepdims=True) + 1e-9)
    lamp = np.array([rng.normal(0, 0.7), rng.normal(-0.4, 0.5), 1.0])
    lamp /= np.linalg.norm(lamp)
    toward = np.clip(normal @ lamp, 0, 1)
    ambient = rng.uniform(0.15, 0.7)
    half = lamp + np.array([0, 0, 1])
    gloss = np.clip(normal @ (half / np.linalg.norm(half)), 0, 1) ** 22 * rng.uniform(0, 0.16)
    tone = ambient + (1 - ambient) * toward + gloss
    tone *= 0.72 + 0.28 * np.clip(normal[..., 2], 0, 1)
    tone *= rng.uniform(0.85, 1.02) / np.percentile(tone, 80)

    n = easel.canvas.image.width // COARSE
    spots = np.round(pixels * (SUPERSAMPLING / COARSE) - 0.5).astype(int).reshape(-1, 2)
    near = np.argsort(turned[..., 2], axis=None)
    spots, values = spots[near], np.clip(tone.reshape(-1)[near] * 215, 0, 255)
    seen = ((spots >= 0) & (spots < n)).all(axis=1)
    plate = np.full((n, n), int(values.mean() * 0.75), np.uint8)
    plate[spots[seen, 1], spots[seen, 0]] = values[seen]
    made = easel.canvas.mask(outline, 0.6)
    if made is None:
        return
    cover, (x, y) = made
    lit = Image.fromarray(plate).filter(ImageFilter.MedianFilter(3)).filter(ImageFilter.GaussianBlur(0.8))
    region = (x / COARSE, y / COARSE, (x + cover.width) / COARSE, (y + cover.height) / COARSE)
    lit = lit.resize(cover.size, Image.Resampling.BICUBIC, box=region)
    dark, bright = shade(mix(look.skin, (120, 30, 10), 0.25), 0.16), mix(look.skin, (255, 250, 240), 0.22)
    levels = np.arange(256)
    tables = [
        np.interp(levels, [0, 195, 255], [dark[k], look.skin[k], bright[k]]).astype(int).tolist() for k in range(3)
    ]
    easel.canvas.image.paste(Image.merge("RGB", [lit.point(table) for table in tables]), (x, y), cover)
    _folds(easel)
    flush = (*mix(look.skin, (200, 60, 50), 0.5), int(rng.integers(15, 70)))
    for spot in (arc(-42, 36, 12, 9), arc(42, 36, 12, 9), arc(0, 36, 8, 6)):
        easel.canvas.soft(easel.head.on_face(spot), flush, 7 * easel.mm)


def _folds(easel: Easel) -> None:
    """Paint wrinkles as soft shadows: beside the mouth, under the eyes and on the forehead."""
    rng, smile = easel.rng, max(0.0, easel.head.expression.smile)
    dark = shade(easel.look.skin, 0.45)
    lines = []
    if rng.uniform() < 0.35 + 0.4 * smile:
        lines += [[(side * 20, 40), (side * 31, 54), (side * (34 + 5 * smile), 72)] for side in (-1, 1)]
    if rng.uniform() < 0.3:
        lines += [[(side * 20, 11), (side * 31, 15), (side * 42, 10)] for side in (-1, 1)]
    if rng.uniform() < 0.2:
        lines += [[(-30, y), (0, y + rng.normal(0, 2)), (30, y)] for y in (-42, -50, -58)]
    deep = int(rng.integers(25, 120))
    for line in lines:
        path = smooth(line)
        breadth = 1.6 * np.sin(np.linspace(0.2, np.pi - 0.2, len(path)))[:, None] * (1, 0.5)
        fold = easel.head.on_face(np.concatenate([path - breadth, (path + breadth)[::-1]]))
        easel.canvas.soft(fold, (*dark, deep), 1.2 * easel.mm)


def eye(easel: Easel, name: str) -> None:
    """Paint the eye `name`, "left" or "right": white, iris and pupil if it is open, lids and lashes."""
    look, head, canvas, rng = easel.look, easel.head, easel.canvas, easel.rng
    photo = look.manner in ("photo", "pencil")
    opening = head.feature(f"eye_{name}", dense=True)
    raw = head.raw(f"eye_{name}")
    lash = look.ink or mix(shade(look.skin, 0.25), (10, 5, 5), 0.5)
    if (head.expression.lid_left if name == "left" else head.expression.lid_right) > 0:
        if photo:
            canvas.soft(opening, (*shade(look.skin, 0.55), 120), 1.6 * easel.mm)
        middle = (raw[0] + raw[3]) / 2 + np.array([head.expression.gaze, 0.0]) + (0, 0.3 - 0.06 * abs(raw[1, 1]))
        white = look.paint(mix((244, 240, 238), look.skin, 0.12))
        size = 6.4 * head.identity.eye * (1.15 if look.manner == "cartoon" else 1.0)
        with canvas.within(opening):
            canvas.fill(opening, white)
            canvas.fill(head.on_face(disc(middle, size)), shade(look.iris, 0.55))
            canvas.fill(head.on_face(disc(middle, size * 0.84)), look.iris)
            canvas.fill(head.on_face(disc(middle, size * 0.45)), (12, 10, 12))
            canvas.fill(head.on_face(arc(middle[0] - 2, middle[1] - 2, 1.4)), (250, 250, 250))
            if photo:
                canvas.line(opening[:25], (*shade(look.skin, 0.3), 110), 3 * easel.mm)
    upper, lower = opening[:25], opening[24:]
    lashes = rng.uniform(1.0, 1.7) * (1.3 if look.ink else 1.0)
    taper = lashes * (0.55 + 0.45 * np.sin(np.linspace(0.5, np.pi * 0.9, 25))) * easel.mm
    canvas.ribbon(upper, taper, lash)
    canvas.line(lower, (*(shade(look.skin, 0.5) if photo else lash)[:3], 150), 0.7 * easel.mm)
    crease = head.on_face(smooth(raw[:4] + np.array([(0.5, -2.0), (0, -3.2), (0, -3.2), (0, -2.0)])))
    canvas.line(crease, (*shade(look.skin, 0.5)[:3], 110), 0.8 * easel.mm)


def brow(easel: Easel, name: str) -> None:
    """Paint the brow `name`, "left" or "right"; its landmarks run along its upper half."""
    look, rng = easel.look, easel.rng
    line = easel.head.feature(f"brow_{name}", dense=True)
    full = easel.head.identity.brow_arch * 2 + 3.2
    widths = np.interp(np.linspace(0, 1, len(line)), [0, 0.35, 0.8, 1], [0.25, 0.75, 1.0, 0.8]) * full * easel.mm
    down = np.array([-np.sin(easel.head.view.roll), np.cos(easel.head.view.roll)])
    center = line + down * (widths / 4)[:, None]
    color = shade(
        look.hair if look.hairstyle not in ("hat", "scarf", "bald") else mix(look.hair, (30, 22, 20), 0.3), 0.8
    )
    if look.manner == "line":
        easel.edge(line, 2.0)
    elif look.manner == "cartoon":
        easel.canvas.ribbon(center, widths, color)
    else:
        easel.canvas.ribbon(center, widths * 0.85, (*color, 150))
        for k in range(1, len(line) - 1):
            lean = (line[k - 1] - line[k]) * 1.6 - down * widths[k] * 0.5
            start = center[k] + down * widths[k] * rng.uniform(-0.1, 0.5)
            easel.canvas.line(np.stack([start, start + lean]), (*color, 190), 0.5 * easel.mm)


def nose(easel: Easel) -> None:
    """Paint nostrils, wings and base; with ink also the ridge."""
    look, head, canvas = easel.look, easel.head, easel.canvas
    who = head.identity
    wide, long = who.nose_width, who.nose_length
    photo = look.manner in ("photo", "pencil")
    dark = shade(look.skin, 0.35) if look.ink is None else look.ink
    base = head.feature("nostrils", dense=True)
    if photo:
        canvas.soft(np.concatenate([base, head.on_face([(11 * wide, 51 * long), (-11 * wide, 51 * long)])]),
                    (*shade(look.skin, 0.3), 100), 2 * easel.mm)  # fmt: skip
    for side in (-1, 1):
        hole = head.on_face(arc(side * 7.6 * wide, 45.0 * long, 3.4 * wide, 1.5))
        if look.manner != "line":
            canvas.soft(hole, (*shade(look.skin, 0.16), 200), 0.5 * easel.mm)
        wing = arc(
            side * 10.5 * wide, 41.5 * long, 5 * wide, 5.2, -70 if side > 0 else 110, 80 if side > 0 else 250, 10
        )
        canvas.line(head.on_face(wing), (*dark[:3], 255 if look.ink else 110), (1.0 if look.ink else 0.8) * easel.mm)
    canvas.line(base, (*dark[:3], 255 if look.ink else 90), 0.9 * easel.mm)
    if look.ink is not None:
        side = 1 if head.view.yaw <= 0 else -1
        ridge = head.on_face(smooth([(side * 7, -4), (side * 5.5, 12 * long), (side * 8 * wide, 33 * long)]))
        canvas.line(ridge, (*dark[:3], 190), 0.8 * easel.mm)


def mouth(easel: Easel) -> None:
    """Paint the lips and the inside of the mouth."""
    look, head, canvas = easel.look, easel.head, easel.canvas
    outer, inner = head.feature("lips", dense=True), head.feature("lips_inner", dense=True)
    photo = look.manner in ("photo", "pencil")
    top = np.concatenate([outer[:49], inner[32::-1]])
    if photo:
        below = head.on_face(arc(0, head.raw("lips")[9, 1] - head.expression.jaw + 4, 12, 3))
        canvas.soft(below, (*shade(look.skin, 0.45), 90), 3 * easel.mm)
        canvas.soft(outer, (*look.lips, 150), 1.2 * easel.mm)
    canvas.fill(outer, look.paint(look.lips))
    canvas.fill(top, look.paint(shade(look.lips, 0.84)))
    if photo:
        gloss = (outer[61:79:2] * 0.5 + inner[48:39:-1] * 0.5)[1:-1]
        canvas.soft(np.concatenate([gloss, moved(gloss[::-1], 0, 1.6 * easel.mm)]), (255, 235, 230, 60), 1.5 * easel.mm)
    gap = head.raw("lips_inner")[6, 1] - head.raw("lips_inner")[2, 1]
    if gap > 1.4:
        with canvas.within(inner):
            canvas.fill(inner, (52, 14, 18))
            down = inner[40:57].mean(axis=0) - inner[8:25].mean(axis=0)
            canvas.fill(disc(inner[48] + down * 0.1, 14 * easel.mm, 7 * easel.mm), (176, 74, 80))
            length = min(1.0, 8.0 / max(gap, 1.0))
            canvas.fill(np.concatenate([inner[:33] - down * 0.3, (inner[:33] + down * length)[::-1]]), (238, 232, 222))
        easel.edge(np.concatenate([inner, inner[:1]]), 0.7)
    else:
        canvas.line(inner[:33], look.ink or shade(look.lips, 0.35), 1.0 * easel.mm)
    easel.edge(np.concatenate([outer, outer[:1]]), 0.8)
    if look.ink is not None and head.expression.smile > 0.5:
        for side in (-1, 1):
            fold = head.on_face(smooth([(side * 20, 46), (side * 29, 53), (side * 33, 61)]))
            canvas.line(fold, (*shade(look.skin, 0.5), 120), 1.0 * easel.mm)
