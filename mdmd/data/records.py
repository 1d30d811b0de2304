"""The nouns of the method: definitions, boxes, annotations, samples, predictions. numpy only.

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


@dataclass(frozen=True)
class Box:
    """A face's box in pixels: top-left corner, width, height."""

    x: float
    y: float
    w: float
    h: float


@dataclass(frozen=True, eq=False)
class Annotation:
    """What a person said of one face: `points` (N, 2) in pixels and COCO `visibility` (N,).

    A point of visibility 0 is not labeled and its coordinates mean nothing.
    """

    points: Points
    visibility: NDArray[np.int64]

    @property
    def labeled(self) -> NDArray[np.bool_]:
        return self.visibility > 0


@dataclass(frozen=True, eq=False)
class Sample:
    """One face of one picture. `annotation` is None where nobody has labeled yet.

    `unseen`: some of its labels are predictions that were accepted without a look. Such a face is learned from, but a
    model that is measured on it is measured on what a model said.
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
        """Names that pick this face out of its split: `extra`'s subsets, and the subset and style of its picture."""
        named = (self.extra[key] for key in ("subset", "style") if key in self.extra)
        return (*self.extra.get("subsets", ()), *map(str, named))


@dataclass(frozen=True, eq=False)
class Dataset:
    """Faces of one definition under one name; the name is also the name of the model's head."""

    name: str
    definition: Definition
    samples: tuple[Sample, ...]

    def split(self, *names: str) -> tuple[Sample, ...]:
        return tuple(s for s in self.samples if s.split in names)


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a model said of one face, in image pixels: `points` (N, 2) and `covariance` (N, 2, 2), the network's own or,
    after `Calibration.apply`, calibrated.

    Its own type on purpose: a prediction never becomes an annotation but by a person's edit.
    """

    points: Points
    covariance: Points
