"""Numpy's linear algebra in one thread, and why: a process that forks must not stop it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

CODE = """
import json
import subprocess
import threading

import numpy as np
from threadpoolctl import threadpool_info

from mdmd.threads import one_for_numpy

def threads():
    return [found["num_threads"] for found in threadpool_info() if found["internal_api"] == "openblas"]

before = threads()
one_for_numpy()
matrix, ended = np.random.default_rng(0).normal(size=(400, 400)), threading.Event()

def compute():
    while not ended.is_set():
        matrix @ matrix

computing = threading.Thread(target=compute, daemon=True)
computing.start()
for _ in range(20):
    subprocess.run(["true"], preexec_fn=int, check=True)  # with a function to call first, Python forks
ended.set()
computing.join(30)
print(json.dumps([before, threads(), computing.is_alive()]))
"""


def test_numpy_computes_with_one_thread_and_goes_on_while_processes_start() -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}
    done = subprocess.run([sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=True)
    before, after, hangs = json.loads(done.stdout)
    assert after == [1] * len(before)
    assert not hangs
