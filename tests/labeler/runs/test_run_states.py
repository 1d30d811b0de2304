"""The states of a run: a queue of one, stopping and keeping, resuming, and what an earlier try leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from labeler.errors import ConflictError, NotFoundError
from labeler.project.project import Project
from labeler.project.workspace import Workspace
from labeler.runs import manage as housekeeping
from labeler.runs import start as jobs
from labeler.runs.collect import collect_predictions
from labeler.runs.control import active_runs, cancel_run, find_run, list_runs, stop_and_keep
from labeler.runs.run import Run, output_of
from mdmd.errors import DataError
from mdmd.run_folder import FACES, STATE, Settings, Stopped
from tests.builders import (
    PATIENCE,
    leave_predictions,
    make_project,
    predictions_of,
    python_commands,
    python_run,
    wait_for,
)
from tests.labeler.runs.test_start import LOG, over, wait

#: A training that has learned a step of the landmarks and goes on until the file `go` is there.
LEARNING = (
    LOG
    + """
event(event="start", stage="adapt", steps=90, minutes=None)
event(event="step", stage="adapt", step=7, steps=90, loss=2.0)
while not (run / "go").exists(): time.sleep(0.02)
"""
)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path, pictures=5, labeled=3)


@pytest.fixture
def other(project: Project) -> Project:
    return make_project(project.folder.parent.parent, "other", labeled=3)


def become(project: Project, run_id: str, state: str, seconds: float = PATIENCE) -> Run:
    """The run as soon as it is in that state."""
    wait_for(
        lambda: find_run(project, run_id).state == state,
        seconds=seconds,
        otherwise=lambda: f"run {run_id} stayed {find_run(project, run_id)}",
    )
    return find_run(project, run_id)


def test_a_run_with_a_damaged_record_is_named(project: Project) -> None:
    with pytest.raises(NotFoundError, match="has no run 007"):
        find_run(project, "007")
    (project.runs / "007").mkdir(parents=True)
    (project.runs / "007" / "run.json").write_text("[")
    with pytest.raises(DataError, match=r"007/run\.json"):
        find_run(project, "007")


def learning(run: Run) -> bool:
    return run.step == 7


def test_a_second_run_waits_for_the_first_and_a_third_is_refused(project: Project, other: Project) -> None:
    python_run(project, LEARNING)
    second = python_run(other, "(run / 'ran').touch()")
    assert (second.state, second.seconds, second.active) == ("waiting", 0.0, True)
    with pytest.raises(
        ConflictError,
        match=r"a run is already waiting \(run 001 of project other, started \d\d:\d\d\); wait for it or cancel it",
    ):
        python_run(project, "")
    assert [run.id for run in list_runs(project)] == ["001"]
    assert not (second.folder / "ran").exists()
    assert [(name, run.state) for name, run in active_runs(project.folder.parent)] == [
        ("faces", "running"),
        ("other", "waiting"),
    ]
    (project.runs / "001" / "go").touch()
    assert become(other, "001", "done").seconds < 30
    assert (second.folder / "ran").exists()
    assert find_run(project, "001").state == "done"


def test_a_waiting_run_begins_with_no_page_and_no_server(project: Project, other: Project) -> None:
    """Both are started by a process that is then killed, as a server is by kill -9."""
    script = (
        "import sys, time\nsys.path.insert(0, '.')\nfrom pathlib import Path\n"
        "from tests.builders import python_run\nfrom tests.labeler.runs.test_run_states import LEARNING\n"
        "from labeler.project.workspace import Workspace\n"
        "work = Workspace(Path(sys.argv[1]))\npython_run(work.open('faces'), LEARNING)\n"
        "python_run(work.open('other'), 'pass')\nprint('started', flush=True)\ntime.sleep(60)\n"
    )
    server = subprocess.Popen(
        [sys.executable, "-c", script, str(project.folder.parent)],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )
    assert server.stdout is not None
    assert server.stdout.readline() == b"started\n"
    server.kill()
    server.wait(20)
    server.stdout.close()
    assert (find_run(project, "001").state, find_run(other, "001").state) == ("running", "waiting")
    (project.runs / "001" / "go").touch()
    become(other, "001", "done")
    assert find_run(project, "001").state == "done"


def test_a_waiting_run_can_be_cancelled_and_leaves_the_queue(project: Project, other: Project) -> None:
    python_run(project, LEARNING)
    python_run(other, "(run / 'ran').touch()")
    cancelled = cancel_run(other, "001", patience=20)
    assert (cancelled.state, cancelled.seconds, cancelled.error) == ("cancelled", 0.0, None)
    assert python_run(other, "").state == "waiting"
    (project.runs / "001" / "go").touch()
    become(other, "002", "done")
    assert not (other.runs / "001" / "ran").exists()
    assert jobs.resume(other, "001", commands=python_commands("(run / 'ran').touch()")).active
    become(other, "001", "done")
    assert (other.runs / "001" / "ran").exists()


def test_a_killed_run_gives_its_turn_away(project: Project, other: Project) -> None:
    python_run(project, LEARNING)
    wait(project, learning)
    python_run(other, "pass")
    os.kill(json.loads((project.runs / "001" / "run.json").read_text())["pid"], signal.SIGKILL)
    become(other, "001", "done")
    assert find_run(project, "001").state == "interrupted"


def test_stop_and_keep_is_asked_by_a_file_and_ends_as_stopped(project: Project) -> None:
    python_run(
        project,
        LEARNING.replace('"go"', '"stop"')
        + """
while not (run / "go").exists(): time.sleep(0.02)
(run / "metrics.json").write_text(json.dumps({"nme": 8.0, "n": 3, "stopped": {"step": 8, "of": 90}}))
""",
    )
    wait(project, learning)
    assert stop_and_keep(project, "001").state == "stopping"
    with pytest.raises(ConflictError, match="run 001 cannot be stopped and kept: it is stopping"):
        stop_and_keep(project, "001")
    (project.runs / "001" / "go").touch()
    run = wait(project, over)
    assert (run.state, run.stopped, run.error, run.can_resume) == ("stopped", Stopped(8, 90), None, False)


def test_predictions_of_a_stopped_run_come_in(project: Project) -> None:
    folder = leave_predictions(project, 1, predictions_of(project, [4]))
    (folder / "metrics.json").write_text(json.dumps({"stopped": {"step": 8, "of": 90}}))
    assert collect_predictions(project) == ["001"]
    assert sorted(project.store.predictions.current()) == [4]


@pytest.mark.parametrize(
    ("code", "kind", "until", "said"),
    [
        (
            'event(event="start", stage="base", minutes=20)',
            "train",
            "base",
            "it has not started to train on your landmarks",
        ),
        ('event(event="start", stage="adapt", steps=9)', "train", "adapt", "it has not trained a step"),
        ('event(event="predicted", faces=1, of=5)', "train", "predict", "its training is over already"),
        ('event(event="step", stage="adapt", step=9, steps=9)', "train", "measure", "its training is over already"),
        ('event(event="predicted", faces=1, of=5)', "prelabel", "predict", "it is pre-labeling, not training"),
    ],
)
def test_what_has_no_model_to_keep_is_not_stopped(
    project: Project, code: str, kind: str, until: str, said: str
) -> None:
    python_run(project, f"{LOG}\n{code}\ntime.sleep(60)", kind=kind)
    wait(project, lambda run: run.stage == until)
    with pytest.raises(ConflictError, match=said):
        stop_and_keep(project, "001")
    assert not (project.runs / "001" / "stop").exists()
    assert cancel_run(project, "001", patience=20).state == "cancelled"


START = {"event": "start", "stage": "adapt"}
LAST = {"event": "step", "stage": "adapt", "step": 9, "steps": 9}
MEASURED, OVER = {"event": "eval", "stage": "adapt", "step": 9}, {"event": "done", "stage": "adapt"}


def told(faces: int, of: int) -> dict[str, Any]:
    return {"event": "predicted", "faces": faces, "of": of}


@pytest.mark.parametrize(
    ("events", "stage", "predicted"),
    [
        ([START, {**LAST, "step": 8}, MEASURED], "adapt", None),
        ([START, LAST, MEASURED], "measure", None),
        ([START, {**LAST, "step": 4}, {"event": "stopped", "stage": "adapt", "step": 4}], "measure", None),
        ([{**LAST, "stage": "base"}], "base", None),
        ([START, LAST, MEASURED, OVER], "predict", None),
        ([START, LAST, MEASURED, OVER, told(32, 60)], "predict", (32, 60)),
        ([LAST, OVER, told(32, 60), told(60, 60)], "predict", (60, 60)),
        ([LAST, OVER, told(32, 60), told(60, 60), told(9, 9)], "check", (9, 9)),
        ([LAST, OVER, told(9, 9), told(9, 9)], "check", (9, 9)),
        ([LAST, OVER, told(9, 9), {"event": "resume", "stage": "adapt"}, START], "adapt", None),
    ],
)
def test_the_stage_of_a_training_is_that_of_its_log(
    project: Project, events: list[dict[str, Any]], stage: str, predicted: tuple[int, int] | None
) -> None:
    folder = leave_predictions(project, 1, {})
    record = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(record | {"prelabel": True}))
    (folder / "log.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    [run] = list_runs(project)
    assert (run.stage, run.predicted) == (stage, predicted)


def broken(project: Project) -> Run:
    """A training that failed at step 7 with a state kept."""
    python_run(project, BREAKS)
    return wait(project, over)


#: Fails at step 7 with a state kept, and ends well when the file `go` is there.
BREAKS = (
    LOG
    + f"""
event(event="step", stage="adapt", step=7, steps=90, loss=2.0)
(run / "{STATE}").touch()
(run / "stop").touch()
print("mdmd: error: lightning struck")
if not (run / "go").exists(): sys.exit(1)
while (run / "hold").exists(): time.sleep(0.02)
if (run / "stop").exists(): (run / "stop").unlink()
"""
)


@pytest.mark.parametrize("stage", ["source", "base"])
def test_a_training_that_broke_off_before_its_own_landmarks_goes_on(project: Project, stage: str) -> None:
    code = LOG + f"event(event='start', stage={stage!r})\nif not (run / 'go').exists(): sys.exit(1)"
    run = python_run(project, code)
    assert wait(project, over).can_resume
    (run.folder / "go").touch()
    jobs.resume(project, run.id, commands=python_commands(code))
    assert wait(project, over).state == "done"


def test_a_resumed_run_is_told_by_its_newest_try(project: Project) -> None:
    first = broken(project)
    assert (first.state, first.error, first.can_resume) == ("failed", "lightning struck", True)
    (first.folder / "error.json").write_text(json.dumps({"error": "of long ago"}))
    (first.folder / "cancel").touch()
    (first.folder / "go").touch()
    (first.folder / "hold").touch()
    again = jobs.resume(project, "001", commands=python_commands(BREAKS))
    assert (again.id, again.state, again.error, again.exit_code) == ("001", "running", None, None)
    with pytest.raises(ConflictError, match="run 001 cannot be resumed: running"):
        jobs.resume(project, "001")
    (first.folder / "hold").unlink()
    done = wait(project, over)
    assert (done.state, done.error, done.warnings) == ("done", None, [])
    assert first.seconds < done.seconds < 60
    assert output_of(done.folder).count("lightning struck") == 2


def test_a_try_without_a_word_is_not_told_by_the_words_of_the_one_before(project: Project) -> None:
    broken(project)
    jobs.resume(project, "001", commands=python_commands("sys.exit(3)"))
    assert wait(project, over).error == "ended with exit code 3"


def test_what_left_no_state_is_not_resumed(project: Project) -> None:
    python_run(project, "sys.exit(1)")
    wait(project, over)
    with pytest.raises(ConflictError, match="run 001 cannot be resumed: there is no state to go on from"):
        jobs.resume(project, "001")
    with pytest.raises(NotFoundError, match="no run 009"):
        jobs.resume(project, "009")


def test_pre_labeling_does_not_queue_behind_a_training_that_will_pre_label(project: Project) -> None:
    python_run(project, LEARNING)
    with pytest.raises(ConflictError, match="run 001 is running and pre-labels at its end"):
        jobs.start_prelabel(project)
    cancel_run(project, "001", patience=20)


def test_a_title_is_one_line_of_text_and_survives_a_restart(project: Project) -> None:
    python_run(project, "")
    wait(project, over)
    assert housekeeping.rename(project, "001", " <b>with\n\x00 300W</b> ").title == "<b>with 300W</b>"
    assert list_runs(Workspace(project.folder.parent).open("faces"))[0].name == "001 (<b>with 300W</b>)"
    with pytest.raises(DataError, match="at most 80 characters, found 81"):
        housekeeping.rename(project, "001", "x" * 81)
    assert housekeeping.rename(project, "001", "").title is None


def test_deleting_a_run_frees_its_folder_and_touches_no_label(project: Project) -> None:
    leave_predictions(project, 1, predictions_of(project, [4, 5]))
    folder = leave_predictions(project, 2, predictions_of(project, [4]))
    (folder / "model.safetensors").write_bytes(bytes(3_000_000))
    labels = project.store.points()
    collect_predictions(project)
    run = find_run(project, "002")
    assert 3_000_000 < housekeeping.size_of(run) < 3_010_000
    assert housekeeping.consequences(project, run) == [
        "This frees 3.0 MB. Labels are not changed.",
        "Its model is the only one: pre-labeling again would need a new training.",
        "Its predictions of 1 face are kept for review.",
    ]
    assert housekeeping.delete(project, "002") > 3_000_000
    assert [run.id for run in list_runs(project)] == ["001"]
    assert [path.name for path in project.runs.iterdir()] == ["001"]
    assert project.store.points() == labels
    assert project.store.predictions.current()[4][0] == 2
    assert python_run(project, "").id == "003"


def test_predictions_are_collected_before_their_run_is_deleted(project: Project) -> None:
    leave_predictions(project, 1, predictions_of(project, [4]))
    housekeeping.delete(project, "001")
    assert sorted(project.store.predictions.current()) == [4]


def test_a_run_that_is_active_or_in_use_is_not_deleted(project: Project) -> None:
    folder = leave_predictions(project, 1, {})
    (folder / "model.safetensors").touch()
    jobs.start(
        project,
        "prelabel",
        Settings(model="001"),
        {FACES: project.unlabeled_faces()},
        commands=python_commands("time.sleep(60)"),
    )
    with pytest.raises(ConflictError, match="run 002 is using the model of run 001"):
        housekeeping.delete(project, "001")
    with pytest.raises(ConflictError, match="run 002 is running; cancel it"):
        housekeeping.delete(project, "002")
    cancel_run(project, "002", patience=20)
    housekeeping.delete(project, "001")


@pytest.mark.parametrize(
    ("size", "said"), [(0, "0.0 MB"), (3_000_000, "3.0 MB"), (42_300_000, "42 MB"), (1_440_000_000, "1.4 GB")]
)
def test_sizes(size: int, said: str) -> None:
    assert housekeeping.megabytes(size) == said
