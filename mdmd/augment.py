"""Augmentation: one composed warp for pixels and points, and a photometric policy (appendix D.2 of the paper).

The warp is exact for points: output pixel (x, y) reads the input at A (w(x, y)), where w moves y by a wave in x
and then x by a wave in the new y, and A is affine; a point goes back through A and the two waves one after the other.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor
from torchvision.transforms.v2 import functional as photo

from mdmd.stylise import stylised


@dataclass(frozen=True)
class WarpRange:
    """Largest random deviations: degrees, shares of the crop, and factors."""

    rotation: float = 0.0
    scale: float = 0.0
    shift: float = 0.0
    shear: float = 0.0
    stretch: float = 0.0
    wave: float = 0.0


WARPS = {
    "none": WarpRange(),
    "moderate": WarpRange(rotation=30.0, scale=0.25, shift=0.08, shear=10.0, stretch=0.1, wave=0.015),
    "strong": WarpRange(rotation=45.0, scale=0.3, shift=0.12, shear=15.0, stretch=0.15, wave=0.03),
}
WARPS["stylised"] = WARPS["strong"]
#: How many of the pictures are redrawn under "stylised".
STYLISED_SHARE = 0.4


@dataclass(frozen=True, eq=False)
class Warp:
    """One warp a face, in output crop units (0 to 1): `affine` (B, 2, 3) maps waved output to input;
    `waves` (B, 2, 3) holds amplitude, length and phase of the vertical and the horizontal wave."""

    affine: Float[Tensor, "B 2 3"]
    waves: Float[Tensor, "B 2 3"]

    def grid(self, size: int) -> Float[Tensor, "B S S 2"]:
        """Where each output pixel's centre reads the input, in input units (0 to 1)."""
        line = (torch.arange(size) + 0.5) / size
        y, x = torch.meshgrid(line, line, indexing="ij")
        x, y = x.expand(len(self.affine), -1, -1), y.expand(len(self.affine), -1, -1)
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
        return torch.stack([x, y], dim=-1)

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
    return Warp(torch.cat([linear, offset[..., None]], dim=-1), waves)


def warp_pictures(pictures: UInt8[Tensor, "B 3 K K"], warp: Warp, size: int) -> UInt8[Tensor, "B 3 S S"]:
    """The pictures under `warp`, black outside, bilinear, (B, 3, size, size)."""
    grid = 2 * warp.grid(size) - 1
    out = F.grid_sample(pictures.float(), grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return out.round_().clamp_(0, 255).to(torch.uint8)


Draw = Callable[[float, float], float]
Picture = UInt8[Tensor, "3 S S"]


def _cutout(x: Tensor, draw: Draw) -> Tensor:
    size = x.shape[-1]
    height, width = (int(size * draw(0.1, 0.4)) for _ in range(2))
    top, left = int(draw(0, size - height)), int(draw(0, size - width))
    out = x.clone()
    out[:, top : top + height, left : left + width] = int(draw(0, 255))
    return out


OPERATIONS: dict[str, Callable[[Tensor, Draw], Tensor]] = {
    "blur": lambda x, draw: photo.gaussian_blur(x, [7, 7], [draw(0.3, 2.0)] * 2),
    "cutout": _cutout,
    "equalize": lambda x, draw: photo.equalize(x),
    "solarize": lambda x, draw: photo.solarize(x, draw(128, 255)),
    "autocontrast": lambda x, draw: photo.autocontrast(x),
    "sharpness": lambda x, draw: photo.adjust_sharpness(x, draw(0.0, 3.0)),
    "posterize": lambda x, draw: photo.posterize(x, int(draw(3, 7))),
    "invert": lambda x, draw: photo.invert(x),
    "gray": lambda x, draw: photo.rgb_to_grayscale(x, num_output_channels=3),
}


def random_photometry(
    pictures: UInt8[Tensor, "B 3 S S"], strength: str, generator: torch.Generator
) -> UInt8[Tensor, "B 3 S S"]:
    """Colour jitter for every picture, and up to one (moderate) or two (strong, stylised) of OPERATIONS; before them,
    "stylised" redraws some of the pictures."""
    if strength == "none":
        return pictures

    def draw(low: float, high: float) -> float:
        return low + (high - low) * float(torch.rand((), generator=generator))

    names = list(OPERATIONS)
    most = 1 if strength == "moderate" else 2
    out = []
    for picture in pictures:
        redrawn = strength == "stylised" and draw(0, 1) < STYLISED_SHARE
        jittered = photo.adjust_brightness(stylised(picture, draw) if redrawn else picture, draw(0.6, 1.4))
        jittered = photo.adjust_contrast(jittered, draw(0.6, 1.4))
        jittered = photo.adjust_saturation(jittered, draw(0.4, 1.6))
        for _ in range(int(draw(0, most + 1))):
            jittered = OPERATIONS[names[int(draw(0, len(names)))]](jittered, draw)
        out.append(jittered)
    return torch.stack(out)
