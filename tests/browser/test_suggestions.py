"""The next suggested face on the label page: where it leads, why, and near-duplicates that it passes over."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from labeler.storage.records import Point
from tests.browser.conftest import Site, on_screen, open_tab, root, saved, wait_for
from tests.labeler.guidance.test_suggestions import drawn

pytestmark = pytest.mark.browser


def test_shift_u_leads_to_faces_unlike_the_labeled_ones_and_passes_over_duplicates(page: Page, site: Site) -> None:
    project = site.project("larks", pictures=1)
    folder = site.folder / "blots"
    folder.mkdir()
    for name, seed, quality in (("one", 1, 95), ("two", 2, 95), ("one-again", 1, 70), ("three", 3, 95)):
        drawn(seed).save(folder / f"{name}.jpg", quality=quality)
        project.add_pictures([folder / f"{name}.jpg"])
    plain, one, two, again, three = (face.id for face in project.store.faces())
    project.store.set_skip(plain, "not a face")
    project.store.edit_points(one, {1: Point(60.0, 60.0, 2)})
    open_tab(page, site, "larks", "label")
    shown = f"{root('label')}?.editor.view?.face"
    wait_for(lambda: page.evaluate(shown) == plain)
    # While the server still looks at the pictures the page says so; then it asks again by itself.
    mark = page.locator(".strip-row .badge", has_text="≈")
    expect(mark).to_have_count(1)
    expect(mark).to_have_attribute("title", "near-duplicate of one.jpg, labeled already: skipped in suggestions")

    note = page.locator(".face-head .suggest-note")
    expect(note).to_have_count(0)
    seen = set()
    for _ in range(2):
        before = page.evaluate(shown)
        page.keyboard.press("Shift+U")
        wait_for(lambda before=before: page.evaluate(shown) != before)
        expect(note).to_have_text("Suggested: unlike the one labeled so far.")
        seen.add(page.evaluate(shown))
    assert seen == {two, three}

    page.evaluate(f"{root('label')}.open(3)")
    wait_for(lambda: page.evaluate(shown) == again)
    expect(note).to_have_text("Near-duplicate of one.jpg, labeled already: skipped in suggestions")
    page.mouse.click(*on_screen(page, "label", 60, 60))
    saved(page)
    expect(note).to_have_count(0)  # whoever labels it has decided
    expect(mark).to_have_count(0)
    project.store.edit_points(two, {1: Point(60.0, 60.0, 2)})
    project.store.edit_points(three, {1: Point(60.0, 60.0, 2)})
    page.keyboard.press("Shift+U")
    expect(page.locator(".toast")).to_have_text(
        "No other face is left to suggest: each is begun, skipped or a near-duplicate."
    )
