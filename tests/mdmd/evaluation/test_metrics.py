"""Metrics by hand, and closed forms against integration and sampling."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdmd.evaluation.error_law import RadialLaw
from mdmd.evaluation.metrics import (
    area_under_curve,
    auroc,
    ause,
    bootstrap_interval,
    coverage,
    face_nme,
    failure_rate,
    mahalanobis,
    measured,
    measured_share,
    negative_log_likelihood,
    point_errors,
    probability_off,
    sparsification_curve,
)

NAN = float("nan")
COVARIANCE = np.array([[9.0, 3.0], [3.0, 4.0]])


def laplacian_offsets(covariance: np.ndarray, count: int, seed: int = 0) -> np.ndarray:
    """Draws (count, 2) of the 2-D Laplacian: its radius has the density 3 r exp(-sqrt3 r), a Gamma law."""
    rng = np.random.default_rng(seed)
    radius, turn = rng.gamma(2.0, 1 / np.sqrt(3.0), count), rng.uniform(0, 2 * np.pi, count)
    circle = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    return radius[:, None] * (circle @ np.linalg.cholesky(covariance).T)


def laplacian_density(offset: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """exp of -(log(2 pi / 3) + log|S| / 2 + sqrt(3 d^T S^-1 d)) for offsets (..., 2), written out."""
    inverse = np.linalg.inv(covariance)
    m = np.einsum("...i,ij,...j->...", offset, inverse, offset)
    return 3 / (2 * np.pi) / np.sqrt(np.linalg.det(covariance)) * np.exp(-np.sqrt(3 * m))


def test_point_errors_are_shares_of_each_faces_distance():
    truth = np.array([[[0, 0], [10, 0]], [[0, 0], [0, 0]]], dtype=float)
    predicted = truth + np.array([[[3, 4], [0, 2]], [[6, 8], [1, 0]]], dtype=float)
    labeled = np.array([[True, True], [True, False]])
    errors = point_errors(predicted, truth, labeled, np.array([10.0, 100.0]))
    np.testing.assert_allclose(errors, [[0.5, 0.2], [0.1, NAN]])
    np.testing.assert_allclose(face_nme(errors), [0.35, 0.1])


def test_an_unlabeled_point_may_be_nan_and_a_face_without_labels_has_no_nme():
    truth = np.full((1, 2, 2), NAN)
    errors = point_errors(np.zeros((1, 2, 2)), truth, np.zeros((1, 2), dtype=bool), np.ones(1))
    np.testing.assert_array_equal(errors, [[NAN, NAN]])
    np.testing.assert_array_equal(face_nme(errors), [NAN])


def test_failure_rate_is_strict_and_counts_labeled_faces_only():
    nme = np.array([0.05, 0.10, 0.1000001, 0.4])
    assert failure_rate(nme) == 0.5
    assert failure_rate(nme, 0.05) == 0.75
    assert failure_rate(np.append(nme, [NAN] * 4)) == 0.5


def test_area_under_curve_by_hand():
    assert area_under_curve(np.array([0.0])) == 1.0
    assert area_under_curve(np.array([0.1, 7.0])) == 0.0
    assert area_under_curve(np.array([0.02, 0.06, 0.2])) == pytest.approx((0.8 + 0.4 + 0.0) / 3)
    assert area_under_curve(np.array([0.02, NAN, 0.06])) == pytest.approx(0.6)
    assert area_under_curve(np.array([0.035]), threshold=0.07) == pytest.approx(0.5)


@given(st.lists(st.floats(0, 0.5), min_size=1, max_size=30), st.sampled_from([0.05, 0.07, 0.10]))
def test_area_under_curve_is_the_integral_of_the_cumulative_curve(values: list[float], threshold: float):
    nme = np.array(values)
    steps = 20_000
    middles = (np.arange(steps) + 0.5) * threshold / steps
    curve = np.searchsorted(np.sort(nme), middles, side="right") / len(nme)  # share of faces with NME <= x
    assert area_under_curve(nme, threshold) == pytest.approx(curve.mean(), abs=1 / steps)


def test_mahalanobis_by_hand():
    stretched = np.diag([9.0, 4.0])
    offsets = np.array([[3.0, 0.0], [0.0, 4.0], [3.0, 2.0], [0.0, 0.0]])
    np.testing.assert_allclose(mahalanobis(offsets, np.broadcast_to(stretched, (4, 2, 2))), [1, 2, np.sqrt(2), 0])


@given(st.floats(0.1, 50), st.floats(-30, 30), st.floats(0.1, 50), st.floats(0, 9), st.floats(0, 7))
def test_points_on_an_ellipse_have_its_radius(a: float, b: float, c: float, radius: float, turn: float):
    factor = np.array([[a, 0], [b, c]])
    offset = radius * factor @ np.array([np.cos(turn), np.sin(turn)])
    assert mahalanobis(offset, factor @ factor.T) == pytest.approx(radius, rel=1e-3, abs=1e-6)


def test_sampled_offsets_have_the_covariance_and_lie_in_the_ellipses_as_promised():
    offsets = laplacian_offsets(COVARIANCE, 400_000)
    np.testing.assert_allclose(np.cov(offsets.T), COVARIANCE, rtol=0.02)
    radii = mahalanobis(offsets, np.broadcast_to(COVARIANCE, (len(offsets), 2, 2)))
    assert radii.mean() == pytest.approx(2 / np.sqrt(3), rel=0.005)
    for probability in (0.5, 0.9):
        assert coverage(radii, probability) == pytest.approx(probability, abs=0.004)
    overconfident = mahalanobis(offsets, np.broadcast_to(COVARIANCE / 4, (len(offsets), 2, 2)))
    assert coverage(overconfident, 0.5) < 0.25


def test_coverage_counts_labeled_points_only():
    assert coverage(np.array([0.5, 0.9, 1.0, 8.0, NAN, NAN]), 0.5) == 0.5


def test_probability_off_of_a_circle_in_closed_form():
    tolerance = np.array([0.0, 1.0, 5.0])
    scaled = np.sqrt(3) * tolerance / 2  # sigma 2 px
    circle = np.broadcast_to(4 * np.eye(2), (3, 2, 2))
    np.testing.assert_allclose(probability_off(circle, tolerance), (1 + scaled) * np.exp(-scaled), atol=1e-12)


def test_probability_off_against_sampling():
    length = np.linalg.norm(laplacian_offsets(COVARIANCE, 400_000, seed=1), axis=1)
    for tolerance in (1.0, 3.0, 8.0):
        expected = np.mean(length > tolerance)
        assert probability_off(COVARIANCE, np.array(tolerance)) == pytest.approx(expected, abs=0.004)


def test_probability_off_against_integration_of_the_density():
    tolerance, cells = 4.0, 1200
    edges = np.linspace(-tolerance, tolerance, cells + 1)
    middle = (edges[1:] + edges[:-1]) / 2
    grid = np.stack(np.meshgrid(middle, middle), axis=-1)
    inside = np.hypot(grid[..., 0], grid[..., 1]) <= tolerance
    mass = np.sum(laplacian_density(grid, COVARIANCE) * inside) * (edges[1] - edges[0]) ** 2
    assert probability_off(COVARIANCE, np.array(tolerance)) == pytest.approx(1 - mass, abs=2e-4)


@pytest.mark.parametrize("ratio", [1, 3, 10])
def test_probability_off_keeps_its_stated_accuracy(ratio: float):
    thin = np.diag([1.0, 1 / ratio**2])
    for tolerance in np.logspace(-1, 1, 9):
        exact = probability_off(thin, np.array(tolerance), angles=20_000)
        assert probability_off(thin, np.array(tolerance)) == pytest.approx(exact, abs=1e-6)


def test_probability_off_takes_batches_and_is_rotation_invariant():
    turn = np.array([[np.cos(0.7), -np.sin(0.7)], [np.sin(0.7), np.cos(0.7)]])
    covariances = np.stack([COVARIANCE, turn @ COVARIANCE @ turn.T, 9 * COVARIANCE])[None].repeat(2, axis=0)
    tolerance = np.array([[2.0, 2.0, 6.0], [4.0, 4.0, 12.0]])
    p = probability_off(covariances, tolerance)
    assert p.shape == (2, 3)
    np.testing.assert_allclose(p, p[:, :1].repeat(3, axis=1), atol=1e-9)  # pixels in both: scale cancels
    assert (p[0] > p[1]).all()


def test_probability_off_follows_the_law_it_is_given():
    law = RadialLaw(1.3)
    circle = 4 * np.eye(2)
    assert probability_off(circle, np.array(5.0), law) == pytest.approx(law.survival(np.array(2.5)))
    assert probability_off(circle, np.array(5.0), law) < probability_off(circle, np.array(5.0))


def test_negative_log_likelihood_is_minus_the_log_density_in_shares_of_the_normalizer():
    offset = np.array([[[1.5, -2.0], [0.0, 3.0]]])
    covariance = np.stack([COVARIANCE, 2 * np.eye(2)])[None]
    density = [[laplacian_density(offset[0, k], covariance[0, k]) for k in range(2)]]
    in_pixels = negative_log_likelihood(mahalanobis(offset, covariance), covariance, np.ones(1))
    np.testing.assert_allclose(in_pixels, -np.log(density))
    in_shares = negative_log_likelihood(mahalanobis(offset, covariance), covariance, np.array([50.0]))
    np.testing.assert_allclose(in_shares, in_pixels - 2 * np.log(50))
    resized = negative_log_likelihood(mahalanobis(3 * offset, 9 * covariance), 9 * covariance, np.array([150.0]))
    np.testing.assert_allclose(resized, in_shares)


def test_sparsification_by_hand():
    errors = np.array([1.0, 2.0, 3.0, 6.0])
    oracle = sparsification_curve(errors, errors)
    np.testing.assert_allclose(oracle, [1, 2 / 3, 0.5, 1 / 3])  # means 3, 2, 1.5, 1 over the mean of all, 3
    assert ause(errors, errors) == 0.0
    assert ause(errors, np.log(errors)) == 0.0  # the order alone counts
    assert ause(errors, np.ones(4)) == pytest.approx(1 - oracle.mean())  # no opinion: the curve stays at 1
    np.testing.assert_allclose(sparsification_curve(errors, -errors), [1, 11 / 9, 1.5, 2])
    assert ause(errors, -errors) == pytest.approx((5 / 9 + 1 + 5 / 3) / 4)
    assert ause(7 * errors, -errors) == pytest.approx(ause(errors, -errors))
    assert ause(np.zeros(3), np.arange(3.0)) == 0.0
    assert np.isnan(ause(np.zeros(0), np.zeros(0)))


def test_auroc_by_hand():
    positive = np.array([False, False, True, True])
    assert auroc(np.array([0.1, 0.2, 0.3, 0.4]), positive) == 1.0
    assert auroc(np.array([0.4, 0.3, 0.2, 0.1]), positive) == 0.0
    assert auroc(np.array([0.1, 0.3, 0.2, 0.4]), positive) == 0.75
    assert auroc(np.array([0.5, 0.5, 0.5, 0.5]), positive) == 0.5
    assert np.isnan(auroc(np.array([0.1, 0.2]), np.array([True, True])))
    assert np.isnan(auroc(np.array([0.1, 0.2]), np.array([False, False])))


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=40))
def test_auroc_is_the_share_of_ordered_pairs(rows: list[tuple[int, bool]]):
    score, positive = np.array([s for s, _ in rows], dtype=float), np.array([p for _, p in rows])
    pairs = [(a > b) + (a == b) / 2 for a in score[positive] for b in score[~positive]]
    expected = np.mean(pairs) if pairs else NAN
    assert auroc(score, positive) == pytest.approx(expected, nan_ok=True)


def test_a_share_is_of_all_points_and_its_interval_over_faces():
    hits, of = np.array([4, 2, 0, 9, 1]), np.array([4, 4, 1, 9, 2])
    share = measured_share(hits, of)
    assert share.value == pytest.approx(16 / 20)
    assert 0 < share.low < share.value < share.high <= 1
    # As many points a face: the mean over faces and its interval.
    each = np.random.default_rng(0).integers(0, 10, 40)
    assert measured_share(each, np.full(40, 9)) == pytest.approx(measured(each / 9))


def test_a_share_of_all_or_none_claims_no_certainty():
    # Wilson's interval of 6 of 6 and of 0 of 10, as in his formula: n / (n + z^2), z^2 / (n + z^2).
    assert measured_share(np.full(6, 9), np.full(6, 9)) == pytest.approx((1, 0.6097, 1), abs=1e-4)
    assert measured_share(np.zeros(10), np.ones(10)) == pytest.approx((0, 0, 0.2775), abs=1e-4)


@pytest.mark.parametrize("faces", [1, 4, 5])
def test_it_takes_five_faces_for_an_interval(faces: int):
    each = np.arange(1.0, faces + 1)
    for found in (measured(each), measured_share(each, np.full(faces, 9)), measured_share(each, each)):
        assert found.has_interval == (faces >= 5)
        assert math.isfinite(found.value)


def test_bootstrap_interval_has_the_width_of_the_standard_error_and_is_reproducible():
    values = np.random.default_rng(3).normal(5.0, 2.0, 400)
    low, high = bootstrap_interval(values)
    assert low < values.mean() < high
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1)
    assert (low, high) == bootstrap_interval(values, seed=0)
    assert (low, high) != bootstrap_interval(values, seed=1)
    narrow = bootstrap_interval(values, level=0.5)
    assert low < narrow[0] < narrow[1] < high
    assert bootstrap_interval(np.full(5, 3.0)) == (3.0, 3.0)
