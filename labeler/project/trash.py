"""The trash: what was deleted lies in a hidden folder of the projects root until the trash is emptied."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from labeler.errors import NotFoundError, StorageError
from labeler.pictures.ingest import sha256_of

#: The name of the folder. Each deletion has a folder of its own in it, named after its time, which holds what was
#: deleted under its path below the projects root.
FOLDER = ".trash"


@dataclass(frozen=True)
class TrashedProject:
    """A deleted project: its name, where it lies, and when it was deleted."""

    name: str
    path: Path
    when: str

    @property
    def key(self) -> str:
        """Its place in the trash."""
        return f"{self.when}/{self.name}"


class Trash:
    """The trash of the projects folder `root`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.folder = root / FOLDER

    def take(self, path: Path) -> Path:
        """Move a file or folder below the projects root here; returns where it lies. Raises StorageError."""
        return self.take_all([path]) / path.relative_to(self._root)

    def take_all(self, paths: Iterable[Path]) -> Path:
        """Move files or folders here as one deletion; returns its folder. Raises StorageError at the first failure."""
        folder = self._new_place()
        for path in paths:
            place = folder / path.relative_to(self._root)
            try:
                place.parent.mkdir(parents=True, exist_ok=True)
                os.rename(path, place)
            except OSError as error:
                raise StorageError(f"{path} could not be moved to the trash: {error.strerror}") from None
        return folder

    def projects(self) -> list[TrashedProject]:
        """The deleted projects, the last one first."""
        found = [path.parent for path in self.folder.glob("*/*/project.json")]
        return sorted((TrashedProject(p.name, p, p.parent.name) for p in found), key=lambda p: p.when, reverse=True)

    def project(self, key: str) -> TrashedProject:
        """The deleted project with this key. Raises NotFoundError if it is not here any more."""
        found = next((project for project in self.projects() if project.key == key), None)
        if found is None:
            raise NotFoundError("this project is not in the trash any more")
        return found

    def picture(self, file_name: str, digests: set[str]) -> Path | None:
        """The file of a removed picture: one of this name with one of these SHA-256 digests; None if it is gone.

        Pictures of deleted projects are not among them: they belong to these.
        """
        files = (path for path in self.folder.glob("*/*/images/*") if path.name == file_name)
        alone = (path for path in files if not (path.parent.parent / "project.json").exists())
        return next((path for path in alone if sha256_of(path) in digests), None)

    def give_back(self, path: Path, place: Path) -> None:
        """Move `path` out of the trash, to `place`. Raises StorageError."""
        try:
            os.rename(path, place)
        except OSError as error:
            raise StorageError(f"{path} could not be put back: {error.strerror}") from None
        self._tidy(path.parent)

    def drop(self, path: Path) -> None:
        """Delete one file from the trash for good."""
        path.unlink(missing_ok=True)
        self._tidy(path.parent)

    def size(self) -> int:
        """Bytes of all that lies here."""
        return sum(entry.lstat().st_size for entry in self._files())

    def empty(self) -> None:
        """Delete for good what lies here. Raises StorageError if something cannot be deleted."""
        try:
            shutil.rmtree(self.folder)
        except FileNotFoundError:
            return
        except OSError as error:
            raise StorageError(f"the trash could not be emptied: {error.filename}: {error.strerror}") from None

    def _files(self) -> Iterator[Path]:
        for folder, _, names in os.walk(self.folder):
            yield from (path for name in names if os.path.lexists(path := Path(folder, name)))

    def _new_place(self) -> Path:
        now = time.strftime("%Y-%m-%d %H.%M.%S")
        names = (now if k == 0 else f"{now} {k + 1}" for k in range(1000))
        return next(self.folder / name for name in names if not (self.folder / name).exists())

    def _tidy(self, folder: Path) -> None:
        """Remove the folders that have become empty."""
        while folder != self._root and not any(folder.iterdir()):
            folder.rmdir()
            folder = folder.parent
