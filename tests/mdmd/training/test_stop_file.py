"""A training that is stopped early writes the averaged, calibrated weights of that step and records the stop."""

import json
import math
import os

import pytest
import torch
from safetensors.torch import load_file

from mdmd.cli.main import main
from mdmd.config import PRESETS
from mdmd.data.coco import read_coco
from mdmd.run_folder import Stopped
from mdmd.synthetic.datasets import write_source
from mdmd.training import base_cache
from mdmd.training.plan import Plan
from mdmd.training.resume import Keep
from mdmd.training.run import TrainingRun
from mdmd.training.run_log import RunLog
from mdmd.training.schedule import Budget
from mdmd.training.stop_file import StopFile
from mdmd.training.train import adapt
from tests.builders import write_pareidolias

TINY = PRESETS["tiny"].model.changed(image_size=64, pixel_channels=16)
QUICK = PRESETS["tiny"].train.changed(batch_size=4)
STEPS = 12


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawn")
    write_source(folder / "people", 8, seed=0)
    write_pareidolias(folder / "objects", 12)
    return folder


class Asking(RunLog):
    """A log that creates the file `stop` beside it at step 3."""

    def event(self, kind, **fields):
        super().event(kind, **fields)
        if kind == "step" and fields["step"] == 3:
            (self._file.parent / "stop").touch()


class BrokenOff(RunLog):
    """A log that ends its run at step 5, after the state of step 4 was saved."""

    def event(self, kind, **fields):
        super().event(kind, **fields)
        if kind == "step" and fields["step"] == 5:
            raise KeyboardInterrupt


def adapted(drawn, out, log):
    objects = read_coco(drawn / "objects" / "annotations.json", name="objects")
    out.mkdir()
    plan = Plan(
        QUICK,
        Budget(steps=STEPS),
        weights="none",
        keep=Keep(out / "resume.safetensors", every=0.0, cost=math.inf),
        stop=StopFile(out / "stop", every=0.0),
    )
    with log(out / "log.jsonl", quiet=True, every=0.0) as told:
        return adapt(objects, [], None, TINY, plan, told)


def test_a_stopped_run_keeps_the_averaged_weights_of_its_last_step(drawn, tmp_path):
    made = adapted(drawn, tmp_path / "stopped", Asking)
    with pytest.raises(KeyboardInterrupt):
        adapted(drawn, tmp_path / "broken", BrokenOff)
    kept = load_file(tmp_path / "broken" / "resume.safetensors")
    averaged = {key.removeprefix("average.module."): t for key, t in kept.items() if key.startswith("average.module.")}
    assert len(averaged) > 50
    assert all(torch.equal(tensor, averaged[key]) for key, tensor in made.model.state_dict().items())
    assert made.history.stopped == Stopped(4, STEPS)
    assert made.calibration("objects").faces == made.history.heldout["n"] == 2
    log = [json.loads(line) for line in (tmp_path / "stopped" / "log.jsonl").read_text().splitlines()]
    assert [e["step"] for e in log if e["event"] == "step"] == [1, 2, 3, 4]
    assert [(e["step"], e["of"]) for e in log if e["event"] == "stopped"] == [(4, STEPS)]


def test_the_stop_file_is_checked_once_a_second(tmp_path):
    now = [0.0]
    stop = StopFile(tmp_path / "stop", clock=lambda: now[0])
    assert not stop.asked()
    stop.file.touch()
    now[0] = 0.9
    assert not stop.asked()
    now[0] = 1.0
    assert stop.asked()


def options(drawn, out):
    files = ["--target", str(drawn / "objects" / "annotations.json"), "--out", str(out)]
    small = ["--set", "model.image_size=64", "--set", "model.pixel_channels=16", "--set", "train.batch_size=4"]
    return ["adapt", *files, "--preset", "tiny", "--weights", "none", "--steps", "6", "--quiet", *small]


def test_a_stop_file_of_an_earlier_try_is_ignored(drawn, tmp_path):
    out = tmp_path / "run"
    out.mkdir()
    (out / "stop").touch()
    assert main(options(drawn, out)) == 0
    assert "stopped" not in json.loads((out / "metrics.json").read_text())
    assert not (out / "stop").exists()


@pytest.mark.parametrize(("seconds", "stays"), [(-1, False), (1, True)])
def test_only_a_stop_file_from_before_the_command_began_is_removed(tmp_path, seconds, stays):
    stop = tmp_path / "stop"
    stop.touch()
    os.utime(stop, (5000 + seconds,) * 2)
    TrainingRun(tmp_path, asked_at=5000).clear()
    assert stop.exists() == stays


@pytest.mark.parametrize(("more", "stopped"), [([], {"step": 1, "of": 6}), (["--folds", "2"], None)])
def test_a_stopped_run_is_recorded_and_folds_ignore_the_stop_file(drawn, tmp_path, monkeypatch, more, stopped):
    cleared = TrainingRun.clear

    def asked_at_once(run):
        (run.out / "stop").touch()  # before the command has loaded all that it needs
        cleared(run)

    monkeypatch.setattr(TrainingRun, "clear", asked_at_once)
    assert main([*options(drawn, tmp_path / "run"), *more]) == 0
    assert json.loads((tmp_path / "run" / "metrics.json").read_text()).get("stopped") == stopped
    assert not (tmp_path / "run" / "resume.safetensors").exists()


def test_training_a_base_is_not_stopped(drawn, tmp_path, monkeypatch):
    plans = []

    def learned(folder, sources, config, plan, log, *, start):
        plans.append(plan)
        raise KeyboardInterrupt

    monkeypatch.setattr(base_cache, "find_or_train", learned)
    source = ["--source", str(drawn / "people" / "annotations.json"), "--bases", str(tmp_path / "bases")]
    assert main([*options(drawn, tmp_path / "run"), *source]) == 130
    assert [plan.stop for plan in plans] == [None]
