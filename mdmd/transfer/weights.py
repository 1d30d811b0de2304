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
    prior = to[:, :, None] + to[:, None, :] - between + NUGGET * np.eye(count)
    inverse = np.linalg.inv(prior)
    offsets = (base[:, None, :] - points[:, :, None]) / scale_of(base)[:, None, None]  # (K, N, M)
    rows = np.nan_to_num(np.moveaxis(offsets, 0, 1))  # (N, K, M)
    # The inverse of the prior with the rows added, by Woodbury's formula: only K x K systems are solved.
    flat = inverse.sum(axis=-1)
    across = inverse @ rows.conj().swapaxes(-1, -2)  # (N, M, K)
    among, along = rows @ across, (rows @ flat[..., None])[..., 0]
    own = np.where(unlabeled, 0, heed).T / RESIDUAL  # (N, K)
    found = np.zeros((len(rows), count), dtype=complex)  # no residual yet: all faces count in full
    for _ in range(3 if len(base) >= FEWEST_ROBUST else 1):
        robust = own / np.sqrt(1 + (np.abs((rows @ found[..., None])[..., 0]) / FAR) ** 2)
        system = np.eye(len(base)) + robust[..., None] * among
        bent = np.linalg.solve(system, (robust * along)[..., None])
        solved = flat - (across @ bent)[..., 0]
        found = solved / solved.sum(axis=-1, keepdims=True)
    return found
