"""The two pictures of README: `python benchmarks/readme_pictures.py docs` writes docs/label.png and docs/review.png.

They show the demo, whose labels are the points that its images were drawn with. On the label page, half of a face is
labeled, and the tool proposes the other half, carried over from the labeled faces. The review page shows the
predictions that ship with the demo.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from label_page import PAGE, Site, on_screen, serve
from PIL import Image
from playwright.sync_api import Page

from labeler.runs.demo import open_demo, prepare_demo
from labeler.storage.records import Point
from mdmd.data.coco import read_coco
from mdmd.synthetic.datasets import PAREIDOLIAS

SHOWN = "00049-breakfast.jpg"
PLACED = 5
SIZE = {"width": 1280, "height": 800}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="the folder for label.png and review.png")
    out = parser.parse_args().out
    with tempfile.TemporaryDirectory() as folder, serve(Path(folder)) as site:
        label_page(site, out / "label.png")
        review_page(site, out / "review.png")


def label_page(site: Site, out: Path) -> None:
    project = prepare_demo(site.workspace, "pareidolias", labeled=40, unlabeled=20)
    truth = {s.file_name: s.annotation for s in read_coco(PAREIDOLIAS).samples}
    images = {image.id: image.name for image in project.store.images()}
    faces = {images[face.image_id]: face.id for face in project.store.faces()}
    definition, annotation = project.definition, truth[SHOWN]
    assert definition is not None
    assert annotation is not None
    places = dict(zip(definition.ids, annotation.points.tolist(), strict=True))
    for key in definition.ids[:PLACED]:
        project.store.edit_points(faces[SHOWN], {key: Point(*places[key], 2)})
    with site.page(project) as page:
        page.set_viewport_size(SIZE)
        learning(page)
        while page.evaluate(f"{PAGE}.session.face({faces[SHOWN]})")["proposer"] is None:
            page.wait_for_timeout(500)
        page.evaluate(f"{PAGE}.openFace({PAGE}.items.find(({{face}}) => face === {faces[SHOWN]}))")
        page.wait_for_function(f"{PAGE}.editor.view?.face === {faces[SHOWN]}")
        page.keyboard.press("l")
        doubtful = page.evaluate(f"{PAGE}.editor.current")
        page.mouse.move(*on_screen(page, *places[int(doubtful)]))
        shoot(page, out)


def review_page(site: Site, out: Path) -> None:
    with site.page(open_demo(site.workspace)) as page:
        page.set_viewport_size(SIZE)
        page.get_by_role("tab", name="Review").click()
        page.wait_for_function("document.querySelector('.canvas-root[data-page=review]')?.page?.editor?.current")
        learning(page)
        page.keyboard.press("Shift+F")  # show the whole face, not only its most doubtful point
        shoot(page, out)


def learning(page: Page) -> None:
    """Wait until the base has predicted on all pictures, so that the first round begins."""
    page.get_by_role("switch").filter(has_text="learning from").wait_for(timeout=600_000)


def shoot(page: Page, out: Path) -> None:
    page.wait_for_load_state("networkidle")
    page.screenshot(path=out)
    # 256 colors make the file four times smaller; the palette keeps the colors of the small marks.
    few = Image.open(out).convert("RGB").quantize(256, method=Image.Quantize.MAXCOVERAGE, kmeans=3)
    few.save(out, optimize=True)
    print(f"{out}: {out.stat().st_size / 1000:.0f} KB")


if __name__ == "__main__":
    main()
