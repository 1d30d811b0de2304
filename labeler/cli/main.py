"""The command line of the tool: all commands, and exit codes for errors."""

from __future__ import annotations

import argparse
import importlib.metadata
import sys
from collections.abc import Sequence
from pathlib import Path

from labeler.cli.add import add_add
from labeler.cli.definition import add_definition
from labeler.cli.demo import add_demo
from labeler.cli.exchange import add_exchange
from labeler.cli.new import add_new
from labeler.cli.open import add_open, open_by_default
from labeler.cli.options import Commands
from labeler.cli.report import add_report
from labeler.cli.runs import add_runs
from labeler.cli.safekeeping import add_safekeeping
from labeler.cli.status import add_status
from labeler.cli.subjects import add_subjects
from labeler.cli.train import add_train
from labeler.project.workspace import Workspace
from mdmd.errors import DataError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code.

    0 success, 1 failure or not everything came in, 2 invalid input and nothing done, 130 interrupted.
    """
    options = parser().parse_args(arguments)
    workspace = Workspace(getattr(options, "projects", Path("projects")))
    try:
        return options.run(options, workspace)
    except DataError as error:
        print(f"labeler: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("labeler: interrupted", file=sys.stderr)
        return 130
    except OSError as error:
        print(f"labeler: error: {error.filename or 'the system'}: {error.strerror or error}", file=sys.stderr)
        return 1
    finally:
        workspace.close()


def parser() -> argparse.ArgumentParser:
    """The parser of all commands. `--projects` can be given before or after the command."""
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument(
        "--projects",
        type=Path,
        default=argparse.SUPPRESS,
        metavar="DIR",
        help="the folder that holds all projects (default: projects/)",
    )
    top = argparse.ArgumentParser(
        prog="labeler",
        parents=[shared],
        description="Define facial landmarks of your own, label one picture in the browser, correct proposed points "
        "while a model learns, train, review what is doubtful, export COCO.",
        epilog="example: labeler new monkeys --pictures ~/monkeys --definition pare && labeler open monkeys",
    )
    version = importlib.metadata.version("mdmd")
    top.add_argument("--version", action="version", version=f"labeler {version}")
    open_by_default(top)
    commands = Commands(top, shared)
    for add in (
        *(add_new, add_add, add_subjects, add_open, add_exchange, add_definition, add_status, add_train, add_report),
        *(add_runs, add_safekeeping, add_demo),
    ):
        add(commands)
    return top


if __name__ == "__main__":
    sys.exit(main())
