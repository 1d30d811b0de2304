"""`labeler subjects`: which pictures show the same person or animal."""

from __future__ import annotations

import argparse
import sys

from labeler.cli.options import Commands, add_name
from labeler.pictures.subjects import HELP, SubjectRule, subjects_words
from labeler.project.workspace import Workspace


def add_subjects(commands: Commands) -> None:
    tell = commands.add(
        "subjects",
        run_subjects,
        "Say which pictures show the same person or animal, their subject, so that a model is never measured on one "
        "that it has learned from; without a rule, show the subjects.",
        "labeler subjects monkeys folder",
        codes="Exits with 1 if the rule does not fit some pictures; they are named and keep the subject that they had.",
    )
    add_name(tell)
    tell.add_argument("rule", nargs="?", metavar="RULE", help=HELP)


def run_subjects(options: argparse.Namespace, workspace: Workspace) -> int:
    """`labeler subjects`."""
    rule = None if options.rule is None else SubjectRule(options.rule)
    project = workspace.open(options.name)
    report = None if rule is None else project.set_subjects(rule)
    print(subjects_words(project.subjects()))
    if report is None:
        return 0
    print(f"pictures with another subject than before: {report.changed:,}")
    if report.problem:
        print(report.problem, file=sys.stderr)
    return 1 if report.problem else 0
