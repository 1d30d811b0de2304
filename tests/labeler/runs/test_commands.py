"""A received folder cannot run anything: commands are made from checked settings, recorded ones are never run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from labeler.project.project import Project
from labeler.runs import start as jobs
from labeler.runs.commands import check, commands_of, located, settings_of, source_of, stored
from labeler.runs.control import list_runs
from labeler.runs.sources import DRAWN, Sources
from mdmd.errors import DataError
from mdmd.run_folder import STATE, TARGET, RunRecord, Settings, read_record
from tests.builders import make_project, wait_for

#: The commands of a training with a source, as version 0.1.0 recorded them.
ADAPT = "python3 -m mdmd.cli adapt --target /old/p/runs/001/target.json --preset tiny --seed 4 --quiet --tolerance 0.1"
ADAPT += " --source /old/s.json --bases /old/.bases --base-minutes 0.5 --weights none --steps 40 --out /old/p/runs/001"
PREDICT = "python3 -m mdmd.cli predict /old/p/runs/001 --faces /old/p/faces.json --out /old/o.json --find-boxes"
DRAW = "python3 -m labeler.sources /old drawn68 1200 /old/p/runs/001/log.jsonl"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path, labeled=3)


def plant(project: Project, **changes: Any) -> Path:
    """An interrupted training in a received project, with these keys in its run.json."""
    folder = project.runs / "001"
    folder.mkdir(parents=True)
    settings = Settings(preset="tiny", weights="none", steps=2, tolerance=0.1)
    RunRecord("001", "train", 1000.0, 3, 3, settings, pid=1, process_started="long ago").write(folder)
    told = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**told, **changes}))
    (folder / STATE).touch()
    return folder


def test_recorded_commands_are_read_as_settings_and_not_run(project: Project):
    folder = plant(project, source="s", commands=[line.split() for line in (DRAW, ADAPT, PREDICT)])
    assert settings_of(read_record(folder), folder) == Settings(
        source="s",
        given="/old/s.json",
        preset="tiny",
        weights="none",
        base_minutes=0.5,
        steps=40,
        prelabel=True,
        seed=4,
        tolerance=0.1,
    )


@pytest.mark.parametrize(
    "commands",
    [
        [["touch", "MARK"]],
        [ADAPT.split(), ["touch", "MARK"]],
        [["touch", "MARK", *ADAPT.split()]],
        [["sh", "-m", "mdmd", "adapt", "--hook", "touch MARK"]],
        [["sh", "-c", "touch MARK", "-m", "mdmd", "adapt"]],
        [ADAPT.split(), ADAPT.split()],
        [[*ADAPT.split(), "--steps"]],
        [[*ADAPT.split(), "--steps", "many"]],
        [[*ADAPT.split(), "--steps", 7]],
        "touch MARK",
        7,
    ],
)
def test_a_planted_command_is_refused_and_nothing_of_it_runs(project: Project, tmp_path: Path, commands: Any):
    mark = tmp_path / "mark"
    folder = plant(project, commands=json.loads(json.dumps(commands).replace("MARK", str(mark))))
    before = (folder / "run.json").read_bytes()
    with pytest.raises(DataError, match="which is not one of this tool's; nothing was run"):
        jobs.resume(project, "001")
    assert not mark.exists()
    assert list_runs(project)[0].state == "interrupted"
    assert (folder / "run.json").read_bytes() == before


def test_the_supervisor_runs_nothing_that_lies_in_the_folder(project: Project, tmp_path: Path):
    folder = plant(project, commands=[["touch", str(tmp_path / "mark")]])
    supervisor = [sys.executable, "-m", "labeler.runs.supervisor", str(folder)]
    done = subprocess.run(supervisor, input="[]", text=True, timeout=60, env=os.environ)
    assert (done.returncode, (tmp_path / "mark").exists()) == (0, False)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"preset": "huge"}, "found the preset 'huge', wanted one of "),
        ({"encoder": "hf-hub:someone/model"}, "found the encoder 'hf-hub:someone/model'"),
        ({"encoder": "--fresh"}, "found the encoder '--fresh'"),
        ({"weights": "../../w.safetensors"}, "weights file .* leads out of the projects folder"),
        ({"weights": "/nowhere/w.safetensors"}, "no such weights file: /nowhere/w.safetensors"),
        ({"source": "x", "given": "../x.json"}, "source '../x.json', which leads out of the projects folder"),
        ({"source": "x", "given": "/nowhere/x.json"}, "no source named 'x'.*put its file at /nowhere/x.json"),
        ({"source": "x"}, "no source named 'x'.*add it again"),
        ({"source": "../x", "given": None}, r"no source named '\.\./x'"),
        ({"steps": 0}, "found steps 0, wanted a number above 0"),
        ({"steps": None}, "needs a number of minutes or of steps"),
        ({"seed": -1}, "found seed -1"),
        ({"threshold": 1.5}, "found threshold 1.5"),
        ({"of": "../7"}, "found of '../7', wanted the number of a run"),
        ({"parts": ["../../x"]}, "found the part '../../x' of a learning curve"),
        ({"steps": "many"}, "found steps 'many', wanted a whole number or null"),
        ({"pid": {}}, "found pid '{}', wanted a whole number or null"),
    ],
)
def test_a_setting_that_does_not_fit_is_refused_in_a_sentence(project: Project, changes: dict[str, Any], said: str):
    plant(project, **changes)
    with pytest.raises(DataError, match=said):
        jobs.resume(project, "001")
    assert not (project.runs / "001" / "output.txt").exists()


def test_a_prelabeling_uses_the_model_of_a_run_of_its_own_project(project: Project):
    with pytest.raises(DataError, match="found model '/elsewhere', wanted the number of a run"):
        check(Settings(model="/elsewhere"), project)
    record = RunRecord("002", "prelabel", 1.0, 1, 1, Settings(model="001", tolerance=0.1))
    [[*_, command, model, faces, _, out, _, boxes, missing, _, _]] = commands_of(project, record, None)
    assert (command, model) == ("predict", str(project.runs.resolve() / "001"))
    assert (faces, out, boxes, missing) == ("--faces", "--out", "--find-boxes", "--allow-missing")


def test_paths_in_the_projects_folder_move_with_it(tmp_path: Path):
    inside, outside = tmp_path / "projects" / "w" / "a.safetensors", tmp_path / "b.safetensors"
    root = tmp_path / "projects"
    assert stored(inside, root) == "w/a.safetensors"
    assert located("w/a.safetensors", tmp_path / "moved", "file") == tmp_path / "moved" / "w" / "a.safetensors"
    assert located(stored(outside, root), tmp_path / "moved", "file") == outside


def test_a_copy_finds_its_sources_in_its_own_projects_folder(project: Project, tmp_path: Path):
    project.export(tmp_path / "projects" / "mine.json")
    first, copy = Sources(project.folder.parent), Sources(tmp_path / "copy")
    asked = Settings(source=DRAWN, given="/elsewhere/.sources/drawn68/annotations.json")
    source = source_of(asked, copy)
    assert source is not None
    assert source.path.is_relative_to(tmp_path / "copy")
    record = RunRecord("001", "train", 1.0, 3, 3, replace(asked, preset="tiny", steps=2))
    draw, adapt = commands_of(project, record, source_of(asked, first))
    root = str(project.folder.parent.resolve())
    assert (draw[3], adapt[adapt.index("--bases") + 1]) == (root, f"{root}/.bases")
    mine = source_of(Settings(source="gone", given="mine.json"), first)
    assert mine is not None
    assert mine.path == (tmp_path / "projects" / "mine.json").resolve()
    assert source_of(Settings(), first) is None


def test_a_training_whose_record_is_sound_goes_on(project: Project):
    folder = plant(project)
    (folder / STATE).unlink()
    given: list[RunRecord] = []

    def noted(project: Project, record: RunRecord, source: Any) -> list[list[str]]:
        given.append(record)
        [adapt] = commands_of(project, record, source)
        assert list(adapt[1:4]) == ["-m", "mdmd", "adapt"]
        return []

    jobs.resume(project, "001", commands=noted)
    wait_for(lambda: not list_runs(project)[0].active)
    assert (list_runs(project)[0].state, given[0].settings.steps) == ("done", 2)
    assert not (folder / TARGET).exists()
