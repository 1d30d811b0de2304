"""`mdmd evaluate`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from mdmd.cli.options import (
    FOREIGN_HELP,
    Commands,
    add_command,
    add_flag_options,
    add_reading_options,
    flag_rule,
    foreign_set,
)
from mdmd.files import write_json
from mdmd.importing import large_libraries
from mdmd.run_folder import must_hold_model


def add_to(commands: Commands) -> None:
    """Add the command and its options."""
    command = add_command(commands, "evaluate", run, "Measure a run on labeled faces.")
    command.add_argument("model", type=Path, metavar="RUN", help="a folder that mdmd train or adapt wrote")
    command.add_argument("--data", type=Path, required=True, metavar="T.json", help=FOREIGN_HELP)
    command.add_argument("--split", default="test", help="the split to measure on (default test)")
    command.add_argument(
        "--subset", metavar="NAME", help="only the faces of this subset (challenge, pose, a style ...)"
    )
    command.add_argument("--head", help="the head to use (default: the target's)")
    command.add_argument(
        "--normalizer",
        default="definition",
        choices=("definition", "box"),
        help="what errors are divided by: the definition's normalizer (default) or the square root of the box's area",
    )
    command.add_argument("--json", type=Path, metavar="OUT.json", help="also write the metrics to this file")
    command.add_argument(
        "--draw",
        type=Path,
        metavar="FOLDER",
        help="also draw the best, the median and the worst faces, with labels, predictions, errors and ellipses, into "
        "this new folder",
    )
    add_flag_options(command)
    add_reading_options(command, "data")


def run(options: argparse.Namespace) -> None:
    """Measure, print the metrics and write them to the file if given."""
    must_hold_model(options.model)
    with large_libraries():
        from mdmd import api

    rule = flag_rule(options)
    if options.json is not None:
        options.json.parent.mkdir(parents=True, exist_ok=True)  # fail before the work, not after it
    numbers = api.evaluate(
        options.model,
        foreign_set(options, options.data),
        split=options.split,
        subset=options.subset,
        head=options.head,
        normalizer=options.normalizer,
        tolerance=rule.tolerance,
        threshold=rule.threshold,
        draw=options.draw,
    )
    print(json.dumps(numbers, indent=1))
    if options.json is not None:
        write_json(options.json, numbers)
