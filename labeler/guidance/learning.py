"""What the background learner does for a project, as it says itself."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Doing(StrEnum):
    """What the background learner does for a project, or why it waits."""

    NONE = "none"  # there is no learner
    OFF = "off"
    BATTERY = "battery"
    PAUSED = "paused"  # for a run
    ELSEWHERE = "elsewhere"  # another server on this machine learns
    SOURCE = "source"  # learns a data set that was added
    WAITING = "waiting"  # for labels
    LEARNING = "learning"


@dataclass(frozen=True)
class LearningSource:
    """The data set `name`, which is being learned once; `seconds_left` is None until it is known."""

    name: str
    seconds_left: float | None

    @property
    def sentence(self) -> str:
        """What is going on, in words."""
        left = "" if self.seconds_left is None else f": {max(1, round(self.seconds_left / 60))} min left"
        return f"{self.name} is being learned once{left}."


@dataclass(frozen=True)
class Learning:
    """What is done, from how many `faces` the present round learns, and which data set is being learned."""

    doing: Doing = Doing.NONE
    faces: int = 0
    source: LearningSource | None = None
