"""What the flags of proposed points mean: from which probability on, how far off, and what they should catch."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np

from labeler.guidance.base_faces import BaseFaces
from labeler.guidance.label_index import LabelIndex
from labeler.guidance.proposed import Proposed, ProposedPoints, run_number
from labeler.storage.predictions import Predictions
from labeler.storage.records import Face
from mdmd import run_folder
from mdmd.data.boxes import normalizing_distance
from mdmd.errors import DataError
from mdmd.evaluation.evaluate import Flagging, FlagRule, Tally


class Flags:
    """The flags of each proposer of one project, whose runs are in the folder `runs`. Safe to share between threads."""

    def __init__(
        self, predictions: Predictions, index: LabelIndex, bases: BaseFaces, proposed: ProposedPoints, *, runs: Path
    ) -> None:
        self._predictions, self._index, self._bases = predictions, index, bases
        self._proposed, self._runs = proposed, runs
        self._lock = threading.Lock()
        self._of_runs: dict[int, Tally] = {}
        self._measured_on: dict[int, int | None] = {}

    def of(self, proposer: str, rule: FlagRule) -> Flagging | None:
        """The flags of a proposer, by its name; None where it proposes nothing.

        `rule` is that of the project. It holds for carried-over points and rounds, which are made anew when it changes;
        a run tells which one it was started with. The flags of a run are those of all points that its model predicted
        last, labeled by now or not.
        """
        run = run_number(proposer)
        if run is None:
            tally = self._proposed.tally(proposer)
            return rule.flagging(tally) if tally is not None and tally.points else None
        newest = self._predictions.newest_of(run)
        if newest is None:
            return None
        with self._lock:
            if newest not in self._of_runs:  # what a run has predicted changes only where `forget` is called
                self._of_runs[newest] = self._predictions.tally(newest)
            tally = self._of_runs[newest]
        return self._rule_of(newest, rule).flagging(tally)

    def forget(self, run: int) -> None:
        """Count the flags of a run anew: its model has predicted more faces since."""
        with self._lock:
            self._of_runs.pop(run, None)

    def measured_on(self, proposer: str) -> int | None:
        """On how many held-out faces a run has measured doubt; None for another proposer and where it is not known."""
        run = run_number(proposer)
        if run is None:
            return None
        with self._lock:
            if run not in self._measured_on:
                try:
                    model = run_folder.read_model(self._runs / f"{run:03d}")
                except DataError:  # the file holds something else
                    model = None
                count = None if model is None else model.history.heldout.get("n")
                self._measured_on[run] = None if count is None else int(count)
            return self._measured_on[run]

    def wrong_from(self, face: Face, proposed: Proposed, tolerance: float) -> float | None:
        """How far in pixels a proposed point of a face may be off before it is wrong; None if a landmark has no point.

        That is `tolerance` times the normalizing distance of the proposed points.
        """
        definition = self._index.definition
        if definition is None or any(key not in proposed.points for key in definition.ids):
            return None
        base = self._bases.in_use()
        seen = None if base is None else self._bases.points(base).get(face.id)
        points = np.array([(proposed.points[key].x, proposed.points[key].y) for key in definition.ids])
        return tolerance * normalizing_distance(definition, points, seen.box if seen else face.box)

    def _rule_of(self, run: int, otherwise: FlagRule) -> FlagRule:
        try:
            asked = run_folder.read_record(self._runs / f"{run:03d}").settings
            return FlagRule(asked.tolerance or otherwise.tolerance, asked.threshold)
        except DataError:  # the run was deleted, or its record holds something else
            return FlagRule(otherwise.tolerance)
