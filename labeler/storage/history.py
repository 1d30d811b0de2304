"""The history of a face: its actions, which of them are in effect, and which of them a writer has seen."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Action:
    """One action on a face, at the time `at` in Unix seconds.

    `kind` is create, edit, undo or redo. `landmarks` maps the changed landmarks to their new visibility (None: no label
    any more). `box` tells whether the box changed, `skipped` whether the skip reason changed, and `skip` is the new
    reason. `undone` marks an edit that is not in effect. `meant` is the edit that an undo or redo applies to.
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
    """The state that an edit is based on: the face at `revision` (None: any), and the writer's `own` actions since.

    `edit` is the writer's own name for the edit: one of this name is carried out once, however often it is sent.
    """

    revision: int | None = None
    own: Collection[int] = ()
    edit: str | None = None

    def knows(self, action: int) -> bool:
        """Whether the writer had seen the action with this id when making the edit."""
        return self.revision is None or action <= self.revision or action in self.own


#: For an edit that may overwrite any state.
ANYTHING = Seen()


def replay(actions: Iterable[Mapping[str, Any]]) -> tuple[list[int], list[int], dict[int, int]]:
    """Replay a face's actions, oldest first.

    Returns the edits in effect and the edits that can be redone, each as a stack of ids, and the edit that each undo or
    redo applies to.
    """
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
