"""How the model of a run is used outside of the tool: its folder, and the command that predicts pictures with it."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from labeler.guidance.proposed import run_number
from labeler.project.project import Project, Settings
from labeler.runs.control import list_runs
from labeler.runs.run import Run
from mdmd import run_folder

#: The names that the command uses for the folder with pictures and for the file that it writes.
PICTURES, PREDICTIONS = "pictures", run_folder.PREDICTIONS


@dataclass(frozen=True)
class ModelUse:
    """The `folder` of a run with a model, and the `command` that predicts the pictures in the folder PICTURES."""

    name: str
    folder: str
    command: str


def model_use(project: Project, run: Run, *, elsewhere: bool = False) -> ModelUse | None:
    """How to use the model of `run`; None without a finished training with a model.

    With `elsewhere` the words are for a file that may be read on another machine: the folder is then one in that of the
    project.
    """
    if not run.trained or run.active:
        return None
    folder = f"{project.runs.name}/{run.folder.name}" if elsewhere else str(run.folder.resolve())
    words = [*(["mdmd"] if elsewhere else program()), "predict", folder, PICTURES, "--find-boxes"]
    return ModelUse(run.name, folder, shlex.join([*words, *_flag_options(project.settings), "--out", PREDICTIONS]))


def usable_model(project: Project) -> ModelUse | None:
    """How to use the model in charge, else the newest one; None without a model."""
    in_charge = run_number(project.proposed.in_charge())
    newest_first = sorted(list_runs(project), key=lambda run: (int(run.id) == in_charge, int(run.id)), reverse=True)
    return next((use for run in newest_first if (use := model_use(project, run)) is not None), None)


def program(path: str | None = None) -> list[str]:
    """The words that start `mdmd` in a terminal: its name where that is found on the `path`, by default PATH."""
    found = shutil.which("mdmd", path=path)
    same = found is not None and Path(found).parent == Path(sys.executable).parent
    return ["mdmd"] if same else [sys.executable, "-m", "mdmd"]


def _flag_options(settings: Settings) -> Sequence[str]:
    """What the model flags, where that is not the usual."""
    return [] if (settings.tolerance, settings.threshold) == (Settings.tolerance, None) else settings.options
