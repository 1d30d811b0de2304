"""What labels that were taken over from what was shown do to the judgment of two proposers; prints a Markdown table.

    OMP_NUM_THREADS=1 python benchmarks/anchored_labels.py --data DATA/stylised9/annotations.json

The base predicts its points once on all faces. Proposers follow from it: labels carried over from 1, 3, 10 and 25
faces, the nearest base points, carried points drawn towards the mean shape, and points with errors as large as those of
carried ones, of which none or half are the same ("learned"). All pairs of one draw are judged on the test faces. The
challenger's errors are scaled so that it is truly 15 % better than the incumbent, as good, or 15 % worse. A person
takes each shown point whose true error is below the tolerance as it is, and puts the others right.

Columns: "bias" is how much larger the measured difference of equal ones is than on true labels, in percent of the error
(positive: the challenger looks worse), as the mean of all pairs, and "of a pair" the same without its sign.
"Of 15 %" is the measured difference of a challenger that is 15 % better (truly -16, relative to the mean of both). The
last three say in percent how often it takes over on 20 faces if it is 15 % better, equal or 15 % worse. Labels over
earlier versions are judged for learned challengers of carried points, because the two kinds change differently.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import mdmd
from labeler.analysis.better_model import compare, judge
from mdmd.config import STARTER
from mdmd.data.coco import read_coco
from mdmd.data.records import Prediction, Sample
from mdmd.evaluation.evaluate import distances_of
from mdmd.evaluation.metrics import face_nme, point_errors
from mdmd.inference.predict import predict
from mdmd.transfer.carried_labels import CarriedLabels, complex_of
from mdmd.transfer.mean_shape import mean_shape

Array = NDArray[np.float64]
Sides = NDArray[np.int_]

#: True error ratios of challenger and incumbent.
RATIOS = (0.85, 1.0, 1.15)
#: Proposers whose errors differ by a larger factor are not compared: scaled to the same size they are not real.
ALIKE = 1.6
#: A tolerance with which the judgment tells all errors apart.
NONE = 1e-9
#: What `judge` does with errors.
USED = "as judged"
#: What the person sees, and how errors are then counted.
RULES = (
    ("nothing", "as they are"),
    ("incumbent", "as they are"),
    ("incumbent", "without unmoved points"),
    ("incumbent", "unmoved points as the other's"),
    ("incumbent", "at least the tolerance"),
    ("incumbent", USED),
    ("mean of both", "as they are"),
    ("one of both", "as they are"),
    ("one of both", "without unmoved points"),
    ("one of both", "at least a quarter of it"),
    ("one of both", "at least the tolerance"),
    ("one of both", USED),
    ("earlier versions", "at least a quarter of it"),
    ("earlier versions", USED),
    ("earlier incumbent", USED),
)


@dataclass(frozen=True, eq=False)
class Faces:
    """F test faces: `points` (F, N, 2) in pixels, `labeled` (F, N), `distance` (F,), and proposers (F, N, 2) by name.

    `earlier` (F, N, 2) are earlier versions of some, `mean` (F, N, 2) is the mean shape in the boxes.
    """

    points: Array
    labeled: NDArray[np.bool_]
    distance: Array
    proposers: Mapping[str, Array]
    earlier: Mapping[str, Array]
    mean: Array

    def errors(self, proposed: Array, labels: Array | None = None) -> Array:
        """Errors (F, N) of `proposed`, by default against the true points."""
        return point_errors(proposed, self.points if labels is None else labels, self.labeled, self.distance)

    def nme(self, proposed: Array) -> float:
        return float(np.nanmean(face_nme(self.errors(proposed))))


@dataclass(frozen=True, eq=False)
class Pair:
    """Points (F, N, 2) of an incumbent and a challenger, and of earlier versions of both if there are any."""

    incumbent: Array
    challenger: Array
    earlier: tuple[Array, Array] | None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a COCO-keypoint file with the splits train and test")
    parser.add_argument(
        "--base", type=Path, default=STARTER, help="the run whose points are used (default: the starter)"
    )
    parser.add_argument("--tolerances", type=float, nargs="+", default=[0.05, 0.1], help="the person's tolerances")
    parser.add_argument("--draws", type=int, default=3, help="draws of labeled faces")
    parser.add_argument("--times", type=int, default=20, help="draws of 20 measuring faces for each pair")
    options = parser.parse_args()
    draws = list(read_draws(options.data, options.base, options.draws))
    print("| tolerance | shown | errors | bias | of a pair | of 15 % | 15 % better | equal | 15 % worse |")
    print(f"|{' --- |' * 9}")
    for tolerance in options.tolerances:
        for rule in RULES:
            numbers = np.array([measured(draws, ratio, tolerance, rule, options.times) for ratio in RATIOS])
            bias, off, better = 100 * numbers[1, 1], 100 * numbers[1, 2], 100 * numbers[0, 0]
            print(
                f"| {100 * tolerance:.0f} % | {' | '.join(rule)} | {bias:+.1f} | {off:.1f} | {better:+.1f} | "
                f"{' | '.join(f'{100 * share:.0f}' for share in numbers[:, 3])} |",
                flush=True,
            )


def measured(draws: list[Faces], ratio: float, tolerance: float, rule: tuple[str, str], times: int) -> Array:
    """Means under `rule` over all pairs: the difference, by how much it is off, without sign too, and the takeovers."""
    shown, counting = rule
    rows = []
    for faces in draws:
        rng = np.random.default_rng(0)
        for pair in pairs(faces, ratio):
            halves = rng.choice([-1, 1], len(faces.points))
            seen = what_is_seen(faces, pair, shown, halves)
            if seen is None:
                continue
            taken = faces.errors(seen) < tolerance
            labels = np.where(taken[..., None], seen, faces.points)
            both = [faces.errors(points, labels) for points in (pair.challenger, pair.incumbent)]
            challenger, incumbent = counted(both, taken, counting, tolerance)
            mean = np.where(np.isnan(challenger), np.nan, faces.errors(faces.mean, labels))
            told = halves if shown in ("one of both", "earlier versions") else -np.ones_like(halves)
            least = tolerance if counting == USED else NONE
            takeovers = 0
            for _ in range(times):
                some = rng.permutation(len(told))[:20]
                arrays = (challenger[some], incumbent[some], mean[some], told[some])
                takeovers += judge(*arrays, tolerance=least).takes_over
            found = compare(challenger, incumbent, mean, told, tolerance=least).difference
            true = compare(*(faces.errors(p) for p in (pair.challenger, pair.incumbent, faces.mean)), tolerance=NONE)
            rows.append((found, found - true.difference, abs(found - true.difference), takeovers / times))
    return np.mean(rows, axis=0)


def what_is_seen(faces: Faces, pair: Pair, shown: str, halves: Sides) -> Array | None:
    """The points (F, N, 2) that the person sees; of one of both those of the challenger where `halves` (F,) is 1.

    None if earlier versions are to be seen and there are none.
    """
    second = (halves > 0)[:, None, None]
    if shown == "nothing":
        return faces.points
    if shown == "incumbent":
        return pair.incumbent
    if shown == "mean of both":
        return (pair.incumbent + pair.challenger) / 2
    if shown == "one of both":
        return np.where(second, pair.challenger, pair.incumbent)
    if pair.earlier is None:
        return None
    return pair.earlier[0] if shown == "earlier incumbent" else np.where(second, pair.earlier[1], pair.earlier[0])


def counted(both: list[Array], taken: NDArray[np.bool_], counting: str, tolerance: float) -> list[Array]:
    """The errors (F, N) of both as a rule counts them."""
    if counting == "without unmoved points":
        return [np.where(taken, np.nan, errors) for errors in both]
    if counting == "unmoved points as the other's":
        larger = np.maximum(*both)
        return [np.where(taken, larger, errors) for errors in both]
    if counting == "at least the tolerance":
        return [np.maximum(errors, tolerance) for errors in both]
    if counting == "at least a quarter of it":
        return [np.maximum(errors, tolerance / 4) for errors in both]
    return both


def pairs(faces: Faces, ratio: float) -> Iterator[Pair]:
    """All pairs of proposers, the challenger scaled so that its true error is `ratio` times the incumbent's."""
    for a, incumbent in faces.proposers.items():
        for b, challenger in faces.proposers.items():
            found = faces.nme(challenger) / faces.nme(incumbent)
            if a == b or not 1 / ALIKE < found < ALIKE:
                continue
            scale = ratio / found
            earlier = None
            if a in faces.earlier and b in faces.earlier and "carried" in a and "learned" in b:
                earlier = faces.earlier[a], faces.points + scale * (faces.earlier[b] - faces.points)
            yield Pair(incumbent, faces.points + scale * (challenger - faces.points), earlier)


def read_draws(data: Path, run: Path, draws: int) -> Iterator[Faces]:
    """The test faces with what is proposed on them, for each draw of labeled faces."""
    dataset, base = read_coco(data), mdmd.load(run)
    train, test = ([s for s in dataset.split(split) if s.annotation is not None] for split in ("train", "test"))
    seen = base.finished(predict(base.network(), [*train, *test], base.head), [*train, *test], base.head)
    points = np.stack([s.annotation.points for s in test if s.annotation])
    labeled = np.stack([s.annotation.labeled for s in test if s.annotation])
    boxes, on_test = [s.box for s in test], seen[len(train) :]
    distance = distances_of(dataset.definition, test)
    for draw in range(draws):
        order = np.random.default_rng(draw).permutation(len(train))[:25]
        chosen = [(seen[k], train[k]) for k in order]
        found: dict[str, Array] = {}
        for count in (1, 3, 10, 25):
            known, some = zip(*chosen[:count], strict=True)
            labels = CarriedLabels.of(dataset.name, dataset.definition, base.head, base.definition, known, some)
            found[f"carried {count}"] = np.stack([one.points for one in labels.carry(on_test, boxes)])
        found["nearest base points"] = nearest(chosen[:10], on_test)
        placed = mean_shape(np.stack([marks(s) for _, s in chosen]), [s.box for _, s in chosen]).place(boxes)[0]
        mean = np.stack([placed.real, placed.imag], axis=-1)
        found["towards the mean"] = 0.7 * found["carried 10"] + 0.3 * mean
        earlier = {"carried 10": found["carried 3"], "carried 25": found["carried 10"]}
        offsets = np.where(labeled[..., None], found["carried 10"] - points, 0)
        rng = np.random.default_rng([draw, 1])
        first, second, third = (other_errors(offsets, rng) for _ in range(3))
        new, old = 0.5**0.5 * (first + second), 0.5**0.5 * (first + third)
        for name, same in (("learned", 0.0), ("half learned", 0.5)):
            found[name], earlier[name] = (points + same * offsets + (1 - same**2) ** 0.5 * one for one in (new, old))
        yield Faces(points, labeled, distance, found, earlier, mean)


def marks(sample: Sample) -> NDArray[np.complex128]:
    """The labels (N,) of a face as complex numbers, NaN for none."""
    assert sample.annotation is not None
    return np.where(sample.annotation.labeled, complex_of(sample.annotation.points), np.nan)


def nearest(labeled: list[tuple[Prediction, Sample]], others: list[Prediction]) -> Array:
    """For each landmark the base point that is nearest to it on the labeled faces, on the `others` (F, N, 2)."""
    apart = [
        np.abs(marks(s)[:, None] - complex_of(one.points)) / np.linalg.norm(one.points.std(axis=0))
        for one, s in labeled
    ]
    at = np.nanmean(apart, axis=0).argmin(axis=1)
    return np.stack([one.points[at] for one in others])


def other_errors(offsets: Array, rng: np.random.Generator) -> Array:
    """Errors (F, N, 2) as large as `offsets`, but other ones.

    Each face has those of another face, turned, and scaled to its own difficulty within 20 %.
    """
    size = np.linalg.norm(offsets, axis=-1).mean(axis=1)[:, None, None]
    turn = rng.uniform(0, 2 * np.pi, len(offsets))
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]).transpose(2, 0, 1)
    return (offsets / size)[rng.permutation(len(offsets))] @ rotation * size * np.exp(0.2 * rng.normal(size=size.shape))


if __name__ == "__main__":
    main()
