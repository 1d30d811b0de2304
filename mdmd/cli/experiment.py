"""`mdmd experiment`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from mdmd.cli.options import Commands, add_command
from mdmd.datasets.registry import Sources, default_home
from mdmd.errors import DataError
from mdmd.experiments.tables import TABLES


def add_to(commands: Commands) -> None:
    """Add the command and its options."""
    command = add_command(
        commands, "experiment", run, "Run the experiments of a table and print the paper's numbers beside ours."
    )
    command.add_argument("name", metavar="NAME", help=f"the table: {', '.join(TABLES)}")
    data = os.environ.get("MDMD_DATA")
    command.add_argument(
        "--data",
        type=Path,
        default=data,
        required=data is None,
        metavar="ROOT",
        help="the folder of the sets, each as NAME/annotations.json (default: $MDMD_DATA)",
    )
    # Not "out", because a failing command writes its error to `out`, and this folder holds many runs.
    command.add_argument(
        "--out",
        dest="runs",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="the folder of the runs; finished runs in it are not repeated",
    )
    command.add_argument("--seeds", type=int, default=3, metavar="N", help="seeds of each row (default 3)")
    budget = command.add_mutually_exclusive_group()
    budget.add_argument(
        "--minutes", type=float, default=10.0, metavar="M", help="minutes for each adaptation (default 10)"
    )
    budget.add_argument("--steps", type=int, metavar="N", help="steps instead of minutes, also for bases")
    command.add_argument(
        "--base-minutes", type=float, default=20.0, metavar="M", help="minutes for each base (default 20)"
    )
    command.add_argument(
        "--weights",
        metavar="FILE",
        default=os.environ.get("MDMD_WEIGHTS") or None,
        help="the encoder's weights, as in mdmd train; not for rows with other encoders",
    )
    command.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="SETTING",
        help="a setting for all rows, as in mdmd train",
    )
    command.add_argument(
        "--only", action="append", default=[], metavar="PATTERN", help="only runs whose names match, such as '*-25'"
    )
    command.add_argument(
        "--dry-run", action="store_true", help="only list the runs, missing data and the expected time"
    )


def run(options: argparse.Namespace) -> None:
    """Do the missing runs of the table and print it."""
    from mdmd.experiments import report
    from mdmd.experiments.runner import Experiment, launch_process
    from mdmd.training.schedule import Budget

    if options.name not in TABLES:
        raise DataError(f"no table {options.name!r}; there are: {', '.join(TABLES)}")
    steps = options.steps
    experiment = Experiment(
        table=TABLES[options.name],
        root=Path(options.data).resolve(),
        out=options.runs.resolve(),
        seeds=options.seeds,
        budget=Budget(minutes=options.minutes) if steps is None else Budget(steps),
        base_budget=Budget(minutes=options.base_minutes) if steps is None else Budget(steps),
        weights=options.weights,
        settings=tuple(options.settings),
        only=tuple(options.only),
        added=frozenset(source.name for source in Sources(default_home(os.environ)).all()),
    )
    if options.dry_run:
        print(report.forecast(experiment))
        return
    experiment.execute(launch_process, lambda line: print(line, file=sys.stderr))
    print(report.markdown(experiment))
