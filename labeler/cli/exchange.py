"""`labeler import` and `labeler export`: read and write COCO files."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from labeler.cli.options import Commands, add_name, print_refused
from labeler.project.coco import read_pictures
from labeler.project.workspace import Workspace, name_problem
from mdmd.errors import DataError


def add_exchange(commands: Commands) -> None:
    bring = commands.add(
        "import",
        run_import,
        "Add pictures and labels of a COCO-keypoint file to a project; a new project is made.",
        "labeler import monkeys monkeys/annotations.json",
        codes="Exits with 0 if all pictures came in; with 1 if some were refused, which is said (the others stay); "
        "with 2 if none came in (a new project is not left, an existing one is unchanged). An import that was "
        "interrupted goes on where it was when the same command is given again.",
    )
    add_name(bring)
    bring.add_argument("file", type=Path, metavar="FILE.json", help="its pictures lie beside it or in images/")
    bring.add_argument(
        "--pictures", type=Path, metavar="FOLDER", help="look for its pictures in this folder, and leave out all others"
    )
    write = commands.add(
        "export",
        run_export,
        "Write the labels as COCO-keypoint JSON; unreviewed predictions are left out.",
        "labeler export monkeys --out monkeys.json",
        codes="Exits with 0 if the file holds what the labels say; with 1 if pictures that it names are missing, or "
        "complete faces are left out because they have no point; with 2 if nothing was written. Skipped faces, faces "
        "without labels, and with --only-complete incomplete ones are left out as usual.",
    )
    add_name(write)
    write.add_argument("--out", type=Path, required=True, metavar="FILE.json", help="the file to write")
    write.add_argument("--only-complete", action="store_true", help="only faces with all landmarks labeled")


def run_import(options: argparse.Namespace, workspace: Workspace) -> int:
    """`labeler import`."""
    new = options.name not in workspace.names() and name_problem(options.name) is None
    if new:
        read_pictures(options.file, options.pictures)
        with workspace.making(options.name) as project:
            report = project.import_coco(options.file, folder=options.pictures)
    else:
        report = workspace.open(options.name).import_coco(options.file, folder=options.pictures)
    print_refused(report.refused)
    if report.nothing:
        reason = f"all pictures of {options.file} were refused" if report.refused else f"no pictures in {options.file}"
        raise DataError(f"{reason}; {'no project was created' if new else 'nothing was changed'}")
    if new:
        print(f"created project {options.name!r}")
    print(
        f"pictures: {report.added} added, {report.already} unchanged because they have labels, "
        f"{len(report.refused)} refused; labeled: {report.faces} faces, {report.points} points"
    )
    return 1 if report.refused else 0


def run_export(options: argparse.Namespace, workspace: Workspace) -> int:
    """`labeler export`."""
    report = workspace.open(options.name).export(options.out, only_complete=options.only_complete)
    print(f"{report.faces} faces of {report.images} pictures with {report.points} points: {report.path}")
    if report.left_out:
        print(f"faces left out: {report.left_out}")
    for sentence in report.problems:
        print(sentence, file=sys.stderr)
    return 0 if report.complete else 1
