"""How far points are off is measured on labels that a person has made, not on those that were taken over."""

import numpy as np
import pytest

from mdmd.transfer.spread import LAW, radii_of, spread_of

#: Labeled faces and landmarks, and the true factor of variances.
FACES, LANDMARKS, TRUE = 200, 8, 4.0
#: Radii above this are wrong and corrected: about two in five.
CORRECTED = 3.5


def errors(faces: int = FACES) -> np.ndarray:
    """Mahalanobis radii of `LAW` whose variances are `TRUE` times as large as predicted."""
    rng = np.random.default_rng(0)
    return np.sqrt(TRUE) * LAW.unit * rng.gamma(2, 1 / np.sqrt(3), (faces, LANDMARKS)) ** (1 / LAW.power)


def test_labels_that_a_person_placed_tell_how_far_points_are_off():
    radii = errors()
    assert spread_of(radii, np.zeros_like(radii)).mean() == pytest.approx(TRUE, rel=0.15)


def test_a_label_that_was_looked_at_and_taken_is_no_point_without_an_error():
    radii = errors()
    taken = radii < CORRECTED
    labels = np.where(taken, 0.0, radii)
    found = spread_of(labels, np.where(taken, CORRECTED, 0.0))
    assert found.mean() == pytest.approx(TRUE, rel=0.15)
    assert spread_of(labels, np.zeros_like(radii)).mean() < 0.7 * TRUE


def test_a_label_that_no_person_looked_at_tells_nothing():
    radii = errors()
    radii[FACES // 2 :] = 0.0
    reach = np.zeros_like(radii)
    reach[FACES // 2 :] = np.inf
    np.testing.assert_allclose(spread_of(radii, reach), spread_of(radii[: FACES // 2], reach[: FACES // 2]))


def test_without_any_information_the_expected_factor_stays():
    assert spread_of(np.full((3, 2), np.nan), np.zeros((3, 2)), expected=1.5) == pytest.approx([1.5, 1.5])
    assert spread_of(np.zeros((3, 2)), np.full((3, 2), np.inf), expected=1.5) == pytest.approx([1.5, 1.5])


def test_a_taken_label_reaches_as_far_as_its_tolerance_beside_the_prediction():
    off = np.array([[[3.0, 0.0], [3.0, 0.0], [3.0, 0.0]]])
    radii, reach = radii_of(off, np.tile(4 * np.eye(2), (1, 3, 1, 1)), np.array([[0.0, 4.0, np.inf]]))
    assert radii == pytest.approx(np.array([[1.5, 1.5, 1.5]]))
    assert reach == pytest.approx(np.array([[0.0, 2.5, np.inf]]))
