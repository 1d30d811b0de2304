"""The demo: made once, never over another project, and it reports its result."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from labeler.cli.demo import Demo
from labeler.project.workspace import Workspace
from labeler.runs.control import list_runs
from labeler.runs.demo import true_points
from labeler.runs.processes import process_started
from mdmd.data.coco import read_coco
from mdmd.errors import DataError
from tests.builders import make_project, python_run

NUMBERS = {"nme": 5.0, "fr10": 2.0, "flag_recall": 0.5, "flag_rate": 0.1, "n": 4}


def small(root: Path, **changes: object) -> tuple[Demo, list[str]]:
    lines: list[str] = []
    options = {"labeled": 5, "unlabeled": 4, "drawn_faces": 6, "minutes": 0.1, "say": lines.append, **changes}
    return Demo(Workspace(root), **options), lines  # type: ignore[arg-type]


def test_the_project_has_labeled_and_unlabeled_pictures_and_the_truth_beside(tmp_path: Path):
    demo, _ = small(tmp_path)
    project = demo.prepare()
    truth = true_points(project).samples
    progress = project.progress()
    assert (progress.pictures, progress.training_faces, progress.complete_faces, progress.faces_to_go) == (
        9,
        5,
        5,
        4,
    )
    waiting = project.unlabeled_faces().samples
    assert all(sample.annotation is None for sample in waiting)
    assert [s.face_id for s in truth] == [s.face_id for s in waiting]
    for sample in truth:
        assert sample.annotation is not None
        assert sample.split == "test"
        assert sample.path.is_file()
        low, high = np.zeros(2), np.array([sample.width, sample.height])
        assert ((sample.annotation.points >= low) & (sample.annotation.points <= high)).all()


def test_the_demo_starts_from_the_starter_where_one_comes_with_the_tool(tmp_path: Path):
    without, _ = small(tmp_path, starter=tmp_path / "nothing")
    assert not without.starts_from_starter
    (tmp_path / "starter").mkdir()
    (tmp_path / "starter" / "model.json").touch()
    assert small(tmp_path, starter=tmp_path / "starter")[0].starts_from_starter


def test_a_demo_that_is_there_is_not_made_again(tmp_path: Path):
    demo, _ = small(tmp_path)
    project = demo.prepare()
    project.store.edit_points(project.unlabeled_faces().samples[0].face_id, {1: None})
    outcome = {"state": "done", "alone": NUMBERS, "together": {**NUMBERS, "nme": 4.0}, "coco": "x.json"}
    (project.folder / "demo.json").write_text(json.dumps(outcome))
    before = project.store.connection.stamp()
    again, lines = small(tmp_path)
    assert again.make() == 0
    assert any("NME 5.00 %" in line for line in lines)
    assert any("NME 4.00 %" in line for line in lines)
    assert project.store.connection.stamp() == before
    assert not project.runs.exists()


def test_a_half_made_demo_is_made_again_and_its_run_stopped(tmp_path: Path):
    demo, _ = small(tmp_path)
    project = demo.prepare()
    run = python_run(project, "time.sleep(60)")
    pid = json.loads((run.folder / "run.json").read_text())["pid"]
    shutil.rmtree(project.images)
    again = small(tmp_path)[0].prepare()
    assert again.progress().pictures == 9
    assert len(list(again.images.iterdir())) == 9
    assert list_runs(again) == []
    assert process_started(pid) is None


def test_a_users_own_project_of_that_name_is_left_alone(tmp_path: Path):
    project = make_project(tmp_path, "demo", labeled=1)
    demo, _ = small(tmp_path / "projects")
    with pytest.raises(DataError, match="not the demo; choose another folder with --projects"):
        demo.make()
    assert project.progress().labeled_faces == 1


@pytest.mark.slow
def test_the_whole_demo_trains_measures_and_exports(tmp_path: Path):
    demo, lines = small(tmp_path, minutes=0.3)
    assert demo.make() == 0
    outcome = json.loads((demo.folder / "demo.json").read_text())
    assert outcome["state"] == "done"
    assert (outcome["alone"]["n"], outcome["together"]["n"]) == (4, 4)
    assert len(read_coco(Path(outcome["coco"])).samples) == 5
    project = Workspace(tmp_path).open("demo")
    assert project.progress().predicted_faces == 4
    assert any("together with drawn68" in line for line in lines)
    again, lines = small(tmp_path)
    assert again.make() == 0
    assert "there already" in lines[0]
