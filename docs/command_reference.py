"""The Sphinx directive `command-reference`: every command and option of an argparse parser, from the parser itself."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from importlib import import_module

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


def commands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """The parsers of all subcommands, depth first; a parser with subcommands is followed by them."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child in dict.fromkeys(action.choices.values()):
                yield child
                yield from commands(child)


def page(top: argparse.ArgumentParser) -> str:
    """Markdown of the reference: a heading, the usage and the options of each command of `top`."""
    return "\n".join(line for parser in commands(top) for line in section(parser))


def section(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Markdown lines of one command."""
    yield from (f"## {parser.prog}", "", parser.description or "", "", "```text")
    yield from (parser.format_usage().removeprefix("usage: ").rstrip(), "```", "")
    for action in parser._actions:
        if not isinstance(action, argparse._HelpAction | argparse._SubParsersAction):
            yield from (f"`{invocation(action)}`", f": {described(parser, action)}", "")
    if parser.epilog:
        yield from (parser.epilog.replace("example: ", "Example: `", 1) + "`", "")


def invocation(action: argparse.Action) -> str:
    """How an option or a positional argument is written, as in `--out FOLDER`."""
    metavar = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    if action.choices is not None and action.metavar is None:
        metavar = "{" + ",".join(map(str, action.choices)) + "}"
    if not action.option_strings:
        return metavar
    return ", ".join(action.option_strings) + ("" if action.nargs == 0 else f" {metavar}")


def described(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    """The help text with its defaults filled in, and whether the option must be given."""
    text = parser._get_formatter()._expand_help(action) if action.help else ""
    text = text.replace("<", "\\<").replace("$", "\\$").replace("*", "\\*")
    return f"{text} (required)" if action.required and action.option_strings else text or "(no description)"


class CommandReference(SphinxDirective):
    """`command-reference` takes a module with a function `parser()`."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        parser = import_module(self.arguments[0]).parser()
        return self.parse_text_to_nodes(page(parser), allow_section_headings=True)


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_directive("command-reference", CommandReference)
    return {"parallel_read_safe": True}
