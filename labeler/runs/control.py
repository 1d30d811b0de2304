"""The runs of a project: listing, stopping and cancelling them."""

from __future__ import annotations

import os
import signal
import time
from functools import lru_cache
from pathlib import Path

from labeler.errors import ConflictError, NotFoundError
from labeler.project.project import Project
from labeler.runs.run import Run, process_started, read_run
from mdmd import run_folder


def list_runs(project: Project) -> list[Run]:
    """All runs of a project, newest first."""
    found = (read_cached(folder) for folder in run_folders(project.folder))
    return sorted((run for run in found if run is not None), key=lambda run: int(run.id), reverse=True)


def find_run(project: Project, run_id: str) -> Run:
    """The run of that number; raises NotFoundError when there is none, DataError when its record cannot be used."""
    run = next((run for run in list_runs(project) if run.id == run_id), None)
    if run is None:
        for folder in run_folders(project.folder):
            if folder.name == run_id and (folder / run_folder.RECORD).is_file():
                run_folder.read_record(folder)
        raise NotFoundError(f"project {project.name!r} has no run {run_id}")
    return run


def stop_and_keep(project: Project, run_id: str) -> Run:
    """Ask a training to end its schedule now and keep its model: it is calibrated, measured and pre-labels as usual.

    Raises NotFoundError, and ConflictError where there is nothing to keep, with the reason.
    """
    run = find_run(project, run_id)
    reason = why_not_stop(run)
    if reason is not None:
        raise ConflictError(f"run {run.name} cannot be stopped and kept: {reason}")
    (run.folder / run_folder.STOP).touch()
    return must_read(run.folder)


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


def cancel_run(project: Project, run_id: str, *, patience: float = 3.0) -> Run:
    """Ask a run to end, or to leave the queue, and wait up to `patience` seconds for it; after ten its supervisor kills
    what is left.

    Raises NotFoundError, and ConflictError when the run is over.
    """
    run = find_run(project, run_id)
    if not run.active:
        raise ConflictError(f"run {run_id} is not running: it is {run.state}")
    (run.folder / run_folder.CANCEL).touch()
    record = run_folder.read_record(run.folder)
    if record.pid is not None and process_started(record.pid) == record.process_started:
        os.kill(record.pid, signal.SIGTERM)
    until = time.monotonic() + patience
    while run.active and time.monotonic() < until:
        time.sleep(0.05)
        run = must_read(run.folder)
    return run


def active_runs(root: Path) -> list[tuple[str, Run]]:
    """The runs whose processes are there, of all projects under `root`, each with its project's name."""
    found = []
    for project in sorted(path.parent for path in root.glob("[!.]*/project.json")):
        known = (read_cached(folder) for folder in run_folders(project))
        found += [(project.name, run) for run in known if run is not None and run.active]
    return found


def run_folders(project: Path) -> list[Path]:
    return [path for path in (project / "runs").glob("[0-9]*") if path.name.isdigit() and path.is_dir()]


def must_read(folder: Path) -> Run:
    run = read_cached(folder)
    if run is None:
        raise NotFoundError(f"{folder} holds no run")
    return run


def read_cached(folder: Path) -> Run | None:
    stamps = [_stamp(folder / name) for name in (run_folder.EXIT, run_folder.TITLE, run_folder.ERROR)]
    return _read_finished(folder, tuple(stamps)) if stamps[0] else read_run(folder)


@lru_cache(maxsize=256)
def _read_finished(folder: Path, stamps: tuple[object, ...]) -> Run | None:
    """A finished run changes only by its title and its error; its log may be long and is read every second."""
    return read_run(folder)


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino
