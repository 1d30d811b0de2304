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


def test_a_round_without_calibration_counts_less() -> None:
    found = [Prediction(np.array([[0.0, 0.0]]), np.array([np.eye(2)]))]
    carried = [Prediction(np.array([[10.0, 0.0]]), np.array([np.eye(2)]))]

    [equal] = with_carried(found, carried, calibrated=True)
    [less] = with_carried(found, carried, calibrated=False)

    assert equal.points[0].tolist() == pytest.approx([5, 0])
    assert less.points[0].tolist() == pytest.approx([8, 0])


def test_two_proposers_that_agree_are_surer_than_each_and_their_distance_is_doubt() -> None:
    here, there = (Prediction(np.array([[x, 0.0]]), np.array([np.eye(2)])) for x in (0.0, 10.0))

    [agreed] = with_carried([here], [here], calibrated=True)
    [apart] = with_carried([here], [there], calibrated=True)

    np.testing.assert_allclose(agreed.covariance[0], np.eye(2) / 2)
    np.testing.assert_allclose(apart.covariance[0], np.diag([25.5, 0.5]))
