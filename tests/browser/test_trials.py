"""A model is tried on pictures that are dropped, and they come in with its points as proposals."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import APIResponse, Page, Route, expect

from labeler.project.project import Project
from mdmd.data.definition import load_definition
from tests.browser.conftest import Site, intercept, root, wait_for
from tests.builders import PATIENCE_WITH_TRAINING, drawn_faces, leave_starter

pytestmark = pytest.mark.browser


def with_a_model(site: Site, name: str) -> Project:
    """A project with one picture, and a run with a real model."""
    project = site.project(name, pictures=1, definition=load_definition("300w"))
    leave_starter(project, 1)
    return project


def test_two_pictures_are_dropped_looked_at_and_added(page: Page, site: Site) -> None:
    project = with_a_model(site, "owls")
    page.goto(f"{site.url}/?project=owls#train")
    card = page.locator("#trial")
    expect(card.get_by_label("Model")).to_have_value("run 001")
    card.locator("input[type=file]").set_input_files(drawn_faces()[1:3])
    expect(card.locator(".stage")).to_contain_text("Run 001 looks at 2 pictures")
    page.reload()
    expect(card.locator(".stage")).to_contain_text("Run 001 looks at 2 pictures")
    expect(card.locator(".tried figure")).to_have_count(2, timeout=1000 * PATIENCE_WITH_TRAINING)
    expect(card.locator(".tried .found")).to_have_count(136)
    expect(card.locator(".tried ellipse")).to_have_count(136)
    flagged = card.locator(".tried .off").count()
    expect(card.locator(".note")).to_contain_text(
        re.compile(f"Run 001 found 136 points on 2 pictures and would flag {flagged} of them for review. It took")
    )
    assert len(project.store.images()) == 1, "nothing comes in by itself"

    card.get_by_role("button", name="Add 2 pictures to the project").click()
    expect(card.locator(".note")).to_contain_text("2 pictures added, with the points of run 001 as proposals.")
    expect(card.locator(".tried")).to_have_count(0)
    left = [path for path in site.workspace.root.glob(".server-*/**/*") if path.is_file()]
    given = [file.read_bytes() for file in drawn_faces()[1:3]]
    assert not any(path.read_bytes() in given for path in left), left
    new = [face.id for face in project.store.faces()[1:]]
    assert sorted(project.store.predictions.of_run(1)) == new
    assert project.store.points() == {}
    card.get_by_role("link", name="Review the new pictures").click()
    wait_for(lambda: page.evaluate(f"{root('review')}?.editor.view?.proposer?.number") == 1)
    expect(page.locator(".left.wide .strip-row")).to_have_count(2)


def test_what_cannot_be_used_is_named_and_cleared(page: Page, site: Site, tmp_path: Path) -> None:
    with_a_model(site, "kestrels")
    (tmp_path / "notes.jpg").write_text("no picture")
    page.goto(f"{site.url}/?project=kestrels#train")
    card = page.locator("#trial")
    expect(card.get_by_label("Model")).to_have_value("run 001")
    card.locator("input[type=file]").set_input_files([tmp_path / "notes.jpg"])
    expect(card.locator(".note")).to_have_text("None of the pictures can be used.")
    expect(card.locator(".refused")).to_contain_text("notes.jpg")
    files = [tmp_path / f"{k}.jpg" for k in range(21)]
    for file in files:
        file.write_bytes(drawn_faces()[0].read_bytes() + file.name.encode())
    card.locator("input[type=file]").set_input_files(files)
    expect(card.locator(".field-problem")).to_have_text("Found 21 pictures, wanted at most 20 at once: drop fewer")
    expect(card.locator(".refused")).to_contain_text("notes.jpg")
    card.get_by_role("button", name="Clear").click()
    expect(card.locator(".note, .refused")).to_have_count(0)
    expect(card.get_by_role("button", name="Clear")).to_be_hidden()


def test_an_answer_about_an_older_try_does_not_hide_a_newer_one(page: Page, site: Site, tmp_path: Path) -> None:
    with_a_model(site, "merlins")
    (tmp_path / "notes.jpg").write_text("no picture")
    page.goto(f"{site.url}/?project=merlins#train")
    card = page.locator("#trial")
    expect(card.get_by_label("Model")).to_have_value("run 001")
    held: list[tuple[Route, APIResponse]] = []

    def hold(route: Route) -> None:
        answer = route.fetch()
        told = answer.json().get("data") or []
        if not held and len(told) == 1 and str(told[0]).endswith(":running"):
            held.append((route, answer))
        else:
            route.fulfill(response=answer)

    intercept(page, "**/run/predict*", hold)
    card.locator("input[type=file]").set_input_files([drawn_faces()[1]])
    wait_for(lambda: page.evaluate("true") and held)
    card.locator("input[type=file]").set_input_files([tmp_path / "notes.jpg"])
    expect(card.locator(".refused")).to_contain_text("notes.jpg")
    route, answer = held[0]
    with page.expect_response("**/run/predict*"):
        route.fulfill(response=answer)
    page.wait_for_load_state("networkidle")
    expect(card.locator(".refused")).to_contain_text("notes.jpg")
    expect(card.get_by_role("button", name="Clear")).to_be_visible()
