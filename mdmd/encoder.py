"""timm vision transformers behind one call: pictures in, tokens out."""

from __future__ import annotations

import math
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
from torch import Tensor, nn

from mdmd.records import DataError

Warn = Callable[[str], None]

#: What timm resamples when the pictures have another size.
RESAMPLED = ("pos_embed",)
HUB_FILES = ("model.safetensors", "pytorch_model.bin")


class Encoder(nn.Module):
    """A timm ViT without its classifier. Normalises with the backbone's own mean and standard deviation.

    `channels` is the width C, `prefix` the number of tokens before the patch grid (class and register
    tokens), `grid` the patch rows and columns.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, name: str, image_size: int) -> None:
        super().__init__()
        try:
            self.backbone: Any = timm.create_model(name, pretrained=False, num_classes=0, img_size=image_size)
        except (RuntimeError, ValueError, TypeError, AssertionError) as error:
            raise DataError(f"encoder {name!r} cannot be made at {image_size} pixels: {error}") from None
        if not hasattr(self.backbone, "num_prefix_tokens"):
            raise DataError(f"encoder {name!r} is not a vision transformer; choose one of timm's ViT names")
        self.channels = int(self.backbone.num_features)
        self.prefix = int(self.backbone.num_prefix_tokens)
        rows, columns = self.backbone.patch_embed.grid_size
        self.grid = (int(rows), int(columns))
        data = timm.data.config.resolve_model_data_config(self.backbone)
        self.register_buffer("mean", torch.tensor(data["mean"]).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(data["std"]).view(1, 3, 1, 1), persistent=False)

    def forward(self, images: Float[Tensor, "B 3 S S"]) -> Float[Tensor, "B T C"]:
        """Tokens, prefix first, of pictures with values from 0 to 1."""
        choose_attention(self.backbone, images.device)
        return self.backbone.forward_features((images - self.mean) / self.std)

    def grid_features(self, tokens: Float[Tensor, "B T C"]) -> Float[Tensor, "B C R K"]:
        """The patch tokens laid out as they lie on the picture."""
        rows, columns = self.grid
        return tokens[:, self.prefix :].transpose(1, 2).unflatten(2, (rows, columns))

    def depth_of(self, parameter: str) -> int:
        """0 for the patch embedding, k + 1 for block k, one more for the rest; for layer-wise learning rates."""
        parts = parameter.split(".")
        if "blocks" in parts:
            return int(parts[parts.index("blocks") + 1]) + 1
        return len(self.backbone.blocks) + 1 if parts[1] in ("norm", "fc_norm") else 0

    @property
    def depth(self) -> int:
        """The largest value of `depth_of`."""
        return len(self.backbone.blocks) + 1


def choose_attention(network: nn.Module, device: torch.device) -> None:
    """Plain attention in timm's blocks where PyTorch's fused one is three times slower: on a CPU in bfloat16."""
    fused = device.type != "cpu" or not torch.is_autocast_enabled("cpu")
    modules: Iterator[Any] = network.modules()
    for module in modules:
        if getattr(module, "fused_attn", fused) != fused:
            module.fused_attn = fused


def load_weights(encoder: Encoder, path: Path) -> None:
    """Put a safetensors file of the same architecture into `encoder`; DataError when it does not fit.

    Positional embeddings of another picture size are resampled by timm.
    """
    if not path.is_file():
        raise DataError(f"no weights file {path}")
    try:
        state = load_file(path)
    except (SafetensorError, OSError) as error:
        raise DataError(f"{path} is not a safetensors file: {error}") from None
    backbone = encoder.backbone
    wanted = {name: tuple(value.shape) for name, value in backbone.state_dict().items()}
    missing = sorted(set(wanted) - set(state))
    if missing:
        raise DataError(
            f"{path.name} holds another architecture: {len(missing)} of {len(wanted)} tensors wanted are not in it "
            f"({missing[0]} is the first)"
        )
    _check_shapes(path, state, {n: s for n, s in wanted.items() if n not in RESAMPLED})
    resample = getattr(sys.modules[type(backbone).__module__], "checkpoint_filter_fn", None)
    if resample is not None:
        state = resample(state, backbone)
    _check_shapes(path, state, wanted)
    backbone.load_state_dict({name: state[name] for name in wanted})


def _check_shapes(path: Path, state: Mapping[str, Tensor], wanted: Mapping[str, tuple[int, ...]]) -> None:
    for name, shape in wanted.items():
        found = tuple(state[name].shape)
        if found != shape:
            raise DataError(f"{path.name} holds another architecture: {name} is {found}, wanted {shape}")


def load_pretrained(encoder: Encoder, name: str, warn: Warn) -> str | None:
    """Fetch timm's own weights of `name` (cached; shows progress) into `encoder`, and say what was loaded.

    Where the hub cannot be reached, or the model has no weights, warns in one sentence and returns None.
    """
    if not timm.models.get_pretrained_cfg(name) or not timm.is_model_pretrained(name):
        warn(
            f"timm has no pretrained weights for {name}: the encoder starts from random numbers and learns more slowly"
        )
        return None
    reason = _why_no_hub(name) or _fetch(encoder, name)
    if reason is None:
        return f"hub:{name}"
    warn(
        f"the pretrained weights of {name} could not be fetched ({reason}): the encoder starts from random "
        "numbers, needs far more labels and is less accurate; name a weights file where you have one"
    )
    return None


def _fetch(encoder: Encoder, name: str) -> str | None:
    """Load timm's weights; why that failed, or None."""
    try:
        source: Any = timm.create_model(name, pretrained=True, num_classes=0, img_size=_size_of(encoder))
    except (OSError, RuntimeError) as error:
        return str(error).splitlines()[0] if str(error) else type(error).__name__
    encoder.backbone.load_state_dict(source.state_dict())
    return None


def _why_no_hub(name: str) -> str | None:
    """Why asking the hub is hopeless, at once: its own client tries for most of a minute. None: ask it."""
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


def _size_of(encoder: Encoder) -> int:
    rows, _ = encoder.grid
    patch = encoder.backbone.patch_embed.patch_size
    return rows * int(patch[0] if isinstance(patch, tuple) else patch)


def parameter_count(module: nn.Module) -> int:
    """Number of trainable numbers."""
    return sum(math.prod(p.shape) for p in module.parameters() if p.requires_grad)
