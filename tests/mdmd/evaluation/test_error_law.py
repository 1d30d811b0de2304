"""The radial law: the Laplacian's numbers, integration of its densities, and what the power leaves alone."""

import numpy as np
import pytest

from mdmd.evaluation.error_law import LAPLACIAN, RadialLaw

POWERS = [0.6, 1.0, 1.15, 2.0]


@pytest.mark.parametrize(
    ("probability", "radius"), [(0.50, 0.969), (0.6827, 1.362), (0.90, 2.246), (0.95, 2.739), (0.99, 3.833)]
)
def test_the_laplacians_radii(probability: float, radius: float):
    assert LAPLACIAN.radius(probability) == pytest.approx(radius, abs=6e-4)
    assert RadialLaw(1.0).unit == 1.0


@pytest.mark.parametrize("power", POWERS)
@pytest.mark.parametrize("probability", [0.1, 0.5, 0.9, 0.99])
def test_the_radius_of_a_probability_is_where_the_survival_says(power: float, probability: float):
    law = RadialLaw(power)
    assert law.survival(np.array(law.radius(probability))) == pytest.approx(1 - probability, abs=1e-9)


@pytest.mark.parametrize("power", POWERS)
def test_the_density_integrates_to_the_survival_and_its_covariance_is_the_unit_matrix(power: float):
    law = RadialLaw(power)
    edges = np.geomspace(1e-6, 400, 400_001)
    r = (edges[1:] + edges[:-1]) / 2
    ring = np.exp(law.log_density(r)) * 2 * np.pi * r * np.diff(edges)
    assert ring.sum() == pytest.approx(1, abs=1e-6)
    assert ring[r > 1.7].sum() == pytest.approx(float(law.survival(np.array(1.7))), abs=1e-4)
    assert (ring * r * r).sum() / 2 == pytest.approx(1, abs=1e-5)  # E[d d^T] = E[r^2] / 2 on either axis


def test_a_larger_power_is_a_shorter_tail_and_the_90_percent_ellipse_hardly_moves():
    far = [float(RadialLaw(power).survival(np.array(5.0))) for power in POWERS]
    assert far == sorted(far, reverse=True)
    for power in (0.9, 1.1, 1.2, 1.3):
        assert RadialLaw(power).radius(0.9) == pytest.approx(2.246, rel=0.04)


def test_the_density_at_the_mean_is_finite():
    assert np.isfinite(RadialLaw(1.3).log_density(np.zeros(2))).all()
    assert LAPLACIAN.log_density(np.zeros(1))[0] == pytest.approx(np.log(3 / (2 * np.pi)), abs=1e-5)
