"""The label checks of one project, kept up to date: after an edit only the changed face is read again."""

from __future__ import annotations

import threading
from collections.abc import Mapping

import numpy as np

from labeler.quality import Finding, LabeledFace, check_labels
from labeler.store import Face, Point, Store
from mdmd.records import Definition

#: So many changed faces are read one by one; more are read in one go.
ONE_BY_ONE = 20


class LabelChecks:
    """What looks wrong in the labels of `store`. Safe to share between threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._stamp: object = None
        self._ids: tuple[int, ...] = ()
        self._faces: dict[int, tuple[int, LabeledFace]] = {}
        self._found: list[tuple[Finding, bool]] = []

    def findings(self) -> list[tuple[Finding, bool]]:
        """Every finding in the pictures' order, and whether a person has said that it is right."""
        with self._lock:
            stamp = self._store.stamp()
            if stamp != self._stamp:
                self._found = self._check()
                self._stamp = stamp
            return self._found

    def _check(self) -> list[tuple[Finding, bool]]:
        saved = self._store.definition()
        if saved is None:
            return []
        definition = Definition.from_category(saved.category, where="the saved definition")
        if definition.ids != self._ids:
            self._ids, self._faces = definition.ids, {}
        self._read(self._store.faces())
        faces = [face for _, face in self._faces.values()]
        said = self._store.said_right()
        return [
            (finding, self._is_right(finding, said.get((finding.face, finding.kind), {})))
            for finding in check_labels(definition, faces)
        ]

    def _is_right(self, finding: Finding, said: Mapping[int, tuple[float, float]]) -> bool:
        points = self._faces[finding.face][1].points
        return all(key in said and said[key] == tuple(points[self._ids.index(key)]) for key in finding.landmarks)

    def _read(self, faces: list[Face]) -> None:
        """Bring `self._faces` up to date, in the order of `faces`."""
        changed = {face.id for face in faces if self._faces.get(face.id, (None,))[0] != face.revision}
        points_of = self._store.points() if len(changed) > ONE_BY_ONE else {}
        if not points_of:
            for key in changed:
                points_of |= self._store.points(key)
        known = self._faces
        self._faces = {
            face.id: (face.revision, self._face(face, points_of.get(face.id, {})))
            if face.id in changed
            else known[face.id]
            for face in faces
        }

    def _face(self, face: Face, points: Mapping[int, Point]) -> LabeledFace:
        places = np.full((len(self._ids), 2), np.nan)
        for k, key in enumerate(self._ids):
            point = points.get(key)
            if point and point.x is not None and point.y is not None:
                places[k] = point.x, point.y
        return LabeledFace(face.id, face.box, places)
