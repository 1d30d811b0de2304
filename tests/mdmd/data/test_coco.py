"""COCO-keypoint files: exact round trips, what pycocotools requires, and errors that name the record."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from mdmd.data.coco import PREDICTED, from_coco, read_coco, to_coco, write_coco
from mdmd.data.definition import Definition, load_definition
from mdmd.data.records import Annotation, Box, Dataset, Sample
from mdmd.errors import DataError
from tests.builders import write_pareidolias

mpl.use("Agg")
NINE = load_definition("pare")


def sample(name: str = "a.png", *, at: float = 10.0, visibility: tuple[int, ...] = (2,) * 9, **changes: Any) -> Sample:
    """One face of nine points in a 200 x 160 picture, 40 px wide from `at`."""
    visible = np.array(visibility)
    points = np.array([(0, 0), (10, 0), (30, 0), (40, 0), (20, 15), (8, 30), (32, 30), (20, 28), (20, 34)]) + at + 1 / 3
    points[visible == 0] = 0
    base = Sample(Path(name), name, 200, 160, Box(at, at, 40.25, 35.5), Annotation(points, visible), group=name)
    return replace(base, **changes)


def assert_same(found: Dataset, expected: Dataset) -> None:
    """Every field of every face, coordinates of unlabeled points included."""
    assert found.name == expected.name
    assert found.definition == expected.definition
    assert len(found.samples) == len(expected.samples)
    for a, b in zip(found.samples, expected.samples, strict=True):
        assert replace(a, annotation=None).__dict__ == replace(b, annotation=None).__dict__
        assert (a.annotation is None) == (b.annotation is None)
        if a.annotation is not None and b.annotation is not None:
            np.testing.assert_array_equal(a.annotation.points, b.annotation.points)
            np.testing.assert_array_equal(a.annotation.visibility, b.annotation.visibility)
            assert a.annotation.points.dtype == np.float64
            assert a.annotation.visibility.dtype == np.int64


def write(folder: Path, coco: Any, name: str = "annotations.json") -> Path:
    path = folder / name
    path.write_text(json.dumps(coco), encoding="utf-8")
    return path


SEVERAL = [
    sample("a.png", image_id=4, face_id=9, split="test", extra={"style": "paint", "subset": "x"}),
    sample("b/ü 1.png", at=7, image_id=2, face_id=3, visibility=(2, 1, 0, 0, 2, 1, 2, 0, 2), group="one person"),
    sample("a.png", at=90, image_id=4, face_id=1, split="test", extra={"style": "paint", "subset": "x"}),
    sample("c.png", image_id=7, face_id=20, annotation=None, split="val"),
]


# Round trips


def test_reading_what_was_written_gives_everything_back(tmp_path: Path):
    first = read_coco(write(tmp_path, to_coco(SEVERAL, NINE)), name="masks")
    expected = [
        replace(s, path=tmp_path / "images" / s.file_name, group="a.png" if s.file_name == "a.png" else s.group)
        for s in SEVERAL
    ]
    assert_same(first, Dataset("masks", NINE, tuple(expected)))
    again = to_coco(first.samples, first.definition)
    assert again == to_coco(SEVERAL, NINE)
    assert_same(read_coco(write(tmp_path, again), name="masks"), first)


numbers = st.floats(-1e4, 1e4)
sides = st.floats(1e-3, 1e4)
boxes = st.builds(Box, numbers, numbers, sides, sides)
labels = st.lists(st.tuples(numbers, numbers, st.integers(0, 2)), min_size=9, max_size=9)
PICTURES = {"a.png": (3, "train"), "b/c.png": (1, "test"), "猿.jpg": (8, "val")}


@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from([*PICTURES]), boxes, labels), max_size=4))
def test_any_faces_round_trip_through_a_file(faces: list[tuple[str, Box, list[tuple[float, float, int]]]]):
    samples = []
    for name, box, rows in faces:
        table = np.array([(x, y, v) if v else (0, 0, 0) for x, y, v in rows])
        labeled = Annotation(table[:, :2], table[:, 2].astype(np.int64)) if table[:, 2].any() else None
        image_id, split = PICTURES[name]
        path = Path("pictures/images") / name
        face_id = len(samples) + 1
        samples.append(Sample(path, name, 200, 160, box, labeled, split, name, image_id, face_id))
    coco = json.loads(json.dumps(to_coco(samples, NINE), allow_nan=False))
    assert_same(from_coco(coco, folder=Path("pictures"), name="x"), Dataset("x", NINE, tuple(samples)))


def test_several_faces_share_one_image_record():
    coco = to_coco(SEVERAL, NINE)
    assert [image["file_name"] for image in coco["images"]] == ["a.png", "b/ü 1.png", "c.png"]
    assert [a["image_id"] for a in coco["annotations"]] == [4, 2, 4, 7]


# What COCO tools require


def test_the_exact_keys_and_values_of_the_format():
    coco = to_coco(SEVERAL, NINE, info={"description": "masks"})
    assert coco["info"] == {"description": "masks"}
    assert coco["categories"] == [NINE.to_category()]
    assert coco["categories"][0]["id"] == 1
    assert min(min(edge) for edge in coco["categories"][0]["skeleton"]) == 1
    for record in coco["annotations"]:
        assert record["category_id"] == 1
        assert record["iscrowd"] == 0
        assert record["segmentation"] == []
        assert min(record["bbox"][2:]) > 0
        assert record["area"] == record["bbox"][2] * record["bbox"][3] > 0
        assert len(record["keypoints"]) == 27
        assert record["num_keypoints"] == sum(v > 0 for v in record["keypoints"][2::3])
    assert [record["num_keypoints"] for record in coco["annotations"]] == [9, 6, 9, 0]


def test_unlabeled_points_are_written_as_zeros_whatever_their_coordinates():
    points = np.arange(18.0).reshape(9, 2)
    points[3] = np.nan
    odd = sample(annotation=Annotation(points, np.array([2, 0, 1, 0, 2, 2, 2, 2, 2])))
    keypoints = to_coco([odd], NINE)["annotations"][0]["keypoints"]
    assert keypoints[:12] == [0, 1, 2, 0, 0, 0, 4, 5, 1, 0, 0, 0]
    unlabeled = to_coco([sample(annotation=None)], NINE)["annotations"][0]
    assert unlabeled["keypoints"] == [0] * 27


def test_ids_of_samples_are_kept_if_they_are_sound():
    coco = to_coco(SEVERAL, NINE)
    assert [image["id"] for image in coco["images"]] == [4, 2, 7]
    assert [record["id"] for record in coco["annotations"]] == [9, 3, 1, 20]


@pytest.mark.parametrize(
    "changes",
    [
        [{}, {"face_id": 9}],  # two faces with one id
        [{}, {"face_id": 0}],  # COCOeval takes 0 for "unmatched"
        [{}, {"image_id": 0}],
        [{}, {"image_id": -3}],
        [{}, {"image_id": 4}],  # one id, two pictures
        [{}, {}, {"file_name": "a.png", "image_id": 5, "face_id": 8}],  # one picture, two ids
        [{}, {}, {"file_name": "a.png", "image_id": 2, "face_id": 8}],  # both, in equal numbers
    ],
)
def test_otherwise_ids_are_numbered_from_one(changes: list[dict[str, Any]]):
    sound = [
        sample("a.png", image_id=4, face_id=9),
        sample("b.png", image_id=2, face_id=3),
        sample("c.png", image_id=7, face_id=8),
    ]
    samples = [replace(s, **change) for s, change in zip(sound, changes, strict=False)]
    coco = to_coco(samples, NINE)
    names = list(dict.fromkeys(s.file_name for s in samples))
    assert [image["id"] for image in coco["images"]] == [*range(1, len(names) + 1)]
    assert [record["id"] for record in coco["annotations"]] == [*range(1, len(samples) + 1)]
    assert [record["image_id"] for record in coco["annotations"]] == [names.index(s.file_name) + 1 for s in samples]


def test_attributes_follow_the_face_id():
    coco = to_coco(SEVERAL, NINE, attributes={3: {"annotator": "Ada"}, 77: {"annotator": "nobody"}})
    assert [record.get("attributes") for record in coco["annotations"]] == [None, {"annotator": "Ada"}, None, None]


def test_samples_may_come_as_a_generator():
    assert to_coco((s for s in SEVERAL), NINE) == to_coco(SEVERAL, NINE)


@pytest.fixture
def loaded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> COCO:
    faces = [sample(f"{k}.png", at=5.0 + k, image_id=30 + k, face_id=70 + k) for k in range(6)]
    faces += [
        sample("5.png", at=100, image_id=35, face_id=5),
        sample("9.png", image_id=50, face_id=99, annotation=None),
    ]
    coco = COCO(str(write(tmp_path, to_coco(faces, NINE))))
    capsys.readouterr()
    return coco


def test_pycocotools_finds_ground_truth_perfect_against_itself(loaded: Any, capsys: pytest.CaptureFixture[str]):
    truth = [a for a in loaded.loadAnns(loaded.getAnnIds()) if a["num_keypoints"]]
    found = loaded.loadRes([{**copy.deepcopy(a), "score": 1.0} for a in truth])
    evaluation = COCOeval(loaded, found, "keypoints")
    evaluation.params.kpt_oks_sigmas = np.full(9, 0.03)
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    assert "Average Precision" in capsys.readouterr().out
    assert len(truth) == 7
    assert evaluation.stats[0] == pytest.approx(1.0)  # AP over OKS 0.50:0.95
    assert evaluation.stats[5] == pytest.approx(1.0)  # AR


def test_pycocotools_finds_moved_points_wrong(loaded: Any, capsys: pytest.CaptureFixture[str]):
    moved = [copy.deepcopy(a) | {"score": 1.0} for a in loaded.loadAnns(loaded.getAnnIds()) if a["num_keypoints"]]
    for record in moved:
        record["keypoints"] = [v + 20 if k % 3 < 2 else v for k, v in enumerate(record["keypoints"])]
    evaluation = COCOeval(loaded, loaded.loadRes(moved), "keypoints")
    evaluation.params.kpt_oks_sigmas = np.full(9, 0.03)
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    capsys.readouterr()
    assert evaluation.stats[0] == 0.0


def test_pycocotools_draws_it(loaded: Any):
    from matplotlib import pyplot

    figure, axes = pyplot.subplots()
    try:
        axes.imshow(np.zeros((160, 200, 3)))
        loaded.showAnns(loaded.loadAnns(loaded.getAnnIds(imgIds=[30])))
        drawn = np.concatenate([np.atleast_2d(line.get_xydata()) for line in axes.lines])
        expected = np.array(loaded.loadAnns([70])[0]["keypoints"]).reshape(9, 3)[:, :2]
        assert len(axes.lines) >= len(NINE.edges)
        assert all(np.isclose(drawn, point).all(axis=1).any() for point in expected)
        figure.canvas.draw()
    finally:
        pyplot.close(figure)


# Reading files of others


def foreign() -> dict[str, Any]:
    """A valid file as another tool might write it: two faces on one image and one on another."""
    return {
        "images": [
            {"id": 0, "file_name": "a.png", "width": 200, "height": 160, "license": 2},
            {"id": 12, "file_name": "b.png", "width": 100.0, "height": 90},
        ],
        "annotations": [
            {"id": 5, "image_id": 0, "bbox": [1, 2, 30, 40], "keypoints": [3, 4, 2, 0, 0, 0, 9, 9, 1]},
            {"id": 6, "image_id": 0, "keypoints": [3, 4, 2, 13, 4, 2, 8, 24, 1]},
            {"image_id": 12, "keypoints": [3, 4, 2, 13, 4, 2, 0, 0, 0]},
            {"id": 8, "image_id": 12},
        ],
        "categories": [
            {
                "id": 3,
                "name": "mask",
                "keypoints": ["eye_left", "eye_right", "tip"],
                "flsg": {"left_eye": [0], "right_eye": [1], "nose": [2]},
                "flip_pairs": [[0, 1]],
            }
        ],
    }


def test_missing_keys_of_a_foreign_file_get_defaults():
    samples = from_coco(foreign(), folder=Path("x"), name="masks").samples
    assert [s.box for s in samples] == [
        Box(1, 2, 30, 40),
        Box(3, 4, 10, 20),  # tight around the labeled points
        Box(0, 0, 100, 90),  # two level eyes span no box: the whole picture
        Box(0, 0, 100, 90),
    ]
    assert [s.face_id for s in samples] == [5, 6, 0, 8]
    assert [s.image_id for s in samples] == [0, 0, 12, 12]
    assert {s.split for s in samples} == {"train"}
    assert [s.group for s in samples] == ["a.png", "a.png", "b.png", "b.png"]
    assert samples[3].annotation is None
    assert (samples[2].width, samples[2].height) == (100, 90)
    assert [dict(s.extra) for s in samples] == [{}] * 4


def test_pictures_are_found_beside_the_file_then_in_images_then_where_info_says(tmp_path: Path):
    folder, other = tmp_path / "set", tmp_path / "elsewhere"
    for place in (folder, folder / "images", other):
        place.mkdir()
    coco = foreign() | {"info": {"image_folder": "../elsewhere"}}

    def places() -> list[Path]:
        samples = from_coco(coco, folder=folder, name="x").samples
        return [s.path.resolve() for s in samples if s.face_id in (5, 8)]

    assert places() == [other / "a.png", other / "b.png"]
    (folder / "images" / "a.png").touch()
    assert places() == [folder / "images" / "a.png", other / "b.png"]
    (folder / "a.png").touch()
    assert places() == [folder / "a.png", other / "b.png"]


def test_the_name_of_a_set_is_its_folder_or_its_file(tmp_path: Path):
    folder = tmp_path / "macaques"
    folder.mkdir()
    assert read_coco(write(folder, foreign())).name == "macaques"
    assert read_coco(write(folder, foreign(), "first_100.json")).name == "first_100"
    assert read_coco(write(folder, foreign()), name="mine").name == "mine"


# Refusals


def test_a_prediction_is_refused_as_a_label():
    coco = to_coco(SEVERAL, NINE, attributes={3: {"source": PREDICTED, "run": "002"}})
    with pytest.raises(DataError, match=r"^pre\.json, annotation 3: this is a model's prediction, not a label"):
        from_coco(coco, folder=Path(), name="x", where="pre.json")
    coco["annotations"][1]["attributes"]["source"] = "accepted"
    assert len(from_coco(coco, folder=Path(), name="x").samples) == 4


@pytest.mark.parametrize(
    "file_name",
    ["../a.png", "b/../../a.png", "/etc/a.png", "..\\a.png", "b\\..\\..\\a.png", "C:/a.png", "\\\\host\\x\\a.png", ""],
)
def test_a_file_name_cannot_leave_its_folder(file_name: str):
    coco = foreign()
    coco["images"][1]["file_name"] = file_name
    with pytest.raises(DataError) as refusal:
        from_coco(coco, folder=Path("x"), name="x", where="t.json")
    expected = f"t.json, image 12: file_name {file_name!r} must be a path that is relative and without '..'"
    assert str(refusal.value) == expected


def change(path: str, value: Any) -> Callable[[Any], Any]:
    """A function that sets (or with `...` deletes) what `path` ("annotations.1.bbox") names in a file's JSON."""

    def apply(coco: Any) -> Any:
        *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
        target = coco
        for part in parents:
            target = target[part]
        if value is ...:
            del target[last]
        else:
            target[last] = value
        return coco

    return apply


REFUSED = [
    (lambda coco: [coco], "t.json: found a JSON list, wanted an object with images and annotations"),
    (change("images", ...), "t.json: no list 'images'"),
    (change("annotations", {}), "t.json: no list 'annotations'"),
    (change("categories", []), "t.json: found 0 categories, wanted exactly one"),
    (change("categories.0", "face"), "t.json, category: found a JSON str"),
    (
        change("categories.0.flip_pairs", [[0, 0]]),
        "t.json, category: landmark 'eye_left' (index 0) is paired with itself",
    ),
    (change("info", {"image_folder": 5}), "t.json, info: image_folder is 5, wanted text"),
    (change("images.1", "b.png"), "t.json, image number 1: found a JSON str, wanted an object"),
    (change("images.1.id", ...), "t.json, image number 1 (it has no id): no 'id'"),
    (change("images.1.id", "b"), "t.json, image 'b': id is 'b', wanted a whole number of at least 0"),
    (change("images.1.id", [1]), "t.json, image [1]: id is [1], wanted a whole number"),
    (change("images.1.id", True), "t.json, image True: id is True, wanted a whole number"),
    (change("images.1.id", 0), "t.json, image 0: the id stands twice"),
    (change("images.1.width", 0), "t.json, image 12: width is 0, wanted a whole number of at least 1"),
    (change("images.1.height", "big"), "t.json, image 12: height is 'big', wanted a whole number of at least 1"),
    (change("images.1.height", 90.5), "t.json, image 12: height is 90.5, wanted a whole number"),
    (change("images.1.height", float("inf")), "t.json, image 12: height is inf, wanted a whole number"),
    (change("images.1.height", ...), "t.json, image 12: no 'height'"),
    (change("images.1.file_name", 7), "t.json, image 12: file_name is 7, wanted text"),
    (change("annotations.0", None), "t.json, annotation number 0: found a JSON NoneType, wanted an object"),
    (change("annotations.1.id", 5), "t.json, annotation 5: the id stands twice"),
    (change("annotations.1.id", None), "t.json, annotation None: id is None, wanted a whole number"),
    (change("annotations.1.image_id", 3), "t.json, annotation 6: image 3 is not in the file"),
    (
        change("annotations.2.image_id", ...),
        "t.json, annotation number 2 (it has no id): image None is not in the file",
    ),
    (change("annotations.1.image_id", [0]), "t.json, annotation 6: image [0] is not in the file"),
    (change("annotations.1.keypoints", [1, 2, 2]), "t.json, annotation 6: found 3 keypoint numbers, wanted 9"),
    (change("annotations.1.keypoints", "none"), "t.json, annotation 6: found 'none' keypoint numbers, wanted 9"),
    (change("annotations.1.keypoints.4", "4"), "t.json, annotation 6: keypoints hold something that is not a number"),
    (change("annotations.1.keypoints.4", None), "t.json, annotation 6: keypoints hold something that is not a number"),
    (
        change("annotations.1.keypoints.4", float("nan")),
        "t.json, annotation 6: landmark 1 is at (13, nan), wanted places within 1,000,000 pixels",
    ),
    (change("annotations.1.keypoints.5", 3), "t.json, annotation 6: landmark 1 has visibility 3, wanted 0, 1 or 2"),
    (change("annotations.1.keypoints.5", 0.5), "t.json, annotation 6: landmark 1 has visibility 0.5, wanted 0, 1 or"),
    (change("annotations.1.subsets", "pose"), "t.json, annotation 6: subsets is 'pose', wanted a list of names"),
    (change("annotations.0.bbox", [1, 2, 3]), "t.json, annotation 5: bbox [1, 2, 3] is not x, y, width, height"),
    (change("annotations.0.bbox", "box"), "t.json, annotation 5: bbox 'box' is not x, y, width, height"),
    (change("annotations.0.bbox", 4), "t.json, annotation 5: bbox 4 is not x, y, width, height"),
    (
        change("annotations.0.bbox.2", 0),
        "t.json, annotation 5: bbox [1, 2, 0, 40] must have a width and height of at",
    ),
    (
        change("annotations.0.bbox.0", float("inf")),
        "t.json, annotation 5: bbox [inf, 2, 30, 40] must be places within 1,000,000",
    ),
]


@pytest.mark.parametrize(("spoil", "sentence"), REFUSED, ids=[sentence[8:58] for _, sentence in REFUSED])
def test_every_refusal_names_the_record(spoil: Callable[[Any], Any], sentence: str, tmp_path: Path):
    with pytest.raises(DataError) as refusal:
        read_coco(write(tmp_path, spoil(foreign()), "t.json"))
    assert str(refusal.value).startswith(sentence)
    assert "\n" not in str(refusal.value)


def test_a_missing_file_a_folder_and_invalid_json_are_refused(tmp_path: Path):
    with pytest.raises(DataError, match=r"no such file: .*none\.json"):
        read_coco(tmp_path / "none.json")
    with pytest.raises(DataError, match="is a folder; name the COCO JSON file in it"):
        read_coco(tmp_path)
    (tmp_path / "half.json").write_text('{"images": [')
    with pytest.raises(DataError, match=r"half\.json cannot be read: it is not JSON \(line 1"):
        read_coco(tmp_path / "half.json")
    (tmp_path / "photo.json").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(DataError, match=r"photo\.json cannot be read: byte 0 is not UTF-8"):
        read_coco(tmp_path / "photo.json")


@pytest.mark.parametrize(
    ("spoilt", "sentence"),
    [
        (sample(box=Box(1, 2, 0, 5)), "a.png, face 3: box [1.0, 2.0, 0.0, 5.0] must have a width and height"),
        (sample(box=Box(1, float("nan"), 4, 5)), "a.png, face 3: box [1.0, nan, 4.0, 5.0] must be places within"),
        (
            sample(annotation=Annotation(np.full((9, 2), np.nan), np.full(9, 2))),
            "a.png, face 3: 'eye_outer_left' is labeled at (nan, nan)",
        ),
        (
            sample(annotation=Annotation(np.zeros((4, 2)), np.full(4, 2))),
            "a.png, face 3: found 4 points, wanted the 9 of 'PARE, 9 points'",
        ),
    ],
)
def test_nothing_is_written_that_could_not_be_read_back(spoilt: Sample, sentence: str):
    with pytest.raises(DataError) as refusal:
        to_coco([sample("z.png", face_id=1), replace(spoilt, face_id=3)], NINE)
    assert str(refusal.value).startswith(sentence)


def test_definitions_of_every_shape_travel_with_the_file(tmp_path: Path):
    for definition in (
        load_definition("wflw"),
        Definition("dot", ("tip",), (9,), (0,)),
        Definition("pair", ("a", "b", "c"), (5, 6, 9), (1, 0, 2), normalizer=((0, 2), (1,)), ids=(8, 2, 5), version=3),
    ):
        bare = sample(annotation=None)
        assert read_coco(write(tmp_path, to_coco([bare], definition))).definition == definition


def test_a_written_dataset_is_read_back(tmp_path):
    file = write_pareidolias(tmp_path / "drawn", 4, first=3)
    given = read_coco(file)
    few = replace(given.samples[0], annotation=None)
    changed = replace(given.samples[1], split="val", unseen=True, extra={"style": "ink", "subsets": ["odd"]})
    given = replace(given, samples=(few, changed, *given.samples[2:]))
    found = read_coco(write_coco(given, tmp_path / "elsewhere" / "new.json"), name=given.name)
    own, other = (
        replace(d, samples=tuple(replace(s, path=s.path.resolve()) for s in d.samples)) for d in (given, found)
    )
    assert_same(other, own)


def test_a_dataset_whose_pictures_would_not_be_found_is_not_written(tmp_path):
    given = read_coco(write_pareidolias(tmp_path / "drawn", 3, first=3))
    first, *others = given.samples
    (tmp_path / "other").mkdir()
    shutil.copy(first.path, tmp_path / "other" / first.file_name)
    moved = replace(first, path=tmp_path / "other" / first.file_name)
    with pytest.raises(DataError, match="wanted one folder for all"):
        write_coco(replace(given, samples=(moved, *others)), tmp_path / "new.json")
    with pytest.raises(DataError, match="would be read in place of"):
        write_coco(given, tmp_path / "other" / "new.json")
    with pytest.raises(DataError, match="does not end in its file name"):
        write_coco(replace(given, samples=(replace(first, file_name="a.png"),)), tmp_path / "new.json")
    assert not (tmp_path / "new.json").exists()
