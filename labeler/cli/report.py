"""`labeler report`, `labeler curve` and `labeler repeats`: the accuracy of a training and of the labels."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from labeler.cli.console import follow
from labeler.cli.options import Commands, add_name
from labeler.guidance.repeats import noise_words
from labeler.project.project import Project
from labeler.project.workspace import Workspace
from labeler.report.reports import write_report
from labeler.runs.control import list_runs
from labeler.runs.learning_curve import start_curve
from mdmd.errors import DataError


def add_report(commands: Commands) -> None:
    tell = commands.add(
        "report",
        run_report,
        "Write a report of a training as one HTML file: its accuracy on held-out faces.",
        "labeler report monkeys --out monkeys.html",
    )
    add_name(tell)
    tell.add_argument("--run", dest="run_id", metavar="ID", help="the training (default: the newest finished one)")
    tell.add_argument("--against", metavar="ID", help="the training to compare with (default: the one before)")
    tell.add_argument(
        "--out", type=Path, metavar="FILE.html", help="the file to write (default: report.html in the run's folder)"
    )
    bend = commands.add(
        "curve",
        run_curve,
        "Measure how the error of a training falls with more labels, and add that to its report.",
        "labeler curve monkeys 003",
    )
    add_name(bend)
    bend.add_argument("run_id", nargs="?", metavar="RUN", help="the training (default: the newest finished one)")
    add_name(
        commands.add(
            "repeats",
            run_repeats,
            "Print how exactly each landmark is labeled, from faces that were labeled twice, the second time blind.",
            "labeler repeats monkeys",
        )
    )


def run_report(options: argparse.Namespace, workspace: Workspace) -> int:
    """`labeler report`."""
    project = workspace.open(options.name)
    print(write_report(project, _training(project, options.run_id), against=options.against, out=options.out))
    return 0


def run_curve(options: argparse.Namespace, workspace: Workspace) -> int:
    """`labeler curve`; also writes the report with the result."""
    project = workspace.open(options.name)
    training = _training(project, options.run_id)
    run = start_curve(project, training)
    print(f"measuring the learning curve of training {training} in {len(run.parts)} parts: {run.folder}")
    code = follow(project, run)
    if code == 0:
        try:
            print(write_report(project, training))
        except (DataError, OSError) as error:
            why = error if isinstance(error, DataError) else error.strerror or error
            print(f"the curve is measured, but its report could not be written: {why}", file=sys.stderr)
            return 1
    return code


def _training(project: Project, run_id: str | None) -> str:
    done = [run.id for run in list_runs(project) if run.kind == "train" and (run.has_model or run.metrics)]
    if run_id is None and not done:
        raise DataError(f"project {project.name!r} has no finished training to report on; train first")
    return run_id or done[0]


def run_repeats(options: argparse.Namespace, workspace: Workspace) -> int:
    """`labeler repeats`."""
    project = workspace.open(options.name)
    share, noise = project.settings.repeats, project.repeats.noise(project.index.must_define())
    print(f"blind repeats: {noise_words(share, noise)}")
    if noise.landmarks:
        print("per landmark, in % of the normalizing distance: mean distance of two labelings, sigma of one")
    width = max((len(row.name) for row in noise.landmarks), default=0)
    for row in noise.landmarks:
        values = f"{row.distance:7.2f} {row.sigma:7.2f}" if row.pairs else "      -       -"
        print(f"{row.name:{width}} {row.pairs:5} pairs {values}")
    return 0
