"""What a base, a model of another definition such as the 68 points of 300W, predicts on the project's faces."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeler.storage.connection import Connection, record_in
from mdmd.data.records import Box

#: A base point as it is stored: x, y and the covariance's xx, xy, yy.
NUMBERS = 5


@dataclass(frozen=True, eq=False)
class BasePoints:
    """The M points of a base on one face, and their covariances, in pixels: (M, 2) and (M, 2, 2).

    `asked` is the box that the face had, `box` the one in which the base found the face. Both arrays have M = 0 if the
    picture could not be used.
    """

    asked: Box
    box: Box
    points: NDArray[np.float64]
    covariance: NDArray[np.float64]

    @property
    def usable(self) -> bool:
        return len(self.points) > 0


class BasePointsTable:
    """The points of bases by face. A project has those of one base, and of a better one while that is predicting."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def categories(self) -> dict[str, dict[str, Any]]:
        """The definition of each base as a COCO category, by the base's name; the base that came last is last."""
        rows = self._connection.rows("SELECT name, category FROM bases ORDER BY id")
        return {row["name"]: record_in(row["category"], f"base {row['name']}") for row in rows}

    def of(self, base: str) -> dict[int, BasePoints]:
        """The points of `base` by face id."""
        rows = self._connection.rows(
            "SELECT p.* FROM base_points AS p JOIN bases AS b ON b.id = p.base_id WHERE b.name = ?", base
        )
        return {row["face_id"]: _from_row(row) for row in rows}

    def write(self, base: str, category: Mapping[str, Any], faces: Mapping[int, BasePoints]) -> None:
        """Add or replace the points of faces. Faces that do not exist any more are left out."""
        with self._connection.transaction() as db:
            there = {row["id"] for row in self._connection.rows("SELECT id FROM faces")}
            db.execute(
                "INSERT OR IGNORE INTO bases (name, category) VALUES (?, ?)",
                (base, json.dumps(dict(category), ensure_ascii=False)),
            )
            [key] = self._connection.rows("SELECT id FROM bases WHERE name = ?", base)
            for face_id, found in faces.items():
                if face_id in there:
                    db.execute(
                        "INSERT OR REPLACE INTO base_points (base_id, face_id, x, y, w, h,"
                        " found_x, found_y, found_w, found_h, points) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                        (key["id"], face_id, *_sides(found.asked), *_sides(found.box), _packed(found)),
                    )

    def drop(self, base: str) -> None:
        """Remove a base and its points."""
        with self._connection.transaction() as db:
            db.execute("DELETE FROM base_points WHERE base_id = (SELECT id FROM bases WHERE name = ?)", (base,))
            db.execute("DELETE FROM bases WHERE name = ?", (base,))


def _sides(box: Box) -> tuple[float, float, float, float]:
    return box.x, box.y, box.w, box.h


def _packed(found: BasePoints) -> bytes | None:
    if not found.usable:
        return None
    covariance = found.covariance[:, (0, 0, 1), (0, 1, 1)]
    return np.concatenate([found.points, covariance], axis=1).astype("<f4").tobytes()


def _from_row(row: Mapping[str, Any]) -> BasePoints:
    numbers = np.frombuffer(row["points"] or b"", dtype="<f4").astype(np.float64).reshape(-1, NUMBERS)
    return BasePoints(
        asked=Box(row["x"], row["y"], row["w"], row["h"]),
        box=Box(row["found_x"], row["found_y"], row["found_w"], row["found_h"]),
        points=numbers[:, :2],
        covariance=numbers[:, (2, 3, 3, 4)].reshape(-1, 2, 2),
    )
