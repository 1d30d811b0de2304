"""A checkpoint is a folder: model.safetensors and model.json. Nothing is ever unpickled."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from mdmd.config import ModelConfig, from_json, to_json
from mdmd.data.definition import Definition
from mdmd.errors import DataError
from mdmd.evaluation.calibration import Calibration
from mdmd.files import read_json, replace_file, write_json
from mdmd.models.landmark_model import MDMD, build
from mdmd.run_folder import CARRIED, MODEL, WEIGHTS, History, must_hold_model
from mdmd.transfer.carried_labels import CarriedLabels

FORMAT = 1
#: What model.json always has.
RECORD = (
    ("format", int, "a whole number"),
    ("target", str, "the name of a head"),
    ("model", dict, "an object"),
    ("heads", dict, "an object"),
    ("history", dict, "an object"),
)


@dataclass
class Checkpoint:
    """A model and what prediction must know of it.

    `target` is the head that is meant when none is named. `calibrations[head]` says how its covariances are to be read
    (fitted on at least one held-out face; absent where there was none: see `calibration`). `history` says how it came
    to be: preset, sets, face counts, weights. `carried` are labels of the target that the model was not trained on: it
    carries them over from what one of its heads predicts.
    """

    model: MDMD
    target: str
    calibrations: dict[str, Calibration] = field(default_factory=dict)
    history: History = field(default_factory=History)
    carried: CarriedLabels | None = None

    def calibration(self, head: str) -> Calibration:
        """Of `head`; one that changes nothing where no faces were held out."""
        return self.calibrations.get(head, Calibration())

    def add_head(self, name: str, definition: Definition) -> None:
        """A new head of the model; one of that name keeps what it has learned as the `earlier` one."""
        if name in self.model.definitions:
            self.model.rename_head(name, earlier(name))
        self.model.add_head(name, definition)
        self.calibrations.pop(name, None)

    def save(self, folder: Path, *, dtype: torch.dtype = torch.float32) -> None:
        """Write its files; each is replaced whole, the JSON last, so a checkpoint is never half there.

        With `dtype` float16 the file is half as large; `load` makes float32 of it again.
        """
        folder.mkdir(parents=True, exist_ok=True)
        write_tensors(folder / WEIGHTS, {k: v.to(dtype) for k, v in self.model.state_dict().items()}, {})
        if self.carried is None:
            (folder / CARRIED).unlink(missing_ok=True)
        else:
            write_json(folder / CARRIED, self.carried.to_json(), indent=None)
        record = {
            "format": FORMAT,
            "target": self.target,
            "model": to_json(self.model.config),
            "heads": {name: d.to_category() for name, d in self.model.definitions.items()},
            "calibrations": {head: made.to_json() for head, made in self.calibrations.items()},
            "history": self.history.to_json(),
        }
        if self.model.follows:
            record["follows"] = self.model.follows
        write_json(folder / MODEL, record)


def earlier(name: str) -> str:
    """What the head `name` of a base is called while a new head of that name begins from it."""
    return f"{name} (earlier)"


def load(folder: Path) -> Checkpoint:
    """The checkpoint in `folder`; DataError says what is missing or broken."""
    must_hold_model(folder)
    try:
        record = read_json(folder / MODEL, constants=True)
        keys = sorted(key for key, _, _ in RECORD)
        if not isinstance(record, dict) or not record.keys() >= set(keys):
            raise DataError(f"{folder / MODEL} does not describe a model; wanted the keys {', '.join(keys)}")
        state = load_file(folder / WEIGHTS)
    except (OSError, SafetensorError) as error:
        raise DataError(f"the model in {folder} is not readable: {error}") from None
    if record.get("format") != FORMAT:
        raise DataError(f"the model in {folder} has format {record.get('format')!r}; this version reads {FORMAT}")
    for key, kind, words in RECORD:
        if not isinstance(record[key], kind):
            raise DataError(f"{folder / MODEL}: {key} is {str(record[key])[:60]}, wanted {words}")
    history = History.from_json(record["history"], folder / MODEL)
    config = from_json(ModelConfig, record["model"], where=folder / MODEL)
    definitions = {name: Definition.from_category(c, where=f"head {name}") for name, c in record["heads"].items()}
    follows = record.get("follows", {})
    if not isinstance(follows, dict) or any(name not in [*definitions] for pair in follows.items() for name in pair):
        raise DataError(f"{folder / MODEL}: follows is {str(follows)[:60]}, wanted names of heads")
    model = build(config, definitions, follows)
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise DataError(f"model.safetensors in {folder} does not fit its model.json: {error}") from None
    try:
        calibrations = _calibrations(record)
    except (DataError, TypeError, KeyError, AttributeError) as error:
        raise DataError(f"{folder / MODEL}: calibrations: {error}: written by another version?") from None
    carried = None
    if (folder / CARRIED).is_file():
        carried = CarriedLabels.from_json(read_json(folder / CARRIED), definitions, folder / CARRIED)
    return Checkpoint(model, record["target"], calibrations, history, carried)


def _calibrations(record: Mapping[str, Any]) -> dict[str, Calibration]:
    if "calibrations" not in record:  # a model.json from when there was one number, the scale
        return {head: Calibration(scale) for head, scale in record["scales"].items()}
    return {head: Calibration(**made) for head, made in record["calibrations"].items()}


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write a safetensors file beside `path`, then put it in its place at once; OSError where the disk is full."""

    def write(partial: Path) -> None:
        try:
            save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, partial, dict(metadata))
        except SafetensorError as error:
            number = re.search(r"os error (\d+)", str(error))
            if number is None:
                raise
            raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from None

    replace_file(path, write)
