"""What holds on every page: names for screen readers, no request to elsewhere, text that stays text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from labeler.project.project import Project
from labeler.storage.records import PredictedPoint
from mdmd.data.definition import Definition
from tests.browser.conftest import Site, canvas, root, wait_for
from tests.builders import CATEGORY, label_face

pytestmark = pytest.mark.browser

TABS = ("project", "schema", "label", "train", "review", "export")
#: What stands on a Gradio page when the server has answered.
DRAWN = {
    "project": ".tile",
    "train": "button:has-text('Train on my')",
    "export": "button:has-text('Write the COCO file')",
}
EXECUTES = '<img src=x onerror="window.executed = true">'
#: Names as hostile as a file system takes them.
FILES = (
    EXECUTES.replace("/", "") + ".png",
    "\"quoted\" 'twice' `${window.executed = true}` {{7*7}}.png",
    "\u202egnp.\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627.png",
    "\U0001f435\U0001f9d1\u200d\U0001f680.png",
    "long " + "x" * 240 + ".png",
)
LANDMARKS = (EXECUTES, "<script>window.executed = true</script>", "\u05e2\u05d9\u05df \U0001f441", "y" * 300)


def hostile(site: Site) -> Project:
    """A project with every kind of hostile name, labels, predictions and a run."""
    category: dict[str, Any] = {**CATEGORY, "name": EXECUTES, "keypoints": list(LANDMARKS)}
    project = site.workspace.create(
        "\u05e9\u05dc\u05d5\u05dd " + "z" * 50, definition=Definition.from_category(category)
    )
    folder = site.folder / "hostile"
    folder.mkdir()
    for k, name in enumerate(FILES):
        Image.new("RGB", (400, 300), (40 * k, 90, 120)).save(folder / name)
    project.add_pictures([folder])
    for face in project.store.faces()[:2]:
        label_face(project, face.id)
    places = {1: (150.0, 110.0), 2: (250.0, 110.0), 3: (200.0, 160.0), 4: (200.0, 230.0)}
    for face in project.store.faces()[2:]:
        points = {key: PredictedPoint(x, y, (9.0, 2.0, 6.0), 0.3, True) for key, (x, y) in places.items()}
        project.store.predictions.add(face.id, {face.id: points})
    return project


def walk(page: Page, site: Site, project: str) -> Iterator[str]:
    """Open a project, go to every tab, wait until it is drawn, and yield its name."""
    page.goto(f"{site.url}/?project={project}#export")
    # The page goes by itself to the tab in its address, once.
    page.locator("#tab-export-button[aria-selected=true]").wait_for()
    for tab in TABS:
        page.locator(f"#tab-{tab}-button").click()
        if tab in ("schema", "label", "review"):
            canvas(page, tab).wait_for()
            wait_for(
                lambda tab=tab: page.evaluate(f"Boolean(({root(tab)}.canvas ?? {root(tab)}.editor.canvas).scene.image)")
            )
        else:
            page.locator(f"#tab-{tab}").locator(DRAWN[tab]).first.wait_for()
        yield tab


def test_hostile_names_are_text_on_every_page(page: Page, site: Site) -> None:
    project = hostile(site)
    page.add_init_script("window.executed = false")
    seen = {}
    for tab in walk(page, site, project.name):
        panel = page.locator(f"#tab-{tab}")
        seen[tab] = panel.inner_text()
        assert page.evaluate("window.executed") is False
        assert panel.locator("img[src=x]").count() == 0
    expect(page.locator(".topbar .project")).to_have_text(project.name)
    for name in sorted(picture.name for picture in project.store.images()):
        assert name in {file.replace("\u202e", "\ufffd") for file in FILES}  # a mark that turns the direction of text
    page.locator("#tab-label-button").click()
    for _ in FILES:
        shown = page.evaluate(f"{root('label')}.items[{root('label')}.index].picture.name")
        expect(page.locator("#tab-label .face-name")).to_have_text(re.compile(re.escape(shown)))
        page.keyboard.press("d")
    assert all(name in seen["label"] for name in LANDMARKS)
    assert all(name in seen["review"] for name in LANDMARKS)
    page.locator("#tab-schema-button").click()
    values = (
        page.locator("#tab-schema .table-rows li").get_by_label("Name").evaluate_all("all => all.map((i) => i.value)")
    )
    assert values == list(LANDMARKS)
    page.locator("#tab-label-button").click()
    page.keyboard.press("?")
    page.keyboard.press("Escape")
    page.keyboard.press("t")
    page.keyboard.press("q")
    assert page.evaluate("window.executed") is False


def ready(site: Site, name: str) -> Project:
    """A project with something on every page: two faces labeled, the third predicted."""
    project = site.project(name)
    first, second, third = (face.id for face in project.store.faces())
    for face in (first, second):
        label_face(project, face)
    points = {key: PredictedPoint(100.0 + key, 90.0, (9.0, 2.0, 6.0), 0.3, True) for key in (1, 2, 3, 4)}
    project.store.predictions.add(1, {third: points})
    return project


def test_no_request_leaves_the_machine(page: Page, site: Site) -> None:
    ready(site, "storks")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda socket: asked.append(socket.url))
    assert list(walk(page, site, "storks")) == list(TABS)
    hosts = {re.sub(r"^\w+://([^/]*).*", r"\1", url) for url in asked if not url.startswith(("data:", "blob:"))}
    assert hosts == {site.url.removeprefix("http://")}
    assert len(asked) > 30  # scripts, styles, pictures and labels were asked for, and all of them here


#: Controls that a person can reach but that say nothing to a screen reader.
NAMELESS = """(panel) => {
  const kinds = "button, input, select, textarea, a[href], [role=button], [role=option]";
  const controls = [...panel.querySelectorAll(kinds)].filter((c) => c.checkVisibility() && c.type !== "hidden");
  const named = (control) => {
    const by = (control.getAttribute("aria-labelledby") ?? "").split(" ").map((id) => document.getElementById(id));
    const labels = [...(control.labels ?? []), ...by].map((label) => label?.textContent ?? "");
    const own = ["INPUT", "SELECT", "TEXTAREA"].includes(control.tagName) ? "" : control.textContent;
    const inner = [...control.querySelectorAll("[aria-label], img[alt]")].map((e) => e.ariaLabel ?? e.alt);
    return [control.ariaLabel, control.title, own, ...labels, ...inner].some((name) => name?.trim());
  };
  return controls.filter((control) => !named(control)).map((control) => control.outerHTML.slice(0, 200));
}"""


def test_every_control_has_a_name(page: Page, site: Site) -> None:
    ready(site, "plovers")
    counted = 0
    nameless = {}
    for tab in walk(page, site, "plovers"):
        panel = page.locator(f"#tab-{tab}")
        nameless[tab] = panel.evaluate(NAMELESS)
        counted += panel.locator("button:visible, input:visible, select:visible").count()
    assert nameless == {tab: [] for tab in TABS}
    assert page.locator("body").evaluate(NAMELESS) == []
    assert counted > 60


def test_focus_is_seen_wherever_tab_goes(page: Page, site: Site) -> None:
    project = site.project("dunlins")
    label_face(project, project.store.faces()[0].id)
    page.goto(f"{site.url}/?project=dunlins#label")
    canvas(page, "label").wait_for()
    wait_for(lambda: page.evaluate(f"{root('label')}?.editor.view?.face"))
    page.locator("#tab-label-button").focus()
    stops = []
    for _ in range(14):
        page.keyboard.press("Tab")
        stops.append(
            page.evaluate("""() => {
          const it = document.activeElement, style = getComputedStyle(it);
          const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1;
          return [it.tagName, ring || style.boxShadow !== "none"];
        }""")
        )
        if stops[-1][0] == "CANVAS":
            page.keyboard.press("Escape")  # Tab belongs to the canvas; Escape leaves it.
    assert all(ring for _, ring in stops), stops
    assert {"BUTTON", "CANVAS"} <= {tag for tag, _ in stops}
