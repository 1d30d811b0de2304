"""Copies for the screen: made once, within a limit, and prepared before they are asked for."""

from __future__ import annotations

import os
from pathlib import Path

from PIL import Image

from labeler.pictures.thumbnails import Thumbnails
from tests.builders import wait_for, write_picture


def noise(path: Path) -> Path:
    """A picture whose copies take some kilobytes."""
    Image.effect_noise((300, 300), 60).save(path)
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.jpg"))


def test_a_copy_is_made_once(tmp_path: Path):
    copies = Thumbnails(tmp_path / "cache")
    source = write_picture(tmp_path / "a.png", size=(400, 300))
    copy = copies.get(source, 240)
    made = copy.stat().st_ino
    assert copies.get(source, 240) == copy
    assert copy.stat().st_ino == made
    with Image.open(copy) as image:
        assert image.size == (240, 180)
    assert names(tmp_path / "cache") == ["a.png.240.jpg"]


def test_above_the_limit_what_was_unused_for_longest_goes(tmp_path: Path):
    sources = [noise(tmp_path / f"{k}.png") for k in range(4)]
    one = Thumbnails(tmp_path / "measured").get(sources[0], 240).stat().st_size
    copies = Thumbnails(tmp_path / "cache", limit=int(3.3 * one))
    for age, source in enumerate(sources[:3]):
        copy = copies.get(source, 240)
        os.utime(copy, (1000 + age, 1000 + age))
    copies.get(sources[0], 240)  # looked at again: now 1 is the oldest
    copies.get(sources[3], 240)
    assert names(tmp_path / "cache") == ["0.png.240.jpg", "2.png.240.jpg", "3.png.240.jpg"]


def test_even_a_limit_below_one_copy_gives_that_copy(tmp_path: Path):
    copies = Thumbnails(tmp_path / "cache", limit=10)
    for k in range(2):
        assert copies.get(noise(tmp_path / f"{k}.png"), 240).is_file()
    assert names(tmp_path / "cache") == ["1.png.240.jpg"]


def prepared(folder: Path, count: int) -> list[str]:
    wait_for(lambda: folder.is_dir() and len(names(folder)) >= count)
    return names(folder)


def test_missing_copies_are_prepared_and_a_damaged_picture_holds_nothing_up(tmp_path: Path):
    copies = Thumbnails(tmp_path / "cache")
    (tmp_path / "b.png").write_text("no picture")
    sources = [noise(tmp_path / "a.png"), tmp_path / "b.png", noise(tmp_path / "c.png"), tmp_path / "gone.png"]
    copies.prepare(sources)
    wanted = ["a.png.1600.jpg", "a.png.240.jpg", "c.png.1600.jpg", "c.png.240.jpg"]
    assert prepared(tmp_path / "cache", 4) == wanted
    stamps = [(tmp_path / "cache" / name).stat().st_mtime_ns for name in wanted]
    copies.prepare([*sources, noise(tmp_path / "d.png")])
    prepared(tmp_path / "cache", 6)
    assert [(tmp_path / "cache" / name).stat().st_mtime_ns for name in wanted] == stamps


def test_preparing_stops_at_the_limit(tmp_path: Path):
    sources = [noise(tmp_path / f"{k}.png") for k in range(3)]
    one = Thumbnails(tmp_path / "measured").get(sources[0], 1600).stat().st_size
    copies = Thumbnails(tmp_path / "cache", limit=one)
    copies.prepare(sources)
    copies._waiting.put(tmp_path / "gone.png")  # taken up when the last picture is done
    wait_for(lambda: copies._waiting.qsize() == 0)
    assert sum((tmp_path / "cache" / name).stat().st_size for name in names(tmp_path / "cache")) <= one


def test_a_thumbnail_that_is_late_does_not_bring_a_renamed_folder_back(tmp_path: Path) -> None:
    source = write_picture(tmp_path / "old" / "images" / "a.png")
    copies = Thumbnails(tmp_path / "old" / "cache")
    held = tmp_path / "held.png"  # open since before the folder was renamed
    held.hardlink_to(source)
    (tmp_path / "old").rename(tmp_path / "new")
    assert copies.get(held, 240) == held
    assert not (tmp_path / "old").exists()
