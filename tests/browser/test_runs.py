"""Runs on the Train page, each a real process: stop and keep, queue, kill -9 of trainer and server, names, deleting."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from labeler.project.project import Project
from labeler.runs import start as jobs
from labeler.runs.control import active_runs, cancel_run, find_run, list_runs
from labeler.runs.run import Run
from mdmd.files import write_json
from mdmd.run_folder import STATE
from tests.browser.conftest import Site, new_context, serve, wait_for
from tests.builders import PATIENCE_WITH_TRAINING, label_face, leave_predictions, predictions_of, python_run

pytestmark = pytest.mark.browser


@pytest.fixture(autouse=True)
def nothing_goes_on(site: Site) -> Iterator[None]:
    """No run outlives its test, whatever became of that."""
    yield
    for name, run in active_runs(site.workspace.root):
        cancel_run(site.workspace.open(name), run.id, patience=20)


def labeled(site: Site, name: str) -> Project:
    project = site.project(name, pictures=8)
    for face in project.store.faces()[:6]:
        label_face(project, face.id)
    return project


def train(project: Project) -> Run:
    """A real training of a tiny model that has steps for hours and keeps its state every half second."""
    return jobs.start_training(project, source=None, preset="tiny", weights=Path("none"), steps=100_000, save_every=0.5)


def trainer(run: Run) -> int | None:
    """The process that a run's supervisor has started."""
    supervisor = json.loads((run.folder / "run.json").read_text())["pid"]
    try:
        children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
    except OSError:
        return None
    return int(children[0]) if children else None


def heading(page: Page, run: Run, state: str, *, seconds: float = PATIENCE_WITH_TRAINING) -> None:
    expect(page.get_by_role("heading", name=f"Training {run.id} {state}")).to_be_visible(timeout=1000 * seconds)


@pytest.mark.slow
def test_stop_and_keep_leaves_a_measured_model_and_pre_labels(page: Page, site: Site) -> None:
    project = labeled(site, "finches")
    labels = project.store.points()
    run = train(project)
    page.goto(f"{site.url}/?project=finches#train")
    heading(page, run, "running")
    stop = page.get_by_role("button", name="Stop and keep")
    expect(stop).to_be_visible(timeout=1000 * PATIENCE_WITH_TRAINING)
    page.reload()
    stop.click()
    heading(page, run, "stopped", seconds=PATIENCE_WITH_TRAINING)
    expect(page.locator(".run .note").filter(has_text="Stopped early at step")).to_contain_text(
        "of 100,000. The model is kept"
    )
    expect(page.locator(".run .note").first).to_contain_text(
        "held-out face, which it has not learned from, the points are off by"
    )
    expect(page.get_by_role("link", name="Go on labeling")).to_be_visible()  # one held-out face judges nothing
    expect(stop).to_be_hidden()
    done = find_run(project, run.id)
    assert done.stopped is not None
    assert done.stopped is not None
    assert 0 < done.stopped.step < done.stopped.of == 100_000
    assert sorted(project.store.predictions.current()) == [7, 8]
    assert project.store.points() == labels


@pytest.mark.slow
def test_a_killed_trainer_is_told_and_resumed_from_the_page(page: Page, site: Site) -> None:
    project = labeled(site, "larks")
    labels = project.store.points()
    run = train(project)
    wait_for(lambda: (run.folder / STATE).exists(), seconds=PATIENCE_WITH_TRAINING)
    page.goto(f"{site.url}/?project=larks#train")
    heading(page, run, "running")
    os.kill(wait_for(lambda: trainer(run)), signal.SIGKILL)
    heading(page, run, "failed")
    expect(page.locator(".run .note").first).to_contain_text("process was killed (signal 9)")
    before = find_run(project, run.id).step
    assert before is not None
    page.get_by_role("button", name="Resume", exact=True).click()
    heading(page, run, "running")
    went_on = wait_for(
        lambda: (found := find_run(project, run.id)).step != before and found.step and found,
        seconds=PATIENCE_WITH_TRAINING,
    )
    log = [json.loads(line) for line in (run.folder / "log.jsonl").read_text().splitlines()]
    # Once, and not at the beginning; on a slow machine only its first step may have been kept.
    assert [event["step"] >= 1 for event in log if event["event"] == "resume"] == [True]
    assert went_on.state == "running"
    page.get_by_role("button", name="Cancel the run").click()
    heading(page, run, "cancelled")
    assert project.store.points() == labels


#: A training in the middle of learning, which ends as `mdmd` does when it is asked to stop.
LEARNS_UNTIL_STOPPED = """
event = {"event": "step", "stage": "adapt", "step": 8, "steps": 90, "loss": 1.0, "time": 1.0}
(run / "log.jsonl").write_text(json.dumps(event) + "\\n")
while not (run / "stop").exists(): time.sleep(0.02)
(run / "metrics.json").write_text(json.dumps({"nme": 8.0, "n": 3, "stopped": {"step": 8, "of": 90}}))
"""


@pytest.mark.slow
def test_a_killed_server_changes_nothing_for_a_training(chromium: Browser, tmp_path: Path) -> None:
    with serve(tmp_path) as (site, server):
        project = labeled(site, "owls")
        other = labeled(site, "terns")
        labels = project.store.points()
        context = new_context(chromium, site)
        page = context.new_page()
        page.goto(f"{site.url}/?project=owls#train")
        run, waiting = python_run(project, LEARNS_UNTIL_STOPPED), python_run(other, "")
        page.reload()
        expect(page.get_by_role("button", name="Stop and keep")).to_be_visible()
        server.kill()
        server.wait(20)
    with serve(tmp_path) as (site, _):
        site.sign_in(context)
        page.goto(f"{site.url}/?project=owls#train")
        heading(page, run, "running")
        assert find_run(other, waiting.id).state == "waiting"
        page.get_by_role("button", name="Stop and keep").click()
        heading(page, run, "stopped")
        wait_for(lambda: find_run(other, waiting.id).state == "done")
        page.goto(f"{site.url}/?project=terns#train")
        heading(page, waiting, "done")
        assert site.workspace.open("owls").store.points() == labels
    context.close()


def test_a_run_in_the_queue_is_seen_begins_and_is_cancelled(page: Page, site: Site) -> None:
    project, other = labeled(site, "robins"), labeled(site, "wrens")
    python_run(project, "while not (run / 'go').exists(): time.sleep(0.02)")
    page.goto(f"{site.url}/?project=wrens#train")
    train_button = page.get_by_role("button", name="Train on my 6 pictures, after run 001 of robins")
    expect(train_button).to_be_enabled()
    python_run(other, "time.sleep(60)")
    page.reload()
    heading(page, find_run(other, "001"), "waiting")
    expect(page.locator(".run .facts")).to_contain_text("6 pictures that were labeled when it was started")
    expect(page.get_by_role("button", name="Train on my 6 pictures", exact=True)).to_be_disabled()
    (project.runs / "001" / "go").touch()
    heading(page, find_run(other, "001"), "running")
    python_run(other, "")
    page.reload()
    page.get_by_role("button", name="Cancel the waiting run").click()
    expect(page.locator("table.runs .state")).to_have_text("cancelled")
    heading(page, find_run(other, "001"), "running")
    page.get_by_role("button", name="Cancel the run").click()
    expect(page.locator(".run h2")).to_contain_text("cancelled")
    assert [run.state for run in list_runs(other)] == ["cancelled", "cancelled"]


def test_a_source_that_is_being_learned_is_not_stopped_and_that_is_said(page: Page, site: Site) -> None:
    project = labeled(site, "swifts")
    python_run(
        project,
        """
event = {"event": "step", "stage": "base", "step": 3, "steps": 90, "loss": 1.0, "time": 1.0}
(run / "log.jsonl").write_text(json.dumps(event) + "\\n")
time.sleep(60)
""",
    )
    page.goto(f"{site.url}/?project=swifts#train")
    expect(page.locator(".run")).to_contain_text("There is no model of your landmarks yet")
    expect(page.get_by_role("button", name="Cancel the run")).to_be_visible()
    expect(page.get_by_role("button", name="Stop and keep")).to_be_hidden()
    page.get_by_role("button", name="Cancel the run").click()
    expect(page.locator(".run h2")).to_contain_text("cancelled")
    expect(page.get_by_role("button", name="Resume", exact=True)).to_be_visible()


def test_name_log_and_delete_a_run(page: Page, site: Site) -> None:
    project = labeled(site, "geese")
    labels = project.store.points()
    folder = leave_predictions(project, 1, predictions_of(project, [7, 8]))
    (folder / "model.safetensors").write_bytes(bytes(2_000_000))
    (folder / "output.txt").write_text("<b>epoch</b> ${document.title='hacked'}\n")
    page.goto(f"{site.url}/?project=geese#train")
    page.get_by_role("button", name="Log, name, resume or delete a run").click()
    expect(page.locator("pre.log")).to_have_text("<b>epoch</b> ${document.title='hacked'}")
    name = "<img src=x onerror=document.title='hacked'>{{1+1}}"
    page.get_by_label("Title").fill(name)
    page.get_by_role("button", name="Rename").click()
    expect(page.locator(".run h2")).to_contain_text(name)
    page.reload()
    expect(page.locator(".run h2")).to_contain_text(name)
    assert page.title() != "hacked"
    page.get_by_role("button", name="Log, name, resume or delete a run").click()
    page.get_by_role("button", name="Delete this run").click()
    asked = page.locator(".cautions").filter(has_text="frees")
    expect(asked).to_contain_text("This frees 2.0 MB. Labels are not changed.")
    expect(asked).to_contain_text("Its predictions of 2 faces are kept for review.")
    page.get_by_role("button", name="Keep it").click()
    expect(asked).to_be_hidden()
    assert folder.exists()
    page.get_by_role("button", name="Delete this run").click()
    page.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_role("heading", name="No run yet")).to_be_visible()
    assert not folder.exists()
    assert sorted(project.store.predictions.current()) == [7, 8]
    assert project.store.points() == labels


def test_the_command_that_uses_a_model_is_copied_by_key(page: Page, site: Site) -> None:
    project = site.project("grebes", pictures=2)
    folder = leave_predictions(project, 1, predictions_of(project, [1]))
    write_json(folder / "metrics.json", {"nme": 5.0, "n": 2})
    (folder / "model.safetensors").touch()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{site.url}/?project=grebes#export")
    use = page.locator(".model-use:visible")
    expect(use.get_by_role("heading", name="Use the model of run 001")).to_be_visible()
    use.get_by_role("button", name="Copy").press("Enter")
    expect(use.get_by_role("status")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == use.locator("pre").first.inner_text()
    assert str(folder) in copied
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('not allowed')); }")
    use.get_by_role("button", name="Copy").press("Enter")
    expect(use.get_by_role("status")).to_have_text("Selected: press Ctrl+C")
    assert page.evaluate("getSelection().toString()") == copied
