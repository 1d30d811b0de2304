"""Fingers, a pen and several points as one, on the canvas by itself. Fingers come by Chromium's own protocol."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.test_canvas import events, on_canvas, stage

__all__ = ["stage"]
pytestmark = pytest.mark.browser

#: Three labels of two groups, one of them hidden behind something, one landmark absent and one only predicted.
FACE = """() => {
  const definition = canvas.scene.definition;
  const landmark = (id, group) => ({ id, name: id, group, mirror: null });
  canvas.show({
    definition: { ...definition, edges: [], landmarks: [
      landmark("a", 5), landmark("b", 5), landmark("c", 9), landmark("d", 5), landmark("e", 5)] },
    points: { a: { x: 100, y: 100, v: 2 }, b: { x: 200, y: 150, v: 1 }, c: { x: 150, y: 200, v: 2 },
              d: { x: null, y: null, v: 0 } },
    predictions: { e: { x: 300, y: 50, flagged: false, cov: [1, 0, 1], radius90: 2.2 } },
    current: "a",
  });
  for (const name of ["transform", "transformend", "dragcancel", "drag"])
    canvas.addEventListener(name, (event) => window.events.push({ name, ...event.detail }));
}"""


class Fingers:
    """Touches of the page, given as image points."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.cdp = page.context.new_cdp_session(page)

    def __call__(self, kind: str, *places: tuple[float, float], radius: float = 10.0) -> None:
        points = []
        for finger, place in enumerate(places):
            x, y = on_canvas(self.page, *place)
            points.append({"x": x, "y": y, "id": finger, "radiusX": radius, "radiusY": radius})
        self.cdp.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points})
        self.page.evaluate("new Promise((resolve) => requestAnimationFrame(resolve))")  # moves in one frame are one

    def tap(self, place: tuple[float, float], **how: float) -> None:
        self("Start", place, **how)
        self("End")


@pytest.fixture
def fingers(stage: Page) -> Iterator[Fingers]:
    stage.evaluate("document.body.style.height = '5000px'")
    yield Fingers(stage)
    assert stage.evaluate("[scrollX, scrollY, String(getSelection())]") == [0, 0, ""]


def drag(page: Page, start: tuple[float, float], end: tuple[float, float], *keys: str) -> list[dict[str, Any]]:
    """Drag between two places on the canvas in CSS pixels; what became of it."""
    for key in keys:
        page.keyboard.down(key)
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=4)
    page.mouse.up()
    for key in keys:
        page.keyboard.up(key)
    return [event for event in events(page) if event["name"] not in ("drag", "transform")]


def about(**places: tuple[float, float]) -> dict[str, Any]:
    return {key: pytest.approx({"x": x, "y": y}, abs=0.05) for key, (x, y) in places.items()}


def names(found: list[dict[str, Any]]) -> list[str]:
    return [event["name"] for event in found]


def test_a_tap_places_and_a_drag_pans(stage: Page, fingers: Fingers) -> None:
    fingers.tap((250, 200))
    [placed] = events(stage)
    assert (placed["name"], placed["id"]) == ("place", "new1")
    assert (placed["x"], placed["y"]) == pytest.approx((250, 200), abs=1)
    before = stage.evaluate("canvas.viewport.x")
    fingers("Start", (250, 200))
    fingers("Move", (260, 200))  # the way to the threshold is no part of the pan
    fingers("Move", (290, 200))
    fingers("End")
    # After the threshold the picture went with the finger: what was under it at 260 is now at 290.
    assert stage.evaluate("canvas.viewport.x") - before == pytest.approx(30 * 568 / 300, abs=1.5)
    assert events(stage) == []


def test_two_fingers_zoom_and_pan_at_once(stage: Page, fingers: Fingers) -> None:
    scale = stage.evaluate("canvas.viewport.scale")
    left, right = stage.evaluate("[canvas.viewport.toImage(300, 300), canvas.viewport.toImage(400, 300)]")
    ends = stage.evaluate("[canvas.viewport.toImage(320, 350), canvas.viewport.toImage(520, 350)]")
    fingers("Start", left)
    fingers("Start", left, right)
    fingers("Move", *ends)
    fingers("End")
    assert stage.evaluate("canvas.viewport.scale") / scale == pytest.approx(2, rel=1e-3)
    # What was under the fingers is still under them.
    assert on_canvas(stage, *left) == pytest.approx((320, 350), abs=1)
    assert on_canvas(stage, *right) == pytest.approx((520, 350), abs=1)
    assert events(stage) == []


def test_a_second_finger_takes_back_the_drag_of_the_first(stage: Page, fingers: Fingers) -> None:
    stage.evaluate(FACE)
    fingers("Start", (100, 100))
    fingers("Move", (130, 100))
    assert names(events(stage))[-1:] == ["drag"]
    fingers("Start", (130, 100), (200, 200))
    fingers("Move", (120, 100), (220, 200))
    fingers("End")
    assert names(events(stage)) == ["dragcancel"]


def test_a_finger_that_rests_places_where_it_is_lifted_and_sees_it_above_itself(stage: Page, fingers: Fingers) -> None:
    fingers("Start", (200, 200))
    stage.wait_for_function("canvas.gestures.at !== null")
    fingers("Move", (250, 240))
    stage.wait_for_function("canvas.loupeOpen")
    x, y = on_canvas(stage, 250, 240)
    spot = stage.evaluate("([x, y]) => canvas.loupe.spot(canvas.viewport, [x, y], true)", [x, y])
    assert spot["x"] == pytest.approx(x)
    assert spot["y"] + spot["radius"] == pytest.approx(y - 48)
    fingers("End")
    [placed] = events(stage)
    assert (placed["name"], placed["id"]) == ("place", "new1")
    assert (placed["x"], placed["y"]) == pytest.approx((250, 240), abs=1)
    stage.wait_for_function("!canvas.loupeOpen")


def test_a_palm_places_nothing(stage: Page, fingers: Fingers) -> None:
    fingers.tap((250, 200), radius=60)
    assert events(stage) == []


def test_a_pen_places_at_its_tip_and_the_resting_hand_does_nothing(stage: Page, fingers: Fingers) -> None:
    x, y = on_canvas(stage, 250, 200)
    pen = {"pointerType": "pen", "button": "left", "clickCount": 1}
    fingers("Start", (300, 280))  # the hand first
    fingers.cdp.send("Input.dispatchMouseEvent", {"type": "mousePressed", "x": x, "y": y, **pen})
    fingers("Move", (330, 280))
    fingers.cdp.send("Input.dispatchMouseEvent", {"type": "mouseReleased", "x": x, "y": y, **pen})
    fingers("End")
    fingers.tap((300, 280))  # and the hand as it is lifted
    [placed] = events(stage)
    assert placed["name"] == "place"
    assert (placed["x"], placed["y"]) == pytest.approx((250, 200), abs=0.5)


@pytest.mark.parametrize(
    ("keys", "moved"),
    [
        (["Control"], about(a=(120, 110), b=(220, 160))),
        (["Control", "Shift"], about(a=(120, 110), b=(220, 160), c=(170, 210))),
    ],
)
def test_control_drags_a_group_and_with_shift_the_face(stage: Page, keys: list[str], moved: dict[str, Any]) -> None:
    stage.evaluate(FACE)
    [event] = drag(stage, on_canvas(stage, 100, 100), on_canvas(stage, 120, 110), *keys)
    assert event["name"] == "transformend"
    assert event["places"] == moved


def test_the_frame_moves_scales_and_turns(stage: Page) -> None:
    stage.evaluate(FACE)
    stage.evaluate("canvas.show({ selection: 'face' })")
    # Inside: all labels with coordinates move, and stop with their form at the edge of the picture.
    [event] = drag(stage, on_canvas(stage, 130, 130), on_canvas(stage, 10, 150))
    assert event["places"] == about(a=(0, 120), b=(100, 170), c=(50, 220))
    # The lower right corner, 12 CSS pixels outside the labels: the upper left label stays.
    x, y = on_canvas(stage, 200, 200)
    half = 50 * stage.evaluate("canvas.viewport.scale")
    [event] = drag(stage, (x + 12, y + 12), (x + 12 + half, y + 12 + half))
    assert event["places"] == about(a=(100, 100), b=(250, 175), c=(175, 250))
    # The handle above, taken from twelve to three o'clock: a quarter clockwise about (150, 150).
    x, y = on_canvas(stage, 150, 100)
    center = on_canvas(stage, 150, 150)
    arm = center[1] - (y - 38)
    [event] = drag(stage, (x, y - 38), (center[0] + arm, center[1]))
    assert event["places"] == about(a=(200, 100), b=(150, 200), c=(100, 150))


def test_in_the_frame_a_click_selects_and_outside_it_nothing_is_placed(stage: Page) -> None:
    stage.evaluate(FACE)
    stage.evaluate("canvas.show({ selection: 'group', current: 'a' })")
    stage.mouse.click(*on_canvas(stage, 200, 150))
    stage.evaluate("canvas.show({ current: 'e' })")  # waits for its label
    stage.mouse.click(*on_canvas(stage, 350, 250))
    assert [(event["name"], event["id"]) for event in events(stage)] == [("select", "b")]


def test_only_the_ghost_of_the_current_landmark_can_be_taken_hold_of(stage: Page) -> None:
    stage.evaluate(FACE)
    stage.evaluate("canvas.show({ predictions: {}, points: {}, current: 'd' })")
    stage.evaluate("canvas.show({ ghosts: { d: { x: 80, y: 80 }, e: { x: 300, y: 50 } } })")
    [event] = drag(stage, on_canvas(stage, 80, 80), on_canvas(stage, 90, 100))
    assert (event["name"], event["id"], event["from"]) == ("dragend", "d", "ghost")
    assert (event["x"], event["y"]) == pytest.approx((90, 100))
    before = stage.evaluate("canvas.viewport.x")
    assert drag(stage, on_canvas(stage, 300, 50), on_canvas(stage, 330, 70)) == []
    assert stage.evaluate("canvas.viewport.x") > before  # free ground: it pans
    stage.mouse.click(*on_canvas(stage, 82, 80))
    [event] = events(stage)
    assert (event["name"], event["id"]) == ("place", "d")
    assert (event["x"], event["y"]) == pytest.approx((82, 80), abs=0.5)
