"""VIA 2 (VGG Image Annotator): a project or its annotations as one JSON file, with regions in pixels.

A point is a landmark, and a rectangle the box of a face. What VIA calls attributes is free, so these are looked for, in
upper or lower case: of a region its name in `landmark`, `keypoint`, `name`, `label` or `class`, its face in `face`,
`group`, `group_id` or `instance`, and that it is hidden in `visibility` ("hidden" or "occluded") or in `hidden` or
`occluded` ("yes", "true" or "1"); of a file its `split` and `subject`. The first of these that has a value counts.
Points without a face are joined as `mdmd.formats.shapes.images_of` says. `landmark`, `face`, `visibility`, `split` and
`subject` are what is written, and `width` and `height` of a file.
Source: https://www.robots.ox.ac.uk/~vgg/software/via.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mdmd.data.text import shown, text_problem
from mdmd.errors import DataError
from mdmd.files import LARGEST_SET, read_json, write_json
from mdmd.formats.format import Format, Pictures, Reading, losses, place_picture
from mdmd.formats.images import ImageFinder
from mdmd.formats.labels import Image, LabelSet, LeftOut, Loss
from mdmd.formats.lost import Places, lost
from mdmd.formats.shapes import (
    FACE,
    Drawn,
    Shape,
    box_of,
    drawn_only,
    ends_of,
    files_in,
    group_of,
    images_of,
    label_names,
    landmarks_of,
    name_of,
    only_file,
    parts_named,
    picture_named,
    place_of,
    size_told,
)

TITLE = "VIA"
LIKE_VIA = re.compile(
    rb'\A(\xef\xbb\xbf)?\s*\{(.*"_via_img_metadata"\s*:|(?=.*"filename"\s*:)(?=.*"regions"\s*:)'
    rb'.*"(file_attributes|shape_attributes)"\s*:)',
    re.DOTALL,
)
NAMES = ("landmark", "keypoint", "name", "label", "class")
GROUPS = ("face", "group", "group_id", "instance")
HIDDEN = ("hidden", "occluded")
YES = ("yes", "true", "1")
#: Where VIA looks for pictures, beside its project.
PICTURES = "images/"


def detect(place: Path) -> bool:
    """Whether `place` is a JSON file of VIA, or a folder with one."""
    return any(LIKE_VIA.search(ends_of(path)) for path in files_in(place, ".json"))


def read(place: Path, how: Reading) -> LabelSet:
    """Read the JSON file `place`, or the one in the folder `place`. Raises DataError."""
    file = only_file(place, ".json", LIKE_VIA, TITLE)
    told = read_json(file, most=LARGEST_SET, constants=True)
    files = told.get("_via_img_metadata", told) if isinstance(told, dict) else told
    if not isinstance(files, dict):
        raise DataError(f"{file}: found {type(files).__name__}, wanted files by their names")
    root = file.parent
    reader = _Reader(ImageFinder(root / "images", root, pictures=how.pictures))
    drawn = [one for key, found in files.items() if (one := reader.image(key, found)) is not None]
    landmarks = landmarks_of(drawn, _declared(told, drawn), where=file)
    images = images_of(drawn, landmarks, reader.left_out)
    return LabelSet(landmarks, images, left_out=tuple(reader.left_out))


def _declared(told: Any, drawn: Iterable[Drawn]) -> list[str]:
    """The options of the attribute `landmark` of a project, or of another one that names landmarks, in their order."""
    attributes = told.get("_via_attributes") if isinstance(told, dict) else None
    regions = _lower(attributes.get("region")) if isinstance(attributes, dict) else {}
    used = {shape.name for one in drawn for shape in one.shapes if shape.box is None}
    for key in NAMES:
        options = regions[key].get("options") if isinstance(regions.get(key), dict) else None
        names = [name for name in options if not text_problem(name)] if isinstance(options, dict) else []
        if key == NAMES[0] or used.intersection(names):
            # Another attribute may have options for other things.
            chosen = [name for name in names if name.strip() and (key == NAMES[0] or name in used)]
            if chosen:
                return chosen
    return []


class _Reader:
    """Reads files. What cannot be read is in `left_out`."""

    def __init__(self, finder: ImageFinder) -> None:
        self._finder = finder
        self.left_out: list[LeftOut] = []

    def image(self, key: str, found: Any) -> Drawn | None:
        name = found.get("filename") if isinstance(found, dict) else None
        parts = parts_named(name)
        regions = found.get("regions") if isinstance(found, dict) else None
        regions = list(regions.values()) if isinstance(regions, dict) else regions  # as VIA 1 wrote them
        if not parts or not isinstance(name, str) or not isinstance(regions, list):
            self.left_out.append(LeftOut(f"file {shown(key)}", f"found {shown(found)}, wanted a filename and regions"))
            return None
        attributes = _lower(found.get("file_attributes"))
        shapes = []
        for k, region in enumerate(regions, start=1):
            record = f"{name}, region {k}"
            try:
                shapes.append(_shape(region, record))
            except DataError as error:
                self.left_out.append(LeftOut(record, str(error)))
        split, subject = (_text(attributes.get(key)) for key in ("split", "subject"))
        size = size_told(attributes.get("width"), attributes.get("height"))
        return Drawn("/".join(parts), picture_named(self._finder, name), shapes, size, split, subject)


def _lower(attributes: Any) -> dict[str, Any]:
    """Attributes by their keys in lower case."""
    if not isinstance(attributes, dict):
        return {}
    return {key.lower(): value for key, value in attributes.items()}


def _first(attributes: Mapping[str, Any], keys: Iterable[str]) -> Any:
    """The value of the first of the keys that has one; None if none has."""
    for key in keys:
        value = attributes.get(key)
        if isinstance(value, dict):  # the boxes of an attribute that are ticked
            value = next((option for option, ticked in value.items() if ticked is True), None)
        if value not in (None, ""):
            return value
    return None


def _text(found: Any) -> str | None:
    return found if isinstance(found, str) and found and not text_problem(found) else None


def _is_hidden(attributes: Mapping[str, Any]) -> bool:
    if str(_first(attributes, ["visibility"])).casefold() in HIDDEN:
        return True
    return any(_first(attributes, [key]) is True or _says_yes(_first(attributes, [key])) for key in HIDDEN)


def _says_yes(found: Any) -> bool:
    return str(found).casefold() in YES


def _shape(region: Any, record: str) -> Shape:
    shape = region.get("shape_attributes") if isinstance(region, dict) else None
    if not isinstance(shape, dict):
        raise DataError(f"found {shown(region)}, wanted a region with shape_attributes")
    attributes = _lower(region.get("region_attributes"))
    group = group_of(_first(attributes, GROUPS), "its face")
    name = _first(attributes, NAMES)
    kind = shape.get("name")
    if kind == "point":
        name = name_of(name, f"its name (one of the attributes {', '.join(NAMES)})")
        visibility = 1 if _is_hidden(attributes) else 2
        return Shape(record, name, group, place_of(shape.get("cx"), shape.get("cy")), visibility)
    if kind == "rect":
        name = FACE if name is None else name_of(name, "its name")
        return Shape(record, name, group, box=box_of(*(shape.get(key) for key in ("x", "y", "width", "height"))))
    raise DataError(f"it is of the shape {shown(kind)}, wanted a point or a rect")


def write(labels: LabelSet, out: Path, pictures: Pictures) -> list[Loss]:
    """Write via_project.json and images."""
    drawn = drawn_only(labels)
    files = {}
    places = Places()
    for image in drawn.images:
        name = str(places.of(image))
        target = out / "images" / name
        place_picture(image, target, pictures)
        told = _file(labels, image, name, target)
        files[f"{name}{told['size']}"] = told
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "via_project.json", _project(labels, files))
    kinds = ("absent", "face subject", "scores", "predicted", "mirror", "edges", "groups")
    return losses(**lost(drawn, *kinds), face=labels.faces - drawn.faces)


def _file(labels: LabelSet, image: Image, name: str, target: Path) -> dict[str, Any]:
    told = {"split": image.split, "subject": image.subject}
    width, height = image.size or (None, None)
    told |= {"width": None if width is None else str(width), "height": None if height is None else str(height)}
    return {
        "filename": name,
        "size": target.stat().st_size if target.is_file() else -1,
        "regions": list(_regions(labels, image)),
        "file_attributes": {key: value for key, value in told.items() if value is not None},
    }


def _regions(labels: LabelSet, image: Image) -> Iterator[dict[str, Any]]:
    for number, face in enumerate(image.faces, start=1):
        if face.box is not None:
            box = {"name": "rect", "x": face.box.x, "y": face.box.y, "width": face.box.w, "height": face.box.h}
            yield {"shape_attributes": box, "region_attributes": {"face": str(number)}}
        for _, name, x, y, visibility in label_names(labels, face):
            told = {"landmark": name, "face": str(number), "visibility": "hidden" if visibility == 1 else "visible"}
            yield {"shape_attributes": {"name": "point", "cx": x, "cy": y}, "region_attributes": told}


def _project(labels: LabelSet, files: Mapping[str, Any]) -> dict[str, Any]:
    def options(kind: str, about: str, names: Iterable[str]) -> dict[str, Any]:
        return {"type": kind, "description": about, "options": dict.fromkeys(names, ""), "default_options": {}}

    def text(about: str) -> dict[str, Any]:
        return {"type": "text", "description": about, "default_value": ""}

    region = {
        "landmark": options("dropdown", "the landmark that a point is", labels.landmarks),
        "face": text("the number of the face in its picture"),
        "visibility": options("radio", "whether the landmark can be seen", ("visible", "hidden")),
    }
    core = {"buffer_size": 18, "filepath": {}, "default_filepath": PICTURES}
    return {
        "_via_settings": {"core": core, "project": {"name": "faces"}},
        "_via_img_metadata": files,
        "_via_attributes": {"region": region, "file": {key: text("") for key in ("split", "subject")}},
        "_via_data_format_version": "2.0.10",
        "_via_image_id_list": list(files),
    }


FORMAT = Format("via", TITLE, detect, read, write)
