"""Runs live in processes of their own; their folder tells everything, to a restarted server too."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from labeler.errors import ConflictError, NotFoundError
from labeler.project.project import Project
from labeler.project.workspace import Workspace
from labeler.runs import start as jobs
from labeler.runs import supervisor
from labeler.runs.collect import collect_predictions
from labeler.runs.commands import Commands, commands_of
from labeler.runs.control import cancel_run, list_runs
from labeler.runs.processes import BOOT_ID, ask_to_end, process_started
from labeler.runs.run import Run, read_run
from labeler.runs.sources import DRAWN, Source, Sources
from mdmd.config import BASE_MINUTES
from mdmd.data.coco import read_coco
from mdmd.datasets.registry import Sources as AddedSources
from mdmd.errors import DataError
from mdmd.run_folder import TARGET, Settings, read_record
from tests.builders import (
    CATEGORY,
    PATIENCE,
    label_face,
    leave_predictions,
    make_project,
    predictions_of,
    python_run,
    wait_for,
    write_picture,
)
from tests.mdmd.datasets.public_sets import w300

LOG = """
def event(**fields):
    with (run / "log.jsonl").open("a") as log:
        log.write(json.dumps({"time": time.time(), **fields}) + "\\n")
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path, pictures=5, labeled=3)


def wait(project: Project, until: Callable[[Run], bool], seconds: float = PATIENCE) -> Run:
    """The newest run as soon as `until` holds of it."""
    stayed = lambda: f"the run stayed {list_runs(project)[0]}"  # noqa: E731
    return wait_for(lambda: next(filter(until, list_runs(project)[:1]), None), seconds=seconds, otherwise=stayed)


def started(project: Project, commands: Commands) -> Run:
    """A training of these commands."""
    faces = {TARGET: project.training_set()}
    return jobs.start(project, "train", Settings(), faces, commands=lambda *_: commands)


def over(run: Run) -> bool:
    return not run.active


def test_a_run_tells_its_progress_and_its_end(project: Project):
    started = python_run(
        project,
        LOG
        + """
event(event="start", stage="adapt", steps=2, minutes=None)
event(event="warning", message="a warning")
event(event="step", stage="adapt", step=1, steps=2, loss=2.0, images_per_second=8.0, eta_seconds=1.5)
event(event="eval", stage="adapt", step=1, nme=9.5, faces=3)
while not (run / "go").exists(): time.sleep(0.02)
(run / "metrics.json").write_text(json.dumps({"nme": 8.0, "n": 3}))
""",
    )
    assert (started.id, started.kind, started.state, started.images, started.faces) == ("001", "train", "running", 3, 3)
    run = wait(project, lambda run: bool(run.evals))
    assert (run.stage, run.step, run.steps, run.eta_seconds, run.images_per_second) == ("adapt", 1, 2, 1.5, 8.0)
    assert ([event["loss"] for event in run.series], run.evals[0]["nme"], run.warnings) == ([2.0], 9.5, ["a warning"])
    (run.folder / "go").touch()
    done = wait(project, over)
    assert (done.state, done.exit_code, done.error, done.eta_seconds, done.metrics) == (
        "done",
        0,
        None,
        None,
        {"nme": 8.0, "n": 3},
    )
    assert 0 < done.seconds < 30


def test_a_run_that_has_ended_leaves_no_process_behind(project: Project):
    run = python_run(project, "")
    pid = json.loads((run.folder / "run.json").read_text())["pid"]

    def there() -> bool:
        try:
            os.kill(pid, 0)  # a zombie would take it
        except ProcessLookupError:
            return False
        return True

    wait_for(lambda: not there())


def test_snapshots_are_written_with_store_ids_before_the_process_starts(project: Project):
    run = python_run(project, "")
    label_face(project, 4)
    samples = read_coco(run.folder / "target.json").samples
    assert [(s.image_id, s.face_id) for s in samples] == [(1, 1), (2, 2), (3, 3)]
    assert all(s.path.is_file() for s in samples)
    wait(project, over)


@pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="no autogroups on this system")
@pytest.mark.parametrize(("priority", "lower"), [(None, 10), ("normal", 0)])
def test_a_run_gives_way_to_other_sessions_unless_told_not_to(
    project: Project, monkeypatch: pytest.MonkeyPatch, priority: str | None, lower: int
):
    monkeypatch.delenv("LABELER_PRIORITY")
    if priority is not None:
        monkeypatch.setenv("LABELER_PRIORITY", priority)
    python_run(project, 'print(open("/proc/self/autogroup").read().strip(), os.nice(0))')
    run = wait(project, over)
    assert (run.folder / "output.txt").read_text().split()[1:] == ["nice", str(lower), str(min(os.nice(0) + lower, 19))]


def test_a_snapshot_says_which_version_of_the_definition_it_was_made_of(project: Project):
    assert project.definition is not None
    project.store.definitions.save({**project.definition.to_category(), "name": "mine"}, None, edited_from=1)
    run = python_run(project, "")
    (category,) = json.loads((run.folder / "target.json").read_text())["categories"]
    assert (category["name"], category["definition_version"]) == ("mine", 2)
    wait(project, over)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("(run / 'error.json').write_text(json.dumps({'error': 'no such weights'})); sys.exit(2)", "no such weights"),
        (
            "print('first'); print('mdmd: error: the target is empty', file=sys.stderr); sys.exit(1)",
            "the target is empty",
        ),
        ("sys.exit(3)", "ended with exit code 3"),
    ],
)
def test_a_failed_run_says_why_in_one_sentence(project: Project, code: str, said: str):
    python_run(project, code)
    run = wait(project, over)
    assert (run.state, run.error) == ("failed", said)


def test_a_crash_ends_the_chain_and_reaches_no_other_process(project: Project):
    commands = [[sys.executable, "-c", "import os; os.abort()"], [sys.executable, "-c", "open('never', 'w')"]]
    started(project, commands)
    assert wait(project, over).state == "failed"
    assert not Path("never").exists()
    assert project.progress().labeled_faces == 3


def test_a_command_that_cannot_start_is_a_failed_run(project: Project):
    started(project, [["/nowhere/python"]])
    assert wait(project, over).error == "cannot start /nowhere/python: No such file or directory"


def test_cancelling_stops_the_process_and_what_it_has_started(project: Project):
    python_run(
        project,
        """
import subprocess
worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
(run / "pids.part").write_text(f"{os.getpid()} {worker.pid}")
(run / "pids.part").replace(run / "pids")
time.sleep(60)
""",
    )
    folder = wait(project, lambda run: (run.folder / "pids").is_file()).folder
    pids = [int(pid) for pid in (folder / "pids").read_text().split()]
    run = cancel_run(project, "001", patience=20)
    assert (run.state, run.error, run.exit_code) == ("cancelled", None, 130)
    assert len(pids) == 2
    wait_for(lambda: not any(process_started(pid) for pid in pids))
    with pytest.raises(ConflictError, match="not running: it is cancelled"):
        cancel_run(project, "001")
    with pytest.raises(NotFoundError, match="no run 009"):
        cancel_run(project, "009")


def test_a_process_that_does_not_listen_is_killed_after_the_grace(tmp_path: Path):
    deaf = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    )
    run = supervisor.Supervisor(
        tmp_path, [[sys.executable, "-c", deaf], [sys.executable, "-c", "print('next')"]], grace=0.3
    )
    asked: list[float] = []

    def ask_when_it_is_deaf() -> None:
        wait_for(lambda: (tmp_path / "output.txt").exists() and "deaf" in (tmp_path / "output.txt").read_text())
        asked.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGALRM)

    previous = signal.signal(signal.SIGALRM, run.stop)
    asking = threading.Thread(target=ask_when_it_is_deaf)
    asking.start()
    try:
        assert run.run() == supervisor.STOPPED
    finally:
        asking.join()
        signal.signal(signal.SIGALRM, previous)
    assert time.monotonic() - asked[0] >= 0.3
    assert "next" not in (tmp_path / "output.txt").read_text()


def test_a_restarted_server_reads_the_state_from_the_folder(project: Project):
    python_run(project, "time.sleep(60)")
    again = Workspace(project.folder.parent).open(project.name)
    assert list_runs(again)[0].state == "running"
    cancel_run(again, "001", patience=20)
    assert list_runs(project)[0].state == "cancelled"


def test_a_run_whose_supervisor_was_killed_is_interrupted(project: Project):
    run = python_run(project, "(run / 'pid').write_text(str(os.getpid())); time.sleep(60)")
    wait(project, lambda run: (run.folder / "pid").is_file() and bool((run.folder / "pid").read_text()))
    supervisor_pid = json.loads((run.folder / "run.json").read_text())["pid"]
    os.kill(supervisor_pid, signal.SIGKILL)
    run = wait(project, over)
    wait_for(lambda: process_started(int((run.folder / "pid").read_text())) is None)  # what it has started went with it
    assert run.state == "interrupted"
    assert run.error is not None
    python_run(project, "")
    assert wait(project, over).id == "002"


def test_a_later_process_with_the_same_id_is_not_the_run(project: Project, tmp_path: Path):
    run = python_run(project, "")
    wait(project, over)
    (run.folder / "exit.json").unlink()
    record = json.loads((run.folder / "run.json").read_text())
    (run.folder / "run.json").write_text(json.dumps({**record, "pid": os.getpid()}))
    assert list_runs(project)[0].state == "interrupted"
    own = {**record, "pid": os.getpid(), "process_started": process_started(os.getpid())}
    (run.folder / "run.json").write_text(json.dumps(own))
    assert list_runs(project)[0].state == "running"
    (run.folder / "run.json").write_text(json.dumps({**record, "pid": None, "created_at": 1000.0}))
    starting, later = (read_run(run.folder, now=now) for now in (1001.0, 1060.0))
    assert starting is not None
    assert later is not None
    assert (starting.state, later.state) == ("running", "interrupted")


@pytest.mark.parametrize("boot_id", [BOOT_ID, Path("no such file")])
def test_a_process_is_told_from_a_later_one_with_its_number(boot_id: Path):
    told, ask = partial(process_started, boot_id=boot_id), partial(ask_to_end, boot_id=boot_id)
    first = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    started = told(first.pid)
    assert started
    assert told(first.pid) == started
    assert started != told(1)
    ask(first.pid, told(1))  # not the process that was meant
    assert told(first.pid) == started
    ask(first.pid, started)
    wait_for(lambda: told(first.pid) is None)  # a zombie, which its parent has not collected
    first.communicate()
    assert first.returncode == -signal.SIGTERM
    ask(first.pid, started)


def test_a_zombie_is_dead():
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    wait_for(lambda: process_started(pid) is None)
    os.waitpid(pid, 0)


def test_half_written_lines_and_files_do_not_disturb(project: Project):
    run = python_run(
        project, '(run / \'log.jsonl\').write_text(\'{"event": "warning", "message": "m"}\\n[1]\\n{"event": "st\')'
    )
    assert wait(project, over).warnings == ["m"]
    (run.folder / "metrics.json").write_text("{")
    (project.runs / "077").mkdir()
    (project.runs / "078").mkdir()
    (project.runs / "078" / "run.json").write_text("{}")
    (project.runs / "notes").mkdir()
    assert [run.id for run in list_runs(project)] == ["001"]


def test_predictions_are_collected_once(project: Project):
    folder = leave_predictions(project, 1, predictions_of(project, [4, 5, 99], p_off=0.3))
    assert collect_predictions(project) == ["001"]
    assert collect_predictions(project) == []
    number, points = project.store.predictions.current()[4]
    assert (number, points[1].cov, points[1].p_off, points[1].flagged) == (1, (4, 1, 9), 0.3, True)
    assert sorted(project.store.predictions.current()) == [4, 5]
    reaching = predictions_of(project, [4], p_off=0.1)
    reaching["info"] = {"radius90": 2.05}
    leave_predictions(project, 2, reaching)
    assert collect_predictions(project) == ["002"]
    number, points = project.store.predictions.current()[4]
    assert (number, {point.radius90 for point in points.values()}) == (2, {2.05})
    assert folder.is_dir()


def test_a_run_whose_folder_was_deleted_keeps_its_number(project: Project):
    shutil.rmtree(leave_predictions(project, 1, predictions_of(project, [4])))
    leave_predictions(project, 2, predictions_of(project, [4]))
    assert collect_predictions(project) == ["002"]
    shutil.rmtree(project.runs / "002")
    assert python_run(project, "pass").id == "003"


def test_predictions_of_a_run_that_failed_stay_out(project: Project):
    folder = leave_predictions(project, 1, predictions_of(project, [4]))
    (folder / "exit.json").write_text(json.dumps({"code": 1, "ended_at": 1.0}))
    assert collect_predictions(project) == []
    assert project.store.predictions.current() == {}


def test_spoiled_predictions_are_told_once_and_nothing_of_them_comes_in(project: Project):
    predictions = predictions_of(project, [4, 5])
    predictions["annotations"][1]["attributes"]["p_off"] = [0.1, 0.1, float("nan"), 0.1]
    leave_predictions(project, 1, predictions)
    with pytest.raises(DataError, match=r"predictions of run 001 cannot be used.*face 5, landmark 3"):
        collect_predictions(project)
    assert collect_predictions(project) == []
    assert project.store.predictions.current() == {}


@pytest.mark.parametrize(
    ("labeled", "said"),
    [(0, "0 labeled faces; training"), (1, "1 labeled face; training"), (2, "2 labeled faces; training")],
)
def test_training_with_too_few_faces_is_refused(tmp_path: Path, labeled: int, said: str):
    project = make_project(tmp_path, labeled=labeled)
    with pytest.raises(DataError, match=f"{said} needs at least 3, and 50 or more for a useful model"):
        jobs.start_training(project, source=None)
    assert not project.runs.exists()


def test_training_refuses_what_is_missing_or_makes_no_sense(project: Project, tmp_path: Path):
    gone = Source("300w", tmp_path / "gone.json", 5, 68, [], given="gone.json")
    refusals = [
        ({"source": gone}, "source '300w' is not where it was"),
        ({"source": None, "weights": tmp_path / "no.safetensors"}, "no such weights file"),
        ({"source": None, "minutes": 0}, "found minutes 0"),
        ({"source": None, "minutes": float("nan")}, "found minutes nan"),
        ({"source": None, "minutes": None}, "minutes or of steps"),
        ({"source": None, "steps": -1}, "found steps -1"),
    ]
    for options, said in refusals:
        with pytest.raises(DataError, match=said):
            jobs.start_training(project, **options)
    with pytest.raises(DataError, match="no landmarks defined"):
        jobs.start_training(make_project(tmp_path, "bare", definition=None), source=None)
    with pytest.raises(DataError, match="no trained model yet; train first"):
        jobs.start_prelabel(project)
    assert list_runs(project) == []


def test_a_training_begins_with_the_starter_where_that_is_the_base_or_none_is_there_yet(project: Project):
    sources = Sources(project.folder.parent)
    project.export(project.folder / "mine.json")
    asked = [
        ({"source": sources.get(DRAWN)}, True),
        ({"source": sources.get(DRAWN), "preset": "tiny"}, False),
        ({"source": sources.get(DRAWN), "weights": Path("none")}, False),
        ({"source": sources.add(project.folder / "mine.json")}, False),
        ({"source": sources.get("mine"), "base_minutes": None}, True),
    ]
    for choices, starter in asked:
        run = jobs.start_training(project, minutes=2, **choices)
        cancel_run(project, run.id, patience=20)
        record = read_record(run.folder)
        adapt = next(c for c in commands_of(project, record, choices["source"]) if c[1:4] == ["-m", "mdmd", "adapt"])
        assert "--source" in adapt
        assert ("--bases" not in adapt) is starter
        if starter:
            assert adapt[adapt.index("--weights") + 1] == "starter"


def test_the_commands_of_a_training(project: Project):
    drawn = Sources(project.folder.parent).get(DRAWN)
    run = jobs.start_training(project, source=drawn, preset="tiny", weights=Path("none"), minutes=2)
    cancel_run(project, run.id, patience=20)
    record = json.loads((run.folder / "run.json").read_text())
    assert str(project.folder.parent) not in json.dumps(record), "a folder that moves keeps no path of where it was"
    draw, adapt, predict = commands_of(project, read_record(run.folder), drawn)
    assert draw[1:3] == ["-m", "labeler.runs.sources"]
    assert adapt[1:4] == ["-m", "mdmd", "adapt"]
    options = dict(pairwise(adapt[4:]))
    assert (options["--target"], options["--out"]) == (str(run.folder / "target.json"), str(run.folder))
    assert (options["--minutes"], options["--preset"], options["--weights"]) == ("2", "tiny", "none")
    assert options["--bases"] == str((project.folder.parent / ".bases").resolve())
    assert predict[3:5] == ["predict", str(run.folder)]
    faces, labeled = predict[5:9], predict[9:13]
    assert faces == ["--faces", str(run.folder / "faces.json"), "--out", str(run.folder / "predictions.json")]
    assert labeled == ["--faces", str(run.folder / "target.json"), "--out", str(run.folder / "labeled.json")]
    assert options["--base-minutes"] == str(BASE_MINUTES)
    assert (record["source"], record["minutes"], record["faces"]) == (DRAWN, 2, 3)
    [again] = list_runs(project)
    assert (again.preset, again.encoder, again.weights) == ("tiny", None, "none")
    assert [s.face_id for s in read_coco(run.folder / "faces.json").samples] == [4, 5]


def test_sources_are_the_drawn_one_and_those_registered(project: Project, tmp_path: Path):
    sources = Sources(project.folder.parent, drawn_faces=4)
    project.export(tmp_path / "mine.json")
    added = sources.add(tmp_path / "mine.json")
    assert (added.name, added.path, added.faces, added.landmarks) == ("mine", tmp_path / "mine.json", 3, 4)
    (project.folder.parent / ".bases" / "mine-test_vit-1").mkdir(parents=True)
    (project.folder.parent / ".bases" / "mine-test_vit-1" / "model.json").touch()
    unfinished = project.folder.parent / ".bases" / ".mine-test_vit-2.4711.partial"  # of a run that was killed
    unfinished.mkdir()
    (unfinished / "model.json").touch()
    assert [(s.name, s.faces, s.landmarks, s.bases) for s in sources.all()] == [
        (DRAWN, 4, 68, []),
        ("mine", 3, 4, ["mine-test_vit-1"]),
    ]
    with pytest.raises(DataError, match="no source named 'x'; there are: drawn68, mine"):
        sources.get("x")
    with pytest.raises(DataError, match="name of the built-in source"):
        sources.add(tmp_path / "mine.json", DRAWN)
    with pytest.raises(DataError, match="no such file"):
        sources.add(tmp_path / "nowhere.json")
    assert Workspace(project.folder.parent).names() == ["faces"]


def test_datasets_added_on_the_command_line_are_sources_too(project: Project, tmp_path: Path):
    added = AddedSources(tmp_path / "home")
    added.add(w300(tmp_path / "data"))
    sources = Sources(project.folder.parent, added=added)
    assert [(s.name, s.path, s.faces, s.landmarks, s.given) for s in sources.all()[1:]] == [
        ("300w", tmp_path / "data", 2, 68, "300w")
    ]
    with pytest.raises(DataError, match="there are: drawn68, 300w"):
        sources.get("x")
    run = jobs.start_training(project, source=sources.get("300w"), preset="tiny", weights=Path("none"), minutes=2)
    cancel_run(project, run.id, patience=20)
    [adapt, *_] = commands_of(project, read_record(run.folder), sources.get("300w"))
    assert adapt[adapt.index("--source") + 1] == "300w"
    shutil.rmtree(tmp_path / "data")
    with pytest.raises(DataError, match="the source '300w' is not where it was: there is no"):
        jobs.start_training(project, source=sources.get("300w"), preset="tiny", weights=Path("none"), minutes=2)
    project.export(tmp_path / "300w.json")
    assert sources.add(tmp_path / "300w.json") == sources.get("300w")
    (tmp_path / "home" / "sources.json").write_text("{")
    assert [s.name for s in sources.all()] == ["drawn68", "300w"]


def test_a_source_without_its_pictures_or_labels_is_refused(tmp_path: Path):
    sources = Sources(tmp_path / "projects")
    image = {"id": 1, "file_name": "a.png", "width": 64, "height": 48}
    face = {"id": 1, "image_id": 1, "keypoints": [9, 9, 2] * 4}
    path = tmp_path / "s.json"
    path.write_text(json.dumps({"images": [image], "annotations": [face], "categories": [CATEGORY]}))
    with pytest.raises(DataError, match=r"a\.png, is not beside it"):
        sources.add(path)
    write_picture(tmp_path / "a.png")
    path.write_text(json.dumps({"images": [image], "annotations": [], "categories": [CATEGORY]}))
    with pytest.raises(DataError, match="no labeled face in split 'train'"):
        sources.add(path)
    assert not (tmp_path / "projects" / ".sources" / "s").exists()


def test_the_drawn_source_is_made_once_and_whole(tmp_path: Path):
    sources = Sources(tmp_path, drawn_faces=3)
    made = sources.make(DRAWN)
    dataset = read_coco(made)
    assert (dataset.name, len(dataset.samples), len(dataset.definition.landmarks)) == (DRAWN, 3, 68)
    stamp = made.stat().st_mtime_ns
    assert Sources(tmp_path).make(DRAWN).stat().st_mtime_ns == stamp
    assert Sources(tmp_path).get(DRAWN).faces == 3
    assert [path.name for path in sources.folder.iterdir()] == [DRAWN]
