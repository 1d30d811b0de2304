"""Decoded images that several looks at the same pictures share."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path

from PIL import Image

from mdmd.data.images import read_reduced
from mdmd.loading.crops import Read

#: The most bytes of pixels that are kept: some hundred pictures as they are needed for crops.
MOST_BYTES = 256_000_000
#: Reductions that a JPEG may be decoded at.
REDUCTIONS = (8, 4, 2, 1)


class Decoded:
    """Reads images as `read` does, and keeps those that were read last, at most `most_bytes` of pixels.

    What it returns does not depend on what it keeps. For several threads.
    """

    def __init__(self, read: Read = read_reduced, most_bytes: int = MOST_BYTES) -> None:
        self._read = read
        self._most = most_bytes
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[Path, int], tuple[Image.Image, int]] = OrderedDict()
        self._bytes = 0

    def __call__(self, path: Path, most: float) -> tuple[Image.Image, int]:
        """The image at `path` at 1/k of its size, and k, at most `most`. Raises PictureError."""
        asked = (path, next(k for k in REDUCTIONS if k <= most or k == 1))
        with self._lock:
            for coarser in REDUCTIONS[: REDUCTIONS.index(asked[1]) + 1]:
                known = self._kept.get((path, coarser))
                # What could not be reduced by more is what would be read now.
                if known is not None and known[1] <= asked[1]:
                    self._kept.move_to_end((path, coarser))
                    return known
        image, k = self._read(*asked)
        with self._lock:
            if asked not in self._kept:
                self._kept[asked] = image, k
                self._bytes += _size(image)
                while self._bytes > self._most:
                    _, (oldest, _) = self._kept.popitem(last=False)
                    self._bytes -= _size(oldest)
        return image, k


def _size(image: Image.Image) -> int:
    return image.width * image.height * len(image.getbands())
