"""The actions on a face: label, accept, box, skip, undo, propose. Results are JSON-serializable."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from labeler.guidance.proposals import Start
from labeler.pages.flags import face_flags
from labeler.project.project import Project
from labeler.storage.history import ANYTHING, Seen
from labeler.storage.records import ACCEPTED, ACCEPTED_REST, Point, PredictedPoint
from mdmd.data.records import Box
from mdmd.errors import DataError


class FaceActions:
    """The actions on the faces of one project. Methods that change a face return its new `view`."""

    def __init__(self, project: Project) -> None:
        self.project, self.store = project, project.store

    def open(self, face_id: int) -> dict[str, Any]:
        """The `view` of a face that a person opens: points are carried over to those after it first."""
        shown = self.view(face_id)
        self.project.bases.looking_at = face_id
        return shown

    def view(self, face_id: int) -> dict[str, Any]:
        """The face: its picture, box, labels and predictions by landmark id, and whether undo and redo are possible.

        "beside" has the labeled places of the picture's other faces; a blind repeat does not show those it repeats.
        """
        face = self.store.face(face_id)
        picture = self.store.image(face.image_id)
        faces = self.store.faces(picture.id)
        others = [other.id for other in faces if other.id not in (face.id, face.repeat_of)]
        beside = [point for other in others for point in self.store.points(other).get(other, {}).values()]
        ids = self.project.index.ids
        points = self.store.points(face_id).get(face_id, {})
        proposed = self.project.proposed.of(face_id)
        can_undo, can_redo = self.store.can_undo_redo(face_id)
        return {
            "face": face.id,
            "picture": {
                "id": picture.id,
                "name": picture.name,
                "width": picture.width,
                "height": picture.height,
                "faces": [other.id for other in faces],
                "problem": self.project.originals.problem(picture),
            },
            "revision": face.revision,
            "skip": face.skip,
            "repeat": face.repeat_of is not None,
            "box": [face.box.x, face.box.y, face.box.w, face.box.h],
            "points": {
                str(key): {"x": p.x, "y": p.y, "v": p.v, "source": p.source} for key, p in points.items() if key in ids
            },
            "predictions": {str(key): _predicted(p) for key, p in proposed.points.items() if key in ids}
            if proposed
            else {},
            "beside": [[point.x, point.y] for point in beside if point.v > 0],
            "proposer": asdict(proposed.proposer) if proposed else None,
            "flags": face_flags(self.project, face, proposed) if proposed else None,
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
        """Write points {"id", "x", "y", "v"}, in pixels, as one undo step; v 0 marks an absent landmark.

        Raises DataError for invalid points, and ConflictError if one of these landmarks was changed by an action that
        the writer has not `seen`.
        """
        self.project.index.must_know(point["id"] for point in points)
        labels: dict[int, Point | None] = {}
        for point in points:
            key, v = point["id"], point["v"]
            if key in labels:
                raise DataError(f"landmark {key} is twice in one edit, wanted once")
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
        """Remove the labels of landmarks as one undo step; landmarks without a label are ignored.

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
        places: Mapping[int, tuple[float, float]] | None = None,
        seen: Seen = ANYTHING,
        annotator: str | None = None,
    ) -> dict[str, Any]:
        """Accept the predictions of the landmarks `ids`, or of all without a label, as one undo step.

        A single point, and one in doubt, counts as looked at; the others have the source ACCEPTED_REST.
        `places` are the predicted points (x, y) in pixels that were on the screen, which become the labels whatever is
        predicted by now; None takes the newest predictions. Raises DataError for a landmark without a prediction and
        for a place outside of the picture. With `ids`, also raises ConflictError like `set_points`.
        """
        face = self.store.face(face_id)
        proposed = self.project.proposed.of(face.id)
        if places is None:
            places = {key: (point.x, point.y) for key, point in proposed.points.items()} if proposed else {}
        else:
            self._must_be_inside(face.image_id, places)
        if ids is None:
            seen = Seen(edit=seen.edit)  # only landmarks without a label are written
            labeled = self.store.points(face.id).get(face.id, {})
            defined = self.project.index.ids
            wanted = [key for key in places if key in defined and key not in labeled]
        else:
            wanted = self.project.index.must_know(ids)
            missing = [key for key in wanted if key not in places]
            if missing:
                raise DataError(f"there is no prediction of landmark {missing[0]} on this face to accept")
        # Where doubt is not measured, a person must look at every point.
        sure: set[int] = set()
        if proposed is not None and proposed.proposer.measured and len(wanted) > 1:
            sure = {key for key, point in proposed.points.items() if not point.flagged}
        labels: dict[int, Point | None] = {
            key: Point(*places[key], 2, ACCEPTED_REST if key in sure else ACCEPTED) for key in wanted
        }
        return self._edit(face_id, labels, ACCEPTED, annotator, seen)

    def _must_be_inside(self, picture_id: int, places: Mapping[int, tuple[float, float]]) -> None:
        picture = self.store.image(picture_id)
        width, height = picture.width, picture.height
        for key, (x, y) in places.items():
            if not (0 <= x <= width and 0 <= y <= height):
                raise DataError(f"landmark {key} at ({x:g}, {y:g}) lies outside of the picture of {width} x {height}")

    def _edit(
        self,
        face_id: int,
        labels: Mapping[int, Point | None],
        source: str,
        annotator: str | None,
        seen: Seen,
    ) -> dict[str, Any]:
        if labels:
            if not self.store.points(face_id) and (proposed := self.project.proposed.of(face_id)):
                self.store.charges.show(face_id, proposed.proposer.name)  # labels lean towards what was shown
            self.store.edit_points(face_id, labels, source=source, annotator=annotator, seen=seen)
        return self.view(face_id)

    def set_box(
        self, face_id: int, box: Sequence[float], *, seen: Seen = ANYTHING, annotator: str | None = None
    ) -> dict[str, Any]:
        """Change a face's box to (x, y, w, h) in pixels; raises DataError, and ConflictError like `set_points`."""
        wanted = self._box(self.store.face(face_id).image_id, box)
        self.store.edit_box(face_id, wanted, annotator=annotator, seen=seen)
        return self.view(face_id)

    def add_face(self, picture_id: int, box: Sequence[float], *, annotator: str | None = None) -> dict[str, Any]:
        return self.view(self.store.add_face(picture_id, self._box(picture_id, box), annotator=annotator))

    def delete_face(self, face_id: int, *, seen: Seen = ANYTHING) -> dict[str, Any]:
        """Delete a face and return the first remaining one of its picture.

        Raises ConflictError for the only face of a picture, and if the face has changed since it was `seen`.
        """
        picture = self.store.face(face_id).image_id
        self.store.delete_face(face_id, seen=seen)
        return self.view(self.store.faces(picture)[0].id)

    def set_skip(
        self, face_id: int, reason: str | None, *, seen: Seen = ANYTHING, annotator: str | None = None
    ) -> dict[str, Any]:
        """Leave a face out of training, pre-labeling and export for `reason`, or include it again (None).

        Its labels are kept. Raises DataError for an empty reason, and ConflictError like `set_points`.
        """
        words = None if reason is None else reason.strip()
        if words == "":
            raise DataError("skipping a face takes a reason; found none")
        self.store.set_skip(face_id, words, annotator=annotator, seen=seen)
        return self.view(face_id)

    def undo(self, face_id: int, *, seen: Seen = ANYTHING, annotator: str | None = None) -> dict[str, Any]:
        """Undo the newest edit; raises ConflictError if there is none, or if the writer has not seen it."""
        self.store.undo(face_id, annotator=annotator, seen=seen)
        return self.view(face_id)

    def redo(self, face_id: int, *, seen: Seen = ANYTHING, annotator: str | None = None) -> dict[str, Any]:
        self.store.redo(face_id, annotator=annotator, seen=seen)
        return self.view(face_id)

    def history(self, face_id: int) -> list[dict[str, Any]]:
        """The actions on a face, newest first; see `Action`."""
        return [asdict(action) for action in self.store.history(face_id)]

    def proposal(
        self, face_id: int, start: Start, known: Mapping[int, tuple[float, float]] | None = None
    ) -> dict[str, Any]:
        """Expected places in pixels of the landmarks that are not in `known`; see `Proposals.propose`.

        Changes nothing. Raises DataError for an unknown landmark, and ConflictError if there is nothing to start from.
        """
        self.project.index.must_know(known or ())
        proposal = self.project.proposals.propose(face_id, start, known or {})
        return {"places": {str(key): list(place) for key, place in proposal.places.items()}, "faces": proposal.faces}

    def repeats(self, annotator: str | None) -> dict[str, Any]:
        """Whether the annotator should label a face again now. The face is not told, so that it stays blind."""
        return {"due": self.project.repeats.due(self.project.settings.repeats, annotator)}

    def begin_repeat(self, annotator: str | None) -> dict[str, Any]:
        """The blind repeat to label, without the first labels; raises ConflictError if none is due."""
        return self.view(self.project.repeats.begin(self.project.settings.repeats, annotator))

    def _box(self, picture_id: int, box: Sequence[float]) -> Box:
        """The box clipped to its picture; raises DataError if less than a pixel is left."""
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
