"""Find the box of a face with the landmark model itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from mdmd.data.boxes import box_of_points
from mdmd.data.records import Box, Prediction, Sample

#: Predicts the points of each sample in its box.
Look = Callable[[Sequence[Sample]], list[Prediction]]

#: The most iterations of the search for a box, and the movement, as a share of the box's longer side, that ends it.
PASSES, STILL = 4, 0.02
#: The search starts from the given box and from its middle, at these shares of its sides.
STARTS = (1.0, 0.7, 0.5)
#: Points whose box is smaller than this, in pixels, are degenerate and show no face.
SMALLEST = 8.0


def find_boxes(look: Look, samples: Sequence[Sample], *, scale: float, passes: int = PASSES) -> list[Sample]:
    """`samples` with the boxes that a model finds, `scale` times as large as the box of the points that it predicts.

    The search starts from each given box (such as the whole image) and from parts of its middle. From each start it
    predicts points and continues with the box around them, up to `passes` times or until the box no longer moves. The
    result is the box with the smallest predicted deviation. benchmarks/RESULTS.md compares found and given boxes.
    """
    ends = [_follow(look, samples, start, scale, passes) for start in STARTS]
    return [min(of_one, key=lambda end: end[1])[0] for of_one in zip(*ends, strict=True)]


def _follow(
    look: Look, samples: Sequence[Sample], start: float, scale: float, passes: int
) -> list[tuple[Sample, float]]:
    """Each sample with the box that the search from the share `start` of its box ends at, and the doubt there."""
    boxes = [_middle(sample.box, start) for sample in samples]
    doubts = [math.inf] * len(boxes)
    moving = list(range(len(boxes)))
    for _ in range(passes):
        into = [replace(samples[k], box=boxes[k]) for k in moving]
        still = []
        for k, seen in zip(moving, look(into), strict=True):
            around = _around(seen, scale)
            doubts[k] = math.inf if around is None else _doubt(seen)
            if around is not None and _moved(boxes[k], around) > STILL:
                still.append(k)
            boxes[k] = around or samples[k].box
        moving = still
    return [(replace(s, box=box), doubt) for s, box, doubt in zip(samples, boxes, doubts, strict=True)]


def _doubt(prediction: Prediction) -> float:
    """The mean predicted standard deviation of the points, divided by the longer side of their box."""
    own = box_of_points(prediction.points)
    return float(np.mean(np.linalg.det(prediction.covariance) ** 0.25)) / max(own.w, own.h)


def _middle(box: Box, zoom: float) -> Box:
    return Box(box.x + box.w * (1 - zoom) / 2, box.y + box.h * (1 - zoom) / 2, box.w * zoom, box.h * zoom)


def _around(prediction: Prediction, scale: float) -> Box | None:
    """The box around the predicted points; None if the points are degenerate."""
    box = box_of_points(prediction.points, margin=(scale - 1) / 2)
    return box if max(box.w, box.h) >= SMALLEST and min(box.w, box.h) > 0 else None


def _moved(old: Box, new: Box) -> float:
    """The largest movement of an edge, as a share of the new box's longer side."""
    edges = (old.x - new.x, old.y - new.y, old.x + old.w - new.x - new.w, old.y + old.h - new.y - new.h)
    return max(map(abs, edges)) / max(new.w, new.h, 1.0)
