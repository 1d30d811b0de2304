"""Where a landmark lies among the points of a base: weights that repeat it on a face and move with the base's points.

Points are complex numbers, x + iy. A carried point is a sum of the base's points with complex weights that add up to 1,
so that it moves, turns and scales with them. Lengths are in units of the face's scale: the root mean square distance of
the base's points from their mean. numpy only.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Complex = NDArray[np.complex128]
Array = NDArray[np.float64]

#: Moving least squares: softening of the weights, in squared units.
NEAR = 0.01
#: Kriging: slope of the variogram a unit, noise of the base's points, and variance of a labeled face's residual.
SLOPE, NUGGET, RESIDUAL = 0.2, 0.05, 0.5
#: Residual, in units, from which on a labeled face counts less.
FAR = 0.06
#: So many complex numbers are worked on at once.
AT_ONCE = 2_000_000
#: Fewest faces with which an outlier can be told.
FEWEST_ROBUST = 3


def scale_of(base: Complex) -> Array:
    """The scale s (B,) of faces with base points (B, M), in pixels."""
    centered = base - base.mean(axis=-1, keepdims=True)
    return np.sqrt((np.abs(centered) ** 2).mean(axis=-1))


def moving_weights(base: Complex, points: Complex) -> Complex:
    """Weights (K, N, M) that repeat the N `points` (K, N) of each face from its base points (K, M).

    A similarity is fitted for each landmark by least squares in which near base points count more (moving least
    squares); applied to another face, it moves with those. Weights of an unlabeled point are NaN.
    """
    s = scale_of(base)[:, None, None]
    labeled = ~np.isnan(points.real)
    points = np.where(labeled, points, base.mean(axis=1, keepdims=True))
    apart = np.abs(points[:, :, None] - base[:, None, :]) / s
    near = (apart**2 + NEAR) ** -2.0
    share = near / near.sum(axis=-1, keepdims=True)
    center = (share * base[:, None, :]).sum(axis=-1)
    spread = base[:, None, :] - center[..., None]
    size = (share * np.abs(spread) ** 2).sum(axis=-1)
    weights = share + (points - center)[..., None] * share * spread.conj() / size[..., None]
    return np.where(labeled[..., None], weights, np.nan)


def aligned_mean(base: Complex, points: Complex) -> tuple[Complex, Complex]:
    """Mean base points (M,) and landmarks (N,) of faces turned, scaled and moved onto each other; NaN if unlabeled."""
    moved = base - base.mean(axis=1, keepdims=True)
    s = scale_of(base)[:, None]
    mean, turn = moved[0] / s[0], 1 / s.astype(complex)
    for _ in range(3):
        turn = (mean * moved.conj()).sum(axis=1, keepdims=True)
        turn = turn / np.abs(turn) / s
        mean = (moved * turn).mean(axis=0)
        mean = mean / np.sqrt((np.abs(mean) ** 2).mean())
    placed = (points - base.mean(axis=1, keepdims=True)) * turn
    labeled = ~np.isnan(placed.real)
    count = labeled.sum(axis=0)
    total = np.where(labeled, placed, 0).sum(axis=0)
    return mean, np.where(count > 0, total / np.maximum(count, 1), np.nan)


def kriging_weights(base: Complex, points: Complex, heed: Array) -> Complex:
    """Weights (N, M) of all labeled faces together: kriging on the mean shape, bent to what the faces say.

    `heed` (K, N) weighs the labels. The weights of a landmark that is labeled on no face have no meaning.
    """
    mean, places = aligned_mean(base, points)
    count = len(mean)
    unlabeled: NDArray[np.bool_] = np.isnan(points.real)
    to = SLOPE * np.abs(mean[None, :] - np.nan_to_num(places)[:, None])  # (N, M)
    between = SLOPE * np.abs(mean[:, None] - mean[None, :])

    def prior_of(some: slice) -> Array:
        return to[some, :, None] + to[some, None, :] - between + NUGGET * np.eye(count)

    own = np.where(unlabeled, 0, heed).T / RESIDUAL  # (N, K)
    found = np.zeros((points.shape[1], count), dtype=complex)
    step = max(1, AT_ONCE // base.size)
    for start in range(0, len(found), step):
        some = slice(start, start + step)
        offsets = (base[:, None, :] - points[:, some, None]) / scale_of(base)[:, None, None]  # (K, N, M)
        rows = np.nan_to_num(np.moveaxis(offsets, 0, 1))  # (N, K, M)
        for _ in range(3 if len(base) >= FEWEST_ROBUST else 1):  # no residual at first: all faces count in full
            robust = own[some] / np.sqrt(1 + (np.abs((rows @ found[some, :, None])[..., 0]) / FAR) ** 2)
            system = prior_of(some) + rows.conj().swapaxes(-1, -2) @ (robust[..., None] * rows)
            solved = np.linalg.solve(system, np.ones((count, 1), dtype=complex))[..., 0]
            found[some] = solved / solved.sum(axis=-1, keepdims=True)
    return found


def transported(weights: Complex, base: Complex, covariance: Array) -> tuple[Complex, Array]:
    """The points (F, N) and covariances (F, N, 2, 2) that follow from base points (F, M) by `weights` (F, N, M).

    `covariance` (F, M, 2, 2) is the base's; errors of different base points are taken as independent.
    """
    points = (weights @ base[..., None])[..., 0]
    # A complex weight w turns and scales. Of a covariance [[a, b], [b, c]] it takes the trace a + c to
    # |w|^2 (a + c), and (a - c) / 2 + ib to w^2 ((a - c) / 2 + ib).
    trace = (np.abs(weights) ** 2 @ np.trace(covariance, axis1=-2, axis2=-1)[..., None])[..., 0]
    tilt = (covariance[..., 0, 0] - covariance[..., 1, 1]) / 2 + 1j * covariance[..., 0, 1]
    tilt = (weights**2 @ tilt[..., None])[..., 0]
    rows = [trace / 2 + tilt.real, tilt.imag, tilt.imag, trace / 2 - tilt.real]
    return points, np.stack(rows, axis=-1).reshape(*points.shape, 2, 2)
