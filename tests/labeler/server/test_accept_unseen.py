"""Predictions are no labels until a person takes them; taken unseen, they say so and can be taken back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from labeler.errors import ConflictError, NotFoundError
from labeler.pages.export import checks_html
from labeler.pages.preflight import preflight_html
from labeler.project.coco import write_coco
from labeler.project.project import Project
from labeler.runs.collect import collect_predictions
from labeler.server.face_actions import FaceActions
from labeler.server.project_actions import ProjectActions
from labeler.server.review_actions import ReviewActions
from labeler.storage.records import Point
from mdmd.data.coco import read_coco
from mdmd.data.records import ScoredPoint
from mdmd.loading.batches import split_heldout
from tests.builders import label_face, leave_predictions, make_project, predictions_of

#: What a project of 8 faces expects to be wrong: face 3 to 6 by 4 points each.
DOUBTS = {3: 0.02, 4: 0.05, 5: 0.1, 6: 0.4}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Faces 1 and 2 are labeled, 3 to 6 predicted with rising doubt, 7 predicted and skipped, 8 bare."""
    project = make_project(tmp_path, pictures=8, labeled=2)
    predicted = predictions_of(project, [*DOUBTS, 7])
    for annotation in predicted["annotations"]:
        annotation["attributes"]["p_off"] = [DOUBTS.get(annotation["id"], 0.0)] * 4
    leave_predictions(project, 1, predicted)
    collect_predictions(project)
    project.store.set_skip(7, "not a face")
    return project


def accept(actions: ReviewActions, limit: float = 0.2, **more: Any) -> dict[str, Any]:
    """Accept unseen what the preview shows."""
    preview = actions.preview_unseen("expected", limit, seed=0, sample=2)
    revisions = {face["face"]: face["revision"] for face in preview["faces"]}
    return actions.accept_unseen(revisions, preview["basis"], **more)


def labels_everywhere(project: Project) -> dict[str, Any]:
    """The faces or points that each part of the tool takes for labeled."""
    out = project.folder / "out.json"
    project.export(out)
    coco = json.loads(out.read_text())
    progress = project.progress()
    return {
        "export": sorted(record["id"] for record in coco["annotations"]),
        "complete export": project.export(out, only="complete").faces,
        "reviewed export": project.export(out.with_name("reviewed.json"), only="reviewed").faces,
        "exported points": sum(record["num_keypoints"] for record in coco["annotations"]),
        "training": sorted(sample.face_id for sample in project.training_set().samples),
        "unlabeled": sorted(sample.face_id for sample in project.unlabeled_faces().samples),
        "progress": (progress.labeled_faces, progress.complete_faces, progress.training_faces, progress.points),
        "shapes": project.proposals.propose(8, "mean", {}).faces,
        "labels": sorted(face for face, labels in project.index.labels().items() if labels),
        "views": sorted(f["id"] for p in ProjectActions(project).pictures() for f in p["faces"] if f["labeled"]),
    }


def test_predictions_count_as_labels_nowhere(project: Project):
    assert labels_everywhere(project) == {
        "export": [1, 2],
        "complete export": 2,
        "reviewed export": 2,
        "exported points": 8,
        "training": [1, 2],
        "unlabeled": [3, 4, 5, 6, 8],
        "progress": (2, 2, 2, 8),
        "shapes": 2,
        "labels": [1, 2],
        "views": [1, 2],
    }


def test_label_checks_look_at_labels_alone(tmp_path: Path):
    project = make_project(tmp_path, pictures=6, labeled=4)
    wrong = predictions_of(project, [5])
    wrong["annotations"][0]["keypoints"] = [60.0, 20.0, 2, 10.0, 20.0, 2, 30.0, 30.0, 2, 30.0, 40.0, 2]  # eyes swapped
    leave_predictions(project, 1, wrong)
    collect_predictions(project)
    actions = ReviewActions(project)
    assert [finding for finding in actions.checks()["open"] if finding["face"] == 5] == []
    FaceActions(project).accept(5)
    assert [finding["kind"] for finding in actions.checks()["open"] if finding["face"] == 5] == ["mirrored"]


def test_accepted_unseen_they_are_labels_everywhere_and_the_export_says_how(project: Project):
    actions = ReviewActions(project)
    FaceActions(project).accept(5)
    assert accept(actions, annotator="ana") == {
        "batch": FaceActions(project).view(3)["revision"],
        "faces": 2,
        "points": 8,
        "left": 0,
    }
    assert labels_everywhere(project) == {
        "export": [1, 2, 3, 4, 5],
        "complete export": 5,
        "reviewed export": 3,
        "exported points": 20,
        "training": [1, 2, 3, 4, 5],
        "unlabeled": [6, 8],
        "progress": (5, 5, 5, 20),
        "shapes": 5,
        "labels": [1, 2, 3, 4, 5],
        "views": [1, 2, 3, 4, 5],
    }
    records = {r["id"]: r["attributes"] for r in json.loads((project.folder / "out.json").read_text())["annotations"]}
    assert records[3] == {
        "sources": {"accepted_unseen": 4},
        "point_sources": ["accepted_unseen"] * 4,
        "box": "labels",
        "annotators": ["ana"],
        "covariance": [[4.0, 1.0, 9.0]] * 4,
    }
    assert records[5]["sources"] == {"accepted_rest": 4}
    assert records[1]["sources"] == {"placed": 4}
    assert next((a["source"], a["annotator"]) for a in FaceActions(project).history(4)) == ("accepted_unseen", "ana")


def test_faces_accepted_unseen_are_trained_on_but_not_measured_on(project: Project, tmp_path: Path):
    for face in (1, 2):
        label_face(project, face)
    accept(ReviewActions(project))
    assert [s.face_id for s in project.training_set().samples if s.unseen] == [3, 4]
    out = project.folder / "target.json"
    write_coco(out, project.training_set(), images=project.images)
    written = read_coco(out)
    assert [s.face_id for s in written.samples if s.unseen] == [3, 4]
    for seed in range(8):
        learned, held = split_heldout(written, 0.5, seed)
        assert {s.face_id for s in held} == {1, 2}
        assert {s.face_id for s in learned} == {3, 4}
    unreviewed = replace(written, samples=tuple(replace(s, unseen=True) for s in written.samples))
    assert split_heldout(unreviewed, 0.5, 0)[1] == ()
    assert "2 faces with points accepted unseen: used for training, never for measuring." in preflight_html(
        project, None, "test_vit", "", "default", 10
    )
    assert "2 faces with points accepted unseen; the file marks these points" in checks_html(project)


def test_the_preview_changes_nothing_and_counts_what_would_be(project: Project):
    actions = ReviewActions(project)
    before = project.store.connection.stamp()
    preview = actions.preview_unseen("expected", 0.2, seed=5, sample=2)
    assert [face["face"] for face in preview["faces"]] == [4, 3]
    assert (preview["points"], preview["flagged"], preview["batch"]) == (8, 0, None)
    assert preview["expected_wrong"] == pytest.approx(0.28)
    assert sorted(view["face"] for view in preview["sample"]) == [3, 4]
    assert [face["face"] for face in actions.preview_unseen("worst", 0.1, seed=0, sample=0)["faces"]] == [5, 4, 3]
    assert project.store.connection.stamp() == before


def test_a_sample_is_the_same_for_a_seed_and_another_for_another(project: Project):
    def sample(seed: int) -> list[int]:
        return [
            view["face"] for view in ReviewActions(project).preview_unseen("worst", 1, seed=seed, sample=2)["sample"]
        ]

    assert sample(1) == sample(1)
    assert len({tuple(sample(seed)) for seed in range(10)}) > 3


def test_points_that_a_person_has_labeled_stay_as_they_are(project: Project):
    actions = ReviewActions(project)
    FaceActions(project).set_points(3, [{"id": 2, "x": 40, "y": 41, "v": 1}])
    assert accept(actions)["points"] == 7
    assert project.store.points()[3][2] == Point(40, 41, 1)


def test_faces_that_changed_since_the_preview_are_left_alone_and_counted(project: Project):
    actions = ReviewActions(project)
    preview = actions.preview_unseen("worst", 1.0, seed=0, sample=0)
    FaceActions(project).set_points(3, [{"id": 1, "x": 30, "y": 31, "v": 2}])
    FaceActions(project).set_skip(4, "too blurred")
    FaceActions(project).accept(5)
    FaceActions(project).undo(5)
    revisions = {face["face"]: face["revision"] for face in preview["faces"]}
    said = actions.accept_unseen({**revisions, 8: 8, 99: 1}, preview["basis"])
    assert (said["faces"], said["points"], said["left"]) == (1, 4, 5)
    assert sorted(project.store.points()) == [1, 2, 3, 6]
    assert project.store.points()[3] == {1: Point(30, 31, 2)}
    assert actions.accept_unseen(revisions, preview["basis"]) == {"batch": None, "faces": 0, "points": 0, "left": 4}


def test_other_predictions_or_landmarks_than_those_previewed_are_refused(project: Project):
    actions = ReviewActions(project)
    preview = actions.preview_unseen("worst", 1.0, seed=0, sample=0)
    revisions = {face["face"]: face["revision"] for face in preview["faces"]}
    leave_predictions(project, 2, predictions_of(project, [3]))
    collect_predictions(project)
    with pytest.raises(ConflictError, match="new predictions or landmarks"):
        actions.accept_unseen(revisions, preview["basis"])
    assert sorted(project.store.points()) == [1, 2]


def test_a_batch_is_taken_back_as_a_whole(project: Project):
    actions = ReviewActions(project)
    batch = accept(actions, annotator="ana")["batch"]
    other = accept(actions, 0.4, annotator="ben")["batch"]
    last = project.store.last_batch()
    assert last is not None
    assert (last.id, last.annotator, last.faces, last.points) == (other, "ben", 1, 4)
    assert actions.take_back(other) == {"faces": 1, "points": 4}
    last = project.store.last_batch()
    assert last is not None
    assert (last.id, last.faces, last.points) == (batch, 2, 8)
    assert actions.take_back(batch) == {"faces": 2, "points": 8}
    assert sorted(project.store.points()) == [1, 2]
    assert project.store.last_batch() is None
    assert actions.take_back(batch) == {"faces": 0, "points": 0}
    assert sorted(FaceActions(project).redo(3)["points"]) == [
        "1",
        "2",
        "3",
        "4",
    ]  # one face by itself, as after any undo
    with pytest.raises(NotFoundError, match="no batch 9999"):
        actions.take_back(9999)


def test_what_a_person_edited_since_is_not_taken_back(project: Project):
    actions = ReviewActions(project)
    batch = accept(actions, 2.0)["batch"]
    FaceActions(project).set_points(3, [{"id": 1, "x": 30, "y": 31, "v": 2}], source="dragged")
    FaceActions(project).set_skip(4, "duplicate")
    FaceActions(project).undo(5)
    FaceActions(project).accept(5)
    FaceActions(project).set_points(6, [{"id": 1, "x": 30, "y": 31, "v": 2}], source="dragged")
    FaceActions(project).undo(6)
    last = project.store.last_batch()
    assert last is not None
    assert (last.faces, last.points) == (3, 11)
    assert actions.take_back(batch) == {"faces": 3, "points": 11}
    points = project.store.points()
    assert {face: sorted(points.get(face, {})) for face in (3, 4, 5, 6)} == {3: [1], 4: [], 5: [1, 2, 3, 4], 6: []}
    assert points[3][1] == Point(30, 31, 2, "dragged")
    assert {point.source for point in points[5].values()} == {"accepted_rest"}
    assert project.store.face(4).skip == "duplicate"
    assert sorted(FaceActions(project).undo(3)["points"]) == ["1", "2", "3", "4"]  # also taking back can be undone


def test_a_face_that_is_gone_does_not_keep_the_others(project: Project):
    actions = ReviewActions(project)
    batch = accept(actions)["batch"]
    FaceActions(project).add_face(3, [0, 0, 9, 9])
    FaceActions(project).delete_face(3)
    assert actions.take_back(batch) == {"faces": 1, "points": 4}


def test_points_of_another_proposer_than_that_previewed_are_refused(project: Project):
    actions = ReviewActions(project)
    preview = actions.preview_unseen("worst", 1.0, seed=0, sample=0)
    revisions = {face["face"]: face["revision"] for face in preview["faces"]}
    number = project.store.imports.begin("points.json", "COCO keypoints")
    project.store.imports.add_points(number, 3, {1: ScoredPoint(1.0, 2.0, 0.9)})
    project.charge.bring_in(number)
    with pytest.raises(ConflictError, match="new predictions or landmarks"):
        actions.accept_unseen(revisions, preview["basis"])
    assert sorted(project.store.points()) == [1, 2]
