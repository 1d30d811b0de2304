"""The labeling error of a person, from faces labeled twice without seeing the first labels. numpy only.

Let a label be the true point plus an independent error e with standard deviation s in each coordinate. Two labelings of
a point then differ by e2 - e1, so s is the root mean square difference of a coordinate divided by sqrt 2. For Gaussian
errors the mean distance of two labelings is s sqrt(pi).

A model is evaluated against labels, so even a perfect model has the error of the labels: the mean of |e1| is
s sqrt(pi / 2), which is 0.71 times the mean distance of two labelings. A model whose NME equals that distance is as
accurate as a second labeling by the same person. Models are compared with this distance (`floor`), because it is
measured and assumes no error distribution. An NME between 0.71 times the floor and the floor means that the model is
more accurate than one labeling, like a mean of many labelings. A lower NME is not possible.

Hidden points count like visible ones, because a model's NME counts them too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mdmd.data.boxes import normalizing_distance
from mdmd.data.definition import Definition
from mdmd.data.records import Box
from mdmd.evaluation import metrics
from mdmd.evaluation.metrics import Measured

#: Fewer pairs give no result, because the confidence interval would be meaningless.
FEWEST = 5
#: The error of a perfect model as a share of the distance between two labelings.
PERFECT = 1 / math.sqrt(2)

Places = Mapping[int, tuple[float, float]]


@dataclass(frozen=True)
class Pair:
    """The first and second labels of a face: places in pixels by landmark id, for the landmarks that both have.

    `box` is the box used for training and export: around the labels if none was drawn.
    """

    face: int
    box: Box
    first: Places
    second: Places


class LandmarkNoise(NamedTuple):
    """The labeling error of one landmark over `pairs` pairs of labels; NaN without pairs.

    `distance` is the mean distance of the two labels, which a model's mean error is compared with, and `sigma` the
    standard deviation of one label in each coordinate. Both are in percent of the normalizing distance. `oks` is COCO's
    keypoint sigma: the root mean square distance of one label from the true point, divided by the square root of the
    face's area.
    """

    name: str
    pairs: int
    distance: float
    sigma: float
    oks: float


@dataclass(frozen=True)
class Noise:
    """The labeling error measured on `faces` faces labeled twice.

    `floor` is the mean distance between the two labelings as an NME in percent. With too few faces, `floor` is None and
    `landmarks` is empty.
    """

    faces: int
    floor: Measured | None = None
    landmarks: tuple[LandmarkNoise, ...] = ()

    @property
    def sigmas(self) -> list[float] | None:
        """COCO's sigma of each landmark, or of all together for one with too few pairs; None without pairs."""
        known = [(row.pairs, row.oks) for row in self.landmarks if row.pairs]
        squares = sum(pairs * oks**2 for pairs, oks in known)
        if not squares:
            return None
        usual = math.sqrt(squares / sum(pairs for pairs, _ in known))
        return [round(row.oks if row.pairs >= FEWEST and row.oks else usual, 5) for row in self.landmarks]


def measure(definition: Definition, pairs: Sequence[Pair]) -> Noise:
    """The labeling error from pairs of labelings; landmarks that are not in `definition` do not count."""
    pairs = [pair for pair in pairs if set(definition.ids) & pair.first.keys() & pair.second.keys()]
    if len(pairs) < FEWEST:
        return Noise(len(pairs))
    nowhere = (math.nan, math.nan)
    first = np.array([[pair.first.get(key, nowhere) for key in definition.ids] for pair in pairs])
    second = np.array([[pair.second.get(key, nowhere) for key in definition.ids] for pair in pairs])
    both = np.isfinite(first[..., 0]) & np.isfinite(second[..., 0])
    distance = np.array(
        [normalizing_distance(definition, points, pair.box) for points, pair in zip(first, pairs, strict=True)]
    )
    apart = metrics.point_errors(second, first, both, distance)
    in_box = metrics.point_errors(second, first, both, np.sqrt([pair.box.w * pair.box.h for pair in pairs]))
    nme = 100 * metrics.face_nme(apart)
    return Noise(
        len(pairs),
        metrics.measured(nme),
        tuple(
            _landmark(name, apart[both[:, k], k], in_box[both[:, k], k]) for k, name in enumerate(definition.landmarks)
        ),
    )


def _landmark(name: str, apart: np.ndarray, in_box: np.ndarray) -> LandmarkNoise:
    if not len(apart):
        return LandmarkNoise(name, 0, math.nan, math.nan, math.nan)
    # |e2 - e1|^2 is a sum over two coordinates, each with the variance of two labelings, so 4 sigma^2 is expected.
    sigma = math.sqrt(float((apart**2).mean()) / 4)
    oks = math.sqrt(float((in_box**2).mean()) / 2)
    return LandmarkNoise(name, len(apart), 100 * float(apart.mean()), 100 * sigma, oks)


def advice(nme: Measured, floor: Measured) -> str:
    """Whether more labels are worth it, for a model with this NME in percent on held-out faces."""
    both = f"The model has an NME of {_told(nme)}, your two labelings differ by {_told(floor)}"
    too_few = f"{both}: the held-out faces are too few to tell whether it is as accurate as you."
    if not nme.has_interval:
        return too_few
    if nme.value <= floor.high:
        return (
            f"The model is as accurate as you (NME {nme.value:.1f} % against {_told(floor)} between your two "
            f"labelings): more labels of this kind will hardly improve it, and even a perfect model would have about "
            f"{PERFECT * floor.value:.1f} %."
        )
    if nme.low <= floor.high:
        return too_few
    return f"{both}: it is not as accurate as you yet."


def _told(number: Measured) -> str:
    interval = f" ({number.low:.1f} to {number.high:.1f})" if number.has_interval else ""
    return f"{number.value:.1f} %{interval}"
