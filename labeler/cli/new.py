"""`labeler new`: create a project."""

from __future__ import annotations

import argparse
from pathlib import Path

from labeler.cli.options import Commands, add_name, print_refused
from labeler.project.workspace import Workspace
from mdmd.data.definition import Definition, load_definition, shipped_definitions
from mdmd.data.images import pictures_in
from mdmd.errors import DataError
from mdmd.files import LARGEST_SET, read_json


def add_new(commands: Commands) -> None:
    new = commands.add(
        "new",
        run_new,
        "Create a project, with pictures and a landmark definition if you have them already.",
        "labeler new monkeys --pictures ~/monkeys --definition pare",
    )
    add_name(new)
    new.add_argument("--pictures", type=Path, metavar="FOLDER", help="add the pictures in this folder")
    new.add_argument(
        "--definition",
        metavar="D",
        help=f"start from a shipped definition ({', '.join(shipped_definitions())}) "
        "or from a JSON file that holds a COCO category",
    )


def run_new(options: argparse.Namespace, workspace: Workspace) -> int:
    """`labeler new`. All input is checked before the project is created."""
    definition = read_definition(options.definition) if options.definition else None
    if options.pictures is not None:
        pictures_in(options.pictures)
    project = workspace.create(options.name, definition=definition)
    print(f"created project {project.name!r} in {project.folder}")
    if options.pictures is not None:
        report = project.add_pictures([options.pictures])
        told = f"{report.added} added, {report.already} duplicates, {len(report.refused)} refused"
        print(f"pictures: {told}")
        print_refused(report.refused)
    print(f'next: labeler open "{project.name}"')
    return 0


def read_definition(text: str) -> Definition:
    """The shipped definition named `text`, or the COCO category in the JSON file `text`; raises DataError."""
    if text in shipped_definitions():
        return load_definition(text)
    path = Path(text)
    if path.suffix != ".json":
        raise DataError(f"no definition named {text!r}; there are: {', '.join(shipped_definitions())}, or a .json file")
    record = read_json(path, most=LARGEST_SET, constants=True)  # it may be a whole COCO file
    if isinstance(record, dict) and isinstance(record.get("categories"), list) and len(record["categories"]) == 1:
        record = record["categories"][0]
    if not isinstance(record, dict):
        raise DataError(f"{path}: found a JSON {type(record).__name__}, wanted a COCO category with keypoints and flsg")
    return Definition.from_category(record, where=path.name)
