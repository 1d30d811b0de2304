"""COCO keypoints as other tools write them, and with the faults that such files have."""

from __future__ import annotations

import json
import random
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from mdmd.data.records import Box
from mdmd.errors import DataError
from mdmd.formats.coco import read
from mdmd.formats.format import Reading
from mdmd.formats.known import detect
from mdmd.formats.labels import LabelSet
from tests.builders import CATEGORY, write_picture
from tests.mdmd.formats.foreign import CASES, case, check_truth

POINTS = [10.0, 11.0, 2, 30.0, 12.5, 1, 0, 0, 0, 20.0, 40.0, 2]


def coco(**changed: Any) -> dict[str, Any]:
    """Two images with a face each."""
    return {
        "images": [
            {"id": k, "file_name": f"{name}.png", "width": 60, "height": 50} for k, name in ((1, "a"), (2, "b"))
        ],
        "annotations": [
            {"id": k, "image_id": k, "category_id": 1, "keypoints": list(POINTS), "bbox": [5, 6, 30, 40]}
            for k in (1, 2)
        ],
        "categories": [{**CATEGORY, "id": 1}],
        **changed,
    }


def lay(folder: Path, record: Any, name: str = "annotations.json") -> Path:
    for picture in ("a.png", "b.png"):
        write_picture(folder / picture, (60, 50))
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(record), encoding="utf-8")
    return file


def whole(labels: LabelSet) -> LabelSet:
    """The set, of which both faces must have come in as they are in `coco`."""
    for image in labels.images:
        [face] = image.faces
        assert image.path is not None
        assert face.visibility.tolist() == POINTS[2::3]
        assert face.points.tolist() == [[10, 11], [30, 12.5], [0, 0], [20, 40]]
    assert len(labels.images) == 2
    return labels


@pytest.mark.parametrize("name", [path.name for path in sorted(CASES.glob("coco_*"))])
def test_sets_of_other_tools_are_read(tmp_path: Path, name: str) -> None:
    place = case(name, tmp_path / "set")
    assert detect(place).name == "coco"
    labels = read(place, Reading())
    check_truth(labels)
    assert all(image.path is not None for image in labels.images)
    assert (labels.definition is not None) == (name == "coco_flsg")


def test_a_sound_file_gives_all_that_it_says(tmp_path: Path) -> None:
    record = coco(info={"year": 2020}, licenses=[{"id": 1, "name": "CC-BY"}])
    record["images"][0] |= {"split": "val", "group": "eve", "license": 1, "coco_url": "http://x/a.png"}
    record["annotations"][0] |= {"track_id": 3, "attributes": {"species": "macaque", "absent": ["nose"]}}
    labels = whole(read(lay(tmp_path, record), Reading()))
    first, second = labels.images
    assert (labels.landmarks, labels.mirror, labels.edges) == (
        tuple(CATEGORY["keypoints"]),
        (1, 0, 2, 3),
        tuple((a - 1, b - 1) for a, b in CATEGORY["skeleton"]),
    )
    assert (first.size, first.split, first.subject) == ((60, 50), "val", "eve")
    assert (second.split, second.subject) == (None, None)
    assert first.extra == {"license": 1, "coco_url": "http://x/a.png"}
    [face] = first.faces
    assert (face.box, face.subject) == (Box(5, 6, 30, 40), "3")
    assert face.absent is not None
    assert face.absent.tolist() == [False, False, True, False]
    assert face.extra["attributes"]["species"] == "macaque"
    assert labels.extra == {"info": {"year": 2020}, "licenses": [{"id": 1, "name": "CC-BY"}]}
    assert (labels.left_out, labels.changes) == ((), ())


@pytest.mark.parametrize("change", [str, float, lambda key: key + 2**60, lambda key: -key])
def test_ids_may_be_of_any_kind(tmp_path: Path, change: Any) -> None:
    record = coco()
    for image in record["images"]:
        image["id"] = change(image["id"])
    for face in record["annotations"]:
        face |= {"id": None, "image_id": change(face["image_id"])}
    assert whole(read(lay(tmp_path, record), Reading())).left_out == ()


def test_the_parts_that_cannot_be_understood_are_named(tmp_path: Path) -> None:
    record = coco()
    record["images"] += [{"id": 1, "file_name": "c.png"}, {"id": 5}, 7, {"id": [], "file_name": "d.png"}]
    record["annotations"] += [{"image_id": 99}, [], {"id": 8, "image_id": 2, "keypoints": POINTS[:-3]}]
    labels = read(lay(tmp_path, record), Reading())
    assert [image.name for image in labels.images] == ["b.png"]
    assert [(out.record, out.why) for out in labels.left_out] == [
        ("image 1 ('c.png')", "another image has its id"),
        ("image 5", "file_name is None, wanted text"),
        ("image number 4 (it has no id)", "found a JSON int, wanted an object"),
        ("image []", "id is [], wanted a number or text"),
        ("image 1 ('a.png')", "another image has its id"),
        ("annotation 1", "image 1 may be one of several"),
        ("annotation number 2 (it has no id)", "image 99 is not in the file"),
        ("annotation number 3 (it has no id)", "found a JSON list, wanted an object"),
        ("annotation 8", "found 9 keypoint numbers, wanted 12 (x, y, v of 4 landmarks)"),
    ]


@pytest.mark.parametrize(
    ("at", "value", "visibility", "said"),
    [
        (2, 3, [2, 1, 0, 2], "points with a visibility above 2 are read as visible: 1"),
        (2, True, [2, 1, 0, 2], None),
        (0, "10", [2, 1, 0, 2], None),
        (0, None, [0, 1, 0, 2], "points without a place are not labeled: 1"),
        (0, 1e9, [0, 1, 0, 2], "points that are not places within 1,000,000 pixels are not labeled: 1"),
        (2, 0.4, [2, 2, 0, 2], "faces with confidences instead of visibility: points above 0 are visible: 1"),
    ],
)
def test_odd_numbers_of_a_point(tmp_path: Path, at: int, value: Any, visibility: list[int], said: str | None) -> None:
    record = coco()
    record["annotations"][0]["keypoints"][at] = value
    labels = read(lay(tmp_path, record), Reading())
    assert labels.images[0].faces[0].visibility.tolist() == visibility
    assert list(labels.changes) == ([] if said is None else [f"annotations.json: {said}"])
    assert labels.images[1].faces[0].visibility.tolist() == POINTS[2::3]


def test_points_without_visibility_and_without_any(tmp_path: Path) -> None:
    record = coco()
    record["annotations"][0]["keypoints"] = [10, 11, 0, 0, 30, 12, 20, 40]
    record["annotations"][1]["keypoints"] = []
    first, second = read(lay(tmp_path, record), Reading()).images
    assert first.faces[0].visibility.tolist() == [2, 0, 2, 2]
    assert second.faces[0].visibility.tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("bbox", "box"),
    [
        (None, None),
        ([], None),
        ([0, 0, 0, 0], None),
        ([35, 46, -30, -40], Box(5, 6, 30, 40)),
        (["5", "6", "30", "40"], Box(5, 6, 30, 40)),
        ("5 6 30 40", None),
        ([1, 2, 3], None),
        ([0, 0, 1e9, 1e9], None),
        ([None, 1, 2, 3], None),
    ],
)
def test_boxes(tmp_path: Path, bbox: Any, box: Box | None) -> None:
    record = coco()
    record["annotations"][0]["bbox"] = bbox
    assert whole(read(lay(tmp_path, record), Reading())).images[0].faces[0].box == box


def test_one_category_has_the_landmarks_and_others_are_left_out(tmp_path: Path) -> None:
    cats = [{"id": 0, "name": "faces"}, {"id": 2, "name": "hand", "keypoints": ["wrist"]}, {**CATEGORY, "id": 1}]
    record = coco(categories=cats)
    record["annotations"] += [
        {"id": 3, "image_id": 1, "category_id": 2, "keypoints": [1, 1, 2]},
        {"id": 4, "image_id": 1, "category_id": 0, "bbox": [1, 1, 2, 2]},
        {"id": 5, "image_id": 1, "category_id": 1, "iscrowd": 1, "segmentation": {"counts": []}},
        {**record["annotations"][0], "id": 6},
    ]
    labels = whole(read(lay(tmp_path, record), Reading()))
    assert [out.record for out in labels.left_out] == ["category 'hand'"]
    assert set(labels.changes) == {
        "annotations.json: annotations of other categories, which have no keypoints, are left out: 1",
        "annotations.json: regions of crowds are left out: 1",
        "annotations.json: faces that stand twice are taken once: 1",
    }


@pytest.mark.parametrize(
    "name", ["./a.png", "..\\set\\a.png", "C:\\data\\a.png", "https://example.org/x/a.png", "A.PNG", "/mnt/disk/a.png"]
)
def test_names_of_other_machines_are_found_by_base_name(tmp_path: Path, name: str) -> None:
    record = coco()
    record["images"][0]["file_name"] = name
    found = whole(read(lay(tmp_path, record), Reading())).images[0]
    assert (found.name, found.path) == (name, tmp_path / "a.png")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_files_in_other_encodings(tmp_path: Path, encoding: str) -> None:
    record = coco()
    record["images"][0]["file_name"] = "Gesicht Ü.png"
    file = lay(tmp_path, record)
    (tmp_path / "a.png").rename(tmp_path / "Gesicht Ü.png")
    file.write_bytes(json.dumps(record, ensure_ascii=False).encode(encoding))
    assert detect(file).name == "coco"
    assert whole(read(file, Reading())).images[0].path == tmp_path / "Gesicht Ü.png"


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_accents_may_be_written_otherwise(tmp_path: Path, form: Any) -> None:
    record = coco()
    record["images"][0]["file_name"] = unicodedata.normalize({"NFC": "NFD", "NFD": "NFC"}[form], "É.png")
    file = lay(tmp_path, record)
    there = (tmp_path / "a.png").rename(tmp_path / unicodedata.normalize(form, "é.png"))
    assert whole(read(file, Reading())).images[0].path == there


@pytest.mark.parametrize("size", [{}, {"width": None, "height": None}, {"width": "60", "height": 0}])
def test_sizes_that_are_not_there_are_those_of_the_pictures(tmp_path: Path, size: dict[str, Any]) -> None:
    record = coco()
    record["images"] = [{"id": image["id"], "file_name": image["file_name"], **size} for image in record["images"]]
    labels = whole(read(lay(tmp_path, record), Reading()))
    assert [image.size for image in labels.images] == [None, None]


def test_the_layouts_of_coco_and_of_cvat(tmp_path: Path) -> None:
    """COCO has the folders train2017 and annotations, CVAT a folder for each split in images."""
    for root, pictures, name in (
        ("coco", "train2017", "person_keypoints_train2017"),
        ("cvat", "images/val", "person_keypoints_val"),
    ):
        for picture in ("a.png", "b.png"):
            write_picture(tmp_path / root / pictures / picture, (60, 50))
        file = tmp_path / root / "annotations" / f"{name}.json"
        file.parent.mkdir()
        file.write_text(json.dumps(coco()))
        for place in (file, tmp_path / root):
            labels = whole(read(place, Reading()))
            assert [image.path for image in labels.images] == [
                tmp_path / root / pictures / picture for picture in ("a.png", "b.png")
            ]
            assert {image.split for image in labels.images} == {"train" if root == "coco" else "val"}


def test_annotations_of_no_category_are_faces_and_counted(tmp_path: Path) -> None:
    record = coco()
    record["annotations"][0]["category_id"] = 7
    del record["annotations"][1]["category_id"]
    labels = whole(read(lay(tmp_path, record), Reading()))
    assert labels.changes == ("annotations.json: annotations without a category of the file are taken for faces: 2",)


def test_names_of_landmarks_that_cannot_be_used_are_replaced_and_counted(tmp_path: Path) -> None:
    category = {**CATEGORY, "id": 1, "keypoints": ["eye", "eye", None, "eye_2"]}
    labels = whole(read(lay(tmp_path, coco(categories=[category])), Reading()))
    assert labels.landmarks == ("eye", "eye_2", "landmark_3", "eye_2_2")
    assert labels.definition is not None
    assert labels.definition.landmarks == labels.landmarks
    said = "names of landmarks that are no text, or that others have, are replaced"
    assert labels.changes == (f"annotations.json: {said}: 3",)


def test_faces_without_a_box_are_counted(tmp_path: Path) -> None:
    record = coco()
    record["annotations"][0]["bbox"] = [0, 0, 0, 0]
    del record["annotations"][1]["bbox"]
    record["annotations"].append({"id": 3, "image_id": 1, "category_id": 1})
    labels = read(lay(tmp_path, record), Reading())
    assert [face.box for image in labels.images for face in image.faces] == [None] * 3
    said = "faces without a box that can be used get one around their labels"
    assert labels.changes == (f"annotations.json: {said}: 2",)


def test_a_file_in_an_old_encoding_is_said(tmp_path: Path) -> None:
    file = lay(tmp_path, coco())
    file.write_bytes(json.dumps(coco(info={"contributor": "Müller"}), ensure_ascii=False).encode("latin-1"))
    with pytest.raises(DataError, match=r"annotations.json cannot be read: byte \d+ is not UTF-8 text"):
        read(file, Reading())


def test_results_without_their_images_are_refused(tmp_path: Path) -> None:
    file = lay(tmp_path, [{"image_id": 1, "category_id": 1, "keypoints": POINTS, "score": 0.5}])
    with pytest.raises(DataError, match="holds results, which tell pictures by their numbers only"):
        read(file, Reading())


def test_of_several_pictures_of_one_name_the_one_in_the_same_folder_is_meant(tmp_path: Path) -> None:
    record = coco()
    for k, image in enumerate(record["images"]):
        image["file_name"] = f"D:\\x\\s{k}\\Face.png"
        write_picture(tmp_path / "pictures" / f"s{k}" / "face.png", (60, 50), k)
    labels = whole(read(lay(tmp_path, record), Reading()))
    assert [image.path for image in labels.images] == [tmp_path / "pictures" / f"s{k}" / "face.png" for k in (0, 1)]
    record["images"][0]["file_name"] = "face.png"
    assert read(lay(tmp_path, record), Reading()).images[0].path is None


def test_nothing_outside_of_the_folder_is_found(tmp_path: Path) -> None:
    secret = write_picture(tmp_path / "secret.png", (60, 50))
    record = coco()
    record["images"][0]["file_name"], record["images"][1]["file_name"] = str(secret), "../secret.png"
    file = lay(tmp_path / "set", record)
    (tmp_path / "set" / "secret.png").symlink_to(secret)
    assert [image.path for image in read(file, Reading()).images] == [None, None]
    assert [image.path for image in read(file, Reading(pictures=tmp_path)).images] == [secret, secret]


def test_a_folder_with_a_file_for_each_split(tmp_path: Path) -> None:
    for split, name in (("train", "a.png"), ("valid", "b.png")):
        record = coco()
        record["images"] = [image for image in record["images"] if image["file_name"] == name]
        key = record["images"][0]["id"]
        record["annotations"] = [face for face in record["annotations"] if face["image_id"] == key]
        lay(tmp_path / split, record, "_annotations.coco.json")
    labels = whole(read(tmp_path, Reading()))
    assert [image.split for image in labels.images] == ["train", "val"]


def test_edges_that_count_from_zero_and_groups_that_cannot_be_used(tmp_path: Path) -> None:
    category = {**CATEGORY, "id": 1, "skeleton": [[0, 1], [1, 2]]}
    labels = read(lay(tmp_path, coco(categories=[category])), Reading())
    assert labels.edges == ((0, 1), (1, 2))
    assert labels.definition is not None
    labels = read(lay(tmp_path, coco(categories=[{**category, "flsg": {"ears": [0]}}])), Reading())
    assert labels.definition is None
    assert any("groups that cannot be used" in change for change in labels.changes)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"categories": []}, "no category has keypoints"),
        ({"images": {}}, "no list 'images'"),
        ({"categories": [{"id": 1, "keypoints": "nose"}]}, "wanted a list of names"),
    ],
)
def test_a_set_without_landmarks_or_images_is_an_error(tmp_path: Path, changed: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        read(lay(tmp_path, coco(**changed)), Reading())


ODD = [None, True, -1, 1e400, "x", "", [], {}, [[]], "\ud800", float("nan"), 10**30]


def spoiled(record: Any, rng: random.Random) -> Any:
    """`record` with one value, at any depth, replaced by an odd one."""
    if isinstance(record, dict | list) and record and rng.random() < 0.8:
        keys = list(record) if isinstance(record, dict) else list(range(len(record)))
        key = rng.choice(keys)
        copy = dict(record) if isinstance(record, dict) else list(record)
        copy[key] = spoiled(record[key], rng)
        return copy
    return rng.choice(ODD)


def test_whatever_a_file_holds_it_is_read_or_refused_in_a_sentence(tmp_path: Path) -> None:
    rng, faces, refused = random.Random(0), 0, []
    file = lay(tmp_path, coco())
    for _ in range(400):
        file.write_text(json.dumps(spoiled(coco(info={"image_folder": "."}), rng)), encoding="utf-8")
        try:
            faces += read(file, Reading()).faces
        except DataError as error:
            refused.append(str(error))
    assert faces > 400
    assert refused
    assert not any("\n" in sentence for sentence in refused)
