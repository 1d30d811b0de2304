"""The table of numbers, by hand on two faces, and the rule for flags."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mdmd.data.definition import Definition
from mdmd.data.records import Annotation, Box, Prediction, Sample
from mdmd.errors import DataError
from mdmd.evaluation.error_law import LAPLACIAN, RadialLaw
from mdmd.evaluation.evaluate import (
    LEFT,
    RECALL,
    Decides,
    Flagging,
    FlagRule,
    Tally,
    counterparts,
    evaluate,
    plain,
)
from tests.builders import SMALL

TRUTH = np.array([[10.0, 10.0], [30.0, 10.0], [20.0, 20.0], [20.0, 30.0]])


def face(shift: float, *, visibility: tuple[int, ...] = (2, 2, 2, 2), sigma: float = 1.0) -> tuple[Prediction, Sample]:
    """A face whose eyes lie 20 px apart and whose chin is predicted `shift` px too low."""
    sample = Sample(Path("a.png"), "a.png", 64, 48, Box(0, 0, 40, 40), Annotation(TRUTH, np.array(visibility)))
    off = TRUTH + np.array([[0, 0], [0, 0], [0, 0], [0, shift]])
    return Prediction(off, np.broadcast_to(sigma**2 * np.eye(2), (4, 2, 2))), sample


def measured(*pairs: tuple[Prediction, Sample], rule: FlagRule | None = None, law: RadialLaw = LAPLACIAN):
    predictions, samples = zip(*pairs, strict=True)
    return evaluate(SMALL, predictions, samples, rule or FlagRule(), law)


def test_two_faces_by_hand():
    numbers = measured(face(0.0), face(4.0))
    assert numbers["nme"] == pytest.approx(100 * (0.2 / 4) / 2)
    assert (numbers["n"], numbers["fr10"]) == (2, 0.0)
    assert numbers["coverage50"] == numbers["coverage90"] == 7 / 8  # one chin at 4 standard deviations
    assert numbers["coverage90_jaw"] == 0.5
    assert [numbers[f"coverage90_{g}"] for g in ("left_eye", "right_eye", "nose")] == [1.0, 1.0, 1.0]
    assert "coverage90_top_mouth" not in numbers
    # -log density of a unit Laplacian at 0 and at 4 px, in shares of 20 px.
    at_mean = np.log(2 * np.pi / 3) - 2 * np.log(20)
    assert numbers["nll"] == pytest.approx(at_mean + np.sqrt(3) * 4 / 8, abs=1e-5)
    # One error among eight points of one doubt: the curve stays at 1, the oracle falls to 0 at once.
    assert numbers["ause"] == pytest.approx(7 / 8)


def test_an_error_has_an_interval_from_five_faces_on():
    faces = [face(shift) for shift in (0.0, 1.0, 2.0, 3.0, 4.0)]
    few, enough = plain(measured(*faces[:4])), measured(*faces)
    assert (few["nme_low"], few["nme_high"]) == (None, None)
    assert 0 < enough["nme_low"] < enough["nme"] < enough["nme_high"] < 5


def test_sparsification_follows_the_predicted_spread():
    # The doubtful face's four points go first, in any order: what is left has 3, 2, 1 of their 4 mean errors among 7,
    # 6, 5 points, then none. The oracle is done after the first.
    expected = (3 / 4 * 8 / 7 + 2 / 4 * 8 / 6 + 1 / 4 * 8 / 5) / 8
    assert measured(face(0.0), face(4.0, sigma=2.0))["ause"] == pytest.approx(expected)
    spread = np.broadcast_to([[[1.0]], [[1.0]], [[1.0]], [[3.0]]], (4, 1, 1)) * np.eye(2)
    prediction, sample = face(4.0)
    assert measured((Prediction(prediction.points, spread), sample))["ause"] == 0.0


def test_points_that_are_not_labeled_do_not_count():
    numbers = measured(face(4.0, visibility=(2, 2, 1, 0)))
    assert (numbers["nme"], numbers["coverage90"]) == (0.0, 1.0)
    assert np.isnan(numbers["coverage90_jaw"])
    assert plain(numbers)["coverage90_jaw"] is None
    prediction, sample = face(0.0)
    with pytest.raises(DataError, match=r"a\.png: this face has no labels"):
        measured((prediction, replace(sample, annotation=None)))


def test_the_threshold_holds_the_expected_share_of_wrong_points():
    rule = FlagRule()
    p = np.array([[0.4, 0.3, 0.2], [0.06, 0.03, 0.01]])  # 1 wrong point expected, 0.8 of it asked for
    assert RECALL == 0.8
    flagged = p > rule.threshold_for(p)
    assert flagged.tolist() == [[True, True, True], [False, False, False]]  # 0.7 would be too little
    assert rule.threshold_for(p[:, ::-1]) == rule.threshold_for(p)


@pytest.mark.parametrize(
    ("p", "threshold"),
    [
        ([0.001] * 50, 0.05),  # hardly anything is wrong: nothing is flagged
        ([0.9, 0.8, 0.6, 0.55], 0.5),  # nearly all are wrong: all are flagged
        ([0.0, 0.0], 0.5),
        ([], 0.5),
    ],
)
def test_the_threshold_keeps_within_its_bounds(p: list[float], threshold: float):
    assert FlagRule().threshold_for(np.array(p)) == threshold


def test_flags_of_calibrated_points_catch_what_they_promise():
    rng = np.random.default_rng(0)
    p = rng.beta(0.5, 2.5, 20_000)
    wrong = rng.random(20_000) < p
    flagged = p > FlagRule().threshold_for(p)
    assert flagged[wrong].mean() == pytest.approx(RECALL, abs=0.02)
    assert flagged.mean() < 0.5


def test_where_many_points_are_wrong_flags_leave_few_of_all():
    p = np.linspace(0.1, 0.7, 1000)
    left = p[p <= FlagRule().threshold_for(p)].sum() / len(p)
    assert left == pytest.approx(LEFT, abs=0.001)
    assert p[p > FlagRule().threshold_for(p)].sum() / p.sum() > RECALL + 0.05


def flagging(p: list[float], rule: FlagRule | None = None, *, flagged_above: float | None = None) -> Flagging:
    """What `rule` says of the flags that it chose itself, or of those above a probability."""
    rule, found = rule or FlagRule(), np.array(p)
    threshold = rule.threshold_for(found) if flagged_above is None else flagged_above
    return rule.flagging(Tally.of(found, found > threshold))


@pytest.mark.parametrize(
    ("p", "threshold", "decides", "caught", "left"),
    [
        ([0.4, 0.3, 0.2, 0.06, 0.03, 0.01], 0.2, Decides.CATCH, 0.9, 0.1 / 6),
        ([0.45, 0.4, 0.4, 0.35, 0.3, 0.1], 0.3, Decides.LEAVE, 0.95, 0.1 / 6),
        ([0.06, *[0.04] * 9], 0.05, Decides.RARELY_WRONG, 0.06 / 0.42, 0.036),
        ([0.001] * 50, 0.05, Decides.RARELY_WRONG, 0.0, 0.001),
        ([0.9, 0.8, 0.6, 0.55], 0.5, Decides.MOSTLY_WRONG, 1.0, 0.0),
        ([0.9, 0.9, 0.3, 0.3, 0.3, 0.3, 0.01], 0.3, Decides.LEAVE, 3 / 3.01, 0.01 / 7),
    ],
)
def test_flags_tell_their_threshold_what_decided_it_and_what_they_do(p, threshold, decides, caught, left):
    found = flagging(p)
    assert (found.threshold, found.decides) == (pytest.approx(threshold), decides)
    assert (found.caught, found.left) == (pytest.approx(caught), pytest.approx(left))


def test_a_threshold_of_a_person_or_of_another_rule_is_told_as_such():
    p = [0.9, 0.5, 0.2, 0.01]
    by_hand = flagging(p, FlagRule(0.05, 0.33))
    assert (by_hand.tolerance, by_hand.threshold, by_hand.decides) == (0.05, 0.33, Decides.PERSON)
    assert by_hand.caught == pytest.approx(1.4 / 1.61)
    for rule in (FlagRule(), FlagRule(threshold=0.7)):
        other = flagging(p, rule, flagged_above=0.005)
        assert (other.threshold, other.decides) == (0.01, Decides.UNKNOWN)
    nothing = flagging([0.3, 0.2], flagged_above=0.9)
    assert (nothing.threshold, nothing.decides, nothing.caught) == (0.3, Decides.UNKNOWN, 0.0)
    assert flagging([0.0, 0.0]).caught is None


@pytest.mark.parametrize(
    ("tolerance", "threshold", "sentence"),
    [
        (0.0, None, "tolerance must be above 0, found 0.0"),
        (float("nan"), None, "tolerance must be above 0, found nan"),
        (0.1, 0.0, "threshold must be between 0 and 1, found 0.0"),
        (0.1, 1.0, "threshold must be between 0 and 1, found 1.0"),
    ],
)
def test_a_rule_out_of_range_is_refused(tolerance, threshold, sentence):
    with pytest.raises(DataError, match=f"^{sentence}$"):
        FlagRule(tolerance, threshold)


def test_a_given_threshold_is_not_changed():
    assert FlagRule(0.05, 0.33).threshold_for(np.array([0.1, 0.9])) == 0.33
    sure, doubtful = face(0.0, sigma=0.1), face(4.0, sigma=4.0)
    numbers = measured(sure, doubtful, rule=FlagRule(0.1, 0.5))
    assert (numbers["flag_recall"], numbers["flag_rate"]) == (1.0, 0.5)
    assert measured(sure, doubtful, rule=FlagRule(0.1, 0.99))["flag_rate"] == 0.0


def test_landmarks_are_matched_by_name_or_by_order_if_all_names_differ():
    order = [2, 0, 3, 1]
    mixed = Definition(
        "mixed",
        tuple(SMALL.landmarks[k] for k in order),
        tuple(SMALL.groups[k] for k in order),
        tuple(order.index(SMALL.mirror[k]) for k in order),
    )
    assert counterparts(SMALL, mixed) == [1, 3, 0, 2]
    assert counterparts(mixed, SMALL) == order
    named = replace(SMALL, landmarks=tuple("abcd"))
    assert counterparts(named, SMALL) == [0, 1, 2, 3]
    renamed = replace(SMALL, landmarks=(*SMALL.landmarks[:3], "point"))
    assert counterparts(renamed, SMALL) == [0, 1, 2, 3]


def test_other_landmarks_are_refused_by_name():
    first, second, *rest = SMALL.landmarks
    crossed = replace(SMALL, landmarks=(second, first, *rest[:-1], "point"))
    with pytest.raises(DataError, match=f"it has other landmarks, '{second}' for '{first}', '{first}' for '{second}'"):
        counterparts(crossed, SMALL)
    moved = replace(SMALL, landmarks=tuple("abcd"), groups=(*SMALL.groups[:3], 0))
    assert SMALL.groups[3] != 0
    with pytest.raises(DataError, match=f"'d' for '{rest[-1]}'$"):
        counterparts(moved, SMALL)
    with pytest.raises(DataError, match="3 landmarks, wanted 4"):
        counterparts(Definition("three", tuple("abc"), SMALL.groups[:3], (0, 1, 2)), SMALL)
