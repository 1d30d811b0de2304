"""Predict every face with a model that was not trained on it, for sets too small to hold faces out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from mdmd.data.records import Prediction, Sample
from mdmd.errors import DataError

Predict = Callable[[Sequence[Sample]], Sequence[Prediction]]
Learn = Callable[[Sequence[Sample]], Predict]


def folds_of(samples: Sequence[Sample], folds: int, seed: int) -> list[list[int]]:
    """Indices of `samples` in `folds` parts of similar size, chosen by `seed`; a group is never split.

    Raises DataError if there are fewer groups than folds, or fewer than two folds.
    """
    groups = sorted({s.group for s in samples})
    if not 2 <= folds <= len(groups):
        raise DataError(f"found {folds} folds, wanted 2 to {len(groups)}, the number of groups of faces")
    parts: list[list[int]] = [[] for _ in range(folds)]
    members = {group: [k for k, s in enumerate(samples) if s.group == group] for group in groups}
    shuffled = [groups[k] for k in np.random.default_rng(seed).permutation(len(groups))]
    for group in sorted(shuffled, key=lambda g: -len(members[g])):
        min(parts, key=len).extend(members[group])
    return [sorted(part) for part in parts]


def cross_fit(samples: Sequence[Sample], folds: int, learn: Learn, seed: int) -> list[Prediction]:
    """A prediction for each of `samples`, in their order, by a model that `learn` trained on the other folds.

    `learn` must train as long as the model to be calibrated was trained; otherwise the ratio of standard deviations to
    errors differs.
    """
    found: dict[int, Prediction] = {}
    for part in folds_of(samples, folds, seed):
        left_out = set(part)
        predict = learn([s for k, s in enumerate(samples) if k not in left_out])
        found.update(zip(part, predict([samples[k] for k in part]), strict=True))
    return [found[k] for k in range(len(samples))]
