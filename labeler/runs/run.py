"""The state, progress and result of a run, read from its folder and its process."""

from __future__ import annotations

import itertools
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labeler.runs.failures import why_failed, why_interrupted
from labeler.runs.processes import process_started
from mdmd import run_folder
from mdmd.data.text import cleaned
from mdmd.errors import DataError
from mdmd.run_folder import Ended, RunRecord, Settings, Stopped

#: For so many seconds a run whose process has no number yet counts as started.
STARTING = 10.0
#: States of a run: its process lives; it finished with a result; it ended without one.
ACTIVE = ("waiting", "running", "stopping")
COMPLETE = ("done", "stopped")
BROKEN = ("failed", "cancelled", "interrupted")
#: The message about a finished training without a model, such as the one that ships with the demo.
NO_MODEL = "this training ships without its model, only with its predictions and report; train to get a model"
#: The start of the line in output.txt after which the output of a resumed run follows.
RESUMED = "=== resumed"
#: Characters of the name that a user gives a run.
LONGEST_TITLE = 80


@dataclass(frozen=True)
class Run:
    """A training, a pre-labeling or a learning curve. `state` is one of ACTIVE, COMPLETE and BROKEN.

    - `title` is the name that the user gave it.
    - `series` are the step events of its log and `evals` its held-out measurements, in order.
    - `stage` is "source", "base", "adapt", "measure" (its steps are over), "predict" (the faces to pre-label) or
      "check" (the labeled faces, for the label checks); None before the first event.
    - `predicted` is the number of faces that are predicted in this stage, or in stage "source" drawn, and the number
      that will be. A run of kind
      "prelabel" uses the model of the run `model`.
    - `stopped` says where a training was ended early. `error` is a sentence.
    - `seconds` leaves out the time in the queue and between an interruption and the resume.
    - `had_turn` is False while the run waits in the queue, and for a run that was cancelled there.
    - A learning curve belongs to the training `of`. Its `parts` are folders in its own; `begun` of them started and
      `measured` are complete. Its steps, series and evals are those of the part that started last.
    """

    id: str
    title: str | None
    kind: str
    state: str
    created_at: float
    had_turn: bool
    images: int
    faces: int
    source: str | None
    preset: str | None
    encoder: str | None
    weights: str | None
    minutes: float | None
    stage: str | None
    step: int | None
    steps: int | None
    eta_seconds: float | None
    images_per_second: float | None
    predicted: tuple[int, int] | None
    series: list[dict[str, Any]]
    evals: list[dict[str, Any]]
    metrics: dict[str, Any] | None
    stopped: Stopped | None
    warnings: list[str]
    error: str | None
    exit_code: int | None
    seconds: float
    folder: Path
    model: str | None
    of: str | None
    parts: tuple[str, ...]
    begun: int
    measured: int

    @property
    def what(self) -> str:
        """The kind of run in words, for a learning curve with its progress."""
        if self.kind != "curve":
            return self.kind
        return f"learning curve of training {self.of}: {self.measured} of {len(self.parts)}"

    @property
    def has_model(self) -> bool:
        """Whether its folder has a model to predict with."""
        return (self.folder / run_folder.WEIGHTS).is_file()

    @property
    def trained(self) -> bool:
        """Whether its training is complete, even if the run failed after that."""
        return self.kind == "train" and self.has_model and self.metrics is not None

    @property
    def lacks_model(self) -> bool:
        """Whether it is a finished training without a model, such as the one that ships with the demo."""
        return self.kind == "train" and self.state in COMPLETE and not self.has_model

    @property
    def active(self) -> bool:
        """Whether it is waiting, running or stopping."""
        return self.state in ACTIVE

    @property
    def name(self) -> str:
        """Its number, with its title in brackets if it has one."""
        return f"{self.id} ({self.title})" if self.title else self.id

    @property
    def can_resume(self) -> bool:
        """Whether it can continue from its last kept state, or start where it never did."""
        if self.kind != "train" or self.state not in BROKEN:
            return False
        # While it trains on the source no state is in the run's folder: it is kept with the base.
        never_began = self.stage is None and self.state != "failed"
        return (self.folder / run_folder.STATE).is_file() or self.stage in ("source", "base") or never_began


def read_run(folder: Path, *, now: float | None = None) -> Run | None:
    """The run in `folder`, or None for a folder without a readable run.json."""
    try:
        record = run_folder.read_record(folder)
    except DataError:
        return None
    asked = record.settings
    now = time.time() if now is None else now
    ended = run_folder.read_ended(folder)
    began = run_folder.read_began(folder)
    metrics = run_folder.read_metrics(folder)
    stopped = run_folder.read_stopped(metrics)
    parts = [folder / name for name in asked.parts]
    begun = [part for part in parts if part.is_dir()]
    newest = begun[-1] if begun else folder  # where the newest command writes its log and its error
    events = run_folder.read_events(newest)
    state = _state(folder, record, ended, now)
    if state == "done" and stopped:
        state = "stopped"
    last = next((event for event in reversed(events) if event.get("event") in ("start", "step")), {})
    finished = ended.ended_at if ended else now if state in ACTIVE else _last_written(folder, newest, record)
    started = began.began_at if began else finished if record.queued else record.tried_at
    return Run(
        id=folder.name,
        title=read_title(folder),
        kind=record.kind,
        state=state,
        created_at=record.created_at,
        had_turn=began is not None or not record.queued,
        images=record.images,
        faces=record.faces,
        source=asked.source,
        preset=asked.preset,
        encoder=asked.encoder,
        weights=asked.weights,
        minutes=asked.minutes,
        stage=_stage(events, asked),
        step=last.get("step"),
        steps=last.get("steps"),
        eta_seconds=_eta(last, asked, len(parts) - len(begun)) if state in ACTIVE else None,
        images_per_second=last.get("images_per_second"),
        predicted=_predicted(events),
        series=[event for event in events if event.get("event") == "step"],
        evals=[event for event in events if event.get("event") == "eval"],
        metrics=metrics,
        stopped=stopped,
        warnings=[
            *(f"left out: {why}" for why in record.left_out),
            *_warnings(folder, events),
            *_without(folder, record, state, ended),
        ],
        error=_error(folder, newest, state, ended),
        exit_code=ended.code if ended else None,
        seconds=record.seconds_before + max(0.0, finished - started),
        folder=folder,
        model=asked.model,
        of=asked.of,
        parts=asked.parts,
        begun=len(begun),
        measured=sum((part / run_folder.METRICS).is_file() for part in parts),
    )


def _state(folder: Path, record: RunRecord, ended: Ended | None, now: float) -> str:
    if ended is not None:
        if ended.code == 0 or (record.kind == "train" and run_folder.succeeded(folder, ended)):
            return "done"
        return "cancelled" if (folder / run_folder.CANCEL).exists() else "failed"
    if record.pid is None:
        alive = now - record.tried_at < STARTING
    else:
        known = record.process_started
        alive = known is not None and process_started(record.pid) == known
    if alive:
        if any((folder / asked).exists() for asked in (run_folder.CANCEL, run_folder.STOP)):
            return "stopping"
        return "waiting" if record.queued and not (folder / run_folder.BEGAN).exists() else "running"
    # The process may have written exit.json and ended after the first reading.
    ended = run_folder.read_ended(folder)
    if ended:
        return _state(folder, record, ended, now)
    return "cancelled" if (folder / run_folder.CANCEL).exists() else "interrupted"


def read_title(folder: Path) -> str | None:
    """The name that the user gave the run in `folder`; None without one."""
    try:
        title = (folder / run_folder.TITLE).read_text(encoding="utf-8")
        return cleaned(title).strip()[:LONGEST_TITLE] or None  # a received run may hold anything
    except (OSError, ValueError):
        return None


def output_of(folder: Path, lines: int = 200) -> str:
    """The last `lines` lines that the run's processes printed; of a progress bar its last state only."""
    try:
        with (folder / run_folder.OUTPUT).open("rb") as output:
            output.seek(max(0, output.seek(0, os.SEEK_END) - 200 * lines))
            tail = output.read().decode("utf-8", errors="replace")
    except OSError:
        return ""
    shown = [line.rstrip("\r").rpartition("\r")[2] for line in tail.split("\n")]
    return "\n".join(shown[-lines:]).strip("\n")


def _warnings(folder: Path, events: list[dict[str, Any]]) -> list[str]:
    """The warnings in the log, each once, and the reason if the predictions cannot be used."""
    found = [str(event.get("message")) for event in events if event.get("event") == "warning"]
    failure = run_folder.read_failure(folder)
    unusable = [failure.error] if failure is not None and failure.kind == run_folder.UNUSABLE else []
    return list(dict.fromkeys(found + unusable))


def _without(folder: Path, record: RunRecord, state: str, ended: Ended | None) -> list[str]:
    """What a complete training lacks because a step after it failed, and why, as a sentence if there is any."""
    if state not in COMPLETE or ended is None or ended.code == 0:
        return []
    lacks = "a step after the training failed, but nothing is missing"
    if record.settings.prelabel and not (folder / run_folder.LABELED).is_file():
        lacks = "the predictions of the labeled faces are missing, so label checks do without this model"
    return [f"{lacks}: {_why_failed(folder, folder, ended)}"]


def _stage(events: list[dict[str, Any]], asked: Settings) -> str | None:
    told = _told_predicted(events)
    if told:
        # The faces to pre-label are predicted first, then the labeled ones, which starts from 0 again.
        again = any(later[0] <= earlier[0] for earlier, later in itertools.pairwise(told))
        return "check" if again else "predict"
    for event in reversed(events):
        stage = event.get("stage")
        if stage == "adapt" and event.get("event") == "done":
            return "predict" if asked.prelabel else "measure"
        if stage == "adapt" and (event.get("event") == "stopped" or 0 < event.get("step", 0) == event.get("steps")):
            return "measure"
        if event.get("event") in ("start", "step"):
            return stage
    return None


def _predicted(events: list[dict[str, Any]]) -> tuple[int, int] | None:
    told = _told_predicted(events) or _told_predicted(events, "drawn")
    return told[-1] if told else None


def _told_predicted(events: list[dict[str, Any]], kind: str = "predicted") -> list[tuple[int, int]]:
    """How many faces were predicted, of how many, each time that it was told since the last step of training."""
    newest = itertools.takewhile(lambda event: event.get("event") not in ("start", "resume", "step"), reversed(events))
    predicted = [event for event in newest if event.get("event") == kind and {"faces", "of"} <= event.keys()]
    return [(event["faces"], event["of"]) for event in reversed(predicted)]


def _eta(last: dict[str, Any], asked: Settings, parts_to_come: int) -> float | None:
    """Seconds left: of the part that runs, and of all parts after it."""
    eta = last.get("eta_seconds")
    return None if eta is None else eta + parts_to_come * asked.part_seconds


def _error(folder: Path, newest: Path, state: str, ended: Ended | None) -> str | None:
    if state == "interrupted":
        return why_interrupted(shutil.disk_usage(folder).free)
    return _why_failed(folder, newest, ended) if state == "failed" and ended is not None else None


def _why_failed(folder: Path, newest: Path, ended: Ended) -> str:
    before, resumed, after = output_of(folder).rpartition(RESUMED)
    output = after.partition("\n")[2] if resumed else before + after
    return why_failed(ended.code, run_folder.read_failure(newest), output, shutil.disk_usage(folder).free)


def _last_written(folder: Path, newest: Path, record: RunRecord) -> float:
    """When the run last wrote to its log or its output."""
    written = [path.stat().st_mtime for path in (newest / run_folder.LOG, folder / run_folder.OUTPUT) if path.exists()]
    return max([record.tried_at, *written])
