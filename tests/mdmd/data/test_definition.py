"""The eight shipped definitions against the paper's appendix (with its slips corrected) and the anatomy they name."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest

from mdmd.data.definition import DEFINITIONS_DIR, GROUPS, load_definition, shipped_definitions
from mdmd.errors import DataError

# Upper left, lower left, jaw, lower right, upper right contour; eyes; brows (left, right); nose; top, bottom mouth.
PAPER_98 = [
    [*range(6)],
    [*range(6, 13)],
    [*range(13, 20)],
    [*range(20, 27)],
    [*range(27, 33)],
    [60, 61, 62, 63, 64, 65, 66, 67, 96],
    [68, 69, 70, 71, 72, 73, 74, 75, 97],
    [*range(33, 42)],
    [*range(42, 51)],
    [*range(51, 60)],
    [77, 78, 79, 80, 81, 89, 90, 91],
    [76, 82, 83, 84, 85, 86, 87, 88, 92, 93, 94, 95],
]
PAPER_106 = [
    *PAPER_98[:5],
    [66, 67, 68, 69, 70, 71, 72, 73, 74, 104],
    [75, 76, 77, 78, 79, 80, 81, 82, 83, 105],
    [*range(33, 42)],
    [*range(42, 51)],
    [*range(51, 66)],
    [85, 86, 87, 88, 89, 97, 98, 99],
    [84, 90, 91, 92, 93, 94, 95, 96, 100, 101, 102, 103],
]
PAPER_29 = [  # eyes and brows as corrected: the printed lists mix the sides
    [],
    [],
    [28],
    [],
    [],
    [8, 10, 12, 13, 16],
    [9, 11, 14, 15, 17],
    [0, 2, 4, 5],
    [1, 3, 6, 7],
    [18, 19, 20, 21],
    [22, 23, 24, 25],
    [26, 27],
]
PAPER_68 = [  # the fourth list is printed as 10, 11, 1
    [0, 1, 2, 3],
    [4, 5, 6],
    [7, 8, 9],
    [10, 11, 12],
    [13, 14, 15, 16],
    [*range(36, 42)],
    [*range(42, 48)],
    [*range(17, 22)],
    [*range(22, 27)],
    [*range(27, 36)],
    [48, 49, 50, 51, 52, 53, 54, 60, 61, 62, 63, 64],
    [55, 56, 57, 58, 59, 65, 66, 67],
]
PAPER_9 = [[], [], [], [], [], [0, 1], [2, 3], [], [], [4], [5, 6, 7], [8]]
GROUPS_OF = {
    "wflw": PAPER_98,
    "lapa": PAPER_106,
    "cofw": PAPER_29,
    "300w": PAPER_68,
    "artface": PAPER_68,
    "cariface": PAPER_68,
    "animweb": PAPER_9,
    "pare": PAPER_9,
    # No set of the paper: the heads that are drawn, with ears.
    "animals": [[12, 13, 14], [], [11], [], [15, 16, 17], [0, 1], [2, 3], [], [], [4, 5, 6], [7, 8, 9], [10]],
}

CONTOUR_33 = " ".join(f"{k}-{32 - k}" for k in range(16))
BROWS_18 = "33-46 34-45 35-44 36-43 37-42 38-50 39-49 40-48 41-47"
PAIRS_68 = (
    "0-16 1-15 2-14 3-13 4-12 5-11 6-10 7-9 17-26 18-25 19-24 20-23 21-22 31-35 32-34 36-45 37-44 38-43 39-42 "
    "40-47 41-46 48-54 49-53 50-52 55-59 56-58 60-64 61-63 65-67"
)
PAIRS_98 = (
    f"{CONTOUR_33} {BROWS_18} 55-59 56-58 60-72 61-71 62-70 63-69 64-68 65-75 66-74 67-73 76-82 77-81 78-80 "
    "83-87 84-86 88-92 89-91 93-95 96-97"
)
PAIRS_106 = (
    f"{CONTOUR_33} {BROWS_18} 55-65 56-64 57-63 58-62 59-61 66-79 67-78 68-77 69-76 70-75 71-82 72-81 73-80 74-83 "
    "84-90 85-89 86-88 91-95 92-94 96-100 97-99 101-103 104-105"
)
PAIRS_29 = "0-1 2-3 4-6 5-7 8-9 10-11 12-14 13-15 16-17 18-19 22-23"
PAIRS_9 = "0-3 1-2 5-6"
PAIRS_18 = "0-3 1-2 4-6 7-9 12-17 13-16 14-15"
PAIRS_OF = {9: PAIRS_9, 18: PAIRS_18, 29: PAIRS_29, 68: PAIRS_68, 98: PAIRS_98, 106: PAIRS_106}

NORMALIZER_OF = {"300w": (36, 45), "wflw": (60, 72), "cofw": (16, 17), "lapa": (66, 79), "animweb": (0, 3)}

ALL = sorted(GROUPS_OF)


def category_of(name: str) -> dict:
    return json.loads((DEFINITIONS_DIR / f"{name}.json").read_text(encoding="utf-8"))


def test_exactly_the_eight_of_the_paper_and_that_of_animals_ship():
    assert shipped_definitions() == ALL


@pytest.mark.parametrize("name", ALL)
def test_groups_are_the_papers(name: str):
    assert [list(members) for members in load_definition(name).members] == GROUPS_OF[name]


@pytest.mark.parametrize("name", ALL)
def test_mirror_pairs_are_those_of_the_field(name: str):
    definition = load_definition(name)
    expected = [tuple(map(int, pair.split("-"))) for pair in PAIRS_OF[len(definition.landmarks)].split()]
    found = {(k, m) for k, m in enumerate(definition.mirror) if k < m}
    assert found == set(expected)
    assert len(expected) == len(set(expected))


@pytest.mark.parametrize("name", ALL)
def test_a_name_ends_in_its_side_exactly_if_it_has_a_partner(name: str):
    definition = load_definition(name)
    other = {"left": "right", "right": "left"}
    for k, landmark in enumerate(definition.landmarks):
        words = landmark.split("_")
        sides = [word for word in words if word in other]
        if definition.mirror[k] == k:
            assert sides == [], landmark
        else:
            assert sides == words[-1:], landmark
            assert definition.landmarks[definition.mirror[k]] == "_".join([*words[:-1], other[words[-1]]])


@pytest.mark.parametrize("name", ALL)
def test_sided_landmarks_stand_in_the_group_of_their_side(name: str):
    definition = load_definition(name)
    swapped = [group.replace("left", "#").replace("right", "left").replace("#", "right") for group in GROUPS]
    for k, landmark in enumerate(definition.landmarks):
        group = GROUPS[definition.groups[k]]
        if "left" in group or "right" in group:
            assert landmark.rsplit("_", 1)[-1] == ("left" if "left" in group else "right"), landmark
        assert GROUPS[definition.groups[definition.mirror[k]]] == swapped[definition.groups[k]], landmark


@pytest.mark.parametrize("name", ALL)
def test_edges_and_normalizer_are_symmetric(name: str):
    definition = load_definition(name)
    edges = {frozenset(edge) for edge in definition.edges}
    assert edges
    assert len(edges) == len(definition.edges)
    assert all(len(edge) == 2 for edge in edges)
    assert {frozenset(definition.mirror[k] for k in edge) for edge in edges} == edges
    assert definition.normalizer is not None
    (a,), (b,) = definition.normalizer
    assert definition.mirror[a] == b


@pytest.mark.parametrize(("name", "ends"), NORMALIZER_OF.items())
def test_normalizers_are_those_of_the_benchmarks(name: str, ends: tuple[int, int]):
    definition = load_definition(name)
    assert definition.normalizer == ((ends[0],), (ends[1],))
    names = [definition.landmarks[k] for k in ends]
    assert names == (["pupil_left", "pupil_right"] if name == "cofw" else ["eye_outer_left", "eye_outer_right"])


def test_sets_that_share_a_definition_ship_it_unchanged():
    for same in (("300w", "artface", "cariface"), ("animweb", "pare")):
        first, *others = ({**category_of(name), "name": ""} for name in same)
        assert all(other == first for other in others)
        assert len({load_definition(name).name for name in same}) == len(same)


def test_nine_points_share_their_names_with_the_68_where_they_are_the_same_points():
    nine, full = load_definition("pare").landmarks, load_definition("300w").landmarks
    shared = [full[k] for k in (36, 39, 42, 45, 30, 48, 54)]
    assert list(nine[:7]) == shared
    assert (full[51], full[57]) == (nine[7] + "_middle", nine[8] + "_middle")


# A frontal face drawn by the distributed order of each set (x right, y down), written from the sets' own figures:
# the names are then checked against where the points lie.


def arc(start: float, end: float, count: int, y: float, bow: float) -> list[tuple[float, float]]:
    """Points from x = start to x = end at height y, bowed by `bow` (up is negative) in the middle."""
    t = np.linspace(0, 1, count)
    return [(float(start + (end - start) * s), float(y + bow * 4 * s * (1 - s))) for s in t]


def eye(inner_to_right: bool, upper: int) -> list[tuple[float, float]]:
    """Corner, upper lid, corner, lower lid backwards; from image-left to image-right and back."""
    left = 20 if inner_to_right else 60
    lids = arc(left, left + 20, upper + 2, 40, -5), arc(left + 20, left, upper + 2, 40, 5)
    return [*lids[0], *lids[1][1:-1]]


def face_68() -> list[tuple[float, float]]:
    brows = [*arc(15, 42, 5, 30, -6), *arc(58, 85, 5, 30, -6)]
    nose = [(50, 40), (50, 46), (50, 52), (50, 58), *arc(42, 58, 5, 62, 3)]
    outer = [*arc(32, 68, 7, 78, -5), *arc(68, 32, 7, 78, 7)[1:-1]]
    inner = [*arc(36, 64, 5, 78, -2), *arc(64, 36, 5, 78, 3)[1:-1]]
    return [*arc(5, 95, 17, 40, 60), *brows, *nose, *eye(True, 2), *eye(False, 2), *outer, *inner]


def face_98_or_106(nose: Sequence[tuple[float, float]], middles: bool) -> list[tuple[float, float]]:
    left = [*arc(15, 42, 5, 30, -6), *arc(41, 18, 4, 33, -4)]  # above from outside in, below and back
    right = [*arc(58, 85, 5, 30, -6), *arc(82, 59, 4, 33, -4)]
    outer = [*arc(32, 68, 7, 78, -5), *arc(68, 32, 7, 78, 7)[1:-1]]
    inner = [*arc(36, 64, 5, 78, -2), *arc(64, 36, 5, 78, 3)[1:-1]]
    eyes = [*eye(True, 3), *([(30, 40)] if middles else []), *eye(False, 3), *([(70, 40)] if middles else [])]
    pupils = [(30, 40), (70, 40)]
    return [*arc(5, 95, 33, 40, 60), *left, *right, *nose, *eyes, *outer, *inner, *pupils]


BRIDGE = [(50, 40), (50, 46), (50, 52), (50, 58)]
NOSE_LEFT = [(46, 44), (43, 53), (41, 60), (44, 62), (47, 63)]
FACES = {
    "300w": face_68(),
    "wflw": face_98_or_106([*BRIDGE, *arc(42, 58, 5, 62, 3)], middles=False),
    "lapa": face_98_or_106(
        [*BRIDGE, *NOSE_LEFT, (50, 65), *((100 - x, y) for x, y in reversed(NOSE_LEFT))],
        middles=True,
    ),
    "cofw": [
        *[(15, 30), (85, 30), (42, 30), (58, 30), (28, 24), (28, 29), (72, 24), (72, 29)],
        *[(20, 40), (80, 40), (40, 40), (60, 40), (30, 35), (30, 45), (70, 35), (70, 45), (30, 40), (70, 40)],
        *[(42, 62), (58, 62), (50, 58), (50, 65), (32, 78), (68, 78)],
        *[(50, 73), (50, 76), (50, 80), (50, 85), (50, 100)],
    ],
    "pare": [(20, 40), (40, 40), (60, 40), (80, 40), (50, 58), (32, 78), (68, 78), (50, 73), (50, 85)],
}


@pytest.mark.parametrize("name", FACES)
def test_the_order_of_points_is_a_face_whose_mirror_is_itself(name: str):
    definition, points = load_definition(name), np.array(FACES[name])
    assert len(points) == len(definition.landmarks)
    mirrored = points[list(definition.mirror)]
    np.testing.assert_allclose(100 - mirrored[:, 0], points[:, 0], atol=1e-9)
    np.testing.assert_allclose(mirrored[:, 1], points[:, 1], atol=1e-9)


@pytest.mark.parametrize("name", FACES)
def test_names_say_where_the_points_lie(name: str):
    definition = load_definition(name)
    at = dict(zip(definition.landmarks, FACES[name], strict=True))
    for landmark, (x, _) in at.items():
        side = landmark.rsplit("_", 1)[-1]
        assert (x < 50) if side == "left" else (x > 50) if side == "right" else x == 50, landmark
    for upper, lower in (("upper", "lower"), ("top", "bottom")):
        compared = [n for n in at if upper in n.split("_") and n.replace(upper, lower) in at]
        assert all(at[n][1] < at[n.replace(upper, lower)][1] for n in compared)
    for landmark, (x, _) in at.items():  # "outer" lies farther from the midline than "inner" of the same thing
        inner = landmark.replace("outer", "inner")
        if inner != landmark and inner in at:
            assert abs(x - 50) > abs(at[inner][0] - 50), landmark


@pytest.mark.parametrize("name", ["300w", "wflw", "lapa"])
def test_numbered_names_count_from_the_outside_in_or_from_the_top_down(name: str):
    definition = load_definition(name)
    at = dict(zip(definition.landmarks, FACES[name], strict=True))
    for family in ("contour", "brow", "brow_upper", "brow_lower", "nostril"):
        row = [at[n] for k in range(20) if (n := f"{family}_{k}_left") in at]
        assert all(abs(a[0] - 50) > abs(b[0] - 50) for a, b in pairwise(row)), family
    for family in ("nose_bridge_{}", "nose_side_{}_left", "contour_{}_left"):
        row = [at[n] for k in range(20) if (n := family.format(k)) in at]
        assert all(a[1] < b[1] for a, b in pairwise(row)), family
    assert at["chin"][1] == max(y for _, y in at.values())


@pytest.mark.parametrize("name", ["no_such", "../definitions/300w", "300w.json", ""])
def test_an_unknown_definition_is_refused_with_the_list_of_known_ones(name: str):
    with pytest.raises(DataError, match=r"no definition named .* there are: 300w, animals, animweb"):
        load_definition(name)
