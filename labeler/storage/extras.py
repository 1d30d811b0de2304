"""What imported files say beyond labels: of the set, of images and of faces, as JSON objects."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from labeler.storage.connection import Connection, record_in

#: The only row of the table of sets: all imported files together.
_SET = 1


class Extras:
    """What came with the pictures and faces of imported files, by their own keys. Only an import writes it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of_set(self) -> dict[str, Any]:
        """What all imported files together say of themselves, such as their licenses; empty if nothing."""
        return self._read("set_extras", "id").get(_SET, {})

    def of_images(self) -> dict[int, dict[str, Any]]:
        """What came with images, by their ids; only those with which something came."""
        return self._read("image_extras", "image_id")

    def of_faces(self) -> dict[int, dict[str, Any]]:
        """What came with faces, by their ids; only those with which something came."""
        return self._read("face_extras", "face_id")

    def put_set(self, extra: Mapping[str, Any]) -> None:
        """Write what all imported files together say, in place of what was there."""
        self._put("set_extras", "id", _SET, extra)

    def put_image(self, image_id: int, extra: Mapping[str, Any]) -> None:
        """Write what came with an image, in place of what was there. Raises ValueError if it is not JSON."""
        self._put("image_extras", "image_id", image_id, extra)

    def put_face(self, face_id: int, extra: Mapping[str, Any]) -> None:
        """Write what came with a face, in place of what was there. Raises ValueError if it is not JSON."""
        self._put("face_extras", "face_id", face_id, extra)

    def _read(self, table: str, key: str) -> dict[int, dict[str, Any]]:
        rows = self._connection.rows(f"SELECT {key} AS key, content FROM {table} ORDER BY {key}")
        return {row["key"]: record_in(row["content"], f"{table} {row['key']}") for row in rows}

    def _put(self, table: str, key: str, number: int, extra: Mapping[str, Any]) -> None:
        content = json.dumps(extra, allow_nan=False)
        with self._connection.transaction() as db:
            # Not OR REPLACE: it would delete the old row without the trigger that takes it out of the checksums.
            db.execute(
                f"INSERT INTO {table} ({key}, content) VALUES (?, ?)"
                f" ON CONFLICT ({key}) DO UPDATE SET content = excluded.content",
                (number, content),
            )
