"""pycocotools and torchvision read a COCO set: `coco_tools.py OUT` in the folder of the set."""

# /// script
# dependencies = ["pycocotools==2.0.11"]
# ///

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from torchvision.datasets import CocoDetection, wrap_dataset_for_transforms_v2

told: dict = {"pictures": [], "torchvision": [], "precision": []}
for file in sorted(Path("annotations").glob("*.json")):
    split = file.stem.removeprefix("person_keypoints_")
    coco = COCO(str(file))
    [category] = coco.loadCats(coco.getCatIds())
    told["landmarks"] = category["keypoints"]
    told["edges"] = [[a - 1, b - 1] for a, b in category["skeleton"]]

    # Labels are their own best predictions: all of them are found.
    found = [{**each, "score": 1.0} for each in coco.loadAnns(coco.getAnnIds())]
    evaluated = COCOeval(coco, coco.loadRes(found), "keypoints")
    evaluated.params.kpt_oks_sigmas = np.full(len(category["keypoints"]), 0.05)
    evaluated.evaluate()
    evaluated.accumulate()
    evaluated.summarize()
    told["precision"].append(float(evaluated.stats[0]))

    images = CocoDetection(f"images/{split}", str(file))
    boxes = wrap_dataset_for_transforms_v2(images, target_keys=("boxes", "image_id"))
    for k, (image, faces) in enumerate(images):
        record = coco.loadImgs(images.ids[k])[0]
        read = [
            {"points": np.reshape(face["keypoints"], (-1, 3)).tolist(), "box": face["bbox"]}
            for face in coco.loadAnns(coco.getAnnIds(imgIds=record["id"]))
        ]
        told["pictures"].append({"name": record["file_name"], "split": split, "size": image.size, "faces": read})
        same = [np.reshape(face["keypoints"], (-1, 3)).tolist() for face in faces] == [face["points"] for face in read]
        corners = boxes[k][1]["boxes"].tolist()
        told["torchvision"].append([same, [[x, y, right - x, low - y] for x, y, right, low in corners]])
Path(sys.argv[1]).write_text(json.dumps(told))
