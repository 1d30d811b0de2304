"""Numpy's linear algebra in one thread."""

from __future__ import annotations

import os
import subprocess
import sys

CODE = """
from threadpoolctl import threadpool_info
import numpy
from mdmd.threads import one_for_numpy

def threads():
    return [found["num_threads"] for found in threadpool_info() if found["internal_api"] == "openblas"]

before = threads()
one_for_numpy()
print(before, threads())
"""


def test_numpy_computes_with_one_thread_though_the_machine_has_more() -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}
    done = subprocess.run([sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=True)
    before, after = done.stdout.strip().split("] [")
    assert before.strip("[]") in ("", "2")
    assert after.strip("[]") in ("", "1")
    assert bool(before.strip("[]")) == bool(after.strip("[]"))
