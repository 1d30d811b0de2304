"""The figures of a report, from predictions of held-out faces, with 95 % intervals over faces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from labeler.runs.heldout import HeldOut
from mdmd.data.definition import GROUPS
from mdmd.evaluation import metrics
from mdmd.evaluation.error_law import Array
from mdmd.evaluation.evaluate import WRONG
from mdmd.evaluation.metrics import Measured, measured, measured_share

#: Nominal coverages of the coverage plot.
LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)


@dataclass(frozen=True)
class Headline:
    """How good a model is on `faces` held-out faces; errors in percent of the normalizing distance.

    `nme` is the mean error, `fr10` the percentage of faces worse than 10 %, `auc10` the area under the cumulative
    error curve up to 10 %, `inside90` the percentage of points inside their 90 % ellipse, `flagged` of those flagged;
    `flag_recall` is the share of wrong points among these (None where no point is wrong).
    """

    faces: int
    nme: Measured
    fr10: Measured
    auc10: Measured
    inside90: Measured
    flagged: Measured
    flag_recall: float | None


def headline(found: HeldOut) -> Headline:
    nme = metrics.face_nme(found.errors)
    wrong = found.errors > WRONG  # False for NaN
    points = found.labeled.sum(axis=1)
    inside = found.radii <= found.law.radius(0.9)
    return Headline(
        faces=len(nme),
        nme=measured(100 * nme),
        fr10=_percent(nme > 0.10, np.ones(len(nme))),
        auc10=measured(100 * np.maximum(0.0, 1 - nme / 0.10)),
        inside90=_percent((inside & found.labeled).sum(axis=1), points),
        flagged=_percent((found.flagged & found.labeled).sum(axis=1), points),
        flag_recall=float(found.flagged[wrong].mean()) if wrong.any() else None,
    )


def _percent(hits: NDArray[Any], of: Array) -> Measured:
    return Measured(*(100 * share for share in measured_share(hits, of)))


class LandmarkError(NamedTuple):
    """A landmark's mean and largest error in percent over its labels; NaN without a label."""

    name: str
    group: int
    mean: float
    largest: float
    labels: int


def landmark_errors(found: HeldOut) -> list[LandmarkError]:
    """The error of each landmark, in the definition's order."""
    rows = []
    for k, name in enumerate(found.definition.landmarks):
        own = 100 * found.errors[found.labeled[:, k], k]
        mean, largest = (float(own.mean()), float(own.max())) if len(own) else (float("nan"), float("nan"))
        rows.append(LandmarkError(name, found.definition.groups[k], mean, largest, len(own)))
    return rows


def group_errors(found: HeldOut) -> list[tuple[str, float, int]]:
    """Name, mean error in percent and number of labels of each semantic group that has a label."""
    rows = []
    for name, members in zip(GROUPS, found.definition.members, strict=True):
        own = found.errors[:, list(members)] if members else np.zeros((0, 0))
        known = own[~np.isnan(own)]
        if len(known):
            rows.append((name, 100 * float(known.mean()), len(known)))
    return rows


def error_curve(found: HeldOut, *, most: float = 20.0) -> tuple[list[float], list[float]]:
    """The cumulative error curve: for errors up to `most` percent, the percentage of faces with at most that NME."""
    nme = np.sort(100 * metrics.face_nme(found.errors))
    errors = np.linspace(0, most, 101)
    return errors.tolist(), (100 * np.searchsorted(nme, errors, side="right") / len(nme)).tolist()


def coverage_curve(found: HeldOut) -> tuple[list[float], list[float]]:
    """Nominal and measured percentages of points inside the ellipses of LEVELS."""
    measured = [100 * metrics.coverage(found.radii, level, found.law) for level in LEVELS]
    return [100 * level for level in LEVELS], measured


def by_error(found: HeldOut) -> list[int]:
    """Indices of the faces, the worst first."""
    return np.argsort(-metrics.face_nme(found.errors), kind="stable").tolist()


def mean_face(found: HeldOut) -> tuple[Array, float]:
    """Mean landmark positions (N, 2) relative to the face's box, in units of its longer side, and the mean normalizing
    distance in the same unit. NaN for a landmark without a label."""
    boxes = [(s.box.x, s.box.y, max(s.box.w, s.box.h)) for s in found.samples]
    origin, side = np.array([b[:2] for b in boxes]), np.array([b[2] for b in boxes])
    shares = (found.truth - origin[:, None]) / side[:, None, None]
    shares = np.where(found.labeled[..., None], shares, np.nan)
    count = found.labeled.sum(axis=0)
    mean = np.where(count[:, None] > 0, np.nansum(shares, axis=0) / np.maximum(count, 1)[:, None], np.nan)
    return mean, float((found.distance / side).mean())


@dataclass(frozen=True)
class Comparison:
    """A model against an `other` on the `faces` that both held out.

    `gain` is by how much the model's NME is lower, in percent of the normalizing distance, paired by face; an interval
    above 0 means that it is better. `agreed` is 1 if its NME is lower on every face, -1 if higher on every face, else
    0.
    """

    faces: int
    nme: float
    other: float
    gain: Measured
    agreed: int


def compare(found: HeldOut, other: HeldOut) -> Comparison | None:
    """Measured against the labels of `found`; None if no face was held out in both, or the landmarks differ."""
    if found.definition.ids != other.definition.ids:
        return None
    places = {sample.face_id: k for k, sample in enumerate(other.samples)}
    shared = [(k, places[s.face_id]) for k, s in enumerate(found.samples) if s.face_id in places]
    if not shared:
        return None
    rows, places_of_other = [k for k, _ in shared], other.points[[k for _, k in shared]]
    # Against the newer labels: a label that was corrected since must not count against the older model.
    errors = metrics.point_errors(places_of_other, found.truth[rows], found.labeled[rows], found.distance[rows])
    own, theirs = 100 * metrics.face_nme(found.errors[rows]), 100 * metrics.face_nme(errors)
    gain = theirs - own
    agreed = int((gain > 0).all()) - int((gain < 0).all())
    return Comparison(len(shared), float(own.mean()), float(theirs.mean()), measured(gain), agreed)
