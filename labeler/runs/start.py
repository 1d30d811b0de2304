"""Start, watch, stop and collect the processes that train and predict. The run's folder is the whole contract."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from labeler.errors import ConflictError
from labeler.project.coco import write_coco
from labeler.project.project import Project
from labeler.runs.control import active_runs, find_run, list_runs, must_read, run_folders
from labeler.runs.run import BROKEN, NO_MODEL, RESUMED, Run, process_started
from labeler.runs.sources import DRAWN, Source
from mdmd import run_folder
from mdmd.data.records import Dataset
from mdmd.errors import DataError
from mdmd.files import write_json

try:
    import fcntl
except ImportError:  # Windows has no advisory locks of this kind; one process at a time starts runs there.
    fcntl = None

#: Training refuses fewer labeled faces than this.
FEWEST_FACES = 3
#: Minutes for learning a source that has not been learned on this machine, unless another number is given.
BASE_MINUTES = 20.0

Commands = Sequence[Sequence[str]]


def start_training(
    project: Project,
    *,
    source: Source | None,
    preset: str = "default",
    encoder: str | None = None,
    weights: Path | None = None,
    minutes: float | None = 10,
    base_minutes: float = BASE_MINUTES,
    steps: int | None = None,
    prelabel: bool = True,
    seed: int = 0,
    save_every: float | None = None,
) -> Run:
    """Train on the project's labeled faces together with `source`, then predict the faces left (`prelabel`).

    `steps` takes the place of `minutes`; `base_minutes` is what learning the source may take where it has not been
    learned yet; `save_every` so many seconds a state is kept to resume from. While another run is active under the same
    projects root this one waits, with the labels of now. Raises DataError when there is too little to learn from, a
    file is missing or a number makes no sense, and ConflictError while another run waits already.
    """
    target = project.training_set()
    _check_training(target, source, weights)
    _check_budget(minutes if steps is None else None, base_minutes, steps)
    waiting = project.unlabeled_faces()
    prelabeling, prelabel = prelabel, prelabel and bool(waiting.samples)
    root = project.folder.parent.resolve()

    def commands(folder: Path) -> Commands:
        adapt = [*_MDMD, "adapt", "--target", folder / run_folder.TARGET, "--preset", preset, "--seed", seed, "--quiet"]
        adapt += project.settings.options
        if source is not None:
            adapt += ["--source", source.given, "--bases", root / ".bases", "--base-minutes", base_minutes]
        for option, value in (("--encoder", encoder), ("--weights", weights), ("--save-every", save_every)):
            adapt += [] if value is None else [option, value]
        adapt += ["--minutes", minutes] if steps is None else ["--steps", steps]
        tasks = [[*adapt, "--out", folder]]
        if source is not None and source.name == DRAWN and not source.path.is_file():
            drawn = [
                sys.executable,
                "-m",
                "labeler.runs.sources",
                root,
                source.name,
                source.faces,
                folder / run_folder.LOG,
            ]
            tasks.insert(0, drawn)
        files = [(run_folder.FACES, run_folder.PREDICTIONS)] if prelabel else []
        if prelabeling:  # What the model says of the labels themselves: see labeler/analysis/model_disagreement.py.
            files.append((run_folder.TARGET, run_folder.LABELED))
        if files:
            tasks.append(_predict(project, folder, folder, files))
        return [[str(word) for word in task] for task in tasks]

    return start(
        project,
        "train",
        commands,
        {"target": target, **({"faces": waiting} if prelabel else {})},
        source=source.name if source else None,
        preset=preset,
        encoder=encoder,
        weights=None if weights is None else str(weights),
        minutes=minutes if steps is None else None,
    )


def start_prelabel(project: Project, run_id: str | None = None) -> Run:
    """Predict the faces that are not completely labeled with the model of a run (by default the newest one).

    Raises DataError when there is no model or nothing to predict, ConflictError while another run of the project is
    active that pre-labels by itself, or one of another project waits already.
    """
    known = list_runs(project)
    active = next((run for run in known if run.active and run.kind != "curve"), None)
    if active is not None:
        raise ConflictError(f"run {active.name} is {active.state} and pre-labels at its end; wait for it or cancel it")
    with_model = [run for run in known if run.has_model]
    chosen = [run for run in with_model if run_id in (None, run.id)]
    if not chosen:
        if any(run.lacks_model for run in known if run_id in (None, run.id)):
            raise DataError(f"project {project.name!r}: {NO_MODEL}")
        wanted = "there is no trained model yet" if run_id is None else f"run {run_id} has left no model"
        raise DataError(f"project {project.name!r}: {wanted}; train first")
    waiting = project.unlabeled_faces()
    if not waiting.samples:
        raise DataError(f"project {project.name!r} has no face left to pre-label: all are completely labeled")

    files = [(run_folder.FACES, run_folder.PREDICTIONS)]

    def commands(folder: Path) -> Commands:
        return [[str(word) for word in _predict(project, chosen[0].folder.resolve(), folder, files)]]

    return start(project, "prelabel", commands, {"faces": waiting}, source=chosen[0].source, preset=chosen[0].preset)


def start(
    project: Project,
    kind: str,
    commands: Callable[[Path], Commands],
    snapshots: Mapping[str, Dataset],
    *,
    source: str | None = None,
    preset: str | None = None,
    encoder: str | None = None,
    weights: str | None = None,
    minutes: float | None = None,
    further: Mapping[str, Any] | None = None,
) -> Run:
    """A new run: its folder with `snapshots` (name -> NAME.json) and run.json, and a process for `commands(folder)`.

    The first snapshot is what the run counts its pictures and faces by; `further` facts stand in run.json. Raises
    ConflictError while another run waits for its turn.
    """
    with _queue(project.folder.parent) as queued:
        folder = _new_folder(project)
        try:
            for name, dataset in snapshots.items():
                write_coco(folder / f"{name}.json", dataset, images=project.images)
            samples = next(iter(snapshots.values())).samples
            record = {
                "id": folder.name,
                "kind": kind,
                "created_at": time.time(),
                "queued": queued,
                "commands": [list(command) for command in commands(folder)],
                "pid": None,
                "process_started": None,
                "images": len({sample.file_name for sample in samples}),
                "faces": len(samples),
                "source": source,
                "preset": preset,
                "encoder": encoder,
                "weights": weights,
                "minutes": minutes,
                **(further or {}),
            }
            _launch(folder, record)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    return must_read(folder)


def resume(project: Project, run_id: str) -> Run:
    """Go on with a broken-off training where its last kept state is: the same commands on the same snapshot.

    Raises NotFoundError, ConflictError for a run that cannot be resumed, and ConflictError while another run waits.
    """
    with _queue(project.folder.parent) as queued:
        run = find_run(project, run_id)
        if not run.can_resume:
            kept = "there is no state to go on from" if run.state in BROKEN and run.kind == "train" else run.state
            raise ConflictError(f"run {run.name} cannot be resumed: {kept}")
        record = json.loads((run.folder / run_folder.RECORD).read_text(encoding="utf-8"))
        again = {**record, "pid": None, "process_started": None, "queued": queued, "resumed_at": time.time()}
        again["seconds_before"] = run.seconds
        with (run.folder / run_folder.OUTPUT).open("a", encoding="utf-8") as output:
            output.write(f"{RESUMED} {time.strftime('%Y-%m-%d %H:%M:%S')}\n")
        for left in run_folder.LEFT_BY_A_TRY:  # of the earlier try
            (run.folder / left).unlink(missing_ok=True)
        _launch(run.folder, again)
    return must_read(run.folder)


def _launch(folder: Path, record: dict[str, Any]) -> None:
    """Write `record` as run.json and start the process that does what it says."""
    write_json(folder / run_folder.RECORD, record, indent=1)
    with (folder / run_folder.OUTPUT).open("ab") as output, (folder.parents[2] / ".turn.lock").open("ab") as turn:
        if not record["queued"]:
            _take(turn)
        passed = () if fcntl is None else (turn.fileno(),)
        child = subprocess.Popen(
            [sys.executable, "-m", "labeler.runs.supervisor", str(folder), *map(str, passed)],
            pass_fds=passed,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    # Somebody has to ask for its exit code when it ends, or it stays a zombie for as long as this process is there.
    threading.Thread(target=child.wait, name=f"wait for {child.pid}", daemon=True).start()
    started = {"pid": child.pid, "process_started": process_started(child.pid)}
    write_json(folder / run_folder.RECORD, {**record, **started}, indent=1)


def _take(turn: IO[bytes]) -> None:
    """Take the turn for the process that gets `turn` from here: a run that is started later must not be before it.

    A run that has just ended may hold it for a moment longer; where that is long, the new one waits for it itself.
    """
    until = time.monotonic() + 2
    while fcntl is not None:
        try:
            fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() < until:
                time.sleep(0.02)
                continue
        break


_MDMD = (sys.executable, "-m", "mdmd")


def _predict(project: Project, model: Path, folder: Path, files: Sequence[tuple[str, str]]) -> list[Any]:
    """The command that predicts the faces of each first file into the second, in one process: loading takes seconds."""
    named = [word for faces, out in files for word in ("--faces", folder / faces, "--out", folder / out)]
    return [*_MDMD, "predict", model, *named, "--find-boxes", *project.settings.options]


def _check_training(target: Dataset, source: Source | None, weights: Path | None) -> None:
    count = len(target.samples)
    if count < FEWEST_FACES:
        raise DataError(
            f"{count} labeled face{'' if count == 1 else 's'}; training needs at least {FEWEST_FACES}, "
            "and 50 or more for a useful model"
        )
    if source is not None and source.name != DRAWN and not source.path.exists():
        raise DataError(f"the source {source.name!r} is not where it was: there is no {source.path}")
    if weights is not None and str(weights) not in ("none", "starter") and not weights.is_file():
        raise DataError(f"no such weights file: {weights}")


def _check_budget(minutes: float | None, base_minutes: float, steps: int | None) -> None:
    if minutes is None and steps is None:
        raise DataError("training needs a number of minutes or of steps")
    for name, value in (("minutes", minutes), ("base minutes", base_minutes), ("steps", steps)):
        if value is not None and not (math.isfinite(value) and value > 0):
            raise DataError(f"found {name} {value}, wanted a number above 0")


@contextmanager
def _queue(root: Path) -> Iterator[bool]:
    """Hold the right to start a run under `root`; says whether it has to wait for another one's end. Raises
    ConflictError while one waits already."""
    with (root / ".runs.lock").open("a") as lock:
        if fcntl is not None:
            fcntl.flock(lock, fcntl.LOCK_EX)
        others = active_runs(root)
        for name, run in others:
            if run.state == "waiting" or fcntl is None:
                since = time.strftime("%H:%M", time.localtime(run.created_at))
                raise ConflictError(
                    f"a run is already {run.state} (run {run.id} of project {name}, started {since}); "
                    "wait for it or cancel it"
                )
        yield bool(others)


def _new_folder(project: Project) -> Path:
    project.runs.mkdir(exist_ok=True)
    # A run whose folder is gone keeps its number: its predictions stand in the store under it.
    newest = max(
        [0, *(int(folder.name) for folder in run_folders(project.folder)), *project.store.predictions.collected_runs()]
    )
    folder = project.runs.resolve() / f"{newest + 1:03d}"
    folder.mkdir()
    return folder
