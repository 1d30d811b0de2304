"""What was done to a face: the log of its actions, what of it is in effect, and what a writer has seen of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Action:
    """One thing done to a face: who, when (seconds since 1970) and what.

    `kind` is create, edit, undo or redo; `landmarks` are those it changed with their new visibility (None: not
    labeled any more); `box` and `skipped` say whether it changed the face's box and whether it is skipped, with
    `skip` as the new reason. `undone` is an edit that holds no longer; `meant` the edit that an undo or redo is of.
    """

    id: int
    at: float
    kind: str
    source: str
    annotator: str | None
    landmarks: dict[int, int | None]
    box: bool
    skipped: bool
    skip: str | None
    undone: bool
    meant: int | None


@dataclass(frozen=True)
class Seen:
    """What an edit builds on: the face at `revision` (None: whatever there is) and the writer's `own` actions since."""

    revision: int | None = None
    own: Collection[int] = ()

    def knows(self, action: int) -> bool:
        """Whether the writer knew of an action, given by its id, when the edit was made."""
        return self.revision is None or action <= self.revision or action in self.own


#: Of an edit that may overwrite whatever there is.
ANYTHING = Seen()


def replay(actions: Iterable[Mapping[str, Any]]) -> tuple[list[int], list[int], dict[int, int]]:
    """Of a face's actions, oldest first: the edits in effect and the edits that can be redone, each as a stack of ids,
    and for every undo and redo the edit it is of."""
    done: list[int] = []
    undone: list[int] = []
    meant: dict[int, int] = {}
    for action in actions:
        if action["kind"] == "edit":
            done.append(action["id"])
            undone.clear()
        elif action["kind"] == "undo":
            undone.append(done.pop())
            meant[action["id"]] = undone[-1]
        elif action["kind"] == "redo":
            done.append(undone.pop())
            meant[action["id"]] = done[-1]
    return done, undone, meant
