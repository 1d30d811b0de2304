"""The pages and the command line count the same: labeled, complete, to go, pre-labeled, doubtful, skipped."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from labeler.cli.main import main
from labeler.project.project import Project
from labeler.server.review_actions import ReviewActions
from labeler.storage.records import Point, PredictedPoint
from tests.browser.conftest import Site, canvas, root, wait_for
from tests.builders import label_face, write_picture

pytestmark = pytest.mark.browser


def project_of_every_kind(site: Site) -> Project:
    """Nine faces: three complete, of which one unseen and one for tests; two pre-labeled, of which one partly labeled;
    one partly labeled; one with nothing but an absent landmark; one with nothing; and a skipped one."""
    project = site.project("jays", pictures=8)
    project.add_picture(write_picture(site.folder / "test.png"), split="test")
    complete, partly, skipped, predicted, both, unseen, absent, _, for_tests = (f.id for f in project.store.faces())
    for face in (complete, skipped, for_tests):
        label_face(project, face)
    label_face(project, partly, [1, 2])
    label_face(project, both, [1])
    project.store.edit_points(absent, {1: Point(None, None, 0)})
    project.store.set_skip(skipped, "not a face")

    def points(p_off: float) -> dict[int, PredictedPoint]:
        return {key: PredictedPoint(9.0 * key, 30, (1, 0, 1), p_off, p_off > 0.2) for key in (1, 2, 3, 4)}

    of_all = {complete: points(0.9), unseen: points(0.01), predicted: points(0.9), both: points(0.9)}
    project.store.predictions.add(1, of_all)
    review = ReviewActions(project)
    shown = review.preview_unseen("expected", 0.1, seed=0, sample=0)
    review.accept_unseen({one["face"]: one["revision"] for one in shown["faces"]}, shown["basis"])
    return project


def numbers(words: str) -> list[int]:
    return [int(found) for found in re.findall(r"\d+", words)]


def test_all_pages_and_the_command_line_count_the_same(
    page: Page, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    project = project_of_every_kind(site)
    told = project.progress()
    assert (told.pictures, told.faces, told.skipped_faces) == (9, 8, 1)
    assert (told.complete_faces, told.faces_to_go) == (3, 5)
    assert (told.labeled_faces, told.points, told.training_faces) == (5, 4 + 2 + 1 + 4 + 4, 4)
    assert (told.predicted_faces, told.flagged_points) == (2, 4 + 3)
    complete, labeled = "3 of 8 faces complete", "5 faces labeled, 15 points"

    main(["--projects", str(site.workspace.root), "status", "jays"])
    said = capsys.readouterr().out.splitlines()
    assert said == [
        f"{complete}, 5 to go, 1 skipped",
        labeled,
        "to review: 2 pre-labeled faces",
        "for training: 4 of 5 labeled faces",
    ]

    page.goto(f"{site.url}/?project=jays#project")
    expect(page.locator(".tiles .tile").first).to_be_visible()
    tiles = [" ".join(tile.inner_text().split()) for tile in page.locator(".tiles .tile").all()]
    assert tiles == ["9 pictures", complete, labeled, "2 faces pre-labeled", "7 doubtful points", "1 face skipped"]
    expect(page.locator(".projects").get_by_role("link", name="jays")).to_contain_text(complete)
    expect(page.locator(".topbar .progress-text")).to_have_text(f"{complete}, 1 skipped")

    page.locator("#tab-label-button").click()
    canvas(page, "label").wait_for()
    wait_for(lambda: page.evaluate(f"{root('label')}?.items.length") == 9)
    page.locator(".strip-head .filter").click()
    choices = page.get_by_role("dialog", name="Show").get_by_role("button")
    shown = {re.sub(r"^\d|\d+$", "", text.replace("\n", "")): numbers(text)[-1] for text in choices.all_inner_texts()}
    assert shown == {
        "All faces": told.faces + told.skipped_faces,
        "Unlabeled": told.faces - told.labeled_faces,
        "Partly labeled": told.labeled_faces - told.complete_faces,
        "Complete": told.complete_faces,
        "Pre-labeled": told.predicted_faces,
        "Flagged": 2,
        "Accepted unseen": 1,
        "Skipped": told.skipped_faces,
    }
    page.keyboard.press("Escape")

    page.locator("#tab-train-button").click()
    facts = page.locator(".page ul.said")
    expect(facts).to_contain_text("4 of 5 labeled faces on 4 pictures.")
    expect(facts).to_contain_text("The other labeled faces are on pictures that are kept for tests.")

    page.locator("#tab-review-button").click()
    canvas(page, "review").wait_for()
    head = page.locator(".mount-review .face-head")
    expect(head).to_contain_text("2 faces left to review")
    rows = page.locator(".mount-review .strip-row")
    expect(rows).to_have_count(told.predicted_faces)
    assert sum(doubtful(row) for row in rows.all()) == told.flagged_points

    page.locator("#tab-export-button").click()
    checks = page.locator(".page ul.checks")
    for sentence in (complete, labeled, "7 doubtful points of 2 pre-labeled faces not reviewed", "1 face skipped"):
        expect(checks).to_contain_text(sentence)
    page.get_by_role("button", name="Write the COCO file").click()
    expect(page.locator(".note.good:visible")).to_contain_text(
        f"{told.points} points of {told.labeled_faces} faces on 5 pictures written. Faces left out: 3 without labels, "
        "1 skipped."
    )


def doubtful(row: Locator) -> int:
    return numbers(row.locator(".doubt").inner_text())[0]
