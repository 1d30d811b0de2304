"""The processes that train together: one, or as many as `accelerate launch` started.

Each takes its part of every batch; gradients are summed, so that any number of processes learns what one would.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

import torch
from torch import Tensor, nn

from mdmd.device import compute_device
from mdmd.errors import DataError

Number = TypeVar("Number", int, float)


@dataclass(frozen=True)
class Processes:
    """This process among `count`, number `index`, with its own `device`. Number 0 is the one that writes files."""

    index: int = 0
    count: int = 1
    device: torch.device = field(default_factory=compute_device)

    @property
    def main(self) -> bool:
        return self.index == 0

    def part(self, size: int) -> slice:
        """This process's part of a batch of `size`; DataError when there would be none for somebody."""
        if size < self.count:
            raise DataError(f"{self.count} processes cannot share batches of {size}")
        return slice(self.index * size // self.count, (self.index + 1) * size // self.count)

    def total(self, values: Tensor) -> Tensor:
        """The sum of `values` over all processes."""
        if self.count == 1:
            return values
        from accelerate.utils import reduce

        return reduce(values.to(self.device), reduction="sum")  # pyright: ignore[reportReturnType]

    def agree(self, value: float) -> float:
        """The main process's `value`."""
        if self.count == 1:
            return value
        shared = torch.tensor(value if self.main else 0.0, dtype=torch.float64)
        return float(self.total(shared))

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace every gradient by its sum over all processes, which have gradients for the same parameters."""
        if self.count == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        summed = self.total(torch.cat([g.flatten() for g in gradients]))
        for gradient, part in zip(gradients, summed.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient))

    def wait(self) -> None:
        """Until all processes are here."""
        self.agree(0.0)


@contextlib.contextmanager
def launched() -> Iterator[Processes]:
    """The processes that `accelerate launch` (or torchrun) started this one among; alone without."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield Processes()
        return
    from accelerate import PartialState

    state = PartialState(cpu=not torch.cuda.is_available())
    try:
        yield Processes(state.process_index, state.num_processes, torch.device(state.device or "cpu"))
    finally:
        state.destroy_process_group()
