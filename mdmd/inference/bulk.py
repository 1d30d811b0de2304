"""Predictions of very many pictures: numbered shards, each a Parquet file that is there once it is finished.

A shard is written beside its place and renamed, so that a killed process leaves whole files only, and the same call
goes on with the shards that are missing. Processes of this machine compute them, or Ray on a cluster whose machines see
the same folders. Both compute with one thread a process, and write the same numbers.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import json
import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from mdmd.config import SHARD, Engine
from mdmd.data.images import picture_size
from mdmd.data.records import Box, Sample
from mdmd.device import compute_device
from mdmd.errors import DataError, InUseError
from mdmd.evaluation.error_law import RadialLaw
from mdmd.evaluation.evaluate import FlagRule
from mdmd.evaluation.prediction_table import predicted_table, write_table
from mdmd.files import parse_json, read_json, write_json
from mdmd.importing import pyarrow
from mdmd.inference.inputs import whole
from mdmd.inference.manifest import Item, Manifest
from mdmd.inference.model import Model
from mdmd.inference.parts import predict_in_parts
from mdmd.locks import lock
from mdmd.models import checkpoint
from mdmd.run_folder import LOCK
from mdmd.threads import one_for_numpy

FORMAT = 1
#: What was asked for. Readers of Parquet folders pass over names that begin with an underscore or a dot.
ABOUT = "_bulk.json"
#: The most shards that Ray is given at once.
AT_ONCE = 500


@dataclass(frozen=True)
class Task:
    """What a process must know to predict a shard.

    `run` is the folder of the run and `model` the fingerprint of its model. `find_boxes` says whether faces are found
    where no box is given, `threshold` is that of flags (None: no flags), and `power` that of the law of errors.
    `pictures` is the manifest's folder, and `out` the folder of the shards.
    """

    run: str
    model: str
    head: str
    find_boxes: bool
    tolerance: float
    threshold: float | None
    power: float
    pictures: str
    out: str


@dataclass(frozen=True)
class Progress:
    """How many of the shards and their rows are finished."""

    shards: int
    of_shards: int
    rows: int
    of_rows: int


@dataclass(frozen=True)
class BulkResult:
    """How many faces were predicted, and how many rows have a problem instead."""

    faces: int
    problems: int


def predict_in_bulk(
    task: Task, manifest: Manifest, *, engine: Engine = "local", workers: int | None = None, shard: int = SHARD
) -> Iterator[Progress]:
    """Predict all rows of `manifest`, `shard` rows at a time; yields the progress at the start and after each shard.

    The file of a shard has its rows in order, but those with a problem come last. Shards that are there already are not
    computed again. `workers` is the number of processes, by default one a core, or a GPU. Raises DataError if the
    folder holds the predictions of something else, InUseError if another process writes there.
    """
    out = Path(task.out)
    out.mkdir(parents=True, exist_ok=True)
    with lock(out / LOCK, wait=False) as held:
        if not held:
            raise InUseError(f"another process is predicting into {out}: wait for it, or name another folder")
        count = -(-len(manifest) // shard)
        _must_be_ours(out, _about(task, manifest, shard))
        missing = [k for k in range(count) if not shard_file(out, k).is_file()]
        sizes = [min(shard, len(manifest) - k * shard) for k in range(count)]
        done = len(manifest) - sum(sizes[k] for k in missing)
        yield Progress(count - len(missing), count, done, len(manifest))
        run = _by_ray if engine == "ray" else _locally
        with contextlib.closing(run(task, manifest, missing, shard, workers)) as finished:
            for number, k in enumerate(finished, start=count - len(missing) + 1):
                done += sizes[k]
                yield Progress(number, count, done, len(manifest))


def bulk_result(out: Path) -> BulkResult:
    """What the shards in `out` hold."""
    parquet = pyarrow("parquet")
    faces = problems = 0
    for file in sorted(out.glob("part-*.parquet")):
        column = parquet.read_table(file, columns=["problem"]).column(0)
        faces += column.null_count
        problems += len(column) - column.null_count
    return BulkResult(faces, problems)


def shard_file(out: Path, number: int) -> Path:
    """The file of a shard."""
    return out / f"part-{number:06}.parquet"


class ShardWorker:
    """Predicts shards with the model of a task, in one process."""

    def __init__(self, task: Task) -> None:
        torch.set_num_threads(1)
        one_for_numpy()
        self._task = task
        self._model = Model(checkpoint.load(Path(task.run)), Path(task.run).name)
        if self._model.fingerprint(task.head) != task.model:
            raise DataError(f"the model in {task.run} was replaced while it predicted: start again")

    def predict(self, number: int, items: Sequence[Item]) -> int:
        """Predict `items` and write the file of the shard `number`; returns the number."""
        task, model = self._task, self._model
        samples: list[Sample] = []
        used: list[Item] = []
        left_out: list[tuple[Item, str]] = []
        for item in items:
            path = Path(task.pictures, item.image)
            try:
                width, height = picture_size(path)
            except DataError as error:
                left_out.append((item, _said(error)))
                continue
            used.append(item)
            samples.append(Sample(path, item.image, width, height, item.box or whole(width, height)))
        find = [task.find_boxes and item.box is None for item in used]
        found = predict_in_parts(model, samples, task.head, find)
        usable = [k for k, problem in enumerate(found.problems) if problem is None]
        left_out += [(used[k], problem) for k, problem in enumerate(found.problems) if problem is not None]
        table = predicted_table(
            model.definition_of(task.head),
            [found.predictions[k] for k in usable],
            [found.samples[k] for k in usable],
            FlagRule(task.tolerance, task.threshold),
            RadialLaw(task.power),
            [(item.image, problem) for item, problem in left_out],
        )
        rows = [*(used[k] for k in usable), *(item for item, _ in left_out)]
        table = {"row": [item.row for item in rows], **table, "face": [item.face for item in rows]}
        write_table(table, shard_file(Path(task.out), number))
        return number


def _said(error: DataError) -> str:
    return str(error).encode(errors="replace").decode()


def _about(task: Task, manifest: Manifest, shard: int) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "model": task.model,
        "head": task.head,
        "manifest": manifest.digest(),
        "rows": len(manifest),
        "shard": shard,
        "find_boxes": task.find_boxes,
        "tolerance": task.tolerance,
        "threshold": task.threshold,
    }


def _must_be_ours(out: Path, about: dict[str, Any]) -> None:
    """Note what is asked for in the folder `out`. Raises DataError if it holds anything else."""
    file = out / ABOUT
    if not file.is_file():
        if any(path.name != LOCK for path in out.iterdir()):
            raise DataError(f"{out} holds files already: name a new folder, or the one of an interrupted prediction")
        write_json(file, about)
        return
    known = read_json(file)
    if not isinstance(known, dict) or known.get("format") != FORMAT:
        raise DataError(f"{file} does not describe predictions of this version: name a new folder")
    words = {"model": "by another model", "manifest": "of other pictures"}
    for key, value in about.items():
        if known.get(key) != value:
            made = words.get(key, f"with {key} {known.get(key)} instead of {value}")
            raise DataError(f"the predictions in {out} were made {made}: name a new folder")


# Processes of this machine

#: The worker of this process, with the model that it has loaded.
_worker_of = functools.lru_cache(maxsize=1)(ShardWorker)


def _begin(task: Task) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that began this one ends it
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _worker_of(task)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _predict(task: Task, number: int, items: Sequence[Item]) -> int:
    return _worker_of(task).predict(number, items)


def _locally(
    task: Task, manifest: Manifest, missing: Sequence[int], shard: int, workers: int | None
) -> Generator[int, None, None]:
    count = min(workers or _default_workers(), len(missing))
    if count <= 1:
        for number in missing:
            yield _predict(task, number, manifest.items(number * shard, (number + 1) * shard))
        return
    others = multiprocessing.active_children()
    pool = ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), _begin, (task,))
    try:
        coming, running = iter(missing), set[Any]()
        while True:
            for number in coming:
                running.add(pool.submit(_predict, task, number, manifest.items(number * shard, (number + 1) * shard)))
                if len(running) >= 2 * count:
                    break
            if not running:
                break
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            yield from (each.result() for each in finished)
    except BrokenProcessPool:
        raise DataError(
            "a process ended before its shard was finished, perhaps for lack of memory: start again with fewer "
            "--workers; finished shards are kept"
        ) from None
    finally:
        for process in multiprocessing.active_children():
            if process not in others:
                process.terminate()  # a shard that is not finished is computed again
        pool.shutdown(cancel_futures=True)


def _default_workers() -> int:
    if compute_device().type == "cuda":
        return torch.cuda.device_count()
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


# Ray


class RayWorker:
    """A `ShardWorker` as an actor of Ray Data: takes batches of shards and returns their numbers."""

    def __init__(self, task: Task) -> None:
        self._worker = ShardWorker(task)

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[int]]:
        done = []
        for number, text in zip(batch["shard"], batch["items"], strict=True):
            items = [
                Item(r, i, f, None if b is None else Box(**b))
                for r, i, f, b in parse_json(text, "a batch of Ray cannot be read")
            ]
            done.append(self._worker.predict(int(number), items))
        return {"shard": done}


def _by_ray(
    task: Task, manifest: Manifest, missing: Sequence[int], shard: int, workers: int | None
) -> Generator[int, None, None]:
    try:
        ray = importlib.import_module("ray")
        data = importlib.import_module("ray.data")
    except ImportError:
        raise DataError("--engine ray needs Ray: pip install '.[ray]'") from None
    if not missing:
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray would report them to its makers
    logging.getLogger("ray").setLevel(logging.WARNING)
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    if not ray.is_initialized():
        # The cluster that RAY_ADDRESS names, or else this machine.
        ray.init(log_to_driver=False, logging_level=logging.WARNING)
    data.DataContext.get_current().enable_progress_bars = False
    absolute = Task(**asdict(task) | {key: os.path.abspath(getattr(task, key)) for key in ("run", "pictures", "out")})
    resources = ray.cluster_resources()
    gpus = int(resources.get("GPU", 0))
    count = min(workers or max(gpus or int(resources.get("CPU", 1)), 1), len(missing))

    def row(number: int) -> dict[str, Any]:
        items = manifest.items(number * shard, (number + 1) * shard)
        rows = [(i.row, i.image, i.face, None if i.box is None else asdict(i.box)) for i in items]
        return {"shard": number, "items": json.dumps(rows)}

    # Some at a time: the rows of millions of pictures would fill the memory of this process.
    for start in range(0, len(missing), AT_ONCE):
        part = missing[start : start + AT_ONCE]
        given = data.from_items([row(number) for number in part], override_num_blocks=len(part))
        finished = given.map_batches(
            RayWorker,
            batch_size=1,
            concurrency=min(count, len(part)),
            fn_constructor_args=(absolute,),
            num_cpus=1,
            num_gpus=1 if gpus else 0,
        )
        yield from (int(each["shard"]) for each in finished.iter_rows())
