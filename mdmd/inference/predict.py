"""Pictures and boxes in, predictions in image pixels out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

from mdmd.config import ModelConfig
from mdmd.data.records import Box, Prediction, Sample, box_of_points
from mdmd.loading.batches import crops_ahead
from mdmd.loading.crop import Crop, mirror_covariance, mirror_points
from mdmd.models.heads import factor_to_covariance
from mdmd.models.landmark_model import MDMD


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


@dataclass(frozen=True)
class View:
    """One look at a face: a crop `zoom` times as wide as the network's own, mirrored or not."""

    zoom: float = 1.0
    mirrored: bool = False


#: What `ModelConfig.views` names. Looks that differ in width and in side err differently; four or six of them gain
#: nothing more (benchmarks/RESULTS.md).
VIEWS: Mapping[str, tuple[View, ...]] = {
    "single": (View(),),
    "two": (View(zoom=0.86, mirrored=True), View(zoom=1.14)),
}


#: Looks that follow each other, at most, to find a face's box, and how little of its side the box moves at the end.
PASSES, STILL = 4, 0.02
#: What the first looks are into: the box that is given, and so much of its sides in the middle.
STARTS = (1.0, 0.7, 0.5)
#: Points that lie closer together than this, in pixels, show no face.
SMALLEST = 8.0


def views_ahead(
    samples: Sequence[Sample],
    config: ModelConfig,
    *,
    batch_size: int,
    unusable: MutableMapping[Path, str] | None = None,
) -> Iterator[tuple[UInt8[Tensor, "B 3 K K"], list[Crop]]]:
    """Batches of faces cut wide and fine enough for every configured view, and the crops that lead back to the image.

    The next pictures are read while the caller computes; `unusable` as in `crops_ahead`.
    """
    zooms = [view.zoom for view in VIEWS[config.views]]
    size = round(config.image_size * max(zooms) / min(zooms))
    scale = config.crop_scale * max(zooms)
    return crops_ahead(samples, crop_scale=scale, size=size, batch_size=batch_size, unusable=unusable)


def predict_crops(
    model: MDMD,
    images: UInt8[Tensor, "B 3 K K"],
    head: str,
    crops: Sequence[Crop],
    *,
    views: Sequence[View] | None = None,
) -> list[Prediction]:
    """Predictions, in image pixels and with the network's own covariances, of what `views_ahead` cut.

    `views` takes fewer looks than the model's configuration asks for.
    """
    configured = VIEWS[model.config.views]
    views = configured if views is None else views
    broadest = max(view.zoom for view in configured)
    mirror = model.head_definition(head).mirror
    found = [_look(model, images, head, view, view.zoom / broadest, mirror) for view in views]
    means, covariances = fuse(np.stack([m for m, _ in found]), np.stack([c for _, c in found]))
    return [
        Prediction(crop.to_image(mean * crop.size), crop.covariance_to_image(covariance * crop.size**2))
        for crop, mean, covariance in zip(crops, means, covariances, strict=True)
    ]


def _look(
    model: MDMD, images: Tensor, head: str, view: View, share: float, mirror: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Means (B, N, 2) and covariances (B, N, 2, 2) that one view gives, in units of the whole of `images`."""
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


def fuse(
    means: Float[np.ndarray, "V B N 2"], covariances: Float[np.ndarray, "V B N 2 2"]
) -> tuple[np.ndarray, np.ndarray]:
    """One mean (B, N, 2) and covariance (B, N, 2, 2) from those of V views: the mean weighted by inverse covariance.

    Views of one face by one network err together, so the fused covariance is their harmonic mean, not its V-th part,
    and what they disagree by is added.
    """
    precision = np.linalg.inv(covariances)
    common = np.linalg.inv(precision.sum(axis=0))
    mean = (common @ (precision @ means[..., None]).sum(axis=0))[..., 0]
    apart = (means - mean)[..., None]
    return mean, len(means) * common + (apart @ apart.swapaxes(-1, -2)).mean(axis=0)


def predict(
    model: MDMD,
    samples: Sequence[Sample],
    head: str,
    *,
    views: Sequence[View] | None = None,
    batch_size: int = 32,
    on_batch: Callable[[int], None] | None = None,
    unusable: MutableMapping[Path, str] | None = None,
) -> list[Prediction]:
    """A prediction for each sample, from its picture and box; `on_batch` hears how many are done, `views` as above.

    A picture that cannot be read raises PictureError, or, where `unusable` is given, is noted there by its path with
    the reason: what is then predicted of it means nothing.
    """
    predictions: list[Prediction] = []
    for images, crops in views_ahead(samples, model.config, batch_size=batch_size, unusable=unusable):
        predictions += predict_crops(model, images, head, crops, views=views)
        if on_batch is not None:
            on_batch(len(predictions))
    return predictions


def find_boxes(
    model: MDMD,
    samples: Sequence[Sample],
    head: str,
    *,
    scale: float,
    passes: int = PASSES,
    unusable: MutableMapping[Path, str] | None = None,
) -> list[Sample]:
    """`samples` with boxes where the model finds their faces, `scale` times as long as the points' own.

    It looks into each box it is given (the whole picture, say) and into the middle of it, goes on from each of these
    around the points that it saw there, up to `passes` times or until the box stays where it is, and takes the end
    that it is surest of. How near this comes to given boxes: benchmarks/RESULTS.md. `unusable` as in `predict`.
    """
    ends = [_follow(model, samples, head, start, scale, passes, unusable) for start in STARTS]
    return [min(of_one, key=lambda end: end[1])[0] for of_one in zip(*ends, strict=True)]


def _follow(
    model: MDMD,
    samples: Sequence[Sample],
    head: str,
    start: float,
    scale: float,
    passes: int,
    unusable: MutableMapping[Path, str] | None,
) -> list[tuple[Sample, float]]:
    """Each sample with the box at which looks end that begin in the middle of its own, and the doubt of the last."""
    boxes = [_middle(sample.box, start) for sample in samples]
    doubts = [math.inf] * len(boxes)
    moving = list(range(len(boxes)))
    for _ in range(passes):
        into = [replace(samples[k], box=boxes[k]) for k in moving]
        still = []
        found = predict(model, into, head, views=VIEWS["single"], unusable=unusable)
        for k, seen in zip(moving, found, strict=True):
            around = _around(seen, scale)
            doubts[k] = math.inf if around is None else _doubt(seen)
            if around is not None and _moved(boxes[k], around) > STILL:
                still.append(k)
            boxes[k] = around or samples[k].box
        moving = still
    return [(replace(s, box=box), doubt) for s, box, doubt in zip(samples, boxes, doubts, strict=True)]


def _doubt(prediction: Prediction) -> float:
    """The mean deviation of the points for the size of their face."""
    own = box_of_points(prediction.points)
    return float(np.mean(np.linalg.det(prediction.covariance) ** 0.25)) / max(own.w, own.h)


def _middle(box: Box, zoom: float) -> Box:
    return Box(box.x + box.w * (1 - zoom) / 2, box.y + box.h * (1 - zoom) / 2, box.w * zoom, box.h * zoom)


def _around(prediction: Prediction, scale: float) -> Box | None:
    """A box around the predicted points; None where these are on a heap."""
    box = box_of_points(prediction.points, margin=(scale - 1) / 2)
    return box if max(box.w, box.h) >= SMALLEST and min(box.w, box.h) > 0 else None


def box_scale(samples: Sequence[Sample]) -> float | None:
    """How much longer the boxes of labeled faces are than their points' own: the median; None where no face tells.

    Only faces with most of their landmarks labeled tell.
    """
    ratios = []
    for sample in samples:
        if sample.annotation is None or sample.annotation.labeled.mean() <= 0.5:
            continue
        own = box_of_points(sample.annotation.points[sample.annotation.labeled])
        if max(own.w, own.h) > 0:
            ratios.append(max(sample.box.w, sample.box.h) / max(own.w, own.h))
    return round(float(np.median(ratios)), 3) if ratios else None


def _moved(old: Box, new: Box) -> float:
    """The farthest that an edge has moved, as a share of the new box's longer side."""
    edges = (old.x - new.x, old.y - new.y, old.x + old.w - new.x - new.w, old.y + old.h - new.y - new.h)
    return max(map(abs, edges)) / max(new.w, new.h, 1.0)
