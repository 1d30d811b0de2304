"""The demo project of the pages: ready at once, from shipped files that nothing writes to."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from labeler.pages.runs import live_html
from labeler.project.workspace import Workspace
from labeler.report.reports import report_of, write_report
from labeler.runs import start as jobs
from labeler.runs.control import list_runs
from labeler.runs.demo import LABELED, SHIPPED_ID, SHIPPED_RUN, UNLABELED, demo_state, open_demo, true_points
from mdmd.errors import DataError
from mdmd.synthetic.datasets import PAREIDOLIAS
from tests.builders import label_face, make_project


def digests(folder: Path) -> dict[str, str]:
    return {str(path): sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


def test_the_demo_is_ready_with_labels_a_finished_training_and_doubtful_points(tmp_path: Path):
    shipped = digests(SHIPPED_RUN) | digests(PAREIDOLIAS.parent)
    project = open_demo(Workspace(tmp_path))
    progress = project.progress()
    assert (progress.pictures, progress.complete_faces) == (LABELED + UNLABELED, LABELED)
    assert progress.predicted_faces == UNLABELED
    assert progress.flagged_points > 0
    (run,) = list_runs(project)
    assert (run.id, run.state, run.has_model) == (SHIPPED_ID, "done", False)
    assert run.metrics is not None
    assert str(tmp_path) in str(write_report(project, SHIPPED_ID))
    assert demo_state(Workspace(tmp_path)) == "ready"
    assert digests(SHIPPED_RUN) | digests(PAREIDOLIAS.parent) == shipped


def test_what_was_predicted_is_near_the_points_that_were_drawn(tmp_path: Path):
    project = open_demo(Workspace(tmp_path))
    predictions = project.store.predictions.current()
    off = []
    for face in true_points(project).samples:
        assert face.annotation is not None
        _, points = predictions[face.face_id]
        places = np.array([(point.x, point.y) for point in points.values()])
        off.append(np.linalg.norm(places - face.annotation.points, axis=1).mean() / max(face.box.w, face.box.h))
    assert len(off) == UNLABELED
    assert np.mean(off) < 0.1


def test_the_pages_say_that_the_model_is_not_shipped(tmp_path: Path):
    project = open_demo(Workspace(tmp_path))
    (run,) = list_runs(project)
    shown = "training ships without its model, only with its predictions and report; train to get a model."
    assert shown in live_html(project, run)
    assert "model not shipped" in report_of(project, SHIPPED_ID)
    for run_id in (None, SHIPPED_ID):
        with pytest.raises(DataError, match="ships without its model"):
            jobs.start_prelabel(project, run_id)


def test_a_demo_that_is_there_is_opened(tmp_path: Path):
    workspace = Workspace(tmp_path)
    project = open_demo(workspace)
    label_face(project, UNLABELED + LABELED)
    assert open_demo(workspace) is project
    assert project.progress().complete_faces == LABELED + 1


def test_another_project_of_that_name_is_left_alone(tmp_path: Path):
    project = make_project(tmp_path, "demo", labeled=1)
    with pytest.raises(DataError, match="not the demo; choose another folder with --projects"):
        open_demo(Workspace(tmp_path / "projects"))
    assert project.progress().labeled_faces == 1


def test_the_shipped_training_names_no_folder_of_the_machine_that_made_it():
    files = {path.name: path.read_text(encoding="utf-8") for path in SHIPPED_RUN.iterdir()}
    assert sum(len(text) for text in files.values()) < 1_000_000
    for name, text in files.items():
        assert '"/' not in text, name
        assert "/tmp" not in text, name
        assert "commands" not in text, name
