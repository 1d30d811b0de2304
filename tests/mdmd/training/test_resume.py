"""An interrupted run resumes where it was, and a full disk does not damage existing files."""

import contextlib
import errno
import hashlib
import json
import math
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from mdmd.cli.main import main
from mdmd.config import PRESETS
from mdmd.data.coco import read_coco
from mdmd.data.records import Dataset
from mdmd.errors import DataError
from mdmd.loading.batches import FaceCache
from mdmd.loading.crop_cache import CropStore
from mdmd.models import checkpoint
from mdmd.models.landmark_model import MDMD, build
from mdmd.run_folder import History
from mdmd.synthetic.datasets import write_source
from mdmd.training import base_cache as bases
from mdmd.training.loop import fit
from mdmd.training.plan import Plan
from mdmd.training.resume import Keep, Progress, RunState, inputs_of
from mdmd.training.run_log import RunLog
from mdmd.training.schedule import Budget
from mdmd.training.train import adapt
from mdmd.training.validation import Watch
from tests.builders import SMALL, UNPAIRED, wait_for, write_pareidolias

TINY = PRESETS["tiny"].model.changed(image_size=64, pixel_channels=16)
QUICK = PRESETS["tiny"].train.changed(batch_size=4)
#: A script that runs STEPS steps on the drawn sets in the given folder and saves the state after every step.
RUN = """
import sys
from pathlib import Path
from tests.mdmd.training.test_resume import STEPS, adapted
adapted(Path(sys.argv[1]), Path(sys.argv[2]), STEPS)
"""
STEPS = 12


def adapted(drawn, out, steps, *, seed=0, folds=0, share=1.0, log=RunLog, relabeled=None):
    """Adapt to the drawn objects and people, with every step logged and saved in `out`.

    One object of the split `relabeled` gets another label.
    """
    people = read_coco(drawn / "people" / "annotations.json", name="people")
    objects = read_coco(drawn / "objects" / "annotations.json", name="objects")
    keep = Keep(out / "resume.safetensors", every=0.0, cost=math.inf)
    plan = Plan(QUICK, Budget(steps=steps), weights="none", seed=seed, folds=folds, learn_share=share, keep=keep)
    if relabeled is not None:
        objects = with_a_label_moved(objects, relabeled)
    out.mkdir(exist_ok=True)
    with log(out / "log.jsonl", quiet=True, every=0.0) as told:
        return adapt(objects, [people], None, TINY, plan, told)


def with_a_label_moved(data, split):
    face = data.split(split)[0]
    other = replace(face, annotation=replace(face.annotation, points=face.annotation.points + 1))
    return replace(data, samples=tuple(other if s is face else s for s in data.samples))


class BrokenOff(RunLog):
    """A log that ends its run at step `at`, after the state of the step before was saved."""

    at = 3

    def event(self, kind, **fields):
        super().event(kind, **fields)
        if kind == "step" and fields["step"] == self.at:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawn")
    write_source(folder / "people", 8, seed=0)
    write_pareidolias(folder / "objects", 12)
    return folder


def events(run, kind):
    found = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    return [e for e in found if e["event"] == kind]


def curve(run):
    """The events of steps and evaluations in the log, without times."""
    told = [*events(run, "step"), *events(run, "eval")]
    return [(e["step"], e.get("losses"), e.get("nme"), e.get("learning_rate")) for e in told]


def test_a_killed_run_resumes_with_the_same_result(drawn, tmp_path):
    whole = adapted(drawn, tmp_path / "whole", STEPS).model.state_dict()
    killed = tmp_path / "killed"
    child = subprocess.Popen([sys.executable, "-c", RUN, str(drawn), str(killed)])
    wait_for(lambda: child.poll() is not None or (killed / "log.jsonl").exists(), seconds=600)
    wait_for(lambda: child.poll() is not None or len(events(killed, "step")) >= 4, seconds=600)
    assert child.poll() is None
    os.kill(child.pid, signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL

    again = adapted(drawn, killed, STEPS).model.state_dict()
    resumed = events(killed, "resume")
    assert len(resumed) == 1
    assert 3 <= resumed[0]["step"] < STEPS
    assert curve(killed) == curve(tmp_path / "whole")
    assert [e["step"] for e in events(killed, "step")] == list(range(1, STEPS + 1))
    assert all(torch.equal(whole[k], again[k]) for k in whole)


def test_a_state_of_other_inputs_is_refused_by_name(drawn, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        adapted(drawn, tmp_path, 6, log=BrokenOff)
    with pytest.raises(DataError, match=r"interrupted run with other seed and starting weights: .*--fresh"):
        adapted(drawn, tmp_path, 6, seed=1)
    with pytest.raises(DataError, match="interrupted run with other data"):
        adapted(drawn, tmp_path, 6, relabeled="train")
    kept = (tmp_path / "resume.safetensors").read_bytes()
    (tmp_path / "resume.safetensors").write_bytes(kept[: len(kept) // 2])
    with pytest.raises(DataError, match=r"is not the state of a run .*--fresh to start over"):
        adapted(drawn, tmp_path, 6)
    assert (tmp_path / "resume.safetensors").stat().st_size == len(kept) // 2


def test_a_state_is_of_the_faces_that_were_held_out(drawn):
    def named(samples):
        people = replace(read_coco(drawn / "people" / "annotations.json"), samples=tuple(samples))
        found = inputs_of(MDMD(TINY), (TINY, QUICK), [people], stage="adapt", budget="steps", seed=0, folds=0)
        return found["data"], found["faces accepted unseen"]

    faces = read_coco(drawn / "people" / "annotations.json").labeled("train")
    held = [*faces[:-1], replace(faces[-1], split="heldout")]
    moved = [*faces[:-1], replace(faces[-1], split="heldout", box=replace(faces[-1].box, x=faces[-1].box.x + 1))]
    unseen = [*faces[:-1], replace(faces[-1], unseen=True)]  # such a face is never held out
    both = [*faces[:-1], replace(faces[-1], split="heldout", unseen=True)]
    assert len({named(some) for some in (faces, held, moved, unseen, both)}) == 5


def test_a_state_that_does_not_say_which_faces_were_accepted_unseen_is_read(tmp_path):
    model = torch.nn.Linear(1, 1)
    parts = (model, torch.nn.Linear(1, 1), torch.optim.Adam(model.parameters()))
    with RunLog(None, quiet=True) as log:
        RunState(Keep(tmp_path / "s"), {"seed": "1"}, log).save(Progress(step=3), *parts)
        state = RunState(Keep(tmp_path / "s"), {"seed": "1", "faces accepted unseen": "some"}, log)
        assert state.restore(*parts) == Progress(step=3)
        state.save(Progress(step=4), *parts)
        with pytest.raises(DataError, match="interrupted run with other faces accepted unseen"):
            RunState(state.keep, {"seed": "1", "faces accepted unseen": "others"}, log).restore(*parts)


def test_starting_weights_count_but_for_the_last_bits(drawn):
    """Random weights differ in them between processors, and a copied project may resume on another one."""

    def named(model):
        settings, datasets = (TINY, QUICK), [read_coco(drawn / "people" / "annotations.json")]
        return inputs_of(model, settings, datasets, stage="adapt", budget="steps", seed=0, folds=0)

    model = MDMD(TINY)
    before = named(model)
    with torch.no_grad():
        for weights in model.parameters():
            weights.mul_(1 + 1e-7)
    assert named(model) == before
    with torch.no_grad():
        next(model.parameters()).mul_(1.01)
    assert {name for name, value in named(model).items() if value != before[name]} == {"starting weights"}


def test_a_state_with_folds_is_refused_without_folds(drawn, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        adapted(drawn, tmp_path, 6, folds=2, log=BrokenOff)
    with pytest.raises(DataError, match="interrupted run with other folds"):
        adapted(drawn, tmp_path, 6)


def test_a_run_on_a_share_of_the_faces_resumes_with_that_share_only(drawn, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        adapted(drawn, tmp_path, 6, share=0.5, log=BrokenOff)
    for other in (1.0, 0.75):
        with pytest.raises(DataError, match="interrupted run with other share of faces: "):
            adapted(drawn, tmp_path, 6, share=other)
    adapted(drawn, tmp_path, 6, share=0.5)
    assert [e["step"] for e in events(tmp_path, "resume")] == [2]


def test_a_changed_label_on_a_test_face_does_not_prevent_resuming(drawn, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        adapted(drawn, tmp_path, 4, log=BrokenOff)
    adapted(drawn, tmp_path, 4, relabeled="test")
    assert [e["step"] for e in events(tmp_path, "resume")] == [2]


def test_the_command_resumes_or_starts_over(drawn, tmp_path, capsys):
    target = drawn / "objects" / "annotations.json"
    command = ["adapt", "--target", target, "--preset", "tiny", "--weights", "none", "--steps", "5", "--quiet"]
    run = [*map(str, command), "--out", str(tmp_path)]
    keep = Keep(tmp_path / "resume.safetensors", every=0.0, cost=math.inf)
    plan = Plan(PRESETS["tiny"].train, Budget(steps=5), weights="none", keep=keep)

    def break_off():
        with BrokenOff(tmp_path / "log.jsonl", quiet=True, every=0.0) as log, pytest.raises(KeyboardInterrupt):
            adapt(read_coco(target), [], None, PRESETS["tiny"].model, plan, log)

    break_off()
    assert main([*run, "--seed", "1"]) == 2
    assert "interrupted run with other seed" in capsys.readouterr().err
    assert main(run) == 0
    assert [e["step"] for e in events(tmp_path, "resume")] == [2]
    assert events(tmp_path, "step")[-1]["step"] == 5
    assert not keep.file.exists()
    assert checkpoint.load(tmp_path).target == "objects"
    assert json.loads((tmp_path / "metrics.json").read_text())["rarely_labeled"] == {}
    assert not (tmp_path / "error.json").exists()

    break_off()
    assert main([*run, "--seed", "1", "--fresh"]) == 0
    assert events(tmp_path, "resume") == []
    assert not keep.file.exists()


def test_a_base_resumes_and_one_with_other_inputs_starts_over(drawn, tmp_path):
    people = read_coco(drawn / "people" / "annotations.json", name="people")
    plan = Plan(
        QUICK, Budget(steps=4), weights="none", keep=Keep(tmp_path / "run" / "unused", every=0.0, cost=math.inf)
    )

    def base(log, **changes):
        with log(tmp_path / "log.jsonl", quiet=True, every=0.0) as told:
            return bases.find_or_train(tmp_path / "bases" / "b", [people], TINY, replace(plan, **changes), told)

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            base(BrokenOff, seed=3)
    base(RunLog)
    assert [e["step"] for e in events(tmp_path, "resume")] == [2]
    assert "other seed and starting weights: this run starts over" in (tmp_path / "log.jsonl").read_text()
    assert [p.name for p in (tmp_path / "bases").iterdir()] == ["b"]


def without_weights(file):
    """Write the state of another network, without the weights of this one."""
    with safe_open(file, "pt") as kept:
        checkpoint.write_tensors(file, {}, kept.metadata())


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda file: file.write_bytes(b"half a file"), "is not the state of a run"),
        (without_weights, "does not fit this network"),
    ],
    ids=["half", "other"],
)
def test_an_unreadable_state_of_a_base_is_ignored(drawn, tmp_path, damage, said):
    people = read_coco(drawn / "people" / "annotations.json", name="people")
    keep = Keep(tmp_path / "run" / "unused", every=0.0, cost=math.inf)
    plan = Plan(QUICK, Budget(steps=4), weights="none", keep=keep)
    with BrokenOff(tmp_path / "log.jsonl", quiet=True, every=0.0) as log, pytest.raises(KeyboardInterrupt):
        bases.find_or_train(tmp_path / "bases" / "b", [people], TINY, plan, log)
    damage(tmp_path / "bases" / "b.resume.safetensors")
    with RunLog(tmp_path / "log.jsonl", quiet=True) as log:
        bases.find_or_train(tmp_path / "bases" / "b", [people], TINY, plan, log)
    assert f"{said}" in (tmp_path / "log.jsonl").read_text()
    assert [p.name for p in (tmp_path / "bases").iterdir()] == ["b"]


class Overtaken(RunLog):
    """A log of a run whose base is written to `place` by another run first."""

    other = place = Path()

    def event(self, kind, **fields):
        super().event(kind, **fields)
        if kind == "done":
            shutil.copytree(self.other, self.place)


def test_two_runs_that_train_one_base_both_use_the_first(drawn, tmp_path):
    people = read_coco(drawn / "people" / "annotations.json", name="people")
    folder, plan = tmp_path / "bases" / "b", Plan(QUICK, Budget(steps=1), weights="none")
    with RunLog(None, quiet=True) as log:
        first = bases.find_or_train(tmp_path / "first", [people], TINY, replace(plan, seed=1), log).model.state_dict()
    with Overtaken(None, quiet=True) as log:
        log.other, log.place = tmp_path / "first", folder
        made = bases.find_or_train(folder, [people], TINY, plan, log).model.state_dict()
    assert all(torch.equal(made[key], first[key]) for key in first)
    assert [p.name for p in (tmp_path / "bases").iterdir()] == ["b"]


def test_states_of_finished_and_of_abandoned_bases_are_removed(drawn, tmp_path):
    people = read_coco(drawn / "people" / "annotations.json", name="people")
    folder, plan = tmp_path / "b", Plan(QUICK, Budget(steps=1), weights="none")
    own, old, new = (tmp_path / f"{name}.resume.safetensors" for name in ("b", "old", "new"))
    with RunLog(None, quiet=True) as log:
        bases.find_or_train(folder, [people], TINY, plan, log)
        for state in (own, old, new):
            state.touch()
        os.utime(old, (time.time() - bases.ABANDONED - 60,) * 2)
        bases.find_or_train(folder, [people], TINY, plan, log)
    assert {path for path in tmp_path.iterdir() if path.is_file()} == {new}


def test_views_do_not_change_which_base_is_found(drawn, tmp_path):
    people = read_coco(drawn / "people" / "annotations.json", name="people")
    once = TINY.changed(views="single")
    folder = bases.base_folder(tmp_path, [people], TINY, "none")
    assert bases.base_folder(tmp_path, [people], once, "none") == folder
    assert bases.base_folder(tmp_path, [people], TINY.changed(groups=8), "none") != folder
    plan = Plan(QUICK, Budget(steps=1), weights="none")
    with RunLog(tmp_path / "log.jsonl", quiet=True) as log:
        found = [bases.find_or_train(folder, [people], config, plan, log).model.config for config in (TINY, once)]
    assert found == [TINY, once]
    assert len(events(tmp_path, "start")) == 1


def test_a_base_from_when_faces_without_mirror_pairs_were_mirrored_is_not_used_again():
    def of_version_0_1_0(definition):  # for a set without faces
        return hashlib.sha256(json.dumps(definition.to_category(), sort_keys=True).encode()).digest()

    for definition, known in ((SMALL, True), (UNPAIRED, False)):
        assert (bases.labels_key(Dataset("set", definition, ())) == of_version_0_1_0(definition)) is known
    symmetric = replace(UNPAIRED, symmetric=True)
    keys = {bases.labels_key(Dataset("set", definition, ())) for definition in (SMALL, UNPAIRED, symmetric)}
    assert len(keys) == 3


@pytest.fixture
def fitted(drawn, tmp_path):
    """A function that fits a model with a plan, a state and a clock, with two faces per batch."""
    objects = read_coco(drawn / "objects" / "annotations.json", name="objects")
    store = CropStore(tmp_path / "crops", warn=print)
    cache = FaceCache("objects", objects.definition, objects.split("train"), crop_scale=1.4, size=64, store=store)

    def run(plan, log, write=checkpoint.write_tensors, watch=Watch, **kw):
        torch.manual_seed(0)
        model = build(TINY, {"objects": objects.definition})
        made = checkpoint.Checkpoint(model, "objects")
        state = RunState(plan.keep, {"set": "objects"}, log, write=write)
        return fit(model, [cache], plan, log, watch(made, (), log, "base"), "base", state=state, **kw)

    return run


def watch_at(start):
    """A clock that advances four seconds with every call."""
    ticks = iter(range(start, 10**6, 4))
    return lambda: float(next(ticks))


class BrokenOffLater(BrokenOff):
    at = 5


class Slow(Watch):
    """A watch whose reports find that 25 seconds of work follow the last step."""

    def report(self, model, step):
        super().report(model, step)
        self.closing = 25.0


def test_time_for_the_work_after_the_last_step_stays_reserved_after_an_interruption(fitted, tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    for folder, logs in ((whole, [RunLog]), (broken, [BrokenOffLater, RunLog])):
        keep = Keep(folder / "resume.safetensors", every=0.0, cost=math.inf)
        plan = Plan(QUICK.changed(batch_size=2), Budget(minutes=1), keep=keep)
        folder.mkdir()
        for start, kind in enumerate(logs):
            end = pytest.raises(KeyboardInterrupt) if kind is BrokenOffLater else contextlib.nullcontext()
            with kind(folder / "log.jsonl", quiet=True, every=0.0) as log, end:
                fitted(plan, log, watch=Slow, clock=watch_at(5000 * start))
    told = {folder: [(e["step"], e["learning_rate"]) for e in events(folder, "step")] for folder in (whole, broken)}
    assert told[whole] == told[broken]
    assert told[whole][-1][0] == 9  # of four seconds each, in 35 of the 60 seconds


def test_a_state_without_the_time_of_the_work_after_the_last_step_is_read(tmp_path):
    model = torch.nn.Linear(1, 1)
    parts = (model, torch.nn.Linear(1, 1), torch.optim.Adam(model.parameters()))
    with RunLog(None, quiet=True) as log:
        state = RunState(Keep(tmp_path / "s"), {}, log)
        state.save(Progress(step=3), *parts)
        with safe_open(tmp_path / "s", "pt") as file:
            header, tensors = file.metadata(), {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        progress = json.loads(header["progress"])
        assert progress.pop("closing") == 0
        checkpoint.write_tensors(tmp_path / "s", tensors, {**header, "progress": json.dumps(progress)})
        assert state.restore(*parts) == Progress(step=3)


def test_minutes_continue_after_an_interruption(fitted, tmp_path):
    keep = Keep(tmp_path / "resume.safetensors", every=0.0, cost=math.inf)
    plan = Plan(QUICK.changed(batch_size=2), Budget(minutes=1), keep=keep)

    with BrokenOff(tmp_path / "log.jsonl", quiet=True, every=0.0) as log, pytest.raises(KeyboardInterrupt):
        fitted(plan, log, clock=watch_at(0))
    with RunLog(tmp_path / "log.jsonl", quiet=True, every=0.0) as log:
        fitted(plan, log, clock=watch_at(5000))
    (resumed,) = events(tmp_path, "resume")
    told = events(tmp_path, "step")
    # Two steps of four seconds before the interruption, and the rest of sixty seconds after it.
    assert (resumed["step"], resumed["seconds"]) == (2, 8.0)
    assert told[-1]["step"] == 15
    assert told[-1]["learning_rate"] < 0.05 * max(e["learning_rate"] for e in told)


def test_a_full_disk_does_not_stop_a_training_or_remove_its_state(fitted, tmp_path):
    keep = Keep(tmp_path / "resume.safetensors", every=0.0, cost=math.inf)
    plan = Plan(QUICK.changed(batch_size=2), Budget(steps=3), keep=keep)
    written = []

    def write(path, tensors, metadata):
        if len(written) == 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written.append(path)
        checkpoint.write_tensors(path, tensors, metadata)

    with RunLog(tmp_path / "log.jsonl", quiet=True) as log:
        fitted(plan, log, write=write)
    told = [e["message"] for e in events(tmp_path, "warning")]
    assert told[0] == (
        "the state at step 2 could not be saved (No space left on device); "
        "the previous state is kept and the training continues"
    )
    assert load_file(keep.file)["optimizer.0.step"] == 1


def test_a_checkpoint_that_does_not_fit_on_the_disk_keeps_the_last_one(tmp_path):
    torch.manual_seed(0)
    made = checkpoint.Checkpoint(MDMD(TINY), "none", history=History(seed=1))
    made.save(tmp_path)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    torch.nn.init.zeros_(next(made.model.parameters()))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises(OSError, match=os.strerror(errno.EFBIG)) as failed:
            made.save(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert failed.value.filename == str(tmp_path / "model.safetensors")
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_a_log_on_a_full_disk_ends_with_a_warning(capsys):
    with RunLog(Path("/dev/full")) as log:
        log.event("start", stage="base")
        log.event("start", stage="adapt")
    assert capsys.readouterr().out == (
        "warning: /dev/full cannot be written (No space left on device): the run continues without a log\n"
    )


def test_an_incomplete_last_line_is_removed(tmp_path):
    (tmp_path / "log.jsonl").write_text('{"event": "start"}\n{"event": "st')
    with RunLog(tmp_path / "log.jsonl", quiet=True) as log:
        log.event("done", stage="base")
    assert [json.loads(line)["event"] for line in (tmp_path / "log.jsonl").read_text().splitlines()] == [
        "start",
        "done",
    ]


def test_states_cost_at_most_their_share_of_the_time(tmp_path):
    now = [0.0]

    def write(path, tensors, metadata):
        now[0] += 3.0
        saved.append(now[0])

    saved = []
    model = torch.nn.Linear(1, 1)
    parts = (model, model, torch.optim.Adam(model.parameters()))
    keep = Keep(tmp_path / "s", every=60.0, cost=0.02)
    with RunLog(None, quiet=True) as log:
        state = RunState(keep, {}, log, write=write, clock=lambda: now[0])
        while now[0] < 500:
            now[0] += 1.0
            state.offer(Progress(), *parts)
    # First after a minute; then every 150 seconds, because three seconds of writing are 2 % of 150.
    assert saved == [63.0, 216.0, 369.0]
