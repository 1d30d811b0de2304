"""Start, watch, stop and collect the processes that train and predict. The run's folder is the whole contract."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from labeler.project.coco import write_coco
from labeler.project.project import Project
from labeler.runs.predictions import read_predictions
from labeler.runs.run import BROKEN, COMPLETE, RESUMED, Run, process_started, read_run
from labeler.runs.sources import DRAWN, Source
from labeler.storage.store import ConflictError, NotFoundError
from mdmd.data.records import DataError, Dataset
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
        adapt = [*_MDMD, "adapt", "--target", folder / "target.json", "--preset", preset, "--seed", seed, "--quiet"]
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
                folder / "log.jsonl",
            ]
            tasks.insert(0, drawn)
        files = [("faces.json", "predictions.json")] if prelabel else []
        if prelabeling:  # What the model says of the labels themselves: see labeler/analysis/model_disagreement.py.
            files.append(("target.json", "labeled.json"))
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
    known = runs(project)
    active = next((run for run in known if run.active and run.kind != "curve"), None)
    if active is not None:
        raise ConflictError(f"run {active.name} is {active.state} and pre-labels at its end; wait for it or cancel it")
    with_model = [run for run in known if run.has_model]
    chosen = [run for run in with_model if run_id in (None, run.id)]
    if not chosen:
        wanted = "there is no trained model yet" if run_id is None else f"run {run_id} has left no model"
        raise DataError(f"project {project.name!r}: {wanted}; train first")
    waiting = project.unlabeled_faces()
    if not waiting.samples:
        raise DataError(f"project {project.name!r} has no face left to pre-label: all are completely labeled")

    files = [("faces.json", "predictions.json")]

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
    return _run(folder)


def resume(project: Project, run_id: str) -> Run:
    """Go on with a broken-off training where its last kept state is: the same commands on the same snapshot.

    Raises NotFoundError, ConflictError for a run that cannot be resumed, and ConflictError while another run waits.
    """
    with _queue(project.folder.parent) as queued:
        run = find(project, run_id)
        if not run.can_resume:
            kept = "there is no state to go on from" if run.state in BROKEN and run.kind == "train" else run.state
            raise ConflictError(f"run {run.name} cannot be resumed: {kept}")
        record = json.loads((run.folder / "run.json").read_text(encoding="utf-8"))
        again = {**record, "pid": None, "process_started": None, "queued": queued, "resumed_at": time.time()}
        again["seconds_before"] = run.seconds
        with (run.folder / "output.txt").open("a", encoding="utf-8") as output:
            output.write(f"{RESUMED} {time.strftime('%Y-%m-%d %H:%M:%S')}\n")
        for left in ("began.json", "cancel", "stop", "error.json", "exit.json"):  # of the earlier try
            (run.folder / left).unlink(missing_ok=True)
        _launch(run.folder, again)
    return _run(run.folder)


def _launch(folder: Path, record: dict[str, Any]) -> None:
    """Write `record` as run.json and start the process that does what it says."""
    write_json(folder / "run.json", record, indent=1)
    with (folder / "output.txt").open("ab") as output, (folder.parents[2] / ".turn.lock").open("ab") as turn:
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
    write_json(folder / "run.json", {**record, **started}, indent=1)


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


def runs(project: Project) -> list[Run]:
    """All runs of a project, newest first."""
    found = (_read(folder) for folder in _folders(project.folder))
    return sorted((run for run in found if run is not None), key=lambda run: int(run.id), reverse=True)


def find(project: Project, run_id: str) -> Run:
    """The run of that number; raises NotFoundError when there is none."""
    run = next((run for run in runs(project) if run.id == run_id), None)
    if run is None:
        raise NotFoundError(f"project {project.name!r} has no run {run_id}")
    return run


def stop_and_keep(project: Project, run_id: str) -> Run:
    """Ask a training to end its schedule now and keep its model: it is calibrated, measured and pre-labels as usual.

    Raises NotFoundError, and ConflictError where there is nothing to keep, with the reason.
    """
    run = find(project, run_id)
    reason = why_not_stop(run)
    if reason is not None:
        raise ConflictError(f"run {run.name} cannot be stopped and kept: {reason}")
    (run.folder / "stop").touch()
    return _run(run.folder)


def why_not_stop(run: Run) -> str | None:
    """Why there is nothing to keep of `run` by stopping it now; None where there is."""
    if run.state != "running":
        return f"it is {run.state}"
    if run.kind == "curve":
        return "the parts of a learning curve learn for equally long; it can be cancelled, and complete parts count"
    if run.kind != "train":
        return "it is pre-labeling and learns nothing; it can be cancelled"
    if run.stage == "predict":
        return "it has learned already"
    if run.stage != "adapt":
        return (
            "it has not begun to learn your landmarks, so there is no model of them yet; cancelled, it keeps what it "
            "has learned of the source for the next training"
        )
    return None if run.step else "it has not learned a step of your landmarks yet"


def cancel(project: Project, run_id: str, *, patience: float = 3.0) -> Run:
    """Ask a run to end, or to leave the queue, and wait up to `patience` seconds for it; after ten its supervisor kills
    what is left.

    Raises NotFoundError, and ConflictError when the run is over.
    """
    run = find(project, run_id)
    if not run.active:
        raise ConflictError(f"run {run_id} is not running: it is {run.state}")
    (run.folder / "cancel").touch()
    record = json.loads((run.folder / "run.json").read_text(encoding="utf-8"))
    if record["pid"] is not None and process_started(record["pid"]) == record["process_started"]:
        os.kill(record["pid"], signal.SIGTERM)
    until = time.monotonic() + patience
    while run.active and time.monotonic() < until:
        time.sleep(0.05)
        run = _run(run.folder)
    return run


def collect(project: Project) -> list[str]:
    """Bring the predictions of finished runs into the store, each run's once; returns the ids of those brought in now.

    Raises DataError, once, for a run whose predictions cannot be used.
    """
    known = project.store.collected_runs()
    brought = []
    for folder in _folders(project.folder):
        left = (folder / "predictions.json").is_file() and (folder / "exit.json").is_file()
        if not left or int(folder.name) in known or _run(folder).state not in COMPLETE:
            continue
        try:
            faces = {face.id for face in project.store.faces()}
            predictions, radius = read_predictions(folder / "predictions.json", faces)
        except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
            project.store.add_predictions(int(folder.name), {})
            raise DataError(f"the predictions of run {folder.name} cannot be used: {error!r}") from None
        if project.store.add_predictions(int(folder.name), predictions, radius90=radius):
            brought.append(folder.name)
    return brought


_MDMD = (sys.executable, "-m", "mdmd.cli.main")


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


def active(root: Path) -> list[tuple[str, Run]]:
    """The runs whose processes are there, of all projects under `root`, each with its project's name."""
    found = []
    for project in sorted(path.parent for path in root.glob("[!.]*/project.json")):
        known = (_read(folder) for folder in _folders(project))
        found += [(project.name, run) for run in known if run is not None and run.active]
    return found


@contextmanager
def _queue(root: Path) -> Iterator[bool]:
    """Hold the right to start a run under `root`; says whether it has to wait for another one's end. Raises
    ConflictError while one waits already."""
    with (root / ".runs.lock").open("a") as lock:
        if fcntl is not None:
            fcntl.flock(lock, fcntl.LOCK_EX)
        others = active(root)
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
    newest = max([0, *(int(folder.name) for folder in _folders(project.folder)), *project.store.collected_runs()])
    folder = project.runs.resolve() / f"{newest + 1:03d}"
    folder.mkdir()
    return folder


def _folders(project: Path) -> list[Path]:
    return [path for path in (project / "runs").glob("[0-9]*") if path.name.isdigit() and path.is_dir()]


def _run(folder: Path) -> Run:
    run = _read(folder)
    if run is None:
        raise NotFoundError(f"{folder} holds no run")
    return run


def _read(folder: Path) -> Run | None:
    ended = _stamp(folder / "exit.json")
    return _read_finished(folder, (ended, _stamp(folder / "title.txt"))) if ended else read_run(folder)


@lru_cache(maxsize=256)
def _read_finished(folder: Path, stamps: tuple[object, ...]) -> Run | None:
    """A finished run changes in nothing but its title; its log may be long and is asked for every second."""
    return read_run(folder)


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino
