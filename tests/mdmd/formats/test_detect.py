"""Whether a folder holds labels of a format is found out without waiting for anything in it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mdmd.errors import DataError
from mdmd.formats.format import Format
from mdmd.formats.known import FORMATS, detect

NAMES = (
    *("a.json", "a.ljson", "a.xml", "a.csv", "a.tsv", "a.txt", "a.tps", "a.pts", "a.h5", "a.slp", "a.parquet"),
    *("data.yaml", "config.yaml", "annotations.xml", "CollectedData_x.csv", "CollectedData_x.h5"),
)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
@pytest.mark.timeout(20)
@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_pipes_are_not_waited_for(tmp_path: Path, form: Format) -> None:
    for name in NAMES:
        os.mkfifo(tmp_path / name)
    assert not form.detect(tmp_path)
    assert not any(form.detect(tmp_path / name) for name in NAMES)


def test_a_picture_is_told_from_labels(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"a\.png is a picture, wanted a file or folder with labels"):
        detect(tmp_path / "a.png")
