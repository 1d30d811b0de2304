"""One round of the learner: it trains on the labeled faces, then predicts those that are next, and is published."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from labeler.analysis.rounds import SETTINGS, due
from labeler.guidance.learned_rounds import MAKING, RoundRecord, read_round
from labeler.guidance.proposed import CARRIED, round_number
from labeler.project.coco import write_coco
from labeler.project.project import Project
from labeler.runs.background import start_mdmd, why_failed
from labeler.runs.bases import Base
from labeler.runs.round_faces import faces_to_learn, faces_to_predict, learning_faces
from mdmd import run_folder
from mdmd.data.coco import read_coco
from mdmd.errors import DataError

#: Seconds between states of a round from which it can go on.
SAVE_EVERY = 15
#: A round begins at the base again if the one before is so much worse than the points carried over.
WORSE = 1.1


@dataclass
class RoundTask:
    """The round `record` that is learning in `folder`, and the process that trains or `predicts` for it."""

    project: Project
    record: RoundRecord
    folder: Path
    process: subprocess.Popen[bytes]
    predicts: bool

    def wanted(self, projects: Sequence[Project]) -> bool:
        """Whether it is still to go on, with these projects open."""
        return any(self.project is project for project in projects) and self.project.settings.learns

    def go_on(self) -> bool:
        """Predict once it has trained, and publish what it predicts; returns whether there is more to do.

        Raises DataError if a process failed; the round then begins anew the next time, or goes on if it was killed.
        """
        code = self.process.poll()
        if code is None:
            return True
        if code:
            why = why_failed(self.folder, code)
            if code > 0:  # a process that was killed can go on where it was
                shutil.rmtree(self.folder, ignore_errors=True)
            raise DataError(f"project {self.project.name}: learning from the labels failed: {why}")
        if not self.predicts:
            self.process, self.predicts = _predict(self.folder), True
            return True
        kept = (self.project.store.charges.current() or "", self.project.proposed.challenger)
        numbers = [number for name in kept if (number := round_number(name)) is not None]
        self.project.rounds.publish(self.record, keep=numbers)
        return False

    def stop(self) -> None:
        """End the process. The round goes on where it was when it begins again."""
        self.process.kill()
        self.process.wait()


def due_round(project: Project, base: Base, steps: Callable[[int], int]) -> RoundRecord | None:
    """The round that is to learn now, with so many `steps` for so many faces; None if none is due.

    The base must have seen the faces, because it gives them their boxes.
    """
    definition = project.definition
    if definition is None or project.bases.in_use() != base.name:
        return None
    learns_from = len(learning_faces(project))
    number = (project.rounds.numbers() or (0,))[-1] + 1
    record = RoundRecord(number, base.name, definition.version, learns_from, steps(learns_from))
    newest = project.rounds.newest()
    learned = newest.record.faces if newest is not None and newest.record.same_start(record) else 0
    return record if due(learns_from, learned) else None


def begin_round(project: Project, record: RoundRecord, base: Base) -> RoundTask:
    """Begin the round `record`, or go on with it if it was stopped. Raises DataError if its files cannot be written."""
    folder = project.rounds.folder / MAKING
    left = read_round(folder)
    if left is not None and left.continues(record):
        record = left
    else:
        shutil.rmtree(folder, ignore_errors=True)
        # Never the folder of the project: it may have just been renamed.
        for place in (folder.parent.parent, folder.parent, folder):
            place.mkdir(exist_ok=True)
        write_coco(folder / run_folder.TARGET, faces_to_learn(project), images=project.images)
        write_coco(folder / run_folder.FACES, faces_to_predict(project), images=project.images)
        record.write(folder)
    trained = (folder / run_folder.METRICS).is_file()
    process = _predict(folder) if trained else _train(project, record, base, folder)
    return RoundTask(project, record, folder, process, predicts=trained)


def _train(project: Project, record: RoundRecord, base: Base, folder: Path) -> subprocess.Popen[bytes]:
    words = ["--target", folder / run_folder.TARGET, "--from", _start_of(project, base, record), "--out", folder]
    words += ["--steps", record.steps, "--seed", record.number, "--save-every", SAVE_EVERY, *project.settings.options]
    settings = [word for setting in SETTINGS for word in ("--set", setting)]
    return start_mdmd(["adapt", *map(str, words), *settings, "--quiet"], folder)


def _start_of(project: Project, base: Base, record: RoundRecord) -> Path:
    """The folder of the model that a round begins with."""
    newest = project.rounds.newest()
    if newest is None or not newest.record.same_start(record):
        return base.folder
    # What the round before has learned of pictures that are measured on by now, or cleared, would stay in its weights.
    learns = read_coco(project.rounds.folder / MAKING / run_folder.TARGET).samples
    if not newest.learned_from <= {sample.image_id for sample in learns}:
        return base.folder
    folder = project.rounds.path(newest.record.number)
    own, carried = project.charge.error(f"round {newest.record.number}"), project.charge.error(CARRIED)
    worse = own is not None and carried is not None and own > WORSE * carried
    return base.folder if worse or not (folder / run_folder.WEIGHTS).is_file() else folder


def _predict(folder: Path) -> subprocess.Popen[bytes]:
    files = ["--faces", folder / run_folder.FACES, "--out", folder / run_folder.PREDICTIONS]
    return start_mdmd(["predict", folder, *files, "--allow-missing"], folder)
