"""The demo project: shipped pictures with labels and a finished training without its model."""

from __future__ import annotations

import shutil
import tempfile
import threading
from dataclasses import replace
from pathlib import Path

from labeler.project.coco import write_coco
from labeler.project.project import Project
from labeler.project.workspace import Workspace
from labeler.runs.collect import collect_predictions
from labeler.runs.control import cancel_run, list_runs
from mdmd.data.coco import read_coco
from mdmd.data.records import Dataset
from mdmd.errors import DataError
from mdmd.files import copy_folder, read_json, write_json
from mdmd.synthetic.datasets import PAREIDOLIAS

NAME = "demo"
#: How many of the shipped pictures get their labels in the project, and how many get predictions only.
LABELED = 60
UNLABELED = 60
#: A finished training on these labels, made by benchmarks/demo_run.py; its model is left out.
SHIPPED_RUN = Path(__file__).parent.parent / "demo" / "run"
SHIPPED_ID = "001"
#: In the project's folder: how far the demo is, "making", "ready" or "done" (measured by `labeler demo --headless`).
STATE_FILE = "demo.json"
#: Of two windows that ask for the demo at once, the second one waits for the first.
_MAKING = threading.Lock()


def open_demo(workspace: Workspace) -> Project:
    """The demo project. The first call makes it, with the shipped training.

    Raises DataError if another project has the demo's name.
    """
    with _MAKING:
        if demo_state(workspace) in ("ready", "done"):
            return workspace.open(NAME)
        project = prepare_demo(workspace)
        copy_folder(SHIPPED_RUN, project.runs / SHIPPED_ID)
        collect_predictions(project)
        set_state(project, "ready")
        return project


def demo_state(workspace: Workspace, name: str = NAME) -> str | None:
    """How far the demo is: "making", "ready" or "done"; None without a demo.

    Raises DataError if a project of that name is not the demo.
    """
    folder = workspace.root / name
    if not folder.exists():
        return None
    try:
        return read_json(folder / STATE_FILE)["state"]
    except (DataError, KeyError, TypeError):
        raise DataError(
            f"there is a project named {name!r} in {workspace.root} that is not the demo; "
            "choose another folder with --projects"
        ) from None


def set_state(project: Project, state: str, **outcome: object) -> None:
    """Write how far the demo is, and the `outcome` with "done"."""
    write_json(project.folder / STATE_FILE, {"state": state, **outcome}, indent=1)


def prepare_demo(
    workspace: Workspace, name: str = NAME, *, labeled: int = LABELED, unlabeled: int = UNLABELED
) -> Project:
    """Make a project of shipped pictures: `labeled` with their labels, then `unlabeled` with a face box only.

    Replaces a demo that was interrupted while it was made.
    """
    _clear(workspace, name)
    shipped = read_coco(PAREIDOLIAS)
    project = workspace.create(name, definition=shipped.definition)
    set_state(project, "making")
    samples = tuple(replace(sample, split="train") for sample in shipped.samples[:labeled])
    with tempfile.TemporaryDirectory() as folder:
        images = Path(folder) / "images"
        images.mkdir()
        for sample in samples:
            shutil.copyfile(sample.path, images / sample.file_name)
        write_coco(Path(folder) / "labels.json", Dataset("labels", shipped.definition, samples), images=images)
        project.import_labels(Path(folder) / "labels.json")
    for sample in shipped.samples[labeled : labeled + unlabeled]:
        project.add_picture(sample.path, boxes=[sample.box])
    return project


def true_points(project: Project) -> Dataset:
    """The faces of the demo without complete labels, with their true points, as split "test"."""
    drawn = {sample.file_name: sample.annotation for sample in read_coco(PAREIDOLIAS).samples}
    names = {picture.id: picture.name for picture in project.store.images()}
    waiting = project.unlabeled_faces()
    truth = tuple(
        replace(face, annotation=drawn[names[face.image_id]], split="test")
        for face in waiting.samples
        if names[face.image_id] in drawn
    )
    return replace(waiting, samples=truth)


def _clear(workspace: Workspace, name: str) -> None:
    if demo_state(workspace, name) is None:
        return
    project = workspace.open(name)
    for run in list_runs(project):
        if run.active:
            cancel_run(project, run.id, patience=15)
    workspace.remove(name)
