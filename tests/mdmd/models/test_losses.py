"""The Laplacian against integration, gradients against finite differences, equation 4 by hand."""

import math

import pytest
import torch

from mdmd.models.losses import distance, group_counts, group_weights, heatmap_cross_entropy, laplacian_nll

FACTOR = torch.tensor([0.06, 0.03, 0.04], dtype=torch.float64)


def density_on_a_grid():
    line = torch.linspace(-1.2, 1.2, 2001, dtype=torch.float64)
    y, x = torch.meshgrid(line, line, indexing="ij")
    place = torch.stack([x, y], dim=-1).flatten(0, 1)
    nll = laplacian_nll(torch.zeros_like(place)[None], FACTOR.expand(1, len(place), 3), place[None])
    return place, (-nll[0]).exp() * float(line[1] - line[0]) ** 2


def test_the_density_has_mass_one_and_the_covariance_it_is_given():
    place, mass = density_on_a_grid()
    factor = torch.tensor([[0.06, 0.0], [0.03, 0.04]], dtype=torch.float64)
    assert float(mass.sum()) == pytest.approx(1.0, abs=1e-4)
    measured = torch.einsum("ni,nj,n->ij", place, place, mass)
    torch.testing.assert_close(measured, factor @ factor.T, rtol=1e-3, atol=1e-7)


def test_the_likelihood_in_crop_units_has_its_true_value():
    sigma = torch.tensor([[[1 / 64, 0.0, 1 / 64]]], dtype=torch.float64)
    zero = torch.zeros(1, 1, 2, dtype=torch.float64)
    expected = math.log(2 * math.pi / 3) + 2 * math.log(1 / 64)
    assert float(laplacian_nll(zero, sigma, zero)) == pytest.approx(expected, abs=1e-5)


def test_gradients_agree_with_finite_differences_and_are_finite_at_zero_error():
    mean = torch.tensor([[[0.42, 0.51], [0.3, 0.8]]], dtype=torch.float64, requires_grad=True)
    factor = torch.tensor([[[0.05, 0.01, 0.03], [0.02, -0.03, 0.06]]], dtype=torch.float64, requires_grad=True)
    truth = torch.tensor([[[0.4, 0.55], [0.33, 0.7]]], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda m, f: laplacian_nll(m, f, truth), (mean, factor))
    assert torch.autograd.gradcheck(lambda m: distance(m, truth), (mean,))
    at_truth = truth.clone().requires_grad_()
    laplacian_nll(at_truth, factor, truth).sum().backward()
    assert torch.isfinite(at_truth.grad).all()
    assert torch.isfinite(factor.grad).all()


def test_the_heatmap_loss_is_smallest_where_the_truth_is():
    truth = torch.tensor([[[0.3125, 0.6875]]])
    line = (torch.arange(16) + 0.5) / 16
    losses = {}
    for row in range(16):
        for column in range(16):
            logits = -40 * ((line[None, :] - line[column]) ** 2 + (line[:, None] - line[row]) ** 2) * 16
            losses[row, column] = float(heatmap_cross_entropy(logits[None, None], truth, sigma=1.5))
    row, column = min(losses, key=losses.__getitem__)
    assert abs((row + 0.5) / 16 - 0.6875) <= 1 / 16
    assert abs((column + 0.5) / 16 - 0.3125) <= 1 / 16


def test_equation_4_is_a_mean_of_group_means_over_groups_with_labels():
    values = torch.tensor([[1.0, 3.0, 10.0, 7.0], [5.0, 7.0, 20.0, 9.0]])
    labeled = torch.tensor([[True, True, True, False], [True, False, True, False]])
    members = ((0, 1), (), (2,), (3,))
    weights = group_weights(group_counts(labeled, members), members)
    found = (values * weights)[labeled].sum()
    assert float(found) == pytest.approx(((1 + 3 + 5) / 3 + (10 + 20) / 2) / 2)


def test_a_batch_without_labels_has_weight_zero():
    nothing = torch.zeros(2, 3, dtype=torch.bool)
    assert group_weights(group_counts(nothing, ((0, 1, 2),)), ((0, 1, 2),)).tolist() == [0, 0, 0]
