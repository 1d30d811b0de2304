"""All projects in one folder. Projects are created atomically, and each is opened once."""

from __future__ import annotations

import shutil
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from labeler.errors import NotFoundError
from labeler.project.definition import next_category
from labeler.project.project import FORMAT, Project, Settings
from labeler.storage.store import Store
from mdmd.data.definition import Definition
from mdmd.data.text import shown
from mdmd.errors import DataError
from mdmd.files import new_folder, write_json


class Workspace:
    """All projects in the folder `root`. Safe to share between threads."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock = threading.Lock()
        self._open: dict[str, Project] = {}

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
            with new_folder(self.root / name) as making:
                (making / "images").mkdir()
                write_json(making / "project.json", {"name": name, "format": FORMAT, **asdict(Settings())})
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
                self.forget(name)
                shutil.rmtree(project.folder)

    def open(self, name: str) -> Project:
        """The project of that name, the same object for all callers; raises NotFoundError if there is none."""
        with self._lock:
            folder = self.root / name
            if name_problem(name) or not (folder / "project.json").is_file():
                there = ", ".join(self.names()) or "none yet"
                raise NotFoundError(f"there is no project named {shown(name)} in {self.root} (there are: {there})")
            known = self._open.get(name)
            if known and not known.store.connection.is_file(folder / "labels.db"):
                # The folder was replaced: edits in the old database would be lost.
                self._open.pop(name).store.close()
                known = None
            return known or self._open.setdefault(name, Project(folder))

    def opened(self) -> list[str]:
        """Names of the projects that are open."""
        with self._lock:
            return list(self._open)

    def forget(self, name: str) -> None:
        """Close a project's database, so that its folder can be removed."""
        with self._lock:
            project = self._open.pop(name, None)
            if project:
                project.store.close()

    def close(self) -> None:
        """Close the databases of all open projects."""
        with self._lock:
            for project in self._open.values():
                project.store.close()
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
