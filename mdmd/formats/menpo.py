"""menpo's files of landmarks, one beside each picture: NAME.pts and NAME.ljson.

A .pts file, as 300-W has them, is `version: 1`, `n_points: N` and a line `x y` for each point in braces. menpo, 300-W
and this writer count pixels from 1: the top-left corner of the picture is (1, 1); others count from 0. Points have no
names, and a face with a point that is not labeled has no file, because a .pts file has all points. This writer gives
three decimals, as menpo does.

An .ljson file is JSON with y before x, from 0; null is a point without a label. Version 3 has named `groups` of points,
version 2 one such group and version 1 a group for each label. `labels` name parts of the face: where each landmark has
a label of its own, those are the landmarks' names, as this writer does it. `connectivity` holds the edges.

With several faces in a picture neither format has a rule. In .ljson each group of points is a face: this writer names
the first LJSON and the others LJSON_2, LJSON_3, ... In .pts the faces after the first are NAME_2.pts, NAME_3.pts, ...
A file of such a name is read as a further face of NAME if there is no picture NAME_2, but NAME.pts or a picture NAME.
Source: https://github.com/menpo/menpo/tree/master/menpo/io.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from mdmd.data.definition import MOST_LANDMARKS
from mdmd.data.images import PictureError
from mdmd.data.places import PLACE, is_place
from mdmd.data.text import shown, text_problem
from mdmd.errors import DataError
from mdmd.files import read_json, replace_file, write_json
from mdmd.formats.format import Format, Pictures, Reading, losses, place_picture
from mdmd.formats.images import ImageFinder
from mdmd.formats.labels import Face, Image, LabelSet, LeftOut, Loss
from mdmd.formats.lost import Places, lost
from mdmd.formats.text import counted, files_below, is_or_has, number_of, numbered, size_of, start_of, text_of

PTS = re.compile(r"\s*version\s*:\s*\d+\s*n_points\s*:\s*(\d{1,9})\s*\{([^{}]*)\}\s*", re.IGNORECASE)
FURTHER = re.compile(r"(.+)_([2-9]|[1-9][0-9]{1,3})")
GROUP = "LJSON"
#: Bytes of a file of one picture.
LARGEST = 10_000_000
#: Groups of points in a file.
MOST_GROUPS = 1000


@dataclass(frozen=True, eq=False)
class _Found:
    """The points (N, 2) of a face, NaN where there is none, and the file that they are from."""

    file: Path
    points: np.ndarray
    names: tuple[str, ...] | None = None
    edges: tuple[tuple[int, int], ...] = ()
    group: str | None = None

    @property
    def landmarks(self) -> tuple[str, ...]:
        return self.names or numbered(len(self.points))


def detect_pts(place: Path) -> bool:
    """Whether `place` is a .pts file, or a folder with one."""
    return _has(place, ".pts", lambda start: start.lstrip().casefold().startswith("version"))


def detect_ljson(place: Path) -> bool:
    """Whether `place` is an .ljson file, or a folder with one."""
    return _has(place, ".ljson", lambda start: start.lstrip().startswith("{"))


def _has(place: Path, ending: str, is_own: Callable[[str], bool]) -> bool:
    return is_or_has(place, ending, lambda file: is_own(start_of(file, 1000)), most=10)


def read_pts(place: Path, how: Reading) -> LabelSet:
    """Read a .pts file, or all below a folder.

    Raises DataError if there is none, and if neither `how` nor a point tells whether pixels are counted from 0 or 1.
    """
    found, left_out = list[_Found](), list[LeftOut]()
    for file in _files(place, ".pts"):
        _try(file, place, left_out, lambda file=file: found.append(_Found(file, _pts(file))))
    return _set(place, how, found, left_out, from_one=True)


def read_ljson(place: Path, how: Reading) -> LabelSet:
    """Read an .ljson file, or all below a folder. Raises DataError if there is none."""
    found, left_out = list[_Found](), list[LeftOut]()
    empty = list[Path]()
    for file in _files(place, ".ljson"):

        def faces(file: Path = file) -> None:
            groups = list(_groups(read_json(file, most=LARGEST, constants=True)))
            if not groups:
                empty.append(file)
            for name, group in groups:
                record = f"group {shown(name)}"
                _try(
                    file,
                    place,
                    left_out,
                    lambda group=group, name=name: found.append(_ljson(file, group, name)),
                    record,
                )

        _try(file, place, left_out, faces)
    return _set(place, how, found, left_out, empty=empty)


def _files(place: Path, ending: str) -> list[Path]:
    files = [place] if place.is_file() else list(files_below(place, ending))
    if not files:
        raise DataError(f"{place}: no {ending} files")
    return files


def _try(file: Path, place: Path, left_out: list[LeftOut], step: Any, inner: str = "") -> None:
    """Do `step`; if it raises DataError, what it was for is left out."""
    try:
        step()
    except DataError as error:
        record = file.name if file == place else file.relative_to(place).as_posix()
        left_out.append(LeftOut(f"{record}, {inner}" if inner else record, str(error)))


# .pts


def _pts(file: Path) -> np.ndarray:
    if file.stat().st_size > LARGEST:
        raise DataError(f"it has more than {LARGEST:,} bytes")
    match = PTS.fullmatch(text_of(file))
    if match is None:
        raise DataError("wanted version, n_points, and points in braces")
    lines = [words for line in match[2].splitlines() if (words := line.split())]
    if int(match[1]) != len(lines) or not 1 <= len(lines) <= MOST_LANDMARKS:
        wanted = f"{int(match[1])} as n_points says, and 1 to {MOST_LANDMARKS}"
        raise DataError(f"found {counted(len(lines), 'point')}, wanted {wanted}")
    odd = next((words for words in lines if len(words) != 2), None)
    if odd is not None:
        raise DataError(f"found {shown(' '.join(odd))}, wanted x and y")
    return np.array([[number_of(word) for word in words] for words in lines])


def _first_pixel(images: Sequence[Image], how: Reading, changes: list[str]) -> float:
    """0 or 1: what the coordinates of the top-left corner are. Raises DataError if neither `how` nor a point tells.

    A point of a face may lie outside its picture, so what proves the one must not contradict the other: a coordinate
    from 0 to below 1 lies inside only if they begin with 0, one from the picture's side to 1 more only if with 1.
    """
    if how.one_based is not None:
        return float(how.one_based)
    zero = one = 0
    for image in images:
        for face in image.faces:
            points = face.points[face.visibility > 0]
            zero += int(np.count_nonzero(((points >= 0) & (points < 1)).any(axis=1)))
            if image.size is not None:
                one += int(np.count_nonzero(((points > image.size) & (points <= np.add(image.size, 1))).any(axis=1)))
    if bool(zero) == bool(one):
        raise DataError(
            "these .pts files do not say whether the first pixel is 0 or 1: give --one-based (as menpo and 300-W write "
            "them) or --zero-based"
        )
    said = counted(zero or one, "point lies", "points lie")
    changes.append(
        f"pixels are counted from {1 if one else 0}, because {said} inside the picture only then: "
        f"give {'--zero-based' if one else '--one-based'} if that is wrong"
    )
    return float(one > 0)


# .ljson


def _groups(told: Any) -> list[tuple[str, Mapping[str, Any]]]:
    """The groups of a file, by name, each as in version 3."""
    if not isinstance(told, dict):
        raise DataError(f"found a JSON {type(told).__name__}, wanted version and groups")
    version, groups = told.get("version"), told.get("groups")
    if version not in (1, 2, 3):
        raise DataError(f"found the version {shown(version)}, wanted 1, 2 or 3")
    if version == 2:
        return [(GROUP, told)]
    if version == 1 and isinstance(groups, list) and len(groups) <= MOST_GROUPS:
        return [(GROUP, _joined(groups))] if groups else []
    if version == 3 and isinstance(groups, dict) and len(groups) <= MOST_GROUPS:
        return list(groups.items())
    raise DataError(f"found the groups {shown(groups)}, wanted at most {MOST_GROUPS}")


def _joined(groups: list[Any]) -> Mapping[str, Any]:
    """The groups of version 1, a label each, as one of version 3."""
    points, edges, labels = list[Any](), list[Any](), list[Any]()
    for group in groups:
        landmarks = group.get("landmarks") if isinstance(group, dict) else None
        if not isinstance(landmarks, list):
            raise DataError(f"found the group {shown(group)}, wanted a label and landmarks")
        first = len(points)
        points += [point.get("point") if isinstance(point, dict) else None for point in landmarks]
        edges += [[k + first for k in pair] for pair in _pairs(group.get("connectivity"), len(landmarks))]
        labels.append({"label": group.get("label"), "mask": list(range(first, len(points)))})
    return {"landmarks": {"points": points, "connectivity": edges}, "labels": labels}


def _ljson(file: Path, group: Any, name: str) -> _Found:
    landmarks = group.get("landmarks") if isinstance(group, dict) else None
    points = landmarks.get("points") if isinstance(landmarks, dict) else None
    if not isinstance(landmarks, dict) or not isinstance(points, list) or not 1 <= len(points) <= MOST_LANDMARKS:
        raise DataError(f"wanted landmarks with 1 to {MOST_LANDMARKS} points")
    rows = np.array([_place(point) for point in points])
    edges = tuple(_pairs(landmarks.get("connectivity"), len(points)))
    return _Found(file, rows[:, ::-1], _names(group.get("labels"), len(points)), edges, name)


def _place(point: Any) -> list[float]:
    if isinstance(point, list) and len(point) == 2:
        numbers = [np.nan if value is None else value for value in point]
        if all(isinstance(number, int | float) and not isinstance(number, bool) for number in numbers):
            return [float(number) for number in numbers]
    raise DataError(f"found the point {shown(point)}, wanted y and x")


def _pairs(found: Any, count: int) -> Iterator[tuple[int, int]]:
    seen = set[frozenset[int]]()
    for pair in found if isinstance(found, list) else []:
        if isinstance(pair, list) and len(pair) == 2 and all(_is_index(k, count) for k in pair):
            a, b = pair
            if a != b and frozenset(pair) not in seen:
                seen.add(frozenset(pair))
                yield a, b


def _is_index(found: Any, count: int) -> bool:
    return isinstance(found, int) and not isinstance(found, bool) and 0 <= found < count


def _names(labels: Any, count: int) -> tuple[str, ...] | None:
    """The landmarks' names, if each of them has a label of its own."""
    names = dict[int, str]()
    for entry in labels if isinstance(labels, list) else []:
        mask = entry.get("mask") if isinstance(entry, dict) else None
        label = entry.get("label") if isinstance(entry, dict) else None
        if isinstance(mask, list) and len(mask) == 1 and _is_index(mask[0], count):
            if not isinstance(label, str) or text_problem(label) or not label.strip():
                return None
            names.setdefault(mask[0], label)
    found = tuple(names[k] for k in range(count) if k in names)
    return found if len(found) == len(set(found)) == count else None


# Sets of both


def _set(
    place: Path,
    how: Reading,
    found: list[_Found],
    left_out: list[LeftOut],
    *,
    from_one: bool = False,
    empty: Sequence[Path] = (),
) -> LabelSet:
    if not found and len(left_out) == 1 and place.is_file():
        raise DataError(f"{place}: {left_out[0].why}")
    root = place.parent if place.is_file() else place
    landmarks = Counter(one.landmarks for one in found).most_common(1)[0][0] if found else ()
    finder = ImageFinder(root, pictures=how.pictures)
    stems = {file.with_suffix("") for file in [*(one.file for one in found), *empty]}
    images, changes = dict[str, Image](), list[str]()
    for file in empty:
        image = _image(file, root, finder, stems if from_one else set())
        images.setdefault(image.name, image)
    for one in found:
        record = one.file.relative_to(root).as_posix()
        if one.landmarks != landmarks:
            wanted = counted(len(landmarks), "point") if len(one.points) != len(landmarks) else "the names"
            why = f"found {counted(len(one.points), 'point')}, wanted {wanted} that most others have"
            left_out.append(LeftOut(record, why))
            continue
        labeled = np.asarray(np.isfinite(one.points).all(axis=1))
        if np.isinf(one.points).any() or not is_place(one.points[labeled]):
            left_out.append(LeftOut(record, f"wanted {PLACE}"))
            continue
        points = np.where(labeled[:, None], one.points, 0.0)
        extra = {} if one.group is None or re.fullmatch(rf"{GROUP}(_\d+)?", one.group) else {"group": one.group}
        face = Face(points, np.where(labeled, 2, 0), extra=extra)
        image = _image(one.file, root, finder, stems if from_one else set())
        image = images.setdefault(image.name, image)
        images[image.name] = replace(image, faces=(*image.faces, face))
    first = _first_pixel(list(images.values()), how, changes) if from_one and images else 0.0
    shifted = tuple(_shifted(image, first) for image in images.values())
    edges = next((one.edges for one in found if one.edges and one.landmarks == landmarks), ())
    return LabelSet(landmarks, shifted, edges, left_out=tuple(left_out), changes=tuple(changes))


def _image(file: Path, root: Path, finder: ImageFinder, stems: set[Path]) -> Image:
    """The picture that the labels `file` are of; `stems` are those of all label files, where faces have their own."""
    label = file.relative_to(root)
    path = finder.like(label)
    match = FURTHER.fullmatch(file.stem)
    if match is not None and stems:
        base = label.with_name(match[1] + file.suffix)
        other = finder.like(base)
        # A picture of the whole name in another folder than that of NAME is not the one that is meant, but one in a
        # folder of pictures beside that of labels is.
        is_own = path is not None and (
            other is None or other.parent == path.parent or path.parent == (root / label.parent).resolve()
        )
        if not is_own and (other is not None or root / base.with_suffix("") in stems):
            label, path = base, other
    size = None
    if path is not None:
        try:
            size = size_of(path)
        except PictureError:
            path = None
    name = label.with_name(path.name) if path is not None else label.with_suffix(".jpg")
    return Image(name.as_posix(), path, size=size)


def _shifted(image: Image, first: float) -> Image:
    faces = [
        replace(face, points=np.where(face.visibility[:, None] > 0, face.points - first, 0.0)) for face in image.faces
    ]
    return replace(image, faces=tuple(faces))


def write_pts(labels: LabelSet, out: Path, pictures: Pictures) -> list[Loss]:
    """Write a .pts file for each face all of whose landmarks are labeled. Pixels are counted from 1."""
    images = [replace(image, faces=tuple(face for face in image.faces if _is_whole(face))) for image in labels.images]
    kept = replace(labels, images=tuple(image for image in images if image.faces))
    places = Places(stems=True)
    written = [(image, places.of(image)) for image in kept.images]
    for image, place in written:
        further = (place.with_name(f"{place.stem}_{number}{place.suffix}") for number in count(2))
        for number, face in enumerate(image.faces):
            target = place if number == 0 else next(one for one in further if places.take(one))
            rows = "".join(f"{x:.3f} {y:.3f}\n" for x, y in face.points + 1)
            text = f"version: 1\nn_points: {len(face.points)}\n{{\n{rows}}}\n"
            _save(out / target.with_suffix(".pts"), text)
        place_picture(image, out / place, pictures)
    kinds = ("hidden", "absent", "box", "scores", "predicted", "face subject", "split", "subject")
    counts = lost(kept, *kinds, "mirror", "edges", "names", "groups")
    counts["absent"] = 0
    return losses(**_dropped(labels, kept), **counts)


def write_ljson(labels: LabelSet, out: Path, pictures: Pictures) -> list[Loss]:
    """Write an .ljson file of version 3 for each picture with a face."""
    kept = replace(labels, images=tuple(image for image in labels.images if image.faces))
    places = Places(stems=True)
    for image in kept.images:
        place = places.of(image)
        groups = {
            GROUP if number == 1 else f"{GROUP}_{number}": _group(face, labels)
            for number, face in enumerate(image.faces, start=1)
        }
        target = out / place.with_suffix(".ljson")
        target.parent.mkdir(parents=True, exist_ok=True)
        write_json(target, {"groups": groups, "version": 3}, for_others=True)
        place_picture(image, out / place, pictures)
    kinds = ("hidden", "absent", "box", "scores", "predicted", "face subject", "split", "subject")
    return losses(**_dropped(labels, kept), **lost(kept, *kinds, "mirror", "groups"))


def _is_whole(face: Face) -> bool:
    return bool((face.visibility > 0).all())


def _dropped(labels: LabelSet, kept: LabelSet) -> dict[str, int]:
    return {"face": labels.faces - kept.faces, "empty_image": len(labels.images) - len(kept.images)}


def _group(face: Face, labels: LabelSet) -> dict[str, Any]:
    rows = zip(face.points.tolist(), face.visibility > 0, strict=True)
    points = [[round(y, 6), round(x, 6)] if labeled else [None, None] for (x, y), labeled in rows]
    return {
        "labels": [{"label": name, "mask": [k]} for k, name in enumerate(labels.landmarks)],
        "landmarks": {"points": points, "connectivity": [list(edge) for edge in labels.edges]},
    }


def _save(target: Path, text: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    replace_file(target, lambda partial: partial.write_text(text, encoding="utf-8"))


FORMAT_PTS = Format("pts", "menpo .pts", detect_pts, read_pts, write_pts, asks_origin=True)
FORMAT_LJSON = Format("ljson", "menpo .ljson", detect_ljson, read_ljson, write_ljson)
#: Both, in the order in which they are asked.
FORMATS = (FORMAT_PTS, FORMAT_LJSON)
