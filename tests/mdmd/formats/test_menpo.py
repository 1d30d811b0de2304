"""menpo's .pts and .ljson files are read, written and read again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given

from mdmd.errors import DataError
from mdmd.formats import menpo
from mdmd.formats.format import Format, Reading
from mdmd.formats.labels import LabelSet
from tests.builders import write_picture
from tests.mdmd.formats.foreign import CASES, TRUTH, case, check_truth, one_image
from tests.mdmd.formats.round_trips import check_mutation, check_round_trip, few, label_sets, mutations

ONE = Reading(one_based=True)


def write_points(path: Path, points: list[list[float]]) -> Path:
    rows = "\n".join(" ".join(map(str, point)) for point in points)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"version: 1\nn_points:  {len(points)}\n{{\n{rows}\n}}")
    return path


def test_pts_files_are_read_from_one(tmp_path: Path) -> None:
    place = case("menpo_pts", tmp_path / "set")
    assert menpo.detect_pts(place)
    labels = menpo.read_pts(place, ONE)
    named = LabelSet(tuple(TRUTH["names"]), labels.images)
    check_truth(named, hidden=False, files=2)
    assert labels.landmarks == tuple(f"landmark_{k}" for k in range(1, 10))
    assert [image.name for image in labels.images] == ["00002-cup.jpg", "00004-handbag.jpg"]
    [one] = menpo.read_pts(place / "00002-cup.pts", Reading(one_based=False)).images
    assert one.faces[0].points[0].tolist() == [135.51, 109.49]


def test_whether_the_first_pixel_is_0_or_1_must_be_known(tmp_path: Path) -> None:
    place = case("menpo_pts", tmp_path / "set")
    with pytest.raises(DataError, match="do not say whether the first pixel is 0 or 1: give --one-based"):
        menpo.read_pts(place, Reading())


@pytest.mark.parametrize(
    ("points", "first"),
    [
        ([[0.5, 20], [30, 40]], 0),
        ([[20.5, 41], [30, 20]], 1),
        ([[20.5, 41.5], [30, 20]], None),  # outside of the picture of 60 x 40, whichever is true
        ([[-0.5, 40], [30, 20]], None),
        ([[0.5, 41], [30, 20]], None),  # both is proven
    ],
)
def test_points_that_prove_the_first_pixel(tmp_path: Path, points: list[list[float]], first: int | None) -> None:
    file = write_points(tmp_path / "a.pts", points)
    write_picture(tmp_path / "a.png", size=(60, 40))
    if first is None:
        with pytest.raises(DataError, match="--zero-based"):
            menpo.read_pts(file, Reading())
        return
    labels = menpo.read_pts(file, Reading())
    [image] = labels.images
    assert image.faces[0].points.tolist() == (np.array(points) - first).tolist()
    [said] = labels.changes
    assert said.startswith(f"pixels are counted from {first}, because 1 point lies inside the picture only then")


def test_several_faces_of_a_picture_and_files_that_cannot_be_read(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", size=(60, 40))
    write_picture(tmp_path / "b_2.png", size=(60, 40))
    for name, x in (("a", 3), ("a_2", 4), ("a_3", 5), ("b", 6), ("b_2", 7), ("c", 8), ("c_2", 9)):
        write_points(tmp_path / f"{name}.pts", [[x, 2], [3, 4]])
    write_points(tmp_path / "few.pts", [[1, 2]])
    (tmp_path / "short.pts").write_text("version: 1\nn_points: 3\n{\n1 2\n3 4\n}")
    (tmp_path / "solid.pts").write_text("version: 1\nn_points: 2\n{\n1 2 3\n3 4 5\n}")
    labels = menpo.read_pts(tmp_path, ONE)
    found = {image.name: [face.points[0, 0] for face in image.faces] for image in labels.images}
    assert found == {"a.png": [2, 3, 4], "b.jpg": [5], "b_2.png": [6], "c.jpg": [7, 8]}
    assert {out.record: out.why for out in labels.left_out} == {
        "few.pts": "found 1 point, wanted 2 points that most others have",
        "short.pts": "found 2 points, wanted 3 as n_points says, and 1 to 1000",
        "solid.pts": "found '1 2 3', wanted x and y",
    }


def test_ljson_files_are_read(tmp_path: Path) -> None:
    place = case("menpo_ljson", tmp_path / "set")
    assert menpo.detect_ljson(place)
    labels = menpo.read_ljson(place, Reading())
    assert labels.landmarks == tuple(f"landmark_{k}" for k in range(1, 10))
    check_truth(LabelSet(tuple(TRUTH["names"]), labels.images), hidden=False)


def test_older_versions_of_ljson(tmp_path: Path) -> None:
    points = [{"point": [2, 1]}, {"point": [4, 3]}]
    groups = [
        {"label": "eye", "landmarks": points[:1], "connectivity": []},
        {"label": "brow", "landmarks": [*points, {"point": [None, None]}], "connectivity": [[0, 1], [0, 9]]},
    ]
    first = tmp_path / "a.ljson"
    first.write_text(json.dumps({"version": 1, "groups": groups}))
    labels = menpo.read_ljson(first, Reading())
    [face] = labels.images[0].faces
    assert face.points.tolist() == [[1, 2], [1, 2], [3, 4], [0, 0]]
    assert (face.visibility.tolist(), labels.edges) == ([2, 2, 2, 0], ((1, 2),))
    second = tmp_path / "b.ljson"
    named = [{"label": "eye", "mask": [1]}, {"label": "brow", "mask": [0]}, {"label": "all", "mask": [0, 1]}]
    told = {"version": 2, "labels": named, "landmarks": {"points": [[2, 1], [4, 3]]}}
    second.write_text(json.dumps(told))
    labels = menpo.read_ljson(second, Reading())
    assert labels.landmarks == ("brow", "eye")
    assert labels.images[0].faces[0].points.tolist() == [[1, 2], [3, 4]]


def test_groups_that_cannot_be_read_are_left_out(tmp_path: Path) -> None:
    good = {"landmarks": {"points": [[1, 2], [None, None]]}}
    groups = {
        "LJSON": good,
        "other": good,
        "text": {"landmarks": {"points": [["1", 2], [3, 4]]}},
        "three": {"landmarks": {"points": [[1, 2, 3], [3, 4, 5]]}},
        "far": {"landmarks": {"points": [[1e9, 2], [3, 4]]}},
        "none": [],
    }
    (tmp_path / "a.ljson").write_text(json.dumps({"version": 3, "groups": groups}))
    (tmp_path / "b.ljson").write_text('{"version": 4}')
    (tmp_path / "c.ljson").write_text('{"version": 3, "groups": {}}')
    labels = menpo.read_ljson(tmp_path, Reading())
    assert {image.name: len(image.faces) for image in labels.images} == {"a.jpg": 2, "c.jpg": 0}
    assert labels.images[1].faces[1].extra == {"group": "other"}
    assert [out.record for out in labels.left_out] == [
        "a.ljson, group 'text'",
        "a.ljson, group 'three'",
        "a.ljson, group 'none'",
        "b.ljson",
        "a.ljson",
    ]


def test_pts_are_written_from_one_with_three_decimals(tmp_path: Path) -> None:
    image = one_image(tmp_path / "in", [[10.25, 20, 2], [100, 319.5, 1]], "s1/a.png")
    other = one_image(tmp_path / "in", [[10.25, 20, 2], [0, 0, 0]], "b.png")
    lost = menpo.write_pts(LabelSet(("eye", "nose"), (image, other)), tmp_path / "out", "copy")
    assert [loss.words for loss in lost] == [
        "1 hidden point becomes visible",
        "1 face is left out",
        "1 picture without a face is left out",
        "the names of 2 landmarks are left out",
    ]
    text = (tmp_path / "out/s1/a.pts").read_text()
    assert text == "version: 1\nn_points: 2\n{\n11.250 21.000\n101.000 320.500\n}\n"
    assert not (tmp_path / "out/b.png").exists()


def test_pictures_in_a_folder_of_their_own(tmp_path: Path) -> None:
    for name in ("a", "a_2"):
        write_picture(tmp_path / "images" / f"{name}.png", size=(60, 40))
        write_points(tmp_path / "set" / "labels" / f"{name}.pts", [[3, 2]])
    how = Reading(pictures=tmp_path / "images", one_based=True)
    labels = menpo.read_pts(tmp_path / "set", how)
    assert [(image.path, len(image.faces)) for image in labels.images] == [
        (tmp_path / "images" / "a.png", 1),
        (tmp_path / "images" / "a_2.png", 1),
    ]


def test_a_further_face_takes_no_name_of_a_picture(tmp_path: Path) -> None:
    first = one_image(tmp_path / "in", [[1, 2, 2]], "a.png")
    first = replace(first, faces=(*first.faces, *one_image(tmp_path / "in", [[3, 4, 2]], "a.png").faces))
    others = [one_image(tmp_path / "in", [[5, 6, 2]], name) for name in ("a_2.png", "s1/a_3.png")]
    labels = LabelSet(("eye",), (first, *others))
    menpo.write_pts(labels, tmp_path / "out", "copy")
    again = menpo.read_pts(tmp_path / "out", ONE)
    found = {image.name: [face.points.tolist() for face in image.faces] for image in again.images}
    assert found == {"a.png": [[[1, 2]], [[3, 4]]], "a_2.png": [[[5, 6]]], "s1/a_3.png": [[[5, 6]]]}


@pytest.mark.parametrize("form", menpo.FORMATS, ids=lambda form: form.name)
def test_other_formats_are_not_taken(form: Format) -> None:
    taken = {path.relative_to(CASES).parts[0] for path in [*CASES.iterdir(), *CASES.rglob("*")] if form.detect(path)}
    assert taken == {f"menpo_{form.name}"}
    assert not form.detect(CASES / "nowhere")


@few
@given(label_sets())
def test_what_pts_loses_is_said(labels: LabelSet) -> None:
    check_round_trip(menpo.FORMAT_PTS, labels, how=ONE)


@few
@given(label_sets())
def test_what_ljson_loses_is_said(labels: LabelSet) -> None:
    check_round_trip(menpo.FORMAT_LJSON, labels)


@pytest.mark.parametrize("form", menpo.FORMATS, ids=lambda form: form.name)
def test_damaged_files_raise_nothing_else(tmp_path_factory: pytest.TempPathFactory, form: Format) -> None:
    place = case(f"menpo_{form.name}", tmp_path_factory.mktemp("damaged") / "set")
    file = place / f"00002-cup.{form.name}"

    @given(mutations(file.read_text()))
    def damaged(edited: str) -> None:
        check_mutation(form, place, file, edited, ONE)

    damaged()
