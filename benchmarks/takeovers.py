"""How often a challenger takes over by its true error, and how often a tie goes to and fro; prints Markdown tables.

    OMP_NUM_THREADS=1 python benchmarks/takeovers.py

Errors are drawn: a face's difficulty is lognormal (0.5), and each proposer deviates from it by a factor of its own, so
that the log ratio of a face's two errors has the standard deviation "spread". On real faces it is 0.07 to 0.25 between
points carried from 1 to 25 faces and 0.55 against the mean shape (`stylised9`, nine points).
"""

from __future__ import annotations

import argparse

import numpy as np
from numpy.typing import NDArray

from labeler.analysis.better_model import MARGIN, SURE, SURE_AGAIN, Reason, judge

Array = NDArray[np.float64]

SPREADS = (0.15, 0.25, 0.35)
RATIOS = (0.85, 1.0, 1.02, 1.05, 1.1, 1.5)
#: The usual errors of a proposer and of the mean shape, and the tolerance, in shares of the normalizing distance.
USUAL, MEAN_SHAPE, TOLERANCE = 0.07, 0.3, 0.1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=1000, help="simulated challengers for each cell")
    parser.add_argument("--projects", type=int, default=150, help="simulated projects for each row of the second table")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    print(f"| faces | spread | sure | {' | '.join(told(ratio) for ratio in RATIOS)} |")
    print(f"|{' --- |' * (3 + len(RATIOS))}")
    for faces in (5, 8, 20, 40):
        for spread in SPREADS:
            found = [[judged(rng, ratio, spread, faces) for _ in range(options.times)] for ratio in RATIOS]
            for sure in (0.6, SURE, 0.8, 0.9) if faces == 20 else (SURE,):
                shares = [np.mean([gain >= MARGIN and own >= sure for gain, own in cell]) for cell in found]
                print(f"| {faces} | {spread} | {sure} | {' | '.join(f'{100 * share:.1f}' for share in shares)} |")
    rng = np.random.default_rng(1)
    print("\n| spread | to come back | second proposer | replaced | replaced twice or more | worse one in charge |")
    print(f"|{' --- |' * 6}")
    for spread in SPREADS:
        for again in (SURE, SURE_AGAIN):
            for ratio in (0.85, 1.0, 1.05, 1.15):
                runs = [project(rng, ratio, spread, again=again > SURE) for _ in range(options.projects)]
                times, worse = (np.array(column) for column in zip(*runs, strict=True))
                wrong = "" if ratio == 1 else f"{100 * worse.mean():.1f} %"
                numbers = f"{times.mean():.2f} | {100 * (times > 1).mean():.1f} % | {wrong}"
                print(f"| {spread} | {again} | {told(ratio)} | {numbers} |", flush=True)


def told(ratio: float) -> str:
    if ratio == 1:
        return "equal"
    return f"{100 * abs(ratio - 1):.0f} % {'better' if ratio < 1 else 'worse'}"


def errors(rng: np.random.Generator, ratio: float, spread: float, faces: int) -> tuple[Array, Array, Array]:
    """Errors (F, 1) of a challenger that is truly `ratio` times as wrong, the incumbent, and the mean shape."""
    face = USUAL * np.exp(0.5 * rng.normal(size=(faces, 1)))
    challenger, incumbent = (face * np.exp(spread / 2**0.5 * rng.normal(size=face.shape)) for _ in range(2))
    return ratio * challenger, incumbent, np.full_like(face, MEAN_SHAPE)


def judged(rng: np.random.Generator, ratio: float, spread: float, faces: int) -> tuple[float, float]:
    """The gain and the sureness of one judgment; neither if the challenger is no better than the mean shape."""
    found = judge(*errors(rng, ratio, spread, faces), tolerance=TOLERANCE)
    return (0, 0) if found.reason is Reason.NO_BETTER_THAN_MEAN_SHAPE else (found.gain, found.sure)


def project(rng: np.random.Generator, ratio: float, spread: float, *, again: bool) -> tuple[int, float]:
    """How often the one in charge is replaced when two are judged after each second of 40 measuring faces.

    And the share of the judgments from eight faces on after which the worse one is in charge. `again`: one that was
    replaced before must be surer.
    """
    second, first, mean = errors(rng, ratio, spread, 40)
    both, lead, been, replaced, worse = (first, second), 0, {0}, 0, []
    for faces in range(5, 41, 2):
        arrays = (both[1 - lead][:faces], both[lead][:faces], mean[:faces])
        if judge(*arrays, tolerance=TOLERANCE, returning=again and 1 - lead in been).takes_over:
            lead, replaced = 1 - lead, replaced + 1
            been.add(lead)
        if faces >= 8:
            worse.append(lead == (0 if ratio < 1 else 1))
    return replaced, float(np.mean(worse))


if __name__ == "__main__":
    main()
