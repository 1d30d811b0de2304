"""Who may import whom, read from the code's own imports. Every rule is also shown to catch a planted violation."""

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
#: Scripts that are given to others as they are, and never imported.
GIVEN_AWAY = "mdmd/portable/files"

#: The rooms of each package, top to bottom. A room imports from itself and from the lines below its own.
FLOORS = {
    "mdmd": (
        ("__main__",),
        ("cli",),
        ("experiments", "api"),
        ("training", "portable"),
        ("inference",),
        ("models",),
        ("transfer",),
        ("loading", "evaluation", "datasets", "synthetic"),
        ("formats",),
        ("data", "config"),
        ("run_folder",),
        ("files", "locks", "device", "threads", "importing"),
        ("errors",),
    ),
    "labeler": (
        ("__main__",),
        ("cli",),
        ("server",),
        ("pages",),
        ("report",),
        ("runs",),
        ("project", "html"),
        ("guidance",),
        ("pictures",),
        ("storage",),
        ("analysis", "errors"),
    ),
}
#: What the tool takes from the method.
SHARED = (
    "errors",
    "files",
    "locks",
    "threads",
    "importing",
    "run_folder",
    "config",
    "data",
    "datasets",
    "formats",
    "evaluation",
    "transfer",
    "synthetic",
)
#: A top-level module from outside -> the only rooms or modules of ours that may import it.
ONLY_IN = {
    "gradio": ("labeler.pages", "labeler.server.app"),
    "fastapi": ("labeler.server",),
    "sqlite3": ("labeler.storage",),
    "sqlite_utils": ("labeler.storage",),
    **dict.fromkeys(
        ("torch", "torchvision", "timm", "safetensors"),
        tuple(
            f"mdmd.{room}"
            for room in ("api", "loading", "models", "inference", "training", "portable", "device", "cli")
        ),
    ),
    "h5py": ("mdmd.datasets.cofw", "mdmd.formats.deeplabcut", "mdmd.formats.sleap"),
    "sleap_io": ("mdmd.formats.sleap",),
}
HEAVY = ("torch", "timm")  # what must never reach the server's process
PURE = ("mdmd.models.losses", "mdmd.models.decoder", "mdmd.models.heads")  # modules that import nothing of ours
SQL = re.compile(
    r"\s*(SELECT\s.+\sFROM\s|INSERT\s+(OR\s+\w+\s+)?INTO\s|UPDATE\s+\S+\s+SET\s|DELETE\s+FROM\s|"
    r"(CREATE|DROP|ALTER)\s+(TABLE|VIEW|INDEX|TRIGGER)\s|PRAGMA\s)",
    re.DOTALL,
)
JSON_READER = re.compile(r"\bjson\.loads?\(|\bfrom json import\b")

Sources = Mapping[str, str]  # "mdmd.data.coco" -> the module's text; a package's own module has the package's name


def read_sources(root: Path) -> dict[str, str]:
    sources = {}
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            if path.is_relative_to(root / GIVEN_AWAY):
                continue
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
    """Module of ours -> how it comes to import torch or timm ("mdmd.training.train -> mdmd.models.encoder -> timm")."""
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


def within(name: str, places: tuple[str, ...]) -> bool:
    return any(name == place or name.startswith(place + ".") for place in places)


def room_of(name: str) -> tuple[str, str]:
    """Package and room: ("mdmd", "data") of mdmd.data.coco, ("mdmd", "config") of mdmd.config."""
    package, _, rest = name.partition(".")
    return package, rest.split(".")[0]


def floor_of(package: str, room: str) -> int | None:
    return next((k for k, rooms in enumerate(FLOORS[package]) if room in rooms), None)


def misplaced(name: str, target: str) -> str | None:
    """Why module `name` must not import `target`, both ours; None where it may."""
    (package, room), (other, wanted) = room_of(name), room_of(target)
    if not room or not wanted:  # a package's own module; who imports one is told elsewhere
        return None
    if package != other:
        if package == "mdmd":
            return "mdmd never imports labeler"
        return None if wanted in SHARED else f"labeler takes from mdmd only {', '.join(SHARED)}"
    here, there = floor_of(package, room), floor_of(package, wanted)
    if here is None or there is None:
        return f"{package}.{room if here is None else wanted} is none of the rooms"
    return None if room == wanted or there > here else f"{wanted} is not below {room}"


def eager_imports(source: str) -> Iterator[str]:
    """What a package root imports of ours at once: outside functions and `if TYPE_CHECKING`."""

    def statements(body: list[ast.stmt]) -> Iterator[ast.AST]:
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
                yield from statements(node.orelse)
                continue
            yield from ast.walk(node)

    for node in statements(ast.parse(source).body):
        match node:
            case ast.ImportFrom(module, _, level):
                at_once = level > 0 or (module or "").split(".")[0] in PACKAGES
            case ast.Import(aliases):
                at_once = any(alias.name.split(".")[0] in PACKAGES for alias in aliases)
            case ast.Call(function):
                at_once = ast.unparse(function).rsplit(".", 1)[-1] == "import_module"
            case _:
                continue
        if at_once:
            yield ast.unparse(node)


def violations(sources: Sources) -> list[str]:
    """Every breach of the import rules in `sources`, as sentences; empty when the house is in order."""
    imports = {name: imported(name, sources) for name in sources}
    found = []
    for name, names in imports.items():
        if is_package(name, sources) and name not in PACKAGES and sources[name].strip():
            found.append(f"{name}/__init__.py is not empty")
        if name in PACKAGES:  # a public API, imported name by name when it is used
            found += [f"{name} does at once: {statement}" for statement in eager_imports(sources[name])]
        found += [f"{name} imports the package root {root}" for root in names if is_package(root, sources)]
        found += [f"{name} imports {target}, which does not exist" for target in ours(names) - sources.keys()]
        for target in ours(names):
            why = misplaced(name, target)
            found += [f"{name} imports {target}: {why}"] if why else []
        if name in PURE:
            found += [f"{name} imports {target}: it imports nothing of ours" for target in ours(names)]
        for module in outside(names) & ONLY_IN.keys():
            if not within(name, ONLY_IN[module]):
                found.append(f"{name} imports {module}: only {', '.join(ONLY_IN[module])} may")
        if not within(name, ONLY_IN["sqlite3"]):
            found += [f"{name} holds SQL: {statement!r}" for statement in sql_strings(sources[name])]
        if not within(name, ("mdmd.files", "labeler.server")) and JSON_READER.search(sources[name]):
            found.append(f"{name} reads JSON by itself: only mdmd.files knows what can be wrong with a file")
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
    "project": ("shell", "canvas"),
    "label": ("shell", "canvas", "face"),
    "review": ("shell", "canvas", "face"),
    "schema": ("shell", "canvas", "face"),
}
#: Types are imported in comments, which cost nothing when a page runs: there, a room may name any other.
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
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
            posixpath.normpath(posixpath.join(posixpath.dirname(path), name))
            for name in SCRIPT_IMPORT.findall(COMMENT.sub("", text))
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
    assert {"mdmd", "mdmd.data.records", "mdmd.data.coco", "labeler", "labeler.pages"} <= sources.keys()
    assert "mdmd.data.records" in imported("mdmd.data.coco", sources)
    assert "numpy" in imported("mdmd.evaluation.metrics", sources)


def test_the_scripts_keep_to_their_rooms():
    scripts = read_scripts(ROOT)
    assert {"boot.js", "canvas/canvas.js", "label/label.js"} <= scripts.keys()
    assert script_violations(scripts) == []


# Planted violations

SOUND = {
    "mdmd": "from typing import TYPE_CHECKING\n"
    "if TYPE_CHECKING:\n    from mdmd.data.records import Sample\n"
    "def __getattr__(name):\n    from importlib import import_module\n    return import_module(HOME[name])",
    "mdmd.errors": "class DataError(ValueError): pass",
    "mdmd.data": "",
    "mdmd.data.records": "import numpy as np\nfrom mdmd.errors import DataError",
    "mdmd.data.coco": "from mdmd.data.records import Sample",
    "mdmd.datasets": "",
    "mdmd.datasets.readers": "from mdmd.data import coco",
    "mdmd.models": "",
    "mdmd.models.losses": "import torch",
    "mdmd.models.decoder": "from torch import nn",
    "mdmd.models.heads": "from torch import nn",
    "mdmd.models.landmark_model": "from mdmd.models.decoder import Decoder\nimport timm",
    "mdmd.training": "",
    "mdmd.training.train": "from mdmd.models import landmark_model\nfrom mdmd.data.records import Sample",
    "mdmd.cli": "",
    "mdmd.cli.main": "def main():\n    from mdmd.training.train import train",
    "labeler": "",
    "labeler.storage": "",
    "labeler.storage.store": 'import sqlite_utils\nfrom mdmd.data.records import Sample\nQ = "SELECT id FROM faces"',
    "labeler.storage.migrations": 'import sqlite3\nQ = "CREATE TABLE faces (id)"',
    "labeler.project": "",
    "labeler.project.project": "from labeler.storage.store import Store",
    "labeler.runs": "",
    "labeler.runs.start": "import subprocess, sys\nCOMMAND = [sys.executable, '-m', 'mdmd']",
    "labeler.pages": "",
    "labeler.pages.label": 'import gradio as gr\nfrom labeler.runs import start\nT = "Update the set. Select a face."',
    "labeler.server": "",
    "labeler.server.routes": "from fastapi import APIRouter\nfrom labeler.storage.store import Store",
    "labeler.server.app": "import gradio, fastapi\nfrom labeler.pages import label\nfrom labeler.server import routes",
}

REACHES = "labeler reaches torch or timm: labeler.runs.start"
PLANTED = [
    (
        "mdmd.data.coco",
        "from labeler.storage.store import S",
        "imports labeler.storage.store: mdmd never imports labeler",
    ),
    (
        "mdmd.data.coco",
        "from mdmd.datasets.readers import x",
        "imports mdmd.datasets.readers: datasets is not below data",
    ),
    ("mdmd.training.train", "from mdmd.cli.main import x", "imports mdmd.cli.main: cli is not below training"),
    ("mdmd.looks.a", "from mdmd.data.records import Box", "imports mdmd.data.records: mdmd.looks is none of the rooms"),
    ("labeler.storage.store", "from labeler.project import project", "imports labeler.project.project: project is not"),
    (
        "labeler.runs.start",
        "from mdmd.training import train",
        "imports mdmd.training.train: labeler takes from mdmd only",
    ),
    ("mdmd.cli.main", "import gradio", "imports gradio: only labeler.pages, labeler.server.app may"),
    ("mdmd.cli.main", "import sqlite3", "imports sqlite3: only labeler.storage may"),
    ("mdmd.cli.main", "from sqlite_utils import Database", "imports sqlite_utils: only"),
    ("mdmd.data.coco", "import torch", "imports torch: only mdmd.api"),
    ("labeler.runs.start", "import torch", "imports torch: only mdmd."),
    ("labeler.runs.start", "import torch.nn.functional as F", f"{REACHES} -> torch"),
    ("labeler.runs.start", "def f():\n    import timm", "imports timm: only mdmd."),
    ("labeler.runs.start", "import importlib\nimportlib.import_module('timm')", "imports timm: only mdmd."),
    ("labeler.runs.start", "from mdmd.models.losses import x", f"{REACHES} -> mdmd.models.losses -> torch"),
    (
        "labeler.runs.start",
        "from mdmd.training.train import x",
        f"{REACHES} -> mdmd.training.train -> mdmd.models.land",
    ),
    ("labeler.runs.start", "def f():\n    from mdmd.cli import main", f"{REACHES} -> mdmd.cli.main -> mdmd.training"),
    ("labeler.server.routes", "import gradio as gr", "imports gradio: only labeler.pages, labeler.server.app may"),
    ("labeler.pages.label", "import fastapi", "imports fastapi: only labeler.server may"),
    ("labeler.project.project", "from fastapi.responses import Response", "imports fastapi: only"),
    ("labeler.project.project", "import sqlite3", "imports sqlite3: only"),
    ("labeler.project.project", 'Q = """\n  SELECT *\n  FROM faces"""', "holds SQL: 'SELECT *'"),
    ("labeler.project.project", 'Q = f"INSERT OR IGNORE INTO {t}"', "holds SQL: 'INSERT OR IGNORE INTO"),
    ("labeler.project.project", 'Q = "PRAGMA foreign_keys=ON"', "holds SQL: 'PRAGMA foreign_keys=ON'"),
    ("labeler.runs.start", "import json\nx = json.loads(text)", "reads JSON by itself"),
    ("mdmd.data.coco", "from json import load", "reads JSON by itself"),
    ("mdmd.models.losses", "from mdmd.data.records import B", "imports mdmd.data.records: it imports nothing of ours"),
    ("mdmd.models.heads", "from . import losses", "imports mdmd.models.losses: it imports nothing of ours"),
    ("mdmd.models.decoder", "from .losses import x", "imports mdmd.models.losses: it imports nothing of ours"),
    ("mdmd.data.coco", "import mdmd", "imports the package root mdmd"),
    ("mdmd.data.coco", "from mdmd import __version__", "imports the package root mdmd"),
    ("mdmd.data.coco", "from . import VERSION", "imports the package root mdmd.data"),
    ("labeler.server.app", "import labeler.pages", "imports the package root labeler.pages"),
    ("labeler.pages.label", "from .. import VERSION", "imports the package root labeler"),
    ("labeler.pages", "PAGES = 1", "/__init__.py is not empty"),
    ("mdmd", "from mdmd.data.records import Sample", "does at once: from mdmd.data.records import Sample"),
    ("mdmd", "from .data import records", "does at once: from .data import records"),
    ("mdmd", "import mdmd.data.records as r", "does at once: import mdmd.data.records as r"),
    ("mdmd", "r = import_module(HOME['Box'])", "does at once: import_module(HOME['Box'])"),
    ("mdmd", "if TYPE_CHECKING:\n    x = 1\nelse:\n    from mdmd.data import records", "does at once: from mdmd.data"),
    ("mdmd", "import torch", "imports torch: only mdmd.api"),
    ("mdmd.data", '"""Records."""', "/__init__.py is not empty"),
    ("mdmd.data.coco", "from mdmd.nowhere import x", "imports mdmd.nowhere, which does not exist"),
    ("mdmd.data.records", "import mdmd.data.records", "import cycle: mdmd.data.records -> mdmd.data.records"),
    ("mdmd.data.records", "def f():\n    from .coco import t", "import cycle: mdmd.data.coco -> mdmd.data.records -> "),
]


def test_a_sound_sample_has_no_violation():
    assert violations(SOUND) == []


@pytest.mark.parametrize(("name", "planted", "sentence"), PLANTED, ids=[f"{n}: {t[:40]!r}" for n, t, _ in PLANTED])
def test_a_planted_violation_is_found(name: str, planted: str, sentence: str):
    found = violations({**SOUND, name: SOUND.get(name, "") + "\n" + planted})
    whole = sentence if sentence.startswith((REACHES, "import cycle")) else name + " " + sentence
    assert any(line.startswith(whole.replace(" /", "/")) for line in found), found


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
        "canvas/b.js": '/** @import { B } from "../review/b.js" */',
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
        code = {path for path in files if path.suffix == ".py" and not path.is_relative_to(ROOT / GIVEN_AWAY)}
        assert {path.parent for path in code} == {path.parent for path in code if path.name == "__init__.py"}
        data = {path for pattern in settings["package-data"][package] for path in (ROOT / package).glob(pattern)}
        assert set(files) - code <= data
