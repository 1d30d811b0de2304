"""The schema editor: template, edges, groups, mirror pairs, problems, undo, a draft that survives a reload."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Site, canvas, click_at, open_tab, root, wait_for

pytestmark = pytest.mark.browser


def ready(page: Page, site: Site, name: str) -> None:
    open_tab(page, site, name, "schema")
    wait_for(lambda: page.evaluate(f"Boolean({root('schema')}?.canvas.scene.image)"))


def test_a_template_with_an_edge_taken_away_and_undone(page: Page, site: Site) -> None:
    project = site.project("storks", definition=None)
    ready(page, site, "storks")
    page.get_by_label("Template").select_option("pare")
    rows = page.locator(".table-rows li")
    expect(rows).to_have_count(9)
    places = [
        (150, 110),
        (180, 110),
        (220, 110),
        (250, 110),
        (200, 160),
        (170, 210),
        (230, 210),
        (200, 200),
        (200, 230),
    ]
    for x, y in places:
        click_at(page, "schema", x, y)
    page.keyboard.press("l")
    click_at(page, "schema", *places[0])
    click_at(page, "schema", *places[1])
    page.keyboard.press("l")
    assert len(page.evaluate(f"{root('schema')}.draft.edges")) == 5
    rows.nth(4).get_by_label("Group").select_option("2")
    canvas(page, "schema").focus()
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    assert len(page.evaluate(f"{root('schema')}.draft.edges")) == 6
    page.keyboard.press("Control+Shift+z")
    page.get_by_label("Normaliser, end 1").select_option(label="eye_inner_left")
    page.locator(".schema-side").get_by_role("button", name="Save").click()
    expect(page.locator(".save-state")).to_have_text("Saved, version 1")
    definition = project.definition
    assert definition is not None
    assert len(definition.edges) == 5
    assert definition.normalizer == ((1,), (3,))


def test_landmarks_from_nothing_with_mistakes(page: Page, site: Site) -> None:
    project = site.project("cranes", definition=None)
    ready(page, site, "cranes")
    places = [(140, 90), (260, 90), (150, 130)]
    for x, y in places:
        click_at(page, "schema", x, y)
    rows = page.locator(".table-rows li")
    for k, name in enumerate(("eye_left", "eye_right", "lower_lip")):
        rows.nth(k).get_by_label("Name").fill(name)
        rows.nth(k).get_by_label("Name").press("Tab")
    groups = "[...document.querySelectorAll('.table-rows select[aria-label=Group]')].map((s) => Number(s.value))"
    assert page.evaluate(groups) == [5, 6, 11]
    rows.nth(2).get_by_label("Group").select_option("2")
    rows.nth(2).get_by_label("Name").fill("nose")
    rows.nth(2).get_by_label("Name").press("Tab")
    assert page.evaluate(groups) == [5, 6, 2]
    rows.nth(2).get_by_label("Name").fill("  ")
    rows.nth(2).get_by_label("Name").press("Tab")
    expect(rows.nth(2).get_by_label("Name")).to_have_value("nose")

    canvas(page, "schema").focus()
    page.keyboard.press("l")
    click_at(page, "schema", *places[0])
    click_at(page, "schema", *places[1])
    page.keyboard.press("Escape")
    click_at(page, "schema", *places[2])
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    assert page.evaluate(f"{root('schema')}.mode") == "points"
    assert len(page.evaluate(f"{root('schema')}.draft.edges")) == 1
    page.keyboard.press("Control+s")
    expect(page.locator(".toast")).to_contain_text("Label page")
    assert project.definition is not None
    assert project.definition.edges == ((0, 1),)


def test_renaming_keeps_labels_and_a_draft_survives_a_reload(page: Page, site: Site) -> None:
    project = site.project("herons")
    ready(page, site, "herons")
    name = page.locator(".table-rows li").nth(2).get_by_label("Name")
    name.fill("eye_left")
    name.press("Tab")
    expect(page.locator(".problems")).to_contain_text("both named 'eye_left'")
    expect(page.locator(".schema-side").get_by_role("button", name="Save")).to_be_disabled()
    name.fill("beak")
    name.press("Tab")
    expect(page.locator(".problems li")).to_have_count(0)
    page.locator(".table-rows li").nth(3).get_by_role("button", name="Move up").click()
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    ready(page, site, "herons")
    expect(page.locator(".save-state")).to_have_text("Not saved yet")
    page.locator(".schema-side").get_by_role("button", name="Save").click()
    expect(page.locator(".save-state")).to_have_text("Saved, version 2")
    assert project.definition is not None
    assert project.definition.landmarks == ("eye_left", "eye_right", "chin", "beak")
    assert project.definition.ids == (1, 2, 4, 3)


def test_a_definition_saved_elsewhere_is_not_overwritten(page: Page, site: Site, complaints: list[str]) -> None:
    project = site.project("egrets")
    ready(page, site, "egrets")
    saved = project.store.definition()
    assert saved is not None
    project.store.save_definition({**saved.category, "name": "theirs"}, None, edited_from=saved.version)
    page.get_by_label("Name of the definition").fill("ours")
    page.keyboard.press("Tab")
    page.locator(".schema-side").get_by_role("button", name="Save").click()
    expect(page.locator(".toast.warning")).to_contain_text("version 2 by now")
    assert project.definition is not None
    assert project.definition.name == "theirs"
    complaints.clear()
