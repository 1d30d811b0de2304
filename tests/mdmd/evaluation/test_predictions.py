"""What `predicted_coco` writes, `read_predicted` reads; what cannot be read is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mdmd.data.records import Annotation, Box, Prediction, Sample
from mdmd.errors import DataError
from mdmd.evaluation.error_law import RadialLaw
from mdmd.evaluation.evaluate import FlagRule
from mdmd.evaluation.predictions import predicted_coco, read_predicted
from mdmd.files import write_json
from tests.builders import SMALL

POINTS = np.array([[20.0, 20.0], [40.0, 20.0], [30.0, 30.0], [30.0, 40.0]])
LAW = RadialLaw(1.25)


def written(folder: Path, **info: Any) -> Path:
    """Predictions of two faces in a file."""
    labels = Annotation(POINTS, np.full(4, 2))
    samples = [
        Sample(Path(f"{k}.png"), f"{k}.png", 64, 48, Box(0, 0, 64, 48), labels, image_id=k, face_id=10 + k)
        for k in (1, 2)
    ]
    found = [Prediction(POINTS + k, np.tile([[4.0 * k, 1.0], [1.0, 9.0]], (4, 1, 1))) for k in (1, 2)]
    file = folder / "predicted.json"
    write_json(file, predicted_coco(SMALL, found, samples, FlagRule(), LAW, **info))
    return file


def test_what_is_written_is_read_back(tmp_path: Path):
    found = read_predicted(written(tmp_path, final=False, step=7))
    assert (found.face_ids, found.landmark_ids) == ((11, 12), SMALL.ids)
    np.testing.assert_array_equal(found.points, [POINTS + 1, POINTS + 2])
    np.testing.assert_array_equal(found.covariance[1, 3], [[8.0, 1.0], [1.0, 9.0]])
    assert found.p_off.shape == found.flagged.shape == (2, 4)
    assert ((found.p_off > 0.5) <= found.flagged).all()
    assert (found.law, found.final, found.step) == (LAW, False, 7)
    assert found.radius90 == pytest.approx(LAW.radius(0.9), abs=1e-6)


def test_a_file_without_faces_and_info_is_sound(tmp_path: Path):
    file = tmp_path / "none.json"
    write_json(file, {"categories": [SMALL.to_category()], "annotations": []})
    found = read_predicted(file)
    assert (found.face_ids, found.points.shape, found.covariance.shape) == ((), (0, 4, 2), (0, 4, 2, 2))
    assert (found.law, found.radius90, found.final, found.step) == (None, None, True, None)


def attributes(told: dict[str, Any]) -> dict[str, Any]:
    return told["annotations"][1]["attributes"]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda told: told.pop("categories"), "does not hold predictions"),
        (lambda told: told["annotations"][0].pop("id"), "does not hold predictions"),
        (lambda told: told["info"].update(power=0), "found power 0, wanted a number above 0"),
        (lambda told: told["info"].update(radius90=-1), "found radius90 -1, wanted a number above 0"),
        (lambda told: attributes(told).pop("p_off"), "face 12: wanted keypoints, covariance, p_off and flagged of 4"),
        (lambda told: told["annotations"][1]["keypoints"].pop(), "face 12: wanted keypoints"),
        (lambda told: attributes(told)["covariance"].pop(), "face 12: wanted keypoints"),
        (lambda told: attributes(told)["p_off"].__setitem__(2, float("nan")), "face 12, landmark 3: found"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, spoil: Callable[[dict[str, Any]], object], said: str):
    file = written(tmp_path)
    told = json.loads(file.read_text(encoding="utf-8"))
    spoil(told)
    file.write_text(json.dumps(told), encoding="utf-8")
    with pytest.raises(DataError, match=said) as refused:
        read_predicted(file)
    assert str(refused.value).startswith(str(file))


def test_a_file_that_is_missing_or_no_json_is_named(tmp_path: Path):
    with pytest.raises(DataError, match=r"no such file: .*gone\.json"):
        read_predicted(tmp_path / "gone.json")
    (tmp_path / "half.json").write_text('{"info"')
    with pytest.raises(DataError, match="cannot be read"):
        read_predicted(tmp_path / "half.json")
