"""The oddness of each labeled point, given the other points of its face and the other faces. numpy only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: Minimum number of faces to estimate a landmark's usual distance.
ENOUGH = 10


class FaceModel:
    """A Gaussian of shapes that predicts each point from the others of its face, with that face left out of the fit.

    `points` (F, N, 2) has NaN for missing labels, and `among` (F,) selects the faces to fit. Shapes are scaled to size
    1. `away` (F, N) is the distance of a point from its conditional mean, and `distances` (F, N) the Mahalanobis
    distance.
    """

    def __init__(self, points: Array, among: NDArray[np.bool_]) -> None:
        self.known, self.among = np.isfinite(points[..., 0]), among
        self.mean, aligned = align(points, among)
        self.residuals = np.where(self.known[..., None], aligned - self.mean, 0.0).reshape(len(points), -1)
        learned = self.residuals[among]
        share, variance = _shrinkage(learned)
        self.weight = (1 - share) / len(learned)
        self.covariance = learned.T @ learned * self.weight + np.eye(learned.shape[1]) * share * variance
        # Position, rotation and scale are not part of the shape, so these directions get a large variance.
        free = _similarities(self.mean)
        self.covariance += 100.0 * free @ free.T
        self.distances, self.away = (np.zeros(self.known.shape) for _ in range(2))
        patterns, which = np.unique(self.known, axis=0, return_inverse=True)
        for number, pattern in enumerate(patterns):
            self._judge(np.flatnonzero(which.ravel() == number), pattern)

    def _judge(self, rows: NDArray[np.intp], pattern: NDArray[np.bool_]) -> None:
        """Fill in the rows of the faces whose labeled landmarks are exactly those of `pattern`."""
        at, count = np.repeat(pattern, 2), int(pattern.sum())
        precision = np.linalg.inv(self.covariance[np.ix_(at, at)])
        residuals = self.residuals[rows][:, at]
        pulls = residuals @ precision
        # Leaving a face out subtracts one outer product from the covariance: the Sherman-Morrison formula.
        weights = np.where(self.among[rows], self.weight, 0.0)
        rest = np.maximum(1 - weights * (residuals * pulls).sum(axis=1), 1e-3)
        pulls = (pulls / rest[:, None]).reshape(len(rows), count, 2)
        own = precision.reshape(count, 2, count, 2)[np.arange(count), :, np.arange(count)]
        own = own + (weights * rest)[:, None, None, None] * pulls[..., :, None] * pulls[..., None, :]
        # With precision P, point k deviates from its conditional mean by P_kk^-1 (P d)_k, with precision P_kk.
        steps = _solve(own, pulls)
        self.distances[np.ix_(rows, pattern)] = np.sqrt((steps * pulls).sum(axis=-1))
        self.away[np.ix_(rows, pattern)] = np.linalg.norm(steps, axis=-1)

    def oddness(self) -> Array:
        """`distances` (F, N) divided by the median of the landmark, because some landmarks always vary more."""
        learned = np.where(self.known & self.among[:, None], self.distances, np.nan)
        return self.distances / np.maximum(_medians(learned, fewest=ENOUGH, otherwise=1.0), 1e-9)


def align(points: Array, among: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Align shapes by translation, rotation and scale: the mean (N, 2) and the aligned shapes (F, N, 2), of size 1.

    The mean is the median over the faces `among`, so that a few wrong faces do not move it.
    """
    known = np.isfinite(points[..., 0])
    shapes = np.where(known, points[..., 0] + 1j * points[..., 1], 0)
    counts = known.sum(axis=1, keepdims=True)
    centered = np.where(known, shapes - shapes.sum(axis=1, keepdims=True) / counts, 0)
    aligned, mean = centered, _unit(centered[int(np.argmax(counts[:, 0] * among))])
    for _ in range(4):
        # A face with few labels is aligned with the same landmarks of the mean.
        middles = np.where(known, mean, 0).sum(axis=1, keepdims=True) / counts
        target = np.where(known, mean - middles, 0)
        turns = (target * centered.conj()).sum(axis=1)
        turns /= np.maximum(np.abs(turns), 1e-12)
        scales = np.linalg.norm(target, axis=1) / np.maximum(np.linalg.norm(centered, axis=1), 1e-12)
        aligned = centered * (turns * scales)[:, None] + middles
        seen = known & among[:, None]
        x, y = (_medians(np.where(seen, p, np.nan), fewest=1, otherwise=0.0) for p in (aligned.real, aligned.imag))
        mean = _unit(x + 1j * y)
    return _plane(mean), _plane(aligned)


def _unit(shape: NDArray[np.complex128]) -> NDArray[np.complex128]:
    centered = shape - shape.mean()
    return centered / max(float(np.linalg.norm(centered)), 1e-12)


def _plane(shape: NDArray[np.complex128]) -> Array:
    return np.stack([np.real(shape), np.imag(shape)], axis=-1)


def _shrinkage(residuals: Array) -> tuple[float, float]:
    """The shrinkage of the covariance of (F, D) towards a scaled identity, and the scale (Ledoit and Wolf 2004)."""
    count, sides = residuals.shape
    spread = residuals.T @ residuals / count
    variance = float(np.trace(spread)) / sides
    squares = float((spread**2).sum())
    noise = float(((residuals**2).sum(axis=1) ** 2).sum()) / count**2 - squares / count
    return float(np.clip(noise / max(squares - sides * variance**2, 1e-12), 0.02, 1.0)), max(variance, 1e-12)


def _medians(values: Array, *, fewest: int, otherwise: float) -> Array:
    """The medians (N,) of the columns of (F, N) without NaNs; `otherwise` for columns with fewer than `fewest`."""
    ordered = np.sort(values, axis=0)
    counts = np.isfinite(ordered).sum(axis=0)
    middle = np.stack([np.maximum(counts - 1, 0) // 2, np.minimum(counts // 2, len(values) - 1)])
    return np.where(counts >= fewest, np.take_along_axis(ordered, middle, axis=0).mean(axis=0), otherwise)


def _solve(matrices: Array, vectors: Array) -> Array:
    """The solutions (..., 2) of (..., 2, 2) x = (..., 2), in closed form because that is much faster."""
    (a, b), (c, d) = np.moveaxis(matrices, (-2, -1), (0, 1))
    x, y = np.moveaxis(vectors, -1, 0)
    return np.stack([d * x - b * y, a * y - c * x], axis=-1) / (a * d - b * c)[..., None]


def _similarities(shape: Array) -> Array:
    """An orthonormal basis (2 N, 4) of the directions of translation, scale and rotation of a shape."""
    n = len(shape)
    across, along = np.tile([1.0, 0.0], n), np.tile([0.0, 1.0], n)
    turned = np.stack([-shape[:, 1], shape[:, 0]], axis=-1).ravel()
    return np.linalg.qr(np.stack([across, along, shape.ravel(), turned], axis=-1))[0]
