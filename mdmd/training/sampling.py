"""Which faces each step trains on.

This depends on the seed and the step only, so a run can resume at any step and batches can be prepared ahead.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from mdmd.loading.batches import epochs


@dataclass(frozen=True, eq=False)
class Draw:
    """The faces of one step: indices `index` into set number `which`, and the generator of their augmentation."""

    which: int
    index: list[int]
    generator: torch.Generator


def draws(
    counts: Sequence[int], batch_size: int, target_share: float | None, seed: int, *, start: int = 0
) -> Iterator[Draw]:
    """The draws of steps `start`, `start` + 1 and so on, without end, from sets of `counts` faces.

    Every set has its own epochs. `target_share` is explained in `draw_set`.
    """
    streams = [epochs(count, batch_size, seeded(seed, 0, which)) for which, count in enumerate(counts)]
    for step in itertools.count():
        generator = seeded(seed, 1, step)
        which = draw_set(len(counts), target_share, generator)
        index = next(streams[which])
        if step >= start:
            yield Draw(which, index, generator)


def draw_set(count: int, target_share: float | None, generator: torch.Generator) -> int:
    """The set of the next batch: uniformly random, or the first (the target) with probability `target_share`."""
    if target_share is None or count == 1:
        return int(torch.randint(count, (), generator=generator))
    if float(torch.rand((), generator=generator)) < target_share:
        return 0
    return 1 + int(torch.randint(count - 1, (), generator=generator))


def seeded(seed: int, *keys: int) -> torch.Generator:
    """A generator seeded with all these numbers; different numbers give independent streams."""
    return torch.Generator().manual_seed(mixed(seed, *keys))


def mixed(seed: int, *keys: int) -> int:
    """One 64-bit seed from several numbers, which may be negative."""
    words = [number % 2**64 for number in (seed, *keys)]
    return int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0])
