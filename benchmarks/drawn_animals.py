"""How well a starter's working checkpoint finds landmarks on drawn animals that it has not seen; ears by themselves.

    OMP_NUM_THREADS=1 python benchmarks/drawn_animals.py STARTER/working

STARTER is the folder of `mdmd pretrain --animals`; its `working` has the head of the animals. Prints a Markdown table
of mean errors in percent of the distance of the outer eye corners, with 95 % intervals over faces, a row a species.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from mdmd.data.coco import read_coco
from mdmd.evaluation.evaluate import errors_of
from mdmd.evaluation.metrics import face_nme, measured
from mdmd.inference.predict import predict
from mdmd.models.checkpoint import load
from mdmd.synthetic.datasets import write_animals
from mdmd.training.pretrain import DRAWN_ANIMALS, DRAWN_SIZE

#: Seeds of a pretraining are its own seed and the numbers of its rounds: this one is far from them.
SEED = 4321


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, metavar="STARTER/working", help="a checkpoint with the head of the animals")
    parser.add_argument("--count", type=int, default=600, metavar="N", help="animals to draw (default 600)")
    options = parser.parse_args()
    model = load(options.run).model
    with tempfile.TemporaryDirectory() as folder:
        drawn = read_coco(write_animals(Path(folder), options.count, seed=SEED, size=DRAWN_SIZE), name=DRAWN_ANIMALS)
        found = predict(model, drawn.samples, DRAWN_ANIMALS)
    errors = errors_of(drawn.definition, found, drawn.samples)
    species = np.array([sample.extra["style"] for sample in drawn.samples])
    ears = [k for k, name in enumerate(drawn.definition.names) if name.startswith("ear")]
    print("| species | faces | all points % | from | to | ears % | from | to |\n" + 8 * "| --- " + "|")
    for name in sorted(set(species)):
        rows = errors[species == name]
        row = [name, str(len(rows))]
        for columns in (rows, rows[:, ears]):
            seen = columns[~np.isnan(columns).all(axis=1)]
            error = measured(face_nme(seen)) if len(seen) else None
            row += ["", "", ""] if error is None else [f"{100 * v:.2f}" for v in (error.value, error.low, error.high)]
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
