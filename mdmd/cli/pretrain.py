"""`mdmd pretrain`."""

from __future__ import annotations

import argparse
from pathlib import Path

from mdmd.cli.options import DATA_HELP, Commands, add_command, seed
from mdmd.errors import DataError
from mdmd.run_folder import LOG, STATE, alone_in


def add_to(commands: Commands) -> None:
    """Add the command and its options."""
    command = add_command(
        commands, "pretrain", run, "Train a starter, on drawn faces and animals and openly licensed photographs."
    )
    command.add_argument(
        "--photos",
        type=Path,
        metavar="P.json",
        help="photographs to train on together with the drawn faces: " + DATA_HELP,
    )
    command.add_argument(
        "--minutes", type=float, default=120.0, metavar="M", help="minutes for all rounds together (default 120)"
    )
    command.add_argument("--steps", type=int, metavar="N", help="steps of all rounds together, instead of minutes")
    command.add_argument(
        "--rounds", type=int, default=4, metavar="R", help="rounds, each with new drawn faces (default 4)"
    )
    command.add_argument("--faces", type=int, default=4000, metavar="F", help="faces drawn per round (default 4000)")
    command.add_argument(
        "--animals", type=int, default=0, metavar="A", help="animals' heads drawn per round as well (default 0)"
    )
    command.add_argument(
        "--from", type=Path, dest="start", metavar="STARTER", help="the starter to begin from (default: random weights)"
    )
    command.add_argument("--workers", type=int, default=1, metavar="W", help="processes that draw (default 1)")
    command.add_argument("--seed", type=seed, default=0, metavar="S", help="the random seed (default 0)")
    command.add_argument("--quiet", action="store_true", help="no progress bar")
    command.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="the folder of the starter; the same command again resumes an interrupted pretraining",
    )


def run(options: argparse.Namespace) -> None:
    """Train a starter in rounds."""
    from mdmd.datasets.registry import read_set
    from mdmd.models.checkpoint import load
    from mdmd.training.plan import Plan
    from mdmd.training.pretrain import STARTER_TRAIN, Drawing, pretrain
    from mdmd.training.resume import Keep
    from mdmd.training.run_log import RunLog
    from mdmd.training.schedule import Budget

    if min(options.rounds, options.faces, options.workers, options.animals + 1) < 1:
        raise DataError("--rounds, --faces and --workers must be at least 1, and --animals at least 0")
    budget = Budget(steps=options.steps) if options.steps is not None else Budget(minutes=options.minutes)
    photos = read_set(options.photos)[0] if options.photos is not None else None
    drawing = Drawing(faces=options.faces, animals=options.animals, workers=options.workers)
    start = load(options.start) if options.start is not None else None
    with alone_in(options.out), RunLog(options.out / LOG, quiet=options.quiet) as log:
        plan = Plan(STARTER_TRAIN, budget, seed=options.seed, keep=Keep(options.out / STATE))
        made = pretrain(options.out, photos, plan, log, rounds=options.rounds, drawing=drawing, start=start)
    print(f"starter of {made.history.rounds} rounds: {options.out}")
