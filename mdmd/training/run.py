"""One training in its folder: its options, its log, its plan and the files it writes."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TypedDict

from mdmd.config import SAVE_EVERY, Preset, preset, to_json
from mdmd.datasets.registry import default_home
from mdmd.evaluation.calibration import Method
from mdmd.evaluation.evaluate import FlagRule
from mdmd.files import write_json, writes_files
from mdmd.models.checkpoint import Checkpoint
from mdmd.run_folder import ERROR, HELDOUT, LOG, METRICS, MODEL, STATE, STOP, alone_in
from mdmd.training.distributed import Processes, launched
from mdmd.training.plan import Plan
from mdmd.training.resume import Keep
from mdmd.training.run_log import RunLog
from mdmd.training.schedule import Budget
from mdmd.training.stop_file import StopFile

#: The budget in minutes if neither minutes nor steps are given.
MINUTES = 10.0


class TrainingOptions(TypedDict, total=False):
    """Options that `mdmd.train` and `mdmd.adapt` share.

    `preset` is "default", "paper" or "tiny". `encoder` is the name of another timm encoder. `settings` change single
    settings of the preset ("model.groups=8", "train.loss=euclidean"). `weights` is a safetensors file with the
    encoder's weights, "none" for random weights, or None to download them through timm; `adapt` also takes "starter",
    and uses the starter if the download fails. The budget is a number of `minutes` (10 by default) or of `steps`.
    `seed` seeds everything random.

    An interrupted run in the same folder is resumed unless `fresh` is true; its state is saved every `save_every`
    seconds. `calibration` is "likelihood" or "conformal". A point is flagged if its probability of an error above
    `tolerance` (a share of the normalizer) exceeds `threshold` (None: chosen so that the flags are expected to catch
    80 % of such points, and to leave at most 5 % of all). `quiet` hides the progress bar. `asked_at` is when the
    training was asked for, in Unix seconds (default: now): older requests to stop were meant for an earlier one.
    """

    preset: str
    encoder: str | None
    settings: Sequence[str]
    weights: str | None
    minutes: float | None
    steps: int | None
    seed: int
    fresh: bool
    save_every: float
    calibration: Method
    tolerance: float
    threshold: float | None
    quiet: bool
    asked_at: float


@dataclass(frozen=True)
class TrainingRun:
    """A training in the folder `out`; the other fields are explained in `TrainingOptions`."""

    out: Path
    preset: str = "default"
    encoder: str | None = None
    settings: Sequence[str] = ()
    weights: str | None = None
    minutes: float | None = None
    steps: int | None = None
    seed: int = 0
    fresh: bool = False
    save_every: float = SAVE_EVERY
    calibration: Method = "likelihood"
    tolerance: float = FlagRule.tolerance
    threshold: float | None = None
    quiet: bool = False
    asked_at: float = field(default_factory=time.time)

    def __post_init__(self) -> None:
        self.rule()  # refuses wrong numbers before the folder is touched

    def rule(self) -> FlagRule:
        """Which points the run flags."""
        return FlagRule(self.tolerance, self.threshold)

    def chosen(self) -> Preset:
        """The preset with the chosen encoder and settings."""
        return preset(self.preset, encoder=self.encoder, settings=self.settings)

    @contextlib.contextmanager
    def opened(self, warnings: Sequence[str]) -> Iterator[tuple[RunLog, Processes]]:
        """The run's log, which only the main process writes, and the processes that train together.

        The log starts with `warnings` about the data, which the user has already seen. Raises InUseError while another
        training is in the folder.
        """
        with alone_in(self.out), launched() as processes:
            if processes.main:
                self.clear()
            processes.wait()
            file = self.out / LOG if processes.main else None
            with RunLog(file, quiet=self.quiet or not processes.main) as log:
                for sentence in warnings:
                    log.warn(sentence, said=True)
                yield log, processes

    def clear(self) -> None:
        """Remove the files of earlier runs, except a state from which this run can resume.

        A request to stop may be of this run: loading PyTorch takes seconds, in which a person can ask for it.
        """
        if self.fresh:
            (self.out / STATE).unlink(missing_ok=True)
        finished = (self.out / MODEL).is_file() and not (self.out / STATE).is_file()
        if self.fresh or finished:
            (self.out / LOG).unlink(missing_ok=True)
            (self.out / HELDOUT).unlink(missing_ok=True)
        (self.out / ERROR).unlink(missing_ok=True)
        stop = self.out / STOP
        if stop.exists() and stop.stat().st_mtime < self.asked_at:
            stop.unlink(missing_ok=True)

    def plan(self, chosen: Preset, processes: Processes) -> Plan:
        """The plan of the run. Raises DataError if the budget is not above 0."""
        minutes = MINUTES if self.minutes is None and self.steps is None else self.minutes
        return Plan(
            chosen.train,
            Budget(self.steps, minutes),
            self.weights,
            self.seed,
            self.rule(),
            self.calibration,
            keep=Keep(self.out / STATE, every=self.save_every),
            stop=StopFile(self.out / STOP),
            processes=processes,
            crops=default_home(os.environ) / "crops",
            heldout=self.out / HELDOUT,
        )

    def leave(self, made: Checkpoint, chosen: Preset) -> None:
        """Write the checkpoint and its metrics, and delete the saved state."""
        if not writes_files():
            return
        history = replace(made.history, preset=self.preset, train=to_json(chosen.train), seed=self.seed)
        made.history = history
        made.save(self.out)
        write_json(
            self.out / METRICS,
            {
                **history.heldout,
                **history.effort(),
                "rarely_labeled": history.rarely_labeled,
                **({} if history.stopped is None else {"stopped": asdict(history.stopped)}),
            },
        )
        (self.out / STATE).unlink(missing_ok=True)
