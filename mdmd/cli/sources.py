"""`mdmd sources`: add, list, remove."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from mdmd.cli.options import Commands, add_command, add_reading_options, foreign_set
from mdmd.datasets.registry import Sources, default_home, kinds, report


def add_to(commands: Commands) -> None:
    """Add the command, its actions and their options."""
    text = "Add, list and remove datasets that commands can use by name."
    command = commands.add_parser("sources", help=text, description=text)
    actions = command.add_subparsers(title="actions", required=True, metavar="ACTION")
    add = add_command(
        actions,
        "add",
        run_add,
        "Check a dataset as distributed, a COCO file, or labels of another tool, and add it under a name.",
    )
    add.add_argument("kind", nargs="?", choices=kinds(), help="the kind of dataset (default: detected from its files)")
    add.add_argument(
        "path", type=Path, help="its folder, or for coco a COCO-keypoint JSON or the folder of an annotations.json"
    )
    add.add_argument("--name", help="its name (default: the kind of a public dataset, else that of its folder or file)")
    add_reading_options(add, "a set", form=False)
    add_command(actions, "list", run_list, "List the added datasets.")
    remove = add_command(actions, "remove", run_remove, "Remove a dataset from the list; its files stay.")
    remove.add_argument("name")


def run_add(options: argparse.Namespace) -> None:
    """Check a dataset, add it and print a report."""
    added = Sources(default_home(os.environ)).add(
        foreign_set(options, options.path), kind=options.kind, name=options.name
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
