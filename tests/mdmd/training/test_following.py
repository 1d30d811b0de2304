"""The head of an adaptation follows the source from which its labels follow best."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mdmd.config import PRESETS
from mdmd.data.coco import read_coco
from mdmd.data.records import Dataset
from mdmd.models.checkpoint import Checkpoint
from mdmd.models.landmark_model import build
from mdmd.synthetic.datasets import write_source
from mdmd.training import following
from mdmd.training.following import follow_source
from mdmd.training.plan import Plan
from mdmd.training.run_log import RunLog
from mdmd.training.schedule import Budget
from mdmd.training.train import adapt, train
from tests.builders import write_pareidolias

TINY = PRESETS["tiny"].model.changed(image_size=64, pixel_channels=16)
TRAIN = PRESETS["tiny"].train.changed(batch_size=8)


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> tuple[Dataset, Dataset]:
    folder = tmp_path_factory.mktemp("drawn")
    people = read_coco(write_source(folder / "people", 12, seed=0), name="people")
    return read_coco(write_pareidolias(folder / "objects", 12), name="objects"), people


def adapted(sets: tuple[Dataset, Dataset], folder: Path, *, base: Checkpoint | None = None, folds: int = 0, **settings):
    folder.mkdir(exist_ok=True)
    plan = Plan(TRAIN.changed(**settings), Budget(steps=3), weights="none", folds=folds)
    with RunLog(folder / "log.jsonl", quiet=True) as log:
        made = adapt(sets[0], [sets[1]], base, TINY, plan, log)
    events = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return made, [event["source"] for event in events if event["event"] == "follows"]


def test_a_target_follows_its_source_and_the_next_training_begins_without(sets, tmp_path: Path) -> None:
    first, told = adapted(sets, tmp_path)
    assert (first.model.follows, told) == ({"objects": "people"}, ["people"])
    assert first.model.followers[0].weights.abs().sum() > 0
    off, told = adapted(sets, tmp_path / "off", follow=False)
    assert (off.model.follows, told) == ({}, [])
    assert off.calibrations["objects"] != first.calibrations["objects"]  # it is that of the fused points
    for name, value in off.model.state_dict().items():
        assert torch.equal(value, first.model.state_dict()[name]), name
    second, _ = adapted(sets, tmp_path / "again", base=first, follow=False)
    assert second.model.follows == {}


def test_folds_follow_too_and_a_training_on_several_sets_does_not(sets, tmp_path: Path) -> None:
    made, told = adapted(sets, tmp_path, folds=2)
    assert (made.model.follows, told) == ({"objects": "people"}, ["people"] * 3)
    with RunLog(tmp_path / "log.jsonl", quiet=True) as log:
        plan = Plan(TRAIN, Budget(steps=1), weights="none")
        assert train(sets, TINY, plan, log).model.follows == {}


def test_the_source_is_the_one_that_left_out_labels_follow_from(sets, monkeypatch: pytest.MonkeyPatch) -> None:
    objects, people = sets
    model = build(TINY, {"objects": objects.definition, "good": people.definition, "bad": people.definition}).eval()
    faces = objects.labeled("train")
    plain = following._seen

    def seen(model, heads, faces):
        """The good source finds small faces that stand around the labels; the bad one large ones, less exactly."""
        found, kept = plain(model, heads, faces)
        truth = [face.annotation.points.mean(axis=0) for face in kept]
        shape = found["good"][0].points - found["good"][0].points.mean(axis=0)
        shift = np.random.default_rng(0).normal(0, 20, (len(kept), 2))
        places = {
            "good": [shape + middle for middle in truth],
            "bad": [40 * shape + middle + by for middle, by in zip(truth, shift, strict=True)],
        }
        return {
            head: [replace(one, points=place) for one, place in zip(found[head], places[head], strict=True)]
            for head in heads
        }, kept

    monkeypatch.setattr(following, "_seen", seen)
    assert follow_source(model, "objects", ["bad", "good"], faces, seed=0) == "good"
    assert model.follows == {"objects": "good"}


def test_pictures_that_went_during_the_training_are_left_out(sets) -> None:
    objects, people = sets
    model = build(TINY, {"objects": objects.definition, "people": people.definition}).eval()
    faces = objects.labeled("train")
    gone = [replace(face, path=face.path.with_name("gone.jpg")) for face in faces]
    assert follow_source(model, "objects", ["people"], [*faces[:-1], gone[-1]], seed=0) == "people"
    weights = model.followers[0].weights.clone()
    assert follow_source(model, "objects", ["people"], faces[:-1], seed=0) == "people"
    torch.testing.assert_close(model.followers[0].weights, weights, rtol=1e-2, atol=1e-4)  # other batches
    model.stop_following()
    assert follow_source(model, "objects", ["people"], gone, seed=0) is None
    assert model.follows == {}


def test_nothing_follows_where_no_error_can_be_left_out_or_mirrored_pictures_have_no_source(sets) -> None:
    objects, people = sets
    model = build(TINY, {"objects": objects.definition, "people": people.definition}).eval()
    faces = objects.labeled("train")
    one = [replace(face, group="same") for face in faces]
    assert follow_source(model, "objects", ["people"], one, seed=0) is None
    unpaired = replace(people.definition, mirror=tuple(range(len(people.definition.landmarks))), symmetric=False)
    model = build(TINY, {"objects": objects.definition, "people": unpaired}).eval()
    assert objects.definition.can_be_mirrored
    assert follow_source(model, "objects", ["people"], faces, seed=0) is None
    few = build(TINY, {"objects": objects.definition, "others": objects.definition}).eval()
    assert follow_source(few, "objects", ["others"], faces, seed=0) is None
    assert model.follows == few.follows == {}
