"""The predictions collected from runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlite_utils import Database

from labeler.storage.connection import Connection
from labeler.storage.records import ACCEPTED, ACCEPTED_REST, RADIUS90, UNSEEN, PredictedPoint
from mdmd.evaluation.evaluate import Tally


class Predictions:
    """The predicted points of all runs. `clock` gives Unix seconds."""

    def __init__(self, connection: Connection, clock: Callable[[], float]) -> None:
        self._connection, self._clock = connection, clock

    def current(self, face_id: int | None = None) -> dict[int, tuple[int, dict[int, PredictedPoint]]]:
        """For each face (or only `face_id`) the newest run that predicted it, and its points by landmark id."""
        where, parameters = ("WHERE face_id = ?", [face_id]) if face_id is not None else ("", [])
        return self._read("current_predictions", where, *parameters)

    def of_run(self, run_id: int, face_id: int | None = None) -> dict[int, dict[int, PredictedPoint]]:
        """What the model of one run predicted last, on all faces or only `face_id`, by face and landmark id.

        That is in the run itself and in later runs that only predict.
        """
        where, parameters = ("AND p.face_id = ?", [face_id]) if face_id is not None else ("", [])
        newest = (
            "SELECT max(q.run_id) FROM predictions AS q JOIN runs AS s ON s.id = q.run_id"
            " WHERE q.face_id = p.face_id AND coalesce(s.model, s.id) = ?"
        )
        found = self._read("predictions", f"WHERE p.run_id = ({newest}) {where}", run_id, *parameters)
        return {face: points for face, (_, points) in found.items()}

    def newest_of(self, run_id: int) -> int | None:
        """The newest run that predicted with the model of `run_id`: itself or a later one. None without predictions."""
        rows = self._connection.rows(
            "SELECT id FROM runs AS r WHERE coalesce(r.model, r.id) = ?"
            " AND EXISTS (SELECT 1 FROM predictions AS p WHERE p.run_id = r.id) ORDER BY id DESC LIMIT 1",
            run_id,
        )
        return rows[0]["id"] if rows else None

    def faces_of(self, run_id: int) -> int:
        """How many faces one run predicted."""
        rows = self._connection.rows("SELECT count(DISTINCT face_id) AS n FROM predictions WHERE run_id = ?", run_id)
        return rows[0]["n"]

    def tally(self, run_id: int) -> Tally:
        """The flags and probabilities of all points that one run predicted."""
        [r] = self._connection.rows(
            "SELECT count(*) AS points, coalesce(sum(flagged), 0) AS flagged, total(p_off) AS wrong,"
            " total(p_off * flagged) AS caught, min(CASE WHEN flagged THEN p_off END) AS least,"
            " max(CASE WHEN NOT flagged THEN p_off END) AS most FROM predictions WHERE run_id = ?",
            run_id,
        )
        [at] = self._connection.rows(
            "SELECT count(*) AS ties FROM predictions WHERE run_id = ? AND flagged AND p_off = ?", run_id, r["least"]
        )
        return Tally(r["points"], r["flagged"], r["wrong"], r["caught"], r["least"], at["ties"], r["most"])

    def covariances_of_accepted(self) -> dict[int, dict[int, tuple[float, float, float]]]:
        """By face and landmark id, the covariance (xx, xy, yy) of each label that is an accepted prediction of a run.

        The run is the one that predicted this very place, whichever predicted last.
        """
        found: dict[int, dict[int, tuple[float, float, float]]] = {}
        # CROSS JOIN: SQLite looks each prediction's label up; the other way round would read each face's predictions
        # once for each of its points.
        for r in self._connection.rows(
            "SELECT p.face_id, p.landmark_id, p.sxx, p.sxy, p.syy FROM predictions AS p CROSS JOIN current_points AS c"
            " ON c.face_id = p.face_id AND c.landmark_id = p.landmark_id AND c.x = p.x AND c.y = p.y"
            " WHERE c.v > 0 AND c.source IN (?, ?, ?) ORDER BY p.run_id",
            *(ACCEPTED, ACCEPTED_REST, UNSEEN),
        ):
            found.setdefault(r["face_id"], {})[r["landmark_id"]] = (r["sxx"], r["sxy"], r["syy"])
        return found

    def _read(self, table: str, where: str, *parameters: int) -> dict[int, tuple[int, dict[int, PredictedPoint]]]:
        found: dict[int, tuple[int, dict[int, PredictedPoint]]] = {}
        for r in self._connection.rows(
            f"SELECT p.*, r.radius90 FROM {table} AS p JOIN runs AS r ON r.id = p.run_id {where}", *parameters
        ):
            covariance = (r["sxx"], r["sxy"], r["syy"])
            point = PredictedPoint(
                r["x"], r["y"], covariance, r["p_off"], bool(r["flagged"]), r["radius90"] or RADIUS90
            )
            found.setdefault(r["face_id"], (r["run_id"], {}))[1][r["landmark_id"]] = point
        return found

    def add(
        self,
        run_id: int,
        faces: Mapping[int, Mapping[int, PredictedPoint]],
        *,
        radius90: float | None = None,
        model: int | None = None,
    ) -> bool:
        """Add the predictions of a run, all or none. Returns False if this run was added before.

        `radius90` belongs to all points of the run; None if the run does not tell it. `model` is the training whose
        model it predicted with; None for its own.
        """
        with self._connection.transaction() as db:
            if self._connection.rows("SELECT id FROM runs WHERE id = ?", run_id):
                return False
            db.execute(
                "INSERT INTO runs (id, collected_at, radius90, model) VALUES (?, ?, ?, ?)",
                (run_id, self._clock(), radius90, model),
            )
            _insert(db, run_id, faces)
        return True

    def extend(
        self, run_id: int, faces: Mapping[int, Mapping[int, PredictedPoint]], *, radius90: float | None = None
    ) -> None:
        """Add what the model of a run predicted later, on faces that the run has not predicted, all or none.

        `radius90` counts only if nothing of the run was added before.
        """
        with self._connection.transaction() as db:
            db.execute(
                "INSERT OR IGNORE INTO runs (id, collected_at, radius90) VALUES (?, ?, ?)",
                (run_id, self._clock(), radius90),
            )
            _insert(db, run_id, faces)

    def collected_runs(self) -> set[int]:
        """Ids of the runs whose predictions were added."""
        return {row["id"] for row in self._connection.rows("SELECT id FROM runs")}


def _insert(db: Database, run_id: int, faces: Mapping[int, Mapping[int, PredictedPoint]]) -> None:
    for face_id, points in faces.items():
        for landmark_id, p in points.items():
            db.execute(
                "INSERT INTO predictions (run_id, face_id, landmark_id, x, y, sxx, sxy, syy, p_off, flagged)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (run_id, face_id, landmark_id, p.x, p.y, *p.cov, p.p_off, int(p.flagged)),
            )
