"""What a model is and how it is trained: two frozen pydantic models, presets, JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, FiniteFloat, ValidationError

from mdmd.errors import DataError
from mdmd.files import parse_json

#: The starter checkpoint that is shipped with the package, made by `mdmd pretrain`.
STARTER = Path(__file__).parent / "starter"
#: Default seconds between two saved states of a run. An interrupted run resumes from the last one.
SAVE_EVERY = 60.0
#: Default minutes for training on sources that were not trained on before on this machine.
BASE_MINUTES = 20.0
#: What computes predictions in bulk: processes of this machine, or Ray Data.
Engine = Literal["local", "ray"]
#: Rows of a file of predictions in bulk: minutes of work, and a few megabytes.
SHARD = 1000
DEFAULT_ENCODER = "vit_tiny_patch16_224.augreg_in21k_ft_in1k"
#: 12 blocks of D = 768 on 14 x 14 patches, as the paper prints. It does not say which pretrained weights it used.
PAPER_ENCODER = "vit_base_patch16_224.augreg2_in21k_ft_in1k"


def _not_a_float(value: object) -> object:
    """`value`, because pydantic accepts 8.0 for a Literal 8 even in strict mode."""
    if isinstance(value, float):
        raise ValueError
    return value


# The kinds of settings. A description completes the sentence "NAME must be ...".
# Numbers keep the type they were given: 1 stays 1 in JSON, so that recorded settings still compare equal.
Number = int | FiniteFloat
# What sizes a network is bounded, because model.json may be received. timm downloads or reads names with a colon.
EncoderName = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.]*$", description="the name of an encoder in timm, such as resnet50")
]
Switch = Annotated[bool, Field(description="true or false")]
Count = Annotated[int, Field(gt=0, description="a whole number above 0")]
Depth = Annotated[int, Field(gt=0, le=128, description="a whole number from 1 to 128")]
Positive = Annotated[Number, Field(gt=0, description="a number above 0")]
Share = Annotated[Number, Field(ge=0, le=1, description="a number between 0 and 1")]
GroupCount = Annotated[Literal[5, 8, 12], BeforeValidator(_not_a_float), Field(description="5, 8 or 12")]
ShareBelowOne = Annotated[Number, Field(ge=0, lt=1, description="a number from 0 to below 1")]


class Config(BaseModel):
    """Settings that are checked when they are made: DataError for a value or a name that does not fit."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    def __init__(self, **settings: Any) -> None:
        try:
            super().__init__(**settings)
        except ValidationError as error:
            raise DataError(self._sentence(error)) from None

    @classmethod
    def _sentence(cls, error: ValidationError) -> str:
        """What is wrong with the first setting that does not fit, or which names are unknown."""
        errors = error.errors()
        unknown = [str(e["loc"][0]) for e in errors if e["type"] == "extra_forbidden"]
        if unknown:
            return f"unknown settings {', '.join(unknown)}; this version has: {', '.join(cls.model_fields)}"
        first = errors[0]
        name = str(first["loc"][0])
        wanted = cls.model_fields[name].description or first.get("ctx", {})["expected"]  # a Literal lists its choices
        return f"{name} must be {wanted}, found {first['input']!r}"

    def changed(self, **settings: Any) -> Self:
        """A copy with other `settings`, checked like a new one (`model_copy` would not check them)."""
        return type(self)(**{**dict(self), **settings})


class ModelConfig(Config):
    """Everything that prediction needs to rebuild the network.

    - `encoder_depth`: how many of the encoder's blocks are used (None: all).
    - `stem`: what turns an image into patches before a transformer's blocks (`models/stems.py`).
    - `groups`: how many groups the landmarks are divided into (Table 7, `models/groups.py`).
    - `tokens`: the decoder's queries: groups, the landmarks of a definition (Table 5), or both.
    - `head`: "regression" computes means directly from the group tokens, as the paper does; "heatmap" compares the
      tokens with features of stride 4 to find each landmark.
    - `decoder_heads`: attention heads of the decoder (None: one for each 64 channels).
    - `crop_scale`: side of the crop, as a multiple of the box's longer side.
    - `views`: how many crops of a face a prediction combines.
    - `sigma_floor`: smallest standard deviation, as a share of the crop (default: half a pixel of 224).
    """

    encoder: EncoderName = DEFAULT_ENCODER
    encoder_depth: Annotated[Depth | None, Field(description="a whole number from 1 to 128, or none")] = None
    image_size: Annotated[int, Field(gt=0, le=2048, description="a whole number from 1 to 2048")] = 224
    stem: Literal["patch", "early_convolutions", "resnet50"] = "patch"
    groups: GroupCount = 12
    tokens: Literal["group", "landmark", "both"] = "group"
    head: Literal["regression", "heatmap"] = "heatmap"
    decoder_depth: Depth = 3
    decoder_heads: Annotated[Count | None, Field(description="a whole number above 0 or none")] = None
    feedforward_residual: Switch = True
    activation: Literal["relu", "gelu"] = "gelu"
    pixel_channels: Annotated[
        int, Field(gt=0, le=1024, multiple_of=16, description="a multiple of 16 from 16 to 1024")
    ] = 64
    crop_scale: Positive = 1.4
    views: Literal["single", "two"] = "two"
    sigma_floor: Annotated[Number, Field(gt=0, lt=0.05, description="above 0 and below 0.05 of the crop")] = 0.5 / 224


class TrainConfig(Config):
    """How a model is trained. Times are shares of the whole run, so the schedule fits any budget.

    - `loss`: "laplacian" is the likelihood of equation 4. With "euclidean" (Table 5) only the distance trains the
      means, and the likelihood trains the covariances without moving the means, so that they can be calibrated.
    - `layer_decay`: factor of the learning rate from each encoder block to the block below it.
    - `distance_share`: first part of the run, in which the distance loss replaces the likelihood.
    - `target_share`: how often an adaptation draws its batch from the target (None: every dataset equally often).
    - `full_source_points`: if the target has more labeled points than this, the share of the sources falls in
      proportion (None: never).
    - `inherit`: whether a new head starts from known landmarks near its labels (`mdmd/training/head_init.py`).
    - `follow`: whether an adaptation fuses the target's points with those that follow from a source's
      (`mdmd/training/following.py`).
    - `frozen_blocks`: how many of the lowest encoder blocks an adaptation keeps fixed if they are already trained.
      The patch embedding and the position embedding are fixed with them (0: nothing is).
    """

    loss: Literal["laplacian", "euclidean"] = "laplacian"
    optimizer: Literal["adam", "adamw"] = "adamw"
    learning_rate: Positive = 1e-3
    layer_decay: Share = 0.65
    weight_decay: Annotated[Number, Field(ge=0, description="a number of 0 or more")] = 0.05
    warmup_share: ShareBelowOne = 0.05
    decay: Literal["linear", "cosine"] = "cosine"
    distance_share: Share = 0.2
    target_share: Annotated[Share | None, Field(description="a number between 0 and 1, or none")] = 0.75
    full_source_points: Annotated[Count | None, Field(description="a whole number above 0 or none")] = 225
    inherit: Switch = True
    follow: Switch = True
    frozen_blocks: Annotated[int, Field(ge=0, description="a whole number of 0 or more")] = 6
    clip_norm: Annotated[Positive | None, Field(description="a number above 0 or none")] = 1.0
    average_decay: ShareBelowOne = 0.99
    batch_size: Count = 16
    augment: Literal["none", "moderate", "drawn", "paper"] = "drawn"
    heldout_share: Share = 0.15


#: The share of faces that each `augment` mirrors. Appendix D.2 of the paper names no mirroring.
MIRRORED: Mapping[str, float] = {"none": 0.0, "moderate": 0.5, "drawn": 0.5, "paper": 0.0}

#: This many held-out faces are enough for a calibration (benchmarks/RESULTS.md). A large set trains on the rest.
HELDOUT_MOST = 60


def heldout_count(faces: int, share: float) -> int:
    """How many of `faces` labeled training faces are held out at `share`. With fewer than two faces: none."""
    return max(1, min(round(share * faces), HELDOUT_MOST)) if faces > 1 and share > 0 else 0


@dataclass(frozen=True)
class Preset:
    """A named pair of configurations. `starts_from_base` is false if training starts from the encoder's weights."""

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
            follow=False,
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
    """The preset called `name`, changed by `encoder` and `settings` ("train.loss=euclidean") if given."""
    if name not in PRESETS:
        raise DataError(f"no preset {name!r}; there are: {', '.join(PRESETS)}")
    chosen = PRESETS[name]
    if encoder is not None:
        chosen = replace(chosen, model=chosen.model.changed(encoder=encoder))
    for setting in settings:
        section, key, value = parse_setting(setting)
        if section == "model":
            chosen = replace(chosen, model=chosen.model.changed(**{key: value}))
        else:
            chosen = replace(chosen, train=chosen.train.changed(**{key: value}))
    return chosen


def parse_setting(text: str) -> tuple[str, str, Any]:
    """Section ("model" or "train"), name and value of "model.groups=8".

    "none" is None if the setting can be None. DataError for an unknown name, with the names there are.
    """
    path, equals, written = text.partition("=")
    section, _, key = path.strip().partition(".")
    kind = {"model": ModelConfig, "train": TrainConfig}.get(section)
    if kind is None or not equals:
        raise DataError(f"a setting reads model.NAME=VALUE or train.NAME=VALUE, found {text!r}")
    fields = kind.model_fields
    if key not in fields:
        raise DataError(f"no setting {section}.{key}; there are: {', '.join(fields)}")
    written = written.strip()
    if written == "none" and type(None) in get_args(fields[key].annotation):
        return section, key, None
    try:
        return section, key, parse_json(written, text, constants=True)
    except DataError:
        return section, key, written


def network_of(config: ModelConfig) -> ModelConfig:
    """`config` with the default `views`, which do not change the network, only how it is used."""
    return config.changed(views=ModelConfig().views)


def of_base(base: ModelConfig, settings: Sequence[str], *, where: str) -> ModelConfig:
    """The configuration of a trained model, changed by `settings`.

    DataError if they ask for another network than the trained one (see `network_of`).
    """
    for section, key, value in map(parse_setting, settings):
        if section == "model" and key == "views":
            base = base.changed(views=value)
        elif section == "model" and getattr(base, key) != value:
            raise DataError(f"{where} has {key} = {getattr(base, key)}, {section}.{key} asks for {value}")
    return base


T = TypeVar("T", bound=Config)


def from_json(kind: type[T], record: Mapping[str, Any], *, where: Path) -> T:
    """A configuration from its JSON, read from the file `where`. Settings that are missing get their defaults."""
    try:
        return kind(**record)
    except DataError as error:
        raise DataError(f"{where}: {error}") from None


def to_json(config: Config) -> dict[str, Any]:
    """The configuration as a JSON object."""
    return config.model_dump(mode="json")
