"""Which face to label next, and why: one unlike those labeled so far, and, after a model, one that it doubts.

Faces are chosen one after the other. With d(i) the distance of face i, in the space of
`labeler/analysis/image_features.py`, from the nearest face that is labeled or already chosen, the next one is

    argmax w(i) d(i),    w(i) = 1 before there is a model, else the expected number of wrong points of face i

(`Standing.expected_wrong`; a face that the model has not seen counts as their mean). Before a model this is the
farthest-point order (k-center greedy). Near-duplicates of a labeled face, or of a face before them, are never chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labeler.guidance.progress import Standing
from labeler.pictures.feature_cache import Look, Looks, key_of
from labeler.storage.store import Store

#: How many suggestions are made at once.
QUEUE = 50


@dataclass(frozen=True)
class Suggestion:
    """A face to label (or, as a near-duplicate, to leave for later), and why in a few words."""

    face: int
    reason: str


@dataclass(frozen=True)
class Suggestions:
    """`done` of `of` faces were looked at; only when all are is there a `queue`, the best first."""

    done: int
    of: int
    queue: tuple[Suggestion, ...] = ()
    duplicates: tuple[Suggestion, ...] = ()


class Suggester:
    """Suggests faces of the project whose `standings` are given, in the pictures' order."""

    def __init__(self, store: Store, looks: Looks, standings: Callable[[], list[Standing]]) -> None:
        self._store, self._looks, self._standings = store, looks, standings

    def suggest(self) -> Suggestions:
        """Answers at once; what is not looked at yet is begun."""
        pictures = {picture.id: picture for picture in self._store.images()}
        faces = {face.id: face for face in self._store.faces()}
        standings = [s for s in self._standings() if s.state != "skipped" and s.face in faces]
        keys = {s.face: key_of(pictures[s.picture], faces[s.face].box) for s in standings}
        wanted = {keys[s.face]: (pictures[s.picture], faces[s.face].box) for s in standings}
        looks, done = self._looks.look(wanted)
        if done < len(wanted):
            return Suggestions(done, len(wanted))
        seen = [s for s in standings if keys[s.face] in looks]
        names = {picture.id: picture.name for picture in pictures.values()}
        queue, duplicates = suggest(seen, [looks[keys[s.face]] for s in seen], [keys[s.face] for s in seen], names)
        return Suggestions(done, len(wanted), tuple(queue), tuple(duplicates))


def suggest(
    standings: Sequence[Standing], looks: Sequence[Look], keys: Sequence[bytes], names: Mapping[int, str]
) -> tuple[list[Suggestion], list[Suggestion]]:
    """The queue, and the near-duplicates that stay out of it; `names` are those of pictures, by id.

    A face with any label counts as labeled: whoever began it will finish it.
    """
    labeled = [k for k, s in enumerate(standings) if s.labeled]
    twins = _twins(standings, looks, keys, labeled)
    duplicates = [
        Suggestion(
            standings[k].face,
            f"near-duplicate of {names[standings[twin].picture]}, labeled already: skipped in suggestions"
            if standings[twin].labeled
            else f"near-duplicate of {names[standings[twin].picture]}: one of the two is enough",
        )
        for k, twin in sorted(twins.items())
    ]
    free = [k for k, s in enumerate(standings) if not s.labeled and k not in twins]
    if not free:
        return [], duplicates
    predicted = [k for k in free if standings[k].unreviewed]
    weights = None
    if predicted:
        doubt = {k: standings[k].expected_wrong for k in predicted}
        mean = sum(doubt.values()) / len(doubt)
        weights = np.array([doubt.get(k, mean) for k in free])
    vectors = np.stack([looks[k].vector for k in [*free, *labeled]])
    chosen = spread(vectors, range(len(free), len(vectors)), QUEUE, weights)
    queue = []
    for place, position in enumerate(chosen):
        s = standings[free[position]]
        if weights is not None and s.unreviewed:
            reason = _doubt(s.expected_wrong)
        elif labeled:
            reason = (
                f"unlike the {len(labeled)} labeled so far" if len(labeled) > 1 else "unlike the one labeled so far"
            )
        else:
            reason = (
                "unlike the ones suggested before it" if place else "the most usual of all: a good one to begin with"
            )
        queue.append(Suggestion(s.face, reason))
    return queue, duplicates


def spread(
    vectors: NDArray[np.float32], taken: Sequence[int], count: int, weights: NDArray[np.float64] | None = None
) -> list[int]:
    """Up to `count` rows of `vectors`, each the farthest, times its weight, from those `taken` or chosen before it.

    `weights` are for the rows before the first of `taken`, 1 each where there are none. Where nothing is taken the
    first is the one nearest to the mean, or of the largest weight.
    """
    free = np.ones(len(vectors), dtype=bool)
    free[list(taken)] = False
    weight = np.ones(len(vectors)) if weights is None else np.pad(weights, (0, len(vectors) - len(weights)))
    nearest = _nearest(vectors, vectors[list(taken)])
    chosen: list[int] = []
    while free.any() and len(chosen) < count:
        if np.isinf(nearest).all():
            value = -np.linalg.norm(vectors - vectors.mean(axis=0), axis=1) if weights is None else weight
        else:
            value = nearest * weight
        row = int(np.argmax(np.where(free, value, -np.inf)))
        chosen.append(row)
        free[row] = False
        nearest = np.minimum(nearest, _nearest(vectors, vectors[row : row + 1]))
    return chosen


def _nearest(vectors: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float64]:
    """(F,): the distance of each vector to the nearest of `others`; infinite where there is none."""
    squares = np.full(len(vectors), np.inf)
    for start in range(0, len(others), 256):  # by products of matrices: thousands of faces in a moment
        block = others[start : start + 256]
        found = (vectors**2).sum(axis=1)[:, None] + (block**2).sum(axis=1) - 2 * vectors @ block.T
        squares = np.minimum(squares, found.min(axis=1))
    return np.sqrt(np.maximum(squares, 0))


def _twins(
    standings: Sequence[Standing], looks: Sequence[Look], keys: Sequence[bytes], labeled: Sequence[int]
) -> dict[int, int]:
    """Of each face without a label that is a near-duplicate: of which labeled face, or else of which one before it.

    Faces of one picture are never taken for each other: their boxes may both be the whole picture.
    """
    places: dict[bytes, list[int]] = {}
    for k, key in enumerate(keys):
        places.setdefault(key, []).append(k)
    alike: dict[int, set[int]] = {}
    for k, look in enumerate(looks):
        for other in (place for twin in look.twins for place in places.get(twin, ())):
            if standings[k].picture != standings[other].picture:
                alike.setdefault(k, set()).add(other)
                alike.setdefault(other, set()).add(k)
    kept, found = set(labeled), {}
    for k in sorted(alike.keys() - kept):
        before = sorted(alike[k] & kept, key=lambda other: (not standings[other].labeled, other))
        if before:
            found[k] = before[0]
        else:
            kept.add(k)
    return found


def _doubt(expected: float) -> str:
    if expected < 0.05:
        return "the model expects no wrong point here"
    return f"the model expects {expected:.1f} wrong point{'' if f'{expected:.1f}' == '1.0' else 's'} here"
