"""A run's state on disk, so that a run whose process was killed goes on where it was.

One safetensors file: weights, averaged weights and the optimiser's moments as tensors, the rest as JSON in its
header. Nothing is pickled. The file is replaced whole, so there is always one good state.
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
from mdmd.data.records import Dataset
from mdmd.errors import DataError
from mdmd.models.checkpoint import write_tensors
from mdmd.training.run_log import RunLog

FORMAT = "2"


@dataclass
class Progress:
    """How far a run is. `seconds` are those it has taken, breaks left out; `skipped` counts the steps without a
    finite loss since the last good one; `recent` is the smoothed loss of each set."""

    step: int = 0
    seconds: float = 0.0
    evaluations: int = 0
    skipped: int = 0
    recent: dict[str, float] = field(default_factory=dict)

    def count(self, name: str, value: float) -> None:
        """One more step: on set `name`, with the loss `value`; it was skipped if that is not finite."""
        self.step += 1
        self.skipped = 0 if math.isfinite(value) else self.skipped + 1
        if math.isfinite(value):
            self.recent[name] = value if name not in self.recent else 0.9 * self.recent[name] + 0.1 * value

    @property
    def loss(self) -> float:
        """The mean of the sets' smoothed losses."""
        return sum(self.recent.values()) / max(len(self.recent), 1)


@dataclass(frozen=True)
class Keep:
    """Where and how often the state is kept: `every` so many seconds, but at most the share `cost` of the run's time.

    A state that this run cannot go on with is refused, or forgotten with a warning if `forget`.
    """

    file: Path
    every: float = SAVE_EVERY
    cost: float = 0.02
    forget: bool = False


class RunState:
    """The state of the run that `inputs` (name -> value or digest) make, as `keep` says.

    `seconds_before` is the time that earlier processes have spent on it, once `restore` has found it.
    `write(path, tensors, metadata)` puts a file in its place at once or raises OSError.
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
        """Put the kept state into all three; None where there is none. DataError for a file of another run, or for
        none of a run, but where `keep` says to forget it."""
        if not self.keep.file.is_file():
            return None
        try:
            with safe_open(self.keep.file, "pt") as file:
                header = file.metadata() or {}
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - it is no mapping
            if header["format"] != FORMAT:
                raise ValueError(f"it has format {header['format']}, this version reads {FORMAT}")
            kept = json.loads(header["inputs"])
            progress = Progress(**json.loads(header["progress"]))
        except (SafetensorError, ValueError, KeyError, TypeError) as error:
            return self._pass_over(f"holds no run to go on with ({error})", "--fresh starts over")
        other = [name for name in self.inputs.keys() | kept.keys() if self.inputs.get(name) != kept.get(name)]
        if other:
            return self._pass_over(
                f"is of a broken-off run with other {_listed(other)}",
                "give it the same again to go on, or --fresh to start over",
            )
        weights, averaged = _under("model.", tensors), _under("average.", tensors)
        # Asked first: what does not fit would be loaded in part.
        if _shapes(weights) != _shapes(model.state_dict()) or _shapes(averaged) != _shapes(average.state_dict()):
            return self._pass_over("does not fit this network", "--fresh starts over")
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
        """Forget the kept state with a warning where that is allowed; DataError where it is not."""
        if not self.keep.forget:
            raise DataError(f"{self.keep.file} {why}: {remedy}")
        self.log.warn(f"{self.keep.file} {why}: this run starts over")

    def offer(self, progress: Progress, model: nn.Module, average: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        """Keep the state if it is time to."""
        if self._clock() >= self._due:
            self.save(progress, model, average, optimizer)

    def save(self, progress: Progress, model: nn.Module, average: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        """Keep the state now, if this is the main process.

        A full disk stops nothing: the last good state stays, and the log says so.
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
            kept = "the last one stays" if self.keep.file.is_file() else "there is none yet"
            self.log.warn(
                f"the run's state of step {progress.step} could not be kept ({error.strerror or error}), {kept}; "
                "training goes on"
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
    """What makes one run another: settings, training faces and labels, seed, starting weights, number of folds (which
    says who is held out), and the kind of `budget` (its size may change: a broken-off run may be given more minutes).
    """
    weights = hashlib.sha256()
    for key, tensor in model.state_dict().items():
        weights.update(key.encode())
        weights.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return {
        "stage": stage,
        "settings": json.dumps([to_json(config) for config in settings], sort_keys=True),
        "data": _digest(datasets),
        "seed": str(seed),
        "folds": str(folds),
        "starting weights": weights.hexdigest(),
        "kind of budget": budget,
    }


def _digest(datasets: Sequence[Dataset]) -> str:
    """Of the labeled training faces, for whose pictures' pixels the files' sizes stand in."""
    digest = hashlib.sha256()
    for dataset in datasets:
        record: list[Any] = [dataset.name, dataset.definition.to_category()]
        for s in dataset.split("train"):
            if s.annotation is not None:
                size = s.path.stat().st_size if s.path.is_file() else None
                labels = [s.annotation.points.tolist(), s.annotation.visibility.tolist()]
                record.append([s.file_name, size, asdict(s.box), s.group, labels])
        digest.update(json.dumps(record).encode())
    return digest.hexdigest()
