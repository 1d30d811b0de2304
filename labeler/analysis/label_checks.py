"""Checks for slips in labels: swapped sides, wrong order, points outside the box, duplicates, odd shapes.

A check reports nothing if it lacks data, and checks that compare faces need at least ten of them. The thresholds were
chosen on real labels (benchmarks/label_checks.py), for about one false alarm per hundred correct faces.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from labeler.analysis.model_disagreement import ModelPrediction, contradictions
from labeler.analysis.outliers import FaceModel
from mdmd.data.definition import GROUPS, Definition
from mdmd.data.records import Box

Array = NDArray[np.float64]

#: Minimum number of labeled faces to compare with.
ENOUGH = 10
#: How far outside the box a point may be, in sides of the box.
MARGIN = 0.25
#: How far a pair must be swapped across the face's axis to be reported, in face sizes.
ACROSS = 0.04
#: From this share of swapped pairs, the whole face is reported as mirrored.
WHOLE = 0.75
#: How much shorter a contour must get when a part of it is reversed, in face sizes.
DETOUR = 0.07
#: Maximum distance of two points that coincide: in pixels, and in face sizes.
TOUCHING = (1.0, 0.001)
#: Pairs of landmarks with a smaller distance (10 % quantile, in face sizes) may coincide, like those of closed lips.
NEAR = 0.05
#: How many times odder than the oddest point of a median face a point must be, and how far off, in face sizes.
ODD, ODD_DISTANCE = 2.15, 0.03
#: From this share of odd points, the whole face is reported.
MANY = 0.25
#: More findings on one face are merged: probably a landmark was left out, which shifts all points after it.
MOST = 3

ABOVE = ("left_eye", "right_eye", "left_brow", "right_brow")
BELOW = ("nose", "top_mouth", "bottom_mouth", "jaw")
LEFT = ("upper_left_contour", "lower_left_contour", "left_eye", "left_brow")
RIGHT = ("upper_right_contour", "lower_right_contour", "right_eye", "right_brow")


@dataclass(frozen=True)
class LabeledFace:
    """A face's box and its points (N, 2) in pixels, in the definition's order; NaN without a label.

    `prediction` is the newest model's prediction for the face, or None.
    """

    id: int
    box: Box
    points: Array
    prediction: ModelPrediction | None = None


@dataclass(frozen=True)
class Finding:
    """A suspicious label: `kind` is "mirrored", "order", "outside", "duplicate", "shape" or "model".

    `landmarks` are stable ids, the most suspicious first. `sentence` is shown to the user.
    """

    face: int
    kind: str
    landmarks: tuple[int, ...]
    sentence: str


def check_labels(definition: Definition, faces: Sequence[LabeledFace]) -> list[Finding]:
    """All findings, in the order of `faces`. Later checks do not report a landmark that is in an earlier finding."""
    labeled = [face for face in faces if np.isfinite(face.points).any()]
    if not labeled:
        return []
    points = np.stack([face.points for face in labeled])
    boxes = np.array([[face.box.x, face.box.y, face.box.w, face.box.h] for face in labeled])
    sizes = face_sizes(points)
    predictions = [face.prediction for face in labeled]
    found: list[list[Finding]] = [[] for _ in labeled]
    for check in (_outside, _duplicates, _mirrored, _order, _odd_shapes, _contradicted):
        suspect = np.array([bool(hits) for hits in found])
        for row, kind, members, sentence in check(definition, Labels(points, boxes, sizes, suspect, predictions)):
            ids = tuple(definition.ids[k] for k in members)
            explained = {key for finding in found[row] for key in finding.landmarks}
            if not explained.intersection(ids):
                found[row].append(Finding(labeled[row].id, kind, ids, sentence))
    return [finding for face in found for finding in _gathered(face)]


def _gathered(found: list[Finding]) -> list[Finding]:
    """The findings of one face, merged into one if there are more than `MOST`."""
    if len(found) <= MOST:
        return found
    landmarks = tuple(key for finding in found for key in finding.landmarks)
    return [Finding(found[0].face, "shape", landmarks, _left_out(len(landmarks)))]


def _left_out(count: int) -> str:
    return f"{count} landmarks look out of place: was one left out?"


@dataclass(frozen=True)
class Labels:
    """The input of the checks for F faces: `points` (F, N, 2), `boxes` (F, 4) and `sizes` (F,), all in pixels.

    `suspect` (F,) marks faces with findings of earlier checks. `predictions` holds a model's prediction for each face,
    or None.
    """

    points: Array
    boxes: Array
    sizes: Array
    suspect: NDArray[np.bool_]
    predictions: Sequence[ModelPrediction | None]


#: Row of a face, kind, landmark indices, sentence.
Hit = tuple[int, str, tuple[int, ...], str]


def face_sizes(points: Array) -> Array:
    """The size (F,) of each face in pixels: the longer side of the bounding box of its points (F, N, 2)."""
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
                    continue  # Without data, report only a double click, which labels the next landmark.
            elif np.quantile(known, 0.1) < NEAR:
                continue  # such as closed lips
            for row in np.flatnonzero(near[:, column]):
                names = definition.landmarks[b], definition.landmarks[a]
                yield int(row), "duplicate", (b, a), f"{names[0]} lies on {names[1]}."


# Left and right


def _mirrored(definition: Definition, labels: Labels) -> Iterator[Hit]:
    """Pairs whose left landmark lies right of the right one. Swaps do not change the upright axis used for this."""
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
    """Unit vectors (F, 2) from the eyes down to nose, mouth and jaw, from the middles of pairs; NaN if unknown."""
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
    """1 if the first landmark of a pair is usually left, else -1 (P,). Names and groups count as three faces."""
    votes = np.nansum(np.sign(spans), axis=0) + [3.0 * (_side(definition, m) - _side(definition, k)) for k, m in pairs]
    return np.sign(votes)


def _side(definition: Definition, k: int) -> float:
    """-0.5 for a landmark with a left name or group, 0.5 for a right one, else 0."""
    words = definition.landmarks[k].lower().replace("-", "_").replace(" ", "_").split("_")
    group = GROUPS[definition.groups[k]]
    left, right = ("left" in words or group in LEFT), ("right" in words or group in RIGHT)
    return 0.5 * (float(right) - float(left))


# Order along contours


def chains(edges: Sequence[tuple[int, int]]) -> list[list[int]]:
    """The contours formed by `edges`: paths through landmarks with at most two edges.

    A closed contour ends with its first landmark. Contours of fewer than four landmarks are left out, because they
    cannot cross themselves.
    """
    neighbors: dict[int, list[int]] = {}
    for a, b in edges:
        if a != b and b not in neighbors.get(a, []):
            neighbors.setdefault(a, []).append(b)
            neighbors.setdefault(b, []).append(a)
    seen: set[int] = set()
    found = []
    # Start at open ends, so that only closed contours remain.
    for start in sorted(neighbors, key=lambda k: (len(neighbors[k]) != 1, k)):
        if start in seen or len(neighbors[start]) > 2:
            continue
        walk = [start]
        seen.add(start)
        while onward := [k for k in neighbors[walk[-1]] if k not in seen and len(neighbors[k]) <= 2]:
            walk.append(onward[0])
            seen.add(onward[0])
        if len(walk) > 2 and start in neighbors[walk[-1]]:
            walk.append(start)
        if len(set(walk)) >= 4:
            found.append(walk)
    return found


def _order(definition: Definition, labels: Labels) -> Iterator[Hit]:
    """Contours that cross themselves or run back: reversing a part of them makes them shorter."""
    points, sizes = labels.points, labels.sizes
    for walk in chains(definition.edges):
        closed = walk[0] == walk[-1]
        places = points[:, walk]
        distances = np.linalg.norm(places[:, :, None] - places[:, None], axis=-1) / sizes[:, None, None]
        if not closed:  # Free ends: add a landmark at distance 0 from all others at both ends.
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
    """Points far from where the rest of their face predicts them, and faces with many such points."""
    rows = np.flatnonzero(np.isfinite(labels.points[..., 0]).sum(axis=1) >= 4)
    points, among = labels.points[rows], ~labels.suspect[rows]
    if among.sum() < ENOUGH:
        return
    model = FaceModel(points, among)
    usual = _odd_from(model) >= model.oddness().max(axis=1)
    if (among & usual).sum() >= ENOUGH:
        model = FaceModel(points, among & usual)  # Fit again without odd faces.
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
    """The threshold of oddness: a multiple of the median over the faces of their oddest point.

    It is higher for few landmarks, whose maximum varies more between faces, and for few faces, whose spread is less
    certain.
    """
    oddest = model.oddness().max(axis=1)[model.among]
    return ODD * (1 + 1 / len(model.mean)) * (1 + 2 / len(oddest)) * float(np.median(oddest))


# Model against label


def _contradicted(definition: Definition, labels: Labels) -> Iterator[Hit]:
    for row, prediction in enumerate(labels.predictions):
        if prediction is not None:
            size = float(labels.sizes[row])
            for members, sentence in contradictions(definition, labels.points[row], size, prediction):
                yield row, "model", members, sentence
