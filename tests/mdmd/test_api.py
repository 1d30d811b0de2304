"""The public API: lazy names, and models used from Python."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import mdmd
from mdmd.config import PRESETS
from mdmd.data.coco import read_coco
from mdmd.data.records import Dataset
from mdmd.training import base_cache
from tests.builders import write_pareidolias

QUICK = {"preset": "tiny", "weights": "none", "steps": 2, "quiet": True}


@pytest.fixture(scope="module")
def objects(tmp_path_factory) -> Path:
    return write_pareidolias(tmp_path_factory.mktemp("drawn") / "objects", 15)


@pytest.fixture(scope="module")
def run(objects, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "run"
    mdmd.adapt(objects, out, **QUICK)
    return out


@pytest.fixture(scope="module")
def model(run):
    return mdmd.load(str(run))


def test_every_public_name_is_there_and_no_other():
    assert [name for name in mdmd.__all__ if getattr(mdmd, name, None) is None] == []
    assert sorted(mdmd.__all__) == dir(mdmd)
    with pytest.raises(AttributeError, match="module 'mdmd' has no attribute 'looks'"):
        mdmd.looks  # noqa: B018


def test_records_and_formats_do_not_import_torch():
    numpy_side = sorted(set(mdmd.__all__) - {"load", "train", "adapt", "predict", "predict_bulk", "evaluate", "export"})
    program = (
        f"import sys, mdmd\nlater = 'numpy' not in sys.modules\nnames = [getattr(mdmd, n) for n in {numpy_side}]\n"
        "print(later, len(names), 'torch' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["True", str(len(numpy_side)), "False"]


def test_a_model_predicts_paths_images_and_arrays_alike(model, objects):
    sample = read_coco(objects).samples[0]
    given = Image.open(sample.path)
    array = np.asarray(given.convert("RGB"))
    found = model.predict([sample.path, str(sample.path), given, array], [sample.box] * 4)
    n = len(model.definition.landmarks)
    assert (found.means.shape, found.covariances.shape) == ((4, n, 2), (4, n, 2, 2))
    assert (found.p_off.shape, found.boxes.shape) == ((4, n), (4, 4))
    assert found.image_index.tolist() == [0, 1, 2, 3]
    for values in (found.means, found.covariances, found.p_off):
        np.testing.assert_allclose(values[1:], np.broadcast_to(values[0], values[1:].shape), rtol=1e-5)
    assert (np.linalg.eigvalsh(found.covariances) > 0).all()
    assert ((found.p_off > 0) & (found.p_off < 1)).all()


def test_a_model_predicts_what_the_command_line_writes(model, run, objects, tmp_path):
    written = mdmd.predict(run, faces=objects, out=tmp_path / "p.json")
    assert written == json.loads((tmp_path / "p.json").read_text())
    samples = read_coco(objects).samples
    found = model.predict([sample.path for sample in samples], [[sample.box] for sample in samples])
    assert len(found.means) == len(written["annotations"]) == len(samples)
    for row, face in enumerate(written["annotations"]):
        np.testing.assert_allclose(found.means[row], np.reshape(face["keypoints"], (-1, 3))[:, :2], atol=1e-3)
        own = found.covariances[row][:, (0, 0, 1), (0, 1, 1)]
        np.testing.assert_allclose(own, face["attributes"]["covariance"], rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(found.p_off[row], face["attributes"]["p_off"], atol=1e-3)


def test_without_boxes_the_model_finds_the_face_like_the_command(model, run, objects):
    path = read_coco(objects).samples[0].path
    [face] = mdmd.predict(run, [path], find_boxes=True)["annotations"]
    for given in (None, [None]):
        found = model.predict(path if given is None else [path], given)
        np.testing.assert_allclose(found.boxes[0], face["bbox"], atol=1e-3)
        np.testing.assert_allclose(found.means[0], np.reshape(face["keypoints"], (-1, 3))[:, :2], atol=1e-3)


def test_an_image_may_have_several_faces_or_none(model):
    image = np.zeros((40, 60, 3), dtype=np.uint8)
    boxes = [[(0, 0, 20, 20), mdmd.Box(20, 0, 20, 20)], [], np.array([5.0, 5.0, 30.0, 30.0])]
    found = model.predict([image, image, image], boxes)
    assert found.image_index.tolist() == [0, 0, 2]
    assert found.boxes.tolist() == [[0, 0, 20, 20], [20, 0, 20, 20], [5, 5, 30, 30]]
    assert model.predict([]).means.shape == (0, len(model.definition.landmarks), 2)


def test_a_turned_photograph_is_predicted_upright(model, tmp_path):
    stored = Image.fromarray(np.random.default_rng(0).integers(0, 255, (30, 50, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    stored.save(tmp_path / "turned.png", exif=exif)
    from_file = model.predict(tmp_path / "turned.png", (0, 0, 30, 50))
    from_image = model.predict(Image.open(tmp_path / "turned.png"), (0, 0, 30, 50))
    np.testing.assert_allclose(from_file.means, from_image.means, atol=1e-4)
    upright = model.predict(np.asarray(stored.rotate(-90, expand=True)), (0, 0, 30, 50))
    np.testing.assert_allclose(from_file.means, upright.means, atol=1e-4)


ARRAY = np.zeros((40, 60, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("images", "boxes", "sentence"),
    [
        (ARRAY.astype(np.float32), None, "image: found an array of float32 with shape (40, 60, 3), wanted a path, a"),
        ([ARRAY, ARRAY[..., 0]], None, "image 1: found an array of uint8 with shape (40, 60), wanted"),
        ([ARRAY, 5], None, "image 1: found int, wanted a path, a PIL image or an array of uint8 with shape (H, W, 3)"),
        ({"a": 1}, None, "images: found dict, wanted a path"),
        ("nowhere.jpg", None, "picture nowhere.jpg cannot be used: there is no such file"),
        ([ARRAY, ARRAY], [None], "boxes: found 1 entries, wanted one for each of 2 images"),
        ([ARRAY], mdmd.Box(0, 0, 1, 1), "boxes: found Box, wanted one for each of 1 images"),
        (ARRAY, (0, 0, 0, 9), "boxes: found (0, 0, 0, 9), wanted x, y, width, height: finite, width and height above"),
        ([ARRAY], [(0, 0, 9)], "boxes of image 0: found (0, 0, 9), wanted x, y, width, height"),
        (ARRAY, "face", "boxes: found 'face', wanted x, y, width, height"),
    ],
)
def test_unusable_input_gives_one_sentence(model, images, boxes, sentence):
    with pytest.raises(mdmd.DataError) as caught:
        model.predict(images, boxes)
    assert sentence in str(caught.value)


def test_evaluating_a_dataset_or_its_file_gives_the_same_numbers(model, run, objects):
    numbers = mdmd.evaluate(run, str(objects))
    assert numbers == mdmd.evaluate(model, mdmd.read_coco(objects))
    assert numbers["n"] == 3
    with pytest.raises(mdmd.DataError, match="objects has no labeled faces in split 'val'; its splits: test, train"):
        mdmd.evaluate(model, objects, split="val")


def test_training_leaves_a_run_that_loads(objects, tmp_path):
    told = json.loads(objects.read_text())
    licensed = objects.with_name("licensed.json")
    licensed.write_text(json.dumps({**told, "licenses": [{"id": 1, "name": "CC BY 4.0"}]}))
    made = mdmd.train([licensed], tmp_path / "base", **QUICK)
    again = mdmd.load(tmp_path / "base")
    assert again.checkpoint.history.licenses == {"licensed": "CC BY 4.0"}
    assert (tmp_path / "base" / "metrics.json").is_file()
    assert (again.name, again.head, again.definition) == ("base", "licensed", made.definition)
    image = np.zeros((40, 60, 3), dtype=np.uint8)
    np.testing.assert_allclose(again.predict(image).means, made.predict(image).means, rtol=1e-5)


def cut_short(objects: Path, folder: Path, which: slice) -> tuple[Path, list[str]]:
    """A copy of the set in which some pictures end in the middle, although their headers are sound; and their names."""
    shutil.copytree(objects.parent, folder)
    files = sorted((folder / "images").iterdir())[which]
    for file in files:
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    return folder / objects.name, [file.name for file in files]


def test_pictures_that_are_cut_short_are_left_out_by_name(objects, run, tmp_path, caplog):
    path, names = cut_short(objects, tmp_path / "cut", slice(4, 6))  # of twelve to learn from
    made = mdmd.adapt(path, tmp_path / "new", sources=[path], **QUICK)
    history = made.checkpoint.history
    assert history.faces["cut"] == history.faces["cut-2"] == 10 - history.heldout["n"]
    log = [json.loads(line) for line in (tmp_path / "new" / "log.jsonl").read_text().splitlines()]
    said = [event["message"] for event in log if event["event"] == "warning" and "left out" in event["message"]]
    assert [sentence.partition(" (")[0].partition("; ")[0] for sentence in said] == [
        f"{name}: 2 pictures are left out: picture {path.parent / 'images' / names[0]} cannot be used: "
        "the picture is damaged or cut short"
        for name in ("cut", "cut-2")
    ]
    assert names[1] in said[0]
    measured = mdmd.evaluate(run, path, split="train")
    assert measured["n"] == 10
    assert "cut: 2 pictures are left out: " in caplog.text
    carried = mdmd.adapt(path, tmp_path / "carried", base=run, preset="tiny", steps=0, quiet=True)
    assert carried.checkpoint.history.faces == {"cut": 10}
    assert '"cut: 2 pictures are left out: ' in (tmp_path / "carried" / "log.jsonl").read_text()


def test_a_set_without_a_readable_picture_is_one_sentence(objects, run, tmp_path):
    path, names = cut_short(objects, tmp_path / "cut", slice(None))
    for work in (
        lambda: mdmd.adapt(path, tmp_path / "new", **QUICK),
        lambda: mdmd.adapt(path, tmp_path / "new", base=run, preset="tiny", steps=0, quiet=True),
        lambda: mdmd.evaluate(run, path, split="train"),
    ):
        with pytest.raises(mdmd.DataError) as refused:
            work()
        images = re.escape(str(path.parent / "images"))
        said = rf"cut: no labeled picture can be used: picture {images}/(\S+) cannot be used: "
        told = re.match(said, str(refused.value))
        assert told
        assert told[1] in names
        assert str(refused.value).endswith("; ...")
        assert refused.value.kind == "picture"


def test_a_prediction_takes_images_or_a_file(model, objects):
    for words in ({}, {"pictures": [objects.parent / "images"], "faces": objects}):
        with pytest.raises(mdmd.DataError, match="either pictures"):
            mdmd.predict(model, **words)


def test_a_flag_rule_out_of_range_is_refused_before_any_work(model, run, objects):
    picture = next((objects.parent / "images").iterdir())
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    for wrong in (
        lambda: model.predict(picture, tolerance=0),
        lambda: mdmd.predict(model, [picture], tolerance=0),
        lambda: mdmd.evaluate(model, objects, tolerance=0),
        lambda: mdmd.adapt(objects, run, tolerance=0, **QUICK),
    ):
        with pytest.raises(mdmd.DataError, match="tolerance must be above 0, found 0"):
            wrong()
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before  # the finished run is untouched


def with_splits(objects: Path, chosen) -> Dataset:
    """The labeled objects, with the split that `chosen` gives the k-th face."""
    dataset = read_coco(objects)
    return replace(dataset, samples=tuple(replace(s, split=chosen(k)) for k, s in enumerate(dataset.samples)))


def test_named_faces_are_held_out_of_a_training_and_of_carrying_over(objects, run, tmp_path):
    target = with_splits(objects, lambda k: "heldout" if k < 4 else "train")
    mdmd.adapt(target, tmp_path / "run", **QUICK)
    measured = mdmd.evaluate(tmp_path / "run", target, split="heldout")
    assert measured["n"] == json.loads((tmp_path / "run" / "metrics.json").read_text())["n"] == 4
    made = mdmd.adapt(target, tmp_path / "carried", base=run, steps=0, preset="tiny", quiet=True)
    assert made.checkpoint.carried is not None
    assert len(made.checkpoint.carried.labels) == 11


@pytest.mark.parametrize(
    ("named", "options"), [(False, {}), (False, {"learn_share": 0.5, "seed": 3}), (True, {}), (False, {"folds": 2})]
)
def test_a_base_does_not_learn_what_its_target_is_measured_on(objects, tmp_path, monkeypatch, named, options):
    """The source labels all pictures of the target, one of which cannot be read, and others."""
    path, _ = cut_short(objects, tmp_path / "cut", slice(2, 3))
    every = with_splits(path, lambda k: "train")
    splits = ["heldout" if named and k in (1, 4) else "test" if k == 5 else "train" for k in range(9)]
    samples = [replace(s, split=split) for s, split in zip(every.samples[:9], splits, strict=True)]
    target = replace(every, name="own", samples=tuple(samples))
    taught = []

    def find_or_train(folder, sources, config, plan, log, *, start):
        taught.append((folder, {s.path for source in sources for s in source.labeled("train")}))

    monkeypatch.setattr(base_cache, "find_or_train", find_or_train)
    out = tmp_path / "run"
    mdmd.adapt(target, out, sources=[every], bases=tmp_path / "bases", **{**QUICK, **options})
    heldout = json.loads((out / "heldout.json").read_text())
    measured = {target.samples[5].path}
    numbers = {image["id"]: image["file_name"] for image in heldout["images"]}
    by_name = {s.file_name: s.path for s in target.samples}
    measured |= {by_name[numbers[face["image_id"]]] for face in heldout["annotations"]}
    assert len(measured) == (8 if "folds" in options else 3 if named else 2)
    [(folder, paths)] = taught
    assert paths == {s.path for s in every.samples} - measured
    assert folder != base_cache.base_folder(folder.parent, [every], PRESETS["tiny"].model, "none")


def test_no_base_is_learned_of_a_source_that_only_has_measured_pictures(objects, tmp_path, monkeypatch):
    monkeypatch.setattr(base_cache, "find_or_train", lambda *args, **options: pytest.fail("a base was trained"))
    target = with_splits(objects, lambda k: "train" if k < 8 else "test")
    source = replace(target, name="own", samples=tuple(replace(s, split="train") for s in target.samples[6:]))
    mdmd.adapt(target, tmp_path / "run", sources=[source], bases=tmp_path / "bases", **QUICK)
    log = (tmp_path / "run" / "log.jsonl").read_text()
    assert "own: found 2 labeled faces on pictures that objects neither holds out nor tests" in log


@pytest.mark.parametrize("steps", [0, 2])
def test_a_group_in_both_splits_is_refused_before_the_finished_run_is_touched(objects, run, steps):
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    dataset = with_splits(objects, lambda k: "heldout" if k < 4 else "train")
    target = replace(dataset, samples=tuple(replace(s, group="one") for s in dataset.samples))
    with pytest.raises(mdmd.DataError, match="found labeled faces of the group 'one' in the splits 'train'"):
        mdmd.adapt(target, run, base=run, **(QUICK | {"steps": steps}))
    with pytest.raises(mdmd.DataError, match="found labeled faces of the group 'one' in the splits 'train'"):
        mdmd.train([target], run, **QUICK)
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before


@pytest.fixture(scope="module")
def carried(run, objects, tmp_path_factory):
    """The labels of six objects, carried over by the base `run` without a step of training."""
    out = tmp_path_factory.mktemp("runs") / "carried"
    mdmd.adapt(objects, out, base=run, train_faces=6, steps=0, preset="tiny", quiet=True)
    return out


def test_labels_are_carried_over_without_a_step(carried, run, objects):
    model = mdmd.load(carried)
    assert (model.head, list(model.heads)) == ("objects", ["objects"])
    assert model.definition == read_coco(objects).definition
    measured = mdmd.evaluate(model, objects)
    written = mdmd.predict(carried, faces=objects)
    assert measured["n"] == len(read_coco(objects).split("test"))
    assert len(written["annotations"]) == 15
    samples = read_coco(objects).samples
    found = model.predict([sample.path for sample in samples], [[sample.box] for sample in samples])
    for row, face in enumerate(written["annotations"]):
        np.testing.assert_allclose(found.means[row], np.reshape(face["keypoints"], (-1, 3))[:, :2], atol=1e-3)
    assert (np.linalg.eigvalsh(found.covariances) > 0).all()
    again = mdmd.load(carried).predict(samples[0].path, samples[0].box)
    np.testing.assert_allclose(again.means, found.means[:1], rtol=1e-2)
    assert {k: v for k, v in json.loads((carried / "carried.json").read_text()).items() if k != "faces"}[
        "head"
    ] == "objects"


def test_labels_that_are_not_there_are_carried_through_a_file(carried, run, objects, tmp_path):
    dataset = read_coco(objects)
    first = dataset.samples[0]
    assert first.annotation is not None
    points, visibility = first.annotation.points.copy(), first.annotation.visibility.copy()
    points[0], visibility[0] = np.nan, 0
    partly = replace(first, annotation=mdmd.Annotation(points, visibility))
    made = mdmd.adapt(
        replace(dataset, samples=(partly, *dataset.samples[1:6])), tmp_path / "out", base=run, preset="tiny", steps=0
    )
    again = mdmd.load(tmp_path / "out")
    found, wanted = (model.predict(first.path, first.box).means for model in (again, made))
    np.testing.assert_allclose(found, wanted, rtol=1e-4)


def test_with_fewer_than_five_faces_no_point_is_flagged(run, objects, tmp_path, caplog):
    mdmd.adapt(objects, tmp_path, base=run, train_faces=1, steps=0, preset="tiny", quiet=True)
    written = mdmd.predict(tmp_path, faces=objects)
    assert not any(any(face["attributes"]["flagged"]) for face in written["annotations"])
    assert "carried over from 1 labeled face: its ellipses are not measured" in caplog.text


def test_without_a_base_the_starter_carries_over(objects, tmp_path):
    made = mdmd.adapt(objects, tmp_path, train_faces=2, steps=0, quiet=True)
    assert made.checkpoint.carried is not None
    assert made.checkpoint.carried.base.name != made.definition.name
    assert (tmp_path / "metrics.json").is_file()


@pytest.mark.parametrize("options", [{"sources": ["x"]}, {"folds": 3}, {"bases": "b"}, {"learn_share": 0.5}])
def test_options_of_a_training_are_refused_without_a_step(objects, run, tmp_path, options):
    if "sources" in options:
        options = {"sources": [objects]}
    with pytest.raises(mdmd.DataError, match=r"with --steps 0 nothing is trained|two sets"):
        mdmd.adapt(objects, tmp_path / "out", base=run, steps=0, preset="tiny", **options)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda record: record.pop("faces"), "KeyError"),
        (lambda record: record["faces"].clear(), "found 0 faces"),
        (lambda record: record.update(head="other"), "KeyError"),
        (lambda record: record["faces"][0]["points"].pop(), "wanted finite ones of"),
        (lambda record: record["faces"][0].update(seen=[[0, 0]]), "wanted finite ones of"),
        (lambda record: record["faces"][0].update(box=[1, 2]), "TypeError"),
        (lambda record: record["faces"][0].update(box=[1, 2, 0, 9]), r"box \[1, 2, 0, 9\] must have a width"),
        (lambda record: record["faces"][0].update(box=[1e9, 2, 5, 9]), "must be places within 1,000,000 pixels"),
    ],
)
def test_carried_labels_that_do_not_fit_are_refused(carried, tmp_path, change, said):
    copy = tmp_path / "copy"
    shutil.copytree(carried, copy)
    record = json.loads((copy / "carried.json").read_text())
    change(record)
    (copy / "carried.json").write_text(json.dumps(record))
    with pytest.raises(mdmd.DataError, match=said):
        mdmd.load(copy)
