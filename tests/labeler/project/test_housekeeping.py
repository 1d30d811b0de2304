"""Projects are renamed, copied and deleted, pictures removed, and both come back from the trash."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image

from labeler.errors import ConflictError, NoProjectError, NotFoundError
from labeler.project.project import Project
from labeler.project.workspace import Workspace
from labeler.runs.housekeeping import copy_project, delete_project, remove_picture, rename_project
from labeler.storage.records import Point
from mdmd.errors import DataError
from mdmd.files import read_json
from tests.builders import label_face, make_project, write_picture


def workspace_with(tmp_path: Path, name: str = "terns", *, pictures: int = 3, labeled: int = 2) -> Workspace:
    project = make_project(tmp_path, name, pictures=pictures, labeled=labeled)
    project.close()
    return Workspace(tmp_path / "projects")


def labels(project: Project) -> dict[int, dict[int, Point]]:
    return {face.id: project.store.points(face.id).get(face.id, {}) for face in project.store.faces()}


def names(project: Project) -> list[str]:
    return [picture.name for picture in project.store.images()]


def test_a_renamed_project_is_the_same_one(tmp_path: Path) -> None:
    workspace = workspace_with(tmp_path)
    before = workspace.open("terns")
    kept, identity = labels(before), before.store.identity
    rename_project(workspace, "terns", "gulls")
    assert workspace.names() == ["gulls"]
    after = workspace.open("gulls")
    assert (labels(after), after.store.identity) == (kept, identity)
    assert read_json(after.folder / "project.json")["name"] == "gulls"
    with pytest.raises(NoProjectError, match="no project named 'terns'"):
        workspace.open("terns")
    rename_project(workspace, "gulls", "Gulls")
    assert workspace.names() == ["Gulls"]


@pytest.mark.parametrize(
    ("new", "said"),
    [("skuas", "already"), ("SKUAS", "already"), ("a/b", "letters, digits"), ("", "1 to 60"), (".x", "letters")],
)
def test_a_name_that_cannot_be_used_changes_nothing(tmp_path: Path, new: str, said: str) -> None:
    workspace = workspace_with(tmp_path)
    workspace.create("skuas")
    for change in (rename_project, copy_project):
        with pytest.raises(DataError, match=said):
            change(workspace, "terns", new)
    assert workspace.names() == ["skuas", "terns"]
    assert workspace.open("terns").progress().pictures == 3


def test_a_copy_has_the_labels_and_lives_on_its_own(tmp_path: Path) -> None:
    workspace = workspace_with(tmp_path)
    copy_project(workspace, "terns", "copy of terns")
    first, copy = workspace.open("terns"), workspace.open("copy of terns")
    assert labels(copy) == labels(first)
    assert copy.store.identity != first.store.identity
    assert copy.originals.path(copy.store.images()[0]).is_relative_to(copy.folder)
    label_face(copy, copy.store.faces()[2].id)
    assert (copy.progress().complete_faces, first.progress().complete_faces) == (3, 2)


def test_a_deleted_project_can_be_put_back_until_the_trash_is_emptied(tmp_path: Path) -> None:
    workspace = workspace_with(tmp_path)
    kept = labels(workspace.open("terns"))
    place = delete_project(workspace, "terns")
    assert workspace.names() == []
    assert place.parent.parent == workspace.root / ".trash"
    assert (place / "labels.db").is_file()
    [deleted] = workspace.trash.projects()
    assert deleted.name == "terns"
    workspace.create("terns")
    with pytest.raises(DataError, match="already a project named 'terns'"):
        workspace.put_back(deleted.key)
    rename_project(workspace, "terns", "others")
    assert workspace.put_back(deleted.key) == "terns"
    assert labels(workspace.open("terns")) == kept
    assert workspace.trash.size() == 0
    # By hand too: the folder is moved back.
    place = delete_project(workspace, "terns")
    shutil.move(place, workspace.root / "terns")
    assert labels(workspace.open("terns")) == kept
    delete_project(workspace, "terns")
    [deleted] = workspace.trash.projects()
    workspace.trash.empty()
    with pytest.raises(NotFoundError, match="not in the trash"):
        workspace.put_back(deleted.key)


@pytest.mark.parametrize("key", ["../terns", "x/../../terns", "", "terns"])
def test_only_what_lies_in_the_trash_is_put_back(tmp_path: Path, key: str) -> None:
    workspace = workspace_with(tmp_path)
    with pytest.raises(NotFoundError):
        workspace.put_back(key)


def test_nothing_is_moved_from_under_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = workspace_with(tmp_path)
    project = workspace.open("terns")
    monkeypatch.setattr("labeler.runs.housekeeping.list_runs", lambda _: [_Running()])
    for change in (
        lambda: rename_project(workspace, "terns", "gulls"),
        lambda: copy_project(workspace, "terns", "gulls"),
        lambda: delete_project(workspace, "terns"),
        lambda: remove_picture(project, 1),
    ):
        with pytest.raises(ConflictError, match="run 001 of project 'terns' is running"):
            change()
    assert workspace.names() == ["terns"]
    assert len(project.store.images()) == 3


class _Running:
    name, state, active = "001", "running", True


def test_a_removed_picture_comes_back_with_its_faces_and_labels(tmp_path: Path) -> None:
    workspace = workspace_with(tmp_path)
    project = workspace.open("terns")
    first = project.store.images()[0]
    kept = labels(project)
    place = remove_picture(project, first.id)
    assert place is not None
    assert place.is_file()
    assert not (project.images / first.file_name).exists()
    assert project.progress().pictures == 2
    assert set(labels(project)) == set(kept) - {1}
    assert all(sample.image_id != first.id for sample in project.training_set().samples)
    with pytest.raises(NotFoundError):
        project.store.image(first.id)
    with pytest.raises(NotFoundError):
        project.store.face(1)
    [removed] = project.store.removed_images()
    assert (removed.name, removed.labels) == (first.name, 4)
    project.put_picture_back(first.id)
    assert labels(project) == kept
    assert project.originals.path(project.store.image(first.id)).is_file()
    assert project.store.removed_images() == []
    assert workspace.trash.size() == 0


def test_a_picture_comes_back_from_its_own_project_and_leaves_deleted_ones_whole(tmp_path: Path) -> None:
    workspace = workspace_with(tmp_path)
    copy_project(workspace, "terns", "copies")
    delete_project(workspace, "copies")
    project = workspace.open("terns")
    first = project.store.images()[0]
    remove_picture(project, first.id)
    assert project.put_picture_back(first.id).id == first.id
    remove_picture(project, first.id)
    [place] = workspace.trash.folder.glob("*/terns/images/*")
    place.unlink()
    with pytest.raises(NotFoundError, match="is not in the trash any more"):
        project.put_picture_back(first.id)
    workspace.put_back(workspace.trash.projects()[0].key)
    copies = workspace.open("copies")
    assert all((copies.images / picture.file_name).is_file() for picture in copies.store.images())


def test_a_picture_that_shows_the_same_as_another_one_is_not_lost_when_it_is_put_back(tmp_path: Path) -> None:
    project = make_project(tmp_path, pictures=0)
    for name in ("a", "b"):  # their pixels are stored without the words
        Image.new("RGB", (60, 40), (10, 200, 30)).save(tmp_path / f"{name}.tif", description=name)
        project.add_picture(tmp_path / f"{name}.tif")
    for removed in ([1], [1, 2]):
        for image in removed:
            remove_picture(project, image)
        for image in removed:
            picture = project.put_picture_back(image)
            assert picture.id == image
            assert (project.images / picture.file_name).is_file()
    assert len(project.store.images()) == 2


def test_a_picture_that_is_added_again_comes_back_even_after_the_trash_was_emptied(tmp_path: Path) -> None:
    workspace = workspace_with(tmp_path, pictures=0, labeled=0)
    project = workspace.open("terns")
    # One that was converted, and another one that gets its name meanwhile.
    source = write_picture(tmp_path / "in" / "a.webp", (60, 50))
    project.add_pictures([source])
    face = project.store.faces()[0].id
    label_face(project, face)
    kept, picture = labels(project), project.store.images()[0]
    remove_picture(project, picture.id)
    workspace.trash.empty()
    write_picture(tmp_path / "other" / "a.webp", (70, 40))
    project.add_pictures([tmp_path / "other"])
    with pytest.raises(NotFoundError, match="add the picture again"):
        project.put_picture_back(picture.id)
    report = project.add_pictures([source])
    assert (report.added, report.already) == (1, 0)
    assert labels(project)[face] == kept[face]
    assert len(project.store.images()) == 2
    assert project.originals.problem(project.store.image(picture.id)) is None


def test_a_picture_of_a_renamed_project_is_found_in_the_trash(tmp_path: Path) -> None:
    workspace = workspace_with(tmp_path)
    remove_picture(workspace.open("terns"), 2)
    rename_project(workspace, "terns", "gulls")
    workspace.open("gulls").put_picture_back(2)
    assert len(names(workspace.open("gulls"))) == 3


def test_a_picture_whose_file_is_gone_can_be_removed(tmp_path: Path) -> None:
    workspace = workspace_with(tmp_path)
    project = workspace.open("terns")
    (project.images / project.store.image(1).file_name).unlink()
    assert remove_picture(project, 1) is None
    assert project.progress().pictures == 2
