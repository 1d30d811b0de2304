"""Where a face stands, and the order of doubt."""

from __future__ import annotations

from dataclasses import replace

import pytest

from labeler.guidance.progress import below, order_of_doubt, standing
from labeler.storage.records import Face, Point, PredictedPoint
from mdmd.data.records import Box


def predicted(*p_off: float) -> dict[int, PredictedPoint]:
    return {k + 1: PredictedPoint(0, 0, (1, 0, 1), p, p > 0.2) for k, p in enumerate(p_off)}


def face(number: int) -> Face:
    return Face(number, number, Box(0, 0, 9, 9), 1)


SEEN, ABSENT = Point(1, 1, 2), Point(None, None, 0)


@pytest.mark.parametrize(
    ("points", "predictions", "state"),
    [
        ({}, {}, "empty"),
        ({1: SEEN}, {}, "partial"),
        ({9: SEEN}, {}, "empty"),
        ({1: SEEN, 2: ABSENT}, {}, "complete"),
        ({1: ABSENT}, {}, "empty"),
        ({1: SEEN}, predicted(0.1, 0.1), "predicted"),
        ({1: SEEN}, predicted(0.9), "partial"),
        ({1: SEEN, 2: SEEN}, predicted(0.9, 0.9), "complete"),
    ],
)
def test_the_state_of_a_face(points: dict[int, Point], predictions: dict[int, PredictedPoint], state: str):
    assert standing(face(1), points, predictions, (1, 2)).state == state


def test_a_skipped_face_is_skipped_however_far_it_is_and_nothing_waits_there():
    left_out = replace(face(1), skip="not a face")
    for points in ({}, {1: SEEN}, {1: SEEN, 2: SEEN}):
        found = standing(left_out, points, predicted(0.9, 0.9), (1, 2))
        assert (found.state, found.skip, found.labeled) == ("skipped", "not a face", len(points))
        assert (found.flagged, found.unreviewed, found.expected_wrong) == (0, 0, 0)
        assert order_of_doubt([found]) == []


@pytest.mark.parametrize(
    ("sources", "reviewed"),
    [
        ([], False),
        (["placed", "dragged"], True),
        (["imported", "reference", "started"], True),
        (["accepted", "accepted_rest"], True),
        (["placed", "accepted_unseen"], False),
    ],
)
def test_a_face_is_reviewed_if_a_person_saw_each_label(sources: list[str], reviewed: bool):
    points = {key: Point(1, 1, 2, source) for key, source in enumerate(sources, 1)}
    found = standing(face(1), points, {}, (1, 2, 3, 4))
    assert (found.reviewed, found.is_wanted("reviewed")) == (reviewed, reviewed)
    assert found.is_wanted(None) is bool(sources)
    assert not found.is_wanted("complete")


def test_a_face_without_any_landmark_defined_is_empty():
    assert standing(face(1), {1: SEEN}, {}, ()).state == "empty"


def test_doubt_is_the_expected_number_of_wrong_points_among_the_unlabeled():
    found = standing(face(1), {1: SEEN}, predicted(0.9, 0.5, 0.25, 0.1), (1, 2, 3))
    assert found.expected_wrong == pytest.approx(0.75)
    assert (found.flagged, found.unreviewed, found.labeled, found.of) == (2, 2, 1, 3)


def test_the_queue_begins_with_the_most_doubtful_and_leaves_out_what_is_done():
    ids = (1, 2)
    faces = [
        standing(face(1), {}, predicted(0.1, 0.1), ids),
        standing(face(2), {}, predicted(0.9, 0.0), ids),
        standing(face(3), {1: SEEN, 2: SEEN}, predicted(0.9, 0.9), ids),
        standing(face(4), {}, {}, ids),
        standing(face(5), {}, predicted(0.45, 0.45), ids),
        standing(face(6), {1: SEEN}, {1: predicted(0.9)[1]}, ids),
        standing(face(7), {}, predicted(0.3, 0.3), ids),
    ]
    assert [s.flagged for s in (faces[1], faces[6])] == [1, 2]
    assert [s.face for s in order_of_doubt(faces)] == [5, 2, 7, 1]


def test_below_a_limit_by_the_expected_number_or_by_the_worst_point():
    ids = (1, 2, 3)
    faces = [
        standing(face(1), {}, predicted(0.1, 0.1, 0.1), ids),
        standing(face(2), {}, predicted(0.25, 0.0, 0.0), ids),
        standing(face(3), {1: SEEN}, predicted(0.9, 0.05, 0.05), ids),
        standing(face(4), {}, {}, ids),
        standing(replace(face(5), skip="duplicate"), {}, predicted(0.0, 0.0, 0.0), ids),
        standing(face(6), {1: SEEN, 2: SEEN, 3: SEEN}, predicted(0.0, 0.0, 0.0), ids),
    ]
    assert [s.worst for s in faces] == [0.1, 0.25, 0.05, 0, 0, 0]
    assert [s.face for s in below(faces, "expected", 0.25)] == [2, 3]
    assert [s.face for s in below(faces, "worst", 0.1)] == [1, 3]
    assert below(faces, "worst", 0.0) == []
