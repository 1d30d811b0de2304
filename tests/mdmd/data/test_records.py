"""Definitions as users write them: what is accepted, what is refused, and errors that name the cause."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mdmd.data.boxes import box_of_points, normalizing_distance
from mdmd.data.definition import GROUPS, Definition, category_problems, load_definition, shipped_definitions
from mdmd.data.records import Annotation, Box, Dataset, Sample
from mdmd.data.text import text_problem
from mdmd.errors import DataError

#: Names in any script.
NAMES = st.text(min_size=1, max_size=50).filter(lambda name: text_problem(name) is None)


def category(**changes: Any) -> dict[str, Any]:
    """A valid category with two eyes and a nose; `changes` replace keys."""
    return {
        "name": "mask",
        "keypoints": ["eye_left", "eye_right", "nose_tip"],
        "flsg": {"left_eye": [0], "right_eye": [1], "nose": [2]},
        "flip_pairs": [[0, 1]],
        "skeleton": [[1, 3], [3, 2]],
        "normalizer": [0, 1],
        **changes,
    }


def test_a_category_becomes_a_definition():
    definition = Definition.from_category(category(landmark_ids=[7, 3, 12], definition_version=4))
    assert definition == Definition(
        name="mask",
        landmarks=("eye_left", "eye_right", "nose_tip"),
        groups=(GROUPS.index("left_eye"), GROUPS.index("right_eye"), GROUPS.index("nose")),
        mirror=(1, 0, 2),
        edges=((0, 2), (2, 1)),
        normalizer=((0,), (1,)),
        ids=(7, 3, 12),
        version=4,
    )
    assert definition.members[GROUPS.index("right_eye")] == (1,)
    assert definition.members[GROUPS.index("jaw")] == ()
    assert len(definition.members) == 12


def test_a_definition_can_be_mirrored_with_pairs_or_if_it_says_that_it_is_symmetric():
    assert Definition.from_category(category()).can_be_mirrored
    assert not Definition.from_category(category(flip_pairs=[])).can_be_mirrored
    assert not Definition.from_category(category(flip_pairs=[], symmetric=None)).can_be_mirrored
    symmetric = Definition.from_category(category(flip_pairs=[], symmetric=True))
    assert (symmetric.can_be_mirrored, symmetric.mirror) == (True, (0, 1, 2))
    assert Definition.from_category(symmetric.to_category()) == symmetric
    assert all(load_definition(name).can_be_mirrored for name in shipped_definitions())


def test_a_category_has_the_key_symmetric_only_where_it_is_true():
    for changes in ({}, {"flip_pairs": []}, {"symmetric": False}):
        assert "symmetric" not in Definition.from_category(category(**changes)).to_category()


def test_a_category_needs_only_names_and_groups():
    definition = Definition.from_category({"keypoints": ["tip"], "flsg": {"nose": [0]}})
    assert definition == Definition("face", ("tip",), (GROUPS.index("nose"),), (0,), ids=(1,))
    assert definition.normalizer is None
    with pytest.raises(FrozenInstanceError):
        definition.name = "other"  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize("name", shipped_definitions())
def test_shipped_definitions_round_trip_through_a_category(name: str):
    definition = load_definition(name)
    assert Definition.from_category(json.loads(json.dumps(definition.to_category()))) == definition


@settings(max_examples=40)
@given(st.data())
def test_any_definition_round_trips_through_a_category(data: st.DataObject):
    n = data.draw(st.integers(1, 12))
    indices = st.integers(0, n - 1)
    order = data.draw(st.permutations(range(n)))
    mirror = list(range(n))
    for a, b in zip(order[::2], order[1::2], strict=False):
        if data.draw(st.booleans()):
            mirror[a], mirror[b] = b, a
    ends = st.lists(indices, min_size=1, max_size=3, unique=True).map(lambda end: tuple(sorted(end)))
    pair = st.tuples(ends, ends).filter(lambda two: two[0] != two[1])
    definition = Definition(
        name=data.draw(NAMES),
        landmarks=tuple(data.draw(st.lists(NAMES.filter(str.strip), min_size=n, max_size=n, unique=True))),
        groups=tuple(data.draw(st.lists(st.integers(0, 11), min_size=n, max_size=n))),
        mirror=tuple(mirror),
        edges=tuple(data.draw(st.lists(st.tuples(indices, indices), max_size=5))),
        normalizer=data.draw(st.none() | pair) if n > 1 else None,
        ids=tuple(data.draw(st.lists(st.integers(1, 10**6), min_size=n, max_size=n, unique=True))),
        version=data.draw(st.integers(1, 99)),
    )
    assert Definition.from_category(json.loads(json.dumps(definition.to_category()))) == definition


CULPRITS = {
    "no name at all": ({"keypoints": []}, "no landmarks"),
    "names that are no list": ({"keypoints": "eye"}, "no landmarks"),
    "an empty name": ({"keypoints": ["a", " ", "c"]}, "the landmark with index 1 has no name"),
    "a name that is a number": ({"keypoints": ["a", 5, "c"]}, "the landmark with index 1 has no name"),
    "one name twice": ({"keypoints": ["a", "b", "a"]}, "two landmarks are named 'a'"),
    "no groups": ({"flsg": None}, "'flsg' is missing"),
    "an unknown group": ({"flsg": {"left_eye": [0], "right_eye": [1], "ear": [2]}}, "group 'ear' is not one of the 12"),
    "a landmark in no group": (
        {"flsg": {"left_eye": [0], "nose": [2]}},
        "landmark 'eye_right' (index 1) is in no group",
    ),
    "a landmark in two groups": (
        {"flsg": {"left_eye": [0, 2], "right_eye": [1], "nose": [2]}},
        "landmark 'nose_tip' (index 2) is in two groups, 'left_eye' and 'nose'",
    ),
    "a landmark twice in a group": (
        {"flsg": {"left_eye": [0], "right_eye": [1], "nose": [2, 2]}},
        "landmark 'nose_tip' (index 2) is in two groups, 'nose' and 'nose'",
    ),
    "a group of a landmark that is not there": (
        {"flsg": {"left_eye": [0], "right_eye": [1], "nose": [2, 3]}},
        "group 'nose' holds landmark 3 (there are 3, from 0)",
    ),
    "a negative index": (
        {"flsg": {"left_eye": [0], "right_eye": [1], "nose": [-1]}},
        "group 'nose' holds landmark -1 (there are 3, from 0)",
    ),
    "a truth value for an index": (
        {"flsg": {"left_eye": [0], "right_eye": [True], "nose": [2]}},
        "group 'right_eye' holds landmark True",
    ),
    "a pair with itself": ({"flip_pairs": [[2, 2]]}, "landmark 'nose_tip' (index 2) is paired with itself"),
    "a mirror that is no involution": (
        {"flip_pairs": [[0, 1], [1, 2]]},
        "landmark 'eye_right' (index 1) has two mirror partners, "
        "landmark 'eye_left' (index 0) and landmark 'nose_tip' (index 2)",
    ),
    "a pair of three": ({"flip_pairs": [[0, 1, 2]]}, "mirror pair [0, 1, 2] is not two landmark indices"),
    "a pair out of range": ({"flip_pairs": [[0, 3]]}, "mirror pair [0, 3] is not two landmark indices between 0 and 2"),
    "a pair of names": ({"flip_pairs": [["a", "b"]]}, "mirror pair ['a', 'b'] is not two landmark indices"),
    "pairs that are no list": ({"flip_pairs": 5}, "'flip_pairs' must be a list"),
    "pairs that are not there": ({"flip_pairs": False}, "'flip_pairs' must be a list"),
    "an edge counted from 0": ({"skeleton": [[0, 1]]}, "edge [0, 1] is not two landmark numbers between 1 and 3"),
    "an edge of names": ({"skeleton": [["a", "b"]]}, "edge ['a', 'b'] is not two landmark numbers"),
    "edges that are no list": ({"skeleton": {"a": 1}}, "'skeleton' must be a list"),
    "a normalizer of one": ({"normalizer": [0]}, "normalizer [0] is neither two different landmarks"),
    "a normalizer of one point": ({"normalizer": [1, 1]}, "normalizer [1, 1] is neither two different landmarks"),
    "one point in two spellings": ({"normalizer": [1, [1]]}, "normalizer [1, [1]] is neither two different landmarks"),
    "an empty end": ({"normalizer": [[], [1]]}, "normalizer [[], [1]] is neither two different landmarks"),
    "an unknown normalizer": ({"normalizer": "eyes"}, "normalizer 'eyes' is neither two different landmarks"),
    "an id twice": ({"landmark_ids": [1, 2, 2]}, "'landmark_ids' must be 3 different whole numbers"),
    "too few ids": ({"landmark_ids": [1, 2]}, "'landmark_ids' must be 3 different whole numbers"),
    "ids that are lists": ({"landmark_ids": [[1], [2], [3]]}, "'landmark_ids' must be 3 different whole numbers"),
    "ids that are no list": ({"landmark_ids": 3}, "'landmark_ids' must be a list"),
    "a symmetry that is a word": ({"symmetric": "yes"}, "'symmetric' is 'yes', wanted true or false"),
    "a symmetry beside pairs": ({"symmetric": True}, "'symmetric' is true beside a mirror pair"),
    "a version that is a word": ({"definition_version": "two"}, "'definition_version' is 'two'"),
}


@pytest.mark.parametrize(("changes", "sentence"), CULPRITS.values(), ids=CULPRITS.keys())
def test_a_faulty_category_is_refused_by_a_sentence_that_names_the_culprit(changes: dict, sentence: str):
    problems = [problem.text for problem in category_problems(category(**changes))]
    assert any(problem.startswith(sentence) for problem in problems), problems
    with pytest.raises(DataError) as refusal:
        Definition.from_category(category(**changes), where="mask.json")
    assert str(refusal.value) == "mask.json: " + "; ".join(problems)


@pytest.mark.parametrize("nonsense", [None, 3, "face", ["keypoints"]])
def test_a_category_that_is_not_an_object_is_refused(nonsense: Any):
    (problem,) = category_problems(nonsense)
    assert problem.text == f"found a JSON {type(nonsense).__name__}, wanted a category with 'keypoints' and 'flsg'"


def test_every_problem_is_named_at_once():
    faulty = category(keypoints=["a", "a", "c"], flsg={"nose": [2]}, flip_pairs=[[0, 9]], normalizer=[0, 0])
    problems = category_problems(faulty)
    assert len(problems) == 5  # one name twice, two ungrouped, a pair, the normalizer
    assert [problem.landmarks for problem in problems] == [(0, 1), (0,), (1,), (), ()]


def test_a_group_that_is_not_a_list_is_named():
    lone = {"name": "face", "keypoints": ["tip"], "flsg": {"nose": 0}, "normalizer": "box"}
    assert [problem.text for problem in category_problems(lone)] == [
        "group 'nose' is 0, wanted a list of landmark indices",
        "landmark 'tip' (index 0) is in no group",
    ]


OPTIONAL = {"landmark_ids": 0, "definition_version": 0, "symmetric": 0}
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 5) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*GROUPS[:3], "x"]), inner, max_size=3),
    max_leaves=8,
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(category(**OPTIONAL), json_values)))
def test_any_invalid_category_raises_a_data_error(changes: dict[str, Any]):
    candidate = {**category(), **changes}
    if category_problems(candidate):
        with pytest.raises(DataError):
            Definition.from_category(candidate)
    else:
        definition = Definition.from_category(candidate)
        assert sorted(k for members in definition.members for k in members) == [*range(len(definition.landmarks))]
        assert all(definition.mirror[m] == k for k, m in enumerate(definition.mirror))


POINTS = np.array([[10.0, 20.0], [40.0, 60.0], [0.0, 0.0]])
BOX = Box(0, 0, 30, 120)


@pytest.mark.parametrize(
    ("normalizer", "points", "expected"),
    [
        ([0, 1], POINTS, 50.0),  # a 3-4-5 triangle times ten
        ([[0, 2], [1]], POINTS, float(np.hypot(35, 50))),  # from the mean of two
        ("box", POINTS, 60.0),  # sqrt(30 * 120)
        ([0, 1], np.full((3, 2), np.nan), 60.0),
        ([0, 1], np.zeros((3, 2)), 60.0),
    ],
)
def test_normalizing_distance(normalizer: Any, points: np.ndarray, expected: float):
    definition = Definition.from_category(category(normalizer=normalizer))
    assert normalizing_distance(definition, points, BOX) == pytest.approx(expected)


def test_normalizing_distance_is_positive_even_for_an_empty_box():
    definition = Definition.from_category(category(normalizer="box"))
    assert normalizing_distance(definition, POINTS, Box(5, 5, 0, 0)) == 1.0


def test_box_of_points_is_tight_and_grows_by_its_longer_side():
    assert box_of_points([(2, 3), (12, 7), (4, 5)]) == Box(2, 3, 10, 4)
    assert box_of_points([(2, 3), (12, 7)], margin=0.1) == Box(1, 2, 12, 6)


def test_a_dataset_splits_by_name_and_an_annotation_tells_what_is_labeled():
    annotation = Annotation(POINTS, np.array([0, 1, 2]))
    assert annotation.labeled.tolist() == [False, True, True]
    samples = tuple(
        Sample(Path(f"{split}.png"), f"{split}.png", 8, 8, BOX, split=split) for split in ("train", "test", "val")
    )
    dataset = Dataset("masks", Definition.from_category(category()), samples)
    assert [s.split for s in dataset.split("val", "train")] == ["train", "val"]
    assert dataset.split("none") == ()
