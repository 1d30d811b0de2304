"""Crops and their inverses, each with an absolute value; mirrored faces."""

import numpy as np
import pytest

from mdmd.data.definition import load_definition
from mdmd.data.records import Box
from mdmd.loading.crop import Crop, face_crop, mirror_covariance, mirror_points


def test_a_crop_is_centered_on_the_box_and_scaled_to_its_longer_side():
    crop = face_crop(Box(10, 20, 40, 80), scale=1.5, size=240)
    assert crop == Crop(x=30 - 60, y=60 - 60, side=120, size=240)
    assert crop.to_crop(np.array([30.0, 60.0])) == pytest.approx([120, 120])
    assert crop.to_crop(np.array([-30.0, 0.0])) == pytest.approx([0, 0])


def test_points_and_covariances_return_to_where_they_came_from():
    crop = Crop(x=-3.5, y=7.25, side=91.0, size=224)
    points = np.random.default_rng(0).uniform(-50, 300, (20, 2))
    assert crop.to_image(crop.to_crop(points)) == pytest.approx(points)


def test_a_moved_covariance_is_the_covariance_of_moved_points():
    crop = Crop(x=5, y=-2, side=56.0, size=224)
    cloud = np.random.default_rng(1).multivariate_normal([100, 90], [[30, 12], [12, 20]], 4000)
    moved = crop.covariance_to_image(np.cov(cloud.T))
    assert moved == pytest.approx(np.cov(crop.to_image(cloud).T))
    assert moved[0, 0] == pytest.approx(np.cov(cloud.T)[0, 0] / 16)


def test_the_left_eye_of_a_mirrored_face_is_the_old_right_eye():
    definition = load_definition("pare")
    points = np.random.default_rng(2).uniform(0, 100, (9, 2))
    flipped = mirror_points(points, definition.mirror, width=100)
    left, right = (definition.landmarks.index(f"eye_outer_{side}") for side in ("left", "right"))
    assert flipped[left] == pytest.approx([100 - points[right, 0], points[right, 1]])
    assert mirror_points(flipped, definition.mirror, width=100) == pytest.approx(points)


def test_a_mirrored_covariance_is_the_covariance_of_mirrored_points():
    cloud = np.random.default_rng(3).multivariate_normal([40, 50], [[9, 4], [4, 6]], 3000)
    mirrored = cloud * (-1, 1) + (100, 0)
    covariance = np.stack([np.cov(cloud.T), np.eye(2)])
    flipped = mirror_covariance(covariance, [1, 0])
    assert flipped[1] == pytest.approx(np.cov(mirrored.T))
    assert flipped[0] == pytest.approx(np.eye(2))
