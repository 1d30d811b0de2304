"""Smaller copies of pictures for the screen, cached up to a limit and prepared in the background."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from pathlib import Path
from queue import SimpleQueue

from labeler.errors import StorageError
from labeler.pictures.ingest import write_thumbnail
from mdmd.errors import DataError

#: Widths in pixels, for the canvas and for the grid of pictures.
WIDTHS = (1600, 240)
#: Maximum bytes per project, enough for about 3,000 pictures.
LIMIT = 1_000_000_000


class Thumbnails:
    """The thumbnails in `folder`. Above `limit` bytes the least recently used are deleted. Thread-safe."""

    def __init__(self, folder: Path, *, limit: int = LIMIT) -> None:
        self.folder = folder
        self.limit = limit
        self._dropping = threading.Lock()
        self._waiting: SimpleQueue[Path] = SimpleQueue()
        self._queued: set[Path] = set()
        self._worker: threading.Thread | None = None

    def get(self, source: Path, width: int) -> Path:
        """The path of a JPEG of `source` at most `width` pixels wide, or `source` itself where nothing can be written.

        Raises DataError if the picture is damaged.
        """
        copy = self._place(source, width)
        try:
            os.utime(copy)  # mark as recently used
        except FileNotFoundError:
            try:
                write_thumbnail(source, copy, width)
            except StorageError:
                return source
            self._drop(keep=copy)
        except OSError:
            pass  # the folder is read-only
        return copy

    def prepare(self, sources: Iterable[Path]) -> None:
        """Make the missing thumbnails, one after the other, in a thread of low priority."""
        there = {entry.name for entry in os.scandir(self.folder)} if self.folder.is_dir() else set()
        for source in sources:
            missing = any(self._place(source, width).name not in there for width in WIDTHS)
            if missing and source not in self._queued:
                self._queued.add(source)
                self._waiting.put(source)
        if self._queued and self._worker is None:
            self._worker = threading.Thread(target=self._work, name="thumbnails", daemon=True)
            self._worker.start()

    def forget(self, source: Path) -> None:
        """Delete the thumbnails of a picture that is removed."""
        for width in WIDTHS:
            self._place(source, width).unlink(missing_ok=True)
        self._queued.discard(source)

    def _work(self) -> None:
        if hasattr(os, "setpriority"):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)  # On Linux this applies to this thread only.
        while True:
            source = self._waiting.get()
            for width in WIDTHS:
                try:
                    # Above the limit, a new thumbnail would evict one that was just prepared.
                    if not self._place(source, width).exists() and self._bytes() < self.limit:
                        self.get(source, width)
                except (DataError, OSError):
                    break  # `get` reports the error when the picture is requested.

    def _place(self, source: Path, width: int) -> Path:
        return self.folder / f"{source.name}.{width}.jpg"

    def _bytes(self) -> int:
        return sum(entry.stat().st_size for entry in self._files())

    def _files(self) -> list[os.DirEntry[str]]:
        return (
            [entry for entry in os.scandir(self.folder) if entry.name.endswith(".jpg")] if self.folder.is_dir() else []
        )

    def _drop(self, *, keep: Path) -> None:
        with self._dropping:
            files = sorted(
                ((entry.stat(), Path(entry.path)) for entry in self._files()), key=lambda f: f[0].st_mtime_ns
            )
            total = sum(stat.st_size for stat, _ in files)
            for stat, path in files:
                if total <= self.limit:
                    break
                if path != keep:
                    path.unlink(missing_ok=True)
                    total -= stat.st_size
