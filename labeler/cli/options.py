"""Code shared by the commands: adding a command, and common options."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from labeler.project.workspace import Workspace

Command = Callable[[argparse.Namespace, Workspace], int]


class Commands:
    """The commands of one parser; `shared` holds the options common to all commands."""

    def __init__(self, top: argparse.ArgumentParser, shared: argparse.ArgumentParser) -> None:
        self._commands = top.add_subparsers(title="commands", metavar="COMMAND")
        self._shared = shared

    def add(self, name: str, run: Command, text: str, example: str) -> argparse.ArgumentParser:
        """Add a command that calls `run`; returns its parser, for its options."""
        made = self._commands.add_parser(
            name, parents=[self._shared], help=text, description=text, epilog=f"example: {example}"
        )
        made.set_defaults(run=run)
        return made


def add_name(command: argparse.ArgumentParser) -> None:
    command.add_argument("name", metavar="NAME", help="the project")


def print_refused(refused: Sequence[tuple[str, str]]) -> None:
    """Print (name, reason) of each refused picture to stderr, one per line."""
    for name, sentence in refused:
        print(f"refused {name}: {sentence}", file=sys.stderr)
