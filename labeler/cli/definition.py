"""`labeler definition`: show a definition, and write it for another tool."""

from __future__ import annotations

import argparse
from pathlib import Path

from labeler.cli.options import Commands
from labeler.project.workspace import Workspace
from mdmd.data.definition import Definition
from mdmd.errors import DataError
from mdmd.formats.definition_files import FORMS, form_by_name, read_definition, words_of, write_definition


def add_definition(commands: Commands) -> None:
    command = commands.add(
        "definition",
        run_definition,
        "Show the landmarks of a project, of a shipped definition or of a file, and write them for another tool.",
        "labeler definition monkeys --format mmpose --out monkeys.py",
    )
    command.add_argument(
        "name",
        metavar="D",
        help="a project, a shipped definition, or a file: JSON of this tool, a COCO category or file, MMPose's "
        "metainfo (Python, which is not run, or JSON), SLEAP's skeleton, CVAT's labels, Label Studio's configuration; "
        "groups that a file does not tell are guessed from names, which is said",
    )
    command.add_argument("--out", type=Path, metavar="FILE", help="write it to this file")
    names = ", ".join(form.name for form in FORMS)
    command.add_argument("--format", metavar="F", help=f"the form to write: {names} (default: json)")


def run_definition(options: argparse.Namespace, workspace: Workspace) -> int:
    """`labeler definition`."""
    if options.format is not None and options.out is None:
        raise DataError("--format is the form to write: name the file with --out")
    form = form_by_name(options.format or "json")
    definition, notes = _named(options.name, workspace)
    for sentence in notes:
        print(sentence)
    if options.out is None:
        print("\n".join(words_of(definition)))
        return 0
    lost = write_definition(definition, options.out, form)
    print(f"{len(definition.landmarks)} landmarks as {form.title}: {options.out}")
    for loss in lost:
        print(f"{form.title} cannot keep all: {loss.words}")
    return 0


def _named(name: str, workspace: Workspace) -> tuple[Definition, tuple[str, ...]]:
    if name in workspace.names():
        definition = workspace.open(name).definition
        if definition is None:
            raise DataError(f"project {name!r} has no landmarks yet: define them on the Schema page")
        return definition, ()
    try:
        found = read_definition(name)
    except DataError as error:
        if Path(name).exists():
            raise
        raise DataError(f"there is no project {name!r}, and {error}") from None
    return found.definition, found.notes
