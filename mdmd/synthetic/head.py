"""A three-dimensional head, in millimeters, and the projection of its 68 landmarks to an image.

The face is a surface over the frontal plane: x to the image's right, y down, both 0 between the eyes, z toward the
camera. Half-elliptic cross-sections follow the outline of skull and jaw; brow, sockets, nose, lips, cheeks and chin are
bumps on them. Everything is drawn on this surface, so outline, nose, eyes and mouth move together when the head turns.
Lengths are rounded values of an adult, chosen so that the mean shape resembles that of 300W: 88 mm between the outer
eye corners, 36 between the inner ones, 138 between the cheek bones, 46 from the eyes to the base of the nose, 54 for
the width of the mouth, 109 from the eyes to the chin.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from mdmd.synthetic.canvas import Array, smooth

PIVOT = np.array([0.0, 25.0, -80.0])
CROWN = -112.0


@dataclass(frozen=True)
class Identity:
    """The fixed shape of a person: factors around 1 and offsets in mm."""

    width: float
    jaw: float
    chin: float
    eye: float
    eye_height: float
    spacing: float
    eye_tilt: float
    brow_height: float
    brow_arch: float
    brow_tilt: float
    nose_length: float
    nose_width: float
    nose_height: float
    mouth_width: float
    lips: float
    mouth_height: float

    @classmethod
    def sample(cls, rng: np.random.Generator, spread: float = 1.0) -> Identity:
        def factor(deviation: float) -> float:
            return float(np.exp(np.clip(rng.normal(), -2.2, 2.2) * deviation * spread))

        def offset(deviation: float) -> float:
            return float(np.clip(rng.normal(), -2.2, 2.2) * deviation * spread)

        return cls(
            width=factor(0.05),
            jaw=2.2 * factor(0.11),
            chin=109 * factor(0.055),
            eye=factor(0.08),
            eye_height=factor(0.18),
            spacing=offset(1.5),
            eye_tilt=offset(1.4),
            brow_height=offset(3.0),
            brow_arch=factor(0.35),
            brow_tilt=offset(2.0),
            nose_length=0.95 * factor(0.08),
            nose_width=factor(0.13),
            nose_height=factor(0.15),
            mouth_width=factor(0.10),
            lips=factor(0.25),
            mouth_height=offset(1.8),
        )


@dataclass(frozen=True)
class Expression:
    """The changing shape of a face.

    `smile` is from -1 to 1, `jaw` the opening in mm; the eyes have an openness each, brows are raised in mm, and `gaze`
    is in mm to the right.
    """

    smile: float
    jaw: float
    lid_left: float
    lid_right: float
    brow_left: float
    brow_right: float
    frown: float
    pucker: float
    gaze: float

    @classmethod
    def sample(cls, rng: np.random.Generator) -> Expression:
        smile = float(np.clip(rng.normal(0.25, 0.5), -0.8, 1.3))
        opening = rng.choice([0.0, 3.0, 9.0, 22.0], p=[0.45, 0.25, 0.2, 0.1]) * rng.uniform(0.4, 1.5)
        lid = float(np.clip(rng.normal(1.0, 0.2), 0.35, 1.6))
        lids = [0.0, 0.0] if rng.uniform() < 0.07 else [lid, lid]
        if rng.uniform() < 0.04:
            lids[int(rng.integers(2))] = 0.0
        brow = rng.normal(0, 2.2) + 5 * (rng.uniform() < 0.12)
        return cls(
            smile, float(opening), lids[0], lids[1], brow + rng.normal(0, 0.7), brow + rng.normal(0, 0.7),
            float(max(0.0, rng.normal(-0.3, 0.8))), float(max(0.0, rng.normal(-0.4, 0.3))),
            float(np.clip(rng.normal(0, 1.6), -3, 3)),
        )  # fmt: skip


@dataclass(frozen=True)
class View:
    """The pose in radians, the distance in mm, and the place in the image.

    `center` is the pixel of the middle between eyes and chin; the scale is in pixels per mm.
    """

    yaw: float
    pitch: float
    roll: float
    distance: float
    scale: float
    center: tuple[float, float]

    @classmethod
    def sample(cls, rng: np.random.Generator, size: int) -> View:
        def angle(deviation: float, limit: float) -> float:
            return float(np.radians(np.clip(rng.normal(0, deviation), -limit, limit)))

        scale = size * rng.uniform(0.40, 0.60) / 145
        x, y = (size * (0.5 + np.clip(rng.normal(0, 0.035), -0.08, 0.08)) for _ in range(2))
        return cls(
            angle(20, 50), angle(10, 25), angle(12, 36), rng.uniform(600, 2200), float(scale), (float(x), float(y))
        )


class Head:
    """A person with an expression in a view. Lengths are in mm, results in pixels."""

    def __init__(self, identity: Identity, expression: Expression, view: View) -> None:
        self.identity, self.expression, self.view = identity, expression, view
        self._bump_table = self._bumps()
        self._curves = self._lay_out()

    # The surface

    def half_width(self, y: ArrayLike) -> Array:
        """Half the frontal width of skull and jaw at the heights `y` (any shape)."""
        y = np.asarray(y, float)
        who = self.identity
        down = np.clip(y / who.chin, 0, 1) ** who.jaw
        up = np.clip(-y / -CROWN, 0, 1) ** 2.7
        widest = 69.5 + 3.0 * np.exp(-(((y + 25) / 30) ** 2))
        return who.width * widest * np.where(y > 0, (1 - down) ** (1 / who.jaw), (1 - up) ** (1 / 2.7))

    def _bumps(self) -> Array:
        """Height, distance from the midline, y and two radii of every bump except the ridge of the nose, (K, 5)."""
        who, face = self.identity, self.expression
        mouth, smile = self._mouth_line(), max(face.smile, 0)
        return np.array([
            (8.5, 14.0 * who.nose_width - 2.5, 41 * who.nose_length, 5.5, 6),
            (4.0, 28, -19, 24, 9), (-7.0, 30, 0, 15, 10), (4.0, 31, 1, 10, 7),
            (5.0, 0, mouth, 22, 14), (-3.0, 0, mouth + 19, 18, 5), (6.0, 0, who.chin - 14, 15, 11),
            (4.5 + 4 * smile, 42, 36 - 4 * face.smile, 18, 15), (-1.5 - 2.5 * smile, 29 + 3 * face.smile, 53, 4, 14),
        ])  # fmt: skip

    def relief(self, x: Array, y: Array) -> Array:
        """The height of brow, sockets, nose, lips, cheeks and chin above the cross-section."""
        who = self.identity
        t = y / who.nose_length
        ridge = np.interp(t, [-22, -10, 0, 14, 30, 37, 42, 47, 53], [0, 2, 5, 12, 21, 24, 20, 8, 0]) * who.nose_height
        broad = np.interp(t, [-10, 8, 30, 40], [7, 6, 8, 10]) * who.nose_width
        height, across, down, wide, tall = (self._bump_table[:, k].reshape(-1, *[1] * x.ndim) for k in range(5))
        bumps = height * np.exp(-(((np.abs(x) - across) / wide) ** 2) - ((y - down) / tall) ** 2)
        return ridge * np.exp(-((x / broad) ** 2)) + bumps.sum(axis=0)

    def lift(self, x: ArrayLike, y: ArrayLike) -> Array:
        """The surface's z at frontal position (`x`, `y`)."""
        x, y = np.broadcast_arrays(np.asarray(x, float), np.asarray(y, float))
        half = self.half_width(y) + 1e-6
        base = self._depth(half, y) * (np.sqrt(1 - np.clip(x / half, -1, 1) ** 2) - 1)
        return base + self._profile(y) + self.relief(x, y)

    def _depth(self, half: Array, y: Array) -> Array:
        share = half / (72 * self.identity.width)
        return 84 * share ** np.where(y > 0, 1.5, 0.8)

    def _profile(self, y: Array) -> Array:
        forehead = 6 * np.exp(-(((y + 42) / 32) ** 2)) - 62 * np.clip((-y - 55) / (-CROWN - 55), 0, 1) ** 2.2
        return forehead - 10 * np.clip((y - 95) / 25, 0, 1) ** 2

    # The camera

    def project(self, x: ArrayLike, y: ArrayLike, z: ArrayLike) -> Array:
        """Project points in space (coordinates of any shape) to pixels (..., 2)."""
        turned = self.turn(np.stack(np.broadcast_arrays(np.asarray(x, float), y, z), axis=-1))
        return self._to_pixels(turned)

    def turn(self, xyz: Array) -> Array:
        """Turn points (..., 3), in mm, by yaw and pitch about the neck."""
        cy, sy, cp, sp = (f(a) for a in (self.view.yaw, self.view.pitch) for f in (np.cos, np.sin))
        yaw = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
        pitch = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
        return (xyz - PIVOT) @ (pitch @ yaw).T

    def _to_pixels(self, turned: Array) -> Array:
        view = self.view
        flat = turned[..., :2] * (view.distance / (view.distance - turned[..., 2:]))
        middle = self.turn(np.array([0.0, 48.0, 5.0]))
        middle = middle[:2] * (view.distance / (view.distance - middle[2]))
        c, s = np.cos(view.roll), np.sin(view.roll)
        return (flat - middle) @ np.array([[c, s], [-s, c]]) * view.scale + np.array(view.center)

    def on_face(self, xy: ArrayLike, raised: Array | float = 0.0) -> Array:
        """The pixels (K, 2) of frontal positions (K, 2) on the surface, or `raised` above it."""
        p = np.asarray(xy, float)
        return self.project(p[:, 0], p[:, 1] + self._jaw_drop(p[:, 1]), self.lift(p[:, 0], p[:, 1]) + raised)

    def _jaw_drop(self, y: Array) -> Array:
        t = np.clip((y - 62) / 40, 0, 1)
        return self.expression.jaw * t * t * (3 - 2 * t)

    def mesh(self, count: int) -> tuple[Array, Array]:
        """A grid of surface points: in pixels (count, count, 2), and turned, in mm (count, count, 3)."""
        y = np.linspace(CROWN + 1, self.identity.chin - 0.3, count)[:, None]
        angle = np.linspace(-np.pi / 2, np.pi / 2, count)[None, :]
        x = self.half_width(y) * np.sin(angle)
        xyz = np.stack([x, np.broadcast_to(y + self._jaw_drop(y), x.shape), self.lift(x, y)], axis=-1)
        turned = self.turn(xyz)
        return self._to_pixels(turned), turned

    def silhouette(self, y: ArrayLike, side: int) -> Array:
        """The edge of the head on the image's left (`side` -1) or right (1) at heights `y` (K,), in pixels (K, 2).

        In a frontal view this is the jaw line. On the far side of a turned head it is the cheek in front of the jaw,
        which is where annotators of 300W place these landmarks.
        """
        y = np.asarray(y, float)[:, None]
        x = side * self.half_width(y) * np.sin(np.linspace(np.pi / 2, np.pi / 12, 40))[None, :]
        xyz = np.stack([x, np.broadcast_to(y + self._jaw_drop(y), x.shape), self.lift(x, y)], axis=-1)
        turned = self.turn(xyz)
        view = self.view
        outward = side * turned[..., 0] * (view.distance / (view.distance - turned[..., 2]))
        k = outward.argmax(axis=1)
        return self._to_pixels(turned[np.arange(len(k)), k])

    def outline(self, top: float = CROWN, count: int = 60) -> Array:
        """The edge of the face in pixels, from height `top` down the left side and up the right side."""
        y = top + (self.identity.chin - top) * (1 - np.cos(np.linspace(0, np.pi, count))) / 2
        return np.concatenate([self.silhouette(y, -1), self.silhouette(y, 1)[::-1]])

    def contour_heights(self) -> Array:
        """Heights (9,) of the contour points of one side, from ear to chin, evenly spaced along the jaw."""
        y = self.identity.chin * np.sin(np.linspace(0.02, np.pi / 2, 200))
        steps = np.hypot(np.diff(y), np.diff(self.half_width(y)))
        length = np.concatenate([[0], np.cumsum(steps)])
        return np.interp(np.linspace(0, length[-1], 9), length, y)

    # The features

    def _lay_out(self) -> dict[str, Array]:
        """Frontal positions (K, 2) of the landmarks of each feature, before the jaw opens."""
        who, face = self.identity, self.expression
        curves: dict[str, Array] = {}
        for side, name, lid, brow in (
            (-1, "left", face.lid_left, face.brow_left),
            (1, "right", face.lid_right, face.brow_right),
        ):
            flip = np.array([side, 1.0])
            middle = np.array([31 + who.spacing, 0.5])
            squint = 1.2 * max(face.smile, 0)
            upper = 5.2 * who.eye_height * lid - 0.6 * squint
            lower = 3.4 * who.eye_height * (0.4 + 0.6 * min(lid, 1)) - squint
            if lid == 0:
                upper = -lower + 0.3
            shape = np.array(
                [(13, -0.5 - who.eye_tilt), (5, -upper), (-5, -upper), (-13, 1.0), (-5, lower), (5, lower)]
            )
            shape[1:3, 1] += (-0.6 * who.eye_tilt, 0.6 * who.eye_tilt)
            curves[f"eye_{name}"] = (middle + shape * who.eye) * flip
            x = np.array([58, 49, 37, 25, 12.5]) + 0.6 * who.spacing
            arch = np.array([-13.5, -20, -22.5, -21.5, -18.5])
            arch = -18.5 + (arch + 18.5) * who.brow_arch - who.brow_height - brow
            arch += who.brow_tilt * np.array([-1, -0.5, 0, 0.5, 1]) + face.frown * np.array([-0.5, 0, 1, 2.5, 3.5])
            x[-2:] -= 1.2 * face.frown
            curves[f"brow_{name}"] = np.stack([x, arch], axis=1) * flip
        length, wide = who.nose_length, who.nose_width
        curves["bridge"] = np.array([(0, -3), (0, 10 * length), (0, 23 * length), (0, 36 * length)])
        flare = 1 + 0.06 * max(face.smile, 0)
        half = np.array([-14.5, -7.2, 0, 7.2, 14.5]) * wide * flare
        curves["nostrils"] = np.stack([half, np.array([43.5, 46.5, 48.5, 46.5, 43.5]) * length], axis=1)
        curves["lips"], curves["lips_inner"] = self._mouth()
        return curves

    def _mouth_line(self) -> float:
        return 64.0 + self.identity.mouth_height + 45 * (self.identity.nose_length - 0.95)

    def _mouth(self) -> tuple[Array, Array]:
        who, face = self.identity, self.expression
        smile, open_ = face.smile, face.jaw
        half = 27 * who.mouth_width * (1 + 0.14 * smile) * (1 - 0.22 * face.pucker) * (1 - 0.006 * open_)
        thick = who.lips * (1 - 0.12 * smile) * (1 + 0.3 * face.pucker)
        y = self._mouth_line()
        corner = y - 3.5 * smile + 0.3 * open_
        bow = 0.6 * max(smile, 0)
        down = 0.92 * open_
        peak, lobe, dip = y - 5.6 * thick - 0.6 * smile, y - 7.6 * thick + bow, y - 6.4 * thick + bow
        flank, under = y + 7.2 * thick + 0.75 * down - 0.5 * smile, y + 10.2 * thick + down + bow
        above = [(-half, corner), (-0.60 * half, peak), (-0.24 * half, lobe), (0, dip), (0.24 * half, lobe)]
        below = [(0.62 * half, flank), (0.30 * half, under), (0, under + 0.6 * thick), (-0.30 * half, under)]
        outer = np.array([*above, (0.60 * half, peak), (half, corner), *below, (-0.62 * half, flank)])
        gap = max(0.0, 1.2 * smile) if open_ > 0 else 0.0
        roof, floor = y - 1.2 * thick - gap + bow, y - 0.4 * thick + gap + bow + down
        above = [(-0.87 * half, corner + 0.1), (-0.27 * half, roof), (0, roof + 0.6 * thick), (0.27 * half, roof)]
        below = [(0.27 * half, floor), (0, floor + 0.6 * thick), (-0.27 * half, floor)]
        inner = np.array([*above, (0.87 * half, corner + 0.1), *below])
        return outer, inner

    def feature(self, name: str, *, dense: bool = False) -> Array:
        """The landmarks of a feature in pixels, in 300W's order; with `dense`, the closed or open curve through them.

        Names: brow_left, brow_right (both from the outside in), bridge, nostrils, eye_left, eye_right (outer corner,
        upper lid, inner corner, lower lid), lips, lips_inner.
        """
        knots = self._curves[name]
        if not dense:
            return self._lay(knots, name)
        if name.startswith(("eye", "lips")):
            corner = 3 if name.startswith("eye") else (6 if name == "lips" else 4)
            above = smooth(knots[: corner + 1])
            below = smooth(np.concatenate([knots[corner:], knots[:1]]))
            return self._lay(np.concatenate([above, below[1:-1]]), name)
        return self._lay(smooth(knots), name)

    def _lay(self, xy: Array, name: str) -> Array:
        """Lower positions with the jaw. The layout of the lips contains their opening already."""
        if name.startswith("lips"):
            rest = np.minimum(xy[:, 1], self._mouth_line() + 11)
            ahead = self.lift(xy[:, 0], rest)
            return self.project(xy[:, 0], xy[:, 1], ahead)
        return self.on_face(xy)

    def raw(self, name: str) -> Array:
        """The landmarks of a feature as frontal positions in mm."""
        return self._curves[name]

    def landmarks(self) -> Array:
        """The 68 points in pixels (68, 2), in the order of the definition "300w"."""
        heights = self.contour_heights()
        left, right = self.silhouette(heights, -1), self.silhouette(heights, 1)
        chin = (left[-1] + right[-1]) / 2
        eye_right = self.feature("eye_right")[[3, 2, 1, 0, 5, 4]]
        parts = [
            left[:-1], chin[None], right[-2::-1], self.feature("brow_left"), self.feature("brow_right")[::-1],
            self.feature("bridge"), self.feature("nostrils"), self.feature("eye_left"), eye_right,
            self.feature("lips"), self.feature("lips_inner"),
        ]  # fmt: skip
        return np.concatenate(parts)
