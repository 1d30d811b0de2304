"""What the store takes and gives: pictures, faces, points, predictions, definitions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mdmd.data.records import Box
from mdmd.evaluation.error_law import LAPLACIAN

#: The Laplacian's, for predictions that do not say how far their ellipses reach.
RADIUS90 = LAPLACIAN.radius(0.9)


@dataclass(frozen=True)
class Picture:
    """A picture of the project; `file_name` is its name under images/, `name` what the user called it."""

    id: int
    file_name: str
    name: str
    width: int
    height: int
    sha256: str
    split: str
    subject: str


@dataclass(frozen=True)
class Face:
    """A face of a picture. `revision` is the id of its newest action, `skip` why it is left out (None: it is not).

    `repeat_of` is the face that this one shows again blind; None for every other face.
    """

    id: int
    image_id: int
    box: Box
    revision: int
    skip: str | None = None
    repeat_of: int | None = None


@dataclass(frozen=True)
class Point:
    """A label: COCO visibility `v` (0: said to be absent, then x and y are None) and how it came about."""

    x: float | None
    y: float | None
    v: int
    source: str = "placed"


@dataclass(frozen=True)
class PredictedPoint:
    """A model's mean and covariance (sxx, sxy, syy) in pixels, with its probability of being off.

    `radius90` is how many standard deviations the ellipse reaches that holds the point with 90 %.
    """

    x: float
    y: float
    cov: tuple[float, float, float]
    p_off: float
    flagged: bool
    radius90: float = RADIUS90


#: Labels that were predictions until a person took them: looked at one by one or face by face, or unseen in a batch.
ACCEPTED, UNSEEN = "accepted", "accepted_unseen"


@dataclass(frozen=True)
class Batch:
    """Predictions of many faces that became labels unseen: when, by whom, and how many of them still are unseen."""

    id: int
    at: float
    annotator: str | None
    faces: int
    points: int


@dataclass(frozen=True)
class SavedDefinition:
    """A version of the project's definition: the COCO category, where its landmarks stand on a picture, when saved."""

    version: int
    category: dict[str, Any]
    reference: dict[str, Any] | None
    at: float = 0.0


def point_of(row: Mapping[str, Any]) -> Point | None:
    return None if row["v"] is None else Point(row["x"], row["y"], row["v"], row["source"])
