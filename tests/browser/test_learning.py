"""The line of the top bar that says what is learned while one labels, and its switch."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Site

pytestmark = pytest.mark.browser

SHOWN = "learning from 24 faces · 5.6 %"


def test_the_bar_says_what_is_learned_and_its_switch_turns_it_off_by_key(page: Page, site: Site):
    project = site.project("taught")
    sent: list[object] = []

    def answer(route: Route) -> None:
        if route.request.method == "PUT":
            sent.append(json.loads(route.request.post_data or ""))
        on = not sent
        route.fulfill(json={"on": on, "text": SHOWN if on else "not learning", "title": "why"})

    page.route("**/learning", answer)
    page.goto(f"{site.url}/?project={project.name}")
    line = page.get_by_role("switch")
    expect(line).to_have_text(SHOWN)
    expect(line).to_have_attribute("aria-checked", "true")
    line.focus()
    page.keyboard.press("Enter")
    expect(line).to_have_text("not learning")
    expect(line).to_have_attribute("aria-checked", "false")
    assert sent == [{"on": False}]


def test_the_line_is_hidden_where_nothing_learns_in_the_background(page: Page, site: Site):
    project = site.project("resting")
    with page.expect_response("**/learning"):
        page.goto(f"{site.url}/?project={project.name}")
    expect(page.locator(".topbar .progress-text")).to_have_text("0 of 3 faces complete")
    expect(page.get_by_role("switch")).to_have_count(0)
