"""Small line charts as SVG, drawn on the server: axes with units, legible in light and dark.

Written by hand: a plotting library would be a large dependency, and its pictures would not follow the page's colors.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup

from labeler.html.markup import text

WIDTH, HEIGHT = 380, 210
#: The least width for the numbers of the y axis, in units of the viewBox; longer numbers get more.
LEFT = 44
RIGHT, TOP, BOTTOM = 12, 30, 36
#: The largest width of a letter and the distance between two lines of text.
LETTER, LINE = 7, 14
#: More points than this cannot be told apart at this size.
MOST_POINTS = 240

Series = tuple[str, Sequence[float], Sequence[float]]


def line_chart(
    title: str,
    series: Sequence[Series],
    *,
    x_label: str,
    y_label: str,
    from_zero: bool = False,
    band: tuple[Sequence[float], Sequence[float], Sequence[float]] | None = None,
    upright: tuple[str, float] | None = None,
    up_to: float | None = None,
) -> Markup:
    """An SVG of `series` (name, x values, y values). Points that are not finite are left out.

    The y axis reaches at least `up_to`, and begins at 0 with `from_zero`. `band` (x values, lowest, highest) is an
    interval, shaded behind the first line. `upright` (label, which may have several lines, and x) is a dashed vertical
    line; it is left out where x lies outside of the axis.
    """
    clean = [(name, *_finite(xs, ys)) for name, xs, ys in series]
    clean = [(name, xs, ys) for name, xs, ys in clean if xs]
    head = (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{text(title)}">'
        f'<text class="title" x="2" y="16">{text(title)}</text>'
    )
    if not clean:
        middle = f'x="{WIDTH / 2}" y="{HEIGHT / 2}" text-anchor="middle"'
        return Markup(f'{head}<text class="axis" {middle}>no numbers yet</text></svg>')
    all_x = [x for _, xs, _ in clean for x in xs]
    edges = [(*_finite(band[0], band[1]), *_finite(band[0], band[2]))] if band else []
    all_y = [y for _, _, ys in clean for y in ys] + [y for _, low, _, high in edges for y in (*low, *high)]
    all_y += [] if up_to is None else [up_to]
    x_low, x_high = min(0.0, *all_x), max(all_x)
    x_high = x_high if x_high > x_low else x_low + 1
    x_ticks = [value for value in ticks(x_low, x_high) if x_low <= value <= x_high]
    if all(x.is_integer() for x in all_x):  # steps and faces come in whole numbers
        x_ticks = [value for value in x_ticks if value.is_integer()]
    y_ticks = ticks(min([0.0, *all_y] if from_zero else all_y), max(all_y))
    left = max(LEFT, 10 + LETTER * max(len(_number(value)) for value in y_ticks))

    def at(x: float, y: float) -> tuple[float, float]:
        across = (x - x_low) / (x_high - x_low)
        up = (y - y_ticks[0]) / (y_ticks[-1] - y_ticks[0])
        return left + across * (WIDTH - left - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    parts = [head]
    for value in y_ticks:
        _, y = at(x_low, value)
        parts.append(f'<line class="grid" x1="{left}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="axis" x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{_number(value)}</text>')
    for value in x_ticks:
        x, _ = at(value, y_ticks[0])
        parts.append(
            f'<text class="axis" x="{x:.1f}" y="{HEIGHT - BOTTOM + 15}" text-anchor="middle">{_number(value)}</text>'
        )
    parts.append(f'<text class="axis" x="{WIDTH - RIGHT}" y="{HEIGHT - 4}" text-anchor="end">{text(x_label)}</text>')
    parts.append(f'<text class="axis" x="{WIDTH - RIGHT}" y="16" text-anchor="end">{text(y_label)}</text>')
    for low_x, low, high_x, high in edges:
        around = [*zip(low_x, low, strict=True), *reversed([*zip(high_x, high, strict=True)])]
        outline = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(*point) for point in around))
        parts.append(f'<polygon class="band" points="{outline}"/>')
    drawn: list[tuple[float, float]] = []
    for k, (name, xs, ys) in enumerate(clean):
        places = [at(x, y) for x, y in zip(xs, ys, strict=True)]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline class="line line{k % 4}" points="{line}"/>')
        drawn += places
        if len(places) <= 20:
            parts += [f'<circle class="dot line{k % 4}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in places]
        if len(clean) > 1:
            parts.append(f'<text class="name line{k % 4}" x="{left + 100 * k}" y="{HEIGHT - 4}">{text(name)}</text>')
    if upright and x_low <= upright[1] <= x_high:
        x, _ = at(upright[1], y_ticks[0])
        parts.append(f'<line class="upright" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>')
        parts += _beside(x, upright[0].splitlines(), drawn)
    return Markup("".join(parts) + "</svg>")


def _beside(x: float, words: Sequence[str], drawn: Sequence[tuple[float, float]]) -> list[str]:
    """The label `words` beside a vertical line at `x`, at the end of it that is farther from the points `drawn`."""
    left = x < WIDTH / 2
    side = f'x="{x + 5:.1f}"' if left else f'x="{x - 5:.1f}" text-anchor="end"'
    reach = 5 + LETTER * max(map(len, words))
    near = [there for across, there in drawn if 0 <= (across - x if left else x - across) <= reach]
    places = [
        [top + LINE * k for k in range(len(words))] for top in (TOP + 10, HEIGHT - BOTTOM - 8 - LINE * (len(words) - 1))
    ]
    best = max(places, key=lambda lines: min((abs(y - 4 - there) for y in lines for there in near), default=HEIGHT))
    return [f'<text class="upright" {side} y="{y}">{text(line)}</text>' for line, y in zip(words, best, strict=True)]


def _finite(xs: Sequence[float], ys: Sequence[float]) -> tuple[list[float], list[float]]:
    """The finite points, thinned to what the chart can show; the last one always stays."""
    points = [(float(x), float(y)) for x, y in zip(xs, ys, strict=True) if math.isfinite(x) and math.isfinite(y)]
    step = max(1, math.ceil(len(points) / MOST_POINTS))
    kept = points[::-1][::step][::-1]
    return [x for x, _ in kept], [y for _, y in kept]


def ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Round numbers that span [low, high] in about `about` steps; at least two, even for a single value.

    A range of less than a thousandth of the values counts as a single value: its ticks would need six digits.
    """
    if high - low < 1e-3 * max(abs(low), abs(high), 1e-9):
        low, high = (low - 0.5, high + 0.5) if low else (0.0, 1.0)
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(k * step, 10) for k in range(first, last + 1)]


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:g}"
