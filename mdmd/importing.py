"""Large libraries, imported in less time."""

from __future__ import annotations

import contextlib
import gc
import sys
from collections.abc import Iterator


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
