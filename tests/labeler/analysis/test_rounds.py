"""Tests of labeler/analysis/rounds.py."""

from __future__ import annotations

import numpy as np
import pytest

from labeler.analysis.rounds import due, steps_of, with_carried
from mdmd.data.records import Prediction


@pytest.mark.parametrize(
    ("faces", "learned", "begins"),
    [
        pytest.param(4, 0, False, id="too few faces"),
        pytest.param(5, 0, True, id="the first round"),
        pytest.param(5, 5, False, id="nothing new"),
        pytest.param(6, 5, False, id="one new face"),
        pytest.param(7, 5, True, id="two new faces"),
        pytest.param(109, 100, False, id="less than a tenth is new"),
        pytest.param(112, 100, True, id="a tenth is new"),
        pytest.param(3, 9, False, id="labels were deleted"),
    ],
)
def test_a_round_begins_when_enough_is_new(faces: int, learned: int, begins: bool) -> None:
    assert due(faces, learned) is begins


def test_rounds_are_longer_with_more_faces() -> None:
    lengths = [steps_of(faces) for faces in range(5, 300)]
    assert lengths == sorted(lengths)
    assert lengths[0] < lengths[-1]


def test_the_points_of_a_round_count_less_than_carried_ones() -> None:
    found = [Prediction(np.array([[0.0, 0.0]]), np.array([np.eye(2)]))]
    carried = [Prediction(np.array([[10.0, 0.0]]), np.array([np.eye(2)]))]

    [fused] = with_carried(found, carried)

    assert fused.points[0].tolist() == pytest.approx([8, 0])


def test_two_proposers_that_agree_are_surer_than_each_and_their_distance_is_doubt() -> None:
    round_, carried, apart = (
        Prediction(np.array([[x, 0.0]]), np.array([spread * np.eye(2)])) for x, spread in ((0, 0.25), (0, 1), (10, 1))
    )

    [agreed] = with_carried([round_], [carried])
    [disagreed] = with_carried([round_], [apart])

    np.testing.assert_allclose(agreed.covariance[0], np.eye(2) / 2)
    np.testing.assert_allclose(disagreed.covariance[0], np.diag([25.5, 0.5]))
