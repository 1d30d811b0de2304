"""`labeler open`, and `labeler` without a command: serve the pages."""

from __future__ import annotations

import argparse
import sys

from labeler.cli.options import Commands
from labeler.project.workspace import Workspace
from labeler.runs.collect import collect_predictions
from labeler.server.serve import serve
from mdmd.errors import DataError

LOCAL = ("127.0.0.1", "localhost")


def add_open(commands: Commands) -> None:
    show = commands.add(
        "open",
        run_open,
        "Open a project in the browser, or the list of projects without NAME; Ctrl-C stops the server.",
        "labeler open monkeys --port 7860",
    )
    show.add_argument("name", nargs="?", metavar="NAME", help="the project to open at (default: the list of projects)")
    show.add_argument("--port", type=int, metavar="P", help="the port (default: the first free one from 7860)")
    show.add_argument("--host", default="127.0.0.1", metavar="H", help="only this machine is served: 127.0.0.1")
    show.add_argument("--no-browser", action="store_true", help="print the address and open nothing")


def open_by_default(top: argparse.ArgumentParser) -> None:
    """Make `labeler` without a command open the list of projects."""
    top.set_defaults(run=run_open, name=None, port=None, host=LOCAL[0], no_browser=False)


def run_open(options: argparse.Namespace, workspace: Workspace) -> int:
    """`labeler open`."""
    if options.host not in LOCAL:
        raise DataError(f"found --host {options.host}; the tool serves only this machine, wanted 127.0.0.1")
    if options.name is not None:
        project = workspace.open(options.name)
        try:
            collect_predictions(project)
        except DataError as error:
            print(f"labeler: warning: {error}", file=sys.stderr)
    serve(workspace, project=options.name, port=options.port, browser=not options.no_browser)
    return 0
