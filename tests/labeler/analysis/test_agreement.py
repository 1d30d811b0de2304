"""How exactly a person labels: planted noise comes back as the numbers that it must give."""

from __future__ import annotations

import math

import numpy as np
import pytest

from labeler.analysis.agreement import FEWEST, PERFECT, Noise, Pair, advice, measure
from mdmd.data.records import Box
from mdmd.evaluation.metrics import Measured
from tests.builders import SMALL

#: True places; the eyes are 100 pixels apart, the box has sides of 200.
TRUE = {1: (50.0, 60.0), 2: (150.0, 60.0), 3: (100.0, 100.0), 4: (100.0, 160.0)}
BOX = Box(0.0, 0.0, 200.0, 200.0)


def planted(faces: int, sigma: dict[int, float], *, seed: int = 0) -> list[Pair]:
    """Faces labeled twice, each time with Gaussian errors of so many pixels in each coordinate."""
    rng = np.random.default_rng(seed)

    def labels() -> dict[int, tuple[float, float]]:
        return {
            key: (float(x + rng.normal() * sigma[key]), float(y + rng.normal() * sigma[key]))
            for key, (x, y) in TRUE.items()
        }

    return [Pair(face, BOX, labels(), labels()) for face in range(faces)]


def test_planted_gaussian_noise_comes_back():
    # A tenth of a pixel at the eyes leaves the normalising distance at 100 pixels: a pixel is 1 %.
    noise = measure(SMALL, planted(1500, {1: 0.1, 2: 0.1, 3: 2.0, 4: 4.0}))
    rows = {row.name: row for row in noise.landmarks}
    assert rows["nose"].sigma == pytest.approx(2.0, rel=0.02)
    assert rows["chin"].sigma == pytest.approx(4.0, rel=0.02)
    assert rows["nose"].distance == pytest.approx(2.0 * math.sqrt(math.pi), rel=0.02)  # 3.54 %
    assert rows["chin"].oks == pytest.approx(math.sqrt(2) * 4.0 / 200, rel=0.02)  # 0.0283
    assert rows["chin"].pairs == 1500
    assert noise.floor is not None
    assert noise.floor.value == pytest.approx(math.sqrt(math.pi) * (0.1 + 0.1 + 2 + 4) / 4, rel=0.02)  # 2.75 %
    assert noise.floor.low < noise.floor.value < noise.floor.high
    assert noise.floor.high - noise.floor.low < 0.15


def test_a_perfect_model_pays_the_labels_noise_and_a_second_person_the_floor():
    pairs = planted(1500, dict.fromkeys(TRUE, 1.0), seed=3)
    noise = measure(SMALL, pairs)
    against_truth = np.mean([math.dist(pair.first[key], TRUE[key]) for pair in pairs for key in TRUE])
    assert noise.floor is not None
    assert PERFECT * noise.floor.value == pytest.approx(against_truth, rel=0.02)
    assert noise.floor.value == pytest.approx(math.sqrt(math.pi), rel=0.02)


def test_the_interval_holds_the_true_mean_as_often_as_it_says():
    truth = math.sqrt(math.pi) * 1.55
    found = [measure(SMALL, planted(20, {1: 0.1, 2: 0.1, 3: 2.0, 4: 4.0}, seed=seed)).floor for seed in range(100)]
    assert 85 <= sum(floor is not None and floor.low <= truth <= floor.high for floor in found) <= 99


def test_a_landmark_counts_only_where_both_have_it():
    pairs = [Pair(0, BOX, TRUE, {**TRUE, 3: (104.0, 103.0)})] * FEWEST
    pairs.append(Pair(9, BOX, {key: TRUE[key] for key in (1, 2, 3)}, {key: TRUE[key] for key in (1, 2)}))
    noise = measure(SMALL, pairs)
    nose, chin = noise.landmarks[2:]
    assert (noise.faces, nose.pairs, chin.pairs) == (6, 5, 5)
    assert (nose.distance, nose.sigma) == (pytest.approx(5.0), pytest.approx(2.5))
    assert noise.floor is not None
    assert noise.floor.value == pytest.approx((5 * 5 / 4 + 0) / 6)


def test_few_faces_say_only_how_many_they_are():
    assert measure(SMALL, planted(FEWEST - 1, dict.fromkeys(TRUE, 1.0))) == Noise(4)
    assert measure(SMALL, []) == Noise(0)
    assert Noise(0).sigmas is None
    assert measure(SMALL, [Pair(0, BOX, {77: (1.0, 1.0)}, {77: (2.0, 2.0)})] * 9) == Noise(0)


def test_sigmas_are_there_for_every_landmark_and_never_zero():
    few = [Pair(k, BOX, TRUE, {**TRUE, 3: (104.0, 103.0)}) for k in range(FEWEST)]
    sigmas = measure(SMALL, few).sigmas
    # sqrt(25 / 2) pixels of 200; the others did not move at all, and take that of all: a quarter of the squares.
    assert sigmas == pytest.approx([0.00884, 0.00884, 0.01768, 0.00884], abs=1e-5)
    assert measure(SMALL, [Pair(k, BOX, TRUE, TRUE) for k in range(FEWEST)]).sigmas is None


@pytest.mark.parametrize(
    ("nme", "said"),
    [
        (
            Measured(3.1, 2.8, 3.5),
            "The model is as accurate as you (NME 3.1 % against 3.0 % (2.6 to 3.4) between your two labelings): more "
            "labels of this kind will hardly improve it, and even a perfect model would have about 2.1 %.",
        ),
        (Measured(3.4, 2.4, 4.6), "The model is as accurate as you (NME 3.4 %"),
        (
            Measured(3.6, 3.4, 3.9),
            "The model has an NME of 3.6 % (3.4 to 3.9), your two labelings differ by 3.0 % (2.6 to 3.4): the "
            "held-out faces are too few to tell whether it is as accurate as you.",
        ),
        (
            Measured(2.2, math.nan, math.nan),
            "The model has an NME of 2.2 %, your two labelings differ by 3.0 % (2.6 to 3.4): the held-out faces are "
            "too few to tell whether it is as accurate as you.",
        ),
        (
            Measured(5.2, 4.8, 5.6),
            "The model has an NME of 5.2 % (4.8 to 5.6), your two labelings differ by 3.0 % (2.6 to 3.4): it is not "
            "as accurate as you yet.",
        ),
    ],
)
def test_the_advice_follows_the_intervals(nme: Measured, said: str):
    assert advice(nme, Measured(3.0, 2.6, 3.4)).startswith(said)
