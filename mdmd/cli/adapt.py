"""`mdmd adapt`."""

from __future__ import annotations

import argparse
from pathlib import Path

from mdmd.cli.options import (
    FOREIGN_HELP,
    Commands,
    add_command,
    add_reading_options,
    add_training_options,
    foreign_set,
    training_options,
)
from mdmd.config import BASE_MINUTES, STARTER
from mdmd.importing import large_libraries
from mdmd.run_folder import must_hold_model


def add_to(commands: Commands) -> None:
    """Add the command and its options."""
    command = add_command(
        commands,
        "adapt",
        run,
        "Train on a new definition with few faces, together with one or more large sets. With --steps 0 nothing is "
        "trained: the labels of one face or more are carried over to others through the points that the base predicts.",
    )
    command.add_argument("--target", type=Path, required=True, metavar="T.json", help=f"the new set: {FOREIGN_HELP}")
    command.add_argument(
        "--source",
        type=Path,
        action="append",
        default=[],
        metavar="S.json",
        help="a set to train on together with the target; repeatable; without it, the target alone",
    )
    command.add_argument(
        "--from",
        dest="base",
        type=Path,
        metavar="BASE",
        help="the checkpoint to start from (made by mdmd train), instead of --weights",
    )
    command.add_argument(
        "--bases",
        type=Path,
        metavar="DIR",
        help="a folder of base checkpoints: the base of the sources is taken from here, or trained first if missing",
    )
    command.add_argument(
        "--base-minutes",
        type=float,
        default=BASE_MINUTES,
        metavar="M",
        help=f"minutes to train a missing base (default {BASE_MINUTES:g})",
    )
    command.add_argument(
        "--starter",
        type=Path,
        default=STARTER,
        metavar="FOLDER",
        help="a starter to use instead of the one that comes with mdmd",
    )
    command.add_argument("--train-faces", type=int, metavar="K", help="use only K of the target's training faces")
    command.add_argument(
        "--learn-share",
        type=float,
        default=1.0,
        metavar="P",
        help="train on this share of the target's faces, but hold out the same faces as without it; shows how the "
        "error falls with the number of labels (default 1)",
    )
    command.add_argument(
        "--folds",
        type=int,
        default=0,
        metavar="K",
        help="hold out no faces: train on all, then K more times without a K-th of them, to calibrate on all faces "
        "(each for the whole budget; for few faces; default 0: hold out 15 %%, or the split heldout)",
    )
    add_training_options(command, out="the folder for the run: checkpoint, log.jsonl, metrics.json")
    add_reading_options(command, "a target")


def run(options: argparse.Namespace) -> None:
    """Adapt and write the run."""
    if options.base is not None and options.bases is None:
        must_hold_model(options.base)
    with large_libraries():
        from mdmd import api

    api.adapt(
        foreign_set(options, options.target),
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
