"""Several predictions of the same points as one, weighted by their inverse covariances. numpy only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from mdmd.data.records import Prediction


def fuse(
    means: Float[np.ndarray, "V B N 2"], covariances: Float[np.ndarray, "V B N 2 2"]
) -> tuple[np.ndarray, np.ndarray]:
    """One mean (B, N, 2) and covariance (B, N, 2, 2) of V, weighted by inverse covariance.

    Errors on the same face are correlated, whether one network saw several views of it or two models saw it. The fused
    covariance is therefore the harmonic mean of the covariances, not a V-th of it, plus the scatter of the means.
    """
    precision = np.linalg.inv(covariances)
    common = np.linalg.inv(precision.sum(axis=0))
    mean = (common @ (precision @ means[..., None]).sum(axis=0))[..., 0]
    apart = (means - mean)[..., None]
    return mean, len(means) * common + (apart @ apart.swapaxes(-1, -2)).mean(axis=0)


def fused(*found: Sequence[Prediction]) -> list[Prediction]:
    """One prediction of each face from several of it, such as a model's and the points carried over to it.

    Each of `found` has a prediction for every face, all in the same order of landmarks. A covariance that is too small
    takes the points to its side, so all should be calibrated.
    """
    if not found[0]:
        return []
    means, covariances = fuse(
        np.stack([[one.points for one in each] for each in found]),
        np.stack([[one.covariance for one in each] for each in found]),
    )
    return [Prediction(mean, covariance) for mean, covariance in zip(means, covariances, strict=True)]
