"""Write and read predictions as COCO JSON: those of `mdmd predict`, and of a training's held-out faces. numpy only."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mdmd.data.coco import PREDICTED, ids_are_sound, to_coco
from mdmd.data.definition import Definition
from mdmd.data.places import PLACE, is_place
from mdmd.data.records import Annotation, Prediction, Sample
from mdmd.data.text import shown
from mdmd.errors import DataError
from mdmd.evaluation.error_law import Array, RadialLaw
from mdmd.evaluation.evaluate import FlagRule, probabilities_off
from mdmd.files import LARGEST_SET, read_json


def predicted_coco(
    definition: Definition,
    predictions: Sequence[Prediction],
    samples: Sequence[Sample],
    rule: FlagRule,
    law: RadialLaw,
    **info: Any,
) -> dict[str, Any]:
    """COCO JSON of `predictions` for `samples`, one each; their covariances are read by `law`.

    An annotation's `attributes` have `source` "predicted" (so that `read_coco` refuses it as a label), `covariance`
    (xx, xy, yy of every landmark in square pixels), `p_off`, the probability of being off by more than the rule's
    tolerance, and `flagged`; its `score` is the mean probability of its points not to be off, by which COCOeval ranks
    faces. `info` gets `tolerance`, `threshold`, the law's `power`, and `radius50` and `radius90`:
    how many standard deviations the 50 % and 90 % ellipses reach. The ids are the samples' own where they can be.
    """
    p_off = [
        probabilities_off(definition, p, s.box, rule.tolerance, law) for p, s in zip(predictions, samples, strict=True)
    ]
    threshold = rule.threshold_for(np.array(p_off))
    if not ids_are_sound(samples):
        samples = [replace(s, face_id=number, image_id=0) for number, s in enumerate(samples, start=1)]
    labels: list[Sample] = []
    attributes: dict[int, Mapping[str, Any]] = {}
    scores: dict[int, Mapping[str, Any]] = {}
    for sample, found, off in zip(samples, predictions, p_off, strict=True):
        labels.append(replace(sample, annotation=Annotation(found.points, np.full(len(found.points), 2))))
        scores[sample.face_id] = {"score": round(1 - float(np.mean(off)), 4)}
        attributes[sample.face_id] = {
            "source": PREDICTED,
            "covariance": found.covariance[:, (0, 0, 1), (0, 1, 1)].round(4).tolist(),
            "p_off": [round(float(p), 4) for p in off],
            "flagged": [bool(p > threshold) for p in off],
        }
    told = {
        "description": "predictions, not labels",
        "tolerance": rule.tolerance,
        "threshold": threshold,
        "power": law.power,
        "radius50": round(law.radius(0.5), 6),
        "radius90": round(law.radius(0.9), 6),
        **info,
    }
    return to_coco(labels, definition, info=told, attributes=attributes, extras=scores)


@dataclass(frozen=True, eq=False)
class PredictedFaces:
    """The predictions in a file that `predicted_coco` made: F faces with N landmarks.

    `face_ids` has F and `landmark_ids` N numbers, `boxes` (F, 4) the x, y, width and height of the boxes that the faces
    were predicted in, NaN where the file does not tell. `points` (F, N, 2) and `covariance` (F, N, 2, 2) are in pixels,
    `p_off` and `flagged` (F, N). The rest is from the file's `info`: `law` and `radius90`, the standard deviations that
    the 90 % ellipse reaches, are None if the file does not tell them; `final` is False while a training runs, and then
    covariances are not calibrated; `step` is the training step, None after calibration.
    """

    face_ids: tuple[int, ...]
    landmark_ids: tuple[int, ...]
    boxes: Array
    points: Array
    covariance: Array
    p_off: Array
    flagged: NDArray[np.bool_]
    law: RadialLaw | None
    radius90: float | None
    final: bool
    step: int | None


def read_predicted(path: Path) -> PredictedFaces:
    """Read a file that `predicted_coco` made. Raises DataError, which names the file, the face and the landmark."""
    told = read_json(path, most=LARGEST_SET, constants=True)
    try:
        info = told.get("info", {})
        landmark_ids = tuple(int(key) for key in told["categories"][0]["landmark_ids"])
        records = [(record["id"], record) for record in told["annotations"]]
        final, step = info.get("final", True) is True, info.get("step")
        power, radius90 = (_above_zero(info, key, path) for key in ("power", "radius90"))
    except (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"{path} does not hold predictions: wanted a category with landmark_ids, and annotations with ids"
        ) from None
    odd = next((face_id for face_id, _ in records if type(face_id) is not int), None)
    if odd is not None:
        raise DataError(f"{path}: found the face {shown(odd)}, wanted a whole number")
    n = len(landmark_ids)
    faces = [_face(record, landmark_ids, f"{path}, face {face_id}") for face_id, record in records]
    points, covariance, p_off, flagged = zip(*faces, strict=True) if faces else ((), (), (), ())
    return PredictedFaces(
        face_ids=tuple(face_id for face_id, _ in records),
        landmark_ids=landmark_ids,
        boxes=np.array([_box(record, f"{path}, face {face_id}") for face_id, record in records]).reshape(-1, 4),
        points=np.array(points).reshape(-1, n, 2),
        covariance=np.array(covariance).reshape(-1, n, 2, 2),
        p_off=np.array(p_off).reshape(-1, n),
        flagged=np.array(flagged, dtype=bool).reshape(-1, n),
        law=None if power is None else RadialLaw(power),
        radius90=radius90,
        final=final,
        step=step if isinstance(step, int) else None,
    )


def _above_zero(info: Mapping[str, Any], key: str, path: Path) -> float | None:
    value = info.get(key)
    if value is not None and not 0 < float(value) < math.inf:
        raise DataError(f"{path}: found {key} {value}, wanted a number above 0")
    return None if value is None else float(value)


def _box(record: Mapping[str, Any], where: str) -> Array:
    """x, y, width and height (4,) of an annotation's box; NaN without one."""
    if record.get("bbox") is None:
        return np.full(4, np.nan)
    try:
        box = np.array(record["bbox"], dtype=np.float64).reshape(4)
    except (OverflowError, TypeError, ValueError):
        box = np.full(4, np.nan)
    if not (is_place(box) and (box[2:] > 0).all()):
        raise DataError(f"{where}: found the bbox {shown(record['bbox'])}, wanted x, y, width and height, {PLACE}")
    return box


def _face(
    record: Mapping[str, Any], landmark_ids: Sequence[int], where: str
) -> tuple[Array, Array, Array, NDArray[np.bool_]]:
    """Points (N, 2), covariances (N, 2, 2), probabilities (N,) and flags (N,) of one annotation."""
    n = len(landmark_ids)
    try:
        extra = record["attributes"]
        points = np.array(record["keypoints"], dtype=np.float64).reshape(n, 3)[:, :2]
        covariance = np.array(extra["covariance"], dtype=np.float64).reshape(n, 3)
        p_off = np.array(extra["p_off"], dtype=np.float64).reshape(n)
        flagged = np.array(extra["flagged"], dtype=bool).reshape(n)
    except (KeyError, OverflowError, TypeError, ValueError) as error:
        raise DataError(
            f"{where}: wanted keypoints, covariance, p_off and flagged of {n} landmarks; found {error!r}"
        ) from None
    for key, place, spread, off in zip(landmark_ids, points, covariance, p_off, strict=True):
        # A standard deviation is a length too.
        if not (is_place(place) and is_place(np.sqrt(np.abs(spread))) and 0 <= off <= 1):
            found = [*place.tolist(), *spread.tolist(), float(off)]
            raise DataError(f"{where}, landmark {key}: found {found}, wanted {PLACE}, a covariance and a probability")
    return points, covariance[:, (0, 1, 1, 2)].reshape(n, 2, 2), p_off, flagged
