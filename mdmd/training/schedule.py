"""Budgets and schedules: everything is a share of the run, so any number of steps or minutes ends its schedule."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mdmd.config import TrainConfig
from mdmd.errors import DataError


@dataclass(frozen=True)
class Budget:
    """How long to train: a number of steps (repeatable), or of minutes (whatever the machine's speed)."""

    steps: int | None = None
    minutes: float | None = None

    def __post_init__(self) -> None:
        if (self.steps is None) == (self.minutes is None):
            raise DataError("give a budget either in steps or in minutes")
        given = self.minutes if self.steps is None else self.steps
        if given is None or not 0 < given < math.inf:
            raise DataError(f"a budget must be a number above zero, found {given}")

    def share(self, step: int, seconds: float, *, closing: float = 0.0) -> float:
        """How much of the run is over after `step` steps and `seconds`; 1 or more at the end.

        `closing` seconds are kept back for what follows the last step; at most half of the minutes.
        """
        if self.steps is not None:
            return step / self.steps
        return seconds / self._training_seconds(closing)

    def steps_left(self, step: int, seconds: float, *, pace: float, closing: float = 0.0) -> int:
        """How many steps are still to come when each takes `pace` seconds."""
        if self.steps is not None:
            return max(0, self.steps - step)
        return max(0, round((self._training_seconds(closing) - seconds) / pace))

    def _training_seconds(self, closing: float) -> float:
        assert self.minutes is not None
        return max(60 * self.minutes - closing, 30 * self.minutes)


class Pace:
    """Seconds a step takes, from `now` on; the first, which warms up or compiles, counts until there is a second."""

    def __init__(self, now: float) -> None:
        self.seconds = math.inf
        self._since = now
        self._steps = 0

    def step(self, now: float) -> None:
        """A step was over at `now`."""
        self._steps += 1
        self.seconds = max((now - self._since) / max(self._steps - 1, 1), 1e-9)
        if self._steps == 1:
            self._since = now


def learning_rate_factor(share: float, config: TrainConfig) -> float:
    """Warm-up, then linear or cosine decay to zero."""
    if share < config.warmup_share:
        return max(share / config.warmup_share, 1e-3)
    rest = min(1.0, (share - config.warmup_share) / (1 - config.warmup_share))
    return 1 - rest if config.decay == "linear" else 0.5 * (1 + math.cos(math.pi * rest))
