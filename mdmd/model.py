"""The network: encoder, group decoder, one head a definition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mdmd.config import ModelConfig
from mdmd.decoder import GroupDecoder
from mdmd.encoder import Encoder
from mdmd.heads import HeatmapHead, RegressionHead
from mdmd.pixels import PixelPath
from mdmd.records import GROUPS, DataError, Definition


@dataclass(frozen=True, eq=False)
class Laplacian:
    """A distribution for each landmark, in crop units (0 to 1 across the crop).

    `mean` (B, N, 2); `factor` (B, N, 3) is (a, b, c) of the Cholesky factor [[a, 0], [b, c]];
    `logits` (B, N, H, W) are the heatmap's, or None for a regression head.
    """

    mean: Float[Tensor, "B N 2"]
    factor: Float[Tensor, "B N 3"]
    logits: Float[Tensor, "B N H W"] | None = None


class MDMD(nn.Module):
    """Shared encoder and decoder with a head for every set of faces, found by the set's name."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config.encoder, config.image_size, config.encoder_depth)
        channels = self.encoder.channels
        heads = config.decoder_heads or max(1, channels // 64)
        if channels % heads:
            raise DataError(f"{heads} decoder heads do not divide the encoder's {channels} channels")
        self.decoder = GroupDecoder(
            channels,
            groups=len(GROUPS),
            depth=config.decoder_depth,
            heads=heads,
            feedforward_residual=config.feedforward_residual,
        )
        self.pixels = PixelPath(channels, config.pixel_channels) if config.head == "heatmap" else None
        self.definitions: dict[str, Definition] = {}
        self.heads = nn.ModuleList()

    def add_head(self, name: str, definition: Definition, mean_shape: Float[Tensor, "N 2"] | None = None) -> None:
        """A head for the set `name`, in place of one of that name. `mean_shape` in crop units, default the middle."""
        channels, config = self.encoder.channels, self.config
        members = definition.members
        if config.head == "heatmap":
            head: nn.Module = HeatmapHead(
                channels, members, pixel_channels=config.pixel_channels, floor=config.sigma_floor
            )
        else:
            middle = torch.full((len(definition.landmarks), 2), 0.5)
            head = RegressionHead(
                channels, members, middle if mean_shape is None else mean_shape, floor=config.sigma_floor
            )
        if name in self.definitions:
            self.heads[self._position(name)] = head
        else:
            self.heads.append(head)
        self.definitions[name] = definition

    def head_definition(self, name: str) -> Definition:
        """The definition that head `name` speaks; DataError for a name there is no head for."""
        if name not in self.definitions:
            raise DataError(f"the model has no head {name!r}; it has: {', '.join(self.definitions)}")
        return self.definitions[name]

    def head(self, name: str) -> nn.Module:
        """The head called `name`."""
        return self.heads[self._position(name)]

    def _position(self, name: str) -> int:
        return list(self.definitions).index(name)

    def forward(self, images: Float[Tensor, "B 3 S S"], head: str) -> Laplacian:
        """Landmarks of head `head` on pictures with values from 0 to 1."""
        tokens = self.encoder(images)
        groups = self.decoder(tokens)
        pixels = self.pixels(images, self.encoder.grid_features(tokens)) if self.pixels is not None else None
        return Laplacian(*self.head(head)(groups, pixels))


def build(config: ModelConfig, definitions: Mapping[str, Definition]) -> MDMD:
    """A model with fresh weights and a head for each definition."""
    model = MDMD(config)
    for name, definition in definitions.items():
        model.add_head(name, definition)
    return model
