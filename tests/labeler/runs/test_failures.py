"""A run that breaks off says why and what to do. Each failure is made to happen; nothing's words are made up."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from labeler.guidance.model_predictions import newest_stamp
from labeler.pages.runs import live_html
from labeler.project.project import Project
from labeler.project.workspace import Workspace
from labeler.runs import commands
from labeler.runs import start as jobs
from labeler.runs.collect import collect_predictions
from labeler.runs.control import list_runs
from labeler.runs.failures import FULL, why_failed, why_interrupted
from labeler.runs.run import Run
from mdmd.data.coco import read_coco
from mdmd.errors import DataError
from mdmd.run_folder import FACES, HELDOUT, LABELED, TARGET, Ended, Settings
from tests.builders import PATIENCE_WITH_TRAINING, make_project, python_commands, python_run, wait_for, write_picture

#: `mdmd` with a file size limit, which is what a process can know of a disk that is full ...
SMALL_DISK = "import resource, sys; from mdmd.cli.main import main; {}; sys.exit(main())".format(
    "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))"
)
#: ... and with hardly more memory than its libraries take.
#: A training that asks torch for more than any machine has (a limit of the process would also fail torch's own threads,
#: which crash), and one that has too little to load torch.
TOO_MUCH = (
    "import sys, torch; from mdmd import api; from mdmd.cli import main\n"
    "api.adapt = lambda *given, **options: torch.empty(1 << 50)\n"
    "sys.exit(main.main())"
)
TOO_LITTLE = (
    "import resource, sys; from mdmd.cli.main import main\n"
    "pages = int(open('/proc/self/statm').read().split()[0])\n"
    "resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 40_000_000,) * 2)\n"
    "sys.exit(main())"
)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path, pictures=5, labeled=4)


def over(project: Project) -> Run:
    """The newest run, when it has ended."""
    wait_for(lambda: not list_runs(project)[0].active, seconds=PATIENCE_WITH_TRAINING)
    return list_runs(project)[0]


def train(project: Project, **options: object) -> Run:
    given = {"preset": "tiny", "weights": Path("none"), "steps": 3, **options}
    jobs.start_training(project, source=None, **given)  # pyright: ignore[reportArgumentType]
    return over(project)


def test_a_weights_file_of_garbage(project: Project, tmp_path: Path) -> None:
    (tmp_path / "w.safetensors").write_bytes(b"no weights at all")
    run = train(project, weights=tmp_path / "w.safetensors")
    assert (run.state, run.exit_code) == ("failed", 2)
    assert run.error is not None
    assert "w.safetensors" in run.error
    assert run.error.endswith(": name another file under Advanced, or none")


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Eight faces, of which five are labeled, and a real training while pictures were gone or changed. No test writes
    into it."""
    project = make_project(tmp_path_factory.mktemp("first"), pictures=8, labeled=5)
    files = {picture.id: project.images / picture.file_name for picture in project.store.images()}
    files[1].unlink()
    write_picture(files[2], color=(9, 9, 9))
    files[6].unlink()
    files[7].write_bytes(files[7].read_bytes()[:100])
    train(project)
    return project


@pytest.fixture
def copied(first: Project, tmp_path: Path) -> Project:
    """The same for tests that change it."""
    shutil.copytree(first.folder, tmp_path / "projects" / "faces")
    return Workspace(tmp_path / "projects").open("faces")


def test_pictures_that_are_gone_or_changed_are_left_out_by_name_and_the_others_learned_and_predicted(
    first: Project, copied: Project
) -> None:
    names = {picture.id: picture.file_name for picture in first.store.images()}
    run = over(first)
    said = [warning for warning in run.warnings if "left out: " in warning]
    assert len(said) == 5
    for words, key in ((said[0], 2), (said[1], 7)):
        assert words.startswith(
            f"left out: the file {first.images / names[key]} of picture 'faces-{key - 1}.png' has changed since it was "
            "added"
        )
    assert said[2] == f"target: 1 pictures are missing, their faces are left out: {names[1]}"
    for words, key in ((said[3], 6), (said[4], 1)):
        assert words.startswith("1 picture is left out: ")
        assert f"{names[key]} cannot be used: there is no such file" in words
    assert (run.state, run.exit_code, run.images) == ("done", 0, 4)
    assert [sample.image_id for sample in read_coco(run.folder / TARGET).samples] == [1, 3, 4, 5]
    assert collect_predictions(copied) == ["001"]
    predicted = {face.image_id for face in copied.store.faces() if copied.store.predictions.current(face.id)}
    assert predicted == {8}


def test_without_predictions_of_labeled_faces_the_run_has_its_other_results(copied: Project) -> None:
    folder = over(copied).folder
    (folder / LABELED).unlink()
    Ended(1).write(folder)
    run = over(copied)
    assert run.state == "done"
    assert "the predictions of the labeled faces are missing" in run.warnings[-1]
    assert "predictions of the labeled faces are missing" in live_html(copied, run)
    assert collect_predictions(copied) == ["001"]
    assert newest_stamp(copied.runs) == (run.folder, run.folder / HELDOUT, (run.folder / HELDOUT).stat().st_mtime_ns)


#: `mdmd` that has learned before: what it would write is in the folder {}.
LEARNED = """
import shutil, sys
from pathlib import Path
from mdmd.cli.main import main
from mdmd.run_folder import HELDOUT, LOG, METRICS, MODEL, WEIGHTS
if sys.argv[1] != "adapt":
    sys.exit(main())
for name in (MODEL, WEIGHTS, HELDOUT, LOG, METRICS):
    shutil.copy(Path({!r}, name), sys.argv[sys.argv.index("--out") + 1])
"""


def test_a_training_whose_only_other_picture_is_gone_fails_and_keeps_its_model(
    project: Project, first: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "_MDMD", (sys.executable, "-c", LEARNED.format(str(over(first).folder))))
    name = project.store.images()[4].file_name  # the only face that is left to predict
    (project.images / name).unlink()
    run = train(project)
    assert run.state == "failed"
    assert run.error is not None
    assert run.error.endswith(
        f"/images/{name} cannot be used: there is no such file: "
        "put the files back, or skip their faces on the Label page"
    )
    assert run.trained
    page = live_html(project, run)
    assert "The model was complete before that and is kept" in page
    assert "Open the report" in page


def test_where_the_only_other_picture_was_replaced_nothing_is_predicted(
    project: Project, first: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = LEARNED.replace("sys.exit(main())", "sys.exit()").format(str(over(first).folder))
    monkeypatch.setattr(commands, "_MDMD", (sys.executable, "-c", done))
    write_picture(project.images / project.store.images()[4].file_name, color=(9, 9, 9))
    run = train(project)
    assert not (run.folder / FACES).exists()
    with pytest.raises(DataError, match=r"no face left to pre-label: the file .*faces-4\.png' has changed"):
        jobs.start_prelabel(project)


TRAINED = "[(run / name).write_text('{}') for name in ('model.json', 'model.safetensors', 'metrics.json')]\n"


@pytest.mark.parametrize(
    ("code", "prelabel", "state", "said"),
    [
        ("print('no room'); sys.exit(1)", True, "done", "label checks do without this model: no room"),
        ("os.kill(os.getpid(), 9)", True, "done", "label checks do without this model: its process was killed"),
        ("(run / 'labeled.json').touch(); sys.exit(1)", True, "done", "nothing is missing: ended with exit code 1"),
        ("sys.exit(1)", False, "done", "nothing is missing: ended with exit code 1"),
        ("(run / 'faces.json').touch(); sys.exit(1)", True, "failed", "ended with exit code 1"),
        ("(run / 'model.safetensors').unlink(); sys.exit(1)", True, "failed", "ended with exit code 1"),
        ("(run / 'cancel').touch(); sys.exit(130)", True, "cancelled", None),
    ],
)
def test_a_failed_step_after_the_training_does_not_fail_a_run_with_its_result(
    project: Project, code: str, prelabel: bool, state: str, said: str | None
) -> None:
    faces = {TARGET: project.training_set()}
    jobs.start(project, "train", Settings(prelabel=prelabel), faces, commands=python_commands(TRAINED + code))
    run = over(project)
    assert run.state == state
    if state == "done":
        assert run.error is None
        assert (said or "?") in run.warnings[-1]
    else:
        assert (run.error, run.warnings) == (said, [])


def test_a_full_disk(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "_MDMD", (sys.executable, "-c", SMALL_DISK))
    run = train(project)
    assert run.error == (
        f"{run.folder.resolve() / 'model.safetensors'}: File too large: make room (deleting old runs makes some)"
    )


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc on this system")
@pytest.mark.parametrize(("program", "said"), [(TOO_MUCH, "out of memory"), (TOO_LITTLE, "failed to map segment")])
def test_too_little_memory(project: Project, monkeypatch: pytest.MonkeyPatch, program: str, said: str) -> None:
    monkeypatch.setattr(commands, "_MDMD", (sys.executable, "-c", program))
    run = train(project)
    assert run.error is not None
    assert said in run.error
    assert run.error.endswith(": close other programs, or choose a smaller encoder under Advanced")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", "its process was killed (signal 9), most often by the system because"),
        ("os.kill(os.getpid(), signal.SIGTERM)", "its process was ended with SIGTERM by the system or another program"),
        ("os.abort()", "its process crashed (SIGABRT); try without the GPU"),
        ("sys.exit(130)", "its process was asked to end by the system or another program"),
        ("bytearray(1 << 60)", "MemoryError: close other programs, or choose a smaller encoder"),
        ("print('one'); sys.exit(5)", "one"),
    ],
)
def test_an_end_by_a_signal_or_a_code(project: Project, code: str, said: str) -> None:
    python_run(project, code)
    run = over(project)
    assert run.state == "failed"
    assert run.error is not None
    assert run.error.startswith(said)


@pytest.mark.parametrize("why", [lambda free: why_failed(1, None, "", free), why_interrupted])
def test_a_disk_so_full_that_not_even_the_error_could_be_written(why: Callable[[int], str]) -> None:
    assert why(FULL - 1).startswith("the disk is full")
    assert not why(FULL).startswith("the disk is full")
