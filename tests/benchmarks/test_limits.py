"""Poses are told from landmarks, and pictures are changed as the table says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from limits import FRONT, GRAY, corners, covered, reduced, resized, some, under, yaw
from PIL import Image

from mdmd.data.records import Annotation, Box, Sample
from mdmd.synthetic.head import Expression, Head, Identity


def drawn_face(degrees: float = 0.0, *, spread: float = 0.0, seed: int = 0) -> Sample:
    """The labels of a drawn head that is turned by `degrees`, on a picture of 320 x 320 pixels."""
    rng = np.random.default_rng(seed)
    expression = Expression(0, 0, 1, 1, 0, 0, 0, 0, 0)
    view = replace(FRONT, yaw=np.radians(degrees), center=(160.0, 160.0), pitch=np.radians(5 * spread))
    points = Head(Identity.sample(rng, spread=spread), expression, view).landmarks()
    box = Box(80.0, 80.0, 160.0, 160.0)
    return Sample(Path("a.png"), "a.png", 320, 320, box, Annotation(points, np.full(68, 2)))


def points_of(sample: Sample) -> np.ndarray:
    assert sample.annotation is not None
    return sample.annotation.points


@pytest.mark.parametrize("degrees", [-60, -30, 0, 20, 45, 60])
def test_the_yaw_of_a_drawn_head_is_found(degrees):
    assert yaw(points_of(drawn_face(degrees))) == pytest.approx(degrees, abs=3)


def test_the_yaw_of_other_heads_is_roughly_found():
    off = [yaw(points_of(drawn_face(30, spread=1.0, seed=seed))) - 30 for seed in range(20)]
    assert abs(np.mean(off)) < 3
    assert np.std(off) < 6


def test_a_reduced_face_keeps_its_points_on_the_picture():
    small = reduced(drawn_face(), 40)
    assert (small.width, small.height, small.box) == (80, 80, Box(20.0, 20.0, 40.0, 40.0))
    np.testing.assert_allclose(points_of(small), points_of(drawn_face()) / 4)
    assert resized(Image.new("RGB", (320, 320)), small).size == (80, 80)
    assert reduced(drawn_face(), 1000).box == drawn_face().box


def test_a_cover_hides_its_points():
    face = drawn_face()
    image = np.asarray(covered(Image.new("RGB", (320, 320)), face, "mouth"))
    hidden = under(face, "mouth")
    assert set(np.flatnonzero(hidden)) >= set(range(48, 68))
    assert not hidden[36:48].any()
    for x, y in points_of(face)[48:68].astype(int):
        assert image[y, x].tolist() == list(GRAY)
    assert image[160, 10].tolist() == [0, 0, 0]
    assert under(face, "left half")[:8].all()


def test_boxes_without_a_face_lie_beside_it():
    left, right = corners(drawn_face())
    assert (left.box, right.box) == (Box(0.0, 0.0, 80.0, 80.0), Box(240.0, 0.0, 80.0, 80.0))
    assert corners(replace(drawn_face(), box=Box(0, 0, 320, 320))) == []


def test_some_faces_are_taken_at_regular_intervals():
    faces = [replace(drawn_face(), face_id=k) for k in range(10)]
    assert [face.face_id for face in some(faces, 4)] == [0, 3, 6, 9]
    assert len(some(faces, 100)) == 10
