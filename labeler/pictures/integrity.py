"""The picture files of one project, and whether they are still the files that were added."""

from __future__ import annotations

import threading
from collections.abc import Collection
from pathlib import Path

from labeler.errors import ConflictError, NotFoundError
from labeler.pictures.ingest import sha256_of
from labeler.storage.records import Picture
from labeler.storage.store import Store
from mdmd.data.images import picture_size
from mdmd.errors import DataError


class OriginalFiles:
    """The files under `folder`. Thread-safe.

    A file is hashed once, and again if its size, its inode or one of its times changes. The time of change of status
    (ctime) is among them, which no program can set, so that another file of equal size and modification time is noticed
    too. Where it matters most, and for file systems that do not keep such times, files are hashed `anew`.
    """

    def __init__(self, store: Store, folder: Path) -> None:
        self._store = store
        self._folder = folder
        self._lock = threading.Lock()
        self._seen: dict[int, tuple[tuple[int, ...], str | None]] = {}

    def path(self, picture: Picture) -> Path:
        """The path of a picture's file. Raises NotFoundError if it is missing, ConflictError if it has changed."""
        problem = self.problem(picture)
        path = self._folder / picture.file_name
        if problem:
            raise (ConflictError if path.is_file() else NotFoundError)(problem)
        return path

    def problems(self, picture_ids: Collection[int], *, anew: bool = False) -> dict[int, str]:
        """Why files cannot be used, by picture; only those with a problem. See `problem`."""
        pictures = [picture for picture in self._store.images() if picture.id in picture_ids]
        found = ((picture.id, self.problem(picture, anew=anew)) for picture in pictures)
        return {key: problem for key, problem in found if problem is not None}

    def problem(self, picture: Picture, *, anew: bool = False) -> str | None:
        """Why a picture's file cannot be used, as a message for the user; None if it can.

        With `anew` the file is hashed whatever is known of it.
        """
        path = self._folder / picture.file_name
        try:
            stat = path.stat()
        except OSError:
            return f"the file {path} of picture {picture.name!r} is missing; its labels are kept: put the file back"
        stamp = (stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)
        with self._lock:
            known = self._seen.get(picture.id)
            if anew or known is None or known[0] != stamp:
                known = (stamp, self._changed(picture, path))
                self._seen[picture.id] = known
        return known[1]

    def remember(self, picture: Picture) -> None:
        """Record the digest of a picture's file."""
        self._store.add_file_digest(picture.id, sha256_of(self._folder / picture.file_name))

    def _changed(self, picture: Picture, path: Path) -> str | None:
        said = f"the file {path} of picture {picture.name!r} has changed since it was added; its labels are kept: "
        way_out = "put the old file back, or add this one under another name"
        try:
            digest, size = sha256_of(path), picture_size(path)
        except DataError as error:
            return f"{said}{error}"
        if size != (picture.width, picture.height):
            return f"{said}it has {size[0]} x {size[1]} pixels instead of {picture.width} x {picture.height}; {way_out}"
        first = self._store.file_digest(picture.id)
        if first is None:  # The project is older than the recording of digests.
            if self._store.connection.read_only is None:
                self._store.add_file_digest(picture.id, digest)
        elif first != digest:
            return f"{said}{way_out}"
        return None
