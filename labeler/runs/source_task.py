"""Learning a data set once, in the background: trainings begin with the base that comes of it, and labels are carried
over through it."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from labeler.guidance.learning import LearningSource
from labeler.project.project import Project
from labeler.project.workspace import BASES
from labeler.runs.background import start_mdmd, why_failed
from labeler.runs.control import list_runs
from labeler.runs.sources import DRAWN, Source, Sources, has_base
from mdmd import run_folder
from mdmd.config import BASE_MINUTES
from mdmd.errors import DataError

#: Seconds between looks at how far it is.
LOOK_EVERY = 5.0


@dataclass
class SourceTask:
    """The data set `name` that is being learned; `folder` has the log."""

    name: str
    folder: Path
    process: subprocess.Popen[bytes]
    looked_at: float = 0.0
    told: LearningSource | None = None

    def wanted(self, projects: Sequence[Project]) -> bool:
        """Whether it is still to go on, with these projects open."""
        return any(project.settings.learns for project in projects)

    def go_on(self) -> bool:
        """Whether it still learns. Raises DataError if it failed."""
        code = self.process.poll()
        if code is None:
            return True
        why = why_failed(self.folder, code)
        shutil.rmtree(self.folder, ignore_errors=True)
        if code:
            raise DataError(f"the data set {self.name} could not be learned: {why}")
        return False

    def stop(self) -> None:
        """End the process. The next one goes on where it was."""
        self.process.kill()
        self.process.wait()

    def state(self) -> LearningSource:
        """How far it is, at most LOOK_EVERY seconds old."""
        now = time.monotonic()
        if self.told is None or now - self.looked_at > LOOK_EVERY:
            steps = [event for event in run_folder.read_events(self.folder) if event["event"] == "step"]
            left = steps[-1].get("eta_seconds") if steps else None
            self.told, self.looked_at = LearningSource(self.name, left), now
        return self.told


def source_to_learn(projects: Sequence[Project], sources: Sources) -> Source | None:
    """The first data set that one of `projects` would be trained with and that this machine has not learned.

    After a training with the drawn faces, or with none, that is the data set which a first training would be offered.
    """
    for project in projects:
        last = next((run.source for run in list_runs(project) if run.kind == "train"), None)
        source = sources.get(sources.usual(None if last == DRAWN else last))
        if source.name != DRAWN and source.path.is_file() and not has_base(source):
            return source
    return None


def begin_source(root: Path, source: Source, *, minutes: float = BASE_MINUTES) -> SourceTask:
    """Begin to learn `source` for the projects in `root`, or go on with it if it was stopped."""
    folder = root.resolve() / BASES / f"learning-{source.name}"
    folder.mkdir(parents=True, exist_ok=True)
    words = ["--data", source.given, "--bases", folder.parent, "--out", folder, "--minutes", minutes, "--quiet"]
    return SourceTask(source.name, folder, start_mdmd(["train", *map(str, words)], folder))
