"""Copies of the labels on the Project page, and what all pages say about damaged labels."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Complaints, Site, open_canvas, root, wait_for
from tests.builders import label_face

pytestmark = pytest.mark.browser


def project_page(page: Page, site: Site, name: str) -> None:
    page.goto("about:blank")
    page.goto(f"{site.url}/?project={name}#project")


def test_a_person_goes_back_to_a_copy_and_takes_that_back(page: Page, site: Site, complaints: Complaints) -> None:
    project = site.project("wrynecks")
    project_page(page, site, "wrynecks")
    wait_for(project.safekeeping.backups.all)  # the server makes one by itself soon after it opens a project
    label_face(project, 1)
    project.safekeeping.before("asked")
    label_face(project, 2)
    project_page(page, site, "wrynecks")
    page.get_by_role("button", name="Copies of the labels").click()
    expect(page.get_by_text("1 labeled face, 4 points; going back loses 1 edit on 1 face")).to_be_visible()
    page.get_by_role("button", name="Go back to this copy…").click()
    expect(page.get_by_text("by hand? Going back loses 1 edit on 1 face")).to_be_visible()
    page.get_by_role("button", name="Go back", exact=True).click()
    expect(page.get_by_text(re.compile("The labels are those of the copy of .*, by hand now"))).to_be_visible()
    now = site.workspace.open("wrynecks").store
    assert set(now.points()) == {1}
    expect(page.locator(".topbar")).to_contain_text("1 of 3 faces complete")
    # The newest copy may be one of the project that was opened anew.
    page.get_by_label("Copy", exact=True).click()
    page.get_by_role("option", name="before going back to a copy").click()
    expect(page.get_by_text("2 labeled faces, 8 points; going back loses nothing")).to_be_visible()
    page.get_by_role("button", name="Go back to this copy…").click()
    page.get_by_role("button", name="Go back", exact=True).click()
    wait_for(lambda: set(now.points()) == {1, 2})
    # A request that was under way while the labels were replaced may be refused; the page asks again.
    complaints.expect("status of 500")


def test_a_person_goes_back_to_the_copy_that_the_question_names(page: Page, site: Site, complaints: Complaints) -> None:
    project = site.project("dippers")
    for face in (1, 2):
        label_face(project, face)
        project.safekeeping.before("asked")
    label_face(project, 3)
    project_page(page, site, "dippers")
    page.get_by_role("button", name="Copies of the labels").click()
    page.get_by_label("Copy", exact=True).click()
    page.get_by_role("option", name="by hand").nth(1).click()
    expect(page.get_by_text("going back loses 2 edits on 2 faces")).to_be_visible()
    page.get_by_role("button", name="Go back to this copy…").click()
    sure = page.get_by_role("button", name="Go back", exact=True)
    expect(sure).to_be_visible()
    # Another choice takes the question away.
    page.get_by_label("Copy", exact=True).click()
    page.get_by_role("option", name="by hand").nth(0).click()
    expect(sure).to_be_hidden()
    page.get_by_label("Copy", exact=True).click()
    page.get_by_role("option", name="by hand").nth(1).click()
    page.get_by_role("button", name="Go back to this copy…").click()
    expect(page.get_by_text("by hand? Going back loses 2 edits on 2 faces")).to_be_visible()
    # The newest copy is the chosen one again, and the question still names the older one.
    older = page.get_by_label("Copy", exact=True).input_value()
    page.get_by_role("tab", name="Train").click()
    page.get_by_role("tab", name="Project").click()
    expect(page.get_by_label("Copy", exact=True)).not_to_have_value(older)
    sure.click()
    expect(page.get_by_text(re.compile("The labels are those of the copy of .*, by hand now"))).to_be_visible()
    assert set(site.workspace.open("dippers").store.points()) == {1}
    complaints.expect("status of 500")


def test_every_page_says_that_labels_are_damaged(page: Page, site: Site) -> None:
    project = site.project("treecreepers")
    label_face(project, 1)
    open_canvas(page, site, "treecreepers", "label")
    wait_for(lambda: page.evaluate(f"{root('label')}?.editor.view?.face"))
    expect(page.locator(".topbar .trouble")).to_be_hidden()
    project.store.connection.db.execute("DROP TRIGGER point_edits_updated")
    project.store.connection.db.execute("UPDATE point_edits SET x = x + 1 WHERE landmark_id = 2")
    project_page(page, site, "treecreepers")
    page.get_by_role("button", name="Copies of the labels").click()
    page.get_by_role("button", name="Check the labels").click()
    expect(page.get_by_text("labels.db is damaged: the labels of face 1 in picture 1")).to_be_visible()
    trouble = page.locator(".topbar .trouble")
    expect(trouble).to_have_text("labels need a look")
    page.get_by_role("tab", name="Train").click()
    trouble.click()
    expect(page).to_have_url(f"{site.url}/?project=treecreepers#project")
    expect(page.get_by_text("labels.db is damaged: the labels of face 1 in picture 1")).to_be_visible()


def test_a_project_whose_labels_cannot_be_opened_goes_back_to_a_copy(
    page: Page, site: Site, complaints: Complaints
) -> None:
    project = site.project("nuthatches")
    label_face(project, 1)
    project.safekeeping.before("asked")
    project.close()
    site.workspace.close()
    (project.folder / "labels.db").write_bytes(b"")
    project_page(page, site, "nuthatches")
    expect(page.get_by_text("Project nuthatches cannot be opened")).to_be_visible()
    page.get_by_role("button", name="Copies of the labels").click()
    expect(page.get_by_text("the labels that there are now cannot be read")).to_be_visible()
    page.get_by_role("button", name="Go back to this copy…").click()
    page.get_by_role("button", name="Go back", exact=True).click()
    wait_for(lambda: (project.folder / "labels.db").stat().st_size)
    expect(page.locator("h1", has_text="nuthatches")).to_be_visible()
    assert set(site.workspace.open("nuthatches").store.points()) == {1}
    complaints.expect("status of")  # what needs the labels was answered with an error before
