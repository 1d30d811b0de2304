"""Labels in and out of a project: COCO files, the set that a training learns from, the faces to predict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from labeler.errors import ConflictError
from labeler.guidance.label_index import LabelIndex
from labeler.guidance.repeats import Repeats
from labeler.pictures.intake import Intake
from labeler.project import definition as schema
from labeler.project.coco import labels_of, landmark_ids, provenance, read_pictures, samples_of, write_coco
from labeler.storage.history import Seen
from labeler.storage.records import Face, Picture, Point
from labeler.storage.store import Store
from mdmd.data.boxes import boxed_by_labels
from mdmd.data.images import open_picture, upright_size
from mdmd.data.records import Dataset, Sample
from mdmd.errors import DataError


@dataclass(frozen=True)
class ExportReport:
    """Where a COCO file was written and how much is in it."""

    path: Path
    images: int
    faces: int
    points: int


@dataclass(frozen=True)
class ImportReport:
    """Pictures added, faces and points that got labels, labeled pictures left alone, (name, sentence) of refusals."""

    added: int
    faces: int
    points: int
    already: int
    refused: list[tuple[str, str]]


class Exchange:
    """What goes in and out of the project `name`, whose pictures lie in `images`."""

    def __init__(
        self, name: str, store: Store, index: LabelIndex, repeats: Repeats, intake: Intake, images: Path
    ) -> None:
        self._name, self._store, self._index = name, store, index
        self._repeats, self._intake, self._images = repeats, intake, images

    def training_set(self) -> Dataset:
        """Labels to learn from: faces with at least one labeled point, not skipped, of pictures in the split "train".

        Predictions are never among them. A face without a drawn box gets the box around its labels. Raises DataError
        before the first definition, as do `unlabeled_faces` and `labeled_set`.
        """
        return _boxed(self._dataset({face.face for face in self._index.training_faces()}))

    def unlabeled_faces(self) -> Dataset:
        """Faces that are neither completely labeled nor skipped: what pre-labeling predicts."""
        return self._dataset({face.face for face in self._index.wanted_faces() if face.state != "complete"})

    def labeled_set(self, *, only_complete: bool = False) -> Dataset:
        """Faces of all splits, not skipped, with at least one label, or with all; boxes as in `training_set`."""
        labeled = [face for face in self._index.wanted_faces() if face.visible]
        return _boxed(self._dataset({f.face for f in labeled if f.state == "complete" or not only_complete}))

    def export(self, out: Path, *, only_complete: bool = False) -> ExportReport:
        """Write the labels as a COCO-keypoint file, or only the faces with all landmarks labeled.

        Skipped faces are left out. A face without a drawn box gets the box around its labels, as in a training: the
        area of the whole picture would make every error small in COCO's measure. Raises DataError when there is
        nothing to write or `out` cannot be written; an old file then stays as it was.
        """
        dataset = self.labeled_set(only_complete=only_complete)
        if not dataset.samples:
            kind = "completely labeled" if only_complete else "labeled"
            raise DataError(f"nothing to export: no face of project {self._name!r} is {kind} yet")
        coco = write_coco(
            out,
            dataset,
            images=self._images,
            attributes=provenance(self._store, dataset),
            noise=self._repeats.noise(dataset.definition),
        )
        points = sum(record["num_keypoints"] for record in coco["annotations"])
        return ExportReport(out, len(coco["images"]), len(coco["annotations"]), points)

    def import_coco(self, path: Path) -> ImportReport:
        """Add pictures and labels of a COCO-keypoint file. Its landmarks must be the project's, or become them.

        A picture that has labels here already is left as it is; a picture outside the file's own folder is refused.
        Raises DataError, changing nothing, when the file is not sound or has other landmarks than the project.
        """
        theirs, pictures = read_pictures(path)
        if self._index.definition is None:
            self._store.definitions.save(schema.next_category(theirs.to_category(), ()), None, edited_from=0)
        ids = landmark_ids(theirs, self._index.must_define(), path.name)
        added = faces = points = already = 0
        refused = []
        met: dict[int, int] = {}  # by picture: how many of its faces are this file's
        for samples in pictures:
            try:
                self._check_place(samples[0].path, path)
                picture, new = self._import_picture(samples)
            except DataError as error:
                refused.append((samples[0].file_name, str(error)))
                continue
            added += new
            present = self._store.faces(picture.id)
            if picture.id not in met and any(self._store.points(face.id) for face in present):
                already += 1
                continue
            labels = [labels_of(sample, ids) for sample in samples]
            before = met.get(picture.id, 0)
            if before:  # The file lists this picture twice: from the second entry only labeled faces are added.
                samples, labels = _labeled_ones(samples, labels)
            if any(labels):
                met[picture.id] = before + len(samples)
            try:
                for k, (sample, places) in enumerate(zip(samples, labels, strict=True), start=before):
                    self._import_face(picture, present[k] if k < len(present) else None, sample, places, new=new)
                    faces += bool(places)
                    points += sum(place.v > 0 for place in places.values())
            except ConflictError:  # the face was labeled in this very moment
                already += 1
        return ImportReport(added, faces, points, already, refused)

    def _check_place(self, picture: Path, file: Path) -> None:
        # A received file may point anywhere on this machine, by `info.image_folder` or a link, and an export would
        # pass those pictures on. Pictures of other projects are allowed: the tool's own exports name them.
        allowed = (file.resolve().parent, self._images.resolve().parent.parent)
        if not any(picture.resolve().is_relative_to(place) for place in allowed):
            raise DataError(f"the picture lies outside the folder of {file.name}; copy it there to import it")

    def _import_picture(self, samples: list[Sample]) -> tuple[Picture, bool]:
        first = samples[0]
        with open_picture(first.path) as image:
            size = upright_size(image)
        if size != (first.width, first.height):
            raise DataError(
                f"the file says {first.width} x {first.height} pixels, "
                f"but the picture has {size[0]} x {size[1]} when upright"
            )
        boxes = [sample.box for sample in samples]
        return self._intake.add(first.path, split=first.split, subject=first.group, boxes=boxes)

    def _import_face(
        self, picture: Picture, face: Face | None, sample: Sample, labels: Mapping[int, Point], *, new: bool
    ) -> None:
        """Write labels to `face`, or to a new face of `picture`; raises ConflictError when `face` has changed since.

        On a picture that was here before, `face` also gets the file's box.
        """
        if face is None:
            face_id = self._store.add_face(picture.id, sample.box)
            if labels:
                self._store.edit_points(face_id, labels, source="imported")
        elif labels:
            action = self._store.edit_points(face.id, labels, source="imported", seen=Seen(face.revision))
            if not new and sample.annotation is not None:  # without one the box is only the picture's edge
                self._store.edit_box(face.id, sample.box, seen=Seen(face.revision, [action]))

    def _dataset(self, faces: set[int]) -> Dataset:
        definition = self._index.must_define()
        return Dataset(self._name, definition, samples_of(self._store, self._images, definition, faces))


def _boxed(dataset: Dataset) -> Dataset:
    return replace(dataset, samples=tuple(map(boxed_by_labels, dataset.samples)))


def _labeled_ones(samples: list[Sample], labels: list[dict[int, Point]]) -> tuple[list[Sample], list[dict[int, Point]]]:
    kept = [k for k, places in enumerate(labels) if places]
    return [samples[k] for k in kept], [labels[k] for k in kept]
