"""The reference picture of the definition as the first labeled face: its points become labels of that face."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from labeler.errors import ConflictError, NotFoundError
from labeler.storage.history import Seen
from labeler.storage.records import REFERENCE, Point, SavedDefinition
from labeler.storage.store import Store


def label_reference(
    store: Store, saved: SavedDefinition, before: SavedDefinition | None, *, annotator: str | None = None
) -> None:
    """Label the first face of the reference picture of `saved` with its points, as one action.

    `before` is the version before `saved`. A point is written where the landmark has no label, and in place of a label
    that came from the reference. Labels that a person made on the face stay as they are, and so does what a person
    undid or cleared there, until the landmark's place in the reference changes. A skipped face gets no labels.
    """
    if saved.reference is None:
        return
    picture = saved.reference["picture"]
    old = before.reference if before is not None and before.reference is not None else None
    earlier = _places(old["points"]) if old is not None and old["picture"] == picture else None
    while True:
        face = store.faces(picture)[0]
        if face.skip is not None:
            return
        labels = _changes(
            store.points(face.id).get(face.id, {}),
            _places(saved.reference["points"]),
            earlier,
            defined=saved.category["landmark_ids"],
            handled={key for action in store.history(face.id) for key in action.landmarks},
        )
        if not labels:
            return
        try:
            store.edit_points(face.id, labels, source=REFERENCE, annotator=annotator, seen=Seen(face.revision))
        except (ConflictError, NotFoundError):
            continue  # the face was changed or removed since it was read: decide again on what is there now
        return


def _changes(
    labels: Mapping[int, Point],
    places: Mapping[int, tuple[float, float]],
    earlier: Mapping[int, tuple[float, float]] | None,
    *,
    defined: Collection[int],
    handled: Collection[int],
) -> dict[int, Point | None]:
    """The labels to write, None for one to remove, on a face with `labels`.

    `places` are those of the reference, and `earlier` those of the version before if it had the same picture. `handled`
    are the landmarks whose labels on this face were ever written or removed.
    """
    changes: dict[int, Point | None] = {}
    for key, (x, y) in places.items():
        label = labels.get(key)
        changed = earlier is None or earlier.get(key) != (x, y)
        if label is None:
            write = changed or key not in handled
        else:
            write = changed and label.source == REFERENCE and (label.x, label.y) != (x, y)
        if write:
            changes[key] = Point(x, y, 2, REFERENCE)
    # The label of a landmark that left the definition stays with its id, and comes back with it.
    for key in defined:
        if key in labels and labels[key].source == REFERENCE and key not in places and (not earlier or key in earlier):
            changes[key] = None
    return changes


def _places(points: Mapping[str, tuple[float, float]]) -> dict[int, tuple[float, float]]:
    return {int(key): (float(x), float(y)) for key, (x, y) in points.items()}
