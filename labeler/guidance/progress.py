"""The status of each face, the counts of a project, and the order of review.

The pages and the command line use these words, and no others, for how far a face or a project is:

- A face is *labeled* if one of its landmarks has a label with coordinates. Predictions are no labels.
- It is *complete* if every landmark has a label; a landmark that the face does not have is labeled as absent.
- It is *pre-labeled* if a landmark without a label has a predicted point. It may be labeled, too.
- It is *to go* if it is not complete.
- It is *reviewed* if it is labeled and a person saw each of its labels: placed it, moved it, accepted a proposed point
  on the open face, or brought it in from a file as a label. Only labels that were accepted unseen in a batch are not;
  they stay so when an export brings them into another project, until a person changes them.
- A *skipped* face counts as skipped and as nothing else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from labeler.storage.records import UNSEEN, Face, Point, PredictedPoint

#: Which labeled faces are wanted: those that are complete, or those that are reviewed.
Only = Literal["complete", "reviewed"]
#: Measures of a face's doubt: the expected number of wrong points, or the probability of the most doubtful point.
Measure = Literal["expected", "worst"]


@dataclass(frozen=True)
class Standing:
    """The status of a face.

    `labeled` of `of` landmarks have labels. `visible` counts labels with coordinates and `unseen` labels accepted
    unseen. `unreviewed` counts predicted points without a label, and `flagged` the flagged ones among them.
    `expected_wrong` is the expected number of unreviewed points that are off by more than the tolerance, which is the
    sum of their probabilities; `worst` is the largest of these probabilities.

    `state` is "complete", "predicted" (pre-labeled), "partial" (labeled, not complete and not pre-labeled), "empty" or
    "skipped" (for the reason `skip`). A skipped face has no unreviewed points.
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

    @property
    def reviewed(self) -> bool:
        """Whether the face is labeled, and a person saw each of its labels (see above)."""
        return self.visible > 0 and self.unseen == 0

    def is_wanted(self, only: Only | None) -> bool:
        """Whether the face is labeled and, with `only`, complete or reviewed."""
        return self.visible > 0 and {None: True, "complete": self.state == "complete", "reviewed": self.reviewed}[only]


@dataclass(frozen=True)
class Progress:
    """Counts of a project; see above for the words.

    `points` counts labels with coordinates, `training_*` the labeled faces in the split "train" and their pictures.
    """

    pictures: int
    faces: int
    labeled_pictures: int
    labeled_faces: int
    complete_faces: int
    points: int
    predicted_faces: int
    flagged_points: int
    faces_to_go: int
    training_pictures: int
    training_faces: int
    skipped_faces: int

    @property
    def complete_words(self) -> str:
        """ "60 of 120 faces complete"."""
        return f"{self.complete_faces:,} of {_count(self.faces, 'face')} complete"

    @property
    def labeled_words(self) -> str:
        """ "62 faces labeled, 548 points"."""
        return f"{_count(self.labeled_faces, 'face')} labeled, {_count(self.points, 'point')}"

    @property
    def training_words(self) -> str:
        """ "62 labeled faces", or "50 of 62 labeled faces" where some are in another split than "train"."""
        some = "" if self.training_faces == self.labeled_faces else f"{self.training_faces:,} of "
        return f"{some}{_count(self.labeled_faces, 'labeled face')}"

    @property
    def predicted_words(self) -> str:
        """ "60 pre-labeled faces"."""
        return _count(self.predicted_faces, "pre-labeled face")

    @property
    def doubtful_words(self) -> str:
        """ "69 doubtful points of 60 pre-labeled faces"."""
        return f"{_count(self.flagged_points, 'doubtful point')} of {self.predicted_words}"


def progress_of(standings: Sequence[Standing], *, pictures: int, training: Collection[int]) -> Progress:
    """The counts over all faces of `pictures` pictures, of which `training` (ids) are in the split "train"."""
    faces = [face for face in standings if face.state != "skipped"]
    labeled = [face for face in faces if face.visible]
    learned = [face for face in labeled if face.picture in training]
    return Progress(
        pictures=pictures,
        faces=len(faces),
        labeled_pictures=len({face.picture for face in labeled}),
        labeled_faces=len(labeled),
        complete_faces=sum(face.state == "complete" for face in faces),
        points=sum(face.visible for face in faces),
        predicted_faces=sum(face.state == "predicted" for face in faces),
        flagged_points=sum(face.flagged for face in faces),
        faces_to_go=sum(face.state != "complete" for face in faces),
        training_pictures=len({face.picture for face in learned}),
        training_faces=len(learned),
        skipped_faces=len(standings) - len(faces),
    )


def _count(number: int, singular: str) -> str:
    return f"{number:,} {singular}{'' if number == 1 else 's'}"


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
    elif open_points:
        state = "predicted"
    else:
        state = "partial" if any(point.v > 0 for point in labels.values()) else "empty"
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
        unseen=sum(not is_reviewed(point) for point in labels.values()),
    )


def is_reviewed(label: Point) -> bool:
    """Whether a person saw a label, by how it came about."""
    return label.source != UNSEEN


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
