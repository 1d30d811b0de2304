"""Cut faces kept on disk between runs: one file a face, bounded in bytes, the longest unused dropped first.

A file appears whole under a name that says what is in it and is never written again, so runs may share a folder,
and a run that is killed leaves at most a file that nobody reads.
"""

from __future__ import annotations

import contextlib
import math
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

LIMIT = 4_000_000_000
PARTIAL = ".partial"
#: A file still being written is younger than this, in seconds; an older one was left by a run that was killed.
ABANDONED = 3600.0


class CropStore:
    """Pixels by key (a file name), at most `limit` bytes of them in `folder`.

    Room is made by dropping what earlier runs left, never what this one uses: a set that is larger than the store keeps
    its first faces there. Where nothing more can be written, `warn` hears why, once, and everything goes on.
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
        """The pixels of `key` as they lie on the disk (mapped, not loaded), or None."""
        file = self.folder / key
        try:
            whole = file.stat().st_size == math.prod(shape)
            return np.memmap(file, np.uint8, "r", shape=shape) if whole else None
        except OSError:
            return None

    def use(self, keys: Iterable[str]) -> None:
        """Mark these as used now, so that others are dropped first."""
        for key in keys:
            self._droppable.pop(key, None)
            with contextlib.suppress(OSError):
                os.utime(self.folder / key)

    def write(self, key: str, pixels: NDArray[np.uint8]) -> None:
        """Keep `pixels` under `key` where there is room."""
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
        handle, partial = tempfile.mkstemp(dir=self.folder, suffix=PARTIAL)
        try:
            with open(handle, "wb") as file:
                file.write(np.ascontiguousarray(pixels).data)
            os.replace(partial, self.folder / key)
        except OSError:
            Path(partial).unlink(missing_ok=True)
            raise

    def _make_room(self, size: int) -> bool:
        while self._droppable and self._bytes + size > self.limit:
            key = next(iter(self._droppable))
            self._bytes -= self._droppable.pop(key)
            with contextlib.suppress(OSError):
                (self.folder / key).unlink(missing_ok=True)
        return self._bytes + size <= self.limit

    def _close(self, reason: str) -> None:
        if not self._closed:
            self._warn(f"{reason}: further faces are cut anew at every use, which is slower")
        self._closed = True


def _oldest_first(folder: Path) -> dict[str, int]:
    """Bytes of each file in `folder`, the longest unused first; removes what killed runs left half written."""
    found: list[tuple[float, str, int]] = []
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):  # another run may drop it at this moment
                about = entry.stat()
                if not entry.name.endswith(PARTIAL):
                    found.append((about.st_mtime, entry.name, about.st_size))
                elif about.st_mtime < time.time() - ABANDONED:
                    os.unlink(entry.path)
    return {name: size for _, name, size in sorted(found)}
