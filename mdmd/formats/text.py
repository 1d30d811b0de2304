"""What readers and writers of several formats need: lines of text, sizes of images, and points inside them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from mdmd.data.images import picture_size
from mdmd.errors import DataError
from mdmd.formats.labels import Face

#: Bytes of a text file that are read.
LARGEST_TEXT = 1_000_000_000


def text_of(path: Path) -> str:
    """The text of a file, in UTF-8 with or without a byte order mark, or as Windows writes it. Raises DataError."""
    try:
        if path.stat().st_size > LARGEST_TEXT:
            raise DataError(f"{path} has more than {LARGEST_TEXT:,} bytes")
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from None
    encodings = ("utf-16",) if content[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "cp1252")
    for encoding in encodings:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise DataError(f"{path} is not text")


def lines_of(path: Path) -> list[str]:
    """The lines of a text file. Raises DataError."""
    return text_of(path).splitlines()


def size_of(path: Path | None) -> tuple[int, int]:
    """Width and height of an image in pixels. Raises DataError if it is not there, or cannot be read."""
    if path is None:
        raise DataError("its picture is not there, and without its size shares of it are no pixels")
    return picture_size(path)


def inside(face: Face, size: tuple[int, int]) -> tuple[Face, int]:
    """The face without its labels outside of an image of this size, and how many these are."""
    out = (face.visibility > 0) & ((face.points < 0) | (face.points > size)).any(axis=1)
    if not out.any():
        return face, 0
    points, visibility = face.points.copy(), face.visibility.copy()
    points[out], visibility[out] = 0, 0
    return replace(face, points=points, visibility=visibility), int(np.count_nonzero(out))
