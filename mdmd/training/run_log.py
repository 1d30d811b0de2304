"""The log of a run: one JSON object per line in log.jsonl, and a progress bar on the terminal."""

from __future__ import annotations

import io
import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from tqdm import tqdm

from mdmd.errors import DataError
from mdmd.files import parse_json


class RunLog:
    """Appends events to `file` (None: to no file) and shows them on the terminal unless `quiet`.

    An event is a line {"event": kind, "time": unix seconds, ...}; readers only ever see complete lines. A step is
    logged every `every` seconds. If the disk is full, the run continues without a log.
    """

    def __init__(
        self,
        file: Path | None,
        *,
        quiet: bool = False,
        every: float = 1.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.every = every
        self._file = file
        self._stream = _appending(file) if file is not None else None
        self._quiet = quiet
        self._clock = clock
        self._bar: tqdm[Any] | None = None

    def event(self, kind: str, **fields: Any) -> None:
        """Write one event at once."""
        self._write(kind, fields)
        if kind == "warning":
            self._say(f"warning: {fields['message']}")
        elif kind == "eval":
            self._say(f"  held-out NME {fields['nme']:.2f} % on {fields['faces']} faces at step {fields['step']}")
        elif kind == "resume":
            self._say(f"resuming at step {fields['step']}, after {fields['seconds']:.0f} s of training")
        elif kind == "stopped":
            self._say(f"stopped at step {fields['step']} of {fields['of']} on request")
        elif kind == "step" and not self._quiet:
            self._show(fields)
        elif kind in ("start", "done"):
            self._end_bar()

    def _write(self, kind: str, fields: Mapping[str, Any]) -> None:
        if self._stream is not None:
            line = json.dumps({"event": kind, "time": round(self._clock(), 3), **fields}, ensure_ascii=False)
            try:
                self._stream.write(line.encode() + b"\n")
            except OSError as error:
                self._stream.close()
                self._stream = None
                why = error.strerror or error
                self.warn(f"{self._file} cannot be written ({why}): the run continues without a log")

    def warn(self, message: str, *, said: bool = False) -> None:
        """Log a warning, which does not stop the run; `said` if the terminal already shows it."""
        if said:
            self._write("warning", {"message": message})
        else:
            self.event("warning", message=message)

    def resume(self, stage: str, step: int, seconds: float) -> None:
        """Log that the run resumes at `step`, and remove the events of later steps of `stage` from the log."""
        if self._stream is not None and self._file is not None:
            lines = self._file.read_bytes().splitlines(keepends=True)
            self._stream.truncate(0)
            self._stream.write(b"".join(line for line in lines if not _is_later(line, stage, step)))
        self.event("resume", stage=stage, step=step, seconds=round(seconds, 1))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._end_bar()
        if self._stream is not None:
            self._stream.close()

    def _say(self, text: str) -> None:
        if not self._quiet:
            tqdm.write(text)

    def _show(self, fields: dict[str, Any]) -> None:
        if self._bar is None:
            self._bar = tqdm(total=fields["steps"], desc=fields["stage"], unit="step", leave=True)
        self._bar.total = fields["steps"]
        self._bar.set_postfix(loss=f"{fields['loss']:.3f}", refresh=False)
        self._bar.update(fields["step"] - self._bar.n)

    def _end_bar(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def _appending(file: Path) -> io.FileIO:
    """Open `file`, unbuffered, to append lines; an incomplete last line of a killed process is removed."""
    whole = file.read_bytes().rfind(b"\n") + 1 if file.is_file() else None
    if whole is not None:
        os.truncate(file, whole)
    return io.FileIO(file, "a")


def _is_later(line: bytes, stage: str, step: int) -> bool:
    try:
        match parse_json(line, "the event cannot be read", constants=True):
            case {"stage": str(of), "event": "step" | "eval", "step": int(at)}:
                return of == stage and at > step
    except DataError:
        pass
    return False
