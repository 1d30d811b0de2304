"""Labels of a few faces propose points on all others: at once, by nothing but numpy, and never as labels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from labeler.project.project import Project
from labeler.server.face_actions import FaceActions
from labeler.storage.base_points import BasePoints
from labeler.storage.records import UNSEEN, Point
from mdmd.data.definition import load_definition
from mdmd.data.records import Box
from mdmd.errors import DataError
from tests.builders import PLACES, make_project

BASE = load_definition("300w")
#: The points of the base on the first face: of the 68, four are the landmarks of the project.
FIRST = {36: PLACES[1], 45: PLACES[2], 30: PLACES[3], 8: PLACES[4]}
Move = Callable[[complex], complex]


def base_points(project: Project, moves: dict[int, Move], *, deviation: float = 0.5, base: str = "starter-1") -> None:
    """The base sees the same face in every picture, moved as `moves` says of each face."""
    rng = np.random.default_rng(0)
    shape = rng.uniform(15, 45, 68) + 1j * rng.uniform(15, 45, 68)
    for k, (x, y) in FIRST.items():
        shape[k] = x + 1j * y
    covariance = np.tile(deviation**2 * np.eye(2), (68, 1, 1))
    boxes = {face.id: face.box for face in project.store.faces()}
    found = {}
    for face, move in moves.items():
        places = np.array([move(z) for z in shape])
        points = np.stack([places.real, places.imag], axis=1)
        found[face] = BasePoints(boxes[face], boxes[face], points, covariance)
    project.bases.add(base, BASE.to_category(), found)


def still(z: complex) -> complex:
    return z


def turned(z: complex) -> complex:
    return (z - 30 - 25j) * 0.8 * np.exp(0.3j) + 33 + 24j


def label(project: Project, face: int, move: Move = still, ids: tuple[int, ...] = (1, 2, 3, 4), **more: str) -> None:
    places = {key: move(complex(*PLACES[key])) for key in ids}
    project.store.edit_points(face, {key: Point(z.real, z.imag, 2, **more) for key, z in places.items()})


def proposed(project: Project, face: int) -> dict[int, complex]:
    found = project.proposed.of(face)
    return {} if found is None else {key: complex(p.x, p.y) for key, p in found.points.items()}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path, pictures=8)


def test_one_labeled_face_proposes_points_on_every_other(project: Project):
    base_points(project, {1: still, 2: turned, 3: still})
    project.carry_labels()
    assert project.proposed.all() == {}
    label(project, 1)
    assert project.carry_labels()
    for key, place in PLACES.items():
        assert proposed(project, 2)[key] == pytest.approx(turned(complex(*place)), abs=0.5)
        assert proposed(project, 3)[key] == pytest.approx(complex(*place), abs=0.5)
    assert proposed(project, 1) == {}  # it is complete
    assert proposed(project, 4) == {}  # the base has not seen it yet
    found = project.proposed.of(2)
    assert found is not None
    assert (found.proposer.kind, found.proposer.number) == ("carried", 1)
    assert [s.state for s in project.index.standings()][:4] == ["complete", "predicted", "predicted", "empty"]


def test_nothing_is_carried_again_while_nothing_changes(project: Project):
    base_points(project, {1: still, 2: turned})
    label(project, 1)
    assert project.carry_labels()
    assert not project.carry_labels()
    label(project, 1, ids=(3,))
    assert project.carry_labels()
    project.change_settings(tolerance=0.05)
    assert project.carry_labels()


def test_a_face_that_is_being_labeled_counts_once_it_is_complete_or_left(project: Project):
    base_points(project, dict.fromkeys(range(1, 5), still))
    label(project, 1, ids=(1, 2))
    project.carry_labels()
    assert proposed(project, 2) == {}
    label(project, 1, ids=(3, 4))
    project.carry_labels()
    assert proposed(project, 2).keys() == {1, 2, 3, 4}
    label(project, 2, lambda z: z + 5, ids=(1, 2))
    project.carry_labels()
    assert proposed(project, 3)[1] == pytest.approx(complex(*PLACES[1]), abs=0.5)
    label(project, 3, ids=(1,))
    project.carry_labels()
    found = project.proposed.of(4)
    assert found is not None
    assert found.proposer.number == 2  # the second face was left


def test_below_five_faces_nothing_is_flagged_and_from_five_on_what_is_doubtful_is(project: Project):
    # Every face but the last one is as the base sees it; there the base is unsure of everything.
    base_points(project, dict.fromkeys(range(1, 8), still))
    seen = project.bases.points("starter-1")
    unsure = BasePoints(seen[1].asked, seen[1].box, seen[1].points, 20 * seen[1].covariance)
    project.bases.add("starter-1", BASE.to_category(), {8: unsure})
    for face in range(1, 5):
        label(project, face)
    project.carry_labels()
    few = project.proposed.of(8)
    assert few is not None
    assert not few.proposer.measured
    assert not any(point.flagged for point in few.points.values())
    label(project, 5)
    project.carry_labels()
    enough = project.proposed.of(8)
    assert enough is not None
    assert enough.proposer.measured
    assert any(point.flagged for point in enough.points.values())


def test_labels_that_no_person_looked_at_do_not_say_that_proposals_are_exact(project: Project):
    def deviation(source: str) -> float:
        for face in range(1, 8):
            label(project, face, source="placed" if face < 4 else source)
        project.carry_labels()
        found = project.proposed.of(8)
        assert found is not None
        return found.points[1].cov[0]

    base_points(project, dict.fromkeys(range(1, 9), still))
    placed, taken, rest = (deviation(source) for source in ("placed", "accepted", "accepted_rest"))
    assert placed < taken < rest


def test_labels_that_no_person_looked_at_weigh_less(project: Project):
    base_points(project, dict.fromkeys(range(1, 5), still))
    label(project, 1)
    label(project, 2, lambda z: z + 6)
    project.carry_labels()
    middle = proposed(project, 4)[1].real
    label(project, 2, lambda z: z + 6, source=UNSEEN)
    project.carry_labels()
    assert PLACES[1][0] <= proposed(project, 4)[1].real < middle


def test_a_better_base_takes_over_when_it_has_seen_as_much(project: Project):
    base_points(project, {1: still, 2: still})
    assert project.bases.in_use() == "starter-1"
    base_points(project, {2: turned}, base="300w-2")
    assert project.bases.in_use() == "starter-1"
    assert [face.id for face in project.bases.missing("300w-2")] == [1, 3, 4, 5, 6, 7, 8]
    base_points(project, {1: still}, base="300w-2")
    assert project.bases.in_use() == "300w-2"
    assert project.bases.points("starter-1") == {}
    label(project, 1)
    project.carry_labels()
    assert proposed(project, 2)[1] == pytest.approx(turned(complex(*PLACES[1])), abs=0.5)


def test_labeled_faces_and_then_those_after_the_open_one_come_first(project: Project):
    label(project, 6)
    project.bases.looking_at = 4
    assert [face.id for face in project.bases.missing("starter-1")] == [6, 4, 5, 7, 8, 1, 2, 3]
    project.store.set_skip(5, "blurred")
    base_points(project, {6: still, 4: still})
    assert [face.id for face in project.bases.missing("starter-1")] == [7, 8, 1, 2, 3]
    project.store.edit_box(4, Box(1, 2, 30, 31))
    assert project.bases.missing("starter-1")[0].id == 4


def test_base_points_are_kept_with_the_project(project: Project):
    base_points(project, {1: still, 2: turned})
    nothing = BasePoints(Box(1, 2, 3, 4), Box(5, 6, 7, 8), np.zeros((0, 2)), np.zeros((0, 2, 2)))
    project.bases.add("starter-1", BASE.to_category(), {3: nothing})
    again = Project(project.folder)
    assert again.bases.in_use() == "starter-1"
    assert again.bases.definition("starter-1") == project.bases.definition("starter-1")
    kept, before = again.bases.points("starter-1"), project.bases.points("starter-1")
    assert kept.keys() == {1, 2, 3}
    assert not kept[3].usable
    assert (kept[3].asked, kept[3].box) == (nothing.asked, nothing.box)
    np.testing.assert_allclose(kept[2].points, before[2].points, rtol=1e-6)
    np.testing.assert_allclose(kept[2].covariance, before[2].covariance, rtol=1e-6)
    label(again, 1)
    again.carry_labels()
    assert proposed(again, 3) == {}  # its picture could not be used
    again.close()


def test_the_view_says_what_proposed_its_points_and_they_are_never_exported_as_labels(project: Project, tmp_path: Path):
    base_points(project, {1: still, 2: turned})
    label(project, 1)
    project.carry_labels()
    view = FaceActions(project).view(2)
    assert view["proposer"] == {"kind": "carried", "number": 1, "measured": False}
    assert view["predictions"].keys() == {"1", "2", "3", "4"}
    assert view["points"] == {}
    assert project.export(tmp_path / "out.json").faces == 1
    assert [sample.face_id for sample in project.training_set().samples] == [1]


def test_without_labels_a_definition_or_base_points_nothing_is_proposed(tmp_path: Path):
    bare = make_project(tmp_path, "bare", pictures=2, definition=None)
    assert not bare.carry_labels()
    project = make_project(tmp_path, "faces", pictures=2)
    label(project, 1)
    assert not project.carry_labels()
    assert project.proposed.all() == {}


def test_a_base_whose_definition_is_damaged_is_named(project: Project):
    base_points(project, {1: still})
    project.store.connection.db.execute("UPDATE bases SET category = '{}'")
    again = Project(project.folder)
    with pytest.raises(DataError, match="starter-1"):
        again.bases.in_use()
    again.close()


def test_the_face_that_is_opened_is_the_first_to_be_predicted(project: Project):
    FaceActions(project).open(5)
    assert [face.id for face in project.bases.missing("starter-1")] == [5, 6, 7, 8, 1, 2, 3, 4]
