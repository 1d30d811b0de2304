"""The predictions of the newest finished training for its labeled faces, read from the run's folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from labeler.analysis.model_disagreement import ModelPrediction
from mdmd import run_folder
from mdmd.data.coco import read_coco
from mdmd.errors import DataError
from mdmd.evaluation.error_law import LAPLACIAN
from mdmd.evaluation.predictions import read_predicted

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ModelPredictions:
    """By face, the labels (N, 2) in pixels of a run's training set, NaN without a label, and the model's prediction.

    `ids` are the landmark ids, in order. `stamp` changes with every finished run.
    """

    ids: tuple[int, ...] = ()
    faces: dict[int, tuple[Array, ModelPrediction]] = field(default_factory=dict)
    stamp: object = None


def newest_stamp(runs: Path) -> tuple[Path, Path, int] | None:
    """The newest finished training under `runs`, its file with predictions of labeled faces, and the file's time.

    `labeled.json` covers all faces, `heldout.json` the held-out ones only. None if there is no such file.
    """
    for folder in sorted(
        (p for p in runs.glob("[0-9]*") if p.name.isdecimal()), key=lambda p: int(p.name), reverse=True
    ):
        record, ended = run_folder.read_object(folder / run_folder.RECORD), run_folder.read_ended(folder)
        training = record is not None and record.get("kind") == "train"  # a learning curve has a target.json too
        if not training or not (folder / run_folder.TARGET).is_file() or ended is None:
            continue
        if not run_folder.succeeded(folder, ended):
            continue
        for name in (run_folder.LABELED, run_folder.HELDOUT):
            if (folder / name).is_file():
                return folder, folder / name, (folder / name).stat().st_mtime_ns
        return None
    return None


def read_predictions(runs: Path) -> ModelPredictions:
    """The predictions of the newest finished training; empty if its files cannot be used."""
    stamp = newest_stamp(runs)
    if stamp is None:
        return ModelPredictions()
    folder, predicted, _ = stamp
    try:
        target, found = read_coco(folder / run_folder.TARGET), read_predicted(predicted)
    except DataError:
        return ModelPredictions(stamp=stamp)
    positive = bool((np.linalg.det(found.covariance) > 0).all())
    if found.landmark_ids != target.definition.ids or not found.final or not positive:
        return ModelPredictions(stamp=stamp)
    radius90 = LAPLACIAN.radius(0.9) if found.radius90 is None else found.radius90
    labels = {sample.face_id: sample.annotation for sample in target.samples if sample.annotation is not None}
    faces = {
        face: (
            np.where(labels[face].labeled[:, None], labels[face].points, np.nan),
            ModelPrediction(found.points[k], found.covariance[k], radius90),
        )
        for k, face in enumerate(found.face_ids)
        if face in labels
    }
    return ModelPredictions(found.landmark_ids, faces, stamp)
