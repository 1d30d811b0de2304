"""`import labeler`: what it offers, and what it does not load."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import FunctionType

import pytest

import labeler
from labeler.project.project import Project
from labeler.project.workspace import Workspace
from mdmd.errors import DataError
from tests.builders import make_project


def test_the_public_names_are_those_of_their_modules():
    assert {name: getattr(labeler, name) for name in labeler.__all__}.keys() <= set(dir(labeler))
    assert (labeler.Project, labeler.Workspace) == (Project, Workspace)
    assert {type(labeler.open_project), type(labeler.serve)} == {FunctionType}
    with pytest.raises(AttributeError, match="module 'labeler' has no attribute 'nothing'"):
        _ = labeler.nothing


def test_nothing_loads_torch_and_nothing_before_serving_loads_gradio(tmp_path: Path):
    project = make_project(tmp_path, labeled=2)
    code = (
        "import sys, labeler\n"
        "def loaded(*names): return [name for name in names if name in sys.modules]\n"
        "print(loaded('torch', 'timm', 'gradio', 'fastapi', 'numpy', 'pandas', 'sqlite3'))\n"
        "project = labeler.open_project(sys.argv[1])\n"
        "print(project.progress().labeled_faces, len(project.labels()))\n"
        "labeler.serve\n"
        "print(loaded('torch', 'timm', 'gradio', 'fastapi'))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(project.folder)], capture_output=True, text=True)
    assert done.stdout.splitlines() == ["[]", "2 8", "[]"], done.stderr


def test_a_folder_that_is_no_project_is_refused(tmp_path: Path):
    with pytest.raises(DataError, match=r"project.json is not a project's description"):
        labeler.open_project(tmp_path)
