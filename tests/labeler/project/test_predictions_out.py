"""Predictions leave beside the labels, never among them; and which faces an export takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from labeler.cli.main import main
from labeler.project.project import Project
from labeler.runs.collect import collect_predictions
from labeler.storage.records import Point
from mdmd.data.coco import read_coco
from mdmd.errors import DataError
from mdmd.formats.format import Reading
from mdmd.formats.known import FORMATS, by_name
from tests.builders import label_face, leave_predictions, make_project, predictions_of, write_picture


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Face 1 is complete, 2 has one label, 3 none, 4 is skipped; all are predicted. 5 has nothing."""
    project = make_project(tmp_path, pictures=5, labeled=1)
    label_face(project, 2, [1])
    leave_predictions(project, 1, predictions_of(project, [1, 2, 3, 4], p_off=0.25))
    collect_predictions(project)
    project.store.set_skip(4, "blurred")
    return project


def labeler(tmp_path: Path, *words: object) -> int:
    return main(["--projects", str(tmp_path / "projects"), *map(str, words)])


def evaluated(labels: Path, results: Path) -> COCOeval:
    """What pycocotools makes of results and labels."""
    truth = COCO(str(labels))
    found = COCOeval(truth, truth.loadRes(str(results)), "keypoints")
    found.params.kpt_oks_sigmas = np.full(4, 0.05)
    found.evaluate()
    found.accumulate()
    return found


#: The points of `predictions_of`, as COCO results have them.
KEYPOINTS = [6, 7, 2, 7, 8, 2, 8, 9, 2, 9, 10, 2]


def test_predictions_of_faces_that_are_not_complete_are_results_that_pycocotools_takes(
    project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "x.json"
    assert labeler(tmp_path, "export", "faces", "--out", out, "--with-predictions") == 0
    said = capsys.readouterr().out.splitlines()
    assert said == [
        f"2 faces of 2 pictures with 5 points: {out}",
        f"predictions of 2 faces: {tmp_path / 'x.predictions.json'}",
        "faces left out: 2 without labels, 1 skipped",
    ]
    assert json.loads((tmp_path / "x.predictions.json").read_text()) == [
        {"image_id": image, "category_id": 1, "keypoints": KEYPOINTS, "score": 0.75} for image in (2, 3)
    ]
    labels = json.loads(out.read_text())
    assert [image["id"] for image in labels["images"]] == [1, 2, 3]
    assert [face["image_id"] for face in labels["annotations"]] == [1, 2]
    assert [sample.face_id for sample in read_coco(out).samples] == [1, 2]
    found = evaluated(out, tmp_path / "x.predictions.json")
    assert found.params.imgIds == [1, 2, 3]
    assert np.shape(found.ious[2, 1]) == (1, 1)
    assert project.export(out).predictions is None
    assert [image["id"] for image in json.loads(out.read_text())["images"]] == [1, 2]


def test_a_project_with_predictions_only_is_exported_with_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = make_project(tmp_path, pictures=2)
    out = tmp_path / "x.json"
    leave_predictions(project, 1, predictions_of(project, [1, 2], p_off=0.25))
    collect_predictions(project)
    assert labeler(tmp_path, "status", "faces") == 0
    assert "\nto review: 2 pre-labeled faces\n" in capsys.readouterr().out
    assert labeler(tmp_path, "export", "faces", "--out", out) == 2
    assert "no face of project 'faces' is labeled yet" in capsys.readouterr().err
    assert labeler(tmp_path, "export", "faces", "--out", out, "--with-predictions") == 0
    assert [image["id"] for image in json.loads(out.read_text())["images"]] == [1, 2]
    assert json.loads(out.read_text())["annotations"] == []
    assert len(json.loads((tmp_path / "x.predictions.json").read_text())) == 2
    words = ("export", "faces", "--format", "coco", "--out", tmp_path / "set", "--with-predictions")
    assert labeler(tmp_path, *words) == 0
    assert "predictions of 2 faces are beside the labels" in capsys.readouterr().out


def test_predictions_that_meet_the_labels_are_found_right(project: Project, tmp_path: Path) -> None:
    project.store.edit_points(2, {key: Point(5.0 + key, 6.0 + key, 2) for key in (1, 2, 3)})
    project.export(tmp_path / "x.json", with_predictions=True)
    assert np.asarray(evaluated(tmp_path / "x.json", tmp_path / "x.predictions.json").ious[2, 1]).tolist() == [[1]]


def test_a_set_of_coco_has_results_for_each_split(
    project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with project.store.connection.transaction() as db:
        db.execute("UPDATE images SET split = 'val' WHERE id = 3")
    out = tmp_path / "out"
    words = ("export", "faces", "--format", "coco", "--out", out, "--with-predictions", "--with-pictures", "link")
    assert labeler(tmp_path, *words) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"2 faces with 5 points, pictures: train 2, val 1; in {out}"
    assert said[1] == "predictions of 2 faces are beside the labels"
    files = sorted(path.relative_to(out).as_posix() for path in out.rglob("*.json"))
    assert files == [
        "annotations/person_keypoints_train.json",
        "annotations/person_keypoints_val.json",
        "results/person_keypoints_train_results.json",
        "results/person_keypoints_val_results.json",
    ]
    for split, images in (("train", [1, 2]), ("val", [3])):
        labels = out / "annotations" / f"person_keypoints_{split}.json"
        found = evaluated(labels, out / "results" / f"person_keypoints_{split}_results.json")
        assert found.params.imgIds == images
    [val] = json.loads((out / "results" / "person_keypoints_val_results.json").read_text())
    assert val == {"image_id": 3, "category_id": 1, "keypoints": KEYPOINTS, "score": 0.75}
    assert len(list((out / "images").rglob("*.png"))) == 3
    again = by_name("coco").read(out, Reading())
    assert [len(image.faces) for image in again.images] == [1, 1, 0]


def test_label_studio_shows_them_as_predictions(project: Project, tmp_path: Path) -> None:
    assert project.export_set(by_name("label-studio"), tmp_path / "out", with_predictions=True).predicted == 2
    tasks = json.loads((tmp_path / "out" / "tasks.json").read_text())
    assert [(len(task["annotations"]), len(task["predictions"])) for task in tasks] == [(1, 0), (1, 1), (0, 1)]
    scores = [result["score"] for result in tasks[2]["predictions"][0]["result"] if "score" in result]
    assert scores == [0.75] * 4


def test_sleap_keeps_them_as_predicted_instances(project: Project, tmp_path: Path) -> None:
    pytest.importorskip("sleap_io", reason="sleap-io is optional")
    project.export_set(by_name("sleap"), tmp_path / "out", with_predictions=True)
    again = by_name("sleap").read(tmp_path / "out" / "labels.slp", Reading())
    assert [[face.predicted for face in image.faces] for image in again.images] == [[False], [False, True], [True]]


NO_PLACE = [form.name for form in FORMATS if form.write is not None and not form.keeps_predictions]


@pytest.mark.parametrize("form", NO_PLACE)
def test_a_format_without_a_place_for_predictions_is_refused(
    project: Project, tmp_path: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert labeler(tmp_path, "export", "faces", "--format", form, "--out", tmp_path / "o", "--with-predictions") == 2
    title = by_name(form).title
    assert (
        f"{title} has no place for predictions apart from labels: leave them out, or choose one of coco, label-studio, "
        "sleap" in capsys.readouterr().err
    )
    assert not (tmp_path / "o").exists()


def test_without_predictions_nothing_is_written(tmp_path: Path) -> None:
    project = make_project(tmp_path, pictures=2, labeled=1)
    for export in (
        lambda: project.export(tmp_path / "x.json", with_predictions=True),
        lambda: project.export_set(by_name("coco"), tmp_path / "x.json", with_predictions=True),
    ):
        with pytest.raises(
            DataError, match="no predictions to export: no face of project 'faces' that is not complete"
        ):
            export()
    assert not (tmp_path / "x.json").exists()


def test_only_reviewed_faces_have_no_point_that_was_accepted_unseen(
    project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project.store.accept_unseen({3: (project.store.face(3).revision, {1: Point(2, 3, 2, "accepted_unseen")})})
    sources = ["placed", "imported", "accepted", "accepted_rest"]
    project.store.edit_points(1, {key: Point(2, 3, 2, source) for key, source in enumerate(sources, 1)})
    words = ("export", "faces", "--out", tmp_path / "x.json", "--only")
    assert labeler(tmp_path, *words, "reviewed") == 0
    assert "faces left out: 1 without labels, 1 with points accepted unseen, 1 skipped" in capsys.readouterr().out
    assert [sample.face_id for sample in read_coco(tmp_path / "x.json").samples] == [1, 2]
    assert labeler(tmp_path, *words, "complete") == 0
    assert "faces left out: 1 without labels, 2 incomplete, 1 skipped" in capsys.readouterr().out
    assert [sample.face_id for sample in read_coco(tmp_path / "x.json").samples] == [1]
    assert project.export_set(by_name("yolo-pose"), tmp_path / "set", only="reviewed").faces == 2
    for face in (1, 2):
        project.store.set_skip(face, "blurred")
    assert labeler(tmp_path, *words, "reviewed") == 2
    assert "nothing to export: no face of project 'faces' is labeled and reviewed yet" in capsys.readouterr().err


def test_two_faces_of_a_picture_have_results_of_their_own(tmp_path: Path) -> None:
    project = make_project(tmp_path, pictures=0)
    write_picture(tmp_path / "in" / "a.png")
    project.add_pictures([tmp_path / "in"])
    box = project.store.face(1).box
    others = [project.store.add_face(1, box) for _ in range(2)]
    label_face(project, 1)
    leave_predictions(project, 1, predictions_of(project, others))
    collect_predictions(project)
    project.export(tmp_path / "x.json", with_predictions=True)
    results: list[dict[str, Any]] = json.loads((tmp_path / "x.predictions.json").read_text())
    assert [result["image_id"] for result in results] == [1, 1]
    assert len(json.loads((tmp_path / "x.json").read_text())["images"]) == 1
