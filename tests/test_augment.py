"""Points move with their pixels: a bright dot is found where `Warp.points` says it went."""

import pytest
import torch

from mdmd.augment import OPERATIONS, WARPS, random_photometry, random_warp, warp_pictures


def dotted(points, size):
    """A black picture with a Gaussian dot of three pixels at each of `points` (crop units), one channel each."""
    line = (torch.arange(size) + 0.5) / size
    along_x = torch.exp(-0.5 * ((line - points[:, :1]) * size / 3) ** 2)
    along_y = torch.exp(-0.5 * ((line - points[:, 1:]) * size / 3) ** 2)
    return (255 * along_y[:, :, None] * along_x[:, None, :]).to(torch.uint8)


def centroid(channel):
    weight = channel.double()
    line = (torch.arange(len(channel)) + 0.5) / len(channel)
    return torch.stack([(weight.sum(0) * line).sum(), (weight.sum(1) * line).sum()]) / weight.sum()


@pytest.mark.parametrize("strength", ["moderate", "strong"])
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_dot_lands_where_its_point_goes(strength, mirrored):
    generator = torch.Generator().manual_seed(4)
    points = torch.tensor([[0.45, 0.42], [0.55, 0.5], [0.5, 0.6]])
    count = 12
    warp = random_warp(count, WARPS[strength], torch.full((count,), mirrored), zoom=1.5, generator=generator)
    out = warp_pictures(dotted(points, 240).expand(count, -1, -1, -1), warp, 160)
    moved = warp.points(points.expand(count, -1, -1))
    checked = 0
    for k in range(count):
        for n in range(3):
            if ((moved[k, n] > 0.1) & (moved[k, n] < 0.9)).all():
                assert (centroid(out[k, n]) - moved[k, n]).abs().max() * 160 < 0.35
                checked += 1
    assert checked > 25


def test_without_ranges_the_warp_only_cuts_away_the_margin():
    warp = random_warp(1, WARPS["none"], torch.tensor([False]), zoom=1.5, generator=torch.Generator())
    moved = warp.points(torch.tensor([[[0.5, 0.5], [1 / 6, 5 / 6]]]))
    torch.testing.assert_close(moved, torch.tensor([[[0.5, 0.5], [0.0, 1.0]]]))


def test_a_mirrored_warp_swaps_the_sides():
    warp = random_warp(1, WARPS["none"], torch.tensor([True]), zoom=1.0, generator=torch.Generator())
    torch.testing.assert_close(warp.points(torch.tensor([[[0.2, 0.3]]])), torch.tensor([[[0.8, 0.3]]]))


def test_photometry_keeps_the_form_and_repeats_with_its_seed():
    pictures = (torch.rand(6, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 255).to(torch.uint8)
    first, again = (random_photometry(pictures, "strong", torch.Generator().manual_seed(9)) for _ in range(2))
    assert first.dtype == torch.uint8
    assert first.shape == pictures.shape
    assert torch.equal(first, again)
    assert not torch.equal(first, pictures)
    assert torch.equal(random_photometry(pictures, "none", torch.Generator()), pictures)


@pytest.mark.parametrize("name", list(OPERATIONS))
def test_every_operation_changes_a_picture_and_keeps_its_form(name):
    picture = (torch.rand(3, 24, 24, generator=torch.Generator().manual_seed(1)) * 120 + 60).to(torch.uint8)
    out = OPERATIONS[name](picture, lambda low, high: low + 0.2 * (high - low))
    assert out.shape == picture.shape
    assert out.dtype == torch.uint8
    assert not torch.equal(out, picture)
