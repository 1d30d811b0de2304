"""The label checks of one project, kept up to date: after an edit only the changed face is looked at again."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from labeler.analysis.label_checks import Finding, LabeledFace, check_labels
from labeler.analysis.model_disagreement import ModelWord
from labeler.guidance.label_index import LabelIndex
from labeler.guidance.model_opinions import ModelWords, newest_stamp, read_words
from labeler.storage.records import Face, Point
from labeler.storage.store import Store
from mdmd.data.definition import Definition


class LabelChecks:
    """Finds labels that look wrong, by themselves and by the predictions of the newest training under `runs`.

    Safe to share between threads.
    """

    def __init__(self, store: Store, index: LabelIndex, runs: Path) -> None:
        self._store = store
        self._index = index
        self._runs = runs
        self._words = ModelWords()
        self._lock = threading.Lock()
        self._stamp: object = None
        self._ids: tuple[int, ...] = ()
        self._faces: dict[int, tuple[int, LabeledFace]] = {}
        self._found: list[tuple[Finding, bool]] = []

    def findings(self) -> list[tuple[Finding, bool]]:
        """Every finding in the pictures' order, and whether a person has said that it is right."""
        with self._lock:
            trained = newest_stamp(self._runs)
            if trained != self._words.stamp:
                self._words = read_words(self._runs)
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
        faces = [self._with_word(face) for _, face in self._faces.values()]
        said = self._store.said_right()
        return [
            (finding, self._is_right(finding, said.get((finding.face, finding.kind), {})))
            for finding in check_labels(definition, faces)
        ]

    def _with_word(self, face: LabeledFace) -> LabeledFace:
        """The face with what the model says of the labels that it was given and that still stand there.

        What was moved or placed since a person has looked at since; other landmarks than the model's are not its own.
        """
        if face.id not in self._words.faces or set(self._words.ids) != set(self._ids):
            return face
        order = [self._words.ids.index(key) for key in self._ids]
        learned, word = self._words.faces[face.id]
        stays = np.abs(learned[order] - face.points).max(axis=1) < 1e-6
        means = np.where(stays[:, None], word.means[order], np.nan)
        return replace(face, word=ModelWord(means, word.covariances[order], word.radius90))

    def _is_right(self, finding: Finding, said: Mapping[int, tuple[float, float]]) -> bool:
        points = self._faces[finding.face][1].points
        return all(key in said and said[key] == tuple(points[self._ids.index(key)]) for key in finding.landmarks)

    def _read(self) -> None:
        """Bring `self._faces` up to date, in the pictures' order; skipped faces are not checked."""
        known, faces = self._faces, self._store.faces()
        labels = (
            self._index.labels()
        )  # after the faces: labels that are newer than a revision are read again, never missed
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
