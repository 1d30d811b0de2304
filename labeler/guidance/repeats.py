"""Blind repeats: faces labeled a second time without seeing the first labels, to measure the labeling error.

To avoid bias, neither the annotator nor the look of a face decides which face is repeated: it is the eligible face with
the smallest hash. A repeat is a face record of its own (`Face.repeat_of`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from hashlib import blake2b

import numpy as np

from labeler.analysis.agreement import FEWEST, Noise, Pair, measure
from labeler.errors import ConflictError
from labeler.guidance.label_index import LabelIndex
from labeler.guidance.progress import Standing
from labeler.storage.records import Face, Point
from labeler.storage.store import Store
from mdmd.data.boxes import box_to_learn
from mdmd.data.definition import Definition

#: The share that the switch on the Project page sets.
ONE_IN_TEN = 0.1
#: The number of other faces that the annotator must have labeled since. People remember where they just clicked, but
#: not over the ninety clicks that ten faces of nine points take. With one in ten, the first repeat is due after ten
#: faces anyway.
BETWEEN = 10
#: Sources of labels that were placed by hand, point by point.
BY_HAND = frozenset({"placed", "dragged", "nudged", "corrected"})


class Repeats:
    """The blind repeats of one project."""

    def __init__(self, store: Store, index: LabelIndex) -> None:
        self._store, self._index = store, index

    def due(self, share: float, annotator: str | None) -> bool:
        """Whether the annotator should label a face again now, so that `share` of their faces are labeled twice."""
        return self._next(share, annotator) is not None

    def begin(self, share: float, annotator: str | None) -> int:
        """The id of the repeat to label now, created if needed. Raises ConflictError if none is due."""
        face = self._next(share, annotator)
        if face is None:
            raise ConflictError("no face is due to be labeled again")
        return self._store.add_repeat(face, annotator=annotator)

    def noise(self, definition: Definition) -> Noise:
        """The labeling error of these landmarks (`labeler.analysis.agreement`)."""
        return measure(definition, self.pairs())

    def pairs(self) -> list[Pair]:
        """The faces labeled twice by the same annotator, with the points that were labeled by hand both times.

        Skipped and deleted faces are left out, and so are skipped and incomplete repeats. Labels without an annotator
        count as the other labels' annotator's, because most projects have one.
        """
        definition = self._index.definition
        if definition is None:
            return []
        pictures = {picture.id: picture for picture in self._store.images()}
        labels, names = self._index.labels(), self._store.annotators()
        originals = {face.id: face for face in self._store.faces() if face.skip is None}
        found = []
        for repeat in self._store.repeats():
            original = originals.get(repeat.repeat_of or 0)
            if original is None or repeat.skip is not None:
                continue
            if len({*names.get(original.id, ()), *names.get(repeat.id, ())}) > 1:
                continue
            first, second = labels[original.id], self._points(repeat)
            if not self._complete(second, first):
                continue
            both = [key for key in first if key in second and _placed(first[key]) and _placed(second[key])]
            places = _places(first, [key for key in definition.ids if key in first])
            box = original.box
            if len(places) > len(definition.ids) / 2:  # as in `boxed_by_labels`
                picture = pictures[original.image_id]
                box = box_to_learn(box, (picture.width, picture.height), np.array([*places.values()]))
            found.append(Pair(original.id, box, _places(first, both), _places(second, both)))
        return found

    def _next(self, share: float, annotator: str | None) -> int | None:
        """The face to repeat: one whose repeat was begun, or else the next one by hash; None if none is due."""
        if share <= 0:
            return None
        labels, names = self._index.labels(), self._store.annotators()
        mine = [
            s
            for s in self._index.standings()
            if s.state == "complete"
            and {*names.get(s.face, ())} <= {annotator}
            and all(point.source in BY_HAND for point in labels[s.face].values())
        ]
        faces = {s.face for s in mine}
        repeats = {repeat.repeat_of: repeat for repeat in self._store.repeats() if repeat.repeat_of in faces}
        for face, repeat in repeats.items():
            own = {*names.get(repeat.id, ())} <= {annotator}
            if own and repeat.skip is None and not self._complete(self._points(repeat), labels[face]):
                return face
        if len(repeats) >= int(share * len(mine) + 1e-9):
            return None
        return self._choose([s for s in mine if s.face not in repeats], faces)

    def _choose(self, open_faces: list[Standing], labeled: Collection[int]) -> int | None:
        """The face with the smallest hash among those of `open_faces` labeled before at least `BETWEEN` others."""
        last = self._store.last_labeled()
        newest = sorted((last[face] for face in labeled), reverse=True)
        if len(newest) <= BETWEEN:
            return None
        saved = self._store.definitions.newest()
        # The reference picture is shown beside every face with its points, so a repeat of it would not be blind.
        shown = saved.reference["picture"] if saved and saved.reference else None
        free = [s.face for s in open_faces if last[s.face] < newest[BETWEEN - 1] and s.picture != shown]
        return min(free, key=_hash, default=None)

    def _points(self, face: Face) -> dict[int, Point]:
        return self._store.points(face.id).get(face.id, {})

    def _complete(self, second: Mapping[int, Point], first: Mapping[int, Point]) -> bool:
        """Whether the repeat has a label for each landmark of the newest definition that is labeled on the face."""
        definition = self._index.definition
        return definition is not None and all(key in second for key in definition.ids if key in first)


def noise_words(share: float, noise: Noise) -> str:
    """The state in words: "off", "3 of at least 5 repeats", or the distance between two labelings."""
    if noise.floor is not None:
        value, low, high = noise.floor
        return f"two labelings are {value:.1f} % apart ({low:.1f} to {high:.1f}) over {noise.faces} faces"
    return f"{noise.faces} of at least {FEWEST} repeats" if share > 0 or noise.faces else "off"


def _hash(face: int) -> bytes:
    return blake2b(f"repeat {face}".encode(), digest_size=8).digest()


def _placed(point: Point) -> bool:
    return point.v > 0 and point.source in BY_HAND


def _places(points: Mapping[int, Point], keys: Collection[int]) -> dict[int, tuple[float, float]]:
    return {
        key: (point.x, point.y)
        for key, point in points.items()
        if key in keys and point.x is not None and point.y is not None
    }
