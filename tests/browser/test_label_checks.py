"""Label checks on the page, and pictures that are missing or many."""

from __future__ import annotations

import os

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from labeler.storage.records import Point
from tests.browser.conftest import Complaints, Site, drag, open_canvas, open_empty, root, saved, wait_for
from tests.labeler.analysis.test_model_disagreement import leave_run

pytestmark = pytest.mark.browser

EYES = {1: Point(250.0, 110.0, 2), 2: Point(150.0, 110.0, 2), 3: Point(200.0, 160.0, 2), 4: Point(200.0, 230.0, 2)}
SENTENCE = "eye_left lies right of eye_right: sides swapped?"


def face_shown(page: Page) -> int:
    return page.evaluate(f"{root('label')}?.editor.view?.face")


def test_q_leads_to_a_slip_and_dragging_or_saying_so_settles_it(page: Page, site: Site) -> None:
    project = site.project("rooks")
    first, second, third = (face.id for face in project.store.faces())
    project.store.edit_points(second, EYES)
    project.store.edit_points(third, EYES)
    open_canvas(page, site, "rooks", "label")
    wait_for(lambda: face_shown(page) == first)
    expect(page.locator(".strip .badge.check")).to_have_count(2)
    expect(page.locator(".check-mark")).to_have_count(0)

    page.keyboard.press("q")
    wait_for(lambda: face_shown(page) == second)
    card = page.locator(".check-card")
    expect(card).to_contain_text(SENTENCE)
    expect(page.locator(".check-mark")).to_have_text("1 check")
    assert page.evaluate(f"{root('label')}.editor.current") == "1"
    x, y, w, h = page.evaluate(
        f"(() => {{ const v = {root('label')}.editor.canvas.viewport, [x, y] = v.toImage(0, 0);"
        " return [x, y, v.width / v.scale, v.height / v.scale]; })()"
    )
    assert x < 150 < 250 < x + w
    assert y < 110 < y + h
    assert w * h < 400 * 300  # from near
    page.get_by_role("button", name="This is right").click()
    expect(card).to_contain_text("You confirmed it as right.")
    expect(page.locator(".check-mark")).to_have_text("1 confirmed")
    assert project.store.said_right() == {(second, "mirrored"): {1: (250.0, 110.0), 2: (150.0, 110.0)}}
    page.get_by_role("button", name="Check it again").click()
    expect(page.locator(".check-mark")).to_have_text("1 check")

    page.keyboard.press("q")
    wait_for(lambda: face_shown(page) == third)
    drag(page, "label", (250, 110), (130, 105))
    drag(page, "label", (150, 110), (240, 105))
    saved(page)
    expect(card).to_be_hidden()
    expect(page.locator(".check-mark")).to_have_count(0)
    expect(page.locator(".strip .badge.check")).to_have_count(1)
    page.keyboard.press("q")
    wait_for(lambda: face_shown(page) == second)
    page.keyboard.press("q")
    expect(page.locator(".mount-label .toast")).to_have_text("This is the only finding.")


def test_a_label_that_the_model_contradicts_opens_at_its_point_and_goes_when_moved_or_right(
    page: Page, site: Site
) -> None:
    project = site.project("crakes")
    first, second, _ = (face.id for face in project.store.faces())
    for face, nose in ((first, 42.0), (second, 41.0)):
        places = {1: (20.0, 10.0), 2: (44.0, 10.0), 3: (32.0, nose), 4: (32.0, 46.0)}
        project.store.edit_points(face, {key: Point(x, y, 2) for key, (x, y) in places.items()})
    leave_run(project)
    open_canvas(page, site, "crakes", "label")
    expect(page.locator(".strip .badge.check")).to_have_count(2)
    page.keyboard.press("q")
    card = page.locator(".check-card")
    expect(card).to_contain_text("The model predicts nose 33 % of the face away: is the label right?")
    assert (face_shown(page), page.evaluate(f"{root('label')}.editor.current")) == (first, "3")
    page.get_by_role("button", name="This is right").click()
    expect(card).to_contain_text("You confirmed it as right.")
    assert project.store.said_right() == {(first, "model"): {3: (32.0, 42.0)}}

    page.keyboard.press("q")
    wait_for(lambda: face_shown(page) == second)
    expect(card).to_contain_text("The model predicts nose 31 % of the face away: is the label right?")
    drag(page, "label", (32, 41), (32, 31))
    saved(page)
    expect(card).to_be_hidden()
    expect(page.locator(".strip .badge.check")).to_have_count(0)


def test_clicks_pass_through_the_card(page: Page, site: Site) -> None:
    project = site.project("daws")
    face = project.store.faces()[0].id
    project.store.edit_points(face, {key: EYES[key] for key in (1, 2, 3)})
    open_canvas(page, site, "daws", "label")
    wait_for(lambda: face_shown(page) == face)
    page.keyboard.press("q")
    sentence = page.locator(".check-sentence")
    expect(sentence).to_contain_text(SENTENCE)
    page.keyboard.press("f")
    page.keyboard.press("n")
    page.keyboard.press("n")
    page.keyboard.press("n")
    box = sentence.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 5, box["y"] + 5)
    assert page.evaluate(f"document.activeElement === {root('label')}.editor.canvas.element")


def test_a_missing_and_a_replaced_picture_are_reported_until_they_are_back(
    page: Page, site: Site, complaints: Complaints
) -> None:
    project = site.project("ruffs")
    first, second, _ = (face.id for face in project.store.faces())
    path = project.images / project.store.image(project.store.face(second).image_id).file_name
    content = path.read_bytes()
    path.unlink()
    open_canvas(page, site, "ruffs", "label")
    wait_for(lambda: face_shown(page) == first)
    notice = page.locator(".workbench .picture-problem:visible")
    expect(notice).to_have_count(0)
    page.keyboard.press("d")
    wait_for(lambda: face_shown(page) == second)
    expect(notice).to_contain_text("is missing; its labels are kept: put the file back.")
    Image.new("RGB", (400, 300), "red").save(path)
    os.utime(path, (2_000_000_000, 2_000_000_000))
    page.get_by_role("button", name="Try again").click()
    expect(notice).to_contain_text("has changed since it was added; its labels are kept")
    path.write_bytes(content)
    # The page may ask for the face at any time, and hears that the file is back without a click on "Try again".
    page.evaluate(f"{root('label')}.editor.reload()")
    expect(notice).to_have_count(0)
    wait_for(lambda: page.evaluate(f"{root('label')}.editor.canvas.scene.image?.width") == 400)
    complaints.expect("status of 404", "status of 409")


def test_pictures_are_kept_by_pixels_and_one_original_at_a_time(page: Page, site: Site) -> None:
    open_empty(page, site)
    kept = page.evaluate("""async () => {
      const { PictureCache } = await import("./canvas/pictures.js");
      const dot = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==";
      const cache = new PictureCache({ pictureUrl: () => dot });
      const wide = (id) => ({ id, width: 4000, height: 3000 });
      const counts = [], bitmaps = [];
      for (let id = 1; id <= 300; id++) {
        bitmaps.push(await cache.get(wide(id)));
        cache.hold(wide(id));
        cache.prefetch([1, -1, 2].map((step) => wide(id + step)));
        counts.push([cache.entries.size, cache.pixels]);
      }
      await new Promise((resolve) => setTimeout(resolve));
      const open = bitmaps.filter((bitmap) => bitmap.width).length;
      const held = await cache.get(wide(300));
      const tall = (id) => ({ id, width: 1000, height: 23_000 });
      for (const id of [1000, 1001, 1002]) await cache.get(tall(id));
      const near = await cache.original(wide(300));
      const before = near.width;
      cache.hold(tall(1002));
      await new Promise((resolve) => setTimeout(resolve));
      return { most: Math.max(...counts.map(([n]) => n)), pixels: Math.max(...counts.map(([, p]) => p)), open,
               held: held.width, left: [...cache.entries.keys()], before, after: near.width };
    }""")
    assert kept["most"] == 12  # of 1600 x 1200
    assert kept["pixels"] <= 24_000_000
    assert kept["open"] <= 12
    assert (kept["held"], kept["left"]) == (1, [300, 1002])  # what is drawn and what is asked for outlast the limit
    assert (kept["before"], kept["after"]) == (1, 0)


def test_an_original_that_was_let_go_while_it_loaded_is_not_shown(page: Page, site: Site) -> None:
    open_empty(page, site)
    found = page.evaluate("""async () => {
      const { PictureCache } = await import("./canvas/pictures.js");
      const { Viewpoint } = await import("./face/viewpoint.js");
      const dot = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==";
      const file = await fetch(dot).then((answer) => answer.blob());
      const asked = [];
      window.fetch = (url) => new Promise((answer) => asked.push({ url, answer: () => answer(new Response(file)) }));
      const [first, second] = ["first", "second"].map((id) => ({ id, width: 4000, height: 3000 }));
      const shown = [];
      const canvas = { on() {}, scene: { image: { width: 1600 } }, finestScale: 5 };
      canvas.show = ({ image }) => shown.push(image);
      const editor = { canvas, pictures: new PictureCache({ pictureUrl: ({ id }) => id }) };
      const viewpoint = new Viewpoint(editor);
      const open = (picture) => {
        editor.picture = picture;
        viewpoint.sharpened = false;
        editor.pictures.hold(picture);
      };
      open(first);
      const late = viewpoint.sharpen();
      open(second);
      open(first);
      asked[0].answer();
      await late;
      const before = shown.length;
      const again = viewpoint.sharpen();
      asked[1].answer();
      await again;
      return { before, asked: asked.map(({ url }) => url), widths: shown.map(({ width }) => width) };
    }""")
    assert found == {"before": 0, "asked": ["first", "first"], "widths": [1]}
