"""What may be done to a definition, and that no label ever moves to another landmark."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from labeler.errors import ConflictError
from labeler.project import definition as schema
from labeler.project.definition import DefinitionError
from labeler.server.face_actions import FaceActions
from labeler.server.project_actions import ProjectActions
from labeler.storage.records import SavedDefinition
from mdmd.data.definition import shipped_definitions
from mdmd.data.landmark_names import partner_name, side_of
from mdmd.errors import DataError
from tests.builders import CATEGORY, SIDES, SMALL, label_face, make_project


def category_of(names: list[str], ids: list[int | None] | None) -> dict[str, Any]:
    category: dict[str, Any] = {"name": "x", "keypoints": names, "flsg": {"nose": list(range(len(names)))}}
    return category if ids is None else {**category, "landmark_ids": ids}


def version(number: int, names: list[str], ids: list[int]) -> SavedDefinition:
    return SavedDefinition(number, category_of(names, ids), None)


def test_every_template_starts_with_landmarks_that_are_new():
    assert [found["name"] for found in schema.templates()] == shipped_definitions()
    for found in schema.templates():
        category = schema.template(found["name"])
        assert category["landmark_ids"] == [None] * found["landmarks"]
        assert schema.next_category(category, ())["landmark_ids"] == list(range(1, found["landmarks"] + 1))


def test_new_landmarks_get_ids_that_no_version_has_used():
    versions = [version(1, ["a", "b", "c"], [1, 2, 3]), version(2, ["a", "b"], [1, 2])]
    made = schema.next_category(category_of(["new", "b", "newer"], [None, 2, None]), versions)
    assert made["landmark_ids"] == [4, 2, 5]
    assert schema.next_category(category_of(["x", "y"], None), versions)["landmark_ids"] == [4, 5]


def test_an_id_that_was_used_comes_back_with_its_landmark():
    versions = [version(1, ["a", "b"], [1, 2]), version(2, ["a"], [1])]
    assert schema.next_category(category_of(["a", "b again"], [1, 2]), versions)["landmark_ids"] == [1, 2]


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        ([1, 1], "have the same id 1"),
        ([1, 7], "which this project never gave"),
        ([1, 0], "wanted a whole number from 1"),
        ([1], "an id or null for each of the 2"),
    ],
)
def test_wrong_ids_are_named(ids: list[int | None], said: str):
    with pytest.raises(DefinitionError, match=said):
        schema.next_category(category_of(["a", "b"], ids), [version(1, ["a"], [1])])


def test_every_problem_of_a_definition_is_told_at_once():
    broken = {**CATEGORY, "keypoints": ["eye", "eye", "nose", "chin"], "flsg": {"left_eye": [0], "nose": [2, 0]}}
    with pytest.raises(DefinitionError) as refusal:
        schema.next_category(broken, ())
    assert [problem.landmarks for problem in schema.problems(broken, ())] == [(0, 1), (0,), (1,), (3,)]
    text = " | ".join(refusal.value.problems)
    assert "two landmarks are named 'eye'" in text
    assert "in two groups" in text
    assert "in no group" in text


def test_a_rename_and_a_new_order_move_no_label_and_a_deleted_landmark_comes_back(tmp_path: Path):
    project = make_project(tmp_path, labeled=1)
    actions = FaceActions(project)
    before = actions.view(1)["points"]
    renamed = {
        **CATEGORY,
        "keypoints": ["chin", "tip", "eye_left"],
        "landmark_ids": [4, 3, 1],
        "flsg": {"jaw": [0], "nose": [1], "left_eye": [2]},
        "flip_pairs": [],
        "skeleton": [],
        "normalizer": "box",
    }
    assert ProjectActions(project).save_definition(renamed, None, version=1)["version"] == 2
    assert actions.view(1)["points"] == {key: before[key] for key in "134"}
    assert project.progress().complete_faces == 1
    sample = project.training_set().samples[0]
    assert sample.annotation is not None
    assert [list(point) for point in sample.annotation.points] == [
        [before[key]["x"], before[key]["y"]] for key in "431"
    ]
    ProjectActions(project).save_definition({**SMALL.to_category()}, None, version=2)
    assert actions.view(1)["points"] == before


def test_saving_from_an_old_version_is_a_conflict_and_changes_nothing(tmp_path: Path):
    actions = ProjectActions(make_project(tmp_path))
    actions.save_definition(SMALL.to_category(), None, version=1)
    with pytest.raises(ConflictError, match="version 2 by now, this edit started from version 1"):
        actions.save_definition(SMALL.to_category(), None, version=1)
    assert actions.definition()["version"] == 2


def test_the_reference_picture_names_new_landmarks_by_their_place(tmp_path: Path):
    actions = ProjectActions(make_project(tmp_path))
    grown = {**CATEGORY, "keypoints": [*CATEGORY["keypoints"], "brow"], "landmark_ids": [1, 2, 3, 4, None]}
    grown["flsg"] = {**CATEGORY["flsg"], "left_brow": [4]}
    saved = actions.save_definition(grown, {"picture": 1, "points": {"1": [1, 2], "#4": [3, 4]}}, version=1)
    assert saved["reference"] == {"picture": 1, "points": {"1": [1, 2], "5": [3, 4]}}
    for reference, said in (
        ({"picture": 1, "points": {"77": [1, 2]}}, "'77'"),
        ({"picture": 1, "points": {"#0": [1, 2]}}, "'#0'"),
        ({"picture": 99, "points": {}}, "no picture 99"),
    ):
        with pytest.raises(DataError, match=said):
            actions.save_definition({**grown, "landmark_ids": [1, 2, 3, 4, 5]}, reference, version=2)
    assert actions.definition()["version"] == 2


def test_checking_a_definition_changes_nothing(tmp_path: Path):
    project = make_project(tmp_path)
    label_face(project, 1)
    actions = ProjectActions(project)
    assert actions.check_definition(SMALL.to_category()) == {"problems": [], "cautions": []}
    nothing = {"text": "no landmarks: 'keypoints' must list at least one name", "landmarks": (), "key": ""}
    assert actions.check_definition({"keypoints": []}) == {"problems": [nothing], "cautions": []}
    assert actions.definition()["version"] == 1


def pair_of(first: tuple[str, str], second: tuple[str, str], *, paired: bool = True) -> dict[str, Any]:
    """A category of two landmarks, each a name and a group."""
    groups: dict[str, list[int]] = {}
    for k, (_, group) in enumerate((first, second)):
        groups.setdefault(group, []).append(k)
    return {"keypoints": [first[0], second[0]], "flsg": groups, "flip_pairs": [[0, 1]] if paired else []}


@pytest.mark.parametrize(
    ("category", "said", "landmarks"),
    [
        (pair_of(("eye_left", "right_eye"), ("eye_right", "left_eye")), "named left but is in", [(0,), (1,)]),
        (pair_of(("eye_left", "left_eye"), ("lid_left", "right_eye")), "both are named left", [(0, 1), (1,)]),
        (
            pair_of(("eye_left", "left_eye"), ("brow_right", "right_brow")),
            "their groups left eye and right brow do not mirror each other",
            [(0, 1)],
        ),
        (pair_of(("nose_left", "nose"), ("nose_tip", "nose"), paired=False), "has no mirror partner", [(0,)]),
        (pair_of(("a", "left_eye"), ("b", "nose"), paired=False), "has no mirror partner", [(0,)]),
        (pair_of(("left_eye_0", "left_eye"), ("right_eye_1", "right_eye")), "", []),
        (pair_of(("nose_1", "nose"), ("nose_2", "nose")), "", []),
        (pair_of(("copyright", "nose"), ("a", "nose"), paired=False), "", []),
        (pair_of(("ear_left", "nose"), ("nose_tip", "nose")), "but only 'ear_left' is named with a side", [(0, 1)]),
        (pair_of(("earL", "nose"), ("eyeR", "nose")), "their names differ in more than the side", [(0, 1)]),
        (pair_of(("ear_l", "nose"), ("lobe_l", "nose")), "both are named left", [(0, 1)]),
        (pair_of(("L1", "nose"), ("R2", "nose")), "", []),
    ],
)
def test_contradictions_of_left_and_right_are_told_and_keep_nothing_from_being_saved(
    category: dict[str, Any], said: str, landmarks: list[tuple[int, ...]]
):
    found = schema.cautions(category)
    assert [caution.landmarks for caution in found] == landmarks
    assert said in " | ".join(caution.text for caution in found)
    assert schema.problems(category, ()) == []


def test_a_definition_that_says_that_it_is_symmetric_has_no_sides():
    category = pair_of(("eye_left", "left_eye"), ("nose", "nose"), paired=False)
    (caution,) = schema.cautions({**category, "symmetric": True})
    assert caution.text == (
        "'eye_left' is on the left, but the definition says that every landmark lies on the middle line"
    )
    (problem,) = schema.problems({**category, "flip_pairs": [[0, 1]], "symmetric": True}, ())
    assert problem.text.startswith("'symmetric' is true beside a mirror pair")


def test_a_pair_that_passes_over_its_namesake_is_told():
    numbered = ["left_nostril_0", "right_nostril_1", "right_nostril_0", "left_nostril_1"]
    category = {"keypoints": numbered, "flsg": {"nose": [0, 1, 2, 3]}, "flip_pairs": [[0, 1], [2, 3]]}
    assert schema.cautions(category) == []
    names = ["nose_left", "nostril_right", "nose_right", "nostril_left"]
    category = {"keypoints": names, "flsg": {"nose": [0, 1, 2, 3]}, "flip_pairs": [[0, 1], [2, 3]]}
    assert [(caution.text, caution.landmarks) for caution in schema.cautions(category)] == [
        ("'nose_left' is paired with 'nostril_right', although there is a landmark 'nose_right'", (0,)),
        ("'nostril_right' is paired with 'nose_left', although there is a landmark 'nostril_left'", (1,)),
        ("'nose_right' is paired with 'nostril_left', although there is a landmark 'nose_left'", (2,)),
        ("'nostril_left' is paired with 'nose_right', although there is a landmark 'nostril_right'", (3,)),
    ]


@pytest.mark.parametrize(("name", "side", "partner"), SIDES)
def test_the_side_and_the_partner_of_a_name(name: str, side: str | None, partner: str | None):
    assert (side_of(name), partner_name(name)) == (side, partner)


def test_no_template_contradicts_itself():
    for name in shipped_definitions():
        assert [caution.text for caution in schema.cautions(schema.template(name))] == []


def test_the_effect_of_a_change_on_the_labels_is_counted_and_nothing_is_changed(tmp_path: Path):
    project = make_project(tmp_path, pictures=4, labeled=2)
    label_face(project, 3, [1, 2])
    actions = ProjectActions(project)

    def effect(names: list[str], ids: list[int | None]) -> dict[str, Any]:
        return actions.definition_effect(category_of(names, ids))

    labels = {1: 3, 2: 3, 3: 2, 4: 2}
    same = {"labels": labels, "finished": 0, "unfinished": 0, "set_aside": 0, "back": 0}
    assert effect(["d", "c", "b", "a"], [4, 3, 2, 1]) == same
    assert effect(["a", "b", "c", "d", "new"], [1, 2, 3, 4, None]) == {**same, "unfinished": 2}
    assert effect(["a", "b"], [1, 2]) == {**same, "finished": 1, "set_aside": 2}
    assert actions.definition()["version"] == 1
    two = {**category_of(["a", "b"], [1, 2]), "normalizer": "box"}
    actions.save_definition(two, None, version=1)
    assert effect(["a", "b", "c", "d"], [1, 2, 3, 4]) == {**same, "unfinished": 1, "back": 2}


def test_every_version_is_kept_with_its_time_and_an_old_one_can_be_saved_again(tmp_path: Path):
    project = make_project(tmp_path, labeled=1)
    actions = ProjectActions(project)
    before = FaceActions(project).view(1)["points"]
    actions.save_definition({**category_of(["a"], [1])}, None, version=1)
    newest, first = actions.definition_versions()
    assert (newest["version"], newest["category"]["keypoints"]) == (2, ["a"])
    assert (first["version"], first["category"]["keypoints"]) == (1, list(SMALL.landmarks))
    assert newest["at"] >= first["at"] > 1_700_000_000
    assert list(FaceActions(project).view(1)["points"]) == ["1"]
    actions.save_definition(first["category"], first["reference"], version=2)
    assert [saved["version"] for saved in actions.definition_versions()] == [3, 2, 1]
    assert FaceActions(project).view(1)["points"] == before


def test_exports_say_which_version(tmp_path: Path):
    project = make_project(tmp_path, labeled=2)
    ProjectActions(project).save_definition({**SMALL.to_category(), "name": "mine"}, None, version=1)
    project.export(tmp_path / "out.json")
    exported = json.loads((tmp_path / "out.json").read_text())
    assert exported["categories"][0]["definition_version"] == 2
    assert exported["info"]["definition_version"] == 2
