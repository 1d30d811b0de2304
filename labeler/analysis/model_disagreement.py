"""Labels that a model strongly contradicts. numpy only.

A label in the training set pulls the model's prediction towards it. A slip still stands out, because all other faces
contradict it. Thresholds separate slips from the model's own errors.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mdmd.data.definition import Definition
from mdmd.evaluation.error_law import LAPLACIAN

Array = NDArray[np.float64]

#: A label contradicts the model if its Mahalanobis distance is this many times the radius of the 90 % ellipse ...
BEYOND = 2.2
#: ... and its distance is more than this, in face sizes. Both were measured (benchmarks/RESULTS.md).
AWAY = 0.08
#: Above this share of contradicted labels, the whole face is reported.
MANY = 0.25


@dataclass(frozen=True)
class ModelPrediction:
    """A model's prediction for one face: `means` (N, 2) and `covariances` (N, 2, 2) in pixels.

    Landmarks with NaN means are not checked. `radius90` is the Mahalanobis radius that contains 90 % of the points.
    """

    means: Array
    covariances: Array
    radius90: float = LAPLACIAN.radius(0.9)


def contradictions(
    definition: Definition, points: Array, size: float, prediction: ModelPrediction
) -> Iterator[tuple[tuple[int, ...], str]]:
    """Yield the indices of contradicted labels and a sentence, worst first; `points` (N, 2) and `size` in pixels."""
    asked = np.isfinite(prediction.means[:, 0]) & np.isfinite(points[:, 0])
    precision = np.zeros_like(prediction.covariances)
    precision[asked] = np.linalg.inv(prediction.covariances[asked])
    steps = np.where(asked[:, None, None], points[:, None] - prediction.means[None], np.nan)
    # (N, N): the Mahalanobis distance of each label from the prediction of each landmark.
    radii = np.sqrt(np.einsum("lni,nij,lnj->ln", steps, precision, steps))
    radii[:, ~asked] = np.nan
    far = prediction.radius90 * BEYOND
    away = np.linalg.norm(points - prediction.means, axis=-1) / size
    wrong = [int(k) for k in np.argsort(-np.nan_to_num(away)) if radii[k, k] > far and away[k] > AWAY]
    if len(wrong) > max(3, MANY * asked.sum()):
        yield tuple(wrong), f"The model predicts {len(wrong)} landmarks elsewhere: is this the right face?"
        return
    left = list(wrong)
    while left:
        k = left.pop(0)
        other = next((m for m in left if radii[k, m] < far and radii[m, k] < far), None)
        name = definition.landmarks[k]
        if other is not None:
            left.remove(other)
            yield (
                (k, other),
                f"{name} and {definition.landmarks[other]} look swapped: the model predicts them the other way round.",
            )
        else:
            yield (k,), f"The model predicts {name} {100 * away[k]:.0f} % of the face away: is the label right?"
