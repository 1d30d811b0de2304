"""Locks between processes. The system releases a lock when its holder ends, however it ends."""

from __future__ import annotations

import errno
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

#: The errors of a file system without locks.
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
#: Seconds between two tries where the system cannot wait.
AGAIN = 0.05


@contextmanager
def lock(file: Path, *, wait: bool = True) -> Iterator[bool]:
    """Hold the lock on `file`, which is made if it is missing, and stays.

    Yields False if another thread or process holds it and `wait` is False. On a file system without locks it is always
    free. Raises OSError if the file cannot be opened for writing.
    """
    with file.open("ab") as stream:  # closing it releases the lock
        held = _take(stream)
        while wait and not held:
            time.sleep(AGAIN)
            held = _take(stream)
        yield held


def _take(stream: IO[bytes]) -> bool:
    try:
        if sys.platform == "win32":
            stream.seek(0)
            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in NO_LOCKS:
            return True
        if error.errno in (errno.EACCES, errno.EAGAIN, errno.EDEADLK):
            return False
        raise
    return True
