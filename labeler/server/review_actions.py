"""The actions of the review: predictions, label checks, near-duplicates. Results are JSON-serializable."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from labeler.errors import ConflictError, NotFoundError
from labeler.guidance.progress import Measure, below, order_of_doubt
from labeler.pages.flags import flag_words
from labeler.pages.in_charge import proposers
from labeler.project.project import Project
from labeler.server.face_actions import FaceActions
from labeler.storage.records import UNSEEN, Point
from mdmd.data.text import shown
from mdmd.errors import DataError


class ReviewActions:
    """The review actions of one project."""

    def __init__(self, project: Project) -> None:
        self.project, self.store = project, project.store

    def review_queue(self) -> list[dict[str, Any]]:
        """Faces with unreviewed predictions, by descending expected number of wrong points."""
        names = {picture.id: picture.name for picture in self.store.images()}
        measured = self.project.proposed.measured(self.project.proposed.in_charge())
        return [
            {
                "face": s.face,
                "picture": s.picture,
                "name": names[s.picture],
                "expected_wrong": s.expected_wrong,
                "measured": measured,
                "flagged": s.flagged,
                "unreviewed": s.unreviewed,
            }
            for s in order_of_doubt(self.project.index.standings())
        ]

    def proposers(self) -> dict[str, Any]:
        """The name of what is in charge of proposing points, and what can be put in charge, by name and in words.

        `flags` is what the flags of the one in charge mean; None where it proposes nothing.
        """
        in_charge = self.project.proposed.in_charge()
        flags = flag_words(self.project, in_charge)
        return {
            "in_charge": in_charge,
            "proposers": [{"name": name, "words": words} for name, words in proposers(self.project)],
            "flags": asdict(flags) if flags else None,
        }

    def put_in_charge(self, name: str) -> dict[str, Any]:
        """Put a proposer in charge; returns `proposers()`. Raises NotFoundError for one that has no predictions."""
        known = [known for known, _ in proposers(self.project)]
        if name not in known:
            raise NotFoundError(f"nothing that is named {shown(name)} proposes points (there are: {', '.join(known)})")
        if name != self.project.proposed.in_charge():
            self.project.charge.put(name)
        return self.proposers()

    def review_pace(self, annotator: str | None) -> dict[str, Any]:
        """The annotator's median seconds per look, and how many more faces they must review before it can be known.

        The time is None while faces are missing, and if they were reviewed too quickly to tell.
        """
        index = self.project.index
        return {"seconds_a_look": index.seconds_a_look(annotator), "missing": index.missing_reviews(annotator)}

    def preview_unseen(self, measure: Measure, limit: float, *, seed: int, sample: int) -> dict[str, Any]:
        """The faces whose doubt is at most `limit`, the effect of accepting them unseen, and a random `sample` of them.

        The same `seed` selects the same sample. `basis` and the revisions identify the state shown. `batch` is the last
        batch that can be taken back, or None. `rough` says why the number of wrong points cannot be relied on; it is
        empty where it can.
        """
        basis, faces = self._basis(), FaceActions(self.project)
        chosen = below(self.project.index.standings(), measure, limit)
        drawn = random.Random(seed).sample(sorted(s.face for s in chosen), min(sample, len(chosen)))
        batch = self.store.last_batch()
        flags = flag_words(self.project, self.project.proposed.in_charge())
        return {
            "basis": basis,
            "faces": [{"face": s.face, "revision": s.revision} for s in chosen],
            "points": sum(s.unreviewed for s in chosen),
            "flagged": sum(s.flagged for s in chosen),
            "expected_wrong": sum(s.expected_wrong for s in chosen),
            "sample": [faces.view(face) for face in drawn],
            "batch": asdict(batch) if batch else None,
            "rough": flags.rough if flags else "",
        }

    def accept_unseen(
        self, revisions: Mapping[int, int], basis: Sequence[int], *, annotator: str | None = None
    ) -> dict[str, Any]:
        """Accept the predictions of faces unseen, as one batch; `revisions` and `basis` are those of the preview.

        Faces that have changed or were reviewed since are not changed and are counted in `left`. Raises ConflictError
        if there are new predictions or landmarks since.
        """
        if list(basis) != self._basis():
            raise ConflictError("there are new predictions or landmarks since; check the faces as they are now")
        waiting = {s.face for s in order_of_doubt(self.project.index.standings())}
        points, predictions, ids = self.store.points(), self.project.proposed.all(), set(self.project.index.ids)
        edits = {
            face: (
                revision,
                {
                    key: Point(predicted.x, predicted.y, 2, UNSEEN)
                    for key, predicted in predictions[face].points.items()
                    if key in ids and key not in points.get(face, {})
                },
            )
            for face, revision in revisions.items()
            if face in waiting
        }
        self.project.safekeeping.before("batch")
        batch, written = self.store.accept_unseen(edits, annotator=annotator)
        return {
            "batch": batch,
            "faces": len(written),
            "points": sum(len(edits[face][1]) for face in written),
            "left": len(revisions) - len(written),
        }

    def take_back(self, batch: int, *, annotator: str | None = None) -> dict[str, Any]:
        """Take back a batch, except labels changed since. Raises NotFoundError for an unknown batch."""
        faces, points = self.store.take_back(batch, annotator=annotator)
        return {"faces": faces, "points": points}

    def _basis(self) -> list[int]:
        """What the predictions depend on: the newest collected run, the definition, the proposed points and charges."""
        newest = max(self.store.predictions.collected_runs(), default=0)
        replaced = self.project.proposed.times_replaced
        return [newest, self.store.definitions.newest_version(), replaced, len(self.store.charges.all())]

    def duplicates(self) -> dict[str, Any]:
        """The near-duplicates; see `Duplicates`."""
        return asdict(self.project.duplicates.find())

    def checks(self, face_id: int | None = None) -> dict[str, Any]:
        """The findings of the label checks for a face or for all faces: `open`, and `right` for dismissed ones."""
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
        """Dismiss a finding until its points move, or (`right` False) restore it; returns `checks()`.

        Raises DataError for a landmark that is not labeled.
        """
        points = self.store.points(face_id).get(face_id, {})
        places = {}
        for key in self.project.index.must_know(ids):
            point = points.get(key)
            if point is None or point.x is None or point.y is None:
                raise DataError(f"landmark {key} of face {face_id} has no label that could be right")
            places[key] = (point.x, point.y)
        self.store.say_right(face_id, kind, places, right=right, annotator=annotator)
        return self.checks()
