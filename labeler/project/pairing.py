"""Which face of a picture is which: those of a file, and those that the picture has."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import numpy as np

from mdmd.data.records import Box

#: Coordinates in pixels by landmark id.
Places = Mapping[int, tuple[float, float]]
#: Faces whose points are this far apart on average, as a share of the face's longer side, are different ones.
APART = 0.5
T = TypeVar("T")


def by_points(faces: Sequence[Places], there: Sequence[Places]) -> list[int | None]:
    """For each of `faces` the index of the one in `there` that it is, by the distance of its points; None for none."""
    return _closest(faces, there, _distance, APART)


def by_box(faces: Sequence[Box], there: Sequence[Box]) -> list[int | None]:
    """For each of `faces` the index of the one in `there` whose box is most like its own; None if they do not meet."""
    return _closest(faces, there, lambda one, other: 1 - _overlap(one, other), 1.0)


def _closest(
    faces: Sequence[T], there: Sequence[T], distance: Callable[[T, T], float], limit: float
) -> list[int | None]:
    """Pairs of the smallest distance first, below `limit`."""
    found: list[int | None] = [None] * len(faces)
    pairs = ((distance(face, other), k, j) for k, face in enumerate(faces) for j, other in enumerate(there))
    for _, k, j in sorted(pair for pair in pairs if pair[0] < limit):
        if found[k] is None and j not in found:
            found[k] = j
    return found


def _distance(one: Places, other: Places) -> float:
    """The mean distance of the points that both have, as a share of the longer side of the box around `other`."""
    both = one.keys() & other.keys()
    if not both:
        return float("inf")
    off = np.array([one[key] for key in both]) - np.array([other[key] for key in both])
    size = float(np.ptp(np.array(list(other.values())), axis=0).max())
    return float(np.linalg.norm(off, axis=1).mean()) / max(size, 1.0)


def _overlap(one: Box, other: Box) -> float:
    """The intersection over union of two boxes."""
    w = min(one.x + one.w, other.x + other.w) - max(one.x, other.x)
    h = min(one.y + one.h, other.y + other.h) - max(one.y, other.y)
    common = max(w, 0.0) * max(h, 0.0)
    return common / (one.w * one.h + other.w * other.h - common)
