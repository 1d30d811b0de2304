"""The cost of labeling a face in clicks, keys and seconds, by what the face starts from; prints a Markdown table.

    python benchmarks/labeling.py DATA.json [--faces 20] [--run RUN]

A script that knows the true places labels faces of DATA's test split on the label page, with real mouse and key events
in Chromium: from nothing, from the mean shape of the faces labeled before, and with --run (a folder of `mdmd adapt`)
from predictions. Its clicks have an error of HAND of the normalizer. For each landmark the script looks at the ghost,
which is the place that the page expects. Within TOLERANCE it accepts the ghost with a key, else it clicks. When all
remaining ghosts are within TOLERANCE, it accepts them all at once.

Seconds are computed, not measured (Card, Moran and Newell 1980): LOOK for each landmark; for a click, Fitts's law with
the true distance on the screen, MOVE + BIT * log2(distance / width + 1), where the width of the target is twice
TOLERANCE, and PRESS for the button; KEY for a key. `ui.py` measures the response times of the page.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import math
import statistics
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from label_page import PAGE, Site, on_screen, serve
from playwright.sync_api import Page

from labeler.project.coco import write_coco
from labeler.project.project import Project
from labeler.storage.records import PredictedPoint
from mdmd.cli import main as cli
from mdmd.data.boxes import normalizing_distance
from mdmd.data.coco import read_coco
from mdmd.data.definition import Definition
from mdmd.data.records import Sample

HAND, TOLERANCE = 0.01, 0.03
LOOK, MOVE, BIT, PRESS, KEY = 0.15, 0.2, 0.15, 0.1, 0.2
STARTS = {"nothing": "", "mean shape": "mean", "prediction": "prediction"}


@dataclass
class Face:
    """The cost of one face and the errors of its labels, in shares of the normalizer."""

    clicks: int = 0
    keys: int = 0
    seconds: float = 0.0
    errors: list[float] = field(default_factory=list)


class Expert:
    """A simulated expert, who knows the true places and labels the open face with mouse and keys."""

    def __init__(self, page: Page, random: np.random.Generator) -> None:
        self.page = page
        self.random = random
        self.pointer = (720.0, 450.0)

    def label(self, definition: Definition, sample: Sample) -> Face:
        """Place all landmarks of the open face."""
        assert sample.annotation is not None
        distance = normalizing_distance(definition, sample.annotation.points, sample.box)
        truth = dict(zip(definition.ids, sample.annotation.points, strict=True))
        cost = Face()
        while (ghosts := self.ghosts()) is not None:
            left = [key for key in truth if str(key) in ghosts["open"]]
            off = {key: math.dist(ghosts["at"][str(key)], truth[key]) for key in left if str(key) in ghosts["at"]}
            if len(off) == len(left) and max(off.values()) <= TOLERANCE * distance:
                cost.seconds += LOOK * len(left) + KEY
                cost.keys += 1
                self.press("g")
                break
            current = int(ghosts["current"])
            cost.seconds += LOOK
            if off.get(current, math.inf) <= TOLERANCE * distance:
                cost.seconds += KEY
                cost.keys += 1
                self.press("Enter")
            else:
                place = truth[current] + self.random.normal(0, HAND * distance, 2)
                cost.seconds += self.click(place, TOLERANCE * distance)
                cost.clicks += 1
        labels = self.page.evaluate(f"{PAGE}.editor.view.points")
        cost.errors = [math.dist((labels[str(k)]["x"], labels[str(k)]["y"]), truth[k]) / distance for k in truth]
        return cost

    def ghosts(self) -> dict[str, Any] | None:
        """The unlabeled landmarks and their ghosts, when the page is idle; None if the face is complete."""
        self.page.wait_for_function(f"!{PAGE}.proposal.waiting && !{PAGE}.session.queue.length")
        return self.page.evaluate(
            f"""() => {{
              const {{ editor }} = {PAGE};
              const open = editor.definition.landmarks.map(({{ id }}) => id).filter((id) => !editor.view.points[id]);
              const at = Object.entries(editor.openGhosts()).map(([id, {{ x, y }}]) => [id, [x, y]]);
              return open.length ? {{ open, current: editor.current, at: Object.fromEntries(at) }} : null;
            }}"""
        )

    def click(self, place: np.ndarray, tolerance: float) -> float:
        """Click at the image point `place` and return the seconds that a person would need."""
        there = on_screen(self.page, float(place[0]), float(place[1]))
        edge = on_screen(self.page, float(place[0]) + tolerance, float(place[1]))
        width = 2 * (edge[0] - there[0])
        seconds = MOVE + BIT * math.log2(math.dist(self.pointer, there) / width + 1) + PRESS
        self.page.keyboard.down("Shift")  # on top of another point, only a click with Shift places a point
        self.page.mouse.click(*there)
        self.page.keyboard.up("Shift")
        self.pointer = there
        return seconds

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)


def predicted(project: Project, run: Path, folder: Path) -> None:
    """Predict the faces of the project with `run`, like pre-labeling."""
    waiting = project.unlabeled_faces()
    write_coco(folder / "faces.json", waiting, images=project.images)
    with contextlib.redirect_stdout(io.StringIO()):
        cli.main(["predict", str(run), "--faces", str(folder / "faces.json"), "--out", str(folder / "found.json")])
    found = json.loads((folder / "found.json").read_text(encoding="utf-8"))
    faces = {}
    for record in found["annotations"]:
        table, extra = record["keypoints"], record["attributes"]
        columns = (
            waiting.definition.ids,
            table[0::3],
            table[1::3],
            extra["covariance"],
            extra["p_off"],
            extra["flagged"],
        )
        faces[record["id"]] = {
            key: PredictedPoint(x, y, tuple(c), p, f) for key, x, y, c, p, f in zip(*columns, strict=True)
        }
    project.store.predictions.add(1, faces)


def measure(site: Site, start: str, data: Path, count: int, run: Path | None, folder: Path) -> str:
    """A row of the table: `count` faces labeled from `start`."""
    dataset = read_coco(data)
    samples = [s for s in dataset.split("test") if s.annotation is not None and s.annotation.labeled.all()][:count]
    project = site.workspace.create(start.replace(" ", "-"), definition=dataset.definition)
    for sample in samples:
        project.add_picture(sample.path, boxes=[sample.box])
    if start == "prediction" and run is not None:
        predicted(project, run, folder)
    faces = []
    with site.page(project) as page:
        page.evaluate(f"{PAGE}.proposal.choose({json.dumps(STARTS[start])})")
        expert = Expert(page, np.random.default_rng(0))
        assert project.definition is not None
        for number, sample in enumerate(samples):
            page.wait_for_function(
                f"{PAGE}.index === {number} && {PAGE}.editor.view.face === {PAGE}.items[{number}].face"
            )
            faces.append(expert.label(project.definition, sample))
            page.keyboard.press("d")
    row = (
        start,
        len(faces),
        f"{statistics.mean(f.clicks for f in faces):.1f}",
        f"{statistics.mean(f.keys for f in faces):.1f}",
        f"{statistics.mean(f.seconds for f in faces):.1f}",
        f"{100 * statistics.mean(e for f in faces for e in f.errors):.1f}",
    )
    return "| " + " | ".join(map(str, row)) + " |"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DATA.json")
    parser.add_argument("--faces", type=int, default=20)
    parser.add_argument("--run", type=Path)
    options = parser.parse_args()
    print("| start from | faces | clicks a face | keys a face | seconds a face | off by, % of the normalizer |")
    print("| --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory(prefix="labeler-labeling-") as folder, serve(Path(folder)) as site:
        for start in STARTS:
            if start != "prediction" or options.run is not None:
                print(measure(site, start, options.data, options.faces, options.run, Path(folder)), flush=True)


if __name__ == "__main__":
    main()
