"""What a face looks like as a short vector, for telling how alike pictures are. numpy and Pillow only, no model.

Three views of one square cutout around the face's box: brightness (16 x 16 places, light and contrast taken out), the
directions of edges (8 of them at 4 x 4 places), and colour (two differences at 4 x 4 places).
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

#: Sides of the cutout, and how much wider than the longer side of the box it is.
SIDE, WIDER = 32, 1.1
#: Places along a side at which edges and colours are counted, and directions of edges.
PLACES, DIRECTIONS = 4, 8
#: Lengths of the three views. Their squares add up to 1, so that two vectors are at most 2 apart.
WEIGHTS = (math.sqrt(0.4), math.sqrt(0.4), math.sqrt(0.2))
#: Shares of red, green and blue in brightness.
GREY = np.array([0.299, 0.587, 0.114], dtype=np.float32)
#: Numbers of a vector.
LENGTH = (SIDE // 2) ** 2 + PLACES**2 * DIRECTIONS + PLACES**2 * 2


def cutout(copy: Path, box: Box, scale: float) -> Array:
    """(SIDE, SIDE, 3) in 0 to 1: the square around `box` of a picture that `copy` shows `scale` times as large.

    What lies outside of the picture continues its edge. Raises DataError.
    """
    wanted = max(box.w, box.h) * WIDER * scale
    # Decoding a JPEG at an eighth of its size takes a fraction of the time; two pixels for one of the cutout's do.
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
    """Values 0 to 1 of bytes."""
    return np.divide(pixels, 255, dtype=np.float32)


def describe(pixels: Array) -> Array:
    """The vector (LENGTH,) of a cutout."""
    grey = pixels @ GREY
    colour = _colour(pixels)
    views = (
        _unit(_brightness(grey)),
        _unit(_edges(grey)),
        colour / max(1.0, float(np.linalg.norm(colour))),  # What is grey stays grey.
    )
    return np.concatenate([weight * view for weight, view in zip(WEIGHTS, views, strict=True)]).astype(np.float32)


def _brightness(grey: Array) -> Array:
    small = grey.reshape(SIDE // 2, 2, SIDE // 2, 2).mean(axis=(1, 3))
    return (small - small.mean()).ravel()


def _edges(grey: Array) -> Array:
    down, right = np.gradient(grey)
    strength, turn = np.hypot(right, down), np.arctan2(down, right) % np.pi * DIRECTIONS / np.pi
    row = np.arange(SIDE) * PLACES // SIDE
    place = (row[:, None] * PLACES + row) * DIRECTIONS
    # A direction between two is shared by both, so that a small turn changes little.
    low = np.floor(turn)
    counts = np.zeros(PLACES**2 * DIRECTIONS, dtype=np.float32)
    for step, share in ((0, 1 - (turn - low)), (1, turn - low)):
        at = place + (low.astype(int) + step) % DIRECTIONS
        counts += np.bincount(at.ravel(), (strength * share).ravel(), minlength=len(counts))
    return np.sqrt(counts)


def _colour(pixels: Array) -> Array:
    small = pixels.reshape(PLACES, SIDE // PLACES, PLACES, SIDE // PLACES, 3).mean(axis=(1, 3))
    red, green, blue = np.moveaxis(small, -1, 0)
    return np.concatenate([(red - green).ravel(), ((red + green) / 2 - blue).ravel()])


def _unit(view: Array) -> Array:
    return view / max(float(np.linalg.norm(view)), 1e-3)
