"""The Project page offers the demo while no project is open, and leads to it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from labeler.runs.control import list_runs
from labeler.runs.demo import NAME
from tests.browser.conftest import Site

pytestmark = pytest.mark.browser


def test_the_demo_is_one_click_away(page: Page, site: Site) -> None:
    page.goto(site.url)
    demo = page.get_by_role("button", name="or look at the demo project")
    demo.click()
    # Meanwhile the page works: a folder that is not there is named.
    expect(page.get_by_role("button", name="Making the demo project")).to_be_disabled()
    page.get_by_label("or a folder on this machine").last.fill("/nowhere")
    page.keyboard.press("Tab")
    expect(page.get_by_text("There is no folder /nowhere on this machine")).to_be_visible()
    page.wait_for_url(re.compile(f"project={NAME}"), timeout=120_000)
    project = site.workspace.open(NAME)
    [shipped] = list_runs(project)
    assert (shipped.state, shipped.has_model) == ("done", False)
    expect(page.get_by_role("tab", name="Label")).to_have_attribute("aria-selected", "true")
    page.get_by_role("tab", name="Project").click()
    expect(page.get_by_text(re.compile(r"Next: .*doubtful points on the Review page"))).to_be_visible()
    expect(demo).to_have_count(0)
    # Made once, it is opened.
    page.goto(site.url)
    expect(page.locator(".projects").get_by_text(NAME, exact=True)).to_be_visible()
    demo.focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(f"project={NAME}"))
    assert len(list_runs(site.workspace.open(NAME))) == 1
