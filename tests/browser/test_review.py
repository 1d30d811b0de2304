"""The review page: points by doubt, a view that goes along, minutes that reach so far, faces accepted unseen."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from labeler.runs.collect import collect_predictions
from labeler.storage.records import Point, PredictedPoint
from mdmd.files import write_json
from tests.browser.conftest import (
    Complaints,
    Site,
    canvas,
    drag,
    intercept,
    open_canvas,
    root,
    round_trip,
    saved,
    wait_for,
)
from tests.builders import leave_predictions, predictions_of

pytestmark = pytest.mark.browser

REVIEW = root("review")
EDITOR = f"{REVIEW}.editor"
#: Two eyes close together, the nose below, the chin far off.
PLACES = {1: (190.0, 100.0), 2: (205.0, 102.0), 3: (200.0, 160.0), 4: (200.0, 250.0)}


def predicted(doubts: dict[int, float], *, sigma: float = 2.0) -> dict[int, PredictedPoint]:
    """Every landmark at its place, wrong with probability `doubts` (or 1 %), flagged above 20 %."""
    return {
        key: PredictedPoint(x, y, (sigma**2, 0.0, sigma**2), doubts.get(key, 0.01), doubts.get(key, 0.01) > 0.2)
        for key, (x, y) in PLACES.items()
    }


def opened(page: Page, site: Site, name: str, *faces: dict[int, PredictedPoint]) -> Any:
    """A project whose first pictures have these predictions, on the review page."""
    project = site.project(name, pictures=max(len(faces), 3))
    project.store.predictions.add(1, dict(zip((face.id for face in project.store.faces()), faces, strict=False)))
    open_canvas(page, site, name, "review")
    wait_for(lambda: page.evaluate(f"{REVIEW}?.editor.view?.face"))
    return project


def current(page: Page) -> Any:
    return page.evaluate(f"{EDITOR}.current")


def view(page: Page) -> list[float]:
    """The scale of the view and the image point in its middle."""
    return page.evaluate(
        f"(({{ viewport: v }}) => [v.scale, ...v.toImage(v.width / 2, v.height / 2)])({EDITOR}.canvas)"
    )


def test_the_points_of_a_face_come_by_their_doubt(page: Page, site: Site) -> None:
    opened(page, site, "gulls", predicted({1: 0.3, 2: 0.9, 4: 0.5}))
    assert current(page) == "2"
    seen = []
    for key in "nnnb":
        page.keyboard.press(key)
        seen.append(current(page))
    assert seen == ["4", "1", "2", "1"]
    page.keyboard.press("n")
    for left in ("4", "1"):
        page.keyboard.press("a")
        assert current(page) == left
    drag(page, "review", PLACES[1], (186, 104))
    assert current(page) is None
    page.keyboard.press("n")  # the certain ones too, for who asks
    assert current(page) == "3"
    page.keyboard.press("a")
    saved(page)
    assert page.evaluate(f"Object.values({EDITOR}.view.points).map(({{ source }}) => source)") == [
        "corrected",
        "accepted",
        "accepted",
        "accepted",
    ]


def test_an_open_face_keeps_its_points_and_opened_again_shows_what_another_model_says(page: Page, site: Site) -> None:
    project = opened(page, site, "snipes", predicted({1: 0.9, 2: 0.5}))
    assert current(page) == "1"
    (face, *_) = (face.id for face in project.store.faces())
    project.store.predictions.add(2, {face: predicted({1: 0.3, 3: 0.8})})
    page.evaluate(f"{REVIEW}.load()")
    assert page.evaluate(f"[{EDITOR}.current, {EDITOR}.view.predictions[1].p_off]") == ["1", 0.9]
    page.evaluate(f"{REVIEW}.load({{ cameBack: true }})")
    wait_for(lambda: current(page) == "3")
    page.evaluate(f"{EDITOR}.stepInDoubt(1)")
    page.evaluate(f"{REVIEW}.load({{ cameBack: true }})")
    assert current(page) == "1", "the same model's word leaves the person where they are"
    expect(page.locator(".mount-review .hint")).to_have_text(
        "eye_left: 30 % likely to belong outside the dotted circle. A accepts, dragging corrects."
    )


def test_the_page_says_in_numbers_what_a_flag_means_and_once_that_the_threshold_has_changed(
    page: Page, site: Site
) -> None:
    project = opened(page, site, "dunlins", predicted({1: 0.9, 2: 0.5}))
    note, changed = page.locator(".mount-review .flags"), page.locator(".mount-review .flags-changed")
    expect(note.locator("summary")).to_have_text("Doubtful: more than 50 % likely wrong")
    expect(note.locator("p").first).to_have_text(
        "Flagged: more than 50 % likely to be off by over 10 % of the distance from eye_left to eye_right; expected to "
        "catch 99 of 100 wrong points, and to leave 0.5 % of all points wrong."
    )
    expect(note.locator("li")).to_have_count(3)
    # The eyes are 15 pixels apart.
    assert page.evaluate(f"{EDITOR}.canvas.scene.wrongRadius") == pytest.approx(0.1 * 15.13, abs=0.01)
    expect(changed).to_have_text("")
    faces = [face.id for face in project.store.faces()]
    project.store.predictions.add(2, {faces[0]: predicted({1: 0.3, 3: 0.8})})
    page.evaluate(f"{REVIEW}.load({{ cameBack: true }})")
    said = (
        "The threshold is now 30 %, it was 50 % before, because the points of run 002 are shown, and the "
        "points of run 001 were before."
    )
    expect(changed).to_have_text(said)
    expect(note.locator("summary")).to_have_text("Doubtful: more than 30 % likely wrong")
    page.evaluate(f"{REVIEW}.load()")
    expect(changed).to_have_text(said)
    open_canvas(page, site, "dunlins", "review")
    expect(note.locator("summary")).to_have_text("Doubtful: more than 30 % likely wrong")
    expect(changed).to_have_text("")


def test_what_a_flag_means_is_folded_by_key_and_stays_so(page: Page, site: Site) -> None:
    project = opened(page, site, "sandpipers", predicted({1: 0.9}))
    summary, sentence = page.locator(".mount-review .flags summary"), page.locator(".mount-review .flags p").first
    expect(sentence).to_be_visible()
    summary.press("Enter")
    expect(sentence).to_be_hidden()
    expect(summary).to_be_focused()
    round_trip(page)
    assert project.store.points().get(1, {}) == {}, "the key accepts no point"
    open_canvas(page, site, "sandpipers", "review")
    expect(sentence).to_be_hidden()
    summary.click()
    expect(sentence).to_be_visible()
    expect(canvas(page, "review")).to_be_focused()


def test_what_proposes_points_is_chosen_by_keys_and_an_open_face_without_labels_shows_them(
    page: Page, site: Site
) -> None:
    project = site.project("knots", pictures=2)
    first, second = (face.id for face in project.store.faces())
    for number in (1, 2):
        found = predictions_of(project, [first, second], p_off=0.3)
        for record in found["annotations"]:
            record["keypoints"][0] = 100 * number  # the first landmark's x
        leave_predictions(project, number, found)
        collect_predictions(project)
    open_canvas(page, site, "knots", "review")
    button, toast = page.locator(".mount-review .right .in-charge"), page.locator(".mount-review .toast")

    def x(face: int) -> Any:
        wait_for(lambda: page.evaluate(f"{EDITOR}.view?.face") == face)
        return page.evaluate(f"({{ ...{EDITOR}.view.predictions, ...{EDITOR}.view.points }})[1].x")

    expect(button).to_have_text("In charge: run 002")
    assert x(first) == 200
    page.keyboard.press("c")
    expect(page.get_by_role("dialog", name="What proposes points").get_by_role("button")).to_have_text(
        ["1points carried over from labeled faces", "2run 002", "3run 001"]
    )
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(button).to_have_text("In charge: run 001")
    expect(toast).to_have_text("In charge now: run 001.")
    expect(canvas(page, "review")).to_be_focused()
    wait_for(lambda: x(first) == 100)
    expect(page.locator(".mount-review .face-head")).to_contain_text("Proposed by run 001")
    page.keyboard.press("Enter")  # accepts the point that is shown
    saved(page)
    assert project.store.points()[first][1].x == 100

    button.click()
    page.get_by_role("button", name="run 002").click()  # and back
    expect(button).to_have_text("In charge: run 002")
    expect(toast).to_have_text("In charge now: run 002. This face keeps its points, because it has labels.")
    round_trip(page)
    assert page.evaluate(f"{EDITOR}.view.proposer.number") == 1, "work on it has begun"
    # By its number: with one point accepted the first face may come last in the queue, which is loaded anew meanwhile.
    page.evaluate(f"{REVIEW}.openFace({second})")
    assert x(second) == 200
    page.evaluate(f"{REVIEW}.openFace({first})")
    wait_for(lambda: page.evaluate(f"{EDITOR}.view.face") == first)
    assert page.evaluate(f"{EDITOR}.view.proposer.number") == 2, "opened again"
    assert project.store.points()[first][1].x == 100


def test_what_proposes_nothing_can_be_replaced_on_the_empty_page(page: Page, site: Site) -> None:
    project = site.project("curlews", pictures=1)
    leave_predictions(project, 1, predictions_of(project, [project.store.faces()[0].id]))
    collect_predictions(project)
    open_canvas(page, site, "curlews", "review")
    # The server has answered: before, the key does nothing.
    expect(page.locator(".mount-review .right .in-charge")).to_have_text("In charge: run 001")
    page.keyboard.press("c")
    page.get_by_role("button", name="points carried over").click()
    empty = page.locator(".mount-review .empty-state")
    expect(empty).to_contain_text("Nothing to review")
    empty.get_by_role("button", name="In charge: points carried over from labeled faces").press("Enter")
    page.get_by_role("dialog").get_by_role("button", name="run 001").press("Enter")
    expect(empty).to_have_count(0)
    expect(page.locator(".mount-review .strip-row")).to_have_count(1)


def test_the_last_face_leads_to_one_that_was_passed_over_and_then_on(page: Page, site: Site) -> None:
    project = opened(page, site, "eiders", predicted({1: 0.9}), predicted({1: 0.8}))
    first, second = (face.id for face in project.store.faces()[:2])
    page.keyboard.press("d")
    wait_for(lambda: page.evaluate(f"{EDITOR}.view.face") == second)
    page.keyboard.press("Shift+A")
    wait_for(lambda: page.evaluate(f"{EDITOR}.view.face") == first)
    page.keyboard.press("Shift+A")
    saved(page)
    expect(page.locator(".mount-review .hint")).to_contain_text("Every face is reviewed.")
    expect(page.get_by_role("button", name="Go to Train")).to_be_visible()
    page.get_by_role("button", name="Go to Export").click()
    expect(page.locator("#tab-export-button")).to_have_attribute("aria-selected", "true")


def test_keys_that_come_before_the_next_face_is_shown_belong_to_none_and_undos_to_the_faces_in_turn(
    page: Page, site: Site
) -> None:
    project = opened(page, site, "guillemots", *(predicted({1: doubt}) for doubt in (0.9, 0.8, 0.7)))
    first, second, third = (face.id for face in project.store.faces())
    labels = lambda: [len(project.store.points(face).get(face, {})) for face in (first, second, third)]  # noqa: E731
    page.evaluate(f"(() => {{ {REVIEW}.step(1); {REVIEW}.acceptFace(); }})()")
    wait_for(lambda: page.evaluate(f"{EDITOR}.view.face") == second)
    saved(page)
    assert labels() == [0, 0, 0]
    page.keyboard.press("Shift+A")
    wait_for(lambda: page.evaluate(f"{EDITOR}.view.face") == third)
    page.keyboard.press("Shift+A")
    wait_for(lambda: page.evaluate(f"{EDITOR}.view.face") == first)
    page.evaluate(f"Promise.all([{REVIEW}.undo(), {REVIEW}.undo()])")
    saved(page)
    assert labels() == [0, 0, 0]
    assert page.evaluate(f"{EDITOR}.view.face") == second

    # What is done again is taken back again.
    page.keyboard.press("Control+Shift+z")
    wait_for(lambda: labels() == [0, 4, 0])
    page.evaluate(f"{REVIEW}.openFace({third})")
    page.keyboard.press("Control+z")
    wait_for(lambda: labels() == [0, 0, 0])


def test_the_view_goes_to_doubt_and_rests_where_it_can_be_seen(page: Page, site: Site) -> None:
    opened(page, site, "terns", predicted({1: 0.9, 2: 0.8, 4: 0.7}))
    near = view(page)
    assert near[1:] == pytest.approx(PLACES[1], abs=0.01)
    high = page.evaluate(f"{EDITOR}.canvas.viewport.height")
    assert near[0] == 6  # else the view would be as high as 0.7 of the 150 pixels from eye to chin
    assert high / 6 > 0.7 * 150
    page.keyboard.press("n")
    assert (current(page), view(page)) == ("2", near)
    page.keyboard.press("n")
    scale, x, y = view(page)
    assert (scale, x) == (near[0], 200)
    assert y == pytest.approx(300 - high / 2 / scale)  # as near to the chin as the picture fills the view
    for _ in range(3):
        page.keyboard.press("a")
    assert current(page) is None
    assert view(page)[0] < 0.5 * scale  # the whole face, for what is left


def test_a_wide_ellipse_is_seen_whole_and_a_drag_of_the_view_is_kept(page: Page, site: Site) -> None:
    opened(page, site, "skuas", predicted({3: 0.9, 4: 0.8}, sigma=20.0))
    scale, _, y = view(page)
    high = page.evaluate(f"{EDITOR}.canvas.viewport.height")
    assert high / scale > 2 * 2.246 * 20
    assert y == 162.5  # the middle of the framed face: it shows the point well enough
    page.keyboard.press("Shift+Z")
    page.keyboard.press("Control+ArrowDown")
    kept = view(page)
    page.keyboard.press("n")
    assert (current(page), view(page)) == ("4", kept)
    page.reload()
    wait_for(lambda: page.evaluate(f"{REVIEW}?.editor.view?.face"))
    assert page.evaluate(f"{EDITOR}.viewpoint.follow") is False
    page.keyboard.press("Shift+Z")
    assert page.evaluate(f"{EDITOR}.viewpoint.follow") is True


def test_the_view_moves_there_visibly(page: Page, site: Site) -> None:
    page.emulate_media(reduced_motion="no-preference")
    opened(page, site, "noddies", predicted({1: 0.9, 4: 0.8}))
    animation = f"{EDITOR}.canvas.animation"
    wait_for(lambda: not page.evaluate(f"{animation}.moving"))
    page.evaluate(
        f"(window.seen = [], {EDITOR}.canvas.addEventListener('view', () => seen.push({EDITOR}.canvas.viewport.y)))"
    )
    page.keyboard.press("n")
    wait_for(lambda: not page.evaluate(f"{animation}.moving"))
    seen = page.evaluate("seen")
    assert len(seen) > 2
    assert seen == sorted(seen, reverse=True)
    page.keyboard.press("b")
    page.keyboard.press("+")  # a change of the view by the user stays
    assert page.evaluate(f"{animation}.moving") is False
    canvas(page, "review").wait_for()


def test_a_budget_is_the_sum_of_looks_at_a_pace(page: Page, site: Site) -> None:
    opened(page, site, "stints", predicted({1: 0.9}))
    items = [
        {"looks": looks, "flagged": looks - 1, "expected_wrong": wrong, "measured": True, "done": done}
        for looks, wrong, done in ((3, 2.5, True), (2, 1.0, False), (4, 0.75, False), (1, 0.25, False))
    ]

    def reach(looks: float) -> list[float]:
        script = "async ([items, looks]) => (await import('./review/budget.js')).reach(items, looks)"
        found = page.evaluate(script, [items, looks])
        return [found[name] for name in ("end", "faces", "points", "looks", "wrong", "left")]

    assert reach(0) == [0, 0, 0, 0, 2.0, 2.0]
    assert reach(4.9) == [1, 0, 0, 0, 2.0, 2.0]  # what is done has taken its share
    assert reach(5) == [2, 1, 1, 2, 2.0, 1.0]
    assert reach(9) == [3, 2, 4, 6, 2.0, 0.25]  # and no face is passed over for a quicker one
    assert reach(100) == [4, 3, 4, 7, 2.0, 0.0]


def test_minutes_say_how_far_they_reach_at_ones_own_pace(page: Page, site: Site) -> None:
    project = site.project("dotterels", pictures=10)
    faces = [face.id for face in project.store.faces()]
    project.store.predictions.add(1, {face: predicted({1: 0.5}) for face in faces})
    open_canvas(page, site, "dotterels", "review")
    covers, remains, line = (page.locator(f".mount-review {name}") for name in (".covers", ".remains", ".strip-line"))
    expect(covers).to_have_text("How far that reaches is known after 3 reviewed faces.")
    expect(remains).to_have_text("About 5.3 wrong points in 10 faces.")
    expect(line).to_have_count(0)

    # Twelve seconds a face, which has one doubtful point: two looks of six seconds. A minute has ten of them.
    times = iter((0.0, 12.0, 24.0, 36.0))
    project.store._clock = lambda: next(times)
    for face in faces[:4]:
        project.store.edit_points(face, {key: Point(5, 5, 2, "accepted") for key in PLACES}, source="accepted")
    page.reload()
    page.get_by_label("I have").fill("1")
    page.get_by_label("I have").press("Enter")
    expect(canvas(page, "review")).to_be_focused()
    expect(covers).to_have_text("5 faces, 5 doubtful points.")
    expect(remains).to_have_text("About 0.5 of 3.2 wrong points would be left.")
    expect(line).to_have_text("1 min")
    assert page.evaluate("document.querySelector('.mount-review .strip-line').style.top") == "20rem"  # below row 5
    page.get_by_label("I have").fill("2")
    page.get_by_label("I have").press("Enter")
    expect(covers).to_have_text("All 6 faces, 6 doubtful points, about 1 min.")
    expect(line).to_have_count(0)


def test_time_that_was_used_stays_used(page: Page, site: Site) -> None:
    opened(page, site, "ruffs", *[predicted({1: 0.5}) for _ in range(6)])
    budget = f"const {{ budget }} = {REVIEW}"
    page.evaluate(f"{budget}; budget.measure = () => budget.show(); budget.pace = 15; budget.set(1)")  # four looks
    covers = page.locator(".mount-review .covers")
    expect(covers).to_have_text("2 faces, 2 doubtful points.")
    page.keyboard.press("Shift+A")
    expect(covers).to_have_text("1 face, 1 doubtful point.")
    saved(page)
    page.evaluate(f"{REVIEW}.load()")  # the face that is done leaves the queue
    expect(page.locator(".mount-review .face-count").nth(1)).to_have_text("5 faces left to review")
    expect(covers).to_have_text("1 face, 1 doubtful point.")
    page.keyboard.press("Shift+A")
    expect(covers).to_have_text("This time is used up. Press Enter to start again.")
    page.keyboard.press("m")
    page.keyboard.press("Enter")
    expect(covers).to_have_text("2 faces, 2 doubtful points.")


def test_a_face_that_opens_late_leaves_the_keys_to_the_minutes(page: Page, site: Site) -> None:
    project = opened(page, site, "godwits", predicted({1: 0.5}), predicted({1: 0.4}))
    page.evaluate(
        "((e) => { const open = e.open.bind(e), wait = new Promise((go) => (window.go = go));"
        f" e.open = (...given) => wait.then(() => open(...given)); }})({EDITOR})"
    )
    page.keyboard.press("d")
    page.keyboard.press("m")
    page.evaluate("go()")
    wait_for(lambda: page.evaluate(f"{EDITOR}.view.face") == project.store.faces()[1].id)
    round_trip(page)
    expect(page.get_by_label("I have")).to_be_focused()


def sources(project: Any) -> dict[int, set[str]]:
    return {face: {point.source for point in points.values()} for face, points in project.store.points().items()}


def test_faces_below_a_limit_are_shown_accepted_unseen_and_taken_back(page: Page, site: Site) -> None:
    doubts = [predicted(dict.fromkeys(PLACES, each)) for each in (0.4, 0.02, 0.01, 0.03)]
    project = opened(page, site, "gannets", *doubts)
    first, *rest = (face.id for face in project.store.faces())
    assert page.evaluate(f"{EDITOR}.view.face") == first
    page.keyboard.press("u")
    dialog, accept = page.get_by_role("dialog"), page.get_by_role("button", name="unseen", exact=False).last
    expect(dialog).to_contain_text("2 faces, 8 points. About 0.1 of these points are expected to be wrong (1.5 %).")
    page.keyboard.type("0.13")
    expect(dialog).to_contain_text("3 faces, 12 points. About 0.2 of these points are expected to be wrong (2.0 %).")
    expect(dialog.locator(".crop")).to_have_count(3)
    expect(accept).to_have_text("Accept 3 faces unseen")
    expect(accept).to_be_enabled()
    colors = "[...document.querySelectorAll('.crop canvas')].map((c) => new Set(new Uint32Array("
    colors += "c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer)).size)"
    assert min(page.evaluate(colors)) > 50  # a picture and its points
    assert project.store.points() == {}

    project.store.edit_points(rest[1], {1: Point(9, 9, 2)})  # another person, meanwhile
    accept.click()
    toast = page.locator(".mount-review .toast")
    expect(toast).to_contain_text("2 faces accepted unseen. 1 face changed meanwhile and left alone.")
    expect(canvas(page, "review")).to_be_focused()
    assert sources(project) == {rest[0]: {"accepted_unseen"}, rest[1]: {"placed"}, rest[2]: {"accepted_unseen"}}
    expect(page.locator(".mount-review .strip-row")).to_have_count(2)

    project.store.edit_points(rest[0], {1: Point(9, 9, 2, "dragged")}, source="dragged")
    toast.get_by_role("button", name="Undo").click()
    expect(toast).to_have_text("2 faces taken back, 7 points. Later changes stay.")
    assert sources(project) == {rest[0]: {"dragged"}, rest[1]: {"placed"}}
    expect(page.locator(".mount-review .strip-row")).to_have_count(4)


def test_doubt_that_was_measured_on_one_face_is_not_offered_as_an_expectation(page: Page, site: Site) -> None:
    project = site.project("jaegers")
    (project.runs / "001").mkdir(parents=True)
    write_json(project.runs / "001" / "model.json", {"target": "faces", "history": {"heldout": {"n": 1}}})
    faces = [face.id for face in project.store.faces()]
    project.store.predictions.add(1, {face: predicted({1: 0.01 * (1 + k)}) for k, face in enumerate(faces)})
    open_canvas(page, site, "jaegers", "review")
    only = "Doubt is measured on 1 held-out face only, so ellipses and flags are rough until there are 5."
    expect(page.locator(".mount-review")).to_contain_text(only)
    expect(page.locator(".mount-review .flags")).not_to_contain_text("expected")
    page.keyboard.press("u")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(f"3 faces, 12 points. How many of these points are wrong is not known. {only}")
    expect(dialog).not_to_contain_text("wrong expected")
    expect(dialog.locator(".crop").first).to_contain_text(".png")


def test_a_batch_is_taken_back_by_undo_or_later_from_the_dialog_and_from_an_empty_queue(page: Page, site: Site) -> None:
    project = opened(page, site, "petrels", predicted({}), predicted({}))
    faces = [face.id for face in project.store.faces()]

    def accept() -> None:
        page.get_by_role("dialog").get_by_role("button", name="Accept 2 faces unseen").click()
        expect(page.get_by_role("heading", name="Nothing to review")).to_be_visible()
        assert sorted(project.store.points()) == faces[:2]

    page.keyboard.press("u")
    accept()
    expect(page.locator(".mount-review .toast")).to_contain_text("2 faces accepted unseen.")
    page.keyboard.press("Control+z")
    expect(page.get_by_role("heading", name="Nothing to review")).to_have_count(0)
    assert project.store.points() == {}

    page.keyboard.press("u")
    accept()
    page.reload()
    page.get_by_role("button", name="Take back what was accepted unseen").click()
    expect(page.locator(".mount-review .strip-row")).to_have_count(2)
    assert project.store.points() == {}

    page.keyboard.press("u")
    accept()
    project.store.predictions.add(2, {faces[2]: predicted({})})
    page.reload()
    wait_for(lambda: page.evaluate(f"{REVIEW}?.editor.view?.face") == faces[2])
    page.keyboard.press("u")
    expect(page.get_by_role("dialog")).to_contain_text("2 faces, 8 points still unseen.")
    page.get_by_role("button", name="Take back").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator(".mount-review .strip-row")).to_have_count(3)
    assert project.store.points() == {}


def test_without_the_server_nothing_is_accepted_and_the_dialog_says_so(
    page: Page, site: Site, complaints: Complaints
) -> None:
    project = opened(page, site, "auks", predicted({}))

    def cut(route: Route) -> None:
        route.abort()

    page.keyboard.press("u")
    accept = page.get_by_role("button", name="Accept 1 face unseen")
    expect(accept).to_be_enabled()
    intercept(page, "**/review/unseen*", cut)
    accept.click()
    expect(page.get_by_role("dialog")).to_contain_text("The server does not answer. Try again later")
    assert project.store.points() == {}
    page.unroute("**/review/unseen*", cut)
    page.get_by_role("dialog").get_by_role("spinbutton").first.fill("0.5")
    expect(accept).to_be_enabled()
    page.keyboard.press("Escape")
    expect(canvas(page, "review")).to_be_focused()
    assert [complaint for complaint in complaints if "ERR_FAILED" not in complaint] == []
    complaints.clear()


def test_a_face_of_the_sample_can_be_looked_at(page: Page, site: Site) -> None:
    project = opened(page, site, "fulmars", predicted({1: 0.9}), predicted({}), predicted({}))
    last = project.store.faces()[-1]
    page.keyboard.press("u")
    page.get_by_role("button", name="fulmars-2.png, 0.04 wrong expected: look at it").click()
    wait_for(lambda: page.evaluate(f"{EDITOR}.view.face") == last.id)
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(canvas(page, "review")).to_be_focused()


def test_keys_do_nothing_where_there_is_nothing_to_review(page: Page, site: Site) -> None:
    """Every error of the page's scripts is a complaint, and fails the test at its end."""
    site.project("puffins", pictures=1)
    page.goto(f"{site.url}/?project=puffins#review")
    expect(page.locator(".mount-review .empty-state")).to_be_visible()
    assert page.evaluate(f"{EDITOR}.view") is None
    for key in (
        "a",
        "Shift+A",
        "Control+Z",
        "Control+Shift+Z",
        "v",
        "0",
        "Enter",
        "ArrowLeft",
        "Delete",
        "z",
        "Shift+F",
        "w",
    ):
        page.keyboard.press(key)
    assert page.evaluate(f"[{REVIEW}.trail, {EDITOR}.view]") == [[], None]
    # As it is before the server's first answer.
    page.evaluate(f"{REVIEW}.inCharge.known.proposers.splice(0)")
    page.keyboard.press("c")
    round_trip(page)
