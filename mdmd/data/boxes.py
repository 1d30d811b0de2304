"""Boxes of faces and how they relate to landmarks. numpy only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from mdmd.data.definition import Definition
from mdmd.data.records import Box, Points, Sample


def box_scale(samples: Sequence[Sample]) -> float | None:
    """The median ratio of a face's box to the tight box of its points, by their longer sides.

    Only faces with most landmarks labeled count; None if there are none.
    """
    ratios = []
    for sample in samples:
        if sample.annotation is None or sample.annotation.labeled.mean() <= 0.5:
            continue
        own = box_of_points(sample.annotation.points[sample.annotation.labeled])
        if max(own.w, own.h) > 0:
            ratios.append(max(sample.box.w, sample.box.h) / max(own.w, own.h))
    return round(float(np.median(ratios)), 3) if ratios else None


#: `box_scale` of a box that is made from labels because no box was drawn.
BOX_SCALE = 1.3


def is_whole_picture(box: Box, picture: Sample) -> bool:
    """Whether `box` is all of the sample's picture: then no box was drawn."""
    return (box.x, box.y, box.w, box.h) == (0, 0, picture.width, picture.height)


def boxed_by_labels(sample: Sample) -> Sample:
    """`sample` with a box around its labels, if its box is the whole image and most landmarks are labeled.

    A box of the whole image means that no box was drawn. A box around the labels makes the face fill its crop, as
    `mdmd predict --find-boxes` does for faces without labels.
    """
    labels = sample.annotation
    if labels is None or labels.labeled.mean() <= 0.5:
        return sample
    picture = (sample.width, sample.height)
    return replace(sample, box=box_to_learn(sample.box, picture, labels.points[labels.labeled]))


def box_to_learn(box: Box, picture: tuple[int, int], points: Points) -> Box:
    """`box`, or a box around the labels `points` (N, 2) if `box` is the whole image of size `picture`."""
    if (box.x, box.y, box.w, box.h) != (0, 0, *picture):
        return box
    around = box_of_points(points, margin=(BOX_SCALE - 1) / 2)
    return around if min(around.w, around.h) > 0 else box


def normalizing_distance(definition: Definition, points: Points, box: Box) -> float:
    """The distance in pixels that errors are divided by: between the normalizer's two ends, or sqrt(w h) of the box.

    `points` (N, 2). If an end is missing (NaN) or both coincide, the box is used, so the result is always positive.
    """
    if definition.normalizer is not None:
        a, b = (points[list(end)].mean(axis=0) for end in definition.normalizer)
        distance = float(np.hypot(*(a - b)))
        if distance > 0:  # False for NaN too
            return distance
    return max(float(np.sqrt(max(box.w, 0.0) * max(box.h, 0.0))), 1.0)


def box_of_points(points: Iterable[Iterable[float]], *, margin: float = 0.0) -> Box:
    """The tight box of `points` (N, 2), extended on every side by `margin` times its longer side."""
    p = np.asarray(list(points), dtype=np.float64)
    low, high = p.min(axis=0), p.max(axis=0)
    grow = margin * float((high - low).max())
    (x, y), (w, h) = low - grow, high - low + 2 * grow
    return Box(float(x), float(y), float(w), float(h))
