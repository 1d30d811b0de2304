"""Face crops from image files, read ahead of the computation."""

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

#: The side of a cached crop in sides of the network's crop, so that warps find pixels outside it.
MARGIN = 1.5
#: Part of each cache key; increase it when `face_pixels` returns other pixels.
CUT_VERSION = 3
#: The largest side, in image pixels, of the area that one crop pixel averages; larger images are reduced first.
COARSEST = 64
#: The most pictures that a message about pictures that are left out names.
NAMED = 3
#: Threads that decode pictures while the network computes; more bring little, and the network needs its cores.
READERS = 2


def cut(picture: Image.Image, crop: Crop) -> NDArray[np.uint8]:
    """The crop's pixels (size, size, 3), antialiased, and black outside the image."""
    pixel = crop.side / crop.size
    if pixel > COARSEST:  # the image fills only a few pixels of the crop
        k = int(pixel / COARSEST) + 1
        picture, pixel = picture.reduce(k), pixel / k
        crop = replace(crop, x=crop.x / k, y=crop.y / k, side=crop.side / k)
    # Resize only the part of the crop that overlaps the image; otherwise memory grows with the square of the side.
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
    """Which of `size` crop pixels, each `pixel` long and beginning at `start`, overlap the image from 0 to `extent`.

    One more on either side is included for antialiasing.
    """
    first, last = math.floor(-start / pixel) - 1, math.ceil((extent - start) / pixel) + 1
    return range(max(0, min(first, size)), max(0, min(last, size)))


#: Reads the image at a path, reduced by up to the given number, and returns by how much it was (see `read_reduced`).
Read = Callable[[Path, float], tuple[Image.Image, int]]


def face_pixels(path: Path, crop: Crop, read: Read = read_reduced) -> UInt8[np.ndarray, "3 S S"]:
    """The crop's pixels from the image at `path`. A JPEG is decoded at no more than twice the needed resolution."""
    picture, k = read(path, crop.side / (2 * crop.size))
    return cut(picture, replace(crop, x=crop.x / k, y=crop.y / k, side=crop.side / k)).transpose(2, 0, 1)


def _key(file: Path, crop: Crop) -> str:
    """The cache key of a crop; it changes with the file's size and modification time."""
    try:
        about = file.stat()
        identity = (about.st_size, about.st_mtime_ns)
    except OSError:
        identity = (0, 0)  # the error is reported when the file is read
    return hashlib.sha256(repr((CUT_VERSION, str(file.absolute()), identity, astuple(crop))).encode()).hexdigest()


T = TypeVar("T")


def ahead(jobs: Iterable[Callable[[], T]], *, depth: int, workers: int = 1) -> Generator[T, None, None]:
    """Yield the results of `jobs` in order, while threads run up to `depth` jobs ahead.

    An error of a job is raised when its turn comes. With `depth` 0 each job runs when it is asked for, without threads.
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


def left_out(problems: Sequence[str]) -> str:
    """ "2 pictures are left out: ...", with the reasons of the first few; `problems` has one of each picture."""
    return f"{len(problems):,} picture{' is' if len(problems) == 1 else 's are'} left out: {named(problems)}"


def named(problems: Sequence[str]) -> str:
    """The first few `problems`, and dots for the others."""
    return "; ".join([*problems[:NAMED], *(["..."] if len(problems) > NAMED else [])])


def batches_ahead(device: torch.device) -> int:
    """How many training batches to prepare ahead: none if torch's threads already use all cores.

    Threads that wait for each other cost more than they save.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return 2 if device.type != "cpu" or torch.get_num_threads() < cores else 0


def crops_ahead(
    samples: Sequence[Sample],
    *,
    crop_scale: float,
    size: int,
    batch_size: int,
    unusable: MutableMapping[Path, str] | None = None,
    read: Read = read_reduced,
) -> Iterator[tuple[UInt8[Tensor, "B 3 S S"], list[Crop]]]:
    """Batches of the crops of `samples` as pixels, with the `Crop`s that map points back to the image.

    The next images are read while the caller computes. An unreadable image raises PictureError; if `unusable` is given,
    the reason is stored there by path instead, and the crop is black. `read` takes images from elsewhere than files.
    """

    def pixels_of(sample: Sample, crop: Crop) -> NDArray[np.uint8]:
        try:
            return face_pixels(sample.path, crop, read)
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
