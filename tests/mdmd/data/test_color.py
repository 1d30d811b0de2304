"""Every picture has the colors that its author saw, in sRGB, whatever its profile, mode and depth."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from labeler.pictures.ingest import ingest, write_thumbnail
from mdmd.data.color import srgb
from mdmd.data.images import read_picture

Array = NDArray[np.float64]

#: Columns: red, green and blue of each space in XYZ under D50, as profiles hold them.
SRGB = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])
DISPLAY_P3 = np.array([[0.51512, 0.29198, 0.15710], [0.24120, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]])
ADOBE_RGB = np.array([[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]])
WHITE = np.array([0.9642, 1.0, 0.8249])
GAMMA = 2.19921875
#: A skin tone and a leaf, both in the gamut of sRGB.
SKIN, LEAF = (214, 150, 120), (70, 150, 60)


def profile(space: bytes, kind: bytes, tags: Mapping[bytes, bytes], *, lab: bool = False) -> bytes:
    """An ICC profile of version 2."""
    body, table = b"", struct.pack(">I", len(tags))
    start = 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        table += name + struct.pack(">II", start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    head = struct.pack(">I4sI4s4s4s", start + len(body), b"lcms", 0x02400000, kind, space, b"Lab " if lab else b"XYZ ")
    head += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp").ljust(44, b"\0") + struct.pack(">3i", *fixed(WHITE))
    return head.ljust(128, b"\0") + table + body


def fixed(values: Array) -> list[int]:
    return [round(float(value) * 65536) for value in values]


def xyz(values: Array) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *fixed(values))


def curve(values: Array) -> bytes:
    """A tone curve: linear light of evenly spaced levels."""
    return b"curv\0\0\0\0" + struct.pack(f">I{len(values)}H", len(values), *np.round(values * 65535).astype(int))


def rgb_profile(matrix: Array, tone: Array) -> bytes:
    columns = {name: xyz(matrix[:, k]) for k, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))}
    return profile(
        b"RGB ", b"mntr", {b"wtpt": xyz(WHITE), **columns, **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve(tone))}
    )


def gray_profile(tone: Array) -> bytes:
    return profile(b"GRAY", b"mntr", {b"wtpt": xyz(WHITE), b"kTRC": curve(tone)})


def cmyk_profile(lab: Mapping[tuple[int, int, int, int], tuple[int, int, int]]) -> bytes:
    """A printer's profile: the Lab of inks that are fully there or not; those that are not named are black."""
    identity = struct.pack(">9i", *fixed(np.eye(3).ravel()))
    corners = [lab.get((c, m, y, k), (0, 0, 0)) for c in range(2) for m in range(2) for y in range(2) for k in range(2)]
    grid = bytes(n for light, a, b in corners for n in (round(light * 2.55), a + 128, b + 128))
    ramp = bytes(range(256))
    table = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + identity + 4 * ramp + grid + 3 * ramp
    return profile(b"CMYK", b"prtr", {b"wtpt": xyz(WHITE), b"A2B0": table}, lab=True)


def linear(levels: Array) -> Array:
    """The light of sRGB levels from 0 to 1."""
    return np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)


def levels(light: Array) -> Array:
    """The sRGB levels, 0 to 255, of light from 0 to 1."""
    return 255 * np.where(light <= 0.0031308, light * 12.92, 1.055 * np.maximum(light, 0) ** (1 / 2.4) - 0.055)


def of_lab(lightness: float, a: float, b: float) -> Array:
    """The sRGB levels of a color in CIE Lab under D50."""
    y = (lightness + 16) / 116
    f = np.array([y + a / 500, y, y - b / 200])
    return levels(np.linalg.solve(SRGB, np.where(f > 6 / 29, f**3, (f - 4 / 29) * 3 * (6 / 29) ** 2) * WHITE))


RAMP = np.linspace(0, 1, 1024)
P3, ADOBE = rgb_profile(DISPLAY_P3, linear(RAMP)), rgb_profile(ADOBE_RGB, RAMP**GAMMA)


def in_p3(color: tuple[int, ...]) -> tuple[int, ...]:
    """The Display P3 levels of an sRGB color."""
    light = np.linalg.solve(DISPLAY_P3, SRGB @ linear(np.array(color) / 255))
    return tuple(int(level) for level in levels(light).round())


def in_adobe(color: tuple[int, ...]) -> tuple[int, ...]:
    """The Adobe RGB levels of an sRGB color."""
    light = np.linalg.solve(ADOBE_RGB, SRGB @ linear(np.array(color) / 255))
    return tuple(int(level) for level in (255 * light ** (1 / GAMMA)).round())


def halves(left, right, mode: str = "RGB") -> Image.Image:
    image = Image.new(mode, (64, 32), left)
    image.paste(right, (32, 0, 64, 32))
    return image


def seen(image: Image.Image) -> Array:
    """The colors of the left and the right half."""
    assert image.mode == "RGB"
    return np.asarray(image).astype(float)[16, [8, 56]]


def everywhere(source: Path, folder: Path) -> list[Array]:
    """The colors of both halves as training and prediction read the given file and the stored one, as any program that
    knows no profiles reads the stored one, and as the screen shows it."""
    stored = folder / ingest(source, folder).file_name
    write_thumbnail(stored, folder / "cache" / "small.jpg", 64)
    with Image.open(stored) as plain, Image.open(folder / "cache" / "small.jpg") as small:
        assert "icc_profile" not in small.info
        return [seen(read_picture(source)), seen(read_picture(stored)), seen(plain.convert("RGB")), seen(small)]


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tiff", ".avif"])
@pytest.mark.parametrize(("content", "of"), [(P3, in_p3), (ADOBE, in_adobe)])
def test_the_colors_of_a_profile_are_converted_to_srgb_at_every_place(tmp_path: Path, suffix: str, content: bytes, of):
    wanted = np.array([SKIN, LEAF])
    assert np.abs(np.array([of(SKIN), of(LEAF)]) - wanted).max() > 10
    more = {".jpg": {"subsampling": 0}, ".avif": {"subsampling": "4:4:4"}}.get(suffix, {})
    quality = {} if suffix in (".png", ".tiff") else {"quality": 98}
    halves(of(SKIN), of(LEAF)).save(tmp_path / f"a{suffix}", icc_profile=content, **more, **quality)
    for found in everywhere(tmp_path / f"a{suffix}", tmp_path / "images"):
        assert np.abs(found - wanted).max() <= 4


def test_a_picture_in_srgb_stays_byte_for_byte_with_its_profile(tmp_path: Path):
    own = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for k, content in enumerate((own, rgb_profile(SRGB, linear(RAMP)), b"no profile", P3[:200], cmyk_profile({}))):
        for name in (f"{k}.jpg", f"{k}.png"):
            halves(SKIN, LEAF).save(tmp_path / name, icc_profile=content)
            stored = tmp_path / "images" / ingest(tmp_path / name, tmp_path / "images").file_name
            assert stored.read_bytes() == (tmp_path / name).read_bytes()
            assert np.abs(seen(read_picture(stored)) - np.array([SKIN, LEAF])).max() <= 3


def test_gray_with_a_profile_of_another_tone_is_converted(tmp_path: Path):
    halves(20, 128, "L").save(tmp_path / "a.png", icc_profile=gray_profile(RAMP**1.8))
    wanted = levels((np.array([20, 128]) / 255) ** 1.8)[:, None]
    for found in everywhere(tmp_path / "a.png", tmp_path / "images"):
        assert np.abs(found - wanted).max() <= 2
    halves(20, 128, "L").save(tmp_path / "b.png", icc_profile=gray_profile(linear(RAMP)))
    assert seen(read_picture(tmp_path / "b.png")).tolist() == [[20] * 3, [128] * 3]
    stored = tmp_path / "images" / ingest(tmp_path / "b.png", tmp_path / "images").file_name
    assert stored.read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_profile_holds_for_palettes_and_beneath_transparency(tmp_path: Path):
    palette = Image.new("P", (64, 32), 0)
    palette.putpalette([*in_p3(SKIN), *in_p3(LEAF)])
    palette.paste(1, (32, 0, 64, 32))
    palette.save(tmp_path / "palette.png", icc_profile=P3)
    glass = halves((*in_p3(SKIN), 255), (*in_p3(LEAF), 51), "RGBA")
    glass.save(tmp_path / "glass.png", icc_profile=P3)
    for found in everywhere(tmp_path / "palette.png", tmp_path / "images"):
        assert np.abs(found - np.array([SKIN, LEAF])).max() <= 4
    for found in everywhere(tmp_path / "glass.png", tmp_path / "images"):
        assert np.abs(found - np.array([SKIN, np.array(LEAF) * 0.2 + 255 * 0.8])).max() <= 4


def test_cmyk_without_a_profile_is_ink_that_takes_light_away(tmp_path: Path):
    image = halves((0, 255, 255, 0), (100, 100, 100, 50), "CMYK")
    image.save(tmp_path / "a.jpg", quality=98)
    image.save(tmp_path / "a.tiff")
    wanted = np.array([[255, 0, 0], [155 * 205 / 255] * 3])
    assert b"Adobe" in (tmp_path / "a.jpg").read_bytes()[:100], "Adobe's mark: the values are inverted"
    for name in ("a.jpg", "a.tiff"):
        for found in everywhere(tmp_path / name, tmp_path / "images"):
            assert np.abs(found - wanted).max() <= 3


def test_a_cmyk_jpeg_in_which_adobe_turned_inks_into_brightness_is_read(tmp_path: Path):
    Image.new("CMYK", (64, 32), (100, 100, 100, 50)).save(tmp_path / "a.jpg", quality=98)
    content = bytearray((tmp_path / "a.jpg").read_bytes())
    content[content.index(b"Adobe") + 11] = 2  # the same numbers as YCCK
    (tmp_path / "a.jpg").write_bytes(content)
    # Y, Cb and Cr are 155 each, so that R, G and B are 193, 126 and 203: inverted inks of 62, 129 and 52.
    wanted = np.array([255 - 193, 255 - 126, 255 - 203]) * 205 / 255
    for found in everywhere(tmp_path / "a.jpg", tmp_path / "images"):
        assert np.abs(found - wanted).max() <= 3


@pytest.mark.parametrize("suffix", [".jpg", ".tiff"])
def test_cmyk_with_a_profile_has_the_colors_of_its_inks(tmp_path: Path, suffix: str):
    odd = cmyk_profile({(0, 0, 0, 0): (100, 0, 0), (1, 0, 0, 0): (60, 50, 40)})  # the first ink prints as orange
    halves((255, 0, 0, 0), (0, 0, 0, 0), "CMYK").save(tmp_path / f"a{suffix}", icc_profile=odd)
    orange = of_lab(60, 50, 40)
    assert orange[0] > 200 > 120 > orange[2]
    for found in everywhere(tmp_path / f"a{suffix}", tmp_path / "images"):
        assert np.abs(found - np.array([orange, [255, 255, 255]])).max() <= 5


def png(path: Path, kind: int, samples: Array) -> Path:
    """A PNG of 64 x 32 pixels of 16 bits; `samples` holds those of a left and a right pixel."""
    row = np.repeat(np.array(samples, dtype=">u2")[:, None], 32, axis=1).reshape(-1).tobytes()
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", 64, 32, 16, kind, 0, 0, 0)),
        (b"IDAT", zlib.compress(32 * (b"\0" + row))),
        (b"IEND", b""),
    )
    chunks = (struct.pack(">I", len(c)) + n + c + struct.pack(">I", zlib.crc32(n + c)) for n, c in parts)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
    return path


def tiff(path: Path, photometric: int, samples: Array) -> Path:
    """A TIFF of 64 x 32 pixels of 16 bits; `samples` (2, C) holds those of a left and a right pixel."""
    count = len(samples[0])
    pixels = np.tile(np.repeat(np.array(samples, dtype="<u2"), 32, axis=0), (32, 1)).tobytes()
    tags = [(256, 64), (257, 32), (259, 1), (262, photometric), (277, count), (278, 32), (279, len(pixels))]
    extra = 8 + 2 + 12 * (len(tags) + 2) + 4
    entries = [struct.pack("<HHII", tag, 4, 1, value) for tag, value in (*tags, (273, extra + 8))]
    bits = struct.pack("<HHI", 258, 3, count) + (struct.pack("<HH", 16, 0) if count == 1 else struct.pack("<I", extra))
    entries = sorted([*entries, bits], key=lambda entry: struct.unpack("<H", entry[:2]))
    head = b"II*\0" + struct.pack("<IH", 8, len(entries)) + b"".join(entries) + bytes(4)
    path.write_bytes(head + struct.pack("<4H", 16, 16, 16, 16) + pixels)
    return path


def test_16_bits_are_scaled_and_not_clipped(tmp_path: Path):
    """Not clipped: most of these values are far above 255 and differ."""
    colors = np.array([[60000, 30000, 2000], [300, 40000, 65535]])
    grays = np.array([[20000], [65535]])
    for source, wanted in (
        (png(tmp_path / "rgb.png", 2, colors), colors / 257),
        (tiff(tmp_path / "rgb.tiff", 2, colors), colors / 257),
        (png(tmp_path / "gray.png", 0, grays), grays.repeat(3, axis=1) / 257),
        (tiff(tmp_path / "gray.tiff", 1, grays), grays.repeat(3, axis=1) / 257),
        (tiff(tmp_path / "negative.tiff", 0, grays), 255 - grays.repeat(3, axis=1) / 257),
        (png(tmp_path / "clear.png", 4, np.array([[20000, 65535], [20000, 0]])), np.array([[20000 / 257], [255.0]])),
        (
            png(tmp_path / "glass.png", 6, np.c_[colors, [65535, 13107]]),
            np.array([colors[0] / 257, colors[1] / 257 * 0.2 + 255 * 0.8]),
        ),
    ):
        found = everywhere(source, tmp_path / "images")
        assert all(np.abs(each - wanted).max() <= 1.01 for each in found[:3]), source.name
        assert np.abs(found[3] - wanted).max() <= 6, source.name


def test_transparency_is_white_for_gray_palette_and_16_bits(tmp_path: Path):
    halves((40, 255), (40, 51), "LA").save(tmp_path / "la.png")
    gray = halves(40, 90, "L")
    gray.save(tmp_path / "l.png", transparency=90)
    deep = Image.fromarray(np.repeat(np.array([[10000, 65535]], np.uint16), 32, axis=1).repeat(32, axis=0))
    deep.save(tmp_path / "deep.png", transparency=65535)
    clear = np.array([[40.0] * 3, [255.0] * 3])
    for name, wanted in (
        ("la.png", np.array([[40.0] * 3, [40 * 0.2 + 255 * 0.8] * 3])),
        ("l.png", clear),
        ("deep.png", np.array([[10000 / 257] * 3, [255.0] * 3])),
    ):
        for found in everywhere(tmp_path / name, tmp_path / "images"):
            assert np.abs(found - wanted).max() <= 2, name


def test_lab_is_read(tmp_path: Path):
    Image.new("LAB", (64, 32), (153, 128 + 50, 128 + 40)).save(tmp_path / "a.tiff")
    orange = of_lab(60, 50, 40)
    for found in everywhere(tmp_path / "a.tiff", tmp_path / "images"):
        assert np.abs(found - orange).max() <= 4


def test_an_image_that_is_open_already_keeps_its_pixels_and_its_profile():
    packed = BytesIO()
    halves(in_p3(SKIN), LEAF).save(packed, "PNG", icc_profile=P3)
    for image in (Image.open(packed), halves(SKIN, LEAF)):
        image.load()
        before, said = image.tobytes(), dict(image.info)
        assert srgb(image).info == {}
        assert (image.tobytes(), image.info) == (before, said)
