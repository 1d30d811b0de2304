"""Budgets and schedules. Schedules depend on the share of the run that is over, so they fit any budget."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mdmd.config import TrainConfig
from mdmd.errors import DataError


@dataclass(frozen=True)
class Budget:
    """How long to train: a number of steps (reproducible), or of minutes (on a machine of any speed)."""

    steps: int | None = None
    minutes: float | None = None

    def __post_init__(self) -> None:
        if (self.steps is None) == (self.minutes is None):
            raise DataError("give the budget either in steps or in minutes")
        given = self.minutes if self.steps is None else self.steps
        if given is None or not 0 < given < math.inf:
            raise DataError(f"found a budget of {given}, wanted a finite number above 0")

    def share(self, step: int, seconds: float, *, closing: float = 0.0) -> float:
        """The share of the run that is over after `step` steps and `seconds`; 1 or more at the end.

        `closing` seconds, but at most half of the minutes, are reserved for the work after the last step.
        """
        if self.steps is not None:
            return step / self.steps
        return seconds / self._training_seconds(closing)

    def steps_left(self, step: int, seconds: float, *, pace: float, closing: float = 0.0) -> int:
        """The number of steps left if each takes `pace` seconds."""
        if self.steps is not None:
            return max(0, self.steps - step)
        return max(0, round((self._training_seconds(closing) - seconds) / pace))

    def _training_seconds(self, closing: float) -> float:
        assert self.minutes is not None
        return max(60 * self.minutes - closing, 30 * self.minutes)


class Pace:
    """Seconds per step. The first step, which includes warm-up, only counts until there is a second one."""

    def __init__(self, now: float) -> None:
        self.seconds = math.inf
        self._since = now
        self._steps = 0

    def step(self, now: float) -> None:
        """Count a step that ended at `now`."""
        self._steps += 1
        self.seconds = max((now - self._since) / max(self._steps - 1, 1), 1e-9)
        if self._steps == 1:
            self._since = now


def learning_rate_factor(share: float, config: TrainConfig) -> float:
    """The factor of the learning rate at `share` of the run: warm-up, then linear or cosine decay to zero."""
    if share < config.warmup_share:
        return max(share / config.warmup_share, 1e-3)
    rest = min(1.0, (share - config.warmup_share) / (1 - config.warmup_share))
    return 1 - rest if config.decay == "linear" else 0.5 * (1 + math.cos(math.pi * rest))
