"""The Export page writes a data set for another tool, to be downloaded as one file."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
import yaml
from playwright.sync_api import Page, expect

from labeler.runs.collect import collect_predictions
from labeler.storage.records import Point
from tests.browser.conftest import Site
from tests.builders import label_face, leave_predictions, predictions_of

pytestmark = pytest.mark.browser


def test_a_yolo_set_is_written_and_downloaded(page: Page, site: Site, tmp_path: Path) -> None:
    project = site.project("dippers", pictures=5)
    for face in (1, 2, 3, 4):
        label_face(project, face)
    page.goto(f"{site.url}/?project=dippers#export")
    page.get_by_role("button", name="For another tool").press("Enter")
    page.get_by_label("Format", exact=True).click()
    page.get_by_role("option", name="YOLO-pose").click()
    page.get_by_label("Train, val and test").click()
    page.get_by_role("option", name="In shares").click()
    shares = page.get_by_label("Shares, in percent")
    write = page.get_by_role("button", name="Write the data set")
    shares.fill("train=80;val=20")
    write.press("Enter")
    expect(page.get_by_text("wanted kept, as-trained, or shares such as train=80,val=20")).to_be_visible()
    shares.fill("train=75, val=25")
    write.press("Enter")
    expect(page.get_by_text("16 points of 4 faces written; pictures: train 3, val 1.")).to_be_visible()
    expect(page.get_by_text("YOLO-pose cannot keep all: the groups of 4 landmarks are left out.")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download dippers-yolo-pose.zip").click()
    download.value.save_as(tmp_path / "set.zip")
    with zipfile.ZipFile(tmp_path / "set.zip") as archive:
        told = yaml.safe_load(archive.read("data.yaml"))
        files = archive.namelist()
    assert told["kpt_names"] == {0: ["eye_left", "eye_right", "nose", "chin"]}
    assert [sum(name.startswith(f"images/{split}/") for name in files) for split in ("train", "val")] == [3, 1]
    assert all(name.startswith(("data.yaml", "images/", "labels/")) for name in files)


def test_reviewed_faces_and_predictions_are_two_files(page: Page, site: Site, tmp_path: Path) -> None:
    project = site.project("geese", pictures=4)
    for face in (1, 2):
        label_face(project, face)
    project.store.accept_unseen({2: (project.store.face(2).revision, {1: Point(2, 3, 2, "accepted_unseen")})})
    leave_predictions(project, 1, predictions_of(project, [3, 4]))
    collect_predictions(project)
    page.goto(f"{site.url}/?project=geese#export")
    page.get_by_label("Reviewed: none accepted unseen").check()
    page.get_by_label("Also the predictions of faces to go").check()
    page.get_by_role("button", name="Write the COCO file").press("Enter")
    expect(
        page.get_by_text("4 points of 1 face on 1 picture written. Faces left out: 2 without labels, 1")
    ).to_be_visible()
    expect(page.get_by_text("Predictions of 2 faces are in geese.predictions.json.")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download predictions").click()
    assert [found["image_id"] for found in json.loads(Path(download.value.path()).read_text())] == [3, 4]
    page.get_by_role("button", name="For another tool").press("Enter")
    page.get_by_label("Format").click()
    page.get_by_role("option", name="YOLO-pose").click()
    page.get_by_role("button", name="Write the data set").press("Enter")
    expect(page.get_by_text("YOLO-pose has no place for predictions apart from labels")).to_be_visible()
    page.get_by_label("Also the predictions of faces to go").uncheck()
    page.get_by_role("button", name="Write the COCO file").press("Enter")
    expect(page.get_by_role("button", name="Download predictions")).to_be_hidden()
