"""Try the model of a run on pictures that are not in the project: one try a project, which ends with the server."""

from __future__ import annotations

import secrets
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from labeler.errors import ConflictError, NotFoundError
from labeler.project.project import Project
from labeler.runs.background import end_process, start_mdmd, why_failed
from labeler.runs.control import model_run
from labeler.runs.run import Run
from labeler.runs.tried_pictures import (
    AddedPictures,
    TriedFace,
    TriedPicture,
    add_to_project,
    faces_of,
    take_pictures,
    write_faces,
)
from mdmd import run_folder
from mdmd.errors import DataError
from mdmd.evaluation.predictions import read_predicted

#: The most pictures of one try.
MOST = 20

State = Literal["waiting", "running", "done", "failed", "added"]


@dataclass
class Trial:
    """One try of the model of `run` on `pictures` of a project; `refused` holds (name, reason) of the others.

    `faces` are the predicted faces by the picture's number, once it is "done". `seconds` is how long that took,
    `problem` why it "failed", and `added` what came into the project.
    """

    number: str
    project: Project
    run: Run
    folder: Path
    pictures: list[TriedPicture]
    refused: list[tuple[str, str]]
    state: State = "waiting"
    faces: dict[int, TriedFace] = field(default_factory=dict)
    radius90: float | None = None
    seconds: float = 0.0
    problem: str | None = None
    added: AddedPictures | None = None
    process: subprocess.Popen[bytes] | None = None
    began: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def active(self) -> bool:
        """Whether its pictures are still to be predicted."""
        return self.state in ("waiting", "running")


class Trials:
    """The tries of all projects of a server, at most one a project; the pictures lie in `folder`.

    `step` starts and collects processes: it is called again and again by one thread, with which the processes end.
    `clock` counts seconds. Safe to share between threads.
    """

    every = 0.25

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder, self._clock = folder, clock
        self._lock = threading.Lock()
        self._trials: dict[Path, Trial] = {}

    def of(self, project: Project) -> Trial | None:
        """The try of a project; None without one."""
        trial = self._trials.get(project.folder)
        return trial if trial is not None and trial.project is project else None

    def begin(self, project: Project, run_id: str, files: Sequence[Path]) -> Trial:
        """Try the model of a run on pictures, in place of the project's earlier try. The files are moved.

        Raises DataError, NotFoundError or ConflictError, and moves nothing, if there are none or too many, or there is
        no such model. A try without a usable picture is "failed".
        """
        if not files:
            raise DataError("no picture was dropped")
        if len(files) > MOST:
            raise DataError(f"found {len(files)} pictures, wanted at most {MOST} at once: drop fewer")
        run = model_run(project, run_id)
        number = secrets.token_hex(8)
        folder = self._folder / number
        self._folder.mkdir(mode=0o700, exist_ok=True)
        folder.mkdir(mode=0o700)
        try:
            pictures, refused = take_pictures(project, files, folder)
            if pictures:
                write_faces(folder / run_folder.FACES, pictures, project.index.must_define())
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        trial = Trial(number, project, run, folder, pictures, refused)
        if not pictures:
            trial.state, trial.problem = "failed", "none of the pictures can be used"
        with self._lock:
            before = self._trials.get(project.folder)
            self._trials[project.folder] = trial
        if before is not None:
            _remove(before)
        return trial

    def step(self) -> None:
        """Start the processes that wait, and collect what has been predicted."""
        for trial in list(self._trials.values()):
            with trial.lock:
                if self._trials.get(trial.project.folder) is not trial:
                    continue
                try:
                    if trial.state == "waiting":
                        self._start(trial)
                    elif trial.state == "running":
                        self._collect(trial)
                except (DataError, OSError) as error:
                    end_process(trial.process)
                    trial.state, trial.problem = "failed", f"the pictures could not be predicted: {error}"

    def add(self, project: Project, number: str) -> Trial:
        """Add the pictures of the try of that number to the project, with what was predicted as proposals of its run.

        Nothing is added twice. Raises ConflictError where this try has been replaced or is not done, or its run has
        been deleted; if no picture can be added, DataError, and the try is kept.
        """
        trial = self.of(project)
        if trial is None or trial.number != number:
            raise ConflictError("these pictures are not there any more: another try has taken their place, or none has")
        with trial.lock:
            if self.of(project) is not trial:
                raise ConflictError("these pictures are not there any more: another try has just taken their place")
            if trial.state == "added":
                return trial
            if trial.state != "done":
                raise ConflictError("these pictures have not been predicted yet")
            try:
                model_run(project, trial.run.id)
            except NotFoundError:
                raise ConflictError(
                    f"run {trial.run.name} has been deleted, so nothing can be proposed in its name: drop the pictures "
                    "again for another model, or add them on the Project page"
                ) from None
            added = add_to_project(project, int(trial.run.id), trial.pictures, trial.faces, radius90=trial.radius90)
            if len(added.refused) == len(trial.pictures):
                raise DataError(f"no picture could be added: {added.refused[0][1]}")
            trial.added, trial.state = added, "added"
            shutil.rmtree(trial.folder, ignore_errors=True)
        return trial

    def discard(self, project: Project, number: str) -> None:
        """End the try of that number and remove its pictures; nothing if it is not there any more."""
        with self._lock:
            trial = self.of(project)
            if trial is None or trial.number != number:
                return
            del self._trials[project.folder]
        _remove(trial)

    def close(self) -> None:
        """End all tries and remove their pictures."""
        with self._lock:
            trials, self._trials = list(self._trials.values()), {}
        for trial in trials:
            _remove(trial)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self, trial: Trial) -> None:
        words = ["predict", trial.run.folder.resolve(), "--faces", trial.folder / run_folder.FACES, "--find-boxes"]
        words += ["--allow-missing", *trial.project.settings.options]
        words += ["--out", trial.folder / run_folder.PREDICTIONS]
        trial.began = self._clock()
        trial.process = start_mdmd(words, trial.folder, is_waited_for=True)
        trial.state = "running"

    def _collect(self, trial: Trial) -> None:
        code = None if trial.process is None else trial.process.poll()
        if code is None:
            return
        if code != 0:
            gone = not trial.run.has_model
            trial.problem = (
                f"run {trial.run.name} has been deleted meanwhile: drop the pictures again for another model"
                if gone
                else f"the pictures could not be predicted: {why_failed(trial.folder, code)}"
            )
            trial.state = "failed"
            return
        found = read_predicted(trial.folder / run_folder.PREDICTIONS)
        trial.faces, trial.radius90 = faces_of(found, trial.pictures), found.radius90
        trial.seconds = self._clock() - trial.began
        trial.state = "done"


def _remove(trial: Trial) -> None:
    """End a try that is not in the list any more; waits for what is done with it."""
    with trial.lock:
        end_process(trial.process)
        shutil.rmtree(trial.folder, ignore_errors=True)
