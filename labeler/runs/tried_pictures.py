"""Pictures on which a model is tried: copies outside of the project, and how they come in with what was predicted."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from labeler.errors import LockedError
from labeler.pictures.add import Arrival
from labeler.pictures.ingest import ingest, sha256_of, shown_name
from labeler.pictures.subjects import SubjectRule
from labeler.project.coco import write_coco
from labeler.project.project import Project
from labeler.runs.collect import collect_predictions, points_of
from labeler.storage.records import Picture, PredictedPoint
from mdmd.data.definition import Definition
from mdmd.data.records import Box, Dataset, Sample
from mdmd.errors import DataError
from mdmd.evaluation.predictions import PredictedFaces

#: Folders of a try: the files as they were given, and upright copies of them.
GIVEN, UPRIGHT = "given", "upright"
#: The head that a file of faces names; the faces have no labels.
TRIED = "tried"


@dataclass(frozen=True)
class TriedPicture:
    """A picture with the number `id` within its try: the file as it was `given`, and its upright copy `file` of this
    size in pixels. `there` says that the project has the picture already."""

    id: int
    name: str
    given: Path
    file: Path
    width: int
    height: int
    there: bool

    @property
    def box(self) -> Box:
        """The whole picture."""
        return Box(0.0, 0.0, float(self.width), float(self.height))


@dataclass(frozen=True)
class TriedFace:
    """What a model predicted on a picture: the box in which it found the face, and its points by landmark id."""

    box: Box
    points: Mapping[int, PredictedPoint]

    @property
    def flagged(self) -> int:
        """How many points are flagged."""
        return sum(point.flagged for point in self.points.values())


@dataclass(frozen=True)
class AddedPictures:
    """What came into a project: names of pictures that are `new` with proposals, that were removed and are `back`, that
    were `there` all the time, and (name, reason) of the `refused` ones."""

    new: list[str] = field(default_factory=list)
    back: list[str] = field(default_factory=list)
    there: list[str] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)


def take_pictures(
    project: Project, files: Iterable[Path], folder: Path
) -> tuple[list[TriedPicture], list[tuple[str, str]]]:
    """Move `files` into `folder` and make upright copies; returns the pictures, and (name, reason) of refused ones."""
    taken: list[TriedPicture] = []
    refused: list[tuple[str, str]] = []
    names: dict[str, str] = {}
    for number, file in enumerate(files, start=1):
        name, given = shown_name(Path(file.name)), folder / GIVEN / str(number) / file.name
        try:
            digest = sha256_of(file)
            if digest in names:
                raise DataError(f"it is the same picture as {names[digest]}")
            given.parent.mkdir(parents=True)
            shutil.move(file, given)
            made = ingest(given, folder / UPRIGHT)
        except (DataError, OSError) as error:
            refused.append((name, str(error)))
            continue
        names[digest] = name
        there = project.store.image_by_hash(digest) is not None
        place = folder / UPRIGHT / made.file_name
        taken.append(TriedPicture(number, name, given, place, made.width, made.height, there))
    return taken, refused


def write_faces(out: Path, pictures: Sequence[TriedPicture], definition: Definition) -> None:
    """Write the pictures as faces without boxes, as `mdmd predict` reads them. Raises DataError."""
    faces = tuple(
        Sample(p.file, p.file.name, p.width, p.height, p.box, image_id=p.id, face_id=p.id, group=str(p.id))
        for p in pictures
    )
    write_coco(out, Dataset(TRIED, definition, faces), images=out.parent / UPRIGHT)


def faces_of(found: PredictedFaces, pictures: Sequence[TriedPicture]) -> dict[int, TriedFace]:
    """The predicted faces by the picture's number; a picture that could not be used has none."""
    points = points_of(found, {picture.id for picture in pictures})
    boxes = dict(zip(found.face_ids, found.boxes, strict=True))
    whole = {picture.id: picture.box for picture in pictures}
    return {
        number: TriedFace(
            Box(*map(float, boxes[number])) if np.isfinite(boxes[number]).all() else whole[number],
            own if found.radius90 is None else {k: _with_radius(p, found.radius90) for k, p in own.items()},
        )
        for number, own in points.items()
    }


def _with_radius(point: PredictedPoint, radius90: float) -> PredictedPoint:
    return PredictedPoint(point.x, point.y, point.cov, point.p_off, point.flagged, radius90)


def add_to_project(
    project: Project,
    run: int,
    pictures: Sequence[TriedPicture],
    faces: Mapping[int, TriedFace],
    *,
    radius90: float | None,
) -> AddedPictures:
    """Add the pictures with the boxes that were found; the points become proposals of the run of that number.

    Pictures that the project has, or that were removed and come back, stay as they are. Each picture comes in with its
    proposals or not at all. Raises LockedError, and what was added before is kept.
    """
    project.clear_leftovers()
    with suppress(DataError):  # the run's own predictions first: they are collected once
        collect_predictions(project)
    rule = None if project.settings.subjects is None else SubjectRule(project.settings.subjects)
    added = AddedPictures()
    names = {"new": added.new, "back": added.back, "there": added.there}
    for tried in pictures:
        face = faces.get(tried.id)

        def arrives(picture: Picture, arrival: Arrival, tried: TriedPicture = tried, face: TriedFace | None = face):
            if arrival == "new" and face is not None:
                [own] = project.store.faces(picture.id)
                project.store.predictions.extend(run, {own.id: face.points}, radius90=radius90)
            names[arrival].append(tried.name)

        try:
            project.intake.add(
                tried.given,
                name=tried.name,
                subject=None if rule is None else rule.of_name(tried.name),
                boxes=[] if face is None else [face.box],
                also=arrives,
            )
        except LockedError:
            raise
        except DataError as error:
            added.refused.append((tried.name, str(error)))
    project.flags.forget(run)
    project.proposed.times_replaced += 1
    return added
