"""Projects: making, opening, bringing pictures in, progress, snapshots, export and import."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labeler.errors import NotFoundError, StorageError
from labeler.project.project import Project
from labeler.project.settings import Settings
from labeler.project.workspace import Workspace
from labeler.runs.collect import collect_predictions
from labeler.server.face_actions import FaceActions
from labeler.storage.records import Picture, Point
from mdmd.data.coco import read_coco
from mdmd.data.definition import Definition, load_definition
from mdmd.data.records import Box
from mdmd.errors import DataError
from tests.builders import (
    CATEGORY,
    MIDLINE,
    SMALL,
    label_face,
    leave_predictions,
    make_project,
    predictions_of,
    write_picture,
)
from tests.labeler.guidance.test_carried_points import base_points, still


@pytest.mark.parametrize("name", ["monkeys", "Äffchen 1", "顔-2", "हिन्दी", "a" * 60])
def test_a_project_can_be_called_in_any_script(tmp_path: Path, name: str):
    workspace = Workspace(tmp_path)
    project = workspace.create(name)
    assert workspace.names() == [name]
    assert workspace.open(name) is project
    assert Workspace(tmp_path).open(name).settings == Settings(tolerance=0.1, threshold=None)


def test_settings_become_options_and_outlive_the_process(tmp_path: Path):
    project = make_project(tmp_path)
    assert project.settings.options == ["--tolerance", "0.1"]
    (project.folder / "project.json").write_text('{"format": 1, "tolerance": 0.05, "threshold": 0.2}')
    settings = Workspace(project.folder.parent).open(project.name).settings
    assert settings.options == ["--tolerance", "0.05", "--threshold", "0.2"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "1 to 60 characters, found 0"),
        ("a" * 61, "found 61"),
        ("../up", "found '.'"),
        (".sources", "found '.'"),
        ("a/b", "found '/'"),
        ("<b>", "found '<'"),
        (" a", "neither starts nor ends with a space"),
        ("a\n", "found '\\\\n'"),
    ],
)
def test_a_name_that_cannot_be_used_is_refused_and_makes_nothing(tmp_path: Path, name: str, said: str):
    workspace = Workspace(tmp_path / "projects")
    with pytest.raises(DataError, match=said):
        workspace.create(name)
    with pytest.raises(NotFoundError):
        workspace.open(name)
    assert not (tmp_path / "projects").exists()


def test_a_taken_name_is_refused_whatever_its_case(tmp_path: Path):
    workspace = Workspace(tmp_path)
    workspace.create("Monkeys")
    with pytest.raises(DataError, match="already a project named 'monkeys'"):
        workspace.create("monkeys")
    assert workspace.names() == ["Monkeys"]


def test_a_project_that_stays_empty_is_removed_while_others_look(tmp_path: Path):
    workspace, done = Workspace(tmp_path), threading.Event()

    def look() -> None:
        while not done.is_set():
            for name in workspace.names():
                with contextlib.suppress(DataError):
                    workspace.open(name).progress()

    with ThreadPoolExecutor(2) as others:
        looking = [others.submit(look) for _ in range(2)]
        try:
            for _ in range(30):
                with workspace.making("lemurs"):
                    pass
                assert list(tmp_path.iterdir()) == []
        finally:
            done.set()
        for each in looking:
            each.result()
    workspace.create("lemurs")


def test_opening_says_which_projects_there_are(tmp_path: Path):
    workspace = Workspace(tmp_path)
    with pytest.raises(NotFoundError, match=r"no project named 'a'.*none yet"):
        workspace.open("a")
    workspace.create("b")
    with pytest.raises(NotFoundError, match=r"there are: b\)"):
        workspace.open("a")


def test_a_project_that_was_replaced_is_opened_anew(tmp_path: Path):
    project = make_project(tmp_path, pictures=1, labeled=1)
    workspace = Workspace(tmp_path / "projects")
    opened = workspace.open("faces")
    assert workspace.open("faces") is opened
    project.store.close()
    shutil.copytree(project.folder, tmp_path / "backup")
    shutil.rmtree(project.folder)
    shutil.copytree(tmp_path / "backup", project.folder)
    again = workspace.open("faces")
    assert again is not opened
    again.store.edit_points(1, {1: Point(7, 7, 2)})
    assert Workspace(tmp_path / "projects").open("faces").store.points(1)[1][1] == Point(7, 7, 2)
    with pytest.raises(StorageError):
        opened.store.edit_points(1, {1: Point(8, 8, 2)})


def test_a_project_without_its_labels_is_not_opened_as_an_empty_one(tmp_path: Path):
    project = make_project(tmp_path, labeled=1)
    project.store.close()
    (project.folder / "labels.db").unlink()
    with pytest.raises(DataError, match=r"labels\.db is missing"):
        Workspace(project.folder.parent).open(project.name)
    assert not (project.folder / "labels.db").exists()


def test_a_spoiled_description_is_one_sentence(tmp_path: Path):
    project = make_project(tmp_path)
    for text, said in (
        ("{", "not a project's description"),
        ('{"format": 2, "tolerance": 1, "threshold": 1}', "update"),
    ):
        (project.folder / "project.json").write_text(text)
        with pytest.raises(DataError, match=said):
            Workspace(project.folder.parent).open(project.name)


def test_bad_pictures_keep_no_good_one_out(tmp_path: Path):
    project = make_project(tmp_path, pictures=0)
    folder = tmp_path / "new"
    write_picture(folder / "a.png")
    write_picture(folder / "z.png")
    (folder / "m.jpg").write_text("text")
    report = project.add_pictures([folder])
    assert (report.added, report.already) == (2, 0)
    assert [name for name, _ in report.refused] == ["m.jpg"]
    assert [picture.name for picture in project.store.images()] == ["a.png", "z.png"]
    assert sorted(path.name for path in project.images.iterdir()) == ["a.png", "z.png"]


def test_the_report_of_adding_pictures_says_what_did_not_come_in(tmp_path: Path):
    project = make_project(tmp_path, pictures=0)
    write_picture(tmp_path / "in" / "a.jfif")
    (tmp_path / "in" / "notes.txt").write_text("text")
    report = project.add_pictures([tmp_path / "in"])
    assert (report.added, report.complete, report.nothing) == (1, True, False)
    assert [each.words for each in report.skipped] == ["1 .txt file"]
    frames = [Image.new("RGB", (32, 32), color) for color in ("red", "blue")]
    for name, complete in (("moving.gif", True), ("pages.tif", False)):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
        report = project.add_pictures([tmp_path / name])
        assert (report.added, report.complete) == (1, complete)
        assert [each.names for each in report.skipped] == [(name,)]
    (tmp_path / "b.psd").write_text("psd")
    report = project.add_pictures([tmp_path / "b.psd"])
    assert (report.complete, report.nothing) == (False, True)
    (tmp_path / "empty").mkdir()
    assert project.add_pictures([tmp_path / "empty"]).nothing


ORIGINALS = ("s1/100% a#1?.jpg", "s1/face.jpg", "s2/deep/face.jpg", "top.jpg")


def with_folders(tmp_path: Path) -> Project:
    """A project with a folder of pictures added, all labeled."""
    project = make_project(tmp_path, pictures=0)
    for k, name in enumerate(ORIGINALS):
        write_picture(tmp_path / "in" / name, color=(60 * k, 0, 0))
    project.add_pictures([tmp_path / "in"])
    for face in project.store.faces():
        label_face(project, face.id)
    return project


def test_original_names_are_kept_and_given_back(tmp_path: Path):
    project = with_folders(tmp_path)
    pictures = project.store.images()
    assert [picture.name for picture in pictures] == list(ORIGINALS)
    assert [picture.file_name for picture in pictures] == ["100_ a_1_.jpg", "face.jpg", "face-2.jpg", "top.jpg"]
    assert FaceActions(project).view(2)["picture"]["name"] == "s1/face.jpg"
    project.export(tmp_path / "out" / "labels.json")
    images = json.loads((tmp_path / "out" / "labels.json").read_text())["images"]
    assert [image.get("original_name") for image in images] == [*ORIGINALS[:3], None]
    assert [image["file_name"] for image in images] == [picture.file_name for picture in pictures]
    elsewhere = Workspace(tmp_path / "projects").create("elsewhere")
    assert elsewhere.import_labels(tmp_path / "out" / "labels.json").taken == 4
    assert [picture.name for picture in elsewhere.store.images()] == list(ORIGINALS)
    for one, other in zip(pictures, elsewhere.store.images(), strict=True):
        same = (project.images / one.file_name).read_bytes() == (elsewhere.images / other.file_name).read_bytes()
        assert same, "two pictures of one name in two folders stay apart"
        assert project.store.points(one.id)[one.id].keys() == elsewhere.store.points(other.id)[other.id].keys()


def test_an_original_name_in_a_file_is_text_and_opens_nothing(tmp_path: Path):
    project = with_folders(tmp_path)
    project.export(tmp_path / "out" / "labels.json")
    coco = json.loads((tmp_path / "out" / "labels.json").read_text())
    secret = write_picture(tmp_path / "secret.jpg", color=(99, 99, 99))
    for image, name in zip(coco["images"], (str(secret), "../../secret.jpg", "s1/face.jpg", 7), strict=True):
        image["original_name"] = name
    (tmp_path / "out" / "labels.json").write_text(json.dumps(coco))
    elsewhere = Workspace(tmp_path / "projects").create("elsewhere")
    elsewhere.import_labels(tmp_path / "out" / "labels.json")
    names = [picture.name for picture in elsewhere.store.images()]
    assert names == [str(secret), "../../secret.jpg", "s1/face.jpg", "7"]
    stored = {path.read_bytes() for path in elsewhere.images.iterdir()}
    assert stored == {path.read_bytes() for path in project.images.iterdir()}
    assert secret.read_bytes() not in stored
    coco["images"][0]["original_name"] = "a\nb"
    (tmp_path / "out" / "labels.json").write_text(json.dumps(coco))
    [(_, why)] = elsewhere.import_labels(tmp_path / "out" / "labels.json").refused
    assert why.startswith(r"original_name is 'a\nb', which holds the character")


def test_of_a_long_path_the_end_is_kept(tmp_path: Path):
    folder = tmp_path.joinpath(*("d" * 200 for _ in range(3)))
    write_picture(folder / "face.png")
    project = make_project(tmp_path / "made", pictures=0)
    project.add_pictures([tmp_path])
    [picture] = project.store.images()
    assert len(picture.name) == 500
    assert picture.name.endswith("d/face.png")


def test_the_same_bytes_come_in_once_whatever_they_are_called(tmp_path: Path):
    project = make_project(tmp_path, pictures=0)
    first = write_picture(tmp_path / "a.png")
    second = Path(shutil.copy(first, tmp_path / "b.png"))
    assert project.add_pictures([first, second]).already == 1
    assert project.add_pictures([second]).already == 1
    assert len(list(project.images.iterdir())) == len(project.store.images()) == 1


def test_progress_counts_what_persons_and_models_have_done(tmp_path: Path):
    project = make_project(tmp_path, pictures=5, labeled=2)
    faces = [face.id for face in project.store.faces()]
    label_face(project, faces[2], [1, 2])
    project.store.edit_points(faces[3], {1: Point(None, None, 0)})
    leave_predictions(project, 1, predictions_of(project, faces[2:], p_off=0.5))
    collect_predictions(project)
    progress = project.progress()
    assert (progress.pictures, progress.faces) == (5, 5)
    assert (progress.labeled_pictures, progress.labeled_faces, progress.complete_faces) == (3, 3, 2)
    assert (progress.training_pictures, progress.training_faces) == (3, 3)
    assert progress.points == 10
    assert (progress.predicted_faces, progress.flagged_points, progress.faces_to_go) == (3, 2 + 3 + 4, 3)


def test_snapshots_carry_store_ids_and_no_prediction(tmp_path: Path):
    project = make_project(tmp_path, pictures=4, labeled=2)
    extra = project.store.add_face(2, Box(1, 2, 30, 20))
    label_face(project, extra, [3])
    faces = [face.id for face in project.store.faces()]
    leave_predictions(project, 1, predictions_of(project, faces))
    collect_predictions(project)
    training = project.training_set()
    assert [(s.image_id, s.face_id) for s in training.samples] == [(1, 1), (2, 2), (2, extra)]
    assert [int(s.annotation.labeled.sum()) for s in training.samples if s.annotation] == [4, 4, 1]
    waiting = project.unlabeled_faces()
    assert [s.face_id for s in waiting.samples] == [extra, 3, 4]
    assert [s.annotation is None for s in waiting.samples] == [False, True, True]


def test_a_missing_box_is_put_around_the_labels_to_train_on(tmp_path: Path):
    project = make_project(tmp_path, pictures=4)  # 64 x 48 pixels each
    places = {1: (20.0, 10.0), 2: (40.0, 10.0), 3: (30.0, 20.0), 4: (30.0, 30.0)}
    for face in (1, 2):
        project.store.edit_points(face, {key: Point(*place, 2) for key, place in places.items()})
    project.store.edit_points(3, {1: Point(20.0, 10.0, 2), 2: Point(40.0, 10.0, 2)})  # half of the landmarks
    project.store.edit_box(2, Box(5, 5, 50, 40))
    around, drawn, partly = (sample.box for sample in project.training_set().samples)
    assert (around.x, around.y, around.w, around.h) == pytest.approx((17, 7, 26, 26))  # 20 pixels, 1.3 times as long
    assert (drawn, partly) == (Box(5, 5, 50, 40), Box(0, 0, 64, 48))
    assert [sample.box for sample in project.unlabeled_faces().samples] == [Box(0, 0, 64, 48)] * 2
    assert project.store.face(1).box == Box(0, 0, 64, 48)
    project.export(tmp_path / "out.json")
    records = json.loads((tmp_path / "out.json").read_text())["annotations"]
    assert [record["bbox"] for record in records] == [[17, 7, 26, 26], [5, 5, 50, 40], [0, 0, 64, 48]]
    assert [record["area"] for record in records] == pytest.approx([26 * 26, 50 * 40, 64 * 48])
    assert [record["attributes"].get("box") for record in records] == ["labels", None, "picture"]


def test_a_face_with_few_labels_and_no_drawn_box_has_the_one_in_which_a_base_found_it(tmp_path: Path):
    project = make_project(tmp_path, pictures=3)  # 64 x 48 pixels each
    base_points(project, dict.fromkeys((1, 2), still))
    [seen, other] = [project.bases.points("starter-1")[face] for face in (1, 2)]
    found = {1: replace(seen, box=Box(10, 5, 30, 30)), 2: replace(other, box=Box(1, 2, 20, 20))}
    project.bases.add("starter-1", load_definition("300w").to_category(), found)
    for face in (1, 2, 3):
        project.store.edit_points(face, {1: Point(20.0, 10.0, 2), 2: Point(None, None, 0)})
    project.store.edit_box(2, Box(5, 5, 50, 40))
    assert [sample.box for sample in project.training_set().samples] == [
        Box(10, 5, 30, 30),
        Box(5, 5, 50, 40),
        Box(0, 0, 64, 48),
    ]
    project.export(tmp_path / "out.json")
    records = json.loads((tmp_path / "out.json").read_text())["annotations"]
    assert [record["attributes"].get("box") for record in records] == ["base", None, "picture"]
    names = project.index.must_define().landmarks
    assert [record["attributes"]["absent"] for record in records] == [[names[1]]] * 3


def test_a_skipped_face_is_left_out_everywhere_until_it_is_taken_in_again(tmp_path: Path):
    project = make_project(tmp_path, pictures=4, labeled=2)
    leave_predictions(project, 1, predictions_of(project, [3], p_off=0.5))
    collect_predictions(project)
    for face in (1, 3, 4):
        project.store.set_skip(face, "not a face")
    progress = project.progress()
    assert (progress.pictures, progress.faces, progress.skipped_faces) == (4, 1, 3)
    assert (progress.complete_faces, progress.faces_to_go, progress.labeled_faces, progress.points) == (1, 0, 1, 4)
    assert (progress.predicted_faces, progress.flagged_points, progress.training_faces) == (0, 0, 1)
    assert [s.face_id for s in project.training_set().samples] == [2]
    assert project.unlabeled_faces().samples == ()
    assert project.export(tmp_path / "x.json").faces == 1
    assert len(project.store.points(1)[1]) == 4
    project.store.set_skip(1, None)
    project.store.set_skip(4, None)
    assert [s.face_id for s in project.training_set().samples] == [1, 2]
    assert [s.face_id for s in project.unlabeled_faces().samples] == [4]
    assert project.export(tmp_path / "x.json").faces == 2


def test_training_needs_a_definition(tmp_path: Path):
    project = make_project(tmp_path, definition=None)
    for use in (project.training_set, project.unlabeled_faces, lambda: project.export(tmp_path / "x.json")):
        with pytest.raises(DataError, match="no landmarks defined"):
            use()


def test_an_accepted_point_is_exported_with_the_covariance_of_the_run_that_proposed_it(tmp_path: Path):
    project = make_project(tmp_path, pictures=1)
    leave_predictions(project, 1, predictions_of(project, [1]))
    collect_predictions(project)
    actions = FaceActions(project)
    actions.accept(1)
    actions.set_points(1, [{"id": 2, "x": 7.0, "y": 9.0, "v": 2}], source="corrected")
    other = predictions_of(project, [1])
    for number in (0, 4, 6, 9):  # the second landmark where it was corrected to, the others elsewhere
        other["annotations"][0]["keypoints"][number] += 1
    other["annotations"][0]["attributes"]["covariance"] = [[5.0, 0.0, 5.0]] * 4
    leave_predictions(project, 2, other)
    collect_predictions(project)
    project.export(tmp_path / "x.json")
    [record] = json.loads((tmp_path / "x.json").read_text())["annotations"]
    assert record["attributes"]["covariance"] == [[4, 1, 9], None, [4, 1, 9], [4, 1, 9]]


def test_an_export_is_ascii_for_readers_of_any_encoding(tmp_path: Path):
    project = Workspace(tmp_path / "projects").create("顔", definition=SMALL)
    project.add_pictures([write_picture(tmp_path / "in" / "ünï.png")])
    label_face(project, 1)
    project.export(tmp_path / "x.json")
    coco = json.loads((tmp_path / "x.json").read_text(encoding="ascii"))
    assert (coco["images"][0]["file_name"], coco["info"]["project"]) == ("ünï.png", "顔")


def test_the_export_reads_back_as_it_was_labeled_from_anywhere(tmp_path: Path):
    project = make_project(tmp_path, pictures=3, labeled=1)
    project.store.edit_points(2, {1: Point(3.125, 4.0625, 1), 2: Point(None, None, 0)})
    for out in (tmp_path / "x.json", tmp_path / "deep" / "er" / "x.json", project.folder / "x.json"):
        report = project.export(out)
        assert (report.path, report.images, report.faces, report.points) == (out, 2, 2, 5)
        dataset = read_coco(out)
        assert [s.path.resolve() for s in dataset.samples] == [
            (project.images / p.file_name).resolve() for p in project.store.images()[:2]
        ]
        partial = dataset.samples[1].annotation
        assert partial is not None
        np.testing.assert_array_equal(partial.visibility, [1, 0, 0, 0])
        np.testing.assert_array_equal(partial.points[0], [3.125, 4.0625])
    info = json.loads((tmp_path / "x.json").read_text())["info"]
    assert (info["project"], info["definition_version"], info["image_folder"]) == ("faces", 1, "projects/faces/images")
    assert project.export(tmp_path / "x.json", only="complete").faces == 1


def test_an_unreviewed_prediction_is_not_exported_and_an_accepted_one_says_so(tmp_path: Path):
    project = make_project(tmp_path, pictures=2, labeled=1)
    leave_predictions(project, 1, predictions_of(project, [1, 2]))
    collect_predictions(project)
    assert project.export(tmp_path / "x.json").faces == 1
    actions = FaceActions(project)
    actions.accept(2, [1, 4], annotator="ana")
    actions.set_points(2, [{"id": 2, "x": 1, "y": 1, "v": 2}], source="corrected", annotator="ben")
    project.export(tmp_path / "x.json")
    record = json.loads((tmp_path / "x.json").read_text())["annotations"][1]
    assert record["keypoints"] == [6, 7, 2, 1, 1, 2, 0, 0, 0, 9, 10, 2]
    assert record["attributes"] == {
        "sources": {"accepted_rest": 2, "corrected": 1},
        "point_sources": ["accepted_rest", "corrected", None, "accepted_rest"],
        "annotators": ["ana", "ben"],
        "box": "labels",
        "covariance": [[4, 1, 9], None, None, [4, 1, 9]],
    }


def test_a_refused_export_leaves_the_old_file(tmp_path: Path):
    project = make_project(tmp_path)
    out = tmp_path / "x.json"
    out.write_text("old")
    with pytest.raises(DataError, match="nothing to export"):
        project.export(out)
    label_face(project, 1, [1])
    with pytest.raises(DataError, match="completely labeled"):
        project.export(out, only="complete")
    with pytest.raises(DataError, match="is a folder"):
        project.export(tmp_path)
    with pytest.raises(DataError, match="cannot write"):
        project.export(out / "below.json")
    assert out.read_text() == "old"
    assert [path.name for path in tmp_path.glob(".*.partial")] == []


def test_an_export_imports_into_an_empty_project_and_a_second_time_changes_nothing(tmp_path: Path):
    project = make_project(tmp_path, pictures=3, labeled=1)
    second = project.store.add_face(1, Box(5, 6, 20, 21))
    label_face(project, second, [2])
    project.export(tmp_path / "x.json")
    other = Workspace(tmp_path / "projects").create("other")
    report = other.import_labels(tmp_path / "x.json")
    assert (report.added, report.faces, report.points, report.already, report.refused) == (1, 2, 5, 0, [])
    assert other.definition is not None
    assert other.definition.landmarks == SMALL.landmarks
    assert other.store.faces()[1].box == Box(5, 6, 20, 21)
    before = other.store.points()
    again = other.import_labels(tmp_path / "x.json")
    assert (again.added, again.faces, again.already) == (0, 0, 1)
    assert other.store.points() == before


def test_a_symmetric_definition_stays_so_in_training_sets_exports_and_imports(tmp_path: Path):
    project = make_project(tmp_path, labeled=1, definition=MIDLINE)
    assert project.training_set().definition.symmetric
    project.export(tmp_path / "x.json")
    other = Workspace(tmp_path / "projects").create("other")
    other.import_labels(tmp_path / "x.json")
    assert other.definition is not None
    assert other.definition.symmetric


def test_what_a_person_said_of_points_comes_back_with_an_export(tmp_path: Path):
    project = make_project(tmp_path, pictures=1)
    project.store.edit_points(1, {1: Point(1, 2, 2), 2: Point(3, 4, 2, "accepted_unseen"), 3: Point(None, None, 0)})
    project.export(tmp_path / "x.json")
    other = Workspace(tmp_path / "projects").create("other")
    assert other.import_labels(tmp_path / "x.json").points == 2
    assert other.store.points() == {
        1: {
            1: Point(1, 2, 2, "imported"),
            2: Point(3, 4, 2, "accepted_unseen"),
            3: Point(None, None, 0, "imported"),
        }
    }


@pytest.mark.parametrize("spoiled", [7, {}, {"point_sources": "placed"}, {"point_sources": [1, 2, 3, 4]}])
def test_sources_that_are_none_are_passed_over(tmp_path: Path, spoiled: object):
    path = coco_file(tmp_path / "set")
    record = json.loads(path.read_text())
    record["annotations"][0]["attributes"] = spoiled
    path.write_text(json.dumps(record))
    project = make_project(tmp_path, pictures=0)
    assert project.import_labels(path).points == 3


def test_a_projects_own_export_brings_in_no_picture_again(tmp_path: Path):
    """Pictures that were converted on their way in are known by what lies in the project, too."""
    project = make_project(tmp_path, pictures=1)
    project.add_pictures([write_picture(tmp_path / "in" / "clear.png", mode="RGBA", color=(9, 9, 9, 99))])
    label_face(project, 1)
    label_face(project, 2)
    project.export(tmp_path / "x.json")
    report = project.import_labels(tmp_path / "x.json")
    assert (report.added, report.faces, report.already) == (0, 0, 2)
    assert len(project.store.images()) == 2


def test_one_picture_under_two_numbers_keeps_all_its_faces(tmp_path: Path):
    path = coco_file(tmp_path / "set")
    record = json.loads(path.read_text())
    record["images"] += [{**record["images"][0], "id": number} for number in (20, 21, 22)]  # the last without a face
    first = record["annotations"][0]
    record["annotations"] += [
        {**first, "id": 8, "image_id": 20, "keypoints": [50, 2, 2] * 4, "bbox": [45, 1, 9, 9]},
        {**first, "id": 9, "image_id": 21, "keypoints": [20, 2, 2] * 4, "bbox": [15, 1, 9, 9]},
    ]
    path.write_text(json.dumps(record))
    project = make_project(tmp_path, pictures=0)
    report = project.import_labels(path)
    assert (report.added, report.faces, report.already) == (2, 3, 0)
    picture = next(p for p in project.store.images() if p.name == "a.png")
    faces = project.store.faces(picture.id)
    assert [face.box.x for face in faces] == [1, 45, 15]
    assert [project.store.points(face.id)[face.id][1].x for face in faces] == [1, 50, 20]
    again = project.import_labels(path)
    assert (again.faces, len(project.store.faces(picture.id))) == (0, 3)


def test_what_a_person_labels_during_an_import_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = coco_file(tmp_path / "set")
    project = make_project(tmp_path, pictures=0)
    project.add_pictures([tmp_path / "set" / "images" / "a.png"])
    person = Workspace(tmp_path / "projects").open("faces")
    find = project.store.image_by_hash

    def labeled_just_then(digest: str) -> Picture | None:
        if not person.store.points(1):
            person.store.edit_points(1, {1: Point(1.5, 2.5, 2)})
        return find(digest)

    monkeypatch.setattr(project.store, "image_by_hash", labeled_just_then)
    report = project.import_labels(path)
    assert (report.faces, report.already) == (0, 1)
    assert project.store.points(1)[1] == {1: Point(1.5, 2.5, 2)}
    assert project.store.face(1).box == Box(0, 0, 64, 48)


def test_a_picture_whose_labels_cannot_be_written_does_not_come_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = coco_file(tmp_path / "set")
    project = make_project(tmp_path, pictures=0, definition=None)

    def full(*args: object, **options: object) -> int:
        raise StorageError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(project.store, "edit_points", full)
        report = project.import_labels(path)
    assert ("a.png", "the disk is full") in report.refused
    assert [picture.name for picture in project.store.images()] == ["bare.png"]
    assert [file.name for file in project.images.iterdir()] == ["bare.png"]
    again = project.import_labels(path)
    assert (again.added, again.faces, again.points, again.already) == (1, 1, 3, 0)
    assert [version.version for version in project.store.definitions.all()] == [1]


@pytest.mark.skipif(sys.platform != "linux", reason="names are text on this system")
def test_a_name_that_is_no_text_is_shown_as_well_as_it_can_be(tmp_path: Path):
    project = make_project(tmp_path, pictures=0)
    odd = write_picture(tmp_path / "in" / "a.png").rename(tmp_path / "in" / os.fsdecode(b"caf\xe9.png"))
    odd.with_name(os.fsdecode(b"no\xe9.png")).write_text("no picture")
    report = project.add_pictures([tmp_path / "in"])
    assert report.added == 1
    assert [name for name, _ in report.refused] == ["no\ufffd.png"]
    assert project.store.images()[0].name == "caf\ufffd.png"


def test_two_processes_may_add_one_picture_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    project = make_project(tmp_path, pictures=0)
    other = Workspace(tmp_path / "projects").open("faces")
    picture = write_picture(tmp_path / "in" / "a.png")
    find = project.store.image_by_hash
    monkeypatch.setattr(
        project.store, "image_by_hash", lambda digest: find(digest) or (other.add_picture(picture), None)[1]
    )
    assert project.add_picture(picture) == (other.store.image(1), False)
    assert [file.name for file in project.images.iterdir()] == [other.store.image(1).file_name]


def test_a_picture_without_faces_in_the_file_keeps_the_box_that_a_person_drew(tmp_path: Path):
    project = Workspace(tmp_path / "projects").create("mine", definition=SMALL)
    project.add_pictures([write_picture(tmp_path / "set" / "images" / "bare.png")])
    face = project.store.faces()[0].id
    project.store.edit_box(face, Box(10, 10, 20, 20))
    project.import_labels(coco_file(tmp_path / "set"))
    assert project.store.face(face).box == Box(10, 10, 20, 20)


def coco_file(folder: Path, **changes: object) -> Path:
    """A COCO file with a labeled picture, one without any face, one that is missing, and one of another size."""
    for name in ("a.png", "bare.png"):
        write_picture(folder / "images" / name)
    write_picture(folder / "images" / "turned.png", size=(48, 64), color=(9, 9, 9))
    names = ["a.png", "bare.png", "missing.png", "turned.png"]
    record = {
        "images": [
            {"id": 10 + k, "file_name": name, "width": 64, "height": 48, "split": "test" if k == 1 else "train"}
            for k, name in enumerate(names)
        ],
        "annotations": [
            {"id": 1, "image_id": 10, "keypoints": [1, 2, 2, 3, 4, 1, 0, 0, 0, 7, 8, 2], "bbox": [1, 1, 40, 30]},
            {"id": 2, "image_id": 12, "keypoints": [1, 2, 2, 3, 4, 1, 0, 0, 0, 7, 8, 2]},
            {"id": 3, "image_id": 13, "keypoints": [1, 2, 2, 3, 4, 1, 0, 0, 0, 7, 8, 2]},
        ],
        "categories": [CATEGORY],
        **changes,
    }
    path = folder / "annotations.json"
    path.write_text(json.dumps(record))
    return path


def test_an_import_takes_what_is_sound_and_names_what_is_not(tmp_path: Path):
    project = make_project(tmp_path, pictures=0)
    report = project.import_labels(coco_file(tmp_path / "set"))
    assert (report.added, report.faces, report.points) == (2, 1, 3)
    assert report.refused == [
        ("missing.png", "there is no such file"),
        ("turned.png", "the file says 64 x 48 pixels, but the picture has 48 x 64 when upright"),
    ]
    assert project.store.points() == {
        1: {1: Point(1, 2, 2, "imported"), 2: Point(3, 4, 1, "imported"), 4: Point(7, 8, 2, "imported")}
    }
    assert [(p.name, p.split) for p in project.store.images()] == [("a.png", "train"), ("bare.png", "test")]


def test_an_import_of_which_nothing_came_in_leaves_the_project_as_it_was(tmp_path: Path):
    project = make_project(tmp_path, pictures=0, definition=None)
    path = coco_file(tmp_path / "set")
    shutil.rmtree(tmp_path / "set" / "images")
    report = project.import_labels(path)
    assert (report.nothing, len(report.refused)) == (True, 4)
    assert project.definition is None
    assert project.store.images() == []


def test_pictures_without_labels_may_be_imported_again(tmp_path: Path):
    project = make_project(tmp_path, pictures=0)
    path = coco_file(tmp_path / "set", annotations=[])
    reports = [project.import_labels(path) for _ in range(2)]
    assert [(report.added, report.taken, report.nothing) for report in reports] == [(2, 2, False), (0, 2, False)]


@pytest.mark.parametrize("way", ["absolute folder", "folder above", "linked picture", "linked folder"])
def test_an_import_takes_no_picture_from_elsewhere_on_the_machine(tmp_path: Path, way: str):
    private = write_picture(tmp_path / "private" / "a.png")
    folders = {"absolute folder": str(private.parent), "folder above": "../private"}
    path = coco_file(tmp_path / "set", info={"image_folder": folders.get(way, "images")})
    (tmp_path / "set" / "images" / "a.png").unlink()
    if way == "linked picture":
        (tmp_path / "set" / "images" / "a.png").symlink_to(private)
    elif way == "linked folder":
        (tmp_path / "set" / "images").rename(tmp_path / "set" / "others")
        (tmp_path / "set" / "images").symlink_to(private.parent)
    project = make_project(tmp_path, pictures=0)
    report = project.import_labels(path)
    assert ("a.png", "the picture lies outside the folder of annotations.json; copy it there to import it") in (
        report.refused
    )
    assert "a.png" not in [picture.name for picture in project.store.images()]
    assert read_coco(path).samples[0].path.samefile(private)  # the command line trains on what its user names


def test_an_export_of_one_project_is_imported_by_another(tmp_path: Path):
    first = make_project(tmp_path, "first", pictures=2, labeled=2)
    written = first.export(first.folder / "exports" / "first.json")
    report = make_project(tmp_path, "second", pictures=0).import_labels(written.path)
    assert (report.added, report.faces, report.refused) == (2, 2, [])


def test_pictures_of_a_test_split_are_never_trained_on(tmp_path: Path):
    project = make_project(tmp_path, pictures=0)
    project.import_labels(coco_file(tmp_path / "set"))
    for face in project.store.faces():
        label_face(project, face.id)
    assert [s.file_name for s in project.training_set().samples] == ["a.png"]
    assert project.progress().training_faces == 1
    project.export(tmp_path / "x.json")
    assert [s.split for s in read_coco(tmp_path / "x.json").samples] == ["train", "test"]


def test_landmarks_are_matched_by_name_on_import(tmp_path: Path):
    project = make_project(tmp_path, pictures=0)
    names = CATEGORY["keypoints"][::-1]
    swapped = {**CATEGORY, "keypoints": names, "flsg": {"jaw": [0], "nose": [1], "right_eye": [2], "left_eye": [3]}}
    swapped |= {"flip_pairs": [[2, 3]], "skeleton": [], "normalizer": "box"}
    project.import_labels(coco_file(tmp_path / "set", categories=[swapped]))
    assert project.store.points()[1][4] == Point(1, 2, 2, "imported")
    assert project.store.points()[1][1] == Point(7, 8, 2, "imported")


def test_an_import_with_other_landmarks_changes_nothing(tmp_path: Path):
    project = make_project(tmp_path, pictures=1)
    other = {**CATEGORY, "keypoints": ["eye_left", "eye_right", "nose", "ear"]}
    with pytest.raises(DataError, match=r"only in the file are ear; only in the project are chin; .*--map chin=ear"):
        project.import_labels(coco_file(tmp_path / "set", categories=[other]))
    broken = coco_file(tmp_path / "set", annotations=[{"id": 1, "image_id": 99, "keypoints": [0] * 12}])
    assert len(project.store.images()) == 1
    assert ("annotation 1", "image 99 is not in the file") in project.import_labels(broken).refused
    assert project.store.points() == {}


def test_labels_are_imported_onto_a_picture_that_was_there_without_any(tmp_path: Path):
    path = coco_file(tmp_path / "set")
    project = make_project(tmp_path, pictures=0)
    project.add_pictures([tmp_path / "set" / "images" / "a.png"])
    report = project.import_labels(path)
    assert (report.added, report.faces) == (1, 1)
    assert project.store.faces(1)[0].box == Box(1, 1, 40, 30)
    assert project.store.points()[1][1] == Point(1, 2, 2, "imported")


def test_a_definition_given_at_creation_is_the_first_version(tmp_path: Path):
    project = Workspace(tmp_path).create("a", definition=Definition.from_category(CATEGORY))
    saved = project.store.definitions.newest()
    assert saved is not None
    assert (saved.version, saved.category["landmark_ids"]) == (1, [1, 2, 3, 4])


def test_settings_that_another_process_changes_are_seen_and_kept(tmp_path: Path):
    project = make_project(tmp_path, pictures=1)
    beside = Project(project.folder)  # as the command line opens it
    beside.change_settings(subjects="{subject}_*")
    project.change_settings(learns=False)
    assert (project.settings.subjects, project.settings.learns) == ("{subject}_*", False)
    assert beside.settings == project.settings
    (project.folder / "project.json").write_text("{")
    assert project.settings.learns is False
    beside.close()
