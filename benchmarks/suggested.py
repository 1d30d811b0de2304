"""Whether a model learns more from the 50 faces that are suggested next than from 50 at random.

    python benchmarks/suggested.py choose RUN SET.json OUT [--seed S]
    python benchmarks/suggested.py compare SET.json --suggested RUN ... --random RUN ...

`choose` begins where a person stands after a first model: RUN is a run of `mdmd adapt --target SET.json --train-faces
25 --seed S`, its faces are the labeled ones, and the other training faces of SET are predicted with it. From these
50 are chosen twice, by `labeler/guidance/suggestions.py` and at random; OUT/suggested and OUT/random hold SET with the
75 training faces and all its test faces, to be trained on with `mdmd adapt`. `compare` predicts the test faces with the
runs that came out of that, one seed after the other, and resamples the faces for an interval of the difference.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from labeler.analysis.image_features import cutout, describe
from labeler.guidance.progress import Standing
from labeler.guidance.suggestions import suggest
from labeler.pictures.feature_cache import Look
from labeler.project.coco import write_coco
from mdmd.data.coco import read_coco
from mdmd.data.records import Dataset, Sample
from mdmd.evaluation import metrics
from mdmd.evaluation.evaluate import errors_of, probabilities_off
from mdmd.inference.predict import predict
from mdmd.models import checkpoint
from mdmd.training.train import fewer_faces

FIRST, NEXT, TOLERANCE = 25, 50, 0.10


def choose(run: Path, file: Path, out: Path, seed: int) -> None:
    made, data = checkpoint.load(run), read_coco(file)
    training = [s for s in data.split("train") if s.annotation is not None]
    first = {id(s) for s in fewer_faces(data, FIRST, seed).split("train")}
    wrong = expected_wrong(made, data, training)
    n = len(data.definition.landmarks)
    standings = [standing(k, n if id(s) in first else 0, n, wrong[k]) for k, s in enumerate(training)]
    looks = [look(s) for s in training]
    keys = [str(k).encode() for k in range(len(training))]
    queue, _ = suggest(standings, looks, keys, {k: s.file_name for k, s in enumerate(training)})
    suggested = [each.face for each in queue][:NEXT]
    left = [k for k, s in enumerate(training) if id(s) not in first]
    drawn = np.random.default_rng([seed, 1]).permutation(left)[:NEXT].tolist()
    for name, chosen in (("suggested", suggested), ("random", drawn)):
        kept = first | {id(training[k]) for k in chosen}
        samples = tuple(s for s in data.samples if s.split != "train" or id(s) in kept)
        write_coco(out / name / "annotations.json", replace(data, samples=samples), images=file.parent / "images")
        doubt = np.mean([wrong[k] for k in chosen])
        print(f"{name}: {len(chosen)} of {len(left)} faces, {doubt:.2f} points expected to be wrong on each")


def expected_wrong(made: checkpoint.Checkpoint, data: Dataset, samples: Sequence[Sample]) -> list[float]:
    """Of each face, how many of its points the model expects to be off by more than the tolerance."""
    calibration = made.calibration(made.target)
    raw = predict(made.model, list(samples), made.target)
    return [
        float(probabilities_off(data.definition, calibration.apply(p, s.box), s, TOLERANCE, calibration.law).sum())
        for p, s in zip(raw, samples, strict=True)
    ]


def standing(face: int, labeled: int, of: int, wrong: float) -> Standing:
    open_points = of - labeled
    return Standing(
        face=face,
        picture=face,
        state="complete" if labeled else "predicted",
        labeled=labeled,
        visible=labeled,
        of=of,
        flagged=0,
        unreviewed=open_points,
        expected_wrong=wrong,
        worst=0.0,
        skip=None,
        revision=0,
    )


def look(sample: Sample) -> Look:
    pixels = cutout(sample.path, sample.box, 1.0)
    return Look(np.round(pixels * 255).astype(np.uint8), describe(pixels))


def errors(run: Path, data: Dataset, samples: Sequence[Sample]) -> np.ndarray:
    """NME of each face in percent."""
    made = checkpoint.load(run)
    found = predict(made.model, list(samples), made.target)
    return 100 * metrics.face_nme(errors_of(data.definition, found, samples))


def compare(file: Path, suggested: Sequence[Path], random: Sequence[Path]) -> None:
    data = read_coco(file)
    samples = [s for s in data.split("test") if s.annotation is not None]
    differences = []
    for ours, theirs in zip(suggested, random, strict=True):
        a, b = errors(ours, data, samples), errors(theirs, data, samples)
        differences.append(a - b)
        print(f"{ours.name}: {len(samples)} faces, suggested {a.mean():.2f} %, random {b.mean():.2f} %")
    by_face = np.mean(differences, axis=0)
    low, high = metrics.bootstrap_interval(by_face)
    by_seed = np.mean(differences, axis=1)
    print(f"difference {by_face.mean():+.2f} points (over faces {low:+.2f} to {high:+.2f}); by seed {by_seed.round(2)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    make = commands.add_parser("choose")
    make.add_argument("run", type=Path)
    make.add_argument("file", type=Path)
    make.add_argument("out", type=Path)
    make.add_argument("--seed", type=int, default=0)
    make.set_defaults(go=lambda o: choose(o.run, o.file, o.out, o.seed))
    tell = commands.add_parser("compare")
    tell.add_argument("file", type=Path)
    tell.add_argument("--suggested", type=Path, nargs="+", required=True)
    tell.add_argument("--random", type=Path, nargs="+", required=True)
    tell.set_defaults(go=lambda o: compare(o.file, o.suggested, o.random))
    options = parser.parse_args()
    options.go(options)


if __name__ == "__main__":
    main()
