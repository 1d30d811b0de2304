"""Near-duplicates: pictures of one moment, another size of a picture, or another crop of it. numpy only.

Two cutouts are laid upon each other by the affine map, gain and offset that fit best, so that a box drawn a little
differently, a slight turn or other light do not matter. Then what is between coarse and fine in them is compared: the
coarse is alike in all portraits of one studio, the fine is the first to go when a picture is stored again.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from labeler.analysis.image_features import GREY

Array = NDArray[np.floating]
Pixels = NDArray[np.uint8]

#: From this correlation on two cutouts are near-duplicates (benchmarks/RESULTS.md: recall, and the false ones).
ALIKE = 0.95
#: How many of the faces that look most alike are compared, and how far apart their vectors may be.
CLOSEST, FAR = 3, 0.75
#: Steps of the fit, and the share of a cutout that must be left to compare.
STEPS, OVERLAP = 10, 0.6


def near_duplicates(pixels: Pixels, vector: Array, others: Sequence[Pixels], vectors: Sequence[Array]) -> list[int]:
    """Which of the cutouts `others` (S, S, 3), with their `vectors`, show the same picture or moment as `pixels`."""
    distances = np.linalg.norm(np.array(vectors) - vector, axis=1)
    closest = [int(k) for k in np.argsort(distances)[:CLOSEST] if distances[k] < FAR]
    if not closest:
        return []
    grey = [np.asarray(each, dtype=np.float32) @ GREY for each in (pixels, *(others[k] for k in closest))]
    same = alike(np.array(grey[:1] * len(closest)), np.array(grey[1:])) >= ALIKE
    return [k for k, is_same in zip(closest, same, strict=True) if is_same]


def alike(one: Array, other: Array) -> Array:
    """(P,): the correlation, -1 to 1, of the grey cutouts (P, S, S) of `one` with those of `other`, laid upon them."""
    places, inside = _registered(one, other)
    weights = inside / np.maximum(inside.sum(axis=1, keepdims=True), 1)
    band = [_blurred(pictures, 1) - _blurred(pictures, 4) for pictures in (one, other)]
    found = _correlation(band[0].reshape(len(one), -1), _sampled(band[1][..., None], places)[..., 0], weights)
    return np.where(inside.mean(axis=1) >= OVERLAP, found, 0.0).astype(np.float32)


def _registered(one: Array, other: Array) -> tuple[Array, Array]:
    """Where each pixel of `one` lies in `other` (P, S * S, 2), rows and columns, and whether that is inside it.

    Of the steps of Lucas and Kanade (1981), from no motion at all, the one after which both correlate best.
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
        # Unknowns: how the map changes (6), gain and offset (2). A little ridge keeps pictures without edges in place.
        motion = _sampled(slopes, places)[..., None] * grid[:, None]
        columns = np.concatenate([motion.reshape(*seen.shape, 6), seen[..., None], np.ones((*seen.shape, 1))], axis=-1)
        weighted = (columns * weights[..., None]).swapaxes(1, 2)
        normal = weighted @ columns
        normal += np.eye(8) * 1e-4 * np.trace(normal, axis1=1, axis2=2)[:, None, None]
        change = np.linalg.solve(normal, weighted @ (target - seen)[..., None])[:, :6, 0]
        maps = maps + np.clip(change.reshape(-1, 2, 3), -2, 2).astype(np.float32)
    return found, within


def _plain(pictures: Array) -> Array:
    """Light and contrast taken out."""
    centred = pictures - pictures.mean(axis=(1, 2), keepdims=True)
    return centred / np.maximum(centred.std(axis=(1, 2), keepdims=True), 1e-3)


def _blurred(pictures: Array, times: int) -> Array:
    for _ in range(times):
        edged = np.pad(pictures, ((0, 0), (1, 1), (1, 1)), mode="edge")
        across = (edged[:, :, :-2] + 2 * edged[:, :, 1:-1] + edged[:, :, 2:]) / 4
        pictures = (across[:, :-2] + 2 * across[:, 1:-1] + across[:, 2:]) / 4
    return pictures


def _sampled(pictures: Array, places: Array) -> Array:
    """(P, M, C): the values of (P, S, S, C) at (P, M, 2) rows and columns, which may lie between pixels."""
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
