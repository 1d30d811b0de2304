"""Drawn images with exact landmarks: faces and animals on demand, and shipped images of things that look like faces.

Nothing is photographed or labeled by hand: every landmark is a coordinate used for the drawing. A drawn face depends
only on its seed and size.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mdmd.data.boxes import box_of_points
from mdmd.data.coco import to_coco
from mdmd.data.definition import load_definition
from mdmd.data.records import Annotation, Box, Points, Sample
from mdmd.errors import DataError
from mdmd.files import write_json
from mdmd.synthetic.animals import paint_animal
from mdmd.synthetic.portrait import paint_portrait

#: COCO file of the demo's 120 images: things that look like faces, nine points each (definition "pare").
PAREIDOLIAS = Path(__file__).parent / "pareidolias" / "annotations.json"
SOURCE, ANIMALS = "300w", "animals"
#: Separate the random numbers of a set from other uses of the same seed.
SOURCE_STREAM, ANIMAL_STREAM = 68, 18
TEST_SHARE = 0.2
JPEG_QUALITY = 90


#: A picture, its points (N, 2) in pixels, which of them there are (N,), and what it shows.
Drawing = tuple[Image.Image, Points, NDArray[np.bool_], str]


def draw_source(seed: int, size: int = 256) -> tuple[Image.Image, Points, Box]:
    """A human-like face of `size` x `size` pixels, its points (68, 2) in pixels (definition "300w") and tight box."""
    image, points, _, _ = _draw_face(seed, size)
    return image, points, box_of_points(points)


def _draw_face(seed: int, size: int) -> Drawing:
    image, points = paint_portrait(np.random.default_rng([seed, SOURCE_STREAM]), size)
    return image, points, np.ones(len(points), dtype=bool), "face"


def draw_animal(seed: int, size: int = 256) -> Drawing:
    """An animal's head of `size` x `size` pixels, its points (18, 2) in pixels (definition "animals"), which of them
    there are (a bird has no ears), and the species."""
    return paint_animal(np.random.default_rng([seed, ANIMAL_STREAM]), size)


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
    words = "Human-like faces with 68 landmarks, drawn by a program: no photographs, no people"
    return _write(folder, count, _draw_face, SOURCE, words, seed=seed, size=size, workers=workers, told=told)


def write_animals(folder: Path, count: int, *, seed: int, size: int = 256, workers: int = 1) -> Path:
    """`write_source` of animals' heads; the field `style` of a face is its species."""
    words = "Heads of animals with 18 landmarks, drawn by a program: no photographs"
    return _write(folder, count, draw_animal, ANIMALS, words, seed=seed, size=size, workers=workers)


def _write(
    folder: Path,
    count: int,
    draw: Callable[[int, int], Drawing],
    definition: str,
    words: str,
    *,
    seed: int,
    size: int,
    workers: int,
    told: Callable[[int], object] = lambda done: None,
) -> Path:
    if count < 1:
        raise DataError(f"found a count of {count} pictures to draw, wanted at least 1")
    images = folder / "images"
    images.mkdir(parents=True, exist_ok=True)
    tests = max(1, round(count * TEST_SHARE)) if count > 1 else 0
    files = [images / f"{k + 1:05d}-face.jpg" for k in range(count)]
    samples = []
    with _mapping(workers) as mapped:
        jobs = [(seed * 1_000_000 + k, file) for k, file in enumerate(files)]
        for k, sample in enumerate(mapped(partial(_draw_file, draw, size), jobs)):
            samples.append(replace(sample, split="test" if k >= count - tests else "train"))
            told(k + 1)
    path = folder / "annotations.json"
    write_json(path, to_coco(samples, load_definition(definition), info={"description": words}), indent=None)
    return path


def _draw_file(draw: Callable[[int, int], Drawing], size: int, job: tuple[int, Path]) -> Sample:
    """Draw one face into its file."""
    seed, file = job
    image, points, there, style = draw(seed, size)
    image.save(file, quality=JPEG_QUALITY)
    return Sample(
        path=file,
        file_name=file.name,
        width=image.width,
        height=image.height,
        box=box_of_points(points[there]),
        annotation=Annotation(points * there[:, None], np.where(there, 2, 0)),
        group=file.name,
        extra={"style": style},
    )


@contextmanager
def _mapping(workers: int) -> Iterator[Callable[..., Iterator]]:
    """`map`, or its equivalent in `workers` processes."""
    if workers == 1:
        yield map
        return
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield partial(pool.map, chunksize=16)
