"""What the label page lets a person see and move: the look, hidden groups, the frame, zoom that follows; and who has
the keys meanwhile."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from labeler.storage.records import Point, PredictedPoint
from mdmd.data.records import Box
from tests.browser.conftest import (
    Site,
    canvas,
    click_at,
    intercept,
    on_screen,
    open_canvas,
    root,
    round_trip,
    saved,
    wait_for,
)

pytestmark = pytest.mark.browser

EDITOR = f"{root('label')}.editor"


def labeled(page: Page, site: Site, name: str) -> tuple[Any, int]:
    """A project on the label page; of its first face the left eye is visible, the right one hidden, the nose absent and
    the chin predicted and doubtful. Everything is a group of its own but for the eyes' pair."""
    project = site.project(name)
    face = project.store.faces()[0].id
    project.store.edit_points(
        face, {1: Point(150, 110, 2, "placed"), 2: Point(250, 110, 1, "placed"), 3: Point(None, None, 0, "placed")}
    )
    project.store.predictions.add(1, {face: {4: PredictedPoint(200, 230, (4.0, 0.0, 4.0), 0.5, True)}})
    open_canvas(page, site, name, "label")
    wait_for(lambda: page.evaluate(f"{root('label')}?.editor.view?.face") == face)
    return project, face


def places(project: Any, face: int) -> dict[int, tuple[Any, Any, int, str]]:
    return {key: (p.x, p.y, p.v, p.source) for key, p in project.store.points(face)[face].items()}


def test_a_face_is_moved_as_one_edit_and_one_undo(page: Page, site: Site) -> None:
    project, face = labeled(page, site, "plovers")
    before = places(project, face)
    revision = project.store.face(face).revision
    page.evaluate(f"{EDITOR}.select('1')")
    page.keyboard.press("w")
    expect(page.locator(".hint").first).to_contain_text("Moving this group")
    page.keyboard.press("w")
    expect(page.locator(".hint").first).to_contain_text("Moving the whole face")
    page.mouse.move(*on_screen(page, "label", 200, 110))
    page.mouse.down()
    page.mouse.move(*on_screen(page, "label", 210, 130), steps=5)
    page.mouse.up()
    saved(page)
    wait_for(lambda: project.store.face(face).revision > revision)
    after = places(project, face)
    assert after[1] == (pytest.approx(160, abs=0.1), pytest.approx(130, abs=0.1), 2, "moved")
    assert after[2] == (pytest.approx(260, abs=0.1), pytest.approx(130, abs=0.1), 1, "moved")
    assert after[3] == before[3]
    assert sorted(after) == [1, 2, 3]  # the prediction is still no label
    assert project.store.face(face).revision == revision + 1

    for key in ("ArrowRight", "Shift+ArrowDown", "Alt+ArrowRight"):
        page.keyboard.press(key)
    wait_for(lambda: project.store.face(face).revision == revision + 2)
    assert places(project, face)[1][:2] == pytest.approx((after[1][0] + 1.1, after[1][1] + 10), abs=0.1)
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    wait_for(lambda: places(project, face) == before)

    page.keyboard.press("Escape")
    assert page.evaluate(f"{EDITOR}.selection.scope") is None
    view = page.evaluate(f"{EDITOR}.canvas.viewport.x")
    page.keyboard.press("Control+ArrowLeft")
    assert page.evaluate(f"{EDITOR}.canvas.viewport.x") == view + 40  # outside the mode the same keys move the view
    assert places(project, face) == before


def test_keys_scale_and_turn_about_the_middle(page: Page, site: Site) -> None:
    project, face = labeled(page, site, "curlews")
    page.keyboard.press("w")  # the prediction's own group has no label: the whole face is next
    assert page.evaluate(f"{EDITOR}.selection.scope") == "face"
    page.keyboard.press("Control+ArrowUp")
    wait_for(lambda: places(project, face)[1][3] == "moved")
    assert places(project, face)[1][:2] == pytest.approx((149.5, 110), abs=1e-3)
    assert places(project, face)[2][:2] == pytest.approx((250.5, 110), abs=1e-3)
    page.keyboard.press("Control+ArrowRight")  # a degree clockwise
    wait_for(lambda: places(project, face)[2][1] > 110)
    assert places(project, face)[2][:2] == pytest.approx((200 + 50.5 * 0.99985, 110 + 50.5 * 0.01745), abs=2e-3)


def test_the_box_and_a_new_face_by_keys(page: Page, site: Site) -> None:
    project, face = labeled(page, site, "avocets")
    project.store.edit_box(face, Box(100, 50, 200, 150))
    page.reload()
    wait_for(lambda: page.evaluate(f"{root('label')}?.editor.view?.face") == face)
    revision = project.store.face(face).revision
    for key in ("x", "ArrowRight", "Shift+ArrowDown", "Control+ArrowLeft", "Escape"):
        page.keyboard.press(key)
    wait_for(lambda: project.store.face(face).box == Box(101, 60, 199, 150))
    assert project.store.face(face).revision == revision + 1  # all of it is one undo
    for key in ("Shift+X", "Shift+ArrowLeft", "Control+ArrowDown", "Enter"):
        page.keyboard.press(key)
    wait_for(lambda: len(project.store.faces()) == 4)
    assert [f.box for f in project.store.faces() if f.image_id == project.store.face(face).image_id] == [
        Box(101, 60, 199, 150),
        Box(90, 75, 200, 151),
    ]


def test_a_second_enter_adds_no_second_face_and_places_nothing(page: Page, site: Site) -> None:
    project, face = labeled(page, site, "whimbrels")
    before = project.store.points(face)
    held = hold(page, "**/pictures/*/faces", "POST")
    for key in ("Shift+X", "ArrowLeft", "Enter", "Enter", "Enter"):
        page.keyboard.press(key)
    wait_for(lambda: page.evaluate("true") and held)
    round_trip(page)
    assert len(held) == 1
    held[0].continue_()
    wait_for(lambda: page.evaluate(f"{EDITOR}.view.face") == max(face.id for face in project.store.faces()))
    assert len(project.store.faces()) == 4
    assert project.store.points(face) == before


def test_a_face_that_is_added_late_does_not_turn_the_page_back(page: Page, site: Site) -> None:
    project, _ = labeled(page, site, "jacanas")
    _, second, _ = (face.id for face in project.store.faces())
    held = hold(page, "**/pictures/*/faces", "POST")
    page.evaluate(f"window.added = {root('label')}.addFace([10, 10, 80, 80]), 0")
    wait_for(lambda: page.evaluate("true") and held)
    page.keyboard.press("d")
    wait_for(lambda: page.evaluate(f"{EDITOR}.view.face") == second)
    held[0].continue_()
    page.evaluate("window.added")
    assert page.evaluate(f"{EDITOR}.view.face") == second


def test_a_face_that_is_removed_late_does_not_turn_the_page(page: Page, site: Site) -> None:
    project, face = labeled(page, site, "dotterels")
    page.evaluate(f"{root('label')}.addFace([10, 10, 80, 80])")
    added = max(face.id for face in project.store.faces())
    page.evaluate(f"{root('label')}.open(0)")
    held = hold(page, f"**/faces/{face}*", "DELETE")
    page.once("dialog", lambda dialog: dialog.accept())
    page.evaluate(f"window.removed = {root('label')}.removeFace(), 0")
    wait_for(lambda: page.evaluate("true") and held)
    page.keyboard.press("d")
    wait_for(lambda: page.evaluate(f"{EDITOR}.view.face") == added)
    held[0].continue_()
    page.evaluate(f"window.removed.then(() => {root('label')}.load())")
    assert page.evaluate(f"[{root('label')}.picker.open, {EDITOR}.view.face]") == [added, added]


def hold(page: Page, pattern: str, method: str) -> list[Route]:
    """What is asked by this method from now on; it waits for the test."""
    held: list[Route] = []
    intercept(page, pattern, lambda route: held.append(route) if route.request.method == method else route.continue_())
    return held


def test_what_is_hidden_is_said_and_comes_back_by_one_press(page: Page, site: Site) -> None:
    project, face = labeled(page, site, "dunlins")
    note = page.locator(".hidden-note")
    expect(note).to_be_hidden()
    page.get_by_role("button", name="Hide Left eye").click()
    expect(note).to_have_text("Left eye hiddenShow")
    expect(canvas(page, "label")).to_be_focused()
    page.keyboard.press("w")  # what is hidden does not move: the left eye stays
    page.keyboard.press("ArrowDown")
    wait_for(lambda: places(project, face)[2][3] == "moved")
    assert places(project, face)[1] == (150, 110, 2, "placed")
    page.keyboard.press("Escape")
    note.click()
    expect(note).to_be_hidden()
    expect(page.get_by_role("button", name="Hide Left eye")).to_be_visible()
    expect(canvas(page, "label")).to_be_focused()
    page.keyboard.press("p")
    expect(note).to_have_text("Points hiddenShow")
    click_at(page, "label", 200, 240)  # what is placed is seen
    expect(note).to_be_hidden()
    wait_for(lambda: 4 in places(project, face))


def test_the_sliders_keep_the_keys_to_themselves_and_give_them_back(page: Page, site: Site) -> None:
    _, face = labeled(page, site, "sanderlings")
    values = f"{EDITOR}.canvas.imageFilter.values"
    page.keyboard.press("]")
    page.keyboard.press("{")
    assert page.evaluate(values) == {"brightness": 0.25, "contrast": -0.25}
    page.get_by_role("button", name="Brightness and contrast").click()
    slider = page.get_by_role("slider", name="Brightness")
    expect(slider).to_be_focused()
    slider.press("ArrowRight")
    slider.press("d")  # no step to the next picture
    assert page.evaluate(values)["brightness"] == pytest.approx(0.3)
    assert page.evaluate(f"{EDITOR}.view.face") == face
    slider.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(canvas(page, "label")).to_be_focused()
    page.get_by_role("button", name="Brightness and contrast").click()
    slider.click()  # a mouse that lets go of a slider goes back to labeling
    expect(canvas(page, "label")).to_be_focused()
    page.reload()
    wait_for(lambda: page.evaluate(f"{root('label')}?.editor.view?.face") == face)
    assert page.evaluate(values) == {"brightness": pytest.approx(0, abs=0.1), "contrast": -0.25}
    page.keyboard.press("\\")
    assert page.evaluate(f"{EDITOR}.canvas.imageFilter.plain")
    assert json.loads(page.evaluate("sessionStorage['mdmd.image_filter']")) == {"brightness": 0, "contrast": 0}


def test_the_keys_go_back_to_the_canvas(page: Page, site: Site) -> None:
    labeled(page, site, "godwits")
    for name in ("Zoom in", "Loupe", "Undo"):
        page.get_by_role("button", name=name, exact=True).click()
        expect(canvas(page, "label")).to_be_focused()
    page.locator(".face-name").first.click()
    expect(canvas(page, "label")).to_be_focused()
    page.keyboard.press("d")
    wait_for(lambda: page.evaluate(f"{EDITOR}.picture.name") == "godwits-1.png")
    expect(canvas(page, "label")).to_be_focused()
    page.keyboard.press("Tab")
    assert page.evaluate(f"{EDITOR}.current") == "2"


def test_the_view_follows_to_where_the_next_landmark_is_expected(page: Page, site: Site) -> None:
    labeled(page, site, "knots")

    def middle() -> list[float]:
        return page.evaluate(f"(({{ viewport: v }}) => v.toImage(v.width / 2, v.height / 2))({EDITOR}.canvas)")

    page.keyboard.press("Shift+F")
    framed = page.evaluate(f"{EDITOR}.canvas.viewport.scale")
    assert middle() == pytest.approx([200, 170], abs=10)
    page.keyboard.press("Shift+Z")  # the chin waits, and is predicted at (200, 230)
    assert middle() == pytest.approx([200, 230])
    assert page.evaluate(f"{EDITOR}.canvas.viewport.scale") > framed
    page.evaluate(f"{EDITOR}.step(1)")
    assert middle() == pytest.approx([150, 110])
    page.evaluate(f"{EDITOR}.showGhosts({{ 4: {{ x: 190, y: 160 }} }})")
    for _ in range(3):
        page.evaluate(f"{EDITOR}.step(1)")  # the chin again: its ghost says where it would be
    assert middle() == pytest.approx([190, 160])
    page.evaluate(f"{EDITOR}.showGhosts({{}})")
    page.keyboard.press("d")  # the next picture knows of no place: the view stays with the fitted picture
    wait_for(lambda: page.evaluate(f"{EDITOR}.picture.name") == "knots-1.png")
    assert middle() == pytest.approx([200, 150])
    page.keyboard.press("Shift+Z")
    page.keyboard.press("n")
    assert middle() == pytest.approx([200, 150])


def test_a_click_beside_the_picture_says_so_and_leaves_the_landmark_to_place(page: Page, site: Site) -> None:
    project = site.project("oystercatchers", pictures=1)
    open_canvas(page, site, "oystercatchers", "label")
    wait_for(lambda: page.evaluate(f"{root('label')}?.editor.view?.face"))
    hint, toast = page.locator(".mount-label .hint"), page.locator(".mount-label .toast")
    right, bottom = page.evaluate(f"{EDITOR}.canvas.viewport.toScreen({EDITOR}.picture.width, 100)")
    left, top = page.evaluate(f"(({{ left, top }}) => [left, top])({EDITOR}.canvas.element.getBoundingClientRect())")
    page.mouse.click(left + right + 10, top + bottom)
    expect(toast).to_have_text("Outside the picture: eye_left is not placed. Press 0 if it is absent.")
    expect(hint).to_have_text("Click eye_left")
    page.mouse.click(left + right + 4, top + bottom)
    expect(hint).to_have_text("Click eye_right")
    page.keyboard.press("Control+z")
    expect(hint).to_have_text("Click eye_left")
    page.mouse.click(left + right - 40, top + bottom)
    saved(page)
    [points] = project.store.points().values()
    assert points.keys() == {1}
    assert points[1].x is not None
    assert points[1].x < page.evaluate(f"{EDITOR}.picture.width")


def test_the_current_row_is_whole_whatever_stands_above_it(page: Page, site: Site) -> None:
    site.project("plovers by the sea", pictures=1)
    open_canvas(page, site, "plovers by the sea", "label")
    wait_for(lambda: page.evaluate(f"{root('label')}?.editor.view?.face"))
    for height in (700, 520, 440):
        page.set_viewport_size({"width": 1024, "height": height})
        for _ in range(4):
            page.keyboard.press("n")
            assert wait_for(
                lambda: page.evaluate(
                    """() => {
                      const row = document.querySelector(".mount-label .landmarks [aria-current]");
                      const [own, list] = [row, row.closest(".landmarks")].map((e) => e.getBoundingClientRect());
                      return own.top >= list.top && own.bottom <= list.bottom;
                    }"""
                )
            )


def test_the_tools_stand_in_one_row_from_1024_pixels_on(page: Page, site: Site) -> None:
    site.project("stilts", pictures=1)
    open_canvas(page, site, "stilts", "label")
    for width in (1024, 1150, 1280, 1344, 1360, 1440, 1920):
        page.set_viewport_size({"width": width, "height": 800})
        tops = "[...document.querySelectorAll('.mount-label .tool')].map((tool) => tool.getBoundingClientRect().top)"
        assert len(set(page.evaluate(tops))) == 1, width


def test_pictures_are_asked_for_by_the_identity_of_their_project(page: Page, site: Site) -> None:
    project = site.project("phainopeplas")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/image?" in request.url else None)
    open_canvas(page, site, "phainopeplas", "label")
    wait_for(lambda: page.evaluate(f"{root('label')}?.editor.view?.face"))
    assert asked
    assert [url for url in asked if f"of={project.store.identity}" not in url] == []
