"""Everything that is written has the permissions that the umask leaves: 0666 and 0777 without its bits."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.builders import write_pareidolias

#: Prints the permissions of all that lies beside and under `root`.
SEEN = """
import json
print(json.dumps({str(path.relative_to(root.parent)): path.stat().st_mode for path in root.parent.rglob("*")}))
"""
#: A project made and used without training; the database is open at the end, so that -wal and -shm are seen too.
USED = """
import sys
from pathlib import Path
from labeler.cli.main import main
from labeler.pictures.thumbnails import WIDTHS
from labeler.project.workspace import Workspace
from labeler.runs.demo import open_demo
from labeler.runs.sources import Sources

inside, root = map(Path, sys.argv[1:])
shared = ["--projects", str(root)]
assert main(["new", "mine", "--pictures", str(inside / "more"), "--definition", "pare", *shared]) == 0
assert main(["import", "faces", str(inside / "annotations.json"), *shared]) == 0
assert main(["export", "faces", "--out", str(root / "out" / "faces.json"), *shared]) == 0
Sources(root, drawn_faces=2).make("drawn68")
workspace = Workspace(root)
project = open_demo(workspace)
assert main(["report", "demo", "--run", "001", *shared]) == 0
picture = next(iter(sorted(project.images.iterdir())))
for width in WIDTHS:
    project.thumbnails.get(picture, width)
project.change_settings()
"""
#: A training by the command: a base with its crops and saved state, the model, predictions and the report.
TRAINED = """
import sys
from pathlib import Path
from labeler.cli.main import main

inside, root = map(Path, sys.argv[1:])
shared = ["--projects", str(root)]
assert main(["import", "faces", str(inside / "annotations.json"), *shared]) == 0
assert main(["train", "faces", "--steps", "3", "--preset", "tiny", "--weights", "none",
             "--source", str(inside / "annotations.json"), "--base-minutes", "0.02", *shared]) == 0
assert main(["report", "faces", "--run", "001", *shared]) == 0
"""

#: Under 0o020 all usual modes are wrong, whether code asks for them (0600, 0644, 0664) or sets them (also 0666).
ONE_UMASK = pytest.mark.parametrize(
    "umask",
    [0o020, pytest.param(0o022, marks=pytest.mark.slow), pytest.param(0o077, marks=pytest.mark.slow)],
    ids=oct,
)


@ONE_UMASK
def test_what_the_tool_writes_follows_the_umask(tmp_path: Path, umask: int):
    written = written_under(umask, USED, tmp_path)
    for needed in ("mine/labels.db", "demo/labels.db-wal", "out/faces.json", "demo/cache", ".sources/drawn68/images"):
        assert f"projects/{needed}" in written
    assert wrong(written, umask) == {}


@ONE_UMASK
def test_what_a_training_writes_follows_the_umask(tmp_path: Path, umask: int):
    written = written_under(umask, TRAINED, tmp_path)
    assert "projects/faces/runs/001/model.safetensors" in written
    assert any(path.startswith("projects/.bases/") and path.endswith("model.safetensors") for path in written)
    assert any(path.startswith("home/crops/") for path in written)
    assert wrong(written, umask) == {}


def written_under(umask: int, code: str, folder: Path) -> dict[str, int]:
    """The modes of what a process with this umask writes when it runs `code`, from pictures with other permissions."""
    inside = folder / "in"
    write_pareidolias(inside, 8)
    (inside / "images").rename(inside / "more")
    (inside / "images").mkdir()
    for number, picture in enumerate(sorted((inside / "more").iterdir())):
        picture.rename(inside / "images" / picture.name)
        (inside / "images" / picture.name).chmod((0o400, 0o777, 0o604)[number % 3])
    write_pareidolias(inside / "more", 3, first=8)
    root = folder / "written" / "projects"
    root.parent.mkdir()
    # The process sets its own umask; `preexec_fn` is not safe in a process with threads.
    done = subprocess.run(
        [sys.executable, "-c", f"import os; os.umask({umask})\n{code}\n{SEEN}", inside, root],
        env={**os.environ, "MDMD_HOME": str(root.parent / "home")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def wrong(written: dict[str, int], umask: int) -> dict[str, str]:
    """The permissions of each path that has others than the umask leaves."""
    return {
        path: oct(stat.S_IMODE(mode))
        for path, mode in written.items()
        if stat.S_IMODE(mode) != (0o777 if stat.S_ISDIR(mode) else 0o666) & ~umask
    }
