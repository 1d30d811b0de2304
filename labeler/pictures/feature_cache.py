"""Image features of a project's faces and the near-duplicates among them, computed in the background.

They are cached in one .npy file by the digest of the picture's file and the box. A missing or damaged cache file is
computed again.
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
#: Reads the cutout (SIDE, SIDE, 3) of a face with values from 0 to 1; raises DataError or OSError.
Read = Callable[[Picture, Box], NDArray[np.float32]]

#: Maximum number of faces in the file (31 MB); the oldest are dropped.
LIMIT = 10_000
#: Seconds between two saves while faces are being computed.
SAVE_EVERY = 20.0
ROW = np.dtype([("key", "V16"), ("pixels", "u1", (SIDE, SIDE, 3)), ("duplicates", "V16", (CLOSEST,))])
NO_FACE = bytes(16)


@dataclass
class Features:
    """Pixels and vector of a cutout, and the keys of its near-duplicates among the faces computed before it."""

    pixels: Pixels
    vector: NDArray[np.float32]
    duplicates: frozenset[bytes] = field(default_factory=frozenset)


def key_of(picture: Picture, box: Box) -> bytes:
    """The key of a face: a hash of its picture's digest and of its box to a hundredth of a pixel."""
    sides = " ".join(f"{side:.2f}" for side in (box.x, box.y, box.w, box.h))
    return blake2b(f"{picture.sha256} {sides}".encode(), digest_size=16).digest()


class FeatureCache:
    """Computes features of the cutouts from `read` in a thread of low priority. Safe to share between threads."""

    def __init__(self, file: Path, read: Read, *, limit: int = LIMIT) -> None:
        self._file, self._read, self._limit = file, read, limit
        self._lock = threading.Lock()
        self._known: dict[bytes, Features] | None = None
        self._failed: set[bytes] = set()
        self._wanted: Mapping[bytes, tuple[Picture, Box]] = {}
        self._worker: threading.Thread | None = None

    def get(self, wanted: Mapping[bytes, tuple[Picture, Box]]) -> tuple[dict[bytes, Features], int]:
        """The available features of `wanted` by key, and how many faces are done. Starts computing the others.

        An unreadable picture counts as done and has no features.
        """
        with self._lock:
            known = self._known or {}
            ready = {key: known[key] for key in wanted if key in known}
            done = sum(key in known or key in self._failed for key in wanted)
            self._wanted = wanted
            if done < len(wanted) and self._worker is None:
                self._worker = threading.Thread(target=self._work, name="features", daemon=True)
                self._worker.start()
        return ready, done

    def _work(self) -> None:
        if hasattr(os, "setpriority"):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)  # On Linux this applies to this thread only.
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
                self._compute(*missing)
                unsaved += 1
            if missing is None or time.monotonic() - saved > SAVE_EVERY:
                self._save()
                saved, unsaved = time.monotonic(), 0

    def _compute(self, key: bytes, face: tuple[Picture, Box]) -> None:
        known = self._known
        assert known is not None  # set above, and only this thread adds to it
        try:
            pixels = np.round(self._read(*face) * 255).astype(np.uint8)
            features = _features(pixels)
        except (DataError, OSError):
            with self._lock:
                self._failed.add(key)
            return
        others = list(known)
        if others:
            found = near_duplicates(
                pixels, features.vector, [known[k].pixels for k in others], [known[k].vector for k in others]
            )
            features.duplicates = frozenset(others[k] for k in found)
        with self._lock:
            known[key] = features

    def _load(self) -> dict[bytes, Features]:
        try:
            rows = np.load(self._file, allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return {}
        if rows.dtype != ROW or rows.ndim != 1:
            return {}
        return {
            row["key"].tobytes(): _features(
                row["pixels"], frozenset(key.tobytes() for key in row["duplicates"]) - {NO_FACE}
            )
            for row in rows[-self._limit :]
        }

    def _save(self) -> None:
        """Save the file. Above the limit, requested faces are kept first, then the newest."""
        assert self._known is not None
        kept = sorted(self._known, key=lambda key: key in self._wanted)[-self._limit :]
        rows = np.zeros(len(kept), ROW)
        for row, key in zip(rows, kept, strict=True):
            features = self._known[key]
            alike = [*features.duplicates, *[NO_FACE] * CLOSEST][:CLOSEST]
            row["key"], row["pixels"] = np.void(key), features.pixels
            row["duplicates"] = [np.void(each) for each in alike]

        def write(partial: Path) -> None:
            with partial.open("wb") as stream:
                np.save(stream, rows, allow_pickle=False)

        try:
            self._file.parent.mkdir(exist_ok=True)
            replace_file(self._file, write)
        except OSError:
            pass  # The disk is full or the project was removed; the next start computes the features again.


def _features(pixels: Pixels, duplicates: frozenset[bytes] = frozenset()) -> Features:
    return Features(pixels, describe(scaled(pixels)), duplicates)
