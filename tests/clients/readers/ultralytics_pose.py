"""Ultralytics reads a YOLO-pose set, mirrors, converts and trains: `ultralytics_pose.py OUT COCO` in the set's folder.

COCO is a COCO set of the same labels.
"""

# /// script
# dependencies = ["ultralytics==8.4.190"]
# ///

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

own = tempfile.TemporaryDirectory()  # for its settings and runs
os.environ |= {"YOLO_CONFIG_DIR": own.name, "YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false"}

import numpy as np  # noqa: E402
from ultralytics import YOLO  # noqa: E402
from ultralytics.data.augment import RandomFlip  # noqa: E402
from ultralytics.data.converter import convert_coco  # noqa: E402
from ultralytics.data.dataset import YOLODataset  # noqa: E402
from ultralytics.data.utils import check_det_dataset  # noqa: E402

out, coco = Path(sys.argv[1]), Path(sys.argv[2])
data = check_det_dataset("data.yaml", autodownload=False)
told: dict = {
    "pictures": [],
    "landmarks": data["kpt_names"][0],
    "mirror": data["flip_idx"],
    "classes": list(data["names"].values()),
}


def pixels(points: np.ndarray, width: int, height: int) -> list:
    return (points * [width, height, 1]).tolist()


for split in ("train", "val", "test"):
    found = YOLODataset(img_path=data[split], data=data, task="pose", augment=False, imgsz=64)
    for k, label in enumerate(found.labels):
        height, width = label["shape"]
        boxes = label["bboxes"] * [width, height, width, height]
        faces = [
            {"points": pixels(points, width, height), "box": [x - w / 2, y - h / 2, w, h]}
            for points, (x, y, w, h) in zip(label["keypoints"], boxes.tolist(), strict=True)
        ]
        name = Path(label["im_file"]).relative_to(Path(data[split]).resolve()).as_posix()
        told["pictures"].append({"name": name, "split": split, "size": [width, height], "faces": faces})
        if name == "a.png":
            # The mirrored picture: the color of each place that Ultralytics gives a landmark.
            mirrored = RandomFlip(p=1, direction="horizontal", flip_idx=data["flip_idx"])(found.get_image_and_label(k))
            image, instances = mirrored["img"], mirrored["instances"]
            instances.denormalize(image.shape[1], image.shape[0])
            places = instances.keypoints[0, :, :2].astype(int)
            told["mirrored"] = [image[y, x, ::-1].tolist() for x, y in places.tolist()]

converted = Path(own.name, "converted")
convert_coco(str(coco / "annotations"), str(converted), use_keypoints=True, cls91to80=False)
told["converted"] = []
for file in sorted((converted / "labels").rglob("*.txt")):
    split, *rest = file.relative_to(converted / "labels").parts
    rows = [np.array(line.split(), dtype=float)[1:].tolist() for line in file.read_text().splitlines()]
    split = split.removeprefix("person_keypoints_")
    told["converted"].append({"name": "/".join(rest), "split": split, "rows": rows})

training = {"epochs": 1, "imgsz": 64, "batch": 4, "workers": 0, "pretrained": False, "plots": False, "amp": False}
model = YOLO("yolo11n-pose.yaml")
model.train(data="data.yaml", device="cpu", project=own.name, name="run", verbose=False, **training)
told["trained"] = sorted(path.name for path in Path(own.name, "run", "weights").iterdir())
told["seen"] = {"train": len(model.trainer.train_loader.dataset), "val": len(model.trainer.test_loader.dataset)}
out.write_text(json.dumps(told))
