"""Labels that lie beside the pictures are found on the Project page, and come in if the person says so."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Site, wait_for
from tests.builders import write_pareidolias

pytestmark = pytest.mark.browser


def test_labels_beside_the_pictures_come_in_with_them(page: Page, site: Site) -> None:
    pictures = write_pareidolias(site.folder / "cups", 3).parent / "images"
    page.goto(site.url)
    page.get_by_label("Name").first.fill("cups")
    page.get_by_label("or a folder on this machine").last.fill(str(pictures))
    # The folder was typed last, and the button is pressed before the question stands there: then it asks.
    page.get_by_role("button", name="Create project").click()
    question = page.get_by_role("group", name="in annotations.json: bring them in?")
    expect(page.get_by_role("radio", name="Bring in 27 labels of 3 faces on 3 pictures")).to_be_checked()
    expect(page.get_by_text("choose above, then create the project")).to_be_visible()
    assert site.workspace.names() == []
    page.get_by_role("button", name="Create project").click()
    page.wait_for_url("**/?project=cups*")
    assert site.workspace.open("cups").progress().complete_faces == 3
    assert question.count() == 0


def test_a_file_that_names_more_pictures_than_there_are_is_no_failure(page: Page, site: Site) -> None:
    pictures = write_pareidolias(site.folder / "pots", 40).parent / "images"
    for picture in sorted(pictures.iterdir())[4:]:
        picture.unlink()
    page.goto(site.url)
    name, folder = page.get_by_label("Name").first, page.get_by_label("or a folder on this machine").last
    name.fill("pots")
    folder.fill(str(pictures))
    page.keyboard.press("Tab")
    expect(page.get_by_role("radio", name="Bring in")).to_be_checked()
    page.get_by_role("button", name="Create project").click()
    created = page.get_by_text("The project “pots” is created.")
    expect(created).to_be_visible()
    expect(page.get_by_text("36 labels of 4 faces came in from annotations.json.")).to_be_visible()
    expect(page.locator(".refused li")).to_have_text(
        ["36 pictures of the file are not in the folder"], use_inner_text=True
    )
    leads_on = page.get_by_role("link", name="Open pots")
    box, list_box = leads_on.bounding_box(), page.locator(".refused").bounding_box()
    assert box
    assert list_box
    assert box["y"] < list_box["y"]

    # Pressed once more, the form asks for another project.
    expect(name).to_have_value("")
    expect(folder).to_have_value("")
    page.get_by_role("button", name="Create project").click()
    expect(page.get_by_text("A project needs a name")).to_be_visible()
    assert site.workspace.names() == ["cups", "pots"]


def test_they_come_in_later_too_and_only_if_they_fit(page: Page, site: Site) -> None:
    annotations = write_pareidolias(site.folder / "mugs", 3)
    project = site.workspace.create("mugs")
    project.add_pictures([annotations.parent / "images"])
    page.goto(f"{site.url}/?project=mugs#project")
    folder = page.locator("#more-folder textarea")
    look = page.get_by_role("button", name="Look for labels")
    look.click()
    expect(page.get_by_text("Name the folder of the pictures, or the file with the labels")).to_be_visible()
    expect(folder).to_be_focused()
    # The sets of the tests lie below this folder: they are named, with the way to bring them in.
    folder.fill(str(site.folder))
    look.click()
    expect(page.get_by_text("they are COCO keypoints; bring them in under “Labels of another tool”")).to_be_visible()
    (site.folder / "empty" / "pictures").mkdir(parents=True)
    folder.fill(str(site.folder / "empty" / "pictures"))
    look.click()
    expect(page.get_by_text("No labels were found")).to_be_visible()
    expect(folder).to_have_attribute("aria-invalid", "true")
    folder.fill(str(annotations.parent / "images"))
    expect(folder).not_to_have_attribute("aria-invalid", "true")
    look.click()
    expect(page.get_by_role("radio", name="Bring in 27 labels")).to_be_checked()
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("27 labels of 3 faces came in from annotations.json.")).to_be_visible()
    assert wait_for(lambda: site.workspace.open("mugs").progress().complete_faces == 3)

    # A project with other landmarks says why they do not fit.
    site.project("jugs", pictures=1)
    page.goto(f"{site.url}/?project=jugs#project")
    folder.fill(str(annotations))
    page.keyboard.press("Tab")
    expect(page.get_by_text("annotations.json has 9 landmarks, the project has 4")).to_be_visible()
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("No labels can come in from annotations.json")).to_be_visible()


def test_what_is_wrong_with_a_field_stands_below_it(page: Page, site: Site) -> None:
    page.goto(site.url)
    name, folder = page.get_by_label("Name").first, page.get_by_label("or a folder on this machine").last
    folder.fill("/nowhere/at/all")
    # Leaving the field tells its problem, which moves the button away.
    folder.press("Tab")
    expect(page.get_by_role("alert").filter(has_text="There is no folder /nowhere/at/all")).to_be_visible()
    page.get_by_role("button", name="Create project").click()
    expect(page.get_by_role("alert").filter(has_text="A project needs a name")).to_be_visible()
    expect(name).to_be_focused()
    expect(name).to_have_attribute("aria-describedby", "new-name-problem")
    page.keyboard.type("a/b")
    expect(page.get_by_text("A project needs a name")).to_be_hidden()
    page.keyboard.press("Enter")
    expect(page.get_by_text("letters, digits, spaces, - and _ only")).to_be_visible()
    assert "a" not in site.workspace.names()
