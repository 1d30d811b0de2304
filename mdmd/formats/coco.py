"""COCO keypoints as other tools write them. `mdmd.data.coco` reads and writes the dialect of this project.

A folder may hold a file for each split, as COCO itself (annotations/person_keypoints_train2017.json), Roboflow
(train/_annotations.coco.json), CVAT and Datumaro lay them out. Ids may be text, and need not be sound as long as they
are not ambiguous. Source: https://cocodataset.org/#format-data.
"""

from __future__ import annotations

import itertools
import math
import mmap
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mdmd.data.boxes import box_of_points
from mdmd.data.coco import LARGEST_BOX, PREDICTED, read_coco_json, result_of
from mdmd.data.definition import MOST_LANDMARKS, Definition
from mdmd.data.places import FARTHEST, PLACE, box_problem
from mdmd.data.records import Box
from mdmd.data.text import path_problem, shown, text_problem
from mdmd.errors import DataError
from mdmd.files import write_json
from mdmd.formats.coco_extras import merged, renumbered
from mdmd.formats.coco_results import are_results, may_hold_results, with_images
from mdmd.formats.format import Format, Pictures, Reading, place_picture
from mdmd.formats.images import ImageFinder, base_name
from mdmd.formats.labels import Face, Image, LabelSet, LeftOut, Loss
from mdmd.formats.lost import Places
from mdmd.formats.text import regular, size_of

#: A file without one of these keys holds no labels in this format.
KEYS = (b'"images"', b'"annotations"', b'"categories"', b'"keypoints"')
#: A file without one of these holds no boxes of faces.
BOX_KEYS = (b'"images"', b'"annotations"', b'"bbox"')
#: A file without this one names no images for boxes.
IMAGE_FILE_KEYS = (b'"images"',)
#: As BOX_KEYS, for a list of results.
RESULT_KEYS = (b'"image_id"', b'"bbox"')
#: Digits of the number that COCO calls a picture by.
COCO_DIGITS = 12
#: The folders in which the file of a set, or of a split, may lie.
ANNOTATIONS = "annotations"
#: The folder of what models predicted.
RESULTS = "results"
#: What a part of the name of a file or its folder says of the split.
SPLITS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
#: What faces are called as a class of objects.
CLASS = "face"
#: The most files that are looked at in a folder.
MOST_FILES = 1000
#: The keys of a record that are read; the others are kept as `extra`.
IMAGE_KEYS = frozenset(("id", "file_name", "width", "height", "split", "group"))
FACE_KEYS = frozenset(("id", "image_id", "category_id", "keypoints", "num_keypoints", "bbox", "area", "iscrowd"))

Record = Mapping[str, Any]


def detect(place: Path) -> bool:
    """Whether `place` is a file that may hold COCO keypoints, or a folder with one."""
    return next(iter(_files(place)), None) is not None


def read(place: Path, how: Reading) -> LabelSet:
    """Read a file, or all files of a folder as one set. They must have the same landmarks."""
    files = [place] if place.is_file() else list(_files(place))
    if not files:
        raise DataError(f"{place}: no JSON file with images, annotations, and categories with keypoints")
    sets = [_File(file, place, how.pictures).read() for file in files]
    first = sets[0]
    _must_not_overlap(files, sets)
    for file, other in zip(files, sets, strict=True):
        if other.landmarks != first.landmarks:
            raise DataError(f"{file} has other landmarks than {files[0]}: import one of them")
    extra, images = dict(first.extra), list(first.images)
    for other in sets[1:]:
        own = renumbered(other.extra, extra)
        images += [replace(image, extra=own.image(image.extra)) for image in other.images]
        extra = merged([extra, own.extra])
    return replace(
        first,
        images=tuple(images),
        extra=extra,
        left_out=tuple(out for each in sets for out in each.left_out),
        changes=tuple(change for each in sets for change in each.changes),
    )


def _must_not_overlap(files: Sequence[Path], sets: Sequence[LabelSet]) -> None:
    """Raises DataError if two files hold faces of the same picture: which of them a person wants is not known."""
    by_picture: dict[Path, Path] = {}
    for file, labels in zip(files, sets, strict=True):
        for image in labels.images:
            if image.path is not None and image.faces and by_picture.setdefault(image.path, file) != file:
                other = by_picture[image.path].name
                raise DataError(f"{other} and {file.name} both hold faces of {image.name}: name one of the files")


def read_boxes(place: Path, how: Reading) -> LabelSet:
    """The boxes of faces in a file, such as a detector writes, without landmarks. Images and faces keep their ids.

    They are the annotations of the category with keypoints, else of that called "face", else of the only one. Raises
    DataError if there are several. A list of results tells no images: they are those of a file beside it, or found
    by the `image_id` of a record, as the name of a picture's file without its ending or as COCO's number.
    """
    return _File(place, place, how.pictures, boxes=True).read_boxes()


def may_hold_boxes(place: Path) -> bool:
    """Whether `place` is a JSON file that may hold boxes of faces, with or without keypoints."""
    return place.suffix.lower() == ".json" and any(_may_be(place, keys) for keys in (BOX_KEYS, RESULT_KEYS))


def _files(place: Path) -> Iterator[Path]:
    if place.is_file():
        candidates: Iterable[Path] = [place] if place.suffix.lower() == ".json" else []
    elif place.is_dir():
        inner = [path for path in sorted(place.iterdir()) if path.is_dir() and not path.name.startswith(".")]
        deeper = [path / ANNOTATIONS for path in inner]
        folders = [place, *inner[:MOST_FILES], *deeper[:MOST_FILES]]
        candidates = (path for folder in folders for path in sorted(folder.glob("*.json"))[:MOST_FILES])
    else:
        return
    for path in candidates:
        results = path == place and may_hold_results(path)
        if not path.name.startswith(".") and not path.is_symlink() and (results or _may_be(path)):
            yield path


def _beside(file: Path, keys: Sequence[bytes]) -> Iterator[Path]:
    """The files with these `keys` in the folder of `file`, in the one above, and in a folder of annotations there."""
    for folder in (file.parent, file.parent.parent):
        for path in (*sorted(folder.glob("*.json")), *sorted((folder / ANNOTATIONS).glob("*.json"))):
            if not path.is_symlink() and _may_be(path, keys):
                yield path


def tells_groups(file: Path) -> bool:
    """Whether a file may be of this project's own dialect, which tells the groups of landmarks."""
    return _may_be(file, (b'"flsg"',))


def _may_be(file: Path, keys: Sequence[bytes] = KEYS) -> bool:
    try:
        with regular(file) as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return all(content.find(key) >= 0 for key in keys)
    except (OSError, ValueError):  # unreadable, or empty
        return False


class _File:
    """Reads one file. What cannot be understood is left out and named, what is read otherwise is counted."""

    def __init__(self, file: Path, place: Path, pictures: Path | None, *, boxes: bool = False) -> None:
        coco = read_coco_json(file)
        #: Whether the file has boxes of images that no file names.
        self._is_results = False
        if are_results(coco):
            try:
                file, coco = with_images(coco, file, _beside(file, IMAGE_FILE_KEYS if boxes else KEYS), _key)
            except DataError:
                if not boxes:
                    raise
                coco, self._is_results = {"annotations": coco}, True
        if not isinstance(coco, Mapping):
            raise DataError(f"{file}: found a JSON {type(coco).__name__}, wanted an object with images and annotations")
        #: The file that names the images: `file`, unless that holds results.
        self._file = file
        self._coco: Record = coco
        around = file.parent.parent if file.parent.name == ANNOTATIONS else file.parent
        self._finder = ImageFinder(around, place if place.is_dir() else around, pictures=pictures)
        self._left_out: list[LeftOut] = []
        self._changed = Counter[str]()
        #: Ids that several images have.
        self._twice = set[Any]()

    def read(self) -> LabelSet:
        category = self._category()
        landmarks = self._landmarks(category)
        records = self._images()
        faces: dict[Any, list[Face]] = {key: [] for key in records}
        for image, face in self._faces(category, landmarks, records):
            faces[image].append(face)
        images = tuple(self._image(record, faces[key]) for key, record in records.items())
        edges, mirror, definition = self._structure({**category, "keypoints": list(landmarks)}, len(landmarks))
        changes = tuple(f"{self._file.name}: {text}: {count:,}" for text, count in self._changed.items() if count)
        known = {"images", "annotations", "categories"}
        extra = {key: value for key, value in self._coco.items() if key not in known}
        return LabelSet(landmarks, images, edges, mirror, definition, tuple(self._left_out), changes, extra)

    def read_boxes(self) -> LabelSet:
        """The images with the boxes of faces."""
        chosen = self._category_of_boxes()
        records = self._images_of_results() if self._is_results else self._images()
        images = {key: self._image(record, ()) for key, record in records.items()}
        faces: dict[Any, list[Face]] = {key: [] for key in records}
        missing = "no picture that is there" if self._is_results else "not in the file"
        for position, record in enumerate(self._list("annotations")):
            label = _label("annotation", record, position)
            image = _key(record.get("image_id")) if isinstance(record, Mapping) else None
            if not isinstance(record, Mapping):
                self._left_out.append(LeftOut(label, f"found a JSON {type(record).__name__}, wanted an object"))
            elif _key(record.get("category_id")) != chosen:
                self._changed["annotations of other categories are left out"] += 1
            elif record.get("iscrowd") in (1, True, "1"):
                self._changed["regions of crowds are left out"] += 1
            elif image not in records:
                self._left_out.append(LeftOut(label, f"image {shown(record.get('image_id'))} is {missing}"))
            elif (box := self._box(record.get("bbox"), records[image])) is None:
                self._left_out.append(LeftOut(label, f"its bbox is {shown(record.get('bbox'))}, wanted a box"))
            else:
                none = np.zeros(0, dtype=np.int64)
                faces[image].append(Face(np.zeros((0, 2)), none, box, extra={"id": record.get("id")}))
        changes = tuple(f"{self._file.name}: {text}: {count:,}" for text, count in self._changed.items())
        found = (
            replace(image, faces=tuple(faces[key]), extra={**image.extra, "id": records[key].get("id")})
            for key, image in images.items()
        )
        return LabelSet((), tuple(found), left_out=tuple(self._left_out), changes=changes)

    def _images_of_results(self) -> dict[Any, Record]:
        """The records of the images that results are about, as far as there are pictures."""
        found: dict[Any, Record] = {}
        for record in self._list("annotations"):
            key = _key(record.get("image_id")) if isinstance(record, Mapping) else None
            if key is None or key in found:
                continue
            name = _text(record["image_id"]) or ""
            names = [name, *([f"{key:0{COCO_DIGITS}d}"] if isinstance(key, int) and key >= 0 else [])]
            named = [base_name(one) for one in names if not path_problem(one)]
            path = next((path for one in named if one and (path := self._finder.like(Path(f"{one}.x")))), None)
            if path is not None:
                found[key] = {"id": key, "file_name": path.name}
        return found

    def _category_of_boxes(self) -> int | str | None:
        """The id of the category whose annotations are faces; None if no annotation has a category."""
        told = self._list("categories") if "categories" in self._coco else []
        known = {_key(one.get("id")): one for one in told if isinstance(one, Mapping)}
        used = [_key(one.get("category_id")) for one in self._list("annotations") if isinstance(one, Mapping)]
        counts = Counter(used)
        for wanted in (lambda one: bool(one.get("keypoints")), lambda one: _is_face(one.get("name"))):
            found = [key for key, one in known.items() if wanted(one) and counts[key]]
            if len(found) == 1:
                return found[0]
        if len(counts) > 1:
            names = ", ".join(shown(known[key].get("name") if key in known else key) for key in list(counts)[:5])
            raise DataError(
                f"{self._file}: found boxes of {len(counts)} categories ({names}), wanted one, or one called {CLASS!r}"
            )
        return next(iter(counts), None)

    def _list(self, key: str) -> Sequence[Any]:
        found = self._coco.get(key)
        if not isinstance(found, list):
            raise DataError(f"{self._file}: no list {key!r}; a COCO file has images, annotations and categories")
        return found

    # --- categories -----------------------------------------------------------------------------------------------

    def _category(self) -> Record:
        """The category with keypoints that has the most annotations. Others are left out."""
        found = [one for one in self._list("categories") if isinstance(one, Mapping) and one.get("keypoints")]
        if not found:
            raise DataError(f"{self._file}: no category has keypoints, so the points have no names")
        used = Counter(_key(one.get("category_id")) for one in self._list("annotations") if isinstance(one, Mapping))
        chosen = max(found, key=lambda one: used[_key(one.get("id"))])
        for one in found:
            if one is not chosen and used[_key(one.get("id"))]:
                count = used[_key(one.get("id"))]
                why = f"its {count:,} faces have other landmarks than those of category {shown(chosen.get('name'))}"
                self._left_out.append(LeftOut(f"category {shown(one.get('name'))}", why))
        return chosen

    def _landmarks(self, category: Record) -> tuple[str, ...]:
        """The names of the landmarks. One that cannot be used, or that another has, gets a number."""
        names = category["keypoints"]
        if not isinstance(names, list) or len(names) > MOST_LANDMARKS:
            raise DataError(f"{self._file}: the category's keypoints are {shown(names)}, wanted a list of names")
        taken = dict[str, None]()
        for k, name in enumerate(names, start=1):
            own = text if (text := _text(name)) is not None and text.strip() else f"landmark_{k}"
            free, number = own, 1
            while free in taken:
                number += 1
                free = f"{own}_{number}"
            self._changed["names of landmarks that are no text, or that others have, are replaced"] += free != name
            taken[free] = None
        return tuple(taken)

    def _structure(self, category: Record, count: int) -> tuple[Any, tuple[int, ...] | None, Definition | None]:
        """Edges, mirror pairs, and the definition where the file tells groups."""
        edges = _pairs(category.get("skeleton"))
        if any(0 in pair for pair in edges):
            self._changed["edges counted from 0 instead of 1"] += len(edges)
        else:
            edges = [(a - 1, b - 1) for a, b in edges]
        edges = tuple(pair for pair in edges if all(0 <= k < count for k in pair))
        mirror = list(range(count))
        pairs = [pair for pair in _pairs(category.get("flip_pairs")) if all(0 <= k < count for k in pair)]
        for a, b in pairs:
            mirror[a], mirror[b] = b, a
        sound = pairs and all(mirror[mirror[k]] == k for k in range(count))
        definition = None
        if "flsg" in category:
            try:
                definition = Definition.from_category({**category, "skeleton": [[a + 1, b + 1] for a, b in edges]})
            except DataError as error:
                self._changed[f"groups that cannot be used ({error})"] += 1
        return edges, tuple(mirror) if sound else None, definition

    # --- images ---------------------------------------------------------------------------------------------------

    def _images(self) -> dict[Any, Record]:
        """The records of images by their keys. Two of one id would leave open which of them a face belongs to."""
        found: dict[Any, Record] = {}
        for position, record in enumerate(self._list("images")):
            label = _label("image", record, position)
            if not isinstance(record, Mapping):
                self._left_out.append(LeftOut(label, f"found a JSON {type(record).__name__}, wanted an object"))
                continue
            key = _key(record.get("id"))
            if key is None:
                self._left_out.append(LeftOut(label, f"id is {shown(record.get('id'))}, wanted a number or text"))
            elif key in found and _name(found[key]) != _name(record):
                self._twice.add(key)
                self._left_out.append(LeftOut(f"{label} ({shown(_name(record))})", "another image has its id"))
            elif _name(record) is None:
                problem = path_problem(record.get("file_name")) or "names no file"
                self._left_out.append(LeftOut(label, f"file_name {problem}"))
            else:
                found.setdefault(key, record)
        for key in self._twice:
            self._left_out.append(
                LeftOut(f"image {shown(key)} ({shown(_name(found[key]))})", "another image has its id")
            )
            del found[key]
        return found

    def _image(self, record: Record, faces: Sequence[Face]) -> Image:
        name = str(_name(record))
        width, height = (_whole(record.get(key)) for key in ("width", "height"))
        split, subject = (_text(record.get(key)) for key in ("split", "group"))
        return Image(
            name,
            self._path(name),
            tuple(faces),
            (width, height) if width and height else None,
            split or self._split(),
            subject,
            {key: value for key, value in record.items() if key not in IMAGE_KEYS},
        )

    def _path(self, name: str) -> Path | None:
        info = self._coco.get("info")
        folder = info.get("image_folder") if isinstance(info, Mapping) else None
        if isinstance(folder, str) and not path_problem(folder) and ".." not in Path(name).parts:
            path = self._file.parent / folder / name
            if path.is_file() and not Path(name).is_absolute():
                return path  # an export of this project tells where its pictures are
        # COCO's own layout has a folder a split, whose name the name of the file ends in.
        return self._finder.find(f"{self._file.stem.rpartition('_')[2]}/{name}")

    def _split(self) -> str | None:
        """What the name of the file, or of its folder, says of the split."""
        words = [*self._file.stem.lower().replace("-", "_").split("_"), self._file.parent.name.lower()]
        bare = [word.rstrip("0123456789") for word in words]
        return next((SPLITS[word] for word in bare if word in SPLITS), None)

    # --- faces ----------------------------------------------------------------------------------------------------

    def _faces(
        self, category: Record, landmarks: tuple[str, ...], images: Mapping[Any, Record]
    ) -> Iterator[tuple[Any, Face]]:
        others = {
            _key(one.get("id"))
            for one in self._list("categories")
            if isinstance(one, Mapping) and one is not category and _key(one.get("id")) != _key(category.get("id"))
        }
        seen = set[tuple[Any, bytes]]()
        for position, record in enumerate(self._list("annotations")):
            label = _label("annotation", record, position)
            if not isinstance(record, Mapping):
                self._left_out.append(LeftOut(label, f"found a JSON {type(record).__name__}, wanted an object"))
                continue
            own = _key(record.get("category_id"))
            if own in others:
                if not record.get("keypoints"):
                    self._changed["annotations of other categories, which have no keypoints, are left out"] += 1
                continue
            if record.get("iscrowd") in (1, True, "1"):
                self._changed["regions of crowds are left out"] += 1
                continue
            image = _key(record.get("image_id"))
            if image not in images:
                why = "may be one of several" if image in self._twice else "is not in the file"
                self._left_out.append(LeftOut(label, f"image {shown(record.get('image_id'))} {why}"))
                continue
            if own != _key(category.get("id")):
                self._changed["annotations without a category of the file are taken for faces"] += 1
            try:
                face = self._face(record, landmarks, images[image])
            except DataError as error:
                self._left_out.append(LeftOut(label, str(error)))
                continue
            same = (image, face.points.tobytes() + face.visibility.tobytes())
            if face.visibility.any() and same in seen:
                self._changed["faces that stand twice are taken once"] += 1
                continue
            seen.add(same)
            yield image, face

    def _face(self, record: Record, landmarks: tuple[str, ...], image: Record) -> Face:
        points, visibility, scores = self._points(record.get("keypoints"), len(landmarks))
        attributes = record.get("attributes")
        attributes = attributes if isinstance(attributes, Mapping) else {}
        told = attributes.get("absent")
        absent = np.array([name in told for name in landmarks]) if isinstance(told, list) else None
        track = next((record[key] for key in ("track_id", "instance_id") if key in record), attributes.get("track_id"))
        box = self._box(record.get("bbox"), image)
        predicted = attributes.get("source") == PREDICTED
        if box is None and visibility.any():
            self._changed["faces without a box that can be used get one around their labels"] += 1
        return Face(
            points,
            visibility,
            box,
            absent if absent is not None and absent.any() else None,
            predicted=predicted,
            scores=_scores(record, len(landmarks)) if predicted and scores is None else scores,
            subject=_text(track),
            extra={key: value for key, value in record.items() if key not in FACE_KEYS},
        )

    def _points(self, keypoints: Any, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Points (N, 2), visibility (N,), and confidences (N,) that stood in the place of the visibility."""
        if keypoints is None or keypoints == []:
            return np.zeros((count, 2)), np.zeros(count, dtype=np.int64), None
        if not isinstance(keypoints, list) or len(keypoints) not in (2 * count, 3 * count):
            found = len(keypoints) if isinstance(keypoints, list) else shown(keypoints)
            raise DataError(f"found {found} keypoint numbers, wanted {3 * count} (x, y, v of {count} landmarks)")
        each = len(keypoints) // count
        try:
            numbers = keypoints if set(map(type, keypoints)) <= {int, float} else map(_number, keypoints)
            table = np.array([*numbers], dtype=np.float64).reshape(count, each)
        except (TypeError, ValueError, OverflowError):
            raise DataError("keypoints hold something that is not a number") from None
        points = table[:, :2].copy()
        scores = None
        if each == 2:
            visibility = np.where(np.any(points != 0, axis=1), 2.0, 0.0)
            self._changed["faces without visibility: points at (0, 0) are not labeled, others visible"] += 1
        else:
            visibility = table[:, 2]
            said = [isinstance(value, bool) for value in keypoints[2::3]]
            visibility = np.where(said, 2 * visibility, visibility)
            if np.any((visibility > 0) & (visibility < 1)):
                scores, visibility = visibility, np.where(visibility > 0, 2.0, 0.0)
                self._changed["faces with confidences instead of visibility: points above 0 are visible"] += 1
            elif np.any(visibility > 2):
                self._changed["points with a visibility above 2 are read as visible"] += int((visibility > 2).sum())
                visibility = np.minimum(visibility, 2)
        nowhere = (visibility > 0) & ~np.isfinite(points).all(axis=1)
        if nowhere.any():
            self._changed["points without a place are not labeled"] += int(nowhere.sum())
            visibility = np.where(nowhere, 0, visibility)
        if not np.isin(visibility, (0, 1, 2)).all():
            wrong = visibility[~np.isin(visibility, (0, 1, 2))][0]
            raise DataError(f"found the visibility {wrong:g}, wanted 0, 1 or 2")
        far = (visibility > 0) & ~(np.abs(points) <= FARTHEST).all(axis=1)
        if far.any():
            self._changed[f"points that are not {PLACE} are not labeled"] += int(far.sum())
            visibility = np.where(far, 0, visibility)
        points[visibility == 0] = 0
        return points, visibility.astype(np.int64), scores

    def _box(self, bbox: Any, image: Record) -> Box | None:
        if not isinstance(bbox, list) or len(bbox) != 4:
            if bbox not in (None, []):
                self._changed["boxes that are no x, y, width, height are not used"] += 1
            return None
        try:
            x, y, w, h = map(_number, bbox)
        except (TypeError, ValueError, OverflowError):
            self._changed["boxes that are no x, y, width, height are not used"] += 1
            return None
        if w == h == 0:
            return None  # how some tools say that there is none
        if w < 0 or h < 0:
            self._changed["boxes with a negative width or height are turned round"] += 1
        box = Box(min(x, x + w), min(y, y + h), abs(w), abs(h))
        size = [_whole(image.get(key)) for key in ("width", "height")]
        far = all(size) and max(box.w, box.h, abs(box.x), abs(box.y)) > LARGEST_BOX * max(map(int, filter(None, size)))
        if not all(map(math.isfinite, (x, y, w, h))) or box_problem(box) or far:
            self._changed["boxes that cannot be the box of a face are not used"] += 1
            return None
        return box


def _is_face(name: Any) -> bool:
    return isinstance(name, str) and name.strip().lower() == CLASS


def _pairs(found: Any) -> list[tuple[int, int]]:
    """The pairs of whole numbers in `found`."""
    if not isinstance(found, list):
        return []
    whole = (pair for pair in found if isinstance(pair, list) and len(pair) == 2 and all(type(k) is int for k in pair))
    return [(a, b) for a, b in whole]


def _key(value: Any) -> int | str | None:
    """An id as other records refer to it: 7, 7.0 and "7" are one; None if it is none."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, float):
        return int(value) if math.isfinite(value) and value == int(value) else None
    if isinstance(value, str):
        text = value.strip()
        return int(text) if text.isdecimal() and len(text) < 20 else text
    return value if isinstance(value, int) else None


def _label(what: str, record: Any, position: int) -> str:
    known = isinstance(record, Mapping) and record.get("id") is not None
    return f"{what} {shown(record['id'])}" if known else f"{what} number {position} (it has no id)"


def _name(record: Record) -> str | None:
    """The name of an image: its file_name, else what its path or address ends in."""
    name = record.get("file_name")
    if isinstance(name, str) and not path_problem(name) and base_name(name):
        return name
    others = (record.get(key) for key in ("path", "coco_url", "flickr_url"))
    return next(
        (
            base_name(other)
            for other in others
            if isinstance(other, str) and not path_problem(other) and base_name(other)
        ),
        None,
    )


def _number(value: Any) -> float:
    """A number, also one that is written as text. Raises ValueError or TypeError."""
    if value is None:
        return math.nan
    return float(value)


def _whole(value: Any) -> int | None:
    try:
        number = _number(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return int(number) if 1 <= number <= 1_000_000 and number == int(number) else None


def _scores(record: Record, count: int) -> np.ndarray | None:
    """The score of a predicted face as that of each of its points (N,), from 0 to 1; None if it has none."""
    try:
        score = _number(record.get("score"))
    except (TypeError, ValueError, OverflowError):
        return None
    return np.full(count, min(max(score, 0.0), 1.0)) if math.isfinite(score) else None


def _text(value: Any) -> str | None:
    """A name; None if it is none. Names of other tools may be whole numbers."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = str(value)
    return None if not text or text_problem(text) else text


def write(labels: LabelSet, out: Path, pictures: Pictures) -> list[Loss]:
    """Write annotations/person_keypoints_SPLIT.json and images/SPLIT/NAME, as COCO, CVAT and Datumaro lay them out.

    Faces that a model labeled are results, in results/person_keypoints_SPLIT_results.json: a list that pycocotools
    loads with `loadRes` for the annotations of that split. Their score is the mean of those of their points, or 1.

    Beyond what COCO defines, the category has `flip_pairs` and, if groups are known, what `Definition.to_category`
    writes; images have `split` and `group`, faces `track_id`, `score` and `attributes`. What `extra` holds comes back.
    """
    by_split: dict[str, list[Image]] = {}
    places = Places()
    for image in labels.images:
        # It becomes a part of names of files.
        split = image.split if image.split and re.fullmatch(r"[\w-]{1,50}", image.split) else "train"
        by_split.setdefault(split, []).append(replace(image, name=str(places.of(image))))
    face_ids = itertools.count(1)
    image_ids = itertools.count(1)
    for split, images in by_split.items():
        ids = [next(image_ids) for _ in images]
        record = {
            "info": {},
            "licenses": [],
            **labels.extra,
            "images": [_image_record(image, key) for image, key in zip(images, ids, strict=True)],
            "annotations": [
                _face_record(face, next(face_ids), key, labels.landmarks)
                for image, key in zip(images, ids, strict=True)
                for face in image.faces
                if not face.predicted
            ],
            "categories": [_category_record(labels)],
        }
        record["info"] = {key: value for key, value in (record["info"] or {}).items() if key != "image_folder"}
        file = out / ANNOTATIONS / f"person_keypoints_{split}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        write_json(file, record, indent=None, for_others=True)
        results = [
            result_of(key, _keypoints(face), _score(face))
            for image, key in zip(images, ids, strict=True)
            for face in image.faces
            if face.predicted
        ]
        if results:
            file = out / RESULTS / f"person_keypoints_{split}_results.json"
            file.parent.mkdir(parents=True, exist_ok=True)
            write_json(file, results, indent=None, for_others=True)
        for image in images:
            place_picture(image, out / "images" / split / image.name, pictures)
    return []


def _category_record(labels: LabelSet) -> dict[str, Any]:
    if labels.definition is not None:
        return {**labels.definition.to_category(), "name": CLASS}
    pairs = [] if labels.mirror is None else [[k, m] for k, m in enumerate(labels.mirror) if k < m]
    return {
        "id": 1,
        "name": CLASS,
        "supercategory": CLASS,
        "keypoints": list(labels.landmarks),
        "skeleton": [[a + 1, b + 1] for a, b in labels.edges],
        **({"flip_pairs": pairs} if pairs else {}),
    }


def _image_record(image: Image, key: int) -> dict[str, Any]:
    width, height = image.size or size_of(image.path)
    told = {"split": image.split, "group": image.subject}
    return {
        **image.extra,
        "id": key,
        "file_name": image.name,
        "width": width,
        "height": height,
        **{name: value for name, value in told.items() if value is not None},
    }


def _face_record(face: Face, key: int, image: int, landmarks: tuple[str, ...]) -> dict[str, Any]:
    labeled = face.visibility > 0
    box = face.box or (box_of_points(face.points[labeled]) if labeled.any() else None)
    sides = (1.0, 1.0) if box is None else (box.w, box.h)
    attributes = dict(face.extra.get("attributes") or {})
    if face.absent is not None and face.absent.any():
        attributes["absent"] = [name for name, absent in zip(landmarks, face.absent, strict=True) if absent]
    return {
        "segmentation": [],
        **face.extra,
        **({"attributes": attributes} if attributes else {}),
        **({"track_id": face.subject} if face.subject is not None else {}),
        **({"score": _score(face)} if face.scores is not None and labeled.any() else {}),
        "id": key,
        "image_id": image,
        "category_id": 1,
        "keypoints": _keypoints(face),
        "num_keypoints": int(labeled.sum()),
        "bbox": [0, 0, 0, 0] if box is None else [box.x, box.y, box.w, box.h],
        # COCO's metric divides by the area, which must not be 0.
        "area": max(sides[0] * sides[1], 1.0),
        "iscrowd": 0,
    }


def _keypoints(face: Face) -> list[float]:
    return [
        number
        for (x, y), v in zip(face.points.tolist(), face.visibility.tolist(), strict=True)
        for number in ((x, y, v) if v else (0, 0, 0))
    ]


def _score(face: Face) -> float:
    labeled = face.visibility > 0
    return float(np.mean(face.scores[labeled])) if face.scores is not None and labeled.any() else 1.0


FORMAT = Format("coco", "COCO keypoints", detect, read, write, keeps_predictions=True, keeps_extra=True)
