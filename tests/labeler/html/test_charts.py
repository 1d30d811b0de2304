"""Line charts as SVG."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from labeler.html.charts import line_chart, ticks


@pytest.mark.parametrize(
    ("low", "high"), [(0.0, 1.0), (-5.3, -5.1), (0.0, 12345.0), (3.0, 3.0), (0.0, 0.0), (1e-7, 2e-7)]
)
def test_ticks_span_the_values_with_few_round_numbers(low: float, high: float) -> None:
    found = ticks(low, high)
    assert found[0] <= low
    assert found[-1] >= high
    assert 2 <= len(found) <= 7
    assert found == sorted(set(found))


def test_a_chart_is_sound_svg_with_axes_and_a_thinned_line() -> None:
    steps = list(range(1, 5001))
    svg = line_chart("Loss <b>", [("a", steps, [1 / s for s in steps])], x_label="step", y_label="loss")
    drawing = ElementTree.fromstring(svg)
    texts = ["".join(node.itertext()) for node in drawing.iter() if node.tag.endswith("text")]
    assert {"Loss <b>", "step", "loss", "4,000"} <= set(texts)
    [line] = [node for node in drawing.iter() if node.tag.endswith("polyline")]
    points = [tuple(map(float, pair.split(","))) for pair in line.attrib["points"].split()]
    assert 100 < len(points) <= 240
    assert all(44 <= x <= 368 and 30 <= y <= 174 for x, y in points)
    assert points[-1] == (368.0, pytest.approx(174, abs=0.1))


def test_steps_are_whole_numbers_and_long_numbers_fit() -> None:
    def words(xs: list[float], ys: list[float]) -> list[tuple[str, str, float]]:
        drawing = ElementTree.fromstring(line_chart("x", [("a", xs, ys)], x_label="x", y_label="y"))
        texts = [node for node in drawing.iter() if node.attrib.get("class") == "axis"]
        return [("".join(t.itertext()), t.attrib.get("text-anchor", ""), float(t.attrib["x"])) for t in texts]

    assert [said for said, anchor, _ in words([1, 2], [1, 2]) if anchor == "middle"] == ["0", "1", "2"]
    assert "0.5" in [said for said, anchor, _ in words([0.2, 1.5], [1, 2]) if anchor == "middle"]
    for ys in ([12.5368, 12.5371], [123456.0, 987654.0], [0.00012, 0.00031]):
        numbers = [(said, x) for said, anchor, x in words([1, 2], ys) if anchor == "end" and said not in "xy"]
        assert len(numbers) >= 2
        assert all(x - 7 * len(said) >= 0 for said, x in numbers), numbers


def test_a_chart_without_numbers_says_so() -> None:
    assert "no numbers yet" in line_chart("x", [("a", [1], [float("nan")])], x_label="s", y_label="l")


@pytest.mark.parametrize("slow", [True, False])
def test_the_label_of_a_vertical_line_keeps_away_from_the_curve(slow: bool) -> None:
    xs = [x / 10 for x in range(201)]
    ys = [min(100.0, 10 * x if slow else 500 * max(0.0, x - 2)) for x in xs]  # to 100 % within ten, or at once at two
    svg = line_chart("x", [("a", xs, ys)], x_label="x", y_label="y", upright=("you,\ntwice", 2.0))
    words = [node for node in ElementTree.fromstring(svg).iter() if node.attrib.get("class") == "upright"][1:]
    assert ["".join(node.itertext()) for node in words] == ["you,", "twice"]
    heights = [float(node.attrib["y"]) for node in words]
    assert heights == ([40, 54] if slow else [152, 166])
