"""Which numbers can be places and boxes in an image: one rule for every file, request and table."""

from __future__ import annotations

from typing import Any

import numpy as np

from mdmd.data.records import Box

#: Pixels from the corner of an image. No image is as large, and squares of such numbers stay exact.
FARTHEST = 1_000_000.0
#: The least width and height of a box, in pixels.
SMALLEST_SIDE = 0.001
#: What `is_place` wants, in words.
PLACE = f"places within {FARTHEST:,.0f} pixels"


def is_place(coordinates: Any, *, farthest: float = FARTHEST) -> bool:
    """Whether all `coordinates`, an array or a list of numbers, are pixels within `farthest`; False for NaN."""
    return bool((np.abs(np.asarray(coordinates, dtype=np.float64)) <= farthest).all())


def box_problem(box: Box) -> str | None:
    """Why `box` cannot be the box of a face, to follow its numbers; None if it can."""
    if not is_place([box.x, box.y, box.w, box.h]):
        return f"must be {PLACE}"
    if min(box.w, box.h) < SMALLEST_SIDE:
        return f"must have a width and height of at least {SMALLEST_SIDE} pixels"
    return None
