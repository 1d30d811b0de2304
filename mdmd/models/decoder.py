"""The paper's definition-agnostic decoder: group queries attend to the image tokens and to each other."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

ACTIVATIONS: Mapping[str, type[nn.Module]] = {"relu": nn.ReLU, "gelu": nn.GELU}


class DecoderBlock(nn.Module):
    """Equations 1 to 3 of the paper, with layer normalization before each layer, also of the image tokens.

    Equation 3 has no residual around the feed-forward network; `feedforward_residual` adds it. The network is that of
    Vaswani et al. 2017 with a hidden width of 4 C; `activation` is theirs ("relu") or "gelu".
    """

    def __init__(self, channels: int, heads: int, *, feedforward_residual: bool, activation: str) -> None:
        super().__init__()
        self.norm_query = nn.LayerNorm(channels)
        self.norm_picture = nn.LayerNorm(channels)
        self.cross = nn.MultiheadAttention(channels, heads, batch_first=True)
        self.norm_groups = nn.LayerNorm(channels)
        self.mutual = nn.MultiheadAttention(channels, heads, batch_first=True)
        self.norm_feedforward = nn.LayerNorm(channels)
        self.feedforward = nn.Sequential(
            nn.Linear(channels, 4 * channels), ACTIVATIONS[activation](), nn.Linear(4 * channels, channels)
        )
        self.feedforward_residual = feedforward_residual

    def forward(self, groups: Float[Tensor, "B G C"], tokens: Float[Tensor, "B T C"]) -> Float[Tensor, "B G C"]:
        picture = self.norm_picture(tokens)
        groups = groups + self.cross(self.norm_query(groups), picture, picture, need_weights=False)[0]
        own = self.norm_groups(groups)
        groups = groups + self.mutual(own, own, own, need_weights=False)[0]
        out = self.feedforward(self.norm_feedforward(groups))
        return groups + out if self.feedforward_residual else out


class GroupDecoder(nn.Module):
    """G learned group queries, and queries added by the caller, in `depth` blocks of cross- and self-attention."""

    def __init__(
        self, channels: int, *, groups: int, depth: int, heads: int, feedforward_residual: bool, activation: str
    ) -> None:
        super().__init__()
        self.queries = learned_queries(groups, channels)
        self.blocks = nn.ModuleList(
            DecoderBlock(channels, heads, feedforward_residual=feedforward_residual, activation=activation)
            for _ in range(depth)
        )

    def forward(
        self, tokens: Float[Tensor, "B T C"], added: Float[Tensor, "A C"] | None = None
    ) -> Float[Tensor, "B Q C"]:
        """The output tokens of each image: of the G group queries, then of the A added queries."""
        shared = self.queries.weight
        queries = (shared if added is None else torch.cat([shared, added])).expand(tokens.shape[0], -1, -1)
        for block in self.blocks:
            queries = block(queries, tokens)
        return queries


def learned_queries(count: int, channels: int) -> nn.Embedding:
    """`count` learned tokens, initialized small so that the image dominates at first."""
    queries = nn.Embedding(count, channels)
    nn.init.normal_(queries.weight, std=0.02)
    return queries
