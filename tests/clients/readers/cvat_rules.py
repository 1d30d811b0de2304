"""A CVAT set by the rules of CVAT's loader and of its label editor: `cvat_rules.py OUT` in the folder of the set.

CVAT itself is a server. It reads `<image id name>` with shapes in it, wants label, occluded, outside and points of each
point of a skeleton, and no other names than those of the labels of a task, which are made from labels.json before.
Source: https://docs.cvat.ai/docs/dataset_management/formats/format-cvat and cvat/apps/dataset_manager/formats/cvat.py.
"""

# /// script
# dependencies = []
# ///

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

from PIL import Image

skeleton, *others = json.loads(Path("labels.json").read_text(encoding="utf-8"))
assert [kind["type"] for kind in (skeleton, *others)] == ["skeleton", "rectangle"]
names = [part["name"] for part in skeleton["sublabels"]]
# The server puts in the ids of its database for the names, and its canvas finds the circles by them.
svg = skeleton["svg"]
for k, name in enumerate(names):
    svg = svg.replace(f'data-label-name="{name}"', f'data-label-id="{k}"')
drawing = ElementTree.fromstring(f"<svg>{svg}</svg>")
node = {each.attrib["data-node-id"]: int(each.attrib["data-label-id"]) for each in drawing.iter("circle")}
edges = [[node[line.attrib[f"data-node-{end}"]] for end in ("from", "to")] for line in drawing.iter("line")]
told: dict = {"pictures": [], "landmarks": names, "edges": edges}

root = ElementTree.parse("annotations.xml").getroot()
assert [each.tag for each in root][:2] == ["version", "meta"]
assert root.findtext("version") == "1.1"
declared = {each.findtext("name"): each.findtext("type") for each in root.iterfind("meta/task/labels/label")}
assert declared == {skeleton["name"]: "skeleton", **{k["name"]: k["type"] for k in [*skeleton["sublabels"], *others]}}
assert int(root.findtext("meta/task/size", "")) == len(root.findall("image"))
for number, image in enumerate(root.iter("image")):
    assert list(image.attrib) == ["id", "name", "subset", "width", "height"]
    assert image.attrib["id"] == str(number)
    faces: dict[int, dict] = {}
    for shape in image:
        assert shape.attrib["label"] in (skeleton["name"], others[0]["name"])
        assert shape.attrib["occluded"] in "01"
        int(shape.attrib["z_order"])
        face = faces.setdefault(int(shape.attrib["group_id"]), {})
        if shape.tag == "box":
            left, top, right, low = (float(shape.attrib[side]) for side in ("xtl", "ytl", "xbr", "ybr"))
            assert left < right
            assert top < low
            face["box"] = [left, top, right - left, low - top]
            continue
        assert shape.tag == "skeleton"
        assert [point.attrib["label"] for point in shape] == names
        face["points"] = []
        for point in shape:
            assert re.fullmatch(r"-?[\d.]+,-?[\d.]+", point.attrib["points"])
            x, y = map(float, point.attrib["points"].split(","))
            outside, occluded = (point.attrib[key] for key in ("outside", "occluded"))
            face["points"].append([0, 0, 0] if outside == "1" else [x, y, 1 if occluded == "1" else 2])
    with Image.open(Path("images", image.attrib["name"])) as opened:
        assert [image.attrib["width"], image.attrib["height"]] == list(map(str, opened.size))
        size = opened.size
    split = image.attrib["subset"]
    found = {"name": image.attrib["name"], "split": split, "size": size, "faces": list(faces.values())}
    told["pictures"].append(found)
Path(sys.argv[1]).write_text(json.dumps(told))
