"""Drawn faces (reproducible from the seed, with exact points) and the shipped images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from mdmd.data.coco import read_coco
from mdmd.data.definition import load_definition
from mdmd.errors import DataError
from mdmd.synthetic.animal_head import SPECIES
from mdmd.synthetic.animals import paint_animal
from mdmd.synthetic.canvas import Canvas, backdrop, smooth
from mdmd.synthetic.caricature import Bend, steepness
from mdmd.synthetic.datasets import PAREIDOLIAS, draw_animal, draw_source, write_animals, write_source
from mdmd.synthetic.head import Expression, Head, Identity, View
from mdmd.synthetic.portrait import paint_head
from mdmd.synthetic.style import Easel, Look

FACES = load_definition("300w")
NINE = load_definition("pare")
ANIMAL = load_definition("animals")
CALM = Expression(
    smile=0.2, jaw=0, lid_left=1, lid_right=1, brow_left=0, brow_right=0, frown=0, pucker=0, gaze=0
)  # fmt: skip
FLAT = Look(
    manner="cartoon", skin=(230, 190, 160), hair=(40, 30, 20), iris=(20, 40, 160), lips=(200, 20, 40), cloth=(0, 90, 0),
    paper=(255, 255, 255), ink=None, hairstyle="bald", beard="none", glasses="none", occluder=False,
)  # fmt: skip


def average_head(**view: float) -> Head:
    """An average head, facing the camera unless `view` changes that."""
    identity = Identity.sample(np.random.default_rng(0), spread=0)
    straight = View(yaw=0, pitch=0, roll=0, distance=1200, scale=1.0, center=(128, 128))
    return Head(identity, CALM, replace(straight, **view))


def at(image: Image.Image, point: np.ndarray) -> np.ndarray:
    return np.asarray(image)[int(point[1]), int(point[0])].astype(float)


def test_an_image_depends_only_on_its_seed():
    image, points, box = draw_source(5)
    again, points_again, box_again = draw_source(5)
    assert image.tobytes() == again.tobytes()
    assert image.mode == "RGB"
    assert image.size == (256, 256)
    assert points.shape == (68, 2)
    np.testing.assert_array_equal(points, points_again)
    assert box == box_again
    other, points_other, _ = draw_source(6)
    assert other.tobytes() != image.tobytes()
    assert not np.allclose(points, points_other)


def test_every_seed_gives_a_valid_face_inside_its_picture():
    outside = total = 0
    for seed in range(201):
        image, points, box = draw_source(seed, 96)
        assert np.isfinite(points).all(), seed
        assert np.asarray(image).std() > 4, f"seed {seed} is an empty picture"
        assert 0.2 * 96 < box.w < 1.2 * 96, seed
        assert 0.2 * 96 < box.h < 1.2 * 96, seed
        low, high = points.min(axis=0), points.max(axis=0)
        assert (low >= (box.x - 1e-6, box.y - 1e-6)).all()
        assert (high <= (box.x + box.w + 1e-6, box.y + box.h + 1e-6)).all()
        outside += int(((points < 0) | (points > 96)).any(axis=1).sum())
        total += len(points)
    assert outside < 0.005 * total


def test_points_scale_with_the_picture():
    _, small, _ = draw_source(3, 100)
    _, large, _ = draw_source(3, 200)
    np.testing.assert_allclose(large, 2 * small, rtol=0.02, atol=0.5)


def test_the_box_of_a_drawn_face_is_tight():
    _, points, box = draw_source(1)
    assert (box.x, box.y) == pytest.approx(points.min(axis=0))
    assert (box.x + box.w, box.y + box.h) == pytest.approx(points.max(axis=0))


def test_left_is_left_and_up_is_up_in_unrotated_faces():
    face = average_head().landmarks()
    for k, partner in enumerate(FACES.mirror):
        if k < partner and FACES.landmarks[k].endswith("_left"):
            assert face[k, 0] < face[partner, 0], FACES.landmarks[k]
    brow, eye, nose, mouth = face[17:27, 1], face[36:48, 1], face[31:36, 1], face[48:68, 1]
    assert brow.max() < eye.min() < eye.max() < nose.min() < nose.max() < mouth.min() < mouth.max() < face[8, 1]


def test_an_average_head_is_symmetric_and_has_an_adults_proportions():
    face = average_head().landmarks()
    mirrored = face[list(FACES.mirror)] * (-1, 1) + (2 * face[8, 0], 0)
    np.testing.assert_allclose(face, mirrored, atol=1e-6)
    eyes = np.hypot(*(face[45] - face[36]))
    assert np.ptp(face[:17, 0]) / eyes == pytest.approx(138 / 88, rel=0.05)
    assert (face[8, 1] - face[36, 1]) / eyes == pytest.approx(1.25, rel=0.08)
    assert (face[54, 0] - face[48, 0]) / eyes == pytest.approx(0.62, rel=0.08)
    assert (face[42, 0] - face[39, 0]) / eyes == pytest.approx(0.41, rel=0.08)


def test_the_mean_of_many_sampled_heads_is_close_to_symmetric():
    shapes = []
    for seed in range(400):
        rng = np.random.default_rng(seed)
        points = Head(Identity.sample(rng), Expression.sample(rng), View.sample(rng, 256)).landmarks()
        centered = points - points[[36, 45]].mean(axis=0)
        shapes.append(centered / np.hypot(*(points[45] - points[36])))
    mean = np.mean(shapes, axis=0)
    assert np.abs(mean - mean[list(FACES.mirror)] * (-1, 1)).max() < 0.06
    assert np.std(shapes, axis=0).mean() > 0.03


def test_turning_the_head_moves_all_its_parts_together():
    straight, turned = average_head().landmarks(), average_head(yaw=0.5).landmarks()
    assert turned[30, 0] - turned[27, 0] > straight[30, 0] - straight[27, 0] + 5
    left, right = turned[39, 0] - turned[36, 0], turned[45, 0] - turned[42, 0]
    assert right < 0.8 * left
    assert turned[:17, 0].min() < turned[17:, 0].min()
    assert turned[:17, 0].max() > turned[27:, 0].max() - 1
    tilted = average_head(roll=0.3).landmarks()
    np.testing.assert_allclose(np.linalg.norm(tilted - 128, axis=1), np.linalg.norm(straight - 128, axis=1), atol=1e-6)
    assert tilted[45, 1] > tilted[36, 1]


@pytest.mark.parametrize("view", [{}, {"yaw": 0.35, "roll": -0.3}, {"pitch": 0.25, "yaw": -0.2}])
def test_landmarks_of_a_face_lie_on_the_edges_that_were_painted(view):
    head = average_head(**view)
    canvas = Canvas(backdrop(256, Image.new("RGB", (2, 2), (0, 255, 255))))
    paint_head(Easel(head, FLAT, canvas, np.random.default_rng(1)))
    image, face = canvas.finish(), head.landmarks()

    def is_lip(point: np.ndarray) -> bool:
        r, g, b = at(image, point)
        return r > 120 and g < 0.45 * r and b < 0.55 * r

    middle = face[48:60].mean(axis=0)
    for k in (49, 50, 52, 53, 55, 56, 57, 58, 59):
        inward = (middle - face[k]) / np.hypot(*(middle - face[k]))
        assert is_lip(face[k] + 1.5 * inward), FACES.landmarks[k]
        assert not is_lip(face[k] - 1.5 * inward), FACES.landmarks[k]
    for eye in (face[36:42], face[42:48]):
        center = eye.mean(axis=0)
        darkest = min(at(image, center + np.array([dx, 0])).sum() for dx in range(-3, 4))
        assert darkest < at(image, center + np.array([0, 20])).sum() - 200
        for k in (1, 2, 4, 5):
            inside, outside = (
                face_k + (eye.mean(axis=0) - face_k) * t for face_k, t in ((eye[k], 0.4), (eye[k], -1.2))
            )
            assert np.abs(at(image, inside) - at(image, outside)).max() > 25


def test_the_contour_lies_on_the_edge_between_skin_and_background():
    head = average_head()
    canvas = Canvas(backdrop(256, Image.new("RGB", (2, 2), (0, 255, 255))))
    paint_head(Easel(head, FLAT, canvas, np.random.default_rng(1)))
    image, face = canvas.finish(), head.landmarks()
    for k in (3, 4, 12, 13):
        outward = (face[k] - face[30]) / np.hypot(*(face[k] - face[30]))
        inside, outside = at(image, face[k] - 1.5 * outward), at(image, face[k] + 1.5 * outward)
        assert inside[0] > inside[2] + 20, FACES.landmarks[k]
        assert outside[0] < outside[2] - 60, FACES.landmarks[k]


def test_a_written_set_reads_back_as_it_was_drawn(tmp_path: Path):
    path = write_source(tmp_path / "set", 6, seed=3)
    assert path == tmp_path / "set" / "annotations.json"
    dataset = read_coco(path)
    assert dataset.definition == FACES
    assert [s.split for s in dataset.samples] == ["train"] * 5 + ["test"]
    for k, sample in enumerate(dataset.samples):
        image, points, box = draw_source(3_000_000 + k)
        assert sample.annotation is not None
        np.testing.assert_allclose(sample.annotation.points, points, atol=1e-3)
        assert (sample.annotation.visibility == 2).all()
        assert (sample.box.x, sample.box.w) == pytest.approx((box.x, box.w), abs=1e-3)
        with Image.open(sample.path) as stored:
            assert stored.format == "JPEG"
            assert stored.size == (sample.width, sample.height) == image.size
            assert np.abs(np.asarray(stored, float) - np.asarray(image, float)).mean() < 8
    assert "drawn" in path.read_text(encoding="utf-8")[:200]


def test_written_sets_are_deterministic_and_split_small_counts(tmp_path: Path):
    a, b = (write_source(tmp_path / name, 3, seed=1) for name in "ab")
    assert a.read_bytes() == b.read_bytes()
    for one, other in zip(
        sorted((a.parent / "images").iterdir()), sorted((b.parent / "images").iterdir()), strict=True
    ):
        assert one.name == other.name
        assert one.read_bytes() == other.read_bytes()
    assert [s.split for s in read_coco(a).samples] == ["train", "train", "test"]
    assert [s.split for s in read_coco(write_source(tmp_path / "one", 1, seed=1)).samples] == ["train"]
    assert [s.split for s in read_coco(write_source(tmp_path / "two", 2, seed=1)).samples] == ["train", "test"]
    with pytest.raises(DataError, match="count of 0"):
        write_source(tmp_path / "none", 0, seed=1)


def test_a_set_does_not_depend_on_how_many_processes_drew_it(tmp_path: Path):
    one, two = (write_source(tmp_path / str(n), 4, seed=2, size=64, workers=n) for n in (1, 2))
    assert one.read_bytes() == two.read_bytes()
    for name in ("00001-face.jpg", "00004-face.jpg"):
        assert (one.parent / "images" / name).read_bytes() == (two.parent / "images" / name).read_bytes()


def test_a_warp_moves_points_with_the_image():
    """The center of mass of a warped white dot is where the warp moves its middle."""
    lost = []
    for seed in range(20):
        bend = Bend.sample(np.random.default_rng(seed))
        point = np.random.default_rng([seed, 1]).uniform(0.25, 0.75, 2)
        image = Image.new("L", (400, 400))
        ImageDraw.Draw(image).ellipse([*(point * 400 - 4), *(point * 400 + 4)], fill=255)
        bent = np.asarray(bend.picture(image), float)
        y, x = np.mgrid[:400, :400] + 0.5
        seen = np.array([(bent * x).sum(), (bent * y).sum()]) / bent.sum()
        expected = bend.points(point[None])[0] * 400
        np.testing.assert_allclose(bend.source(bend.points(point[None])), point[None], atol=1e-7)
        assert np.abs(seen - expected).max() < 1.5, seed
        lost.append(np.hypot(*(expected - point * 400)))
    assert max(lost) > 10  # a caricature changes the points


def test_a_warp_keeps_the_border_and_zero_offsets_keep_everything():
    bend = Bend.sample(np.random.default_rng(0))
    corners = np.array([(0.0, 0.0), (1.0, 0.0), (0.5, 1.0)])
    np.testing.assert_allclose(bend.points(corners), corners)
    assert steepness(bend.offsets) <= 0.6 + 1e-9
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8))
    still = Bend(np.zeros_like(bend.offsets))
    np.testing.assert_array_equal(np.asarray(still.picture(image)), np.asarray(image))


def test_curves_go_through_their_knots():
    knots = np.array([(0, 0), (3, 5), (7, 4), (9, 9)], float)
    np.testing.assert_allclose(smooth(knots)[::8], knots)
    np.testing.assert_allclose(smooth(knots, closed=True)[::8], knots)


def test_the_shipped_pictures_are_small_whole_and_labeled_inside_their_boxes():
    dataset = read_coco(PAREIDOLIAS)
    assert dataset.definition == NINE
    assert len(dataset.samples) == 120
    assert len({sample.extra["style"] for sample in dataset.samples}) == 14
    files = [PAREIDOLIAS, *(PAREIDOLIAS.parent / "images").iterdir()]
    assert len(files) == 121
    assert sum(file.stat().st_size for file in files) <= 3_000_000
    assert "drawn" in PAREIDOLIAS.read_text(encoding="utf-8")[:200]
    for sample in dataset.samples:
        with Image.open(sample.path) as stored:
            assert stored.size == (sample.width, sample.height) == (320, 320)
            assert np.asarray(stored).std() > 4, sample.file_name
        assert sample.annotation is not None
        points, box = sample.annotation.points, sample.box
        assert (sample.annotation.visibility == 2).all()
        # A face extends beyond its nine points by about 0.3 of their longer side.
        margin = 0.3 * np.ptp(points, axis=0).max()
        np.testing.assert_allclose((box.x, box.y), points.min(axis=0) - margin, atol=0.01)
        np.testing.assert_allclose((box.x + box.w, box.y + box.h), points.max(axis=0) + margin, atol=0.01)


@pytest.mark.parametrize("name", SPECIES)
def test_an_animal_has_its_landmarks_where_it_was_painted(name: str) -> None:
    darker = []
    for seed in range(8):
        image, points, there, style = paint_animal(np.random.default_rng([seed, 1]), 96, name)
        assert (image.size, style) == ((96, 96), name)
        assert points.shape == (len(ANIMAL.landmarks), 2)
        assert there[:12].all()
        assert there[12:].all() == (name != "bird of prey")
        assert ((points[there] > -30) & (points[there] < 126)).all()
        outer_left, inner_left, inner_right, outer_right = points[:4]
        assert np.linalg.norm(outer_left - outer_right) > np.linalg.norm(inner_left - inner_right)
        pupil, forehead = (inner_left + outer_left) / 2, 2 * points[[1, 2]].mean(axis=0) - points[5]
        darker.append(at(image, forehead).mean() - at(image, pupil).mean())
    assert np.median(darker) > 10
    one, two = (paint_animal(np.random.default_rng([7, 1]), 96, name)[0] for _ in range(2))
    assert np.array_equal(np.asarray(one), np.asarray(two))


def test_drawn_animals_are_a_set_of_their_own(tmp_path: Path) -> None:
    found = read_coco(write_animals(tmp_path, 12, seed=4, size=64))
    assert found.definition == ANIMAL
    assert ANIMAL.can_be_mirrored
    assert {sample.extra["style"] for sample in found.samples} <= SPECIES.keys()
    for sample in found.samples:
        assert sample.annotation is not None
        labeled = sample.annotation.labeled
        assert labeled.sum() == (12 if sample.extra["style"] == "bird of prey" else 18)
        image, points, there, style = draw_animal(4_000_000 + int(sample.group[:5]) - 1, 64)
        assert (style, image.size) == (sample.extra["style"], (64, 64))
        np.testing.assert_allclose(sample.annotation.points[labeled], points[there], atol=1e-3)
