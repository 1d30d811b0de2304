"""What `definition.js` repeats of the method, and what it says of its colors."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from mdmd.data.definition import GROUPS

SCRIPT = (Path(__file__).parents[3] / "labeler" / "static" / "shell" / "definition.js").read_text(encoding="utf-8")

#: What the three kinds of color-blind eyes make of linear RGB (Machado, Oliveira and Fernandes 2009, severity 1).
EYES = {
    "normal": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
#: Linear sRGB to XYZ (IEC 61966-2-1); the rows sum to its white, D65.
XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


def strings(name: str) -> list[str]:
    """The strings in the script's constant `name`, which is a string or a list of them."""
    found = re.search(rf"^export const {name} = (.*?);", SCRIPT, flags=re.DOTALL | re.MULTILINE)
    assert found, f"definition.js has no constant {name}"
    return re.findall(r'"([^"]*)"', found[1])


def linear(colors: list[str]) -> np.ndarray:
    """Linear RGB (K, 3) of "#rrggbb"."""
    rgb = np.array([[int(color[k : k + 2], 16) / 255 for k in (1, 3, 5)] for color in colors])
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def cielab(rgb: np.ndarray) -> np.ndarray:
    """CIELAB (K, 3) under D65 of linear RGB (K, 3)."""
    xyz = rgb.clip(0, 1) @ XYZ.T / XYZ.sum(axis=1)
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)


def test_cielab_of_white_black_and_red():
    expected = [[100, 0, 0], [0, 0, 0], [53.24, 80.09, 67.20]]
    assert cielab(linear(["#ffffff", "#000000", "#ff0000"])) == pytest.approx(np.array(expected), abs=0.01)


def test_the_groups_are_those_of_the_method():
    assert tuple(strings("GROUPS")) == GROUPS
    assert len(strings("COLORS")) == len(GROUPS)


@pytest.mark.parametrize("eyes", EYES)
def test_any_two_colors_are_told_apart(eyes: str):
    colors = [*strings("COLORS"), *strings("DOUBT")]
    seen = cielab(linear(colors) @ np.array(EYES[eyes]).T)
    apart = {(colors[a], colors[b]): np.linalg.norm(seen[a] - seen[b]) for a, b in combinations(range(13), 2)}
    assert {pair: distance for pair, distance in apart.items() if distance < 20} == {}
