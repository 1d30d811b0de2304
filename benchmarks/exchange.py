"""How long an import and an export take beside those of an older version; prints a Markdown table.

    git worktree add --detach OLD fc7229b
    python benchmarks/exchange.py --beside OLD [--pictures 1500] [--rounds 3]

Small pictures with one face of 68 points each are drawn, and `labeler import` and `labeler export` run on them with the
code of this folder and of OLD, in turn, each time into a new project. The times are those of the commands without the
start of Python. Ratios are the older time over the newer one of the same round: median, smallest and largest.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).parents[1]
SIZE = 64
#: The commands of one version; prints their wall-clock and CPU seconds.
TIMED = """
import contextlib, io, json, os, sys, time
try:
    from labeler.cli.main import main
except ImportError:
    from labeler.cli import main
projects, file = sys.argv[1:]
found = []
for words in (["import", "faces", file], ["export", "faces", "--out", projects + "/out.json"]):
    start = time.perf_counter(), sum(os.times()[:2])
    with contextlib.redirect_stdout(io.StringIO()):
        code = main([*words, "--projects", projects])
    assert code == 0, words
    found.append([time.perf_counter() - start[0], sum(os.times()[:2]) - start[1]])
print(json.dumps(found))
"""


def draw_set(folder: Path, pictures: int) -> Path:
    """Pictures that differ, and a COCO file with one face of 68 points for each."""
    rng = np.random.default_rng(0)
    (folder / "images").mkdir(parents=True)
    category = json.loads((ROOT / "mdmd" / "definitions" / "300w.json").read_text())
    images, faces = [], []
    for k in range(1, pictures + 1):
        name = f"{k:05d}.png"
        Image.fromarray(rng.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)).save(folder / "images" / name)
        images.append({"id": k, "file_name": name, "width": SIZE, "height": SIZE, "split": "train", "group": name})
        points = np.column_stack([rng.uniform(1, SIZE - 1, (68, 2)).round(2), np.full(68, 2)])
        keypoints = [n for x, y, v in points.tolist() for n in (x, y, int(v))]
        box = {"bbox": [1, 1, SIZE - 2, SIZE - 2], "area": (SIZE - 2) ** 2, "iscrowd": 0, "segmentation": []}
        faces.append({"id": k, "image_id": k, "category_id": 1, "keypoints": keypoints, "num_keypoints": 68, **box})
    file = folder / "annotations.json"
    file.write_text(json.dumps({"info": {}, "images": images, "annotations": faces, "categories": [category]}))
    return file


def seconds(code: Path, file: Path) -> list[list[float]]:
    """Wall-clock and CPU seconds of the import and of the export with the version in the folder `code`."""
    with tempfile.TemporaryDirectory(dir=file.parents[1]) as projects:
        environment = {**os.environ, "PYTHONPATH": str(code), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-c", TIMED, projects, str(file)]
        done = subprocess.run(command, cwd=code, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--beside", type=Path, required=True, metavar="OLD", help="the folder of the older version")
    parser.add_argument("--pictures", type=int, default=1500)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = draw_set(Path(folder) / "in", asked.pictures)
        rounds = [(seconds(asked.beside.resolve(), file), seconds(ROOT, file)) for _ in range(asked.rounds)]
    print("| what | pictures a second, before | now | times as fast | in CPU time |\n| --- | --- | --- | --- | --- |")
    for k, what in enumerate(("import", "export")):
        rates = [asked.pictures / statistics.median(one[side][k][0] for one in rounds) for side in (0, 1)]
        ratios = [_told([old[k][clock] / new[k][clock] for old, new in rounds]) for clock in (0, 1)]
        print(f"| {what} | {rates[0]:,.0f} | {rates[1]:,.0f} | {ratios[0]} | {ratios[1]} |")


def _told(ratios: list[float]) -> str:
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


if __name__ == "__main__":
    main()
