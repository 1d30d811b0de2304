"""Images from disk to batches of one definition."""

from __future__ import annotations

import hashlib
import math
import os
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from mdmd.config import heldout_count
from mdmd.data.images import PictureError, read_reduced
from mdmd.data.records import Dataset, Definition, Sample
from mdmd.loading.augment import WARPS, random_photometry, random_warp, warp_pictures
from mdmd.loading.crop import Crop, face_crop
from mdmd.loading.crop_cache import CropStore

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


@dataclass(frozen=True, eq=False)
class Batch:
    """Faces of one set: `images` (B, 3, S, S) from 0 to 1, `points` (B, N, 2) in crop units, `labeled` (B, N)."""

    name: str
    images: Float[Tensor, "B 3 S S"]
    points: Float[Tensor, "B N 2"]
    labeled: Bool[Tensor, "B N"]


class FaceCache:
    """Every labeled face of a set, cut with a margin once and then read from `store`.

    Memory stays flat in the number of faces: a face that the store does not hold is cut from its picture again.
    Make all caches of a run before the first is filled, so that none drops what another is about to use.
    """

    def __init__(
        self,
        name: str,
        definition: Definition,
        samples: Sequence[Sample],
        *,
        crop_scale: float,
        size: int,
        store: CropStore,
    ) -> None:
        self.name = name
        self.definition = definition
        self.size = size
        self._store = store
        self._side = round(MARGIN * size)
        self._files = [s.path for s in samples]
        self._crops = [face_crop(s.box, scale=crop_scale * MARGIN, size=self._side) for s in samples]
        self._keys = [_key(file, crop) for file, crop in zip(self._files, self._crops, strict=True)]
        points = np.zeros((len(samples), len(definition.landmarks), 2))
        labeled = np.zeros(points.shape[:2], dtype=bool)
        for k, (sample, crop) in enumerate(zip(samples, self._crops, strict=True)):
            if sample.annotation is not None:
                labeled[k] = sample.annotation.labeled
                points[k] = np.where(labeled[k][:, None], crop.to_crop(sample.annotation.points) / self._side, 0.5)
        self.points = torch.from_numpy(points).float()
        self.labeled = torch.from_numpy(labeled)
        store.use(self._keys)

    def fill(self) -> None:
        """Cut every face now, on all cores, so that no step waits for one and a bad picture stops nothing later."""

        def cut_one(k: int) -> None:
            self._pixels(k)

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for _ in pool.map(cut_one, range(len(self))):
                pass

    def _pixels(self, k: int) -> NDArray[np.uint8]:
        stored = self._store.read(self._keys[k], (3, self._side, self._side))
        if stored is not None:
            return stored
        pixels = face_pixels(self._files[k], self._crops[k])
        self._store.write(self._keys[k], pixels)
        return pixels

    def __len__(self) -> int:
        return len(self.labeled)

    def mean_shape(self) -> Float[Tensor, "N 2"]:
        """Mean labeled position of each landmark in units of the network's crop; the middle where there is none."""
        weight = self.labeled[..., None].float()
        count = weight.sum(0)
        mean = (self.points * weight).sum(0) / count.clamp_min(1)
        return torch.where(count > 0, (mean - 0.5) * MARGIN + 0.5, 0.5)

    def batch(self, index: Sequence[int], augment: str, generator: torch.Generator) -> Batch:
        """The faces of `index`, each warped and recoloured at random (`augment`: a policy of `augment.py`)."""
        chosen = torch.as_tensor(index)
        pictures = torch.from_numpy(np.stack([self._pixels(k) for k in index]))
        points, labeled = self.points[chosen], self.labeled[chosen]
        mirrored = torch.rand(len(chosen), generator=generator) < WARPS[augment].mirror
        warp = random_warp(len(chosen), WARPS[augment], mirrored, zoom=MARGIN, generator=generator)
        mirror = torch.tensor(self.definition.mirror)
        points = torch.where(mirrored[:, None, None], points[:, mirror], points)
        labeled = torch.where(mirrored[:, None], labeled[:, mirror], labeled)
        images = random_photometry(warp_pictures(pictures, warp, self.size), augment, generator)
        return Batch(self.name, images.float() / 255, warp.points(points), labeled)


def epochs(count: int, batch_size: int, generator: torch.Generator) -> Iterator[list[int]]:
    """Endless batches of indices: every face once before any comes again; a set smaller than a batch repeats."""
    pending: list[int] = []
    while True:
        while len(pending) < batch_size:
            pending += torch.randperm(count, generator=generator).tolist()
        yield pending[:batch_size]
        pending = pending[batch_size:]


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


def split_heldout(dataset: Dataset, share: float, seed: int) -> tuple[tuple[Sample, ...], tuple[Sample, ...]]:
    """Labeled training faces as (learned from, held out): up to `config.heldout_count` of them held out, never
    splitting a group; where every group is larger than that, the smallest, if it is at most half of all faces. A group
    with a face whose labels nobody has looked at stays with those learned from."""
    samples = tuple(s for s in dataset.split("train") if s.annotation is not None)
    sizes = Counter(s.group for s in samples)
    wanted = heldout_count(len(samples), share) if len(sizes) > 1 else 0
    groups = sorted(set(sizes) - {s.group for s in samples if s.unseen})
    order = np.random.default_rng(seed).permutation(len(groups))
    held: set[str] = set()
    taken = 0
    for group in (groups[k] for k in order):
        if taken + sizes[group] <= wanted:
            held.add(group)
            taken += sizes[group]
    if wanted and groups and not held:
        smallest = min((groups[k] for k in order), key=lambda group: sizes[group])
        held = {smallest} if 2 * sizes[smallest] <= len(samples) else set()
    return tuple(s for s in samples if s.group not in held), tuple(s for s in samples if s.group in held)
