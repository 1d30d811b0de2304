"""An import that is taken back, labels that are replaced, and points of another tool that are proposals."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from labeler.cli.main import main
from labeler.errors import ConflictError, NotFoundError, StorageError
from labeler.pages.flags import flag_words
from labeler.pages.in_charge import proposers
from labeler.project.importer import ImportRecord
from labeler.project.project import Project
from labeler.project.workspace import Workspace
from labeler.runs.collect import collect_predictions
from labeler.storage.records import Point
from mdmd.data.records import Box
from mdmd.datasets.incoming import incoming
from mdmd.errors import DataError
from mdmd.formats.known import by_name
from tests.builders import SMALL, leave_predictions, predictions_of, write_picture

NAMES = SMALL.landmarks
ALL = dict(zip(NAMES, SMALL.ids, strict=True))
Keypoints = Sequence[float]


def keypoints(x: float, *, without: str = "") -> list[float]:
    """Four points on a square of 20 pixels whose left side is at `x`; none for the landmark `without`."""
    places = [(x, 10), (x + 20, 10), (x + 10, 20), (x + 10, 30)]
    return [
        n for name, place in zip(NAMES, places, strict=True) for n in ((0, 0, 0) if name == without else (*place, 2))
    ]


def coco(folder: Path, faces: Sequence[tuple[str, Keypoints]], **annotation: Any) -> Path:
    """A COCO file with these faces, by picture; the pictures are there."""
    names = list(dict.fromkeys(name for name, _ in faces))
    for name in names:
        if not (folder / name).is_file():
            write_picture(folder / name, (100, 60))
    record = {
        "images": [{"id": k, "file_name": name} for k, name in enumerate(names)],
        "annotations": [
            {"id": k, "image_id": names.index(name), "category_id": 1, "keypoints": list(points), **annotation}
            for k, (name, points) in enumerate(faces)
        ],
        "categories": [{"id": 1, "name": "face", "keypoints": list(NAMES)}],
    }
    folder.mkdir(exist_ok=True)
    (folder / "labels.json").write_text(json.dumps(record))
    return folder / "labels.json"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Workspace(tmp_path / "projects").create("apes", definition=SMALL)


def labels(project: Project, face: int) -> dict[str, tuple[float | None, float | None]]:
    points = project.store.points(face).get(face, {})
    return {name: (points[key].x, points[key].y) for name, key in ALL.items() if key in points}


def test_an_import_is_taken_back_as_a_whole(project: Project, tmp_path: Path) -> None:
    file = coco(tmp_path / "in", [("a.png", keypoints(10)), ("b.png", keypoints(20)), ("b.png", keypoints(60))])
    report = project.import_labels(file)
    assert (report.number, report.added, report.faces) == (1, 2, 3)
    taken = project.take_back_import()
    assert (taken.what.name, taken.what.title) == ("labels.json", "COCO keypoints")
    assert (taken.faces, taken.points, taken.removed, taken.kept) == (3, 12, 2, 0)
    assert project.store.images() == []
    assert project.progress().labeled_faces == 0


def test_what_was_taken_back_comes_in_again_and_can_be_taken_back_again(project: Project, tmp_path: Path) -> None:
    file = coco(tmp_path / "in", [("a.png", keypoints(10))])
    project.import_labels(file)
    project.take_back_import()
    assert project.import_labels(file).faces == 1
    [picture] = project.store.images()
    [face] = project.store.faces(picture.id)
    assert labels(project, face.id)["chin"] == (20, 30)
    assert project.take_back_import().removed == 1
    assert project.store.images() == []


def test_what_was_changed_since_stays(project: Project, tmp_path: Path) -> None:
    project.import_labels(coco(tmp_path / "in", [("a.png", keypoints(10)), ("b.png", keypoints(20))]))
    first, second = project.store.faces()
    project.store.edit_points(first.id, {ALL["nose"]: Point(21.0, 22.0, 2)})
    taken = project.take_back_import()
    assert (taken.faces, taken.points, taken.removed, taken.kept) == (2, 7, 1, 1)
    assert labels(project, first.id) == {"nose": (21, 22)}
    assert [picture.name for picture in project.store.images()] == ["a.png"]
    assert second.id not in project.store.points()


def test_labels_that_were_there_before_an_import_stay_when_it_is_taken_back(project: Project, tmp_path: Path) -> None:
    file = coco(tmp_path / "in", [("a.png", keypoints(10)), ("b.png", keypoints(20))])
    project.add_pictures([tmp_path / "in" / "a.png", tmp_path / "in" / "b.png"])
    face = project.store.faces()[0].id
    project.store.edit_points(face, {ALL["nose"]: Point(50.0, 50.0, 2)})
    report = project.import_labels(file)
    assert (report.added, report.already, report.faces) == (0, 1, 1)
    taken = project.take_back_import()
    assert (taken.faces, taken.removed, taken.kept) == (1, 0, 0)
    assert labels(project, face) == {"nose": (50, 50)}
    assert len(project.store.images()) == 2, "they were there before"
    assert [each.box for each in project.store.faces()] == [Box(0, 0, 100, 60)] * 2, "the whole picture"


def test_a_face_that_an_import_added_to_a_picture_goes_with_it(project: Project, tmp_path: Path) -> None:
    file = coco(tmp_path / "in", [("a.png", keypoints(10)), ("a.png", keypoints(60))])
    project.add_pictures([tmp_path / "in" / "a.png"])
    project.import_labels(file)
    assert len(project.store.faces()) == 2
    project.take_back_import()
    assert len(project.store.faces()) == 1
    assert project.store.points() == {}


def test_an_import_that_changes_nothing_cannot_be_taken_back(project: Project, tmp_path: Path) -> None:
    file = coco(tmp_path / "in", [("a.png", keypoints(10))])
    project.import_labels(file)
    assert project.import_labels(file).number is None
    project.take_back_import(1)
    with pytest.raises(NotFoundError, match="no import that can be taken back"):
        project.take_back_import()
    with pytest.raises(ConflictError, match=r"import 1 of labels\.json was taken back before"):
        project.take_back_import(1)
    with pytest.raises(NotFoundError, match="no import 7"):
        project.take_back_import(7)


def test_labels_that_are_there_are_replaced_if_that_is_asked_for_and_are_back_afterwards(
    project: Project, tmp_path: Path
) -> None:
    project.import_labels(coco(tmp_path / "in", [("a.png", keypoints(10)), ("a.png", keypoints(60))]))
    left, right = (face.id for face in project.store.faces())
    # The other tool lists the faces the other way round, has moved one and removed a point of the other.
    file = coco(tmp_path / "in", [("a.png", keypoints(62)), ("a.png", keypoints(10, without="chin"))])
    kept = project.import_labels(file)
    assert (kept.already, kept.replaced, kept.number) == (1, 0, None)
    report = project.import_labels(file, replace_labels=True)
    assert (report.already, report.faces, report.replaced, report.points) == (0, 2, 2, 4)
    assert labels(project, right) == {
        "eye_left": (62, 10),
        "eye_right": (82, 10),
        "nose": (72, 20),
        "chin": (72, 30),
    }
    assert labels(project, left).keys() == {"eye_left", "eye_right", "nose"}
    assert project.import_labels(file, replace_labels=True).number is None, "they are the same now"
    project.take_back_import()
    assert labels(project, right)["chin"] == (70, 30)
    assert labels(project, left)["chin"] == (20, 30)


def test_landmarks_that_a_file_does_not_have_keep_their_labels(project: Project, tmp_path: Path) -> None:
    project.import_labels(coco(tmp_path / "in", [("a.png", keypoints(10))]))
    record = json.loads((tmp_path / "in" / "labels.json").read_text())
    record["categories"][0]["keypoints"] = ["nose"]
    record["annotations"][0]["keypoints"] = [30, 31, 2]
    (tmp_path / "in" / "labels.json").write_text(json.dumps(record))
    report = project.import_labels(tmp_path / "in" / "labels.json", replace_labels=True)
    assert (report.replaced, report.points) == (1, 1)
    [face] = project.store.faces()
    assert labels(project, face.id) == {"eye_left": (10, 10), "eye_right": (30, 10), "nose": (30, 31), "chin": (20, 30)}


def test_points_of_another_tool_are_proposed_and_are_no_labels(project: Project, tmp_path: Path) -> None:
    file = coco(tmp_path / "in", [("a.png", keypoints(10)), ("b.png", keypoints(20, without="nose"))])
    report = project.import_labels(file, as_predictions=True)
    assert (report.added, report.faces, report.proposed) == (2, 0, 2)
    first, second = project.store.faces()
    proposed = project.proposed.of(first.id)
    assert proposed is not None
    assert (proposed.proposer.name, proposed.proposer.measured) == ("import 1", False)
    assert {key: (point.x, point.y) for key, point in proposed.points.items()} == {
        key: (x, y) for key, x, y in zip(SMALL.ids, (10, 30, 20, 20), (10, 10, 20, 30), strict=True)
    }
    assert not any(point.flagged for point in proposed.points.values())
    other = project.proposed.of(second.id)
    assert other is not None
    assert ALL["nose"] not in other.points
    assert project.store.points() == {}
    words = flag_words(project, "import 1")
    assert words is not None
    assert "it is not known how far points of another tool may be off" in words.rough
    assert ("import 1", "import 1, points of another tool") in proposers(project)
    assert project.exchange.labeled_set().samples == ()
    project.take_back_import()
    assert project.proposed.in_charge() == "carried"
    assert project.store.images() == []


def test_points_of_another_tool_go_to_the_faces_that_they_belong_to(project: Project, tmp_path: Path) -> None:
    project.import_labels(coco(tmp_path / "in", [("a.png", keypoints(10))]))
    file = coco(tmp_path / "in", [("a.png", keypoints(61)), ("a.png", keypoints(12))], score=0.9)
    report = project.import_labels(file, as_predictions=True)
    assert (report.faces, report.proposed) == (0, 1)
    labeled, found = project.store.faces()
    assert labels(project, labeled.id)["eye_left"] == (10, 10)
    assert project.proposed.of(labeled.id) is None
    proposed = project.proposed.of(found.id)
    assert proposed is not None
    assert proposed.points[ALL["eye_left"]].x == 61


def test_the_command_says_how_to_take_an_import_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def labeler(*words: str) -> int:
        return main(["--projects", str(tmp_path / "projects"), *words])

    Workspace(tmp_path / "projects").create("apes", definition=SMALL).close()
    file = str(coco(tmp_path / "in", [("a.png", keypoints(10))]))
    assert labeler("import", "apes", file, "--as-predictions") == 0
    said = capsys.readouterr().out
    assert "faces that show points of another tool as proposals: 1" in said
    assert "labeler take-back apes --import 1" in said
    assert labeler("import", "apes", file) == 0
    assert labeler("take-back", "apes") == 0
    said = capsys.readouterr().out
    assert "taken back: import 2 of labels.json (COCO keypoints)" in said
    assert "4 labels of 1 faces are as they were before it." in said
    assert labeler("take-back", "apes", "--import", "1") == 0
    assert "Pictures moved to the trash: 1." in capsys.readouterr().out
    assert labeler("take-back", "apes") == 2
    assert "there is no import that can be taken back in project 'apes'" in capsys.readouterr().err


def test_results_of_a_model_come_in_beside_the_export_that_they_were_made_for(project: Project, tmp_path: Path) -> None:
    project.import_labels(coco(tmp_path / "in", [("a.png", keypoints(10))]))
    project.add_pictures([write_picture(tmp_path / "b.png", (100, 60))])
    out = tmp_path / "out"
    project.exchange.export_set(by_name("coco"), out)
    record = json.loads((out / "annotations" / "person_keypoints_train.json").read_text())
    second = {"id": 2, "file_name": "b.png", "width": 100, "height": 60}
    (out / "labels.json").write_text(json.dumps({**record, "images": [*record["images"], second]}))
    results = [{"image_id": 2, "category_id": 1, "keypoints": keypoints(30), "score": 0.8}]
    (out / "results.json").write_text(json.dumps(results))
    report = project.import_labels(out / "results.json", folder=project.images)
    assert (report.added, report.faces, report.proposed) == (0, 0, 1)
    face = project.store.faces()[1].id
    proposed = project.proposed.of(face)
    assert proposed is not None
    assert proposed.points[ALL["nose"]].x == 40
    # Accepted, it is a label like others, of which nothing says that a model made it.
    project.store.edit_points(face, {key: Point(p.x, p.y, 2, "accepted") for key, p in proposed.points.items()})
    project.export(tmp_path / "all.json")
    exported = json.loads((tmp_path / "all.json").read_text())["annotations"][1]
    assert "score" not in exported
    assert exported["attributes"].get("source") is None


def test_an_import_whose_beginning_was_not_kept_is_begun_again(project: Project, tmp_path: Path) -> None:
    found = incoming(coco(tmp_path / "in", [("a.png", keypoints(10)), ("b.png", keypoints(20))]))
    record = ImportRecord(project.store, found)

    def begin() -> None:
        with project.store.transaction():
            record.begun()
            raise DataError("the disk is full")

    with pytest.raises(DataError, match="the disk is full"):
        begin()
    assert record.number is None
    picture, _ = project.add_picture(tmp_path / "in" / "b.png")
    record.note(picture.id, "new", [])
    assert record.number is not None
    assert project.store.imports.pictures(record.number) == [picture.id]


def test_an_import_that_is_taken_back_before_a_later_one_leaves_nothing(project: Project, tmp_path: Path) -> None:
    project.import_labels(coco(tmp_path / "in", [("a.png", keypoints(10))]))
    [face] = project.store.faces()
    project.store.edit_points(face.id, {ALL["nose"]: Point(50.0, 50.0, 2)})
    project.import_labels(coco(tmp_path / "in", [("a.png", keypoints(40, without="chin"))]), replace_labels=True)
    project.take_back_import(1)
    assert labels(project, face.id) == {"eye_left": (40, 10), "eye_right": (60, 10), "nose": (50, 20)}
    project.take_back_import(2)
    assert labels(project, face.id) == {"nose": (50, 50)}


def test_the_box_of_an_import_goes_with_it_although_points_were_changed_since(project: Project, tmp_path: Path) -> None:
    file = coco(tmp_path / "in", [("a.png", keypoints(10)), ("b.png", keypoints(10))])
    project.add_pictures([tmp_path / "in" / "a.png", tmp_path / "in" / "b.png"])
    project.import_labels(file)
    first, second = project.store.faces()
    assert first.box == Box(10, 10, 20, 20)
    for face in (first, second):
        project.store.edit_points(face.id, {ALL["nose"]: Point(21.0, 22.0, 2)})
    project.store.edit_box(second.id, Box(5, 5, 30, 30))
    project.take_back_import()
    assert [face.box for face in project.store.faces()] == [Box(0, 0, 100, 60), Box(5, 5, 30, 30)]
    assert labels(project, first.id) == {"nose": (21, 22)}


def test_a_picture_that_was_removed_before_comes_back_without_the_labels(project: Project, tmp_path: Path) -> None:
    project.import_labels(coco(tmp_path / "in", [("a.png", keypoints(10))]))
    [picture] = project.store.images()
    project.remove_picture(picture.id)
    assert project.take_back_import().points == 4
    project.put_picture_back(picture.id)
    assert project.store.points() == {}


def test_pictures_with_a_face_that_a_person_drew_or_labeled_blind_stay(project: Project, tmp_path: Path) -> None:
    names = ("a.png", "b.png", "c.png")
    project.import_labels(coco(tmp_path / "in", [(name, keypoints(10)) for name in names]))
    first, second, third = project.store.faces()
    project.store.add_face(first.image_id, Box(1, 1, 9, 9))
    blind = project.store.add_repeat(second.id)
    project.store.edit_points(blind, {ALL["nose"]: Point(21.0, 22.0, 2)})
    project.store.add_repeat(third.id)
    taken = project.take_back_import()
    assert (taken.removed, taken.kept) == (1, 2)
    assert [picture.name for picture in project.store.images()] == ["a.png", "b.png"]


def test_proposals_of_an_import_that_was_taken_back_are_never_in_charge_again(project: Project, tmp_path: Path) -> None:
    file = coco(tmp_path / "in", [("a.png", keypoints(10))])
    for _ in range(3):
        project.import_labels(file, as_predictions=True)
    project.take_back_import(2)
    project.take_back_import()
    assert project.proposed.in_charge() == "import 1"
    project.take_back_import()
    assert project.proposed.in_charge() == "carried"


def test_an_export_of_this_tool_comes_in_as_proposals_without_labels(project: Project, tmp_path: Path) -> None:
    project.import_labels(coco(tmp_path / "in", [("a.png", keypoints(10, without="chin")), ("b.png", keypoints(10))]))
    second = project.store.faces()[1].id
    project.store.edit_points(second, {key: Point(None, None, 0) for key in SMALL.ids[1:]})
    project.export(tmp_path / "out.json")
    other = Workspace(tmp_path / "projects").create("other", definition=SMALL)
    report = other.import_labels(tmp_path / "out.json", as_predictions=True)
    assert (report.faces, report.proposed) == (0, 2)
    assert other.store.points() == {}, "not even that a landmark is absent"


def test_taking_back_that_failed_goes_on_where_it_was(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.import_labels(coco(tmp_path / "in", [("a.png", keypoints(10)), ("b.png", keypoints(10))]))
    trashed = project.trash.take

    def full(file: Path) -> Path:
        if file.name == "b.png":
            raise StorageError("the disk is full")
        return trashed(file)

    monkeypatch.setattr(project.trash, "take", full)
    with pytest.raises(StorageError, match="the disk is full"):
        project.take_back_import()
    assert [picture.name for picture in project.store.images()] == ["b.png"]
    monkeypatch.undo()
    assert project.take_back_import().removed == 1
    assert project.store.images() == []


def test_a_picture_that_cannot_be_written_leaves_the_others_to_the_import(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = coco(tmp_path / "in", [("a.png", keypoints(10)), ("b.png", keypoints(10))])
    record = json.loads(file.read_text())
    file.write_text(json.dumps({**record, "licenses": [{"id": 1, "name": "BY"}]}))
    write, written = project.store.imports.add_actions, list[int]()

    def full_at_first(number: int, actions: Sequence[int]) -> None:
        written.append(number)
        if len(written) == 1:
            raise StorageError("the disk is full")
        write(number, actions)

    monkeypatch.setattr(project.store.imports, "add_actions", full_at_first)
    report = project.import_labels(file)
    assert report.refused == [("a.png", "the disk is full")]
    assert report.faces == 1
    assert [(one.id, one.pictures, one.labeled) for one in project.store.imports.all()] == [(report.number, 1, 1)]
    assert project.store.extras.of_sets() == [{"licenses": [{"id": 1, "name": "BY"}]}]


def test_a_file_whose_name_is_no_text_comes_in(project: Project, tmp_path: Path) -> None:
    file = coco(tmp_path / "in", [("a.png", keypoints(10))])
    odd = os.fsencode(file.parent) + b"/ape\xff.json"
    os.rename(file, odd)
    assert project.import_labels(Path(os.fsdecode(odd))).faces == 1
    assert project.store.imports.all()[0].name == "ape?.json"


def test_proposals_of_a_face_far_from_the_labeled_one_come_in_with_a_face_of_their_own(
    project: Project, tmp_path: Path
) -> None:
    project.import_labels(coco(tmp_path / "in", [("a.png", keypoints(10))]))
    file = coco(tmp_path / "in", [("a.png", keypoints(11)), ("a.png", keypoints(70))])
    record = json.loads(file.read_text())
    record["annotations"][1]["attributes"] = {"source": "predicted"}
    file.write_text(json.dumps(record))
    report = project.import_labels(file)
    assert (report.already, report.proposed) == (1, 1)
    _, found = project.store.faces()
    proposed = project.proposed.of(found.id)
    assert proposed is not None
    assert proposed.points[ALL["eye_left"]].x == 70


def test_a_picture_that_another_program_added_meanwhile_is_not_taken_back(project: Project, tmp_path: Path) -> None:
    found = incoming(coco(tmp_path / "in", [("a.png", keypoints(10, without="nose")), ("b.png", keypoints(10))]))
    add = project.intake.add

    def late(path: Path, **told: Any) -> Any:
        if path.name == "b.png":
            add(path)
        return add(path, **told)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(project.intake, "add", late)
        assert project.bring_in(found).added == 1
    assert project.take_back_import().removed == 1
    assert [picture.name for picture in project.store.images()] == ["b.png"]


def test_a_run_that_was_collected_since_is_in_charge_when_an_import_is_taken_back(
    project: Project, tmp_path: Path
) -> None:
    project.import_labels(coco(tmp_path / "in", [("a.png", keypoints(10))]))
    project.import_labels(coco(tmp_path / "in", [("b.png", keypoints(10))]), as_predictions=True)
    face = project.store.faces()[1].id
    leave_predictions(project, 1, predictions_of(project, [face]))
    collect_predictions(project)
    assert project.proposed.in_charge() == "import 2"
    project.take_back_import()
    assert project.proposed.in_charge() == "run 1"
