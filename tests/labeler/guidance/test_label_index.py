"""The index of labels: what changes it, and what it reads again."""

from __future__ import annotations

from pathlib import Path

import pytest

from labeler.guidance.label_index import LabelIndex
from labeler.guidance.proposed import ProposedPoints
from labeler.project.workspace import Workspace
from labeler.runs.collect import collect_predictions
from labeler.storage.store import Store
from mdmd.errors import DataError
from tests.builders import SMALL, label_face, leave_predictions, make_project, predictions_of


def test_standings_follow_every_kind_of_change(tmp_path: Path):
    project = make_project(tmp_path, pictures=2)

    def states() -> list[str]:
        return [standing.state for standing in project.index.standings()]

    assert states() == ["empty", "empty"]
    label_face(project, 1)
    assert states() == ["complete", "empty"]
    project.store.undo(1)
    assert states() == ["empty", "empty"]
    leave_predictions(project, 1, predictions_of(project, [2]))
    collect_predictions(project)
    assert states() == ["empty", "predicted"]
    project.store.set_skip(2, "duplicate")
    assert states() == ["empty", "skipped"]
    label_face(project, 1, [1, 2, 3])
    assert states() == ["partial", "skipped"]
    assert project.definition is not None
    category = project.definition.to_category()
    kept = {**category, "keypoints": category["keypoints"][:2], "flsg": {"left_eye": [0], "right_eye": [1]}}
    project.store.definitions.save({**kept, "landmark_ids": [1, 2], "skeleton": []}, None, edited_from=1)
    assert states() == ["complete", "skipped"]


def test_the_pace_is_of_complete_faces_in_the_order_of_their_last_edit(tmp_path: Path):
    project = make_project(tmp_path, pictures=4, labeled=3)
    assert project.index.seconds_a_face() is None  # a program wrote these labels: too fast for a hand
    now = 1e9
    project.store.close()
    project.store = Store(project.folder / "labels.db", clock=lambda: now)
    project.index = index = LabelIndex(
        project.store,
        project.name,
        ProposedPoints(project.store.predictions, project.store.charges, project.store.imports),
    )
    for face in (1, 2, 3):
        for key in (1, 2):
            now += 5 * face
            label_face(project, face, [key])
    assert index.seconds_a_face() == pytest.approx(20, abs=1)
    project.store.edit_points(1, {1: None})
    assert index.seconds_a_face() is None


def test_a_definition_that_another_process_saves_is_seen_at_once(tmp_path: Path):
    project = Workspace(tmp_path).create("a", definition=SMALL)
    assert project.definition is not None
    assert project.definition is project.definition  # parsed once for each version
    other = Workspace(tmp_path).open("a")
    category = {**project.definition.to_category(), "name": "renamed"}
    other.store.definitions.save({**category, "landmark_ids": list(project.definition.ids)}, None, edited_from=1)
    assert project.definition.to_category()["name"] == "renamed"


def test_only_a_changed_face_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    project = make_project(tmp_path, pictures=3, labeled=2)
    project.index.standings(), project.index.labels()
    read: list[int | None] = []
    points = project.store.points
    monkeypatch.setattr(project.store, "points", lambda face_id=None: read.append(face_id) or points(face_id))
    project.index.standings(), project.index.labels()
    assert read == []
    project.store.undo(2)
    read.clear()  # the edit itself reads
    project.index.standings()
    assert project.index.labels()[2] == {}
    assert read == [2, 2]


def test_an_unknown_landmark_is_named(tmp_path: Path):
    project = make_project(tmp_path)
    assert project.index.must_know([2, 1]) == [2, 1]
    with pytest.raises(DataError, match=f"there is no landmark 99 in the definition of project '{project.name}'"):
        project.index.must_know([1, 99])
