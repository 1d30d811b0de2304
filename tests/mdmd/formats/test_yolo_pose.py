"""YOLO-pose: what Ultralytics writes is read, and what is written is what it reads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given

from mdmd.data.records import Box
from mdmd.errors import DataError
from mdmd.formats.format import Reading
from mdmd.formats.known import detect
from mdmd.formats.labels import Image, LabelSet
from mdmd.formats.text import yaml_of
from mdmd.formats.yolo_pose import FORMAT, read, write
from tests.builders import write_picture
from tests.mdmd.formats.foreign import SIZE, TRUTH, case, check_truth, one_image, same
from tests.mdmd.formats.round_trips import check_round_trip, few, label_sets

NAMES = ("eye_left", "eye_right", "chin")


def test_a_set_of_another_machine_is_read(tmp_path: Path) -> None:
    place = case("yolo_pose", tmp_path / "set")
    assert detect(place).name == "yolo-pose"
    labels = read(place, Reading())
    check_truth(labels)
    assert labels.landmarks == tuple(TRUTH["names"])
    assert labels.mirror == (3, 2, 1, 0, 4, 6, 5, 7, 8)
    assert {image.split for image in labels.images} == {"train"}
    assert all(image.faces[0].box is not None for image in labels.images)


def test_without_its_names_and_pairs_landmarks_are_numbered(tmp_path: Path) -> None:
    place = case("yolo_pose", tmp_path / "set")
    file = place / "data.yaml"
    told = yaml.safe_load(file.read_text())
    del told["kpt_names"]
    told["flip_idx"] = [1, 2, 0, 3, 4, 5, 6, 7, 8]
    file.write_text(yaml.safe_dump(told))
    labels = read(file, Reading())
    assert labels.landmarks == tuple(f"landmark_{k}" for k in range(1, 10))
    assert labels.mirror is None
    assert labels.changes == ("flip_idx in data.yaml is not a list of mirrored landmarks: it is not used",)


def test_two_numbers_a_landmark_and_lines_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "labels").mkdir()
    (tmp_path / "data.yaml").write_text("train: images\nkpt_shape: [2, 2]\nnames: [ape]\n")
    (tmp_path / "labels" / "a.txt").write_text("0 .5 .5 1 1 .25 .5 0 0\n\n0 1 2\n0 a b c d e f g h\n")
    (tmp_path / "labels" / "gone.txt").write_text("0 .5 .5 1 1 .25 .5 0 0\n")
    write_picture(tmp_path / "images" / "a.png", size=(40, 20))
    labels = read(tmp_path, Reading())
    [image] = labels.images
    [face] = image.faces
    assert (face.points.tolist(), face.visibility.tolist()) == ([[10, 10], [0, 0]], [2, 0])
    assert (face.box, face.extra) == (Box(0, 0, 40, 20), {"class": "ape"})
    assert [out.record for out in labels.left_out] == [
        "labels/a.txt, line 3",
        "labels/a.txt, line 4",
        "labels/gone.txt",
    ]
    assert "found 3 numbers, wanted 9" in labels.left_out[0].why


@pytest.mark.parametrize("shape", ["[9]", "[0, 3]", "[9, 4]", "nine", "[true, 3]"])
def test_an_impossible_shape_is_said(tmp_path: Path, shape: str) -> None:
    (tmp_path / "data.yaml").write_text(f"kpt_shape: {shape}\n")
    with pytest.raises(DataError, match=r"kpt_shape is .*, wanted the number of landmarks, and 2 or 3"):
        read(tmp_path, Reading())


def test_what_is_written_is_read_again_and_what_is_lost_is_counted(tmp_path: Path) -> None:
    points = [[10.123456, 20, 2], [330, 40, 2], [100, 319.5, 1]]
    first = one_image(tmp_path / "in", points, "s1/a.png", box=Box(-5, 10, 200, 400), absent=np.array([0, 0, 0]) > 0)
    second = one_image(tmp_path / "in", [[1, 2, 2], [0, 0, 0], [0, 0, 0]], "b.png", absent=np.array([0, 1, 1]) > 0)
    empty = Image("c.png", write_picture(tmp_path / "in" / "c.png", size=SIZE), (), SIZE, "val", subject="eve")
    labels = LabelSet(NAMES, (first, second, empty), edges=((0, 1),), mirror=(1, 0, 2))
    lost = write(labels, tmp_path / "out", "copy")
    assert [loss.words for loss in lost] == [
        "1 face is left out",
        "1 point outside its picture is left out",
        "the subject of 1 picture is left out",
        "1 edge is left out",
    ]
    told = yaml.safe_load((tmp_path / "out" / "data.yaml").read_text())
    assert (told["train"], told["val"], told["flip_idx"]) == ("images/train", "images/val", [1, 0, 2])
    again = read(tmp_path / "out", Reading())
    assert (again.landmarks, again.mirror, again.left_out) == (NAMES, (1, 0, 2), ())
    found = {image.name: image for image in again.images}
    assert (found["c.png"].split, found["c.png"].faces) == ("val", ())
    wanted = one_image(tmp_path / "in", [points[0], [0, 0, 0], points[2]], box=Box(0, 10, 195, 310))
    same(found["s1/a.png"].faces[0], wanted.faces[0])
    assert found["s1/a.png"].path == tmp_path / "out" / "images" / "train" / "s1" / "a.png"


@few
@given(label_sets(outside=False).filter(lambda labels: labels.images))
def test_what_is_lost_is_said(labels: LabelSet) -> None:
    check_round_trip(FORMAT, labels, renames=True, gains=frozenset({"box", "split"}))


def test_pictures_that_differ_in_their_ending_only_have_labels_of_their_own(tmp_path: Path) -> None:
    given = [("a.png", None), ("a.bmp", None), ("a.bmp", "val"), ("images/a.png", None), ("images_/a.png", None)]
    images = [
        one_image(tmp_path / "in", [[k + 1, 9, 2]], name, box=Box(0, 0, 9, 9)) for k, (name, _) in enumerate(given)
    ]
    images = [replace(image, split=split) for image, (_, split) in zip(images, given, strict=True)]
    write(LabelSet(("nose",), tuple(images)), tmp_path / "out", "copy")
    found = {
        (image.split, image.name): image.faces[0].points[0, 0] for image in read(tmp_path / "out", Reading()).images
    }
    assert found == {
        ("train", "a.png"): pytest.approx(1),
        ("train", "a-2.bmp"): pytest.approx(2),
        ("val", "a.bmp"): pytest.approx(3),
        ("train", "images_/a.png"): pytest.approx(4),
        ("train", "images_/a-2.png"): pytest.approx(5),
    }


@pytest.mark.parametrize("others", ["0001.txt", "0002.txt"])
def test_labels_do_not_take_the_picture_of_another_split(tmp_path: Path, others: str) -> None:
    (tmp_path / "data.yaml").write_text("train: images/train\nval: images/val\nkpt_shape: [1, 3]\nnames: [face]\n")
    for split, name in (("train", "0001.txt"), ("val", others)):
        (tmp_path / "labels" / split).mkdir(parents=True)
        (tmp_path / "labels" / split / name).write_text("0 .5 .5 1 1 .25 .5 2\n")
    for name in ("0001.png", "0002.png"):
        write_picture(tmp_path / "images" / "val" / name, size=(40, 20))
    labels = read(tmp_path, Reading())
    assert [(image.split, image.path and image.path.stem) for image in labels.images] == [("val", others[:4])]
    assert [(out.record, out.why) for out in labels.left_out] == [
        (
            "labels/train/0001.txt",
            f"its picture is not there, and {tmp_path / 'images/val/0001.png'} is that of other labels",
        )
    ]
    (tmp_path / "images" / "val" / "0001.png").rename(tmp_path / "0001.png")  # of no split
    if others != "0001.txt":
        assert {image.split for image in read(tmp_path, Reading()).images} == {"train", "val"}


def one_picture(folder: Path, told: str, labels: str = "0 .5 .5 1 1 .25 .5 2\n") -> Path:
    """A set of one picture, whose data.yaml says what is `told`."""
    (folder / "labels").mkdir()
    (folder / "labels" / "a.txt").write_text(labels)
    write_picture(folder / "images" / "a.png", size=(40, 20))
    (folder / "data.yaml").write_text(told)
    return folder


def test_a_list_of_pictures_has_blank_lines_and_names_no_other_list(tmp_path: Path) -> None:
    place = one_picture(tmp_path, "train: train.txt\nkpt_shape: [1, 3]\n")
    lines = ["", "  ", ".", "..", "train.txt.jpg", "./images/a.png", "\0.png", "x" * 5000]
    (tmp_path / "train.txt").write_text("\n".join(lines))
    labels = read(place, Reading())
    assert [image.path for image in labels.images] == [tmp_path / "images" / "a.png"]
    assert [out.record for out in labels.left_out] == ["train.txt, line 7", "train.txt, line 8"]
    assert "which holds the character U+0000" in labels.left_out[0].why
    (tmp_path / "data.yaml").write_text(f"train: {'x' * 5000}\nkpt_shape: [1, 3]\n")
    with pytest.raises(DataError, match="wanted names of at most 255 bytes"):
        read(place, Reading())


@pytest.mark.parametrize("number", ["inf", "-inf", "nan"])
def test_a_class_that_is_no_number_is_said(tmp_path: Path, number: str) -> None:
    line = "0 .5 .5 1 1 .25 .5 2\n"
    place = one_picture(tmp_path, "train: images\nkpt_shape: [1, 3]\nnames: {0: face}\n", line + number + line[1:])
    labels = read(place, Reading())
    assert len(labels.images[0].faces) == 1
    assert [(out.record, out.why) for out in labels.left_out] == [
        ("labels/a.txt, line 2", f"found the class {number}, wanted its number")
    ]


@pytest.mark.parametrize("number", ["0x" + "f" * 5000, "1" * 5000])
def test_a_number_in_yaml_that_cannot_be_written_out_is_refused(tmp_path: Path, number: str) -> None:
    (tmp_path / "data.yaml").write_text(f"kpt_shape: [{number}, 3]\n")
    with pytest.raises(
        DataError, match=r"data\.yaml cannot be read: found a whole number of 5,00\d characters, wanted"
    ):
        yaml_of(tmp_path / "data.yaml", "names")


@pytest.mark.parametrize("end", ["1", "1.5"])
def test_numbers_to_the_base_60_are_text(tmp_path: Path, end: str) -> None:
    (tmp_path / "data.yaml").write_text(f"time: 1:30\nlong: {'1:' * 200_000}{end}\n")
    told = yaml_of(tmp_path / "data.yaml", "names")
    assert (told["time"], len(told["long"])) == ("1:30", 400_000 + len(end))


@pytest.mark.parametrize("value", ["!!int ''", "!!float ''", "!!bool x", "!!timestamp x"])
def test_yaml_whose_value_is_none_of_its_tag_is_refused(tmp_path: Path, value: str) -> None:
    (tmp_path / "data.yaml").write_text(f"kpt_shape: {value}\n")
    with pytest.raises(DataError, match=r"data\.yaml cannot be read: a value is none of its tag"):
        yaml_of(tmp_path / "data.yaml", "names")


@pytest.mark.parametrize("line", ["a{0}: &a{0} [{1}]", "a{0}: &a{0} {{<<: [{1}]}}"])
def test_yaml_that_stands_for_billions_of_values_is_refused(tmp_path: Path, line: str) -> None:
    lines = ["a0: &a0 {x: 1}", *(line.format(k, ", ".join([f"*a{k - 1}"] * 10)) for k in range(1, 10)), "names: *a9"]
    (tmp_path / "data.yaml").write_text("\n".join(lines))
    with pytest.raises(DataError, match="it refers to itself until it has more than 1,000,000 values"):
        yaml_of(tmp_path / "data.yaml", "names")


def test_yaml_that_refers_to_values_or_holds_none_is_read(tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text("a: &names [x, y]\nnames: *names\n")
    assert yaml_of(tmp_path / "data.yaml", "names") == {"a": ["x", "y"], "names": ["x", "y"]}
    for content, found in (("", "NoneType"), ("a: &a [*a]", None)):
        (tmp_path / "data.yaml").write_text(content)
        with pytest.raises(DataError, match=f"found {found}" if found else "refers to itself"):
            yaml_of(tmp_path / "data.yaml", "names")
