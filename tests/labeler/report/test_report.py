"""The report of a training: its figures against a calculation by hand, and its page."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from labeler.cli.main import main
from labeler.errors import NotFoundError
from labeler.project.coco import write_coco
from labeler.project.project import Project
from labeler.project.workspace import Workspace
from labeler.report import measures
from labeler.report.reports import report_of, write_report
from labeler.runs.heldout import HeldOut, read_heldout
from labeler.server.errors import install_errors
from labeler.server.routes import build_api
from labeler.storage.records import Point
from mdmd.data.definition import Definition
from mdmd.data.records import Box, Prediction
from mdmd.errors import DataError
from mdmd.evaluation.error_law import LAPLACIAN
from mdmd.evaluation.evaluate import FlagRule
from mdmd.evaluation.predictions import predicted_coco
from mdmd.files import write_json
from tests.builders import CATEGORY, PLACES, SMALL, label_alike, leave_predictions, make_project, predictions_of


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return label_alike(make_project(tmp_path, pictures=4))


def leave_training(
    project: Project, number: int, off: Mapping[int, float], *, final: bool = True, source: str | None = None
) -> Path:
    """A finished training whose held-out faces `off` have their noses so many pixels too far right."""
    folder = leave_predictions(project, number, predictions_of(project, []))
    record = json.loads((folder / "run.json").read_text())
    write_json(folder / "run.json", {**record, "faces": 4, "source": source, "preset": "default"})
    target = project.training_set()
    write_coco(folder / "target.json", target, images=project.images)
    held = [sample for sample in target.samples if sample.face_id in off]
    found = []
    for sample in held:
        assert sample.annotation is not None
        shift = np.array([[0, 0], [0, 0], [off[sample.face_id], 0], [0, 0]])
        found.append(Prediction(sample.annotation.points + shift, np.tile(np.eye(2), (4, 1, 1))))
    told = predicted_coco(target.definition, found, held, FlagRule(), LAPLACIAN, final=final, step=7)
    write_json(folder / "heldout.json", told)
    return folder


def heldout(folder: Path) -> HeldOut:
    found = read_heldout(folder)
    assert found is not None
    return found


def test_the_figures_match_a_calculation_by_hand(project: Project):
    found = heldout(leave_training(project, 1, {1: 0.0, 2: 4.0, 3: 12.0}))
    # The nose is one of four points: 4 pixels are 20 %, a mean of 5 %; 12 are 60 %, a mean of 15 %.
    numbers = measures.headline(found)
    assert (numbers.faces, numbers.nme.value) == (3, pytest.approx((0 + 5 + 15) / 3))
    assert not numbers.nme.has_interval, "three faces have none"
    assert numbers.fr10.value == pytest.approx(100 / 3)
    assert numbers.auc10.value == pytest.approx((100 + 50 + 0) / 3)
    nose = measures.landmark_errors(found)[2]
    assert (nose.name, nose.labels, nose.mean, nose.largest) == ("nose", 3, pytest.approx(80 / 3), pytest.approx(60))
    assert measures.group_errors(found)[-1] == ("nose", pytest.approx(80 / 3), 3)
    assert measures.by_error(found)[0] == 2
    errors, faces = measures.error_curve(found)
    assert [share for error, share in zip(errors, faces, strict=True) if error in (0.0, 5.0, 20.0)] == [
        pytest.approx(100 / 3),
        pytest.approx(200 / 3),
        100,
    ]
    assert numbers.inside90.value == pytest.approx(100 * 10 / 12)
    # Covariance 1 everywhere: the two noses lie 4 and 12 deviations off, far outside of every ellipse; ten points hit.
    promised, inside = measures.coverage_curve(found)
    assert inside == [pytest.approx(100 * 10 / 12)] * len(promised)


def test_few_held_out_faces_give_no_interval_and_the_report_says_what_the_doubt_is_worth(tmp_path: Path):
    project = label_alike(make_project(tmp_path, pictures=7))
    leave_training(project, 1, {1: 4.0})
    page = report_of(project, "001")
    assert "Doubt is measured on 1 held-out face only, so ellipses and flags are rough until there are 5." in page
    assert "<b>5.0 %</b><p>mean error" in page, "no interval of no width stands beside the error"
    assert "No intervals are given: it takes 5 faces to estimate how faces differ." in page
    leave_training(project, 2, dict.fromkeys(range(1, 6), 4.0))
    page = report_of(project, "002")
    assert "In brackets: 95 % intervals over faces." in page
    assert "<b>5.0 %</b> <span>(5.0 to 5.0)</span><p>mean error" in page
    assert "rough" not in page


def test_landmarks_without_a_label_do_not_count(project: Project):
    project.store.edit_points(2, {3: None})
    found = heldout(leave_training(project, 1, {1: 4.0, 2: 99.0}))
    assert measures.headline(found).nme.value == pytest.approx((5 + 0) / 2)
    assert measures.landmark_errors(found)[2].labels == 1
    assert "nose" in report_of(project, "001")


def test_two_trainings_are_compared_on_the_faces_that_both_held_out(project: Project):
    older = heldout(leave_training(project, 1, {1: 8.0, 2: 8.0, 3: 40.0}))
    newer = heldout(leave_training(project, 2, {1: 4.0, 2: 4.0, 4: 0.0}))
    found = measures.compare(newer, older)
    assert found is not None
    assert (found.faces, found.nme, found.other) == (2, pytest.approx(5), pytest.approx(10))
    assert (found.gain.value, found.gain.has_interval) == (pytest.approx(5), False)
    page = report_of(project, "002")
    assert "Against training 001" in page
    assert "Fewer than 10 faces <b>cannot show</b> which training is better." in page
    leave_training(project, 3, {4: 1.0})
    assert "cannot be compared face by face" in report_of(project, "003", against="001")


def test_a_comparison_takes_ten_faces(tmp_path: Path):
    project = label_alike(make_project(tmp_path, pictures=12))
    faces = range(1, 11)
    folder = leave_training(project, 1, dict.fromkeys(faces, 8.0))
    write_json(folder / "model.json", {"target": "faces", "history": {"faces": {"faces": 2}, "seconds": 9.0}})
    leave_training(project, 2, dict.fromkeys(faces, 4.0))
    page = report_of(project, "002")
    assert "<b>better</b> by 5.0 points (95 % interval 5.0 to 5.0)" in page
    assert "Training 001 was trained on 2 of 4 labeled faces, alone." in page
    assert "<b>worse</b> by 5.0 points" in report_of(project, "001", against="002")


def test_few_faces_are_enough_if_all_of_them_agree(tmp_path: Path):
    project = label_alike(make_project(tmp_path, pictures=7))
    leave_training(project, 1, dict.fromkeys(range(1, 7), 8.0))
    leave_training(project, 2, dict.fromkeys(range(1, 7), 4.0))
    assert "<b>better</b> on each of them" in report_of(project, "002")
    assert "<b>worse</b> on each of them" in report_of(project, "001", against="002")
    leave_training(project, 3, {**dict.fromkeys(range(1, 6), 2.0), 6: 9.0})
    assert "<b>cannot show</b>" in report_of(project, "003", against="002")
    leave_training(project, 4, dict.fromkeys(range(1, 7), 4.0))
    assert "<b>cannot show</b>" in report_of(project, "004", against="002"), (
        "equal on every face is neither better nor worse"
    )
    leave_training(project, 5, dict.fromkeys(range(1, 6), 2.0))
    assert "<b>cannot show</b>" in report_of(project, "005", against="002"), "five are too few"


def test_a_report_names_the_normalizing_distance_the_encoder_the_weights_and_the_work(project: Project):
    folder = leave_training(project, 1, {1: 4.0})
    record = json.loads((folder / "run.json").read_text())
    write_json(folder / "run.json", {**record, "encoder": "vit_x", "weights": "/far/away/w.safetensors"})
    history = {"faces": {"faces": 3}, "seconds": 9.0, "steps": 300, "train": {"batch_size": 16}}
    write_json(folder / "model.json", {"target": "faces", "history": history})
    page = report_of(project, "001")
    eyes = f"the distance from {SMALL.landmarks[0]} to {SMALL.landmarks[1]}"
    assert page.count(eyes) == 2
    assert "trained on 3 of 4 labeled faces" in page
    assert re.search(
        r"encoder vit_x · weights w\.safetensors · \d+ seconds, 300 steps of 16 faces, 4,800 faces seen", page
    )


def test_a_report_calls_trainings_by_their_titles_and_says_which_was_stopped(project: Project):
    leave_training(project, 1, {1: 8.0})
    folder = leave_training(project, 2, {1: 4.0})
    (project.runs / "001" / "title.txt").write_text("first <try>")
    write_json(folder / "metrics.json", {"stopped": {"step": 1200, "of": 2000}})
    page = report_of(project, "002")
    assert "<h1>Training 002</h1>" in page
    assert "stopped early at step 1,200 of 2,000" in page
    assert "Against training 001 (first &lt;try&gt;)" in page
    older = report_of(project, "001")
    assert "<h1>Training 001 (first &lt;try&gt;)</h1>" in older
    assert "stopped early" not in older


def test_a_corrected_label_does_not_count_against_the_older_training(project: Project):
    older = heldout(leave_training(project, 1, {1: 4.0}))
    project.store.edit_points(1, {3: Point(34.0, 30.0, 2)})  # the older model was right
    found = measures.compare(heldout(leave_training(project, 2, {1: 0.0})), older)
    assert found is not None
    assert (found.nme, found.other) == (0, 0)


def test_the_share_of_flagged_points_says_how_many_wrong_ones_are_among_them(project: Project):
    leave_training(project, 1, {1: 1.0})
    leave_training(project, 2, {1: 20.0})
    assert "of the points; no point was wrong<" in report_of(project, "001")
    assert "of the points; 100 % of the wrong points among them<" in report_of(project, "002")


def test_the_report_is_one_file_that_loads_nothing(project: Project):
    leave_training(project, 1, {1: 0.0, 2: 4.0}, source="people <b>")
    path = write_report(project, "001")
    page = path.read_text(encoding="utf-8")
    assert path == project.runs / "001" / "report.html"
    assert page.count("data:image/jpeg;base64,") == 2  # the worst face and the best one
    assert re.findall(r"(?:src|href)=['\"](?!data:)", page) == []
    assert "url(" not in page
    assert "together with people &lt;b&gt;" in page
    assert "NaN" not in page
    assert "nan" not in re.sub(r"data:image/jpeg;base64,[^'\"]*", "", page)


def test_a_report_says_how_its_model_is_used_and_one_that_may_go_elsewhere_names_no_folder(project: Project):
    folder = leave_training(project, 1, {1: 0.0, 2: 4.0})
    write_json(folder / "metrics.json", {"nme": 5.0, "n": 2})
    assert "Use this model" not in report_of(project, "001"), "it has no model"
    (folder / "model.safetensors").touch()
    page = report_of(project, "001")
    assert "mdmd predict runs/001 pictures --find-boxes --out predictions.json" in page
    assert "Run it in the folder of the project faces." in page
    assert str(folder.parent) not in page
    assert f"Folder: <code>{folder}</code>" in report_of(project, "001", linked=True)


def test_hostile_names_stay_text_and_missing_pictures_are_named(tmp_path: Path):
    category = {**CATEGORY, "keypoints": ["<img src=x onerror=alert(1)>", "eye_right", "nose", "chin"]}
    project = label_alike(make_project(tmp_path, pictures=4, definition=Definition.from_category(category)))
    leave_training(project, 1, {1: 1.0})
    for picture in project.images.iterdir():
        picture.unlink()
    page = report_of(project, "001")
    assert "<img src=x" not in page
    assert "&lt;img src=x" in page
    assert "the picture is gone" in page


def repeat(project: Project, face: int, by: float) -> None:
    """The same person labels a face again, with every point so many pixels further right."""
    again = project.store.add_repeat(face)
    project.store.edit_points(again, {key: Point(x + by, y, 2) for key, (x, y) in PLACES.items()})


def test_the_noise_of_the_labels_is_shown_beside_the_errors_of_the_model(tmp_path: Path):
    project = label_alike(make_project(tmp_path, pictures=7))
    held = dict.fromkeys(range(1, 6), 4.0)  # the nose 20 % off, a mean of 5 %
    leave_training(project, 1, held)
    assert "your repeats" not in report_of(project, "001")
    for face in range(1, 5):
        repeat(project, face, 0.6)
    page = report_of(project, "001")
    assert "The precision of your own labels is not known yet: 4 of at least 5 repeats." in page
    assert "your repeats" not in page
    repeat(project, 5, 0.6)  # 0.6 pixels are 3 %
    page = report_of(project, "001")
    said = "The model has an NME of 5.0 % (5.0 to 5.0), your two labelings differ by 3.0 % (3.0 to 3.0): it is not as"
    assert said in page
    assert "<th>mean error</th><th>your repeats</th>" in page
    assert '<td>nose</td><td class="number">20.0 %</td><td class="number">3.0 %</td>' in page
    # The line in the cumulative chart stands at 3 of 20 %: 44 + 3 / 20 of the 324 units between the chart's edges.
    assert '<line class="upright" x1="92.6" x2="92.6"' in page
    assert re.search(r">your repeats:</text><text [^>]*>3\.0 %</text>", page)
    for face in (1, 2):
        project.store.edit_points(
            project.store.add_repeat(face), {3: Point(60.0, 30.0, 2)}
        )  # 150 % off, of one in four
    assert "The model is as accurate as you (NME 5.0 % against" in report_of(project, "001")


def test_without_boxes_model_and_labels_are_measured_in_the_same_unit(tmp_path: Path):
    project = label_alike(make_project(tmp_path, pictures=7, definition=replace(SMALL, normalizer=None)))
    leave_training(project, 1, dict.fromkeys((1, 2, 3), 1.0))  # of the four landmarks the nose, by one pixel
    for face in range(1, 6):
        repeat(project, face, 0.25)  # all four
    definition = project.definition
    assert definition is not None
    floor = project.repeats.noise(definition).floor
    model = measures.headline(heldout(project.runs / "001")).nme
    assert floor is not None
    assert floor.value == pytest.approx(model.value)
    assert project.store.face(1).box == Box(0, 0, 64, 48)


def test_a_run_without_a_report_is_an_error_that_says_why(project: Project):
    with pytest.raises(NotFoundError, match=r"no training '001' \(there are: none yet\)"):
        report_of(project, "001")
    leave_training(project, 1, {1: 1.0}, final=False)
    with pytest.raises(DataError, match="run 001 has no report: it has measured nothing on held-out faces"):
        report_of(project, "001")
    folder = leave_training(project, 2, {1: 1.0})
    with pytest.raises(DataError, match="cannot be compared with itself"):
        report_of(project, "002", against="002")
    with pytest.raises(DataError, match="run 001 has measured nothing to compare with"):
        report_of(project, "002", against="001")
    told = json.loads((folder / "heldout.json").read_text())
    told["annotations"][0]["id"] = 99
    write_json(folder / "heldout.json", told)
    with pytest.raises(DataError, match="face 99 is not among the labeled faces"):
        report_of(project, "002")
    (folder / "heldout.json").write_text("{}")
    with pytest.raises(DataError, match="does not hold predictions"):
        report_of(project, "002")


def test_the_server_and_the_command_line_deliver_it(project: Project, tmp_path: Path, capsys):
    leave_training(project, 1, {1: 4.0, 2: 4.0})
    leave_training(project, 2, {1: 0.0, 2: 0.0})
    (project.runs / "002" / "model.safetensors").touch()
    app = FastAPI()
    install_errors(app)
    workspace = Workspace(tmp_path / "projects")
    app.include_router(build_api(workspace))
    client = TestClient(app)
    answer = client.get("/api/projects/faces/runs/002/report")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert '<a href="../001/report">' in answer.text
    against = client.get("/api/projects/faces/runs/001/report", params={"against": "002"})
    assert "Against training 002" in against.text
    assert client.get("/api/projects/faces/runs/009/report").status_code == 404
    assert client.get("/api/projects/faces/runs/..%2F..%2Fx/report").status_code == 404
    workspace.close()
    arguments = ["--projects", str(tmp_path / "projects"), "report", "faces", "--out", str(tmp_path / "r.html")]
    assert main(arguments) == 0
    assert str(tmp_path / "r.html") in capsys.readouterr().out
    assert "<h1>Training 002</h1>" in (tmp_path / "r.html").read_text()
