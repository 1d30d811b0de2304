"""Label Studio: tasks of its own export, of JSON-MIN and of sleap-io, and tasks that it can import."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from mdmd.data.records import Box
from mdmd.errors import DataError
from mdmd.files import write_json
from mdmd.formats.format import Reading
from mdmd.formats.label_studio import detect, read, write
from mdmd.formats.labels import Face, Image, LabelSet
from tests.builders import write_picture
from tests.mdmd.formats.foreign import SIZE, TRUTH, case, check_truth, one_image, same


def point(name: str, x: float, y: float, **told: Any) -> dict[str, Any]:
    value = {"x": x, "y": y, "width": 0.3, "keypointlabels": [name]}
    size = {"original_width": 200, "original_height": 100}
    return {"id": name, "type": "keypointlabels", "value": value, **size, **told}


def rectangle(own: str, x: float, y: float, w: float, h: float, **told: Any) -> dict[str, Any]:
    value = {"x": x, "y": y, "width": w, "height": h, "rotation": told.pop("rotation", 0), "rectanglelabels": ["face"]}
    size = {"original_width": 200, "original_height": 100}
    return {"id": own, "type": "rectanglelabels", "value": value, **size, **told}


def task(*results: Any, image: str = "/data/upload/1/abcdef12-a.png", **told: Any) -> dict[str, Any]:
    annotations = told.pop("annotations", [{"id": 1, "result": list(results)}])
    return {"id": 1, "data": {"image": image}, "annotations": annotations, **told}


def read_tasks(folder: Path, *tasks: Any) -> LabelSet:
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "tasks.json", list(tasks))
    return read(folder / "tasks.json", Reading())


@pytest.mark.parametrize("name", ["label_studio", "label_studio_min", "label_studio_sleapio"])
def test_a_set_of_another_machine_is_read(tmp_path: Path, name: str) -> None:
    place = case(name, tmp_path / "set")
    assert detect(place)
    labels = read(place, Reading())
    check_truth(labels, hidden=False)
    assert labels.landmarks == tuple(TRUTH["names"])
    assert [image.path for image in labels.images] == [
        place / "images" / f"{stem}.jpg" for stem in ("00002-cup", "00003-car", "00004-handbag")
    ]
    assert {image.size for image in labels.images} == {SIZE}
    if name == "label_studio":
        assert labels.changes == ()
        for image in labels.images:
            box = image.faces[0].box
            assert box is not None
            wanted = TRUTH["boxes"][image.name]
            np.testing.assert_allclose([box.x, box.y, box.w, box.h], wanted, rtol=0, atol=0.01)
    else:
        assert all(image.faces[0].box is None for image in labels.images)
    if name == "label_studio_sleapio":
        text = "3 rectangles that are as large in percent as the image in pixels are read as no boxes"
        assert labels.changes == (text,)


def test_the_order_is_that_of_the_labeling_configuration(tmp_path: Path) -> None:
    def landmarks(text: str) -> LabelSet:
        (tmp_path / "label_config.xml").write_text(text, encoding="utf-8")
        return read_tasks(tmp_path, task(point("b", 1, 1), point("c", 1, 1)))

    def config(*labels: str) -> str:
        return f'<View><KeyPointLabels name="k" toName="i">{"".join(labels)}</KeyPointLabels></View>'

    a, b = '<Label value="a" model_index="7"/>', '<Label value="b" model_index="3"/>'
    assert landmarks(config(a, b)).landmarks == ("b", "a", "c")
    assert landmarks(config(a, '<Label value="b"/>')).landmarks == ("a", "b", "c")
    assert landmarks(config(a, '<Label value="b" model_index="7"/>', "<Label/>")).landmarks == ("a", "b", "c")
    broken = landmarks("<!DOCTYPE a><View/>")
    assert broken.landmarks == ("b", "c")
    assert broken.changes == (
        "the labeling configuration is not used: label_config.xml cannot be read: "
        "it has a DOCTYPE or ENTITY, which is not read here",
    )
    assert len(landmarks("<View>").changes) == 1


def test_faces_are_joined_by_parent_or_relation(tmp_path: Path) -> None:
    results = [
        rectangle("one", 0, 0, 10, 20),
        rectangle("two", 50, 50, 10, 20),
        point("nose", 1, 10, parentID="one", id="p1"),
        point("nose", 55, 60, id="p2"),
        point("chin", 56, 65, id="p3"),
        {"type": "relation", "from_id": "p2", "to_id": "two"},
        {"type": "relation", "from_id": "p3", "to_id": "p2"},
        {"type": "choices", "id": "p3", "value": {"choices": ["Hidden"]}},
        {"type": "choices", "id": "p1", "value": {"choices": ["blurred"]}},
        {"type": "brushlabels", "value": {}},
    ]
    labels = read_tasks(tmp_path, task(*results))
    [image] = labels.images
    assert (image.name, image.path, image.size) == ("a.png", None, (200, 100))
    one, two = image.faces
    assert (one.points.tolist(), one.visibility.tolist()) == ([[2, 10], [0, 0]], [2, 0])
    assert (two.points.round(9).tolist(), two.visibility.tolist()) == ([[110, 60], [112, 65]], [2, 1])
    assert (one.box, two.box) == (Box(0, 0, 20, 20), Box(100, 50, 20, 20))
    [out] = labels.left_out
    assert out.record == "task 1 (a.png), result 10"
    assert out.why == "it is of the type 'brushlabels', wanted keypointlabels or rectanglelabels"


@pytest.mark.parametrize(
    "pairs",
    [
        [("one", "a"), ("one", "b"), ("one", "c")],
        [("a", "one"), ("one", "b"), ("c", "one")],
        [("one", "a"), ("a", "b"), ("b", "c")],
        [("b", "c"), ("a", "b"), ("one", "a")],
        [("a", "b"), ("a", "c"), ("one", "c")],
    ],
)
def test_relations_join_whichever_region_was_clicked_first(tmp_path: Path, pairs: list[tuple[str, str]]) -> None:
    relations = [{"type": "relation", "from_id": one, "to_id": other} for one, other in pairs]
    points = [point(name, 1 + k, 10) for k, name in enumerate("abc")]
    # Another face, so that nothing is joined by being the only one.
    others = [rectangle("two", 50, 50, 10, 20), *(point(name, 55, 60, parentID="two", id=f"{name}2") for name in "abc")]
    labels = read_tasks(tmp_path, task(*relations, *points, rectangle("one", 0, 0, 10, 20), *others))
    assert labels.left_out == ()
    assert [(face.box, face.points[:, 0].tolist()) for face in labels.images[0].faces] == [
        (Box(0, 0, 20, 20), [2, 4, 6]),
        (Box(100, 50, 20, 20), [pytest.approx(110)] * 3),
    ]


def test_parents_that_turn_in_a_circle_are_one_face(tmp_path: Path) -> None:
    labels = read_tasks(
        tmp_path, task(point("a", 1, 1, parentID="b"), point("b", 2, 2, parentID="a"), point("c", 3, 3, parentID="c"))
    )
    assert sum(int((face.visibility > 0).sum()) for face in labels.images[0].faces) == 3


def test_the_last_finished_annotation_counts(tmp_path: Path) -> None:
    def annotation(x: float, **told: Any) -> dict[str, Any]:
        return {"result": [point("nose", x, 1)], **told}

    several = task(
        annotations=[
            annotation(1, updated_at="2026-01-03T00:00:00Z"),
            annotation(2, updated_at="2026-01-01T00:00:00Z"),
            annotation(3, updated_at="2026-01-04T00:00:00Z", was_cancelled=True),
        ],
        predictions=[{"result": [point("nose", 9, 1)]}],
    )
    without_time = task(annotations=[annotation(4), annotation(5)])
    skipped = task(annotations=[annotation(6, was_cancelled=True)])
    labels = read_tasks(tmp_path, several, without_time, skipped)
    assert [[face.points[0, 0] for face in image.faces] for image in labels.images] == [[2], [10], []]
    assert labels.changes == (
        "2 tasks have several finished annotations: the last one of each is read",
        "1 task has predictions beside a finished annotation: they are not read",
    )


def test_predictions_are_faces_that_a_model_labeled(tmp_path: Path) -> None:
    results = [
        rectangle("one", 0, 0, 10, 20),
        point("nose", 1, 10, parentID="one", score=0.5),
        point("chin", 1, 12, parentID="one", score=0.25),
    ]
    labels = read_tasks(tmp_path, task(annotations=[], predictions=[{"model_version": "1", "result": results}]))
    [face] = labels.images[0].faces
    assert face.predicted
    assert face.scores is not None
    assert face.scores.tolist() == [0.5, 0.25]
    del results[2]["score"]
    labels = read_tasks(tmp_path, task(annotations=[], predictions=[{"result": results}]))
    assert (labels.images[0].faces[0].predicted, labels.images[0].faces[0].scores) == (True, None)


def test_a_turned_rectangle_is_read_as_the_one_around_it(tmp_path: Path) -> None:
    turned = rectangle("one", 50, 10, 10, 40, rotation=90)  # 20 x 40 pixels about (100, 10): to (60, 10) and (100, 30)
    labels = read_tasks(tmp_path, task(turned, point("nose", 40, 20)))
    box = labels.images[0].faces[0].box
    assert box is not None
    np.testing.assert_allclose([box.x, box.y, box.w, box.h], [60, 10, 40, 20], atol=1e-9)
    assert labels.changes == ("1 turned rectangle is read as the upright one around it",)
    turned = point("nose", 1, 1, image_rotation=90)
    labels = read_tasks(tmp_path, task(point("nose", 1, 1), turned))
    assert labels.left_out[0].why == "its picture was turned by 90 degrees there: turn it back and export again"


@pytest.mark.parametrize(
    ("address", "files", "name", "found"),
    [
        ("/data/upload/1/abcdef12-a.png", ["images/a.png"], "a.png", "images/a.png"),
        ("/data/upload/1/abcdef12-a.png", ["abcdef12-a.png", "a.png"], "abcdef12-a.png", "abcdef12-a.png"),
        ("/data/upload/1/abcdef12-a.png", [], "a.png", None),
        ("/data/local-files/?d=images/s%201/a%20b.png", ["images/s 1/a b.png"], "s 1/a b.png", "images/s 1/a b.png"),
        ("/data/local-files/?d=some/where/a.png", ["a.png"], "some/where/a.png", "a.png"),
        ("https://example.com/x/a.png?token=1", ["x/a.png", "a.png"], "x/a.png", "x/a.png"),
        ("s3://bucket/../../x/a.png", ["x/a.png"], "x/a.png", "x/a.png"),
        ("../../../etc/a.png", [], "etc/a.png", None),
    ],
)
def test_the_image_of_an_address_is_found(
    tmp_path: Path, address: str, files: list[str], name: str, found: str | None
) -> None:
    for file in files:
        write_picture(tmp_path / file)
    labels = read_tasks(tmp_path, task(point("nose", 1, 1), image=address))
    [image] = labels.images
    assert (image.name, image.path) == (name, None if found is None else tmp_path / found)


def test_without_the_size_of_the_image_its_picture_tells_it(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", size=(50, 20))
    bare = {"type": "keypointlabels", "value": {"x": 10, "y": 50, "keypointlabels": ["nose"]}}
    labels = read_tasks(tmp_path, task(bare), task(bare, image="gone.png"))
    assert labels.images[0].faces[0].points.tolist() == [[5, 10]]
    [out] = labels.left_out
    assert out.record == "task 2 (gone.png), result 1"
    assert "its picture is not there" in out.why


def test_wrong_tasks_are_left_out(tmp_path: Path) -> None:
    two = point("nose", 1, 1)
    two["value"]["keypointlabels"] = ["a", "b"]
    labels = read_tasks(
        tmp_path,
        5,
        {"id": 1, "data": {}, "annotations": []},
        task(image="http://["),
        task(annotations=[{"result": "text"}]),
        task(two, point("nose", 1e300, 1), point("", 1, 1), point("nose", 1, 1), point("nose", 2, 2, id=[1]), None),
    )
    assert [(out.record, out.why.split(",")[0]) for out in labels.left_out] == [
        ("task 1", "found 5"),
        ("task 2", "its picture is None"),
        ("task 3", "its picture is 'http://['"),
        ("task 4 (a.png)", "its result is 'text'"),
        ("task 5 (a.png), result 6", "found None"),
        ("task 5 (a.png), result 1", "its keypointlabels are ['a'"),
        ("task 5 (a.png), result 2", "its point is (1e+300"),
        ("task 5 (a.png), result 3", "its label is empty"),
        ("task 5 (a.png), result 5", "its face has a point 'nose' already"),
    ]
    with pytest.raises(DataError, match="there are no named points"):
        read_tasks(tmp_path, task())


def test_what_is_written_is_read_again_and_what_is_lost_is_counted(tmp_path: Path) -> None:
    table = [[10.1234567, 20, 2], [330, -4, 2], [100, 319.5, 1], [0, 0, 0]]
    first = one_image(tmp_path / "in", table, "s 1/ä&?.png", box=Box(-5, 10, 400, 400), absent=np.arange(4) == 3)
    bare = Face(np.array([[5, 6], [0, 0], [0, 0], [0, 0.0]]), np.array([2, 0, 0, 0]))
    model = Face(np.ones((4, 2)), np.full(4, 2), predicted=True, scores=np.array([0, 0.5, 0.75, 1]))
    mixed = Image(first.name, first.path, (*first.faces, bare, model), SIZE, "train", "eve")
    path = write_picture(tmp_path / "in" / "c.png", size=SIZE)
    images = (mixed, Image("c.png", path, (model,), None, "val"), Image("d.png", path, (), SIZE))
    labels = LabelSet(("eye left", "eye <right>", 'a "chin"', "nose"), images, ((0, 1),), (1, 0, 2, 3))
    lost = write(labels, tmp_path / "out", "copy")
    assert [loss.words for loss in lost] == [
        "1 point that is absent becomes one without a label",
        "1 predicted face stands beside labels, and an import here does not read it",
        "1 point outside its picture is left out",
        "1 mirror pair is left out",
        "1 edge is left out",
    ]
    again = read(tmp_path / "out", Reading())
    assert (again.landmarks, again.left_out, again.changes) == (
        labels.landmarks,
        (),
        ("1 task has predictions beside a finished annotation: they are not read",),
    )
    assert [(image.name, image.split, image.subject, len(image.faces)) for image in again.images] == [
        ("s 1/ä&?.png", "train", "eve", 2),
        ("c.png", "val", None, 1),
        ("d.png", None, None, 0),
    ]
    table[1] = [0, 0, 0]
    same(again.images[0].faces[0], one_image(tmp_path / "in", table, box=Box(0, 10, 320, 310)).faces[0])
    same(again.images[0].faces[1], bare)
    same(again.images[1].faces[0], model)
    scores = again.images[1].faces[0].scores
    assert scores is not None
    assert scores.tolist() == [0, 0.5, 0.75, 1]
    assert again.images[0].path == tmp_path / "out" / "images" / "s 1" / "ä&?.png"


def test_the_tasks_fit_the_labeling_configuration(tmp_path: Path) -> None:
    image = one_image(tmp_path / "in", [[16, 32, 1]], "s 1/a.png", box=Box(0, 0, 32, 64))
    write(LabelSet(("nose",), (image,)), tmp_path / "out", "none")
    [told] = json.loads((tmp_path / "out" / "tasks.json").read_text())
    assert told["data"] == {"image": "/data/local-files/?d=images/s%201/a.png"}
    box, nose, choice = told["annotations"][0]["result"]
    assert box["value"] == {"x": 0, "y": 0, "width": 10, "height": 20, "rotation": 0, "rectanglelabels": ["face"]}
    assert nose["value"] == {"x": 5, "y": 10, "width": 0.3, "keypointlabels": ["nose"]}
    assert (nose["parentID"], choice["id"]) == (box["id"], nose["id"])
    config = ElementTree.parse(tmp_path / "out" / "label_config.xml").getroot()
    kinds = {control.get("name"): control.tag for control in config}
    assert kinds == {
        "img": "Image",
        "kp": "KeyPointLabels",
        "rect": "RectangleLabels",
        "visibility": "Choices",
    }
    assert {result["from_name"] for result in (box, nose, choice)} <= kinds.keys()
    assert {result["to_name"] for result in (box, nose, choice)} == {"img"}
