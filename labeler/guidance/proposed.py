"""The points that a face shows before a person has labeled them, and what proposed them.

Proposed points are no labels: they become labels when a person accepts them, and are never exported before.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from labeler.storage.charges import Charges
from labeler.storage.imports import Imports
from labeler.storage.predictions import Predictions
from labeler.storage.records import PredictedPoint
from mdmd.data.records import ScoredPoint
from mdmd.evaluation.evaluate import Tally

#: The name of the proposer that carries labels over to other faces.
CARRIED = "carried"


@dataclass(frozen=True)
class Proposer:
    """What proposed points: "carried" from the labels of `number` faces, or the "round", "run" or "import" of that
    number.

    With `measured` False it is not known how far the points may be off, and none is flagged.
    """

    kind: Literal["carried", "round", "run", "import"]
    number: int
    measured: bool = True

    @property
    def name(self) -> str:
        """Its name in the history of what was in charge: "carried", "round 7", "run 3" or "import 2"."""
        return CARRIED if self.kind == "carried" else f"{self.kind} {self.number}"


@dataclass(frozen=True)
class Proposed:
    """The points that `proposer` proposes for a face, by landmark id."""

    proposer: Proposer
    points: Mapping[int, PredictedPoint]


class ProposedPoints:
    """The proposed points of every face: those of the proposer in charge, else carried-over ones.

    Before anything was judged, the newest run is in charge.
    """

    def __init__(self, predictions: Predictions, charges: Charges, imports: Imports) -> None:
        self._predictions, self._charges, self._imports = predictions, charges, imports
        self._carried: Mapping[int, Proposed] = {}
        self._rounds: Mapping[str, Mapping[int, Proposed]] = {}
        self._tallies: Mapping[str, Tally] = {}
        self._challenger: tuple[str, frozenset[int]] = ("", frozenset())
        #: How often the points of carried labels or rounds, or the challenger, were replaced.
        self.times_replaced = 0

    @property
    def stamp(self) -> object:
        """Changes whenever proposed points may have changed."""
        return self.times_replaced, self._charges.current(), frozenset(self._predictions.collected_runs())

    @property
    def challenger(self) -> str:
        """The name of the proposer that some faces show for comparison; empty without one."""
        return self._challenger[0]

    def in_charge(self) -> str:
        """The name of the proposer in charge."""
        runs = self._predictions.collected_runs()
        return self._charges.current() or (f"run {max(runs)}" if runs else CARRIED)

    def carry(
        self,
        faces: Mapping[int, Proposed],
        rounds: Mapping[str, Mapping[int, Proposed]],
        tallies: Mapping[str, Tally],
    ) -> None:
        """Replace all carried-over points by those of `faces`, and those of `rounds` by name, which depend on them.

        `tallies` are their flags, by the name of the proposer.
        """
        self._carried, self._rounds, self._tallies = faces, rounds, tallies
        self.times_replaced += 1

    def challenge(self, proposer: str, faces: Collection[int]) -> None:
        """Let `faces` show the points of `proposer` although another one is in charge, so that both can be compared."""
        challenger = (proposer, frozenset(faces))
        if challenger != self._challenger:
            self._challenger = challenger
            self.times_replaced += 1

    def of(self, face_id: int) -> Proposed | None:
        """The proposed points of a face; None if nothing proposes any."""
        challenger, faces = self._challenger
        names = [challenger, self.in_charge()] if face_id in faces else [self.in_charge()]
        for name in names:
            found = self._of(name, face_id)
            if found is not None:
                return found
        return self._carried.get(face_id) or self._newest(face_id).get(face_id)

    def all(self) -> dict[int, Proposed]:
        """The proposed points by face."""
        challenger, faces = self._challenger
        others = {face: found for face, found in self.by(challenger).items() if face in faces}
        return {**self._newest(), **self._carried, **self.by(self.in_charge()), **others}

    def by(self, name: str) -> Mapping[int, Proposed]:
        """What the proposer of that name proposes, by face."""
        if name == CARRIED:
            return self._carried
        brought = import_number(name)
        if brought is not None:
            return {face: _imported(brought, points) for face, points in self._imports.points(brought).items()}
        run = run_number(name)
        if run is None:
            return self._rounds.get(name, {})
        return {face: Proposed(Proposer("run", run), points) for face, points in self._predictions.of_run(run).items()}

    def tally(self, name: str) -> Tally | None:
        """The flags of carried-over points or of a round; None where they propose nothing."""
        return self._tallies.get(name)

    def measured(self, name: str) -> bool:
        """Whether it is known how far the points of the proposer of that name may be off."""
        if import_number(name) is not None:
            return False
        found = {} if run_number(name) else self.by(name)
        return all(one.proposer.measured for one in list(found.values())[:1])

    def _of(self, name: str, face_id: int) -> Proposed | None:
        brought, run = import_number(name), run_number(name)
        if brought is not None:
            points = self._imports.points(brought, face_id).get(face_id)
            return _imported(brought, points) if points else None
        if run is not None:
            predicted = self._predictions.of_run(run, face_id).get(face_id)
            return Proposed(Proposer("run", run), predicted) if predicted else None
        return self.by(name).get(face_id)

    def _newest(self, face_id: int | None = None) -> dict[int, Proposed]:
        """What the newest run proposes, for faces that nothing in charge predicts."""
        if self._charges.current() is not None:
            return {}
        found = self._predictions.current(face_id)
        return {face: Proposed(Proposer("run", run), points) for face, (run, points) in found.items()}


def _imported(number: int, points: Mapping[int, ScoredPoint]) -> Proposed:
    """Nothing is known of their errors: a score is no probability of being right, but tells what to look at first."""
    return Proposed(
        Proposer("import", number, measured=False),
        {
            key: PredictedPoint(p.x, p.y, (1.0, 0.0, 1.0), 1 - (1.0 if p.score is None else p.score), False, 0.0)
            for key, p in points.items()
        },
    )


def import_number(name: str) -> int | None:
    """The number in the name of a proposer that is an import; None for another one."""
    return _number("import", name)


def run_number(name: str) -> int | None:
    """The number in the name of a proposer that is a run; None for another one."""
    return _number("run", name)


def round_number(name: str) -> int | None:
    """The number in the name of a proposer that is a round; None for another one."""
    return _number("round", name)


def _number(kind: str, name: str) -> int | None:
    found, _, number = name.partition(" ")
    return int(number) if found == kind and number.isdecimal() else None
