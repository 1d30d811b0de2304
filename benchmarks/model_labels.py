"""What "model against label" finds: slips planted in the labels that a model then learns from, and its false alarms.

    python benchmarks/model_labels.py SET.json --source SOURCE.json --from BASE --out FOLDER [--seeds 2] [--steps 150]

For each seed 100 training faces of the set are drawn and a slip is planted in five of them: two landmarks of one face
exchanged, all mirror pairs of one face exchanged, or one landmark moved by 15 to 30 % of the face. `mdmd adapt` learns
these labels, slips and all, and `mdmd predict` says where it would put the points of the same faces. All other
labels are taken for good: a face of them that is named counts as a false alarm. A training that is there already is
only looked at again.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from labeler.analysis.label_checks import LabeledFace, check_labels, face_sizes
from labeler.analysis.model_disagreement import ModelWord, contradictions
from labeler.guidance.model_opinions import read_words
from mdmd.data.coco import read_coco, to_coco
from mdmd.data.records import Annotation, Dataset, Points, Sample
from mdmd.files import write_json

FACES, SLIPS = 100, 5
KINDS = ("two swapped", "moved", "sides swapped")


def planted(data: Dataset, seed: int) -> Iterator[tuple[Sample, str | None]]:
    """The faces drawn, in random order, each with the kind of slip planted in it."""
    rng = np.random.default_rng(seed)
    faces = [sample for sample in data.samples if sample.split == "train" and sample.annotation is not None]
    for number, k in enumerate(rng.permutation(len(faces))[:FACES]):
        sample, kind = faces[k], KINDS[number % len(KINDS)] if number < SLIPS else None
        assert sample.annotation is not None
        if kind is not None:
            points = slipped(sample.annotation.points, kind, data.definition.mirror, rng)
            sample = replace(sample, annotation=Annotation(points, sample.annotation.visibility))
        yield sample, kind


def slipped(points: Points, kind: str, mirror: tuple[int, ...], rng: np.random.Generator) -> Points:
    if kind == "sides swapped":
        return points[list(mirror)]
    points, size = points.copy(), face_sizes(points[None])[0]
    if kind == "moved":
        angle, share = rng.uniform(0, 2 * np.pi), rng.uniform(0.15, 0.30)
        points[rng.integers(len(points))] += share * size * np.array([np.cos(angle), np.sin(angle)])
        return points
    while True:  # Two that stand within 5 % of the face of each other are no slip that anybody would see.
        one, other = rng.choice(len(points), 2, replace=False)
        if np.linalg.norm(points[one] - points[other]) > 0.05 * size:
            points[[one, other]] = points[[other, one]]
            return points


def trained(options: argparse.Namespace, data: Dataset, seed: int) -> Path:
    """The folder of a run on planted labels, with target.json and labeled.json."""
    folder = options.out / options.data.parent.name / str(seed) / "1"
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / "target.json"
    images = {"image_folder": str(data.samples[0].path.parent)}
    write_json(target, to_coco([s for s, _ in planted(data, seed)], data.definition, info=images), indent=None)
    mdmd = [sys.executable, "-m", "mdmd"]
    if not (folder / "metrics.json").is_file():
        adapt = ["adapt", "--target", target, "--source", options.source, "--from", options.base, "--seed", seed]
        subprocess.run([str(w) for w in (*mdmd, *adapt, "--steps", options.steps, "--out", folder)], check=True)
    if not (folder / "labeled.json").is_file():
        predict = ["predict", folder, "--faces", target, "--out", folder / "labeled.json"]
        subprocess.run([str(w) for w in (*mdmd, *predict)], check=True)
    return folder


def main() -> None:
    """Print a row of a Markdown table for each seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--from", dest="base", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=150)
    options = parser.parse_args()
    data = read_coco(options.data)
    print("| set, seed | false alarms | " + " | ".join(KINDS) + " | found by all checks | without a model |")
    for seed in range(options.seeds):
        words = read_words_of(trained(options, data, seed))
        faces = [LabeledFace(sample.face_id, sample.box, *words[sample.face_id]) for sample, _ in planted(data, seed)]
        alone = contradicted(data, faces)
        together, before = (alarms(data, some) for some in (faces, [replace(face, word=None) for face in faces]))
        slips = {sample.face_id: kind for sample, kind in planted(data, seed) if kind is not None}
        false = alone.keys() - slips.keys()
        for number in sorted(alone):
            print(f"  {number} {slips.get(number, 'good')}: {alone[number]}", file=sys.stderr)
        found = [
            f"{sum(number in alone for number, k in slips.items() if k == kind)} of {list(slips.values()).count(kind)}"
            for kind in KINDS
        ]
        counts = (f"{len(named & slips.keys())} of {len(slips)}" for named in (together, before))
        cells = [f"{options.data.parent.name}, {seed}", f"{len(false)} of {len(faces) - len(slips)}", *found, *counts]
        print(f"| {' | '.join(cells)} |", flush=True)


def read_words_of(folder: Path) -> dict[int, tuple[np.ndarray, ModelWord]]:
    """The labels that the run was given and its model's words, as the tool reads them, by annotation id."""
    write_json(folder / "exit.json", {"code": 0})
    return read_words(folder.parent).faces


def contradicted(data: Dataset, faces: Sequence[LabeledFace]) -> dict[int, str]:
    """The faces that the model names when no other check has spoken, and what it says first."""
    sizes = face_sizes(np.stack([face.points for face in faces]))
    found: dict[int, str] = {}
    for face, size in zip(faces, sizes, strict=True):
        assert face.word is not None
        for _, sentence in contradictions(data.definition, face.points, float(size), face.word):
            found.setdefault(face.id, sentence)
    return found


def alarms(data: Dataset, faces: Sequence[LabeledFace]) -> set[int]:
    return {finding.face for finding in check_labels(data.definition, faces)}


if __name__ == "__main__":
    main()
