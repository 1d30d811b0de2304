"""A face is started from other faces, and a group is labeled over all pictures."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Page, Route, expect

from labeler.project.project import Project
from labeler.storage.records import Point, PredictedPoint
from tests.browser.conftest import (
    Complaints,
    Site,
    click_at,
    drag,
    intercept,
    open_canvas,
    root,
    round_trip,
    saved,
    wait_for,
)

pytestmark = pytest.mark.browser

PLACES = {1: (150.0, 110.0), 2: (250.0, 110.0), 3: (200.0, 160.0), 4: (200.0, 230.0)}


def label(project: Project, face: int, ids: tuple[int, ...] = (1, 2, 3, 4)) -> None:
    project.store.edit_points(face, {key: Point(*PLACES[key], 2) for key in ids})


def opened(page: Page, site: Site, name: str, face: int) -> None:
    open_canvas(page, site, name, "label")
    wait_for(lambda: page.evaluate(f"{root('label')}?.editor.view?.face"))
    page.evaluate(f"{root('label')}.openFace({root('label')}.items.find(({{ face }}) => face === {face}))")
    wait_for(lambda: page.evaluate(f"{root('label')}.editor.view.face") == face)


def ghosts(page: Page) -> dict[str, dict[str, float]]:
    return page.evaluate(f"{root('label')}.editor.canvas.scene.ghosts")


def current(page: Page) -> str | None:
    return page.evaluate(f"{root('label')}.editor.current")


def test_a_face_starts_from_the_mean_shape_and_follows_what_is_placed(page: Page, site: Site) -> None:
    project = site.project("stilts")
    first, second, third = (face.id for face in project.store.faces())
    label(project, first)
    opened(page, site, "stilts", first)
    page.get_by_label("Start faces from").select_option("Start: mean shape")
    page.keyboard.press("d")
    wait_for(lambda: len(ghosts(page)) == 4)
    assert [ghosts(page)["4"][axis] for axis in "xy"] == pytest.approx(PLACES[4], abs=0.5)
    assert page.evaluate(f"Object.keys({root('label')}.editor.view.points)") == []

    # A click places the landmark whose turn it is; the others follow it.
    click_at(page, "label", 190, 130)
    wait_for(lambda: sorted(ghosts(page)) == ["2", "3", "4"] and ghosts(page)["3"]["x"] > 215)
    assert ghosts(page)["2"]["y"] > 120
    saved(page)
    assert list(project.store.points(second)[second]) == [1]
    # Enter places the next one at its ghost, wherever the pointer is; its ghost dragged away corrects the one after.
    at = ghosts(page)["2"]
    page.keyboard.press("Enter")
    assert current(page) == "3"
    nose = ghosts(page)["3"]
    drag(page, "label", (nose["x"], nose["y"]), (nose["x"] + 30, nose["y"] + 10))
    assert current(page) == "4"
    saved(page)
    labels = project.store.points(second)[second]
    assert (labels[2].x, labels[2].y, labels[2].source) == (
        pytest.approx(at["x"], abs=1e-3),
        pytest.approx(at["y"], abs=1e-3),
        "started",
    )
    assert (labels[3].x, labels[3].source) == (pytest.approx(nose["x"] + 30, abs=1), "corrected")
    assert sorted(ghosts(page)) == ["4"]

    # A ghost is no label: nothing of it is stored or exported.
    out = site.folder / "stilts.json"
    project.export(out)
    counts = {a["id"]: a["num_keypoints"] for a in json.loads(out.read_text())["annotations"]}
    assert counts == {first: 4, second: 3}

    # All ghosts at once are one edit and one undo, and a reload keeps what was taken.
    page.keyboard.press("d")
    wait_for(lambda: len(ghosts(page)) == 4)
    page.keyboard.press("g")
    saved(page)
    taken = wait_for(lambda: project.store.points(third).get(third))
    assert {key: point.source for key, point in taken.items()} == dict.fromkeys((1, 2, 3, 4), "started")
    page.keyboard.press("Control+z")
    saved(page)
    assert project.store.points(third).get(third, {}) == {}
    wait_for(lambda: len(ghosts(page)) == 4)
    page.keyboard.press("Control+y")
    saved(page)
    assert ghosts(page) == {}
    page.reload()
    wait_for(lambda: page.evaluate(f"{root('label')}?.editor.view?.face") == third)
    assert page.evaluate(f"Object.keys({root('label')}.editor.view.points).length") == 4
    expect(page.get_by_label("Start faces from")).to_have_value("mean")


def test_following_is_switched_off_and_stays_off(page: Page, site: Site) -> None:
    project = site.project("snipes")
    first, second, _ = (face.id for face in project.store.faces())
    label(project, first)
    opened(page, site, "snipes", first)
    page.keyboard.press("d")
    wait_for(lambda: page.evaluate(f"{root('label')}.editor.view.face") == second)
    assert ghosts(page) == {}
    page.keyboard.press("Shift+G")
    page.keyboard.press("Shift+M")
    before = wait_for(lambda: len(ghosts(page)) == 4 and ghosts(page))
    click_at(page, "label", 200, 140)
    saved(page)
    round_trip(page)
    assert ghosts(page) == {key: before[key] for key in ("2", "3", "4")}
    page.reload()
    wait_for(lambda: page.evaluate(f"{root('label')}?.editor.view?.face") == second)
    assert page.evaluate(f"{root('label')}.proposal.follows") is False
    page.keyboard.press("Shift+G")
    page.keyboard.press("m")
    wait_for(lambda: sorted(ghosts(page)) == ["2", "3", "4"] and ghosts(page)["2"]["x"] > 270)
    page.keyboard.press("m")
    assert ghosts(page) == {}


def test_predictions_become_ghosts_that_follow_a_correction(page: Page, site: Site) -> None:
    project = site.project("knots")
    face = project.store.faces()[0].id
    predicted = {key: PredictedPoint(x, y, (25.0, 0.0, 25.0), 0.5, key == 4) for key, (x, y) in PLACES.items()}
    project.store.predictions.add(1, {face: predicted})
    opened(page, site, "knots", face)
    scene = f"{root('label')}.editor.canvas.scene"
    assert page.evaluate(f"Object.keys({scene}.predictions).length") == 4
    page.get_by_label("Start faces from").select_option("Start: prediction")
    wait_for(lambda: len(ghosts(page)) == 4)
    # Where a ghost stands for a prediction, that is not drawn twice.
    assert page.evaluate(f"{scene}.predictions") == {}
    for turn in ("4", "1", "2"):  # the doubtful one was first; from ghosts, landmarks come in their order
        assert current(page) == turn
        page.keyboard.press("n")
    page.keyboard.press("b")
    click_at(page, "label", 250, 130)
    wait_for(lambda: sorted(ghosts(page)) == ["1", "3", "4"] and ghosts(page)["3"]["y"] > 164)
    assert ghosts(page)["3"]["y"] - 160 > ghosts(page)["4"]["y"] - 230 > 1  # the nearer one goes further
    page.get_by_label("Start faces from").select_option("Start: nothing")
    assert ghosts(page) == {}
    assert sorted(page.evaluate(f"{scene}.predictions")) == ["1", "2", "3", "4"]
    saved(page)
    assert project.store.points(face)[face][2].source == "corrected"


def test_without_a_labeled_face_there_is_a_sentence_and_no_ghost(
    page: Page, site: Site, complaints: Complaints
) -> None:
    project = site.project("sanderlings")
    opened(page, site, "sanderlings", project.store.faces()[0].id)
    page.keyboard.press("m")
    expect(page.locator(".toast")).to_contain_text("no other face is labeled yet")
    assert ghosts(page) == {}
    [refused] = complaints
    assert "409" in refused
    complaints.clear()


def test_an_answer_to_an_older_question_is_dropped(page: Page, site: Site) -> None:
    project = site.project("ruffs")
    first, second, _ = (face.id for face in project.store.faces())
    label(project, first)
    opened(page, site, "ruffs", first)
    page.keyboard.press("d")
    wait_for(lambda: page.evaluate(f"{root('label')}.editor.view.face") == second)
    held: list[Route] = []
    intercept(page, "**/proposal", lambda route: held.append(route), times=1)
    page.keyboard.press("m")
    wait_for(lambda: page.evaluate("true") and held)
    click_at(page, "label", 190, 130)  # nothing waits for the answer
    wait_for(lambda: sorted(ghosts(page)) == ["2", "3", "4"])
    held[0].fulfill(json={"places": {"1": [1, 1], "4": [2, 2]}, "faces": 1})
    round_trip(page)
    assert sorted(ghosts(page)) == ["2", "3", "4"]
    assert ghosts(page)["4"]["y"] > 200


def test_a_pass_labels_one_group_over_all_pictures(page: Page, site: Site) -> None:
    project = site.project("dunlins")
    first, second, third = (face.id for face in project.store.faces())
    label(project, second)
    opened(page, site, "dunlins", first)
    page.keyboard.press("k")
    menu = page.get_by_role("dialog", name="Label one group over all pictures")
    expect(menu.get_by_role("button")).to_have_text(
        [
            "Jaw2 open on 2 faces",
            "Left eye2 open on 2 faces",
            "Right eye2 open on 2 faces",
            "Nose2 open on 2 faces",
        ]
    )
    menu.get_by_role("button").nth(3).click()
    line = page.locator(".pass-line")
    expect(line).to_contain_text("Only nose: 2 faces left")
    assert current(page) == "3"
    click_at(page, "label", *PLACES[3])
    # The second face has its nose: on to the third.
    wait_for(lambda: page.evaluate(f"{root('label')}.editor.view.face") == third)
    expect(line).to_contain_text("Only nose: 1 face left")
    assert current(page) == "3"
    # What is undone right after going on is seen.
    page.keyboard.press("Control+z")
    wait_for(lambda: page.evaluate(f"{root('label')}.editor.view.face") == first)
    expect(line).to_contain_text("Only nose: 2 faces left")
    saved(page)
    assert project.store.points(first).get(first, {}) == {}
    wait_for(lambda: current(page) == "3")
    click_at(page, "label", *PLACES[3])
    wait_for(lambda: page.evaluate(f"{root('label')}.editor.view.face") == third)
    click_at(page, "label", *PLACES[3])
    expect(page.locator(".toast")).to_contain_text("Every face has its nose.")
    expect(line).to_be_hidden()
    saved(page)
    assert {face: sorted(points) for face, points in project.store.points().items()} == {
        first: [3],
        second: [1, 2, 3, 4],
        third: [3],
    }
    # K again opens the menu, Escape closes it and leaves a pass.
    page.keyboard.press("k")
    expect(menu.get_by_role("button", name="Nose")).to_be_disabled()
    page.keyboard.press("Enter")
    expect(line).to_contain_text("Only jaw: 2 faces left")
    page.keyboard.press("Escape")
    expect(line).to_be_hidden()
    assert current(page) == "1"
