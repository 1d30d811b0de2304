"""Zip files of labels and pictures: where they are unpacked, and what is refused."""

from __future__ import annotations

import random
import zipfile
from pathlib import Path

import pytest

from mdmd.errors import DataError
from mdmd.formats.archive import is_archive, unpack


def zipped(path: Path, **files: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def unpacked(root: Path) -> dict[str, str]:
    return {path.relative_to(root).as_posix(): path.read_text() for path in sorted(root.rglob("*")) if path.is_file()}


def test_the_content_begins_below_folders_that_hold_nothing_else(tmp_path: Path) -> None:
    archive = zipped(
        tmp_path / "a.zip", **{"set/v1/labels.json": "1", "set/v1/images/a.txt": "2", "__MACOSX/set/x": "3"}
    )
    assert is_archive(archive)
    root = unpack(archive, tmp_path / "out")
    assert root == tmp_path / "out" / "set" / "v1"
    assert unpacked(root) == {"labels.json": "1", "images/a.txt": "2"}


def test_nothing_is_written_outside_of_the_folder(tmp_path: Path) -> None:
    names = ("../up.txt", "/tmp/absolute.txt", "a/../../b.txt", "C:\\windows\\c.txt", "..\\d.txt", "..")
    root = unpack(zipped(tmp_path / "a.zip", **dict.fromkeys(names, "x")), tmp_path / "out" / "in")
    assert root.is_relative_to(tmp_path / "out" / "in")
    assert set(unpacked(tmp_path / "out" / "in")) == {
        *("up.txt", "tmp/absolute.txt", "a/b.txt", "windows/c.txt", "d.txt"),
    }
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["in"]


def test_a_link_becomes_a_file(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("picture.png")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
        archive.writestr("other.txt", "")
    root = unpack(tmp_path / "a.zip", tmp_path / "out")
    assert not (root / "picture.png").is_symlink()
    assert (root / "picture.png").read_text() == "/etc/passwd"


@pytest.mark.parametrize("cut", [20, 60])
def test_an_archive_that_is_cut_short_is_refused(tmp_path: Path, cut: int) -> None:
    archive = zipped(tmp_path / "a.zip", a="1" * 100, b="2" * 100)
    content = archive.read_bytes()
    archive.write_bytes(content[:cut] + content[cut + 9 :])
    if is_archive(archive):
        with pytest.raises(DataError, match=r"a\.zip cannot be unpacked"):
            unpack(archive, tmp_path / "out")


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_an_archive_with_damaged_content_is_refused(tmp_path: Path, method: int) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", method) as archive:
        archive.writestr("x", bytes(random.Random(1).randbytes(500)))
    content = bytearray((tmp_path / "a.zip").read_bytes())
    content[45:90] = b"\xff" * 45
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.zip cannot be unpacked"):
        unpack(tmp_path / "a.zip", tmp_path / "out")


def test_an_archive_that_is_too_large_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "a.zip", a="1" * 60, b="2" * 60)
    with pytest.raises(DataError, match=r"a\.zip holds 2 files of 120 bytes, which is too much"):
        unpack(archive, tmp_path / "out", largest=119)
    assert not (tmp_path / "out").exists()
    assert unpacked(unpack(archive, tmp_path / "out", largest=120)) == {"a": "1" * 60, "b": "2" * 60}
