"""The processes of runs: telling them apart, ending them, and giving way to the user's own work."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import psutil

#: The environment variable that, set to "normal", keeps runs from giving way to other programs.
PRIORITY = "LABELER_PRIORITY"

#: Linux: the signal a process gets when its parent dies.
PR_SET_PDEATHSIG = 1
#: Linux: the id of this boot. Starts are told in ticks after the boot: the time of psutil moves when the clock is set.
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
#: How much lower than usual the priority of a run is, in steps of `nice`, whose lowest is 19.
NICER, NICEST = 10, 19


def process_started(pid: int, *, boot_id: Path = BOOT_ID) -> str | None:
    """What tells the live process `pid` from a later one with the same number; None when it has ended.

    A process that has ended but was not collected by its parent (a zombie) counts as ended.
    """
    try:
        process = psutil.Process(pid)
        if process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
            return None
        if not boot_id.is_file():
            return f"{process.create_time():.2f}"
        # The name in brackets may hold anything. The start time, in clock ticks since the boot, is the 22nd field.
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        return f"{boot_id.read_text(encoding='utf-8').strip()}:{stat.rpartition(')')[2].split()[19]}"
    except (psutil.NoSuchProcess, ProcessLookupError, FileNotFoundError):
        return None


def ask_to_end(pid: int, started: str | None, *, boot_id: Path = BOOT_ID) -> None:
    """Send SIGTERM to the process `pid` that `process_started` told as `started`; nothing where it has ended."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        if process_started(pid, boot_id=boot_id) == started:
            process.terminate()


def lower_priority(pid: int | None = None) -> None:
    """Give the process `pid`, by default this one, less of the processor than the user's own programs get.

    What it starts later gets as little.
    """
    pid = os.getpid() if pid is None else pid
    process = psutil.Process(pid)
    if sys.platform == "win32":
        process.nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
        return
    process.nice(min(process.nice() + NICER, NICEST))
    # Linux may share the processor between sessions first, and by `nice` only inside of one.
    session = Path(f"/proc/{pid}/autogroup")
    if session.exists() and os.getsid(pid) == pid:
        with contextlib.suppress(OSError):
            session.write_text(str(NICER))


def gives_way(environment: Mapping[str, str]) -> bool:
    """Whether runs have a low priority in this environment."""
    return environment.get(PRIORITY) != "normal"


def end_with_parent() -> None:
    """Linux, in a child before its command: be killed when the parent's thread that started it ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def kill_own_group() -> None:
    """Kill all processes of this process's group, itself included, where it leads one."""
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
