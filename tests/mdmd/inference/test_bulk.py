"""Predictions in bulk: manifests, shards that are there once they are finished, and engines that agree."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pandas
import pytest
import torch

import mdmd
from mdmd import api
from mdmd.config import ModelConfig
from mdmd.data.records import Box
from mdmd.errors import DataError, InUseError
from mdmd.inference.bulk import ABOUT, Task, bulk_result, predict_in_bulk, shard_file
from mdmd.inference.manifest import Item, Manifest
from mdmd.locks import lock
from mdmd.models.checkpoint import Checkpoint
from mdmd.models.landmark_model import build
from mdmd.run_folder import LOCK
from tests.builders import SMALL, write_picture

pytestmark = pytest.mark.skipif(importlib.util.find_spec("pyarrow") is None, reason="pyarrow is not installed")
COUNT, SHARD = 11, 3


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that has learned nothing."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("runs") / "run"
    made = build(ModelConfig(encoder="test_vit", image_size=64, decoder_heads=2), {"small": SMALL})
    Checkpoint(made, "small").save(folder)
    return folder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of one color each; the fifth is none."""
    folder = tmp_path_factory.mktemp("pictures")
    for k in range(COUNT):
        write_picture(folder / f"{k:02}.png", (60 + k, 50), (20 * k, 90, 200 - 15 * k))
    (folder / "04.png").write_bytes(b"no picture")
    return folder


def task(run: Path, pictures: Path, out: Path, **changes: object) -> Task:
    given = {"find_boxes": False, "tolerance": 0.1, "threshold": None, "power": 1.0, **changes}
    model = api.load_run(run).fingerprint("small")
    return Task(str(run), model, "small", pictures=str(pictures), out=str(out), **given)  # pyright: ignore[reportArgumentType]


def table(out: Path) -> pandas.DataFrame:
    return pandas.read_parquet(out)


def test_a_folder_becomes_numbered_shards(run, pictures, tmp_path):
    result = mdmd.predict_bulk(run, pictures, tmp_path / "out", shard=SHARD, workers=1)
    assert (result.faces, result.problems) == (COUNT - 1, 1)
    files = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert files == [LOCK, ABOUT, *(f"part-00000{k}.parquet" for k in range(4))]
    found = table(tmp_path / "out")
    assert sorted(found["row"]) == list(range(COUNT))
    found = found.sort_values("row", ignore_index=True)
    assert found["image"].tolist() == [f"{k:02}.png" for k in range(COUNT)]
    assert found["problem"].notna().tolist() == [k == 4 for k in range(COUNT)]
    assert "04.png cannot be used: this is not a JPEG" in found["problem"][4]
    one = mdmd.predict(run, [pictures / "07.png"])["annotations"][0]
    points = [found[f"{name}_{axis}"][7] for name in SMALL.landmarks for axis in "xy"]
    np.testing.assert_allclose(points, np.reshape(one["keypoints"], (-1, 3))[:, :2].ravel(), atol=1e-3)
    assert not any(name.endswith("_flagged") for name in found)


def test_an_interrupted_prediction_goes_on_with_the_missing_shards(run, pictures, tmp_path):
    manifest = Manifest(pictures)
    list(predict_in_bulk(task(run, pictures, tmp_path / "whole"), manifest, workers=1, shard=SHARD))
    out = tmp_path / "out"
    asked = predict_in_bulk(task(run, pictures, out), manifest, workers=1, shard=SHARD)
    begun = list(islice(asked, 3))
    asked.close()
    assert [done.shards for done in begun] == [0, 1, 2]
    first = shard_file(out, 0)
    when = first.stat().st_mtime_ns
    shard_file(out, 1).unlink()
    rest = list(predict_in_bulk(task(run, pictures, out), manifest, workers=1, shard=SHARD))
    assert [(done.shards, done.rows) for done in rest] == [(1, 3), (2, 6), (3, 9), (4, COUNT)]
    assert first.stat().st_mtime_ns == when
    pandas.testing.assert_frame_equal(table(out), table(tmp_path / "whole"))
    assert next(predict_in_bulk(task(run, pictures, out), manifest, workers=1, shard=SHARD)).shards == 4


@pytest.mark.parametrize(
    "engine",
    [
        "local",
        pytest.param(
            "ray",
            marks=[
                pytest.mark.slow,
                pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="ray is not installed"),
                pytest.mark.filterwarnings("default"),  # those of Ray
            ],
        ),
    ],
)
def test_several_processes_write_what_one_does(run, pictures, tmp_path, engine):
    manifest = Manifest(pictures)
    list(predict_in_bulk(task(run, pictures, tmp_path / "one"), manifest, workers=1, shard=SHARD))
    asked = task(run, pictures, tmp_path / "several")
    done = list(predict_in_bulk(asked, manifest, engine=engine, workers=2, shard=SHARD))
    assert [(step.shards, step.rows) for step in (done[0], done[-1])] == [(0, 0), (4, COUNT)]
    pandas.testing.assert_frame_equal(table(tmp_path / "several"), table(tmp_path / "one"))


def test_predictions_of_something_else_are_not_touched(run, pictures, tmp_path):
    manifest, out = Manifest(pictures), tmp_path / "out"
    list(predict_in_bulk(task(run, pictures, out), manifest, workers=1, shard=SHARD))
    before = {path: path.read_bytes() for path in out.iterdir()}
    torch.manual_seed(1)
    other = tmp_path / "other"
    made = build(ModelConfig(encoder="test_vit", image_size=64, decoder_heads=2), {"small": SMALL})
    Checkpoint(made, "small").save(other)
    (tmp_path / "list.txt").write_text(str(pictures / "00.png"))

    def refused(asked: Task, of: Manifest, shard: int = SHARD) -> str:
        with pytest.raises(DataError) as error:
            next(predict_in_bulk(asked, of, shard=shard))
        return str(error.value)

    assert "were made by another model: name a new folder" in refused(task(other, pictures, out), manifest)
    assert "were made of other pictures" in refused(task(run, pictures, out), Manifest(tmp_path / "list.txt"))
    assert "were made with shard 3 instead of 4" in refused(task(run, pictures, out), manifest, shard=4)
    assert "with tolerance 0.1 instead of 0.2" in refused(task(run, pictures, out, tolerance=0.2), manifest)
    assert "holds files already" in refused(task(run, pictures, pictures), manifest)
    (out / ABOUT).write_text("[]")
    assert "does not describe predictions" in refused(task(run, pictures, out), manifest)
    (out / ABOUT).write_bytes(before[out / ABOUT])
    with lock(out / LOCK, wait=False), pytest.raises(InUseError, match="another process is predicting into"):
        next(predict_in_bulk(task(run, pictures, out), manifest, shard=SHARD))
    assert {path: path.read_bytes() for path in out.iterdir()} == before
    replaced = replace(task(run, pictures, tmp_path / "replaced"), run=str(other))
    with pytest.raises(DataError, match="was replaced while it predicted"):
        list(predict_in_bulk(replaced, manifest, workers=1, shard=SHARD))


@pytest.mark.parametrize("kind", ["csv", "tsv", "semicolons", "parquet"])
def test_a_table_gives_boxes_of_several_faces(run, pictures, tmp_path, kind):
    frame = pandas.DataFrame(
        {
            "Path": ["01.png", "02.png", "01.png", "03.png"],
            "note": ["a, b", "", "", ""],
            "box_x": [1.5, None, 20, 0],
            "box_y": [2, None, 10, 0],
            "box_w": [30, None, 20, 40],
            "box_h": [25, None, 20, 40],
        }
    )
    file = pictures.parent / f"of {kind}" / f"faces.{'csv' if kind == 'semicolons' else kind}"
    file.parent.mkdir(exist_ok=True)
    frame["Path"] = [str(Path("..") / pictures.name / name) for name in frame["Path"]]
    if kind == "parquet":
        frame.to_parquet(file)
    else:
        frame.to_csv(file, index=False, sep={"csv": ",", "tsv": "\t", "semicolons": ";"}[kind])
    manifest = Manifest(file)
    first = f"../{pictures.name}/01.png"
    assert manifest.items(0, 9) == [
        Item(0, first, 1, Box(1.5, 2, 30, 25)),
        Item(1, f"../{pictures.name}/02.png", 1, None),
        Item(2, first, 2, Box(20, 10, 20, 20)),
        Item(3, f"../{pictures.name}/03.png", 1, Box(0, 0, 40, 40)),
    ]
    asked = task(run, manifest.folder, tmp_path / "out", threshold=0.3)
    assert [done.rows for done in predict_in_bulk(asked, manifest, workers=1, shard=2)] == [0, 2, 4]
    found = table(tmp_path / "out")
    assert found["row"].tolist() == [0, 1, 2, 3]
    assert found["face"].tolist() == [1, 1, 2, 1]
    assert found[["box_x", "box_y", "box_w", "box_h"]].to_numpy().tolist()[:2] == [[1.5, 2, 30, 25], [0, 0, 62, 50]]
    assert set(found["chin_flagged"]) <= {0, 1}
    assert bulk_result(tmp_path / "out").faces == 4


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("list.txt", "\n\n", "list.txt names no picture"),
        ("list.txt", b"\xff\xfe\x00", "list.txt cannot be read"),
        ("t.csv", "", "t.csv cannot be read"),
        ("t.csv", "a,b\n1,2\n", "found the columns 'a, b', wanted image"),
        ("t.csv", "image,box_x\na.png,1\n", "found box_x, wanted all of box_x, box_y, box_w, box_h, or none"),
        ("t.csv", "image,note\na.png,\n,x\n", "row 2: names no picture"),
        ("t.csv", "image,box_x,box_y,box_w,box_h\na.png,1,2,0,4\n", r"row 1: found the box \[1.0, 2.0, 0.0, 4.0\]"),
        ("t.csv", "image,box_x,box_y,box_w,box_h\na.png,1,2,,4\n", "row 1: found the box"),
        ("t.csv", "image,box_x,box_y,box_w,box_h\na.png,x,2,3,4\n", "the boxes are no numbers"),
        ("t.csv", "image,image\na,b\n", "two columns with the same name"),
        ("t.parquet", "PAR1 no more", "t.parquet cannot be read"),
    ],
)
def test_a_manifest_that_cannot_be_used_is_one_sentence(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=said):
        Manifest(tmp_path / name)
    with pytest.raises(DataError, match="there is no"):
        Manifest(tmp_path / "missing.txt")


def test_a_list_has_a_path_in_each_line(tmp_path):
    (tmp_path / "list.txt").write_text("\ufeffa b.png\r\n\n in/c.png \n/d.png\n", encoding="utf-8")
    manifest = Manifest(tmp_path / "list.txt")
    assert manifest.items(0, 10) == [Item(k, name, 1, None) for k, name in enumerate(("a b.png", "in/c.png", "/d.png"))]
    assert manifest.digest() != Manifest(_with(tmp_path / "other.txt", "a b.png\nin/c.png")).digest()


def _with(file: Path, text: str) -> Path:
    file.write_text(text)
    return file


def test_the_command_says_what_came_out(run, pictures, tmp_path, capsys):
    from mdmd.cli.main import main

    given = ["predict", str(run), "--bulk", str(pictures), "--out", str(tmp_path / "out"), "--workers", "1"]
    assert main(given) == 1
    assert f"10 faces predicted, 1 rows with a problem: {tmp_path / 'out'}" in capsys.readouterr().out
    assert main([*given, "--allow-missing"]) == 0
    assert json.loads((tmp_path / "out" / ABOUT).read_text())["rows"] == COUNT
    assert main([*given[:-1], "0"]) == 2
    assert "found --workers 0, wanted at least 1" in capsys.readouterr().err
    assert main([*given[:2], str(pictures), *given[2:]]) == 2
    assert "--bulk takes one MANIFEST and one --out FOLDER" in capsys.readouterr().err
