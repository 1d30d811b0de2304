"""Predictions in parts: an interrupted one goes on where it was and gives the same as one that was not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mdmd.config import ModelConfig
from mdmd.data.images import PictureError, read_reduced
from mdmd.data.records import Sample
from mdmd.inference import parts
from mdmd.inference.decoded import Decoded
from mdmd.inference.inputs import named_files, whole_pictures
from mdmd.inference.model import Model
from mdmd.inference.parts import PART, Found, predict_in_parts
from mdmd.models.checkpoint import Checkpoint
from mdmd.models.landmark_model import Laplacian
from tests.builders import write_picture
from tests.mdmd.inference.test_predict import DotFinder

COUNT = 2 * PART + 3


class StopError(Exception):
    pass


class BrightFinder(DotFinder):
    """Finds the middle where there are no dots."""

    def forward(self, images: torch.Tensor, head: str) -> Laplacian:
        return super().forward(images + 1e-3, head)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures with two dots at places of their own, and one that is damaged behind its header."""
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(0)
    for k in range(COUNT):
        pixels = np.zeros((48, 64, 3), dtype=np.uint8)
        for least in (18, 36):  # in the middle, where every search for a box looks
            x, y = least + random.integers(0, 8), random.integers(14, 30)
            pixels[y : y + 3, x : x + 3] = 255
        Image.fromarray(pixels).save(folder / f"{k:03}.png")
    damaged = folder / "001.png"
    damaged.write_bytes(damaged.read_bytes()[:-40])
    return folder


def model(**changes: object) -> Model:
    torch.manual_seed(0)
    config = ModelConfig(encoder="test_vit", image_size=64, decoder_heads=2)
    made = Checkpoint(BrightFinder(config), "eyes")
    return Model(replace(made, history=replace(made.history, **changes)), "dots")


def same(one: Found, other: Found) -> bool:
    return (
        one.problems == other.problems
        and [sample.box for sample in one.samples] == [sample.box for sample in other.samples]
        and all(
            np.array_equal(a.points, b.points) and np.array_equal(a.covariance, b.covariance)
            for a, b in zip(one.predictions, other.predictions, strict=True)
        )
    )


def predicted(made: Model, samples: list[Sample], kept: Path | None = None, *, stop: int | None = None) -> Found:
    """Of `samples`; `stop` ends it with an error once that many are finished."""

    def told(done: int) -> None:
        if stop is not None and done >= stop:
            raise StopError

    return predict_in_parts(made, samples, "eyes", [True] * len(samples), kept=kept, told=told)


def test_an_interrupted_prediction_goes_on_and_is_the_same(pictures, tmp_path, monkeypatch):
    made, samples = model(), whole_pictures([pictures]).samples
    undisturbed = predicted(made, samples)
    assert len(undisturbed.samples) == len(undisturbed.predictions) == COUNT
    assert [k for k, problem in enumerate(undisturbed.problems) if problem] == [1]
    computed: list[int] = []
    predict_part = parts.predict_part
    monkeypatch.setattr(parts, "predict_part", lambda *given: computed.append(len(given[1])) or predict_part(*given))
    for stop in (1, PART + 1, 2 * PART + 1):
        with pytest.raises(StopError):
            predicted(made, samples, tmp_path / "parts", stop=stop)
    assert same(predicted(made, samples, tmp_path / "parts"), undisturbed)
    # Each part was begun when it was stopped, and finished once.
    assert computed == [PART, PART, PART, PART, 3, 3]


def test_parts_of_other_faces_or_another_model_are_not_used(pictures, tmp_path):
    kept, samples = tmp_path / "parts", whole_pictures([pictures]).samples[2:6]
    first = predicted(model(), samples, kept)
    (kept / "000000.npz").write_bytes(b"cut short")
    assert same(predicted(model(), samples, kept), first)
    about = (kept / parts.ABOUT).read_text()
    wider = [replace(s, box=replace(s.box, w=s.box.w - 4)) for s in samples]
    assert not same(predicted(model(), wider, kept), first)
    assert (kept / parts.ABOUT).read_text() != about
    other = model(box_scale=1.3)  # finds boxes
    assert predicted(other, samples).samples[0].box != samples[0].box
    assert same(predicted(other, samples, kept), predicted(other, samples))
    changed = [replace(samples[0], path=tmp_path / "changed.png"), *samples[1:]]
    write_picture(tmp_path / "changed.png", (64, 48), "black")
    before = predicted(model(), changed, kept)
    (tmp_path / "changed.png").write_bytes(samples[1].path.read_bytes())
    assert not same(predicted(model(), changed, kept), before)


def test_a_fingerprint_tells_models_apart():
    made = model()
    assert made.fingerprint("eyes") == model().fingerprint("eyes")
    assert made.fingerprint("eyes") != made.fingerprint("symmetric")
    assert made.fingerprint("eyes") != model(box_scale=1.3).fingerprint("eyes")


@pytest.mark.parametrize(
    ("name", "size", "count"), [("a.jpg", (640, 480), 4), ("a.jpg", (44, 36), 3), ("a.png", (640, 480), 1)]
)
def test_kept_images_are_those_that_would_be_read(tmp_path, name, size, count):
    picture = Image.effect_noise(size, 60).convert("RGB")
    picture.save(tmp_path / name)
    reads: list[float] = []

    def read(path: Path, most: float) -> tuple[Image.Image, int]:
        reads.append(most)
        return read_reduced(path, most)

    decoded = Decoded(read)
    for most in (9.5, 8, 5, 4, 2.2, 1, 0.3, 5):
        found, k = decoded(tmp_path / name, most)
        wanted, by = read_reduced(tmp_path / name, most)
        assert k == by
        assert found.tobytes() == wanted.tobytes()
    assert len(reads) == count
    with pytest.raises(PictureError):
        decoded(tmp_path / "missing.jpg", 1)


def test_no_more_is_kept_than_allowed(tmp_path):
    for k in range(4):
        write_picture(tmp_path / f"{k}.png", (100, 100))
    reads: list[Path] = []

    def read(path: Path, most: float) -> tuple[Image.Image, int]:
        reads.append(path)
        return read_reduced(path, most)

    decoded = Decoded(read, most_bytes=70_000)  # two pictures of 30,000 bytes
    for k in (0, 1, 0, 2, 0, 1, 3):
        decoded(tmp_path / f"{k}.png", 1)
    assert [path.stem for path in reads] == ["0", "1", "2", "1", "3"]


def test_lists_and_patterns_name_files(tmp_path, monkeypatch):
    for name in ("a.png", "b.png", "in/c.png", "in/deep/d.jpg", "e[1].png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        write_picture(tmp_path / name)
    (tmp_path / "in" / "list.txt").write_text("\ufeffc.png\n\n../a.png\r\ndeep\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert named_files(["*.png"]) == [Path("a.png"), Path("b.png"), Path("e[1].png")]
    assert named_files(["in/**/*.jpg", "b.png"]) == [Path("in/deep/d.jpg"), Path("b.png")]
    write_picture(tmp_path / "@me.png")
    assert named_files(["e[1].png", "@me.png"]) == [Path("e[1].png"), Path("@me.png")]
    assert named_files([Path("@in/list.txt")]) == [Path("in/c.png"), Path("in/../a.png"), Path("in/deep")]
    found = whole_pictures(named_files(["@in/list.txt"])).samples
    assert [sample.file_name for sample in found] == ["in/c.png", "a.png", "in/deep/d.jpg"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("*.gif", r"no file matches '\*.gif'"),
        ("@missing.txt", "missing.txt cannot be read"),
        ("@empty.txt", "empty.txt is empty"),
        ("@odd.txt", "odd.txt, line 2: found a NUL character"),
    ],
)
def test_a_list_or_pattern_that_names_nothing_is_one_sentence(tmp_path, monkeypatch, given, said):
    (tmp_path / "empty.txt").write_text("\n \n")
    (tmp_path / "odd.txt").write_text("a.png\nb\0.png\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=said):
        named_files([given])
