"""All projects in one folder. Projects are created atomically, and each is opened once."""

from __future__ import annotations

import os
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from labeler.errors import NoProjectError, StorageError
from labeler.project.definition import next_category
from labeler.project.leftovers import clear_partial
from labeler.project.project import Project
from labeler.project.safekeeping import FOLDER as BACKUPS
from labeler.project.safekeeping import restore
from labeler.project.settings import Settings, write_settings
from labeler.project.trash import Trash
from labeler.storage.backups import Backup, Backups
from labeler.storage.store import Store
from mdmd.data.definition import Definition
from mdmd.data.text import shown
from mdmd.errors import DataError
from mdmd.files import copy_folder, new_folder, remove_folder

#: The folders of a project that a copy has too; its cache is made again.
COPIED = ("images", "runs")
#: The folders of the bases that trainings start from, and of sources.
BASES, SOURCES = ".bases", ".sources"


class Workspace:
    """All projects in the folder `root`. Safe to share between threads."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock = threading.Lock()
        self._open: dict[str, Project] = {}
        self.trash = Trash(root)
        self._cleared = False

    def names(self) -> list[str]:
        """The names of the projects, sorted."""
        if not self.root.is_dir():
            return []
        return sorted(path.parent.name for path in self.root.glob("[!.]*/project.json"))

    def name_problem(self, name: str) -> str | None:
        """Why no new project can have this name; None if one can."""
        taken = {path.name.casefold() for path in self._folders()}
        if name.casefold() in taken:
            return f"there is already a project named {name!r} in {self.root}"
        return name_problem(name)

    def create(self, name: str, *, definition: Definition | None = None) -> Project:
        """Create a project without pictures; raises DataError for an invalid or taken name."""
        with self._lock:
            self._must_be_free(name)
            self.root.mkdir(parents=True, exist_ok=True)
            clear_partial(self.root, deep=False)
            with new_folder(self.root / name) as making:
                (making / "images").mkdir()
                write_settings(making, name, Settings())
                store = Store(making / "labels.db")
                if definition:
                    store.definitions.save(next_category(definition.to_category(), ()), None, edited_from=0)
                store.close()
        return self.open(name)

    @contextmanager
    def making(self, name: str, *, definition: Definition | None = None) -> Iterator[Project]:
        """A new project for the block to add pictures to. If there are none at its end, the project is removed."""
        project = self.create(name, definition=definition)
        try:
            yield project
        finally:
            if not project.store.images():
                self.remove(name)

    def open(self, name: str) -> Project:
        """The project of that name, the same object for all callers; raises NoProjectError if there is none."""
        with self._lock:
            folder = self.folder(name)
            known = self._open.get(name)
            if known and not known.store.connection.is_file(folder / "labels.db"):
                # The folder was replaced: edits in the old database would be lost.
                self._open.pop(name).store.close()  # no mark: it would be written beside the other file
                known = None
            return known or self._open.setdefault(name, Project(folder))

    def rename(self, name: str, new: str) -> None:
        """Give a project another name. Raises DataError for an invalid or taken name."""
        project = self.open(name)
        with self._lock:
            if new.casefold() != name.casefold():
                self._must_be_free(new)
            elif problem := name_problem(new):
                raise DataError(problem)
        try:
            with self._closed(name):
                os.rename(project.folder, self.root / new)
        except OSError as error:
            raise StorageError(f"project {name!r} could not be renamed: {error.strerror}") from None
        renamed = self.open(new)
        renamed.change_settings()  # the record names the project

    def duplicate(self, name: str, new: str) -> None:
        """Copy a project, with pictures, labels and runs, under another name.

        Raises DataError for an invalid or taken name.
        """
        project = self.open(name)
        with self._lock:
            self._must_be_free(new)
        try:
            with new_folder(self.root / new) as making:
                for part in COPIED:
                    if (project.folder / part).is_dir():
                        copy_folder(project.folder / part, making / part)
                project.store.copy(making / "labels.db")
                write_settings(making, new, project.settings)
        except OSError as error:
            raise StorageError(f"project {name!r} could not be copied: {error.strerror}") from None

    def delete(self, name: str) -> Path:
        """Move a project to the trash; returns where it lies."""
        project = self.open(name)
        with self._closed(name):
            return self.trash.take(project.folder)

    def remove(self, name: str) -> None:
        """Remove a project for good, past the trash."""
        with self._closed(name):
            remove_folder(self.root / name)

    def put_back(self, key: str) -> str:
        """Bring a deleted project back; returns its name. Raises DataError if a project has that name now."""
        deleted = self.trash.project(key)
        with self._lock:
            self._must_be_free(deleted.name)
        self.trash.give_back(deleted.path, self.root / deleted.name)
        return deleted.name

    def clear_leftovers(self) -> dict[str, str]:
        """Clear away what killed processes have left, once: partial files in all folders, pictures in open projects.

        Returns the problem of each project whose folder cannot be written. See `labeler.project.leftovers`.
        """
        if not self._cleared:
            self._cleared = True
            clear_partial(self.root, deep=False)
            for name in (BASES, SOURCES, *self.names()):
                clear_partial(self.root / name)
        problems = {}
        for name in self.opened():
            try:
                self.open(name).clear_leftovers()
            except (DataError, OSError) as error:
                problems[name] = f"what killed processes left cannot be cleared away: {error}"
        return problems

    def opened(self) -> list[str]:
        """Names of the projects that are open and can be written."""
        with self._lock:
            return [name for name, project in self._open.items() if project.read_only is None]

    def restore(self, name: str, number: int) -> Backup:
        """Go back to a copy of a project's labels, even if they cannot be opened; returns it.

        Files of pictures that the copy knows come back from the trash. Raises NotFoundError, DamagedError and
        StorageError.
        """
        folder = self.folder(name)
        with self._closed(name):
            chosen = restore(folder, number)
        project = self.open(name)
        for picture in project.store.images():
            file = project.images / picture.file_name
            digests = {picture.sha256, project.store.file_digest(picture.id) or ""}
            if not file.exists() and (found := self.trash.picture(picture.file_name, digests)):
                self.trash.give_back(found, file)
        return chosen

    def backups(self, name: str) -> Backups:
        """The copies of a project's labels. Raises NoProjectError."""
        folder = self.folder(name)
        return Backups(folder / BACKUPS, folder / "labels.db")

    def folder(self, name: str) -> Path:
        """The folder of the project of that name. Raises NoProjectError if there is none."""
        folder = self.root / name
        if name_problem(name) or not (folder / "project.json").is_file():
            there = ", ".join(self.names()) or "none yet"
            raise NoProjectError(f"there is no project named {shown(name)} in {self.root} (there are: {there})")
        return folder

    def forget(self, name: str) -> None:
        """Close a project's database. The next `open` opens it anew."""
        with self._closed(name):
            pass

    @contextmanager
    def _closed(self, name: str) -> Iterator[None]:
        """Close a project's database. It cannot be opened while the block moves or replaces its folder."""
        with self._lock:
            project = self._open.pop(name, None)
            if project:
                project.close()
            yield

    def close(self) -> None:
        """Close the databases of all open projects."""
        with self._lock:
            for project in self._open.values():
                project.close()
            self._open.clear()

    def _must_be_free(self, name: str) -> None:
        problem = self.name_problem(name)
        if problem:
            raise DataError(problem)

    def _folders(self) -> list[Path]:
        return [path for path in self.root.iterdir() if path.is_dir()] if self.root.is_dir() else []


def name_problem(name: str) -> str | None:
    """Why `name` is not a valid project name; None if it is."""
    if not 1 <= len(name) <= 60:
        return f"a project's name has 1 to 60 characters, found {len(name)}"
    wrong = [c for c in name if not (c.isalnum() or unicodedata.category(c)[0] == "M" or c in " -_")]
    if wrong:
        return f"a project's name holds letters, digits, spaces, - and _ only, found {wrong[0]!r} in {name!r}"
    if name != name.strip():
        return f"a project's name neither starts nor ends with a space, found {name!r}"
    return None
