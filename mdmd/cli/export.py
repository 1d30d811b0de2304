"""`mdmd export`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Literal, get_args

from mdmd.cli.options import Commands, add_command
from mdmd.errors import DataError
from mdmd.evaluation.evaluate import WRONG
from mdmd.importing import large_libraries
from mdmd.run_folder import must_hold_model

#: What an export is for.
Target = Literal["onnx", "web"]


def add_to(commands: Commands) -> None:
    """Add the command and its options."""
    command = add_command(
        commands,
        "export",
        run,
        "Write a model that runs without this package: a graph for ONNX Runtime with all that a prediction computes, "
        "and an example in Python with a check, or a page for a browser.",
    )
    command.add_argument("model", type=Path, metavar="RUN", help="a folder that mdmd train or adapt wrote")
    command.add_argument(
        "--format",
        choices=get_args(Target),
        default="onnx",
        help="what it is for: Python and other programs (onnx, the default), or a page that runs it in a browser (web)",
    )
    command.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="the new folder to write")
    command.add_argument("--head", help="the head to use (default: the target's)")
    command.add_argument("--half", action="store_true", help="store the weights in float16: half the size")
    command.add_argument(
        "--golden",
        type=Path,
        metavar="FACES.json",
        help="the faces that check.py looks at: four of this set go into FOLDER (default: drawn faces)",
    )
    command.add_argument(
        "--tolerance",
        type=float,
        default=WRONG,
        metavar="SHARE",
        help="an error above this share of the normalizer counts as off (default %(default)s)",
    )
    command.add_argument(
        "--onnxruntime-web",
        type=Path,
        metavar="PATH",
        help="with --format web: a local copy of the npm package onnxruntime-web, as a folder or a .tgz "
        "(default: downloaded from npm)",
    )


def run(options: argparse.Namespace) -> None:
    """Export, and say how large the graph is and how near its points are."""
    must_hold_model(options.model)
    if options.onnxruntime_web is not None and options.format != "web":
        raise DataError("--onnxruntime-web goes with --format web")
    with large_libraries():
        from mdmd import api

    made = api.export(
        options.model,
        options.out,
        format=options.format,
        onnxruntime_web=options.onnxruntime_web,
        golden=options.golden,
        head=options.head,
        half=options.half,
        tolerance=options.tolerance,
    )
    print(
        f"{made.path}: {made.bytes / 1e6:.1f} MB; ONNX Runtime and PyTorch agree to {made.pixels:.5f} crop pixels and "
        f"{made.p_off:.5f} in probability"
    )
    if options.format == "web":
        print("Serve the folder with any static server: there, run 'python -m http.server --bind 127.0.0.1'.")
