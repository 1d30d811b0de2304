"""Predict with the base on every face of the open projects, in the background, as pictures come in."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from labeler.project.coco import samples_of, write_coco
from labeler.project.project import Project
from labeler.project.workspace import Workspace
from labeler.runs.background import PAUSE, start_mdmd, why_failed
from labeler.runs.bases import Base, best_base
from labeler.runs.processes import process_started
from labeler.storage.base_points import BasePoints
from labeler.storage.records import Face
from mdmd import run_folder
from mdmd.data.definition import Definition
from mdmd.data.records import Box, Dataset
from mdmd.errors import DataError
from mdmd.evaluation.predictions import read_predicted

logger = logging.getLogger("labeler")

#: The first faces come in a file of their own, so that they are there early. A process predicts MOST at a time.
FIRST, NEXT, MOST = 12, 60, 600
#: The kind of failure of `mdmd predict` where no picture of a file could be used.
NONE_USABLE = "picture"


@dataclass
class _Job:
    """One process that predicts `parts` of a project's faces, each into a file."""

    project: Project
    base: Base
    folder: Path
    parts: list[list[Face]]
    process: subprocess.Popen[bytes]
    collected: int = 0


class BasePredictions:
    """Predicts with the best base, one project at a time. `step` is called again and again; `close` ends the process.

    `base_of` finds the base for a projects root, and `clock` counts seconds.
    """

    every = 0.25

    def __init__(
        self,
        workspace: Workspace,
        *,
        base_of: Callable[[Path], Base] = best_base,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._workspace, self._base_of, self._clock = workspace, base_of, clock
        self._job: _Job | None = None
        self._not_before = 0.0
        #: The state of each project in which no face was missing.
        self._complete: dict[str, object] = {}

    @property
    def busy(self) -> bool:
        """Whether a process predicts."""
        return self._job is not None

    def step(self) -> None:
        """Collect what was predicted since the last call, and start a process if faces wait for it and none runs."""
        if self._job is not None:
            self._collect(self._job)
        if self._job is None and self._clock() >= self._not_before:
            for name in self._workspace.opened():
                try:
                    self._job = self._start(self._workspace.open(name))
                except (DataError, OSError) as error:
                    self._fail(f"project {name}: the base's points cannot be predicted: {error}")
                if self._job is not None:
                    break

    def close(self) -> None:
        """End the process, if one runs. What it had finished is collected when the project is opened again."""
        job, self._job = self._job, None
        if job is not None:
            job.process.kill()
            job.process.wait()
            shutil.rmtree(job.folder, ignore_errors=True)

    def _start(self, project: Project) -> _Job | None:
        if not project.store.images():
            return None
        base = self._base_of(self._workspace.root)
        state = (base.name, project.store.connection.stamp())
        if self._complete.get(project.name) == state:
            return None
        missing = project.bases.missing(base.name)[:MOST]
        if not missing:
            self._complete[project.name] = state
            return None
        # Two servers may have the same project open: each has a folder, and removes those of servers that have ended.
        folder = project.folder / "cache" / f"base-{os.getpid()}"
        for left in folder.parent.glob("base-*"):
            number = left.name.removeprefix("base-")
            if left == folder or not number.isdecimal() or process_started(int(number)) is None:
                shutil.rmtree(left, ignore_errors=True)
        folder.parent.mkdir(exist_ok=True)  # never its parent: the project may have just been renamed
        folder.mkdir()
        parts = list(_parts(missing))
        definition = Definition.from_category(base.category, where=f"base {base.name}")
        words = []
        for k, part in enumerate(parts):
            faces = samples_of(project.store, project.images, definition, {face.id for face in part})
            bare = tuple(replace(sample, annotation=None) for sample in faces)
            write_coco(_faces_file(folder, k), Dataset(base.name, definition, bare), images=project.images)
            words += ["--faces", str(_faces_file(folder, k)), "--out", str(_found_file(folder, k))]
        process = start_mdmd(["predict", base.folder, *words, "--find-boxes", "--allow-missing"], folder)
        return _Job(project, base, folder, parts, process)

    def _collect(self, job: _Job) -> None:
        code = job.process.poll()  # before the files are read: what an ended process wrote is complete
        try:
            while job.collected < len(job.parts) and _found_file(job.folder, job.collected).is_file():
                part = job.parts[job.collected]
                self._add(job, part, found_points(_found_file(job.folder, job.collected), part))
            if code is None:
                return
            failure = run_folder.read_failure(job.folder)
            if code != 0 and failure is not None and failure.kind == NONE_USABLE:
                self._add(job, job.parts[job.collected], {})
            elif code != 0:
                self._fail(
                    f"project {job.project.name}: predicting with the base failed: {why_failed(job.folder, code)}"
                )
        except (DataError, OSError) as error:
            self._fail(f"project {job.project.name}: the base's points cannot be used: {error}")
            job.process.kill()
            job.process.wait()
        self._job = None
        shutil.rmtree(job.folder, ignore_errors=True)

    def _add(self, job: _Job, part: Sequence[Face], found: dict[int, BasePoints]) -> None:
        nothing = np.zeros((0, 2)), np.zeros((0, 2, 2))
        faces = {face.id: found.get(face.id) or BasePoints(face.box, face.box, *nothing) for face in part}
        job.project.bases.add(job.base.name, job.base.category, faces)
        job.collected += 1

    def _fail(self, message: str) -> None:
        logger.warning("%s; trying again in %.0f seconds", message, PAUSE)
        self._not_before = self._clock() + PAUSE


def found_points(file: Path, faces: Sequence[Face]) -> dict[int, BasePoints]:
    """The base points of `faces` in a file that `mdmd predict` wrote. Raises DataError for a file that is not one."""
    found = read_predicted(file)
    asked = {face.id: face.box for face in faces}
    return {
        face: BasePoints(asked[face], Box(*map(float, found.boxes[k])), found.points[k], found.covariance[k])
        for k, face in enumerate(found.face_ids)
        if face in asked and np.isfinite(found.boxes[k]).all()
    }


def _parts(faces: Sequence[Face]) -> Iterator[list[Face]]:
    yield list(faces[:FIRST])
    for first in range(FIRST, len(faces), NEXT):
        yield list(faces[first : first + NEXT])


def _faces_file(folder: Path, part: int) -> Path:
    return folder / f"faces-{part}.json"


def _found_file(folder: Path, part: int) -> Path:
    return folder / f"found-{part}.json"
