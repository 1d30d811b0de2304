"""`labeler runs`, `labeler stop` and `labeler resume`: list, stop and resume runs."""

from __future__ import annotations

import argparse

from labeler.cli.console import follow
from labeler.cli.options import Commands, add_name
from labeler.project.workspace import Workspace
from labeler.runs.control import cancel_run, list_runs, stop_and_keep
from labeler.runs.manage import megabytes, size_of
from labeler.runs.start import resume
from mdmd.errors import DataError


def add_runs(commands: Commands) -> None:
    add_name(commands.add("runs", run_runs, "List a project's runs, newest first.", "labeler runs monkeys"))
    end = commands.add(
        "stop",
        run_stop,
        "Stop the training of a project now and keep its model; with --cancel, keep none.",
        "labeler stop monkeys",
    )
    add_name(end)
    end.add_argument(
        "--cancel", action="store_true", help="do not keep a model; also ends a pre-labeling or a waiting run"
    )
    go_on = commands.add(
        "resume",
        run_resume,
        "Continue an interrupted training; Ctrl-C stops it.",
        "labeler resume monkeys",
    )
    add_name(go_on)
    go_on.add_argument("--run", dest="run_id", metavar="ID", help="the run (default: the newest that can be resumed)")


def run_runs(options: argparse.Namespace, workspace: Workspace) -> int:
    """`labeler runs`."""
    for run in list_runs(workspace.open(options.name)):
        step = f" at step {run.stopped.step} of {run.stopped.of}" if run.stopped else ""
        said = f"{run.what}, {run.state}" if run.kind == "curve" else f"{run.kind} {run.state}{step}"
        parts = [run.name, said, megabytes(size_of(run))]
        parts += ["can be resumed"] if run.can_resume else []
        print(", ".join(parts + ([run.error] if run.error else [])))
    return 0


def run_stop(options: argparse.Namespace, workspace: Workspace) -> int:
    """`labeler stop`: stop the active run, or cancel it with --cancel. A waiting run comes after a running one."""
    project = workspace.open(options.name)
    active = sorted((run for run in list_runs(project) if run.active), key=lambda run: run.state == "waiting")
    if not active:
        raise DataError(f"project {project.name!r} has no active run")
    if options.cancel:
        run = cancel_run(project, active[0].id, patience=15)
        print(f"run {run.id} is {run.state}")
        return 0
    stop_and_keep(project, active[0].id)
    return follow(project, active[0], cancels=False)


def run_resume(options: argparse.Namespace, workspace: Workspace) -> int:
    """`labeler resume`."""
    project = workspace.open(options.name)
    wanted = options.run_id or next((run.id for run in list_runs(project) if run.can_resume), None)
    if wanted is None:
        raise DataError(f"project {project.name!r} has no run that can be resumed")
    run = resume(project, wanted)
    print(f"resuming run {run.id}: {run.folder}")
    return follow(project, run)
