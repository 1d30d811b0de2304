"""`labeler import` and `labeler export`: read and write COCO files."""

from __future__ import annotations

import argparse
from pathlib import Path

from labeler.cli.options import Commands, add_name, print_refused
from labeler.project.coco import read_pictures
from labeler.project.workspace import Workspace, name_problem


def add_exchange(commands: Commands) -> None:
    bring = commands.add(
        "import",
        run_import,
        "Add pictures and labels of a COCO-keypoint file to a project; a new project is made.",
        "labeler import monkeys monkeys/annotations.json",
    )
    add_name(bring)
    bring.add_argument("file", type=Path, metavar="FILE.json", help="its pictures lie beside it or in images/")
    write = commands.add(
        "export",
        run_export,
        "Write the labels as COCO-keypoint JSON; unreviewed predictions are left out.",
        "labeler export monkeys --out monkeys.json",
    )
    add_name(write)
    write.add_argument("--out", type=Path, required=True, metavar="FILE.json", help="the file to write")
    write.add_argument("--only-complete", action="store_true", help="only faces with all landmarks labeled")


def run_import(options: argparse.Namespace, workspace: Workspace) -> int:
    """`labeler import`."""
    if options.name not in workspace.names() and name_problem(options.name) is None:
        read_pictures(options.file)
        workspace.create(options.name)
        print(f"created project {options.name!r}")
    report = workspace.open(options.name).import_coco(options.file)
    print(
        f"pictures: {report.added} added, {report.already} unchanged because they have labels, "
        f"{len(report.refused)} refused; labeled: {report.faces} faces, {report.points} points"
    )
    print_refused(report.refused)
    return 0


def run_export(options: argparse.Namespace, workspace: Workspace) -> int:
    """`labeler export`."""
    report = workspace.open(options.name).export(options.out, only_complete=options.only_complete)
    print(f"{report.faces} faces of {report.images} pictures with {report.points} points: {report.path}")
    return 0
