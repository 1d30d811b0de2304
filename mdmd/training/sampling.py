"""Which faces each step learns from: a function of the seed and the step alone, so that a run can go on anywhere
and whoever prepares batches ahead changes nothing."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from mdmd.loading.batches import epochs


@dataclass(frozen=True, eq=False)
class Draw:
    """One step's faces: `index` into set number `which`, and the generator for everything random about them."""

    which: int
    index: list[int]
    generator: torch.Generator


def draws(
    counts: Sequence[int], batch_size: int, target_share: float | None, seed: int, *, start: int = 0
) -> Iterator[Draw]:
    """The draws of steps `start`, `start` + 1, ... without end, from sets of `counts` faces.

    Every set goes through its faces in epochs of its own; see `draw_set` for `target_share`.
    """
    streams = [epochs(count, batch_size, seeded(seed, 0, which)) for which, count in enumerate(counts)]
    for step in itertools.count():
        generator = seeded(seed, 1, step)
        which = draw_set(len(counts), target_share, generator)
        index = next(streams[which])
        if step >= start:
            yield Draw(which, index, generator)


def draw_set(count: int, target_share: float | None, generator: torch.Generator) -> int:
    """Which set the next batch comes from: each alike, or the first (the target) with `target_share`."""
    if target_share is None or count == 1:
        return int(torch.randint(count, (), generator=generator))
    if float(torch.rand((), generator=generator)) < target_share:
        return 0
    return 1 + int(torch.randint(count - 1, (), generator=generator))


def seeded(seed: int, *keys: int) -> torch.Generator:
    """A generator that depends on all the numbers given; different numbers give unrelated streams."""
    return torch.Generator().manual_seed(mixed(seed, *keys))


def mixed(seed: int, *keys: int) -> int:
    """One 64-bit seed from several numbers of any sign."""
    words = [number % 2**64 for number in (seed, *keys)]
    return int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0])
