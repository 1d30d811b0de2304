"""sleap-io reads a skeleton and writes it again: `sleap_skeleton.py OUT` in the folder of skeleton.json."""

# /// script
# dependencies = ["sleap-io==0.9.5"]
# ///

from __future__ import annotations

import json
import sys
from pathlib import Path

import sleap_io

skeleton = sleap_io.load_skeleton("skeleton.json")
sleap_io.save_skeleton(skeleton, "again.json")
told = {
    "name": skeleton.name,
    "landmarks": skeleton.node_names,
    "edges": list(map(list, skeleton.edge_inds)),
    "pairs": sorted(sorted(node.name for node in pair.nodes) for pair in skeleton.symmetries),
    "again": json.loads(Path("again.json").read_text()),
}
Path(sys.argv[1]).write_text(json.dumps(told))
