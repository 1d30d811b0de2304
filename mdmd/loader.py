"""Images from disk to batches of one definition."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Tensor

from mdmd.augment import WARPS, random_photometry, random_warp, warp_pictures
from mdmd.geometry import Crop, face_crop
from mdmd.records import DataError, Dataset, Definition, Sample

#: The cached crop reaches this much farther than the network's, so that a warp finds pixels to read.
MARGIN = 1.5
PIXEL_CAP = 300_000_000


def read_picture(path: Path) -> Image.Image:
    """The upright RGB picture at `path`; DataError when it is not one."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"picture {path} cannot be read: {error.strerror or error}") from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            picture = Image.open(io.BytesIO(content))
            if picture.width * picture.height > PIXEL_CAP:
                raise DataError(f"picture {path} has {picture.width} x {picture.height} pixels, more than 300 million")
            return ImageOps.exif_transpose(picture).convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"picture {path} is not a readable image: {error}") from None


def cut(picture: Image.Image, crop: Crop) -> NDArray[np.uint8]:
    """The crop's pixels (size, size, 3), antialiased; black where the crop leaves the picture."""
    left, top = int(np.floor(crop.x)), int(np.floor(crop.y))
    right, bottom = int(np.ceil(crop.x + crop.side)), int(np.ceil(crop.y + crop.side))
    region = picture.crop((left, top, max(right, left + 1), max(bottom, top + 1)))
    inner = (crop.x - left, crop.y - top, crop.x - left + crop.side, crop.y - top + crop.side)
    shown = region.resize((crop.size, crop.size), Image.Resampling.BILINEAR, box=inner, reducing_gap=2.0)
    return np.asarray(shown)


@dataclass(frozen=True, eq=False)
class Batch:
    """Faces of one set: `images` (B, 3, S, S) from 0 to 1, `points` (B, N, 2) in crop units, `labeled` (B, N)."""

    name: str
    images: Float[Tensor, "B 3 S S"]
    points: Float[Tensor, "B N 2"]
    labeled: Bool[Tensor, "B N"]


class FaceCache:
    """Every labeled face of a set, cut once with a margin into a memory-mapped file.

    Memory stays flat in the number of faces; the file takes 3 (1.5 S)^2 bytes a face and is the caller's to delete.
    """

    def __init__(
        self, name: str, definition: Definition, samples: Sequence[Sample], *, crop_scale: float, size: int, file: Path
    ) -> None:
        self.name = name
        self.definition = definition
        self.size = size
        side = round(MARGIN * size)
        self.pictures = np.lib.format.open_memmap(file, "w+", np.uint8, (len(samples), 3, side, side))
        points = np.zeros((len(samples), len(definition.landmarks), 2))
        labeled = np.zeros(points.shape[:2], dtype=bool)

        def fill(k: int) -> None:
            sample = samples[k]
            crop = face_crop(sample.box, scale=crop_scale * MARGIN, size=side)
            self.pictures[k] = cut(read_picture(sample.path), crop).transpose(2, 0, 1)
            if sample.annotation is not None:
                labeled[k] = sample.annotation.labeled
                points[k] = np.where(labeled[k][:, None], crop.to_crop(sample.annotation.points) / side, 0.5)

        with ThreadPoolExecutor() as pool:
            list(pool.map(fill, range(len(samples))))
        self.points = torch.from_numpy(points).float()
        self.labeled = torch.from_numpy(labeled)

    def __len__(self) -> int:
        return len(self.labeled)

    def mean_shape(self) -> Float[Tensor, "N 2"]:
        """Mean labeled position of each landmark in units of the network's crop; the middle where there is none."""
        weight = self.labeled[..., None].float()
        count = weight.sum(0)
        mean = (self.points * weight).sum(0) / count.clamp_min(1)
        return torch.where(count > 0, (mean - 0.5) * MARGIN + 0.5, 0.5)

    def batch(self, index: Sequence[int], augment: str, generator: torch.Generator) -> Batch:
        """The faces of `index`, each warped and recoloured at random (`augment`: a policy of `mdmd/augment.py`)."""
        chosen = torch.as_tensor(index)
        pictures = torch.from_numpy(np.ascontiguousarray(self.pictures[chosen.numpy()]))
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


def crops_of(samples: Sequence[Sample], *, crop_scale: float, size: int) -> tuple[UInt8[Tensor, "B 3 S S"], list[Crop]]:
    """The network's own view of `samples` for prediction, and the crops that lead back to image pixels."""
    crops = [face_crop(s.box, scale=crop_scale, size=size) for s in samples]
    pixels = np.stack([cut(read_picture(s.path), c) for s, c in zip(samples, crops, strict=True)])
    return torch.from_numpy(pixels.transpose(0, 3, 1, 2).copy()), crops


def split_heldout(dataset: Dataset, share: float, seed: int) -> tuple[tuple[Sample, ...], tuple[Sample, ...]]:
    """Labeled training faces as (learned from, held out): about `share` held out, never splitting a group, at least
    one of each where there are two groups or more."""
    samples = tuple(s for s in dataset.split("train") if s.annotation is not None)
    groups = sorted({s.group for s in samples})
    order = np.random.default_rng(seed).permutation(len(groups))
    wanted = max(1, round(share * len(samples))) if len(groups) > 1 and share > 0 else 0
    held: set[str] = set()
    taken = 0
    for k in order[: len(groups) - 1]:
        if taken >= wanted:
            break
        held.add(groups[k])
        taken += sum(s.group == groups[k] for s in samples)
    return tuple(s for s in samples if s.group not in held), tuple(s for s in samples if s.group in held)
