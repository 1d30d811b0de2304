"""The buttons that export a run's model, and what the run card says of it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from labeler.pages.model_export import ModelExportHandlers
from labeler.project.project import Project
from labeler.project.workspace import Workspace
from labeler.runs.model_exports import MADE, ModelExports
from labeler.runs.model_use import EXPORTS
from mdmd.data.definition import load_definition
from tests.builders import leave_predictions, leave_starter, predictions_of, wait_for


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    workspace = Workspace(tmp_path / "projects")
    project = workspace.create("owls", definition=load_definition("300w"))
    leave_starter(project, 1)
    leave_predictions(project, 2, predictions_of(project, []))
    yield project
    workspace.close()


@pytest.fixture
def on(project: Project, tmp_path: Path) -> Iterator[ModelExportHandlers]:
    exports, workspace = ModelExports(tmp_path / "exporting"), Workspace(project.folder.parent)
    yield ModelExportHandlers(workspace, exports)
    exports.close()
    workspace.close()


def shown(on: ModelExportHandlers, run: str, request: Any) -> Any:
    return on.show(run, request)


def test_an_export_is_shown_from_its_beginning_to_its_end(project: Project, on: ModelExportHandlers) -> None:
    request: Any = SimpleNamespace(query_params={"project": "owls"})
    begin = on.begin(EXPORTS[0])
    seen, timer, said, button, *_ = shown(on, "001", request)
    assert (seen, timer.active, said.strip(), button["visible"], button["interactive"]) == ("", False, "", True, True)
    assert shown(on, "002", request)[3] == gr.update(visible=False), "it has no model"
    with pytest.raises(gr.Error, match="run 002 has no model"):
        begin("002", request)

    seen = begin("001", request)
    assert on.look(request) == seen
    _, timer, said, button, *_ = shown(on, "001", request)
    assert (timer.active, button["interactive"]) == (True, False)
    assert "Exporting the model of run 001" in said
    with pytest.raises(gr.Error, match="is being exported"):
        begin("001", request)
    made = on.exports.of(on.workspace.open("owls"))
    assert made is not None
    (made.folder / MADE).mkdir()
    (made.folder / MADE / "model.onnx").write_bytes(b"0" * 200_000)
    made.process, made.state = subprocess.Popen([sys.executable, "-c", ""]), "running"
    wait_for(lambda: on.exports.step() or not made.active)
    assert on.look(request) != seen
    _, timer, said, button, *_ = shown(on, "001", request)
    assert (timer.active, button["interactive"]) == (False, True)
    assert str(project.folder / "exports" / "owls-001-onnx") in said
    assert 'href="api/projects/owls/runs/001/exported/onnx"' in said
    assert "Download the zip, 0.2 MB" in said

    made.state, made.problem = "failed", "an ONNX export needs onnx: pip install '.[onnx]'"
    assert "An ONNX export needs onnx: pip install &#39;.[onnx]&#39;." in shown(on, "001", request)[2]
