"""The labels of a project carried over to its other faces, anew whenever a labeled face was saved.

The points of learned rounds are fused with them, so they are made anew, too.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from labeler.guidance.base_faces import BaseFaces
from labeler.guidance.label_index import LabelIndex
from labeler.guidance.learned_rounds import LearnedRounds
from labeler.guidance.progress import is_reviewed
from labeler.guidance.proposed import Proposed, ProposedPoints, Proposer
from labeler.storage.base_points import BasePoints
from labeler.storage.records import Face, Point, PredictedPoint, annotation_of, true_within
from labeler.storage.store import Store
from mdmd.data.boxes import normalizing_distance
from mdmd.data.definition import Definition
from mdmd.data.records import Prediction
from mdmd.evaluation.evaluate import FlagRule, Tally, probabilities_off
from mdmd.transfer.carried_labels import CarriedLabels
from mdmd.transfer.spread import LAW

#: The most faces that are carried over: more add nothing (benchmarks/RESULTS.md), and a second must be enough.
MOST_CARRIED = 40
#: The most faces that get points at a time, from the one that was opened last on.
MOST_PROPOSED = 2000


class CarriedPoints:
    """Carries the labels of one project over and proposes the points. Safe to share between threads."""

    def __init__(
        self, store: Store, index: LabelIndex, bases: BaseFaces, rounds: LearnedRounds, proposed: ProposedPoints
    ) -> None:
        self._store, self._index, self._bases, self._proposed = store, index, bases, proposed
        self._rounds = rounds
        self._lock = threading.Lock()
        self._stamp: object = None
        self._key: object = None
        self._fitted: tuple[object, CarriedLabels | None] = (None, None)

    def refresh(self, rule: FlagRule) -> bool:
        """Carry over again if labels, boxes, base points, rounds, definition or `rule` have changed; returns whether.

        The labels of a face count as soon as it is complete or another face was edited.
        """
        with self._lock:
            # Every change of labels and base points is a write.
            rounds = self._rounds.numbers()
            stamp = (self._store.connection.stamp(), rule, self._bases.looking_at, rounds)
            state = None if stamp == self._stamp else self._state()
            if state is None:
                return False
            self._stamp = stamp
            carried, open_faces = state.labeled()[:MOST_CARRIED], state.open_faces()
            if len(open_faces) > MOST_PROPOSED:
                first = set(self._bases.in_turn([face.id for face in open_faces])[:MOST_PROPOSED])
                open_faces = [face for face in open_faces if face.id in first]
            version, base = state.definition.version, state.base
            of_labels = (version, base, rule.tolerance, tuple((face.id, face.revision) for face in carried))
            key = (of_labels, rule, tuple((face.id, state.seen[face.id].asked) for face in open_faces), rounds)
            if key == self._key:
                return False
            if of_labels != self._fitted[0]:
                self._fitted = (of_labels, self._fit(state, carried, rule.tolerance))
            self._propose(self._fitted[1], open_faces, state, rule)
            self._key = key
            return True

    def _propose(self, labels: CarriedLabels | None, open_faces: Sequence[Face], state: _State, rule: FlagRule) -> None:
        if labels is None or not open_faces:
            self._proposed.carry({}, {}, {})
            return
        faces = [face.id for face in open_faces]
        found = dict(zip(faces, state.carry(labels, faces), strict=True))
        carried = Proposer("carried", len(labels.labels), measured=labels.measured)
        faces_of_carried, tally = state.proposed(carried, found, rule)
        of_rounds, tallies = {}, {carried.name: tally}
        for number in self._rounds.numbers():
            learned = self._rounds.get(number)
            if learned is not None and learned.record.version == state.definition.version:
                proposer = Proposer("round", number, measured=labels.measured)
                own, tallies[proposer.name] = state.proposed(proposer, learned.propose(found), rule)
                of_rounds[proposer.name] = own
        self._proposed.carry(faces_of_carried, of_rounds, tallies)

    def left_out(self, parts: Sequence[Collection[int]], tolerance: float) -> dict[int, Prediction]:
        """The points of the faces in `parts`, each carried over from labeled faces that are not in the same part.

        Errors above `tolerance`, a share of the normalizing distance, are corrected.
        Faces without base points, and those for which no other face is labeled, are left out.
        """
        state = self._state()
        if state is None:
            return {}
        labeled = state.labeled()
        found: dict[int, Prediction] = {}
        for part in parts:
            wanted = [face for face in part if face in state.seen]
            fitted = self._fit(state, [face for face in labeled if face.id not in part][:MOST_CARRIED], tolerance)
            if fitted is not None and wanted:
                found.update(zip(wanted, state.carry(fitted, wanted), strict=True))
        return found

    def _state(self) -> _State | None:
        """What is carried over and where to; None without a definition or a base."""
        definition, base = self._index.definition, self._bases.in_use()
        if definition is None or base is None:
            return None
        settled = self._index.settled_faces()
        return _State(
            definition,
            base,
            seen={face: found for face, found in self._bases.points(base).items() if found.usable},
            labels=self._index.labels(),
            faces=[face for face in self._store.faces() if face.skip is None],
            settled=settled,
        )

    def _fit(self, state: _State, carried: Sequence[Face], tolerance: float) -> CarriedLabels | None:
        if not carried:
            return None
        definition, seen, labels = state.definition, state.seen, state.labels
        return CarriedLabels(
            definition.name,
            definition,
            head=state.base,
            base=self._bases.definition(state.base),
            seen=tuple(_prediction(seen[face.id]) for face in carried),
            boxes=tuple(seen[face.id].box for face in carried),
            labels=tuple(annotation_of(labels[face.id], definition.ids) for face in carried),
            unseen=tuple(not all(map(is_reviewed, labels[face.id].values())) for face in carried),
            within=tuple(state.within(face.id, tolerance) for face in carried),
        )


@dataclass(frozen=True, eq=False)
class _State:
    """The faces that are not skipped, their labels, and what `base` predicts on them (`seen`, usable ones only).

    The labels of `settled` faces count.
    """

    definition: Definition
    base: str
    seen: Mapping[int, BasePoints]
    labels: Mapping[int, Mapping[int, Point]]
    faces: Sequence[Face]
    settled: Sequence[Face]

    def labeled(self) -> list[Face]:
        """The faces whose labels can be carried over, in an order that never changes."""
        counting = [face for face in self.settled if face.id in self.seen]
        return sorted(counting, key=lambda face: blake2b(str(face.id).encode(), digest_size=8).digest())

    def within(self, face: int, tolerance: float) -> np.ndarray:
        """How far in pixels (N,) the true places may be from the labels of a face; 0 without a label."""
        labels, box = self.labels[face], self.seen[face].box
        annotation = annotation_of(labels, self.definition.ids)
        places = np.where(annotation.labeled[:, None], annotation.points, np.nan)
        pixels = tolerance * normalizing_distance(self.definition, places, box)
        known = pixels if np.isfinite(pixels) else np.inf
        return np.array([true_within(labels[key], known) if key in labels else 0.0 for key in self.definition.ids])

    def open_faces(self) -> list[Face]:
        """The faces that lack a label."""
        return [
            face
            for face in self.faces
            if face.id in self.seen and any(key not in self.labels[face.id] for key in self.definition.ids)
        ]

    def carry(self, labels: CarriedLabels, faces: Sequence[int]) -> list[Prediction]:
        """The points of `faces`, which the base has seen, carried over from `labels`."""
        seen = [self.seen[face] for face in faces]
        return labels.carry([_prediction(one) for one in seen], [one.box for one in seen])

    def proposed(
        self, proposer: Proposer, found: Mapping[int, Prediction], rule: FlagRule
    ) -> tuple[dict[int, Proposed], Tally]:
        """What `proposer` has found on each face, with the points flagged that may be off, and a tally of the flags."""
        off = np.array(
            [
                probabilities_off(self.definition, one, self.seen[face].box, rule.tolerance, LAW)
                for face, one in found.items()
            ]
        )
        flagged = (off > rule.threshold_for(off)) & proposer.measured
        faces = {
            face: Proposed(proposer, _points(self.definition, one, doubt, marked))
            for (face, one), doubt, marked in zip(found.items(), off, flagged, strict=True)
        }
        return faces, Tally.of(off, flagged)


def _points(
    definition: Definition, found: Prediction, off: np.ndarray, flagged: np.ndarray
) -> dict[int, PredictedPoint]:
    covariances = found.covariance[:, (0, 0, 1), (0, 1, 1)].tolist()
    rows = zip(definition.ids, found.points.tolist(), covariances, off.tolist(), flagged.tolist(), strict=True)
    radius90 = LAW.radius(0.9)
    return {
        key: PredictedPoint(x, y, (sxx, sxy, syy), p, mark, radius90) for key, (x, y), (sxx, sxy, syy), p, mark in rows
    }


def _prediction(seen: BasePoints) -> Prediction:
    return Prediction(seen.points, seen.covariance)
