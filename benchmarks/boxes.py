"""How good a model is where nobody has drawn the faces' boxes.

`python benchmarks/boxes.py measure RUN T.json [--faces N]` compares the given boxes of the test faces with boxes that
the model finds, starting from whole pictures. `python benchmarks/boxes.py write T.json OUT` writes the set twice, as if
nobody had drawn a box: OUT/whole, where every box is its whole picture, and OUT/labels, where training faces have what
the tool makes of that, a box around their labels; both test on whole pictures.
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import replace
from pathlib import Path

from labeler.project.coco import write_coco
from mdmd.data.boxes import box_scale, boxed_by_labels
from mdmd.data.coco import read_coco
from mdmd.data.records import Box, Sample
from mdmd.evaluation.evaluate import FlagRule, evaluate
from mdmd.inference.boxes import find_boxes
from mdmd.inference.predict import predict
from mdmd.models import checkpoint


def whole(sample: Sample) -> Sample:
    return replace(sample, box=Box(0.0, 0.0, float(sample.width), float(sample.height)))


def measure(run: Path, file: Path, faces: int) -> None:
    """Prints NME and failures with either kind of boxes, on pictures with one face."""
    made, data = checkpoint.load(run), read_coco(file)
    alone = Counter(s.file_name for s in data.samples)
    samples = [s for s in data.split("test") if s.annotation is not None and alone[s.file_name] == 1][:faces]
    # Checkpoints from before boxes were looked for do not say how much longer than the points theirs are.
    scale = made.history.get("box_scale") or box_scale(data.split("train"))
    assert scale is not None
    found = find_boxes(made.model, list(map(whole, samples)), made.target, scale=scale)
    law = made.calibration(made.target).law
    for name, boxed in (("given", samples), ("found", found)):
        predictions = predict(made.model, boxed, made.target)
        numbers = evaluate(data.definition, predictions, samples, FlagRule(), law)
        print(f"{name}: {len(samples)} faces, NME {numbers['nme']:.2f} %, FR10 {numbers['fr10']:.1f} %")


def write(file: Path, out: Path) -> None:
    data = read_coco(file)
    for name in ("whole", "labels"):
        samples = [
            boxed_by_labels(whole(s)) if name == "labels" and s.split == "train" else whole(s) for s in data.samples
        ]
        write_coco(
            out / name / "annotations.json", replace(data, samples=tuple(samples)), images=file.parent / "images"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    look = commands.add_parser("measure")
    look.add_argument("run", type=Path)
    look.add_argument("file", type=Path)
    look.add_argument("--faces", type=int, default=1000)
    look.set_defaults(run_command=lambda o: measure(o.run, o.file, o.faces))
    make = commands.add_parser("write")
    make.add_argument("file", type=Path)
    make.add_argument("out", type=Path)
    make.set_defaults(run_command=lambda o: write(o.file, o.out))
    options = parser.parse_args()
    options.run_command(options)


if __name__ == "__main__":
    main()
