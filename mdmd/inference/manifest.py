"""What to predict in bulk: up to millions of pictures, with boxes where faces are known."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mdmd.data.picture_files import find_pictures, none_found
from mdmd.data.records import Box
from mdmd.data.text import shown
from mdmd.errors import DataError
from mdmd.formats.table import IMAGE
from mdmd.importing import pyarrow

#: The columns of a box.
BOX = ("box_x", "box_y", "box_w", "box_h")
TABLES = (".csv", ".tsv", ".parquet")
#: The most bytes of a list or table.
LARGEST = 16_000_000_000


@dataclass(frozen=True)
class Item:
    """A row of a manifest, counted from 0: an image's name, which is its path from the manifest's folder, the number of
    the face on the image, from 1, and its box in pixels, None if it is not given."""

    row: int
    image: str
    face: int
    box: Box | None


class Manifest:
    """The rows of a manifest: a folder, a text file with a path in each line, or a CSV or Parquet table.

    A table has a column with the path (`image` or another name that `mdmd.formats.table` knows), and may have `box_x`,
    `box_y`, `box_w` and `box_h` in pixels. Several rows may be of one image. Needs pyarrow, which keeps millions of
    paths small. Raises DataError for what cannot be read, and a row that names nothing.
    """

    def __init__(self, place: Path) -> None:
        arrow = pyarrow()
        boxes = None
        if place.is_dir():
            found = find_pictures([place])
            if not found.pictures:
                raise DataError(none_found([place]))
            images = arrow.array([name.as_posix() for name in found.names], arrow.string())
        elif not place.is_file():
            raise DataError(
                f"there is no manifest {place}: wanted a folder, a list of paths, or a CSV or Parquet table"
            )
        elif place.stat().st_size > LARGEST:
            raise DataError(f"{place} has more than {LARGEST:,} bytes: cut it into several")
        elif place.suffix.lower() in TABLES:
            images, boxes = _columns(_table(place), place)
        else:
            images = _lines(place, arrow)
        self.folder = place if place.is_dir() else place.parent
        self._images, self._boxes = images, boxes
        self._faces = _numbers(images)
        if not len(images):
            raise DataError(f"{place} names no picture")

    def __len__(self) -> int:
        return len(self._images)

    def digest(self) -> str:
        """A digest of all rows."""
        digest = hashlib.sha256()
        for start in range(0, len(self), 100_000):
            rows = self._images.slice(start, 100_000).to_pylist()
            digest.update(json.dumps(rows).encode())
        if self._boxes is not None:
            digest.update(np.ascontiguousarray(self._boxes).tobytes())
        return digest.hexdigest()

    def items(self, start: int, stop: int) -> list[Item]:
        """The rows from `start` to before `stop`."""
        images: Sequence[str] = self._images.slice(start, stop - start).to_pylist()
        boxes = [None] * len(images) if self._boxes is None else map(_box, self._boxes[start:stop].tolist())
        faces = self._faces[start:stop].tolist()
        return [Item(start + k, *given) for k, given in enumerate(zip(images, faces, boxes, strict=True))]


def _numbers(images: Any) -> np.ndarray:
    """The number of each row among those of the same image, from 1 (R,)."""
    codes = images.dictionary_encode().indices.to_numpy(zero_copy_only=False)
    order = np.argsort(codes, kind="stable")
    ordered = codes[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=-1))
    within = np.arange(len(codes)) - np.repeat(starts, np.diff(starts, append=len(codes)))
    numbers = np.empty(len(codes), dtype=np.int32)
    numbers[order] = within + 1
    return numbers


def _box(sides: Sequence[float]) -> Box | None:
    return None if np.isnan(sides).any() else Box(*sides)


def _lines(place: Path, arrow: Any) -> Any:
    try:
        with place.open(encoding="utf-8-sig") as stream:
            lines = arrow.array((line for text in stream if (line := text.strip())), arrow.string())
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{place} cannot be read: {error}; wanted a text file with the path of a picture in each line"
        ) from None
    return lines


def _table(place: Path) -> Any:
    arrow = pyarrow()
    try:
        if place.suffix.lower() == ".parquet":
            return pyarrow("parquet").ParquetFile(place).read()
        csv = pyarrow("csv")
        with place.open("rb") as stream:
            header = stream.readline(100_000).decode("utf-8-sig")
        delimiter = max(",;\t", key=header.count)
        return csv.read_csv(
            place,
            parse_options=csv.ParseOptions(delimiter=delimiter),
            convert_options=csv.ConvertOptions(strings_can_be_null=True),
        )
    except (OSError, UnicodeDecodeError, arrow.ArrowException) as error:
        raise DataError(f"{place} cannot be read: {str(error).splitlines()[0]}") from None


def _columns(table: Any, place: Path) -> tuple[Any, np.ndarray | None]:
    """The images of a table and its boxes (R, 4), NaN where a row has none; None without such columns."""
    arrow, compute = pyarrow(), pyarrow("compute")
    names = {name.casefold(): name for name in table.column_names}
    own = next((names[name] for name in IMAGE if name in names), None)
    if own is None:
        raise DataError(f"{place}: found the columns {shown(', '.join(table.column_names))}, wanted image")
    if len(set(table.column_names)) < len(table.column_names):
        raise DataError(f"{place} has two columns with the same name")
    images = table.column(own).combine_chunks().cast(arrow.string())
    empty = compute.index(compute.or_kleene(compute.is_null(images), compute.equal(images, "")), True).as_py()
    if empty >= 0:
        raise DataError(f"{place}, row {empty + 1}: names no picture")
    given = [names[side] for side in BOX if side in names]
    if not given:
        return images, None
    if len(given) < len(BOX):
        raise DataError(f"{place}: found {', '.join(given)}, wanted all of {', '.join(BOX)}, or none")
    try:
        sides = [table.column(name).combine_chunks().cast(arrow.float64()) for name in given]
    except arrow.ArrowException as error:
        raise DataError(f"{place}: the boxes are no numbers: {str(error).splitlines()[0]}") from None
    boxes = np.stack([side.to_numpy(zero_copy_only=False) for side in sides], axis=1)
    absent = np.isnan(boxes)
    wrong = (absent.any(axis=1) & ~absent.all(axis=1)) | np.isinf(boxes).any(axis=1) | (boxes[:, 2:] <= 0).any(axis=1)
    if wrong.any():
        k = int(np.argmax(wrong))
        raise DataError(
            f"{place}, row {k + 1}: found the box {boxes[k].tolist()}, wanted x, y, width and height in pixels, with a "
            "width and height above 0, or nothing"
        )
    return images, boxes
