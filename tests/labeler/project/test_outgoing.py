"""What leaves for other tools: splits, names, boxes inside their pictures, and what is lost."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from labeler.cli.main import main
from labeler.project.outgoing import Split
from labeler.project.project import Project
from labeler.project.workspace import Workspace
from labeler.storage.records import Point
from mdmd.data.coco import read_coco
from mdmd.data.records import Box, Sample
from mdmd.errors import DataError
from mdmd.formats.format import Reading
from mdmd.formats.known import FORMATS, by_name
from mdmd.formats.labels import LabelSet
from tests.builders import SMALL, label_face, leave_predictions, make_project, predictions_of, write_picture

WRITTEN = [form.name for form in FORMATS if form.write is not None]


def samples(subjects: str) -> list[Sample]:
    """A sample for each letter, which is its subject."""
    return [
        Sample(Path(f"{k}.png"), f"{k}.png", 9, 9, Box(0, 0, 9, 9), group=subject, image_id=k, face_id=k)
        for k, subject in enumerate(subjects)
    ]


def labeler(tmp_path: Path, *words: str) -> int:
    return main(["--projects", str(tmp_path / "projects"), *words])


def read_set(folder: Path, form: str = "yolo-pose") -> LabelSet:
    return by_name(form).read(folder, Reading())


def test_shares_deal_out_whole_subjects() -> None:
    found = Split.of("train=80,val=20").by_image(samples("".join(c * 4 for c in "abcdefghij")))
    of = [{found[4 * k + i] for i in range(4)} for k in range(10)]
    assert all(len(splits) == 1 for splits in of)
    assert sorted(split for splits in of for split in splits) == ["train"] * 8 + ["val"] * 2
    assert found == Split.of("val=20,train=80").by_image(samples("".join(c * 4 for c in "abcdefghij")))


def test_held_out_faces_take_all_of_their_subject_to_val() -> None:
    assert Split(held_out={1}).by_image(samples("abab")) == {0: "train", 1: "val", 2: "train", 3: "val"}


@pytest.mark.parametrize("text", ["", "train", "train=0", "train=80,train=20", "dev=20", "train=x", "train=-5,val=105"])
def test_shares_that_cannot_be_are_said(text: str) -> None:
    with pytest.raises(DataError, match="wanted kept, as-trained, or shares such as train=80,val=20"):
        Split.of(text)


def test_shares_are_of_a_hundred_or_of_one() -> None:
    assert Split.of("train=80,val=20") == Split({"train": 80, "val": 20})
    assert Split.of("train=0.7,val=0.2,test=0.1") == Split({"train": 0.7, "val": 0.2, "test": 0.1})
    with pytest.raises(DataError, match="'train=80,val=30' add up to 110, wanted 100"):
        Split.of("train=80,val=30")


def test_splits_of_other_names_are_the_ones_they_mean_or_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = make_project(tmp_path, pictures=0)
    for k, split in enumerate(["Validation", "dev", "testing", "group 7", "train"]):
        picture, _ = project.intake.add(write_picture(tmp_path / f"{k}.png"), split=split)
        label_face(project, picture.id, [1])
    assert labeler(tmp_path, "export", "faces", "--format", "yolo-pose", "--out", str(tmp_path / "out")) == 0
    said = capsys.readouterr().out
    assert "pictures: test 1, train 2, val 2" in said
    assert "the split of 1 picture, which is none of train, val and test, becomes train" in said


@pytest.mark.parametrize("form", WRITTEN)
def test_a_project_goes_out_and_comes_into_another_one(
    tmp_path: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for needed, name in {"sleap": "sleap_io", "parquet": "pyarrow"}.items():
        if form == needed:
            pytest.importorskip(name, reason=f"{name} is optional")
    source = make_project(tmp_path, "source", pictures=3, labeled=2)
    source.store.edit_points(3, {1: Point(7.25, 8.5, 2), 2: Point(9.0, 3.0, 1)})
    out = tmp_path / "out"
    assert labeler(tmp_path, "export", "source", "--format", form, "--out", str(out), "--with-pictures", "copy") == 0
    said = capsys.readouterr().out
    assert said.startswith(f"3 faces with 10 points, pictures: train 3; in {out}\n")
    target = Workspace(tmp_path / "projects").create("target", definition=SMALL)
    report = target.import_labels(out, one_based=True if form == "pts" else None)
    # A file of points cannot say that a point is missing: that face is left out.
    faces, points = (2, 8) if form == "pts" else (3, 10)
    assert (report.faces, report.points, report.refused) == (faces, points, [])
    known = {picture.sha256: picture.id for picture in source.store.images()}
    within = 0.5 if "rounded" in said else 0.01
    for picture in target.store.images():
        theirs = source.store.points(known[picture.sha256])[known[picture.sha256]]
        for key, point in target.store.points(picture.id).get(picture.id, {}).items():
            visibility = 2 if "hidden point" in said else theirs[key].v
            assert (point.x, point.y) == pytest.approx((theirs[key].x, theirs[key].y), abs=within)
            assert point.v == visibility


def test_what_a_format_cannot_keep_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = make_project(tmp_path, pictures=1)
    points = {1: Point(-5.0, 8.0, 2), 2: Point(9.0, 3.0, 1), 3: Point(None, None, 0)}
    project.store.edit_points(1, points)
    words = ("export", "faces", "--format", "yolo-pose", "--out")
    assert labeler(tmp_path, *words, str(tmp_path / "a")) == 0
    said = capsys.readouterr().out.splitlines()[1:]
    assert said[:2] == [
        "YOLO-pose cannot keep all: 1 point that is absent becomes one without a label",
        "YOLO-pose cannot keep all: 1 point outside its picture is left out",
    ]
    assert labeler(tmp_path, *words, str(tmp_path / "b"), "--clip") == 0
    said = capsys.readouterr().out
    assert "1 point outside its picture is moved to its border" in said
    assert "is left out" not in said.splitlines()[1]
    project.exchange.export_set(by_name("yolo-pose"), tmp_path / "c", pictures="copy", clip=True)
    [image] = read_set(tmp_path / "c").images
    assert image.faces[0].points[0].tolist() == pytest.approx([0, 8], abs=1e-6)


def project_set(project: Project, out: Path) -> Path:
    project.exchange.export_set(by_name("yolo-pose"), out, pictures="link")
    return out


def test_pictures_keep_their_folders_and_are_copied_or_linked(tmp_path: Path) -> None:
    project = make_project(tmp_path, pictures=0)
    for k in range(2):
        write_picture(tmp_path / "in" / f"s{k}" / "100% a#1?.png", color=(k, 9, 9))
    project.add_pictures([tmp_path / "in"])
    for face in project.store.faces():
        label_face(project, face.id)
    out = project_set(project, tmp_path / "out")
    links = sorted((out / "images").rglob("*.png"))
    assert [path.relative_to(out).as_posix() for path in links] == [
        "images/train/s0/100% a#1?.png",
        "images/train/s1/100% a#1?.png",
    ]
    assert all(path.is_symlink() and not os.path.isabs(os.readlink(path)) and path.is_file() for path in links)
    again = project_set(project, tmp_path / "again")
    files = [sorted(p.read_bytes() for p in folder.rglob("*.txt")) for folder in (out, again)]
    assert files[0] == files[1]


def test_the_faces_that_a_training_held_out_are_val(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = make_project(tmp_path, pictures=4, labeled=4)
    words = ("export", "faces", "--format", "coco", "--split", "as-trained", "--out", str(tmp_path / "out"))
    assert labeler(tmp_path, *words) == 2
    assert "no training of this project has held out faces" in capsys.readouterr().err
    run = leave_predictions(project, 1, predictions_of(project, [1, 3, 4]))
    (run / "metrics.json").write_text('{"nme": 5.0}')
    (run / "heldout.json").write_text(json.dumps(predictions_of(project, [2])))
    assert labeler(tmp_path, *words) == 0
    assert "pictures: train 3, val 1" in capsys.readouterr().out
    files = sorted(path.name for path in (tmp_path / "out" / "annotations").iterdir())
    assert files == ["person_keypoints_train.json", "person_keypoints_val.json"]


def test_nothing_is_overwritten_and_nothing_is_left_of_a_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = make_project(tmp_path, pictures=2, labeled=2)
    out = tmp_path / "out"
    words = ("export", "faces", "--format", "yolo-pose", "--out", str(out), "--with-pictures", "copy")
    (project.images / project.store.images()[1].file_name).unlink()
    assert labeler(tmp_path, *words) == 2
    assert "is missing: put it back, or export without pictures" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "projects"]
    out.mkdir()
    (out / "mine.txt").write_text("kept")
    assert labeler(tmp_path, *words[:-2]) == 2
    assert "is there already: name a new folder" in capsys.readouterr().err
    assert (out / "mine.txt").read_text() == "kept"
    assert labeler(tmp_path, "export", "faces", "--out", str(tmp_path / "a.json"), "--clip") == 2
    assert "--clip is for sets of another format" in capsys.readouterr().err


def test_an_export_replaces_an_earlier_one_and_no_other_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = make_project(tmp_path, pictures=2, labeled=1)
    out = tmp_path / "a.json"
    assert labeler(tmp_path, "export", "faces", "--out", str(out)) == 0
    label_face(project, 2)
    assert labeler(tmp_path, "export", "faces", "--out", str(out)) == 0
    assert len(read_coco(out).samples) == 2
    large = json.loads(out.read_text())
    out.write_text(json.dumps(large).replace("{", "{" + " " * 60_000_000, 1))  # an export may be larger than other JSON
    assert labeler(tmp_path, "export", "faces", "--out", str(out)) == 0
    assert json.loads(out.read_text()) == large
    for mine in ("thesis", json.dumps({"info": {"project": "apes"}}), json.dumps([1])):
        out.write_text(mine)
        assert labeler(tmp_path, "export", "faces", "--out", str(out)) == 2
        assert "is there already and is no export of project 'faces': name another file" in capsys.readouterr().err
        assert out.read_text() == mine


@pytest.mark.parametrize("form", ["csv-wide", "csv-long"])
def test_a_table_to_fill_in_comes_back_with_labels(tmp_path: Path, form: str) -> None:
    project = make_project(tmp_path, "rooks", pictures=2)
    words = ["--projects", str(tmp_path / "projects")]
    table = tmp_path / "table.csv"
    assert main([*words, "export", "rooks", "--format", form, "--template", "--out", str(table)]) == 0
    lines = table.read_text().splitlines()
    assert len(lines) == (3 if form == "csv-wide" else 9)
    lines[1] = (
        lines[1].replace(",,,,", ",,7.5,8.25,", 1) if form == "csv-wide" else f"{lines[1].rstrip(',')},7.5,8.25,2"
    )
    table.write_text("\n".join(lines))
    assert main([*words, "import", "rooks", str(table), "--pictures", str(project.images)]) == 0
    [labels] = project.store.points().values()
    assert [(point.x, point.y) for point in labels.values()] == [(7.5, 8.25)]
    assert main([*words, "export", "rooks", "--format", form, "--template", "--out", str(table)]) == 2, "it is there"
    assert main([*words, "export", "rooks", "--format", "via", "--template", "--out", str(tmp_path / "x")]) == 2


def test_a_table_to_fill_in_takes_no_options_of_labels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_project(tmp_path, pictures=1)
    words = ("export", "faces", "--format", "csv-wide", "--template", "--out", str(tmp_path / "x.csv"))
    assert labeler(tmp_path, *words, "--split", "as-trained", "--clip", "--only", "complete") == 2
    assert "writes a table without labels: leave out --split, --clip, --only" in capsys.readouterr().err
    assert not (tmp_path / "x.csv").exists()
