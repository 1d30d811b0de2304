"""Why a run broke off, in one sentence, and what to do about it."""

from __future__ import annotations

import signal

from mdmd.run_folder import Failure

#: A disk with fewer free bytes than this is full: not even a model fits.
FULL = 20_000_000

#: What to do about what `mdmd` calls a kind of error in error.json.
REMEDIES = {
    "memory": "close other programs, or choose a smaller encoder under Advanced",
    "disk": "make room (deleting old runs makes some)",
    "weights": "name another file under Advanced, or none",
    "picture": "put the files back, or skip their faces on the Label page",
}
#: Words of the system, for a run that could not write error.json.
KINDS = {
    "No space left on device": "disk",
    "File too large": "disk",
    "Disk quota exceeded": "disk",
    "MemoryError": "memory",
    "allocate memory": "memory",
    "out of memory": "memory",
    "failed to map segment": "memory",  # of a library that is being loaded
}
#: Signals by which a process ends at its own fault.
CRASHES = (signal.SIGSEGV, signal.SIGABRT, signal.SIGFPE, signal.SIGILL)


def why_failed(code: int, told: Failure | None, output: str, free: int) -> str:
    """The sentence for an exit `code` that is not 0 (below 0: a signal), by what error.json told, what was printed,
    and how many bytes the disk has left."""
    last = next((line.strip() for line in reversed(output.splitlines()) if line.strip()), "")
    said = (told and told.error) or last.removeprefix("mdmd: error: ")
    kind = (told and told.kind) or next((kind for words, kind in KINDS.items() if words in said), None)
    if told is None and code < 0:
        return _by_signal(-code)
    if told is None and code == 130:
        return "its process was told to end, by the system or another program"
    if kind is None and free < FULL:
        kind, said = "disk", f"the disk is full ({said})" if said else "the disk is full"
    if kind in REMEDIES:
        return f"{said}: {REMEDIES[kind]}"
    return said or f"ended with exit code {code}"


def why_interrupted(free: int) -> str:
    """The sentence for a run that ended without a word."""
    if free < FULL:
        return f"the disk is full, so the run could not even say so: {REMEDIES['disk']}"
    return "the run ended without a word: the machine was switched off, or its process was killed"


def _by_signal(number: int) -> str:
    if number == signal.SIGKILL:
        return (
            "its process was killed (signal 9), by the system most often because memory ran out: close other programs "
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
    return f"its process was ended by {name}, by the system or another program"
