"""CVAT for images 1.1: one XML file with the labels of all images, in pixels.

A face is a `<skeleton>` of named `<points>`: one that is outside is not labeled, one that is occluded is hidden. Its
box is the `<box>` with the same `group_id`, or the only one around it. Where there are no skeletons, loose `<points>`
that are named after landmarks are a face by their `group_id`, or if they have none by the box around them; `<points>`
of several points each are a face for itself, whose landmarks are numbered. `subset` is the split, and the source
"auto" says that a model made a face. The labels in the file give the order of the landmarks and their edges.
Source: https://docs.cvat.ai/docs/dataset_management/formats/format-cvat.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element
from xml.sax.saxutils import quoteattr

import numpy as np

from mdmd.data.records import Box
from mdmd.data.text import cleaned, shown, text_problem
from mdmd.errors import DataError
from mdmd.files import replace_file, write_json
from mdmd.formats.format import Format, Pictures, Reading, losses, place_picture
from mdmd.formats.images import ImageFinder
from mdmd.formats.labels import Face, LabelSet, LeftOut, Loss
from mdmd.formats.lost import Places, lost
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
    size_told,
)
from mdmd.formats.text import number_of, size_of
from mdmd.formats.xml import elements_of, parsed

TITLE = "CVAT for images"
LIKE_CVAT = re.compile(rb"<annotations(\s[^>]*)?>.*<(meta|image|track|version)[\s/>]", re.DOTALL)
#: The label of written boxes; that of skeletons is FACE.
BOX = "face box"
#: Points of one element that are read.
MOST_POINTS = 1000


def detect(place: Path) -> bool:
    """Whether `place` is an XML file of CVAT, or a folder with one."""
    return any(LIKE_CVAT.search(ends_of(path)) for path in files_in(place, ".xml"))


def read(place: Path, how: Reading) -> LabelSet:
    """Read the XML file `place`, or the one in the folder `place`. Raises DataError."""
    file = only_file(place, ".xml", LIKE_CVAT, TITLE)
    root = file.parent
    reader = _Reader(ImageFinder(root / "images", root, pictures=how.pictures))
    for element in elements_of(file, "annotations"):
        reader.take(element)
    if not reader.images:
        tracks = f" but tracks of a video ({reader.tracks:,}): export it as {TITLE}" if reader.tracks else ""
        raise DataError(f"{file}: there are no pictures{tracks}")
    return reader.labels(file)


class _Reader:
    """Reads the elements of one file. What cannot be read is in `left_out`."""

    def __init__(self, finder: ImageFinder) -> None:
        self._finder = finder
        self._labels: list[tuple[str, str, str | None, str]] = []  # name, type, skeleton and drawing of each label
        self.images: list[tuple[Drawn, list[_Element]]] = []
        self.tracks = 0
        self.left_out: list[LeftOut] = []

    def take(self, element: Element) -> None:
        """One of the elements below the root."""
        if element.tag == "meta":
            for label in element.iter("label"):
                told = {part.tag: part.text or "" for part in label}
                parent = told.get("parent")
                self._labels.append((told.get("name", ""), told.get("type", "any"), parent, told.get("svg", "")))
        elif element.tag == "image":
            self._take_image(element, len(self.images))
        elif element.tag == "track":
            self.tracks += 1
            self.left_out.append(LeftOut(f"track {self.tracks}", "it is of a video"))

    def _take_image(self, element: Element, number: int) -> None:
        name = element.get("name", "")
        parts = parts_named(name)
        if not parts:
            self.left_out.append(LeftOut(f"image {number}", f"its name is {shown(name)}, wanted that of a file"))
            return
        subset = element.get("subset")
        subset = None if not subset or text_problem(subset) else subset
        path = picture_named(self._finder, *([f"{subset}/{name}"] if subset else []), name)
        size = size_told(element.get("width"), element.get("height"))
        counts = Counter[str]()
        elements = []
        for child in element:
            counts[child.tag] += 1
            elements.append(_Element(child, f"{name}, {child.tag} {counts[child.tag]}"))
        self.images.append((Drawn("/".join(parts), path, [], size, subset), elements))

    def labels(self, file: Path) -> LabelSet:
        skeleton = self._skeleton()
        several = 0 if skeleton is not None else self._points_of_a_face()
        for drawn, elements in self.images:
            taken = Counter(e.get("group_id") for e in elements if e.tag == "skeleton" and e.label == skeleton)
            for k, element in enumerate(elements):
                try:
                    drawn.shapes += element.shapes(skeleton, several, taken, k)
                except DataError as error:
                    self.left_out.append(LeftOut(element.record, str(error)))
        turned = sum(element.is_turned for _, elements in self.images for element in elements)
        declared = [name for name, kind, parent, _ in self._labels if self._is_landmark(name, kind, parent, skeleton)]
        names = [f"landmark_{k + 1}" for k in range(several)] if several else declared
        drawn = [one for one, _ in self.images]
        landmarks = landmarks_of(drawn, names, where=file)
        edges = self._edges(skeleton, landmarks)
        images = images_of(drawn, landmarks, self.left_out)
        changes = (TURNED[turned > 1].format(f"{turned:,}"),) if turned else ()
        return LabelSet(landmarks, images, edges=edges, left_out=tuple(self.left_out), changes=changes)

    def _skeleton(self) -> str | None:
        """The label of most skeletons; None if there are no skeletons, or as many loose points as landmarks."""
        counts = Counter(e.label for _, elements in self.images for e in elements if e.tag == "skeleton")
        if counts:
            return counts.most_common(1)[0][0]
        if any(e.tag == "points" for _, elements in self.images for e in elements):
            return None
        return next((name for name, kind, *_ in self._labels if kind == "skeleton"), None)

    def _points_of_a_face(self) -> int:
        """How many points a face has, if all loose points come in elements of several; else 0."""
        counts = Counter(e.number_of_points for _, elements in self.images for e in elements if e.tag == "points")
        most = counts.most_common(1)[0][0] if counts and 1 not in counts else 0
        return most if most <= MOST_POINTS else 0

    @staticmethod
    def _is_landmark(name: str, kind: str, parent: str | None, skeleton: str | None) -> bool:
        if text_problem(name) or not name.strip():
            return False
        return kind == "points" and parent is None if skeleton is None else parent == skeleton

    def _edges(self, skeleton: str | None, landmarks: Sequence[str]) -> tuple[tuple[int, int], ...]:
        svg = next((svg for name, kind, _, svg in self._labels if kind == "skeleton" and name == skeleton), "")
        return edges_of(svg, landmarks)


def edges_of(svg: str, landmarks: Sequence[str], ids: Mapping[str, str] | None = None) -> tuple[tuple[int, int], ...]:
    """The edges in the drawing of a skeleton, as indices of landmarks; none if it cannot be read.

    `ids` are the names of landmarks by the ids of their labels, where these have some.
    """
    for name in landmarks:  # CVAT puts names in as they are, also with quotes and "&"
        svg = svg.replace(f'data-label-name="{name}"', f"data-label-name={quoteattr(name)}")
    try:
        drawing = parsed(f"<svg>{svg}</svg>", "the drawing of the skeleton")
    except DataError:
        return ()
    index = {name: k for k, name in enumerate(landmarks)}
    nodes = [node for node in drawing.iter() if node.get("data-type") == "element node"]
    place = {}
    for k, node in enumerate(nodes):
        told = node.get("data-label-name") or (ids or {}).get(node.get("data-label-id", ""))
        # A node without a name is that of the landmark in its place.
        place[node.get("data-node-id")] = index.get(told or (landmarks[k] if k < len(landmarks) else ""))
    edges = dict[tuple[int, int], None]()
    for line in drawing.iter():
        if line.get("data-type") == "edge":
            one, other = place.get(line.get("data-node-from")), place.get(line.get("data-node-to"))
            if one is not None and other is not None and one != other and (other, one) not in edges:
                edges.setdefault((one, other))
    return tuple(edges)


class _Element:
    """A shape of an image, with what is needed of it."""

    def __init__(self, element: Element, record: str) -> None:
        self.tag, self.record = element.tag, record
        self.label = element.get("label", "")
        self._told = dict(element.attrib)
        self.is_turned = False  # is known after `shapes`
        self._points = [dict(point.attrib) for point in element if point.tag == "points"]

    def get(self, key: str) -> str | None:
        return self._told.get(key)

    @property
    def number_of_points(self) -> int:
        return self._told.get("points", "").count(";") + 1

    def shapes(self, skeleton: str | None, several: int, taken: Counter[str | None], number: int) -> Iterator[Shape]:
        """The points and rectangles that it is; `taken` counts the skeletons of a group. Raises DataError."""
        group = self._told.get("group_id")
        group = None if group in (None, "", "0") else group_of(group, "its group_id")
        if self.tag == "skeleton":
            if self.label != skeleton:
                raise DataError(f"it is a skeleton {shown(self.label)}, and most are {shown(skeleton)}")
            if not self._points:
                raise DataError("it is a skeleton without points")
            own = group if group is not None and taken[self._told.get("group_id")] == 1 else f"skeleton {number}"
            return iter([self._point(point, own) for point in self._points])
        if self.tag == "points" and skeleton is None:
            return iter(self._all_points(several, group, number) if several else [self._point(self._told, group)])
        if self.tag == "box":
            name = FACE if self.label == BOX else name_of(self.label, "its label")
            return iter([Shape(self.record, name, group, box=self._box(), predicted=_by_model(self._told))])
        if self.tag == "points":
            raise DataError("its points are of no skeleton, as others in the file are")
        if self.tag == "tag":
            return iter(())
        raise DataError(f"it is a {self.tag}, wanted a skeleton, points or a box")

    def _box(self) -> Box:
        """The box of a rectangle, which may be turned about its middle."""
        corners = np.array([place_of(self.get("xtl"), self.get("ytl")), place_of(self.get("xbr"), self.get("ybr"))])
        turn = np.nan_to_num(number_of(self._told.get("rotation", "")))
        angle = np.deg2rad(turn)
        middle, half = corners.mean(axis=0), abs(corners[1] - corners[0]) / 2
        reach = abs(np.cos(angle)) * half + abs(np.sin(angle)) * half[::-1]
        box = box_between([tuple(middle - reach), tuple(middle + reach)] if turn else [*map(tuple, corners)])
        self.is_turned = bool(turn)
        return box

    def _point(self, told: dict[str, str], group: str | None) -> Shape:
        name = name_of(told.get("label"), "its label")
        record = f"{self.record}, {name}" if told is not self._told else self.record
        predicted = _by_model(self._told)
        if told.get("outside") == "1":
            return Shape(record, name, group, visibility=0, predicted=predicted)
        place = _places(told.get("points", ""))
        if len(place) != 1:
            raise DataError(f"{name} has {len(place)} points, wanted one")
        visibility = 1 if told.get("occluded") == "1" else 2
        return Shape(record, name, group, place[0], visibility, predicted=predicted)

    def _all_points(self, several: int, group: str | None, number: int) -> list[Shape]:
        places = _places(self._told.get("points", ""))
        if len(places) != several:
            raise DataError(f"it has {len(places)} points, and most have {several}")
        visibility = 1 if self._told.get("occluded") == "1" else 2
        predicted = _by_model(self._told)
        own = f"points {number}" if group is None else group
        return [
            Shape(self.record, f"landmark_{k}", own, place, visibility, predicted=predicted)
            for k, place in enumerate(places, start=1)
        ]


def _by_model(told: dict[str, str]) -> bool:
    return told.get("source") == "auto"


def _places(text: str) -> list[tuple[float, float]]:
    if text.count(";") >= MOST_POINTS:
        raise DataError(f"it has {text.count(';') + 1:,} points, wanted at most {MOST_POINTS:,}")
    places = []
    for pair in text.split(";"):
        x, _, y = pair.partition(",")
        places.append(place_of(x, y))
    return places


def write(labels: LabelSet, out: Path, pictures: Pictures) -> list[Loss]:
    """Write annotations.xml and images, and labels.json: the labels to make in CVAT (Raw) before both are loaded."""
    out.mkdir(parents=True, exist_ok=True)
    root = Element("annotations")
    _add(root, "version", "1.1")
    drawing = drawn_skeleton(labels)
    has_boxes = any(face.box for image in labels.images for face in image.faces)
    root.append(_meta(labels, drawing, has_boxes))
    places = Places()
    for number, image in enumerate(labels.images):
        name = str(places.of(image))
        width, height = size_of(image.path) if image.size is None else image.size
        told = {"id": str(number), "name": name, **({"subset": cleaned(image.split)} if image.split else {})}
        element = _add(root, "image", None, **told, width=str(width), height=str(height))
        for group, face in enumerate(image.faces, start=1):
            _add_face(element, labels, face, group)
        place_picture(image, out / "images" / name, pictures)
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode")
    text = f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'
    replace_file(out / "annotations.xml", lambda partial: partial.write_text(text, encoding="utf-8"))
    skeleton = skeleton_label(FACE, labels.landmarks, drawing)
    boxes = [{"name": BOX, "type": "rectangle", "attributes": []}] if has_boxes else []
    write_json(out / "labels.json", [skeleton, *boxes])
    return losses(**lost(labels, "absent", "subject", "face subject", "scores", "mirror", "groups"))


def skeleton_label(name: str, landmarks: Sequence[str], drawing: str) -> dict[str, Any]:
    """The label of a face for CVAT's label editor (Raw); `drawing` is what `drawn_skeleton` returns."""
    points = [{"name": landmark, "type": "points", "attributes": []} for landmark in landmarks]
    return {"name": name, "type": "skeleton", "attributes": [], "sublabels": points, "svg": drawing}


def _add(parent: Element, tag: str, text: str | None = None, **attributes: str) -> Element:
    element = ElementTree.SubElement(parent, tag, attributes)
    element.text = text
    return element


def _meta(labels: LabelSet, drawing: str, has_boxes: bool) -> Element:
    meta = Element("meta")
    task = _add(meta, "task")
    _add(task, "name", "faces")
    _add(task, "size", str(len(labels.images)))
    _add(task, "mode", "annotation")
    all_labels = _add(task, "labels")
    kinds: list[tuple[str, str, dict[str, Any]]] = [(FACE, "skeleton", {"svg": drawing})]
    kinds += [(name, "points", {"parent": FACE}) for name in labels.landmarks]
    kinds += [(BOX, "rectangle", {})] if has_boxes else []
    for name, kind, more in kinds:
        label = _add(all_labels, "label")
        for tag, text in {"name": name, "type": kind, "attributes": None, **more}.items():
            _add(label, tag, text)
    return meta


def _add_face(image: Element, labels: LabelSet, face: Face, group: int) -> None:
    told = {"source": "auto" if face.predicted else "manual", "occluded": "0", "z_order": "0"}
    joined = {"group_id": str(group)} if face.box is not None else {}
    skeleton = _add(image, "skeleton", None, label=FACE, **told, **joined)
    places = {k: (x, y, visibility) for k, _, x, y, visibility in label_names(labels, face)}
    for k, name in enumerate(labels.landmarks):
        x, y, visibility = places.get(k, (0.0, 0.0, 0))
        marks = {"outside": str(int(visibility == 0)), "occluded": str(int(visibility == 1))}
        _add(skeleton, "points", None, label=name, source=told["source"], **marks, points=f"{x},{y}")
    if face.box is not None:
        box = face.box
        corners = {"xtl": box.x, "ytl": box.y, "xbr": box.x + box.w, "ybr": box.y + box.h}
        _add(image, "box", None, label=BOX, **told, **joined, **{key: str(side) for key, side in corners.items()})


def drawn_skeleton(labels: LabelSet) -> str:
    """The skeleton as CVAT draws it in a square of 100: each landmark at its mean place in the faces' own squares."""
    count = len(labels.landmarks)
    angles = np.arange(count) * 2 * np.pi / max(count, 1)
    places = 50 + 40 * np.column_stack([np.sin(angles), -np.cos(angles)])
    total, number = np.zeros((count, 2)), np.zeros((count, 1))
    for face in (face for image in labels.images for face in image.faces):
        labeled = face.visibility > 0
        if np.count_nonzero(labeled) < max(2, count // 2):
            continue
        low, high = face.points[labeled].min(axis=0), face.points[labeled].max(axis=0)
        side = float((high - low).max())
        if side > 0:
            total[labeled] += 50 + 80 * (face.points[labeled] - (low + high) / 2) / side
            number[labeled] += 1
    places = np.where(number > 0, total / np.maximum(number, 1), places).round(2).tolist()
    parts = []
    for one, other in labels.edges:
        (x1, y1), (x2, y2) = places[one], places[other]
        ends = {"x1": str(x1), "y1": str(y1), "x2": str(x2), "y2": str(y2), "stroke": "black", "stroke-width": "0.5"}
        nodes = {"data-type": "edge", "data-node-from": str(one + 1), "data-node-to": str(other + 1)}
        parts.append(_drawn("line", {**ends, **nodes}))
    for k, (name, (x, y)) in enumerate(zip(labels.landmarks, places, strict=True), start=1):
        circle = {"r": "1.5", "cx": str(x), "cy": str(y), "stroke": "black", "fill": "#b3b3b3", "stroke-width": "0.1"}
        node = _drawn(
            "circle", {**circle, "data-type": "element node", "data-element-id": str(k), "data-node-id": str(k)}
        )
        # CVAT finds the name by comparing texts, so it must not be escaped.
        parts.append(node.replace("></circle>", f' data-label-name="{name}"></circle>'))
    return "".join(parts)


def _drawn(tag: str, attributes: dict[str, str]) -> str:
    return ElementTree.tostring(Element(tag, attributes), encoding="unicode", short_empty_elements=False)


FORMAT = Format("cvat", TITLE, detect, read, write)
