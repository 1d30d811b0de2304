"""Every file of a folder comes in once or is named by its kind, and no link leads out of it."""

from __future__ import annotations

import os
import shutil
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest

from mdmd.data.picture_files import SUFFIXES, any_wanted, find_pictures, none_found, skipped_sentences


def files(folder: Path, *names: str) -> Path:
    """Files with these names below `folder`, with something in them."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    return folder


def names_of(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in find_pictures([folder]).pictures]


def skipped(*paths: Path) -> dict[str, tuple[str, ...]]:
    """What is passed over: the name of its kind -> the names of the files."""
    return {each.kind.many.format("").strip(): each.names for each in find_pictures(paths).skipped}


def without_pillow_heif(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)


def test_heic_counts_as_a_picture_where_pillow_heif_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    files(tmp_path, "a.HEIC", "b.jpg", "c.hif")
    without_pillow_heif(monkeypatch)
    assert names_of(tmp_path) == ["b.jpg"]
    assert ".heic" not in none_found([tmp_path])
    there = ModuleType("pillow_heif")
    there.__spec__ = ModuleSpec("pillow_heif", None)
    monkeypatch.setitem(sys.modules, "pillow_heif", there)
    assert names_of(tmp_path) == ["a.HEIC", "b.jpg", "c.hif"]
    assert list(find_pictures([tmp_path / "a.HEIC"]).pictures) == [tmp_path / "a.HEIC"]
    assert ".heic" in none_found([tmp_path])


def test_pictures_come_in_by_any_of_their_endings_in_any_case(tmp_path: Path):
    given = [f"deep/{k}{suffix.upper() if k % 2 else suffix}" for k, suffix in enumerate(SUFFIXES)]
    assert names_of(files(tmp_path, *given)) == sorted(given)
    assert skipped(tmp_path) == {}
    assert {".jfif", ".jpe", ".avif", ".jp2", ".pgm"} <= set(SUFFIXES)


@pytest.mark.parametrize(
    ("names", "kind", "says", "wanted"),
    [
        (["a.HEIC", "b.heif"], "HEIC pictures", "pip install pillow-heif, start again; or convert to JPEG", True),
        (["a.CR2", "b.cr3", "c.nef", "d.ARW", "e.dng", "f.raf", "g.orf", "h.rw2"], "camera RAW files", "develop", True),
        (["a.svg"], "drawings in SVG", "save as PNG", True),
        (["a.psd", "b.tga", "c.jxl"], "pictures in other formats", "save as PNG", True),
        (["a.MOV", "b.mp4"], "videos", "save frames as pictures", False),
        (["a.pdf"], "PDF documents", "save their pictures", False),
    ],
)
def test_formats_that_are_not_read_are_named_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: list[str], kind: str, says: str, wanted: bool
):
    without_pillow_heif(monkeypatch)
    found = find_pictures([files(tmp_path, *names)])
    assert found.pictures == ()
    assert skipped(tmp_path) == {kind: tuple(sorted(names))}
    [sentence] = skipped_sentences(found.skipped)
    assert sentence.startswith(f"{len(names)} {kind if len(names) > 1 else found.skipped[0].kind.one[3:]} (")
    assert says in sentence
    assert any_wanted(found.skipped) == wanted


def test_hidden_files_and_folders_of_systems_hold_no_pictures(tmp_path: Path):
    files(
        tmp_path,
        *(
            "a.jpg",
            ".DS_Store",
            "._a.jpg",
            ".thumbnails/a.jpg",
            "@eaDir/a.jpg",
            "deep/@eaDir/b.jpg",
            "__MACOSX/._a.jpg",
        ),
    )
    assert names_of(tmp_path) == ["a.jpg"]
    assert skipped(tmp_path) == {
        "hidden files or folders": (".DS_Store", "._a.jpg", ".thumbnails"),
        "@eaDir folders": ("@eaDir", "deep/@eaDir"),
        "__MACOSX folders": ("__MACOSX",),
    }
    assert not any_wanted(find_pictures([tmp_path]).skipped)
    assert names_of(tmp_path / ".thumbnails") == ["a.jpg"], "the folder that is named itself may be hidden"


def test_other_files_are_counted_by_their_endings(tmp_path: Path):
    files(tmp_path, "a.txt", "b.TXT", "c.json", "LICENSE", "odd.a b", "long.abcdefghijkl")
    found = find_pictures([tmp_path])
    assert skipped_sentences(found.skipped) == [
        "2 .txt files, 2 other files, 1 .json file, 1 file without an ending",
    ]
    assert not any_wanted(found.skipped)


def test_links_within_the_folder_are_followed_and_each_picture_comes_in_once(tmp_path: Path):
    folder = files(tmp_path / "in", "a.jpg", "deep/b.jpg", ".store/7f3a", ".store/more/c.jpg", ".store/more/.d.jpg")
    (folder / "again").symlink_to("deep")
    (folder / "link.jpg").symlink_to("a.jpg")
    (folder / "round").symlink_to(".")
    assert names_of(folder) == ["a.jpg", "deep/b.jpg"]
    assert skipped(folder)["links to what came in already"] == ("again", "link.jpg", "round")
    assert not any_wanted(find_pictures([folder]).skipped), "what they point to came in"
    (folder / "deep" / "e.jpg").symlink_to(folder / ".store" / "7f3a")
    (folder / "f.jpg").symlink_to("deep/e.jpg")
    (folder / "more").symlink_to(".store")
    (folder / ".store" / "more" / "up").symlink_to(folder)
    (folder / ".store" / "more" / "g.jpg").symlink_to("../../a.jpg")
    assert names_of(folder) == ["a.jpg", "deep/b.jpg", "f.jpg", "more/more/c.jpg"]
    assert skipped(folder)["links to what came in already"] == (
        *("again", "deep/e.jpg", "link.jpg", "more/more/g.jpg", "more/more/up", "round"),
    )
    assert not any_wanted(find_pictures([folder]).skipped)
    (tmp_path / "to in").symlink_to(folder)
    assert names_of(tmp_path / "to in") == names_of(folder), "the folder that is named itself may be a link"


def test_names_are_paths_below_the_folder_that_was_searched(tmp_path: Path):
    files(tmp_path / "in", "a.jpg", "s1/b.jpg", ".store/c.jpg")
    (tmp_path / "in" / "s2").symlink_to(".store")
    found = find_pictures([tmp_path / "in", tmp_path / "in" / "s1", tmp_path / "in" / "s1" / "b.jpg"])
    names = ["a.jpg", "s1/b.jpg", "s2/c.jpg", "b.jpg", "b.jpg"]
    assert [name.as_posix() for name in found.names] == names
    assert [path.name for path in found.pictures] == [Path(name).name for name in names]


def test_links_out_of_the_folder_and_to_nothing_are_named(tmp_path: Path):
    away = files(tmp_path / "away", "secret.jpg", "notes.txt")
    folder = files(tmp_path / "in", "a.jpg")
    files(tmp_path / "in too", "b.jpg")
    (folder / "out.jpg").symlink_to(away / "secret.jpg")
    (folder / "outside").symlink_to(away)
    (folder / "beside").symlink_to(tmp_path / "in too")
    (folder / "above").symlink_to(tmp_path)
    (folder / "by way of.jpg").symlink_to("out.jpg")
    (folder / "notes.txt").symlink_to(away / "notes.txt")
    (folder / "gone.jpg").symlink_to(folder / "nothing.jpg")
    (folder / "self.jpg").symlink_to("self.jpg")
    found = find_pictures([folder])
    assert names_of(folder) == ["a.jpg"]
    assert skipped(folder) == {
        "symbolic links out of the folder": ("above", "beside", "by way of.jpg", "out.jpg", "outside"),
        "symbolic links to nothing": ("gone.jpg", "self.jpg"),
        ".txt files": ("notes.txt",),
    }
    assert any_wanted(found.skipped)
    assert skipped_sentences(found.skipped)[0] == (
        "5 symbolic links out of the folder (above, beside, by way of.jpg and 2 more): these are not followed; copy "
        "what they point to into the folder"
    )


def test_empty_files_and_pipes_are_not_opened(tmp_path: Path):
    (tmp_path / "empty.jpg").touch()
    os.mkfifo(tmp_path / "pipe.jpg")
    expected = {"empty files": ("empty.jpg",), "pipes or devices": ("pipe.jpg",)}
    assert skipped(tmp_path) == skipped(tmp_path / "empty.jpg", tmp_path / "pipe.jpg") == expected
    assert any_wanted(find_pictures([tmp_path]).skipped)


def test_a_folder_that_cannot_be_opened_is_named(tmp_path: Path):
    # Root may open every folder, except one whose path is too long for the system.
    files(tmp_path, "a.jpg")
    name, place, above = "d" * 200, tmp_path, os.open(tmp_path, os.O_RDONLY)
    while len(str(place)) < 4200:
        os.mkdir(name, dir_fd=above)
        below = os.open(name, os.O_RDONLY, dir_fd=above)
        os.close(above)
        above, place = below, place / name
    os.close(above)
    try:
        assert names_of(tmp_path) == ["a.jpg"]
        [(kind, [named])] = skipped(tmp_path).items()
        assert kind == "folders that cannot be opened"
        assert named.startswith(f"{name}/{name}/")
        assert any_wanted(find_pictures([tmp_path]).skipped)
    finally:
        shutil.rmtree(tmp_path / name)


def test_a_file_that_is_named_itself_counts_as_a_picture_unless_its_ending_says_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    without_pillow_heif(monkeypatch)
    away = files(tmp_path, "a.jpg", "no ending", ".hidden.png", "IMG.HEIC", "clip.mov")
    (tmp_path / "link.jpg").symlink_to("a.jpg")
    given = [away / name for name in ("a.jpg", "no ending", ".hidden.png", "link.jpg", "nowhere.jpg")]
    found = find_pictures([*given, away / "IMG.HEIC", away / "clip.mov"])
    assert list(found.pictures) == given
    assert [each.names for each in found.skipped] == [("IMG.HEIC",), ("clip.mov",)]


def test_names_are_shown_as_text_and_only_the_first_of_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    without_pillow_heif(monkeypatch)
    files(tmp_path, "a\nb.heic", os.fsdecode(b"caf\xe9.heic"), "x.heic", "y.heic", "z.heic")
    [sentence] = skipped_sentences(find_pictures([tmp_path]).skipped)
    assert sentence.startswith("5 HEIC pictures (a\ufffdb.heic, caf\ufffd.heic, x.heic and 2 more): ")
