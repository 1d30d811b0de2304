"""Processes that the tool starts beside runs: they end with it, and make no run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import psutil

from labeler.runs.processes import end_with_parent, gives_way, lower_priority
from mdmd import run_folder

#: The environment variable that, set to "off", keeps the tool from predicting and learning by itself.
BACKGROUND = "LABELER_BACKGROUND"
#: Seconds after a failed process before the next one.
PAUSE = 60.0
#: The most characters of a failed process's output that are told.
MOST_TOLD = 500
#: What `mdmd` prints before its error.
ERROR = "mdmd: error: "


class Work(Protocol):
    """Work that goes on while the server runs: `step` is called `every` so many seconds, and `close` at the end."""

    every: float

    def step(self) -> None: ...

    def close(self) -> None: ...


def start_mdmd(words: Sequence[str | Path], folder: Path, *, is_waited_for: bool = False) -> subprocess.Popen[bytes]:
    """Start `mdmd` with the arguments `words`; what it prints goes to a file in `folder`.

    It gives way to other programs, unless a person waits for it.
    """
    with (folder / run_folder.OUTPUT).open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "mdmd", *map(str, words)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 2) - 1)), **os.environ},
            start_new_session=True,
            preexec_fn=end_with_parent if sys.platform == "linux" else None,
        )
    if not is_waited_for and gives_way(os.environ):
        with suppress(OSError, psutil.Error):
            lower_priority(process.pid)
    return process


def why_failed(folder: Path, code: int) -> str:
    """Why a process with the exit code `code` failed: its error in `folder`, else the end of what it printed there."""
    if code < 0:
        return f"its process was ended by the signal {-code}"
    failure = run_folder.read_failure(folder)
    if failure is not None:
        return failure.error
    printed = (folder / run_folder.OUTPUT).read_text(encoding="utf-8", errors="replace").strip()
    return printed.rpartition(ERROR)[2][-MOST_TOLD:]


def end_process(process: subprocess.Popen[bytes] | None) -> None:
    """End a process that `start_mdmd` has started, if it still runs."""
    if process is not None and process.poll() is None:
        process.kill()
        process.wait()
