"""Drawn pictures with exact landmarks: the embedded source set (faces) and the demo's domain (things with faces).

Nothing here is photographed or labeled by hand: every point is a coordinate that was drawn from. A picture is a
function of its seed and size alone.
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
from mdmd.data.definition import Definition, load_definition
from mdmd.data.records import Annotation, Box, Points, Sample
from mdmd.errors import DataError
from mdmd.files import write_json
from mdmd.synthetic.portrait import paint_portrait
from mdmd.synthetic.scene import KINDS, paint_scene

SOURCE = "300w"
PAREIDOLIA = "pare"
#: Each set draws from random numbers of its own, so that one seed gives unrelated pictures in both.
SOURCE_STREAM = 68
PAREIDOLIA_STREAM = 9
TEST_SHARE = 0.2
JPEG_QUALITY = 90
#: On a human face the box of all 68 points reaches this much of the eye-corner distance beyond the box of the nine.
PAREIDOLIA_MARGIN = 0.3

Drawing = tuple[Image.Image, Points, Box]


def draw_source(seed: int, size: int = 256) -> Drawing:
    """A human-like face, `size` pixels square, its points (68, 2) in pixels (definition "300w") and their tight box."""
    image, points = paint_portrait(np.random.default_rng([seed, SOURCE_STREAM]), size)
    return image, points, box_of_points(points)


def draw_pareidolia(seed: int, size: int = 320) -> Drawing:
    """A thing that looks like a face, `size` pixels square, and its points (9, 2) in pixels (definition "pare").

    The box is the nine points' own, grown by 0.3 of its longer side: as far as a face's box reaches beyond them.
    """
    image, points = paint_scene(np.random.default_rng([seed, PAREIDOLIA_STREAM]), size, pareidolia_kind(seed))
    return image, points, box_of_points(points, margin=PAREIDOLIA_MARGIN)


def pareidolia_kind(seed: int) -> str:
    """What `draw_pareidolia` shows for this seed, such as "house": successive seeds go through all kinds in turn."""
    return list(KINDS)[seed % len(KINDS)]


def write_source(folder: Path, count: int, *, seed: int, size: int = 256, workers: int = 1) -> Path:
    """`count` drawn faces as `folder`/images/*.jpg and COCO `folder`/annotations.json; returns the JSON's path.

    The last fifth is split "test" (at least one of two). The JSON is written last, so that its presence means that
    the set is complete. `workers` processes draw; the files do not depend on how many. Raises DataError for a
    `count` below 1.
    """
    info = {"description": "Human-like faces with 68 landmarks, drawn by a program: no photographs, no people"}
    draw = partial(draw_source, size=size)
    return _write(folder, count, seed, draw, lambda _: "face", load_definition(SOURCE), info, workers)


def write_pareidolias(folder: Path, count: int, *, seed: int) -> Path:
    """`count` drawn things that look like faces, with nine points each, laid out as by `write_source`."""
    info = {"description": "Things that look like faces, with nine landmarks, drawn by a program: no photographs"}
    return _write(folder, count, seed, draw_pareidolia, pareidolia_kind, load_definition(PAREIDOLIA), info, 1)


def _write(
    folder: Path,
    count: int,
    seed: int,
    draw: Callable[[int], Drawing],
    kind: Callable[[int], str],
    definition: Definition,
    info: dict[str, str],
    workers: int,
) -> Path:
    if count < 1:
        raise DataError(f"found a count of {count} pictures to draw, wanted at least 1")
    images = folder / "images"
    images.mkdir(parents=True, exist_ok=True)
    tests = max(1, round(count * TEST_SHARE)) if count > 1 else 0
    pictures = [seed * 1_000_000 + k for k in range(count)]
    files = [images / f"{k + 1:05d}-{kind(p).replace(' ', '-')}.jpg" for k, p in enumerate(pictures)]
    samples = []
    with _mapping(workers) as mapped:
        drawn = mapped(partial(_draw_file, draw), zip(pictures, files, strict=True))
        for k, (width, height, points, box) in enumerate(drawn):
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
                    extra={"style": kind(pictures[k])},
                )
            )
    path = folder / "annotations.json"
    write_json(path, to_coco(samples, definition, info=info), indent=None)
    return path


def _draw_file(draw: Callable[[int], Drawing], job: tuple[int, Path]) -> tuple[int, int, Points, Box]:
    """Draw one picture into its file; its size, points and box."""
    picture, file = job
    image, points, box = draw(picture)
    image.save(file, quality=JPEG_QUALITY)
    return image.width, image.height, points, box


@contextmanager
def _mapping(workers: int) -> Iterator[Callable[..., Iterator]]:
    """`map`, or the same in `workers` processes."""
    if workers == 1:
        yield map
        return
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield partial(pool.map, chunksize=16)
