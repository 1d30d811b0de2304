"""Model against label: what is named, what is said of it, from which run it comes, and when it goes away."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labeler.analysis.model_disagreement import ModelPrediction, contradictions
from labeler.project.coco import write_coco
from labeler.project.project import Project
from labeler.server.face_actions import FaceActions
from labeler.server.project_actions import ProjectActions
from labeler.server.review_actions import ReviewActions
from labeler.storage.records import Point
from tests.builders import SMALL, make_project

#: The landmarks of SMALL as a model would put them, on a face of 100 pixels; deviations of 2 pixels.
MEANS = np.array([[20.0, 20.0], [80.0, 20.0], [50.0, 60.0], [50.0, 110.0]])
WORD = ModelPrediction(MEANS, np.tile(np.eye(2) * 4.0, (4, 1, 1)))


def said(points: np.ndarray, word: ModelPrediction = WORD) -> list[tuple[tuple[int, ...], str]]:
    return list(contradictions(SMALL, points, 100.0, word))


def moved(*steps: tuple[int, float, float]) -> np.ndarray:
    points = MEANS.copy()
    for k, x, y in steps:
        points[k] += x, y
    return points


def test_a_label_far_from_where_the_model_puts_it_is_named_with_its_distance():
    assert said(moved((2, 0, 18))) == [((2,), "The model predicts nose 18 % of the face away: is the label right?")]
    assert said(MEANS) == []


def test_near_is_by_the_models_own_doubt_and_by_the_face():
    assert said(moved((2, 0, 7.9))) == []  # 4 deviations, but under 8 % of the face
    assert said(moved((2, 0, 9.5))) == []  # 4.75 deviations: within 2.2 times the 90 % ellipse
    assert len(said(moved((2, 0, 10.2)))) == 1
    doubtful = ModelPrediction(MEANS, np.tile(np.eye(2) * 400.0, (4, 1, 1)))
    assert said(moved((2, 0, 40)), doubtful) == []
    calibrated = ModelPrediction(MEANS, WORD.covariances, radius90=1.8)
    assert len(said(moved((2, 0, 9.5)), calibrated)) == 1


def test_two_that_stand_on_each_others_place_look_swapped():
    points = MEANS[[2, 1, 0, 3]]
    assert said(points) == [((0, 2), "eye_left and nose look swapped: the model predicts them the other way round.")]


def test_many_on_one_face_are_one_finding_the_worst_first():
    points = moved((0, 20, 0), (1, 30, 0), (2, 40, 0), (3, 25, 0))
    assert said(points) == [((2, 1, 3, 0), "The model predicts 4 landmarks elsewhere: is this the right face?")]


def test_what_has_no_label_or_no_word_is_not_asked():
    points = moved((0, 20, 0), (1, 30, 0))
    points[1] = np.nan
    means = MEANS.copy()
    means[0] = np.nan
    assert said(points, ModelPrediction(means, WORD.covariances)) == []


# From a run


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """Two labeled faces; on the second the nose stands 20 pixels too low."""
    made = make_project(tmp_path)
    for face, nose in ((1, 30.0), (2, 42.0)):
        points = {1: Point(20.0, 10.0, 2), 2: Point(44.0, 10.0, 2), 3: Point(32.0, nose, 2), 4: Point(32.0, 46.0, 2)}
        made.store.edit_points(face, points)
    yield made
    made.store.close()


PREDICTED = [20.0, 10.0, 2, 44.0, 10.0, 2, 32.0, 30.0, 2, 32.0, 46.0, 2]


def leave_run(project: Project, number: int = 1, *, name: str = "labeled.json", code: int = 0, **info: Any) -> Path:
    """The folder of a finished training whose model puts the landmarks of both faces at one place."""
    folder = project.runs / f"{number:03d}"
    target = write_coco(folder / "target.json", project.training_set(), images=project.images)
    attributes = {"covariance": [[1.0, 0.0, 1.0]] * 4, "p_off": [0.1] * 4, "flagged": [False] * 4}
    records = [{"id": face, "keypoints": PREDICTED, "attributes": attributes} for face in (1, 2)]
    written = {"info": info, "categories": target["categories"], "annotations": records}
    (folder / name).write_text(json.dumps(written))
    (folder / "exit.json").write_text(json.dumps({"code": code, "ended_at": 1060.0}))
    (folder / "run.json").write_text(json.dumps({"kind": "train"}))
    return folder


FOUND = {
    "face": 2,
    "kind": "model",
    "landmarks": (3,),
    "sentence": "The model predicts nose 33 % of the face away: is the label right?",
}


def open_findings(project: Project) -> list[Mapping[str, Any]]:
    return ReviewActions(project).checks()["open"]


@pytest.mark.parametrize("name", ["labeled.json", "heldout.json"])
def test_a_finished_run_brings_findings(project: Project, name: str):
    assert open_findings(project) == []
    leave_run(project, name=name)
    assert open_findings(project) == [FOUND]


def test_only_the_newest_finished_training_speaks(project: Project):
    leave_run(project, 1)
    folder = leave_run(project, 2, code=1)
    assert open_findings(project) == [FOUND]
    (folder / "exit.json").write_text(json.dumps({"code": 0}))
    (folder / "labeled.json").unlink()
    assert open_findings(project) == []  # it has left no word
    leave_run(project, 3, name="heldout.json", final=False)
    assert open_findings(project) == []
    leave_run(project, 4)
    assert open_findings(project) == [FOUND]
    (project.runs / "004" / "exit.json").unlink()
    (project.runs / "003" / "target.json").unlink()
    (project.runs / "002" / "target.json").unlink()
    assert open_findings(project) == [FOUND]  # 4 is running: 1 speaks
    curve = leave_run(project, 5)  # of training 1
    (curve / "run.json").write_text(json.dumps({"kind": "curve"}))
    (curve / "labeled.json").unlink()
    assert open_findings(project) == [FOUND]


def test_a_label_that_was_moved_since_is_the_persons_word(project: Project):
    leave_run(project)
    actions = FaceActions(project)
    actions.set_points(2, [{"id": 3, "x": 32.0, "y": 41.0, "v": 2}], source="dragged")
    assert open_findings(project) == []
    actions.undo(2)
    assert open_findings(project) == [FOUND]


def test_what_is_right_is_said_once(project: Project):
    leave_run(project)
    assert ReviewActions(project).say_right(2, "model", [3]) == {"open": [], "right": [FOUND]}
    leave_run(project, 2)
    assert ReviewActions(project).checks() == {"open": [], "right": [FOUND]}


def test_findings_are_stale_when_the_landmarks_change_and_not_when_they_are_renamed(project: Project):
    leave_run(project)
    actions = ProjectActions(project)
    category = actions.definition()["category"]
    names = {**category, "keypoints": ["eye_left", "eye_right", "tip", "chin"]}
    actions.save_definition(names, None, version=1)
    assert [found["sentence"] for found in open_findings(project)] == [FOUND["sentence"].replace("nose", "tip")]
    names = {**actions.definition()["category"], "keypoints": ["eye_left", "eye_right", "tip", "chin", "brow"]}
    names["landmark_ids"] = [1, 2, 3, 4, None]
    names["flsg"] = {**category["flsg"], "left_brow": [4]}
    actions.save_definition(names, None, version=2)
    assert open_findings(project) == []


@pytest.mark.parametrize("spoiled", ["{", "[]", '{"info": {}, "categories": [{"landmark_ids": [1, 2, 3, 4]}]}'])
def test_files_that_cannot_be_used_say_nothing(project: Project, spoiled: str):
    folder = leave_run(project)
    (folder / "labeled.json").write_text(spoiled)
    assert open_findings(project) == []


def test_what_another_check_has_named_is_not_named_twice(project: Project):
    swapped = {1: Point(44.0, 10.0, 2), 2: Point(20.0, 10.0, 2)}
    project.store.edit_points(2, {**swapped, 3: Point(32.0, 30.0, 2)})
    leave_run(project)
    assert [(found["kind"], found["landmarks"]) for found in open_findings(project)] == [("mirrored", (1, 2))]
