"""Points move with their pixels: a bright dot is found at the place that `Warp.points` gives."""

import pytest
import torch

from mdmd.config import MIRRORED
from mdmd.loading.augment import (
    OPERATIONS,
    PAPER_OPERATIONS,
    PHOTOMETRY,
    WARPS,
    Warp,
    WarpRange,
    mirrored_share,
    random_photometry,
    random_warp,
    warp_pictures,
)
from tests.builders import MIDLINE, SMALL, UNPAIRED


def dotted(points, size):
    """A black picture with a Gaussian dot of two pixels at each of `points` (crop units), each in its own channel."""
    line = (torch.arange(size) + 0.5) / size
    along_x = torch.exp(-0.5 * ((line - points[:, :1]) * size / 2) ** 2)
    along_y = torch.exp(-0.5 * ((line - points[:, 1:]) * size / 2) ** 2)
    return (255 * along_y[:, :, None] * along_x[:, None, :]).to(torch.uint8)


def centroid(channel):
    weight = channel.double()
    line = (torch.arange(len(channel)) + 0.5) / len(channel)
    return torch.stack([(weight.sum(0) * line).sum(), (weight.sum(1) * line).sum()]) / weight.sum()


@pytest.mark.parametrize("strength", ["moderate", "drawn", "paper"])
def test_points_go_back_to_where_pixels_are_read_from(strength):
    generator = torch.Generator().manual_seed(4)
    warp = random_warp(8, WARPS[strength], torch.arange(8) % 2 == 0, zoom=1.5, generator=generator)
    places = warp.grid(200)[:, 20:180:8, 20:180:8].flatten(1, 2)
    line = (torch.arange(20, 180, 8) + 0.5) / 200
    y, x = torch.meshgrid(line, line, indexing="ij")
    expected = torch.stack([x, y], dim=-1).flatten(0, 1)
    assert (warp.points(places) - expected).abs().max() * 224 < 0.01


@pytest.mark.parametrize("strength", ["moderate", "drawn", "paper"])
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_dot_lands_where_its_point_goes(strength, mirrored):
    generator = torch.Generator().manual_seed(4)
    points = torch.tensor([[0.45, 0.42], [0.55, 0.5], [0.5, 0.6]])
    count = 12
    warp = random_warp(count, WARPS[strength], torch.full((count,), mirrored), zoom=1.5, generator=generator)
    out = warp_pictures(dotted(points, 480).expand(count, -1, -1, -1), warp, 320)
    moved = warp.points(points.expand(count, -1, -1))
    checked = 0
    for k in range(count):
        for n in range(3):
            if ((moved[k, n] > 0.1) & (moved[k, n] < 0.9)).all():
                assert (centroid(out[k, n]) - moved[k, n]).abs().max() * 320 < 0.35
                checked += 1
    assert checked > 25


@pytest.mark.parametrize("strength", ["none", "moderate", "paper"])
def test_a_policy_without_warps_skips_them(strength, monkeypatch):
    def refuse(*given, **named):
        raise AssertionError("a field of zeros was looked up")

    warp = random_warp(2, WARPS[strength], torch.tensor([False, True]), zoom=1.5, generator=torch.Generator())
    monkeypatch.setattr("torch.nn.functional.interpolate", refuse)
    monkeypatch.setattr("torch.nn.functional.grid_sample", refuse)
    places = warp.grid(40)[:, 10:30:4, 10:30:4].flatten(1, 2)
    assert torch.isfinite(warp.points(places)).all()


def test_without_ranges_the_warp_only_cuts_away_the_margin():
    warp = random_warp(1, WARPS["none"], torch.tensor([False]), zoom=1.5, generator=torch.Generator())
    moved = warp.points(torch.tensor([[[0.5, 0.5], [1 / 6, 5 / 6]]]))
    torch.testing.assert_close(moved, torch.tensor([[[0.5, 0.5], [0.0, 1.0]]]))


def test_a_mirrored_warp_swaps_the_sides():
    warp = random_warp(1, WARPS["none"], torch.tensor([True]), zoom=1.0, generator=torch.Generator())
    torch.testing.assert_close(warp.points(torch.tensor([[[0.2, 0.3]]])), torch.tensor([[[0.8, 0.3]]]))


def points_under(**ranges):
    """Four points at unit steps around the middle, under each of 50 random warps of one kind: (50, 4, 2), centered."""
    points = 0.5 + 0.1 * torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    generator = torch.Generator().manual_seed(5)
    warp = random_warp(50, WarpRange(**ranges), torch.zeros(50, dtype=torch.bool), zoom=1.0, generator=generator)
    return (warp.points(points.expand(50, -1, -1)) - 0.5) / 0.1


def test_rotation_turns_by_up_to_its_angle():
    moved = points_under(rotation=30.0)
    torch.testing.assert_close(moved.norm(dim=-1), torch.ones(50, 4))
    angle = torch.rad2deg(torch.atan2(moved[:, 0, 1], moved[:, 0, 0]))
    assert 25 < angle.abs().max() <= 30
    assert angle.min() < 0 < angle.max()


def test_scale_keeps_directions_and_changes_lengths_by_up_to_its_factor():
    moved = points_under(scale=0.25)
    torch.testing.assert_close(moved[:, 0, 1], torch.zeros(50), atol=1e-5, rtol=0)
    length = moved.norm(dim=-1)
    torch.testing.assert_close(length, length[:, :1].expand(-1, 4))
    assert 0.8 <= length.min() < 0.85
    assert 1.2 < length.max() <= 1.25


def test_translation_moves_all_points_alike():
    moved = points_under(shift=0.1) - points_under()
    torch.testing.assert_close(moved, moved[:, :1].expand(-1, 4, -1), atol=1e-5, rtol=0)
    assert 0.9 < moved.abs().max() <= 1.0


def test_shear_moves_rows_against_each_other_and_keeps_areas():
    moved = points_under(shear=15.0)
    torch.testing.assert_close(moved[:, 0], torch.tensor([1.0, 0.0]).expand(50, -1), atol=1e-5, rtol=0)
    torch.testing.assert_close(moved[:, 1, 1], torch.ones(50))
    slope = moved[:, 1, 0].abs()
    assert 0.2 < slope.max() <= 0.2680  # tan 15 degrees


@pytest.mark.parametrize(("which", "axis"), [(0, 1), (1, 0)])
def test_a_wave_bends_one_axis_along_the_other(which, axis):
    waves = torch.zeros(1, 2, 3)
    waves[..., 1] = 1.0
    waves[0, which, 0] = 0.05
    identity = torch.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    points = torch.tensor([[[0.25, 0.25], [0.75, 0.75], [0.5, 0.5]]])
    moved = Warp(identity, waves, torch.zeros(1, 2, 5, 5)).points(points) - points
    torch.testing.assert_close(moved[0, :, axis], torch.tensor([-0.05, 0.05, 0.0]), atol=1e-6, rtol=0)
    assert not moved[..., 1 - axis].any()


def test_the_paper_mirrors_no_face_and_every_policy_knows_its_operations():
    assert MIRRORED == {"none": 0.0, "moderate": 0.5, "drawn": 0.5, "paper": 0.0}
    assert WARPS.keys() == PHOTOMETRY.keys() == MIRRORED.keys()
    paper = WARPS["paper"]
    assert all(x > 0 for x in (paper.rotation, paper.wave, paper.shear, paper.scale, paper.shift))
    tone = {"equalize", "jitter", "solarize", "autocontrast", "posterize", "invert"}
    assert PAPER_OPERATIONS.keys() == tone | {"blur", "sharpness", "cutout"}


@pytest.mark.parametrize("policy", WARPS)
def test_every_policy_mirrors_only_definitions_that_can_be_mirrored(policy):
    assert mirrored_share(policy, SMALL) == mirrored_share(policy, MIDLINE) == MIRRORED[policy]
    assert mirrored_share(policy, UNPAIRED) == 0


def assert_close(found, expected, *, within):
    """Assert that images differ by at most `within` gray levels, because of rounding."""
    assert (found.int() - expected.int()).abs().max() <= within


def highest(low, high):
    return high


def lowest(low, high):
    return low


def two_tones(dark, bright):
    """A picture whose left half is `dark` and whose right half is `bright`, 16 pixels a side."""
    picture = torch.full((3, 16, 16), dark, dtype=torch.uint8)
    picture[:, :, 8:] = bright
    return picture


@pytest.mark.parametrize("operations", [OPERATIONS, PAPER_OPERATIONS])
def test_operations_do_what_their_names_say(operations):
    halves = two_tones(100, 150)
    assert torch.equal(operations["invert"](halves, lowest), two_tones(155, 105))
    assert_close(operations["autocontrast"](halves, lowest), two_tones(0, 255), within=1)
    ramp = torch.arange(100, 164, dtype=torch.uint8).expand(3, 64, 64)  # 64 gray levels, equally frequent
    even = torch.linspace(0, 255, 64).to(torch.uint8).expand(3, 64, 64)
    assert_close(operations["equalize"](ramp, lowest), even, within=16)
    blurred = operations["blur"](halves, highest)[0, 8].int()
    assert (blurred[1:] >= blurred[:-1]).all()
    assert 100 < blurred[7] < 125 < blurred[8] < 150
    assert blurred[0] == 100
    sharp = operations["sharpness"](halves, highest)[0, 8]
    soft = operations["sharpness"](halves, lowest)[0, 8]
    assert sharp[7] < 100 < soft[7]
    assert soft[8] < 150 < sharp[8]


def test_the_ends_of_the_papers_ranges():
    halves = two_tones(101, 230)
    assert torch.equal(PAPER_OPERATIONS["solarize"](halves, lambda low, high: 200.0), two_tones(101, 25))
    assert torch.equal(PAPER_OPERATIONS["posterize"](halves, lowest), two_tones(96, 224))  # 4 bits
    assert torch.equal(PAPER_OPERATIONS["posterize"](halves, lambda low, high: high - 1e-6), halves)  # 8 bits
    assert_close(PAPER_OPERATIONS["jitter"](two_tones(100, 100), lowest), two_tones(10, 10), within=2)
    red = torch.tensor([200, 50, 50], dtype=torch.uint8).view(3, 1, 1).expand(3, 8, 8)
    turned = PAPER_OPERATIONS["jitter"](red, lambda low, high: high if high < 0.5 else 1.0)[:, 0, 0]
    # a twentieth of the circle is 18 degrees, three tenths of the way from red to yellow
    assert turned.tolist() == pytest.approx([200, 95, 50], abs=2)


def test_cutout_paints_one_rectangle_of_one_gray():
    picture = torch.full((3, 100, 100), 7, dtype=torch.uint8)
    out = OPERATIONS["cutout"](picture, highest)
    assert int((out != 7).sum()) == 3 * 40 * 40
    assert (out[:, 60:, 60:] == 255).all()
    assert int((PAPER_OPERATIONS["cutout"](picture, highest) != 7).sum()) == 3 * 18 * 18


def test_gray_has_no_color():
    picture = torch.tensor([100, 200, 50], dtype=torch.uint8).view(3, 1, 1).expand(3, 4, 4)
    expected = round(0.2989 * 100 + 0.587 * 200 + 0.114 * 50)
    assert_close(OPERATIONS["gray"](picture, lowest), torch.full((3, 4, 4), expected), within=1)


@pytest.mark.parametrize("policy", ["moderate", "drawn", "paper"])
def test_photometry_keeps_the_shape_and_is_reproducible(policy):
    pictures = (torch.rand(6, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 255).to(torch.uint8)
    first, again = (random_photometry(pictures, policy, torch.Generator().manual_seed(9)) for _ in range(2))
    assert first.dtype == torch.uint8
    assert first.shape == pictures.shape
    assert torch.equal(first, again)
    assert not torch.equal(first, pictures)
    assert torch.equal(random_photometry(pictures, "none", torch.Generator()), pictures)
