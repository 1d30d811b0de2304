"""Predictions against labels: the numbers of `mdmd evaluate` and of a run's held-out faces. numpy only."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mdmd import metrics
from mdmd.records import Annotation, DataError, Definition, Prediction, Sample, normalizing_distance

#: A point is wrong when it is off by more than this share of the normaliser.
WRONG = 0.10


@dataclass(frozen=True)
class FlagRule:
    """A point is flagged when the probability that it is off by more than `tolerance` (a share of the
    normaliser) exceeds `threshold`."""

    tolerance: float = 0.05
    threshold: float = 0.2


def probabilities_off(definition: Definition, prediction: Prediction, sample: Sample, tolerance: float) -> np.ndarray:
    """Probability (N,) that each predicted point is off by more than `tolerance` of the face's normaliser.

    The normaliser is measured on the prediction itself, as it must be where nobody has labeled.
    """
    distance = normalizing_distance(definition, prediction.points, sample.box)
    return metrics.probability_off(prediction.covariance, np.full(len(prediction.points), tolerance * distance))


def evaluate(
    definition: Definition, predictions: Sequence[Prediction], samples: Sequence[Sample], rule: FlagRule
) -> dict[str, float]:
    """Metrics over the labeled points of `samples`, which must all be labeled.

    `nme`, `fr10`, `auc10` in percent, with `nme_low` and `nme_high` the 95 % bootstrap interval over faces;
    `coverage50`, `coverage90`, `auroc_wrong`, `flag_recall` (share of wrong points that are flagged) and `flag_rate`
    (share of all points) as shares; `n` faces. A share of nothing is NaN.
    """
    labeled = np.stack([_labels(s).labeled for s in samples])
    truth = np.stack([_labels(s).points for s in samples])
    points = np.stack([p.points for p in predictions])
    covariance = np.stack([p.covariance for p in predictions])
    distance = np.array(
        [
            normalizing_distance(definition, np.where(seen[:, None], t, np.nan), s.box)
            for seen, t, s in zip(labeled, truth, samples, strict=True)
        ]
    )
    errors = metrics.point_errors(points, truth, labeled, distance)
    nme = metrics.face_nme(errors)
    radii = metrics.mahalanobis(points - truth, covariance)[labeled]
    wrong = errors[labeled] > WRONG
    paired = list(zip(predictions, samples, strict=True))
    off_far = np.stack([probabilities_off(definition, p, s, WRONG) for p, s in paired])[labeled]
    flagged = (
        np.stack([probabilities_off(definition, p, s, rule.tolerance) for p, s in paired])[labeled] > rule.threshold
    )
    low, high = metrics.bootstrap_interval(nme)
    return {
        "nme": 100 * float(nme.mean()),
        "nme_low": 100 * low,
        "nme_high": 100 * high,
        "fr10": 100 * metrics.failure_rate(nme),
        "auc10": 100 * metrics.area_under_curve(nme),
        "coverage50": metrics.coverage(radii, 0.5),
        "coverage90": metrics.coverage(radii, 0.9),
        "auroc_wrong": metrics.auroc(off_far, wrong),
        "flag_recall": float(flagged[wrong].mean()) if wrong.any() else float("nan"),
        "flag_rate": float(flagged.mean()),
        "n": len(samples),
    }


def plain(numbers: Mapping[str, float]) -> dict[str, float | None]:
    """For JSON: rounded, and None where a share of nothing is not a number."""
    return {k: None if math.isnan(v) else round(v, 4) for k, v in numbers.items()}


def _labels(sample: Sample) -> Annotation:
    if sample.annotation is None:
        raise DataError(f"{sample.file_name}: this face has no labels to evaluate against")
    return sample.annotation
