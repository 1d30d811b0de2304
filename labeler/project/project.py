"""A project on disk: a folder with pictures, one label database and settings."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from labeler.analysis.image_features import cutout
from labeler.errors import StorageError
from labeler.guidance.check_service import LabelChecks
from labeler.guidance.duplicates import DuplicateFinder
from labeler.guidance.label_index import LabelIndex, Progress
from labeler.guidance.proposals import Proposals
from labeler.guidance.repeats import Repeats
from labeler.pictures.feature_cache import FeatureCache
from labeler.pictures.intake import IngestReport, Intake
from labeler.pictures.integrity import Originals
from labeler.pictures.thumbnails import WIDTHS, ScreenCopies
from labeler.project.exchange import Exchange, ExportReport, ImportReport
from labeler.project.frame import labels_frame, set_labels
from labeler.storage.records import Picture
from labeler.storage.store import Store
from mdmd.data.definition import Definition
from mdmd.data.records import Box, Dataset
from mdmd.errors import DataError
from mdmd.files import write_json

if TYPE_CHECKING:
    import pandas as pd

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
        self.intake = Intake(self.store, self.images, self.originals)
        self.index = LabelIndex(self.store, self.name)
        self.proposals = Proposals(self.store, self.index)
        self.checks = LabelChecks(self.store, self.index, self.runs)
        self.repeats = Repeats(self.store, self.index)
        self.exchange = Exchange(self.name, self.store, self.index, self.repeats, self.intake, self.images)
        features = FeatureCache(folder / "cache" / "looks.npy", self._cutout)
        self.duplicates = DuplicateFinder(self.store, features, self.index)

    def close(self) -> None:
        """Close the database; the project cannot be used afterwards."""
        self.store.close()

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

    # What `intake` and `exchange` do, under the names that callers look for

    def add_pictures(self, paths: Iterable[Path]) -> IngestReport:
        """Add files and the pictures of folders; raises DataError for a folder without pictures."""
        return self.intake.add_all(paths)

    def add_picture(
        self, path: Path, *, split: str = "train", subject: str | None = None, boxes: Iterable[Box] = ()
    ) -> tuple[Picture, bool]:
        """Add one picture with a face for each of `boxes`, or one that fills it; returns it and whether it is new."""
        return self.intake.add(path, split=split, subject=subject, boxes=boxes)

    def training_set(self) -> Dataset:
        """Labels to learn from; raises DataError before the first definition."""
        return self.exchange.training_set()

    def unlabeled_faces(self) -> Dataset:
        """Faces that are neither completely labeled nor skipped; raises DataError before the first definition."""
        return self.exchange.unlabeled_faces()

    def export(self, out: Path, *, only_complete: bool = False) -> ExportReport:
        """Write the labels to `out` as COCO keypoints; raises DataError when there is nothing to write."""
        return self.exchange.export(out, only_complete=only_complete)

    def labels(self) -> pd.DataFrame:
        """The labels as a table, one row a point; see `labeler.project.frame.labels_frame` for its columns."""
        return labels_frame(self.store, self.index)

    def set_labels(self, frame: pd.DataFrame, *, annotator: str | None = None) -> int:
        """Write changed rows of such a table back; returns how many points changed. Raises DataError naming the row."""
        return set_labels(self.store, self.index, frame, annotator=annotator)

    def import_coco(self, path: Path) -> ImportReport:
        """Add pictures and labels of a COCO-keypoint file; raises DataError for a file that does not fit."""
        return self.exchange.import_coco(path)

    def _cutout(self, picture: Picture, box: Box) -> NDArray[np.float32]:
        """The pixels that near-duplicates are found by, from the screen copy where the picture is larger."""
        path, widest = self.images / picture.file_name, max(WIDTHS)
        if picture.width <= widest:
            return cutout(path, box, 1.0)
        return cutout(self.copies.get(path, widest), box, widest / picture.width)


def open_project(path: Path | str) -> Project:
    """The project in the folder `path`; raises DataError when the folder is not a project."""
    return Project(Path(path).resolve())
