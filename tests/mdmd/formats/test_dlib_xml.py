"""dlib's XML files are read, written and read again."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given

from mdmd.data.records import Box
from mdmd.errors import DataError
from mdmd.formats import dlib_xml
from mdmd.formats.format import Reading
from mdmd.formats.labels import LabelSet
from tests.mdmd.formats.foreign import CASES, TRUTH, case, check_truth, one_image
from tests.mdmd.formats.round_trips import check_mutation, check_round_trip, few, label_sets, mutations

START = "<?xml version='1.0' encoding='ISO-8859-1'?>\n<dataset><images>"
END = "</images></dataset>"


def test_a_file_is_read(tmp_path: Path) -> None:
    place = case("dlib_imglab", tmp_path / "set")
    for one in (place, place / "faces.xml"):
        assert dlib_xml.detect(one)
        labels = dlib_xml.read(one, Reading())
        assert labels.landmarks == tuple(sorted(TRUTH["names"]))
        check_truth(labels, hidden=False, within=0.501)
        assert labels.images[0].faces[0].box == Box(56, 70, 203, 195)
        assert labels.images[0].path == place / "00002-cup.jpg"
        assert {image.split for image in labels.images} == {None}


def test_numbers_as_names_ignored_boxes_and_what_cannot_be_read(tmp_path: Path) -> None:
    box = "<box top='1' left='2' width='30' height='40'"
    boxes = [
        f"{box}><label>ape</label><part name='10' x='3' y='4'/><part name='02' x='5' y='6'/></box>",
        f"{box} ignore='1'><part name='no' x='1' y='1'/></box>",
        f"{box}/>",
        f"{box}><part name='02' x='a' y='4'/></box>",
        f"{box}><part name='02' x='1' y='4'/><part name='02' x='1' y='4'/></box>",
        f"{box}><part name='02' x='1'/></box>",
        "<box top='1' left='2' width='0' height='4'/>",
        "<box top='1' left='2' width='1e999' height='4'/>",
    ]
    file = tmp_path / "training_with_points.xml"
    file.write_bytes(f"{START}<image file='ü.jpg'>{''.join(boxes)}</image><image/>{END}".encode())
    labels = dlib_xml.read(file, Reading())
    [image] = labels.images
    assert (image.name, image.split, image.size) == ("ü.jpg", "train", None)
    assert labels.landmarks == ("02", "10")
    assert [face.points.tolist() for face in image.faces] == [[[5, 6], [3, 4]], [[0, 0], [0, 0]]]
    assert image.faces[0].extra == {"label": "ape"}
    assert labels.changes == ("1 box that is to be ignored is left out",)
    assert [out.record.rpartition(", ")[2] for out in labels.left_out] == [
        "box 4",
        "box 5",
        "box 6",
        "box 7",
        "box 8",
        "image 2",
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("<!DOCTYPE d [<!ENTITY a 'b'>]><dataset><images/></dataset>", "it has a DOCTYPE or ENTITY, which is not read"),
        ("<dataset><images>" + "<a>" * 50, "its elements nest more than 50 deep"),
        ("<dataset><images>", "it is not XML"),
        ("<other/>", "found <other>, wanted <dataset>"),
        ("<dataset><name/></dataset>", "it has no <dataset><images>"),
        ("<?xml version='1.0' encoding='nonsense'?><dataset>\xff</dataset>", "it has no <dataset><images>"),
    ],
)
def test_other_xml_is_refused(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "a.xml"
    file.write_text(text, encoding="latin-1")
    with pytest.raises(DataError, match=why):
        dlib_xml.read(file, Reading())


def test_a_file_is_written(tmp_path: Path) -> None:
    image = one_image(tmp_path / "in", [[10.5, 20, 2], [0, 0, 0], [100, 319.4, 1]], "s1/a.png")
    lost = dlib_xml.write(LabelSet(("b", "c", "a"), (image,)), tmp_path / "out", "copy")
    assert [loss.words for loss in lost] == [
        "1 hidden point becomes visible",
        "2 points are rounded to whole pixels",
        "the name of 1 landmark is left out",
    ]
    assert (tmp_path / "out/faces.xml").read_text().splitlines()[4:10] == [
        "  <image file=\"s1/a.png\" width='320' height='320'>",
        "    <box top='20' left='11' width='90' height='299'>",
        "      <part name=\"a\" x='100' y='319'/>",
        "      <part name=\"b\" x='11' y='20'/>",
        "    </box>",
        "  </image>",
    ]


def test_other_formats_are_not_taken() -> None:
    paths = [*CASES.iterdir(), *CASES.rglob("*"), CASES / "nowhere"]
    assert {path.relative_to(CASES).parts[0] for path in paths if dlib_xml.detect(path)} == {"dlib_imglab"}


@few
@given(label_sets())
def test_what_is_lost_is_said(labels: LabelSet) -> None:
    check_round_trip(dlib_xml.FORMAT, labels, within=0.501, boxes_within=1, gains=frozenset({"box"}))


def test_damaged_files_raise_nothing_else(tmp_path_factory: pytest.TempPathFactory) -> None:
    place = case("dlib_imglab", tmp_path_factory.mktemp("damaged") / "set")
    file = place / "faces.xml"

    @given(mutations(file.read_text()))
    def damaged(edited: str) -> None:
        check_mutation(dlib_xml.FORMAT, place, file, edited)

    damaged()
