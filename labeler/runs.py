"""What a run's folder says: its state, its progress, its result. Reads files and nothing else."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: Seconds between a run's folder and its process in which the run counts as running.
STARTING = 10.0


@dataclass(frozen=True)
class Run:
    """A training or prediction. `state` is running, done, failed, cancelled or interrupted.

    `series` are the step events of the log and `evals` its held-out measurements, in order; `error` is a
    sentence; times are seconds.
    """

    id: str
    kind: str
    state: str
    created_at: float
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
    series: list[dict[str, Any]]
    evals: list[dict[str, Any]]
    metrics: dict[str, Any] | None
    warnings: list[str]
    error: str | None
    exit_code: int | None
    seconds: float
    folder: Path

    @property
    def has_model(self) -> bool:
        """Whether it left a model to predict with."""
        return (self.folder / "model.safetensors").is_file()


def read_run(folder: Path, *, now: float | None = None) -> Run | None:
    """The run in `folder`, or None for a folder without a readable run.json."""
    record = _json(folder / "run.json")
    if record is None:
        return None
    now = time.time() if now is None else now
    ended = _json(folder / "exit.json")
    events = _events(folder / "log.jsonl")
    series = [event for event in events if event.get("event") == "step"]
    state = _state(folder, record, ended, now)
    last = next((event for event in reversed(events) if event.get("event") in ("start", "step")), {})
    finished = ended["ended_at"] if ended else now if state == "running" else _last_sign(folder, record)
    return Run(
        id=record["id"],
        kind=record["kind"],
        state=state,
        created_at=record["created_at"],
        images=record["images"],
        faces=record["faces"],
        source=record["source"],
        preset=record["preset"],
        encoder=record.get("encoder"),
        weights=record.get("weights"),
        minutes=record["minutes"],
        stage=_stage(events),
        step=last.get("step"),
        steps=last.get("steps"),
        eta_seconds=last.get("eta_seconds") if state == "running" else None,
        images_per_second=last.get("images_per_second"),
        series=series,
        evals=[event for event in events if event.get("event") == "eval"],
        metrics=_json(folder / "metrics.json"),
        warnings=[str(event.get("message")) for event in events if event.get("event") == "warning"],
        error=_error(folder, state, ended),
        exit_code=ended["code"] if ended else None,
        seconds=max(0.0, finished - record["created_at"]),
        folder=folder,
    )


def _state(folder: Path, record: dict[str, Any], ended: dict[str, Any] | None, now: float) -> str:
    if ended is not None:
        if ended["code"] == 0:
            return "done"
        return "cancelled" if (folder / "cancel").exists() else "failed"
    if record["pid"] is None:
        return "running" if now - record["created_at"] < STARTING else "interrupted"
    if process_started(record["pid"]) == record["process_started"] and record["process_started"] is not None:
        return "running"
    # The process may have written exit.json and ended between the two looks.
    ended = _json(folder / "exit.json")
    if ended:
        return _state(folder, record, ended, now)
    return "cancelled" if (folder / "cancel").exists() else "interrupted"


def process_started(pid: int) -> str | None:
    """What tells a live process from a later one with the same id; None when there is none (a zombie is none)."""
    try:
        # The name in brackets may hold anything; state and start time are the 3rd and 22nd field.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
    except OSError:
        return None if Path("/proc/self/stat").exists() else _alive(pid)
    return None if fields[0] in "ZX" else f"{boot}:{fields[19]}"


def _alive(pid: int) -> str | None:
    """For systems without /proc: the bare id says that somebody is there."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return "alive"
    except OSError:
        return None
    return "alive"


def _stage(events: list[dict[str, Any]]) -> str | None:
    for event in reversed(events):
        if event.get("event") == "predicted":
            return "predict"
        if event.get("event") in ("start", "step", "eval"):
            return event.get("stage")
    return None


def _error(folder: Path, state: str, ended: dict[str, Any] | None) -> str | None:
    if state == "interrupted":
        return "the run ended without a word: the machine was switched off, or its process was killed"
    if state != "failed" or ended is None:
        return None
    told = _json(folder / "error.json")
    if told and told.get("error"):
        return str(told["error"])
    try:
        lines = (folder / "output.txt").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return last.removeprefix("mdmd: error: ") or f"ended with exit code {ended['code']}"


def _last_sign(folder: Path, record: dict[str, Any]) -> float:
    """When the run last wrote something."""
    written = [path.stat().st_mtime for path in (folder / "log.jsonl", folder / "output.txt") if path.exists()]
    return max([record["created_at"], *written])


def _events(path: Path) -> list[dict[str, Any]]:
    """Whole lines of the log; the last one may still be being written."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    events = []
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict):
            events.append(event)
    return events


def _json(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
