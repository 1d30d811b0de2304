"""Whether another order of doubt than the network's own would find more wrong points: AUROC on the test faces.

python benchmarks/doubt.py RUN T.json
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from mdmd.data.coco import read_coco
from mdmd.evaluation import metrics
from mdmd.evaluation.evaluate import WRONG, distances_of
from mdmd.inference.predict import predict
from mdmd.models import checkpoint

#: How much of the face's mean doubt is added to a point's own.
SHARES = (0.0, 0.25, 0.5, 1.0, -0.3)


def main() -> None:
    """Print one Markdown table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("run", type=Path)
    options.add_argument("data", type=Path)
    chosen = options.parse_args()
    made = checkpoint.load(chosen.run)
    data = read_coco(chosen.data)
    samples = [s for s in data.split("test") if s.annotation is not None]
    truth = [s.annotation for s in samples if s.annotation is not None]
    predictions = predict(made.model, samples, made.target)
    distance = distances_of(data.definition, samples)
    labeled = np.stack([t.labeled for t in truth])
    errors = metrics.point_errors(
        np.stack([p.points for p in predictions]), np.stack([t.points for t in truth]), labeled, distance
    )
    # Of each point: the logarithm of its standard deviation, in shares of the normalising distance.
    doubt = np.log(np.linalg.det(np.stack([p.covariance for p in predictions])) ** 0.25 / distance[:, None])
    orders = {
        f"{share:g} times the face's mean added": doubt + share * doubt.mean(axis=1, keepdims=True) for share in SHARES
    }
    own_error = np.nanmean(np.log(np.maximum(errors, 1e-4)), axis=0)  # of these very faces: more than can be known
    orders["each landmark's mean put in its place"] = doubt - doubt.mean(axis=0) + own_error
    print("| order of doubt | AUROC of wrong |\n| --- | --- |")
    for name, order in orders.items():
        print(f"| {name} | {metrics.auroc(order[labeled], errors[labeled] > WRONG):.3f} |")


if __name__ == "__main__":
    main()
