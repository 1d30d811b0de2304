"""Metrics of predictions against labels, for `mdmd evaluate` and the held-out faces of a run. numpy only."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from mdmd.data.boxes import normalizing_distance
from mdmd.data.definition import GROUPS, Definition
from mdmd.data.records import Annotation, Box, Prediction, Sample
from mdmd.errors import DataError
from mdmd.evaluation import metrics
from mdmd.evaluation.calibration import radii_of
from mdmd.evaluation.error_law import RadialLaw

#: A point is wrong if its error is more than this share of the normalizing distance.
WRONG = 0.10

#: The share of wrong points that flags are expected to catch, and the largest share of all that they leave wrong.
RECALL, LEFT = 0.8, 0.05
#: Bounds of the threshold. Points that are more likely wrong than right are always flagged; points that are wrong less
#: than once in twenty times never are, because reviewing them costs more than it finds.
THRESHOLDS = (0.05, 0.5)
#: Files keep probabilities with four decimals.
ROUNDING = 1e-4


class Decides(StrEnum):
    """What decided the threshold of a set of flags."""

    PERSON = "person"  # set by hand
    CATCH = "catch"  # the flags should catch RECALL of the wrong points
    LEAVE = "leave"  # they should leave no more than LEFT of all points wrong
    RARELY_WRONG = "rarely wrong"  # the lower bound of THRESHOLDS
    MOSTLY_WRONG = "mostly wrong"  # the upper bound
    UNKNOWN = "unknown"  # the flags come from another rule, such as that of an older version


@dataclass(frozen=True)
class Tally:
    """Flags and probabilities of `points` points, of which `flagged` are flagged.

    `wrong` and `caught` are the sums of the probabilities of all points and of the flagged ones: how many are expected
    to be wrong. `least` is the smallest probability of a flagged point, which `ties` flagged points have, and `most`
    the largest of a point without a flag; None without such a point.
    """

    points: int
    flagged: int
    wrong: float
    caught: float
    least: float | None
    ties: int
    most: float | None

    @classmethod
    def of(cls, p_off: np.ndarray, flagged: np.ndarray) -> Tally:
        """Of points with the probabilities `p_off` and the flags `flagged`, of any one shape."""
        inside, outside = p_off[flagged], p_off[~flagged]
        return cls(
            points=int(p_off.size),
            flagged=int(inside.size),
            wrong=float(p_off.sum()),
            caught=float(inside.sum()),
            least=float(inside.min()) if inside.size else None,
            ties=int((inside == inside.min()).sum()) if inside.size else 0,
            most=float(outside.max()) if outside.size else None,
        )


@dataclass(frozen=True)
class Flagging:
    """A set of flags: points are flagged whose error exceeds `tolerance` with a probability above `threshold`.

    `decides` says why it is this threshold. `caught` is the expected share of the wrong points that are flagged, None
    where no point is expected to be wrong, and `left` the expected share of all points that are wrong and not flagged.
    """

    tolerance: float
    threshold: float
    decides: Decides
    caught: float | None
    left: float


@dataclass(frozen=True)
class FlagRule:
    """When to flag a point: the probability that its error exceeds `tolerance` is above `threshold`.

    `tolerance` is a share of the normalizing distance. If `threshold` is None, `threshold_for` chooses it.
    DataError unless `tolerance` is above 0 and `threshold` between 0 and 1.
    """

    tolerance: float = WRONG
    threshold: float | None = None

    def __post_init__(self) -> None:
        if not self.tolerance > 0:
            raise DataError(f"tolerance must be above 0, found {self.tolerance}")
        if self.threshold is not None and not 0 < self.threshold < 1:
            raise DataError(f"threshold must be between 0 and 1, found {self.threshold}")

    def threshold_for(self, p_off: np.ndarray) -> float:
        """The threshold for a set of faces whose points have the probabilities `p_off` (any shape).

        If the rule has no threshold: the highest one, within THRESHOLDS, at which flags are expected to catch RECALL of
        the wrong points and to leave no more than LEFT of all points wrong. Calibrated probabilities add up to the
        expected number of wrong points, so no labels are needed, and the expectation holds for exactly these faces.
        """
        if self.threshold is not None:
            return self.threshold
        falling = np.sort(p_off, axis=None)[::-1]
        expected = np.cumsum(falling)
        if not len(falling) or expected[-1] <= 0:
            return THRESHOLDS[-1]
        wanted = max(RECALL * expected[-1], expected[-1] - LEFT * falling.size)
        last = falling[np.argmax(expected >= wanted)]
        return float(np.clip(np.nextafter(last, 0), *THRESHOLDS))

    def flagging(self, tally: Tally) -> Flagging:
        """The threshold that this rule chose for the flags of `tally`, why, and what they are expected to do.

        What the flags do is always that of `tally`. The threshold is that of the rule only if the flags fit it.
        """
        threshold, decides = self._decided(tally)
        caught = tally.caught / tally.wrong if tally.wrong > 0 else None
        left = max(tally.wrong - tally.caught, 0.0) / max(tally.points, 1)
        return Flagging(self.tolerance, threshold, decides, caught, left)

    def _decided(self, tally: Tally) -> tuple[float, Decides]:
        least = 1.0 if tally.least is None else tally.least
        most = 0.0 if tally.most is None else tally.most

        def fits(threshold: float) -> bool:
            return most - ROUNDING <= threshold <= least + ROUNDING

        if self.threshold is not None:
            return (self.threshold, Decides.PERSON) if fits(self.threshold) else (least, Decides.UNKNOWN)
        low, high = THRESHOLDS
        catch, leave = RECALL * tally.wrong, tally.wrong - LEFT * tally.points
        wanted, slack = max(catch, leave), ROUNDING * tally.points
        if tally.caught < wanted - slack or not tally.flagged:
            return (low, Decides.RARELY_WRONG) if fits(low) else (least if tally.flagged else most, Decides.UNKNOWN)
        if least > high:
            return (high, Decides.MOSTLY_WRONG) if fits(high) else (least, Decides.UNKNOWN)
        if tally.caught - tally.ties * least > wanted + slack:  # fewer flags would have been enough
            return least, Decides.UNKNOWN
        return least, Decides.CATCH if catch >= leave else Decides.LEAVE


def probabilities_off(
    definition: Definition, prediction: Prediction, box: Box, tolerance: float, law: RadialLaw
) -> np.ndarray:
    """Probability (N,) that the error of each predicted point exceeds `tolerance` times the normalizing distance.

    The distance is measured on the prediction in `box`, because faces without labels have no other.
    """
    distance = normalizing_distance(definition, prediction.points, box)
    return metrics.probability_off(prediction.covariance, np.full(len(prediction.points), tolerance * distance), law)


def counterparts(wanted: Definition, found: Definition) -> list[int]:
    """For each landmark of `wanted`, the index of the same landmark in `found`.

    Landmarks match by name if both definitions have the same names, else by position. Raises DataError if the counts
    differ, if a shared name has two positions, or if landmarks at one position differ in group or mirror partner.
    """
    names, others = wanted.landmarks, found.landmarks
    if set(names) == set(others):
        return [others.index(name) for name in names]
    if len(names) != len(others):
        raise DataError(f"it has {len(names)} landmarks, wanted {len(others)}")
    apart = [
        f"{name!r} for {other!r}"
        for k, (name, other) in enumerate(zip(names, others, strict=True))
        if (wanted.groups[k], wanted.mirror[k]) != (found.groups[k], found.mirror[k])
        or (name != other and (name in others or other in names))
    ]
    if apart:
        raise DataError(f"it has other landmarks, {', '.join(apart[:3])}{', ...' if len(apart) > 3 else ''}")
    return list(range(len(names)))


def errors_of(definition: Definition, predictions: Sequence[Prediction], samples: Sequence[Sample]) -> metrics.Array:
    """Errors (B, N) of predicted points as shares of the normalizing distance; NaN where a point has no label.

    All `samples` must be labeled; the normalizing distance is measured on their labels.
    """
    points = np.stack([p.points for p in predictions])
    truth = np.stack([_labels(s).points for s in samples])
    labeled = np.stack([_labels(s).labeled for s in samples])
    return metrics.point_errors(points, truth, labeled, distances_of(definition, samples))


def distances_of(definition: Definition, samples: Sequence[Sample]) -> metrics.Array:
    """The normalizing distance (B,) of each face in pixels, measured on its labels. All `samples` must be labeled."""
    labels = [(_labels(s), s.box) for s in samples]
    places = [(np.where(own.labeled[:, None], own.points, np.nan), box) for own, box in labels]
    return np.array([normalizing_distance(definition, points, box) for points, box in places])


def evaluate(
    definition: Definition,
    predictions: Sequence[Prediction],
    samples: Sequence[Sample],
    rule: FlagRule,
    law: RadialLaw,
) -> dict[str, float]:
    """Metrics over the labeled points of `samples`, which must all be labeled.

    `predictions` carry calibrated covariances, `law` is their radial law.
    `nme`, `fr10`, `auc10` in percent, with `nme_low` and `nme_high` the 95 % bootstrap interval over faces (NaN for
    fewer than `metrics.FEWEST_FACES`);
    `coverage50`, `coverage90`, `auroc_wrong`, `flag_recall` (share of wrong points that are flagged) and `flag_rate`
    (share of all points) as shares; `coverage90_<group>` for each semantic group of the definition; `nll` a point in
    shares of the normalizer; `ause` of the predicted standard deviation; `n` faces. A share of an empty set is NaN.
    """
    labeled = np.stack([_labels(s).labeled for s in samples])
    covariance = np.stack([p.covariance for p in predictions])
    distance = distances_of(definition, samples)
    errors = errors_of(definition, predictions, samples)
    nme = metrics.face_nme(errors)
    radii = radii_of(predictions, [_labels(s) for s in samples])
    nll = metrics.negative_log_likelihood(radii, covariance, distance, law)[labeled]
    wrong = errors[labeled] > WRONG
    paired = list(zip(predictions, samples, strict=True))
    off_far = np.stack([probabilities_off(definition, p, s.box, WRONG, law) for p, s in paired])[labeled]
    off = np.stack([probabilities_off(definition, p, s.box, rule.tolerance, law) for p, s in paired])
    flagged = (off > rule.threshold_for(off))[labeled]
    error = metrics.measured(nme)
    return {
        "nme": 100 * error.value,
        "nme_low": 100 * error.low,
        "nme_high": 100 * error.high,
        "fr10": 100 * metrics.failure_rate(nme),
        "auc10": 100 * metrics.area_under_curve(nme),
        "coverage50": metrics.coverage(radii, 0.5, law),
        "coverage90": metrics.coverage(radii, 0.9, law),
        **{
            f"coverage90_{GROUPS[group]}": metrics.coverage(radii[:, list(members)], 0.9, law)
            for group, members in enumerate(definition.members)
            if members
        },
        "nll": float(nll.mean()) if len(nll) else float("nan"),
        "ause": metrics.ause(errors[labeled], _doubt(definition, predictions, samples)[labeled]),
        "auroc_wrong": metrics.auroc(off_far, wrong),
        "flag_recall": float(flagged[wrong].mean()) if wrong.any() else float("nan"),
        "flag_rate": float(flagged.mean()),
        "n": len(samples),
    }


def plain(numbers: Mapping[str, float]) -> dict[str, float | None]:
    """`numbers` for JSON: rounded to four decimals, NaN as None."""
    return {k: None if math.isnan(v) else round(v, 4) for k, v in numbers.items()}


def _doubt(definition: Definition, predictions: Sequence[Prediction], samples: Sequence[Sample]) -> np.ndarray:
    """Predicted root mean square errors (B, N), as shares of the normalizing distance of the predictions."""
    rows = [
        np.sqrt(np.trace(p.covariance, axis1=-2, axis2=-1)) / normalizing_distance(definition, p.points, s.box)
        for p, s in zip(predictions, samples, strict=True)
    ]
    return np.stack(rows)


def _labels(sample: Sample) -> Annotation:
    if sample.annotation is None:
        raise DataError(f"{sample.file_name}: this face has no labels to evaluate against")
    return sample.annotation
