"""A model is exported by a process of its own, into a folder of the project and a zip of it."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from labeler.errors import ConflictError, NotFoundError
from labeler.project.project import Project
from labeler.runs.manage import delete
from labeler.runs.model_exports import MADE, Exporting, ModelExports, exported_model, exported_models
from labeler.runs.model_use import EXPORTS
from tests.builders import PATIENCE_WITH_TRAINING, leave_predictions, predictions_of, starter_project, wait_for

ONNX = EXPORTS[0]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with starter_project(tmp_path / "projects") as project:
        yield project


@pytest.fixture
def exports(tmp_path: Path) -> Iterator[ModelExports]:
    exports = ModelExports(tmp_path / "exporting")
    yield exports
    exports.close()


def ended(exports: ModelExports, made: Exporting) -> Exporting:
    wait_for(lambda: exports.step() or not made.active, seconds=PATIENCE_WITH_TRAINING)
    return made


def pretend(exports: ModelExports, made: Exporting, words: str) -> Exporting:
    """As if the process had written a folder with a file that holds `words`."""
    (made.folder / MADE / "golden").mkdir(parents=True)
    (made.folder / MADE / "model.onnx").write_text(words)
    (made.folder / MADE / "golden" / "answers.json").write_text("{}")
    made.process = subprocess.Popen([sys.executable, "-c", ""])
    made.state = "running"
    return ended(exports, made)


@pytest.mark.slow
def test_a_real_model_is_exported(project: Project, exports: ModelExports) -> None:
    made = ended(exports, exports.begin(project, "001", ONNX))
    assert made.state == "done", made.problem
    [found] = exported_models(project, "001")
    assert found.folder == project.folder / "exports" / "faces-001-onnx"
    assert {"model.onnx", "model.json", "example.py", "check.py"} <= {path.name for path in found.folder.iterdir()}
    with zipfile.ZipFile(found.archive) as archive:
        assert "faces-001-onnx/model.onnx" in archive.namelist()


def test_an_export_takes_the_place_of_an_earlier_one(project: Project, exports: ModelExports) -> None:
    assert exported_models(project, "001") == []
    made = pretend(exports, exports.begin(project, "001", ONNX), "first")
    assert made.state == "done", made.problem
    assert not made.folder.exists()
    pretend(exports, exports.begin(project, "001", ONNX), "second")
    found = exported_model(project, "001", "onnx")
    assert (found.folder / "model.onnx").read_text() == "second"
    with zipfile.ZipFile(found.archive) as archive:
        assert sorted(archive.namelist()) == ["faces-001-onnx/golden/answers.json", "faces-001-onnx/model.onnx"]
        assert archive.read("faces-001-onnx/model.onnx") == b"second"
    assert exports.of(project) is not made


def test_one_export_at_a_time_and_only_of_a_model(project: Project, exports: ModelExports) -> None:
    exports.begin(project, "001", ONNX)
    with pytest.raises(ConflictError, match="the model of run 001 is being exported"):
        exports.begin(project, "001", ONNX)
    leave_predictions(project, 2, predictions_of(project, []))
    with pytest.raises(NotFoundError, match="run 002 has no model"):
        exports.begin(project, "002", ONNX)
    exports.step()
    newest = exports.of(project)
    assert newest is not None
    exports.close()
    assert newest.process is not None
    assert newest.process.poll() is not None
    assert not newest.folder.exists()
    assert exported_models(project, "001") == []


def test_a_failure_says_why_in_the_words_of_the_command(project: Project, exports: ModelExports) -> None:
    (project.runs / "001" / "model.json").unlink()
    made = ended(exports, exports.begin(project, "001", ONNX))
    assert made.state == "failed"
    assert str(made.problem).startswith("the model could not be exported: ")
    assert "holds no model (no model.json)" in str(made.problem)
    assert "mdmd: error" not in str(made.problem)
    made = exports.begin(project, "001", ONNX)
    delete(project, "001")
    ended(exports, made)
    assert made.problem == "the model could not be exported: run 001 has been deleted meanwhile"


def test_only_exports_inside_of_the_project_are_given_out(project: Project, tmp_path: Path) -> None:
    (project.folder / "exports" / "faces-001-onnx").mkdir(parents=True)
    (tmp_path / "secret.zip").write_text("not of this project")
    (project.folder / "exports" / "faces-001-onnx.zip").symlink_to(tmp_path / "secret.zip")
    for run, form in (("001", "onnx"), ("../..", "onnx"), ("001", "other"), ("٠٠١", "onnx")):
        with pytest.raises(NotFoundError, match="has no export"):
            exported_model(project, run, form)
