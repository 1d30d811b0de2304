"""Libraries that are large, imported in less time, or that are optional."""

from __future__ import annotations

import contextlib
import gc
import importlib
import sys
from collections.abc import Iterator
from typing import Any

from mdmd.errors import DataError


@contextlib.contextmanager
def large_libraries() -> Iterator[None]:
    """For imports of torch or Gradio: Python looks for garbage neither meanwhile nor later in what was imported.

    A library leaves no garbage, and the looks take a seventh of the time that a command takes to start.
    """
    before, was_on = len(sys.modules), gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if len(sys.modules) > before:
            gc.freeze()
        if was_on:
            gc.enable()


def pyarrow(part: str = "") -> Any:
    """The module of the optional package pyarrow, or a `part` of it such as "parquet". Raises DataError without it."""
    try:
        return importlib.import_module(f"pyarrow.{part}" if part else "pyarrow")
    except ImportError:
        raise DataError(
            "reading and writing Parquet files needs pyarrow: pip install pyarrow, or, with this package, "
            "pip install '.[parquet]'"
        ) from None
