"""No request of a page is refused, whether the browser sends cookies with it or not."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, Response

from tests.browser.conftest import Site, open_tab, round_trip

pytestmark = pytest.mark.browser


def test_no_request_of_any_tab_is_refused(page: Page, site: Site) -> None:
    site.project("terns")
    refused: list[str] = []
    page.on(
        "response", lambda response: refused.append(f"{response.status} {response.url}") if _bad(response) else None
    )
    open_tab(page, site, "terns", "label")
    for tab in ("project", "schema", "label", "train", "review", "export"):
        page.locator(f"#tab-{tab}-button").click()
        round_trip(page)
    # A browser with windows fetches the manifest by itself, without cookies.
    manifest = page.context.new_cdp_session(page).send("Page.getAppManifest")
    assert (manifest["errors"], manifest["manifest"]["name"]) == ([], "mdmd labeler")
    round_trip(page)
    assert refused == []


def test_a_locked_page_has_its_icon(chromium: Browser, site: Site) -> None:
    context = chromium.new_context()
    page = context.new_page()
    answer = page.goto(site.url)
    assert answer is not None
    assert answer.status == 401
    for path in ("favicon.ico", "manifest.json", "robots.txt"):
        assert context.request.get(f"{site.url}/{path}").status == 200
    context.close()


def _bad(response: Response) -> bool:
    return response.status >= 400
