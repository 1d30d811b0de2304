"""Paint hair, hats and beards."""

from __future__ import annotations

import numpy as np

from mdmd.synthetic.canvas import Array, Color, arc, disc, mix, moved, shade, smooth, vary
from mdmd.synthetic.style import Easel

#: Hair meets the outline a little below the crown, because the rows of the surface shrink to a point there.
CROWN_TOP = -110.0


def _skull_outline(easel: Easel, grow: float) -> Array:
    turned = abs(np.sin(easel.head.view.yaw))
    across = 76 + 18 * turned + grow
    return arc(easel.skull[0], easel.skull[1], across * easel.mm, (84 + grow) * easel.mm)


def back_hair(easel: Easel) -> None:
    """Paint what is behind the face: the skull and hanging hair."""
    look, rng = easel.look, easel.rng
    if look.hairstyle == "bald":
        easel.canvas.fill(_skull_outline(easel, -4), look.paint(shade(look.skin, 0.86)))
        return
    color = look.cloth if look.hairstyle in ("hat", "scarf") else look.hair
    easel.fill(_skull_outline(easel, {"curly": 16, "long": 8, "buzz": -3}.get(look.hairstyle, 3)), shade(color, 0.8))
    if look.hairstyle in ("long", "scarf"):
        reach = rng.uniform(120, 210) if look.hairstyle == "long" else 150
        side = np.array([(-62, -75), (-82, 0), (-92, 80), (-84, reach), (84, reach), (92, 80), (82, 0), (62, -75)])
        hang = easel.head.project(side[:, 0], side[:, 1], np.full(8, -70.0))
        easel.fill(smooth(hang, closed=True), shade(color, 0.72))


def _spread(easel: Easel, points: Array, distance: float) -> Array:
    """`points` pushed away from the middle of the skull by `distance` mm."""
    away = points - easel.skull
    return points + away / (np.hypot(*away.T)[:, None] + 1e-9) * distance * easel.mm


def beard(easel: Easel) -> None:
    """Paint stubble, a mustache, a goatee or a full beard."""
    look, head, rng = easel.look, easel.head, easel.rng
    if look.beard == "none" or look.manner == "line":
        return
    color = mix(shade(look.hair, 0.85), look.skin, 0.1)
    mouth = head.raw("lips")
    lip = mouth[3, 1]
    if look.beard in ("stubble", "full"):
        edge = head.outline(top=22.0, count=24)
        cheek = head.on_face(smooth([(56, 30), (42, 52), (20, lip - 3), (-20, lip - 3), (-42, 52), (-56, 30)]))
        region = np.concatenate([edge, cheek])
        alpha = 70 if look.beard == "stubble" else 225
        easel.canvas.soft(region, (*color, alpha), 4 * easel.mm)
    else:
        region = head.on_face(
            arc(0, head.identity.chin - 12, 18, 17) if look.beard == "goatee" else arc(0, lip - 2, 26, 5)
        )
        easel.canvas.soft(region, (*color, 220), 2 * easel.mm)
    if look.beard != "stubble" and look.manner != "cartoon":
        low, high = region.min(axis=0), region.max(axis=0)
        with easel.canvas.within(region):
            for _ in range(160):
                start = rng.uniform(low, high)
                tip = start + rng.normal(0, 2, 2) * easel.mm + (0, 5 * easel.mm)
                easel.canvas.line(np.stack([start, tip]), (*shade(color, rng.uniform(0.5, 1.3)), 150), 0.5 * easel.mm)


def hair(easel: Easel) -> None:
    """Paint the hair from the hairline up, locks over the face, and the brim of a hat."""
    look, head, rng = easel.look, easel.head, easel.rng
    style = look.hairstyle
    if style == "bald":
        return
    angle = np.radians(np.linspace(-88, 88, 45))
    share = np.abs(np.sin(angle))
    high = rng.uniform(-72, -58)
    lines = {
        "fringe": np.where(share < 0.85, rng.uniform(-40, -29) + rng.normal(0, 2.0, 45), -10 + 25 * share),
        "hat": np.full(45, rng.uniform(-52, -38)),
        "scarf": -62 + 50 * share**3,
        "parted": high + 14 * np.sin(angle * 1.0 + 0.4) + 45 * share**5,
        "long": high + 12 * share + 62 * share**6,
    }
    y = lines.get(style, high + 10 * share**2 + 50 * share**7)
    hairline = head.on_face(np.stack([np.sin(angle) * head.half_width(y) * 0.999, y], axis=1), 2.0)
    thick = {"buzz": 1.5, "curly": 20, "hat": 6, "scarf": 6, "long": 9}.get(style, rng.uniform(7, 18))
    sides = np.linspace(y[0], CROWN_TOP, 16)
    left, right = head.silhouette(sides, -1), head.silhouette(np.linspace(y[-1], CROWN_TOP, 16), 1)
    rim = _spread(easel, np.concatenate([right, left[::-1]]), thick)
    color = look.cloth if style in ("hat", "scarf") else look.hair
    cap = np.concatenate([hairline, rim])
    if look.manner == "photo" and style == "buzz":
        easel.canvas.soft(cap, (*color, 190), 3 * easel.mm)
    else:
        easel.fill(cap, color, 1.1)
    if style == "curly":
        for p in np.concatenate([rim[::3], hairline[::5]]):
            easel.fill(
                disc(p + rng.normal(0, 3, 2) * easel.mm, rng.uniform(7, 12) * easel.mm, steps=14),
                vary(rng, color, 6),
            )
    _hair_strokes(easel, hairline, rim, color, style)
    if style == "hat":
        brim = head.on_face(np.stack([np.sin(angle) * head.half_width(y), y], axis=1), 4 + 30 * np.cos(angle) ** 2)
        easel.fill(np.concatenate([hairline, moved(brim[::-1], 0, 3 * easel.mm)]), shade(color, 0.6))
    if style == "long":
        for side, edge in ((-1, left), (1, right)):
            lock = np.concatenate([edge[::-1][8:], head.silhouette([30.0, 60.0, 80.0], side)])
            widths = np.interp(np.linspace(0, 1, len(lock)), [0, 0.6, 1], [8, rng.uniform(14, 22), 2]) * easel.mm
            easel.canvas.ribbon(moved(lock, side * 4 * easel.mm, 0), widths, look.paint(shade(color, 0.9)))


def _hair_strokes(easel: Easel, hairline: Array, rim: Array, color: Color, style: str) -> None:
    if style in ("hat", "scarf", "curly") or easel.look.manner == "cartoon":
        return
    rng, fine = easel.rng, easel.look.manner == "line"
    back = rim[::-1]
    for t in np.sort(rng.uniform(0.02, 0.98, 26 if fine else 70)):
        root = hairline[int(t * (len(hairline) - 1))]
        tip = back[int(np.clip(t + rng.normal(0, 0.04), 0, 1) * (len(back) - 1))]
        tone = easel.look.ink if fine and easel.look.ink else shade(color, rng.uniform(0.6, 1.25))
        easel.canvas.line(
            np.stack([root, (root + tip) / 2 + rng.normal(0, 2, 2) * easel.mm, tip]), (*tone[:3], 150), 0.7 * easel.mm
        )
