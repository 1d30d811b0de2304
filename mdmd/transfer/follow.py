"""How the points of one head follow from those of another on the same face: a second estimate beside the head's own.

The heads of a network share what they have learned of a face, but a source that many faces are labeled with knows their
shapes better. So the points of the target also follow from the source's, by one matrix of complex weights for all faces
(`mdmd/transfer/weights.py`). numpy only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mdmd.transfer.candidates import LabeledFaces
from mdmd.transfer.carry import LEAST, UNMEASURED
from mdmd.transfer.spread import radii_of, spread_of
from mdmd.transfer.weights import Array, Complex, kriging_weights, scale_of, transported

#: How much larger the variances of errors are on other faces than on learned ones, which the network has seen.
UNFAMILIAR = 2.0


@dataclass(frozen=True, eq=False)
class Relation:
    """How N points follow from M of a source.

    `weights` (N, M) add up to 1 for each point; `spread` (N,) is how many times larger the variances of errors are than
    the source's covariances say, of which LEAST is the smallest deviation. `off` (K, N) is how far each left-out label
    is from where it follows, in pixels; NaN where that is not known.
    """

    weights: Complex
    spread: Array
    off: Array

    def follow(self, seen: Complex, covariance: Array) -> tuple[Complex, Array]:
        """The points (F, N) and covariances (F, N, 2, 2) of faces on which the source finds `seen` (F, M)."""
        points, found = _followed(self.weights, seen, covariance)
        return points, self.spread[:, None, None] * found


def relation(
    faces: LabeledFaces, fold: NDArray[np.int64], mirrors: tuple[Sequence[int], Sequence[int]] | None
) -> Relation:
    """Learn from labeled faces how their points follow from those that the source finds on them.

    `fold` (K,) divides the faces into at least two parts, of which each is left out once to measure errors. With
    `mirrors`, the mirror pairs of the labels and of the source, mirrored faces are learned from as well, so that what
    follows on a mirrored face is the mirror image.
    """
    distances, radii, reach = (np.full(faces.points.shape, np.nan) for _ in range(3))
    within = np.zeros(faces.points.shape) if faces.within is None else faces.within
    for part in np.unique(fold):
        out = fold == part
        left, others = faces.some(out), faces.some(~out)
        found, covariance = _followed(_weights(others, mirrors), left.base, left.covariance)
        # Nothing is known of a landmark that is labeled on no other face.
        off: Complex = np.where(np.isnan(others.points.real).all(axis=0), np.nan, found - left.points)
        distances[out] = np.where(within[out] == 0, np.abs(off), np.nan)
        radii[out], reach[out] = radii_of(np.stack([off.real, off.imag], axis=-1), covariance, within[out])
    unknown = np.isnan(faces.points.real).all(axis=0)
    spread = UNFAMILIAR * spread_of(radii, reach, expected=UNMEASURED)
    # A landmark without any label is expected anywhere on the face.
    return Relation(_weights(faces, mirrors), np.where(unknown, LEAST**-2, spread), distances)


def _weights(faces: LabeledFaces, mirrors: tuple[Sequence[int], Sequence[int]] | None) -> Complex:
    base, points, heed = faces.base, faces.points, faces.heed
    if mirrors is not None:
        own, source = (list(pairs) for pairs in mirrors)
        base = np.concatenate([base, -base.conj()[:, source]])
        points, heed = np.concatenate([points, -points.conj()[:, own]]), np.concatenate([heed, heed[:, own]])
    return kriging_weights(base, points, heed)


def _followed(weights: Complex, seen: Complex, covariance: Array) -> tuple[Complex, Array]:
    points, found = transported(weights, seen, covariance)
    return points, found + (LEAST * scale_of(seen))[:, None, None, None] ** 2 * np.eye(2)
