"""A file by which anybody may ask a training to end early and keep what it has learned."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path


class StopFile:
    """Once `file` is there, the schedule ends at the next step. It is looked for every so many seconds.

    `at` is the step at which a training ended for it, and how many there would have been; None before that.
    """

    def __init__(self, file: Path, *, every: float = 1.0, clock: Callable[[], float] = time.monotonic) -> None:
        self.file = file
        self.at: tuple[int, int] | None = None
        self._every = every
        self._clock = clock
        self._due = -math.inf

    def asked(self) -> bool:
        """Whether the file was there when it was last looked for."""
        now = self._clock()
        if now < self._due:
            return False
        self._due = now + self._every
        return self.file.exists()
