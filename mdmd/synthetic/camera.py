"""Effects of light, camera and copying on a drawn image."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageDraw, ImageFilter


def cast_shadow(rng: np.random.Generator, image: Image.Image) -> Image.Image:
    """Add a shadow with a soft edge to a part of `image`, like that of a wall or of leaves out of view."""
    n = 64
    cover = Image.new("L", (n, n))
    draw = ImageDraw.Draw(cover)
    if rng.uniform() < 0.5:
        a, offset = rng.uniform(0, 2 * np.pi), rng.uniform(-0.15, 0.25) * n
        along, across = np.array([np.cos(a), np.sin(a)]), np.array([-np.sin(a), np.cos(a)])
        edge = np.array([n / 2, n / 2]) + across * offset
        far = [
            edge - 2 * n * along,
            edge + 2 * n * along,
            edge + 2 * n * (along + across),
            edge + 2 * n * (across - along),
        ]
        draw.polygon([(x, y) for x, y in np.array(far).tolist()], fill=255)
    else:
        for _ in range(int(rng.integers(6, 22))):
            x, y, r = rng.uniform(0, n), rng.uniform(0, n), rng.uniform(2, 9)
            draw.ellipse((x - r, y - r * 0.7, x + r, y + r * 0.7), fill=255)
    depth = rng.uniform(0.3, 0.62)
    cover = cover.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 3))).point([int(v * depth) for v in range(256)])
    image.paste((6, 8, 24), (0, 0), cover.resize(image.size, Image.Resampling.BICUBIC))
    return image


def photograph(rng: np.random.Generator, image: Image.Image, *, faults: float = 1.0) -> Image.Image:
    """Vary white balance, exposure, contrast, sharpness and grain as a camera does; `faults` scales the effects."""
    if rng.uniform() < 0.35 * faults:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.3) * faults))
    gain = np.exp(rng.normal(0, 0.07 * faults, 3)) * np.exp(rng.normal(0, 0.14 * faults))
    contrast = np.exp(rng.normal(0, 0.16 * faults))
    pixels = (np.asarray(image, np.float32) - 128) * (contrast * gain).astype(np.float32) + np.float32(128)
    pixels += np.float32(rng.normal(0, 12 * faults))
    if rng.uniform() < 0.6:
        grain = rng.standard_normal(pixels.shape[:2], dtype=np.float32) * np.float32(rng.uniform(1, 9) * faults)
        pixels += grain[:, :, None]
    result = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    return result.convert("L").convert("RGB") if rng.uniform() < 0.08 * faults else result


def poor_copy(rng: np.random.Generator, image: Image.Image) -> Image.Image:
    """Degrade `image` like a poor copy: each of tinting, a lower resolution and compression at random."""
    if rng.uniform() < 0.2:
        gain = np.exp(rng.normal(0, 0.22, 3)).astype(np.float32)
        image = Image.fromarray(np.clip(np.asarray(image, np.float32) * gain, 0, 255).astype(np.uint8))
    if rng.uniform() < 0.2:
        small = tuple(max(8, round(side / rng.uniform(1.5, 3.5))) for side in image.size)
        image = image.resize((small[0], small[1]), Image.Resampling.BILINEAR).resize(
            image.size, Image.Resampling.BICUBIC
        )
    if rng.uniform() < 0.25:
        packed = io.BytesIO()
        image.save(packed, "JPEG", quality=int(rng.integers(10, 50)))
        image = Image.open(packed).convert("RGB")
    return image
