"""The labels that lie beside a folder of pictures."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from labeler.project.found_labels import labels_beside
from labeler.project.workspace import Workspace
from mdmd.data.coco import to_coco
from mdmd.data.definition import Definition
from tests.builders import CATEGORY, SMALL, write_picture
from tests.mdmd.formats.foreign import case


def coco(names: list[str], definition: Definition = SMALL) -> dict[str, Any]:
    """A COCO file with one face with all landmarks of `definition` on each picture."""
    n = len(definition.landmarks)
    return {
        **to_coco([], definition),
        "images": [{"id": k, "file_name": name, "width": 60, "height": 50} for k, name in enumerate(names)],
        "annotations": [
            {"id": k + 1, "image_id": k, "category_id": 1, "keypoints": [10 + k, 20, 2] * n} for k in range(len(names))
        ],
    }


def lay(root: Path, pictures: list[str], files: dict[str, Any]) -> None:
    for k, name in enumerate(pictures):
        write_picture(root / name, (60, 50), k)
    for name, record in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(record if isinstance(record, str) else json.dumps(record))


@pytest.mark.parametrize(
    ("file", "names"),
    [
        ("set/pictures/annotations.json", ["a.png", "b.png"]),
        ("set/pictures/annotations/labels.json", ["a.png", "b.png"]),
        ("set/annotations.json", ["pictures/a.png", "pictures/b.png"]),
        ("set/annotations.json", ["a.png", "b.png"]),
        ("set/annotations/instances.json", ["a.png", "b.png"]),
        ("set/annotations/instances.json", ["pictures/a.png", "pictures/b.png"]),
    ],
)
def test_labels_are_found_where_they_usually_lie_and_come_in(tmp_path: Path, file: str, names: list[str]) -> None:
    lay(tmp_path, ["set/pictures/a.png", "set/pictures/b.png", "set/other/c.png"], {file: coco(names)})
    folder = tmp_path / "set" / "pictures"
    beside = labels_beside(folder, None)
    [found] = beside.found
    assert (found.points, found.faces, found.images, beside.unusable) == (8, 2, 2, ())
    assert found.name == file.removeprefix("set/").removeprefix("pictures/")
    project = Workspace(tmp_path / "projects").create("terns")
    report = project.import_labels(found.file, folder=found.folder)
    assert (report.added, report.faces, report.points, report.refused) == (2, 2, 8, [])
    assert {picture.name for picture in project.store.images()} == set(names)


def test_only_the_pictures_of_the_named_folder_come_in(tmp_path: Path) -> None:
    names = ["train/a.png", "val/b.png", "train/gone.png"]
    lay(tmp_path, names[:2], {"annotations.json": coco(names)})
    [found] = labels_beside(tmp_path / "train", None).found
    assert (found.points, found.faces, found.images) == (4, 1, 1)
    project = Workspace(tmp_path / "projects").create("terns")
    report = project.import_labels(found.file, folder=found.folder)
    assert [picture.name for picture in project.store.images()] == ["train/a.png"]
    [(name, reason)] = report.refused
    assert name == "train/gone.png"
    assert "no such file" in reason


def test_several_files_are_listed_with_most_labels_first(tmp_path: Path) -> None:
    one, two = coco(["a.png"]), coco(["a.png", "b.png"])
    lay(tmp_path / "in", ["a.png", "b.png"], {"annotations.json": one, "more.json": two})
    assert [found.name for found in labels_beside(tmp_path / "in", None).found] == ["more.json", "annotations.json"]
    named = labels_beside(tmp_path / "in" / "annotations.json", None)
    assert [(found.name, found.points, found.folder) for found in named.found] == [("annotations.json", 4, None)]


def test_what_cannot_be_used_is_named_with_its_reason(tmp_path: Path) -> None:
    broken, other = coco(["a.png"]), coco(["a.png"])
    broken["annotations"][0]["keypoints"].pop()
    other["categories"] = [{**CATEGORY, "keypoints": [f"new_{name}" for name in CATEGORY["keypoints"]]}]
    empty, elsewhere = {**coco(["a.png"]), "annotations": []}, coco(["gone.png"])
    files = {"broken.json": broken, "elsewhere.json": elsewhere, "empty.json": empty, "other.json": other}
    lay(tmp_path / "in", ["a.png"], {**files, "notes.json": '{"images": 3}', "cut.json": json.dumps(broken)[:-9]})
    beside = labels_beside(tmp_path / "in", SMALL)
    assert beside.found == ()
    said = dict(beside.unusable)
    assert sorted(said) == ["broken.json", "cut.json", "elsewhere.json", "empty.json", "other.json"]
    assert "found 11 keypoint numbers, wanted 12" in said["broken.json"]
    assert "is not JSON" in said["cut.json"]
    assert said["elsewhere.json"] == said["empty.json"]
    assert said["empty.json"] == "it holds no label of a picture that is there"
    assert "have other names" in said["other.json"]


def test_links_pipes_and_hidden_files_are_passed_over(tmp_path: Path) -> None:
    lay(tmp_path, ["in/a.png", "away/a.png"], {"away/annotations.json": coco(["a.png"])})
    (tmp_path / "in" / "linked.json").symlink_to(tmp_path / "away" / "annotations.json")
    (tmp_path / "in" / ".hidden.json").write_text(json.dumps(coco(["a.png"])))
    os.mkfifo(tmp_path / "in" / "pipe.json")
    (tmp_path / "in" / "nothing.json").touch()
    beside = labels_beside(tmp_path / "in", None)
    assert (beside.found, beside.unusable) == ((), ())


def test_a_picture_that_is_a_link_out_of_the_folder_does_not_come_in(tmp_path: Path) -> None:
    lay(tmp_path, ["away/a.png", "in/b.png"], {"in/annotations.json": coco(["a.png", "b.png"])})
    (tmp_path / "in" / "a.png").symlink_to(tmp_path / "away" / "a.png")
    [found] = labels_beside(tmp_path / "in", None).found
    assert (found.points, found.images) == (4, 1)


def test_labels_of_another_tool_in_the_folder_are_named_with_the_way_to_bring_them_in(tmp_path: Path) -> None:
    folder = case("yolo_pose", tmp_path / "yolo")
    beside = labels_beside(folder, None)
    assert beside.found == ()
    [(name, why)] = beside.unusable
    assert (name, why) == (
        folder.name,
        "they are YOLO-pose; bring them in under “Labels of another tool” of the project, or with labeler import",
    )
