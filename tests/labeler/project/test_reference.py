"""The points on the reference picture become labels of its first face, and never touch what a person labeled there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from labeler.project.coco import provenance
from labeler.project.project import Project
from labeler.server.face_actions import FaceActions
from labeler.server.project_actions import ProjectActions
from labeler.storage.history import Seen
from labeler.storage.records import Point
from tests.builders import CATEGORY, make_project

POINTS = {"1": [20.0, 10.0], "2": [40.0, 10.0], "3": [30.0, 20.0], "4": [30.0, 40.0]}
REFERENCE = {"picture": 2, "points": POINTS}


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    made = make_project(tmp_path)
    yield made
    made.close()


@pytest.fixture
def faces(project: Project) -> FaceActions:
    return FaceActions(project)


def save(project: Project, points: dict[str, list[float]] | None = None, **change: Any) -> None:
    """Save the definition as it is or changed, with `points` on picture 2 (or on `picture`)."""
    reference = {"picture": change.pop("picture", 2), "points": POINTS if points is None else points}
    saved = project.store.definitions.newest()
    assert saved is not None
    ProjectActions(project).save_definition({**saved.category, **change}, reference, version=saved.version)


def labels(project: Project, face: int = 2) -> dict[int, tuple[Any, ...]]:
    found = project.store.points(face).get(face, {})
    return {key: (p.x, p.y, p.v, p.source) for key, p in found.items()}


def of_reference(points: dict[str, list[float]] = POINTS) -> dict[int, tuple[Any, ...]]:
    return {int(key): (*place, 2, "reference") for key, place in points.items()}


def revision(project: Project, face: int = 2) -> int:
    return project.store.face(face).revision


def test_the_reference_is_the_first_labeled_face(project: Project, faces: FaceActions):
    saved = project.store.definitions.newest()
    assert saved is not None
    ProjectActions(project).save_definition(saved.category, REFERENCE, version=1, annotator="ada")
    assert labels(project) == of_reference()
    assert labels(project, 1) == labels(project, 3) == {}
    assert [s.state for s in project.index.standings()] == ["empty", "complete", "empty"]
    action = faces.history(2)[0]
    assert (action["kind"], action["source"], action["annotator"]) == ("edit", "reference", "ada")
    [sample] = [s for s in project.training_set().samples if s.face_id == 2]
    assert sample.annotation is not None
    assert not sample.unseen
    assert provenance(project.store, project.training_set())[2]["sources"] == {"reference": 4}
    assert faces.undo(2)["points"] == {}
    assert set(faces.redo(2)["points"]) == {"1", "2", "3", "4"}


def test_a_new_landmark_is_labeled_under_its_new_id(project: Project):
    save(
        project,
        {"#4": [5, 6]},
        keypoints=[*CATEGORY["keypoints"], "brow"],
        landmark_ids=[1, 2, 3, 4, None],
        flsg={**CATEGORY["flsg"], "left_brow": [4]},
    )
    assert labels(project) == {5: (5, 6, 2, "reference")}


def test_nothing_is_written_where_nothing_changes(project: Project):
    save(project)
    before = revision(project)
    save(project, name="renamed")
    assert revision(project) == before


def test_only_points_that_moved_are_written_and_only_over_labels_of_the_reference(project: Project, faces: FaceActions):
    save(project)
    faces.set_points(2, [{"id": 1, "x": 21, "y": 11, "v": 2}], source="dragged")
    faces.set_points(2, [{"id": 2, "x": 40, "y": 10, "v": 1}])
    faces.set_points(2, [{"id": 3, "v": 0}])
    before = labels(project)
    moved = {key: [x + 1, y + 1] for key, (x, y) in POINTS.items()}
    save(project, moved)
    assert labels(project) == {**before, 4: (31, 41, 2, "reference")}
    assert list(faces.history(2)[0]["landmarks"]) == [4]


def test_labels_of_a_person_from_before_are_kept(project: Project):
    project.store.edit_points(2, {1: Point(1.0, 2.0, 2)})
    save(project)
    assert labels(project) == {**of_reference(), 1: (1, 2, 2, "placed")}


def test_what_a_person_took_back_stays_away_until_its_point_moves(project: Project, faces: FaceActions):
    save(project)
    faces.undo(2)
    save(project, name="renamed")
    assert labels(project) == {}
    moved = {**POINTS, "4": [30.0, 41.0]}
    save(project, moved)
    assert labels(project) == {4: (30, 41, 2, "reference")}
    faces.clear_points(2, [4])
    save(project, moved, name="again")
    assert labels(project) == {}


def test_a_point_that_left_the_reference_takes_its_label_along(project: Project, faces: FaceActions):
    save(project)
    faces.set_points(2, [{"id": 1, "x": 21, "y": 11, "v": 2}])
    save(project, {"3": POINTS["3"]})
    assert labels(project) == {1: (21, 11, 2, "placed"), 3: (30, 20, 2, "reference")}
    assert set(faces.undo(2)["points"]) == {"1", "2", "3", "4"}
    save(project, {"3": POINTS["3"]}, name="renamed")
    assert set(labels(project)) == {1, 2, 3, 4}, "an undo holds until the reference changes again"


def test_a_deleted_landmark_keeps_its_label_for_when_it_returns(project: Project):
    save(project)
    small = {"keypoints": CATEGORY["keypoints"][:3], "landmark_ids": [1, 2, 3], "flip_pairs": [[0, 1]], "skeleton": []}
    groups = {name: kept for name, ks in CATEGORY["flsg"].items() if (kept := [k for k in ks if k < 3])}
    save(project, {key: POINTS[key] for key in "123"}, **small, flsg=groups)
    assert labels(project) == of_reference()


def test_another_reference_picture_leaves_the_labels_of_the_first(project: Project):
    save(project)
    save(project, {"1": [7.0, 8.0]}, picture=3)
    assert labels(project) == of_reference()
    assert labels(project, 3) == {1: (7, 8, 2, "reference")}
    save(project, {"1": [9.0, 9.0]}, picture=2)
    assert labels(project) == {1: (9, 9, 2, "reference")}


def test_a_skipped_face_gets_no_labels(project: Project, faces: FaceActions):
    faces.set_skip(2, "not a face")
    save(project)
    assert labels(project) == {}
    faces.set_skip(2, None)
    save(project, name="renamed")
    assert labels(project) == of_reference()


def test_a_label_that_a_person_places_meanwhile_is_kept(project: Project, monkeypatch: pytest.MonkeyPatch):
    real, store = project.store.edit_points, project.store

    def late(face: int, points: Any, *, seen: Seen, **how: Any) -> int:
        monkeypatch.setattr(store, "edit_points", real)
        store.edit_points(face, {1: Point(1.0, 2.0, 2)})
        return real(face, points, seen=seen, **how)

    monkeypatch.setattr(store, "edit_points", late)
    save(project)
    assert labels(project) == {**of_reference(), 1: (1, 2, 2, "placed")}


def test_a_face_that_is_removed_meanwhile_is_not_labeled(project: Project, monkeypatch: pytest.MonkeyPatch):
    real, store = project.store.edit_points, project.store
    box = store.face(2).box
    other = store.add_face(2, box)

    def late(face: int, points: Any, **how: Any) -> int:
        monkeypatch.setattr(store, "edit_points", real)
        store.delete_face(face)
        return real(face, points, **how)

    monkeypatch.setattr(store, "edit_points", late)
    save(project)
    assert labels(project, other) == of_reference()


def test_seconds_a_face_do_not_count_the_reference(project: Project, faces: FaceActions):
    save(project)
    faces.set_points(2, [{"id": 1, "x": 21, "y": 11, "v": 2}])
    assert project.store.seconds_spent(2, longest_pause=60) is None
