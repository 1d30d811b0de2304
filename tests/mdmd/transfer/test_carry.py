"""Points follow a base's points to other faces: exactly where faces are alike, sensibly where they are not."""

import numpy as np
import pytest

from mdmd.data.definition import load_definition
from mdmd.data.records import Box
from mdmd.transfer.candidates import LabeledFaces, candidates_of, evidence
from mdmd.transfer.carry import fit
from mdmd.transfer.mean_shape import left_out_distances, mean_shape
from mdmd.transfer.spread import LAW
from mdmd.transfer.weights import kriging_weights, moving_weights, scale_of

BASE = load_definition("300w")
M = len(BASE.landmarks)
#: Landmarks of the new definition: the tip of the nose, the middle of the left eye, and two that are no base point.
NOSE, EYE, FOREHEAD, CHEEK = range(4)


def base_face(generator: np.random.Generator) -> np.ndarray:
    """A face's 68 points in pixels: rows like a face's, each moved a little."""
    x = np.concatenate(
        [
            np.linspace(-1, 1, 17),
            np.linspace(-0.8, -0.2, 5),
            np.linspace(0.2, 0.8, 5),
            np.zeros(4),
            np.linspace(-0.2, 0.2, 5),
            np.array([-0.7, -0.55, -0.4, -0.25, -0.4, -0.55, 0.25, 0.4, 0.55, 0.7, 0.55, 0.4]),
            np.array(
                [-0.4, -0.2, -0.1, 0, 0.1, 0.2, 0.4, 0.2, 0.1, 0, -0.1, -0.2, -0.3, -0.1, 0, 0.1, 0.3, 0.1, 0, -0.1]
            ),
        ]
    )
    y = np.concatenate(
        [
            0.3 + 0.9 * np.sin(np.linspace(0, np.pi, 17)),
            np.full(10, -0.4),
            np.linspace(-0.2, 0.3, 4),
            np.full(5, 0.4),
            np.array([-0.15, -0.25, -0.25, -0.15, -0.05, -0.05] * 2),
            np.array([0.7] + [0.6] * 5 + [0.7] + [0.85] * 5 + [0.7, 0.65, 0.65, 0.65, 0.7, 0.75, 0.75, 0.75]),
        ]
    )
    return (x + 1j * y + generator.normal(0, 0.02, (M, 2)) @ [1, 1j]) * 100 + (200 + 150j)


def labels_of(base: np.ndarray) -> np.ndarray:
    nose, eye = base[30], base[36:42].mean()
    across, up = base[45] - base[36], base[27] - base[33]
    return np.array([nose, eye, base[27] + 0.9 * up, base[33] - 0.45 * across])


def faces_of(count: int, seed: int = 0, noise: float = 1.0) -> LabeledFaces:
    generator = np.random.default_rng(seed)
    true = np.array([base_face(generator) for _ in range(count)])
    labels = np.array([labels_of(one) for one in true])
    seen = true + noise * generator.normal(0, 1, (count, M, 2)) @ [1, 1j]
    covariance = np.broadcast_to(noise**2 * np.eye(2), (count, M, 2, 2)).copy()
    return LabeledFaces(seen, covariance, labels)


def boxes_of(faces: LabeledFaces) -> list[Box]:
    return [Box(z.real.min(), z.imag.min(), float(np.ptp(z.real)), float(np.ptp(z.imag))) for z in faces.base]


@pytest.mark.parametrize("move", [3 + 4j, 0])
@pytest.mark.parametrize("turn", [1, 2j, 0.3 * np.exp(0.4j)])
def test_carried_points_move_turn_and_scale_with_the_face(turn, move):
    faces, other = faces_of(3), faces_of(2, seed=1)
    carrier = fit(faces, boxes_of(faces), BASE).carrier
    points, covariance = carrier.carry(other.base, other.covariance)
    size = abs(turn) ** 2
    moved, wider = carrier.carry(turn * other.base + move, size * other.covariance)
    np.testing.assert_allclose(moved, turn * points + move, rtol=1e-9)
    np.testing.assert_allclose(np.linalg.det(wider), size**2 * np.linalg.det(covariance), rtol=1e-6)


def test_moving_least_squares_repeat_the_labels_of_their_own_face():
    faces = faces_of(2)
    again = np.einsum("knm,km->kn", moving_weights(faces.base, faces.points), faces.base)
    np.testing.assert_allclose(again, faces.points, atol=1e-6)


def test_all_weights_add_up_to_one():
    faces = faces_of(4)
    for weights in (
        moving_weights(faces.base, faces.points),
        kriging_weights(faces.base, faces.points, faces.heed),
        fit(faces, boxes_of(faces), BASE).carrier.weights(faces.base),
    ):
        np.testing.assert_allclose(weights.sum(axis=-1), 1, atol=1e-9)


def test_a_landmark_that_is_a_base_point_is_recognized_and_one_that_is_not_is_free():
    one, none = evidence(faces_of(5), candidates_of(BASE))
    np.testing.assert_allclose(one.sum(axis=1) + none, 1)
    assert one[NOSE].argmax() == 30
    assert candidates_of(BASE).members[one[EYE].argmax()] == (36, 37, 38, 39, 40, 41)
    assert (none[[NOSE, EYE]] < 0.1).all()
    assert (none[[FOREHEAD, CHEEK]] > 0.9).all()


@pytest.mark.parametrize(("count", "most"), [(1, 0.16), (3, 0.08), (10, 0.05)])
def test_points_are_near_their_places_and_nearer_with_more_faces(count, most):
    faces, others = faces_of(count), faces_of(30, seed=1)
    found, _ = fit(faces, boxes_of(faces), BASE).place(others.base, others.covariance, boxes_of(others))
    off = np.abs(found - others.points) / scale_of(others.base)[:, None]
    assert off.mean() < most


def test_covariances_hold_what_they_say():
    faces, others = faces_of(12), faces_of(60, seed=1)
    found, covariance = fit(faces, boxes_of(faces), BASE).place(others.base, others.covariance, boxes_of(others))
    assert (np.linalg.eigvalsh(covariance) > 0).all()
    off = np.stack([(found - others.points).real, (found - others.points).imag], axis=-1)
    radii = np.sqrt(np.einsum("fna,fnab,fnb->fn", off, np.linalg.inv(covariance), off))
    assert 0.8 < (radii < LAW.radius(0.9)).mean() <= 1


def test_a_face_that_the_base_does_not_see_gets_the_mean_shape_of_its_box():
    faces, others = faces_of(6), faces_of(4, seed=1)
    boxes = boxes_of(others)
    lost = np.random.default_rng(0).uniform(0, 400, (4, M, 2)) @ [1, 1j]
    unsure = np.broadcast_to(80.0**2 * np.eye(2), (4, M, 2, 2)).copy()
    shape = fit(faces, boxes_of(faces), BASE)
    found, _ = shape.place(lost, unsure, boxes)
    expected, _ = mean_shape(faces.points, boxes_of(faces)).place(boxes)
    size = np.sqrt([box.w * box.h for box in boxes])[:, None]
    assert (np.abs(found - expected) / size).mean() < 0.08
    assert shape.reliable


def test_a_base_that_is_no_better_than_the_box_is_not_relied_on():
    faces = faces_of(6)
    blind = np.random.default_rng(0).uniform(0, 400, faces.base.shape)[..., None] * 1.0
    seen = blind[..., 0] + 1j * blind[::-1, ..., 0]
    lost = LabeledFaces(seen, faces.covariance, faces.points)
    shape = fit(lost, boxes_of(faces), BASE)
    assert not shape.reliable
    found, _ = shape.place(seen, faces.covariance, boxes_of(faces))
    own = left_out_distances(faces.points, boxes_of(faces)).mean()
    assert np.abs(found - faces.points).mean() < 2 * own


def test_a_label_that_was_taken_over_counts_less_and_one_that_no_person_looked_at_least():
    faces = faces_of(2)
    away = faces.points + np.array([[0], [20]])

    def moved(within: float) -> float:
        """How far the second face's labels move the points."""
        reach = np.zeros(away.shape)
        reach[1] = within
        shape = fit(LabeledFaces(faces.base, faces.covariance, away, reach), boxes_of(faces), BASE)
        found, _ = shape.carrier.carry(faces.base, faces.covariance)
        return float((found - faces.points).real[:, [FOREHEAD, CHEEK]].mean())

    assert moved(0) > moved(10) + 1 > moved(np.inf) + 2


def test_a_landmark_without_a_label_is_expected_anywhere_and_the_others_are_not_disturbed():
    faces = faces_of(3)
    some = faces.points.copy()
    some[:, CHEEK] = np.nan
    some[0, NOSE] = np.nan
    partly = LabeledFaces(faces.base, faces.covariance, some)
    found, covariance = fit(partly, boxes_of(faces), BASE).place(faces.base, faces.covariance, boxes_of(faces))
    assert np.isfinite(found).all()
    deviation = np.sqrt(np.trace(covariance, axis1=-2, axis2=-1) / 2)
    assert (deviation[:, CHEEK] > 5 * deviation[:, NOSE]).all()
    assert np.abs(found - faces.points)[:, [NOSE, EYE, FOREHEAD]].max() < 15


def test_left_out_distances_are_those_from_the_mean_shape_of_the_others():
    rng = np.random.default_rng(3)
    points = rng.uniform(0, 50, (7, 4)) + 1j * rng.uniform(0, 50, (7, 4))
    points[rng.uniform(size=points.shape) < 0.3] = np.nan
    points[1:, 3] = np.nan  # labeled on one face only
    points[0, 3] = 5 + 6j
    boxes = [Box(*rng.uniform(1, 9, 2), *rng.uniform(20, 60, 2)) for _ in points]
    found = left_out_distances(points, boxes)
    for k in range(len(points)):
        others = [j for j in range(len(points)) if j != k]
        placed, _ = mean_shape(points[others], [boxes[j] for j in others]).place([boxes[k]])
        assert found[k] == pytest.approx(np.abs(placed[0] - points[k]), nan_ok=True)


def test_the_mean_shape_is_the_mean_of_labels_in_their_boxes():
    boxes = [Box(0, 0, 10, 20), Box(10, 10, 20, 20)]
    shape = mean_shape(np.array([[2 + 4j], [14 + 18j]]), boxes)
    np.testing.assert_allclose(shape.mean, [0.2 + 0.3j])
    points, covariance = shape.place([Box(100, 0, 10, 10)])
    np.testing.assert_allclose(points, [[102 + 3j]])
    assert covariance[0, 0, 0, 0] > 0
