"""What comes in from a file or folder of any format: pictures with their faces, and which landmarks they have."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from mdmd.data.boxes import box_of_points
from mdmd.data.coco import ORIGINAL_NAME
from mdmd.data.definition import LARGEST_ID, Definition
from mdmd.data.images import PictureError, picture_size
from mdmd.data.picture_files import NAMED
from mdmd.data.places import box_problem
from mdmd.data.records import Annotation, Box, Sample, ScoredPoint
from mdmd.data.text import cleaned, path_problem, text_problem
from mdmd.errors import DataError
from mdmd.formats.archive import is_archive, unpack
from mdmd.formats.coco import ANNOTATIONS
from mdmd.formats.definition_files import completed
from mdmd.formats.format import Format, Reading
from mdmd.formats.images import base_name, ends_in, parts_of
from mdmd.formats.known import read
from mdmd.formats.labels import Face, Image, LabelSet, LeftOut

#: The keys of `extra` of a face for a model's points, and for where each of its labels comes from.
PREDICTED = "predicted_points"
POINT_SOURCES = "point_sources"
#: The keys of what a file says beyond labels of an image and of a face.
OF_IMAGE, OF_FACE = "extra_of_image", "extra_of_face"


@dataclass(frozen=True, eq=False)
class Incoming:
    """The pictures of a file or folder in the format `title`, which messages call `where`.

    `entries` are the faces of each picture, of which one without a face has one without labels. `landmarks` are the
    names in their order, and `definition` is there if the file tells groups. `roots` are the folders in which pictures
    may lie. `left_out`, `changes`, `extra` and `edges` are as in `LabelSet`; `predicted` counts faces that a model
    labeled, whose points are no labels. Ids of images and faces are those that the file tells, else 0.
    """

    title: str
    where: str
    landmarks: tuple[str, ...]
    mirror: tuple[int, ...] | None
    definition: Definition | None
    entries: tuple[tuple[Sample, ...], ...]
    roots: tuple[Path, ...]
    left_out: tuple[LeftOut, ...]
    changes: tuple[str, ...]
    predicted: int
    extra: Mapping[str, Any] = field(default_factory=dict)
    edges: tuple[tuple[int, int], ...] = ()

    @property
    def notes(self) -> list[str]:
        """What was read otherwise than it stands in the file, as sentences."""
        unreviewed = f"faces that a model labeled come in as proposals to review, not as labels: {self.predicted:,}"
        return [*self.changes, *([unreviewed] if self.predicted else [])]

    @property
    def faces(self) -> list[Sample]:
        """The faces of all pictures, not counting pictures without one."""
        return [sample for samples in self.entries for sample in samples if POINT_SOURCES in sample.extra]

    def in_folder(self, folder: Path) -> Incoming:
        """Only the pictures that lie in `folder`, and those that are nowhere, as if they were to lie there."""
        kept = []
        for samples in self.entries:
            path = samples[0].path
            if not path.is_file():
                kept.append(tuple(replace(sample, path=folder / Path(sample.file_name).name) for sample in samples))
            elif path.resolve().is_relative_to(folder.resolve()):
                kept.append(samples)
        return replace(self, entries=tuple(kept))


def incoming(
    place: Path,
    *,
    name: str | None = None,
    pictures: Path | None = None,
    one_based: bool | None = None,
    unpacked: Path | None = None,
    as_predictions: bool = False,
) -> Incoming:
    """Read a file or folder in the format `name`, by default the one that is found. Raises DataError.

    Pictures are searched in the folder `pictures`, if any, and beside the labels. Those that a file embeds are written
    into the folder `unpacked`, or left out, and a zip file is unpacked there. With `as_predictions`, all points are
    those of a model.
    """
    where = _where(place)
    if unpacked is not None and is_archive(place):
        place = unpack(place, unpacked / "archive")
    how = Reading(pictures, one_based, unpacked)
    form, labels = read(place, name=name, how=how)
    if as_predictions:
        labels = replace(labels, images=tuple(_as_predictions(image) for image in labels.images))
    return replace(of_labels(form, labels, place, how), where=where)


def of_labels(form: Format, labels: LabelSet, place: Path, how: Reading) -> Incoming:
    """What comes in from the `labels` that were read so from a file or folder."""
    around = place if place.is_dir() else place.parent
    if not place.is_dir() and around.name == ANNOTATIONS:
        around = around.parent
    entries, left_out = [], list(labels.left_out)
    meant = _names_by_path(labels.images)
    paths = _paths_by_name(labels.images)
    for image in labels.images:
        try:
            if image.path is not None and len(meant[image.path]) > 1 and not ends_in(image.path, image.name):
                raise DataError(f"{image.path} may be this one or another one of the file: their folders are not there")
            entries.append(_samples(_told_apart(image, paths[image.name]), labels, around))
        except DataError as error:
            left_out.append(LeftOut(image.name, str(error)))
    return Incoming(
        form.title,
        _where(place),
        labels.landmarks,
        labels.mirror,
        labels.definition,
        tuple(entries),
        tuple(folder.resolve() for folder in (around, how.pictures, how.unpacked) if folder is not None),
        tuple(left_out),
        (*labels.changes, *_found_elsewhere(labels.images, how), *_outside(entries)),
        sum(face.predicted and bool((face.visibility > 0).any()) for image in labels.images for face in image.faces),
        labels.extra,
        labels.edges,
    )


def _where(place: Path) -> str:
    """What messages call a file or folder, whose name may hold anything."""
    return cleaned(place.resolve().name, "?")


def _as_predictions(image: Image) -> Image:
    return replace(image, faces=tuple(replace(face, predicted=True) for face in image.faces))


def _found_elsewhere(images: Iterable[Image], how: Reading) -> Iterator[str]:
    """A sentence if images were found by their name alone, in other folders than the file says."""
    count = sum(
        image.path is not None
        and (how.unpacked is None or not image.path.is_relative_to(how.unpacked))
        and ends_in(image.path, base_name(image.name))
        and not ends_in(image.path, image.name)
        for image in images
    )
    if count:
        yield f"pictures found by their name, in other folders than the file says: {count:,}"


def _outside(entries: Iterable[Sequence[Sample]]) -> Iterator[str]:
    """A sentence if points lie outside of their pictures."""
    count, names = 0, []
    for sample in (sample for samples in entries for sample in samples):
        points = np.array(
            sample.annotation.points[sample.annotation.labeled]
            if sample.annotation is not None
            else [(point.x, point.y) for point in sample.extra.get(PREDICTED) or [] if point is not None]
        ).reshape(-1, 2)
        beyond = int(((points < 0) | (points > (sample.width, sample.height))).any(axis=1).sum())
        if beyond and sample.path.is_file():  # else its size is not known
            count += beyond
            names.append(sample.file_name)
    if count:
        names = list(dict.fromkeys(names))
        more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
        yield f"points outside their picture, taken as they stand: {count:,} ({', '.join(names[:NAMED])}{more})"


def _names_by_path(images: Iterable[Image]) -> dict[Path, set[tuple[str, ...]]]:
    """The different names for which each file was found."""
    found: dict[Path, set[tuple[str, ...]]] = {}
    for image in images:
        if image.path is not None:
            found.setdefault(image.path, set()).add(parts_of(image.name))
    return found


def _paths_by_name(images: Iterable[Image]) -> dict[str, set[Path]]:
    """The different files that were found for each name."""
    found: dict[str, set[Path]] = {}
    for image in images:
        found.setdefault(image.name, set()).update([] if image.path is None else [image.path])
    return found


def _told_apart(image: Image, namesakes: set[Path]) -> Image:
    """`image`, called by as much of its path as no other file of its name has: "train/1.jpg" beside "val/1.jpg"."""
    others = namesakes - {image.path}
    if image.path is None or not others:
        return image
    own, length = image.path.parts, len(parts_of(image.name))
    while any(other.parts[-length:] == own[-length:] for other in others):
        length += 1
    return replace(image, name="/".join(own[-length:]))


def _samples(image: Image, labels: LabelSet, around: Path) -> tuple[Sample, ...]:
    path = image.path or around.joinpath(*parts_of(image.name))
    size = image.size or _size_of(path)
    subjects = {face.subject for face in image.faces}
    name = _own_name(image, around)
    base = Sample(
        path,
        image.name,
        *size,
        Box(0.0, 0.0, float(size[0]), float(size[1])),
        split=image.split or "train",
        group=image.subject or (subjects.pop() if len(subjects) == 1 else None) or name,
        image_id=_id(image.extra),
        extra={ORIGINAL_NAME: name, OF_IMAGE: image.extra},
    )
    faces = tuple(_sample(base, face, labels) for face in image.faces)
    return faces or (base,)


def _own_name(image: Image, around: Path) -> str:
    """What the picture is called in the project: its name in the file, or below its folder where that is none."""
    told = image.extra.get(ORIGINAL_NAME)
    if told is not None and told != "":
        if problem := text_problem(str(told) if isinstance(told, int) else told):
            raise DataError(f"{ORIGINAL_NAME} {problem}")
        return str(told)
    parts = parts_of(image.name)
    if image.path is not None and not _is_plain(image.name):
        real = image.path.resolve()
        parts = real.relative_to(around.resolve()).parts if real.is_relative_to(around.resolve()) else parts[-1:]
    return "/".join(parts)


def _is_plain(name: str) -> bool:
    return not path_problem(name) and "/".join(parts_of(name)) == name


def _sample(base: Sample, face: Face, labels: LabelSet) -> Sample:
    labeled = (face.visibility > 0).any() and not face.predicted
    annotation = Annotation(face.points, face.visibility) if labeled else None
    box = face.box
    if box is None and annotation is not None:
        tight = box_of_points(annotation.points[annotation.labeled])
        box = tight if box_problem(tight) is None else None
    return replace(
        base,
        box=box or base.box,
        annotation=annotation,
        face_id=_id(face.extra),
        unseen=face.extra.get("unseen") is True,
        extra={
            **base.extra,
            POINT_SOURCES: _sources(face, len(labels.landmarks)),
            PREDICTED: _predicted(face) if face.predicted else None,
            OF_FACE: face.extra,
        },
    )


def _predicted(face: Face) -> list[ScoredPoint | None]:
    """The points of a face that a model labeled, in the order of the landmarks; None for one without a point."""
    scores = [None] * len(face.points) if face.scores is None else face.scores.tolist()
    rows = zip(face.points.tolist(), face.visibility.tolist(), scores, strict=True)
    return [
        ScoredPoint(x, y, None if s is None or not math.isfinite(s) else min(max(s, 0.0), 1.0)) if v > 0 else None
        for (x, y), v, s in rows
    ]


def predicted_of(sample: Sample, ids: Sequence[int | None]) -> dict[int, ScoredPoint]:
    """The points of a model on the face of `sample` by landmark id; `ids` as in `labeler.project.coco.labels_of`."""
    points = sample.extra.get(PREDICTED) or []
    return {key: point for key, point in zip(ids, points, strict=False) if key is not None and point is not None}


def _id(extra: Mapping[str, Any]) -> int:
    """The id that a file tells of an image or face; 0 if it is none."""
    found = extra.get("id")
    return found if isinstance(found, int) and not isinstance(found, bool) and 1 <= found <= LARGEST_ID else 0


def _sources(face: Face, count: int) -> list[str | None]:
    """Where each label comes from; "imported" where only its absence is told, None where nothing is."""
    if face.predicted:
        return [None] * count
    attributes = face.extra.get("attributes")
    found = attributes.get(POINT_SOURCES) if isinstance(attributes, Mapping) else None
    if isinstance(found, list) and len(found) == count and all(s is None or isinstance(s, str) for s in found):
        return found
    absent = np.zeros(count, dtype=bool) if face.absent is None else face.absent
    return ["imported" if missing else None for missing in absent]


def _size_of(path: Path) -> tuple[int, int]:
    try:
        return picture_size(path)
    except PictureError:
        return 1, 1  # the import says why the picture cannot come in


def with_guessed_groups(found: Incoming) -> tuple[Incoming, tuple[str, ...]]:
    """`found` with a definition, and what of it is a guess, as sentences.

    Groups that the file does not tell are guessed from the names of landmarks; if one cannot be, nothing is changed.
    """
    if found.definition is not None:
        return found, ()
    category: dict[str, Any] = {
        "name": "face",
        "keypoints": list(found.landmarks),
        "skeleton": [[a + 1, b + 1] for a, b in found.edges],
    }
    if found.mirror is not None:
        category["flip_pairs"] = [[k, other] for k, other in enumerate(found.mirror) if k < other]
    try:
        guessed = completed(category, found.where)
    except DataError:
        return found, ()
    return replace(found, definition=guessed.definition), guessed.notes
