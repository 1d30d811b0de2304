"""Landmarks as COCO JSON: python example.py PICTURE ... [--box x,y,width,height]. Without a box: the whole picture."""

import argparse
import json
from math import ceil, floor
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

HERE = Path(__file__).parent
ABOUT = json.loads((HERE / "model.json").read_text(encoding="utf-8"))
SIZE = ABOUT["crop"]["size"]


def cut(file, box=None):
    """The square around a face (3, SIZE, SIZE), its corner, the side of its pixels in those of the picture, the box."""
    image = Image.open(file)
    width, height = image.size[:: -1 if image.getexif().get(0x0112, 1) > 4 else 1]  # as it is shown
    x, y, w, h = box = box or (0, 0, width, height)
    side = ABOUT["crop"]["scale"] * max(w, h)
    left, top, pixel = x + (w - side) / 2, y + (h - side) / 2, side / SIZE
    finest = [k for k in (8, 4, 2) if k <= pixel / 2 and width % k == height % k == 0] or [1]
    image.draft(None, (image.width // finest[0], image.height // finest[0]))  # a JPEG is decoded no finer than needed
    image = ImageOps.exif_transpose(image).convert("RGB")
    k, out = width / image.width, np.zeros((SIZE, SIZE, 3), np.uint8)  # black where the square leaves the picture
    a, c = (max(0, min(floor(-start / pixel) - 1, SIZE)) for start in (left, top))
    b, d = (max(0, min(ceil((end - start) / pixel) + 1, SIZE)) for start, end in ((left, width), (top, height)))
    if a < b and c < d:
        inner = [(start + n * pixel) / k for start, n in ((left, a), (top, c), (left, b), (top, d))]
        corner = floor(inner[0]), floor(inner[1])
        inside = [edge - start for edge, start in zip(inner, corner * 2, strict=True)]
        part = image.crop((*corner, ceil(inner[2]), ceil(inner[3])))
        out[c:d, a:b] = part.resize((b - a, d - c), Image.Resampling.BILINEAR, inside, reducing_gap=2.0)
    return out.transpose(2, 0, 1), (left, top), pixel, box, {"file_name": str(file), "width": width, "height": height}


def predict(files, box=None):
    """A COCO record: points in pixels, their covariances in square pixels, and how likely each is to be off."""
    crops, corners, pixels, boxes, images = zip(*(cut(file, box) for file in files), strict=True)
    sides = np.array([np.divide(box[2:], pixel) for box, pixel in zip(boxes, pixels, strict=True)], np.float32)
    session = onnxruntime.InferenceSession(HERE / ABOUT["file"], providers=["CPUExecutionProvider"])
    found = zip(*session.run(None, {"crops": np.stack(crops), "boxes": sides}), strict=True)
    coco = {"images": [], "annotations": [], "categories": [ABOUT["category"]]}
    for n, (points, spread, off) in enumerate(found):
        coco["images"].append({"id": n + 1, **images[n]})
        keypoints = np.insert(points.astype(float) * pixels[n] + corners[n], 2, 2, axis=1).round(4).ravel().tolist()
        spread = (spread * pixels[n] ** 2)[:, (0, 0, 1), (0, 1, 1)].astype(float).round(4).tolist()
        about = {"source": "predicted", "covariance": spread, "p_off": off.astype(float).round(4).tolist()}
        face = {"id": n + 1, "image_id": n + 1, "category_id": 1, "bbox": list(boxes[n]), "attributes": about}
        coco["annotations"].append({**face, "keypoints": keypoints, "score": round(1 - float(off.mean()), 4)})
    return coco


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", metavar="PICTURE")
    parser.add_argument("--box", type=lambda text: tuple(map(float, text.split(","))))
    print(json.dumps(predict(**vars(parser.parse_args()))))
