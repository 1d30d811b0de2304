"""Training from the page: real processes of a tiny model, their progress, a reload, a cancel."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import APIResponse, Locator, Page, Route, expect

from labeler.runs import start as jobs
from labeler.runs.control import list_runs
from mdmd.data.coco import read_coco
from mdmd.evaluation.predictions import read_predicted
from tests.browser.conftest import Complaints, Site, canvas, intercept, open_tab, root, wait_for
from tests.builders import PATIENCE_WITH_TRAINING, label_face, write_pareidolias

pytestmark = pytest.mark.browser


def predicts_a_folder(shown: Locator, folder: Path) -> None:
    """The command on the page finds the face in each picture of the folder "pictures", as the page says."""
    command = shown.locator("pre").first.inner_text()
    assert shown.get_by_role("button", name="Copy").first.get_attribute("data-copy") == command
    assert shown.locator("code").first.inner_text() in command
    pictures = [sample.path for sample in read_coco(write_pareidolias(folder / "made", 2)).samples]
    (folder / "pictures").mkdir()
    for path in pictures:
        path.rename(folder / "pictures" / path.name)
    done = subprocess.run(shlex.split(command), cwd=folder, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    found = read_predicted(folder / "predictions.json")
    assert found.points.shape == (2, 4, 2)
    assert not np.array_equal(found.boxes, [[0, 0, 320, 320]] * 2), "faces are found, not whole pictures"


def test_train_watch_review_and_cancel_another(page: Page, site: Site, tmp_path: Path) -> None:
    project = site.project("finches", pictures=8)
    for face in project.store.faces()[:6]:
        label_face(project, face.id)
    first = jobs.start_training(project, source=None, preset="tiny", weights=Path("none"), steps=12)
    page.goto(f"{site.url}/?project=finches#train")
    expect(page.get_by_role("heading", name=f"Training {first.id} running")).to_be_visible()
    expect(page.get_by_role("button", name="Train on my 6 pictures, after run 001")).to_be_enabled()
    expect(page.locator(".facts")).to_contain_text(re.compile(r"step \d+ of 12"), timeout=1000 * PATIENCE_WITH_TRAINING)
    expect(page.get_by_role("heading", name=f"Training {first.id} done")).to_be_visible(
        timeout=1000 * PATIENCE_WITH_TRAINING
    )
    expect(page.locator(".chart")).to_have_count(3)
    expect(page.locator(".run .note").first).to_contain_text(
        re.compile(r"On 1 held-out face, which it has not learned from, the points are off by")
    )

    # One face that it has not learned from judges nothing, so the training proposes points only if a person says so.
    verdict = page.locator(".run .note").filter(has_text="Not in charge")
    expect(verdict).to_contain_text("only 1 labeled face is new to it, too few to judge it on. Label about 20 more.")
    expect(page.locator("a.button", has_text="Go on labeling")).to_be_visible()
    page.get_by_role("button", name="Log, name, resume or delete a run").click()
    page.get_by_role("button", name="Put run 001 in charge").click()
    expect(
        page.locator(".run .note").filter(has_text="In charge: faces without labels show its points.")
    ).to_be_visible()
    expect(page.get_by_role("button", name="Put points carried over from labeled faces in charge")).to_be_visible()
    predicts_a_folder(page.locator(".run .model-use"), tmp_path)
    page.locator("a.button", has_text="Review").click()
    wait_for(lambda: page.evaluate(f"{root('review')}?.editor.view?.proposer?.number") == int(first.id))
    expect(page.locator(".left.wide .strip-row")).to_have_count(2)

    page.locator("#tab-train-button").click()
    page.get_by_role("button", name="Advanced").click()
    for label, option in (("Preset", "tiny"), ("Learn together with", "nothing, my pictures alone")):
        page.get_by_label(label).click()
        page.get_by_role("option", name=option).click()
    page.get_by_label("Weights").fill("none")
    page.get_by_label("quick, 5 min").check()
    expect(page.get_by_text("Takes about 5 minutes.")).to_be_visible()
    page.get_by_label("Minutes", exact=True).fill("")
    expect(page.get_by_text("a number from 1 to 1,440 is wanted, found nothing")).to_be_visible()
    expect(page.get_by_role("button", name="Train on my 6 pictures")).to_be_disabled()
    page.get_by_label("Minutes", exact=True).fill("3")
    page.keyboard.press("Tab")
    expect(page.get_by_text("Takes about 3 minutes.")).to_be_visible()
    expect(page.get_by_label("quick, 5 min")).not_to_be_checked()
    train = page.get_by_role("button", name="Train on my 6 pictures")
    expect(train).to_be_enabled()
    train.click()
    expect(page.get_by_role("heading", name="Training 002 running")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Training 002 running")).to_be_visible()
    expect(page.get_by_label("Learn together with")).to_have_value("nothing, my pictures alone")
    expect(page.get_by_text("Takes about 3 minutes.")).to_be_visible()
    page.get_by_role("button", name="Advanced").click()
    expect(page.get_by_label("Preset")).to_have_value("tiny")
    expect(page.get_by_label("Weights")).to_have_value("none")
    page.get_by_role("button", name="Cancel the run").click()
    expect(page.get_by_role("heading", name="Training 002 cancelled")).to_be_visible()
    expect(page.get_by_role("button", name="Train on my 6 pictures")).to_be_enabled()
    assert [run.state for run in list_runs(project)] == ["cancelled", "done"]


def test_too_few_labels_are_refused_before_the_button(page: Page, site: Site) -> None:
    project = site.project("robins", pictures=2)
    label_face(project, project.store.faces()[0].id)
    page.goto(f"{site.url}/?project=robins#train")
    expect(page.get_by_text("Training needs at least 3 labeled faces")).to_be_visible()
    expect(page.get_by_role("button", name="Train on my 1 picture")).to_be_disabled()


def test_pages_without_a_project_say_what_to_do(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/#label")
    expect(page.get_by_role("heading", name="No project is open")).to_be_visible()
    page.get_by_role("button", name="Choose a project").click()
    expect(page.get_by_role("heading", name="New project")).to_be_visible()


def test_a_project_that_is_not_there(page: Page, site: Site, complaints: Complaints) -> None:
    page.goto(f"{site.url}/?project=dodos#label")
    label = page.locator(".canvas-root[data-page=label]")
    expect(label.locator(".empty-state")).to_contain_text("there is no project named 'dodos'")
    page.get_by_role("button", name="Choose a project").click()
    expect(page.get_by_role("heading", name="New project")).to_be_visible()
    complaints.expect("status of 404")


def test_the_next_step_is_one_click_away(page: Page, site: Site) -> None:
    site.project("kites")
    page.goto(f"{site.url}/?project=kites#project")
    page.get_by_role("link", name="Go to Label").click()
    expect(page.locator(".workbench .hint").filter(has_text="Click eye_left")).to_be_visible()


def test_refused_pictures_are_listed_with_reasons(page: Page, site: Site) -> None:
    folder = site.pictures("pipits", 2)
    (folder / "notes.jpg").write_text("not a picture")
    page.goto(site.url)
    page.get_by_label("Name").first.fill("pipits")
    page.get_by_label("or a folder on this machine").last.fill(str(folder))
    page.get_by_role("button", name="Create project").click()
    expect(page.locator(".refused li")).to_contain_text("notes.jpg")
    page.get_by_role("link", name="Open pipits").click()
    page.wait_for_url("**/?project=pipits*")
    assert len(site.workspace.open("pipits").store.images()) == 2
    page.goto(site.url)
    page.get_by_label("Name").first.fill("a/b")
    page.get_by_role("button", name="Create project").click()
    expect(page.get_by_text("letters, digits, spaces, - and _ only")).to_be_visible()
    expect(page.locator("[data-testid=status-tracker] .error")).to_be_hidden()
    assert "a" not in site.workspace.names()


def test_the_button_is_in_sight_in_a_low_window(page: Page, site: Site) -> None:
    project = site.project("dippers", pictures=8)
    page.set_viewport_size({"width": 1024, "height": 500})
    page.goto(f"{site.url}/?project=dippers#train")
    button = page.get_by_role("button", name="Train on my")
    expect(button).to_be_disabled()
    expect(button).not_to_be_in_viewport()
    for face in project.store.faces()[:6]:
        label_face(project, face.id)
    page.reload()
    expect(button).to_be_enabled()
    expect(button).to_be_in_viewport(ratio=1)
    page.get_by_label(re.compile("quick")).check()
    expect(button).to_be_in_viewport(ratio=1)
    hidden = """(button) => {
      const { left, top, width, height } = button.getBoundingClientRect();
      const shares = [0.05, 0.25, 0.5, 0.75, 0.95];
      const spots = shares.flatMap((x) => shares.map((y) => [left + x * width, top + y * height]));
      return spots.filter(([x, y]) => !button.contains(document.elementFromPoint(x, y)));
    }"""
    for height in range(480, 720, 20):
        page.set_viewport_size({"width": 1024, "height": height})
        page.evaluate("window.scrollTo(0, 0)")
        assert button.evaluate(hidden) == [], f"something stands over the button in a window {height} high"


def test_a_choice_of_time_stays_as_it_was_clicked_while_an_older_answer_comes(page: Page, site: Site) -> None:
    site.project("dunlins", pictures=8)
    held: list[tuple[Route, APIResponse]] = []

    def hold(route: Route) -> None:
        data = route.request.post_data_json["data"]
        if "test_vit" in data and 10 in data:  # the plan with the encoder, before the click
            held.append((route, route.fetch()))
        else:
            route.continue_()

    intercept(page, "**/run/predict*", hold)
    page.goto(f"{site.url}/?project=dunlins#train")
    page.get_by_role("button", name="Advanced").click()
    plan = page.locator("ul.said").filter(has_text="labeled faces on")
    page.get_by_label("Encoder").first.fill("test_vit")
    wait_for(lambda: page.evaluate("true") and held)
    quick = page.get_by_role("radio", name=re.compile("quick"))
    quick.check()
    expect(page.get_by_label("Minutes", exact=True)).to_have_value("5")
    quick.evaluate("""(radio) => {
      window.moves = 0;
      const look = () => ((window.moves += !radio.checked), requestAnimationFrame(look));
      look();
    }""")
    for route, answer in held:
        route.fulfill(response=answer)
    expect(plan).to_contain_text("then 5 minutes")
    expect(quick).to_be_checked()
    assert page.evaluate("window.moves") == 0


def test_the_button_covers_no_choice_in_a_low_window(page: Page, site: Site) -> None:
    project = site.project("plovers", pictures=8)
    for face in project.store.faces()[:6]:
        label_face(project, face.id)
    page.set_viewport_size({"width": 1024, "height": 700})
    page.goto(f"{site.url}/?project=plovers#train")
    expect(page.get_by_role("button", name="Train on my")).to_be_enabled()
    expect(page.get_by_text("Takes about 10 minutes.")).to_be_attached()
    choices = [page.get_by_label("Learn together with"), *page.get_by_role("radio", name=re.compile(" min")).all()]
    assert len(choices) == 4
    for choice in choices:
        expect(choice).to_be_in_viewport(ratio=1)
        covered = "(one) => { const { x, y, width, height } = one.getBoundingClientRect();"
        covered += " return Boolean(document.elementFromPoint(x + width / 2, y + height / 2)?.closest('.in-sight')); }"
        assert not choice.evaluate(covered)


def test_canvas_pages_never_scroll(page: Page, site: Site) -> None:
    site.project("swifts", pictures=30)
    for width, height in ((1024, 700), (2560, 1440)):
        page.set_viewport_size({"width": width, "height": height})
        open_tab(page, site, "swifts", "label")
        for tab in ("label", "schema"):
            page.locator(f"#tab-{tab}-button").click()
            canvas(page, tab).wait_for()
            wait_for(lambda: page.evaluate("document.documentElement.scrollHeight <= innerHeight"))
            bottom = page.evaluate(f"{root(tab)}.root.getBoundingClientRect().bottom")
            assert bottom == pytest.approx(height, abs=1)
