"""Error of carried-over points by the number of labeled faces, without training; prints a Markdown table.

    OMP_NUM_THREADS=1 python benchmarks/carried_points.py --data DATA/stylised9/annotations.json --base RUN

RUN is a base made by `mdmd train`, by default the starter. The base predicts its points once on all faces. Then K faces
of the training split are drawn, their labels are carried over to the test split, and the errors are averaged over the
draws. The columns are the NME in percent of the normalizer, the shares of points inside their 50 % and 90 % ellipses,
how well doubt tells points that are off by more than 10 % (area under the ROC curve), the negative log-likelihood a
point, and the shares of all points that are flagged and of the wrong ones that are caught. `--powers` takes other tails
of errors than the tool's.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import mdmd
from mdmd.config import STARTER
from mdmd.data.coco import read_coco
from mdmd.data.definition import Definition
from mdmd.data.records import Prediction, Sample
from mdmd.evaluation.error_law import RadialLaw
from mdmd.evaluation.evaluate import FlagRule, evaluate
from mdmd.inference.predict import predict
from mdmd.transfer.carried_labels import CarriedLabels
from mdmd.transfer.spread import LAW

COLUMNS = {
    "nme": "NME",
    "coverage50": "inside 50 %",
    "coverage90": "inside 90 %",
    "auroc_wrong": "AUROC",
    "nll": "NLL",
    "flag_rate": "flagged",
    "flag_recall": "caught",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a COCO-keypoint file with the splits train and test")
    parser.add_argument(
        "--base", type=Path, default=STARTER, help="the run whose points are used (default: the starter)"
    )
    parser.add_argument("--faces", type=int, nargs="+", default=[1, 2, 3, 5, 10, 25], help="numbers of labeled faces")
    parser.add_argument("--draws", type=int, default=10, help="draws of labeled faces")
    parser.add_argument("--powers", type=float, nargs="+", default=[LAW.power], help="powers of the error law")
    options = parser.parse_args()
    dataset = read_coco(options.data)
    base = mdmd.load(options.base)
    train, test = ([s for s in dataset.split(split) if s.annotation is not None] for split in ("train", "test"))
    seen = {
        split: base.finished(predict(base.network(), faces, base.head), faces, base.head)
        for split, faces in (("train", train), ("test", test))
    }
    print(f"| labeled faces | power | {' | '.join(COLUMNS.values())} |\n| --- | --- |{' --- |' * len(COLUMNS)}")
    for count in options.faces:
        rows: dict[float, list[list[float]]] = {power: [] for power in options.powers}
        for draw in range(options.draws):
            chosen = np.random.default_rng(draw).permutation(len(train))[:count]
            labels = CarriedLabels.of(
                dataset.name,
                dataset.definition,
                base.head,
                base.definition,
                [seen["train"][k] for k in chosen],
                [train[k] for k in chosen],
            )
            found = labels.carry(seen["test"], [s.box for s in test])
            for power in options.powers:
                rows[power].append(measured(dataset.definition, found, test, RadialLaw(power)))
        for power, each in rows.items():
            means = " | ".join(f"{mean:.2f}" for mean in np.mean(each, axis=0))
            print(f"| {count} | {power:g} | {means} |", flush=True)


def measured(definition: Definition, found: list[Prediction], faces: list[Sample], law: RadialLaw) -> list[float]:
    """The numbers of COLUMNS."""
    numbers = evaluate(definition, found, faces, FlagRule(), law)
    return [numbers[name] for name in COLUMNS]


if __name__ == "__main__":
    main()
