"""The demo project: shipped pictures, half of them with labels."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from labeler.project.coco import write_coco
from labeler.project.project import Project
from labeler.project.workspace import Workspace
from labeler.runs.control import cancel_run, list_runs
from mdmd.data.coco import read_coco
from mdmd.data.records import Dataset
from mdmd.errors import DataError
from mdmd.files import write_json
from mdmd.synthetic.datasets import PAREIDOLIAS

NAME = "demo"
#: How many of the shipped pictures have labels in the project; the others wait for predictions.
LABELED = 60
UNLABELED = 60
#: In the project's folder: how far the demo is, "making" or "done".
STATE_FILE = "demo.json"


def demo_state(workspace: Workspace, name: str = NAME) -> str | None:
    """How far the demo is: "making" or "done"; None where there is none.

    Raises DataError for a project of that name that is not the demo.
    """
    folder = workspace.root / name
    if not folder.exists():
        return None
    try:
        return json.loads((folder / STATE_FILE).read_text(encoding="utf-8"))["state"]
    except (OSError, ValueError, KeyError, TypeError):
        raise DataError(
            f"there is a project named {name!r} in {workspace.root} that is not the demo; "
            "choose another folder with --projects"
        ) from None


def set_state(project: Project, state: str, **outcome: object) -> None:
    """Write how far the demo is, and with "done" what came out."""
    write_json(project.folder / STATE_FILE, {"state": state, **outcome}, indent=1)


def prepare_demo(
    workspace: Workspace, name: str = NAME, *, labeled: int = LABELED, unlabeled: int = UNLABELED
) -> Project:
    """A new project with shipped pictures: `labeled` of them with their labels, then `unlabeled` with a box only.

    Replaces a demo whose making was interrupted.
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
            shutil.copy(sample.path, images / sample.file_name)
        write_coco(Path(folder) / "labels.json", Dataset("labels", shipped.definition, samples), images=images)
        project.import_coco(Path(folder) / "labels.json")
    for sample in shipped.samples[labeled : labeled + unlabeled]:
        project.add_picture(sample.path, boxes=[sample.box])
    return project


def true_points(project: Project) -> Dataset:
    """The faces of the demo that have no complete labels, with the points they were drawn with, as split "test"."""
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
    workspace.forget(name)
    shutil.rmtree(project.folder)
