"""What a run's folder says: its state, its progress, its result. Reads files and nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labeler.runs.failures import why_failed, why_interrupted
from mdmd import run_folder
from mdmd.errors import DataError
from mdmd.run_folder import Ended, RunRecord, Settings, Stopped

#: Seconds between a run's folder and its process in which the run counts as started.
STARTING = 10.0
#: States of a run whose process is there, of one that left what it was to leave, and of one that broke off.
ACTIVE = ("waiting", "running", "stopping")
COMPLETE = ("done", "stopped")
BROKEN = ("failed", "cancelled", "interrupted")
#: What is said of a finished training without a model in its folder, as the demo ships one.
NO_MODEL = "this training's model is not shipped, only its predictions and its report: train to get a model"
#: What begins the line in output.txt from which on the output is of the newest try.
RESUMED = "=== resumed"


@dataclass(frozen=True)
class Run:
    """A training, prediction or learning curve. `state` is one of ACTIVE, COMPLETE and BROKEN.

    `title` is the name that the user gave it. `series` are the step events of the log and `evals` its held-out
    measurements, in order; `stopped` says where a training was ended early; `error` is a sentence; times are seconds,
    without those in a queue or between two tries. A learning curve is `of` a training and has `parts`, folders in the
    run's own, of which `begun` have begun and `measured` are complete; steps, losses and errors are those of the part
    that began last. `predicted` is how many faces are pre-labeled, and of how many; a run that does not train does it
    with the model of the run `model`. `had_turn` is False while it waits in the queue, and where it is cancelled there.
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
        """What kind of run it is, in words; of a learning curve also how far it is."""
        if self.kind != "curve":
            return self.kind
        return f"learning curve of training {self.of}: {self.measured} of {len(self.parts)}"

    @property
    def has_model(self) -> bool:
        """Whether it left a model to predict with."""
        return (self.folder / run_folder.WEIGHTS).is_file()

    @property
    def trained(self) -> bool:
        """Whether its training is complete, whatever became of the run after that."""
        return self.kind == "train" and self.has_model and self.metrics is not None

    @property
    def lacks_model(self) -> bool:
        """Whether it is a finished training without a model in its folder, as the demo ships one."""
        return self.kind == "train" and self.state in COMPLETE and not self.has_model

    @property
    def active(self) -> bool:
        """Whether its process is there."""
        return self.state in ACTIVE

    @property
    def name(self) -> str:
        """Its number, and its title where it has one."""
        return f"{self.id} ({self.title})" if self.title else self.id

    @property
    def can_resume(self) -> bool:
        """Whether the same commands would go on where they were broken off, or begin if they never did."""
        if self.kind != "train" or self.state not in BROKEN:
            return False
        # A source is drawn anew; its state is kept beside its base, whichever run was learning it.
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
    telling = begun[-1] if begun else folder  # where the command that runs, or ran last, says what it does
    events = run_folder.read_events(telling)
    state = _state(folder, record, ended, now)
    if state == "done" and stopped:
        state = "stopped"
    last = next((event for event in reversed(events) if event.get("event") in ("start", "step")), {})
    finished = ended.ended_at if ended else now if state in ACTIVE else _last_sign(folder, telling, record)
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
        stage=_stage(events),
        step=last.get("step"),
        steps=last.get("steps"),
        eta_seconds=_eta(last, asked, len(parts) - len(begun)) if state in ACTIVE else None,
        images_per_second=last.get("images_per_second"),
        predicted=_predicted(events),
        series=[event for event in events if event.get("event") == "step"],
        evals=[event for event in events if event.get("event") == "eval"],
        metrics=metrics,
        stopped=stopped,
        warnings=_warnings(folder, events),
        error=_error(folder, telling, state, ended),
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
        if ended.code == 0:
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
    # The process may have written exit.json and ended between the two looks.
    ended = run_folder.read_ended(folder)
    if ended:
        return _state(folder, record, ended, now)
    return "cancelled" if (folder / run_folder.CANCEL).exists() else "interrupted"


def read_title(folder: Path) -> str | None:
    """The user's own name for the run in `folder`."""
    try:
        return (folder / run_folder.TITLE).read_text(encoding="utf-8").strip() or None
    except (OSError, ValueError):
        return None


def output_of(folder: Path, lines: int = 200) -> str:
    """The last `lines` lines of what the run's processes have printed; progress that overwrote itself is left out."""
    try:
        with (folder / run_folder.OUTPUT).open("rb") as output:
            output.seek(max(0, output.seek(0, os.SEEK_END) - 200 * lines))
            tail = output.read().decode("utf-8", errors="replace")
    except OSError:
        return ""
    shown = [line.rstrip("\r").rpartition("\r")[2] for line in tail.split("\n")]
    return "\n".join(shown[-lines:]).strip("\n")


def process_started(pid: int) -> str | None:
    """What tells a live process from a later one with the same id; None when there is none (a zombie is none)."""
    try:
        # The name in brackets may hold anything; state and start time are the 3rd and 22nd field.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
    except OSError:
        return None if Path("/proc/self/stat").exists() else started_by_ps(pid)
    return None if fields[0] in "ZX" else f"{boot}:{fields[19]}"


def started_by_ps(pid: int) -> str | None:
    """`process_started` for systems without /proc, such as macOS; to the second, as `ps` has it."""
    asked = ["ps", "-o", "stat=,lstart=", "-p", str(pid)]
    found = subprocess.run(asked, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C", "TZ": "UTC"})
    state, _, started = found.stdout.strip().partition(" ")
    return None if found.returncode or not state or state[0] in "ZX" else " ".join(started.split())


def _warnings(folder: Path, events: list[dict[str, Any]]) -> list[str]:
    """The warnings in the log, each once, and why the run's predictions cannot be used."""
    said = [str(event.get("message")) for event in events if event.get("event") == "warning"]
    failure = run_folder.read_failure(folder)
    unusable = [failure.error] if failure is not None and failure.kind == run_folder.UNUSABLE else []
    return list(dict.fromkeys(said + unusable))


def _stage(events: list[dict[str, Any]]) -> str | None:
    for event in reversed(events):
        if event.get("event") == "predicted":
            return "predict"
        if event.get("event") in ("start", "step", "eval"):
            return event.get("stage")
    return None


def _predicted(events: list[dict[str, Any]]) -> tuple[int, int] | None:
    newest = next((event for event in reversed(events) if event.get("event") == "predicted"), {})
    return (newest["faces"], newest["of"]) if {"faces", "of"} <= newest.keys() else None


def _eta(last: dict[str, Any], asked: Settings, parts_to_come: int) -> float | None:
    """Seconds that are left by the newest step, and by what each of the parts after it takes."""
    eta = last.get("eta_seconds")
    return None if eta is None else eta + parts_to_come * asked.part_seconds


def _error(folder: Path, telling: Path, state: str, ended: Ended | None) -> str | None:
    if state == "interrupted":
        return why_interrupted(shutil.disk_usage(folder).free)
    if state != "failed" or ended is None:
        return None
    before, mark, newest = output_of(folder).rpartition(RESUMED)
    output = newest.partition("\n")[2] if mark else before + newest
    return why_failed(ended.code, run_folder.read_failure(telling), output, shutil.disk_usage(folder).free)


def _last_sign(folder: Path, telling: Path, record: RunRecord) -> float:
    """When the run last wrote something."""
    written = [path.stat().st_mtime for path in (telling / run_folder.LOG, folder / run_folder.OUTPUT) if path.exists()]
    return max([record.tried_at, *written])
