"""What a file of another tool says: images, faces and points by the names of their landmarks. numpy only.

Coordinates are those of `mdmd.data.records`: pixels of the upright image, from the top-left corner of its first pixel.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mdmd.data.definition import Definition
from mdmd.data.records import Box, Points


@dataclass(frozen=True, eq=False)
class Face:
    """One face: `points` (N, 2) and COCO `visibility` (N,), in the order of the set's landmarks.

    A point with visibility 0 is not labeled and lies at (0, 0), unless it is in `absent` (N,): a person said that the
    landmark cannot be seen. `box` is None if the file has none. `predicted` says that a model made the points, with
    `scores` (N,) from 0 to 1 where the file has them. `subject` names the person or animal. `extra` is what a file says
    beyond that, by its own keys.
    """

    points: Points
    visibility: NDArray[np.int64]
    box: Box | None = None
    absent: NDArray[np.bool_] | None = None
    predicted: bool = False
    scores: NDArray[np.float64] | None = None
    subject: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Image:
    """One image: its `name` as the file has it, and the `path` where it was found, None if it was not.

    `size` is width and height in pixels, where the file tells them. `split` and `subject` are None if it does not.
    """

    name: str
    path: Path | None
    faces: tuple[Face, ...] = ()
    size: tuple[int, int] | None = None
    split: str | None = None
    subject: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class LeftOut:
    """A record that could not be understood: which one, and why. The others were read."""

    record: str
    why: str


@dataclass(frozen=True, eq=False)
class LabelSet:
    """All that was read from a file or folder, or that is to be written.

    `edges` are pairs of landmark indices. `mirror[k]` is the landmark that k becomes in a mirrored image; None if the
    file does not tell. `definition` is there if the file tells groups as well. `changes` are sentences about what was
    read otherwise than it stands in the file, such as "3 points with visibility 3 are read as visible".
    """

    landmarks: tuple[str, ...]
    images: tuple[Image, ...]
    edges: tuple[tuple[int, int], ...] = ()
    mirror: tuple[int, ...] | None = None
    definition: Definition | None = None
    left_out: tuple[LeftOut, ...] = ()
    changes: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def faces(self) -> int:
        return sum(len(image.faces) for image in self.images)


@dataclass(frozen=True)
class Loss:
    """Something that a format cannot keep: a key of `LOSSES`, and how many things it concerns in a set."""

    kind: str
    count: int

    @property
    def words(self) -> str:
        """The loss as a sentence without its end: "12 hidden points become visible"."""
        one, many = LOSSES[self.kind]
        return (one if self.count == 1 else many).format(f"{self.count:,}")


#: What formats lose: a sentence for one thing, and for several.
LOSSES: Mapping[str, tuple[str, str]] = {
    "hidden": ("{} hidden point becomes visible", "{} hidden points become visible"),
    "absent": ("{} point that is absent becomes one without a label", "{} points that are absent become unlabeled"),
    "not labeled": (
        "{} point without a label cannot be told from one that is absent",
        "{} points without a label cannot be told from absent ones",
    ),
    "rounded": ("{} point is rounded to whole pixels", "{} points are rounded to whole pixels"),
    "box": ("the box of {} face is left out", "the boxes of {} faces are left out"),
    "face": ("{} face is left out", "{} faces are left out"),
    "beside": (
        "{} predicted face stands beside labels, and an import here does not read it",
        "{} predicted faces stand beside labels, and an import here does not read them",
    ),
    "empty image": ("{} picture without a face is left out", "{} pictures without a face are left out"),
    "outside": ("{} point outside its picture is left out", "{} points outside their pictures are left out"),
    "clipped": (
        "{} point outside its picture is moved to its border",
        "{} points outside their pictures are moved to the border",
    ),
    "split": ("the split of {} picture is left out", "the splits of {} pictures are left out"),
    "other split": (
        "the split of {} picture, which is none of train, val and test, becomes train",
        "the splits of {} pictures, which are none of train, val and test, become train",
    ),
    "subject": ("the subject of {} picture is left out", "the subjects of {} pictures are left out"),
    "mirror": ("{} mirror pair is left out", "{} mirror pairs are left out"),
    "edges": ("{} edge is left out", "{} edges are left out"),
    "names": ("the name of {} landmark is left out", "the names of {} landmarks are left out"),
    "groups": ("the group of {} landmark is left out", "the groups of {} landmarks are left out"),
    "image extra": ("what came with {} picture is left out", "what came with {} pictures is left out"),
    "face extra": ("what came with {} face is left out", "what came with {} faces is left out"),
    "symmetric": (
        "that all landmarks lie on the middle line is left out",
        "that all landmarks lie on the middle line is left out",
    ),
    "normalizer": (
        "the distance that errors are divided by is left out",
        "the distance that errors are divided by is left out",
    ),
    "ids": ("the id of {} landmark is left out", "the ids of {} landmarks are left out"),
    "version": ("the version is left out", "the version is left out"),
    "definition name": ("the name of the definition is left out", "the name of the definition is left out"),
    "scores": ("the score of {} face is left out", "the scores of {} faces are left out"),
    "face subject": ("the subject of {} face is left out", "the subjects of {} faces are left out"),
    "predicted": (
        "{} face that a model labeled becomes one that a person labeled",
        "{} faces that a model labeled become ones that a person labeled",
    ),
}
