"""What looks wrong in the labels of a project's faces: slips of the hand that a person wants to see while labeling.

Numbers only: no database and no page. Every check is silent where it cannot know, and those that compare faces with
each other are silent below ten of them. Thresholds are set on real labels (benchmarks/label_checks.py): about one
false alarm in a hundred good faces.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from labeler.analysis.model_disagreement import ModelWord, contradictions
from labeler.analysis.outliers import FaceModel
from mdmd.data.definition import GROUPS, Definition
from mdmd.data.records import Box

Array = NDArray[np.float64]

#: Fewer labeled faces than this say nothing of what is usual.
ENOUGH = 10
#: A box's margin, in its sides, within which a point may lie outside.
MARGIN = 0.25
#: How far the two of a pair must stand on each other's side, in faces.
ACROSS = 0.04
#: From this share of a face's pairs on it is the whole face that is mirrored.
WHOLE = 0.75
#: How much shorter a contour must get by walking a part of it the other way, in faces.
DETOUR = 0.07
#: Two points this near each other are one and the same: pixels, and share of the face.
TOUCHING = (1.0, 0.001)
#: Landmarks whose median distance is below this share of the face may well fall together.
NEAR = 0.05
#: How many times odder than the oddest point of an ordinary face a point must be, and how far away, in faces.
ODD, ODD_DISTANCE = 2.15, 0.03
#: From this share of a face's points on it is the face that is odd.
MANY = 0.25
#: More findings than this on one face are one: a landmark was left out, and all after it stand on the next one's place.
MOST = 3

ABOVE = ("left_eye", "right_eye", "left_brow", "right_brow")
BELOW = ("nose", "top_mouth", "bottom_mouth", "jaw")
LEFT = ("upper_left_contour", "lower_left_contour", "left_eye", "left_brow")
RIGHT = ("upper_right_contour", "lower_right_contour", "right_eye", "right_brow")


@dataclass(frozen=True)
class LabeledFace:
    """A face's box and its points (N, 2) in pixels, in the definition's order; NaN where there is no label.

    `word` is what the newest model says of it, None where it has not been asked.
    """

    id: int
    box: Box
    points: Array
    word: ModelWord | None = None


@dataclass(frozen=True)
class Finding:
    """Something to look at: `kind` is "mirrored", "order", "outside", "duplicate", "shape" or "model".

    `landmarks` are stable ids, the one to look at first in front; `sentence` is for the person.
    """

    face: int
    kind: str
    landmarks: tuple[int, ...]
    sentence: str


def check_labels(definition: Definition, faces: Sequence[LabeledFace]) -> list[Finding]:
    """All findings, in the order of `faces`. A landmark that one check has explained is not named by a later one."""
    labeled = [face for face in faces if np.isfinite(face.points).any()]
    if not labeled:
        return []
    points = np.stack([face.points for face in labeled])
    boxes = np.array([[face.box.x, face.box.y, face.box.w, face.box.h] for face in labeled])
    sizes = face_sizes(points)
    words = [face.word for face in labeled]
    found: list[list[Finding]] = [[] for _ in labeled]
    for check in (_outside, _duplicates, _mirrored, _order, _odd_shapes, _contradicted):
        suspect = np.array([bool(hits) for hits in found])
        for row, kind, members, sentence in check(definition, Labels(points, boxes, sizes, suspect, words)):
            ids = tuple(definition.ids[k] for k in members)
            explained = {key for finding in found[row] for key in finding.landmarks}
            if not explained.intersection(ids):
                found[row].append(Finding(labeled[row].id, kind, ids, sentence))
    return [finding for face in found for finding in _gathered(face)]


def _gathered(found: list[Finding]) -> list[Finding]:
    """Findings of one face, or, where they are too many to look at one by one, one for all of them."""
    if len(found) <= MOST:
        return found
    landmarks = tuple(key for finding in found for key in finding.landmarks)
    return [Finding(found[0].face, "shape", landmarks, _left_out(len(landmarks)))]


def _left_out(count: int) -> str:
    return f"{count} landmarks look out of place: was one left out?"


@dataclass(frozen=True)
class Labels:
    """What the checks look at: `points` (F, N, 2), `boxes` (F, 4), `sizes` (F,), and `suspect` (F,) faces so far.

    `words` are what a model says of each face, or None.
    """

    points: Array
    boxes: Array
    sizes: Array
    suspect: NDArray[np.bool_]
    words: Sequence[ModelWord | None]


#: Row of a face, kind, landmark indices, sentence.
Hit = tuple[int, str, tuple[int, ...], str]


def face_sizes(points: Array) -> Array:
    """(F,) of (F, N, 2): the longer side of the rectangle around a face's points, at least a pixel."""
    sides = np.nanmax(points, axis=1) - np.nanmin(points, axis=1)
    return np.maximum(sides.max(axis=1), 1.0)


def _outside(definition: Definition, labels: Labels) -> Iterator[Hit]:
    low, sides = labels.boxes[:, None, :2], labels.boxes[:, None, 2:]
    over = np.maximum(low - labels.points, labels.points - low - sides) / sides
    for row, k in np.argwhere((over > MARGIN).any(axis=-1)):
        yield int(row), "outside", (int(k),), f"{definition.landmarks[k]} lies far outside the face's box."


def _duplicates(definition: Definition, labels: Labels) -> Iterator[Hit]:
    points, sizes = labels.points, labels.sizes
    reach = np.maximum(TOUCHING[0], TOUCHING[1] * sizes)
    for a in range(len(definition.ids) - 1):
        steps = points[:, a + 1 :] - points[:, a, None]
        squares = steps[..., 0] ** 2 + steps[..., 1] ** 2
        near = squares <= (reach**2)[:, None]
        for column in np.flatnonzero(near.any(axis=0)):
            b = a + 1 + int(column)
            relative = np.sqrt(squares[:, column]) / sizes
            known = relative[np.isfinite(relative)]
            if len(known) < ENOUGH:
                if b > a + 1:
                    continue  # Only what a second click on the same place does: it labels the next landmark.
            elif np.quantile(known, 0.1) < NEAR:
                continue  # Closed lips.
            for row in np.flatnonzero(near[:, column]):
                names = definition.landmarks[b], definition.landmarks[a]
                yield int(row), "duplicate", (b, a), f"{names[0]} lies on {names[1]}."


# Left and right


def _mirrored(definition: Definition, labels: Labels) -> Iterator[Hit]:
    """Pairs whose left one lies right of the other, seen along the face's own upright axis, which no swap changes."""
    points, sizes = labels.points, labels.sizes
    pairs = [(k, m) for k, m in enumerate(definition.mirror) if k < m]
    down = _down(definition, points)
    if not pairs or down is None:
        return
    across = np.stack([down[:, 1], -down[:, 0]], axis=-1)
    lefts, rights = np.array(pairs).T
    spans = ((points[:, rights] - points[:, lefts]) * across[:, None]).sum(axis=-1) / sizes[:, None]
    signs = _expected_signs(definition, pairs, spans)
    spans *= signs
    pairs = [pair if sign > 0 else pair[::-1] for pair, sign in zip(pairs, signs, strict=True)]
    for row in np.flatnonzero((spans < -ACROSS).any(axis=1)):
        swapped = [pairs[p] for p in np.flatnonzero(spans[row] < -ACROSS)]
        if len(swapped) > 1 and len(swapped) >= WHOLE * (np.abs(spans[row]) > ACROSS).sum():
            yield int(row), "mirrored", tuple(chain(*swapped)), "Left and right look swapped on the whole face."
            continue
        regions: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for left, right in swapped:
            regions.setdefault((definition.groups[left], definition.groups[right]), []).append((left, right))
        for (one, other), members in regions.items():
            if len(members) > 1 and one != other:
                sentence = f"The landmarks of {_words(one)} and {_words(other)} look swapped."
            else:
                left, right = (definition.landmarks[k] for k in members[0])
                sentence = f"{left} lies right of {right}: sides swapped?"
            yield int(row), "mirrored", tuple(chain(*members)), sentence


def _words(group: int) -> str:
    return GROUPS[group].replace("_", " ")


def _down(definition: Definition, points: Array) -> Array | None:
    """(F, 2): unit vectors from the eyes to what lies below them, by the middles of pairs; NaN where unknown."""
    middles = (points + points[:, list(definition.mirror)]) / 2
    names = [GROUPS[group] for group in definition.groups]
    above, below = ([k for k, name in enumerate(names) if name in part] for part in (ABOVE, BELOW))
    if not above or not below:
        return None
    down = _middle(middles[:, below]) - _middle(middles[:, above])
    with np.errstate(invalid="ignore", divide="ignore"):
        return down / np.linalg.norm(down, axis=-1, keepdims=True)


def _middle(points: Array) -> Array:
    known = np.isfinite(points).all(axis=-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(known, points, 0).sum(axis=1) / known.sum(axis=1)


def _expected_signs(definition: Definition, pairs: Sequence[tuple[int, int]], spans: Array) -> Array:
    """(P,): 1 where the pair's first lies left on most faces, -1 where right. Names and groups count as three faces."""
    votes = np.nansum(np.sign(spans), axis=0) + [3.0 * (_side(definition, m) - _side(definition, k)) for k, m in pairs]
    return np.sign(votes)


def _side(definition: Definition, k: int) -> float:
    """-0.5 for a landmark that is called left or stands in a left group, 0.5 for a right one, else 0."""
    words = definition.landmarks[k].lower().replace("-", "_").replace(" ", "_").split("_")
    group = GROUPS[definition.groups[k]]
    left, right = ("left" in words or group in LEFT), ("right" in words or group in RIGHT)
    return 0.5 * (float(right) - float(left))


# Order along contours


def chains(edges: Sequence[tuple[int, int]]) -> list[list[int]]:
    """The contours that edges draw: walks through landmarks with at most two edges; a closed one ends where it begins.

    Only walks of at least four landmarks, for shorter ones cannot cross themselves.
    """
    neighbours: dict[int, list[int]] = {}
    for a, b in edges:
        if a != b and b not in neighbours.get(a, []):
            neighbours.setdefault(a, []).append(b)
            neighbours.setdefault(b, []).append(a)
    seen: set[int] = set()
    found = []
    # Open ends first, so that what is left over are closed contours.
    for start in sorted(neighbours, key=lambda k: (len(neighbours[k]) != 1, k)):
        if start in seen or len(neighbours[start]) > 2:
            continue
        walk = [start]
        seen.add(start)
        while onward := [k for k in neighbours[walk[-1]] if k not in seen and len(neighbours[k]) <= 2]:
            walk.append(onward[0])
            seen.add(onward[0])
        if len(walk) > 2 and start in neighbours[walk[-1]]:
            walk.append(start)
        if len(set(walk)) >= 4:
            found.append(walk)
    return found


def _order(definition: Definition, labels: Labels) -> Iterator[Hit]:
    """Contours that cross themselves or run back: they get shorter when a part of them is walked the other way."""
    points, sizes = labels.points, labels.sizes
    for walk in chains(definition.edges):
        closed = walk[0] == walk[-1]
        places = points[:, walk]
        distances = np.linalg.norm(places[:, :, None] - places[:, None], axis=-1) / sizes[:, None, None]
        if not closed:  # Ends are free: a landmark at no distance of anything stands before and behind them.
            distances = np.pad(distances, ((0, 0), (1, 1), (1, 1)))
            distances[:, 0, :] = distances[:, -1, :] = distances[:, :, 0] = distances[:, :, -1] = 0
        first, last = np.triu_indices(distances.shape[1] - 2, 1)
        first, last = first + 1, last + 1
        before = distances[:, first - 1, first] + distances[:, last, last + 1]
        after = distances[:, first - 1, last] + distances[:, first, last + 1]
        gains = np.nan_to_num(before - after, nan=-1.0)
        for row in np.flatnonzero(gains.max(axis=1) > DETOUR):
            part = int(gains[row].argmax())
            shift = 0 if closed else 1
            a, b = walk[first[part] - shift], walk[last[part] - shift]
            names = definition.landmarks[a], definition.landmarks[b]
            how = "swapped?" if last[part] - first[part] == 1 else "the contour crosses itself between them."
            yield int(row), "order", (a, b), f"{names[0]} and {names[1]} are out of order along their contour: {how}"


# Shape


def _odd_shapes(definition: Definition, labels: Labels) -> Iterator[Hit]:
    """Points far from where the rest of their face says they are, and faces where many are."""
    rows = np.flatnonzero(np.isfinite(labels.points[..., 0]).sum(axis=1) >= 4)
    points, among = labels.points[rows], ~labels.suspect[rows]
    if among.sum() < ENOUGH:
        return
    model = FaceModel(points, among)
    usual = _odd_from(model) >= model.oddness().max(axis=1)
    if (among & usual).sum() >= ENOUGH:
        model = FaceModel(points, among & usual)  # What looks wrong does not say what is usual.
    odd, limit = model.oddness(), _odd_from(model)
    odd[model.away < ODD_DISTANCE * face_sizes(model.mean[None])] = 0
    for i in np.flatnonzero(odd.max(axis=1) > limit):
        row, worst = int(rows[i]), [int(k) for k in np.argsort(-odd[i]) if odd[i, k] > limit]
        if len(worst) >= max(3, MANY * model.known[i].sum()):
            yield row, "shape", tuple(worst), _left_out(len(worst))
        else:
            sentence = f"{definition.landmarks[worst[0]]} does not fit the rest of its face."
            yield row, "shape", (worst[0],), sentence


def _odd_from(model: FaceModel) -> float:
    """Above this a point is odd: so many times as odd as the oddest point of the face in the middle.

    The oddest of few points varies more from face to face, and few faces know their spread less well.
    """
    oddest = model.oddness().max(axis=1)[model.among]
    return ODD * (1 + 1 / len(model.mean)) * (1 + 2 / len(oddest)) * float(np.median(oddest))


# Model against label


def _contradicted(definition: Definition, labels: Labels) -> Iterator[Hit]:
    for row, word in enumerate(labels.words):
        if word is not None:
            for members, sentence in contradictions(definition, labels.points[row], float(labels.sizes[row]), word):
                yield row, "model", members, sentence
