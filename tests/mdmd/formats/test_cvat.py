"""CVAT for images 1.1: skeletons and loose points with their boxes, and what CVAT's own loader wants."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from mdmd.data.records import Box
from mdmd.errors import DataError
from mdmd.formats.cvat import detect, read, write
from mdmd.formats.format import Reading
from mdmd.formats.labels import Face, Image, LabelSet
from mdmd.formats.xml import DEEPEST
from tests.builders import write_picture
from tests.mdmd.formats.foreign import SIZE, TRUTH, case, check_truth, one_image, same


def write_xml(folder: Path, images: str, labels: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "annotations.xml"
    meta = f"<meta><task><labels>{labels}</labels></task></meta>"
    file.write_text(f"<annotations><version>1.1</version>{meta}{images}</annotations>", encoding="utf-8")
    return file


def points(label: str, x: float, y: float, more: str = "") -> str:
    return f'<points label="{label}" points="{x},{y}" {more}/>'


@pytest.mark.parametrize("name", ["cvat_skeleton", "cvat_points"])
def test_a_set_of_another_machine_is_read(tmp_path: Path, name: str) -> None:
    place = case(name, tmp_path / "set")
    assert detect(place)
    assert detect(place / "annotations.xml")
    labels = read(place, Reading())
    check_truth(labels)
    assert labels.landmarks == tuple(TRUTH["names"])
    assert {image.split for image in labels.images} == {"train" if name == "cvat_skeleton" else None}
    assert {image.size for image in labels.images} == {SIZE}
    assert [image.path for image in labels.images] == [place / "images" / image.name for image in labels.images]


def test_skeletons_have_their_boxes_by_group_or_by_place(tmp_path: Path) -> None:
    def skeleton(x: float, more: str = "") -> str:
        return f'<skeleton label="face" {more}>{points("nose", x, 10)}{points("chin", x, 20)}</skeleton>'

    def box(x: float, more: str = "", label: str = "head") -> str:
        return f'<box label="{label}" xtl="{x}" ytl="0" xbr="{x + 10}" ybr="30" {more}/>'

    file = write_xml(
        tmp_path,
        '<image name="a.png" width="100" height="50">'
        + skeleton(5, 'group_id="3" source="auto"')
        + skeleton(25)
        + skeleton(95)
        + box(20)
        + box(0, 'group_id="3"')
        + box(60)
        + box(70, label="car")
        + '<polygon label="head" points="1,1;2,2;3,3"/><tag label="good"/>'
        + "</image>",
    )
    labels = read(file, Reading())
    [image] = labels.images
    found = [(face.points.tolist(), face.box, face.predicted, face.extra) for face in image.faces]
    assert found == [
        ([[5, 10], [5, 20]], Box(0, 0, 10, 30), True, {"class": "head"}),
        ([[25, 10], [25, 20]], Box(20, 0, 10, 30), False, {"class": "head"}),
        ([[95, 10], [95, 20]], None, False, {}),
        ([[0, 0], [0, 0]], Box(60, 0, 10, 30), False, {"class": "head"}),
    ]
    assert (image.path, image.size) == (None, (100, 50))
    assert [(out.record, out.why) for out in labels.left_out] == [
        ("a.png, polygon 1", "it is a polygon, wanted a skeleton, points or a box"),
        ("a.png, box 4", "no points are joined to a rectangle of the class 'car'"),
    ]


def test_a_turned_box_is_read_as_the_upright_one_around_it(tmp_path: Path) -> None:
    def box(more: str) -> str:
        return f'<box label="face" xtl="20" ytl="10" xbr="40" ybr="50" {more}/>'

    turns = ["90.0", "0", "", "-30", "180", "x"]
    images = [
        f'<image name="{k}.png" width="100" height="80">{points("nose", 30, 30)}{box(told and f"rotation={told!r}")}'
        "</image>"
        for k, told in enumerate(turns)
    ]
    labels = read(write_xml(tmp_path, "".join(images)), Reading())
    boxes = [image.faces[0].box for image in labels.images]
    upright, lying = [20, 10, 20, 40], [10, 20, 40, 20]
    w, h = (a * np.cos(np.pi / 6) + b * np.sin(np.pi / 6) for a, b in ((20, 40), (40, 20)))
    wanted = [lying, upright, upright, [30 - w / 2, 30 - h / 2, w, h], upright]
    found = [[box.x, box.y, box.w, box.h] for box in boxes[:-1] if box is not None]
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-6)
    assert boxes[-1] is None
    assert labels.changes == ("3 turned rectangles are read as the upright ones around them",)
    assert [(out.record, out.why) for out in labels.left_out] == [("5.png, box 1", "found 'x', wanted a number")]


def test_loose_points_are_faces_by_their_boxes(tmp_path: Path) -> None:
    file = write_xml(
        tmp_path,
        '<image name="a.png" width="100" height="50">'
        '<box label="face" xtl="0" ytl="0" xbr="20" ybr="20"/><box label="face" xtl="30" ytl="0" xbr="50" ybr="20"/>'
        + points("nose", 35, 5)
        + points("nose", 5, 5, 'occluded="1"')
        + points("chin", 5, 15)
        + points("chin", 90, 5)
        + points("nose", 6, 6)
        + '<points label="two" points="1,2;3,4"/>'
        + "</image>",
        "<label><name>chin</name><type>points</type></label><label><name>face</name><type>rectangle</type></label>",
    )
    labels = read(file, Reading())
    assert labels.landmarks == ("chin", "nose")
    [image] = labels.images
    assert [face.points.tolist() for face in image.faces] == [[[5, 15], [5, 5]], [[0, 0], [35, 5]]]
    assert [face.visibility.tolist() for face in image.faces] == [[2, 1], [0, 2]]
    assert [(out.record, out.why) for out in labels.left_out] == [
        ("a.png, points 6", "two has 2 points, wanted one"),
        ("a.png, points 4", "it has no group, and lies in none of several rectangles"),
        ("a.png, points 5", "its face has a point 'nose' already"),
    ]


def test_a_face_may_be_one_element_of_several_points(tmp_path: Path) -> None:
    rows = ["1,2;3,4", "5,6;7,8", "1,1;2,2;3,3"]
    elements = "".join(f'<points label="face" points="{row}"/>' for row in rows)
    labels = read(write_xml(tmp_path, f'<image name="a.png">{elements}</image>'), Reading())
    assert labels.landmarks == ("landmark_1", "landmark_2")
    assert [face.points.tolist() for face in labels.images[0].faces] == [[[1, 2], [3, 4]], [[5, 6], [7, 8]]]
    assert [out.why for out in labels.left_out] == ["it has 3 points, and most have 2"]


def test_one_kind_of_skeleton_is_read(tmp_path: Path) -> None:
    face = f'<skeleton label="face">{points("nose", 1, 2)}</skeleton>'
    hand = f'<skeleton label="hand">{points("thumb", 1, 2)}</skeleton>'
    labels = read(write_xml(tmp_path, f'<image name="a.png">{hand}{face}{face}</image>'), Reading())
    assert (labels.landmarks, labels.faces) == (("nose",), 2)
    [out] = labels.left_out
    assert out.why == "it is a skeleton 'hand', and most are 'face'"


def test_wrong_elements_are_left_out(tmp_path: Path) -> None:
    file = write_xml(
        tmp_path,
        '<image width="9"/><image name="a.png" width="x" height="-1">'
        + points("nose", 1, 2)
        + points("chin", 1e9, 2)
        + points("chin", float("nan"), 2)
        + points("", 1, 2)
        + points("chin", 1, 2, 'group_id="&#9;"')
        + '<box label="face" xtl="1" ytl="1" xbr="1" ybr="5"/></image><track label="face"/>',
    )
    labels = read(file, Reading())
    assert labels.landmarks == ("nose", "chin")
    assert labels.images[0].size is None
    assert [out.record for out in labels.left_out] == [
        "image 0",
        "track 1",
        "a.png, points 2",
        "a.png, points 3",
        "a.png, points 4",
        "a.png, box 1",
    ]
    assert labels.left_out[-1].why == (
        "its rectangle is (1.0, 1.0, 0.0, 4.0) (x, y, width, height), "
        "which must have a width and height of at least 0.001 pixels"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('<!DOCTYPE a [<!ENTITY b "c">]><annotations><meta>&b;</meta></annotations>', "it has a DOCTYPE or ENTITY"),
        ('<!doctype a SYSTEM "/etc/passwd"><annotations><meta/></annotations>', "it has a DOCTYPE or ENTITY"),
        ("<annotations><meta>&b;</meta></annotations>", "it is not XML (undefined entity"),
        ("<annotations><meta></annotations>", "it is not XML (mismatched tag"),
        ("<annotations><meta/>", "it is not XML (no element found"),
        ("<a><annotations><meta/></annotations></a>", "found <a>, wanted <annotations>"),
        ("<annotations><meta/>" + "<a>" * 100_000, f"its elements nest more than {DEEPEST} deep"),
        (
            "<annotations><meta/><track/></annotations>",
            "there are no pictures but tracks of a video (1): export it as CVAT for images",
        ),
        ('<annotations><image name="a.png"/></annotations>', "there are no named points"),
    ],
)
def test_a_file_that_cannot_be_read_is_said(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "annotations.xml"
    file.write_text(text)
    with pytest.raises(DataError) as error:
        read(tmp_path, Reading())
    assert said in str(error.value)


def test_the_drawing_of_a_skeleton_tells_the_edges(tmp_path: Path) -> None:
    svg = (
        '<line data-type="edge" data-node-from="1" data-node-to="2"/><line data-type="edge" data-node-from="2" '
        'data-node-to="1"/><line data-type="edge" data-node-from="2" data-node-to="9"/>'
        '<circle data-type="element node" data-node-id="1" data-label-name="chin"/>'
        '<circle data-type="element node" data-node-id="2" data-label-id="77"/>'
    )
    face = f'<image name="a.png"><skeleton label="face">{points("nose", 1, 2)}</skeleton></image>'

    def edges(drawing: str) -> tuple[tuple[int, int], ...]:
        kinds = [("nose", "points", "<parent>face</parent>"), ("chin", "points", "<parent>face</parent>")]
        escaped = drawing.replace("&", "&amp;").replace("<", "&lt;")
        kinds.append(("face", "skeleton", f"<svg>{escaped}</svg>"))
        text = "".join(f"<label><name>{name}</name><type>{kind}</type>{more}</label>" for name, kind, more in kinds)
        labels = read(write_xml(tmp_path, face, text), Reading())
        assert labels.landmarks == ("nose", "chin")
        return labels.edges

    assert edges(svg) == ()
    assert edges(svg.replace('data-label-id="77"', 'data-label-name="nose"')) == ((1, 0),)
    assert edges(svg.replace(' data-label-name="chin"', "")) == ((0, 1),)
    assert edges('<!DOCTYPE a [<!ENTITY b "c">]><line/>') == ()
    assert edges("<line>") == ()


def test_what_is_written_is_read_again_and_what_is_lost_is_counted(tmp_path: Path) -> None:
    table = [[10.1234567, 20, 2], [330, -4, 2], [100, 319.5, 1], [0, 0, 0]]
    first = one_image(tmp_path / "in", table, "s 1/ä&.png", box=Box(-5, 10, 200, 400), absent=np.arange(4) == 3)
    empty = Image("c.png", write_picture(tmp_path / "in" / "c.png", size=SIZE), (), SIZE, "val", subject="eve")
    second = Face(np.zeros((4, 2)), np.zeros(4, dtype=np.int64), predicted=True, scores=np.ones(4))
    names = ("eye left", "eye <right>", 'a "chin"', "nose")
    images = (Image(first.name, first.path, (*first.faces, second), SIZE, "train"), empty)
    labels = LabelSet(names, images, edges=((0, 1), (1, 3)), mirror=(1, 0, 2, 3))
    lost = write(labels, tmp_path / "out", "copy")
    assert [loss.words for loss in lost] == [
        "1 point that is absent becomes one without a label",
        "the subject of 1 picture is left out",
        "1 mirror pair is left out",
        "the score of 1 face is left out",
    ]
    again = read(tmp_path / "out", Reading())
    assert (again.landmarks, again.edges, again.left_out) == (names, ((0, 1), (1, 3)), ())
    assert [(image.name, image.size, image.split) for image in again.images] == [
        ("s 1/ä&.png", SIZE, "train"),
        ("c.png", SIZE, "val"),
    ]
    same(again.images[0].faces[0], first.faces[0])
    assert again.images[0].faces[1].visibility.tolist() == [0, 0, 0, 0]
    assert [face.predicted for face in again.images[0].faces] == [False, True]
    assert again.images[0].path == tmp_path / "out" / "images" / "s 1" / "ä&.png"


def test_the_labels_to_make_in_cvat_are_written(tmp_path: Path) -> None:
    """The list that CVAT's Raw editor takes, and the shapes that name the same labels."""
    image = one_image(tmp_path / "in", [[10, 20, 2], [30, 20, 2], [20, 40, 1]], box=Box(0, 0, 50, 50))
    names = ("left", "right", 'a "<b>" &')
    write(LabelSet(names, (image,), edges=((0, 2),)), tmp_path / "out", "none")
    skeleton, box = json.loads((tmp_path / "out" / "labels.json").read_text())
    assert (box["name"], box["type"]) == ("face box", "rectangle")
    assert (skeleton["name"], skeleton["type"]) == ("face", "skeleton")
    assert skeleton["sublabels"] == [{"name": name, "type": "points", "attributes": []} for name in names]
    svg = skeleton["svg"]
    for k, name in enumerate(names):  # as CVAT puts in the ids that its database gives
        svg = svg.replace(f'data-label-name="{name}"', f'data-label-id="{k}"')
    drawing = ElementTree.fromstring(f"<svg>{svg}</svg>")
    assert [part.tag for part in drawing] == ["line", "circle", "circle", "circle"]
    line, *circles = drawing
    assert (line.get("data-node-from"), line.get("data-node-to")) == ("1", "3")
    assert [circle.get("data-label-id") for circle in circles] == ["0", "1", "2"]
    assert [(circle.get("cx"), circle.get("cy")) for circle in circles] == [
        ("10.0", "10.0"),
        ("90.0", "10.0"),
        ("50.0", "90.0"),
    ]
    root = ElementTree.parse(tmp_path / "out" / "annotations.xml").getroot()
    [written] = root.iter("skeleton")
    assert (written.get("label"), written.get("group_id")) == ("face", root.findall("image/box")[0].get("group_id"))
    assert [(point.get("label"), point.get("outside"), point.get("occluded")) for point in written] == [
        ("left", "0", "0"),
        ("right", "0", "0"),
        (names[2], "0", "1"),
    ]
    assert not list((tmp_path / "out").rglob("*.png"))
