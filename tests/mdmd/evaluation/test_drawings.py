"""Pictures of faces: each mark at its pixel, ellipses of their covariances, and which faces are chosen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mdmd.data.records import Annotation, Box, Prediction, Sample
from mdmd.errors import DataError
from mdmd.evaluation.drawings import EDGE, ERROR, LABEL, PREDICTION, SHEET, SIDE, draw_faces, face_picture, ranked
from mdmd.evaluation.error_law import LAPLACIAN, RadialLaw

GRAY = (90, 90, 90)
#: The face fills the picture: a pixel of it is `SCALE` pixels of the drawing, which begins at ORIGIN.
SIZE, ORIGIN, SCALE = 200, -25, SIDE / 250


def face(folder: Path, labels, found, covariance=None, *, visibility=None, name="a.png") -> tuple[Sample, Prediction]:
    """A gray picture with a box of all of it, whose points and covariances (by default of 2 px) are given."""
    path = folder / name
    Image.new("RGB", (SIZE, SIZE), GRAY).save(path)
    seen = np.full(len(labels), 2) if visibility is None else np.array(visibility)
    sample = Sample(path, name, SIZE, SIZE, Box(0, 0, SIZE, SIZE), Annotation(np.array(labels, float), seen))
    spread = np.broadcast_to(4.0 * np.eye(2), (len(labels), 2, 2)) if covariance is None else np.array(covariance)
    return sample, Prediction(np.array(found, float), spread)


def color_at(image: Image.Image, place, *, scale: float = SCALE, origin: float = ORIGIN) -> np.ndarray:
    """The color of the drawing at a place of the picture."""
    x, y = (np.asarray(place, float) - origin) * scale
    return np.asarray(image)[int(y), int(x)].astype(int)


def rgb(color: str) -> np.ndarray:
    return np.array([int(color[k : k + 2], 16) for k in (1, 3, 5)])


@pytest.fixture
def apart(tmp_path) -> Image.Image:
    """A label at (50, 60) that is predicted at (110, 60), and a prediction without label at (60, 160)."""
    # One label makes no box, so that the box stays the whole picture.
    sample, found = face(tmp_path, [[50, 60], [9, 9]], [[110, 60], [60, 160]], visibility=[2, 0])
    return face_picture(sample, found, LAPLACIAN)


def test_each_mark_is_at_its_place(apart):
    assert apart.size == (SIDE, SIDE)
    ring = 0.015 * SIDE / SCALE  # its radius in pixels of the picture
    for dx, dy in ((-0.77, 0), (0, 0.77), (0, -0.77)):  # the error leaves it to the right
        assert np.abs(color_at(apart, (50 + ring * dx, 60 + ring * dy)) - rgb(LABEL)).max() < 8
    assert np.abs(color_at(apart, (110, 60)) - rgb(PREDICTION)).max() < 8
    assert np.abs(color_at(apart, (80, 60)) - rgb(ERROR)).max() < 8
    assert np.abs(color_at(apart, (60, 160)) - rgb(PREDICTION)).max() < 8


def test_a_landmark_without_label_has_no_ring_and_no_error(apart):
    assert color_at(apart, (9, 9)).tolist() == list(GRAY)
    assert color_at(apart, (35, 85)).tolist() == list(GRAY)


def test_what_is_outside_the_picture_is_black(apart):
    assert color_at(apart, (-10, 100)).tolist() == [0, 0, 0]


@pytest.mark.parametrize("law", [LAPLACIAN, RadialLaw(1.4)])
def test_the_ellipse_has_the_axes_of_the_covariance_and_holds_90_percent(tmp_path, law):
    angle, long, short = np.deg2rad(30), 20.0, 8.0
    axes = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    covariance = long**2 * np.outer(axes[0], axes[0]) + short**2 * np.outer(axes[1], axes[1])
    sample, found = face(tmp_path, [[100, 100]], [[100, 100]], [covariance], visibility=[0])
    image = face_picture(sample, found, law)
    inside = np.array(GRAY) + 36 / 255 * (rgb(PREDICTION) - GRAY)
    for axis, sigma in zip(axes, (long, short), strict=True):
        reach = law.radius(0.9) * sigma
        for side in (-1, 1):
            assert np.abs(color_at(image, 100 + side * reach * axis) - rgb(PREDICTION)).max() < 60
            assert np.abs(color_at(image, 100 + side * (reach - 4) * axis) - inside).max() < 4
            assert color_at(image, 100 + side * (reach + 4) * axis).tolist() == list(GRAY)


def test_labels_outside_the_picture_do_not_shrink_the_face(tmp_path):
    sample, found = face(tmp_path, [[100, 100], [1e9, 50]], [[100, 100], [-1e9, 50]], visibility=[2, 0])
    image = face_picture(sample, found, LAPLACIAN)
    assert np.abs(color_at(image, (100, 100)) - rgb(PREDICTION)).max() < 8


def test_the_best_the_median_and_the_worst_faces_are_chosen_in_order():
    nme = np.array([0.5, 0.1, np.nan, 0.9, 0.3, 0.2, 0.8, 0.4, 0.7, 0.6, 1.0])
    places = [(face.kind, face.place, round(float(nme[face.index]), 1)) for face in ranked(nme, each=2)]
    assert places == [
        ("best", 1, 0.1),
        ("best", 2, 0.2),
        ("median", 1, 0.5),
        ("median", 2, 0.6),
        ("worst", 1, 1.0),
        ("worst", 2, 0.9),
    ]


@pytest.mark.parametrize(
    ("faces", "kinds"),
    [
        (0, []),
        (1, ["best"]),
        (2, ["best", "worst"]),
        (3, ["best", "median", "worst"]),
        (6, 2 * ["best", "median", "worst"]),
    ],
)
def test_no_face_is_drawn_twice(faces, kinds):
    chosen = ranked(np.linspace(0.1, 0.2, faces), each=3)
    assert sorted(face.kind for face in chosen) == sorted(kinds)
    assert len({face.index for face in chosen}) == len(chosen)


def test_files_say_kind_error_and_picture_and_have_the_same_bytes_each_time(tmp_path):
    names = ("one.png", "zwei.png", "trois.png")
    pairs = [face(tmp_path, [[100, 100]], [[100 + k, 100]], visibility=[2], name=n) for k, n in enumerate(names)]
    samples, predictions = zip(*pairs, strict=True)
    for folder in ("first", "second"):
        draw_faces(tmp_path / "new" / folder, predictions, samples, np.array([0.0, 0.01, 0.0212]), LAPLACIAN)
    first, second = (sorted((tmp_path / "new" / folder).iterdir()) for folder in ("first", "second"))
    assert [path.name for path in first] == [
        SHEET,
        "best-1_nme-0.00_one.png",
        "median-1_nme-1.00_zwei.png",
        "worst-1_nme-2.12_trois.png",
    ]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    with Image.open(first[0]) as sheet:
        assert sheet.height > 3 * SIDE > sheet.width > SIDE
        assert sheet.getpixel((2, sheet.height - 2)) == tuple(rgb(EDGE))


def test_a_folder_with_files_and_a_file_are_refused(tmp_path):
    sample, found = face(tmp_path, [[100, 100]], [[100, 100]])
    with pytest.raises(DataError, match="holds files already: name a new folder"):
        draw_faces(tmp_path, [found], [sample], np.zeros(1), LAPLACIAN)
    with pytest.raises(DataError, match=r"a\.png is a file, wanted a new folder"):
        draw_faces(tmp_path / "a.png", [found], [sample], np.zeros(1), LAPLACIAN)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    with pytest.raises(DataError, match="found no face with a labeled point"):
        draw_faces(tmp_path / "new", [found], [sample], np.array([np.nan]), LAPLACIAN)
    (tmp_path / "empty").mkdir()
    draw_faces(tmp_path / "empty", [found], [sample], np.zeros(1), LAPLACIAN)
    assert (tmp_path / "empty" / SHEET).is_file()
