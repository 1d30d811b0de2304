"""Learn a source once, adapt many times: base checkpoints kept in a folder and found again by what went into them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from mdmd import run_folder
from mdmd.config import PRESETS, ModelConfig, network_of, to_json
from mdmd.data.records import Dataset
from mdmd.errors import DataError
from mdmd.models.checkpoint import Checkpoint, load
from mdmd.models.encoder import why_no_pretrained
from mdmd.training.plan import Plan
from mdmd.training.run_log import RunLog
from mdmd.training.train import train

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
    `config` is the default network and its pretrained weights cannot be had. Then the log says so, and faces are
    looked at as `config` says.

    `why_none` says why an encoder's pretrained weights cannot be had, if so. DataError where the starter is asked for
    and is not there.
    """
    asked = weights == FROM_STARTER
    there = (folder / run_folder.MODEL).is_file()
    if asked and not there:
        raise DataError(f"there is no starter in {folder}; make one with `mdmd pretrain`, or name other weights")
    if asked:
        return load(folder)
    if not there or weights is not None or network_of(config) != PRESETS["default"].model:
        return None
    reason = why_none(config.encoder)
    if reason is None:
        return None
    log.warn(f"no pretrained weights of {config.encoder} ({reason}): starting from the starter that comes with mdmd")
    return _looking(load(folder), config)


def _looking(made: Checkpoint, config: ModelConfig) -> Checkpoint:
    """`made`, looking at faces as `config` says."""
    made.model.config = replace(made.model.config, views=config.views)
    return made


def base_folder(
    bases: Path, sources: Sequence[Dataset], config: ModelConfig, weights: str | None, start: Path | None = None
) -> Path:
    """Where the base of these sources lives: the same training labels, network and weights give the same folder.

    `start` is the folder of the checkpoint that the base is learned from, if any.
    """
    key = (
        _weights_key(weights)
        if start is None
        else hashlib.sha256((start / run_folder.WEIGHTS).read_bytes()).hexdigest()
    )
    digest = hashlib.sha256(json.dumps([to_json(network_of(config)), key], sort_keys=True).encode())
    for source in sources:
        digest.update(labels_key(source))
    encoder = config.encoder.split(".")[0]
    return bases / f"{'+'.join(s.name for s in sources)}-{encoder}-{config.head}-{digest.hexdigest()[:10]}"


def labels_key(dataset: Dataset) -> bytes:
    """A hash of what there is to learn: the definition and every labeled training face, whatever file they came in."""
    digest = hashlib.sha256(json.dumps(dataset.definition.to_category(), sort_keys=True).encode())
    for s in dataset.split("train"):
        if s.annotation is not None:
            digest.update(json.dumps([s.file_name, s.group, s.box.x, s.box.y, s.box.w, s.box.h]).encode())
            places = np.where(s.annotation.labeled[:, None], s.annotation.points, 0.0)
            digest.update(places.astype("<f8").tobytes() + s.annotation.visibility.astype("<i8").tobytes())
    return digest.digest()


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

    A broken-off training leaves its state in a file beside `folder` and the next one goes on from it, as often as
    `plan.keep` says. Of several runs that train one base at once all go on with that of the first to be done.
    """
    if not (folder / run_folder.MODEL).is_file():
        _train(folder, sources, config, plan, log, start)
    return _looking(load(folder), config)


def _train(
    folder: Path, sources: Sequence[Dataset], config: ModelConfig, plan: Plan, log: RunLog, start: Checkpoint | None
) -> None:
    state = folder.with_name(f"{folder.name}.{run_folder.STATE}")
    if plan.keep is not None:
        # Nobody asked for this base by name: one that was begun otherwise must not stand in the way.
        plan = replace(plan, keep=replace(plan.keep, file=state, forget=True))
    folder.parent.mkdir(parents=True, exist_ok=True)
    checkpoint = train(sources, config, plan, log, start=start)
    if plan.processes.main:
        partial = folder.with_name(f".{folder.name}.{os.getpid()}.partial")  # a name that nobody takes for a base's
        shutil.rmtree(partial, ignore_errors=True)
        checkpoint.save(partial)
        try:
            os.replace(partial, folder)
        except OSError:
            if not (folder / run_folder.MODEL).is_file():
                raise
            shutil.rmtree(partial)  # another run was first
        state.unlink(missing_ok=True)
    plan.processes.wait()
