"""Learn a source once, adapt many times: base checkpoints kept in a folder and found again by what went into them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from mdmd.checkpoint import WEIGHTS, Checkpoint, load
from mdmd.config import PRESETS, ModelConfig, to_json
from mdmd.encoder import why_no_pretrained
from mdmd.records import DataError, Dataset
from mdmd.runlog import RunLog
from mdmd.train import Plan, train

#: As the name of a weights file: start from the starter.
FROM_STARTER = "starter"


def starter(
    folder: Path,
    config: ModelConfig,
    weights: str | None,
    log: RunLog,
    *,
    why_none: Callable[[str], str | None] = why_no_pretrained,
) -> Checkpoint | None:
    """The starter in `folder`, where `weights` asks for it, or where it is the best there is: no weights are named,
    `config` is the default network and its pretrained weights cannot be had. The log says so.

    `why_none` says why an encoder's pretrained weights cannot be had, if so. DataError where the starter is asked for
    and is not there.
    """
    asked = weights == FROM_STARTER
    there = (folder / "model.json").is_file()
    if asked and not there:
        raise DataError(f"there is no starter in {folder}; make one with `mdmd pretrain`, or name other weights")
    if asked:
        return load(folder)
    if not there or weights is not None or config != PRESETS["default"].model:
        return None
    reason = why_none(config.encoder)
    if reason is None:
        return None
    log.warn(f"no pretrained weights of {config.encoder} ({reason}): starting from the starter that comes with mdmd")
    return load(folder)


def base_folder(
    bases: Path,
    files: Sequence[Path],
    names: Sequence[str],
    config: ModelConfig,
    weights: str | None,
    start: Path | None = None,
) -> Path:
    """Where the base of these sources lives: the same label files, network and weights give the same folder.

    `start` is the folder of the checkpoint that the base is learned from, if any.
    """
    key = _weights_key(weights) if start is None else hashlib.sha256((start / WEIGHTS).read_bytes()).hexdigest()
    digest = hashlib.sha256(json.dumps([to_json(config), key], sort_keys=True).encode())
    for file in files:
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    encoder = config.encoder.split(".")[0]
    return bases / f"{'+'.join(names)}-{encoder}-{config.head}-{digest.hexdigest()[:10]}"


def _weights_key(weights: str | None) -> str:
    if weights in (None, "none"):
        return str(weights)
    file = Path(weights)
    return f"{file.name}:{file.stat().st_size if file.is_file() else 0}"


def find_or_train(
    folder: Path,
    sources: Sequence[Dataset],
    config: ModelConfig,
    plan: Plan,
    log: RunLog,
    *,
    start: Checkpoint | None = None,
) -> Checkpoint:
    """The base in `folder`, trained by `plan` first where there is none yet, from `start` where that is given.

    A broken-off training leaves nothing.
    """
    if (folder / "model.json").is_file():
        return load(folder)
    checkpoint = train(sources, config, plan, log, start=start)
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    checkpoint.save(partial)
    os.replace(partial, folder)
    return checkpoint
