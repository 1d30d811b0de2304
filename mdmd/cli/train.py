"""`mdmd train`."""

from __future__ import annotations

import argparse
from pathlib import Path

from mdmd.cli.options import DATA_HELP, Commands, add_command, add_training_options, training_options
from mdmd.config import BASE_MINUTES
from mdmd.importing import large_libraries


def add_to(commands: Commands) -> None:
    """Add the command and its options."""
    command = add_command(
        commands, "train", run, "Train on one or several sets at once and write a checkpoint (a base to adapt from)."
    )
    command.add_argument("--data", type=Path, action="append", required=True, metavar="S.json", help=DATA_HELP)
    command.add_argument(
        "--bases",
        type=Path,
        metavar="DIR",
        help="learn the base of the data that `mdmd adapt` takes from this folder, if it is missing; FOLDER then gets "
        f"only the log (default {BASE_MINUTES:g} minutes)",
    )
    add_training_options(command, out="the folder for the checkpoint")


def run(options: argparse.Namespace) -> None:
    """Train and write a checkpoint."""
    with large_libraries():
        from mdmd import api

    if options.bases is not None:
        api.learn_base(options.data, options.bases, options.out, **training_options(options))
    else:
        api.train(options.data, options.out, **training_options(options))
