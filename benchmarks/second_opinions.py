"""What else a prediction knows: does it tell wrong points better than the covariance, or the places of points better?

    OMP_NUM_THREADS=1 python benchmarks/second_opinions.py RUN --data T.json

RUN is a run of `mdmd adapt` with a heatmap head. The first table has the area under the ROC curve of wrong points by
each piece of evidence alone, and by a logistic regression on it and the covariance. The regression is fitted to the
test faces themselves, four times five folds of faces, so it is what the evidence could give at best.

- **covariance**: the predicted standard deviation, as a share of the normalizer.
- **looks**: the distance of the points that the two looks find.
- **entropy**, **second peak**, **outside**: of the heatmap, means of the looks. The second peak is the mass around the
  highest cell that is more than five cells away from the peak, as a share of the mass around the peak; outside is the
  mass outside the 90 % ellipse.
- **carried**: the distance to the point that is carried over through the run's own source head (`mdmd/transfer`).
- **other runs**: the distance to the mean of the points that the runs of `--with` find, such as other seeds.

The second table has the errors of the points, and of points that are found otherwise:

- by the target's head alone, where the run's target follows its source;
- carried over through the source head by the rules of `mdmd/transfer`, and fused with those;
- fused with those of the runs of `--with`;
- the means of sharper heatmaps, whose logits are multiplied by each of `SHARPER`;
- drawn to the shapes of the training faces: the mean of a Gaussian of shapes and of the predicted points, whose
  covariances are multiplied by each of `SHAPES`.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mdmd.data.coco import read_coco
from mdmd.data.definition import Definition
from mdmd.data.records import Prediction, Sample
from mdmd.evaluation.error_law import LAPLACIAN
from mdmd.evaluation.evaluate import WRONG, counterparts, distances_of, errors_of
from mdmd.evaluation.fusion import fused
from mdmd.evaluation.metrics import auroc
from mdmd.inference.predict import VIEWS, View, predict
from mdmd.models import checkpoint
from mdmd.models.checkpoint import Checkpoint
from mdmd.models.heads import heatmap_moments
from mdmd.training.train import fewer_faces
from mdmd.transfer.carried_labels import CarriedLabels
from mdmd.transfer.weights import Complex

Array = NDArray[np.float64]
#: A peak is a square of so many cells, and another peak begins this far from its middle.
PEAK, APART = 5, 5
#: What the covariances of points are multiplied by where they are drawn to the shapes.
SHAPES = (0.1, 0.3, 1.0)
SHARPER = (1.3, 1.7, 2.2)
FOLDS, SHUFFLES = 5, 4


def heatmap_evidence(mean: Tensor, factor: Tensor, logits: Tensor) -> dict[str, Tensor]:
    """Entropy, second peak and mass outside the 90 % ellipse (B, N) of the heatmaps `logits` (B, N, H, W)."""
    height, width = logits.shape[-2:]
    mass = logits.double().flatten(-2).softmax(-1)
    peak = mass.argmax(-1)
    row, column = torch.arange(height)[:, None], torch.arange(width)[None]
    down = (row - (peak // width)[..., None, None]).abs()
    right = (column - (peak % width)[..., None, None]).abs()
    around = torch.nn.functional.avg_pool2d(mass.unflatten(-1, (height, width)), PEAK, 1, PEAK // 2)
    first = around.flatten(-2).gather(-1, peak[..., None])[..., 0]
    second = (around * ((down > APART) | (right > APART))).amax((-1, -2))
    a, b, c = factor.double()[..., None, None].unbind(2)
    x = ((column + 0.5) / width - mean[..., 0, None, None]) / a
    y = ((row + 0.5) / height - mean[..., 1, None, None] - b * x) / c
    beyond = x * x + y * y > LAPLACIAN.radius(0.9) ** 2
    return {
        "entropy": -(mass * mass.clamp_min(1e-30).log()).sum(-1),
        "second peak": (second / first.clamp_min(1e-12) + 1e-4).log(),
        "outside": ((mass * beyond.flatten(-2)).sum(-1) + 1e-4).log(),
    }


def look(
    made: Checkpoint, samples: Sequence[Sample], view: View, order: Sequence[int]
) -> tuple[Array, dict[str, Array]]:
    """The points (F, N, 2) in pixels that one look finds, and the evidence (F, N) of its heatmaps."""
    definition = made.model.head_definition(made.target)
    found: list[dict[str, Tensor]] = []
    head = made.model.head(made.target)
    hook = head.register_forward_hook(lambda _module, _inputs, output: found.append(heatmap_evidence(*output)))
    points = predict(made.model, samples, made.target, views=[view])
    hook.remove()
    rows = np.array(definition.mirror if view.mirrored and definition.can_be_mirrored else range(len(order)))[order]
    evidence = {name: torch.cat([one[name] for one in found]).numpy()[:, rows] for name in found[0]}
    return np.stack([one.points[order] for one in points]), evidence


def predicted(made: Checkpoint, samples: Sequence[Sample], definition: Definition) -> list[Prediction]:
    """The calibrated predictions of a run's target, its landmarks in the order of `definition`."""
    order = counterparts(definition, made.model.head_definition(made.target))
    found = calibrated(made, samples, made.target)
    return [Prediction(p.points[order], p.covariance[order]) for p in found]


def calibrated(made: Checkpoint, samples: Sequence[Sample], head: str) -> list[Prediction]:
    """What a head predicts, calibrated."""
    fit = made.calibration(head)
    return [fit.apply(p, s.box) for p, s in zip(predict(made.model, samples, head), samples, strict=True)]


def sharper(made: Checkpoint, samples: Sequence[Sample], definition: Definition, factor: float) -> list[Prediction]:
    """`predicted` with the means of heatmaps whose logits are multiplied by `factor`."""

    def sharpen(_module: object, _inputs: object, output: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, ...]:
        return heatmap_moments(factor * output[2])[0], *output[1:]

    hook = made.model.head(made.target).register_forward_hook(sharpen)
    found = predicted(made, samples, definition)
    hook.remove()
    return found


def regressed(evidence: Array, wrong: Array, rng: np.random.Generator) -> Array:
    """Cross-fitted log odds (F, N) of `wrong` (F, N; NaN without a label), linear in `evidence` (F, N, E)."""
    fold = rng.permutation(len(wrong)) % FOLDS
    inputs = np.concatenate([evidence, np.ones((*wrong.shape, 1))], axis=-1)
    odds = np.empty(wrong.shape)
    for k in range(FOLDS):
        known = (fold != k)[:, None] & ~np.isnan(wrong)
        x, y = inputs[known], wrong[known]
        weights = np.zeros(x.shape[-1])
        for _ in range(30):  # Newton's steps
            p = 1 / (1 + np.exp(-x @ weights))
            bend = (x * (p * (1 - p))[:, None]).T @ x + np.eye(len(weights))
            weights = weights - np.linalg.solve(bend, x.T @ (p - y) + weights)
        odds[fold == k] = inputs[fold == k] @ weights
    return odds


def doubt_table(evidence: Mapping[str, Array], errors: Array) -> str:
    """AUROC of each piece of evidence, and of it with the covariance."""
    lines = ["| evidence | alone | with the covariance |", "| --- | --- | --- |"]
    known = ~np.isnan(errors)
    wrong = np.where(known, errors > WRONG, np.nan)
    standard = {name: (e - e.mean()) / e.std() for name, e in evidence.items()}
    for chosen in [*([name] for name in evidence), list(evidence)]:
        names = ["covariance", *(name for name in chosen if name != "covariance")]
        stacked = np.stack([standard[name] for name in names], axis=-1)
        odds = [regressed(stacked, wrong, np.random.default_rng(k)) for k in range(SHUFFLES)]
        both = np.mean([auroc(each[known], errors[known] > WRONG) for each in odds])
        alone = f"{auroc(evidence[chosen[0]][known], errors[known] > WRONG):.3f}" if len(chosen) == 1 else "-"
        lines.append(f"| {chosen[0] if len(chosen) == 1 else 'all'} | {alone} | {both:.3f} |")
    return "\n".join(lines)


def drawn_to_shapes(found: Sequence[Prediction], shapes: Array, factor: float) -> list[Prediction]:
    """`found`, drawn to the complete training shapes `shapes` (K, N, 2)."""
    whole = shapes[..., 0] + 1j * shapes[..., 1]
    mean, aligned = whole[0], whole
    for _ in range(10):
        mean = (mean - mean.mean()) / np.abs(mean - mean.mean()).std()
        aligned = np.stack([a * s + b for s in whole for a, b in [similarity(s, mean, np.ones(len(s)))]])
        mean = aligned.mean(axis=0)
    away = pairs(aligned - mean).reshape(len(aligned), -1)
    spread = away.T @ away / len(away)
    spread = 0.9 * spread + 0.1 * np.diag(np.diag(spread))
    out = []
    for one in found:
        points = one.points[:, 0] + 1j * one.points[:, 1]
        a, b = similarity(points, mean, 1 / np.sqrt(np.linalg.det(one.covariance)))
        turn = np.array([[a.real, -a.imag], [a.imag, a.real]])
        noise = np.zeros_like(spread)
        for k, covariance in enumerate(one.covariance):
            noise[2 * k : 2 * k + 2, 2 * k : 2 * k + 2] = factor * turn @ covariance @ turn.T
        off = pairs(a * points + b - mean).ravel()
        moved = mean + (spread @ np.linalg.solve(spread + noise, off)).reshape(-1, 2) @ np.array([1, 1j])
        out.append(Prediction(pairs((moved - b) / a), one.covariance))
    return out


def similarity(points: Complex, aim: Complex, weights: Array) -> tuple[complex, complex]:
    """The a and b of the similarity a z + b that takes complex `points` (N,) nearest to `aim`."""
    share = weights / weights.sum()
    middle, other = share @ points, share @ aim
    a = (share * np.conj(points - middle)) @ (aim - other) / (share @ np.abs(points - middle) ** 2)
    return a, other - a * middle


def pairs(points: Complex) -> Array:
    """Complex numbers (...) as (..., 2)."""
    return np.stack([points.real, points.imag], axis=-1)


def place_table(ways: Mapping[str, Sequence[Prediction]], definition: Definition, samples: Sequence[Sample]) -> str:
    """The errors of the points found by each of `ways`."""
    lines = ["| points | NME % | wrong % |", "| --- | --- | --- |"]
    for name, found in ways.items():
        errors = errors_of(definition, found, samples)
        wrong = (errors > WRONG)[~np.isnan(errors)].mean()
        lines.append(f"| {name} | {100 * np.nanmean(errors, axis=1).mean():.2f} | {100 * wrong:.1f} |")
    return "\n".join(lines)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, metavar="RUN")
    parser.add_argument("--data", type=Path, required=True, metavar="T.json")
    parser.add_argument("--source", help="the head that points are carried through (default: the last other one)")
    parser.add_argument("--train-faces", type=int, metavar="K", help="as RUN was trained, with seed 0")
    parser.add_argument("--with", type=Path, nargs="+", default=[], dest="others", metavar="RUN", help="other runs")
    options = parser.parse_args()
    made, data = checkpoint.load(options.run), read_coco(options.data)
    model, target = made.model, made.target
    order = counterparts(data.definition, model.head_definition(target))
    known_faces = data if options.train_faces is None else fewer_faces(data, options.train_faces, 0)
    learned, tested = known_faces.labeled("train"), data.labeled("test")
    found = predicted(made, tested, data.definition)
    errors, unit = errors_of(data.definition, found, tested), distances_of(data.definition, tested)[:, None]
    deviation = np.stack([np.linalg.det(p.covariance) ** 0.25 for p in found]) / unit
    looks = [look(made, tested, view, order) for view in VIEWS[model.config.views]]
    evidence = {"covariance": np.log(deviation)}
    if len(looks) > 1:
        evidence["looks"] = np.log(np.linalg.norm(looks[0][0] - looks[1][0], axis=-1) / unit + 1e-3)
    evidence |= {name: np.mean([own[name] for _, own in looks], axis=0) for name in looks[0][1]}
    ways = {"predicted": found}
    if target in model.follows:
        alone = checkpoint.load(options.run)
        alone.model.stop_following()
        ways["by the head alone"] = predicted(alone, tested, data.definition)
    others = [name for name in model.definitions if name != target]
    if others:
        source = options.source or others[-1]
        known = CarriedLabels.of(
            target, data.definition, source, model.head_definition(source), calibrated(made, learned, source), learned
        )
        seen, boxes = calibrated(made, tested, source), [s.box for s in tested]
        carried = known.carry(seen, boxes)
        apart = np.stack([np.linalg.norm(a.points - b.points, axis=-1) for a, b in zip(found, carried, strict=True)])
        evidence["carried"] = np.log(apart / unit + 1e-3)
        ways |= {f"carried over through {source}": carried, "fused with those": fused(found, carried)}
    if options.others:
        runs = [found, *(predicted(checkpoint.load(run), tested, data.definition) for run in options.others)]
        ways["fused with other runs"] = fused(*runs)
        places = np.stack([[p.points for p in each] for each in runs])
        evidence["other runs"] = np.log(np.linalg.norm(places[0] - places.mean(axis=0), axis=-1) / unit + 1e-3)
    ways |= {f"heatmaps sharper by {k:g}": sharper(made, tested, data.definition, k) for k in SHARPER}
    shapes = np.stack([s.annotation.points for s in learned if s.annotation is not None and s.annotation.labeled.all()])
    ways |= {f"drawn to shapes, covariances times {k:g}": drawn_to_shapes(found, shapes, k) for k in SHAPES}
    print(doubt_table(evidence, errors), place_table(ways, data.definition, tested), sep="\n\n")


if __name__ == "__main__":
    main()
