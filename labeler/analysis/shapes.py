"""The shapes of labeled faces, and where landmarks are to be expected given those that are placed. numpy only.

A face in its box is a mean shape that deviates and is then turned, scaled and shifted. With points of the plane:

    p_i = c (m_i + r_i) + t,      (c, t, r) ~ N((pose, 0), spread)

`c` is a rotation times a scale and `t` a shift, both in units of the box; how they go with the deviations r is learned
too. Given the c in front of r this is linear in (c, t, r), so that places and known points are jointly Gaussian and
the expected rest is the textbook conditional mean.
The box alone speaks where no point is known; one point moves the whole face with it; two and more turn and scale it,
and a landmark's neighbours follow it closer than others as far as the labeled faces agree on that.

With few faces their covariance says little. It is shrunk towards a smooth one, in which near landmarks deviate
together, and which counts as much as `PRIOR_FACES` faces; so one face is enough to begin with, and the covariance has
full rank however many landmarks there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mdmd.data.records import Box
from mdmd.errors import DataError

Array = NDArray[np.float64]

#: The smooth covariance, in units of a shape's root mean square radius: how far landmarks deviate, over which
#: distance they do so together, and what each deviates by itself (a hand that clicks).
DEVIATION, REACH, FLOOR = 0.12, 0.3, 0.02
#: How much boxes and faces disagree before any were seen: turn and scale as a share, shifts in units of the box.
POSE_TURN, POSE_SHIFT = 0.25, 0.15
#: What that counts for beside the labeled faces.
PRIOR_FACES = 8.0
#: Over which distance errors of predictions go together, in the same units; found by correcting the worst predicted
#: points of `stylised9` and looking at the others.
ERROR_REACH = 1.0
#: A face needs as many points to have a shape.
FEWEST_POINTS = 2
#: A shape whose root mean square radius is a smaller share of its box is a spot and has no scale.
SPOT = 0.01
#: Rounds of fitting poses to the mean and the mean to poses; linearisations of the turn.
ALIGNMENTS, TURNS = 6, 3
#: The squared Mahalanobis distance of a pose that one face in a hundred is beyond.
SURPRISE = 13.3

Places = Mapping[int, tuple[float, float]]


@dataclass(frozen=True, eq=False)
class ShapeModel:
    """What labeled faces say of a shape, over N landmarks `ids`.

    `mean` (N, 2) has its centre at 0 and a root mean square radius of 1. `pose` is the (cx, cy, tx, ty) that carries it
    into a box, in units of `_unit`. `spread` (4 + 2N, 4 + 2N) is the covariance of a face's pose and of its deviations,
    x and y of a landmark side by side, in units of the mean. `faces` is from how many labeled faces it was learned.
    """

    ids: tuple[int, ...]
    mean: Array
    pose: Array
    spread: Array
    faces: int

    def conditional(self, known: Places, box: Box) -> dict[int, tuple[float, float]]:
        """The expected places of all landmarks of the model that are not in `known`, in the pixels of `known`.

        Landmarks that the model does not know are passed over.
        """
        origin, unit = _unit(box)
        columns = [k for k, key in enumerate(self.ids) if key in known]
        places = (np.array([known[self.ids[k]] for k in columns], dtype=np.float64).reshape(-1, 2) - origin) / unit
        expected, pose, surprise = self._expected(columns, places, self.pose[:2], 0.0)
        for _ in range(TURNS):
            if np.hypot(*pose[:2]) < 0.2 * np.hypot(*self.pose[:2]):
                break  # the known points lie on one spot: they tell no turn
            expected, pose, surprise = self._expected(columns, places, pose[:2], surprise)
        expected = expected * unit + origin
        return {key: (float(x), float(y)) for key, (x, y) in zip(self.ids, expected, strict=True) if key not in known}

    def _expected(
        self, columns: Sequence[int], places: Array, turn: Array, surprise: float
    ) -> tuple[Array, Array, float]:
        """All places (N, 2) and the pose in units of the box, expected given `places` of the landmarks `columns`.

        `turn` is the c in front of r: deviations turn with the face. Last comes the squared Mahalanobis distance of
        the pose; where that was `surprise` far out, the law of poses is widened: its tails are no Gaussian's.
        """
        rows = np.array([row for k in columns for row in (2 * k, 2 * k + 1)], dtype=int)
        basis, there = _basis(self.mean), _rotation(turn)
        wider = np.sqrt(max(1.0, surprise / SURPRISE))
        # In the frame of the mean, where deviations are upright: everything divided by the turn.
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
        """This model with the face `known` in `box` in place of the mean, and that face's pose.

        What `known` lacks is where the model expects it.
        """
        origin, unit = _unit(box)
        complete = {**self.conditional(known, box), **known}
        places = (np.array([complete[key] for key in self.ids], dtype=np.float64) - origin) / unit
        [pose] = _fit(self.mean, places[None], self.pose, self.spread[:4, :4])
        return replace(self, mean=_upright(places[None], pose[None])[0], pose=pose)


def learn(faces: Iterable[tuple[Places, Box]], ids: Sequence[int]) -> ShapeModel:
    """A model of the landmarks `ids` from labeled faces, each with the places of its labeled landmarks and its box.

    Landmarks may be missing; one that no face has is not in the model. Faces with fewer than `FEWEST_POINTS` of the
    landmarks say nothing of a shape and are passed over. Raises DataError when none is left.
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
    """Where predicted landmarks are to be expected once `known` ones were corrected.

    A prediction is off by e_i ~ N(0, C_i), with C_i (sxx, sxy, syy) in `covariances`: the prior. How the errors of
    different landmarks hang together no prediction says. Shapes do not say it either, for what the network has learned
    of them is in its means; but who is wrong about one landmark is wrong about its neighbours in the same direction.
    With symmetric square roots, e_i = C_i^(1/2) z_i, and E[z_i z_j'] is the unit matrix times

        rho_ij = exp(-distance_ij / ERROR_REACH),      distances in units of the shape's root mean square radius,

    which is a covariance whose own blocks are the predicted ones. Corrections tell z of the corrected landmarks k, so
    an untouched one is expected at p_u + C_u^(1/2) rho_uk rho_kk^-1 z_k: sure predictions stay, doubtful ones follow,
    near ones further than distant ones. Without a correction all stay.
    """
    keys = list(predicted)
    corrected = [k for k, key in enumerate(keys) if key in known]
    rest = [k for k, key in enumerate(keys) if key not in known]
    means = np.array([predicted[key] for key in keys], dtype=np.float64).reshape(-1, 2)
    roots = _roots(np.array([covariances[key] for key in keys], dtype=np.float64).reshape(-1, 3))
    shape, _ = _normalised(means)
    distances = np.sqrt(((shape[:, None] - shape) ** 2).sum(axis=2))
    # The little on the diagonal is each landmark's own: two on one spot are still two.
    rho = np.exp(-distances / ERROR_REACH) + 0.01 * np.eye(len(keys))
    off = np.array([known[keys[k]] for k in corrected], dtype=np.float64).reshape(-1, 2) - means[corrected]
    z = np.linalg.solve(roots[corrected], off[:, :, None])[:, :, 0]
    moved = rho[np.ix_(rest, corrected)] @ np.linalg.solve(rho[np.ix_(corrected, corrected)], z)
    expected = means[rest] + np.einsum("kab,kb->ka", roots[rest], moved)
    return {keys[k]: (float(x), float(y)) for k, (x, y) in zip(rest, expected, strict=True)}


def _align(places: Array, seen: NDArray[np.bool_]) -> tuple[Array, Array, Array]:
    """Mean shape (N, 2), the pose of every face (F, 4) and the mean pose (4,), by turns; `places` (F, N, 2)."""
    first = int(seen.sum(axis=1).argmax())
    mean, middle = _normalised(places[first])
    poses = np.tile(middle, (len(places), 1))
    for _ in range(ALIGNMENTS):
        poses = _fit(mean, places, middle, _prior_spread(middle))
        sums, counts = np.where(seen[:, :, None], _upright(places, poses), 0.0).sum(axis=0), seen.sum(axis=0)
        mean, change = _normalised(sums / counts[:, None])
        # The same poses, told in units of the new mean.
        poses = poses @ _compose(change).T
        middle = poses.mean(axis=0)
    return mean, poses, middle


def _fit(mean: Array, places: Array, pose: Array, spread: Array) -> Array:
    """The likeliest poses (F, 4) of `places` (F, N, 2) around `mean`, expected as (pose, spread); NaN is missing."""
    basis = _basis(mean)
    known = (np.isfinite(places) & np.isfinite(mean)).reshape(len(places), -1)
    basis, values = np.nan_to_num(basis), np.where(known, places.reshape(len(places), -1), 0.0)
    squares = (known @ (basis[:, :, None] * basis[:, None, :]).reshape(-1, 16)).reshape(-1, 4, 4)
    noise = (DEVIATION * np.hypot(*pose[:2])) ** 2
    precision = np.linalg.inv(spread)
    wanted = values @ basis / noise + precision @ pose
    return np.linalg.solve(squares / noise + precision, wanted[:, :, None])[:, :, 0]


def _basis(mean: Array) -> Array:
    """(2N, 4): times a pose it gives the x and y of the mean's landmarks in that pose."""
    x, y, one, zero = mean[:, 0], mean[:, 1], np.ones(len(mean)), np.zeros(len(mean))
    return np.stack([np.stack([x, -y, one, zero], axis=1), np.stack([y, x, zero, one], axis=1)], axis=1).reshape(-1, 4)


def _rotation(c: Array) -> Array:
    """(2, 2): the rotation and scale that the first two numbers of a pose stand for."""
    return np.array([[c[0], -c[1]], [c[1], c[0]]])


def _upright(places: Array, poses: Array) -> Array:
    """`places` (F, N, 2) with `poses` (F, 4) taken back."""
    flat = places - poses[:, None, 2:]
    x, y, a, b = flat[..., 0], flat[..., 1], poses[:, :1], poses[:, 1:2]
    return np.stack([a * x + b * y, a * y - b * x], axis=-1) / (a**2 + b**2)[..., None]


def _compose(change: Array) -> Array:
    """(4, 4): it takes a pose to that pose after `change`."""
    (cx, cy), (x, y) = change[:2], change[2:]
    return np.array([[cx, -cy, 0, 0], [cy, cx, 0, 0], [x, -y, 1, 0], [y, x, 0, 1]])


def _normalised(places: Array) -> tuple[Array, Array]:
    """`places` (N, 2), NaN where missing, at centre 0 and root mean square radius 1, and the pose that undoes that."""
    centre = np.nanmean(places, axis=0)
    radius = float(np.sqrt(np.nansum((places - centre) ** 2) / np.isfinite(places[:, 0]).sum()))
    radius = 1.0 if radius < SPOT else radius
    return (places - centre) / radius, np.array([radius, 0.0, *centre])


def _prior_spread(pose: Array) -> Array:
    turn = (POSE_TURN * np.hypot(*pose[:2])) ** 2
    return np.diag([turn, turn, POSE_SHIFT**2, POSE_SHIFT**2])


def _prior(mean: Array, pose: Array) -> Array:
    """(4 + 2N, 4 + 2N): the spread before any face was seen."""
    square = ((mean[:, None] - mean) ** 2).sum(axis=2)
    kernel = DEVIATION**2 * np.exp(-square / (2 * REACH**2)) + FLOOR**2 * np.eye(len(mean))
    spread = np.zeros((4 + 2 * len(mean), 4 + 2 * len(mean)))
    spread[:4, :4] = _prior_spread(pose)
    spread[4:, 4:] = np.kron(kernel, np.eye(2))
    return spread


def _definite(covariance: Array, *, complete: bool) -> Array:
    """The covariance itself, or, where missing points made some eigenvalues too small, with these raised."""
    if complete:
        return covariance
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.maximum(values, FLOOR**2 / 100)) @ vectors.T


def _roots(covariances: Array) -> Array:
    """Symmetric square roots (K, 2, 2) of covariances (K, 3) in pixels; none is surer than a tenth of a pixel."""
    matrices = covariances[:, [0, 1, 1, 2]].reshape(-1, 2, 2)
    values, vectors = np.linalg.eigh(matrices)
    return (vectors * np.sqrt(np.maximum(values, 0.01))[:, None, :]) @ vectors.transpose(0, 2, 1)


def _unit(box: Box) -> tuple[Array, float]:
    """The middle of a box and the length that its shapes are measured in."""
    return np.array([box.x + box.w / 2, box.y + box.h / 2]), float(np.sqrt(box.w * box.h))


def _in_box(face: Places, box: Box, ids: Sequence[int]) -> Array:
    origin, unit = _unit(box)
    return (np.array([face.get(key, (np.nan, np.nan)) for key in ids], dtype=np.float64) - origin) / unit
