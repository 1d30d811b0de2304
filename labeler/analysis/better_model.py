"""Which of two proposers is the better one, from their errors on the same faces. numpy only.

A proposer is whatever made the points that a face shows before a person labels it. One is in charge, and a challenger
may take over. Both are compared on faces that neither has learned from; where their errors come from does not matter
here, and what is honest is in docs/design/who-is-in-charge.md.

**Labels lean towards what was shown.** A point that a person takes unmoved becomes the label, so the proposer that made
it has no error there. So each half of the measuring faces shows one of the two best (`shows_challenger`), both halves
weigh the same, and errors below the tolerance are not told apart. benchmarks/anchored_labels.py measures what is left.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: One subject in this many is kept for measuring.
ONE_IN = 5
#: Fewer faces judge nothing.
FEWEST = 5
#: A challenger takes over if it is better with this probability and by this share of the error.
SURE, MARGIN = 0.7, 0.03
#: One that was replaced before must be surer, so that a tie does not go to and fro.
SURE_AGAIN = 0.85
#: How sure it must be that a proposer is better than the mean shape.
SURE_OF_MEAN = 0.9
#: How far two proposers usually are apart, as a share of the error: the standard deviation expected before any face.
APART = 0.1
#: The standard deviation that is expected between the differences of faces, and for how many faces it counts.
SPREAD, COUNTS = 0.3, 6.0
#: If less than this share of the errors is above the tolerance, differences are not scaled up further.
LEAST_LEFT = 0.05
#: The largest error of a point, in normalizing distances. A model that diverged has none that is finite.
LARGEST = 10.0
#: More faces than this are not asked for.
MOST = 60


class Reason(StrEnum):
    """Why a proposer is put in charge or not."""

    BETTER = "better"
    NO_BETTER = "no better"
    NOT_SURE = "not sure"
    NO_BETTER_THAN_MEAN_SHAPE = "no better than the mean shape"
    TOO_FEW_FACES = "too few faces"


@dataclass(frozen=True)
class Decision:
    """Whether a proposer takes over, and the figures that say why.

    `error` is its mean error on `faces` faces. `against` is that of the one in charge, or of the mean shape if the
    proposer is not known to be better than that. Both are shares of the normalizing distance, NaN without faces. On
    labels that were made over shown points they are the mean of both, apart by the measured difference.
    `gain` is the share by which its error is expected to be lower (negative: higher) and `sure` the probability that it
    is lower at all. `more_faces` is about how many more faces would decide for it, None if more than `MOST` or none.
    """

    reason: Reason
    faces: int
    error: float
    against: float
    gain: float
    sure: float
    more_faces: int | None = None

    @property
    def takes_over(self) -> bool:
        """Whether the proposer is to be in charge."""
        return self.reason is Reason.BETTER


def measuring(subject: str) -> bool:
    """Whether a subject is kept for measuring: about one in five, the same ones on every machine."""
    return _hash("measuring", subject) % ONE_IN == 0


def shows_challenger(subject: str) -> bool:
    """Whether the faces of a measuring subject show the second best proposer instead of the one in charge."""
    return _hash("shown", subject) % 2 == 0


def _hash(purpose: str, subject: str) -> int:
    # Names of files that are no valid text have lone surrogates.
    text = f"{purpose}:{subject}".encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big")


def judge(
    challenger: Array,
    incumbent: Array,
    mean_shape: Array,
    shown: Sequence[int] | NDArray[Any] = (),
    *,
    tolerance: float,
    returning: bool = False,
    fit: bool = False,
) -> Decision:
    """Whether `challenger` takes over from `incumbent`.

    The three arrays (F, N) are errors of N points of F faces, as shares of the normalizing distance; NaN where nothing
    is labeled. Faces of one subject are not independent: pass their mean as one. `shown` (F,) is 1 where the person saw
    the challenger's points or those of an earlier version of it, -1 for the incumbent's, and 0 for those of another;
    leave it out if all faces were labeled without seeing any. `tolerance` (above 0) is the error from which a point is
    wrong, `returning` says that the challenger was in charge before, and `fit` that it may be in charge although it was
    not compared with the mean shape. Raises ValueError for arrays that do not fit each other.
    """
    sides = np.asarray(shown, dtype=int)
    able = fitness(challenger, mean_shape, sides > 0, tolerance=tolerance)
    if not (fit or able.takes_over):
        return able
    found = compare(challenger, incumbent, mean_shape, sides, tolerance=tolerance)
    return found.decision(SURE_AGAIN if returning else SURE, Reason.NO_BETTER)


def fitness(
    proposer: Array, mean_shape: Array, shown: Sequence[bool] | NDArray[Any] = (), *, tolerance: float
) -> Decision:
    """Whether `proposer` may be in charge at all: it could be judged and is better than the mean shape in the box.

    Arguments as for `judge`; `shown` (F,) says where the person saw the proposer's points, and not those of another.
    """
    found = compare(proposer, mean_shape, mean_shape, shown, tolerance=tolerance)
    return found.decision(SURE_OF_MEAN, Reason.NO_BETTER_THAN_MEAN_SHAPE)


def advice(decision: Decision, labels_a_face: int = ONE_IN) -> str | None:
    """What a person can do for a proposer that does not take over; None for one that does.

    `labels_a_face` is how many faces must be labeled to get one more for measuring: 1 if errors come from folds.
    """
    if decision.takes_over:
        return None
    if decision.more_faces is None:
        return "train longer"
    return f"label about {decision.more_faces * labels_a_face} more"


@dataclass(frozen=True)
class Comparison:
    """The mean errors of two proposers on the same faces, and what is known of their `difference`.

    That is the first one's error minus the second's relative to their mean, as the mean over faces. `spread` is its
    standard deviation between faces, `count` the number of faces that would tell as much if all weighed the same.
    """

    faces: int
    error: float
    against: float
    difference: float
    spread: float
    count: float

    def expected(self, times: float) -> tuple[float, float]:
        """The gain and the probability of one, from `times` as many faces like these.

        The posterior of a normal distribution with the standard deviation `APART` around no difference.
        """
        variance = self.spread**2 / (self.count * times)
        heed = APART**2 / (APART**2 + variance)
        gain = -self.difference * heed
        return gain, 0.5 * (1 + math.erf(gain / math.sqrt(2 * variance * heed)))

    def decision(self, wanted: float, otherwise: Reason) -> Decision:
        """Whether the first one takes over if it must be better with the probability `wanted`."""
        if not self.faces:
            return Decision(Reason.TOO_FEW_FACES, 0, math.nan, math.nan, 0.0, 0.5, FEWEST)
        gain, sure = self.expected(1)
        numbers = (self.faces, self.error, self.against, gain, sure)
        if self.faces < FEWEST:
            return Decision(Reason.TOO_FEW_FACES, *numbers, FEWEST - self.faces)
        for more in range(MOST + 1):
            later, surer = self.expected(1 + more / self.faces)
            if later >= MARGIN and surer >= wanted:
                if not more:
                    return Decision(Reason.BETTER, *numbers)
                unsure = Reason.NOT_SURE if otherwise is Reason.NO_BETTER else otherwise
                return Decision(unsure, *numbers, more)
        return Decision(otherwise, *numbers)


def compare(
    first: Array, second: Array, mean_shape: Array, shown: Sequence[int] | NDArray[Any] = (), *, tolerance: float
) -> Comparison:
    """Two proposers on the points for which the mean shape has an error. Arguments as for `judge`."""
    seen = len(shown) > 0
    sides = np.asarray(shown, dtype=int) if seen else np.zeros(len(first), dtype=int)
    if not first.shape == second.shape == mean_shape.shape or sides.shape != first.shape[:1]:
        found = ", ".join(str(array.shape) for array in (first, second, mean_shape, sides))
        raise ValueError(f"expected errors of the same points of the same faces, found arrays of the shapes {found}")
    faces = np.isfinite(mean_shape).any(axis=1)
    if not faces.any():
        return Comparison(0, math.nan, math.nan, 0.0, SPREAD, 0.0)
    labeled, sides = np.isfinite(mean_shape[faces]), sides[faces]
    least = tolerance if seen else 0.0
    halves = [sides > 0, sides < 0] if (sides > 0).any() and (sides < 0).any() else []
    weight = np.ones(len(sides))
    for half in halves:
        weight[half] = sum(other.sum() for other in halves) / 2 / half.sum()
    weight /= weight.sum()

    def by_face(errors: Array) -> Array:
        return np.where(labeled, errors, 0).sum(axis=1) / labeled.sum(axis=1)

    own, other = (np.clip(np.nan_to_num(errors[faces], nan=LARGEST), 0, LARGEST) for errors in (first, second))
    a, b = by_face(np.maximum(own, least)), by_face(np.maximum(other, least))
    total = np.where(a + b > 0, a + b, 1)
    # Errors below the tolerance are in `total` but not in a - b, which makes the difference smaller than the true one.
    large = by_face(np.where(own > least, own, 0) + np.where(other > least, other, 0))
    left = max(float(weight @ large) / float(weight @ total), LEAST_LEFT)
    relative = 2 * (a - b) / total / left
    # What favors one and the other is a difference between the halves, not noise.
    groups = [*halves, sides == 0] if halves else [np.ones(len(sides), dtype=bool)]
    apart = [relative[group] - relative[group].mean() for group in groups if group.any()]
    squares = sum(float((one**2).sum()) for one in apart)
    spread = math.sqrt((COUNTS * SPREAD**2 + squares) / (COUNTS + len(sides) - len(apart)))
    difference, error, against = float(weight @ relative), float(weight @ by_face(own)), float(weight @ by_face(other))
    if seen:  # each error alone leans towards what was shown
        mean, half = (error + against) / 2, min(max(difference / 2, -1), 1)
        error, against = mean * (1 + half), mean * (1 - half)
    return Comparison(len(sides), error, against, difference, spread, float(1 / (weight**2).sum()))
