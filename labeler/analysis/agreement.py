"""How exactly a person labels, from faces that they have labeled twice without seeing the first labels. numpy only.

Let a label be the true place plus an error e of its own, with standard deviation s in each coordinate. Two labelings of
a point then lie e2 - e1 apart: s is the root mean square of a coordinate's difference divided by sqrt 2, and for
Gaussian errors their mean distance is s sqrt(pi).

A model is measured against labels, so even a perfect one, which says the true place, pays the labels' own error: the
mean of |e1|, s sqrt(pi / 2), which is 0.71 of the distance between two labelings. A model whose NME *is* that distance
is as good as a second labeling by the same person. This is what a model is compared with (`floor`): it was measured
and takes no law of errors. Between it and 0.71 of it a model can be better than one labeling, as a mean of many would
be; below that it cannot get.

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

#: With fewer faces labeled twice nothing is said: an interval over so few faces is none.
FEWEST = 5
#: What is left of the distance between two labelings when one of the two makes no error.
PERFECT = 1 / math.sqrt(2)

Places = Mapping[int, tuple[float, float]]


@dataclass(frozen=True)
class Pair:
    """A face with its first and its second labels: places in pixels by landmark id, of those that both have.

    `box` is the one that a model learns the face in and that is exported: around the labels where nobody has drawn one.
    """

    face: int
    box: Box
    first: Places
    second: Places


class LandmarkNoise(NamedTuple):
    """One landmark over `pairs` pairs of labels; NaN where there are none.

    In percent of the normalising distance: `distance`, the mean between the two, which a model's mean error is compared
    with, and `sigma`, the standard deviation of one labeling in each coordinate. `oks` is the keypoint's sigma as COCO
    defines it: the root mean square of the distance of one labeling from the true place, over the root of the face's
    area.
    """

    name: str
    pairs: int
    distance: float
    sigma: float
    oks: float


@dataclass(frozen=True)
class Noise:
    """What `faces` faces labeled twice say; `floor` (the mean distance between the two labelings as an NME in percent)
    is None and `landmarks` empty while they are too few."""

    faces: int
    floor: Measured | None = None
    landmarks: tuple[LandmarkNoise, ...] = ()

    @property
    def sigmas(self) -> list[float] | None:
        """COCO's sigma of each landmark; that of all where one has too few pairs, None while there is none."""
        known = [(row.pairs, row.oks) for row in self.landmarks if row.pairs]
        squares = sum(pairs * oks**2 for pairs, oks in known)
        if not squares:
            return None
        usual = math.sqrt(squares / sum(pairs for pairs, _ in known))
        return [round(row.oks if row.pairs >= FEWEST and row.oks else usual, 5) for row in self.landmarks]


def measure(definition: Definition, pairs: Sequence[Pair]) -> Noise:
    """The noise of labels from faces labeled twice; landmarks that are not in `definition` do not count."""
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
    # |e2 - e1|^2 is the sum of two coordinates, each with the variance of two labelings.
    sigma = math.sqrt(float((apart**2).mean()) / 4)
    oks = math.sqrt(float((in_box**2).mean()) / 2)
    return LandmarkNoise(name, len(apart), 100 * float(apart.mean()), 100 * sigma, oks)


def advice(nme: Measured, floor: Measured) -> str:
    """Whether more labels are worth it, for a model with this NME on held-out faces."""
    if nme.value <= floor.high:
        return (
            f"The model errs as you do (NME {nme.value:.1f} % against {_told(floor)} between your own two labelings): "
            f"more labels of this kind will hardly better it; even a perfect model would be at about "
            f"{PERFECT * floor.value:.1f} %."
        )
    both = f"The model errs by {_told(nme)}, your own two labelings by {_told(floor)}"
    if nme.low <= floor.high:
        return f"{both}: whether it is as exact as you cannot be told from so few held-out faces."
    return f"{both}: it is not as exact as you yet."


def _told(number: Measured) -> str:
    return f"{number.value:.1f} % ({number.low:.1f} to {number.high:.1f})"
