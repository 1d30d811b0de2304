"""The schema editor: templates, edges, groups, pairs, files, versions, problems, undo, drafts that survive."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from labeler.server.face_actions import FaceActions
from labeler.storage.records import Point
from mdmd.data.definition import Definition
from mdmd.formats.definition_files import form_by_name
from tests.browser.conftest import Complaints, Site, canvas, click_at, drag, intercept, open_canvas, root, wait_for
from tests.builders import MIDLINE, SMALL

pytestmark = pytest.mark.browser


def ready(page: Page, site: Site, name: str) -> None:
    open_canvas(page, site, name, "schema")
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
    page.keyboard.press("e")
    click_at(page, "schema", *places[0])
    click_at(page, "schema", *places[1])
    page.keyboard.press("e")
    assert len(page.evaluate(f"{root('schema')}.draft.edges")) == 5
    rows.nth(4).get_by_label("Group").select_option("2")
    canvas(page, "schema").focus()
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    assert len(page.evaluate(f"{root('schema')}.draft.edges")) == 6
    page.keyboard.press("Control+Shift+z")
    page.get_by_label("Normalizer, end 1").select_option(label="eye_inner_left")
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
    page.keyboard.press("e")
    click_at(page, "schema", *places[0])
    click_at(page, "schema", *places[1])
    page.keyboard.press("Escape")
    click_at(page, "schema", *places[2])
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    assert page.evaluate(f"{root('schema')}.pointerTools.mode") == "points"
    assert len(page.evaluate(f"{root('schema')}.draft.edges")) == 1
    page.keyboard.press("Control+s")
    expect(page.locator(".toast")).to_contain_text("Label page")
    assert project.definition is not None
    assert project.definition.edges == ((0, 1),)


def test_after_a_rename_a_click_on_another_name_goes_there_and_no_key_is_a_shortcut(page: Page, site: Site) -> None:
    site.project("bitterns")
    ready(page, site, "bitterns")
    rows = page.locator(".table-rows li")
    names = rows.get_by_label("Name")
    names.nth(1).click()
    names.nth(1).fill("eye_far")
    names.nth(3).click()
    expect(names.nth(3)).to_be_focused()
    expect(rows.nth(3)).to_have_attribute("aria-current", "true")
    page.keyboard.press("End")
    page.keyboard.press("Backspace")
    page.keyboard.type("p")
    page.keyboard.press("Enter")
    assert [one["name"] for one in page.evaluate(f"{root('schema')}.draft.landmarks")] == [
        "eye_left",
        "eye_far",
        "nose",
        "chip",
    ]


def test_after_every_step_is_undone_nothing_waits_to_be_saved(page: Page, site: Site) -> None:
    site.project("loons")
    ready(page, site, "loons")
    state = page.locator(".save-state")
    expect(state).to_have_text("Saved, version 1")
    name = page.locator(".table-rows li").first.get_by_label("Name")
    for each in ("eye_far", "eye_near"):
        name.fill(each)
        name.press("Tab")
    expect(state).to_have_text("Not saved yet")
    canvas(page, "schema").focus()
    page.keyboard.press("Control+z")
    expect(state).to_have_text("Not saved yet")
    page.keyboard.press("Control+z")
    expect(state).to_have_text("Saved, version 1")
    ready(page, site, "loons")
    expect(state).to_have_text("Saved, version 1")
    expect(name).to_have_value("eye_left")


def test_what_is_absent_on_the_reference_picture_is_not_asked_for(page: Page, site: Site) -> None:
    project = site.project("smews")
    first, second, _ = (face.id for face in project.store.faces())
    for face, (key, v) in ((first, (4, 0)), (second, (3, 0))):
        project.store.edit_points(face, {k: Point(100.0 + 20 * k, 90.0, 2) for k in (1, 2, 3, 4) if k != key})
        project.store.edit_points(face, {key: Point(None, None, v)})
    ready(page, site, "smews")
    hint = page.locator(".hint")
    expect(hint).to_have_text("Click to add a landmark, drag to move one")
    page.get_by_label("Reference picture", exact=True).select_option("2")
    wait_for(lambda: page.evaluate(f"Object.keys({root('schema')}.draft.places).join()") == "1,2,4")
    expect(hint).to_have_text("Click to add a landmark, drag to move one")
    assert page.evaluate(f"{root('schema')}.current") is None


def test_a_new_landmark_says_that_enter_names_it(page: Page, site: Site) -> None:
    site.project("darters", definition=None)
    ready(page, site, "darters")
    click_at(page, "schema", 200, 150)
    expect(page.locator(".hint")).to_have_text("Enter to name nose_1, or click to add another")
    page.keyboard.press("Enter")
    page.keyboard.type("beak")
    page.keyboard.press("Enter")
    expect(page.locator(".hint")).to_have_text("Enter to name beak, or click to add another")


def test_renaming_keeps_labels_and_a_draft_survives_a_reload(page: Page, site: Site) -> None:
    project = site.project("herons")
    ready(page, site, "herons")
    name = page.locator(".table-rows li").nth(2).get_by_label("Name")
    name.fill("eye_left")
    name.press("Tab")
    expect(page.locator(".problems")).to_contain_text("two landmarks are named 'eye_left'")
    expect(page.locator(".schema-side").get_by_role("button", name="Save")).to_be_disabled()
    name.fill("beak")
    name.press("Tab")
    expect(page.locator(".problems li")).to_have_count(0)
    page.locator(".table-rows li").nth(3).get_by_label("Name").press("Alt+ArrowUp")
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    ready(page, site, "herons")
    expect(page.locator(".save-state")).to_have_text("Not saved yet")
    page.locator(".schema-side").get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Save version 2").click()
    expect(page.locator(".save-state")).to_have_text("Saved, version 2")
    assert project.definition is not None
    assert project.definition.landmarks == ("eye_left", "eye_right", "chin", "beak")
    assert project.definition.ids == (1, 2, 4, 3)


def test_a_definition_saved_elsewhere_is_not_overwritten_and_the_draft_is_kept(
    page: Page, site: Site, complaints: Complaints
) -> None:
    project = site.project("egrets")
    ready(page, site, "egrets")
    page.get_by_label("Name of the schema").fill("ours")
    page.keyboard.press("Tab")
    page.locator(".schema-side").get_by_role("button", name="Save").click()
    expect(page.get_by_role("dialog")).to_contain_text("small → ours")
    saved = project.store.definitions.newest()
    assert saved is not None
    project.store.definitions.save({**saved.category, "name": "theirs"}, None, edited_from=saved.version)
    page.get_by_role("button", name="Save version 2").click()
    told = page.get_by_role("dialog", name="Version 2 was saved meanwhile")
    expect(told).to_contain_text("What version 2 changedName: small → theirs")
    expect(told).to_contain_text("What your draft changes of version 2Name: theirs → ours")
    assert project.definition is not None
    assert project.definition.name == "theirs"
    page.get_by_role("button", name="Go on to save version 3").click()
    expect(page.get_by_role("dialog")).to_contain_text("theirs → ours")
    page.get_by_role("button", name="Save version 3").click()
    expect(page.locator(".save-state")).to_have_text("Saved, version 3")
    complaints.clear()


def test_a_draft_left_by_a_closed_page_meets_a_newer_version(page: Page, site: Site) -> None:
    project = site.project("harriers")
    ready(page, site, "harriers")
    name = page.locator(".table-rows li").nth(2).get_by_label("Name")
    name.fill("beak")
    name.press("Tab")
    project.store.definitions.save({**SMALL.to_category(), "name": "theirs"}, None, edited_from=1)
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    told = page.get_by_role("dialog", name="Version 2 was saved meanwhile")
    expect(told).to_contain_text("Name: small → theirs")
    expect(told).to_contain_text("Renamed: nose → beak")
    page.get_by_role("button", name="Use version 2").click()
    third = page.locator(".table-rows li").nth(2).get_by_label("Name")
    expect(third).to_have_value("nose")
    canvas(page, "schema").focus()
    page.keyboard.press("Control+z")
    expect(third).to_have_value("beak")
    expect(page.get_by_label("Name of the schema")).to_have_value("theirs")


def test_labels_that_were_imported_meanwhile_stay_with_the_draft(
    page: Page, site: Site, complaints: Complaints
) -> None:
    project = site.project("ospreys", definition=None)
    ready(page, site, "ospreys")
    for x, y in ((150, 110), (250, 110), (200, 240)):
        click_at(page, "schema", x, y)
    rows = page.locator(".table-rows li")
    for k, name in enumerate(("eye_left", "eye_right", "beak")):
        rows.nth(k).get_by_label("Name").fill(name)
        rows.nth(k).get_by_label("Name").press("Tab")
    # As `labeler import` does in a project without landmarks.
    project.store.definitions.save(SMALL.to_category(), None, edited_from=0)
    project.store.edit_points(1, {key: Point(100.0 + 20 * key, 90.0, 2) for key in (1, 2, 3, 4)}, source="imported")
    page.locator(".schema-side").get_by_role("button", name="Save").click()
    told = page.get_by_role("dialog", name="Version 1 was saved meanwhile")
    expect(told).to_contain_text("Added 4: eye_left, eye_right, nose, chin")
    expect(told).to_contain_text("Added: beak")
    page.get_by_role("button", name="Look at the draft").click()
    names = "[...document.querySelectorAll('.table-rows input')].map((i) => i.value)"
    assert page.evaluate(names) == ["eye_left", "eye_right", "beak", "nose", "chin"]
    canvas(page, "schema").focus()
    page.keyboard.press("Control+s")
    page.get_by_role("button", name="Save version 2").click()
    expect(page.locator(".save-state")).to_have_text("Saved, version 2")
    assert project.definition is not None
    assert project.definition.ids == (1, 2, 5, 3, 4)
    assert list(FaceActions(project).view(1)["points"])[:4] == ["1", "2", "3", "4"]
    complaints.clear()


@pytest.mark.parametrize("size", [(1024, 700), (1440, 900)])
def test_the_current_row_is_never_cut_off(page: Page, site: Site, size: tuple[int, int]) -> None:
    site.project(f"gulls-{size[0]}", definition=None)
    page.set_viewport_size({"width": size[0], "height": size[1]})
    ready(page, site, f"gulls-{size[0]}")
    whole = """() => {
        const list = document.querySelector(".table-rows").getBoundingClientRect();
        const row = document.querySelector(".table-rows [aria-current=true]").getBoundingClientRect();
        return row.top >= list.top - 1 && row.bottom <= list.bottom + 1 && list.bottom <= innerHeight;
    }"""
    # Names that contradict their groups: a line below each row, and one below the list.
    for k in range(12):
        click_at(page, "schema", 130 + 12 * k, 60 + 14 * k)
        page.wait_for_function(whole)
    expect(page.locator(".problems li").first).to_be_visible()
    for name in ("What is a group for?", "What is a mirror partner for?", "What is the normalizer for?"):
        page.get_by_role("button", name=name).press("Enter")
        page.wait_for_function(whole)
    canvas(page, "schema").focus()
    page.keyboard.press("m")
    for _ in range(12):
        page.keyboard.press("n")
        page.wait_for_function(whole)


def test_what_a_group_a_partner_and_the_normalizer_are_for_is_said_beside_them(page: Page, site: Site) -> None:
    site.project("rooks")
    ready(page, site, "rooks")
    for name, said in (
        ("What is a group for?", "Ears and paired horns: upper left or right contour."),
        ("What is a mirror partner for?", "takes its place in a mirror"),
        ("What is the picture for?", "Saving makes its points the labels of its first face."),
        ("What is the normalizer for?", "Errors are given as a share of this length"),
    ):
        button = page.get_by_role("button", name=name)
        expect(page.get_by_text(said)).to_be_hidden()
        button.press("Enter")
        expect(page.get_by_text(said)).to_be_visible()
        expect(button).to_have_attribute("aria-expanded", "true")
        button.press("Enter")
        expect(page.get_by_text(said)).to_be_hidden()


def test_a_saved_definition_leads_on_to_the_label_page(page: Page, site: Site) -> None:
    site.project("puffins")
    ready(page, site, "puffins")
    on = page.get_by_role("button", name="Label pictures")
    expect(on).to_be_visible()
    page.get_by_label("Name of the schema").fill("ours")
    page.keyboard.press("Tab")
    expect(on).to_be_hidden()
    page.locator(".schema-side").get_by_role("button", name="Save").press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator(".save-state")).to_have_text("Saved, version 2")
    expect(on).to_be_focused()
    page.keyboard.press("Enter")
    canvas(page, "label").wait_for()
    assert page.evaluate("location.hash") == "#label"


def test_what_is_done_while_a_save_is_on_its_way_stays_and_a_second_save_waits_its_turn(page: Page, site: Site) -> None:
    site.project("gadwalls", definition=None)
    ready(page, site, "gadwalls")
    for x in (150, 250):
        click_at(page, "schema", x, 110)
    expect(page.locator(".table-rows li")).to_have_count(2)
    held: list[Route] = []
    intercept(
        page, "**/definition", lambda route: held.append(route) if route.request.method == "PUT" else route.continue_()
    )
    page.keyboard.press("Control+s")
    page.keyboard.press("Control+s")
    dialog = page.get_by_role("dialog")
    wait_for(lambda: page.evaluate("true") and (held or dialog.is_visible()))
    if not held:
        dialog.get_by_role("button", name="Save version 1").click()
    wait_for(lambda: page.evaluate("true") and held)
    click_at(page, "schema", 200, 230)
    expect(page.locator(".table-rows li")).to_have_count(3)
    held[0].continue_()
    expect(page.locator(".save-state")).not_to_contain_text("Saved")
    wait_for(lambda: page.evaluate(f"{root('schema')}.archive.version") == 1)
    assert len(held) == 1
    expect(page.locator(".table-rows li")).to_have_count(3)
    page.keyboard.press("Control+z")
    expect(page.locator(".table-rows li")).to_have_count(2)
    expect(page.locator(".save-state")).to_have_text("Saved, version 1")


def test_what_is_wrong_stands_at_its_field(page: Page, site: Site, complaints: Complaints) -> None:
    site.project("terns")
    ready(page, site, "terns")
    name = page.get_by_label("Name of the schema")
    name.fill("a\u202eb")
    page.keyboard.press("Tab")
    expect(page.locator("#schema-note-name")).to_contain_text(
        "the name is 'a\\u202eb', which holds the character U+202E"
    )
    expect(name).to_have_attribute("aria-invalid", "true")
    expect(name).to_have_attribute("aria-describedby", "schema-note-name")
    name.fill("ab")
    page.keyboard.press("Tab")
    expect(page.locator("#schema-note-name")).to_be_hidden()
    page.get_by_label("Normalizer, end 1").select_option(label="nose")
    page.get_by_label("Normalizer, end 2").select_option(label="nose")
    expect(page.locator("#schema-note-normalizer")).to_contain_text("neither two different landmarks")
    expect(page.locator(".problems li")).to_have_count(0)
    page.get_by_label("Normalizer, end 2").select_option(label="chin")
    second = page.locator(".table-rows li").nth(1)
    second.get_by_label("Name").fill("x\u202ey")
    page.keyboard.press("Tab")
    expect(second.locator(".finding")).to_contain_text("the name is 'x\\u202ey'")
    expect(second.get_by_label("Name")).to_have_attribute("aria-invalid", "true")
    complaints.clear()


def test_an_import_says_that_a_file_holds_labels_too(page: Page, site: Site, tmp_path: Path) -> None:
    site.project("skuas")
    ready(page, site, "skuas")
    labeled = [{"keypoints": [1, 2, 2, 3, 4, 2, 0, 0, 0, 0, 0, 0]}] * 3
    (tmp_path / "all.json").write_text(json.dumps({"categories": [SMALL.to_category()], "annotations": labeled}))
    page.locator(".schema-side input[type=file]").set_input_files(tmp_path / "all.json")
    note = page.locator("#schema-note-start")
    expect(note).to_contain_text("all.json also holds labels of 3 faces.")
    note.get_by_role("button", name="Project page").click()
    assert page.evaluate("location.hash") == "#project"


@pytest.mark.parametrize("form", ["mmpose", "sleap", "cvat", "label-studio"])
def test_landmarks_of_another_tool_are_imported_with_guessed_groups(
    page: Page, site: Site, tmp_path: Path, form: str
) -> None:
    name = form.replace("-", "")
    site.project(name, definition=None)
    ready(page, site, name)
    (tmp_path / "landmarks.txt").write_text(form_by_name(form).text(SMALL))
    page.locator(".schema-side input[type=file]").set_input_files(tmp_path / "landmarks.txt")
    expect(page.locator(".table-rows li")).to_have_count(4)
    draft = page.evaluate(f"{root('schema')}.draft.landmarks")
    assert [one["name"] for one in draft] == list(SMALL.landmarks)
    assert [one["group"] for one in draft] == list(SMALL.groups)
    expect(page.get_by_text("guessed from the names. Please check them.")).to_be_visible()


def test_a_file_that_holds_no_landmarks_says_so_at_the_import(
    page: Page, site: Site, tmp_path: Path, complaints: Complaints
) -> None:
    site.project("gulls")
    ready(page, site, "gulls")
    (tmp_path / "a.py").write_text("dataset_info = load()")
    page.locator(".schema-side input[type=file]").set_input_files(tmp_path / "a.py")
    expect(page.locator("#schema-note-start")).to_contain_text("a.py, line 1: found Call, wanted a dictionary")
    complaints.clear()  # the browser tells of the answer 400, too


def test_the_labels_of_a_deleted_landmark_are_set_aside_and_come_back(page: Page, site: Site) -> None:
    project = site.project("ibises")
    for face in project.store.faces()[:2]:
        project.store.edit_points(face.id, {key: Point(100.0 + 20 * key, 90.0, 2) for key in (1, 2, 3, 4)})
    ready(page, site, "ibises")
    # There is no reference picture yet: the labels say where the landmarks are.
    assert page.evaluate(f"{root('schema')}.draft.places['3']") == [160, 90]
    page.locator(".table-rows li").nth(2).get_by_role("button", name="Remove").click()
    page.locator(".table-rows li").nth(0).get_by_label("Name").fill("auge_left")
    page.keyboard.press("Enter")
    page.locator(".schema-side").get_by_role("button", name="Save").click()
    told = page.get_by_role("dialog")
    expect(told).to_contain_text("Deleted: nose")
    expect(told).to_contain_text("2 labels on 2 faces are set aside")
    expect(told).to_contain_text("eye_left → auge_left")
    expect(told).to_contain_text("'auge_left' and 'eye_right' are mirror partners, but their names differ")
    page.get_by_role("button", name="Save version 2").click()
    expect(page.locator(".save-state")).to_have_text("Saved, version 2")
    assert list(FaceActions(project).view(1)["points"]) == ["1", "2", "4"]

    page.get_by_role("button", name="Versions").click()
    expect(page.get_by_role("dialog")).to_contain_text("Deleted: nose; Renamed: eye_left → auge_left")
    page.get_by_role("button", name="Restore nose").click()
    page.locator(".schema-side").get_by_role("button", name="Save").click()
    expect(page.get_by_role("dialog")).to_contain_text("2 labels on 2 faces come back")
    page.get_by_role("button", name="Save version 3").click()
    expect(page.locator(".save-state")).to_have_text("Saved, version 3")
    assert list(FaceActions(project).view(1)["points"]) == ["1", "2", "3", "4"]
    page.get_by_role("button", name="Versions").click()
    page.get_by_role("button", name="Restore version 1").click()
    page.locator(".schema-side").get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Save version 4").click()
    expect(page.locator(".save-state")).to_have_text("Saved, version 4")
    assert project.definition is not None
    assert (project.definition.landmarks, project.definition.ids) == (SMALL.landmarks, (1, 2, 3, 4))


def test_edges_pairs_and_the_normalizer_are_dragged_from_point_to_point(page: Page, site: Site) -> None:
    project = site.project("rails")
    places = {1: (150, 110), 2: (250, 112), 3: (200, 160), 4: (200, 240)}
    project.store.edit_points(1, {key: Point(float(x), float(y), 2) for key, (x, y) in places.items()})
    ready(page, site, "rails")
    canvas(page, "schema").focus()
    page.keyboard.press("e")
    drag(page, "schema", places[3], places[4])
    drag(page, "schema", places[1], places[2])
    drag(page, "schema", places[1], (60, 60))
    assert page.evaluate(f"{root('schema')}.draft.edges") == [["3", "4"]]
    assert page.evaluate(f"{root('schema')}.draft.places['1']") == [150, 110]
    page.keyboard.press("r")
    drag(page, "schema", places[3], places[4])
    assert page.evaluate(f"{root('schema')}.draft.normalizer") == [["3"], ["4"]]

    page.keyboard.press("m")
    drag(page, "schema", places[1], places[2])
    mirrors = f"{root('schema')}.draft.landmarks.map((l) => l.mirror)"
    assert page.evaluate(mirrors) == [None, None, None, None]
    page.get_by_role("button", name="Accept eye_left ↔ eye_right").click()
    assert page.evaluate(mirrors) == ["2", "1", None, None]
    page.keyboard.press("Shift+m")
    shown = f"(({root('schema')}).canvas.scene.points)"
    assert page.evaluate(f"[{shown}['1'].x, {shown}['2'].x, {shown}['3'].x]") == [150, 250, 200]
    drag(page, "schema", (150, 112), (300, 200))
    assert page.evaluate(f"{root('schema')}.draft.places['2']") == [250, 112]
    page.keyboard.press("Escape")
    page.keyboard.press("Control+z")
    assert page.evaluate(mirrors) == [None, None, None, None]


def test_a_definition_without_pairs_is_declared_symmetric(page: Page, site: Site) -> None:
    project = site.project("dunlins", definition=replace(MIDLINE, symmetric=False))
    ready(page, site, "dunlins")
    canvas(page, "schema").focus()
    page.keyboard.press("m")
    declare = page.get_by_label("Every landmark lies on the middle line")
    panel = page.get_by_label("Mirror pairs", exact=True)
    expect(panel).to_contain_text("Without pairs, training does not mirror pictures and has less to learn from.")
    declare.check()
    expect(panel).to_contain_text("Training mirrors pictures, and every landmark keeps its name.")
    canvas(page, "schema").focus()
    page.keyboard.press("Control+z")
    expect(declare).not_to_be_checked()
    declare.check()
    page.locator(".schema-side").get_by_role("button", name="Save").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("+ every landmark lies on it")
    dialog.get_by_role("button", name="Save").click()
    expect(page.locator(".save-state")).to_have_text("Saved, version 2")
    assert project.definition is not None
    assert project.definition.symmetric
    with page.expect_download() as download:
        page.get_by_role("button", name="Export").click()
    assert Definition.from_category(json.loads(download.value.path().read_text())) == project.definition
    partner = page.locator(".table-rows li").nth(0).get_by_label("Mirror partner")
    partner.focus()
    partner.select_option(label="chin")
    expect(declare).to_be_hidden()


def test_a_pair_that_contradicts_its_names_is_told_before_the_first_version_is_saved(page: Page, site: Site) -> None:
    project = site.project("lynxes", definition=None)
    ready(page, site, "lynxes")
    for x, y in ((150, 110), (250, 110), (200, 160), (130, 30), (270, 30)):
        click_at(page, "schema", x, y)
    rows = page.locator(".table-rows li")
    for k, name in enumerate(("eye_left", "eye_right", "nose", "ear_left", "ear_tip_r")):
        rows.nth(k).get_by_label("Name").fill(name)
        rows.nth(k).get_by_label("Name").press("Tab")
    groups = "[...document.querySelectorAll('.table-rows select[aria-label=Group]')].map((s) => Number(s.value))"
    assert page.evaluate(groups) == [5, 6, 9, 0, 4]
    # The names of the ears do not match, but their places do.
    page.get_by_role("button", name="1 mirror pair is proposed: look at it").click()
    page.get_by_role("button", name="Accept ear_left ↔ ear_tip_r").click()
    partner = rows.nth(4).get_by_label("Mirror partner")
    partner.focus()
    partner.select_option(label="nose")
    expect(page.locator(".problems")).to_contain_text("Please check")
    canvas(page, "schema").focus()
    page.keyboard.press("Control+s")
    told = page.get_by_role("dialog", name="Before you save")
    expect(told).to_contain_text(
        "'nose' and 'ear_tip_r' are mirror partners, but lie far from each other's mirror image"
    )
    page.keyboard.press("Enter")
    expect(told).to_be_hidden()
    assert project.definition is None
    rows.nth(4).get_by_label("Name").fill("ear_right")
    rows.nth(4).get_by_label("Name").press("Tab")
    partner.focus()
    partner.select_option(label="ear_left")
    expect(page.locator(".problems li")).to_have_count(0)
    canvas(page, "schema").focus()
    page.keyboard.press("Control+s")
    expect(page.locator(".save-state")).to_have_text("Saved, version 1")
    assert project.definition is not None
    assert project.definition.mirror == (1, 0, 2, 4, 3)


def test_a_definition_without_a_mouse(page: Page, site: Site) -> None:
    project = site.project("coots", definition=None)
    ready(page, site, "coots")
    canvas(page, "schema").focus()
    for keys in (["Shift+ArrowLeft"] * 5, ["Shift+ArrowRight"] * 10):
        for key in [*keys, "Enter"]:
            page.keyboard.press(key)
    assert page.evaluate(f"Object.values({root('schema')}.draft.places)") == [[150, 150], [250, 150]]
    page.keyboard.press("n")
    page.locator(".group-face g").first.focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert page.evaluate(f"{root('schema')}.draft.landmarks[0].group") == 5
    expect(page.locator(".group-face g").nth(5)).to_have_attribute("aria-label", "Left eye: 1 landmark")
    canvas(page, "schema").focus()
    page.keyboard.press("Enter")
    page.keyboard.type("eye_left")
    page.keyboard.press("Enter")
    page.keyboard.type("eye_right")
    page.keyboard.press("Alt+ArrowUp")
    page.keyboard.press("Tab")
    canvas(page, "schema").focus()
    page.keyboard.press("e")
    page.keyboard.press("Enter")
    page.keyboard.press("n")
    page.keyboard.press("Enter")
    page.keyboard.press("Control+s")
    expect(page.locator(".save-state")).to_have_text("Saved, version 1")
    definition = project.definition
    assert definition is not None
    assert definition.landmarks == ("eye_right", "eye_left")
    assert (definition.mirror, len(definition.edges)) == ((1, 0), 1)


def test_steps_after_an_undo_are_undone_by_themselves(page: Page, site: Site) -> None:
    project = site.project("dippers")
    project.store.edit_points(project.store.faces()[0].id, {1: Point(150, 110, 2), 2: Point(250, 110, 2)})
    ready(page, site, "dippers")
    page.evaluate(f"{root('schema')}.select('1')")
    canvas(page, "schema").focus()
    x = f"{root('schema')}.draft.places[1][0]"
    for key, seen in (("ArrowRight", 151), ("ArrowRight", 152), ("Control+z", 150), ("ArrowRight", 151)):
        page.keyboard.press(key)
        assert page.evaluate(x) == seen
    page.keyboard.press("Control+z")
    assert page.evaluate(x) == 150


def test_looking_again_takes_neither_the_selection_nor_a_step_made_meanwhile(page: Page, site: Site) -> None:
    project = site.project("plovers")
    project.store.edit_points(project.store.faces()[0].id, {1: Point(150, 110, 2), 2: Point(250, 110, 2)})
    ready(page, site, "plovers")
    page.wait_for_load_state("networkidle")
    page.evaluate(f"{root('schema')}.select('1')")
    canvas(page, "schema").focus()
    page.evaluate(f"{root('schema')}.load()")
    assert page.evaluate(f"{root('schema')}.current") == "1"
    held: list[Route] = []
    intercept(page, "**/definition", lambda route: held.append(route), times=1)
    page.evaluate(f"void (window.loaded = {root('schema')}.load())")
    wait_for(lambda: page.evaluate("true") and held)
    x = f"{root('schema')}.draft.places[1][0]"
    page.keyboard.press("ArrowRight")
    assert page.evaluate(x) == 151
    held[0].continue_()
    page.evaluate("window.loaded")
    assert (page.evaluate(x), page.evaluate(f"{root('schema')}.current")) == (151, "1")
    page.keyboard.press("Control+z")
    assert page.evaluate(x) == 150


def test_a_definition_goes_out_as_a_file_and_comes_in_from_one(page: Page, site: Site, tmp_path: Path) -> None:
    site.project("grebes")
    ready(page, site, "grebes")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export").click()
    assert download.value.suggested_filename == "small.json"
    written = json.loads(download.value.path().read_text())
    assert Definition.from_category(written) == SMALL
    hostile = "<img src=x onerror=alert(1)>"
    brought = {"categories": [{**written, "keypoints": ["eye_left", "eye_right", "chin", hostile]}]}
    (tmp_path / "whole.json").write_text(json.dumps(brought))
    page.locator(".schema-side input[type=file]").set_input_files(tmp_path / "whole.json")
    expect(page.locator(".toast")).to_contain_text("4 landmarks from whole.json")
    ids = f"{root('schema')}.draft.landmarks.map((l) => l.id)"
    assert page.evaluate(ids) == ["1", "2", "4", "new0"]
    expect(page.locator(".table-rows li").nth(3).get_by_label("Name")).to_have_value(hostile)
    (tmp_path / "bad.json").write_text(json.dumps({**written, "flip_pairs": [[0, 9]]}))
    page.locator(".schema-side input[type=file]").set_input_files(tmp_path / "bad.json")
    expect(page.locator("#schema-note-start")).to_have_text(
        re.compile("bad.json: mirror pair .0, 9. is not two landmark indices")
    )
    assert page.evaluate(ids) == ["1", "2", "4", "new0"]


def test_rows_are_dragged_and_what_is_odd_stands_beside_the_row(page: Page, site: Site) -> None:
    site.project("crakes")
    ready(page, site, "crakes")
    rows = page.locator(".table-rows li")
    grip = rows.nth(3).locator(".grip").bounding_box()
    first = rows.nth(0).bounding_box()
    assert grip is not None
    assert first is not None
    page.mouse.move(grip["x"] + 5, grip["y"] + 5)
    page.mouse.down()
    page.mouse.move(grip["x"] + 5, first["y"] + 2, steps=5)
    page.mouse.up()
    names = "[...document.querySelectorAll('.table-rows input')].map((i) => i.value)"
    assert page.evaluate(names) == ["chin", "eye_left", "eye_right", "nose"]
    rows.nth(1).get_by_label("Group").select_option("6")
    expect(rows.nth(1).locator(".finding")).to_have_text("'eye_left' is named left but is in the group right eye")
    page.locator(".problems button").click()
    expect(rows.nth(1).get_by_label("Name")).to_be_focused()
    expect(page.locator(".schema-side").get_by_role("button", name="Save")).to_be_enabled()


def test_nothing_is_cut_off_in_a_small_window_and_a_letter_changes_its_row_only(page: Page, site: Site) -> None:
    names = ["mouth_corner_left", "mouth_corner_right", *(f"point_{k}" for k in range(2, 189))]
    many = Definition(
        "many", tuple(names), tuple(k % 12 for k in range(189)), (1, 0, *range(2, 189)), normalizer=((0,), (1,))
    )
    site.project("waders", definition=many)
    page.set_viewport_size({"width": 1024, "height": 700})
    with page.expect_response("**/definition/check"):  # it may write a finding below every row
        ready(page, site, "waders")
    expect(page.locator(".table-rows li")).to_have_count(189)
    assert page.evaluate(
        "[...document.querySelectorAll('.table-rows :is(input, select, button), .schema-form *')].every((e) => {"
        " const r = e.getBoundingClientRect(); return r.right <= innerWidth && e.scrollWidth <= e.clientWidth + 1; })"
    )
    # A select cuts its words off without a trace in its sizes: 26 pixels are its borders and its arrow.
    assert page.evaluate(
        "[...document.querySelectorAll('.table-rows select')].every((s) => {"
        " const c = document.createElement('canvas').getContext('2d'); c.font = getComputedStyle(s).font;"
        " return c.measureText(s.selectedOptions[0].text).width + 26 <= s.clientWidth; })"
    )
    row = page.locator(".table-rows li").nth(100)
    field = row.get_by_label("Name")
    field.focus()
    expect(row).to_have_attribute("aria-current", "true")  # it is drawn: two rows have changed for it
    page.evaluate(
        "window.changed = new Set(); new MutationObserver((all) => all.forEach(({ target }) => window.changed.add("
        "[...document.querySelectorAll('.table-rows li')].findIndex((row) => row.contains(target)))))"
        ".observe(document.querySelector('.table-rows'), { subtree: true, childList: true, attributes: true })"
    )
    for letter in "nostril_rim_left":
        page.keyboard.press(letter)
        page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    assert set(page.evaluate("[...window.changed]")) <= {100}  # the other 188 rows stay as they are
    page.keyboard.press("Enter")
    assert page.evaluate(f"{root('schema')}.draft.landmarks[100].name").endswith("nostril_rim_left")
