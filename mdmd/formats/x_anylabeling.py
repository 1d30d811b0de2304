"""X-AnyLabeling: a JSON file for each image, beside it, as labelme writes it, with more about each shape.

The shapes of a face have the same `group_id`. A point that is `difficult` is hidden. A face all of whose points have a
`score` was labeled by a model. The landmarks are the labels of the points, in the order of labels.txt where it lies
beside the files, and else as they come. Source: https://github.com/CVHub520/X-AnyLabeling.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mdmd.formats.format import Format, Pictures, Reading, losses
from mdmd.formats.labelme import read_files, write_files, written_by
from mdmd.formats.labels import Image, LabelSet, Loss
from mdmd.formats.lost import has_label
from mdmd.formats.shapes import FACE, drawn_only, label_names

VERSION = "3.2.1"


def detect(place: Path) -> bool:
    """Whether `place` is a file of X-AnyLabeling, or a folder with such files."""
    return written_by(place) == "x-anylabeling"


def read(place: Path, how: Reading) -> LabelSet:
    """Read the file `place`, or all such files below the folder `place`. Raises DataError."""
    return read_files(place, how, _visibility, score="score")


def _visibility(shape: Mapping[str, Any]) -> int:
    return 1 if shape.get("difficult") is True else 2


def write(labels: LabelSet, out: Path, pictures: Pictures) -> list[Loss]:
    """Write a JSON file beside each image, and labels.txt."""
    lost = write_files(labels, out, pictures, _file)
    return losses(**lost, **_scores_lost(labels))


def _scores_lost(labels: LabelSet) -> dict[str, int]:
    """A model is told by the scores of points only."""
    lost = {"scores": 0, "predicted": 0}
    for face in (face for image in drawn_only(labels).images for face in image.faces):
        lost["predicted"] += face.predicted and not (has_label(face) and face.scores is not None)
        lost["scores"] += face.scores is not None and not (has_label(face) and face.predicted)
    return lost


def _file(labels: LabelSet, image: Image, size: tuple[int, int] | None, name: str) -> Any:
    shapes = []
    for number, face in enumerate(image.faces, start=1):
        scores = face.scores if face.predicted else None
        if face.box is not None:
            low, high = (face.box.x, face.box.y), (face.box.x + face.box.w, face.box.y + face.box.h)
            corners = [[low[0], low[1]], [high[0], low[1]], [high[0], high[1]], [low[0], high[1]]]
            shapes.append(_shape(FACE, "rectangle", corners, number))
        for k, landmark, x, y, visibility in label_names(labels, face):
            score = None if scores is None else float(scores[k])
            shapes.append(_shape(landmark, "point", [[x, y]], number, score=score, difficult=visibility == 1))
    width, height = size or (None, None)
    return {
        "version": VERSION,
        "flags": {},
        "checked": False,
        "shapes": shapes,
        "imagePath": name,
        "imageData": None,
        "imageHeight": height,
        "imageWidth": width,
    }


def _shape(
    label: str, kind: str, points: list[list[float]], group: int, *, score: float | None = None, difficult: bool = False
) -> dict[str, Any]:
    return {
        "label": label,
        "points": points,
        "shape_type": kind,
        "score": score,
        "group_id": group,
        "description": "",
        "difficult": difficult,
        "flags": {},
        "attributes": {},
        "kie_linking": [],
    }


FORMAT = Format("x-anylabeling", "X-AnyLabeling", detect, read, write)
