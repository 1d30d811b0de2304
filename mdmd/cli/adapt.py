"""`mdmd adapt`."""

from __future__ import annotations

import argparse
from pathlib import Path

from mdmd.cli.options import DATA_HELP, Commands, add_command, add_training_options, training_options
from mdmd.config import STARTER


def add_to(commands: Commands) -> None:
    """Add the command and its options."""
    command = add_command(
        commands, "adapt", run, "Learn a new definition from few faces, beside one or more large sets."
    )
    command.add_argument("--target", type=Path, required=True, metavar="T.json", help=f"the new set: {DATA_HELP}")
    command.add_argument(
        "--source",
        type=Path,
        action="append",
        default=[],
        metavar="S.json",
        help="a set to learn beside it; repeatable; none: the target alone",
    )
    command.add_argument(
        "--from",
        dest="base",
        type=Path,
        metavar="BASE",
        help="the checkpoint to start from (made by mdmd train), whose weights take the place of --weights",
    )
    command.add_argument(
        "--bases",
        type=Path,
        metavar="DIR",
        help="where base checkpoints are kept: the sources' base is taken from here, and learned first if not there",
    )
    command.add_argument(
        "--base-minutes",
        type=float,
        default=20.0,
        metavar="M",
        help="time for learning a base that is not there yet (default 20)",
    )
    command.add_argument(
        "--starter",
        type=Path,
        default=STARTER,
        metavar="FOLDER",
        help="another starter than the one that comes with mdmd",
    )
    command.add_argument(
        "--train-faces", type=int, metavar="K", help="learn from K of the target's training faces only"
    )
    command.add_argument(
        "--learn-share",
        type=float,
        default=1.0,
        metavar="P",
        help="learn from this share of the target's faces and hold out the same ones as without: for how the error "
        "falls with the number of labels (default 1)",
    )
    command.add_argument(
        "--folds",
        type=int,
        default=0,
        metavar="K",
        help="hold no faces out: learn from all, then K times more without a K-th of them to calibrate on all "
        "(each time for the whole budget; for few faces and much time; default 0: hold 15 %% out)",
    )
    add_training_options(command, out="the folder for the run: checkpoint, log.jsonl, metrics.json")


def run(options: argparse.Namespace) -> None:
    """Adapt and leave a run."""
    from mdmd import api

    api.adapt(
        options.target,
        options.out,
        sources=options.source,
        base=options.base,
        bases=options.bases,
        base_minutes=options.base_minutes,
        starter=options.starter,
        train_faces=options.train_faces,
        learn_share=options.learn_share,
        folds=options.folds,
        **training_options(options),
    )
