"""Predictions of the same points become one."""

import numpy as np

from mdmd.data.records import Prediction
from mdmd.evaluation.fusion import fuse, fused


def test_fusion_weights_views_by_certainty_and_adds_their_disagreement():
    means = np.array([[[[0.0, 0.0]]], [[[1.0, 0.0]]]])
    covariances = np.array([[[np.diag([1.0, 4.0])]], [[np.diag([3.0, 4.0])]]])
    mean, covariance = fuse(means, covariances)
    np.testing.assert_allclose(mean, [[[0.25, 0.0]]])
    # harmonic mean of 1 and 3 is 1.5; the squared offsets from 0.25 are 0.0625 and 0.5625
    np.testing.assert_allclose(covariance, [[np.diag([1.5 + 0.3125, 4.0])]])


def test_fusing_one_view_changes_nothing():
    mean, covariance = fuse(np.full((1, 2, 3, 2), 0.3), np.broadcast_to(np.eye(2), (1, 2, 3, 2, 2)))
    np.testing.assert_allclose(mean, 0.3)
    np.testing.assert_allclose(covariance, np.broadcast_to(np.eye(2), (2, 3, 2, 2)))


def test_two_predictions_of_each_face_become_one():
    sure = Prediction(np.zeros((1, 2)), np.eye(2)[None])
    unsure = Prediction(np.array([[4.0, 0.0]]), 3 * np.eye(2)[None])
    first, second = fused([sure, sure], [unsure, sure])
    np.testing.assert_allclose(first.points, [[1.0, 0.0]])
    # the harmonic mean of 1 and 3 is 1.5; the squared offsets from 1 are 1 and 9
    np.testing.assert_allclose(first.covariance, [np.diag([1.5 + 5, 1.5])])
    np.testing.assert_allclose(second.covariance, sure.covariance)
    assert fused([], []) == []
