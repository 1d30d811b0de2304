"""A file that asks a training to end early and keep its result."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path


class StopFile:
    """If `file` exists, the training ends at the next step. The file is checked every `every` seconds.

    `at` is the step at which the training ended and the number of steps that it would have taken; None before.
    """

    def __init__(self, file: Path, *, every: float = 1.0, clock: Callable[[], float] = time.monotonic) -> None:
        self.file = file
        self.at: tuple[int, int] | None = None
        self._every = every
        self._clock = clock
        self._due = -math.inf

    def asked(self) -> bool:
        """Whether the file exists; False if it is not time for a check yet."""
        now = self._clock()
        if now < self._due:
            return False
        self._due = now + self._every
        return self.file.exists()
