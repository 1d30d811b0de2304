"""Near-duplicates are marked on the label page until they have labels."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from labeler.storage.records import Point
from tests.browser.conftest import Site, on_screen, open_canvas, root, saved, wait_for
from tests.builders import SMALL
from tests.labeler.guidance.test_duplicates import drawn

pytestmark = pytest.mark.browser


def test_a_near_duplicate_is_marked_in_the_strip_and_the_head(page: Page, site: Site) -> None:
    project = site.workspace.create("larks", definition=SMALL)
    folder = site.folder / "blots"
    folder.mkdir()
    for name, seed, quality in (("one", 1, 95), ("two", 2, 95), ("one-again", 1, 70)):
        drawn(seed).save(folder / f"{name}.jpg", quality=quality)
        project.add_pictures([folder / f"{name}.jpg"])
    one, _, again = (face.id for face in project.store.faces())
    project.store.edit_points(one, {1: Point(60.0, 60.0, 2)})
    open_canvas(page, site, "larks", "label")
    shown = f"{root('label')}?.editor.view?.face"
    wait_for(lambda: page.evaluate(shown) == one)
    # The page asks again by itself while the server still compares the pictures.
    mark = page.locator(".strip-row .badge", has_text="≈")
    expect(mark).to_have_count(1)
    expect(mark).to_have_attribute("title", "Near-duplicate of one.jpg, which is labeled already")
    note = page.locator(".face-head .duplicate-note")
    expect(note).to_have_count(0)

    page.evaluate(f"{root('label')}.open(2)")
    wait_for(lambda: page.evaluate(shown) == again)
    expect(note).to_have_text("Near-duplicate of one.jpg, which is labeled already")
    page.mouse.click(*on_screen(page, "label", 60, 60))
    saved(page)
    expect(note).to_have_count(0)  # it is labeled now
    expect(mark).to_have_count(0)
