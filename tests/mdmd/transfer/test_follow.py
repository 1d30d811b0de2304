"""Points follow those of a source: where they lie among them on all faces, and as sure as left-out faces say."""

from dataclasses import replace

import numpy as np
import pytest

from mdmd.evaluation.error_law import LAPLACIAN
from mdmd.transfer import weights
from mdmd.transfer.candidates import LabeledFaces
from mdmd.transfer.carry import LEAST
from mdmd.transfer.follow import relation
from mdmd.transfer.weights import scale_of
from tests.mdmd.transfer.test_carry import BASE, faces_of

#: Landmarks: the tip of the nose, the middles of the eyes, and the middle of the forehead.
MIRROR = (0, 2, 1, 3)


def of_faces(count: int, seed: int = 0, noise: float = 1.0) -> LabeledFaces:
    faces = faces_of(count, seed, noise)
    true = faces_of(count, seed, 0.0).base
    labels = [
        true[:, 30],
        true[:, 36:42].mean(axis=1),
        true[:, 42:48].mean(axis=1),
        1.9 * true[:, 27] - 0.9 * true[:, 33],
    ]
    return LabeledFaces(faces.base, faces.covariance, np.stack(labels, axis=1))


def mirrored(points: np.ndarray, pairs: tuple[int, ...]) -> np.ndarray:
    return -points.conj()[:, list(pairs)]


def test_points_follow_on_faces_that_were_not_learned():
    faces, others = of_faces(40), of_faces(30, seed=1)
    found = relation(faces, np.arange(40) % 5, (MIRROR, BASE.mirror))
    np.testing.assert_allclose(found.weights.sum(axis=1), 1, atol=1e-9)
    points, _ = found.follow(others.base, others.covariance)
    off = np.abs(points - others.points)
    assert (off / scale_of(others.base)[:, None]).mean() < 0.03
    assert found.off.mean() == pytest.approx(off.mean(), rel=0.2)


def test_ellipses_hold_more_than_they_say_as_learned_faces_are_known_too_well():
    faces, others = of_faces(40, noise=6.0), of_faces(60, seed=1, noise=6.0)
    points, covariance = relation(faces, np.arange(40) % 5, None).follow(others.base, others.covariance)
    off = np.stack([(points - others.points).real, (points - others.points).imag], axis=-1)
    radii = np.sqrt(np.einsum("fna,fnab,fnb->fn", off, np.linalg.inv(covariance), off))
    assert 0.9 < (radii < LAPLACIAN.radius(0.9)).mean() <= 1
    assert 0.6 < (radii < LAPLACIAN.radius(0.5)).mean() < 0.95


def test_the_mirror_image_of_a_face_gets_the_mirror_image_of_its_points():
    faces, others = of_faces(12), of_faces(3, seed=1)
    symmetric = relation(faces, np.arange(12) % 3, (MIRROR, BASE.mirror))
    plain = relation(faces, np.arange(12) % 3, None)
    apart = []
    for one in (symmetric, plain):
        points, _ = one.follow(others.base, others.covariance)
        again, _ = one.follow(mirrored(others.base, BASE.mirror), others.covariance[:, list(BASE.mirror)])
        apart.append(np.abs(mirrored(again, MIRROR) - points).max())
    assert apart[0] < 1e-6 < 1e-2 < apart[1]


def test_a_landmark_without_a_label_is_expected_anywhere_on_the_face():
    faces, others = of_faces(10), of_faces(2, seed=1)
    faces.points[:, 0] = np.nan
    faces.points[3, 1] = np.nan
    points, covariance = relation(faces, np.arange(10) % 5, None).follow(others.base, others.covariance)
    assert np.isfinite(points).all()
    deviation = np.linalg.det(covariance) ** 0.25 / scale_of(others.base)[:, None]
    assert (deviation[:, 0] >= 1).all()
    assert (deviation[:, 1:] < 5 * LEAST).all()


def test_what_no_other_face_and_no_person_says_measures_nothing():
    whole = relation(of_faces(12), np.arange(12) % 3, None)
    faces = of_faces(12)
    faces.points[:11, 0] = np.nan  # one label, which is left out with its face
    within = np.zeros(faces.points.shape)
    within[2] = np.inf  # accepted without a look
    found = relation(replace(faces, within=within), np.arange(12) % 3, None)
    assert np.isnan(found.off[:, 0]).all()
    assert np.isnan(found.off[2]).all()
    assert np.isfinite(found.off[3, 1:]).all()
    np.testing.assert_allclose(found.spread[1:], whole.spread[1:], rtol=0.5)


def test_many_landmarks_are_worked_on_in_parts(monkeypatch: pytest.MonkeyPatch):
    faces = of_faces(6)
    whole = relation(faces, np.arange(6) % 3, (MIRROR, BASE.mirror))
    monkeypatch.setattr(weights, "AT_ONCE", 1)
    np.testing.assert_allclose(relation(faces, np.arange(6) % 3, (MIRROR, BASE.mirror)).weights, whole.weights)
