"""The pages follow the size of text that a person has chosen in the browser, and have room for it at 1024 x 700."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from labeler.project.project import Project
from labeler.storage.records import PredictedPoint
from mdmd.data.definition import load_definition
from tests.browser.conftest import Site, canvas, open_canvas, open_tab, root, wait_for
from tests.builders import label_face

pytestmark = pytest.mark.browser

#: What holds text and must show all of it, of each page.
HOLDERS = {
    "label": ".tool, .start-menu, .strip-row, .strip-head > :not([hidden]), .strip-foot > *, .landmarks button,"
    " .landmarks h2, .face-head, .schematic-caption, .hint",
    "review": ".tool, .strip-row, .landmarks button, .landmarks h2, .face-head, .hint, .budget label, .budget p",
    "schema": ".tool, .form-row, .table-head, .table-rows li:nth-child(-n + 4), .save-row",
}
#: Elements of a page whose content is larger than they are, stands out of the window, or lies on another one.
DEFECTS = """([page, selector]) => {
  const page_of = document.querySelector(`.canvas-root[data-page=${page}]`);
  const found = [];
  const seen = [...page_of.querySelectorAll(selector)].filter((e) => e.offsetParent);
  const name = (e) => `${e.className || e.tagName} "${e.textContent.trim().slice(0, 30)}"`;
  for (const e of seen) {
    if (e.scrollHeight > e.clientHeight + 1 && e.tagName !== "SELECT") found.push(`${name(e)} is cut off below`);
    if (e.scrollWidth > e.clientWidth + 1) found.push(`${name(e)} is cut off at its side`);
    const { left, right } = e.getBoundingClientRect();
    if (left < -0.5 || right > innerWidth + 0.5) found.push(`${name(e)} stands out of the window`);
  }
  const tools = seen.filter((e) => e.matches(".tool, .start-menu")).map((e) => e.getBoundingClientRect());
  tools.forEach((a, k) => tools.slice(k + 1).forEach((b) => {
    const aside = a.right <= b.left + 0.5 || b.right <= a.left + 0.5;
    const above = a.bottom <= b.top + 0.5 || b.bottom <= a.top + 0.5;
    if (!aside && !above) found.push(`two tools at ${a.left} and ${b.left} lie on each other`);
  }));
  if (document.scrollingElement.scrollWidth > innerWidth) found.push("the page scrolls sideways");
  if (!seen.length) found.push(`nothing of ${page} is seen`);
  return found;
}"""


def realistic(site: Site, name: str) -> Project:
    """A project with long names, labels, a half labeled, a skipped and predicted faces."""
    project = site.project(name, pictures=6, definition=load_definition("animweb"))
    assert project.definition is not None
    ids = project.definition.ids
    done, half, skipped, *predicted = project.store.faces()
    label_face(project, done.id)
    label_face(project, half.id, ids[:4])
    project.store.set_skip(skipped.id, "no face, only a shadow")
    for face in predicted:
        points = {key: PredictedPoint(150.0 + key, 110.0, (9.0, 2.0, 6.0), 0.3, key < 3) for key in ids}
        project.store.predictions.add(face.id, {face.id: points})
    return project


def text_size(page: Page, pixels: int) -> None:
    """Chromium's own setting of the size of text."""
    sizes = {"standard": pixels, "fixed": pixels}
    page.context.new_cdp_session(page).send("Page.setFontSizes", {"fontSizes": sizes})
    wait_for(lambda: page.evaluate("getComputedStyle(document.documentElement).fontSize") == f"{pixels}px")


def name_size(page: Page) -> float:
    """The size of a name in the list of landmarks, in CSS pixels."""
    name = ".canvas-root[data-page=label] .landmarks .name"
    return float(page.evaluate(f"parseFloat(getComputedStyle(document.querySelector('{name}')).fontSize)"))


def rem_of_canvas(page: Page) -> Any:
    return page.evaluate(f"{root('label')}.editor.canvas.viewport.rem")


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (1024, 700)])
def test_text_has_the_size_that_the_browser_says_and_room(page: Page, site: Site, width: int, height: int):
    page.set_viewport_size({"width": width, "height": height})
    name = f"text{width}"
    realistic(site, name)
    open_tab(page, site, name, "label")
    page.locator(".landmarks .name").first.wait_for()
    assert name_size(page) == 13
    assert rem_of_canvas(page) == 16
    sizes = (24, 20, 16) if width == 1440 else (20, 16)
    for tab in ("label", "review", "schema"):
        page.locator(f"#tab-{tab}-button").click()
        canvas(page, tab).wait_for()
        page.locator(f".canvas-root[data-page={tab}] .tool").first.wait_for()
        for pixels in sizes:
            text_size(page, pixels)
            if tab == "label":
                assert name_size(page) == 13 * pixels / 16
                wait_for(lambda size=pixels: rem_of_canvas(page) == size)
            page.evaluate("new Promise(requestAnimationFrame)")
            assert page.evaluate(DEFECTS, [tab, HOLDERS[tab]]) == [], f"{tab} at {pixels} pixels"


def test_the_tools_stand_in_one_row_at_1024_and_the_start_says_what_it_is(page: Page, site: Site):
    page.set_viewport_size({"width": 1024, "height": 700})
    realistic(site, "onerow")
    open_tab(page, site, "onerow", "label")
    menu = page.get_by_label("Start faces from")
    menu.wait_for()
    assert menu.locator("option").all_text_contents() == [
        "Start: nothing",
        "Start: mean shape",
        "Start: previous picture",
        "Start: prediction",
    ]
    middles = page.evaluate(
        "[...document.querySelectorAll('[data-page=label] .toolbar :is(.tool, .start-menu)')]"
        ".map((e) => e.getBoundingClientRect()).map((r) => Math.round((r.top + r.bottom) / 2))"
    )
    assert len(set(middles)) == 1
    assert len(middles) > 15


def test_six_figures_of_a_project_stand_three_by_three_at_1024(page: Page, site: Site):
    page.set_viewport_size({"width": 1024, "height": 700})
    realistic(site, "figures")
    page.goto(f"{site.url}/?project=figures#project")
    tops = "[...document.querySelectorAll('.tile')].map((tile) => Math.round(tile.getBoundingClientRect().top))"
    found = wait_for(lambda: len(found := page.evaluate(tops)) == 6 and found)
    assert [found.count(top) for top in sorted(set(found))] == [3, 3]


def test_nothing_jumps_when_the_bar_arrives(page: Page, site: Site):
    realistic(site, "still")
    held: list[Route] = []
    page.route("**/ui/*/boot.js", lambda route: held.append(route))
    page.goto(f"{site.url}/?project=still#project")
    tabs = page.locator("#tabs > .tab-wrapper")
    tabs.wait_for()
    before = tabs.bounding_box()
    wait_for(lambda: page.evaluate("true") and held)
    for route in held:
        route.continue_()
    page.locator(".topbar .project").wait_for()
    assert before is not None
    assert before["y"] == 40
    assert tabs.bounding_box() == before


def test_a_narrow_bar_cuts_the_progress_and_neither_the_name_nor_what_is_saved(page: Page, site: Site):
    site.project("goats and geese")
    page.set_viewport_size({"width": 1024, "height": 700})
    open_canvas(page, site, "goats and geese", "label")
    expect(page.locator(".topbar .progress-text")).to_have_text("0 of 3 faces complete")
    found = page.evaluate("""() => {
      const bar = document.querySelector(".topbar");
      const [name, progress, learning, mark] = [".project", ".progress-text", ".learning", ".save-mark"].map((one) =>
        bar.querySelector(one),
      );
      progress.textContent = "1,208 of 2,290 faces complete, 1 skipped, 25 s a face, about 7 h 30 min left";
      learning.hidden = false;
      learning.textContent = "learning waits for the run";
      const lines = (element) => Math.round(element.clientHeight / parseFloat(getComputedStyle(element).fontSize));
      return {
        name: name.scrollWidth <= name.clientWidth,
        progress: progress.scrollWidth > progress.clientWidth,
        saved: lines(mark) <= 2,
        fits: bar.scrollWidth <= 1024 && mark.getBoundingClientRect().right <= 1024,
      };
    }""")
    assert found == {"name": True, "progress": True, "saved": True, "fits": True}
