"""Reading a database file without writing anything beside it."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

#: What is raised for a file that cannot be read; the latter for an error whose words quote a damaged page.
BROKEN = (sqlite3.DatabaseError, UnicodeDecodeError)
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
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection of its own that only reads `path`, so that no writer waits for it. Raises BROKEN.

    Where nothing can be written, SQLite does not read a file that keeps a log: then it reads the file as one that does
    not change or, where the log holds something, copies of both in a temporary folder.
    """
    address = f"{path.resolve().as_uri()}?mode=ro"
    with closing(sqlite3.connect(address, uri=True, timeout=10)) as connection:
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
    except sqlite3.OperationalError:
        return False
    return True
