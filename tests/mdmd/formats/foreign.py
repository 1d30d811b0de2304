"""Files as other tools write them, with the truth, and sets to write and read again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from mdmd.formats.labels import Face, Image, LabelSet
from tests.builders import write_picture

CASES = Path(__file__).parent / "cases"
TRUTH: dict[str, Any] = json.loads((CASES / "truth.json").read_text())
#: The pictures of each case. They are drawn here, because only their names and their size count.
PICTURES: dict[str, list[str]] = json.loads((CASES / "pictures.json").read_text())
SIZE = (320, 320)


def case(name: str, place: Path) -> Path:
    """A copy of the case `name` in the new folder `place`, with its pictures."""
    shutil.copytree(CASES / name, place)
    for picture in PICTURES.get(name, []):
        write_picture(place / picture, size=SIZE)
    return place


def check_truth(labels: LabelSet, *, within: float = 0.01, hidden: bool = True, files: int = 3) -> None:
    """The three pictures of a case have the true points: `within` pixels; without `hidden`, hidden ones are visible."""
    assert labels.left_out == ()
    assert len(labels.images) == files
    order = [labels.landmarks.index(name) for name in TRUTH["names"]]
    assert len(labels.landmarks) == len(order)
    for image in labels.images:
        [face] = image.faces
        stem = Path(image.name).stem.split("_jpg")[0]
        true = np.array(TRUTH["points"][f"{stem}.jpg"])
        labeled = true[:, 2] > 0
        wanted = true[:, 2] if hidden else np.where(labeled, 2, 0)
        assert face.visibility[order].tolist() == wanted.tolist(), image.name
        np.testing.assert_allclose(face.points[order][labeled], true[labeled, :2], rtol=0, atol=within)


def same(one: Face, other: Face, within: float = 1e-6) -> None:
    """Two faces have the same labels and boxes."""
    assert one.visibility.tolist() == other.visibility.tolist()
    np.testing.assert_allclose(one.points, other.points, rtol=0, atol=within)
    if one.box is None or other.box is None:
        assert one.box == other.box
    else:
        boxes = [[box.x, box.y, box.w, box.h] for box in (one.box, other.box)]
        np.testing.assert_allclose(*boxes, rtol=0, atol=within)


def one_image(folder: Path, points: list[list[float]], name: str = "a.png", **told: Any) -> Image:
    """An image of 320 x 320 pixels in `folder` with one face of these (x, y, v)."""
    table = np.array(points, dtype=float)
    face = Face(table[:, :2], table[:, 2].astype(np.int64), **told)
    return Image(name, write_picture(folder / name, size=SIZE), (face,), SIZE)
