"""Which face to label next: features, near-duplicates, the order with its reasons, and what is kept between starts."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image, ImageDraw

from labeler.analysis.image_features import LENGTH, SIDE, cutout, describe
from labeler.analysis.near_duplicates import near_duplicates
from labeler.guidance.progress import Standing
from labeler.guidance.suggestions import Suggestion, spread, suggest
from labeler.pictures.feature_cache import Look, Looks, key_of
from labeler.project.project import Project
from labeler.project.workspace import Workspace
from labeler.server.errors import install_errors
from labeler.server.routes import build_api
from labeler.storage.records import Picture, Point, PredictedPoint
from mdmd.data.records import Box
from mdmd.errors import DataError
from tests.builders import make_project, write_picture


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


def standing(face: int, labeled: int = 0, wrong: float | None = None) -> Standing:
    unreviewed = 0 if wrong is None else 4
    return Standing(face, face, "empty", labeled, labeled, 4, 0, unreviewed, wrong or 0.0, 0.0, None, 1)


def look(*place: float, twins: frozenset[bytes] = frozenset()) -> Look:
    return Look(np.zeros((SIDE, SIDE, 3), np.uint8), np.array(place, dtype=np.float32), twins)


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


# The order


def test_each_choice_is_the_farthest_from_all_before_it():
    places = np.array([[0.0], [1.0], [4.0], [10.0], [5.0]], dtype=np.float32)
    assert spread(places, [], 3) == [2, 3, 0]  # the mean is 4
    assert spread(places, [3], 9) == [0, 4, 1, 2]
    assert spread(places, [], 0) == []


def test_weights_multiply_distances():
    places = np.array([[1.0], [2.0], [8.0], [0.0]], dtype=np.float32)
    assert spread(places, [3], 1, np.array([9.0, 4.0, 1.0])) == [0]
    assert spread(places, [3], 2, np.array([9.0, 4.0, 2.0])) == [2, 0]


def test_before_a_model_the_reason_is_how_many_it_is_unlike():
    looks = [look(0.0), look(1.0), look(5.0)]
    queue, duplicates = suggest([standing(k) for k in (1, 2, 3)], looks, [key(k) for k in (1, 2, 3)], NAMES)
    assert queue == [
        Suggestion(2, "the most usual of all: a good one to begin with"),
        Suggestion(3, "unlike the ones suggested before it"),
        Suggestion(1, "unlike the ones suggested before it"),
    ]
    assert duplicates == []
    queue, _ = suggest([standing(1, 4), standing(2), standing(3)], looks, [key(k) for k in (1, 2, 3)], NAMES)
    assert queue == [Suggestion(3, "unlike the one labeled so far"), Suggestion(2, "unlike the one labeled so far")]
    both = [standing(1, 4), standing(2, 1), standing(3)]
    assert suggest(both, looks, [key(k) for k in (1, 2, 3)], NAMES)[0] == [Suggestion(3, "unlike the 2 labeled so far")]


def test_after_a_model_doubt_times_distance_decides_and_is_the_reason():
    standings = [standing(1, 4), standing(2, wrong=3.1), standing(3, wrong=1.0), standing(4, wrong=0.0), standing(5)]
    looks = [look(0.0), look(2.0), look(5.0), look(9.0), look(-1.0)]
    queue, _ = suggest(standings, looks, [key(k) for k in range(1, 6)], NAMES)
    assert queue == [
        Suggestion(2, "the model expects 3.1 wrong points here"),  # 3.1 x 2
        Suggestion(3, "the model expects 1.0 wrong point here"),  # 1 x 3
        Suggestion(5, "unlike the one labeled so far"),  # the mean doubt, 1.37, x 1
        Suggestion(4, "the model expects no wrong point here"),
    ]


def test_near_duplicates_are_left_out_and_say_of_what():
    standings = [standing(1), standing(2, 4), standing(3), standing(4), standing(5)]
    looks = [
        look(0.0),
        look(9.0, twins=frozenset([key(1)])),
        look(5.0),
        look(5.1, twins=frozenset([key(3)])),
        look(5.2, twins=frozenset([key(4)])),
    ]
    queue, duplicates = suggest(standings, looks, [key(k) for k in range(1, 6)], NAMES)
    assert duplicates == [
        Suggestion(1, "near-duplicate of 002.jpg, labeled already: skipped in suggestions"),
        Suggestion(4, "near-duplicate of 003.jpg: one of the two is enough"),
    ]
    assert {s.face for s in queue} == {3, 5}


def test_two_faces_of_one_picture_are_no_duplicates():
    one = standing(1, 4)
    other = Standing(2, 1, "empty", 0, 0, 4, 0, 0, 0.0, 0.0, None, 1)
    queue, duplicates = suggest(
        [one, other], [look(0.0), look(0.0, twins=frozenset([key(1)]))], [key(1), key(2)], NAMES
    )
    assert ([s.face for s in queue], duplicates) == ([2], [])


def test_nothing_left_is_no_queue():
    assert suggest([standing(1, 4)], [look(0.0)], [key(1)], NAMES) == ([], [])
    assert suggest([], [], [], NAMES) == ([], [])


# Looking


def wait(condition) -> None:
    until = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.01)


def wanted(*numbers: int) -> dict[bytes, tuple[Picture, Box]]:
    found = {}
    for number in numbers:
        picture = Picture(number, f"{number}.png", f"{number}.png", 40, 40, f"digest {number}", "train", "")
        found[key_of(picture, Box(0, 0, 40, 40))] = (picture, Box(0, 0, 40, 40))
    return found


def test_nobody_waits_while_pictures_are_looked_at_and_all_is_known_after(tmp_path: Path):
    gate = threading.Event()

    def read(picture: Picture, box: Box) -> np.ndarray:
        gate.wait(20)
        if picture.id == 2:
            raise DataError("gone")
        return np.full((SIDE, SIDE, 3), picture.id / 255, dtype=np.float32)

    looks = Looks(tmp_path / "cache" / "looks.npy", read)
    faces = wanted(1, 2, 3)
    assert looks.look(faces) == ({}, 0)
    gate.set()
    wait(lambda: looks.look(faces)[1] == 3)
    assert len(looks.look(faces)[0]) == 2
    wait((tmp_path / "cache" / "looks.npy").is_file)

    again = Looks(tmp_path / "cache" / "looks.npy", lambda picture, box: pytest.fail("read again"))
    again.look(wanted(1, 3))
    wait(lambda: again.look(wanted(1, 3))[1] == 2)
    assert [int(each.pixels[0, 0, 0]) for each in again.look(wanted(1, 3))[0].values()] == [1, 3]


def test_the_file_is_bounded_keeps_twins_and_a_damaged_one_is_made_again(tmp_path: Path):
    image = np.asarray(drawn(5).resize((SIDE, SIDE)), dtype=np.float32) / 255
    file = tmp_path / "looks.npy"
    file.write_bytes(b"no numbers")
    reads: list[int] = []
    looks = Looks(file, lambda picture, box: reads.append(picture.id) or image, limit=2)
    looks.look(wanted(1, 2, 3))
    wait(lambda: looks.look(wanted(1, 2, 3))[1] == 3)
    wait(lambda: file.stat().st_size > 3000)
    rows = np.load(file, allow_pickle=False)
    assert len(rows) == 2
    found, _ = looks.look(wanted(1, 2, 3))
    first, second, third = found.values()
    assert (first.twins, second.twins) == (frozenset(), frozenset(wanted(1)))
    assert third.twins == frozenset(wanted(1, 2))

    kept = Looks(file, lambda picture, box: reads.append(-picture.id) or image)
    kept.look(wanted(2, 3))
    wait(lambda: kept.look(wanted(2, 3))[1] == 2)
    assert reads == [1, 2, 3]
    assert kept.look(wanted(2, 3))[0][next(iter(wanted(3)))].twins == third.twins


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


def ready(client: TestClient) -> dict:
    wait(lambda: client.get("/api/projects/faces/suggestions").json()["done"] == 4)
    return client.get("/api/projects/faces/suggestions").json()


def test_the_route_answers_at_once_and_then_with_reasons(project: Project):
    workspace = Workspace(project.folder.parent)
    app = FastAPI()
    app.include_router(build_api(workspace))
    install_errors(app)
    with TestClient(app) as client:
        early = client.get("/api/projects/faces/suggestions").json()
        assert (early["of"], early["queue"], early["duplicates"]) == (4, [], [])
        found = ready(client)
        assert found["duplicates"] == [{"face": 4, "reason": "near-duplicate of 1.jpg: one of the two is enough"}]
        assert {suggestion["face"] for suggestion in found["queue"]} == {1, 2, 3}

        project.store.edit_points(2, {1: Point(10, 10, 2)})
        project.store.set_skip(3, "too blurred")
        found = client.get("/api/projects/faces/suggestions").json()
        assert found["of"] == 3
        assert found["queue"] == [{"face": 1, "reason": "unlike the one labeled so far"}]
        reason = "near-duplicate of 1.jpg, labeled already: skipped in suggestions"
        assert found["duplicates"] == [{"face": 4, "reason": reason}]

        doubted = {key: PredictedPoint(5, 5, (1, 0, 1), 0.5, True) for key in (1, 2, 3, 4)}
        project.store.add_predictions(1, {1: doubted})
        found = client.get("/api/projects/faces/suggestions").json()
        assert found["queue"] == [{"face": 1, "reason": "the model expects 2.0 wrong points here"}]
        project.store.edit_box(1, Box(20, 20, 100, 100))
        assert client.get("/api/projects/faces/suggestions").json()["done"] == 2  # another box is another look
    workspace.close()


def test_a_large_picture_is_looked_at_on_its_screen_copy(tmp_path: Path):
    made = make_project(tmp_path, pictures=0)
    made.add_pictures([write_picture(tmp_path / "in" / "wide.png", (2000, 1000))])
    wait(lambda: made.suggester.suggest().done == 1)
    assert [path.name for path in (made.folder / "cache").glob("*.1600.jpg")] == ["wide.png.1600.jpg"]
    assert [s.face for s in made.suggester.suggest().queue] == [1]
