"""Metrics of points (NME, failure rate, AUC) and of their covariances (coverage, NLL, AUSE, AUROC). numpy only.

Sources: NME, FR and AUC as in Wu et al. 2018 (WFLW); the density of a point as in Kumar et al.
2020 (LUVLi), see `error_law.py`; sparsification as in Ilg et al. 2018 (Uncertainty estimates and multi-hypotheses
networks for optical flow).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mdmd.evaluation.error_law import LAPLACIAN, Array, RadialLaw


def point_errors(predicted: Array, truth: Array, labeled: NDArray[np.bool_], distance: Array) -> Array:
    """Distances (B, N) as shares of `distance` (B,); NaN where a point is not labeled.

    `predicted`, `truth` (B, N, 2) in pixels; `labeled` (B, N).
    """
    errors = np.linalg.norm(predicted - truth, axis=-1) / distance[:, None]
    return np.where(labeled, errors, np.nan)


def face_nme(errors: Array) -> Array:
    """Normalized mean error (B,) of each face over its labeled points; NaN for a face with none."""
    count = (~np.isnan(errors)).sum(axis=1)
    return np.where(count > 0, np.nansum(errors, axis=1) / np.maximum(count, 1), np.nan)


def failure_rate(nme: Array, threshold: float = 0.10) -> float:
    """Share of faces with NME strictly above `threshold`; faces with NaN (no labeled point) do not count."""
    return float(np.mean(nme[~np.isnan(nme)] > threshold))


def area_under_curve(nme: Array, threshold: float = 0.10) -> float:
    """Area under the cumulative error curve up to `threshold`, divided by it: mean(max(0, 1 - NME / threshold)).

    Faces with NaN (no labeled point) do not count.
    """
    return float(np.mean(np.maximum(0.0, 1.0 - nme[~np.isnan(nme)] / threshold)))


def mahalanobis(offset: Array, covariance: Array) -> Array:
    """sqrt(d^T S^-1 d) (...,) for offsets (..., 2) and covariances (..., 2, 2)."""
    solved = np.linalg.solve(covariance, offset[..., None])[..., 0]
    return np.sqrt(np.maximum((offset * solved).sum(axis=-1), 0.0))


def coverage(radii: Array, probability: float, law: RadialLaw = LAPLACIAN) -> float:
    """Share of points inside the ellipse that holds `probability` under `law`.

    `radii` are Mahalanobis radii; NaN (not labeled) does not count. NaN if no point counts.
    """
    known = radii[~np.isnan(radii)]
    return float(np.mean(known <= law.radius(probability))) if len(known) else float("nan")


def negative_log_likelihood(radii: Array, covariance: Array, distance: Array, law: RadialLaw = LAPLACIAN) -> Array:
    """-log of the density (B, N) of each true point under its prediction, lengths in shares of the normalizer.

    `radii` (B, N) are Mahalanobis, `covariance` (B, N, 2, 2) in pixels, `distance` (B,) the normalizer in pixels; in
    shares, faces of any size can be averaged. NaN stays NaN. In pixels it would be 2 log(distance) more.
    """
    area = np.log(np.linalg.det(covariance)) / 2 - 2 * np.log(distance)[:, None]
    return area - law.log_density(radii)


def probability_off(covariance: Array, tolerance: Array, law: RadialLaw = LAPLACIAN, *, angles: int = 64) -> Array:
    """Probability (...,) that a point lies farther than `tolerance` (...,) from its mean.

    `covariance` (..., 2, 2). The point is r L u with u uniform on the circle and r the Mahalanobis radius, so the
    probability is the mean over directions of P(r > tolerance / |L u|). Pixels in both arguments; error below
    1e-6 at 64 angles for ellipses up to ten times as long as wide.
    """
    turn = (np.arange(angles) + 0.5) * np.pi / angles  # |L u| is the same for u and -u
    direction = np.stack([np.cos(turn), np.sin(turn)])
    reach = np.linalg.norm(np.linalg.cholesky(covariance) @ direction, axis=-2)
    return np.mean(law.survival(tolerance[..., None] / np.maximum(reach, 1e-12)), axis=-1)


def sparsification_curve(errors: Array, doubt: Array) -> Array:
    """Mean error (M,) of the points left after removing the k most uncertain of M points, k = 0 .. M - 1.

    It is a share of the mean error of all points. Points of equal `doubt` are exchangeable: each counts with their mean
    error.
    """
    _, same, counts = np.unique(doubt, return_inverse=True, return_counts=True)
    expected = (np.bincount(same, weights=errors) / counts)[same]
    rising = expected[np.argsort(doubt, kind="stable")]
    left = (np.cumsum(rising) / np.arange(1, len(rising) + 1))[::-1]
    return left / left[0] if left[0] > 0 else np.zeros_like(left)


def ause(errors: Array, doubt: Array) -> float:
    """Area under the sparsification error: the curve by `doubt` minus the oracle's, which removes large errors first.

    `errors` and `doubt` (M,). 0 means that doubt orders points as their errors do. The unit of errors cancels. NaN if
    there are no points.
    """
    if not len(errors):
        return float("nan")
    return float(np.mean(sparsification_curve(errors, doubt) - sparsification_curve(errors, errors)))


def auroc(score: Array, positive: NDArray[np.bool_]) -> float:
    """Probability that a positive scores above a negative (ties count half); NaN without both kinds."""
    positives, negatives = int(positive.sum()), int((~positive).sum())
    if positives == 0 or negatives == 0:
        return float("nan")
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return float((ranks[positive].sum() - positives * (positives + 1) / 2) / (positives * negatives))


#: The two-sided 95 % quantile of the standard normal distribution.
Z95 = 1.959964


#: From this many faces on a mean gets an interval. Resamples of fewer hardly differ, and those of one face not at all.
FEWEST_FACES = 5


class Measured(NamedTuple):
    """A mean over faces with its 95 % interval, whose ends are NaN for fewer than FEWEST_FACES faces."""

    value: float
    low: float
    high: float

    @property
    def has_interval(self) -> bool:
        return math.isfinite(self.low) and math.isfinite(self.high)


def bootstrap_interval(
    values: Array, weights: Array | None = None, *, seed: int = 0, rounds: int = 2000, level: float = 0.95
) -> tuple[float, float]:
    """Percentile interval of the mean of `values` (B,), resampling faces.

    With `weights` (B,) it is that of the sum of `values` over the sum of `weights`.
    """
    picks = np.random.default_rng(seed).integers(0, len(values), (rounds, len(values)))
    sums = values[picks].sum(axis=1)
    over = len(values) if weights is None else np.maximum(weights[picks].sum(axis=1), 1)
    low, high = np.quantile(sums / over, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def measured_share(hits: Array, of: Array) -> Measured:
    """The share of hits among points, with an interval over faces: `hits` (B,) of `of` (B,) points of each face.

    If all points are hits or none is, all resamples are equal; Wilson's score interval (1927) for as many faces then
    replaces the bootstrap interval of zero width. Fewer than FEWEST_FACES faces have no interval.
    """
    share, faces = float(hits.sum() / of.sum()), int((of > 0).sum())
    if faces < FEWEST_FACES:
        return Measured(share, math.nan, math.nan)
    if 0 < share < 1:
        return Measured(share, *bootstrap_interval(hits, of))
    beyond = Z95**2 / (faces + Z95**2)
    return Measured(share, share * (1 - beyond), share + (1 - share) * beyond)


def measured(values: Array) -> Measured:
    """The mean of `values` (B,), one value per face, with its `bootstrap_interval`; see FEWEST_FACES."""
    if len(values) < FEWEST_FACES:
        return Measured(float(values.mean()), math.nan, math.nan)
    return Measured(float(values.mean()), *bootstrap_interval(values))
