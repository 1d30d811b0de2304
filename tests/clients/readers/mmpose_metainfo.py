"""MMPose parses metainfo: `mmpose_metainfo.py OUT` in the folder of metainfo.py.

Its parser is loaded from its file, because the whole package needs MMCV.
"""

# /// script
# dependencies = [
#   "--no-deps", "mmpose==1.3.2", "mmengine==0.10.7",
#   "addict==2.4.0", "yapf==0.43.0", "platformdirs", "termcolor", "rich", "opencv-python-headless",
# ]
# ///

from __future__ import annotations

import importlib.util
import json
import sys
from importlib.metadata import distribution
from pathlib import Path

from mmengine.config import Config

file = distribution("mmpose").locate_file("mmpose/datasets/datasets/utils.py")
spec = importlib.util.spec_from_file_location("utils", str(file))
assert spec is not None
assert spec.loader is not None
utils = importlib.util.module_from_spec(spec)
spec.loader.exec_module(utils)
told = utils.parse_pose_metainfo(Config.fromfile("metainfo.py").dataset_info)
told = {
    "name": told["dataset_name"],
    "landmarks": [told["keypoint_id2name"][k] for k in range(told["num_keypoints"])],
    "mirror": list(map(int, told["flip_indices"])),
    "edges": [list(map(int, link)) for link in told["skeleton_links"]],
    "weights": told["dataset_keypoint_weights"].tolist(),
    "sigmas": [round(sigma, 6) for sigma in told["sigmas"].tolist()],
}
Path(sys.argv[1]).write_text(json.dumps(told))
