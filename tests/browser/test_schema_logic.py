"""What the schema page decides without a screen: mirror pairs, groups, differences of versions, files."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Error, Route

from mdmd.data.definition import GROUPS, load_definition, shipped_definitions
from mdmd.data.landmark_names import guessed_pairs
from tests.builders import GROUPS_OF_NAMES, SIDES

pytestmark = pytest.mark.browser

STATIC = Path(__file__).parent.parent.parent / "labeler" / "static"
ADDRESS = "http://127.0.0.1:9/"

Call = Callable[..., Any]


@pytest.fixture(scope="module")
def call(chromium: Browser) -> Iterator[Call]:
    """call("schema/draft.js", "(module, ...given) => ...", *given): the modules, in a page without a server."""

    def serve(route: Route) -> None:
        name = route.request.url.removeprefix(ADDRESS)
        if name:
            route.fulfill(path=STATIC / name, content_type="text/javascript")
        else:
            route.fulfill(body="<!doctype html>", content_type="text/html")

    context = chromium.new_context()
    page = context.new_page()
    page.route("**/*", serve)
    page.goto(ADDRESS)
    yield lambda module, function, *given: page.evaluate(
        f"async (given) => ({function})(await import('/{module}'), ...given)", list(given)
    )
    context.close()


# Mirror pairs

FACE = {
    "eye_outer_left": ("left_eye", -30, -20),
    "eye_inner_left": ("left_eye", -12, -19),
    "eye_inner_right": ("right_eye", 12, -19),
    "eye_outer_right": ("right_eye", 30, -20),
    "nose_left": ("nose", -7, 8),
    "nose_right": ("nose", 7, 8),
    "nose_tip": ("nose", 0, 3),
    "mouth_left": ("top_mouth", -16, 26),
    "mouth_right": ("top_mouth", 16, 26),
    "lip_top": ("top_mouth", 0, 23),
    "chin": ("jaw", 0, 45),
    "jaw_left": ("lower_left_contour", -30, 20),
    "jaw_right": ("lower_right_contour", 30, 20),
}
PAIRS = {frozenset((name, name.replace("left", "right"))) for name in FACE if "left" in name}
SYMMETRY = "(m, landmarks, places) => { const s = m.symmetryOf(landmarks, places); return s && [s.pairs, s.midline]; }"


def landmarks_of(face: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"id": name, "group": GROUPS.index(group)} for name, (group, *_) in face.items()]


def placed(face: dict[str, Any], *, turn: float = 0.0, narrow: float = 1.0, jitter: float = 0.0) -> dict[str, Any]:
    """Places of `face` turned by `turn` degrees, its left half `narrow` times as wide, points `jitter` away."""
    cos, sin = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    places = {}
    for k, (name, (_, x, y)) in enumerate(face.items()):
        x, y = (x * narrow if x < 0 else x) + jitter * math.sin(9 * k), y + jitter * math.cos(7 * k)
        places[name] = [200 + cos * x - sin * y, 150 + sin * x + cos * y]
    return places


@pytest.mark.parametrize(
    "change", [{}, {"turn": 25}, {"turn": -40}, {"narrow": 0.55}, {"turn": 15, "narrow": 0.7, "jitter": 2.5}]
)
def test_mirror_pairs_are_found_on_turned_and_averted_faces(call: Call, change: dict[str, float]):
    pairs, midline = call("schema/symmetry.js", SYMMETRY, landmarks_of(FACE), placed(FACE, **change))
    assert {frozenset(pair) for pair in pairs} == PAIRS
    assert set(midline) == {"nose_tip", "lip_top", "chin"}


def test_a_landmark_is_paired_with_one_of_the_mirrored_group_only(call: Call):
    face = {"a": ("left_eye", -20, 0), "b": ("right_brow", 20, 0), "c": ("nose", 0, 10), "d": ("left_eye", -5, 0)}
    assert call("schema/symmetry.js", SYMMETRY, landmarks_of(face), placed(face))[0] == []


def test_landmarks_without_a_place_are_left_out_and_one_place_has_no_symmetry(call: Call):
    places = placed(FACE)
    del places["eye_outer_left"]
    pairs, _ = call("schema/symmetry.js", SYMMETRY, landmarks_of(FACE), places)
    assert {frozenset(pair) for pair in pairs} == PAIRS - {frozenset(("eye_outer_left", "eye_outer_right"))}
    assert call("schema/symmetry.js", SYMMETRY, landmarks_of(FACE), {"chin": [1, 2]}) is None
    assert call("schema/symmetry.js", SYMMETRY, landmarks_of(FACE), {"chin": [1, 2], "lip_top": [1, 2]})[0] == []


def test_a_wrong_pair_is_off_and_a_right_one_is_not(call: Call):
    off = "(m, landmarks, places) => { const s = m.symmetryOf(landmarks, places); return [" + (
        "s.off('eye_outer_left', 'eye_outer_right'), s.off('eye_outer_left', 'eye_inner_right')]; }"
    )
    right, wrong = call("schema/symmetry.js", off, landmarks_of(FACE), placed(FACE, turn=10))
    assert right == pytest.approx(0, abs=1e-6)
    points = np.array([place for _, *place in FACE.values()], dtype=float)
    size = np.sqrt(((points - points.mean(axis=0)) ** 2).sum(axis=1).mean())
    assert wrong == pytest.approx(math.hypot(18, 1) / size)  # from one corner of the eye to the other


REVIEW = """(m, face, places, pairs) => {
    const landmarks = face.map((l) => ({ ...l, name: l.id, mirror: pairs[l.id] ?? null }));
    const { proposals, cautions } = m.review({ landmarks, places });
    return { proposals: proposals.map(({ a, b, instead }) => [a, b, instead]), said: cautions.map((c) => c.text) };
}"""


def reviewed(call: Call, face: dict[str, Any], pairs: set[frozenset[str]] | list[tuple[str, str]]) -> dict[str, Any]:
    both = [tuple(pair) for pair in pairs]
    mirror = {a: b for pair in both for a, b in (pair, pair[::-1])}
    return call("schema/pair_review.js", REVIEW, landmarks_of(face), placed(face), mirror)


def test_the_right_pairs_contradict_nothing_and_missing_ones_are_proposed(call: Call):
    assert reviewed(call, FACE, PAIRS) == {"proposals": [], "said": []}
    none = reviewed(call, FACE, [])
    assert {frozenset((a, b)) for a, b, _ in none["proposals"]} == PAIRS
    assert none["said"] == []


def test_a_pair_that_contradicts_the_places_is_told(call: Call):
    rest = [tuple(pair) for pair in PAIRS if "jaw_left" not in pair]
    assert reviewed(call, FACE, [*rest, ("jaw_left", "nose_tip")]) == {
        "proposals": [["jaw_left", "jaw_right", True]],
        "said": ["'nose_tip' and 'jaw_left' are mirror partners, but lie far from each other's mirror image"],
    }
    kept = [tuple(pair) for pair in PAIRS if not any("eye" in name for name in pair)]
    said = reviewed(call, FACE, [*kept, ("eye_outer_left", "eye_inner_left")])["said"]
    assert said == [
        "'eye_outer_left' and 'eye_inner_left' are mirror partners, but both lie on the left of the picture"
    ]
    swapped = {**FACE, "jaw_left": ("lower_right_contour", 30, 20), "jaw_right": ("lower_left_contour", -30, 20)}
    assert reviewed(call, swapped, PAIRS)["said"] == [
        "'jaw_left' is named left, but lies on the right of the picture",
        "'jaw_right' is named right, but lies on the left of the picture",
    ]


def test_names_propose_pairs_before_places_do(call: Call):
    face = {"ear_l": ("nose", -20, -30), "ear_r": ("nose", 21, -30), "b": ("nose", -20, 10), "c": ("nose", 20, 10)}
    assert reviewed(call, face, [])["proposals"] == [["ear_l", "ear_r", False], ["b", "c", False]]
    assert reviewed(call, face, [("ear_l", "c")])["proposals"][0] == ["ear_l", "ear_r", True]


def test_the_cheapest_assignment_is_found(call: Call):
    cost = [[4, 1, 3], [2, 0, 5], [3, 2, 2]]
    assert call("schema/assignment.js", "(m, cost) => m.assign(cost)", cost) == [1, 0, 2]
    assert call("schema/assignment.js", "(m, cost) => m.assign(cost)", [[9, 2, 7, 1]]) == [3]
    assert call("schema/assignment.js", "(m, cost) => m.assign(cost)", []) == []


def test_the_mirrored_groups_are_those_of_the_names(call: Call):
    swapped = [name.replace("left", "?").replace("right", "left").replace("?", "right") for name in GROUPS]
    assert call("schema/symmetry.js", "(m) => m.MIRRORED_GROUP") == [GROUPS.index(name) for name in swapped]


# Groups

PROPOSE = "(m, place, placed, box) => m.proposeGroup(place, placed, box)"


def proposed(
    call: Call, place: list[float], known: list[tuple[list[float], str]], box: list[float], guessed: str | None = None
) -> str:
    placed = [{"place": at, "group": GROUPS.index(group), "guessed": guessed} for at, group in known]
    return GROUPS[call("canvas/group_proposal.js", PROPOSE, place, placed, box)]


@pytest.mark.parametrize(
    ("place", "group"),
    [
        ([31, 44], "left_eye"),
        ([69, 44], "right_eye"),
        ([31, 28], "left_eye"),
        ([50, 60], "nose"),
        ([50, 72], "top_mouth"),
        ([50, 87], "bottom_mouth"),
        ([50, 99], "jaw"),
        ([3, 45], "upper_left_contour"),
        ([88, 80], "lower_right_contour"),
    ],
)
def test_a_group_is_proposed_from_the_place_in_the_box(call: Call, place: list[float], group: str):
    assert proposed(call, place, [], [0, 0, 100, 100]) == group
    shifted = [300 + 2 * place[0], 50 + 2 * place[1]]
    assert proposed(call, shifted, [], [300, 50, 200, 200]) == group


def test_landmarks_placed_so_far_say_where_the_face_is(call: Call):
    # A small face in the corner of a large picture; by the picture alone all of it would be forehead.
    known = [([62, 80], "left_eye"), ([138, 80], "right_eye"), ([100, 150], "top_mouth")]
    picture = [0, 0, 1000, 1000]
    assert proposed(call, [100, 115], known, picture) == "nose"
    assert proposed(call, [100, 190], known, picture) == "jaw"
    assert proposed(call, [62, 56], known, picture) == "left_brow"
    assert proposed(call, [64, 81], known, picture) == "left_eye"


PICTURE = [0.0, 0.0, 800.0, 600.0]
#: The corners of the eyes of a cat on it, in the order in which they are clicked.
CAT = [[310.0, 280.0], [370.0, 280.0], [430.0, 280.0], [490.0, 280.0]]


def test_the_first_clicks_on_a_blank_face_are_eyes_and_no_brows(call: Call):
    known: list[tuple[list[float], str]] = []
    for place in CAT:
        known.append((place, proposed(call, place, known, PICTURE, "place")))
    assert {group for _, group in known} == {"left_eye", "right_eye"}
    for place, group in (([400, 350], "nose"), ([400, 455], "jaw"), ([250, 95], "upper_left_contour")):
        assert proposed(call, place, known, PICTURE, "place") == group
    eyes = [(place, "left_eye" if place[0] < 400 else "right_eye") for place in CAT]
    assert proposed(call, [340, 245], eyes, PICTURE) == "left_brow"


#: Faces in the order in which they are clicked: groups, and places in the unit square of the face.
CLICKED = {
    "human": "left_eye .2 .4, left_eye .38 .4, right_eye .62 .4, right_eye .8 .4, nose .5 .62, top_mouth .33 .78,"
    " top_mouth .67 .78, bottom_mouth .5 .84, jaw .5 1, left_brow .15 .27, right_brow .85 .27",
    "cat": "left_eye .18 .4, left_eye .39 .41, right_eye .61 .41, right_eye .82 .4, nose .5 .68, top_mouth .36 .8,"
    " top_mouth .64 .8, bottom_mouth .5 .86, jaw .5 1, upper_left_contour -.02 -.25, upper_right_contour 1.02 -.25",
}
PROPOSE_ALL = """(m, places, box) => places.reduce((placed, place) =>
    [...placed, { place, group: m.proposeGroup(place, placed, box), guessed: "place" }], []).map((one) => one.group)"""


def test_most_groups_are_right_without_a_word_from_the_person(call: Call):
    """Faces that fill half to nine tenths of the picture's height. Nothing is named, so that only the places count."""
    answers = []
    for clicks in CLICKED.values():
        points = [point.split() for point in clicks.split(",")]
        for size in (300, 420, 540):
            left, top = 400 - 0.42 * size, 300 - 0.5 * size
            places = [[left + 0.84 * size * float(x), top + size * float(y)] for _, x, y in points]
            found = call("canvas/group_proposal.js", PROPOSE_ALL, places, PICTURE)
            answers += [(GROUPS[group], wanted) for group, (wanted, *_) in zip(found, points, strict=True)]
    wrong = [(group, wanted) for group, wanted in answers if group != wanted]
    assert len(wrong) / len(answers) < 0.35
    assert not any("brow" in group for group, _ in wrong)


def test_most_groups_of_a_dense_face_are_right_at_once(call: Call):
    """Of a face with 80 points, narrower than the usual one, on the right of the picture."""
    parts = {
        "left_eye": [(0.31 + 0.1 * math.cos(k), 0.39 + 0.04 * math.sin(k)) for k in range(10)],
        "right_eye": [(0.69 + 0.1 * math.cos(k), 0.39 + 0.04 * math.sin(k)) for k in range(10)],
        "left_brow": [(0.18 + 0.03 * k, 0.25) for k in range(8)],
        "right_brow": [(0.61 + 0.03 * k, 0.25) for k in range(8)],
        "nose": [(0.41 + 0.02 * k, 0.6) for k in range(10)],
        "top_mouth": [(0.35 + 0.03 * k, 0.72) for k in range(11)],
        "bottom_mouth": [(0.37 + 0.03 * k, 0.82) for k in range(9)],
        "jaw": [(0.41 + 0.03 * k, 0.93) for k in range(7)],
        "upper_left_contour": [(0.08, 0.35 + 0.05 * k) for k in range(4)],
        "upper_right_contour": [(0.92, 0.35 + 0.05 * k) for k in range(3)],
    }
    wanted = [group for group, places in parts.items() for _ in places]
    places = [[500 + 220 * x, 150 + 300 * y] for part in parts.values() for x, y in part]
    found = call("canvas/group_proposal.js", "(m, places, box) => m.proposeGroups(places, [], box)", places, PICTURE)
    right = [GROUPS[group] == group_wanted for group, group_wanted in zip(found, wanted, strict=True)]
    assert sum(right) / len(right) > 0.7


@pytest.mark.parametrize(
    ("place", "group"),
    [
        ([252, 95], "upper_left_contour"),  # tips of ears
        ([548, 95], "upper_right_contour"),
        ([400, 30], "nose"),  # one horn on the middle line: the only upper group that is its own mirror image
        ([200, 380], "lower_left_contour"),  # tips of whiskers
        ([600, 380], "lower_right_contour"),
        ([400, 560], "jaw"),  # a beard
    ],
)
def test_a_place_outside_of_the_face_is_of_the_nearest_contour(call: Call, place: list[float], group: str):
    eyes = [(at, "left_eye" if at[0] < 400 else "right_eye") for at in CAT]
    assert proposed(call, place, [*eyes, ([400, 360], "nose")], PICTURE) == group


@pytest.mark.parametrize(("name", "group"), GROUPS_OF_NAMES)
def test_a_name_tells_the_group_of_a_part(call: Call, name: str, group: str | None):
    found = call("schema/landmark_names.js", "(m, name) => m.groupOfName(name)", name)
    assert found == (-1 if group is None else GROUPS.index(group))


def test_the_page_and_the_server_read_sides_alike(call: Call):
    read = "(m, names) => names.map((name) => [m.sideOf(name), m.partnerName(name)])"
    assert call("schema/landmark_names.js", read, [name for name, *_ in SIDES]) == [list(rest) for _, *rest in SIDES]


# Drafts

#: Adds landmarks in the groups given, renames new<k> to each of the names, and says the names, partners and groups.
NAMED = """(m, groups, names) => {
    let draft = groups.reduce((draft, group) => m.addLandmark(draft, group).draft, m.emptyDraft());
    for (const [k, name] of names) draft = m.rename(draft, `new${k}`, name);
    const nameOf = (id) => draft.landmarks.find((l) => l.id === id)?.name ?? null;
    return draft.landmarks.map((l) => [l.name, nameOf(l.mirror), l.group]);
}"""


def test_a_pair_of_names_follows_the_names(call: Call):
    brows = [GROUPS.index("left_brow"), GROUPS.index("right_brow")]
    upper = [GROUPS.index("upper_left_contour"), GROUPS.index("upper_right_contour")]
    nose = GROUPS.index("nose")
    assert call("schema/draft.js", NAMED, brows, []) == [
        ["brow_1_left", "brow_1_right", brows[0]],
        ["brow_1_right", "brow_1_left", brows[1]],
    ]
    # The proposed pair of an ear and a nose does not stay.
    assert call("schema/draft.js", NAMED, brows, [(0, "ear_left"), (1, "nose_tip")]) == [
        ["ear_left", None, upper[0]],
        ["nose_tip", None, nose],
    ]
    for left, right in (("ear_left", "ear_right"), ("ear_l", "ear_r"), ("earL", "earR"), ("L ear", "R ear")):
        assert call("schema/draft.js", NAMED, brows, [(0, left), (1, right)]) == [
            [left, right, upper[0]],
            [right, left, upper[1]],
        ]
    # A third landmark takes over the partner that its name tells.
    three = call("schema/draft.js", NAMED, [*brows, nose], [(0, "a"), (2, "brow_1_left")])
    assert [row[:2] for row in three] == [["a", None], ["brow_1_right", "brow_1_left"], ["brow_1_left", "brow_1_right"]]


def test_a_pair_that_a_person_chose_stays_whatever_the_names(call: Call):
    chosen = """(m) => {
        const two = m.addLandmark(m.addLandmark(m.emptyDraft(), 7).draft, 8).draft;
        const draft = m.rename(m.setMirror(two, "new0", "new1"), "new0", "ear_left");
        return draft.landmarks.map((l) => l.mirror);
    }"""
    assert call("schema/draft.js", chosen) == ["new1", "new0"]


ADOPT = (
    "(m, names, known) => { const category = {name: 'x', keypoints: names, flsg: {nose: names.map((_, k) => k)}, "
    + (
        "flip_pairs: [[0, 1]], skeleton: [[1, 3]], normalizer: [0, 2]};"
        " const d = m.adoptIds(m.draftOf(category), known);"
        " return [d.landmarks.map((l) => l.id), d.landmarks.map((l) => l.mirror), d.edges, d.normalizer]; }"
    )
)


def test_landmarks_of_the_same_name_keep_their_ids(call: Call):
    known = [{"id": "7", "name": "b"}, {"id": "new0", "name": "c"}, {"id": "9", "name": "b"}]
    ids, mirrors, edges, normalizer = call("schema/draft.js", ADOPT, ["a", "b", "c", "d"], known)
    assert ids == ["new1", "7", "new0", "new2"]
    assert mirrors == ["7", "new1", None, None]
    assert (edges, normalizer) == ([["new1", "new0"]], [["new1"], ["new0"]])


def test_a_definition_is_symmetric_until_a_pair_is_made(call: Call):
    category = {"name": "x", "keypoints": ["a", "b", "c"], "flsg": {"nose": [0, 1, 2]}, "symmetric": True}
    said = (
        "async (m, category) => { const { toCategory } = await import('/shell/definition.js');"
        " const whole = m.draftOf(category), paired = m.setMirror(whole, 'new0', 'new1');"
        " const apart = m.setMirror(paired, 'new0', null), again = m.setSymmetric(apart, true);"
        " const drafts = [whole, m.setMirror(whole, 'new0', null), paired, apart, again];"
        " return drafts.map((draft) => 'symmetric' in toCategory(draft)); }"
    )
    assert call("schema/draft.js", said, category) == [True, True, False, False, True]
    assert call("schema/draft.js", said, {**category, "symmetric": False}) == [False, False, False, False, True]
    assert call("schema/draft.js", said, {**category, "flip_pairs": [[1, 2]]})[0] is False


def test_a_draft_left_by_an_older_page_is_completed(call: Call):
    kept = (
        "(m, draft) => { const storage = { getItem: () => JSON.stringify({ draft, version: 3 }) };"
        " return new m.DraftHistory('key', storage).kept(); }"
    )
    old = draft({"1": "a"}, places={}, category={}, picture=7)
    assert call("schema/draft_history.js", kept, old) == {"draft": {**old, "symmetric": False}, "version": 3}


def test_a_landmark_is_put_anywhere_in_the_order(call: Call):
    move = "(m, id, index) => m.moveTo({landmarks: ['a', 'b', 'c'].map((id) => ({id}))}, id, index)"
    for key, index, expected in (("a", 2, "bca"), ("c", 0, "cab"), ("b", 1, "abc"), ("b", 9, "acb"), ("b", -4, "bac")):
        assert "".join(one["id"] for one in call("schema/draft.js", move, key, index)["landmarks"]) == expected


# Merging


MERGED = """async (m, base, ours, theirs) => {
    const { emptyDraft } = await import("/schema/draft.js");
    const whole = (draft) => ({ ...emptyDraft(), ...draft });
    const { landmarks, edges, normalizer, name, places } = m.merged(whole(ours), whole(base), whole(theirs));
    return { names: landmarks.map((l) => [l.id, l.name, l.group, l.mirror]), edges, normalizer, name, places };
}"""


def test_a_draft_takes_over_what_only_the_newest_version_changed(call: Call):
    base = draft({"1": "a", "2": "b", "3": "c"})
    ours = draft({"1": "a", "2": "mine", "new0": "d"}, name="ours")
    theirs = draft({"1": "z", "2": "b", "3": "c", "4": "e"}, edges=[["1", "2"]])
    assert call("schema/draft_merge.js", MERGED, base, ours, theirs) == {
        "names": [["1", "z", 9, None], ["2", "mine", 9, None], ["new0", "d", 9, None], ["4", "e", 9, None]],
        "edges": [["1", "2"]],
        "normalizer": None,
        "name": "ours",
        "places": {},
    }
    gone = call("schema/draft_merge.js", MERGED, base, draft({"1": "a", "2": "b", "3": "x"}), draft({"3": "c"}))
    assert gone["names"] == [["3", "x", 9, None]]


def test_new_landmarks_become_those_of_the_same_name_that_an_import_brought(call: Call):
    ours = draft({"new0": "eye_left", "new1": "nose"}, edges=[["new0", "new1"]], places={"new0": [1, 2]})
    ours["landmarks"][0]["group"] = 5
    theirs = draft({"1": "nose", "2": "eye_left", "3": "eye_right"})
    theirs["landmarks"][1]["mirror"], theirs["landmarks"][2]["mirror"] = "3", "2"
    found = call("schema/draft_merge.js", MERGED, draft({}), ours, theirs)
    assert found["names"] == [["2", "eye_left", 5, "3"], ["1", "nose", 9, None], ["3", "eye_right", 9, "2"]]
    assert (found["edges"], found["places"]) == ([["2", "1"]], {"2": [1, 2]})


# Changes


def draft(names: dict[str, str], **more: Any) -> dict[str, Any]:
    """A definition whose landmarks have the ids and names given, all in the nose and unpaired."""
    landmarks = [{"id": key, "name": name, "group": 9, "mirror": None} for key, name in names.items()]
    return {"name": "face", "landmarks": landmarks, "edges": [], "normalizer": None, **more}


CHANGES = "(m, a, b, earlier) => m.changesBetween(a, b, new Set(earlier)).map((c) => [c.kind, c.items, c.landmarks])"


def changes(call: Call, before: Any, after: Any, earlier: str = "1234") -> list[Any]:
    return call("schema/changes.js", CHANGES, before, after, list(earlier))


def test_two_equal_definitions_differ_in_nothing(call: Call):
    same = draft({"1": "a", "2": "b"}, edges=[["1", "2"]], normalizer=[["1"], ["2"]])
    assert changes(call, same, same) == []
    assert changes(call, same, {**same, "edges": [["2", "1"]]}) == []


def test_every_kind_of_change_is_told_by_itself(call: Call):
    before = draft({"1": "a", "2": "b", "3": "c"})
    for after, expected in (
        (draft({"1": "a", "2": "z", "3": "c"}), ["renamed", ["b → z"], ["2"]]),
        (draft({"1": "a", "3": "c"}), ["deleted", ["b"], ["2"]]),
        (draft({"1": "a", "2": "b", "3": "c", "new0": "d"}), ["added", ["d"], ["new0"]]),
        (draft({"1": "a", "2": "b", "3": "c", "4": "d"}), ["restored", ["d"], ["4"]]),
        (draft({"3": "c", "1": "a", "2": "b"}), ["reordered", ["c to place 1"], ["3"]]),
        ({**before, "edges": [["1", "3"]]}, ["edges", ["+ a – c"], []]),
        ({**before, "normalizer": [["1"], ["2", "3"]]}, ["normalizer", ["the face's box → a to b + c"], []]),
        ({**before, "name": "mask"}, ["title", ["face → mask"], []]),
        ({**before, "symmetric": True}, ["symmetric", ["+ every landmark lies on it"], []]),
    ):
        assert changes(call, before, after) == [expected]
    grouped = draft({"1": "a", "2": "b", "3": "c"})
    grouped["landmarks"][0]["group"] = 5
    assert changes(call, before, grouped) == [["regrouped", ["a → Left eye"], ["1"]]]
    paired = draft({"1": "a", "2": "b", "3": "c"})
    paired["landmarks"][0]["mirror"], paired["landmarks"][1]["mirror"] = "2", "1"
    assert changes(call, before, paired) == [["pairs", ["+ a ↔ b"], []]]
    assert changes(call, paired, before) == [["pairs", ["− a ↔ b"], []]]


def test_the_preview_says_what_becomes_of_the_labels(call: Call):
    effect = {"labels": {"1": 12, "2": 10}, "finished": 2, "unfinished": 3, "set_aside": 12, "back": 4}
    say = "(m, kind, landmarks, effect) => m.consequence({kind, landmarks}, effect)"
    assert call("schema/changes.js", say, "deleted", ["1", "2"], effect) == (
        "22 labels on 12 faces are set aside, and come back when you restore the landmark."
        " 2 faces more will be complete."
    )
    added = call("schema/changes.js", say, "added", ["new0"], effect)
    assert added == "3 complete faces will be unfinished until they have it."
    assert call("schema/changes.js", say, "renamed", ["1"], effect) == "12 labels stay, under the new name."
    assert call("schema/changes.js", say, "restored", ["1"], {**effect, "unfinished": 0}) == (
        "12 labels on 4 faces come back. No complete face becomes unfinished."
    )


def test_long_lists_are_cut(call: Call):
    listed = "(m, items) => m.listed(items, 3)"
    assert call("schema/changes.js", listed, ["a", "b", "c", "d"]) == "a, b, c, d"
    assert call("schema/changes.js", listed, ["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"


# Files

READ = "(m, text) => m.readCategory(text, 'x.json')"


@pytest.mark.parametrize("name", shipped_definitions())
def test_a_definition_written_is_the_one_read(call: Call, name: str):
    category = load_definition(name).to_category()
    around = """async (m, category) => {
        const { draftOf } = await import("/schema/draft.js");
        return m.readCategory(m.fileOf(draftOf(category)).text, "x.json").category;
    }"""
    again = call("schema/exchange.js", around, category)
    for key in ("keypoints", "skeleton", "flsg", "flip_pairs", "normalizer", "name"):
        assert again[key] == category[key]
    assert "landmark_ids" not in again


def test_the_one_category_with_keypoints_of_a_coco_file_is_read(call: Call):
    both = '{"images": [], "categories": [{"name": "car"}, {"keypoints": ["eye_left", "lip_top", "x"]}]}'
    read = call("schema/exchange.js", READ, both)
    assert read["guessed"] is True
    assert read["category"]["flsg"] == {"left_eye": [0], "top_mouth": [1], "nose": [2]}


def test_pairs_are_guessed_from_names_where_a_file_without_groups_tells_none(call: Call):
    names = ["eye_left", "nose", "eye_right", "left_brow_0", "right_brow_4"]
    read = call("schema/exchange.js", READ, json.dumps({"keypoints": names}))
    assert read["category"]["flip_pairs"] == [[0, 2]] == [list(pair) for pair in guessed_pairs(names)]
    for told in ({"flip_pairs": []}, {"symmetric": True}):
        read = call("schema/exchange.js", READ, json.dumps({"keypoints": names, **told}))
        assert read["category"]["flip_pairs"] == []


@pytest.mark.parametrize(
    ("text", "here"),
    [
        ('{"keypoints": []}', True),
        (' {"categories": 3}', True),
        ('{"nodes": [', True),
        ('{"nodes": []}', False),
        ("[1]", False),
        ("<View/>", False),
        ("dataset_info = dict()", False),
        ("", False),
    ],
)
def test_files_of_other_tools_are_for_the_server(call: Call, text: str, here: bool):
    assert call("schema/exchange.js", "(m, text) => m.isForThisPage(text)", text) is here


def test_the_labeled_faces_of_a_file_are_counted(call: Call):
    faces = [{"keypoints": [1, 2, 2]}, {"keypoints": [0, 0, 0]}, {"keypoints": [5, 5, 1]}, {}, None]
    text = json.dumps({"annotations": faces, "categories": [{"keypoints": ["nose"]}]})
    assert call("schema/exchange.js", READ, text)["labeled"] == 2
    assert call("schema/exchange.js", READ, '{"keypoints": ["nose"], "annotations": 3}')["labeled"] == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "x.json is not JSON"),
        ("[1, 2]", "found a list of 2, wanted a COCO category"),
        ("null", "found nothing, wanted a COCO category"),
        ('{"a": 1}', "found an object with a; wanted a COCO category"),
        ('{"categories": 3}', '"categories" is a number, wanted a list'),
        ('{"categories": []}', "found 0 categories, 0 of them with keypoints"),
        ('{"categories": [{"keypoints": []}, {"keypoints": []}]}', "found 2 categories, 2 of them"),
        ('{"keypoints": "eye"}', '"keypoints" is a string, wanted a list of names'),
    ],
)
def test_a_file_that_is_no_definition_is_a_sentence(call: Call, text: str, said: str):
    with pytest.raises(Error) as refusal:
        call("schema/exchange.js", READ, text)
    assert said in str(refusal.value)
