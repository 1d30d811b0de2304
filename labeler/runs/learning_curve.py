"""The learning curve of a training: the same again from a quarter, a half and three quarters of the faces.

A run of its own, with a part a share: all measured on the faces that the training held out, so that the parts and the
training differ in nothing but how many faces they learned from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from labeler.errors import ConflictError
from labeler.html.markup import plural
from labeler.project.project import Project
from labeler.runs import start as jobs
from labeler.runs.commands import NEVER, CommandsOf, commands_of, settings_of, source_of
from labeler.runs.control import find_run, list_runs
from labeler.runs.heldout import read_learned
from labeler.runs.run import Run
from labeler.runs.sources import Sources, machine_sources
from mdmd import run_folder
from mdmd.data.coco import read_coco

#: Percentages of the faces that the parts learn from; each names its part's folder.
SHARES = (25, 50, 75)
#: A training that learned from fewer faces has no curve: the smallest part would be less than a training takes.
FEWEST_LEARNED = 100 // SHARES[0] * jobs.FEWEST_FACES


def start_curve(
    project: Project, run_id: str, *, sources: Sources | None = None, commands: CommandsOf = commands_of
) -> Run:
    """Measure the parts of the learning curve of a finished training that have not been measured yet.

    They learn from the training's own labels. Raises NotFoundError, ConflictError for a run that has no curve to
    measure, with the reason, or while another run waits already, and DataError where its files are gone.
    """
    runs = list_runs(project)
    training = find_run(project, run_id)
    reason = why_not(training) or why_not_now(runs, training)
    if reason is not None:
        raise ConflictError(f"no learning curve of run {training.name}: {reason}")
    trained = settings_of(run_folder.read_record(training.folder), training.folder)
    source = source_of(trained, sources or machine_sources(project.folder.parent))
    measured = parts_of(runs, training.id)
    settings = replace(
        trained,
        prelabel=False,
        save_every=NEVER,
        of=training.id,
        parts=tuple(str(share) for share in SHARES if share not in measured),
        part_seconds=_part_seconds(training),
    )
    target = read_coco(training.folder / run_folder.TARGET, name=project.name)
    return jobs.start(project, "curve", settings, {run_folder.TARGET: target}, source=source, commands=commands)


def why_not(training: Run) -> str | None:
    """Why no learning curve of `training` can be measured; None where one can."""
    if training.kind != "train":
        return "it is no training"
    if training.state == "stopped":
        return "it was stopped early, and parts that learn to their end are not comparable with it"
    if training.state != "done":
        return f"only a training that has come to its end has one, and this one is {training.state}"
    if not isinstance((training.metrics or {}).get("nme"), int | float):
        return "it held no faces out to measure on"
    learned = read_learned(training.folder)
    if learned is None:
        return "its folder does not say how many faces it learned from"
    if learned.faces < FEWEST_LEARNED:
        return (
            f"it learned from {learned.faces} faces, and a curve takes {FEWEST_LEARNED}: a training takes at least "
            f"{jobs.FEWEST_FACES}, and the smallest part is a quarter"
        )
    return None


def why_not_now(runs: Sequence[Run], training: Run) -> str | None:
    """Why there is nothing to measure of the curve of `training` at present; None where there is."""
    active = under_way(runs, training)
    if active is not None:
        return f"it is being measured, run {active.name} is {active.state}"
    if len(parts_of(runs, training.id)) == len(SHARES):
        own = " and ".join(run.name for run in runs if run.of == training.id)
        return f"it is measured and stands in the report; delete run {own} to measure it again"
    return None


def parts_of(runs: Sequence[Run], training_id: str) -> dict[int, Path]:
    """The complete parts of the curve of a training, share -> folder; the newest of each, also of runs that broke off
    later. `runs` are the project's, newest first."""
    found: dict[int, Path] = {}
    for run in runs:
        if run.of == training_id:
            done = (run.folder / name for name in run.parts)
            found = {int(part.name): part for part in done if (part / run_folder.METRICS).is_file()} | found
    return found


def cost_seconds(runs: Sequence[Run], training: Run) -> float:
    """How long measuring the parts that are missing will take, about."""
    return _part_seconds(training) * (len(SHARES) - len(parts_of(runs, training.id)))


def cost_words(runs: Sequence[Run], training: Run) -> str:
    """ "about 6 minutes"."""
    return f"about {plural(max(1, round(cost_seconds(runs, training) / 60)), 'minute')}"


def how_to_measure(runs: Sequence[Run], training: Run) -> str:
    """What a report without a curve says of one."""
    reason = why_not(training)
    if reason is not None:
        return f"None can be measured: {reason}."
    if under_way(runs, training) is not None:
        return "It is being measured, and stands here when its parts are done."
    return (
        "What would more labels buy? On the Train page, under the runs, “Measure the learning curve” trains again from "
        f"a quarter, a half and three quarters of these faces: {cost_words(runs, training)}."
    )


def under_way(runs: Sequence[Run], training: Run) -> Run | None:
    """The run that measures the curve of `training` now."""
    return next((run for run in runs if run.active and run.of == training.id), None)


def _part_seconds(training: Run) -> float:
    """A part learns for as long as the training did, without learning the source and without predicting."""
    learned = read_learned(training.folder)
    return training.seconds if learned is None else learned.seconds
