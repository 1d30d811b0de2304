"""A new user's walk: pictures with labels beside them, ears of one's own, eight faces, training, review, export."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Page, expect

from labeler.runs.start import start_training
from mdmd.data.coco import read_coco
from tests.browser.conftest import Site, canvas, click_at, root, saved, wait_for
from tests.builders import PATIENCE_WITH_TRAINING, write_pareidolias

pytestmark = pytest.mark.browser

PICTURES = 10
#: Where the tips of the ears are put on the drawn pictures, which are 320 pixels wide and high.
EARS = ((40.0, 60.0), (280.0, 60.0))
EDITOR = f"{root('label')}.editor"


def test_from_a_folder_with_labels_to_a_coco_file(page: Page, site: Site) -> None:
    pictures = write_pareidolias(site.folder / "mules", PICTURES).parent / "images"
    page.goto(site.url)
    page.get_by_label("Name").first.fill("mules")
    page.get_by_label("or a folder on this machine").last.fill(str(pictures))
    page.keyboard.press("Tab")
    expect(page.get_by_role("radio", name=f"Bring in 90 labels of {PICTURES} faces")).to_be_checked()
    page.get_by_role("button", name="Create project").click()
    page.wait_for_url("**/?project=mules*")
    project = site.workspace.open("mules")
    assert project.progress().complete_faces == PICTURES

    # Two landmarks more, at the picture's border.
    page.locator("#tab-schema-button").click()
    canvas(page, "schema").wait_for()
    wait_for(lambda: page.evaluate(f"{root('schema')}?.canvas.scene.image !== null"))
    rows = page.locator(".table-rows li")
    expect(rows).to_have_count(9)
    for (x, y), name in zip(EARS, ("ear_left", "ear_right"), strict=True):
        page.keyboard.press("Escape")
        wait_for(lambda: page.evaluate(f"{root('schema')}.current") is None)
        click_at(page, "schema", x, y)
        rows.last.get_by_label("Name").fill(name)
        rows.last.get_by_label("Name").press("Tab")
    expect(rows.last.get_by_label("Mirror partner")).to_contain_text("ear_left")
    page.locator(".schema-side").get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("button", name="Save version 2").click()
    expect(page.locator(".save-state")).to_have_text("Saved, version 2")
    ears = project.index.ids[-2:]
    assert project.index.must_define().landmarks[-2:] == ("ear_left", "ear_right")
    assert [project.index.must_define().groups[-k] for k in (2, 1)] == [0, 4]  # the upper contours

    page.locator("#tab-label-button").click()
    faces = [face.id for face in project.store.faces()]
    for face in faces[1:9]:
        shown = wait_for(lambda: page.evaluate(f"{root('label')}?.editor.view?.face"))
        canvas(page, "label").focus()
        # The page begins at the first face to go: at the first one, if it was shown before its points were saved.
        wait_for(lambda: project.progress().complete_faces)
        if shown != face:
            page.keyboard.press("u")
        wait_for(lambda face=face: page.evaluate(f"{EDITOR}.view.face") == face)
        hint = page.locator(".mount-label .hint")
        expect(hint).to_have_text("Click ear_left")
        if face == faces[2]:  # one ear is out of the picture
            page.keyboard.press("0")
        elif face == faces[3]:  # by keys
            page.keyboard.press("Shift+ArrowLeft")
            page.keyboard.press("Enter")
        else:
            click_at(page, "label", *EARS[0])
        expect(hint).to_have_text("Click ear_right")
        click_at(page, "label", *EARS[1])
        saved(page)
        wait_for(lambda face=face: project.store.points()[face].keys() >= set(ears))
    assert project.progress().complete_faces == 9

    start_training(project, source=None, preset="tiny", weights="none", steps=12)
    page.locator("#tab-train-button").click()
    done = page.get_by_role("heading", name="Training 001 done")
    expect(done).to_be_visible(timeout=1000 * PATIENCE_WITH_TRAINING)
    page.get_by_role("button", name="Log, name, resume or delete a run").click()
    page.get_by_role("button", name="Put run 001 in charge").click()
    page.locator("#tab-review-button").click()
    wait_for(lambda: page.evaluate(f"{root('review')}?.editor.view?.face") == faces[9])
    page.keyboard.press("Shift+A")
    wait_for(lambda: project.progress().complete_faces == PICTURES)

    page.locator("#tab-export-button").click()
    page.get_by_role("button", name="Write the COCO file").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download mules.json").click()
    file = pictures.parent / "out.json"
    download.value.save_as(file)
    coco = read_coco(file)
    assert len(coco.samples) == PICTURES
    records = json.loads(file.read_text())["annotations"]
    assert [record["attributes"].get("absent") for record in records].count(["ear_left"]) == 1
    assert records[-1]["attributes"]["point_sources"][-1] == "accepted"
