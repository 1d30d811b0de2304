"""Imports: what each one wrote, so that it can be taken back, and the points of other models that it brought."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from labeler.storage.connection import Connection
from mdmd.data.records import ScoredPoint


@dataclass(frozen=True)
class Import:
    """An import `at` a time in Unix seconds, from the file or folder `name` in the format `title`.

    `pictures` counts those that it added and that are still there, `labeled` the faces on which it wrote labels, and
    `proposed` those for which it brought points of another model. `taken_back` is the time at which it was taken back.
    """

    id: int
    name: str
    title: str
    at: float
    taken_back: float | None
    pictures: int
    labeled: int
    proposed: int


class Imports:
    """The imports of one project. `clock` gives Unix seconds."""

    def __init__(self, connection: Connection, clock: Callable[[], float]) -> None:
        self._connection, self._clock, self._rows = connection, clock, connection.rows

    def begin(self, name: str, title: str) -> int:
        """Note that an import begins; returns its number."""
        with self._connection.transaction() as db:
            cursor = db.execute("INSERT INTO imports (name, title, at) VALUES (?, ?, ?)", (name, title, self._clock()))
            return int(cursor.lastrowid or 0)

    def is_there(self, number: int) -> bool:
        """Whether there is an import of this number."""
        return bool(self._rows("SELECT id FROM imports WHERE id = ?", number))

    def add_picture(self, number: int, image_id: int) -> None:
        """Note that the import added this picture."""
        with self._connection.transaction() as db:
            db.execute("INSERT OR IGNORE INTO imported_images (import_id, image_id) VALUES (?, ?)", (number, image_id))

    def add_actions(self, number: int, actions: Iterable[int]) -> None:
        """Note that the import did these actions."""
        with self._connection.transaction() as db:
            for action in actions:
                db.execute("INSERT INTO imported_actions (action_id, import_id) VALUES (?, ?)", (action, number))

    def add_points(self, number: int, face_id: int, points: Mapping[int, ScoredPoint]) -> None:
        """Add points of another model for a face, by landmark id, in place of those that this import brought."""
        with self._connection.transaction() as db:
            db.execute("DELETE FROM imported_points WHERE import_id = ? AND face_id = ?", (number, face_id))
            for key, point in points.items():
                db.execute(
                    "INSERT INTO imported_points (import_id, face_id, landmark_id, x, y, score)"
                    " VALUES (?, ?, ?, ?, ?, ?)",
                    (number, face_id, key, point.x, point.y, point.score),
                )

    def all(self) -> list[Import]:
        """Newest first."""
        return self._read("")

    def get(self, number: int) -> Import | None:
        """The import of this number; None if there is none."""
        return next(iter(self._read("WHERE i.id = ?", number)), None)

    def _read(self, where: str, *parameters: int) -> list[Import]:
        rows = self._rows(
            "SELECT i.id, i.name, i.title, i.at, i.taken_back,"
            " (SELECT count(*) FROM imported_images AS p JOIN images AS m ON m.id = p.image_id"
            "  WHERE p.import_id = i.id AND m.removed_at IS NULL) AS pictures,"
            " (SELECT count(DISTINCT e.face_id) FROM imported_actions AS a JOIN point_edits AS e"
            "  ON e.action_id = a.action_id WHERE a.import_id = i.id) AS labeled,"
            " (SELECT count(DISTINCT face_id) FROM imported_points AS o WHERE o.import_id = i.id) AS proposed"
            f" FROM imports AS i {where} ORDER BY i.id DESC",
            *parameters,
        )
        return [Import(**row) for row in rows]

    def pictures(self, number: int) -> list[int]:
        """The ids of the pictures that an import added and that are still there."""
        rows = self._rows(
            "SELECT p.image_id FROM imported_images AS p JOIN images AS m ON m.id = p.image_id"
            " WHERE p.import_id = ? AND m.removed_at IS NULL ORDER BY p.image_id",
            number,
        )
        return [row["image_id"] for row in rows]

    def actions(self, number: int) -> list[tuple[int, int, str]]:
        """The id, face and kind of the actions that an import did, oldest first."""
        rows = self._rows(
            "SELECT a.id, a.face_id, a.kind FROM imported_actions AS i JOIN actions AS a ON a.id = i.action_id"
            " WHERE i.import_id = ? ORDER BY a.id",
            number,
        )
        return [(row["id"], row["face_id"], row["kind"]) for row in rows]

    def points(self, number: int, face_id: int | None = None) -> dict[int, dict[int, ScoredPoint]]:
        """The points that an import brought, by face (or only of `face_id`) and landmark id.

        There are none after it was taken back.
        """
        where, parameters = ("AND p.face_id = ?", [face_id]) if face_id is not None else ("", [])
        found: dict[int, dict[int, ScoredPoint]] = {}
        for r in self._rows(
            "SELECT p.face_id, p.landmark_id, p.x, p.y, p.score FROM imported_points AS p"
            f" JOIN imports AS i ON i.id = p.import_id WHERE i.taken_back IS NULL AND p.import_id = ? {where}",
            number,
            *parameters,
        ):
            found.setdefault(r["face_id"], {})[r["landmark_id"]] = ScoredPoint(r["x"], r["y"], r["score"])
        return found

    def take_back(self, number: int) -> None:
        """Note that an import was taken back."""
        with self._connection.transaction() as db:
            db.execute("UPDATE imports SET taken_back = ? WHERE id = ?", (self._clock(), number))
