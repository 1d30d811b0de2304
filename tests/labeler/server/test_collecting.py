"""The running application collects the predictions of finished runs; no page is open in these tests."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from labeler.project.workspace import Workspace
from labeler.runs.base_predictions import BasePredictions
from labeler.runs.collect import uncollected
from labeler.runs.control import find_run
from tests.builders import leave_predictions, make_project, predictions_of, wait_for
from tests.labeler.guidance.test_carried_points import base_points, label, still
from tests.labeler.server.conftest import application

pytestmark = pytest.mark.filterwarnings("ignore::Warning")


def test_a_run_that_ends_is_collected(tmp_path: Path):
    project = make_project(tmp_path, "faces", pictures=2)
    with application(tmp_path, None):
        leave_predictions(project, 1, predictions_of(project, [2]))
        assert wait_for(project.store.predictions.current).keys() == {2}
        assert uncollected(project) == []


def test_unusable_predictions_are_noted_in_their_run_and_stop_nothing(tmp_path: Path):
    project = make_project(tmp_path, "faces", pictures=2)
    spoiled = predictions_of(project, [1])
    spoiled["annotations"][0]["attributes"]["p_off"][2] = float("nan")
    with application(tmp_path, None):
        leave_predictions(project, 1, spoiled)
        [said] = wait_for(lambda: find_run(project, "001").warnings)
        assert said.startswith("the predictions of run 001 cannot be used: ")
        assert "face 1, landmark 3" in said
        leave_predictions(project, 2, predictions_of(project, [2]))
        assert wait_for(project.store.predictions.current).keys() == {2}
    assert find_run(project, "001").state == "done"


def test_runs_that_ended_earlier_are_collected_once_their_project_is_open(tmp_path: Path):
    for name in ("faces", "others"):
        project = make_project(tmp_path, name, pictures=1)
        ended = leave_predictions(project, 1, predictions_of(project, [1])) / "exit.json"
        os.utime(ended, (1000, 1000))
        project.store.close()
    opened, closed = (tmp_path / "projects" / name / "labels.db" for name in ("faces", "others"))
    untouched = closed.read_bytes()
    with application(tmp_path, None) as browser:
        assert browser.get("/api/projects/faces").status_code == 200
        wait_for(lambda: browser.get("/api/projects/faces").json()["progress"]["predicted_faces"] == 1)
    assert opened.is_file()
    assert closed.read_bytes() == untouched


def test_a_project_that_cannot_be_opened_is_told_once_and_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    broken, sound = (make_project(tmp_path, name, pictures=1) for name in ("broken", "sound"))
    predictions = predictions_of(broken, [1])
    broken.store.close()
    (broken.folder / "labels.db").write_bytes(b"no database" * 100)
    with application(tmp_path, None):
        leave_predictions(broken, 1, predictions)
        wait_for(lambda: "project broken: " in caplog.text)
        leave_predictions(sound, 1, predictions_of(sound, [1]))
        assert wait_for(sound.store.predictions.current).keys() == {1}
    assert caplog.text.count("project broken: ") == 1


def test_an_application_without_work_sleeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def told(seconds: float) -> None:
        pauses.append(seconds)
        await sleep(seconds)

    monkeypatch.setattr(asyncio, "sleep", told)
    with application(tmp_path, None) as client:
        assert client.get("/config").status_code == 200  # starts Gradio's queue
        wait_for(lambda: len(pauses) >= 20)
    assert min(pauses) >= 0.01


class Stumbling(BasePredictions):
    """Raises an unexpected error at the first step."""

    steps = 0

    def step(self) -> None:
        self.steps += 1
        if self.steps == 1:
            raise RuntimeError("stumbled")


def test_an_unexpected_error_in_the_background_is_logged_and_the_work_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    make_project(tmp_path, "faces", pictures=1).close()
    works: list[Stumbling] = []

    def stumbling(workspace: Workspace) -> BasePredictions:
        works.append(Stumbling(workspace))
        return works[0]

    with application(tmp_path, None, stumbling):
        wait_for(lambda: works[0].steps >= 3)
    assert [record.message for record in caplog.records if record.name == "labeler"] == [
        "work in the background failed; it is tried again"
    ]


def test_labels_are_carried_over_while_the_application_runs(tmp_path: Path):
    project = make_project(tmp_path, "faces", pictures=2)
    base_points(project, {1: still, 2: still})
    with application(tmp_path, None) as client:
        label(project, 1)
        assert client.get("/api/projects/faces/faces/2").status_code == 200  # opens the project
        wait_for(lambda: client.get("/api/projects/faces/faces/2").json()["predictions"])
    project.close()
