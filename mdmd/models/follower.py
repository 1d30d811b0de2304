"""Points of one head that follow from those of another, fused with the head's own (`mdmd/transfer/follow.py`)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mdmd.models.covariances import fuse
from mdmd.models.heads import covariance_to_factor, factor_to_covariance
from mdmd.transfer.carry import LEAST
from mdmd.transfer.follow import Relation


class Follower(nn.Module):
    """How the N landmarks of head `target` follow from the M of head `source`.

    `weights` (N, M, 2) are real and imaginary parts, and `spread` (N,) multiplies the covariances, as in `Relation`.
    """

    weights: Tensor
    spread: Tensor

    def __init__(self, target: str, source: str, landmarks: int, points: int) -> None:
        super().__init__()
        self.target, self.source = target, source
        self.register_buffer("weights", torch.zeros(landmarks, points, 2))
        self.register_buffer("spread", torch.ones(landmarks))

    def take(self, relation: Relation) -> None:
        """Use `relation` from now on."""
        weights = torch.from_numpy(relation.weights)
        self.weights.copy_(torch.view_as_real(weights))
        self.spread.copy_(torch.from_numpy(relation.spread))

    def forward(
        self,
        mean: Float[Tensor, "B N 2"],
        factor: Float[Tensor, "B N 3"],
        seen: Float[Tensor, "B M 2"],
        seen_factor: Float[Tensor, "B M 3"],
    ) -> tuple[Float[Tensor, "B N 2"], Float[Tensor, "B N 3"]]:
        """Mean and Cholesky factor of the target's own ones fused with those that follow from what the source sees."""
        with torch.autocast(mean.device.type, enabled=False):
            followed = self.follow(seen.float(), factor_to_covariance(seen_factor.float()))
            own = mean.float(), factor_to_covariance(factor.float())
            fused, covariance = fuse([own[0], followed[0]], [own[1], followed[1]])
            return fused, covariance_to_factor(covariance)

    def follow(
        self, seen: Float[Tensor, "B M 2"], covariance: Float[Tensor, "B M 2 2"]
    ) -> tuple[Float[Tensor, "B N 2"], Float[Tensor, "B N 2 2"]]:
        """Means and covariances that follow from the source's (see `Relation.follow`)."""
        real, imaginary = (part.T for part in self.weights.unbind(-1))  # (M, N)
        middle = seen.mean(dim=1, keepdim=True)
        x, y = (seen - middle).unbind(-1)
        mean = middle + torch.stack([x @ real - y @ imaginary, x @ imaginary + y @ real], dim=-1)
        a, b, c = covariance[..., 0, 0], covariance[..., 0, 1], covariance[..., 1, 1]
        trace = (a + c) @ (real**2 + imaginary**2) / 2
        along, across = real**2 - imaginary**2, 2 * real * imaginary  # of the squared weights
        tilt, turn = (a - c) / 2 @ along - b @ across, (a - c) / 2 @ across + b @ along
        least = LEAST**2 * (x**2 + y**2).mean(dim=1, keepdim=True)
        rows = torch.stack([trace + tilt + least, turn, turn, trace - tilt + least], dim=-1)
        return mean, self.spread[:, None, None] * rows.unflatten(-1, (2, 2))
