"""Datumaro reads a COCO set: `datumaro_coco.py OUT` in the folder of the set."""

# /// script
# dependencies = ["datumaro==1.13.12"]
# ///

from __future__ import annotations

import json
import sys
from pathlib import Path

import datumaro
from datumaro.components.annotation import AnnotationType

found = datumaro.Dataset.import_from(".", "coco_person_keypoints")
[points] = found.categories()[AnnotationType.points].items.values()
told: dict = {
    "pictures": [],
    "landmarks": points.labels,
    "edges": sorted([a - 1, b - 1] for a, b in points.joints),  # it keeps COCO's indices, which begin with 1
}
for item in found:
    height, width = item.media.data.shape[:2]
    boxes = {each.group: each.get_bbox() for each in item.annotations if each.type == AnnotationType.bbox}
    faces = [
        {
            "points": [[*each.points[2 * k : 2 * k + 2], int(v)] for k, v in enumerate(each.visibility)],
            "box": list(map(float, boxes[each.group])),
        }
        for each in item.annotations
        if each.type == AnnotationType.points
    ]
    name = item.id + Path(item.media.path).suffix
    told["pictures"].append({"name": name, "split": item.subset, "size": [width, height], "faces": faces})
Path(sys.argv[1]).write_text(json.dumps(told, default=float))
