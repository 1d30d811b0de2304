"""Random sets of labels, and what differs between a set and the one that is read after it was written."""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from mdmd.data.definition import Definition
from mdmd.data.images import picture_size
from mdmd.data.records import Box
from mdmd.errors import DataError
from mdmd.formats.format import Format, Reading
from mdmd.formats.labels import Face, Image, LabelSet
from tests.builders import write_picture

#: Width and height of the pictures: no two are alike, so that a picture is known again whatever its name.
SIZES = ((40, 30), (30, 40), (50, 20))
NAMES = (
    *("a.png", "a.bmp", "b 1.png", "ä ö.png", "s1/a.png", "s 2/ü.png", "s1/deep/a.png", "x,y;z.png", "a_2.png"),
    *("x/y.z/o'hara & <son>.png", "50%20 (1).png", "q#?=+.png", "images/deep/日本.png", "abcdef12-c.png"),
)
LANDMARKS = (
    *("eye left", "ear", "mouth_x", "Nase Ü", "10", "a,b", "Ear", "nose  tip"),
    *("Auge (rechts)", 'a "b" & <c>', "face", "no box", "hidden"),
)
few = settings(max_examples=60)
PLACES = st.one_of(
    st.integers(-60, 120).map(float),
    st.floats(-60, 120, allow_nan=False).map(lambda number: round(number, 4)),
    st.floats(0.0, 20),
)
#: Those that lie in every picture, and sides of boxes that do.
INNER, SHORT = PLACES.map(lambda number: abs(number) % 10), st.integers(1, 80).map(lambda side: side / 8)
SIDES = st.integers(1, 400).map(lambda side: side / 8)


@st.composite
def label_sets(draw: st.DrawFn, *, outside: bool = True) -> LabelSet:
    """Up to three images of up to three faces each; every field that a format may keep is there or not.

    Without `outside` all points and boxes lie in their images.
    """
    landmarks = tuple(draw(st.lists(st.sampled_from(LANDMARKS), min_size=1, max_size=4, unique=True)))
    count = len(landmarks)
    names = draw(st.lists(st.sampled_from(NAMES), max_size=3, unique=True))
    images = [draw(_images(name, SIZES[k], _faces(count, outside))) for k, name in enumerate(names)]
    pairs = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)).filter(lambda pair: pair[0] != pair[1])
    edges = draw(st.lists(pairs, max_size=2, unique_by=frozenset)) if count > 1 else []
    mirror = draw(st.sampled_from([None, (*range(count),), (1, 0, *range(2, count))])) if count > 1 else None
    groups = Definition("x", landmarks, (0,) * count, mirror or (*range(count),), tuple(edges))
    return LabelSet(landmarks, tuple(images), tuple(edges), mirror, draw(st.sampled_from([None, groups])))


@st.composite
def _images(draw: st.DrawFn, name: str, size: tuple[int, int], some: st.SearchStrategy[Face]) -> Image:
    faces = draw(st.lists(some, max_size=3))
    subject = draw(st.sampled_from([None, "eve", "Jörg, 2"]))
    split, told = draw(st.sampled_from(["train", "val", "test", None])), draw(st.sampled_from([size, size, None]))
    return Image(name, picture(size), tuple(faces), told, split, subject)


@st.composite
def _faces(draw: st.DrawFn, count: int, outside: bool) -> Face:
    place, side = (PLACES, SIDES) if outside else (INNER, SHORT)
    visibility = np.array(draw(st.lists(st.sampled_from([2, 2, 2, 1, 0]), min_size=count, max_size=count)))
    places = st.lists(st.tuples(place, place), min_size=count, max_size=count)
    points = np.where(visibility[:, None] > 0, np.array(draw(places), dtype=np.float64), 0.0)
    absent = np.array(draw(st.lists(st.booleans(), min_size=count, max_size=count))) & (visibility == 0)
    box = draw(st.none() | st.builds(Box, place, place, side, side))
    predicted = draw(st.booleans())
    scores = np.array(draw(st.lists(st.integers(0, 64), min_size=count, max_size=count))) / 64
    return Face(
        points,
        visibility.astype(np.int64),
        box,
        absent if draw(st.booleans()) else None,
        predicted,
        scores if predicted and draw(st.booleans()) else None,
        draw(st.sampled_from([None, None, "mouse", "ä 1"])),
    )


_folder = tempfile.TemporaryDirectory()


def picture(size: tuple[int, int]) -> Path:
    """A picture of this size, drawn once."""
    path = Path(_folder.name) / f"{size[0]}.png"
    return path if path.exists() else write_picture(path, size)


def check_round_trip(
    form: Format,
    labels: LabelSet,
    *,
    how: Reading | None = None,
    within: float = 0.01,
    in_order: bool = True,
    gains: frozenset[str] = frozenset(),
    boxes_within: float = 0.01,
    renames: bool = False,
) -> None:
    """What is read again after `labels` were written differs by nothing but what the writer says, in kind and count.

    Without `in_order` the faces of an image may come in another order. `gains` are kinds that a format may add. Unless
    the format `renames` images, they keep their names, but of two that differ in their ending only one may not.
    """
    assert form.write is not None
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        out.mkdir()
        told = {loss.kind: loss.count for loss in form.write(labels, out, "copy")}
        if beside := told.pop("beside", 0):
            before, labels = labels.faces, _without_predictions_beside_labels(labels)
            assert before - labels.faces == beside
        if not any(out.rglob("*")):  # no face could be kept, so that there is no file
            everything = {"face": labels.faces, "empty image": len(labels.images)}
            assert {kind: told.get(kind, 0) for kind in everything} == everything
            return
        assert form.detect(out), sorted(out.rglob("*"))
        again = form.read(out, how or Reading())
        assert again.left_out == ()
        found = differences(labels, again, within, in_order, gains, boxes_within)
    assert found == told
    if not renames:
        names = {Path(image.name).with_suffix("") for image in labels.images}
        if len(names) == len(labels.images):
            assert {image.name for image in again.images} <= {image.name for image in labels.images}


def _without_predictions_beside_labels(labels: LabelSet) -> LabelSet:
    def faces(image: Image) -> tuple[Face, ...]:
        return tuple(face for face in image.faces if not face.predicted) or image.faces

    return replace(labels, images=tuple(replace(image, faces=faces(image)) for image in labels.images))


def differences(
    labels: LabelSet, again: LabelSet, within: float, in_order: bool, gains: frozenset[str], boxes_within: float
) -> dict[str, int]:
    """Kinds of losses and their counts, as `again` shows them."""
    count = Counter[str]()
    count["names"] = sum(name not in again.landmarks for name in labels.landmarks)
    by_name = bool({*again.landmarks} & {*labels.landmarks}) or not again.landmarks
    if by_name:
        assert {*again.landmarks} <= {*labels.landmarks}
        order = [again.landmarks.index(name) if name in again.landmarks else -1 for name in labels.landmarks]
    else:
        assert len(again.landmarks) == len(labels.landmarks)
        order = [*range(len(labels.landmarks))]
    of_size = {picture_size(image.path): image for image in again.images if image.path is not None}
    assert len(of_size) == len(again.images)
    for image in labels.images:
        assert image.path is not None
        found = of_size.get(picture_size(image.path))
        if found is None:
            count["empty image"] += 1
            count["face"] += len(image.faces)
            continue
        assert image.size is None or found.size in (None, image.size)
        count["split"] += _differ(image.split, found.split, "split", gains)
        count["subject"] += _differ(image.subject, found.subject, "subject", gains)
        left = [_ordered(face, order) for face in found.faces]
        for face in image.faces:
            position = next((k for k, other in enumerate(left) if _alike(face, other, within)), None)
            if position is None or (in_order and position > 0):
                count["face"] += 1
            else:
                count.update(_of_face(face, left.pop(position), gains, boxes_within))
        assert not left, "a face was made up"
    pairs = {frozenset(pair) for pair in labels.edges}
    count["edges"] = len(pairs - {frozenset(order.index(k) for k in pair) for pair in again.edges})
    if again.mirror is None:
        count["mirror"] = sum(k < other for k, other in enumerate(labels.mirror or ()))
    elif labels.mirror is not None:
        assert [order.index(again.mirror[k]) for k in order] == list(labels.mirror)
    count["groups"] = len(labels.landmarks) if labels.definition is not None and again.definition is None else 0
    return {kind: number for kind, number in count.items() if number}


def _ordered(face: Face, order: list[int]) -> Face:
    """The face with its landmarks in `order`; those with -1 are not labeled."""

    def added(values: np.ndarray) -> np.ndarray:
        return np.concatenate([values, np.zeros((1, *values.shape[1:]), values.dtype)])[order]

    return replace(
        face,
        points=added(face.points),
        visibility=added(face.visibility),
        absent=None if face.absent is None else added(face.absent),
        scores=None if face.scores is None else added(face.scores),
    )


def _alike(face: Face, other: Face, within: float) -> bool:
    labeled = face.visibility > 0
    if other.box is not None and face.box is None and not labeled.any():
        return False  # without a label nothing else tells these two faces apart
    return (labeled == (other.visibility > 0)).all() and np.allclose(
        face.points[labeled], other.points[labeled], rtol=0, atol=within
    )


def _of_face(face: Face, other: Face, gains: frozenset[str], boxes_within: float) -> dict[str, int]:
    labeled = face.visibility > 0
    absent = np.zeros(len(face.points), bool) if face.absent is None else face.absent
    absent_again = np.zeros(len(face.points), bool) if other.absent is None else other.absent
    assert other.extra == face.extra
    hidden = (face.visibility == 1) & (other.visibility == 2)
    assert not ((face.visibility == 2) & (other.visibility == 1)).any()
    same_box = face.box is None and (other.box is None or "box" in gains)
    if face.box is not None and other.box is not None:
        same_box = np.allclose(_numbers(face.box), _numbers(other.box), rtol=0, atol=boxes_within)
    rounded = (np.abs(face.points - other.points) > 0.01).any(axis=1) & labeled
    scored = face.scores is not None and other.scores is None
    if face.scores is not None and other.scores is not None:
        np.testing.assert_allclose(other.scores[labeled], face.scores[labeled], rtol=0, atol=1e-6)
    assert not (other.predicted and not face.predicted)
    return {
        "hidden": int(hidden.sum()),
        "absent": int((absent & ~absent_again).sum()),
        "not labeled": int((~labeled & ~absent & absent_again).sum()),
        "rounded": int(rounded.sum()),
        "box": int(not same_box),
        "scores": int(scored),
        "predicted": int(face.predicted and not other.predicted),
        "face subject": _differ(face.subject, other.subject, "face subject", gains),
    }


def _numbers(box: Box) -> list[float]:
    return [box.x, box.y, box.w, box.h]


def _differ(one: str | None, other: str | None, kind: str, gains: frozenset[str]) -> int:
    if one is None and other is not None:
        assert kind in gains, f"{kind} {other!r} was made up"
        return 0
    return int(one != other)


def mutations(text: str) -> st.SearchStrategy[str]:
    """`text` with a few random edits: lines or parts left out, doubled or swapped, and odd words put in."""
    odd = ["", "NaN", "inf", "-1e308", "1e999", "9" * 400, "-1", "0", "\x00", "é", ",", ";", "<", ">", "&", '"', "\n"]
    odd += ["{", "}", "[", "]", "null", "=", "-", "1.5", "true", "..", "\t", "LM=3", "\ud7ff"]

    @st.composite
    def edited(draw: st.DrawFn) -> str:
        found = text
        for _ in range(draw(st.integers(1, 4))):
            start = draw(st.integers(0, len(found)))
            end = min(len(found), start + draw(st.integers(0, 40)))
            kind = draw(st.sampled_from(["put", "put", "cut", "double", "line"]))
            if kind == "put":
                found = found[:start] + draw(st.sampled_from(odd)) + found[end if draw(st.booleans()) else start :]
            elif kind == "cut":
                found = found[:start] + found[end:]
            elif kind == "double":
                found = found[:end] + found[start:]
            else:
                lines = found.splitlines(keepends=True)
                if lines:
                    del lines[draw(st.integers(0, len(lines) - 1))]
                found = "".join(lines)
        return found

    return edited()


def check_mutation(form: Format, place: Path, file: Path, text: str, how: Reading | None = None) -> None:
    """Reading `place` after its `file` was edited gives a set whose points are numbers, or a DataError."""
    file.write_bytes(text.encode("utf-8", errors="surrogatepass"))
    form.detect(file)
    form.detect(place)
    try:
        labels = form.read(place, how or Reading())
    except DataError:
        return
    count = len(labels.landmarks)
    assert len(set(labels.landmarks)) == count
    for image in labels.images:
        for face in image.faces:
            assert face.points.shape == (count, 2)
            assert face.visibility.shape == (count,)
            assert np.isfinite(face.points).all()
            assert set(face.visibility.tolist()) <= {0, 1, 2}
    assert all(out.record and out.why for out in labels.left_out)
