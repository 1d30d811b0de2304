"""The labels of a project carried over to its other faces, anew whenever a labeled face was saved."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from hashlib import blake2b

import numpy as np

from labeler.guidance.base_faces import BaseFaces
from labeler.guidance.label_index import LabelIndex
from labeler.guidance.proposed import Proposed, ProposedPoints, Proposer
from labeler.storage.base_points import BasePoints
from labeler.storage.records import UNSEEN, Face, Point, PredictedPoint, annotation_of
from labeler.storage.store import Store
from mdmd.data.definition import Definition
from mdmd.data.records import Prediction
from mdmd.evaluation.error_law import LAPLACIAN
from mdmd.evaluation.evaluate import FlagRule, probabilities_off
from mdmd.transfer.carried_labels import CarriedLabels

#: The most faces that are carried over: more add nothing (benchmarks/RESULTS.md), and a second must be enough.
MOST_CARRIED = 40
#: The most faces that get points at a time, from the one that was opened last on.
MOST_PROPOSED = 2000


class CarriedPoints:
    """Carries the labels of one project over and proposes the points. Safe to share between threads."""

    def __init__(self, store: Store, index: LabelIndex, bases: BaseFaces, proposed: ProposedPoints) -> None:
        self._store, self._index, self._bases, self._proposed = store, index, bases, proposed
        self._lock = threading.Lock()
        self._stamp: object = None
        self._key: object = None
        self._fitted: tuple[object, CarriedLabels | None] = (None, None)

    def refresh(self, rule: FlagRule) -> bool:
        """Carry over again if labels, boxes, base points, definition or `rule` have changed; returns whether they had.

        The labels of a face count as soon as it is complete or another face was edited.
        """
        with self._lock:
            definition, base = self._index.definition, self._bases.in_use()
            if definition is None or base is None:
                return False
            stamp = (self._store.connection.stamp(), rule)  # every change of labels and base points is a write
            if stamp == self._stamp:
                return False
            self._stamp = stamp
            seen = {face: found for face, found in self._bases.points(base).items() if found.usable}
            labels, faces = self._index.labels(), [face for face in self._store.faces() if face.skip is None]
            carried = self._labeled(faces, labels, seen, definition.ids)[:MOST_CARRIED]
            open_faces = self._open_faces(faces, labels, seen, definition.ids)
            of_labels = (definition.version, base, tuple((face.id, face.revision) for face in carried))
            key = (of_labels, rule, tuple((face.id, id(seen[face.id])) for face in open_faces))
            if key == self._key:
                return False
            if of_labels != self._fitted[0]:
                self._fitted = (of_labels, self._fit(carried, labels, seen, definition, base))
            self._proposed.carry(_proposals(self._fitted[1], open_faces, seen, definition, rule))
            self._key = key
            return True

    def left_out(self, parts: Sequence[Collection[int]]) -> dict[int, Prediction]:
        """The points of labeled faces, carried over from the faces that are in none or another of the `parts`.

        Faces without base points, and those for which no other face is labeled, are left out.
        """
        definition, base = self._index.definition, self._bases.in_use()
        if definition is None or base is None:
            return {}
        seen = {face: found for face, found in self._bases.points(base).items() if found.usable}
        labels, faces = self._index.labels(), [face for face in self._store.faces() if face.skip is None]
        labeled = self._labeled(faces, labels, seen, definition.ids)
        found: dict[int, Prediction] = {}
        for part in parts:
            wanted = [face for face in part if face in seen]
            others = [face for face in labeled if face.id not in part][:MOST_CARRIED]
            fitted = self._fit(others, labels, seen, definition, base)
            if fitted is not None and wanted:
                points = fitted.carry([_prediction(seen[face]) for face in wanted], [seen[face].box for face in wanted])
                found.update(zip(wanted, points, strict=True))
        return found

    def _labeled(
        self,
        faces: Sequence[Face],
        labels: Mapping[int, Mapping[int, Point]],
        seen: Mapping[int, BasePoints],
        ids: Sequence[int],
    ) -> list[Face]:
        """The faces whose labels can be carried over, in an order that never changes."""
        edited = self._store.last_labeled()
        newest = max(edited, key=lambda face: edited[face], default=None)
        counting = []
        for face in faces:
            own = [labels[face.id][key] for key in ids if key in labels[face.id]]
            settled = len(own) == len(ids) or face.id != newest
            if face.id in seen and settled and any(point.v > 0 for point in own):
                counting.append(face)
        return sorted(counting, key=lambda face: blake2b(str(face.id).encode(), digest_size=8).digest())

    def _open_faces(
        self,
        faces: Sequence[Face],
        labels: Mapping[int, Mapping[int, Point]],
        seen: Mapping[int, BasePoints],
        ids: Sequence[int],
    ) -> list[Face]:
        after = next((k for k, face in enumerate(faces) if face.id == self._bases.looking_at), 0)
        in_turn = [*faces[after:], *faces[:after]] if len(faces) > MOST_PROPOSED else faces
        open_faces = (face for face in in_turn if face.id in seen and any(key not in labels[face.id] for key in ids))
        return [face for face, _ in zip(open_faces, range(MOST_PROPOSED), strict=False)]

    def _fit(
        self,
        carried: Sequence[Face],
        labels: Mapping[int, Mapping[int, Point]],
        seen: Mapping[int, BasePoints],
        definition: Definition,
        base: str,
    ) -> CarriedLabels | None:
        if not carried:
            return None
        return CarriedLabels(
            definition.name,
            definition,
            head=base,
            base=self._bases.definition(base),
            seen=tuple(_prediction(seen[face.id]) for face in carried),
            boxes=tuple(seen[face.id].box for face in carried),
            labels=tuple(annotation_of(labels[face.id], definition.ids) for face in carried),
            unseen=tuple(any(point.source == UNSEEN for point in labels[face.id].values()) for face in carried),
        )


def _proposals(
    labels: CarriedLabels | None,
    faces: Sequence[Face],
    seen: Mapping[int, BasePoints],
    definition: Definition,
    rule: FlagRule,
) -> dict[int, Proposed]:
    if labels is None or not faces:
        return {}
    boxes = [seen[face.id].box for face in faces]
    found = labels.carry([_prediction(seen[face.id]) for face in faces], boxes)
    off = np.array(
        [
            probabilities_off(definition, one, box, rule.tolerance, LAPLACIAN)
            for one, box in zip(found, boxes, strict=True)
        ]
    )
    flagged = (off > rule.threshold_for(off)) & labels.measured
    proposer = Proposer("carried", len(labels.labels), measured=labels.measured)
    return {
        face.id: Proposed(proposer, _points(definition, one, doubt, marked))
        for face, one, doubt, marked in zip(faces, found, off, flagged, strict=True)
    }


def _points(
    definition: Definition, found: Prediction, off: np.ndarray, flagged: np.ndarray
) -> dict[int, PredictedPoint]:
    covariances = found.covariance[:, (0, 0, 1), (0, 1, 1)].tolist()
    rows = zip(definition.ids, found.points.tolist(), covariances, off.tolist(), flagged.tolist(), strict=True)
    return {key: PredictedPoint(x, y, (sxx, sxy, syy), p, mark) for key, (x, y), (sxx, sxy, syy), p, mark in rows}


def _prediction(seen: BasePoints) -> Prediction:
    return Prediction(seen.points, seen.covariance)
