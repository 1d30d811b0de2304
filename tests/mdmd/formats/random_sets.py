"""Random sets of labels to write and read again, and what became of one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from mdmd.data.records import Box
from mdmd.formats.labels import Face, Image, LabelSet, Loss
from tests.builders import write_picture

NAMES = (
    "a.png",
    "a.bmp",
    "b.png",
    "s 1/b.png",
    "s 1/grüße é.png",
    "x/y.z/o'hara & <son>.png",
    "50%20 (1).png",
    "q#?=+.png",
    "images/deep/日本.png",
    "abcdef12-c.png",
)
LANDMARKS = ("nose tip", "eye_left", "Auge (rechts)", 'a "b" & <c>', "face", "ñ", "0", "no box", "hidden", "nose  tip")
SIZES = ((8, 6), (31, 17))
SPLITS = ("train", "val", "test", None)
VISIBILITY = (0, 1, 2, 2)


@st.composite
def label_sets(draw: st.DrawFn, folder: Path, *, scored: bool = True, around: int = 5) -> LabelSet:
    """A set of up to 3 images, which are written to `folder`, with up to 3 faces each.

    With faces that are labeled in part, hidden, absent or beside the image, or predicted; `scored` gives some scores.
    Points and boxes lie up to `around` pixels outside of their image.
    """
    landmarks = tuple(draw(st.lists(st.sampled_from(LANDMARKS), min_size=1, max_size=4, unique=True)))
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True))
    images = [_image(draw, folder, name, len(landmarks), scored, around) for name in names]
    pairs = [(a, b) for a in range(len(landmarks)) for b in range(a + 1, len(landmarks))]
    edges = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=3)) if pairs else []
    mirror = draw(st.sampled_from([None, tuple(reversed(range(len(landmarks))))]))
    return LabelSet(landmarks, tuple(images), edges=tuple(edges), mirror=mirror)


def _image(draw: st.DrawFn, folder: Path, name: str, count: int, scored: bool, around: int) -> Image:
    size = draw(st.sampled_from(SIZES))
    path = write_picture(folder / name, size=size, color=(NAMES.index(name), 99, 99))
    faces = tuple(_face(draw, size, count, scored, around) for _ in range(draw(st.integers(0, 3))))
    subject = draw(st.sampled_from([None, "eve", "Jürgen Ö."]))
    told = draw(st.sampled_from([size, size, None]))
    return Image(name, path, faces, told, draw(st.sampled_from(SPLITS)), subject)


def _face(draw: st.DrawFn, size: tuple[int, int], count: int, scored: bool, around: int) -> Face:
    visibility = np.array([draw(st.sampled_from(VISIBILITY)) for _ in range(count)])
    points = np.array([[_number(draw, -around, side + around) for side in size] for _ in range(count)])
    points[visibility == 0] = 0
    absent = np.array([draw(st.booleans()) for _ in range(count)]) & (visibility == 0)
    box = None
    if draw(st.booleans()):
        corner = [_number(draw, -around, side - 2) for side in size]
        sides = [_number(draw, 1, side + around - at) for at, side in zip(corner, size, strict=True)]
        box = Box(*corner, *sides)
    predicted = draw(st.sampled_from([False, False, True]))
    scores = None
    if scored and predicted and draw(st.booleans()):
        scores = np.array([_number(draw, 0, 1) for _ in range(count)])
    return Face(points, visibility, box, absent if draw(st.booleans()) else None, predicted, scores)


def _number(draw: st.DrawFn, low: float, high: float) -> float:
    return draw(st.integers(int(low * 1000), int(high * 1000))) / 1000


def check_kept(before: LabelSet, after: LabelSet, lost: Iterable[Loss], within: float = 0.01) -> None:
    """Reading again what was written gave the same, but for exactly what `lost` counts."""
    assert after.left_out == ()
    told = Counter({loss.kind: loss.count for loss in lost})
    told["face"] += told.pop("beside", 0)
    assert differences(before, after, within) == {kind: count for kind, count in told.items() if count}


def differences(before: LabelSet, after: LabelSet, within: float) -> dict[str, int]:
    """How many things of each kind are not as before. What has no kind must be equal, or an assertion fails."""
    count = Counter[str]()
    assert {*after.landmarks} <= {*before.landmarks}
    kept = [k for k, name in enumerate(before.landmarks) if name in after.landmarks]
    assert [before.landmarks[k] for k in kept] == list(after.landmarks)
    count["names"] = len(before.landmarks) - len(kept)
    if after.edges or not before.edges:
        assert {*after.edges} == {*before.edges}
    else:
        count["edges"] = len(before.edges)
    if after.mirror is None:
        count["mirror"] = sum(other > k for k, other in enumerate(before.mirror or ()))
    else:
        assert after.mirror == before.mirror
    count["groups"] = 0 if before.definition is None else len(before.landmarks)
    found = {_content(image): image for image in after.images}
    assert len(found) == len(after.images)
    stems = Counter(Path(image.name).with_suffix("") for image in before.images)
    for image in before.images:
        again = found.pop(_content(image), None)
        if again is None:
            assert image.faces == ()
            count["empty image"] += 1
            continue
        # Where a format keeps labels in a file beside the image, a.png and a.bmp cannot both keep their names.
        assert again.name == image.name or stems[Path(image.name).with_suffix("")] > 1
        _compare_images(image, again, kept, count, within)
    assert found == {}
    return {kind: number for kind, number in count.items() if number}


def _compare_images(image: Image, again: Image, kept: Sequence[int], count: Counter[str], within: float) -> None:
    if image.size is not None and image.faces:
        assert again.size == image.size
    for key in ("split", "subject"):
        one, other = getattr(image, key), getattr(again, key)
        assert other in (one, None)
        count[key] += one != other
    assert len(again.faces) <= len(image.faces), image.name
    count["face"] += len(image.faces) - len(again.faces)
    ways = []
    for chosen in combinations(image.faces, len(again.faces)):  # the faces that are left, in their order
        pairs = list(zip(chosen, again.faces, strict=True))
        if all(_is_same(*pair, kept, within) for pair in pairs):
            ways.append(Counter[str]())
            for pair in pairs:
                _compare_faces(*pair, kept, ways[-1])
    assert ways, image.name
    count.update(min(ways, key=lambda way: way.total()))


def _content(image: Image) -> bytes:
    assert image.path is not None, image.name
    return image.path.read_bytes()


def _is_same(face: Face, again: Face, kept: Sequence[int], within: float) -> bool:
    """Whether the faces have the same labels, and no other box."""
    if again.predicted and not face.predicted:
        return False
    labeled = face.visibility > 0
    if ((again.visibility > 0) != labeled[list(kept)]).any() or labeled.sum() != (again.visibility > 0).sum():
        return False
    if not np.allclose(again.points, face.points[list(kept)], rtol=0, atol=within):
        return False
    if again.box is None or face.box is None:
        # A face without labels that loses its box would be any face.
        return again.box is None and (face.box is None or bool(labeled.any()))
    sides = [[box.x, box.y, box.w, box.h] for box in (face.box, again.box)]
    return np.allclose(*sides, rtol=0, atol=within)


def _compare_faces(face: Face, again: Face, kept: Sequence[int], count: Counter[str]) -> None:
    count["box"] += face.box is not None and again.box is None
    hidden, still = (face.visibility == 1)[list(kept)], again.visibility == 1
    assert not (still & ~hidden).any()
    count["hidden"] += int((hidden & ~still).sum())
    absent = np.zeros(len(face.points), dtype=bool) if face.absent is None else face.absent
    still = np.zeros(len(again.points), dtype=bool) if again.absent is None else again.absent
    assert not (still & ~absent[list(kept)]).any()
    count["absent"] += int(absent.sum() - still.sum())
    count["predicted"] += face.predicted and not again.predicted
    if again.scores is None:
        count["scores"] += face.scores is not None
    else:
        assert face.scores is not None
        labeled = again.visibility > 0
        np.testing.assert_allclose(again.scores[labeled], face.scores[list(kept)][labeled], atol=1e-6)
    assert again.extra == face.extra
