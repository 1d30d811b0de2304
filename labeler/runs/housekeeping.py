"""Rename, copy and delete projects, and remove pictures, unless a run needs them where they are."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from labeler.errors import ConflictError, DamagedError
from labeler.project.project import Project
from labeler.project.workspace import Workspace
from labeler.runs.control import list_runs


def rename_project(workspace: Workspace, name: str, new: str) -> None:
    """Give a project another name. Raises ConflictError while a run is active, and DataError for an unusable name."""
    must_not_run(workspace.open(name))
    workspace.rename(name, new)


def copy_project(workspace: Workspace, name: str, new: str) -> None:
    """Copy a project under another name. Raises ConflictError while a run is active, and DataError for a bad name."""
    must_not_run(workspace.open(name))
    workspace.duplicate(name, new)


def delete_project(workspace: Workspace, name: str) -> Path:
    """Move a project to the trash; returns where it lies. Raises ConflictError while a run is active."""
    must_not_run(workspace.open(name))
    return workspace.delete(name)


def restore_project(workspace: Workspace, name: str, number: int) -> None:
    """Go back to a copy of a project's labels.

    Raises ConflictError while a run is active, and what `Workspace.restore` raises.
    """
    with suppress(DamagedError):  # then there is nothing that a run could go on with
        must_not_run(workspace.open(name))
    workspace.restore(name, number)


def remove_picture(project: Project, image_id: int) -> Path | None:
    """Remove a picture; returns where its file lies. Raises ConflictError while a run is active, and NotFoundError."""
    must_not_run(project)
    return project.remove_picture(image_id)


def must_not_run(project: Project) -> None:
    """Raise ConflictError if a run of the project is active."""
    run = next((run for run in list_runs(project) if run.active), None)
    if run is not None:
        raise ConflictError(
            f"run {run.name} of project {project.name!r} is {run.state}: wait until it is done, or stop it on the "
            "Train page"
        )
