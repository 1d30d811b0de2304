"""The Chromium of the tests: one for all of them, with a camera that shows a drawing and is never asked about."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Error, Playwright, sync_playwright

ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"),
    *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),
]


def running() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = _launch(playwright)
        if browser is None:
            pytest.skip(
                "no browser: neither Playwright's own Chromium (playwright install chromium) nor one on this machine"
            )
        yield browser
        browser.close()


def _launch(playwright: Playwright) -> Browser | None:
    # Without windows it is quicker, so Debian's shell comes before Playwright's own Chromium (None).
    shell = [path for path in [shutil.which("chromium-headless-shell")] if path]
    installed = [path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))]
    for path in (*shell, None, "/usr/bin/chromium", *installed):
        if path is None or os.access(path, os.X_OK):
            with contextlib.suppress(Error):
                return playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
    return None
