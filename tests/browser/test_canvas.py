"""The landmark canvas by itself, in a page that holds nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page

from tests.browser.conftest import Site, open_empty, round_trip

pytestmark = pytest.mark.browser

SETUP = """async () => {
  const { LandmarkCanvas } = await import("./canvas/canvas.js");
  const { fromCategory } = await import("./shell/definition.js");
  document.body.innerHTML = '<div id="stage" style="position:absolute;left:0;top:0;width:800px;height:600px"></div>';
  const canvas = new LandmarkCanvas(document.getElementById("stage"));
  const picture = document.createElement("canvas");
  picture.width = 400; picture.height = 300;
  const flsg = { nose: [0], jaw: [1] };
  const definition = fromCategory({ name: "two", keypoints: ["a", "b"], flsg, skeleton: [[1, 2]] });
  await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  canvas.setImage(picture, 400, 300);
  canvas.show({ definition, points: { new0: { x: 100, y: 100, v: 2 } }, current: "new1" });
  window.events = [];
  for (const name of ["place", "outside", "select", "dragend", "box"])
    canvas.addEventListener(name, (event) => window.events.push({ name, ...event.detail }));
  window.canvas = canvas;
}"""


@pytest.fixture
def stage(page: Page, site: Site) -> Page:
    open_empty(page, site)
    page.evaluate(SETUP)
    return page


def events(page: Page) -> list[dict[str, Any]]:
    return page.evaluate("window.events.splice(0)")


def on_canvas(page: Page, x: float, y: float) -> tuple[float, float]:
    left, top = page.evaluate("([x, y]) => canvas.viewport.toScreen(x, y)", [x, y])
    return left, top


def test_the_picture_fits_and_a_click_places_in_image_pixels(stage: Page) -> None:
    scale = stage.evaluate("canvas.viewport.scale")
    assert scale == pytest.approx(min((800 - 32) / 400, (600 - 32) / 300))
    stage.mouse.click(*on_canvas(stage, 250, 200))
    [placed] = events(stage)
    assert (placed["name"], placed["id"]) == ("place", "new1")
    assert (placed["x"], placed["y"]) == pytest.approx((250, 200), abs=0.5 / scale)


def test_a_click_beside_the_picture_places_nothing_and_just_beside_it_on_the_edge(stage: Page) -> None:
    right, bottom = on_canvas(stage, 400, 300)
    stage.mouse.click(right + 10, bottom - 100)
    assert events(stage) == [{"name": "outside", "id": "new1"}]
    stage.mouse.click(right + 5, bottom + 5)
    [placed] = events(stage)
    assert (placed["name"], placed["x"], placed["y"]) == ("place", 400, 300)
    stage.evaluate("canvas.show({ current: null })")
    stage.mouse.click(right + 10, bottom - 100)
    assert events(stage) == [{"name": "select", "id": None}]  # without a place


def test_a_trembling_click_selects_and_a_drag_moves_by_the_same_distance(stage: Page) -> None:
    x, y = on_canvas(stage, 100, 100)
    stage.mouse.move(x + 3, y)
    stage.mouse.down()
    stage.mouse.move(x + 5, y + 1)
    stage.mouse.up()
    assert [(event["name"], event["id"]) for event in events(stage)] == [("select", "new0")]
    stage.mouse.move(x + 3, y)
    stage.mouse.down()
    stage.mouse.move(x + 43, y + 20, steps=5)
    stage.mouse.up()
    [moved] = events(stage)
    scale = stage.evaluate("canvas.viewport.scale")
    assert (moved["name"], moved["from"]) == ("dragend", "label")
    assert (moved["x"], moved["y"]) == pytest.approx((100 + 40 / scale, 100 + 20 / scale), abs=0.01)


def test_shift_places_on_top_of_another_point(stage: Page) -> None:
    stage.keyboard.down("Shift")
    stage.mouse.click(*on_canvas(stage, 101, 100))
    stage.keyboard.up("Shift")
    assert [(event["name"], event["id"]) for event in events(stage)] == [("place", "new1")]


def test_the_wheel_keeps_the_point_under_the_pointer(stage: Page) -> None:
    stage.mouse.move(500, 350)
    before = stage.evaluate("canvas.viewport.toImage(500, 350)")
    stage.mouse.wheel(0, -300)
    stage.wait_for_function("canvas.viewport.scale > 2")
    assert stage.evaluate("canvas.viewport.toImage(500, 350)") == pytest.approx(before, abs=1e-6)


@pytest.mark.parametrize("button", ["left", "middle", "right"])
def test_dragging_free_ground_pans_and_places_nothing(stage: Page, button: Any) -> None:
    before = stage.evaluate("[canvas.viewport.x, canvas.viewport.y]")
    stage.mouse.move(500, 400)
    stage.mouse.down(button=button)
    stage.mouse.move(520, 410)
    stage.mouse.move(560, 430)
    stage.mouse.up(button=button)
    after = stage.evaluate("[canvas.viewport.x, canvas.viewport.y]")
    assert after[0] - before[0] >= 40
    assert after[1] - before[1] >= 20
    assert events(stage) == []


def test_two_fingers_zoom(stage: Page) -> None:
    stage.evaluate("""() => {
      canvas.element.setPointerCapture = () => {};
      const touch = (type, pointerId, clientX) => canvas.element.dispatchEvent(
        new PointerEvent(type, { pointerId, clientX, clientY: 300, pointerType: "touch", button: 0, bubbles: true }));
      touch("pointerdown", 11, 300); touch("pointerdown", 12, 500);
      touch("pointermove", 11, 200); touch("pointermove", 12, 600);
      touch("pointerup", 11, 200); touch("pointerup", 12, 600);
    }""")
    assert stage.evaluate("canvas.viewport.scale / canvas.viewport.fitScale()") == pytest.approx(2, rel=1e-6)
    assert events(stage) == []


def test_the_box_is_drawn_and_a_corner_drags_it(stage: Page) -> None:
    stage.evaluate("canvas.show({ mode: 'box' })")

    def drag(start: tuple[float, float], end: tuple[float, float]) -> list[float]:
        stage.mouse.move(*on_canvas(stage, *start))
        stage.mouse.down()
        stage.mouse.move(*on_canvas(stage, *end), steps=4)
        stage.mouse.up()
        [drawn] = events(stage)
        return drawn["box"]

    assert drag((50, 60), (250, 160)) == pytest.approx([50, 60, 200, 100], abs=1)
    assert drag((250, 160), (300, 200)) == pytest.approx([50, 60, 250, 140], abs=1)


def test_a_hidden_canvas_keeps_its_view(stage: Page) -> None:
    stage.evaluate("canvas.zoom(3)")
    before = stage.evaluate("[canvas.viewport.scale, canvas.viewport.x, canvas.viewport.y]")
    stage.evaluate("document.getElementById('stage').style.display = 'none'")
    round_trip(stage)
    stage.evaluate("document.getElementById('stage').style.display = 'block'")
    round_trip(stage)
    assert stage.evaluate("[canvas.viewport.scale, canvas.viewport.x, canvas.viewport.y]") == pytest.approx(before)


def test_a_screen_of_another_resolution_gets_its_pixels_and_a_click_stays_where_it_was(stage: Page) -> None:
    cdp = stage.context.new_cdp_session(stage)
    corner = {"new0": {"x": 380, "y": 280, "v": 2}}
    stage.evaluate("(points) => canvas.show({ points })", corner)
    for ratio, width, height in ((2, 1600, 1200), (1.5, 1200, 900)):
        # Chromium tells of an emulated resolution only if the window's size changes too. The canvas keeps its size.
        screen = {"width": 1280 + width, "height": 800, "deviceScaleFactor": ratio, "mobile": False}
        cdp.send("Emulation.setDeviceMetricsOverride", screen)
        stage.wait_for_function(
            "([w, h]) => canvas.element.width === w && canvas.element.height === h", arg=[width, height]
        )
        x, y = on_canvas(stage, 380, 280)
        assert colors(stage, [(x, y)]) != [[0, 0, 0]]
        stage.mouse.click(x, y)
        assert [(event["name"], event["id"]) for event in events(stage)] == [("select", "new0")]


def test_nothing_is_drawn_while_nothing_changes(stage: Page) -> None:
    count = stage.evaluate("""async () => {
      const context = canvas.element.getContext("2d");
      const clear = context.clearRect.bind(context);
      let drawn = 0;
      context.clearRect = (...args) => { drawn++; clear(...args); };
      const frames = (n) => n ? new Promise((r) => requestAnimationFrame(r)).then(() => frames(n - 1)) : null;
      await frames(3);
      drawn = 0;
      await frames(5);
      const idle = drawn;
      canvas.draw(); canvas.draw(); canvas.draw();
      await frames(3);
      return [idle, drawn - idle];
    }""")
    assert count == [0, 1]


def test_the_ellipse_reaches_so_many_standard_deviations(stage: Page) -> None:
    covariance = np.array([[9.0, 4.0], [4.0, 16.0]])
    ellipse = stage.evaluate("async () => (await import('./canvas/drawing.js')).ellipseOf([9, 4, 16], 2.5)")
    values, vectors = np.linalg.eigh(covariance)
    assert (ellipse["minor"], ellipse["major"]) == pytest.approx(2.5 * np.sqrt(values))
    axis = np.array([np.cos(ellipse["angle"]), np.sin(ellipse["angle"])])
    assert abs(axis @ vectors[:, 1]) == pytest.approx(1)


def test_only_the_current_doubtful_point_has_a_filled_ellipse(stage: Page) -> None:
    filled = stage.evaluate("""async () => {
      const settled = () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
      const doubtful = (x, y) => ({ x, y, cov: [200, 0, 200], radius90: 2.2, p_off: 0.5, flagged: true });
      const predictions = { new0: doubtful(100, 100), new1: doubtful(300, 200) };
      const alpha = (x, y) => {
        const [left, top] = canvas.viewport.toScreen(x, y).map((v) => Math.round(v * devicePixelRatio));
        return canvas.element.getContext("2d").getImageData(left, top, 1, 1).data[3];
      };
      const seen = [];
      for (const current of ["new0", "new1"]) {
        canvas.show({ points: {}, predictions, current });
        await settled();
        seen.push([alpha(100, 115) > 0, alpha(300, 215) > 0]);
      }
      return seen;
    }""")
    assert filled == [[True, False], [False, True]]


def test_category_there_and_back(stage: Page) -> None:
    category = {
        "name": "x",
        "keypoints": ["a_left", "a_right", "tip"],
        "landmark_ids": [4, 9, None],
        "flsg": {"left_eye": [0], "right_eye": [1], "nose": [2]},
        "flip_pairs": [[0, 1]],
        "skeleton": [[1, 3]],
        "normalizer": [0, 1],
    }
    back = stage.evaluate(
        "async (category) => { const { fromCategory, toCategory } = await import('./shell/definition.js');"
        " return toCategory(fromCategory(category)); }",
        category,
    )
    assert back == category


def test_the_loupe_shows_pixels_as_squares_of_twelve(stage: Page) -> None:
    stage.evaluate("""() => {
      const context = canvas.scene.image.getContext("2d");
      context.fillStyle = "rgb(0, 0, 200)"; context.fillRect(0, 0, 400, 300);
      context.fillStyle = "rgb(200, 0, 0)"; context.fillRect(250, 200, 1, 1);
    }""")
    stage.mouse.move(*on_canvas(stage, 250.5, 200.5))
    stage.wait_for_function("canvas.pointer !== null")
    stage.evaluate("canvas.toggle('showLoupe')")
    # In the lower right corner of 800 x 600: 190 wide, 14 from the edges.
    x, y = 800 - 14 - 95, 600 - 14 - 95
    red, blue = [200, 0, 0], [0, 0, 200]
    assert colors(stage, [(x + 4, y + 4), (x - 5, y - 5), (x + 8, y + 4), (x + 4, y - 8)]) == [red, red, blue, blue]
    # The pointer comes near: the loupe goes to the other corner and still shows the pixel under the pointer.
    stage.mouse.move(x, y)
    settle(stage)
    assert stage.evaluate("canvas.loupe.side") == "left"
    stage.evaluate("canvas.toggle('showLoupe')")
    settle(stage)
    assert not stage.evaluate("canvas.loupeOpen")


def test_the_loupe_opens_for_a_drag_and_centers_on_the_point_in_hand(stage: Page) -> None:
    x, y = on_canvas(stage, 100, 100)
    stage.mouse.move(x + 3, y)
    stage.mouse.down()
    stage.mouse.move(x + 23, y, steps=3)
    settle(stage)
    scale = stage.evaluate("canvas.viewport.scale")
    assert stage.evaluate("canvas.loupeOpen")
    assert stage.evaluate("canvas.lookedAt()") == pytest.approx([100 + 20 / scale, 100], abs=0.01)
    stage.mouse.up()
    settle(stage)
    assert not stage.evaluate("canvas.loupeOpen")


def test_brightness_and_contrast_change_the_picture_and_no_point(stage: Page) -> None:
    stage.evaluate("""() => {
      const context = canvas.scene.image.getContext("2d");
      context.fillStyle = "rgb(60, 90, 120)"; context.fillRect(0, 0, 400, 300);
      canvas.draw();
    }""")
    ground, point = on_canvas(stage, 300, 50), on_canvas(stage, 100, 100)
    before = colors(stage, [ground, point])
    assert before[0] == [60, 90, 120]
    stage.evaluate("canvas.imageFilter.set('brightness', 1)")
    after = colors(stage, [ground, point])
    assert after == [[120, 180, 240], before[1]]
    # Twice the contrast about the middle gray of 127.5, on top: 2 * 120 - 127.5, 2 * 180 - 127.5, white.
    stage.evaluate("canvas.imageFilter.set('contrast', 1)")
    assert colors(stage, [ground])[0] == pytest.approx([112, 232, 255], abs=2)
    # Panning does not filter again.
    copies = stage.evaluate("""() => {
      const first = canvas.imageFilter.of(canvas.scene.image).picture;
      canvas.pan(20, 10);
      return [first === canvas.imageFilter.of(canvas.scene.image).picture, first === canvas.scene.image];
    }""")
    assert copies == [True, False]
    stage.evaluate("canvas.imageFilter.reset()")
    assert colors(stage, [on_canvas(stage, 300, 50)]) == [[60, 90, 120]]


def test_a_hidden_group_is_neither_drawn_nor_hit(stage: Page) -> None:
    stage.evaluate("canvas.show({ points: { new0: { x: 100, y: 100, v: 2 }, new1: { x: 300, y: 200, v: 2 } } })")
    places = [on_canvas(stage, 100, 100), on_canvas(stage, 300, 200)]
    nose, jaw = [0x11, 0xAA, 0xFF], [0x77, 0x55, 0x33]
    assert colors(stage, places) == [nose, jaw]
    stage.evaluate("canvas.toggleGroup(9)")
    assert colors(stage, places) == [[0, 0, 0], jaw]
    stage.mouse.click(*places[0])
    stage.mouse.click(*places[1])
    assert [event["id"] for event in events(stage)] == [None, "new1"]
    stage.evaluate("canvas.toggle('showPoints')")
    assert colors(stage, places) == [[0, 0, 0], [0, 0, 0]]
    stage.mouse.click(*places[1])
    assert [event["id"] for event in events(stage)] == [None]
    stage.evaluate("canvas.showAll()")
    assert colors(stage, places) == [nose, jaw]


def test_ghosts_are_hollow_in_the_color_of_their_group(stage: Page) -> None:
    stage.evaluate("canvas.show({ points: {}, ghosts: { new0: { x: 100, y: 100 } } })")
    x, y = on_canvas(stage, 100, 100)
    assert colors(stage, [(x, y)]) == [[0, 0, 0]]
    around = colors(stage, [(x + 6 * np.cos(a), y + 6 * np.sin(a)) for a in np.linspace(0, 6.2, 60)])
    blue = sum(b > 180 and r < 60 for r, _, b in around)
    assert 15 < blue < 50  # dashes: not nothing, not a whole ring


def colors(page: Page, places: list[tuple[float, float]]) -> list[list[int]]:
    """Red, green and blue at places on the canvas in CSS pixels, once everything is drawn."""
    settle(page)
    return page.evaluate(
        "(places) => places.map(([x, y]) => [...canvas.element.getContext('2d')"
        ".getImageData(Math.round(x * devicePixelRatio), Math.round(y * devicePixelRatio), 1, 1).data.slice(0, 3)])",
        places,
    )


def settle(page: Page) -> None:
    page.evaluate("new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))")


def test_the_picture_is_scaled_once_while_the_view_rests(stage: Page) -> None:
    """And its copy goes with the view and with the picture."""
    found: list[Any] = stage.evaluate("""async () => {
      const drawn = [];
      const { drawImage } = CanvasRenderingContext2D.prototype;
      CanvasRenderingContext2D.prototype.drawImage = function (image, ...place) {
        drawn.push(image === canvas.scene.image ? "picture" : "copy");
        return drawImage.call(this, image, ...place);
      };
      const frame = () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
      const pixel = () => [...canvas.element.getContext("2d").getImageData(...middle(), 1, 1).data];
      const middle = () => [canvas.element.width / 2, canvas.element.height / 2].map(Math.round);
      const show = async (change) => { drawn.length = 0; change(); await frame(); return [drawn.at(-1), ...pixel()]; };
      const other = await createImageBitmap(Object.assign(document.createElement("canvas"), { width: 8, height: 6 }));
      const found = [];
      found.push(await show(() => canvas.pan(3, 0)));
      for (let k = 0; k < 2; k++) found.push(await show(() => canvas.draw()));
      found.push(await show(() => canvas.pan(-3, 0)));
      found.push(await show(() => canvas.draw()));
      found.push(await show(() => canvas.show({ image: other })));
      CanvasRenderingContext2D.prototype.drawImage = drawImage;
      return found;
    }""")
    assert [what for what, *_ in found] == ["picture", "copy", "copy", "picture", "copy", "picture"]
    assert len({tuple(pixel) for _, *pixel in found[:5]}) == 1
    assert found[5][1:] == [0, 0, 0, 0]  # the other picture is empty, and nothing of the first is left
