"""What the README and the docs name exists: files in the tree, commands and their options, targets in the Makefile."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from unittest.mock import patch

import pytest

ROOT = Path(__file__).parent.parent
TEXTS = (
    *("README.md", "CONTRIBUTING.md", "benchmarks/RESULTS.md", "mdmd/starter/README.md"),
    *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")),
)
PROGRAMS = ("mdmd", "labeler")

SUFFIXES = "py|md|json|jsonl|toml|txt|js|css|html|png|jpg|svg|gif|db|safetensors|yaml|yml|sh|cfg|ini|lock"
FILE_NAME = re.compile(rf"[\w.-]+\.({SUFFIXES})|Makefile|LICENSE")
OPTION = re.compile(r"(?<![\w-])--[a-zA-Z][\w-]*")


@dataclass(frozen=True)
class Command:
    program: str
    words: tuple[str, ...]  # subcommands, make targets, or the script that python runs
    options: tuple[str, ...]


# Finding what a text names


def without_fences(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)


def inline_code(text: str) -> list[str]:
    return [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", without_fences(text))]


def fenced_lines(text: str) -> Iterator[str]:
    """Lines of fenced blocks, continued lines joined, without prompt and comment."""
    for block in re.findall(r"^```[^\n]*\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE):
        for line in re.sub(r"\\\n\s*", " ", block).splitlines():
            bare = re.sub(r"(^|\s)#.*$", "", line).strip().removeprefix("$ ")
            if bare:
                yield bare


def linked_paths(text: str) -> set[str]:
    """Local targets of Markdown links and pictures, and of HTML src and href."""
    targets = re.findall(r"\]\(\s*<?([^)\s>]+)", without_fences(text)) + re.findall(r'(?:src|href)="([^"]+)"', text)
    return {t.split("#")[0] for t in targets if "://" not in t and not t.startswith(("#", "mailto:"))}


def named_paths(text: str, root: Path) -> set[str]:
    """Inline code that is a path: a file name we would use, a folder ending in /, or something in a folder of ours.

    Options, URLs, absolute paths (routes), patterns and a command's placeholder files (OUT.json) are no paths.
    """
    found = set()
    for code in inline_code(text):
        if re.search(r"[^\w./<>-]|^[/~]|^\.\./", code) or "://" in code:
            continue
        last = code.rstrip("/").rsplit("/", 1)[-1]
        placeholder = re.fullmatch(r"[A-Z0-9]+\.json", last)
        in_our_folder = "/" in code and (root / code.split("/")[0]).exists()
        if not placeholder and (FILE_NAME.fullmatch(last) or in_our_folder or code.endswith("/")):
            found.add(code)
    return found


def commands(text: str) -> Iterator[Command]:
    """Commands of ours in inline code and fenced blocks; synopses such as `labeler new|open [--port P]` too."""
    for line in [*inline_code(text), *fenced_lines(text)]:
        for part in re.split(r"&&|;|\s\|\s(?!-)", line):
            words = [word for word in re.sub(r"[\[\]]", " ", part).split() if word != "|"]
            while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
                words = words[1:]
            if not words:
                continue
            options = tuple(dict.fromkeys(OPTION.findall(" ".join(words))))
            program, rest = words[0].rsplit("/", 1)[-1], words[1:]
            if program.startswith("python") and rest[:1] == ["-m"] and len(rest) > 1:
                package, _, module = rest[1].partition(".")
                if package not in PROGRAMS:
                    continue
                if not module:
                    program, rest = package, rest[2:]
                else:
                    yield Command("python", (rest[1].replace(".", "/") + ".py",), ())
                    continue
            if program in PROGRAMS:
                subcommands = rest[0].split("|") if rest and re.fullmatch(r"[a-z][a-z|-]*", rest[0]) else []
                yield Command(program, tuple(subcommands), options)
            elif program == "make":
                yield Command("make", tuple(w for w in rest if not w.startswith("-") and "=" not in w), ())
            elif program.startswith("python") and rest and rest[0].endswith(".py"):
                yield Command("python", (rest[0],), ())


# Checking it


def missing_paths(text: str, root: Path, code: str, folder: Path | None = None) -> list[str]:
    """Paths that `text` names but that neither lie in the tree nor are names our `code` gives to what it writes.

    Links are relative to `folder`, in which the text lies (by default `root`).
    """
    tree = {path.name for path in tree_paths(root)}

    def exists(path: str) -> bool:
        last = path.rstrip("/").rsplit("/", 1)[-1]
        written = re.search(rf"""["'/]{re.escape(last)}["'/]""", code) is not None
        if "<" in path or path.startswith("projects/"):  # a user's own: only the file's name can be known
            return written or "." not in last
        if "/" in path.rstrip("/"):
            return (root / path).exists()
        return written or last in tree

    links = sorted(path for path in linked_paths(text) if not ((folder or root) / path).exists())
    return links + [path for path in sorted(named_paths(text, root)) if not exists(path)]


def tree_paths(root: Path) -> Iterator[Path]:
    """Files and folders of the tree but for what users, builds and tools leave in it."""
    for path in sorted(root.iterdir()):
        yield path
        left_behind = path.name in ("projects", "artifacts", "build", "dist") or path.name.startswith(".")
        if path.is_dir() and (path.name == ".ci" or not left_behind):
            yield from path.rglob("*")


@cache
def our_code(root: Path) -> str:
    return "\n".join(
        path.read_text(encoding="utf-8") for program in PROGRAMS for path in sorted((root / program).rglob("*.py"))
    )


def make_targets(makefile: str) -> set[str]:
    rules = re.findall(r"^([A-Za-z][\w .-]*?)\s*:(?!=)", makefile, flags=re.MULTILINE)
    return {target for rule in rules for target in rule.split()}


#: Commands whose options belong to their actions.
GROUPS = {("mdmd", "sources"): ("add", "list", "remove")}


@cache
def help_of(program: str, subcommand: str) -> tuple[int, str]:
    """Exit code and text of a program's --help, asked in this process: a new one for each takes seconds to begin."""
    said = io.StringIO()
    # Wide, so that no option is broken over two lines.
    with patch.dict(os.environ, COLUMNS="200"), redirect_stdout(said), redirect_stderr(io.StringIO()):
        for action in ("", *GROUPS.get((program, subcommand), ())):
            words = [word for word in (subcommand, action) if word]
            try:
                import_module(f"{program}.cli.main").parser().parse_args([*words, "--help"])
            except SystemExit as ended:
                if ended.code:
                    return int(ended.code), said.getvalue()
    return 0, said.getvalue()


def command_problems(text: str, root: Path, makefile: str, ask=help_of) -> list[str]:
    """What the commands in `text` ask for and do not get; `ask(program, subcommand)` gives a --help's code and text."""
    problems = []
    for command in commands(text):
        if command.program == "make":
            problems += [f"make {word}: no such target" for word in command.words if word not in make_targets(makefile)]
        elif command.program == "python":
            problems += [f"python {word}: no such file" for word in command.words if not (root / word).is_file()]
        else:
            for word in command.words or ("",):
                shown = f"{command.program} {word}".strip()
                code, page = ask(command.program, word)
                if code != 0:
                    problems.append(f"{shown}: no such command")
                    continue
                known = set(OPTION.findall(page))
                if len(command.words) < 2:  # which of several commands an option belongs to is not said
                    problems += [
                        f"{shown} {option}: no such option" for option in command.options if option not in known
                    ]
    return problems


# The real texts


@pytest.mark.parametrize("name", TEXTS)
def test_every_file_named_exists(name: str):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert text.strip()
    assert missing_paths(text, ROOT, our_code(ROOT), (ROOT / name).parent) == []


@pytest.mark.parametrize("name", TEXTS)
def test_every_command_named_exists(name: str):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert command_problems(text, ROOT, (ROOT / "Makefile").read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("name", [*TEXTS, "CHANGELOG.md"])
def test_no_text_holds_both_sides_of_a_merge(name: str):
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    assert not [line for line in lines if line.startswith(("<<<<<<< ", ">>>>>>> "))]


def test_the_readme_names_a_picture_the_measured_number_and_the_commands_to_start():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert any(path.endswith(".png") for path in linked_paths(text))
    assert "make" in {command.program for command in commands(text)}
    assert {"mdmd", "labeler"} & {command.program for command in commands(text)}
    measured = set(re.findall(r"\d+\.\d+", (ROOT / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8")))
    percentages = re.findall(r"(\d+\.\d+) %", text)
    assert percentages
    assert {p for p in percentages if not any(m.startswith(p) or f"{float(m):.1f}" == p for m in measured)} == set()


# The checker on small samples

SAMPLE = """
# Title

![the page](docs/page.png) and [why](NOTES.md#three), [site](https://example.org/x.png), <img src="docs/two.png">.

`mdmd/data/coco.py` writes it, `store.py` and `runs/<id>/metrics.json` keep it, `projects/demo/` holds `labels.db`.
Not paths: `/api/projects`, `0/1/2`, `image/png`, `coco.to_coco`, `--port`, `OUT.json`, `<name>`, `*.json`, `../b.json`.
Run `mdmd adapt --target T.json [--minutes M | --steps N]`, `labeler new|open`, `labeler open NAME --port P`,
`mdmd --version`, `make demo` and `python -m mdmd train --seed 1`. The word `mdmd` alone is the package.

```sh
$ make test check JOBS=2   # both
PYTHONPATH=. python benchmarks/real.py --out x && labeler export demo \\
    --out FILE.json
python -m labeler.runs.start RUN | tail
git clone somewhere
```
"""


def test_paths_are_found(tmp_path: Path):
    (tmp_path / "mdmd").mkdir()
    assert linked_paths(SAMPLE) == {"docs/page.png", "NOTES.md", "docs/two.png"}
    expected = {"mdmd/data/coco.py", "store.py", "runs/<id>/metrics.json", "projects/demo/", "labels.db"}
    assert named_paths(SAMPLE, tmp_path) == expected


def test_commands_are_found():
    assert list(commands(SAMPLE)) == [
        Command("mdmd", ("adapt",), ("--target", "--minutes", "--steps")),
        Command("labeler", ("new", "open"), ()),
        Command("labeler", ("open",), ("--port",)),
        Command("mdmd", (), ("--version",)),
        Command("make", ("demo",), ()),
        Command("mdmd", ("train",), ("--seed",)),
        Command("mdmd", (), ()),
        Command("make", ("test", "check"), ()),
        Command("python", ("benchmarks/real.py",), ()),
        Command("labeler", ("export",), ("--out",)),
        Command("python", ("labeler/runs/start.py",), ()),
    ]


def test_missing_files_are_reported(tmp_path: Path):
    for name in ("docs/page.png", "NOTES.md", "mdmd/data/coco.py", "labeler/storage/store.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    code = 'DB = "labels.db"\nwrite(run / "metrics.json")'
    assert missing_paths(SAMPLE, tmp_path, code) == ["docs/two.png"]
    assert missing_paths(SAMPLE, tmp_path, "") == ["docs/two.png", "labels.db", "runs/<id>/metrics.json"]
    named = "`mdmd/cocoo.py` `tests/no/` `gone.md` `mdmd/labels.db` `mdmd/` `labels.db` `cache/` `projects/demo/x.txt`"
    assert missing_paths(named, tmp_path, code) == [
        "cache/",
        "gone.md",
        "mdmd/cocoo.py",
        "mdmd/labels.db",
        "projects/demo/x.txt",
        "tests/no/",
    ]


def test_wrong_commands_are_reported(tmp_path: Path):
    makefile = ".PHONY: demo test\nPY := python\ndemo test: setup\n\techo a: b\nsetup:\n"
    pages = {
        ("mdmd", ""): (0, "usage: mdmd [--version]"),
        ("mdmd", "adapt"): (0, "--target FILE, --minutes M, --steps N"),
        ("labeler", "new"): (0, ""),
        ("labeler", "open"): (0, "  --port P  the port; see --portal"),
        ("labeler", "export"): (0, "--output FILE"),
    }

    def ask(program: str, subcommand: str) -> tuple[int, str]:
        return pages.get((program, subcommand), (2, ""))

    assert make_targets(makefile) == {"demo", "test", "setup"}
    assert command_problems(SAMPLE, tmp_path, makefile, ask) == [
        "mdmd train: no such command",
        "make check: no such target",
        "python benchmarks/real.py: no such file",
        "labeler export --out: no such option",
        "python labeler/runs/start.py: no such file",
    ]


def test_a_program_is_really_asked():
    assert help_of("mdmd", "no_such_command")[0] == 2
    code, page = help_of("mdmd", "adapt")
    assert code == 0
    assert "--train-faces" in page
