"""Name past runs, measure their size and delete them."""

from __future__ import annotations

import contextlib
import os
import shutil

from labeler.errors import ConflictError
from labeler.project.project import Project
from labeler.runs.collect import collect_predictions
from labeler.runs.control import find_run, list_runs
from labeler.runs.run import LONGEST_TITLE, Run
from mdmd import run_folder
from mdmd.data.text import cleaned
from mdmd.errors import DataError
from mdmd.files import replace_file


def rename(project: Project, run_id: str, title: str) -> Run:
    """Give a run a title; an empty one removes it. Raises NotFoundError, and DataError for a title that is too long."""
    run = find_run(project, run_id)
    line = " ".join(cleaned(title).split())
    if len(line) > LONGEST_TITLE:
        raise DataError(f"a run's title has at most {LONGEST_TITLE} characters, found {len(line)}")
    replace_file(run.folder / run_folder.TITLE, lambda partial: partial.write_text(line, encoding="utf-8"))
    return find_run(project, run_id)


def size_of(run: Run) -> int:
    """Bytes of all files in the run's folder."""
    total = 0
    for folder, _, names in os.walk(run.folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(folder, name)).st_size
            except OSError:  # a file that has just been replaced
                continue
    return total


def consequences(project: Project, run: Run) -> list[str]:
    """What deleting `run` would remove and what it would keep, in sentences."""
    said = [f"This frees {megabytes(size_of(run))}. Labels are not changed."]
    if run.kind == "curve":
        said.append(f"The report of training {run.of} loses its learning curve.")
    if run.can_resume:
        said.append("It could be resumed now, and no longer after that.")
    if run.has_model:
        others = [other for other in list_runs(project) if other.has_model and other.id != run.id and not other.active]
        newest = not any(int(other.id) > int(run.id) for other in others)
        if not others:
            said.append("Its model is the only one: pre-labeling again would need a new training.")
        elif newest:
            said.append(f"Its model is the newest: pre-labeling again would use that of run {others[0].name}.")
    shown = sum(number == int(run.id) for number, _ in project.store.predictions.current().values())
    if shown:
        faces = "1 face" if shown == 1 else f"{shown:,} faces"
        said.append(f"Its predictions of {faces} are kept for review.")
    return said


def delete(project: Project, run_id: str) -> int:
    """Delete a run's folder; returns the bytes that were freed. Its predictions and all labels are kept.

    Raises NotFoundError, and ConflictError if the run is active or is used by an active one.
    """
    run = find_run(project, run_id)
    if run.active:
        raise ConflictError(f"run {run.name} is {run.state}; cancel it before deleting it")
    for other in list_runs(project):
        if other.active and other.model == run.id:
            raise ConflictError(f"run {other.name} is using the model of run {run.name}; wait for it or cancel it")
        if other.active and other.of == run.id:
            raise ConflictError(f"run {other.name} is measuring the learning curve of run {run.name}; cancel it first")
    with contextlib.suppress(DataError):  # a run with unusable predictions can be deleted too
        collect_predictions(project)
    size = size_of(run)
    # Renamed first, so that a half deleted folder is never read as a run.
    going = run.folder.with_name(f".deleting-{run.id}")
    run.folder.replace(going)
    shutil.rmtree(going, ignore_errors=True)
    return size


def megabytes(size: int) -> str:
    """ "0.3 MB", "12 MB", "1.4 GB"."""
    if size >= 1e9:
        return f"{size / 1e9:.1f} GB"
    return f"{size / 1e6:.0f} MB" if size >= 1e7 else f"{size / 1e6:.1f} MB"
