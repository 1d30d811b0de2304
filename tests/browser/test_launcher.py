"""The browser is started with a file that leads to the address with the token."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from labeler.server.server_folder import launcher
from tests.browser.conftest import Site

pytestmark = pytest.mark.browser


def test_the_file_signs_the_browser_in(chromium: Browser, site: Site, tmp_path: Path) -> None:
    site.project("geese")
    page = chromium.new_page()
    page.goto(launcher(tmp_path, f"{site.url}/?token={site.token}&project=geese").as_uri())
    page.wait_for_url(f"{site.url}/?project=geese")
    expect(page.get_by_role("tab", name="Label")).to_be_visible()
    assert page.evaluate("document.cookie") == ""
    page.goto("about:blank")
    page.goto(f"{site.url}/?token={site.token}")  # as the terminal prints it, in a browser that is signed in
    page.wait_for_url(f"{site.url}/")
    expect(page.get_by_role("tab", name="Project")).to_be_visible()
    page.close()
