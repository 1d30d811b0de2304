"""Code shared by the commands: adding a command, and common options."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from labeler.html.refused import refused_lines
from labeler.pictures.subjects import HELP, PICTURE, SubjectRule
from labeler.project.workspace import Workspace
from mdmd.data.definition import Definition, shipped_definitions
from mdmd.data.picture_files import Skipped, skipped_sentences
from mdmd.errors import DataError
from mdmd.formats.definition_files import read_definition

DEFINITION_HELP = (
    f"the landmarks: a shipped definition ({', '.join(shipped_definitions())}), or a file with one, of this tool or of "
    "another one (see labeler definition)"
)

Command = Callable[[argparse.Namespace, Workspace], int]


class Commands:
    """The commands of one parser; `shared` holds the options common to all commands."""

    def __init__(self, top: argparse.ArgumentParser, shared: argparse.ArgumentParser) -> None:
        self._commands = top.add_subparsers(title="commands", metavar="COMMAND")
        self._shared = shared

    def add(self, name: str, run: Command, text: str, example: str, *, codes: str = "") -> argparse.ArgumentParser:
        """Add a command that calls `run`; returns its parser, for its options. `codes` explains its exit codes."""
        made = self._commands.add_parser(
            name,
            parents=[self._shared],
            help=text,
            description=f"{text} {codes}".strip(),
            epilog=f"example: {example}",
        )
        made.set_defaults(run=run)
        return made


def add_name(command: argparse.ArgumentParser) -> None:
    command.add_argument("name", metavar="NAME", help="the project")


def add_subject_rule(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--subjects",
        type=_rule,
        metavar="RULE",
        help="who is on the new pictures, so that a model is never measured on a person or animal that it has learned "
        f"from: {HELP} (default: {PICTURE})",
    )


def _rule(text: str) -> SubjectRule:
    try:
        return SubjectRule(text)
    except DataError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def chosen_definition(named: str | None) -> Definition | None:
    """The definition that --definition names, if any; prints what of it is a guess. Raises DataError."""
    if named is None:
        return None
    found = read_definition(named)
    for sentence in found.notes:
        print(sentence)
    return found.definition


def print_refused(refused: Sequence[tuple[str, str]], *, thing: str = "picture") -> None:
    """Print the refused pictures or other things, (name, reason), to stderr: one line a reason."""
    for sentence in refused_lines(refused, thing=thing):
        print(f"refused {sentence}", file=sys.stderr)


def print_skipped(skipped: Sequence[Skipped]) -> None:
    """Print what was passed over to stderr, one kind per line."""
    for sentence in skipped_sentences(skipped):
        print(f"skipped {sentence}", file=sys.stderr)
