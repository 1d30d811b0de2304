"""sleap-io reads a SLEAP, COCO or DeepLabCut set: `sleap_sets.py OUT` in the folder of the set."""

# /// script
# dependencies = ["sleap-io==0.9.5"]
# ///

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import sleap_io

if Path("labels.slp").exists():
    # Names of pictures in a .slp are those from the folder in which it is opened.
    sets = [(None, sleap_io.load_slp("labels.slp"))]
elif Path("config.yaml").exists():
    sets = [(None, sleap_io.load_dlc_project("config.yaml"))]
else:
    splits = {file.stem.rpartition("_")[2]: file for file in sorted(Path("annotations").iterdir())}
    sets = [(split, sleap_io.load_coco(str(file), f"images/{split}")) for split, file in splits.items()]
told: dict = {"pictures": []}
for split, labels in sets:
    [skeleton] = labels.skeletons
    names = skeleton.node_names
    told["landmarks"] = names
    told["edges"] = sorted(map(list, skeleton.edge_inds))
    told["pairs"] = sorted(sorted(node.name for node in pair.nodes) for pair in skeleton.symmetries)
    for frame in labels.labeled_frames:
        file = frame.video.filename
        faces = [
            {"points": [[0, 0, 0] if math.isnan(x) else [x, y, 2] for x, y in instance.numpy().tolist()]}
            for instance in frame.instances
        ]
        boxes = [[b.x1, b.y1, b.x2 - b.x1, b.y2 - b.y1] for b in getattr(frame, "bboxes", ())]
        faces = [{**face, "box": box} for face, box in zip(faces, boxes, strict=True)] if boxes else faces
        told["pictures"].append(
            {
                "name": file if isinstance(file, str) else file[frame.frame_idx],
                "split": split,
                "size": [frame.image.shape[1], frame.image.shape[0]],
                "faces": faces,
            }
        )
Path(sys.argv[1]).write_text(json.dumps(told))
