"""Drawing tools: a supersampled canvas, soft shapes, gradients and textures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageFilter

Array = NDArray[np.float64]
Color = tuple[int, ...]

#: Images are drawn this many times larger and averaged down, which smooths their edges.
SUPERSAMPLING = 2
#: Blurred masks are this many times smaller than the canvas, which makes them fast and loses no detail.
COARSE = 4


def mix(a: ArrayLike, b: ArrayLike, share: float) -> Color:
    """The color that is `share` of the way from `a` to `b`."""
    blend = np.asarray(a, float)[:3] * (1 - share) + np.asarray(b, float)[:3] * share
    return tuple(int(v) for v in np.clip(blend.round(), 0, 255))


def shade(color: ArrayLike, factor: float) -> Color:
    """`color` darker (factor below 1) or lighter (above 1)."""
    return mix(color, (0, 0, 0), 1 - factor) if factor <= 1 else mix(color, (255, 255, 255), factor - 1)


def vary(rng: np.random.Generator, color: ArrayLike, spread: float = 12.0) -> Color:
    """A random color near `color`; brightness and hue differ by about `spread` of 255."""
    near = np.asarray(color, float) + rng.normal(0, spread) + rng.normal(0, spread / 2, 3)
    return tuple(int(v) for v in np.clip(near.round(), 0, 255))


def pick(rng: np.random.Generator, *choices):
    """One of `choices`, with equal probability."""
    return choices[int(rng.integers(len(choices)))]


def arc(
    cx: float,
    cy: float,
    rx: float,
    ry: float | None = None,
    start: float = 0,
    stop: float = 360,
    steps: int = 36,
    tilt: float = 0,
) -> Array:
    """Points (steps + 1, 2) on an ellipse turned by `tilt`; degrees, clockwise on the screen from the right."""
    t = np.radians(np.linspace(start, stop, steps + 1))
    x, y = rx * np.cos(t), (rx if ry is None else ry) * np.sin(t)
    c, s = np.cos(np.radians(tilt)), np.sin(np.radians(tilt))
    return np.stack([cx + x * c - y * s, cy + x * s + y * c], axis=1)


def disc(center: ArrayLike, rx: float, ry: float | None = None, steps: int = 36) -> Array:
    """A whole ellipse about a center (2,)."""
    x, y = np.asarray(center, float)
    return arc(float(x), float(y), rx, ry, steps=steps)


def moved(points: ArrayLike, x: float, y: float) -> Array:
    """`points` (K, 2) shifted by (`x`, `y`)."""
    return np.asarray(points, float) + np.array([x, y])


def rectangle(x0: float, y0: float, x1: float, y1: float, radius: float = 0.0) -> Array:
    """The outline of a rectangle with corners rounded by `radius`."""
    if radius <= 0:
        return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], float)
    r = min(radius, (x1 - x0) / 2, (y1 - y0) / 2)
    corners = ((x1 - r, y1 - r, 0), (x0 + r, y1 - r, 90), (x0 + r, y0 + r, 180), (x1 - r, y0 + r, 270))
    return np.concatenate([arc(x, y, r, start=a, stop=a + 90, steps=6) for x, y, a in corners])


def smooth(knots: ArrayLike, *, closed: bool = False, steps: int = 8) -> Array:
    """A Catmull-Rom curve through `knots` (K, 2); every `steps`-th point is a knot."""
    p = np.asarray(knots, float)
    k = len(p)
    around = np.concatenate([p[-1:], p, p[:2]]) if closed else np.concatenate([p[:1], p, p[-1:]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    pieces = []
    for i in range(k if closed else k - 1):
        a, b, c, d = around[i : i + 4]
        pieces.append(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3))
    return np.concatenate(pieces if closed else [*pieces, p[-1:]])


def noise(rng: np.random.Generator, width: int, height: int, cells: tuple[float, float]) -> Image.Image:
    """Smooth gray noise (mode L, mean about 128); `cells` is the number of lumps across and down."""
    across, down = (max(2, round(c)) for c in cells)
    grid = rng.integers(0, 256, (min(down, height), min(across, width)), dtype=np.uint8)
    return Image.fromarray(grid).resize((width, height), Image.Resampling.BICUBIC)


class Canvas:
    """An image being drawn. Shapes are in the units of the canvas, which `to_pixels` (3, 3) transforms to pixels.

    Colors are RGB, or RGBA for transparent paint.
    """

    def __init__(self, backdrop: Image.Image, to_pixels: ArrayLike | None = None) -> None:
        self.image = backdrop
        self.size = backdrop.width // SUPERSAMPLING
        self._plain = to_pixels is None
        self.to_pixels = np.eye(3) if to_pixels is None else np.asarray(to_pixels, float)
        self._draw = ImageDraw.Draw(self.image, "RGBA")

    def place(self, points: ArrayLike) -> Array:
        """`points` (K, 2), in units of the canvas, in pixels of the finished image."""
        p = np.asarray(points, float)
        if self._plain:
            return p
        mapped = p @ self.to_pixels[:, :2].T + self.to_pixels[:, 2]
        return mapped[:, :2] / mapped[:, 2:]

    @cached_property
    def unit(self) -> float:
        """The length of one unit at the origin, in pixels of the finished image."""
        x, y, o = self.place([(0.01, 0), (0, 0.01), (0, 0)])
        return float(np.sqrt(abs(np.linalg.det(np.stack([x - o, y - o])))) / 0.01)

    def _dots(self, points: ArrayLike) -> list[tuple[float, float]]:
        return [(x, y) for x, y in (self.place(points) * SUPERSAMPLING).tolist()]

    def fill(self, points: ArrayLike, color: Color, *, ink: Color | None = None, width: float = 0.0) -> None:
        """Fill a polygon; with `ink`, add an outline `width` units wide."""
        dots = self._dots(points)
        self._draw.polygon(dots, fill=color)
        if ink is not None:
            self.line(np.concatenate([np.asarray(points, float), np.asarray(points, float)[:1]]), ink, width)

    def line(self, points: ArrayLike, color: Color, width: float) -> None:
        """Draw a polyline `width` units wide with round ends."""
        dots = self._dots(points)
        thick = max(1.0, width * self.unit * SUPERSAMPLING)
        self._draw.line(dots, fill=color, width=round(thick), joint="curve" if thick > 3 else None)
        if thick > 3 and (len(color) == 3 or color[3] == 255):
            r = thick / 2 - 0.5
            for x, y in (dots[0], dots[-1]):
                self._draw.ellipse((x - r, y - r, x + r, y + r), fill=color)

    def ribbon(self, points: ArrayLike, widths: ArrayLike, color: Color) -> None:
        """Draw a stroke along `points` (K, 2) with the full widths `widths` (K,) in units: hairs, brows, branches."""
        p = np.asarray(points, float)
        along = np.gradient(p, axis=0)
        across = np.stack([-along[:, 1], along[:, 0]], axis=1) / (np.hypot(*along.T)[:, None] + 1e-9)
        half = across * (np.asarray(widths, float) / 2)[:, None]
        self.fill(np.concatenate([p + half, (p - half)[::-1]]), color)

    def mask(self, points: ArrayLike, blur: float = 0.0) -> tuple[Image.Image, tuple[int, int]] | None:
        """A polygon's coverage (mode L) and the position of its corner on the canvas; None if it is outside the image.

        `blur` is the softness of the edge in units.
        """
        dots = np.array(self._dots(points))
        radius = blur * self.unit * SUPERSAMPLING
        low = np.floor(np.maximum(dots.min(axis=0) - 2 * radius, 0)).astype(int)
        high = np.ceil(np.minimum(dots.max(axis=0) + 2 * radius + 1, self.image.size)).astype(int)
        width, height = (int(v) for v in high - low)
        if width < 1 or height < 1:
            return None
        grain = COARSE if radius > COARSE else 1
        cover = Image.new("L", (-(-width // grain), -(-height // grain)))
        ImageDraw.Draw(cover).polygon([(x, y) for x, y in ((dots - low) / grain).tolist()], fill=255)
        if radius > 0:
            cover = cover.filter(ImageFilter.GaussianBlur(radius / grain))
        if grain > 1:
            cover = cover.resize((width, height), Image.Resampling.BILINEAR)
        return cover, (int(low[0]), int(low[1]))

    @contextmanager
    def within(self, points: ArrayLike) -> Iterator[None]:
        """Clip everything that is drawn inside the `with` to this polygon."""
        before = self.image.copy()
        yield
        outside = Image.new("L", self.image.size, 255)
        ImageDraw.Draw(outside).polygon(self._dots(points), fill=0)
        self.image.paste(before, (0, 0), outside)

    def soft(self, points: ArrayLike, color: Color, blur: float) -> None:
        """Fill a polygon with an edge blurred by `blur` units: shadows, highlights, blush."""
        made = self.mask(points, blur)
        if made is None:
            return
        cover, corner = made
        if len(color) == 4:
            opacity = color[3]
            cover = cover.point([v * opacity // 255 for v in range(256)])
        self.image.paste(color[:3], (*corner, corner[0] + cover.width, corner[1] + cover.height), cover)

    def gradient(self, points: ArrayLike, colors: Sequence[Color], angle: float = 90.0) -> None:
        """Fill a polygon from the first of `colors` to the last along `angle` (degrees; 90 is downward)."""
        made = self.mask(points)
        if made is None:
            return
        cover, corner = made
        w, h = cover.size
        dx, dy = np.cos(np.radians(angle)), np.sin(np.radians(angle))
        ramp = np.linspace(-1, 1, 24)[None, :] * dx + np.linspace(-1, 1, 24)[:, None] * dy
        ramp = (ramp - ramp.min()) / (np.ptp(ramp) + 1e-9)
        stops = np.linspace(0, 1, len(colors))
        table = np.stack([np.interp(ramp, stops, [c[k] for c in colors]) for k in range(3)], axis=2)
        paint = Image.fromarray(table.astype(np.uint8)).resize((w, h), Image.Resampling.BILINEAR)
        self.image.paste(paint, corner, cover)

    def texture(
        self, rng: np.random.Generator, points: ArrayLike, strength: float, cells: tuple[float, float] = (40, 40)
    ) -> None:
        """Add light and dark lumps to a polygon; a `strength` of 1 reaches black, `cells` is lumps across and down."""
        made = self.mask(points)
        if made is None:
            return
        cover, corner = made
        lumps = noise(rng, cover.width, cover.height, cells)
        for color, table in (((0, 0, 0), range(255, -1, -1)), ((255, 255, 255), range(256))):
            alpha = [int(max(0, v - 128) * 2 * strength) for v in table]
            self.image.paste(color, corner, Image.composite(lumps.point(alpha), Image.new("L", cover.size), cover))

    def finish(self) -> Image.Image:
        """The image at its final size."""
        return self.image.reduce(SUPERSAMPLING)


def backdrop(size: int, image: Image.Image) -> Image.Image:
    """`image`, of any size, scaled as the background of a canvas for images of `size` pixels."""
    full = size * SUPERSAMPLING
    return image.convert("RGB").resize((full, full), Image.Resampling.BILINEAR)


def jittered(rng: np.random.Generator, points: ArrayLike, amount: float) -> Array:
    """`points` moved by smooth random offsets of about `amount`, like a hand-drawn line."""
    p = np.asarray(points, float)
    knots = rng.normal(0, amount, (max(3, len(p) // 8), 2))
    t = np.linspace(0, len(knots) - 1, len(p))
    return p + np.stack([np.interp(t, np.arange(len(knots)), knots[:, k]) for k in (0, 1)], axis=1)
