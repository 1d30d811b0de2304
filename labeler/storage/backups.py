"""Copies of labels.db, made by SQLite's backup API while others go on reading and writing, and going back to one.

They lie in a folder beside the database, as `0007 2026-11-29 19.38.12 import.db`: a number that only rises, whatever
the clock says, the time, and why the copy was made (`REASONS`). Their number and size are bounded.
"""

from __future__ import annotations

import os
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlite_utils import Database

from labeler.errors import DamagedError, NotFoundError, StorageError
from labeler.storage import checksums
from labeler.storage.contents import Contents, Loss, Numbers, contents_of, loss, numbers_of, raise_numbers
from labeler.storage.files import BROKEN, INDEX, LOCKED, LOG, PATIENCE, is_locked, locked, memory_copy, reading
from labeler.storage.migrations import MIGRATIONS, migrate, version_of
from mdmd.files import written

#: Why copies are made, as the end of their names, and in words.
REASONS = {
    "opened": "when the project was opened",
    "edits": "after more edits",
    "update": "before a newer labeler changed the format",
    "import": "before labels came in",
    "schema": "before the landmarks changed",
    "subjects": "before subjects were set",
    "batch": "before points were accepted together",
    "restore": "before going back to a copy",
    "asked": "by hand",
}
#: The newest copies stay, and of older ones the newest of each day, up to this many and so many bytes in all.
RECENT, MOST, LARGEST = 12, 40, 1_000_000_000
#: Whatever their size, this many stay.
FEWEST = 2
NAME = re.compile(r"(\d{4,}) (\d{4}-\d\d-\d\d \d\d\.\d\d\.\d\d) (\w+)\.db")


@dataclass(frozen=True)
class Backup:
    """The copy `number`, made at the local time `when` for the `reason`."""

    number: int
    when: str
    reason: str
    path: Path

    @property
    def words(self) -> str:
        """ "2026-11-29 19:38, before labels came in"."""
        return f"{self.when[:-3].replace('.', ':')}, {REASONS.get(self.reason, self.reason)}"


class Backups:
    """The copies of the database `path` in `folder`. `clock` gives Unix seconds. Safe to share between threads.

    Another program that keeps the database locked has `patience` seconds to let go of it.
    """

    def __init__(
        self, folder: Path, path: Path, *, clock: Callable[[], float] = time.time, patience: float = PATIENCE
    ) -> None:
        self.folder = folder
        self._path, self._clock, self._patience = path, clock, patience
        self._lock = threading.Lock()
        self._newest: tuple[Path, checksums.Summary] | None = None
        self._unchecked: list[Backup] = []

    def all(self) -> list[Backup]:
        """The newest first."""
        names = os.listdir(self.folder) if self.folder.is_dir() else []
        found = [(match, name) for name in names if (match := NAME.fullmatch(name))]
        copies = [Backup(int(match[1]), match[2], match[3], self.folder / name) for match, name in found]
        return sorted(copies, key=lambda copy: copy.number, reverse=True)

    @property
    def unchecked(self) -> bool:
        """Whether `check_new` has something to do."""
        return bool(self._unchecked)

    def backup(self, number: int) -> Backup:
        """The copy with this number. Raises NotFoundError."""
        found = next((copy for copy in self.all() if copy.number == number), None)
        if found is None:
            there = ", ".join(str(copy.number) for copy in reversed(self.all())) or "none"
            raise NotFoundError(f"there is no copy {number} (there are: {there})")
        return found

    def make(self, reason: str, *, check: bool = True) -> Backup | None:
        """Make a copy; None if the newest one holds the same words.

        Without `check` the copy is not read again, which takes longest; `check_new` does that later. Raises
        StorageError if the disk refuses, and DamagedError, keeping the older copies, if the database is damaged.
        """
        with self._lock:
            try:
                with reading(self._path, patience=self._patience) as live:
                    if not live.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                        raise DamagedError(f"{self._path} is empty")
                    found = checksums.summary(live)
                    if found is not None and found == self._summary_of_newest():
                        return None
                    return self._write(live, reason, check=check)
            except sqlite3.OperationalError as error:
                raise StorageError(f"no copy of {self._path} could be made: {error}") from None
            except BROKEN as error:
                raise DamagedError(f"{self._path} is damaged: {error}") from None
            except OSError as error:
                raise StorageError(f"no copy of {self._path} could be made: {error.strerror or error}") from None

    def _write(self, live: sqlite3.Connection, reason: str, *, check: bool) -> Backup:
        self.folder.mkdir(exist_ok=True)
        newest = next(iter(self.all()), None)
        number = 1 + (newest.number if newest else 0)
        when = time.strftime("%Y-%m-%d %H.%M.%S", time.localtime(self._clock()))
        made = Backup(number, when, reason, self.folder / f"{number:04} {when} {reason}.db")

        def copy(partial: Path) -> None:
            with closing(sqlite3.connect(partial)) as target:
                live.backup(target)
                target.execute("PRAGMA journal_mode = DELETE")  # it is a file of its own

        with written(self.folder, made.path.name, copy) as partial:
            with reading(partial) as connection:
                found = checksums.summary(connection)
                damage = checksums.problems(connection) if check else []
            if damage:
                raise DamagedError(f"{self._path} is damaged: {'; '.join(damage)}")
            with partial.open("rb") as file:
                os.fsync(file.fileno())
            os.replace(partial, made.path)
        self._newest = None if found is None else (made.path, found)
        if check:
            self._drop_surplus()
        else:
            self._unchecked.append(made)
        return made

    def check_new(self) -> None:
        """Check the copies that were made without. One that is damaged is removed, and DamagedError is raised."""
        while self._unchecked:
            made = self._unchecked.pop()
            # Without the lock: a person may be waiting for the next copy.
            damage = self.problems(made) if made.path.is_file() else []
            if damage:
                with self._lock:
                    made.path.unlink(missing_ok=True)
                    self._newest = None
                raise DamagedError(f"{self._path} is damaged: {'; '.join(damage)}")
        with self._lock:
            self._drop_surplus()

    def _summary_of_newest(self) -> checksums.Summary | None:
        newest = next(iter(self.all()), None)
        if newest is None:
            return None
        if self._newest is None or self._newest[0] != newest.path:
            with reading(newest.path) as connection:
                found = checksums.summary(connection)
            self._newest = None if found is None else (newest.path, found)
        return self._newest[1] if self._newest else None

    def _drop_surplus(self) -> None:
        copies = self.all()
        for copy in surplus(copies, [each.path.stat().st_size for each in copies]):
            copy.path.unlink(missing_ok=True)

    def contents(self, backup: Backup) -> Contents:
        """What a copy holds. Raises DamagedError if it cannot be read."""
        with self._opened(backup) as connection:
            return contents_of(connection)

    def loss(self, contents: Contents) -> Loss | None:
        """What going back to a copy with these `contents` would lose; None if the database cannot be read."""
        try:
            with reading(self._path, patience=self._patience) as live:
                return loss(live, contents)
        except (*BROKEN, DamagedError):
            return None

    def damage(self) -> list[str]:
        """What is damaged in the database itself, as sentences. It reads all of it. Raises LockedError."""
        try:
            with reading(self._path, patience=self._patience) as connection:
                return checksums.problems(connection)
        except BROKEN as error:
            if is_locked(error):
                raise locked(self._path) from None
            return [f"it cannot be read ({error})"]

    def problems(self, backup: Backup) -> list[str]:
        """What is damaged in a copy, as sentences."""
        with reading(backup.path) as connection:
            return checksums.problems(connection)

    def restore(self, backup: Backup, *, given: Numbers | None = None) -> None:
        """Put a copy in the place of the database, which is copied before; its connections see an edit of another one.

        Numbers that were given since then, in the database or as `given`, are not given again. A damaged database is
        moved into the folder of copies. Raises StorageError, and, changing nothing, LockedError, or DamagedError if the
        copy is broken.
        """
        if damage := self.problems(backup):
            raise DamagedError(f"the copy {backup.path} is damaged: {'; '.join(damage)}; choose another one")
        with self._opened(backup) as copy:
            try:
                raise_numbers(copy, given or {})
                try:
                    if not self._path.is_file() or self.damage():
                        raise DamagedError(f"{self._path} is damaged")
                    self.make("restore")
                    with reading(self._path, patience=self._patience) as now:
                        numbers = numbers_of(now)
                    raise_numbers(copy, numbers)
                except DamagedError:
                    self._move_away()
                with closing(sqlite3.connect(self._path, timeout=self._patience)) as target:
                    copy.backup(target, progress=self._not_locked)
            except BROKEN as error:
                raise StorageError(f"the labels could not be put back: {error}") from None
            except OSError as error:
                raise StorageError(f"the labels could not be put back: {error.strerror or error}") from None

    def _not_locked(self, status: int, _remaining: int, _pages: int) -> None:
        """Ends a copying that would be tried again and again. SQLite has waited already."""
        if status in LOCKED:
            raise locked(self._path)

    def _move_away(self) -> None:
        """Move the damaged database with its log into the folder of copies."""
        when = time.strftime("%Y-%m-%d %H.%M.%S", time.localtime(self._clock()))
        folder = self.folder / f"damaged {when}"
        folder.mkdir(parents=True, exist_ok=True)
        for end in ("", LOG, INDEX):
            file = self._path.with_name(self._path.name + end)
            if file.exists():
                os.replace(file, folder / file.name)

    @contextmanager
    def _opened(self, backup: Backup) -> Iterator[sqlite3.Connection]:
        """The database of a copy, in memory and with today's schema."""
        try:
            connection = memory_copy(backup.path)
        except (*BROKEN, OSError) as error:
            raise DamagedError(f"the copy {backup.path} cannot be read: {error}") from None
        with closing(connection):
            try:
                checksums.install(connection)
                if version_of(connection, where=str(backup.path)) < len(MIGRATIONS):
                    migrate(Database(connection), where=str(backup.path))
                yield connection
            except BROKEN as error:
                raise DamagedError(f"the copy {backup.path} cannot be read: {error}") from None


def surplus(copies: Sequence[Backup], sizes: Sequence[int]) -> list[Backup]:
    """Which copies are to go, of all, the newest first, with their sizes in bytes."""
    kept, days, total = 0, set[str](), 0
    going = []
    for k, (copy, size) in enumerate(zip(copies, sizes, strict=True)):
        day = copy.when[:10]
        wanted = k < RECENT or day not in days
        if k < FEWEST or (wanted and kept < MOST and total + size <= LARGEST):
            kept, total = kept + 1, total + size
            days.add(day)
        else:
            going.append(copy)
    return going
