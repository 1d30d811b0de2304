"""What a database of labels holds, what going back to an older one would lose, and the numbers that were given."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from labeler.storage.connection import record_in

#: The last number given, by table; a number is never given twice.
Numbers = dict[str, int]


#: The first and last of ids that follow each other without a gap.
Range = tuple[int, int]


@dataclass(frozen=True)
class Contents:
    """Counts of what a database holds, and by what its edits, images, imports and landmarks are known.

    Ids of `actions`, `images` and `imports` are never given twice, so that they tell apart what two databases hold. The
    last number that was given does not: going back raises it. `landmarks` are the categories of all versions.
    """

    pictures: int
    labeled_faces: int
    points: int
    actions: tuple[Range, ...]
    images: tuple[Range, ...]
    imports: tuple[Range, ...]
    landmarks: frozenset[str]


@dataclass(frozen=True)
class Loss:
    """What is in a database, and not in an older one: edits on how many faces, pictures, versions of the landmarks.

    `proposed` counts the faces with points of another model, which an import brought.
    """

    edits: int
    faces: int
    pictures: int
    versions: int
    proposed: int = 0

    @property
    def nothing(self) -> bool:
        return not (self.edits or self.pictures or self.versions or self.proposed)


def contents_of(connection: sqlite3.Connection) -> Contents:
    """What a database holds."""
    points, faces = connection.execute(
        "SELECT count(*), count(DISTINCT c.face_id) FROM current_points AS c"
        " JOIN current_faces AS f ON f.id = c.face_id WHERE c.v > 0 AND f.repeat_of IS NULL"
    ).fetchone()
    [pictures] = connection.execute("SELECT count(*) FROM images WHERE removed_at IS NULL").fetchone()
    actions, images = (_ranges(connection, table) for table in ("actions", "images"))
    imports = _ranges(connection, "imports") if _has_imports(connection) else ()
    return Contents(pictures, faces, points, actions, images, imports, _landmarks(connection))


def loss(now: sqlite3.Connection, before: Contents) -> Loss:
    """What going back from `now` to a database with the contents `before` would lose."""
    kept, ends = _kept(before.actions)
    edits, faces = now.execute(
        f"{kept} SELECT count(*), count(DISTINCT face_id) FROM actions AS row WHERE kind <> 'create' AND {OUTSIDE}",
        ends,
    ).fetchone()
    kept, ends = _kept(before.images)
    [pictures] = now.execute(
        f"{kept} SELECT count(*) FROM images AS row WHERE removed_at IS NULL AND {OUTSIDE}", ends
    ).fetchone()
    proposed = 0
    if _has_imports(now):
        kept, ends = _kept(before.imports)
        [proposed] = now.execute(
            f"{kept} SELECT count(DISTINCT face_id) FROM imported_points JOIN imports AS row ON row.id = import_id"
            f" WHERE taken_back IS NULL AND {OUTSIDE}",
            ends,
        ).fetchone()
    return Loss(edits, faces, pictures, len(_landmarks(now) - before.landmarks), proposed)


def _has_imports(connection: sqlite3.Connection) -> bool:
    """Whether the database is new enough to know imports; a copy stays as it was made."""
    return bool(connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'imported_points'").fetchone())


#: A condition for rows whose ids are not in the table `kept` of `_kept`.
OUTSIDE = "NOT EXISTS (SELECT 1 FROM kept WHERE row.id BETWEEN kept.low AND kept.high)"


def _kept(ranges: Sequence[Range]) -> tuple[str, list[int]]:
    """The beginning of a query in which these ranges are the table `kept`, and its parameters."""
    ranges = ranges or [(0, 0)]  # no row has this id
    return f"WITH kept(low, high) AS (VALUES {', '.join(['(?, ?)'] * len(ranges))})", [
        n for ends in ranges for n in ends
    ]


def _ranges(connection: sqlite3.Connection, table: str) -> tuple[Range, ...]:
    """The ids of a table."""
    rows = connection.execute(
        f"SELECT min(id), max(id) FROM (SELECT id, id - row_number() OVER (ORDER BY id) AS island FROM {table})"
        " GROUP BY island ORDER BY 1"
    )
    return tuple((low, high) for low, high in rows)


def _landmarks(connection: sqlite3.Connection) -> frozenset[str]:
    """The categories of all versions, as text. A version that got a new number has the same landmarks."""
    found = set[str]()
    for version, category in connection.execute("SELECT version, category FROM definitions").fetchall():
        record = record_in(category, f"definition {version}")
        found.add(json.dumps({**record, "definition_version": None}, sort_keys=True))
    return frozenset(found)


#: The name under which the ids of landmarks are kept among the numbers of tables.
LANDMARKS = "landmarks"


def numbers_of(connection: sqlite3.Connection) -> Numbers:
    """The last number given in each table that never gives one twice, and to landmarks."""
    numbers = dict(connection.execute("SELECT name, seq FROM sqlite_sequence").fetchall())
    [landmark] = connection.execute(
        "SELECT max(k.value) FROM definitions AS d,"
        " json_each(CASE WHEN json_valid(d.category) THEN d.category ELSE '{}' END, '$.landmark_ids') AS k"
    ).fetchone()
    numbers[LANDMARKS] = max(numbers.get(LANDMARKS, 0), landmark or 0)
    [numbers["definitions"]] = connection.execute("SELECT coalesce(max(version), 0) FROM definitions").fetchone()
    return numbers


def raise_numbers(connection: sqlite3.Connection, given: Mapping[str, int]) -> None:
    """Let no number of `given` be given again: pages, runs and caches know edits and versions by their numbers.

    The newest version of the landmarks gets a new number if later ones were given.
    """
    own = numbers_of(connection)
    for table, number in given.items():
        if table != "definitions" and number > own.get(table, 0):
            connection.execute("DELETE FROM sqlite_sequence WHERE name = ?", (table,))
            connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, number))
    newest, version = own["definitions"], given.get("definitions", 0)
    if 0 < newest < version:
        category, reference, at = connection.execute(
            "SELECT category, reference, at FROM definitions WHERE version = ?", (newest,)
        ).fetchone()
        again = json.dumps(
            {**record_in(category, f"definition {newest}"), "definition_version": version + 1},
            ensure_ascii=False,
        )
        connection.execute("INSERT INTO definitions VALUES (?, ?, ?, ?)", (version + 1, again, reference, at))
    connection.commit()
