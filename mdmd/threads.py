"""How many threads numpy computes with."""

from __future__ import annotations

import numpy as np  # noqa: F401  (its library must be loaded to be found)
from threadpoolctl import ThreadpoolController


def one_for_numpy() -> None:
    """Let numpy's linear algebra use one thread in this process.

    Our systems are small and many. Several threads gain nothing, and beside other work they wait for each other
    (`benchmarks/numpy_threads.py`). A product that was being computed while a process was forked never ended: OpenBLAS
    ends its threads at a fork. PyTorch's own threads are not concerned.
    """
    ThreadpoolController().select(internal_api="openblas").limit(limits=1)
