"""Things out of doors that look back: house, car, tram, tree, letter box.

Each painter draws on a canvas whose units put the face between about -1 and 1 and returns the nine points in those
units: eye corners from left to right, nose, mouth corners, top and bottom of the mouth.
"""

from __future__ import annotations

import numpy as np

from mdmd.synthetic.canvas import Array, Canvas, Color, arc, ends, lens, moved, pick, rectangle, shade, smooth, vary

PLASTERS = (
    (236, 214, 170),
    (222, 150, 120),
    (176, 200, 214),
    (240, 236, 226),
    (196, 208, 160),
    (214, 120, 96),
    (232, 190, 96),
)
ROOFS = ((150, 66, 50), (96, 70, 62), (84, 92, 104), (120, 44, 40), (70, 96, 84))
LACQUERS = (
    (206, 44, 40),
    (36, 92, 168),
    (240, 190, 40),
    (46, 130, 84),
    (238, 236, 230),
    (60, 66, 76),
    (236, 128, 50),
    (120, 190, 200),
)
GLASS = ((70, 96, 120), (40, 52, 66), (130, 170, 196), (250, 214, 130))
BARKS = ((112, 84, 62), (134, 112, 92), (90, 74, 64), (158, 140, 118), (100, 62, 46))


def house(canvas: Canvas, rng: np.random.Generator) -> Array:
    """Windows for eyes, a lamp for a nose, a door or garage for a mouth; shutters or curtains give it a mood."""
    wall, roof, frame = (
        vary(rng, pick(rng, *PLASTERS)),
        vary(rng, pick(rng, *ROOFS)),
        vary(rng, pick(rng, (246, 244, 238), (96, 62, 40)), 6),
    )
    half, top = rng.uniform(0.85, 1.05), rng.uniform(-0.8, -0.7)
    canvas.soft(rectangle(-half - 0.1, 1.0, half + 0.5, 1.16), (10, 14, 10, 130), 0.08)
    if rng.uniform() < 0.6:
        x = rng.uniform(0.35, 0.6) * pick(rng, -1, 1)
        canvas.gradient(rectangle(x - 0.1, -1.45, x + 0.1, -0.9), [shade(roof, 1.1), shade(roof, 0.7)], 0)
    front = np.array([(-half, 1.08), (-half, top), (0, top - 0.62), (half, top), (half, 1.08)])
    canvas.gradient(front, [shade(wall, 1.06), shade(wall, 0.86)])
    canvas.texture(rng, front, 0.10, (70, 90))
    if rng.uniform() < 0.4:
        with canvas.within(front):
            for row, y in enumerate(np.arange(-1.4, 1.1, 0.085)):
                canvas.line(np.array([(-half, y), (half, y)]), (*shade(wall, 0.72), 120), 0.012)
                for x in np.arange(-half + (row % 2) * 0.1, half, 0.2):
                    canvas.line(np.array([(x, y), (x, y + 0.085)]), (*shade(wall, 0.72), 120), 0.012)
    eaves = np.array([(-half - 0.18, top + 0.14), (0, top - 0.72), (half + 0.18, top + 0.14)])
    canvas.line(moved(eaves, 0, 0.07), (*shade(wall, 0.4), 110), 0.12)
    canvas.line(eaves, roof, 0.15)
    canvas.line(eaves - (0, 0.05), shade(roof, 1.25), 0.03)
    eyes = []
    w, h = rng.uniform(0.19, 0.28), rng.uniform(0.2, 0.3)
    glass, shutters, blind = pick(rng, *GLASS), rng.uniform() < 0.5, rng.uniform(0, 0.5) * (rng.uniform() < 0.6)
    shutter_color = vary(rng, pick(rng, *LACQUERS))
    for side in (-1, 1):
        x, y = side * rng.uniform(0.44, 0.5), -0.3 + rng.normal(0, 0.02)
        _window(canvas, (x, y, w, h), frame, glass, blind)
        if shutters:
            for edge in (-1, 1):
                inside, outside = sorted((x + edge * (w + 0.03), x + edge * (w + 0.15)))
                canvas.fill(
                    rectangle(inside, y - h, outside, y + h), shutter_color, ink=shade(shutter_color, 0.7), width=0.015
                )
        canvas.fill(rectangle(x - w - 0.05, y + h, x + w + 0.05, y + h + 0.05), shade(frame, 0.85))
        eyes += [(x - w, y), (x + w, y)]
    nose = (rng.normal(0, 0.03), rng.uniform(0.1, 0.2))
    canvas.soft(arc(*nose, 0.2), (255, 236, 160, 90), 0.08)
    canvas.fill(arc(*nose, 0.085), (70, 60, 50))
    canvas.fill(arc(*nose, 0.06), (255, 238, 180))
    wide, high, low = rng.uniform(0.26, 0.52), rng.uniform(0.46, 0.56), 1.06
    _door(canvas, rng, wide, high, low)
    middle = (high + low) / 2
    return np.array([*eyes, nose, (-wide, middle), (wide, middle), (0, high), (0, low)])


def _window(canvas: Canvas, place: tuple[float, float, float, float], frame: Color, glass: Color, blind: float) -> None:
    x, y, w, h = place
    canvas.fill(rectangle(x - w, y - h, x + w, y + h), frame)
    pane = rectangle(x - w + 0.04, y - h + 0.04, x + w - 0.04, y + h - 0.04)
    canvas.gradient(pane, [shade(glass, 1.35), shade(glass, 0.75)], 60)
    if blind > 0:
        canvas.fill(rectangle(x - w + 0.04, y - h + 0.04, x + w - 0.04, y - h + 0.04 + 2 * h * blind), (236, 226, 206))
    canvas.line(np.array([(x, y - h), (x, y + h)]), frame, 0.035)
    canvas.line(np.array([(x - w, y), (x + w, y)]), frame, 0.03)
    canvas.line(rectangle(x - w, y - h, x + w, y + h), shade(frame, 0.6), 0.012)


def _door(canvas: Canvas, rng: np.random.Generator, wide: float, high: float, low: float) -> None:
    color = vary(rng, pick(rng, *LACQUERS, (110, 66, 40)))
    shape = rectangle(-wide, high, wide, low)
    if rng.uniform() < 0.5:
        shape = np.concatenate([arc(0, high + 0.16, wide, 0.16, 180, 360, 20), [(wide, low), (-wide, low)]])
    canvas.gradient(shape, [shade(color, 0.95), shade(color, 0.7)])
    canvas.line(np.concatenate([shape, shape[:1]]), shade(color, 0.45), 0.03)
    with canvas.within(shape):
        for k in range(1, 5):
            y = high + (low - high) * k / 5
            canvas.line(np.array([(-wide, y), (wide, y)]), shade(color, 0.55), 0.018)
        if wide < 0.36:
            canvas.line(np.array([(0, high), (0, low)]), shade(color, 0.5), 0.02)
            canvas.fill(arc(0.06, (high + low) / 2 + 0.05, 0.025), (230, 200, 110))


def car(canvas: Canvas, rng: np.random.Generator) -> Array:
    """Headlights, badge and grille."""
    paint = vary(rng, pick(rng, *LACQUERS), 8)
    canvas.soft(arc(0, 1.02, 1.25, 0.16), (0, 0, 0, 190), 0.07)
    for side in (-1, 1):
        canvas.fill(rectangle(side * 0.86 - 0.16, 0.5, side * 0.86 + 0.16, 1.06, 0.1), (26, 26, 30))
        canvas.fill(arc(side * 1.12, -0.62, 0.13, 0.1), paint, ink=shade(paint, 0.5), width=0.02)
    high = rng.uniform(-1.25, -1.05)
    cabin = smooth([(-0.92, -0.42), (-0.68, high), (0.68, high), (0.92, -0.42)])
    canvas.gradient(cabin, [shade(paint, 1.1), shade(paint, 0.8)])
    screen = smooth([(-0.8, -0.45), (-0.6, high + 0.12), (0.6, high + 0.12), (0.8, -0.45)])
    canvas.gradient(screen, [(190, 214, 230), (50, 66, 84)], 70)
    canvas.fill(
        np.array([(-0.35, -0.47), (-0.1, high + 0.13), (0.1, high + 0.13), (-0.15, -0.47)]), (255, 255, 255, 60)
    )
    body = smooth(
        [
            (-1.05, 0.9),
            (-1.12, 0.2),
            (-0.98, -0.36),
            (-0.5, -0.52),
            (0.5, -0.52),
            (0.98, -0.36),
            (1.12, 0.2),
            (1.05, 0.9),
        ]
    )
    canvas.gradient(body, [shade(paint, 1.2), paint, shade(paint, 0.6)])
    canvas.line(smooth([(-0.62, -0.44), (-0.42, -0.05), (-0.36, 0.12)]), shade(paint, 0.7), 0.02)
    canvas.line(smooth([(0.62, -0.44), (0.42, -0.05), (0.36, 0.12)]), shade(paint, 0.7), 0.02)
    rx, ratio, tilt = rng.uniform(0.2, 0.3), rng.uniform(0.5, 1.0), rng.uniform(-14, 20)
    y, eyes = rng.uniform(-0.16, -0.06), []
    for side in (-1, 1):
        place = (side * 0.66, y, rx, rx * ratio)
        canvas.fill(arc(*place[:2], rx + 0.04, rx * ratio + 0.04, tilt=side * -tilt), shade(paint, 0.4))
        canvas.gradient(arc(*place, tilt=side * -tilt), [(250, 250, 244), (170, 182, 190)], 60)
        canvas.fill(arc(*place[:2], rx * ratio * 0.55), (120, 136, 150))
        canvas.fill(arc(*place[:2], rx * ratio * 0.38), pick(rng, (60, 70, 84), (255, 244, 190)))
        canvas.fill(arc(place[0] - 0.05, y - 0.05, 0.035), (255, 255, 255))
        eyes += list(ends(*place[:2], rx, side * -tilt))
    nose = (0.0, rng.uniform(0.06, 0.16))
    canvas.fill(arc(*nose, 0.09, 0.09), (216, 216, 222), ink=(90, 90, 96), width=0.02)
    canvas.fill(arc(*nose, 0.045), vary(rng, pick(rng, *LACQUERS)))
    wide, mood = rng.uniform(0.42, 0.7), rng.uniform(-0.12, 0.16)
    top, bottom = 0.4 + 0.4 * mood, rng.uniform(0.62, 0.72) + 0.5 * mood
    corner = 0.5 - 0.4 * mood
    grille = lens((-wide, corner), (0, top), (wide, corner), (0, bottom))
    canvas.fill(grille, (22, 22, 26))
    with canvas.within(grille):
        for x in np.arange(-0.7, 0.71, pick(rng, 0.07, 0.12)):
            canvas.line(np.array([(x, 0.2), (x, 1.0)]), (150, 150, 158), 0.018)
    canvas.line(np.concatenate([grille, grille[:1]]), (206, 208, 214), 0.03)
    canvas.fill(rectangle(-0.27, 0.8, 0.27, 0.93, 0.02), (244, 240, 226), ink=(60, 60, 60), width=0.012)
    for k in range(6):
        canvas.fill(rectangle(-0.22 + 0.075 * k, 0.83, -0.175 + 0.075 * k, 0.9), (40, 44, 60))
    return np.array([*eyes, nose, (-wide, corner), (wide, corner), (0, top), (0, bottom)])


def tram(canvas: Canvas, rng: np.random.Generator) -> Array:
    """Two panes, a head lamp and a bumper."""
    paint, second = (
        vary(rng, pick(rng, *LACQUERS), 8),
        vary(rng, pick(rng, (244, 238, 222), (60, 64, 72), (250, 210, 90)), 6),
    )
    canvas.soft(rectangle(-1.1, 1.14, 1.1, 1.3), (0, 0, 0, 180), 0.06)
    for side in (-1, 1):
        canvas.line(np.array([(side * 0.55, 1.15), (side * 0.9, 1.6)]), (120, 116, 112), 0.05)
    body = rectangle(-0.98, -1.2, 0.98, 1.18, 0.3)
    canvas.gradient(body, [shade(second, 1.05), shade(second, 0.85)])
    with canvas.within(body):
        canvas.gradient(rectangle(-1, 0.08, 1, 1.2), [shade(paint, 1.1), shade(paint, 0.72)])
        canvas.fill(rectangle(-1, 0.05, 1, 0.1), shade(paint, 0.55))
    canvas.line(np.concatenate([body, body[:1]]), shade(paint, 0.5), 0.03)
    canvas.fill(rectangle(-0.48, -1.08, 0.48, -0.84, 0.04), (22, 22, 26))
    for k in range(int(rng.integers(3, 8))):
        canvas.fill(rectangle(-0.4 + 0.11 * k, -1.02, -0.33 + 0.11 * k, -0.9), (255, 176, 40))
    h, slant, eyes = rng.uniform(0.22, 0.32), rng.uniform(-0.1, 0.1), []
    inner, outer = rng.uniform(0.07, 0.14), rng.uniform(0.74, 0.86)
    for side in (-1, 1):
        y = -0.4
        pane = np.array([(inner, y - h + slant), (outer, y - h - slant), (outer, y + h - 0.04), (inner, y + h)]) * (
            side,
            1,
        )
        canvas.gradient(pane, [(170, 200, 220), (40, 54, 72)], 65)
        canvas.line(np.concatenate([pane, pane[:1]]), (30, 30, 34), 0.045)
        canvas.line(np.array([(side * 0.3, y + h), (side * 0.55, y - 0.1)]), (20, 20, 22), 0.025)
        pair = [(side * inner, (2 * y + slant) / 2), (side * outer, (2 * y - slant - 0.04) / 2)]
        eyes += pair[::-1] if side < 0 else pair
    nose = (0.0, rng.uniform(0.24, 0.36))
    canvas.soft(arc(*nose, 0.28), (255, 240, 180, 110), 0.1)
    canvas.fill(arc(*nose, 0.15), (190, 190, 196), ink=(70, 70, 74), width=0.03)
    canvas.fill(arc(*nose, 0.1), (255, 250, 220))
    wide, mood = rng.uniform(0.5, 0.8), rng.uniform(-0.1, 0.14)
    corner = 0.8 - mood
    top, bottom = 0.72 + mood, 0.9 + mood
    mouth = lens((-wide, corner), (0, top), (wide, corner), (0, bottom))
    canvas.fill(mouth, pick(rng, (30, 30, 34), (70, 72, 78)), ink=(20, 20, 20), width=0.03)
    for side in (-1, 1):
        canvas.fill(arc(side * 0.76, 0.5, 0.08), pick(rng, (230, 60, 40), (250, 200, 80)), ink=(60, 30, 30), width=0.02)
    return np.array([*eyes, nose, (-wide, corner), (wide, corner), (0, top), (0, bottom)])


def tree(canvas: Canvas, rng: np.random.Generator) -> Array:
    """Knot holes, a stub of a branch and a crack in the bark."""
    bark = vary(rng, pick(rng, *BARKS), 8)
    left = smooth([(-2.2, 4.5), (-1.2, 2.0), (-0.98, 1.2), (-0.9, 0.2), (-0.86, -0.8), (-1.0, -2.4), (-1.1, -3.5)])
    trunk = np.concatenate([left, (left * (-1, 1) + rng.normal(0, 0.02, 2))[::-1]])
    for side in (-1, 1):
        if rng.uniform() < 0.6:
            y = rng.uniform(-0.9, -0.4)
            limb = smooth([(side * 0.7, y), (side * 1.3, y - 0.25), (side * 2.0, y - 0.35 - rng.uniform(0, 0.6))])
            canvas.ribbon(limb, np.linspace(0.4, 0.1, len(limb)), shade(bark, 0.75))
    canvas.gradient(trunk, [shade(bark, 0.5), shade(bark, 1.15), shade(bark, 1.0), shade(bark, 0.45)], 0)
    with canvas.within(trunk):
        for _ in range(90):
            x, y, length = rng.uniform(-1.1, 1.1), rng.uniform(-2, 1.9), rng.uniform(0.15, 0.7)
            streak = np.array(
                [(x, y), (x + rng.normal(0, 0.03), y + length / 2), (x + rng.normal(0, 0.04), y + length)]
            )
            canvas.ribbon(
                streak, (0.005, rng.uniform(0.015, 0.05), 0.005), (*shade(bark, pick(rng, 0.45, 0.6, 1.3)), 150)
            )
    canvas.texture(rng, trunk, 0.22, (50, 16))
    rx, ratio, eyes = rng.uniform(0.17, 0.25), rng.uniform(0.6, 1.1), []
    for side in (-1, 1):
        x, y, tilt = side * rng.uniform(0.38, 0.46), -0.35 + rng.normal(0, 0.04), side * rng.uniform(-15, 15)
        size = rx * rng.uniform(0.85, 1.15)
        for grow, tone in ((0.13, 0.75), (0.09, 1.3), (0.045, 0.6)):
            canvas.fill(arc(x, y, size + grow, size * ratio + grow, tilt=tilt), shade(bark, tone))
        canvas.gradient(arc(x, y, size, size * ratio, tilt=tilt), [(14, 10, 8), shade(bark, 0.4)])
        eyes += list(ends(x, y, size, tilt))
    nose = (rng.normal(0, 0.04), rng.uniform(0.02, 0.16))
    canvas.soft(arc(nose[0] + 0.04, nose[1] + 0.14, 0.17, 0.12), (0, 0, 0, 150), 0.05)
    canvas.fill(arc(*nose, 0.15, 0.17), shade(bark, 0.7))
    canvas.fill(arc(nose[0], nose[1], 0.11, 0.12), shade(bark, 1.5))
    canvas.line(arc(*nose, 0.06, 0.065), shade(bark, 1.05), 0.02)
    wide, mood, gape = rng.uniform(0.36, 0.56), rng.uniform(-0.14, 0.18), rng.uniform(0.07, 0.24)
    corners = [(-wide, 0.62 - mood + rng.normal(0, 0.03)), (wide, 0.62 - mood + rng.normal(0, 0.03))]
    top, bottom = (0, 0.62 + mood * 0.6), (0, 0.62 + mood * 0.6 + gape)
    canvas.fill(lens(corners[0], (0, top[1] - 0.07), corners[1], (0, bottom[1] + 0.07)), shade(bark, 1.3))
    canvas.fill(lens(corners[0], top, corners[1], bottom), (18, 12, 10))
    return np.array([*eyes, nose, *corners, top, bottom])


def letter_box(canvas: Canvas, rng: np.random.Generator) -> Array:
    """Two round labels or rivets, a lock and the slot for letters."""
    paint = vary(rng, pick(rng, *LACQUERS[:5], (80, 100, 130)), 8)
    canvas.gradient(rectangle(-0.15, 1.0, 0.15, 2.6), [shade((110, 84, 60), 0.6), (120, 92, 66)], 0)
    dome = rng.uniform() < 0.6
    body = (
        np.concatenate([arc(0, -0.35, 0.92, 0.75, 180, 360, 30), [(0.92, 1.1), (-0.92, 1.1)]])
        if dome
        else rectangle(-0.95, -0.95, 0.95, 1.1, 0.1)
    )
    canvas.soft(moved(body, 0.12, 0.1), (0, 0, 0, 140), 0.08)
    canvas.gradient(body, [shade(paint, 0.85), shade(paint, 1.18), shade(paint, 0.75)], 15)
    canvas.texture(rng, body, 0.05, (30, 30))
    canvas.line(np.concatenate([body, body[:1]]), shade(paint, 0.55), 0.04)
    if rng.uniform() < 0.5:
        side = pick(rng, -1, 1)
        canvas.line(np.array([(side * 0.97, 0.3), (side * 1.05, -0.5)]), (190, 40, 36), 0.07)
        canvas.fill(
            np.array([(side * 1.04, -0.5), (side * 1.36, -0.42), (side * 1.3, -0.16), (side * 1.01, -0.2)]),
            (206, 44, 40),
        )
    rx, eyes, metal = rng.uniform(0.13, 0.22), [], pick(rng, (214, 216, 222), (226, 190, 96), (40, 40, 46))
    for side in (-1, 1):
        x, y = side * 0.44, -0.42 + rng.normal(0, 0.015)
        canvas.soft(arc(x + 0.03, y + 0.04, rx), (0, 0, 0, 130), 0.03)
        canvas.gradient(arc(x, y, rx), [shade(metal, 1.3), shade(metal, 0.6)], 50)
        canvas.line(arc(x, y, rx - 0.012), shade(metal, 0.45), 0.024)
        a = rng.uniform(0, np.pi)
        across, down = rx * 0.6 * np.cos(a), rx * 0.6 * np.sin(a)
        canvas.line(np.array([(x - across, y - down), (x + across, y + down)]), shade(metal, 0.35), 0.05)
        eyes += [(x - rx, y), (x + rx, y)]
    nose = (0.0, rng.uniform(0.0, 0.1))
    canvas.fill(arc(*nose, 0.1, 0.12), (220, 196, 120), ink=(110, 84, 40), width=0.02)
    canvas.fill(rectangle(nose[0] - 0.018, nose[1] - 0.06, nose[0] + 0.018, nose[1] + 0.06), (40, 30, 20))
    wide, top, bottom = rng.uniform(0.45, 0.68), rng.uniform(0.42, 0.5), rng.uniform(0.56, 0.72)
    canvas.fill(rectangle(-wide - 0.07, top - 0.07, wide + 0.07, bottom + 0.07, 0.05), shade(paint, 0.6))
    canvas.fill(rectangle(-wide, top, wide, bottom), (16, 14, 16))
    if rng.uniform() < 0.5:
        x = rng.uniform(-0.2, 0.2)
        canvas.fill(
            np.array(
                [(x - 0.2, top + 0.03), (x + 0.2, top + 0.02), (x + 0.23, bottom + 0.2), (x - 0.18, bottom + 0.22)]
            ),
            (246, 244, 236),
        )
    middle = (top + bottom) / 2
    return np.array([*eyes, nose, (-wide, middle), (wide, middle), (0, top), (0, bottom)])
