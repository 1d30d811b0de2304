"""List the runs of a project, find one, stop it and cancel it."""

from __future__ import annotations

import time
from functools import lru_cache
from pathlib import Path

from labeler.errors import ConflictError, NotFoundError
from labeler.project.project import Project
from labeler.runs.processes import ask_to_end
from labeler.runs.run import Run, read_run
from mdmd import run_folder


def list_runs(project: Project) -> list[Run]:
    """All runs of a project, newest first."""
    found = (cached_run(folder) for folder in run_folders(project.folder))
    return sorted((run for run in found if run is not None), key=lambda run: int(run.id), reverse=True)


def find_run(project: Project, run_id: str) -> Run:
    """The run with the number `run_id`. Raises NotFoundError without one, DataError if its run.json is damaged."""
    run = next((run for run in list_runs(project) if run.id == run_id), None)
    if run is None:
        for folder in run_folders(project.folder):
            if folder.name == run_id and (folder / run_folder.RECORD).is_file():
                run_folder.read_record(folder)
        raise NotFoundError(f"project {project.name!r} has no run {run_id}")
    return run


def model_runs(project: Project) -> list[Run]:
    """The trainings that have ended with a model, newest first."""
    return [run for run in list_runs(project) if run.trained and not run.active]


def model_run(project: Project, run_id: str) -> Run:
    """The training with a model of that number. Raises NotFoundError without one, ConflictError while it is active."""
    run = find_run(project, run_id)
    if run.active:
        raise ConflictError(f"run {run.name} is {run.state}: its model can be used when it has ended")
    if not run.trained:
        raise NotFoundError(f"run {run.name} has no model")
    return run


def stop_and_keep(project: Project, run_id: str) -> Run:
    """Ask a training to stop learning now and keep its model, which is then calibrated, measured and used as usual.

    Raises NotFoundError, and ConflictError with the reason if there is nothing to keep yet.
    """
    run = find_run(project, run_id)
    reason = why_not_stop(run)
    if reason is not None:
        raise ConflictError(f"run {run.name} cannot be stopped and kept: {reason}")
    (run.folder / run_folder.STOP).touch()
    return existing_run(run.folder)


def why_not_stop(run: Run) -> str | None:
    """Why `run` cannot be stopped and kept now; None if it can."""
    if run.state != "running":
        return f"it is {run.state}"
    if run.kind == "curve":
        return "all parts of a learning curve must train equally long; cancel it instead, complete parts are kept"
    if run.kind != "train":
        return "it is pre-labeling, not training; cancel it instead"
    if run.stage in ("measure", "predict", "check"):
        return "its training is over already"
    if run.stage != "adapt":
        return (
            "it has not started to train on your landmarks, so there is no model of them yet; cancel it instead, the "
            "next training continues from what it has learned from the source"
        )
    return None if run.step else "it has not trained a step on your landmarks yet"


def cancel_run(project: Project, run_id: str, *, patience: float = 3.0) -> Run:
    """Ask a run to end, or to leave the queue, and wait up to `patience` seconds for it.

    After ten seconds its supervisor kills what is still running. Raises NotFoundError, and ConflictError if the run has
    ended already.
    """
    run = find_run(project, run_id)
    if not run.active:
        raise ConflictError(f"run {run_id} is not running: it is {run.state}")
    (run.folder / run_folder.CANCEL).touch()
    record = run_folder.read_record(run.folder)
    if record.pid is not None:
        ask_to_end(record.pid, record.process_started)
    until = time.monotonic() + patience
    while run.active and time.monotonic() < until:
        time.sleep(0.05)
        run = existing_run(run.folder)
    return run


def active_runs(root: Path) -> list[tuple[str, Run]]:
    """All active runs under the projects root, each with the name of its project."""
    found = []
    for project in sorted(path.parent for path in root.glob("[!.]*/project.json")):
        known = (cached_run(folder) for folder in run_folders(project))
        found += [(project.name, run) for run in known if run is not None and run.active]
    return found


def run_folders(project: Path) -> list[Path]:
    """The folders of all runs in the project folder `project`, in no order."""
    return [path for path in (project / "runs").glob("[0-9]*") if path.name.isdecimal() and path.is_dir()]


def existing_run(folder: Path) -> Run:
    """The run in `folder`; raises NotFoundError without one."""
    run = cached_run(folder)
    if run is None:
        raise NotFoundError(f"{folder} holds no run")
    return run


def cached_run(folder: Path) -> Run | None:
    """The run in `folder`, None without one. A finished run is read again only when one of its files has changed."""
    stamps = [_stamp(folder / name) for name in (run_folder.EXIT, run_folder.TITLE, run_folder.ERROR)]
    return _read_finished(folder, tuple(stamps)) if stamps[0] else read_run(folder)


@lru_cache(maxsize=256)
def _read_finished(folder: Path, stamps: tuple[object, ...]) -> Run | None:
    """Pages ask every second, and logs are long. Of a finished run only the title and the error change."""
    return read_run(folder)


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino
