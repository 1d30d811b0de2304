"""`mdmd export`."""

from __future__ import annotations

import argparse
from pathlib import Path

from mdmd.cli.options import Commands, add_command
from mdmd.evaluation.evaluate import WRONG
from mdmd.importing import large_libraries
from mdmd.run_folder import must_hold_model


def add_to(commands: Commands) -> None:
    """Add the command and its options."""
    command = add_command(
        commands,
        "export",
        run,
        "Write a model that runs without this package: a graph for ONNX Runtime with all that a prediction computes, "
        "an example in Python, and a check.",
    )
    command.add_argument("model", type=Path, metavar="RUN", help="a folder that mdmd train or adapt wrote")
    command.add_argument("--format", choices=("onnx",), default="onnx", help="what it is for (default onnx)")
    command.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="the new folder to write")
    command.add_argument("--head", help="the head to use (default: the target's)")
    command.add_argument("--half", action="store_true", help="store the weights in float16: half the size")
    command.add_argument(
        "--tolerance",
        type=float,
        default=WRONG,
        metavar="SHARE",
        help="an error above this share of the normalizer counts as off (default %(default)s)",
    )


def run(options: argparse.Namespace) -> None:
    """Export, and say how large the graph is and how near its points are."""
    must_hold_model(options.model)
    with large_libraries():
        from mdmd import api

    made = api.export(options.model, options.out, head=options.head, half=options.half, tolerance=options.tolerance)
    print(
        f"{made.path}: {made.bytes / 1e6:.1f} MB; ONNX Runtime and PyTorch agree to {made.pixels:.5f} crop pixels and "
        f"{made.p_off:.5f} in probability"
    )
