"""The model of a run is exported from the Train page, and downloaded."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from mdmd.data.definition import load_definition
from tests.browser.conftest import Site
from tests.builders import leave_starter

pytestmark = pytest.mark.browser


def test_an_export_that_fails_says_why_and_one_that_is_there_is_downloaded(page: Page, site: Site) -> None:
    project = site.project("ospreys", pictures=1, definition=load_definition("300w"))
    (leave_starter(project, 1) / "model.json").unlink()
    page.goto(f"{site.url}/?project=ospreys#train")
    buttons = page.get_by_role("button", name="Export")
    expect(buttons).to_have_text(["Export the model", "Export as a web page"])
    buttons.first.click()
    expect(page.locator("p.note.warning")).to_contain_text("The model could not be exported:")
    expect(page.locator("p.note.warning")).to_contain_text("holds no model (no model.json)")
    expect(buttons.first).to_be_enabled()

    made = project.folder / "exports" / "ospreys-001-onnx"
    made.mkdir(parents=True)
    made.with_name(f"{made.name}.zip").write_bytes(b"PK")
    page.reload()
    expect(page.get_by_text(str(made))).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the zip").click()
    assert download.value.suggested_filename == "ospreys-001-onnx.zip"
    assert download.value.path().read_bytes() == b"PK"
