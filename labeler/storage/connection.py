"""One SQLite connection to a project's labels.db, shared by all threads."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from labeler.errors import StorageError
from labeler.storage.migrations import migrate
from mdmd.errors import DataError


class Connection:
    """The open file `path`, migrated to the newest schema. One lock serves all threads.

    Raises StorageError if the file cannot be opened for writing, and DataError if it is not a label database.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._inside = False  # a transaction, of the thread that holds the lock
        # The timeout lets another process finish its transaction, such as `labeler import` beside an open page.
        try:
            if not path.exists():
                path.touch()  # SQLite makes files of 0644 at most; -wal and -shm get the mode of this file
            connection = sqlite3.connect(path, timeout=10, check_same_thread=False)
        except OSError as error:
            raise _cannot_be_opened(path, error.strerror) from None
        except sqlite3.OperationalError as error:
            raise _cannot_be_opened(path, error) from None
        try:
            self.db = Database(connection, strict=True)
            self.db.execute("PRAGMA foreign_keys = ON")
            self.db.execute("PRAGMA journal_mode = WAL")
            self.db.execute("PRAGMA synchronous = FULL")
            migrate(self.db, where=str(path))
            self._identity = _identity(path)
        except sqlite3.OperationalError as error:
            connection.close()
            raise _cannot_be_opened(path, error) from None
        except sqlite3.DatabaseError as error:
            connection.close()
            raise DataError(f"{path} is not a usable label database: {error}") from None
        except BaseException:
            connection.close()
            raise

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
            except sqlite3.DatabaseError as error:
                raise StorageError(f"the labels could not be copied: {error}") from error

    @contextmanager
    def transaction(self) -> Iterator[Database]:
        """Commit the statements inside, or none if an error is raised. Raises StorageError if the disk refuses.

        Inside another transaction it is a part of it, so the outer block must not go on after an error.
        """
        with self._lock:
            if self._inside:
                yield self.db
                return
            try:
                self.db.execute("BEGIN IMMEDIATE")
                self._inside = True
                yield self.db
                self.db.execute("COMMIT")
            except sqlite3.IntegrityError:
                self.db.rollback()
                raise
            except sqlite3.DatabaseError as error:
                with suppress(sqlite3.DatabaseError):
                    self.db.rollback()
                raise StorageError(f"the labels could not be written, nothing was changed: {error}") from error
            except BaseException:
                self.db.rollback()
                raise
            finally:
                self._inside = False

    def rows(self, sql: str, *parameters: Any) -> list[dict[str, Any]]:
        """The rows that a query returns, each by column name. Raises StorageError if the file cannot be read."""
        with self._lock:
            try:
                cursor = self.db.execute(sql, parameters)
                names = [column[0] for column in cursor.description]
                return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
            except sqlite3.DatabaseError as error:
                raise StorageError(f"the labels could not be read: {error}") from error

    def stamp(self) -> tuple[int, int]:
        """A value that changes with every write, by this or another process."""
        with self._lock:
            return self.db.execute("PRAGMA data_version").fetchone()[0], self.db.conn.total_changes


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino


def _cannot_be_opened(path: Path, error: object) -> StorageError:
    return StorageError(f"{path} cannot be opened for writing: {error} (is its folder read-only, or the disk full?)")
