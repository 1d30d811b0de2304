"""What labeling costs is counted the same in every way of working, and labels are what the annotator leaves."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from from_nothing import FACE, LOOK, PLACE, Looks, Passed, Person, Seen, Work, table

from mdmd.data.definition import Definition
from mdmd.data.records import Annotation, Box, Prediction, Sample

NAMES = ("a", "b", "c", "d")
#: Errors are shares of the distance between the first two points, 100 pixels.
DEFINITION = Definition("four", NAMES, groups=(0, 0, 0, 0), mirror=(0, 1, 2, 3), normalizer=((0,), (1,)))
POINTS = np.array([(0.0, 0.0), (100.0, 0.0), (0.0, 100.0), (100.0, 100.0)])
ONE = Sample(Path("a.png"), "a.png", 200, 200, Box(0, 0, 100, 100), Annotation(POINTS, np.array([2, 2, 2, 0])))


def person(tolerance: float = 0.1) -> Person:
    return Person(DEFINITION, tolerance)


def proposed(*off: float) -> Prediction:
    """Points that are `off` pixels to the right of the true ones."""
    return Prediction(POINTS + np.array([(x, 0.0) for x in off]), np.tile(np.eye(2), (4, 1, 1)))


def seen(looked: tuple[int, ...] = (), placed: tuple[int, ...] = ()) -> Seen:
    return Seen(np.isin(range(4), looked), np.isin(range(4), placed))


def test_a_face_by_hand_costs_one_action_more_than_its_labeled_points():
    labels, within, work = person().by_hand(ONE, np.random.default_rng(0))
    assert work == Work(faces=1, looks=0, placed=3)
    assert (work.actions, work.seconds) == (4, FACE + 3 * PLACE)
    assert not within.any()
    errors = np.linalg.norm(labels.points - POINTS, axis=1)
    assert (errors > 0).all()
    assert (errors < 5).all()


def test_a_look_and_a_correction_count_one_each_and_the_rest_is_taken_as_it_is():
    # The first is right, the second is wrong and looked at, the third is wrong and not, the fourth has no label.
    found = proposed(9.0, 11.0, 30.0, 30.0)
    labels, within, work = person().corrects(ONE, found, seen(looked=(0, 1, 3)), np.random.default_rng(0))
    assert work == Work(faces=1, looks=2, placed=1)
    assert (work.actions, work.seconds) == (4, FACE + 2 * LOOK + PLACE)
    assert within.tolist() == [10.0, 0.0, math.inf, math.inf]
    np.testing.assert_array_equal(labels.points[[0, 2]], found.points[[0, 2]])
    assert np.linalg.norm(labels.points[1] - POINTS[1]) < 5
    assert person().wrong(ONE, labels.points).tolist() == [False, False, True, False]


def test_a_face_without_flags_costs_one_action():
    *_, work = person().corrects(ONE, proposed(9.0, 30.0, 0.0, 0.0), seen(), np.random.default_rng(0))
    assert work.actions == 1


def test_a_point_that_is_placed_although_it_was_proposed_costs_no_look():
    labels, within, work = person().corrects(
        ONE, proposed(9.0, 11.0, 30.0, 30.0), seen(looked=(0,), placed=(2, 3)), np.random.default_rng(0)
    )
    assert work == Work(faces=1, looks=1, placed=1)
    assert within.tolist() == [10.0, math.inf, 0.0, math.inf]
    assert person().wrong(ONE, labels.points).tolist() == [False, True, False, False]


def test_points_that_are_more_likely_wrong_than_right_can_be_placed():
    off = np.array([[0.01, 0.3, 0.02, 0.9]])
    found = Looks("left-0.01", place=0.5).at(off, 0.1, 5)
    assert found.looked.tolist() == [False, True, False, False]
    assert found.placed.tolist() == [False, False, False, True]


def test_all_points_are_looked_at_while_doubt_is_not_measured_then_the_flagged_ones():
    off = np.array([[0.01, 0.3, 0.02, 0.9], [0.01, 0.01, 0.01, 0.9]])
    assert Looks().at(off, 0.1, 4).looked.all()
    # Flags are expected to catch 1.8 of 2.16 wrong points at a threshold just below 0.9, which is at most 0.5.
    assert Looks().at(off, 0.1, 5).looked.tolist() == [False, False, False, True]


@pytest.mark.parametrize(("name", "flagged"), [("recall-0.8", [0, 1, 0, 1]), ("left-0.1", [0, 0, 0, 1])])
def test_other_rules_go_by_the_expected_number_of_wrong_points(name, flagged):
    off = np.array([[0.0, 0.2, 0.05, 0.5]])
    assert Looks(name).at(off, 0.1, 5).looked.tolist() == [bool(flag) for flag in flagged]


def test_the_table_compares_all_faces_with_the_same_faces_by_hand():
    by_hand, corrected = Work(1, 0, 9), Work(1, 3, 1)
    passed = [Passed(by_hand, 0, 9, "carried", 0.06, 0.06)] + 11 * [Passed(corrected, 1, 9, "round 1", 0.05, 0.05)]
    rows = table([passed, passed])
    # 10 + 9 * 5 of 100 actions and 9.1 + 9 * 2.95 of 91 seconds; 9 of 90 labels are wrong.
    assert rows[2] == "| 10 | 55 | 100 | -45 % | 36 | 91 | -61 % | 10.0 % | 5.00 % | round 1, round 1 |"
    assert rows[3].startswith("| 12 | 65 | 120 | -46 % |")
    assert len(rows) == 4
    assert math.isclose(sum((face.work for face in passed), Work()).seconds, 9.1 + 11 * 2.95)
