"""A cache of face crops on disk, shared by runs: one file per face, limited in bytes, least recently used out first.

A file is written atomically under a key of its content and never changed, so several runs can share the folder. A run
that is killed leaves at most a partial file, which is ignored and removed later.
"""

from __future__ import annotations

import contextlib
import math
import os
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mdmd.files import PARTIAL, written

LIMIT = 4_000_000_000
#: A partial file older than this, in seconds, was left by a run that was killed.
ABANDONED = 3600.0


class CropStore:
    """Pixels by key (a file name), at most `limit` bytes in `folder`.

    Only crops of earlier runs are evicted, never those that this run uses: of a dataset larger than the cache, the
    first faces stay. When nothing more can be written, `warn` is told the reason once, and the run goes on uncached.
    """

    def __init__(self, folder: Path, *, limit: int = LIMIT, warn: Callable[[str], None]) -> None:
        self.folder = folder
        self.limit = limit
        self._warn = warn
        self._lock = threading.Lock()
        self._closed = False
        self._droppable = _oldest_first(folder)
        self._bytes = sum(self._droppable.values())
        self._make_room(0)

    def read(self, key: str, shape: tuple[int, ...]) -> NDArray[np.uint8] | None:
        """The memory-mapped pixels of `key`, or None."""
        file = self.folder / key
        try:
            whole = file.stat().st_size == math.prod(shape)
            return np.memmap(file, np.uint8, "r", shape=shape) if whole else None
        except OSError:
            return None

    def use(self, keys: Iterable[str]) -> None:
        """Mark `keys` as used, so that this run does not evict them."""
        for key in keys:
            self._droppable.pop(key, None)
            with contextlib.suppress(OSError):
                os.utime(self.folder / key)

    def write(self, key: str, pixels: NDArray[np.uint8]) -> None:
        """Store `pixels` under `key` if there is room."""
        with self._lock:
            if self._closed:
                return
            if not self._make_room(pixels.nbytes):
                self._close(f"the crop cache {self.folder} is full ({self.limit / 1e9:.3g} GB)")
                return
            self._bytes += pixels.nbytes
        try:
            self._put(key, pixels)
        except OSError as error:
            with self._lock:
                self._close(f"the crop cache {self.folder} cannot be written ({error.strerror or error})")

    def _put(self, key: str, pixels: NDArray[np.uint8]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with written(self.folder, key, lambda partial: partial.write_bytes(np.ascontiguousarray(pixels).data)) as file:
            os.replace(file, self.folder / key)

    def _make_room(self, size: int) -> bool:
        while self._droppable and self._bytes + size > self.limit:
            key = next(iter(self._droppable))
            self._bytes -= self._droppable.pop(key)
            with contextlib.suppress(OSError):
                (self.folder / key).unlink(missing_ok=True)
        return self._bytes + size <= self.limit

    def _close(self, reason: str) -> None:
        if not self._closed:
            self._warn(f"{reason}: further faces are cropped again at every use, which is slower")
        self._closed = True


def _oldest_first(folder: Path) -> dict[str, int]:
    """The size of each file in `folder`, least recently used first. Removes abandoned partial files."""
    found: list[tuple[float, str, int]] = []
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):  # another run may have evicted it
                about = entry.stat()
                if not entry.name.endswith(PARTIAL):
                    found.append((about.st_mtime, entry.name, about.st_size))
                elif about.st_mtime < time.time() - ABANDONED:
                    os.unlink(entry.path)
    return {name: size for _, name, size in sorted(found)}
