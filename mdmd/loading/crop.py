"""Square face crops: points and covariances to crop coordinates and back, and mirroring. numpy only.

All coordinates are edge coordinates: (0, 0) is the top-left corner of the top-left pixel, so a picture
of width w mirrors x to w - x. A covariance moves with the linear part of the map that moves its point.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mdmd.data.records import Box, Points


@dataclass(frozen=True)
class Crop:
    """A square of `side` image pixels with its top-left corner at (x, y), shown at `size` pixels.

    The square may extend beyond the image.
    """

    x: float
    y: float
    side: float
    size: int

    @property
    def scale(self) -> float:
        """Crop pixels per image pixel."""
        return self.size / self.side

    def to_crop(self, points: Points) -> Points:
        """Image pixels (..., 2) to crop pixels."""
        return (np.asarray(points, dtype=np.float64) - (self.x, self.y)) * self.scale

    def to_image(self, points: Points) -> Points:
        """Crop pixels (..., 2) to image pixels."""
        return np.asarray(points, dtype=np.float64) / self.scale + (self.x, self.y)

    def covariance_to_image(self, covariance: Points) -> Points:
        """Covariances (..., 2, 2) in square crop pixels to square image pixels."""
        return np.asarray(covariance, dtype=np.float64) / self.scale**2


def face_crop(box: Box, *, scale: float, size: int) -> Crop:
    """The square around the middle of `box` whose side is `scale` times the box's longer side."""
    side = scale * max(box.w, box.h)
    return Crop(box.x + (box.w - side) / 2, box.y + (box.h - side) / 2, side, size)


def mirror_points(points: Points, mirror: Sequence[int], *, width: float) -> Points:
    """The landmarks (N, 2) of the mirrored image, for an image of `width` pixels.

    Landmark k of the result is the mirrored landmark `mirror[k]`: the left eye of a mirrored face is the former right
    eye.
    """
    flipped = np.asarray(points, dtype=np.float64)[..., list(mirror), :].copy()
    flipped[..., 0] = width - flipped[..., 0]
    return flipped


def mirror_covariance(covariance: Points, mirror: Sequence[int]) -> Points:
    """The covariances (N, 2, 2) of the mirrored image: the off-diagonal terms change sign."""
    flipped = np.asarray(covariance, dtype=np.float64)[..., list(mirror), :, :].copy()
    flipped[..., 0, 1] *= -1
    flipped[..., 1, 0] *= -1
    return flipped
