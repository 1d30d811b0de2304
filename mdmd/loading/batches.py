"""Batches of augmented face crops, each of one dataset."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from torch import Tensor

from mdmd.config import heldout_count
from mdmd.data.definition import Definition
from mdmd.data.images import PictureError
from mdmd.data.records import HELDOUT_SPLIT, Dataset, Sample
from mdmd.errors import DataError
from mdmd.loading.augment import WARPS, mirrored_share, random_photometry, random_warp, warp_pictures
from mdmd.loading.crop import face_crop
from mdmd.loading.crop_cache import CropStore
from mdmd.loading.crops import MARGIN, _key, face_pixels


@dataclass(frozen=True, eq=False)
class Batch:
    """Faces of one dataset: `images` (B, 3, S, S) from 0 to 1, `points` (B, N, 2) in crop units, `labeled` (B, N)."""

    name: str
    images: Float[Tensor, "B 3 S S"]
    points: Float[Tensor, "B N 2"]
    labeled: Bool[Tensor, "B N"]


class FaceCache:
    """The labeled faces of a dataset, cropped with a margin once and then read from `store`.

    Memory does not grow with the number of faces: a face that is not in the store is cropped from its image again.
    Create all caches of a run before filling the first, so that none evicts crops that another needs.
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

    def fill(self) -> dict[Path, str]:
        """Crop all faces now, on all cores, so that no step waits; returns why images cannot be used, by path."""

        def cut_one(k: int) -> str | None:
            try:
                self._pixels(k)
            except PictureError as error:
                return str(error)
            return None

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            problems = list(pool.map(cut_one, range(len(self))))
        return {file: why for file, why in zip(self._files, problems, strict=True) if why is not None}

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
        """The mean labeled position of each landmark in units of the network's crop; the middle without labels."""
        weight = self.labeled[..., None].float()
        count = weight.sum(0)
        mean = (self.points * weight).sum(0) / count.clamp_min(1)
        return torch.where(count > 0, (mean - 0.5) * MARGIN + 0.5, 0.5)

    def batch(self, index: Sequence[int], augment: str, generator: torch.Generator) -> Batch:
        """The faces of `index`, with the augmentation policy `augment` (see `augment.py`)."""
        chosen = torch.as_tensor(index)
        pictures = torch.from_numpy(np.stack([self._pixels(k) for k in index]))
        points, labeled = self.points[chosen], self.labeled[chosen]
        mirrored = torch.rand(len(chosen), generator=generator) < mirrored_share(augment, self.definition)
        warp = random_warp(len(chosen), WARPS[augment], mirrored, zoom=MARGIN, generator=generator)
        mirror = torch.tensor(self.definition.mirror)
        points = torch.where(mirrored[:, None, None], points[:, mirror], points)
        labeled = torch.where(mirrored[:, None], labeled[:, mirror], labeled)
        images = random_photometry(warp_pictures(pictures, warp, self.size), augment, generator)
        return Batch(self.name, images.float() / 255, warp.points(points), labeled)


def epochs(count: int, batch_size: int, generator: torch.Generator) -> Iterator[list[int]]:
    """Endless batches of indices. Each epoch visits every face once; a dataset smaller than a batch repeats."""
    pending: list[int] = []
    while True:
        while len(pending) < batch_size:
            pending += torch.randperm(count, generator=generator).tolist()
        yield pending[:batch_size]
        pending = pending[batch_size:]


def named_heldout(dataset: Dataset) -> tuple[Sample, ...]:
    """The labeled faces whose split says that they are held out.

    Raises DataError if a labeled face of the split "train" belongs to the group of one of them.
    """
    named = dataset.labeled(HELDOUT_SPLIT)
    groups = {s.group for s in named}
    both = sorted({s.group for s in dataset.labeled("train")} & groups)
    if both:
        others = f" and of {len(both) - 1} more groups" if len(both) > 1 else ""
        raise DataError(
            f"{dataset.name}: found labeled faces of the group {both[0]!r}{others} in the splits 'train' and "
            f"{HELDOUT_SPLIT!r}, wanted each group in one of them: errors on faces that resemble learned ones are too "
            "small; change the split of their pictures"
        )
    return named


def split_heldout(dataset: Dataset, share: float, seed: int) -> tuple[tuple[Sample, ...], tuple[Sample, ...]]:
    """Split the labeled faces into (trained on, held out).

    With labeled faces in the split "heldout", exactly those are held out, except faces with unreviewed labels, which
    are not used at all; `share` has no meaning then. Otherwise faces of the split "train" are held out: at most
    `config.heldout_count`, and a group is never split. If every group is larger than that, the smallest group is held
    out, provided it has at most half of all faces. A group with unreviewed labels is never held out.
    """
    samples = dataset.labeled("train")
    named = named_heldout(dataset)
    if named:
        return samples, tuple(s for s in named if not s.unseen)
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
