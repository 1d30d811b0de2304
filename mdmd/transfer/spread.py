"""How many times larger errors are than covariances say, from labels that were partly taken over. numpy only.

A label that a person takes over from a proposal has no error against that proposal. Counted as a true place it says
that the proposal was exact, so that fewer points are flagged, more are taken over, and in the end none is looked at.
So only a placed label tells the error itself. One that a person looked at and took tells that the error is below what
the person corrects, and one that no person looked at tells nothing.
"""

from __future__ import annotations

import numpy as np

from mdmd.evaluation.error_law import SQRT3, RadialLaw
from mdmd.transfer.weights import Array

#: The radii of carried points. Their tail is shorter than the Laplacian's (benchmarks/RESULTS.md).
LAW = RadialLaw(1.25)
#: For how many faces the expected spread counts, and for how many faces that of all landmarks in that of one.
FACES, POOLED = 4.0, 10.0
#: Larger radii count as this.
LARGEST = 8.0
#: How often the errors that are known within bounds are expected anew, until they no longer change.
TIMES = 30


def radii_of(off: Array, covariance: Array, within: Array) -> tuple[Array, Array]:
    """The Mahalanobis radii (K, N) of labels that are `off` (K, N, 2) from predicted points, and their `reach`.

    `covariance` (K, N, 2, 2) is the prediction's; `within` (K, N) is as in `LabeledFaces`.
    """
    farthest = np.where(within > 0, np.hypot(within, np.linalg.norm(off, axis=-1)), 0)
    radii = np.sqrt(np.einsum("kna,knab,knb->kn", off, np.linalg.inv(covariance), off))
    return radii, farthest / np.linalg.det(covariance) ** 0.25


def spread_of(radii: Array, reach: Array, *, expected: float = 1.0) -> Array:
    """By how much (N,) the covariances of landmarks must be multiplied, from labels of K faces.

    `radii` (K, N) are Mahalanobis, NaN without a label. `reach` (K, N) is the radius within which the true place is if
    the label does not tell it: 0 where it does, infinite where nothing is known. `expected` is the factor that is
    expected before any label. The most likely factor for errors of `LAW`, by expectation and maximization.
    """
    labeled = np.isfinite(radii)
    exact, known = labeled & (reach == 0), labeled & np.isfinite(reach)

    def size(radius: Array) -> Array:
        # It has a gamma distribution of the shape 2, whose mean is the deviation's factor to the law's power.
        return SQRT3 / 2 * (radius / LAW.unit) ** LAW.power

    a, most = size(np.minimum(np.where(exact, radii, 0), LARGEST)), size(np.where(known, reach, np.inf))
    share, before = np.maximum(labeled.sum(axis=1), 1), expected ** (LAW.power / 2)
    mean = np.full(radii.shape[1], before)
    for _ in range(TIMES if (known & ~exact).any() else 1):
        each = np.where(exact, a, np.where(known, _mean_below(most, mean), 0))
        faces, counts = (each.sum(axis=1) / share).sum(), (known.sum(axis=1) / share).sum()
        pool = (FACES * before + faces) / (FACES + counts)
        mean = (POOLED * pool + each.sum(axis=0)) / (POOLED + known.sum(axis=0))
    return mean ** (2 / LAW.power)


def _mean_below(most: Array, mean: Array) -> Array:
    """The mean of the part below `most` of a gamma distribution of the shape 2 with the mean `mean`."""
    x = np.clip(2 * most / mean, 1e-3, 50)
    rest = np.exp(-x)
    return mean / 2 * (2 - rest * (x**2 + 2 * x + 2)) / (1 - rest * (1 + x))
