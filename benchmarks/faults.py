"""What becomes of a project when a process is killed, the disk is full, or the file of its labels is damaged.

    python benchmarks/faults.py [--kills 200] [--full 50] [--damages 200] [--folder FOLDER]

Each trial works on a fresh copy of a small project. A child process does one thing (`DOINGS`) and says after each edit
that it was acknowledged; it is killed with SIGKILL at a random moment of the time that the thing takes. Then the
project is opened again as the tool does it, checked, and the thing is done once more. "lost" counts acknowledged edits
that are not there, "different" trials whose labels are not what was saved although nothing says so, and "unfinished"
trials after which doing it again does not give what an undisturbed process gives.

For a full disk the project lies on a file system of its own, which needs root, with a random number of bytes left. For
damage one page of a closed labels.db is overwritten in part; "told" counts those that opening or the check names, and
"harmless" those after which every word of a person reads as before.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from labeler.project.project import Project, open_project
from labeler.project.safekeeping import restore
from labeler.project.workspace import Workspace
from labeler.runs.collect import collect_predictions
from labeler.storage.records import Point
from mdmd.data.definition import Definition
from mdmd.errors import DataError
from mdmd.files import read_json, write_json

PICTURES, EDITS = 12, 40
DEFINITION = Definition("small", ("eye_left", "eye_right", "nose", "chin"), groups=(5, 6, 9, 2), mirror=(1, 0, 2, 3))
#: Called after each edit that was acknowledged.
Say = Callable[[], None]
#: What a person would call the contents of a project: labels, boxes and pictures by name.
Words = Mapping[str, object]


@dataclass(frozen=True)
class Doing:
    """Something that a process does with the project in `folder`. `done` says whether it was finished."""

    do: Callable[[Path, Say], None]
    finished: Callable[[Path], object]
    prepare: Callable[[Path], None] = lambda folder: None


def words(project: Project) -> Words:
    """What the project holds, by names that do not depend on the order in which things came in."""
    names = {picture.id: picture.name for picture in project.store.images()}
    points = project.store.points()
    return {
        names[face.picture if hasattr(face, "picture") else face.image_id]: (points.get(face.id, {}), face.box)
        for face in project.store.faces()
    }


def label(folder: Path, say: Say) -> None:
    project = open_project(folder)
    faces = project.store.faces()
    for k in range(EDITS):
        project.store.edit_points(faces[k % len(faces)].id, {1 + k % 4: Point(float(k), 1.0 + k, 2)})
        say()
        if k % 10 == 0:
            project.safekeeping.step()
    project.close()


def labeled(folder: Path) -> object:
    project = open_project(folder)
    found = words(project)
    project.close()
    return found


def bring_in(folder: Path, say: Say) -> None:
    project = open_project(folder)
    project.import_coco(folder.parent / "in" / "in.json")
    project.close()


def write_out(folder: Path, say: Say) -> None:
    project = open_project(folder)
    project.export(folder / "exports" / "out.json")
    project.close()


def written_out(folder: Path) -> object:
    file = folder / "exports" / "out.json"
    return read_json(file)["annotations"] if file.exists() else None


def copy(folder: Path, say: Say) -> None:
    project = open_project(folder)
    for k in range(5):
        project.store.edit_points(1, {1: Point(float(k), 1.0, 2)})
        project.safekeeping.backups.make("edits")
    project.close()


def copies_hold(folder: Path) -> object:
    project = open_project(folder)
    backups = project.safekeeping.backups
    broken = [problem for made in backups.all() for problem in backups.problems(made)]
    project.close()
    return broken


def migrate(folder: Path, say: Say) -> None:
    open_project(folder).close()


def collect(folder: Path, say: Say) -> None:
    project = open_project(folder)
    collect_predictions(project)
    project.close()


def collected(folder: Path) -> object:
    project = open_project(folder)
    found = project.store.predictions.current()
    project.close()
    return found


def make_old(folder: Path) -> None:
    """The database as a labeler of before the checksums left it."""
    with closing(sqlite3.connect(folder / "labels.db")) as database:
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {name}")
        database.execute("DROP TABLE checksums")
        [version] = database.execute("PRAGMA user_version").fetchone()
        steps = list_of_steps()
        database.execute(f"PRAGMA user_version = {steps}")
        assert steps < version
        database.commit()
    (folder / "labels.mark").unlink(missing_ok=True)
