"""Labels that a model strongly contradicts: how they are told apart from its own errors, and what is said of them.

A model that has learned from a label leans to it, and still a slip stands out:
no other face says the same. numpy only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mdmd.data.definition import Definition
from mdmd.evaluation.error_law import LAPLACIAN

Array = NDArray[np.float64]

#: A label contradicts the model when it lies this many times as far out as the 90 % ellipse's edge ...
BEYOND = 2.2
#: ... and this far away, as a share of the face. Both by measurement (benchmarks/RESULTS.md).
AWAY = 0.08
#: From this share of a face's labels on it is the face that is named.
MANY = 0.25


@dataclass(frozen=True)
class ModelWord:
    """Where a model expects the landmarks of a face: `means` (N, 2), `covariances` (N, 2, 2) in pixels; NaN where it
    is not asked. `radius90` is the Mahalanobis radius that holds 90 % of the points."""

    means: Array
    covariances: Array
    radius90: float = LAPLACIAN.radius(0.9)


def contradictions(
    definition: Definition, points: Array, size: float, word: ModelWord
) -> Iterator[tuple[tuple[int, ...], str]]:
    """Landmarks (N, 2) that `word` contradicts on a face of this size, the worst first, each with a sentence."""
    asked = np.isfinite(word.means[:, 0]) & np.isfinite(points[:, 0])
    precision = np.zeros_like(word.covariances)
    precision[asked] = np.linalg.inv(word.covariances[asked])
    steps = np.where(asked[:, None, None], points[:, None] - word.means[None], np.nan)
    # (N, N): how far, in radii, the label of one landmark is from where the model expects another.
    radii = np.sqrt(np.einsum("lni,nij,lnj->ln", steps, precision, steps))
    radii[:, ~asked] = np.nan
    far = word.radius90 * BEYOND
    away = np.linalg.norm(points - word.means, axis=-1) / size
    wrong = [int(k) for k in np.argsort(-np.nan_to_num(away)) if radii[k, k] > far and away[k] > AWAY]
    if len(wrong) > max(3, MANY * asked.sum()):
        yield tuple(wrong), f"The model would put {len(wrong)} landmarks elsewhere: is this the right face?"
        return
    left = list(wrong)
    while left:
        k = left.pop(0)
        other = next((m for m in left if radii[k, m] < far and radii[m, k] < far), None)
        name = definition.landmarks[k]
        if other is not None:
            left.remove(other)
            yield (k, other), f"{name} and {definition.landmarks[other]} look swapped: the model would exchange them."
        else:
            yield (k,), f"The model would put {name} {100 * away[k]:.0f} % of the face away: is it right?"
