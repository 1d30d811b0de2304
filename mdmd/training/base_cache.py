"""Train a base once and adapt from it many times: a folder of bases, named by a hash of their inputs."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from mdmd import run_folder
from mdmd.config import PRESETS, ModelConfig, network_of, to_json
from mdmd.data.records import Dataset
from mdmd.errors import DataError
from mdmd.files import new_folder
from mdmd.models.checkpoint import Checkpoint, load
from mdmd.models.encoder import why_no_pretrained
from mdmd.training.plan import Plan
from mdmd.training.run_log import RunLog
from mdmd.training.train import train

#: The value of `weights` that selects the starter.
FROM_STARTER = "starter"
#: The state of a base that no training has written for so many seconds is removed: its source has changed since.
ABANDONED = 7 * 24 * 3600.0


def starter(
    folder: Path,
    config: ModelConfig,
    weights: str | None,
    log: RunLog,
    *,
    why_none: Callable[[str], str | None] = why_no_pretrained,
) -> Checkpoint | None:
    """The starter in `folder` if it is to be used, else None.

    It is used if `weights` is "starter". It is also used, with a warning in the log and the views of `config`, if no
    weights are given, `config` is the default network and its pretrained weights are not available. `why_none` returns
    the reason why an encoder's pretrained weights are not available, or None if they are. Raises DataError if `weights`
    asks for the starter and `folder` has none.
    """
    asked = weights == FROM_STARTER
    there = (folder / run_folder.MODEL).is_file()
    if asked and not there:
        raise DataError(f"no starter in {folder}; train one with `mdmd pretrain`, or choose other weights")
    if asked:
        return load(folder)
    if not there or weights is not None or network_of(config) != PRESETS["default"].model:
        return None
    reason = why_none(config.encoder)
    if reason is None:
        return None
    log.warn(f"no pretrained weights for {config.encoder} ({reason}): starting from the starter that comes with mdmd")
    return _looking(load(folder), config)


def _looking(made: Checkpoint, config: ModelConfig) -> Checkpoint:
    """`made` with the views of `config`."""
    made.model.config = made.model.config.changed(views=config.views)
    return made


def base_folder(
    bases: Path, sources: Sequence[Dataset], config: ModelConfig, weights: str | None, start: Path | None = None
) -> Path:
    """The folder of the base of `sources`: the same training labels, network and weights give the same folder.

    `start` is the folder of the checkpoint that the base is trained from, if any.
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
    """A hash of the definition and of every labeled training face, whatever file they came from."""
    digest = hashlib.sha256(json.dumps(dataset.definition.to_category(), sort_keys=True).encode())
    if not dataset.definition.can_be_mirrored:
        digest.update(b"not mirrored")  # version 0.1.0 mirrored such faces: its bases are not used again
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
    """The base in `folder`. If it does not exist, it is trained first by `plan`, from `start` if given.

    An interrupted training leaves its state in a file beside `folder`, from which the next one resumes. If several runs
    train the same base at once, all use the one that is finished first. States that nothing needs are removed.
    """
    if not (folder / run_folder.MODEL).is_file():
        _train(folder, sources, config, plan, log, start)
    if plan.processes.main:
        _state_of(folder).unlink(missing_ok=True)  # another run may have finished the base
        _remove_abandoned(folder.parent)
    return _looking(load(folder), config)


def _state_of(folder: Path) -> Path:
    """The file with the state of an unfinished training of the base `folder`."""
    return folder.with_name(f"{folder.name}.{run_folder.STATE}")


def _remove_abandoned(bases: Path) -> None:
    """Remove the states in `bases` that are older than ABANDONED."""
    for state in bases.glob(f"*.{run_folder.STATE}"):
        with contextlib.suppress(FileNotFoundError):  # another process may have removed it
            if time.time() - state.stat().st_mtime > ABANDONED:
                state.unlink()


def _train(
    folder: Path, sources: Sequence[Dataset], config: ModelConfig, plan: Plan, log: RunLog, start: Checkpoint | None
) -> None:
    if plan.keep is not None:
        # The user did not ask for this base by name, so a state of other inputs must not stop the run.
        plan = replace(plan, keep=replace(plan.keep, file=_state_of(folder), forget=True))
    folder.parent.mkdir(parents=True, exist_ok=True)
    checkpoint = train(sources, config, plan, log, start=start)
    if plan.processes.main:
        try:
            with new_folder(folder) as partial:
                checkpoint.save(partial)
        except OSError:
            if not (folder / run_folder.MODEL).is_file():  # else another run finished first
                raise
    plan.processes.wait()
