"""Two-by-two covariances in torch, by formula: with operations that every runtime of an exported model has."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor


def determinant(matrices: Float[Tensor, "*B 2 2"]) -> Float[Tensor, "*B"]:
    return matrices[..., 0, 0] * matrices[..., 1, 1] - matrices[..., 0, 1] * matrices[..., 1, 0]


def inverse(matrices: Float[Tensor, "*B 2 2"]) -> Float[Tensor, "*B 2 2"]:
    """The inverses of symmetric matrices."""
    over = 1 / determinant(matrices)
    xx, xy, yy = matrices[..., 1, 1] * over, -matrices[..., 0, 1] * over, matrices[..., 0, 0] * over
    return torch.stack([torch.stack([xx, xy], dim=-1), torch.stack([xy, yy], dim=-1)], dim=-2)


def fuse(
    means: Sequence[Float[Tensor, "B N 2"]], covariances: Sequence[Float[Tensor, "B N 2 2"]]
) -> tuple[Float[Tensor, "B N 2"], Float[Tensor, "B N 2 2"]]:
    """One mean and covariance of several (see `mdmd.evaluation.fusion.fuse`)."""
    precisions = [inverse(covariance) for covariance in covariances]
    common = inverse(torch.stack(precisions).sum(dim=0))
    weighted = torch.stack([p @ m[..., None] for p, m in zip(precisions, means, strict=True)]).sum(dim=0)
    mean = (common @ weighted)[..., 0]
    apart = torch.stack([(m - mean)[..., None] @ (m - mean)[..., None, :] for m in means]).mean(dim=0)
    return mean, len(means) * common + apart
