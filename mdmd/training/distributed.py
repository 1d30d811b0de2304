"""The processes that train together: one, or as many as `accelerate launch` started.

Each process computes its part of every batch and gradients are summed, so the result does not depend on their number.
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
    """This process, number `index` of `count`, with its `device`. Number 0 is the main process and writes files."""

    index: int = 0
    count: int = 1
    device: torch.device = field(default_factory=compute_device)

    @property
    def main(self) -> bool:
        return self.index == 0

    def part(self, size: int) -> slice:
        """This process's part of a batch of `size` faces. Raises DataError if there are fewer faces than processes."""
        if size < self.count:
            raise DataError(f"found {self.count} processes, wanted at most {size}: one face of each batch per process")
        return slice(self.index * size // self.count, (self.index + 1) * size // self.count)

    def total(self, values: Tensor) -> Tensor:
        """The sum of `values` over all processes."""
        if self.count == 1:
            return values
        from accelerate.utils import reduce

        return reduce(values.to(self.device), reduction="sum")  # pyright: ignore[reportReturnType]

    def agree(self, value: float) -> float:
        """The `value` of the main process, in every process."""
        if self.count == 1:
            return value
        shared = torch.tensor(value if self.main else 0.0, dtype=torch.float64)
        return float(self.total(shared))

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace every gradient by its sum over all processes; all must have gradients of the same parameters."""
        if self.count == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        summed = self.total(torch.cat([g.flatten() for g in gradients]))
        for gradient, part in zip(gradients, summed.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient))

    def wait(self) -> None:
        """Wait until all processes have called this."""
        self.agree(0.0)


@contextlib.contextmanager
def launched() -> Iterator[Processes]:
    """The processes started by `accelerate launch` or torchrun, or this process alone."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield Processes()
        return
    from accelerate import PartialState

    state = PartialState(cpu=not torch.cuda.is_available())
    try:
        yield Processes(state.process_index, state.num_processes, torch.device(state.device or "cpu"))
    finally:
        state.destroy_process_group()
