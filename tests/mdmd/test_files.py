"""Atomic writes: a file has its old or its new content."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mdmd.files import replace_file, write_json


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
