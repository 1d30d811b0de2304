"""Measure calibration on few faces: draw K test faces many times, calibrate on them and measure on the others.

python benchmarks/calibration.py RUN T.json
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mdmd.data.coco import read_coco
from mdmd.data.definition import Definition
from mdmd.data.records import Annotation, Prediction, Sample
from mdmd.evaluation.calibration import Calibration, calibrate, radii_of
from mdmd.evaluation.evaluate import FlagRule, evaluate
from mdmd.inference.predict import predict
from mdmd.models import checkpoint

FACES = (5, 12, 22, 60)
WAYS = ("scale alone", "likelihood", "conformal")
WITHIN = 0.04


def calibration_by(way: str, predictions: Sequence[Prediction], samples: Sequence[Sample]) -> Calibration:
    """The calibration by `way`; "scale alone" is that of the Laplacian, sqrt(3) / 2 times the mean radius."""
    truth = [s.annotation for s in samples if isinstance(s.annotation, Annotation)]
    if way == "scale alone":
        return Calibration(float(np.sqrt(3) / 2 * np.nanmean(radii_of(predictions, truth))))
    return calibrate(predictions, truth, [s.box for s in samples], "conformal" if way == "conformal" else "likelihood")


def study(
    definition: Definition, predictions: Sequence[Prediction], samples: Sequence[Sample], count: int, draws: int
) -> dict[str, list[dict[str, float]]]:
    """The metrics of every draw of `count` faces, by way of calibration."""
    rows: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    for draw in range(draws):
        order = np.random.default_rng(draw).permutation(len(samples))
        fitted, rest = order[:count], order[count:]
        for way in WAYS:
            made = calibration_by(way, [predictions[k] for k in fitted], [samples[k] for k in fitted])
            found = [made.apply(predictions[k], samples[k].box) for k in rest]
            rows[way].append(evaluate(definition, found, [samples[k] for k in rest], FlagRule(), made.law))
    return rows


def main() -> None:
    """Print one Markdown table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("run", type=Path)
    options.add_argument("data", type=Path)
    options.add_argument("--draws", type=int, default=50)
    chosen = options.parse_args()
    made = checkpoint.load(chosen.run)
    data = read_coco(chosen.data)
    samples = [s for s in data.split("test") if s.annotation is not None]
    predictions = predict(made.model, samples, made.target)
    names = ("faces", "calibration", "50 %: off by", "90 %: off by", "both within 4", "NLL", "recall", "flagged")
    print("| " + " | ".join(names) + " |\n|" + " --- |" * len(names))
    for count in FACES:
        for way, rows in study(data.definition, predictions, samples, count, chosen.draws).items():
            off50, off90 = (
                np.abs([row[key] - p for row in rows]) for key, p in (("coverage50", 0.5), ("coverage90", 0.9))
            )
            both = np.mean((off50 <= WITHIN) & (off90 <= WITHIN))
            nll, recall, rate = (np.mean([row[key] for row in rows]) for key in ("nll", "flag_recall", "flag_rate"))
            print(
                f"| {count} | {way} | {100 * off50.mean():.1f} | {100 * off90.mean():.1f} | {100 * both:.0f} % "
                f"| {nll:.3f} | {recall:.2f} | {rate:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
