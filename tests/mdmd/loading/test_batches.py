"""From files to batches: the crop store changes no pixel, is bounded and shared; prefetching changes nothing."""

import os
import resource
import threading
import time
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image

from mdmd.data.images import picture_size, read_picture, read_reduced
from mdmd.data.records import Annotation, Box, Sample
from mdmd.errors import DataError
from mdmd.loading.batches import FaceCache
from mdmd.loading.crop import Crop
from mdmd.loading.crop_cache import ABANDONED, CropStore
from mdmd.loading.crops import ahead, crops_ahead, cut, face_pixels
from tests.builders import MIDLINE, SMALL, UNPAIRED

SIDE = 24  # of a cached crop: 1.5 times the network's 16
FACE_BYTES = 3 * SIDE * SIDE


@pytest.fixture
def told():
    return []


@pytest.fixture
def store(tmp_path, told):
    """Opens the folder of crops like another run."""
    return lambda limit=1_000_000: CropStore(tmp_path / "crops", limit=limit, warn=told.append)


@pytest.fixture
def faces(tmp_path):
    def face(k):
        path = tmp_path / f"{k}.png"
        noise = np.random.default_rng(k).integers(0, 256, (40, 48, 3), dtype=np.uint8)
        Image.fromarray(noise).save(path)
        points = np.array([[10.0, 12.0], [24.0, 12.0], [17.0, 20.0], [17.0, 30.0]])
        return Sample(path, path.name, 48, 40, Box(6, 6, 20 + k, 20), Annotation(points, np.full(4, 2)))

    return [face(k) for k in range(6)]


def cache(faces, store, definition=SMALL):
    return FaceCache("small", definition, faces, crop_scale=1.4, size=16, store=store)


def images(faces, store, index=(0, 1, 2, 3, 4, 5)):
    return cache(faces, store).batch(index, "none", torch.Generator()).images


def stored(tmp_path):
    return sorted(file.name for file in (tmp_path / "crops").iterdir())


def test_the_store_changes_no_pixel(faces, store, tmp_path, told):
    cut = images(faces, store(limit=0))
    assert not (tmp_path / "crops").exists()
    cache(faces, store()).fill()
    assert len(stored(tmp_path)) == 6
    assert torch.equal(images(faces, store()), cut)
    assert told == [
        f"the crop cache {tmp_path / 'crops'} is full (0 GB): "
        "further faces are cropped again at every use, which is slower"
    ]


def test_a_later_run_reads_the_crops_of_an_earlier_one(faces, store, tmp_path):
    cache(faces, store()).fill()
    for name in stored(tmp_path):  # such faces are not cut: the caller has read them already
        (tmp_path / "crops" / name).write_bytes(bytes([51]) * FACE_BYTES)
    torch.testing.assert_close(images(faces, store()), torch.full((6, 3, 16, 16), 0.2))


def test_a_changed_picture_or_box_is_cut_again(faces, store):
    before = images(faces, store())
    Image.new("RGB", (48, 40), (255, 0, 0)).save(faces[2].path)
    faces[3] = Sample(faces[3].path, "3.png", 48, 40, Box(10, 6, 20, 20), faces[3].annotation)
    after = images(faces, store())
    assert torch.equal(after[2, :, 8, 8], torch.tensor([1.0, 0.0, 0.0]))
    assert not torch.equal(after[3], before[3])
    assert torch.equal(after[[0, 1, 4, 5]], before[[0, 1, 4, 5]])


def test_the_longest_unused_are_dropped_first_and_never_those_in_use(faces, store, tmp_path, told):
    limit = 4 * FACE_BYTES + 10
    cache(faces[:4], store(limit)).fill()
    for age, name in enumerate(reversed(cache(faces[:4], store(limit))._keys)):  # face 3 the oldest
        os.utime(tmp_path / "crops" / name, (1000 + age, 1000 + age))
    run = store(limit)
    later = cache([faces[3], faces[4], faces[5]], run)
    later.fill()
    # Face 3, the oldest, is in use; of the others only 2 and 1 were removed, no more than needed.
    assert set(later._keys) < set(stored(tmp_path))
    assert set(stored(tmp_path)) - set(later._keys) == {cache(faces[:1], store(limit))._keys[0]}
    assert told == []


def test_a_set_larger_than_the_store_keeps_its_first_faces_and_says_so_once(faces, store, tmp_path, told):
    run = store(2 * FACE_BYTES)
    large = cache(faces, run)
    large.fill()
    first = stored(tmp_path)
    assert len(first) == 2
    large.batch(range(6), "none", torch.Generator())
    assert stored(tmp_path) == first
    assert len(told) == 1
    assert torch.equal(images(faces, store(2 * FACE_BYTES)), images(faces, store(0)))


def test_without_disk_space_training_continues_with_a_warning(faces, tmp_path, told):
    (tmp_path / "file").write_text("no folder")
    blocked = CropStore(tmp_path / "file" / "crops", warn=told.append)
    whole = cache(faces, blocked)
    whole.fill()
    assert len(whole.batch(range(6), "none", torch.Generator()).images) == 6
    assert len(told) == 1
    assert "cannot be written (Not a directory): further faces are cropped again" in told[0]


def test_files_of_killed_runs_are_not_read_and_are_removed(faces, store, tmp_path):
    expected = images(faces, store())
    files = [tmp_path / "crops" / name for name in stored(tmp_path)]
    files[0].write_bytes(b"half")
    old, young = tmp_path / "crops" / "old.partial", tmp_path / "crops" / "young.partial"
    old.write_bytes(b"half")
    young.write_bytes(b"half")
    os.utime(old, (time.time() - 2 * ABANDONED,) * 2)
    assert torch.equal(images(faces, store()), expected)
    assert files[0].stat().st_size == FACE_BYTES
    assert not old.exists()
    assert young.exists()


def test_crops_deleted_during_a_run_are_made_again(faces, store, tmp_path):
    running = cache(faces, store())
    running.fill()
    expected = running.batch(range(6), "none", torch.Generator()).images
    for name in stored(tmp_path):
        (tmp_path / "crops" / name).unlink()
    assert torch.equal(running.batch(range(6), "none", torch.Generator()).images, expected)


def test_a_mirrored_face_has_its_left_and_right_labels_exchanged(faces, store):
    annotation = faces[0].annotation
    one_eye = Annotation(annotation.points, np.array([2, 0, 2, 2]))
    whole, half = faces[0], replace(faces[1], annotation=one_eye)
    generator = torch.Generator().manual_seed(0)
    batch = cache([whole, half], store()).batch([0] * 40 + [1] * 40, "moderate", generator)
    left, right = batch.points[:40, 0, 0], batch.points[:40, 1, 0]
    assert (left < right).all()
    labels = {tuple(row) for row in batch.labeled[40:].tolist()}
    assert labels == {(True, False, True, True), (False, True, True, True)}
    x = torch.where(batch.labeled[40:, 0], batch.points[40:, 0, 0], batch.points[40:, 1, 0])
    assert ((x < batch.points[40:, 2, 0]) == batch.labeled[40:, 0]).all()  # of the nose, on the side it is called by


@pytest.mark.parametrize("policy", ["moderate", "drawn"])
def test_a_face_without_mirror_pairs_is_never_mirrored(faces, store, policy):
    found = {}
    for definition in (SMALL, UNPAIRED):
        generator = torch.Generator().manual_seed(0)
        found[definition.name] = cache(faces, store(), definition).batch([0] * 40, policy, generator)
    paired, unpaired = found["small"], found["unpaired"]
    assert (unpaired.points[:, 0, 0] < unpaired.points[:, 1, 0]).all(), "the left eye is on the left"
    alike = [torch.equal(*both) for both in zip(paired.points, unpaired.points, strict=True)]
    assert 10 < sum(alike) < 30
    # Pairs decide what is mirrored and nothing else: the other faces are the same to the pixel.
    assert torch.equal(paired.images[alike], unpaired.images[alike])


def test_a_face_is_mirrored_without_pairs_if_its_definition_is_symmetric(faces, store):
    midline = Annotation(np.array([[10.0, 20.0], [10.0, 30.0]]), np.full(2, 2))  # far left of the box's middle
    definition = MIDLINE
    for symmetric, sides in ((True, {True, False}), (False, {True})):
        definition = replace(definition, symmetric=symmetric)
        generator = torch.Generator().manual_seed(0)
        one = replace(faces[0], annotation=midline, box=Box(6, 6, 40, 20))
        batch = cache([one], store(), definition).batch([0] * 40, "moderate", generator)
        assert {bool(x < 0.5) for x in batch.points.mean(dim=1)[:, 0]} == sides


@pytest.mark.parametrize(
    "crop",
    [
        Crop(-7.3, 5.2, 30.0, 24),
        Crop(30.0, 25.0, 40.0, 24),
        Crop(-50.5, -60.25, 160.0, 24),
        Crop(3.5, 2.25, 30.0, 24),
        Crop(-400, -400, 900, 24),
    ],
)
def test_what_a_crop_shows_beyond_the_picture_is_black(faces, crop):
    picture = read_picture(faces[0].path)
    room = 1000
    wide = Image.new("RGB", (picture.width + 2 * room, picture.height + 2 * room))
    wide.paste(picture, (room, room))
    box = (crop.x + room, crop.y + room, crop.x + room + crop.side, crop.y + room + crop.side)
    expected = wide.resize((crop.size, crop.size), Image.Resampling.BILINEAR, box=box)
    found = cut(picture, crop).astype(int)
    inside = crop.x >= 0 and crop.y >= 0  # there the picture's own pixels go on beyond the crop
    assert np.abs(found - np.asarray(expected, dtype=int))[1:-1, 1:-1].max() <= (3 if inside else 12)


def test_a_box_far_larger_than_its_picture_costs_no_memory(faces):
    began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert cut(read_picture(faces[0].path), Crop(-5e5, -5e5, 1e6, 24)).max() <= 12
    assert cut(read_picture(faces[0].path), Crop(4000, 10, 30, 24)).max() == 0
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - began < 100_000  # kilobytes


def test_a_picture_that_is_gone_is_named(faces, store):
    faces[1].path.unlink()
    whole = cache(faces, store())
    assert whole.fill() == {faces[1].path: f"picture {faces[1].path} cannot be used: there is no such file"}
    assert whole.fill().keys() == {faces[1].path}


# Prefetching


def test_batches_made_ahead_are_the_same_batches(faces, store):
    whole = cache(faces, store())

    def jobs():
        for step in range(5):
            generator = torch.Generator().manual_seed(step)
            yield partial(whole.batch, [step, 5 - step, 2], "drawn", generator)

    for one, other in zip(ahead(jobs(), depth=0), ahead(jobs(), depth=3), strict=True):
        assert torch.equal(one.images, other.images)
        assert torch.equal(one.points, other.points)


@pytest.mark.timeout(20)
def test_results_keep_their_order_whatever_finishes_first_and_no_more_than_depth_are_made():
    gate, made = threading.Event(), []

    def job(k):
        if k == 0:
            gate.wait()
        made.append(k)
        return k

    stream = ahead((partial(job, k) for k in range(10)), depth=4, workers=2)
    threading.Timer(0.2, gate.set).start()
    assert next(stream) == 0
    assert made[:4] == [1, 2, 3, 0]
    assert max(made) <= 4
    assert list(stream) == list(range(1, 10))


def test_an_error_is_raised_in_order():
    def fail():
        raise DataError("the third")

    stream = ahead([lambda: 1, lambda: 2, fail, lambda: 4], depth=4)
    assert [next(stream), next(stream)] == [1, 2]
    with pytest.raises(DataError, match="the third"):
        next(stream)


def test_an_endless_stream_ends_with_its_reader():
    def endless():
        k = 0
        while True:
            yield partial(int, k)
            k += 1

    stream = ahead(endless(), depth=2)
    assert [next(stream) for _ in range(3)] == [0, 1, 2]
    stream.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("ahead")]


# Prediction


def test_crops_ahead_are_the_crops_in_batches(faces):
    parts = list(crops_ahead(faces, crop_scale=1.4, size=16, batch_size=4))
    assert [len(pixels) for pixels, _ in parts] == [4, 2]
    pixels, crops = next(crops_ahead(faces, crop_scale=1.4, size=16, batch_size=len(faces)))
    assert torch.equal(torch.cat([p for p, _ in parts]), pixels)
    assert [c for _, part in parts for c in part] == crops
    assert crops[0].side == pytest.approx(28)


def test_a_large_jpeg_is_decoded_small_and_shows_the_same(tmp_path):
    y, x = np.mgrid[0:1200, 0:1600]
    smooth = np.stack([128 + 100 * np.sin(x / 90), 128 + 100 * np.cos(y / 70), (x + y) / 11], -1).astype(np.uint8)
    Image.fromarray(smooth).save(tmp_path / "a.jpg", quality=95)
    Image.fromarray(smooth).save(tmp_path / "a.png")
    assert read_reduced(tmp_path / "a.jpg", 5.0)[1] == 4
    assert read_reduced(tmp_path / "a.jpg", 0.5)[1] == 1
    assert read_reduced(tmp_path / "a.png", 8)[1] == 1
    crop = Crop(101.5, 37.25, 1024, 64)
    small, whole = (face_pixels(tmp_path / name, crop).astype(int) for name in ("a.jpg", "a.png"))
    assert small.shape == (3, 64, 64)
    assert np.abs(small - whole).max() <= 6


def test_a_side_that_does_not_divide_is_decoded_whole(tmp_path):
    Image.new("RGB", (1602, 1200)).save(tmp_path / "a.jpg")
    picture, k = read_reduced(tmp_path / "a.jpg", 8)
    assert (picture.size, k) == ((801, 600), 2)
    Image.new("RGB", (1601, 1200)).save(tmp_path / "b.jpg")
    assert read_reduced(tmp_path / "b.jpg", 8)[1] == 1


def test_a_size_is_read_upright_from_the_header(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.effect_noise((200, 120), 90).save(tmp_path / "lying.jpg", exif=exif)
    (tmp_path / "lying.jpg").write_bytes((tmp_path / "lying.jpg").read_bytes()[:2000])  # no pixel is decoded
    assert picture_size(tmp_path / "lying.jpg") == (120, 200)


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
def test_the_size_by_the_header_is_that_of_the_picture_in_every_format(tmp_path, suffix):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 20)).save(tmp_path / f"lying.{suffix}", exif=exif)
    assert picture_size(tmp_path / f"lying.{suffix}") == read_picture(tmp_path / f"lying.{suffix}").size == (20, 40)
