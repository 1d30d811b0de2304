"""`labeler add`: add pictures to a project that is there."""

from __future__ import annotations

import argparse
from pathlib import Path

from labeler.cli.options import Commands, add_name, add_subject_rule, print_refused, print_skipped
from labeler.pictures.subjects import subjects_words
from labeler.project.workspace import Workspace
from mdmd.data.picture_files import none_found
from mdmd.errors import DataError


def add_add(commands: Commands) -> None:
    more = commands.add(
        "add",
        run_add,
        "Add pictures to a project; those that it has already are not added again.",
        "labeler add monkeys ~/more-monkeys",
        codes="Exits with 0 if all pictures came in; with 1 if some were refused or are in a format that is not read "
        "here, which is said (the others stay); with 2 if none came in (nothing is changed). After an interruption the "
        "same command goes on where it was.",
    )
    add_name(more)
    more.add_argument(
        "pictures",
        type=Path,
        nargs="+",
        metavar="PICTURES",
        help="picture files, and folders with all pictures in them",
    )
    add_subject_rule(more)


def run_add(options: argparse.Namespace, workspace: Workspace) -> int:
    """`labeler add`."""
    project = workspace.open(options.name)
    report = project.add_pictures(options.pictures, subjects=options.subjects)
    print_refused(report.refused)
    print_skipped(report.skipped)
    if report.nothing:
        named = ", ".join(map(str, options.pictures))
        reason = f"all pictures in {named} were refused" if report.refused else none_found(options.pictures)
        raise DataError(f"{reason}; nothing was changed")
    print(f"pictures: {report.added} added, {report.already} duplicates, {len(report.refused)} refused")
    if options.subjects:
        print(subjects_words(project.subjects()))
    return 0 if report.complete else 1
