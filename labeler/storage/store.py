"""Pictures, faces and edits of one project.

Edits are only added, never changed. The current labels are a view over them, and undo adds an edit that restores the
old values.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from labeler.errors import ConflictError, NotFoundError
from labeler.storage.base_points import BasePointsTable
from labeler.storage.charges import Charges
from labeler.storage.connection import Connection
from labeler.storage.definitions import Definitions
from labeler.storage.extras import Extras
from labeler.storage.history import ANYTHING, Action, Seen, replay
from labeler.storage.imports import Imports
from labeler.storage.named_files import ALL_NAMES, file_name_of
from labeler.storage.predictions import Predictions
from labeler.storage.records import (
    ACCEPTED,
    REFERENCE,
    UNSEEN,
    Batch,
    Face,
    Picture,
    Point,
    RemovedPicture,
    point_of,
)
from mdmd.data.records import Box


class Store:
    """The labels of one project in the SQLite file `path`. Safe to share between threads.

    `definitions` holds the versions of the landmark definition, `predictions` the predictions of runs, `base_points`
    what a base predicts on the faces, `charges` what was in charge of proposing points, `imports` what came in from
    elsewhere, and `extras` what its files say beyond labels. `migrates` is called before a file of an older labeler is
    changed.
    """

    def __init__(
        self, path: Path, *, clock: Callable[[], float] = time.time, migrates: Callable[[], object] = lambda: None
    ) -> None:
        self._clock = clock
        self.connection = Connection(path, migrates=migrates)
        self.definitions = Definitions(self.connection, clock)
        self.predictions = Predictions(self.connection, clock)
        self.base_points = BasePointsTable(self.connection)
        self.charges = Charges(self.connection, clock)
        self.extras = Extras(self.connection)
        self.imports = Imports(self.connection, clock)
        self._rows, self._transaction = self.connection.rows, self.connection.transaction

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    @property
    def identity(self) -> str:
        """A random name, which stays when the project gets another name and which a copy does not share."""
        return self._rows("SELECT id FROM identity")[0]["id"]

    def copy(self, path: Path) -> None:
        """Write a copy to the new file `path`, as it is at one moment, with an identity of its own."""
        self.connection.copy(path)
        made = Store(path)
        with made._transaction() as db:
            db.execute("UPDATE identity SET id = lower(hex(randomblob(16)))")
        made.close()

    def transaction(self, *, synced: bool = True) -> AbstractContextManager[object]:
        """Everything that is written in the block is written at once, or nothing if an error is raised.

        Other threads and processes wait with their edits until the block ends. Without `synced` it is on the disk only
        after `sync`, or after another transaction.
        """
        return self._transaction(synced=synced)

    def sync(self) -> None:
        """Wait until all that was written is on the disk."""
        self.connection.sync()

    # Pictures and faces

    def add_image(
        self,
        file_name: str,
        *,
        name: str,
        width: int,
        height: int,
        sha256: str,
        split: str = "train",
        subject: str | None = None,
        boxes: Iterable[Box] = (),
    ) -> Picture:
        """Add a picture with one face for each of `boxes`, or one face that fills the picture."""
        with self._transaction() as db:
            values = (file_name, name, width, height, sha256, split, subject or file_name, self._clock())
            cursor = db.execute(
                "INSERT INTO images (file_name, name, width, height, sha256, split, subject, at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                values,
            )
            key = int(cursor.lastrowid or 0)
            for box in list(boxes) or [Box(0.0, 0.0, float(width), float(height))]:
                self._create_face(db, key, box, "whole picture", None)
        return self.image(key)

    def images(self) -> list[Picture]:
        """All pictures, in the order in which they were added."""
        rows = self._rows(
            "SELECT id, file_name, name, width, height, sha256, split, subject FROM images"
            " WHERE removed_at IS NULL ORDER BY id"
        )
        return [Picture(**row) for row in rows]

    def file_names(self) -> set[str]:
        """The names of the files of all pictures under images/; those of removed ones as they were."""
        return {file_name_of(row["file_name"]) for row in self._rows(ALL_NAMES)}

    def image(self, image_id: int) -> Picture:
        rows = self._rows(
            "SELECT id, file_name, name, width, height, sha256, split, subject FROM images"
            " WHERE id = ? AND removed_at IS NULL",
            image_id,
        )
        if not rows:
            raise NotFoundError(f"there is no picture {image_id} in this project")
        return Picture(**rows[0])

    def image_by_hash(self, sha256: str) -> Picture | None:
        """The picture whose added file, or whose file in the project, has this digest; None if there is none."""
        rows = self._rows(
            "SELECT id FROM images WHERE removed_at IS NULL AND"
            " (sha256 = ? OR id IN (SELECT image_id FROM picture_files WHERE sha256 = ?))",
            *(sha256, sha256),
        )
        return self.image(rows[0]["id"]) if rows else None

    def remove_image(self, image_id: int) -> None:
        """Remove a picture with its faces. They stay in the database until `restore_image` brings them back."""
        with self._transaction() as db:
            picture = self.image(image_id)
            # Its file's name becomes free for another picture.
            name = f"{image_id}/{picture.file_name}"
            db.execute("UPDATE images SET removed_at = ?, file_name = ? WHERE id = ?", (self._clock(), name, image_id))

    def removed_images(self) -> list[RemovedPicture]:
        """The removed pictures, the last one first."""
        rows = self._rows(
            "SELECT i.id, i.file_name, i.name, i.sha256, i.removed_at AS at, p.sha256 AS file_sha256,"
            " (SELECT count(*) FROM current_points AS c JOIN faces AS f ON f.id = c.face_id"
            "  WHERE f.image_id = i.id AND f.deleted_at IS NULL AND f.repeat_of IS NULL) AS labels"
            " FROM images AS i LEFT JOIN picture_files AS p ON p.image_id = i.id"
            " WHERE i.removed_at IS NOT NULL ORDER BY i.removed_at DESC, i.id DESC"
        )
        return [RemovedPicture(**{**row, "file_name": row["file_name"].partition("/")[2]}) for row in rows]

    def removed_image_by_hash(self, sha256: str) -> int | None:
        """The picture like `image_by_hash` that was removed last; None if there is none."""
        rows = self._rows(
            "SELECT id FROM images WHERE removed_at IS NOT NULL AND"
            " (sha256 = ? OR id IN (SELECT image_id FROM picture_files WHERE sha256 = ?))"
            " ORDER BY removed_at DESC, id DESC LIMIT 1",
            *(sha256, sha256),
        )
        return rows[0]["id"] if rows else None

    def restore_image(self, image_id: int, file_name: str, sha256: str) -> Picture:
        """Bring a removed picture back, with its faces and labels. `file_name` and `sha256` are those of its file."""
        with self._transaction() as db:
            db.execute("UPDATE images SET removed_at = NULL, file_name = ? WHERE id = ?", (file_name, image_id))
            db.execute(
                # Not OR REPLACE: it would delete the old row without the trigger that takes it out of the checksums.
                "INSERT INTO picture_files (image_id, sha256) VALUES (?, ?)"
                " ON CONFLICT (image_id) DO UPDATE SET sha256 = excluded.sha256",
                (image_id, sha256),
            )
        return self.image(image_id)

    def set_subjects(self, subjects: Mapping[int, str]) -> None:
        """Set the subject of pictures, by id, in one transaction. Removed pictures are no exception."""
        with self._transaction() as db:
            for key, subject in subjects.items():
                db.execute("UPDATE images SET subject = ? WHERE id = ? AND subject <> ?", (subject, key, subject))

    def file_digest(self, image_id: int) -> str | None:
        """The recorded digest of a picture's file in the project; None if none was recorded."""
        rows = self._rows("SELECT sha256 FROM picture_files WHERE image_id = ?", image_id)
        return rows[0]["sha256"] if rows else None

    def add_file_digest(self, image_id: int, sha256: str) -> None:
        with self._transaction() as db:
            db.execute(
                "INSERT INTO picture_files (image_id, sha256) VALUES (?, ?) ON CONFLICT (image_id) DO NOTHING",
                (image_id, sha256),
            )

    def faces(self, image_id: int | None = None) -> list[Face]:
        """The faces of a picture, or of all pictures in order, without deleted faces and blind repeats."""
        where = "f.repeat_of IS NULL" + ("" if image_id is None else " AND f.image_id = ?")
        return self._faces(where, *([] if image_id is None else [image_id]))

    def repeats(self) -> list[Face]:
        """The blind repeats, including repeats of faces that were deleted."""
        return self._faces("f.repeat_of IS NOT NULL")

    def face(self, face_id: int) -> Face:
        found = self._faces("f.id = ?", face_id)
        if not found:
            raise NotFoundError(f"there is no face {face_id} in this project")
        return found[0]

    def _faces(self, where: str, *parameters: Any, removed: bool = False) -> list[Face]:
        """The faces for which `where` holds; with `removed` those of removed pictures, too."""
        there = "(SELECT * FROM faces WHERE deleted_at IS NULL)" if removed else "current_faces"
        rows = self._rows(
            "SELECT f.id, f.image_id, b.x, b.y, b.w, b.h, s.reason, f.repeat_of,"
            " (SELECT max(id) FROM actions WHERE face_id = f.id) AS revision"
            f" FROM {there} AS f JOIN current_boxes AS b ON b.face_id = f.id"
            f" LEFT JOIN current_skips AS s ON s.face_id = f.id WHERE {where}"
            " ORDER BY f.image_id, f.id",
            *parameters,
        )
        return [
            Face(
                r["id"],
                r["image_id"],
                Box(r["x"], r["y"], r["w"], r["h"]),
                r["revision"],
                skip=r["reason"],
                repeat_of=r["repeat_of"],
            )
            for r in rows
        ]

    def add_face(self, image_id: int, box: Box, *, annotator: str | None = None) -> int:
        """Add a face to a picture; returns its id."""
        self.image(image_id)
        with self._transaction() as db:
            return self._create_face(db, image_id, box, "drawn", annotator)

    def add_repeat(self, face_id: int, *, annotator: str | None = None) -> int:
        """The id of a face's blind repeat, a face with the same picture and box; created if it does not exist."""
        with self._transaction() as db:
            face = self.face(face_id)
            there = [repeat.id for repeat in self.repeats() if repeat.repeat_of == face_id]
            return there[0] if there else self._create_face(db, face.image_id, face.box, "repeat", annotator, face_id)

    def _create_face(
        self,
        db: Database,
        image_id: int,
        box: Box,
        source: str,
        annotator: str | None,
        repeat_of: int | None = None,
    ) -> int:
        cursor = db.execute("INSERT INTO faces (image_id, repeat_of) VALUES (?, ?)", (image_id, repeat_of))
        face_id = int(cursor.lastrowid or 0)
        action = self._act(db, face_id, "create", source, annotator)
        self._write_box(db, action, face_id, box, None)
        return face_id

    def delete_face(self, face_id: int, *, seen: Seen = ANYTHING) -> None:
        """Delete a face. Its edits stay in the database, but deleting cannot be undone.

        Raises ConflictError for the only face of a picture, and if the face has changed since it was `seen`.
        """
        with self._transaction() as db:
            face = self.face(face_id)
            if not seen.knows(face.revision):
                raise ConflictError("this face has changed since you saw it; check it before you remove it")
            if face.repeat_of is None and len(self.faces(face.image_id)) == 1:
                raise ConflictError("this is the only face of its picture, and a picture keeps at least one")
            db.execute("UPDATE faces SET deleted_at = ? WHERE id = ?", (self._clock(), face_id))

    # Edits

    def edit_points(
        self,
        face_id: int,
        points: Mapping[int, Point | None],
        *,
        source: str = "placed",
        annotator: str | None = None,
        seen: Seen = ANYTHING,
    ) -> int:
        """Write labels (None removes one) as one action; returns the face's new revision.

        Raises ConflictError if one of these landmarks was changed by an action that the writer has not seen.
        """
        with self._transaction() as db:
            self.face(face_id)
            if (known := self._sent(seen)) is not None:
                return known
            if any(row["landmark_id"] in points for row in self._unseen("point_edits", face_id, seen)):
                raise ConflictError("this point has changed since you saw it; check the face as it is now")
            action = self._act(db, face_id, "edit", source, annotator, seen.edit)
            self._write_points(db, action, face_id, points)
        return action

    def accept_unseen(
        self, faces: Mapping[int, tuple[int, Mapping[int, Point]]], *, annotator: str | None = None
    ) -> tuple[int | None, set[int]]:
        """Write labels of many faces as one batch, one action per face; returns the batch's id and the faces written.

        `faces` maps a face to the revision that was seen and its labels. A face that was deleted or has changed is not
        written. The id is None if no face was written.
        """
        batch = None
        with self._transaction() as db:
            revisions = {face.id: face.revision for face in self.faces()}
            written = {face for face, (revision, points) in faces.items() if points and revisions.get(face) == revision}
            for face_id in sorted(written):
                action = self._act(db, face_id, "edit", UNSEEN, annotator)
                batch = batch or action
                db.execute("INSERT INTO batches (action_id, batch) VALUES (?, ?)", (action, batch))
                self._write_points(db, action, face_id, faces[face_id][1])
        return batch, written

    def last_batch(self) -> Batch | None:
        """The newest batch with labels that can still be taken back; None if there is none."""
        rows = self._rows(
            "SELECT b.batch AS id, min(a.at) AS at, a.annotator, count(DISTINCT e.face_id) AS faces,"
            " count(*) AS points FROM batches AS b JOIN actions AS a ON a.id = b.action_id"
            " JOIN current_faces AS f ON f.id = a.face_id"
            " JOIN point_edits AS e ON e.action_id = b.action_id"
            " JOIN current_points AS c ON c.face_id = e.face_id AND c.landmark_id = e.landmark_id AND c.source = ?"
            " GROUP BY b.batch ORDER BY b.batch DESC LIMIT 1",
            UNSEEN,
        )
        return Batch(**rows[0]) if rows else None

    def take_back(self, batch: int, *, annotator: str | None = None) -> tuple[int, int]:
        """Remove the labels that a batch wrote, except those changed since; returns the numbers of faces and points.

        For a face without later edits this is an undo, otherwise an edit that clears the unchanged points. Raises
        NotFoundError for an unknown batch.
        """
        with self._transaction() as db:
            rows = self._rows(
                "SELECT a.id, a.face_id FROM batches AS b JOIN actions AS a ON a.id = b.action_id WHERE b.batch = ?",
                batch,
            )
            if not rows:
                raise NotFoundError(f"there is no batch {batch} of faces accepted unseen")
            return self._take_back(db, [(row["id"], row["face_id"]) for row in rows], annotator)

    def take_back_import(self, number: int, *, annotator: str | None = None) -> tuple[int, int]:
        """Take back the labels, boxes and faces of an import, except those changed since, as `take_back` does.

        Labels that it replaced are back. A face that it added to a picture is deleted if no label is left on it.
        Pictures stay, and the import is not marked as taken back: that is the last step (`Imports.take_back`). Raises
        NotFoundError for an unknown import, and ConflictError for one that was taken back before.
        """
        with self._transaction() as db:
            found = self.imports.get(number)
            if found is None:
                raise NotFoundError(f"there is no import {number} in this project")
            if found.taken_back is not None:
                raise ConflictError(f"the import {number} of {found.name} was taken back before")
            actions = self.imports.actions(number)
            taken = self._take_back(db, [(key, face) for key, face, kind in reversed(actions) if kind == "edit"])
            there = {face.id: face for face in self.faces()}
            for face_id in (face for _, face, kind in actions if kind == "create" and face in there):
                done, _ = self._history(face_id)
                alone = len(self.faces(there[face_id].image_id)) == 1
                if not done and not self.points(face_id) and not alone:
                    self.delete_face(face_id)
        return taken

    def _take_back(
        self, db: Database, actions: Iterable[tuple[int, int]], annotator: str | None = None
    ) -> tuple[int, int]:
        """Take back edits (id, face), except what was changed since; returns the numbers of faces and points.

        Removed pictures are no exception: they may be put back.
        """
        faces, points = set[int](), 0
        for action, face_id in actions:
            done, _ = self._history(face_id)
            there = self._faces("f.id = ?", face_id, removed=True)
            if action not in done or not there:
                continue
            written = self._untouched(action, face_id)
            before = self._without_taken_back(action, face_id, written)
            box = self._untouched_box(action, there[0])
            if done[-1] == action and before == written:
                self._put(db, "undo", action, there[0], annotator)
            elif before or box:
                clearing = self._act(db, face_id, "edit", "cleared", annotator)
                self._write_points(db, clearing, face_id, before)
                if box:
                    self._write_box(db, clearing, face_id, box, there[0].box)
            if before:
                faces.add(face_id)
                points += len(before)
        return len(faces), points

    def _untouched(self, action: int, face_id: int) -> dict[int, Point | None]:
        """The landmarks whose labels are still those that `action` wrote, and their labels before it."""
        labels = self.points(face_id).get(face_id, {})
        wrote = self._rows("SELECT * FROM point_edits WHERE action_id = ?", action)
        return {
            row["landmark_id"]: _old_point_of(row) for row in wrote if labels.get(row["landmark_id"]) == point_of(row)
        }

    def _without_taken_back(
        self, action: int, face_id: int, before: Mapping[int, Point | None]
    ) -> dict[int, Point | None]:
        """The labels `before` an action; instead of those of imports that were taken back, the ones before these."""
        rows = self._rows(
            "SELECT e.*, i.taken_back FROM point_edits AS e JOIN actions AS a ON a.id = e.action_id"
            " LEFT JOIN imported_actions AS m ON m.action_id = a.id LEFT JOIN imports AS i ON i.id = m.import_id"
            " WHERE e.face_id = ? AND e.action_id < ? AND a.kind = 'edit' ORDER BY e.action_id DESC",
            *(face_id, action),
        )
        found, settled = dict(before), set[int]()
        for row in rows:
            key = row["landmark_id"]
            if key not in found or key in settled or point_of(row) != found[key]:
                continue
            if row["taken_back"] is None:
                settled.add(key)
            else:
                found[key] = _old_point_of(row)
        return found

    def _untouched_box(self, action: int, face: Face) -> Box | None:
        """The box before `action`, if the face still has the one that the action wrote; else None."""
        rows = self._rows("SELECT * FROM box_edits WHERE face_id = ? AND action_id = ?", face.id, action)
        if not rows or Box(*(rows[0][side] for side in "xywh")) != face.box:
            return None
        return Box(*(rows[0][f"old_{side}"] for side in "xywh"))

    def edit_box(self, face_id: int, box: Box, *, annotator: str | None = None, seen: Seen = ANYTHING) -> int:
        """Change a face's box as one action; returns the face's new revision.

        Raises ConflictError if the box was changed by an action that the writer has not seen.
        """
        with self._transaction() as db:
            old = self.face(face_id).box
            if (known := self._sent(seen)) is not None:
                return known
            if self._unseen("box_edits", face_id, seen):
                raise ConflictError("this box has changed since you saw it; check the face as it is now")
            action = self._act(db, face_id, "edit", "box", annotator, seen.edit)
            self._write_box(db, action, face_id, box, old)
        return action

    def set_skip(self, face_id: int, reason: str | None, *, annotator: str | None = None, seen: Seen = ANYTHING) -> int:
        """Skip a face for `reason`, or include it again (None), as one action; returns the face's revision.

        Writes nothing if the face already has this reason. Raises ConflictError if the reason was changed by an action
        that the writer has not seen.
        """
        with self._transaction() as db:
            face = self.face(face_id)
            if (known := self._sent(seen)) is not None:
                return known
            if face.skip == reason:
                return face.revision
            if self._unseen("skip_edits", face_id, seen):
                raise ConflictError(
                    "this face was skipped or included again since you saw it; check the face as it is now"
                )
            kind = "unskipped" if reason is None else "skipped"
            action = self._act(db, face_id, "edit", kind, annotator, seen.edit)
            self._write_skip(db, action, face_id, reason, face.skip)
        return action

    def undo(self, face_id: int, *, annotator: str | None = None, seen: Seen = ANYTHING) -> int:
        """Undo the newest edit in effect; returns the face's new revision.

        Raises ConflictError if there is none, or if the writer has not seen it.
        """
        return self._step(face_id, "undo", annotator, seen)

    def redo(self, face_id: int, *, annotator: str | None = None, seen: Seen = ANYTHING) -> int:
        """Redo the last undone edit; raises ConflictError if there is none. A new edit clears what can be redone."""
        return self._step(face_id, "redo", annotator, seen)

    def can_undo_redo(self, face_id: int) -> tuple[bool, bool]:
        done, undone = self._history(face_id)
        return bool(done), bool(undone)

    def annotators(self) -> dict[int, list[str]]:
        """The names of the annotators of each face, in the order of their first edits."""
        names: dict[int, list[str]] = {}
        for row in self._rows("SELECT face_id, annotator FROM actions WHERE annotator IS NOT NULL ORDER BY id"):
            seen = names.setdefault(row["face_id"], [])
            if row["annotator"] not in seen:
                seen.append(row["annotator"])
        return names

    def last_labeled(self) -> dict[int, int]:
        """For each face, the newest action that changed a label."""
        rows = self._rows("SELECT face_id, max(action_id) AS action FROM point_edits GROUP BY face_id")
        return {row["face_id"]: row["action"] for row in rows}

    def newest_labeled(self) -> int | None:
        """The face whose labels changed last; None before the first label."""
        rows = self._rows("SELECT face_id FROM point_edits ORDER BY action_id DESC LIMIT 1")
        return rows[0]["face_id"] if rows else None

    def newest_action(self) -> int:
        """The id of the newest edit of any face; 0 before the first."""
        return self._rows("SELECT coalesce(max(id), 0) AS newest FROM actions")[0]["newest"]

    def history(self, face_id: int) -> list[Action]:
        """All actions on a face, newest first."""
        self.face(face_id)
        landmarks: dict[int, dict[int, int | None]] = {}
        for row in self._rows(
            "SELECT action_id, landmark_id, v FROM point_edits WHERE face_id = ? ORDER BY landmark_id", face_id
        ):
            landmarks.setdefault(row["action_id"], {})[row["landmark_id"]] = row["v"]
        rows = self._rows(
            "SELECT a.id, a.at, a.kind, a.source, a.annotator, b.action_id IS NOT NULL AS box,"
            " s.action_id IS NOT NULL AS skipped, s.reason AS skip FROM actions AS a"
            " LEFT JOIN box_edits AS b ON b.face_id = a.face_id AND b.action_id = a.id"
            " LEFT JOIN skip_edits AS s ON s.face_id = a.face_id AND s.action_id = a.id"
            " WHERE a.face_id = ? ORDER BY a.id",
            face_id,
        )
        done, _, meant = replay(rows)
        in_effect = set(done)
        return [
            Action(
                **{**row, "box": bool(row["box"]), "skipped": bool(row["skipped"])},
                landmarks=landmarks.get(row["id"], {}),
                undone=row["kind"] == "edit" and row["id"] not in in_effect,
                meant=meant.get(row["id"]),
            )
            for row in reversed(rows)
        ]

    def seconds_spent(self, face_id: int, *, longest_pause: float) -> float | None:
        """The seconds of manual work on a face; None if some of its labels were made elsewhere or accepted unseen.

        An action takes the time since the same annotator's previous action, on this or another face. Gaps longer than
        `longest_pause` seconds are breaks and do not count.
        """
        [row] = self._rows(
            "SELECT max(source IN ('imported', ?, ?)) AS elsewhere,"
            " total(gap) FILTER (WHERE gap BETWEEN 0 AND ?) AS seconds"
            " FROM (SELECT a.source, a.at - (SELECT p.at FROM actions AS p WHERE p.id < a.id"
            " AND p.annotator IS a.annotator ORDER BY p.id DESC LIMIT 1) AS gap FROM actions AS a WHERE a.face_id = ?)",
            *(UNSEEN, REFERENCE),
            longest_pause,
            face_id,
        )
        return None if row["elsewhere"] else row["seconds"]

    def seconds_reviewed(self, annotator: str | None, *, longest_pause: float) -> Iterator[tuple[int, float]]:
        """Yield the faces whose predictions the annotator accepted or corrected, newest first, with the seconds taken.

        The time is measured as in `seconds_spent`, from the first of these actions. Faces accepted unseen are left out.
        """
        rows = self._rows(
            "SELECT face_id, min(id) AS first FROM actions WHERE kind = 'edit' AND source IN (?, 'corrected')"
            " AND annotator IS ? AND face_id NOT IN (SELECT face_id FROM actions WHERE source = ?)"
            " GROUP BY face_id ORDER BY max(id) DESC",
            *(ACCEPTED, annotator, UNSEEN),
        )
        for row in rows:
            [spent] = self._rows(
                "SELECT total(gap) FILTER (WHERE gap BETWEEN 0 AND ?) AS seconds FROM"
                " (SELECT a.at - (SELECT p.at FROM actions AS p WHERE p.id < a.id AND p.annotator IS a.annotator"
                " ORDER BY p.id DESC LIMIT 1) AS gap FROM actions AS a"
                " WHERE a.face_id = ? AND a.id >= ? AND a.annotator IS ?)",
                *(longest_pause, row["face_id"], row["first"], annotator),
            )
            yield row["face_id"], spent["seconds"]

    def _history(self, face_id: int) -> tuple[list[int], list[int]]:
        """The edits in effect and the edits that can be redone, each as a stack of ids."""
        done, undone, _ = replay(self._rows("SELECT id, kind FROM actions WHERE face_id = ? ORDER BY id", face_id))
        return done, undone

    def _step(self, face_id: int, kind: str, annotator: str | None, seen: Seen) -> int:
        with self._transaction() as db:
            face = self.face(face_id)
            if (known := self._sent(seen)) is not None:
                return known
            done, undone = self._history(face_id)
            stack = done if kind == "undo" else undone
            if not stack:
                raise ConflictError(f"there is nothing to {kind} on this face")
            if not seen.knows(stack[-1]):
                raise ConflictError("this face has changed since you saw it; check it as it is now, then undo")
            return self._put(db, kind, stack[-1], face, annotator, seen.edit)

    def _put(
        self, db: Database, kind: str, edit: int, face: Face, annotator: str | None, name: str | None = None
    ) -> int:
        """Undo or redo `edit`; returns the id of the new action. `name` is explained in `_act`."""
        which = "old_{0} AS {0}" if kind == "undo" else "{0}"
        columns = ", ".join(which.format(column) for column in ("x", "y", "v", "source"))
        points = self._rows(f"SELECT landmark_id, {columns} FROM point_edits WHERE action_id = ?", edit)
        sides = ", ".join(which.format(column) for column in "xywh")
        boxes = self._rows(f"SELECT {sides} FROM box_edits WHERE face_id = ? AND action_id = ?", face.id, edit)
        action = self._act(db, face.id, kind, kind, annotator, name)
        self._write_points(db, action, face.id, {point["landmark_id"]: point_of(point) for point in points})
        if boxes:
            self._write_box(db, action, face.id, Box(**boxes[0]), face.box)
        reason = which.format("reason")
        skips = self._rows(f"SELECT {reason} FROM skip_edits WHERE face_id = ? AND action_id = ?", face.id, edit)
        if skips:
            self._write_skip(db, action, face.id, skips[0]["reason"], face.skip)
        return action

    def _unseen(self, edits: str, face_id: int, seen: Seen) -> list[dict[str, Any]]:
        """The rows of the table `edits` for this face that the writer has not seen."""
        if seen.revision is None:
            return []
        rows = self._rows(f"SELECT * FROM {edits} WHERE face_id = ? AND action_id > ?", face_id, seen.revision)
        return [row for row in rows if not seen.knows(row["action_id"])]

    def _sent(self, seen: Seen) -> int | None:
        """The action of an edit that was carried out before; None for a new one."""
        if seen.edit is None:
            return None
        rows = self._rows("SELECT action_id FROM sent_edits WHERE id = ?", seen.edit)
        return rows[0]["action_id"] if rows else None

    def _act(
        self, db: Database, face_id: int, kind: str, source: str, annotator: str | None, name: str | None = None
    ) -> int:
        """Add an action and return its id. `name` is what the page that sent the edit calls it."""
        cursor = db.execute(
            "INSERT INTO actions (face_id, kind, source, annotator, at) VALUES (?, ?, ?, ?, ?)",
            (face_id, kind, source, annotator, self._clock()),
        )
        action = int(cursor.lastrowid or 0)
        if name is not None:
            db.execute("INSERT INTO sent_edits (id, action_id) VALUES (?, ?)", (name, action))
        return action

    def _write_points(self, db: Database, action: int, face_id: int, points: Mapping[int, Point | None]) -> None:
        current = self.points(face_id).get(face_id, {})
        none = (None, None, None, None)
        rows = []
        for landmark_id, point in points.items():
            old = current.get(landmark_id)
            new = (point.x, point.y, point.v, point.source) if point else none
            rows.append((action, face_id, landmark_id, *new, *((old.x, old.y, old.v, old.source) if old else none)))
        db.conn.executemany(
            "INSERT INTO point_edits (action_id, face_id, landmark_id, x, y, v, source,"
            " old_x, old_y, old_v, old_source) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )

    def _write_box(self, db: Database, action: int, face_id: int, box: Box, old: Box | None) -> None:
        before = (old.x, old.y, old.w, old.h) if old else (None, None, None, None)
        db.execute(
            "INSERT INTO box_edits (action_id, face_id, x, y, w, h, old_x, old_y, old_w, old_h)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (action, face_id, box.x, box.y, box.w, box.h, *before),
        )

    def _write_skip(self, db: Database, action: int, face_id: int, reason: str | None, old: str | None) -> None:
        db.execute(
            "INSERT INTO skip_edits (action_id, face_id, reason, old_reason) VALUES (?, ?, ?, ?)",
            (action, face_id, reason, old),
        )

    # Current labels

    def points(self, face_id: int | None = None) -> dict[int, dict[int, Point]]:
        """Labels by face and landmark id, including landmarks deleted from the definition."""
        where, parameters = ("WHERE face_id = ?", [face_id]) if face_id is not None else ("", [])
        found: dict[int, dict[int, Point]] = {}
        query = f"SELECT face_id, landmark_id, x, y, v, source FROM current_points {where}"
        with self.connection.reading() as connection:  # a dict for each row would take twice as long
            for face, landmark, *label in connection.execute(query, parameters):
                found.setdefault(face, {})[landmark] = Point(*label)
        return found

    # Dismissed label checks

    def say_right(
        self,
        face_id: int,
        kind: str,
        places: Mapping[int, tuple[float, float]],
        *,
        right: bool = True,
        annotator: str | None = None,
    ) -> None:
        """Dismiss checks of this kind for landmarks at these places in pixels, or (`right` False) allow them again."""
        with self._transaction() as db:
            self.face(face_id)
            for landmark_id, (x, y) in places.items():
                db.execute(
                    "INSERT INTO dismissals (face_id, kind, landmark_id, x, y, right, annotator, at)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (face_id, kind, landmark_id, x, y, int(right), annotator, self._clock()),
                )

    def said_right(self) -> dict[tuple[int, str], dict[int, tuple[float, float]]]:
        """The dismissed landmarks and their coordinates in pixels, by face and kind of check."""
        found: dict[tuple[int, str], dict[int, tuple[float, float]]] = {}
        for row in self._rows("SELECT face_id, kind, landmark_id, x, y FROM current_dismissals"):
            found.setdefault((row["face_id"], row["kind"]), {})[row["landmark_id"]] = (row["x"], row["y"])
        return found


def _old_point_of(row: Mapping[str, Any]) -> Point | None:
    """The label before an edit of it."""
    return point_of({key: row[f"old_{key}"] for key in ("x", "y", "v", "source")})
