"""How a head's covariances are to be read, learned from faces that the model has not learned from. numpy only.

The network's likelihood is fitted to faces it knows, so its standard deviations are too small or too large together
(`scale`), and differ too little between sure and doubtful points (`sharpness`); its errors have a shorter tail than the
Laplacian (`power`, see `error_law.py`). All three come from the likelihood of held-out points; or scale and power put
the 50 % and 90 % ellipses where split-conformal prediction puts them. `benchmarks/RESULTS.md` has what they gain.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from mdmd.data.records import Annotation, Box, Prediction
from mdmd.evaluation.error_law import LAPLACIAN, SQRT3, Array, RadialLaw
from mdmd.evaluation.metrics import mahalanobis

Method = Literal["likelihood", "conformal"]

#: In steps of 0.05: even 200 faces do not tell neighbours apart.
POWERS = np.linspace(0.5, 2.0, 31)
SHARPNESSES = np.linspace(0.6, 2.0, 29)
#: How many faces the network's own word (power 1, sharpness 1) weighs against what held-out faces say.
PRIOR_FACES_OF_POWER = 10
PRIOR_FACES_OF_SHARPNESS = 5
#: A larger radius than holds this probability counts as that radius: a slip of the hand is not a width.
OUTLIER = 0.999
#: The smallest radius that counts, so that logarithms stay finite.
NEAREST = 1e-6


@dataclass(frozen=True)
class Calibration:
    """What `faces` held-out faces said of one head.

    A standard deviation s becomes scale * s * (s / typical)^(sharpness - 1), lengths in shares of the box's longer
    side; `power` is the radial law's. The defaults change nothing.
    """

    scale: float = 1.0
    sharpness: float = 1.0
    typical: float = 1.0
    power: float = 1.0
    faces: int = 0
    method: Method = "likelihood"

    @property
    def law(self) -> RadialLaw:
        return RadialLaw(self.power)

    def apply(self, prediction: Prediction, box: Box) -> Prediction:
        """A prediction with the network's own covariances, calibrated."""
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
    """What held-out faces say of predictions with the network's own covariances; without labels: nothing changes.

    With too few faces for a conformal 90 % ellipse the result is the likelihood's, and says so in `method`.
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
    """The likelihood's answer to `radii` (M,) at log standard deviations (M,), drawn towards the network's own word.

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
    """Scale and power whose 50 % and 90 % radii are `half` and `nine`."""
    half, nine = max(half, NEAREST), max(nine, NEAREST)
    laplacian = math.log(LAPLACIAN.radius(0.9) / LAPLACIAN.radius(0.5))
    power = laplacian / max(math.log(nine / half), NEAREST)
    power = min(max(power, float(POWERS[0])), float(POWERS[-1]))
    law = RadialLaw(power)
    return max(half / law.radius(0.5), nine / law.radius(0.9)), power


def conformal_radius(radii: Array, probability: float) -> float | None:
    """The radius that holds a point of a new face with at least `probability`, whatever the radii's law.

    `radii` (B, N), NaN where not labeled. Faces are exchangeable, the points of one are not independent: each of K
    faces weighs 1 / (K + 1), shared by its points, and a face never seen weighs as much at infinity (Lee, Barber and
    Willett 2023, hierarchical conformal prediction). With one point a face it is the ceil((K + 1) p)-th smallest
    radius. None with fewer than p / (1 - p) faces: 9 for 90 %.
    """
    counts = (~np.isnan(radii)).sum(axis=1)
    radii, counts = radii[counts > 0], counts[counts > 0]
    known = ~np.isnan(radii)
    weights = np.broadcast_to(1 / counts[:, None] / (len(radii) + 1), radii.shape)[known]
    order = np.argsort(radii[known])
    # The sum of weights is exact to rounding; a share that is met exactly must count as met.
    enough = np.flatnonzero(np.cumsum(weights[order]) >= probability - 1e-9)
    return float(radii[known][order][enough[0]]) if len(enough) else None
