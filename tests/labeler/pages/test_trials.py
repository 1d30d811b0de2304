"""The card that tries a model: which models it offers, and what it says of each state."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from labeler.pages.trials import LOST, TrialHandlers, shown_trial, tried_html
from labeler.project.project import Project
from labeler.project.workspace import Workspace
from labeler.runs.trials import Trials
from labeler.runs.tried_pictures import TriedFace
from labeler.storage.records import PredictedPoint
from mdmd.data.records import Box
from tests.builders import drawn_faces, leave_predictions, leave_starter, predictions_of, starter_project

POINTS = {
    1: PredictedPoint(100.0, 90.0, (9.0, 0.0, 4.0), 0.02, False, 2.0),
    2: PredictedPoint(140.0, 90.0, (9.0, 0.0, 4.0), 0.9, True, 2.0),
}


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with starter_project(tmp_path / "projects", drawn_faces()[0]) as project:
        yield project


@pytest.fixture
def on(project: Project, tmp_path: Path) -> Iterator[TrialHandlers]:
    trials = Trials(tmp_path / "tries")
    workspace = Workspace(project.folder.parent)
    yield TrialHandlers(workspace, trials)
    trials.close()
    workspace.close()


def request_of(project: Project) -> Any:
    return SimpleNamespace(query_params={"project": project.name})


def uploads(folder: Path, files: list[Path]) -> list[str]:
    """Copies, each in a folder of its own as Gradio keeps them."""
    places = [folder / str(k) / file.name for k, file in enumerate(files)]
    for file, place in zip(files, places, strict=True):
        place.parent.mkdir(parents=True)
        shutil.copy(file, place)
    return [str(place) for place in places]


def test_the_models_are_offered_and_a_choice_is_not_undone(project: Project, on: TrialHandlers) -> None:
    request = request_of(project)
    leave_predictions(project, 2, predictions_of(project, []))
    leave_starter(project, 3)
    frame, models = on.offer(None, request)
    assert frame == gr.update(visible=True)
    assert models == gr.update(choices=[("run 003", "003"), ("run 001", "001")], value="003")
    project.charge.put("run 1")
    _, models = on.offer(None, request)
    assert models == gr.update(choices=[("run 003", "003"), ("run 001, in charge", "001")], value="001")
    _, models = on.offer("003", request)
    assert "value" not in models
    _, models = on.offer("007", request)
    assert models["value"] == "001", "it was deleted"
    shutil.rmtree(project.runs)
    assert on.offer("003", request)[0] == gr.update(visible=False)
    assert on.offer("003", SimpleNamespace(query_params={}))[0] == gr.update(visible=False)


def test_a_try_is_shown_from_its_beginning_to_its_end(project: Project, on: TrialHandlers, tmp_path: Path) -> None:
    request = request_of(project)
    assert on.look("", request) == ""
    assert on.show("", request)[2] == ""
    files = uploads(tmp_path / "up", drawn_faces()[:2])
    cleared, problem, seen = on.begin("001", files, request)
    assert (cleared, problem) == (None, "")
    assert not any(Path(file).parent.exists() for file in files)
    now, timer, said, add, clear, pictures = on.show(str(seen), request)
    assert (now, timer.active, pictures) == (seen, True, "")
    assert "Run 001 looks at 2 pictures" in said
    assert (add["visible"], clear["value"]) == (False, "Cancel")
    assert on.look(str(seen), request) == seen

    opened = on.workspace.open("faces")
    trial = on.trials.of(opened)
    assert trial is not None
    trial.faces = {picture.id: TriedFace(Box(60, 50, 120, 120), POINTS) for picture in trial.pictures}
    trial.state, trial.seconds = "done", 12.0
    assert on.look(str(seen), request) == f"{trial.number}:done"
    now, timer, said, add, clear, pictures = on.show(str(seen), request)
    assert (timer.active, add["visible"], add["value"], clear["value"]) == (
        False,
        True,
        "Add 1 picture to the project",
        "Clear",
    )
    assert "Run 001 found 4 points on 2 pictures and would flag 2 of them for review. It took 12 s." in said
    assert "1 of them is in the project already." in said
    assert pictures.count("<ellipse") == 4
    assert pictures.count('class="off"') == 2
    assert "1 point flagged" in pictures
    definition = project.definition
    assert definition is not None
    assert f"{definition.landmarks[1]}: wrong with a probability of 90 %, flagged" in pictures

    added = on.add(str(now), request)
    assert added == f"{trial.number}:added"
    *_, said, add, clear, pictures = on.show(added, request)
    assert "1 picture added, with the points of run 001 as proposals; 1 was here already." in said
    assert (add["visible"], pictures) == (False, "")
    assert on.clear(added, request) == ""
    assert on.look("", request) == ""


def test_what_was_added_says_how_to_see_its_points_where_something_else_is_in_charge(
    project: Project, on: TrialHandlers, tmp_path: Path
) -> None:
    request = request_of(project)
    on.workspace.open("faces").charge.put("carried")
    *_, seen = on.begin("001", uploads(tmp_path / "up", drawn_faces()[1:2]), request)
    trial = on.trials.of(on.workspace.open("faces"))
    assert trial is not None
    trial.faces = {1: TriedFace(Box(60, 50, 120, 120), POINTS)}
    trial.state = "done"
    on.add(str(seen), request)
    said = shown_trial(on.workspace.open("faces"), trial)
    assert "points carried over from labeled faces" in said
    assert "put it in charge on the Review page" in said
    assert tried_html(on.workspace.open("faces"), trial) == ""


def test_a_try_that_is_gone_is_said(project: Project, on: TrialHandlers, tmp_path: Path) -> None:
    request = request_of(project)
    *_, seen = on.begin("001", uploads(tmp_path / "up", drawn_faces()[1:2]), request)
    restarted = TrialHandlers(on.workspace, Trials(tmp_path / "other"))
    assert restarted.look(str(seen), request) == LOST
    now, timer, said, add, clear, _ = restarted.show(LOST, request)
    assert (now, timer.active, add["visible"], clear["visible"]) == (LOST, False, False, False)
    assert "Nothing was added. Drop the pictures again." in said
    with pytest.raises(gr.Error, match="not there any more"):
        restarted.add(str(seen), request)


def test_problems_are_said_below_the_field_and_no_upload_stays(
    project: Project, on: TrialHandlers, tmp_path: Path
) -> None:
    request = request_of(project)
    files = uploads(tmp_path / "up", drawn_faces()[:1])
    cleared, problem, _ = on.begin("009", files, request)
    assert cleared is None
    assert "has no run 009" in str(problem)
    assert not Path(files[0]).exists()
    _, problem, _ = on.begin("001", None, request)
    assert "No picture was dropped" in str(problem)
