"""What a run has predicted, read back from its predictions.json."""

from __future__ import annotations

import json
import math
from pathlib import Path

from labeler.storage.records import PredictedPoint


def read_predictions(path: Path, faces: set[int]) -> tuple[dict[int, dict[int, PredictedPoint]], float | None]:
    """Predicted points by face and landmark id, of `faces` only, and how many standard deviations their 90 % ellipses
    reach, if the file says so.

    Raises OSError, ValueError, KeyError, TypeError or IndexError for a file that is not what `mdmd predict` writes.
    """
    coco = json.loads(path.read_text(encoding="utf-8"))
    radius = coco.get("info", {}).get("radius90")
    if radius is not None and not 0 < float(radius) < math.inf:
        raise ValueError(f"found the radius {radius} of 90 % ellipses, wanted a number above 0")
    ids = coco["categories"][0]["landmark_ids"]
    found = {}
    for record in coco["annotations"]:
        if record["id"] not in faces:
            continue
        table, extra = record["keypoints"], record["attributes"]
        columns = (ids, table[0::3], table[1::3], extra["covariance"], extra["p_off"], extra["flagged"])
        points = {}
        for key, x, y, covariance, p_off, flagged in zip(*columns, strict=True):
            numbers = [float(value) for value in (x, y, *covariance, p_off)]
            if len(numbers) != 6 or not all(map(math.isfinite, numbers)):
                raise ValueError(f"face {record['id']}, landmark {key}: found {numbers}, wanted six finite numbers")
            x, y, sxx, sxy, syy, p_off = numbers
            points[int(key)] = PredictedPoint(x, y, (sxx, sxy, syy), p_off, bool(flagged))
        found[record["id"]] = points
    return found, None if radius is None else float(radius)
