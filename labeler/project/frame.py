"""Labels as a pandas DataFrame with one row per point, and back."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from labeler.guidance.label_index import LabelIndex
from labeler.storage.history import Seen
from labeler.storage.records import Point
from labeler.storage.store import Store
from mdmd.data.definition import GROUPS
from mdmd.data.places import PLACE, is_place
from mdmd.data.text import shown, text_problem
from mdmd.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

#: The columns of `labels_frame`, in order, with their types in pandas.
COLUMNS = {
    "image_id": "int64",
    "image": "object",
    "file_name": "object",
    "face_id": "int64",
    "landmark_id": "int64",
    "landmark": "object",
    "group": "object",
    "x": "float64",
    "y": "float64",
    "visibility": "int64",
    "origin": "object",
    "split": "object",
    "subject": "object",
    "skipped": "bool",
}
#: The columns that `set_labels` reads.
NEEDED = ("face_id", "landmark_id", "x", "y", "visibility")


def labels_frame(store: Store, index: LabelIndex) -> pd.DataFrame:
    """All labels of landmarks in the newest definition, ordered by picture, face and landmark.

    Columns: `image_id`; `image`, the name of the added file with its path below the added folder; `file_name`, its name
    under images/; `face_id`; `landmark_id`; `landmark`, its name; `group`, its semantic group; `x` and `y` in pixels of
    the upright image, NaN where the landmark is absent; `visibility`: 0 absent, 1 hidden, 2 visible; `origin`, how the
    label came about (placed, dragged, imported, accepted, ...); `split`; `subject`; `skipped`: whether the face is left
    out of training and export. A landmark that is not labeled yet has no row. Raises DataError if there is no
    definition yet.
    """
    import pandas as pd

    definition = index.must_define()
    pictures = {picture.id: picture for picture in store.images()}
    labels = index.labels()
    rows = []
    for face in store.faces():
        picture, points = pictures[face.image_id], labels.get(face.id, {})
        for key, name, group in zip(definition.ids, definition.landmarks, definition.groups, strict=True):
            if key not in points:
                continue
            point = points[key]
            rows.append(
                (
                    *(picture.id, picture.name, picture.file_name, face.id, key, name, GROUPS[group]),
                    *(math.nan if place is None else place for place in (point.x, point.y)),
                    *(point.v, point.source, picture.split, picture.subject, face.skip is not None),
                )
            )
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def set_labels(store: Store, index: LabelIndex, frame: pd.DataFrame, *, annotator: str | None = None) -> int:
    """Write the rows of `frame` whose place or visibility differs from the label; returns how many points changed.

    `frame` needs the columns `face_id`, `landmark_id`, `x`, `y` and `visibility` of `labels_frame`; others are
    ignored. Each face is one transaction and one undo step, and the labels get the origin "imported". Labels without a
    row stay unchanged.

    Raises DataError, changing nothing, for a missing column, an unknown face or landmark, a bad number, or two rows for
    one point; the message names the row. Raises ConflictError if another writer has changed a point in the meantime.
    """
    if annotator is not None and (problem := text_problem(annotator)):
        raise DataError(f"the annotator {problem}")
    missing = [name for name in NEEDED if name not in frame.columns]
    if missing:
        raise DataError(f"the table has no column {missing[0]!r}; wanted {', '.join(NEEDED)}")
    faces, ids, labels = {face.id: face for face in store.faces()}, index.must_define().ids, index.labels()
    wanted: dict[int, dict[int, Point | None]] = {}
    met = set()
    for row, *values in zip(frame.index, *(frame[name] for name in NEEDED), strict=True):
        face_id, landmark_id, point = _read_row(row, values)
        if face_id not in faces:
            raise DataError(f"row {row}: found face {face_id}, which is not a face of this project")
        if landmark_id not in ids:
            raise DataError(f"row {row}: found landmark {landmark_id}, which is not in the definition")
        if (face_id, landmark_id) in met:
            raise DataError(f"row {row}: landmark {landmark_id} of face {face_id} has two rows, wanted one")
        met.add((face_id, landmark_id))
        old = labels.get(face_id, {}).get(landmark_id)
        if old is None or (old.x, old.y, old.v) != (point.x, point.y, point.v):
            wanted.setdefault(face_id, {})[landmark_id] = point
    for face_id, points in wanted.items():
        seen = Seen(faces[face_id].revision)
        store.edit_points(face_id, points, source="imported", annotator=annotator, seen=seen)
    return sum(map(len, wanted.values()))


def _read_row(row: Any, values: list[Any]) -> tuple[int, int, Point]:
    """The face id, the landmark id and the label of one row of `NEEDED` columns; raises DataError."""
    numbers = []
    for name, value in zip(NEEDED, values, strict=True):
        try:
            numbers.append(float(value))
        except (OverflowError, TypeError, ValueError):
            raise DataError(f"row {row}: found {shown(value)} as {name}, wanted a number") from None
    face_id, landmark_id, x, y, visibility = numbers
    for name, number in (("face_id", face_id), ("landmark_id", landmark_id)):
        if not number.is_integer():
            raise DataError(f"row {row}: found {number} as {name}, wanted a whole number")
    if visibility not in (0, 1, 2):
        raise DataError(f"row {row}: found {visibility} as visibility, wanted 0 (absent), 1 (hidden) or 2 (visible)")
    if visibility == 0:
        if not (math.isnan(x) and math.isnan(y)):
            raise DataError(f"row {row}: found the place ({x}, {y}) of an absent landmark, wanted x and y empty")
        return int(face_id), int(landmark_id), Point(None, None, 0, "imported")
    if not is_place([x, y]):
        raise DataError(f"row {row}: found the place ({x}, {y}), wanted {PLACE}")
    return int(face_id), int(landmark_id), Point(x, y, int(visibility), "imported")
