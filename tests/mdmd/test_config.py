"""Presets, single settings from the command line, checked copies, and records of earlier versions."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from mdmd.config import PRESETS, ModelConfig, TrainConfig, from_json, of_base, preset, to_json
from mdmd.errors import DataError


def test_preset_paper_has_the_settings_of_the_paper():
    chosen = PRESETS["paper"]
    assert chosen.model.encoder.startswith("vit_base_patch16_224")  # 14 x 14 patches, D = 768
    printed = {"image_size": 224, "stem": "patch", "groups": 12, "tokens": "group", "head": "regression"}
    printed |= {"decoder_depth": 3, "feedforward_residual": False, "activation": "relu"}
    assert {name: getattr(chosen.model, name) for name in printed} == printed
    printed = {"loss": "laplacian", "optimizer": "adam", "learning_rate": 1e-4, "decay": "linear", "augment": "paper"}
    # Nothing that the paper does not have: warm-ups, decays, clipping, averaging, an uneven choice of sets.
    printed |= {"warmup_share": 0.0, "distance_share": 0.0, "layer_decay": 1.0, "weight_decay": 0.0}
    printed |= {"clip_norm": None, "average_decay": 0.0, "target_share": None, "full_source_points": None}
    assert {name: getattr(chosen.train, name) for name in printed} == printed
    assert not chosen.starts_from_base


def test_a_setting_changes_only_the_named_field():
    settings = ["model.groups=8", "model.tokens=both", "train.loss=euclidean", "train.learning_rate=3e-4"]
    chosen = preset("paper", settings=[*settings, "train.clip_norm=1", "model.decoder_heads=none"])
    assert (chosen.model.groups, chosen.model.tokens, chosen.model.decoder_heads) == (8, "both", None)
    assert (chosen.train.loss, chosen.train.learning_rate, chosen.train.clip_norm) == ("euclidean", 3e-4, 1)
    changed = {"loss", "learning_rate", "clip_norm"}
    for name in TrainConfig.model_fields:
        same = getattr(chosen.train, name) == getattr(PRESETS["paper"].train, name)
        assert same == (name not in changed)
    assert preset("default", settings=["train.augment=none"]).train.augment == "none"


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("groups=8", "a setting reads model.NAME=VALUE or train.NAME=VALUE, found 'groups=8'"),
        ("model.groups", "a setting reads"),
        ("model.grups=8", "no setting model.grups; there are: encoder, encoder_depth, image_size, stem, groups"),
        ("train.groups=8", "no setting train.groups; there are: loss, optimizer"),
        ("model.groups=9", "groups must be 5, 8 or 12, found 9"),
        ("model.groups=8.0", "groups must be 5, 8 or 12, found 8.0"),
        ("train.loss=wing", "loss must be 'laplacian' or 'euclidean', found 'wing'"),
        ("train.batch_size=many", "batch_size must be a whole number above 0, found 'many'"),
        ("train.batch_size=0", "batch_size must be a whole number above 0, found 0"),
        ("train.batch_size=true", "batch_size must be a whole number above 0, found True"),
        ("train.learning_rate=NaN", "learning_rate must be a number above 0, found nan"),
        ("train.learning_rate=none", "learning_rate must be a number above 0, found 'none'"),
        ("train.target_share=2", "target_share must be a number between 0 and 1, or none, found 2"),
        ("train.warmup_share=1", "warmup_share must be a number from 0 to below 1, found 1"),
        ("train.weight_decay=-1", "weight_decay must be a number of 0 or more, found -1"),
        ("train.weight_decay=true", "weight_decay must be a number of 0 or more, found True"),
        ("train.frozen_blocks=-1", "frozen_blocks must be a whole number of 0 or more, found -1"),
        ("train.clip_norm=Infinity", "clip_norm must be a number above 0 or none, found inf"),
        ("train.full_source_points=2.5", "full_source_points must be a whole number above 0 or none, found 2.5"),
        ("model.encoder=5", "encoder must be the name of an encoder in timm, such as resnet50, found 5"),
        ("model.encoder=hf-hub:a/b", "encoder must be the name of an encoder in timm, such as resnet50, found 'hf-hub"),
        ("model.encoder=local-dir:/a", "encoder must be the name of an encoder in timm"),
        ("model.encoder=.", "encoder must be the name of an encoder in timm"),
        ("model.encoder_depth=all", "encoder_depth must be a whole number from 1 to 128, or none, found 'all'"),
        ("model.encoder_depth=129", "encoder_depth must be a whole number from 1 to 128, or none, found 129"),
        ("model.decoder_depth=100000", "decoder_depth must be a whole number from 1 to 128, found 100000"),
        ("model.decoder_heads=1.5", "decoder_heads must be a whole number above 0 or none, found 1.5"),
        ("model.decoder_heads=0", "decoder_heads must be a whole number above 0 or none, found 0"),
        ("model.feedforward_residual=1", "feedforward_residual must be true or false, found 1"),
        ("model.image_size=-32", "image_size must be a whole number from 1 to 2048, found -32"),
        ("model.image_size=2080", "image_size must be a whole number from 1 to 2048, found 2080"),
        ("model.pixel_channels=24", "pixel_channels must be a multiple of 16 from 16 to 1024, found 24"),
        ("model.pixel_channels=1040", "pixel_channels must be a multiple of 16 from 16 to 1024, found 1040"),
        (
            "model.sigma_floor=0.1",
            "sigma_floor must be above 0 and below 0.05 of the crop, found 0.1",
        ),
    ],
)
def test_an_invalid_setting_is_refused_in_one_sentence(setting, sentence):
    with pytest.raises(DataError) as refused:
        preset("default", settings=[setting])
    assert str(refused.value).startswith(sentence)


@pytest.mark.parametrize("kind", [ModelConfig, TrainConfig])
def test_every_setting_says_what_it_must_be(kind):
    for name in kind.model_fields:
        with pytest.raises(DataError, match=rf"^{name} must be \S.*, found \["):
            kind(**{name: []})


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224.augreg_in21k_ft_in1k", "resnet50", "eva02_large.mim_m38m_ft1k"])
def test_names_of_encoders_are_those_of_timm(name):
    assert preset("default", encoder=name).model.encoder == name
    with pytest.raises(DataError, match=r"^encoder must be the name of an encoder in timm, such as resnet50, found "):
        preset("default", encoder=f"hf-hub:someone/{name}")


def test_a_copy_is_checked_and_the_original_stays():
    first = TrainConfig()
    assert first.changed(batch_size=4, clip_norm=None) == TrainConfig(batch_size=4, clip_norm=None)
    with pytest.raises(DataError, match=r"^batch_size must be a whole number above 0, found 0$"):
        first.changed(batch_size=0)
    with pytest.raises(DataError, match=r"^unknown settings size; this version has: loss, optimizer"):
        first.changed(size=4)
    with pytest.raises(ValidationError, match="frozen"):
        first.batch_size = 4  # pyright: ignore[reportAttributeAccessIssue]
    assert first == TrainConfig()


def test_a_setting_cannot_change_a_trained_network():
    base = ModelConfig(groups=8)
    assert of_base(base, ["model.groups=8", "train.loss=euclidean"], where="base") == base
    assert of_base(base, ["model.views=single"], where="base") == base.changed(views="single")
    with pytest.raises(DataError, match=r"base has groups = 8, model.groups asks for 12"):
        of_base(base, ["model.groups=12"], where="base")


def test_configurations_go_through_json_and_older_ones_get_the_defaults():
    for chosen in PRESETS.values():
        assert from_json(ModelConfig, to_json(chosen.model), where=Path("model.json")) == chosen.model
        assert from_json(TrainConfig, to_json(chosen.train), where=Path("model.json")) == chosen.train
    old = {"encoder": "test_vit", "image_size": 64, "head": "regression"}
    assert from_json(ModelConfig, old, where=Path("model.json")).groups == 12
    with pytest.raises(DataError, match=r"model\.json: groups must be 5, 8 or 12, found 7"):
        from_json(ModelConfig, {"groups": 7}, where=Path("model.json"))
    with pytest.raises(DataError, match=r"^model\.json: unknown settings colour; this version has: encoder, "):
        from_json(ModelConfig, {"colour": 7}, where=Path("model.json"))


def test_numbers_are_written_as_they_were_given():
    """Resuming and bases compare recorded settings, so 1 must not become 1.0."""
    written = to_json(preset("default", settings=["train.clip_norm=1", "train.learning_rate=2e-3"]).train)
    assert list(written) == list(TrainConfig.model_fields)
    assert (json.dumps(written["clip_norm"]), json.dumps(written["learning_rate"])) == ("1", "0.002")
