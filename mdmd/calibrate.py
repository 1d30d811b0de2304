"""The covariance scale from faces the model has not learned from. numpy only.

Under the 2-D Laplacian the mean Mahalanobis radius is 2 / sqrt 3, so the maximum-likelihood factor on
standard deviations is (sqrt 3 / 2) times the mean radius of held-out points (LUVLi's density, Kumar et al. 2020).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mdmd.metrics import SQRT3, mahalanobis
from mdmd.records import Annotation, Prediction


def fit_scale(predictions: Sequence[Prediction], truth: Sequence[Annotation]) -> float:
    """Factor on predicted standard deviations; 1.0 where no point is labeled."""
    radii = np.concatenate(
        [mahalanobis(p.points - t.points, p.covariance)[t.labeled] for p, t in zip(predictions, truth, strict=True)]
        or [np.zeros(0)]
    )
    return float(SQRT3 / 2 * radii.mean()) if len(radii) else 1.0
