"""Drawn images with exact landmarks: faces drawn on demand, and shipped images of things that look like faces.

Nothing is photographed or labeled by hand: every landmark is a coordinate used for the drawing. A drawn face depends
only on its seed and size.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from mdmd.data.boxes import box_of_points
from mdmd.data.coco import to_coco
from mdmd.data.definition import load_definition
from mdmd.data.records import Annotation, Box, Points, Sample
from mdmd.errors import DataError
from mdmd.files import write_json
from mdmd.synthetic.portrait import paint_portrait

#: COCO file of the demo's 120 images: things that look like faces, nine points each (definition "pare").
PAREIDOLIAS = Path(__file__).parent / "pareidolias" / "annotations.json"
SOURCE = "300w"
#: Separates the random numbers of this set from other uses of the same seed.
SOURCE_STREAM = 68
TEST_SHARE = 0.2
JPEG_QUALITY = 90

Drawing = tuple[Image.Image, Points, Box]


def draw_source(seed: int, size: int = 256) -> Drawing:
    """A human-like face of `size` x `size` pixels, its points (68, 2) in pixels (definition "300w") and tight box."""
    image, points = paint_portrait(np.random.default_rng([seed, SOURCE_STREAM]), size)
    return image, points, box_of_points(points)


def write_source(
    folder: Path,
    count: int,
    *,
    seed: int,
    size: int = 256,
    workers: int = 1,
    told: Callable[[int], object] = lambda done: None,
) -> Path:
    """Write `count` drawn faces as `folder`/images/*.jpg and COCO `folder`/annotations.json; returns the JSON's path.

    The last fifth has the split "test" (at least one of two). The JSON is written last, so if it exists, the set is
    complete. The files do not depend on the number of `workers` (processes). `told` is called after each face with the
    number of faces so far. Raises DataError for a `count` below 1.
    """
    if count < 1:
        raise DataError(f"found a count of {count} pictures to draw, wanted at least 1")
    images = folder / "images"
    images.mkdir(parents=True, exist_ok=True)
    tests = max(1, round(count * TEST_SHARE)) if count > 1 else 0
    files = [images / f"{k + 1:05d}-face.jpg" for k in range(count)]
    samples = []
    with _mapping(workers) as mapped:
        jobs = [(seed * 1_000_000 + k, file) for k, file in enumerate(files)]
        for k, (width, height, points, box) in enumerate(mapped(partial(_draw_file, size), jobs)):
            samples.append(
                Sample(
                    path=files[k],
                    file_name=files[k].name,
                    width=width,
                    height=height,
                    box=box,
                    annotation=Annotation(points, np.full(len(points), 2)),
                    split="test" if k >= count - tests else "train",
                    group=files[k].name,
                    extra={"style": "face"},
                )
            )
            told(k + 1)
    path = folder / "annotations.json"
    info = {"description": "Human-like faces with 68 landmarks, drawn by a program: no photographs, no people"}
    write_json(path, to_coco(samples, load_definition(SOURCE), info=info), indent=None)
    return path


def _draw_file(size: int, job: tuple[int, Path]) -> tuple[int, int, Points, Box]:
    """Draw one face into its file and return its size, points and box."""
    picture, file = job
    image, points, box = draw_source(picture, size)
    image.save(file, quality=JPEG_QUALITY)
    return image.width, image.height, points, box


@contextmanager
def _mapping(workers: int) -> Iterator[Callable[..., Iterator]]:
    """`map`, or its equivalent in `workers` processes."""
    if workers == 1:
        yield map
        return
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield partial(pool.map, chunksize=16)
