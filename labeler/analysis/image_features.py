"""A feature vector of a face's pixels, to compare pictures. numpy and Pillow only, no model.

The vector has three parts, computed on a square cutout around the face's box: brightness on a 16 x 16 grid without mean
and contrast, histograms of 8 edge directions on a 4 x 4 grid, and two color differences on a 4 x 4 grid.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mdmd.data.images import read_reduced
from mdmd.data.records import Box

Array = NDArray[np.float32]

#: Side of the cutout in its own pixels, and in longer sides of the box.
SIDE, WIDER = 32, 1.1
#: Grid cells along a side for edges and color, and number of edge directions.
PLACES, DIRECTIONS = 4, 8
#: Norms of the three parts. Their squares sum to 1, so two vectors are at most 2 apart.
WEIGHTS = (math.sqrt(0.4), math.sqrt(0.4), math.sqrt(0.2))
#: Weights of red, green and blue in brightness.
GRAY = np.array([0.299, 0.587, 0.114], dtype=np.float32)
#: Length of the vector.
LENGTH = (SIDE // 2) ** 2 + PLACES**2 * DIRECTIONS + PLACES**2 * 2


def cutout(copy: Path, box: Box, scale: float) -> Array:
    """The cutout (SIDE, SIDE, 3), values from 0 to 1: the square around `box` in the image file `copy`.

    `box` is in pixels of the original, and `copy` is the original scaled by `scale`. Outside of the image its edge is
    repeated. Raises DataError if the file cannot be read.
    """
    wanted = max(box.w, box.h) * WIDER * scale
    # A JPEG decodes much faster at a reduced size; two of its pixels for each pixel of the cutout are enough.
    image, reduced = read_reduced(copy, wanted / (2 * SIDE))
    scale /= reduced
    side = wanted / reduced
    left, top = (box.x + box.w / 2) * scale - side / 2, (box.y + box.h / 2) * scale - side / 2
    over = math.ceil(max(0.0, -left, -top, left + side - image.width, top + side - image.height))
    if over:
        pixels = np.pad(np.asarray(image), ((over, over), (over, over), (0, 0)), mode="edge")
        image, left, top = Image.fromarray(pixels), left + over, top + over
    kind = Image.Resampling.BOX if side >= SIDE else Image.Resampling.BILINEAR
    small = image.resize((SIDE, SIDE), kind, box=(left, top, left + side, top + side))
    return scaled(np.asarray(small))


def scaled(pixels: NDArray[np.uint8]) -> Array:
    """Bytes as values from 0 to 1."""
    return np.divide(pixels, 255, dtype=np.float32)


def describe(pixels: Array) -> Array:
    """The feature vector (LENGTH,) of a cutout (SIDE, SIDE, 3)."""
    gray = pixels @ GRAY
    color = _color(pixels)
    views = (
        _unit(_brightness(gray)),
        _unit(_edges(gray)),
        color / max(1.0, float(np.linalg.norm(color))),  # not normalized to length 1, so that gray pictures stay gray
    )
    return np.concatenate([weight * view for weight, view in zip(WEIGHTS, views, strict=True)]).astype(np.float32)


def _brightness(gray: Array) -> Array:
    small = gray.reshape(SIDE // 2, 2, SIDE // 2, 2).mean(axis=(1, 3))
    return (small - small.mean()).ravel()


def _edges(gray: Array) -> Array:
    down, right = np.gradient(gray)
    strength, turn = np.hypot(right, down), np.arctan2(down, right) % np.pi * DIRECTIONS / np.pi
    row = np.arange(SIDE) * PLACES // SIDE
    place = (row[:, None] * PLACES + row) * DIRECTIONS
    # A direction between two bins is split between them, so that a small rotation changes little.
    low = np.floor(turn)
    counts = np.zeros(PLACES**2 * DIRECTIONS, dtype=np.float32)
    for step, share in ((0, 1 - (turn - low)), (1, turn - low)):
        at = place + (low.astype(int) + step) % DIRECTIONS
        counts += np.bincount(at.ravel(), (strength * share).ravel(), minlength=len(counts))
    return np.sqrt(counts)


def _color(pixels: Array) -> Array:
    small = pixels.reshape(PLACES, SIDE // PLACES, PLACES, SIDE // PLACES, 3).mean(axis=(1, 3))
    red, green, blue = np.moveaxis(small, -1, 0)
    return np.concatenate([(red - green).ravel(), ((red + green) / 2 - blue).ravel()])


def _unit(view: Array) -> Array:
    return view / max(float(np.linalg.norm(view)), 1e-3)
