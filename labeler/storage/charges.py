"""Who proposes the points that faces show: the history of what was in charge, and what each face showed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from labeler.storage.connection import Connection, record_in


@dataclass(frozen=True)
class Charge:
    """From the time `at` on `proposer` was in charge: "carried" or "run 3". `why` holds the figures of the decision."""

    proposer: str
    why: Mapping[str, Any]
    at: float


class Charges:
    """The history of what was in charge. `clock` gives Unix seconds."""

    def __init__(self, connection: Connection, clock: Callable[[], float]) -> None:
        self._connection, self._clock = connection, clock

    def all(self) -> list[Charge]:
        """Oldest first."""
        rows = self._connection.rows("SELECT id, proposer, why, at FROM charges ORDER BY id")
        return [Charge(r["proposer"], record_in(r["why"], f"charge {r['id']}"), r["at"]) for r in rows]

    def current(self) -> str | None:
        """What is in charge; None before the first decision."""
        rows = self._connection.rows("SELECT proposer FROM charges ORDER BY id DESC LIMIT 1")
        return rows[0]["proposer"] if rows else None

    def add(self, proposer: str, why: Mapping[str, Any]) -> None:
        """Put `proposer` in charge."""
        with self._connection.transaction() as db:
            db.execute(
                "INSERT INTO charges (proposer, why, at) VALUES (?, ?, ?)",
                (proposer, json.dumps(dict(why), ensure_ascii=False), self._clock()),
            )

    def shown(self) -> dict[int, str]:
        """Whose points each face showed when its first label was made, by face id."""
        return {row["face_id"]: row["proposer"] for row in self._connection.rows("SELECT * FROM shown_proposers")}

    def show(self, face_id: int, proposer: str) -> None:
        """Remember whose points a face shows, unless that is known."""
        with self._connection.transaction() as db:
            db.execute("INSERT OR IGNORE INTO shown_proposers (face_id, proposer) VALUES (?, ?)", (face_id, proposer))
