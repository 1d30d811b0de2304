"""A person's way through the tool: create, define, label with mouse and keys, reload, undo, review, export."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Page, Route, expect

from labeler.storage.records import PredictedPoint
from tests.browser.conftest import (
    Site,
    canvas,
    click_at,
    drag,
    open_canvas,
    open_tab,
    root,
    round_trip,
    saved,
    wait_for,
)

pytestmark = pytest.mark.browser

PLACES = {1: (150.0, 110.0), 2: (250.0, 110.0), 3: (200.0, 160.0), 4: (200.0, 230.0)}


def test_create_define_and_label(page: Page, site: Site) -> None:
    page.goto(site.url)
    page.get_by_label("Name").first.fill("macaques")
    page.get_by_label("or a folder on this machine").last.fill(str(site.pictures("macaques", 3)))
    page.get_by_role("button", name="Create project").click()
    page.wait_for_url("**/?project=macaques*")
    expect(page.locator(".topbar .project")).to_have_text("macaques")
    canvas(page, "schema").wait_for()
    wait_for(lambda: page.evaluate(f"{root('schema')}?.canvas.scene.image !== null"))

    for x, y in ((150, 110), (250, 110), (200, 170)):
        click_at(page, "schema", x, y)
    rows = page.locator(".table-rows li")
    expect(rows).to_have_count(3)
    for row, name in enumerate(("eye_left", "eye_right", "nose_tip")):
        rows.nth(row).get_by_label("Name").fill(name)
        rows.nth(row).get_by_label("Name").press("Tab")
    expect(rows.nth(0).get_by_label("Mirror partner")).to_contain_text("eye_right")
    page.locator(".schema-side").get_by_role("button", name="Save").click()
    expect(page.locator(".save-state")).to_have_text("Saved, version 1")

    project = site.workspace.open("macaques")
    assert project.definition is not None
    assert project.definition.landmarks == ("eye_left", "eye_right", "nose_tip")
    assert project.definition.mirror == (1, 0, 2)
    assert [project.definition.groups[k] for k in (0, 1)] == [5, 6]
    saved_definition = project.store.definitions.newest()
    assert saved_definition is not None
    assert saved_definition.reference is not None
    assert saved_definition.reference["points"]["1"] == pytest.approx([150, 110], abs=1)

    page.locator("#tab-label-button").click()
    # The reference picture is the first labeled face.
    expect(page.locator(".topbar .progress-text")).to_have_text("1 of 3 faces complete")
    face, second = (face.id for face in project.store.faces()[:2])
    wait_for(lambda: page.evaluate(f"{root('label')}?.editor.view?.face") == second)
    page.keyboard.press("PageUp")
    wait_for(lambda: page.evaluate(f"{root('label')}.editor.view.face") == face)
    assert page.evaluate(f"Object.keys({root('label')}.editor.view.points).length") == 3
    page.keyboard.press("h")
    expect(page.locator(".history .entry").first).to_contain_text("from the reference picture: 3 landmarks")
    page.keyboard.press("h")
    drag(page, "label", (150, 110), (160, 120))
    saved(page)
    moved = wait_for(lambda: (p := project.store.points(face)[face][1]).source == "dragged" and p)
    assert moved.x == pytest.approx(160, abs=1)
    page.keyboard.press("PageDown")
    expect(page.locator(".workbench .hint").filter(has_text="Click eye_left")).to_be_visible()
    click_at(page, "label", 160, 120)
    saved(page)
    assert wait_for(lambda: project.store.points(second).get(second, {}).get(1)).x == pytest.approx(160, abs=1)


def test_mouse_keys_reload_and_undo(page: Page, site: Site) -> None:
    project = site.project("owls")
    first, second = (face.id for face in project.store.faces()[:2])
    open_tab(page, site, "owls", "label")
    wait_for(lambda: page.evaluate(f"{root('label')}?.editor.view?.face") == first)

    for x, y in PLACES.values():
        click_at(page, "label", x, y)
    saved(page)
    labels = wait_for(lambda: len(found := project.store.points(first).get(first, {})) == 4 and found)
    for key, (x, y) in PLACES.items():
        assert (labels[key].x, labels[key].y) == pytest.approx((x, y), abs=0.6)
    expect(page.locator(".topbar .progress-text")).to_have_text("1 of 3 faces complete")

    page.keyboard.press("d")
    wait_for(lambda: page.evaluate(f"{root('label')}.editor.view.face") == second)
    for _ in range(4):
        page.keyboard.press("Shift+ArrowRight")
        page.keyboard.press("ArrowUp")
        page.keyboard.press("Enter")
    saved(page)
    labels = wait_for(lambda: len(found := project.store.points(second).get(second, {})) == 4 and found)
    assert [(labels[key].x, labels[key].y) for key in (1, 2, 3, 4)] == [(210, 149), (220, 148), (230, 147), (240, 146)]

    page.keyboard.press("n")
    page.keyboard.press("Alt+ArrowLeft")
    page.keyboard.press("Alt+ArrowLeft")
    wait_for(lambda: project.store.points(second)[second][1].x == pytest.approx(209.8))
    page.keyboard.press("v")
    wait_for(lambda: project.store.points(second)[second][1].v == 1)

    page.reload()
    wait_for(lambda: page.evaluate(f"{root('label')}?.editor.view?.face") == second)
    assert page.evaluate(f"Object.keys({root('label')}.editor.view.points)") == ["1", "2", "3", "4"]
    for _ in range(3):
        page.keyboard.press("Control+z")
    wait_for(lambda: sorted(project.store.points(second)[second]) == [1, 2, 3])
    assert project.store.points(second)[second][1].v == 2
    page.keyboard.press("Control+Shift+z")
    wait_for(lambda: sorted(project.store.points(second)[second]) == [1, 2, 3, 4])


def test_a_click_never_moves_a_point_but_a_drag_does(page: Page, site: Site) -> None:
    project = site.project("larks")
    face = project.store.faces()[0].id
    open_canvas(page, site, "larks", "label")
    wait_for(lambda: page.evaluate(f"{root('label')}?.editor.view?.face") == face)
    for x, y in PLACES.values():
        click_at(page, "label", x, y)
    wait_for(lambda: len(project.store.points(face).get(face, {})) == 4)
    revision = project.store.face(face).revision

    click_at(page, "label", 152, 111)  # two pixels beside a point: that selects it
    click_at(page, "label", 300, 200)  # free ground, with nothing left to place
    saved(page)
    assert project.store.face(face).revision == revision
    drag(page, "label", PLACES[3], (220, 175))
    wait_for(lambda: project.store.points(face)[face][3].x == pytest.approx(220, abs=1))
    assert project.store.points(face)[face][3].source == "dragged"


def test_shortcuts_stay_out_of_fields(page: Page, site: Site) -> None:
    project = site.project("terns")
    open_tab(page, site, "terns", "schema")
    name = page.locator(".table-rows li").first.get_by_label("Name")
    name.click()
    name.fill("")
    name.press_sequentially("flat")
    name.press("Backspace")
    expect(page.locator(".table-rows li")).to_have_count(4)
    assert name.input_value() == "fla"
    assert project.definition is not None
    assert project.definition.landmarks[0] == "eye_left"


def test_the_help_overlay_and_the_box(page: Page, site: Site) -> None:
    project = site.project("wrens")
    face = project.store.faces()[0].id
    open_canvas(page, site, "wrens", "label")
    wait_for(lambda: page.evaluate(f"{root('label')}?.editor.view?.face") == face)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Next unfinished face")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("x")
    drag(page, "label", (120, 40), (280, 260))
    box = wait_for(lambda: (b := project.store.face(face).box).x > 0 and b)
    assert (box.x, box.y, box.w, box.h) == pytest.approx((120, 40, 160, 220), abs=2)
    page.keyboard.press("Escape")
    page.keyboard.press("Shift+X")
    drag(page, "label", (10, 10), (90, 90))
    wait_for(lambda: len(project.store.faces()) == 4)
    expect(page.locator(".face-head").first).to_contain_text("face 2 of 2")
    wait_for(lambda: page.evaluate(f"{root('label')}.editor.canvas.scene.showBox"))
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Remove this face").click()
    wait_for(lambda: len(project.store.faces()) == 3)
    wait_for(lambda: page.evaluate(f"{root('label')}.editor.view.face") == face)
    assert not page.evaluate(f"{root('label')}.editor.canvas.scene.showBox")


def test_every_picture_begins_with_its_first_landmark(page: Page, site: Site) -> None:
    project = site.project("ospreys")
    first, second, third = (face.id for face in project.store.faces())
    open_canvas(page, site, "ospreys", "label")
    wait_for(lambda: page.evaluate(f"{root('label')}?.editor.view?.face") == first)
    for x, y in PLACES.values():
        click_at(page, "label", x, y)
    expect(page.locator(".toast")).to_contain_text("Face complete")
    drag(page, "label", PLACES[3], (220, 175))
    page.keyboard.press("d")
    wait_for(lambda: page.evaluate(f"{root('label')}.editor.view.face") == second)
    expect(page.locator(".workbench .hint").filter(has_text="Click eye_left")).to_be_visible()
    expect(page.locator(".toast")).to_have_count(0)
    # The last picture's second face goes: the page stays with that picture.
    page.keyboard.press("d")
    wait_for(lambda: page.evaluate(f"{root('label')}.editor.view.face") == third)
    page.keyboard.press("Shift+X")
    drag(page, "label", (10, 10), (90, 90))
    expect(page.locator(".face-head").first).to_contain_text("face 2 of 2")
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Remove this face").click()
    wait_for(lambda: page.evaluate(f"{root('label')}.editor.view.face") == third)
    # What is fetched ahead never is the face that is gone, although a list may still have it.
    gone = project.store.faces()[-1].id + 1
    page.evaluate(f"{root('label')}.session.prefetch([{gone}])")
    round_trip(page)


def test_a_tab_that_a_person_opens_first_stays_open(page: Page, site: Site) -> None:
    site.project("curlews at dawn")
    held: list[Route] = []
    holding = [True]
    page.route("**/api/projects/curlews*dawn", lambda route: held.append(route) if holding else route.continue_())
    page.goto(f"{site.url}/?project=curlews at dawn")
    wait_for(lambda: page.title() is not None and held)
    page.get_by_role("tab", name="Schema").click()
    holding.clear()  # what is asked from now on is not held
    for route in held:
        route.continue_()
    canvas(page, "schema").wait_for()
    expect(page.locator(".topbar .progress-text")).to_contain_text("of 3")
    round_trip(page)
    expect(page.get_by_role("tab", name="Schema")).to_have_attribute("aria-selected", "true")


def test_review_accept_correct_and_export(page: Page, site: Site) -> None:
    project = site.project("shrikes")
    faces = [face.id for face in project.store.faces()]

    def predicted(doubtful: set[int], p_off: float) -> dict[int, PredictedPoint]:
        return {
            key: PredictedPoint(x, y, (9.0, 2.0, 6.0), p_off if key in doubtful else 0.02, key in doubtful)
            for key, (x, y) in PLACES.items()
        }

    project.store.predictions.add(1, {faces[0]: predicted({3}, 0.3), faces[1]: predicted({1, 4}, 0.6)})
    open_tab(page, site, "shrikes", "review")
    wait_for(lambda: page.evaluate(f"{root('review')}?.editor.view?.face") == faces[1])
    assert page.evaluate(f"{root('review')}.editor.current") == "1"
    page.keyboard.press("a")
    wait_for(lambda: project.store.points(faces[1]).get(faces[1], {}).get(1))
    assert project.store.points(faces[1])[faces[1]][1].source == "accepted"
    assert page.evaluate(f"{root('review')}.editor.current") == "4"

    drag(page, "review", PLACES[4], (210, 240))
    wait_for(lambda: project.store.points(faces[1])[faces[1]].get(4))
    corrected = project.store.points(faces[1])[faces[1]][4]
    assert corrected.source == "corrected"
    assert (corrected.x, corrected.y) == pytest.approx((210, 240), abs=1)

    page.keyboard.press("Shift+A")
    wait_for(lambda: len(project.store.points(faces[1])[faces[1]]) == 4)
    wait_for(lambda: page.evaluate(f"{root('review')}.editor.view.face") == faces[0])
    expect(page.locator(".face-head").last).to_contain_text("1 face left to review")
    page.keyboard.press("Control+z")
    wait_for(lambda: len(project.store.points(faces[1])[faces[1]]) == 2)
    assert page.evaluate(f"{root('review')}.editor.view.face") == faces[1]
    page.keyboard.press("Shift+A")
    wait_for(lambda: len(project.store.points(faces[1])[faces[1]]) == 4)
    saved(page)
    page.evaluate(f"{root('review')}.load()")  # the face is done: the queue that is read anew does not hold it
    page.keyboard.press("Control+z")
    wait_for(lambda: len(project.store.points(faces[1])[faces[1]]) == 2)
    wait_for(lambda: page.evaluate(f"{root('review')}.editor.view.face") == faces[1])
    page.keyboard.press("Shift+A")
    wait_for(lambda: len(project.store.points(faces[1])[faces[1]]) == 4)

    page.locator("#tab-export-button").click()
    page.get_by_role("button", name="Write the COCO file").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download shrikes.json").click()
    coco = json.loads(download.value.path().read_text())
    assert [record["num_keypoints"] for record in coco["annotations"]] == [4]
    assert coco["annotations"][0]["keypoints"][0:3] == [150, 110, 2]


def test_pictures_that_did_not_come_in_are_named_and_leave_no_empty_project(page: Page, site: Site) -> None:
    folder = site.folder / "from a phone"
    folder.mkdir()
    for name in ("IMG_1.PSD", "IMG_2.PSD", "DSC_3.NEF", "clip.mov", "damaged.jpg", "notes.txt", ".DS_Store"):
        (folder / name).write_text("not read")

    def create() -> None:
        page.get_by_label("Name").first.fill("lemurs")
        page.get_by_label("or a folder on this machine").last.fill(str(folder))
        page.get_by_role("button", name="Create project").click()

    page.goto(site.url)
    create()
    expect(page.get_by_text("No project was created, because no picture came in.")).to_be_visible()
    said = page.locator("ul.refused li")
    expect(said.filter(has_text="2 pictures in other formats (IMG_1.PSD, IMG_2.PSD)")).to_contain_text("save as PNG")
    expect(said.filter(has_text="damaged.jpg")).to_contain_text("this is not a JPEG")
    assert not (site.workspace.root / "lemurs").exists()

    site.pictures("lemurs", 1).joinpath("lemurs-0.png").rename(folder / "lemur.png")
    create()
    page.get_by_role("link", name="Open lemurs").click()
    page.wait_for_url("**/?project=lemurs*")
    canvas(page, "schema").wait_for()
    page.locator("#tab-project-button").click()
    page.get_by_label("or a folder on this machine").first.fill(str(folder))
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("0 pictures added, 1 was here already, 1 refused, 4 skipped.")).to_be_visible()
    expect(said.filter(has_text="1 camera RAW file (DSC_3.NEF)")).to_contain_text("develop to JPEG")
    expect(said.last).to_have_text("Also passed over: 1 .txt file, 1 hidden file or folder")
    assert site.workspace.open("lemurs").progress().pictures == 1


def test_names_of_users_stay_text(page: Page, site: Site) -> None:
    name = "<img src=x onerror=document.title='hacked'>${document.title='hacked'}"
    project = site.workspace.create("geese")
    folder = site.pictures("geese", 1)
    (folder / "geese-0.png").rename(folder / "<b>${1+1}{{2+2}}.png")
    project.add_pictures([folder])
    category = {**(definition_category()), "keypoints": [name, "eye_right", "nose", "chin"]}
    project.store.definitions.save({**category, "landmark_ids": [1, 2, 3, 4]}, None, edited_from=0)
    open_tab(page, site, "geese", "label")
    expect(page.locator(".landmarks .name").first).to_have_text(name)
    expect(page.locator(".strip-row .caption").first).to_have_text("<b>${1+1}{{2+2}}.png")
    for tab in ("schema", "train", "export", "project"):
        page.locator(f"#tab-{tab}-button").click()
        page.locator(f"#tab-{tab}").wait_for()
        round_trip(page)
    assert page.title() != "hacked"


def definition_category() -> dict[str, object]:
    from tests.builders import SMALL

    return SMALL.to_category()
