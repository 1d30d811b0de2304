"""labelme and X-AnyLabeling: one JSON file an image, which both write almost alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mdmd.data.records import Box
from mdmd.errors import DataError
from mdmd.files import write_json
from mdmd.formats import labelme, x_anylabeling
from mdmd.formats.format import Format, Reading
from mdmd.formats.labels import Face, Image, LabelSet
from tests.builders import write_picture
from tests.mdmd.formats.foreign import SIZE, TRUTH, case, check_truth, one_image, same

LABELME, X_ANYLABELING = labelme.FORMAT, x_anylabeling.FORMAT
either = pytest.mark.parametrize("form", [LABELME, X_ANYLABELING], ids=lambda form: form.name)


def point(name: Any, x: float, y: float, group: Any = None, **told: Any) -> dict[str, Any]:
    return {"label": name, "points": [[x, y]], "group_id": group, "shape_type": "point", "flags": {}, **told}


def rectangle(*corners: list[float], group: Any = None, label: str = "face") -> dict[str, Any]:
    return {"label": label, "points": list(corners), "group_id": group, "shape_type": "rectangle", "flags": {}}


def write_file(file: Path, *shapes: Any, **told: Any) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    size = {"imageHeight": 48, "imageWidth": 64}
    write_json(file, {"version": "5.5.0", "shapes": list(shapes), "imagePath": f"{file.stem}.png", **size, **told})
    return file


@pytest.mark.parametrize(("name", "form"), [("labelme", LABELME), ("x_anylabeling", X_ANYLABELING)])
def test_a_set_of_another_machine_is_read(tmp_path: Path, name: str, form: Format) -> None:
    place = case(name, tmp_path / "set")
    labels = form.read(place, Reading())
    check_truth(labels)
    assert labels.landmarks == tuple(TRUTH["names"])
    assert {image.size for image in labels.images} == {SIZE}
    for image in labels.images:
        assert image.path == place / image.name
        box = image.faces[0].box
        assert (box is None) == (name == "labelme")
        if box is not None:
            np.testing.assert_allclose([box.x, box.y, box.w, box.h], TRUTH["boxes"][image.name], rtol=0, atol=0.01)
    one = form.read(place / "00003-car.json", Reading())
    assert [image.name for image in one.images] == ["00003-car.jpg"]
    assert len(one.landmarks) == 8


@pytest.mark.parametrize(
    ("told", "form"),
    [
        ({"version": "5.5.0"}, LABELME),
        ({"version": "4.5.13"}, LABELME),
        ({"version": "3.16.7", "lineColor": [0, 255, 0, 128], "fillColor": [255, 0, 0, 128]}, LABELME),
        ({}, LABELME),
        ({"version": "2.3.6"}, X_ANYLABELING),
        ({"version": "5.0.0", "checked": False}, X_ANYLABELING),
        ({"shapes": [{**point("a", 1, 2), "difficult": False}]}, X_ANYLABELING),
    ],
)
def test_the_two_are_told_apart(tmp_path: Path, told: dict[str, Any], form: Format) -> None:
    write_json(tmp_path / "a.json", {"shapes": [], "imagePath": "a.png", "imageData": "A" * 100_000, **told})
    found = [one.name for one in (LABELME, X_ANYLABELING) if one.detect(tmp_path)]
    assert found == [form.name]


def test_landmarks_come_as_they_are_named_or_as_labels_txt_has_them(tmp_path: Path) -> None:
    write_file(tmp_path / "b.json", point("chin", 1, 2), point("eye", 3, 4))
    write_file(tmp_path / "a" / "c.json", point("nose", 5, 6))
    write_file(tmp_path / ".hidden" / "d.json", point("ear", 5, 6))
    labels = labelme.read(tmp_path, Reading())
    assert labels.landmarks == ("chin", "eye", "nose")
    assert [image.name for image in labels.images] == ["b.png", "a/c.png"]
    assert [image.faces[0].visibility.tolist() for image in labels.images] == [[2, 2, 0], [0, 0, 2]]
    (tmp_path / "labels.txt").write_text("__ignore__\nnose \neye\n\ncar\n")
    assert labelme.read(tmp_path, Reading()).landmarks == ("nose", "eye", "chin")


@either
def test_groups_of_any_kind_join_points_and_boxes(tmp_path: Path, form: Format) -> None:
    file = write_file(
        tmp_path / "a.json",
        point("nose", 1, 2, 1),
        rectangle([10, 20], [4, 5], group="1"),
        point("nose", 30, 2, "b"),
        point("chin", 3, 4, 1.0),
        point("nose", 9, 9, True),
        point("nose", 9, 9, [1]),
        rectangle([1, 2], [1, 2], group="b"),
        rectangle([1, 2], [3, 4], group=1),
        {"label": "head", "points": [[1, 2], [3, 4], [5, 6]], "shape_type": "polygon"},
        point("nose", 5, 5, 1),
    )
    labels = form.read(file, Reading())
    one, other = labels.images[0].faces
    assert (one.points.tolist(), one.box) == ([[1, 2], [3, 4]], Box(4, 5, 6, 15))
    assert (other.points.tolist(), other.box) == ([[30, 2], [0, 0]], None)
    assert [(out.record, out.why) for out in labels.left_out] == [
        ("a.json, shape 5", "its group_id is True, wanted a number or text"),
        ("a.json, shape 6", "its group_id is [1], wanted a number or text"),
        (
            "a.json, shape 7",
            "its rectangle is (1.0, 2.0, 0.0, 0.0) (x, y, width, height), "
            "which must have a width and height of at least 0.001 pixels",
        ),
        ("a.json, shape 9", "it is of the type 'polygon' with 3 points, wanted a point or a rectangle"),
        ("a.json, shape 8", "its group '1' has a rectangle already"),
        ("a.json, shape 10", "its face has a point 'nose' already"),
    ]


def test_hidden_points(tmp_path: Path) -> None:
    flags = point("nose", 1, 2, flags={"hidden": True})
    difficult = point("chin", 1, 2, difficult=True)
    file = write_file(tmp_path / "a.json", flags, difficult, point("eye", 1, 2, flags=[], difficult="yes"))
    assert labelme.read(file, Reading()).images[0].faces[0].visibility.tolist() == [1, 2, 2]
    assert x_anylabeling.read(file, Reading()).images[0].faces[0].visibility.tolist() == [2, 1, 2]


def test_scores_of_all_points_say_that_a_model_labeled_a_face(tmp_path: Path) -> None:
    file = write_file(
        tmp_path / "a.json",
        point("nose", 1, 2, 1, score=0.5),
        point("chin", 1, 2, 1, score=1),
        point("nose", 1, 2, 2, score=0.5),
        point("chin", 1, 2, 2, score=None),
        point("nose", 1, 2, 3, score=7),
    )
    faces = x_anylabeling.read(file, Reading()).images[0].faces
    assert [face.predicted for face in faces] == [True, False, False]
    assert faces[0].scores is not None
    assert faces[0].scores.tolist() == [0.5, 1]
    assert not any(face.predicted for face in labelme.read(file, Reading()).images[0].faces)


@pytest.mark.parametrize(
    ("given", "name", "found"),
    [
        ("../images/a.png", "json/a.png", "images/a.png"),
        ("..\\images\\a.png", "json/a.png", "images/a.png"),
        ("C:\\Users\\eve\\images\\a.png", "json/a.png", "images/a.png"),
        ("/home/eve/other/a.png", "json/a.png", "other/a.png"),
        ("sub/a.png", "json/sub/a.png", "json/sub/a.png"),
        ("../../../outside/a.png", "json/a.png", None),
        (None, "json/a.jpg", None),
        (5, "json/a.jpg", None),
        ("http://[", "json/a.jpg", None),
        ("x" * 5000, "json/a.jpg", None),
    ],
)
def test_the_picture_is_found_from_its_path(tmp_path: Path, given: Any, name: str, found: str | None) -> None:
    for place in ("images", "other", "json/sub", "../outside"):
        write_picture(tmp_path / "set" / place / "a.png")
    file = write_file(tmp_path / "set" / "json" / "a.json", point("nose", 1, 2), imagePath=given)
    [image] = labelme.read(tmp_path / "set", Reading()).images
    assert (image.name, image.path) == (name, None if found is None else tmp_path / "set" / found)
    pictures = tmp_path / "set" / "json" / "sub"
    [image] = labelme.read(file, Reading(pictures=pictures)).images
    assert image.path == pictures / "a.png"


def test_files_that_cannot_be_read_are_left_out(tmp_path: Path) -> None:
    write_file(tmp_path / "a.json", point("nose", 1, 2), 5, point(None, 1, 2), {"points": [[1]]}, imageHeight="many")
    (tmp_path / "b.json").write_text('{"shapes": [')
    (tmp_path / "c.json").write_text("[]")
    labels = labelme.read(tmp_path, Reading())
    assert labels.images[0].size is None
    assert [(out.record, out.why.replace(str(tmp_path), "")) for out in labels.left_out] == [
        ("a.json, shape 2", "found 5, wanted a shape"),
        ("a.json, shape 3", "its label is None, wanted text"),
        ("a.json, shape 4", "its points are [[1]], wanted a list of x and y"),
        ("b.json", "/b.json cannot be read: it is not JSON (line 1, column 13: Expecting value)"),
        ("c.json", "it has no list of shapes"),
    ]
    (tmp_path / "a.json").unlink()
    with pytest.raises(DataError, match=r"no file with shapes can be read \(b\.json: "):
        labelme.read(tmp_path, Reading())


def test_a_name_may_be_as_long_as_a_file_system_allows(tmp_path: Path) -> None:
    write_file(tmp_path / f"{'n' * 250}.json", point("nose", 1, 2))
    assert labelme.read(tmp_path, Reading()).images[0].path is None


@either
def test_images_that_differ_in_their_ending_have_files_of_their_own(tmp_path: Path, form: Format) -> None:
    assert form.write is not None
    names = ("a.png", "a.bmp", "a.bmp.png", "a.bmp.jpg")
    images = tuple(one_image(tmp_path / "in", [[k, 2, 2]], name) for k, name in enumerate(names))
    form.write(LabelSet(("nose",), images), tmp_path / "out", "copy")
    again = form.read(tmp_path / "out", Reading())
    # Both tools look for the labels of a.bmp in a.json.
    found = {image.name: image.faces[0].points[0, 0] for image in again.images}
    assert found == {"a.png": 0, "a-2.bmp": 1, "a.bmp.png": 2, "a.bmp-2.jpg": 3}


@either
def test_what_is_written_is_read_again_and_what_is_lost_is_counted(tmp_path: Path, form: Format) -> None:
    assert form.write is not None
    table = [[10.1234567, 20, 2], [330, -4, 2], [100, 319.5, 1], [0, 0, 0]]
    first = one_image(tmp_path / "in", table, "s 1/ä&.png", box=Box(-5, 10, 200, 400), absent=np.arange(4) == 3)
    nothing = Face(np.zeros((4, 2)), np.zeros(4, dtype=np.int64), absent=np.ones(4, dtype=bool))
    model = Face(np.ones((4, 2)), np.array([2, 2, 2, 0]), predicted=True, scores=np.array([0, 0.5, 1, 0]))
    path = write_picture(tmp_path / "in" / "c.png", size=SIZE)
    images = (
        Image(first.name, first.path, (*first.faces, nothing, model), SIZE, "train"),
        Image("s 1/ä&.jpg", path, (), None, "val", "eve"),
    )
    labels = LabelSet(("eye", "eye <right>", 'a "chin"', "nose"), images, ((0, 1),), (1, 0, 2, 3))
    lost = form.write(labels, tmp_path / "out", "copy")
    assert [loss.words for loss in lost] == [
        "1 point that is absent becomes one without a label",
        "1 face is left out",
        "the splits of 2 pictures are left out",
        "the subject of 1 picture is left out",
        "1 mirror pair is left out",
        "1 edge is left out",
        "the name of 1 landmark is left out",
        *(
            [
                "the score of 1 face is left out",
                "1 face that a model labeled becomes one that a person labeled",
            ]
            if form is LABELME
            else []
        ),
    ]
    folder = tmp_path / "out" / "s 1"
    assert sorted(path.name for path in folder.iterdir()) == ["ä&-2.jpg", "ä&-2.json", "ä&.json", "ä&.png"]
    again = form.read(tmp_path / "out", Reading())
    assert (again.landmarks, again.left_out) == (labels.landmarks[:3], ())
    empty, full = again.images
    assert (empty.name, empty.path, empty.faces) == ("s 1/ä&-2.jpg", folder / "ä&-2.jpg", ())
    assert (full.name, full.path, full.size) == ("s 1/ä&.png", folder / "ä&.png", SIZE)
    one, other = full.faces
    same(one, Face(np.array(table)[:3, :2], np.array([2, 2, 1]), Box(-5, 10, 200, 400)))
    same(other, Face(np.ones((3, 2)), np.array([2, 2, 2])))
    assert other.predicted == (form is X_ANYLABELING)


def test_the_keys_of_each_tool_are_written(tmp_path: Path) -> None:
    image = one_image(tmp_path / "in", [[16, 32, 1]], box=Box(0, 0, 32, 64))
    labels = LabelSet(("nose",), (image,))
    for form in (LABELME, X_ANYLABELING):
        assert form.write is not None
        form.write(labels, tmp_path / form.name, "none")
        assert [path.name for path in sorted((tmp_path / form.name).iterdir())] == ["a.json", "labels.txt"]
        assert (tmp_path / form.name / "labels.txt").read_text() == "nose\nface\n"
    told = json.loads((tmp_path / "labelme" / "a.json").read_text())
    case_keys = json.loads((case("labelme", tmp_path / "theirs") / "00003-car.json").read_text())
    assert told.keys() == case_keys.keys()
    box, nose = told["shapes"]
    assert box.keys() == nose.keys() == case_keys["shapes"][0].keys()
    assert (box["points"], nose["points"]) == ([[0, 0], [32, 64]], [[16, 32]])
    assert nose["flags"] == {"hidden": True}
    told = json.loads((tmp_path / "x-anylabeling" / "a.json").read_text())
    case_keys = json.loads((case("x_anylabeling", tmp_path / "others") / "00003-car.json").read_text())
    assert told.keys() == case_keys.keys()
    box, nose = told["shapes"]
    assert box.keys() == nose.keys() == case_keys["shapes"][0].keys()
    assert box["points"] == [[0, 0], [32, 0], [32, 64], [0, 64]]
    assert (nose["difficult"], box["difficult"]) == (True, False)
