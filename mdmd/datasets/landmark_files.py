"""Read the files that datasets are distributed in: point lists, arrays and text."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mdmd.data.records import Points
from mdmd.errors import DataError

PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff")


def files_below(folder: Path, suffix: str) -> list[Path]:
    """All files below `folder` with this suffix, sorted, without hidden files."""
    inside = (file for file in folder.rglob("*") if file.suffix.lower() == suffix)
    return sorted(f for f in inside if not any(p.startswith((".", "__MACOSX")) for p in f.relative_to(folder).parts))


def picture_beside(label: Path) -> Path:
    """The image beside the file `label` with the same stem; a possible name if there is none."""
    names = [label.with_suffix(end) for suffix in PICTURES for end in (suffix, suffix.upper())]
    return next((file for file in names if file.is_file()), names[0])


def read_points(path: Path, count: int, *, one_based: bool = False) -> Points:
    """Points (count, 2) in pixels from a text file with a point `x y` on each line.

    Supported are the `.pts` files of the iBUG group (`version: 1`, `n_points: 68`, then the points in braces), the same
    without a header, and lists that start with their count (LaPa). `one_based` subtracts 1 from every coordinate.
    Raises DataError, which names the file and the line.
    """
    points: list[tuple[float, float]] = []
    number = 0
    for number, line in enumerate(read_lines(path), start=1):
        where = f"{path}, line {number}"
        text = line.strip()
        key, colon, value = (part.strip() for part in text.partition(":"))
        if text in ("", "{", "}") or (colon and key == "version"):
            continue
        if not points and ((colon and key == "n_points") or (text.isdecimal() and not colon)):
            if (value if colon else text) != str(count):
                raise DataError(f"{where}: found {text!r}, wanted {count} points")
            continue
        points.append(_point(text, where))
        if len(points) > count:
            raise DataError(f"{where}: found point {len(points)}, wanted {count} points")
    if len(points) < count:
        raise DataError(f"{path}, line {number}: the file ends after {len(points)} points, wanted {count}")
    return np.array(points, dtype=np.float64) - (1.0 if one_based else 0.0)


def _point(text: str, where: str) -> tuple[float, float]:
    try:
        x, y = (float(word) for word in text.split())
    except ValueError:
        raise DataError(f"{where}: found {text!r}, wanted two numbers 'x y'") from None
    if not (math.isfinite(x) and math.isfinite(y)):
        raise DataError(f"{where}: found {text!r}, wanted two finite numbers")
    return x, y


def read_array(path: Path, *shape: int) -> NDArray[np.float64]:
    """The array of a `.npy` file with this shape and finite numbers, else DataError. Nothing is unpickled."""
    wanted = " x ".join(map(str, shape))
    try:
        # Mapped, not read: the header may tell of more numbers than the file has or the memory holds.
        found = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise DataError(f"no such file: {path}") from None
    except (OSError, ValueError, EOFError, SyntaxError, OverflowError, RecursionError, MemoryError) as error:
        raise DataError(f"{path} is not a NumPy array of {wanted} numbers: {error}") from None
    if not isinstance(found, np.ndarray) or found.shape != shape or found.dtype.kind not in "iuf":
        raise DataError(f"{path}: found {_array_text(found)}, wanted {wanted} numbers")
    if not np.isfinite(found).all():
        row = int(np.argwhere(~np.isfinite(found))[0][0])
        raise DataError(f"{path}, row {row}: found a number that is not finite")
    return found.astype(np.float64)


def _array_text(found: object) -> str:
    if not isinstance(found, np.ndarray):
        return "several arrays"
    return f"an array of {' x '.join(map(str, found.shape)) or 'one value'} ({found.dtype})"


def read_lines(path: Path) -> list[str]:
    """The lines of a UTF-8 text file. Raises DataError if the file does not exist or is not text."""
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise DataError(f"no such file: {path}") from None
    except UnicodeDecodeError:
        raise DataError(f"{path} is not a text file") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from None
