"""JSON that was received: whatever is wrong with a file, each reader of it says so in a sentence with its name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from labeler.cli.main import main
from labeler.guidance.model_predictions import read_predictions
from labeler.project.project import open_project
from labeler.project.workspace import Workspace
from labeler.runs.demo import demo_state
from labeler.runs.sources import Sources
from mdmd import run_folder
from mdmd.config import ModelConfig, parse_setting
from mdmd.data.coco import read_coco
from mdmd.datasets.incoming import incoming
from mdmd.datasets.registry import Sources as AddedSources
from mdmd.errors import DataError
from mdmd.evaluation.predictions import read_predicted
from mdmd.files import DEEPEST, DIGITS, parse_json, read_json
from mdmd.formats.definition_files import read_definition
from tests.builders import CATEGORY, SMALL, make_project

#: What can be wrong with a file -> its content, and what the sentence says of it.
WRONG: dict[str, tuple[bytes, str]] = {
    "too deep for Python": (b"[" * 100_000 + b"]" * 100_000, "nests more than 100"),
    "too deep for its reader": (b'{"a":' * 300 + b"1" + b"}" * 300, "nests more than 100"),
    "deep and not closed": (b"[" * 100_000, "nests more than 100"),
    "a number too long for Python": (b'{"id": ' + b"7" * 6_000 + b"}", "a number of 6,000 digits"),
    "a number too long for a float": (b'{"id": -' + b"7" * 400 + b"}", "a number of 401 digits"),
    "not text": (b'{"name": "\xff"}', "byte 10 is not UTF-8"),
    "not JSON": (b'{"name":\n "a",}', "not JSON (line 2, column 6"),
    "nothing": (b"", "not JSON (line 1, column 1"),
}


def model(file: Path) -> Any:
    from mdmd.models.checkpoint import load

    return load(file.parent)


#: The name of a file -> what reads it, and raises DataError.
READERS: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "read_coco": ("a.json", read_coco),
    "labeler import": ("a.json", incoming),
    "a definition": ("a.json", lambda file: read_definition(str(file))),
    "predictions": ("predictions.json", read_predicted),
    "run.json": ("run.json", lambda file: run_folder.read_record(file.parent)),
    "model.json": ("model.json", model),
    "project.json": ("project.json", lambda file: open_project(file.parent)),
    "sources.json": ("sources.json", lambda file: AddedSources(file.parent).all()),
}
#: The name of a file -> what reads it and takes it for one that is not there or not complete.
TOLERANT: dict[str, tuple[str, Callable[[Path], Any], Any]] = {
    "began.json": ("began.json", lambda file: run_folder.read_began(file.parent), None),
    "exit.json": ("exit.json", lambda file: run_folder.read_ended(file.parent), None),
    "error.json": ("error.json", lambda file: run_folder.read_failure(file.parent), None),
    "metrics.json": ("metrics.json", lambda file: run_folder.read_metrics(file.parent), None),
    "the model's history": ("model.json", lambda file: run_folder.read_model(file.parent), None),
    "an event": ("log.jsonl", lambda file: run_folder.read_events(file.parent), []),
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("reader", READERS)
def test_a_reader_names_the_file_and_what_is_wrong(tmp_path: Path, reader: str, wrong: str):
    (name, read), (content, said) = READERS[reader], WRONG[wrong]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as refused:
        read(tmp_path / name)
    assert str(tmp_path / name) in str(refused.value)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < len(str(tmp_path)) * 2 + 250


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("reader", TOLERANT)
def test_a_record_that_may_be_missing_counts_as_missing(tmp_path: Path, reader: str, wrong: str):
    name, read, nothing = TOLERANT[reader]
    (tmp_path / name).write_bytes(WRONG[wrong][0].replace(b"\xff", b'"'))  # a log is read whatever its bytes
    assert read(tmp_path / name) == nothing


@pytest.mark.parametrize("wrong", WRONG)
def test_files_of_a_project_that_cannot_be_read_are_passed_over_or_named(tmp_path: Path, wrong: str):
    content, _ = WRONG[wrong]
    project = make_project(tmp_path, pictures=1)
    run = project.runs / "001"
    run.mkdir(parents=True)
    for name in ("run.json", "exit.json", "target.json", "labeled.json"):
        (run / name).write_bytes(content)
    assert read_predictions(project.runs).faces == {}
    (project.folder / "demo.json").write_bytes(content)
    with pytest.raises(DataError, match="not the demo"):
        demo_state(Workspace(tmp_path / "projects"), project.name)
    source = tmp_path / "projects" / ".sources" / "mine" / "source.json"
    source.parent.mkdir(parents=True)
    source.write_bytes(content)
    with pytest.raises(DataError, match="no source named 'mine'"):
        Sources(tmp_path / "projects").get("mine")
    project.close()


@pytest.mark.parametrize("wrong", WRONG)
def test_the_commands_end_with_a_sentence(tmp_path: Path, wrong: str, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "a.json").write_bytes(WRONG[wrong][0])
    shared = ["--projects", str(tmp_path / "projects")]
    for command in (
        ["import", "faces", str(tmp_path / "a.json")],
        ["new", "x", "--definition", str(tmp_path / "a.json")],
    ):
        assert main([*command, *shared]) == 2
        assert capsys.readouterr().err.startswith(f"labeler: error: {tmp_path / 'a.json'} cannot be read: ")
    assert not (tmp_path / "projects").exists()


@pytest.mark.parametrize("wrong", WRONG)
def test_a_setting_of_the_command_line_is_refused(wrong: str):
    text = WRONG[wrong][0].decode(errors="replace")
    section, key, value = parse_setting(f"model.groups={text}")
    with pytest.raises(DataError, match="groups"):
        ModelConfig(**{key: value})
    assert section == "model"


def test_a_definition_in_a_database_is_refused(tmp_path: Path):
    project = make_project(tmp_path, pictures=0)
    with project.store.connection.transaction() as db:
        db.execute("UPDATE definitions SET category = ?", ("[" * 100_000,))
    with pytest.raises(DataError, match="definition 1 cannot be read: it nests"):
        project.store.definitions.all()
    project.close()


def test_what_can_be_meant_is_read(tmp_path: Path):
    deep: Any = 1
    for _ in range(DEEPEST):
        deep = [deep]
    file = tmp_path / "a.json"
    for content in (deep, {"a": 10**DIGITS - 1}, None, 5, "text", [], {"nan": 0.5}):
        file.write_text(json.dumps(content))
        assert read_json(file) == content
    file.write_bytes(b'\xef\xbb\xbf{"name": "\xc3\x89mile"}')  # as Windows programs begin a file
    assert read_json(file) == {"name": "Émile"}


def test_constants_are_numbers_only_where_each_number_is_checked(tmp_path: Path):
    assert parse_json("[NaN, -Infinity]", "x", constants=True)[1] == float("-inf")
    for name in ("NaN", "Infinity", "-Infinity"):
        with pytest.raises(DataError, match=f"x: it holds {name}, which is not a number"):
            parse_json(f"[{name}]", "x")
    project = make_project(tmp_path, pictures=0)
    project.close()
    file = project.folder / "project.json"
    file.write_text(file.read_text().replace("0.1", "NaN"))
    with pytest.raises(DataError, match="it holds NaN"):
        open_project(project.folder)


def test_a_record_of_many_bytes_is_not_read(tmp_path: Path):
    file = tmp_path / "a.json"
    file.write_text(json.dumps(CATEGORY))
    size = file.stat().st_size
    assert read_json(file, most=size) == CATEGORY
    with pytest.raises(DataError, match=rf"a\.json cannot be read: it has {size} bytes, wanted at most {size - 1}"):
        read_json(file, most=size - 1)


#: Values of model.json that are JSON, but no model.
NO_MODEL = [
    ("target", 5, "target is 5, wanted the name of a head"),
    ("model", [], r"model is \[\], wanted an object"),
    ("model", {"encoder": "hf-hub:someone/model"}, "encoder must be the name of an encoder in timm"),
    ("model", {"encoder": "local-dir:/nowhere"}, "encoder must be the name of an encoder in timm"),
    ("model", {"image_size": 10**6}, "image_size must be a whole number from 1 to 2048"),
    ("heads", [1], r"heads is \[1\], wanted an object"),
    ("history", "x", "history is x, wanted an object"),
    ("calibrations", [], "calibrations: "),
    ("calibrations", {"objects": {"scale": -1}}, "calibrations: found scale -1, wanted a number above 0"),
    ("calibrations", {"objects": {"power": float("nan")}}, "calibrations: found power nan"),
    ("calibrations", {"objects": 5}, "calibrations: "),
]


@pytest.mark.parametrize(("key", "value", "said"), NO_MODEL)
def test_a_model_of_another_kind_is_refused(tmp_path: Path, key: str, value: Any, said: str):
    from mdmd.config import PRESETS
    from mdmd.models.checkpoint import Checkpoint, load
    from mdmd.models.landmark_model import build

    Checkpoint(build(PRESETS["tiny"].model, {"objects": SMALL}), "objects").save(tmp_path)
    record = json.loads((tmp_path / "model.json").read_text())
    (tmp_path / "model.json").write_text(json.dumps({**record, key: value}))
    with pytest.raises(DataError, match=f"model.json: {said}"):
        load(tmp_path)
