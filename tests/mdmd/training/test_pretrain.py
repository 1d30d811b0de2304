"""The starter: trained from scratch in rounds, small on disk, used for adapting, with open photographs only."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from mdmd.cli.main import main
from mdmd.config import STARTER, ModelConfig, TrainConfig, preset
from mdmd.data.coco import read_coco
from mdmd.data.definition import load_definition
from mdmd.data.records import Dataset
from mdmd.errors import DataError
from mdmd.models import checkpoint
from mdmd.models.landmark_model import build
from mdmd.run_folder import History
from mdmd.synthetic.datasets import write_source
from mdmd.training import base_cache as bases
from mdmd.training.plan import Plan
from mdmd.training.pretrain import DRAWN, DRAWN_ANIMALS, SIZE_LIMIT, STARTER_MODEL, Drawing, open_photos, pretrain, ship
from mdmd.training.resume import Keep
from mdmd.training.run_log import RunLog
from mdmd.training.schedule import Budget
from mdmd.training.train import adapt
from tests.builders import write_pareidolias

TINY = ModelConfig(encoder="test_vit", encoder_depth=2, decoder_depth=1, image_size=32, pixel_channels=16)
PLAN = Plan(TrainConfig(batch_size=4, layer_decay=1.0, augment="drawn", heldout_share=0.2), Budget(steps=4))
DRAWING = Drawing(faces=8, size=64)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Drawn images instead of photographs: two open subsets, two closed ones, and an image without a subset."""
    folder = tmp_path_factory.mktemp("photos")
    drawn = read_coco(write_source(folder / "frl", 12, seed=9, size=64))
    subsets = ["london", "canada", "3dskf", "3dskm"] * 3
    samples = [replace(s, extra={"subset": name}) for s, name in zip(drawn.samples, subsets, strict=True)]
    return replace(drawn, samples=(*samples[:-1], replace(samples[-1], extra={})))


@pytest.fixture(scope="module")
def starter(tmp_path_factory: pytest.TempPathFactory, photos: Dataset) -> Path:
    out = tmp_path_factory.mktemp("starter")
    with RunLog(out / "log.jsonl", quiet=True) as log:
        pretrain(out, photos, PLAN, log, rounds=2, drawing=DRAWING, config=TINY)
    return out


def test_only_openly_licensed_photographs_are_kept(photos: Dataset) -> None:
    kept = open_photos(photos)
    assert [s.extra.get("subset") for s in kept.samples] == ["london", "canada"] * 3 + [None]
    closed = replace(photos, samples=tuple(s for s in photos.samples if "3dsk" in s.extra.get("subset", "")))
    with pytest.raises(DataError, match=r"no openly licensed photographs: found the subsets 3dskf, 3dskm"):
        open_photos(closed)


def test_a_starter_is_float16_with_one_head_and_reads_as_float32(starter: Path) -> None:
    stored = load_file(starter / "model.safetensors")
    assert {value.dtype for value in stored.values()} == {torch.float16}
    made = checkpoint.load(starter)
    assert list(made.model.definitions) == [DRAWN]
    assert made.target == DRAWN
    assert made.model.config == TINY
    assert len(made.model.encoder.backbone.blocks) == 2
    assert {p.dtype for p in made.model.parameters()} == {torch.float32}
    working = checkpoint.load(starter / "working")
    assert list(working.model.definitions) == [DRAWN, "frl"]
    picture = torch.rand(1, 3, 32, 32)
    with torch.inference_mode():
        exact, rounded = (m.model.eval()(picture, DRAWN).mean for m in (working, made))
    assert torch.allclose(exact, rounded, atol=2e-3)


def test_the_card_of_a_starter_describes_its_training(starter: Path) -> None:
    history = json.loads((starter / "model.json").read_text(encoding="utf-8"))["history"]
    assert history["rounds"] == 2
    assert history["drawn_faces"] == 16
    assert history["weights"] is None
    assert "base" not in history
    card = (starter / "README.md").read_text(encoding="utf-8")
    assert "16 faces with 68 exact landmarks" in card
    assert "CC-BY 4.0" in card
    assert "Apache-2.0" in card
    assert "2 rounds" in card
    assert not list(starter.glob("drawn-*")), "the drawn faces of a finished round stay on the disk"


def test_an_interrupted_round_goes_on_at_the_step_that_it_saved(tmp_path: Path) -> None:
    class Interrupted(RunLog):
        """A log that ends the training after its third step."""

        def event(self, kind: str, **fields: Any) -> None:
            super().event(kind, **fields)
            if kind == "step" and fields["step"] == 3:
                raise KeyboardInterrupt

    plan = replace(PLAN, keep=Keep(tmp_path, every=0, cost=1))
    out = tmp_path / "starter"
    out.mkdir()
    with pytest.raises(KeyboardInterrupt), Interrupted(out / "log.jsonl", quiet=True, every=0) as log:
        pretrain(out, None, plan, log, rounds=1, drawing=DRAWING, config=TINY)
    with RunLog(out / "log.jsonl", quiet=True) as log:
        pretrain(out, None, plan, log, rounds=1, drawing=DRAWING, config=TINY)
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    [resumed] = [line["step"] for line in lines if line["event"] == "resume"]
    assert resumed >= 2
    assert lines[-1]["event"] == "done"
    assert not list(out.rglob("resume*"))


def test_an_interrupted_pretraining_resumes_in_its_round(tmp_path: Path) -> None:
    with RunLog(None, quiet=True) as log:
        pretrain(tmp_path, None, PLAN, log, rounds=1, drawing=DRAWING, config=TINY)
        first = load_file(tmp_path / "working" / "model.safetensors")
    with RunLog(tmp_path / "log.jsonl", quiet=True) as log:
        pretrain(tmp_path, None, PLAN, log, rounds=2, drawing=DRAWING, config=TINY)
        second = load_file(tmp_path / "working" / "model.safetensors")
        again = pretrain(tmp_path, None, PLAN, log, rounds=2, drawing=DRAWING, config=TINY)
    starts = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert len([e for e in starts if e["event"] == "start"]) == 1, "a finished round was trained again"
    assert again.history.rounds == 2
    apart = max(float((first[k] - second[k]).abs().max()) for k in first)
    assert 0 < apart < 0.1, "the second round must start from the first"
    assert "Photographs" not in (tmp_path / "README.md").read_text(encoding="utf-8")
    for file in ("model.json", "model.safetensors", "README.md"):  # as if killed after the last round was saved
        (tmp_path / file).unlink()
    (tmp_path / "drawn-2").mkdir()
    with RunLog(None, quiet=True) as log:
        pretrain(tmp_path, None, PLAN, log, rounds=2, drawing=DRAWING, config=TINY)
    assert checkpoint.load(tmp_path).history.rounds == 2
    assert not (tmp_path / "drawn-2").exists()
    with pytest.raises(DataError, match="another configuration"), RunLog(None, quiet=True) as log:
        pretrain(tmp_path, None, PLAN, log, rounds=3, drawing=DRAWING, config=TINY.changed(image_size=48))


def test_the_crops_of_a_round_are_in_its_folder_and_removed_with_it(tmp_path: Path) -> None:
    class Looking(RunLog):
        """A log that counts the crops at the start of a training."""

        crops = 0

        def event(self, kind: str, **fields: Any) -> None:
            super().event(kind, **fields)
            if kind == "start":
                self.crops = len(list((tmp_path / "drawn-1" / "crops").iterdir()))

    with Looking(None, quiet=True) as log:
        pretrain(tmp_path, None, PLAN, log, rounds=1, drawing=DRAWING, config=TINY)
    assert log.crops == DRAWING.faces
    assert not list(tmp_path.glob("drawn-*"))


def test_adapting_starts_from_the_starters_network(starter: Path, tmp_path: Path) -> None:
    target = read_coco(write_pareidolias(tmp_path / "things", 6))
    base = checkpoint.load(starter)
    before = base.model.state_dict()["decoder.queries.weight"].clone()
    plan = replace(PLAN, budget=Budget(steps=1))
    with RunLog(None, quiet=True) as log:
        made = adapt(target, [], base, preset("default").model, plan, log)
    assert made.model.config == TINY
    assert list(made.model.definitions) == [DRAWN, "things"]
    assert (made.model.state_dict()["decoder.queries.weight"] - before).abs().max() < 0.01
    assert made.history.base.rounds == 2


def test_the_starter_is_used_without_pretrained_weights_or_on_request(starter: Path, tmp_path: Path) -> None:
    default, tiny = preset("default").model, preset("tiny").model

    def asked(folder: Path, config: ModelConfig, weights: str | None, reason: str | None) -> bool:
        return bases.starter(folder, config, weights, log, why_none=lambda _: reason) is not None

    with RunLog(tmp_path / "log.jsonl", quiet=True) as log:
        assert asked(starter, default, None, "no connection")
        assert asked(starter, tiny, "starter", None)
        once = bases.starter(starter, default.changed(views="single"), None, log, why_none=lambda _: "no connection")
        assert once is not None
        assert once.model.config == TINY.changed(views="single")
        assert not asked(starter, default, None, None), "timm's own weights are better"
        assert not asked(starter, default, "none", "no connection")
        assert not asked(starter, default, "vit.safetensors", "no connection")
        assert not asked(starter, tiny, None, "no connection"), "another network was asked for"
        assert not asked(tmp_path / "nothing", default, None, "no connection")
        with pytest.raises(DataError, match="no starter"):
            asked(tmp_path / "nothing", default, "starter", None)
    lines = (tmp_path / "log.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["message"].split(": ")[1] for line in lines] == [
        "starting from the starter that comes with mdmd"
    ] * 2


def test_adapt_from_the_starter_on_the_command_line(starter: Path, tmp_path: Path) -> None:
    things = write_pareidolias(tmp_path / "things", 6)
    people = write_source(tmp_path / "people", 6, seed=0, size=64)
    words = ["adapt", "--target", things, "--source", people, "--bases", tmp_path / "bases", "--base-minutes", "0.01"]
    words += ["--weights", "starter", "--starter", starter, "--steps", "1", "--quiet", "--out", tmp_path / "run"]
    assert main([str(word) for word in words]) == 0
    made = checkpoint.load(tmp_path / "run")
    assert made.model.config == TINY
    assert list(made.model.definitions) == [DRAWN, "people", "things"]
    (base,) = (tmp_path / "bases").iterdir()
    assert checkpoint.load(base).model.config == TINY
    assert made.history.base.base.rounds == 2
    without = [str(word) for word in words if word != starter]
    without[without.index("--starter")] = "--starter=" + str(tmp_path / "nothing")
    assert main(without) == 2


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (["--encoder", "resnet50"], "has the encoder test_vit, but --encoder is resnet50"),
        (["--set", "model.image_size=64"], "has image_size = 32, model.image_size asks for 64"),
    ],
)
def test_a_requested_starter_keeps_its_network(
    starter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: list[str], said: str
) -> None:
    things = write_pareidolias(tmp_path / "things", 6)
    words = ["adapt", "--target", things, "--weights", "starter", "--starter", starter, "--steps", "1", "--quiet"]
    given = [*map(str, words), "--out", str(tmp_path / "run")]
    assert main([*given, *option]) == 2
    assert f"{starter} {said}" in capsys.readouterr().err
    assert main([*given, "--set", "model.views=single", "--encoder", "test_vit"]) == 0
    assert checkpoint.load(tmp_path / "run").model.config == TINY.changed(views="single")


def test_a_head_with_another_definition_does_not_count_as_trained(starter: Path, tmp_path: Path) -> None:
    things = write_pareidolias(tmp_path / "things", 6)
    drawn = write_source(tmp_path / DRAWN, 6, seed=0, size=64)
    record = json.loads(drawn.read_text(encoding="utf-8"))
    record["categories"][0]["keypoints"][0] = "temple"
    drawn.write_text(json.dumps(record), encoding="utf-8")
    words = ["adapt", "--target", things, "--source", drawn, "--bases", tmp_path / "bases", "--weights", "starter"]
    words += ["--base-minutes", "0.01", "--starter", starter, "--steps", "1", "--quiet", "--out", tmp_path / "run"]
    assert main([str(word) for word in words]) == 0
    assert len(list((tmp_path / "bases").iterdir())) == 1


@pytest.mark.skipif(not (STARTER / "model.json").is_file(), reason="no starter is shipped")
def test_the_shipped_starter_has_learned_the_built_in_source() -> None:
    assert checkpoint.load(STARTER).model.definitions[DRAWN] == load_definition("300w")


def test_no_base_is_trained_for_a_source_of_the_starter(starter: Path, tmp_path: Path) -> None:
    things = write_pareidolias(tmp_path / "things", 6)
    drawn = write_source(tmp_path / DRAWN, 6, seed=0, size=64)
    words = ["adapt", "--target", things, "--source", drawn, "--bases", tmp_path / "bases", "--weights", "starter"]
    words += ["--starter", starter, "--steps", "1", "--quiet", "--out", tmp_path / "run"]
    assert main([str(word) for word in words]) == 0
    assert list(checkpoint.load(tmp_path / "run").model.definitions) == [DRAWN, "things"]
    assert not (tmp_path / "bases").exists()


def test_the_real_starter_fits_its_limit_and_a_larger_network_is_refused(tmp_path: Path) -> None:
    faces = load_definition("300w")
    model = build(STARTER_MODEL, {DRAWN: faces})
    history = History(drawn_faces=1, rounds=1, augment="drawn")
    ship(checkpoint.Checkpoint(model, DRAWN, {}, history), tmp_path / "starter")
    size = sum(f.stat().st_size for f in (tmp_path / "starter").iterdir())
    assert 11_000_000 < size < SIZE_LIMIT
    assert checkpoint.load(tmp_path / "starter").calibrations == {}
    whole = build(STARTER_MODEL.changed(encoder_depth=None), {DRAWN: faces})
    assert len(whole.encoder.backbone.blocks) == 12
    with pytest.raises(DataError, match=r"14\.5 MB of weights in float16, wanted at most 12\.0"):
        ship(checkpoint.Checkpoint(whole, DRAWN, {}, history), tmp_path / "whole")
    assert not (tmp_path / "whole").exists()


def test_animals_are_learned_as_well_and_a_starter_is_learned_on(starter: Path, tmp_path: Path) -> None:
    begun, drawing = checkpoint.load(starter), replace(DRAWING, animals=6)
    with RunLog(None, quiet=True) as log:
        made = pretrain(tmp_path, None, PLAN, log, rounds=1, drawing=drawing, start=begun, config=TINY)
        assert (
            pretrain(tmp_path, None, PLAN, log, rounds=1, drawing=drawing, start=begun, config=TINY).history
            == made.history
        )
        with pytest.raises(DataError, match="network with another configuration"):
            pretrain(tmp_path / "other", None, PLAN, log, rounds=1, drawing=drawing, start=begun)
    assert list(made.model.definitions) == [DRAWN, DRAWN_ANIMALS]
    history = made.history
    assert (history.rounds, history.drawn_faces, history.drawn_animals) == (3, 24, 6)
    assert list(checkpoint.load(tmp_path).model.definitions) == [DRAWN]
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "6 heads of cats, dogs, monkeys, birds of prey and sheep" in card
    assert "Photographs" not in card
