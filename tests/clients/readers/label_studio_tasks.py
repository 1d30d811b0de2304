"""Label Studio's SDK checks tasks and converts them: `label_studio_tasks.py OUT` in the folder of the set."""

# /// script
# dependencies = ["label-studio-sdk==2.1.2"]
# ///

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from label_studio_sdk.converter import Converter
from label_studio_sdk.label_interface import LabelInterface
from PIL import Image

config = Path("label_config.xml").read_text(encoding="utf-8")
interface = LabelInterface(config)
interface.validate()
told: dict = {"pictures": [], "refused": []}
converter = Converter(config, project_dir=".", download_resources=False)
for task in json.loads(Path("tasks.json").read_text(encoding="utf-8")):
    if not interface.validate_task({"data": task["data"]}):
        told["refused"].append([task["id"], "the data do not fit the configuration"])
    for annotation in task["annotations"]:  # only for predictions does it also say why
        told["refused"] += [[task["id"], why] for why in interface.validate_prediction(annotation, return_errors=True)]
    [name] = parse_qs(urlsplit(task["data"]["image"]).query)["d"]  # as its server reads it, below its document root
    with Image.open(name) as image:
        width, height = image.size
    with tempfile.TemporaryDirectory() as folder:
        # Task by task, because files of its YOLO format have the names of the pictures without their folders.
        Path(folder, "task.json").write_text(json.dumps([task]))
        converter.convert_to_yolo(str(Path(folder, "task.json")), folder, is_dir=False)
        [file] = Path(folder, "labels").iterdir()
        lines = [list(map(float, line.split())) for line in file.read_text().splitlines()]
        told["landmarks"] = json.loads(Path(folder, "notes.json").read_text())["categories"][0]["keypoints"]
    faces = [
        {
            "points": [[x * width, y * height, v] for x, y, v in zip(row[5::3], row[6::3], row[7::3], strict=True)],
            "box": [(row[1] - row[3] / 2) * width, (row[2] - row[4] / 2) * height, row[3] * width, row[4] * height],
        }
        for row in lines
    ]
    split = task["data"]["split"]
    told["pictures"].append({"name": name, "split": split, "size": [width, height], "faces": faces})
Path(sys.argv[1]).write_text(json.dumps(told))
