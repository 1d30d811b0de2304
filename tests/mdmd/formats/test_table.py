"""Tables in CSV and Parquet are read, written and read again."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pandas
import pytest
from hypothesis import given

from mdmd.data.records import Box
from mdmd.errors import DataError
from mdmd.formats import table
from mdmd.formats.format import Format, Reading
from mdmd.formats.labels import LabelSet
from tests.builders import write_picture
from tests.mdmd.formats.foreign import CASES, one_image, same
from tests.mdmd.formats.round_trips import check_mutation, check_round_trip, few, label_sets, mutations

WIDE = """Image;face;split;eye_X;Eye_y;eye_visibility;nose tip_x;nose tip_y
s/a.png;1;train;1,5;2;1;3;4
s/a.png;2;;5;6;0;;
b.png;;test;;;;;
"""
LONG = """filename,landmark,x,y,V,face,box_x,box_y,box_w,box_h
a.png,eye,1.5,2,1,1,1,2,30,40
a.png,nose,,,absent,1,1,2,30,40
a.png,eye,5,6,2,2,,,,
b.png,,,,,,,,,
"""
needs_pyarrow = pytest.mark.skipif(importlib.util.find_spec("pyarrow") is None, reason="pyarrow is not installed")


def test_a_wide_table_is_read(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text(WIDE.replace("Eye_y", "eye_y"))
    path = write_picture(tmp_path / "s" / "a.png")
    for place in (tmp_path, tmp_path / "labels.csv"):
        assert table.detect_wide(place)
        assert not table.detect_long(place)
        labels = table.read_csv(place, Reading())
        assert (labels.landmarks, labels.left_out) == (("eye", "nose tip"), ())
        first, second = labels.images
        assert (first.name, first.path, first.split) == ("s/a.png", path, "train")
        assert [face.points.tolist() for face in first.faces] == [[[1.5, 2], [3, 4]], [[0, 0], [0, 0]]]
        assert [face.visibility.tolist() for face in first.faces] == [[1, 2], [0, 0]]
        assert (second.name, second.split, second.faces) == ("b.png", "test", ())


def test_names_whose_lower_case_is_longer_are_kept(tmp_path: Path) -> None:
    names = ("Maß", "İris_1", "ŉ")
    header = ",".join(f"{name}_{axis}" for name in names for axis in "XY")
    (tmp_path / "labels.csv").write_text(f"image,{header}\na.png,1,2,3,4,5,6\n", encoding="utf-8")
    labels = table.read_csv(tmp_path / "labels.csv", Reading())
    assert labels.landmarks == names
    assert labels.images[0].faces[0].points.tolist() == [[1, 2], [3, 4], [5, 6]]


def test_a_long_table_is_read(tmp_path: Path) -> None:
    file = tmp_path / "labels.csv"
    file.write_text(LONG)
    assert table.detect_long(file)
    assert not table.detect_wide(file)
    labels = table.read_csv(file, Reading())
    assert labels.landmarks == ("eye", "nose")
    first, second = labels.images
    one, two = first.faces
    assert (one.points.tolist(), one.visibility.tolist(), one.box) == ([[1.5, 2], [0, 0]], [1, 0], Box(1, 2, 30, 40))
    assert one.absent is not None
    assert one.absent.tolist() == [False, True]
    assert (two.points.tolist(), two.visibility.tolist(), two.box) == ([[5, 6], [0, 0]], [2, 0], None)
    assert (two.absent, second.faces) == (None, ())


def test_rows_that_cannot_be_read_are_left_out(tmp_path: Path) -> None:
    file = tmp_path / "labels.tsv"
    rows = [
        "image\tface\ta_x\ta_y\ta_v",
        "p.png\t1\t1\t2",
        "p.png\t1\t3\t4\t2",
        "p.png\t2\tx\t4\t2",
        "p.png\t3\t1\t4\t3",
        "p.png\t4\t1\t\t2",
        "p.png\t5\t1e9\t1\t2",
        "p.png\t6\t1\t2\t2\t9",
        "\t7\t1\t2\t2",
    ]
    file.write_text("\n".join(rows))
    labels = table.read_csv(file, Reading())
    assert labels.faces == 1
    assert {out.record[17:]: out.why for out in labels.left_out} == {
        "3": "found 'a' of face '1' of 'p.png' a second time",
        "4": "found 'x', wanted a number",
        "5": "found '3' as v of 'a', wanted 0, 1, 2 or absent",
        "6": "'a' has v 2 and no x and y",
        "7": "found '1e9', wanted a number within 1,000,000",
        "8": "found 6 cells, wanted 5",
        "9": "found the image '', wanted its name",
    }


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it has no header"),
        ("a,b\n1,2\n", "found the columns 'a, b', wanted image"),
        ("image,a_x\n", "found 0 pairs of columns NAME_x and NAME_y"),
        ("image,a_x,a_y,A_x,a_X\n", "found two columns 'a_X'"),
    ],
)
def test_other_tables_are_refused(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "labels.csv"
    file.write_text(text)
    assert not table.detect_wide(file)
    with pytest.raises(DataError, match=why):
        table.read_csv(file, Reading())


def test_a_landmark_named_box_and_others_of_the_table(tmp_path: Path) -> None:
    points = [[10.25, 20, 2], [0, 0, 0], [100, 319.5, 1]]
    image = one_image(tmp_path / "in", points, "s1/a.png", box=Box(1, 2, 3, 4), absent=np.array([0, 1, 0]) > 0)
    labels = LabelSet(("box", "image", "a_x"), (image,), edges=((0, 1),), mirror=(1, 0, 2))
    lost = table.write_wide(labels, tmp_path / "out", "copy") if (tmp_path / "out").mkdir() is None else []
    assert [loss.words for loss in lost] == ["1 mirror pair is left out", "1 edge is left out"]
    assert (tmp_path / "out/labels.csv").read_text().splitlines() == [
        "image,face,face_box_x,face_box_y,face_box_w,face_box_h,box_x,box_y,box_v,image_x,image_y,image_v,"
        "a_x_x,a_x_y,a_x_v",
        "s1/a.png,1,1,2,3,4,10.25,20,2,,,absent,100,319.5,1",
    ]
    again = table.read_csv(tmp_path / "out", Reading())
    assert again.landmarks == labels.landmarks
    same(again.images[0].faces[0], image.faces[0])


@pytest.mark.parametrize("is_long", [False, True])
def test_a_template_is_read_as_pictures_without_faces(tmp_path: Path, is_long: bool) -> None:
    file = tmp_path / "new" / "labels.csv"
    table.write_template(("eye", "nose"), ("a.png", "s/b.png"), file, is_long=is_long)
    labels = table.read_csv(file, Reading())
    assert [(image.name, image.faces) for image in labels.images] == [("a.png", ()), ("s/b.png", ())]
    text = file.read_text()
    filled = (
        text.replace("a.png,,eye,,,", "a.png,,eye,1,2,1") if is_long else text.replace("a.png,,,,", "a.png,,1,2,1", 1)
    )
    file.write_text(filled)
    [face] = table.read_csv(file, Reading()).images[0].faces
    assert (face.points.tolist()[0], face.visibility.tolist()) == ([1, 2], [1, 0])


def test_a_template_refuses_names_that_it_cannot_keep(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the landmark ' eye' has a name that a table cannot keep"):
        table.write_template((" eye",), ("a.png",), tmp_path / "labels.csv")


@pytest.mark.parametrize("form", table.FORMATS, ids=lambda form: form.name)
def test_other_formats_are_not_taken(form: Format) -> None:
    assert [path for path in [*CASES.iterdir(), *CASES.rglob("*"), CASES / "nowhere"] if form.detect(path)] == []


@few
@given(label_sets())
def test_what_a_wide_table_loses_is_said(labels: LabelSet) -> None:
    check_round_trip(table.FORMAT_WIDE, labels)


@few
@given(label_sets())
def test_what_a_long_table_loses_is_said(labels: LabelSet) -> None:
    check_round_trip(table.FORMAT_LONG, labels)


@needs_pyarrow
@few
@given(label_sets())
def test_what_a_parquet_file_loses_is_said(labels: LabelSet) -> None:
    check_round_trip(table.FORMAT_PARQUET, labels)


@needs_pyarrow
def test_a_parquet_file_of_too_many_cells_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = one_image(tmp_path / "in", [[10.25, 20, 2]] * 2)
    (tmp_path / "out").mkdir()
    table.write_parquet(LabelSet(("eye", "ear"), (image,)), tmp_path / "out", "none")
    file = tmp_path / "out" / "labels.parquet"
    columns = len(pandas.read_parquet(file).columns)
    monkeypatch.setattr(table, "MOST_CELLS", 2 * columns)
    assert table.read_parquet(file, Reading()).faces == 1
    monkeypatch.setattr(table, "MOST_CELLS", 2 * columns - 1)
    with pytest.raises(DataError, match=f"has 2 rows of {columns} cells, wanted at most {2 * columns - 1} cells"):
        table.read_parquet(file, Reading())


@needs_pyarrow
def test_a_damaged_parquet_file_raises_nothing_else(tmp_path: Path) -> None:
    image = one_image(tmp_path / "in", [[10.25, 20, 2]])
    (tmp_path / "out").mkdir()
    table.write_parquet(LabelSet(("eye",), (image,)), tmp_path / "out", "none")
    file = tmp_path / "out" / "labels.parquet"
    content = file.read_bytes()
    chance = np.random.default_rng(0)
    for _ in range(100):
        damaged = bytearray(content)
        for place in chance.integers(0, len(content), 6):
            damaged[place] = chance.integers(0, 256)
        file.write_bytes(damaged)
        try:
            table.read_parquet(file, Reading())
        except DataError:
            continue


def test_without_pyarrow_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    assert table.detect_parquet(tmp_path)
    with pytest.raises(DataError, match="needs pyarrow: pip install pyarrow"):
        table.read_parquet(tmp_path, Reading())


@pytest.mark.parametrize("text", [WIDE, LONG], ids=["wide", "long"])
def test_damaged_tables_raise_nothing_else(tmp_path: Path, text: str) -> None:
    file = tmp_path / "labels.csv"

    @given(mutations(text))
    def damaged(edited: str) -> None:
        check_mutation(table.FORMAT_WIDE, tmp_path, file, edited)

    damaged()
