"""A timm backbone as the encoder: images in, tokens out."""

from __future__ import annotations

import socket
import sys
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import timm
import timm.data.config
import torch
from huggingface_hub import try_to_load_from_cache
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.torch import load_file
from timm.layers.patch_embed import PatchEmbed
from timm.models import group_parameters
from torch import Tensor, nn

from mdmd.errors import DataError
from mdmd.models.stems import RESNET, StemName, make_stem, transformer_size

Warn = Callable[[str], None]

#: Tensors that timm resamples to another image size.
RESAMPLED = ("pos_embed",)
HUB_FILES = ("model.safetensors", "pytorch_model.bin")
#: The paper's D. Feature maps with more channels are projected to this width.
PAPER_CHANNELS = 768
#: Prefixes of the parameters that no pretrained weights exist for, by stem.
FRESH: Mapping[StemName, tuple[str, ...]] = {
    "patch": (),
    "early_convolutions": ("patch_embed.",),
    "resnet50": ("patch_embed.proj.",),
}
LAST_NORMS = ("norm.", "fc_norm.")


class Encoder(nn.Module):
    """A timm network without its classifier. Images are normalized with the backbone's mean and standard deviation.

    - A vision transformer returns its tokens. `stem` can replace its patch embedding (Table 9 of the paper) by
      `early_convolutions` (Xiao et al. 2021) or by a whole `resnet50`, whose last feature map the transformer reads.
      The latter is the paper's "ResNet-50 + ViT": 24 M and 86 M parameters add up to the table's 110 M. timm's hybrids
      (`vit_base_r50_s16_224`) have 98 M, because they lack the last stage; they work here like any other transformer.
    - A convolutional network (`resnet50`) returns the cells of its last feature map, 49 at 224 pixels, projected to the
      paper's 768 channels (or fewer, if the map has fewer), plus a learned position for each cell. Its batch statistics
      come from one set at a time, because a batch holds one set; Table 9 trains on one set.

    `channels` is the width C, `prefix` the number of tokens before the grid (class and register tokens), `grid` the
    grid's rows and columns.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, name: str, image_size: int, stem: StemName = "patch", depth: int | None = None) -> None:
        super().__init__()
        self.name = name
        self.stem: StemName = stem
        self.backbone: Any = make_backbone(name, image_size, depth=depth)
        self.backbone_size = image_size
        data = timm.data.config.resolve_model_data_config(self.backbone)
        self.project: nn.Linear | None = None
        self.position: nn.Parameter | None = None
        if hasattr(self.backbone, "num_prefix_tokens"):
            if stem != "patch":
                data = self._replace_stem(image_size, depth) or data
            self.channels = int(self.backbone.num_features)
            self.prefix = int(self.backbone.num_prefix_tokens)
            rows, columns = self.backbone.patch_embed.grid_size
        elif stem != "patch":
            raise DataError(f"encoder {name!r} is not a vision transformer, and only those take the stem {stem!r}")
        else:
            width, rows, columns = map_shape(name, self.backbone, image_size)
            self.channels, self.prefix = min(width, PAPER_CHANNELS), 0
            self.project = nn.Linear(width, self.channels)
            self.position = nn.Parameter(0.02 * torch.randn(rows * columns, self.channels))
        self.grid = (int(rows), int(columns))
        layers: Any = group_parameters(self.backbone, self.backbone.group_matcher(coarse=True), reverse=True)
        self._layers: dict[str, int] = {n: k for n, k in layers.items() if not n.startswith(LAST_NORMS)}
        self.register_buffer("mean", torch.tensor(data["mean"]).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(data["std"]).view(1, 3, 1, 1), persistent=False)

    def _replace_stem(self, image_size: int, depth: int | None) -> dict[str, Any] | None:
        """Replace the patch embedding. Returns timm's data configuration of a pretrained stem, else None."""
        if not isinstance(self.backbone.patch_embed, PatchEmbed):
            raise DataError(f"encoder {self.name!r} has its own convolutional stem, which {self.stem!r} cannot replace")
        self.backbone_size = transformer_size(self.stem, image_size, int(self.backbone.patch_embed.patch_size[0]))
        self.backbone = make_backbone(self.name, self.backbone_size, depth=depth)
        made = make_stem(self.stem, self.backbone.patch_embed, int(self.backbone.num_features))
        self.backbone.patch_embed = made
        return timm.data.config.resolve_model_data_config(made.layers) if self.stem == "resnet50" else None

    def forward(self, images: Float[Tensor, "B 3 S S"]) -> Float[Tensor, "B T C"]:
        """Tokens (prefix tokens first) of images with values from 0 to 1."""
        choose_attention(self.backbone, images.device)
        found = self.backbone.forward_features((images - self.mean) / self.std)
        if self.project is None:
            return found
        return self.project(found.flatten(2).transpose(1, 2)) + self.position

    def grid_features(self, tokens: Float[Tensor, "B T C"]) -> Float[Tensor, "B C R K"]:
        """The patch tokens as a feature map of R rows and K columns."""
        rows, columns = self.grid
        return tokens[:, self.prefix :].transpose(1, 2).unflatten(2, (rows, columns))

    def depth_of(self, parameter: str) -> int:
        """The depth of a parameter, for layer-wise learning rates.

        0 for the patch embedding, k + 1 for block (or stage) k, and `depth` for everything behind the last block and
        for parameters without pretrained weights.
        """
        name = parameter.removeprefix("backbone.")
        return self.depth if name.startswith(FRESH[self.stem]) else self._layers.get(name, self.depth)

    @property
    def depth(self) -> int:
        """The largest value of `depth_of`."""
        return 1 + max(self._layers.values())

    def take(self, state: Mapping[str, Tensor]) -> None:
        """Load the weights of an unchanged backbone (see `make_backbone`), except those of a replaced stem."""
        ours = {n: v for n, v in state.items() if self.stem == "patch" or not n.startswith("patch_embed.")}
        wanted = self.backbone.state_dict()  # a backbone with fewer blocks lacks the upper ones
        self.backbone.load_state_dict({n: v for n, v in ours.items() if n in wanted}, strict=self.stem == "patch")


def choose_attention(network: nn.Module, device: torch.device) -> None:
    """Use timm's plain attention where PyTorch's fused one is slower: on a CPU in bfloat16."""
    fused = device.type != "cpu" or not torch.is_autocast_enabled("cpu")
    modules: Iterator[Any] = network.modules()
    for module in modules:
        if getattr(module, "fused_attn", fused) != fused:
            module.fused_attn = fused


def make_backbone(name: str, size: int, *, depth: int | None = None, pretrained: bool = False) -> Any:
    """timm's network `name` for images of `size` pixels, without its classifier.

    `depth` limits the number of a transformer's blocks. Raises DataError if timm cannot make the network.
    """
    keywords: dict[str, Any] = {"pretrained": pretrained, "num_classes": 0}
    if depth is not None:
        keywords["depth"] = depth
    try:
        try:
            network = timm.create_model(name, img_size=size, **keywords)
        except TypeError:  # convolutional networks take any size and have no such argument
            return timm.create_model(name, **keywords)
    except (ValueError, TypeError, AssertionError, RuntimeError) as error:
        if pretrained:
            raise
        raise DataError(f"encoder {name!r} cannot be made at {size} pixels: {error}") from None
    patch = getattr(getattr(network, "patch_embed", None), "patch_size", None)
    if patch and any(size % side for side in patch):
        raise DataError(f"encoder {name!r} has patches of {max(patch)} pixels, and {size} is not a multiple of that")
    return network


@torch.no_grad()
def map_shape(name: str, backbone: Any, size: int) -> tuple[int, int, int]:
    """Channels, rows and columns of a convolutional network's last feature map. Raises DataError if it has none."""
    training = backbone.training
    try:
        shape = tuple(backbone.eval().forward_features(torch.zeros(1, 3, size, size)).shape)
    except (RuntimeError, AssertionError) as error:
        raise DataError(f"encoder {name!r} cannot read images of {size} pixels: {error}") from None
    backbone.train(training)
    if len(shape) != 4 or shape[1] != backbone.num_features:
        raise DataError(f"encoder {name!r} is neither a vision transformer nor a convolutional network")
    return shape[1], shape[2], shape[3]


class WeightsError(DataError):
    """A weights file that is missing, unreadable, or made for another network."""

    kind = "weights"


def load_weights(encoder: Encoder, path: Path, warn: Warn) -> None:
    """Load a safetensors file of the backbone's architecture into `encoder`. Raises WeightsError if it does not fit.

    timm resamples position embeddings of another image size. `warn` is told which parts the file cannot fill.
    """
    if not path.is_file():
        raise WeightsError(f"no weights file {path}")
    try:
        state = load_file(path)
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path} is not a safetensors file: {error}") from None
    backbone = make_backbone(encoder.name, encoder.backbone_size)
    wanted = {name: tuple(value.shape) for name, value in backbone.state_dict().items()}
    missing = sorted(set(wanted) - set(state))
    if missing:
        raise WeightsError(
            f"{path.name} holds another architecture: {len(missing)} of {len(wanted)} tensors wanted are not in it "
            f"({missing[0]} is the first)"
        )
    _check_shapes(path, state, {n: s for n, s in wanted.items() if n not in RESAMPLED})
    resample = getattr(sys.modules[type(backbone).__module__], "checkpoint_filter_fn", None)
    if resample is not None:
        state = resample(state, backbone)
    _check_shapes(path, state, wanted)
    encoder.take({name: state[name] for name in wanted})
    if encoder.stem != "patch":
        warn(f"{path.name} fills the transformer; the stem {encoder.stem!r} before it starts from random numbers")


def _check_shapes(path: Path, state: Mapping[str, Tensor], wanted: Mapping[str, tuple[int, ...]]) -> None:
    for name, shape in wanted.items():
        found = tuple(state[name].shape)
        if found != shape:
            raise WeightsError(f"{path.name} holds another architecture: {name} is {found}, wanted {shape}")


def load_pretrained(encoder: Encoder, warn: Warn) -> str | None:
    """Download timm's pretrained weights (cached, with progress) into `encoder` and return their name.

    If the hub cannot be reached or the model has no weights, warns in one sentence and returns None.
    """
    name = encoder.name
    if not _has_pretrained(name):
        warn(
            f"timm has no pretrained weights for {name}: the encoder starts from random numbers and learns more slowly"
        )
        return None
    reason = _fetch(name, encoder.backbone_size, encoder.take)
    if reason is None:
        return f"hub:{name}" + _fetch_stem(encoder, warn)
    warn(
        f"the pretrained weights of {name} could not be fetched ({reason}): the encoder starts from random "
        "numbers, needs far more labels and is less accurate; name a weights file where you have one"
    )
    return None


def _fetch_stem(encoder: Encoder, warn: Warn) -> str:
    """Load pretrained weights for a replaced stem, if there are any. Returns a suffix for the name of the weights."""
    if encoder.stem == "patch":
        return ""
    reason = "there are none"
    if encoder.stem == "resnet50":
        reason = _fetch(RESNET, encoder.backbone_size, encoder.backbone.patch_embed.layers.load_state_dict)
    if reason is None:
        return f" + hub:{RESNET}"
    warn(f"no pretrained weights for the stem {encoder.stem!r} ({reason}): it starts from random numbers")
    return ""


def why_no_pretrained(name: str) -> str | None:
    """Why timm's weights of `name` cannot be downloaded, found out within seconds; None if they may be."""
    return _why_no_hub(name) if _has_pretrained(name) else "timm has none"


def _has_pretrained(name: str) -> bool:
    return bool(timm.models.get_pretrained_cfg(name)) and timm.is_model_pretrained(name)


def _fetch(name: str, size: int, take: Callable[[Mapping[str, Tensor]], object]) -> str | None:
    """Download timm's weights of `name` and pass them to `take`. Returns the reason if that failed, else None."""
    reason = _why_no_hub(name)
    if reason is not None:
        return reason
    try:
        take(make_backbone(name, size, pretrained=True).state_dict())
    except (OSError, RuntimeError) as error:
        return str(error).splitlines()[0] if str(error) else type(error).__name__
    return None


def _why_no_hub(name: str) -> str | None:
    """Why the hub cannot be reached, or None. Faster than the hub's client, which retries for most of a minute."""
    known = timm.models.get_pretrained_cfg(name)
    repository = known.hf_hub_id if known is not None else None
    if repository and any(isinstance(try_to_load_from_cache(repository, f), str) for f in HUB_FILES):
        return None
    hub = urllib.parse.urlsplit(huggingface_hub.constants.ENDPOINT)
    if urllib.request.getproxies() or hub.hostname is None:
        return None
    try:
        socket.create_connection((hub.hostname, hub.port or 443), timeout=5).close()
    except OSError as error:
        return f"no connection to {hub.hostname}: {error.strerror or error}"
    return None
