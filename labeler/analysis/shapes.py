"""A shape model of labeled faces, which predicts the missing landmarks of a face from the known ones. numpy only.

A face in its box is a mean shape plus a deviation, which is then rotated, scaled and translated. For landmark i:

    p_i = c (m_i + r_i) + t,      (c, t, r) ~ N((pose, 0), spread)

`c` is rotation times scale and `t` a translation, both in units of the box. Their correlation with the deviations r is
learned too. With the c that multiplies r fixed, this is linear in (c, t, r), so all points are jointly Gaussian and the
missing ones are predicted by the conditional mean. Without known points, the box determines the pose. One known point
moves the whole face, two or more rotate and scale it, and neighbors of a known landmark follow it more closely than
others, as far as the labeled faces support that.

The covariance of few faces is unreliable. It is shrunk towards a smooth prior, in which near landmarks deviate together
and which has the weight of `PRIOR_FACES` faces. So one labeled face is enough to start, and the covariance has full
rank for any number of landmarks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mdmd.data.records import Box
from mdmd.errors import DataError

Array = NDArray[np.float64]

#: The prior covariance, in units of the shape's root mean square radius: standard deviation of landmarks, correlation
#: length, and standard deviation of each landmark alone (the labeling error).
DEVIATION, REACH, FLOOR = 0.12, 0.3, 0.02
#: Prior standard deviations of the pose: rotation and scale as a share, translation in units of the box.
POSE_TURN, POSE_SHIFT = 0.25, 0.15
#: Weight of the prior, in labeled faces.
PRIOR_FACES = 8.0
#: Correlation length of prediction errors, in the same units; measured by correcting the worst predicted points of
#: `stylised9`.
ERROR_REACH = 1.0
#: Minimum number of points of a shape.
FEWEST_POINTS = 2
#: A shape with a smaller root mean square radius, in units of the box, has no scale: its points coincide.
SPOT = 0.01
#: Rounds of fitting poses and mean in alternation; linearizations of the rotation.
ALIGNMENTS, TURNS = 6, 3
#: The squared Mahalanobis distance of a pose that one face in a hundred exceeds.
SURPRISE = 13.3

Places = Mapping[int, tuple[float, float]]


@dataclass(frozen=True, eq=False)
class ShapeModel:
    """A Gaussian model of the shape and pose of N landmarks `ids`.

    `mean` (N, 2) has its center at 0 and a root mean square radius of 1. `pose` (4,) is the (cx, cy, tx, ty) that maps
    it into a box, in units of `_unit`. `spread` (4 + 2N, 4 + 2N) is the covariance of pose and deviations (x and y of a
    landmark side by side), in units of the mean. `faces` is the number of labeled faces it was learned from.
    """

    ids: tuple[int, ...]
    mean: Array
    pose: Array
    spread: Array
    faces: int

    def conditional(self, known: Places, box: Box) -> dict[int, tuple[float, float]]:
        """The expected places in pixels of the model's landmarks that are not in `known`.

        Landmarks of `known` that are not in the model are ignored.
        """
        origin, unit = _unit(box)
        columns = [k for k, key in enumerate(self.ids) if key in known]
        places = (np.array([known[self.ids[k]] for k in columns], dtype=np.float64).reshape(-1, 2) - origin) / unit
        expected, pose, surprise = self._expected(columns, places, self.pose[:2], 0.0)
        for _ in range(TURNS):
            if np.hypot(*pose[:2]) < 0.2 * np.hypot(*self.pose[:2]):
                break  # the known points coincide and determine no rotation
            expected, pose, surprise = self._expected(columns, places, pose[:2], surprise)
        expected = expected * unit + origin
        return {key: (float(x), float(y)) for key, (x, y) in zip(self.ids, expected, strict=True) if key not in known}

    def _expected(
        self, columns: Sequence[int], places: Array, turn: Array, surprise: float
    ) -> tuple[Array, Array, float]:
        """The expected places (N, 2) and pose (4,) in units of the box, given `places` of the landmarks `columns`.

        `turn` is the c that multiplies r, because deviations rotate with the face. The last result is the squared
        Mahalanobis distance of the pose. If the previous one, `surprise`, was large, the pose's variance is increased:
        real poses have heavier tails than a Gaussian.
        """
        rows = np.array([row for k in columns for row in (2 * k, 2 * k + 1)], dtype=int)
        basis, there = _basis(self.mean), _rotation(turn)
        wider = np.sqrt(max(1.0, surprise / SURPRISE))
        # Divide everything by the rotation, to work in the frame of the mean.
        back = np.linalg.inv(np.kron(np.eye(2), there))
        spread = self.spread.copy()
        spread[:4] = wider * back @ spread[:4]
        spread[:, :4] = wider * spread[:, :4] @ back.T
        seen = spread[:, :4] @ basis[rows].T + spread[:, 4 + rows]
        covariance = basis[rows] @ seen[:4] + seen[4 + rows]
        off = (places @ back[:2, :2].T).ravel() - basis[rows] @ back @ self.pose
        moved = seen @ np.linalg.solve(covariance, off)
        pose = back @ self.pose + moved[:4]
        shape = (basis @ pose + moved[4:]).reshape(-1, 2)
        pose = np.kron(np.eye(2), there) @ pose
        apart = pose - self.pose
        return shape @ there.T, pose, float(apart @ np.linalg.solve(self.spread[:4, :4], apart))

    def around(self, known: Places, box: Box) -> ShapeModel:
        """This model with shape and pose of the face `known` in `box` as mean.

        Landmarks missing in `known` are replaced by their expected places.
        """
        origin, unit = _unit(box)
        complete = {**self.conditional(known, box), **known}
        places = (np.array([complete[key] for key in self.ids], dtype=np.float64) - origin) / unit
        [pose] = _fit(self.mean, places[None], self.pose, self.spread[:4, :4])
        return replace(self, mean=_upright(places[None], pose[None])[0], pose=pose)


def learn(faces: Iterable[tuple[Places, Box]], ids: Sequence[int]) -> ShapeModel:
    """Learn a model of the landmarks `ids` from `faces`: places of the labeled landmarks and box, both in pixels.

    Labels may be missing; a landmark without any label is not in the model. Faces with fewer than `FEWEST_POINTS`
    landmarks are ignored. Raises DataError if no face is left.
    """
    pairs = [({key: face[key] for key in ids if key in face}, box) for face, box in faces]
    pairs = [(face, box) for face, box in pairs if len(face) >= FEWEST_POINTS]
    if not pairs:
        raise DataError(f"no face with {FEWEST_POINTS} or more labeled landmarks to learn a shape from")
    kept = tuple(key for key in ids if any(key in face for face, _ in pairs))
    places = np.array([_in_box(face, box, kept) for face, box in pairs])
    seen = np.isfinite(places[:, :, 0])
    mean, poses, middle = _align(places, seen)
    residuals = np.where(seen[:, :, None], _upright(places, poses) - mean, 0.0).reshape(len(places), -1)
    apart = np.concatenate([poses - middle, residuals], axis=1)
    told = np.concatenate([np.ones((len(places), 4)), np.repeat(seen, 2, axis=1)], axis=1)
    spread = (apart.T @ apart + PRIOR_FACES * _prior(mean, middle)) / (told.T @ told + PRIOR_FACES)
    return ShapeModel(kept, mean, middle, _definite(spread, complete=bool(seen.all())), faces=len(places))


def follow(
    predicted: Places, covariances: Mapping[int, tuple[float, float, float]], known: Places
) -> dict[int, tuple[float, float]]:
    """The expected places of the predicted landmarks that are not in `known`, after the correction of those that are.

    The error of a prediction is e_i ~ N(0, C_i), with C_i = (sxx, sxy, syy) in `covariances`. Predictions do not tell
    the correlation of errors between landmarks. Shapes do not tell it either, because the means already contain what
    the network has learned about shapes. But a model that is wrong about one landmark tends to be wrong about its
    neighbors in the same direction. With symmetric square roots, e_i = C_i^(1/2) z_i, and E[z_i z_j'] is assumed to be
    the unit matrix times

        rho_ij = exp(-distance_ij / ERROR_REACH),      distances in units of the shape's root mean square radius,

    which is a covariance with the predicted blocks on its diagonal. Corrections determine z_k of a corrected landmark
    k, so an uncorrected landmark u is expected at p_u + C_u^(1/2) rho_uk rho_kk^-1 z_k: certain predictions stay, and
    uncertain ones follow the corrections nearby. Without corrections all stay.
    """
    keys = list(predicted)
    corrected = [k for k, key in enumerate(keys) if key in known]
    rest = [k for k, key in enumerate(keys) if key not in known]
    means = np.array([predicted[key] for key in keys], dtype=np.float64).reshape(-1, 2)
    roots = _roots(np.array([covariances[key] for key in keys], dtype=np.float64).reshape(-1, 3))
    shape, _ = _normalized(means)
    distances = np.sqrt(((shape[:, None] - shape) ** 2).sum(axis=2))
    # The term on the diagonal keeps rho invertible if two landmarks coincide.
    rho = np.exp(-distances / ERROR_REACH) + 0.01 * np.eye(len(keys))
    off = np.array([known[keys[k]] for k in corrected], dtype=np.float64).reshape(-1, 2) - means[corrected]
    z = np.linalg.solve(roots[corrected], off[:, :, None])[:, :, 0]
    moved = rho[np.ix_(rest, corrected)] @ np.linalg.solve(rho[np.ix_(corrected, corrected)], z)
    expected = means[rest] + np.einsum("kab,kb->ka", roots[rest], moved)
    return {keys[k]: (float(x), float(y)) for k, (x, y) in zip(rest, expected, strict=True)}


def _align(places: Array, seen: NDArray[np.bool_]) -> tuple[Array, Array, Array]:
    """The mean shape (N, 2), the pose of each face (F, 4) and the mean pose (4,) of `places` (F, N, 2)."""
    first = int(seen.sum(axis=1).argmax())
    mean, middle = _normalized(places[first])
    poses = np.tile(middle, (len(places), 1))
    for _ in range(ALIGNMENTS):
        poses = _fit(mean, places, middle, _prior_spread(middle))
        sums, counts = np.where(seen[:, :, None], _upright(places, poses), 0.0).sum(axis=0), seen.sum(axis=0)
        mean, change = _normalized(sums / counts[:, None])
        # The same poses in units of the new mean.
        poses = poses @ _compose(change).T
        middle = poses.mean(axis=0)
    return mean, poses, middle


def _fit(mean: Array, places: Array, pose: Array, spread: Array) -> Array:
    """The most likely poses (F, 4) of `places` (F, N, 2; NaN if missing), with the prior N(pose, spread)."""
    basis = _basis(mean)
    known = (np.isfinite(places) & np.isfinite(mean)).reshape(len(places), -1)
    basis, values = np.nan_to_num(basis), np.where(known, places.reshape(len(places), -1), 0.0)
    squares = (known @ (basis[:, :, None] * basis[:, None, :]).reshape(-1, 16)).reshape(-1, 4, 4)
    noise = (DEVIATION * np.hypot(*pose[:2])) ** 2
    precision = np.linalg.inv(spread)
    wanted = values @ basis / noise + precision @ pose
    return np.linalg.solve(squares / noise + precision, wanted[:, :, None])[:, :, 0]


def _basis(mean: Array) -> Array:
    """The matrix (2N, 4) that maps a pose to x and y of the mean's landmarks in that pose."""
    x, y, one, zero = mean[:, 0], mean[:, 1], np.ones(len(mean)), np.zeros(len(mean))
    return np.stack([np.stack([x, -y, one, zero], axis=1), np.stack([y, x, zero, one], axis=1)], axis=1).reshape(-1, 4)


def _rotation(c: Array) -> Array:
    """The matrix (2, 2) of the rotation and scale of a pose."""
    return np.array([[c[0], -c[1]], [c[1], c[0]]])


def _upright(places: Array, poses: Array) -> Array:
    """`places` (F, N, 2) with `poses` (F, 4) inverted."""
    flat = places - poses[:, None, 2:]
    x, y, a, b = flat[..., 0], flat[..., 1], poses[:, :1], poses[:, 1:2]
    return np.stack([a * x + b * y, a * y - b * x], axis=-1) / (a**2 + b**2)[..., None]


def _compose(change: Array) -> Array:
    """The matrix (4, 4) that maps a pose to that pose applied after `change`."""
    (cx, cy), (x, y) = change[:2], change[2:]
    return np.array([[cx, -cy, 0, 0], [cy, cx, 0, 0], [x, -y, 1, 0], [y, x, 0, 1]])


def _normalized(places: Array) -> tuple[Array, Array]:
    """`places` (N, 2; NaN if missing) with center 0 and root mean square radius 1, and the pose that inverts this."""
    center = np.nanmean(places, axis=0)
    radius = float(np.sqrt(np.nansum((places - center) ** 2) / np.isfinite(places[:, 0]).sum()))
    radius = 1.0 if radius < SPOT else radius
    return (places - center) / radius, np.array([radius, 0.0, *center])


def _prior_spread(pose: Array) -> Array:
    turn = (POSE_TURN * np.hypot(*pose[:2])) ** 2
    return np.diag([turn, turn, POSE_SHIFT**2, POSE_SHIFT**2])


def _prior(mean: Array, pose: Array) -> Array:
    """The prior of `spread` (4 + 2N, 4 + 2N)."""
    square = ((mean[:, None] - mean) ** 2).sum(axis=2)
    kernel = DEVIATION**2 * np.exp(-square / (2 * REACH**2)) + FLOOR**2 * np.eye(len(mean))
    spread = np.zeros((4 + 2 * len(mean), 4 + 2 * len(mean)))
    spread[:4, :4] = _prior_spread(pose)
    spread[4:, 4:] = np.kron(kernel, np.eye(2))
    return spread


def _definite(covariance: Array, *, complete: bool) -> Array:
    """The covariance, with small eigenvalues raised unless `complete`: missing points can make it indefinite."""
    if complete:
        return covariance
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.maximum(values, FLOOR**2 / 100)) @ vectors.T


def _roots(covariances: Array) -> Array:
    """Symmetric square roots (K, 2, 2) of covariances (K, 3), with standard deviations of at least 0.1 pixels."""
    matrices = covariances[:, [0, 1, 1, 2]].reshape(-1, 2, 2)
    values, vectors = np.linalg.eigh(matrices)
    return (vectors * np.sqrt(np.maximum(values, 0.01))[:, None, :]) @ vectors.transpose(0, 2, 1)


def _unit(box: Box) -> tuple[Array, float]:
    """The center (2,) of a box, and its unit of length: the square root of its area."""
    return np.array([box.x + box.w / 2, box.y + box.h / 2]), float(np.sqrt(box.w * box.h))


def _in_box(face: Places, box: Box, ids: Sequence[int]) -> Array:
    origin, unit = _unit(box)
    return (np.array([face.get(key, (np.nan, np.nan)) for key in ids], dtype=np.float64) - origin) / unit
