"""One training in its folder: what was asked of it, its log, its plan, and the files it leaves."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TypedDict

from mdmd.config import SAVE_EVERY, Preset, preset, to_json
from mdmd.datasets.registry import default_home
from mdmd.evaluation.calibration import Method
from mdmd.evaluation.evaluate import FlagRule
from mdmd.files import write_json, writes_files
from mdmd.models.checkpoint import Checkpoint
from mdmd.run_folder import ERROR, HELDOUT, LOG, METRICS, MODEL, STATE, STOP
from mdmd.training.distributed import Processes, launched
from mdmd.training.plan import Plan
from mdmd.training.resume import Keep
from mdmd.training.run_log import RunLog
from mdmd.training.schedule import Budget
from mdmd.training.stop_file import StopFile

#: Minutes that a training takes where neither minutes nor steps are given.
MINUTES = 10.0


class TrainingOptions(TypedDict, total=False):
    """Options that `mdmd.train` and `mdmd.adapt` share.

    `preset` is "default", "paper" or "tiny"; `encoder` is the name of another timm encoder; `settings` changes single
    settings of the preset ("model.groups=8", "train.loss=euclidean"). `weights` is a safetensors file with the
    encoder's weights, "none", for `adapt` also "starter", or None for timm's download (and where that fails the
    starter, for `adapt`). Training takes `minutes` (10 where neither is given) or a number of `steps`. `seed` is for
    everything random.

    An interrupted run in the same folder is resumed unless `fresh`; its state is saved every `save_every` seconds.
    `calibration` is "likelihood" or "conformal". A point counts as flagged when it is off by more than `tolerance` (a
    share of the normalizer) with more than the probability `threshold` (None: chosen so that flags are expected to
    catch 80 % of such points). `quiet` shows no progress bar.
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


@dataclass(frozen=True)
class TrainingRun:
    """A training in the folder `out`; the other fields are those of `TrainingOptions`."""

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

    def chosen(self) -> Preset:
        """The preset with the encoder and the settings that were asked for."""
        return preset(self.preset, encoder=self.encoder, settings=self.settings)

    @contextlib.contextmanager
    def opened(self, warnings: Sequence[str]) -> Iterator[tuple[RunLog, Processes]]:
        """The run's log, written by one process only, and the processes that train together.

        The log begins with `warnings` about the data, which the user has been told already.
        """
        with launched() as processes:
            if processes.main:
                self.clear()
            processes.wait()
            file = self.out / LOG if processes.main else None
            with RunLog(file, quiet=self.quiet or not processes.main) as log:
                for sentence in warnings:
                    log.warn(sentence, said=True)
                yield log, processes

    def clear(self) -> None:
        """Make the folder, and remove what an earlier run or attempt left in it, but for a state to resume from."""
        self.out.mkdir(parents=True, exist_ok=True)
        if self.fresh:
            (self.out / STATE).unlink(missing_ok=True)
        finished = (self.out / MODEL).is_file() and not (self.out / STATE).is_file()
        if self.fresh or finished:
            (self.out / LOG).unlink(missing_ok=True)
            (self.out / HELDOUT).unlink(missing_ok=True)
        for name in (ERROR, STOP):
            (self.out / name).unlink(missing_ok=True)

    def plan(self, chosen: Preset, processes: Processes) -> Plan:
        """How the run trains; DataError for a budget that is none."""
        minutes = MINUTES if self.minutes is None and self.steps is None else self.minutes
        return Plan(
            chosen.train,
            Budget(self.steps, minutes),
            self.weights,
            self.seed,
            FlagRule(self.tolerance, self.threshold),
            self.calibration,
            keep=Keep(self.out / STATE, every=self.save_every),
            stop=StopFile(self.out / STOP),
            processes=processes,
            crops=default_home(os.environ) / "crops",
            heldout=self.out / HELDOUT,
        )

    def leave(self, made: Checkpoint, chosen: Preset) -> None:
        """Write the checkpoint and its numbers, and delete the state that the run could have resumed from."""
        if not writes_files():
            return
        history = replace(made.history, preset=self.preset, train=to_json(chosen.train), seed=self.seed)
        made.history = history
        made.save(self.out)
        write_json(
            self.out / METRICS,
            {
                **history.heldout,
                "rarely_labeled": history.rarely_labeled,
                **({} if history.stopped is None else {"stopped": asdict(history.stopped)}),
            },
        )
        (self.out / STATE).unlink(missing_ok=True)
