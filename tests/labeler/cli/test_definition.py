"""`labeler definition`, and the forms of definitions that `--definition` takes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from labeler.cli.main import main
from labeler.project.workspace import Workspace
from mdmd.cli.main import main as mdmd
from mdmd.datasets.registry import read_set
from mdmd.formats.definition_files import form_by_name
from tests.builders import SMALL, write_picture


def labeler(root: Path, *words: object) -> int:
    return main(["--projects", str(root), *map(str, words)])


def test_the_definition_of_a_project_is_shown_and_goes_to_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Workspace(tmp_path / "p").create("apes", definition=SMALL)
    Workspace(tmp_path / "p").create("empty")
    assert labeler(tmp_path / "p", "definition", "apes") == 0
    assert capsys.readouterr().out.splitlines() == [
        "small: 4 landmarks, 1 mirror pair, 1 edge",
        "  eye_left: left eye, mirrored to eye_right",
        "  eye_right: right eye, mirrored to eye_left",
        "  nose: nose",
        "  chin: jaw",
    ]
    out = tmp_path / "new" / "apes.py"
    assert labeler(tmp_path / "p", "definition", "apes", "--format", "mmpose", "--out", out) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"4 landmarks as MMPose's metainfo: {out}",
        "MMPose's metainfo cannot keep all: the groups of 4 landmarks are left out",
        "MMPose's metainfo cannot keep all: the distance that errors are divided by is left out",
    ]
    assert out.read_text(encoding="utf-8") == form_by_name("mmpose").text(SMALL)
    assert labeler(tmp_path / "p", "definition", "pare", "--out", tmp_path / "pare.json") == 0
    assert capsys.readouterr().out == f"9 landmarks as JSON of this tool: {tmp_path / 'pare.json'}\n"
    for words, said in (
        (["empty"], "project 'empty' has no landmarks yet: define them on the Schema page"),
        (["nope"], "there is no project 'nope', and no definition named 'nope'; there are: 300w"),
        (["apes", "--format", "sleap"], "--format is the form to write: name the file with --out"),
        (["apes", "--format", "yaml", "--out", out], "found the format 'yaml', wanted one of json, coco"),
    ):
        assert labeler(tmp_path / "p", "definition", *words) == 2
        assert said in capsys.readouterr().err


@pytest.mark.parametrize("form", ["coco", "mmpose", "sleap", "cvat", "label-studio"])
def test_a_new_project_takes_its_landmarks_from_the_file_of_another_tool(
    form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "landmarks"
    file.write_text(form_by_name(form).text(SMALL), encoding="utf-8")
    assert labeler(tmp_path / "p", "new", "apes", "--definition", file) == 0
    assert "landmarks tells no groups, so they are guessed from names: jaw: chin" in capsys.readouterr().out
    definition = Workspace(tmp_path / "p").open("apes").definition
    assert definition is not None
    assert (definition.landmarks, definition.groups, definition.mirror) == (SMALL.landmarks, SMALL.groups, SMALL.mirror)


def test_labels_and_their_definition_may_be_one_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MDMD_HOME", str(tmp_path / "home"))
    write_picture(tmp_path / "a.png", (60, 50))
    points = [number for k in range(4) for number in (10 + k, 20, 2)]
    record = {
        "images": [{"id": 1, "file_name": "a.png"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "keypoints": points}],
        "categories": [{"id": 1, "name": "head", "keypoints": list(SMALL.landmarks)}],
    }
    file = tmp_path / "labels.json"
    file.write_text(json.dumps(record))
    assert labeler(tmp_path / "p", "import", "apes", file, "--definition", file) == 0
    assert "labeled: 1 faces, 4 points" in capsys.readouterr().out
    assert mdmd(["sources", "add", str(file), "--definition", str(file)]) == 0
    assert "mdmd: warning: labels.json tells no groups, so they are guessed" in capsys.readouterr().err
    assert read_set("labels")[0].definition.groups == SMALL.groups
