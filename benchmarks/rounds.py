"""Short rounds of training on ever more labeled faces, as a background learner trains; prints a Markdown table.

    OMP_NUM_THREADS=1 python benchmarks/rounds.py --data DATA/stylised9/annotations.json --base RUN

RUN is a base made by `mdmd train`. For each draw of labeled faces, the first round trains on the first few of them, and
each further one on more. With `--start last` a round starts from the model of the round before, with `--start base`
from the base. The columns are the errors (NME in percent of the normalizer on the split test, means of the draws) of
the points that the base carries over, of the round's own, and of both fused, and the CPU seconds of the trainings so
far.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import mdmd
from mdmd.data.coco import read_coco
from mdmd.data.definition import Definition
from mdmd.data.records import Prediction, Sample
from mdmd.evaluation.calibration import Calibration
from mdmd.evaluation.evaluate import FlagRule, evaluate
from mdmd.evaluation.fusion import fused
from mdmd.inference.model import Model
from mdmd.inference.predict import predict
from mdmd.training.train import fewer_faces
from mdmd.transfer.carried_labels import CarriedLabels

#: The setting of a short round; the others are those of the default preset. The few faces are all learned from.
SHORT = ("train.heldout_share=0",)
#: What the covariances of a round are multiplied by where they are fused: they are not calibrated, and too small.
WIDER = 4.0
COLUMNS = ("carried over", "the round", "both fused", "CPU s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a COCO-keypoint file with the splits train and test")
    parser.add_argument("--base", type=Path, required=True, help="the run that the first round starts from")
    parser.add_argument("--source", type=Path, action="append", default=[], help="a set to train on beside; repeatable")
    parser.add_argument("--faces", type=int, nargs="+", default=[5, 10, 25], help="the labeled faces of each round")
    parser.add_argument("--steps", type=int, nargs="+", default=[60], help="steps of each round; the last is repeated")
    parser.add_argument("--draws", type=int, default=3, help="draws of labeled faces")
    parser.add_argument(
        "--start", choices=("last", "base"), default="last", help="where a round after the first starts"
    )
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of the rounds")
    options = parser.parse_args()
    dataset, base = read_coco(options.data), mdmd.load(options.base)
    test = dataset.labeled("test")
    steps = [*options.steps, *options.steps[-1:] * len(options.faces)]
    faces = (*dataset.labeled("train"), *test)
    seen = dict(zip(map(id, faces), predictions(base, base.head, faces), strict=True))
    found: dict[int, list[list[float]]] = {count: [] for count in options.faces}
    for draw in range(options.draws):
        with tempfile.TemporaryDirectory() as folder:
            start, seconds = options.base, 0.0
            for count, length in zip(options.faces, steps, strict=False):
                labeled = fewer_faces(dataset, count, draw).labeled("train")
                carried = CarriedLabels.of(
                    dataset.name,
                    dataset.definition,
                    base.head,
                    base.definition,
                    [seen[id(face)] for face in labeled],
                    labeled,
                ).carry([seen[id(face)] for face in test], [face.box for face in test])
                began, out = time.process_time(), Path(folder) / str(count)
                made = mdmd.adapt(
                    options.data,
                    out,
                    sources=options.source,
                    base=start,
                    train_faces=count,
                    steps=length,
                    seed=draw,
                    settings=[*SHORT, *options.set],
                    quiet=True,
                )
                seconds += time.process_time() - began
                own = predictions(made, made.head, test)
                wider = [Prediction(one.points, WIDER * one.covariance) for one in own]
                errors = [error(dataset.definition, each, test) for each in (carried, own, fused(wider, carried))]
                found[count].append([*errors, seconds])
                start = out if options.start == "last" else options.base
    print(f"| labeled faces | steps | {' | '.join(COLUMNS)} |\n| --- | --- |{' --- |' * len(COLUMNS)}")
    for (count, rows), length in zip(found.items(), steps, strict=False):
        *means, seconds = np.mean(rows, axis=0)
        print(f"| {count} | {length} | {' | '.join(f'{mean:.2f}' for mean in means)} | {seconds:.0f} |")


def predictions(model: Model, head: str, faces: Sequence[Sample]) -> list[Prediction]:
    """What `head` of `model` predicts on `faces`, calibrated where it is."""
    return model.finished(predict(model.network(), faces, head), faces, head)


def error(definition: Definition, found: Sequence[Prediction], faces: Sequence[Sample]) -> float:
    """NME in percent of the normalizer."""
    return evaluate(definition, found, faces, FlagRule(), Calibration().law)["nme"]


if __name__ == "__main__":
    main()
