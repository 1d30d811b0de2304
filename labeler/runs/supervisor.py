"""Runs the commands of a run one after the other: `python -m labeler.runs.supervisor RUN_DIR [TURN] < COMMANDS`.

The commands come as JSON through the standard input, from the process that made them; nothing in the folder decides
what is run. The supervisor has a session of its own, so that a training outlives the page and the server, and its crash
reaches neither. It first waits for its turn: for the lock on the open file number TURN, which the system releases when
its holder ends. It writes began.json and exit.json; all other files come from the commands.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any

from labeler.runs.processes import end_with_parent, gives_way, kill_own_group, lower_priority
from mdmd import run_folder
from mdmd.files import parse_json
from mdmd.run_folder import Began, Ended

try:
    import fcntl
except ImportError:  # Windows has no advisory locks of this kind; no run is queued there.
    fcntl = None

#: Seconds a command has to end after it was asked to.
GRACE = 10.0
#: Exit code of a run that was stopped, as shells have it for SIGINT.
STOPPED = 130


class Supervisor:
    """Runs `commands` once it holds the lock `turn`; their output goes to output.txt in `folder`."""

    def __init__(
        self, folder: Path, commands: list[list[str]], *, turn: IO[bytes] | None = None, grace: float = GRACE
    ) -> None:
        self.folder = folder
        self.turn = turn if fcntl is not None else None
        self.commands = commands
        self.grace = grace
        self.stopped_at: float | None = None
        # Leave one core to the user. Threads that wait for a busy core would slow the training down as well.
        threads = {"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 2) - 1))}
        self.environment = {**threads, **os.environ}

    def stop(self, signum: int, frame: Any) -> None:
        """Signal handler: start no further command, and give the running one `grace` seconds to end."""
        self.stopped_at = self.stopped_at or time.monotonic()

    def run(self) -> int:
        """Run the commands; returns the first exit code other than 0, else 0, and STOPPED after a stop."""
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
        """Returns True as soon as no other run is active, False after a stop."""
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
                # Without its supervisor a command could not be stopped. On systems where it lives on, it keeps the
                # lock, so that the next run waits.
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


def main(
    folder: Path, turn: int | None, commands: list[list[str]], *, grace: float = GRACE, low_priority: bool = True
) -> int:
    """Wait for the lock on the file `turn`, run `commands` with a low priority and write exit.json.

    Returns the exit code.
    """
    with contextlib.nullcontext() if turn is None else open(turn, "ab") as lock:
        supervisor = Supervisor(folder, commands, turn=lock, grace=grace)
        signal.signal(signal.SIGTERM, supervisor.stop)
        signal.signal(signal.SIGINT, supervisor.stop)
        if low_priority:
            lower_priority()
        code = supervisor.run()
        Ended(code, time.time()).write(folder)
    if supervisor.stopped_at is not None:
        kill_own_group()  # a command that was killed may have left workers behind
    return code


if __name__ == "__main__":
    file, *turn_number = sys.argv[1:]
    code = main(
        Path(file),
        int(turn_number[0]) if turn_number else None,
        parse_json(sys.stdin.read(), "commands"),
        low_priority=gives_way(os.environ),
    )
    sys.exit(code)
