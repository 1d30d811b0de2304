"""What killed processes leave is cleared away at the next start, and nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from labeler.project import leftovers
from labeler.project.project import Project
from labeler.project.workspace import Workspace
from mdmd.files import PARTIAL_NAME, new_folder, write_json
from tests.builders import make_project, wait_for, write_picture
from tests.labeler.server.conftest import application

#: A number that no process has.
NOBODY = 999_999_999


def opened(project: Project) -> Project:
    """The project as the next process opens it."""
    project.close()
    return Workspace(project.folder.parent).open(project.name)


def plant(path: Path, *, age: float = 0.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("half")
    os.utime(path, (time.time() - age,) * 2)
    return path


def test_the_names_of_files_that_are_being_written_tell_their_writer(tmp_path: Path):
    def look(folder: Path) -> None:
        [name] = [path.name for path in folder.iterdir()]
        match = PARTIAL_NAME.fullmatch(name)
        assert match is not None
        assert match["writer"] == str(os.getpid())

    with new_folder(tmp_path / ("a" * 250)):
        look(tmp_path)
    shutil.rmtree(tmp_path / ("a" * 250))
    write = "replace_file(Path(sys.argv[1], 'b\\n.json'), lambda partial: os._exit(9))"
    code = f"import os, sys; from pathlib import Path; from mdmd.files import replace_file; {write}"
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert len(list(tmp_path.iterdir())) == 1
    leftovers.clear_partial(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.json.{}-0123abcd.partial", ".a.json.{}-0123.partial", ".a.json.{}-0123abcd.part"])
def test_a_users_file_with_a_similar_name_stays(tmp_path: Path, name: str):
    mine = plant(tmp_path / name.format(NOBODY), age=1e6)
    leftovers.clear_partial(tmp_path)
    assert mine.is_file()


def test_what_a_living_process_writes_stays_and_what_a_dead_one_wrote_goes(tmp_path: Path):
    own = os.getpid()
    living = plant(tmp_path / f".a.json.{own}-0123abcd.partial")
    old = plant(tmp_path / f".a.json.{own}-0123abce.partial", age=100_000)  # the number was given again
    unnamed = plant(tmp_path / ".a.json.0123abcd.partial")  # of an older version
    unnamed_old = plant(tmp_path / "inner" / ".a.json.0123abcd.partial", age=100_000)
    dead = plant(tmp_path / "inner" / f".a.json.{NOBODY}-0123abcd.partial")
    folder = plant(tmp_path / f".copy.{NOBODY}-0123abcd.partial" / "images" / "a.png").parent.parent
    growing = plant(tmp_path / f".copy.{own}-0123abcd.partial" / "images" / "a.png").parent.parent
    os.utime(growing, (0, 0))
    target = plant(tmp_path / "mine" / "a.txt").parent
    link = tmp_path / f".link.{NOBODY}-0123abcd.partial"
    link.symlink_to(target)
    leftovers.clear_partial(tmp_path)
    assert [path.exists() for path in (living, unnamed, growing, link, target / "a.txt")] == [True] * 5
    assert [path.exists() for path in (old, unnamed_old, dead, folder)] == [False] * 4


def test_a_file_that_is_finished_while_it_is_looked_at_is_no_failure(tmp_path: Path):
    partial, stop = tmp_path / f".labels.mark.{os.getpid()}-0123abcd.partial", threading.Event()
    assert PARTIAL_NAME.fullmatch(partial.name)

    def write() -> None:
        while not stop.is_set():
            partial.touch()
            partial.replace(tmp_path / "labels.mark")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(3000):
            leftovers.clear_partial(tmp_path)
    finally:
        stop.set()
        writer.join()
    assert (tmp_path / "labels.mark").is_file()


def test_files_that_no_picture_names_go_to_the_trash(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    project = make_project(tmp_path, pictures=2)
    removed = project.images / project.store.image(2).file_name
    content = removed.read_bytes()
    project.remove_picture(2)
    removed.write_bytes(content)  # its user has put it back by hand
    orphan = write_picture(project.images / "left.png")
    kept = [
        plant(project.images / "notes.txt"),
        plant(project.images / ".hidden.png"),
        plant(project.images / "mine" / "a.png"),
    ]
    project = opened(project)
    project.add_pictures([write_picture(tmp_path / "in" / "left.png", color=(200, 9, 9))])
    assert [picture.file_name for picture in project.store.images()] == ["faces-0.png", "left.png"]
    assert all(path.is_file() for path in (removed, *kept, project.images / "faces-0.png"))
    [moved] = (project.folder.parent / ".trash").glob("*/faces/images/left.png")
    assert moved.read_bytes() == write_picture(tmp_path / "left.png").read_bytes()
    assert f"were moved to {moved.parents[2]}: left.png" in caplog.text
    assert orphan.read_bytes() != moved.read_bytes()
    write_picture(project.images / "later.png")
    project.add_pictures([tmp_path / "in"])
    assert (project.images / "later.png").is_file()  # once a process


def test_a_copy_of_the_labels_keeps_the_files_that_it_names(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    project = make_project(tmp_path, pictures=2)
    (project.folder / "backups").mkdir()
    project.store.copy(project.folder / "backups" / "0001.db")
    project.store.connection.db.execute("PRAGMA foreign_keys = OFF")
    project.store.connection.db.execute("DELETE FROM images WHERE id = 2")  # as after going back to an older copy
    write_picture(project.images / "left.png")
    project = opened(project)
    project.clear_leftovers()
    assert sorted(path.name for path in project.images.iterdir()) == ["faces-0.png", "faces-1.png"]
    (project.folder / "backups" / "0002.db").write_bytes(b"damaged" * 1000)
    write_picture(project.images / "left.png")
    caplog.clear()
    project = opened(project)
    project.clear_leftovers()
    assert (project.images / "left.png").is_file()
    assert "0002.db cannot be read (file is not a database): they stay" in caplog.text


def test_many_orphans_are_one_deletion(tmp_path: Path):
    project = make_project(tmp_path, pictures=1)
    for number in range(5):
        write_picture(project.images / f"left {number}.png")
    project = opened(project)
    project.clear_leftovers()
    assert [path.name for path in project.images.iterdir()] == ["faces-0.png"]
    [deletion] = (project.folder.parent / ".trash").iterdir()
    assert len(list(deletion.glob("faces/images/*"))) == 5


@pytest.mark.filterwarnings("ignore::Warning")
def test_a_server_clears_away_at_its_start_and_in_a_project_that_is_opened(tmp_path: Path):
    project = make_project(tmp_path, pictures=1)
    root = project.folder.parent
    project.close()
    name = f".x.{NOBODY}-0123abcd.partial"
    inside = [plant(place / name) for place in (root, root / ".bases", project.folder / "runs" / "001")]
    outside = plant(root / "not a project" / name)
    orphan = write_picture(project.images / "left.png")
    with application(tmp_path, None) as browser:
        wait_for(lambda: not any(path.exists() for path in inside))
        assert orphan.is_file()
        assert browser.get("/api/projects/faces").status_code == 200
        wait_for(lambda: not orphan.exists())
    assert outside.is_file()


def test_a_folder_that_cannot_be_written_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    project = make_project(tmp_path, pictures=1)
    left = plant(project.folder / f".x.{NOBODY}-0123abcd.partial")
    orphan = write_picture(project.images / "left.png")

    def refuse(*args: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied")

    project = opened(project)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", refuse)
        patched.setattr(os, "rename", refuse)
        project.clear_leftovers()
    assert left.is_file()
    assert orphan.is_file()
    write_json(project.folder / "again.json", {})
