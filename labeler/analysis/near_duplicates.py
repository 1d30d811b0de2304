"""Near-duplicates: pictures of the same moment, or the same picture in another size or crop. numpy only.

Two cutouts are registered by an affine map, gain and offset, so that a slightly different box, rotation or lighting
does not matter. Then a middle frequency band is compared: low frequencies are similar in all portraits of one studio,
and high frequencies are lost when a picture is compressed again.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from labeler.analysis.image_features import GRAY

Array = NDArray[np.floating]
Pixels = NDArray[np.uint8]

#: Minimum correlation of near-duplicates (recall and false positives: benchmarks/RESULTS.md).
ALIKE = 0.95
#: Number of nearest faces by feature vector that are compared, and maximum distance of their vectors.
CLOSEST, FAR = 3, 0.75
#: Steps of the registration, and minimum share of the cutouts that must overlap.
STEPS, OVERLAP = 10, 0.6


def near_duplicates(pixels: Pixels, vector: Array, others: Sequence[Pixels], vectors: Sequence[Array]) -> list[int]:
    """The indices of the cutouts `others` (S, S, 3), with feature vectors `vectors`, that nearly duplicate `pixels`."""
    distances = np.linalg.norm(np.array(vectors) - vector, axis=1)
    closest = [int(k) for k in np.argsort(distances)[:CLOSEST] if distances[k] < FAR]
    if not closest:
        return []
    gray = [np.asarray(each, dtype=np.float32) @ GRAY for each in (pixels, *(others[k] for k in closest))]
    same = alike(np.array(gray[:1] * len(closest)), np.array(gray[1:])) >= ALIKE
    return [k for k, is_same in zip(closest, same, strict=True) if is_same]


def alike(one: Array, other: Array) -> Array:
    """The correlations (P,), -1 to 1, of the gray cutouts `one` (P, S, S) with the registered cutouts `other`."""
    places, inside = _registered(one, other)
    weights = inside / np.maximum(inside.sum(axis=1, keepdims=True), 1)
    band = [_blurred(pictures, 1) - _blurred(pictures, 4) for pictures in (one, other)]
    found = _correlation(band[0].reshape(len(one), -1), _sampled(band[1][..., None], places)[..., 0], weights)
    return np.where(inside.mean(axis=1) >= OVERLAP, found, 0.0).astype(np.float32)


def _registered(one: Array, other: Array) -> tuple[Array, Array]:
    """The row and column in `other` of each pixel of `one` (P, S * S, 2), and whether it is inside (P, S * S).

    The registration of Lucas and Kanade (1981), from the identity. The step with the highest correlation wins.
    """
    side = one.shape[-1]
    middle = (side - 1) / 2
    one, other = (_plain(_blurred(pictures, 1)) for pictures in (one, other))
    slopes = np.moveaxis(np.array(np.gradient(other, axis=(1, 2))), 0, -1)
    target = one.reshape(len(one), -1)
    grid = np.indices((side, side), dtype=np.float32).reshape(2, -1).T / middle - 1
    grid = np.concatenate([grid, np.ones((len(grid), 1), dtype=np.float32)], axis=1)
    maps = np.tile(np.array([[middle, 0, 0], [0, middle, 0]], dtype=np.float32), (len(one), 1, 1))
    best = np.full(len(one), -2.0)
    found, within = np.zeros((len(one), len(grid), 2), np.float32), np.zeros((len(one), len(grid)), bool)
    for _ in range(STEPS):
        places = grid @ maps.swapaxes(1, 2) + middle
        inside = ((places >= 0) & (places <= side - 1)).all(axis=-1)
        places = np.clip(places, 0, side - 1.001)
        weights = inside / np.maximum(inside.sum(axis=1, keepdims=True), 1)
        seen = _sampled(other[..., None], places)[..., 0]
        correlation = np.where(inside.mean(axis=1) >= OVERLAP, _correlation(target, seen, weights), -1.0)
        better = correlation > best
        best[better], found[better], within[better] = correlation[better], places[better], inside[better]
        # Unknowns: change of the map (6), gain and offset (2). The ridge keeps pictures without edges solvable.
        motion = _sampled(slopes, places)[..., None] * grid[:, None]
        columns = np.concatenate([motion.reshape(*seen.shape, 6), seen[..., None], np.ones((*seen.shape, 1))], axis=-1)
        weighted = (columns * weights[..., None]).swapaxes(1, 2)
        normal = weighted @ columns
        normal += np.eye(8) * 1e-4 * np.trace(normal, axis1=1, axis2=2)[:, None, None]
        change = np.linalg.solve(normal, weighted @ (target - seen)[..., None])[:, :6, 0]
        maps = maps + np.clip(change.reshape(-1, 2, 3), -2, 2).astype(np.float32)
    return found, within


def _plain(pictures: Array) -> Array:
    """The pictures with mean 0 and standard deviation 1."""
    centered = pictures - pictures.mean(axis=(1, 2), keepdims=True)
    return centered / np.maximum(centered.std(axis=(1, 2), keepdims=True), 1e-3)


def _blurred(pictures: Array, times: int) -> Array:
    for _ in range(times):
        edged = np.pad(pictures, ((0, 0), (1, 1), (1, 1)), mode="edge")
        across = (edged[:, :, :-2] + 2 * edged[:, :, 1:-1] + edged[:, :, 2:]) / 4
        pictures = (across[:, :-2] + 2 * across[:, 1:-1] + across[:, 2:]) / 4
    return pictures


def _sampled(pictures: Array, places: Array) -> Array:
    """Bilinear samples (P, M, C) of `pictures` (P, S, S, C) at `places` (P, M, 2), rows and columns."""
    low = places.astype(int)
    row, column = (places - low)[..., :1], (places - low)[..., 1:]
    which, top, left = np.arange(len(pictures))[:, None], low[..., 0], low[..., 1]
    upper = pictures[which, top, left] * (1 - column) + pictures[which, top, left + 1] * column
    lower = pictures[which, top + 1, left] * (1 - column) + pictures[which, top + 1, left + 1] * column
    return upper * (1 - row) + lower * row


def _correlation(one: Array, other: Array, weights: Array) -> Array:
    one, other = (values - (weights * values).sum(axis=1, keepdims=True) for values in (one, other))
    spread = np.sqrt((weights * one**2).sum(axis=1) * (weights * other**2).sum(axis=1))
    return (weights * one * other).sum(axis=1) / np.maximum(spread, 1e-9)
