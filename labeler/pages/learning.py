"""What the top bar says about learning in the background."""

from __future__ import annotations

from typing import Any

from labeler.analysis.rounds import FEWEST_FACES
from labeler.guidance.learning import Doing
from labeler.html.markup import plural
from labeler.project.project import Project

_WAITS = {
    Doing.OFF: "not learning",
    Doing.BATTERY: "not learning on battery",
    Doing.PAUSED: "learning waits for the run",
    Doing.ELSEWHERE: "another window of the tool is learning",
}


def learning_state(project: Project) -> dict[str, Any]:
    """Whether the tool learns from the project's labels ("on"), and that in words: "text" and "title".

    The text is None where no learner is there.
    """
    learning, newest = project.learning, project.rounds.newest()
    error = project.charge.error(project.proposed.in_charge())
    if learning.doing is Doing.NONE:
        text = None
    elif learning.doing is Doing.SOURCE and learning.source is not None:
        text = learning.source.sentence.rstrip(".")
    elif learning.doing is Doing.LEARNING:
        text = f"learning from {plural(learning.faces, 'face')}"
    elif learning.doing in _WAITS:
        text = _WAITS[learning.doing]
    elif newest is None:
        enough = project.progress().training_faces >= FEWEST_FACES
        text = "learning begins soon" if enough else f"learns from {FEWEST_FACES} labeled faces on"
    else:
        text = f"learned from {plural(newest.record.faces, 'face')}"
    title = ["While you label, the tool learns from your labels in the background, and proposes better points."]
    if text and error is not None and learning.doing in (Doing.LEARNING, Doing.WAITING):
        text = f"{text} · {100 * error:.1f} %"
        title.append(
            "The number is the error of the proposed points, measured on labeled faces that they do not come from."
        )
    title.append("Click to switch it off." if project.settings.learns else "Click to switch it on.")
    return {"on": project.settings.learns, "text": text, "title": " ".join(title)}
