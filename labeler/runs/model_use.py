"""How the model of a run is used outside of the tool: its folder, and what to run in a terminal or in Python."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from labeler.guidance.proposed import run_number
from labeler.project.project import Project
from labeler.project.settings import Settings
from labeler.runs.control import list_runs
from labeler.runs.run import Run
from mdmd import run_folder

#: The names that the command uses for the folder with pictures and for the file that it writes.
PICTURES, PREDICTIONS = "pictures", run_folder.PREDICTIONS
#: The page of the documentation that tells more.
PAGE = "docs/use-a-model.md"
#: Installs what `mdmd export` needs beyond this package.
PACKAGES = "pip install '.[onnx]'"


@dataclass(frozen=True)
class ModelExport:
    """A form in which `mdmd export --format` writes a model: its `name` there, `title`, and what it is good for.

    `button` exports it in the tool, and `needs` is the command that installs what the export needs beyond this package.
    """

    name: str
    title: str
    button: str
    sentence: str
    needs: str


EXPORTS = (
    ModelExport(
        "onnx",
        "Without this package",
        "Export the model",
        "It writes a folder that runs on any machine with numpy, pillow and onnxruntime alone.",
        PACKAGES,
    ),
    ModelExport(
        "web",
        "In a browser",
        "Export as a web page",
        "It writes a folder with a page that runs the model in the browser, for any web server. For that it loads the "
        "package onnxruntime-web from npm.",
        PACKAGES,
    ),
)


@dataclass(frozen=True)
class Way:
    """A way to use a model: a title, a sentence, and the `text` to copy, which is a `kind` of text.

    `needs` is a command that must have been run before; empty without one.
    """

    title: str
    sentence: str
    text: str
    kind: Literal["Command", "Python"] = "Command"
    needs: str = ""


@dataclass(frozen=True)
class ModelUse:
    """The `folder` of a run with a model, the `command` that predicts the pictures in the folder PICTURES, and other
    ways to use it."""

    name: str
    folder: str
    command: str
    ways: tuple[Way, ...]
    page: str = PAGE


def model_use(project: Project, run: Run, *, elsewhere: bool = False) -> ModelUse | None:
    """How to use the model of `run`; None without a finished training with a model.

    With `elsewhere` the words are for a file that may be read on another machine: the folder is then one in that of the
    project.
    """
    if not run.trained or run.active:
        return None
    folder = f"{project.runs.name}/{run.folder.name}" if elsewhere else str(run.folder.resolve())
    mdmd = ["mdmd"] if elsewhere else program()
    words = [*mdmd, "predict", folder, PICTURES, "--find-boxes", *_flag_options(project.settings), "--out", PREDICTIONS]
    exports = (
        Way(
            made.title,
            made.sentence,
            shlex.join([*mdmd, "export", folder, "--format", made.name, "--out", f"{project.name}-{made.name}"]),
            needs=made.needs,
        )
        for made in EXPORTS
    )
    return ModelUse(run.name, folder, shlex.join(words), (_in_python(project, folder), *exports))


def _in_python(project: Project, folder: str) -> Way:
    usual = project.settings.tolerance == Settings.tolerance
    tolerance = "" if usual else f", tolerance={project.settings.tolerance}"
    lines = (
        "import mdmd\n",
        f"model = mdmd.load({folder!r})",
        f"found = model.predict('photo.jpg'{tolerance})",
        "print(found.means[0])  # x and y of each point",
        "print(found.p_off[0])  # how probably each one is off",
    )
    sentence = "It finds the face in a picture, and predicts its points and their doubt."
    return Way("In Python", sentence, "\n".join(lines), "Python")


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
