"""Labels of another tool on the Project page: looked at, matched by hand, imported, taken back, and exported again."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

import pytest
import yaml
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from labeler.project.project import Project
from mdmd.data.definition import GROUPS
from mdmd.formats.known import by_name
from tests.browser.conftest import Site, intercept
from tests.builders import SMALL, label_face

pytestmark = pytest.mark.browser


def foreign_zip(site: Site, name: str, folder: str = "yolo") -> Path:
    """The YOLO `folder` in a zip file, of a project with two labeled faces, in which two landmarks have other names."""
    project = site.project(name, pictures=2)
    for face in project.store.faces():
        label_face(project, face.id)
    made = site.folder / folder
    project.exchange.export_set(by_name("yolo-pose"), made, pictures="copy")
    described = made / "data.yaml"
    names = yaml.safe_load(described.read_text())
    names["kpt_names"] = {0: ["EyeLeft", "eye_right", "snout", "beard"]}
    described.write_text(yaml.safe_dump(names))
    with zipfile.ZipFile(site.folder / f"{folder}.zip", "w") as archive:
        for file in sorted(made.rglob("*")):
            if file.is_file():
                archive.write(file, Path(folder) / file.relative_to(made))
    return site.folder / f"{folder}.zip"


def drag(page: Page, thing: Locator, target: Locator) -> None:
    target.scroll_into_view_if_needed()
    start, end = thing.bounding_box(), target.bounding_box()
    assert start
    assert end
    x, y = start["x"] + start["width"] / 2, start["y"] + start["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    for k in (1, 2, 3):
        page.mouse.move(x + (end["x"] + 20 - x) * k / 3, y + (end["y"] + 8 - y) * k / 3)
    page.mouse.up()


def row(page: Page, own: str) -> Locator:
    return page.locator(".matching-row", has=page.locator(f'select[data-own="{own}"]'))


def count_from(page: Page, words: str) -> None:
    """Choose from what the coordinates of the file count, and look again."""
    page.get_by_label("The first pixel is").click()
    page.get_by_role("option", name=words).click()
    page.get_by_role("button", name="Look at the labels").click()


def choose(page: Page, own: str, theirs: str) -> None:
    """Choose by keyboard, as a list without the focus has only what is chosen."""
    names = row(page, own).locator("select")
    names.focus()
    names.select_option(theirs)


def nose(project: Project, face: int) -> tuple[float | None, float | None]:
    point = project.store.points(face)[face][SMALL.ids[SMALL.landmarks.index("nose")]]
    return point.x, point.y


def test_a_foreign_zip_comes_in_is_taken_back_and_leaves_again(page: Page, site: Site) -> None:
    archive = foreign_zip(site, "source")
    truth = site.workspace.open("source")
    project = site.workspace.create("finches", definition=SMALL)
    page.goto(f"{site.url}/?project=finches#project")
    page.get_by_role("button", name="Labels of another tool").click()
    look = page.get_by_role("button", name="Look at the labels")
    look.click()
    expect(page.get_by_text("Upload labels, or name a file or folder on this machine")).to_be_visible()
    page.locator("input[type=file]").nth(1).set_input_files(archive)
    expect(page.get_by_text("yolo.zip")).to_be_visible()
    look.click()
    expect(page.get_by_text("YOLO-pose: 2 pictures; 2 labeled faces with 8 points")).to_be_visible()
    expect(row(page, "eye_left")).to_have_class("matching-row guess")
    expect(row(page, "eye_left").locator("select")).to_have_value("EyeLeft")
    expect(page.locator(".matching-dot")).to_have_count(4)
    expect(page.get_by_label("Labels that are there stay")).to_be_hidden()
    left = page.get_by_role("list", name="Names in the file that are left").get_by_role("listitem")
    expect(left).to_have_text(["snout", "beard"])
    said = page.locator(".import-left")
    expect(said).to_have_text(
        "2 landmarks of the project get no points, 2 names of the file are left out: snout, beard."
    )
    drag(page, left.filter(has_text="snout"), row(page, "nose"))
    expect(left).to_have_text(["beard"])
    expect(row(page, "chin").locator("option")).to_have_text(["–"])
    choose(page, "chin", "beard")
    expect(row(page, "chin").locator("option")).to_have_text(["–", "EyeLeft", "eye_right", "snout", "beard"])
    expect(left).to_have_count(0)
    expect(said).to_have_text("")
    bring = page.get_by_role("button", name="Import", exact=True)
    bring.click()
    expect(page.get_by_text("8 labels of 2 faces came in from yolo.zip.")).to_be_visible()
    faces = [face.id for face in project.store.faces()]
    assert [nose(project, face) for face in faces] == [
        pytest.approx(nose(truth, face.id), abs=0.01) for face in truth.store.faces()
    ]

    page.get_by_role("button", name="Take back… import 1, of yolo.zip").click()
    page.get_by_role("button", name="Take it back", exact=True).click()
    expect(page.get_by_text("Import 1, of yolo.zip, was taken back.")).to_be_visible()
    assert project.store.images() == []

    page.locator("input[type=file]").nth(1).set_input_files(archive)
    look.click()
    for own, theirs in (("nose", "snout"), ("chin", "beard")):
        choose(page, own, theirs)
    bring.click()
    expect(page.get_by_text("8 labels of 2 faces came in from yolo.zip.")).to_be_visible()

    page.locator("input[type=file]").nth(1).set_input_files(archive)
    look.click()
    said = "Pictures that the project has already: 2; 2 of them with labels, which are kept or replaced, as you choose."
    expect(page.get_by_text(said)).to_be_visible()
    expect(page.get_by_label("Labels that are there stay")).to_be_visible()

    page.get_by_role("tab", name="Export").click()
    page.get_by_role("button", name="For another tool").click()
    page.get_by_label("Format", exact=True).click()
    page.get_by_role("option", name="YOLO-pose").click()
    page.get_by_role("button", name="Write the data set").click()
    with page.expect_download() as downloading:
        page.get_by_role("button", name="Download finches-yolo-pose.zip").click()
    with zipfile.ZipFile(downloading.value.path()) as written:
        names = written.namelist()
        described = yaml.safe_load(written.read(next(name for name in names if name.endswith("data.yaml"))))
    assert described["kpt_names"][0] == list(SMALL.landmarks)
    assert sorted(Path(name).suffix for name in names) == [".png", ".png", ".txt", ".txt", ".yaml"]


def test_an_older_import_is_taken_back_though_another_one_comes_in_meanwhile(page: Page, site: Site) -> None:
    project = site.workspace.create("wrens", definition=SMALL)
    files = []
    for k in range(5):
        folder = site.pictures(f"wrens {k}", 1)
        picture = next(folder.iterdir())
        picture.rename(folder / f"{k}.png")
        Image.new("RGB", (400, 300), (k, 0, 0)).save(folder / f"{k}.png")
        points = [150, 120, 2, 250, 120, 2, 200, 170, 2, 200, 215, 2]
        record = {
            "images": [{"id": 1, "file_name": f"{k}.png"}],
            "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "keypoints": points}],
            "categories": [{"id": 1, "name": "head", "keypoints": list(SMALL.landmarks)}],
        }
        (folder / f"round {k}.json").write_text(json.dumps(record))
        files.append(folder / f"round {k}.json")
    for file in files[:4]:
        project.import_labels(file)
    page.goto(f"{site.url}/?project=wrens#project")
    page.get_by_role("button", name="Labels of another tool").click()
    rows = page.locator(".imports li:visible")
    expect(rows).to_have_count(3)
    page.get_by_text("Show 1 more").click()
    expect(rows.locator("b")).to_have_text(["round 3.json", "round 2.json", "round 1.json", "round 0.json"])
    expect(rows.nth(2)).to_contain_text("1 new picture, labels on 1 face")
    page.get_by_role("button", name="Take back… import 2, of round 1.json").click()
    expect(page.get_by_text("Take back import 2, of round 1.json (COCO keypoints)")).to_be_visible()
    project.import_labels(files[4])
    page.get_by_role("button", name="Take it back", exact=True).click()
    expect(page.get_by_text("Import 2, of round 1.json, was taken back. ")).to_be_visible()
    expect(rows.locator("b")).to_have_text(["round 4.json", "round 3.json", "round 2.json"])
    assert [one.id for one in project.store.imports.all() if one.taken_back] == [2]


def test_a_project_without_landmarks_takes_those_of_a_file_with_groups_that_are_proposed(
    page: Page, site: Site
) -> None:
    names = ["EyeLeft", "b", "c", "beak"]
    points = [150, 120, 2, 250, 120, 2, 200, 170, 2, 200, 215, 2]
    record = {
        "images": [{"id": 1, "file_name": "pictures of crows/crows-0.png"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "keypoints": points}],
        "categories": [{"id": 1, "name": "head", "keypoints": names, "skeleton": [[1, 2]]}],
    }
    site.pictures("crows", 1)
    (site.folder / "crows.json").write_text(json.dumps(record))
    project = site.workspace.create("crows")
    page.goto(f"{site.url}/?project=crows#project")
    page.get_by_role("button", name="Labels of another tool").click()
    page.locator("#import-place textarea").fill(str(site.folder / "crows.json"))
    page.get_by_role("button", name="Look at the labels").click()
    groups = [page.locator(f'select[data-group-of="{name}"]') for name in names]
    expect(groups[0]).to_have_value("left_eye")  # by its name
    expect(groups[1]).to_have_value("right_eye")  # by its place
    expect(groups[3]).to_have_value("top_mouth")
    groups[2].select_option("nose")
    guesses = page.locator(".matching-guess", has_text="guess")
    expect(guesses).to_have_count(3)
    page.get_by_label("b", exact=True).focus()
    page.keyboard.press("Shift+ArrowDown")
    expect(page.get_by_text("2 chosen: set group")).to_be_visible()
    picture = page.locator(".matching-picture").bounding_box()
    assert picture
    across, down = picture["width"] / 400, picture["height"] / 300
    page.mouse.move(picture["x"] + 180 * across, picture["y"] + 200 * down)
    page.mouse.down()
    page.mouse.move(picture["x"] + 220 * across, picture["y"] + 230 * down)
    page.mouse.up()
    expect(page.locator(".matching-row.chosen .matching-own")).to_have_text("beak")
    page.keyboard.down("Shift")
    page.mouse.click(picture["x"] + 200 * across, picture["y"] + 170 * down)
    page.keyboard.up("Shift")
    page.get_by_label("2 chosen: set group").select_option("bottom_mouth")
    expect(groups[2]).to_have_value("bottom_mouth")
    groups[2].select_option("nose")
    expect(guesses).to_have_count(2)
    groups[1].select_option("")
    expect(page.locator(".import-left")).to_have_text("1 landmark has no part of the face yet: b.")
    groups[1].select_option("right_eye")
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_text("4 labels of 1 face came in from crows.json.")).to_be_visible()
    definition = project.definition
    assert definition is not None
    assert definition.landmarks == tuple(names)
    assert [GROUPS[group] for group in definition.groups] == ["left_eye", "right_eye", "nose", "bottom_mouth"]
    assert definition.edges == ((0, 1),)


def test_names_that_tell_nothing_are_matched_in_order_and_one_with_points_is_left_out_after_a_question(
    page: Page, site: Site
) -> None:
    folder = site.pictures("terns", 3)
    points = [150, 120, 2, 250, 120, 2, 200, 170, 2, 200, 215, 2]
    record = {
        "images": [{"id": k, "file_name": f"terns-{k}.png"} for k in range(3)],
        "annotations": [
            {"id": k, "image_id": k, "category_id": 1, "keypoints": [*points, 0, 0, 0, 90 + k, 30, 2]} for k in range(3)
        ],
        "categories": [{"id": 1, "name": "head", "keypoints": ["0", "1", "2", "3", "never", "5"]}],
    }
    (folder / "labels.json").write_text(json.dumps(record))
    project = site.workspace.create("terns", definition=SMALL)
    page.goto(f"{site.url}/?project=terns#project")
    page.get_by_role("button", name="Labels of another tool").click()
    page.locator("#import-place textarea").fill(str(folder))
    page.get_by_role("button", name="Look at the labels").click()
    page.get_by_role("button", name="Next picture").click()
    expect(page.get_by_text("Picture 2 of 3")).to_be_visible()
    expect(page.locator(".matching figcaption")).to_have_text("terns-1.png")
    expect(page.locator(".matching-dot")).to_have_count(5)
    page.get_by_role("button", name="Previous picture").click()
    page.get_by_role("button", name="Previous picture").click()
    expect(page.locator(".matching figcaption")).to_have_text("terns-2.png")

    page.get_by_role("button", name="Match the first 4 of 6 that are left in order").click()
    for own, theirs in zip(SMALL.landmarks, "0123", strict=True):
        expect(row(page, own)).to_have_class("matching-row guess")
        expect(row(page, own).locator("select")).to_have_value(theirs)
    page.get_by_role("button", name="Clear the 4 guesses").click()
    choose(page, "nose", "2")
    page.get_by_role("button", name="Match the first 3 of 5 that are left in order").click()
    expect(page.locator(".import-left")).to_have_text("1 name of the file is left out: 5.")

    bring = page.get_by_role("button", name="Import", exact=True)
    bring.click()
    expect(page.get_by_text("1 name of the file has points, but no landmark: 5. Import the others?")).to_be_visible()
    page.get_by_role("button", name="Do not import yet").click()
    assert project.store.images() == []
    bring.click()
    others = page.get_by_role("button", name="Import the others")
    expect(others).to_have_class(re.compile("primary"))  # nothing is removed, so it is not red
    others.click()
    expect(page.get_by_text("12 labels of 3 faces came in from pictures of terns.")).to_be_visible()
    expect(page.get_by_role("button", name="Import the others")).to_be_hidden()
    assert [nose(project, face.id) for face in project.store.faces()] == [(200, 170)] * 3


def test_points_of_a_model_become_proposals_and_what_pixels_count_from_is_asked(page: Page, site: Site) -> None:
    site.pictures("rails", 1)
    points = "\n".join(f"{x} {y}" for x, y in ((150, 120), (250, 120), (200, 170), (200, 215)))
    folder = site.folder / "pictures of rails"
    (folder / "rails-0.pts").write_text(f"version: 1\nn_points: 4\n{{\n{points}\n}}\n")
    project = site.workspace.create("rails", definition=SMALL)
    page.goto(f"{site.url}/?project=rails#project")
    page.get_by_role("button", name="Labels of another tool").click()
    page.locator("#import-place textarea").fill(str(folder))
    page.get_by_label("A model made the points").check()
    page.get_by_role("button", name="Look at the labels").click()
    expect(page.get_by_text("do not say from what their coordinates count: choose it under")).to_be_visible()
    count_from(page, "1, as menpo and MATLAB do")
    expect(page.get_by_text("1 face with points of a model")).to_be_visible()
    page.get_by_role("button", name="Import", exact=True).click()
    said = "Points of a model came in from pictures of rails for 1 face: see the Review page."
    expect(page.get_by_text(said)).to_be_visible()
    # The choice stays, and is wrong for the next files.
    label_face(project, project.store.faces()[0].id)
    coco = project.export(site.folder / "rails.json").path
    page.locator("#import-place textarea").fill(str(coco))
    page.get_by_label("A model made the points").uncheck()
    page.get_by_role("button", name="Look at the labels").click()
    expect(page.get_by_text("set “The first pixel is” to “the file says”")).to_be_visible()
    count_from(page, "the file says")
    expect(page.get_by_role("button", name="Import", exact=True)).to_be_visible()
    proposed = project.proposed.of(project.store.faces()[0].id)
    assert proposed is not None
    assert sorted((point.x, point.y) for point in proposed.points.values())[0] == (149, 119)


def test_only_what_was_looked_at_comes_in(page: Page, site: Site) -> None:
    file = foreign_zip(site, "shrikes", "other")
    project = site.workspace.create("whinchats", definition=SMALL)
    page.goto(f"{site.url}/?project=whinchats#project")
    page.get_by_role("button", name="Labels of another tool").click()
    place = page.locator("#import-place textarea")
    place.fill(str(site.folder / "other"))
    page.get_by_role("button", name="Look at the labels").click()
    bring = page.get_by_role("button", name="Import", exact=True)
    expect(bring).to_be_visible()
    # The page learns of the other choice too late to take the button away.
    intercept(page, "**/run/predict*", lambda route: None)
    place.fill(str(file))
    bring.click()
    expect(page.get_by_text("other labels than those that were looked at: look at them first")).to_be_visible()
    assert project.store.images() == []


def test_what_is_wrong_with_the_labels_is_said_at_the_field(page: Page, site: Site) -> None:
    site.workspace.create("larks", definition=SMALL)
    (site.folder / "notes.json").write_text(json.dumps({"a": 1}))
    page.goto(f"{site.url}/?project=larks#project")
    page.get_by_role("button", name="Labels of another tool").click()
    place = page.locator("#import-place textarea")
    place.fill(str(site.folder / "notes.json"))
    page.get_by_role("button", name="Look at the labels").click()
    expect(place).to_have_attribute("aria-invalid", "true")
    expect(place).to_be_focused()
    expect(page.get_by_role("button", name="Import", exact=True)).to_be_hidden()
