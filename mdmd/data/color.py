"""The pixels of any picture as 8-bit sRGB, by one rule for training, prediction and the tool. No torch.

- A color profile (ICC) is applied: the colors are converted to sRGB with the perceptual intent. A profile is ignored if
  it cannot be read, is made for other colors than the picture's, or changes no color by more than `SAME` levels of 255.
- CMYK without a profile is (1 - ink) x (1 - black). CMYK JPEGs are read as Adobe writes them, with inverted values.
- Gray with more than 8 bits is scaled, so that white is the largest value of the bits in use (10, 12, 16 ...). Of color
  with 16 bits the upper 8 are taken.
- What is transparent is laid over white.
- Chromaticities and gamma values that are stored without a profile are ignored.
"""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

#: A profile that moves no color by more than this, of 255, counts as sRGB.
SAME = 2
#: What a profile says for the colors that it is made for, by the mode of a picture.
SPACES = {"RGB": "RGB", "L": "GRAY", "CMYK": "CMYK"}
#: The TIFF tag that says what numbers mean, and its value for gray whose zero is white.
PHOTOMETRIC, WHITE_IS_ZERO = 262, 0


def srgb(image: Image.Image) -> Image.Image:
    """A decoded image as RGB, not rotated, without what it says besides its pixels. See the rule above."""
    color, alpha = _color(image), _alpha(image)
    conversion = _conversion(image, color.mode)
    found = color.convert("RGB") if conversion is None else _converted(color, conversion)
    if alpha is not None:
        flat = Image.new("RGB", image.size, "white")
        flat.paste(found, mask=alpha)
        found = flat
    if found is image:
        found = image.copy()
    found.info = {}
    return found


def has_other_colors(image: Image.Image) -> bool:
    """Whether an opened RGB or gray image has a profile by which its colors are not those of sRGB."""
    return _conversion(image, image.mode) is not None


def _color(image: Image.Image) -> Image.Image:
    """The colors of `image` without transparency, as L, RGB or CMYK."""
    if image.mode.startswith(("I", "F")):
        return Image.fromarray(_eight_bit(image))
    if image.mode in SPACES:
        return image
    if image.mode == "1":
        return image.convert("L")
    if image.mode in ("LA", "La"):
        return image.convert("LA").getchannel("L")
    if image.mode == "LAB":
        return _converted(image, _to_srgb(ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")), "LAB"))
    return (image.convert("RGBA") if image.mode == "RGBa" else image).convert("RGB")


def _alpha(image: Image.Image) -> Image.Image | None:
    """How opaque each pixel is, as L; None for a picture without transparency."""
    clear = image.info.get("transparency")
    if image.mode.startswith(("I", "F")):
        if not isinstance(clear, int):
            return None
        return Image.fromarray(np.where(np.asarray(image) == clear, 0, 255).astype(np.uint8))
    if "A" in image.mode.removeprefix("LAB") or "a" in image.mode or clear is not None:
        return image.convert("RGBA").getchannel("A")
    return None


def _conversion(image: Image.Image, mode: str) -> ImageCms.ImageCmsTransform | None:
    """The way to sRGB for colors of this mode, by the profile of `image`; None if it has none that matters."""
    profile = image.info.get("icc_profile")
    return _of_profile(profile, mode) if isinstance(profile, bytes) and profile and mode in SPACES else None


@lru_cache(maxsize=16)
def _of_profile(content: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    try:
        profile = ImageCms.ImageCmsProfile(BytesIO(content))
        if str(getattr(profile.profile, "xcolor_space", "")).strip() != SPACES[mode]:
            return None
        conversion = _to_srgb(profile, mode)
        return None if mode != "CMYK" and _is_srgb(conversion, mode) else conversion
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None


def _to_srgb(profile: ImageCms.ImageCmsProfile, mode: str) -> ImageCms.ImageCmsTransform:
    target = ImageCms.createProfile("sRGB")
    return ImageCms.buildTransform(profile, target, mode, "RGB", ImageCms.Intent.PERCEPTUAL)


def _converted(image: Image.Image, conversion: ImageCms.ImageCmsTransform) -> Image.Image:
    found = Image.new("RGB", image.size)
    conversion.apply(image, found)
    return found


def _is_srgb(conversion: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Whether a conversion leaves all grays and, for RGB, a grid of colors as they are."""
    grays = np.arange(256)[:, None].repeat(3, axis=1)
    levels = np.linspace(0, 255, 9).round()
    grid = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(-1, 3)
    colors = np.concatenate((grays, grid if mode == "RGB" else grays)).astype(np.uint8)[None]
    found = np.asarray(_converted(Image.fromarray(colors).convert(mode), conversion))
    return int(np.abs(found.astype(int) - colors).max()) <= SAME


def _eight_bit(image: Image.Image) -> NDArray[np.uint8]:
    """Gray of any depth as values (H, W). White is the largest value of the bits in use (8, 10, 12, 16 ...)."""
    gray = np.asarray(image)
    values = np.nan_to_num(gray.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0).clip(0)
    highest = float(values.max())
    white = 1.0 if 0 < highest <= 1 and gray.dtype.kind == "f" else 2.0 ** max(8, int(highest).bit_length()) - 1
    if getattr(image, "tag_v2", {}).get(PHOTOMETRIC) == WHITE_IS_ZERO:
        values = white - values  # Pillow turns over only gray of 8 bits and less
    return np.round(values / white * 255).astype(np.uint8)
