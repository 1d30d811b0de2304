"""Trainings that went wrong, and some that are truly better: which of them the tool would put in charge.

    OMP_NUM_THREADS=1 python benchmarks/planted_runs.py --data DATA/stylised9/annotations.json --base RUN --keep FOLDER

RUN is a base made by `mdmd train`. Points carried over from 25 faces are in charge: through the starter for the better
trainings, through RUN for the bad ones, which would be hidden otherwise. Each training is judged by
`labeler.analysis.better_model.judge` on `--faces` test faces that are drawn for it, and its true error is that on all
test faces. Bad ones were stopped at step 3, had a learning rate twenty times too large, or learned from faces whose
labels were exchanged. Better ones learned from `--learned` faces of another draw each.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import mdmd
from labeler.analysis.better_model import judge
from mdmd.config import STARTER
from mdmd.data.coco import read_coco
from mdmd.data.records import Dataset, Prediction, Sample
from mdmd.errors import DataError
from mdmd.evaluation.evaluate import distances_of, errors_of
from mdmd.inference.model import Model
from mdmd.inference.predict import predict
from mdmd.training.train import fewer_faces
from mdmd.transfer.carried_labels import CarriedLabels, complex_of
from mdmd.transfer.mean_shape import left_out_distances

Array = NDArray[np.float64]
TOLERANCE = 0.1
#: How a bad training differs from a good one.
BAD: Mapping[str, Mapping[str, object]] = {
    "stopped at step 3": {"steps": 3},
    "learning rate too large": {"steps": 60, "settings": ["train.learning_rate=0.02"]},
    "labels exchanged": {"steps": 60},
}
CARRIED_FROM = 25


@dataclass(frozen=True, eq=False)
class Judged:
    """Errors (F, N) on test faces, as shares of the normalizer: of what is in charge, and of the mean shape."""

    incumbent: Array
    mean_shape: Array

    def takes_over(self, errors: Array, faces: Sequence[int]) -> bool:
        """Whether a training with these `errors` (F, N) is put in charge, judged on some of the faces."""
        arrays = (array[list(faces)] for array in (errors, self.incumbent, self.mean_shape))
        return judge(*arrays, tolerance=TOLERANCE).takes_over


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a COCO-keypoint file with the splits train and test")
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--keep", type=Path, required=True, help="the folder for the trainings; it goes on from there")
    parser.add_argument("--runs", type=int, default=20, help="trainings of each kind")
    parser.add_argument("--faces", type=int, default=20, help="the faces that judge a training")
    parser.add_argument("--kinds", nargs="+", choices=("better", "bad"), default=["better", "bad"])
    parser.add_argument("--learned", type=int, default=10, help="the faces that a better training learns from")
    options = parser.parse_args()
    dataset = read_coco(options.data)
    test = dataset.labeled("test")
    shape = np.stack([complex_of(face.annotation.points) for face in test if face.annotation is not None])
    off = left_out_distances(shape, [face.box for face in test])
    mean_shape = off / distances_of(dataset.definition, test)[:, None]
    print("| training | true error | of what is in charge | truly better by | in charge |")
    print("| --- | --- | --- | --- | --- |")
    for kind in options.kinds:
        carrier = mdmd.load(options.base if kind == "bad" else STARTER)
        judged = Judged(carried_errors(carrier, dataset, test), mean_shape)
        for number in range(options.runs):
            name = list(BAD)[number % len(BAD)] if kind == "bad" else "better"
            out = options.keep / f"{name.replace(' ', '-')}-{number}"
            try:
                errors = errors_of(dataset.definition, trained(dataset, test, options, name, number, out), test)
            except DataError as error:  # it diverged so far that its own held-out faces cannot be predicted
                print(f"| {name} | failed: {error} | | | no |", flush=True)
                continue
            rng = np.random.default_rng(number)
            taken = judged.takes_over(errors, rng.choice(len(test), options.faces, replace=False).tolist())
            own, other = (float(np.mean(np.nanmean(array, axis=1))) for array in (errors, judged.incumbent))
            better = f"{100 * (1 - own / other):.0f} %" if math.isfinite(own) else "diverged"
            row = f"{name} | {100 * own:.2f} % | {100 * other:.2f} % | {better} | {'yes' if taken else 'no'}"
            print(f"| {row} |", flush=True)


def carried_errors(carrier: Model, dataset: Dataset, test: Sequence[Sample]) -> Array:
    """The errors (F, N) of points carried over from some faces, on the test faces."""
    labeled = fewer_faces(dataset, CARRIED_FROM, 0).labeled("train")

    def seen(faces: Sequence[Sample]) -> list[Prediction]:
        return carrier.finished(predict(carrier.network(), faces, carrier.head), faces, carrier.head)

    carried = CarriedLabels.of(
        dataset.name, dataset.definition, carrier.head, carrier.definition, seen(labeled), labeled
    ).carry(seen(test), [face.box for face in test])
    return errors_of(dataset.definition, carried, test)


def trained(
    dataset: Dataset, test: Sequence[Sample], options: argparse.Namespace, name: str, number: int, out: Path
) -> list[Prediction]:
    """What a training predicts on the test faces, from its folder if it is there already."""
    kept = out / "test.npz"
    if not kept.is_file():
        chosen: dict[str, object] = {"steps": 60, **BAD.get(name, {})}
        target = fewer_faces(dataset, options.learned if name == "better" else CARRIED_FROM, number)
        if name == "labels exchanged":
            target = exchanged(target, number)
        made = mdmd.adapt(target, out, base=options.base, seed=number, quiet=True, fresh=True, **chosen)  # type: ignore[arg-type]
        found = made.finished(predict(made.network(), test, made.head), test, made.head)
        np.savez(kept, points=[one.points for one in found], covariance=[one.covariance for one in found])
    with np.load(kept) as arrays:
        return [Prediction(*one) for one in zip(arrays["points"], arrays["covariance"], strict=True)]


def exchanged(target: Dataset, seed: int) -> Dataset:
    """`target` with the labels of each training face put, within its box, on another one."""
    faces = target.labeled("train")
    order = np.roll(np.random.default_rng(seed).permutation(len(faces)), 1)
    poisoned = []
    for face, other in zip(faces, (faces[k] for k in order), strict=True):
        assert other.annotation is not None
        (a, b), corner = (face.box, other.box), np.array([other.box.x, other.box.y])
        points = (other.annotation.points - corner) * [a.w / b.w, a.h / b.h] + [a.x, a.y]
        poisoned.append(replace(face, annotation=replace(other.annotation, points=points)))
    return replace(target, samples=tuple(poisoned))


if __name__ == "__main__":
    main()
