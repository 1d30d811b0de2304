"""What one run needs beside its data."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from mdmd.config import TrainConfig
from mdmd.evaluation.calibration import Method
from mdmd.evaluation.evaluate import FlagRule
from mdmd.training.distributed import Processes
from mdmd.training.resume import Keep
from mdmd.training.schedule import Budget
from mdmd.training.stop_file import StopFile


@dataclass(frozen=True)
class Plan:
    """`weights` is a safetensors file, "none", "starter" (which `bases.starter` loads), or None for timm's own.

    `folds` 0 holds faces out to calibrate on; K learns from all faces, and then K times more, each time for the same
    budget and without one fold, to calibrate on all faces too. `learn_share` of the faces that are not held out are
    learned from, so that trainings from more and more faces are measured on the same ones. `keep` is where the run's
    state is kept to go on from after a break (not in the middle of folds); None: nowhere. `stop` ends the schedule
    early (None: nothing does); what is kept then are the averaged weights of that step, calibrated like any others.
    `crops` is the folder where cut faces are kept for later runs, or None for one that lasts as long as this run.
    `heldout` is the file that says what the model finds on the held-out faces (see `predicted_coco`), rewritten at each
    evaluation; None: none.
    """

    train: TrainConfig
    budget: Budget
    weights: str | None = None
    seed: int = 0
    rule: FlagRule = field(default_factory=FlagRule)
    calibration: Method = "likelihood"
    folds: int = 0
    learn_share: float = 1.0
    keep: Keep | None = None
    stop: StopFile | None = None
    processes: Processes = field(default_factory=Processes)
    crops: Path | None = None
    heldout: Path | None = None
