"""The colors of both themes can be read: WCAG 2.2 asks 4.5 to 1 of text and 3 to 1 of what shows a control."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

STATIC = Path(__file__).parents[3] / "labeler" / "static"
GROUNDS = ("surface", "raised", "sunken", "accent-soft")
#: Text -> what it is written on.
TEXTS = {
    **dict.fromkeys(("ink", "ink-soft", "good", "warn", "bad", "accent"), GROUNDS),
    "accent-ink": ("accent",),
    "plate-ink": ("done", "refused", "failed", "stage"),
    "doubt-ink": ("doubt",),
    **dict.fromkeys(("curve1", "curve2", "curve3"), ("surface", "raised")),
}
#: Edges and fills that show a control or how far something is -> what lies beside.
SHAPES = {"edge": ("surface", "raised"), "accent": ("line", "sunken"), "doubt": ("stage",)}


def themes() -> dict[str, dict[str, str]]:
    """Light and dark: token -> #rrggbb, as tokens.css says."""
    text = (STATIC / "shell" / "tokens.css").read_text(encoding="utf-8")
    blocks = {
        name: re.search(rf"^{name} {{(.*?)^}}", text, re.DOTALL | re.MULTILINE) for name in (":root", "body.dark")
    }
    light, dark = (dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block[1])) for block in blocks.values() if block)
    return {"light": light, "dark": light | dark}


def luminance(color: str) -> float:
    shares = [int(color[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return sum(weight * share for weight, share in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_that_of_the_standard():
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.005)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("wanted", "pairs"), [(4.5, TEXTS), (3.0, SHAPES)], ids=["text", "shapes"])
def test_the_colors_of_a_theme_can_be_told_apart(theme: str, wanted: float, pairs: dict[str, tuple[str, ...]]):
    tokens = themes()[theme]
    found = {(a, b): contrast(tokens[a], tokens[b]) for a, grounds in pairs.items() for b in grounds}
    assert {pair: round(value, 2) for pair, value in found.items() if value < wanted} == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_marks_of_groups_are_outlined_in_the_lists(theme: str):
    """Some colors of groups are near white or near black: their outline shows them on every ground."""
    tokens = themes()[theme]
    assert min(contrast(tokens["ink-soft"], tokens[ground]) for ground in GROUNDS) >= 3
    text = (STATIC / "face" / "workbench.css").read_text(encoding="utf-8")
    blocks = re.findall(r"^(\.canvas-root [^{}]*\.(?:chip|mark)) {(.*?)^}", text, re.DOTALL | re.MULTILINE)
    colored = {name: block for name, block in blocks if name.endswith(".chip") or "var(--color)" in block}
    assert len(colored) == 4, "the chip of a group; the marks of visible, hidden and predicted points"
    for name, block in colored.items():
        assert re.search(r"(border: 1px solid|box-shadow: 0 0 0 1px) var\(--ink-soft\)", block), name


def test_colors_are_tokens():
    """No style sheet writes a color of its own, but for shadows and lines on pictures, which are black and white."""
    found = []
    for path in sorted(STATIC.rglob("*.css")):
        for line in path.read_text(encoding="utf-8").splitlines():
            if re.search(r"#[0-9a-f]{3,8}\b", line) and not re.match(r"  --[\w-]+:", line):
                found.append(f"{path.name}: {line.strip()}")
    assert found == ["schema.css: fill: #10141b;"]  # the numbers on the face of the groups, on white in both themes
