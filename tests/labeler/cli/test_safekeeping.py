"""`labeler backup`, `check` and `restore`."""

from __future__ import annotations

from pathlib import Path

import pytest

from labeler.cli.main import main
from labeler.project.workspace import Workspace
from labeler.storage.records import Point
from tests.builders import label_face, make_project


def labeler(root: Path, *words: object) -> int:
    return main(["--projects", str(root / "projects"), *map(str, words)])


def test_copies_are_made_listed_and_put_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_project(tmp_path, labeled=1).close()
    assert labeler(tmp_path, "restore", "faces") == 0
    assert capsys.readouterr().out == "there are no copies yet; `labeler backup faces` makes one\n"
    assert labeler(tmp_path, "backup", "faces") == 0
    assert capsys.readouterr().out.startswith("copy 1: ")
    assert labeler(tmp_path, "backup", "faces") == 0
    assert capsys.readouterr().out == "nothing was changed since copy 1\n"
    project = Workspace(tmp_path / "projects").open("faces")
    label_face(project, 2)
    project.store.edit_points(1, {1: Point(9, 9, 2)})
    project.close()
    assert labeler(tmp_path, "restore", "faces") == 0
    [line] = capsys.readouterr().out.splitlines()
    assert line.startswith("   1  20")
    assert line.endswith(", by hand: 3 pictures, 1 labeled face, 4 points; going back loses 2 edits on 2 faces")
    assert labeler(tmp_path, "restore", "faces", 1) == 0
    assert capsys.readouterr().out.startswith("the labels are those of copy 1 (")
    project = Workspace(tmp_path / "projects").open("faces")
    assert (set(project.store.points()), project.store.points()[1][1].x != 9) == ({1}, True)
    project.close()
    assert labeler(tmp_path, "restore", "faces", 7) == 2
    assert "there is no copy 7 (there are: 1, 2)" in capsys.readouterr().err


def test_check_says_what_is_damaged_and_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = make_project(tmp_path, labeled=1)
    project.close()
    assert labeler(tmp_path, "check", "faces") == 0
    assert capsys.readouterr().out == "the labels are what was saved, and 3 pictures what was added\n"
    labeler(tmp_path, "backup", "faces")
    database = project.folder / "labels.db"
    whole = database.read_bytes()
    database.write_bytes(whole.replace(b"eye_left", b"eye_lift"))
    (project.images / "faces-0.png").unlink()
    assert labeler(tmp_path, "check", "faces") == 1
    first, second = capsys.readouterr().err.splitlines()
    assert first == "labels.db is damaged: version 1 of the landmarks is not as it was saved"
    assert "is missing; its labels are kept" in second
    database.write_bytes(b"")
    assert labeler(tmp_path, "check", "faces") == 1
    assert "labels.db is empty (0 bytes)" in capsys.readouterr().err
    assert labeler(tmp_path, "restore", "faces") == 0
    told = capsys.readouterr()
    assert "the labels that there are now cannot be read" in told.out
    assert "is empty (0 bytes)" in told.err
    assert labeler(tmp_path, "restore", "faces", 1) == 0
    assert 1 in Workspace(tmp_path / "projects").open("faces").store.points()
