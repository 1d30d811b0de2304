"""Learn a source once, adapt many times: base checkpoints kept in a folder and found again by what went into them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from mdmd.checkpoint import Checkpoint, load
from mdmd.config import ModelConfig, to_json
from mdmd.records import Dataset
from mdmd.runlog import RunLog
from mdmd.schedule import Plan
from mdmd.train import train


def base_folder(
    bases: Path, files: Sequence[Path], names: Sequence[str], config: ModelConfig, weights: str | None
) -> Path:
    """Where the base of these sources lives: the same label files, network and weights give the same folder."""
    digest = hashlib.sha256(json.dumps([to_json(config), _weights_key(weights)], sort_keys=True).encode())
    for file in files:
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    encoder = config.encoder.split(".")[0]
    return bases / f"{'+'.join(names)}-{encoder}-{config.head}-{digest.hexdigest()[:10]}"


def _weights_key(weights: str | None) -> str:
    if weights in (None, "none"):
        return str(weights)
    file = Path(weights)
    return f"{file.name}:{file.stat().st_size if file.is_file() else 0}"


def find_or_train(folder: Path, sources: Sequence[Dataset], config: ModelConfig, plan: Plan, log: RunLog) -> Checkpoint:
    """The base in `folder`, trained by `plan` first where there is none yet. A broken-off training leaves nothing."""
    if (folder / "model.json").is_file():
        return load(folder)
    checkpoint = train(sources, config, plan, log)
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    checkpoint.save(partial)
    os.replace(partial, folder)
    return checkpoint
