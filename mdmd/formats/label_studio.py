"""Label Studio: a JSON list of tasks, with points and rectangles in percent of the image, or the list that JSON-MIN is.

Points whose `parentID` is a rectangle, or that relations join to one in either direction, are its face. The landmarks
come in the order of label_config.xml (`model_index`, or else the order of the labels) where it lies beside the tasks,
and else as they come. A choice "hidden" or "occluded" for a point says that it is hidden. Of the annotations of a task
the last finished one counts; its predictions are faces that a model labeled, and count while there is no finished
annotation. An image is found by the last part of its address, with and without the eight digits that an upload puts
before it.
Source: https://labelstud.io/guide/export and https://labelstud.io/tags/keypointlabels.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import numpy as np

from mdmd.data.records import Box
from mdmd.data.text import shown, text_problem
from mdmd.errors import DataError
from mdmd.files import LARGEST_SET, read_json, replace_file, write_json
from mdmd.formats.format import Format, Pictures, Reading, losses, place_picture
from mdmd.formats.images import ENDINGS, ImageFinder
from mdmd.formats.labels import Face, Image, LabelSet, LeftOut, Loss
from mdmd.formats.lost import Places, has_label, lost
from mdmd.formats.shapes import (
    FACE,
    TURNED,
    Drawn,
    Shape,
    box_between,
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
    score_of,
    size_told,
)
from mdmd.formats.text import box_inside, inside, size_of, text_of
from mdmd.formats.xml import parsed

TITLE = "Label Studio"
CONFIG = "label_config.xml"
LARGEST_CONFIG = 10_000_000
LIKE_LABEL_STUDIO = re.compile(
    rb'\A(\xef\xbb\xbf)?\s*\[\s*\{(.*"(keypointlabels|rectanglelabels|was_cancelled|completed_by|file_upload)"\s*:'
    rb'|(?=.*"data"\s*:\s*\{).*"(annotations|predictions)"\s*:\s*\[)',
    re.DOTALL,
)
UPLOAD = re.compile(r"[0-9a-f]{8}-(?=.)")
HIDDEN = ("hidden", "occluded")
#: The class of a written rectangle that only joins the points of a face, because every point needs one.
NO_BOX = "no box"
#: What is read otherwise than it stands in the file: a sentence for one thing, and for several.
CHANGES = {
    "several": (
        "{} task has several finished annotations: the last one is read",
        "{} tasks have several finished annotations: the last one of each is read",
    ),
    "beside": (
        "{} task has predictions beside a finished annotation: they are not read",
        "{} tasks have predictions beside a finished annotation: they are not read",
    ),
    "turned": TURNED,
    "not a box": (
        "{} rectangle that is as large in percent as the image in pixels is read as no box",
        "{} rectangles that are as large in percent as the image in pixels are read as no boxes",
    ),
}
#: Regions may be in each other this deep.
DEEPEST = 100
#: Names of what is written, in the labeling configuration.
IMAGE, POINTS, BOXES, VISIBILITY = "img", "kp", "rect", "visibility"


def detect(place: Path) -> bool:
    """Whether `place` is a JSON file of tasks, or a folder with one."""
    return any(LIKE_LABEL_STUDIO.search(ends_of(path)) for path in files_in(place, ".json"))


def read(place: Path, how: Reading) -> LabelSet:
    """Read the JSON file `place`, or the one in the folder `place`. Raises DataError."""
    file = only_file(place, ".json", LIKE_LABEL_STUDIO, TITLE)
    tasks = read_json(file, most=LARGEST_SET, constants=True)
    if not isinstance(tasks, list):
        raise DataError(f"{file}: found {type(tasks).__name__}, wanted a list of tasks")
    config, changes = _config_of(file.parent / CONFIG)
    root = file.parent
    reader = _Reader(ImageFinder(root / "images", root, pictures=how.pictures), config)
    drawn = [one for k, task in enumerate(tasks, start=1) if (one := reader.task(task, f"task {k}")) is not None]
    landmarks = landmarks_of(drawn, landmarks_of_config(config), where=file)
    images = images_of(drawn, landmarks, reader.left_out)
    return LabelSet(landmarks, images, left_out=tuple(reader.left_out), changes=(*changes, *reader.changes()))


def _config_of(file: Path) -> tuple[Element | None, list[str]]:
    """The labeling configuration, if it is there and can be read, and a sentence if it cannot."""
    try:
        if not file.is_file():
            return None, []
        if file.stat().st_size > LARGEST_CONFIG:
            raise DataError(f"{CONFIG} has more than {LARGEST_CONFIG:,} bytes")
        return parsed(text_of(file), CONFIG), []
    except (OSError, DataError) as error:
        return None, [f"the labeling configuration is not used: {error}"]


def landmarks_of_config(config: Element | None) -> list[str]:
    """The landmarks of a labeling configuration, by model_index where each label has its own."""
    if config is None:
        return []
    labels = [label for control in config.iter("KeyPointLabels") for label in control.iter("Label")]
    labels = [label for label in labels if not text_problem(label.get("value")) and label.get("value", "").strip()]
    numbers = [int(text) for label in labels if re.fullmatch(r"[0-9]{1,6}", text := label.get("model_index", ""))]
    if len({*numbers}) == len(labels):
        labels = [label for _, label in sorted(zip(numbers, labels, strict=True), key=lambda pair: pair[0])]
    return [label.get("value", "") for label in labels]


class _Reader:
    """Reads tasks. What cannot be read is in `left_out`."""

    def __init__(self, finder: ImageFinder, config: Element | None) -> None:
        images = [] if config is None else [image.get("value", "") for image in config.iter("Image")]
        self._keys = [key.removeprefix("$") for key in (*images, "$image", "$img", "$url")]
        self._finder = finder
        self._counts = Counter[str]()
        self.left_out: list[LeftOut] = []

    def changes(self) -> Iterator[str]:
        for key, (one, many) in CHANGES.items():
            if self._counts[key]:
                yield (one if self._counts[key] == 1 else many).format(f"{self._counts[key]:,}")

    def task(self, task: Any, record: str) -> Drawn | None:
        try:
            if not isinstance(task, dict):
                raise DataError(f"found {shown(task)}, wanted a task")
            # JSON-MIN has the data and the labels in one object.
            is_whole = any(isinstance(task.get(key), list) for key in ("annotations", "predictions", "completions"))
            data = task.get("data") if is_whole else task
            address = self._address(data if isinstance(data, dict) else {}, task)
            names = _names(address)
            if not names:
                raise DataError(f"its picture is {shown(address)}, wanted the address of a picture")
        except DataError as error:
            self.left_out.append(LeftOut(record, str(error)))
            return None
        path = picture_named(self._finder, *names)
        # An upload is known by the name that it had before, unless the picture is here under its new one.
        name = names[0] if path is not None and path.name == names[0].split("/")[-1] else names[-1]
        record = f"{record} ({name})"
        drawn = Drawn(name, path, [])
        drawn.split, drawn.subject = (_text(data, key) for key in ("split", "subject"))
        results, predicted = self._results(task, record) if is_whole else (_of_min(task), False)
        regions = _Regions(results, path, record, predicted)
        drawn.size, drawn.shapes = regions.size, regions.shapes
        self.left_out += regions.left_out
        self._counts += regions.counts
        return drawn

    def _address(self, data: Mapping[str, Any], task: Mapping[str, Any]) -> Any:
        for key in self._keys:
            if isinstance(data.get(key), str):
                return data[key]
        ending = tuple(ENDINGS)
        found = [text for text in data.values() if isinstance(text, str) and text.lower().endswith(ending)]
        if len(found) == 1:
            return found[0]
        meta = task.get("meta")
        video = meta.get("video") if isinstance(meta, dict) else None  # as sleap-io writes
        frames, number = (video.get("filename"), video.get("frame_idx")) if isinstance(video, dict) else (None, None)
        if isinstance(frames, list) and type(number) is int and 0 <= number < len(frames):
            return frames[number]
        return next((text for text in (task.get("file_upload"), *found) if isinstance(text, str)), None)

    def _results(self, task: Mapping[str, Any], record: str) -> tuple[Sequence[Any], bool]:
        """The results of the annotation or the prediction that counts, and whether it is a prediction."""
        annotations = task.get("annotations", task.get("completions"))
        annotations = [one for one in annotations if isinstance(one, dict)] if isinstance(annotations, list) else []
        finished = [one for one in annotations if one.get("was_cancelled") is not True]
        predictions = task.get("predictions")
        predictions = [one for one in predictions if isinstance(one, dict)] if isinstance(predictions, list) else []
        if finished:
            self._counts["several"] += len(finished) > 1
            self._counts["beside"] += bool(predictions)
        chosen = finished or predictions
        if not chosen:
            return [], False
        last = max(enumerate(chosen), key=lambda pair: (_time(pair[1]), pair[0]))[1].get("result")
        if not isinstance(last, list):
            self.left_out.append(LeftOut(record, f"its result is {shown(last)}, wanted a list"))
            last = []
        return last, not finished


def _time(annotation: Mapping[str, Any]) -> str:
    """When an annotation was made, as text that sorts."""
    times = (annotation.get(key) for key in ("updated_at", "created_at"))
    return next((time for time in times if isinstance(time, str)), "")


def _text(data: Any, key: str) -> str | None:
    found = data.get(key) if isinstance(data, dict) else None
    return found if isinstance(found, str) and found and not text_problem(found) else None


def _names(address: Any) -> list[str]:
    """The names that the image at an address can have; the last is the one without what an upload puts before it."""
    if not isinstance(address, str):
        return []
    try:
        local = parse_qs(urlsplit(address).query).get("d") if "local-files" in address else None
    except ValueError:
        return []
    parts = parts_named(local[0] if local else address)
    if not parts:
        return []
    if local:
        return ["/".join(parts[1:] if parts[0] == "images" and len(parts) > 1 else parts)]
    if parts[:2] == ("data", "upload"):
        parts = parts[-1:]
    short = UPLOAD.sub("", parts[-1], count=1) if UPLOAD.match(parts[-1]) else parts[-1]
    return list(dict.fromkeys(["/".join(parts), "/".join((*parts[:-1], short))]))


def _of_min(task: Mapping[str, Any]) -> list[Any]:
    """The labels of a task of JSON-MIN as results."""
    found = []
    for key, values in task.items():
        for value in values if isinstance(values, list) else ():
            if isinstance(value, dict) and ("keypointlabels" in value or "rectanglelabels" in value):
                kind = "keypointlabels" if "keypointlabels" in value else "rectanglelabels"
                found.append({**value, "type": kind, "value": value, "from_name": key})
    return found


class _Regions:
    """The shapes in the results of one annotation."""

    def __init__(self, results: Sequence[Any], path: Path | None, record: str, predicted: bool) -> None:
        self._path, self._predicted = path, predicted
        self.left_out: list[LeftOut] = []
        self.counts = Counter[str]()
        self.size: tuple[int, int] | None = None
        self.shapes: list[Shape] = []
        self._parents: dict[str, str] = {}
        self._relations: list[tuple[str, str]] = []
        self._kinds: dict[str, str] = {}
        self._hidden = set[str]()
        regions: list[tuple[Mapping[str, Any], str]] = []
        for k, result in enumerate(results, start=1):
            own = f"{record}, result {k}"
            try:
                if not isinstance(result, dict):
                    raise DataError(f"found {shown(result)}, wanted a result")
                if self._is_region(result):
                    regions.append((result, own))
            except DataError as error:
                self.left_out.append(LeftOut(own, str(error)))
        self._relate()
        self._holders = {*self._parents.values()}
        for result, own in regions:
            try:
                self.shapes.append(self._shape(result, own))
            except DataError as error:
                self.left_out.append(LeftOut(own, str(error)))

    def _is_region(self, result: Mapping[str, Any]) -> bool:
        """Whether a result is a point or rectangle; of others, which ones these belong to is noted."""
        kind, own = result.get("type"), result.get("id")
        value = result.get("value")
        if kind == "relation":
            one, other = result.get("from_id"), result.get("to_id")
            if isinstance(one, str) and isinstance(other, str):
                self._relations.append((one, other))
            return False
        if kind == "choices":
            choices = value.get("choices") if isinstance(value, dict) else None
            if isinstance(own, str) and isinstance(choices, list):
                words = {choice.casefold() for choice in choices if isinstance(choice, str)}
                self._hidden.update([own] if words & {*HIDDEN} else [])
            return False
        if kind not in ("keypointlabels", "rectanglelabels"):
            raise DataError(f"it is of the type {shown(kind)}, wanted keypointlabels or rectanglelabels")
        if isinstance(own, str):
            self._kinds[own] = kind
            parent = group_of(result.get("parentID"), "its parentID")
            if parent is not None:
                self._parents[own] = parent
        return True

    def _relate(self) -> None:
        """Let relations join regions; a rectangle holds the points, whichever of them was clicked first."""
        for one, other in self._relations:
            inner, outer = self._top(one), self._top(other)
            if self._kinds.get(inner) == "rectanglelabels":
                if self._kinds.get(outer) == "keypointlabels":
                    inner, outer = outer, inner
                elif inner != one:
                    continue  # a point that is in a rectangle already
            if inner != outer:
                self._parents[inner] = outer

    def _top(self, own: str) -> str:
        for _ in range(DEEPEST):  # they may be in each other in a circle
            own = self._parents.get(own, own)
        return own

    def _group(self, own: Any) -> str | None:
        """The region that holds a region and others together; None if it is alone."""
        if not isinstance(own, str):
            return None
        if own not in self._parents:
            return own if own in self._holders else None
        return self._top(own)

    def _shape(self, result: Mapping[str, Any], record: str) -> Shape:
        value = result.get("value")
        kind = result["type"]
        names = value.get(kind) if isinstance(value, dict) else None
        if not isinstance(value, dict) or not isinstance(names, list) or len(names) != 1:
            raise DataError(f"its {kind} are {shown(names)}, wanted one label")
        turned = result.get("image_rotation", 0)
        if turned not in (0, None):
            raise DataError(f"its picture was turned by {shown(turned)} degrees there: turn it back and export again")
        name = name_of(names[0], "its label")
        size = self._size(result)
        own = result.get("id")
        group = self._group(own)
        if kind == "keypointlabels":
            place = place_of(*_pixels(value.get("x"), value.get("y"), size))
            visibility = 1 if isinstance(own, str) and own in self._hidden else 2
            score = score_of(result.get("score")) if self._predicted else None
            return Shape(record, name, group, place, visibility, predicted=self._predicted, score=score)
        sides = (value.get("width"), value.get("height"))
        is_pixels = (value.get("x"), value.get("y"), *sides) == (0, 0, *size) and sides != (100, 100)
        self.counts["not a box"] += is_pixels
        box = Box(0, 0, *map(float, size)) if is_pixels else self._box(value, size)
        only_groups = is_pixels or name == NO_BOX
        return Shape(record, name, group, box=box, only_groups=only_groups, predicted=self._predicted)

    def _box(self, value: Mapping[str, Any], size: tuple[int, int]) -> Box:
        """The box of a rectangle, which may be turned about its corner."""
        corner = np.array(place_of(*_pixels(value.get("x"), value.get("y"), size)))
        side = place_of(*_pixels(value.get("width"), value.get("height"), size))
        turn = value.get("rotation", 0) or 0
        angle = np.deg2rad(place_of(turn, 0)[0])
        self.counts["turned"] += bool(turn)
        across = np.array([np.cos(angle), np.sin(angle)]) * side[0]
        down = np.array([-np.sin(angle), np.cos(angle)]) * side[1]
        corners = [corner, corner + across, corner + down, corner + across + down]
        return box_between([(float(x), float(y)) for x, y in corners])

    def _size(self, result: Mapping[str, Any]) -> tuple[int, int]:
        """Width and height of the image, as the result or the picture has them."""
        told = size_told(result.get("original_width"), result.get("original_height"))
        if self.size is None:
            self.size = told or size_of(self._path)
        return told or self.size


def _pixels(x: Any, y: Any, size: tuple[int, int]) -> tuple[float, float]:
    x, y = place_of(x, y)
    return x / 100 * size[0], y / 100 * size[1]


def write(labels: LabelSet, out: Path, pictures: Pictures) -> list[Loss]:
    """Write tasks.json, label_config.xml and images, which the tasks name as local files below the folder `out`.

    Label Studio refuses places below 0 and above 100 %: points outside of their image are left out, and boxes are cut.
    An image's faces that a model labeled are written as predictions, and are not read where others are labels.
    """
    counts = {"outside": 0, "beside": 0, "scores": 0}
    tasks, read_again = [], []
    places = Places()
    for number, image in enumerate(labels.images, start=1):
        name = str(places.of(image))
        place_picture(image, out / "images" / name, pictures)
        size = size_of(image.path) if image.faces and image.size is None else image.size
        cut = [(face, 0) if size is None else inside(face, size) for face in image.faces]
        tasks.append(_task(labels, replace(image, faces=tuple(face for face, _ in cut)), size, name, number))
        seen = [found for found in cut if not found[0].predicted] or cut
        read_again.append(replace(image, faces=tuple(face for face, _ in seen)))
        counts["beside"] += len(image.faces) - len(seen)
        for face, outside in seen:
            counts["outside"] += outside
            counts["scores"] += face.scores is not None and not (face.predicted and has_label(face))
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "tasks.json", tasks)
    text = config_of(labels.landmarks)
    replace_file(out / CONFIG, lambda partial: partial.write_text(text, encoding="utf-8"))
    kinds = ("absent", "face subject", "mirror", "edges", "groups")
    return losses(**lost(replace(labels, images=tuple(read_again)), *kinds), **counts)


def _task(labels: LabelSet, image: Image, size: tuple[int, int] | None, name: str, number: int) -> dict[str, Any]:
    data = {"image": f"/data/local-files/?d={quote(f'images/{name}')}"}
    data |= {key: told for key, told in (("split", image.split), ("subject", image.subject)) if told is not None}
    task: dict[str, Any] = {"id": number, "data": data, "annotations": [], "predictions": []}
    for key, predicted in (("annotations", False), ("predictions", True)):
        faces = [(k, face) for k, face in enumerate(image.faces, start=1) if face.predicted is predicted]
        if not faces or size is None:
            continue
        results = [result for k, face in faces for result in _results_of(labels, face, size, f"face{k}")]
        finished = {"model_version": "mdmd"} if predicted else {"was_cancelled": False}
        task[key] = [{**finished, "result": results}]
    return task


def _results_of(labels: LabelSet, face: Face, size: tuple[int, int], own: str) -> Iterator[dict[str, Any]]:
    about = {"original_width": size[0], "original_height": size[1], "image_rotation": 0, "to_name": IMAGE}
    box, name = None if face.box is None else box_inside(face.box, size), FACE
    if box is None:
        box, name = _around(labels, face, size), NO_BOX
    x, y, w, h = (_percent(side, size[k % 2]) for k, side in enumerate((box.x, box.y, box.w, box.h)))
    value = {"x": x, "y": y, "width": w, "height": h, "rotation": 0, "rectanglelabels": [name]}
    yield {**about, "id": own, "from_name": BOXES, "type": "rectanglelabels", "value": value}
    for k, landmark, px, py, visibility in label_names(labels, face):
        place = {"x": _percent(px, size[0]), "y": _percent(py, size[1]), "width": 0.3}
        point = {**about, "id": f"{own}-{k}", "parentID": own}
        score = {} if face.scores is None or not face.predicted else {"score": float(face.scores[k])}
        told = {"from_name": POINTS, "type": "keypointlabels", "value": {**place, "keypointlabels": [landmark]}}
        yield {**point, **told, **score}
        if visibility == 1:
            yield {**point, "from_name": VISIBILITY, "type": "choices", "value": {**place, "choices": [HIDDEN[0]]}}


def _around(labels: LabelSet, face: Face, size: tuple[int, int]) -> Box:
    """A rectangle around the labels of a face without a box, or around the image."""
    places = [(x, y) for _, _, x, y, _ in label_names(labels, face)]
    whole = Box(0, 0, *map(float, size))
    if not places:
        return whole
    return box_inside(box_between([(x + d, y + d) for x, y in places for d in (-1.0, 1.0)]), size) or whole


def _percent(pixels: float, side: int) -> float:
    return round(pixels / side * 100, 8)


def config_of(landmarks: Sequence[str]) -> str:
    """The labeling configuration for these landmarks, as XML."""
    view = Element("View")
    ElementTree.SubElement(view, "Image", {"name": IMAGE, "value": "$image"})
    points = ElementTree.SubElement(view, "KeyPointLabels", {"name": POINTS, "toName": IMAGE})
    for k, name in enumerate(landmarks):
        ElementTree.SubElement(points, "Label", {"value": name, "model_index": str(k)})
    boxes = ElementTree.SubElement(view, "RectangleLabels", {"name": BOXES, "toName": IMAGE})
    for name in (FACE, NO_BOX):
        ElementTree.SubElement(boxes, "Label", {"value": name})
    told = {"name": VISIBILITY, "toName": IMAGE, "perRegion": "true", "whenTagName": POINTS, "choice": "single"}
    choices = ElementTree.SubElement(view, "Choices", told)
    ElementTree.SubElement(choices, "Choice", {"value": HIDDEN[0]})
    ElementTree.indent(view)
    return ElementTree.tostring(view, encoding="unicode") + "\n"


FORMAT = Format("label-studio", TITLE, detect, read, write, keeps_predictions=True)
