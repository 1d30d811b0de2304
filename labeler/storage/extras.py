"""What the files of imports say beyond labels: of themselves, of images and of faces, as JSON objects."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from labeler.storage.connection import Connection, record_in


class Extras:
    """What came with the pictures and faces of imports, by the keys of their files.

    Of several imports that brought something with a face or image, the newest counts; one that was taken back does not.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of_sets(self) -> list[dict[str, Any]]:
        """What the files of imports say of themselves, such as their licenses, oldest first."""
        rows = self._connection.rows(
            "SELECT e.import_id AS number, e.content FROM set_extras AS e JOIN imports AS i ON i.id = e.import_id"
            " WHERE i.taken_back IS NULL ORDER BY e.import_id"
        )
        return [record_in(row["content"], f"what import {row['number']} says of itself") for row in rows]

    def of_images(self, image_id: int | None = None) -> dict[int, dict[str, Any]]:
        """What came with images (or only this one), by their ids; only those with which something came."""
        return self._read("image", image_id)

    def of_faces(self, face_id: int | None = None) -> dict[int, dict[str, Any]]:
        """What came with faces (or only this one), by their ids; only those with which something came."""
        return self._read("face", face_id)

    def put_set(self, number: int, extra: Mapping[str, Any]) -> None:
        """Write what the file of an import says of itself. Raises ValueError, as all that write, if it is not JSON."""
        content = json.dumps(extra, allow_nan=False)
        with self._connection.transaction() as db:
            db.execute("INSERT INTO set_extras (import_id, content) VALUES (?, ?)", (number, content))

    def put_image(self, number: int, image_id: int, extra: Mapping[str, Any]) -> None:
        """Write what came with an image in an import."""
        self._put("image", number, image_id, extra)

    def put_face(self, number: int, face_id: int, extra: Mapping[str, Any]) -> None:
        """Write what came with a face in an import."""
        self._put("face", number, face_id, extra)

    def _read(self, what: str, key: int | None) -> dict[int, dict[str, Any]]:
        where, parameters = ("", []) if key is None else (f"AND e.{what}_id = ?", [key])
        rows = self._connection.rows(
            f"SELECT e.{what}_id AS key, e.content FROM {what}_extras AS e JOIN imports AS i ON i.id = e.import_id"
            f" WHERE i.taken_back IS NULL {where} ORDER BY e.{what}_id, e.import_id",
            *parameters,
        )
        newest = {row["key"]: row["content"] for row in rows}
        return {key: record_in(content, f"what came with {what} {key}") for key, content in newest.items()}

    def _put(self, what: str, number: int, key: int, extra: Mapping[str, Any]) -> None:
        content = json.dumps(extra, allow_nan=False)
        with self._connection.transaction() as db:
            # Not OR REPLACE: it would delete the old row without the trigger that takes it out of the checksums.
            db.execute(
                f"INSERT INTO {what}_extras (import_id, {what}_id, content) VALUES (?, ?, ?)"
                f" ON CONFLICT ({what}_id, import_id) DO UPDATE SET content = excluded.content",
                (number, key, content),
            )
