"""Carry points of one definition over to other faces through the points that a base predicts on all of them.

The base knows another definition, such as the 68 points of 300W. From a few labeled faces follows how each new landmark
lies among the base's points, and from that where it lies on every other face. numpy only, nothing is trained.

A landmark is one of the base's points or lies freely among them; both are weighed by the evidence of the labeled faces.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mdmd.data.definition import Definition
from mdmd.data.records import Box
from mdmd.transfer.candidates import Candidates, LabeledFaces, candidates_of, evidence
from mdmd.transfer.mean_shape import MeanShape, left_out_distances, mean_shape
from mdmd.transfer.spread import radii_of, spread_of
from mdmd.transfer.weights import FEWEST_ROBUST, Array, Complex, kriging_weights, moving_weights, scale_of, transported

#: The least deviation of a carried point, in units of the face's scale; the factor of deviations with one labeled face;
#: and into how many parts the labeled faces are divided to measure it with more.
LEAST, ONE_FACE, MOST_FOLDS = 0.03, 2.5, 5
#: How many times larger than the base says the variances of errors are expected to be.
UNMEASURED = 1.5
#: The base does not see a face where its points deviate by more than this share of the box in the median. From so many
#: labeled faces on it is judged by them: its points must be that much better than the mean shape.
UNSEEN, FEWEST_JUDGED, WORTH = 0.08, 3, 0.8


@dataclass(frozen=True, eq=False)
class Carrier:
    """How N landmarks follow from M base points. It is fitted to K labeled faces and carries them to any other.

    `moving` (K, N, M) and `kriging` (N, M) are the two rules for a landmark that is no base point, `fixed` (N, M) the
    candidates with their probabilities, and `free` (N,) the probability of none of them. `heed` (K, N) weighs the
    labels. `spread` (N,) is how many times larger the errors are than the base's covariances say. `unknown` (N,) says
    which landmarks are labeled on no face: they are expected anywhere on the face.
    """

    moving: Complex
    kriging: Complex
    fixed: Array
    free: Array
    heed: Array
    spread: Array
    unknown: NDArray[np.bool_]

    def weights(self, base: Complex) -> Complex:
        """The weights (F, N, M) for faces with base points (F, M)."""
        known = np.where(np.isnan(self.moving), 0, self.moving)
        each = np.tensordot(base, known, axes=(1, 2))  # (F, K, N)
        own = np.where(np.isnan(self.moving[..., 0].real), 0, self.heed)  # (K, N)
        heed = np.broadcast_to(own, each.shape)
        if len(own) >= FEWEST_ROBUST:
            s = scale_of(base)[:, None, None]
            for _ in range(5):
                share = heed / np.maximum(heed.sum(axis=1, keepdims=True), 1e-12)
                middle = (share * each).sum(axis=1, keepdims=True)
                heed = own / (np.abs(each - middle) / s + 1e-3)
        share = heed / np.maximum(heed.sum(axis=1, keepdims=True), 1e-12)
        moving = (share.transpose(2, 0, 1) @ known.transpose(1, 0, 2)).transpose(1, 0, 2)
        return self.fixed + self.free[:, None] * (moving + self.kriging) / 2

    def carry(self, base: Complex, covariance: Array) -> tuple[Complex, Array]:
        """The points (F, N) and covariances (F, N, 2, 2), in pixels, of faces with base points (F, M)."""
        points, spread = transported(self.weights(base), base, covariance)
        least = np.where(self.unknown, 1.0, LEAST)
        spread = spread + (least * scale_of(base)[:, None])[..., None, None] ** 2 * np.eye(2)
        return points, self.spread[:, None, None] * spread


@dataclass(frozen=True, eq=False)
class CarriedShape:
    """Where the landmarks of labeled faces lie on others: carried over where the base sees the face, else by the box.

    `reliable` is False where left-out labels are found little better through the base than in the mean shape.
    """

    carrier: Carrier
    shape: MeanShape
    reliable: bool

    def place(self, base: Complex, covariance: Array, boxes: Sequence[Box]) -> tuple[Complex, Array]:
        """The points (F, N) and covariances (F, N, 2, 2) of F faces, in pixels.

        `base` (F, M) and `covariance` (F, M, 2, 2) are what the base predicts on them.
        """
        points, spread = self.carrier.carry(base, covariance)
        expected, wide = self.shape.place(boxes)
        deviation = np.sqrt(np.trace(covariance, axis1=-2, axis2=-1) / 2)
        size = np.sqrt([box.w * box.h for box in boxes])
        blind = (np.median(deviation, axis=1) / size > UNSEEN) | (not self.reliable)
        expected, wide = _blend(points, spread, expected, wide)
        return np.where(blind[:, None], expected, points), np.where(blind[:, None, None, None], wide, spread)


def _blend(points: Complex, spread: Array, others: Complex, wide: Array) -> tuple[Complex, Array]:
    """Two estimates of the same points weighed by their inverse covariances."""
    a, b = np.linalg.inv(spread), np.linalg.inv(wide)
    together = np.linalg.inv(a + b)
    one, two = (np.stack([z.real, z.imag], axis=-1)[..., None] for z in (points, others))
    mean = (together @ (a @ one + b @ two))[..., 0]
    return mean[..., 0] + 1j * mean[..., 1], together.astype(np.float64)


def fit(faces: LabeledFaces, boxes: Sequence[Box], base: Definition) -> CarriedShape:
    """Learn from `faces` in `boxes` how their landmarks lie among the points of the definition `base`."""
    choices = candidates_of(base)
    carrier, shape = _fit(faces, choices), mean_shape(faces.points, boxes)
    if len(boxes) < 2:
        return CarriedShape(carrier, shape, reliable=True)
    distances, radii, reach = left_out(faces, choices)
    found = replace(carrier, spread=spread_of(radii, reach, expected=UNMEASURED))
    if len(boxes) < FEWEST_JUDGED:
        return CarriedShape(found, shape, reliable=True)
    worse = np.nanmean(distances) > WORTH * np.nanmean(left_out_distances(faces.points, boxes))
    return CarriedShape(found, shape, reliable=not worse)


def _fit(faces: LabeledFaces, choices: Candidates) -> Carrier:
    one, none = evidence(faces, choices)
    unknown = np.asarray(np.isnan(faces.points.real).all(axis=0))
    one = np.where(unknown[:, None], one / np.maximum(one.sum(axis=1, keepdims=True), 1e-300), one)
    none = np.where(unknown, 0, none)
    kriging = kriging_weights(faces.base, faces.points, faces.heed)
    spread = np.full(faces.points.shape[1], ONE_FACE**2)
    moving = moving_weights(faces.base, faces.points)
    return Carrier(moving, kriging, one @ choices.weights, none, faces.heed, spread, unknown)


def left_out(faces: LabeledFaces, choices: Candidates) -> tuple[Array, Array, Array]:
    """How far each label is (K, N) from where the other faces carry it, in pixels and as a Mahalanobis radius.

    NaN without a label. The third array (K, N) is `reach` as in `spread_of`.
    """
    count, landmarks = faces.points.shape
    distances, radii, reach = (np.full((count, landmarks), np.nan) for _ in range(3))
    within = np.zeros((count, landmarks)) if faces.within is None else faces.within
    folds = min(count, MOST_FOLDS)
    for fold in range(folds):
        out = np.arange(count) % folds == fold
        rule = replace(_fit(faces.some(~out), choices), spread=np.ones(landmarks))
        left = faces.some(out)
        found, spread = rule.carry(left.base, left.covariance)
        off = found - left.points
        distances[out] = np.abs(off)
        radii[out], reach[out] = radii_of(np.stack([off.real, off.imag], axis=-1), spread, within[out])
    return distances, radii, reach
