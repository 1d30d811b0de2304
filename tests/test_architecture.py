"""Who never imports whom, read from the code's own imports. Every rule is also shown to bite on a planted violation."""

from __future__ import annotations

import ast
import posixpath
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("mdmd", "labeler")

#: A top-level module from outside -> the only modules (or packages, ending in a dot) of ours that may import it.
ONLY_IN = {
    "gradio": ("labeler.pages.", "labeler.app"),
    "fastapi": ("labeler.api", "labeler.app"),
    "sqlite3": ("labeler.store", "labeler.migrations"),
    "sqlite_utils": ("labeler.store", "labeler.migrations"),
    "torch": ("mdmd.",),
    "torchvision": ("mdmd.",),
    "timm": ("mdmd.",),
    "safetensors": ("mdmd.",),
    "h5py": ("mdmd.cofw",),
}
HEAVY = ("torch", "timm")  # what must never reach the server's process
PURE = ("mdmd.loss", "mdmd.decoder", "mdmd.heads")  # modules that import nothing of ours
SQL = re.compile(
    r"\s*(SELECT\s.+\sFROM\s|INSERT\s+(OR\s+\w+\s+)?INTO\s|UPDATE\s+\S+\s+SET\s|DELETE\s+FROM\s|"
    r"(CREATE|DROP|ALTER)\s+(TABLE|VIEW|INDEX|TRIGGER)\s|PRAGMA\s)",
    re.DOTALL,
)

Sources = Mapping[str, str]  # "mdmd.coco" -> the module's text; a package's own module has the package's name


def read_sources(root: Path) -> dict[str, str]:
    sources = {}
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            sources[name] = path.read_text(encoding="utf-8")
    return sources


def is_package(name: str, sources: Sources) -> bool:
    return name in PACKAGES or any(other.startswith(name + ".") for other in sources)


def imported(name: str, sources: Sources) -> set[str]:
    """Dotted names that module `name` imports anywhere, in functions too; `from a import b` is a.b if that is ours."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(sources[name])):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                home = name.split(".") if is_package(name, sources) else name.split(".")[:-1]
                base = ".".join(home[: len(home) - node.level + 1] + ([node.module] if node.module else []))
            inside = {f"{base}.{alias.name}" for alias in node.names}
            found |= {inner if inner in sources else base for inner in inside}
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func).rsplit(".", 1)[-1]
            first = node.args[0] if node.args else None
            if called in ("import_module", "__import__") and isinstance(first, ast.Constant):
                found.add(str(first.value))
    return found


def ours(names: set[str]) -> set[str]:
    return {name for name in names if name.split(".")[0] in PACKAGES}


def outside(names: set[str]) -> set[str]:
    return {name.split(".")[0] for name in names} - set(PACKAGES)


def sql_strings(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.match(node.value):
            yield node.value.strip().splitlines()[0]


def heavy_modules(imports: Mapping[str, set[str]]) -> dict[str, str]:
    """Module of ours -> how it comes to import torch or timm ("mdmd.train -> mdmd.model -> torch")."""
    chains = {
        name: f"{name} -> {' and '.join(sorted(outside(names) & set(HEAVY)))}"
        for name, names in imports.items()
        if outside(names) & set(HEAVY)
    }
    while True:
        more = {
            name: f"{name} -> {chains[target]}"
            for name, names in imports.items()
            if name not in chains
            for target in sorted(names & chains.keys())[:1]
        }
        if not more:
            return chains
        chains |= more


def cycles(imports: Mapping[str, set[str]]) -> Iterator[str]:
    """Each module that reaches itself, with what it reaches itself through."""
    for start in imports:
        came_from, queue = dict.fromkeys(imports[start], start), list(imports[start])
        while queue and start not in came_from:
            here = queue.pop(0)
            for target in imports.get(here, set()) - came_from.keys():
                came_from[target] = here
                queue.append(target)
        if start in came_from:
            chain, here = [start], came_from[start]
            while here != start:
                chain.append(here)
                here = came_from[here]
            yield " -> ".join([start, *reversed(chain)])


def violations(sources: Sources) -> list[str]:
    """Every breach of the import rules in `sources`, as sentences; empty when the house is in order."""
    imports = {name: imported(name, sources) for name in sources}
    found = []
    for name, names in imports.items():
        package = name.split(".")[0]
        if is_package(name, sources) and sources[name].strip():
            found.append(f"{name}/__init__.py is not empty")
        found += [f"{name} imports the package root {root}" for root in names if is_package(root, sources)]
        found += [f"{name} imports {target}, which does not exist" for target in ours(names) - sources.keys()]
        if package == "mdmd":
            found += [f"{name} imports {target}: mdmd never imports labeler" for target in names if "labeler" in target]
        if name in PURE:
            found += [f"{name} imports {target}: it imports nothing of ours" for target in ours(names)]
        for module in outside(names) & ONLY_IN.keys():
            if not any(name.startswith(place) if place.endswith(".") else name == place for place in ONLY_IN[module]):
                found.append(f"{name} imports {module}: only {' and '.join(ONLY_IN[module])} may")
        if name not in ONLY_IN["sqlite3"]:
            found += [f"{name} holds SQL: {statement!r}" for statement in sql_strings(sources[name])]
    heavy = heavy_modules({name: outside(names) | ours(names) for name, names in imports.items()})
    found += [f"labeler reaches torch or timm: {chain}" for name, chain in heavy.items() if name.startswith("labeler")]
    found += [f"import cycle: {chain}" for chain in cycles({name: ours(names) for name, names in imports.items()})]
    return sorted(found)


# The browser's scripts

#: Room of labeler/static -> the rooms it may import from, beside itself. boot.js, above all rooms, may take from each.
ROOMS = {
    "report": (),
    "shell": (),
    "canvas": ("shell",),
    "face": ("shell", "canvas"),
    "label": ("shell", "canvas", "face"),
    "review": ("shell", "canvas", "face"),
    "schema": ("shell", "canvas", "face"),
}
SCRIPT_IMPORT = re.compile(r"""(?:\bfrom|\bimport)\s*\(?\s*["']([./][^"'\s]+)["']""")


def read_scripts(root: Path) -> dict[str, str]:
    static = root / "labeler" / "static"
    return {path.relative_to(static).as_posix(): path.read_text(encoding="utf-8") for path in static.rglob("*.js")}


def script_violations(scripts: Sources) -> list[str]:
    """Every breach of the rooms by `scripts`, path under static -> text."""
    found = []
    imports: dict[str, set[str]] = {}
    for path, text in scripts.items():
        targets = {
            posixpath.normpath(posixpath.join(posixpath.dirname(path), name)) for name in SCRIPT_IMPORT.findall(text)
        }
        imports[path] = targets
        room = posixpath.dirname(path)
        if path != "boot.js" and room not in ROOMS:
            found.append(f"{path} is in none of the rooms")
            continue
        for target in targets - scripts.keys():
            found.append(f"{path} imports {target}, which does not exist")
        for target in targets & scripts.keys():
            if path != "boot.js" and posixpath.dirname(target) not in (room, *ROOMS[room]):
                found.append(
                    f"{path} imports {target}: {room} takes from {' and '.join(ROOMS[room]) or 'no other room'}"
                )
    return sorted(found + [f"import cycle: {chain}" for chain in cycles(imports)])


# The real tree


def test_the_house_keeps_its_import_rules():
    assert violations(read_sources(ROOT)) == []


def test_the_checker_sees_the_real_modules():
    sources = read_sources(ROOT)
    assert {"mdmd", "mdmd.records", "mdmd.coco", "labeler", "labeler.pages"} <= sources.keys()
    assert "mdmd.records" in imported("mdmd.coco", sources)
    assert "numpy" in imported("mdmd.metrics", sources)


def test_the_scripts_keep_to_their_rooms():
    scripts = read_scripts(ROOT)
    assert {"boot.js", "canvas/canvas.js", "label/label.js"} <= scripts.keys()
    assert script_violations(scripts) == []


# Planted violations

SOUND = {
    "mdmd": "",
    "mdmd.records": "import numpy as np",
    "mdmd.loss": "import torch",
    "mdmd.decoder": "from torch import nn",
    "mdmd.heads": "from torch import nn",
    "mdmd.model": "from mdmd.decoder import Decoder\nfrom mdmd.heads import Heads\nimport timm",
    "mdmd.train": "from mdmd import model\nfrom mdmd.records import Sample",
    "mdmd.cli": "def main():\n    from mdmd.train import train",
    "labeler": "",
    "labeler.store": 'import sqlite_utils\nfrom mdmd.records import Sample\nQ = "SELECT id FROM faces"',
    "labeler.migrations": 'import sqlite3\nQ = "CREATE TABLE faces (id)"',
    "labeler.jobs": "import subprocess, sys\nCOMMAND = [sys.executable, '-m', 'mdmd.cli']",
    "labeler.api": "from fastapi import APIRouter\nfrom labeler.store import Store",
    "labeler.pages": "",
    "labeler.pages.label": 'import gradio as gr\nfrom labeler import jobs\nTEXT = "Update the set. Select a face."',
    "labeler.app": "import gradio, fastapi\nfrom labeler.pages import label\nfrom labeler import api",
}

PLANTED = [
    ("mdmd.coco", "from labeler.store import Store", "mdmd.coco imports labeler.store: mdmd never imports labeler"),
    ("mdmd.cli", "import gradio", "mdmd.cli imports gradio: only labeler.pages. and labeler.app may"),
    ("mdmd.cli", "import sqlite3", "mdmd.cli imports sqlite3: only labeler.store and labeler.migrations may"),
    ("mdmd.cli", "from sqlite_utils import Database", "mdmd.cli imports sqlite_utils: only"),
    ("labeler.jobs", "import torch", "labeler.jobs imports torch: only mdmd. may"),
    ("labeler.jobs", "import torch.nn.functional as F", "labeler reaches torch or timm: labeler.jobs -> torch"),
    ("labeler.jobs", "def f():\n    import timm", "labeler.jobs imports timm: only mdmd. may"),
    ("labeler.jobs", "import importlib\nimportlib.import_module('timm')", "labeler.jobs imports timm: only mdmd. may"),
    (
        "labeler.jobs",
        "from mdmd.loss import laplacian",
        "labeler reaches torch or timm: labeler.jobs -> mdmd.loss -> torch",
    ),
    (
        "labeler.jobs",
        "from mdmd.train import train",
        "labeler reaches torch or timm: labeler.jobs -> mdmd.train -> mdmd.model -> timm",
    ),
    (
        "labeler.jobs",
        "def f():\n    from mdmd import cli",
        "labeler reaches torch or timm: labeler.jobs -> mdmd.cli -> mdmd.train -> mdmd.model -> timm",
    ),
    ("labeler.api", "import gradio as gr", "labeler.api imports gradio: only labeler.pages. and labeler.app may"),
    ("labeler.pages.label", "import fastapi", "labeler.pages.label imports fastapi: only labeler.api and labeler.app"),
    ("labeler.project", "from fastapi.responses import Response", "labeler.project imports fastapi: only"),
    ("labeler.project", "import sqlite3", "labeler.project imports sqlite3: only"),
    ("labeler.project", 'Q = """\n  SELECT *\n  FROM faces"""', "labeler.project holds SQL: 'SELECT *'"),
    ("labeler.project", 'Q = f"INSERT OR IGNORE INTO {t}"', "labeler.project holds SQL: 'INSERT OR IGNORE INTO"),
    ("labeler.project", 'Q = "PRAGMA foreign_keys=ON"', "labeler.project holds SQL: 'PRAGMA foreign_keys=ON'"),
    ("mdmd.loss", "from mdmd.records import Box", "mdmd.loss imports mdmd.records: it imports nothing of ours"),
    ("mdmd.heads", "from . import records", "mdmd.heads imports mdmd.records: it imports nothing of ours"),
    ("mdmd.decoder", "from .records import Box", "mdmd.decoder imports mdmd.records: it imports nothing of ours"),
    ("mdmd.coco", "import mdmd", "mdmd.coco imports the package root mdmd"),
    ("mdmd.coco", "from mdmd import __version__", "mdmd.coco imports the package root mdmd"),
    ("mdmd.coco", "from . import VERSION", "mdmd.coco imports the package root mdmd"),
    ("labeler.app", "import labeler.pages", "labeler.app imports the package root labeler.pages"),
    ("labeler.pages.train", "from .. import VERSION", "labeler.pages.train imports the package root labeler"),
    ("labeler.pages", "PAGES = 1", "labeler.pages/__init__.py is not empty"),
    ("mdmd", '"""The method."""', "mdmd/__init__.py is not empty"),
    ("mdmd.coco", "from mdmd.nowhere import x", "mdmd.coco imports mdmd.nowhere, which does not exist"),
    ("mdmd.records", "import mdmd.records", "import cycle: mdmd.records -> mdmd.records"),
    ("labeler.store", "from labeler.api import x", "import cycle: labeler.api -> labeler.store -> labeler.api"),
    (
        "mdmd.records",
        "def f():\n    from .train import t",
        "import cycle: mdmd.train -> mdmd.records -> mdmd.train",
    ),
]


def test_a_sound_sample_has_no_violation():
    assert violations(SOUND) == []


@pytest.mark.parametrize(("name", "planted", "sentence"), PLANTED, ids=[f"{n}: {t[:40]!r}" for n, t, _ in PLANTED])
def test_a_planted_violation_is_found(name: str, planted: str, sentence: str):
    found = violations({**SOUND, name: SOUND.get(name, "") + "\n" + planted})
    assert any(line.startswith(sentence) for line in found), found


def test_a_longer_cycle_is_named_whole():
    imports = {"a": {"b"}, "b": {"c", "x"}, "c": {"a"}, "x": set()}
    assert set(cycles(imports)) == {"a -> b -> c -> a", "b -> c -> a -> b", "c -> a -> b -> c"}
    assert list(cycles({"a": {"b"}, "b": {"c"}, "c": set()})) == []


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        (
            "shell/a.js",
            'import { b } from "../canvas/b.js";',
            "shell/a.js imports canvas/b.js: shell takes from no other room",
        ),
        ("label/a.js", 'import {\n  b,\n} from "../review/b.js";', "label/a.js imports review/b.js: label takes from"),
        ("label/a.js", 'const b = await import("../review/b.js");', "label/a.js imports review/b.js: label takes from"),
        (
            "label/a.js",
            'import { b } from "./nowhere.js";',
            "label/a.js imports label/nowhere.js, which does not exist",
        ),
        ("a.js", "", "a.js is in none of the rooms"),
        ("review/b.js", 'import { c } from "./c.js";', "import cycle: review/b.js -> review/c.js -> review/b.js"),
    ],
)
def test_a_script_in_the_wrong_room_is_named(path: str, text: str, said: str) -> None:
    sound = {
        "boot.js": 'import { b } from "./review/b.js";',
        "canvas/b.js": "",
        "review/b.js": 'import { b } from "../canvas/b.js";',
        "review/c.js": 'import { b } from "./b.js";',
    }
    assert script_violations(sound) == []
    assert any(line.startswith(said) for line in script_violations({**sound, path: text}))


def test_an_installed_copy_has_every_file() -> None:
    """Folders of code are found by their __init__.py, all other files by their patterns."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    assert set(settings["packages"]["find"]["include"]) == {f"{package}*" for package in PACKAGES}
    for package in PACKAGES:
        files = [path for path in (ROOT / package).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        code = {path for path in files if path.suffix == ".py"}
        assert {path.parent for path in code} == {path.parent for path in code if path.name == "__init__.py"}
        data = {path for pattern in settings["package-data"][package] for path in (ROOT / package).glob(pattern)}
        assert set(files) - code <= data
