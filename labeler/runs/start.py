"""Start and resume the processes that train and predict. All they share with the server is the run's folder."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO

from labeler.errors import ConflictError
from labeler.project.coco import write_coco
from labeler.project.project import Project
from labeler.runs.commands import (
    FROM_STARTER,
    WEIGHTS_WORDS,
    Commands,
    CommandsOf,
    check,
    check_source,
    commands_of,
    settings_of,
    source_of,
    stored,
)
from labeler.runs.control import active_runs, existing_run, find_run, list_runs, run_folders
from labeler.runs.processes import process_started
from labeler.runs.run import BROKEN, NO_MODEL, RESUMED, Run
from labeler.runs.sources import DRAWN, Source, machine_sources, usual_network
from mdmd import run_folder
from mdmd.config import BASE_MINUTES
from mdmd.data.records import Dataset
from mdmd.errors import DataError
from mdmd.run_folder import RunRecord, Settings

try:
    import fcntl
except ImportError:  # Windows has no advisory locks of this kind; one process at a time starts runs there.
    fcntl = None

#: Fewest labeled faces that a training takes.
FEWEST_FACES = 3


def start_training(
    project: Project,
    *,
    source: Source | None,
    preset: str = "default",
    encoder: str | None = None,
    weights: Path | None = None,
    minutes: float | None = 10,
    base_minutes: float | None = BASE_MINUTES,
    steps: int | None = None,
    prelabel: bool = True,
    seed: int = 0,
    save_every: float | None = None,
) -> Run:
    """Train on the project's labeled faces together with `source`, then predict the other faces if `prelabel`.

    `steps` replaces `minutes`. `base_minutes` limits the training on the source, which is done once on a machine; with
    None, or with the drawn faces and the usual network, the training begins with the starter instead. Every
    `save_every` seconds a state is kept from which the training can resume. While another run is active under the same
    projects root the new one waits; it trains on the labels of the moment of this call. Pictures whose files have
    changed since they were added are left out, and the run says which. Raises DataError if there are too few labels, a
    file is missing or a number is invalid, and ConflictError if another run is waiting already.
    """
    (target, waiting), unusable = project.usable(project.training_set(), project.unlabeled_faces(), anew=True)
    count = len(target.samples)
    if count < FEWEST_FACES:
        raise DataError(
            f"{count} labeled face{'' if count == 1 else 's'}; training needs at least {FEWEST_FACES}, "
            "and 50 or more for a useful model"
        )
    root = project.folder.parent
    uses_base, usual = True, usual_network(preset, encoder) and weights is None
    if source is not None and usual and (source.name == DRAWN or base_minutes is None):
        # The starter has learned the drawn faces already.
        weights, uses_base = Path(FROM_STARTER), False
    elsewhere = source is not None and source.name != DRAWN and source.given != source.name
    settings = Settings(
        source=source.name if source else None,
        given=stored(Path(source.given), root) if source and elsewhere else None,
        preset=preset,
        encoder=encoder,
        weights=_weights(weights, root),
        minutes=minutes if steps is None else None,
        base_minutes=base_minutes,
        uses_base=uses_base,
        steps=steps,
        prelabel=prelabel,
        seed=seed,
        save_every=save_every,
        tolerance=project.settings.tolerance,
        threshold=project.settings.threshold,
    )
    if minutes is None and steps is None:
        raise DataError("training needs a number of minutes or of steps")
    check(settings, project)
    if source is not None:
        check_source(source)
    snapshots = {run_folder.TARGET: target, **({run_folder.FACES: waiting} if prelabel and waiting.samples else {})}
    return start(project, "train", settings, snapshots, source=source, left_out=unusable)


def start_prelabel(project: Project, run_id: str | None = None) -> Run:
    """Predict the faces that are not completely labeled with the model of a run, by default the newest with one.

    Raises DataError if there is no model or no face to predict, and ConflictError while another run of the project is
    active, which pre-labels at its end, or a run of another project is waiting.
    """
    known = list_runs(project)
    active = next((run for run in known if run.active and run.kind != "curve"), None)
    if active is not None:
        raise ConflictError(f"run {active.name} is {active.state} and pre-labels at its end; wait for it or cancel it")
    with_model = [run for run in known if run.has_model]
    chosen = [run for run in with_model if run_id in (None, run.id)]
    if not chosen:
        if any(run.lacks_model for run in known if run_id in (None, run.id)):
            raise DataError(f"project {project.name!r}: {NO_MODEL}")
        wanted = "there is no trained model yet" if run_id is None else f"run {run_id} has no model"
        raise DataError(f"project {project.name!r}: {wanted}; train first")
    (waiting,), unusable = project.usable(project.unlabeled_faces(), anew=True)
    if not waiting.samples and unusable:
        raise DataError(f"project {project.name!r} has no face left to pre-label: {'; '.join(unusable)}")
    if not waiting.samples:
        raise DataError(f"project {project.name!r} has no face left to pre-label: all are completely labeled")
    settings = Settings(
        source=chosen[0].source,
        preset=chosen[0].preset,
        tolerance=project.settings.tolerance,
        threshold=project.settings.threshold,
        model=chosen[0].id,
    )
    return start(project, "prelabel", settings, {run_folder.FACES: waiting}, left_out=unusable)


def start(
    project: Project,
    kind: str,
    settings: Settings,
    snapshots: Mapping[str, Dataset],
    *,
    source: Source | None = None,
    commands: CommandsOf = commands_of,
    left_out: Sequence[str] = (),
) -> Run:
    """Start a run: make its folder with `snapshots` (file name -> faces) and run.json, and run its `commands`.

    `left_out` says of each picture that is not in the snapshots why; the run warns of it.
    The run's numbers of pictures and faces are those of the first snapshot. Raises ConflictError while another run is
    waiting, and DataError for invalid settings.
    """
    with _queue(project.folder.parent) as queued:
        folder = _new_folder(project)
        try:
            for name, dataset in snapshots.items():
                write_coco(folder / name, dataset, images=project.images)
            samples = next(iter(snapshots.values())).samples
            images = len({sample.file_name for sample in samples})
            counts = (images, len(samples))
            record = RunRecord(
                folder.name, kind, time.time(), *counts, settings, queued=queued, left_out=tuple(left_out)
            )
            _launch(folder, record, commands(project, record, source))
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    return existing_run(folder)


def resume(project: Project, run_id: str, *, commands: CommandsOf = commands_of) -> Run:
    """Continue an interrupted training from its last kept state, with the same settings and labels.

    The commands are made from the settings, in the folder where the project lies now. Raises NotFoundError, DataError
    for invalid settings, and ConflictError for a run that cannot be resumed or while another run is waiting.
    """
    with _queue(project.folder.parent) as queued:
        run = find_run(project, run_id)
        if not run.can_resume:
            kept = "there is no state to go on from" if run.state in BROKEN and run.kind == "train" else run.state
            raise ConflictError(f"run {run.name} cannot be resumed: {kept}")
        record = run_folder.read_record(run.folder)
        again = replace(
            record,
            id=run.id,
            settings=settings_of(record, run.folder),
            commands=None,
            pid=None,
            process_started=None,
            queued=queued,
            resumed_at=time.time(),
            seconds_before=run.seconds,
        )
        source = source_of(again.settings, machine_sources(project.folder.parent))
        made = commands(project, again, source)
        with (run.folder / run_folder.OUTPUT).open("a", encoding="utf-8") as output:
            output.write(f"{RESUMED} {time.strftime('%Y-%m-%d %H:%M:%S')}\n")
        for left in run_folder.LEFT_BY_A_TRY:
            (run.folder / left).unlink(missing_ok=True)
        _launch(run.folder, again, made)
    return existing_run(run.folder)


def _launch(folder: Path, record: RunRecord, commands: Commands) -> None:
    """Write `record` and start the supervisor. It gets `commands` through a pipe: no file decides what is run."""
    record.write(folder)
    with (folder / run_folder.OUTPUT).open("ab") as output, (folder.parents[2] / ".turn.lock").open("ab") as turn:
        if not record.queued:
            _take(turn)
        passed = () if fcntl is None else (turn.fileno(),)
        child = subprocess.Popen(
            [sys.executable, "-m", "labeler.runs.supervisor", str(folder), *map(str, passed)],
            pass_fds=passed,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    if child.stdin is not None:
        with contextlib.suppress(BrokenPipeError), child.stdin as pipe:  # broken if it has ended: its folder says why
            pipe.write(json.dumps(commands).encode())
    # Without a wait the process would stay a zombie until the server ends.
    threading.Thread(target=child.wait, name=f"wait for {child.pid}", daemon=True).start()
    replace(record, pid=child.pid, process_started=process_started(child.pid)).write(folder)


def _take(turn: IO[bytes]) -> None:
    """Take the lock for the process that inherits `turn`, so that no run that starts later gets it first.

    A run that has just ended may hold it a moment longer. After two seconds the new process waits for it by itself.
    """
    until = time.monotonic() + 2
    while fcntl is not None:
        try:
            fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() < until:
                time.sleep(0.02)
                continue
        break


def _weights(weights: Path | None, root: Path) -> str | None:
    if weights is None or str(weights) in WEIGHTS_WORDS:
        return None if weights is None else str(weights)
    return stored(weights, root)


@contextmanager
def _queue(root: Path) -> Iterator[bool]:
    """Hold the lock for starting runs under `root`; yields whether another run is active, so that a new one waits.

    Raises ConflictError if a run is waiting already.
    """
    with (root / ".runs.lock").open("a") as lock:
        if fcntl is not None:
            fcntl.flock(lock, fcntl.LOCK_EX)
        others = active_runs(root)
        for name, run in others:
            if run.state == "waiting" or fcntl is None:
                since = time.strftime("%H:%M", time.localtime(run.created_at))
                raise ConflictError(
                    f"a run is already {run.state} (run {run.id} of project {name}, started {since}); "
                    "wait for it or cancel it"
                )
        yield bool(others)


def _new_folder(project: Project) -> Path:
    project.runs.mkdir(exist_ok=True)
    # The number of a deleted run is not used again: its predictions are in the store under it.
    newest = max(
        [0, *(int(folder.name) for folder in run_folders(project.folder)), *project.store.predictions.collected_runs()]
    )
    folder = project.runs.resolve() / f"{newest + 1:03d}"
    folder.mkdir()
    return folder
