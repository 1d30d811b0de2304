"""Runs the commands of a run one after the other: `python -m labeler.runs.supervisor RUN_DIR [TURN] < COMMANDS`.

The commands come through the standard input, as JSON, from the process that made them; nothing in the folder says what
is run. A process of its own in a session of its own, so that training outlives the page and the
server, and its crash reaches neither. It first waits for its turn: the lock on the open file number TURN, which the
system releases when its holder dies. What it leaves is began.json and exit.json; the rest of the run's story is in what
the commands write.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any

from mdmd import run_folder
from mdmd.run_folder import Began, Ended

try:
    import fcntl
except ImportError:  # Windows has no advisory locks of this kind; no run is queued there.
    fcntl = None

#: Seconds a command has to end after it was asked to.
GRACE = 10.0
#: Exit code of a run that was stopped, as shells have it for SIGINT.
STOPPED = 130
#: Linux: the signal a process gets when its parent dies.
PR_SET_PDEATHSIG = 1


class Supervisor:
    """Runs `commands` with their output in output.txt of `folder`, at low priority, once it holds the lock `turn`."""

    def __init__(
        self, folder: Path, commands: list[list[str]], *, turn: IO[bytes] | None = None, grace: float = GRACE
    ) -> None:
        self.folder = folder
        self.turn = turn if fcntl is not None else None
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
        if not self._wait_for_turn():
            return STOPPED
        Began(time.time()).write(self.folder)
        with (self.folder / run_folder.OUTPUT).open("ab") as output:
            for command in self.commands:
                if self.stopped_at is not None:
                    return STOPPED
                code = self._run(command, output)
                if code:
                    return code
        return 0

    def _wait_for_turn(self) -> bool:
        """True once no other run is under way; False after a stop."""
        while self.stopped_at is None:
            if self.turn is None or fcntl is None:
                return True
            try:
                fcntl.flock(self.turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(0.2)
            else:
                return True
        return False

    def _run(self, command: list[str], output: Any) -> int:
        try:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self.environment,
                # Nobody would stop or collect a command without its supervisor. Where it lives on all the same, it
                # keeps the turn.
                preexec_fn=end_with_parent if sys.platform == "linux" else None,
                pass_fds=() if self.turn is None else (self.turn.fileno(),),
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


def end_with_parent() -> None:
    """In a child, before its command: end when the supervisor does, even by kill -9."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def main(folder: Path, turn: int | None, commands: list[list[str]], *, grace: float = GRACE) -> int:
    """Run `commands`, after the run that holds the lock on the file `turn`, and write exit.json; returns the exit
    code."""
    with contextlib.nullcontext() if turn is None else open(turn, "ab") as lock:
        supervisor = Supervisor(folder, commands, turn=lock, grace=grace)
        signal.signal(signal.SIGTERM, supervisor.stop)
        signal.signal(signal.SIGINT, supervisor.stop)
        give_way()
        code = supervisor.run()
        Ended(code, time.time()).write(folder)
    if supervisor.stopped_at is not None and hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        # Workers that a killed command left behind; this process has nothing left to do either.
        os.killpg(os.getpid(), signal.SIGKILL)
    return code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else None, json.load(sys.stdin)))
