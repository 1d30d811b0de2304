"""Paint the heads of animals, part by part from back to front.

Parts are curves through the points of a head, so each landmark is a coordinate used for the painting.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from mdmd.synthetic.animal_head import LEFT, RIGHT, SPECIES, AnimalHead, Species, by
from mdmd.synthetic.background import behind_portrait
from mdmd.synthetic.canvas import Array, Canvas, Color, backdrop, jittered, mix, pick, shade, smooth, vary
from mdmd.synthetic.portrait import finished
from mdmd.synthetic.style import PAPERS


@dataclass(frozen=True, eq=False)
class AnimalLook:
    """Manner ("photo", "cartoon", "line" or "pencil") and colors of one painting."""

    manner: str
    coat: Color
    mark: Color
    iris: Color
    nose: Color
    paper: Color
    ink: Color | None

    @classmethod
    def sample(cls, rng: np.random.Generator, species: Species) -> AnimalLook:
        manner = str(rng.choice(["photo", "cartoon", "line", "pencil"], p=[0.6, 0.2, 0.09, 0.11]))
        fancy = manner == "cartoon" and rng.uniform() < 0.25
        coat = vary(rng, rng.integers(40, 240, 3) if fancy else pick(rng, *species.coats), 12)
        return cls(
            manner=manner,
            coat=mix(coat, (255, 255, 255), 0.5) if manner == "pencil" else coat,
            mark=mix(coat, pick(rng, (250, 246, 240), (30, 26, 24), (150, 100, 60)), rng.uniform(0.2, 0.9)),
            iris=vary(rng, pick(rng, *species.irises), 8),
            nose=pick(rng, (30, 24, 24), (60, 40, 36), (196, 130, 126), (120, 80, 76)),
            paper=vary(rng, pick(rng, *PAPERS), 5),
            ink={"photo": None, "cartoon": mix((20, 14, 20), coat, 0.15), "line": (28, 26, 34), "pencil": None}[manner],
        )

    def paint(self, color: ArrayLike) -> Color:
        """`color` in this manner; line art uses the color of the paper."""
        return mix(color, self.paper, 0.94) if self.manner == "line" else mix(color, (0, 0, 0), 0)


def paint_animal(
    rng: np.random.Generator, size: int, name: str | None = None
) -> tuple[Image.Image, Array, NDArray[np.bool_], str]:
    """A drawn animal's head of `size` x `size` pixels, its points (18, 2), which of them there are, and the species."""
    name = str(pick(rng, *SPECIES)) if name is None else name
    head = AnimalHead(rng, name, size)
    look = AnimalLook.sample(rng, head.kind)
    plain = look.manner == "line" or (look.manner == "cartoon" and rng.uniform() < 0.4)
    canvas = Canvas(backdrop(size, Image.new("RGB", (2, 2), look.paper) if plain else behind_portrait(rng, size)))
    _Painter(head, look, canvas, rng).paint()
    points, there = head.landmarks()
    image, points = finished(rng, canvas, points, look.manner, look.paper)
    return image, points, there, name


@dataclass(frozen=True)
class _Painter:
    head: AnimalHead
    look: AnimalLook
    canvas: Canvas
    rng: np.random.Generator

    def paint(self) -> None:
        """All parts from back to front."""
        hanging = self.head.name == "dog"
        self._neck()
        if not hanging:
            self._ears()
        self._solid(self.head.rings(), self.look.coat)
        self._coat()
        if hanging:
            self._ears()
        for side in (LEFT, RIGHT):
            self._eye(side)
        if self.head.name == "bird of prey":
            self._beak()
        else:
            self._solid(self.head.snout(), mix(self.look.coat, self.look.mark, 0.6))
            self._mouth()
            self._nose()
        if self.head.name in ("cat", "dog") and self.rng.uniform() < 0.8:
            self._whiskers()

    @property
    def soft(self) -> bool:
        return self.look.manner in ("photo", "pencil")

    def _fill(self, points: Array, color: ArrayLike, width: float = 0.02) -> None:
        self.canvas.fill(points, self.look.paint(color))
        self._edge(np.concatenate([points, points[:1]]), width)

    def _edge(self, points: Array, width: float = 0.02) -> None:
        if self.look.ink is not None:
            wobble = 0.006 * self.head.unit if self.look.manner == "line" else 0.0
            self.canvas.line(jittered(self.rng, points, wobble), self.look.ink, width * self.head.unit)

    def _solid(self, rings: list[Array], color: Color) -> None:
        """A body of cross-sections; what ink is left of their outlines is the outline of the whole."""
        for ring in rings:
            self._edge(np.concatenate([ring, ring[:1]]), 0.05)
        for k, ring in enumerate(rings):
            self.canvas.fill(ring, self.look.paint(shade(color, 0.82 + 0.2 * k / len(rings)) if self.soft else color))

    def _neck(self) -> None:
        head = self.head
        wide, low = self.rng.uniform(0.7, 1.5), head.height * 0.5
        half = np.array([(0.6, low), (wide, low + 0.8), (wide * 1.3, low + 4)])
        outline = np.concatenate([half, half[::-1] * (-1, 1)])
        self._fill(head.at(np.column_stack([outline, np.full(len(outline), -0.8)])), shade(self.look.coat, 0.75))

    def _ears(self) -> None:
        if self.head.ears is None:
            return
        for outer, tip, inner in self.head.ears:
            middle = (outer + inner) / 2
            if self.head.kind.round:
                t = np.radians(np.arange(0, 360, 15))[:, None]
                knots = middle + np.cos(t) * (tip - middle) + np.sin(t) * (inner - outer) * 0.75
            else:
                bulge = 0.12 * (outer - inner)
                knots = smooth([outer, (outer + tip) / 2 + bulge, tip, (inner + tip) / 2 - bulge, inner, middle][:5])
            self._fill(self.head.at(knots), shade(self.look.coat, 0.85))
            center = knots.mean(axis=0)
            lining = mix(self.look.mark, (214, 150, 140), 0.5)
            self.canvas.fill(self.head.at(center + 0.6 * (knots - center)), self.look.paint(lining))

    def _coat(self) -> None:
        """Light, marks, and hairs on the skull."""
        head, rng, canvas = self.head, self.rng, self.canvas
        middle = head.rings()[4]
        with canvas.within(middle):
            if self.soft:
                spot = head.at(head.on_head(rng.uniform(-0.5, 0.5), rng.uniform(-0.7, -0.2)))
                canvas.soft(
                    spot + (middle - middle.mean(axis=0)) * 0.5, (*shade(self.look.coat, 1.25), 150), 0.3 * head.unit
                )
            for _ in range(int(rng.integers(0, 5))):
                x, y = rng.uniform(-0.8, 0.8), rng.uniform(-0.9, 0.7) * head.height
                patch = (middle - middle.mean(axis=0)) * rng.uniform(0.1, 0.4, 2) + head.at(head.on_head(x, y))
                canvas.fill(patch, self.look.paint(self.look.mark))
            if head.name == "cat" and rng.uniform() < 0.5:
                for x in np.linspace(-0.45, 0.45, 5):
                    stripe = head.at(head.on_head([x, x * 0.7, x * 0.6], [-0.85, -0.6, -0.38]))
                    canvas.line(stripe, shade(self.look.paint(self.look.coat), 0.6), 0.05 * head.unit)
        if self.look.manner == "line":
            return
        for _ in range(int(rng.integers(40, 160))):
            x, y = rng.uniform(-0.95, 0.95), rng.uniform(-0.95, 0.95) * head.height
            if abs(x) < head.width(y):
                start = head.at(head.on_head(x, y))
                way = (start - middle.mean(axis=0)) / head.unit
                curl = rng.normal(0, 0.06, 2) if head.name == "sheep" else rng.normal(0, 0.02, 2)
                hair = np.stack([start, start + (0.09 * way + curl) * head.unit])
                canvas.line(hair, (*shade(self.look.coat, rng.uniform(0.6, 1.3)), 140), 0.012 * head.unit)

    def _eye(self, side: int) -> None:
        head, canvas = self.head, self.canvas
        outline = head.at(head.eye_outline(side))
        middle, span = outline.mean(axis=0), np.ptp(outline, axis=0)
        if self.soft:
            canvas.soft(middle + 1.35 * (outline - middle), (*shade(self.look.coat, 0.45), 150), 0.05 * head.unit)
        self._fill(outline, self.look.iris if head.name in ("cat", "bird of prey") else (238, 234, 228), 0.03)
        if not head.closed:
            around = np.stack([np.cos(t := np.radians(np.arange(0, 360, 20))), np.sin(t)], axis=1)
            gaze = middle + self.rng.normal(0, 0.04, 2) * span
            size = 0.5 * max(span[1], 0.6 * span[0])
            with canvas.within(outline):
                canvas.fill(gaze + around * size, self.look.paint(self.look.iris))
                shape = {"slit": (0.28, 0.95), "round": (0.55, 0.55), "bar": (0.8, 0.35)}[head.kind.pupil]
                canvas.fill(gaze + around * size * shape, (14, 12, 12))
                canvas.fill(gaze - 0.3 * size + around * size * 0.16, (250, 250, 250))
        upper = np.concatenate([outline[:13]])
        canvas.line(upper, self.look.ink or (*shade(self.look.coat, 0.25), 220), 0.03 * head.unit)

    def _nose(self) -> None:
        head = self.head
        left, right, low = head.nose_corners()
        top = head.on_head(0.0, head.nose_y - 0.3 * head.nose_height)
        outline = smooth(
            np.stack([left, (left + top) / 2 - by(0, 0.02, 0), top, (right + top) / 2 - by(0, 0.02, 0), right, low]),
            closed=True,
        )
        self._fill(head.at(outline), self.look.nose)
        for nostril in (left * 0.5 + low * 0.5, right * 0.5 + low * 0.5):
            spot = (
                head.at(nostril) + np.stack([np.cos(t := np.linspace(0, 6.28, 12)), np.sin(t)], 1) * 0.025 * head.unit
            )
            self.canvas.fill(spot, (16, 12, 12))

    def _mouth(self) -> None:
        head, canvas = self.head, self.canvas
        left, top, right, low = head.mouth_points()
        ink = self.look.ink or shade(self.look.coat, 0.35)
        sides = [smooth(np.stack([corner, (corner + top) / 2 + by(0, 0.06, 0.02), top])) for corner in (left, right)]
        if head.open:
            lower = smooth(
                np.stack([left, (left + low) / 2 + by(0, 0.04, 0), low, (right + low) / 2 + by(0, 0.04, 0), right])
            )
            hole = head.at(np.concatenate([sides[0], sides[1][::-1], lower[::-1]]))
            self._fill(hole, (70, 26, 30))
            tongue = (low + top) / 2 + by(0, 0.25 * head.open, 0)
            spot = (
                head.at(tongue)
                + np.stack([np.cos(t := np.linspace(0, 6.28, 16)), 0.6 * np.sin(t)], 1)
                * 0.4
                * head.mouth_width
                * head.unit
            )
            with canvas.within(hole):
                canvas.fill(spot, self.look.paint((206, 110, 116)))
        for side in sides:
            canvas.line(head.at(side), ink, 0.03 * head.unit)
        canvas.line(head.at(np.stack([head.nose_corners()[2], top])), ink, 0.025 * head.unit)

    def _beak(self) -> None:
        head = self.head
        left, right, tip = head.nose_corners()
        corner_left, _, corner_right, low = head.mouth_points()
        root = head.on_head(0.0, head.nose_y - 0.25)
        horn = mix(self.look.nose, (230, 190, 60), 0.6)
        below = smooth(np.stack([corner_left, (low + corner_left) / 2, low, (low + corner_right) / 2, corner_right]))
        self._fill(head.at(below), shade(horn, 0.7))
        above = np.stack(
            [
                corner_left,
                left + by(-0.08, -0.1, 0),
                root,
                right + by(0.08, -0.1, 0),
                corner_right,
                (corner_right + tip) / 2,
                tip,
                (corner_left + tip) / 2,
            ]
        )
        self._fill(head.at(smooth(above, closed=True)), horn)
        for nostril in (left, right):
            spot = head.at(nostril) + np.stack([np.cos(t := np.linspace(0, 6.28, 12)), np.sin(t)], 1) * 0.03 * head.unit
            self.canvas.fill(spot, (20, 16, 14))

    def _whiskers(self) -> None:
        head, color = self.head, pick(self.rng, (250, 250, 250), (30, 28, 28))
        for corner, side in ((0, LEFT), (2, RIGHT)):
            root = head.mouth_points()[corner] + by(0, -0.08, 0.05)
            for k in range(int(self.rng.integers(2, 5))):
                end = root + by(side * self.rng.uniform(0.4, 0.9), (k - 1.5) * 0.12 + self.rng.normal(0, 0.03), -0.1)
                middle = (root + end) / 2 + by(0, -0.05, 0)
                self.canvas.line(head.at(smooth(np.stack([root, middle, end]))), (*color, 170), 0.012 * head.unit)
