"""DeepLabCut opens a project and makes its training set: `deeplabcut_project.py OUT` in the folder of the project."""

# /// script
# dependencies = ["deeplabcut==3.0.2", "tables==3.11.1"]
# ///

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import deeplabcut
import pandas
from deeplabcut.utils.auxiliaryfunctions import read_config
from PIL import Image

told: dict = {"pictures": []}
deeplabcut.convertcsv2h5("config.yaml", userfeedback=False)
deeplabcut.create_training_dataset("config.yaml", userfeedback=False)
config = read_config("config.yaml")
told["multianimal"] = config["multianimalproject"]
told["edges"] = config["skeleton"]
[made] = Path("training-datasets").rglob("CollectedData_*.h5")  # the labels of all folders, as DeepLabCut joins them
table = pandas.read_hdf(made)
told["columns"], told["rows"] = list(table.columns.names), [list(row) for row in table.index]
told["landmarks"] = list(dict.fromkeys(table.columns.get_level_values("bodyparts")))
told["training"] = [path.name for path in made.parent.glob("*.pickle")]
for row, cells in table.iterrows():
    name = "/".join(row)
    people = dict.fromkeys(column[1] for column in table.columns) if told["multianimal"] else [None]
    faces = []
    for person in people:
        key = (config["scorer"],) if person is None else (config["scorer"], person)
        places = [[cells[(*key, part, axis)] for axis in ("x", "y")] for part in told["landmarks"]]
        points = [[0, 0, 0] if math.isnan(x) else [x, y, 2] for x, y in places]
        faces += [{"points": points}] if any(v for _, _, v in points) else []
    with Image.open(name) as image:
        told["pictures"].append({"name": name, "split": None, "size": image.size, "faces": faces})
Path(sys.argv[1]).write_text(json.dumps(told))
