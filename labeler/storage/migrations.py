"""The schema of labels.db as a list of steps. `PRAGMA user_version` counts the steps applied to a file."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from sqlite_utils import Database

from labeler.storage import checksums
from mdmd.errors import DataError

_FIRST = """
CREATE TABLE images (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    file_name TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    width INTEGER NOT NULL CHECK (width > 0),
    height INTEGER NOT NULL CHECK (height > 0),
    sha256 TEXT NOT NULL UNIQUE,
    split TEXT NOT NULL,
    subject TEXT NOT NULL,
    at REAL NOT NULL
) STRICT;

CREATE TABLE faces (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    image_id INTEGER NOT NULL REFERENCES images(id),
    deleted_at REAL
) STRICT;
CREATE INDEX faces_of_image ON faces(image_id);

CREATE TABLE actions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    face_id INTEGER NOT NULL REFERENCES faces(id),
    kind TEXT NOT NULL CHECK (kind IN ('create', 'edit', 'undo', 'redo')),
    source TEXT NOT NULL,
    annotator TEXT,
    at REAL NOT NULL
) STRICT;
CREATE INDEX actions_of_face ON actions(face_id);

CREATE TABLE point_edits (
    action_id INTEGER NOT NULL REFERENCES actions(id),
    face_id INTEGER NOT NULL REFERENCES faces(id),
    landmark_id INTEGER NOT NULL,
    x REAL, y REAL, v INTEGER CHECK (v IN (0, 1, 2)), source TEXT,
    old_x REAL, old_y REAL, old_v INTEGER, old_source TEXT,
    PRIMARY KEY (face_id, landmark_id, action_id),
    CHECK ((coalesce(v, 0) > 0) = (x IS NOT NULL AND y IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX point_edits_of_action ON point_edits(action_id);

CREATE TABLE box_edits (
    action_id INTEGER NOT NULL REFERENCES actions(id),
    face_id INTEGER NOT NULL REFERENCES faces(id),
    x REAL NOT NULL, y REAL NOT NULL, w REAL NOT NULL CHECK (w > 0), h REAL NOT NULL CHECK (h > 0),
    old_x REAL, old_y REAL, old_w REAL, old_h REAL,
    PRIMARY KEY (face_id, action_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE definitions (
    version INTEGER PRIMARY KEY,
    category TEXT NOT NULL,
    reference TEXT,
    at REAL NOT NULL
) STRICT;

CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    collected_at REAL NOT NULL
) STRICT;

CREATE TABLE predictions (
    run_id INTEGER NOT NULL REFERENCES runs(id),
    face_id INTEGER NOT NULL REFERENCES faces(id),
    landmark_id INTEGER NOT NULL,
    x REAL NOT NULL, y REAL NOT NULL,
    sxx REAL NOT NULL, sxy REAL NOT NULL, syy REAL NOT NULL,
    p_off REAL NOT NULL,
    flagged INTEGER NOT NULL CHECK (flagged IN (0, 1)),
    PRIMARY KEY (face_id, run_id, landmark_id)
) STRICT, WITHOUT ROWID;

CREATE VIEW current_faces AS
SELECT id, image_id FROM faces WHERE deleted_at IS NULL;

CREATE VIEW current_points AS
SELECT face_id, landmark_id, x, y, v, source, action_id FROM point_edits AS e
WHERE v IS NOT NULL AND action_id = (
    SELECT max(action_id) FROM point_edits AS p WHERE p.face_id = e.face_id AND p.landmark_id = e.landmark_id);

CREATE VIEW current_boxes AS
SELECT face_id, x, y, w, h FROM box_edits AS e
WHERE action_id = (SELECT max(action_id) FROM box_edits AS b WHERE b.face_id = e.face_id);

CREATE VIEW current_predictions AS
SELECT * FROM predictions AS p
WHERE run_id = (SELECT max(run_id) FROM predictions AS q WHERE q.face_id = p.face_id);
"""

_SKIPS = """
CREATE TABLE skip_edits (
    action_id INTEGER NOT NULL REFERENCES actions(id),
    face_id INTEGER NOT NULL REFERENCES faces(id),
    reason TEXT CHECK (reason <> ''),
    old_reason TEXT,
    PRIMARY KEY (face_id, action_id)
) STRICT, WITHOUT ROWID;

CREATE VIEW current_skips AS
SELECT face_id, reason, action_id FROM skip_edits AS e
WHERE reason IS NOT NULL AND action_id = (SELECT max(action_id) FROM skip_edits AS s WHERE s.face_id = e.face_id);
"""

#: Dismissed label checks: right = 1 means that the points are correct at these coordinates, 0 withdraws that.
_DISMISSED = """
CREATE TABLE dismissals (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    face_id INTEGER NOT NULL REFERENCES faces(id),
    kind TEXT NOT NULL,
    landmark_id INTEGER NOT NULL,
    x REAL NOT NULL, y REAL NOT NULL,
    right INTEGER NOT NULL CHECK (right IN (0, 1)),
    annotator TEXT,
    at REAL NOT NULL
) STRICT;
CREATE INDEX dismissals_of_face ON dismissals(face_id, kind, landmark_id);

CREATE VIEW current_dismissals AS
SELECT face_id, kind, landmark_id, x, y FROM dismissals AS d
WHERE right = 1 AND id = (
    SELECT max(id) FROM dismissals AS e
    WHERE e.face_id = d.face_id AND e.kind = d.kind AND e.landmark_id = d.landmark_id);
"""

#: The digest of each picture's file in the project. It differs from the added file's if that was converted.
_PICTURE_FILES = """
CREATE TABLE picture_files (
    image_id INTEGER PRIMARY KEY REFERENCES images(id),
    sha256 TEXT NOT NULL
) STRICT;
"""

#: The Mahalanobis radius of a run's 90 % ellipses; NULL if its predictions do not tell.
_RADII = "ALTER TABLE runs ADD COLUMN radius90 REAL CHECK (radius90 > 0);"

#: Actions on many faces that were one decision. `batch` is the id of the first action.
_BATCHES = """
CREATE TABLE batches (
    action_id INTEGER PRIMARY KEY REFERENCES actions(id),
    batch INTEGER NOT NULL REFERENCES actions(id)
) STRICT;
CREATE INDEX actions_of_batch ON batches(batch);
"""

#: A blind repeat is a face record of its own, so that edits, undo and history work as for any face. Queries for the
#: faces of a project leave repeats out.
_REPEATS = """
ALTER TABLE faces ADD COLUMN repeat_of INTEGER REFERENCES faces(id);
CREATE UNIQUE INDEX one_repeat_of_a_face ON faces(repeat_of) WHERE repeat_of IS NOT NULL AND deleted_at IS NULL;
DROP VIEW current_faces;
CREATE VIEW current_faces AS
SELECT id, image_id, repeat_of FROM faces WHERE deleted_at IS NULL;
"""

#: What a base, a model of another definition, predicts on the faces. x, y, w, h is the box that the face had, found_*
#: the box in which the base found it. `points` are the M points as (x, y, sxx, sxy, syy) in little-endian float32, NULL
#: if the picture could not be used.
_BASE_POINTS = """
CREATE TABLE bases (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    category TEXT NOT NULL
) STRICT;

CREATE TABLE base_points (
    base_id INTEGER NOT NULL REFERENCES bases(id),
    face_id INTEGER NOT NULL REFERENCES faces(id),
    x REAL NOT NULL, y REAL NOT NULL, w REAL NOT NULL, h REAL NOT NULL,
    found_x REAL NOT NULL, found_y REAL NOT NULL, found_w REAL NOT NULL, found_h REAL NOT NULL,
    points BLOB,
    PRIMARY KEY (base_id, face_id)
) STRICT;
"""

#: What was in charge of proposing points, from when on and why (JSON), and whose points a face showed when its first
#: label was made.
_CHARGES = """
CREATE TABLE charges (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    proposer TEXT NOT NULL,
    why TEXT NOT NULL,
    at REAL NOT NULL
) STRICT;

CREATE TABLE shown_proposers (
    face_id INTEGER PRIMARY KEY REFERENCES faces(id),
    proposer TEXT NOT NULL
) STRICT;
"""

#: The training whose model a run predicted with; NULL: its own.
_MODELS = "ALTER TABLE runs ADD COLUMN model INTEGER;"

#: A random name of this database: a project keeps it under another name, and no other project has it.
_IDENTITY = """
CREATE TABLE identity (id TEXT NOT NULL) STRICT;
INSERT INTO identity VALUES (lower(hex(randomblob(16))));
"""

#: When a picture was removed. It keeps its row, faces and edits, so that it can come back with its labels.
_REMOVED = """
ALTER TABLE images ADD COLUMN removed_at REAL;
DROP VIEW current_faces;
CREATE VIEW current_faces AS
SELECT f.id, f.image_id, f.repeat_of FROM faces AS f JOIN images AS i ON i.id = f.image_id
WHERE f.deleted_at IS NULL AND i.removed_at IS NULL;
"""

#: The sums of labeler/storage/checksums.py. `part` is a table, `key` a face, picture, version or batch in it.
_CHECKSUMS = """
CREATE TABLE checksums (
    part TEXT NOT NULL,
    key INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    total INTEGER NOT NULL,
    PRIMARY KEY (part, key)
) STRICT, WITHOUT ROWID;
"""

#: What the files of imports say beyond labels, as JSON objects by their own keys: of the set, of pictures and of faces.
_EXTRAS = """
CREATE TABLE set_extras (
    import_id INTEGER PRIMARY KEY REFERENCES imports(id),
    content TEXT NOT NULL
) STRICT;

CREATE TABLE image_extras (
    import_id INTEGER NOT NULL REFERENCES imports(id),
    image_id INTEGER NOT NULL REFERENCES images(id),
    content TEXT NOT NULL,
    PRIMARY KEY (image_id, import_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE face_extras (
    import_id INTEGER NOT NULL REFERENCES imports(id),
    face_id INTEGER NOT NULL REFERENCES faces(id),
    content TEXT NOT NULL,
    PRIMARY KEY (face_id, import_id)
) STRICT, WITHOUT ROWID;
"""

#: Imports, when each was taken back, the pictures that it added, its actions, and the points of other models that it
#: brought, with their scores from 0 to 1.
_IMPORTS = """
CREATE TABLE imports (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    title TEXT NOT NULL,
    at REAL NOT NULL,
    taken_back REAL
) STRICT;

CREATE TABLE imported_images (
    import_id INTEGER NOT NULL REFERENCES imports(id),
    image_id INTEGER NOT NULL REFERENCES images(id),
    PRIMARY KEY (import_id, image_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE imported_actions (
    action_id INTEGER PRIMARY KEY REFERENCES actions(id),
    import_id INTEGER NOT NULL REFERENCES imports(id)
) STRICT;
CREATE INDEX actions_of_import ON imported_actions(import_id);

CREATE TABLE imported_points (
    import_id INTEGER NOT NULL REFERENCES imports(id),
    face_id INTEGER NOT NULL REFERENCES faces(id),
    landmark_id INTEGER NOT NULL,
    x REAL NOT NULL, y REAL NOT NULL,
    score REAL CHECK (score BETWEEN 0 AND 1),
    PRIMARY KEY (import_id, face_id, landmark_id)
) STRICT, WITHOUT ROWID;
"""

#: For finding a picture by the digest of its file: without it each picture that is added would cost a look at all.
_DIGESTS = "CREATE INDEX picture_files_of_digest ON picture_files(sha256);"

#: The edits of pages by the names that they gave them, so that one that is sent again is not carried out twice.
_SENT = """
CREATE TABLE sent_edits (
    id TEXT PRIMARY KEY,
    action_id INTEGER NOT NULL REFERENCES actions(id)
) STRICT, WITHOUT ROWID;
"""

#: Each step runs once, in order. Never change a released step; add another.
MIGRATIONS: tuple[str, ...] = (
    _FIRST,
    _SKIPS,
    _DISMISSED,
    _PICTURE_FILES,
    _RADII,
    _BATCHES,
    _REPEATS,
    _BASE_POINTS,
    _CHARGES,
    _MODELS,
    _IDENTITY,
    _REMOVED,
    _CHECKSUMS,
    _EXTRAS,
    _IMPORTS,
    _DIGESTS,
    _SENT,
)


def migrate(database: Database, *, where: str, steps: Sequence[str] = MIGRATIONS) -> None:
    """Apply the missing steps in one transaction; if a step fails, the database stays unchanged.

    Raises DataError if the database comes from a newer version of the tool.
    """
    if version_of(database.conn, where=where, steps=steps) == len(steps):
        return
    database.execute("BEGIN IMMEDIATE")
    try:
        for step in steps[version_of(database.conn, where=where, steps=steps) :]:
            database.executescript(step)
        if _CHECKSUMS in steps:
            checksums.rebuild(database.conn)
        database.execute(f"PRAGMA user_version = {len(steps)}")
        database.execute("COMMIT")
    except BaseException:
        database.rollback()
        raise


def version_of(connection: sqlite3.Connection, *, where: str, steps: Sequence[str] = MIGRATIONS) -> int:
    """How many steps were applied to a database. Raises DataError if it comes from a newer version of the tool."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > len(steps):
        raise DataError(
            f"{where} has the format {version} of a newer labeler, this one knows up to {len(steps)}: "
            "update the labeler to open it"
        )
    return version
