"""Boxes of faces, and how they lie around landmarks. numpy only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from mdmd.data.definition import Definition
from mdmd.data.records import Box, Points, Sample


def box_scale(samples: Sequence[Sample]) -> float | None:
    """How much longer the boxes of labeled faces are than their points' own: the median; None where no face tells.

    Only faces with most of their landmarks labeled tell.
    """
    ratios = []
    for sample in samples:
        if sample.annotation is None or sample.annotation.labeled.mean() <= 0.5:
            continue
        own = box_of_points(sample.annotation.points[sample.annotation.labeled])
        if max(own.w, own.h) > 0:
            ratios.append(max(sample.box.w, sample.box.h) / max(own.w, own.h))
    return round(float(np.median(ratios)), 3) if ratios else None


#: How much longer than the labels' own a box is that nobody has drawn.
BOX_SCALE = 1.3


def boxed_by_labels(sample: Sample) -> Sample:
    """`sample` with a box around its labels if its own is the whole picture and most landmarks are labeled.

    Nobody has drawn such a box, and a face fills its crop better without the rest of the picture; `mdmd predict
    --find-boxes` looks for the faces without labels in the same way.
    """
    labels = sample.annotation
    if labels is None or labels.labeled.mean() <= 0.5:
        return sample
    picture = (sample.width, sample.height)
    return replace(sample, box=box_to_learn(sample.box, picture, labels.points[labels.labeled]))


def box_to_learn(box: Box, picture: tuple[int, int], points: Points) -> Box:
    """`box`, or one around these labels (N, 2) where it is the whole of a picture of this width and height."""
    if (box.x, box.y, box.w, box.h) != (0, 0, *picture):
        return box
    around = box_of_points(points, margin=(BOX_SCALE - 1) / 2)
    return around if min(around.w, around.h) > 0 else box


def normalizing_distance(definition: Definition, points: Points, box: Box) -> float:
    """The length that errors are divided by, in pixels: between the normaliser's two ends, or sqrt(w h).

    `points` (N, 2). Ends that are missing (NaN) or coincide fall back on the box, so the result is positive.
    """
    if definition.normalizer is not None:
        a, b = (points[list(end)].mean(axis=0) for end in definition.normalizer)
        distance = float(np.hypot(*(a - b)))
        if distance > 0:  # False for NaN too
            return distance
    return max(float(np.sqrt(max(box.w, 0.0) * max(box.h, 0.0))), 1.0)


def box_of_points(points: Iterable[Iterable[float]], *, margin: float = 0.0) -> Box:
    """The tight box of `points` (N, 2), grown by `margin` of its longer side on every side."""
    p = np.asarray(list(points), dtype=np.float64)
    low, high = p.min(axis=0), p.max(axis=0)
    grow = margin * float((high - low).max())
    (x, y), (w, h) = low - grow, high - low + 2 * grow
    return Box(float(x), float(y), float(w), float(h))
