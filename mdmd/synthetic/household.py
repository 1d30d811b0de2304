"""Things indoors that look back: socket, handbag, cup, washing machine, pepper, breakfast, box, radio, wash basin.

The painters keep to the same rules as those of `synthetic_street`.
"""

from __future__ import annotations

import numpy as np

from mdmd.synthetic.canvas import Array, Canvas, arc, disc, ends, lens, mix, moved, pick, rectangle, shade, smooth, vary

LEATHERS = ((120, 62, 38), (30, 28, 32), (176, 40, 48), (206, 168, 120), (44, 72, 92), (196, 100, 130), (90, 100, 60))
METALS = ((226, 190, 96), (206, 208, 214), (170, 130, 90))
CERAMICS = ((246, 244, 240), (90, 140, 170), (206, 70, 60), (240, 206, 120), (60, 90, 80), (40, 40, 46))


def socket(canvas: Canvas, rng: np.random.Generator) -> Array:
    """Two slots, a screw and the earth hole."""
    plate = vary(rng, pick(rng, (242, 240, 232), (226, 220, 200), (206, 208, 212), (60, 60, 64)), 5)
    canvas.soft(rectangle(-0.93, -1.13, 1.02, 1.24, 0.15), (0, 0, 0, 120), 0.05)
    frame = rectangle(-0.97, -1.17, 0.97, 1.17, 0.16)
    canvas.gradient(frame, [shade(plate, 1.06), shade(plate, 0.86)], 60)
    canvas.line(np.concatenate([frame, frame[:1]]), shade(plate, 0.7), 0.02)
    face = arc(0, 0, 0.86, 0.92) if rng.uniform() < 0.5 else rectangle(-0.8, -0.95, 0.8, 0.95, 0.3)
    canvas.gradient(face, [shade(plate, 0.86), shade(plate, 1.08)], 60)
    canvas.line(np.concatenate([face, face[:1]]), shade(plate, 0.62), 0.022)
    dark, eyes = (24, 20, 20), []
    w, tall, tilt = rng.uniform(0.07, 0.16), rng.uniform(0.16, 0.27), rng.uniform(-8, 14)
    for side in (-1, 1):
        x, y = side * rng.uniform(0.37, 0.43), -0.3
        slot = rectangle(-w, -tall, w, tall, pick(rng, 0.02, 0.06))
        a = np.radians(side * tilt)
        turn = np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])
        canvas.fill(slot * 1.14 @ turn + (x, y), shade(plate, 0.72))
        canvas.fill(slot @ turn + (x, y), dark)
        eyes += list(np.array([(-w, 0), (w, 0)]) @ turn + (x, y))
    nose = (0.0, rng.uniform(-0.02, 0.12))
    canvas.gradient(arc(*nose, 0.085), [(226, 226, 230), (120, 120, 126)], 50)
    a = rng.uniform(0, np.pi)
    cut = np.array([np.cos(a), np.sin(a)]) * 0.07
    canvas.line(np.array([nose - cut, nose + cut]), (60, 60, 64), 0.03)
    wide, top, bottom = rng.uniform(0.16, 0.36), rng.uniform(0.38, 0.46), rng.uniform(0.66, 0.8)
    corner = top + (bottom - top) * rng.uniform(0.2, 0.5)
    hole = lens((-wide, corner), (0, top), (wide, corner), (0, bottom))
    canvas.fill((hole - (0, corner)) * 1.12 + (0, corner), shade(plate, 0.72))
    canvas.fill(hole, dark)
    return np.array([*eyes, nose, (-wide, corner), (wide, corner), (0, top), (0, bottom)])


def handbag(canvas: Canvas, rng: np.random.Generator) -> Array:
    """Studs, a clasp and the seam of a pocket."""
    leather, metal = vary(rng, pick(rng, *LEATHERS), 9), pick(rng, *METALS)
    canvas.soft(arc(0, 1.08, 1.15, 0.14), (0, 0, 0, 150), 0.07)
    handle = smooth([(-0.5, -0.75), (-0.5, -1.35), (0, -1.62), (0.5, -1.35), (0.5, -0.75)])
    canvas.line(handle, shade(leather, 0.6), 0.14)
    canvas.line(handle - (0.02, 0.02), shade(leather, 1.1), 0.05)
    body = smooth(
        [
            (-0.86, -0.78),
            (0.86, -0.78),
            (1.02, 0.2),
            (1.06, 0.95),
            (0.6, 1.1),
            (-0.6, 1.1),
            (-1.06, 0.95),
            (-1.02, 0.2),
        ],
        closed=True,
    )
    canvas.gradient(body, [shade(leather, 1.2), shade(leather, 1.0), shade(leather, 0.6)], 75)
    canvas.texture(rng, body, 0.09, (80, 80))
    seam = (body - (0, 0.15)) * 0.92 + (0, 0.15)
    for k in range(0, len(seam) - 1, 2):
        canvas.line(seam[k : k + 2], mix(leather, (250, 236, 200), 0.6), 0.018)
    rx, eyes = rng.uniform(0.14, 0.24), []
    lid = rng.uniform(0.0, 1.0) < 0.4
    for side in (-1, 1):
        x, y = side * rng.uniform(0.42, 0.48), -0.28 + rng.normal(0, 0.015)
        canvas.soft(arc(x + 0.03, y + 0.05, rx), (0, 0, 0, 150), 0.03)
        canvas.gradient(arc(x, y, rx), [shade(metal, 1.35), shade(metal, 0.6)], 50)
        canvas.line(arc(x, y, rx * 0.96), shade(metal, 0.5), 0.02)
        canvas.fill(arc(x, y, rx * 0.5), shade(leather, 0.4))
        canvas.fill(arc(x - rx * 0.2, y - rx * 0.2, rx * 0.13), (255, 255, 255))
        if lid:
            canvas.fill(arc(x, y, rx * 1.12, start=190, stop=350, tilt=side * 12), shade(leather, 0.8))
        canvas.line(np.array([(x, y - rx), (x + side * 0.04, -0.78)]), shade(leather, 0.7), 0.1)
        eyes += [(x - rx, y), (x + rx, y)]
    nose = (rng.normal(0, 0.015), rng.uniform(0.06, 0.16))
    canvas.soft(rectangle(-0.07, nose[1] - 0.1, 0.13, nose[1] + 0.17), (0, 0, 0, 130), 0.03)
    canvas.gradient(
        rectangle(nose[0] - 0.1, nose[1] - 0.13, nose[0] + 0.1, nose[1] + 0.13, 0.05),
        [shade(metal, 1.3), shade(metal, 0.7)],
        60,
    )
    canvas.fill(arc(*nose, 0.035), shade(metal, 0.35))
    wide, mood, gape = rng.uniform(0.42, 0.68), rng.uniform(-0.12, 0.2), rng.uniform(0.05, 0.2)
    corner, top = 0.58 - mood, 0.58 + mood * 0.6
    canvas.fill(lens((-wide, corner), (0, top), (wide, corner), (0, top + gape)), shade(leather, 0.25))
    teeth = lens((-wide, corner), (0, top), (wide, corner), (0, top + gape))[:17]
    for p in teeth[1:-1]:
        canvas.fill(disc(moved(p, 0, 0.012), 0.022, steps=8), metal)
    return np.array([*eyes, nose, (-wide, corner), (wide, corner), (0, top), (0, top + gape)])


def cup(canvas: Canvas, rng: np.random.Generator) -> Array:
    """A cup of coffee from above, with a face in the foam."""
    ware = vary(rng, pick(rng, *CERAMICS), 6)
    canvas.soft(arc(0.1, 0.14, 1.5), (0, 0, 0, 120), 0.1)
    canvas.gradient(arc(0, 0, 1.46), [shade(ware, 1.1), shade(ware, 0.8)], 50)
    canvas.line(arc(0, 0, 1.2), shade(ware, 0.8), 0.03)
    grip = np.radians(rng.uniform(-60, 60) + 180 * (rng.uniform() < 0.5))
    out = np.array([np.cos(grip), np.sin(grip)])
    canvas.soft(arc(0.08, 0.1, 1.1), (0, 0, 0, 140), 0.07)
    canvas.line(np.array([out * 0.95, out * 1.42]), shade(ware, 0.85), 0.26)
    canvas.line(np.array([out * 0.95, out * 1.42]), shade(ware, 1.08), 0.14)
    canvas.gradient(arc(0, 0, 1.08), [shade(ware, 1.15), shade(ware, 0.75)], 50)
    coffee = vary(rng, pick(rng, (96, 58, 32), (130, 84, 50), (70, 40, 24), (164, 116, 76)), 6)
    canvas.gradient(arc(0, 0, 0.98), [shade(coffee, 0.7), shade(coffee, 1.1)], 50)
    canvas.texture(rng, arc(0, 0, 0.98), 0.08, (12, 12))
    foam = mix((246, 228, 200), coffee, rng.uniform(0, 0.35))
    for _ in range(26):
        a, r = rng.uniform(0, 2 * np.pi), rng.uniform(0.86, 0.96)
        canvas.fill(arc(r * np.cos(a), r * np.sin(a), rng.uniform(0.01, 0.05), steps=12), (*foam, 190))
    rx, ry, eyes = rng.uniform(0.13, 0.2), rng.uniform(0.12, 0.24), []
    for side in (-1, 1):
        x, y, tilt = side * rng.uniform(0.34, 0.4), -0.3 + rng.normal(0, 0.02), side * rng.uniform(-20, 20)
        canvas.fill(arc(x, y, rx, ry, tilt=tilt), foam)
        canvas.soft(arc(x, y, rx * 0.6, ry * 0.6, tilt=tilt), shade(foam, 1.5), 0.04)
        if rng.uniform() < 0.75:
            canvas.fill(arc(x, y + 0.02, rx * 0.4), shade(coffee, 0.8))
        eyes += list(ends(x, y, rx, tilt))
    nose = (rng.normal(0, 0.02), rng.uniform(0.02, 0.1))
    canvas.fill(arc(*nose, rng.uniform(0.05, 0.08), rng.uniform(0.05, 0.1)), foam)
    wide, mood, gape = rng.uniform(0.36, 0.55), rng.uniform(-0.1, 0.2), rng.uniform(0.1, 0.22)
    corner, top = 0.42 - mood, 0.42 + mood * 0.5
    mouth = lens((-wide, corner), (0, top), (wide, corner), (0, top + gape))
    canvas.fill(mouth, foam)
    with canvas.within(mouth):
        canvas.texture(rng, mouth, 0.12, (24, 10))
    return np.array([*eyes, nose, (-wide, corner), (wide, corner), (0, top), (0, top + gape)])


def washing_machine(canvas: Canvas, rng: np.random.Generator) -> Array:
    """Two knobs, a lamp and the round door."""
    body = vary(rng, pick(rng, (244, 244, 244), (226, 232, 236), (150, 156, 162), (70, 74, 82), (216, 196, 170)), 4)
    canvas.soft(rectangle(-1.1, 1.2, 1.2, 1.36), (0, 0, 0, 170), 0.06)
    box = rectangle(-1.06, -1.12, 1.06, 1.28, 0.07)
    canvas.gradient(box, [shade(body, 1.08), shade(body, 0.82)], 70)
    canvas.line(np.concatenate([box, box[:1]]), shade(body, 0.6), 0.025)
    canvas.line(np.array([(-1.06, -0.22), (1.06, -0.22)]), shade(body, 0.65), 0.025)
    rx, eyes = rng.uniform(0.19, 0.27), []
    knob = pick(rng, (206, 210, 216), (50, 52, 58), (240, 240, 240), (80, 130, 170))
    for side in (-1, 1):
        x, y = side * rng.uniform(0.5, 0.6), -0.66
        canvas.soft(arc(x + 0.03, y + 0.05, rx), (0, 0, 0, 110), 0.04)
        canvas.gradient(arc(x, y, rx), [shade(knob, 1.25), shade(knob, 0.65)], 55)
        canvas.line(arc(x, y, rx - 0.015), shade(knob, 0.5), 0.03)
        canvas.gradient(arc(x, y, rx * 0.6), [shade(knob, 0.7), shade(knob, 1.2)], 55)
        a = np.radians(rng.uniform(0, 360))
        canvas.line(
            np.array([(x, y), (x + rx * 0.85 * np.cos(a), y + rx * 0.85 * np.sin(a))]),
            pick(rng, (200, 40, 40), (30, 30, 30)),
            0.05,
        )
        eyes += [(x - rx, y), (x + rx, y)]
    nose = (0.0, rng.uniform(-0.42, -0.32))
    canvas.fill(
        rectangle(-0.09, nose[1] - 0.06, 0.09, nose[1] + 0.06, 0.03),
        pick(rng, (220, 50, 40), (60, 180, 90), (40, 40, 46)),
        ink=shade(body, 0.5),
        width=0.015,
    )
    r, y = rng.uniform(0.46, 0.58), 0.52
    canvas.gradient(arc(0, y, r + 0.13), [(235, 236, 240), (110, 112, 118)], 55)
    canvas.line(arc(0, y, r + 0.12), shade(body, 0.5), 0.025)
    glass = arc(0, y, r)
    canvas.gradient(glass, [(20, 24, 32), (60, 74, 90)], 70)
    with canvas.within(glass):
        for _ in range(5):
            canvas.soft(
                arc(rng.uniform(-0.4, 0.4), y + r * rng.uniform(0.35, 0.9), 0.24, 0.16),
                vary(rng, rng.integers(30, 240, 3)),
                0.03,
            )
        for _ in range(14):
            canvas.line(
                arc(rng.uniform(-r, r), y + rng.uniform(-0.1, 0.4), rng.uniform(0.02, 0.06), steps=12),
                (230, 240, 250),
                0.012,
            )
        canvas.fill(
            lens((-r * 0.8, y - 0.1), (-r * 0.6, y - r * 0.8), (0.1, y - r * 0.85), (-r * 0.4, y - r * 0.5)),
            (255, 255, 255, 70),
        )
    return np.array([*eyes, nose, (-r, y), (r, y), (0, y - r), (0, y + r)])


def pepper(canvas: Canvas, rng: np.random.Generator) -> Array:
    """A slice of a bell pepper on a board: two chambers, the core and a third chamber."""
    skin = vary(rng, pick(rng, (206, 36, 30), (70, 140, 40), (240, 180, 30), (232, 110, 30)), 8)
    flesh = mix(skin, (250, 244, 190), 0.62)
    lobes = int(rng.integers(3, 6))
    a = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    r = 1.06 + 0.07 * np.cos(lobes * a + rng.uniform(0, 6)) + 0.03 * np.cos(2 * a + rng.uniform(0, 6))
    edge = smooth(np.stack([r * np.cos(a) * 1.02, r * np.sin(a)], axis=1), closed=True, steps=3)
    canvas.soft(moved(edge, 0.09, 0.12), (0, 0, 0, 140), 0.07)
    canvas.gradient(edge, [shade(skin, 1.15), shade(skin, 0.75)], 60)
    canvas.gradient(edge * 0.93, [shade(flesh, 1.1), shade(flesh, 0.92)], 60)
    canvas.texture(rng, edge * 0.93, 0.05, (40, 40))
    deep = mix(shade(skin, 0.35), (60, 40, 10), 0.4)
    rx, ratio, eyes = rng.uniform(0.24, 0.33), rng.uniform(0.6, 0.95), []
    tilt = rng.uniform(-24, 18)
    for side in (-1, 1):
        x, y, size = side * rng.uniform(0.45, 0.5), -0.3 + rng.normal(0, 0.03), rx * rng.uniform(0.9, 1.1)
        canvas.fill(arc(x, y, size + 0.035, size * ratio + 0.035, tilt=side * tilt), mix(skin, flesh, 0.45))
        canvas.gradient(arc(x, y, size, size * ratio, tilt=side * tilt), [shade(deep, 0.6), shade(deep, 1.3)])
        for _ in range(int(rng.integers(0, 4))):
            seed = (x - side * size * rng.uniform(0.3, 0.6), y + rng.uniform(-0.08, 0.08))
            canvas.fill(arc(*seed, 0.05, 0.035, steps=14), (246, 226, 160), ink=(180, 140, 70), width=0.01)
        eyes += list(ends(x, y, size, side * tilt))
    nose = (rng.normal(0, 0.03), rng.uniform(0.06, 0.14))
    for _ in range(9):
        canvas.fill(
            arc(nose[0] + rng.normal(0, 0.045), nose[1] + rng.normal(0, 0.05), 0.055, 0.042, steps=14),
            (248, 230, 170),
            ink=(190, 150, 80),
            width=0.012,
        )
    canvas.fill(arc(*nose, 0.055, 0.045, steps=14), (250, 238, 190), ink=(190, 150, 80), width=0.012)
    wide, mood, gape = rng.uniform(0.38, 0.56), rng.uniform(-0.06, 0.16), rng.uniform(0.14, 0.34)
    corner, top = 0.52 - mood, 0.46 + mood * 0.5
    mouth = lens((-wide, corner), (0, top), (wide, corner), (0, top + gape))
    canvas.line(np.concatenate([mouth, mouth[:1]]), mix(skin, flesh, 0.45), 0.07)
    canvas.gradient(mouth, [shade(deep, 0.55), shade(deep, 1.2)])
    return np.array([*eyes, nose, (-wide, corner), (wide, corner), (0, top), (0, top + gape)])


def breakfast(canvas: Canvas, rng: np.random.Generator) -> Array:
    """Two yolks, a cherry tomato and a sausage on a plate."""
    ware = vary(rng, pick(rng, *CERAMICS[:5]), 6)
    canvas.soft(arc(0.1, 0.16, 1.5), (0, 0, 0, 120), 0.1)
    canvas.gradient(arc(0, 0.05, 1.48), [shade(ware, 1.1), shade(ware, 0.82)], 50)
    canvas.gradient(arc(0, 0.05, 1.16), [shade(ware, 0.88), shade(ware, 1.12)], 50)
    rx, eyes = rng.uniform(0.17, 0.24), []
    for side in (-1, 1):
        x, y, size = side * rng.uniform(0.45, 0.52), -0.32 + rng.normal(0, 0.03), rx * rng.uniform(0.9, 1.1)
        a = np.linspace(0, 2 * np.pi, 11, endpoint=False)
        r = rng.uniform(0.36, 0.48, 11)
        white = smooth(np.stack([x + r * np.cos(a), y + r * np.sin(a)], axis=1), closed=True, steps=6)
        canvas.soft(moved(white, 0.02, 0.03), (60, 40, 10, 120), 0.03)
        canvas.fill(white, (252, 250, 244))
        canvas.line(np.concatenate([white, white[:1]]), (230, 210, 170), 0.025)
        canvas.gradient(arc(x, y, size), [(255, 214, 70), (240, 150, 20)], 60)
        canvas.soft(arc(x - size * 0.3, y - size * 0.35, size * 0.25), (255, 255, 240, 200), 0.02)
        eyes += [(x - size, y), (x + size, y)]
    nose = (rng.normal(0, 0.03), rng.uniform(0.08, 0.18))
    red = pick(rng, (214, 40, 30), (230, 90, 40), (90, 150, 50))
    canvas.soft(arc(nose[0] + 0.03, nose[1] + 0.05, 0.16), (0, 0, 0, 130), 0.03)
    canvas.gradient(arc(*nose, 0.15), [shade(red, 1.3), shade(red, 0.7)], 60)
    canvas.fill(arc(nose[0] - 0.05, nose[1] - 0.06, 0.03), (255, 240, 235))
    wide, mood, thick = rng.uniform(0.5, 0.72), rng.uniform(-0.12, 0.2), rng.uniform(0.15, 0.24)
    corner, top = 0.6 - mood, 0.56 + mood * 0.6
    banger = pick(rng, (150, 78, 44), (176, 96, 60), (120, 50, 36))
    mouth = lens((-wide, corner), (0, top), (wide, corner), (0, top + thick))
    canvas.soft(moved(mouth, 0.03, 0.05), (0, 0, 0, 130), 0.03)
    canvas.gradient(mouth, [shade(banger, 1.35), banger, shade(banger, 0.65)])
    with canvas.within(mouth):
        for x in np.arange(-0.5, 0.51, 0.2):
            canvas.line(np.array([(x, top - 0.1), (x + 0.1, top + thick + 0.1)]), shade(banger, 0.5), 0.03)
    for _ in range(30):
        x, y = rng.normal(0, 0.5, 2)
        canvas.fill(arc(x, y, 0.014, steps=8), pick(rng, (40, 30, 26, 170), (60, 120, 40, 190)))
    return np.array([*eyes, nose, (-wide, corner), (wide, corner), (0, top), (0, top + thick)])


def box(canvas: Canvas, rng: np.random.Generator) -> Array:
    """A cardboard box: two holes, a stamp on the tape and a torn slot."""
    card = vary(rng, pick(rng, (190, 146, 98), (206, 170, 124), (164, 122, 80), (222, 214, 200)), 7)
    canvas.soft(rectangle(-1.05, 1.08, 1.35, 1.26), (0, 0, 0, 170), 0.07)
    canvas.fill(np.array([(1.05, -1.0), (1.4, -1.2), (1.4, 0.95), (1.05, 1.15)]), shade(card, 0.55))
    for side in (-1, 1):
        flap = np.array(
            [
                (side * 1.05, -1.0),
                (side * 0.05, -1.0),
                (side * 0.2, -1.35),
                (side * rng.uniform(1.1, 1.35), rng.uniform(-1.5, -1.25)),
            ]
        )
        canvas.fill(flap, shade(card, 1.12), ink=shade(card, 0.7), width=0.015)
    front = rectangle(-1.05, -1.0, 1.05, 1.15)
    canvas.gradient(front, [shade(card, 1.08), shade(card, 0.85)], 70)
    canvas.texture(rng, front, 0.10, (10, 90))
    tape = mix(card, (230, 206, 150), 0.7)
    canvas.fill(rectangle(-0.14, -1.0, 0.14, 0.3), (*tape, 190))
    rx, ry, eyes, tilt = rng.uniform(0.18, 0.27), rng.uniform(0.12, 0.2), [], rng.uniform(-12, 16)
    for side in (-1, 1):
        x, y = side * rng.uniform(0.46, 0.54), -0.32 + rng.normal(0, 0.02)
        hole = arc(x, y, rx, ry, tilt=side * tilt)
        canvas.fill(moved(hole, 0, 0.025), shade(card, 1.3))
        canvas.gradient(hole, [(24, 16, 10), shade(card, 0.4)])
        eyes += list(ends(x, y, rx, side * tilt))
    nose = (rng.normal(0, 0.015), rng.uniform(0.06, 0.16))
    mark = pick(rng, (190, 40, 36), (36, 60, 120), (40, 40, 40))
    canvas.fill(np.array([nose + np.array(p) for p in ((0, -0.17), (0.12, 0.1), (-0.12, 0.1))]), mark)
    canvas.fill(arc(nose[0], nose[1], 0.025), card)
    wide, mood, gape = rng.uniform(0.4, 0.64), rng.uniform(-0.1, 0.16), rng.uniform(0.1, 0.26)
    corner, top = 0.6 - mood, 0.58 + mood * 0.5
    mouth = lens((-wide, corner), (0, top), (wide, corner), (0, top + gape))
    canvas.fill(moved(mouth, 0, 0.03), shade(card, 1.3))
    canvas.fill(mouth, (22, 14, 10))
    if rng.uniform() < 0.5:
        for t in (5, 8, 11):
            x, y = mouth[t]
            canvas.fill(
                np.array([(x - 0.06, y - 0.004), (x + 0.06, y - 0.004), (x, y + gape * 0.5)]), shade(card, 1.05)
            )
    return np.array([*eyes, nose, (-wide, corner), (wide, corner), (0, top), (0, top + gape)])


def radio(canvas: Canvas, rng: np.random.Generator) -> Array:
    """Two loudspeakers, a knob and the tuning scale."""
    case = vary(rng, pick(rng, (130, 76, 44), (206, 60, 50), (60, 110, 120), (236, 214, 170), (40, 40, 44)), 8)
    canvas.soft(rectangle(-1.3, 0.98, 1.36, 1.14), (0, 0, 0, 170), 0.06)
    side = pick(rng, -1, 1)
    canvas.line(np.array([(side * 0.9, -0.9), (side * 1.5, -1.9)]), (190, 192, 196), 0.035)
    body = rectangle(-1.3, -0.92, 1.3, 1.04, 0.18)
    canvas.gradient(body, [shade(case, 1.12), shade(case, 0.7)])
    canvas.texture(rng, body, 0.12, (6, 60))
    canvas.line(np.concatenate([body, body[:1]]), shade(case, 0.5), 0.03)
    panel = rectangle(-1.16, -0.78, 1.16, 0.9, 0.1)
    canvas.line(np.concatenate([panel, panel[:1]]), shade(case, 1.4), 0.02)
    rx, eyes = rng.uniform(0.3, 0.4), []
    cone = pick(rng, (40, 38, 40), (220, 210, 190), (96, 70, 50))
    for side in (-1, 1):
        x, y = side * rng.uniform(0.6, 0.68), -0.26
        canvas.fill(arc(x, y, rx), shade(cone, 0.7), ink=(190, 186, 180), width=0.035)
        for k in range(5):
            canvas.line(arc(x, y, rx * (0.85 - 0.14 * k)), shade(cone, 1.35 if k % 2 else 0.8), 0.022)
        canvas.gradient(arc(x, y, rx * 0.3), [shade(cone, 1.6), shade(cone, 0.6)], 50)
        eyes += [(x - rx, y), (x + rx, y)]
    nose = (0.0, rng.uniform(0.06, 0.2))
    metal = pick(rng, *METALS)
    canvas.soft(arc(0.03, nose[1] + 0.04, 0.14), (0, 0, 0, 120), 0.03)
    canvas.gradient(arc(*nose, 0.13), [shade(metal, 1.3), shade(metal, 0.6)], 50)
    canvas.line(np.array([nose, (nose[0] + 0.06, nose[1] - 0.09)]), (40, 36, 30), 0.03)
    wide, top, bottom = rng.uniform(0.5, 0.85), rng.uniform(0.44, 0.5), rng.uniform(0.66, 0.78)
    canvas.gradient(rectangle(-wide, top, wide, bottom, 0.03), [(250, 240, 200), (230, 206, 150)])
    for x in np.linspace(-wide + 0.08, wide - 0.08, 17):
        canvas.line(np.array([(x, top + 0.05), (x, bottom - 0.08)]), (90, 60, 40), 0.012)
    x = rng.uniform(-wide * 0.7, wide * 0.7)
    canvas.line(np.array([(x, top + 0.02), (x, bottom - 0.02)]), (214, 40, 30), 0.03)
    canvas.line(np.concatenate([rectangle(-wide, top, wide, bottom, 0.03)] * 2)[:30], (60, 50, 44), 0.02)
    middle = (top + bottom) / 2
    return np.array([*eyes, nose, (-wide, middle), (wide, middle), (0, top), (0, bottom)])


def wash_basin(canvas: Canvas, rng: np.random.Generator) -> Array:
    """Two taps, the spout and the bowl."""
    ware, metal = vary(rng, pick(rng, *CERAMICS[:4]), 5), pick(rng, *METALS)
    rim = smooth(
        [(-1.2, -0.1), (-1.1, -0.72), (0, -0.84), (1.1, -0.72), (1.2, -0.1), (0.95, 0.85), (0, 1.14), (-0.95, 0.85)],
        closed=True,
    )
    canvas.soft(moved(rim, 0.08, 0.14), (0, 0, 0, 130), 0.1)
    canvas.gradient(rim, [shade(ware, 1.1), shade(ware, 0.78)])
    canvas.line(np.concatenate([rim, rim[:1]]), shade(ware, 0.7), 0.03)
    rx, eyes, arms = rng.uniform(0.2, 0.28), [], pick(rng, 0, 4)
    for side, dot in ((-1, (206, 50, 44)), (1, (50, 90, 200))):
        x, y = side * rng.uniform(0.54, 0.62), -0.42
        canvas.soft(arc(x + 0.04, y + 0.07, rx), (0, 0, 0, 120), 0.05)
        if arms:
            spin = rng.uniform(-0.2, 0.2)
            canvas.fill(arc(x, y, rx * 0.7), shade(metal, 0.75))
            for k in range(2):
                a = spin * k + k * np.pi / 2
                reach_x, reach_y = (rx - 0.06) * np.cos(a), (rx - 0.06) * np.sin(a)
                canvas.line(np.array([(x - reach_x, y - reach_y), (x + reach_x, y + reach_y)]), shade(metal, 1.1), 0.12)
        else:
            canvas.gradient(arc(x, y, rx), [shade(metal, 1.3), shade(metal, 0.6)], 55)
            canvas.line(arc(x, y, rx - 0.01), shade(metal, 0.45), 0.02)
        canvas.fill(arc(x, y, 0.09), (246, 246, 246), ink=shade(metal, 0.4), width=0.02)
        canvas.fill(arc(x, y, 0.05), dot)
        eyes += [(x - rx, y), (x + rx, y)]
    wide, mood = rng.uniform(0.56, 0.78), rng.uniform(-0.04, 0.1)
    corner, top, bottom = 0.46 - mood, rng.uniform(0.16, 0.24), rng.uniform(0.78, 0.9)
    bowl = lens((-wide, corner), (0, top), (wide, corner), (0, bottom))
    canvas.gradient(bowl, [shade(ware, 0.42), shade(ware, 0.85)])
    canvas.line(np.concatenate([bowl, bowl[:1]]), shade(ware, 1.2), 0.03)
    canvas.fill(arc(0, (top + bottom) / 2 + 0.14, 0.09, 0.05), (40, 40, 44), ink=metal, width=0.025)
    tip = rng.uniform(0.02, 0.1)
    spout = np.array([(-0.1, -0.6), (0.1, -0.6), (0.12, tip), (-0.12, tip)])
    canvas.soft(moved(spout, 0.06, 0.08), (0, 0, 0, 120), 0.04)
    canvas.gradient(spout, [shade(metal, 0.6), shade(metal, 1.35), shade(metal, 0.65)], 0)
    canvas.fill(arc(0, tip, 0.12, 0.07), shade(metal, 0.5))
    return np.array([*eyes, (0, tip), (-wide, corner), (wide, corner), (0, top), (0, bottom)])
