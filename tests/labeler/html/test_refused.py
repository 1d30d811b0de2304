"""Refused pictures are one line a reason, however many there are, and names stay text."""

from __future__ import annotations

from pathlib import Path

import pytest

from labeler.cli.options import print_refused
from labeler.html.refused import MISSING, MOST_NAMES, MOST_REASONS, NOT_THERE, refused_html
from labeler.pages.labels_offer import imported_html
from labeler.project.importer import ImportReport

MANY = [(f"{k:03d}.jpg", MISSING) for k in range(300)]


def test_many_pictures_are_one_line_a_reason(capsys: pytest.CaptureFixture[str]) -> None:
    print_refused([("<b>.png", "it is damaged"), *MANY])
    assert capsys.readouterr().err.splitlines() == [
        f"refused 300 pictures: {MISSING} (000.jpg, 001.jpg, 002.jpg and 297 more)",
        "refused <b>.png: it is damaged",
    ]
    page = refused_html([("<b>.png", "it is damaged"), *MANY], missing=NOT_THERE)
    assert page.count("<li>") == 2
    assert "<summary><b>300 pictures</b> of the file are not in the folder</summary>000.jpg, 001.jpg" in page
    assert f"and {300 - MOST_NAMES} more" in page
    assert "<b>&lt;b&gt;.png</b> it is damaged" in page


def test_many_reasons_are_folded_too(capsys: pytest.CaptureFixture[str]) -> None:
    own = [(f"{k}.png", f"it is {k} pixels wide") for k in range(50)]
    print_refused(own)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == MOST_REASONS + 1
    assert lines[0] == "refused 0.png: it is 0 pixels wide"
    assert lines[-1] == f"refused {50 - MOST_REASONS} more pictures for other reasons"
    page = refused_html(own)
    before, _, folded = page.partition("<details>")
    assert (before.count("<b>"), folded.count("<li>")) == (MOST_REASONS, 50 - MOST_REASONS)


@pytest.mark.parametrize(("faces", "tone"), [(30, "good"), (0, "warning")])
def test_labels_that_came_in_are_no_failure(tmp_path: Path, faces: int, tone: str) -> None:
    report = ImportReport(taken=faces, added=faces, faces=faces, points=9 * faces, already=0, refused=MANY)
    page = imported_html(report, tmp_path / "annotations.json")
    assert f'class="note {tone}"' in page
    assert f"{9 * faces} labels of {faces} faces came in from annotations.json." in page
