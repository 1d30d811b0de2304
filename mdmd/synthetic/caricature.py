"""Caricature: warp an image so that parts of a face swell or shrink, and move its points with it exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from mdmd.synthetic.canvas import Array

CELLS = 16
#: Fixed-point steps of the inverse. Each multiplies the error by at most the steepness, MAX_STEEPNESS or less.
INVERSE_STEPS = 40
MAX_STEEPNESS = 0.6


@dataclass(frozen=True, eq=False)
class Bend:
    """A warp, as the offsets from each place of the warped image to its source in the original image.

    `offsets` (CELLS + 1, CELLS + 1, 2), in shares of the image, are at the corners of a square grid (rows down, columns
    to the right), bilinear in between and zero at the border.
    """

    offsets: Array

    @classmethod
    def sample(cls, rng: np.random.Generator) -> Bend:
        """A random warp with two to five bulges and dents near the middle of the image."""
        line = np.linspace(0, 1, CELLS + 1)
        place = np.stack(np.meshgrid(line, line), axis=-1)
        offsets = np.zeros_like(place)
        for _ in range(int(rng.integers(2, 6))):
            center, radius = rng.uniform(0.25, 0.75, 2), rng.uniform(0.08, 0.25) * np.exp(rng.normal(0, 0.3, 2))
            away = place - center
            near = np.exp(-0.5 * ((away / radius) ** 2).sum(-1, keepdims=True))
            offsets -= rng.normal(0, 1) * near * away
        border = np.minimum(place, 1 - place).min(-1, keepdims=True)
        offsets *= np.clip(border / 0.12, 0, 1)
        return cls(offsets * (rng.uniform(0.15, 1) * MAX_STEEPNESS / (steepness(offsets) + 1e-9)))

    def source(self, points: Array) -> Array:
        """The source of points (N, 2) of the warped image; both in shares of the image."""
        scaled = np.clip(points, 0, 1) * CELLS
        corner = np.minimum(scaled.astype(int), CELLS - 1)
        fx, fy = (scaled - corner).T[:, :, None]
        x, y = corner.T
        top = self.offsets[y, x] * (1 - fx) + self.offsets[y, x + 1] * fx
        bottom = self.offsets[y + 1, x] * (1 - fx) + self.offsets[y + 1, x + 1] * fx
        return points + top * (1 - fy) + bottom * fy

    def points(self, points: Array) -> Array:
        """The places in the warped image of points (N, 2) of the original; both in shares of the image."""
        found = points
        for _ in range(INVERSE_STEPS):
            found = points - (self.source(found) - found)
        return found

    def picture(self, image: Image.Image) -> Image.Image:
        """The warped image."""
        width, height = image.size
        columns, rows = (np.round(np.linspace(0, side, CELLS + 1)).astype(int) for side in (width, height))
        corners = np.stack(np.meshgrid(columns, rows), axis=-1).astype(float)
        shares = corners.reshape(-1, 2) / (width, height)
        source = (self.source(shares) * (width, height)).reshape(corners.shape)
        mesh = [
            (
                (int(columns[k]), int(rows[j]), int(columns[k + 1]), int(rows[j + 1])),
                tuple(np.concatenate([source[j, k], source[j + 1, k], source[j + 1, k + 1], source[j, k + 1]])),
            )
            for j in range(CELLS)
            for k in range(CELLS)
        ]
        return image.transform(image.size, Image.Transform.MESH, mesh, Image.Resampling.BILINEAR)


def steepness(offsets: Array) -> float:
    """The steepest slope of the offsets (Frobenius norm); a warp with a slope below 1 has an inverse."""
    down = np.diff(offsets, axis=0)[:, :-1] * CELLS
    right = np.diff(offsets, axis=1)[:-1] * CELLS
    return float(np.sqrt((down**2 + right**2).sum(-1)).max())
