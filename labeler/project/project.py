"""A project on disk: a folder with pictures, a label database and settings."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from labeler.analysis.image_features import cutout
from labeler.errors import DamagedError, NotFoundError, StorageError
from labeler.guidance.base_faces import BaseFaces
from labeler.guidance.carried_points import CarriedPoints
from labeler.guidance.check_service import LabelChecks
from labeler.guidance.duplicates import DuplicateFinder
from labeler.guidance.flags import Flags
from labeler.guidance.in_charge import InCharge
from labeler.guidance.label_index import LabelIndex, Progress
from labeler.guidance.learned_rounds import LearnedRounds
from labeler.guidance.learning import Learning
from labeler.guidance.progress import Only
from labeler.guidance.proposals import Proposals
from labeler.guidance.proposed import ProposedPoints
from labeler.guidance.repeats import Repeats
from labeler.pictures.add import IngestReport, Intake
from labeler.pictures.feature_cache import FeatureCache
from labeler.pictures.ingest import sha256_of
from labeler.pictures.integrity import OriginalFiles
from labeler.pictures.subjects import SubjectRule, SubjectsReport, set_subjects, subject_counts
from labeler.pictures.thumbnails import WIDTHS, Thumbnails
from labeler.project.exchange import Exchange, ExportReport, SetReport
from labeler.project.frame import labels_frame, set_labels
from labeler.project.importer import Importer, ImportReport
from labeler.project.leftovers import clear_orphans, clear_partial
from labeler.project.outgoing import Split
from labeler.project.safekeeping import FOLDER as BACKUPS
from labeler.project.safekeeping import Safekeeping
from labeler.project.settings import Settings, SettingsFile
from labeler.project.trash import Trash
from labeler.storage.backups import Backups
from labeler.storage.imports import Import
from labeler.storage.records import Picture
from labeler.storage.store import Store
from mdmd.data.definition import Definition
from mdmd.data.records import Box, Dataset
from mdmd.datasets.incoming import Incoming, incoming
from mdmd.datasets.matching import Match
from mdmd.formats.format import Format, Pictures

if TYPE_CHECKING:
    import pandas as pd

#: The file that is locked while a picture is added.
TURN = ".adding"


@dataclass(frozen=True)
class TakenBack:
    """An import that was taken back: the faces and points whose labels are gone or as before, the pictures removed.

    `kept` counts the pictures that it added and that stay, because a person has worked on them since.
    """

    what: Import
    faces: int
    points: int
    removed: int
    kept: int

    @property
    def sentences(self) -> list[str]:
        """What was done, as sentences."""
        said = [f"{self.points:,} labels of {self.faces:,} faces are as they were before it."]
        if self.removed:
            said.append(f"Pictures moved to the trash: {self.removed:,}.")
        if self.kept:
            said.append(f"Pictures that it added and that stay, because they were worked on since: {self.kept:,}.")
        return said


class Project:
    """One project: `folder`, its `store` of labels and its `settings`. Safe to share between threads.

    `clock` gives the Unix seconds that edits and copies of the labels bear.
    """

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._settings = SettingsFile(folder)
        if not (folder / "labels.db").is_file():
            raise DamagedError(f"{folder / 'labels.db'} is missing: it holds the labels of project {folder.name!r}")
        self.name = folder.name
        self.trash = Trash(folder.parent)
        self.folder = folder
        backups = Backups(folder / BACKUPS, folder / "labels.db", clock=clock)
        self.store = Store(folder / "labels.db", clock=clock, migrates=lambda: backups.make("update"))
        self.safekeeping = Safekeeping(folder, self.store, backups, clock=clock)
        self.originals = OriginalFiles(self.store, self.images)
        self.thumbnails = Thumbnails(folder / "cache")
        self.intake = Intake(self.store, self.images, folder / TURN)
        self.proposed = ProposedPoints(self.store.predictions, self.store.charges, self.store.imports)
        self.index = LabelIndex(self.store, self.name, self.proposed)
        self.bases = BaseFaces(self.store)
        self.rounds = LearnedRounds(folder / "cache" / "rounds")
        #: What the background learner does now; it says so here.
        self.learning = Learning()
        self.carried = CarriedPoints(self.store, self.index, self.bases, self.rounds, self.proposed)
        self.charge = InCharge(
            self.store, self.index, self.bases, self.carried, self.rounds, self.proposed, runs=self.runs
        )
        self.flags = Flags(self.store.predictions, self.index, self.bases, self.proposed, runs=self.runs)
        self.proposals = Proposals(self.store, self.index, self.proposed)
        self.checks = LabelChecks(self.store, self.index, self.runs)
        self.repeats = Repeats(self.store, self.index)
        self.exchange = Exchange(
            self.name,
            self.store,
            self.index,
            self.bases,
            self.proposed,
            self.repeats,
            self.originals,
            self.images,
        )
        self.importer = Importer(self.store, self.index, self.intake, self.images)
        features = FeatureCache(folder / "cache" / "looks.npy", self._cutout)
        self.duplicates = DuplicateFinder(self.store, features, self.index)
        self._clearing, self._cleared = threading.Lock(), False

    def close(self) -> None:
        """Close the database. The project cannot be used afterwards."""
        self.safekeeping.close()
        self.store.close()

    def clear_leftovers(self) -> None:
        """Clear away what killed processes have left in the folder, once (see `labeler.project.leftovers`).

        It is done before the first picture is added. Raises StorageError if the folder cannot be written.
        """
        with self._clearing:
            if not self._cleared:
                clear_partial(self.folder)
                clear_orphans(self.images, self.store, self.intake, self.trash)
                self._cleared = True

    @property
    def settings(self) -> Settings:
        """The settings as they are now: the command line may change them beside a server."""
        return self._settings.read()

    def change_settings(self, **changes: Any) -> None:
        """Change these fields of the settings. Raises StorageError, changing nothing, if they cannot be written."""
        self._settings.change(**changes)

    @property
    def read_only(self) -> str | None:
        """Why the project can only be looked at; None if its labels can be written."""
        return self.store.connection.read_only

    @property
    def images(self) -> Path:
        return self.folder / "images"

    @property
    def runs(self) -> Path:
        return self.folder / "runs"

    @property
    def definition(self) -> Definition | None:
        """The newest definition; None if there is none yet."""
        return self.index.definition

    def carry_labels(self) -> bool:
        """Carry the labels over to the other faces again if they have changed; returns whether they had."""
        return self.carried.refresh(self.settings.flag_rule)

    def judge_proposers(self) -> bool:
        """Judge which proposer is in charge if labels or runs have changed; returns whether another one is now."""
        return self.charge.refresh(self.settings.tolerance)

    def progress(self) -> Progress:
        """The numbers of pictures, faces and points, and how many of them are labeled."""
        return self.index.progress()

    # Shortcuts to `intake`, `exchange` and `frame`

    def add_pictures(self, paths: Iterable[Path], *, subjects: SubjectRule | None = None) -> IngestReport:
        """Add files and all pictures in folders; the report says what did not come in.

        `subjects` tells who is on the new pictures; without it the rule that was set last does, if one was.
        """
        self.clear_leftovers()
        paths, kept = list(paths), self.settings.subjects
        if subjects is not None:
            if kept is None:
                self.change_settings(subjects=subjects.text)
            return self.intake.add_all(paths, subject=subjects.of_file)
        if kept is None:
            return self.intake.add_all(paths)
        rule, single = SubjectRule(kept), set(paths)
        # The folder of an uploaded file is one of the server's.
        return self.intake.add_all(
            paths, subject=lambda file, name: rule.of_name(name) if file in single else rule.of_file(file, name)
        )

    def subjects(self) -> dict[str, int]:
        """The number of pictures of each subject, a person or an animal, those with most first."""
        return subject_counts(self.store)

    def set_subjects(self, rule: SubjectRule) -> SubjectsReport:
        """Tell the subjects of all pictures by their names, and of those that are added later."""
        self.safekeeping.before("subjects")
        report = set_subjects(self.store, rule)
        self.change_settings(subjects=rule.text)
        return report

    def add_picture(
        self, path: Path, *, split: str = "train", subject: str | None = None, boxes: Iterable[Box] = ()
    ) -> tuple[Picture, bool]:
        """Add one picture with a face for each of `boxes`, or one that fills the picture.

        Returns the picture and whether it is new. Raises DataError for a file that is not a usable picture.
        """
        self.clear_leftovers()
        return self.intake.add(path, split=split, subject=subject, boxes=boxes)

    def remove_picture(self, image_id: int) -> Path | None:
        """Remove a picture with its faces and labels; returns where its file lies in the trash, None if it had none.

        Raises NotFoundError, and StorageError, changing nothing, if the file cannot be moved.
        """
        picture = self.store.image(image_id)
        file = self.images / picture.file_name
        if not file.is_file():
            self.store.remove_image(image_id)
            return None
        if self.store.file_digest(image_id) is None:  # The project is older than the recording of digests.
            self.originals.remember(picture)
        digest = self.store.file_digest(image_id) or sha256_of(file)
        self.store.remove_image(image_id)
        try:
            place = self.trash.take(file)
        except StorageError:
            self.store.restore_image(image_id, picture.file_name, digest)
            raise
        self.thumbnails.forget(file)
        return place

    def put_picture_back(self, image_id: int) -> Picture:
        """Bring a removed picture back with its faces and labels. Raises NotFoundError if its file is gone."""
        removed = next((picture for picture in self.store.removed_images() if picture.id == image_id), None)
        if removed is None:
            raise NotFoundError(f"picture {image_id} was not removed")
        file = self.trash.picture(removed.file_name, {removed.sha256, removed.file_sha256 or ""})
        if file is None:
            raise NotFoundError(
                f"the file {removed.file_name} is not in the trash any more; add the picture again, and its labels "
                "come back"
            )
        picture = self.intake.put_back(file, image_id)
        self.bases.try_again(image_id)
        self.trash.drop(file)
        return picture

    def training_set(self) -> Dataset:
        """The labeled faces to train on; raises DataError if there is no definition yet."""
        return self.exchange.training_set()

    def unlabeled_faces(self) -> Dataset:
        """Faces that are neither completely labeled nor skipped; raises DataError if there is no definition yet."""
        return self.exchange.unlabeled_faces()

    def usable(self, *datasets: Dataset, anew: bool = False) -> tuple[list[Dataset], list[str]]:
        """`datasets` without the faces whose picture's file has changed since it was added; and a sentence on each.

        With `anew` all files are hashed, otherwise those that seem to have changed (see `OriginalFiles`). Missing files
        are left to the reader of the data sets, which names them.
        """
        used = {sample.image_id for dataset in datasets for sample in dataset.samples if sample.path.is_file()}
        problems = self.originals.problems(used, anew=anew)
        kept = [
            replace(dataset, samples=tuple(sample for sample in dataset.samples if sample.image_id not in problems))
            for dataset in datasets
        ]
        return kept, list(problems.values())

    def export(self, out: Path, *, only: Only | None = None, with_predictions: bool = False) -> ExportReport:
        """Write the labels to `out` as COCO keypoints, or only those of complete or of reviewed faces.

        With `with_predictions`, the points that other faces show are written as COCO results beside `out`, as
        NAME.predictions.json. Raises DataError if there is nothing to write or writing fails.
        """
        if with_predictions:
            self.carry_labels()
        return self.exchange.export(out, only=only, with_predictions=with_predictions)

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
        """Write the labels into the new folder `out` as a set of another format; see `Exchange.export_set`."""
        if with_predictions:
            self.carry_labels()
        return self.exchange.export_set(
            form, out, split=split, pictures=pictures, only=only, with_predictions=with_predictions, clip=clip
        )

    def labels(self) -> pd.DataFrame:
        """The labels as a table with one row per point; see `labeler.project.frame.labels_frame` for its columns."""
        return labels_frame(self.store, self.index)

    def set_labels(self, frame: pd.DataFrame, *, annotator: str | None = None) -> int:
        """Write the changed rows of such a table; returns the number of changed points.

        Raises DataError, naming the row, and ConflictError if another writer has changed a point in the meantime.
        """
        self.safekeeping.before("import")
        return set_labels(self.store, self.index, frame, annotator=annotator)

    def import_labels(
        self,
        place: Path,
        *,
        form: str | None = None,
        folder: Path | None = None,
        chosen: Mapping[str, str] | None = None,
        partial: bool = False,
        one_based: bool | None = None,
        as_predictions: bool = False,
        replace_labels: bool = False,
    ) -> ImportReport:
        """Add pictures and labels of a file or folder of another tool, or of an export.

        The format is found by content, unless `form` names it (`mdmd.formats.known`). With a `folder`, pictures are
        searched there, and those that lie elsewhere are left out. `chosen` names landmarks of the file by those of the
        project; with `partial`, those that are not matched are left out. With `as_predictions`, all points are those of
        a model, proposals to review. `replace_labels` replaces labels that are there (see `Importer.bring_in`). Raises
        DataError if nothing can be read or the landmarks do not fit.
        """
        with tempfile.TemporaryDirectory(prefix="labeler-") as made:
            found = incoming(
                place,
                name=form,
                pictures=folder,
                one_based=one_based,
                unpacked=Path(made),
                as_predictions=as_predictions,
            )
            return self.bring_in(found, chosen=chosen, partial=partial, folder=folder, replace_labels=replace_labels)

    def bring_in(
        self,
        found: Incoming,
        *,
        chosen: Mapping[str, str] | None = None,
        match: Match | None = None,
        partial: bool = False,
        folder: Path | None = None,
        replace_labels: bool = False,
    ) -> ImportReport:
        """Add what was `found`, as `import_labels` does."""
        self.clear_leftovers()
        self.safekeeping.before("import")
        kept = self.settings.subjects
        report = self.importer.bring_in(
            found,
            chosen=chosen,
            match=match,
            partial=partial,
            folder=folder,
            replace_labels=replace_labels,
            rule=None if kept is None else SubjectRule(kept),
        )
        if report.proposed and report.number is not None:
            self.charge.bring_in(report.number)
        return report

    def take_back_import(self, number: int | None = None) -> TakenBack:
        """Take back an import, by default the newest one that was not taken back, except what was changed since.

        Labels that it replaced are back, and pictures that it added are moved to the trash unless labels are left on
        them. One that was interrupted or failed goes on where it was when it is started again. Raises NotFoundError,
        ConflictError if it was taken back before, and StorageError.
        """
        imports = self.store.imports
        found = (
            imports.get(number) if number is not None else next((i for i in imports.all() if not i.taken_back), None)
        )
        if found is None:
            what = "no import that can be taken back" if number is None else f"no import {number}"
            raise NotFoundError(f"there is {what} in project {self.name!r}")
        self.safekeeping.before("import")
        faces, points = self.store.take_back_import(found.id)
        self.charge.take_back(found.id)
        pictures = imports.pictures(found.id)
        worked_on = self._worked_on(pictures)
        as_added = [picture for picture in pictures if picture not in worked_on]
        for picture in as_added:
            self.remove_picture(picture)
        imports.take_back(found.id)
        return TakenBack(found, faces, points, len(as_added), len(worked_on))

    def _worked_on(self, pictures: Iterable[int]) -> set[int]:
        """Those of `pictures` with a face, or blind repeat, that a person drew or that has an edit in effect."""
        wanted = set(pictures)
        faces = [face for face in (*self.store.faces(), *self.store.repeats()) if face.image_id in wanted]
        return {
            face.image_id
            for face in faces
            if self.store.can_undo_redo(face.id)[0] or self.store.history(face.id)[-1].source == "drawn"
        }

    def _cutout(self, picture: Picture, box: Box) -> NDArray[np.float32]:
        """The pixels for finding near-duplicates, read from the thumbnail if the picture is larger than that."""
        path, widest = self.images / picture.file_name, max(WIDTHS)
        small = self.thumbnails.get(path, widest) if picture.width > widest else path
        return cutout(small, box, 1.0 if small == path else widest / picture.width)


def open_project(path: Path | str, *, clock: Callable[[], float] = time.time) -> Project:
    """Open the project in the folder `path`; raises DataError if the folder is not a project.

    `clock` gives the Unix seconds that edits and copies of the labels bear.
    """
    return Project(Path(path).resolve(), clock=clock)
