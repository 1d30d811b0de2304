"""Why a run failed, in one sentence with what to do about it."""

from __future__ import annotations

import signal

from mdmd.run_folder import Failure

#: A disk with fewer free bytes counts as full: a model does not fit.
FULL = 20_000_000

#: Kinds of errors in error.json -> what to do.
REMEDIES = {
    "memory": "close other programs, or choose a smaller encoder under Advanced",
    "disk": "make room (deleting old runs makes some)",
    "weights": "name another file under Advanced, or none",
    "picture": "put the files back, or skip their faces on the Label page",
}
#: Texts of the system -> the kind, for a run that could not write error.json.
KINDS = {
    "No space left on device": "disk",
    "File too large": "disk",
    "Disk quota exceeded": "disk",
    "MemoryError": "memory",
    "allocate memory": "memory",
    "out of memory": "memory",
    "failed to map segment": "memory",  # of a library that is being loaded
}
#: Signals that a process causes itself.
CRASHES = (signal.SIGSEGV, signal.SIGABRT, signal.SIGFPE, signal.SIGILL)


def why_failed(code: int, told: Failure | None, output: str, free: int) -> str:
    """The reason for an exit `code` other than 0; a negative one is a signal.

    `told` is the content of error.json, `output` what was printed, `free` the free bytes on the disk.
    """
    last = next((line.strip() for line in reversed(output.splitlines()) if line.strip()), "")
    said = (told and told.error) or last.removeprefix("mdmd: error: ")
    kind = (told and told.kind) or next((kind for words, kind in KINDS.items() if words in said), None)
    if told is None and code < 0:
        return _by_signal(-code)
    if told is None and code == 130:
        return "its process was asked to end by the system or another program"
    if kind is None and free < FULL:
        kind, said = "disk", f"the disk is full ({said})" if said else "the disk is full"
    if kind in REMEDIES:
        return f"{said}: {REMEDIES[kind]}"
    return said or f"ended with exit code {code}"


def why_interrupted(free: int) -> str:
    """The reason for a run that ended without writing exit.json, with `free` bytes on the disk."""
    if free < FULL:
        return f"the disk is full: {REMEDIES['disk']}"
    return "the machine was switched off, or the run's process was killed"


def _by_signal(number: int) -> str:
    if number == signal.SIGKILL:
        return (
            "its process was killed (signal 9), most often by the system because memory ran out: close other programs "
            "or choose a smaller encoder"
        )
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    if number in CRASHES:
        return f"its process crashed ({name}); try without the GPU if it happens again"
    if number == signal.SIGBUS:
        return f"its process crashed ({name}), as when a disk is full: {REMEDIES['disk']}"
    return f"its process was ended with {name} by the system or another program"
