"""Datasets added by name: compared with published counts, listed, and used by train, adapt and evaluate."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mdmd.cli.main import main
from mdmd.data.records import Annotation, Dataset
from mdmd.datasets.registry import Sources, counts, default_home, warnings
from mdmd.errors import DataError
from mdmd.training.base_cache import labels_key
from tests.builders import CATEGORY, write_picture
from tests.mdmd.datasets.public_sets import cofw, face, pare, pts, w300, wflw

QUICK = ["--preset", "tiny", "--weights", "none", "--steps", "2", "--quiet"]


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sources:
    monkeypatch.setenv("MDMD_HOME", str(tmp_path / "home"))
    return Sources(tmp_path / "home")


def trainable_300w(root: Path) -> Path:
    """A 300W of eight training faces, and of one face in common and two in challenge."""
    for k in range(8):
        pts(root / "afw" / f"{k}_1.pts", face(68, 20 + k))
    pts(root / "helen" / "testset" / "1_1.pts", face(68))
    pts(root / "ibug" / "2_1.pts", face(68))
    pts(root / "ibug" / "3_1.pts", face(68))
    return root


def test_a_dataset_is_added_listed_and_removed(sources: Sources, tmp_path: Path, capsys):
    assert main(["sources", "list"]) == 0
    assert capsys.readouterr().out == ""
    root = w300(tmp_path / "data")
    assert main(["sources", "add", str(root)]) == 0
    table = capsys.readouterr().out.splitlines()
    assert table[0] == f"300w: 300W, 68 points, in {root}"
    assert [line.split() for line in table[1:11]] == [
        ["train", "2", "of", "3,148"],
        ["train/afw", "1", "of", "337"],
        ["train/lfpw", "0", "of", "811"],
        ["train/helen", "1", "of", "2,000"],
        ["test", "3", "of", "689"],
        ["test/common", "2", "of", "554"],
        ["test/challenge", "1", "of", "135"],
        ["private", "2", "of", "600"],
        ["private/indoor", "1", "of", "300"],
        ["private/outdoor", "1", "of", "300"],
    ]
    assert table[11] == "warning: train has 2 faces, fewer than the published 3,148"
    assert len(table) == 21
    assert main(["sources", "add", "300w", str(root), "--name", "mine", "--one-based"]) == 0
    capsys.readouterr()
    assert main(["sources", "list"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"300w: 68 points, faces: train 2, test 3, private 2; 300w in {root}",
        f"mine: 68 points, faces: train 2, test 3, private 2; 300w in {root}",
    ]
    first = sources.read("mine").dataset
    assert first.name == "mine"
    assert first.samples[0].annotation is not None
    np.testing.assert_array_equal(first.samples[0].annotation.points, face(68) - 1)
    assert main(["sources", "remove", "300w"]) == 0
    assert [source.name for source in sources.all()] == ["mine"]
    assert root.is_dir()


def test_adding_names_missing_and_unreadable_files(sources: Sources, tmp_path: Path, capsys):
    root = w300(tmp_path / "data")
    (root / "ibug" / "image_092 _01.jpg").unlink()
    (root / "afw" / "1051618982_1.pts").write_text("1 2\n")
    assert main(["sources", "add", str(root)]) == 0
    *_, missing, unreadable = capsys.readouterr().out.splitlines()
    assert missing == "warning: 300w: 1 pictures are missing, their faces are left out: ibug/image_092 _01.jpg"
    assert unreadable == (
        "warning: 300w: 1 records cannot be used, their faces are left out: "
        f"{root}/afw/1051618982_1.pts, line 1: the file ends after 1 points, wanted 68"
    )


def test_a_missing_private_test_set_is_no_warning(sources: Sources, tmp_path: Path):
    _, reading = sources.add(trainable_300w(tmp_path / "data"))
    assert [row.name for row in counts("300w", reading.dataset.samples)][-1] == "test/challenge"
    assert warnings(reading) == []


def test_subsets_of_wflw_are_counted(sources: Sources, tmp_path: Path):
    _, reading = sources.add(wflw(tmp_path / "data"))
    assert [(row.name, row.found, row.published) for row in counts("wflw", reading.dataset.samples)] == [
        ("train", 1, 7500),
        ("test", 3, 2500),
        ("test/pose", 1, 326),
        ("test/expression", 1, 314),
        ("test/illumination", 1, 698),
        ("test/make-up", 1, 206),
        ("test/occlusion", 1, 736),
        ("test/blur", 1, 773),
    ]


def test_removing_a_dataset_removes_its_unpacked_images(sources: Sources, tmp_path: Path):
    sources.add(cofw(tmp_path / "data"))
    unpacked = tmp_path / "home" / "unpacked" / "cofw"
    assert len(list(unpacked.iterdir())) == 3
    (unpacked / "COFW_test_color_0001.png").write_text("of another copy")
    sources.add(tmp_path / "data")
    assert len(sources.read("cofw").dataset.samples) == 3
    sources.remove("cofw")
    assert not unpacked.exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["add", "nowhere"], "no such file or folder: nowhere"),
        (["add", "{empty}"], "looks like none of coco, 300w"),
        (["add", "lapa", "{empty}"], "no face of lapa can be used in"),
        (
            ["add", "{pare}", "--name", "a/b"],
            "found the dataset name 'a/b', wanted at most 100 letters, digits, - and _",
        ),
        (["remove", "pare"], "there is no file and no added dataset 'pare'; added: none yet"),
    ],
)
def test_a_mistake_gives_one_sentence_and_changes_nothing(
    arguments, sentence, sources: Sources, tmp_path: Path, capsys
):
    (tmp_path / "empty").mkdir()
    pare(tmp_path / "pare")
    filled = [a.format(empty=tmp_path / "empty", pare=tmp_path / "pare") for a in arguments]
    assert main(["sources", *filled]) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1
    assert sources.all() == []


def test_a_damaged_list_or_a_moved_dataset_is_named(sources: Sources, tmp_path: Path):
    sources.add(pare(tmp_path / "data"))
    (tmp_path / "data").rename(tmp_path / "moved")
    with pytest.raises(DataError, match="the dataset 'pare' is not where it was: there is no"):
        sources.read("pare")
    sources.file.write_text('{"pare": {"path": 3}}')
    with pytest.raises(DataError, match="the record of 'pare' is damaged; add the dataset again"):
        sources.all()
    sources.add(tmp_path / "moved")
    assert sources.get("pare").path == tmp_path / "moved"
    sources.file.write_text("[]")
    with pytest.raises(DataError, match="found a JSON list, wanted an object"):
        sources.all()
    sources.file.write_text("{")
    with pytest.raises(
        DataError, match=r"sources\.json cannot be read: it is not JSON .*; delete it to start a new list"
    ):
        sources.all()


def test_home_is_in_the_users_folder_unless_the_environment_names_another():
    assert default_home({}) == Path.home() / ".mdmd"
    assert default_home({"MDMD_HOME": "/data/mdmd"}) == Path("/data/mdmd")


# Names where files are wanted


def test_adapt_and_evaluate_accept_names(sources: Sources, tmp_path: Path, capsys, monkeypatch):
    sources.add(trainable_300w(tmp_path / "data"))
    (tmp_path / "data" / "afw" / "7_1.jpg").unlink()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "300w").mkdir()  # a folder with that name is not a file
    base = ["--bases", str(tmp_path / "bases"), "--base-minutes", "0.01"]
    assert main(["adapt", "--target", "300w", "--source", "300w", *base, *QUICK, "--out", "run"]) == 0
    said = capsys.readouterr().err
    assert "mdmd: warning: 300w: 1 pictures are missing, their faces are left out: afw/7_1.jpg" in said
    assert [folder.name.rsplit("-", 1)[0] for folder in (tmp_path / "bases").iterdir()] == ["300w-2-test_vit-heatmap"]

    def faces(*extra: str) -> int:
        assert main(["evaluate", "run", "--data", "300w", *extra]) == 0
        return json.loads(capsys.readouterr().out)["n"]

    assert [faces(), faces("--subset", "challenge"), faces("--subset", "common")] == [3, 2, 1]
    assert main(["evaluate", "run", "--data", "300w", "--subset", "pose"]) == 2
    error = capsys.readouterr().err
    assert "300w has no subset 'pose' in test; found: challenge, common, full, helen, ibug" in error
    assert main(["evaluate", "run", "--data", "wflw"]) == 2
    assert "there is no file and no added dataset 'wflw'; added: 300w" in capsys.readouterr().err


def test_a_file_wins_over_a_name(sources: Sources, tmp_path: Path, monkeypatch):
    write_picture(tmp_path / "a.png")
    image = {"id": 1, "file_name": "a.png", "width": 64, "height": 48}
    one = {"id": 1, "image_id": 1, "keypoints": [9, 9, 2, 12, 15, 2, 3, 3, 2, 4, 4, 2]}
    (tmp_path / "wflw").write_text(json.dumps({"images": [image], "annotations": [one], "categories": [CATEGORY]}))
    sources.add(wflw(tmp_path / "data"))
    assert len(sources.open(Path("wflw")).dataset.samples) == 4
    monkeypatch.chdir(tmp_path)
    assert len(sources.open(Path("wflw")).dataset.samples) == 1


def test_the_key_of_a_base_depends_on_the_training_labels(sources: Sources, tmp_path: Path):
    _, reading = sources.add(trainable_300w(tmp_path / "data"))
    data = reading.dataset
    key = labels_key(data)
    (tmp_path / "data").rename(tmp_path / "moved")
    sources.add(tmp_path / "moved")
    assert labels_key(sources.read("300w").dataset) == key

    def changed(place: int, **changes: object) -> Dataset:
        samples = [replace(s, **changes) if k == place else s for k, s in enumerate(data.samples)]
        return replace(data, samples=tuple(samples))

    first = data.samples[0].annotation
    assert first is not None
    moved = Annotation(first.points + np.eye(68, 2), first.visibility)
    hidden = Annotation(first.points, np.maximum(first.visibility - np.eye(1, 68, dtype=np.int64)[0], 1))
    for change in (
        {"annotation": moved},
        {"annotation": hidden},
        {"split": "test"},
        {"group": "g"},
        {"annotation": None},
    ):
        assert labels_key(changed(0, **change)) != key, change
    last = len(data.samples) - 1
    assert data.samples[last].split == "test"
    assert labels_key(changed(last, annotation=moved)) == key
