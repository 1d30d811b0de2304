"""Who takes over: seldom a worse one, nearly always one that is much better, never one that could not be judged."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from labeler.analysis.better_model import (
    FEWEST,
    LARGEST,
    ONE_IN,
    Decision,
    Reason,
    advice,
    fitness,
    judge,
    measuring,
    shows_challenger,
)

Array = NDArray[np.float64]
Three = tuple[Array, Array, Array]

#: Points of a face, and the error from which a point is wrong.
POINTS, TOLERANCE = 4, 0.1
#: How many projects are simulated from the first measuring faces on.
PROJECTS = 25


def drawn(rng: np.random.Generator, ratio: float, faces: int = 20, spread: float = 0.25) -> Three:
    """Errors of a challenger that is truly `ratio` times as wrong as the incumbent, of that one and of the mean shape.

    `spread` is the standard deviation of the log ratio of a face's two errors.
    """
    face = 0.07 * np.exp(0.5 * rng.normal(size=(faces, 1)))
    both = [face * np.exp(spread / math.sqrt(2) * rng.normal(size=(faces, 1))) * np.ones(POINTS) for _ in range(2)]
    return ratio * both[0], both[1], np.full((faces, POINTS), 0.3)


def share(ratio: float, times: int = 200) -> float:
    """How often a challenger takes over on 20 faces."""
    rng = np.random.default_rng(1)
    return float(np.mean([judge(*drawn(rng, ratio), tolerance=TOLERANCE).takes_over for _ in range(times)]))


def constant(*errors: float, faces: int = 20) -> Three:
    first, second, third = (np.full((faces, POINTS), error) for error in errors)
    return first, second, third


# One decision


def test_a_challenger_that_is_15_percent_better_takes_over():
    assert share(0.85) > 0.95


@pytest.mark.parametrize(("ratio", "most"), [(1.0, 0.3), (1.02, 0.2), (1.05, 0.12), (1.1, 0.03)])
def test_a_challenger_that_is_no_better_seldom_takes_over(ratio: float, most: float):
    assert share(ratio) < most


def test_a_much_worse_challenger_never_takes_over():
    assert share(1.5) == 0


@pytest.mark.parametrize("faces", [5, 8])
def test_few_faces_are_no_excuse_for_a_much_worse_one(faces: int):
    rng = np.random.default_rng(2)
    assert not any(judge(*drawn(rng, 1.6, faces), tolerance=TOLERANCE).takes_over for _ in range(100))


def test_the_figures_of_a_decision_are_those_of_the_errors():
    found = judge(*constant(0.06, 0.08, 0.3, faces=30), tolerance=TOLERANCE)
    assert found.reason is Reason.BETTER
    assert found.faces == 30
    assert (found.error, found.against) == pytest.approx((0.06, 0.08))
    assert 0.15 < found.gain < 0.286  # 2 (0.08 - 0.06) / (0.08 + 0.06), less what is expected by chance
    assert found.sure > 0.99
    assert advice(found) is None


@pytest.mark.parametrize("errors", [(0.07, 0.07, 0.3), (0.0, 0.0, 0.3), (0.069, 0.07, 0.3)])
def test_a_tie_keeps_the_old_one(errors: tuple[float, float, float]):
    found = judge(*constant(*errors), tolerance=TOLERANCE)
    assert found.reason is Reason.NO_BETTER
    assert advice(found) == "train longer"


def test_a_small_difference_is_no_reason_however_sure_it_is():
    found = judge(*constant(0.0695, 0.07, 0.3, faces=20_000), tolerance=TOLERANCE)
    assert found.sure > 0.99
    assert found.reason is Reason.NO_BETTER


def test_the_unit_of_errors_does_not_matter():
    rng = np.random.default_rng(3)
    one, other, mean = drawn(rng, 0.9)
    found, larger = (judge(unit * one, unit * other, unit * mean, tolerance=unit * TOLERANCE) for unit in (1.0, 3.0))
    assert (larger.gain, larger.sure) == pytest.approx((found.gain, found.sure))


# Again and again


def replacements(ratio: float, *, hold: bool) -> list[int]:
    """How often the one in charge is replaced in projects that judge two proposers after every third face."""
    rng = np.random.default_rng(4)
    counts = []
    for _ in range(PROJECTS):
        second, first, mean = drawn(rng, ratio, 40)
        both, lead, been, count = (first, second), 0, {0}, 0
        for faces in range(FEWEST, 41, 3):
            arrays = (both[1 - lead][:faces], both[lead][:faces], mean[:faces])
            if judge(*arrays, tolerance=TOLERANCE, returning=hold and 1 - lead in been).takes_over:
                lead, count = 1 - lead, count + 1
                been.add(lead)
        counts.append(count)
    return counts


def test_a_tie_does_not_go_to_and_fro():
    counts = replacements(1.0, hold=True)
    assert max(counts) <= 2
    assert np.mean(np.array(counts) > 1) <= 0.05
    assert sum(replacements(1.0, hold=False)) >= sum(counts)


def test_a_better_one_takes_over_once_and_stays():
    assert replacements(0.85, hold=True) == [1] * PROJECTS


def test_one_that_was_replaced_must_be_surer_to_come_back():
    rng = np.random.default_rng(5)
    cases = [drawn(rng, 0.95) for _ in range(100)]
    first, again = ([judge(*case, tolerance=TOLERANCE, returning=back) for case in cases] for back in (False, True))
    assert sum(one.takes_over for one in again) < sum(one.takes_over for one in first)
    assert all(one.takes_over for one, back in zip(first, again, strict=True) if back.takes_over)


# Who is never in charge


@pytest.mark.parametrize("faces", [0, 1, FEWEST - 1])
def test_too_few_faces_judge_nothing(faces: int):
    found = judge(*constant(0.01, 0.2, 0.3, faces=faces), tolerance=TOLERANCE)
    assert (found.reason, found.takes_over, found.faces) == (Reason.TOO_FEW_FACES, False, faces)
    assert found.more_faces == FEWEST - faces
    assert advice(found) == f"label about {(FEWEST - faces) * ONE_IN} more"
    assert advice(found, labels_a_face=1) == f"label about {FEWEST - faces} more"


def test_faces_without_labels_do_not_count():
    errors = constant(0.05, 0.08, 0.3)
    for array in errors:
        array[4:] = np.nan
        array[:4, 1:] = np.nan
    found = judge(*errors, tolerance=TOLERANCE)
    assert (found.reason, found.faces) == (Reason.TOO_FEW_FACES, 4)
    assert (found.error, found.against) == pytest.approx((0.05, 0.3))
    nothing = judge(*constant(math.nan, math.nan, math.nan), tolerance=TOLERANCE)
    assert (nothing.reason, nothing.faces, nothing.more_faces) == (Reason.TOO_FEW_FACES, 0, FEWEST)
    assert math.isnan(nothing.error)
    assert math.isnan(nothing.against)


@pytest.mark.parametrize("error", [0.3, 0.31, 0.9])
def test_one_that_is_no_better_than_the_mean_shape_is_never_in_charge(error: float):
    challenger, incumbent, mean = constant(error, 2.0, 0.3)
    for found in (judge(challenger, incumbent, mean, tolerance=TOLERANCE), fitness(challenger, mean, tolerance=0.1)):
        assert found.reason is Reason.NO_BETTER_THAN_MEAN_SHAPE
        assert found.against == pytest.approx(0.3)
        assert advice(found) == "train longer"


def test_one_that_may_be_better_than_the_mean_shape_asks_for_more_labels():
    challenger, _, mean = constant(0.27, 0.3, 0.3, faces=5)
    found = fitness(challenger, mean, tolerance=TOLERANCE)
    assert found.reason is Reason.NO_BETTER_THAN_MEAN_SHAPE
    assert found.more_faces is not None
    challenger, _, mean = constant(0.27, 0.3, 0.3, faces=5 + found.more_faces)
    assert fitness(challenger, mean, tolerance=TOLERANCE).takes_over


def test_as_many_more_faces_as_estimated_decide():
    found = judge(*constant(0.066, 0.07, 0.3, faces=6), tolerance=TOLERANCE)
    assert found.reason is Reason.NOT_SURE
    assert found.more_faces is not None
    for more, reason in ((found.more_faces, Reason.BETTER), (found.more_faces // 2, Reason.NOT_SURE)):
        assert judge(*constant(0.066, 0.07, 0.3, faces=6 + more), tolerance=TOLERANCE).reason is reason


def test_a_model_that_diverged_never_takes_over():
    challenger, incumbent, mean = constant(0.01, 0.2, 0.3)
    for error in (math.nan, math.inf):
        challenger[5:] = error
        found = judge(challenger, incumbent, mean, tolerance=TOLERANCE)
        assert found.reason is Reason.NO_BETTER_THAN_MEAN_SHAPE
        assert 0.7 * LARGEST < found.error < LARGEST


def planted(rng: np.random.Generator, kind: int) -> Array:
    """Factors (40, POINTS) of a bad model's errors beside those of the incumbent."""
    other = np.exp(0.3 * rng.normal(size=(40, 1))) * np.ones(POINTS)
    if kind == 0:  # stopped at step 3: it knows little more than the mean shape
        return 0.3 / 0.07 * other
    if kind == 1:  # a wrong learning rate: some predictions are no numbers
        return np.where(rng.random((40, POINTS)) < 0.3, np.nan, 5 * other)
    return np.where(np.arange(POINTS) == 0, 3, 1) * other  # poisoned labels of one landmark in four


@pytest.mark.parametrize("kind", range(3))
def test_of_20_planted_bad_models_none_is_ever_in_charge(kind: int):
    rng = np.random.default_rng(7)
    for _ in range(20):
        _, incumbent, mean = drawn(rng, 1.0, 40)
        challenger = incumbent * planted(rng, kind)
        for faces in range(FEWEST, 41, 5):
            found = judge(challenger[:faces], incumbent[:faces], mean[:faces], tolerance=TOLERANCE)
            assert not found.takes_over


# Labels that were taken over from what was shown


def anchored(rng: np.random.Generator, ratio: float, sides: NDArray[np.int_]) -> Three:
    """Errors against labels that a person made from the points on the screen, nine points a face.

    `sides` as for `judge`. Points with an error below the tolerance are taken unmoved.
    """
    size = 0.07 * np.exp(0.4 * rng.normal(size=(len(sides), 1, 1)))
    own = [np.exp(0.15 * rng.normal(size=size.shape)) for _ in range(2)]
    first, second = (factor * size * rng.normal(size=(len(sides), 9, 2)) / 1.25 for factor in own)
    first = ratio * first
    mean = 0.3 * rng.normal(size=first.shape)
    seen = np.where((sides > 0)[:, None, None], first, second)
    taken = (np.linalg.norm(seen, axis=-1) < TOLERANCE) & (sides != 0)[:, None]
    label = np.where(taken[..., None], seen, 0)
    a, b, c = (np.linalg.norm(points - label, axis=-1) for points in (first, second, mean))
    return a, b, c


ONE, HALVES = np.full(20, -1), np.tile([1, -1], 10)


def decisions(ratio: float, sides: NDArray[np.int_], *, told: bool = True) -> list[Decision]:
    """Of 100 challengers; not `told`: as if the person had not seen any points."""
    rng = np.random.default_rng(6)
    shown = sides if told else sides[:0]
    return [judge(*anchored(rng, ratio, sides), shown, tolerance=TOLERANCE) for _ in range(100)]


def gain(found: list[Decision]) -> float:
    return float(np.mean([one.gain for one in found]))


def takeovers(found: list[Decision]) -> float:
    return float(np.mean([one.takes_over for one in found]))


def test_labels_over_one_proposer_would_favor_it():
    assert gain(decisions(1.0, ONE, told=False)) < -0.3


def test_labels_over_one_proposer_let_a_much_better_one_take_over_and_never_a_worse_one():
    assert -0.1 < gain(decisions(1.0, ONE)) < 0
    assert takeovers(decisions(0.6, ONE)) > 0.9
    assert takeovers(decisions(1.15, ONE)) == 0


def test_halves_over_either_favor_none_and_leave_the_difference():
    assert abs(gain(decisions(1.0, HALVES))) < 0.01
    assert takeovers(decisions(0.85, HALVES)) > 0.7
    assert takeovers(decisions(1.15, HALVES)) < 0.05


def test_halves_of_different_size_weigh_the_same():
    uneven = np.array([1] * 4 + [-1] * 16)
    assert abs(gain(decisions(1.0, uneven))) < 0.02
    assert gain(decisions(1.0, uneven, told=False)) < -0.1


def test_figures_on_labels_over_shown_points_agree_with_the_decision():
    for ratio in (0.7, 1.0, 1.4):
        for found in decisions(ratio, ONE):
            assert found.against < found.error or found.gain > 0 or found.reason is Reason.NO_BETTER_THAN_MEAN_SHAPE


def test_nothing_tells_two_apart_that_are_never_beyond_the_tolerance():
    found = judge(*constant(0.02, 0.06, 0.3), HALVES, tolerance=TOLERANCE)
    assert (found.reason, found.gain) == (Reason.NO_BETTER, 0)


def test_arrays_that_do_not_fit_are_refused():
    challenger, incumbent, mean = constant(0.05, 0.07, 0.3)
    with pytest.raises(ValueError, match=r"found arrays of the shapes \(19, 4\), \(20, 4\)"):
        judge(challenger[1:], incumbent, mean[1:], tolerance=TOLERANCE)
    with pytest.raises(ValueError, match=r"\(3,\)"):
        judge(challenger, incumbent, mean, [1, -1, 0], tolerance=TOLERANCE)


# Which subjects


def test_one_subject_in_five_is_for_measuring_and_half_of_them_show_the_challenger():
    subjects = [f"subject {k}" for k in range(4000)]
    kept = [one for one in subjects if measuring(one)]
    assert len(kept) / len(subjects) == pytest.approx(1 / ONE_IN, abs=0.02)
    assert np.mean([shows_challenger(one) for one in kept]) == pytest.approx(0.5, abs=0.05)


def test_the_same_subjects_are_for_measuring_on_every_machine():
    assert [k for k in range(40) if measuring(f"subject {k}")] == [5, 7, 21, 30, 32, 33]
    assert [k for k in range(12) if shows_challenger(f"subject {k}")] == [0, 2, 3, 5, 6, 8, 9, 11]


def test_any_name_of_a_file_is_a_subject():
    assert isinstance(measuring("caf\udce9.jpg"), bool)
