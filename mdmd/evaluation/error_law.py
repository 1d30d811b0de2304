"""The distribution of a landmark's Mahalanobis radius: the 2-D Laplacian's, with an exponent for its tail. numpy only.

Under the 2-D Laplacian (LUVLi, Kumar et al. 2020) the radius r has P(r > R) = (1 + sqrt3 R) exp(-sqrt3 R). Faces that
were not trained on have fewer very small and very large radii than that (`benchmarks/calibration.py` measures it). One
exponent describes them: r is the Laplacian's radius to the power 1 / power, in a unit that keeps E[r^2] at the
Laplacian's 2. The covariance remains the covariance of the error, and all probabilities have closed forms.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
SQRT3 = math.sqrt(3.0)


@dataclass(frozen=True)
class RadialLaw:
    """The distribution of Mahalanobis radii. `power` 1 is the Laplacian's; a larger power has a shorter tail."""

    power: float = 1.0

    @property
    def unit(self) -> float:
        """The radius at the Laplacian's radius 1: sqrt(2 / E[rho^(2 / power)]), rho the Laplacian's radius."""
        exponent = 2 / self.power
        return math.sqrt(2 * 3 ** (exponent / 2) / math.gamma(2 + exponent))

    def survival(self, radius: Array) -> Array:
        """P(r > radius), in the shape of `radius`."""
        scaled = SQRT3 * (radius / self.unit) ** self.power
        return (1 + scaled) * np.exp(-scaled)

    def radius(self, probability: float) -> float:
        """The radius that contains `probability` of the mass, 0 <= probability < 1."""
        return self.unit * _laplacian_radius(probability) ** (1 / self.power)

    def log_density(self, radius: Array) -> Array:
        """Log of the 2-D density at `radius` for a unit covariance.

        With a power above 1 the density at the mean is 0; radii below 1e-6 count as 1e-6.
        """
        ratio = np.maximum(radius, 1e-6) / self.unit
        constant = math.log(3 * self.power / (2 * math.pi)) - 2 * math.log(self.unit)
        return constant + 2 * (self.power - 1) * np.log(ratio) - SQRT3 * ratio**self.power


#: The distribution that the network's likelihood assumes.
LAPLACIAN = RadialLaw()


def _laplacian_radius(probability: float) -> float:
    """The Laplacian's radius that contains `probability`, by bisection on the closed form."""
    low, high = 0.0, 100.0
    for _ in range(80):
        middle = (low + high) / 2
        if 1 - (1 + SQRT3 * middle) * math.exp(-SQRT3 * middle) < probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2
