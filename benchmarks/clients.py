"""Many clients that label at once, with and without a training beside: what is lost, and how long saving takes.

    python benchmarks/clients.py [--clients 20] [--seconds 60]

`labeler open` serves a project of drawn faces. Each client is a thread that saves one point after the other: first each
on a face of its own, then all on one face. There a client reads the face, moves a landmark on the basis of what it has
read, and reads again when the server refuses because of a conflict. "lost" counts acknowledged edits that the history
does not hold, "unseen" those that replaced an edit which their client had not seen. The same is done once more while
`labeler train` runs.
"""

from __future__ import annotations

import argparse
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np

from labeler.project.workspace import Workspace
from labeler.storage.store import Store
from mdmd.data.definition import load_definition
from mdmd.synthetic.datasets import PAREIDOLIAS


@dataclass(frozen=True)
class Edit:
    """An acknowledged edit: the action that it is, what its client had seen, and how long saving took."""

    face: int
    landmark: int
    place: float
    action: int
    seen: int
    seconds: float


@contextmanager
def served(projects: Path) -> Iterator[httpx.Client]:
    """A client of `labeler open`."""
    words = ["-m", "labeler.cli.main", "--projects", str(projects), "open", "--port", "0", "--no-browser"]
    told = projects / "server.txt"
    with told.open("w") as output:
        server = subprocess.Popen([sys.executable, *words], stdout=output, stderr=subprocess.STDOUT)
        try:
            while not (found := re.search(r"open (http://\S+?)/?\?token=(\S+)", told.read_text())):
                time.sleep(0.05)
            limits = httpx.Limits(max_connections=100)
            with httpx.Client(base_url=found[1], timeout=60, limits=limits, headers={"Origin": found[1]}) as client:
                client.get("/", params={"token": found[2]})
                yield client
        finally:
            server.terminate()
            server.wait()


def labels(
    client: httpx.Client, address: str, face: int, landmarks: Sequence[int], seconds: float, seed: int
) -> list[Edit]:
    """What one client saves on `face` in some seconds."""
    rng, made = random.Random(seed), list[Edit]()
    until = time.monotonic() + seconds
    view = client.get(f"{address}/faces/{face}").raise_for_status().json()
    while time.monotonic() < until:
        landmark, place = rng.choice(landmarks), rng.uniform(1, 90)
        body = {"points": [{"id": landmark, "x": place, "y": 5.0, "v": 2}], "revision": view["revision"]}
        began = time.monotonic()
        answer = client.post(f"{address}/faces/{face}/points", json=body)
        spent = time.monotonic() - began
        if answer.status_code == 409:
            view = answer.json()["view"]
            continue
        after = answer.raise_for_status().json()
        made.append(Edit(face, landmark, place, after["revision"], view["revision"], spent))
        view = after
    return made


def checked(store: Store, made: Sequence[Edit]) -> tuple[int, int]:
    """How many acknowledged edits are not in the history, and how many replaced what their client had not seen."""
    rows = store.connection.rows("SELECT face_id, landmark_id, x, action_id FROM point_edits ORDER BY action_id")
    there = {(row["face_id"], row["landmark_id"], row["x"]): row["action_id"] for row in rows}
    by_landmark: dict[tuple[int, int], list[int]] = {}
    for row in rows:
        by_landmark.setdefault((row["face_id"], row["landmark_id"]), []).append(row["action_id"])
    lost = sum((edit.face, edit.landmark, edit.place) not in there for edit in made)
    unseen = 0
    for edit in made:
        action = there.get((edit.face, edit.landmark, edit.place), edit.action)
        before = [a for a in by_landmark.get((edit.face, edit.landmark), []) if edit.seen < a < action]
        unseen += bool(before)
    return lost, unseen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        projects = Path(folder) / "projects"
        workspace = Workspace(projects)
        project = workspace.create("crowd", definition=load_definition("pare"))
        project.import_labels(PAREIDOLIAS)
        faces, ids = [face.id for face in project.store.faces()], project.index.ids
        print("| faces | training | edits | lost | unseen | p50 | p95 |")
        print("| --- | --- | --- | --- | --- | --- | --- |")
        with served(projects) as client:
            p95: dict[tuple[str, bool], float] = {}
            for training in (False, True):
                run = start_training(projects) if training else None
                for what, chosen in (("own", faces[: options.clients]), ("one", [faces[0]] * options.clients)):
                    with ThreadPoolExecutor(options.clients) as pool:
                        jobs = [
                            pool.submit(labels, client, "/api/projects/crowd", face, ids, options.seconds, seed)
                            for seed, face in enumerate(chosen)
                        ]
                        made = [edit for job in jobs for edit in job.result()]
                    lost, unseen = checked(project.store, made)
                    times = [edit.seconds for edit in made]
                    p95[what, training] = float(np.quantile(times, 0.95))
                    cells = (
                        f"{what} | {'yes' if training else 'no'} | {len(made)} | {lost} | {unseen} |"
                        f" {1000 * np.median(times):.0f} ms | {1000 * p95[what, training]:.0f} ms"
                    )
                    print(f"| {cells} |", flush=True)
                if run is not None:
                    assert run.poll() is None, "the training ended before the clients"
                    run.terminate()
                    run.wait()
            for what in ("own", "one"):
                print(f"p95 on {what}: with the training {p95[what, True] / p95[what, False]:.2f} times that without")
        workspace.close()


def start_training(projects: Path) -> subprocess.Popen[bytes]:
    words = ["-m", "labeler.cli.main", "--projects", str(projects), "train", "crowd", "--minutes", "30"]
    run = subprocess.Popen([sys.executable, *words], stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
    time.sleep(30)  # it imports and draws first
    return run


if __name__ == "__main__":
    main()
