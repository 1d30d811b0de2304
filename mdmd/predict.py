"""Pictures and boxes in, predictions in image pixels out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from mdmd.geometry import Crop
from mdmd.heads import factor_to_covariance
from mdmd.loader import crops_ahead
from mdmd.model import MDMD
from mdmd.records import Prediction, Sample


def compute_device() -> torch.device:
    """The first GPU, or the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def autocast(device: torch.device) -> torch.autocast:
    """bfloat16 where the hardware has it, else float32 throughout."""
    if device.type == "cuda":
        fast = torch.cuda.is_bf16_supported()
    else:
        # torch 2.10 cannot be asked what the CPU has; float32 is right everywhere.
        able = getattr(torch.cpu, "get_capabilities", dict)()
        fast = any(able.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    return torch.autocast(device.type, torch.bfloat16, enabled=fast)


def predict_crops(model: MDMD, images: Tensor, head: str, crops: Sequence[Crop], *, scale: float) -> list[Prediction]:
    """Predictions, in image pixels, of uint8 crops (B, 3, S, S). `scale` multiplies standard deviations."""
    device = next(model.parameters()).device
    model.eval()
    with torch.inference_mode(), autocast(device):
        found = model(images.to(device).float() / 255, head)
    means = found.mean.double().cpu().numpy()
    covariances = factor_to_covariance(found.factor.double()).cpu().numpy() * scale**2
    return [
        Prediction(crop.to_image(mean * crop.size), crop.covariance_to_image(covariance * crop.size**2))
        for crop, mean, covariance in zip(crops, means, covariances, strict=True)
    ]


def predict(
    model: MDMD,
    samples: Sequence[Sample],
    head: str,
    *,
    scale: float,
    batch_size: int = 32,
    on_batch: Callable[[int], None] | None = None,
) -> list[Prediction]:
    """A prediction for each sample, from its picture and box; `on_batch` hears how many are done."""
    predictions: list[Prediction] = []
    config = model.config
    for images, crops in crops_ahead(
        samples, crop_scale=config.crop_scale, size=config.image_size, batch_size=batch_size
    ):
        predictions += predict_crops(model, images, head, crops, scale=scale)
        if on_batch is not None:
            on_batch(len(predictions))
    return predictions


def stacked(predictions: Sequence[Prediction]) -> tuple[np.ndarray, np.ndarray]:
    """Points (B, N, 2) and covariances (B, N, 2, 2) of predictions of one definition."""
    return np.stack([p.points for p in predictions]), np.stack([p.covariance for p in predictions])
