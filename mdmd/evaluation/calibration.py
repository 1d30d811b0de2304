"""Calibration of a head's covariances on held-out faces. numpy only.

The network's likelihood is fitted to training faces. On other faces its standard deviations are all too small or too
large (`scale`), differ too little between certain and uncertain points (`sharpness`), and errors have a shorter tail
than the Laplacian's (`power`, see `error_law.py`). Either all three maximize the likelihood of held-out points, or
scale and power reproduce the 50 % and 90 % radii of split-conformal prediction. `benchmarks/RESULTS.md` has the gains.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from mdmd.data.records import Annotation, Box, Prediction
from mdmd.errors import DataError
from mdmd.evaluation.error_law import LAPLACIAN, SQRT3, Array, RadialLaw
from mdmd.evaluation.metrics import mahalanobis

Method = Literal["likelihood", "conformal"]

#: Candidates in steps of 0.05, finer than 200 faces can resolve.
POWERS = np.linspace(0.5, 2.0, 31)
SHARPNESSES = np.linspace(0.6, 2.0, 29)
#: Weight of the prior (power 1, sharpness 1: the uncalibrated law), in faces.
PRIOR_FACES_OF_POWER = 10
PRIOR_FACES_OF_SHARPNESS = 5
#: Radii are clipped at the radius that holds this probability, so that one labeling slip does not widen the ellipses.
OUTLIER = 0.999
#: Radii below this count as this, so that logarithms stay finite.
NEAREST = 1e-6


@dataclass(frozen=True)
class Calibration:
    """The calibration of one head, fitted on `faces` held-out faces.

    A standard deviation s becomes scale * s * (s / typical)^(sharpness - 1), with lengths in shares of the box's longer
    side. `power` is the exponent of the radial law. The defaults change nothing.
    """

    scale: float = 1.0
    sharpness: float = 1.0
    typical: float = 1.0
    power: float = 1.0
    faces: int = 0
    method: Method = "likelihood"

    def __post_init__(self) -> None:
        for key in ("scale", "sharpness", "typical", "power"):
            value = getattr(self, key)
            if not isinstance(value, int | float) or not 0 < value < math.inf:
                raise DataError(f"found {key} {value!r}, wanted a number above 0")

    @property
    def law(self) -> RadialLaw:
        return RadialLaw(self.power)

    def apply(self, prediction: Prediction, box: Box) -> Prediction:
        """`prediction`, whose covariances are the network's, with calibrated covariances."""
        factor = self.scale * (_deviation(prediction, box) / self.typical) ** (self.sharpness - 1)
        return Prediction(prediction.points, prediction.covariance * factor[:, None, None] ** 2)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def _deviation(prediction: Prediction, box: Box) -> Array:
    """Standard deviations (N,), geometric means over directions, in shares of the box's longer side."""
    return np.linalg.det(prediction.covariance) ** 0.25 / max(box.w, box.h, 1.0)


def radii_of(predictions: Sequence[Prediction], truth: Sequence[Annotation]) -> Array:
    """Mahalanobis radii (B, N) of true points under their predictions; NaN where a point is not labeled."""
    rows = [
        np.where(t.labeled, mahalanobis(p.points - t.points, p.covariance), np.nan)
        for p, t in zip(predictions, truth, strict=True)
    ]
    return np.stack(rows) if rows else np.zeros((0, 0))


def calibrate(
    predictions: Sequence[Prediction],
    truth: Sequence[Annotation],
    boxes: Sequence[Box],
    method: Method = "likelihood",
) -> Calibration:
    """Fit a calibration to predictions of held-out faces with the network's covariances.

    Without labeled points the result changes nothing. With too few faces for a conformal 90 % ellipse the likelihood is
    used, and `method` says so.
    """
    radii = radii_of(predictions, truth)
    labeled = ~np.isnan(radii)
    faces = int(labeled.any(axis=1).sum())
    if faces == 0:
        return Calibration()
    if method == "conformal":
        half, nine = conformal_radius(radii, 0.5), conformal_radius(radii, 0.9)
        if half is not None and nine is not None:
            scale, power = _through(half, nine)
            return Calibration(scale, power=power, faces=faces, method="conformal")
    deviations = np.stack([_deviation(p, box) for p, box in zip(predictions, boxes, strict=True)])
    return _most_likely(radii[labeled], np.log(deviations[labeled]), faces)


def _most_likely(radii: Array, deviations: Array, faces: int) -> Calibration:
    """The most likely calibration for `radii` (M,) at log standard deviations `deviations` (M,), under the prior.

    Sharpness divides each radius by exp((sharpness - 1) (log s - mean)), whose logarithms add up to zero over the
    points. So the profile over the scale, scale^power = sqrt3 / 2 mean(r^power), leaves a mean log-likelihood of
    log(power) + 2 power mean(log r) - 2 log(mean(r^power)). Points of one face are not independent: it counts faces.
    """
    middle = float(deviations.mean())
    best: tuple[float, Calibration] | None = None
    for sharpness in SHARPNESSES:
        rest = np.log(np.maximum(radii, NEAREST)) - (sharpness - 1) * (deviations - middle)
        rest = np.minimum(rest, np.median(rest) + math.log(LAPLACIAN.radius(OUTLIER) / LAPLACIAN.radius(0.5)))
        moments = np.exp(POWERS[:, None] * rest).mean(axis=1)
        likelihood = np.log(POWERS) + 2 * POWERS * rest.mean() - 2 * np.log(moments)
        prior = PRIOR_FACES_OF_POWER * np.log(POWERS) ** 2 + PRIOR_FACES_OF_SHARPNESS * math.log(sharpness) ** 2
        score = faces * likelihood - prior / 2
        k = int(np.argmax(score))
        if best is None or score[k] > best[0]:
            power = float(POWERS[k])
            scale = float((SQRT3 / 2 * moments[k]) ** (1 / power)) / RadialLaw(power).unit
            best = float(score[k]), Calibration(scale, float(sharpness), math.exp(middle), power, faces)
    assert best is not None
    return best[1]


def _through(half: float, nine: float) -> tuple[float, float]:
    """The scale and power whose 50 % and 90 % radii are `half` and `nine`."""
    half, nine = max(half, NEAREST), max(nine, NEAREST)
    laplacian = math.log(LAPLACIAN.radius(0.9) / LAPLACIAN.radius(0.5))
    power = laplacian / max(math.log(nine / half), NEAREST)
    power = min(max(power, float(POWERS[0])), float(POWERS[-1]))
    law = RadialLaw(power)
    return max(half / law.radius(0.5), nine / law.radius(0.9)), power


def conformal_radius(radii: Array, probability: float) -> float | None:
    """The radius that contains a point of a new face with at least `probability`, under any distribution of radii.

    `radii` (B, N), NaN where not labeled. Faces are exchangeable, but points of one face are not independent: each of
    K faces has weight 1 / (K + 1), shared by its points, and the new face has the same weight at infinity (hierarchical
    conformal prediction: Lee, Barber and Willett 2023). With one point per face this is the ceil((K + 1) p)-th smallest
    radius. None with fewer than p / (1 - p) faces, which is 9 for 90 %.
    """
    counts = (~np.isnan(radii)).sum(axis=1)
    radii, counts = radii[counts > 0], counts[counts > 0]
    known = ~np.isnan(radii)
    weights = np.broadcast_to(1 / counts[:, None] / (len(radii) + 1), radii.shape)[known]
    order = np.argsort(radii[known])
    # The cumulative sum has rounding errors; a probability that is met exactly must count as met.
    enough = np.flatnonzero(np.cumsum(weights[order]) >= probability - 1e-9)
    return float(radii[known][order][enough[0]]) if len(enough) else None
