"""Pictures from files: opened by their header, refused in one sentence, decoded upright and RGB.

Training, prediction and the tool read with this, so that all of them see the same pixels. No torch.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from mdmd.errors import DataError

#: What Pillow may decode here. SVG is not among them on purpose: it can carry scripts.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif")
PIXEL_CAP = 300_000_000
#: The EXIF tag that says how a picture is to be turned.
ORIENTATION = 0x0112
QUARTER_TURNS = (5, 6, 7, 8)

# Pillow's own guard only warns between its limit and twice that, and warnings cannot be caught per thread.
# `open_picture` compares the header's size with PIXEL_CAP before anything is decoded instead.
Image.MAX_IMAGE_PIXELS = None


class PictureError(DataError):
    """A picture that is missing or cannot be read."""

    kind = "picture"


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


def read_picture(path: Path) -> Image.Image:
    """The upright RGB picture at `path`; DataError, with the path, when it is not one."""
    return read_reduced(path, 1)[0]


def read_reduced(path: Path, most: float) -> tuple[Image.Image, int]:
    """The picture as `read_picture` gives it, but at a k-th of its size, and that k: the largest of 1, 2, 4 and 8 up to
    `most` that divides both sides. Only JPEGs can be; at an eighth they are decoded several times faster."""
    with _named(path), open_picture(path) as image:
        width, height = image.size
        wanted = max(k for k in (1, 2, 4, 8) if k == 1 or (k <= most and width % k == 0 and height % k == 0))
        image.draft(None, (width // wanted, height // wanted))
        decode(image)
        return upright(image), width // image.width


def picture_size(path: Path) -> tuple[int, int]:
    """Width and height of the upright picture at `path` by its header; DataError, with the path, when it has none."""
    with _named(path), open_picture(path) as image:
        return upright_size(image)


def upright_size(image: Image.Image) -> tuple[int, int]:
    """Width and height of an opened picture as it is meant to be seen."""
    # Of a TIFF Pillow gives the upright size itself.
    turned = image.format != "TIFF" and orientation(image) in QUARTER_TURNS
    return (image.height, image.width) if turned else image.size


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except DataError as error:
        raise PictureError(f"picture {path} cannot be used: {error}") from None


def open_picture(path: Path) -> Image.Image:
    """The picture at `path` with its header read and nothing decoded. DataError is a sentence without the path."""
    try:
        image = Image.open(path, formats=FORMATS)
    except FileNotFoundError:
        raise DataError("there is no such file") from None
    except UnidentifiedImageError:
        raise DataError("this is not a JPEG, PNG, WebP, BMP, TIFF or GIF picture") from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise DataError(f"the picture cannot be read ({error})") from None
    width, height = image.size
    if width * height > PIXEL_CAP:
        image.close()
        raise DataError(f"the picture is {width} x {height} pixels, more than {PIXEL_CAP // 1_000_000} megapixels")
    return image


def decode(image: Image.Image) -> None:
    """Read all pixels of an opened picture. DataError is a sentence without the path."""
    try:
        image.load()
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise DataError(f"the picture is damaged or cut short ({error})") from None
    except MemoryError:
        raise DataError(f"the picture of {image.width} x {image.height} pixels does not fit into memory") from None


def orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 where there is none or it cannot be read."""
    if image.format == "PNG" and "exif" not in image.info:
        return 1  # Asking Pillow would decode all of it.
    try:
        found = image.getexif().get(ORIENTATION, 1)
    except (OSError, SyntaxError, ValueError, KeyError, struct.error):
        return 1
    return found if found in range(1, 9) else 1


def upright(image: Image.Image) -> Image.Image:
    """A decoded picture as 8-bit RGB, turned as it is meant to be seen."""
    turn = orientation(image)
    shown = _rgb(image)
    if turn == 1:
        return shown
    shown.getexif()[ORIENTATION] = turn
    return ImageOps.exif_transpose(shown)


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
