"""Where the starter fails: faces by pose and by size, with a covered part, and pictures without a face.

    OMP_NUM_THREADS=1 python benchmarks/limits.py --data DATA/300w/annotations.json [--only pose]

The faces have the 68 points of 300W. The starter learned from none of them, so faces of all splits are used; `--most`
takes that many at regular intervals. Prints Markdown tables. A point is wrong if its error is above 10 % of the
distance of the outer eye corners, and flagged by the rule of `mdmd evaluate`, with a threshold for each set of
predictions. "% of box" is the mean error divided by the square root of the box's area, which, unlike the distance of
the eyes, does not shrink when a face turns.

- **pose**: the yaw is that of the drawn head (`mdmd/synthetic/head.py`) whose eye corners and nose fit the labels best.
- **size**: the whole picture is reduced until the longer side of the face's box has so many pixels.
- **cover**: a gray rectangle hides a part of the face. Covered and other points are measured apart.
- **none**: the box is moved to the upper corners of the picture, beside the face.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import mdmd
from mdmd.config import STARTER
from mdmd.data.coco import read_coco
from mdmd.data.definition import Definition
from mdmd.data.images import read_picture
from mdmd.data.records import Annotation, Box, Prediction, Sample
from mdmd.evaluation import metrics
from mdmd.evaluation.calibration import radii_of
from mdmd.evaluation.evaluate import (
    WRONG,
    FlagRule,
    counterparts,
    distances_of,
    errors_of,
    probabilities_off,
)
from mdmd.inference.model import Model
from mdmd.inference.predict import predict
from mdmd.synthetic.head import Expression, Head, Identity, View

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
#: What is done to the picture of a face.
Change = Callable[[Image.Image, Sample], Image.Image]

YAWS = (0, 15, 30, 45, 90)
SIDES = (96, 64, 48, 32, 24, 16, 12)
#: The points of 300W around which the rectangle of each cover lies, and their indices that tell the yaw.
COVERS = {"eyes and brows": (17, 27, 36, 48), "nose": (27, 36), "mouth": (48, 68)}
RIGID = (36, 39, 42, 45, *range(27, 36))
GRAY = (128, 128, 128)
FRONT = View(yaw=0, pitch=0, roll=0, distance=5000, scale=1, center=(0, 0))
COLUMNS = ("faces", "NME %", "% of box", "wrong points %", "flagged %", "wrong ones flagged %", "inside 90 % ellipse")


@dataclass(frozen=True)
class Found:
    """Predictions of faces, all measures of shape (B, N): `errors` as shares of the distance of the eyes, and `of_box`
    as shares of the box; NaN where there is no label."""

    errors: Array
    of_box: Array
    radii: Array
    flagged: Mask
    deviation: Array
    radius90: float

    def row(self, faces: Mask, points: Mask) -> str:
        """The cells of the table: of the faces `faces` (B,) the points `points` (B, N)."""
        chosen = points & faces[:, None] & ~np.isnan(self.errors)
        wrong = self.errors > WRONG
        caught = self.flagged[chosen & wrong]
        cells = [
            f"{chosen.any(axis=1).sum()}",
            *(
                f"{100 * np.nanmean(metrics.face_nme(np.where(chosen, e, np.nan))):.2f}"
                for e in (self.errors, self.of_box)
            ),
            *(f"{100 * which[chosen].mean():.1f}" for which in (wrong, self.flagged)),
            f"{100 * caught.mean():.0f}" if caught.size else "-",
            f"{(self.radii[chosen] <= self.radius90).mean():.3f}",
        ]
        return " | ".join(cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a COCO-keypoint file with the 68 points of 300W")
    parser.add_argument("--model", type=Path, default=STARTER, help="a run that predicts these (default: the starter)")
    parser.add_argument("--most", type=int, default=120, help="faces of each table but that of poses (default 120)")
    parser.add_argument("--only", nargs="+", default=[*TABLES], choices=[*TABLES], help="only these tables")
    options = parser.parse_args()
    model = mdmd.load(options.model)
    dataset = read_coco(options.data)
    faces = [s for s in dataset.samples if s.annotation is not None and s.annotation.labeled.all()]
    for name in options.only:
        TABLES[name](model, dataset.definition, faces if name == "pose" else some(faces, options.most))


def some(faces: Sequence[Sample], most: int) -> list[Sample]:
    """At most `most` of the faces, at regular intervals."""
    places = np.linspace(0, len(faces) - 1, min(most, len(faces))).round().astype(int)
    return [faces[k] for k in places]


def header(what: str) -> None:
    print(f"\n| {what} | {' | '.join(COLUMNS)} |\n| --- |{' --- |' * len(COLUMNS)}", flush=True)


# Tables


def poses(model: Model, definition: Definition, faces: Sequence[Sample]) -> None:
    found = measured(model, definition, faces)
    turned = np.array([abs(yaw(s.annotation.points)) for s in faces if s.annotation is not None])
    every = np.ones_like(found.flagged)
    header("yaw")
    for low, high in pairwise(YAWS):
        print(f"| {low} to {high}° | {found.row((turned >= low) & (turned < high), every)} |", flush=True)
    print(f"\nThe largest yaw is {turned.max():.0f}°.")


def sizes(model: Model, definition: Definition, faces: Sequence[Sample]) -> None:
    header("longer side of the box")
    median = np.median([longer_side(s) for s in faces])
    for side in (None, *SIDES):
        found = measured(model, definition, faces if side is None else [reduced(s, side) for s in faces], resized)
        every = np.ones_like(found.flagged)
        name = f"as it is, {median:.0f} px in the median" if side is None else f"{side} px"
        print(f"| {name} | {found.row(every[:, 0], every)} |", flush=True)


def covers(model: Model, definition: Definition, faces: Sequence[Sample]) -> None:
    header("covered part")
    every = np.ones((len(faces), len(definition.landmarks)), dtype=bool)
    print(f"| nothing | {measured(model, definition, faces).row(every[:, 0], every)} |", flush=True)
    for name in (*COVERS, "lower half", "left half"):
        found = measured(model, definition, faces, lambda image, sample, name=name: covered(image, sample, name))
        hidden = np.stack([under(s, name) for s in faces])
        for points, which in ((hidden, "covered points"), (~hidden, "other points")):
            print(f"| {name}: {which} | {found.row(every[:, 0], points)} |", flush=True)


def without_face(model: Model, definition: Definition, faces: Sequence[Sample]) -> None:
    beside = [corner for sample in faces for corner in corners(sample)]
    present, absent = measured(model, definition, faces), measured(model, definition, beside)
    print("\n| box | boxes | predicted deviation, % of box | points flagged % |\n| --- | --- | --- | --- |")
    means = [found.deviation.mean(axis=1) for found in (present, absent)]
    for name, found, deviation in zip(("a face", "no face"), (present, absent), means, strict=True):
        low, middle, high = np.quantile(100 * deviation, (0.1, 0.5, 0.9))
        print(
            f"| {name} | {len(deviation)} | {middle:.1f} ({low:.1f} to {high:.1f}) | {100 * found.flagged.mean():.1f} |"
        )
    both = np.concatenate(means)
    area = metrics.auroc(both, np.arange(len(both)) >= len(faces))
    print(f"\nArea under the ROC curve of telling them apart by the deviation: {area:.3f}", flush=True)


TABLES: Mapping[str, Callable[[Model, Definition, Sequence[Sample]], None]] = {
    "pose": poses,
    "size": sizes,
    "cover": covers,
    "none": without_face,
}

# Measuring


def measured(
    model: Model, definition: Definition, faces: Sequence[Sample], change: Change = lambda image, sample: image
) -> Found:
    """What the model predicts on `faces`, whose pictures are changed first."""
    known = {Path(str(k)): sample for k, sample in enumerate(faces)}

    def read(path: Path, most: float) -> tuple[Image.Image, int]:
        return change(read_picture(known[path].path), known[path]), 1

    raw = predict(model.network(), [replace(s, path=p) for p, s in known.items()], model.head, read=read)
    order = counterparts(definition, model.definition)
    calibrated = model.finished(raw, faces, model.head)
    found = [Prediction(p.points[order], p.covariance[order]) for p in calibrated]
    law = model.checkpoint.calibration(model.head).law
    rule, boxes = FlagRule(), np.array([np.sqrt(s.box.w * s.box.h) for s in faces])
    off = np.stack(
        [probabilities_off(definition, p, s.box, rule.tolerance, law) for p, s in zip(found, faces, strict=True)]
    )
    errors = errors_of(definition, found, faces)
    return Found(
        errors=errors,
        of_box=errors * (distances_of(definition, faces) / boxes)[:, None],
        radii=radii_of(found, [s.annotation for s in faces if s.annotation is not None]),
        flagged=off > rule.threshold_for(off),
        deviation=np.stack([np.sqrt(np.trace(p.covariance, axis1=1, axis2=2)) for p in found]) / boxes[:, None],
        radius90=law.radius(0.9),
    )


def yaw(points: Array) -> float:
    """The yaw in degrees of the face with the 68 `points`: of the drawn head that fits best, by scaled orthography."""
    space, seen = model_points(), points[list(RIGID)]
    axes, *_ = np.linalg.lstsq(space - space.mean(axis=0), seen - seen.mean(axis=0), rcond=None)
    right, down = axes.T
    toward = np.cross(right, down)
    return float(np.degrees(np.arctan2(-toward[0], toward[2])))


def model_points() -> Array:
    """The points RIGID (13, 3) of an average head, in mm."""
    head = Head(Identity.sample(np.random.default_rng(0), spread=0.0), Expression(0, 0, 1, 1, 0, 0, 0, 0, 0), FRONT)
    left, right = head.raw("eye_left"), head.raw("eye_right")
    flat = np.concatenate([left[[0, 3]], right[[3, 0]], head.raw("bridge"), head.raw("nostrils")])
    return np.column_stack([flat, head.lift(flat[:, 0], flat[:, 1])])


# Changed faces


def longer_side(sample: Sample) -> float:
    return max(sample.box.w, sample.box.h)


def reduced(sample: Sample, side: float) -> Sample:
    """`sample` with its picture so small that the longer side of its box has `side` pixels, or as it is."""
    factor = min(side / longer_side(sample), 1.0)
    width, height = (max(round(length * factor), 1) for length in (sample.width, sample.height))
    scale = np.array([width / sample.width, height / sample.height])
    box, own = sample.box, sample.annotation
    return replace(
        sample,
        width=width,
        height=height,
        box=Box(box.x * scale[0], box.y * scale[1], box.w * scale[0], box.h * scale[1]),
        annotation=None if own is None else Annotation(own.points * scale, own.visibility),
    )


def resized(image: Image.Image, sample: Sample) -> Image.Image:
    size = (sample.width, sample.height)
    return image if image.size == size else image.resize(size, Image.Resampling.LANCZOS)


def cover_of(sample: Sample, name: str) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of the rectangle that covers a part of the face."""
    box = sample.box
    right, bottom = box.x + box.w, box.y + box.h
    if name not in COVERS:
        return (
            (box.x, box.y + box.h / 2, right, bottom)
            if name == "lower half"
            else (box.x, box.y, box.x + box.w / 2, bottom)
        )
    assert sample.annotation is not None
    ends = COVERS[name]
    part = np.concatenate([sample.annotation.points[a:b] for a, b in zip(ends[::2], ends[1::2], strict=True)])
    margin = 0.05 * longer_side(sample)
    (x0, y0), (x1, y1) = part.min(axis=0) - margin, part.max(axis=0) + margin
    return float(x0), float(y0), float(x1), float(y1)


def covered(image: Image.Image, sample: Sample, name: str) -> Image.Image:
    x0, y0, x1, y1 = cover_of(sample, name)
    image.paste(GRAY, (round(x0), round(y0), round(x1), round(y1)))
    return image


def under(sample: Sample, name: str) -> Mask:
    """Which points (N,) of the face are covered."""
    assert sample.annotation is not None
    x0, y0, x1, y1 = cover_of(sample, name)
    x, y = sample.annotation.points.T
    return (x0 <= x) & (x <= x1) & (y0 <= y) & (y <= y1)


def corners(sample: Sample) -> list[Sample]:
    """The face with its box moved into each upper corner of the picture where there is room beside the face."""
    right = sample.width - sample.box.x - sample.box.w
    found = []
    for room, at_right in ((sample.box.x, False), (right, True)):
        side = min(room, sample.box.y)
        if side >= 0.3 * longer_side(sample):
            x = sample.width - side if at_right else 0.0
            found.append(replace(sample, box=Box(x, 0.0, side, side)))
    return found


if __name__ == "__main__":
    main()
