"""Seconds and CPU seconds to carry labels over, with numpy on one thread and on two; prints a Markdown table.

    python benchmarks/numpy_threads.py

The labels of 40 random faces go to 100 others through 68 base points, once on an idle machine and once beside two
processes that compute. Two cores are used. The figures are medians of `--times`.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from threadpoolctl import threadpool_limits

from mdmd.data.boxes import Box
from mdmd.data.definition import load_definition
from mdmd.transfer.candidates import LabeledFaces
from mdmd.transfer.carry import fit

LABELED, OPEN = 40, 100
LANDMARKS = (9, 189)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=5)
    options = parser.parse_args()
    print("| landmarks | threads | idle, s | CPU s | beside two processes, s | CPU s |")
    print("| --- | --- | --- | --- | --- | --- |")
    for landmarks in LANDMARKS:
        for threads in (1, 2):
            figures = []
            for others in (0, 2):
                with computing(others), threadpool_limits(threads, "blas"):
                    seconds, spent = zip(*(carrying(landmarks) for _ in range(options.times)), strict=True)
                figures += [f"{np.median(seconds):.2f}", f"{np.median(spent):.2f}"]
            print(f"| {landmarks} | {threads} | {' | '.join(figures)} |", flush=True)


def carrying(landmarks: int) -> tuple[float, float]:
    """Seconds and CPU seconds to fit the labeled faces and to place the landmarks of the others."""
    base, generator = load_definition("300w"), np.random.default_rng(0)

    def points(*shape: int) -> np.ndarray:
        return generator.normal(0, 100, (*shape, 2)) @ [1, 1j]

    shape, places = points(len(base.landmarks)), points(landmarks)
    seen = shape + 0.02 * points(LABELED + OPEN, len(shape))
    covariance = np.broadcast_to(4 * np.eye(2), (*seen.shape, 2, 2)).copy()
    labels = places + 0.02 * points(LABELED, landmarks)
    boxes = [Box(-200, -200, 400, 400)] * (LABELED + OPEN)
    began, spent = time.perf_counter(), time.process_time()
    faces = LabeledFaces(seen[:LABELED], covariance[:LABELED], labels)
    fit(faces, boxes[:LABELED], base).place(seen[LABELED:], covariance[LABELED:], boxes[LABELED:])
    return time.perf_counter() - began, time.process_time() - spent


@contextmanager
def computing(processes: int) -> Iterator[None]:
    """So many processes that compute meanwhile."""
    running = [multiprocessing.Process(target=_compute, daemon=True) for _ in range(processes)]
    for process in running:
        process.start()
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.join()


def _compute() -> None:
    while True:
        pass


if __name__ == "__main__":
    main()
