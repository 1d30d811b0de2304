"""Near-duplicates among the faces of a project, which need no labels of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from labeler.guidance.label_index import LabelIndex
from labeler.guidance.progress import Standing
from labeler.pictures.feature_cache import FeatureCache, key_of
from labeler.storage.store import Store


@dataclass(frozen=True)
class Duplicate:
    """An unlabeled face, and a sentence that names the picture it nearly duplicates."""

    face: int
    reason: str


@dataclass(frozen=True)
class Duplicates:
    """The near-duplicates `found`; empty until all faces are compared. So far `done` of `of` are."""

    done: int
    of: int
    found: tuple[Duplicate, ...] = ()


class DuplicateFinder:
    """Finds near-duplicates among the faces of one project."""

    def __init__(self, store: Store, features: FeatureCache, index: LabelIndex) -> None:
        self._store, self._features, self._index = store, features, index

    def find(self) -> Duplicates:
        """Return the present state at once. Faces that were not compared yet are queued."""
        pictures = {picture.id: picture for picture in self._store.images()}
        faces = {face.id: face for face in self._store.faces()}
        standings = [s for s in self._index.wanted_faces() if s.face in faces]
        keys = {s.face: key_of(pictures[s.picture], faces[s.face].box) for s in standings}
        wanted = {keys[s.face]: (pictures[s.picture], faces[s.face].box) for s in standings}
        features, done = self._features.get(wanted)
        if done < len(wanted):
            return Duplicates(done, len(wanted))
        seen = [s for s in standings if keys[s.face] in features]
        alike = [features[keys[s.face]].duplicates for s in seen]
        names = {picture.id: picture.name for picture in pictures.values()}
        return Duplicates(done, len(wanted), duplicates(seen, alike, [keys[s.face] for s in seen], names))


def duplicates(
    standings: Sequence[Standing],
    alike: Sequence[frozenset[bytes]],
    keys: Sequence[bytes],
    names: Mapping[int, str],
) -> tuple[Duplicate, ...]:
    """The near-duplicates among faces.

    `keys` are the keys of the faces, `alike` the keys of the faces that each one resembles, and `names` the names of
    the pictures by id. Among faces that resemble each other the labeled ones are kept, or else the first. Faces of the
    same picture are never duplicates, because the box of each may be the whole picture.
    """
    places: dict[bytes, list[int]] = {}
    for k, key in enumerate(keys):
        places.setdefault(key, []).append(k)
    similar: dict[int, set[int]] = {}
    for k, resembled in enumerate(alike):
        for other in (place for key in resembled for place in places.get(key, ())):
            if standings[k].picture != standings[other].picture:
                similar.setdefault(k, set()).add(other)
                similar.setdefault(other, set()).add(k)
    kept, found = {k for k, s in enumerate(standings) if s.labeled}, []
    for k in sorted(similar.keys() - kept):
        originals = sorted(similar[k] & kept, key=lambda other: (not standings[other].labeled, other))
        if not originals:
            kept.add(k)
            continue
        original = standings[originals[0]]
        state = ", which is labeled already" if original.labeled else ": labeling one of the two is enough"
        found.append(Duplicate(standings[k].face, f"Near-duplicate of {names[original.picture]}{state}"))
    return tuple(found)
