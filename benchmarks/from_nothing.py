"""Label economy from nothing: what labeling a whole set costs with all that the tool has, first face included.

    OMP_NUM_THREADS=1 python benchmarks/economy.py --from-nothing --base RUN --data FILE.json

A simulated annotator labels all training faces of a set, in three shuffled orders. RUN is a base made by `mdmd train`;
its points are predicted once. The first face is placed by hand. Every later face shows the points of the proposer in
charge (benchmarks/simulated_proposers.py). While fewer than five faces are labeled, the annotator looks at every point,
from then on only at the flagged ones (`FlagRule`), puts the wrong ones right, and accepts the rest as it is.

To open a face, to look at a point and to place or correct one is an action each. Labels are what the annotator leaves:
placed points have Gaussian errors with a standard deviation of `--noise` of the normalizer in x and in y, accepted ones
the error of the proposal. All that is learned later is learned from them. An error above the tolerance is wrong; the
annotator recognizes every wrong point that is looked at.

A face takes 8 seconds of the clock, and one core learns in the background: a round takes the CPU seconds that it took,
or `--constant-rate` seconds a step. `--without-rounds` proposes carried-over points only, and takes minutes.
`--keep FOLDER` keeps each round, so that an interrupted benchmark goes on.

With `--looked`, as in the tool, it is known which labels the annotator has looked at, and doubt is measured on them
alone (benchmarks/RESULTS.md).

`--looks` names other rules, which the tool does not have: "recall-R" flags points so that a share R of the wrong ones
is expected to be caught, "left-S" so that a share S of all points is expected to be left wrong, and "follow" before a
rule moves the accepted points after the corrected ones. `--full N` looks at every point while fewer than N faces are
labeled. `--place P` places points without a look that are wrong with a probability above P. `--model RUN` adds the row
of the way before carried-over points: 100 faces by hand, then flags of RUN, a model trained on `--train-faces 100`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from simulated_proposers import Proposers
from simulated_rounds import Learner, Strip, predictions

import mdmd
from labeler.analysis.better_model import MARGIN
from labeler.analysis.shapes import follow
from mdmd.data.coco import read_coco
from mdmd.data.definition import Definition
from mdmd.data.records import Annotation, Dataset, Prediction, Sample
from mdmd.evaluation.evaluate import FlagRule, distances_of, probabilities_off
from mdmd.inference.predict import predict
from mdmd.training.train import fewer_faces
from mdmd.transfer.carried_labels import FEWEST_MEASURED
from mdmd.transfer.spread import LAW

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
#: The seconds of a look, of a placement, and of a face beside them.
LOOK, PLACE, FACE = 0.35, 0.9, 1.0
#: The seconds of a face on the clock of the background rounds.
PASS = 8.0
#: After how many faces figures are reported, beside all.
AFTER = (10, 25, 50, 100)
#: The faces that are labeled by hand before the first training without carried-over points.
BY_HAND = 100


@dataclass(frozen=True)
class Work:
    """Faces that were opened, points that were looked at, and points that were placed or corrected."""

    faces: int = 0
    looks: int = 0
    placed: int = 0

    def __add__(self, other: Work) -> Work:
        return Work(self.faces + other.faces, self.looks + other.looks, self.placed + other.placed)

    @property
    def actions(self) -> int:
        return self.faces + self.looks + self.placed

    @property
    def seconds(self) -> float:
        return FACE * self.faces + LOOK * self.looks + PLACE * self.placed


@dataclass(frozen=True, eq=False)
class Seen:
    """The points of a face (N,) that the annotator looks at, and those that are placed although they were proposed."""

    looked: Mask
    placed: Mask


@dataclass(frozen=True)
class Person:
    """An annotator to whom an error above `tolerance` is wrong. `noise` as in the first lines of this file."""

    definition: Definition
    tolerance: float
    noise: float = 0.01

    def by_hand(self, face: Sample, rng: np.random.Generator) -> tuple[Annotation, Array, Work]:
        """The labels of a face on which each point is placed, with `within` (N,) as in `LabeledFaces`."""
        truth = truth_of(face)
        labels = Annotation(self._placed(face, rng), truth.visibility)
        return labels, np.zeros(len(truth.points)), Work(1, 0, int(truth.labeled.sum()))

    def corrects(
        self, face: Sample, proposed: Prediction, seen: Seen, rng: np.random.Generator, *, moves: bool = False
    ) -> tuple[Annotation, Array, Work]:
        """The labels of a face if the wrong ones of the points that are looked at are corrected, and others taken.

        With `moves` the points that are not looked at follow the placed and corrected ones.
        """
        truth, by_hand = truth_of(face), self._placed(face, rng)
        looked = seen.looked & truth.labeled
        placed = (seen.placed & truth.labeled) | (looked & self.wrong(face, proposed.points))
        unseen = ~(looked | placed)
        points = np.where(placed[:, None], by_hand, proposed.points)
        if moves and placed.any():
            points = followed(points, proposed, ~unseen)
        within = np.where(placed, 0, np.where(unseen, np.inf, self.tolerance * self._distance(face)))
        return Annotation(points, truth.visibility), within, Work(1, int(looked.sum()), int(placed.sum()))

    def wrong(self, face: Sample, points: Array) -> Mask:
        """Which labeled points of a face (N,) are wrong at the places `points` (N, 2)."""
        truth = truth_of(face)
        off = np.linalg.norm(points - truth.points, axis=1) > self.tolerance * self._distance(face)
        return off & truth.labeled

    def _placed(self, face: Sample, rng: np.random.Generator) -> Array:
        truth = truth_of(face)
        return truth.points + self.noise * self._distance(face) * rng.normal(size=truth.points.shape)

    def _distance(self, face: Sample) -> float:
        return float(distances_of(self.definition, [face])[0])


def truth_of(face: Sample) -> Annotation:
    """The true labels of a face."""
    assert face.annotation is not None
    return face.annotation


def followed(points: Array, proposed: Prediction, looked: Mask) -> Array:
    """`points` (N, 2), of which those that were not `looked` at follow the others as on the Label page."""
    start = {k: (x, y) for k, (x, y) in enumerate(proposed.points.tolist())}
    spread = {k: (xx, xy, yy) for k, (xx, xy, yy) in enumerate(proposed.covariance[:, (0, 0, 1), (0, 1, 1)].tolist())}
    known = {k: (x, y) for k, (x, y) in enumerate(points.tolist()) if looked[k]}
    moved = points.copy()
    for k, place in follow(start, spread, known).items():
        moved[k] = place
    return moved


@dataclass(frozen=True)
class Looks:
    """Which points the annotator looks at: all while fewer than `full` faces are labeled, then those above a threshold.

    `name` is that of the rule, as for `--looks`. Points that are wrong with a probability above `place` are placed
    without a look, as if none had been proposed.
    """

    name: str = "flags"
    full: int = FEWEST_MEASURED
    place: float = 1.0

    @property
    def moves(self) -> bool:
        return self.name.startswith("follow ")

    def at(self, off: Array, tolerance: float, labeled: int) -> Seen:
        """What is seen of the first face, from the probabilities `off` (F, N) of the open faces."""
        if labeled < self.full:
            return Seen(np.ones(off.shape[1], dtype=bool), np.zeros(off.shape[1], dtype=bool))
        placed = off[0] > self.place
        return Seen((off[0] > self._threshold(off, tolerance)) & ~placed, placed)

    def _threshold(self, off: Array, tolerance: float) -> float:
        rule, _, share = self.name.removeprefix("follow ").partition("-")
        if rule == "flags":
            return FlagRule(tolerance).threshold_for(off)
        falling = np.sort(off, axis=None)[::-1]
        if rule == "recall":
            enough = np.cumsum(falling) >= float(share) * off.sum()
        elif rule == "left":
            enough = off.sum() - np.cumsum(falling) <= float(share) * off.size
        else:
            raise SystemExit(f"--looks {self.name}: wanted flags, recall-R or left-S, with or without 'follow ' before")
        return float(np.nextafter(falling[np.argmax(enough)], 0))


@dataclass(frozen=True)
class Passed:
    """A face that was labeled: the work, its wrong points of how many, and who was in charge after it.

    `error` is that of the proposer in charge on the test faces, `best` that of the best one.
    """

    work: Work
    wrong: int
    points: int
    in_charge: str
    error: float
    best: float


def simulate(
    strip: Strip, person: Person, looks: Looks, learner: Learner | None, seed: int, *, looked: bool
) -> Iterator[Passed]:
    """Label all faces of `strip`."""
    proposers, taken = Proposers(strip, person.tolerance, looked=looked), 0
    for k, face in enumerate(strip.faces):
        rng = np.random.default_rng([seed, k])
        if k == 0:
            labels, within, work = person.by_hand(face, rng)
        else:
            faces = range(k, len(strip.faces))
            found = proposers.propose(proposers.shown(k), faces)
            pairs = zip(found, (strip.faces[i].box for i in faces), strict=True)
            off = [probabilities_off(strip.definition, one, box, person.tolerance, LAW) for one, box in pairs]
            seen = looks.at(np.array(off), person.tolerance, k)
            labels, within, work = person.corrects(face, found[0], seen, rng, moves=looks.moves)
        saved = PASS * (k + 1)
        if learner is not None:
            learner.until(saved, proposers.labels)
        proposers.label(k, labels, within)
        if learner is not None and k + 1 < len(strip.faces):
            learner.until(saved, proposers.labels, anew=proposers.fails)
            for made in learner.rounds[taken:]:
                proposers.learned(made)
            taken = len(learner.rounds)
        errors = proposers.errors_on_test()
        wrong, points = person.wrong(face, labels.points), int(labels.labeled.sum())
        own = errors[proposers.in_charge]
        yield Passed(work, int(wrong.sum()), points, proposers.in_charge, own, min(errors.values()))


def table(orders: Sequence[Sequence[Passed]]) -> list[str]:
    """A row for each number of faces in AFTER and for all, as means of the orders."""
    rows = [
        "| faces | actions | by hand | | seconds | by hand | | wrong left | error | in charge |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    every = len(orders[0])
    for count in (*(number for number in AFTER if number < every), every):
        works = [sum((face.work for face in passed[:count]), Work()) for passed in orders]
        points = [sum(face.points for face in passed[:count]) for passed in orders]
        hands = [Work(count, 0, placed) for placed in points]
        wrong = np.mean([sum(f.wrong for f in passed[:count]) / n for passed, n in zip(orders, points, strict=True)])
        cells = [f"{count}"]
        for measure in ("actions", "seconds"):
            own, hand = (float(np.mean([getattr(work, measure) for work in some])) for some in (works, hands))
            cells += [f"{own:.0f}", f"{hand:.0f}", f"{100 * (own / hand - 1):+.0f} %"]
        error = np.mean([passed[count - 1].error for passed in orders])
        cells += [f"{100 * wrong:.1f} %", f"{100 * error:.2f} %"]
        rows.append(f"| {' | '.join(cells)} | {', '.join(passed[count - 1].in_charge for passed in orders)} |")
    return rows


def in_charge(orders: Sequence[Sequence[Passed]]) -> str:
    """How often a proposer was in charge that is truly worse than another one."""
    faces = [face for passed in orders for face in passed]
    worse = np.mean([face.error > face.best for face in faces])
    clearly = np.mean([face.error * (1 - MARGIN) > face.best for face in faces])
    lost = np.mean([face.error / face.best - 1 for face in faces])
    return (
        f"A truly worse proposer was in charge after {100 * worse:.0f} % of the faces, one that is worse by more than "
        f"{100 * MARGIN:.0f} % after {100 * clearly:.0f} %; on average that in charge was {100 * lost:.1f} % worse "
        "than the best."
    )


def of_rounds(learners: Sequence[Learner]) -> str:
    """What the rounds took."""
    each = [
        f"{len(one.rounds)} rounds, {sum(made.steps for made in one.rounds)} steps in "
        f"{sum(made.seconds for made in one.rounds):.0f} s"
        for one in learners
    ]
    return f"Learned in the background: {'; '.join(each)}."


def todays_way(strip: Strip, dataset: Dataset, run: Path, person: Person) -> str:
    """100 faces by hand, then flags of a model that was trained on them."""
    model = mdmd.load(run)
    learned = {s.face_id for s in fewer_faces(dataset, BY_HAND, model.checkpoint.history.seed).labeled("train")}
    first = [face for face in strip.faces if face.face_id in learned]
    rest = [face for face in strip.faces if face.face_id not in learned]
    found = model.finished(predict(model.network(), rest, model.head), rest, model.head)
    law = model.calibrated(None)[1].law
    pairs = list(zip(found, rest, strict=True))
    off = np.array([probabilities_off(person.definition, p, s.box, person.tolerance, law) for p, s in pairs])
    flagged = off > FlagRule(person.tolerance).threshold_for(off)
    passed = [person.by_hand(face, np.random.default_rng([0, k])) for k, face in enumerate(first)]
    for k, ((one, face), looked) in enumerate(zip(pairs, flagged, strict=True), len(first)):
        passed.append(person.corrects(face, one, Seen(looked, np.zeros_like(looked)), np.random.default_rng([0, k])))
    work = sum((own for *_, own in passed), Work())
    points = sum(int(labels.labeled.sum()) for labels, *_ in passed)
    wrong = sum(person.wrong(f, own.points).sum() for f, (own, *_) in zip([*first, *rest], passed, strict=True))
    hand = Work(len(passed), 0, points)
    fewer, quicker = (100 * (getattr(work, key) / getattr(hand, key) - 1) for key in ("actions", "seconds"))
    return (
        f"100 by hand, then flags of {run.name}: {work.actions} actions ({fewer:+.0f} %), {work.seconds:.0f} s "
        f"({quicker:+.0f} %), {100 * wrong / points:.1f} % wrong left."
    )


def read_strip(data: Path, base: Path, keep: Path) -> tuple[Strip, Dataset]:
    """The training faces of a set as they were added, and its test faces, with the points of the base."""
    dataset, model = read_coco(data), mdmd.load(base)
    faces, test = dataset.labeled("train"), dataset.labeled("test")
    key = blake2b(f"{base.resolve()} {data.resolve()}".encode(), digest_size=12).hexdigest()
    seen, on_test = (
        predictions(model, model.head, some, keep / key / f"{name}.npz")
        for name, some in (("faces", faces), ("test", test))
    )
    strip = Strip(dataset.name, dataset.definition, faces, test, base, model.head, model.definition, seen, on_test)
    return strip, dataset


def run(options: argparse.Namespace) -> None:
    """`economy.py --from-nothing`."""
    with tempfile.TemporaryDirectory() as folder:
        keep: Path = options.keep or Path(folder)
        strip, dataset = read_strip(options.data, options.base, keep)
        for tolerance in options.tolerance:
            person = Person(strip.definition, tolerance, options.noise)
            for name in options.looks:
                orders, learners = [], []
                for seed in range(options.orders):
                    order = strip.in_order(seed)
                    learner = None
                    if not options.without_rounds:
                        learner = Learner(order, keep, rate=options.constant_rate)
                    looks, passed = Looks(name, options.full, options.place), list[Passed]()
                    for face in simulate(order, person, looks, learner, seed, looked=options.looked):
                        passed.append(face)
                        if len(passed) in AFTER:
                            print(f"order {seed}: {table([passed])[-1]}", file=sys.stderr, flush=True)
                    orders.append(passed)
                    learners += [] if learner is None else [learner]
                    print(f"{strip.name}, tolerance {100 * tolerance:g} %, {name}, {seed + 1} orders", end="\n\n")
                    print("\n".join(table(orders)), end="\n\n")
                    if learners:
                        print(of_rounds(learners), in_charge(orders), sep="\n", end="\n\n", flush=True)
            if options.model is not None:
                print(todays_way(strip, dataset, options.model, person), end="\n\n", flush=True)
