"""The base predicts in the background: on what is missing, once, and a failure is said and tried again."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from labeler.project.project import Project
from labeler.project.workspace import Workspace
from labeler.runs.background import PAUSE
from labeler.runs.base_predictions import BasePredictions
from labeler.runs.bases import Base, base_in, best_base
from mdmd.config import STARTER
from mdmd.data.coco import read_coco
from mdmd.data.definition import load_definition
from mdmd.errors import DataError
from mdmd.synthetic.datasets import PAREIDOLIAS
from tests.builders import PATIENCE_WITH_TRAINING, make_project, wait_for, write_picture


def until_complete(predictions: BasePredictions, workspace: Workspace, name: str) -> None:
    """Steps until the base has seen every face of the project."""
    base = best_base(workspace.root)

    def done() -> bool:
        predictions.step()
        return not workspace.open(name).bases.missing(base.name)

    wait_for(done, seconds=PATIENCE_WITH_TRAINING)


def test_the_starter_predicts_on_every_picture_and_finds_the_face_where_no_box_was_drawn(tmp_path: Path):
    workspace = Workspace(tmp_path / "projects")
    project = workspace.create("faces", definition=load_definition("300w"))
    faces = read_coco(PAREIDOLIAS).samples[:3]
    project.add_picture(faces[0].path, boxes=[faces[0].box])
    project.add_picture(faces[1].path)
    project.add_picture(write_picture(tmp_path / "gone.png"))
    (project.images / project.store.images()[2].file_name).unlink()
    predictions = BasePredictions(workspace)
    try:
        until_complete(predictions, workspace, "faces")
        name = project.bases.in_use()
        assert name is not None
        assert name.startswith("starter-")
        seen = project.bases.points(name)
        assert [(face, found.usable) for face, found in sorted(seen.items())] == [(1, True), (2, True), (3, False)]
        assert seen[1].points.shape == (68, 2)
        assert seen[1].covariance.shape == (68, 2, 2)
        assert seen[1].box == faces[0].box
        assert seen[2].box != project.store.face(2).box  # no box was drawn: the base found the face
        # What could not be used is tried once more after the next start, and when its picture is back.
        again = Project(project.folder)
        assert [face.id for face in again.bases.missing(name)] == [3]
        again.close()
        project.bases.try_again(3)
        assert [face.id for face in project.bases.missing(name)] == [3]
    finally:
        predictions.close()
        workspace.close()


def test_a_base_that_fails_is_said_and_tried_again_later(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    make_project(tmp_path, pictures=1).close()
    workspace = Workspace(tmp_path / "projects")
    workspace.open("faces")
    (tmp_path / "broken").mkdir()
    category = load_definition("300w").to_category()
    now = 0.0
    tries = 0

    def base_of(root: Path) -> Base:
        nonlocal tries
        tries += 1
        return Base("broken-1", tmp_path / "broken", category)

    predictions = BasePredictions(workspace, base_of=base_of, clock=lambda: now)
    with caplog.at_level(logging.WARNING, logger="labeler"):
        wait_for(lambda: predictions.step() or caplog.messages, seconds=PATIENCE_WITH_TRAINING)
    [said] = caplog.messages
    assert "project faces: predicting with the base failed" in said
    assert "broken" in said
    before = tries
    predictions.step()
    assert tries == before
    now = PAUSE + 1
    predictions.step()
    assert tries == before + 1
    predictions.close()
    workspace.close()


def test_a_project_of_which_no_picture_can_be_read_is_done_too(tmp_path: Path):
    make_project(tmp_path, pictures=1).close()
    workspace = Workspace(tmp_path / "projects")
    project = workspace.open("faces")
    (project.images / project.store.images()[0].file_name).write_bytes(b"no picture")
    predictions = BasePredictions(workspace)
    until_complete(predictions, workspace, "faces")
    predictions.close()
    name = project.bases.in_use()
    assert name is not None
    assert not project.bases.points(name)[1].usable
    workspace.close()


def test_a_folder_without_a_model_is_no_base(tmp_path: Path):
    with pytest.raises(DataError, match="is no base"):
        base_in(tmp_path)
    assert best_base(tmp_path).folder == STARTER
