"""Budgets and schedules: everything is a share of the run, so any number of steps or minutes ends its schedule."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from mdmd.config import TrainConfig
from mdmd.evaluate import FlagRule
from mdmd.records import DataError


@dataclass(frozen=True)
class Budget:
    """How long to train: a number of steps (repeatable), or of minutes (whatever the machine's speed)."""

    steps: int | None = None
    minutes: float | None = None

    def __post_init__(self) -> None:
        if (self.steps is None) == (self.minutes is None):
            raise DataError("give a budget either in steps or in minutes")
        if (self.steps is not None and self.steps < 1) or (self.minutes is not None and not self.minutes > 0):
            raise DataError(f"a budget must be above zero, found {self.steps or self.minutes}")

    def share(self, step: int, seconds: float) -> float:
        """How much of the run is over after `step` steps and `seconds`; 1 or more at the end."""
        if self.steps is not None:
            return step / self.steps
        assert self.minutes is not None
        return seconds / (60 * self.minutes)


@dataclass(frozen=True)
class Plan:
    """What one run needs beside its data. `weights` is a safetensors file, "none", or None for timm's own."""

    train: TrainConfig
    budget: Budget
    weights: str | None = None
    seed: int = 0
    rule: FlagRule = field(default_factory=FlagRule)


def learning_rate_factor(share: float, config: TrainConfig) -> float:
    """Warm-up, then linear or cosine decay to zero."""
    if share < config.warmup_share:
        return max(share / config.warmup_share, 1e-3)
    rest = min(1.0, (share - config.warmup_share) / (1 - config.warmup_share))
    return 1 - rest if config.decay == "linear" else 0.5 * (1 + math.cos(math.pi * rest))
