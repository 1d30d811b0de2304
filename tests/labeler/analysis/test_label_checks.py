"""What the label checks say of planted slips, and that they are silent about good labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from labeler.analysis.label_checks import Finding, LabeledFace, chains, check_labels
from mdmd.data.definition import Definition, load_definition
from mdmd.data.records import Box
from tests.builders import CATEGORY, SMALL

W300 = load_definition("300w")
BOX = Box(20.0, 20.0, 160.0, 160.0)
#: Where the four landmarks of `SMALL` stand on a plain face: eyes, nose, chin.
PLAIN = np.array([[70.0, 70.0], [130.0, 70.0], [100.0, 105.0], [100.0, 160.0]])


def face(points: np.ndarray, key: int = 1) -> LabeledFace:
    return LabeledFace(key, BOX, points)


def crowd(count: int, plain: np.ndarray = PLAIN, *, spread: float = 1.5, seed: int = 0) -> list[LabeledFace]:
    """Faces like `plain`, each turned, scaled and shifted a little, with ids from 1."""
    rng = np.random.default_rng(seed)
    faces = []
    for key in range(1, count + 1):
        angle, scale = rng.normal(0, 0.2), rng.uniform(0.8, 1.2)
        turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        middle = plain.mean(axis=0)
        faces.append(face((plain + rng.normal(0, spread, plain.shape) - middle) @ turn.T + middle, key))
    return faces


def with_points(one: LabeledFace, places: dict[int, tuple[float, float]]) -> LabeledFace:
    points = one.points.copy()
    for k, place in places.items():
        points[k] = place
    return replace(one, points=points)


def said(definition: Definition, faces: list[LabeledFace]) -> list[tuple[int, str, tuple[int, ...]]]:
    return [(finding.face, finding.kind, finding.landmarks) for finding in check_labels(definition, faces)]


def test_good_faces_are_silent():
    assert check_labels(SMALL, []) == []
    assert check_labels(SMALL, [face(np.full((4, 2), np.nan))]) == []
    for count in (1, 9, 40):
        assert check_labels(SMALL, crowd(count)) == []


def test_swapped_sides_are_found_on_the_first_face_and_however_it_is_turned():
    swapped = PLAIN[[1, 0, 2, 3]]
    assert check_labels(SMALL, [face(swapped)]) == [
        Finding(1, "mirrored", (1, 2), "eye_left lies right of eye_right: sides swapped?")
    ]
    upside_down = 200 - PLAIN
    assert check_labels(SMALL, [face(upside_down)]) == []
    assert said(SMALL, [face(200 - swapped)]) == [(1, "mirrored", (1, 2))]


def test_where_names_and_faces_disagree_the_faces_win():
    other_way = replace(SMALL, landmarks=("eye_right", "eye_left", "nose", "chin"), groups=(6, 5, 9, 2))
    assert len(said(other_way, crowd(2))) == 2
    assert said(other_way, crowd(8)) == []


def test_a_mirrored_face_and_a_mirrored_region_are_one_finding_each():
    plain = 40 + 1.2 * faces_68()
    whole = face(plain[list(W300.mirror)])
    findings = check_labels(W300, [whole])
    assert [(f.kind, f.sentence) for f in findings] == [("mirrored", "Left and right look swapped on the whole face.")]
    eye = list(W300.members[5])
    partners = [W300.mirror[k] for k in eye]
    points = plain.copy()
    points[eye + partners] = plain[partners + eye]
    findings = check_labels(W300, [face(points)])
    assert [f.sentence for f in findings] == ["The landmarks of left eye and right eye look swapped."]
    assert set(findings[0].landmarks) == {W300.ids[k] for k in eye + partners}


def faces_68() -> np.ndarray:
    """A schematic face of 68 points in a square of 100."""
    t = np.linspace(np.pi, 0, 17)
    contour = np.stack([50 + 45 * np.cos(t), 40 + 55 * np.sin(t)], axis=-1)
    brow = np.array([[12.0, 22], [18, 18], [25, 17], [32, 19], [38, 22]])
    nose = np.array([[50.0, 32], [50, 40], [50, 48], [50, 55], [42, 60], [46, 62], [50, 63], [54, 62], [58, 60]])
    eye = np.array([[18.0, 33], [23, 30], [29, 30], [34, 34], [29, 36], [23, 36]])
    other_eye = (100 - eye[:, 0])[[3, 2, 1, 0, 5, 4]], eye[[3, 2, 1, 0, 5, 4], 1]
    s = np.linspace(np.pi, -np.pi, 13)[:12]
    mouth = np.stack([50 + 18 * np.cos(s), 78 - 8 * np.sin(s)], axis=-1)
    r = np.linspace(np.pi, -np.pi, 9)[:8]
    inner = np.stack([50 + 13 * np.cos(r), 78 - 4 * np.sin(r)], axis=-1)
    brows = np.concatenate([brow, np.stack([100 - brow[::-1, 0], brow[::-1, 1]], axis=-1)])
    return np.concatenate([contour, brows, nose, eye, np.stack(other_eye, axis=-1), mouth, inner])


def test_contours_are_the_walks_that_edges_draw():
    assert chains([(0, 1), (1, 2), (2, 3)]) == [[0, 1, 2, 3]]
    assert chains([(2, 0), (0, 1), (1, 3), (3, 2)]) in ([[0, 2, 3, 1, 0]], [[0, 1, 3, 2, 0]])
    assert chains([(0, 1), (1, 2)]) == []
    lengths = sorted(len(walk) for walk in chains(W300.edges))
    assert lengths == [4, 5, 5, 5, 7, 7, 9, 13, 17]


def test_neighbours_out_of_order_are_named():
    plain = 40 + 1.2 * faces_68()
    assert check_labels(W300, [face(plain)]) == []
    points = plain.copy()
    points[[4, 5]] = plain[[5, 4]]
    findings = check_labels(W300, [face(points)])
    assert [(f.kind, f.landmarks) for f in findings] == [("order", (5, 6))]
    assert "contour_4_left and contour_5_left are out of order" in findings[0].sentence
    points = plain.copy()
    points[4:8] = plain[[7, 6, 5, 4]]
    assert said(W300, [face(points)]) == [(1, "order", (5, 8))]


def test_a_point_outside_the_box_has_a_margin():
    inside = with_points(face(PLAIN), {3: (100.0, 180.0 + 0.24 * 160)})
    outside = with_points(face(PLAIN), {3: (100.0, 180.0 + 0.26 * 160)})
    assert said(SMALL, [inside]) == []
    assert said(SMALL, [outside]) == [(1, "outside", (4,))]


def test_two_landmarks_on_one_place():
    assert check_labels(SMALL, [with_points(face(PLAIN), {3: (100.5, 105.5)})]) == [
        Finding(1, "duplicate", (4, 3), "chin lies on nose.")
    ]
    assert said(SMALL, [with_points(face(PLAIN), {3: (100.0, 107.0)})]) == []


def test_lips_that_are_often_closed_may_touch():
    faces = crowd(30, 40 + 1.2 * faces_68(), spread=0.8)
    for k, one in enumerate(faces[:6]):
        faces[k] = with_points(one, {66: tuple(one.points[62])})
    assert said(W300, faces) == []


@pytest.mark.parametrize("count", [12, 60])
def test_a_point_moved_by_fifteen_percent_is_found_among_few_and_many(count: int):
    faces = crowd(count, 40 + 1.2 * faces_68(), spread=0.8)
    size = np.ptp(faces[3].points, axis=0).max()
    moved = with_points(faces[3], {30: tuple(faces[3].points[30] + [0.1 * size, 0.112 * size])})
    assert said(W300, faces) == []
    assert said(W300, [*faces[:3], moved, *faces[4:]]) == [(4, "shape", (W300.ids[30],))]
    assert said(W300, [*faces[:2], moved, *faces[4:9]]) == []  # too few to know


def test_a_half_labeled_face_is_judged_by_what_it_has():
    faces = crowd(30, 40 + 1.2 * faces_68(), spread=0.8)
    half = faces[0].points.copy()
    half[40:] = np.nan
    assert said(W300, [face(half), *faces[1:]]) == []
    half[30] += 18
    assert said(W300, [face(half), *faces[1:]]) == [(1, "shape", (W300.ids[30],))]


def test_a_left_out_landmark_is_one_finding():
    faces = crowd(30, 40 + 1.2 * faces_68(), spread=0.8)
    points = faces[5].points
    shifted = np.concatenate([points[:10], points[11:], [[np.nan, np.nan]]])
    found = check_labels(W300, [*faces[:5], face(shifted, 6), *faces[6:]])
    assert [(f.face, f.kind) for f in found] == [(6, "shape")]
    assert found[0].sentence.endswith("landmarks look out of place: was one left out?")


def test_definitions_without_pairs_groups_or_edges_are_no_trouble():
    bare = Definition.from_category(
        {**CATEGORY, "flsg": {"nose": [0, 1, 2, 3]}, "flip_pairs": [], "skeleton": [], "normalizer": "box"}
    )
    assert check_labels(bare, crowd(30)) == []
    assert check_labels(replace(bare, landmarks=("a",), groups=(9,), mirror=(0,), ids=(1,)), [face(PLAIN[:1])]) == []
    same = [face(np.full((4, 2), 50.0), key) for key in range(1, 31)]
    assert said(bare, same) == []
