"""The style and colors of a painted head, and the `Easel` that combines them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from mdmd.synthetic.canvas import Array, Canvas, Color, jittered, mix, pick, shade, vary
from mdmd.synthetic.head import Head

SKINS = (
    (250, 220, 200),
    (238, 196, 168),
    (224, 178, 146),
    (204, 152, 114),
    (172, 118, 84),
    (130, 84, 58),
    (88, 56, 40),
)
HAIRS = (
    (24, 20, 20),
    (44, 30, 24),
    (78, 50, 32),
    (122, 82, 48),
    (196, 156, 92),
    (226, 200, 146),
    (150, 66, 34),
    (176, 174, 172),
)
IRISES = ((62, 40, 26), (92, 62, 36), (110, 100, 54), (86, 112, 84), (92, 122, 150), (120, 132, 140))
FANCY_SKINS = ((140, 190, 120), (130, 170, 220), (240, 180, 90), (200, 160, 220))

PAPERS = ((250, 248, 240), (236, 226, 204), (214, 222, 230))
#: The probability of each.
HAIRSTYLES = {
    "bald": 0.06,
    "buzz": 0.08,
    "short": 0.24,
    "fringe": 0.14,
    "parted": 0.14,
    "long": 0.16,
    "curly": 0.08,
    "hat": 0.06,
    "scarf": 0.04,
}
BEARDS = {"none": 0.74, "stubble": 0.09, "mustache": 0.05, "goatee": 0.04, "full": 0.08}


@dataclass(frozen=True)
class Look:
    """The style and colors. `manner` is "photo", "cartoon", "line" or "pencil"."""

    manner: str
    skin: Color
    hair: Color
    iris: Color
    lips: Color
    cloth: Color
    paper: Color
    ink: Color | None
    hairstyle: str
    beard: str
    glasses: str
    occluder: bool

    @classmethod
    def sample(cls, rng: np.random.Generator) -> Look:
        manner = str(rng.choice(["photo", "cartoon", "line", "pencil"], p=[0.60, 0.20, 0.09, 0.11]))
        fancy = manner == "cartoon" and rng.uniform() < 0.2
        skin = vary(rng, pick(rng, *(FANCY_SKINS if fancy else SKINS)), 9)
        if manner == "pencil":
            skin = mix(skin, (255, 255, 255), 0.5)
        bright = vary(rng, rng.integers(30, 230, 3), 10)
        lips = mix(shade(skin, 0.82), (178, 44, 60), rng.choice([0.2, 0.35, 0.7], p=[0.5, 0.3, 0.2]))
        inks: dict[str, Color | None] = {
            "photo": None,
            "cartoon": mix((20, 14, 20), bright, 0.15),
            "line": (28, 26, 34),
            "pencil": None,
        }
        odd_hair = fancy or rng.uniform() < 0.03
        return cls(
            manner=manner,
            skin=skin,
            hair=bright if odd_hair else vary(rng, pick(rng, *HAIRS), 8),
            iris=pick(rng, *IRISES),
            lips=lips,
            cloth=vary(rng, rng.integers(20, 220, 3), 10),
            paper=vary(rng, pick(rng, *PAPERS), 5),
            ink=inks[manner],
            hairstyle=str(rng.choice(list(HAIRSTYLES), p=list(HAIRSTYLES.values()))),
            beard=str(rng.choice(list(BEARDS), p=list(BEARDS.values()))),
            glasses=str(rng.choice(["none", "clear", "dark"], p=[0.82, 0.14, 0.04])),
            occluder=bool(rng.uniform() < 0.14),
        )

    def paint(self, color: ArrayLike) -> Color:
        """`color` in this style; line art uses the color of the paper."""
        return mix(color, self.paper, 0.94) if self.manner == "line" else mix(color, (0, 0, 0), 0)


@dataclass(frozen=True)
class Easel:
    """Everything needed to paint a head: head, look, canvas and random generator. Widths are in mm of the face."""

    head: Head
    look: Look
    canvas: Canvas
    rng: np.random.Generator

    @property
    def mm(self) -> float:
        """The length of a millimeter of the face in pixels."""
        return self.head.view.scale

    @property
    def skull(self) -> Array:
        """The center of the skull in pixels (2,)."""
        return self.head.project(0.0, -28.0, -82.0)

    def fill(self, points: Array, color: ArrayLike, width: float = 0.9) -> None:
        """Fill a shape with the style's color, and draw its outline if the style has outlines."""
        self.canvas.fill(points, self.look.paint(color))
        self.edge(np.concatenate([points, points[:1]]), width)

    def edge(self, points: Array, width: float = 0.9) -> None:
        """Draw a line of ink `width` mm wide, if the style has ink."""
        if self.look.ink is not None:
            wobble = 0.25 * self.mm if self.look.manner == "line" else 0.0
            self.canvas.line(jittered(self.rng, points, wobble), self.look.ink, width * self.mm)
