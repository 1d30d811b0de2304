"""labelme: a JSON file for each image, beside it, whose shapes are points and rectangles in pixels.

The shapes of a face have the same `group_id`. The landmarks are the labels of the points, in the order of labels.txt
(which labelme reads with `--labels`) where it lies beside the files, and else as they come. labelme knows no hidden
points; a flag "hidden" or "occluded" that someone gave a point is read as hidden, and written as the flag "hidden".
Source: https://github.com/wkentaro/labelme.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from mdmd.data.text import shown
from mdmd.errors import DataError
from mdmd.files import read_json, replace_file, write_json
from mdmd.formats.format import Format, Pictures, Reading, losses, place_picture
from mdmd.formats.images import MOST_FILES, ImageFinder
from mdmd.formats.labels import Image, LabelSet, LeftOut, Loss
from mdmd.formats.lost import Places, lost
from mdmd.formats.shapes import (
    FACE,
    LOOKED_AT,
    Drawn,
    Shape,
    box_between,
    drawn_only,
    ends_of,
    group_of,
    images_of,
    label_names,
    landmarks_of,
    name_of,
    parts_named,
    picture_named,
    place_of,
    score_of,
    size_told,
)
from mdmd.formats.text import lines_of, size_of

#: JSON files by which a folder is judged.
JUDGED = 20
VERSION = "5.5.0"
LIKE_LABELME = re.compile(rb'\A(\xef\xbb\xbf)?\s*\{.*"shapes"\s*:\s*\[', re.DOTALL)
#: What only X-AnyLabeling writes, which took over the rest from labelme.
X_ANYLABELING = re.compile(rb'"(difficult|kie_linking|checked)"\s*:|"version"\s*:\s*"[0123]\.\d+\.\d+[^"]*"')
OLD_LABELME = re.compile(rb'"(lineColor|fillColor|line_color|fill_color)"\s*:')
HIDDEN = ("hidden", "occluded")


def detect(place: Path) -> bool:
    """Whether `place` is a file of labelme, or a folder with such files."""
    return written_by(place) == "labelme"


def written_by(place: Path) -> str | None:
    """ "labelme" or "x-anylabeling" by the first files at or below `place`; None if they are of neither."""
    found = None
    for count, path in enumerate(_json_files(place, most=LOOKED_AT)):
        ends = ends_of(path)
        if LIKE_LABELME.search(ends):
            if X_ANYLABELING.search(ends) and not OLD_LABELME.search(ends):
                return "x-anylabeling"
            found = "labelme"
        if count + 1 == JUDGED:
            break
    return found


def _json_files(place: Path, most: int) -> Iterator[Path]:
    """The JSON files at or below `place`, of the first `most` files; hidden ones and links are passed over."""
    try:
        if place.is_file():
            if place.suffix.lower() == ".json":
                yield place
            return
        if not place.is_dir():
            return
    except (OSError, ValueError):
        return
    seen = 0
    for folder, inner, files in os.walk(place):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        for name in sorted(files):
            seen += 1
            if seen > most:
                return
            path = Path(folder, name)
            if path.suffix.lower() == ".json" and not name.startswith(".") and not path.is_symlink():
                yield path


def read(place: Path, how: Reading) -> LabelSet:
    """Read the file `place`, or all such files below the folder `place`. Raises DataError."""
    return read_files(place, how, _visibility, score=None)


def _visibility(shape: Mapping[str, Any]) -> int:
    flags = shape.get("flags")
    return 1 if isinstance(flags, dict) and any(flags.get(flag) is True for flag in HIDDEN) else 2


def read_files(
    place: Path, how: Reading, visibility: Callable[[Mapping[str, Any]], int], *, score: str | None
) -> LabelSet:
    """Read files as labelme writes them: `visibility` of a shape, and the key of its `score`. Raises DataError."""
    root = place.parent if place.is_file() else place
    reader = _Reader(root, how.pictures, visibility, score)
    drawn = [one for path in _json_files(place, MOST_FILES) if (one := reader.image(path)) is not None]
    if not drawn:
        why = f" ({reader.left_out[0].record}: {reader.left_out[0].why})" if reader.left_out else ""
        raise DataError(f"{place}: no file with shapes can be read{why}")
    used = {shape.name for one in drawn for shape in one.shapes if shape.box is None}
    landmarks = landmarks_of(drawn, _ordered(root, used), where=place)
    images = images_of(drawn, landmarks, reader.left_out)
    return LabelSet(landmarks, images, left_out=tuple(reader.left_out))


def _ordered(root: Path, used: set[str]) -> list[str]:
    """Those of the names that labels.txt lists."""
    try:
        lines = lines_of(root / "labels.txt")
    except DataError:
        return []
    by_line = {name.strip(): name for name in used}
    return [by_line[line.strip()] for line in lines if line.strip() in by_line]


class _Reader:
    """Reads files of one folder. What cannot be read is in `left_out`."""

    def __init__(
        self, root: Path, pictures: Path | None, visibility: Callable[[Mapping[str, Any]], int], score: str | None
    ) -> None:
        self._root, self._visibility, self._score = root, visibility, score
        self._finder = ImageFinder(root, pictures=pictures)
        self.left_out: list[LeftOut] = []

    def image(self, path: Path) -> Drawn | None:
        own = path.relative_to(self._root)
        try:
            told = read_json(path, constants=True)
            shapes = told.get("shapes") if isinstance(told, dict) else None
            if not isinstance(shapes, list):
                raise DataError("it has no list of shapes")
        except DataError as error:
            self.left_out.append(LeftOut(own.as_posix(), str(error)))
            return None
        given = told.get("imagePath")
        name = _image_name(own, given)
        found = picture_named(self._finder, name, *([given] if isinstance(given, str) else []))
        drawn = [
            shape for k, one in enumerate(shapes, 1) if (shape := self._shape(one, f"{own.as_posix()}, shape {k}"))
        ]
        size = size_told(told.get("imageWidth"), told.get("imageHeight"))
        return Drawn(name, found or self._finder.like(own), drawn, size)

    def _shape(self, found: Any, record: str) -> Shape | None:
        try:
            return self._understood(found, record)
        except DataError as error:
            self.left_out.append(LeftOut(record, str(error)))
            return None

    def _understood(self, found: Any, record: str) -> Shape:
        if not isinstance(found, dict):
            raise DataError(f"found {shown(found)}, wanted a shape")
        corners = found.get("points")
        if not isinstance(corners, list) or not all(isinstance(at, list) and len(at) == 2 for at in corners):
            raise DataError(f"its points are {shown(corners)}, wanted a list of x and y")
        kind = found.get("shape_type", "point" if len(corners) == 1 else "polygon")
        name = name_of(found.get("label"), "its label")
        group = group_of(found.get("group_id"), "its group_id")
        score = None if self._score is None else score_of(found.get(self._score))
        told: dict[str, Any] = {"group": group, "predicted": score is not None, "score": score}
        if kind == "point" and len(corners) == 1:
            return Shape(record, name, place=place_of(*corners[0]), visibility=self._visibility(found), **told)
        if kind == "rectangle" and len(corners) in (2, 4):
            return Shape(record, name, box=box_between([place_of(*corner) for corner in corners]), **told)
        raise DataError(f"it is of the type {shown(kind)} with {len(corners)} points, wanted a point or a rectangle")


def _image_name(own: Path, given: Any) -> str:
    """The name of the image of the JSON file `own`, from the folder of the set."""
    parts = parts_named(given)
    if not parts:
        return own.with_suffix(".jpg").as_posix()
    is_below = not (PureWindowsPath(given).anchor or PurePosixPath(given).anchor or "://" in given or ".." in given)
    return PurePosixPath(own.parent.as_posix(), *(parts if is_below else parts[-1:])).as_posix()


def write(labels: LabelSet, out: Path, pictures: Pictures) -> list[Loss]:
    """Write a JSON file beside each image, and labels.txt."""
    return losses(**write_files(labels, out, pictures, _file), **lost(drawn_only(labels), "scores", "predicted"))


def write_files(
    labels: LabelSet, out: Path, pictures: Pictures, file: Callable[[LabelSet, Image, tuple[int, int] | None, str], Any]
) -> dict[str, int]:
    """Write what `file` makes of each image, the images and labels.txt; counts of what both tools cannot keep."""
    drawn = drawn_only(labels)
    out.mkdir(parents=True, exist_ok=True)
    used = set[int]()
    places = Places(stems=True)  # the labels of a.png and a.jpg would both be in a.json
    for image in drawn.images:
        name = places.of(image)
        target = out / name.with_suffix(".json")
        size = size_of(image.path) if image.size is None and image.path is not None else image.size
        target.parent.mkdir(parents=True, exist_ok=True)
        write_json(target, file(labels, image, size, name.name))
        place_picture(image, out / name, pictures)
        used.update(k for face in image.faces for k, *_ in label_names(labels, face))
    boxes = any(face.box for image in labels.images for face in image.faces)
    names = dict.fromkeys([*labels.landmarks, *([FACE] if boxes else [])])
    text = "".join(f"{name}\n" for name in names)
    replace_file(out / "labels.txt", lambda partial: partial.write_text(text, encoding="utf-8"))
    counts = lost(drawn, "absent", "split", "subject", "face subject", "mirror", "edges", "groups")
    return {**counts, "face": labels.faces - drawn.faces, "names": len(labels.landmarks) - len(used)}


def _file(labels: LabelSet, image: Image, size: tuple[int, int] | None, name: str) -> Any:
    shapes = []
    for number, face in enumerate(image.faces, start=1):
        told = {"group_id": number, "description": ""}
        if face.box is not None:
            low, high = (face.box.x, face.box.y), (face.box.x + face.box.w, face.box.y + face.box.h)
            rectangle = {"shape_type": "rectangle", "flags": {}, "mask": None}
            shapes.append({"label": FACE, "points": [list(low), list(high)], **told, **rectangle})
        for _, landmark, x, y, visibility in label_names(labels, face):
            flags = {"hidden": True} if visibility == 1 else {}
            point = {"shape_type": "point", "flags": flags, "mask": None}
            shapes.append({"label": landmark, "points": [[x, y]], **told, **point})
    width, height = size or (None, None)
    return {
        "version": VERSION,
        "flags": {},
        "shapes": shapes,
        "imagePath": name,
        "imageData": None,
        "imageHeight": height,
        "imageWidth": width,
    }


FORMAT = Format("labelme", "labelme", detect, read, write)
