"""Pictures on their way into a project: decoded once, upright, RGB, under a safe name; and copies for the screen."""

from __future__ import annotations

import hashlib
import os
import shutil
import struct
import tempfile
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from mdmd.records import DataError

#: What Pillow may decode here. SVG is not among them on purpose: it can carry scripts.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif")
MINIMUM_SIDE = 16
PIXEL_CAP = 300_000_000
#: The EXIF tag that says how a picture is to be turned.
ORIENTATION = 0x0112

# Pillow's own guard only warns between its limit and twice that, and warnings cannot be caught per thread.
# `_open` compares the header's size with PIXEL_CAP before anything is decoded instead.
Image.MAX_IMAGE_PIXELS = None


@dataclass(frozen=True)
class Ingested:
    """A picture as it lies in the project: its file name, and its size upright."""

    file_name: str
    width: int
    height: int


def pictures_in(folder: Path) -> list[Path]:
    """Files under `folder` that are called like pictures, sorted; raises DataError when there are none."""
    if not folder.is_dir():
        raise DataError(f"no such folder: {folder}" if not folder.exists() else f"{folder} is a file, not a folder")
    found = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
    )
    if not found:
        raise DataError(f"no pictures in {folder}: wanted files ending in {', '.join(SUFFIXES)}")
    return found


def sha256_of(path: Path) -> str:
    """Hex digest of a file's bytes; raises DataError when it cannot be read."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except FileNotFoundError:
        raise DataError("there is no such file") from None
    except OSError as error:
        raise DataError(f"the file cannot be read: {error.strerror}") from None


def upright_size(path: Path) -> tuple[int, int]:
    """Width and height of a picture as it is meant to be seen, from its header; raises DataError."""
    with _open(path) as image:
        width, height = image.size
        return (height, width) if _orientation(image) >= 5 else (width, height)


def ingest(source: Path, folder: Path) -> Ingested:
    """Bring one picture into `folder`; raises DataError (a sentence without the name) when it is not usable.

    An upright RGB JPEG or PNG is kept byte for byte. Anything else is converted: what was stored with loss
    becomes a JPEG of quality 95, the rest a PNG. Only the first frame of an animation is taken.
    """
    with _open(source) as image:
        kind = image.format or ""
        width, height = image.size
        try:
            image.load()
            frames = getattr(image, "n_frames", 1) if kind != "MPO" else 1
        except (OSError, SyntaxError, ValueError, EOFError) as error:
            raise DataError(f"the picture is damaged or cut short ({error})") from None
        except MemoryError:
            raise DataError(f"the picture of {width} x {height} pixels does not fit into memory") from None
        orientation = _orientation(image)
        simple = orientation == 1 and frames == 1 and "transparency" not in image.info
        if simple and image.mode in ("RGB", "L") and kind in ("JPEG", "MPO", "PNG"):
            name = _write(
                folder, source.name, ".png" if kind == "PNG" else ".jpg", lambda t: shutil.copyfile(source, t)
            )
            return Ingested(name, width, height)
        upright = _rgb(image)
        upright.getexif()[ORIENTATION] = orientation
        upright = ImageOps.exif_transpose(upright)
    if kind in ("JPEG", "MPO", "WEBP"):
        name = _write(folder, source.name, ".jpg", lambda t: upright.save(t, "JPEG", quality=95, subsampling=0))
    else:
        name = _write(folder, source.name, ".png", lambda t: upright.save(t, "PNG", compress_level=3))
    return Ingested(name, *upright.size)


def screen_copy(source: Path, cache: Path, width: int) -> Path:
    """A JPEG of `source` at most `width` wide (never enlarged), made once and kept in `cache`."""
    copy = cache / f"{source.name}.{width}.jpg"
    if copy.is_file():
        return copy
    with _open(source) as image:
        image.thumbnail((width, max(1, -(-image.height * width // image.width))), reducing_gap=2.0)
        small = image.convert("RGB")
    with _written(cache, lambda target: small.save(target, "JPEG", quality=88)) as temporary:
        temporary.replace(copy)
    return copy


def _open(source: Path) -> Image.Image:
    try:
        image = Image.open(source, formats=FORMATS)
    except FileNotFoundError:
        raise DataError("there is no such file") from None
    except UnidentifiedImageError:
        raise DataError("this is not a JPEG, PNG, WebP, BMP, TIFF or GIF picture") from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise DataError(f"the picture cannot be read ({error})") from None
    width, height = image.size
    if min(width, height) < MINIMUM_SIDE:
        image.close()
        raise DataError(f"the picture is {width} x {height} pixels, wanted at least {MINIMUM_SIDE} on each side")
    if width * height > PIXEL_CAP:
        image.close()
        raise DataError(f"the picture is {width} x {height} pixels, more than {PIXEL_CAP // 1_000_000} megapixels")
    return image


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 where there is none or it cannot be read."""
    if image.format == "PNG" and "exif" not in image.info:
        return 1  # Asking Pillow would decode all of it.
    try:
        found = image.getexif().get(ORIENTATION, 1)
    except (OSError, SyntaxError, ValueError, KeyError, struct.error):
        return 1
    return found if found in range(1, 9) else 1


def _rgb(image: Image.Image) -> Image.Image:
    """`image` as 8-bit RGB, not turned yet: transparency over white, deeper grays scaled down."""
    if image.mode.startswith(("I", "F")):
        return Image.fromarray(_eight_bit(np.asarray(image))).convert("RGB")
    if "A" in image.mode or "a" in image.mode or "transparency" in image.info:
        shown = image.convert("RGBA")
        flat = Image.new("RGB", image.size, "white")
        flat.paste(shown, mask=shown.getchannel("A"))
        return flat
    return image.convert("RGB")


def _eight_bit(gray: np.ndarray) -> np.ndarray:
    """Gray values (H, W) of any depth as uint8: white is the largest value of the bits in use (8, 10, 12, 16, ...)."""
    values = np.nan_to_num(gray.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0).clip(0)
    highest = float(values.max())
    white = 1.0 if 0 < highest <= 1 and gray.dtype.kind == "f" else 2.0 ** max(8, int(highest).bit_length()) - 1
    return np.round(values / white * 255).astype(np.uint8)


def _write(folder: Path, name: str, suffix: str, write: Callable[[Path], object]) -> str:
    """Write a file under a free name like `name`, whole and without ever replacing one; returns the name."""
    with _written(folder, write) as temporary:
        taken = {path.name.casefold() for path in folder.iterdir()}
        for candidate in _names(_safe_stem(name), suffix):
            if candidate.casefold() in taken:
                continue
            try:
                # Reserves the name: this fails when another thread or process has just taken it.
                (folder / candidate).touch(exist_ok=False)
            except FileExistsError:
                continue
            temporary.replace(folder / candidate)
            return candidate
    raise AssertionError("names never end")


@contextmanager
def _written(folder: Path, write: Callable[[Path], object]) -> Iterator[Path]:
    """A temporary file in `folder` that `write` has filled, gone afterwards; raises DataError when the disk refuses."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".", suffix=".part", dir=folder)
    except OSError as error:
        raise DataError(f"cannot write into {folder}: {error.strerror}") from None
    os.close(handle)
    temporary = Path(name)
    try:
        temporary.chmod(0o644)
        write(temporary)
        yield temporary
    except OSError as error:
        raise DataError(f"cannot write into {folder}: {error.strerror or error}") from None
    finally:
        temporary.unlink(missing_ok=True)


def _names(stem: str, suffix: str) -> Iterable[str]:
    yield stem + suffix
    number = 2
    while True:
        yield f"{stem}-{number}{suffix}"
        number += 1


def _safe_stem(name: str) -> str:
    """The stem of `name` in any script, without what a file system, a URL or a COCO reader could trip over."""
    stem = unicodedata.normalize("NFC", Path(name).stem)
    kept = "".join(c if c.isalnum() or unicodedata.category(c)[0] == "M" or c in " ._-()" else "_" for c in stem)
    kept = kept.strip(" .") or "picture"
    while len(kept.encode()) > 180:
        kept = kept[:-1]
    return kept
