"""A picture's file that is gone or another one is reported; its labels stay; when it is back, all is well."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from labeler.errors import ConflictError, NotFoundError
from labeler.project.project import Project
from labeler.project.workspace import Workspace
from labeler.server.face_actions import FaceActions
from tests.builders import label_face, make_project, write_picture


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path, labeled=3)


def file_of(project: Project, picture: int) -> Path:
    return project.images / project.store.image(picture).file_name


def problem(project: Project, face: int) -> str | None:
    return FaceActions(project).view(face)["picture"]["problem"]


def replace(path: Path, **more) -> None:
    """Another picture in the place of a file, with another time of change."""
    write_picture(path, **more)
    os.utime(path, ns=(1, path.stat().st_mtime_ns + 1_000_000))


def test_a_missing_file_is_reported_and_its_labels_are_exported(project: Project, tmp_path: Path):
    path = file_of(project, 2)
    content = path.read_bytes()
    assert problem(project, 2) is None
    path.unlink()
    assert problem(project, 2) == (
        f"the file {path} of picture 'faces-1.png' is missing; its labels are kept: put the file back"
    )
    with pytest.raises(NotFoundError, match=r"faces-1\.png"):
        project.originals.path(project.store.image(2))
    assert problem(project, 1) is None
    label_face(project, 2, [1])
    assert project.export(tmp_path / "out.json").faces == 3
    exported = json.loads((tmp_path / "out.json").read_text())
    assert sorted(record["id"] for record in exported["annotations"]) == [1, 2, 3]
    path.write_bytes(content)
    assert problem(project, 2) is None
    assert project.originals.path(project.store.image(2)) == path


def test_a_replaced_file_is_reported(project: Project):
    path = file_of(project, 1)
    content = path.read_bytes()
    replace(path, size=(80, 60))
    assert "has changed since it was added" in str(problem(project, 1))
    assert "it has 80 x 60 pixels instead of 64 x 48" in str(problem(project, 1))
    replace(path, color=(9, 9, 9))
    assert "has changed since it was added" in str(problem(project, 1))
    with pytest.raises(ConflictError, match="has changed since it was added"):
        project.originals.path(project.store.image(1))
    replace(path.with_name("x.png"), color=(9, 9, 9))
    path.write_bytes(b"no picture at all")
    assert "has changed since it was added" in str(problem(project, 1))
    path.write_bytes(content)
    assert problem(project, 1) is None


def swap(path: Path, color: tuple[int, int, int]) -> os.stat_result:
    """Another picture in the place of a file, with the same size and time of modification; returns the old stat."""
    before = path.stat()
    write_picture(path.with_name("other.png"), color=color)
    content = path.with_name("other.png").read_bytes()
    path.with_name("other.png").unlink()
    path.write_bytes(content.ljust(before.st_size, b"\0"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    now = path.stat()
    assert (now.st_size, now.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    return before


def test_a_file_of_the_same_size_and_time_is_noticed(project: Project):
    path = file_of(project, 1)
    content = path.read_bytes()
    path.write_bytes(content + bytes(200))  # room for any other picture of one color
    project.store.connection.db.execute("DELETE FROM picture_files")
    assert problem(project, 1) is None
    swap(path, (9, 9, 9))
    assert "has changed since it was added" in str(problem(project, 1))
    with pytest.raises(ConflictError, match="has changed since it was added"):
        project.originals.path(project.store.image(1))


def test_on_a_file_system_without_such_times_training_prediction_and_export_notice_it(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = file_of(project, 1)
    path.write_bytes(path.read_bytes() + bytes(200))
    project.store.connection.db.execute("DELETE FROM picture_files")
    assert problem(project, 1) is None
    old, stat = swap(path, (9, 9, 9)), Path.stat
    monkeypatch.setattr(Path, "stat", lambda self, **how: old if self == path else stat(self, **how))
    assert problem(project, 1) is None, "nothing tells that the file is another one"
    [learned], said = project.usable(project.training_set(), anew=True)
    assert [sample.face_id for sample in learned.samples] == [2, 3]
    [sentence] = said
    assert sentence.startswith(f"the file {path} of picture 'faces-0.png' has changed since it was added;")
    assert sentence == problem(project, 1), "now it is known"
    report = project.export(tmp_path / "out.json")
    assert (report.faces, report.complete, report.problems) == (3, False, [sentence])


def test_a_change_while_the_tool_was_closed_is_seen(project: Project, tmp_path: Path):
    project.store.close()
    replace(file_of(Workspace(tmp_path / "projects").open("faces"), 1), color=(9, 9, 9))
    assert "has changed" in str(problem(Workspace(tmp_path / "projects").open("faces"), 1))


def test_a_copied_project_with_new_times_is_no_change(project: Project):
    assert problem(project, 1) is None
    os.utime(file_of(project, 1), (5, 5))
    assert problem(project, 1) is None


def test_a_converted_picture_is_known_by_what_lies_in_the_project(tmp_path: Path):
    made = make_project(tmp_path, pictures=0)
    made.add_pictures([write_picture(tmp_path / "in" / "clear.png", mode="RGBA", color=(255, 0, 0, 100))])
    assert problem(made, 1) is None
    replace(file_of(made, 1), color=(9, 9, 9))
    assert "has changed" in str(problem(made, 1))


def test_a_project_without_digests_takes_its_files_as_they_are(project: Project):
    project.store.connection.db.execute("DELETE FROM picture_files")
    assert problem(project, 1) is None
    replace(file_of(project, 1), color=(9, 9, 9))
    assert "has changed" in str(problem(project, 1))
