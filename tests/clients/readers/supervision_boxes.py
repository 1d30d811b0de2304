"""supervision reads the boxes of a COCO or a YOLO set: `supervision_boxes.py OUT` in the folder of the set."""

# /// script
# dependencies = ["supervision==0.31.2"]
# ///

from __future__ import annotations

import json
import sys
from pathlib import Path

from supervision import DetectionDataset

told: dict = {"pictures": [], "classes": []}
for folder in sorted(Path("images").iterdir()):
    split = folder.name
    if Path("data.yaml").exists():
        found = DetectionDataset.from_yolo(str(folder), f"labels/{split}", "data.yaml")
    else:
        found = DetectionDataset.from_coco(str(folder), f"annotations/person_keypoints_{split}.json")
    told["classes"].append(found.classes)
    for path, image, faces in found:
        boxes = [[x, y, right - x, low - y] for x, y, right, low in faces.xyxy.tolist()]
        told["pictures"].append(
            {
                "name": Path(path).resolve().relative_to(folder.resolve()).as_posix(),
                "split": split,
                "size": [image.shape[1], image.shape[0]],
                "faces": [{"box": box} for box in boxes],
            }
        )
Path(sys.argv[1]).write_text(json.dumps(told))
