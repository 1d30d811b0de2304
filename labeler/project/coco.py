"""Convert a project's labels to `Sample`s, and write and read COCO-keypoint files."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from labeler.analysis.agreement import Noise
from labeler.guidance.progress import is_reviewed
from labeler.project.extras import Told
from labeler.project.outgoing import Predicted
from labeler.storage.records import ACCEPTED_REST, UNSEEN, Face, Picture, Point, annotation_of
from labeler.storage.store import Store
from mdmd.data.boxes import boxed_by_labels, is_whole_picture
from mdmd.data.coco import ORIGINAL_NAME, to_coco, to_results
from mdmd.data.definition import Definition
from mdmd.data.records import Box, Dataset, Sample
from mdmd.errors import DataError
from mdmd.files import write_json

#: Labels by face and landmark id.
Labels = Mapping[int, Mapping[int, Point]]


def samples_of(
    store: Store, images: Path, definition: Definition, faces: Collection[int], labels: Labels | None = None
) -> tuple[Sample, ...]:
    """The faces with these ids as samples with pictures in `images`; only landmarks of `definition` are included.

    `labels` are those of all faces, where they have been read.
    """
    pictures = {picture.id: picture for picture in store.images()}
    points = store.points() if labels is None else labels
    return tuple(
        _sample(images, pictures[face.image_id], face, points.get(face.id, {}), definition)
        for face in store.faces()
        if face.id in faces
    )


def _sample(images: Path, picture: Picture, face: Face, points: Mapping[int, Point], definition: Definition) -> Sample:
    labels = annotation_of(points, definition.ids)
    return Sample(
        path=images / picture.file_name,
        file_name=picture.file_name,
        width=picture.width,
        height=picture.height,
        box=face.box,
        annotation=labels if labels.visibility.any() else None,
        split=picture.split,
        group=picture.subject,
        image_id=picture.id,
        face_id=face.id,
        extra={} if picture.name == picture.file_name else {ORIGINAL_NAME: picture.name},
        unseen=any(not is_reviewed(points[key]) for key in definition.ids if key in points and points[key].v > 0),
    )


def write_coco(
    out: Path,
    dataset: Dataset,
    *,
    images: Path,
    attributes: Mapping[int, Mapping[str, Any]] | None = None,
    noise: Noise | None = None,
    predicted: Sequence[Predicted] = (),
    told: Told | None = None,
) -> dict[str, Any]:
    """Write `dataset` to `out` atomically and return the COCO record. Raises DataError if `out` cannot be written.

    What is `predicted` goes into `predictions_file(out)`, as COCO results; its images are in the record, so that
    pycocotools finds them.

    Annotation ids are face ids, and image ids are picture ids. `info.image_folder` is the relative path from the file
    to `images`, so that `out` can be anywhere. If `noise` contains sigmas, the category gets them as `sigmas`, and
    `info.sigmas` explains how they were measured. `attributes` are the annotations' attributes by face id.
    What imported files have `told` beyond labels is given back by its own keys.
    """
    if out.is_dir():
        raise DataError(f"{out} is a folder; name a file in it, such as {out / 'annotations.json'}")
    definition = dataset.definition
    info = {
        "description": f"{definition.name}: {len(definition.landmarks)} facial landmarks",
        "project": dataset.name,
        "definition_version": definition.version,
        "date_created": date.today().isoformat(),
        "image_folder": Path(os.path.relpath(images.resolve(), out.resolve().parent)).as_posix(),
    }
    sigmas = noise.sigmas if noise else None
    if noise and sigmas:
        info["sigmas"] = (
            f"measured on {noise.faces} faces that one person labeled twice, the second time blind: standard deviation "
            "of one labeling over the square root of the area"
        )
    told = told or Told()
    samples, proposed = (
        [replace(sample, extra={**told.of_images.get(sample.image_id, {}), **sample.extra}) for sample in found]
        for found in (dataset.samples, (one.sample for one in predicted))
    )
    coco = to_coco(samples, definition, info=told.info(info), attributes=attributes, extras=told.of_faces)
    known = {image["id"] for image in coco["images"]}
    coco["images"] += [image for image in to_coco(proposed, definition)["images"] if image["id"] not in known]
    coco = {**told.of_set, **coco, "licenses": told.of_set.get("licenses", [])}
    if sigmas:
        coco["categories"][0]["sigmas"] = sigmas
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_json(out, coco, indent=None, for_others=True)
        if predicted:
            results = to_results(proposed, (one.score for one in predicted), definition)
            write_json(predictions_file(out), results, indent=None, for_others=True)
    except OSError as error:
        raise DataError(f"cannot write {out}: {error.strerror}") from None
    return coco


def predictions_file(out: Path) -> Path:
    """Where the predictions beside the labels in the file `out` are written."""
    return out.with_name(f"{out.stem}.predictions.json")


def provenance(store: Store, dataset: Dataset, labels: Labels | None = None) -> dict[int, dict[str, Any]]:
    """The attributes of each face: annotators, number of points by source, and covariances of accepted predictions.

    The source "accepted_rest" marks predictions that were accepted with the rest of a face, without being in doubt, and
    "accepted_unseen" those that were accepted without review. `point_sources` holds the source of each landmark; one
    with a source but without coordinates was labeled as absent, and is named in `absent`. `box` says where a box comes
    from that no person drew: "labels", "base", or "picture" if it is only the whole picture. `labels` are as in
    `samples_of`.
    """
    points = store.points() if labels is None else labels
    covariances, annotators = store.predictions.covariances_of_accepted(), store.annotators()
    boxes = {face.id: face.box for face in store.faces()}
    ids = dataset.definition.ids
    found = {}
    for sample in dataset.samples:
        said = points.get(sample.face_id, {})
        placed = {key: point for key, point in said.items() if key in ids and point.v > 0}
        attributes: dict[str, Any] = {
            "sources": dict(Counter(point.source for point in placed.values())),
            "point_sources": [said[key].source if key in said else None for key in ids],
        }
        absent = [
            name for key, name in zip(ids, dataset.definition.landmarks, strict=True) if _is_absent(said.get(key))
        ]
        if absent:
            attributes["absent"] = absent
        if not_drawn := _box_source(sample, boxes.get(sample.face_id)):
            attributes["box"] = not_drawn
        if sample.face_id in annotators:
            attributes["annotators"] = annotators[sample.face_id]
        own = covariances.get(sample.face_id, {})
        if own.keys() & placed.keys():
            attributes["covariance"] = [list(own[key]) if key in own else None for key in ids]
        found[sample.face_id] = attributes
    return found


def _is_absent(label: Point | None) -> bool:
    return label is not None and label.v == 0


def _box_source(sample: Sample, box: Box | None) -> str | None:
    """Where the sample's box comes from, if its face has the `box` of the whole picture because none was drawn."""
    if box is None or not is_whole_picture(box, sample):
        return None
    if sample.box == box:
        return "picture"
    return "labels" if boxed_by_labels(replace(sample, box=box)).box == sample.box else "base"


def lies_in(path: Path, folder: Path) -> bool:
    """Whether `path` lies in `folder` or below it. Links are followed."""
    return path.resolve().is_relative_to(folder.resolve())


def labels_of(sample: Sample, ids: Sequence[int | None]) -> dict[int, Point]:
    """The labels of `sample` by landmark id; `ids` are the ids of its landmarks, None for one that is left out.

    Their source is "imported", except for labels that no person looked at by themselves: they keep theirs.
    """
    sources = sample.extra.get("point_sources", [None] * len(ids))
    found = {
        key: Point(None, None, 0, "imported")
        for key, source in zip(ids, sources, strict=True)
        if key is not None and source is not None
    }
    if sample.annotation is None:
        return found
    rows = zip(ids, sample.annotation.points, sample.annotation.visibility, sources, strict=True)
    labels = {
        key: Point(float(x), float(y), int(v), source if source in (ACCEPTED_REST, UNSEEN) else "imported")
        for key, (x, y), v, source in rows
        if key is not None and v > 0
    }
    return {**found, **labels}
