"""`labeler backup`, `labeler check` and `labeler restore`: copies of a project's labels."""

from __future__ import annotations

import argparse
import sys

from labeler.cli.options import Commands, add_name
from labeler.errors import DamagedError
from labeler.html.copies import contents_words, loss_words
from labeler.html.markup import plural
from labeler.project.workspace import Workspace
from labeler.runs.housekeeping import restore_project
from mdmd.errors import DataError


def add_safekeeping(commands: Commands) -> None:
    text = "Make a copy of a project's labels. While the pages are served, copies are made by themselves."
    add_name(commands.add("backup", run_backup, text, "labeler backup monkeys"))
    check = commands.add(
        "check",
        run_check,
        "Check that the labels of a project are what was saved, and its pictures the files that were added.",
        "labeler check monkeys",
        codes="Exits with 0 if they are, and with 1 if something is damaged or missing, which is said.",
    )
    add_name(check)
    back = commands.add(
        "restore",
        run_restore,
        "Go back to a copy of a project's labels, or list the copies with what each holds and what going back loses.",
        "labeler restore monkeys 7",
        codes="What is there now is copied first, so going back can be taken back.",
    )
    add_name(back)
    back.add_argument("number", type=int, nargs="?", metavar="NUMBER", help="the copy (default: list them)")


def run_backup(options: argparse.Namespace, workspace: Workspace) -> int:
    """`labeler backup`."""
    backups = workspace.open(options.name).safekeeping.backups
    made = backups.make("asked")
    print(f"copy {made.number}: {made.path}" if made else f"nothing was changed since copy {backups.all()[0].number}")
    return 0


def run_check(options: argparse.Namespace, workspace: Workspace) -> int:
    """`labeler check`."""
    try:
        project = workspace.open(options.name)
    except DamagedError as error:
        print(f"{error}\ncopies: labeler restore {options.name!r}", file=sys.stderr)
        return 1
    project.safekeeping.check()
    pictures = project.store.images()
    problems = [*project.safekeeping.warnings, *filter(None, map(project.originals.problem, pictures))]
    for problem in problems:
        print(problem, file=sys.stderr)
    if not problems:
        print(f"the labels are what was saved, and {plural(len(pictures), 'picture')} what was added")
    return 1 if problems else 0


def run_restore(options: argparse.Namespace, workspace: Workspace) -> int:
    """`labeler restore`."""
    if options.number is not None:
        copy = workspace.backups(options.name).backup(options.number)
        restore_project(workspace, options.name, copy.number)
        print(f"the labels are those of copy {copy.number} ({copy.words})")
        return 0
    backups = workspace.backups(options.name)
    try:
        workspace.open(options.name)
    except DataError as error:  # that is no reason not to list the copies
        print(error, file=sys.stderr)
    for copy in reversed(backups.all()):
        try:
            contents = backups.contents(copy)
            holds, loses = contents_words(contents), loss_words(backups.loss(contents))
        except DamagedError as error:
            holds, loses = str(error), "it cannot be used"
        print(f"{copy.number:>4}  {copy.words}: {holds}; {loses}")
    if not backups.all():
        print(f"there are no copies yet; `labeler backup {options.name}` makes one")
    return 0
