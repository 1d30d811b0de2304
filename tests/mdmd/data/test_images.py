"""One reader for training, prediction and the tool: the same upright RGB pixels, the same errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labeler.pictures.ingest import ingest
from mdmd.data.images import read_picture
from mdmd.errors import DataError
from tests.builders import write_picture


def test_a_picture_is_read_upright(tmp_path: Path):
    lying = Image.new("RGB", (40, 60), "black")
    lying.paste("white", (0, 50, 10, 60))  # bottom left; orientation 6 turns it to the top left
    exif = Image.Exif()
    exif[0x0112] = 6
    lying.save(tmp_path / "lying.png", exif=exif)
    picture = read_picture(tmp_path / "lying.png")
    assert (picture.mode, picture.size) == ("RGB", (60, 40))
    assert picture.getpixel((5, 5)) == (255, 255, 255)
    assert picture.getpixel((5, 35)) == (0, 0, 0)


@pytest.mark.parametrize(
    ("mode", "color", "seen"),
    [("RGBA", (255, 0, 0, 0), (255, 255, 255)), ("L", 77, (77, 77, 77)), ("I;16", 65535, (255, 255, 255))],
)
def test_transparency_and_depth_are_read_as_the_tool_stores_them(tmp_path: Path, mode: str, color, seen):
    source = write_picture(tmp_path / "odd.png", mode=mode, color=color)
    picture = read_picture(source)
    assert picture.getpixel((3, 3)) == seen
    stored = tmp_path / "images" / ingest(source, tmp_path / "images").file_name
    assert np.array_equal(np.asarray(read_picture(stored)), np.asarray(picture))


def test_a_file_that_is_not_an_image_gives_one_sentence_with_its_path(tmp_path: Path):
    (tmp_path / "letter.jpg").write_text("dear sir")
    Image.effect_noise((200, 200), 90).save(tmp_path / "short.jpg")
    (tmp_path / "short.jpg").write_bytes((tmp_path / "short.jpg").read_bytes()[:3000])
    Image.new("1", (20_000, 16_000)).save(tmp_path / "bomb.png")
    said = {
        "absent.jpg": "there is no such file",
        "letter.jpg": "this is not a JPEG, PNG, WebP, AVIF, HEIC, JPEG 2000, BMP, TIFF, GIF or PNM picture",
        "short.jpg": "the picture is damaged or cut short",
        "bomb.png": "the picture is 20000 x 16000 pixels, more than 300 megapixels",
    }
    for name, words in said.items():
        with pytest.raises(DataError) as refusal:
            read_picture(tmp_path / name)
        assert str(refusal.value).startswith(f"picture {tmp_path / name} cannot be used: {words}")
