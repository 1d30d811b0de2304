"""All of a prediction as one network: from the bytes of a crop to calibrated points, for other runtimes than torch.

It computes what `mdmd.inference.predict`, `mdmd.evaluation.fusion` and `mdmd.evaluation.calibration` compute, in
float32 and with operations that every runtime has: two-by-two matrices are inverted by formula, and a resize is a
product with the weights of torch's antialiased one.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from mdmd.evaluation.calibration import Calibration
from mdmd.evaluation.error_law import SQRT3
from mdmd.inference.predict import VIEWS, broadest_size
from mdmd.models.covariances import determinant, fuse
from mdmd.models.heads import factor_to_covariance
from mdmd.models.landmark_model import MDMD

#: Directions in which the probability of a distance is averaged (see `metrics.probability_off`).
ANGLES = 64


class CropGraph(nn.Module):
    """Points in crops, for the head `head` of `model`.

    `tolerance` is a share of the definition's normalizer. `size` is the side of a crop in pixels, and `scale` that of
    its square in longer sides of the face's box.
    """

    directions: Tensor

    def __init__(self, model: MDMD, head: str, calibration: Calibration, tolerance: float) -> None:
        super().__init__()
        config, definition = model.config, model.head_definition(head)
        self.model, self.head, self.calibration, self.tolerance = model, head, calibration, tolerance
        self.views = VIEWS[config.views]
        self.size, self.scale = broadest_size(config)
        broadest = max(view.zoom for view in self.views)
        self.margins = [round(self.size * (1 - view.zoom / broadest) / 2) for view in self.views]
        self.mirror = list(definition.mirror) if definition.can_be_mirrored else None
        self.ends = None if definition.normalizer is None else [list(end) for end in definition.normalizer]
        for k, margin in enumerate(self.margins):
            self.register_buffer(f"resize_{k}", resizing(self.size - 2 * margin, config.image_size), persistent=False)
        turn = (torch.arange(ANGLES) + 0.5) * math.pi / ANGLES
        self.register_buffer("directions", torch.stack([turn.cos(), turn.sin()]), persistent=False)

    def forward(
        self, crops: UInt8[Tensor, "B 3 S S"], boxes: Float[Tensor, "B 2"]
    ) -> tuple[Float[Tensor, "B N 2"], Float[Tensor, "B N 2 2"], Float[Tensor, "B N"]]:
        """Points and covariances in crop pixels, and the probability that a point is off by more than the tolerance.

        `crops` are RGB, and `boxes` the width and height of each face's box in crop pixels.
        """
        pixels, views = crops.float() / 255, range(len(self.views))
        found = self.model(torch.cat([self._shown(pixels, k) for k in views]), self.head)
        means = found.mean.float().unflatten(0, (len(views), -1))
        covariances = factor_to_covariance(found.factor.float()).unflatten(0, (len(views), -1))
        seen = [self._in_crop(means[k], covariances[k], k) for k in views]
        means, covariances = fuse([m for m, _ in seen], [c for _, c in seen]) if len(seen) > 1 else seen[0]
        covariances = self._calibrated(covariances)
        points, covariances = means * self.size, covariances * self.size**2
        return points, covariances, self._off(points, covariances, boxes)

    def _mirror(self, k: int) -> list[int] | None:
        return self.mirror if self.views[k].mirrored else None

    def _shown(self, pixels: Tensor, k: int) -> Tensor:
        """What the network sees in view k."""
        margin, resize = self.margins[k], getattr(self, f"resize_{k}")
        inside = slice(margin, self.size - margin)
        shown = resize @ pixels[:, :, inside, inside] @ resize.T
        return shown if self._mirror(k) is None else shown.flip(-1)

    def _in_crop(self, means: Tensor, covariances: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """Means (B, N, 2) and covariances (B, N, 2, 2) of view k, in units of the crop's side."""
        margin, mirror = self.margins[k], self._mirror(k)
        side = self.size - 2 * margin
        if mirror is not None:
            x, y = means[:, mirror].unbind(-1)
            means = torch.stack([1 - x, y], dim=-1)
            covariances = covariances[:, mirror] * torch.tensor([[1.0, -1.0], [-1.0, 1.0]])
        return (margin + side * means) / self.size, covariances * (side / self.size) ** 2

    def _calibrated(self, covariances: Tensor) -> Tensor:
        """See `Calibration.apply`; the longer side of the face's box is 1 / scale of the crop's."""
        made = self.calibration
        deviations = determinant(covariances).clamp_min(1e-30) ** 0.25 * self.scale
        factor = made.scale * (deviations / made.typical) ** (made.sharpness - 1)
        return covariances * (factor**2)[..., None, None]

    def _off(self, points: Tensor, covariances: Tensor, boxes: Tensor) -> Tensor:
        """See `mdmd.evaluation.evaluate.probabilities_off`."""
        distance = (boxes[:, 0] * boxes[:, 1]).clamp_min(1e-6).sqrt()
        if self.ends is not None:
            first, second = (points[:, end].mean(dim=1) for end in self.ends)
            between = ((first - second) ** 2).sum(dim=-1).sqrt()
            distance = torch.where(between > 0, between, distance)
        a = covariances[..., 0, 0].clamp_min(1e-12).sqrt()
        b = covariances[..., 1, 0] / a
        c = (covariances[..., 1, 1] - b * b).clamp_min(1e-12).sqrt()
        cos, sin = self.directions[0], self.directions[1]
        reach = ((a[..., None] * cos) ** 2 + (b[..., None] * cos + c[..., None] * sin) ** 2).sqrt().clamp_min(1e-12)
        law = self.calibration.law
        radius = self.tolerance * distance[:, None, None] / reach
        scaled = SQRT3 * (radius / law.unit) ** law.power
        return ((1 + scaled) * torch.exp(-scaled)).mean(dim=-1)


def resizing(side: int, size: int) -> Float[Tensor, "size side"]:
    """The weights of torch's antialiased bilinear resize from `side` to `size` pixels, along one side."""
    unit = torch.eye(side)[None, None]
    return F.interpolate(unit, size=(size, side), mode="bilinear", antialias=True)[0, 0]
