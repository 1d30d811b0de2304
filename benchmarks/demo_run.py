"""Make the finished training that ships with the demo: `OMP_NUM_THREADS=1 python benchmarks/demo_run.py`.

It trains the demo project from the starter, as the demo's live training does, and copies the files of the run to
labeler/demo/run, without the model and without machine-specific files.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

from labeler.cli.console import follow
from labeler.project.workspace import Workspace
from labeler.runs.demo import SHIPPED_RUN, prepare_demo
from labeler.runs.start import start_training

STEPS = 100
TITLE = "shipped with the demo"
SHIPPED = (
    "run.json",
    "began.json",
    "exit.json",
    "log.jsonl",
    "target.json",
    "faces.json",
    "model.json",
    "metrics.json",
    "heldout.json",
    "predictions.json",
    "labeled.json",
)
#: Fields of run.json that are only useful on the machine that trained.
LOCAL = ("commands", "pid", "process_started", "given")


def main() -> None:
    with tempfile.TemporaryDirectory() as root:
        workspace = Workspace(Path(root))
        project = prepare_demo(workspace)
        run = start_training(project, source=None, weights=Path("starter"), steps=STEPS)
        if follow(project, run):
            raise SystemExit(f"the training did not finish: {run.folder}")
        shutil.rmtree(SHIPPED_RUN, ignore_errors=True)
        SHIPPED_RUN.mkdir(parents=True)
        for name in SHIPPED:
            shutil.copy(run.folder / name, SHIPPED_RUN / name)
        record = json.loads((SHIPPED_RUN / "run.json").read_text(encoding="utf-8"))
        kept = {key: value for key, value in record.items() if key not in LOCAL}
        kept |= {"pid": None, "process_started": None}
        (SHIPPED_RUN / "run.json").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
        (SHIPPED_RUN / "title.txt").write_text(TITLE + "\n", encoding="utf-8")
        workspace.close()
        for file in sorted(SHIPPED_RUN.iterdir()):
            if str(Path(root)) in file.read_text(encoding="utf-8"):
                raise SystemExit(f"{file} contains the path of a folder on this machine")
            print(f"{file.name}: {file.stat().st_size / 1000:.0f} KB")


if __name__ == "__main__":
    main()
