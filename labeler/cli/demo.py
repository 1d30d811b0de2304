"""`labeler demo`: a project with drawn pictures, trained alone and together with drawn faces, measured and opened."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from labeler.cli.console import follow
from labeler.project.coco import write_coco
from labeler.project.project import Project
from labeler.project.workspace import Workspace
from labeler.runs import start as jobs
from labeler.runs.control import cancel_run, list_runs
from labeler.runs.sources import DRAWN, DRAWN_FACES, Source, Sources
from mdmd import run_folder
from mdmd.config import STARTER
from mdmd.data.coco import read_coco
from mdmd.data.records import Dataset, Sample
from mdmd.errors import DataError
from mdmd.files import write_json
from mdmd.synthetic.datasets import write_pareidolias

#: Shares of the demo's minutes: the target alone, the source (which the starter knows already), the target with it.
ALONE, BASE, TOGETHER = 0.25, 0.5, 0.25
ALONE_WORDS = "alone, from nothing"


@dataclass
class Demo:
    """The demo project in `workspace`: `labeled` pictures with labels, `unlabeled` ones whose points only a file knows.

    All its training together takes `minutes`.
    """

    workspace: Workspace
    minutes: float = 3.0
    labeled: int = 60
    unlabeled: int = 60
    drawn_faces: int = DRAWN_FACES
    name: str = "demo"
    starter: Path = STARTER
    say: Callable[[str], None] = print

    @property
    def folder(self) -> Path:
        return self.workspace.root / self.name

    @property
    def starts_from_starter(self) -> bool:
        """Whether a starter comes with the tool; else a tiny network learns from nothing."""
        return (self.starter / run_folder.MODEL).is_file()

    @property
    def together_words(self) -> str:
        """How the second training learns."""
        return f"together with {DRAWN}" + (", from the starter" if self.starts_from_starter else "")

    def make(self) -> int:
        """Make the demo unless it is there; returns an exit code. A half-made one is made again from the start."""
        if not self.minutes > 0:
            raise DataError(f"found {self.minutes} minutes, wanted a number above 0")
        if self._state() == "done":
            self.say(f"the demo is there already: {self.folder}")
            self.tell(json.loads((self.folder / "demo.json").read_text(encoding="utf-8")))
            return 0
        started = time.monotonic()
        project = self.prepare()
        self.say(f"{self.labeled} labeled and {self.unlabeled} unlabeled pictures in {project.folder}")
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
        write_json(self.folder / "demo.json", {"state": "done", **outcome}, indent=1)
        self.tell(outcome)
        return 0

    def prepare(self) -> Project:
        """The project with its pictures and labels, and the true points of the unlabeled ones in demo_truth.json."""
        self._clear()
        with tempfile.TemporaryDirectory() as drawing:
            drawn = read_coco(write_pareidolias(Path(drawing), self.labeled + self.unlabeled, seed=0))
            project = self.workspace.create(self.name, definition=drawn.definition)
            write_json(self.folder / "demo.json", {"state": "making"})
            labels = Dataset(
                "labels", drawn.definition, tuple(replace(s, split="train") for s in drawn.samples[: self.labeled])
            )
            write_coco(Path(drawing) / "labels.json", labels, images=drawn.samples[0].path.parent)
            project.import_coco(Path(drawing) / "labels.json")
            hidden = {}
            for sample in drawn.samples[self.labeled :]:
                picture, _ = project.add_picture(sample.path, boxes=[sample.box])
                hidden[picture.id] = sample
        self._write_truth(project, hidden)
        return project

    def tell(self, outcome: dict[str, Any]) -> None:
        """Say what came out."""
        alone, together = outcome["alone"], outcome["together"]
        self.say(f"on the {together['n']} faces that nobody has labeled (drawn, so their true points are known):")
        for words, found in ((ALONE_WORDS, alone), (self.together_words, together)):
            self.say(f"  {words + ':':<40} NME {found['nme']:.2f} %, failures {found['fr10']:.1f} %")
        if together["flag_recall"] is not None:
            self.say(
                f"  flags: {100 * together['flag_rate']:.0f} % of the points, among them "
                f"{100 * together['flag_recall']:.0f} % of those that are off by more than 10 %"
            )
        self.say(f"COCO file of the labels: {outcome['coco']}")

    def _state(self) -> str | None:
        """How far the demo is: done, making, or None where there is none; raises DataError for somebody else's."""
        if not self.folder.exists():
            return None
        try:
            return json.loads((self.folder / "demo.json").read_text(encoding="utf-8"))["state"]
        except (OSError, ValueError, KeyError, TypeError):
            raise DataError(
                f"there is a project named {self.name!r} in {self.workspace.root} that is not the demo; "
                "choose another folder with --projects"
            ) from None

    def _clear(self) -> None:
        if self._state() is None:
            return
        project = self.workspace.open(self.name)
        for run in list_runs(project):
            if run.active:
                cancel_run(project, run.id, patience=15)
        self.workspace.forget(self.name)
        shutil.rmtree(self.folder)

    def _source(self) -> Source:
        return Sources(self.workspace.root, drawn_faces=self.drawn_faces).get(DRAWN)

    def _write_truth(self, project: Project, hidden: dict[int, Sample]) -> None:
        waiting = project.unlabeled_faces()
        truth = tuple(
            replace(face, annotation=hidden[face.image_id].annotation, split="test")
            for face in waiting.samples
            if face.image_id in hidden
        )
        write_coco(self.folder / "demo_truth.json", replace(waiting, samples=truth), images=project.images)

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
        return json.loads(out.read_text(encoding="utf-8"))
