"""Small pictures, definitions, projects and runs for the tests."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image
from sqlite_utils import Database

from labeler.project.project import Project
from labeler.project.workspace import Workspace
from labeler.runs import start as jobs
from labeler.runs.commands import CommandsOf
from labeler.runs.run import Run
from labeler.storage.migrations import MIGRATIONS, migrate
from labeler.storage.records import Point
from mdmd.config import STARTER
from mdmd.data.coco import read_coco, to_coco
from mdmd.data.definition import Definition, load_definition
from mdmd.files import write_json
from mdmd.run_folder import TARGET, Settings
from mdmd.synthetic.datasets import PAREIDOLIAS

#: Four landmarks: two eyes that mirror each other, a nose and a chin.
CATEGORY: dict[str, Any] = {
    "id": 1,
    "name": "small",
    "supercategory": "face",
    "keypoints": ["eye_left", "eye_right", "nose", "chin"],
    "skeleton": [[1, 2]],
    "flsg": {"left_eye": [0], "right_eye": [1], "nose": [2], "jaw": [3]},
    "flip_pairs": [[0, 1]],
    "normalizer": [0, 1],
}
SMALL = Definition.from_category(CATEGORY)
#: The same landmarks without a word on mirroring, and two that lie on the midline.
UNPAIRED = replace(SMALL, name="unpaired", mirror=(0, 1, 2, 3))
MIDLINE = Definition("midline", ("nose", "chin"), groups=(9, 2), mirror=(0, 1), symmetric=True)

#: Places of its landmarks whose errors are easy to say: the eyes are 20 pixels apart, a pixel is 5 %.
PLACES = {1: (20.0, 20.0), 2: (40.0, 20.0), 3: (30.0, 30.0), 4: (30.0, 40.0)}

#: Names of landmarks, the side that each tells, and the name of its mirror partner.
SIDES: list[tuple[str, str | None, str | None]] = [
    ("ear_left", "left", "ear_right"),
    ("right_ear", "right", "left_ear"),
    ("ear_l", "left", "ear_r"),
    ("R ear", "right", "L ear"),
    ("earL", "left", "earR"),
    ("earL1", "left", None),
    ("LEar", "left", "REar"),
    ("LeftEarTip", "left", "RightEarTip"),
    ("earTipRight", "right", "earTipLeft"),
    ("EAR_LEFT", "left", "EAR_RIGHT"),
    ("left_brow_0", "left", None),
    ("eye_1_left", "left", "eye_1_right"),
    ("ear_left_right", None, None),
    ("copyright", None, None),
    ("rim", None, None),
    ("LEAR", None, None),
    ("l", None, None),
    ("öl", None, None),
    ("Ölr_left", "left", "Ölr_right"),
    ("nose", None, None),
    ("", None, None),
]

#: Names of landmarks, and the group that each tells.
GROUPS_OF_NAMES: list[tuple[str, str | None]] = [
    ("eye_outer_left", "left_eye"),
    ("R_eyelid", "right_eye"),
    ("eyebrow_l", "left_brow"),
    ("noseTip", "nose"),
    ("lip_top", "top_mouth"),
    ("lower_lip", "bottom_mouth"),
    ("jawline", "jaw"),
    ("ear_tip_left", "upper_left_contour"),
    ("hornR", "upper_right_contour"),
    ("horn", None),
    ("crest", "nose"),
    ("whisker_left", "top_mouth"),
    ("upper beak", "top_mouth"),
    ("beak_lower", "bottom_mouth"),
    ("beard", "jaw"),
    ("cheek_left", "lower_left_contour"),
    ("tear", None),
    ("a", None),
    ("l_ear", "upper_left_contour"),
    ("mouth_corner_left", "top_mouth"),
    ("left", None),
    ("eye", None),
    ("kpt-12", None),
]

#: Seconds after which something that is waited for counts as missing. A busy machine must stay far below it.
PATIENCE = 120
#: The same for a real training.
PATIENCE_WITH_TRAINING = 900


def wait_for(
    condition: Callable[[], Any],
    *,
    seconds: float = PATIENCE,
    otherwise: Callable[[], str] = lambda: "waited in vain",
) -> Any:
    """Waits until `condition()` is true and returns it; `otherwise()` is said where it stays false."""
    until = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < until, otherwise()
        time.sleep(0.02)
    return value


def write_picture(path: Path, size: tuple[int, int] = (64, 48), color: Any = None, mode: str = "RGB") -> Path:
    """A picture of one colour; by default a colour that depends on the file's name, so that files differ."""
    if color is None:
        number = sum(path.name.encode())
        color = (number % 256, number // 7 % 256, 90) if mode == "RGB" else number % 256
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, color).save(path)
    return path


def write_pareidolias(folder: Path, count: int, *, first: int = 0) -> Path:
    """`count` of the demo's pictures as folder/images and folder/annotations.json; the last fifth is split "test"."""
    shipped = read_coco(PAREIDOLIAS)
    chosen = shipped.samples[first : first + count]
    assert len(chosen) == count
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for sample in chosen:
        shutil.copy(sample.path, folder / "images" / sample.file_name)
    train = count - max(1, round(count / 5))
    samples = [replace(s, split="train" if k < train else "test") for k, s in enumerate(chosen)]
    path = folder / "annotations.json"
    write_json(path, to_coco(samples, shipped.definition), indent=None)
    return path


def make_project(
    root: Path, name: str = "faces", *, pictures: int = 3, labeled: int = 0, definition: Definition | None = SMALL
) -> Project:
    """A project under root/projects with `pictures` pictures, the first `labeled` of them completely labeled."""
    project = Workspace(root / "projects").create(name, definition=definition)
    for number in range(pictures):
        picture = write_picture(root / "in" / f"{name}-{number}.png", color=(number % 256, number // 256, 50))
        project.add_pictures([picture])
    for face in project.store.faces()[:labeled]:
        label_face(project, face.id)
    return project


def write_first_version(path: Path) -> None:
    """A label database as the first labeler wrote it: one picture, whose face has landmark 4 at (3, 3)."""
    database = Database(sqlite3.connect(path), strict=True)
    migrate(database, where=path.name, steps=MIGRATIONS[:1])
    database.execute("INSERT INTO images VALUES (1, 'a.png', 'a.png', 9, 9, 'x', 'train', 'a', 1.0)")
    database.execute("INSERT INTO faces (id, image_id) VALUES (1, 1)")
    database.execute("INSERT INTO actions VALUES (1, 1, 'create', 'whole picture', NULL, 1.0)")
    database.execute("INSERT INTO box_edits (action_id, face_id, x, y, w, h) VALUES (1, 1, 0, 0, 9, 9)")
    database.execute("INSERT INTO actions VALUES (2, 1, 'edit', 'placed', NULL, 2.0)")
    database.execute("INSERT INTO point_edits VALUES (2, 1, 4, 3, 3, 2, 'placed', NULL, NULL, NULL, NULL)")
    database.conn.commit()
    database.close()


def label_face(project: Project, face_id: int, ids: Iterable[int] | None = None) -> None:
    """Label landmarks (by default all) at places that depend on the face and the landmark."""
    assert project.definition is not None
    places = {key: Point(10.0 + key + face_id / 8, 20.0 + 2 * key, 2) for key in ids or project.definition.ids}
    project.store.edit_points(face_id, places)


def label_alike(project: Project) -> Project:
    """All faces labeled, each landmark at its one of PLACES."""
    for face in project.store.faces():
        project.store.edit_points(face.id, {key: Point(*place, 2) for key, place in PLACES.items()})
    return project


def python_run(project: Project, code: str, *, kind: str = "train") -> Run:
    """Start a run whose command is Python code; `run` in it is the run's folder as a Path."""
    return jobs.start(
        project,
        kind,
        Settings(),
        {TARGET: project.unlabeled_faces() if kind == "prelabel" else project.training_set()},
        commands=python_commands(code),
    )


def python_commands(code: str) -> CommandsOf:
    """One command that is Python code; `run` in it is the run's folder as a Path."""
    script = "import json, sys, time, os, signal\nfrom pathlib import Path\nrun = Path(sys.argv[1])\n" + code
    return lambda project, record, source: [[sys.executable, "-c", script, str(project.runs.resolve() / record.id)]]


def predictions_of(project: Project, faces: Iterable[int], *, p_off: float = 0.1, run: str = "001") -> dict[str, Any]:
    """What a run's predictions.json holds: every landmark of `faces`, flagged when `p_off` is above 0.2."""
    definition = project.definition
    assert definition is not None
    n = len(definition.ids)
    attributes = {
        "source": "predicted",
        "run": run,
        "covariance": [[4.0, 1.0, 9.0]] * n,
        "p_off": [p_off] * n,
        "flagged": [p_off > 0.2] * n,
    }
    keypoints = [number for key in definition.ids for number in (5.0 + key, 6.0 + key, 2)]
    return {
        "categories": [definition.to_category()],
        "annotations": [{"id": face, "keypoints": keypoints, "attributes": {**attributes}} for face in faces],
    }


def leave_predictions(project: Project, number: int, predictions: Mapping[str, Any]) -> Path:
    """The folder of a finished run that predicted; returns it."""
    folder = project.runs / f"{number:03d}"
    folder.mkdir(parents=True)
    record = {
        "id": folder.name,
        "kind": "train",
        "created_at": 1000.0,
        "pid": 1,
        "process_started": "long ago",
        "images": 1,
        "faces": 1,
        "source": None,
        "preset": None,
        "minutes": None,
    }
    (folder / "run.json").write_text(json.dumps(record))
    (folder / "predictions.json").write_text(json.dumps(predictions))
    (folder / "exit.json").write_text(json.dumps({"code": 0, "ended_at": 1060.0}))
    return folder


def leave_starter(project: Project, number: int) -> Path:
    """The folder of a finished training whose model is the starter, a real one of 68 landmarks; returns it."""
    folder = leave_predictions(project, number, predictions_of(project, []))
    (folder / "predictions.json").unlink()  # it has predicted nothing yet
    for file in ("model.json", "model.safetensors"):
        shutil.copy(STARTER / file, folder / file)
    write_json(folder / "metrics.json", {"nme": 5.0, "n": 3})
    return folder


@contextlib.contextmanager
def starter_project(root: Path, *pictures: Path) -> Iterator[Project]:
    """A project in `root` with the landmarks of the starter, these pictures, and a run 001 that has its model."""
    workspace = Workspace(root)
    project = workspace.create("faces", definition=load_definition("300w"))
    for picture in pictures:
        project.add_picture(picture)
    leave_starter(project, 1)
    yield project
    workspace.close()


def drawn_faces() -> list[Path]:
    """Four pictures of the shipped set, each with a face."""
    return [sample.path for sample in read_coco(PAREIDOLIAS).samples[:4]]


def portable_run(folder: Path) -> Path:
    """A small model with random weights that can be exported, written to `folder`. Its head "apes" follows another."""
    import numpy as np
    import torch

    from mdmd.config import ModelConfig
    from mdmd.evaluation.calibration import Calibration
    from mdmd.models.checkpoint import Checkpoint
    from mdmd.models.landmark_model import MDMD
    from mdmd.run_folder import History
    from mdmd.transfer.follow import Relation

    torch.manual_seed(3)
    model = MDMD(ModelConfig(encoder="test_vit", image_size=64, decoder_heads=2, views="two"))
    model.add_head("apes", SMALL)
    model.add_head("people", replace(SMALL, name="people"))
    weights = np.array([[0.7, 0.1, 0.1, 0.1], [0.1, 0.7, 0.1, 0.1], [0, 0, 1, 0], [0.3j, -0.3j, 0.2, 0.8]])
    model.follow("apes", "people").take(Relation(weights, np.array([0.5, 1.0, 1.5, 2.0]), np.array([[0.1]])))
    heldout = {"nme": 5.25, "nme_low": 4.5, "nme_high": 6.0, "coverage90": 0.91, "n": 30.0}
    base = History(faces={"people": 1207}, licenses={"people": "research only"})
    learned = History("vit_tiny.safetensors", base, "adapt", faces={"apes": 120}, licenses={"apes": "CC BY 4.0"})
    history = replace(learned, heldout=heldout)
    Checkpoint(model, "apes", {"apes": Calibration(scale=0.8, power=1.1, faces=30)}, history).save(folder)
    return folder
