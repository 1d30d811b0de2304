"""dlib: the XML files of imglab, with a box for each face and named parts in it.

`<image file width height>` holds `<box top left width height>`, and that `<part name x y>`. All numbers are whole
pixels, so that points and boxes are rounded. Names of parts are often numbers such as "00". dlib orders parts by their
names as text, and so does this module. A landmark without a part is not labeled; a box with ignore="1" is left out.
Splits are files of their own: train.xml, val.xml and test.xml, or names that begin with training_ or testing_.
Source: https://github.com/davisking/dlib/tree/master/tools/imglab.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from mdmd.data.boxes import box_of_points
from mdmd.data.definition import MOST_LANDMARKS
from mdmd.data.places import box_problem
from mdmd.data.records import Box
from mdmd.data.text import cleaned, shown, text_problem
from mdmd.errors import DataError
from mdmd.files import replace_file
from mdmd.formats.format import Format, Pictures, Reading, losses, place_picture
from mdmd.formats.images import ImageFinder
from mdmd.formats.labels import Face, Image, LabelSet, LeftOut, Loss
from mdmd.formats.lost import Places, has_label, lost
from mdmd.formats.text import counted, files_below, is_or_has, number_of, start_of
from mdmd.formats.xml import elements_of

ENDING = ".xml"
SPLITS = ("train", "val", "test")
STEMS = (("train", "train"), ("val", "val"), ("test", "test"))


@dataclass(frozen=True, eq=False)
class _Box:
    """A box as it stands in the file: its attributes, its label and its parts."""

    told: Mapping[str, str]
    label: str
    parts: Sequence[Mapping[str, str]]


@dataclass(frozen=True, eq=False)
class _Image:
    """An image as it stands in the file."""

    told: Mapping[str, str]
    boxes: Sequence[_Box]


def detect(place: Path) -> bool:
    """Whether `place` is a file of imglab, or a folder with one."""
    return is_or_has(place, ENDING, _begins)


def _begins(path: Path) -> bool:
    start = start_of(path, 100_000)
    return re.search(r"<dataset[\s>]", start) is not None and re.search(r"<images[\s/>]", start) is not None


def read(place: Path, how: Reading) -> LabelSet:
    """Read a file of imglab, or all below a folder. Raises DataError if no file can be read."""
    files = [place] if place.is_file() else [file for file in files_below(place, ENDING) if _begins(file)]
    root = place.parent if place.is_file() else place
    if not files:
        raise DataError(f"{place}: no {ENDING} files of imglab")
    left_out, read_files = list[LeftOut](), list[tuple[Path, list[_Image]]]()
    for file in files:
        try:
            read_files.append((file, _images(file)))
        except DataError as error:
            if len(files) == 1:
                raise
            left_out.append(LeftOut(file.relative_to(root).as_posix(), str(error)))
    names = {
        part.get("name", "")
        for _, images in read_files
        for image in images
        for box in image.boxes
        if not _is_ignored(box)
        for part in box.parts
    }
    landmarks = tuple(sorted(name for name in names if name.strip() and text_problem(name) is None))
    if len(landmarks) > MOST_LANDMARKS:
        raise DataError(f"found {len(landmarks):,} names of parts in {place}, wanted at most {MOST_LANDMARKS}")
    reader = _Reader(landmarks, ImageFinder(root, pictures=how.pictures), left_out)
    for file, images in read_files:
        reader.add(file.relative_to(root).as_posix(), _split(file), images)
    ignored = sum(_is_ignored(box) for _, images in read_files for image in images for box in image.boxes)
    said = counted(ignored, "box that is to be ignored is", "boxes that are to be ignored are")
    changes = (f"{said} left out",) if ignored else ()
    return LabelSet(landmarks, tuple(reader.images.values()), left_out=tuple(left_out), changes=changes)


def _split(file: Path) -> str | None:
    stem = file.stem.casefold()
    return next((split for start, split in STEMS if re.match(rf"{start}(ing|idation)?(_|$)", stem)), None)


def _is_ignored(box: _Box) -> bool:
    return box.told.get("ignore", "0").strip() not in ("", "0", "false")


class _Reader:
    """Makes the images of a set from those of its files."""

    def __init__(self, landmarks: tuple[str, ...], finder: ImageFinder, left_out: list[LeftOut]) -> None:
        self._index = {name: k for k, name in enumerate(landmarks)}
        self._finder, self._left_out = finder, left_out
        self.images = dict[tuple[str, str | None], Image]()

    def add(self, file: str, split: str | None, images: list[_Image]) -> None:
        for number, told in enumerate(images, start=1):
            name = told.told.get("file", "")
            if not name or text_problem(name, longest=4096):
                why = f"found the file {shown(name)}, wanted the name of a picture"
                self._left_out.append(LeftOut(f"{file}, image {number}", why))
                continue
            image = self.images.get((name, split)) or Image(name, self._finder.find(name), (), _size(told.told), split)
            faces = list(image.faces)
            for place, box in enumerate(told.boxes, start=1):
                if _is_ignored(box):
                    continue
                try:
                    faces.append(self._face(box))
                except DataError as error:
                    self._left_out.append(LeftOut(f"{file}, {name}, box {place}", str(error)))
            self.images[name, split] = replace(image, faces=tuple(faces))

    def _face(self, found: _Box) -> Face:
        box = Box(*(_number(found.told, key) for key in ("left", "top", "width", "height")))
        if said := box_problem(box):
            raise DataError(f"the box {shown(dict(found.told))} {said}")
        points = np.zeros((len(self._index), 2))
        visibility = np.zeros(len(self._index), dtype=np.int64)
        for part in found.parts:
            name = part.get("name", "")
            if name not in self._index:
                raise DataError(f"found a part with the name {shown(name)}, wanted a name that can be seen")
            if visibility[self._index[name]]:
                raise DataError(f"it has two parts with the name {shown(name)}")
            points[self._index[name]] = _number(part, "x"), _number(part, "y")
            visibility[self._index[name]] = 2
        label = found.label.strip()
        return Face(points, visibility, box, extra={"label": label} if label else {})


def _number(told: Mapping[str, str], key: str) -> float:
    number = number_of(told.get(key, "").strip())
    if np.isnan(number):
        raise DataError(f"{key} is {shown(told.get(key))}, wanted a number")
    return number


def _size(told: Mapping[str, str]) -> tuple[int, int] | None:
    texts = [told.get(key, "") for key in ("width", "height")]
    if not all(re.fullmatch(r"[1-9]\d{0,6}", text, re.ASCII) for text in texts):
        return None
    return int(texts[0]), int(texts[1])


def _images(file: Path) -> list[_Image]:
    """The images of a file. Raises DataError."""
    return [
        _Image(image.attrib, [_box(box) for box in image.iterfind("box")])
        for image in elements_of(file, "dataset", "images")
        if image.tag == "image"
    ]


def _box(box: Element) -> _Box:
    return _Box(box.attrib, (box.findtext("label") or "")[:500], [part.attrib for part in box.iterfind("part")])


def write(labels: LabelSet, out: Path, pictures: Pictures) -> list[Loss]:
    """Write a file for each split, and faces.xml for images without one. A face without a box gets that of its labels.

    A face that has neither a label nor a box is left out. Images without faces are kept: they are dlib's negatives.
    """
    boxed = replace(labels, images=tuple(replace(image, faces=tuple(_boxed(image))) for image in labels.images))
    places = Places()
    files = dict[str, list[str]]()
    rounded = 0
    for image in boxed.images:
        place = places.of(image)
        size = "" if image.size is None else f" width='{image.size[0]}' height='{image.size[1]}'"
        lines = files.setdefault(image.split if image.split in SPLITS else "faces", [])
        lines.append(f"  <image file={quoteattr(cleaned(place.as_posix()))}{size}>\n")
        for face in image.faces:
            lines += _lines(face, labels.landmarks)
            apart = np.abs(_whole(face.points) - face.points).max(axis=1) > 0.01
            rounded += int(np.count_nonzero(apart & (face.visibility > 0)))
        lines.append("  </image>\n")
        place_picture(image, out / place, pictures)
    for name, lines in files.items():
        text = "".join(
            [
                "<?xml version='1.0' encoding='UTF-8'?>\n<dataset>\n<name>faces</name>\n<images>\n",
                *lines,
                "</images>\n</dataset>\n",
            ]
        )
        replace_file(out / f"{name}.xml", lambda partial, text=text: partial.write_text(text, encoding="utf-8"))
    splits = sum(image.split is not None and image.split not in SPLITS for image in boxed.images)
    used = [
        any(face.visibility[k] for image in boxed.images for face in image.faces)
        for k, _ in enumerate(labels.landmarks)
    ]
    kinds = ("hidden", "absent", "scores", "predicted", "face subject", "subject", "mirror", "edges", "groups")
    return losses(
        face=labels.faces - boxed.faces,
        rounded=rounded,
        names=used.count(False),
        split=splits,
        **lost(boxed, *kinds),
    )


def _boxed(image: Image) -> Iterator[Face]:
    """The faces of an image that have a box, or get one around their labels."""
    for face in image.faces:
        if face.box is not None:
            yield face
        elif has_label(face):
            yield replace(face, box=box_of_points(face.points[face.visibility > 0]))


def _whole(numbers: Any) -> np.ndarray:
    return np.floor(np.asarray(numbers, dtype=np.float64) + 0.5)


def _lines(face: Face, landmarks: tuple[str, ...]) -> Iterator[str]:
    assert face.box is not None
    left, top, width, height = (int(side) for side in _whole([face.box.x, face.box.y, face.box.w, face.box.h]))
    yield f"    <box top='{top}' left='{left}' width='{max(width, 1)}' height='{max(height, 1)}'>\n"
    label = face.extra.get("label")
    if isinstance(label, str):
        yield f"      <label>{escape(cleaned(label))}</label>\n"
    whole = _whole(face.points).astype(int).tolist()
    for k in sorted(range(len(landmarks)), key=lambda k: landmarks[k]):
        if face.visibility[k]:
            yield f"      <part name={quoteattr(landmarks[k])} x='{whole[k][0]}' y='{whole[k][1]}'/>\n"
    yield "    </box>\n"


FORMAT = Format("dlib", "dlib (imglab)", detect, read, write)
