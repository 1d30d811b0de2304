"""The pages' actions on a face, as the pages see them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from labeler.errors import ConflictError, NotFoundError
from labeler.guidance.proposed import Proposed, Proposer
from labeler.runs.collect import collect_predictions
from labeler.server.face_actions import FaceActions
from labeler.server.project_actions import ProjectActions
from labeler.server.review_actions import ReviewActions
from labeler.storage.history import Seen
from labeler.storage.records import PredictedPoint
from mdmd.data.records import Box
from mdmd.errors import DataError
from tests.builders import leave_predictions, make_project, predictions_of


@pytest.fixture
def actions(tmp_path: Path) -> FaceActions:
    """A project of three pictures whose first two faces have predictions."""
    project = make_project(tmp_path)
    leave_predictions(project, 7, predictions_of(project, [1, 2], p_off=0.5))
    collect_predictions(project)
    return FaceActions(project)


def test_a_view_is_ready_for_json_and_says_all_there_is(actions: FaceActions):
    actions.set_points(1, [{"id": 1, "x": 3, "y": 4, "v": 1}, {"id": 2, "x": None, "y": None, "v": 0}], source="nudged")
    view = json.loads(json.dumps(actions.view(1)))
    assert view["picture"] == {"id": 1, "name": "faces-0.png", "width": 64, "height": 48, "faces": [1], "problem": None}
    assert view["box"] == [0, 0, 64, 48]
    assert view["points"] == {
        "1": {"x": 3, "y": 4, "v": 1, "source": "nudged"},
        "2": {"x": None, "y": None, "v": 0, "source": "nudged"},
    }
    predicted = view["predictions"]["4"]
    assert predicted.pop("radius90") == pytest.approx(2.246, abs=1e-3)
    assert predicted == {"x": 9, "y": 10, "cov": [4, 1, 9], "p_off": 0.5, "flagged": True}
    assert (view["proposer"], view["can_undo"], view["can_redo"]) == (
        {"kind": "run", "number": 7, "measured": True},
        True,
        False,
    )
    assert actions.view(3)["proposer"] is None


def test_a_view_has_the_labeled_places_of_the_other_faces_but_not_those_that_it_repeats(actions: FaceActions):
    other = actions.store.add_face(1, Box(0, 0, 20, 20))
    repeat = actions.store.add_repeat(1)
    assert actions.view(other)["beside"] == []
    actions.set_points(1, [{"id": 1, "x": 3, "y": 4, "v": 1}, {"id": 2, "x": None, "y": None, "v": 0}])
    actions.set_points(repeat, [{"id": 1, "x": 5, "y": 6, "v": 2}])
    assert json.loads(json.dumps(actions.view(other)["beside"])) == [[3, 4]]
    assert actions.view(1)["beside"] == []
    assert actions.view(repeat)["beside"] == []
    actions.set_points(other, [{"id": 3, "x": 7, "y": 8, "v": 2}])
    assert actions.view(1)["beside"] == actions.view(repeat)["beside"] == [[7, 8]]


def test_several_points_are_one_undo_step(actions: FaceActions):
    actions.set_points(1, [{"id": k, "x": k, "y": k, "v": 2} for k in (1, 2, 3)])
    assert actions.undo(1)["points"] == {}
    assert sorted(actions.redo(1)["points"]) == ["1", "2", "3"]


def test_accepting_a_face_takes_only_unlabeled_points(actions: FaceActions):
    actions.set_points(1, [{"id": 1, "x": 30, "y": 31, "v": 2}])
    points = actions.accept(1)["points"]
    assert {key: point["source"] for key, point in points.items()} == {
        "1": "placed",
        "2": "accepted",
        "3": "accepted",
        "4": "accepted",
    }
    assert (points["1"]["x"], points["2"]["x"], points["2"]["v"]) == (30, 7, 2)
    assert sorted(actions.undo(1)["points"]) == ["1"]


def test_accepting_named_points_takes_these_even_over_a_label(actions: FaceActions):
    actions.set_points(1, [{"id": 1, "x": 30, "y": 31, "v": 2}])
    assert actions.accept(1, [1])["points"]["1"] == {"x": 6, "y": 7, "v": 2, "source": "accepted"}


def test_what_was_on_the_screen_is_accepted_whatever_is_predicted_by_now(actions: FaceActions):
    shown = {key: (x + 20.25, 30.0) for key, x in enumerate((6, 7, 8, 9), start=1)}
    points = actions.accept(1, [1], places=shown)["points"]
    assert points == {"1": {"x": 26.25, "y": 30.0, "v": 2, "source": "accepted"}}
    actions.set_points(1, [{"id": 2, "x": 3, "y": 4, "v": 2}])
    points = actions.accept(1, places={**shown, 99: (1.0, 1.0)})["points"]  # 99 has left the definition meanwhile
    assert {key: (point["x"], point["source"]) for key, point in points.items()} == {
        "1": (26.25, "accepted"),
        "2": (3, "placed"),
        "3": (28.25, "accepted"),
        "4": (29.25, "accepted"),
    }
    assert sorted(actions.undo(1)["points"]) == ["1", "2"]
    # A face without predictions by now: the person saw some.
    assert sorted(actions.accept(3, [4], places={4: (64.0, 48.0)})["points"]) == ["4"]


@pytest.mark.parametrize(
    ("measured", "ids", "sources"),
    [
        pytest.param(True, None, ["accepted", "accepted_rest"], id="the rest is not looked at"),
        pytest.param(True, [2], ["accepted"], id="a single point is looked at"),
        pytest.param(False, None, ["accepted", "accepted"], id="where doubt is not measured, all points are looked at"),
    ],
)
def test_an_accepted_point_tells_whether_it_was_looked_at(
    actions: FaceActions, measured: bool, ids: list[int] | None, sources: list[str]
):
    carried = {key: PredictedPoint(5.5 * key, 7.0, (4.0, 0.0, 4.0), 0.1, flagged=key == 1) for key in (1, 2)}
    actions.project.proposed.carry({3: Proposed(Proposer("carried", 9, measured=measured), carried)}, {}, {})
    assert [point["source"] for point in actions.accept(3, ids)["points"].values()] == sources


def test_points_carried_over_are_accepted_like_those_of_a_run(actions: FaceActions):
    carried = {key: PredictedPoint(5.5 * key, 7.0, (4.0, 0.0, 4.0), 0.1, False) for key in (1, 2)}
    actions.project.proposed.carry({3: Proposed(Proposer("carried", 1), carried)}, {}, {})
    assert actions.accept(3)["points"] == {
        "1": {"x": 5.5, "y": 7.0, "v": 2, "source": "accepted_rest"},
        "2": {"x": 11.0, "y": 7.0, "v": 2, "source": "accepted_rest"},
    }


@pytest.mark.parametrize("place", [(64.5, 5.0), (5.0, -0.5), (float("nan"), 5.0), (5.0, float("inf"))])
def test_a_place_outside_of_the_picture_is_not_accepted(actions: FaceActions, place: tuple[float, float]):
    with pytest.raises(DataError, match=r"landmark 2 at .* lies outside of the picture of 64 x 48"):
        actions.accept(1, places={1: (5.0, 5.0), 2: place})
    assert actions.view(1)["points"] == {}


def test_a_face_that_has_been_labeled_since_is_not_removed(actions: FaceActions):
    face = actions.add_face(1, [5, 5, 20, 20])
    actions.set_points(face["face"], [{"id": 1, "x": 9, "y": 9, "v": 2}])
    with pytest.raises(ConflictError, match="this face has changed since you saw it"):
        actions.delete_face(face["face"], seen=Seen(face["revision"]))
    assert actions.delete_face(face["face"], seen=Seen(actions.view(face["face"])["revision"]))["face"] == 1


def test_accepting_where_there_is_nothing_is_no_undo_step(actions: FaceActions):
    actions.accept(1)
    revision = actions.view(1)["revision"]
    assert actions.accept(1)["revision"] == revision
    with pytest.raises(DataError, match="no prediction of landmark 1 on this face"):
        actions.accept(3, [1])
    assert actions.accept(3)["can_undo"] is False


def test_clearing_puts_a_landmark_back_to_not_labeled(actions: FaceActions):
    actions.set_points(1, [{"id": 1, "x": 3, "y": 4, "v": 2}, {"id": 2, "x": 5, "y": 6, "v": 2}])
    assert sorted(actions.clear_points(1, [1, 3])["points"]) == ["2"]
    revision = actions.view(1)["revision"]
    assert actions.clear_points(1, [1])["revision"] == revision
    assert sorted(actions.undo(1)["points"]) == ["1", "2"]


@pytest.mark.parametrize(
    ("points", "said"),
    [
        ([{"id": 99, "x": 1, "y": 1, "v": 2}], "no landmark 99"),
        ([{"id": 1, "x": 1, "y": None, "v": 2}], "landmark 1 has visibility 2 but no x and y"),
        ([{"id": 1, "x": 1, "y": 1, "v": 2}] * 2, "landmark 1 is twice in one edit"),
    ],
)
def test_a_wrong_point_is_named_and_nothing_is_written(actions: FaceActions, points: list[dict], said: str):
    with pytest.raises(DataError, match=said):
        actions.set_points(1, [{"id": 2, "x": 1, "y": 1, "v": 2}, *points])
    assert actions.view(1)["points"] == {}


def test_a_box_is_cut_to_its_picture_and_one_outside_is_refused(actions: FaceActions):
    assert actions.set_box(1, [-10, 5, 30, 100])["box"] == [0, 5, 20, 43]
    assert actions.undo(1)["box"] == [0, 0, 64, 48]
    for box in ([70, 0, 10, 10], [0, 0, 0, 10], [5, 5, -3, 4]):
        with pytest.raises(DataError, match="less than a pixel of the picture of 64 x 48"):
            actions.set_box(1, box)


def test_faces_come_and_go(actions: FaceActions):
    view = actions.add_face(1, [1, 2, 30, 20])
    assert view["picture"]["faces"] == [1, view["face"]]
    assert view["can_undo"] is False
    assert actions.delete_face(view["face"])["face"] == 1
    with pytest.raises(ConflictError, match="only face"):
        actions.delete_face(1)
    with pytest.raises(NotFoundError, match="no picture 9"):
        actions.add_face(9, [0, 0, 5, 5])
    with pytest.raises(NotFoundError, match="no face 44"):
        actions.view(44)


def test_pictures_come_in_order_of_ingestion_with_their_state(actions: FaceActions):
    actions.accept(2)
    actions.set_points(3, [{"id": 1, "x": 1, "y": 1, "v": 2}])
    assert [(p["name"], p["faces"]) for p in ProjectActions(actions.project).pictures()] == [
        (
            "faces-0.png",
            [
                {
                    "id": 1,
                    "state": "predicted",
                    "labeled": 0,
                    "visible": 0,
                    "of": 4,
                    "flagged": 4,
                    "unseen": 0,
                    "skip": None,
                }
            ],
        ),
        (
            "faces-1.png",
            [
                {
                    "id": 2,
                    "state": "complete",
                    "labeled": 4,
                    "visible": 4,
                    "of": 4,
                    "flagged": 0,
                    "unseen": 0,
                    "skip": None,
                }
            ],
        ),
        (
            "faces-2.png",
            [
                {
                    "id": 3,
                    "state": "partial",
                    "labeled": 1,
                    "visible": 1,
                    "of": 4,
                    "flagged": 0,
                    "unseen": 0,
                    "skip": None,
                }
            ],
        ),
    ]


def test_the_review_queue_shrinks_as_points_are_looked_at(actions: FaceActions):
    assert [(r["face"], r["expected_wrong"]) for r in ReviewActions(actions.project).review_queue()] == [
        (1, 2.0),
        (2, 2.0),
    ]
    actions.set_points(1, [{"id": 1, "x": 1, "y": 1, "v": 2}], source="corrected")
    first, second = ReviewActions(actions.project).review_queue()
    assert (first["face"], second["face"]) == (2, 1)
    assert (second["expected_wrong"], second["flagged"], second["unreviewed"], second["name"]) == (
        1.5,
        3,
        3,
        "faces-0.png",
    )
    actions.accept(1)
    assert [r["face"] for r in ReviewActions(actions.project).review_queue()] == [2]
