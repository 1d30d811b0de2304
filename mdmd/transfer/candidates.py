"""Whether a landmark is one of the base's points, such as the tip of the nose, told from the labeled faces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mdmd.data.definition import Definition
from mdmd.transfer.weights import Array, Complex, scale_of

#: How much wider than predicted the base's errors are taken, and the least deviation: on faces of another kind a base
#: errs more than it knows.
WIDER, LEAST_ERROR = 1.5, 0.05
#: The prior share of landmarks that are no candidate, and the variance of their offset from one.
FREE, OFFSET = 0.2, 0.02
#: Prior weight of a candidate that is easy to name, such as the corner of an eye, beside 1 for the others.
DISTINCT = 4.0
#: The 68 points of 300W: which are easy to name, and of which the middle may be meant.
IBUG = 68
EASY = {36, 39, 42, 45, 48, 54, 30, 33, 51, 57, 62, 66, 8}
EYES = [tuple(range(36, 42)), tuple(range(42, 48))]
MIDDLES = [
    *EYES,
    tuple(range(60, 68)),
    tuple(range(17, 22)),
    tuple(range(22, 27)),
    (39, 42),
    (21, 22),
    (62, 66),
    (51, 57),
]
#: How much a proposed point counts that a person looked at and took, and one that was taken without a look, beside 1
#: for one that a person placed.
TAKEN, UNLOOKED = 0.5, 0.25
#: Variance of the mean of several base points beside the mean of their variances.
SHARED = 0.6


@dataclass(frozen=True, eq=False)
class Candidates:
    """J points that a landmark may be: the means of `members` of the base's definition.

    `prior` (J,) are their weights beside each other.
    """

    members: tuple[tuple[int, ...], ...]
    prior: Array

    @property
    def weights(self) -> Array:
        """The weights (J, M) of the candidates; M is the number of the base's points."""
        count = 1 + max(k for own in self.members for k in own)
        rows = np.zeros((len(self.members), count))
        for row, own in zip(rows, self.members, strict=True):
            row[list(own)] = 1 / len(own)
        return rows


def candidates_of(base: Definition) -> Candidates:
    """The points of `base`, and with the 68 points of 300W the middles of eyes, brows and mouth too."""
    count = len(base.landmarks)
    members = [(k,) for k in range(count)]
    prior = [1.0] * count
    if count == IBUG:
        members += MIDDLES
        prior = [DISTINCT if k in EASY else 1.0 for k in range(count)]
        prior += [DISTINCT if own in EYES else 1.0 for own in MIDDLES]
    return Candidates(tuple(members), np.array(prior))


@dataclass(frozen=True, eq=False)
class LabeledFaces:
    """K faces with labels of N landmarks: `points` (K, N) in pixels, NaN for none.

    `base` (K, M) and `covariance` (K, M, 2, 2) are what the base predicts on them.
    `within` (K, N) is how far in pixels the true place may be from the label: 0 where a person placed it, the tolerance
    where a person looked at a proposed point and took it, and infinite where no person looked. None: all were placed.
    """

    base: Complex
    covariance: Array
    points: Complex
    within: Array | None = None

    @property
    def heed(self) -> Array:
        """How much each label counts (K, N): one that was taken over mostly repeats what was proposed."""
        if self.within is None:
            return np.ones(self.points.shape)
        return np.where(self.within == 0, 1.0, np.where(np.isfinite(self.within), TAKEN, UNLOOKED))

    def some(self, chosen: NDArray[np.bool_]) -> LabeledFaces:
        """The chosen faces (K,) alone."""
        within = None if self.within is None else self.within[chosen]
        return LabeledFaces(self.base[chosen], self.covariance[chosen], self.points[chosen], within)


def evidence(faces: LabeledFaces, choices: Candidates) -> tuple[Array, Array]:
    """The probability (N, J) that each landmark is one of the candidates, and that it is none of them (N,)."""
    base, points = faces.base, faces.points
    s = scale_of(base)
    weights = choices.weights
    at = base @ weights.T  # (K, J)
    residual = (at[:, None, :] - points[:, :, None]) / s[:, None, None]  # (K, N, J)
    several = np.array([SHARED if len(own) > 1 else 1.0 for own in choices.members])
    c = (
        WIDER
        * np.einsum("jm,kmab->kjab", weights, faces.covariance)
        * several[:, None, None]
        / s[:, None, None, None] ** 2
    )
    c = c + LEAST_ERROR**2 * np.eye(2)
    r = np.stack([residual.real, residual.imag], axis=-1)
    heed = np.where(np.isnan(points.real), 0, faces.heed)  # (K, N)
    r, residual = np.nan_to_num(r), np.nan_to_num(residual)
    precision, logs = np.linalg.inv(c), np.linalg.slogdet(c)[1]
    square = np.einsum("knja,kjab,knjb->knj", r, precision, r)
    fit = -0.5 * (heed[..., None] * (square + logs[:, None, :])).sum(axis=0)  # (N, J)
    count = np.maximum(heed.sum(axis=0), 1e-9)[:, None]
    m = (heed[..., None] * residual).sum(axis=0) / count
    noise = np.einsum("kjaa->kj", c).mean(axis=0)[None, :] / 2
    gain = count * np.abs(m) ** 2 / (2 * noise) - np.abs(m) ** 2 / (2 * (noise / count + OFFSET))
    gain = gain - np.log1p(OFFSET * count / noise)
    prior = choices.prior / choices.prior.sum()
    beside = np.logaddexp.reduce(fit + gain + np.log(prior), axis=1)  # free, with an offset from any of them
    free = FREE
    one, none = np.zeros_like(fit), np.zeros_like(beside)
    for _ in range(6):
        one = fit + np.log((1 - free) * prior)
        none = beside + np.log(free)
        top = np.maximum(one.max(axis=1), none)
        one, none = np.exp(one - top[:, None]), np.exp(none - top)
        total = one.sum(axis=1) + none
        one, none = one / total[:, None], none / total
        free = (0.4 + none.sum()) / (2 + len(none))
    return one, none
