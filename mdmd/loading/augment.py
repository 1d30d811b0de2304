"""Augmentation: one composed warp for pixels and points, and a photometric policy (appendix D.2 of the paper).

The warp is exact for points: output pixel p reads the input at A (w(p + d(p))), where d is a smooth field between a few
random displacements (features of a face grow, shrink and move, as in a caricature), w moves y by a wave in x and then x
by a wave in the new y, and A is affine. A point goes back through A, the waves and d, one after the other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor
from torchvision.transforms.v2 import functional as photo

from mdmd.config import MIRRORED
from mdmd.data.definition import Definition
from mdmd.loading.stylize import Draw, Picture, stylized

#: The displacement field's cells, each way. With five, displacements of up to 0.03 change the field by less than its
#: argument, so that a point is found by iteration; so many steps bring it to a thousandth of a pixel.
BEND_CELLS = 5
BEND_ITERATIONS = 20


@dataclass(frozen=True)
class WarpRange:
    """Largest random deviations: degrees, shares of the crop, and factors. `config.MIRRORED` has the mirrored share."""

    rotation: float = 0.0
    scale: float = 0.0
    shift: float = 0.0
    shear: float = 0.0
    stretch: float = 0.0
    wave: float = 0.0
    bend: float = 0.0


WARPS = {
    "none": WarpRange(),
    "moderate": WarpRange(rotation=30.0, scale=0.25, shift=0.08, shear=10.0, stretch=0.1, wave=0.015),
    "drawn": WarpRange(rotation=30.0, scale=0.25, shift=0.08, shear=10.0, stretch=0.1, wave=0.015, bend=0.03),
    # D.2 names the operations and prints no range. Shear is AutoAugment's 0.3; rotation is more than its 30 degrees,
    # for "additional rotations"; scale, translation and waves are ours.
    "paper": WarpRange(rotation=45.0, scale=0.3, shift=0.12, shear=math.degrees(math.atan(0.3)), wave=0.03),
}


def mirrored_share(augment: str, definition: Definition) -> float:
    """The share of a set's faces that training with `augment` mirrors; 0 if its `definition` cannot be mirrored."""
    return MIRRORED[augment] if definition.can_be_mirrored else 0.0


@dataclass(frozen=True, eq=False)
class Warp:
    """One warp a face, in output crop units (0 to 1): `affine` (B, 2, 3) maps waved output to input;
    `waves` (B, 2, 3) holds amplitude, length and phase of the vertical and the horizontal wave;
    `bend` (B, 2, K, K) the displacements in x and y at the middles of K x K cells, bicubic between them."""

    affine: Float[Tensor, "B 2 3"]
    waves: Float[Tensor, "B 2 3"]
    bend: Float[Tensor, "B 2 K K"]

    def grid(self, size: int) -> Float[Tensor, "B S S 2"]:
        """Where each output pixel's center reads the input, in input units (0 to 1)."""
        line = (torch.arange(size) + 0.5) / size
        y, x = torch.meshgrid(line, line, indexing="ij")
        x, y = x.expand(len(self.affine), -1, -1), y.expand(len(self.affine), -1, -1)
        if self.bend.any():
            bent = F.interpolate(self.bend, size=(size, size), mode="bicubic")
            x, y = x + bent[:, 0], y + bent[:, 1]
        y = y + self._wave(0, x)
        x = x + self._wave(1, y)
        place = torch.stack([x, y], dim=-1)
        return torch.einsum("bij,bhwj->bhwi", self.affine[:, :, :2], place) + self.affine[:, None, None, :, 2]

    def points(self, points: Float[Tensor, "B N 2"]) -> Float[Tensor, "B N 2"]:
        """Input points (input units) as they stand in the output (output units)."""
        back = torch.linalg.solve(self.affine[:, None, :, :2], (points - self.affine[:, None, :, 2])[..., None])
        x, y = back[..., 0].unbind(-1)
        x = x - self._wave(1, y)
        y = y - self._wave(0, x)
        bent = torch.stack([x, y], dim=-1)
        found = bent
        for _ in range(BEND_ITERATIONS if self.bend.any() else 0):
            found = bent - self._bend(found)
        return found

    def _bend(self, points: Float[Tensor, "B N 2"]) -> Float[Tensor, "B N 2"]:
        read = F.grid_sample(
            self.bend, 2 * points[:, None] - 1, mode="bicubic", padding_mode="border", align_corners=False
        )
        return read[:, :, 0].transpose(1, 2)

    def _wave(self, which: int, along: Tensor) -> Tensor:
        shape = (-1,) + (1,) * (along.dim() - 1)
        amplitude, length, phase = (self.waves[:, which, k].view(shape) for k in range(3))
        return amplitude * torch.sin(2 * math.pi * along / length + phase)


def random_warp(count: int, ranges: WarpRange, mirrored: Tensor, *, zoom: float, generator: torch.Generator) -> Warp:
    """A warp for each of `count` faces. `zoom` is input crop side over output crop side (the cache's margin);
    `mirrored` (B,) bool turns those left to right first."""

    def uniform(half: float, *shape: int) -> Tensor:
        return (2 * torch.rand(count, *shape, generator=generator) - 1) * half

    angle = uniform(math.radians(ranges.rotation))
    shear = torch.tan(uniform(math.radians(ranges.shear)))
    factor = torch.exp(uniform(math.log1p(ranges.scale)))
    stretch = torch.exp(uniform(math.log1p(ranges.stretch)))
    cos, sin = torch.cos(angle), torch.sin(angle)
    side = torch.where(mirrored, -1.0, 1.0)
    rotate = torch.stack([cos, -sin, sin, cos], dim=-1).view(-1, 2, 2)
    ones, zeros = torch.ones(count), torch.zeros(count)
    deform = torch.stack([stretch, shear, zeros, 1 / stretch], dim=-1).view(-1, 2, 2)
    flip = torch.stack([side, zeros, zeros, ones], dim=-1).view(-1, 2, 2)
    linear = flip @ rotate @ deform * factor[:, None, None] / zoom
    middle = 0.5 + uniform(ranges.shift, 2) / zoom
    offset = middle - (linear @ torch.full((2, 1), 0.5))[..., 0]
    waves = torch.stack(
        [
            uniform(ranges.wave, 2),
            0.3 + 0.7 * torch.rand(count, 2, generator=generator),
            2 * math.pi * torch.rand(count, 2, generator=generator),
        ],
        dim=-1,
    )
    bend = uniform(ranges.bend, 2, BEND_CELLS, BEND_CELLS)
    return Warp(torch.cat([linear, offset[..., None]], dim=-1), waves, bend)


def warp_pictures(pictures: UInt8[Tensor, "B 3 K K"], warp: Warp, size: int) -> UInt8[Tensor, "B 3 S S"]:
    """The pictures under `warp`, black outside, bilinear, (B, 3, size, size)."""
    grid = 2 * warp.grid(size) - 1
    out = F.grid_sample(pictures.float(), grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return out.round_().clamp_(0, 255).to(torch.uint8)


Operation = Callable[[Picture, Draw], Picture]


def _cutout(smallest: float, largest: float) -> Operation:
    """A rectangle of one gray whose sides are these shares of the picture's."""

    def cut(x: Picture, draw: Draw) -> Picture:
        size = x.shape[-1]
        height, width = (int(size * draw(smallest, largest)) for _ in range(2))
        top, left = int(draw(0, size - height)), int(draw(0, size - width))
        out = x.clone()
        out[:, top : top + height, left : left + width] = int(draw(0, 255))
        return out

    return cut


def _jitter(tone: float, color: float, hue: float) -> Operation:
    """Brightness and contrast times 1 +- `tone`, saturation times 1 +- `color`, hue turned by +- `hue` of a circle."""

    def jitter(x: Picture, draw: Draw) -> Picture:
        x = photo.adjust_brightness(x, draw(1 - tone, 1 + tone))
        x = photo.adjust_contrast(x, draw(1 - tone, 1 + tone))
        x = photo.adjust_saturation(x, draw(1 - color, 1 + color))
        return photo.adjust_hue(x, draw(-hue, hue)) if hue else x

    return jitter


def _redrawn(share: float, first: Operation) -> Operation:
    """`first`, and then for this share of the pictures one of the styles of `mdmd/loading/stylize.py`."""

    def redraw(x: Picture, draw: Draw) -> Picture:
        x = first(x, draw)
        return stylized(x, draw) if draw(0, 1) < share else x

    return redraw


OPERATIONS: dict[str, Operation] = {
    "blur": lambda x, draw: photo.gaussian_blur(x, [7, 7], [draw(0.3, 2.0)] * 2),
    "cutout": _cutout(0.1, 0.4),
    "equalize": lambda x, draw: photo.equalize(x),
    "solarize": lambda x, draw: photo.solarize(x, draw(128, 255)),
    "autocontrast": lambda x, draw: photo.autocontrast(x),
    "sharpness": lambda x, draw: photo.adjust_sharpness(x, draw(0.0, 3.0)),
    "posterize": lambda x, draw: photo.posterize(x, int(draw(3, 7))),
    "invert": lambda x, draw: photo.invert(x),
    "gray": lambda x, draw: photo.rgb_to_grayscale(x, num_output_channels=3),
}

#: The photometric operations of D.2, in the ranges of AutoAugment (Cubuk et al. 2019), which D.2 modifies; those of
#: blur and of the jitter's hue are ours, and cutout's sides are AutoAugment's 60 pixels of 331.
PAPER_OPERATIONS: dict[str, Operation] = {
    **{name: OPERATIONS[name] for name in ("blur", "equalize", "autocontrast", "invert")},
    "cutout": _cutout(0.0, 60 / 331),
    "jitter": _jitter(0.9, 0.9, 0.05),
    "solarize": lambda x, draw: photo.solarize(x, draw(0, 255)),
    "sharpness": lambda x, draw: photo.adjust_sharpness(x, draw(0.1, 1.9)),
    "posterize": lambda x, draw: photo.posterize(x, int(draw(4, 9))),
}


@dataclass(frozen=True)
class Photometry:
    """`always` on every picture, then none to `most` of `operations`, each alike."""

    operations: Mapping[str, Operation]
    most: int
    always: Operation = lambda x, draw: x


PHOTOMETRY: Mapping[str, Photometry] = {
    "none": Photometry({}, most=0),
    "moderate": Photometry(OPERATIONS, most=1, always=_jitter(0.4, 0.6, 0.0)),
    "drawn": Photometry(OPERATIONS, most=1, always=_redrawn(0.5, _jitter(0.4, 0.6, 0.0))),
    # Two operations are what a sub-policy of AutoAugment has; which pairs the paper uses is not printed.
    "paper": Photometry(PAPER_OPERATIONS, most=2),
}


def random_photometry(
    pictures: UInt8[Tensor, "B 3 S S"], policy: str, generator: torch.Generator
) -> UInt8[Tensor, "B 3 S S"]:
    """The pictures under the `policy` of PHOTOMETRY, each drawn for itself."""
    chosen = PHOTOMETRY[policy]
    if not chosen.operations:
        return pictures

    def draw(low: float, high: float) -> float:
        return low + (high - low) * float(torch.rand((), generator=generator))

    names = list(chosen.operations)
    out = []
    for picture in pictures:
        changed = chosen.always(picture, draw)
        for _ in range(int(draw(0, chosen.most + 1))):
            changed = chosen.operations[names[int(draw(0, len(names)))]](changed, draw)
        out.append(changed)
    return torch.stack(out)
