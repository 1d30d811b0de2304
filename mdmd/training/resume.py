"""The saved state of a run, from which a new process resumes it.

The state is one safetensors file: weights, averaged weights and the optimizer's moments are tensors, the rest is JSON
in the header. Nothing is pickled. The file is replaced atomically, so it is always complete.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from mdmd.config import SAVE_EVERY, ModelConfig, TrainConfig, to_json
from mdmd.data.records import HELDOUT_SPLIT, Dataset
from mdmd.errors import DataError
from mdmd.files import parse_json
from mdmd.models.checkpoint import write_tensors
from mdmd.training.run_log import RunLog

FORMAT = "3"
#: The format before, whose starting weights are not compared: their digest was another one on another processor.
OLD_FORMAT = "2"
#: The input that states of before do not say; theirs is not compared.
UNSEEN = "faces accepted unseen"


@dataclass
class Progress:
    """How far a run is.

    `seconds` is its training time without interruptions, `skipped` the number of steps without a finite loss since the
    last good one, `recent` the smoothed loss of each set, and `closing` the seconds that the work after the last step
    will take (see `Watch`; 0 in states of version 0.1.0).
    """

    step: int = 0
    seconds: float = 0.0
    evaluations: int = 0
    skipped: int = 0
    recent: dict[str, float] = field(default_factory=dict)
    closing: float = 0.0

    def count(self, name: str, value: float) -> None:
        """Count a step on the set `name` with the loss `value`; the step was skipped if `value` is not finite."""
        self.step += 1
        self.skipped = 0 if math.isfinite(value) else self.skipped + 1
        if math.isfinite(value):
            self.recent[name] = value if name not in self.recent else 0.9 * self.recent[name] + 0.1 * value

    @property
    def loss(self) -> float:
        """The mean of the smoothed losses of all sets."""
        return sum(self.recent.values()) / max(len(self.recent), 1)


@dataclass(frozen=True)
class Keep:
    """Where and how often the state is saved: every `every` seconds, but for at most the share `cost` of the run's
    time.

    A state from which this run cannot resume is an error; with `forget` it is ignored with a warning.
    """

    file: Path
    every: float = SAVE_EVERY
    cost: float = 0.02
    forget: bool = False


class RunState:
    """The saved state of a run, identified by `inputs` (name to value or digest).

    `seconds_before` is the training time of earlier processes, known after `restore`. `write(path, tensors, metadata)`
    writes a file atomically or raises OSError.
    """

    def __init__(
        self,
        keep: Keep,
        inputs: Mapping[str, str],
        log: RunLog,
        *,
        main: bool = True,
        write: Callable[[Path, Mapping[str, Tensor], Mapping[str, str]], None] = write_tensors,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.keep = keep
        self.inputs = dict(inputs)
        self.seconds_before = 0.0
        self.log = log
        self._main = main
        self._write = write
        self._clock = clock
        self._due = clock() + keep.every

    def restore(self, model: nn.Module, average: nn.Module, optimizer: torch.optim.Optimizer) -> Progress | None:
        """Load the saved state into all three and return its progress; None if there is no state.

        A file that is damaged or belongs to another run raises DataError, or with `keep.forget` counts as no state.
        """
        if not self.keep.file.is_file():
            return None
        try:
            with safe_open(self.keep.file, "pt") as file:
                header = file.metadata() or {}
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a mapping
            if header["format"] not in (FORMAT, OLD_FORMAT):
                raise ValueError(f"found format {header['format']}, wanted {FORMAT}")
            kept = parse_json(header["inputs"], "inputs")
            kept.setdefault(UNSEEN, self.inputs.get(UNSEEN))
            if header["format"] == OLD_FORMAT:
                kept["starting weights"] = self.inputs["starting weights"]
            progress = Progress(**parse_json(header["progress"], "progress", constants=True))
        except (SafetensorError, ValueError, KeyError, TypeError) as error:
            return self._pass_over(f"is not the state of a run ({error})", "use --fresh to start over")
        other = [name for name in self.inputs.keys() | kept.keys() if self.inputs.get(name) != kept.get(name)]
        if other:
            return self._pass_over(
                f"is the state of an interrupted run with other {_listed(other)}",
                "use the same to resume it, or --fresh to start over",
            )
        weights, averaged = _under("model.", tensors), _under("average.", tensors)
        # Checked before loading, because a failed load would leave a part of the state in the model.
        if _shapes(weights) != _shapes(model.state_dict()) or _shapes(averaged) != _shapes(average.state_dict()):
            return self._pass_over("does not fit this network", "use --fresh to start over")
        model.load_state_dict(weights)
        average.load_state_dict(averaged)
        moments: dict[int, dict[str, Tensor]] = {}
        for key, tensor in _under("optimizer.", tensors).items():
            number, name = key.split(".", 1)
            moments.setdefault(int(number), {})[name] = tensor
        optimizer.load_state_dict({"state": moments, "param_groups": optimizer.state_dict()["param_groups"]})
        self.seconds_before = progress.seconds
        return progress

    def _pass_over(self, why: str, remedy: str) -> None:
        """Warn that the saved state is ignored if `keep.forget`, else raise DataError."""
        if not self.keep.forget:
            raise DataError(f"{self.keep.file} {why}: {remedy}")
        self.log.warn(f"{self.keep.file} {why}: this run starts over")

    def offer(self, progress: Progress, model: nn.Module, average: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        """Save the state if it is due."""
        if self._clock() >= self._due:
            self.save(progress, model, average, optimizer)

    def save(self, progress: Progress, model: nn.Module, average: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        """Save the state now, if this is the main process.

        If the disk is full, the last state stays, the log gets a warning, and the run continues.
        """
        if not self._main:
            return
        began = self._clock()
        tensors = {f"model.{key}": tensor for key, tensor in model.state_dict().items()}
        tensors |= {f"average.{key}": tensor for key, tensor in average.state_dict().items()}
        for number, moments in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{number}.{name}": tensor for name, tensor in moments.items()}
        header = {"format": FORMAT, "inputs": json.dumps(self.inputs), "progress": json.dumps(asdict(progress))}
        try:
            self._write(self.keep.file, tensors, header)
        except OSError as error:
            kept = "the previous state is kept" if self.keep.file.is_file() else "there is no earlier state"
            self.log.warn(
                f"the state at step {progress.step} could not be saved ({error.strerror or error}); {kept} "
                "and the training continues"
            )
        taken = self._clock() - began
        self._due = self._clock() + max(self.keep.every, taken / self.keep.cost)


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): tensor for key, tensor in tensors.items() if key.startswith(prefix)}


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {key: tuple(tensor.shape) for key, tensor in tensors.items()}


def _listed(names: Sequence[str]) -> str:
    return " and ".join(sorted(names))


def inputs_of(
    model: nn.Module,
    settings: tuple[ModelConfig, TrainConfig],
    datasets: Sequence[Dataset],
    *,
    stage: str,
    budget: str,
    seed: int,
    folds: int,
) -> dict[str, str]:
    """The inputs that identify a run, by name.

    They are the settings (without `follow`, which changes no step), the training faces and labels, the seed, the
    initial weights, what decides which faces are held out (the number of folds, and which faces were accepted unseen)
    and the kind of `budget`. The size of the budget does not count, so that an interrupted run can be given more
    minutes.
    """
    # Norms to four digits: the last bits of random weights depend on the processor, and a run may resume on another.
    norms = {key: f"{tensor.detach().cpu().double().norm().item():.4g}" for key, tensor in model.state_dict().items()}
    model_settings, train_settings = (to_json(config) for config in settings)
    del train_settings["follow"]
    return {
        "stage": stage,
        "settings": json.dumps([model_settings, train_settings], sort_keys=True),
        "data": _digest(datasets),
        UNSEEN: _unseen_digest(datasets),
        "seed": str(seed),
        "folds": str(folds),
        "starting weights": hashlib.sha256(json.dumps(norms).encode()).hexdigest(),
        "kind of budget": budget,
    }


def _digest(datasets: Sequence[Dataset]) -> str:
    """A digest of the labeled training and held-out faces; the size of an image file stands for its pixels."""
    digest = hashlib.sha256()
    for dataset in datasets:
        record: list[Any] = [dataset.name, dataset.definition.to_category()]
        for s in dataset.split("train", HELDOUT_SPLIT):
            if s.annotation is not None:
                size = s.path.stat().st_size if s.path.is_file() else None
                labels = [s.annotation.points.tolist(), s.annotation.visibility.tolist()]
                held = [HELDOUT_SPLIT] if s.split == HELDOUT_SPLIT else []  # other sets keep the digest of old states
                record.append([s.file_name, size, asdict(s.box), s.group, labels, *held])
        digest.update(json.dumps(record).encode())
    return digest.hexdigest()


def _unseen_digest(datasets: Sequence[Dataset]) -> str:
    """A digest of the faces with labels that were accepted unseen, which are never held out."""
    faces = [
        [dataset.name, s.file_name, asdict(s.box)]
        for dataset in datasets
        for s in dataset.labeled("train", HELDOUT_SPLIT)
        if s.unseen
    ]
    return hashlib.sha256(json.dumps(faces).encode()).hexdigest()
