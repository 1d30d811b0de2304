"""The network: encoder, group decoder and one head per definition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mdmd.config import ModelConfig
from mdmd.data.definition import Definition
from mdmd.errors import DataError
from mdmd.models.decoder import GroupDecoder, learned_queries
from mdmd.models.encoder import Encoder
from mdmd.models.follower import Follower
from mdmd.models.groups import grouped
from mdmd.models.heads import HeatmapHead, RegressionHead
from mdmd.models.pixel_decoder import PixelPath


@dataclass(frozen=True, eq=False)
class Laplacian:
    """A 2-D Laplacian for each landmark, in crop units (0 to 1 across the crop).

    `mean` (B, N, 2); `factor` (B, N, 3) is (a, b, c) of the Cholesky factor [[a, 0], [b, c]];
    `logits` (B, N, H, W) are the heatmap's, or None for a regression head.
    """

    mean: Float[Tensor, "B N 2"]
    factor: Float[Tensor, "B N 3"]
    logits: Float[Tensor, "B N H W"] | None = None


class MDMD(nn.Module):
    """A shared encoder and decoder, and a head for each dataset, addressed by the dataset's name.

    A head reads one token per semantic group (`config.tokens` "group", as in the paper), one per landmark of its
    definition ("landmark", Table 5), or for each landmark the sum of its token and its group's token ("both", our
    reading of the paper's future work: all tokens attend to each other, group tokens hold what definitions share).
    Landmark queries depend on the definition, so each head has its own.

    After a training a head may also follow another one (`follow`): its prediction is then fused with what follows from
    the other's.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config.encoder, config.image_size, config.stem, config.encoder_depth)
        channels = self.encoder.channels
        heads = config.decoder_heads or max(1, channels // 64)
        if channels % heads:
            raise DataError(f"{heads} decoder heads do not divide the encoder's {channels} channels")
        self.decoder = GroupDecoder(
            channels,
            groups=0 if config.tokens == "landmark" else config.groups,
            depth=config.decoder_depth,
            heads=heads,
            feedforward_residual=config.feedforward_residual,
            activation=config.activation,
        )
        self.pixels = PixelPath(channels, config.pixel_channels) if config.head == "heatmap" else None
        self.definitions: dict[str, Definition] = {}
        self.heads = nn.ModuleList()
        self.landmark_queries = nn.ModuleList()
        self.followers = nn.ModuleList()

    def add_head(self, name: str, definition: Definition) -> None:
        """Add a head called `name`, or replace it."""
        self.stop_following(name)
        channels, config = self.encoder.channels, self.config
        count = len(definition.landmarks)
        members = grouped(definition.members, config.groups)
        if config.tokens != "group":
            members = tuple((k,) for k in range(count))
        if config.head == "heatmap":
            head: nn.Module = HeatmapHead(
                channels, members, pixel_channels=config.pixel_channels, floor=config.sigma_floor
            )
        else:
            head = RegressionHead(channels, members, floor=config.sigma_floor)
        self.definitions[name] = definition
        _put(self.heads, self._position(name), head)
        if config.tokens != "group":
            _put(self.landmark_queries, self._position(name), learned_queries(count, channels))

    def rename_head(self, old: str, new: str) -> None:
        """Rename a head. `new` must not be in use."""
        self.stop_following(old)
        self.definitions = {new if name == old else name: d for name, d in self.definitions.items()}

    def drop_head(self, name: str) -> None:
        """Remove a head."""
        self.stop_following(name)
        position = self._position(name)
        del self.heads[position]
        if self.config.tokens != "group":
            del self.landmark_queries[position]
        del self.definitions[name]

    @property
    def follows(self) -> dict[str, str]:
        """The heads that follow another one, and which."""
        return {one.target: one.source for one in self._followers()}

    def follow(self, target: str, source: str) -> Follower:
        """Let head `target` follow head `source` by what the returned module holds. Raises DataError for no head."""
        counts = [len(self.head_definition(name).landmarks) for name in (target, source)]
        kept = [one for one in self._followers() if one.target != target]
        made = Follower(target, source, *counts).to(next(self.parameters()).device)
        self.followers = nn.ModuleList([*kept, made])
        return made

    def stop_following(self, name: str | None = None) -> None:
        """No head follows another one any more; with `name`, none follows this one, and it follows none."""
        kept = [one for one in self._followers() if name not in (None, one.target, one.source)]
        self.followers = nn.ModuleList(kept)

    def _followers(self) -> list[Follower]:
        return cast(list[Follower], list(self.followers))

    @torch.no_grad()
    def start_head(self, name: str, known: str, like: Sequence[int]) -> None:
        """Initialize head `name` with landmarks `like` of head `known`, of the same groups (-1: keep its own)."""
        head: Any = self.head(name)
        head.start_from(self.head(known), like)
        if self.config.tokens != "group":
            queries: Any = self.landmark_queries[self._position(name)]
            others: Any = self.landmark_queries[self._position(known)]
            for k, counterpart in enumerate(like):
                if counterpart >= 0:
                    queries.weight[k] = others.weight[counterpart]

    def groups_of(self, name: str) -> tuple[tuple[int, ...], ...]:
        """Landmark indices of head `name` in each of the model's groups, which equation 4 averages over."""
        return grouped(self.definitions[name].members, self.config.groups)

    def head_definition(self, name: str) -> Definition:
        """The definition of head `name`. Raises DataError if there is no such head."""
        if name not in self.definitions:
            raise DataError(f"the model has no head {name!r}; it has: {', '.join(self.definitions)}")
        return self.definitions[name]

    def head(self, name: str) -> nn.Module:
        """The head called `name`."""
        return self.heads[self._position(name)]

    def _position(self, name: str) -> int:
        return list(self.definitions).index(name)

    def forward(self, images: Float[Tensor, "B 3 S S"], head: str) -> Laplacian:
        """The landmarks of head `head` in images with values from 0 to 1."""
        tokens = self.encoder(images)
        pixels = self.pixels(images, self.encoder.grid_features(tokens)) if self.pixels is not None else None
        read = self._read(tokens, head)
        mean, factor, logits = self.head(head)(read, pixels)
        for follower in self._followers():
            if follower.target == head:
                if self.config.tokens != "group":  # groups are read alike for all heads
                    read = self._read(tokens, follower.source)
                seen = self.head(follower.source)(read, pixels)
                mean, factor = follower(mean, factor, *seen[:2])
        return Laplacian(mean, factor, logits)

    def _read(self, tokens: Float[Tensor, "B T C"], name: str) -> Float[Tensor, "B R C"]:
        """The tokens that head `name` reads."""
        if self.config.tokens == "group":
            return self.decoder(tokens)
        found = self.decoder(tokens, self.landmark_queries[self._position(name)].weight)
        if self.config.tokens == "landmark":
            return found
        groups, landmarks = found[:, : self.config.groups], found[:, self.config.groups :]
        group_of = {k: g for g, members in enumerate(self.groups_of(name)) for k in members}
        return landmarks + groups[:, [group_of[k] for k in range(landmarks.shape[1])]]


def _put(modules: nn.ModuleList, position: int, module: nn.Module) -> None:
    if position == len(modules):
        modules.append(module)
    else:
        modules[position] = module


def build(config: ModelConfig, definitions: Mapping[str, Definition], follows: Mapping[str, str] | None = None) -> MDMD:
    """A model with random weights and a head for each definition. `follows`: see `MDMD.follows`."""
    model = MDMD(config)
    for name, definition in definitions.items():
        model.add_head(name, definition)
    for target, source in (follows or {}).items():
        model.follow(target, source)
    return model
