"""The strip of faces: filters, search, numbers, skipping, the history of a face, and undo across a reload."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from labeler.storage.records import Point, PredictedPoint
from tests.browser.conftest import Site, click_at, open_canvas, open_empty, root, saved, wait_for
from tests.builders import write_picture

pytestmark = pytest.mark.browser

PLACES = [(150.0, 110.0), (250.0, 110.0), (200.0, 160.0), (200.0, 230.0)]


def opened(page: Page, site: Site, name: str, face: int) -> None:
    open_canvas(page, site, name, "label")
    shows(page, face)


def shows(page: Page, face: int, tab: str = "label") -> None:
    wait_for(lambda: page.evaluate(f"{root(tab)}?.editor.view?.face") == face)


def row_numbers(page: Page) -> list[str]:
    return page.locator(".mount-label .strip-row .number").all_text_contents()


def test_what_is_shown_counted_next_and_left_in_pure_functions(page: Page, site: Site) -> None:
    open_empty(page, site)
    result: dict[str, Any] = page.evaluate("""async () => {
      const { counts, matches, neighbor, nextUnfinished, shownFaces } = await import("./label/filters.js");
      const { faceTime, progressText, timeLeft } = await import("./shell/pace.js");
      const { describe, edits, when } = await import("./label/history.js");
      const face = (face, state, name, flagged = 0, unseen = 0, visible = 0) =>
        ({ face, state, flagged, unseen, visible, picture: { name } });
      const items = [face(1, "complete", "Maske Öl 1.png", 0, 3), face(2, "empty", "maske 2.png"),
        face(3, "predicted", "stone 1.png", 2), face(4, "skipped", "stone 2.png"), 
        face(5, "partial", "owl.png", 0, 0, 2), face(6, "predicted", "owl 2.png", 0, 0, 1)];
      const ids = (faces) => faces.map(({ face }) => face);
      const shown = (filter, query, open) => shownFaces(items, { filter, query }, open);
      const stones = shown("all", "stone", 2);
      const edit = (landmarks, source = "placed") => describe({ kind: "edit", landmarks, source }, (id) => `p${id}`);
      const at = new Date(2026, 10, 22, 14, 5).getTime() / 1000;
      const overview = (faces, complete_faces, skipped_faces, seconds_a_face) =>
        ({ progress: { faces, complete_faces, skipped_faces }, seconds_a_face });
      return {
        counts: counts(items),
        filters: ["all", "empty", "partial", "complete", "predicted", "flagged", "unseen", "skipped"].map(
          (filter) => ids(shown(filter, "", 0))),
        words: ids(shown("all", "ÖL maske", 0)),
        stones: stones.map(({ face, beside }) => [face, beside]),
        after: neighbor(stones, 2, 1)?.face, before: neighbor(stones, 2, -1),
        unfinished: [nextUnfinished(shown("all", "", 6), 6).face, nextUnfinished(shown("complete", "", 2), 2)],
        times: [4.24, 9.96, 99.4, 125].map(faceTime),
        left: [20, 720, 3540, 7800].map(timeLeft),
        texts: [[0, 0, 0, null], [150, 2, 0, null], [147, 87, 3, 11.2], [9, 9, 0, 4]].map(
          (numbers) => progressText(overview(...numbers))),
        said: [edit({ 3: 2 }), edit({ 3: 1 }), edit({ 3: 0 }), edit({ 3: null }), edit({ 1: 2, 2: 2 }, "dragged"),
          edit({ 1: 2, 2: 2, 3: 1 }, "mirrored")],
        undone: edits([{ id: 4, kind: "undo", meant: 3 }, { id: 3, kind: "edit", undone: true },
          { id: 1, kind: "create" }]),
        when: [10, 300, 7200, 86400, 3 * 86400].map((ago) => when(at - ago, at)),
      };
    }""")
    assert result["counts"] == {
        "all": 6,
        "empty": 2,
        "partial": 2,
        "complete": 1,
        "predicted": 2,
        "flagged": 1,
        "unseen": 1,
        "skipped": 1,
    }
    assert result["filters"] == [[1, 2, 3, 4, 5, 6], [2, 3], [5, 6], [1], [3, 6], [3], [1], [4]]
    assert result["words"] == [1]
    assert result["stones"] == [[2, True], [3, False], [4, False]]  # the open face stays, and says that it is beside
    assert (result["after"], result["before"]) == (3, None)
    assert result["unfinished"] == [2, None]
    assert result["times"] == ["4.2 s", "10 s", "99 s", "2 min 5 s"]
    assert result["left"] == ["less than a minute", "about 12 min", "about 59 min", "about 2 h 10 min"]
    assert result["texts"] == [
        "no pictures yet",
        "2 of 150 faces complete",
        "87 of 147 faces complete, 3 skipped, 11 s a face, about 11 min left",
        "9 of 9 faces complete, 4.0 s a face",
    ]
    assert result["said"] == [
        "placed p3",
        "placed p3 as hidden",
        "p3 absent",
        "cleared p3",
        "moved 2 landmarks",
        "mirrored 3 landmarks",
    ]
    assert [(edit["id"], (edit["undo"] or {}).get("id")) for edit in result["undone"]] == [(3, 4), (1, None)]
    assert result["when"] == ["just now", "5 min ago", "today 12:05", "yesterday 14:05", "19 Nov 2026, 14:05"]


def test_the_marks_of_all_faces_are_one_change_of_the_strip(page: Page, site: Site) -> None:
    project = site.project("petrels", pictures=5)
    opened(page, site, "petrels", project.store.faces()[0].id)
    drawn, marks = page.evaluate(f"""() => {{
      const page = {root("label")};
      const {{ picker, duplicates }} = page;
      picker.setItems(picker.items.map(({{ checks, duplicate, ...item }}) => item));
      for (const {{ face }} of picker.items) duplicates.reasons.set(face, "the same");
      const {{ strip }} = picker;
      const setItems = strip.setItems.bind(strip);
      let drawn = 0;
      strip.setItems = (items) => {{ drawn++; setItems(items); }};
      page.showMarks();
      page.showMarks();
      return [drawn, picker.items.map(({{ duplicate }}) => duplicate)];
    }}""")
    assert (drawn, marks) == (1, ["the same"] * 5)


def test_filters_search_and_numbers_never_lose_the_open_face(page: Page, site: Site) -> None:
    project = site.project("kites", pictures=5)
    faces = [face.id for face in project.store.faces()]
    project.store.edit_points(faces[1], {key: Point(x, y, 2) for key, (x, y) in enumerate(PLACES, 1)})
    project.store.predictions.add(1, {faces[3]: {1: PredictedPoint(9, 9, (1, 0, 1), 0.9, True)}})
    opened(page, site, "kites", faces[0])
    assert row_numbers(page) == ["1", "2", "3", "4", "5"]

    page.keyboard.press("o")
    expect(page.get_by_role("dialog", name="Show")).to_contain_text("Unlabeled4")  # with the pre-labeled one
    page.keyboard.press("2")
    expect(page.locator(".strip-result")).to_contain_text("4 of 5")
    assert row_numbers(page) == ["1", "3", "4", "5"]
    # Labeled, the open face is no longer unlabeled, and yet it stays until the page goes on.
    click_at(page, "label", 150, 110)
    saved(page)
    expect(page.locator(".strip-result")).to_contain_text("3 of 5")
    assert row_numbers(page) == ["1", "3", "4", "5"]
    page.keyboard.press("d")
    shows(page, faces[2])
    assert row_numbers(page) == ["3", "4", "5"]
    page.keyboard.press("d")
    shows(page, faces[3])
    page.keyboard.press("d")
    shows(page, faces[4])
    page.keyboard.press("d")
    expect(page.locator(".toast")).to_contain_text("last picture shown")
    page.keyboard.press("a")
    shows(page, faces[3])

    page.keyboard.press("j")
    page.keyboard.type("2")
    page.keyboard.press("Enter")
    shows(page, faces[1])
    assert row_numbers(page) == ["2", "3", "4", "5"]
    page.get_by_role("button", name="Show all").click()
    assert row_numbers(page) == ["1", "2", "3", "4", "5"]

    page.keyboard.press("/")
    page.keyboard.type("kites-3")
    assert row_numbers(page) == ["2", "4"]
    page.keyboard.press("Enter")
    shows(page, faces[3])
    assert row_numbers(page) == ["4"]
    page.keyboard.press("/")
    page.keyboard.press("Escape")
    page.keyboard.press("Delete")  # reaches the canvas: no letter of the search is lost
    assert page.get_by_label("Search by picture name").input_value() == "kites-3"
    page.keyboard.press("j")
    page.keyboard.type("77")
    page.keyboard.press("Enter")
    expect(page.locator(".toast.warning")).to_contain_text("faces 1 to 5")


def test_a_face_is_skipped_with_a_reason_undone_and_taken_in_again(page: Page, site: Site) -> None:
    project = site.project("divers")
    first, second, third = (face.id for face in project.store.faces())
    opened(page, site, "divers", first)
    click_at(page, "label", 150, 110)
    page.keyboard.press("s")
    expect(page.get_by_role("dialog", name="Skip this face")).to_be_visible()
    page.keyboard.press("2")
    wait_for(lambda: project.store.face(first).skip == "too blurred")
    assert sorted(project.store.points(first)[first]) == [1]
    expect(page.locator(".face-head .skip-note").first).to_have_text("Skipped: too blurred")
    expect(page.locator(".strip-row .skip-reason")).to_have_text("too blurred")
    expect(page.locator(".topbar .progress-text")).to_have_text("0 of 2 faces complete, 1 skipped")
    page.keyboard.press("Control+z")
    wait_for(lambda: project.store.face(first).skip is None)
    expect(page.locator(".face-head .skip-note")).to_have_count(0)
    page.keyboard.press("Control+y")
    wait_for(lambda: project.store.face(first).skip == "too blurred")

    page.keyboard.press("d")
    shows(page, second)
    page.keyboard.press("s")
    page.keyboard.press("d")  # not a page's key while the menu is open
    page.get_by_label("another reason").fill("<b>statue</b>")
    page.keyboard.press("Enter")
    wait_for(lambda: project.store.face(second).skip == "<b>statue</b>")
    assert page.evaluate(f"{root('label')}.editor.view.face") == second
    expect(page.locator(".face-head .skip-note bdi")).to_have_text("<b>statue</b>")
    page.keyboard.press("u")
    shows(page, third)
    page.keyboard.press("u")
    expect(page.locator(".toast")).to_contain_text("Every face is complete")
    page.keyboard.press("a")
    shows(page, second)
    page.get_by_role("button", name="Unskip").click()
    wait_for(lambda: project.store.face(second).skip is None)
    page.keyboard.press("s")
    page.keyboard.press("Escape")
    expect(page.locator(".popover")).to_have_count(0)
    assert project.store.face(second).skip is None
    assert page.evaluate(f"document.activeElement === {root('label')}.editor.canvas.element")


def test_five_points_are_undone_and_redone_after_a_reload_and_the_history_says_so(page: Page, site: Site) -> None:
    project = site.project("ibises")
    face = project.store.faces()[0].id
    opened(page, site, "ibises", face)
    for x, y in PLACES:
        click_at(page, "label", x, y)
    page.keyboard.press("h")
    page.get_by_label("Your name").fill("Ana")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    page.keyboard.press("b")
    page.keyboard.press("ArrowRight")
    wait_for(lambda: project.store.history(face)[0].source == "nudged")
    assert [action.annotator for action in project.store.history(face)] == ["Ana", None, None, None, None, None]
    edits = len(project.store.history(face)) - 1
    assert edits == 5
    before = project.store.points(face)[face]

    page.reload()
    shows(page, face)
    page.keyboard.press("h")
    rows = page.locator(".history .what")
    expect(rows).to_have_count(edits + 1)
    expect(rows.first).to_contain_text("nudged")
    expect(page.locator(".history .by").first).to_have_text("Ana · just now")
    expect(rows.last).to_have_text("picture added")
    for _ in range(edits):
        page.keyboard.press("Control+z")
    wait_for(lambda: project.store.points(face).get(face, {}) == {})
    expect(page.locator(".history s.what")).to_have_count(edits)
    expect(page.locator(".history .by").first).to_have_text("Ana · just now · undone by Ana")
    page.reload()
    shows(page, face)
    for _ in range(edits):
        page.keyboard.press("Control+y")
    wait_for(lambda: project.store.points(face).get(face, {}) == before)
    page.keyboard.press("h")
    expect(page.locator(".history s.what")).to_have_count(0)
    page.locator(".history button.entry", has_text="placed eye_right").click()
    assert page.evaluate(f"{root('label')}.editor.current") == "2"


def test_a_skipped_face_leaves_the_review(page: Page, site: Site) -> None:
    project = site.project("herons")
    first, second, _ = (face.id for face in project.store.faces())
    points = {key: PredictedPoint(x, y, (9, 0, 9), 0.6, True) for key, (x, y) in enumerate(PLACES, 1)}
    project.store.predictions.add(1, {first: points, second: points})
    open_canvas(page, site, "herons", "review")
    shows(page, first, "review")
    page.keyboard.press("s")
    page.keyboard.press("1")
    wait_for(lambda: project.store.face(first).skip == "not a face")
    expect(page.locator(".mount-review .strip-row").first).to_contain_text("skipped: not a face")
    expect(page.locator(".mount-review .face-head")).to_contain_text("1 face left to review")
    page.keyboard.press("Control+z")
    wait_for(lambda: project.store.face(first).skip is None)
    expect(page.locator(".mount-review .face-head")).to_contain_text("2 faces left to review")


def test_the_pixels_of_the_strip_go_with_its_rows_and_stay_with_a_row_that_changes(page: Page, site: Site) -> None:
    project = site.project("terns")
    for k in range(30):
        project.add_picture(write_picture(site.folder / f"tern-{k}.png", (400, 300), (k, 90, 90)))
    opened(page, site, "terns", project.store.faces()[0].id)
    drawn = ".mount-label .strip-row .thumb"
    wait_for(lambda: page.evaluate(f"document.querySelector({drawn!r}).width") == 240)
    page.evaluate(f"window.early = [...document.querySelectorAll({drawn!r})]")
    click_at(page, "label", 150, 110)
    expect(page.locator(".mount-label .strip-row").first).to_contain_text("1/4")
    assert page.evaluate(f"document.querySelector({drawn!r}) === early[0]")  # not fetched and decoded again
    page.evaluate("document.querySelector('.mount-label .strip').scrollTop = 30 * 104")
    wait_for(lambda: not page.evaluate("early.some((canvas) => canvas.isConnected)"))
    assert page.evaluate("early.map((canvas) => canvas.width)") == [0] * page.evaluate("early.length")
    wait_for(lambda: page.evaluate(f"[...document.querySelectorAll({drawn!r})].every(({{ width }}) => width === 240)"))


def test_a_placed_point_rewrites_its_own_row_of_the_landmarks_and_no_other(page: Page, site: Site) -> None:
    project = site.project("swifts")
    opened(page, site, "swifts", project.store.faces()[0].id)
    page.wait_for_load_state("networkidle")
    page.evaluate("""() => {
      window.touched = new Set();
      const rows = [...document.querySelectorAll(".mount-label .landmarks li")];
      const at = (target) => rows.findIndex((row) => row.contains(target));
      const note = (records) => records.forEach(({ target }) => touched.add(at(target)));
      const watched = { subtree: true, childList: true, characterData: true, attributes: true };
      new MutationObserver(note).observe(document.querySelector(".mount-label .landmarks"), watched);
    }""")
    click_at(page, "label", 150, 110)
    saved(page)
    assert page.evaluate("[...touched].sort()") == [0, 1]  # the one that is placed, and the one that is next


def test_the_first_visit_begins_at_the_first_face_to_go(page: Page, site: Site) -> None:
    project = site.project("wheatears")
    first, second, _ = (face.id for face in project.store.faces())
    project.store.edit_points(first, {key: Point(10.0 * key, 20.0, 2) for key in project.definition.ids})
    open_canvas(page, site, "wheatears", "label")
    shown = wait_for(lambda: page.evaluate(f"{root('label')}?.editor.view?.face"))
    assert shown == second
