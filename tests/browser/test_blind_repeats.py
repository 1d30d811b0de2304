"""One blind repeat from the switch to the figure: offered, labeled without a sight of the first labels, counted."""

from __future__ import annotations

import pytest
from playwright.sync_api import APIResponse, Page, Route, expect

from labeler.analysis.agreement import FEWEST
from labeler.guidance.repeats import BETWEEN, ONE_IN_TEN
from labeler.project.project import Project
from labeler.storage.records import Point
from tests.browser.conftest import Site, click_at, open_canvas, open_empty, root, round_trip, saved, wait_for

pytestmark = pytest.mark.browser

#: Where the four landmarks stand in every first labeling.
FIRST = {1: (150.0, 100.0), 2: (250.0, 100.0), 3: (200.0, 150.0), 4: (200.0, 240.0)}
EDITOR = f"{root('label')}?.editor"
FACE = f"{EDITOR}?.view?.face"


def label_by_hand(project: Project, faces: list[int]) -> None:
    for face in faces:
        for key, place in FIRST.items():
            project.store.edit_points(face, {key: Point(*place, 2)})


def switch_on(page: Page, site: Site, name: str) -> None:
    page.goto(f"{site.url}/?project={name}#project")
    switch = page.get_by_label("Repeat one face in ten blind")
    switch.check()
    expect(page.locator(".repeats-said")).to_have_text("0 of at least 5 repeats.")


def test_an_answer_from_before_the_click_leaves_the_switch_as_it_was_clicked(page: Page, site: Site) -> None:
    site.project("pipits")
    looks: list[tuple[Route, APIResponse]] = []
    clicks: list[Route] = []

    def hold(route: Route) -> None:
        asked = route.request.post_data_json
        if asked.get("event_data") == {"value": "Project", "index": 0}:
            looks.append((route, route.fetch()))
        elif asked["data"] == [True]:
            clicks.append(route)
        else:
            route.continue_()

    page.route("**/run/predict*", hold)
    page.goto(f"{site.url}/?project=pipits#project")
    switch = page.get_by_label("Repeat one face in ten blind")
    switch.check()
    wait_for(lambda: page.evaluate("true") and looks and clicks)
    page.evaluate("""() => {
      window.moves = 0;
      const [box] = [...document.querySelectorAll("label")].filter((l) => l.textContent.includes("one face in ten"))
        .map((label) => label.querySelector("input"));
      const look = () => ((window.moves += !box.checked), requestAnimationFrame(look));
      look();
    }""")
    for route, answer in looks:
        route.fulfill(response=answer)
    round_trip(page)
    clicks[0].continue_()
    expect(page.locator(".repeats-said")).to_have_text("0 of at least 5 repeats.")
    assert page.evaluate("window.moves") == 0
    page.reload()
    expect(switch).to_be_checked()


def test_a_repeat_is_offered_labeled_unseen_and_counted(page: Page, site: Site) -> None:
    project = site.project("wrens", pictures=BETWEEN + 3)
    faces = [face.id for face in project.store.faces()]
    label_by_hand(project, faces[:BETWEEN])
    open_canvas(page, site, "wrens", "label")
    wait_for(lambda: page.evaluate(FACE))
    page.keyboard.press("Shift+R")
    expect(page.locator(".mount-label .toast")).to_contain_text("Blind repeats are off")
    switch_on(page, site, "wrens")
    assert project.settings.repeats == ONE_IN_TEN  # which the server has written
    page.evaluate("localStorage.setItem('mdmd.start', 'mean')")  # faces start from ghosts, but for repeats

    # The eleventh face completes: enough others lie in between now.
    page.evaluate(f"localStorage.setItem('mdmd.place.wrens', '{faces[BETWEEN]}')")
    open_canvas(page, site, "wrens", "label")
    wait_for(lambda: page.evaluate(FACE) == faces[BETWEEN])
    line = page.locator(".repeat-line")
    expect(line).to_be_hidden()
    page.keyboard.press("Shift+R")
    expect(page.locator(".mount-label .toast")).to_contain_text("No blind repeat is due")
    for place in FIRST.values():
        click_at(page, "label", *place)
    expect(page.get_by_role("button", name="Label it (Shift+R)")).to_be_visible()

    page.get_by_role("button", name="Not now").click()
    expect(line).to_be_hidden()
    page.evaluate(f"{root('label')}.repeats.refresh()")  # as when the page comes into sight again
    expect(line).to_be_hidden()
    page.keyboard.press("d")
    wait_for(lambda: page.evaluate(FACE) == faces[BETWEEN + 1])
    for place in FIRST.values():
        click_at(page, "label", *place)
    expect(page.get_by_role("button", name="Label it (Shift+R)")).to_be_visible()
    page.keyboard.press("Shift+R")
    expect(line).to_contain_text("Blind repeat: place every landmark as if for the first time.")
    [made] = wait_for(lambda: project.store.repeats())
    wait_for(lambda: page.evaluate(FACE) == made.id)
    assert made.repeat_of in faces[:2]

    # Nothing of the first labels, nor of any other face's, is on the page.
    blank = f"(({{ view, ghosts, canvas }}) => [view.points, view.predictions, ghosts, canvas.scene.points])({EDITOR})"
    assert page.evaluate(blank) == [{}, {}, {}, {}]
    expect(page.locator(".face-count")).to_have_text("0 of 4 landmarks")
    expect(page.locator(".strip-row[aria-selected=true]")).to_have_count(0)
    expect(page.locator(".strip-row")).not_to_have_count(0)
    expect(page.locator(".left .strip-foot")).to_contain_text(f"of {len(faces)}")
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()
    expect(page.get_by_role("button", name="Redo")).to_be_disabled()
    page.keyboard.press("m")
    expect(page.locator(".toast")).to_have_text("In a blind repeat, no start is shown.")
    page.keyboard.press("k")
    expect(page.locator(".toast")).to_have_text("In a blind repeat, the whole face is labeled.")
    page.keyboard.press("h")
    expect(page.locator(".history .entry")).to_have_count(1)
    expect(page.locator(".history .entry")).to_contain_text("shown again, blind")
    page.keyboard.press("h")
    assert page.evaluate(f"Object.keys({EDITOR}.openGhosts())") == []

    # It is labeled like any face, with undo, and survives that another tab changes something.
    before = (project.store.points(made.repeat_of), project.store.history(made.repeat_of))
    for x, y in FIRST.values():
        click_at(page, "label", x + 3, y + 4)
    expect(line).to_contain_text("Repeat complete")
    saved(page)
    page.keyboard.press("Control+z")
    expect(page.locator(".face-count")).to_have_text("3 of 4 landmarks")
    page.evaluate(f"{root('label')}.session.announceChange()")
    click_at(page, "label", 203, 244)
    expect(line).to_contain_text("Repeat complete")
    saved(page)
    assert page.evaluate(FACE) == made.id
    assert (project.store.points(made.repeat_of), project.store.history(made.repeat_of)) == before

    page.keyboard.press("d")  # on to the face after the one where the repeat was taken
    wait_for(lambda: page.evaluate(FACE) == faces[BETWEEN + 2])
    expect(line).to_be_hidden()
    [pair] = project.repeats.pairs()
    assert pair.second[1] == pytest.approx((153, 104), abs=1)

    # The figure appears with the fifth.
    for face in [face for face in faces if face != made.repeat_of][: FEWEST - 1]:
        again = project.store.add_repeat(face)
        project.store.edit_points(again, {key: Point(x + 3, y + 4, 2) for key, (x, y) in FIRST.items()})
    page.goto("about:blank")
    page.goto(f"{site.url}/?project=wrens#project")
    expect(page.get_by_label("Repeat one face in ten blind")).to_be_checked()
    expect(page.locator(".repeats-said")).to_contain_text("Two labelings are 5.0 % apart")


def test_a_repeat_that_was_left_is_offered_again_as_it_was(page: Page, site: Site) -> None:
    project = site.project("dunnocks", pictures=BETWEEN + 3)
    faces = [face.id for face in project.store.faces()]
    label_by_hand(project, faces[: BETWEEN + 1])
    project.change_settings(repeats=ONE_IN_TEN)
    open_empty(page, site)
    page.evaluate(f"localStorage.setItem('mdmd.place.dunnocks', '{faces[BETWEEN + 1]}')")
    open_canvas(page, site, "dunnocks", "label")
    line = page.locator(".repeat-line")
    page.get_by_role("button", name="Label it (Shift+R)").click()
    [made] = wait_for(lambda: project.store.repeats())
    wait_for(lambda: page.evaluate(FACE) == made.id)
    click_at(page, "label", *FIRST[1])
    saved(page)
    page.get_by_role("button", name="Leave").click()
    # That face was not finished, so there the person goes on; a click there passes.
    wait_for(lambda: page.evaluate(FACE) == faces[BETWEEN + 1])
    expect(line).to_be_hidden()
    page.reload()
    expect(page.get_by_role("button", name="Label it (Shift+R)")).to_be_visible()
    click_at(page, "label", *FIRST[1])
    expect(line).to_be_hidden()
    for key in (2, 3, 4):
        click_at(page, "label", *FIRST[key])
    page.get_by_role("button", name="Label it (Shift+R)").click()
    wait_for(lambda: page.evaluate(FACE) == made.id)
    assert page.evaluate(f"Object.keys({EDITOR}.view.points)") == ["1"]
    assert len(project.store.repeats()) == 1
    page.locator(".strip-row").first.click()
    wait_for(lambda: page.evaluate(FACE) in faces)
    expect(line).to_be_hidden()
