"""What a model is and how it is trained: two frozen dataclasses, presets, JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

from mdmd.records import DataError

#: The starter that comes with the package, where it does: a checkpoint that `mdmd pretrain` made.
STARTER = Path(__file__).parent / "starter"
DEFAULT_ENCODER = "vit_tiny_patch16_224.augreg_in21k_ft_in1k"


@dataclass(frozen=True)
class ModelConfig:
    """Everything that prediction needs to rebuild the network.

    `head` is "regression" (the paper: means straight from the group tokens) or "heatmap" (group tokens
    ask stride-4 features where each landmark is). `encoder_depth` is how many of the encoder's blocks there are (None:
    all). `decoder_heads` None means one for each 64 channels.
    `crop_scale` is the crop's side in longer sides of the box. `sigma_floor` is the smallest standard
    deviation in shares of the crop (half a pixel of 224).
    """

    encoder: str = DEFAULT_ENCODER
    encoder_depth: int | None = None
    image_size: int = 224
    head: Literal["regression", "heatmap"] = "heatmap"
    decoder_depth: int = 3
    decoder_heads: int | None = None
    feedforward_residual: bool = True
    pixel_channels: int = 64
    crop_scale: float = 1.4
    sigma_floor: float = 0.5 / 224


@dataclass(frozen=True)
class TrainConfig:
    """How a model is trained. Times are shares of the whole run, so that any budget ends its schedule.

    `distance_share` is the first part of the run in which the distance loss stands in for the likelihood;
    `target_share` is how often an adaptation draws its batch from the target (None: sets are drawn uniformly);
    `layer_decay` multiplies the learning rate from each encoder block to the one below it.
    """

    optimizer: Literal["adam", "adamw"] = "adamw"
    learning_rate: float = 1e-3
    layer_decay: float = 0.65
    weight_decay: float = 0.05
    warmup_share: float = 0.05
    decay: Literal["linear", "cosine"] = "cosine"
    distance_share: float = 0.2
    target_share: float | None = 0.75
    clip_norm: float | None = 1.0
    average_decay: float = 0.99
    batch_size: int = 16
    augment: Literal["none", "moderate", "strong", "stylised"] = "moderate"
    heldout_share: float = 0.15


@dataclass(frozen=True)
class Preset:
    """A named pair of configurations. `starts_from_base` is false where the encoder's weights are the only start."""

    model: ModelConfig
    train: TrainConfig
    starts_from_base: bool


PRESETS: Mapping[str, Preset] = {
    "default": Preset(ModelConfig(), TrainConfig(), starts_from_base=True),
    "paper": Preset(
        ModelConfig(head="regression", feedforward_residual=False),
        TrainConfig(
            optimizer="adam",
            learning_rate=1e-4,
            layer_decay=1.0,
            weight_decay=0.0,
            warmup_share=0.0,
            decay="linear",
            distance_share=0.0,
            target_share=None,
            clip_norm=None,
            average_decay=0.0,
            batch_size=32,
            augment="strong",
        ),
        starts_from_base=False,
    ),
    "tiny": Preset(
        ModelConfig(encoder="test_vit", image_size=128, decoder_heads=2, pixel_channels=32),
        TrainConfig(learning_rate=3e-3, layer_decay=1.0, batch_size=8),
        starts_from_base=True,
    ),
}


def preset(name: str, *, encoder: str | None = None) -> Preset:
    """The preset called `name`, with another encoder where one is given."""
    if name not in PRESETS:
        raise DataError(f"no preset {name!r}; there are: {', '.join(PRESETS)}")
    chosen = PRESETS[name]
    return chosen if encoder is None else replace(chosen, model=replace(chosen.model, encoder=encoder))


T = TypeVar("T", ModelConfig, TrainConfig)


def from_json(kind: type[T], record: Mapping[str, Any], *, where: Path) -> T:
    """A configuration from its JSON; DataError for keys this version does not know."""
    unknown = set(record) - {f.name for f in fields(kind)}
    if unknown:
        raise DataError(f"{where}: unknown settings {', '.join(sorted(unknown))}: written by another version?")
    return kind(**record)


def to_json(config: ModelConfig | TrainConfig) -> dict[str, Any]:
    """The configuration as a JSON object."""
    return json.loads(json.dumps(asdict(config)))
