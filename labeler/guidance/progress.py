"""How far each face is, in which order a person should look at them, and which need no look."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from labeler.storage.records import UNSEEN, Face, Point, PredictedPoint

#: What a face's doubt is measured by: the expected number of its wrong points, or its most doubtful point.
Measure = Literal["expected", "worst"]


@dataclass(frozen=True)
class Standing:
    """Where a face stands: `labeled` of `of` landmarks done by a person; what a model says of the others.

    `visible` counts labels with coordinates, `unseen` those accepted without a look, `flagged` and `unreviewed`
    predicted points that nobody has labeled. `expected_wrong` is how many of the unreviewed are expected to be off by
    more than the tolerance: by linearity of expectation the sum of their probabilities. `worst` is the highest of them.
    `state` is "complete" (all landmarks labeled), "predicted", "partial", "empty", or "skipped": left out by a person,
    for the reason `skip`. Nothing waits to be reviewed on a skipped face.
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
    """Where `face` stands in a definition with landmarks `ids`; labels of other landmarks do not count."""
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
    """Faces with unreviewed predictions, the most points expected to be wrong first."""
    waiting = (s for s in standings if s.unreviewed)
    return sorted(waiting, key=lambda s: (-s.expected_wrong, -s.flagged, s.face))


def below(standings: Iterable[Standing], measure: Measure, limit: float) -> list[Standing]:
    """Faces with unreviewed predictions whose doubt is at most `limit`, in order of doubt."""
    doubt = {"expected": lambda s: s.expected_wrong, "worst": lambda s: s.worst}[measure]
    return [s for s in order_of_doubt(standings) if doubt(s) <= limit]


def looks(flagged: int) -> int:
    """How many looks a face with so many doubtful points takes: one for each of them and one for the face."""
    return flagged + 1
