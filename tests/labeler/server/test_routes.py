"""The routes: what they answer, and that every refusal is a status code and one sentence."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image

from labeler.guidance.learning import Doing, Learning
from labeler.project.coco import provenance, samples_of
from labeler.project.project import Project
from labeler.project.workspace import Workspace
from labeler.runs import housekeeping
from labeler.runs.collect import collect_predictions
from labeler.server.errors import install_errors
from labeler.server.routes import build_api
from mdmd.data.definition import shipped_definitions
from mdmd.data.records import Dataset
from mdmd.formats.definition_files import form_by_name
from tests.builders import CATEGORY, SMALL, label_face, leave_predictions, make_project, predictions_of, write_picture

BASE = "/api/projects/faces"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Three pictures; the first face has predictions."""
    made = make_project(tmp_path)
    leave_predictions(made, 1, predictions_of(made, [1], p_off=0.5))
    collect_predictions(made)
    made.store.close()
    return Workspace(tmp_path / "projects").open("faces")


@pytest.fixture
def workspace(project: Project) -> Iterator[Workspace]:
    workspace = Workspace(project.folder.parent)
    yield workspace
    workspace.close()


@pytest.fixture
def opened(workspace: Workspace) -> Project:
    """The project as the routes have it."""
    return workspace.open("faces")


@pytest.fixture
def client(workspace: Workspace) -> Iterator[TestClient]:
    app = FastAPI()
    app.include_router(build_api(workspace))
    install_errors(app)
    with TestClient(app) as client:
        yield client


def place(key: int, x: float = 5.0, **more: Any) -> dict[str, Any]:
    return {"points": [{"id": key, "x": x, "y": 6.5, "v": 2}], **more}


def test_the_overview_names_project_progress_settings_and_definition(client: TestClient):
    answer = client.get(BASE).json()
    assert answer["name"] == "faces"
    assert (answer["progress"]["pictures"], answer["progress"]["predicted_faces"]) == (3, 1)
    assert answer["settings"] == {"tolerance": 0.1, "threshold": None, "repeats": 0.0, "learns": True, "subjects": None}
    assert answer["definition"]["keypoints"] == CATEGORY["keypoints"]


@pytest.mark.parametrize(
    ("doing", "text"),
    [
        (Doing.NONE, None),
        (Doing.WAITING, "learns from 5 labeled faces on"),
        (Doing.LEARNING, "learning from 24 faces"),
        (Doing.PAUSED, "learning waits for the run"),
        (Doing.BATTERY, "not learning on battery"),
    ],
)
def test_the_bar_says_what_is_learned(client: TestClient, opened: Project, doing: Doing, text: str | None):
    opened.learning = Learning(doing, faces=24)
    state = client.get(f"{BASE}/learning").json()
    assert (state["on"], state["text"]) == (True, text)


def test_the_bar_says_that_learning_begins_soon_once_enough_faces_are_labeled(
    client: TestClient, workspace: Workspace, tmp_path: Path
):
    make_project(tmp_path, "many", pictures=5, labeled=5).close()
    workspace.open("many").learning = Learning(Doing.WAITING)
    assert client.get("/api/projects/many/learning").json()["text"] == "learning begins soon"


def test_learning_is_switched_off_and_stays_off(client: TestClient, opened: Project):
    assert client.put(f"{BASE}/learning", json={"on": False}).json()["on"] is False
    assert not opened.settings.learns
    assert not Workspace(opened.folder.parent).open("faces").settings.learns
    assert client.put(f"{BASE}/learning", json={"on": True}).json()["on"] is True


def test_a_placed_point_is_in_the_fresh_view_and_in_the_store(client: TestClient, project: Project):
    view = client.post(f"{BASE}/faces/1/points", json=place(2, source="dragged", annotator="ana")).json()
    assert view["points"] == {"2": {"x": 5.0, "y": 6.5, "v": 2, "source": "dragged"}}
    assert view == client.get(f"{BASE}/faces/1").json()
    assert project.store.points()[1][2].x == 5.0
    assert project.store.annotators() == {1: ["ana"]}


def test_a_moved_group_is_one_edit_and_one_undo(client: TestClient, project: Project):
    for key in (1, 2):
        client.post(f"{BASE}/faces/1/points", json=place(key, x=10.0 * key))
    points = [{"id": key, "x": 10.0 * key + 3, "y": 7.5, "v": key} for key in (1, 2)]
    moved = client.post(f"{BASE}/faces/1/points", json={"points": points, "source": "moved"}).json()["points"]
    assert moved == {
        "1": {"x": 13.0, "y": 7.5, "v": 1, "source": "moved"},
        "2": {"x": 23.0, "y": 7.5, "v": 2, "source": "moved"},
    }
    assert project.definition is not None
    dataset = Dataset("faces", project.definition, samples_of(project.store, project.folder, project.definition, [1]))
    assert provenance(project.store, dataset)[1]["sources"] == {"moved": 2}
    back = client.post(f"{BASE}/faces/1/undo").json()["points"]
    assert [(back[key]["x"], back[key]["source"]) for key in ("1", "2")] == [(10.0, "placed"), (20.0, "placed")]


def test_a_label_session_over_http(client: TestClient):
    client.post(f"{BASE}/faces/1/points", json=place(1))
    assert sorted(client.post(f"{BASE}/faces/1/accept", json={"ids": [2]}).json()["points"]) == ["1", "2"]
    assert sorted(client.post(f"{BASE}/faces/1/accept", json={}).json()["points"]) == ["1", "2", "3", "4"]
    assert sorted(client.post(f"{BASE}/faces/1/clear", json={"ids": [1]}).json()["points"]) == ["2", "3", "4"]
    assert sorted(client.post(f"{BASE}/faces/1/undo").json()["points"]) == ["1", "2", "3", "4"]
    assert sorted(client.post(f"{BASE}/faces/1/redo", json={"annotator": "ana"}).json()["points"]) == ["2", "3", "4"]
    assert client.post(f"{BASE}/faces/1/box", json={"box": [1, 2, 30, 20]}).json()["box"] == [1, 2, 30, 20]
    added = client.post(f"{BASE}/pictures/1/faces", json={"box": [0, 0, 10, 10]}).json()
    assert added["picture"]["faces"] == [1, added["face"]]
    assert client.delete(f"{BASE}/faces/{added['face']}").json()["face"] == 1
    assert [p["faces"][0]["state"] for p in client.get(f"{BASE}/pictures").json()] == ["predicted", "empty", "empty"]
    assert [r["face"] for r in client.get(f"{BASE}/review").json()] == [1]


def test_an_acceptance_of_an_older_page_takes_the_newest_predictions(client: TestClient):
    """It names the run whose predictions were shown, and its journal may come after an update of the tool."""
    old = {"ids": [1], "run": 0, "annotator": None, "revision": None}
    assert client.post(f"{BASE}/faces/1/accept", json=old).json()["points"] == {
        "1": {"x": 6.0, "y": 7.0, "v": 2, "source": "accepted"}
    }


def test_a_batch_is_previewed_accepted_unseen_and_taken_back_over_http(client: TestClient):
    asked = f"{BASE}/review/unseen?measure=worst&limit=0.5&sample=3"
    preview = client.get(asked).json()
    assert (len(preview["faces"]), preview["points"], preview["expected_wrong"], preview["batch"]) == (1, 4, 2.0, None)
    assert preview["sample"] == [client.get(f"{BASE}/faces/1").json()]
    body = {"faces": preview["faces"], "basis": preview["basis"], "annotator": "ana"}
    said = client.post(f"{BASE}/review/unseen", json=body).json()
    assert (said["faces"], said["points"], said["left"]) == (1, 4, 0)
    assert {p["source"] for p in client.get(f"{BASE}/faces/1").json()["points"].values()} == {"accepted_unseen"}
    assert client.get(asked).json()["batch"]["id"] == said["batch"]
    assert client.post(f"{BASE}/review/unseen/undo", json={"batch": said["batch"]}).json() == {"faces": 1, "points": 4}
    assert client.get(f"{BASE}/faces/1").json()["points"] == {}
    assert client.get(f"{BASE}/review/pace?annotator=ana").json() == {"seconds_a_look": None, "missing": 3}
    stale = client.post(f"{BASE}/review/unseen", json={**body, "basis": [0, 0, 0, 0]})
    assert (stale.status_code, stale.json()["error"][:25]) == (409, "there are new predictions")
    for wrong in ("measure=worst&limit=-1", "measure=best&limit=1", "measure=worst", "measure=worst&limit=nan"):
        assert client.get(f"{BASE}/review/unseen?{wrong}").status_code == 422
    assert client.post(f"{BASE}/review/unseen", json={**body, "faces": []}).status_code == 422
    assert client.post(f"{BASE}/review/unseen/undo", json={"batch": 77}).status_code == 404


def test_what_proposes_points_is_put_in_charge_and_back_over_http(client: TestClient, project: Project):
    known = [
        {"name": "carried", "words": "points carried over from labeled faces"},
        {"name": "run 1", "words": "run 001"},
    ]
    answer = client.get(f"{BASE}/proposers").json()
    flags = answer["flags"]
    assert answer == {"in_charge": "run 1", "proposers": known, "flags": flags}
    assert flags["sentence"] == client.get(f"{BASE}/faces/1").json()["flags"]["sentence"]
    labels = client.post(f"{BASE}/faces/1/accept", json={"ids": [2]}).json()["points"]
    for name, faces in (("carried", []), ("run 1", [1])):
        for _ in range(2):  # what is in charge already is not put there again
            answer = client.post(f"{BASE}/proposers", json={"proposer": name})
            own = flags if name == "run 1" else None  # nothing is carried over here
            assert answer.json() == {"in_charge": name, "proposers": known, "flags": own}
        assert [entry["face"] for entry in client.get(f"{BASE}/review").json()] == faces
        assert client.get(f"{BASE}/faces/1").json()["points"] == labels
    charges = [(charge.proposer, charge.why["by"]) for charge in project.store.charges.all()]
    assert charges == [("carried", "person"), ("run 1", "person")]


def test_a_run_in_charge_can_be_seen_after_its_folder_is_gone_and_a_running_one_is_no_choice(
    client: TestClient, project: Project
):
    leave_predictions(project, 2, predictions_of(project, [2]))  # not collected yet
    (project.runs / "001").rename(project.runs / "gone")
    assert [known["name"] for known in client.get(f"{BASE}/proposers").json()["proposers"]] == ["carried", "run 1"]


def test_a_face_is_skipped_and_taken_in_again_over_http(client: TestClient):
    skipped = client.post(f"{BASE}/faces/2/skip", json={"reason": " too blurred ", "annotator": "ana"}).json()
    assert (skipped["skip"], skipped["can_undo"]) == ("too blurred", True)
    assert [p["faces"][0]["skip"] for p in client.get(f"{BASE}/pictures").json()] == [None, "too blurred", None]
    overview = client.get(BASE).json()
    assert (overview["progress"]["faces"], overview["progress"]["skipped_faces"]) == (2, 1)
    assert overview["seconds_a_face"] is None
    assert client.post(f"{BASE}/faces/2/skip", json={"reason": None}).json()["skip"] is None
    newest, before, _ = client.get(f"{BASE}/faces/2/history").json()
    assert (newest["source"], newest["skipped"], newest["skip"]) == ("unskipped", True, None)
    assert (before["source"], before["skip"], before["annotator"]) == ("skipped", "too blurred", "ana")
    client.post(f"{BASE}/faces/2/undo")
    assert client.get(f"{BASE}/faces/2").json()["skip"] == "too blurred"


def test_the_history_gives_landmarks_with_their_visibility(client: TestClient):
    client.post(f"{BASE}/faces/1/points", json=place(1, annotator="ana"))
    client.post(f"{BASE}/faces/1/accept", json={})
    client.post(f"{BASE}/faces/1/undo")
    undo, accepted, placed, created = client.get(f"{BASE}/faces/1/history").json()
    assert (undo["kind"], undo["meant"]) == ("undo", accepted["id"])
    assert (accepted["source"], accepted["landmarks"], accepted["undone"]) == (
        "accepted",
        {"2": 2, "3": 2, "4": 2},
        True,
    )
    assert (placed["source"], placed["landmarks"], placed["undone"]) == ("placed", {"1": 2}, False)
    assert (placed["annotator"], created["kind"], created["box"]) == ("ana", "create", True)


def test_a_clear_or_an_undo_of_what_was_not_seen_is_a_conflict_with_the_face_as_it_is(client: TestClient):
    old = client.get(f"{BASE}/faces/1").json()["revision"]
    own = client.post(f"{BASE}/faces/1/points", json=place(1)).json()["revision"]
    client.post(f"{BASE}/faces/1/points", json=place(2))
    steps = (("undo", {}), ("clear", {"ids": [2]}), ("accept", {"ids": [2]}), ("points", place(2, x=50.0)))
    for action, body in steps:
        refused = client.post(f"{BASE}/faces/1/{action}", json={**body, "revision": old, "own": [own]})
        assert (refused.status_code, sorted(refused.json()["view"]["points"])) == (409, ["1", "2"])
    places = {"places": {"1": [9, 9], "2": [9, 9]}, "ids": [2], "revision": old, "own": [own]}
    assert client.post(f"{BASE}/faces/1/accept", json=places).status_code == 409
    rest = client.post(f"{BASE}/faces/1/accept", json={"revision": old, "own": [own]})
    assert (rest.json()["points"]["2"]["source"], rest.json()["points"]["3"]["source"]) == ("placed", "accepted")
    again = client.post(f"{BASE}/faces/1/points", json=place(1, x=7.0, revision=old, own=[own]))
    assert again.json()["points"]["1"]["x"] == 7.0


def test_a_box_or_skip_over_an_unseen_one_is_a_conflict_with_the_face_as_it_is(client: TestClient):
    old = client.get(f"{BASE}/faces/1").json()["revision"]
    box = client.post(f"{BASE}/faces/1/box", json={"box": [5, 5, 20, 20]}).json()["box"]
    client.post(f"{BASE}/faces/1/skip", json={"reason": "duplicate"})
    for action, body in (("box", {"box": [0, 0, 9, 9]}), ("skip", {"reason": "not a face"})):
        refused = client.post(f"{BASE}/faces/1/{action}", json={**body, "revision": old})
        assert refused.status_code == 409
        assert (refused.json()["view"]["box"], refused.json()["view"]["skip"]) == (box, "duplicate")


def test_a_conflict_comes_with_the_face_as_it_is_now(client: TestClient):
    old = client.get(f"{BASE}/faces/1").json()["revision"]
    client.post(f"{BASE}/faces/1/points", json=place(1, annotator="ana"))
    merged = client.post(f"{BASE}/faces/1/points", json=place(2, revision=old, annotator="ben"))
    assert merged.status_code == 200
    refused = client.post(f"{BASE}/faces/1/points", json=place(1, x=50.0, revision=old, annotator="ben"))
    assert refused.status_code == 409
    assert "this point has changed" in refused.json()["error"]
    assert refused.json()["view"] == client.get(f"{BASE}/faces/1").json()
    assert refused.json()["view"]["points"]["1"]["x"] == 5.0


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "said"),
    [
        ("GET", "/api/projects/nobody", None, 404, "no project named 'nobody'"),
        ("GET", "/api/projects/.sources", None, 404, "no project named"),
        ("GET", f"{BASE}/faces/99", None, 404, "no face 99"),
        ("GET", f"{BASE}/faces/99999999999999999999", None, 422, "face_id"),
        ("GET", f"{BASE}/faces/x", None, 422, "face_id"),
        ("GET", f"{BASE}/pictures/99/image", None, 404, "no picture 99"),
        ("GET", f"{BASE}/pictures/1/image?width=500", None, 400, "wanted one of 1600, 240 or none"),
        ("GET", f"{BASE}/definition/templates/nope", None, 404, "no template named 'nope'"),
        ("POST", f"{BASE}/faces/99/points", place(1), 404, "no face 99"),
        ("POST", f"{BASE}/faces/1/points", place(77), 400, "no landmark 77"),
        ("POST", f"{BASE}/faces/1/points", {"points": []}, 422, "points"),
        ("POST", f"{BASE}/faces/1/points", {"points": [{"id": 1, "x": 1, "y": 1, "v": 3}]}, 422, "points.0.v"),
        ("POST", f"{BASE}/faces/1/points", {"points": [{"id": 1, "v": 2}]}, 400, "no x and y"),
        ("POST", f"{BASE}/faces/1/points", place(1, source="accepted"), 422, "source"),
        ("POST", f"{BASE}/faces/1/points", place(1, annotator="x" * 101), 422, "annotator"),
        ("POST", f"{BASE}/faces/1/points", {"points": place(1)["points"] * 1001}, 422, "points"),
        ("POST", f"{BASE}/faces/1/clear", {}, 422, "ids"),
        ("POST", f"{BASE}/faces/1/accept", {"ids": [77]}, 400, "no landmark 77"),
        ("POST", f"{BASE}/faces/2/accept", {"ids": [1]}, 400, "no prediction of landmark 1"),
        (
            "POST",
            f"{BASE}/faces/1/accept",
            {"ids": [1, 2], "places": {"1": [5, 5]}},
            400,
            "no prediction of landmark 2",
        ),
        ("POST", f"{BASE}/faces/1/accept", {"places": {"1": [65, 5]}}, 400, "outside of the picture of 64 x 48"),
        ("POST", f"{BASE}/faces/1/accept", {"places": {"1": [1e7, 5]}}, 422, "places"),
        ("POST", f"{BASE}/faces/1/accept", {"places": {"1": [5]}}, 422, "places"),
        ("POST", f"{BASE}/faces/1/undo", None, 409, "nothing to undo"),
        ("POST", f"{BASE}/faces/1/redo", None, 409, "nothing to redo"),
        ("POST", f"{BASE}/faces/1/box", {"box": [900, 900, 1, 1]}, 400, "less than a pixel"),
        ("POST", f"{BASE}/faces/1/box", {"box": [1, 2, 3]}, 422, "box"),
        ("POST", f"{BASE}/faces/2/proposal", {"start": "mean"}, 409, "label one face first"),
        ("POST", f"{BASE}/faces/2/proposal", {"start": "previous"}, 409, "label one face first"),
        ("POST", f"{BASE}/faces/2/proposal", {"start": "prediction"}, 409, "no prediction of this face yet"),
        ("POST", f"{BASE}/faces/2/proposal", {"start": "nothing"}, 422, "start"),
        ("POST", f"{BASE}/faces/1/proposal", {"start": "prediction", "known": {"77": [1, 1]}}, 400, "no landmark 77"),
        ("POST", f"{BASE}/faces/1/proposal", {"start": "prediction", "known": {"1": [1e7, 1]}}, 422, "known"),
        ("POST", f"{BASE}/faces/99/proposal", {"start": "mean"}, 404, "no face 99"),
        ("POST", f"{BASE}/faces/1/skip", {}, 422, "reason"),
        ("POST", f"{BASE}/faces/1/skip", {"reason": "   "}, 400, "takes a reason"),
        ("POST", f"{BASE}/faces/1/skip", {"reason": "x" * 201}, 422, "reason"),
        ("POST", f"{BASE}/faces/99/skip", {"reason": None}, 404, "no face 99"),
        (
            "POST",
            f"{BASE}/proposers",
            {"proposer": "run 9"},
            404,
            "named 'run 9' proposes points (there are: carried, run 1)",
        ),
        ("POST", f"{BASE}/proposers", {}, 422, "proposer"),
        ("GET", f"{BASE}/faces/99/history", None, 404, "no face 99"),
        ("DELETE", f"{BASE}/faces/1", None, 409, "only face"),
        ("PUT", f"{BASE}/definition", {"category": {"keypoints": ["a"] * 1001}, "version": 1}, 422, "keypoints"),
        ("PUT", f"{BASE}/definition", {"category": CATEGORY, "version": 0}, 409, "version 1 by now"),
    ],
)
def test_every_refusal_is_one_sentence(client: TestClient, method: str, path: str, body: Any, status: int, said: str):
    before = client.get(f"{BASE}/faces/1").json()
    answer = client.request(method, path, json=body)
    assert (answer.status_code, next(iter(answer.json()))) == (status, "error")
    assert said in answer.json()["error"]
    assert "\n" not in answer.json()["error"]
    assert client.get(f"{BASE}/faces/1").json() == before


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "",
        "[1]",
        '{"points": [{"id": 1, "x": NaN, "y": 1, "v": 2}]}',
        '{"points": [{"id": 1, "x": 1e999, "y": 1, "v": 2}]}',
    ],
)
def test_a_spoiled_body_is_one_sentence(client: TestClient, text: str):
    answer = client.post(f"{BASE}/faces/1/points", content=text, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert isinstance(answer.json()["error"], str)


def test_a_text_plain_body_from_another_site_writes_nothing(client: TestClient):
    text = '{"points": [{"id": 1, "x": 1, "y": 1, "v": 2}]}'
    answer = client.post(f"{BASE}/faces/1/points", content=text, headers={"content-type": "text/plain"})
    assert answer.status_code == 422
    assert client.get(f"{BASE}/faces/1").json()["points"] == {}


def test_a_proposal_follows_what_is_known_and_is_stored_nowhere(client: TestClient, project: Project):
    for face in (1, 2):
        label_face(project, face)
    before = {face: client.get(f"{BASE}/faces/{face}").json() for face in (1, 2, 3)}
    ask = f"{BASE}/faces/3/proposal"
    mean = client.post(ask, json={"start": "mean"}).json()
    assert (sorted(mean["places"]), mean["faces"]) == (["1", "2", "3", "4"], 2)
    labels = project.store.points()
    for key, (x, y) in mean["places"].items():
        assert x == pytest.approx((labels[1][int(key)].x + labels[2][int(key)].x) / 2, abs=0.1)
        assert y == pytest.approx(labels[1][int(key)].y, abs=0.1)
    previous = client.post(ask, json={"start": "previous"}).json()["places"]
    assert previous == {str(key): pytest.approx([p.x, p.y]) for key, p in labels[2].items()}
    x, y = mean["places"]["1"]
    moved = client.post(ask, json={"start": "mean", "known": {"1": [x + 6, y]}}).json()["places"]
    assert sorted(moved) == ["2", "3", "4"]
    assert all(moved[key][0] > mean["places"][key][0] + 3 for key in moved)
    far = client.post(ask, json={"start": "mean", "known": {"1": [9e5, -9e5]}}).json()["places"]
    assert all(0 <= x <= 64 and 0 <= y <= 48 for x, y in far.values())
    assert {face: client.get(f"{BASE}/faces/{face}").json() for face in (1, 2, 3)} == before
    assert client.get(f"{BASE}/pictures").json()[2]["faces"][0]["labeled"] == 0


def test_a_proposal_from_the_prediction_follows_the_corrected_point(client: TestClient):
    ask = f"{BASE}/faces/1/proposal"
    plain = client.post(ask, json={"start": "prediction"}).json()
    assert plain == {"places": {str(k): pytest.approx([5.0 + k, 6.0 + k]) for k in (1, 2, 3, 4)}, "faces": 0}
    moved = client.post(ask, json={"start": "prediction", "known": {"1": [10, 7]}}).json()["places"]
    assert sorted(moved) == ["2", "3", "4"]
    assert 4 > moved["2"][0] - 7 > moved["3"][0] - 8 > moved["4"][0] - 9 > 0.2


def test_a_face_is_no_example_of_itself_and_the_reference_speaks_before_any_is(client: TestClient, project: Project):
    label_face(project, 1)
    ask = {"start": "mean"}
    refused = client.post(f"{BASE}/faces/1/proposal", json=ask)
    assert (refused.status_code, refused.json()["error"][:29]) == (409, "no other face is labeled yet,")
    assert client.post(f"{BASE}/faces/2/proposal", json=ask).json()["faces"] == 1
    saved = client.get(f"{BASE}/definition").json()
    reference = {"picture": 2, "points": {"1": [20, 10], "2": [40, 10], "3": [30, 20], "4": [30, 40]}}
    client.post(f"{BASE}/faces/2/skip", json={"reason": "so that it is no example"})
    client.put(f"{BASE}/definition", json={"category": saved["category"], "reference": reference, "version": 1})
    answer = client.post(f"{BASE}/faces/1/proposal", json=ask).json()
    assert (answer["faces"], answer["places"]["4"]) == (0, pytest.approx([30, 40]))


def test_a_started_label_says_so(client: TestClient, project: Project):
    view = client.post(f"{BASE}/faces/1/points", json=place(1, source="started")).json()
    assert view["points"]["1"]["source"] == "started"


def test_open_landmarks_are_counted_by_group(client: TestClient):
    client.post(f"{BASE}/faces/1/points", json=place(1))
    client.post(f"{BASE}/faces/2/points", json={"points": [{"id": 3, "v": 0}, {"id": 4, "x": 1, "y": 1, "v": 1}]})
    none = [0, 0, 1, 0, 0, 1, 1, 0, 0, 1, 0, 0]  # jaw, left eye, right eye, nose
    expected = {"1": [*none], "2": [*none], "3": none}
    expected["1"][5] = expected["2"][9] = expected["2"][2] = 0
    assert client.get(f"{BASE}/open").json() == expected
    client.post(f"{BASE}/faces/1/undo")
    assert client.get(f"{BASE}/open").json()["1"] == none


def test_pictures_come_as_copies_that_fit_or_as_they_are(client: TestClient, project: Project, tmp_path: Path):
    big = write_picture(tmp_path / "big.png", size=(2000, 1000), color=(200, 20, 20))
    project.add_pictures([big])
    for width, size in ((1600, (1600, 800)), (240, (240, 120))):
        answer = client.get(f"{BASE}/pictures/4/image?width={width}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
        with Image.open(io.BytesIO(answer.content)) as image:
            assert image.size == size
    answer = client.get(f"{BASE}/pictures/4/image")
    assert hashlib.sha256(answer.content).digest() == hashlib.sha256(big.read_bytes()).digest()
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-content-type-options"] == "nosniff"
    # Another project of this name may have other pictures.
    for of, keeps in (("", "no-cache"), (f"?of={project.store.identity}", "max-age=3600, immutable")):
        found = client.get(f"{BASE}/pictures/4/image{of}")
        assert found.headers["cache-control"] == f"private, {keeps}"
    again = client.get(f"{BASE}/pictures/4/image", headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_picture_whose_file_was_taken_away_is_a_sentence(client: TestClient, project: Project):
    (project.images / project.store.image(1).file_name).unlink()
    for query in ("", "?width=240"):
        answer = client.get(f"{BASE}/pictures/1/image{query}")
        assert answer.status_code == 404
        assert "is missing; its labels are kept" in answer.json()["error"]


def test_a_definition_is_read_checked_and_saved(client: TestClient):
    assert [t["name"] for t in client.get(f"{BASE}/definition").json()["templates"]] == shipped_definitions()
    template = client.get(f"{BASE}/definition/templates/pare").json()
    assert template["landmark_ids"] == [None] * 9
    assert client.post(f"{BASE}/definition/check", json={"category": template}).json() == {
        "problems": [],
        "cautions": [],
    }
    broken = {**template, "keypoints": [*template["keypoints"][:-1], template["keypoints"][0]]}
    (problem,) = client.post(f"{BASE}/definition/check", json={"category": broken}).json()["problems"]
    assert ("two landmarks are named" in problem["text"], problem["landmarks"]) == (True, [0, 8])
    refused = client.put(f"{BASE}/definition", json={"category": broken, "version": 1})
    assert (refused.status_code, len(refused.json()["problems"])) == (422, 1)
    reference = {"picture": 1, "points": {"#0": [1, 2]}}
    body = {"category": template, "reference": reference, "version": 1, "annotator": "ada"}
    saved = client.put(f"{BASE}/definition", json=body).json()
    assert saved == client.get(f"{BASE}/definition").json()
    assert (saved["version"], saved["category"]["landmark_ids"]) == (2, list(range(5, 14)))
    assert saved["reference"] == {"picture": 1, "points": {"5": [1, 2]}}
    assert client.get(f"{BASE}/faces/1").json()["points"]["5"]["source"] == "reference"
    assert client.get(f"{BASE}/faces/1/history").json()[0]["annotator"] == "ada"


def test_a_definition_of_another_tool_is_read_for_the_schema_page(client: TestClient):
    text = form_by_name("mmpose").text(SMALL)
    read = client.post(f"{BASE}/definition/read", json={"file": "a.py", "text": text})
    assert read.json() == {
        "name": "small",
        "keypoints": ["eye_left", "eye_right", "nose", "chin"],
        "skeleton": [[1, 2]],
        "flip_pairs": [[0, 1]],
    }
    for body, said in (
        ({"file": "a.py", "text": "dataset_info = open('x')"}, "a.py, line 1: found Call"),
        ({"file": "a.json", "text": '{"keypoints": [NaN]}'}, "the landmark with index 0 has no name"),
        ({"file": "a.json", "text": '{"keypoints": 3}'}, "'keypoints' must list at least one name"),
        (
            {"file": "a.json", "text": '{"keypoints": ["a"], "normalizer": [1e999, 0]}'},
            "normalizer [inf, 0] is neither",
        ),
    ):
        refused = client.post(f"{BASE}/definition/read", json=body)
        assert refused.status_code == 400
        assert said in refused.json()["error"]


def test_a_definition_is_saved_as_symmetric(client: TestClient):
    midline = {"keypoints": ["nose", "chin"], "flsg": {"nose": [0], "jaw": [1]}, "symmetric": True}
    client.put(f"{BASE}/definition", json={"category": midline, "version": 1})
    assert client.get(f"{BASE}/definition").json()["category"]["symmetric"] is True
    client.put(f"{BASE}/definition", json={"category": {**midline, "symmetric": False}, "version": 2})
    assert "symmetric" not in client.get(f"{BASE}/definition").json()["category"]


def test_the_effect_and_the_versions_of_a_definition(client: TestClient):
    client.post(f"{BASE}/faces/2/points", json=place(3))
    without_nose = {**CATEGORY, "keypoints": ["eye_left", "eye_right", "chin"], "landmark_ids": [1, 2, 4]}
    without_nose["flsg"] = {"left_eye": [0], "right_eye": [1], "jaw": [2]}
    told = client.post(f"{BASE}/definition/effect", json={"category": without_nose})
    assert told.json() == {"labels": {"3": 1}, "finished": 0, "unfinished": 0, "set_aside": 1, "back": 0}
    assert client.post(f"{BASE}/definition/effect", json={}).status_code == 422
    client.put(f"{BASE}/definition", json={"category": without_nose, "version": 1})
    versions = client.get(f"{BASE}/definition/versions").json()
    assert [(saved["version"], len(saved["category"]["keypoints"])) for saved in versions] == [(2, 3), (1, 4)]


def test_names_are_text_and_come_back_as_they_are(client: TestClient):
    names = ["<img src=x onerror=alert(1)>", "${alert(1)}", "Auge — 左", "{{value}}"]
    client.put(f"{BASE}/definition", json={"category": {**CATEGORY, "keypoints": names}, "version": 1})
    assert client.get(f"{BASE}/definition").json()["category"]["keypoints"] == names


def test_a_project_without_definition_has_none(client: TestClient, project: Project):
    make_project(project.folder.parent.parent, "bare", definition=None)
    answer = client.get("/api/projects/bare/definition").json()
    assert (answer["category"], answer["reference"], answer["version"]) == (None, None, 0)
    assert client.get("/api/projects/bare").json()["definition"] is None
    body = {"category": CATEGORY, "version": 0}
    assert client.put("/api/projects/bare/definition", json=body).json()["category"]["landmark_ids"] == [1, 2, 3, 4]


def test_a_picture_is_removed_over_http(client: TestClient, opened: Project):
    answer = client.delete(f"{BASE}/pictures/1")
    assert (answer.status_code, answer.json()["trash"]) == (200, str(opened.trash.folder))
    assert [picture["id"] for picture in client.get(f"{BASE}/pictures").json()] == [2, 3]
    for path in ("pictures/1/image", "faces/1"):
        assert client.get(f"{BASE}/{path}").status_code == 404
    assert client.delete(f"{BASE}/pictures/1").status_code == 404
    assert client.post(f"{BASE}/faces/1/points", json=place(1)).status_code == 404


def test_what_stands_in_the_way_of_removing_a_picture_is_said_before(
    client: TestClient, opened: Project, monkeypatch: pytest.MonkeyPatch
):
    assert client.get(f"{BASE}/pictures/1/removal").json() == {"reference": False}
    now = client.get(f"{BASE}/definition").json()
    body = {"category": now["category"], "reference": {"picture": 1, "points": {"1": [1.0, 2.0]}}}
    assert client.put(f"{BASE}/definition", json={**body, "version": now["version"]}).status_code == 200
    assert client.get(f"{BASE}/pictures/1/removal").json() == {"reference": True}
    assert client.get(f"{BASE}/pictures/2/removal").json() == {"reference": False}
    assert client.get(f"{BASE}/pictures/99/removal").status_code == 404
    monkeypatch.setattr(
        housekeeping, "list_runs", lambda project: [SimpleNamespace(name="7", state="running", active=1)]
    )
    answer = client.get(f"{BASE}/pictures/1/removal")
    assert (answer.status_code, answer.json()["error"][:16]) == (409, "run 7 of project")


def test_a_schema_whose_reference_picture_was_removed_can_be_saved(client: TestClient, opened: Project):
    reference = {"picture": 2, "points": {"1": [1.0, 2.0], "2": [3.0, 4.0]}}
    now = client.get(f"{BASE}/definition").json()
    body = {"category": now["category"], "version": now["version"], "reference": reference}
    saved = client.put(f"{BASE}/definition", json=body).json()
    assert saved["reference"]["picture"] == 2
    opened.remove_picture(2)
    found = client.get(f"{BASE}/definition").json()
    assert found["reference"] is None
    assert [version["reference"] for version in client.get(f"{BASE}/definition/versions").json()] == [None, None]
    body = {"category": found["category"], "version": found["version"], "reference": None}
    assert client.put(f"{BASE}/definition", json=body).status_code == 200


def test_an_edit_meant_for_another_project_of_that_name_is_not_taken(client: TestClient, opened: Project):
    identity = client.get(BASE).json()["id"]
    assert client.get(f"{BASE}/faces/1", headers={"X-Project": identity}).status_code == 200
    for path, meant in ((f"{BASE}/faces/1", "0" * 32), ("/api/projects/ravens/faces/1", identity)):
        answer = client.get(path, headers={"X-Project": meant})
        assert (answer.status_code, answer.json()["missing"]) == (404, "project")
    assert "missing" not in client.get(f"{BASE}/faces/99", headers={"X-Project": identity}).json()


def test_an_exported_model_is_downloaded_as_a_zip(client: TestClient, project: Project) -> None:
    folder = project.folder / "exports" / "faces-001-onnx"
    folder.mkdir(parents=True)
    folder.with_name("faces-001-onnx.zip").write_bytes(b"PK")
    answer = client.get("/api/projects/faces/runs/001/exported/onnx")
    assert (answer.status_code, answer.content) == (200, b"PK")
    assert answer.headers["content-disposition"] == 'attachment; filename="faces-001-onnx.zip"'
    missing = client.get("/api/projects/faces/runs/001/exported/web")
    assert (missing.status_code, missing.json()["error"]) == (404, "run '001' has no export 'web'")


def test_points_are_carried_to_the_faces_after_the_one_that_a_person_opened(client: TestClient, workspace: Workspace):
    client.get(f"{BASE}/faces/2")
    client.post(f"{BASE}/faces/1/points", json={"points": [place(1)]})
    client.get(f"{BASE}/review/unseen?measure=expected&limit=1")
    assert workspace.open("faces").bases.looking_at == 2
