"""What a model is and how it is trained: two frozen dataclasses, presets, JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from mdmd.errors import DataError

#: The starter that comes with the package, where it does: a checkpoint that `mdmd pretrain` made.
STARTER = Path(__file__).parent / "starter"
#: Seconds between the states that a broken-off run can go on from, unless another number is given.
SAVE_EVERY = 60.0
DEFAULT_ENCODER = "vit_tiny_patch16_224.augreg_in21k_ft_in1k"
#: 12 blocks of D = 768 on 14 x 14 patches, as printed; which pretrained weights the paper used is not.
PAPER_ENCODER = "vit_base_patch16_224.augreg2_in21k_ft_in1k"


def refuse_unless(sound: bool, sentence: str) -> None:
    """DataError with `sentence` where a setting is not `sound`."""
    if not sound:
        raise DataError(sentence)


def fits(value: object, kind: Any) -> bool:
    """Whether a JSON value is of an annotated kind; a whole number is a number, and infinities are none."""
    if get_origin(kind) is Literal:
        return any(value == choice and type(value) is type(choice) for choice in get_args(kind))
    if get_args(kind):
        return any(fits(value, choice) for choice in get_args(kind))
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return type(value) is kind


def wanted(kind: Any) -> str:
    """An annotated kind in words."""
    if get_origin(kind) is Literal:
        return " or ".join(str(choice) for choice in get_args(kind))
    if get_args(kind):
        return " or ".join(wanted(choice) for choice in get_args(kind))
    return {float: "a number", int: "a whole number", bool: "true or false", str: "a text"}.get(kind, "none")


def check_kinds(config: ModelConfig | TrainConfig) -> None:
    """DataError for the first setting whose value is not of its kind."""
    for name, kind in get_type_hints(type(config)).items():
        value = getattr(config, name)
        refuse_unless(fits(value, kind), f"{name} must be {wanted(kind)}, found {value!r}")


@dataclass(frozen=True)
class ModelConfig:
    """Everything that prediction needs to rebuild the network.

    `head` is "regression" (the paper: means straight from the group tokens) or "heatmap" (group tokens
    ask stride-4 features where each landmark is). `encoder_depth` is how many of the encoder's blocks there are (None:
    all). `stem` stands before a transformer's blocks (`models/stems.py`).
    `groups` is how finely landmarks are grouped (Table 7), and `tokens` what the decoder's queries are: groups,
    a definition's landmarks (Table 5), or both (`models/groups.py`, `models/landmark_model.py`). `decoder_heads` None
    means one for each 64 channels.
    `crop_scale` is the crop's side in longer sides of the box. `sigma_floor` is the smallest standard
    deviation in shares of the crop (half a pixel of 224).
    """

    encoder: str = DEFAULT_ENCODER
    encoder_depth: int | None = None
    image_size: int = 224
    stem: Literal["patch", "early_convolutions", "resnet50"] = "patch"
    groups: Literal[5, 8, 12] = 12
    tokens: Literal["group", "landmark", "both"] = "group"
    head: Literal["regression", "heatmap"] = "heatmap"
    decoder_depth: int = 3
    decoder_heads: int | None = None
    feedforward_residual: bool = True
    activation: Literal["relu", "gelu"] = "gelu"
    pixel_channels: int = 64
    crop_scale: float = 1.4
    views: Literal["single", "two"] = "two"
    sigma_floor: float = 0.5 / 224

    def __post_init__(self) -> None:
        check_kinds(self)
        for name in ("image_size", "decoder_depth", "crop_scale"):
            refuse_unless(getattr(self, name) > 0, f"{name} must be above 0, found {getattr(self, name)}")
        heads = self.decoder_heads
        refuse_unless(heads is None or heads > 0, f"decoder_heads must be above 0 or none, found {heads}")
        widths = self.pixel_channels > 0 and self.pixel_channels % 16 == 0
        refuse_unless(widths, f"pixel_channels must be a multiple of 16, found {self.pixel_channels}")
        floor = self.sigma_floor
        refuse_unless(0 < floor < 0.05, f"sigma_floor must be above 0 and below 0.05 of the crop, found {floor}")


@dataclass(frozen=True)
class TrainConfig:
    """How a model is trained. Times are shares of the whole run, so that any budget ends its schedule.

    `loss` "laplacian" is the likelihood of equation 4; "euclidean" (Table 5) lets the means follow the distance alone,
    and the covariances the likelihood of means that they cannot move, so that there is still something to calibrate.
    `distance_share` is the first part of the run in which the distance loss stands in for the likelihood;
    `target_share` is how often an adaptation draws its batch from the target (None: sets are drawn uniformly); with
    more labeled points than `full_source_points` the rest, the sources' share, falls in proportion (None: never);
    `inherit` starts a new head as the known landmarks that lie where its labels are (`mdmd/training/head_init.py`);
    `frozen_blocks` is how many of the encoder's lowest blocks an adaptation leaves as they are where they have learned
    before, and with them the patch embedding and the position before the first (0: neither);
    `layer_decay` multiplies the learning rate from each encoder block to the one below it.
    """

    loss: Literal["laplacian", "euclidean"] = "laplacian"
    optimizer: Literal["adam", "adamw"] = "adamw"
    learning_rate: float = 1e-3
    layer_decay: float = 0.65
    weight_decay: float = 0.05
    warmup_share: float = 0.05
    decay: Literal["linear", "cosine"] = "cosine"
    distance_share: float = 0.2
    target_share: float | None = 0.75
    full_source_points: int | None = 225
    inherit: bool = True
    frozen_blocks: int = 6
    clip_norm: float | None = 1.0
    average_decay: float = 0.99
    batch_size: int = 16
    augment: Literal["none", "moderate", "drawn", "paper"] = "drawn"
    heldout_share: float = 0.15

    def __post_init__(self) -> None:
        check_kinds(self)
        for name in ("layer_decay", "distance_share", "target_share", "heldout_share"):
            value = getattr(self, name)
            refuse_unless(value is None or 0 <= value <= 1, f"{name} must be between 0 and 1, found {value}")
        for name in ("warmup_share", "average_decay"):
            value = getattr(self, name)
            refuse_unless(0 <= value < 1, f"{name} must be at least 0 and below 1, found {value}")
        for name in ("learning_rate", "clip_norm", "batch_size", "full_source_points"):
            value = getattr(self, name)
            refuse_unless(value is None or value > 0, f"{name} must be above 0, found {value}")
        for name in ("weight_decay", "frozen_blocks"):
            refuse_unless(getattr(self, name) >= 0, f"{name} must not be below 0, found {getattr(self, name)}")


#: So many held-out faces settle a calibration (benchmarks/RESULTS.md); the rest of a large set is better learned from.
HELDOUT_MOST = 60


def heldout_count(faces: int, share: float) -> int:
    """How many of `faces` labeled training faces are held out at `share`, where at least two can be told apart."""
    return max(1, min(round(share * faces), HELDOUT_MOST)) if faces > 1 and share > 0 else 0


@dataclass(frozen=True)
class Preset:
    """A named pair of configurations. `starts_from_base` is false where the encoder's weights are the only start."""

    model: ModelConfig
    train: TrainConfig
    starts_from_base: bool


PRESETS: Mapping[str, Preset] = {
    "default": Preset(ModelConfig(), TrainConfig(), starts_from_base=True),
    "paper": Preset(
        ModelConfig(
            encoder=PAPER_ENCODER, head="regression", feedforward_residual=False, activation="relu", views="single"
        ),
        TrainConfig(
            optimizer="adam",
            learning_rate=1e-4,
            layer_decay=1.0,
            weight_decay=0.0,
            warmup_share=0.0,
            decay="linear",
            distance_share=0.0,
            target_share=None,
            full_source_points=None,
            inherit=False,
            frozen_blocks=0,
            clip_norm=None,
            average_decay=0.0,
            batch_size=32,
            augment="paper",
        ),
        starts_from_base=False,
    ),
    "tiny": Preset(
        ModelConfig(encoder="test_vit", image_size=128, decoder_heads=2, pixel_channels=32),
        TrainConfig(learning_rate=3e-3, layer_decay=1.0, frozen_blocks=0, batch_size=8, augment="moderate"),
        starts_from_base=True,
    ),
}


def preset(name: str, *, encoder: str | None = None, settings: Sequence[str] = ()) -> Preset:
    """The preset called `name`, with another encoder and other `settings` ("train.loss=euclidean") where given."""
    if name not in PRESETS:
        raise DataError(f"no preset {name!r}; there are: {', '.join(PRESETS)}")
    chosen = PRESETS[name]
    if encoder is not None:
        chosen = replace(chosen, model=replace(chosen.model, encoder=encoder))
    for setting in settings:
        section, key, value = parse_setting(setting)
        if section == "model":
            chosen = replace(chosen, model=replace(chosen.model, **{key: value}))
        else:
            chosen = replace(chosen, train=replace(chosen.train, **{key: value}))
    return chosen


def parse_setting(text: str) -> tuple[str, str, Any]:
    """Section ("model" or "train"), name and value of "model.groups=8"; DataError says which names there are."""
    path, equals, written = text.partition("=")
    section, _, key = path.strip().partition(".")
    kind = {"model": ModelConfig, "train": TrainConfig}.get(section)
    if kind is None or not equals:
        raise DataError(f"a setting reads model.NAME=VALUE or train.NAME=VALUE, found {text!r}")
    names = [f.name for f in fields(kind)]
    if key not in names:
        raise DataError(f"no setting {section}.{key}; there are: {', '.join(names)}")
    written = written.strip()
    try:
        value = None if written == "none" and not fits("none", get_type_hints(kind)[key]) else json.loads(written)
    except json.JSONDecodeError:
        value = written
    return section, key, value


def network_of(config: ModelConfig) -> ModelConfig:
    """`config` but for what is no matter of the network: how a face is looked at (`views`) is always the default."""
    return replace(config, views=ModelConfig.views)


def of_base(base: ModelConfig, settings: Sequence[str], *, where: str) -> ModelConfig:
    """A trained model's configuration under `settings`; DataError where they ask it to be another network than it is
    (see `network_of`)."""
    for section, key, value in map(parse_setting, settings):
        if section == "model" and key == "views":
            base = replace(base, views=value)
        elif section == "model" and getattr(base, key) != value:
            raise DataError(f"{where} has {key} = {getattr(base, key)}, {section}.{key} asks for {value}")
    return base


T = TypeVar("T", ModelConfig, TrainConfig)


def from_json(kind: type[T], record: Mapping[str, Any], *, where: Path) -> T:
    """A configuration from its JSON; DataError for keys this version does not know."""
    unknown = set(record) - {f.name for f in fields(kind)}
    if unknown:
        raise DataError(f"{where}: unknown settings {', '.join(sorted(unknown))}: written by another version?")
    try:
        return kind(**record)
    except DataError as error:
        raise DataError(f"{where}: {error}") from None


def to_json(config: ModelConfig | TrainConfig) -> dict[str, Any]:
    """The configuration as a JSON object."""
    return json.loads(json.dumps(asdict(config)))
