"""The folder of an exported model: the graph, what to know of it, and what goes with it.

For Python that is an example, golden crops, a check and a model card; for a browser a page that runs the model.
"""

from __future__ import annotations

import copy
import hashlib
import importlib.metadata
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from PIL import Image

from mdmd.data.definition import Definition
from mdmd.data.records import Sample
from mdmd.errors import DataError
from mdmd.evaluation.calibration import Calibration
from mdmd.evaluation.evaluate import WRONG, plain
from mdmd.files import new_folder, write_json
from mdmd.loading.crop import face_crop
from mdmd.loading.crops import cut, face_pixels
from mdmd.models.checkpoint import Checkpoint
from mdmd.portable.card import LIMITS, card, origin, quality
from mdmd.portable.graph import CropGraph
from mdmd.portable.onnx_file import INPUTS, OPSET, package, write_onnx
from mdmd.portable.onnxruntime_web import read_runtime
from mdmd.synthetic.datasets import draw_source

FORMAT = 1
GRAPH, RECORD, CARD = "model.onnx", "model.json", "README.md"
#: The folder of onnxruntime-web beside the page.
RUNTIME = "onnxruntime-web"
#: Files that are copied as they are.
FILES = Path(__file__).parent / "files"
#: How many faces are golden crops, and the seed of the first drawn one.
GOLDEN, SEED = 4, 1
#: The largest difference to torch of a point in crop pixels and of a probability, by the type of the stored weights.
WITHIN = {"float32": {"pixels": 0.02, "p_off": 0.001}, "float16": {"pixels": 0.5, "p_off": 0.02}}


@dataclass(frozen=True)
class Exported:
    """What was exported: the size of the graph in bytes, and its largest differences to torch on the golden crops."""

    path: Path
    bytes: int
    pixels: float
    p_off: float


@dataclass(frozen=True, eq=False)
class Golden:
    """Crops (G, 3, S, S), the width and height of their boxes (G, 2) in crop pixels, and torch's answers for them."""

    crops: np.ndarray
    boxes: np.ndarray
    points: np.ndarray
    p_off: np.ndarray


def export_onnx(
    made: Checkpoint,
    name: str,
    out: Path,
    *,
    faces: Sequence[Sample] | None = None,
    head: str | None = None,
    half: bool = False,
    tolerance: float = WRONG,
) -> Exported:
    """Write the model `made`, called `name`, into the new folder `out`, with what Python needs. See `export_folder`."""
    return export_folder(made, name, out, _for_python, faces=faces, head=head, half=half, tolerance=tolerance)


def export_web(
    made: Checkpoint,
    name: str,
    out: Path,
    *,
    runtime: Path | None = None,
    head: str | None = None,
    half: bool = False,
    tolerance: float = WRONG,
) -> Exported:
    """Write the model `made`, called `name`, into the new folder `out`, with a page that runs it in a browser.

    `runtime` is a local copy of onnxruntime-web; without one it is downloaded. See `export_folder`, and
    `mdmd.portable.onnxruntime_web`, which also raises DataError.
    """
    must_be_new(out)  # before the download
    files = read_runtime(runtime)

    def fill(folder: Path, record: dict[str, Any], golden: Golden) -> None:
        add_page(folder, files)

    return export_folder(made, name, out, fill, head=head, half=half, tolerance=tolerance)


def add_page(folder: Path, runtime: Mapping[str, bytes]) -> None:
    """Add the page to a folder with a graph and its record; `runtime` is what `read_runtime` returns."""
    for file in sorted((FILES / "web").iterdir()):
        shutil.copyfile(file, folder / file.name)
    (folder / RUNTIME).mkdir()
    for name, content in runtime.items():
        (folder / RUNTIME / name).write_bytes(content)


def export_folder(
    made: Checkpoint,
    name: str,
    out: Path,
    fill: Callable[[Path, dict[str, Any], Golden], None],
    *,
    faces: Sequence[Sample] | None = None,
    head: str | None,
    half: bool,
    tolerance: float,
) -> Exported:
    """Write the graph and the record of the model `made`, called `name`, into the new folder `out`, and `fill` it.

    `fill` takes the folder, the record and the golden crops, which are of some of `faces`, or drawn without them.
    `head` is the target's by default, `tolerance` the share of the normalizer above which a point counts as off.
    With `half` weights are stored in float16. Raises DataError if `out` holds files, the head is unknown or carried
    over, a package is missing, or ONNX Runtime computes other points than torch, and PictureError if a golden picture
    cannot be read; then nothing is left.
    """
    head = head or made.target
    if made.carried is not None and made.carried.name == head:
        raise DataError(
            f"the points of {head!r} are carried over from {len(made.carried.labels)} labeled faces and were not "
            "learned: train a model first"
        )
    definition, calibration = made.model.head_definition(head), made.calibration(head)
    must_be_new(out)
    # A copy, because the caller's model may be on a GPU and stays there.
    graph = CropGraph(copy.deepcopy(made.model).cpu(), head, calibration, tolerance).eval()
    crops, boxes = drawn_crops(graph) if faces is None else golden_crops(graph, faces)
    with torch.inference_mode():
        points, _, p_off = (found.numpy() for found in graph(torch.from_numpy(crops), torch.from_numpy(boxes)))
    runtime = package("onnxruntime")
    kind = "float16" if half else "float32"
    out.parent.mkdir(parents=True, exist_ok=True)
    with new_folder(out) as making:
        write_onnx(graph, making / GRAPH, half=half)
        session = runtime.InferenceSession(str(making / GRAPH), providers=["CPUExecutionProvider"])
        again, _, off_again = session.run(None, dict(zip(INPUTS, (crops, boxes), strict=True)))
        apart = float(np.linalg.norm(again - points, axis=-1).max()), float(np.abs(off_again - p_off).max())
        if not (apart[0] <= WITHIN[kind]["pixels"] and apart[1] <= WITHIN[kind]["p_off"]):
            raise DataError(
                f"ONNX Runtime computes points up to {apart[0]:.3f} crop pixels and probabilities up to {apart[1]:.3f} "
                "away from PyTorch: the export is not written"
            )
        record = _record(made, name, definition, calibration, graph, kind, making / GRAPH)
        write_json(making / RECORD, record, for_others=True)
        fill(making, record, Golden(crops, boxes, points, p_off))
        size = (making / GRAPH).stat().st_size
    return Exported(out, size, *apart)


def must_be_new(out: Path) -> None:
    """Raise DataError if `out` is a file, or a folder that holds something."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out} is there already: name a new folder, so that nothing is overwritten")


def _for_python(folder: Path, record: dict[str, Any], golden: Golden) -> None:
    (folder / "golden").mkdir()
    answers = []
    for k, crop in enumerate(golden.crops):
        file = f"golden-{k + 1}.png"
        Image.fromarray(crop.transpose(1, 2, 0)).save(folder / "golden" / file)
        answer = {"points": golden.points[k].tolist(), "p_off": golden.p_off[k].tolist()}
        answers.append({"crop": file, "box": golden.boxes[k].tolist(), **answer})
    write_json(folder / "golden" / "answers.json", answers, indent=None, for_others=True)
    for script in sorted(FILES.glob("*.py")):
        shutil.copyfile(script, folder / script.name)
    (folder / CARD).write_text(card(record), encoding="utf-8")


def drawn_crops(graph: CropGraph) -> tuple[np.ndarray, np.ndarray]:
    """Crops (G, 3, S, S) of drawn faces, and the width and height of their boxes (G, 2) in crop pixels."""
    crops, boxes = [], []
    for seed in range(SEED, SEED + GOLDEN):
        picture, _, box = draw_source(seed)
        crop = face_crop(box, scale=graph.scale, size=graph.size)
        crops.append(cut(picture, crop).transpose(2, 0, 1))
        boxes.append((box.w * crop.scale, box.h * crop.scale))
    return np.stack(crops), np.array(boxes, dtype=np.float32)


def golden_crops(graph: CropGraph, faces: Sequence[Sample]) -> tuple[np.ndarray, np.ndarray]:
    """`drawn_crops` of at most GOLDEN of `faces` instead, spread over all. Raises DataError, PictureError."""
    if not faces:
        raise DataError("found no face for the golden crops, wanted at least one")
    spread = np.linspace(0, len(faces) - 1, min(GOLDEN, len(faces))).round().astype(int)
    chosen = [faces[k] for k in spread]
    crops = [face_crop(face.box, scale=graph.scale, size=graph.size) for face in chosen]
    pixels = [face_pixels(face.path, crop) for face, crop in zip(chosen, crops, strict=True)]
    sides = [(face.box.w * crop.scale, face.box.h * crop.scale) for face, crop in zip(chosen, crops, strict=True)]
    return np.stack(pixels), np.array(sides, dtype=np.float32)


def _record(
    made: Checkpoint,
    name: str,
    definition: Definition,
    calibration: Calibration,
    graph: CropGraph,
    kind: str,
    file: Path,
) -> dict[str, Any]:
    """What model.json says."""
    law, history = calibration.law, made.history
    figures = plain({key: value for key, value in history.heldout.items() if isinstance(value, int | float)})
    return {
        "format": FORMAT,
        "name": name,
        "made_by": f"mdmd {importlib.metadata.version('mdmd')}",
        "file": GRAPH,
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "weights": kind,
        "opset": OPSET,
        "within": WITHIN[kind],
        "crop": {"size": graph.size, "scale": graph.scale},
        "box_scale": history.box_scale,
        "tolerance": graph.tolerance,
        "calibration": {
            "faces": calibration.faces,
            "power": law.power,
            "radius50": law.radius(0.5),
            "radius90": law.radius(0.9),
        },
        "category": definition.to_category(),
        "figures": figures,
        "quality": quality(figures, calibration.faces),
        "origin": origin(history.to_json()),
        "limits": LIMITS,
        "history": history.to_json(),
        "backbone": _backbone(made.model.config.encoder),
    }


def _backbone(encoder: str) -> dict[str, str | None]:
    """timm's name of the encoder, and the license that timm tells of its pretrained weights."""
    known = timm.models.get_pretrained_cfg(encoder)
    return {"encoder": encoder, "license": None if known is None else known.license}
