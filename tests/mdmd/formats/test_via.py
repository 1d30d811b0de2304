"""VIA 2: projects and annotations, whose attributes may be called anything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mdmd.data.records import Box
from mdmd.errors import DataError
from mdmd.files import write_json
from mdmd.formats.format import Reading
from mdmd.formats.labels import Face, Image, LabelSet
from mdmd.formats.via import detect, read, write
from tests.builders import write_picture
from tests.mdmd.formats.foreign import SIZE, one_image, same


def point(x: Any, y: Any, **attributes: Any) -> dict[str, Any]:
    return {"shape_attributes": {"name": "point", "cx": x, "cy": y}, "region_attributes": attributes}


def rect(x: Any, y: Any, w: Any, h: Any, **attributes: Any) -> dict[str, Any]:
    shape = {"name": "rect", "x": x, "y": y, "width": w, "height": h}
    return {"shape_attributes": shape, "region_attributes": attributes}


def file(regions: Any, name: Any = "a.png", **attributes: Any) -> dict[str, Any]:
    return {"filename": name, "size": 123, "regions": regions, "file_attributes": attributes}


def read_files(folder: Path, told: Any) -> LabelSet:
    write_json(folder / "via.json", told)
    assert detect(folder)
    assert detect(folder / "via.json")
    return read(folder, Reading())


def test_annotations_and_projects_are_read(tmp_path: Path) -> None:
    path = write_picture(tmp_path / "images" / "a.png")
    regions = [
        rect(1, 2, 30, 40, face="1"),
        point(3, 4, landmark="nose", face="1"),
        point(5, 6, landmark="chin", face="1", visibility="hidden"),
        point(7, 8, landmark="nose", face="2", visibility="visible"),
    ]
    files = {"a.png123": file(regions, split="val", subject="eve", width="64", height="48")}
    labels = read_files(tmp_path, files)
    assert labels.landmarks == ("nose", "chin")
    [image] = labels.images
    assert (image.name, image.path, image.size) == ("a.png", path, (64, 48))
    assert (image.split, image.subject) == ("val", "eve")
    one, two = image.faces
    assert (one.points.tolist(), one.visibility.tolist(), one.box) == ([[3, 4], [5, 6]], [2, 1], Box(1, 2, 30, 40))
    assert (two.points.tolist(), two.visibility.tolist(), two.box) == ([[7, 8], [0, 0]], [2, 0], None)
    options = {"type": "dropdown", "options": {"ear": "", "chin": "", "nose": ""}}
    project = {"_via_settings": {}, "_via_img_metadata": files, "_via_attributes": {"region": {"landmark": options}}}
    assert read_files(tmp_path, project).landmarks == ("ear", "chin", "nose")
    project["_via_attributes"] = {"region": {"Label": options}}
    assert read_files(tmp_path, project).landmarks == ("chin", "nose")


@pytest.mark.parametrize(
    ("attributes", "name", "visibility"),
    [
        ({"Landmark": "nose", "label": "other"}, "nose", 2),
        ({"keypoint": "nose"}, "nose", 2),
        ({"name": "", "label": "nose"}, "nose", 2),
        ({"class": {"ear": False, "nose": True}}, "nose", 2),
        ({"name": "nose", "visibility": "Occluded"}, "nose", 1),
        ({"name": "nose", "visibility": {"hidden": True}}, "nose", 1),
        ({"name": "nose", "hidden": "yes"}, "nose", 1),
        ({"name": "nose", "occluded": "1"}, "nose", 1),
        ({"name": "nose", "occluded": True}, "nose", 1),
        ({"name": "nose", "occluded": "no", "hidden": ""}, "nose", 2),
        ({"name": "nose", "visibility": 3}, "nose", 2),
    ],
)
def test_attributes_may_be_called_in_several_ways(
    tmp_path: Path, attributes: dict[str, Any], name: str, visibility: int
) -> None:
    labels = read_files(tmp_path, {"a": file([point(1, 2, **attributes)])})
    assert labels.landmarks == (name,)
    assert labels.images[0].faces[0].visibility.tolist() == [visibility]


def test_points_without_a_face_belong_to_the_rectangle_around_them(tmp_path: Path) -> None:
    regions = {
        "0": rect(0, 0, 10, 10),
        "1": point(5, 5, name="nose"),
        "2": rect(20, 0, 10, 10),
        "3": point(25, 5, name="nose"),
    }
    labels = read_files(tmp_path, {"a.png1": file(regions)})
    assert [(face.points.tolist(), face.box) for face in labels.images[0].faces] == [
        ([[5, 5]], Box(0, 0, 10, 10)),
        ([[25, 5]], Box(20, 0, 10, 10)),
    ]


def test_wrong_records_are_left_out(tmp_path: Path) -> None:
    regions = [
        point(1, 2, name="nose"),
        point("x", 2, name="nose"),
        point(1, 2),
        point(1, 2, name=5),
        point(1, 2, name="nose", face=[1]),
        rect(1, 2, 0, 4),
        {"shape_attributes": {"name": "circle", "cx": 1}, "region_attributes": {}},
        {"region_attributes": {}},
        None,
        point(3, 4, name="nose"),
    ]
    files = {"a": file(regions), "b": file([], name=None), "c": file(5), "d": 5, "e": file([], "../../../etc/x.png")}
    labels = read_files(tmp_path, files)
    assert [(image.name, image.path) for image in labels.images] == [("a.png", None), ("etc/x.png", None)]
    assert [out.record for out in labels.left_out] == [
        *(f"a.png, region {k}" for k in range(2, 10)),
        "file 'b'",
        "file 'c'",
        "file 'd'",
        "a.png, region 10",
    ]
    why = [out.why for out in labels.left_out]
    assert why[0] == "its point is ('x', 2), wanted places within 1,000,000 pixels"
    assert why[1].endswith("is None, wanted text")
    assert why[3] == "its face is [1], wanted a number or text"
    assert why[5] == "it is of the shape 'circle', wanted a point or a rect"
    assert why[-1] == "its face has a point 'nose' already"
    with pytest.raises(DataError, match="there are no named points"):
        read_files(tmp_path, {"a": file([])})
    with pytest.raises(DataError, match="found list, wanted files by their names"):
        read_files(tmp_path, {"_via_img_metadata": []})


def test_what_is_written_is_read_again_and_what_is_lost_is_counted(tmp_path: Path) -> None:
    table = [[10.1234567, 20, 2], [330, -4, 2], [100, 319.5, 1], [0, 0, 0]]
    first = one_image(tmp_path / "in", table, "s 1/ä&.png", box=Box(-5, 10, 200, 400), absent=np.arange(4) == 3)
    nothing = Face(np.zeros((4, 2)), np.zeros(4, dtype=np.int64), absent=np.ones(4, dtype=bool))
    model = Face(np.ones((4, 2)), np.array([2, 2, 2, 0]), predicted=True, scores=np.ones(4))
    path = write_picture(tmp_path / "in" / "c.png", size=SIZE)
    images = (
        Image(first.name, first.path, (*first.faces, nothing, model), SIZE, "train"),
        Image("c.png", path, (), None, "val", "eve"),
    )
    labels = LabelSet(("eye", "eye <right>", 'a "chin"', "nose"), images, ((0, 1),), (1, 0, 2, 3))
    lost = write(labels, tmp_path / "out", "copy")
    assert [loss.words for loss in lost] == [
        "1 point that is absent becomes one without a label",
        "1 face is left out",
        "1 mirror pair is left out",
        "1 edge is left out",
        "the score of 1 face is left out",
        "1 face that a model labeled becomes one that a person labeled",
    ]
    again = read(tmp_path / "out", Reading())
    assert (again.landmarks, again.left_out) == (labels.landmarks, ())
    full, empty = again.images
    assert (full.name, full.size, full.split, full.subject) == ("s 1/ä&.png", SIZE, "train", None)
    assert (empty.name, empty.faces, empty.split, empty.subject) == ("c.png", (), "val", "eve")
    same(full.faces[0], first.faces[0])
    same(full.faces[1], Face(np.array([[1, 1], [1, 1], [1, 1], [0, 0.0]]), np.array([2, 2, 2, 0])))


def test_a_project_is_written_that_via_opens(tmp_path: Path) -> None:
    """Its keys, ids and places are those of VIA's documentation."""
    image = one_image(tmp_path / "in", [[16, 32.5, 1]], "s 1/a.png", box=Box(0, 0, 32, 64))
    write(LabelSet(("nose",), (image,)), tmp_path / "out", "copy")
    told = json.loads((tmp_path / "out" / "via_project.json").read_text())
    size = (tmp_path / "out" / "images" / "s 1" / "a.png").stat().st_size
    own = f"s 1/a.png{size}"
    assert told["_via_image_id_list"] == [own]
    assert told["_via_settings"]["core"]["default_filepath"] == "images/"
    assert told["_via_attributes"]["region"]["landmark"]["options"] == {"nose": ""}
    assert told["_via_img_metadata"][own] == {
        "filename": "s 1/a.png",
        "size": size,
        "regions": [rect(0, 0, 32, 64, face="1"), point(16, 32.5, landmark="nose", face="1", visibility="hidden")],
        "file_attributes": {"width": "320", "height": "320"},
    }
