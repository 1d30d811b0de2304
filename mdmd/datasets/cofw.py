"""Read the MATLAB files of COFW (Burgos-Artizzu, Perona and Dollár, ICCV 2013), version 7.3, which is HDF5.

MATLAB stores arrays in column order, so all arrays are transposed in HDF5: an image is (3, W, H), or (W, H) if it is
gray, and a table has one face in each column. Cells hold references to the images.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mdmd.data.records import Box, Points
from mdmd.errors import DataError

LANDMARKS = 29


@dataclass(frozen=True, eq=False)
class CofwFace:
    """A face: its unpacked image, `points` (29, 2) in pixels, `hidden` (29,) for occluded points, and its box."""

    picture: Path
    points: Points
    hidden: NDArray[np.bool_]
    box: Box


def cofw_faces(file: Path, ending: str, pictures: Path) -> Iterator[CofwFace]:
    """The faces of `COFW_train_color.mat` (`ending` "Tr") or `COFW_test_color.mat` ("T"), in order.

    Images are written to the folder `pictures` as PNG, unless they are there already. Raises DataError, which names the
    file, the variable and the face.
    """
    import h5py  # only COFW needs HDF5, and it takes a third of a second to import

    try:
        opened = h5py.File(file, "r")
    except FileNotFoundError:
        raise DataError(f"no such file: {file}") from None
    except OSError:
        raise DataError(f"{file} is not a MATLAB 7.3 (HDF5) file, as COFW's color version is") from None
    with opened as mat:
        images = _variable(mat, file, f"Is{ending}").ravel()
        count = len(images)
        labels = _table(mat, file, f"phis{ending}", 3 * LANDMARKS, count)
        boxes = _table(mat, file, f"bboxes{ending}", 4, count)
        pictures.mkdir(parents=True, exist_ok=True)
        for k in range(count):
            picture = pictures / f"{file.stem}_{k + 1:04d}.png"
            if not picture.is_file():
                _write(mat, images[k], picture, f"{file}, Is{ending}, face {k + 1}")
            x, y, occluded = labels[:, k].reshape(3, LANDMARKS)
            yield CofwFace(picture, np.stack([x, y], axis=1), occluded != 0, Box(*map(float, boxes[:, k])))


def _variable(mat: Any, file: Path, name: str) -> NDArray[Any]:
    try:
        return mat[name][()]
    except KeyError:
        raise DataError(f"{file}: no variable {name}; it has: {', '.join(sorted(mat)) or 'none'}") from None


def _table(mat: Any, file: Path, name: str, rows: int, faces: int) -> NDArray[np.float64]:
    table = _variable(mat, file, name)
    if table.shape != (rows, faces):
        raise DataError(f"{file}, {name}: found {table.shape}, wanted {rows} numbers for each of {faces} faces")
    bad = np.flatnonzero(~np.isfinite(table).all(axis=0))
    if len(bad):
        raise DataError(f"{file}, {name}, face {bad[0] + 1}: found a number that is not finite")
    return table.astype(np.float64)


def _write(mat: Any, reference: Any, picture: Path, where: str) -> None:
    try:
        pixels = np.asarray(mat[reference]).T  # (H, W) or (H, W, 3)
    except (KeyError, TypeError, ValueError):
        raise DataError(f"{where}: found no reference to an image") from None
    if pixels.dtype != np.uint8 or pixels.shape[2:] not in ((), (3,)) or pixels.ndim < 2 or 0 in pixels.shape:
        raise DataError(f"{where}: found {pixels.dtype} {pixels.shape}, wanted 8-bit pixels, gray or red, green, blue")
    part = picture.with_suffix(".part")
    Image.fromarray(np.ascontiguousarray(pixels)).save(part, format="PNG")
    part.replace(picture)
