"""Calibration: known laws are recovered, and conformal coverage holds on exchangeable faces."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mdmd.data.records import Annotation, Box, Prediction
from mdmd.evaluation.calibration import Calibration, calibrate, conformal_radius, radii_of
from mdmd.evaluation.error_law import Array, RadialLaw
from mdmd.evaluation.metrics import coverage

BOX = Box(10.0, 20.0, 80.0, 100.0)
NAN = float("nan")


def faces(
    count: int,
    points: int = 9,
    *,
    scale: float = 1.0,
    power: float = 1.0,
    sharpness: float = 1.0,
    spread: float = 0.4,
    seed: int = 0,
) -> tuple[list[Prediction], list[Annotation], list[Box]]:
    """Predictions with log standard deviations that vary by `spread` about 3 % of the box, and true points whose own
    standard deviations are scale * s * (s / 3 %)^(sharpness - 1), their radii after the law of `power`."""
    rng = np.random.default_rng(seed)
    said = 0.03 * np.exp(spread * rng.standard_normal((count, points)))
    true = scale * said * (said / 0.03) ** (sharpness - 1)
    radius = RadialLaw(power).unit * rng.gamma(2, 1 / np.sqrt(3), (count, points)) ** (1 / power)
    turn = rng.uniform(0, 2 * np.pi, (count, points))
    stretch = np.array([2.0, 0.5])  # of determinant 1: ellipses, not circles
    offset = 100 * (true * radius)[..., None] * np.stack([np.cos(turn), np.sin(turn)], axis=-1) * stretch
    middle = rng.uniform(0, 100, (count, points, 2))
    covariance = (100 * said[..., None, None] * np.diag(stretch)) ** 2
    seen = np.full(points, 2)
    return (
        [Prediction(m, c) for m, c in zip(middle, covariance, strict=True)],
        [Annotation(m + d, seen) for m, d in zip(middle, offset, strict=True)],
        [BOX] * count,
    )


def calibrated_radii(made: Calibration, predictions: list[Prediction], truth: list[Annotation]) -> Array:
    return radii_of([made.apply(p, BOX) for p in predictions], truth)


@pytest.mark.parametrize("power", [0.8, 1.0, 1.3])
@pytest.mark.parametrize("sharpness", [0.8, 1.0, 1.4])
def test_a_wrong_scale_sharpness_and_tail_are_found_again(power: float, sharpness: float):
    made = calibrate(*faces(1000, scale=1.7, power=power, sharpness=sharpness))
    assert made.power == pytest.approx(power, abs=0.051)
    assert made.sharpness == pytest.approx(sharpness, abs=0.051)
    assert made.scale == pytest.approx(1.7, rel=0.03)
    assert made.typical == pytest.approx(0.03, rel=0.02)
    predictions, truth, _ = faces(1000, scale=1.7, power=power, sharpness=sharpness, seed=1)
    radii = calibrated_radii(made, predictions, truth)
    for probability in (0.5, 0.9):
        assert coverage(radii, probability, made.law) == pytest.approx(probability, abs=0.015)
    assert np.mean(radii**2) / 2 == pytest.approx(1, abs=0.05)  # the covariance is the covariance


def test_on_few_faces_the_uncalibrated_covariance_has_more_weight():
    few, many = (calibrate(*faces(count, sharpness=1.5, power=1.4)) for count in (4, 400))
    assert abs(few.sharpness - 1) < abs(many.sharpness - 1)
    assert abs(few.power - 1) < abs(many.power - 1)
    assert (few.faces, many.faces) == (4, 400)


def test_gross_errors_do_not_widen_every_ellipse():
    predictions, truth, boxes = faces(200)
    clean = calibrate(predictions, truth, boxes)
    for face in truth[::10]:
        face.points[0] += 2000.0  # a label in another picture's place: 1 point in 90
    spoiled = calibrate(predictions, truth, boxes)
    assert spoiled.scale == pytest.approx(clean.scale, rel=0.08)
    assert np.nanmean(radii_of(predictions, truth)) > 1.5 * 2 / np.sqrt(3)  # the mean would follow them


def test_unlabeled_points_and_faces_say_nothing():
    predictions, truth, boxes = faces(40)
    blind = [Annotation(t.points.copy(), np.where(np.arange(9) < 4, t.visibility, 0)) for t in truth]
    for face in blind:
        face.points[4:] = NAN
    blind[0] = Annotation(np.full((9, 2), NAN), np.zeros(9, dtype=int))
    cut = [Prediction(p.points[:4], p.covariance[:4]) for p in predictions[1:]]
    kept = [Annotation(t.points[:4], t.visibility[:4]) for t in truth[1:]]
    assert calibrate(predictions, blind, boxes) == calibrate(cut, kept, boxes[1:])
    assert calibrate([], [], []) == Calibration()
    assert calibrate(predictions[:1], blind[:1], boxes[:1]) == Calibration()


def test_a_model_that_is_never_wrong_keeps_finite_numbers():
    predictions, truth, boxes = faces(20, scale=0.0)
    for method in ("likelihood", "conformal"):
        made = calibrate(predictions, truth, boxes, method)
        assert np.isfinite([made.scale, made.power, made.sharpness]).all()
        assert made.scale > 0


def test_a_calibration_that_changes_nothing_and_its_json():
    prediction = faces(1)[0][0]
    np.testing.assert_allclose(Calibration().apply(prediction, BOX).covariance, prediction.covariance)
    doubled = Calibration(scale=2.0).apply(prediction, BOX)
    np.testing.assert_allclose(doubled.covariance, 4 * prediction.covariance)
    np.testing.assert_array_equal(doubled.points, prediction.points)
    made = calibrate(*faces(30))
    assert Calibration(**json.loads(json.dumps(made.to_json()))) == made


def test_the_conformal_radius_by_hand():
    one_each = np.arange(1.0, 20.0)[:, None]  # 19 faces of one point: ceil(20 p)-th smallest
    assert conformal_radius(one_each, 0.5) == 10
    assert conformal_radius(one_each, 0.9) == 18
    assert conformal_radius(one_each, 0.95) == 19
    assert conformal_radius(one_each, 0.96) is None
    assert conformal_radius(one_each[:9], 0.9) == 9
    assert conformal_radius(one_each[:8], 0.9) is None
    assert conformal_radius(np.zeros((0, 9)), 0.5) is None
    shared = np.array(
        [[1.0, 2.0, 3.0, NAN], [10.0, NAN, NAN, NAN]]
    )  # weights 1/9 three times, 1/3, and 1/3 at infinity
    assert conformal_radius(shared, 1 / 3) == 3
    assert conformal_radius(shared, 0.34) == 10
    assert conformal_radius(shared, 0.67) is None


def test_conformal_ellipses_hold_what_they_promise_whatever_the_law():
    """Errors within a face are correlated and not Laplacian; coverage must hold for the points of a new face."""
    rng = np.random.default_rng(0)
    inside: dict[float, list[float]] = {0.5: [], 0.9: []}
    for _ in range(400):
        luck = rng.lognormal(0.0, 0.7, (15 + 40, 1))
        radii = luck * rng.uniform(0, 3, (15 + 40, 6))
        for probability, shares in inside.items():
            radius = conformal_radius(radii[:15], probability)
            assert radius is not None
            shares.append(float(np.mean(radii[15:] <= radius)))
    for probability, shares in inside.items():
        error = np.std(shares) / np.sqrt(len(shares))
        assert probability - 3 * error < np.mean(shares) < probability + 1 / 16 + 3 * error


def test_a_conformal_calibration_draws_its_ellipses_through_the_conformal_radii():
    predictions, truth, boxes = faces(60, scale=1.4, power=1.2)
    made = calibrate(predictions, truth, boxes, "conformal")
    assert (made.method, made.sharpness) == ("conformal", 1.0)
    radii = radii_of(predictions, truth)
    for probability in (0.5, 0.9):
        assert made.scale * made.law.radius(probability) == pytest.approx(
            conformal_radius(radii, probability), rel=1e-6
        )


def test_eight_faces_are_too_few_for_a_conformal_90_percent_ellipse():
    assert calibrate(*faces(9), "conformal").method == "conformal"
    assert calibrate(*faces(8), "conformal") == calibrate(*faces(8), "likelihood")
