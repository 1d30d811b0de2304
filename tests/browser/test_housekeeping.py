"""Projects are renamed, copied and deleted, and pictures removed, in the browser; no edit of another window is lost."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from labeler.runs.housekeeping import rename_project
from tests.browser.conftest import Complaints, Site, click_at, open_canvas, root, round_trip, saved, wait_for, watch
from tests.builders import label_face

pytestmark = pytest.mark.browser


def test_edits_of_a_window_with_the_old_name_arrive_in_the_renamed_project(
    page: Page, site: Site, complaints: Complaints
) -> None:
    project = site.project("rooks", pictures=1)
    face = project.store.faces()[0].id
    open_canvas(page, site, "rooks", "label")
    wait_for(lambda: page.evaluate(f"{root('label')}?.editor.view?.face") == face)
    rename_project(site.workspace, "rooks", "crows")
    # Another project takes the name, and has a face with the same number.
    other = site.project("rooks two", pictures=1)
    rename_project(site.workspace, "rooks two", "rooks")
    click_at(page, "label", 150, 110)
    expect(page.locator(".save-mark")).to_contain_text("renamed or deleted; your edits are kept")
    context = page.context
    page.close()
    again = context.new_page()
    watch(again, complaints)
    open_canvas(again, site, "rooks", "label")
    saved(again)
    open_canvas(again, site, "crows", "label")
    saved(again)
    crows, rooks = site.workspace.open("crows"), site.workspace.open("rooks")
    assert sorted(wait_for(lambda: crows.store.points(face).get(face))) == [1]
    assert rooks.store.points() == {}
    assert other.name == "rooks two"
    complaints.expect("status of 404")


def test_a_project_is_renamed_copied_deleted_and_put_back_by_keyboard(
    page: Page, site: Site, complaints: Complaints
) -> None:
    # What a page asked just before its project got another name is refused.
    complaints.expect("status of 500")
    project = site.project("larks", pictures=2)
    label_face(project, project.store.faces()[0].id)
    frame = page.get_by_role("button", name="Rename, copy or delete this project")
    page.goto(f"{site.url}/?project=larks#project")
    frame.press("Enter")
    name = page.get_by_label("New name")
    name.fill("larks")
    page.get_by_role("button", name="Make a copy").press("Enter")
    expect(page.get_by_text("There is already a project named 'larks'")).to_be_visible()
    expect(name).to_be_focused()
    name.fill("pipits")
    page.get_by_role("button", name="Make a copy").press("Enter")
    page.wait_for_url("**/?project=pipits#project")
    expect(page.get_by_role("status").get_by_text("This is the copy of “larks”: “pipits”.")).to_be_visible()
    assert site.workspace.open("pipits").progress().complete_faces == 1

    frame.press("Enter")
    name.fill("wrens")
    name.press("Enter")
    page.wait_for_url("**/?project=wrens#project")
    expect(page.get_by_text("“pipits” is now named “wrens”.")).to_be_visible()
    assert "pipits" not in site.workspace.names()

    frame.press("Enter")
    page.get_by_role("button", name="Delete…").press("Enter")
    expect(page.get_by_text("Delete project wrens, with 2 pictures and 4 labels?")).to_be_visible()
    page.get_by_role("button", name="Move to the trash").press("Enter")
    page.wait_for_url(re.compile(r"/(#project)?$"))
    expect(page.get_by_text("“wrens” is in the trash, which can put it back.")).to_be_visible()
    assert "wrens" not in site.workspace.names()
    page.get_by_role("button", name="Trash").press("Enter")
    expect(page.get_by_text(str(site.workspace.trash.folder.absolute()))).to_be_visible()
    page.get_by_role("button", name="Put back", exact=True).press("Enter")
    page.wait_for_url("**/?project=wrens#project")
    expect(page.get_by_text("“wrens” is back.")).to_be_visible()
    assert site.workspace.open("wrens").progress().complete_faces == 1
    complaints.expect("status of 404")  # what a page still asked of the name that it was about to leave


def test_the_open_face_and_a_draft_survive_a_rename(page: Page, site: Site, complaints: Complaints) -> None:
    project = site.project("ravens", pictures=3)
    last = project.store.faces()[2].id
    open_canvas(page, site, "ravens", "label")
    wait_for(lambda: page.evaluate(f"{root('label')}?.items.length") == 3)
    page.evaluate(f"{root('label')}.open(2)")
    wait_for(lambda: page.evaluate(f"{root('label')}.editor.view?.face") == last)
    open_canvas(page, site, "ravens", "schema")
    page.get_by_label("Name of the schema").fill("mine")
    page.keyboard.press("Tab")
    expect(page.locator(".save-state")).to_have_text("Not saved yet")
    page.on("dialog", lambda dialog: dialog.accept())
    rename_project(site.workspace, "ravens", "jays")
    open_canvas(page, site, "jays", "schema")
    expect(page.get_by_label("Name of the schema")).to_have_value("mine")
    open_canvas(page, site, "jays", "label")
    wait_for(lambda: page.evaluate(f"{root('label')}?.editor.view?.face") == last)
    complaints.expect("status of 404")  # what the page still asked of the old name


def test_a_picture_is_removed_on_the_label_page_and_put_back_on_the_project_page(
    page: Page, site: Site, complaints: Complaints
) -> None:
    project = site.project("dippers", pictures=3)
    first, second, _ = (face.id for face in project.store.faces())
    label_face(project, first)
    open_canvas(page, site, "dippers", "label")
    wait_for(lambda: page.evaluate(f"{root('label')}?.items.length") == 3)
    page.evaluate(f"{root('label')}.open(0)")
    wait_for(lambda: page.evaluate(f"{root('label')}?.editor.view?.face") == first)
    page.get_by_role("button", name="Remove picture…").press("Enter")
    dialog = page.get_by_role("dialog", name="Remove this picture?")
    expect(dialog).to_contain_text("dippers-0.png: 1 face with 4 labels.")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert len(project.store.images()) == 3
    page.get_by_role("button", name="Remove picture…").press("Enter")
    dialog.get_by_role("button", name="Remove the picture").press("Enter")
    wait_for(lambda: page.evaluate(f"{root('label')}.editor.view.face") == second)
    round_trip(page)
    expect(page.get_by_text("Removed dippers-0.png.")).to_be_visible()
    assert wait_for(lambda: [picture.id for picture in project.store.images()] == [2, 3])
    complaints.expect("status of 404")  # what the page still asked of the picture that was about to go

    page.evaluate(f"({root('label')}).session.removal = () => Promise.reject(new Error('a run is running')), 0")
    page.get_by_role("button", name="Remove picture…").press("Enter")
    expect(page.get_by_text("a run is running")).to_be_visible()
    expect(dialog).to_have_count(0)

    page.goto(f"{site.url}/?project=dippers#project")
    page.get_by_role("button", name="Trash").press("Enter")
    expect(page.get_by_text("1 picture of this project was removed.")).to_be_visible()
    page.get_by_role("button", name="Put back", exact=True).press("Enter")
    expect(page.get_by_role("button", name=re.compile("^Trash"))).to_be_hidden()
    expect(page.get_by_text("The picture is back, with its labels.")).to_be_visible()
    assert len(project.store.points(first)[first]) == 4
    assert len(project.store.images()) == 3


def test_what_was_refused_is_not_said_any_more_when_the_page_is_shown_again(page: Page, site: Site) -> None:
    site.project("siskins")
    page.goto(f"{site.url}/?project=siskins#project")
    page.get_by_role("button", name="Rename, copy or delete this project").press("Enter")
    page.get_by_role("button", name="Rename", exact=True).press("Enter")
    refused = page.get_by_text("Type the new name first")
    expect(refused).to_be_visible()
    page.get_by_role("tab", name="Train").click()
    page.get_by_role("tab", name="Project").click()
    expect(refused).to_have_count(0)
