"""The status of each face, and the order of review."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from labeler.storage.records import UNSEEN, Face, Point, PredictedPoint

#: Measures of a face's doubt: the expected number of wrong points, or the probability of the most doubtful point.
Measure = Literal["expected", "worst"]


@dataclass(frozen=True)
class Standing:
    """The status of a face.

    `labeled` of `of` landmarks have labels. `visible` counts labels with coordinates and `unseen` labels accepted
    unseen. `unreviewed` counts predicted points without a label, and `flagged` the flagged ones among them.
    `expected_wrong` is the expected number of unreviewed points that are off by more than the tolerance, which is the
    sum of their probabilities; `worst` is the largest of these probabilities.

    `state` is "complete" (all landmarks labeled), "predicted", "partial", "empty" or "skipped" (for the reason `skip`).
    A skipped face has no unreviewed points.
    """

    face: int
    picture: int
    state: str
    labeled: int
    visible: int
    of: int
    flagged: int
    unreviewed: int
    expected_wrong: float
    worst: float
    skip: str | None
    revision: int
    unseen: int = 0


def standing(
    face: Face, points: Mapping[int, Point], predictions: Mapping[int, PredictedPoint], ids: Collection[int]
) -> Standing:
    """The status of `face` for the landmarks `ids`; labels of other landmarks do not count."""
    labels = {key: point for key, point in points.items() if key in ids}
    open_points = {key: point for key, point in predictions.items() if key in ids and key not in labels}
    if face.skip is not None:
        state, open_points = "skipped", {}
    elif ids and len(labels) == len(ids):
        state = "complete"
    elif any(key in ids for key in predictions):
        state = "predicted"
    else:
        state = "partial" if labels else "empty"
    return Standing(
        face=face.id,
        picture=face.image_id,
        state=state,
        labeled=len(labels),
        visible=sum(point.v > 0 for point in labels.values()),
        of=len(ids),
        flagged=sum(point.flagged for point in open_points.values()),
        unreviewed=len(open_points),
        expected_wrong=sum(point.p_off for point in open_points.values()),
        worst=max((point.p_off for point in open_points.values()), default=0.0),
        skip=face.skip,
        revision=face.revision,
        unseen=sum(point.source == UNSEEN for point in labels.values()),
    )


def order_of_doubt(standings: Iterable[Standing]) -> list[Standing]:
    """Faces with unreviewed predictions, by descending expected number of wrong points."""
    waiting = (s for s in standings if s.unreviewed)
    return sorted(waiting, key=lambda s: (-s.expected_wrong, -s.flagged, s.face))


def below(standings: Iterable[Standing], measure: Measure, limit: float) -> list[Standing]:
    """Faces with unreviewed predictions whose doubt is at most `limit`, in order of doubt."""
    doubt = {"expected": lambda s: s.expected_wrong, "worst": lambda s: s.worst}[measure]
    return [s for s in order_of_doubt(standings) if doubt(s) <= limit]


def looks(flagged: int) -> int:
    """The number of looks, the unit of review effort: one for the face and one for each flagged point."""
    return flagged + 1
