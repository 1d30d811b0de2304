"""The settings of one training, without its data."""

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
    """The settings of one training.

    - `weights`: a safetensors file, "none", "starter" (loaded by `base_cache.starter`), or None for timm's weights.
    - `folds`: 0 holds out faces to calibrate on. K trains on all faces, then K more times for the same budget without
      one fold each, to calibrate on all faces.
    - `learn_share`: the share of the faces that are not held out to train on. Trainings with different shares are
      evaluated on the same held-out faces.
    - `keep`: where the state is saved from which an interrupted run resumes (not within folds); None for nowhere.
    - `stop`: ends the training early, with the averaged weights of that step and the usual calibration; None for never.
    - `crops`: the folder that keeps face crops for later runs; None for a temporary folder.
    - `heldout`: a file for the predictions on the held-out faces (see `predicted_coco`), rewritten at each evaluation;
      None for no file.
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
