"""Predictions of finished runs, brought into the store."""

from __future__ import annotations

from collections.abc import Collection

from labeler.project.project import Project
from labeler.runs.control import must_read, run_folders
from labeler.runs.run import COMPLETE
from labeler.storage.records import PredictedPoint
from mdmd import run_folder
from mdmd.errors import DataError
from mdmd.evaluation.predictions import PredictedFaces, read_predicted


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
            found = read_predicted(folder / run_folder.PREDICTIONS)
        except DataError as error:
            project.store.predictions.add(int(folder.name), {})
            raise DataError(f"the predictions of run {folder.name} cannot be used: {error}") from None
        faces = {face.id for face in project.store.faces()}
        if project.store.predictions.add(int(folder.name), points_of(found, faces), radius90=found.radius90):
            brought.append(folder.name)
    return brought


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
