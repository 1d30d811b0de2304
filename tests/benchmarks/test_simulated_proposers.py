"""Who proposes while a strip is labeled, on drawn points and without training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from simulated_proposers import Proposers, side
from simulated_rounds import Round, Strip

from labeler.guidance.proposed import CARRIED
from mdmd.data.definition import Definition, load_definition
from mdmd.data.records import Annotation, Box, Prediction, Sample

#: The base's 68 points have errors of 4 pixels; a face is some 100 pixels wide. Two landmarks are base points.
KNOWN, NOISE, FACES = load_definition("300w"), 4.0, 40
DEFINITION = Definition("two", ("left", "right"), groups=(0, 0), mirror=(0, 1), normalizer=((0,), (1,)))
AT = (36, 45)


def drawn(count: int, seed: int) -> tuple[list[Sample], list[Prediction]]:
    rng = np.random.default_rng(seed)
    shape = rng.uniform(0, 100, (68, 2))
    shape[list(AT)] = [(20, 40), (80, 40)]
    samples, seen = [], []
    for k in range(count):
        true = shape + rng.normal(0, 5, 2) + rng.normal(0, 1, shape.shape)
        name = f"{seed}-{k}"
        labels = Annotation(true[list(AT)], np.array([2, 2]))
        samples.append(Sample(Path(name), name, 100, 100, Box(0, 0, 100, 100), labels, group=name))
        noisy = true + NOISE * rng.normal(size=true.shape)
        seen.append(Prediction(noisy, np.tile(NOISE**2 * np.eye(2), (68, 1, 1))))
    return samples, seen


def strip() -> Strip:
    (faces, seen), (test, seen_test) = drawn(FACES, 0), drawn(10, 1)
    return Strip("two", DEFINITION, faces, test, Path("base"), "300w", KNOWN, seen, seen_test)


def a_round(own: Strip, number: int, error: float, learned: int = 5) -> Round:
    """One that is off by `error` pixels, expects 1 pixel, and has learned from the first faces."""
    rng = np.random.default_rng(number)

    def found(faces: list[Sample]) -> list[Prediction]:
        true = [face.annotation.points for face in faces if face.annotation is not None]
        covariance = np.tile(np.eye(2), (2, 1, 1))
        return [Prediction(points + error * rng.normal(size=(2, 2)), covariance) for points in true]

    subjects = frozenset(face.group for face in own.faces[:learned])
    return Round(number, learned, subjects, 60, 60.0, found(list(own.faces)), found(list(own.test)), Path("round"))


def labeled(own: Strip, made: Round) -> tuple[Proposers, list[str]]:
    """What is in charge after each face, if `made` ends after the tenth."""
    proposers, charge = Proposers(own, 0.02, looked=True), []
    for k, face in enumerate(own.faces):
        assert face.annotation is not None
        proposers.label(k, face.annotation, np.zeros(2))
        if k == 9:
            proposers.learned(made)
        charge.append(proposers.in_charge)
    return proposers, charge


def test_carried_points_propose_until_a_better_round_is_judged():
    own = strip()
    proposers, charge = labeled(own, a_round(own, 1, error=0.5))
    assert charge[:9] == 9 * [CARRIED]
    assert charge[-1] == "round 1"
    errors = proposers.errors_on_test()
    assert errors["round 1"] < errors[CARRIED]


def test_a_bad_round_is_never_in_charge_and_the_next_one_begins_anew():
    own = strip()
    proposers, charge = labeled(own, a_round(own, 1, error=40.0))
    assert set(charge) == {CARRIED}
    assert proposers.fails


def test_an_earlier_round_counts_as_the_one_that_is_judged():
    assert side("round 1", ("round 2", CARRIED)) == 1
    assert side("round 1", (CARRIED, "round 2")) == -1
    assert side(CARRIED, ("round 2", CARRIED)) == -1
    assert side("round 1", ("round 3", "round 2")) == 0
