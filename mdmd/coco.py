"""COCO-keypoint JSON, both directions. What consumers insist on stands in `to_coco`'s docstring."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from mdmd.records import Annotation, Box, DataError, Dataset, Definition, Sample, box_of_points

#: Stands in `attributes.source` of an annotation that a model made and nobody has looked at.
PREDICTED = "predicted"


def read_coco(path: Path, *, name: str | None = None) -> Dataset:
    """A COCO-keypoint file with one category as a Dataset; raises DataError that names the record.

    Pictures are looked for beside the file, then in `images/` beside it, then in the folder that
    `info.image_folder` names relative to it. `name` defaults to the folder's name for a file called
    annotations.json, else to the file's stem.
    """
    try:
        coco = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"no such file: {path}") from None
    except IsADirectoryError:
        raise DataError(f"{path} is a folder; name the COCO JSON file in it (annotations.json?)") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataError(f"{path} is not readable as JSON: {error}") from None
    if name is None:
        name = path.resolve().parent.name if path.name == "annotations.json" else path.stem
    return from_coco(coco, folder=path.parent, name=name, where=path.name)


def from_coco(coco: Mapping[str, Any], *, folder: Path, name: str, where: str = "COCO") -> Dataset:
    """The Dataset of a parsed COCO-keypoint file whose pictures lie under `folder` (see `read_coco`)."""
    if not isinstance(coco, Mapping):
        raise DataError(f"{where}: found a JSON {type(coco).__name__}, wanted an object with images and annotations")
    for key in ("images", "annotations", "categories"):
        if not isinstance(coco.get(key), list):
            raise DataError(f"{where}: no list '{key}'; a COCO-keypoint file has images, annotations and categories")
    if len(coco["categories"]) != 1:
        raise DataError(f"{where}: found {len(coco['categories'])} categories, wanted exactly one")
    definition = Definition.from_category(coco["categories"][0], where=f"{where}, category")
    n = len(definition.landmarks)
    image_folder = (coco.get("info") or {}).get("image_folder")

    images: dict[Any, Mapping[str, Any]] = {}
    paths: dict[Any, Path] = {}
    for record in coco["images"]:
        label = f"{where}, image {record.get('id')!r}"
        for key in ("id", "file_name", "width", "height"):
            if key not in record:
                raise DataError(f"{label}: no '{key}'")
        if record["id"] in images:
            raise DataError(f"{label}: the id stands twice")
        images[record["id"]] = record
        paths[record["id"]] = _picture(folder, str(record["file_name"]), image_folder, label)

    samples = []
    for record in coco["annotations"]:
        label = f"{where}, annotation {record.get('id')!r}"
        image = images.get(record.get("image_id"))
        if image is None:
            raise DataError(f"{label}: image {record.get('image_id')!r} is not in the file")
        if (record.get("attributes") or {}).get("source") == PREDICTED:
            raise DataError(f"{label}: this is a model's prediction, not a label; review it before using it as one")
        annotation = _annotation(record.get("keypoints"), n, label)
        samples.append(
            Sample(
                path=paths[image["id"]],
                file_name=str(image["file_name"]),
                width=int(image["width"]),
                height=int(image["height"]),
                box=_box(record.get("bbox"), annotation, image, label),
                annotation=annotation,
                split=str(image.get("split", "train")),
                group=str(image.get("group", image["file_name"])),
                image_id=int(image["id"]),
                face_id=int(record.get("id", 0)),
                extra={k: image[k] for k in ("style", "subset") if k in image},
            )
        )
    return Dataset(name, definition, tuple(samples))


def _picture(folder: Path, file_name: str, image_folder: str | None, label: str) -> Path:
    relative = PurePosixPath(file_name)
    if relative.is_absolute() or ".." in relative.parts:
        raise DataError(f"{label}: file_name {file_name!r} must be relative and without '..'")
    places = [folder, folder / "images"] + ([folder / image_folder] if image_folder else [])
    return next((p / relative for p in places if (p / relative).is_file()), places[-1] / relative)


def _annotation(keypoints: Any, n: int, label: str) -> Annotation | None:
    if keypoints is None:
        return None
    if not isinstance(keypoints, list) or len(keypoints) != 3 * n:
        found = len(keypoints) if isinstance(keypoints, list) else repr(keypoints)
        raise DataError(f"{label}: found {found} keypoint numbers, wanted {3 * n} (x, y, v of {n} landmarks)")
    try:
        table = np.asarray(keypoints, dtype=np.float64).reshape(n, 3)
    except (TypeError, ValueError):
        raise DataError(f"{label}: keypoints hold something that is not a number") from None
    if not np.isfinite(table).all():
        raise DataError(f"{label}: keypoints hold a number that is not finite")
    bad = np.flatnonzero(~np.isin(table[:, 2], (0, 1, 2)))
    if len(bad):
        raise DataError(f"{label}: landmark {bad[0]} has visibility {table[bad[0], 2]:g}, wanted 0, 1 or 2")
    return Annotation(table[:, :2].copy(), table[:, 2].astype(np.int64)) if table[:, 2].any() else None


def _box(bbox: Any, annotation: Annotation | None, image: Mapping[str, Any], label: str) -> Box:
    if bbox is not None:
        try:
            x, y, w, h = (float(v) for v in bbox)
        except (TypeError, ValueError):
            raise DataError(f"{label}: bbox {bbox!r} is not x, y, width, height") from None
        if not all(map(math.isfinite, (x, y, w, h))) or w <= 0 or h <= 0:
            raise DataError(f"{label}: bbox {bbox!r} must be finite with width and height above 0")
        return Box(x, y, w, h)
    if annotation is not None and annotation.labeled.sum() > 1:
        return box_of_points(annotation.points[annotation.labeled])
    return Box(0.0, 0.0, float(image["width"]), float(image["height"]))


def to_coco(
    samples: Iterable[Sample],
    definition: Definition,
    *,
    info: Mapping[str, Any] | None = None,
    attributes: Mapping[int, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """COCO-keypoint JSON of `samples`, as its consumers insist on it.

    One category with id 1; ids from 1 (pycocotools takes annotation id 0 for unmatched); `iscrowd` 0,
    `area` and box sides above 0, `segmentation` [], `num_keypoints` always present; an unlabeled point is
    0, 0, 0; skeleton counted from 1. What COCO does not know stands under keys of its own: `split`,
    `group` of an image, `flsg`, `flip_pairs`, `normalizer`, `landmark_ids` of the category, and
    `attributes` of an annotation (`attributes[face_id]`). A face without annotation has all points 0.
    """
    images: dict[str, dict[str, Any]] = {}
    annotations = []
    n = len(definition.landmarks)
    for sample in samples:
        image = images.setdefault(
            sample.file_name,
            {
                "id": len(images) + 1,
                "file_name": sample.file_name,
                "width": sample.width,
                "height": sample.height,
                "split": sample.split,
                "group": sample.group,
                **sample.extra,
            },
        )
        table = np.zeros((n, 3))
        if sample.annotation is not None:
            shown = sample.annotation.labeled
            table[shown, :2] = sample.annotation.points[shown]
            table[:, 2] = sample.annotation.visibility
        box = sample.box
        record: dict[str, Any] = {
            "id": len(annotations) + 1,
            "image_id": image["id"],
            "category_id": 1,
            "keypoints": [round(float(v), 3) if k % 3 < 2 else int(v) for k, v in enumerate(table.ravel())],
            "num_keypoints": int((table[:, 2] > 0).sum()),
            "bbox": [round(float(v), 3) for v in (box.x, box.y, box.w, box.h)],
            "area": round(float(box.w * box.h), 3),
            "segmentation": [],
            "iscrowd": 0,
        }
        if attributes and sample.face_id in attributes:
            record["attributes"] = dict(attributes[sample.face_id])
        annotations.append(record)
    return {
        "info": dict(info or {}),
        "licenses": [],
        "images": list(images.values()),
        "annotations": annotations,
        "categories": [definition.to_category()],
    }
