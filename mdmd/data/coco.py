"""Read and write COCO-keypoint JSON. The docstring of `to_coco` lists what its consumers require."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np

from mdmd.data.boxes import box_of_points
from mdmd.data.definition import LARGEST_ID, Definition
from mdmd.data.places import FARTHEST, PLACE, box_problem, is_place
from mdmd.data.records import Annotation, Box, Dataset, Sample
from mdmd.data.text import cleaned, path_problem, shown, text_problem
from mdmd.errors import DataError
from mdmd.files import LARGEST_SET, read_json, write_json

#: The largest box that is accepted, in sizes of its image.
LARGEST_BOX = 100
#: The key of what an image was called where it comes from, such as its path below a folder. It is never opened.
ORIGINAL_NAME = "original_name"
#: The most letters of a set's licenses that are kept.
LONGEST_LICENSE = 500
#: `attributes.source` of an annotation that a model predicted and no person has reviewed.
PREDICTED = "predicted"


def read_coco(path: Path, *, name: str | None = None) -> Dataset:
    """Read a COCO-keypoint file with one category.

    Images are searched beside the file, then in `images/` beside it, then in the folder that `info.image_folder` names
    relative to it. `name` defaults to `default_name(path)`. Raises DataError, which names the record.
    """
    return from_coco(read_coco_json(path), folder=path.parent, name=name or default_name(path), where=path.name)


def read_coco_json(path: Path) -> Any:
    """The JSON of a COCO file, its numbers not checked yet. Raises DataError."""
    if path.is_dir():
        raise DataError(f"{path} is a folder; name the COCO JSON file in it (annotations.json?)")
    return read_json(path, most=LARGEST_SET, constants=True)


def default_name(path: Path) -> str:
    """The name of a dataset read from `path`: the folder's name for an annotations.json or a folder, else the stem."""
    folder = path.parent if path.name == "annotations.json" else path
    return folder.resolve().name if folder is not path or path.is_dir() else path.stem


def write_coco(dataset: Dataset, path: Path) -> Path:
    """Write `dataset` to the file `path`, from which `read_coco` gets it back; returns `path`. No picture is copied.

    Face and image ids are kept where they can be (see `to_coco`). `info.image_folder` leads to the pictures, so they
    must lie in one folder under their file names. Raises DataError where they do not, and where another picture of the
    same name lies beside the file and would be read in its place.
    """
    folders = sorted({_folder_of(sample) for sample in dataset.samples})
    if len(folders) > 1:
        raise DataError(
            f"pictures of {dataset.name} lie in {folders[0]} and in {folders[1]}, wanted one folder for all"
        )
    folder = folders[0] if folders else path.parent.resolve()
    image_folder = Path(os.path.relpath(folder, path.parent.resolve())).as_posix()
    coco = to_coco(dataset.samples, dataset.definition, info={"image_folder": image_folder})
    for sample in dataset.samples:
        found = _picture(path.parent, sample.file_name, image_folder, _face_label(sample))
        if found.resolve() != sample.path.resolve():
            raise DataError(f"{found} would be read in place of {sample.path}; write the file to another folder")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, coco, indent=None, for_others=True)
    return path


def _folder_of(sample: Sample) -> Path:
    """The folder under which the picture of `sample` has its file name."""
    check_file_name(sample.file_name, _face_label(sample))
    path, parts = sample.path.absolute(), Path(sample.file_name).parts
    if path.parts[-len(parts) :] != parts:
        raise DataError(f"{_face_label(sample)}: the picture {sample.path} does not end in its file name")
    return path.parents[len(parts) - 1].resolve()


def from_coco(
    coco: Mapping[str, Any], *, folder: Path, name: str, where: str = "COCO", farthest: float = FARTHEST
) -> Dataset:
    """The Dataset of a parsed COCO-keypoint file whose images are under `folder` (see `read_coco`).

    A label farther than `farthest` pixels from the corner of its image is refused.
    """
    if not isinstance(coco, Mapping):
        raise DataError(f"{where}: found a JSON {type(coco).__name__}, wanted an object with images and annotations")
    for key in ("images", "annotations", "categories"):
        if not isinstance(coco.get(key), list):
            raise DataError(f"{where}: no list '{key}'; a COCO-keypoint file has images, annotations and categories")
    if len(coco["categories"]) != 1:
        raise DataError(f"{where}: found {len(coco['categories'])} categories, wanted exactly one")
    definition = Definition.from_category(coco["categories"][0], where=f"{where}, category")
    n = len(definition.landmarks)
    info = coco.get("info")
    image_folder = info.get("image_folder") if isinstance(info, Mapping) else None
    problem = None if image_folder is None else path_problem(image_folder)
    if problem:
        raise DataError(f"{where}, info: image_folder {problem}")

    images: dict[float, Mapping[str, Any]] = {}
    paths: dict[float, Path] = {}
    for position, record in enumerate(coco["images"]):
        label = _record_label(record, f"{where}, image", position)
        for key in ("id", "file_name", "width", "height"):
            if key not in record:
                raise DataError(f"{label}: no '{key}'")
        for key, least, most in (("id", 0, LARGEST_ID), ("width", 1, FARTHEST), ("height", 1, FARTHEST)):
            _check_whole(record[key], key, label, least=least, most=most)
        if record["id"] in images:
            raise DataError(f"{label}: the id stands twice")
        for key in ("split", "group"):
            _check_name(record.get(key), key, label)
        images[record["id"]] = record
        paths[record["id"]] = _picture(folder, record["file_name"], image_folder, label)

    samples = []
    face_ids: set[int] = set()
    for position, record in enumerate(coco["annotations"]):
        label = _record_label(record, f"{where}, annotation", position)
        if "id" in record:
            _check_whole(record["id"], "id", label)
            if record["id"] in face_ids:
                raise DataError(f"{label}: the id stands twice")
            face_ids.add(record["id"])
        image_id = record.get("image_id")
        image = images.get(image_id) if isinstance(image_id, int | float) else None
        if image is None:
            raise DataError(f"{label}: image {shown(image_id)} is not in the file")
        _check_name(record.get("split"), "split", label)
        attributes = record.get("attributes")
        if isinstance(attributes, Mapping) and attributes.get("source") == PREDICTED:
            raise DataError(f"{label}: this is a model's prediction, not a label; review it before using it as one")
        annotation = _annotation(record.get("keypoints"), n, label, farthest)
        samples.append(
            Sample(
                path=paths[image["id"]],
                file_name=image["file_name"],
                width=int(image["width"]),
                height=int(image["height"]),
                box=_box(record.get("bbox"), annotation, image, label),
                annotation=annotation,
                split=_named(record.get("split"), image.get("split"), "train"),
                group=_named(image.get("group"), image["file_name"]),
                image_id=int(image["id"]),
                face_id=int(record.get("id", 0)),
                unseen=record.get("unseen") is True,
                extra=_extra(image, record, label),
            )
        )
    return Dataset(name, definition, tuple(samples), _license(coco))


def _license(coco: Mapping[str, Any]) -> str | None:
    """The names of the licenses in a COCO file, or their addresses; None if it has none."""
    given = coco.get("licenses")
    records = [record for record in given if isinstance(record, Mapping)] if isinstance(given, list) else []
    told = [record.get("name") or record.get("url") for record in records]
    words = dict.fromkeys(cleaned(text).strip() for text in told if isinstance(text, str))
    return "; ".join(filter(None, words))[:LONGEST_LICENSE] or None


def _named(*names: Any) -> str:
    """The first of `names` that is not None, as a string."""
    return str(next(name for name in names if name is not None))


def _record_label(record: Any, what: str, position: int) -> str:
    """How an error names a record: by its id, or by its position (from 0) if it has no id."""
    if not isinstance(record, Mapping):
        raise DataError(f"{what} number {position}: found a JSON {type(record).__name__}, wanted an object")
    return f"{what} {shown(record['id'])}" if "id" in record else f"{what} number {position} (it has no id)"


def _check_whole(value: Any, key: str, label: str, *, least: int = 0, most: float = LARGEST_ID) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not least <= value <= most or value != int(value):
        high = f" and at most {most:,.0f}" if number and value > most else ""
        raise DataError(f"{label}: {key} is {shown(value)}, wanted a whole number of at least {least}{high}")


def _check_name(value: Any, key: str, label: str) -> None:
    """Raise DataError if `value` is neither None nor a name; names of other tools may be whole numbers."""
    problem = None if value is None or isinstance(value, int) else text_problem(value)
    if problem:
        raise DataError(f"{label}: {key} {problem}")


def _picture(folder: Path, file_name: Any, image_folder: str | None, label: str) -> Path:
    check_file_name(file_name, label)
    places = [folder, folder / "images"] + ([folder / image_folder] if image_folder else [])
    return next((p / file_name for p in places if (p / file_name).is_file()), places[-1] / file_name)


def check_file_name(file_name: Any, label: str) -> None:
    """Raise DataError, beginning with `label`, if `file_name` cannot be the name of an image in a COCO file."""
    # PureWindowsPath understands both kinds of slashes and drive letters, so the check is the same on every system.
    problem = path_problem(file_name)
    if problem:
        raise DataError(f"{label}: file_name {problem}")
    relative = PureWindowsPath(file_name)
    if not relative.parts or relative.anchor or ".." in relative.parts:
        raise DataError(f"{label}: file_name {shown(file_name)} must be a path that is relative and without '..'")


def _extra(image: Mapping[str, Any], record: Mapping[str, Any], label: str) -> dict[str, Any]:
    """Further facts kept with the face: `style`, `subset` and `original_name` of its image, `subsets` of its own."""
    extra: dict[str, Any] = {key: image[key] for key in ("style", "subset", ORIGINAL_NAME) if key in image}
    for key, name in extra.items():
        _check_name(name, key, label)
    subsets = record.get("subsets")
    if subsets is not None:
        if not isinstance(subsets, list):
            raise DataError(f"{label}: subsets is {shown(subsets)}, wanted a list of names")
        for name in subsets:
            if problem := text_problem(name):
                raise DataError(f"{label}: one of subsets {problem}")
        extra["subsets"] = subsets
    return extra


def _annotation(keypoints: Any, n: int, label: str, farthest: float) -> Annotation | None:
    if keypoints is None:
        return None
    if not isinstance(keypoints, list) or len(keypoints) != 3 * n:
        found = len(keypoints) if isinstance(keypoints, list) else shown(keypoints)
        raise DataError(f"{label}: found {found} keypoint numbers, wanted {3 * n} (x, y, v of {n} landmarks)")
    unlabeled = [v == 0 for v in keypoints[2::3] for _ in "xyv"]
    if not all(
        isinstance(k, int | float) or (k is None and free) for k, free in zip(keypoints, unlabeled, strict=True)
    ):
        raise DataError(f"{label}: keypoints hold something that is not a number")
    try:
        table = np.asarray(keypoints, dtype=np.float64).reshape(n, 3)
    except OverflowError:
        raise DataError(f"{label}: keypoints hold a number that is too large for any picture") from None
    bad = np.flatnonzero(~np.isin(table[:, 2], (0, 1, 2)))
    if len(bad):
        raise DataError(f"{label}: landmark {bad[0]} has visibility {table[bad[0], 2]:g}, wanted 0, 1 or 2")
    table[table[:, 2] == 0] = 0  # coordinates of an unlabeled point have no meaning
    if not is_place(table, farthest=farthest):
        [k, *_] = (k for k, place in enumerate(table) if not is_place(place, farthest=farthest))
        raise DataError(f"{label}: landmark {k} is at ({table[k, 0]:g}, {table[k, 1]:g}), wanted {PLACE}")
    return Annotation(table[:, :2].copy(), table[:, 2].astype(np.int64)) if table[:, 2].any() else None


def _box(bbox: Any, annotation: Annotation | None, image: Mapping[str, Any], label: str) -> Box:
    if bbox is not None:
        try:
            x, y, w, h = (float(v) for v in (bbox if not isinstance(bbox, str) else ()))
        except (TypeError, ValueError, OverflowError):
            raise DataError(f"{label}: bbox {shown(bbox)} is not x, y, width, height") from None
        if problem := box_problem(Box(x, y, w, h)):
            raise DataError(f"{label}: bbox {shown(bbox)} {problem}")
        if max(w, h, abs(x), abs(y)) > LARGEST_BOX * max(image["width"], image["height"]):
            raise DataError(
                f"{label}: bbox {bbox!r} is more than {LARGEST_BOX} times as large as its picture of "
                f"{image['width']} x {image['height']} pixels"
            )
        return Box(x, y, w, h)
    if annotation is not None:
        tight = box_of_points(annotation.points[annotation.labeled])
        if box_problem(tight) is None:
            return tight
    return Box(0.0, 0.0, float(image["width"]), float(image["height"]))


def to_coco(
    samples: Iterable[Sample],
    definition: Definition,
    *,
    info: Mapping[str, Any] | None = None,
    attributes: Mapping[int, Mapping[str, Any]] | None = None,
    extras: Mapping[int, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """COCO-keypoint JSON of `samples`, in the form that COCO tools require.

    - One category, with id 1. Ids start at 1, because pycocotools treats annotation id 0 as unmatched.
    - `iscrowd` is 0, `area` and the sides of boxes are above 0, `num_keypoints` is always there, and `segmentation` is
      [] if `extras` have none.
    - An unlabeled point is 0, 0, 0. `skeleton` counts from 1. Coordinates are not rounded, so a round trip is exact.
    - Extra keys hold what COCO has no place for: `split`, `group` and `original_name` of an image; `flsg`,
      `flip_pairs`, `normalizer` and `landmark_ids` of the category; `attributes` (from `attributes[face_id]`),
      `subsets`, `split` (if it differs from the image's) and `unseen` (true if labels were accepted without review) of
      an annotation. Further keys of an image are from the `extra` of its first sample, and those of an annotation from
      `extras[face_id]`; where this function writes a key, its own value stands. `attributes` are put together.
    - A face without an annotation has only zeros as points.

    The samples keep their ids (annotation id = `face_id`, image id = `image_id`) if `ids_are_sound`; otherwise both are
    numbered from 1 in order. Raises DataError for what `read_coco` would refuse.
    """
    samples = list(samples)
    keeps_ids = ids_are_sound(samples)
    images: dict[str, dict[str, Any]] = {}
    annotations = []
    for sample in samples:
        check_file_name(sample.file_name, _face_label(sample))
        own = {
            "id": sample.image_id if keeps_ids else len(images) + 1,
            "file_name": sample.file_name,
            "width": sample.width,
            "height": sample.height,
            "split": sample.split,
            "group": sample.group,
        }
        further = {key: value for key, value in sample.extra.items() if key not in own and key != "subsets"}
        image = images.setdefault(sample.file_name, {**own, **further})
        keypoints = _keypoints(sample, definition)
        box = [float(side) for side in (sample.box.x, sample.box.y, sample.box.w, sample.box.h)]
        if problem := box_problem(sample.box):
            raise DataError(f"{_face_label(sample)}: box {box} {problem}")
        record: dict[str, Any] = {
            "id": sample.face_id if keeps_ids else len(annotations) + 1,
            "image_id": image["id"],
            "category_id": 1,
            "keypoints": keypoints,
            "num_keypoints": sum(v > 0 for v in keypoints[2::3]),
            "bbox": box,
            "area": box[2] * box[3],
            "segmentation": [],
            "iscrowd": 0,
        }
        if sample.split != image["split"]:
            record["split"] = sample.split
        if "subsets" in sample.extra:
            record["subsets"] = list(sample.extra["subsets"])
        if sample.unseen:
            record["unseen"] = True
        if attributes and sample.face_id in attributes:
            record["attributes"] = dict(attributes[sample.face_id])
        extra = extras.get(sample.face_id, {}) if extras else {}
        for key, value in extra.items():
            record.setdefault(key, value)
        if "segmentation" in extra:
            record["segmentation"] = extra["segmentation"]
        if isinstance(extra.get("attributes"), Mapping):
            record["attributes"] = {**extra["attributes"], **record["attributes"]}
        annotations.append(record)
    return {
        "info": dict(info or {}),
        "licenses": [],
        "images": list(images.values()),
        "annotations": annotations,
        "categories": [definition.to_category()],
    }


def to_results(samples: Iterable[Sample], scores: Iterable[float], definition: Definition) -> list[dict[str, Any]]:
    """The predictions in `samples` as a list of COCO results, which `COCO.loadRes` of pycocotools takes.

    `scores` are those of the faces, higher is surer. The images have the ids of the samples, the category is the 1 of
    `to_coco`. A point that is not predicted is 0, 0, 0.
    """
    return [
        result_of(sample.image_id, _keypoints(sample, definition), score)
        for sample, score in zip(samples, scores, strict=True)
    ]


def result_of(image_id: int, keypoints: Sequence[float], score: float) -> dict[str, Any]:
    """One COCO result: a predicted face with its `score`. Source: https://cocodataset.org/#format-results."""
    return {"image_id": image_id, "category_id": 1, "keypoints": list(keypoints), "score": float(score)}


def ids_are_sound(samples: Sequence[Sample]) -> bool:
    """Whether `to_coco` can keep the ids of `samples`.

    All ids must be at least 1, face ids unique, and image ids and file names one to one.
    """
    pictures = {(s.file_name, s.image_id) for s in samples}
    return (
        all(s.face_id >= 1 and s.image_id >= 1 for s in samples)
        and len({s.face_id for s in samples}) == len(samples)
        and len({name for name, _ in pictures}) == len({i for _, i in pictures}) == len(pictures)
    )


def _keypoints(sample: Sample, definition: Definition) -> list[float | int]:
    """x, y, v of every landmark, flattened; 0, 0, 0 where it is not labeled."""
    n = len(definition.landmarks)
    if sample.annotation is None:
        return [0] * (3 * n)
    points, visibility = sample.annotation.points, sample.annotation.visibility
    if len(points) != n:
        raise DataError(f"{_face_label(sample)}: found {len(points)} points, wanted the {n} of {definition.name!r}")
    rows = [(x, y, v) if v > 0 else (0, 0, 0) for (x, y), v in zip(points.tolist(), visibility.tolist(), strict=True)]
    if not is_place(points[visibility > 0]):
        name, (x, y, _) = next(one for one in zip(definition.landmarks, rows, strict=True) if not is_place(one[1]))
        raise DataError(f"{_face_label(sample)}: {name!r} is labeled at ({x}, {y}), wanted {PLACE}")
    return [number for row in rows for number in row]


def _face_label(sample: Sample) -> str:
    return f"{sample.file_name}, face {sample.face_id}"
