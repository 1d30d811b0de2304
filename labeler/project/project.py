"""A project on disk: a folder with pictures, one label database and settings."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from labeler.analysis.image_features import cutout
from labeler.errors import ConflictError, StorageError
from labeler.guidance.check_service import LabelChecks
from labeler.guidance.duplicates import DuplicateFinder
from labeler.guidance.label_index import LabelIndex, Progress
from labeler.guidance.proposals import Proposals
from labeler.guidance.repeats import Repeats
from labeler.pictures.feature_cache import FeatureCache
from labeler.pictures.ingest import ingest, sha256_of, shown_name
from labeler.pictures.integrity import Originals
from labeler.pictures.thumbnails import WIDTHS, ScreenCopies
from labeler.project import definition as schema
from labeler.project.coco import labels_of, landmark_ids, provenance, read_pictures, samples_of, write_coco
from labeler.storage.history import Seen
from labeler.storage.records import Face, Picture, Point
from labeler.storage.store import Store
from mdmd.data.boxes import boxed_by_labels
from mdmd.data.definition import Definition
from mdmd.data.images import open_picture, pictures_in, upright_size
from mdmd.data.records import Box, Dataset, Sample
from mdmd.errors import DataError
from mdmd.files import write_json

FORMAT = 1


@dataclass(frozen=True)
class Settings:
    """A predicted point is flagged when it is off by more than `tolerance` with a probability above `threshold`.

    `tolerance` is a share of the definition's normalising distance. A `threshold` of None leaves the choice to the
    model: so that the flags are expected to catch most of the wrong points. `repeats` is the share of the labeled
    faces to be labeled a second time, blind.
    """

    tolerance: float = 0.1
    threshold: float | None = None
    repeats: float = 0.0

    @property
    def options(self) -> list[str]:
        """These settings as options of `mdmd`."""
        threshold = [] if self.threshold is None else ["--threshold", str(self.threshold)]
        return ["--tolerance", str(self.tolerance), *threshold]


@dataclass(frozen=True)
class IngestReport:
    """How many pictures came in, how many were there already, and (name, sentence) of each one refused."""

    added: int
    already: int
    refused: list[tuple[str, str]]


@dataclass(frozen=True)
class ExportReport:
    """Where a COCO file was written and how much is in it."""

    path: Path
    images: int
    faces: int
    points: int


@dataclass(frozen=True)
class ImportReport:
    """Pictures added, faces and points that got labels, labeled pictures left as they were, and what was refused."""

    added: int
    faces: int
    points: int
    already: int
    refused: list[tuple[str, str]]


class Project:
    """One project: `folder`, its `store` of labels and its `settings`. Safe to share between threads."""

    def __init__(self, folder: Path) -> None:
        try:
            record = json.loads((folder / "project.json").read_text(encoding="utf-8"))
            form, threshold = record["format"], record["threshold"]
            repeats = float(record.get("repeats", 0.0))
            if not 0 <= repeats <= 1:
                raise ValueError(f"repeats is {repeats}, wanted a share from 0 to 1")
            self.settings = Settings(
                float(record["tolerance"]), None if threshold is None else float(threshold), repeats
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{folder / 'project.json'} is not a project's description: {error!r}") from None
        if form != FORMAT:
            raise DataError(f"{folder} has the project format {form!r}, this labeler knows {FORMAT}: update it")
        if not (folder / "labels.db").is_file():
            raise DataError(f"{folder / 'labels.db'} is missing: it holds the labels of project {folder.name!r}")
        self.name = folder.name
        self.folder = folder
        self.store = Store(folder / "labels.db")
        self.originals = Originals(self.store, self.images)
        self.copies = ScreenCopies(folder / "cache")
        self._adding = threading.Lock()
        self.index = LabelIndex(self.store, self.name)
        self.proposals = Proposals(self.store, self.index)
        self.checks = LabelChecks(self.store, self.index, self.runs)
        self.repeats = Repeats(self.store, self.index)
        features = FeatureCache(folder / "cache" / "looks.npy", self._cutout)
        self.duplicates = DuplicateFinder(self.store, features, self.index)

    def change_settings(self, settings: Settings) -> None:
        """Keep these settings, on the disk too; raises StorageError."""
        try:
            write_json(self.folder / "project.json", {"name": self.name, "format": FORMAT, **asdict(settings)})
        except OSError as error:
            raise StorageError(f"the settings could not be written, nothing was changed: {error.strerror}") from None
        self.settings = settings

    @property
    def images(self) -> Path:
        return self.folder / "images"

    @property
    def runs(self) -> Path:
        return self.folder / "runs"

    @property
    def definition(self) -> Definition | None:
        """The newest definition, or None while there is none."""
        return self.index.definition

    def progress(self) -> Progress:
        """How many pictures, faces and points there are, and how far they are labeled."""
        return self.index.progress()

    def add_pictures(self, paths: Iterable[Path]) -> IngestReport:
        """Bring in files and the pictures of folders; a file that is refused keeps no other one out.

        Raises DataError for a folder without pictures.
        """
        files = [file for path in paths for file in (pictures_in(path) if path.is_dir() else [path])]
        added = already = 0
        refused = []
        for file in files:
            try:
                _, new = self.add_picture(file)
            except DataError as error:
                refused.append((shown_name(file), str(error)))
            else:
                added += new
                already += not new
        return IngestReport(added, already, refused)

    def add_picture(
        self, path: Path, *, split: str = "train", subject: str | None = None, boxes: Iterable[Box] = ()
    ) -> tuple[Picture, bool]:
        """One picture, and whether it is new here; known ones are recognised by their bytes. Raises DataError."""
        with self._adding:
            digest = sha256_of(path)
            known = self.store.image_by_hash(digest)
            if known:
                return known, False
            stored = ingest(path, self.images)
            try:
                picture = self.store.add_image(
                    stored.file_name,
                    name=shown_name(path),
                    width=stored.width,
                    height=stored.height,
                    sha256=digest,
                    split=split,
                    subject=subject,
                    boxes=boxes,
                )
            except BaseException:
                (self.images / stored.file_name).unlink()
                known = self.store.image_by_hash(digest)  # another process may have been faster
                if known:
                    return known, False
                raise
            self.originals.remember(picture)
        return picture, True

    def _cutout(self, picture: Picture, box: Box) -> NDArray[np.float32]:
        """The pixels that near-duplicates are found by, from the screen copy where the picture is larger."""
        path, widest = self.images / picture.file_name, max(WIDTHS)
        if picture.width <= widest:
            return cutout(path, box, 1.0)
        return cutout(self.copies.get(path, widest), box, widest / picture.width)

    def training_set(self) -> Dataset:
        """Faces with at least one labeled point, of pictures whose split is "train"; no prediction is among them, and
        no skipped face. Where nobody has drawn a box, it is one around the labels.

        Raises DataError while no landmark is defined, like the next two.
        """
        return _boxed(self._dataset({face.face for face in self.index.training_faces()}))

    def unlabeled_faces(self) -> Dataset:
        """Faces that are neither completely labeled nor skipped: what there is to pre-label."""
        return self._dataset({face.face for face in self.index.wanted_faces() if face.state != "complete"})

    def labeled_set(self, *, only_complete: bool = False) -> Dataset:
        """Faces of all splits that nobody has skipped with at least one label, or with all; boxes as in
        `training_set`."""
        labeled = [face for face in self.index.wanted_faces() if face.visible]
        return _boxed(self._dataset({f.face for f in labeled if f.state == "complete" or not only_complete}))

    def export(self, out: Path, *, only_complete: bool = False) -> ExportReport:
        """Write what persons have labeled as a COCO-keypoint file, or only the faces with all landmarks labeled.

        Skipped faces stay out. Where nobody has drawn a box, it is the one around the labels that a training takes: an
        area of the whole picture would make every error small in COCO's measure. Raises DataError when there is
        nothing to write or `out` cannot be written; what was there stays as it was.
        """
        dataset = self.labeled_set(only_complete=only_complete)
        if not dataset.samples:
            kind = "completely labeled" if only_complete else "labeled"
            raise DataError(f"nothing to export: no face of project {self.name!r} is {kind} yet")
        coco = write_coco(
            out,
            dataset,
            images=self.images,
            attributes=provenance(self.store, dataset),
            noise=self.repeats.noise(dataset.definition),
        )
        points = sum(record["num_keypoints"] for record in coco["annotations"])
        return ExportReport(out, len(coco["images"]), len(coco["annotations"]), points)

    def import_coco(self, path: Path) -> ImportReport:
        """Bring in pictures and labels of a COCO-keypoint file whose landmarks are the project's or become them.

        A picture that is there already and has labels is left as it is; one that lies outside the file's own
        folder is refused. Raises DataError, changing nothing, when the file is not sound or has other landmarks
        than the project.
        """
        theirs, pictures = read_pictures(path)
        if self.definition is None:
            self.store.save_definition(schema.next_category(theirs.to_category(), ()), None, edited_from=0)
        ids = landmark_ids(theirs, self.index.must_define(), path.name)
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
            present = self.store.faces(picture.id)
            if picture.id not in met and any(self.store.points(face.id) for face in present):
                already += 1
                continue
            labels = [labels_of(sample, ids) for sample in samples]
            before = met.get(picture.id, 0)
            if before:  # The file has this picture under another number too: only what has labels is a face of its own.
                samples, labels = _labeled_ones(samples, labels)
            if any(labels):
                met[picture.id] = before + len(samples)
            try:
                for k, (sample, places) in enumerate(zip(samples, labels, strict=True), start=before):
                    self._import_face(picture, present[k] if k < len(present) else None, sample, places, new=new)
                    faces += bool(places)
                    points += sum(place.v > 0 for place in places.values())
            except ConflictError:  # somebody is labeling it at this moment
                already += 1
        return ImportReport(added, faces, points, already, refused)

    def _check_place(self, picture: Path, file: Path) -> None:
        # A file from somebody else may point anywhere on this machine, by `info.image_folder` or a link, and what it
        # brings in may be exported again. Pictures of other projects may stay: the tool's own exports name them.
        allowed = (file.resolve().parent, self.folder.resolve().parent)
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
        return self.add_picture(first.path, split=first.split, subject=first.group, boxes=boxes)

    def _import_face(
        self, picture: Picture, face: Face | None, sample: Sample, labels: Mapping[int, Point], *, new: bool
    ) -> None:
        """Write labels to `face`, or to one more of its picture; raises ConflictError where it has changed since.

        The face of a picture that was there gets the box of its labels.
        """
        if face is None:
            face_id = self.store.add_face(picture.id, sample.box)
            if labels:
                self.store.edit_points(face_id, labels, source="imported")
        elif labels:
            action = self.store.edit_points(face.id, labels, source="imported", seen=Seen(face.revision))
            if not new and sample.annotation is not None:  # without one the box is only the picture's edge
                self.store.edit_box(face.id, sample.box, seen=Seen(face.revision, [action]))

    def _dataset(self, faces: set[int]) -> Dataset:
        definition = self.index.must_define()
        return Dataset(self.name, definition, samples_of(self.store, self.images, definition, faces))


def _boxed(dataset: Dataset) -> Dataset:
    return replace(dataset, samples=tuple(map(boxed_by_labels, dataset.samples)))


def _labeled_ones(samples: list[Sample], labels: list[dict[int, Point]]) -> tuple[list[Sample], list[dict[int, Point]]]:
    kept = [k for k, places in enumerate(labels) if places]
    return [samples[k] for k in kept], [labels[k] for k in kept]
