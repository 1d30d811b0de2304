"""Runs the commands of a run folder one after the other: `python -m labeler.supervisor RUN_DIR`. Standard library only.

A process of its own in a session of its own, so that training outlives the page and the server, and its crash
reaches neither. What it leaves is exit.json; the rest of the run's story is in what the commands write.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

#: Seconds a command has to end after it was asked to.
GRACE = 10.0
#: Exit code of a run that was stopped, as shells have it for SIGINT.
STOPPED = 130


class Supervisor:
    """Runs `commands` with their output in output.txt of `folder`, at low priority."""

    def __init__(self, folder: Path, commands: list[list[str]], *, grace: float = GRACE) -> None:
        self.folder = folder
        self.commands = commands
        self.grace = grace
        self.stopped_at: float | None = None
        # One core stays with the person: threads that wait for each other on a busy core stall the training too.
        threads = {"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 2) - 1))}
        self.environment = {**threads, **os.environ}

    def stop(self, signum: int, frame: Any) -> None:
        """Signal handler: no further command, and the one that runs has `grace` seconds to end."""
        self.stopped_at = self.stopped_at or time.monotonic()

    def run(self) -> int:
        """The first exit code that is not 0, or 0; STOPPED after a stop."""
        with (self.folder / "output.txt").open("ab") as output:
            for command in self.commands:
                if self.stopped_at is not None:
                    return STOPPED
                code = self._run(command, output)
                if code:
                    return code
        return 0

    def _run(self, command: list[str], output: Any) -> int:
        try:
            child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=self.environment
            )
        except OSError as error:
            output.write(f"cannot start {command[0]}: {error.strerror}\n".encode())
            return 127
        asked = False
        while True:
            try:
                code = child.wait(timeout=0.2)
            except subprocess.TimeoutExpired:
                code = None
            if code is not None:
                return STOPPED if self.stopped_at is not None else code
            if self.stopped_at is not None and not asked:
                child.terminate()
                asked = True
            if self.stopped_at is not None and time.monotonic() - self.stopped_at > self.grace:
                child.kill()


def give_way() -> None:
    """Low priority for this process and what it starts."""
    if hasattr(os, "nice"):
        os.nice(10)
    # Linux may weigh whole sessions against each other, and inside of one only their processes: this session gives way.
    session = Path("/proc/self/autogroup")
    if session.exists() and os.getsid(0) == os.getpid():
        with contextlib.suppress(OSError):
            session.write_text("10")


def write_exit(folder: Path, code: int) -> None:
    """Write exit.json, whole or not at all."""
    temporary = folder / "exit.json.part"
    temporary.write_text(json.dumps({"code": code, "ended_at": time.time()}), encoding="utf-8")
    temporary.replace(folder / "exit.json")


def main(folder: Path, *, grace: float = GRACE) -> int:
    """Run what run.json in `folder` says and write exit.json; returns the exit code."""
    commands = json.loads((folder / "run.json").read_text(encoding="utf-8"))["commands"]
    supervisor = Supervisor(folder, commands, grace=grace)
    signal.signal(signal.SIGTERM, supervisor.stop)
    signal.signal(signal.SIGINT, supervisor.stop)
    give_way()
    code = supervisor.run()
    write_exit(folder, code)
    if supervisor.stopped_at is not None and hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        # Workers that a killed command left behind; this process has nothing left to do either.
        os.killpg(os.getpid(), signal.SIGKILL)
    return code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
