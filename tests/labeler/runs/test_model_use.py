"""The command that predicts a folder of pictures with the model of a run."""

from __future__ import annotations

import ast
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from labeler.pages.export import model_html
from labeler.pages.runs import live_html
from labeler.project.project import Project
from labeler.runs.collect import collect_predictions
from labeler.runs.control import list_runs
from labeler.runs.model_use import EXPORTS, model_use, program, usable_model
from mdmd.cli.export import Target
from mdmd.cli.main import parser
from mdmd.files import write_json
from tests.builders import leave_predictions, make_project, predictions_of


def train(project: Project, number: int, *, model: bool = True) -> Path:
    """A finished training, with its model unless `model` is False."""
    folder = leave_predictions(project, number, predictions_of(project, [1]))
    write_json(folder / "metrics.json", {"nme": 5.0, "n": 3})
    if model:
        (folder / "model.safetensors").touch()
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path / "a folder", labeled=1)


def test_the_command_is_one_that_mdmd_takes(project: Project) -> None:
    folder = train(project, 1)
    [run] = list_runs(project)
    use = model_use(project, run)
    assert use is not None
    words = shlex.split(use.command)
    options = parser().parse_args(words[words.index("predict") :])
    assert (options.model, options.find_boxes) == (folder, True)
    assert list(map(Path, options.pictures)) == [Path("pictures")]
    assert (options.out, options.tolerance, options.threshold) == ([Path("predictions.json")], 0.1, None)
    project.change_settings(tolerance=0.05, threshold=0.2)
    use = model_use(project, run)
    assert use is not None
    words = shlex.split(use.command)
    options = parser().parse_args(words[words.index("predict") :])
    assert (options.tolerance, options.threshold) == (0.05, 0.2), "the flags are those of the project"


def test_the_other_ways_are_python_that_runs_and_exports_that_mdmd_takes(project: Project) -> None:
    folder = train(project, 1)
    [run] = list_runs(project)
    use = model_use(project, run)
    assert use is not None
    python, *exports = use.ways
    named = [node.value for node in ast.walk(ast.parse(python.text)) if isinstance(node, ast.Constant)]
    assert python.kind == "Python"
    assert str(folder) in named
    made = []
    for way in exports:
        words = shlex.split(way.text)
        options = parser().parse_args(words[words.index("export") :])
        assert (options.model, options.out) == (folder, Path(f"{project.name}-{options.format}"))
        made.append(options.format)
    assert made == [form.name for form in EXPORTS] == list(get_args(Target)), "all that mdmd knows"
    assert (Path(__file__).parents[3] / use.page).is_file()
    project.change_settings(tolerance=0.05)
    use = model_use(project, run)
    assert use is not None
    assert "tolerance=0.05" in use.ways[0].text


def test_every_way_can_be_copied_on_a_page_and_none_in_a_file(project: Project) -> None:
    train(project, 1)
    [run] = list_runs(project)
    page = live_html(project, run)
    for title in ("In Python", "Without this package", "In a browser"):
        assert f"<summary>{title}</summary>" in page
    assert page.count("data-copy=") == 1 + 1 + len(EXPORTS)
    assert "pip install &#39;.[onnx]&#39;" in page


def test_a_report_that_may_go_elsewhere_names_no_folder_of_this_machine(project: Project) -> None:
    train(project, 1)
    [run] = list_runs(project)
    use = model_use(project, run, elsewhere=True)
    assert use is not None
    assert use.folder == "runs/001"
    assert use.command == "mdmd predict runs/001 pictures --find-boxes --out predictions.json"


def test_only_a_finished_training_with_a_model_can_be_used(project: Project) -> None:
    assert model_html(None) == model_html(project) == ""
    train(project, 1, model=False)
    [run] = list_runs(project)
    assert model_use(project, run) is None
    assert "ships without its model" in model_html(project)
    train(project, 2)
    train(project, 3)
    newest = list_runs(project)[0]
    assert model_use(project, replace(newest, state="running")) is None
    assert model_use(project, replace(newest, kind="prelabel")) is None
    use = usable_model(project)
    assert use is not None
    assert use.name == "003"
    assert "Use the model of run 003" in model_html(project)
    collect_predictions(project)
    project.charge.put("run 2")
    use = usable_model(project)
    assert use is not None
    assert use.name == "002", "the one in charge"


def test_mdmd_is_named_as_a_terminal_finds_it(tmp_path: Path) -> None:
    assert program(str(tmp_path)) == [sys.executable, "-m", "mdmd"]
    beside = Path(sys.executable).parent
    if (beside / "mdmd").is_file():
        assert program(str(beside)) == ["mdmd"]
