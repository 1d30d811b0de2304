"""Collect the predictions of finished runs into the store."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from labeler.project.project import Project
from labeler.project.workspace import Workspace
from labeler.runs.control import existing_run, run_folders
from labeler.runs.run import COMPLETE
from labeler.storage.records import PredictedPoint
from mdmd import run_folder
from mdmd.errors import DataError
from mdmd.evaluation.predictions import PredictedFaces, read_predicted
from mdmd.run_folder import Failure


def collect_finished(workspace: Workspace, since: float) -> dict[str, str]:
    """Collect for all projects that are open in `workspace` or had a run that ended after the Unix time `since`.

    Returns the error of each project whose predictions could not be collected; the others are not affected.
    """
    recent = {
        ended.parents[2].name
        for ended in workspace.root.glob(f"[!.]*/runs/[0-9]*/{run_folder.EXIT}")
        if _changed_at(ended) >= since
    }
    problems = {}
    for name in sorted(recent | set(workspace.opened())):
        try:
            collect_predictions(workspace.open(name))
        except (DataError, OSError) as error:
            problems[name] = str(error)
    return problems


def _changed_at(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:  # the run was deleted just now
        return 0.0


def collect_predictions(project: Project) -> list[str]:
    """Add the predictions of finished runs to the store, once for each run; returns the ids of the new ones.

    Raises DataError for predictions that cannot be used. They are noted in their run (`Run.warnings`), once.
    """
    added = []
    for folder in uncollected(project):
        try:
            found = read_predicted(folder / run_folder.PREDICTIONS)
        except DataError as error:
            problem = f"the predictions of run {folder.name} cannot be used: {error}"
            with suppress(OSError):
                Failure(problem, run_folder.UNUSABLE).write(folder)
            project.store.predictions.add(int(folder.name), {})
            raise DataError(problem) from None
        points = points_of(found, {face.id for face in project.store.faces()})
        model = existing_run(folder).model
        by = int(model) if model is not None and model.isdecimal() else None
        if project.store.predictions.add(int(folder.name), points, radius90=found.radius90, model=by):
            added.append(folder.name)
    return added


def uncollected(project: Project) -> list[Path]:
    """The folders of complete runs with predictions that are not in the store yet."""
    known = project.store.predictions.collected_runs()
    return [
        folder
        for folder in run_folders(project.folder)
        if int(folder.name) not in known
        and (folder / run_folder.PREDICTIONS).is_file()
        and (folder / run_folder.EXIT).is_file()
        and existing_run(folder).state in COMPLETE
    ]


def points_of(found: PredictedFaces, faces: Collection[int]) -> dict[int, dict[int, PredictedPoint]]:
    """The predicted points by face and landmark id, of the faces with ids in `faces` only."""
    covariances = found.covariance[..., (0, 0, 1), (0, 1, 1)].tolist()
    columns = (found.points.tolist(), covariances, found.p_off.tolist(), found.flagged.tolist())
    return {
        face: {
            key: PredictedPoint(x, y, (sxx, sxy, syy), p_off, flagged)
            for key, (x, y), (sxx, sxy, syy), p_off, flagged in zip(found.landmark_ids, *rows, strict=True)
        }
        for face, *rows in zip(found.face_ids, *columns, strict=True)
        if face in faces
    }
