"""The review page: points by doubt, a view that goes along, minutes that reach so far, faces accepted unseen."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page

from labeler.store import PredictedPoint
from tests.browser.conftest import Site, canvas, drag, open_tab, root, wait_for

pytestmark = pytest.mark.browser

REVIEW = root("review")
EDITOR = f"{REVIEW}.editor"
#: Two eyes close together, the nose below, the chin far off.
PLACES = {1: (190.0, 100.0), 2: (205.0, 102.0), 3: (200.0, 160.0), 4: (200.0, 250.0)}


def predicted(doubts: dict[int, float], *, sigma: float = 2.0) -> dict[int, PredictedPoint]:
    """Every landmark at its place, wrong with probability `doubts` (or 1 %), flagged above 20 %."""
    return {
        key: PredictedPoint(x, y, (sigma**2, 0.0, sigma**2), doubts.get(key, 0.01), doubts.get(key, 0.01) > 0.2)
        for key, (x, y) in PLACES.items()
    }


def opened(page: Page, site: Site, name: str, *faces: dict[int, PredictedPoint]) -> Any:
    """A project whose first pictures have these predictions, on the review page."""
    project = site.project(name, pictures=max(len(faces), 3))
    project.store.add_predictions(1, dict(zip((face.id for face in project.store.faces()), faces, strict=False)))
    open_tab(page, site, name, "review")
    wait_for(lambda: page.evaluate(f"{REVIEW}?.editor.view?.face"))
    return project


def current(page: Page) -> Any:
    return page.evaluate(f"{EDITOR}.current")


def view(page: Page) -> list[float]:
    """The scale of the view and the image point in its middle."""
    return page.evaluate(
        f"(({{ viewport: v }}) => [v.scale, ...v.toImage(v.width / 2, v.height / 2)])({EDITOR}.canvas)"
    )


def test_the_points_of_a_face_come_by_their_doubt(page: Page, site: Site) -> None:
    opened(page, site, "gulls", predicted({1: 0.3, 2: 0.9, 4: 0.5}))
    assert current(page) == "2"
    seen = []
    for key in "nnnb":
        page.keyboard.press(key)
        seen.append(current(page))
    assert seen == ["4", "1", "2", "1"]
    page.keyboard.press("n")
    for left in ("4", "1"):
        page.keyboard.press("a")
        assert current(page) == left
    drag(page, "review", PLACES[1], (186, 104))
    assert current(page) is None
    page.keyboard.press("n")  # the certain ones too, for who asks
    assert current(page) == "3"
    page.keyboard.press("a")
    assert page.evaluate(f"Object.values({EDITOR}.view.points).map(({{ source }}) => source)") == [
        "corrected",
        "accepted",
        "accepted",
        "accepted",
    ]


def test_the_view_goes_to_doubt_and_rests_where_it_can_be_seen(page: Page, site: Site) -> None:
    opened(page, site, "terns", predicted({1: 0.9, 2: 0.8, 4: 0.7}))
    near = view(page)
    assert near[1:] == pytest.approx(PLACES[1], abs=0.01)
    face = page.evaluate(f"{EDITOR}.canvas.viewport.height") / near[0]
    assert face == pytest.approx(0.4 * 150, abs=0.1)  # of the height of 150 pixels from eye to chin
    page.keyboard.press("n")
    assert (current(page), view(page)) == ("2", near)
    page.keyboard.press("n")
    scale, x, y = view(page)
    assert (scale, x) == (near[0], 200)
    assert y == pytest.approx(250, abs=0.01)
    for _ in range(3):
        page.keyboard.press("a")
    assert current(page) is None
    assert view(page)[0] < 0.5 * scale  # the whole face, for what is left


def test_a_wide_ellipse_is_seen_whole_and_a_drag_of_the_view_is_kept(page: Page, site: Site) -> None:
    opened(page, site, "skuas", predicted({3: 0.9, 4: 0.8}, sigma=20.0))
    scale, _, y = view(page)
    high = page.evaluate(f"{EDITOR}.canvas.viewport.height")
    assert high / scale > 2 * 2.246 * 20
    assert y == pytest.approx(160, abs=1)
    page.keyboard.press("Shift+Z")
    page.keyboard.press("Control+ArrowDown")
    kept = view(page)
    page.keyboard.press("n")
    assert (current(page), view(page)) == ("4", kept)
    page.reload()
    wait_for(lambda: page.evaluate(f"{REVIEW}?.editor.view?.face"))
    assert page.evaluate(f"{EDITOR}.sight.follow") is False
    page.keyboard.press("Shift+Z")
    assert page.evaluate(f"{EDITOR}.sight.follow") is True


def test_the_view_moves_there_visibly(page: Page, site: Site) -> None:
    page.emulate_media(reduced_motion="no-preference")
    opened(page, site, "noddies", predicted({1: 0.9, 4: 0.8}))
    glide = f"{EDITOR}.canvas.glide"
    wait_for(lambda: not page.evaluate(f"{glide}.moving"))
    page.evaluate(
        f"(window.seen = [], {EDITOR}.canvas.addEventListener('view', () => seen.push({EDITOR}.canvas.viewport.y)))"
    )
    page.keyboard.press("n")
    wait_for(lambda: not page.evaluate(f"{glide}.moving"))
    seen = page.evaluate("seen")
    assert len(seen) > 2
    assert seen == sorted(seen, reverse=True)
    page.keyboard.press("b")
    page.keyboard.press("+")  # whoever takes the view has it
    assert page.evaluate(f"{glide}.moving") is False
    canvas(page, "review").wait_for()
