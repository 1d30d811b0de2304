"""Boxes, annotations, samples, datasets and predictions. numpy only.

Coordinates are pixels of the upright image, x right, y down; (0, 0) is the top-left corner of the
top-left pixel. Left and right are image-left and image-right. Visibility is COCO's: 0 not labeled,
1 labeled but hidden, 2 visible.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mdmd.data.definition import Definition

Points = NDArray[np.float64]

#: The split of faces that a training only measures and calibrates on, instead of a random share of the split "train".
HELDOUT_SPLIT = "heldout"


@dataclass(frozen=True)
class Box:
    """The box of a face in pixels: top-left corner, width and height."""

    x: float
    y: float
    w: float
    h: float


@dataclass(frozen=True, eq=False)
class Annotation:
    """The labels of one face: `points` (N, 2) in pixels and COCO `visibility` (N,).

    A point with visibility 0 is not labeled; its coordinates have no meaning.
    """

    points: Points
    visibility: NDArray[np.int64]

    @property
    def labeled(self) -> NDArray[np.bool_]:
        return self.visibility > 0


@dataclass(frozen=True, eq=False)
class Sample:
    """One face of an image. `annotation` is None if the face is not labeled.

    `unseen`: some labels are predictions that were accepted without review. Such a face is used for training but not
    for evaluation, which would compare a model with a model.
    """

    path: Path
    file_name: str
    width: int
    height: int
    box: Box
    annotation: Annotation | None = None
    split: str = "train"
    group: str = ""
    image_id: int = 0
    face_id: int = 0
    unseen: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def subsets(self) -> tuple[str, ...]:
        """Names of subsets of its split that the face belongs to: its own, and the subset and style of its image."""
        named = (self.extra[key] for key in ("subset", "style") if key in self.extra)
        return (*self.extra.get("subsets", ()), *map(str, named))


@dataclass(frozen=True, eq=False)
class Dataset:
    """Faces of one definition under a name, which is also the name of the model's head.

    `license` is what the file says of its licenses, None if it says nothing.
    """

    name: str
    definition: Definition
    samples: tuple[Sample, ...]
    license: str | None = None

    def split(self, *names: str) -> tuple[Sample, ...]:
        return tuple(s for s in self.samples if s.split in names)

    def labeled(self, *names: str) -> tuple[Sample, ...]:
        """The faces of these splits that have a label."""
        return tuple(s for s in self.split(*names) if s.annotation is not None)


@dataclass(frozen=True)
class ScoredPoint:
    """A point of another model in pixels, with its score from 0 to 1; None if it tells none."""

    x: float
    y: float
    score: float | None = None


@dataclass(frozen=True, eq=False)
class Prediction:
    """A model's output for one face in image pixels: `points` (N, 2) and `covariance` (N, 2, 2).

    The covariance is the network's, or calibrated after `Calibration.apply`. A prediction is a type of its own on
    purpose: only a person's edit turns it into an annotation.
    """

    points: Points
    covariance: Points
