"""Reading a database file without writing anything beside it."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from labeler.errors import LockedError

#: Seconds for another process to finish its transaction, such as `labeler import` beside an open page.
PATIENCE = 10.0
#: What is raised for a file that cannot be read; the latter for an error whose words quote a damaged page.
BROKEN = (sqlite3.DatabaseError, UnicodeDecodeError)
#: What SQLite says of a file that another program keeps locked.
LOCKED = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
#: What SQLite puts at the end of the name of a file's write-ahead log and of the log's index.
LOG, INDEX = "-wal", "-shm"


def memory_copy(path: Path) -> sqlite3.Connection:
    """A copy of the database in the file `path`, in memory, usable by all threads. Raises BROKEN."""
    copy = sqlite3.connect(":memory:", check_same_thread=False)
    try:
        with reading(path) as connection:
            connection.backup(copy)
    except BaseException:
        copy.close()
        raise
    return copy


@contextmanager
def reading(path: Path, *, patience: float = PATIENCE) -> Iterator[sqlite3.Connection]:
    """A connection of its own that only reads `path`, so that no writer waits for it. Raises BROKEN.

    Another program that keeps the file locked has `patience` seconds to let go of it.

    Where nothing can be written, SQLite does not read a file that keeps a log: then it reads the file as one that does
    not change or, where the log holds something, copies of both in a temporary folder.
    """
    address = f"{path.resolve().as_uri()}?mode=ro"
    with closing(sqlite3.connect(address, uri=True, timeout=patience)) as connection:
        if _can_read(connection):
            yield connection
            return
    log = path.with_name(path.name + LOG)
    if not (log.is_file() and log.stat().st_size):
        with closing(sqlite3.connect(f"{address}&immutable=1", uri=True)) as connection:
            yield connection
        return
    with tempfile.TemporaryDirectory(prefix="labeler-") as folder:
        for file in (path, log):
            shutil.copyfile(file, Path(folder) / file.name)
        with closing(sqlite3.connect(Path(folder) / path.name)) as connection:
            yield connection


def _can_read(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        if is_locked(error):
            raise
        return False
    return True


def is_locked(error: Exception) -> bool:
    """Whether `error` says that another program keeps the file locked."""
    return code_of(error) in LOCKED


def code_of(error: Exception) -> int:
    """The primary result code of an error of SQLite, of which an extended one holds it in its lowest byte; or 0."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def locked(path: Path) -> LockedError:
    """The error for a file that another program keeps locked."""
    return LockedError(f"another program keeps {path} locked: close it and try again")
