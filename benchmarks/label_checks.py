"""Measure the label checks: planted errors that are found, and false alarms on unchanged faces.

    python benchmarks/label_checks.py SET.json ... [--faces 150 50 12] [--draws 10]

A draw takes `--faces` faces of a set, of any split, and plants one kind of error in a tenth of them. All labels are
assumed to be correct, so every alarm on an unchanged face counts as false. If a set has no edges but the landmarks of a
shipped definition, it gets the edges of that definition, because checks of the order need them.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from labeler.analysis.label_checks import LabeledFace, check_labels, face_sizes
from mdmd.data.coco import read_coco
from mdmd.data.definition import Definition, load_definition, shipped_definitions
from mdmd.data.records import Points

Slip = Callable[[Definition, Points, np.random.Generator], Points]


def swapped_pair(definition: Definition, points: Points, rng: np.random.Generator) -> Points:
    """Swap the two landmarks of one mirror pair."""
    k = rng.choice([k for k, m in enumerate(definition.mirror) if k < m])
    return _exchanged(points, [k], [definition.mirror[k]])


def swapped_eyes(definition: Definition, points: Points, rng: np.random.Generator) -> Points:
    """Swap all landmarks of the left eye with their mirror partners."""
    eye = list(definition.members[5])
    return _exchanged(points, eye, [definition.mirror[k] for k in eye])


def mirrored(definition: Definition, points: Points, rng: np.random.Generator) -> Points:
    """Swap every landmark with its mirror partner."""
    return points[list(definition.mirror)]


def swapped_neighbors(definition: Definition, points: Points, rng: np.random.Generator) -> Points:
    """Swap two consecutive landmarks of one group."""
    k = rng.choice([k for k in range(len(points) - 1) if definition.groups[k] == definition.groups[k + 1]])
    return _exchanged(points, [k], [k + 1])


def moved(definition: Definition, points: Points, rng: np.random.Generator) -> Points:
    """Move one point by 15 % of the face in a random direction."""
    angle = rng.uniform(0, 2 * np.pi)
    points = points.copy()
    points[rng.integers(len(points))] += 0.15 * face_sizes(points[None])[0] * np.array([np.cos(angle), np.sin(angle)])
    return points


def clicked_twice(definition: Definition, points: Points, rng: np.random.Generator) -> Points:
    """Place a landmark on the one before it."""
    k = int(rng.integers(1, len(points)))
    points = points.copy()
    points[k] = points[k - 1]
    return points


def left_out(definition: Definition, points: Points, rng: np.random.Generator) -> Points:
    """Leave out one landmark: it and all following ones are at the place of the next, and the last has no label."""
    k = int(rng.integers(len(points) // 2))
    return np.concatenate([points[:k], points[k + 1 :], [[np.nan, np.nan]]])


def _exchanged(points: Points, one: list[int], other: list[int]) -> Points:
    points = points.copy()
    points[one + other] = points[other + one]
    return points


SLIPS: dict[str, Slip] = {
    "face mirrored": mirrored,
    "eyes swapped": swapped_eyes,
    "pair swapped": swapped_pair,
    "neighbors swapped": swapped_neighbors,
    "moved by 15 %": moved,
    "clicked twice": clicked_twice,
    "one left out": left_out,
}


def alarms(definition: Definition, faces: Sequence[LabeledFace]) -> set[int]:
    return {finding.face for finding in check_labels(definition, faces)}


def main() -> None:
    """Print one Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="+")
    parser.add_argument("--faces", type=int, nargs="+", default=[150, 50, 12])
    parser.add_argument("--draws", type=int, default=10)
    options = parser.parse_args()
    print(f"| set | faces | false alarms % | {' | '.join(SLIPS)} | ms |\n|{' --- |' * (len(SLIPS) + 4)}")
    for path in options.data:
        definition, faces = read(path)
        for count in options.faces:
            print(row(path.parent.name, definition, faces, count, options.draws), flush=True)


def read(path: Path) -> tuple[Definition, list[LabeledFace]]:
    """The definition and the labeled faces of a set. Missing edges come from a shipped definition if one fits."""
    data = read_coco(path)
    definition = data.definition
    for known in map(load_definition, shipped_definitions()):
        if not definition.edges and known.mirror == definition.mirror and known.groups == definition.groups:
            definition = replace(definition, edges=known.edges)
    samples = [sample for sample in data.samples if sample.annotation is not None]
    faces = []
    for number, sample in enumerate(samples):
        assert sample.annotation is not None
        labeled = sample.annotation.visibility[:, None] > 0
        faces.append(LabeledFace(number, sample.box, np.where(labeled, sample.annotation.points, np.nan)))
    return definition, faces


def row(name: str, definition: Definition, faces: Sequence[LabeledFace], count: int, draws: int) -> str:
    false, taken, found, seconds = 0, 0, [], []
    for seed in range(draws):
        drawn = np.random.default_rng(seed).permutation(len(faces))[:count]
        start = time.perf_counter()
        false += len(alarms(definition, [faces[k] for k in drawn]))
        seconds.append(time.perf_counter() - start)
        taken += len(drawn)
    for slip in SLIPS.values():
        caught = planted = 0
        for seed in range(draws):
            rng = np.random.default_rng(seed)
            drawn = [faces[k] for k in rng.permutation(len(faces))[:count]]
            for k in range(max(1, len(drawn) // 10)):
                drawn[k] = replace(drawn[k], points=slip(definition, drawn[k].points, rng))
            with_slip = {face.id for face in drawn[: max(1, len(drawn) // 10)]}
            caught += len(alarms(definition, drawn) & with_slip)
            planted += len(with_slip)
        found.append(f"{100 * caught / planted:.0f}")
    cells = [name, str(taken // draws), f"{100 * false / taken:.1f}", *found, f"{1000 * np.median(seconds):.0f}"]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
