"""The learning curve of a training: the same training with a quarter, a half and three quarters of the faces.

It is a run of its own with a part for each share. All parts are measured on the faces that the training held out, so
that they differ from it only in the number of faces they learned from.
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

#: Percentages of the faces that the parts train on; each is the name of its part's folder.
SHARES = (25, 50, 75)
#: A training on fewer faces has no curve: the smallest part would have too few.
FEWEST_LEARNED = 100 // SHARES[0] * jobs.FEWEST_FACES


def start_curve(
    project: Project, run_id: str, *, sources: Sources | None = None, commands: CommandsOf = commands_of
) -> Run:
    """Start a run that measures the missing parts of the learning curve of a finished training.

    They train on the labels that the training used. Raises NotFoundError, ConflictError with the reason if the run has
    no curve to measure or while another run is waiting, and DataError if files of the run are missing.
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
    """Why `training` can have no learning curve; None if it can."""
    if training.kind != "train":
        return "it is not a training"
    if training.state == "stopped":
        return "it was stopped early, and parts that train to their end are not comparable with it"
    if training.state != "done":
        return f"only a finished training has one, and this one is {training.state}"
    if not isinstance((training.metrics or {}).get("nme"), int | float):
        return "it held out no faces to measure on"
    learned = read_learned(training.folder)
    if learned is None:
        return "its folder does not say how many faces it learned from"
    if learned.faces < FEWEST_LEARNED:
        return (
            f"it learned from {learned.faces} faces, and a curve needs {FEWEST_LEARNED}: the smallest part is a "
            f"quarter, and a training needs at least {jobs.FEWEST_FACES}"
        )
    return None


def why_not_now(runs: Sequence[Run], training: Run) -> str | None:
    """Why no part of the curve of `training` can be measured now; None if one can."""
    active = under_way(runs, training)
    if active is not None:
        return f"run {active.name}, which measures it, is {active.state}"
    if len(parts_of(runs, training.id)) == len(SHARES):
        own = " and ".join(run.name for run in runs if run.of == training.id)
        return f"it is in the report already; delete run {own} to measure it again"
    return None


def parts_of(runs: Sequence[Run], training_id: str) -> dict[int, Path]:
    """The complete parts of the curve of a training, share -> folder, of each the newest.

    `runs` are all runs of the project, newest first. Complete parts of a run that failed later count.
    """
    found: dict[int, Path] = {}
    for run in runs:
        if run.of == training_id:
            done = (run.folder / name for name in run.parts)
            found = {int(part.name): part for part in done if (part / run_folder.METRICS).is_file()} | found
    return found


def cost_seconds(runs: Sequence[Run], training: Run) -> float:
    """About how many seconds the missing parts will take."""
    return _part_seconds(training) * (len(SHARES) - len(parts_of(runs, training.id)))


def cost_words(runs: Sequence[Run], training: Run) -> str:
    """`cost_seconds` in words, such as "about 6 minutes"."""
    return f"about {plural(max(1, round(cost_seconds(runs, training) / 60)), 'minute')}"


def how_to_measure(runs: Sequence[Run], training: Run) -> str:
    """The sentence in a report that has no learning curve."""
    reason = why_not(training)
    if reason is not None:
        return f"There is none: {reason}."
    if under_way(runs, training) is not None:
        return "It is being measured and will appear here."
    return (
        "What would more labels buy? On the Train page, under the runs, “Measure the learning curve” trains again from "
        f"a quarter, a half and three quarters of these faces: {cost_words(runs, training)}."
    )


def under_way(runs: Sequence[Run], training: Run) -> Run | None:
    """The active run that measures the curve of `training`; None without one."""
    return next((run for run in runs if run.active and run.of == training.id), None)


def _part_seconds(training: Run) -> float:
    """Seconds of one part: those of the training, without the source and the predictions."""
    learned = read_learned(training.folder)
    return training.seconds if learned is None else learned.seconds
