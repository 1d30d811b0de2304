"""What comes in from other tools: pictures, names, landmarks that are matched, and what is left out."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from labeler.cli.main import main
from labeler.pictures.subjects import SubjectRule
from labeler.project.workspace import Workspace
from mdmd.data.definition import GROUPS
from mdmd.data.records import Box
from mdmd.datasets.incoming import incoming
from mdmd.datasets.matching import Match, exactly, matched, suggested
from mdmd.errors import DataError
from tests.builders import SMALL, write_picture
from tests.mdmd.formats.foreign import PICTURES, TRUTH, case

NAMES = SMALL.landmarks
#: The cases whose formats do not tell hidden points from visible ones.
WITHOUT_HIDDEN = {
    *("dlc", "dlib_imglab", "label_studio", "label_studio_min", "label_studio_sleapio", "lightning_pose"),
    *("menpo_ljson", "menpo_pts", "sleap", "sleap_pkg", "tpsdig"),
}


def labeler(tmp_path: Path, *words: str) -> int:
    return main(["--projects", str(tmp_path / "projects"), *words])


def foreign(folder: Path, names: list[str], **category: Any) -> Path:
    """A COCO file without groups, with one face on one picture."""
    write_picture(folder / "a.png", (60, 50))
    points = [number for k in range(len(names)) for number in (k, k, 2)]
    record = {
        "images": [{"id": 1, "file_name": "a.png"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "keypoints": points, "bbox": [0, 0, 9, 9]}],
        "categories": [{"id": 1, "name": "head", "keypoints": names, **category}],
    }
    (folder / "labels.json").write_text(json.dumps(record))
    return folder / "labels.json"


def labels_of_first(tmp_path: Path, name: str) -> dict[str, tuple[float | None, float | None]]:
    project = Workspace(tmp_path / "projects").open(name)
    definition = project.index.definition
    assert definition is not None
    names = dict(zip(definition.ids, definition.landmarks, strict=True))
    return {names[key]: (point.x, point.y) for key, point in project.store.points()[1].items()}


@pytest.mark.parametrize("name", [*(name for name in PICTURES if name != "coco_flsg"), "sleap_pkg"])
def test_a_set_of_another_tool_comes_into_a_project_with_the_same_names(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if name.startswith("sleap"):
        pytest.importorskip("sleap_io", reason="sleap-io is optional")
    place = case(name, tmp_path / "set")
    assert labeler(tmp_path, "new", "faces", "--definition", "animweb") == 0
    assert labeler(tmp_path, "import", "faces", str(place), *(["--one-based"] if name == "menpo_pts" else [])) == 0
    # menpo has no .pts for the face of which a point is missing.
    came = "2 added, 0 unchanged because they have labels; labeled: 2 faces, 18 points; refused: 0"
    if name != "menpo_pts":
        came = "3 added, 0 unchanged because they have labels; labeled: 3 faces, 26 points; refused: 0"
    assert f"pictures: {came}" in capsys.readouterr().out
    project = Workspace(tmp_path / "projects").open("faces")
    definition = project.index.definition
    assert definition is not None
    order = [definition.ids[definition.landmarks.index(landmark)] for landmark in TRUTH["names"]]
    for picture in project.store.images():
        [face] = project.store.faces(picture.id)
        points = project.store.points(face.id)[face.id]
        true = TRUTH["points"][f"{picture.name.rpartition('/')[2].split('.')[0].removesuffix('_jpg')}.jpg"]
        for key, (x, y, v) in zip(order, true, strict=True):
            assert (points[key].v if key in points else 0) == (2 if v == 1 and name in WITHOUT_HIDDEN else v)
            if v:
                within = 0.5 if name == "dlib_imglab" else 0.01
                assert (points[key].x, points[key].y) == pytest.approx((x, y), abs=within)


def test_a_new_project_takes_the_landmarks_of_a_definition(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = case("coco_plain", tmp_path / "set")
    assert labeler(tmp_path, "import", "faces", str(place), "--definition", "animweb") == 0
    assert labeler(tmp_path, "import", "faces", str(place), "--definition", "animweb") == 2
    assert "has its own landmarks" in capsys.readouterr().err


def test_landmarks_are_matched_by_name_whatever_their_order(tmp_path: Path) -> None:
    assert matched(NAMES[::-1], SMALL, "a.json") == Match(SMALL.ids[::-1])
    more = matched([*NAMES, "ear"], SMALL, "a.json")
    assert more == Match((*SMALL.ids, None))
    assert more.words([*NAMES, "ear"], SMALL) == ["landmarks that the project does not have are left out: ear"]
    fewer = matched(NAMES[:3], SMALL, "a.json")
    assert fewer.words(NAMES[:3], SMALL) == ["landmarks that the file does not have stay without labels: chin"]


def test_names_that_have_nothing_in_common_are_matched_by_order_which_is_said(tmp_path: Path) -> None:
    theirs = ["l", "r", "n", "c"]
    match = matched(theirs, SMALL, "a.json", mirror=SMALL.mirror)
    assert match == Match(SMALL.ids, guessed=True)
    assert match.words(theirs, SMALL) == [
        "the names differ, so landmarks were matched by their order, which is a guess: eye_left=l, eye_right=r, "
        "nose=n, chin=c"
    ]
    for mirror, names in (((0, 1, 3, 2), theirs), (None, theirs[:3])):
        with pytest.raises(DataError, match=r"only in the project are chin, eye_left, eye_right, nose; .*chin=THEIRS"):
            matched(names, SMALL, "a.json", mirror=mirror)


def test_landmarks_are_matched_as_a_person_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = foreign(tmp_path / "in", ["eye_left", "eye_right", "snout", "chin"])
    project = Workspace(tmp_path / "projects").create("apes", definition=SMALL)
    assert labeler(tmp_path, "import", "apes", str(file)) == 2
    assert "(--map nose=snout ...)" in capsys.readouterr().err
    assert labeler(tmp_path, "import", "apes", str(file), "--map", "nose=chin", "chin=snout", "--dry-run") == 0
    assert project.store.images() == []
    assert labeler(tmp_path, "import", "apes", str(file), "--map", "nose=chin", "chin=snout") == 0
    assert labels_of_first(tmp_path, "apes") == {
        "eye_left": (0, 0),
        "eye_right": (1, 1),
        "nose": (3, 3),
        "chin": (2, 2),
    }


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        (["nose"], "--map nose: wanted OURS=THEIRS"),
        (["nose="], "wanted OURS=THEIRS"),
        (["ear=snout"], "the project has no landmark 'ear' (it has: eye_left"),
        (["nose=ear"], "labels.json has no landmark 'ear' (it has: eye_left"),
        (["nose=snout", "nose=chin"], "'nose' is matched with 'snout' already"),
        (["nose=snout", "chin=snout"], "'snout' of labels.json is matched with two"),
    ],
)
def test_a_match_that_cannot_be_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], pairs: list[str], said: str
) -> None:
    file = foreign(tmp_path / "in", ["eye_left", "eye_right", "snout", "chin"])
    project = Workspace(tmp_path / "projects").create("apes", definition=SMALL)
    assert labeler(tmp_path, "import", "apes", str(file), "--map", *pairs) == 2
    assert said in capsys.readouterr().err
    assert project.store.images() == []


def test_what_would_come_in_is_said_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = foreign(tmp_path / "in", [*NAMES, "ear"], flip_pairs=[[0, 1]])
    record = json.loads(file.read_text())
    record["images"].append({"id": 2, "file_name": "gone.png", "split": "test"})
    record["annotations"].append({"id": 2, "image_id": 7})
    file.write_text(json.dumps(record))
    project = Workspace(tmp_path / "projects").create("apes", definition=SMALL)
    assert labeler(tmp_path, "import", "apes", str(file), "--dry-run") == 1
    said = capsys.readouterr()
    assert said.out.splitlines() == [
        "COCO keypoints: 2 pictures, of which 1 are there",
        "labeled: 1 faces, 5 points",
        "splits: train 1, test 1",
        "landmarks: eye_left, eye_right, nose, chin, ear",
        "landmarks that the project does not have are left out: ear",
    ]
    assert "annotation 2: image 7 is not in the file" in said.err
    assert project.store.images() == []
    # It ends as the import would: with 1 where a picture is missing, with 2 where all are.
    record["annotations"].pop()
    file.write_text(json.dumps(record))
    assert labeler(tmp_path, "import", "apes", str(file), "--dry-run") == 1
    (tmp_path / "in" / "a.png").unlink()
    assert labeler(tmp_path, "import", "apes", str(file), "--dry-run") == 2
    assert labeler(tmp_path, "import", "apes", str(file)) == 2


def test_who_is_on_pictures_of_an_import_is_told_by_the_rule_of_the_project(tmp_path: Path) -> None:
    project = Workspace(tmp_path / "projects").create("apes", definition=SMALL)
    project.add_pictures([write_picture(tmp_path / "kira_01.png")], subjects=SubjectRule("{subject}_*"))
    file = foreign(tmp_path / "in", list(NAMES))
    record = json.loads(file.read_text())
    for key, image in ((1, {}), (2, {"group": "momo"})):
        write_picture(tmp_path / "in" / f"kira_1{key}.png", (60 + key, 50))
        record["images"][key - 1 :] = [{"id": key, "file_name": f"kira_1{key}.png", **image}]
    file.write_text(json.dumps(record))
    project.import_labels(file)
    assert [picture.subject for picture in project.store.images()] == ["kira", "kira", "momo"]


def test_what_is_there_already_is_said_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = foreign(tmp_path / "in", list(NAMES))
    project = Workspace(tmp_path / "projects").create("apes", definition=SMALL)
    words = ("import", "apes", str(file), "--dry-run")
    project.add_pictures([tmp_path / "in" / "a.png"])
    assert labeler(tmp_path, *words) == 0
    assert "pictures that the project has already: 1, without labels\n" in capsys.readouterr().out
    project.import_labels(file)
    for more, what in ([], "which stay as they are (--replace"), (["--replace"], "which those of the file replace\n"):
        assert labeler(tmp_path, *words, *more) == 0
        assert f"pictures that the project has already: 1; 1 of them with labels, {what}" in capsys.readouterr().out


def test_a_picture_that_cannot_be_read_hides_nothing_of_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = foreign(tmp_path / "in", list(NAMES))
    project = Workspace(tmp_path / "projects").create("apes", definition=SMALL)
    project.import_labels(file)
    found = incoming(file)

    def unreadable(path: Path) -> str:
        raise DataError("the file cannot be read: Permission denied")

    assert project.importer.foreseen(found).labeled == 1
    monkeypatch.setattr("labeler.project.importer.sha256_of", unreadable)
    assert project.importer.foreseen(found).there == 0


def test_points_outside_their_picture_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = foreign(tmp_path / "in", list(NAMES))
    record = json.loads(file.read_text())
    record["annotations"][0]["keypoints"][:6] = [-3, 5, 2, 60, 50, 2]
    file.write_text(json.dumps(record))
    Workspace(tmp_path / "projects").create("apes", definition=SMALL)
    assert labeler(tmp_path, "import", "apes", str(file)) == 0
    assert "points outside their picture, taken as they stand: 1 (a.png)\n" in capsys.readouterr().out
    assert labels_of_first(tmp_path, "apes")["eye_left"] == (-3, 5)


def test_an_option_that_a_format_does_not_need_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = foreign(tmp_path / "in", list(NAMES))
    assert labeler(tmp_path, "import", "apes", str(file), "--zero-based") == 2
    assert "COCO keypoints, which says itself from what it counts: leave out --one-based" in capsys.readouterr().err


def test_a_models_predictions_come_in_without_labels_and_are_counted(tmp_path: Path) -> None:
    file = foreign(tmp_path / "in", list(NAMES))
    record = json.loads(file.read_text())
    record["annotations"][0]["attributes"] = {"source": "predicted"}
    file.write_text(json.dumps(record))
    project = Workspace(tmp_path / "projects").create("apes", definition=SMALL)
    report = project.import_labels(file)
    assert (report.added, report.faces, report.points) == (1, 0, 0)
    assert report.notes == ("faces that a model labeled come in as proposals to review, not as labels: 1",)


def test_subjects_of_tracks_and_of_images_come_in(tmp_path: Path) -> None:
    file = foreign(tmp_path / "in", list(NAMES))
    record = json.loads(file.read_text())
    record["annotations"][0]["track_id"] = 12
    file.write_text(json.dumps(record))
    [entry] = incoming(file).entries
    assert entry[0].group == "12"


def test_two_pictures_whose_folders_are_gone_are_not_taken_for_one_file(tmp_path: Path) -> None:
    file = foreign(tmp_path / "in", list(NAMES))
    record = json.loads(file.read_text())
    record["images"] = [{"id": k, "file_name": f"s{k}/a.png"} for k in (1, 2)]
    record["annotations"].append({**record["annotations"][0], "id": 2, "image_id": 2})
    file.write_text(json.dumps(record))
    found = incoming(file)
    assert found.entries == ()
    assert [out.record for out in found.left_out] == ["s1/a.png", "s2/a.png"]
    assert "may be this one or another one of the file" in found.left_out[0].why
    write_picture(tmp_path / "in" / "s1" / "a.png", (60, 50))
    assert [samples[0].file_name for samples in incoming(file).entries] == ["s1/a.png", "s2/a.png"]
    [first, second] = incoming(file).entries
    assert (first[0].path, second[0].path) == (tmp_path / "in" / "s1" / "a.png", tmp_path / "in" / "a.png")


def test_pictures_that_are_found_by_their_name_alone_are_counted(tmp_path: Path) -> None:
    file = foreign(tmp_path / "in", list(NAMES))
    for name, said in (
        ("C:\\data\\a.png", ["pictures found by their name, in other folders than the file says: 1"]),
        ("https://example.org/faces/a.png", ["pictures found by their name, in other folders than the file says: 1"]),
        ("../in/a.png", []),
        ("A.PNG", []),
    ):
        record = json.loads(file.read_text())
        record["images"][0]["file_name"] = name
        file.write_text(json.dumps(record))
        assert incoming(file).notes == said


@pytest.mark.parametrize(
    ("theirs", "pairs", "guesses"),
    [
        (("chin", "nose"), {"nose": "nose", "chin": "chin"}, set[str]()),
        (
            ("LeftEye", "R_eye", "Nose", "CHIN"),
            {"eye_left": "LeftEye", "eye_right": "R_eye", "nose": "Nose", "chin": "CHIN"},
            {"eye_left", "eye_right", "nose", "chin"},
        ),
        (("a", "b", "c", "d"), dict(zip(NAMES, "abcd", strict=True)), set(NAMES)),
        (("a", "b", "c"), {}, set[str]()),
        (("left_eye", "eye-left", "nose", "x"), {"nose": "nose"}, set[str]()),
    ],
)
def test_a_match_is_suggested_by_names_and_order(
    theirs: tuple[str, ...], pairs: dict[str, str], guesses: set[str]
) -> None:
    assert suggested(theirs, SMALL) == (pairs, guesses)


def test_a_match_by_hand_is_nothing_else() -> None:
    assert exactly(NAMES, SMALL, "labels", {"nose": "chin"}) == Match((None, None, None, SMALL.ids[2]))
    with pytest.raises(DataError, match="no landmark of labels is matched"):
        exactly(NAMES, SMALL, "labels", {})
    with pytest.raises(DataError, match="labels has no landmark 'x'"):
        exactly(NAMES, SMALL, "labels", {"nose": "x"})


def test_a_zip_file_comes_in_like_its_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    foreign(tmp_path / "in", list(NAMES))
    archive = shutil.make_archive(str(tmp_path / "set"), "zip", tmp_path / "in")
    Workspace(tmp_path / "projects").create("apes", definition=SMALL)
    assert labeler(tmp_path, "import", "apes", archive) == 0
    assert "pictures: 1 added" in capsys.readouterr().out
    assert labels_of_first(tmp_path, "apes")["nose"] == (2, 2)


def test_pictures_of_the_project_are_found_for_labels_that_come_without_them(tmp_path: Path) -> None:
    file = foreign(tmp_path / "in", list(NAMES))
    picture = file.parent / "a.png"
    project = Workspace(tmp_path / "projects").create("apes", definition=SMALL)
    project.add_pictures([picture])
    picture.unlink()
    report = project.import_labels(file)
    assert (report.added, report.taken, report.faces) == (0, 1, 1)
    assert [face.box for face in project.store.faces()] == [Box(0, 0, 9, 9)]
    assert len(project.store.images()) == 1


def test_groups_that_names_tell_make_the_landmarks_of_a_new_project(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = foreign(tmp_path / "in", ["LeftEye", "RightEye", "nose", "chin"])
    assert labeler(tmp_path, "import", "apes", str(file)) == 0
    said = capsys.readouterr().out
    assert "tells no groups, so they are guessed from names: jaw: chin; left eye: LeftEye; right eye: RightEye" in said
    definition = Workspace(tmp_path / "projects").open("apes").definition
    assert definition is not None
    assert [GROUPS[group] for group in definition.groups] == ["left_eye", "right_eye", "nose", "jaw"]
    assert labeler(tmp_path, "import", "other", str(foreign(tmp_path / "odd", ["a", "b"]))) == 2
    assert "does not tell which part of the face" in capsys.readouterr().err


def test_a_folder_of_pictures_that_is_not_there_and_a_bad_name_are_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = foreign(tmp_path / "in", list(NAMES))
    assert labeler(tmp_path, "import", "apes", str(file), "--pictures", str(tmp_path / "gone")) == 2
    assert "there is no such folder" in capsys.readouterr().err
    assert labeler(tmp_path, "import", "a/b", str(file), "--definition", "animweb") == 2
    assert "has its own landmarks" not in capsys.readouterr().err


def test_half_a_match_is_asked_about(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(foreign(tmp_path / "in", ["eye_left", "eye_right", "snout", "beard"]))
    project = Workspace(tmp_path / "projects").create("apes", definition=SMALL)
    assert labeler(tmp_path, "import", "apes", file, "--map", "nose=snout") == 2
    said = capsys.readouterr().err
    assert "only in the file are beard; only in the project are chin" in said
    assert "or add --partial to leave out what is not matched" in said
    assert project.store.images() == []
    assert labeler(tmp_path, "import", "apes", file, "--map", "nose=snout", "--partial") == 0
    assert labels_of_first(tmp_path, "apes").keys() == {"eye_left", "eye_right", "nose"}


def test_two_files_with_faces_of_one_picture_are_not_read_as_one(tmp_path: Path) -> None:
    file = foreign(tmp_path / "in", list(NAMES))
    shutil.copyfile(file, file.with_name("older.json"))
    with pytest.raises(
        DataError, match=r"labels\.json and older\.json both hold faces of a\.png: name one of the files"
    ):
        incoming(file.parent)


def test_pictures_of_a_folder_that_is_named_come_before_those_beside_the_labels(tmp_path: Path) -> None:
    file = foreign(tmp_path / "in", list(NAMES))
    other = write_picture(tmp_path / "named" / "deep" / "a.png", (60, 50), (1, 2, 3))
    [entry] = incoming(file, pictures=tmp_path / "named").entries
    assert entry[0].path == other
