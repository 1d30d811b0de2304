"""The check of the built pages finds what is broken, and the command reference has every command and option."""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).parent.parent / "docs"


def module(name: str) -> ModuleType:
    """A script of docs/, which is no package."""
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_broken_links_and_foreign_loads_are_found(tmp_path: Path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.html").write_text(
        '<h1 id="top">A</h1><a href="sub/b.html#here">b</a><a href="#top">a</a><a href="https://example.org">c</a>'
        '<img src="data:image/png;base64,x">',
        encoding="utf-8",
    )
    (tmp_path / "sub" / "b.html").write_text('<p id="here"></p><a href="../a.html">a</a>', encoding="utf-8")
    problems = module("check_links").problems
    assert problems(tmp_path) == []

    (tmp_path / "c.html").write_text(
        '<a href="gone.html">1</a><a href="a.html#gone">2</a><script src="https://cdn.example.org/x.js"></script>',
        encoding="utf-8",
    )
    assert problems(tmp_path) == [
        "c.html links to a.html#gone: no such heading",
        "c.html links to gone.html: no such file",
        "c.html loads https://cdn.example.org/x.js: pages load nothing from other servers",
    ]


@pytest.mark.parametrize("package", ["mdmd", "labeler"])
def test_the_reference_has_every_command_and_option(package: str):
    reference = module("command_reference")
    parser = importlib.import_module(f"{package}.cli.main").parser()
    text = reference.page(parser)
    commands = list(reference.commands(parser))
    assert len(commands) >= 7
    for command in commands:
        assert f"## {command.prog}\n" in text
        section = text.split(f"## {command.prog}\n", 1)[1].split("\n## ", 1)[0]
        for action in command._actions:
            if not isinstance(action, argparse._HelpAction | argparse._SubParsersAction):
                assert all(option in section for option in action.option_strings)
