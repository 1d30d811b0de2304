"""The settings of a project, and the file project.json that holds them."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from labeler.errors import StorageError
from labeler.pictures.subjects import SubjectRule
from mdmd.errors import DataError
from mdmd.evaluation.evaluate import FlagRule
from mdmd.files import read_json, write_json

FILE, FORMAT = "project.json", 1


@dataclass(frozen=True)
class Settings:
    """The settings of a project.

    A predicted point is flagged if it is off by more than `tolerance` with a probability above `threshold`. `tolerance`
    is a share of the definition's normalizing distance. With a `threshold` of None, the model chooses it so that the
    flags are expected to catch most of the wrong points. `repeats` is the share of labeled faces that are labeled a
    second time, blind. `learns` says whether the tool learns from the labels in the background. `subjects` is the rule
    that tells who is on pictures that are added (`labeler.pictures.subjects`); None: each is a subject by itself.
    """

    tolerance: float = 0.1
    threshold: float | None = None
    repeats: float = 0.0
    learns: bool = True
    subjects: str | None = None

    def __post_init__(self) -> None:
        if not 0 < self.tolerance <= 1:
            raise DataError(f"tolerance is {self.tolerance}, wanted a share above 0 and up to 1")
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise DataError(f"threshold is {self.threshold}, wanted a probability from 0 to 1")
        if not 0 <= self.repeats <= 1:
            raise DataError(f"repeats is {self.repeats}, wanted a share from 0 to 1")
        if self.subjects is not None:
            SubjectRule(self.subjects)

    @property
    def flag_rule(self) -> FlagRule:
        """When a point is flagged."""
        # A project may hold a threshold of 0 or 1: all points, or none.
        inside = None if self.threshold is None else min(max(self.threshold, 1e-9), 1 - 1e-9)
        return FlagRule(self.tolerance, inside)

    @property
    def options(self) -> list[str]:
        """The settings as command-line options of `mdmd`."""
        threshold = [] if self.threshold is None else ["--threshold", str(self.threshold)]
        return ["--tolerance", str(self.tolerance), *threshold]


class SettingsFile:
    """The file in the folder of a project. Safe to share between threads; other processes may change it, too.

    Raises DataError for a file that describes no project, or one of another version.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.RLock()
        #: The state of the file that was read last: time of change, size and number.
        self._seen: tuple[int, int, int] | None = None
        try:
            record = read_json(folder / FILE)
            form, self._known = record["format"], _settings_in(record)
        except (ValueError, KeyError, TypeError) as error:
            why = error if isinstance(error, DataError) else repr(error)
            raise DataError(f"{folder / FILE} is not a project's description: {why}") from None
        if form != FORMAT:
            raise DataError(f"{folder} has the project format {form!r}, this labeler knows {FORMAT}: update it")

    def read(self) -> Settings:
        """The settings as they are now; the last known ones while the file cannot be read."""
        with self._lock, suppress(OSError, ValueError, KeyError, TypeError):
            stat = (self._folder / FILE).stat()
            seen = stat.st_mtime_ns, stat.st_size, stat.st_ino
            if seen != self._seen:
                self._known, self._seen = _settings_in(read_json(self._folder / FILE)), seen
        return self._known

    def change(self, **changes: Any) -> None:
        """Change these fields and save. Raises StorageError, changing nothing, if the file cannot be written."""
        with self._lock:
            settings = replace(self.read(), **changes)
            try:
                write_settings(self._folder, self._folder.name, settings)
            except OSError as error:
                reason = f"the settings could not be written, nothing was changed: {error.strerror}"
                raise StorageError(reason) from None
            self._known, self._seen = settings, None


def write_settings(folder: Path, name: str, settings: Settings) -> None:
    """Write the file of the project `name`, whose folder may still be in the making. Raises OSError."""
    write_json(folder / FILE, {"name": name, "format": FORMAT, **asdict(settings)})


def _settings_in(record: Mapping[str, Any]) -> Settings:
    threshold, subjects = record["threshold"], record.get("subjects")
    return Settings(
        float(record["tolerance"]),
        None if threshold is None else float(threshold),
        float(record.get("repeats", 0.0)),
        record.get("learns", True) is not False,
        subjects=None if subjects is None else str(subjects),
    )
