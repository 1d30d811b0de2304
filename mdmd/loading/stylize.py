"""Redrawing as augmentation: a photograph as pencil, ink, print, paint or stone, cheap enough for a training step.

Every style takes a picture uint8 (3, S, S) and `draw(low, high)`, a uniform random number, and returns a picture of
the same shape with everything at its place: landmarks do not move.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

Draw = Callable[[float, float], float]
Picture = UInt8[Tensor, "3 S S"]
#: Red, green and blue in the brightness of a pixel (ITU-R BT.601).
BRIGHTNESS = (0.299, 0.587, 0.114)


def gray(picture: Picture) -> Float[Tensor, "S S"]:
    """Brightness from 0 to 1."""
    red, green, blue = picture.float().unbind(0)
    return (BRIGHTNESS[0] * red + BRIGHTNESS[1] * green + BRIGHTNESS[2] * blue) / 255


def full_range(bright: Float[Tensor, "S S"]) -> Float[Tensor, "S S"]:
    """Brightness stretched to reach from 0 to 1; a plain picture becomes 0."""
    low, high = bright.aminmax()
    return (bright - low) / (high - low + 1e-4)


def smooth(values: Float[Tensor, "*C S S"], radius: int) -> Float[Tensor, "*C S S"]:
    """Box mean over 2 `radius` + 1 pixels each way; from running sums, so that a wide box costs no more."""
    flat = values.reshape(-1, *values.shape[-2:])
    for dim in (1, 2):
        size = flat.shape[dim]
        first, last = flat.narrow(dim, 0, 1), flat.narrow(dim, size - 1, 1)
        ends = [1, 1, 1]
        ends[dim] = radius + 1
        after = list(ends)
        after[dim] = radius
        total = torch.cat([first.repeat(ends), flat, last.repeat(after)], dim).cumsum(dim)
        flat = (total.narrow(dim, 2 * radius + 1, size) - total.narrow(dim, 0, size)) / (2 * radius + 1)
    return flat.reshape(values.shape)


def slopes(values: Float[Tensor, "S S"]) -> tuple[Float[Tensor, "S S"], Float[Tensor, "S S"]]:
    """Central differences to the right and downwards; the border repeats."""
    padded = F.pad(values[None, None], (1, 1, 1, 1), mode="replicate")[0, 0]
    return (padded[1:-1, 2:] - padded[1:-1, :-2]) / 2, (padded[2:, 1:-1] - padded[:-2, 1:-1]) / 2


def edges(values: Float[Tensor, "S S"]) -> Float[Tensor, "S S"]:
    """How steep the brightness is."""
    right, down = slopes(values)
    return (right.square() + down.square()).sqrt()


def printed(share: Float[Tensor, "S S"], draw: Draw) -> Picture:
    """`share` (0 ink, 1 paper) in two random colors, the ink always the darker; one time in three dark on plain."""
    if draw(0, 3) < 1:
        ink, paper = torch.zeros(3), torch.full((3,), 255.0)
    else:
        ink = torch.tensor([draw(0, 90) for _ in range(3)])
        paper = torch.tensor([draw(165, 255) for _ in range(3)])
    out = ink[:, None, None] + (paper - ink)[:, None, None] * share.clamp(0, 1)
    return out.to(torch.uint8)


def pencil(picture: Picture, draw: Draw) -> Picture:
    """Color dodge: brightness over its own surroundings, so that lines stay and surfaces become paper."""
    bright = gray(picture)
    lines = (bright / (smooth(bright, round(draw(2, 9))) + 0.01)).clamp(0, 1)
    tone = draw(0, 0.4)
    return printed(lines ** round(draw(1, 5)) * (1 - tone + tone * bright), draw)


def ink(picture: Picture, draw: Draw) -> Picture:
    """Line art: dark strokes where the brightness is steep."""
    steep = edges(smooth(gray(picture), round(draw(1, 2))))
    level = draw(1.0, 2.5) * steep.mean() + 1e-4
    return printed(1.5 - steep / level, draw)


def linocut(picture: Picture, draw: Draw) -> Picture:
    """Two tones and few between, cut where the brightness crosses that of its wide surroundings; sometimes swapped."""
    bright = smooth(gray(picture), 1)
    local = smooth(bright, round(draw(12, 50)))
    share = ((bright - local + draw(-0.06, 0.06)) * draw(10, 40) + 0.5).clamp(0, 1)
    return printed(1 - share if draw(0, 1) < 0.2 else share, draw)


def _screen(size: int, pitch: float, angle: float) -> tuple[Tensor, Tensor]:
    """Phases (S, S), in radians, of two stripes at right angles, `pitch` pixels wide."""
    line = torch.arange(size) * (2 * math.pi / pitch)
    x, y = line[None, :], line[:, None]
    return x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)


def halftone(picture: Picture, draw: Draw) -> Picture:
    """A screen of dots whose size is the darkness."""
    bright = full_range(gray(picture))
    across, down = _screen(bright.shape[-1], draw(3, 6), draw(0, math.pi / 2))
    dots = 0.5 + 0.25 * (across.cos() + down.cos())
    return printed((bright - dots) * draw(1, 4) + 0.5, draw)


def hatching(picture: Picture, draw: Draw) -> Picture:
    """Engraving: parallel strokes that swell with the darkness, crossed in the shadows."""
    bright = full_range(smooth(gray(picture), 1))
    across, down = _screen(bright.shape[-1], draw(3, 6), draw(0, math.pi))
    hardness = draw(0.7, 3)
    first = (bright - 0.4 - 0.45 * across.cos()) * hardness + 0.7
    second = (bright - 0.1 - 0.3 * down.cos()) * hardness + 0.8
    return printed(torch.minimum(first, second), draw)


def paint(picture: Picture, draw: Draw) -> Picture:
    """Brush strokes: a morphological opening or closing swallows what is smaller than a brush."""
    radius = round(draw(1, 3))
    first, second = (torch.minimum, torch.maximum) if draw(0, 1) < 0.5 else (torch.maximum, torch.minimum)
    out = picture
    for better in (first, second):
        for _ in range(radius):
            for dim in (1, 2):
                size = out.shape[dim]
                ahead = torch.cat([out.narrow(dim, 1, size - 1), out.narrow(dim, size - 1, 1)], dim)
                behind = torch.cat([out.narrow(dim, 0, 1), out.narrow(dim, 0, size - 1)], dim)
                out = better(out, better(ahead, behind))
    return out


def cartoon(picture: Picture, draw: Draw) -> Picture:
    """Few flat tones, and dark contours."""
    levels = round(draw(3, 6))
    soft = smooth(picture.float() / 255, round(draw(1, 3)))
    flat = (soft * levels).round_() / levels
    steep = edges(soft[1])
    contour = 1 - ((steep / (steep.mean() + 1e-4) - draw(1.5, 3.5)) * 2).clamp(0, draw(0.4, 1))
    return (255 * flat * contour).to(torch.uint8)


def relief(picture: Picture, draw: Draw) -> Picture:
    """Stone or metal: brightness as height, lit from one side."""
    right, down = slopes(smooth(gray(picture), round(draw(1, 2))))
    angle = draw(0, 2 * math.pi)
    lit = (right * math.cos(angle) + down * math.sin(angle)) * draw(3, 9)
    color = torch.tensor([draw(0.35, 0.65)]) + torch.tensor([draw(-0.08, 0.08) for _ in range(3)])
    grain = draw(0, 0.06) * (torch.rand(lit.shape, generator=_generator(draw)) - 0.5)
    return (255 * (color[:, None, None] + lit + grain).clamp(0, 1)).to(torch.uint8)


def duotone(picture: Picture, draw: Draw) -> Picture:
    """Brightness as a ramp between two colors: monochrome prints, tinted photographs, night."""
    bright = gray(picture)
    return printed(full_range(bright) if draw(0, 1) < 0.5 else bright, draw)


def grain(picture: Picture, draw: Draw) -> Picture:
    """Coarse noise, as of film, paper or canvas."""
    size = picture.shape[-1]
    step = round(draw(1, 3))
    cells = -(-size // step)
    lumps = torch.randn(1, 1, cells, cells, generator=_generator(draw))
    lumps = F.interpolate(lumps, scale_factor=float(step), mode="nearest")[0, :, :size, :size]
    return (picture.float() + draw(8, 45) * lumps).clamp_(0, 255).to(torch.uint8)


def _generator(draw: Draw) -> torch.Generator:
    return torch.Generator().manual_seed(int(draw(0, 2**31)))


#: All styles by name.
STYLES: dict[str, Callable[[Tensor, Draw], Tensor]] = {
    "pencil": pencil,
    "ink": ink,
    "linocut": linocut,
    "halftone": halftone,
    "hatching": hatching,
    "paint": paint,
    "cartoon": cartoon,
    "relief": relief,
    "duotone": duotone,
    "grain": grain,
}


def stylized(picture: Picture, draw: Draw) -> Picture:
    """The picture in one of STYLES, each as likely."""
    names = list(STYLES)
    return STYLES[names[min(int(draw(0, len(names))), len(names) - 1)]](picture, draw)
