"""Cross-fitting, with a `learn` that only records its faces."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from mdmd.data.records import Box, Prediction, Sample
from mdmd.errors import DataError
from mdmd.training.crossfit import cross_fit, folds_of


def faces(count: int, *, of_a_group: int = 1) -> list[Sample]:
    """Faces numbered from 0, `of_a_group` of them in each group."""
    box = Box(0, 0, 9, 9)
    return [Sample(Path("a"), "a", 9, 9, box, group=str(k // of_a_group), face_id=k) for k in range(count)]


@pytest.mark.parametrize(("count", "of_a_group", "folds"), [(25, 1, 5), (25, 3, 4), (7, 1, 7), (12, 2, 2)])
def test_every_face_is_predicted_by_a_model_that_has_not_seen_its_group(count: int, of_a_group: int, folds: int):
    taught: list[list[Sample]] = []

    def learn(shown: Sequence[Sample]):
        taught.append(list(shown))
        groups = {s.group for s in shown}

        def predict(unseen: Sequence[Sample]) -> list[Prediction]:
            assert groups.isdisjoint(s.group for s in unseen)
            return [Prediction(np.full((1, 2), float(s.face_id)), np.eye(2)[None]) for s in unseen]

        return predict

    found = cross_fit(faces(count, of_a_group=of_a_group), folds, learn, seed=3)
    assert [p.points[0, 0] for p in found] == list(range(count))
    assert len(taught) == folds
    assert sum(count - len(shown) for shown in taught) == count  # each face is left out once


def test_folds_are_even_and_chosen_by_the_seed():
    parts = folds_of(faces(25), 4, seed=0)
    assert sorted(len(part) for part in parts) == [6, 6, 6, 7]
    assert parts == folds_of(faces(25), 4, seed=0)
    assert parts != folds_of(faces(25), 4, seed=1)


@pytest.mark.parametrize("folds", [-1, 1, 5])
def test_impossible_numbers_of_folds_are_refused(folds: int):
    with pytest.raises(DataError, match=f"found {folds} folds, wanted 2 to 4"):
        folds_of(faces(8, of_a_group=2), folds, seed=0)
