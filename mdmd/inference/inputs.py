"""The inputs of a prediction: faces of a COCO file, image files and folders, or images in memory."""

from __future__ import annotations

import glob
import os
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mdmd.data.coco import check_file_name, read_coco
from mdmd.data.images import decode, picture_size, read_picture, upright
from mdmd.data.picture_files import Skipped, find_pictures, none_found, skipped_sentences
from mdmd.data.records import Box, Sample
from mdmd.data.text import shown
from mdmd.datasets.foreign import ForeignSet, boxes_of_faces, is_own, must_be_bare
from mdmd.datasets.reading import picture_problem
from mdmd.errors import DataError
from mdmd.formats.text import lines_of

#: One image: a file, a PIL image, or an array (H, W, 3) of uint8.
ImageLike = Path | str | Image.Image | NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class GivenFaces:
    """The faces of a file; sentences on each record that is left out, and on what was read otherwise than it stands."""

    samples: list[Sample]
    left_out: list[str]
    notes: list[str]


def faces_of_file(given: Path | ForeignSet, unusable: MutableMapping[Path, str]) -> GivenFaces:
    """The faces of a file or folder. Images that do not match it are added to `unusable` with the reason.

    Raises DataError.
    """
    asked = given if isinstance(given, ForeignSet) else ForeignSet(given)
    if asked.form is None and is_own(asked.place, boxes=True):
        found = GivenFaces(list(read_coco(must_be_bare(asked)).samples), [], [])
    else:
        found = GivenFaces(*boxes_of_faces(asked))
    for sample in {s.path: s for s in found.samples}.values():
        problem = picture_problem(sample)
        if problem is not None:
            unusable[sample.path] = problem
    return replace(found, samples=[s for s in found.samples if s.path not in unusable])


@dataclass(frozen=True, eq=False)
class WholePictures:
    """One face, with the whole image as its box, for each image; why others cannot be used, by their name; and the
    files that were passed over, by kind."""

    samples: list[Sample]
    left_out: dict[str, str]
    skipped: tuple[Skipped, ...]


def named_files(names: Sequence[Path | str]) -> list[Path]:
    """The files and folders that `names` mean.

    `@LIST` is a text file with one in each line, relative to its own folder. A name with `*`, `?` or `[` is a pattern,
    in which `**` means any folders. A file or folder that has such a name itself comes first. Raises DataError for a
    list that cannot be read and a pattern without matches.
    """
    files: list[Path] = []
    for name in names:
        text = os.fspath(name)
        if text.startswith("@") and not os.path.lexists(text):
            files += _listed(Path(text[1:]))
        elif glob.has_magic(text) and not os.path.lexists(text):
            matching = sorted(glob.glob(text, recursive=True))
            if not matching:
                raise DataError(f"no file matches {shown(text)}")
            files += map(Path, matching)
        else:
            files.append(Path(text))
    return files


def _listed(file: Path) -> list[Path]:
    lines = [line.strip() for line in lines_of(file)]
    if not any(lines):
        raise DataError(f"{file} is empty: wanted the path of a picture or folder in each line")
    odd = next((number for number, line in enumerate(lines, start=1) if "\0" in line), None)
    if odd is not None:
        raise DataError(f"{file}, line {odd}: found a NUL character, wanted a path")
    return [file.parent / line for line in lines if line]


def whole_pictures(paths: Sequence[Path]) -> WholePictures:
    """The images among `paths` (files and folders).

    File names are relative to the folder that contains all images. Files that are not images, or whose name a COCO file
    cannot hold, are left out. Raises DataError if there are no images.
    """
    samples: list[Sample] = []
    left_out: dict[str, str] = {}
    found = find_pictures(paths)
    if not found.pictures:
        raise DataError(
            "; ".join([none_found(paths), *(f"found {sentence}" for sentence in skipped_sentences(found.skipped))])
        )
    files = list(dict.fromkeys(Path(os.path.abspath(file)) for file in found.pictures))  # links keep their names
    root = os.path.commonpath([file.parent for file in files])
    for file in files:
        name = file.relative_to(root).as_posix()
        try:
            check_file_name(name, f"picture {file}")
            width, height = picture_size(file)
        except DataError as error:
            left_out[name.encode(errors="replace").decode()] = str(error).encode(errors="replace").decode()
            continue
        samples.append(Sample(file, name, width, height, whole(width, height)))
    return WholePictures(samples, left_out, found.skipped)


def whole(width: int, height: int) -> Box:
    """The box of the whole image."""
    return Box(0.0, 0.0, float(width), float(height))


def image_list(images: ImageLike | Sequence[ImageLike]) -> tuple[list[Image.Image], bool]:
    """`images` as a list of upright RGB images, and whether a list was given. Raises DataError for other types."""
    one = isinstance(images, str | Path | Image.Image | np.ndarray)
    given = [images] if one else images
    if not isinstance(given, Sequence):
        raise DataError(
            f"images: found {type(images).__name__}, wanted a path, a PIL image, an array or a list of them"
        )
    return [_picture(image, "image" if one else f"image {k}") for k, image in enumerate(given)], not one


def _picture(image: Any, label: str) -> Image.Image:
    if isinstance(image, str | Path):
        return read_picture(Path(image))
    if isinstance(image, Image.Image):
        try:
            decode(image)
        except DataError as error:
            raise DataError(f"{label}: {error}") from None
        return upright(image)
    if not isinstance(image, np.ndarray):
        found = type(image).__name__
    elif image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        found = f"an array of {image.dtype} with shape {image.shape}"
    else:
        return Image.fromarray(np.ascontiguousarray(image))
    raise DataError(f"{label}: found {found}, wanted a path, a PIL image or an array of uint8 with shape (H, W, 3)")


def boxes_of_images(boxes: Any, count: int, *, several: bool) -> list[list[Box] | None]:
    """The boxes of each of `count` images, or None for images in which the model finds the face.

    `boxes` is None, or has an entry for each image; if not `several`, it is the entry of the single image. An entry is
    None, one box or a list of boxes, and a box is a `Box` or x, y, width, height in pixels. Raises DataError.
    """
    if boxes is None:
        return [None] * count
    given = boxes if several else [boxes]
    if not isinstance(given, Sequence | np.ndarray) or isinstance(given, str) or len(given) != count:
        found = f"{len(given)} entries" if isinstance(given, Sequence | np.ndarray) else type(given).__name__
        raise DataError(f"boxes: found {found}, wanted one for each of {count} images: None, a box, or a list of boxes")
    return [_boxes(entry, f"boxes of image {k}" if several else "boxes") for k, entry in enumerate(given)]


def _boxes(entry: Any, label: str) -> list[Box] | None:
    if entry is None:
        return None
    listed = entry if isinstance(entry, Sequence | np.ndarray) else [entry]
    try:
        rows = np.array([[b.x, b.y, b.w, b.h] if isinstance(b, Box) else b for b in listed], dtype=np.float64)
    except (TypeError, ValueError):
        rows = np.empty((1, 0))
    rows = rows.reshape(-1, 4) if rows.shape in ((4,), (0,)) else rows
    if rows.ndim != 2 or rows.shape[-1] != 4 or not np.isfinite(rows).all() or (rows[:, 2:] <= 0).any():
        raise DataError(f"{label}: found {entry!r}, wanted x, y, width, height: finite, width and height above 0")
    return [Box(*row) for row in rows.tolist()]
