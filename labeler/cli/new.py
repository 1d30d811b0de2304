"""`labeler new`: create a project."""

from __future__ import annotations

import argparse
from pathlib import Path

from labeler.cli.options import Commands, add_name, print_refused, print_skipped
from labeler.project.workspace import Workspace
from mdmd.data.definition import Definition, load_definition, shipped_definitions
from mdmd.data.picture_files import none_found
from mdmd.errors import DataError
from mdmd.files import LARGEST_SET, read_json


def add_new(commands: Commands) -> None:
    new = commands.add(
        "new",
        run_new,
        "Create a project, with pictures and a landmark definition if you have them already.",
        "labeler new monkeys --pictures ~/monkeys --definition pare",
        codes="Exits with 0 if all pictures came in; with 1 if some were refused or are in a format that is not read "
        "here, which is said (the others stay); with 2 if none came in (no project is left). Hidden files and files "
        "that are no pictures do not count.",
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
    """`labeler new`. Input that cannot be used leaves no project."""
    definition = read_definition(options.definition) if options.definition else None
    complete = True
    if options.pictures is None:
        project = workspace.create(options.name, definition=definition)
        print(f"created project {project.name!r} in {project.folder}")
    else:
        complete = _with_pictures(workspace, options.name, definition, options.pictures)
    print(f'next: labeler open "{options.name}"')
    return 0 if complete else 1


def _with_pictures(workspace: Workspace, name: str, definition: Definition | None, folder: Path) -> bool:
    """Create the project with the pictures in `folder`; returns whether all came in. Raises DataError if none did."""
    if not folder.is_dir():
        raise DataError(f"{folder} is a file, not a folder" if folder.exists() else f"no such folder: {folder}")
    with workspace.making(name, definition=definition) as project:
        report = project.add_pictures([folder])
    print_refused(report.refused)
    print_skipped(report.skipped)
    if report.nothing:
        reason = f"all pictures in {folder} were refused" if report.refused else none_found([folder])
        raise DataError(f"{reason}; no project was created")
    print(f"created project {name!r} in {project.folder}")
    print(f"pictures: {report.added} added, {report.already} duplicates, {len(report.refused)} refused")
    return report.complete


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
