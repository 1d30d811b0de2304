"""How many threads numpy computes with."""

from __future__ import annotations

import numpy as np  # noqa: F401  (its library must be loaded to be found)
from threadpoolctl import ThreadpoolController


def one_for_numpy() -> None:
    """Let numpy's linear algebra use one thread in this process.

    Our systems are small and many. Several threads gain nothing, and beside other work they wait for each other: 378
    systems of 136 unknowns took 11 CPU seconds with two threads on a busy machine, and 0.1 with one. A server that
    started a process meanwhile waited for ever: OpenBLAS ends its threads when a process forks. PyTorch's own threads
    are not concerned.
    """
    ThreadpoolController().select(internal_api="openblas").limit(limits=1)
