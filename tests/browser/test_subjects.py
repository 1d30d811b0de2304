"""The Project page says which pictures show one animal, by their folders or names."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Site

pytestmark = pytest.mark.browser


def test_subjects_are_set_by_a_rule_and_a_wrong_one_is_said_beside_the_field(page: Page, site: Site) -> None:
    project = site.project("terns", pictures=3)
    page.goto(f"{site.url}/?project=terns#project")
    expect(
        page.get_by_text("3 subjects on 3 pictures: terns-0.png (1), terns-1.png (1), terns-2.png (1)")
    ).to_be_visible()
    rule = page.get_by_label("Subjects come from")
    rule.fill("terns")
    rule.press("Enter")
    expect(page.get_by_text("wanted folder, picture, or a pattern with {subject}")).to_be_visible()
    assert len(project.subjects()) == 3
    rule.fill("{subject}-*")
    page.get_by_role("button", name="Set subjects").press("Enter")
    expect(page.get_by_text("1 subject on 3 pictures: terns (3).")).to_be_visible()
    expect(page.get_by_text("Pictures with another subject than before: 3.")).to_be_visible()
    expect(page.get_by_text("wanted folder, picture, or a pattern")).to_be_hidden()
    assert project.subjects() == {"terns": 3}
    rule.fill("folder")
    rule.press("Enter")
    expect(page.get_by_text("The rule does not fit the names of 3 of the pictures")).to_be_visible()
    page.reload()
    expect(page.get_by_text("1 subject on 3 pictures: terns (3).")).to_be_visible()
