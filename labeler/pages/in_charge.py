"""Sentences about which proposer is in charge, and why."""

from __future__ import annotations

from labeler.analysis.better_model import Decision, Reason, advice
from labeler.guidance.proposed import CARRIED, Proposer, import_number, round_number, run_number
from labeler.html.markup import plural
from labeler.project.project import Project
from labeler.runs.control import list_runs
from labeler.runs.run import Run
from labeler.storage.charges import Charge


def proposer_of(run: Run) -> str:
    """The name of a run as a proposer."""
    return f"run {int(run.id)}"


def proposer_words(name: str) -> str:
    """A proposer in words: "run 003", "round 7 of learning while you label" or "points carried over from ..."."""
    run = run_number(name)
    if round_number(name) is not None:
        return f"{name} of learning while you label"
    if import_number(name) is not None:
        return f"{name}, points of another tool"
    return "points carried over from labeled faces" if run is None else f"run {run:03d}"


def proposers(project: Project) -> list[tuple[str, str]]:
    """What a person can put in charge, and what is, by name and in words.

    That is carried-over points, the newest round, the trainings that have predicted and the imports of predictions,
    newest first.
    """
    collected = project.store.predictions.collected_runs()
    trained = [proposer_of(run) for run in list_runs(project) if run.kind == "train" and int(run.id) in collected]
    rounds = [Proposer("round", number).name for number in project.rounds.numbers()[-1:]]
    brought = [f"import {one.id}" for one in project.store.imports.all() if one.proposed and one.taken_back is None]
    names = dict.fromkeys([CARRIED, *rounds, *trained, *brought, project.proposed.in_charge()])
    return [(name, proposer_words(name)) for name in names]


def standing_sentence(project: Project, run: Run) -> str | None:
    """Whether a training is in charge, else why not and what to do; None for one that was not judged yet."""
    name = proposer_of(run)
    if project.proposed.in_charge() == name:
        return "In charge: faces without labels show its points."
    verdict = project.charge.verdicts().get(name)
    return None if verdict is None else f"Not in charge: {_why_not(verdict)}{_what_to_do(verdict)}"


def _why_not(found: Decision) -> str:
    faces = plural(found.faces, "labeled face")
    if found.reason is Reason.TOO_FEW_FACES:
        return f"only {faces} {'is' if found.faces == 1 else 'are'} new to it, too few to judge it on."
    error, against = f"{100 * found.error:.1f} %", f"{100 * found.against:.1f} %"
    if found.reason is Reason.NO_BETTER_THAN_MEAN_SHAPE:
        return f"on {faces} its error of {error} is not clearly below the {against} of the mean shape."
    return f"on {faces} its error of {error} is not clearly below the {against} of what is in charge."


def _what_to_do(found: Decision) -> str:
    words = advice(found)
    return "" if words is None else f" {words[0].upper()}{words[1:]}."


def history_sentence(charge: Charge) -> str:
    """What took over, when a person or the figures said so, and the figures."""
    words = proposer_words(charge.proposer)
    words = f"{words[0].upper()}{words[1:]}"
    if charge.why.get("by") == "person":
        return f"{words}: put in charge by hand"
    if charge.why.get("by") == "import":
        return f"{words}: put in charge by an import" + ("" if charge.why.get("instead of") else " that was taken back")
    faces, error, against = (charge.why.get(key) for key in ("faces", "error", "against"))
    if not isinstance(faces, int) or not isinstance(error, int | float) or not isinstance(against, int | float):
        return f"{words}: nothing was judged to be better"
    other = charge.why.get("compared with")
    of = "the mean shape" if other is None else proposer_words(str(other))
    on = plural(faces, "labeled face")
    return f"{words}: an error of {100 * error:.1f} % against {100 * against:.1f} % of {of}, on {on}"


def other_proposer(project: Project, run: Run) -> str | None:
    """What the button of a run puts in charge: the run, carried-over points if it is in charge, None for no button."""
    name = proposer_of(run)
    if project.proposed.in_charge() == name:
        return CARRIED
    return name if name in dict(proposers(project)) else None
