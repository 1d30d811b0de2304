"""From the first labeled face on, by keyboard: points are proposed, the tool learns, and a crash loses nothing."""

from __future__ import annotations

import contextlib
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Complaints, canvas, root, saved, serve, wait_for
from tests.builders import PATIENCE_WITH_TRAINING, write_pareidolias

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PICTURES = 16
NAMES = ("eye_left", "eye_right", "nose_tip")


def learners(server: int) -> list[psutil.Process]:
    """The processes of the server that learn."""
    found = []
    for child in psutil.Process(server).children():
        with contextlib.suppress(psutil.Error):
            found += [child] if "adapt" in child.cmdline() else []
    return found


def test_create_define_correct_and_learn_by_keyboard(
    page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, complaints: Complaints
) -> None:
    monkeypatch.delenv("LABELER_BACKGROUND")
    pictures = write_pareidolias(tmp_path / "cups", PICTURES).parent / "images"
    line = page.get_by_role("switch")
    with serve(tmp_path) as (first, server):
        first.sign_in(page.context)
        page.goto(first.url)
        page.get_by_label("Name").first.focus()
        page.keyboard.type("cups")
        page.get_by_label("or a folder on this machine").last.focus()
        page.keyboard.type(str(pictures))
        page.keyboard.press("Tab")
        page.get_by_role("radio", name="Only the pictures").press(" ")
        page.get_by_role("button", name="Create project").focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**/?project=cups*")
        stage = canvas(page, "schema")
        stage.wait_for()
        wait_for(lambda: page.evaluate(f"{root('schema')}?.canvas.scene.image !== null"))
        stage.focus()
        for key, steps in (("Left", 4), ("Right", 8), ("Left", 4)):
            for _ in range(steps):
                page.keyboard.press(f"Shift+Arrow{key}")
            page.keyboard.press("Enter")
        for row, name in enumerate(NAMES):
            page.locator(".table-rows li").nth(row).get_by_label("Name").focus()
            page.keyboard.press("Control+a")
            page.keyboard.type(name)
            page.keyboard.press("Enter")
            wait_for(lambda row=row: page.evaluate(f"{root('schema')}.draft.landmarks[{row}].name") == NAMES[row])
        stage.focus()
        page.keyboard.press("Control+s")
        expect(page.locator(".save-state")).to_have_text("Saved, version 1")
        page.locator("#tab-label-button").focus()
        page.keyboard.press("Enter")
        expect(page.locator(".topbar .progress-text")).to_contain_text(f"1 of {PICTURES} faces complete")
        project = first.workspace.open("cups")
        faces = [face.id for face in project.store.faces()]

        canvas(page, "label").focus()
        page.keyboard.press("PageDown")
        for face in faces[1:11]:
            wait_for(
                lambda face=face: (
                    page.evaluate(
                        f"(({{ view }}) => view?.face === {face} && Object.keys(view.predictions).length)"
                        f"({root('label')}.editor)"
                    )
                    == len(NAMES)
                )
            )
            page.keyboard.press("n")
            page.keyboard.press("Shift+ArrowRight")
            page.keyboard.press("Enter")
            page.keyboard.press("Shift+A")
            saved(page)
            wait_for(lambda face=face: len(project.store.points(face).get(face, {})) == len(NAMES))
        expect(line).to_contain_text("learning from", timeout=1000 * PATIENCE_WITH_TRAINING)
        labels = project.store.points()
        assert {point.source for point in labels[faces[1]].values()} == {"corrected", "accepted"}
        server.kill()
        server.wait(20)
    port = int(first.url.rsplit(":", 1)[1])
    complaints.clear()
    with serve(tmp_path, port=port) as (second, server):
        second.sign_in(page.context)
        assert second.workspace.open("cups").store.points() == labels
        page.reload()
        [learner] = wait_for(lambda: learners(server.pid), seconds=PATIENCE_WITH_TRAINING)
        learner.kill()
        wait_for(lambda: learners(server.pid) not in ([], [learner]), seconds=PATIENCE_WITH_TRAINING)
        expect(line).to_contain_text("learned from", timeout=1000 * PATIENCE_WITH_TRAINING)
        assert second.workspace.open("cups").store.points() == labels
        line.focus()
        page.keyboard.press("Enter")
        expect(line).to_have_text("not learning")
        page.goto("about:blank")
    complaints.clear()
