"""YOLO-pose: a folder with data.yaml and a text file for each image, as Ultralytics reads it.

A line is `class x y w h` and then `x y v` for each landmark, in shares of the image. `kpt_shape` in data.yaml is the
number of landmarks and of numbers for each (3, or 2 without v), `flip_idx` the mirrored landmarks and `kpt_names` their
names. An image lies at images/SPLIT/NAME.jpg, and its text file at labels/SPLIT/NAME.txt.
Source: https://docs.ultralytics.com/datasets/pose.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import yaml

from mdmd.data.boxes import box_of_points
from mdmd.data.places import box_problem, is_place
from mdmd.data.records import Box
from mdmd.data.text import path_problem, shown, text_problem
from mdmd.errors import DataError
from mdmd.files import replace_file
from mdmd.formats.format import Format, Pictures, Reading, losses, place_picture
from mdmd.formats.images import ImageFinder, ends_in, folder_beside
from mdmd.formats.labels import Face, Image, LabelSet, LeftOut, Loss
from mdmd.formats.lost import Places, lost, name_of
from mdmd.formats.text import box_inside, inside, lines_of, size_of, yaml_of

SPLITS = ("train", "val", "test")
KEYS = "kpt_shape, train and names"
#: The folder of pictures, in the place of that of labels.
IMAGES = {"labels": "images"}
CLASS = "face"


def detect(place: Path) -> bool:
    """Whether `place` is a data.yaml with keypoints, or a folder with one."""
    return _yaml_of(place) is not None


def read(place: Path, how: Reading) -> LabelSet:
    """Read the set whose data.yaml is `place` or lies in it. Its `path` is that of another machine and not used."""
    file = _yaml_of(place)
    if file is None:
        raise DataError(f"{place}: no data.yaml with kpt_shape")
    told = yaml_of(file, KEYS)
    landmarks, mirror, changes = _landmarks(told, file)
    reader = _Reader(told, file.parent, how.pictures)
    images = tuple(reader.images())
    if not images and not reader.left_out:
        raise DataError(f"{file}: there are no label files in the folders that it names")
    return LabelSet(landmarks, images, mirror=mirror, left_out=tuple(reader.left_out), changes=changes)


def _yaml_of(place: Path) -> Path | None:
    if place.is_file():
        files = [place] if place.suffix.lower() in (".yaml", ".yml") else []
    else:
        files = sorted(path for suffix in ("*.yaml", "*.yml") for path in place.glob(suffix))
    return next((path for path in files if _has_keypoints(path)), None)


def _has_keypoints(path: Path) -> bool:
    try:
        return "kpt_shape" in yaml_of(path, KEYS)
    except DataError:
        return False


def _shape(told: Mapping[str, Any], file: Path) -> tuple[int, int]:
    """The number of landmarks, and of numbers for each."""
    shape = told.get("kpt_shape")
    if (
        not isinstance(shape, list)
        or len(shape) != 2
        or not all(isinstance(number, int) and not isinstance(number, bool) for number in shape)
        or not 1 <= shape[0] <= 1000
        or shape[1] not in (2, 3)
    ):
        raise DataError(f"{file}: kpt_shape is {shown(shape)}, wanted the number of landmarks, and 2 or 3")
    return shape[0], shape[1]


def _landmarks(told: Mapping[str, Any], file: Path) -> tuple[tuple[str, ...], tuple[int, ...] | None, tuple[str, ...]]:
    """Names, mirror pairs, and what of both could not be used."""
    count, _ = _shape(told, file)
    changes = []
    names = told.get("kpt_names")
    names = next(iter(names.values()), None) if isinstance(names, dict) else names
    if not isinstance(names, list) or len(names) != count or any(map(text_problem, names)) or len({*names}) != count:
        if names is not None:
            changes.append(f"kpt_names in {file.name} are not {count} different names: the landmarks are numbered")
        names = [f"landmark_{k + 1}" for k in range(count)]
    mirror = told.get("flip_idx")
    if mirror is not None and not _is_mirror(mirror, count):
        changes.append(f"flip_idx in {file.name} is not a list of mirrored landmarks: it is not used")
        mirror = None
    return tuple(names), None if mirror is None else tuple(mirror), tuple(changes)


def _is_mirror(found: Any, count: int) -> bool:
    return (
        isinstance(found, list)
        and all(isinstance(k, int) for k in found)
        and sorted(found) == list(range(count))
        and all(found[found[k]] == k for k in range(count))
    )


class _Reader:
    """Reads the label files of one set. What cannot be read is in `left_out`."""

    def __init__(self, told: Mapping[str, Any], root: Path, pictures: Path | None) -> None:
        self._told, self._root = told, root
        self._shape = _shape(told, root / "data.yaml")
        self._finder = ImageFinder(root, pictures=pictures)
        self.left_out: list[LeftOut] = []

    def images(self) -> Iterator[Image]:
        found = dict[Path, tuple[str, Path, Path | None]]()
        for split, folder, label in self._label_files():
            if label not in found:  # a set without faces to validate on names those of the training again
                found[label] = split, folder, self._finder.like(label.relative_to(self._root), instead=IMAGES)
        meant, splits = Counter(path for _, _, path in found.values()), dict[Path, str]()
        for label, (split, _, path) in found.items():
            if path is not None and self._is_in_place(label, path):
                splits[path.parent] = split
        for label, (split, folder, path) in found.items():
            name = label.relative_to(self._root).as_posix()
            try:
                wanted = path is not None and (meant[path] > 1 or splits.get(path.parent, split) != split)
                if path is not None and wanted and not self._is_in_place(label, path):
                    raise DataError(f"its picture is not there, and {path} is that of other labels")
                size = size_of(path)
                faces = tuple(self._faces(label, name, size))
            except DataError as error:
                self.left_out.append(LeftOut(name, str(error)))
                continue
            suffix = ".jpg" if path is None else path.suffix
            yield Image(label.relative_to(folder).with_suffix(suffix).as_posix(), path, faces, size, split)

    def _is_in_place(self, label: Path, path: Path) -> bool:
        """Whether a picture lies where that of the file `label` belongs, and was not found by its name alone."""
        own = label.relative_to(self._root)
        places = (folder_beside(own, IMAGES), own.parent)
        return any(ends_in(path.with_suffix(""), (place / own.stem).as_posix()) for place in places)

    def _label_files(self) -> Iterator[tuple[str, Path, Path]]:
        """The split of each label file, the folder of its split, and its path."""
        for split in SPLITS:
            given = self._told.get(split)
            for place in given if isinstance(given, list) else [given]:
                if isinstance(place, str):
                    yield from ((split, *found) for found in self._labels_of(place))

    def _labels_of(self, place: str) -> Iterator[tuple[Path, Path]]:
        """The label files of a folder of images, or of the images that a text file lists, after their folders."""
        path = self._below(place)
        if path.suffix.lower() == ".txt":
            for number, line in enumerate(lines_of(path), start=1):
                if Path(line.strip()).name in ("", ".."):
                    continue  # it is blank, or no picture
                try:
                    listed = self._below(line.strip())
                except DataError as error:
                    self.left_out.append(LeftOut(f"{path.name}, line {number}", str(error)))
                else:
                    yield from self._labels_at(listed.with_suffix(""))
        else:
            yield from self._labels_at(path)

    def _below(self, place: str) -> Path:
        """A path of the file as one below the root. Raises DataError."""
        if problem := path_problem(place):
            raise DataError(f"the path {problem}")
        return self._root.joinpath(*(part for part in Path(place).parts if part not in ("..", "/")))

    def _labels_at(self, path: Path) -> Iterator[tuple[Path, Path]]:
        """The label files of the folder of images `path`, or that of the image of this name, after their folders."""
        parts = list(path.parts)
        if "images" in parts:
            parts[len(parts) - 1 - parts[::-1].index("images")] = "labels"
        folder = Path(*parts)
        if folder.is_dir():
            yield from ((folder, file) for file in sorted(folder.rglob("*.txt")) if not file.is_symlink())
        elif (file := folder.with_name(folder.name + ".txt")).is_file():
            yield file.parent, file

    def _faces(self, label: Path, name: str, size: tuple[int, int]) -> Iterator[Face]:
        count, each = self._shape
        for number, line in enumerate(lines_of(label), start=1):
            words = line.split()
            if not words:
                continue
            try:
                found = np.array(words, dtype=np.float64)
                if len(found) != 5 + count * each:
                    raise DataError(f"found {len(found)} numbers, wanted {5 + count * each}")
                yield _face(found[1:5], found[5:].reshape(count, each), size, self._class(found[0]))
            except (ValueError, DataError) as error:
                why = str(error) if isinstance(error, DataError) else f"found {shown(line)}, wanted numbers"
                self.left_out.append(LeftOut(f"{name}, line {number}", why))

    def _class(self, number: float) -> Mapping[str, Any]:
        if not math.isfinite(number):
            raise DataError(f"found the class {number:g}, wanted its number")
        names = self._told.get("names")
        found = names[int(number)] if isinstance(names, list) and 0 <= number < len(names) else None
        found = names.get(int(number)) if isinstance(names, dict) else found
        return {"class": found} if isinstance(found, str) and found != CLASS else {}


def _face(bbox: np.ndarray, table: np.ndarray, size: tuple[int, int], extra: Mapping[str, Any]) -> Face:
    points = table[:, :2] * size
    visibility = table[:, 2] if table.shape[1] == 3 else np.where(np.any(table != 0, axis=1), 2, 0)
    if not np.isin(visibility, (0, 1, 2)).all():
        raise DataError(f"found the visibility {visibility[~np.isin(visibility, (0, 1, 2))][0]:g}, wanted 0, 1 or 2")
    points[visibility == 0] = 0
    middle, sides = bbox[:2] * size, bbox[2:] * size
    box = Box(*(middle - sides / 2).tolist(), *sides.tolist())
    if not is_place(points):
        raise DataError("a landmark lies too far from its picture")
    return Face(points, visibility.astype(np.int64), None if box_problem(box) else box, extra=extra)


def write(labels: LabelSet, out: Path, pictures: Pictures) -> list[Loss]:
    """Write data.yaml, labels and images. What lies outside of its image would keep the image from being read."""
    splits, written, points_outside = set[str](), list[Image](), 0
    places = Places(stems=True)  # the labels of a.png and a.jpg would both be in a.txt
    for image in labels.images:
        split = image.split if image.split in SPLITS else "train"
        splits.add(split)
        size = size_of(image.path) if image.size is None else image.size
        name = (f"{part}_" if part == "images" else part for part in name_of(image).parts)
        place = places.free(PurePosixPath(split, *name))
        cut = [inside(face, size) for face in image.faces]
        lines = [_line(face, size) for face, _ in cut]
        points_outside += sum(outside for _, outside in cut)
        faces = (face for face, line in zip(image.faces, lines, strict=True) if line is not None)
        written.append(replace(image, faces=tuple(faces)))
        target = out / "labels" / place.with_suffix(".txt")
        target.parent.mkdir(parents=True, exist_ok=True)
        text = "".join(f"{line}\n" for line in lines if line is not None)
        replace_file(target, lambda partial, text=text: partial.write_text(text, encoding="utf-8"))
        place_picture(image, out / "images" / place, pictures)
    told = {
        **{split: f"images/{split if split in splits else 'train'}" for split in ("train", "val")},
        **({"test": "images/test"} if "test" in splits else {}),
        "kpt_shape": [len(labels.landmarks), 3],
        "flip_idx": list(labels.mirror or range(len(labels.landmarks))),
        "names": {0: CLASS},
        "kpt_names": {0: list(labels.landmarks)},
    }
    text = yaml.safe_dump(told, sort_keys=False, allow_unicode=True, default_flow_style=None)
    replace_file(out / "data.yaml", lambda partial: partial.write_text(text, encoding="utf-8"))
    kept = replace(labels, images=tuple(written))
    counts = lost(kept, "absent", "subject", "face subject", "scores", "predicted", "edges", "groups")
    return losses(**counts, outside=points_outside, face=labels.faces - kept.faces)


def _line(face: Face, size: tuple[int, int]) -> str | None:
    """The line of a face; None if it has neither a box nor a label inside its image."""
    labeled = face.visibility > 0
    box = face.box or (box_of_points(face.points[labeled]) if labeled.any() else None)
    box = None if box is None else box_inside(box, size)
    if box is None:
        return None
    shares = [(box.x + box.w / 2) / size[0], (box.y + box.h / 2) / size[1], box.w / size[0], box.h / size[1]]
    rows = np.column_stack([face.points / size, face.visibility])
    numbers = [*map(_text, shares), *(word for x, y, v in rows for word in (_text(x), _text(y), str(int(v))))]
    return " ".join(["0", *numbers])


def _text(share: float) -> str:
    return f"{share:.9f}".rstrip("0").rstrip(".") or "0"


FORMAT = Format("yolo-pose", "YOLO-pose", detect, read, write)
