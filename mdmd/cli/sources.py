"""`mdmd sources`: add, list, remove."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from mdmd.cli.options import Commands, add_command
from mdmd.datasets.readers import kinds
from mdmd.datasets.registry import Sources, default_home, report


def add_to(commands: Commands) -> None:
    """Add the command, its actions and their options."""
    text = "Add, list and remove datasets that commands can use by name."
    command = commands.add_parser("sources", help=text, description=text)
    actions = command.add_subparsers(title="actions", required=True, metavar="ACTION")
    add = add_command(
        actions, "add", run_add, "Check a dataset as distributed (or a COCO file) and add it under a name."
    )
    add.add_argument("kind", nargs="?", choices=kinds(), help="the kind of dataset (default: detected from its files)")
    add.add_argument(
        "path", type=Path, help="its folder, or for coco a COCO-keypoint JSON or the folder of an annotations.json"
    )
    add.add_argument("--name", help="its name (default: the kind; for coco the name of its folder or file)")
    add.add_argument(
        "--one-based", action="store_true", help="coordinates in its text files start at 1 (default: at 0)"
    )
    add_command(actions, "list", run_list, "List the added datasets.")
    remove = add_command(actions, "remove", run_remove, "Remove a dataset from the list; its files stay.")
    remove.add_argument("name")


def run_add(options: argparse.Namespace) -> None:
    """Check a dataset, add it and print a report."""
    added = Sources(default_home(os.environ)).add(
        options.path, kind=options.kind, name=options.name, one_based=options.one_based
    )
    print(report(*added))


def run_list(options: argparse.Namespace) -> None:
    """Print a line for each added dataset."""
    for source in Sources(default_home(os.environ)).all():
        faces = ", ".join(f"{split} {number:,}" for split, number in source.faces.items())
        print(f"{source.name}: {source.landmarks} points, faces: {faces}; {source.kind} in {source.path}")


def run_remove(options: argparse.Namespace) -> None:
    """Remove a dataset from the list."""
    Sources(default_home(os.environ)).remove(options.name)
