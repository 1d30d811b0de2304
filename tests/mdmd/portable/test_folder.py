"""An exported folder: what is in it, that it answers as the run does, and what cannot be exported."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

import mdmd
from mdmd.api import load_run
from mdmd.cli.main import main
from mdmd.data.coco import read_coco, write_coco
from mdmd.data.records import Box, Dataset, Sample
from mdmd.errors import DataError
from mdmd.inference import predict
from mdmd.loading.crop import face_crop
from mdmd.loading.crops import face_pixels
from mdmd.portable import folder, onnxruntime_web
from mdmd.portable.folder import WITHIN
from mdmd.portable.onnx_file import store_in_float16
from mdmd.synthetic.datasets import draw_source
from tests.builders import SMALL, portable_run
from tests.exported_page import local_runtime, static_server

if TYPE_CHECKING:
    from playwright.sync_api import Browser

onnx = pytest.importorskip("onnx", reason="onnx is optional")
onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is optional")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return portable_run(tmp_path_factory.mktemp("runs") / "monkeys")


@pytest.fixture(scope="module")
def exported(run: Path) -> Path:
    assert main(["export", str(run), "--out", str(run.parent / "out")]) == 0
    return run.parent / "out"


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A PNG, a JPEG that is decoded at a half and stands on its side, and one whose face reaches beyond its border."""
    folder = tmp_path_factory.mktemp("pictures")
    small, _, _ = draw_source(5, 200)
    large, _, _ = draw_source(6, 640)
    small.save(folder / "a.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    large.crop((0, 40, 640, 600)).save(folder / "b.jpg", exif=exif, quality=95)
    small.crop((40, 0, 200, 150)).save(folder / "c.png")
    return sorted(folder.iterdir())


def in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predict, "autocast", lambda device: contextlib.nullcontext())


def test_it_holds_all_that_a_user_needs(exported: Path) -> None:
    assert sorted(path.name for path in exported.iterdir()) == [
        *("README.md", "check.py", "example.py", "golden", "model.json", "model.onnx")
    ]
    told = json.loads((exported / "model.json").read_text())
    assert told["category"]["keypoints"] == list(SMALL.landmarks)
    assert told["calibration"]["faces"] == 30
    card = (exported / "README.md").read_text()
    assert "5.25 % (95 % interval 4.50 to 6.00)" in card
    assert "apes 120" in card
    assert "License of apes, as its file says: CC BY 4.0." in card
    assert "License of people, as its file says: research only." in card
    assert len((exported / "example.py").read_text().splitlines()) <= 60


@pytest.mark.slow
def test_its_scripts_need_numpy_pillow_and_onnxruntime_only(
    exported: Path, pictures: list[Path], tmp_path: Path
) -> None:
    python = str(tmp_path / "alone" / ("Scripts" if sys.platform == "win32" else "bin") / "python")
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "alone"], check=True)
    if subprocess.run([python, "-m", "pip", "install", "-q", "numpy", "pillow", "onnxruntime"], check=False).returncode:
        pytest.skip("no package registry can be reached")
    bare = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def ran(*command: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run([python, *command], cwd=tmp_path, env=bare, capture_output=True, text=True, check=False)

    assert [ran("-c", f"import {name}").returncode for name in ("torch", "mdmd")] == [1, 1]
    assert "this machine computes what the training did" in ran(exported / "check.py").stdout
    found = json.loads(ran(exported / "example.py", *pictures).stdout)
    assert found["annotations"] == found_by_the_example(exported, pictures, None)["annotations"]


def test_the_folder_of_a_page_holds_the_page_and_the_model(
    run: Path, exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The same graph again: to write one takes most of the time of an export.
    monkeypatch.setattr(folder, "write_onnx", lambda graph, path, half: shutil.copyfile(exported / "model.onnx", path))
    dist = tmp_path / "dist"
    dist.mkdir()
    for path in onnxruntime_web.FILES:
        (tmp_path / path).write_text(path)
    out = tmp_path / "page"
    assert main(["export", str(run), "--format", "web", "--onnxruntime-web", str(dist), "--out", str(out)]) == 0
    assert "python -m http.server --bind 127.0.0.1" in capsys.readouterr().out
    page = [path.name for path in (folder.FILES / "web").iterdir()]
    assert sorted(path.name for path in out.iterdir()) == sorted([*page, "model.json", "model.onnx", "onnxruntime-web"])
    assert {path.name: path.read_text() for path in (out / "onnxruntime-web").iterdir()} == {
        name: path for path, name in onnxruntime_web.FILES.items()
    }
    record = json.loads((out / "model.json").read_text())
    assert "Mean error on 30 faces that it did not learn from: 5.25 %" in record["quality"][0]
    assert record["origin"][0] == "Learned from labeled faces: apes 120."
    assert "points can be far off" in record["limits"]
    assert mdmd.load(out).definition == SMALL


def test_the_graph_is_of_a_copy_on_the_cpu(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class WrittenError(Exception):
        """Raised instead of writing the graph, which takes most of the time."""

    graphs: list[Any] = []

    def write(graph: Any, path: Path, half: bool) -> None:
        graphs.append(graph)
        raise WrittenError

    monkeypatch.setattr(folder, "write_onnx", write)
    model = load_run(run)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model.checkpoint.model.to(device).train()
    with pytest.raises(WrittenError):
        mdmd.export(model, tmp_path / "out")
    kept = model.checkpoint.model
    assert kept.training
    assert {weight.device.type for weight in kept.parameters()} == {device.type}
    assert {weight.device.type for weight in graphs[0].model.parameters()} == {"cpu"}
    theirs = {weight.data_ptr() for weight in graphs[0].model.parameters()}
    assert theirs.isdisjoint(weight.data_ptr() for weight in kept.parameters())


@pytest.mark.parametrize("faces", [1, 3, 32])
def test_any_number_of_crops_gives_the_same_points(exported: Path, faces: int) -> None:
    session = onnxruntime.InferenceSession(exported / "model.onnx", providers=["CPUExecutionProvider"])
    size = json.loads((exported / "model.json").read_text())["crop"]["size"]
    crops = np.random.default_rng(1).integers(0, 256, (32, 3, size, size), dtype=np.uint8)[:faces]
    boxes = np.full((faces, 2), 40, dtype=np.float32)
    points, covariances, p_off = session.run(None, {"crops": crops, "boxes": boxes})
    assert (points.shape, covariances.shape, p_off.shape) == ((faces, 4, 2), (faces, 4, 2, 2), (faces, 4))
    [alone] = session.run(["points"], {"crops": crops[-1:], "boxes": boxes[-1:]})
    np.testing.assert_allclose(points[-1], alone[0], atol=1e-3)


def test_the_example_finds_the_points_of_the_run(
    run: Path, exported: Path, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    in_float32(monkeypatch)
    for box in (None, (30.0, 20.0, 90.0, 120.0), (500.0, 500.0, 20.0, 20.0)):
        coco = found_by_the_example(exported, pictures, box)
        faces = {"images": coco["images"], "annotations": [], "categories": []}
        for k, image in enumerate(coco["images"]):
            own = [0, 0, image["width"], image["height"]] if box is None else box
            faces["annotations"].append({"id": k + 1, "image_id": k + 1, "category_id": 1, "bbox": own})
        (pictures[0].parent / "faces.json").write_text(json.dumps(faces))
        wanted = mdmd.predict(run, faces=pictures[0].parent / "faces.json")
        for one, other in zip(coco["annotations"], wanted["annotations"], strict=True):
            np.testing.assert_allclose(one["bbox"], other["bbox"])
            np.testing.assert_allclose(one["keypoints"], other["keypoints"], atol=0.02)
            about, of_run = one["attributes"], other["attributes"]
            np.testing.assert_allclose(about["p_off"], of_run["p_off"], atol=1e-3)
            np.testing.assert_allclose(about["covariance"], of_run["covariance"], rtol=5e-3, atol=1e-3)


def test_the_exported_folder_is_loaded_like_the_run(
    run: Path, exported: Path, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    in_float32(monkeypatch)
    model, other = mdmd.load(run), mdmd.load(exported)
    assert (other.name, other.definition) == (model.name, model.definition)
    boxes = [None, [(30.0, 20.0, 90.0, 120.0), (0.0, 0.0, 40.0, 60.0)], (10.0, 10.0, 100.0, 100.0)]
    wanted = model.predict(pictures, boxes, tolerance=0.05)
    found = other.predict(pictures, boxes, tolerance=0.05)
    assert found.image_index.tolist() == wanted.image_index.tolist() == [0, 1, 1, 2]
    np.testing.assert_allclose(found.boxes, wanted.boxes)
    np.testing.assert_allclose(found.means, wanted.means, atol=0.02)
    np.testing.assert_allclose(found.covariances, wanted.covariances, rtol=5e-3, atol=1e-3)
    np.testing.assert_allclose(found.p_off, wanted.p_off, atol=1e-3)
    assert other.predict(pictures[0], []).means.shape == (0, 4, 2)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"format": 2}, "does not describe an exported model of format 1"),
        ({"crop": {"size": -1, "scale": 1.0}}, "size is -1, wanted a number above 0"),
        ({"calibration": None}, "power is None, wanted a number above 0"),
        ({"category": []}, "category is [], wanted a dict"),
        ({"sha256": "0" * 64}, "is not the file that model.json describes: export the run again"),
    ],
)
def test_a_folder_whose_files_do_not_belong_together_is_refused(
    exported: Path, pictures: list[Path], tmp_path: Path, changed: dict[str, Any], said: str
) -> None:
    shutil.copytree(exported, tmp_path / "other")
    record = tmp_path / "other" / "model.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), **changed}))
    with pytest.raises(DataError, match=re.escape(said)):
        mdmd.load(tmp_path / "other").predict(pictures[0], (0, 0, 50, 50))


def test_a_graph_that_is_none_is_refused(exported: Path, pictures: list[Path], tmp_path: Path) -> None:
    shutil.copytree(exported, tmp_path / "other")
    (tmp_path / "other" / "model.onnx").write_bytes(b"no graph")
    record = tmp_path / "other" / "model.json"
    digest = hashlib.sha256(b"no graph").hexdigest()
    record.write_text(json.dumps({**json.loads(record.read_text()), "sha256": digest}))
    with pytest.raises(DataError, match=r"model\.onnx cannot be loaded"):
        mdmd.load(tmp_path / "other").predict(pictures[0], (0, 0, 50, 50))


def found_by_the_example(exported: Path, pictures: list[Path], box: tuple[float, ...] | None) -> Any:
    words = [] if box is None else ["--box", ",".join(map(str, box))]
    command = [sys.executable, str(exported / "example.py"), *(path.name for path in pictures), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=pictures[0].parent)
    return json.loads(done.stdout)


def test_what_the_example_prints_is_no_label(exported: Path, pictures: list[Path]) -> None:
    file = pictures[0].parent / "printed.json"
    file.write_text(json.dumps(found_by_the_example(exported, pictures, None)))
    with pytest.raises(DataError, match="prediction"):
        read_coco(file)


def test_the_check_tells_a_machine_that_computes_something_else(exported: Path, tmp_path: Path) -> None:
    def checked() -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, str(exported / "check.py")], capture_output=True, text=True)

    same = checked()
    assert (same.returncode, "this machine computes what the training did" in same.stdout) == (0, True)
    answers = exported / "golden" / "answers.json"
    kept = answers.read_text()
    told = json.loads(kept)
    told[0]["points"][0][0] += 0.5
    answers.write_text(json.dumps(told))
    other = checked()
    answers.write_text(kept)
    assert (other.returncode, "do not trust what this machine computes" in other.stdout) == (1, True)


def test_golden_crops_can_be_of_named_faces(
    run: Path, exported: Path, pictures: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The same graph again: to write one takes most of the time of an export.
    monkeypatch.setattr(folder, "write_onnx", lambda graph, path, half: shutil.copyfile(exported / "model.onnx", path))
    faces = []
    for path in pictures:
        with Image.open(path) as picture:
            width, height = ImageOps.exif_transpose(picture).size
        faces += [Sample(path, path.name, width, height, Box(30, 20, 110, 120)) for _ in range(2)]
    write_coco(Dataset("apes", SMALL, tuple(faces)), tmp_path / "apes.json")
    out = tmp_path / "out"
    assert main(["export", str(run), "--golden", str(tmp_path / "apes.json"), "--out", str(out)]) == 0
    rule = json.loads((out / "model.json").read_text())["crop"]
    crop = face_crop(faces[0].box, scale=rule["scale"], size=rule["size"])
    with Image.open(out / "golden" / "golden-1.png") as first:
        np.testing.assert_array_equal(np.asarray(first).transpose(2, 0, 1), face_pixels(pictures[0], crop))
    assert len(json.loads((out / "golden" / "answers.json").read_text())) == 4
    done = subprocess.run([sys.executable, str(out / "check.py")], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


def test_golden_faces_are_asked_for_what_can_use_them(run: Path, tmp_path: Path) -> None:
    none = Dataset("apes", SMALL, ())
    with pytest.raises(DataError, match="found no face for the golden crops"):
        mdmd.export(run, tmp_path / "out", golden=none)
    with pytest.raises(DataError, match="a page has no check"):
        mdmd.export(run, tmp_path / "out", golden=none, format="web")
    assert not (tmp_path / "out").exists()


def test_half_precision_halves_the_file_and_keeps_the_points(exported: Path, tmp_path: Path) -> None:
    shutil.copytree(exported, tmp_path / "half")
    file = tmp_path / "half" / "model.onnx"
    made = onnx.load(file)
    store_in_float16(onnx, made)
    onnx.save(made, file)
    assert str(Path(mdmd.__file__).parent).encode() not in file.read_bytes(), "it says where it was made"
    assert file.stat().st_size < 0.65 * (exported / "model.onnx").stat().st_size
    told = tmp_path / "half" / "model.json"
    told.write_text(json.dumps({**json.loads(told.read_text()), "within": WITHIN["float16"]}))
    done = subprocess.run([sys.executable, str(file.parent / "check.py")], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


def test_what_cannot_be_exported_is_said(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("kept")
    assert main(["export", str(run), "--out", str(tmp_path / "mine")]) == 2
    assert "is there already: name a new folder" in capsys.readouterr().err
    assert main(["export", str(run), "--head", "cats", "--out", str(tmp_path / "x")]) == 2
    assert "the model has no head 'cats'; it has: apes" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert main(["export", str(run), "--out", str(tmp_path / "x")]) == 2
    assert "an ONNX export needs onnx: pip install onnx" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine"]


def test_a_browser_computes_the_same_points(
    exported: Path, pictures: list[Path], tmp_path: Path, chromium: Browser
) -> None:
    """The graph of an export runs in onnxruntime-web; tests/browser/test_exported_page.py tests the page."""
    shutil.copytree(exported, tmp_path / "page")
    folder.add_page(tmp_path / "page", local_runtime())
    model, box = mdmd.load(exported), (30.0, 20.0, 90.0, 120.0)
    with static_server(tmp_path / "page") as address:
        page = chromium.new_page()
        page.goto(address)
        page.get_by_text("Ready.").wait_for()
        page.get_by_text("Box of the face").click()
        for file in pictures:
            page.set_input_files("#file", file)
            for label, number in zip(("Left", "Top", "Width", "Height"), box, strict=True):
                page.get_by_label(label).fill(str(number))
            page.get_by_role("button", name="Use this box").click()
            page.get_by_text("These are the points of the face in your box.").wait_for()
            with page.expect_download() as download:
                page.get_by_role("button", name="Download the points").click()
            [found] = json.loads(download.value.path().read_text())["annotations"]
            wanted = model.predict(file, box)
            points = np.array(found["keypoints"]).reshape(-1, 3)[:, :2]
            assert found["bbox"] == list(box)
            assert np.linalg.norm(points - wanted.means[0], axis=1).max() < 0.5
            np.testing.assert_allclose(found["attributes"]["p_off"], wanted.p_off[0], atol=0.01)
        page.close()
