"""What the flags of carried points, rounds and runs mean, in words that hold for the points that a face shows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from labeler.pages.flags import face_flags, flag_words, share
from labeler.project.project import Project
from labeler.runs.collect import collect_predictions
from labeler.server.face_actions import FaceActions
from labeler.server.review_actions import ReviewActions
from labeler.storage.records import PredictedPoint
from mdmd.files import parse_json, write_json
from tests.builders import MIDLINE, PLACES, leave_predictions, make_project, predictions_of
from tests.labeler.guidance.test_carried_points import base_points, label

FAR = "10 % of the distance from eye_left to eye_right"


def run(project: Project, number: int, doubts: dict[int, float], **settings: object) -> None:
    """A run that predicted all faces; each landmark is wrong with its probability, and flagged above 20 %."""
    faces = [face.id for face in project.store.faces()]
    folder = leave_predictions(project, number, {})
    write_json(folder / "run.json", parse_json((folder / "run.json").read_text(), "") | settings)
    points = {key: PredictedPoint(*PLACES[key], (4.0, 0.0, 4.0), doubts[key], doubts[key] > 0.2) for key in PLACES}
    project.store.predictions.add(number, dict.fromkeys(faces, points))


def measured_on(project: Project, number: int, faces: int) -> None:
    """Let a run have measured its error on so many held-out faces."""
    write_json(project.runs / f"{number:03d}" / "model.json", {"target": "faces", "history": {"heldout": {"n": faces}}})


def test_a_run_tells_its_own_threshold_and_what_its_flags_are_expected_to_do(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    run(project, 1, {1: 0.9, 2: 0.3, 3: 0.01, 4: 0.01})
    words = flag_words(project, "run 1")
    assert words is not None
    assert words.sentence == (
        f"Flagged: more than 30 % likely to be off by over {FAR}; expected to catch 98 of 100 wrong points, and to "
        "leave 0.5 % of all points wrong."
    )
    assert words.why == "It is the highest threshold that is expected to leave at most 5 % of all points wrong."
    run(project, 2, {1: 0.9, 2: 0.3, 3: 0.01, 4: 0.01}, threshold=0.25, tolerance=0.05)
    words = flag_words(project, "run 2")
    assert words is not None
    assert "more than 25 % likely to be off by over 5 % of the distance" in words.sentence
    assert (words.why, words.by_hand) == ("The threshold was set by hand.", True)
    assert flag_words(project, "run 3") is None
    assert flag_words(project, "carried") is None


@pytest.mark.parametrize(("faces", "rough"), [(1, True), (4, True), (5, False)])
def test_a_run_that_measured_doubt_on_few_faces_promises_nothing(tmp_path: Path, faces: int, rough: bool) -> None:
    project = make_project(tmp_path)
    run(project, 1, {1: 0.9, 2: 0.3, 3: 0.01, 4: 0.01})
    measured_on(project, 1, faces)
    words = flag_words(project, "run 1")
    assert words is not None
    assert words.threshold == pytest.approx(0.3)
    assert ("expected to catch" in words.sentence) != rough
    assert bool(words.expected) != rough
    only = (
        f"Doubt is measured on {faces} held-out face{'' if faces == 1 else 's'} only, so ellipses and flags are rough"
    )
    assert words.rough.startswith(only) if rough else not words.rough
    assert ReviewActions(project).preview_unseen("expected", 2.0, seed=0, sample=0)["rough"] == words.rough


def test_a_face_tells_how_far_off_its_points_are_wrong(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    run(project, 1, {1: 0.9, 2: 0.3, 3: 0.01, 4: 0.01})
    view = FaceActions(project).view(1)
    assert view["flags"]["radius"] == pytest.approx(0.1 * 20)  # the eyes are 20 pixels apart
    assert view["flags"]["threshold"] == pytest.approx(0.3)
    project.store.predictions.add(2, {1: {1: PredictedPoint(1, 1, (1, 0, 1), 0.3, True)}})
    assert FaceActions(project).view(1)["flags"]["radius"] is None, "without all landmarks it is not known"


def test_without_a_normalizer_the_size_of_the_face_counts(tmp_path: Path) -> None:
    project = make_project(tmp_path, definition=MIDLINE)
    leave_predictions(project, 1, predictions_of(project, [1]))
    collect_predictions(project)
    face, proposed = project.store.face(1), project.proposed.of(1)
    assert proposed is not None
    flags = face_flags(project, face, proposed)
    assert flags is not None
    assert flags["wrong"] == "10 % of the face's size (the root of its box's area)"
    assert flags["radius"] == pytest.approx(0.1 * np.sqrt(64 * 48))


def test_carried_points_are_flagged_once_doubt_is_measured(tmp_path: Path) -> None:
    project = make_project(tmp_path, pictures=9)
    base_points(project, {face: (lambda z, by=face: z + by) for face in range(1, 10)})
    for count, measured in ((4, False), (6, True)):
        for face in range(1, count + 1):
            label(project, face, lambda z, by=face: z + 4 * by / 3)
        project.carry_labels()
        words, shown = flag_words(project, "carried"), FaceActions(project).view(9)
        assert words is not None
        assert (words.threshold is not None) == measured
        assert ("doubt is not measured yet" in words.sentence) != measured
        assert shown["flags"]["sentence"] == words.sentence


def test_shares_are_as_exact_as_they_must_be() -> None:
    assert [share(value) for value in (0.05, 0.0486, 0.0032, 0.0899, 0.1249, 0.0)] == [
        "5 %", "4.9 %", "0.3 %", "9 %", "12 %", "0 %"
    ]  # fmt: skip
