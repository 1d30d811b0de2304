"""What the pages do with a project, without HTTP and without Gradio. Everything returned is ready for JSON."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from labeler.errors import ConflictError
from labeler.guidance.progress import Measure, Standing, below, order_of_doubt
from labeler.guidance.proposals import Start
from labeler.project import definition as schema
from labeler.project.project import Project
from labeler.storage.history import ANYTHING, Seen
from labeler.storage.records import ACCEPTED, UNSEEN, Point, PredictedPoint
from mdmd.data.definition import GROUPS
from mdmd.data.records import Box
from mdmd.errors import DataError


class Workbench:
    """The actions on one project. Every method that changes a face returns how it looks now."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.store = project.store

    # Faces

    def view(self, face_id: int) -> dict[str, Any]:
        """The face: its box, its labels and predictions by landmark id, and what can be undone."""
        face = self.store.face(face_id)
        picture = self.store.image(face.image_id)
        ids = self.project.index.ids
        points = self.store.points(face_id).get(face_id, {})
        run, predictions = self.store.predictions(face_id).get(face_id, (None, {}))
        can_undo, can_redo = self.store.can_undo_redo(face_id)
        return {
            "face": face.id,
            "picture": {
                "id": picture.id,
                "name": picture.name,
                "width": picture.width,
                "height": picture.height,
                "faces": [other.id for other in self.store.faces(picture.id)],
                "problem": self.project.originals.problem(picture),
            },
            "revision": face.revision,
            "skip": face.skip,
            "repeat": face.repeat_of is not None,
            "box": [face.box.x, face.box.y, face.box.w, face.box.h],
            "points": {
                str(key): {"x": p.x, "y": p.y, "v": p.v, "source": p.source} for key, p in points.items() if key in ids
            },
            "predictions": {str(key): _predicted(p) for key, p in predictions.items() if key in ids},
            "run": None if run is None else f"{run:03d}",
            "can_undo": can_undo,
            "can_redo": can_redo,
        }

    def set_points(
        self,
        face_id: int,
        points: Sequence[Mapping[str, Any]],
        *,
        source: str = "placed",
        seen: Seen = ANYTHING,
        annotator: str | None = None,
    ) -> dict[str, Any]:
        """Write points {"id", "x", "y", "v"} as one undo step; v 0 says the landmark is absent.

        Raises DataError, and ConflictError when one of them was changed by an action that the writer has not `seen`.
        """
        self.project.index.must_know(point["id"] for point in points)
        labels: dict[int, Point | None] = {}
        for point in points:
            key, v = point["id"], point["v"]
            if key in labels:
                raise DataError(f"landmark {key} stands twice in one edit")
            if v and (point.get("x") is None or point.get("y") is None):
                raise DataError(f"landmark {key} has visibility {v} but no x and y")
            labels[key] = Point(point["x"], point["y"], v, source) if v else Point(None, None, 0, source)
        return self._edit(face_id, labels, source, annotator, seen)

    def clear_points(
        self,
        face_id: int,
        ids: Iterable[int],
        *,
        seen: Seen = ANYTHING,
        annotator: str | None = None,
    ) -> dict[str, Any]:
        """Put landmarks back to "not labeled yet" as one undo step; those that are not labeled do not count.

        Raises DataError and ConflictError like `set_points`.
        """
        wanted = self.project.index.must_know(ids)
        labeled = self.store.points(face_id).get(face_id, {})
        cleared: dict[int, Point | None] = {key: None for key in wanted if key in labeled}
        return self._edit(face_id, cleared, "cleared", annotator, seen)

    def accept(
        self,
        face_id: int,
        ids: Iterable[int] | None = None,
        *,
        run: int | None = None,
        seen: Seen = ANYTHING,
        annotator: str | None = None,
    ) -> dict[str, Any]:
        """Make predicted points labels as one undo step: those of `ids`, or all that are not labeled yet.

        Raises DataError, ConflictError where the predictions are not those of `run`, the ones that were looked at, and
        for `ids` ConflictError like `set_points`.
        """
        face = self.store.face(face_id)
        newest, predictions = self.store.predictions(face.id).get(face.id, (None, {}))
        if run is not None and newest != run:
            raise ConflictError("newer predictions of this face have come since you saw it; look at them first")
        if ids is None:
            seen = ANYTHING  # what is not labeled now cannot be overwritten
            labeled = self.store.points(face.id).get(face.id, {})
            defined = self.project.index.ids
            wanted = [key for key in predictions if key in defined and key not in labeled]
        else:
            wanted = self.project.index.must_know(ids)
            missing = [key for key in wanted if key not in predictions]
            if missing:
                raise DataError(f"there is no prediction of landmark {missing[0]} on this face to accept")
        labels: dict[int, Point | None] = {
            key: Point(predictions[key].x, predictions[key].y, 2, ACCEPTED) for key in wanted
        }
        return self._edit(face_id, labels, ACCEPTED, annotator, seen)

    def _edit(
        self,
        face_id: int,
        labels: Mapping[int, Point | None],
        source: str,
        annotator: str | None,
        seen: Seen,
    ) -> dict[str, Any]:
        if labels:
            self.store.edit_points(face_id, labels, source=source, annotator=annotator, seen=seen)
        return self.view(face_id)

    def set_box(
        self, face_id: int, box: Sequence[float], *, seen: Seen = ANYTHING, annotator: str | None = None
    ) -> dict[str, Any]:
        """Give a face another box (x, y, w, h); raises DataError, and ConflictError like `set_points`."""
        wanted = self._box(self.store.face(face_id).image_id, box)
        self.store.edit_box(face_id, wanted, annotator=annotator, seen=seen)
        return self.view(face_id)

    def add_face(self, picture_id: int, box: Sequence[float], *, annotator: str | None = None) -> dict[str, Any]:
        return self.view(self.store.add_face(picture_id, self._box(picture_id, box), annotator=annotator))

    def delete_face(self, face_id: int, *, seen: Seen = ANYTHING) -> dict[str, Any]:
        """Take a face away and return the first one left on its picture; raises ConflictError for the only one, and for
        one that has changed since it was `seen`."""
        picture = self.store.face(face_id).image_id
        self.store.delete_face(face_id, seen=seen)
        return self.view(self.store.faces(picture)[0].id)

    def set_skip(
        self, face_id: int, reason: str | None, *, seen: Seen = ANYTHING, annotator: str | None = None
    ) -> dict[str, Any]:
        """Leave a face out of training, pre-labeling and export for `reason`, or take it in again (None).

        Its labels stay. Raises DataError for a reason without words, and ConflictError like `set_points`.
        """
        words = None if reason is None else reason.strip()
        if words == "":
            raise DataError("skipping a face takes a reason; found none")
        self.store.set_skip(face_id, words, annotator=annotator, seen=seen)
        return self.view(face_id)

    def undo(self, face_id: int, *, seen: Seen = ANYTHING, annotator: str | None = None) -> dict[str, Any]:
        """Take back the newest edit; raises ConflictError when there is none, or when the writer has not seen it."""
        self.store.undo(face_id, annotator=annotator, seen=seen)
        return self.view(face_id)

    def redo(self, face_id: int, *, annotator: str | None = None) -> dict[str, Any]:
        self.store.redo(face_id, annotator=annotator)
        return self.view(face_id)

    def history(self, face_id: int) -> list[dict[str, Any]]:
        """What was done to a face, newest first: see `Action`."""
        return [asdict(action) for action in self.store.history(face_id)]

    # Starts

    def proposal(
        self, face_id: int, start: Start, known: Mapping[int, tuple[float, float]] | None = None
    ) -> dict[str, Any]:
        """Expected places of the landmarks that are not in `known`, and from how many faces they were learned.

        Changes nothing. Raises DataError, and ConflictError where there is nothing to start from yet.
        """
        self.project.index.must_know(known or ())
        proposal = self.project.proposals.propose(face_id, start, known or {})
        return {"places": {str(key): list(place) for key, place in proposal.places.items()}, "faces": proposal.faces}

    # Blind repeats

    def repeats(self, annotator: str | None) -> dict[str, Any]:
        """Whether this person should label a face again now; which one it would be is not told."""
        return {"due": self.project.repeats.due(self.project.settings.repeats, annotator)}

    def begin_repeat(self, annotator: str | None) -> dict[str, Any]:
        """The face to label again, as the empty one that it is to be; raises ConflictError where none is due."""
        return self.view(self.project.repeats.begin(self.project.settings.repeats, annotator))

    def open_landmarks(self) -> dict[str, list[int]]:
        """Of every face, by id: how many landmarks of each of the 12 groups have no label yet."""
        definition, labels = self.project.definition, self.project.index.labels()
        groups = dict(zip(definition.ids, definition.groups, strict=True)) if definition else {}
        found = {}
        for face, points in labels.items():
            left = [len(members) for members in definition.members] if definition else [0] * len(GROUPS)
            for key in points:
                if key in groups:
                    left[groups[key]] -= 1
            found[str(face)] = left
        return found

    # Overviews

    def overview(self) -> dict[str, Any]:
        """The project: how far it is, how long a face takes (None while few are done), settings, newest definition."""
        return {
            "name": self.project.name,
            "progress": asdict(self.project.progress()),
            "seconds_a_face": self.project.index.seconds_a_face(),
            "settings": asdict(self.project.settings),
            "definition": self.definition()["category"],
        }

    def pictures(self) -> list[dict[str, Any]]:
        """All pictures in order of ingestion, each with how far its faces are."""
        faces: dict[int, list[Standing]] = {}
        for face in self.project.index.standings():
            faces.setdefault(face.picture, []).append(face)
        return [
            {
                "id": picture.id,
                "name": picture.name,
                "width": picture.width,
                "height": picture.height,
                "faces": [
                    {
                        "id": s.face,
                        "state": s.state,
                        "labeled": s.labeled,
                        "of": s.of,
                        "flagged": s.flagged,
                        "unseen": s.unseen,
                        "skip": s.skip,
                    }
                    for s in faces.get(picture.id, [])
                ],
            }
            for picture in self.store.images()
        ]

    def review_queue(self) -> list[dict[str, Any]]:
        """Faces with predictions that nobody has looked at, the most doubtful first."""
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
        """How many seconds a look takes this person (`ranking.looks`); None while they have reviewed few faces."""
        return {"seconds_a_look": self.project.index.seconds_a_look(annotator)}

    def preview_unseen(self, measure: Measure, limit: float, *, seed: int, sample: int) -> dict[str, Any]:
        """The faces whose doubt is at most `limit`, what accepting them unseen would do, and some of them to look at.

        The same `seed` gives the same sample of the same faces. `basis` and the revisions say what this was seen of;
        `batch` is the last one that can be taken back, or None.
        """
        basis = self._basis()
        chosen = below(self.project.index.standings(), measure, limit)
        shown = random.Random(seed).sample(sorted(s.face for s in chosen), min(sample, len(chosen)))
        batch = self.store.last_batch()
        return {
            "basis": basis,
            "faces": [{"face": s.face, "revision": s.revision} for s in chosen],
            "points": sum(s.unreviewed for s in chosen),
            "flagged": sum(s.flagged for s in chosen),
            "expected_wrong": sum(s.expected_wrong for s in chosen),
            "sample": [self.view(face) for face in shown],
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
        points, predictions, ids = self.store.points(), self.store.predictions(), set(self.project.index.ids)
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
        return [max(self.store.collected_runs(), default=0), self.store.newest_version()]

    def duplicates(self) -> dict[str, Any]:
        """Which faces nearly repeat another one (`Duplicates`); empty until all pictures are compared."""
        return asdict(self.project.duplicates.find())

    # Label checks

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

    # The definition

    def definition(self) -> dict[str, Any]:
        """The newest definition with its reference picture (None and version 0 before the first), and the templates."""
        saved = self.store.definition()
        return {
            "category": saved.category if saved else None,
            "reference": saved.reference if saved else None,
            "version": saved.version if saved else 0,
            "templates": schema.templates(),
        }

    def check_definition(self, category: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
        """What keeps `category` from being saved, and what is merely odd; each with the landmarks it is about."""
        return {
            "problems": [problem._asdict() for problem in schema.problems(category, self.store.definitions())],
            "cautions": [caution._asdict() for caution in schema.cautions(category)],
        }

    def definition_effect(self, category: Mapping[str, Any]) -> dict[str, Any]:
        """What saving `category` would do to the labels there are (`schema.Effect`)."""
        points = self.store.points()
        labeled = [points.get(face.id, {}) for face in self.store.faces()]
        return asdict(schema.effect(category, self.project.index.ids, labeled))

    def definition_versions(self) -> list[dict[str, Any]]:
        """Every version there has been, the newest first: number, time (seconds since 1970), category, reference."""
        return [asdict(saved) for saved in reversed(self.store.definitions())]

    def save_definition(
        self, category: Mapping[str, Any], reference: Mapping[str, Any] | None, *, version: int
    ) -> dict[str, Any]:
        """Save a new version edited from `version`.

        Raises DefinitionError, and ConflictError when `version` is not the newest.
        """
        versions = self.store.definitions()
        newest = versions[-1].version if versions else 0
        if version != newest:
            raise ConflictError(
                f"the definition is at version {newest} by now, this edit started from version {version}"
            )
        complete = schema.next_category(category, versions)
        if reference is not None:
            self.store.image(reference["picture"])
            reference = schema.next_reference(reference, category.get("landmark_ids"), complete["landmark_ids"])
        self.store.save_definition(complete, reference, edited_from=version)
        return self.definition()

    def _box(self, picture_id: int, box: Sequence[float]) -> Box:
        """A box cut to its picture; raises DataError when nothing of it is left."""
        picture = self.store.image(picture_id)
        x, y, w, h = box
        left, top = max(x, 0.0), max(y, 0.0)
        right, bottom = min(x + w, float(picture.width)), min(y + h, float(picture.height))
        if right - left < 1 or bottom - top < 1:
            raise DataError(
                f"the box {list(box)} covers less than a pixel of the picture of {picture.width} x {picture.height}"
            )
        return Box(left, top, right - left, bottom - top)


def _predicted(point: PredictedPoint) -> dict[str, Any]:
    return {**asdict(point), "cov": list(point.cov)}
