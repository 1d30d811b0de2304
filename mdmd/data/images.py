"""Read image files: the header first, then the pixels, upright and in sRGB. No torch.

Training, prediction and the tool all read images here, so they see the same pixels.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import struct
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError, features

from mdmd.data.color import srgb
from mdmd.data.picture_files import AVIF, HEIC, Kind, kind_not_read
from mdmd.errors import DataError

#: Formats that Pillow may decode here. SVG is left out on purpose: it can carry scripts.
FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "BMP", "TIFF", "GIF", "JPEG2000", "PPM")
#: The format that pillow-heif adds to Pillow. This package is optional and only imported for a file of this format.
HEIF = "HEIF"
#: What a HEIC file says after its first 8 bytes, whatever its name. Phones send such files as .jpg.
HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
AVIF_BRANDS = (b"avif", b"avis")
#: The formats that are read here, in words.
READ = ("JPEG", "PNG", "WebP", "AVIF", "HEIC", "JPEG 2000", "BMP", "TIFF", "GIF", "PNM")
PIXEL_CAP = 300_000_000
#: The EXIF tag of the orientation, and its values that swap width and height.
ORIENTATION = 0x0112
QUARTER_TURNS = (5, 6, 7, 8)

#: What Pillow raises for files that are damaged or that it does not know.
DAMAGED = (OSError, SyntaxError, ValueError, EOFError, RuntimeError)

# Pillow's own limit only warns up to twice its value, and warnings cannot be caught per thread. `open_picture` compares
# the size in the header with PIXEL_CAP before it decodes anything.
Image.MAX_IMAGE_PIXELS = None


class PictureError(DataError):
    """A picture that is missing or cannot be read."""

    kind = "picture"


def read_picture(path: Path) -> Image.Image:
    """The upright sRGB image at `path`. Raises PictureError, which names the path."""
    return read_reduced(path, 1)[0]


def read_reduced(path: Path, most: float) -> tuple[Image.Image, int]:
    """The image of `read_picture` at 1/k of its size, and k: the largest of 1, 2, 4 and 8 that is at most `most` and
    divides both sides. Only a JPEG can be reduced; at 1/8 it decodes several times faster."""
    with _named(path), open_picture(path) as image:
        width, height = image.size
        wanted = max(k for k in (1, 2, 4, 8) if k == 1 or (k <= most and width % k == 0 and height % k == 0))
        image.draft(None, (width // wanted, height // wanted))
        decode(image)
        return upright(image), width // image.width


def picture_size(path: Path) -> tuple[int, int]:
    """Width and height of the upright image at `path`, from its header. Raises PictureError, which names the path."""
    with _named(path), open_picture(path) as image:
        return upright_size(image)


def upright_size(image: Image.Image) -> tuple[int, int]:
    """Width and height of an opened image after its EXIF orientation is applied."""
    # For a TIFF, Pillow already reports the upright size.
    turned = image.format != "TIFF" and orientation(image) in QUARTER_TURNS
    return (image.height, image.width) if turned else image.size


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except DataError as error:
        raise PictureError(f"picture {path} cannot be used: {error}") from None


def open_picture(path: Path) -> Image.Image:
    """Open the image at `path` and read its header only. Raises DataError without the path in its message."""
    kind = kind_not_read(path.suffix)
    if kind is not None and os.path.exists(path):
        raise DataError(_instead(kind))
    try:
        image = _opened(path)
    except FileNotFoundError:
        raise DataError("there is no such file") from None
    except UnidentifiedImageError:
        if _brand(path) in AVIF_BRANDS and not features.check("avif"):
            raise DataError(_instead(AVIF)) from None
        raise DataError(f"this is not a {', '.join(READ[:-1])} or {READ[-1]} picture") from None
    except DAMAGED as error:
        raise DataError(f"the picture cannot be read ({_one_line(error)})") from None
    width, height = image.size
    if width * height > PIXEL_CAP:
        image.close()
        raise DataError(f"the picture is {width} x {height} pixels, more than {PIXEL_CAP // 1_000_000} megapixels")
    return image


def _instead(kind: Kind) -> str:
    return f"this is {kind.one.format('a')}: {kind.advice}"


def _opened(path: Path) -> Image.Image:
    """The image that Pillow, or pillow-heif, opens. Raises DataError for a HEIC file where pillow-heif is missing."""
    try:
        return Image.open(path, formats=FORMATS)
    except UnidentifiedImageError:
        if _brand(path) not in HEIC_BRANDS:
            raise
    try:
        importlib.import_module("pillow_heif").register_heif_opener()
    except ImportError:
        raise DataError(_instead(HEIC)) from None
    try:
        return Image.open(path, formats=(HEIF,))
    except UnidentifiedImageError:
        raise DataError("the picture is damaged or cut short") from None


def _brand(path: Path) -> bytes:
    """The first brand that a HEIC or AVIF file names, whatever the file's name; empty for other files."""
    try:
        with path.open("rb") as stream:
            start = stream.read(12)
    except OSError:
        return b""
    return start[8:] if start[4:8] == b"ftyp" else b""


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def decode(image: Image.Image) -> None:
    """Decode all pixels of an opened image. Raises DataError without the path in its message."""
    try:
        image.load()
    except DAMAGED as error:
        raise DataError(f"the picture is damaged or cut short ({_one_line(error)})") from None
    except MemoryError:
        raise DataError(f"the picture of {image.width} x {image.height} pixels does not fit into memory") from None


def orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 if there is none or it cannot be read."""
    if image.format == "PNG" and "exif" not in image.info:
        return 1  # Pillow would decode the whole file to answer.
    try:
        found = image.getexif().get(ORIENTATION, 1)
    except (OSError, SyntaxError, ValueError, KeyError, struct.error):
        return 1
    return found if found in range(1, 9) else 1


def upright(image: Image.Image) -> Image.Image:
    """A decoded image as 8-bit sRGB (see `mdmd.data.color`), with its EXIF orientation applied."""
    turn = orientation(image)
    shown = srgb(image)
    if turn == 1:
        return shown
    shown.getexif()[ORIENTATION] = turn
    return ImageOps.exif_transpose(shown)
