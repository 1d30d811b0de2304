"""The definition-agnostic decoder of the paper: group queries that read the picture and each other."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn


class DecoderBlock(nn.Module):
    """Equations 1 to 3 of the paper. Equation 3 prints no residual around the feed-forward network;
    `feedforward_residual` adds the usual one."""

    def __init__(self, channels: int, heads: int, *, feedforward_residual: bool) -> None:
        super().__init__()
        self.norm_query = nn.LayerNorm(channels)
        self.norm_picture = nn.LayerNorm(channels)
        self.cross = nn.MultiheadAttention(channels, heads, batch_first=True)
        self.norm_groups = nn.LayerNorm(channels)
        self.mutual = nn.MultiheadAttention(channels, heads, batch_first=True)
        self.norm_feedforward = nn.LayerNorm(channels)
        self.feedforward = nn.Sequential(
            nn.Linear(channels, 4 * channels), nn.GELU(), nn.Linear(4 * channels, channels)
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
    """G learned group queries through `depth` blocks of cross- and self-attention."""

    def __init__(self, channels: int, *, groups: int, depth: int, heads: int, feedforward_residual: bool) -> None:
        super().__init__()
        self.queries = nn.Embedding(groups, channels)
        nn.init.normal_(self.queries.weight, std=0.02)
        self.blocks = nn.ModuleList(
            DecoderBlock(channels, heads, feedforward_residual=feedforward_residual) for _ in range(depth)
        )

    def forward(self, tokens: Float[Tensor, "B T C"]) -> Float[Tensor, "B G C"]:
        """Group tokens of each picture."""
        groups = self.queries.weight.expand(len(tokens), -1, -1)
        for block in self.blocks:
            groups = block(groups, tokens)
        return groups
