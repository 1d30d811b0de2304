"""Styles redraw an image without moving anything."""

import time

import pytest
import torch

from mdmd.loading import stylize
from mdmd.loading.stylize import STYLES, stylized
from mdmd.synthetic.datasets import draw_source


def dice(seed: int = 0) -> stylize.Draw:
    generator = torch.Generator().manual_seed(seed)
    return lambda low, high: low + (high - low) * float(torch.rand((), generator=generator))


def step_picture(size: int = 64) -> torch.Tensor:
    """Dark on the left, bright on the right; the edge lies between columns 31 and 32."""
    picture = torch.full((3, size, size), 40, dtype=torch.uint8)
    picture[:, :, size // 2 :] = 210
    return picture


def drawn(size: int = 96) -> torch.Tensor:
    image, _, _ = draw_source(3, size)
    return torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8).view(size, size, 3).permute(2, 0, 1)


@pytest.mark.parametrize("name", STYLES)
def test_a_style_keeps_the_format_and_is_reproducible(name: str) -> None:
    picture = drawn()
    before = picture.clone()
    first, second = (STYLES[name](picture, dice(1)) for _ in range(2))
    assert first.dtype == torch.uint8
    assert first.shape == picture.shape
    assert torch.equal(first, second)
    assert torch.equal(picture, before), "the input was changed"


@pytest.mark.parametrize("name", STYLES)
def test_a_style_changes_the_picture_and_shows_something(name: str) -> None:
    found = STYLES[name](drawn(), dice(2))
    assert (found.float() - drawn().float()).abs().mean() > 0.5
    assert found.float().std() > 2


@pytest.mark.parametrize("value", [0, 128, 255])
@pytest.mark.parametrize("name", STYLES)
def test_an_image_of_one_color_is_stylized_without_errors(name: str, value: int) -> None:
    found = STYLES[name](torch.full((3, 32, 32), value, dtype=torch.uint8), dice(3))
    assert found.shape == (3, 32, 32)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("name", ["pencil", "ink", "cartoon", "relief"])
def test_lines_lie_where_the_edge_is(name: str, seed: int) -> None:
    """For any random numbers, the steepest column of the result is at the edge in the image."""
    bright = stylize.gray(STYLES[name](step_picture(), dice(seed)))
    steep = (bright[:, 1:] - bright[:, :-1]).abs().mean(0)
    assert 27 <= int(steep.argmax()) <= 36


def test_smooth_is_the_mean_of_a_box() -> None:
    values = torch.zeros(9, 9)
    values[4, 4] = 9.0
    found = stylize.smooth(values, 1)
    expected = torch.zeros(9, 9)
    expected[3:6, 3:6] = 1.0
    assert torch.allclose(found, expected, atol=1e-5)
    ramp = torch.arange(7.0).expand(7, 7)
    assert torch.allclose(stylize.smooth(ramp, 2)[3], torch.tensor([0.6, 1.2, 2.0, 3.0, 4.0, 4.8, 5.4]), atol=1e-5)


def test_slopes_of_a_ramp() -> None:
    right, down = stylize.slopes(torch.arange(5.0).expand(5, 5) * 2)
    assert right[2].tolist() == [1.0, 2.0, 2.0, 2.0, 1.0]
    assert down.abs().max() == 0


def test_linocut_has_two_tones_and_few_between() -> None:
    for seed in range(6):
        tone = stylize.full_range(stylize.gray(stylize.linocut(drawn(), dice(seed))))
        dark, bright = (tone < 0.02).float().mean(), (tone > 0.98).float().mean()
        assert dark + bright > 0.7
        assert min(dark, bright) > 0.1


def test_halftone_prints_more_ink_where_it_is_darker() -> None:
    for seed in range(5):
        bright = stylize.gray(stylize.halftone(step_picture(), dice(seed)))
        assert bright[:, :28].mean() < bright[:, 36:].mean() - 0.1


def test_paint_removes_a_dot_or_a_hole_and_keeps_a_wall() -> None:
    picture = step_picture()
    picture[:, 16, 16] = 255
    picture[:, 16, 48] = 0
    for seed in range(6):
        found = stylize.paint(picture, dice(seed))
        assert (found[0, 16, 16] == 40) != (found[0, 16, 48] == 210)  # an opening takes the one, a closing the other
        assert torch.equal(found[:, 40:, 10:54], step_picture()[:, 40:, 10:54])


def test_every_style_occurs() -> None:
    dice_now = dice(7)
    picture = drawn(32)
    seen = set()
    original = dict(STYLES)
    try:
        for name in original:
            STYLES[name] = lambda p, d, name=name: (seen.add(name), p)[1]
        for _ in range(200):
            stylized(picture, dice_now)
    finally:
        STYLES.update(original)
    assert seen == set(original)


@pytest.mark.slow
@pytest.mark.parametrize("name", STYLES)
def test_a_style_costs_less_than_two_milliseconds(name: str) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        picture, dice_now, taken = drawn(224), dice(), []
        for _ in range(30):
            began = time.perf_counter()
            STYLES[name](picture, dice_now)
            taken.append(time.perf_counter() - began)
    finally:
        torch.set_num_threads(threads)
    assert sorted(taken)[10] < 0.002
