"""What several looks at a face are worth: NME, FR10 and AUROC of wrong points on the test faces, by sets of looks.

    python benchmarks/views.py RUN T.json

RUN is a folder of `mdmd adapt` or `mdmd train`, T.json its target. Covariances are the network's own.
"""

from __future__ import annotations

import argparse
from itertools import product
from pathlib import Path

from mdmd.data.coco import read_coco
from mdmd.data.records import Prediction
from mdmd.evaluation.error_law import LAPLACIAN
from mdmd.evaluation.evaluate import FlagRule, evaluate
from mdmd.inference.predict import VIEWS, View, predict_crops, views_ahead
from mdmd.models import checkpoint

NARROW, PLAIN, WIDE = 0.86, 1.0, 1.14
LOOKS: dict[str, tuple[View, ...]] = {
    "one": VIEWS["single"],
    "two: mirrored": (View(), View(mirrored=True)),
    "two: narrow and wide": (View(NARROW), View(WIDE)),
    "two: narrow mirrored and wide (default)": VIEWS["two"],
    "three: narrow, plain, wide": (View(NARROW), View(PLAIN), View(WIDE)),
    "six: each of these mirrored too": tuple(
        View(zoom, side) for zoom, side in product((NARROW, PLAIN, WIDE), (False, True))
    ),
}


def main() -> None:
    """Print one Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("data", type=Path)
    options = parser.parse_args()
    made = checkpoint.load(options.run)
    data = read_coco(options.data)
    samples = [s for s in data.split("test") if s.annotation is not None]
    batches = list(views_ahead(samples, made.model.config, batch_size=32))
    print("| looks | NME % | FR10 % | AUROC of wrong |\n| --- | --- | --- | --- |")
    for name, views in LOOKS.items():
        found: list[Prediction] = []
        for images, crops in batches:
            found += predict_crops(made.model, images, made.target, crops, views=views)
        numbers = evaluate(data.definition, found, samples, FlagRule(), LAPLACIAN)
        print(f"| {name} | {numbers['nme']:.2f} | {numbers['fr10']:.1f} | {numbers['auroc_wrong']:.3f} |", flush=True)


if __name__ == "__main__":
    main()
