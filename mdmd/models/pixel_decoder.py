"""Stride-4 features for heatmaps, from the image and the encoder's tokens.

Tokens of 16 x 16 pixels are too coarse to localize landmarks; a small U-Net, which they join at its bottleneck, adds
the resolution.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from timm.layers.norm import LayerNorm2d
from torch import Tensor, nn


def convolution(inputs: int, outputs: int, *, stride: int = 1) -> nn.Sequential:
    """3 x 3 convolution, group normalization and GELU. Batch statistics would be those of one domain at a time."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
        nn.GroupNorm(math.gcd(8, outputs), outputs),
        nn.GELU(),
    )


class Residual(nn.Module):
    """Two convolutions with a residual connection."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(convolution(channels, channels), convolution(channels, channels))

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        return x + self.body(x)


class PixelPath(nn.Module):
    """Features (B, D, S/4, S/4) from images (B, 3, S, S) and token grids (B, C, R, K).

    A channel at stride 4 costs 16 times as much as at the bottleneck, and at stride 2 64 times. So there are D / 2 and
    D / 4 channels there, and 1 x 1 convolutions reduce the channels before each upsampling.
    """

    def __init__(self, token_channels: int, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.stem = nn.Sequential(convolution(3, half // 2, stride=2), convolution(half // 2, half, stride=2))
        self.down8 = nn.Sequential(convolution(half, channels, stride=2), Residual(channels))
        self.down16 = nn.Sequential(convolution(channels, 2 * channels, stride=2))
        self.tokens = nn.Conv2d(token_channels, 2 * channels, 1)
        self.bottom = Residual(2 * channels)
        self.to8 = nn.Conv2d(2 * channels, channels, 1)
        self.up8 = nn.Sequential(convolution(2 * channels, channels), Residual(channels))
        self.to4 = nn.Conv2d(channels, half, 1)
        self.up4 = nn.Sequential(convolution(2 * half, half), convolution(half, half))
        # Normalization makes features independent of the image's contrast. The large initial weights let the heads'
        # logits move within a few hundred steps.
        last = nn.Conv2d(half, channels, 1)
        nn.init.normal_(last.weight, std=half**-0.5)
        self.out = nn.Sequential(LayerNorm2d(half), last)

    def forward(self, images: Float[Tensor, "B 3 S S"], grid: Float[Tensor, "B C R K"]) -> Float[Tensor, "B D H W"]:
        at4 = self.stem(2 * images - 1)
        at8 = self.down8(at4)
        at16 = self.down16(at8)
        bottom = self.bottom(at16 + F.interpolate(self.tokens(grid), size=at16.shape[-2:], mode="bilinear"))
        up8 = self.up8(torch.cat([at8, _up(self.to8(bottom), at8)], dim=1))
        up4 = self.up4(torch.cat([at4, _up(self.to4(up8), at4)], dim=1))
        return self.out(up4)


def _up(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, size=like.shape[-2:], mode="bilinear")
