"""The label checks of a project: fresh after every edit, and what a person has said to be right."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from labeler.project.project import Project
from labeler.project.workspace import Workspace
from labeler.server.errors import install_errors
from labeler.server.face_actions import FaceActions
from labeler.server.project_actions import ProjectActions
from labeler.server.review_actions import ReviewActions
from labeler.server.routes import build_api
from labeler.storage.records import Point
from mdmd.errors import DataError
from tests.builders import make_project

SWAPPED = {1: Point(40.0, 15.0, 2), 2: Point(20.0, 15.0, 2), 3: Point(30.0, 25.0, 2)}
SENTENCE = "eye_left lies right of eye_right: sides swapped?"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """Three pictures; the eyes of the second are swapped."""
    made = make_project(tmp_path)
    made.store.edit_points(2, SWAPPED)
    yield made
    made.store.close()


def finding(**more: Any) -> dict[str, Any]:
    return {"face": 2, "kind": "mirrored", "landmarks": (1, 2), "sentence": SENTENCE, **more}


def test_findings_follow_every_edit(project: Project):
    actions = ReviewActions(project)
    assert actions.checks() == {"open": [finding()], "right": []}
    assert actions.checks(1) == {"open": [], "right": []}
    project.store.edit_points(2, {1: Point(20.0, 15.0, 2), 2: Point(40.0, 15.0, 2)})
    assert actions.checks()["open"] == []
    project.store.undo(2)
    assert actions.checks(2)["open"] == [finding()]
    project.store.edit_points(1, {3: Point(30.0, 25.0, 2), 4: Point(30.0, 25.0, 2)})
    assert [found["sentence"] for found in actions.checks()["open"]] == ["chin lies on nose.", SENTENCE]


def test_only_changed_faces_are_read_again(project: Project, monkeypatch: pytest.MonkeyPatch):
    project.checks.findings()
    asked = []
    points = project.store.points
    monkeypatch.setattr(project.store, "points", lambda *key: asked.append(key) or points(*key))
    project.checks.findings()
    assert asked == []
    project.store.edit_points(3, {1: Point(20.0, 15.0, 2)})
    assert [found.face for found, _ in project.checks.findings()] == [2]
    assert set(asked) == {(3,)}


def test_a_skipped_face_is_not_checked(project: Project):
    project.store.set_skip(2, "too blurred")
    assert project.checks.findings() == []
    project.store.set_skip(2, None)
    assert [found.face for found, _ in project.checks.findings()] == [2]


def test_a_deleted_face_and_a_changed_definition_are_noticed(project: Project):
    actions = ReviewActions(project)
    saved = ProjectActions(project).definition()
    category = {**saved["category"], "keypoints": ["left_eye", "right_eye", "nose", "chin"]}
    ProjectActions(project).save_definition(category, None, version=1)
    assert actions.checks()["open"][0]["sentence"] == "left_eye lies right of right_eye: sides swapped?"
    FaceActions(project).add_face(2, (0.0, 0.0, 30.0, 30.0))
    FaceActions(project).delete_face(2)
    assert actions.checks()["open"] == []


def test_what_is_right_stays_dismissed_while_its_points_stay(project: Project, tmp_path: Path):
    actions = ReviewActions(project)
    assert actions.say_right(2, "mirrored", [1, 2], annotator="ana") == {"open": [], "right": [finding()]}
    again = Workspace(tmp_path / "projects").open("faces")
    assert ReviewActions(again).checks(2) == {"open": [], "right": [finding()]}
    again.store.close()
    FaceActions(project).set_points(2, [{"id": 4, "x": 30.0, "y": 35.0, "v": 2}])
    assert actions.checks()["right"] == [finding()]
    FaceActions(project).set_points(2, [{"id": 1, "x": 41.0, "y": 15.0, "v": 2}])
    assert actions.checks()["open"] == [finding()]
    FaceActions(project).undo(2)
    assert actions.checks() == {"open": [], "right": [finding()]}
    assert actions.say_right(2, "mirrored", [1, 2], right=False) == {"open": [finding()], "right": []}


def test_saying_right_is_refused_where_there_is_nothing(project: Project):
    actions = ReviewActions(project)
    with pytest.raises(DataError, match="landmark 4 of face 2 has no label that could be right"):
        actions.say_right(2, "shape", [1, 4])
    with pytest.raises(DataError, match="there is no landmark 9"):
        actions.say_right(2, "shape", [9])
    assert project.store.said_right() == {}


def test_the_routes_answer_findings_and_take_what_is_right(project: Project):
    workspace = Workspace(project.folder.parent)
    app = FastAPI()
    app.include_router(build_api(workspace))
    install_errors(app)
    found = finding(landmarks=[1, 2])
    with TestClient(app) as client:
        base = "/api/projects/faces"
        assert client.get(f"{base}/checks").json() == {"open": [found], "right": []}
        assert client.get(f"{base}/faces/1/checks").json() == {"open": [], "right": []}
        body = {"kind": "mirrored", "landmarks": [1, 2]}
        assert client.post(f"{base}/faces/2/checks", json=body).json() == {"open": [], "right": [found]}
        assert client.post(f"{base}/faces/2/checks", json={**body, "right": False}).json()["open"] == [found]
        assert client.get(f"{base}/faces/77/checks").status_code == 404
        assert client.post(f"{base}/faces/77/checks", json=body).status_code == 400
        assert client.post(f"{base}/faces/2/checks", json={**body, "kind": "odd"}).status_code == 422
    workspace.close()
