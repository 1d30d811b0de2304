"""COCO results: what a model predicted, for the images of another file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mdmd.errors import DataError
from mdmd.formats.known import detect, read
from tests.builders import write_picture

RESULTS = [
    {"image_id": 7, "category_id": 1, "keypoints": [1, 2, 1, 3, 4, 1], "score": 0.75},
    {"image_id": 7, "category_id": 1, "keypoints": [11, 12, 0.5, 13, 14, 0.25], "score": 0.9},
]


def lay(root: Path, results: Any = RESULTS, *, at: str = "results.json") -> Path:
    names = {"images": [{"id": k, "file_name": f"{k}.png"} for k in (7, 8)], "annotations": []}
    category = {"id": 1, "name": "face", "keypoints": ["nose", "chin"], "skeleton": [[1, 2]]}
    (root / "labels.json").write_text(json.dumps({**names, "categories": [category]}))
    write_picture(root / "7.png", (40, 30))
    (root / at).parent.mkdir(exist_ok=True)
    (root / at).write_text(json.dumps(results))
    return root / at


@pytest.mark.parametrize("at", ["results.json", "results/person_keypoints_val_results.json"])
def test_results_belong_to_the_images_of_the_file_beside_them(tmp_path: Path, at: str) -> None:
    place = lay(tmp_path, at=at)
    assert detect(place).name == "coco"
    _, labels = read(place)
    assert labels.landmarks == ("nose", "chin")
    [image] = labels.images
    assert (image.name, image.path) == ("7.png", tmp_path / "7.png")
    assert [face.predicted for face in image.faces] == [True, True]
    assert [face.points.tolist() for face in image.faces] == [[[1, 2], [3, 4]], [[11, 12], [13, 14]]]
    assert [np.asarray(face.scores).tolist() for face in image.faces] == [[0.75, 0.75], [0.5, 0.25]]


def test_results_without_the_file_of_their_images_are_refused(tmp_path: Path) -> None:
    place = lay(tmp_path, [{**RESULTS[0], "image_id": 9}])
    with pytest.raises(DataError, match=r"results\.json holds results, which tell pictures by their numbers only"):
        read(place)


def test_a_result_that_cannot_be_understood_is_left_out(tmp_path: Path) -> None:
    _, labels = read(lay(tmp_path, [*RESULTS, 5, {**RESULTS[0], "keypoints": [1, 2], "score": "high"}]))
    assert [len(image.faces) for image in labels.images] == [2]
    assert [out.record for out in labels.left_out] == [f"annotation number {k} (it has no id)" for k in (2, 3)]


def test_a_score_that_is_none_is_no_score(tmp_path: Path) -> None:
    _, labels = read(lay(tmp_path, [{**RESULTS[0], "score": score} for score in (None, "x", 3, [1])][:3]))
    assert labels.images[0].faces[0].scores is None
