"""The label page on faces with predictions: a person corrects and accepts instead of placing."""

from __future__ import annotations

from collections.abc import Collection

import pytest
from playwright.sync_api import Page, expect

from labeler.project.project import Project
from labeler.storage.records import Point, PredictedPoint
from tests.browser.conftest import (
    Complaints,
    Site,
    click_at,
    drag,
    on_screen,
    open_canvas,
    open_empty,
    root,
    round_trip,
    saved,
    wait_for,
)

pytestmark = pytest.mark.browser

PLACES = {1: (150.0, 110.0), 2: (250.0, 110.0), 3: (200.0, 160.0), 4: (200.0, 230.0)}
EDITOR = f"{root('label')}.editor"
HINT = ".mount-label .hint"


def predicted(doubts: dict[int, float], ids: Collection[int] = (1, 2, 3, 4)) -> dict[int, PredictedPoint]:
    """Landmarks at their places, wrong with probability `doubts` (or 1 %), flagged above 20 %."""
    return {
        key: PredictedPoint(*PLACES[key], (9.0, 0.0, 9.0), doubts.get(key, 0.01), doubts.get(key, 0.01) > 0.2)
        for key in ids
    }


def opened(page: Page, site: Site, name: str, *faces: dict[int, PredictedPoint]) -> tuple[Project, list[int]]:
    """A project of three pictures whose first ones have these predictions, on the label page; and its faces."""
    project = site.project(name)
    ids = [face.id for face in project.store.faces()]
    project.store.predictions.add(1, dict(zip(ids, faces, strict=False)))
    open_canvas(page, site, name, "label")
    wait_for(lambda: page.evaluate(f"{root('label')}?.editor.view?.face") == ids[0])
    return project, ids


def current(page: Page) -> str | None:
    return page.evaluate(f"{EDITOR}.current")


def shows(page: Page, face: int) -> None:
    wait_for(lambda: page.evaluate(f"{EDITOR}.view.face") == face)


def labels(project: Project, face: int) -> dict[int, tuple[str, float | None]]:
    """The source and the x of each label."""
    return {key: (point.source, point.x) for key, point in project.store.points(face).get(face, {}).items()}


def test_wrong_points_are_clicked_in_order_of_doubt_and_the_rest_is_accepted(page: Page, site: Site) -> None:
    project, (face, *_) = opened(page, site, "pipits", predicted({1: 0.5, 3: 0.9}))
    hint = page.locator(HINT)
    assert current(page) == "3"
    expect(hint).to_have_text("Click nose, or press Enter to accept it. Doubtful: 90 % likely wrong")
    expect(page.locator(".mount-label .landmarks").get_by_role("button", name="nose doubtful")).to_have_attribute(
        "title",
        "90 % likely to be off by over 10 % of the distance from eye_left to eye_right (flagged from 50 % on)",
    )
    head = page.locator(".mount-label .face-head")
    expected = "Its flags are expected to catch 99 of 100 wrong points, and to leave 0.5 % of all points wrong."
    expect(head).to_contain_text(f"Proposed by run 001. {expected}")
    click_at(page, "label", 215, 185)
    assert current(page) == "1"
    page.mouse.move(*on_screen(page, "label", 300, 250))
    page.keyboard.press("Enter")  # accepts the point where it is, wherever the pointer rests
    assert current(page) is None
    expect(hint).to_have_text("Drag what is wrong, then press Shift+A to accept the rest and go on")
    expect(head).not_to_contain_text("flags")

    # With nothing in doubt a click places nothing. Near a prediction it chooses that one, and the next click moves it.
    click_at(page, "label", 330, 250)
    assert current(page) is None
    click_at(page, "label", 262, 110)
    assert current(page) == "2"
    expect(hint).to_have_text("Click eye_right, or press Enter to accept it")
    page.keyboard.press("Escape")
    assert current(page) is None
    drag(page, "label", PLACES[2], (240, 120))
    assert current(page) is None
    saved(page)
    assert labels(project, face) == {
        1: ("accepted", 150.0),
        2: ("corrected", pytest.approx(240, abs=1)),
        3: ("corrected", pytest.approx(215, abs=1)),
    }
    page.get_by_role("button", name="Accept all points that are left").click()
    saved(page)
    assert labels(project, face)[4] == ("accepted", 200.0)
    expect(page.locator(".toast")).to_contain_text("Face complete")
    shows(page, face)
    page.keyboard.press("Control+z")
    wait_for(lambda: sorted(labels(project, face)) == [1, 2, 3])


def test_faces_are_accepted_one_after_the_other_by_key_and_an_undo_leads_back(page: Page, site: Site) -> None:
    project, (first, second, third) = opened(page, site, "wagtails", predicted({4: 0.6}), predicted({}))
    page.keyboard.press("Shift+A")
    shows(page, second)
    assert current(page) is None
    page.keyboard.press("Control+z")
    shows(page, first)
    wait_for(lambda: current(page) == "4")
    saved(page)
    assert labels(project, first) == {}
    page.keyboard.press("Shift+A")
    shows(page, second)
    looked = {4}  # the point in doubt; no person looked at the others by themselves
    assert labels(project, first) == {
        key: ("accepted" if key in looked else "accepted_rest", x) for key, (x, _) in PLACES.items()
    }
    page.get_by_role("button", name="Accept the face as it is and go on").click()
    shows(page, third)
    saved(page)
    assert sorted(labels(project, second)) == [1, 2, 3, 4]

    # A face without predictions is placed by hand as ever.
    assert current(page) == "1"
    expect(page.locator(HINT)).to_have_text("Click eye_left")
    expect(page.get_by_role("button", name="Accept all points that are left")).to_be_disabled()
    page.keyboard.press("Shift+A")
    expect(page.locator(".toast")).to_contain_text("No point is proposed here")
    click_at(page, "label", 160, 120)
    assert current(page) == "2"
    saved(page)
    assert labels(project, third) == {1: ("placed", pytest.approx(160, abs=1))}


def test_an_undo_right_after_going_on_belongs_to_the_face_that_was_edited(
    page: Page, site: Site, complaints: Complaints
) -> None:
    project, (first, second, _) = opened(page, site, "dunnocks", predicted({}), predicted({}))
    page.keyboard.press("g")
    saved(page)  # nothing is on its way any more
    page.keyboard.press("Shift+A")
    shows(page, second)
    page.keyboard.press("Control+z")
    shows(page, first)
    wait_for(lambda: labels(project, first) == {})

    # A face that is only passed by keeps its labels.
    page.keyboard.press("g")
    saved(page)
    for key, face in (("d", second), (",", first), ("Shift+A", second), ("Control+z", second)):
        page.keyboard.press(key)
        shows(page, face)
    round_trip(page)
    assert len(labels(project, first)) == 4
    page.get_by_text("There is nothing to undo on this face.").wait_for()
    assert complaints == []


def test_a_face_that_is_not_on_the_screen_yet_is_not_accepted(page: Page, site: Site) -> None:
    project, (first, second, _) = opened(page, site, "buntings", predicted({}), predicted({}))
    page.evaluate(f"""(() => {{
      const {{ shortcuts }} = {root("label")};
      const press = (repeat) => shortcuts.byKey.get("Shift+A").run(new KeyboardEvent("keydown", {{ repeat }}));
      press(false); press(false); press(true);
    }})()""")
    shows(page, second)
    page.evaluate(
        f"{root('label')}.shortcuts.byKey.get('Shift+A').run(new KeyboardEvent('keydown', {{ repeat: true }}))"
    )
    saved(page)
    round_trip(page)
    assert page.evaluate(f"{EDITOR}.view.face") == second
    assert [sorted(labels(project, face)) for face in (first, second)] == [[1, 2, 3, 4], []]


def test_a_predicted_point_is_moved_by_arrows_and_accepted_as_hidden(page: Page, site: Site) -> None:
    project, (face, *_) = opened(page, site, "linnets", predicted({1: 0.9, 2: 0.8, 3: 0.7}))
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Enter")
    assert page.evaluate(f"[{EDITOR}.current, {EDITOR}.cursor.place]") == ["2", None]
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    page.keyboard.press("0")
    assert current(page) is None
    page.keyboard.press("Enter")
    expect(page.locator(".toast")).to_contain_text("No point is chosen")
    page.keyboard.press("n")
    assert current(page) == "4"
    page.keyboard.press("Enter")
    saved(page)
    found = project.store.points(face)[face]
    assert {key: (point.source, point.x, point.v) for key, point in found.items()} == {
        1: ("corrected", 160.0, 2),
        2: ("corrected", 250.0, 1),
        3: ("placed", None, 0),
        4: ("accepted", 200.0, 2),
    }


def test_a_landmark_without_a_prediction_waits_for_a_click(page: Page, site: Site) -> None:
    project, (face, second, _) = opened(page, site, "siskins", predicted({3: 0.5}, ids=(1, 3, 4)), predicted({}))
    page.keyboard.press("Enter")
    assert current(page) == "2"
    expect(page.locator(HINT)).to_have_text("Click eye_right")
    page.keyboard.press("Shift+A")
    saved(page)
    assert (current(page), page.evaluate(f"{EDITOR}.view.face")) == ("2", face)
    assert sorted(labels(project, face)) == [1, 3, 4]
    click_at(page, "label", 255, 105)
    page.keyboard.press("Shift+A")  # complete: on to the next
    shows(page, second)


def test_in_a_pass_the_rest_of_the_group_is_accepted_and_nothing_else(page: Page, site: Site) -> None:
    project, (first, second, _) = opened(page, site, "serins", predicted({1: 0.9}), predicted({3: 0.9}))
    page.keyboard.press("k")
    page.get_by_role("dialog").get_by_role("button", name="Nose").click()
    assert current(page) is None
    page.keyboard.press("Shift+A")
    shows(page, second)
    assert current(page) == "3"
    page.keyboard.press("Enter")
    wait_for(lambda: page.evaluate(f"{EDITOR}.view.face") not in (first, second))
    saved(page)
    assert [sorted(labels(project, face)) for face in (first, second)] == [[3], [3]]


def test_predictions_are_no_labels_in_the_strip_and_no_other_start_covers_them(page: Page, site: Site) -> None:
    project, (first, _, third) = opened(page, site, "twites", predicted({}), predicted({2: 0.9}))
    rows = page.locator(".mount-label .strip-row")
    expect(rows.nth(0)).to_contain_text("0 of 4, pre-labeled")
    expect(rows.nth(1)).to_contain_text("0 of 4, pre-labeled, 1 doubtful")
    expect(page.locator(".mount-label .badge.done")).to_have_count(0)
    expect(page.locator(".mount-label .schematic-caption")).to_have_text("4 proposed")
    project.store.edit_points(third, {key: Point(x, y, 2) for key, (x, y) in PLACES.items()})
    page.evaluate("localStorage.setItem('mdmd.start', 'mean')")
    page.reload()
    wait_for(lambda: page.evaluate(f"{root('label')}?.editor.view?.face") == first)
    round_trip(page)
    assert page.evaluate(f"[{EDITOR}.ghosts, {root('label')}.proposal.waiting]") == [{}, False]
    page.keyboard.press("m")  # asked for, it does
    wait_for(lambda: page.evaluate(f"Object.keys({EDITOR}.openGhosts()).length") == 4)


#: An async function that begins with `drawn(change)`: draws two landmarks, and returns how opaque each place is.
DRAWN = """async () => {
  const { drawScene } = await import("./canvas/drawing.js");
  const { Viewport } = await import("./canvas/viewport.js");
  const viewport = Object.assign(new Viewport(), { width: 200, height: 200, imageWidth: 200, imageHeight: 200 });
  const landmarks = ["1", "2"].map((id) => ({ id, name: id, group: 0, mirror: null }));
  const drawn = ({ edges = [], ...change }) => {
    const context = new OffscreenCanvas(200, 200).getContext("2d");
    drawScene(context, viewport, { definition: { landmarks, edges }, points: {}, predictions: {}, ghosts: {},
      beside: [], hiddenGroups: new Set(), showPoints: true, showEdges: true, mode: "place", current: null, hover: null,
      certainEllipses: false, wrongRadius: null, ...change });
    return (x, y) => context.getImageData(x, y, 1, 1).data[3];
  };
"""


def test_edges_of_predictions_are_dashed_and_the_ellipse_of_a_certain_one_is_drawn_when_it_is_looked_at(
    page: Page, site: Site
) -> None:
    open_empty(page, site)
    found = page.evaluate(
        DRAWN
        + """
      const prediction = (x, flagged) => ({ x, y: 100, cov: [100, 0, 100], radius90: 2, p_off: 0.1, flagged });
      const label = (x) => ({ x, y: 100, v: 2 });
      const seen = (change) => {
        const alpha = drawn({ edges: [["1", "2"]], ...change });
        const gaps = Array.from({ length: 40 }, (_, k) => alpha(80 + k, 100)).filter((each) => !each).length;
        return [gaps > 0, alpha(50, 80) > 0];
      };
      const predictions = { 1: prediction(50, false), 2: prediction(150, false) };
      return { labels: seen({ points: { 1: label(50), 2: label(150) } }), certain: seen({ predictions }),
        mixed: seen({ predictions, points: { 2: label(150) } }), current: seen({ predictions, current: "1" }),
        hovered: seen({ predictions, hover: "1" }), all: seen({ predictions, certainEllipses: true }),
        doubtful: seen({ predictions: { ...predictions, 1: prediction(50, true) } }) };
    }"""
    )
    assert found == {  # whether the edge has gaps, and whether there is an ellipse
        "labels": [False, False],
        "certain": [True, False],
        "mixed": [True, False],
        "current": [True, True],
        "hovered": [True, True],
        "all": [True, True],
        "doubtful": [True, True],
    }


def test_how_far_off_the_current_prediction_is_wrong_is_a_dotted_circle_that_goes_with_the_points(
    page: Page, site: Site
) -> None:
    open_empty(page, site)
    found = page.evaluate(
        DRAWN
        + """
      const prediction = { x: 100, y: 100, cov: [100, 0, 100], radius90: 2, p_off: 0.3, flagged: true };
      const seen = (change) => {
        const alpha = drawn({ predictions: { 1: prediction }, current: "1", wrongRadius: 50, ...change });
        const around = Array.from({ length: 360 }, (_, k) => (k * Math.PI) / 180);
        const on = around.filter((angle) => alpha(100 + 50 * Math.cos(angle), 100 + 50 * Math.sin(angle)));
        return on.length / 360;
      };
      return [seen({}), seen({ current: "2" }), seen({ showPoints: false }), seen({ wrongRadius: null }),
        seen({ points: { 1: { x: 100, y: 100, v: 2 } } })];
    }"""
    )
    dotted, *without = found
    assert 0.3 < dotted < 0.85
    assert max(without) < 0.12, "only the name of the point is there"
