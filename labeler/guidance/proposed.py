"""The points that a face shows before a person has labeled them, and what proposed them.

Proposed points are no labels: they become labels when a person accepts them, and are never exported before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from labeler.storage.predictions import Predictions
from labeler.storage.records import PredictedPoint


@dataclass(frozen=True)
class Proposer:
    """What proposed points: "carried" from the labels of `number` faces, or the "run" of that number.

    With `measured` False it is not known yet how far the points may be off, and none is flagged.
    """

    kind: Literal["carried", "run"]
    number: int
    measured: bool = True


@dataclass(frozen=True)
class Proposed:
    """The points that `proposer` proposes for a face, by landmark id."""

    proposer: Proposer
    points: Mapping[int, PredictedPoint]


class ProposedPoints:
    """The proposed points of every face: those of the newest run that predicted it, else those carried over."""

    def __init__(self, predictions: Predictions) -> None:
        self._predictions = predictions
        self._carried: Mapping[int, Proposed] = {}
        #: How often carried-over points were replaced.
        self.times_carried = 0

    @property
    def stamp(self) -> object:
        """Changes whenever proposed points may have changed."""
        return self.times_carried, frozenset(self._predictions.collected_runs())

    def carry(self, faces: Mapping[int, Proposed]) -> None:
        """Replace all carried-over points."""
        self._carried = faces
        self.times_carried += 1

    def of(self, face_id: int) -> Proposed | None:
        """The proposed points of a face; None if nothing proposes any."""
        return _by_face(self._predictions.current(face_id)).get(face_id) or self._carried.get(face_id)

    def all(self) -> dict[int, Proposed]:
        """The proposed points by face."""
        return {**self._carried, **_by_face(self._predictions.current())}


def _by_face(predicted: Mapping[int, tuple[int, dict[int, PredictedPoint]]]) -> dict[int, Proposed]:
    return {face: Proposed(Proposer("run", run), points) for face, (run, points) in predicted.items()}
