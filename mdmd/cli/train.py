"""`mdmd train`."""

from __future__ import annotations

import argparse
from pathlib import Path

from mdmd.cli.options import DATA_HELP, Commands, add_command, add_training_options, training_options


def add_to(commands: Commands) -> None:
    """Add the command and its options."""
    command = add_command(
        commands, "train", run, "Train on one or several sets at once and write a checkpoint (a base to adapt from)."
    )
    command.add_argument("--data", type=Path, action="append", required=True, metavar="S.json", help=DATA_HELP)
    add_training_options(command, out="the folder for the checkpoint")


def run(options: argparse.Namespace) -> None:
    """Train and write a checkpoint."""
    from mdmd import api

    api.train(options.data, options.out, **training_options(options))
