"""The tool learns while a person labels: in rounds that make no run, stop for what a person starts, and go on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from filelock import FileLock

from labeler.analysis.better_model import measuring
from labeler.guidance.learned_rounds import MAKING, RoundRecord, read_round
from labeler.guidance.learning import Doing, Learning, LearningSource
from labeler.project.coco import write_coco
from labeler.project.project import Project
from labeler.project.workspace import Workspace
from labeler.runs.background import PAUSE
from labeler.runs.bases import Base, best_base
from labeler.runs.control import cancel_run, list_runs
from labeler.runs.learner import LONG_PAUSE, Learner
from labeler.runs.round_faces import faces_to_learn, learning_faces
from labeler.runs.source_task import source_to_learn
from labeler.runs.sources import DRAWN, Sources, has_base
from labeler.runs.start import start
from mdmd import run_folder
from mdmd.config import STARTER
from mdmd.data.coco import read_coco
from mdmd.data.definition import load_definition
from mdmd.files import write_json
from mdmd.run_folder import Settings
from mdmd.synthetic.datasets import PAREIDOLIAS
from tests.builders import PATIENCE_WITH_TRAINING, make_project, predictions_of, python_commands, python_run, wait_for
from tests.labeler.guidance.test_carried_points import base_points, label, still

LABELED, FACES = 8, 12
Make = Callable[..., Learner]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """Twelve faces that the base has seen, the first eight labeled."""
    make_project(tmp_path, pictures=FACES).close()
    workspace = Workspace(tmp_path / "projects")
    project = workspace.open("faces")
    base_points(project, dict.fromkeys(range(1, FACES + 1), still))
    for face in range(1, LABELED + 1):
        label(project, face)
    yield project
    workspace.close()


@pytest.fixture
def learner(project: Project, tmp_path: Path) -> Iterator[Make]:
    """Makes learners for the project, which all use one lock."""
    made: list[Learner] = []
    base = Base("starter-1", STARTER, load_definition("300w").to_category())

    def make(folder: Path = STARTER, **options: object) -> Learner:
        workspace = Workspace(project.folder.parent)
        workspace.opened = lambda: ["faces"]  # type: ignore[method-assign]
        workspace.open = lambda name: project  # type: ignore[method-assign]
        chosen = {
            "sources_of": Sources,
            "on_battery": lambda: False,
            "steps": lambda faces: 2,
            "lock": tmp_path / "lock",
            **options,
        }
        made.append(Learner(workspace, base_of=lambda root: replace(base, folder=folder), **chosen))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for one in made:
        one.close()


def learning() -> list[psutil.Process]:
    """The processes that learn or predict for this one."""
    children = psutil.Process().children()
    return [child for child in children if child.status() != psutil.STATUS_ZOMBIE and "mdmd" in child.cmdline()]


def until(learner: Learner, project: Project, rounds: int) -> None:
    """Steps until so many rounds were learned."""

    def done() -> bool:
        learner.step()
        return project.rounds.numbers() != () and project.rounds.numbers()[-1] >= rounds

    wait_for(done, seconds=PATIENCE_WITH_TRAINING)


def test_a_round_learns_from_the_labels_proposes_points_and_makes_no_run(project: Project, learner: Make):
    own = learner()
    own.step()
    assert project.learning == Learning(Doing.LEARNING, len(learned(project)))
    until(own, project, 1)
    first = project.rounds.newest()
    assert first is not None
    assert first.subjects == learned(project)
    assert set(range(LABELED + 1, FACES + 1)) <= first.points.keys()
    assert {face for face in first.points if face <= LABELED} == measured(project)
    assert project.learning.doing is Doing.WAITING
    assert not list_runs(project)
    assert not (project.rounds.folder / MAKING).exists()

    project.carry_labels()
    project.charge.put("round 1")
    shown = project.proposed.of(FACES)
    assert shown is not None
    assert shown.proposer.name == "round 1"

    own.step()
    assert not learning()  # nothing new to learn from
    for face in range(LABELED + 1, FACES):
        label(project, face)
    until(own, project, 2)
    assert project.rounds.numbers() == (1, 2)  # the one in charge keeps its points
    assert not (project.rounds.path(1) / run_folder.WEIGHTS).exists()
    assert (project.rounds.path(2) / run_folder.WEIGHTS).exists()


def learned(project: Project) -> frozenset[str]:
    subjects = [project.store.image(face.image_id).subject for face in project.store.faces()[:LABELED]]
    return frozenset(subject for subject in subjects if not measuring(subject))


def measured(project: Project) -> set[int]:
    faces = project.store.faces()[:LABELED]
    return {face.id for face in faces if measuring(project.store.image(face.image_id).subject)}


def test_a_round_learns_neither_from_measuring_faces_nor_from_the_one_that_is_being_labeled(project: Project):
    chosen = {face.id for face in project.store.faces()[:LABELED]} - measured(project)
    assert set(learning_faces(project)) == chosen
    assert {sample.face_id for sample in faces_to_learn(project).samples} == chosen
    (begun, other, *_) = (
        face.id for face in project.store.faces()[LABELED:] if not measuring(project.store.image(face.image_id).subject)
    )
    label(project, begun, ids=(1, 2))
    assert set(learning_faces(project)) == chosen
    label(project, other, ids=(1,))  # the one before was left
    assert set(learning_faces(project)) == chosen | {begun}
    assert {sample.face_id for sample in faces_to_learn(project).samples} == chosen | {begun}


def test_a_round_that_was_stopped_goes_on_with_the_faces_it_began_with(project: Project, learner: Make):
    first = learner()
    first.step()
    first.close()
    assert not learning()
    begun = read_round(project.rounds.folder / MAKING)
    label(project, FACES)
    second = learner(steps=lambda faces: 9)
    second.step()
    assert read_round(project.rounds.folder / MAKING) == begun
    second.close()


def test_a_round_goes_on_from_the_last_one_only_where_it_learns_all_that_this_has_learned(
    project: Project, learner: Make
):
    definition = project.definition
    assert definition is not None
    before = project.rounds.path(1)
    before.mkdir(parents=True)
    few = faces_to_learn(project)
    write_coco(before / run_folder.TARGET, replace(few, samples=few.samples[:1]), images=project.images)
    write_json(before / run_folder.PREDICTIONS, predictions_of(project, [FACES]))
    RoundRecord(1, "starter-1", definition.version, 1, 2).write(before)
    (before / run_folder.WEIGHTS).touch()
    assert project.rounds.newest() is not None

    def begun_from() -> Path:
        own = learner()
        own.step()
        [process] = learning()
        words = process.cmdline()
        own.close()
        return Path(words[words.index("--from") + 1])

    assert begun_from() == before
    # Its one face has no label any more: what the round has learned of it would stay in the weights.
    [face] = (sample.face_id for sample in few.samples[:1])
    project.store.edit_points(face, dict.fromkeys(definition.ids))
    assert begun_from() == STARTER


def test_a_round_that_came_with_a_folder_is_not_believed(project: Project, learner: Make):
    own = learner()
    own.step()
    own.close()
    begun = read_round(project.rounds.folder / MAKING)
    assert begun is not None
    replace(begun, steps=10**9).write(project.rounds.folder / MAKING)
    own.step()
    assert read_round(project.rounds.folder / MAKING) == begun


def test_learning_stops_for_a_run_and_goes_on_after_it(project: Project, learner: Make):
    own = learner()
    own.step()
    assert learning()
    run = python_run(project, "import time; time.sleep(600)")
    own.step()
    assert project.learning.doing is Doing.PAUSED
    assert not learning()
    cancel_run(project, run.id, patience=PATIENCE_WITH_TRAINING)
    own.step()
    assert project.learning.doing is Doing.LEARNING


def test_a_switch_and_a_battery_end_learning(project: Project, learner: Make):
    battery = [False]
    own = learner(on_battery=lambda: battery[0])
    own.step()
    assert learning()
    battery[0] = True
    own.step()
    assert (project.learning.doing, learning()) == (Doing.BATTERY, [])
    battery[0] = False
    own.step()
    assert learning()
    project.change_settings(learns=False)
    own.step()
    assert (project.learning.doing, learning()) == (Doing.OFF, [])


def test_one_server_of_a_machine_learns(project: Project, learner: Make, tmp_path: Path):
    own = learner()
    with FileLock(tmp_path / "lock"):
        own.step()
        assert (project.learning.doing, learning()) == (Doing.ELSEWHERE, [])
    own.step()
    assert project.learning.doing is Doing.LEARNING


def test_other_work_in_the_background_goes_first(project: Project, learner: Make):
    busy = [True]
    own = learner(busy=lambda: busy[0])
    own.step()
    assert (project.learning.doing, learning()) == (Doing.WAITING, [])
    busy[0] = False
    own.step()
    assert learning()


def test_too_few_faces_begin_no_round(project: Project, learner: Make):
    for face in range(4, LABELED + 1):
        project.store.edit_points(face, dict.fromkeys(project.index.ids))
    own = learner()
    own.step()
    assert (project.learning.doing, learning()) == (Doing.WAITING, [])


def test_a_failure_is_said_and_tried_again_later(
    project: Project, learner: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    (tmp_path / "broken").mkdir()
    now = [0.0]
    own = learner(tmp_path / "broken", clock=lambda: now[0])
    with caplog.at_level(logging.WARNING, logger="labeler"):
        wait_for(lambda: own.step() or caplog.messages, seconds=PATIENCE_WITH_TRAINING)
    [said] = caplog.messages
    assert "project faces: learning from the labels failed" in said
    assert "broken" in said
    own.step()
    assert not learning()
    now[0] = PAUSE + 1
    own.step()
    assert learning()


def test_a_round_whose_process_was_killed_goes_on_later(
    project: Project, learner: Make, caplog: pytest.LogCaptureFixture
):
    now = [0.0]
    own = learner(clock=lambda: now[0])
    own.step()
    begun = read_round(project.rounds.folder / MAKING)
    [process] = learning()
    process.kill()
    with caplog.at_level(logging.WARNING, logger="labeler"):
        wait_for(lambda: own.step() or caplog.messages)
    assert "its process was ended by the signal 9" in caplog.messages[0]
    label(project, FACES)
    now[0] = PAUSE + 1
    own.step()
    assert learning()
    assert read_round(project.rounds.folder / MAKING) == begun


def test_a_damaged_round_proposes_nothing_and_the_next_one_replaces_it(project: Project, learner: Make):
    damaged = project.rounds.path(1)
    damaged.mkdir(parents=True)
    (damaged / run_folder.PREDICTIONS).write_text("nothing", encoding="utf-8")
    assert project.rounds.newest() is None
    project.carry_labels()
    project.judge_proposers()
    shown = project.proposed.of(FACES)
    assert shown is not None
    assert shown.proposer.name == "carried"
    own = learner()
    own.step()
    begun = read_round(project.rounds.folder / MAKING)
    assert begun is not None
    assert begun.number == 2
    assert len(read_coco(project.rounds.folder / MAKING / run_folder.TARGET).samples) == begun.faces


def test_a_data_set_that_was_added_is_learned_once_before_any_round(project: Project, learner: Make):
    sources = Sources(project.folder.parent)
    assert not has_base(sources.add(PAREIDOLIAS, "cups"))
    own = learner(minutes=0.02)
    own.step()
    assert project.learning == Learning(Doing.SOURCE, source=LearningSource("cups", None))
    own.close()
    assert not learning()
    wait_for(lambda: own.step() or has_base(sources.get("cups")), seconds=PATIENCE_WITH_TRAINING)
    wait_for(lambda: own.step() or project.learning.doing is not Doing.SOURCE, seconds=PATIENCE_WITH_TRAINING)
    assert project.learning.doing is Doing.LEARNING
    assert best_base(project.folder.parent).folder == STARTER  # nine landmarks are too few to carry labels over
    assert [path.name for path in (project.folder.parent / ".bases").glob("learning-*")] == []


def test_a_data_set_that_was_added_after_a_training_with_the_drawn_faces_is_learned_too(project: Project):
    sources = Sources(project.folder.parent)
    asked = Settings(source=DRAWN)
    start(project, "train", asked, {run_folder.TARGET: project.training_set()}, commands=python_commands("pass"))
    assert [run.source for run in list_runs(project)] == [DRAWN]
    assert source_to_learn([project], sources) is None
    sources.add(PAREIDOLIAS, "cups")
    learned = source_to_learn([project], sources)
    assert learned is not None
    assert learned.name == "cups"


def test_a_data_set_that_cannot_be_learned_does_not_keep_rounds_from_learning(
    project: Project, learner: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    now = [0.0]
    project.export(tmp_path / "broken.json")
    Sources(project.folder.parent).add(tmp_path / "broken.json")
    (tmp_path / "broken.json").write_text("nothing", encoding="utf-8")
    own = learner(clock=lambda: now[0])
    with caplog.at_level(logging.WARNING, logger="labeler"):
        wait_for(lambda: own.step() or caplog.messages, seconds=PATIENCE_WITH_TRAINING)
    assert "the data set broken could not be learned" in caplog.messages[0]
    own.step()
    assert project.learning.doing is Doing.LEARNING
    own.close()
    now[0] = LONG_PAUSE + 1
    own.step()
    assert project.learning.doing is Doing.SOURCE
