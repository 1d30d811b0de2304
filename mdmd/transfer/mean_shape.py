"""The mean shape of the labeled faces in their boxes, for faces that the base does not see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mdmd.data.records import Box
from mdmd.transfer.weights import Array, Complex

#: The deviation that is expected before any face is labeled, as a share of the box, and how many faces it counts for.
EXPECTED, COUNTS = 0.1, 4.0
#: For how many faces the deviation of all landmarks counts in that of one.
POOLED = 10.0


@dataclass(frozen=True, eq=False)
class MeanShape:
    """N landmarks in units of the box: `mean` (N,) from its top-left corner, and `deviation` (N,) of either coordinate.

    A landmark that no face has is expected in the middle, anywhere in the box.
    """

    mean: Complex
    deviation: Array

    def place(self, boxes: Sequence[Box]) -> tuple[Complex, Array]:
        """The points (F, N) and covariances (F, N, 2, 2), in pixels, in the boxes of F faces."""
        w, h = (np.array([getattr(box, side) for box in boxes])[:, None] for side in "wh")
        corner = np.array([complex(box.x, box.y) for box in boxes])[:, None]
        points = corner + w * self.mean.real + 1j * h * self.mean.imag
        covariance = np.zeros((*points.shape, 2, 2))
        covariance[..., 0, 0] = (w * self.deviation) ** 2
        covariance[..., 1, 1] = (h * self.deviation) ** 2
        return points, covariance


def in_boxes(points: Complex, boxes: Sequence[Box]) -> Complex:
    """Points (K, N) in pixels in units of their boxes."""
    w, h = (np.array([getattr(box, side) for box in boxes])[:, None] for side in "wh")
    from_corner = points - np.array([complex(box.x, box.y) for box in boxes])[:, None]
    return from_corner.real / w + 1j * from_corner.imag / h


def mean_shape(points: Complex, boxes: Sequence[Box]) -> MeanShape:
    """The mean shape of faces with labels `points` (K, N) in pixels, NaN for none, in their boxes."""
    placed = in_boxes(points, boxes)
    labeled = ~np.isnan(placed.real)
    count = labeled.sum(axis=0)
    mean = np.where(count > 0, np.where(labeled, placed, 0).sum(axis=0) / np.maximum(count, 1), 0.5 + 0.5j)
    squares = np.where(labeled, np.abs(placed - mean) ** 2 / 2, 0).sum(axis=0)
    freedom = np.maximum(count - 1, 0)
    pool = (COUNTS * EXPECTED**2 + squares.sum() / max(len(count), 1)) / (COUNTS + freedom.mean())
    variance = (POOLED * pool + squares) / (POOLED + freedom)
    deviation = np.sqrt(variance * (1 + 1 / np.maximum(count, 1)))
    return MeanShape(mean, np.where(count > 0, deviation, 0.5))


def left_out_distances(points: Complex, boxes: Sequence[Box]) -> Array:
    """The distance (K, N), in pixels, of each label from where the mean shape of the other faces has it."""
    placed = in_boxes(points, boxes)
    labeled = ~np.isnan(placed.real)
    known = np.where(labeled, placed, 0)
    # The mean of the others is that of all without the own one: faces can be many.
    others = labeled.sum(axis=0) - labeled
    mean = np.where(others > 0, (known.sum(axis=0) - known) / np.maximum(others, 1), 0.5 + 0.5j)
    w, h = (np.array([getattr(box, side) for box in boxes])[:, None] for side in "wh")
    off = mean - placed
    return np.hypot(w * off.real, h * off.imag)
