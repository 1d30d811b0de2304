"""The cost of labels with and without a model, for a simulated annotator.

`python benchmarks/economy.py RUN --data FILE.json` simulates the labeling of 100 faces that the model of RUN was not
trained on. An error above the tolerance makes a point wrong. The ways of labeling are:

- by hand: place every point with one click;
- all checked: look at every predicted point and correct the wrong ones;
- flags: look only at the points that the model flags (`FlagRule` in `mdmd/evaluation/evaluate.py`);
- until 2 %: look at points in order of their probability of being wrong, until the model expects at most 2 % of all
  points to be wrong (the review page shows the same estimate).

A look is one action and a correction is another. Placed and corrected points have Gaussian errors with a standard
deviation of `--noise` of the normalizer in x and in y. The annotator always recognizes a wrong point. Wrong points that
were not looked at stay in the data; their share is the price of the saving.

`python benchmarks/economy.py --from-nothing --base RUN --data FILE.json` labels a whole set with all that the tool has,
from the first face on; benchmarks/from_nothing.py explains.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import from_nothing
import numpy as np

from mdmd.config import STARTER
from mdmd.data.coco import read_coco
from mdmd.data.records import Prediction
from mdmd.evaluation.evaluate import FlagRule, counterparts, errors_of, probabilities_off
from mdmd.inference.predict import predict
from mdmd.models import checkpoint
from mdmd.transfer.carried_labels import FEWEST_MEASURED

LEFT = 0.02


@dataclass(frozen=True)
class Pool:
    """Errors (B, N) in shares of the normalizer and the predicted probabilities of being off; NaN if not labeled."""

    errors: np.ndarray
    p_off: np.ndarray

    @property
    def labeled(self) -> np.ndarray:
        return ~np.isnan(self.errors)


@dataclass(frozen=True)
class Cost:
    """Looks and corrections per face, the share of all points left wrong, and the mean error of unseen points."""

    looks: float
    corrections: float
    wrong: float
    unseen: float
    precision: float = float("nan")
    recall: float = float("nan")

    @property
    def actions(self) -> float:
        return self.looks + self.corrections


def review(pool: Pool, seen: np.ndarray, tolerance: float, noise: float, generator: np.random.Generator) -> Cost:
    """The cost if the annotator looks at the points `seen` (B, N) and corrects the wrong ones."""
    seen = seen & pool.labeled
    off = pool.errors > tolerance
    corrected = seen & off
    final = np.where(corrected, hand(pool.errors.shape, noise, generator), pool.errors)
    faces, points = len(pool.errors), int(pool.labeled.sum())
    unseen = pool.errors[pool.labeled & ~seen]
    return Cost(
        looks=seen.sum() / faces,
        corrections=corrected.sum() / faces,
        wrong=float((final[pool.labeled] > tolerance).sum() / points),
        unseen=float(unseen.mean()) if len(unseen) else float("nan"),
        precision=float(off[seen].mean()) if seen.any() else float("nan"),
        recall=float(seen[off].mean()) if off.any() else float("nan"),
    )


def hand(shape: tuple[int, ...], noise: float, generator: np.random.Generator) -> np.ndarray:
    """The errors of placed points, in shares of the normalizer."""
    return np.hypot(*generator.normal(0, noise, (2, *shape)))


def until(pool: Pool, left: float) -> np.ndarray:
    """The points to look at, most doubtful first, until the expected share of wrong points is at most `left`."""
    p_off = np.where(pool.labeled, pool.p_off, 0.0)
    order = np.argsort(-p_off, axis=None)
    expected = p_off.sum() - np.cumsum(p_off.flat[order])
    enough = int(np.argmax(expected <= left * pool.labeled.sum())) + 1
    seen = np.zeros(p_off.size, dtype=bool)
    seen[order[:enough]] = True
    return seen.reshape(p_off.shape)


def read_pool(run: Path, data: Path, split: str, faces: int, tolerance: float) -> Pool:
    made = checkpoint.load(run)
    found = read_coco(data)
    samples = [s for s in found.split(split) if s.annotation is not None][:faces]
    order = counterparts(found.definition, made.model.head_definition(made.target))
    calibration = made.calibration(made.target)
    reordered, p_off = [], []
    for sample, raw in zip(samples, predict(made.model, samples, made.target), strict=True):
        applied = calibration.apply(raw, sample.box)
        reordered.append(Prediction(applied.points[order], applied.covariance[order]))
        p_off.append(probabilities_off(found.definition, reordered[-1], sample.box, tolerance, calibration.law))
    return Pool(errors_of(found.definition, reordered, samples), np.stack(p_off))


def table(pool: Pool, tolerance: float, noise: float, seed: int) -> str:
    generator = np.random.default_rng(seed)
    n = pool.labeled.sum() / len(pool.errors)
    placed = hand(pool.errors.shape, noise, generator)[pool.labeled]
    ways = {
        "by hand": Cost(0.0, n, float((placed > tolerance).mean()), float("nan")),
        "all checked": review(pool, pool.labeled, tolerance, noise, generator),
        "flags": review(pool, pool.p_off > FlagRule(tolerance).threshold_for(pool.p_off), tolerance, noise, generator),
        "until 2 %": review(pool, until(pool, LEFT), tolerance, noise, generator),
    }
    lines = [
        f"{len(pool.errors)} faces, tolerance {100 * tolerance:g} %, hand {100 * noise:g} %; "
        f"{100 * (pool.errors[pool.labeled] > tolerance).mean():.1f} % of the predicted points are off",
        "",
        "| way | looks a face | corrections a face | actions against by hand | points left wrong | "
        "mean error of unseen points | precision | recall |",
        "|---|---|---|---|---|---|---|---|",
    ]
    by_hand = ways["by hand"].actions
    for name, cost in ways.items():
        lines.append(
            f"| {name} | {cost.looks:.1f} | {cost.corrections:.1f} | {100 * (cost.actions / by_hand - 1):+.0f} % | "
            f"{100 * cost.wrong:.1f} % | {percent(cost.unseen)} | {percent(cost.precision)} | {percent(cost.recall)} |"
        )
    return "\n".join(lines)


def percent(share: float) -> str:
    return "-" if np.isnan(share) else f"{100 * share:.1f} %"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, nargs="?", metavar="RUN")
    parser.add_argument("--data", type=Path, required=True, metavar="FILE.json")
    parser.add_argument("--split", default="test")
    parser.add_argument("--faces", type=int, default=100)
    parser.add_argument("--tolerance", type=float, nargs="+", default=[0.05, 0.1])
    parser.add_argument("--noise", type=float, default=0.01)
    parser.add_argument("--seed", type=int, default=0)
    whole = parser.add_argument_group("labeling a whole set")
    whole.add_argument("--from-nothing", action="store_true", help="simulate it")
    whole.add_argument("--base", type=Path, default=STARTER, metavar="RUN", help="the base (default: the starter)")
    whole.add_argument("--orders", type=int, default=3, help="shuffled orders of the faces")
    whole.add_argument("--without-rounds", action="store_true", help="learn nothing: carried-over points only")
    whole.add_argument("--constant-rate", type=float, metavar="S", help="seconds a training step (default: CPU time)")
    whole.add_argument("--keep", type=Path, metavar="FOLDER", help="keep rounds here, and use those that are there")
    whole.add_argument("--looks", nargs="+", default=["flags"], metavar="RULE", help="what the annotator looks at")
    whole.add_argument("--looked", action="store_true", help="the tool knows which labels a person has looked at")
    whole.add_argument("--full", type=int, default=FEWEST_MEASURED, help="fewer labeled faces: look at every point")
    whole.add_argument(
        "--place", type=float, default=1.0, metavar="P", help="place what is wrong with a probability above"
    )
    whole.add_argument("--model", type=Path, metavar="RUN", help="a model that was trained on 100 faces of the set")
    options = parser.parse_args()
    if options.from_nothing:
        from_nothing.run(options)
        return
    if options.run is None:
        parser.error("name a RUN, or --from-nothing")
    for tolerance in options.tolerance:
        pool = read_pool(options.run, options.data, options.split, options.faces, tolerance)
        print(table(pool, tolerance, options.noise, options.seed), end="\n\n")


if __name__ == "__main__":
    main()
