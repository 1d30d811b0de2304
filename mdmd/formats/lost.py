"""What writers of several formats need: where images go, and counts of what a format cannot keep."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import PurePosixPath

import numpy as np

from mdmd.errors import DataError
from mdmd.formats.images import parts_of
from mdmd.formats.labels import Face, Image, LabelSet


class Places:
    """Gives every image of a set a place of its own below a folder, by its name.

    With `stems` two images also differ in their names without the ending, because the files of their labels do.
    """

    def __init__(self, *, stems: bool = False) -> None:
        self._stems = stems
        self._taken = set[str]()

    def of(self, image: Image) -> PurePosixPath:
        """A place that no image had before: its name, with a number if that is taken. Raises DataError."""
        return self.free(name_of(image))

    def free(self, wanted: PurePosixPath) -> PurePosixPath:
        """`wanted`, or the first of its names with a number that is free."""
        place, number = wanted, 1
        while not self.take(place):
            number += 1
            place = wanted.with_name(f"{wanted.stem}-{number}{wanted.suffix}")
        return place

    def take(self, place: PurePosixPath) -> bool:
        """Whether `place` was free; it is taken now."""
        free = self._key(place) not in self._taken
        self._taken.add(self._key(place))
        return free

    def _key(self, place: PurePosixPath) -> str:
        return str(place.with_suffix("") if self._stems else place).casefold()


def name_of(image: Image) -> PurePosixPath:
    """The name of an image as a path that leads out of no folder. Raises DataError."""
    parts = parts_of(image.name)
    if not parts:
        raise DataError(f"found the picture name {image.name!r}, wanted the name of a file")
    return PurePosixPath(*parts)


_OF_FACES: Mapping[str, Callable[[Face], int]] = {
    "hidden": lambda face: int(np.count_nonzero(face.visibility == 1)),
    "absent": lambda face: 0 if face.absent is None else int(np.count_nonzero(face.absent)),
    "not labeled": lambda face: int(np.count_nonzero(unlabeled(face))),
    "box": lambda face: face.box is not None,
    "scores": lambda face: face.scores is not None,
    "predicted": lambda face: face.predicted,
    "face subject": lambda face: face.subject is not None,
}
_OF_IMAGES: Mapping[str, Callable[[Image], int]] = {
    "split": lambda image: image.split is not None,
    "subject": lambda image: image.subject is not None,
}
_OF_SETS: Mapping[str, Callable[[LabelSet], int]] = {
    "mirror": lambda labels: sum(k < other for k, other in enumerate(labels.mirror or ())),
    "edges": lambda labels: len(labels.edges),
    "names": lambda labels: len(labels.landmarks),
    "groups": lambda labels: 0 if labels.definition is None else len(labels.landmarks),
}


def lost(labels: LabelSet, *kinds: str) -> dict[str, int]:
    """How many things of each kind, a key of LOSSES, the images and faces of `labels` have."""
    counts = dict[str, int]()
    for kind in kinds:
        if kind in _OF_SETS:
            count = _OF_SETS[kind](labels)
        elif kind in _OF_IMAGES:
            count = sum(_OF_IMAGES[kind](image) for image in labels.images)
        else:
            count = sum(_OF_FACES[kind](face) for image in labels.images for face in image.faces)
        counts[kind.replace(" ", "_")] = int(count)
    return counts


def unlabeled(face: Face) -> np.ndarray:
    """Which points (N,) of a face have no label and are not said to be absent."""
    free = face.visibility == 0
    return free if face.absent is None else free & ~face.absent


def has_label(face: Face) -> bool:
    """Whether a point of the face is labeled."""
    return bool((face.visibility > 0).any())
