"""How the faces of one project look: a cutout of each, its vector, and its near-duplicates, made beside all requests.

What was made is kept in one .npy file, by the digest of the picture's file and the box. It is no data: a file that is
missing or damaged is made again.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from labeler.analysis.image_features import SIDE, describe, scaled
from labeler.analysis.near_duplicates import CLOSEST, near_duplicates
from labeler.storage.records import Picture
from mdmd.data.records import Box
from mdmd.errors import DataError
from mdmd.files import replace_file

Pixels = NDArray[np.uint8]
#: Reads the cutout of a picture's face, values 0 to 1; raises DataError or OSError.
Read = Callable[[Picture, Box], NDArray[np.float32]]

#: Faces in the file, 31 MB; beyond that the oldest go.
LIMIT = 10_000
#: Seconds between two writings of the file while there is more to look at.
SAVE_EVERY = 20.0
ROW = np.dtype([("key", "V16"), ("pixels", "u1", (SIDE, SIDE, 3)), ("twins", "V16", (CLOSEST,))])
NOBODY = bytes(16)


@dataclass
class Look:
    """Pixels and vector of a cutout; `twins` are keys of near-duplicates that were looked at before it."""

    pixels: Pixels
    vector: NDArray[np.float32]
    twins: frozenset[bytes] = field(default_factory=frozenset)


def key_of(picture: Picture, box: Box) -> bytes:
    """What a face is known by: the bytes of its picture, and its box to a hundredth of a pixel."""
    sides = " ".join(f"{side:.2f}" for side in (box.x, box.y, box.w, box.h))
    return blake2b(f"{picture.sha256} {sides}".encode(), digest_size=16).digest()


class Looks:
    """Looks at faces with `read` in a thread that stands back for all others; safe between threads."""

    def __init__(self, file: Path, read: Read, *, limit: int = LIMIT) -> None:
        self._file, self._read, self._limit = file, read, limit
        self._lock = threading.Lock()
        self._known: dict[bytes, Look] | None = None
        self._failed: set[bytes] = set()
        self._wanted: Mapping[bytes, tuple[Picture, Box]] = {}
        self._worker: threading.Thread | None = None

    def look(self, wanted: Mapping[bytes, tuple[Picture, Box]]) -> tuple[dict[bytes, Look], int]:
        """Those of `wanted` (by their keys) that were looked at, and how many are done; the rest is begun.

        A picture that cannot be read counts as done and has no look.
        """
        with self._lock:
            known = self._known or {}
            looks = {key: known[key] for key in wanted if key in known}
            done = sum(key in known or key in self._failed for key in wanted)
            self._wanted = wanted
            if done < len(wanted) and self._worker is None:
                self._worker = threading.Thread(target=self._work, name="looks", daemon=True)
                self._worker.start()
        return looks, done

    def _work(self) -> None:
        if hasattr(os, "setpriority"):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)  # On Linux this is the thread's alone.
        known = self._load() if self._known is None else self._known
        with self._lock:
            self._known = known
        saved, unsaved = time.monotonic(), 0
        while True:
            with self._lock:
                missing = next(
                    (item for item in self._wanted.items() if item[0] not in known and item[0] not in self._failed),
                    None,
                )
                if missing is None and not unsaved:
                    self._worker = None
                    return
            if missing is not None:
                self._look_at(*missing)
                unsaved += 1
            if missing is None or time.monotonic() - saved > SAVE_EVERY:
                self._save()
                saved, unsaved = time.monotonic(), 0

    def _look_at(self, key: bytes, face: tuple[Picture, Box]) -> None:
        known = self._known
        assert known is not None  # Only this thread adds to it.
        try:
            pixels = np.round(self._read(*face) * 255).astype(np.uint8)
            look = _look(pixels)
        except (DataError, OSError):
            with self._lock:
                self._failed.add(key)
            return
        others = list(known)
        if others:
            found = near_duplicates(
                pixels, look.vector, [known[k].pixels for k in others], [known[k].vector for k in others]
            )
            look.twins = frozenset(others[k] for k in found)
        with self._lock:
            known[key] = look

    def _load(self) -> dict[bytes, Look]:
        try:
            rows = np.load(self._file, allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return {}
        if rows.dtype != ROW or rows.ndim != 1:
            return {}
        return {
            row["key"].tobytes(): _look(row["pixels"], frozenset(t.tobytes() for t in row["twins"]) - {NOBODY})
            for row in rows[-self._limit :]
        }

    def _save(self) -> None:
        """What is asked for now outlasts the limit first, then what was looked at last."""
        assert self._known is not None
        kept = sorted(self._known, key=lambda key: key in self._wanted)[-self._limit :]
        rows = np.zeros(len(kept), ROW)
        for row, key in zip(rows, kept, strict=True):
            look = self._known[key]
            twins = [*look.twins, *[NOBODY] * CLOSEST][:CLOSEST]
            row["key"], row["pixels"], row["twins"] = np.void(key), look.pixels, [np.void(twin) for twin in twins]

        def write(partial: Path) -> None:
            with partial.open("wb") as stream:
                np.save(stream, rows, allow_pickle=False)

        try:
            self._file.parent.mkdir(exist_ok=True)
            replace_file(self._file, write)
        except OSError:
            pass  # A full disk, or a project that is gone: the next start looks again.


def _look(pixels: Pixels, twins: frozenset[bytes] = frozenset()) -> Look:
    return Look(pixels, describe(scaled(pixels)), twins)
