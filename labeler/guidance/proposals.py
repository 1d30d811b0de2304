"""Proposed places of landmarks that are not labeled yet. Proposals are not labels and are not stored."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from labeler.analysis.shapes import FEWEST_POINTS, Places, ShapeModel, follow, learn
from labeler.errors import ConflictError
from labeler.guidance.label_index import LabelIndex
from labeler.guidance.proposed import ProposedPoints
from labeler.storage.records import Face, Point, SavedDefinition
from labeler.storage.store import Store
from mdmd.data.records import Box

Start = Literal["mean", "previous", "prediction"]


@dataclass(frozen=True)
class Proposal:
    """Expected places in pixels by landmark id, learned from the labels of `faces` faces.

    `faces` is 0 for a proposal from the reference picture or from a prediction.
    """

    places: dict[int, tuple[float, float]]
    faces: int


class Proposals:
    """Proposes places from the labels of a project. Safe to share between threads."""

    def __init__(self, store: Store, index: LabelIndex, proposed: ProposedPoints) -> None:
        self._store, self._index, self._proposed = store, index, proposed
        self._lock = threading.Lock()
        self._learned: tuple[object, ShapeModel | None] = (None, None)

    def propose(self, face_id: int, start: Start, known: Places) -> Proposal:
        """Places in pixels of the face's landmarks that are not in `known`, clipped to the picture.

        "mean" starts from the mean shape, "previous" from the last labeled face before this one in the order of the
        pictures, and "prediction" from the points proposed for the face. The known points then correct position,
        rotation, scale and shape. Raises ConflictError if there is nothing to start from, and for a blind repeat.
        """
        face = self._store.face(face_id)
        if face.repeat_of is not None:
            raise ConflictError("a blind repeat is labeled without a proposal")
        if start == "prediction":
            return Proposal(self._inside(face, self._from_prediction(face, known)), 0)
        model = self._model(face)
        if model is None:
            raise ConflictError(
                "no other face is labeled yet, so there is no shape to start from: label one face first, "
                "or place the landmarks on the schema's reference picture"
            )
        shape = model.around(*self._previous(face)) if start == "previous" else model
        return Proposal(self._inside(face, shape.conditional(known, face.box)), model.faces)

    def _inside(self, face: Face, places: Places) -> dict[int, tuple[float, float]]:
        picture = self._store.image(face.image_id)
        w, h = float(picture.width), float(picture.height)
        return {key: (min(max(x, 0.0), w), min(max(y, 0.0), h)) for key, (x, y) in places.items()}

    def _from_prediction(self, face: Face, known: Places) -> dict[int, tuple[float, float]]:
        proposed = self._proposed.of(face.id)
        predictions = proposed.points if proposed else {}
        ids = self._definition().category["landmark_ids"]
        predicted = {key: (point.x, point.y) for key, point in predictions.items() if key in ids}
        if not predicted:
            raise ConflictError("there is no prediction of this face yet: train on your labels, then pre-label")
        covariances = {key: predictions[key].cov for key in predicted}
        return follow(predicted, covariances, known)

    def _previous(self, face: Face) -> tuple[Places, Box]:
        labels = self._index.labels()
        before = [other for other in self._faces() if (other.image_id, other.id) < (face.image_id, face.id)]
        for other in reversed(before):
            shape = _places(labels.get(other.id, {}))
            if len(shape) >= FEWEST_POINTS:
                return shape, other.box
        raise ConflictError("no face before this one is labeled: start from the mean shape, or place the points")

    def _model(self, face: Face) -> ShapeModel | None:
        """The model of all other faces, learned again only if one of them or the definition has changed."""
        definition = self._definition()
        others = [other for other in self._faces() if other.id != face.id]
        key = (definition.version, face.id, max((other.revision for other in others), default=0), len(others))
        with self._lock:
            if self._learned[0] != key:
                self._learned = (key, self._learn(definition, others))
            return self._learned[1]

    def _learn(self, definition: SavedDefinition, others: list[Face]) -> ShapeModel | None:
        ids = definition.category["landmark_ids"]
        labels = self._index.labels()
        shapes = [(_places(labels.get(other.id, {})), other.box) for other in others]
        if any(len(shape.keys() & set(ids)) >= FEWEST_POINTS for shape, _ in shapes):
            return learn(shapes, ids)
        return _of_reference(self._store, definition)

    def _faces(self) -> list[Face]:
        return [face for face in self._store.faces() if face.skip is None]

    def _definition(self) -> SavedDefinition:
        definition = self._store.definitions.newest()
        if definition is None:
            raise ConflictError("this project has no landmarks defined yet")
        return definition


def _places(labels: Mapping[int, Point]) -> dict[int, tuple[float, float]]:
    return {key: (point.x, point.y) for key, point in labels.items() if point.x is not None and point.y is not None}


def _of_reference(store: Store, definition: SavedDefinition) -> ShapeModel | None:
    """A model of the one shape on the definition's reference picture; None without such a picture."""
    reference = definition.reference
    points = {int(key): (x, y) for key, (x, y) in reference["points"].items()} if reference else {}
    if reference is None or len(points) < FEWEST_POINTS:
        return None
    box = store.faces(reference["picture"])[0].box
    return replace(learn([(points, box)], definition.category["landmark_ids"]), faces=0)
