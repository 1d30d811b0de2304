"""What a database of labels holds, what going back to an older one would lose, and the numbers that were given."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from labeler.storage.connection import record_in

#: The last number given, by table; a number is never given twice.
Numbers = dict[str, int]


@dataclass(frozen=True)
class Contents:
    """Counts of what a database holds, and the last `numbers` that it gave."""

    pictures: int
    labeled_faces: int
    points: int
    numbers: Numbers


@dataclass(frozen=True)
class Loss:
    """What is in a database, and not in an older one: edits on how many faces, pictures, versions of the landmarks."""

    edits: int
    faces: int
    pictures: int
    versions: int

    @property
    def nothing(self) -> bool:
        return not (self.edits or self.pictures or self.versions)


def contents_of(connection: sqlite3.Connection) -> Contents:
    """What a database holds."""
    points, faces = connection.execute(
        "SELECT count(*), count(DISTINCT c.face_id) FROM current_points AS c"
        " JOIN current_faces AS f ON f.id = c.face_id WHERE c.v > 0 AND f.repeat_of IS NULL"
    ).fetchone()
    [pictures] = connection.execute("SELECT count(*) FROM images WHERE removed_at IS NULL").fetchone()
    return Contents(pictures, faces, points, numbers_of(connection))


def loss(newer: sqlite3.Connection, before: Numbers) -> Loss:
    """What going back from `newer` to an older database would lose, which gave the numbers `before`."""
    edits, faces = newer.execute(
        "SELECT count(*), count(DISTINCT face_id) FROM actions WHERE kind <> 'create' AND id > ?",
        (before.get("actions", 0),),
    ).fetchone()
    [pictures] = newer.execute(
        "SELECT count(*) FROM images WHERE removed_at IS NULL AND id > ?", (before.get("images", 0),)
    ).fetchone()
    [versions] = newer.execute(
        "SELECT count(*) FROM definitions WHERE version > ?", (before["definitions"],)
    ).fetchone()
    return Loss(edits, faces, pictures, versions)


def numbers_of(connection: sqlite3.Connection) -> Numbers:
    """The last number given in each table that never gives one twice."""
    numbers = dict(connection.execute("SELECT name, seq FROM sqlite_sequence").fetchall())
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
