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
    """A connection that only reads `path`, with what its log holds. Raises BROKEN.

    SQLite itself reads a file with a log only if it may write beside it; then it reads copies in a temporary folder.
    """
    log = path.with_name(path.name + LOG)
    if not (log.is_file() and log.stat().st_size):
        # Without a log nobody is writing, and nothing needs to be locked.
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
            yield connection
        return
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=10)) as connection:
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.OperationalError:
            with tempfile.TemporaryDirectory(prefix="labeler-") as folder:
                for file in (path, log):
                    shutil.copyfile(file, Path(folder) / file.name)
                with closing(sqlite3.connect(Path(folder) / path.name)) as copied:
                    yield copied
            return
        yield connection
