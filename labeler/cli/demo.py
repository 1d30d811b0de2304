"""`labeler demo`: open the demo project, or with --headless train, evaluate and export it without a page."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labeler.cli.console import follow
from labeler.cli.options import Commands
from labeler.project.coco import write_coco
from labeler.project.project import Project
from labeler.project.workspace import Workspace
from labeler.runs import demo
from labeler.runs import start as jobs
from labeler.runs.sources import DRAWN, DRAWN_FACES, Source, Sources
from labeler.server.serve import serve
from mdmd import run_folder
from mdmd.config import STARTER
from mdmd.errors import DataError
from mdmd.files import read_json

#: Total minutes of training with --headless.
MINUTES = 3.0
#: Shares of these minutes: the target alone, the source (not needed with the starter), the target with the source.
ALONE, BASE, TOGETHER = 0.25, 0.5, 0.25
ALONE_WORDS = "alone, from nothing"


@dataclass
class Demo:
    """The demo without a page, in `workspace`: `labeled` pictures to train on and `unlabeled` ones to evaluate on.

    The trainings take `minutes` in total.
    """

    workspace: Workspace
    minutes: float = MINUTES
    labeled: int = demo.LABELED
    unlabeled: int = demo.UNLABELED
    drawn_faces: int = DRAWN_FACES
    starter: Path = STARTER
    say: Callable[[str], None] = print

    @property
    def folder(self) -> Path:
        return self.workspace.root / demo.NAME

    @property
    def starts_from_starter(self) -> bool:
        """Whether the starter network is installed; without it, a tiny network is trained from random weights."""
        return (self.starter / run_folder.MODEL).is_file()

    @property
    def together_words(self) -> str:
        """The second training in words."""
        return f"together with {DRAWN}" + (", from the starter" if self.starts_from_starter else "")

    def make(self) -> int:
        """Train and evaluate the demo project unless that is done already; returns an exit code."""
        if not self.minutes > 0:
            raise DataError(f"found {self.minutes} minutes, wanted a number above 0")
        state = demo.demo_state(self.workspace)
        if state == "done":
            self.say(f"the demo is there already: {self.folder}")
            self.tell(read_json(self.folder / demo.STATE_FILE))
            return 0
        started = time.monotonic()
        project = self.workspace.open(demo.NAME) if state == "ready" else self.prepare()
        truth = demo.true_points(project)
        if not truth.samples:
            raise DataError(f"every face of {self.folder} is labeled, so there is none to measure on")
        write_coco(self.folder / "demo_truth.json", truth, images=project.images)
        self.say(f"{project.progress().training_faces} labeled and {len(truth.samples)} unlabeled faces: {self.folder}")
        measured = {}
        for key, minutes, source in (("alone", ALONE, None), ("together", TOGETHER, self._source())):
            starter = source is not None and self.starts_from_starter
            self.say(f"training {ALONE_WORDS if source is None else self.together_words}")
            run = jobs.start_training(
                project,
                source=source,
                preset="default" if starter else "tiny",
                weights=Path("starter" if starter else "none"),
                minutes=(minutes + BASE if starter else minutes) * self.minutes,
                base_minutes=BASE * self.minutes,
                prelabel=source is not None,
            )
            code = follow(project, run, say=self.say)
            if code:
                return code
            measured[key] = self._measure(project, run.folder)
        report = project.export(project.folder / "demo_export.json")
        outcome = {**measured, "coco": str(report.path), "seconds": round(time.monotonic() - started, 1)}
        demo.set_state(project, "done", **outcome)
        self.tell(outcome)
        return 0

    def prepare(self) -> Project:
        """Create the project with pictures and labels, without a training."""
        return demo.prepare_demo(self.workspace, labeled=self.labeled, unlabeled=self.unlabeled)

    def tell(self, outcome: dict[str, Any]) -> None:
        """Print the results."""
        alone, together = outcome["alone"], outcome["together"]
        self.say(f"on the {together['n']} unlabeled faces (drawn, so their true points are known):")
        for words, found in ((ALONE_WORDS, alone), (self.together_words, together)):
            self.say(f"  {words + ':':<40} NME {found['nme']:.2f} %, failures {found['fr10']:.1f} %")
        if together["flag_recall"] is not None:
            self.say(
                f"  flags: {100 * together['flag_rate']:.0f} % of the points, among them "
                f"{100 * together['flag_recall']:.0f} % of those that are off by more than 10 %"
            )
        self.say(f"COCO file of the labels: {outcome['coco']}")

    def _source(self) -> Source:
        return Sources(self.workspace.root, drawn_faces=self.drawn_faces).get(DRAWN)

    def _measure(self, project: Project, run: Path) -> dict[str, Any]:
        out = run / "demo_evaluation.json"
        command = [sys.executable, "-m", "mdmd", "evaluate", run, "--data", self.folder / "demo_truth.json"]
        done = subprocess.run(
            [str(word) for word in [*command, "--split", "test", *project.settings.options, "--json", out]],
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise DataError(f"the demo's model could not be measured: {done.stderr.strip().splitlines()[-1:]}")
        return read_json(out)


def add_demo(commands: Commands) -> None:
    show = commands.add(
        "demo",
        run_demo,
        "Open a project with drawn pictures, labels and a finished training.",
        "labeler demo --headless",
    )
    show.add_argument("--headless", action="store_true", help="no page: train alone and together, measure both, export")
    show.add_argument(
        "--minutes",
        type=float,
        default=MINUTES,
        metavar="M",
        help=f"with --headless: how long it trains in all (default {MINUTES:g})",
    )


def run_demo(options: argparse.Namespace, workspace: Workspace) -> int:
    """`labeler demo`."""
    if options.headless:
        return Demo(workspace, minutes=options.minutes).make()
    serve(workspace, project=demo.open_demo(workspace).name)
    return 0
