"""What the pages review: predictions, label checks, near-duplicates. Answers are ready for JSON."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from labeler.errors import ConflictError
from labeler.guidance.progress import Measure, below, order_of_doubt
from labeler.project.project import Project
from labeler.server.face_actions import FaceActions
from labeler.storage.records import UNSEEN, Point
from mdmd.errors import DataError


class ReviewActions:
    """The review of one project."""

    def __init__(self, project: Project) -> None:
        self.project, self.store = project, project.store

    def review_queue(self) -> list[dict[str, Any]]:
        """Faces with unreviewed predictions, the most doubtful first."""
        names = {picture.id: picture.name for picture in self.store.images()}
        return [
            {
                "face": s.face,
                "picture": s.picture,
                "name": names[s.picture],
                "expected_wrong": s.expected_wrong,
                "flagged": s.flagged,
                "unreviewed": s.unreviewed,
            }
            for s in order_of_doubt(self.project.index.standings())
        ]

    def review_pace(self, annotator: str | None) -> dict[str, Any]:
        """The median seconds of one look of this person; None while they have reviewed few faces."""
        return {"seconds_a_look": self.project.index.seconds_a_look(annotator)}

    def preview_unseen(self, measure: Measure, limit: float, *, seed: int, sample: int) -> dict[str, Any]:
        """The faces whose doubt is at most `limit`, what accepting them unseen would do, and some of them to look at.

        The same `seed` gives the same sample of the same faces. `basis` and the revisions say what this was seen of;
        `batch` is the last one that can be taken back, or None.
        """
        basis, faces = self._basis(), FaceActions(self.project)
        chosen = below(self.project.index.standings(), measure, limit)
        shown = random.Random(seed).sample(sorted(s.face for s in chosen), min(sample, len(chosen)))
        batch = self.store.last_batch()
        return {
            "basis": basis,
            "faces": [{"face": s.face, "revision": s.revision} for s in chosen],
            "points": sum(s.unreviewed for s in chosen),
            "flagged": sum(s.flagged for s in chosen),
            "expected_wrong": sum(s.expected_wrong for s in chosen),
            "sample": [faces.view(face) for face in shown],
            "batch": asdict(batch) if batch else None,
        }

    def accept_unseen(
        self, revisions: Mapping[int, int], basis: Sequence[int], *, annotator: str | None = None
    ) -> dict[str, Any]:
        """Make the predictions of these faces labels, as one batch; `revisions` and `basis` are those of the preview.

        A face that has changed since, or does not wait for review any more, is left alone and counted in `left`. Raises
        ConflictError when other predictions or landmarks have come since.
        """
        if list(basis) != self._basis():
            raise ConflictError("new predictions or landmarks have come since; look at the faces as they are now")
        waiting = {s.face for s in order_of_doubt(self.project.index.standings())}
        points, predictions, ids = self.store.points(), self.store.predictions.current(), set(self.project.index.ids)
        edits = {
            face: (
                revision,
                {
                    key: Point(predicted.x, predicted.y, 2, UNSEEN)
                    for key, predicted in predictions[face][1].items()
                    if key in ids and key not in points.get(face, {})
                },
            )
            for face, revision in revisions.items()
            if face in waiting
        }
        batch, written = self.store.accept_unseen(edits, annotator=annotator)
        return {
            "batch": batch,
            "faces": len(written),
            "points": sum(len(edits[face][1]) for face in written),
            "left": len(revisions) - len(written),
        }

    def take_back(self, batch: int, *, annotator: str | None = None) -> dict[str, Any]:
        """Undo a batch, but for what a person has changed since. Raises NotFoundError."""
        faces, points = self.store.take_back(batch, annotator=annotator)
        return {"faces": faces, "points": points}

    def _basis(self) -> list[int]:
        """What the predictions of all faces depend on: the newest run that was brought in, and the definition."""
        return [max(self.store.predictions.collected_runs(), default=0), self.store.definitions.newest_version()]

    def duplicates(self) -> dict[str, Any]:
        """Which faces nearly repeat another one (`Duplicates`); empty until all pictures are compared."""
        return asdict(self.project.duplicates.find())

    def checks(self, face_id: int | None = None) -> dict[str, Any]:
        """What looks wrong in the labels of a face, or of all: `open`, and `right` for what a person has dismissed."""
        if face_id is not None:
            self.store.face(face_id)
        found: dict[str, Any] = {"open": [], "right": []}
        for finding, right in self.project.checks.findings():
            if face_id in (None, finding.face):
                found["right" if right else "open"].append(asdict(finding))
        return found

    def say_right(
        self, face_id: int, kind: str, ids: Iterable[int], *, right: bool = True, annotator: str | None = None
    ) -> dict[str, Any]:
        """Dismiss a finding while its points stay where they are, or (False) bring it back; returns `checks()`.

        Raises DataError for a landmark that is not labeled.
        """
        points = self.store.points(face_id).get(face_id, {})
        places = {}
        for key in self.project.index.must_know(ids):
            point = points.get(key)
            if point is None or point.x is None or point.y is None:
                raise DataError(f"landmark {key} of face {face_id} has no place that could be right")
            places[key] = (point.x, point.y)
        self.store.say_right(face_id, kind, places, right=right, annotator=annotator)
        return self.checks()
