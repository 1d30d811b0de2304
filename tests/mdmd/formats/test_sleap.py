"""SLEAP's files are read, written and read again, where sleap-io is installed."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings

from mdmd.data.images import picture_size
from mdmd.data.records import Box
from mdmd.errors import DataError
from mdmd.formats import sleap
from mdmd.formats.format import Reading
from mdmd.formats.labels import LabelSet
from tests.mdmd.formats.foreign import CASES, TRUTH, case, check_truth, one_image
from tests.mdmd.formats.round_trips import check_round_trip, label_sets

needs_sleap_io = pytest.mark.skipif(
    importlib.util.find_spec("sleap_io") is None, reason="sleap-io is not installed: pip install sleap-io"
)


@needs_sleap_io
def test_a_file_is_read(tmp_path: Path) -> None:
    place = case("sleap", tmp_path / "set")
    for one in (place, place / "labels.slp"):
        labels = sleap.read(one, Reading())
        check_truth(labels, hidden=False)
        assert labels.landmarks == tuple(TRUTH["names"])
        assert labels.edges == tuple((a - 1, b - 1) for a, b in TRUTH["skeleton_1based"])
        assert [image.path for image in labels.images] == [
            place / "images" / name for name in ("00002-cup.jpg", "00003-car.jpg", "00004-handbag.jpg")
        ]
        box = labels.images[0].faces[0].box
        assert box is not None
        np.testing.assert_allclose([box.x, box.y, box.w, box.h], TRUTH["boxes"]["00002-cup.jpg"], atol=0.01)


@needs_sleap_io
def test_embedded_pictures_are_unpacked(tmp_path: Path) -> None:
    place = case("sleap_pkg", tmp_path / "set")
    labels = sleap.read(place, Reading(unpacked=tmp_path / "pictures"))
    check_truth(labels, hidden=False)
    assert [image.path for image in labels.images] == [
        tmp_path / "pictures" / name for name in ("00002-cup.jpg", "00003-car.jpg", "00004-handbag.jpg")
    ]
    assert {picture_size(path) for image in labels.images if (path := image.path)} == {(320, 320)}
    assert labels.changes == ()


@needs_sleap_io
def test_without_a_folder_embedded_pictures_are_left_out_and_said(tmp_path: Path) -> None:
    labels = sleap.read(case("sleap_pkg", tmp_path / "set") / "labels.pkg.slp", Reading())
    check_truth(labels, hidden=False)
    assert {image.path for image in labels.images} == {None}
    assert labels.changes == ("3 embedded pictures are not unpacked, because no folder for them was given",)


@needs_sleap_io
def test_an_embedded_picture_that_is_none_is_not_written(tmp_path: Path) -> None:
    file = case("sleap_pkg", tmp_path / "set") / "labels.pkg.slp"
    with h5py.File(file, "r+") as opened:
        opened["video0/video"][0] = 7
        opened["video0/video"][1, 200:] = 0
        opened["video0/video"][1, 2:200] = 3
    labels = sleap.read(file, Reading(unpacked=tmp_path / "pictures"))
    assert [path.name for path in (tmp_path / "pictures").iterdir()] == ["00004-handbag.jpg"]
    assert [image.path is None for image in labels.images] == [True, True, False]
    assert labels.left_out[0].why == "it is neither a JPEG nor a PNG picture"
    assert len(labels.left_out) == 2


@needs_sleap_io
def test_colors_that_opencv_has_swapped_are_swapped_back(tmp_path: Path) -> None:
    from PIL import Image

    file = case("sleap_pkg", tmp_path / "set") / "labels.pkg.slp"
    Image.new("RGB", (8, 8), (200, 0, 30)).save(tmp_path / "a.png")
    content = np.frombuffer((tmp_path / "a.png").read_bytes(), dtype=np.int8)
    with h5py.File(file, "r+") as opened:
        opened["video0/video"][0] = np.pad(content, (0, opened["video0/video"].shape[1] - len(content)))
        opened["video0/video"].attrs["channel_order"] = "BGR"
    labels = sleap.read(file, Reading(unpacked=tmp_path / "pictures"))
    path = labels.images[0].path
    assert path == tmp_path / "pictures" / "00002-cup.png"
    assert Image.open(path).getpixel((3, 3)) == (30, 0, 200)


@needs_sleap_io
def test_points_not_visible_predictions_and_frames_of_videos(tmp_path: Path) -> None:
    import sleap_io as sio

    skeleton = sio.Skeleton(nodes=[sio.Node("a"), sio.Node("b")])
    told = {"type": "ImageVideo", "filename": "x/p.png", "filenames": ["x/p.png"]}
    video = sio.Video(filename=["x/p.png"], backend_metadata=told, open_backend=False)
    film = sio.Video(filename="film.mp4", open_backend=False)
    guess = sio.PredictedInstance.from_numpy(np.array([[1.0, 2], [3, 4]]), skeleton, point_scores=np.array([0.5, 2]))
    other = sio.PredictedInstance.from_numpy(np.array([[5.0, 6], [np.nan, 8]]), skeleton, point_scores=np.ones(2) / 4)
    made = sio.Instance.from_numpy(np.array([[1.0, 3], [3, 5]]), skeleton, track=sio.Track("eve"), from_predicted=guess)
    made.points["visible"][1] = False
    frames = [
        sio.LabeledFrame(video=video, frame_idx=0, instances=[guess, other, made]),
        sio.LabeledFrame(video=film, frame_idx=7, instances=[sio.Instance.from_numpy(np.ones((2, 2)), skeleton)]),
    ]
    sio.save_slp(sio.Labels(frames), str(tmp_path / "a.slp"), embed=False)
    labels = sleap.read(tmp_path, Reading())
    [image] = labels.images
    found = [(face.points.tolist(), face.predicted, face.subject) for face in image.faces]
    assert found == [([[5, 6], [0, 0]], True, None), ([[1, 3], [0, 0]], False, "eve")]
    assert image.faces[0].scores is not None
    assert image.faces[0].scores.tolist() == [0.25, 0.25]
    assert labels.changes == ("1 point that is not visible in SLEAP: read as without a label",)
    assert [(Path(out.record).name, out.why) for out in labels.left_out] == [
        ("film.mp4", "1 labeled frame is of a video: export a training package, which holds pictures")
    ]


@needs_sleap_io
def test_formats_before_1_1_count_from_the_corner_too(tmp_path: Path) -> None:
    file = case("sleap", tmp_path / "set") / "labels.slp"
    with h5py.File(file, "r+") as opened:
        opened["metadata"].attrs["format_id"] = 1.0
        table = opened["instances"][()]
        kept = [name for name in table.dtype.names if name != "tracking_score"]
        old = np.zeros(len(table), dtype=[(name, table.dtype[name]) for name in kept])
        for name in kept:
            old[name] = table[name]
        del opened["instances"]
        opened["instances"] = old
        for name in ("bboxes", "categories"):
            del opened[name]
    check_truth(sleap.read(file, Reading()), hidden=False)


@needs_sleap_io
def test_a_file_is_written(tmp_path: Path) -> None:
    points = [[10.25, 20, 2], [0, 0, 0], [100, 319.5, 1]]
    image = one_image(tmp_path / "in", points, "s1/a.png", box=Box(1, 2, 3, 4), subject="eve")
    (tmp_path / "out").mkdir()
    labels = LabelSet(("eye_left", "eye_right", "chin"), (image,), edges=((0, 2),), mirror=(1, 0, 2))
    lost = sleap.write(labels, tmp_path / "out", "copy")
    assert [loss.words for loss in lost] == ["1 hidden point becomes visible"]
    import sleap_io as sio

    found = sio.load_slp(str(tmp_path / "out" / "labels.slp"), open_videos=False)
    assert found.skeletons[0].symmetry_names == [("eye_left", "eye_right")]
    assert found.skeletons[0].edge_names == [("eye_left", "chin")]
    assert found.tracks[0].name == "eve"
    assert found.videos[0].filename == ["images/s1/a.png"]


@needs_sleap_io
@settings(max_examples=40)
@given(label_sets())
def test_what_is_lost_is_said(labels: LabelSet) -> None:
    check_round_trip(sleap.FORMAT, labels, renames=True)


@needs_sleap_io
@pytest.mark.parametrize("name", ["sleap/labels.slp", "sleap_pkg/labels.pkg.slp"])
def test_damaged_files_raise_nothing_else(tmp_path: Path, name: str) -> None:
    file = tmp_path / Path(name).name
    content = (CASES / name).read_bytes()
    chance = np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(content)
        for place in chance.integers(0, len(content), 20):
            damaged[place] = chance.integers(0, 256)
        file.write_bytes(damaged)
        try:
            sleap.read(file, Reading(unpacked=tmp_path / "pictures"))
        except DataError:
            continue


@needs_sleap_io
def test_links_are_not_followed(tmp_path: Path) -> None:
    file = case("sleap", tmp_path / "set") / "labels.slp"
    with h5py.File(file, "r+") as opened:
        opened["more"] = h5py.ExternalLink("/etc/other.h5", "/x")
    with pytest.raises(DataError, match="'more' is a link, which is not followed"):
        sleap.read(file, Reading())


def test_without_sleap_io_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sleap_io", None)
    with pytest.raises(DataError, match=r"SLEAP files need sleap-io: pip install sleap-io, or, .* '\.\[sleap\]'"):
        sleap.read(CASES / "sleap", Reading())


def test_other_formats_are_not_taken() -> None:
    paths = [*CASES.iterdir(), *CASES.rglob("*"), CASES / "nowhere"]
    assert {path.relative_to(CASES).parts[0] for path in paths if sleap.detect(path)} == {"sleap", "sleap_pkg"}
