"""The records of the store: pictures, faces, points, predictions, definitions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mdmd.data.records import Annotation, Box
from mdmd.evaluation.error_law import LAPLACIAN

#: The radius of the Laplacian, for predictions of runs that do not tell theirs.
RADIUS90 = LAPLACIAN.radius(0.9)


@dataclass(frozen=True)
class Picture:
    """A picture of the project. `file_name` is its name under images/.

    `name` is what it was called where it comes from: its path below the folder that was added, or its file's name. It
    is shown and exported, never opened.
    """

    id: int
    file_name: str
    name: str
    width: int
    height: int
    sha256: str
    split: str
    subject: str


@dataclass(frozen=True)
class RemovedPicture:
    """A picture that was removed `at` a time in Unix seconds, with so many `labels`.

    `file_name` is the name that its file had under images/, and `file_sha256` that file's digest, None if not recorded.
    """

    id: int
    file_name: str
    name: str
    sha256: str
    at: float
    file_sha256: str | None
    labels: int


@dataclass(frozen=True)
class Face:
    """A face of a picture. `revision` is the id of its newest action, `skip` the reason for skipping it, or None.

    A blind repeat has the id of the repeated face in `repeat_of`; for other faces it is None.
    """

    id: int
    image_id: int
    box: Box
    revision: int
    skip: str | None = None
    repeat_of: int | None = None


@dataclass(frozen=True)
class Point:
    """A label in pixels with COCO visibility `v` (0: absent, x and y are None). `source` tells how it came about."""

    x: float | None
    y: float | None
    v: int
    source: str = "placed"


@dataclass(frozen=True)
class PredictedPoint:
    """A model's mean and covariance (sxx, sxy, syy) in pixels.

    `p_off` is the probability of being off by more than the tolerance. `radius90` is the Mahalanobis radius of the
    ellipse that contains the true point with a probability of 90 %.
    """

    x: float
    y: float
    cov: tuple[float, float, float]
    p_off: float
    flagged: bool
    radius90: float = RADIUS90


#: The source of labels that were placed on the reference picture of the Schema page.
REFERENCE = "reference"
#: The source of labels that were places expected from other faces, and that a person took.
STARTED = "started"
#: Sources of labels that were predictions: looked at and accepted, accepted with the rest of a face that was looked at
#: although they were not in doubt, or accepted unseen in a batch.
ACCEPTED, ACCEPTED_REST, UNSEEN = "accepted", "accepted_rest", "accepted_unseen"


@dataclass(frozen=True)
class Batch:
    """A batch of predictions accepted unseen. `faces` and `points` count the labels that are still unseen."""

    id: int
    at: float
    annotator: str | None
    faces: int
    points: int


@dataclass(frozen=True)
class SavedDefinition:
    """A version of the definition: its COCO category, its reference picture with points, and when it was saved."""

    version: int
    category: dict[str, Any]
    reference: dict[str, Any] | None
    at: float = 0.0


def true_within(point: Point, tolerance: float) -> float:
    """How far in pixels the true place may be from the label `point`, where errors above `tolerance` are corrected.

    0 where a person placed it, infinite where no person looked at the point by itself.
    """
    if point.source in (ACCEPTED_REST, UNSEEN):
        return math.inf
    return tolerance if point.source in (ACCEPTED, STARTED) else 0.0


def point_of(row: Mapping[str, Any]) -> Point | None:
    return None if row["v"] is None else Point(row["x"], row["y"], row["v"], row["source"])


def annotation_of(points: Mapping[int, Point], ids: Sequence[int]) -> Annotation:
    """The labels of the landmarks `ids` of one face, in their order."""
    places = np.zeros((len(ids), 2))
    visibility = np.zeros(len(ids), dtype=np.int64)
    for k, key in enumerate(ids):
        point = points.get(key)
        if point and point.x is not None and point.y is not None:
            places[k] = point.x, point.y
            visibility[k] = point.v
    return Annotation(places, visibility)
