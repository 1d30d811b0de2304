"""A mark beside labels.db that tells when edits are missing from it which were saved.

A database whose write-ahead log was deleted, or in whose place an older copy was put, is whole and says nothing. So
`labels.mark` records, at most a second behind, how many rows each table of a person's words has.
"""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from labeler.storage.connection import Connection
from labeler.storage.contents import Numbers, numbers_of
from mdmd.errors import DataError
from mdmd.files import read_json, write_json

NAME = "labels.mark"


#: The tables whose rows are counted: what is counted of each.
TABLES = {"actions": "edits", "images": "pictures", "definitions": "versions"}


@dataclass(frozen=True)
class Missing:
    """How many edits, pictures and versions of the landmarks were saved and are not in the database."""

    edits: int
    pictures: int
    versions: int

    @property
    def anything(self) -> bool:
        return bool(self.edits or self.pictures or self.versions)


class Mark:
    """The mark of the database that `connection` opened, in the file `path`.

    What is missing stays recorded in it until a person goes on without it (`accept`). Safe to share between threads.
    """

    def __init__(self, connection: Connection, path: Path) -> None:
        self._connection, self._path = connection, path
        self._lock = threading.Lock()
        self._stamp: tuple[int, int] | None = None
        record = _read(path)
        with connection.reading() as db:
            own = _rows(db)
        before = record.get("rows", {})
        lacks = {table: before.get(table, 0) - own.get(table, 0) for table in before}
        found = Missing(*(max(lacks.get(table, 0), 0) for table in TABLES))
        earlier = record.get("missing")
        self._missing = found if found.anything else Missing(**earlier) if earlier else None

    @property
    def missing(self) -> Missing | None:
        """What was saved and is not in the database; None if nothing is known to be missing."""
        return self._missing

    def write(self) -> None:
        """Bring the mark up to date, if the database has changed since. Raises OSError."""
        with self._lock:
            stamp = self._connection.stamp()
            if stamp != self._stamp and self._connection.read_only is None:
                with self._connection.reading() as db:
                    record = {"rows": _rows(db), "given": numbers_of(db)}
                write_json(self._path, {**record, "missing": self._missing and asdict(self._missing)})
                self._stamp = stamp

    def accept(self) -> None:
        """Go on without what is missing. Raises OSError."""
        self._missing, self._stamp = None, None
        self.write()


def given(path: Path) -> Numbers:
    """The last numbers that were given by the database that the mark `path` stands beside; none without a mark."""
    return _read(path).get("given", {})


def _rows(db: sqlite3.Connection) -> dict[str, int]:
    marks = ", ".join("?" * len(TABLES))
    counts = db.execute(f"SELECT part, sum(rows) FROM checksums WHERE part IN ({marks}) GROUP BY part", [*TABLES])
    return dict(counts.fetchall())


def _read(path: Path) -> dict[str, Any]:
    """The record in the file; empty if it is not there or cannot be used: a mark only ever tells of damage."""
    try:
        record = read_json(path)
        rows, numbers, missing = record["rows"], record["given"], record["missing"]
        counts = [*rows.values(), *numbers.values(), *(missing or {}).values()]
        if all(type(count) is int for count in counts) and (missing is None or missing.keys() == {*TABLES.values()}):
            return record
    except (DataError, KeyError, TypeError, AttributeError):
        pass
    return {}
