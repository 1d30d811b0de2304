"""Losses per landmark (B, N) in crop units, and the weight of each label in the loss of a batch (equation 4)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

SQRT3 = math.sqrt(3.0)


def laplacian_nll(
    mean: Float[Tensor, "B N 2"], factor: Float[Tensor, "B N 3"], truth: Float[Tensor, "B N 2"]
) -> Float[Tensor, "B N"]:
    """-log p under the 2-D Laplacian of Kumar et al. 2020 (LUVLi), without inverse or determinant.

    `factor` is (a, b, c) of L = [[a, 0], [b, c]], the covariance L L^T. The 1e-12 keeps the gradient finite
    where the mean equals the truth.
    """
    a, b, c = factor.unbind(-1)
    dx, dy = (truth - mean).unbind(-1)
    z1 = dx / a
    z2 = (dy - b * z1) / c
    return math.log(2 * math.pi / 3) + a.log() + c.log() + (3 * (z1 * z1 + z2 * z2) + 1e-12).sqrt()


def distance(mean: Float[Tensor, "B N 2"], truth: Float[Tensor, "B N 2"]) -> Float[Tensor, "B N"]:
    """Euclidean distance, smooth at zero."""
    return ((mean - truth).square().sum(-1) + 1e-12).sqrt()


def heatmap_cross_entropy(
    logits: Float[Tensor, "B N H W"], truth: Float[Tensor, "B N 2"], *, sigma: float
) -> Float[Tensor, "B N"]:
    """Cross-entropy to a Gaussian of `sigma` cells at the truth. Its minimum is the Gaussian's entropy, not zero.

    A truth outside the crop is moved to the nearest border.
    """
    height, width = logits.shape[-2:]
    x = (torch.arange(width, device=logits.device) + 0.5) / width
    y = (torch.arange(height, device=logits.device) + 0.5) / height
    inside = truth.clamp(0, 1)
    along_x = -0.5 * ((x - inside[..., :1]) * width / sigma) ** 2
    along_y = -0.5 * ((y - inside[..., 1:]) * height / sigma) ** 2
    target = (along_y[..., :, None] + along_x[..., None, :]).flatten(-2).softmax(-1)
    return -(target * logits.flatten(-2).log_softmax(-1)).sum(-1)


def group_counts(labeled: Bool[Tensor, "B N"], members: Sequence[Sequence[int]]) -> Int[Tensor, " G"]:
    """The number of labels of each group in a batch."""
    seen = labeled.sum(0)
    return torch.stack([seen[list(group)].sum() for group in members])


def group_weights(counts: Int[Tensor, " G"], members: Sequence[Sequence[int]]) -> Float[Tensor, " N"]:
    """The weight of one label of each landmark in equation 4: 1 / (groups with labels x labels of its group).

    Equation 4 averages over the labels of each group, then over groups; groups without labels do not count. With these
    weights the loss of a batch is a sum over its labels, so the losses of its parts add up exactly.
    """
    weights = torch.zeros(sum(map(len, members)), device=counts.device)
    for group, count in zip(members, counts, strict=True):
        if count:
            weights[list(group)] = 1 / ((counts > 0).sum() * count)
    return weights
