"""Blind repeats: which face is due, that nothing else of the tool sees them, and what is measured with them."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from sqlite_utils import Database

from labeler.analysis.agreement import FEWEST
from labeler.cli.main import main
from labeler.errors import ConflictError
from labeler.guidance.repeats import BETWEEN, ONE_IN_TEN
from labeler.project.project import Project
from labeler.project.settings import Settings
from labeler.project.workspace import Workspace
from labeler.runs.collect import collect_predictions
from labeler.server.errors import install_errors
from labeler.server.face_actions import FaceActions
from labeler.server.project_actions import ProjectActions
from labeler.server.review_actions import ReviewActions
from labeler.server.routes import build_api
from labeler.storage.migrations import MIGRATIONS, migrate
from labeler.storage.records import Point
from labeler.storage.store import Store
from mdmd.data.coco import read_coco
from mdmd.data.records import Box
from mdmd.errors import DataError
from tests.builders import label_face, leave_predictions, make_project, predictions_of, wait_for


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path, pictures=24, labeled=20)


def repeat(project: Project, face: int, *, by: float = 0.0, annotator: str | None = None) -> int:
    """Label a face again, with every point so many pixels further to the right."""
    made = project.store.add_repeat(face, annotator=annotator)
    labels = project.store.points(face)[face]
    moved: dict[int, Point | None] = {
        key: Point(point.x + by, point.y, 2) for key, point in labels.items() if point.x is not None
    }
    project.store.edit_points(made, moved, annotator=annotator)
    return made


# Nothing else sees them


def everything(project: Project, out: Path) -> dict[str, object]:
    """What the rest of the tool says of a project."""
    actions = ProjectActions(project)
    project.export(out)
    exported = json.loads(out.read_text())
    return {
        "faces": project.store.faces(),
        "faces of a picture": project.store.faces(1),
        "standings": project.index.standings(),
        "progress": project.progress(),
        "labels": project.index.labels(),
        "pictures": actions.pictures(),
        "open": actions.open_landmarks(),
        "review": ReviewActions(project).review_queue(),
        "checks": ReviewActions(project).checks(),
        "effect": actions.definition_effect({**actions.definition()["category"], "keypoints": []}),
        "training": [sample.face_id for sample in project.training_set().samples],
        "unlabeled": [sample.face_id for sample in project.unlabeled_faces().samples],
        "export": (exported["annotations"], exported["images"], exported["categories"]),
        "proposal": project.proposals.propose(22, "mean", {}),
        "previous": project.proposals.propose(22, "previous", {}),
        "duplicates": project.duplicates.find(),
        "pace": project.index.seconds_a_face(),
        "history": FaceActions(project).history(1),
        "view": FaceActions(project).view(1),
        "next unseen": ReviewActions(project).preview_unseen("expected", 99.0, seed=0, sample=5),
    }


def test_everything_else_is_as_if_there_were_no_repeat(project: Project, tmp_path: Path):
    wait_for(lambda: (found := project.duplicates.find()).done == found.of)
    before = everything(project, tmp_path / "out.json")
    made = repeat(project, 1, by=9.0)
    project.store.edit_box(made, Box(1, 2, 3, 4))
    project.store.undo(made)
    again = everything(project, tmp_path / "out.json")
    for promise, said in before.items():
        assert again[promise] == said, promise
    assert made not in {face.id for face in project.store.faces()}


def test_predictions_of_a_repeat_are_not_brought_in(project: Project):
    made = repeat(project, 1)
    leave_predictions(project, 1, predictions_of(project, [made, 22]))
    collect_predictions(project)
    assert set(project.store.predictions.current()) == {22}
    assert FaceActions(project).view(made)["predictions"] == {}


def test_a_repeat_keeps_no_picture_from_losing_its_other_face(project: Project):
    second = project.store.add_face(1, Box(0, 0, 9, 9))
    repeat(project, 1)
    project.store.delete_face(1)
    with pytest.raises(ConflictError, match="only face"):
        project.store.delete_face(second)
    assert project.repeats.pairs() == []


def test_an_import_gives_its_boxes_to_the_faces_and_not_to_repeats(tmp_path: Path):
    theirs = make_project(tmp_path, "theirs", pictures=1, labeled=1)
    theirs.export(tmp_path / "projects" / "theirs.json")
    ours = make_project(tmp_path, "ours", pictures=0)
    ours.import_labels(tmp_path / "projects" / "theirs.json")
    ours.store.edit_points(1, dict.fromkeys((1, 2, 3, 4)))
    made = ours.store.add_repeat(1)
    ours.store.edit_box(made, Box(1, 2, 3, 4))
    ours.import_labels(tmp_path / "projects" / "theirs.json")
    assert len(ours.store.points(1)[1]) == 4
    assert (ours.store.face(made).box, ours.store.points(made)) == (Box(1, 2, 3, 4), {})


def test_an_edit_of_a_repeat_touches_only_the_repeat_and_undo_ends_there(project: Project):
    original = (project.store.face(1), project.store.points(1), project.store.history(1))
    made = project.store.add_repeat(1)
    assert project.store.face(made).box == original[0].box
    actions = FaceActions(project)
    view = actions.set_points(made, [{"id": 3, "x": 1.0, "y": 2.0, "v": 2}])
    assert (view["points"].keys(), view["repeat"], view["can_undo"]) == ({"3"}, True, True)
    assert actions.undo(made)["points"] == {}
    with pytest.raises(ConflictError, match="nothing to undo"):
        actions.undo(made)
    assert (project.store.face(1), project.store.points(1), project.store.history(1)) == original
    assert actions.view(1)["repeat"] is False


def test_a_repeat_gets_no_start(project: Project):
    made = project.store.add_repeat(1)
    for start in ("mean", "previous", "prediction"):
        with pytest.raises(ConflictError, match="labeled without a proposal"):
            project.proposals.propose(made, start, {})


def test_a_file_from_before_keeps_its_faces_and_has_no_repeats(tmp_path: Path):
    database = Database(sqlite3.connect(tmp_path / "labels.db"), strict=True)
    migrate(database, where="labels.db", steps=MIGRATIONS[:6])
    database.execute("INSERT INTO images VALUES (1, 'a.png', 'a.png', 9, 9, 'x', 'train', 'a', 1.0)")
    database.execute("INSERT INTO faces (id, image_id) VALUES (1, 1)")
    database.execute("INSERT INTO actions VALUES (1, 1, 'create', 'whole picture', NULL, 1.0)")
    database.execute("INSERT INTO box_edits (action_id, face_id, x, y, w, h) VALUES (1, 1, 0, 0, 9, 9)")
    database.conn.commit()
    database.close()
    store = Store(tmp_path / "labels.db")
    assert [(face.id, face.repeat_of) for face in store.faces()] == [(1, None)]
    assert store.repeats() == []
    made = store.add_repeat(1)
    assert store.add_repeat(1) == made
    assert [(face.id, face.repeat_of) for face in store.repeats()] == [(made, 1)]
    store.close()


# Which face is due


def due(project: Project, annotator: str | None = None, share: float = ONE_IN_TEN) -> int | None:
    """The face that would be shown again."""
    if not project.repeats.due(share, annotator):
        return None
    return project.store.face(project.repeats.begin(share, annotator)).repeat_of


def test_one_face_in_ten_is_repeated_and_no_more(project: Project):
    assert not project.repeats.due(0.0, None)
    seen = []
    while (face := due(project)) is not None:
        seen.append(face)
        repeat(project, face)
    assert len(seen) == 2
    assert len(set(seen)) == 2
    with pytest.raises(ConflictError, match="no face is due"):
        project.repeats.begin(ONE_IN_TEN, None)
    assert [face.repeat_of for face in project.store.repeats()] == seen
    assert {pair.face for pair in project.repeats.pairs()} == set(seen)


def test_enough_other_faces_lie_in_between(tmp_path: Path):
    project = make_project(tmp_path, pictures=14, labeled=BETWEEN)
    assert due(project, share=1.0) is None
    label_face(project, BETWEEN + 1)
    assert due(project, share=1.0) == 1
    repeat(project, 1)
    label_face(project, 2)  # looked at again just now
    label_face(project, BETWEEN + 2)
    assert due(project, share=1.0) == 3


def test_the_choice_is_not_the_persons_and_not_the_newest_or_oldest(tmp_path: Path):
    project = make_project(tmp_path, pictures=60, labeled=60)
    seen = []
    while (face := due(project, share=0.3)) is not None:
        seen.append(face)
        repeat(project, face)
    assert len(seen) == 18
    assert 15 < np.mean(seen) < 36  # of the faces 1 to 50 that lie far enough back
    assert seen != sorted(seen)


def test_a_repeat_that_was_begun_is_gone_on_with(project: Project):
    first = project.repeats.begin(ONE_IN_TEN, None)
    project.store.edit_points(first, {1: Point(1, 1, 2)})
    assert project.repeats.begin(ONE_IN_TEN, None) == first
    assert project.repeats.pairs() == []
    project.store.set_skip(first, "cannot tell")
    assert project.repeats.begin(ONE_IN_TEN, None) != first


def test_only_faces_labeled_by_hand_are_repeated(tmp_path: Path):
    project = make_project(tmp_path, pictures=20, labeled=0)
    for face in project.store.faces():
        source = {1: "accepted", 2: "accepted_unseen", 3: "imported", 4: "started"}.get(face.id, "dragged")
        project.store.edit_points(face.id, {key: Point(9, 9 + key, 2) for key in (1, 2, 3)})
        project.store.edit_points(face.id, {4: Point(9, 9, 2, source)}, source=source)
    project.store.set_skip(5, "blurred")
    project.store.edit_points(6, {2: None})
    project.store.definitions.save(
        project.store.definitions.all()[0].category, {"picture": 7, "points": {"1": [1, 1]}}, edited_from=1
    )
    seen = []
    while (face := due(project, share=1.0)) is not None:
        seen.append(face)
        repeat(project, face)
    # Of the 14 by hand the newest ten have too few behind them; picture 7 is shown beside every face.
    assert sorted(seen) == [8, 9, 10]


def test_a_person_repeats_what_they_have_labeled(tmp_path: Path):
    project = make_project(tmp_path, pictures=40, labeled=0)
    for face in project.store.faces():
        name = "ana" if face.id % 2 else "bo"
        project.store.edit_points(face.id, {key: Point(9, 9 + key, 2) for key in (1, 2, 3, 4)}, annotator=name)
    assert due(project) is None  # who has not said their name
    assert due(project, "cy") is None
    ana = due(project, "ana")
    assert ana is not None
    assert ana % 2 == 1
    repeat(project, ana, annotator="ana")
    repeat(project, 3 if ana != 3 else 5, annotator="bo")  # not the same person: no measure of either
    assert [pair.face for pair in project.repeats.pairs()] == [ana]


# What is measured with them


def test_the_noise_is_that_of_the_pairs(project: Project):
    made = [repeat(project, face, by=2.0) for face in range(1, FEWEST + 2)]
    definition = project.definition
    assert definition is not None
    noise = project.repeats.noise(definition)
    assert noise.faces == FEWEST + 1
    # The eyes of the drawn faces are (1, 2) apart: 2 pixels are 2 / sqrt 5 of that.
    assert noise.floor == pytest.approx((100 * 2 / np.sqrt(5),) * 3)
    project.store.set_skip(1, "blurred")  # the original
    project.store.set_skip(made[1], "cannot tell")  # the repeat
    assert project.repeats.noise(definition).faces == FEWEST - 1
    project.store.set_skip(1, None)
    assert project.repeats.noise(definition).faces == FEWEST


def test_what_was_accepted_since_is_no_first_label(project: Project):
    repeat(project, 1, by=2.0)
    project.store.edit_points(1, {3: Point(1, 1, 2, "accepted")}, source="accepted")
    project.store.edit_points(1, {4: Point(None, None, 0)})
    [pair] = project.repeats.pairs()
    assert set(pair.first) == set(pair.second) == {1, 2}


def test_an_export_carries_measured_sigmas_that_pycocotools_takes(project: Project, tmp_path: Path):
    project.export(tmp_path / "out.json")
    written = json.loads((tmp_path / "out.json").read_text())
    assert "sigmas" not in written["categories"][0]
    assert "sigmas" not in written["info"]
    for face in range(1, FEWEST + 1):
        repeat(project, face, by=4.0)
    project.export(tmp_path / "out.json")
    written = json.loads((tmp_path / "out.json").read_text())
    # 16 square pixels between two labelings are 8 of one; the area is that of the box around the labels.
    (area,) = {record["area"] for record in written["annotations"]}
    assert area < 64 * 48
    assert written["categories"][0]["sigmas"] == pytest.approx([(8 / area) ** 0.5] * 4, abs=1e-5)
    assert written["info"]["sigmas"].startswith("measured on 5 faces that one person labeled twice")
    assert read_coco(tmp_path / "out.json").definition.landmarks == ("eye_left", "eye_right", "nose", "chin")
    coco: Any = COCO(str(tmp_path / "out.json"))
    [truth] = coco.loadAnns([1])
    found = {**truth, "score": 1.0, "keypoints": [v + 8 if k % 3 == 0 else v for k, v in enumerate(truth["keypoints"])]}
    evaluation = COCOeval(coco, coco.loadRes([found]), "keypoints")
    evaluation.params.kpt_oks_sigmas = np.array(coco.loadCats([1])[0]["sigmas"])
    evaluation.params.imgIds = [truth["image_id"]]
    evaluation.evaluate()
    # exp(-d^2 / (2 area (2 sigma)^2)) with d = 8 and sigma^2 area = 8
    assert evaluation.ious[truth["image_id"], 1][0, 0] == pytest.approx(np.exp(-1), rel=1e-3)


def test_the_command_line_prints_the_table(project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    def said() -> list[str]:
        assert main(["--projects", str(tmp_path / "projects"), "repeats", "faces"]) == 0
        return capsys.readouterr().out.splitlines()

    assert said() == ["blind repeats: off"]
    project.change_settings(repeats=ONE_IN_TEN)
    assert said() == ["blind repeats: 0 of at least 5 repeats"]
    for face in range(1, FEWEST):
        repeat(project, face, by=2.0)
    assert said() == ["blind repeats: 4 of at least 5 repeats"]
    repeat(project, FEWEST, by=2.0)
    # 2 pixels of sqrt(5), and a quarter of their square in each coordinate of one labeling
    assert said() == [
        "blind repeats: two labelings are 89.4 % apart (89.4 to 89.4) over 5 faces",
        "per landmark, in % of the normalizing distance: mean distance of two labelings, sigma of one",
        "eye_left      5 pairs   89.44   44.72",
        "eye_right     5 pairs   89.44   44.72",
        "nose          5 pairs   89.44   44.72",
        "chin          5 pairs   89.44   44.72",
    ]
    Workspace(tmp_path / "projects").create("empty").store.close()
    assert main(["--projects", str(tmp_path / "projects"), "repeats", "empty"]) == 2
    assert "has no landmarks defined yet" in capsys.readouterr().err


# The switch and the routes


def test_the_switch_is_kept_and_a_project_from_before_has_it_off(project: Project, tmp_path: Path):
    assert project.settings == Settings(0.1, None, 0.0)
    project.change_settings(tolerance=0.2, threshold=0.5, repeats=ONE_IN_TEN)
    workspace = Workspace(tmp_path / "projects")
    assert workspace.open("faces").settings == Settings(0.2, 0.5, 0.1)
    workspace.close()
    record = json.loads((project.folder / "project.json").read_text())
    assert record.pop("repeats") == 0.1
    (project.folder / "project.json").write_text(json.dumps(record))
    workspace = Workspace(tmp_path / "projects")
    assert workspace.open("faces").settings == Settings(0.2, 0.5, 0.0)
    workspace.close()
    (project.folder / "project.json").write_text(json.dumps({**record, "repeats": 7}))
    with pytest.raises(DataError, match="not a project's description"):
        Workspace(tmp_path / "projects").open("faces")


def test_the_routes_say_only_that_one_is_due(project: Project, tmp_path: Path):
    app = FastAPI()
    install_errors(app)
    workspace = Workspace(tmp_path / "projects")
    app.include_router(build_api(workspace))
    client = TestClient(app)
    base = "/api/projects/faces"
    assert client.get(f"{base}/repeats").json() == {"due": False}
    assert client.post(f"{base}/repeats", json={}).status_code == 409
    opened = workspace.open("faces")
    opened.change_settings(repeats=ONE_IN_TEN)
    assert client.get(f"{base}/repeats").json() == {"due": True}
    assert client.get(f"{base}/repeats", params={"annotator": "ana"}).json() == {"due": True}  # without a signature
    view = client.post(f"{base}/repeats", json={"annotator": "ana"}).json()
    assert (view["points"], view["predictions"], view["repeat"], view["can_undo"]) == ({}, {}, True, False)
    history = client.get(f"{base}/faces/{view['face']}/history").json()
    assert [(action["kind"], action["source"]) for action in history] == [("create", "repeat")]
    workspace.close()
