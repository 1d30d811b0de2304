"""What a training's model found on the faces that it had not learned from, read back from the run's folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mdmd import run_folder
from mdmd.data.coco import read_coco
from mdmd.data.definition import Definition
from mdmd.data.records import Annotation, Sample
from mdmd.errors import DataError
from mdmd.evaluation import metrics
from mdmd.evaluation.error_law import Array, RadialLaw
from mdmd.evaluation.evaluate import distances_of

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class HeldOut:
    """B held-out faces with N landmarks: their labels in `samples`, and what the model says of them.

    `points` (B, N, 2) and `covariance` (B, N, 2, 2) in pixels, `p_off` and `flagged` (B, N); `law` says how far
    ellipses reach. `final` is False while the run learns: then covariances are not calibrated yet. `step` is None
    after calibration.
    """

    definition: Definition
    samples: tuple[Sample, ...]
    points: Array
    covariance: Array
    p_off: Array
    flagged: Mask
    law: RadialLaw
    final: bool
    step: int | None

    @property
    def truth(self) -> Array:
        """Labeled places (B, N, 2); what is not labeled means nothing."""
        return np.stack([annotation.points for annotation in self._annotations])

    @property
    def labeled(self) -> Mask:
        """Which landmarks have a label (B, N)."""
        return np.stack([annotation.labeled for annotation in self._annotations])

    @cached_property
    def distance(self) -> Array:
        """The normalising distance (B,) of each face in pixels, measured on its labels."""
        return distances_of(self.definition, self.samples)

    @cached_property
    def errors(self) -> Array:
        """How far off each point is (B, N), as a share of the face's normalising distance; NaN without a label."""
        return metrics.point_errors(self.points, self.truth, self.labeled, self.distance)

    @cached_property
    def radii(self) -> Array:
        """How many standard deviations off each label is (B, N); NaN without a label."""
        offset = np.where(self.labeled[..., None], self.points - self.truth, np.nan)
        return metrics.mahalanobis(offset, self.covariance)

    @property
    def _annotations(self) -> list[Annotation]:
        return [sample.annotation for sample in self.samples if sample.annotation is not None]


class Learned(NamedTuple):
    """From how many faces of its target a training has learned, and for how many seconds."""

    faces: int
    seconds: float


def read_learned(folder: Path) -> Learned | None:
    """What the training in `folder` has learned from; None where it does not say."""
    model = run_folder.read_model(folder)
    if model is None or model.history.seconds is None or model.target not in model.history.faces:
        return None
    return Learned(model.history.faces[model.target], model.history.seconds)


def read_heldout(folder: Path, *, target: Path | None = None) -> HeldOut | None:
    """What the run in `folder` says of its held-out faces; None where it says nothing of any face (yet).

    `target` is the file with the labels (by default target.json in the folder). Raises DataError when the two do not
    belong together.
    """
    path = folder / run_folder.HELDOUT
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}") from None
    dataset = read_coco(target or folder / run_folder.TARGET)
    labeled = {sample.face_id: sample for sample in dataset.samples if sample.annotation is not None}
    n = len(dataset.definition.landmarks)
    try:
        records, info = told["annotations"], told["info"]
        if not records:
            return None
        strangers = [record["id"] for record in records if record["id"] not in labeled]
        if strangers:
            raise DataError(f"{path}: face {strangers[0]} is not among the labeled faces of target.json")
        table = np.array([record["keypoints"] for record in records], dtype=np.float64).reshape(len(records), n, 3)
        extras = [record["attributes"] for record in records]
        xx, xy, yy = np.moveaxis(np.array([e["covariance"] for e in extras], dtype=np.float64), -1, 0)
        return HeldOut(
            dataset.definition,
            tuple(labeled[record["id"]] for record in records),
            points=table[..., :2],
            covariance=np.stack([np.stack([xx, xy], -1), np.stack([xy, yy], -1)], -2),
            p_off=np.array([e["p_off"] for e in extras], dtype=np.float64),
            flagged=np.array([e["flagged"] for e in extras], dtype=bool),
            law=RadialLaw(float(info["power"])),
            final=bool(info["final"]),
            step=info.get("step"),
        )
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path} is not what a training writes: {error!r}") from None
