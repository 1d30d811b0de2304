"""Points and rectangles that a tool keeps one by one, joined into faces: what several formats share."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from mdmd.data.definition import MOST_LANDMARKS
from mdmd.data.places import FARTHEST, PLACE, box_problem, is_place
from mdmd.data.records import Box
from mdmd.data.text import path_problem, shown, text_problem
from mdmd.errors import DataError
from mdmd.formats.images import ImageFinder, parts_of
from mdmd.formats.labels import Face, Image, LabelSet, LeftOut
from mdmd.formats.lost import has_label
from mdmd.formats.text import regular

#: What the rectangle of a face is called when it is written.
FACE = "face"
#: Of rectangles that are read otherwise than they stand: a sentence for one, and for several.
TURNED = (
    "{} turned rectangle is read as the upright one around it",
    "{} turned rectangles are read as the upright ones around them",
)
#: Bytes at the start and at the end of a file by which its format is told, and how many files are looked at.
HEAD, TAIL = 65_536, 4_096
LOOKED_AT = 10_000
#: Faces of one image that are read.
MOST_FACES = 5_000


@dataclass(frozen=True)
class Shape:
    """A point with the `name` of its landmark, or a rectangle with the `name` of its class.

    `record` says which it is in a sentence. Shapes with the same `group` are one face; None is no group. A rectangle
    that `only_groups` joins points but is not the box of their face.
    """

    record: str
    name: str
    group: str | None = None
    place: tuple[float, float] = (0.0, 0.0)
    visibility: int = 2
    box: Box | None = None
    only_groups: bool = False
    predicted: bool = False
    score: float | None = None


@dataclass
class Drawn:
    """The shapes that were drawn in one image."""

    name: str
    path: Path | None
    shapes: list[Shape]
    size: tuple[int, int] | None = None
    split: str | None = None
    subject: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class _Draft:
    """A face in the making: points, and perhaps a rectangle."""

    points: list[Shape] = field(default_factory=list)
    box: Shape | None = None

    def extent(self) -> tuple[float, float, float, float]:
        """The least x and y and the greatest x and y of its labels; NaN if it has none."""
        places = np.array([point.place for point in self.points if point.visibility > 0])
        if not len(places):
            return (np.nan, np.nan, np.nan, np.nan)
        return (*places.min(axis=0).tolist(), *places.max(axis=0).tolist())


def images_of(drawn: Sequence[Drawn], landmarks: Sequence[str], left_out: list[LeftOut]) -> tuple[Image, ...]:
    """The images with their shapes joined into faces; a landmark that a face lacks is not labeled.

    Shapes of a group are one face. Points without a group are one face with the only rectangle that has no group
    either; of several such rectangles each point belongs to the smallest around it. A rectangle without a group and
    without such points is the box of the one face inside it that has none, or else of a face without labels, if its
    class is FACE or that of a rectangle with points. What is left is told in `left_out`.
    """
    index = {name: k for k, name in enumerate(landmarks)}
    drafts = [_drafts(one.shapes, left_out) for one in drawn]
    classes = {FACE} | {draft.box.name for found in drafts for draft in found if draft.points and draft.box}
    images = []
    for one, found in zip(drawn, drafts, strict=True):
        kept = []
        for draft in found:
            box = draft.box
            if not draft.points and box is not None and not box.only_groups and box.name not in classes:
                why = f"no points are joined to a rectangle of the class {shown(box.name)}"
                left_out.append(LeftOut(box.record, why))
            elif len(kept) == MOST_FACES:
                shape = (draft.points or [draft.box])[0]
                left_out.append(LeftOut(shape.record if shape else one.name, f"it is one of over {MOST_FACES:,} faces"))
            else:
                kept.append(_face(draft, index, left_out))
        images.append(Image(one.name, one.path, tuple(kept), one.size, one.split, one.subject, one.extra))
    return tuple(images)


def _drafts(shapes: Sequence[Shape], left_out: list[LeftOut]) -> list[_Draft]:
    """The faces of one image, in the order of their first shapes."""
    order = {id(shape): k for k, shape in enumerate(shapes)}
    groups = defaultdict[str, _Draft](_Draft)
    loose_points: list[Shape] = []
    loose_boxes: list[Shape] = []
    for shape in shapes:
        if shape.group is None:
            (loose_points if shape.box is None else loose_boxes).append(shape)
        elif shape.box is None:
            groups[shape.group].points.append(shape)
        elif groups[shape.group].box is None:
            groups[shape.group].box = shape
        else:
            left_out.append(LeftOut(shape.record, f"its group {shown(shape.group)} has a rectangle already"))
    drafts = [*groups.values(), *_of_loose(loose_points, loose_boxes, list(groups.values()), left_out)]
    return sorted(drafts, key=lambda draft: min(order[id(s)] for s in (*draft.points, draft.box) if s is not None))


def _of_loose(
    points: list[Shape], boxes: list[Shape], grouped: list[_Draft], left_out: list[LeftOut]
) -> Iterator[_Draft]:
    """The faces of the shapes without a group; rectangles may become the box of a face of a group."""
    left_out += [LeftOut(shape.record, f"it is one of over {MOST_FACES:,} rectangles") for shape in boxes[MOST_FACES:]]
    by_size = sorted(boxes[:MOST_FACES], key=lambda shape: shape.box.w * shape.box.h if shape.box else 0)
    if points and len(by_size) <= 1:
        yield _Draft(points, by_size[0] if by_size else None)
    elif points:
        drafts = [_Draft(box=shape) for shape in by_size]
        low, high = np.hsplit(np.array([_corners(shape) for shape in by_size]), 2)
        for point in points:
            around = np.flatnonzero(((low <= point.place) & (point.place <= high)).all(axis=1))
            if len(around):
                drafts[around[0]].points.append(point)
            else:
                left_out.append(LeftOut(point.record, "it has no group, and lies in none of several rectangles"))
        yield from drafts
    else:
        alone = [draft for draft in grouped if draft.box is None]
        low, high = np.hsplit(np.array([draft.extent() for draft in alone]).reshape(-1, 4), 2)
        for shape in by_size:
            corners = _corners(shape)
            inside = np.flatnonzero(((low >= corners[:2]) & (high <= corners[2:])).all(axis=1))
            if len(inside) == 1:
                alone[inside[0]].box = shape
                low[inside] = np.nan  # it has its box
            else:
                yield _Draft(box=shape)


def _corners(shape: Shape) -> tuple[float, float, float, float]:
    box = shape.box or Box(0, 0, 0, 0)
    return box.x, box.y, box.x + box.w, box.y + box.h


def _face(draft: _Draft, index: Mapping[str, int], left_out: list[LeftOut]) -> Face:
    points = np.zeros((len(index), 2))
    visibility = np.zeros(len(index), dtype=np.int64)
    scores = np.zeros(len(index))
    seen = set[str]()
    scored = False
    for shape in draft.points:
        k = index[shape.name]
        if shape.name in seen:
            left_out.append(LeftOut(shape.record, f"its face has a point {shown(shape.name)} already"))
            continue
        seen.add(shape.name)
        if shape.visibility > 0:
            points[k], visibility[k] = shape.place, shape.visibility
            scores[k] = np.nan if shape.score is None else shape.score
            scored = True
    box = draft.box
    predicted = all(shape.predicted for shape in draft.points) if draft.points else box is not None and box.predicted
    return Face(
        points,
        visibility,
        None if box is None or box.only_groups else box.box,
        predicted=predicted,
        scores=scores if predicted and scored and not np.isnan(scores).any() else None,
        extra={"class": box.name} if box is not None and not box.only_groups and box.name != FACE else {},
    )


def landmarks_of(drawn: Iterable[Drawn], first: Iterable[str] = (), *, where: Path) -> tuple[str, ...]:
    """The names of all points: those in `first`, then the others as they come. Raises DataError if there are none."""
    names = dict.fromkeys(first)
    for one in drawn:
        for shape in one.shapes:
            if shape.box is None:
                names.setdefault(shape.name)
    if not names:
        raise DataError(f"{where}: there are no named points")
    if len(names) > MOST_LANDMARKS:
        raise DataError(f"{where}: found points of {len(names):,} names, wanted at most {MOST_LANDMARKS:,} landmarks")
    return tuple(names)


# What a file says, checked


def name_of(found: Any, what: str) -> str:
    """A name of a landmark or class. Raises DataError, which begins with `what`."""
    problem = text_problem(found) or ("is empty" if not found.strip() else None)
    if problem is not None:
        raise DataError(f"{what} {problem}")
    return found


def place_of(x: Any, y: Any) -> tuple[float, float]:
    """A point in pixels. Raises DataError."""
    place = (_number(x), _number(y))
    if not is_place(place):
        raise DataError(f"its point is {shown((x, y))}, wanted {PLACE}")
    return place


def box_of(x: Any, y: Any, w: Any, h: Any) -> Box:
    """A box by its corner, width and height in pixels. Raises DataError."""
    box = Box(_number(x), _number(y), _number(w), _number(h))
    problem = box_problem(box)
    if problem is not None:
        raise DataError(f"its rectangle is {shown((x, y, w, h))} (x, y, width, height), which {problem}")
    return box


def box_between(corners: Sequence[tuple[float, float]]) -> Box:
    """The box from the least to the greatest x and y of two or more corners. Raises DataError."""
    low, high = np.min(corners, axis=0), np.max(corners, axis=0)
    return box_of(*low.tolist(), *(high - low).tolist())


def group_of(found: Any, what: str) -> str | None:
    """A group by a number or a text, where 1, 1.0 and "1" are the same; None for null and "". Raises DataError."""
    if found is None or found == "":
        return None
    if isinstance(found, float) and found.is_integer():
        found = int(found)
    if isinstance(found, bool) or not isinstance(found, int | str):
        raise DataError(f"{what} is {shown(found)}, wanted a number or text")
    return str(found)


def score_of(found: Any) -> float | None:
    """A score from 0 to 1; None if it is none."""
    number = _number(found)
    return number if 0 <= number <= 1 else None


def size_told(width: Any, height: Any) -> tuple[int, int] | None:
    """Width and height of an image as a file has them; None if they cannot be that."""
    sides = (_number(width), _number(height))
    if all(1 <= side <= FARTHEST and side.is_integer() for side in sides):
        return int(sides[0]), int(sides[1])
    return None


def _number(found: Any) -> float:
    """A number, in JSON or as text in XML; NaN if it is none."""
    if isinstance(found, bool) or not isinstance(found, int | float | str):
        return float("nan")
    try:
        return float(found)
    except (ValueError, OverflowError):
        return float("nan")


def parts_named(found: Any) -> tuple[str, ...]:
    """The folders and the file of an image's name; empty if it is none."""
    return () if path_problem(found) is not None else parts_of(found)


def picture_named(finder: ImageFinder, *names: str) -> Path | None:
    """The first image that is found by these names; None if there is none."""
    return next((found for name in names if (found := finder.find(name)) is not None), None)


# Telling formats apart


def ends_of(path: Path) -> bytes:
    """The first and the last bytes of a file, enough to tell its format; empty if it cannot be read."""
    try:
        with regular(path) as file:
            head = file.read(HEAD)
            file.seek(0, os.SEEK_END)
            size = file.tell()
            file.seek(max(size - TAIL, len(head)))
            return head + file.read(TAIL)
    except (OSError, ValueError):
        return b""


def files_in(place: Path, ending: str) -> list[Path]:
    """`place` itself, or the files directly in it, if they end so (".json"); hidden files and links are passed over."""
    try:
        if place.is_file():
            return [place] if place.suffix.lower() == ending else []
        found = [path for path in place.iterdir() if path.suffix.lower() == ending and not path.name.startswith(".")]
        return sorted(path for path in found if path.is_file() and not path.is_symlink())
    except (OSError, ValueError):
        return []


def only_file(place: Path, ending: str, pattern: re.Pattern[bytes], title: str) -> Path:
    """The file `place`, or the one in it whose ends match. Raises DataError if there is none, or more than one."""
    if place.is_file():
        return place
    found = [path for path in files_in(place, ending) if pattern.search(ends_of(path))]
    if not found:
        raise DataError(f"{place}: no file of {title}")
    if len(found) > 1:
        names = ", ".join(path.name for path in found[:3])
        raise DataError(f"{place}: found {len(found)} files of {title} ({names}), wanted one: name the file")
    return found[0]


# Writing


def label_names(labels: LabelSet, face: Face) -> Iterator[tuple[int, str, float, float, int]]:
    """Index, name, x, y and visibility of each labeled landmark of a face."""
    for k in np.flatnonzero(face.visibility > 0).tolist():
        x, y = (round(float(value), 6) for value in face.points[k])
        yield k, labels.landmarks[k], x, y, int(face.visibility[k])


def drawn_only(labels: LabelSet) -> LabelSet:
    """The set without the faces that have neither a box nor a label, which could be drawn."""

    def drawn(face: Face) -> bool:
        return face.box is not None or has_label(face)

    return replace(labels, images=tuple(replace(one, faces=tuple(filter(drawn, one.faces))) for one in labels.images))
