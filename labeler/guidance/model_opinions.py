"""The predictions of the newest finished training for its labeled faces, read from the run's folder."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeler.analysis.model_disagreement import ModelPrediction
from mdmd import run_folder
from mdmd.evaluation.error_law import LAPLACIAN

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
    for folder in sorted((p for p in runs.glob("[0-9]*") if p.name.isdigit()), key=lambda p: int(p.name), reverse=True):
        training = _json(folder / run_folder.RECORD).get("kind") == "train"  # a learning curve has a target.json too
        if (
            not training
            or not (folder / run_folder.TARGET).is_file()
            or _json(folder / run_folder.EXIT).get("code") != 0
        ):
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
        target, found = _json(folder / run_folder.TARGET), _json(predicted)
        ids = tuple(target["categories"][0]["landmark_ids"])
        if ids != tuple(found["categories"][0]["landmark_ids"]) or found["info"].get("final") is False:
            return ModelPredictions(stamp=stamp)
        radius90 = float(found["info"].get("radius90", LAPLACIAN.radius(0.9)))
        labels = {record["id"]: _places(record) for record in target["annotations"]}
        faces = {
            record["id"]: (labels[record["id"]], _prediction(record, radius90))
            for record in found["annotations"]
            if record["id"] in labels
        }
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        return ModelPredictions(stamp=stamp)
    return ModelPredictions(ids, faces, stamp)


def _places(record: dict[str, Any]) -> Array:
    table = np.array(record["keypoints"], dtype=float).reshape(-1, 3)
    return np.where(table[:, 2:] > 0, table[:, :2], np.nan)


def _prediction(record: dict[str, Any], radius90: float) -> ModelPrediction:
    sxx, sxy, syy = np.array(record["attributes"]["covariance"], dtype=float).T
    covariances = np.stack([np.stack([sxx, sxy], -1), np.stack([sxy, syy], -1)], -2)
    means = _places(record)
    if covariances.shape != (len(means), 2, 2) or not (np.linalg.det(covariances) > 0).all():
        raise ValueError("the covariances are not positive definite")
    return ModelPrediction(means, covariances, radius90)


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
