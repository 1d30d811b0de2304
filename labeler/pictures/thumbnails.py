"""Copies of pictures at the sizes of the screen: made once, kept within a limit, and prepared before anybody asks."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from pathlib import Path
from queue import SimpleQueue

from labeler.pictures.ingest import write_screen_copy
from mdmd.errors import DataError

#: Widths of the copies: for the canvas and for the grid of pictures.
WIDTHS = (1600, 240)
#: Bytes of all copies of a project: some 3,000 pictures.
LIMIT = 1_000_000_000


class ScreenCopies:
    """The copies in `folder`; above `limit` bytes those unused for longest are dropped. Safe between threads."""

    def __init__(self, folder: Path, *, limit: int = LIMIT) -> None:
        self.folder = folder
        self.limit = limit
        self._dropping = threading.Lock()
        self._waiting: SimpleQueue[Path] = SimpleQueue()
        self._queued: set[Path] = set()
        self._worker: threading.Thread | None = None

    def get(self, source: Path, width: int) -> Path:
        """A JPEG of `source` at most `width` wide; raises DataError where it cannot be made."""
        copy = self._place(source, width)
        try:
            os.utime(copy)  # used last now
        except FileNotFoundError:
            write_screen_copy(source, copy, width)
            self._drop(keep=copy)
        except OSError:
            pass  # a folder that may only be read
        return copy

    def prepare(self, sources: Iterable[Path]) -> None:
        """Make what is missing of these, one after the other in a thread that stands back for all others."""
        there = {entry.name for entry in os.scandir(self.folder)} if self.folder.is_dir() else set()
        for source in sources:
            missing = any(self._place(source, width).name not in there for width in WIDTHS)
            if missing and source not in self._queued:
                self._queued.add(source)
                self._waiting.put(source)
        if self._queued and self._worker is None:
            self._worker = threading.Thread(target=self._work, name="screen copies", daemon=True)
            self._worker.start()

    def _work(self) -> None:
        if hasattr(os, "setpriority"):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)  # On Linux this is the thread's alone.
        while True:
            source = self._waiting.get()
            for width in WIDTHS:
                try:
                    # What does not fit would push out what was prepared before it.
                    if not self._place(source, width).exists() and self._bytes() < self.limit:
                        self.get(source, width)
                except (DataError, OSError):
                    break  # Whoever asks for it is told why.

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
