"""What is said of an exported model: how good it is, measured on whom, where it comes from, and its limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LIMITS = (
    "It was measured on pictures like those it learned from. On other kinds of faces, on profiles, covered or very "
    "small faces, and where there is no face, points can be far off, and the probabilities of that hold for faces "
    "like the measured ones only."
)


def card(record: Mapping[str, Any]) -> str:
    """Markdown with the metadata that model hubs read."""
    names = record["category"]["keypoints"]
    backbone, size = record["backbone"], record["crop"]["size"]
    lines = [
        "---",
        "library_name: onnx",
        "pipeline_tag: keypoint-detection",
        "tags: [facial-landmarks, keypoint-detection]",
        "---",
        f"# {record['name']}",
        "",
        f"{len(names)} landmarks on faces: {', '.join(names)}.",
        "",
        "```sh",
        "pip install numpy pillow onnxruntime",
        "python example.py picture.jpg                      # the face fills the picture",
        "python example.py picture.jpg --box 40,60,200,220  # x, y, width and height of the face in pixels",
        "python check.py                                    # whether this machine computes what the training did",
        "```",
        "",
        "## How good it is",
        *(f"- {sentence}" for sentence in record["quality"]),
        "",
        "## What goes in and comes out",
        f"`{record['file']}` takes `crops` (faces, 3, {size}, {size}), uint8 RGB, and `boxes` (faces, 2), the width "
        "and height of each face's box in crop pixels. A crop is the square around the middle of the box whose side is "
        f"{record['crop']['scale']:.4g} times the box's longer side, black outside the picture.",
        "",
        "Out come `points` (faces, landmarks, 2) in crop pixels from the top-left corner of the first pixel, "
        "`covariances` (faces, landmarks, 2, 2) in square crop pixels, and `p_off` (faces, landmarks), the probability "
        f"that a point is off by more than {100 * record['tolerance']:g} % of the size that errors are divided by.",
        "",
        "Normalization, both looks at a face, their fusion and the calibration are part of the graph. `example.py` "
        "shows all of it.",
        "",
        "## Where it comes from",
        *(f"- {sentence}" for sentence in record["origin"]),
        f"- Encoder: `{backbone['encoder']}`; license of its pretrained weights: {backbone['license'] or 'not known'}.",
        "- License of this model: the one that your training data and the weights that it started from allow.",
        "",
        "## Limits",
        record["limits"],
        "",
    ]
    return "\n".join(lines)


def quality(figures: Mapping[str, Any], calibrated_on: int) -> list[str]:
    """How good a model is, in sentences: its `figures` on held-out faces, and on how many faces it was calibrated."""
    if figures.get("nme") is None:
        return ["It was not measured on faces that it did not learn from."]
    interval = ""
    if figures.get("nme_low") is not None and figures.get("nme_high") is not None:
        interval = f" (95 % interval {figures['nme_low']:.2f} to {figures['nme_high']:.2f})"
    said = [
        f"Mean error on {figures['n']:g} faces that it did not learn from: {figures['nme']:.2f} %{interval} of the "
        "size that errors are divided by.",
    ]
    if figures.get("coverage90") is not None:
        said.append(f"Of these faces' points, {100 * figures['coverage90']:.0f} % lie in their 90 % ellipse.")
    if calibrated_on:
        said.append(f"Calibrated on {calibrated_on} faces.")
    return said


def origin(history: Mapping[str, Any]) -> list[str]:
    """What a model learned from, in sentences."""
    said = []
    faces = ", ".join(f"{name} {count:,}" for name, count in history.get("faces", {}).items())
    if faces:
        said.append(f"Learned from labeled faces: {faces}.")
    base = history.get("base")
    if base:
        known = ", ".join(f"{name} {count:,}" for name, count in base.get("faces", {}).items())
        said.append(f"It began with a model of: {known or 'drawn faces'}.")
    if history.get("weights"):
        said.append(f"The encoder began with: {history['weights']}.")
    licenses: dict[str, str] = {}
    while history:
        licenses = {**(history.get("licenses") or {}), **licenses}
        history = history.get("base") or {}
    said += [f"License of {name}, as its file says: {words}." for name, words in licenses.items()]
    return said
