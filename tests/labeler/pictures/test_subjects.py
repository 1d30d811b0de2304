"""Pictures of one person or animal are one subject, and a subject is never on both sides of learning and measuring."""

from __future__ import annotations

from pathlib import Path

import pytest

from labeler.analysis.better_model import FEWEST, measuring
from labeler.pictures.subjects import SubjectRule, subjects_words
from labeler.project.project import Project
from labeler.project.workspace import Workspace
from mdmd.data.records import HELDOUT_SPLIT
from mdmd.errors import DataError
from mdmd.loading.batches import split_heldout
from mdmd.training.crossfit import folds_of
from tests.builders import label_face, make_project, write_picture

ANIMALS = [f"animal {k}" for k in range(30)]


def pictures(folder: Path, *names: str) -> Path:
    """Pictures of different colors with these names below `folder`."""
    for k, name in enumerate(names):
        write_picture(folder / name, color=(20 * (k % 12), 20 * (k // 12), 77))
    return folder


def subjects(project: Project) -> dict[str, str]:
    return {picture.name: picture.subject for picture in project.store.images()}


@pytest.mark.parametrize(
    ("rule", "name", "subject"),
    [
        ("{subject}_*", "kira_01.jpg", "kira"),
        ("{subject}_*", "site/kira_2_01.jpg", "kira"),
        ("{subject}_*", "kira.jpg", None),
        ("{subject}_*", "_01.jpg", None),
        ("*_{subject}", "2024-05-01_kira.jpg", "kira"),
        ("*_{subject}_*", "s1_kira_01_x.jpg", "kira"),
        ("{subject}", "kira.jpg", "kira"),
        ("{subject}*", "kira.jpg", "k"),
        ("img {subject} (*)", "img kira (3).jpg", "kira"),
        ("{subject}.*", "kira.01.jpg", "kira"),
        ("{subject}_?", "kira_1.jpg", None),
        ("{subject}/*", "kira/1.jpg", "kira"),
        ("{subject}/*/*", "site/kira/left/1.jpg", "kira"),
        ("{subject}/*/*", "left/1.jpg", None),
        ("*/{subject}/*", "site/kira/1.jpg", "kira"),
        ("folder", "site/kira/1.jpg", "kira"),
        ("folder", "1.jpg", None),
        ("picture", "kira/1.jpg", None),
        ("{subject}-*", "100% a#1?-b.jpg", "100% a#1?"),
        ("{subject}_*", "キラ_1", "キラ"),
    ],
)
def test_a_rule_finds_the_subject_in_a_name(rule: str, name: str, subject: str | None):
    assert SubjectRule(rule).of_name(name) == subject


@pytest.mark.parametrize("rule", ["", "*", "Folder", "{subject}_{subject}", "{animal}_*", "{subject", "(.*)_.*"])
def test_what_is_no_rule_is_refused(rule: str):
    with pytest.raises(DataError, match=r"wanted folder, picture, or a pattern with \{subject\} in it once"):
        SubjectRule(rule)


def test_new_pictures_get_the_subjects_of_their_folders(tmp_path: Path):
    project = make_project(tmp_path, pictures=0)
    folder = pictures(tmp_path / "in", "kira/1.png", "kira/2.png", "momo/left/1.png", "loose.png")
    project.add_pictures([folder], subjects=SubjectRule("folder"))
    assert subjects(project) == {
        "kira/1.png": "kira",
        "kira/2.png": "kira",
        "momo/left/1.png": "left",
        "loose.png": "in",
    }
    more = pictures(tmp_path / "sol", "7.jpg")
    project.add_pictures([more / "7.jpg"], subjects=SubjectRule("folder"))
    assert subjects(project)["7.jpg"] == "sol"
    project.add_pictures([write_picture(tmp_path / "later" / "8.jpeg", color=(200, 200, 200)).parent])
    assert subjects(project)["8.jpeg"] == "later", "the rule holds for pictures that are added later"


def test_subjects_of_pictures_that_are_there_are_set_at_once(tmp_path: Path):
    project = make_project(tmp_path, pictures=0)
    names = ("kira_1.png", "kira_2.png", "momo_1.png", "gone_1.png", "odd.png")
    project.add_pictures([pictures(tmp_path / "in", *names)])
    assert len(project.subjects()) == 5
    gone = next(picture for picture in project.store.images() if picture.name == "gone_1.png")
    project.remove_picture(gone.id)
    report = project.set_subjects(SubjectRule("{subject}_*"))
    assert (report.changed, report.unfit) == (3, ("odd.png",))
    assert str(report.problem).endswith("of 1 of the pictures, which keep the subject that they had: odd.png")
    assert project.subjects() == {"kira": 2, "momo": 1, "odd.png": 1}
    assert subjects_words(project.subjects()) == "3 subjects on 4 pictures: kira (2), momo (1), odd.png (1)"
    assert project.put_picture_back(gone.id).subject == "gone", "a removed picture comes back with its subject"
    assert project.set_subjects(SubjectRule("{subject}_*")).changed == 0
    assert project.set_subjects(SubjectRule("picture")).unfit == ()
    assert set(project.subjects()) == {picture.file_name for picture in project.store.images()}
    elsewhere = Workspace(tmp_path / "projects").open("faces")
    assert elsewhere.subjects() == project.subjects(), "they outlive the process"


def test_a_subject_is_never_on_both_sides_of_learning_and_measuring(tmp_path: Path):
    project = make_project(tmp_path, pictures=0)
    project.add_pictures([pictures(tmp_path / "in", *(f"{name}/{k}.png" for name in ANIMALS for k in range(3)))])
    for face in project.store.faces():
        label_face(project, face.id)

    def sides(name: str) -> set[bool]:
        """On which sides the pictures of a folder are: measuring or not."""
        samples = project.training_set().samples
        names = {picture.id: picture.name for picture in project.store.images()}
        return {s.split == HELDOUT_SPLIT for s in samples if names[s.image_id].startswith(f"{name}/")}

    assert any(len(sides(name)) == 2 for name in ANIMALS), "told apart, an animal is on both sides"
    project.set_subjects(SubjectRule("folder"))
    kept = [name for name in ANIMALS if measuring(name)]
    assert FEWEST <= len(kept) < len(ANIMALS)
    assert {name: sides(name) for name in ANIMALS} == {name: {name in kept} for name in ANIMALS}
    learned, held = split_heldout(project.training_set(), 0.2, 1)
    assert {s.group for s in held} == set(kept)
    assert {s.group for s in learned} == set(ANIMALS) - set(kept)
    parts = folds_of(learned, 3, 1)
    groups = [{learned[k].group for k in part} for part in parts]
    assert sum(map(len, groups)) == len(set.union(*groups))


def test_few_subjects_are_not_split_either(tmp_path: Path):
    """Too few to keep some for measuring: the training itself holds out a share of the faces."""
    project = make_project(tmp_path, pictures=0)
    names = [f"{animal}_{k}.png" for animal in "abcd" for k in range(5)]
    project.add_pictures([pictures(tmp_path / "in", *names)], subjects=SubjectRule("{subject}_*"))
    for face in project.store.faces():
        label_face(project, face.id)
    assert {sample.split for sample in project.training_set().samples} == {"train"}
    learned, held = split_heldout(project.training_set(), 0.3, 1)
    assert held
    assert not {s.group for s in learned} & {s.group for s in held}


def test_a_rule_holds_for_pictures_that_are_added_later(tmp_path: Path) -> None:
    project = make_project(tmp_path, pictures=0)
    project.add_pictures([pictures(tmp_path / "in", "kira/1.png", "momo/1.png")])
    assert sorted(project.subjects().values()) == [1, 1]
    project.set_subjects(SubjectRule("folder"))
    again = Workspace(tmp_path / "projects").open(project.name)
    more = pictures(tmp_path / "more", "old/1.png", "old/2.png", "x/3.png", "kira/9.png", "momo/8.png", "momo/7.png")
    again.add_pictures([more / "kira", more])
    assert again.subjects() == {"momo": 3, "kira": 2, "x": 1}  # two of them were there already
    # An uploaded file lies in a folder of the server's.
    again.add_pictures([pictures(tmp_path / "0f3a9c", *(f"{k}.png" for k in range(20))) / "19.png"])
    assert again.subjects()["19.png"] == 1
    assert subjects(again)["19.png"] == "19.png"
    again.set_subjects(SubjectRule("picture"))
    again.add_pictures([pictures(tmp_path / "last", *(f"{k}/new.png" for k in range(24))) / "23"])
    assert subjects(again)["new.png"] != "23"


def test_the_rule_of_a_new_project_is_remembered(tmp_path: Path) -> None:
    project = make_project(tmp_path, pictures=0)
    project.add_pictures([pictures(tmp_path / "in", "kira/1.png")], subjects=SubjectRule("folder"))
    project.add_pictures([pictures(tmp_path / "more", "old/1.png", "a/2.png", "kira/3.png")])
    assert project.subjects() == {"kira": 2, "a": 1}
    record = project.folder / "project.json"
    record.write_text(record.read_text().replace('"folder"', "[1]"))
    with pytest.raises(DataError, match="the rule for subjects is"):
        Workspace(tmp_path / "projects").open(project.name)
