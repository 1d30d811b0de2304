"""tpsDig's files are read, written and read again."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given

from mdmd.errors import DataError
from mdmd.formats import tpsdig
from mdmd.formats.format import Reading
from mdmd.formats.labels import LabelSet
from tests.builders import write_picture
from tests.mdmd.formats.foreign import CASES, TRUTH, case, check_truth, one_image
from tests.mdmd.formats.round_trips import check_mutation, check_round_trip, few, label_sets, mutations


def test_y_is_counted_from_the_bottom(tmp_path: Path) -> None:
    place = case("tpsdig", tmp_path / "set")
    for one in (place, place / "faces.tps"):
        assert tpsdig.detect(one)
        labels = tpsdig.read(one, Reading())
        assert labels.landmarks == tuple(f"landmark_{k}" for k in range(1, 10))
        check_truth(LabelSet(tuple(TRUTH["names"]), labels.images), hidden=False)
        assert labels.images[0].faces[0].extra == {"scale": 0.01}
        assert labels.images[0].path == place / "00002-cup.jpg"


def test_several_specimens_curves_and_records_that_cannot_be_read(tmp_path: Path) -> None:
    write_picture(tmp_path / "a b.png", size=(60, 40))
    records = [
        "LM=2\n1 2\nNA NA\nCURVES=2\nPOINTS=1\n5 5\nPOINTS=2\n5 5\n6 6\nIMAGE=C:\\lab\\a b.png\nID=0\nSCALE=x",
        "LM=2\n3,5 4\n-1 4\nimage=C:\\lab\\a b.png",
        "LM3=1\n1 2 3\nIMAGE=a b.png",
        "LM=2\n1 2\nIMAGE=a b.png",
        "LM=1\n1 2\nIMAGE=a b.png",
        "LM=2\n1 2\n3 x\nIMAGE=a b.png",
        "LM=2\n1 2\n3 4",
        "LM=2\n1 2\n3 4\nIMAGE=gone.png",
        "LM=9999\nIMAGE=a b.png",
        "LM=0\nIMAGE=a b.png",
    ]
    file = tmp_path / "x.TPS"
    file.write_text("\n".join(records))
    labels = tpsdig.read(file, Reading())
    [first] = labels.images
    assert [face.points.tolist() for face in first.faces] == [[[1, 38], [0, 0]], [[3.5, 36], [-1, 36]]]
    assert labels.changes == ("2 curves are left out: only landmarks are read",)
    assert [out.why for out in labels.left_out] == [
        "LM3 has points in three dimensions, wanted LM",
        "found 1 line of points, wanted 2 as LM says",
        "found 'x', wanted a number",
        "found IMAGE='', wanted the name of a picture",
        "the picture 'gone.png' is not there, and y is counted from its bottom",
        "found LM='9999', wanted a number of landmarks up to 1000",
        "found 1 landmark, wanted 2 as most others have",
    ]
    assert labels.left_out[0].record == "x.TPS, line 17"


def test_a_picture_without_faces(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", size=(60, 40))
    (tmp_path / "a.tps").write_text("LM=0\nIMAGE=a.png\nID=0\n")
    labels = tpsdig.read(tmp_path, Reading())
    assert [(image.name, image.faces) for image in labels.images] == [("a.png", ())]


def test_three_dimensions_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.tps").write_text("LM3=1\n1 2 3\nIMAGE=a.png\n")
    with pytest.raises(DataError, match="LM3 has points in three dimensions"):
        tpsdig.read(tmp_path, Reading())


def test_a_file_is_written(tmp_path: Path) -> None:
    image = one_image(tmp_path / "in", [[10.25, 20, 2], [0, 0, 0], [-1, 321, 2]], "s1/a.png", extra={"scale": 0.5})
    lost = tpsdig.write(LabelSet(("eye", "nose", "chin"), (image,)), tmp_path / "out", "copy")
    assert [loss.words for loss in lost] == ["the names of 3 landmarks are left out"]
    text = (tmp_path / "out/faces.tps").read_text()
    assert text == ("LM=3\n10.25000 300.00000\n-1.00000 -1.00000\n-0.99999 -1.00000\nIMAGE=a.png\nID=0\nSCALE=0.5\n")


def test_other_formats_are_not_taken() -> None:
    paths = [*CASES.iterdir(), *CASES.rglob("*"), CASES / "nowhere"]
    assert {path.relative_to(CASES).parts[0] for path in paths if tpsdig.detect(path)} == {"tpsdig"}


@few
@given(label_sets())
def test_what_is_lost_is_said(labels: LabelSet) -> None:
    check_round_trip(tpsdig.FORMAT, labels, renames=True)


def test_damaged_files_raise_nothing_else(tmp_path_factory: pytest.TempPathFactory) -> None:
    place = case("tpsdig", tmp_path_factory.mktemp("damaged") / "set")
    file = place / "faces.tps"

    @given(mutations(file.read_text()))
    def damaged(edited: str) -> None:
        check_mutation(tpsdig.FORMAT, place, file, edited)

    damaged()
