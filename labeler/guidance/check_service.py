"""The label checks of one project. After an edit, only the changed face is read again."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from labeler.analysis.label_checks import Finding, LabeledFace, check_labels
from labeler.analysis.model_disagreement import ModelPrediction
from labeler.guidance.label_index import LabelIndex
from labeler.guidance.model_predictions import ModelPredictions, newest_stamp, read_predictions
from labeler.storage.records import Face, Point
from labeler.storage.store import Store
from mdmd.data.definition import Definition


class LabelChecks:
    """Finds suspicious labels, by the other labels and by the predictions of the newest training under `runs`.

    Safe to share between threads.
    """

    def __init__(self, store: Store, index: LabelIndex, runs: Path) -> None:
        self._store = store
        self._index = index
        self._runs = runs
        self._predictions = ModelPredictions()
        self._lock = threading.Lock()
        self._stamp: object = None
        self._ids: tuple[int, ...] = ()
        self._faces: dict[int, tuple[int, LabeledFace]] = {}
        self._found: list[tuple[Finding, bool]] = []

    def findings(self) -> list[tuple[Finding, bool]]:
        """All findings in the order of the pictures, each with whether it was dismissed."""
        with self._lock:
            trained = newest_stamp(self._runs)
            if trained != self._predictions.stamp:
                self._predictions = read_predictions(self._runs)
            stamp = (self._store.connection.stamp(), trained)
            if stamp != self._stamp:
                self._found = self._check()
                self._stamp = stamp
            return self._found

    def _check(self) -> list[tuple[Finding, bool]]:
        saved = self._store.definitions.newest()
        if saved is None:
            return []
        definition = Definition.from_category(saved.category, where="the saved definition")
        if definition.ids != self._ids:
            self._ids, self._faces = definition.ids, {}
        self._read()
        faces = [self._with_prediction(face) for _, face in self._faces.values()]
        dismissed = self._store.said_right()
        return [
            (finding, self._is_right(finding, dismissed.get((finding.face, finding.kind), {})))
            for finding in check_labels(definition, faces)
        ]

    def _with_prediction(self, face: LabeledFace) -> LabeledFace:
        """The face with the model's prediction for the labels that are unchanged since the training.

        A label that was placed or moved since has been reviewed since. A model with other landmarks is ignored.
        """
        known = self._predictions
        if face.id not in known.faces or set(known.ids) != set(self._ids):
            return face
        order = [known.ids.index(key) for key in self._ids]
        learned, found = known.faces[face.id]
        stays = np.abs(learned[order] - face.points).max(axis=1) < 1e-6
        means = np.where(stays[:, None], found.means[order], np.nan)
        return replace(face, prediction=ModelPrediction(means, found.covariances[order], found.radius90))

    def _is_right(self, finding: Finding, dismissed: Mapping[int, tuple[float, float]]) -> bool:
        points = self._faces[finding.face][1].points
        return all(dismissed.get(key) == tuple(points[self._ids.index(key)]) for key in finding.landmarks)

    def _read(self) -> None:
        """Update `self._faces`, in the order of the pictures, without skipped faces."""
        known, faces = self._faces, self._store.faces()
        # Read after the faces: labels newer than the known revision are read again next time, never missed.
        labels = self._index.labels()
        self._faces = {}
        for face in faces:
            if face.skip is None:
                before = known.get(face.id)
                if before is None or before[0] != face.revision:
                    before = (face.revision, self._face(face, labels.get(face.id, {})))
                self._faces[face.id] = before

    def _face(self, face: Face, points: Mapping[int, Point]) -> LabeledFace:
        places = np.full((len(self._ids), 2), np.nan)
        for k, key in enumerate(self._ids):
            point = points.get(key)
            if point and point.x is not None and point.y is not None:
                places[k] = point.x, point.y
        return LabeledFace(face.id, face.box, places)
