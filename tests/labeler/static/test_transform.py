"""Moving, scaling and turning a shape (`transform.js`), in absolute numbers, by the node that Playwright brings."""

from __future__ import annotations

import json
import math
import subprocess
from pathlib import Path
from typing import Any

import playwright
import pytest

SCRIPT = Path(__file__).parents[3] / "labeler" / "static" / "canvas" / "transform.js"
NODE = Path(playwright.__file__).parent / "driver" / "node"

#: A right-angled triangle in a picture of 100 x 80.
TRIANGLE = {"1": {"x": 20, "y": 30}, "2": {"x": 60, "y": 30}, "3": {"x": 20, "y": 60}}
SIZE = [100, 80]


def ask(function: str, *arguments: Any) -> Any:
    call = f"m.{function}(...{json.dumps(arguments)})"
    program = f'import("{SCRIPT.as_uri()}").then((m) => console.log(JSON.stringify({call})))'
    done = subprocess.run([NODE, "-e", program], capture_output=True, text=True, timeout=60, check=True)
    return json.loads(done.stdout)


def places(answer: dict[str, dict[str, float]]) -> dict[str, tuple[float, float]]:
    return {key: (pytest.approx(at["x"], abs=1e-9), pytest.approx(at["y"], abs=1e-9)) for key, at in answer.items()}


def test_bounds():
    assert ask("bounds", TRIANGLE) == [20, 30, 40, 30]
    assert ask("bounds", {"7": {"x": 5, "y": 6}}) == [5, 6, 0, 0]
    assert ask("bounds", {}) is None


@pytest.mark.parametrize(
    ("by", "first"),
    [
        ((5, -7), (25, 23)),
        ((-100, 0), (0, 30)),  # the left edge stops the whole shape
        ((100, 100), (60, 50)),  # so do the right and the lower edge: x from 20..60 to 60..100, y from 30..60 to 50..80
    ],
)
def test_move(by: tuple[float, float], first: tuple[float, float]):
    x, y = first
    expected = {"1": (x, y), "2": (x + 40, y), "3": (x, y + 30)}
    assert places(ask("move", TRIANGLE, *by, SIZE)) == expected


def test_a_shape_outside_moves_back_in_but_no_further_out():
    outside = {"1": {"x": -10, "y": 10}, "2": {"x": 20, "y": 10}}
    assert places(ask("move", outside, -5, 0, SIZE)) == {"1": (-10, 10), "2": (20, 10)}
    assert places(ask("move", outside, 15, 0, SIZE)) == {"1": (5, 10), "2": (35, 10)}


@pytest.mark.parametrize(
    ("factor", "about", "expected"),
    [
        (2, (20, 30), {"1": (20, 30), "2": (20 + 200 / 3, 30), "3": (20, 80)}),  # y meets 80 at a factor of 5/3
        (0.5, (20, 30), {"1": (20, 30), "2": (40, 30), "3": (20, 45)}),
        (1.5, (60, 60), {"1": (0, 15), "2": (60, 15), "3": (0, 60)}),
        (9, (60, 60), {"1": (0, 15), "2": (60, 15), "3": (0, 60)}),  # x meets 0 at a factor of 1.5
    ],
)
def test_scale(factor: float, about: tuple[float, float], expected: dict[str, tuple[float, float]]):
    assert places(ask("scale", TRIANGLE, factor, about, SIZE)) == expected


def test_turn():
    quarter = ask("turn", TRIANGLE, math.pi / 2, (40, 40), SIZE)
    assert places(quarter) == {"1": (50, 20), "2": (50, 60), "3": (20, 20)}
    # A quarter about (20, 30) would take the third point to x = -10: the shape is pushed back by 10.
    pushed = ask("turn", TRIANGLE, math.pi / 2, (20, 30), SIZE)
    assert places(pushed) == {"1": (30, 30), "2": (30, 70), "3": (0, 30)}


def test_what_is_larger_than_the_picture_is_centerd_on_it():
    wide = {"1": {"x": 10, "y": 0}, "2": {"x": 10, "y": 80}, "3": {"x": 10, "y": 40}}
    turned = ask("turn", wide, math.pi / 2, (10, 40), [60, 80])
    assert places(turned) == {"1": (70, 40), "2": (-10, 40), "3": (30, 40)}


def test_a_single_point_has_no_size():
    one = {"4": {"x": 30, "y": 40}}
    assert places(ask("scale", one, 3, (30, 40), SIZE)) == {"4": (30, 40)}
    assert places(ask("turn", one, 1.0, (30, 40), SIZE)) == {"4": (30, 40)}
