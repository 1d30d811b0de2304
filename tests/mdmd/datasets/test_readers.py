"""Public datasets in their real formats: all fields of all faces, and errors that name file and line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from mdmd.data.coco import from_coco, to_coco
from mdmd.data.definition import load_definition
from mdmd.data.records import Box, Sample
from mdmd.datasets.foreign import ForeignSet
from mdmd.datasets.landmark_files import read_array, read_points
from mdmd.datasets.readers import PUBLISHED, kinds, read
from mdmd.datasets.reading import Reading
from mdmd.datasets.registry import Sources, detect, warnings
from mdmd.errors import DataError
from tests.builders import CATEGORY, write_picture
from tests.mdmd.datasets.public_sets import (
    animweb,
    artface,
    cariface,
    cofw,
    cofw_mat,
    face,
    lapa,
    pare,
    pts,
    w300,
    wflw,
)

WRITERS: dict[str, Callable[[Path], Path]] = {
    "300w": w300,
    "wflw": wflw,
    "cofw": cofw,
    "lapa": lapa,
    "animweb": animweb,
    "cariface": cariface,
    "pare": pare,
    "artface": lambda root: artface(root, [str(number) for number in range(20)]),
}


def reading(kind: str, root: Path, *, one_based: bool = False) -> Reading:
    return read(kind, root, name=kind, unpacked=root.parent / "unpacked", one_based=one_based)


def whole(kind: str, tmp_path: Path) -> tuple[Sample, ...]:
    """The faces of a valid small dataset of this kind."""
    found = reading(kind, WRITERS[kind](tmp_path / "data"))
    assert (found.missing, found.problems) == ((), ())
    assert found.dataset.definition == load_definition(kind)
    return found.dataset.samples


def points(sample: Sample) -> np.ndarray:
    assert sample.annotation is not None
    return sample.annotation.points


# All kinds


def test_every_kind_has_a_definition_and_a_test():
    assert set(WRITERS) == set(PUBLISHED) == set(kinds()) - {"coco"}


@pytest.mark.parametrize("kind", WRITERS)
def test_the_kind_is_detected_from_the_folder(kind: str, tmp_path: Path):
    assert detect(WRITERS[kind](tmp_path / "data")) == kind


@pytest.mark.parametrize("kind", WRITERS)
def test_every_dataset_goes_to_coco_and_back_unchanged(kind: str, tmp_path: Path):
    found = reading(kind, WRITERS[kind](tmp_path / "data")).dataset
    coco = json.loads(json.dumps(to_coco(found.samples, found.definition)))
    back = from_coco(coco, folder=tmp_path / "data", name=kind)
    assert back.definition == found.definition
    for one, other in zip(back.samples, found.samples, strict=True):
        assert one.annotation is not None
        assert other.annotation is not None
        np.testing.assert_array_equal(one.annotation.points, other.annotation.points)
        np.testing.assert_array_equal(one.annotation.visibility, other.annotation.visibility)
        for key in ("file_name", "width", "height", "box", "split", "group", "image_id", "face_id", "extra"):
            assert getattr(one, key) == getattr(other, key), key


def test_other_folders_are_refused(tmp_path: Path):
    with pytest.raises(DataError, match="no such file or folder"):
        detect(tmp_path / "nowhere")
    with pytest.raises(DataError, match="looks like none of coco, 300w, wflw"):
        detect(tmp_path)
    with pytest.raises(DataError, match="no dataset kind '300v'; there are: coco, 300w"):
        reading("300v", tmp_path)
    with pytest.raises(DataError, match="no face of lapa can be used in"):
        reading("lapa", tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="file is not a folder; wanted the folder of wflw"):
        reading("wflw", tmp_path / "file")


# 300W


def test_300w_by_folders(tmp_path: Path):
    samples = {s.file_name: s for s in whole("300w", tmp_path)}
    assert {name: (s.split, s.subsets, s.group) for name, s in samples.items()} == {
        "300W/01_Indoor/indoor_001.png": ("private", ("indoor",), "indoor/indoor_001"),
        "300W/02_Outdoor/outdoor_001.png": ("private", ("outdoor",), "outdoor/outdoor_001"),
        "afw/1051618982_1.jpg": ("train", ("afw",), "afw/1051618982"),
        "helen/trainset/100032540_2.jpg": ("train", ("helen",), "helen/100032540"),
        "helen/testset/296814969_3.jpg": ("test", ("full", "common", "helen"), "helen/296814969"),
        "lfpw/testset/image_0001.png": ("test", ("full", "common", "lfpw"), "lfpw/image_0001"),
        "ibug/image_092 _01.jpg": ("test", ("full", "challenge", "ibug"), "ibug/image_092 "),
    }
    one = samples["afw/1051618982_1.jpg"]
    np.testing.assert_array_equal(points(one), face(68))
    assert (one.width, one.height, one.box) == (200, 100, Box(10, 10, 67, 3))
    assert one.path == tmp_path / "data" / "afw" / "1051618982_1.jpg"
    assert one.annotation is not None
    assert set(one.annotation.visibility) == {2}


def test_coordinates_that_count_from_one_are_moved(tmp_path: Path):
    found = reading("300w", w300(tmp_path / "data"), one_based=True).dataset
    np.testing.assert_array_equal(points(found.samples[0]), face(68) - 1)
    assert found.samples[0].box == Box(9, 9, 67, 3)


def test_missing_pictures_and_broken_labels_leave_the_others_intact(tmp_path: Path):
    root = w300(tmp_path / "data")
    (root / "ibug" / "image_092 _01.jpg").unlink()
    bad = pts(root / "afw" / "2_1.pts", face(68))
    bad.write_text(bad.read_text().replace("15.000000 13.000000", "15.000000 13,0"))
    unread = pts(root / "afw" / "3_1.pts", face(68))
    unread.with_suffix(".jpg").write_text("not a picture")
    pts(root / "elsewhere" / "4_1.pts", face(68))
    found = reading("300w", root)
    assert found.missing == ("ibug/image_092 _01.jpg",)
    assert [s.file_name for s in found.dataset.split("test")] == [
        "helen/testset/296814969_3.jpg",
        "lfpw/testset/image_0001.png",
    ]
    first, second, third = found.problems
    assert first == f"{bad}, line 9: found '15.000000 13,0', wanted two numbers 'x y'"
    assert (
        second == f"picture {root}/afw/3_1.jpg cannot be used: "
        "this is not a JPEG, PNG, WebP, AVIF, HEIC, JPEG 2000, BMP, TIFF, GIF or PNM picture"
    )
    assert third == f"{root}/elsewhere/4_1.pts lies in none of afw, helen, lfpw, ibug, 01_Indoor, 02_Outdoor"


def test_a_dataset_without_any_picture_is_refused(tmp_path: Path):
    pts(tmp_path / "afw" / "1_1.pts", face(68), picture=None)
    with pytest.raises(DataError, match=r"no face of 300w can be used in .*: no such picture: afw/1_1\.jpg"):
        reading("300w", tmp_path)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("version: 1\nn_points: 3\n{\n1 2\n3 4\n5 6\n}\n", "line 2: found 'n_points: 3', wanted 2 points"),
        ("3\n1 2\n3 4\n5 6\n", "line 1: found '3', wanted 2 points"),
        ("1 2\n", "line 1: the file ends after 1 points, wanted 2"),
        ("", "line 0: the file ends after 0 points, wanted 2"),
        ("1 2\n3 4\n5 6\n", "line 3: found point 3, wanted 2 points"),
        ("1 2\n3\n", "line 2: found '3', wanted two numbers 'x y'"),
        ("1 2\n3 4 5\n", "line 2: found '3 4 5', wanted two numbers 'x y'"),
        ("1 2\n\n3 nan\n", "line 3: found '3 nan', wanted two finite numbers"),
        ("left eye\n", "line 1: found 'left eye', wanted two numbers 'x y'"),
    ],
)
def test_a_wrong_file_of_points_is_named_by_line(text: str, sentence: str, tmp_path: Path):
    (tmp_path / "a.pts").write_text(text)
    with pytest.raises(DataError) as refused:
        read_points(tmp_path / "a.pts", 2)
    assert str(refused.value) == f"{tmp_path}/a.pts, {sentence}"


@pytest.mark.parametrize(
    "text", ["version: 1\nn_points: 2\n{\n1 2\n3 4\n}\n", "1 2\n3 4", "2\n1 2 \n3 4 \n", "﻿1 2\r\n3 4"]
)
def test_files_of_points_may_have_a_header_or_none(text: str, tmp_path: Path):
    (tmp_path / "a.pts").write_text(text, encoding="utf-8")
    assert read_points(tmp_path / "a.pts", 2).tolist() == [[1, 2], [3, 4]]
    assert read_points(tmp_path / "a.pts", 2, one_based=True).tolist() == [[0, 1], [2, 3]]


def test_files_of_another_type_are_named(tmp_path: Path):
    (tmp_path / "a.pts").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(DataError, match=r"a\.pts is not a text file"):
        read_points(tmp_path / "a.pts", 2)
    with pytest.raises(DataError, match=r"no such file: .*b\.pts"):
        read_points(tmp_path / "b.pts", 2)
    with pytest.raises(DataError, match="cannot be read"):
        read_points(tmp_path, 2)
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match=r"objects\.npy is not a NumPy array of 68 x 2 numbers"):
        read_array(tmp_path / "objects.npy", 68, 2)
    np.save(tmp_path / "infinite.npy", np.array([[1, 2], [3, np.inf]]))
    with pytest.raises(DataError, match=r"infinite\.npy, row 1: found a number that is not finite"):
        read_array(tmp_path / "infinite.npy", 2, 2)
    np.savez(tmp_path / "several.npz", a=np.zeros(2))
    with pytest.raises(DataError, match=r"several\.npz: found several arrays, wanted 2 numbers"):
        read_array(tmp_path / "several.npz", 2)


# WFLW


def test_wflw_lines(tmp_path: Path):
    samples = whole("wflw", tmp_path)
    assert [(s.split, s.subsets) for s in samples] == [
        ("train", ()),
        ("test", ("pose",)),
        ("test", ("make-up", "occlusion", "blur")),
        ("test", ("expression", "illumination")),
    ]
    assert [s.box for s in samples[:2]] == [Box(4, 5, 106, 15), Box(10, 11, 80, 40)]
    np.testing.assert_array_equal(points(samples[2]), face(98, 20))
    assert samples[1].file_name == "WFLW_images/0--Parade/0_Parade_marchingband_1_116.jpg"
    assert samples[1].group == samples[2].group != samples[3].group
    assert [s.image_id for s in samples] == [1, 2, 2, 1]
    assert [s.face_id for s in samples] == [1, 2, 3, 4]


def test_wflw_that_counts_from_one_is_shifted(tmp_path: Path):
    root = wflw(tmp_path / "data")
    zero, one = (
        read("wflw", root, name="w", unpacked=tmp_path, one_based=flag).dataset.samples[0] for flag in (False, True)
    )
    np.testing.assert_array_equal(points(one), points(zero) - 1)
    assert (one.box.x, one.box.y, one.box.w) == (zero.box.x - 1, zero.box.y - 1, zero.box.w)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda words: words[1:], "found 206 columns, wanted 207"),
        (lambda words: [*words[:4], "x", *words[5:]], "column 5: found 'x', wanted a number"),
        (lambda words: ["inf", *words[1:]], "found a number that is not finite"),
        (lambda words: [*words[:203], "2", *words[204:]], "found the flags 1 0 0 2 0 0, wanted six of 0 or 1"),
        (lambda words: [*words[:206], "/etc/a.jpg"], "found the picture /etc/a.jpg, wanted one in"),
        (lambda words: [*words[:206], "../../a.jpg"], "wanted one in"),
        (
            lambda words: [*words[:198], "10", *words[199:]],
            "found a box of 0 x 40 pixels at",
        ),
    ],
)
def test_a_wrong_line_of_wflw_is_named(change: Callable[[list[str]], list[str]], sentence: str, tmp_path: Path):
    root = wflw(tmp_path / "data")
    listed = root / "WFLW_annotations" / "list_98pt_rect_attr_train_test" / "list_98pt_rect_attr_test.txt"
    lines = listed.read_text().splitlines()
    listed.write_text("\n".join([lines[1], " ".join(change(lines[0].split())), lines[2]]))
    found = reading("wflw", root)
    [problem] = found.problems
    assert problem.startswith(f"{listed}, line 2: ")
    assert sentence in problem
    assert len(found.dataset.split("test")) == 2


# COFW


def test_cofw_from_matlab(tmp_path: Path):
    first, gray, test = whole("cofw", tmp_path)
    assert [s.split for s in (first, gray, test)] == ["train", "train", "test"]
    assert (first.file_name, first.path.parent) == ("COFW_train_color_0001.png", tmp_path / "unpacked")
    assert (first.width, first.height) == (60, 40)
    np.testing.assert_array_equal(points(gray), face(29, 11))
    assert gray.box == Box(1, 2, 40, 30)
    assert gray.annotation is not None
    assert gray.annotation.visibility.tolist() == [1] + [2] * 28
    with Image.open(first.path) as picture:
        assert picture.getpixel((50, 7)) == (50, 7, 200)
    with Image.open(gray.path) as picture:
        assert (picture.size, picture.getpixel((50, 7))) == ((60, 40), 7)


def test_cofw_is_unpacked_once(tmp_path: Path):
    whole("cofw", tmp_path)
    stamps = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "unpacked").iterdir()}
    assert sorted(stamps) == ["COFW_test_color_0001.png", "COFW_train_color_0001.png", "COFW_train_color_0002.png"]
    again = reading("cofw", tmp_path / "data")
    assert {p.name: p.stat().st_mtime_ns for p in (tmp_path / "unpacked").iterdir()} == stamps
    assert len(again.dataset.samples) == 3


def test_a_wrong_matlab_file_is_named(tmp_path: Path):
    root, file = tmp_path / "data", tmp_path / "data" / "COFW_train_color.mat"
    gray = np.zeros((4, 6), dtype=np.uint8)

    def refusal() -> str:
        with pytest.raises(DataError) as refused:
            reading("cofw", root)
        return str(refused.value)

    root.mkdir()
    file.write_bytes(b"MATLAB 5.0 MAT-file" + bytes(200))
    assert refusal() == f"{file} is not a MATLAB 7.3 (HDF5) file, as COFW's color version is"
    cofw_mat(file, "T", [gray])
    assert refusal() == f"{file}: no variable IsTr; it has: #refs#, IsT, bboxesT, phisT"
    cofw_mat(file, "Tr", [gray.astype(np.float32)])
    assert refusal().startswith(f"{file}, IsTr, face 1: found float32 (4, 6), wanted 8-bit pixels")
    for name, value, sentence in (
        ("phisTr", np.zeros((86, 1)), "found (86, 1), wanted 87 numbers for each of 1 faces"),
        ("bboxesTr", np.zeros((4, 2)), "found (4, 2), wanted 4 numbers for each of 1 faces"),
        ("phisTr", np.full((87, 1), np.nan), "face 1: found a number that is not finite"),
    ):
        with h5py.File(cofw_mat(file, "Tr", [gray]), "r+") as mat:
            del mat[name]
            mat[name] = value
        assert f"{file}, {name}" in refusal()
        assert sentence in refusal()


# LaPa, AnimWeb, ArtFace, CariFace, PARE


def test_lapa_by_folders(tmp_path: Path):
    train, val, test = whole("lapa", tmp_path)
    assert [s.split for s in (train, val, test)] == ["train", "val", "test"]
    assert (train.file_name, train.group) == ("train/images/100032540_1.jpg", "train/100032540")
    np.testing.assert_array_equal(points(test), face(106))


def test_animweb_is_the_macaques_in_the_order_of_their_numbers(tmp_path: Path):
    samples = reading("animweb", animweb(tmp_path / "data", macaques=103)).dataset.samples
    assert len(samples) == 103
    assert [s.split for s in samples] == ["train"] * 100 + ["test"] * 3
    assert [s.file_name for s in samples[98:101]] == [f"japanesemacaque_{k}.jpg" for k in (99, 100, 101)]
    np.testing.assert_array_equal(points(samples[1]), face(9, 2))


@pytest.mark.parametrize("first", [0, 1])
def test_artface_trains_on_seven_of_each_ten(first: int, tmp_path: Path):
    names = [str(number) for number in range(first, first + 20)]
    samples = reading("artface", artface(tmp_path / "data", names)).dataset.samples
    assert [int(s.path.stem) - first for s in samples if s.split == "test"] == [7, 8, 9, 17, 18, 19]
    assert sum(s.split == "train" for s in samples) == 14


def test_artface_painters_may_be_named(tmp_path: Path):
    names = [f"{who}_{number}" for who in ("leger", "keane") for number in range(1, 11)]
    samples = reading("artface", artface(tmp_path / "data", names)).dataset.samples
    tested = [s.path.stem for s in samples if s.split == "test"]
    assert tested == ["keane_8", "keane_9", "keane_10", "leger_8", "leger_9", "leger_10"]


def test_cariface_by_lists(tmp_path: Path):
    samples = reading("cariface", cariface(tmp_path / "data", train=150, test=1)).dataset.samples
    assert [s.split for s in samples] == ["train"] * 148 + ["rest"] * 2 + ["test"]
    assert [s.file_name for s in samples[:2]] == ["images/00151.jpg", "images/00150.jpg"]
    np.testing.assert_array_equal(points(samples[1]), face(68, 1))
    label = tmp_path / "data" / "landmarks" / "00151.jpg.npy"
    np.save(label, face(67))
    [problem] = reading("cariface", tmp_path / "data").problems
    assert problem == f"{label}: found an array of 67 x 2 (float64), wanted 68 x 2 numbers"
    (tmp_path / "data" / "test_list.txt").unlink()
    with pytest.raises(DataError, match=r"no such file: .*test_list\.txt"):
        reading("cariface", tmp_path / "data")


def test_pare_by_its_mapping(tmp_path: Path):
    train, test = whole("pare", tmp_path)
    assert [(s.split, s.file_name) for s in (train, test)] == [("train", "images/04.tif"), ("test", "images/26.tif")]
    np.testing.assert_array_equal(points(test), face(9, 104))
    assert test.box == Box(1, 2, 144, 30)


@pytest.mark.parametrize("row", ["04.tif", "04.tif 150", "04.tif four", "04 tif 4"])
def test_a_wrong_row_of_pares_mapping_is_named(row: str, tmp_path: Path):
    mapping = pare(tmp_path / "data") / "mapping.txt"
    mapping.write_text(f"image_filename label_id\n26.tif 104\n\n{row}\n99.tif 9\n")
    found = reading("pare", tmp_path / "data")
    assert found.problems == (
        f"{mapping}, line 4: found {row!r}, wanted 'filename label_id' with a label from 0 to 149",
    )
    assert found.missing == ("99.tif",)


# COCO


def test_coco_never_counts_from_one(tmp_path: Path):
    with pytest.raises(DataError, match="--one-based is for text files that count from 1; COCO files count from 0"):
        Sources(tmp_path).add(ForeignSet(tmp_path, one_based=True), kind="coco")


def test_a_coco_file_without_some_of_its_pictures(tmp_path: Path):
    images = [{"id": k, "file_name": f"{k}.png", "width": 64, "height": 48, "style": "ink"} for k in (1, 2)]
    faces = [{"id": k, "image_id": k, "keypoints": [9, 9 + k, 2] * 4} for k in (1, 2)]
    path = tmp_path / "annotations.json"
    path.write_text(json.dumps({"images": images, "annotations": faces, "categories": [CATEGORY]}))
    with pytest.raises(DataError, match=r"no face of coco can be used in .*: no such picture: 1\.png"):
        reading("coco", path)
    write_picture(tmp_path / "2.png")
    for given in (path, tmp_path):
        assert detect(given) == "coco"
        found = reading("coco", given)
        assert found.missing == ("1.png",)
        [sample] = found.dataset.samples
        assert (sample.file_name, sample.subsets) == ("2.png", ("ink",))


def test_images_that_differ_from_the_file_and_labels_far_away_are_left_out(tmp_path: Path):
    images = [{"id": k, "file_name": f"{k}.png", "width": 64, "height": 48} for k in (1, 2, 3)]
    faces = [{"id": k, "image_id": k, "keypoints": [9, 9, 2, 30, 9, 2, 20, 20, 2, 20, 30, 2]} for k in (1, 2, 3)]
    faces[1]["keypoints"][6] = 1e30
    faces[1]["bbox"] = [5, 5, 30, 30]
    path = tmp_path / "annotations.json"
    path.write_text(json.dumps({"images": images, "annotations": faces, "categories": [CATEGORY]}))
    write_picture(tmp_path / "1.png", (48, 64))
    write_picture(tmp_path / "2.png")
    (tmp_path / "3.png").write_text("no picture")
    found = reading("coco", path)
    assert found.problems[0] == "picture 1.png: the file says 64 x 48 pixels, but it has 48 x 64 when upright"
    assert found.problems[1].endswith(
        "3.png cannot be used: this is not a JPEG, PNG, WebP, AVIF, HEIC, JPEG 2000, BMP, TIFF, GIF or PNM picture"
    )
    assert found.far == ("2.png, face 2: nose",)
    [sample] = found.dataset.samples
    assert sample.annotation is not None
    assert sample.annotation.labeled.tolist() == [True, True, False, True]
    assert warnings(found)[1] == (
        "coco: 1 faces have labels far outside their box, which are treated as unlabeled: 2.png, face 2: nose"
    )
