"""Image features of a project's faces and the near-duplicates among them, computed in the background.

They are cached in one .npy file, by the digest of the picture's file and the box. A file that is missing or damaged is
made again.
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
#: Seconds between two writings of the file while faces are left to compare.
SAVE_EVERY = 20.0
ROW = np.dtype([("key", "V16"), ("pixels", "u1", (SIDE, SIDE, 3)), ("duplicates", "V16", (CLOSEST,))])
NO_FACE = bytes(16)


@dataclass
class Features:
    """Pixels and vector of a cutout; `duplicates` are the keys of near-duplicates that were compared before it."""

    pixels: Pixels
    vector: NDArray[np.float32]
    duplicates: frozenset[bytes] = field(default_factory=frozenset)


def key_of(picture: Picture, box: Box) -> bytes:
    """The key of a face: the bytes of its picture, and its box to a hundredth of a pixel."""
    sides = " ".join(f"{side:.2f}" for side in (box.x, box.y, box.w, box.h))
    return blake2b(f"{picture.sha256} {sides}".encode(), digest_size=16).digest()


class FeatureCache:
    """Computes features of what `read` gives, in a thread of low priority; safe between threads."""

    def __init__(self, file: Path, read: Read, *, limit: int = LIMIT) -> None:
        self._file, self._read, self._limit = file, read, limit
        self._lock = threading.Lock()
        self._known: dict[bytes, Features] | None = None
        self._failed: set[bytes] = set()
        self._wanted: Mapping[bytes, tuple[Picture, Box]] = {}
        self._worker: threading.Thread | None = None

    def get(self, wanted: Mapping[bytes, tuple[Picture, Box]]) -> tuple[dict[bytes, Features], int]:
        """The features of `wanted` (by their keys) that are ready, and how many faces are done; starts on the others.

        A picture that cannot be read counts as done and has no features.
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
                self._compute(*missing)
                unsaved += 1
            if missing is None or time.monotonic() - saved > SAVE_EVERY:
                self._save()
                saved, unsaved = time.monotonic(), 0

    def _compute(self, key: bytes, face: tuple[Picture, Box]) -> None:
        known = self._known
        assert known is not None  # Only this thread adds to it.
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
        """Beyond the limit, faces asked for now are kept first, then those computed last."""
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
            pass  # A full disk, or a project that is gone: the next start computes them again.


def _features(pixels: Pixels, duplicates: frozenset[bytes] = frozenset()) -> Features:
    return Features(pixels, describe(scaled(pixels)), duplicates)
