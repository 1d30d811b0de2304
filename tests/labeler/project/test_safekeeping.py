"""A project's labels are copied, checked and marked while it is open; it is read where nothing can be written."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from labeler.errors import DamagedError, LockedError, StorageError
from labeler.pictures.subjects import SubjectRule
from labeler.pictures.thumbnails import WIDTHS
from labeler.project.project import Project, open_project
from labeler.project.safekeeping import EDITS, SECONDS, Safekeeping
from labeler.project.workspace import Workspace
from labeler.server.app import carry_labels, keep_safe
from labeler.server.project_actions import ProjectActions
from labeler.storage.records import Point
from tests.builders import label_face, make_project


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Callable[[str], None]]:
    """A file system of its own in `folder`; what is yielded mounts it again with other options. Skips where root is
    needed and not there."""
    folder.mkdir(exist_ok=True)

    def mount(options: str) -> None:
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True)
        if done.returncode:
            pytest.skip(f"no file system can be mounted here: {done.stderr.decode().strip()}")

    if shutil.which("mount") is None or not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("only root can mount a file system")
    mount(f"size={megabytes}m")
    try:
        yield lambda options: mount(f"remount,{options}")
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def copied(project: Project) -> list[str]:
    return [copy.reason for copy in project.safekeeping.backups.all()]


class Clock:
    now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


def test_copies_are_made_at_open_after_edits_and_after_a_while(tmp_path: Path) -> None:
    project, clock = make_project(tmp_path, labeled=1), Clock()
    project.safekeeping = Safekeeping(project.folder, project.store, project.safekeeping.backups, clock=clock)
    step = project.safekeeping.step
    step()
    assert copied(project) == ["opened"]
    step()
    face = project.store.faces()[0].id
    for k in range(EDITS - 1):
        project.store.edit_points(face, {1: Point(k, 1, 2)})
    step()
    assert copied(project) == ["opened"]
    project.store.edit_points(face, {1: Point(1, 1, 2)})
    step()
    assert copied(project) == ["edits", "opened"]
    project.store.edit_points(face, {1: Point(2, 1, 2)})
    clock.now += SECONDS - 1
    step()
    assert len(copied(project)) == 2
    clock.now += 1
    step()
    assert copied(project) == ["edits", "edits", "opened"]
    clock.now += SECONDS
    step()
    assert len(copied(project)) == 3  # nothing was edited
    project.store.edit_points(face, {1: Point(3, 1, 2)})
    clock.now -= 10 * SECONDS  # a clock that was set back
    step()
    assert len(copied(project)) == 4


def test_a_copy_is_made_before_what_changes_much(tmp_path: Path) -> None:
    project = make_project(tmp_path, labeled=2)
    label_face(project, 1)
    frame = project.labels()
    project.set_labels(frame)
    assert copied(project) == ["import"]
    label_face(project, 1)
    actions = ProjectActions(project)
    category = dict(actions.definition()["category"])
    actions.save_definition({**category, "skeleton": []}, None, version=1)
    assert copied(project) == ["schema", "import"]
    backups = project.safekeeping.backups
    lost = backups.loss(backups.contents(backups.all()[0]))
    assert lost
    assert lost.versions == 1
    project.set_subjects(SubjectRule("{subject}-*"))
    assert copied(project) == ["subjects", "schema", "import"]


def test_a_copy_that_a_person_waits_for_is_checked_a_moment_later(tmp_path: Path) -> None:
    project = make_project(tmp_path, labeled=2)
    safekeeping = project.safekeeping
    safekeeping.step()
    label_face(project, 3)
    safekeeping.before("schema")
    assert safekeeping.backups.unchecked
    safekeeping.step()
    assert not safekeeping.backups.unchecked
    assert copied(project) == ["schema", "opened"]
    label_face(project, 1)
    project.store.connection.db.execute("DROP TRIGGER point_edits_updated")
    project.store.connection.db.execute("UPDATE point_edits SET x = x + 1 WHERE landmark_id = 2")
    safekeeping.before("import")
    assert copied(project) == ["import", "schema", "opened"]
    safekeeping.step()
    assert copied(project) == ["schema", "opened"]
    assert any("labels.db is damaged" in said for said in safekeeping.warnings)
    with pytest.raises(DamagedError, match=r"labels\.db is damaged: the labels of face 1"):
        safekeeping.before("import")


def test_damage_is_told_and_the_last_good_copy_is_put_back(tmp_path: Path) -> None:
    project = make_project(tmp_path, labeled=2)
    labels = project.store.points()
    workspace = Workspace(tmp_path / "projects")
    project.close()
    project = workspace.open("faces")
    assert keep_safe(workspace) == {}
    workspace.close()
    database = project.folder / "labels.db"
    database.write_bytes(database.read_bytes().replace(b"eye_left", b"eye_lift"))  # a definition reads on as JSON
    assert "labels.db is damaged: version 1 of the landmarks is not as it was saved" in keep_safe_of(workspace)
    workspace.restore("faces", 1)
    assert keep_safe_of(workspace) == ""
    assert workspace.open("faces").store.points() == labels
    database.write_bytes(b"")
    workspace.close()
    with pytest.raises(DamagedError, match=r"labels.db is empty \(0 bytes\)"):
        workspace.open("faces")
    workspace.restore("faces", 1)
    assert workspace.open("faces").store.points() == labels


def keep_safe_of(workspace: Workspace) -> str:
    workspace.open("faces")
    return keep_safe(workspace).get("faces", "")


def test_pictures_that_the_copy_knows_come_back_from_the_trash(tmp_path: Path) -> None:
    make_project(tmp_path, labeled=2).close()
    workspace = Workspace(tmp_path / "projects")
    project = workspace.open("faces")
    project.safekeeping.before("asked")
    project.remove_picture(1)
    assert len(list(project.images.iterdir())) == 2
    workspace.restore("faces", 1)
    project = workspace.open("faces")
    assert [project.originals.problem(picture) for picture in project.store.images()] == [None] * 3


def test_missing_edits_are_told_until_a_person_goes_on(tmp_path: Path) -> None:
    project = make_project(tmp_path, labeled=1)
    project.close()
    old = (project.folder / "labels.db").read_bytes()
    project = open_project(project.folder)
    label_face(project, 2)
    project.close()
    (project.folder / "labels.db").write_bytes(old)
    project = open_project(project.folder)
    project.safekeeping.step()
    [said] = project.safekeeping.warnings
    assert said.startswith("Some of what was saved is missing from labels.db (edits: 1): its file labels.db-wal")
    project.close()
    project = open_project(project.folder)
    assert project.safekeeping.warnings == [said]
    project.safekeeping.accept_missing()
    assert project.safekeeping.warnings == []
    project.close()
    assert open_project(project.folder).safekeeping.warnings == []


def test_a_project_on_a_read_only_medium_can_be_looked_at(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 20) as mount:
        made = make_project(tmp_path / "disk", labeled=2)
        points, name = made.store.points(), made.name
        made.close()
        mount("ro")
        workspace = Workspace(tmp_path / "disk" / "projects")
        project = workspace.open(name)
        assert project.store.points() == points
        assert project.export(tmp_path / "out.json").faces == 2
        assert project.progress().complete_faces == 2
        picture = project.images / project.store.images()[0].file_name
        assert project.thumbnails.get(picture, WIDTHS[0])
        [said] = project.safekeeping.warnings
        assert said.startswith("This project can only be looked at: ")
        with pytest.raises(StorageError, match="nothing was changed, this project can only be looked at"):
            label_face(project, 3)
        assert project.safekeeping.check() == ()
        assert carry_labels(workspace) == keep_safe(workspace) == {}
        workspace.close()


def test_a_project_on_a_full_disk_can_be_looked_at_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 2):
        made = make_project(tmp_path / "disk", labeled=2)
        points, name = made.store.points(), made.name
        made.close()
        filler = tmp_path / "disk" / "filler"
        with suppress_full(), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        workspace = Workspace(tmp_path / "disk" / "projects")
        project = workspace.open(name)
        assert project.store.points() == points
        with pytest.raises(StorageError, match="nothing was changed"):
            label_face(project, 3)
        assert project.store.points() == points
        filler.unlink()
        label_face(workspace.open(name), 3)
        assert 3 in workspace.open(name).store.points()
        workspace.close()


@contextmanager
def suppress_full() -> Iterator[None]:
    with pytest.raises(OSError, match="No space left"):
        yield


def test_what_comes_in_stops_at_a_locked_database_and_goes_on_later(tmp_path: Path) -> None:
    source, target = make_project(tmp_path, "source", labeled=3), make_project(tmp_path, "target", pictures=0)
    source.export(source.folder / "exports" / "labels.json")
    target.store.connection.db.execute("PRAGMA busy_timeout = 50")
    waits = []
    target.store.connection.db.conn.set_trace_callback(lambda sql: waits.append(sql) if "BEGIN" in sql else None)
    with closing(sqlite3.connect(target.folder / "labels.db")) as other:
        other.execute("BEGIN EXCLUSIVE")
        for take in (
            lambda: target.import_labels(source.folder / "exports" / "labels.json"),
            lambda: target.add_pictures([source.images]),
        ):
            waits.clear()
            with pytest.raises(LockedError, match="another program keeps"):
                take()
            assert len(waits) == 1
    assert list(target.images.iterdir()) == []
    assert target.import_labels(source.folder / "exports" / "labels.json").added == 3
    target.close()


def test_a_log_that_nobody_can_fold_in_is_read(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 20) as mount:
        made = make_project(tmp_path, labeled=2)
        made.store.connection.db.execute("PRAGMA wal_autocheckpoint = 0")
        label_face(made, 3)
        points = made.store.points()
        copy = tmp_path / "disk" / "faces"
        shutil.copytree(made.folder, copy, ignore=shutil.ignore_patterns("*-shm"))
        made.close()
        assert (copy / "labels.db-wal").stat().st_size
        mount("ro")
        project = open_project(copy)
        assert project.store.points() == points
        project.close()
