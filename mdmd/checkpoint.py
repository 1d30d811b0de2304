"""A checkpoint is a folder: model.safetensors and model.json. Nothing is ever unpickled."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from mdmd.config import ModelConfig, from_json, to_json
from mdmd.model import MDMD, build
from mdmd.records import DataError, Definition

FORMAT = 1


@dataclass
class Checkpoint:
    """A model and what prediction must know of it.

    `target` is the head that is meant when none is named. `scales[head]` multiplies predicted standard
    deviations (fitted on held-out faces; 1 where there were none). `history` says how it came to be: preset,
    sets, face counts, weights.
    """

    model: MDMD
    target: str
    scales: dict[str, float] = field(default_factory=dict)
    history: dict[str, Any] = field(default_factory=dict)

    def save(self, folder: Path) -> None:
        """Write both files; each is replaced whole, the JSON last, so a checkpoint is never half there."""
        folder.mkdir(parents=True, exist_ok=True)
        state: Mapping[str, Tensor] = {k: v.contiguous() for k, v in self.model.state_dict().items()}
        partial = folder / "model.safetensors.partial"
        save_file(dict(state), partial)
        os.replace(partial, folder / "model.safetensors")
        record = {
            "format": FORMAT,
            "target": self.target,
            "model": to_json(self.model.config),
            "heads": {name: d.to_category() for name, d in self.model.definitions.items()},
            "scales": self.scales,
            "history": self.history,
        }
        write_json(folder / "model.json", record)


def load(folder: Path) -> Checkpoint:
    """The checkpoint in `folder`; DataError says what is missing or broken."""
    if not (folder / "model.json").is_file():
        raise DataError(f"{folder} holds no model (no model.json); train one with `mdmd train` or `mdmd adapt`")
    try:
        record = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        state = load_file(folder / "model.safetensors")
    except (OSError, json.JSONDecodeError, SafetensorError) as error:
        raise DataError(f"the model in {folder} is not readable: {error}") from None
    if record.get("format") != FORMAT:
        raise DataError(f"the model in {folder} has format {record.get('format')!r}; this version reads {FORMAT}")
    config = from_json(ModelConfig, record["model"], where=folder / "model.json")
    definitions = {name: Definition.from_category(c, where=f"head {name}") for name, c in record["heads"].items()}
    model = build(config, definitions)
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise DataError(f"model.safetensors in {folder} does not fit its model.json: {error}") from None
    return Checkpoint(model, record["target"], dict(record["scales"]), dict(record["history"]))


def write_json(path: Path, record: Any, *, indent: int | None = 1) -> None:
    """Write JSON beside `path`, then put it in its place at once; without `indent` several times faster."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(record, indent=indent, ensure_ascii=False), encoding="utf-8")
    os.replace(partial, path)
