"""What the label page suggests: near-duplicates found, and how well 50 suggested faces cover all of a set.

    python benchmarks/suggest.py SET.json ... [--draws 10]

Duplicates: of 80 faces of a set, five versions each are made: stored again as a poor JPEG, at 60 % of its size, in
other light, with a box that another hand drew (each side off by up to 4 %), and as a burst: turned by up to 2 degrees,
moved by up to 3 % of the face, with noise and another light. A sixth is cropped by up to 6 % on each side, and stands
against the picture when both have no box but the whole of themselves. Found is a version that `near_duplicates` names
as its picture's, among all faces of the set. False are pairs of different photographs, the whole set against itself;
they are printed by name, because some are real bursts.

Coverage: 50 faces are chosen by `spread` from the pictures alone, and 50 at random. How far is a face of the set from
the nearest chosen one, in a space that no picture feature has seen: the true landmarks, in shares of the face's box?
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance

from labeler.analysis.image_features import cutout, describe
from labeler.analysis.near_duplicates import near_duplicates
from labeler.guidance.suggestions import spread
from mdmd.data.coco import read_coco
from mdmd.data.records import Box, Dataset, Sample

VERSIONS, CHOSEN = 80, 50


def versions(sample: Sample, rng: np.random.Generator) -> Iterator[tuple[str, Image.Image, Box, int]]:
    """Name, picture, box and JPEG quality of each version of a face."""
    with Image.open(sample.path) as file:
        picture = file.convert("RGB")
    box, size = sample.box, picture.size
    yield "poor JPEG", picture, box, 30
    small = picture.resize((round(size[0] * 0.6), round(size[1] * 0.6)))
    yield "smaller", small, Box(*(0.6 * side for side in (box.x, box.y, box.w, box.h))), 80
    yield "other light", lit(picture, 1.25, 0.8), box, 90
    yield "other box", picture, jittered(box, rng.uniform(-0.04, 0.04, 4)), 90
    # Beyond its edges a picture goes on as its mirror image, as another frame of the burst would show something.
    air = max(size)
    wide = Image.fromarray(np.pad(np.asarray(picture), ((air, air), (air, air), (0, 0)), mode="symmetric"))
    middle = (air + box.x + box.w / 2, air + box.y + box.h / 2)
    shift = rng.uniform(-0.03, 0.03, 2) * max(box.w, box.h)
    turned = wide.rotate(rng.uniform(-2, 2), Image.Resampling.BICUBIC, center=middle, translate=tuple(shift))
    noisy = np.asarray(turned.crop((air, air, air + size[0], air + size[1]))) + rng.normal(0, 6, (*size[::-1], 3))
    yield "burst", lit(Image.fromarray(noisy.clip(0, 255).astype(np.uint8)), 1.05, 1.0), box, 90


def cropped(sample: Sample, rng: np.random.Generator) -> Image.Image:
    with Image.open(sample.path) as file:
        w, h = file.size
        left, top, right, bottom = rng.uniform(0, 0.06, 4)
        return file.convert("RGB").crop((round(left * w), round(top * h), round(w - right * w), round(h - bottom * h)))


def lit(picture: Image.Image, brightness: float, contrast: float) -> Image.Image:
    return ImageEnhance.Contrast(ImageEnhance.Brightness(picture).enhance(brightness)).enhance(contrast)


def jittered(box: Box, by: np.ndarray) -> Box:
    return Box(box.x + by[0] * box.w, box.y + by[1] * box.h, box.w * (1 + by[2]), box.h * (1 + by[3]))


def whole(width: int, height: int) -> Box:
    return Box(0.0, 0.0, float(width), float(height))


def stored(picture: Image.Image, box: Box, quality: int, folder: Path) -> np.ndarray:
    file = folder / "version.jpg"
    picture.save(file, quality=quality)
    return quantised(file, box)


def quantised(file: Path, box: Box) -> np.ndarray:
    """A cutout as the project keeps it."""
    return np.round(cutout(file, box, 1.0) * 255).astype(np.uint8)


def vectors_of(cutouts: Sequence[np.ndarray]) -> list[np.ndarray]:
    return [describe(each.astype(np.float32) / 255) for each in cutouts]


def duplicates(name: str, samples: Sequence[Sample], folder: Path) -> str:
    rng = np.random.default_rng(0)
    faces = [quantised(sample.path, sample.box) for sample in samples]
    pictures = [quantised(sample.path, whole(sample.width, sample.height)) for sample in samples]
    vectors = {id(among): vectors_of(among) for among in (faces, pictures)}

    def named(pixels: np.ndarray, among: list[np.ndarray]) -> list[int]:
        return near_duplicates(pixels, vectors_of([pixels])[0], among, vectors[id(among)])

    found: dict[str, int] = {}
    drawn = rng.permutation(len(samples))[:VERSIONS]
    for k in drawn:
        made = [
            (kind, stored(picture, box, quality, folder), faces)
            for kind, picture, box, quality in versions(samples[k], rng)
        ]
        crop = cropped(samples[k], rng)
        made.append(("cropped", stored(crop, whole(*crop.size), 85, folder), pictures))
        for kind, pixels, among in made:
            found[kind] = found.get(kind, 0) + (int(k) in named(pixels, among))
    false = []
    for among in (faces, pictures):
        pairs = {
            frozenset((k, other)) for k, pixels in enumerate(among) for other in named(pixels, among) if other != k
        }
        apart = [pair for pair in pairs if len({samples[k].group for k in pair}) > 1]
        false.append(len(apart))
        for pair in apart:
            print("  alike:", *sorted(samples[k].file_name for k in pair), file=sys.stderr)
    cells = [name, len(samples), *(f"{100 * count / len(drawn):.0f}" for count in found.values()), *false]
    return f"| {' | '.join(map(str, cells))} |"


def coverage(name: str, data: Dataset, samples: Sequence[Sample], draws: int) -> str:
    features = np.stack([describe(cutout(sample.path, sample.box, 1.0)) for sample in samples])
    shapes = np.stack([shape(sample) for sample in samples])
    styles = [str(sample.extra.get("style", "")) for sample in samples]
    rows = [np.array(spread(features, [], CHOSEN))]
    rows += [np.random.default_rng(seed).permutation(len(samples))[:CHOSEN] for seed in range(draws)]
    apart = np.linalg.norm(shapes[:, None] - shapes[None], axis=-1) / np.sqrt(shapes.shape[1] / 2)
    numbers = []
    for chosen in rows:
        nearest = apart[:, chosen].min(axis=1)
        seen = Counter(styles[k] for k in chosen)
        rarest = min(seen[style] for style in set(styles))
        numbers.append([100 * nearest.mean(), 100 * np.quantile(nearest, 0.95), rarest])
    ours, random = np.array(numbers[0]), np.array(numbers[1:])
    cells = [
        f"{o:.1f} | {m:.1f} ({a:.1f} to {b:.1f})"
        for o, m, a, b in zip(ours, random.mean(axis=0), random.min(axis=0), random.max(axis=0), strict=True)
    ]
    return f"| {name} | {len(samples)} | {' | '.join(cells)} |"


def shape(sample: Sample) -> np.ndarray:
    """Landmarks in shares of the box, in a row."""
    assert sample.annotation is not None
    side = max(sample.box.w, sample.box.h)
    middle = (sample.box.x + sample.box.w / 2, sample.box.y + sample.box.h / 2)
    return ((sample.annotation.points - middle) / side).ravel()


def main() -> None:
    """Print two Markdown tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="+")
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--faces", type=int, default=400, help="at most so many faces of a set")
    options = parser.parse_args()
    sets = []
    for path in options.data:
        data = read_coco(path)
        sets.append((path.parent.name, data, [s for s in data.samples if s.annotation is not None][: options.faces]))
    with tempfile.TemporaryDirectory() as folder:
        for name, _, samples in sets:
            print(duplicates(name, samples, Path(folder)), flush=True)
    for name, data, samples in sets:
        print(coverage(name, data, samples, options.draws), flush=True)


if __name__ == "__main__":
    main()
