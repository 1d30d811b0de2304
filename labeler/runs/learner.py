"""Learn from the labels while a person labels: short rounds, in the background, one at a time on a machine.

A round trains on the labeled faces, from the round before or from the base, and predicts the faces that are next. It is
no run: it never takes a turn, and stops for whatever a person starts. A round that was stopped goes on where it was.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from labeler.analysis.rounds import SETTINGS, due, steps_of
from labeler.guidance.learned_rounds import MAKING, Doing, RoundRecord, read_round
from labeler.guidance.proposed import CARRIED, round_number
from labeler.project.coco import write_coco
from labeler.project.project import Project
from labeler.project.workspace import Workspace
from labeler.runs.background import PAUSE, start_mdmd, why_failed
from labeler.runs.bases import Base, best_base
from labeler.runs.control import active_runs
from labeler.runs.round_faces import faces_to_learn, faces_to_predict
from mdmd import run_folder
from mdmd.data.records import HELDOUT_SPLIT
from mdmd.datasets.registry import default_home
from mdmd.errors import DataError

logger = logging.getLogger("labeler")

#: Seconds between states of a round from which it can go on.
SAVE_EVERY = 15
#: A round begins at the base again if the one before is so much worse than the points carried over.
WORSE = 1.1


def runs_on_battery() -> bool:
    """Whether this machine has a battery and is not plugged in."""
    found = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
    return found is not None and found.power_plugged is False


@dataclass
class _Round:
    """The round that is learning, and the process that trains or predicts for it."""

    project: Project
    record: RoundRecord
    folder: Path
    process: subprocess.Popen[bytes]
    predicts: bool


class Learner:
    """Learns from one open project at a time. `step` is called again and again; `close` ends the process.

    Of several servers on a machine, the one that holds `lock` learns. `base_of` finds the base for a projects root,
    `on_battery` says whether to rest, `busy` whether other work in the background goes first, `steps` how long a round
    is by its faces, and `clock` counts seconds.
    """

    def __init__(
        self,
        workspace: Workspace,
        *,
        base_of: Callable[[Path], Base] = best_base,
        on_battery: Callable[[], bool] = runs_on_battery,
        busy: Callable[[], bool] = lambda: False,
        steps: Callable[[int], int] = steps_of,
        lock: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._workspace, self._base_of, self._busy, self._clock = workspace, base_of, busy, clock
        self._steps = steps
        self._on_battery = on_battery
        self._lock_file = lock or default_home(os.environ) / "learner.lock"
        self._lock: FileLock | None = None
        self._round: _Round | None = None
        self._not_before = 0.0
        #: The state of each project in which no round was due.
        self._idle: dict[str, object] = {}
        #: When the last round of each project began: the others have their turn first.
        self._learned_at: dict[str, float] = {}
        #: The projects in which a round is due while another server learns.
        self._elsewhere: set[str] = set()

    def step(self) -> None:
        """Publish a round that has ended, stop one that must wait, and begin one if it is due and none learns."""
        projects = list(self._opened())
        waits = self._waits()
        if self._round is not None:
            self._go_on(self._round, waits)
        if self._round is None and waits is None and self._clock() >= self._not_before and not self._busy():
            wanting = [project for project in projects if project.settings.learns]
            for project in sorted(wanting, key=lambda project: self._learned_at.get(project.name, 0.0)):
                try:
                    self._round = self._begin(project)
                except (DataError, OSError) as error:
                    self._fail(project, str(error))
                if self._round is not None:
                    break
        for project in projects:
            own = self._round if self._round is not None and self._round.project is project else None
            project.rounds.learning_from = own.record.faces if own is not None else 0
            if not project.settings.learns:
                project.rounds.doing = Doing.OFF
            elif own is not None:
                project.rounds.doing = Doing.LEARNING
            else:
                project.rounds.doing = waits or (Doing.ELSEWHERE if project.name in self._elsewhere else Doing.WAITING)

    def _opened(self) -> Iterator[Project]:
        for name in self._workspace.opened():
            with suppress(DataError, OSError):  # its page says what is wrong
                yield self._workspace.open(name)

    def close(self) -> None:
        """End the process, if one runs. Its round goes on when the project is opened again."""
        self._stop()
        self._release()

    def _waits(self) -> Doing | None:
        """Why nothing is learned now; None if something may be."""
        if active_runs(self._workspace.root):
            return Doing.PAUSED
        return Doing.BATTERY if self._on_battery() else None

    def _stop(self) -> None:
        learning, self._round = self._round, None
        if learning is not None:
            learning.process.kill()
            learning.process.wait()

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _go_on(self, learning: _Round, waits: Doing | None) -> None:
        """Go on with a round: stop it if it must wait, let it predict when it has trained, publish what it predicts."""
        project, folder = learning.project, learning.folder
        if waits is not None or not project.settings.learns or project.name not in self._workspace.opened():
            self._stop()
            self._release()
            return
        code = learning.process.poll()
        if code is None:
            return
        try:
            if code:
                self._fail(project, why_failed(folder))
            elif not learning.predicts:
                learning.process, learning.predicts = self._predict(folder), True
                return
            else:
                kept = {project.store.charges.current(), project.proposed.challenger}
                numbers = {number for name in kept if name and (number := round_number(name)) is not None}
                project.rounds.publish(learning.record, keep=numbers)
        except (DataError, OSError) as error:
            self._fail(project, str(error))
        self._round = None
        self._release()

    def _begin(self, project: Project) -> _Round | None:
        """The next round of `project`, or the one that was stopped; None if none is due."""
        base, definition = self._base_of(self._workspace.root), project.definition
        state = (base.name, project.store.connection.stamp(), project.rounds.numbers())
        if definition is None or self._idle.get(project.name) == state:
            return None
        folder = project.rounds.folder / MAKING
        # The faces must have been seen by the base, which gives them their boxes.
        record = self._due(project, base) if project.bases.in_use() == base.name else None
        if record is None:
            self._idle[project.name] = state
            return None
        if not self._take_lock():
            self._elsewhere.add(project.name)
            return None
        self._elsewhere.clear()
        self._learned_at[project.name] = self._clock()
        left = read_round(folder)
        if left is not None and left.continues(record):
            record = left
        else:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            write_coco(folder / run_folder.TARGET, faces_to_learn(project), images=project.images)
            write_coco(folder / run_folder.FACES, faces_to_predict(project), images=project.images)
            record.write(folder)
        if (folder / run_folder.METRICS).is_file():
            return _Round(project, record, folder, self._predict(folder), predicts=True)
        return _Round(project, record, folder, self._train(project, record, base, folder), predicts=False)

    def _due(self, project: Project, base: Base) -> RoundRecord | None:
        faces = faces_to_learn(project)
        learns_from = sum(sample.split != HELDOUT_SPLIT for sample in faces.samples)
        number = (project.rounds.numbers() or (0,))[-1] + 1
        calibrated = learns_from < len(faces.samples)
        record = RoundRecord(
            number, base.name, faces.definition.version, learns_from, self._steps(learns_from), calibrated
        )
        newest = project.rounds.newest()
        learned = newest.record.faces if newest is not None and newest.record.same_start(record) else 0
        return record if due(learns_from, learned) else None

    def _train(self, project: Project, record: RoundRecord, base: Base, folder: Path) -> subprocess.Popen[bytes]:
        words = ["--target", folder / run_folder.TARGET, "--from", self._start_of(project, base, record)]
        words += [
            "--steps",
            record.steps,
            "--seed",
            record.number,
            "--save-every",
            SAVE_EVERY,
            *project.settings.options,
        ]
        settings = [word for setting in SETTINGS for word in ("--set", setting)]
        return start_mdmd(["adapt", *map(str, words), *settings, "--out", folder, "--quiet"], folder)

    def _start_of(self, project: Project, base: Base, record: RoundRecord) -> Path:
        """The folder of the model that a round begins with."""
        newest = project.rounds.newest()
        if newest is None or not newest.record.same_start(record):
            return base.folder
        folder = project.rounds.path(newest.record.number)
        own, carried = project.charge.error(f"round {newest.record.number}"), project.charge.error(CARRIED)
        worse = own is not None and carried is not None and own > WORSE * carried
        return base.folder if worse or not (folder / run_folder.WEIGHTS).is_file() else folder

    def _predict(self, folder: Path) -> subprocess.Popen[bytes]:
        files = ["--faces", folder / run_folder.FACES, "--out", folder / run_folder.PREDICTIONS]
        return start_mdmd(["predict", folder, *files, "--allow-missing"], folder)

    def _take_lock(self) -> bool:
        """Whether this process may learn: no other one on the machine does."""
        if self._lock is None:
            self._lock_file.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self._lock_file, blocking=False)
            try:
                lock.acquire()
            except Timeout:
                return False
            self._lock = lock
        return True

    def _fail(self, project: Project, why: str) -> None:
        logger.warning("project %s: learning in the background failed: %s; trying again later", project.name, why)
        shutil.rmtree(project.rounds.folder / MAKING, ignore_errors=True)
        self._release()
        self._not_before = self._clock() + PAUSE
