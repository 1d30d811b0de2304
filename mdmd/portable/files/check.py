"""Whether this machine computes what the training did: python check.py. It compares the answers for a few crops."""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

HERE = Path(__file__).parent


def worst():
    """The largest differences over all crops: of points in crop pixels, and of the probabilities of being off."""
    about = json.loads((HERE / "model.json").read_text(encoding="utf-8"))
    golden = json.loads((HERE / "golden" / "answers.json").read_text(encoding="utf-8"))
    crops = [np.asarray(Image.open(HERE / "golden" / one["crop"])).transpose(2, 0, 1) for one in golden]
    sides = np.array([one["box"] for one in golden], np.float32)
    session = onnxruntime.InferenceSession(HERE / about["file"], providers=["CPUExecutionProvider"])
    points, _, p_off = session.run(None, {"crops": np.stack(crops), "boxes": sides})
    wanted = np.array([one["points"] for one in golden]), np.array([one["p_off"] for one in golden])
    return np.linalg.norm(points - wanted[0], axis=-1).max(), np.abs(p_off - wanted[1]).max(), about["within"]


if __name__ == "__main__":
    pixels, probability, within = worst()
    same = pixels <= within["pixels"] and probability <= within["p_off"]
    print(
        f"points differ by at most {pixels:.5f} crop pixels (wanted {within['pixels']}), "
        f"probabilities by {probability:.5f} (wanted {within['p_off']}): "
        + ("this machine computes what the training did" if same else "do not trust what this machine computes")
    )
    sys.exit(0 if same else 1)
