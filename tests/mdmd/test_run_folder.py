"""Records of a run's folder: they round-trip, and invalid values are refused by name."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from mdmd import run_folder
from mdmd.errors import DataError, InUseError
from mdmd.run_folder import Began, Ended, Failure, RunRecord, Settings, Stopped

RECORD = RunRecord(
    "004",
    "train",
    12.5,
    3,
    4,
    Settings(source="300w", preset="tiny", steps=9, prelabel=True, parts=("25", "50")),
    pid=7,
    process_started="boot:1",
)


def test_a_folder_has_one_training_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    out = tmp_path / "run"
    assert not run_folder.in_use(out)
    with run_folder.alone_in(out):
        assert run_folder.in_use(out)
        with pytest.raises(InUseError, match=f"another training is using {out}: wait"), run_folder.alone_in(out):
            pass
        monkeypatch.setenv("RANK", "1")  # a process that trains together with the one that writes
        with run_folder.alone_in(out):
            pass
        monkeypatch.delenv("RANK")
    assert not run_folder.in_use(out)
    with run_folder.alone_in(out):
        pass


def test_a_record_is_read_as_it_was_written(tmp_path: Path):
    RECORD.write(tmp_path)
    assert run_folder.read_record(tmp_path) == RECORD
    told = json.loads((tmp_path / "run.json").read_text())
    assert (told["preset"], told["steps"], told["id"]) == ("tiny", 9, "004")
    assert "commands" not in told


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("pid", "7", "found pid '7', wanted a whole number or null"),
        ("pid", True, "found pid 'True', wanted a whole number or null"),
        ("steps", 1.5, "found steps '1.5', wanted a whole number or null"),
        ("created_at", float("nan"), "found created_at 'nan', wanted a number"),
        ("preset", ["tiny"], r"found preset .*, wanted text or null"),
        ("prelabel", "yes", "found prelabel 'yes', wanted true or false"),
        ("parts", [25], r"found parts '\[25\]', wanted a list of text"),
        ("images", None, "found images 'None', wanted a whole number"),
    ],
)
def test_a_value_of_another_type_is_refused_by_its_key(tmp_path: Path, key: str, value: Any, said: str):
    RECORD.write(tmp_path)
    told = json.loads((tmp_path / "run.json").read_text())
    (tmp_path / "run.json").write_text(json.dumps({**told, key: value}))
    with pytest.raises(DataError, match=rf"run\.json: {said}"):
        run_folder.read_record(tmp_path)


def test_other_json_is_refused(tmp_path: Path):
    with pytest.raises(DataError, match=r"no such file: .*run\.json"):
        run_folder.read_record(tmp_path)
    for content, said in (("{", "cannot be read"), ("[1]", "wanted a JSON object"), ('{"id": "1"}', "not say 'kind'")):
        (tmp_path / "run.json").write_text(content)
        with pytest.raises(DataError, match=said):
            run_folder.read_record(tmp_path)


def test_small_records(tmp_path: Path):
    read = (run_folder.read_began, run_folder.read_ended, run_folder.read_failure, run_folder.read_metrics)
    assert [one(tmp_path) for one in read] == [None] * 4
    (tmp_path / "began.json").write_text('{"began_at": 5}')
    (tmp_path / "exit.json").write_text('{"code": -9, "ended_at": 6.5}')
    Failure("the disk is full", "disk").write(tmp_path)
    (tmp_path / "metrics.json").write_text('{"nme": 4.0, "stopped": {"step": 3, "of": 9}}')
    assert [one(tmp_path) for one in read[:3]] == [Began(5), Ended(-9, 6.5), Failure("the disk is full", "disk")]
    assert run_folder.read_stopped(run_folder.read_metrics(tmp_path)) == Stopped(3, 9)
    (tmp_path / "exit.json").write_text('{"code": "0"}')
    assert run_folder.read_ended(tmp_path) is None


def test_only_whole_lines_of_the_log_are_events(tmp_path: Path):
    assert run_folder.read_events(tmp_path) == []
    (tmp_path / "log.jsonl").write_text('{"event": "warning"}\n[1]\n{"event": "st')
    assert run_folder.read_events(tmp_path) == [{"event": "warning"}]


@pytest.mark.parametrize(
    "event",
    [
        {"event": 1},
        {"event": "step", "steps": 9, "loss": 0.5},
        {"event": "step", "step": 1, "loss": None},
        {"event": "step", "step": "1", "steps": 9, "loss": 0.5, "time": 0},
        {"event": "step", "step": None, "steps": 9, "loss": 0.5, "time": 0},
        {"event": "step", "step": 1, "steps": 9, "loss": 0.5, "time": 0, "eta_seconds": "soon"},
        {"event": "step", "step": 1, "steps": 9, "loss": 0.5, "time": 0, "losses": {"a": "x"}},
        {"event": "step", "step": 1, "steps": 9, "loss": 0.5, "time": 0, "losses": [1]},
        {"event": "eval", "step": 1, "nme": [4], "time": 0},
        {"event": "predicted", "faces": 1, "of": {}},
        {"event": "start", "stage": ["adapt"]},
        {"event": "warning", "message": 5},
    ],
)
def test_an_event_that_no_page_could_show_is_passed_over(tmp_path: Path, event: dict[str, object]):
    sound = {"event": "step", "step": 1, "steps": 9, "loss": 0.5, "time": 0, "losses": {"a": 0.5}, "eta_seconds": None}
    (tmp_path / "log.jsonl").write_text(f"{json.dumps(event)}\n{json.dumps(sound)}\n")
    assert run_folder.read_events(tmp_path) == [sound]


def test_metrics_of_another_type_are_passed_over(tmp_path: Path):
    (tmp_path / "metrics.json").write_text(
        '{"nme": "4", "n": 3, "auc": null, "stopped": {"step": 3, "of": 9}, "x": [1]}'
    )
    assert run_folder.read_metrics(tmp_path) == {"n": 3, "auc": None, "stopped": {"step": 3, "of": 9}}


def test_no_other_module_contains_the_name_of_a_run_file():
    """Only string constants count, because docstrings and messages may name a file.

    Hub repositories also have a model.safetensors, an exported folder a model.json of its own, and the report's
    template is called report.html.
    """
    root = Path(run_folder.__file__).parents[1]
    names = {value for key, value in vars(run_folder).items() if key.isupper() and isinstance(value, str)}
    names -= {run_folder.CANCEL, run_folder.STOP, run_folder.UNUSABLE}  # words with other meanings
    others = {
        ("mdmd/models/encoder.py", "model.safetensors"),
        ("labeler/pages/preflight.py", "model.safetensors"),
        ("labeler/report/page.py", "report.html"),
        ("mdmd/portable/folder.py", "model.json"),
        ("mdmd/portable/files/check.py", "model.json"),
        ("mdmd/portable/files/example.py", "model.json"),
    }
    spelled = {
        (path.relative_to(root).as_posix(), node.value)
        for package in ("mdmd", "labeler")
        for path in (root / package).rglob("*.py")
        if path.name != "run_folder.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in names
    }
    assert spelled == others
