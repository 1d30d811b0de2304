"""The versions of a project's landmark definition."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from labeler.errors import ConflictError
from labeler.storage.connection import Connection, record_in
from labeler.storage.contents import LANDMARKS
from labeler.storage.records import SavedDefinition


class Definitions:
    """All saved versions of the definition. `clock` gives Unix seconds."""

    def __init__(self, connection: Connection, clock: Callable[[], float]) -> None:
        self._connection, self._clock = connection, clock

    def newest(self) -> SavedDefinition | None:
        """The newest version; None before the first."""
        versions = self.all()
        return versions[-1] if versions else None

    def newest_version(self) -> int:
        """The number of the newest version; 0 before the first. A saved version never changes."""
        return self._connection.rows("SELECT coalesce(max(version), 0) AS newest FROM definitions")[0]["newest"]

    def last_landmark(self) -> int:
        """The largest landmark id of versions that a copy of the labels did not have when it was gone back to; or 0."""
        rows = self._connection.rows("SELECT seq FROM sqlite_sequence WHERE name = ?", LANDMARKS)
        return rows[0]["seq"] if rows else 0

    def all(self) -> list[SavedDefinition]:
        """All versions, oldest first."""
        rows = self._connection.rows("SELECT version, category, reference, at FROM definitions ORDER BY version")
        return [
            SavedDefinition(
                row["version"],
                record_in(row["category"], f"definition {row['version']}"),
                record_in(row["reference"], f"reference {row['version']}") if row["reference"] else None,
                row["at"],
            )
            for row in rows
        ]

    def save(
        self, category: Mapping[str, Any], reference: Mapping[str, Any] | None, *, edited_from: int
    ) -> SavedDefinition:
        """Add a version after `edited_from`. Raises ConflictError if another version was saved in the meantime."""
        with self._connection.transaction() as db:
            newest = self.newest()
            version = newest.version if newest else 0
            if edited_from != version:
                raise ConflictError(
                    f"the definition was changed meanwhile: it is at version {version}, "
                    f"your edit started from version {edited_from}"
                )
            saved = SavedDefinition(
                version + 1,
                {**category, "definition_version": version + 1},
                dict(reference) if reference else None,
                self._clock(),
            )
            db.execute(
                "INSERT INTO definitions (version, category, reference, at) VALUES (?, ?, ?, ?)",
                (
                    saved.version,
                    json.dumps(saved.category, ensure_ascii=False),
                    json.dumps(saved.reference) if saved.reference else None,
                    saved.at,
                ),
            )
        return saved
