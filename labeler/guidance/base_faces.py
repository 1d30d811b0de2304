"""What a base predicts on the faces of a project: the points that labels are carried over through.

A base is a model of another definition, such as the starter or one trained on 300W. It predicts its own landmarks once
on every face. While a better base does so, the points of the one before stay in use.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from labeler.storage.base_points import BasePoints
from labeler.storage.records import Face
from labeler.storage.store import Store
from mdmd.data.definition import Definition


class BaseFaces:
    """The base points of one project. Safe to share between threads; one process writes them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._known: dict[str, dict[int, BasePoints]] | None = None
        self._definitions: dict[str, Definition] = {}
        #: Faces whose pictures could not be used. They are tried again when the project is opened the next time.
        self._unusable: set[int] = set()
        #: The face that was opened last: the faces after it are the next ones to predict.
        self.looking_at: int | None = None

    def in_use(self) -> str | None:
        """The base whose points are used: of those with the most faces, the newest. None before the first points."""
        with self._lock:
            known = self._read()
            return max(reversed(known), key=lambda base: len(known[base]), default=None)

    def points(self, base: str) -> Mapping[int, BasePoints]:
        """The points of `base` by face. Replaced, and never changed, when more come in."""
        with self._lock:
            return self._read().get(base, {})

    def definition(self, base: str) -> Definition:
        """The definition of the landmarks that `base` predicts."""
        with self._lock:
            self._read()
            return self._definitions[base]

    def missing(self, base: str) -> list[Face]:
        """The faces that `base` has not predicted in their present box: labeled ones first, then the next to be opened.

        Skipped faces are left out. A picture that could not be used is tried again once the project is opened anew.
        """
        known = self.points(base)
        wanted = [face for face in self._store.faces() if face.skip is None]
        missing = {face.id for face in wanted if not self._is_done(face, known.get(face.id))}
        if not missing:
            return []
        labeled, faces = self._store.last_labeled(), {face.id: face for face in wanted}
        in_turn = [face for face in self.in_turn(list(faces)) if face in missing]
        return [faces[face] for face in sorted(in_turn, key=lambda face: face not in labeled)]

    def _is_done(self, face: Face, found: BasePoints | None) -> bool:
        return found is not None and found.asked == face.box and (found.usable or face.id in self._unusable)

    def try_again(self, image_id: int) -> None:
        """The file of this picture is back."""
        with self._lock:
            self._unusable -= {face.id for face in self._store.faces(image_id)}

    def in_turn(self, faces: Sequence[int]) -> list[int]:
        """`faces`, beginning with the one that was opened last or, if it is not among them, with the one after it."""
        first = self.looking_at
        after = next((k for k, face in enumerate(faces) if first is not None and face >= first), 0)
        return [*faces[after:], *faces[:after]]

    def add(self, base: str, category: Mapping[str, Any], faces: Mapping[int, BasePoints]) -> None:
        """Store what `base`, of the definition `category`, predicts on `faces`. A base that it replaces is removed."""
        self._store.base_points.write(base, category, faces)
        with self._lock:
            known = self._read()
            known[base] = {**known.get(base, {}), **faces}
            self._unusable |= {face for face, found in faces.items() if not found.usable}
            self._definitions[base] = Definition.from_category(category, where=f"base {base}")
            replaced = [other for other in known if other != base and len(known[other]) <= len(known[base])]
            for other in replaced:
                del known[other]
        for other in replaced:
            self._store.base_points.drop(other)

    def _read(self) -> dict[str, dict[int, BasePoints]]:
        if self._known is None:
            categories = self._store.base_points.categories()
            self._known = {base: self._store.base_points.of(base) for base in categories}
            self._definitions = {
                base: Definition.from_category(category, where=f"base {base}") for base, category in categories.items()
            }
        return self._known
