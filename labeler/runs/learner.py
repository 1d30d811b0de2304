"""Learn while a person labels: data sets that were added, once, and short rounds on the labels.

Nothing of it is a run: it never takes a turn, and stops for whatever a person starts. What was stopped goes on where it
was.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from labeler.analysis.rounds import steps_of
from labeler.guidance.learning import Doing, Learning, LearningSource
from labeler.project.project import Project
from labeler.project.workspace import Workspace
from labeler.runs.background import PAUSE
from labeler.runs.bases import Base, best_base
from labeler.runs.control import active_runs
from labeler.runs.round_task import RoundTask, begin_round, due_round
from labeler.runs.source_task import SourceTask, begin_source, source_to_learn
from labeler.runs.sources import Sources, machine_sources
from mdmd.config import BASE_MINUTES
from mdmd.datasets.registry import default_home
from mdmd.errors import DataError

logger = logging.getLogger("labeler")

#: Seconds before a data set that could not be learned is tried again.
LONG_PAUSE = 3600.0


def runs_on_battery() -> bool:
    """Whether this machine has a battery and is not plugged in."""
    found = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
    return found is not None and found.power_plugged is False


class Learner:
    """Does one task at a time for the open projects. `step` is called again and again; `close` ends the process.

    Of several servers on a machine, the one that holds `lock` learns. `base_of` finds the base and `sources_of` the
    data sets for a projects root, `on_battery` says whether to rest, `busy` whether other work in the background goes
    first, `steps` how long a round is by its faces, `minutes` how long a data set is learned, and `clock` counts
    seconds.
    """

    every = 1.0

    def __init__(
        self,
        workspace: Workspace,
        *,
        base_of: Callable[[Path], Base] = best_base,
        sources_of: Callable[[Path], Sources] = machine_sources,
        on_battery: Callable[[], bool] = runs_on_battery,
        busy: Callable[[], bool] = lambda: False,
        steps: Callable[[int], int] = steps_of,
        minutes: float = BASE_MINUTES,
        lock: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._workspace, self._base_of, self._sources_of = workspace, base_of, sources_of
        self._on_battery, self._busy, self._clock = on_battery, busy, clock
        self._steps, self._minutes = steps, minutes
        self._lock_file = lock or default_home(os.environ) / "learner.lock"
        self._lock: FileLock | None = None
        self._task: RoundTask | SourceTask | None = None
        #: When rounds and data sets may be tried again after a failure.
        self._not_before, self._no_source_before = 0.0, 0.0
        #: The state of each project in which no round was due.
        self._idle: dict[str, object] = {}
        #: When the last round of each project began: the others have their turn first.
        self._learned_at: dict[str, float] = {}
        #: Whether another server learns while something is to be learned here.
        self._elsewhere = False

    def step(self) -> None:
        """Go on with the task, stop it if it must wait, and begin the next one if there is none."""
        projects = list(self._opened())
        waits = self._waits()
        if self._task is not None:
            self._go_on(self._task, projects, waits)
        if self._task is None and waits is None and not self._busy():
            self._begin([project for project in projects if project.settings.learns])
        source = self._task.state() if isinstance(self._task, SourceTask) else None
        for project in projects:
            project.learning = self._state(project, waits, source)

    def close(self) -> None:
        """End the process, if one runs. Its task goes on when the tool is opened again."""
        if self._task is not None:
            self._task.stop()
        self._release()

    def _opened(self) -> Iterator[Project]:
        for name in self._workspace.opened():
            with suppress(DataError, OSError):  # its page says what is wrong
                yield self._workspace.open(name)

    def _waits(self) -> Doing | None:
        """Why nothing is learned now; None if something may be."""
        if active_runs(self._workspace.root):
            return Doing.PAUSED
        return Doing.BATTERY if self._on_battery() else None

    def _go_on(self, task: RoundTask | SourceTask, projects: Sequence[Project], waits: Doing | None) -> None:
        if waits is not None or not task.wanted(projects):
            task.stop()
            self._release()
            return
        try:
            if task.go_on():
                return
        except (DataError, OSError) as error:
            self._fail(error, of_source=isinstance(task, SourceTask))
        self._release()

    def _begin(self, projects: Sequence[Project]) -> None:
        now, root = self._clock(), self._workspace.root
        try:
            source = source_to_learn(projects, self._sources_of(root)) if now >= self._no_source_before else None
            if source is not None:
                if self._take_lock():
                    self._task = begin_source(root, source, minutes=self._minutes)
                return
        except (DataError, OSError) as error:
            self._fail(error, of_source=True)
        if now < self._not_before:
            return
        for project in sorted(projects, key=lambda project: self._learned_at.get(project.name, 0.0)):
            try:
                base = self._base_of(root)
                state = (base.name, project.store.connection.stamp(), project.rounds.numbers(), project.bases.in_use())
                if self._idle.get(project.name) == state:
                    continue
                record = due_round(project, base, self._steps)
                if record is None:
                    self._idle[project.name] = state
                elif self._take_lock():
                    self._learned_at[project.name] = now
                    self._task = begin_round(project, record, base)
                    return
            except (DataError, OSError) as error:
                self._fail(error)

    def _state(self, project: Project, waits: Doing | None, source: LearningSource | None) -> Learning:
        """What is done for a project."""
        if not project.settings.learns:
            return Learning(Doing.OFF, source=source)
        if isinstance(self._task, RoundTask) and self._task.project is project:
            return Learning(Doing.LEARNING, faces=self._task.record.faces)
        if source is not None:
            return Learning(Doing.SOURCE, source=source)
        return Learning(waits or (Doing.ELSEWHERE if self._elsewhere else Doing.WAITING))

    def _take_lock(self) -> bool:
        """Whether this process may learn: no other one on the machine does."""
        if self._lock is None:
            self._lock_file.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self._lock_file, blocking=False)
            try:
                lock.acquire()
            except Timeout:
                self._elsewhere = True
                return False
            self._lock = lock
        self._elsewhere = False
        return True

    def _release(self) -> None:
        self._task = None
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _fail(self, error: Exception, *, of_source: bool = False) -> None:
        logger.warning("%s; trying again later", error)
        self._release()
        if of_source:
            self._no_source_before = self._clock() + LONG_PAUSE
        else:
            self._not_before = self._clock() + PAUSE
