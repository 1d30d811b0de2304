"""Sets of other tools where a data set is wanted: added, learned from, measured on, and their faces predicted."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mdmd.cli.main import main
from mdmd.data.definition import load_definition
from mdmd.data.records import Box, Dataset, Sample
from mdmd.datasets.foreign import ForeignSet, boxes_of_faces, is_own, read_foreign
from mdmd.datasets.registry import Sources, detect, read_set, warnings
from mdmd.errors import DataError
from mdmd.inference.inputs import faces_of_file
from tests.builders import CATEGORY, SMALL, write_picture
from tests.mdmd.formats.foreign import PICTURES, TRUTH, case

ANIMWEB = load_definition("animweb")
#: The cases whose formats do not tell hidden points from visible ones.
WITHOUT_HIDDEN = {
    *("dlc", "dlib_imglab", "label_studio", "label_studio_min", "label_studio_sleapio", "lightning_pose"),
    *("menpo_ljson", "menpo_pts", "sleap", "sleap_pkg", "tpsdig"),
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sources:
    monkeypatch.setenv("MDMD_HOME", str(tmp_path / "home"))
    return Sources(tmp_path / "home")


def check_truth(dataset: Dataset, name: str) -> None:
    """The faces of a case have the true points, in the order of the definition."""
    assert dataset.definition == ANIMWEB
    order = [TRUTH["names"].index(landmark) for landmark in ANIMWEB.landmarks]
    assert len(dataset.samples) == (2 if name == "menpo_pts" else 3)
    for sample in dataset.samples:
        true = np.array(TRUTH["points"][f"{Path(sample.file_name).stem.split('_jpg')[0]}.jpg"])[order]
        assert sample.annotation is not None
        labeled = true[:, 2] > 0
        wanted = np.where(labeled, 2, 0) if name in WITHOUT_HIDDEN else true[:, 2]
        assert sample.annotation.visibility.tolist() == wanted.tolist()
        within = 0.5 if name == "dlib_imglab" else 0.01
        np.testing.assert_allclose(sample.annotation.points[labeled], true[labeled, :2], rtol=0, atol=within)


def boxes(folder: Path, **changes: Any) -> Path:
    """What a detector writes: two pictures with three boxes, and no keypoints."""
    for name in ("a.png", "b.png"):
        write_picture(folder / name, (60, 50))
    record = {
        "images": [{"id": k, "file_name": name} for k, name in ((7, "a.png"), (9, "b.png"))],
        "annotations": [
            {"id": 30 + k, "image_id": image, "category_id": 1, "bbox": [k, 2, 20, 30], "score": 0.9}
            for k, image in ((0, 9), (1, 7), (2, 9))
        ],
        "categories": [{"id": 1, "name": "face"}],
        **changes,
    }
    file = folder / "boxes.json"
    file.write_text(json.dumps(record))
    return file


def foreign(folder: Path, names: list[str], **category: Any) -> Path:
    """A COCO file without groups, with one face on one picture."""
    write_picture(folder / "a.png", (60, 50))
    points = [number for k in range(len(names)) for number in (10 + 5 * k, 10 + 3 * k, 2)]
    record = {
        "images": [{"id": 1, "file_name": "a.png"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "keypoints": points, "bbox": [5, 5, 30, 30]}],
        "categories": [{"id": 1, "name": "head", "keypoints": names, **category}],
    }
    (folder / "labels.json").write_text(json.dumps(record))
    return folder / "labels.json"


# As data sets


@pytest.mark.parametrize("name", [*(name for name in PICTURES if name != "coco_flsg"), "sleap_pkg"])
def test_a_set_of_each_tool_is_added_and_read_by_its_name(name: str, home: Sources, tmp_path: Path, capsys) -> None:
    if name.startswith("sleap"):
        pytest.importorskip("sleap_io", reason="sleap-io is optional")
    place = case(name, tmp_path / "set")
    begins = ["--one-based"] if name == "menpo_pts" else []
    assert main(["sources", "add", str(place), "--name", "faces", "--definition", "animweb", *begins]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"faces: {ANIMWEB.name}, in {place}")
    check_truth(read_set("faces")[0], name)
    place.rename(tmp_path / "moved")
    with pytest.raises(DataError, match="is not where it was"):
        read_set("faces")


@pytest.mark.parametrize("name", ["yolo_pose", "cvat_skeleton", "label_studio", "dlc"])
def test_a_set_is_read_from_where_it_lies(name: str, tmp_path: Path) -> None:
    place = case(name, tmp_path / "set")
    dataset, said = read_set(ForeignSet(place, definition=ANIMWEB))
    check_truth(dataset, name)
    assert (dataset.name, said) == ("set", [])
    assert {sample.face_id for sample in dataset.samples} == {1, 2, 3}
    with pytest.raises(DataError, match="does not tell which part of the face its landmarks belong to: add --definit"):
        read_set(place)


def test_pictures_may_lie_in_another_folder(home: Sources, tmp_path: Path, capsys) -> None:
    file = foreign(tmp_path / "in", list(SMALL.landmarks))
    (tmp_path / "photos").mkdir()
    (tmp_path / "in" / "a.png").rename(tmp_path / "photos" / "a.png")
    (tmp_path / "d.json").write_text(json.dumps(CATEGORY))
    words = ["sources", "add", str(file), "--definition", str(tmp_path / "d.json")]
    assert main(words) == 2
    assert "no face of COCO keypoints can be used in" in capsys.readouterr().err
    assert main([*words, "--pictures", str(tmp_path / "photos")]) == 0
    (tmp_path / "d.json").unlink()  # its content was taken
    [sample] = read_set("labels")[0].samples
    assert sample.path == tmp_path / "photos" / "a.png"
    assert main(["sources", "list"]) == 0
    assert capsys.readouterr().out.endswith(f"labels: 4 points, faces: train 1; coco in {file}\n")


def test_landmarks_are_matched_by_name_else_by_order_or_as_said(tmp_path: Path) -> None:
    turned = foreign(tmp_path / "turned", list(SMALL.landmarks[::-1]))
    [sample] = read_foreign(ForeignSet(turned, definition=SMALL), name="x").dataset.samples
    assert sample.annotation is not None
    assert sample.annotation.points.tolist() == [[25, 19], [20, 16], [15, 13], [10, 10]]
    other = foreign(tmp_path / "other", ["a", "b", "c", "d"], flip_pairs=[[0, 1]])
    [said] = warnings(read_foreign(ForeignSet(other, definition=SMALL), name="x"))
    assert said == (
        "x: the names differ, so landmarks were matched by their order, which is a guess: "
        "eye_left=a, eye_right=b, nose=c, chin=d"
    )
    some = foreign(tmp_path / "some", ["eye_left", "eye_right", "snout", "ear"])
    with pytest.raises(DataError, match="only in the file are ear, snout; only in the definition are chin, nose"):
        read_foreign(ForeignSet(some, definition=SMALL), name="x")
    found = read_foreign(ForeignSet(some, definition=SMALL, chosen={"nose": "snout"}), name="x")
    assert found.notes == (
        "landmarks that the definition does not have are left out: ear",
        "landmarks that the file does not have stay without labels: chin",
    )
    labels = found.dataset.samples[0].annotation
    assert labels is not None
    assert labels.visibility.tolist() == [2, 2, 2, 0]


def test_what_cannot_be_used_is_counted_and_the_rest_is_read(tmp_path: Path) -> None:
    file = foreign(tmp_path, list(SMALL.landmarks))
    record = json.loads(file.read_text())
    face = record["annotations"][0]
    record["images"] += [
        {"id": 2, "file_name": "gone.png"},
        {"id": 3, "file_name": "c.png", "width": 9, "height": 9},
        {"id": 4, "file_name": "empty.png"},
    ]
    write_picture(tmp_path / "c.png", (60, 50))
    write_picture(tmp_path / "empty.png", (60, 50))
    record["annotations"] += [
        {**face, "id": 2, "image_id": 2},
        {**face, "id": 3, "image_id": 3},
        {**face, "id": 4, "keypoints": [1, 1, 2]},
        {**face, "id": 5, "attributes": {"source": "predicted"}, "keypoints": [1, 1, 3, *face["keypoints"][3:]]},
    ]
    file.write_text(json.dumps(record))
    found = read_foreign(ForeignSet(file, definition=SMALL), name="x")
    assert [(s.file_name, s.annotation is not None) for s in found.dataset.samples] == [
        ("a.png", True),
        ("a.png", False),
    ]
    assert warnings(found) == [
        "x: 1 pictures are missing, their faces are left out: gone.png",
        "x: 2 records cannot be used, their faces are left out: annotation 4: found 3 keypoint numbers, wanted 12 "
        "(x, y, v of 4 landmarks); picture c.png: the file says 9 x 9 pixels, but it has 60 x 50 when upright",
        "x: labels.json: points with a visibility above 2 are read as visible: 1",
        "x: points outside their picture, taken as they stand: 4 (c.png)",
        "x: faces that only a model labeled have no labels: 1",
    ]


def test_names_of_pictures_are_those_that_an_export_can_hold(tmp_path: Path) -> None:
    file = foreign(tmp_path, list(SMALL.landmarks))
    record = json.loads(file.read_text())
    for k, folder in enumerate(("x", "y"), start=1):
        write_picture(tmp_path / folder / "a.png", (60, 50))
        record["images"].append({"id": k + 1, "file_name": f"C:\\faces\\{folder}\\a.png"})
        record["annotations"].append({**record["annotations"][0], "id": k + 1, "image_id": k + 1})
    file.write_text(json.dumps(record))
    samples = read_foreign(ForeignSet(file, definition=SMALL), name="x").dataset.samples
    assert [s.file_name for s in samples] == ["a.png", "faces/x/a.png", "faces/y/a.png"]
    assert [s.image_id for s in samples] == [1, 2, 3]


def splits_of_one_name(folder: Path, form: str) -> Path:
    """Pictures of one name in three splits, each with a face whose nose lies elsewhere."""
    names = list(SMALL.landmarks)
    for k, split in enumerate(("train", "val", "test"), start=1):
        write_picture(folder / "images" / split / "0001.png", (100, 50))
        if form == "yolo":
            label = folder / "labels" / split / "0001.txt"
            label.parent.mkdir(parents=True)
            label.write_text("0 .5 .5 1 1" + f" 0.{k} .5 2" * len(names))
            continue
        face = {"id": 1, "image_id": 1, "category_id": 1, "keypoints": [10 * k, 25, 2] * len(names)}
        record = {
            "images": [{"id": 1, "file_name": "0001.png"}],
            "annotations": [face],
            "categories": [{"id": 1, "name": "face", "keypoints": names}],
        }
        (folder / "annotations").mkdir(exist_ok=True)
        (folder / "annotations" / f"faces_{split}.json").write_text(json.dumps(record))
    if form == "yolo":
        told = "".join(f"{split}: images/{split}\n" for split in ("train", "val", "test"))
        (folder / "data.yaml").write_text(f"{told}kpt_shape: [4, 3]\nkpt_names: {json.dumps(names)}\n")
    return folder


@pytest.mark.parametrize("form", ["coco", "yolo"])
def test_pictures_of_one_name_in_several_splits_are_different_ones(form: str, tmp_path: Path) -> None:
    place = splits_of_one_name(tmp_path, form)
    samples = read_foreign(ForeignSet(place, definition=SMALL), name="x").dataset.samples
    found = {s.path.parent.name: (s.file_name, s.group, s.split, _nose(s)) for s in samples}
    assert found == {
        split: (f"{split}/0001.png", f"{split}/0001.png", split, 10 * k)
        for k, split in enumerate(("train", "val", "test"), start=1)
    }
    assert len({s.image_id for s in samples}) == 3
    (tmp_path / "images" / "train" / "0001.png").unlink()
    kept = read_foreign(ForeignSet(place, definition=SMALL), name="x")
    assert [(s.path.parent.name, _nose(s)) for s in sorted(kept.dataset.samples, key=_nose)] == [
        ("val", 20),
        ("test", 30),
    ]
    assert len(kept.missing) + len(kept.problems) == 1


def _nose(sample: Sample) -> float:
    assert sample.annotation is not None
    return sample.annotation.points[0, 0]


def test_nothing_outside_the_folders_is_read(tmp_path: Path) -> None:
    file = foreign(tmp_path / "in", list(SMALL.landmarks))
    record = json.loads(file.read_text())
    secret = write_picture(tmp_path / "secret" / "s.png", (60, 50))
    (tmp_path / "in" / "link.png").symlink_to(secret)
    record["info"] = {"image_folder": "../secret"}
    for k, name in ((2, "s.png"), (3, "link.png"), (4, "../secret/s.png"), (5, str(secret))):
        record["images"].append({"id": k, "file_name": name})
        record["annotations"].append({**record["annotations"][0], "id": k, "image_id": k})
    file.write_text(json.dumps(record))
    found = read_foreign(ForeignSet(file, definition=SMALL), name="x")
    assert [sample.file_name for sample in found.dataset.samples] == ["a.png"]
    assert len(found.problems) + len(found.missing) == 4
    assert found.problems[0] == "picture s.png lies outside the folder of labels.json: name its folder"
    there = read_foreign(ForeignSet(file, definition=SMALL, pictures=tmp_path / "secret"), name="x").dataset
    assert "s.png" in {sample.file_name for sample in there.samples}


def test_our_own_dialect_is_read_as_before(home: Sources, tmp_path: Path, capsys) -> None:
    own = foreign(tmp_path, list(SMALL.landmarks), **{k: CATEGORY[k] for k in ("flsg", "flip_pairs", "normalizer")})
    assert is_own(own)
    with pytest.raises(DataError, match=r"labels\.json, image 1: no 'width'"):
        read_set(own)
    with pytest.raises(DataError, match=r"in the format of this tool, which needs no --pictures: leave them out, or"):
        read_set(ForeignSet(own, pictures=tmp_path))
    dataset, _ = read_set(ForeignSet(own, form="coco"))
    assert dataset.definition.groups == SMALL.groups
    file = foreign(tmp_path / "other", list(SMALL.landmarks))
    assert not is_own(file)
    assert (detect(file), detect(own)) == ("coco", "coco")
    (tmp_path / "damaged.json").write_text('{"images": [')
    with pytest.raises(DataError, match=r"damaged\.json cannot be read: it is not JSON"):
        read_set(tmp_path / "damaged.json")
    with pytest.raises(DataError, match=r"no such file: .*nowhere\.json"):
        read_set(tmp_path / "nowhere.json")


def test_options_of_reading_are_refused_where_they_cannot_apply(home: Sources, tmp_path: Path, capsys) -> None:
    assert main(["sources", "add", str(foreign(tmp_path, list(SMALL.landmarks))), "--definition", "pare"]) == 2
    assert "has 4 landmarks, the definition has 9" in capsys.readouterr().err
    (tmp_path / "d.json").write_text(json.dumps(CATEGORY))
    words = ["sources", "add", str(tmp_path / "labels.json"), "--definition", str(tmp_path / "d.json")]
    assert main(words) == 0
    with pytest.raises(DataError, match=r"found --definition with 'labels', which is no file or folder; an added"):
        read_set(ForeignSet(Path("labels"), definition=SMALL))
    (tmp_path / "empty").mkdir()
    assert main(["sources", "add", "wflw", str(tmp_path / "empty"), "--definition", "wflw"]) == 2
    assert "wflw has its own" in capsys.readouterr().err
    with pytest.raises(DataError, match="found the format 'tiff', wanted one of coco"):
        read_set(ForeignSet(tmp_path, form="tiff"))


# As faces to predict


def test_the_boxes_of_a_detector_are_faces_and_keep_their_ids(tmp_path: Path) -> None:
    unusable: dict[Path, str] = {}
    found = faces_of_file(boxes(tmp_path), unusable)
    assert (found.left_out, found.notes, unusable) == ([], [], {})
    assert sorted((s.face_id, s.image_id, s.file_name, s.box) for s in found.samples) == [
        (30, 9, "b.png", Box(0, 2, 20, 30)),
        (31, 7, "a.png", Box(1, 2, 20, 30)),
        (32, 9, "b.png", Box(2, 2, 20, 30)),
    ]
    assert {(s.width, s.height) for s in found.samples} == {(60, 50)}


@pytest.mark.parametrize(
    ("changes", "count"),
    [
        ({"categories": [{"id": 1, "name": "cat"}]}, 3),
        ({"categories": [{"id": 1, "name": "Face"}, {"id": 2, "name": "cat"}]}, 3),
        ({"categories": [{"id": 1, "name": "face", "keypoints": []}]}, 3),
        ({"categories": []}, 3),
        ({"info": {"keypoints": "none"}}, 3),
    ],
)
def test_boxes_are_those_of_faces(changes: dict[str, Any], count: int, tmp_path: Path) -> None:
    assert len(faces_of_file(boxes(tmp_path, **changes), {}).samples) == count


def test_boxes_that_cannot_be_used_are_counted(tmp_path: Path) -> None:
    file = boxes(tmp_path)
    record = json.loads(file.read_text())
    one = record["annotations"][0]
    record["annotations"] += [
        {**one, "id": 40, "bbox": None},
        {**one, "id": 41, "bbox": [1, 1, 0, 0]},
        {**one, "id": 42, "image_id": 99},
        {**one, "id": 43, "category_id": 2},
        {**one, "id": 44, "iscrowd": 1},
        5,
    ]
    record["categories"].append({"id": 2, "name": "hand"})
    file.write_text(json.dumps(record))
    found = faces_of_file(file, {})
    assert len(found.samples) == 3
    assert found.left_out == [
        "annotation 40: its bbox is None, wanted a box",
        "annotation 41: its bbox is [1, 1, 0, 0], wanted a box",
        "annotation 42: image 99 is not in the file",
        "annotation number 8 (it has no id): found a JSON int, wanted an object",
    ]
    assert found.notes == [
        "boxes.json: annotations of other categories are left out: 1",
        "boxes.json: regions of crowds are left out: 1",
    ]


def test_pictures_of_results_are_found_by_the_ids_of_their_images(tmp_path: Path) -> None:
    for name in ("000000000139.jpg", "42.png", "img.v2.png"):
        write_picture(tmp_path / "photos" / name, (60, 50))
    one = {"category_id": 1, "bbox": [1, 2, 20, 30], "score": 0.5}
    results = [{"image_id": key, **one} for key in (139, "42", "img.v2", 139, "gone", None, "../photos/42")]
    file = tmp_path / "results.json"
    file.write_text(json.dumps(results))
    found = faces_of_file(ForeignSet(file, pictures=tmp_path / "photos"), {})
    assert [(sample.file_name, sample.face_id) for sample in found.samples] == [
        ("000000000139.jpg", 1),
        ("000000000139.jpg", 2),
        ("42.png", 3),
        ("img.v2.png", 4),
        ("42.png", 5),
    ]
    assert [sentence.partition(": ")[2] for sentence in found.left_out] == [
        "image 'gone' is no picture that is there",
        "image None is no picture that is there",
    ]
    with pytest.raises(DataError, match="found a JSON list, wanted an object"):
        read_set(file)
    file.write_text(json.dumps([{**one, "image_id": 7}]))  # as the file of boxes beside it calls it
    boxes(tmp_path)
    [sample] = faces_of_file(file, {}).samples
    assert (sample.file_name, sample.image_id) == ("a.png", 1)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"annotations": [{"id": k, "image_id": 7, "category_id": k, "bbox": [1, 1, 9, 9]} for k in (1, 2)],
          "categories": [{"id": 1, "name": "dog"}, {"id": 2, "name": "cat"}]},
         "found boxes of 2 categories ('dog', 'cat'), wanted one, or one called 'face'"),
        ({"annotations": []}, "no face is in"),
        ({"images": 3}, "no list 'images'"),
        ({"categories": {"id": 1}}, "no list 'categories'"),
    ],
)  # fmt: skip
def test_a_file_without_boxes_of_faces_is_refused(changes: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=re.escape(said)):
        faces_of_file(boxes(tmp_path, **changes, bbox="bbox"), {})


def test_the_boxes_of_labels_of_another_tool_are_faces_without_a_definition(tmp_path: Path) -> None:
    found = faces_of_file(case("cvat_skeleton", tmp_path / "set"), {})
    assert len(found.samples) == 3
    assert all(sample.annotation is None and sample.box.w < 320 for sample in found.samples)


Json = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 3) | st.floats() | st.sampled_from(["", "a.png", "face", "../b.png"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["id", "name"]), inner, max_size=2),
    max_leaves=6,
)


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_wrong_types_give_a_sentence(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.getbasetemp() / "wrong types"
    folder.mkdir(exist_ok=True)
    file = boxes(folder)
    record = json.loads(file.read_text())
    for _ in range(data.draw(st.integers(1, 3))):
        part = data.draw(st.sampled_from(["images", "annotations", "categories"]))
        if isinstance(record[part], list) and record[part] and isinstance(record[part][0], dict):
            key = data.draw(st.sampled_from([*record[part][0], "keypoints"]))
            record[part][0][key] = data.draw(Json)
        else:
            record[part] = data.draw(Json)
        if data.draw(st.booleans()):
            record[part] = data.draw(Json)
    file.write_text(json.dumps(record))
    try:
        samples, _, _ = boxes_of_faces(ForeignSet(file))
    except DataError:
        return
    assert all(sample.box.w > 0 and sample.path.resolve().is_relative_to(folder.resolve()) for sample in samples)
