"""Seconds from a new project to the first proposed points on its second face; prints a Markdown table.

    python benchmarks/first_proposals.py --data DATA/stylised9/annotations.json

The server runs as `labeler open` starts it. "Created" is when the project has its pictures and its label page has
loaded. Then the first face is labeled at once, and the second one is asked for until it has proposed points: a person
takes longer to place the first points, and the base looks at the pictures meanwhile. `--base RUN` is a base to use
instead of the starter.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from pathlib import Path

from label_page import serve

from labeler.storage.records import Point
from mdmd.data.coco import read_coco


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a COCO-keypoint file")
    parser.add_argument("--pictures", type=int, default=100)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--base", type=Path)
    options = parser.parse_args()
    print("| boxes | created, s | then to points on the second face, s | together | to points on all faces, s |")
    print("| --- | --- | --- | --- | --- |")
    for given in (True, False):
        for _ in range(options.times):
            created, second, every = measured(options.data, options.pictures, given, options.base)
            numbers = f"{created:.1f} | {second:.1f} | {created + second:.1f} | {every:.0f}"
            print(f"| {'given' if given else 'none'} | {numbers} |", flush=True)


def measured(data: Path, pictures: int, boxes: bool, base: Path | None) -> tuple[float, float, float]:
    """Seconds until the project is created, until points on the second face after that, and until all have some."""
    dataset = read_coco(data)
    faces = dataset.labeled("train")[:pictures]
    with tempfile.TemporaryDirectory(prefix="labeler-first-") as name, serve(Path(name)) as site:
        if base is not None:
            shutil.copytree(base, site.workspace.root / ".bases" / "base-vit_tiny-heatmap-0")
        began = time.monotonic()
        project = site.workspace.create("faces", definition=dataset.definition)
        for face in faces:
            project.add_picture(face.path, boxes=[face.box] if boxes else [])
        with site.page(project) as page:
            created = time.monotonic()
            labels = faces[0].annotation
            assert labels is not None
            places = zip(project.index.ids, labels.points.tolist(), strict=True)
            project.store.edit_points(1, {key: Point(x, y, 2) for key, (x, y) in places})

            def proposes(face: int) -> bool:
                view = page.evaluate(
                    f"fetch('/api/projects/faces/faces/{face}').then((answer) => answer.json())",
                )
                return len(view["predictions"]) == len(dataset.definition.landmarks)

            while not proposes(2):
                time.sleep(0.05)
            second = time.monotonic()
            while not all(proposes(face) for face in range(2, len(faces) + 1)):
                time.sleep(1)
            return created - began, second - created, time.monotonic() - created


if __name__ == "__main__":
    main()
