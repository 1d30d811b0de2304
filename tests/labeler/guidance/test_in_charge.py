"""The better proposer is in charge: judged on faces that neither has learned from, and said why."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from labeler.analysis.better_model import Reason, measuring
from labeler.guidance.learned_rounds import RoundRecord, read_round
from labeler.pages.in_charge import proposers
from labeler.pages.runs import runs_html
from labeler.project.project import Project
from labeler.server.face_actions import FaceActions
from labeler.storage.records import PredictedPoint
from mdmd import run_folder
from mdmd.data.coco import to_coco
from mdmd.data.records import Prediction
from mdmd.evaluation.error_law import LAPLACIAN
from mdmd.evaluation.evaluate import FlagRule
from mdmd.evaluation.predictions import predicted_coco
from mdmd.files import write_json
from mdmd.run_folder import Ended, RunRecord, Settings
from tests.builders import PLACES, make_project, write_picture
from tests.labeler.guidance.test_carried_points import Move, base_points, label

FACES = 40
TOLERANCE = 0.1


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Forty labeled faces, up to a pixel where the base sees them, and four that are not labeled."""
    project = make_project(tmp_path, pictures=FACES + 4)
    rng = np.random.default_rng(0)
    for face in range(1, FACES + 1):
        moved = placed(face)(complex(*rng.normal(0, 1, 2)))
        label(project, face, lambda z, by=moved: z + by)
    return project


def placed(face: int) -> Move:
    """Where in its picture a face lies; those that are not labeled are all at one place."""
    x, y = np.random.default_rng(face).normal(0, 4, 2) if face <= FACES else (0.0, 0.0)
    return lambda z: z + complex(x, y)


SEEN = {face: placed(face) for face in range(1, FACES + 5)}


def train(project: Project, off: float, *, held: range = range(21, FACES + 1), number: int = 1, seed: int = 1) -> None:
    """A finished training whose predictions of the faces `held`, from which it did not learn, are `off` pixels away."""
    rng = np.random.default_rng(seed)
    folder = project.runs / f"{number:03d}"
    folder.mkdir(parents=True)
    target = project.training_set()
    write_json(folder / run_folder.TARGET, to_coco(target.samples, target.definition))
    samples = [sample for sample in target.samples if sample.face_id in held]
    found = []
    for sample in samples:
        assert sample.annotation is not None
        turn = rng.uniform(0, 2 * np.pi, 4)
        away = off * np.stack([np.cos(turn), np.sin(turn)], axis=1)
        found.append(Prediction(sample.annotation.points + away, np.tile(np.eye(2), (4, 1, 1))))
    coco = predicted_coco(target.definition, found, samples, FlagRule(TOLERANCE), LAPLACIAN, final=True)
    write_json(folder / run_folder.HELDOUT, coco)
    RunRecord(folder.name, "train", 1.0, len(samples), len(samples), Settings()).write(folder)
    Ended(0, 2.0).write(folder)
    places = {key: PredictedPoint(*place, (1.0, 0.0, 1.0), 0.1, False) for key, place in PLACES.items()}
    project.store.predictions.add(number, dict.fromkeys(range(FACES + 1, FACES + 5), places))


def in_charge(project: Project) -> str:
    project.carry_labels()
    project.judge_proposers()
    return project.proposed.in_charge()


def test_a_training_that_is_better_takes_over_and_the_history_says_why(project: Project):
    base_points(project, SEEN)
    assert in_charge(project) == "carried"
    train(project, off=0.3)
    assert in_charge(project) == "run 1"
    charge = project.store.charges.all()[-1]
    assert charge.proposer == "run 1"
    assert charge.why["by"] == "figures"
    assert charge.why["instead of"] == "carried"
    assert charge.why["faces"] == 20
    assert charge.why["error"] < charge.why["against"]
    found = project.proposed.of(FACES + 1)
    assert found is not None
    assert found.proposer.name == "run 1"
    assert not project.judge_proposers()  # nothing has changed


@pytest.mark.parametrize("off", [1.8, 3.0, 400.0])
def test_a_training_that_is_no_better_does_not(project: Project, off: float):
    base_points(project, SEEN)
    train(project, off)
    assert in_charge(project) == "carried"
    assert not project.charge.verdicts()["run 1"].takes_over
    found = project.proposed.of(FACES + 1)
    assert found is not None
    assert found.proposer.name == "carried"


@pytest.mark.parametrize("animal", [lambda picture: picture % 20, lambda picture: (picture + 1) // 2])
def test_a_training_is_not_judged_on_subjects_that_it_told_apart(project: Project, animal: Callable[[int], int]):
    """Either it learned from other faces of the animal, or the predictions of a fold may have."""
    train(project, off=0.3)
    assert in_charge(project) == "run 1"
    assert project.charge.error("run 1") is not None
    project.store.set_subjects({picture.id: f"animal {animal(picture.id)}" for picture in project.store.images()})
    project.judge_proposers()
    assert project.charge.error("run 1") is None


def test_a_training_that_could_not_be_judged_is_not_in_charge(project: Project):
    base_points(project, SEEN)
    train(project, off=0.1, held=range(39, FACES + 1))
    assert in_charge(project) == "carried"
    assert project.charge.verdicts()["run 1"].reason is Reason.TOO_FEW_FACES


def test_without_carried_over_points_a_training_must_be_better_than_the_mean_shape(project: Project):
    train(project, off=0.3)
    assert in_charge(project) == "run 1"
    assert re.search(r"an error of 1\.\d % against \d+\.\d % of the mean shape, on", str(runs_html(project, [], None)))
    train(project, off=5.0, number=2)
    assert in_charge(project) == "run 1"


def test_faces_that_are_labeled_after_a_training_judge_it_too(project: Project):
    base_points(project, SEEN)
    train(project, off=0.3, held=range(37, FACES + 1))
    assert in_charge(project) == "carried"
    for face in range(FACES + 1, FACES + 5):
        label(project, face)  # exactly where the run had them
    assert in_charge(project) == "run 1"
    assert project.store.charges.all()[-1].why["faces"] == 8


def test_a_face_that_is_being_labeled_judges_nothing_until_it_is_complete(project: Project):
    base_points(project, SEEN)
    train(project, off=0.3)
    in_charge(project)
    judged = project.charge.verdicts()
    label(project, FACES + 1, ids=(1, 2, 3))
    in_charge(project)
    assert project.charge.verdicts() is judged
    label(project, FACES + 1, ids=(4,))
    in_charge(project)
    assert project.charge.verdicts() is not judged
    judged = project.charge.verdicts()
    label(project, FACES + 2, ids=(1,))
    label(project, FACES + 3, ids=(1,))
    in_charge(project)
    assert project.charge.verdicts() is not judged  # the face before was left


def test_a_person_puts_a_run_in_charge_and_goes_back(project: Project):
    base_points(project, SEEN)
    train(project, off=3.0)
    assert in_charge(project) == "carried"
    project.charge.put("run 1")
    assert project.proposed.in_charge() == "run 1"
    project.charge.put("carried")
    assert project.proposed.in_charge() == "carried"
    assert [charge.why["by"] for charge in project.store.charges.all()] == ["figures", "person", "person"]


def test_what_a_person_chose_stays_until_a_later_training_is_better(project: Project):
    base_points(project, SEEN)
    train(project, off=3.0)
    assert in_charge(project) == "carried"
    project.charge.put("run 1")
    label(project, FACES + 1)
    assert in_charge(project) == "run 1"  # carried-over points are better, and the person knew
    train(project, off=0.3, number=2)
    assert in_charge(project) == "run 2"


def test_what_the_model_in_charge_predicts_in_a_later_run_is_shown(project: Project):
    train(project, off=0.3)
    assert in_charge(project) == "run 1"
    again = {key: PredictedPoint(1.0, 2.0, (1.0, 0.0, 1.0), 0.1, False) for key in PLACES}
    project.store.predictions.add(2, {FACES + 1: again}, model=1)
    project.store.predictions.add(3, {FACES + 2: again}, model=7)
    assert in_charge(project) == "run 1"
    places = [(found.points[1].x, found.points[1].y) for face in (1, 2) if (found := project.proposed.of(FACES + face))]
    assert places == [(1.0, 2.0), PLACES[1]]
    found = project.proposed.all()
    assert [(found[FACES + k].points[1].x, found[FACES + k].points[1].y) for k in (1, 2)] == places


def test_other_pictures_of_a_learned_subject_judge_nothing(project: Project, tmp_path: Path):
    base_points(project, SEEN)
    train(project, off=0.3, held=range(37, FACES + 1))  # four of forty are held out
    learned = project.store.images()[0].subject
    for number in range(4):
        picture = write_picture(tmp_path / f"again-{number}.png", color=(200, 10, number))
        project.add_picture(picture, subject=learned)
    faces = [face.id for face in project.store.faces()][-4:]
    project.store.predictions.add(2, dict.fromkeys(faces, project.store.predictions.of_run(1)[FACES + 1]), model=1)
    for face in faces:
        label(project, face)
    assert in_charge(project) == "carried"
    assert project.charge.verdicts()["run 1"].faces == 4


def test_the_page_tells_what_was_in_charge_and_why(project: Project):
    base_points(project, SEEN)
    train(project, off=0.3)
    in_charge(project)
    project.charge.put("carried")
    told = str(runs_html(project, [], None))
    assert re.search(
        r"Run 001: an error of \d\.\d % against \d\.\d % of points carried over from labeled faces, on 20 labeled", told
    )
    assert "Points carried over from labeled faces: put in charge by hand" in told
    assert told.index("by hand") < told.index("Run 001")


def test_half_of_the_measuring_faces_show_the_second_best(project: Project):
    base_points(project, SEEN)
    train(project, off=0.3)
    in_charge(project)
    names = {}
    for face in range(FACES + 1, FACES + 5):
        found = project.proposed.of(face)
        assert found is not None
        names[face] = found.proposer.name
    subjects = {face.id: project.store.image(face.image_id).subject for face in project.store.faces()}
    for face, name in names.items():
        if not measuring(subjects[face]):
            assert name == "run 1"
    assert project.proposed.all().keys() >= set(names)


def test_what_a_face_shows_is_remembered_with_its_first_label(project: Project):
    base_points(project, SEEN)
    project.carry_labels()
    actions, face = FaceActions(project), FACES + 1
    actions.set_points(face, [{"id": 1, "x": 5.0, "y": 6.0, "v": 2}])
    assert project.store.charges.shown() == {face: "carried"}
    project.store.charges.show(face, "run 9")
    assert project.store.charges.shown() == {face: "carried"}


Use = Callable[[Project], None]


def broken(project: Project) -> None:
    (project.runs / "001" / run_folder.HELDOUT).write_text("{")


def of_another_definition(project: Project) -> None:
    file = project.runs / "001" / run_folder.HELDOUT
    file.write_text(file.read_text().replace('"landmark_ids": [', '"landmark_ids": [9, ', 1))


@pytest.mark.parametrize("harm", [broken, of_another_definition])
def test_a_training_whose_files_are_damaged_stays_out(project: Project, harm: Use):
    base_points(project, SEEN)
    train(project, off=0.1)
    harm(project)
    assert in_charge(project) == "carried"


def test_labels_accepted_unseen_judge_nothing(project: Project):
    base_points(project, SEEN)
    train(project, off=0.3)
    for face in range(21, FACES + 1):
        points = project.store.points(face)[face]
        project.store.edit_points(face, {key: replace(p, source="accepted_unseen") for key, p in points.items()})
    assert in_charge(project) == "carried"


def learn(project: Project, off: float, *, number: int = 1, held: range = range(21, FACES + 1), seed: int = 1) -> None:
    """A round whose model is `off` pixels away on the faces `held`, from which it did not learn, and on open ones."""
    rng = np.random.default_rng(seed)
    folder = project.rounds.path(number)
    folder.mkdir(parents=True)
    target = project.training_set()
    learned = tuple(sample for sample in target.samples if sample.face_id not in held)
    write_json(folder / run_folder.TARGET, to_coco([replace(s, split="train") for s in learned], target.definition))
    samples = [sample for sample in project.exchange.labeled_set().samples if sample.face_id in held]
    samples += project.unlabeled_faces().samples
    found = []
    for sample in samples:
        points = np.array(list(PLACES.values())) if sample.annotation is None else sample.annotation.points
        turn = rng.uniform(0, 2 * np.pi, 4)
        away = off * np.stack([np.cos(turn), np.sin(turn)], axis=1)
        found.append(Prediction(points + away, np.tile(0.01 * np.eye(2), (4, 1, 1))))
    coco = predicted_coco(target.definition, found, samples, FlagRule(TOLERANCE), LAPLACIAN, final=True)
    write_json(folder / run_folder.PREDICTIONS, coco)
    RoundRecord(number, "starter-1", 1, len(learned), 60).write(folder)


def test_a_round_that_is_better_takes_over_and_proposes_with_what_is_carried_over(project: Project):
    base_points(project, SEEN)
    assert in_charge(project) == "carried"
    carried = project.proposed.of(FACES + 1)
    learn(project, off=0.1)
    assert in_charge(project) == "round 1"
    shown = project.proposed.of(FACES + 1)
    assert carried is not None
    assert shown is not None
    assert (shown.proposer.name, shown.proposer.measured) == ("round 1", True)
    assert shown.points != carried.points
    error = project.charge.error("round 1")
    assert error is not None
    assert error == pytest.approx(project.store.charges.all()[-1].why["error"], rel=0.2)


@pytest.mark.parametrize("off", [3.0, 400.0])
def test_a_round_that_is_no_better_is_not_in_charge(project: Project, off: float):
    base_points(project, SEEN)
    learn(project, off)
    assert in_charge(project) == "carried"
    learn(project, off, number=2)
    assert in_charge(project) == "carried"


def test_a_round_that_could_not_be_judged_is_not_in_charge_until_more_faces_are_labeled(project: Project):
    base_points(project, {**SEEN, **dict.fromkeys(range(FACES + 1, FACES + 5), lambda z: z + 1.5)})
    learn(project, off=0.1, held=range(37, FACES + 1))
    assert in_charge(project) == "carried"
    assert project.charge.error("round 1") is None
    for face in range(FACES + 1, FACES + 5):
        label(project, face)
    assert in_charge(project) == "round 1"


def test_a_round_of_another_definition_proposes_nothing(project: Project):
    base_points(project, SEEN)
    learn(project, off=0.1)
    record = read_round(project.rounds.path(1))
    assert record is not None
    replace(record, version=2).write(project.rounds.path(1))
    assert in_charge(project) == "carried"


def test_a_later_round_replaces_the_one_that_a_person_chose_but_not_carried_points(project: Project):
    base_points(project, SEEN)
    learn(project, off=1.5)
    in_charge(project)
    project.charge.put("round 1")
    learn(project, off=0.05, number=2)
    assert in_charge(project) == "round 2"
    project.charge.put("carried")
    learn(project, off=0.04, number=3)
    assert in_charge(project) == "carried"
    assert [name for name, _ in proposers(project)] == ["carried", "round 3"]  # what a person can choose instead
