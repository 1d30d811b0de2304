"""Atomic writes: a file has its old or its new content."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from mdmd.files import copy_folder, new_folder, replace_file, write_json


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path):
    path = tmp_path / "a.json"
    write_json(path, {"name": "Émile"})

    def half(partial: Path) -> None:
        partial.write_text("{")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        replace_file(path, half)
    with pytest.raises(TypeError, match="not JSON serializable"):
        write_json(path, {"name": object()})
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]
    assert json.loads(path.read_text(encoding="utf-8")) == {"name": "Émile"}


def test_of_two_writers_each_has_a_file_of_its_own_until_it_is_done(tmp_path: Path):
    path = tmp_path / "a.txt"

    def outer(partial: Path) -> None:
        partial.write_text("outer")
        replace_file(path, lambda other: other.write_text("inner"))
        assert path.read_text() == "inner"

    replace_file(path, outer)
    assert path.read_text() == "outer"
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("mode", [0o600, 0o444, 0o777])
def test_a_writer_that_makes_its_own_file_does_not_decide_its_permissions(tmp_path: Path, mode: int):
    usual = tmp_path / "usual"
    usual.touch()

    def own(partial: Path) -> None:
        other = tmp_path / "other"
        other.write_text("new")
        other.chmod(mode)
        other.replace(partial)

    replace_file(tmp_path / "a.txt", own)
    assert permissions(tmp_path / "a.txt") == permissions(usual)


def test_a_copied_folder_has_the_files_but_not_their_permissions(tmp_path: Path):
    source = tmp_path / "source"
    (source / "inner").mkdir(parents=True)
    (source / "inner" / "a.txt").write_text("a")
    (source / "inner" / "a.txt").chmod(0o400)
    (source / "b.txt").write_text("b")
    (source / "b.txt").chmod(0o777)
    (source / "inner").chmod(0o500)
    usual = tmp_path / "usual"
    usual.mkdir()
    (usual / "file").touch()

    copy_folder(source, tmp_path / "copy")
    (source / "inner").chmod(0o700)  # so that the folder can be removed
    copied = {path.relative_to(tmp_path / "copy").as_posix(): path for path in (tmp_path / "copy").rglob("*")}
    assert {name: path.read_text() for name, path in copied.items() if path.is_file()} == {
        "inner/a.txt": "a",
        "b.txt": "b",
    }
    assert {permissions(path) for path in copied.values() if path.is_file()} == {permissions(usual / "file")}
    assert permissions(copied["inner"]) == permissions(tmp_path / "copy") == permissions(usual)


def test_a_new_folder_appears_whole_or_not_at_all(tmp_path: Path):
    with new_folder(tmp_path / "made") as making:
        (making / "a.txt").write_text("a")
        assert making.name.startswith(".")
        assert not (tmp_path / "made").exists()
    with pytest.raises(FileNotFoundError), new_folder(tmp_path / "failed") as making:
        (making / "nowhere" / "a.txt").write_text("a")
    assert [path.relative_to(tmp_path).as_posix() for path in sorted(tmp_path.rglob("*"))] == ["made", "made/a.txt"]


def permissions(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
