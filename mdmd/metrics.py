"""NME, failure rate, AUC, coverage and AUROC, with bootstrap intervals. numpy only.

Definitions and their sources: NME, FR and AUC as in Wu et al. 2018 (WFLW); the radial law of the 2-D
Laplacian as in Kumar et al. 2020 (LUVLi), whose Mahalanobis radius r has P(r <= R) = 1 - (1 + sqrt3 R) exp(-sqrt3 R).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
SQRT3 = float(np.sqrt(3.0))


def point_errors(predicted: Array, truth: Array, labeled: NDArray[np.bool_], distance: Array) -> Array:
    """Distances (B, N) as shares of `distance` (B,); NaN where a point is not labeled.

    `predicted`, `truth` (B, N, 2) in pixels; `labeled` (B, N).
    """
    errors = np.linalg.norm(predicted - truth, axis=-1) / distance[:, None]
    return np.where(labeled, errors, np.nan)


def face_nme(errors: Array) -> Array:
    """Normalised mean error (B,) of each face over its labeled points; NaN for a face with none."""
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


def laplacian_radius(probability: float) -> float:
    """Mahalanobis radius R that holds `probability` of the 2-D Laplacian's mass (bisection on the closed form)."""
    low, high = 0.0, 100.0
    for _ in range(80):
        middle = (low + high) / 2
        if 1 - (1 + SQRT3 * middle) * np.exp(-SQRT3 * middle) < probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def coverage(radii: Array, probability: float) -> float:
    """Share of held-out points inside the ellipse that promises `probability`.

    `radii` are Mahalanobis; NaN (not labeled) does not count.
    """
    return float(np.mean(radii[~np.isnan(radii)] <= laplacian_radius(probability)))


def probability_off(covariance: Array, tolerance: Array, *, angles: int = 64) -> Array:
    """Probability (...,) that a Laplacian point lies farther than `tolerance` (...,) from its mean.

    `covariance` (..., 2, 2). The point is r L u with u uniform on the circle and r the Mahalanobis radius, so the
    probability is the mean over directions of P(r > tolerance / |L u|). Pixels in both arguments; error below
    1e-6 at 64 angles for ellipses up to ten times as long as wide.
    """
    turn = (np.arange(angles) + 0.5) * np.pi / angles  # |L u| is the same for u and -u
    direction = np.stack([np.cos(turn), np.sin(turn)])
    reach = np.linalg.norm(np.linalg.cholesky(covariance) @ direction, axis=-2)
    scaled = SQRT3 * tolerance[..., None] / np.maximum(reach, 1e-12)
    return np.mean((1 + scaled) * np.exp(-scaled), axis=-1)


def auroc(score: Array, positive: NDArray[np.bool_]) -> float:
    """Probability that a positive scores above a negative (ties count half); NaN without both kinds."""
    positives, negatives = int(positive.sum()), int((~positive).sum())
    if positives == 0 or negatives == 0:
        return float("nan")
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return float((ranks[positive].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def bootstrap_interval(values: Array, *, seed: int = 0, rounds: int = 2000, level: float = 0.95) -> tuple[float, float]:
    """Percentile interval of the mean of `values` (B,), resampling faces."""
    picks = np.random.default_rng(seed).integers(0, len(values), (rounds, len(values)))
    low, high = np.quantile(values[picks].mean(axis=1), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
