"""What the newest finished training says of the faces that it was given with labels, read from its folder."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeler.analysis.model_disagreement import ModelWord
from mdmd import run_folder
from mdmd.evaluation.error_law import LAPLACIAN

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ModelWords:
    """By face: the labels (N, 2) that a run has learned from, NaN where there were none, and what its model says.

    `ids` are the landmarks, in order; `stamp` is another one after another run.
    """

    ids: tuple[int, ...] = ()
    faces: dict[int, tuple[Array, ModelWord]] = field(default_factory=dict)
    stamp: object = None


def newest_stamp(runs: Path) -> tuple[Path, Path, int] | None:
    """The newest finished training under `runs`, the file with its predictions of labeled faces, and that file's time.

    `labeled.json` has all faces, `heldout.json` those that it did not learn from. None where it has left neither.
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


def read_words(runs: Path) -> ModelWords:
    """Raises nothing: a run whose files cannot be used says nothing."""
    stamp = newest_stamp(runs)
    if stamp is None:
        return ModelWords()
    folder, predicted, _ = stamp
    try:
        target, words = _json(folder / run_folder.TARGET), _json(predicted)
        ids = tuple(target["categories"][0]["landmark_ids"])
        if ids != tuple(words["categories"][0]["landmark_ids"]) or words["info"].get("final") is False:
            return ModelWords(stamp=stamp)
        radius90 = float(words["info"].get("radius90", LAPLACIAN.radius(0.9)))
        labels = {record["id"]: _places(record) for record in target["annotations"]}
        faces = {
            record["id"]: (labels[record["id"]], _word(record, radius90))
            for record in words["annotations"]
            if record["id"] in labels
        }
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        return ModelWords(stamp=stamp)
    return ModelWords(ids, faces, stamp)


def _places(record: dict[str, Any]) -> Array:
    table = np.array(record["keypoints"], dtype=float).reshape(-1, 3)
    return np.where(table[:, 2:] > 0, table[:, :2], np.nan)


def _word(record: dict[str, Any], radius90: float) -> ModelWord:
    sxx, sxy, syy = np.array(record["attributes"]["covariance"], dtype=float).T
    covariances = np.stack([np.stack([sxx, sxy], -1), np.stack([sxy, syy], -1)], -2)
    means = _places(record)
    if covariances.shape != (len(means), 2, 2) or not (np.linalg.det(covariances) > 0).all():
        raise ValueError("covariances that are none")
    return ModelWord(means, covariances, radius90)


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
