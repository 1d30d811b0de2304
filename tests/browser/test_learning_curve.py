"""The learning curve from the page: real trainings of a tiny model, until the report shows them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from labeler.runs import start as jobs
from labeler.runs.control import find_run
from tests.browser.conftest import Site, wait_for
from tests.builders import PATIENCE_WITH_TRAINING, label_face, write_picture

pytestmark = pytest.mark.browser


@pytest.mark.slow
def test_the_button_measures_the_curve_that_the_report_shows(page: Page, site: Site) -> None:
    project = site.project("siskins", pictures=1)
    project.add_pictures([write_picture(site.folder / "more" / f"{k}.png", color=(9 * k, 90, 140)) for k in range(15)])
    for face in project.store.faces()[1:]:
        label_face(project, face.id)
    run = jobs.start_training(project, source=None, preset="tiny", weights=Path("none"), steps=4, prelabel=False)
    wait_for(lambda: not find_run(project, run.id).active, seconds=PATIENCE_WITH_TRAINING)
    page.goto(f"{site.url}/?project=siskins#train")
    page.get_by_role("button", name="Log, name, resume or delete a run").click()
    expect(page.get_by_text("What would more labels buy?")).to_be_visible()
    page.get_by_role("button", name=re.compile(r"Measure the learning curve, about \d+ minutes?")).click()
    heading = page.locator(".run h2")
    expect(heading).to_have_text(
        re.compile("Learning curve 002 of training 001 (running|done)"), timeout=1000 * PATIENCE_WITH_TRAINING
    )
    page.reload()
    expect(heading).to_have_text("Learning curve 002 of training 001 done", timeout=1000 * PATIENCE_WITH_TRAINING)
    expect(page.locator(".run .note").first).to_have_text("Measured: the report of training 001 shows the curve.")
    expect(page.locator("table.runs")).to_contain_text("001")
    with page.expect_popup() as opened:
        page.get_by_role("link", name="Open the report").click()
    report = opened.value
    expect(report.get_by_role("heading", name="Learning curve")).to_be_visible()
    section = report.locator("section", has=report.get_by_role("heading", name="Learning curve"))
    expect(section.locator("tbody .number")).to_have_text(["4", "7", "10", "13"])
    expect(section.locator(".lead")).to_contain_text("25 more training faces")
    report.close()
    curve = find_run(project, "002")
    assert (curve.state, curve.measured) == ("done", 3)
    assert list(curve.folder.rglob("*.safetensors")) == []
