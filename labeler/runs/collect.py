"""Predictions of finished runs, brought into the store."""

from __future__ import annotations

from labeler.project.project import Project
from labeler.runs.control import must_read, run_folders
from labeler.runs.predictions import read_predictions
from labeler.runs.run import COMPLETE
from mdmd import run_folder
from mdmd.errors import DataError


def collect_predictions(project: Project) -> list[str]:
    """Bring the predictions of finished runs into the store, each run's once; returns the ids of those brought in now.

    Raises DataError, once, for a run whose predictions cannot be used.
    """
    known = project.store.predictions.collected_runs()
    brought = []
    for folder in run_folders(project.folder):
        left = (folder / run_folder.PREDICTIONS).is_file() and (folder / run_folder.EXIT).is_file()
        if not left or int(folder.name) in known or must_read(folder).state not in COMPLETE:
            continue
        try:
            faces = {face.id for face in project.store.faces()}
            predictions, radius = read_predictions(folder / run_folder.PREDICTIONS, faces)
        except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
            project.store.predictions.add(int(folder.name), {})
            raise DataError(f"the predictions of run {folder.name} cannot be used: {error!r}") from None
        if project.store.predictions.add(int(folder.name), predictions, radius90=radius):
            brought.append(folder.name)
    return brought
