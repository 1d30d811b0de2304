"""Heads, one per definition: from group tokens to a mean and a Cholesky factor for each landmark.

The factor L = [[a, 0], [b, c]] is stored as (a, b, c); the covariance is L L^T. All values are in crop units, 0 to 1
across the crop.

Heads compute in float32 also under autocast: bfloat16 has eight bits, which would shift a mean by up to a pixel and
could make a covariance indefinite.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

START_SIGMA = 0.05


class PerGroup(nn.Module):
    """The paper's two-layer head (appendix D.1), one per non-empty group, with `size` outputs per landmark."""

    order: Tensor

    def __init__(self, channels: int, members: Sequence[Sequence[int]], size: int) -> None:
        super().__init__()
        self.filled = [g for g, m in enumerate(members) if m]
        self.size = size
        self.networks: Any = nn.ModuleList(
            nn.Sequential(
                nn.ReLU(),
                nn.Linear(channels, channels // 4),
                nn.ReLU(),
                nn.Linear(channels // 4, size * len(members[g])),
            )
            for g in self.filled
        )
        grouped = [k for g in self.filled for k in members[g]]
        self.register_buffer("order", torch.argsort(torch.tensor(grouped)), persistent=False)

    def forward(self, groups: Float[Tensor, "B G C"]) -> Float[Tensor, "B N D"]:
        """Outputs in the order of the definition's landmarks."""
        parts = [
            network(groups[:, g]).unflatten(1, (-1, self.size))
            for g, network in zip(self.filled, self.networks, strict=True)
        ]
        return torch.cat(parts, dim=1)[:, self.order]

    @torch.no_grad()
    def start_at(self, values: Float[Tensor, "N D"], *, spread: float) -> None:
        """Initialize the outputs to `values` for every image, with their variation multiplied by `spread`."""
        position = torch.argsort(self.order)
        offset = 0
        for network in self.networks:
            last = network[-1]
            count = last.out_features // self.size
            last.weight.mul_(spread)
            last.bias.copy_(values[position[offset : offset + count]].flatten())
            offset += count

    @torch.no_grad()
    def start_from(self, other: PerGroup, like: Sequence[int]) -> None:
        """Initialize landmark k with the weights of landmark `like[k]` of `other` (-1: keep its own).

        Both must be in the same group. A group with at least one counterpart takes over the other's first layer.
        """
        rows, other_rows = self._rows(), other._rows()
        for k, counterpart in enumerate(like):
            if counterpart < 0:
                continue
            (network, row), (known, known_row) = rows[k], other_rows[counterpart]
            network[1].load_state_dict(known[1].state_dict())
            size = self.size
            network[3].weight[row * size : (row + 1) * size] = known[3].weight[
                known_row * size : (known_row + 1) * size
            ]
            network[3].bias[row * size : (row + 1) * size] = known[3].bias[known_row * size : (known_row + 1) * size]

    def _rows(self) -> dict[int, tuple[Any, int]]:
        """For each landmark, its network and its index in that network's last layer."""
        grouped = torch.argsort(self.order).tolist()
        rows: dict[int, tuple[Any, int]] = {}
        offset = 0
        for network in self.networks:
            count = network[-1].out_features // self.size
            rows |= {k: (network, row) for row, k in enumerate(grouped[offset : offset + count])}
            offset += count
        return rows


class CholeskyHead(nn.Module):
    """Cholesky factors. a and c are `floor` plus a softplus and start near START_SIGMA; b is unbounded."""

    def __init__(self, channels: int, members: Sequence[Sequence[int]], *, floor: float) -> None:
        super().__init__()
        self.numbers = PerGroup(channels, members, 3)
        self.floor = floor
        start = torch.log(torch.expm1(torch.tensor(START_SIGMA - floor)))
        landmarks = sum(map(len, members))
        self.numbers.start_at(torch.stack([start, torch.tensor(0.0), start]).expand(landmarks, 3), spread=0.1)

    def forward(self, groups: Float[Tensor, "B G C"]) -> Float[Tensor, "B N 3"]:
        a, b, c = self.numbers(groups).unbind(-1)
        return torch.stack([self.floor + F.softplus(a), b, self.floor + F.softplus(c)], dim=-1)


class RegressionHead(nn.Module):
    """The paper's head: means regressed from the group tokens, initialized near the middle of the crop."""

    def __init__(self, channels: int, members: Sequence[Sequence[int]], *, floor: float) -> None:
        super().__init__()
        self.means = PerGroup(channels, members, 2)
        self.means.start_at(torch.full((sum(map(len, members)), 2), 0.5), spread=0.1)
        self.cholesky = CholeskyHead(channels, members, floor=floor)

    def forward(
        self, groups: Float[Tensor, "B G C"], pixels: Float[Tensor, "B D H W"] | None = None
    ) -> tuple[Float[Tensor, "B N 2"], Float[Tensor, "B N 3"], None]:
        with torch.autocast(groups.device.type, enabled=False):
            exact = groups.to(next(self.parameters()).dtype)
            return self.means(exact), self.cholesky(exact), None

    def start_from(self, other: RegressionHead, like: Sequence[int]) -> None:
        """Begin as landmarks `like` of `other` (-1: none)."""
        self.means.start_from(other.means, like)
        self.cholesky.numbers.start_from(other.cholesky.numbers, like)


class HeatmapHead(nn.Module):
    """A heatmap per landmark over stride-4 features; the mean is the heatmap's expected position.

    The group token yields a query of D channels for each landmark, and the heatmap is the product of query and features
    in each cell. The covariance is a learned share of the heatmap's covariance plus one from the group token.
    """

    def __init__(self, channels: int, members: Sequence[Sequence[int]], *, pixel_channels: int, floor: float) -> None:
        super().__init__()
        self.queries = PerGroup(channels, members, pixel_channels)
        self.cholesky = CholeskyHead(channels, members, floor=floor)
        self.spread = nn.Parameter(torch.zeros(sum(map(len, members))))

    def forward(
        self, groups: Float[Tensor, "B G C"], pixels: Float[Tensor, "B D H W"]
    ) -> tuple[Float[Tensor, "B N 2"], Float[Tensor, "B N 3"], Float[Tensor, "B N H W"]]:
        with torch.autocast(pixels.device.type, enabled=False):
            logits = torch.einsum("bnd,bdhw->bnhw", self.queries(groups.float()), pixels.float())
            mean, covariance = heatmap_moments(logits)
            own = factor_to_covariance(self.cholesky(groups.float()))
            total = own + torch.sigmoid(self.spread)[None, :, None, None] * covariance
            return mean, covariance_to_factor(total), logits

    @torch.no_grad()
    def start_from(self, other: HeatmapHead, like: Sequence[int]) -> None:
        """Begin as landmarks `like` of `other` (-1: none)."""
        self.queries.start_from(other.queries, like)
        self.cholesky.numbers.start_from(other.cholesky.numbers, like)
        for k, counterpart in enumerate(like):
            if counterpart >= 0:
                self.spread[k] = other.spread[counterpart]


def heatmap_moments(
    logits: Float[Tensor, "B N H W"],
) -> tuple[Float[Tensor, "B N 2"], Float[Tensor, "B N 2 2"]]:
    """Expected position and covariance, in crop units, of a softmax over cells."""
    height, width = logits.shape[-2:]
    weights = logits.flatten(-2).softmax(dim=-1)
    x = (torch.arange(width, device=logits.device) + 0.5) / width
    y = (torch.arange(height, device=logits.device) + 0.5) / height
    place = torch.stack([x.repeat(height), y.repeat_interleave(width)], dim=-1).to(weights.dtype)
    mean = weights @ place
    square = torch.stack([place[:, 0] ** 2, place[:, 0] * place[:, 1], place[:, 1] ** 2], dim=-1)
    xx, xy, yy = (weights @ square).unbind(-1)
    mx, my = mean.unbind(-1)
    xx, xy, yy = (xx - mx * mx).clamp_min(0), xy - mx * my, (yy - my * my).clamp_min(0)
    return mean, torch.stack([xx, xy, xy, yy], dim=-1).unflatten(-1, (2, 2))


def factor_to_covariance(factor: Float[Tensor, "*B 3"]) -> Float[Tensor, "*B 2 2"]:
    """L L^T of (a, b, c)."""
    a, b, c = factor.unbind(-1)
    return torch.stack([a * a, a * b, a * b, b * b + c * c], dim=-1).unflatten(-1, (2, 2))


def covariance_to_factor(covariance: Float[Tensor, "*B 2 2"]) -> Float[Tensor, "*B 3"]:
    """The Cholesky factor (a, b, c) of positive definite covariances."""
    a = covariance[..., 0, 0].sqrt()
    b = covariance[..., 1, 0] / a
    c = (covariance[..., 1, 1] - b * b).clamp_min(1e-10).sqrt()
    return torch.stack([a, b, c], dim=-1)
