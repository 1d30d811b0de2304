"""Faces cut out of their pictures, read ahead of the computation."""

from __future__ import annotations

import hashlib
import math
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import UInt8
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from mdmd.data.images import PictureError, read_reduced
from mdmd.data.records import Sample
from mdmd.loading.crop import Crop, face_crop

#: The cached crop reaches this much farther than the network's, so that a warp finds pixels to read.
MARGIN = 1.5
#: Part of every key of the crop store; counts up when `face_pixels` gives other pixels.
CUT_VERSION = 2
#: A pixel of a crop is cut from a square of a picture no larger than this; larger pictures are made smaller first.
COARSEST = 64
#: Threads that decode pictures while the network computes; more bring little, and the network needs its cores.
READERS = 2


def cut(picture: Image.Image, crop: Crop) -> NDArray[np.uint8]:
    """The crop's pixels (size, size, 3), antialiased; black where the crop leaves the picture."""
    pixel = crop.side / crop.size
    if pixel > COARSEST:  # of a picture that fills a few pixels of the crop no more is needed than these
        k = int(pixel / COARSEST) + 1
        picture, pixel = picture.reduce(k), pixel / k
        crop = replace(crop, x=crop.x / k, y=crop.y / k, side=crop.side / k)
    # Of a crop that leaves the picture only what can show it, or memory would go with the crop's side squared.
    columns, rows = (
        _reached(crop.x, pixel, crop.size, picture.width),
        _reached(crop.y, pixel, crop.size, picture.height),
    )
    out = np.zeros((crop.size, crop.size, 3), dtype=np.uint8)
    if not columns or not rows:
        return out
    inner_left, inner_top = crop.x + columns.start * pixel, crop.y + rows.start * pixel
    inner_right, inner_bottom = crop.x + columns.stop * pixel, crop.y + rows.stop * pixel
    left, top = int(np.floor(inner_left)), int(np.floor(inner_top))
    right, bottom = int(np.ceil(inner_right)), int(np.ceil(inner_bottom))
    region = picture.crop((left, top, max(right, left + 1), max(bottom, top + 1)))
    inner = (inner_left - left, inner_top - top, inner_right - left, inner_bottom - top)
    shown = region.resize((len(columns), len(rows)), Image.Resampling.BILINEAR, box=inner, reducing_gap=2.0)
    out[rows.start : rows.stop, columns.start : columns.stop] = np.asarray(shown)
    return out


def _reached(start: float, pixel: float, size: int, extent: int) -> range:
    """Which of `size` pixels, each `pixel` long from `start` on, a picture from 0 to `extent` can show in: those it
    reaches into, and one more on either side for the antialiasing."""
    first, last = math.floor(-start / pixel) - 1, math.ceil((extent - start) / pixel) + 1
    return range(max(0, min(first, size)), max(0, min(last, size)))


def face_pixels(path: Path, crop: Crop) -> UInt8[np.ndarray, "3 S S"]:
    """The crop's pixels from the picture at `path`. A JPEG is decoded no larger than twice the crop's size asks for."""
    picture, k = read_reduced(path, crop.side / (2 * crop.size))
    return cut(picture, replace(crop, x=crop.x / k, y=crop.y / k, side=crop.side / k)).transpose(2, 0, 1)


def _key(file: Path, crop: Crop) -> str:
    """A name for the crop of this very file: another size or time of change gives another name."""
    try:
        about = file.stat()
        identity = (about.st_size, about.st_mtime_ns)
    except OSError:
        identity = (0, 0)  # reading it will say what is wrong
    return hashlib.sha256(repr((CUT_VERSION, str(file.absolute()), identity, astuple(crop))).encode()).hexdigest()


T = TypeVar("T")


def ahead(jobs: Iterable[Callable[[], T]], *, depth: int, workers: int = 1) -> Generator[T, None, None]:
    """What each job returns, in the order of `jobs`, up to `depth` of them done by threads before they are asked for.

    An error of a job comes when its turn does. `depth` 0: every job is done when asked for, without threads.
    """
    if depth == 0:
        yield from (job() for job in jobs)
        return
    coming = iter(jobs)
    pool = ThreadPoolExecutor(workers, thread_name_prefix="ahead")
    try:
        pending = deque(pool.submit(job) for job in islice(coming, depth))
        while pending:
            done = pending.popleft().result()
            pending.extend(pool.submit(job) for job in islice(coming, 1))
            yield done
    finally:
        pool.shutdown(cancel_futures=True)


def batches_ahead(device: torch.device) -> int:
    """How many training batches to prepare while the network computes: none where its own threads fill the cores,
    for threads that wait for each other lose more than is gained."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return 2 if device.type != "cpu" or torch.get_num_threads() < cores else 0


def crops_ahead(
    samples: Sequence[Sample],
    *,
    crop_scale: float,
    size: int,
    batch_size: int,
    unusable: MutableMapping[Path, str] | None = None,
) -> Iterator[tuple[UInt8[Tensor, "B 3 S S"], list[Crop]]]:
    """The network's own view of `samples`, batch by batch, and the crops that lead back to image pixels.

    The next pictures are read and decoded while the caller computes. One that cannot be read raises PictureError, or,
    where `unusable` is given, is noted there with the reason and seen as black.
    """

    def pixels_of(sample: Sample, crop: Crop) -> NDArray[np.uint8]:
        try:
            return face_pixels(sample.path, crop)
        except PictureError as error:
            if unusable is None:
                raise
            unusable[sample.path] = str(error)
            return np.zeros((3, size, size), dtype=np.uint8)

    crops = [face_crop(s.box, scale=crop_scale, size=size) for s in samples]
    jobs = (partial(pixels_of, s, crop) for s, crop in zip(samples, crops, strict=True))
    pixels = ahead(jobs, depth=2 * batch_size, workers=READERS)
    for start in range(0, len(samples), batch_size):
        part = crops[start : start + batch_size]
        yield torch.from_numpy(np.stack(list(islice(pixels, len(part))))), part
