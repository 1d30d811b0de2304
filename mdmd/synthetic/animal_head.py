"""The heads of animals: cat, dog, monkey, bird of prey and sheep, each with skull, muzzle and ears of its own.

A head is a set of points in space that turn with it: x to the right of the picture, y down and z towards the viewer, in
half widths of the skull.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mdmd.synthetic.canvas import Array, Color

#: How far a viewer is away, in half widths of the skull.
DISTANCE = 9.0
LEFT, RIGHT = -1, 1


@dataclass(frozen=True)
class Species:
    """What distinguishes one kind of head. Lengths are in half widths of the skull, `y` is down from its middle.

    - `height`: of the skull; `jaw`: width of its lower part.
    - `eye`: place (x, y), half width and half height of an eye, and how much its outer corner is lifted.
    - `pupil`: "slit", "round" or "bar"; `irises`: colors.
    - `muzzle`: half width, height (y) of its middle, and how far it stands out.
    - `nose`: half width, height and y; a bird has a beak instead.
    - `mouth`: half width, and y below the nose.
    - `ear`: outer base, tip and inner base (x, y, z each), or None for a head without ears that show; `round`: whether
      it is a disc, of which the tip is the outermost point.
    - `coats`: colors of the fur or feathers.
    """

    height: float
    jaw: float
    eye: tuple[float, float, float, float, float]
    pupil: str
    irises: tuple[Color, ...]
    muzzle: tuple[float, float, float]
    nose: tuple[float, float, float]
    mouth: tuple[float, float]
    ear: tuple[tuple[float, float, float], ...] | None
    round: bool
    coats: tuple[Color, ...]


FURS = ((214, 150, 90), (120, 84, 56), (60, 54, 52), (232, 226, 214), (150, 146, 142), (190, 160, 120), (92, 66, 46))
AMBER = ((214, 170, 60), (120, 160, 80), (150, 190, 210), (190, 120, 40))
BROWN = ((70, 44, 24), (110, 74, 40), (40, 28, 22))

SPECIES: Mapping[str, Species] = {
    "cat": Species(
        0.9, 0.62, (0.46, -0.08, 0.21, 0.17, 0.10), "slit", AMBER, (0.36, 0.42, 0.35), (0.11, 0.09, 0.28), (0.24, 0.14),
        ((-0.94, -0.36, -0.1), (-0.82, -1.32, -0.1), (-0.26, -0.82, -0.1)), False, FURS,
    ),
    "dog": Species(
        1.0, 0.66, (0.42, -0.20, 0.16, 0.12, 0.02), "round", BROWN, (0.40, 0.48, 0.85), (0.18, 0.14, 0.34),
        (0.34, 0.20), ((-0.95, -0.45, -0.1), (-1.25, 0.55, 0.0), (-0.50, -0.88, -0.05)), False, FURS,
    ),
    "monkey": Species(
        1.1, 0.70, (0.34, -0.18, 0.16, 0.10, 0.03), "round", (*BROWN, (170, 110, 40)), (0.52, 0.52, 0.45),
        (0.16, 0.16, 0.26), (0.42, 0.26),
        ((-0.98, 0.22, -0.3), (-1.38, -0.10, -0.35), (-0.98, -0.42, -0.3)), True,
        (*FURS[1:3], (150, 110, 70), (110, 100, 80)),
    ),
    "bird of prey": Species(
        1.0, 0.60, (0.44, -0.12, 0.19, 0.17, -0.02), "round", (*AMBER, (230, 190, 30)), (0.30, 0.26, 0.75),
        (0.14, 0.40, 0.30), (0.26, 0.10), None, False,
        ((130, 92, 60), (236, 232, 226), (80, 62, 50), (170, 150, 120)),
    ),
    "sheep": Species(
        1.25, 0.52, (0.62, -0.22, 0.15, 0.10, 0.02), "bar", ((190, 150, 60), (120, 90, 40)), (0.40, 0.72, 0.8),
        (0.22, 0.12, 0.62), (0.26, 0.16),
        ((-0.86, -0.36, -0.1), (-1.55, -0.02, -0.1), (-0.80, -0.66, -0.1)), False,
        ((236, 230, 214), (210, 196, 170), (60, 54, 50), (160, 140, 116)),
    ),
}  # fmt: skip


def by(x: float, y: float, z: float) -> Array:
    """An offset in space, to be added to points."""
    return np.array([x, y, z], float)


class AnimalHead:
    """One animal of a species in a pose; `at` projects points in space to pixels."""

    def __init__(self, rng: np.random.Generator, name: str, size: int) -> None:
        kind = SPECIES[name]
        self.name, self.kind, self.rng = name, kind, rng

        def near(value: float, spread: float = 0.12) -> float:
            return float(value * np.exp(rng.normal(0, spread)))

        self.height = near(kind.height, 0.08)
        self.jaw = near(kind.jaw, 0.10)
        x, y, wide, tall, lift = kind.eye
        self.eye = np.array([near(x, 0.08), y + rng.normal(0, 0.04), near(wide), near(tall, 0.2), lift])
        self.closed = rng.uniform() < 0.06
        self.muzzle_width, self.muzzle_y, self.muzzle_out = (
            near(kind.muzzle[0]),
            near(kind.muzzle[1], 0.06),
            near(kind.muzzle[2], 0.25),
        )
        self.nose_width, self.nose_height, self.nose_y = (
            near(kind.nose[0]),
            near(kind.nose[1]),
            near(kind.nose[2], 0.06),
        )
        self.mouth_width, self.mouth_drop = near(kind.mouth[0]), near(kind.mouth[1])
        self.open = float(rng.uniform(0.05, 0.35)) if rng.uniform() < 0.3 else 0.0
        self.smile = float(rng.normal(0, 0.03))
        self.ears = None if kind.ear is None else self._ears(np.array(kind.ear))
        yaw, pitch, roll = np.radians(np.clip(rng.normal(0, (18, 9, 12)), -40, 40))
        (cy, sy), (cp, sp), (cr, sr) = ((np.cos(a), np.sin(a)) for a in (yaw, pitch, roll))
        turned = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]]) @ np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
        self._turn = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]]) @ turned
        self.unit = size * rng.uniform(0.20, 0.29)
        self._middle = size * (np.array([0.5, 0.54]) + np.clip(rng.normal(0, 0.03, 2), -0.07, 0.07))

    def _ears(self, front: Array) -> Array:
        """Outer base, tip and inner base of the left and the right ear, (2, 3, 3); each tip moves by itself."""
        base = front * np.exp(self.rng.normal(0, 0.06, 3))
        pair = []
        for side in (LEFT, RIGHT):
            ear = base * (-side, 1, 1)  # the species' ear is the left one, at negative x
            ear[1] += self.rng.normal(0, 0.08, 3) + self.rng.normal(0, 0.05)
            pair.append(ear)
        return np.stack(pair)

    def at(self, points: ArrayLike) -> Array:
        """Points in space (..., 3) in pixels (..., 2)."""
        seen = np.asarray(points, float) @ self._turn.T
        return self._middle + self.unit * seen[..., :2] * (DISTANCE / (DISTANCE - seen[..., 2:]))

    def width(self, y: ArrayLike) -> Array:
        """Half the width of the head at the heights `y`."""
        share = np.clip(np.asarray(y, float) / self.height, -1, 1)
        return np.sqrt(1 - share**2) * (1 + (self.jaw - 1) * np.maximum(share, 0) ** 1.5)

    def on_head(self, x: ArrayLike, y: ArrayLike) -> Array:
        """The points (..., 3) of the head's surface, muzzle included, in front of `x` and `y`."""
        x, y = np.broadcast_arrays(np.asarray(x, float), np.asarray(y, float))
        skull = 0.8 * np.sqrt(np.clip(1 - (x / (self.width(y) + 1e-6)) ** 2, 0, 1)) * self.width(y)
        off = (x / self.muzzle_width) ** 2 + ((y - self.muzzle_y) / (0.9 * self.muzzle_width)) ** 2
        return np.stack([x, y, skull + self.muzzle_out * np.exp(-(off**1.5))], axis=-1)

    def rings(self) -> list[Array]:
        """Cross-sections of the skull from back to front, whose union is its outline."""
        t = np.radians(np.arange(0, 360, 10))
        found = []
        for z in np.linspace(-0.7, 0.6, 7):
            size = np.sqrt(1 - (z / 0.85) ** 2)
            y = self.height * np.sin(t)
            x = np.sign(np.cos(t)) * self.width(y)
            found.append(self.at(np.stack([x * size, y * size, np.full(len(t), z)], axis=-1)))
        return found

    def snout(self) -> list[Array]:
        """Cross-sections of the muzzle from the skull to its front."""
        t = np.radians(np.arange(0, 360, 15))
        base = float(self.on_head(0.0, self.muzzle_y)[2]) - self.muzzle_out
        found = []
        for share in np.linspace(0.1, 0.92, 6):
            size = self.muzzle_width * np.sqrt(1 - 0.75 * share**2)
            x, y = size * np.cos(t), self.muzzle_y + 0.85 * size * np.sin(t)
            found.append(self.at(np.stack([x, y, np.full(len(t), base + share * self.muzzle_out)], axis=-1)))
        return found

    def eye_outline(self, side: int) -> Array:
        """The opening of an eye (24, 3): from the inner corner over the upper lid to the outer corner and back."""
        x, y, wide, tall, lift = self.eye
        t = np.radians(np.arange(0, 360, 15))
        across, down = -np.cos(t), -np.sin(t) * (0.04 if self.closed else 1.0)
        return self.on_head(side * (x + wide * across), y + tall * down - lift * across)

    def nose_corners(self) -> Array:
        """Left and right end of the nose and its lowest point, or the nostrils and the tip of a beak (3, 3)."""
        tip = self.nose_y + self.nose_height
        found = self.on_head([-self.nose_width, self.nose_width, 0.0], [self.nose_y, self.nose_y, tip])
        if self.name == "bird of prey":
            found[2, 2] = self.on_head(0.0, self.muzzle_y)[2] - 0.05
        return found

    def mouth_points(self) -> Array:
        """Left corner, middle of the upper lip, right corner and middle of the lower lip (4, 3)."""
        line = self.nose_y + self.nose_height + (-0.12 if self.name == "bird of prey" else self.mouth_drop)
        corner = line + 0.04 - self.smile
        return self.on_head(
            [-self.mouth_width, 0.0, self.mouth_width, 0.0], [corner, line, corner, line + 0.02 + self.open]
        )

    def landmarks(self) -> tuple[Array, NDArray[np.bool_]]:
        """The points (18, 2) in pixels, in the order of the definition "animals", and which there are (18,)."""
        left, right = (self.eye_outline(side)[[0, 12]] for side in (LEFT, RIGHT))  # inner and outer corner
        nose, mouth = self.nose_corners(), self.mouth_points()
        low = max(self.height, mouth[3, 1] + 0.15)
        chin = (
            self.on_head(0.0, min(low, self.height * 0.98)) if self.muzzle_out < 0.5 else mouth[3] + by(0, 0.16, -0.12)
        )
        ears = np.zeros((2, 3, 3)) if self.ears is None else self.ears
        points = [left[1], left[0], right[0], right[1], nose[0], nose[2], nose[1], *mouth[:3], mouth[3], chin]
        points += [*ears[0], *ears[1][::-1]]
        there = np.ones(len(points), bool)
        if self.ears is None:
            there[-6:] = False
        return self.at(np.stack(points)), there
