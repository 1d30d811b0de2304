"""The predictions of a training for its held-out faces, read from the run's folder."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from labeler.html.markup import plural
from labeler.project.project import Project
from labeler.runs.control import list_runs
from mdmd import run_folder
from mdmd.data.coco import read_coco
from mdmd.data.definition import Definition
from mdmd.data.records import Annotation, Sample
from mdmd.errors import DataError
from mdmd.evaluation import metrics
from mdmd.evaluation.error_law import Array, RadialLaw
from mdmd.evaluation.evaluate import distances_of
from mdmd.evaluation.metrics import FEWEST_FACES
from mdmd.evaluation.predictions import read_predicted

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class HeldOut:
    """The labels of B held-out faces with N landmarks in `samples`, and the model's predictions of them.

    `points` (B, N, 2) and `covariance` (B, N, 2, 2) are in pixels, `p_off` and `flagged` (B, N). `law` gives the radius
    of the ellipses. While the run trains, `final` is False, the covariances are not calibrated, and `step` is the step
    of the predictions; after calibration `step` is None.
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
        """Labeled points (B, N, 2) in pixels; the values of unlabeled points have no meaning."""
        return np.stack([annotation.points for annotation in self._annotations])

    @property
    def labeled(self) -> Mask:
        """Which landmarks have a label (B, N)."""
        return np.stack([annotation.labeled for annotation in self._annotations])

    @cached_property
    def distance(self) -> Array:
        """The normalizing distance (B,) of each face in pixels, measured on its labels."""
        return distances_of(self.definition, self.samples)

    @cached_property
    def errors(self) -> Array:
        """The error of each point (B, N) as a share of the face's normalizing distance; NaN without a label."""
        return metrics.point_errors(self.points, self.truth, self.labeled, self.distance)

    @cached_property
    def radii(self) -> Array:
        """The Mahalanobis radius of each label (B, N); NaN without a label."""
        offset = np.where(self.labeled[..., None], self.points - self.truth, np.nan)
        return metrics.mahalanobis(offset, self.covariance)

    @property
    def _annotations(self) -> list[Annotation]:
        return [sample.annotation for sample in self.samples if sample.annotation is not None]


def rough_sentence(faces: int) -> str:
    """What the doubt is worth that was measured on so many held-out faces; empty where they are enough."""
    if faces >= FEWEST_FACES:
        return ""
    return (
        f"Doubt is measured on {plural(faces, 'held-out face')} only, so ellipses and flags are rough until there are "
        f"{FEWEST_FACES}."
    )


class Learned(NamedTuple):
    """The number of the user's faces that a training learned from, and its seconds.

    `steps` and `batch_size`, the faces of a step, are None where an older training does not say them.
    """

    faces: int
    seconds: float
    steps: int | None = None
    batch_size: int | None = None


def read_learned(folder: Path) -> Learned | None:
    """What the training in `folder` learned from; None if its model.json does not say."""
    model = run_folder.read_model(folder)
    if model is None or model.target not in model.history.faces:
        return None
    made = model.history
    return (
        None if made.seconds is None else Learned(made.faces[model.target], made.seconds, made.steps, made.batch_size)
    )


def read_heldout(folder: Path, *, target: Path | None = None) -> HeldOut | None:
    """The predictions of the run in `folder` for its held-out faces; None without any yet.

    `target` is the file with the labels, by default target.json in the folder. Raises DataError for a damaged file and
    for predictions of other faces or landmarks than those of `target`.
    """
    path = folder / run_folder.HELDOUT
    if not path.is_file():
        return None
    found = read_predicted(path)
    if not found.face_ids:
        return None
    dataset = read_coco(target or folder / run_folder.TARGET)
    labeled = {sample.face_id: sample for sample in dataset.samples if sample.annotation is not None}
    strangers = [face for face in found.face_ids if face not in labeled]
    if strangers:
        raise DataError(f"{path}: face {strangers[0]} is not among the labeled faces of {run_folder.TARGET}")
    if found.landmark_ids != dataset.definition.ids or found.law is None:
        raise DataError(f"{path} does not belong to {run_folder.TARGET}: its landmarks differ, or it has no error law")
    return HeldOut(
        dataset.definition,
        tuple(labeled[face] for face in found.face_ids),
        points=found.points,
        covariance=found.covariance,
        p_off=found.p_off,
        flagged=found.flagged,
        law=found.law,
        final=found.final,
        step=found.step,
    )


def held_out_of_newest(project: Project) -> frozenset[int]:
    """The faces that the newest training held out. Raises DataError if there is none."""
    for run in sorted(list_runs(project), key=lambda run: int(run.id), reverse=True):
        file = run.folder / run_folder.HELDOUT
        if run.kind == "train" and run.metrics is not None and file.is_file():
            return frozenset(read_predicted(file).face_ids)
    raise DataError("no training of this project has held out faces: train first, or name shares")
