"""Export of COCO files and of sets of other formats, the training set, and the faces to predict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from labeler.analysis.better_model import FEWEST, measuring
from labeler.guidance.base_faces import BaseFaces
from labeler.guidance.label_index import LabelIndex
from labeler.guidance.progress import Only
from labeler.guidance.proposed import ProposedPoints
from labeler.guidance.repeats import Repeats
from labeler.pictures.integrity import OriginalFiles
from labeler.project.coco import predictions_file, provenance, samples_of, write_coco
from labeler.project.extras import Told
from labeler.project.outgoing import Predicted, Split, outgoing, write_set
from labeler.storage.store import Store
from mdmd.data.boxes import boxed_by_labels, is_whole_picture
from mdmd.data.picture_files import NAMED
from mdmd.data.records import HELDOUT_SPLIT, Annotation, Dataset
from mdmd.errors import DataError
from mdmd.files import LARGEST_SET, read_json
from mdmd.formats.format import Format, Pictures, losses
from mdmd.formats.known import FORMATS
from mdmd.formats.labels import Loss


@dataclass(frozen=True)
class ExportReport:
    """The result of an export: the path of the COCO file, and the numbers of images, faces and points in it.

    `unlabeled`, `skipped`, `incomplete` and `unseen` count the faces that are left out as they should be, the last two
    where only complete or only reviewed faces were wanted. `absent` counts completely labeled faces that are left out
    because every landmark is labeled as absent. `missing` names the pictures whose faces are in the file, but which are
    no longer in the project's folder, and `changed` says which are not the ones that were labeled any more.
    `predictions` is the file of the `predicted` faces, if they were asked for.
    """

    path: Path
    images: int
    faces: int
    points: int
    unlabeled: int
    skipped: int
    incomplete: int
    absent: int
    missing: tuple[str, ...]
    changed: tuple[str, ...] = ()
    unseen: int = 0
    predicted: int = 0
    predictions: Path | None = None

    @property
    def complete(self) -> bool:
        """Whether everything is in the file that a user would expect to be."""
        return not self.problems

    @property
    def left_out(self) -> str:
        """How many faces are left out as they should be: "3 without labels, 1 skipped"; empty if none are."""
        counts = (
            (self.unlabeled, "without labels"),
            (self.incomplete, "incomplete"),
            (self.unseen, "with points accepted unseen"),
            (self.skipped, "skipped"),
        )
        return ", ".join(f"{count:,} {why}" for count, why in counts if count)

    @property
    def problems(self) -> list[str]:
        """What a user would not expect of the file, as sentences."""
        said = []
        if self.absent:
            said.append(
                f"complete faces that are left out, because every landmark is labeled as absent: {self.absent:,}; "
                "label a point on them, or skip them"
            )
        if self.missing:
            named = ", ".join(self.missing[:NAMED]) + (" ..." if len(self.missing) > NAMED else "")
            said.append(
                f"pictures that the file names but that are missing from the project: {len(self.missing):,} ({named}); "
                "put them back into images/"
            )
        return [*said, *self.changed]


@dataclass(frozen=True)
class SetReport:
    """The result of an export as a set of the format `title`: its folder, its images by split, faces and points.

    `predicted` counts the faces whose predictions stand beside the labels, and `lost` is what the format cannot keep.
    """

    path: Path
    title: str
    images: Mapping[str, int]
    faces: int
    points: int
    lost: tuple[Loss, ...]
    predicted: int = 0


class Exchange:
    """What leaves the project `name` with pictures in `images`."""

    def __init__(
        self,
        name: str,
        store: Store,
        index: LabelIndex,
        bases: BaseFaces,
        proposed: ProposedPoints,
        repeats: Repeats,
        originals: OriginalFiles,
        images: Path,
    ) -> None:
        self._name, self._store, self._index, self._bases = name, store, index, bases
        self._proposed = proposed
        self._repeats, self._originals, self._images = repeats, originals, images

    def training_set(self) -> Dataset:
        """The faces to train on: at least one labeled point, not skipped, picture in the split "train".

        Unreviewed predictions are not included. A face without a drawn box gets a box around its labels or, with few
        of them, the one in which a base found the face. As soon as
        there are enough of them, the faces of measuring subjects have the split "heldout", so that no training learns
        from them. Raises DataError if there is no definition yet, as do `unlabeled_faces` and `labeled_set`.
        """
        return self._boxed(held_out(self._dataset({face.face for face in self._index.training_faces()})))

    def unlabeled_faces(self) -> Dataset:
        """The faces to pre-label: neither completely labeled nor skipped."""
        return self._dataset({face.face for face in self._index.wanted_faces() if face.state != "complete"})

    def labeled_set(self, *, only: Only | None = None) -> Dataset:
        """The labeled faces of all splits, or only the complete or reviewed ones, not skipped.

        Boxes are as in `training_set`.
        """
        return self._boxed(self._dataset({face.face for face in self._index.wanted_faces() if face.is_wanted(only)}))

    def predicted_faces(self) -> list[Predicted]:
        """The faces that are neither completely labeled nor skipped, with the points that they show now, if any.

        Boxes are as in `training_set`. Points that are carried over are there after `Project.carry_labels`.
        """
        proposed, ids = self._proposed.all(), self._index.must_define().ids
        found = []
        for sample in self._boxed(self.unlabeled_faces()).samples:
            points = proposed[sample.face_id].points if sample.face_id in proposed else {}
            known = np.array([key in points for key in ids])
            if known.any():
                places = np.array([(points[key].x, points[key].y) if key in points else (0.0, 0.0) for key in ids])
                scores = np.array([1 - points[key].p_off if key in points else 0.0 for key in ids])
                annotation = Annotation(places, np.where(known, 2, 0))
                found.append(Predicted(replace(sample, annotation=annotation), scores))
        return found

    def export(self, out: Path, *, only: Only | None = None, with_predictions: bool = False) -> ExportReport:
        """Write the labeled faces as a COCO-keypoint file, or only the complete or reviewed ones.

        With `with_predictions`, what is proposed for faces that are not complete goes into a file of its own beside it,
        as COCO results. Skipped faces are left out. A face without a drawn box gets one as in training, because the
        area of the whole picture would make all errors small in COCO's metric. Raises DataError if there is nothing to
        export, `out` cannot be written or is another file than an earlier export of the project; it then stays
        unchanged.
        """
        dataset, predicted = self._to_export(only, with_predictions=with_predictions)
        _must_be_free(out, self._name)
        coco = write_coco(
            out,
            dataset,
            images=self._images,
            attributes=provenance(self._store, dataset, self._index.labels()),
            noise=self._repeats.noise(dataset.definition),
            predicted=predicted,
            told=Told.by(self._store.extras),
        )
        standings, wanted = self._index.standings(), self._index.wanted_faces()
        unlabeled = sum(not face.visible and face.state != "complete" for face in wanted)
        absent = sum(not face.visible and face.state == "complete" for face in wanted)
        labeled = [face for face in wanted if face.visible and not face.is_wanted(only)]
        files = {sample.image_id: sample.path for sample in (*dataset.samples, *(one.sample for one in predicted))}
        missing = {key for key, path in files.items() if not path.is_file()}
        changed = self._originals.problems(files.keys() - missing, anew=True)
        return ExportReport(
            out,
            images=len({sample.image_id for sample in dataset.samples}),
            faces=len(coco["annotations"]),
            points=sum(record["num_keypoints"] for record in coco["annotations"]),
            unlabeled=unlabeled,
            skipped=len(standings) - len(wanted),
            incomplete=len(labeled) if only == "complete" else 0,
            absent=absent,
            missing=tuple(sorted(files[key].name for key in missing)),
            changed=tuple(changed.values()),
            unseen=len(labeled) if only == "reviewed" else 0,
            predicted=len(predicted),
            predictions=predictions_file(out) if predicted else None,
        )

    def export_set(
        self,
        form: Format,
        out: Path,
        *,
        split: Split | None = None,
        pictures: Pictures = "none",
        only: Only | None = None,
        with_predictions: bool = False,
        clip: bool = False,
    ) -> SetReport:
        """Write the labeled faces into the new folder `out` as a set of another format.

        `only` and `with_predictions` are as in `export`; the predictions stand where the format has a place for them.
        Raises DataError, leaving nothing, if there is nothing to export, a picture that is to be copied is missing or
        `out` cannot be written.
        """
        if with_predictions and not form.keeps_predictions:
            kept = ", ".join(form.name for form in FORMATS if form.keeps_predictions)
            raise DataError(
                f"{form.title} has no place for predictions apart from labels: leave them out, or choose one of {kept}"
            )
        dataset, predicted = self._to_export(only, with_predictions=with_predictions)
        names = {picture.id: picture.name for picture in self._store.images()}
        told = Told.by(self._store.extras)
        labels, lost = outgoing(
            dataset,
            names,
            self._index.labels(),
            split or Split(),
            clip=clip,
            predicted=predicted,
            told=told if form.keeps_extra else None,
        )
        if not form.keeps_extra:
            images, faces = ({getattr(one, key) for one in dataset.samples} for key in ("image_id", "face_id"))
            lost += losses(
                image_extra=len(images & told.of_images.keys()), face_extra=len(faces & told.of_faces.keys())
            )
        lost += write_set(labels, form, out, pictures)
        by_split = Counter(image.split or "" for image in labels.images)
        faces = [face for image in labels.images for face in image.faces if not face.predicted]
        points = sum(int((face.visibility > 0).sum()) for face in faces)
        splits = dict(sorted(by_split.items()))
        return SetReport(out, form.title, splits, len(faces), points, tuple(lost), len(predicted))

    def _to_export(self, only: Only | None, *, with_predictions: bool) -> tuple[Dataset, list[Predicted]]:
        """The labeled faces, and those with predictions. Raises DataError if there are none that were asked for.

        A project with predictions only has no labeled faces.
        """
        dataset = self.labeled_set(only=only)
        predicted = self.predicted_faces() if with_predictions else []
        if not dataset.samples and not predicted:
            kind = {None: "labeled", "complete": "completely labeled", "reviewed": "labeled and reviewed"}[only]
            raise DataError(f"nothing to export: no face of project {self._name!r} is {kind} yet")
        if with_predictions and not predicted:
            raise DataError(
                f"no predictions to export: no face of project {self._name!r} that is not complete has predicted "
                "points; leave out the predictions, or train a model first"
            )
        return dataset, predicted

    def _dataset(self, faces: set[int]) -> Dataset:
        definition = self._index.must_define()
        samples = samples_of(self._store, self._images, definition, faces, self._index.labels())
        return Dataset(self._name, definition, samples)

    def _boxed(self, dataset: Dataset) -> Dataset:
        base = self._bases.in_use()
        seen = {} if base is None else self._bases.points(base)
        boxed = []
        for sample in map(boxed_by_labels, dataset.samples):
            found = seen.get(sample.face_id)
            if found is not None and found.asked == sample.box and is_whole_picture(sample.box, sample):
                sample = replace(sample, box=found.box)
            boxed.append(sample)
        return replace(dataset, samples=tuple(boxed))


def _must_be_free(out: Path, project: str) -> None:
    """Raise DataError if `out` is there already and no export of this project, which a new one replaces."""
    if not out.is_file():
        return
    try:
        coco = read_json(out, most=LARGEST_SET)
    except (DataError, OSError):
        coco = None
    info = coco.get("info") if isinstance(coco, Mapping) else None
    if not (isinstance(info, Mapping) and info.get("project") == project):
        raise DataError(f"{out} is there already and is no export of project {project!r}: name another file")


def held_out(dataset: Dataset) -> Dataset:
    """`dataset` with the faces of measuring subjects in the split "heldout", if they are enough to judge a model on."""
    kept = [sample for sample in dataset.samples if measuring(sample.group) and not sample.unseen]
    if len({sample.group for sample in kept}) < FEWEST or len(dataset.samples) - len(kept) < FEWEST:
        return dataset
    samples = (
        replace(sample, split=HELDOUT_SPLIT) if measuring(sample.group) else sample for sample in dataset.samples
    )
    return replace(dataset, samples=tuple(samples))
