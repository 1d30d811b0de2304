"""Shapes of labeled faces: the conditional Gaussian against its closed form, and what holds in every case."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator

import numpy as np
import pytest

from labeler.analysis.shapes import ShapeModel, follow, learn
from mdmd.data.records import Box
from mdmd.errors import DataError

BOX = Box(0.0, 0.0, 100.0, 100.0)
#: Two eyes, a nose, two corners of a mouth, in units of the box around its middle.
FACE = np.array([[-0.2, -0.15], [0.2, -0.15], [0.0, 0.05], [-0.12, 0.22], [0.12, 0.22]])
IDS = (1, 2, 3, 4, 5)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Nothing is computed with numbers that overflow or are none."""
    with np.errstate(all="raise", under="ignore"), warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def placed(shape: np.ndarray, box: Box = BOX) -> dict[int, tuple[float, float]]:
    """A shape (N, 2) in units of `box` as places in pixels by landmark id."""
    unit = np.sqrt(box.w * box.h)
    middle = (box.x + box.w / 2, box.y + box.h / 2)
    return {k + 1: (float(x), float(y)) for k, (x, y) in enumerate(shape * unit + middle)}


def turned(shape: np.ndarray, degrees: float, scale: float = 1.0) -> np.ndarray:
    angle = np.radians(degrees)
    return scale * shape @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


def joint(pose: float, deviation: np.ndarray) -> np.ndarray:
    """The covariance of a pose of variance `pose` and of deviations that go their own way."""
    spread = np.zeros((4 + len(deviation), 4 + len(deviation)))
    spread[:4, :4] = pose * np.eye(4)
    spread[4:, 4:] = deviation
    return spread


def draws(count: int, seed: int = 0, size: float = 0.02) -> list[np.ndarray]:
    """Faces that differ: each landmark moves by itself, the mouth's corners also together, the whole by a pose."""
    random = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        shape = FACE + random.normal(0, size, FACE.shape)
        shape[3:] += random.normal(0, 2 * size, 2)
        found.append(turned(shape, random.normal(0, 8), 1 + random.normal(0, 0.08)) + random.normal(0, 0.03, 2))
    return found


def distance(a: dict[int, tuple[float, float]], b: dict[int, tuple[float, float]]) -> float:
    """The largest distance between places of the same landmark."""
    return max(float(np.hypot(a[key][0] - b[key][0], a[key][1] - b[key][1])) for key in a)


def test_the_conditional_is_the_textbook_one():
    random = np.random.default_rng(3)
    half = random.normal(size=(10, 10)) * 0.1
    deviation = half @ half.T + 1e-4 * np.eye(10)
    mean = FACE - FACE.mean(axis=0)
    mean /= np.sqrt((mean**2).sum() / len(mean))
    # No freedom of pose: half the box wide, upright, ten pixels right of the middle.
    model = ShapeModel(IDS, mean, np.array([0.5, 0, 0.1, 0]), joint(1e-12, deviation), 7)
    known = {1: (20.0, 44.0), 4: (51.0, 73.0)}
    mu = 50 * mean + [60, 50]
    sigma = 50**2 * deviation
    k, u = [0, 1, 6, 7], [2, 3, 4, 5, 8, 9]
    given = np.array([20.0, 44.0, 51.0, 73.0])
    expected = mu.ravel()[u] + sigma[np.ix_(u, k)] @ np.linalg.inv(sigma[np.ix_(k, k)]) @ (given - mu.ravel()[k])
    found = model.conditional(known, BOX)
    assert list(found) == [2, 3, 5]
    assert np.ravel(list(found.values())) == pytest.approx(expected, abs=1e-6)


def test_a_free_pose_is_generalised_least_squares():
    mean = np.array([[-1.0, -1], [1, -1], [1, 1], [-1, 1]]) / np.sqrt(2)
    noise = 0.03**2 * np.eye(8)
    model = ShapeModel((1, 2, 3, 4), mean, np.array([0.3, 0, 0, 0]), joint(1e6, noise), 1)
    # Independent deviations and any pose: the least-squares similarity of the three known points carries the fourth.
    target = turned(mean, 25, 0.4) + np.array([0.1, -0.05])
    target[0] += 0.01
    known = {key: place for key, place in placed(target).items() if key != 4}
    basis = np.array([[x, -y, 1, 0] if axis == 0 else [y, x, 0, 1] for x, y in mean[:3] for axis in (0, 1)])
    fit, *_ = np.linalg.lstsq(basis, target[:3].ravel(), rcond=None)
    x, y = mean[3]
    wanted = np.array([[x, -y, 1, 0], [y, x, 0, 1]]) @ fit * 100 + 50
    assert model.conditional(known, BOX)[4] == pytest.approx(tuple(wanted), abs=1e-3)


def test_learning_finds_the_gaussian_that_the_faces_came_from():
    model = learn([(placed(shape), BOX) for shape in draws(3000)], IDS)
    assert model.faces == 3000
    assert (model.mean**2).sum() == pytest.approx(5)
    ratio = np.linalg.norm(model.mean[0] - model.mean[1]) / np.linalg.norm(model.mean[3] - model.mean[4])
    assert ratio == pytest.approx(0.4 / 0.24, rel=0.02)
    # The joint Gaussian in the box, drawn by itself, and its conditional mean.
    many = np.array([shape.ravel() for shape in draws(3000, seed=1)])
    mu, sigma = many.mean(axis=0), np.cov(many.T)
    k, u = [0, 1, 2, 3, 6, 7], [4, 5, 8, 9]
    errors = []
    for shape in draws(20, seed=2):
        known = {key: place for key, place in placed(shape).items() if key in (1, 2, 4)}
        gain = sigma[np.ix_(u, k)] @ np.linalg.inv(sigma[np.ix_(k, k)])
        wanted = mu[u] + gain @ (shape.ravel()[k] - mu[k])
        errors.append(np.abs(np.ravel(list(model.conditional(known, BOX).values())) - (100 * wanted + 50)).max())
    assert np.median(errors) < 0.5  # pixels of a box of 100; a landmark alone moves by 2


def test_from_one_face_on_without_known_points_it_is_that_face_in_the_box():
    model = learn([(placed(FACE), BOX)], IDS)
    assert distance(model.conditional({}, BOX), placed(FACE)) < 1e-6
    other = Box(300.0, 40.0, 50.0, 200.0)
    assert distance(model.conditional({}, other), placed(FACE, other)) < 1e-6


def test_one_point_takes_the_face_along_and_two_turn_it():
    model = learn([(placed(FACE), BOX)], IDS)
    shifted = placed(FACE + np.array([0.1, 0.0]))
    after_one = model.conditional({1: shifted[1]}, BOX)
    assert all(after_one[key][0] - placed(FACE)[key][0] > 4 for key in (2, 3, 4, 5))
    tilted = placed(turned(FACE, 30))
    after_two = model.conditional({key: tilted[key] for key in (1, 5)}, BOX)
    assert distance(after_two, {key: tilted[key] for key in (2, 3, 4)}) < 3
    before = distance(model.conditional({}, BOX), tilted)
    assert before > 12


@pytest.mark.parametrize("degrees", [0, 60, 180])
def test_places_move_along_with_a_similarity(degrees: float):
    model = learn([(placed(shape), BOX) for shape in draws(40)], IDS)
    shape = draws(1, seed=5)[0]
    known = {key: place for key, place in placed(shape).items() if key in (1, 2, 3)}
    plain = model.conditional(known, BOX)
    moved = {key: (3 * x + 11, 3 * y - 7) for key, (x, y) in known.items()}
    found = model.conditional(moved, Box(11.0, -7.0, 300.0, 300.0))
    assert distance(found, {key: (3 * x + 11, 3 * y - 7) for key, (x, y) in plain.items()}) < 1e-6
    # Turned under an upright box, the box's opinion is outvoted by three points.
    spun = placed(turned(shape, degrees))
    found = model.conditional({key: spun[key] for key in (1, 2, 3)}, BOX)
    assert distance(found, spun) < 8
    assert distance(placed(FACE), spun) > (8 if degrees == 0 else 30) - 8


def test_mirrored_faces_make_mirrored_places():
    flip = np.array([-1, 1])
    model = learn([(placed(shape), BOX) for shape in draws(20)], IDS)
    mirrored = learn([(placed(shape * flip), BOX) for shape in draws(20)], IDS)
    shape = draws(1, seed=5)[0]
    found = model.conditional({key: placed(shape)[key] for key in (1, 3)}, BOX)
    other = mirrored.conditional({key: placed(shape * flip)[key] for key in (1, 3)}, BOX)
    assert distance(other, {key: (100 - x, y) for key, (x, y) in found.items()}) < 1e-6


def test_missing_points_take_nothing_from_the_others():
    faces = [placed(shape) for shape in draws(60)]
    whole = learn([(face, BOX) for face in faces], IDS)
    # Every face lacks one landmark, as after a pass over a group.
    holed = learn([({k: v for k, v in face.items() if k != n % 5 + 1}, BOX) for n, face in enumerate(faces)], IDS)
    known = {key: placed(FACE)[key] for key in (1, 4)}
    assert distance(holed.conditional(known, BOX), whole.conditional(known, BOX)) < 1.5
    assert np.linalg.eigvalsh(holed.spread).min() > 0


def test_halves_that_were_never_labeled_together_meet_by_their_boxes():
    eyes = [({key: placed(shape)[key] for key in (1, 2)}, BOX) for shape in draws(20)]
    rest = [({key: placed(shape)[key] for key in (3, 4, 5)}, BOX) for shape in draws(20, seed=9)]
    model = learn([*eyes, *rest], IDS)
    assert distance(model.conditional({}, BOX), placed(FACE)) < 6


def test_a_landmark_that_no_face_has_is_not_proposed():
    model = learn([({key: placed(FACE)[key] for key in (1, 2, 4)}, BOX)], IDS)
    assert model.ids == (1, 2, 4)
    assert sorted(model.conditional({3: (5.0, 5.0)}, BOX)) == [1, 2, 4]


@pytest.mark.parametrize(
    "shapes",
    [
        [np.zeros((5, 2))],
        [np.zeros((5, 2)), FACE],
        [np.stack([np.linspace(-0.3, 0.3, 5), np.zeros(5)], axis=1)],
        [FACE] * 30,
        [FACE, 5000 * FACE],
    ],
    ids=["one spot", "one spot and a face", "a line", "all the same", "far outside of the box"],
)
@pytest.mark.parametrize("known", [{}, {1: (0.0, 0.0)}, dict.fromkeys((1, 2, 3), (7.0, 7.0)), {1: (1e6, -1e6)}])
def test_degenerate_faces_and_points_stay_finite(shapes: list[np.ndarray], known: dict[int, tuple[float, float]]):
    model = learn([(placed(shape), BOX) for shape in shapes], IDS)
    places = model.conditional(known, BOX)
    assert sorted(places) == [key for key in IDS if key not in known]
    assert np.isfinite(list(places.values())).all()


def test_no_face_is_a_sentence():
    for faces in ([], [({1: (3.0, 4.0)}, BOX)]):
        with pytest.raises(DataError, match="no face with 2 or more labeled landmarks"):
            learn(faces, IDS)


def test_around_a_face_it_is_that_face_box_to_box():
    model = learn([(placed(shape), BOX) for shape in draws(20)], IDS)
    previous = turned(draws(1, seed=7)[0], 20)
    other = Box(200.0, 100.0, 40.0, 40.0)
    start = model.around({key: placed(previous)[key] for key in (1, 2, 3, 4)}, BOX)
    found = start.conditional({}, other)
    assert distance({key: found[key] for key in (1, 2, 3, 4)}, placed(previous, other)) < 1e-6
    assert 5 in found
    assert distance(found, placed(previous, other)) < 4


def test_sure_predictions_stay_and_doubtful_ones_follow():
    predicted = placed(FACE)
    covariances = dict.fromkeys(IDS, (4.0, 0.0, 4.0))
    assert distance(follow(predicted, covariances, {}), predicted) < 1e-9
    known = {4: (predicted[4][0] + 6.0, predicted[4][1])}
    sure = follow(predicted, covariances, known)
    doubtful = follow(predicted, {**covariances, 5: (36.0, 0.0, 36.0)}, known)
    moves = {key: sure[key][0] - predicted[key][0] for key in sure}
    assert 6 > moves[3] > moves[5] > moves[1] > moves[2] > 0.2  # in the order of their distances
    assert doubtful[5][0] - predicted[5][0] == pytest.approx(3 * moves[5])
    assert doubtful[3] == pytest.approx(sure[3])


def test_predictions_follow_by_the_textbook_conditional():
    predicted = placed(FACE)
    covariances = {1: (4.0, 1.0, 9.0), 2: (5.0, 0.0, 1.0), 3: (2.0, -1.0, 2.0), 4: (8.0, 2.0, 3.0), 5: (1.0, 0.0, 1.0)}
    radius = np.sqrt(((FACE - FACE.mean(axis=0)) ** 2).sum() / 5)
    apart = np.linalg.norm(FACE[:, None] - FACE, axis=2) / radius
    rho = np.exp(-apart) + 0.01 * np.eye(5)
    roots = []
    for key in IDS:
        xx, xy, yy = covariances[key]
        values, vectors = np.linalg.eigh([[xx, xy], [xy, yy]])
        roots.append(vectors @ np.diag(np.sqrt(values)) @ vectors.T)
    errors = np.block([[rho[i, j] * roots[i] @ roots[j] for j in range(5)] for i in range(5)])
    assert errors[:2, :2] / 1.01 == pytest.approx(np.array([[4.0, 1.0], [1.0, 9.0]]))
    known = {2: (75.0, 30.0), 5: (60.0, 75.0)}
    mu = np.ravel([predicted[key] for key in IDS])
    k, u = [2, 3, 8, 9], [0, 1, 4, 5, 6, 7]
    off = np.array([75.0, 30.0, 60.0, 75.0]) - mu[k]
    wanted = mu[u] + errors[np.ix_(u, k)] @ np.linalg.inv(errors[np.ix_(k, k)]) @ off
    found = follow(predicted, covariances, known)
    assert np.ravel([found[key] for key in (1, 3, 4)]) == pytest.approx(wanted)


@pytest.mark.parametrize("shape", [FACE, np.zeros((5, 2))], ids=["a face", "one spot"])
def test_a_prediction_without_spread_is_no_division_by_zero(shape: np.ndarray):
    found = follow(placed(shape), dict.fromkeys(IDS, (0.0, 0.0, 0.0)), {1: (40.0, 40.0), 2: (1e6, 0.0)})
    assert np.isfinite(list(found.values())).all()


def test_a_proposal_of_189_landmarks_from_150_faces_is_quick():
    random = np.random.default_rng(0)
    base = random.uniform(-0.4, 0.4, (189, 2))
    ids = tuple(range(1, 190))
    faces = [(placed(base + random.normal(0, 0.02, base.shape)), BOX) for _ in range(150)]
    model = learn(faces, ids)
    known = {key: place for key, place in faces[0][0].items() if key <= 100}
    times = []
    for _ in range(7):
        begun = time.thread_time()
        places = model.conditional(known, BOX)
        times.append(time.thread_time() - begun)
    assert len(places) == 89
    assert min(times) < 0.03
