"""An import that is killed anywhere, and started again, ends as one that never was."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from labeler.cli.main import main
from labeler.project.workspace import Workspace
from mdmd.files import PARTIAL
from mdmd.formats.coco_extras import merged
from tests.builders import CATEGORY, write_picture

ROOT = Path(__file__).parents[3]
#: How many moments of an import are tried; each is killed there, again while it goes on, and then ends.
MOMENTS = 14
#: The code whose lines are the moments.
TRACED = ("labeler/cli/exchange.py", "labeler/pictures/", "labeler/project/", "labeler/storage/", "mdmd/files.py")


def write_set(folder: Path) -> Path:
    """Faces of all kinds: several on a picture, a picture under two names, a converted one, one without labels."""
    for name, color in (("a.png", (9, 9, 9)), ("again.png", (9, 9, 9)), ("bare.png", (1, 2, 3))):
        write_picture(folder / "images" / name, color=color)
    write_picture(folder / "images" / "clear.png", color=(4, 5, 6, 99), mode="RGBA")
    images = [
        {"id": 10 + k, "file_name": name, "width": 64, "height": 48, "split": split, "license": k}
        for k, (name, split) in enumerate(
            [("a.png", "train"), ("again.png", "train"), ("bare.png", "test"), ("clear.png", "train")]
        )
    ]
    places = [(10, 1), (10, 20), (11, 40), (13, 30)]
    annotations = [
        {
            "id": k,
            "image_id": image,
            "keypoints": [x, 2, 2, x + 3, 4, 1, 0, 0, 0, 7, 8, 2],
            "bbox": [x, 1, 9, 9],
            "segmentation": [[x]],
        }
        for k, (image, x) in enumerate(places, 1)
    ]
    file = folder / "annotations.json"
    coco = {"licenses": [{"id": 1}], "images": images, "annotations": annotations, "categories": [CATEGORY]}
    file.write_text(json.dumps(coco))
    return file


def state_of(root: Path) -> dict[str, Any]:
    """All that an import leaves, without times."""
    workspace = Workspace(root)
    project = workspace.open("faces")
    store = project.store
    images = sorted(path.name for path in project.images.iterdir())
    told = {
        "images": images,
        "pictures": [
            (p.name, p.file_name, p.split, p.subject, p.sha256, store.file_digest(p.id)) for p in store.images()
        ],
        "left over": [str(path) for path in root.rglob(f"*{PARTIAL}")],
        "files": [hashlib.sha256((project.images / p.file_name).read_bytes()).hexdigest() for p in store.images()],
        "faces": [(face.image_id, face.box) for face in store.faces()],
        "labels": store.points(),
        "actions": store.connection.rows("SELECT face_id, kind, source FROM actions"),
        "extras": [merged(store.extras.of_sets()), store.extras.of_images(), store.extras.of_faces()],
        "definitions": [saved.category for saved in store.definitions.all()],
    }
    workspace.close()
    return json.loads(json.dumps(told, default=str))


def run_import(root: Path, file: Path, *, dies_at: int | None = None) -> int:
    """Import in a process of its own, which is killed at line number `dies_at`; returns how many lines it had."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        lines = 0

        def trace(frame: FrameType, event: str, arg: object) -> Any:
            nonlocal lines
            if not frame.f_code.co_filename.removeprefix(f"{ROOT}/").startswith(TRACED):
                return None
            if event == "line":
                lines += 1
                if lines == dies_at:
                    os.kill(os.getpid(), signal.SIGKILL)
            return trace

        sys.settrace(trace)
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            code = main(["import", "faces", str(file), "--projects", str(root)])
        sys.settrace(None)
        os.write(writing, f"{lines if code == 0 else -code}".encode())
        os._exit(0)
    os.close(writing)
    _, status = os.waitpid(child, 0)
    with open(reading) as told:
        lines = int(told.read() or 0)
    assert (os.WTERMSIG(status) == signal.SIGKILL) if dies_at is not None else lines > 0, (status, lines)
    return lines


def kill_everywhere(folder: Path) -> None:
    file = write_set(folder / "set")
    lines = run_import(folder / "whole", file)
    whole = state_of(folder / "whole")
    assert len(whole["pictures"]) == 3
    assert len(whole["labels"]) == 4
    assert [len(found) for found in whole["extras"]] == [1, 3, 4]
    for k in range(MOMENTS):
        moment = (2 * k + 1) * lines // (2 * MOMENTS)
        root = folder / f"killed-{k}"
        run_import(root, file, dies_at=moment)
        run_import(root, file, dies_at=1 + moment // 3)
        run_import(root, file)
        state = state_of(root)
        for key, value in whole.items():
            assert state[key] == value, f"killed at line {moment} of {lines}: {key}: {state[key]}, wanted {value}"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that are copies of this one")
def test_a_killed_import_ends_as_a_whole_one(tmp_path: Path):
    # In a process of its own: this one has threads, which a copy of it would lack.
    code = f"from pathlib import Path; from {__name__} import kill_everywhere; kill_everywhere(Path({str(tmp_path)!r}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
