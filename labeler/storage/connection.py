"""One SQLite connection to a project's labels.db, shared by all threads."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from labeler.errors import DamagedError, StorageError
from labeler.storage import checksums
from labeler.storage.files import BROKEN, PATIENCE, code_of, is_locked, locked, memory_copy
from labeler.storage.migrations import MIGRATIONS, migrate, version_of
from mdmd.errors import DataError
from mdmd.files import parse_json

#: What SQLite says where a file or its disk cannot be written.
CANNOT_WRITE = (
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_AUTH,
)


class Connection:
    """The open file `path`, migrated to the newest schema. One lock serves all threads.

    `migrates` is called before an older file is migrated. Where nothing can be written, on a full disk or in another
    user's folder, `read_only` says why: the labels are then a copy in memory, as they were when the file was opened. An
    edit opens the file again, and is refused if it still cannot be written.

    Raises StorageError if the file cannot be read, LockedError if another program keeps it locked, and DamagedError
    if it is not a usable label database.
    """

    def __init__(self, path: Path, *, migrates: Callable[[], object] = lambda: None) -> None:
        self._lock = threading.RLock()
        self._inside = False  # a transaction, of the thread that holds the lock
        self._path, self._migrates = path, migrates
        #: Why nothing can be written; None if it can.
        self.read_only: str | None = None
        self._reopened = 0
        is_new = not path.exists()
        try:
            if is_new:
                path.touch()  # SQLite makes files of 0644 at most; -wal and -shm get the mode of this file
            elif path.stat().st_size == 0:
                raise DamagedError(f"{path} is empty (0 bytes): it held the labels of its project")
            self.db = _writable(path, migrates)
        except OSError as error:
            raise _cannot_be_opened(path, error.strerror) from None
        except StorageError as error:  # no copy could be made of a file that is to be migrated
            self.db, self.read_only = _in_memory(path), str(error)
        except sqlite3.OperationalError as error:
            if is_locked(error):
                raise locked(path) from None
            if is_new or code_of(error) not in CANNOT_WRITE:
                raise _cannot_be_opened(path, error) from None
            full = code_of(error) == sqlite3.SQLITE_FULL
            why = f"the disk of {path.parent} is full" if full else f"nothing can be written into {path.parent}"
            self.db, self.read_only = _in_memory(path), why
        except BROKEN as error:
            raise _damaged(path, error) from None
        self._identity = _identity(path)

    def is_file(self, path: Path) -> bool:
        """Whether `path` is still the file that was opened. A project folder may have been replaced."""
        try:
            return _identity(path) == self._identity
        except OSError:
            return False

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self.db.close()

    def copy(self, path: Path) -> None:
        """Write a copy of the database to the new file `path`. Raises StorageError if the disk refuses."""
        with self._lock:
            try:
                self.db.execute("VACUUM INTO ?", (str(path),))
            except BROKEN as error:
                raise StorageError(f"the labels could not be copied: {error}") from error

    @contextmanager
    def transaction(self, *, synced: bool = True) -> Iterator[Database]:
        """Commit the statements inside, or none if an error is raised.

        Without `synced` it may be missing after a power cut, until `sync` or another transaction is done; the file is
        whole all the same, and a process that is killed loses nothing.

        Raises StorageError if the disk refuses, and LockedError if another program does not let go of the file.

        Inside another transaction it is a part of it, so the outer block must not go on after an error.
        """
        with self._lock:
            if self._inside:
                yield self.db
                return
            if self.read_only is not None:
                self._open_again()
            try:
                if not synced:
                    self.db.execute("PRAGMA synchronous = NORMAL")
                self.db.execute("BEGIN IMMEDIATE")
                self._inside = True
                yield self.db
                self.db.execute("COMMIT")
            except sqlite3.IntegrityError:
                self.db.rollback()
                raise
            except BROKEN as error:
                with suppress(*BROKEN):
                    self.db.rollback()
                if is_locked(error):
                    raise locked(self._path) from error
                raise StorageError(f"the labels could not be written, nothing was changed: {error}") from error
            except BaseException:
                self.db.rollback()
                raise
            finally:
                self._inside = False
                if not synced:
                    self.db.execute("PRAGMA synchronous = FULL")

    def sync(self) -> None:
        """Wait until all that was committed is on the disk."""
        with self._lock:
            self.db.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def _open_again(self) -> None:
        """Open the file for writing, of which there was only a copy in memory. Raises StorageError if that fails."""
        try:
            database = _writable(self._path, self._migrates)
        except (*BROKEN, StorageError):
            raise StorageError(f"nothing was changed, this project can only be looked at: {self.read_only}") from None
        self.db.close()
        self.db, self.read_only = database, None
        self._reopened += 1

    def rows(self, sql: str, *parameters: Any) -> list[dict[str, Any]]:
        """The rows that a query returns, each by column name. Raises StorageError if the file cannot be read."""
        with self._lock:
            try:
                cursor = self.db.execute(sql, parameters)
                names = [column[0] for column in cursor.description]
                return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
            except BROKEN as error:
                raise StorageError(f"the labels could not be read: {error}") from error

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, for several queries. Raises StorageError if the file cannot be read."""
        with self._lock:
            try:
                yield self.db.conn
            except BROKEN as error:
                raise StorageError(f"the labels could not be read: {error}") from error

    def stamp(self) -> tuple[int, int]:
        """A value that changes with every write, by this or another process. Raises StorageError as `rows` does."""
        with self.reading() as connection:
            version = connection.execute("PRAGMA data_version").fetchone()[0]
            return version, (self._reopened << 40) + connection.total_changes


def record_in(text: str, what: str) -> dict[str, Any]:
    """The JSON object in a column of the row that `what` names. Raises DamagedError for anything else."""
    try:
        found = parse_json(text, f"{what} cannot be read")
        if not isinstance(found, dict):
            raise DataError(f"{what} cannot be read: found a JSON {type(found).__name__}, wanted an object")
    except DataError as error:
        raise DamagedError(f"labels.db is damaged: {error}") from None
    return found


def _writable(path: Path, migrates: Callable[[], object]) -> Database:
    """The open file. Raises sqlite3.OperationalError if it cannot be written."""
    connection = sqlite3.connect(path, timeout=PATIENCE, check_same_thread=False)
    try:
        checksums.install(connection)
        database = Database(connection, strict=True)
        database.execute("PRAGMA foreign_keys = ON")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        if 0 < version_of(connection, where=str(path)) < len(MIGRATIONS):
            migrates()
        migrate(database, where=str(path))
        _must_take_writes(connection)
    except BaseException:
        connection.close()
        raise
    return database


def _must_take_writes(connection: sqlite3.Connection) -> None:
    """Raise sqlite3.OperationalError for a file that cannot be written: it opens without a word."""
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.rollback()
    except sqlite3.OperationalError as error:
        if not is_locked(error):  # while another program writes, this one can read
            raise
    connection.execute(f"PRAGMA busy_timeout = {1000 * PATIENCE:.0f}")


def _in_memory(path: Path) -> Database:
    """A copy of the file in memory, migrated. Raises StorageError if it cannot be read, and DamagedError."""
    try:
        connection = memory_copy(path)
        checksums.install(connection)
        database = Database(connection, strict=True)
        migrate(database, where=str(path))
    except (sqlite3.OperationalError, OSError) as error:
        raise StorageError(f"{path} cannot be read: {error}") from None
    except BROKEN as error:
        raise _damaged(path, error) from None
    return database


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino


def _cannot_be_opened(path: Path, error: object) -> StorageError:
    return StorageError(f"{path} cannot be opened for writing: {error} (is its folder read-only, or the disk full?)")


def _damaged(path: Path, error: object) -> DamagedError:
    return DamagedError(f"{path} is not a usable label database: {error}")
