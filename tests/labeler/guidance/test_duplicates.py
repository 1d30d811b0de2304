"""Near-duplicates: image features, which faces are alike, and what is cached between starts."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image, ImageDraw

from labeler.analysis.image_features import LENGTH, SIDE, cutout, describe
from labeler.analysis.near_duplicates import near_duplicates
from labeler.guidance.duplicates import Duplicate, duplicates
from labeler.guidance.progress import Standing
from labeler.pictures.feature_cache import FeatureCache, key_of
from labeler.project.project import Project
from labeler.project.workspace import Workspace
from labeler.server.errors import install_errors
from labeler.server.routes import build_api
from labeler.storage.records import Picture, Point
from mdmd.data.records import Box
from mdmd.errors import DataError
from tests.builders import make_project, wait_for, write_picture


def drawn(seed: int, size: int = 200) -> Image.Image:
    """A picture of random blots: two seeds have nothing in common."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", (size, size), tuple(rng.integers(60, 200, 3).tolist()))
    pen = ImageDraw.Draw(image)
    for _ in range(40):
        x, y, r = [*rng.uniform(0, size, 2).tolist(), float(rng.uniform(size / 20, size / 7))]
        pen.ellipse((x - r, y - r, x + r, y + r), fill=tuple(rng.integers(0, 255, 3).tolist()))
    return image


def pixels(image: Image.Image, folder: Path, box: Box | None = None) -> np.ndarray:
    image.save(folder / "a.png")
    found = cutout(folder / "a.png", box or Box(0, 0, *map(float, image.size)), 1.0)
    return np.round(found * 255).astype(np.uint8)


def vector(cut: np.ndarray) -> np.ndarray:
    return describe(cut.astype(np.float32) / 255)


def standing(face: int, labeled: int = 0) -> Standing:
    return Standing(face, face, "empty", labeled, labeled, 4, 0, 0, 0.0, 0.0, None, 1)


def key(number: int) -> bytes:
    return bytes([number]) * 16


NAMES = {number: f"{number:03d}.jpg" for number in range(100)}


# Features


def test_a_cutout_is_the_face_in_its_square_and_goes_on_beyond_the_edge(tmp_path: Path):
    image = Image.new("RGB", (100, 60), "black")
    image.paste((250, 0, 0), (40, 20, 60, 40))
    image.save(tmp_path / "a.png")
    face = cutout(tmp_path / "a.png", Box(40, 20, 20, 20), 1.0)
    assert face.shape == (SIDE, SIDE, 3)
    assert face[16, 16] == pytest.approx([250 / 255, 0, 0])
    assert face[0, 0] == pytest.approx([0, 0, 0])  # the cutout is a little wider than the box
    image.resize((50, 30), Image.Resampling.BOX).save(tmp_path / "copy.png")
    assert cutout(tmp_path / "copy.png", Box(40, 20, 20, 20), 0.5) == pytest.approx(face, abs=0.3)
    corner = cutout(tmp_path / "a.png", Box(-40, -40, 60, 60), 1.0)
    assert np.isfinite(corner).all()


def test_light_changes_a_vector_less_than_another_face(tmp_path: Path):
    one, other = vector(pixels(drawn(1), tmp_path)), vector(pixels(drawn(2), tmp_path))
    darker = vector(pixels(drawn(1).point(lambda v: round(v * 0.7 + 10)), tmp_path))
    assert one.shape == (LENGTH,)
    assert np.linalg.norm(one - darker) < 0.25 < 0.8 < np.linalg.norm(one - other)


def test_a_picture_of_one_colour_has_a_vector_too(tmp_path: Path):
    assert np.isfinite(vector(pixels(Image.new("RGB", (40, 40), "grey"), tmp_path))).all()


# Near-duplicates


def test_other_sizes_boxes_and_turns_of_a_picture_are_found_and_other_pictures_are_not(tmp_path: Path):
    others = [pixels(drawn(seed), tmp_path, Box(40, 40, 120, 120)) for seed in range(1, 6)]
    vectors = [vector(each) for each in others]
    versions = {
        "smaller": pixels(drawn(3).resize((120, 120)), tmp_path, Box(24, 24, 72, 72)),
        "other box": pixels(drawn(3), tmp_path, Box(43, 38, 118, 122)),
        "turned": pixels(drawn(3).rotate(2, Image.Resampling.BICUBIC), tmp_path, Box(40, 40, 120, 120)),
        "darker": pixels(drawn(3).point(lambda v: round(v * 0.8)), tmp_path, Box(40, 40, 120, 120)),
    }
    found = {name: near_duplicates(each, vector(each), others, vectors) for name, each in versions.items()}
    assert found == {name: [2] for name in versions}
    stranger = pixels(drawn(9), tmp_path, Box(40, 40, 120, 120))
    assert near_duplicates(stranger, vector(stranger), others, vectors) == []


# Which of them is the duplicate


def test_near_duplicates_say_of_which_picture():
    standings = [standing(1), standing(2, 4), standing(3), standing(4), standing(5)]
    alike = [frozenset(), frozenset([key(1)]), frozenset(), frozenset([key(3)]), frozenset([key(4)])]
    assert duplicates(standings, alike, [key(k) for k in range(1, 6)], NAMES) == (
        Duplicate(1, "Near-duplicate of 002.jpg, which is labeled already"),
        Duplicate(4, "Near-duplicate of 003.jpg: labeling one of the two is enough"),
    )


def test_two_faces_of_one_picture_are_no_duplicates():
    other = Standing(2, 1, "empty", 0, 0, 4, 0, 0, 0.0, 0.0, None, 1)
    assert duplicates([standing(1, 4), other], [frozenset(), frozenset([key(1)])], [key(1), key(2)], NAMES) == ()


def test_no_faces_are_no_duplicates():
    assert duplicates([], [], [], NAMES) == ()


# The cache


def wanted(*numbers: int) -> dict[bytes, tuple[Picture, Box]]:
    found = {}
    for number in numbers:
        picture = Picture(number, f"{number}.png", f"{number}.png", 40, 40, f"digest {number}", "train", "")
        found[key_of(picture, Box(0, 0, 40, 40))] = (picture, Box(0, 0, 40, 40))
    return found


def test_the_cache_answers_at_once_computes_beside_and_reads_its_file_again(tmp_path: Path):
    gate = threading.Event()

    def read(picture: Picture, box: Box) -> np.ndarray:
        gate.wait(20)
        if picture.id == 2:
            raise DataError("gone")
        return np.full((SIDE, SIDE, 3), picture.id / 255, dtype=np.float32)

    cache = FeatureCache(tmp_path / "cache" / "looks.npy", read)
    faces = wanted(1, 2, 3)
    assert cache.get(faces) == ({}, 0)
    gate.set()
    wait_for(lambda: cache.get(faces)[1] == 3)
    assert len(cache.get(faces)[0]) == 2
    wait_for((tmp_path / "cache" / "looks.npy").is_file)

    again = FeatureCache(tmp_path / "cache" / "looks.npy", lambda picture, box: pytest.fail("read again"))
    again.get(wanted(1, 3))
    wait_for(lambda: again.get(wanted(1, 3))[1] == 2)
    assert [int(each.pixels[0, 0, 0]) for each in again.get(wanted(1, 3))[0].values()] == [1, 3]


def test_the_file_is_bounded_keeps_duplicates_and_a_damaged_one_is_made_again(tmp_path: Path):
    image = np.asarray(drawn(5).resize((SIDE, SIDE)), dtype=np.float32) / 255
    file = tmp_path / "looks.npy"
    file.write_bytes(b"no numbers")
    reads: list[int] = []
    cache = FeatureCache(file, lambda picture, box: reads.append(picture.id) or image, limit=2)
    cache.get(wanted(1, 2, 3))
    wait_for(lambda: cache.get(wanted(1, 2, 3))[1] == 3)
    wait_for(lambda: file.stat().st_size > 3000)
    rows = np.load(file, allow_pickle=False)
    assert len(rows) == 2
    found, _ = cache.get(wanted(1, 2, 3))
    first, second, third = found.values()
    assert (first.duplicates, second.duplicates) == (frozenset(), frozenset(wanted(1)))
    assert third.duplicates == frozenset(wanted(1, 2))

    kept = FeatureCache(file, lambda picture, box: reads.append(-picture.id) or image)
    kept.get(wanted(2, 3))
    wait_for(lambda: kept.get(wanted(2, 3))[1] == 2)
    assert reads == [1, 2, 3]
    assert kept.get(wanted(2, 3))[0][next(iter(wanted(3)))].duplicates == third.duplicates


# The route


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Four pictures: the fourth is the second one stored again."""
    made = make_project(tmp_path, pictures=0)
    for number, seed in enumerate((1, 2, 3, 2)):
        path = tmp_path / "in" / f"{number}.jpg"
        path.parent.mkdir(exist_ok=True)
        drawn(seed).save(path, quality=95 - 30 * (number == 3))
        made.add_pictures([path])
    return made


def test_the_route_answers_at_once_and_then_with_reasons(project: Project):
    workspace = Workspace(project.folder.parent)
    app = FastAPI()
    app.include_router(build_api(workspace))
    install_errors(app)
    with TestClient(app) as client:

        def ask() -> dict:
            return client.get("/api/projects/faces/duplicates").json()

        early = ask()
        assert (early["of"], early["found"]) == (4, [])
        wait_for(lambda: ask()["done"] == 4)
        reason = "Near-duplicate of 1.jpg: labeling one of the two is enough"
        assert ask()["found"] == [{"face": 4, "reason": reason}]

        project.store.edit_points(2, {1: Point(10, 10, 2)})
        project.store.set_skip(3, "too blurred")
        found = ask()
        assert found["of"] == 3
        assert found["found"] == [{"face": 4, "reason": "Near-duplicate of 1.jpg, which is labeled already"}]
        project.store.edit_box(1, Box(20, 20, 100, 100))
        assert ask()["done"] == 2  # another box is another cutout
    workspace.close()


def test_a_large_picture_is_compared_by_its_screen_copy(tmp_path: Path):
    made = make_project(tmp_path, pictures=0)
    made.add_pictures([write_picture(tmp_path / "in" / "wide.png", (2000, 1000))])
    wait_for(lambda: made.duplicates.find().done == 1)
    assert [path.name for path in (made.folder / "cache").glob("*.1600.jpg")] == ["wide.png.1600.jpg"]
