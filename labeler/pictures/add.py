"""Add pictures to a project: the file goes under images/, its digest into the database."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from labeler.pictures.ingest import ingest, sha256_of, shown_name
from labeler.pictures.integrity import OriginalFiles
from labeler.storage.records import Picture
from labeler.storage.store import Store
from mdmd.data.images import pictures_in
from mdmd.data.records import Box
from mdmd.errors import DataError


@dataclass(frozen=True)
class IngestReport:
    """The numbers of pictures that were added and that existed already, and (name, reason) of each refused one."""

    added: int
    already: int
    refused: list[tuple[str, str]]


class Intake:
    """Adds pictures to a project's `store` and folder `images`. Safe to share between threads."""

    def __init__(self, store: Store, images: Path, originals: OriginalFiles) -> None:
        self._store, self._images, self._originals = store, images, originals
        self._adding = threading.Lock()

    def add_all(self, paths: Iterable[Path]) -> IngestReport:
        """Add files and all pictures in folders; a refused file does not stop the others.

        Raises DataError for a folder without pictures.
        """
        files = [file for path in paths for file in (pictures_in(path) if path.is_dir() else [path])]
        added = already = 0
        refused = []
        for file in files:
            try:
                _, new = self.add(file)
            except DataError as error:
                refused.append((shown_name(file), str(error)))
            else:
                added += new
                already += not new
        return IngestReport(added, already, refused)

    def add(
        self, path: Path, *, split: str = "train", subject: str | None = None, boxes: Iterable[Box] = ()
    ) -> tuple[Picture, bool]:
        """Add one picture; returns it and whether it is new. A file with the same bytes is not added again.

        Raises DataError for a file that is not a usable picture.
        """
        with self._adding:
            digest = sha256_of(path)
            known = self._store.image_by_hash(digest)
            if known:
                return known, False
            stored = ingest(path, self._images)
            try:
                picture = self._store.add_image(
                    stored.file_name,
                    name=shown_name(path),
                    width=stored.width,
                    height=stored.height,
                    sha256=digest,
                    split=split,
                    subject=subject,
                    boxes=boxes,
                )
            except BaseException:
                (self._images / stored.file_name).unlink()
                known = self._store.image_by_hash(digest)  # another process may have just added it
                if known:
                    return known, False
                raise
            self._originals.remember(picture)
        return picture, True
