"""Any picture comes in upright, RGB and truthful, or is refused with one sentence that leaves nothing behind."""

from __future__ import annotations

import sys
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labeler.pictures.ingest import FRAMES, MINIMUM_SIDE, OTHERS, PAGES, TakenNames, ingest, made_ready, write_thumbnail
from labeler.project.project import open_project
from mdmd.errors import DataError
from tests.builders import make_project, write_picture


def stored(folder: Path, source: Path) -> Image.Image:
    """The picture as it lies in the project after ingesting `source`."""
    picture = ingest(source, folder)
    with Image.open(folder / picture.file_name) as image:
        image.load()
        assert image.size == (picture.width, picture.height)
        assert getattr(image, "n_frames", 1) == 1
        assert image.format == {".png": "PNG", ".jpg": "JPEG"}[Path(picture.file_name).suffix]
        return image.copy()


def two_halves(size: tuple[int, int] = (60, 40)) -> Image.Image:
    """Red on the left, blue on the right."""
    image = Image.new("RGB", size, "blue")
    image.paste("red", (0, 0, size[0] // 2, size[1]))
    return image


def test_a_plain_jpeg_and_a_plain_png_are_kept_byte_for_byte(tmp_path: Path):
    for name in ("a.jpg", "b.png"):
        two_halves().save(tmp_path / name)
        picture = ingest(tmp_path / name, tmp_path / "images")
        assert picture.file_name == name
        assert (tmp_path / "images" / name).read_bytes() == (tmp_path / name).read_bytes()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_once(tmp_path: Path, orientation: int):
    upright = np.zeros((40, 60, 3), dtype=np.uint8)
    upright[:20, :30] = 255  # white in the top left quarter only
    turns = {
        1: lambda a: a,
        2: np.fliplr,
        3: lambda a: np.rot90(a, 2),
        4: np.flipud,
        5: lambda a: np.swapaxes(a, 0, 1),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: np.swapaxes(np.rot90(a, 2), 0, 1),
        8: lambda a: np.rot90(a, -1),
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    source = tmp_path / "turned.jpg"
    Image.fromarray(np.ascontiguousarray(turns[orientation](upright))).save(source, quality=95, exif=exif)
    image = stored(tmp_path / "images", source)
    assert image.size == (60, 40)
    assert image.getexif().get(0x0112, 1) == 1
    assert image.getpixel((10, 8))[0] > 240
    assert all(image.getpixel(place)[0] < 15 for place in ((45, 8), (10, 32), (45, 32)))


@pytest.mark.parametrize("white", [1023, 4095, 65535])
def test_deep_gray_is_scaled_by_the_bits_in_use_not_clipped(tmp_path: Path, white: int):
    values = np.zeros((40, 40), dtype=np.uint16)
    values[:, 20:] = white
    values[:, 10:20] = white // 2
    Image.fromarray(values).save(tmp_path / "deep.png")
    image = stored(tmp_path / "images", tmp_path / "deep.png")
    assert image.mode == "RGB"
    assert [image.getpixel((x, 5)) for x in (5, 15, 30)] == [(0, 0, 0), (127, 127, 127), (255, 255, 255)]


def test_float_tiff_keeps_its_gray(tmp_path: Path):
    values = np.full((32, 32), 0.5, dtype=np.float32)
    values[0, 0], values[1, 1] = np.nan, 1.0
    Image.fromarray(values).save(tmp_path / "float.tiff")
    assert stored(tmp_path / "images", tmp_path / "float.tiff").getpixel((10, 10)) == (128, 128, 128)


@pytest.mark.parametrize(
    ("mode", "color", "seen"),
    [
        ("RGBA", (255, 0, 0, 0), (255, 255, 255)),
        ("RGBA", (255, 0, 0, 255), (255, 0, 0)),
        ("LA", (0, 0), (255, 255, 255)),
        ("LA", (0, 255), (0, 0, 0)),
    ],
)
def test_transparency_is_laid_over_white(tmp_path: Path, mode: str, color: tuple[int, ...], seen: tuple[int, int, int]):
    write_picture(tmp_path / "glass.png", mode=mode, color=color)
    image = stored(tmp_path / "images", tmp_path / "glass.png")
    assert image.mode == "RGB"
    assert image.getpixel((5, 5)) == seen


def test_a_palette_with_a_transparent_entry_is_laid_over_white(tmp_path: Path):
    image = Image.new("P", (32, 32), 1)
    image.putpalette([0, 0, 0, 200, 10, 10])
    image.paste(0, (0, 0, 16, 32))
    image.save(tmp_path / "p.png", transparency=0)
    made = stored(tmp_path / "images", tmp_path / "p.png")
    assert (made.getpixel((4, 4)), made.getpixel((24, 4))) == ((255, 255, 255), (200, 10, 10))


def test_one_colour_that_stands_for_nothing_is_laid_over_white(tmp_path: Path):
    image = Image.new("RGB", (32, 32), (200, 10, 10))
    image.paste((1, 2, 3), (0, 0, 16, 32))
    image.save(tmp_path / "p.png", transparency=(1, 2, 3))
    made = stored(tmp_path / "images", tmp_path / "p.png")
    assert (made.getpixel((4, 4)), made.getpixel((24, 4))) == ((255, 255, 255), (200, 10, 10))


def test_gray_cmyk_bilevel_and_bmp_come_in(tmp_path: Path):
    write_picture(tmp_path / "gray.jpg", mode="L", color=77)
    write_picture(tmp_path / "press.jpg", mode="CMYK", color=(0, 255, 255, 0))
    write_picture(tmp_path / "fax.tiff", mode="1", color=1)
    write_picture(tmp_path / "old.bmp", color=(1, 2, 3))
    images = tmp_path / "images"
    assert stored(images, tmp_path / "gray.jpg").convert("RGB").getpixel((3, 3)) == (77, 77, 77)
    press = stored(images, tmp_path / "press.jpg")
    assert press.mode == "RGB"
    assert press.getpixel((3, 3))[0] > 240 > 20 > press.getpixel((3, 3))[1]
    assert stored(images, tmp_path / "fax.tiff").getpixel((3, 3)) == (255, 255, 255)
    assert stored(images, tmp_path / "old.bmp").getpixel((3, 3)) == (1, 2, 3)


@pytest.mark.parametrize("suffix", [".gif", ".png", ".webp", ".avif", ".tiff"])
def test_only_the_first_frame_of_an_animation_is_taken_and_the_others_are_told(tmp_path: Path, suffix: str):
    source = tmp_path / f"moving{suffix}"
    first, second = Image.new("RGB", (32, 32), "red"), Image.new("RGB", (32, 32), "blue")
    first.save(source, save_all=True, append_images=[second], duration=100)
    image = stored(tmp_path / "images", source)
    assert image.getpixel((5, 5))[0] > 240
    assert ingest(source, tmp_path / "again").left_out == (PAGES if suffix == ".tiff" else FRAMES)
    first.save(source)
    assert ingest(source, tmp_path / "alone").left_out is None


def test_an_avif_comes_in_upright_as_a_jpeg(tmp_path: Path):
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned to the right
    two_halves().save(tmp_path / "photo.AVIF", "AVIF", exif=exif)
    assert ingest(tmp_path / "photo.AVIF", tmp_path / "images").file_name == "photo.jpg"
    image = stored(tmp_path / "images", tmp_path / "photo.AVIF")
    assert image.size == (40, 60)
    assert image.getpixel((20, 5))[0] > 200
    assert image.getpixel((20, 55))[2] > 200


@pytest.mark.parametrize(("suffix", "form"), [(".jfif", "JPEG"), (".JPE", "JPEG"), (".jp2", "PNG"), (".ppm", "PNG")])
def test_other_endings_come_in_with_their_colors(tmp_path: Path, suffix: str, form: str):
    two_halves().save(tmp_path / f"scan{suffix}")
    image = stored(tmp_path / "images", tmp_path / f"scan{suffix}")
    left, right = np.asarray(image)[20, 10], np.asarray(image)[20, 50]
    assert np.abs(left - np.array([255, 0, 0])).max() <= 2
    assert np.abs(right - np.array([0, 0, 255])).max() <= 2
    assert (tmp_path / "images" / f"scan.{'jpg' if form == 'JPEG' else 'png'}").is_file()


def test_gray_beyond_8_bits_of_a_pgm_is_scaled(tmp_path: Path):
    values = np.full((32, 32), 1023, dtype=">u2")
    values[:, :16] = 512
    (tmp_path / "deep.pgm").write_bytes(b"P5 32 32 1023\n" + values.tobytes())
    image = stored(tmp_path / "images", tmp_path / "deep.pgm")
    assert [image.getpixel((x, 5)) for x in (5, 25)] == [(128, 128, 128), (255, 255, 255)]


def test_a_heic_comes_in_upright_as_a_jpeg(tmp_path: Path):
    pytest.importorskip("pillow_heif", reason="pillow-heif is optional").register_heif_opener()
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned to the right
    two_halves().save(tmp_path / "photo.HEIC", "HEIF", exif=exif.tobytes(), quality=95)
    (tmp_path / "sent.jpg").write_bytes((tmp_path / "photo.HEIC").read_bytes())
    for name in ("photo.HEIC", "sent.jpg"):
        image = stored(tmp_path / "images", tmp_path / name)
        assert image.size == (40, 60)
        assert image.getpixel((20, 5))[0] > 200
        assert image.getpixel((20, 55))[2] > 200
    two_halves().save(tmp_path / "two.heic", "HEIF", save_all=True, append_images=[Image.new("RGB", (60, 40))])
    assert ingest(tmp_path / "two.heic", tmp_path / "images").left_out == OTHERS
    (tmp_path / "short.heic").write_bytes((tmp_path / "photo.HEIC").read_bytes()[:-40])
    with pytest.raises(DataError, match="damaged or cut short") as refusal:
        ingest(tmp_path / "short.heic", tmp_path / "images")
    assert "\n" not in str(refusal.value)


def test_the_stored_name_tells_the_truth_about_the_format(tmp_path: Path):
    two_halves().save(tmp_path / "real.png")
    (tmp_path / "real.png").rename(tmp_path / "wrong.jpg")
    assert ingest(tmp_path / "wrong.jpg", tmp_path / "images").file_name == "wrong.png"
    two_halves().save(tmp_path / "photo.webp")
    assert ingest(tmp_path / "photo.webp", tmp_path / "images").file_name == "photo.jpg"


@pytest.mark.parametrize("name", ["Äffchen 1", "顔", "لوجه", "हिन्दी", "emoji 🙂", "e\u0301"])
def test_names_of_any_script_come_in(tmp_path: Path, name: str):
    write_picture(tmp_path / f"{name}.png")
    picture = ingest(tmp_path / f"{name}.png", tmp_path / "images")
    assert (tmp_path / "images" / picture.file_name).is_file()
    assert "/" not in picture.file_name


@pytest.mark.parametrize("name", ["a<b>.png", "..png", 'q"uote.png', "${x}.png", "-" * 250 + ".png", "a\nb.png"])
def test_odd_names_become_safe_ones(tmp_path: Path, name: str):
    write_picture(tmp_path / "in" / "plain.png").rename(tmp_path / "in" / name)
    stem = Path(ingest(tmp_path / "in" / name, tmp_path / "images").file_name).stem
    assert not set(stem) & set('<>"$\n/\\:{}')
    assert 0 < len(stem.encode()) <= 180
    assert not stem.startswith(".")


def test_equal_names_get_numbers_and_overwrite_nothing(tmp_path: Path):
    names = []
    for number, name in enumerate(("x.png", "X.png", "x.png")):
        source = write_picture(tmp_path / str(number) / name, color=(number, 0, 0))
        names.append(ingest(source, tmp_path / "images").file_name)
    assert names == ["x.png", "X-2.png", "x-3.png"]
    with Image.open(tmp_path / "images" / "x.png") as first:
        assert first.getpixel((0, 0)) == (0, 0, 0)


def test_names_that_differ_in_case_only_get_numbers_also_beside_files_of_others(tmp_path: Path):
    folder = tmp_path / "images"
    folder.mkdir()
    (folder / "B.png").touch()
    names = TakenNames(folder)
    (folder / "c.png").touch()

    def placed(name: str) -> str:
        with made_ready(write_picture(tmp_path / "in" / name), folder) as ready:
            return ready.place(folder, names).file_name

    assert [placed(name) for name in ("a.png", "A.png", "b.png", "c.png", "a.png")] == [
        *("a.png", "A-2.png", "b-2.png", "c-2.png", "a-3.png")
    ]
    (folder / "A-2.png").unlink()
    assert placed("a.png") == "a-2.png"


def test_two_projects_on_one_folder_see_each_others_names(tmp_path: Path):
    projects = [make_project(tmp_path, pictures=0)]
    projects.append(open_project(projects[0].folder))
    for k, name in enumerate(["c.png", "C.png", "c.png", "C.png"]):
        picture = write_picture(tmp_path / f"in {k}" / name, color=(k, k, k))
        assert projects[k % 2].add_picture(picture)[1]
    assert [picture.file_name for picture in projects[0].store.images()] == ["c.png", "C-2.png", "c-3.png", "C-4.png"]


def test_equal_names_at_the_same_time_get_different_files(tmp_path: Path):
    sources = [write_picture(tmp_path / str(k) / "same.png", color=(k, 0, 0)) for k in range(8)]
    names: list[str] = []
    threads = [
        threading.Thread(target=lambda s=source: names.append(ingest(s, tmp_path / "images").file_name))
        for source in sources
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(names)) == 8
    shades = set()
    for name in names:
        with Image.open(tmp_path / "images" / name) as image:
            shades.add(image.getpixel((0, 0)))
    assert shades == {(k, 0, 0) for k in range(8)}


def spoiled(folder: Path) -> dict[str, tuple[Path, str]]:
    """Unusable files, each with what the refusal says."""
    folder.mkdir()
    text = folder / "text.jpg"
    text.write_text("this is no picture")
    empty = folder / "empty.png"
    empty.write_bytes(b"")
    short = folder / "short.jpg"
    Image.effect_noise((200, 200), 90).save(short)
    short.write_bytes(short.read_bytes()[:3000])
    short_png = folder / "short.png"
    Image.effect_noise((200, 200), 90).save(short_png)
    short_png.write_bytes(short_png.read_bytes()[:9000])
    drawing = folder / "drawing.svg"
    drawing.write_text('<svg xmlns="http://www.w3.org/2000/svg" width="99" height="99"><script>1</script></svg>')
    raw = folder / "raw.NEF"  # RAW files are TIFFs whose first page is a small preview
    Image.new("RGB", (160, 120)).save(raw, "TIFF")
    phone = folder / "phone.jpg"
    phone.write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99))
    broken = folder / "broken.avif"
    Image.effect_noise((200, 200), 90).save(broken)
    whole = broken.read_bytes()
    start = whole.index(b"mdat") + 4
    broken.write_bytes(whole[:start] + bytes(len(whole) - start))
    bomb = folder / "bomb.png"
    Image.new("1", (20_000, 16_000)).save(bomb)
    return {
        "text": (text, "not a JPEG, PNG"),
        "empty": (empty, "not a JPEG, PNG"),
        "short jpeg": (short, "damaged or cut short"),
        "short png": (short_png, "damaged or cut short"),
        "svg": (drawing, "this is a drawing in SVG: .*save as PNG"),
        "raw": (raw, "this is a camera RAW file: .*develop to JPEG"),
        "heic named jpg": (phone, "this is a HEIC picture: .*pip install pillow-heif"),
        "broken avif": (broken, "damaged or cut short"),
        "one pixel": (write_picture(folder / "one.png", size=(1, 1)), f"1 x 1 pixels, wanted at least {MINIMUM_SIDE}"),
        "thin": (write_picture(folder / "thin.png", size=(900, 15)), "900 x 15 pixels"),
        "huge": (bomb, "more than 300 megapixels"),
        "absent": (folder / "absent.png", "no such file"),
    }


def test_what_is_not_usable_is_refused_with_one_sentence_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    images = tmp_path / "images"
    images.mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for path, said in spoiled(tmp_path / "in").values():
            with pytest.raises(DataError, match=said) as refusal:
                ingest(path, images)
            assert "\n" not in str(refusal.value)
    assert list(images.iterdir()) == []


def test_screen_copies_are_jpegs_no_wider_than_asked_and_never_enlarged(tmp_path: Path):
    wide = write_picture(tmp_path / "wide.jpg", size=(3000, 1500), color=(200, 10, 10))
    narrow = write_picture(tmp_path / "narrow.png", size=(100, 700))
    copy = tmp_path / "cache" / "copy.jpg"
    write_thumbnail(wide, copy, 240)
    with Image.open(copy) as image:
        assert (image.format, image.size) == ("JPEG", (240, 120))
        assert image.getpixel((100, 50))[0] == pytest.approx(200, abs=4)
    write_thumbnail(narrow, copy, 240)
    with Image.open(copy) as image:
        assert image.size == (100, 700)
    assert [path.name for path in copy.parent.iterdir()] == ["copy.jpg"]


def test_a_damaged_picture_gives_no_screen_copy(tmp_path: Path):
    Image.effect_noise((900, 900), 90).save(tmp_path / "a.jpg")
    (tmp_path / "a.jpg").write_bytes((tmp_path / "a.jpg").read_bytes()[:9000])
    with pytest.raises(DataError, match="the picture is damaged or cut short"):
        write_thumbnail(tmp_path / "a.jpg", tmp_path / "cache" / "a.jpg", 240)


def test_a_disk_that_refuses_is_one_sentence_and_leaves_nothing(tmp_path: Path):
    source = write_picture(tmp_path / "a.png")
    (tmp_path / "images").write_text("a file where the folder should be")
    with pytest.raises(DataError, match="cannot write into"):
        ingest(source, tmp_path / "images")
    with pytest.raises(DataError, match="cannot write into"):
        write_thumbnail(source, tmp_path / "images" / "copy.jpg", 240)


def test_pictures_that_are_looked_at_ahead_come_in_like_single_ones(tmp_path: Path):
    project = make_project(tmp_path, pictures=1)
    known = tmp_path / "in" / "faces-0.png"
    (tmp_path / "bad.png").write_bytes(b"no picture")
    new = [write_picture(tmp_path / f"in {k}" / "a.png", color=(k, 9, 9)) for k in range(20)]
    paths = [new[0], known, tmp_path / "bad.png", new[0], *new[1:]]
    coming = project.intake.coming(paths)
    found = [project.intake.add(path, coming=one)[1] for path, one in zip(paths[:2], coming, strict=False)]
    assert found == [True, False]
    with pytest.raises(DataError, match="this is not a JPEG"):
        project.intake.add(paths[2], coming=next(coming))
    assert project.intake.add(paths[3], coming=next(coming))[1] is False
    picture, _ = project.intake.add(paths[4], coming=next(coming))
    assert picture.file_name == "a-2.png"
    coming.close()
    assert sorted(path.name for path in project.images.iterdir()) == ["a-2.png", "a.png", "faces-0.png"]


def test_a_picture_that_is_removed_after_it_was_looked_at_comes_back(tmp_path: Path):
    project = make_project(tmp_path, pictures=1)
    known = tmp_path / "in" / "faces-0.png"
    coming = next(project.intake.coming([known]))
    project.remove_picture(1)
    picture, new = project.intake.add(known, coming=coming)
    assert (picture.id, new, (project.images / picture.file_name).is_file()) == (1, True, True)
