"""Response times of the label page in a real Chromium; prints a Markdown table.

    python benchmarks/ui.py                 # an idle machine
    python benchmarks/ui.py --training      # while a training runs on all cores, as the tool starts it
    python benchmarks/ui.py --learning      # while the tool learns in the background, and a base predicts

Images and labels are synthetic. A time starts with the browser's time stamp of the input and ends when the frame with
its effect is drawn, or for a save, when the server's answer has been handled.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import math
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from label_page import Site, on_screen, serve
from PIL import Image
from playwright.sync_api import Browser, CDPSession, Page

from labeler.project.project import Project
from labeler.project.workspace import Workspace
from labeler.runs import start as jobs
from labeler.runs.background import BACKGROUND
from labeler.runs.control import cancel_run, list_runs
from labeler.storage.records import Point
from mdmd.data.definition import GROUPS, Definition
from mdmd.synthetic.datasets import PAREIDOLIAS

HERE = Path(__file__).parent
ACTIONS = 100


@dataclass(frozen=True)
class Target:
    """A measurement and the target of its 95th percentile, in milliseconds."""

    what: str
    times: Sequence[float]
    wanted: str

    def row(self) -> str:
        median, high = np.percentile(self.times, [50, 95])
        return f"| {self.what} | {median:.0f} | {high:.0f} | {self.wanted} | {len(self.times)} |"


@contextlib.contextmanager
def probed(site: Site, project: Project) -> Iterator[Page]:
    """The label page with `ui.js` loaded."""
    with site.page(project) as page:
        page.evaluate((HERE / "ui.js").read_text(encoding="utf-8"))
        yield page


def landmarks(count: int) -> Definition:
    """A definition with `count` landmarks, distributed over the semantic groups."""
    flsg = {group: list(range(k, count, len(GROUPS))) for k, group in enumerate(GROUPS) if k < count}
    names = [f"point_{k:03d}" for k in range(count)]
    category = {"name": "face", "keypoints": names, "flsg": flsg, "flip_pairs": [], "skeleton": []}
    category["skeleton"] = [[k + 1, k + 2] for k in range(count - 1)]
    return Definition.from_category({**category, "normalizer": "box"})


def picture(seed: int, width: int, height: int) -> Image.Image:
    """An image with edges and grain everywhere, as expensive to compress as a photograph."""
    random = np.random.default_rng(seed)
    small = Image.fromarray(random.integers(0, 255, (height // 16, width // 16, 3), dtype=np.uint8))
    return small.resize((width, height), Image.Resampling.BICUBIC)


def project(
    site: Site, name: str, points: int, sizes: Sequence[tuple[int, int]], *, suffix: str = "jpg", labeled: bool = False
) -> Project:
    """A project with an image for each of `sizes`; with `labeled`, the first face is complete."""
    made = site.workspace.create(name, definition=landmarks(points))
    with tempfile.TemporaryDirectory() as folder:
        for k, (width, height) in enumerate(sizes):
            file = Path(folder) / f"{name}-{k:03d}.{suffix}"
            picture(k, width, height).save(file, quality=88)
            made.add_picture(file)
    if labeled:
        width, height = sizes[0]
        angles = np.linspace(0, 2 * math.pi, points, endpoint=False)
        places = {
            k + 1: Point(width * (0.5 + 0.3 * math.cos(a)), height * (0.5 + 0.35 * math.sin(a)), 2)
            for k, a in enumerate(angles)
        }
        made.store.edit_points(made.store.faces()[0].id, places)
    return made


def clicks(site: Site) -> list[Target]:
    """Place the landmarks of a face with 189 points one after the other."""
    made = project(site, "clicks", 189, [(1600, 1200)])
    found = []
    with probed(site, made) as page:
        for k in range(ACTIONS):
            x, y = 200 + 120 * (k % 10), 150 + 95 * (k // 10)
            page.evaluate("probe.click()")
            page.mouse.click(*on_screen(page, x, y))
            found.append(page.evaluate("probe.result"))
    return [
        Target("click to drawn point", [f["drawn"] for f in found], "33"),
        Target("click to save acknowledged", [f["saved"] for f in found], "60"),
    ]


def switches(site: Site) -> list[Target]:
    """Go to the next image, which was prefetched while the previous one was shown."""
    made = project(site, "switches", 9, [(3000, 2000)] * (ACTIONS + 6))
    found = []
    with probed(site, made) as page:
        for _ in range(ACTIONS):
            page.wait_for_timeout(300)
            page.evaluate("probe.step()")
            page.keyboard.press("d")
            found.append(page.evaluate("probe.result")["drawn"])
    return [Target("next picture, prefetched", found, "50")]


def cold(site: Site, name: str, size: tuple[int, int], wanted: str, *, suffix: str = "jpg", rounds: int) -> Target:
    """Open an image for the first time: neither the browser nor the server has a scaled copy."""
    made = project(site, re.sub(r"\W+", "-", name), 9, [(640, 480)] * 6 + [size], suffix=suffix)
    times = []
    for _ in range(rounds):
        with probed(site, made) as page:
            page.wait_for_timeout(500)
            for copy in (made.folder / "cache").glob(f"*-006.{suffix}*"):
                copy.unlink()
            times.append(page.evaluate("probe.jump(6)")["drawn"])
    return Target(f"a cold picture, {name}", times, wanted)


def frames(site: Site) -> list[Target]:
    """The time between frames while one of 189 points is dragged, and while the image is panned."""
    made = project(site, "frames", 189, [(2000, 1500)], labeled=True)
    found = []
    with probed(site, made) as page:
        for what, (x, y) in (("drag", (1600.0, 750.0)), ("pan", (1000.0, 750.0))):
            left, top = on_screen(page, x, y)
            page.mouse.move(left, top)
            page.mouse.down()
            times = page.evaluate("([x, y]) => probe.glide(4, x, y)", [left, top])
            page.mouse.up()
            found.append(Target(f"from frame to frame, {what} with 189 points", np.diff(times), "20"))
    return found


def memory(site: Site) -> str:
    """The resident memory of the page's process, after garbage collection, while 300 images are shown."""
    made = project(site, "memory", 9, [(1600, 1200)] * 301)
    rows = []
    with probed(site, made) as page:
        process = renderer(site.browser, page)
        for k in range(1, 301):
            page.evaluate("probe.step()")
            page.keyboard.press("d")
            page.evaluate("probe.result")
            if k in (20, 100, 200, 300):
                page.wait_for_timeout(1500)
                page.context.new_cdp_session(page).send("HeapProfiler.collectGarbage")
                page.wait_for_timeout(500)
                rows.append(f"| {k} | {resident(process)} |")
    return "\n".join(["| pictures seen | memory of the tab, MB |", "| --- | --- |", *rows])


def renderer(browser: Browser, page: Page) -> int:
    """The id of the tab's process: the renderer with the most memory."""
    session: CDPSession = browser.new_browser_cdp_session()
    told: dict[str, Any] = session.send("SystemInfo.getProcessInfo")
    page.bring_to_front()
    return max((p["id"] for p in told["processInfo"] if p["type"] == "renderer"), key=resident)


def resident(process: int) -> int:
    """The physical memory of a process in megabytes."""
    status = Path(f"/proc/{process}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+)", status)
    assert found is not None
    return int(found[1]) // 1024


@contextlib.contextmanager
def training(folder: Path) -> Iterator[None]:
    """Run a training like one from the page, on drawn faces, with a thread for every core."""
    made = Workspace(folder / "other projects").create("training")
    made.import_labels(PAREIDOLIAS)
    os.environ["OMP_NUM_THREADS"] = str(os.cpu_count())
    run = jobs.start_training(made, source=None, weights=Path("none"), minutes=600, prelabel=False)
    try:
        while not any(r.step for r in list_runs(made)):
            time.sleep(0.5)
        yield
    finally:
        cancel_run(made, run.id)


def learn(site: Site) -> None:
    """Let the tool learn from the labels of some projects, one after the other, for as long as measurements take."""
    for k in range(4):
        made = site.workspace.create(f"learning-{k}")
        made.import_labels(PAREIDOLIAS)
        with site.page(made):  # the server learns for projects that were opened
            pass
    while not list((site.workspace.root).glob("learning-*/cache/rounds/making/log.jsonl")):
        time.sleep(0.5)


PARTS: dict[str, Callable[[Site], list[Target]]] = {
    "clicks": clicks,
    "switches": switches,
    "cold": lambda site: [
        cold(site, "12 megapixels", (4000, 3000), "250", rounds=20),
        cold(site, "36 megapixels", (7360, 4912), "usable", rounds=5),
        cold(site, "6,000 x 6,000 PNG", (6000, 6000), "usable", suffix="png", rounds=5),
    ],
    "frames": frames,
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--training", action="store_true", help="while a training runs on all cores")
    parser.add_argument("--learning", action="store_true", help="while the tool learns in the background")
    parser.add_argument("--only", nargs="+", choices=[*PARTS, "memory"], default=[*PARTS, "memory"])
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="labeler-ui-")))
        if not options.learning:
            os.environ[BACKGROUND] = "off"
        site = stack.enter_context(serve(folder))
        if options.learning:
            learn(site)
        if options.training:
            with contextlib.redirect_stdout(io.StringIO()):
                stack.enter_context(training(folder))
        print("| what | median, ms | 95 %, ms | wanted, ms | times |\n| --- | --- | --- | --- | --- |")
        for part in options.only:
            for target in PARTS[part](site) if part != "memory" else []:
                print(target.row(), flush=True)
        if "memory" in options.only:
            print("\n" + memory(site))


if __name__ == "__main__":
    main()
