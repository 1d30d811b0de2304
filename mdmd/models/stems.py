"""Convolutional stems that replace the patch embedding of a vision transformer (Table 9 of the paper)."""

from __future__ import annotations

import math
from typing import Any, Literal

import timm
from jaxtyping import Float
from torch import Tensor, nn

from mdmd.errors import DataError

StemName = Literal["patch", "early_convolutions", "resnet50"]

RESNET = "resnet50"
#: The stride of ResNet-50's last feature map, in pixels.
RESNET_STRIDE = 32


class Stem(nn.Module):
    """A convolutional network and a 1x1 projection with the interface of timm's patch embedding.

    `layers` maps (B, 3, S, S) to (B, D, R, K), R and K being `grid`; `like` is the patch embedding it replaces.
    """

    def __init__(self, layers: nn.Module, inputs: int, channels: int, grid: tuple[int, int], like: Any) -> None:
        super().__init__()
        self.layers = layers
        self.proj = nn.Conv2d(inputs, channels, 1)
        self.grid_size = grid
        self.num_patches = grid[0] * grid[1]
        self.flatten = bool(like.flatten)

    def forward(self, images: Float[Tensor, "B 3 S S"]) -> Tensor:
        """Tokens (B, R K, C), or for transformers of flexible size the map (B, R, K, C), as timm's embedding does."""
        found = self.proj(self.layers(images)).permute(0, 2, 3, 1)
        return found.flatten(1, 2) if self.flatten else found


def transformer_size(stem: StemName, image_size: int, patch: int) -> int:
    """The image size that gives the transformer the same grid as the stem."""
    if stem != "resnet50":
        return image_size
    if image_size % RESNET_STRIDE:
        raise DataError(f"ResNet-50 needs an image size in multiples of {RESNET_STRIDE} pixels, found {image_size}")
    return image_size // RESNET_STRIDE * patch


def make_stem(stem: StemName, patch_embed: Any, channels: int) -> nn.Module:
    """The stem that replaces `patch_embed`, whose tokens have `channels` channels."""
    if stem == "patch":
        return patch_embed
    grid = (int(patch_embed.grid_size[0]), int(patch_embed.grid_size[1]))
    if stem == "resnet50":
        resnet: Any = timm.create_model(RESNET, pretrained=False, num_classes=0, global_pool="")
        return Stem(resnet, int(resnet.num_features), channels, grid, patch_embed)
    layers, width = early_convolutions(channels, int(patch_embed.patch_size[0]))
    return Stem(layers, width, channels, grid, patch_embed)


def early_convolutions(channels: int, patch: int) -> tuple[nn.Sequential, int]:
    """The early convolutions of Xiao et al. 2021, and their output width.

    3 x 3 convolutions with batch normalization and ReLU halve the image and double their width until a cell is a patch.
    The first width is an eighth of the transformer's channels, at most 64. For transformers wider than 384 each inner
    width occurs twice, the second time with stride 1.
    """
    steps = round(math.log2(patch))
    if patch != 2**steps:
        raise DataError(f"early convolutions need a patch size that is a power of two, found {patch} pixels")
    layers: list[nn.Module] = []
    before = 3
    for k in range(steps):
        width = min(channels // 8, 64) * 2**k
        layers += _convolution(before, width, stride=2)
        if channels > 384 and 0 < k < steps - 1:
            layers += _convolution(width, width, stride=1)
        before = width
    return nn.Sequential(*layers), before


def _convolution(inputs: int, outputs: int, *, stride: int) -> list[nn.Module]:
    return [
        nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    ]
