"""The command line of the method, as scripts use it."""

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas
import pytest
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from mdmd import run_folder
from mdmd.cli import main as cli
from mdmd.cli.main import main
from mdmd.formats.format import Reading
from mdmd.formats.known import read
from mdmd.synthetic.datasets import write_source
from tests.builders import write_pareidolias

KEYS = {"nme", "fr10", "auc10", "coverage50", "coverage90", "auroc_wrong", "flag_recall", "flag_rate", "n"}
KEYS |= {"nll", "ause", "coverage90_nose"}
QUICK = ["--preset", "tiny", "--weights", "none", "--steps", "2", "--quiet"]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawn")
    return write_source(folder / "people", 10, seed=0), write_pareidolias(folder / "objects", 15)


@pytest.fixture(scope="module")
def run(drawn, tmp_path_factory):
    people, objects = drawn
    out = tmp_path_factory.mktemp("run")
    arguments = ["--target", objects, "--source", people, "--bases", out / "bases", "--base-minutes", "0.02"]
    assert main(["adapt", *map(str, arguments), *QUICK, "--out", str(out / "run")]) == 0
    return out / "run"


def test_adapt_leaves_a_run_and_a_base_to_use_again(run, drawn, capsys):
    assert {"model.safetensors", "model.json", "metrics.json", "log.jsonl"} <= {p.name for p in run.iterdir()}
    events = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert [e["stage"] for e in events if e["event"] == "start"] == ["base", "adapt"]
    assert {"event", "time", "stage", "step", "steps", "loss", "losses", "images_per_second", "eta_seconds"} <= set(
        next(e for e in events if e["event"] == "step")
    )
    people, objects = drawn
    again = run.parent / "again"
    arguments = ["--target", objects, "--source", people, "--bases", run.parent / "bases"]
    assert main(["adapt", *map(str, arguments), *QUICK, "--out", str(again)]) == 0
    events = [json.loads(line) for line in (again / "log.jsonl").read_text().splitlines()]
    assert [e["stage"] for e in events if e["event"] == "start"] == ["adapt"]


def commands_of(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """The parsers of all commands under `parser`, without those of command groups."""
    groups = parser._subparsers._group_actions if parser._subparsers else []
    for action in groups:
        for made in action.choices.values():
            yield from commands_of(made)
    if not groups:
        yield parser


def test_every_command_has_something_to_run():
    runs = [command.get_default("run") for command in commands_of(cli.parser())]
    assert len(runs) == 10
    assert all(callable(run) for run in runs)


def test_help_does_not_wait_for_torch():
    program = (
        "import sys, mdmd.cli.main as main\n"
        "try: main.main(['adapt', '--help'])\n"
        "except SystemExit: print('torch' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout
    assert said.startswith("usage: mdmd adapt")
    assert said.endswith("\nFalse\n")


def test_a_share_of_the_target_is_trained_with_the_same_base(run, drawn, tmp_path):
    people, objects = drawn
    arguments = ["--target", objects, "--source", people, "--bases", run.parent / "bases", "--learn-share", "0.25"]
    assert main(["adapt", *map(str, arguments), *QUICK, "--out", str(tmp_path)]) == 0
    whole, part = (json.loads((folder / "model.json").read_text())["history"] for folder in (run, tmp_path))
    assert (whole["faces"]["objects"], part["faces"]["objects"]) == (10, 3)  # of 12, two held out
    assert (part["faces"]["people"], part["heldout"]["n"]) == (whole["faces"]["people"], whole["heldout"]["n"])
    assert len(list((run.parent / "bases").iterdir())) == 1
    told = [json.loads((folder / "heldout.json").read_text())["annotations"] for folder in (run, tmp_path)]
    assert [face["id"] for face in told[0]] == [face["id"] for face in told[1]]


def test_metrics_of_held_out_faces_can_be_recomputed_from_the_files_of_a_run(run, drawn):
    """Recompute the metrics from the JSON files with independent code."""
    told, numbers = (json.loads((run / name).read_text()) for name in ("heldout.json", "metrics.json"))
    truth = {face["id"]: face for face in json.loads(drawn[1].read_text())["annotations"]}
    pair = told["categories"][0]["normalizer"]
    assert (told["info"]["final"], told["info"]["stage"]) == (True, "adapt")
    errors, inside, points = [], 0, 0
    for face in told["annotations"]:
        true, found = truth[face["id"]]["keypoints"], face["keypoints"]
        middles = []
        for side in pair:
            members = side if isinstance(side, list) else [side]
            middles.append([sum(true[3 * k + axis] for k in members) / len(members) for axis in (0, 1)])
        unit = math.dist(*middles)
        own = []
        for k, (xx, xy, yy) in enumerate(face["attributes"]["covariance"]):
            if not true[3 * k + 2]:
                continue
            dx, dy = true[3 * k] - found[3 * k], true[3 * k + 1] - found[3 * k + 1]
            own.append(math.hypot(dx, dy) / unit)
            squared = (yy * dx * dx - 2 * xy * dx * dy + xx * dy * dy) / (xx * yy - xy * xy)
            inside += squared <= told["info"]["radius90"] ** 2
            points += 1
        errors.append(sum(own) / len(own))
    assert len(told["annotations"]) == numbers["n"] == len(errors)
    assert numbers["nme"] == pytest.approx(100 * sum(errors) / len(errors), abs=0.01)
    assert numbers["coverage90"] == pytest.approx(inside / points, abs=1e-4)


def test_settings_reach_the_run_and_a_base_keeps_its_own(drawn, tmp_path, capsys):
    _, objects = drawn
    switches = ["--set", "model.groups=5", "--set", "model.tokens=both", "--set", "train.loss=euclidean"]
    assert main(["train", "--data", str(objects), *QUICK, *switches, "--out", str(tmp_path / "base")]) == 0
    record = json.loads((tmp_path / "base" / "model.json").read_text())
    assert (record["model"]["groups"], record["model"]["tokens"]) == (5, "both")
    assert record["history"]["train"]["loss"] == "euclidean"
    again = [
        "adapt",
        "--target",
        str(objects),
        *QUICK,
        "--from",
        str(tmp_path / "base"),
        "--out",
        str(tmp_path / "run"),
    ]
    assert main([*again, "--set", "model.groups=12"]) == 2
    assert "base has groups = 5, model.groups asks for 12" in capsys.readouterr().err
    assert main(again) == 0


def test_evaluate_writes_the_fixed_keys(run, drawn, tmp_path, capsys):
    assert main(["evaluate", str(run), "--data", str(drawn[1]), "--json", str(tmp_path / "out.json")]) == 0
    numbers = json.loads((tmp_path / "out.json").read_text())
    assert set(numbers) >= KEYS
    assert numbers == json.loads(capsys.readouterr().out)
    assert numbers["n"] == 3
    assert [numbers[key] for key in ("steps", "batch_size", "faces_seen")] == [2, 8, 16]
    assert 0 < numbers["minutes"] < 5
    assert 0 <= numbers["coverage50"] <= numbers["coverage90"] <= 1


def test_evaluate_draws_faces_into_a_new_folder(run, drawn, tmp_path, capsys):
    words = ["evaluate", str(run), "--data", str(drawn[1]), "--draw", str(tmp_path / "faces"), "--json"]
    assert main([*words, str(tmp_path / "first.json")]) == 0
    found = sorted(path.name for path in (tmp_path / "faces").iterdir())
    assert [name.partition("_")[0] for name in found] == ["all.png", "best-1", "median-1", "worst-1"]
    errors = [float(name.split("_")[1].removeprefix("nme-")) for name in found[1:]]
    assert errors == sorted(errors)
    numbers = json.loads((tmp_path / "first.json").read_text())
    assert sum(errors) / len(errors) == pytest.approx(numbers["nme"], abs=0.01)
    assert main([*words, str(tmp_path / "second.json")]) == 2
    assert "faces holds files already: name a new folder" in capsys.readouterr().err
    assert not (tmp_path / "second.json").exists()


def test_evaluate_normalizes_by_the_box_when_asked(run, tmp_path):
    objects = write_pareidolias(tmp_path / "one", 3, first=5)  # one test face, so that its two NME differ by one ratio
    found = {}
    for normalizer in ("definition", "box"):
        out = tmp_path / f"{normalizer}.json"
        words = ["evaluate", str(run), "--data", str(objects), "--normalizer", normalizer, "--json", str(out)]
        assert main(words) == 0
        found[normalizer] = json.loads(out.read_text())
    face = json.loads(objects.read_text())["annotations"][-1]
    x, y = face["keypoints"][::3], face["keypoints"][1::3]
    eyes = math.dist((x[0], y[0]), (x[3], y[3]))
    _, _, width, height = face["bbox"]
    assert found["box"]["n"] == 1
    assert found["box"]["nme"] * math.sqrt(width * height) == pytest.approx(found["definition"]["nme"] * eyes, rel=1e-4)


def test_evaluate_uses_a_named_head(run, drawn, capsys):
    assert main(["evaluate", str(run), "--data", str(drawn[0]), "--head", "people"]) == 0
    assert main(["evaluate", str(run), "--data", str(drawn[0])]) == 2
    assert "people cannot be measured with head 'objects': it has 68 landmarks, wanted 9" in capsys.readouterr().err
    assert main(["evaluate", str(run), "--data", str(drawn[1]), "--split", "val"]) == 2
    assert "no labeled faces in split 'val'; its splits: test, train" in capsys.readouterr().err


def test_labels_accepted_without_review_are_not_measured(run, drawn, capsys):
    record = json.loads(drawn[1].read_text())
    splits = {image["id"]: image["split"] for image in record["images"]}
    tested = [face for face in record["annotations"] if splits[face["image_id"]] == "train"]
    file = drawn[1].parent / "taken.json"
    words = ["evaluate", str(run), "--data", str(file), "--split", "train"]
    tested[0]["unseen"] = True
    file.write_text(json.dumps(record))
    assert main(words) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["n"] == len(tested) - 1 > 0
    assert f"1 of {len(tested)} faces have labels accepted unseen and are left out" in told.err
    for face in tested:
        face["unseen"] = True
    file.write_text(json.dumps(record))
    assert main(words) == 2
    assert "wanted reviewed labels to measure on" in capsys.readouterr().err


def test_evaluate_matches_landmarks_by_name_or_warns_that_it_uses_their_order(run, drawn, capsys):
    def measured(file):
        assert main(["evaluate", str(run), "--data", str(file)]) == 0
        return capsys.readouterr()

    def numbers(told):
        return {name: math.nan if value is None else value for name, value in json.loads(told.out).items()}

    def written(name, category, faces):
        file = drawn[1].parent / f"{name}.json"
        file.write_text(json.dumps({**record, "categories": [category], "annotations": faces}))
        return file

    record = json.loads(drawn[1].read_text())
    category, faces = record["categories"][0], record["annotations"]
    expected = measured(drawn[1])
    last = len(category["keypoints"]) - 1  # the same labels from the last landmark to the first
    turned = {
        **category,
        "keypoints": category["keypoints"][::-1],
        "flsg": {group: [last - k for k in members] for group, members in category["flsg"].items()},
        "flip_pairs": [[last - a, last - b] for a, b in category["flip_pairs"]],
        "skeleton": [],
        "normalizer": [last - k for k in category["normalizer"]],
    }
    points = [[face["keypoints"][k : k + 3] for k in range(0, 3 * last + 3, 3)] for face in faces]
    labels = [{**f, "keypoints": [n for p in rows[::-1] for n in p]} for f, rows in zip(faces, points, strict=True)]
    found = measured(written("turned", turned, labels))
    assert numbers(found) == pytest.approx(numbers(expected), rel=1e-3, nan_ok=True)
    assert found.err == ""
    numbered = {**category, "keypoints": [f"point_{k}" for k in range(last + 1)]}
    found = measured(written("numbered", numbered, faces))
    assert json.loads(found.out) == json.loads(expected.out)
    assert "numbered has other landmark names than head 'objects': landmarks are matched by their order" in found.err
    file = written("other", {**turned, "keypoints": numbered["keypoints"]}, labels)
    assert main(["evaluate", str(run), "--data", str(file)]) == 2
    assert "other cannot be measured with head 'objects': it has other landmarks, 'point_0'" in capsys.readouterr().err


def test_labels_and_boxes_of_other_tools_are_learned_measured_and_predicted(run, drawn, tmp_path, capsys):
    told = json.loads(drawn[1].read_text())
    [category] = told["categories"]
    (tmp_path / "d.json").write_text(json.dumps(category))
    plain = {"id": 1, "name": "face", "keypoints": category["keypoints"][::-1]}
    faces = []
    for face in told["annotations"]:
        rows = [face["keypoints"][k : k + 3] for k in range(0, len(face["keypoints"]), 3)]
        faces.append({**face, "keypoints": [number for row in rows[::-1] for number in row]})
    file = tmp_path / "theirs.json"
    file.write_text(json.dumps({**told, "annotations": faces, "categories": [plain]}))
    where = ["--pictures", str(drawn[1].parent / "images")]
    named = ["--definition", str(tmp_path / "d.json"), *where]
    assert main(["evaluate", str(run), "--data", str(file), *where]) == 2
    assert "theirs.json does not tell which part of the face its landmarks belong to" in capsys.readouterr().err
    numbers = []
    for data in (["--data", str(drawn[1])], ["--data", str(file), *named]):
        assert main(["evaluate", str(run), *data]) == 0
        numbers.append(json.loads(capsys.readouterr().out))
    assert numbers[0] == numbers[1]
    assert main(["adapt", "--target", str(file), *named, *QUICK, "--out", str(tmp_path / "out")]) == 0
    assert json.loads((tmp_path / "out" / "model.json").read_text())["history"]["faces"] == {"theirs": 10}
    boxes = [{key: face[key] for key in ("id", "image_id", "category_id", "bbox")} for face in told["annotations"]]
    boxes.append({"id": 999, "image_id": 1, "category_id": 1, "bbox": []})
    file.write_text(json.dumps({"images": told["images"], "annotations": boxes, "categories": [{"id": 1}]}))
    out = tmp_path / "p.json"
    words = ["predict", str(run), "--faces", str(file), *where, "--out", str(out)]
    capsys.readouterr()
    assert main(words) == 1
    assert "1 records are left out: annotation 999: its bbox is [], wanted a box" in capsys.readouterr().err
    assert main([*words, "--allow-missing"]) == 0
    found = {face["id"]: face["bbox"] for face in json.loads(out.read_text())["annotations"]}
    assert found == {face["id"]: face["bbox"] for face in told["annotations"]}


def test_photographs_of_a_pretraining_may_be_an_added_dataset(drawn, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MDMD_HOME", str(tmp_path / "home"))
    record = json.loads(drawn[0].read_text())
    file = drawn[0].parent / "closed.json"
    file.write_text(json.dumps({**record, "images": [{**image, "subset": "closed"} for image in record["images"]]}))
    assert main(["sources", "add", str(file), "--name", "portraits"]) == 0
    words = ["pretrain", "--faces", "1", "--steps", "1", "--quiet", "--out", str(tmp_path / "out"), "--photos"]
    assert main([*words, "strangers"]) == 2
    assert "no added dataset 'strangers'; added: portraits" in capsys.readouterr().err
    assert main([*words, "portraits"]) == 2
    assert "portraits: no openly licensed photograph" in capsys.readouterr().err


@pytest.mark.parametrize("seed", ["-1", "1.5", "99999999999999999999"])
@pytest.mark.parametrize("command", [["adapt", "--target", "t.json"], ["train", "--data", "t.json"], ["pretrain"]])
def test_an_invalid_seed_is_refused(command, seed, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        main([*command, "--seed", seed, "--out", str(tmp_path)])
    assert stop.value.code == 2
    assert f"argument --seed: found '{seed}', wanted a whole number from 0 to 2^63 - 1" in capsys.readouterr().err


def test_predict_writes_predictions_that_are_not_labels(run, drawn, tmp_path, capsys):
    pictures = drawn[1].parent / "images"
    assert main(["predict", str(run), str(pictures), "--out", str(tmp_path / "p.json")]) == 0
    found = json.loads((tmp_path / "p.json").read_text())
    assert len(found["annotations"]) == 15
    first = found["annotations"][0]["attributes"]
    assert first["source"] == "predicted"
    assert [len(first[k]) for k in ("covariance", "p_off", "flagged")] == [9, 9, 9]
    assert all(0 <= p <= 1 for p in first["p_off"])
    assert (found["info"]["tolerance"], 0.05 <= found["info"]["threshold"] <= 0.5) == (0.1, True)
    assert first["flagged"] == [p > found["info"]["threshold"] for p in first["p_off"]]
    arguments = ["predict", str(run), str(pictures), "--tolerance", "0.2", "--threshold", "0.3"]
    assert main([*arguments, "--out", str(tmp_path / "p.json")]) == 0
    found = json.loads((tmp_path / "p.json").read_text())
    assert (found["info"]["tolerance"], found["info"]["threshold"]) == (0.2, 0.3)
    for extra in (a["attributes"] for a in found["annotations"]):
        assert extra["flagged"] == [p > 0.3 for p in extra["p_off"]]
    assert main(["adapt", "--target", str(tmp_path / "p.json"), *QUICK, "--out", str(tmp_path / "r")]) == 2
    assert "a model's prediction, not a label" in capsys.readouterr().err


def test_faces_are_found_if_the_box_is_the_whole_image(run, drawn, tmp_path):
    coco = json.loads(drawn[1].read_text())
    sizes = {image["id"]: [image["width"], image["height"]] for image in coco["images"]}
    for face in coco["annotations"][1:]:
        face["bbox"] = [0, 0, *sizes[face["image_id"]]]
    given = drawn[1].with_name("whole.json")
    given.write_text(json.dumps(coco))
    for options, looked in (([], False), (["--find-boxes"], True)):
        assert main(["predict", str(run), "--faces", str(given), *options, "--out", str(tmp_path / "p.json")]) == 0
        found = {face["id"]: face["bbox"] for face in json.loads((tmp_path / "p.json").read_text())["annotations"]}
        own, *whole = coco["annotations"]
        assert found[own["id"]] == own["bbox"]
        # After few steps, predicted points may be degenerate: such a face keeps its box.
        assert any(found[face["id"]] != face["bbox"] for face in whole) == looked
    # A model without a `box_scale` uses the given boxes.
    silent = tmp_path / "silent"
    shutil.copytree(run, silent)
    record = json.loads((silent / "model.json").read_text())
    assert record["history"].pop("box_scale") > 1
    (silent / "model.json").write_text(json.dumps(record))
    assert main(["predict", str(silent), "--faces", str(given), "--find-boxes", "--out", str(tmp_path / "p.json")]) == 0
    found = {face["id"]: face["bbox"] for face in json.loads((tmp_path / "p.json").read_text())["annotations"]}
    assert all(found[face["id"]] == face["bbox"] for face in coco["annotations"])


def test_several_files_of_faces_are_predicted_by_one_process_each_into_its_own(run, drawn, tmp_path, capsys):
    faces = json.loads(drawn[1].read_text())
    few = drawn[1].with_name("few.json")
    few.write_text(json.dumps({**faces, "annotations": faces["annotations"][:1]}))
    one, other = tmp_path / "one.json", tmp_path / "new" / "other.json"
    pairs = ["--faces", str(drawn[1]), "--out", str(one), "--faces", str(few), "--out", str(other)]
    assert main(["predict", str(run), *pairs]) == 0
    count = len(faces["annotations"])
    found = [json.loads(path.read_text())["annotations"] for path in (one, other)]
    assert [len(each) for each in found] == [count, 1]
    capsys.readouterr()
    assert main(["predict", str(run), *pairs[:-2]]) == 2
    assert "found 1 --out, wanted 2: one for each file of faces" in capsys.readouterr().err


def test_faces_with_ids_from_zero_are_numbered_and_keep_their_own_predictions(run, drawn, tmp_path):
    faces = json.loads(drawn[1].read_text())
    for number, record in enumerate(faces["annotations"]):
        record["id"] = number
    (drawn[1].parent / "zero.json").write_text(json.dumps(faces))
    for name in ("zero", "annotations"):
        out = str(tmp_path / "new" / f"{name}.json")
        assert main(["predict", str(run), "--faces", str(drawn[1].parent / f"{name}.json"), "--out", out]) == 0
    zero, plain = (json.loads((tmp_path / "new" / f"{n}.json").read_text()) for n in ("zero", "annotations"))
    assert [a["id"] for a in zero["annotations"]] == [*range(1, len(faces["annotations"]) + 1)]
    assert [a["attributes"] for a in zero["annotations"]] == [a["attributes"] for a in plain["annotations"]]


def test_images_are_named_by_their_path_under_the_common_folder(run, drawn, tmp_path, monkeypatch):
    images = drawn[1].parent / "images"
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    found = os.path.relpath(images, tmp_path / "here")
    assert main(["predict", str(run), found, "--out", "p.json"]) == 0
    names = [image["file_name"] for image in json.loads(Path("p.json").read_text())["images"]]
    assert names == sorted(file.name for file in images.iterdir())


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not allow such names")
def test_names_that_coco_cannot_hold_are_left_out_and_links_keep_their_names(run, drawn, tmp_path, capsys):
    face = sorted((drawn[1].parent / "images").iterdir())[0]
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in (b"caf\xe9.png", b"a:b.png"):
        shutil.copy(face, os.fsencode(folder) + b"/" + name)
    for name in ("mona.png", "lisa.png"):
        (folder / name).symlink_to(face)
    out = tmp_path / "p.json"
    assert main(["predict", str(run), str(folder), str(folder / "mona.png"), "--out", str(out)]) == 1
    said = capsys.readouterr().err
    assert "skipped 2 symbolic links out of the folder (lisa.png, mona.png): " in said
    assert "2 pictures are left out: " in said
    assert "must be a path that is relative" in said
    assert [image["file_name"] for image in json.loads(out.read_text())["images"]] == ["mona.png"]


def test_a_refused_training_leaves_the_finished_one_in_its_folder(run, drawn, tmp_path, capsys):
    shutil.copytree(run, tmp_path / "run")
    few = json.loads(drawn[1].read_text())
    few["annotations"] = few["annotations"][:2]
    (drawn[1].parent / "few.json").write_text(json.dumps(few))
    target = ["--target", str(drawn[1].parent / "few.json")]
    assert main(["adapt", *target, *QUICK, "--out", str(tmp_path / "run")]) == 2
    assert "training needs at least 3" in capsys.readouterr().err
    for name in ("heldout.json", "log.jsonl", "model.safetensors"):
        assert (tmp_path / "run" / name).read_bytes() == (run / name).read_bytes()


def test_a_base_with_another_network_than_the_preset_is_refused(run, drawn, tmp_path, capsys):
    words = ["adapt", "--target", str(drawn[1]), "--from", str(run), "--preset", "paper", "--steps", "1", "--quiet"]
    assert main([*words, "--out", str(tmp_path / "run")]) == 2
    assert "run has heatmap heads, --preset paper has regression heads: choose another" in capsys.readouterr().err


def test_an_uncalibrated_head_gives_a_warning(run, drawn, capsys):
    people, objects = drawn
    assert main(["evaluate", str(run), "--data", str(people), "--head", "people"]) == 0
    said = "mdmd: warning: head 'people' was not calibrated on held-out faces: its ellipses and flags"
    assert said in capsys.readouterr().err
    assert main(["evaluate", str(run), "--data", str(objects)]) == 0
    assert "not calibrated" not in capsys.readouterr().err


@pytest.mark.parametrize("spoiled", ["[]", "null", '{"format": 1}'])
def test_a_model_without_its_description_gives_one_sentence(run, drawn, tmp_path, spoiled, capsys):
    shutil.copytree(run, tmp_path / "run")
    (tmp_path / "run" / "model.json").write_text(spoiled)
    assert main(["evaluate", str(tmp_path / "run"), "--data", str(drawn[1])]) == 2
    assert "model.json does not describe a model; wanted the keys format, heads," in capsys.readouterr().err


def test_predict_keeps_the_ids_of_given_faces(run, drawn, tmp_path):
    faces = json.loads(drawn[1].read_text())
    for record in faces["annotations"]:
        record["id"] += 100
    (drawn[1].parent / "faces.json").write_text(json.dumps(faces))
    arguments = ["--faces", str(drawn[1].parent / "faces.json"), "--out", str(tmp_path / "p.json")]
    assert main(["predict", str(run), *arguments]) == 0
    found = json.loads((tmp_path / "p.json").read_text())
    assert [a["id"] for a in found["annotations"]] == [a["id"] for a in faces["annotations"]]
    assert '"event": "predicted"' in (tmp_path / "log.jsonl").read_text()


@pytest.mark.parametrize(
    "words",
    [
        ["adapt", "--target", "{objects}", *QUICK],
        ["train", "--data", "{people}", *QUICK],
        ["pretrain", "--steps", "1"],
        ["adapt", "--target", "absent.json"],
    ],
)
def test_a_folder_in_which_a_training_lives_is_refused_and_left_alone(run, drawn, capsys, words):
    people, objects = drawn
    arguments = [word.format(people=people, objects=objects) for word in words]
    with run_folder.alone_in(run):
        before = {path: path.read_bytes() for path in run.iterdir() if path.is_file()}
        assert main([*arguments, "--out", str(run)]) == 2
        assert {path: path.read_bytes() for path in run.iterdir() if path.is_file()} == before
    [said] = [line for line in capsys.readouterr().err.splitlines() if line.startswith("mdmd: error: ")]
    wanted = "no such file" if "absent.json" in words else f"another training is using {run}: wait until it has ended"
    assert said.startswith(f"mdmd: error: {wanted}")


def test_a_folder_without_a_model_is_named_before_torch_is_loaded(tmp_path):
    program = (
        "import sys\nfrom mdmd.cli.main import main\n"
        "for words in ('predict none x --out p', 'evaluate none --data x', 'adapt --target x --from none --out r'):\n"
        "    print(main(words.split()), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.split() == ["2", "False"] * 3
    assert done.stderr.count("mdmd: error: none holds no model (no model.json); train one with") == 3
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["adapt", "--target", "absent.json"], "no such file: absent.json"),
        (["adapt", "--target", "{objects}", "--source", "absent.json"], "no such file: absent.json"),
        (["adapt", "--target", "{objects}", "--weights", "absent.safetensors"], "no weights file"),
        (["adapt", "--target", "{objects}", "--weights", "{objects}"], "not a safetensors file"),
        (["adapt", "--target", "{objects}", "--encoder", "nonsense"], "encoder 'nonsense' cannot be made"),
        (["adapt", "--target", "{objects}", "--train-faces", "999"], "found 12 labeled training faces, wanted 999"),
        (["adapt", "--target", "{objects}", "--train-faces", "2"], "found 2 labeled training faces"),
        (["adapt", "--target", "{objects}", "--from", "nowhere"], "nowhere holds no model"),
        (
            ["adapt", "--target", "{objects}", "--from", "x", "--bases", "y"],
            "--bases a folder to find one in",
        ),
        (["adapt", "--target", "{objects}", "--set", "model.groups=9"], "groups must be 5, 8 or 12, found 9"),
        (["adapt", "--target", "{objects}", "--tolerance", "0"], "tolerance must be above 0, found 0.0"),
        (["adapt", "--target", "{objects}", "--minutes", "0"], "budget"),
        (["adapt", "--target", "{objects}", "--folds", "1"], "found 1 folds, wanted 2 to 12"),
        (["adapt", "--target", "{objects}", "--learn-share", "0"], "found --learn-share 0, wanted a share above 0"),
        (["adapt", "--target", "{objects}", "--learn-share", "1.01"], "found --learn-share 1.01, wanted a share"),
        (["adapt", "--target", "{objects}", "--learn-share", "0.5", "--folds", "2"], "but --folds holds none out"),
    ],
)
def test_a_mistake_gives_one_sentence_and_code_2(arguments, sentence, drawn, tmp_path, capsys):
    filled = [a.format(objects=drawn[1]) for a in arguments]
    given = [] if "--minutes" in filled else ["--steps", "1"]
    weights = [] if "--weights" in filled else ["--weights", "none"]
    extra = ["--preset", "tiny", "--quiet", *given, *weights, "--out", str(tmp_path / "run")]
    assert main([*filled, *extra]) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.startswith("mdmd: error: ")
    assert error.count("\n") == 1
    assert not (tmp_path / "run" / "model.json").exists()


def test_an_unreadable_picture_is_named(drawn, run, tmp_path, capsys):
    (tmp_path / "letter.jpg").write_text("dear sir")
    assert main(["predict", str(run), str(tmp_path / "letter.jpg"), "--out", str(tmp_path / "p.json")]) == 2
    assert "letter.jpg cannot be used: this is not a JPEG, PNG" in capsys.readouterr().err
    shutil.copy(next(file for file in (drawn[1].parent / "images").iterdir()), tmp_path / "face.png")
    arguments = ["predict", str(run), str(tmp_path), "--out", str(tmp_path / "new" / "p.json")]
    assert main(arguments) == 1
    assert "mdmd: warning: 1 picture is left out: picture " in capsys.readouterr().err
    assert main([*arguments, "--allow-missing"]) == 0
    found = json.loads((tmp_path / "new" / "p.json").read_text())
    assert [image["file_name"] for image in found["images"]] == ["face.png"]
    assert len(found["annotations"]) == 1
    (tmp_path / "empty").mkdir()
    assert main(["predict", str(run), str(tmp_path / "empty"), "--out", str(tmp_path / "p.json")]) == 2
    assert "no pictures in" in capsys.readouterr().err


def test_predict_names_the_files_of_a_folder_that_it_cannot_read(run, tmp_path, capsys):
    Image.new("RGB", (50, 40), "orange").save(tmp_path / "face.jfif", format="JPEG")
    (tmp_path / "notes.txt").write_text("dear sir")
    arguments = ["predict", str(run), str(tmp_path), "--out", str(tmp_path / "new" / "p.json")]
    assert main(arguments) == 0
    assert "mdmd: warning: skipped 1 .txt file\n" in capsys.readouterr().err
    (tmp_path / "IMG.PSD").write_text("psd")
    assert main(arguments) == 1
    assert (
        "mdmd: warning: skipped 1 picture in another format (IMG.PSD): these formats are not read here;"
        in capsys.readouterr().err
    )
    (tmp_path / "face.jfif").unlink()
    assert main(arguments) == 2
    assert "found 1 picture in another format (IMG.PSD): these formats are not read here;" in capsys.readouterr().err


def test_a_table_of_predictions_reads_back_as_predictions(run, drawn, tmp_path, capsys):
    pictures = tmp_path / "pictures"
    shutil.copytree(drawn[1].parent / "images", pictures)
    names = sorted(path.name for path in pictures.iterdir())[:3]
    (pictures / names[0]).write_bytes(b"no picture")
    (pictures / "list.txt").write_text("\n".join(names))
    given = ["predict", str(run), f"@{pictures / 'list.txt'}", "--threshold", "0.3", "--allow-missing"]
    for name in ("p.json", "p.csv", "p.parquet"):
        assert main([*given, "--out", str(tmp_path / name)]) == 0
    coco = json.loads((tmp_path / "p.json").read_text())
    assert list(coco["info"]["left_out"]) == [names[0]]
    category, faces = coco["categories"][0], coco["annotations"]
    for frame in (pandas.read_csv(tmp_path / "p.csv"), pandas.read_parquet(tmp_path / "p.parquet")):
        assert frame["image"].tolist() == [*names[1:], names[0]]
        assert frame["problem"].isna().tolist() == [True, True, False]
        assert "is not a JPEG" in frame["problem"].iloc[-1]
        assert (frame["face"].tolist()[:2], frame["predicted"].tolist()[:2]) == ([1, 1], [1, 1])
        for k, landmark in enumerate(category["keypoints"]):
            for number, face in enumerate(faces):
                found = {key: frame[f"{landmark}_{key}"][number] for key in ("x", "y", "xx", "xy", "yy", "score")}
                wanted = [*face["keypoints"][3 * k : 3 * k + 2], *face["attributes"]["covariance"][k]]
                wanted.append(1 - face["attributes"]["p_off"][k])
                np.testing.assert_allclose(list(found.values()), wanted, atol=2e-4)
                assert bool(frame[f"{landmark}_flagged"][number]) == face["attributes"]["flagged"][k]
    for name in ("p.csv", "p.parquet"):
        alone = tmp_path / name.replace(".", "-")
        alone.mkdir()
        shutil.copy(tmp_path / name, alone)
        labels = read(alone, how=Reading(pictures))[1]
        read_faces = [face for image in labels.images for face in image.faces]
        assert [face.predicted for face in read_faces] == [True, True]
        np.testing.assert_allclose(read_faces[0].points, np.reshape(faces[0]["keypoints"], (-1, 3))[:, :2], atol=1e-4)


def test_a_prediction_is_what_cocoeval_ranks(run, drawn, tmp_path, capsys):
    assert main(["predict", str(run), "--faces", str(drawn[1]), "--out", str(tmp_path / "p.json")]) == 0
    faces = json.loads((tmp_path / "p.json").read_text())["annotations"]
    for face in faces:
        assert face["score"] == pytest.approx(1 - np.mean(face["attributes"]["p_off"]), abs=1e-3)
    truth = COCO(str(drawn[1]))
    scores = COCOeval(truth, truth.loadRes(faces), "keypoints")
    scores.params.kpt_oks_sigmas = np.full(9, 0.1)
    scores.evaluate()
    scores.accumulate()
    scores.summarize()
    assert (scores.stats > -1).any()


def test_each_predicted_face_is_drawn(run, drawn, tmp_path, capsys):
    given = ["predict", str(run), "--faces", str(drawn[1]), "--out", str(tmp_path / "p.json")]
    assert main([*given, "--draw", str(tmp_path / "drawn")]) == 0
    files = sorted((tmp_path / "drawn").iterdir())
    assert [file.name[:3] for file in files] == [f"{k:02}_" for k in range(1, 16)]
    with Image.open(files[0]) as image:
        assert (image.format, image.size) == ("JPEG", (720, 720))
    (tmp_path / "p.json").unlink()
    assert main([*given, "--draw", str(tmp_path / "drawn")]) == 2
    assert "holds files already" in capsys.readouterr().err
    assert not (tmp_path / "p.json").exists()


def test_an_interrupted_prediction_leaves_its_parts_and_a_finished_one_none(run, drawn, tmp_path, monkeypatch):
    given = ["predict", str(run), "--faces", str(drawn[1]), "--out", str(tmp_path / "p.json")]

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("mdmd.api.predicted_coco", stop)
        assert main(given) == 130
    assert [file.name for file in (tmp_path / ".p.json.parts").glob("*.npz")] == ["000000.npz"]
    assert not (tmp_path / "p.json").exists()
    assert main(given) == 0
    assert not (tmp_path / ".p.json.parts").exists()


def test_a_png_named_jpg_works(run, tmp_path):
    Image.new("RGB", (50, 40), "orange").save(tmp_path / "odd.jpg", format="PNG")
    assert main(["predict", str(run), str(tmp_path / "odd.jpg"), "--out", str(tmp_path / "p.json")]) == 0
    found = json.loads((tmp_path / "p.json").read_text())
    assert (found["images"][0]["width"], found["images"][0]["height"]) == (50, 40)


def test_version_is_printed(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out.startswith("mdmd 0.")
