"""`labeler status`: how far the labels of a project are."""

from __future__ import annotations

import argparse

from labeler.cli.options import Commands, add_name
from labeler.project.workspace import Workspace


def add_status(commands: Commands) -> None:
    text = "Print how many faces of a project are complete and labeled, in the words of the pages."
    add_name(commands.add("status", run_status, text, "labeler status monkeys"))


def run_status(options: argparse.Namespace, workspace: Workspace) -> int:
    """`labeler status`. Proposals are those that were made while the pages were served, or came in from a file."""
    progress = workspace.open(options.name).progress()
    print(f"{progress.complete_words}, {progress.faces_to_go:,} to go, {progress.skipped_faces:,} skipped")
    print(progress.labeled_words)
    if progress.predicted_faces:
        print(f"to review: {progress.predicted_words}")
    print(f"for training: {progress.training_words}")
    return 0
