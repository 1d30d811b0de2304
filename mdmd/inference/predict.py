"""Predict landmarks in image pixels from images and boxes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import UInt8
from torch import Tensor

from mdmd.config import ModelConfig
from mdmd.data.images import read_reduced
from mdmd.data.records import Prediction, Sample
from mdmd.device import autocast
from mdmd.evaluation.fusion import fuse
from mdmd.loading.crop import Crop, mirror_covariance, mirror_points
from mdmd.loading.crops import Read, crops_ahead
from mdmd.models.heads import factor_to_covariance
from mdmd.models.landmark_model import MDMD


@dataclass(frozen=True)
class View:
    """A view of a face: a crop `zoom` times as wide as the usual one, mirrored or not.

    A head whose definition cannot be mirrored sees the same crop, not mirrored.
    """

    zoom: float = 1.0
    mirrored: bool = False


#: The views that `ModelConfig.views` selects. Views of different width and orientation have different errors; more than
#: two gain little (benchmarks/RESULTS.md).
VIEWS: Mapping[str, tuple[View, ...]] = {
    "single": (View(),),
    "two": (View(zoom=0.86, mirrored=True), View(zoom=1.14)),
}


def broadest_size(config: ModelConfig) -> tuple[int, float]:
    """The side in pixels of a crop that all configured views lie in, and of its square in longer sides of the box."""
    zooms = [view.zoom for view in VIEWS[config.views]]
    return round(config.image_size * max(zooms) / min(zooms)), config.crop_scale * max(zooms)


def views_ahead(
    samples: Sequence[Sample],
    config: ModelConfig,
    *,
    batch_size: int,
    unusable: MutableMapping[Path, str] | None = None,
    read: Read = read_reduced,
) -> Iterator[tuple[UInt8[Tensor, "B 3 K K"], list[Crop]]]:
    """Batches of face crops, wide and fine enough for all configured views, and the `Crop`s that map back to the image.

    The next images are read while the caller computes. `unusable` and `read` are explained in `crops_ahead`.
    """
    size, scale = broadest_size(config)
    return crops_ahead(samples, crop_scale=scale, size=size, batch_size=batch_size, unusable=unusable, read=read)


def predict_crops(
    model: MDMD,
    images: UInt8[Tensor, "B 3 K K"],
    head: str,
    crops: Sequence[Crop],
    *,
    views: Sequence[View] | None = None,
) -> list[Prediction]:
    """Predictions in image pixels, with uncalibrated covariances, of a batch from `views_ahead`.

    `views` replaces the configured views, to use fewer of them.
    """
    configured = VIEWS[model.config.views]
    views = configured if views is None else views
    broadest = max(view.zoom for view in configured)
    definition = model.head_definition(head)
    if not definition.can_be_mirrored:
        views = [replace(view, mirrored=False) for view in views]
    found = [_look(model, images, head, view, view.zoom / broadest, definition.mirror) for view in views]
    means, covariances = fuse(np.stack([m for m, _ in found]), np.stack([c for _, c in found]))
    return [
        Prediction(crop.to_image(mean * crop.size), crop.covariance_to_image(covariance * crop.size**2))
        for crop, mean, covariance in zip(crops, means, covariances, strict=True)
    ]


def _look(
    model: MDMD, images: Tensor, head: str, view: View, share: float, mirror: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Means (B, N, 2) and covariances (B, N, 2, 2) from one view, in units of the side of `images`."""
    device = next(model.parameters()).device
    size, whole = model.config.image_size, images.shape[-1]
    margin = round(whole * (1 - share) / 2)
    side = whole - 2 * margin
    shown = images[:, :, margin : margin + side, margin : margin + side].to(device).float() / 255
    if side != size:
        shown = F.interpolate(shown, size=(size, size), mode="bilinear", antialias=True)
    model.eval()
    with torch.inference_mode(), autocast(device):
        found = model(shown.flip(-1) if view.mirrored else shown, head)
    means = found.mean.double().cpu().numpy()
    covariances = factor_to_covariance(found.factor.double()).cpu().numpy()
    if view.mirrored:
        means = np.stack([mirror_points(m, mirror, width=1.0) for m in means])
        covariances = mirror_covariance(covariances, mirror)
    return (margin + side * means) / whole, covariances * (side / whole) ** 2


def predict(
    model: MDMD,
    samples: Sequence[Sample],
    head: str,
    *,
    views: Sequence[View] | None = None,
    batch_size: int = 32,
    on_batch: Callable[[int], None] | None = None,
    unusable: MutableMapping[Path, str] | None = None,
    read: Read = read_reduced,
) -> list[Prediction]:
    """A prediction in image pixels, with uncalibrated covariances, for each sample, from its image and box.

    `on_batch` is called with the number of finished samples after each batch; `views` replaces the configured views. An
    image that cannot be read raises PictureError. If `unusable` is given, its path is added there with the reason
    instead, and its prediction has no meaning. `read` is explained in `crops_ahead`.
    """
    predictions: list[Prediction] = []
    for images, crops in views_ahead(samples, model.config, batch_size=batch_size, unusable=unusable, read=read):
        predictions += predict_crops(model, images, head, crops, views=views)
        if on_batch is not None:
            on_batch(len(predictions))
    return predictions
