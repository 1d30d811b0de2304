"""Checksums over the tables that hold a person's words, so that a change that no edit made is noticed.

SQLite notices a damaged page only where the damage breaks its structure; a changed coordinate reads like any other.
So triggers add the hash of each row that is written to a sum: the table `checksums` holds one for each face, picture,
version and batch of each table (`WORDS`), with the number of rows. `problems` compares them with the rows themselves.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import blake2b

from labeler.storage.files import BROKEN, is_locked

#: The tables of a person's words. A sum is kept for each value of the column beside it.
WORDS: Mapping[str, str] = {
    "images": "id",
    "picture_files": "image_id",
    "faces": "id",
    "actions": "face_id",
    "point_edits": "face_id",
    "box_edits": "face_id",
    "skip_edits": "face_id",
    "dismissals": "face_id",
    "batches": "batch",
    "definitions": "version",
    "set_extras": "import_id",
    "image_extras": "image_id",
    "face_extras": "face_id",
}
#: Bytes of a row's hash. The sum of four million of them still fits SQLite's integers.
HASH_BYTES = 5
#: The most problems of one kind that are told.
MOST_TOLD = 5

#: The rows and the sum of each table.
Summary = dict[str, tuple[int, int]]


def row_hash(*values: object) -> int:
    """The hash of a row, as SQLite's function `row_hash`."""
    content = repr(values).encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(content, digest_size=HASH_BYTES).digest(), "big")


def install(connection: sqlite3.Connection) -> None:
    """Give a connection the function that the triggers call: without it nothing can be written."""
    connection.create_function("row_hash", -1, row_hash, deterministic=True)


def rebuild(connection: sqlite3.Connection) -> None:
    """Make triggers for all columns there are now, and sum all rows. For after a change of the schema."""
    connection.execute("DELETE FROM checksums")
    for table, key in _there(connection).items():
        for trigger in _triggers(table, key, _columns(connection, table)):
            connection.execute(f"DROP TRIGGER IF EXISTS {trigger.split()[2]}")
            connection.execute(trigger)
        rows = [(table, key, rows, total) for key, (rows, total) in _sums(connection, table).items()]
        connection.executemany("INSERT INTO checksums (part, key, rows, total) VALUES (?, ?, ?, ?)", rows)


def is_there(connection: sqlite3.Connection) -> bool:
    """Whether a database has checksums. Those of an older labeler have none."""
    return bool(connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'checksums'").fetchone()[0])


def summary(connection: sqlite3.Connection) -> Summary | None:
    """The rows and the sum of each table, as they were written: two databases with the same hold the same words.

    None for a database without checksums.
    """
    if not is_there(connection):
        return None
    found = connection.execute("SELECT part, sum(rows), sum(total) FROM checksums GROUP BY part")
    return {part: (rows, total) for part, rows, total in found}


def problems(connection: sqlite3.Connection) -> list[str]:
    """What is damaged in a database, as sentences; none if nothing is. It reads all of the file.

    Raises sqlite3.OperationalError if another program keeps it locked.
    """
    connection.text_factory = lambda content: content.decode("utf-8", "surrogateescape")
    # Rows and their sums are read from one state of the file: others may write meanwhile.
    with _one_state(connection):
        return _problems(connection)


@contextmanager
def _one_state(connection: sqlite3.Connection) -> Iterator[None]:
    inside = connection.in_transaction
    if not inside:
        connection.execute("BEGIN")
    try:
        yield
    finally:
        if not inside:
            connection.rollback()


def _problems(connection: sqlite3.Connection) -> list[str]:
    try:
        structure = [line for (line,) in connection.execute(f"PRAGMA integrity_check({MOST_TOLD})") if line != "ok"]
        broken = [f"its structure is broken ({line.replace(chr(10), ' ')})" for line in structure]
        return broken + (list(_changed(connection)) if is_there(connection) else [])
    except BROKEN as error:
        if is_locked(error):
            raise
        return [f"its structure is broken ({error})"]


def _changed(connection: sqlite3.Connection) -> Iterator[str]:
    """What no edit has changed and yet is not what was written."""
    tables = _there(connection)
    expected: dict[str, dict[int, tuple[int, int]]] = {table: {} for table in tables}
    for part, key, rows, total in connection.execute("SELECT part, key, rows, total FROM checksums WHERE rows <> 0"):
        expected.setdefault(part, {})[key] = (rows, total)
    faces, others = set[int](), list[str]()
    for table, wanted in expected.items():
        found = _sums(connection, table) if table in tables else {}
        # A damaged key may be of any type.
        for key in sorted({k for k in found.keys() | wanted.keys() if found.get(k) != wanted.get(k)}, key=str):
            if table == "faces" or WORDS.get(table) == "face_id":
                faces.add(key)
            else:
                others.append(_named(connection, table, key))
    named = [_face(connection, face) for face in sorted(faces, key=str)]
    for sentences in (named, others):
        yield from sentences[:MOST_TOLD]
        if len(sentences) > MOST_TOLD:
            yield f"and {len(sentences) - MOST_TOLD:,} more of this kind"


def _named(connection: sqlite3.Connection, table: str, key: int) -> str:
    what = {
        "definitions": f"version {key} of the landmarks",
        "batches": f"the record of points that were accepted together (action {key})",
        "set_extras": "what imported files say of themselves",
    }.get(table, f"the record of picture {key}{_name(connection, key)}")
    return f"{what} is not as it was saved"


def _face(connection: sqlite3.Connection, face: int) -> str:
    rows = []
    with suppress(*BROKEN):
        rows = connection.execute("SELECT image_id FROM faces WHERE id = ?", (face,)).fetchall()
    picture = f" in picture {rows[0][0]}{_name(connection, rows[0][0])}" if rows else ""
    return f"the labels of face {face}{picture} are not as they were saved"


def _name(connection: sqlite3.Connection, picture: int) -> str:
    with suppress(*BROKEN):
        for (name,) in connection.execute("SELECT name FROM images WHERE id = ?", (picture,)):
            return f" ({str(name).encode('utf-8', 'replace').decode()})"
    return ""


def _sums(connection: sqlite3.Connection, table: str) -> dict[int, tuple[int, int]]:
    """The rows and the sum of a table for each key, from its rows."""
    columns = _columns(connection, table)
    found: dict[int, tuple[int, int]] = {}
    for key, *values in connection.execute(f"SELECT {WORDS[table]}, {', '.join(columns)} FROM {table}"):
        rows, total = found.get(key, (0, 0))
        found[key] = rows + 1, total + row_hash(*values)
    return found


def _there(connection: sqlite3.Connection) -> dict[str, str]:
    """The tables of `WORDS` that a database has. That of an older labeler may lack some."""
    found = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    return {table: key for table, key in WORDS.items() if table in found}


def _columns(connection: sqlite3.Connection, table: str) -> list[str]:
    return [f'"{row[1]}"' for row in connection.execute(f"PRAGMA table_info({table})")]


def _triggers(table: str, key: str, columns: list[str]) -> list[str]:
    old, new = (f"row_hash({', '.join(f'{row}.{column}' for column in columns)})" for row in ("OLD", "NEW"))
    at = f"WHERE part = '{table}' AND key"
    return [
        f"CREATE TRIGGER {table}_inserted AFTER INSERT ON {table} BEGIN"
        f" INSERT INTO checksums (part, key, rows, total) VALUES ('{table}', NEW.{key}, 1, {new})"
        " ON CONFLICT (part, key) DO UPDATE SET rows = rows + 1, total = total + excluded.total; END",
        f"CREATE TRIGGER {table}_updated AFTER UPDATE ON {table} BEGIN"
        f" UPDATE checksums SET total = total - {old} + {new} {at} = NEW.{key}; END",
        f"CREATE TRIGGER {table}_deleted AFTER DELETE ON {table} BEGIN"
        f" UPDATE checksums SET rows = rows - 1, total = total - {old} {at} = OLD.{key}; END",
    ]
