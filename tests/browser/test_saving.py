"""No edit is lost: retries, the journal, conflicts, several tabs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import APIResponse, BrowserContext, Page, Route, expect

from labeler.project.project import Project
from labeler.storage.records import Point, PredictedPoint
from mdmd.data.definition import Definition
from tests.browser.conftest import (
    Complaints,
    Site,
    canvas,
    click_at,
    drag,
    intercept,
    new_context,
    on_screen,
    open_canvas,
    open_empty,
    root,
    round_trip,
    saved,
    serve,
    wait_for,
    watch,
)

pytestmark = pytest.mark.browser


def opened(page: Page, site: Site, name: str, face: int) -> None:
    open_canvas(page, site, name, "label")
    wait_for(lambda: page.evaluate(f"{root('label')}?.editor.view?.face") == face)


def place_elsewhere(page: Page, site: Site, name: str, face: int, landmark: int, x: float, y: float) -> None:
    """A label from another machine, which no channel between tabs announces."""
    point = {"points": [{"id": landmark, "x": x, "y": y, "v": 2}]}
    headers = {"Content-Type": "application/json"}
    address = f"{site.url}/api/projects/{name}/faces/{face}/points"
    assert page.context.request.post(address, data=json.dumps(point), headers=headers).ok


def break_saving(page: Page) -> list[str]:
    """From now on, edits do not reach the server."""
    stopped: list[str] = []

    def stop(route: Route) -> None:
        stopped.append(route.request.url)
        route.abort()

    intercept(page, "**/faces/*/points", stop)
    return stopped


def test_an_edit_that_fails_is_shown_and_sent_again(page: Page, site: Site, complaints: Complaints) -> None:
    project = site.project("rails")
    face = project.store.faces()[0].id
    opened(page, site, "rails", face)
    break_saving(page)
    click_at(page, "label", 150, 100)
    click_at(page, "label", 250, 100)
    expect(page.locator(".save-mark")).to_contain_text("NOT SAVED")
    assert project.store.points(face).get(face, {}) == {}
    page.unroute("**/faces/*/points")
    saved(page)
    assert sorted(wait_for(lambda: project.store.points(face).get(face))) == [1, 2]
    assert page.evaluate("Object.keys(localStorage).filter((key) => key.startsWith('mdmd.journal'))") == []
    complaints.clear()


def test_an_edit_whose_answer_was_lost_is_not_carried_out_twice(page: Page, site: Site, complaints: Complaints) -> None:
    complaints.expect("net::ERR_FAILED")
    project = site.project("phalaropes")
    face = project.store.faces()[0].id
    opened(page, site, "phalaropes", face)
    lost: list[str] = []

    def lose(route: Route) -> None:
        if route.request.method == "POST" and route.request.url not in lost:
            assert route.fetch().ok
            lost.append(route.request.url)
            route.abort()
        else:
            route.continue_()

    intercept(page, f"**/faces/{face}/*", lose)
    click_at(page, "label", 150, 110)
    click_at(page, "label", 250, 110)
    click_at(page, "label", 200, 160)
    saved(page)
    assert len(project.store.points(face)[face]) == 3
    page.keyboard.press("Control+z")
    wait_for(lambda: page.evaluate("true") and len(lost) == 2)
    saved(page)
    assert sorted(project.store.points(face)[face]) == [1, 2]
    assert [action.kind for action in project.store.history(face)] == ["undo", "edit", "edit", "edit", "create"]


def test_an_edit_that_a_sign_in_page_answers_is_sent_again(page: Page, site: Site) -> None:
    project = site.project("sanderlings")
    face = project.store.faces()[0].id
    opened(page, site, "sanderlings", face)
    sign_in = "<!doctype html><p>Sign in to this network.</p>"
    intercept(page, "**/faces/*/points", lambda route: route.fulfill(content_type="text/html", body=sign_in))
    click_at(page, "label", 150, 100)
    expect(page.locator(".save-mark")).to_contain_text("NOT SAVED: something other than the labeler answered")
    assert project.store.points(face).get(face, {}) == {}
    page.unroute("**/faces/*/points")
    saved(page)
    assert sorted(project.store.points(face)[face]) == [1]


def test_an_answer_that_is_no_face_takes_no_edit_out_of_the_journal(page: Page, site: Site) -> None:
    project = site.project("dowitchers")
    face = project.store.faces()[0].id
    opened(page, site, "dowitchers", face)
    intercept(page, "**/faces/*/points", lambda route: route.fulfill(body="null"), times=1)
    click_at(page, "label", 150, 100)
    wait_for(lambda: page.evaluate("true") and project.store.points(face).get(face))
    saved(page)
    assert sorted(project.store.points(face)[face]) == [1]


def test_a_page_sends_what_is_left_when_it_goes(page: Page, site: Site, complaints: Complaints) -> None:
    project = site.project("coots")
    face = project.store.faces()[0].id
    opened(page, site, "coots", face)
    page.evaluate(f"Object.assign({root('label')}.session, {{ pump: () => {{}} }})")
    click_at(page, "label", 150, 100)
    click_at(page, "label", 250, 100)
    assert project.store.points(face).get(face, {}) == {}
    page.goto("about:blank")
    assert sorted(wait_for(lambda: len(found := project.store.points(face).get(face, {})) == 2 and found)) == [1, 2]


def test_a_crashed_page_leaves_its_edits_to_the_next(page: Page, site: Site, complaints: Complaints) -> None:
    project = site.project("crakes")
    face = project.store.faces()[0].id
    opened(page, site, "crakes", face)
    break_saving(page)
    click_at(page, "label", 150, 100)
    click_at(page, "label", 250, 100)
    expect(page.locator(".save-mark")).to_contain_text("NOT SAVED")
    page.evaluate(f"Object.assign({root('label')}.session, {{ sendRest: () => {{}} }})")
    page.goto("about:blank")
    page.unroute("**/faces/*/points")
    assert project.store.points(face).get(face, {}) == {}
    opened(page, site, "crakes", face)
    assert sorted(wait_for(lambda: project.store.points(face).get(face))) == [1, 2]
    saved(page)
    complaints.clear()


def test_two_tabs_see_each_other_and_merge(page: Page, site: Site, complaints: Complaints) -> None:
    project = site.project("gulls")
    face = project.store.faces()[0].id
    opened(page, site, "gulls", face)
    context: BrowserContext = page.context
    other = context.new_page()
    watch(other, complaints)
    opened(other, site, "gulls", face)
    click_at(page, "label", 150, 100)
    wait_for(lambda: other.evaluate(f"{root('label')}.editor.view.points['1']?.x"))
    assert other.evaluate(f"{root('label')}.editor.current") == "2"
    click_at(other, "label", 250, 100)
    saved(other)
    labels = wait_for(lambda: len(found := project.store.points(face)[face]) == 2 and found)
    assert labels[1].x == pytest.approx(150, abs=1)
    assert labels[2].x == pytest.approx(250, abs=1)
    wait_for(lambda: page.evaluate(f"{root('label')}.editor.view.points['2']?.x"))


def test_a_conflict_shows_what_the_other_did(page: Page, site: Site, complaints: Complaints) -> None:
    project = site.project("skuas")
    face = project.store.faces()[0].id
    opened(page, site, "skuas", face)
    click_at(page, "label", 150, 100)
    saved(page)
    place_elsewhere(page, site, "skuas", face, 1, 30, 40)
    page.keyboard.press("b")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".toast.warning")).to_be_visible()
    assert page.evaluate(f"{root('label')}.editor.view.points['1'].x") == 30
    assert project.store.points(face)[face][1].x == 30
    complaints.clear()


@pytest.mark.parametrize(("name", "leave", "place"), [("ruffs", "d", ".workbench"), ("reeves", "train", ".topbar")])
def test_a_refusal_is_told_though_its_face_is_no_longer_shown(
    page: Page, site: Site, complaints: Complaints, name: str, leave: str, place: str
) -> None:
    project = site.project(name)
    first, second, _ = (face.id for face in project.store.faces())
    opened(page, site, name, first)
    click_at(page, "label", 150, 110)
    saved(page)
    page.evaluate(f"Object.assign({root('label')}.session, {{ patience: 0 }})")
    place_elsewhere(page, site, name, first, 1, 30, 40)
    held: list[Route] = []
    intercept(page, "**/faces/*/points", lambda route: held.append(route), times=1)
    drag(page, "label", (150, 110), (180, 130))
    wait_for(lambda: page.evaluate("true") and held)
    if leave == "d":
        page.keyboard.press("d")
        wait_for(lambda: page.evaluate(f"{root('label')}.editor.view.face") == second)
    else:
        page.get_by_role("tab", name=leave).click()
        expect(canvas(page, "label")).to_be_hidden()
    held[0].continue_()
    told = page.locator(f"{place} .toast.warning")
    expect(told).to_be_visible()
    expect(told).to_contain_text(f"{name}-0.png: this point has changed since you saw it")
    complaints.expect("status of 409")


def test_an_edit_of_a_face_that_was_removed_elsewhere_leads_to_another_face(
    page: Page, site: Site, complaints: Complaints
) -> None:
    project = site.project("stilts")
    first = project.store.faces()[0].id
    headers = {"Content-Type": "application/json"}
    faces = f"{site.url}/api/projects/stilts/pictures/{project.store.face(first).image_id}/faces"
    assert page.context.request.post(faces, data=json.dumps({"box": [10, 10, 80, 80]}), headers=headers).ok
    opened(page, site, "stilts", first)
    assert page.context.request.delete(f"{site.url}/api/projects/stilts/faces/{first}").ok
    click_at(page, "label", 150, 110)
    expect(page.locator(".toast.warning")).to_contain_text("stilts-0.png: ")
    wait_for(lambda: page.evaluate(f"{root('label')}.editor.view.face") != first)
    round_trip(page)
    complaints.expect("status of 404")


def test_two_people_on_one_face_are_told_and_nothing_of_theirs_vanishes(
    page: Page, site: Site, complaints: Complaints
) -> None:
    project = site.project("auks")
    face = project.store.faces()[0].id
    browser = page.context.browser
    assert browser is not None
    context = new_context(browser, site)
    other = context.new_page()
    watch(other, complaints)
    opened(page, site, "auks", face)
    opened(other, site, "auks", face)
    for x in (150, 250):
        click_at(page, "label", x, 100)
    saved(page)
    assert other.evaluate(f"Object.keys({root('label')}.editor.view.points)") == []  # no channel between browsers

    # Two quick clicks on what the first person has placed meanwhile, both made before the first answer is there.
    held: list[Route] = []
    intercept(other, "**/faces/*/points", lambda route: held.append(route), times=1)
    for x in (20, 30):
        click_at(other, "label", x, 20)
    wait_for(lambda: other.evaluate("true") and held)
    wait_for(lambda: other.evaluate(f"{root('label')}.session.queue.length") == 2)
    held[0].continue_()
    expect(other.locator(".toast.warning")).to_contain_text("this point has changed since you saw it")
    saved(other)
    assert [round(project.store.points(face)[face][key].x or 0) for key in (1, 2)] == [150, 250]
    shown = other.evaluate(f"{root('label')}.editor.view.points")
    assert sorted(shown) == ["1", "2"]
    assert other.evaluate(f"{root('label')}.editor.current") == "3"

    click_at(other, "label", 200, 160)
    saved(other)
    # Undo does not take back what the first person has not seen.
    page.keyboard.press("Control+z")
    expect(page.locator(".toast.warning")).to_contain_text("this face has changed since you saw it")
    wait_for(lambda: sorted(page.evaluate(f"{root('label')}.editor.view.points")) == ["1", "2", "3"])
    assert sorted(project.store.points(face)[face]) == [1, 2, 3]
    page.keyboard.press("Control+z")
    wait_for(lambda: sorted(project.store.points(face)[face]) == [1, 2])
    context.close()
    complaints.clear()


def test_a_skip_reaches_the_other_tab_and_outlives_a_crash(page: Page, site: Site, complaints: Complaints) -> None:
    project = site.project("teals")
    face = project.store.faces()[0].id
    opened(page, site, "teals", face)
    other = page.context.new_page()
    watch(other, complaints)
    opened(other, site, "teals", face)
    page.bring_to_front()
    page.keyboard.press("s")
    page.keyboard.press("3")
    expect(other.locator(".face-head .skip-note").first).to_have_text("Skipped: duplicate")
    other.close()
    intercept(page, "**/faces/*/skip", lambda route: route.abort())
    page.keyboard.press("s")
    expect(page.locator(".save-mark")).to_contain_text("NOT SAVED")
    page.evaluate(f"Object.assign({root('label')}.session, {{ sendRest: () => {{}} }})")
    page.goto("about:blank")
    page.unroute("**/faces/*/skip")
    assert project.store.face(face).skip == "duplicate"
    opened(page, site, "teals", face)
    wait_for(lambda: project.store.face(face).skip is None)
    saved(page)
    complaints.clear()


def test_the_journal_says_the_least_and_repeats_nothing_that_arrived(page: Page, site: Site) -> None:
    open_empty(page, site)
    result = page.evaluate("""async () => {
      const { collapse, unseen } = await import("./shell/journal.js");
      const body = (id, x, revision) => ({ points: [{ id, x, y: 1, v: 2 }], source: "placed", revision });
      const points = (...point) => ({ face: 5, action: "points", body: body(...point) });
      const edits = collapse([
        points(1, 10, 7), points(2, 20, 7), points(1, 11, 8), points(1, 12, 8), { face: 5, action: "undo", body: {} },
        { face: 5, action: "clear", body: { ids: [2] } }, { face: 5, action: "box", body: { box: [0, 0, 5, 5] } }]);
      const view = (x) => ({ points: x === null ? {} : { 1: { x, y: 1, v: 2 } }, predictions: {}, box: [0, 0, 5, 5] });
      const [moved, cleared, box] = edits;
      return { actions: edits.map(({ action }) => action), wanted: moved.body.points,
        arrived: unseen(view(11), moved), older: unseen(view(10), moved).body.revision,
        foreign: unseen(view(99), moved).body.revision,
        cleared: unseen(view(11), cleared), box: unseen(view(11), box) };
    }""")
    assert result["actions"] == ["points", "clear", "box"]
    assert result["wanted"] == [{"id": 1, "x": 11, "y": 1, "v": 2}]
    assert result["arrived"] is None
    assert result["older"] is None  # the server has an older value of ours: no conflict
    assert result["foreign"] == 8  # of another person: the server must check it
    assert result["cleared"] is None
    assert result["box"] is None


def test_what_was_taken_back_before_it_was_sent_does_not_come_back(page: Page, site: Site) -> None:
    open_empty(page, site)
    result = page.evaluate("""async () => {
      const { collapse } = await import("./shell/journal.js");
      const point = (id, face = 5) => (
        { face, action: "points", body: { points: [{ id, x: 1, y: 1, v: 2 }], source: "placed", revision: 3 } });
      const [undo, redo] = ["undo", "redo"].map((action) => ({ face: 5, action, body: {} }));
      const left = (...edits) => collapse(edits).map(({ face, body }) => [face, body.points.map(({ id }) => id)]);
      return [left(point(1), point(2), undo), left(point(1), point(2), undo, redo), left(point(1), undo),
        left(point(1), point(2), undo, point(3), undo, undo), left(point(9, 6), point(1), undo, undo)];
    }""")
    # The first may have been sent already, so that its undo would take back something else.
    assert result == [[[5, [1]]], [[5, [1, 2]]], [[5, [1]]], [[5, [1]]], [[6, [9]]]]


def test_what_a_dead_page_left_keeps_what_it_was_made_of(page: Page, site: Site) -> None:
    open_empty(page, site)
    result = page.evaluate("""async () => {
      const { collapse } = await import("./shell/journal.js");
      const edit = (action, id, revision, more) => ({ face: 5, action, body: { ids: [id], revision, ...more } });
      return collapse([
        edit("clear", 1, 7, { annotator: "ana" }), edit("clear", 2, 7, { annotator: "ana" }),
        edit("clear", 3, 9, { annotator: "ana" }), edit("accept", 4, 9, { annotator: null, run: 2 }),
        edit("accept", 5, 9, { annotator: null, places: { 5: [1.5, 2] } }),
        { ...edit("accept", 0, 9, { annotator: null, ids: null, places: { 1: [0, 0], 6: [3, 4], 7: [5, 6] } }),
          seen: [6, 7] },
      ]).map(({ action, body }) => [action, body]);
    }""")
    assert result == [
        ["clear", {"ids": [1, 2], "revision": 7, "annotator": "ana"}],
        ["clear", {"ids": [3], "revision": 9, "annotator": "ana"}],
        ["accept", {"ids": [4], "revision": 9, "annotator": None, "run": 2}],  # of an older version
        [
            "accept",
            {"ids": [5, 6, 7], "revision": 9, "annotator": None, "places": {"5": [1.5, 2], "6": [3, 4], "7": [5, 6]}},
        ],
    ]


def test_after_a_crash_an_own_box_or_skip_is_no_conflict_and_a_strangers_is(page: Page, site: Site) -> None:
    open_empty(page, site)
    result = page.evaluate("""async () => {
      const { collapse, unseen } = await import("./shell/journal.js");
      const box = (side) => ({ face: 5, action: "box", body: { box: [0, 0, side, side], revision: 7 } });
      const skip = (reason) => ({ face: 5, action: "skip", body: { reason, revision: 7 } });
      const edits = collapse([box(5), skip("duplicate"), box(6), skip(null)]);
      const rest = (side, reason) => edits.map((edit) => unseen({ box: [0, 0, side, side], skip: reason }, edit)?.body);
      return { arrived: rest(6, null), ours: rest(5, "duplicate"), theirs: rest(9, "not a face") };
    }""")
    assert result["arrived"] == [None, None]
    assert result["ours"] == [{"box": [0, 0, 6, 6], "revision": None}, {"reason": None, "revision": None}]
    assert result["theirs"] == [{"box": [0, 0, 6, 6], "revision": 7}, {"reason": None, "revision": 7}]


def test_of_every_landmark_the_last_word_survives_a_crash(page: Page, site: Site) -> None:
    open_empty(page, site)
    result = page.evaluate("""async () => {
      const { collapse, unseen } = await import("./shell/journal.js");
      const accept = (ids, seen) => ({ face: 5, action: "accept", body: { ids }, seen });
      const placed = (id) => ({ points: [{ id, x: 1, y: 1, v: 2 }], source: "placed" });
      const point = (id) => ({ face: 5, action: "points", body: placed(id) });
      const clear = (...ids) => ({ face: 5, action: "clear", body: { ids } });
      const brief = (...edits) => Object.fromEntries(collapse(edits).map(
        ({ action, body }) => [action, body.ids ?? body.points.map(({ id }) => id)]));
      const [accepted] = collapse([accept([3])]);
      const [shown] = collapse([{ face: 5, action: "accept", body: { ids: [3], places: { 3: [7, 5] } } }]);
      return [brief(accept([3]), accept([5]), accept([7]), point(7)), brief(accept([3]), clear(3)),
        brief(clear(3), accept(null, [3, 4])), brief(accept(null, [3, 4]), clear(3), point(4)),
        unseen({ points: { 3: { v: 2, source: "placed" } } }, accepted) !== null,
        unseen({ points: { 3: { v: 2, source: "accepted" } } }, accepted) === null,
        unseen({ points: { 3: { v: 2, source: "accepted", x: 5, y: 5 } } }, shown)?.body.places,
        unseen({ points: { 3: { v: 2, source: "accepted", x: 7, y: 5 } } }, shown)];
    }""")
    assert result == [
        {"points": [7], "accept": [3, 5]},
        {"clear": [3]},
        {"accept": [3, 4]},
        {"points": [4], "clear": [3]},
        True,
        True,
        {"3": [7, 5]},
        None,
    ]


def test_a_full_storage_does_not_stop_the_saving(page: Page, site: Site) -> None:
    project = site.project("knots")
    face = project.store.faces()[0].id
    opened(page, site, "knots", face)
    page.evaluate("void (Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); })")
    click_at(page, "label", 150, 110)
    saved(page)
    assert project.store.points(face)[face][1].x == pytest.approx(150, abs=1)


def test_an_answer_from_before_an_edit_does_not_take_it_off_the_screen(page: Page, site: Site) -> None:
    project = site.project("plovers")
    face = project.store.faces()[0].id
    opened(page, site, "plovers", face)
    page.wait_for_load_state("networkidle")
    held: list[tuple[Route, APIResponse]] = []
    intercept(page, f"**/faces/{face}", lambda route: held.append((route, route.fetch())), times=1)
    page.evaluate(f"void (window.reloaded = {root('label')}.editor.reload())")
    wait_for(lambda: page.evaluate("true") and held)
    click_at(page, "label", 150, 110)
    saved(page)
    [(route, before)] = held
    route.fulfill(response=before)
    page.evaluate("window.reloaded")
    assert page.evaluate(f"Object.keys({root('label')}.editor.view.points)") == ["1"]
    assert page.evaluate(f"{root('label')}.editor.current") == "2"


def test_a_server_that_is_killed_among_200_fast_clicks_loses_none(
    page: Page, tmp_path: Path, complaints: Complaints
) -> None:
    spots = {"keypoints": [f"spot_{k}" for k in range(200)], "flsg": {"nose": list(range(200))}}
    definition = Definition.from_category({**spots, "name": "face", "flip_pairs": [], "normalizer": "box"})
    places = [(20 + 17 * (k % 20), 20 + 25 * (k // 20)) for k in range(200)]
    with serve(tmp_path) as (first, server):
        project = first.project("terns", definition=definition)
        face = project.store.faces()[0].id
        first.sign_in(page.context)
        opened(page, first, "terns", face)
        page.evaluate(f"""void {root("label")}.session.addEventListener("view", ({{ detail }}) =>
            (window.acknowledged = Object.keys(detail.view.points).map(Number)))""")
        (left, top), (right, bottom) = (on_screen(page, "label", side, side) for side in (0, 1))
        for k, (x, y) in enumerate(places):
            page.mouse.click(left + x * (right - left), top + y * (bottom - top))
            if k == 100:
                server.kill()
                server.wait(20)
        acknowledged = page.evaluate("window.acknowledged")
        assert 0 < len(acknowledged) <= 101
        expect(page.locator(".save-mark")).to_contain_text("NOT SAVED")
        assert set(acknowledged) <= project.store.points(face)[face].keys()  # what the dead server's file holds
    port = int(first.url.rsplit(":", 1)[1])
    with serve(tmp_path, port=port) as (second, _):
        second.sign_in(page.context)  # as the address that the new server prints does; the page stays as it is
        wait_for(lambda: page.evaluate(f"{root('label')}.session.queue.length") == 0)
        saved(page)
        labels = second.workspace.open("terns").store.points(face)[face]
        assert len(labels) == 200
        for key, place in zip(sorted(labels), places, strict=True):
            assert (labels[key].x, labels[key].y) == pytest.approx(place, abs=1)
        page.goto("about:blank")
    complaints.clear()


PREDICTED = {1: (150.125, 110.0), 2: (250.0, 110.0), 3: (200.0, 160.0), 4: (200.0, 310.0)}


def predict(project: Project, run: int, face: int, by: float = 0.0) -> None:
    """Predictions of a face that are `by` pixels further right than PREDICTED; the last lies below the picture."""
    points = {key: PredictedPoint(x + by, y, (9.0, 0.0, 9.0), 0.02, False) for key, (x, y) in PREDICTED.items()}
    project.store.predictions.add(run, {face: points})


@pytest.mark.parametrize("crashes", [False, True])
def test_what_was_accepted_is_what_was_shown_though_the_server_predicts_otherwise_by_then(
    page: Page, site: Site, complaints: Complaints, crashes: bool
) -> None:
    name = f"stonechats-{crashes}".lower()
    project = site.project(name)
    face = project.store.faces()[0].id
    predict(project, 1, face)
    opened(page, site, name, face)
    intercept(page, "**/faces/*/accept", lambda route: route.abort())
    page.evaluate(f"{root('label')}.editor.accept(['1'])")
    page.evaluate(f"{root('label')}.editor.accept(null)")
    expect(page.locator(".save-mark")).to_contain_text("NOT SAVED")
    predict(project, 2, face, by=30)
    if crashes:
        page.evaluate(f"Object.assign({root('label')}.session, {{ sendRest: () => {{}} }})")
        page.goto("about:blank")
    page.unroute("**/faces/*/accept")
    if crashes:
        opened(page, site, name, face)
    labels = wait_for(lambda: len(found := project.store.points(face).get(face, {})) == 4 and found)
    saved(page)
    assert {key: (point.x, point.y) for key, point in labels.items()} == {**PREDICTED, 4: (200.0, 300.0)}
    # After a crash all arrive as one acceptance, which says of no point that it was accepted by itself.
    first = "accepted_rest" if crashes else "accepted"
    assert [labels[key].source for key in PREDICTED] == [first, *["accepted_rest"] * 3]
    complaints.clear()


def test_what_changes_while_a_page_looks_is_looked_at_once_more(page: Page, site: Site) -> None:
    open_empty(page, site)
    result = page.evaluate("""async () => {
      const { whenStale } = await import("./shell/page.js");
      const { Emitter } = await import("./shell/emitter.js");
      const [root, others] = [document.createElement("div"), new Emitter()];
      const looks = [];
      whenStale(root, others, () => new Promise((done) => looks.push(done)));
      const changed = () => others.emit("refresh", {});
      const soon = () => new Promise((done) => setTimeout(done, 100));
      const counts = [];
      const count = async () => (await soon(), counts.push(looks.length));
      changed(); await count();  // out of sight
      root.style = "position: absolute; width: 9px; height: 9px"; document.body.append(root); await count();
      changed(); changed(); await count();  // during the first look
      looks[0](); await count();
      looks[1](); await count();  // nothing new since
      changed(); await count();
      return counts;
    }""")
    assert result == [0, 1, 1, 2, 2, 3]


def shown(page: Page) -> dict[str, list[float]]:
    """Where the points of the open face are, as its editor has them."""
    return page.evaluate(
        f"Object.fromEntries(Object.entries({root('label')}.editor.view.points).map(([id, p]) => [id, [p.x, p.y]]))"
    )


def hold_questions(page: Page, face: int) -> list[Route]:
    """From now on the server's word on a face is waited for in vain; what was asked."""
    held: list[Route] = []
    intercept(page, f"**/faces/{face}", lambda route: held.append(route))
    return held


def known(page: Page, face: int) -> bool:
    return page.evaluate(f"{root('label')}.session.known({face}) !== null")


def test_the_next_face_is_shown_before_the_server_is_asked_and_then_as_the_server_has_it(
    page: Page, site: Site
) -> None:
    project = site.project("divers")
    first, second, _ = (face.id for face in project.store.faces())
    opened(page, site, "divers", first)
    wait_for(lambda: known(page, second))
    place_elsewhere(page, site, "divers", second, 1, 30, 40)
    held = hold_questions(page, second)
    page.keyboard.press("d")
    wait_for(lambda: page.evaluate(f"{root('label')}.editor.view.face") == second)
    assert shown(page) == {}  # kept from before
    wait_for(lambda: page.evaluate("true") and held)[0].continue_()
    wait_for(lambda: shown(page) == {"1": [30, 40]})
    assert page.evaluate(f"{root('label')}.editor.current") == "2"


def test_a_face_that_may_be_next_is_asked_for_once_while_the_answer_is_on_its_way(page: Page, site: Site) -> None:
    project = site.project("smews")
    first, second, _ = (face.id for face in project.store.faces())
    held = hold_questions(page, second)
    opened(page, site, "smews", first)
    wait_for(lambda: page.evaluate("true") and held)
    page.evaluate(f"void {root('label')}.prefetch()")
    round_trip(page)
    assert len(held) == 1
    held[0].continue_()
    wait_for(lambda: known(page, second))
    round_trip(page)
    assert len(held) == 1


def test_a_click_on_a_kept_face_never_passes_over_a_point_that_was_not_seen(
    page: Page, site: Site, complaints: Complaints
) -> None:
    project = site.project("grebes")
    first, second, _ = (face.id for face in project.store.faces())
    opened(page, site, "grebes", first)
    wait_for(lambda: known(page, second))
    place_elsewhere(page, site, "grebes", second, 1, 30, 40)
    hold_questions(page, second)
    page.keyboard.press("d")
    wait_for(lambda: page.evaluate(f"{root('label')}.editor.view.face") == second)
    click_at(page, "label", 150, 110)
    expect(page.locator(".toast.warning")).to_contain_text("this point has changed since you saw it")
    assert shown(page) == {"1": [30, 40]}
    assert project.store.points(second)[second][1].x == 30
    complaints.clear()


def test_a_label_that_comes_in_while_a_point_is_dragged_is_not_passed_over(
    page: Page, site: Site, complaints: Complaints
) -> None:
    project = site.project("geese")
    face = project.store.faces()[0].id
    opened(page, site, "geese", face)
    click_at(page, "label", 150, 110)
    saved(page)
    other = page.context.new_page()
    watch(other, complaints)
    opened(other, site, "geese", face)
    page.mouse.move(*on_screen(page, "label", 150, 110))
    page.mouse.down()
    page.mouse.move(*on_screen(page, "label", 180, 130), steps=4)
    other.evaluate(f"void {root('label')}.session.setPoints({face}, [{{ id: 1, x: 30, y: 40, v: 2 }}], 'dragged')")
    wait_for(lambda: page.evaluate(f"{root('label')}.session.known({face}).points['1'].x") == 30)
    page.mouse.up()
    expect(page.locator(".toast.warning")).to_contain_text("this point has changed since you saw it")
    assert shown(page) == {"1": [30, 40]}
    complaints.clear()


def test_what_was_begun_on_a_face_is_finished_on_it_before_the_next_one_is_shown(page: Page, site: Site) -> None:
    project = site.project("oystercatchers")
    first, second, _ = (face.id for face in project.store.faces())
    held: list[Route] = []
    free: list[bool] = []
    intercept(page, f"**/faces/{second}", lambda route: route.continue_() if free else held.append(route))
    opened(page, site, "oystercatchers", first)
    click_at(page, "label", 150, 110)
    saved(page)
    page.keyboard.press("b")
    page.keyboard.press("d")
    page.keyboard.press("ArrowRight")  # this face is still the one that is shown
    page.mouse.move(*on_screen(page, "label", 151, 110))
    page.mouse.down()
    page.mouse.move(*on_screen(page, "label", 181, 130), steps=4)
    wait_for(lambda: page.evaluate("true") and held)
    free.append(True)  # what is asked again is answered
    for route in held:
        route.continue_()
    wait_for(lambda: known(page, second))
    round_trip(page)
    assert page.evaluate(f"{root('label')}.editor.view.face") == first
    page.mouse.up()
    wait_for(lambda: page.evaluate(f"{root('label')}.editor.view.face") == second)
    saved(page)
    assert shown(page) == {}
    [point] = project.store.points(first)[first].values()
    assert (point.x, point.y) == pytest.approx((181, 130), abs=1)
    assert project.store.points(second) == {}


def test_what_comes_in_during_a_gesture_is_shown_when_it_ends_and_a_drag_broken_off_leaves_nothing(
    page: Page, site: Site
) -> None:
    project = site.project("avocets")
    face = project.store.faces()[0].id
    opened(page, site, "avocets", face)
    click_at(page, "label", 150, 110)
    saved(page)
    x, y = on_screen(page, "label", 150, 110)
    page.mouse.move(x, y)
    page.mouse.down(button="right")
    page.mouse.move(x + 40, y + 20, steps=3)  # the view, no point
    place_elsewhere(page, site, "avocets", face, 1, 30, 40)
    page.evaluate(f"{root('label')}.editor.reload()")
    assert shown(page) == {"1": [150, 110]}
    page.mouse.up(button="right")
    wait_for(lambda: shown(page) == {"1": [30, 40]})

    page.route("**/faces/*", lambda route: route.abort())
    page.mouse.move(*on_screen(page, "label", 30, 40))
    page.mouse.down()
    page.mouse.move(*on_screen(page, "label", 80, 90), steps=4)
    assert shown(page)["1"] != [30, 40]
    page.evaluate(f"{root('label')}.editor.canvas.gestures.end('cancel')")  # as a second finger does
    page.mouse.up()
    assert shown(page) == {"1": [30, 40]}
    assert len(project.store.history(face)) == 3  # made, placed here, placed elsewhere


def test_a_face_that_another_tab_edits_is_opened_as_it_is_then(page: Page, site: Site, complaints: Complaints) -> None:
    project = site.project("loons")
    first, second, _ = (face.id for face in project.store.faces())
    opened(page, site, "loons", first)
    wait_for(lambda: known(page, second))
    other = page.context.new_page()
    watch(other, complaints)
    opened(other, site, "loons", first)
    other.keyboard.press("d")
    wait_for(lambda: other.evaluate(f"{root('label')}.editor.view.face") == second)
    click_at(other, "label", 150, 110)
    saved(other)
    wait_for(lambda: page.evaluate(f"{root('label')}.session.known({second}).points['1'] !== undefined"))
    hold_questions(page, second)  # the tabs need no server to agree
    page.bring_to_front()
    page.keyboard.press("d")
    wait_for(lambda: page.evaluate(f"{root('label')}.editor.view.face") == second)
    assert shown(page)["1"] == pytest.approx([150, 110], abs=1)
    assert page.evaluate(f"{root('label')}.editor.current") == "2"


def test_a_change_of_the_project_leaves_no_face_as_it_was(page: Page, site: Site) -> None:
    project = site.project("scoters")
    first, second, _ = (face.id for face in project.store.faces())
    opened(page, site, "scoters", first)
    wait_for(lambda: known(page, second))
    held = hold_questions(page, second)
    page.evaluate(f"{root('label')}.session.announceChange()")
    assert not known(page, second)
    wait_for(lambda: page.evaluate("true") and held)  # and is asked for anew, as the open face is loaded


def predicted(page: Page) -> list[float]:
    """Where the predictions of the open face are from left to right."""
    return page.evaluate(f"Object.values({root('label')}.editor.view.predictions).map(({{ x }}) => x)")


def test_an_open_face_keeps_its_predictions_and_opened_again_shows_the_newest(
    page: Page, site: Site, complaints: Complaints
) -> None:
    project = site.project("redstarts")
    first, second, _ = (face.id for face in project.store.faces())
    predict(project, 1, first)
    opened(page, site, "redstarts", first)
    before = predicted(page)
    assert before == [x for x, _ in PREDICTED.values()]
    predict(project, 2, first, by=30)
    page.evaluate(f"{root('label')}.editor.place('1', 99, 98)")  # the answer to an edit
    saved(page)
    assert predicted(page) == before
    other = page.context.new_page()
    watch(other, complaints)
    opened(other, site, "redstarts", first)
    other.evaluate(f"void {root('label')}.session.setPoints({first}, [{{ id: 2, x: 30, y: 40, v: 2 }}], 'placed')")
    wait_for(lambda: sorted(shown(page)) == ["1", "2"])  # news from another tab
    page.evaluate(f"{root('label')}.load()")
    assert predicted(page) == before
    page.bring_to_front()
    for key, face in (("d", second), ("a", first)):
        page.keyboard.press(key)
        wait_for(lambda face=face: page.evaluate(f"{root('label')}.editor.view.face") == face)
    assert predicted(page) == [x + 30 for x in before]
    # To leave the page and come back opens its face again.
    predict(project, 3, first, by=50)
    for display in ("none", ""):
        page.evaluate(f"Object.assign({root('label')}.root.style, {{ display: '{display}' }})")
        round_trip(page)
    wait_for(lambda: predicted(page) == [x + 50 for x in before])


def test_what_is_predicted_of_a_blank_face_is_shown_when_it_comes(page: Page, site: Site) -> None:
    project = site.project("whinchats")
    first, second, third = (face.id for face in project.store.faces())
    project.store.edit_points(third, {1: Point(150, 110, 2)})
    opened(page, site, "whinchats", first)
    assert predicted(page) == []
    predict(project, 1, first)
    wait_for(lambda: len(predicted(page)) == 4)
    assert page.evaluate(f"{root('label')}.editor.current") is None
    page.keyboard.press("d")
    wait_for(lambda: page.evaluate(f"{root('label')}.editor.view.face") == second)
    click_at(page, "label", 150, 110)
    saved(page)
    predict(project, 2, second)
    page.evaluate(f"{root('label')}.load()")
    assert predicted(page) == []  # who has begun by hand goes on


def test_a_saved_label_makes_the_faces_around_be_asked_for_again(page: Page, site: Site) -> None:
    project = site.project("wheatears")
    first, second, third = (face.id for face in project.store.faces())
    opened(page, site, "wheatears", first)
    wait_for(lambda: known(page, second) and known(page, third))
    predict(project, 1, second)
    click_at(page, "label", 150, 110)
    wait_for(lambda: page.evaluate(f"Object.keys({root('label')}.session.known({second}).predictions).length") == 4)

    # Opened before that, a face is asked for at once.
    page.evaluate(f"Object.assign({root('label')}.session, {{ prefetch: () => {{}}, patience: 1e6 }})")
    predict(project, 2, second, by=30)
    click_at(page, "label", 250, 110)
    page.keyboard.press("d")
    wait_for(lambda: page.evaluate(f"{root('label')}.editor.view.face") == second)
    assert predicted(page) == [x + 30 for x, _ in PREDICTED.values()]


def test_a_server_that_does_not_answer_soon_does_not_hold_up_the_next_face(page: Page, site: Site) -> None:
    project = site.project("fieldfares")
    first, second, _ = (face.id for face in project.store.faces())
    predict(project, 1, second)
    opened(page, site, "fieldfares", first)
    wait_for(lambda: known(page, second))
    page.evaluate(f"Object.assign({root('label')}.session, {{ prefetch: () => {{}}, patience: 1 }})")
    held = hold_questions(page, second)
    predict(project, 2, second, by=30)
    click_at(page, "label", 150, 110)
    saved(page)
    page.keyboard.press("d")
    wait_for(lambda: page.evaluate(f"{root('label')}.editor.view.face") == second)
    before = predicted(page)
    assert before == [x for x, _ in PREDICTED.values()]
    place_elsewhere(page, site, "fieldfares", second, 1, 30, 40)
    wait_for(lambda: page.evaluate("true") and len(held) == 2)  # to open it, and to confirm what is shown
    page.unroute(f"**/faces/{second}")
    for route in held:
        route.continue_()
    wait_for(lambda: shown(page) == {"1": [30, 40]})
    assert predicted(page) == before  # no point jumps on a face that is shown
