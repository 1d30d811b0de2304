"""The labeler command: every command, its exit codes, and one sentence for every mistake."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from labeler.cli.console import follow
from labeler.cli.main import main, parser
from labeler.project.workspace import Workspace
from labeler.runs.control import cancel_run, find_run, list_runs
from labeler.runs.start import resume
from labeler.server.serve import listen
from labeler.storage.records import Point
from mdmd.data.coco import read_coco
from tests.builders import (
    CATEGORY,
    label_face,
    make_project,
    python_commands,
    python_run,
    wait_for,
    write_pareidolias,
    write_picture,
)


def labeler(root: Path, *words: object) -> int:
    return main(["--projects", str(root), *map(str, words)])


def test_new_makes_a_project_from_a_folder_and_a_definition(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    write_picture(tmp_path / "in" / "a.png")
    (tmp_path / "in" / "b.jpg").write_text("text")
    assert labeler(tmp_path / "p", "new", "Äffchen", "--pictures", tmp_path / "in", "--definition", "pare") == 1
    told = capsys.readouterr()
    assert "pictures: 1 added, 0 duplicates, 1 refused" in told.out
    assert (
        told.err
        == "refused b.jpg: this is not a JPEG, PNG, WebP, AVIF, HEIC, JPEG 2000, BMP, TIFF, GIF or PNM picture\n"
    )
    project = Workspace(tmp_path / "p").open("Äffchen")
    assert project.definition is not None
    assert (len(project.store.images()), len(project.definition.landmarks)) == (1, 9)


def test_new_says_what_it_passed_over_by_kind(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    folder = write_picture(tmp_path / "in" / "a.png").parent
    for name in ("notes.txt", "more.txt", ".DS_Store"):
        (folder / name).write_text("text")
    assert labeler(tmp_path / "p", "new", "plain", "--pictures", folder) == 0
    assert capsys.readouterr().err == "skipped 2 .txt files, 1 hidden file or folder\n"
    for name in ("1.PSD", "2.psd", "3.NEF"):
        (folder / name).write_text("text")
    assert labeler(tmp_path / "p", "new", "phone", "--pictures", folder) == 1
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "skipped 2 pictures in other formats (1.PSD, 2.psd)",
        "skipped 1 camera RAW file (3.NEF)",
        "skipped 2 .txt files, 1 hidden file or folder",
    ]
    assert "save as PNG" in lines[0]
    assert len(Workspace(tmp_path / "p").open("phone").store.images()) == 1


@pytest.mark.parametrize(
    ("name", "said"),
    [("a.jpg", "refused; no project was created"), ("a.psd", "no pictures in"), ("a.txt", "no pictures in")],
)
def test_new_leaves_no_project_if_no_picture_came_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, said: str
):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).write_text("text")
    assert labeler(tmp_path / "p", "new", "monkeys", "--pictures", tmp_path / "in") == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert said in last
    assert last.endswith("no project was created")
    assert list((tmp_path / "p").iterdir()) == []
    write_picture(tmp_path / "in" / "good.png")
    assert labeler(tmp_path / "p", "new", "monkeys", "--pictures", tmp_path / "in") in (0, 1)


def test_add_adds_pictures_to_a_project_and_says_what_did_not_come_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    projects, folder = tmp_path / "p", write_picture(tmp_path / "in" / "a.png").parent
    assert labeler(projects, "add", "monkeys", folder) == 2
    assert "no project named 'monkeys'" in capsys.readouterr().err
    assert labeler(projects, "new", "monkeys", "--pictures", folder) == 0
    more = [write_picture(folder / "b.png"), write_picture(tmp_path / "more" / "c.png")]
    capsys.readouterr()
    assert labeler(projects, "add", "monkeys", folder, more[1]) == 0
    assert capsys.readouterr().out == "pictures: 2 added, 1 duplicates, 0 refused\n"
    assert labeler(projects, "add", "monkeys", *more) == 0  # nothing new is no mistake
    assert capsys.readouterr().out == "pictures: 0 added, 2 duplicates, 0 refused\n"
    (folder / "broken.png").write_text("text")
    assert labeler(projects, "add", "monkeys", write_picture(folder / "d.png"), folder / "broken.png") == 1
    out, err = capsys.readouterr()
    assert out == "pictures: 1 added, 0 duplicates, 1 refused\n"
    assert err.startswith("refused broken.png: this is not a ")
    for wrong, said in ((folder / "broken.png", "were refused"), (tmp_path / "empty", "no pictures in")):
        (tmp_path / "empty").mkdir(exist_ok=True)
        assert labeler(projects, "add", "monkeys", wrong) == 2
        assert f"{said}" in (last := capsys.readouterr().err.splitlines()[-1])
        assert last.endswith("; nothing was changed")
    names = [picture.name for picture in Workspace(projects).open("monkeys").store.images()]
    assert names == ["a.png", "b.png", "c.png", "d.png"]


def test_subjects_come_from_folders_and_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    projects, folder = tmp_path / "p", tmp_path / "in"
    for k, name in enumerate(("kira/1.png", "kira/2.png", "momo/1.png")):
        write_picture(folder / name, color=(60 * k, 0, 0))
    with pytest.raises(SystemExit) as refusal:
        labeler(projects, "new", "monkeys", "--pictures", folder, "--subjects", "(.*)_")
    assert refusal.value.code == 2
    assert "wanted folder, picture, or a pattern with {subject}" in capsys.readouterr().err
    assert labeler(projects, "new", "monkeys", "--subjects", "folder") == 2
    assert "name their folder with --pictures" in capsys.readouterr().err
    assert labeler(projects, "new", "monkeys", "--pictures", folder, "--subjects", "folder") == 0
    assert "2 subjects on 3 pictures: kira (2), momo (1)\n" in capsys.readouterr().out
    more = write_picture(tmp_path / "sol_7.png", color=(9, 9, 9))
    assert labeler(projects, "add", "monkeys", more, "--subjects", "{subject}_*") == 0
    assert "3 subjects on 4 pictures: kira (2), momo (1), sol (1)\n" in capsys.readouterr().out
    assert labeler(projects, "subjects", "monkeys", "picture") == 0
    assert capsys.readouterr().out.startswith("4 subjects on 4 pictures: ")
    assert labeler(projects, "subjects", "monkeys", "{subject}/*") == 1
    out, err = capsys.readouterr()
    assert out == (
        "3 subjects on 4 pictures: kira (2), momo (1), sol_7.png (1)\npictures with another subject than before: 3\n"
    )
    assert err.endswith("1 of the pictures, which keep the subject that they had: sol_7.png\n")
    assert labeler(projects, "subjects", "monkeys") == 0
    assert capsys.readouterr().out == "3 subjects on 4 pictures: kira (2), momo (1), sol_7.png (1)\n"
    assert labeler(projects, "subjects", "monkeys", "Folder") == 2


def test_labels_beside_the_pictures_and_a_rule_for_subjects_go_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    made = make_project(tmp_path, pictures=4, labeled=2)
    made.export(made.images / "annotations.json")
    command = ("new", "again", "--pictures", made.images, "--labels", "--subjects", "{subject}-*")
    assert labeler(tmp_path / "p", *command) == 0
    assert "1 subject on 4 pictures: faces (4)" in capsys.readouterr().out


def test_projects_may_stand_before_or_after_the_command(tmp_path: Path):
    assert main(["--projects", str(tmp_path / "p"), "new", "a"]) == 0
    assert main(["new", "b", "--projects", str(tmp_path / "p")]) == 0
    assert Workspace(tmp_path / "p").names() == ["a", "b"]


@pytest.mark.parametrize("wrap", [lambda c: c, lambda c: {"images": [], "annotations": [], "categories": [c]}])
def test_a_definition_may_come_from_a_file(tmp_path: Path, wrap):
    (tmp_path / "d.json").write_text(json.dumps(wrap(CATEGORY)))
    assert labeler(tmp_path / "p", "new", "a", "--definition", tmp_path / "d.json") == 0
    definition = Workspace(tmp_path / "p").open("a").definition
    assert definition is not None
    assert list(definition.landmarks) == CATEGORY["keypoints"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["new", "a/b"], "found '/'"),
        (["new", "faces"], "already a project named 'faces'"),
        (["new", "x", "--pictures", "{tmp}/empty"], "no pictures in"),
        (["new", "x", "--pictures", "{tmp}/nowhere"], "no such folder"),
        (["new", "x", "--pictures", "{tmp}/list.json"], "is a file, not a folder"),
        (["new", "x", "--definition", "nope"], "no definition named 'nope'; there are: 300w"),
        (["new", "x", "--definition", "{tmp}/nope.json"], "no such file"),
        (["new", "x", "--definition", "{tmp}/list.json"], "found a JSON list"),
        (["new", "x", "--definition", "{tmp}/broken.json"], "is in no group"),
        (["open", "nobody", "--no-browser"], "no project named 'nobody'"),
        (["open", "--host", "0.0.0.0", "--no-browser"], "serves only this machine"),
        (["open", "--port", "99999", "--no-browser"], "wanted a number from 0"),
        (["import", "x", "{tmp}/nowhere.json"], "no such file"),
        (["import", "x", "{tmp}/list.json"], "found a JSON list"),
        (["export", "faces", "--out", "{tmp}/x.json"], "nothing to export"),
        (["export", "nobody", "--out", "{tmp}/x.json"], "no project named 'nobody'"),
        (["train", "faces"], "0 labeled faces; training needs at least 3"),
        (["train", "three", "--source", "{tmp}/nowhere.json"], "no such file"),
        (["train", "three", "--source", "nope"], "no source named 'nope'; there are: drawn68"),
        (["train", "three", "--weights", "{tmp}/nope.safetensors"], "no such weights file"),
        (["train", "three", "--minutes", "0"], "found minutes 0"),
        (["stop", "faces"], "project 'faces' has no active run"),
        (["resume", "faces"], "no run that can be resumed"),
        (["resume", "faces", "--run", "004"], "has no run 004"),
        (["prelabel", "three"], "no trained model yet; train first"),
        (["prelabel", "three", "--run", "005"], "run 005 has no model"),
        (["demo", "--headless", "--minutes", "0"], "wanted a number above 0"),
    ],
)
def test_a_mistake_is_one_sentence_code_2_and_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
):
    make_project(tmp_path)
    make_project(tmp_path, "three", labeled=3)
    (tmp_path / "empty").mkdir()
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "broken.json").write_text(json.dumps({**CATEGORY, "flsg": {"nose": [2]}}))
    assert labeler(tmp_path / "projects", *(word.format(tmp=tmp_path) for word in words)) == 2
    told = capsys.readouterr()
    assert re.fullmatch(r"labeler: error: [^\n]+\n", told.err)
    assert said in told.err
    assert Workspace(tmp_path / "projects").names() == ["faces", "three"]
    assert not (tmp_path / "projects" / "three" / "runs").exists()


def test_a_port_that_is_taken_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert labeler(tmp_path, "open", "--port", port, "--no-browser") == 2
    assert f"port {port} cannot be used" in capsys.readouterr().err


def test_labeler_alone_opens_the_list_of_projects():
    assert vars(parser().parse_args([])) == vars(parser().parse_args(["open"]))
    assert parser().parse_args(["--projects", "there"]).projects == Path("there")


def test_import_makes_the_project_and_export_gives_the_labels_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    project = make_project(tmp_path, labeled=2)
    root = tmp_path / "projects"
    assert labeler(root, "export", "faces", "--out", tmp_path / "x.json") == 0
    assert labeler(root, "import", "copy", tmp_path / "x.json") == 0
    assert (
        "pictures: 2 added, 0 unchanged because they have labels; labeled: 2 faces, 8 points; refused: 0"
        in capsys.readouterr().out
    )
    label_face(Workspace(root).open("copy"), 2, [1])
    assert labeler(root, "export", "copy", "--out", tmp_path / "y.json", "--only", "complete") == 0
    first, second = read_coco(tmp_path / "x.json"), read_coco(tmp_path / "y.json")
    assert first.definition.landmarks == second.definition.landmarks
    assert len(second.samples) == 2
    assert [s.annotation is not None for s in second.samples] == [True, True]
    assert project.progress().labeled_faces == 2


def test_an_import_exits_with_1_if_something_and_with_2_if_everything_was_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    make_project(tmp_path, labeled=2)
    make_project(tmp_path, "empty", pictures=0, definition=None)
    root, file = tmp_path / "projects", tmp_path / "set" / "x.json"
    assert labeler(root, "export", "faces", "--out", file) == 0
    pictures = tmp_path / "set" / "images"
    shutil.copytree(root / "faces" / "images", pictures)
    file.write_text(json.dumps({**json.loads(file.read_text()), "info": {}}))
    (pictures / "faces-0.png").unlink()
    assert labeler(root, "import", "some", file) == 1
    told = capsys.readouterr()
    assert "pictures: 1 added, 0 unchanged because they have labels; labeled: 1 faces, 4 points; refused: 1" in told.out
    assert told.err == "refused faces-0.png: there is no such file\n"
    assert labeler(root, "import", "some", file) == 1, "what is there already came in before"
    (pictures / "faces-1.png").unlink()
    capsys.readouterr()
    for name, left in (("none", "no project was created"), ("empty", "nothing was changed")):
        assert labeler(root, "import", name, file) == 2
        told = capsys.readouterr()
        assert told.out == ""
        assert told.err.splitlines()[-1] == f"labeler: error: all pictures of {file} were refused; {left}"
    assert sorted(path.name for path in root.iterdir()) == ["empty", "faces", "some"]
    assert Workspace(root).open("empty").definition is None


def test_an_export_exits_with_1_if_it_is_not_what_the_labels_say(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    project = make_project(tmp_path, pictures=5, labeled=2)
    faces = [face.id for face in project.store.faces()]
    label_face(project, faces[2], [1])
    project.store.set_skip(faces[3], "no face")
    words = ("export", "faces", "--out", tmp_path / "x.json")
    assert labeler(tmp_path / "projects", *words) == 0
    told = capsys.readouterr()
    assert told.out.endswith("\nfaces left out: 1 without labels, 1 skipped\n")
    assert told.err == ""
    assert labeler(tmp_path / "projects", *words, "--only", "complete") == 0
    assert "faces left out: 1 without labels, 1 incomplete, 1 skipped\n" in capsys.readouterr().out
    project.store.edit_points(faces[4], {key: Point(None, None, 0) for key in (1, 2, 3, 4)})
    (project.images / "faces-0.png").unlink()
    assert labeler(tmp_path / "projects", *words) == 1
    absent, missing = capsys.readouterr().err.splitlines()
    assert absent.startswith("complete faces that are left out, because every landmark is labeled as absent: 1;")
    assert missing.startswith("pictures that the file names but that are missing from the project: 1 (faces-0.png);")
    assert len(read_coco(tmp_path / "x.json").samples) == 3


@pytest.mark.parametrize(
    ("code", "expected", "said"),
    [
        ("pass", 0, "done in"),
        (
            '(run / \'metrics.json\').write_text(\'{"steps": 300, "batch_size": 16, "faces_seen": 4800}\')',
            0,
            " s, 300 steps of 16 faces, 4,800 faces seen",
        ),
        ("print('mdmd: error: weights of another architecture'); sys.exit(2)", 2, "weights of another architecture"),
        ("sys.exit(1)", 1, "run 001 failed: ended with exit code 1"),
        (
            "(run / 'cancel').touch(); sys.exit(130)",
            130,
            "run 001 was cancelled\n`labeler resume faces` continues it",
        ),
        (
            "[(run / n).write_text('{}') for n in ('model.safetensors', 'metrics.json', 'faces.json')]; sys.exit(1)",
            1,
            "run 001 failed: ended with exit code 1\nits model is complete: `labeler prelabel faces` predicts with it",
        ),
    ],
)
def test_following_a_run_ends_with_its_outcome(tmp_path: Path, code: str, expected: int, said: str):
    project = make_project(tmp_path, labeled=3)
    lines: list[str] = []
    assert follow(project, python_run(project, code), say=lines.append) == expected
    assert said in "\n".join(lines)


def test_following_tells_stages_steps_and_warnings_once(tmp_path: Path):
    project = make_project(tmp_path, labeled=3)
    events = [
        {"event": "start", "stage": "adapt"},
        {"event": "warning", "message": "few faces"},
        {"event": "step", "stage": "adapt", "step": 3, "steps": 9, "loss": 1.5, "eta_seconds": 4.2},
        {"event": "eval", "stage": "adapt", "step": 3, "nme": 7.5, "faces": 2},
    ]
    text = "".join(json.dumps(event) + "\n" for event in events)
    code = f"""
(run / "log.jsonl").write_text({text!r})
while not (run / "go").exists(): time.sleep(0.02)
"""
    run = python_run(project, code)
    lines: list[str] = []

    def say(line: str) -> None:
        lines.append(line)
        if line.startswith("  step"):
            (run.folder / "go").touch()

    assert follow(project, run, say=say, every=1e9) == 0
    assert lines[:3] == [
        "warning: few faces",
        "learning the project",
        "  step 3 of 9, loss 1.500, held-out NME 7.50 %, 4 s left",
    ]
    assert len(lines) == 4


def test_following_says_that_it_pre_labels_and_not_the_last_step_again(tmp_path: Path):
    project = make_project(tmp_path, labeled=3)
    code = """
def tell(*events):
    with (run / "log.jsonl").open("a") as log:
        log.write("".join(json.dumps(event) + "\\n" for event in events))
def wait(name):
    while not (run / name).exists(): time.sleep(0.02)
step = {"event": "step", "stage": "adapt", "step": 9, "steps": 9, "loss": 1.0, "eta_seconds": 4.0}
tell({"event": "start", "stage": "adapt"}, step, {"event": "eval", "stage": "adapt", "step": 9, "nme": 7.0})
wait("measuring")
tell({"event": "predicted", "faces": 2, "of": 5})
wait("pre-labeling")
"""
    run = python_run(project, code)
    lines: list[str] = []

    def say(line: str) -> None:
        lines.append(line)
        if line == "measuring the error":
            (run.folder / "measuring").touch()
        if line == "  2 of 5 faces":
            (run.folder / "pre-labeling").touch()

    assert follow(project, run, say=say, every=0) == 0
    assert list(dict.fromkeys(lines))[:-1] == ["measuring the error", "pre-labeling the other faces", "  2 of 5 faces"]


def test_a_report_that_cannot_be_written_does_not_undo_a_measured_curve(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    project = make_project(tmp_path, labeled=3)

    def refuse(*given: object) -> Path:
        raise OSError(28, "No space left on device")

    for name, stand_in in (
        ("_training", lambda project, run_id: "001"),
        ("start_curve", lambda project, training: python_run(project, "pass", kind="curve")),
        ("write_report", refuse),
    ):
        monkeypatch.setattr(f"labeler.cli.report.{name}", stand_in)
    assert labeler(project.folder.parent, "curve", "faces") == 1
    said = "the curve is measured, but its report could not be written: No space left on device\n"
    assert capsys.readouterr().err == said
    assert list_runs(project)[0].state == "done"


def test_the_status_is_told_in_the_words_of_the_pages(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    project = make_project(tmp_path, pictures=4, labeled=2)
    label_face(project, 3, [1])
    project.store.set_skip(4, "not a face")
    assert main(["--projects", str(project.folder.parent), "status", "faces"]) == 0
    assert capsys.readouterr().out == (
        "2 of 3 faces complete, 1 to go, 1 skipped\n3 faces labeled, 9 points\nfor training: 3 labeled faces\n"
    )


@pytest.mark.parametrize(("cancels", "state"), [(True, "cancelled"), (False, "running")])
def test_ctrl_c_cancels_the_training_or_ends_the_watching(tmp_path: Path, cancels: bool, state: str):
    project = make_project(tmp_path, labeled=3)
    warning = '{"event": "warning", "message": "begun"}\n'
    code = f"(run / 'log.jsonl').write_text({warning!r}); time.sleep(60)"
    script = (
        "import signal, sys; from pathlib import Path; sys.path.insert(0, '.')\n"
        # Where the tests themselves run in the background, a shell has Ctrl-C ignored.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from tests.builders import python_run; from labeler.cli.console import follow\n"
        "from labeler.project.workspace import Workspace\n"
        f"project = Workspace(Path({str(project.folder.parent)!r})).open('faces')\n"
        f"run = python_run(project, {code!r})\n"
        f"sys.exit(follow(project, run, say=lambda line: print(line, flush=True), cancels={cancels}))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, env=environment, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "warning: begun\n"  # it is being followed
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
    assert process.returncode == 130
    said = "stopping ...\nrun 001 was cancelled\n" if cancels else "run 001 continues; `labeler runs faces` shows"
    assert rest.startswith(said)
    assert list_runs(project)[0].state == state
    if not cancels:
        cancel_run(project, "001", patience=20)


def test_help_teaches_with_an_example_for_every_command(capsys: pytest.CaptureFixture[str]):
    for command in ("new", "open", "import", "train", "prelabel", "curve", "export", "demo"):
        with pytest.raises(SystemExit) as ended:
            main([command, "--help"])
        assert ended.value.code == 0
        assert f"example: labeler {command}" in capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        main(["nonsense"])
    assert ended.value.code == 2


def test_the_version_is_told_without_importing_gradio_or_torch(tmp_path: Path):
    script = (
        "import sys; from labeler.cli import main\n"
        "print(*sorted({'gradio', 'torch', 'timm'} & set(sys.modules)), end='')"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout == ""
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0


def test_open_serves_the_pages_with_a_token_and_ends_with_ctrl_c(tmp_path: Path):
    make_project(tmp_path)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "labeler.cli.main", "--projects", str(tmp_path / "projects"), "open", "faces"]
    with subprocess.Popen(
        [*command, "--port", "0", "--no-browser"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        text=True,
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)/\?token=(\S{30,})&project=faces", line)
        assert found, line
        answer = fetch(int(found[1]), "/api/projects/faces")
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
    assert " 401 " in answer
    assert "Traceback" not in rest
    assert process.returncode in (0, 130)


def fetch(port: int, path: str) -> str:
    """The head of the answer to a GET without any cookie, waiting until the server has started."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode())
        return connection.recv(200).decode()


def test_an_answer_never_waits_for_the_one_before_to_be_confirmed():
    async def accepted() -> int:
        connected: asyncio.Future[asyncio.BaseTransport] = asyncio.get_running_loop().create_future()

        class Protocol(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                connected.set_result(transport)

        with listen(0) as listener:
            server = await asyncio.get_running_loop().create_server(Protocol, sock=listener)
            _, writer = await asyncio.open_connection(*listener.getsockname())
            transport = await connected
            found = transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            writer.close()
            transport.close()
            server.close()
        return found

    # In a thread of its own: the browser of other tests has a loop in this one.
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(asyncio.run, accepted()).result()  # else Nagle's algorithm holds a body behind its headers


def test_runs_are_listed_stopped_and_resumed(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    project = make_project(tmp_path, labeled=3)
    step = {"event": "step", "stage": "adapt", "step": 7, "steps": 90, "loss": 2.0, "time": 1.0}
    code = f"""
(run / "log.jsonl").write_text({json.dumps(step)!r} + "\\n")
(run / "resume.safetensors").touch()
while not (run / "stop").exists(): time.sleep(0.02)
if not (run / "go").exists(): sys.exit(4)
(run / "metrics.json").write_text('{{"nme": 8, "n": 3, "stopped": {{"step": 8, "of": 90}}}}')
"""
    python_run(project, code)
    folder = project.runs / "001"
    wait_for(lambda: (folder / "resume.safetensors").exists())
    assert labeler(tmp_path / "projects", "stop", "faces") == 1
    assert "run 001 failed: ended with exit code 4" in capsys.readouterr().out
    assert labeler(tmp_path / "projects", "runs", "faces") == 0
    assert capsys.readouterr().out == "001, train failed, 0.0 MB, can be resumed, ended with exit code 4\n"
    # Its settings name no budget; a run that has one is resumed by the command in tests/test_old_project.py.
    assert labeler(tmp_path / "projects", "resume", "faces") == 2
    assert "training needs a number of minutes or of steps" in capsys.readouterr().err
    (folder / "go").touch()
    resume(project, "001", commands=python_commands(code))
    wait_for(lambda: find_run(project, "001").step == 7)
    assert labeler(tmp_path / "projects", "stop", "faces") == 0
    assert "stopped at step 8 of 90 in" in capsys.readouterr().out
    python_run(project, "time.sleep(60)")
    assert labeler(tmp_path / "projects", "stop", "faces", "--cancel") == 0
    assert capsys.readouterr().out == "run 002 is cancelled\n"


def test_new_finds_the_labels_beside_the_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_pareidolias(tmp_path / "set", 3)
    write_picture(tmp_path / "set" / "images" / "unlabeled.png")
    root, pictures = ["--projects", str(tmp_path / "projects")], str(tmp_path / "set" / "images")
    assert main(["new", "with", "--pictures", pictures, "--labels", *root]) == 0
    said = capsys.readouterr().out
    assert "pictures: 4 added, 0 duplicates, 0 refused" in said
    assert "labeled: 3 faces, " in said
    assert Workspace(tmp_path / "projects").open("with").progress().complete_faces == 3

    assert main(["new", "later", "--pictures", pictures, *root]) == 0
    [line] = [line for line in capsys.readouterr().out.splitlines() if "annotations.json were left out" in line]
    command = shlex.split(line.partition("to bring them in: ")[2])
    assert command[:3] == ["labeler", "import", "later"]
    assert main([*command[1:], *root]) == 0
    assert Workspace(tmp_path / "projects").open("later").progress().labeled_faces == 3

    shutil.copyfile(tmp_path / "set" / "annotations.json", tmp_path / "set" / "copy.json")
    assert main(["new", "which", "--pictures", pictures, "--labels", *root]) == 2
    assert "several files" in capsys.readouterr().err
    (tmp_path / "set" / "copy.json").unlink()
    (tmp_path / "set" / "annotations.json").write_text('{"images": [], "annotations": [], "categories": "keypoints"}')
    assert main(["new", "which", "--pictures", pictures, "--labels", *root]) == 2
    assert "no labels that can be used" in capsys.readouterr().err
    assert main(["new", "which", "--labels", *root]) == 2
    assert "--pictures" in capsys.readouterr().err
    assert Workspace(tmp_path / "projects").names() == ["later", "with"]
