"""How near the points of an exported model are to those of the run that it was made from, on real faces.

    OMP_NUM_THREADS=1 python benchmarks/exported_model.py RUN --data FILE.json

RUN is exported, and each face is cut and predicted by the folder's own example.py, with its box. The run predicts the
same faces in float32, and as `mdmd predict` does, which is in bfloat16 on processors that can. Prints a Markdown table
of the largest and the mean distances, in pixels of the pictures and of the crops, and one of milliseconds a face for
batches of 1 and 16 crops: of PyTorch and of ONNX Runtime, both with one thread, medians of `--rounds` side by side.
"""

from __future__ import annotations

import argparse
import contextlib
import runpy
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import onnxruntime
import torch

import mdmd
from mdmd.data.coco import read_coco
from mdmd.data.records import Prediction, Sample
from mdmd.evaluation.evaluate import FlagRule
from mdmd.inference import predict
from mdmd.inference.model import Model
from mdmd.portable.graph import CropGraph


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--data", type=Path, required=True, metavar="FILE.json")
    parser.add_argument("--faces", type=int, default=100, help="how many of its faces (default 100)")
    parser.add_argument("--half", action="store_true", help="store the weights in float16")
    parser.add_argument("--rounds", type=int, default=20, help="measurements of time (default 20)")
    options = parser.parse_args()
    model, samples = mdmd.load(options.run), read_coco(options.data).samples[: options.faces]
    with tempfile.TemporaryDirectory() as folder:
        made = mdmd.export(options.run, Path(folder) / "out", half=options.half)
        example = runpy.run_path(str(made.path / "example.py"))
        found = [points_of(example, sample) for sample in samples]
        times = milliseconds(model, made.path / "model.onnx", example["SIZE"], options.rounds)
    pixels = [example["ABOUT"]["crop"]["scale"] * max(s.box.w, s.box.h) / example["SIZE"] for s in samples]
    with patch.object(predict, "autocast", lambda device: contextlib.nullcontext()):
        exact = predicted(model, samples)
    print(f"{len(samples)} faces, {made.bytes / 1e6:.1f} MB\n")
    print("| against | largest, picture px | largest, crop px | mean, crop px |\n| --- | --- | --- | --- |")
    for name, wanted in (("float32", exact), ("as mdmd predict", predicted(model, samples))):
        apart = [np.linalg.norm(p - one.points, axis=1) for p, one in zip(found, wanted, strict=True)]
        in_crop = np.concatenate([d / pixel for d, pixel in zip(apart, pixels, strict=True)])
        print(f"| {name} | {np.concatenate(apart).max():.4f} | {in_crop.max():.4f} | {in_crop.mean():.4f} |")
    print("\n| batch | PyTorch, ms a face | ONNX Runtime, ms a face | ratio |\n| --- | --- | --- | --- |")
    print("\n".join(times))


def milliseconds(model: Model, graph: Path, size: int, rounds: int) -> list[str]:
    """The rows of a table: milliseconds a face of both looks from crops to points, for batches of 1 and 16."""
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    torch.set_num_threads(1)
    session = onnxruntime.InferenceSession(graph, settings, providers=["CPUExecutionProvider"])
    _, calibration = model.calibrated(None)
    whole = CropGraph(model.network(), model.head, calibration, FlagRule.tolerance).eval()
    rows = []
    for batch in (1, 16):
        crops = np.random.default_rng(0).integers(0, 255, (batch, 3, size, size), dtype=np.uint8)
        boxes = np.full((batch, 2), size / 2, dtype=np.float32)
        given = torch.from_numpy(crops), torch.from_numpy(boxes)

        def by_torch(given: tuple[torch.Tensor, torch.Tensor] = given) -> None:
            with torch.inference_mode(), predict.autocast(torch.device("cpu")):
                whole(*given)

        def by_onnx(crops: np.ndarray = crops, boxes: np.ndarray = boxes) -> None:
            session.run(None, {"crops": crops, "boxes": boxes})

        spent = np.array([[seconds(work) for work in (by_torch, by_onnx)] for _ in range(rounds + 1)])[1:]
        torch_ms, onnx_ms = 1000 * np.median(spent, axis=0) / batch
        rows.append(f"| {batch} | {torch_ms:.1f} | {onnx_ms:.1f} | {np.median(spent[:, 1] / spent[:, 0]):.2f} |")
    return rows


def seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def points_of(example: Mapping[str, Any], sample: Sample) -> np.ndarray:
    """The points (N, 2) that the example finds in the box of the sample."""
    [face] = example["predict"]([sample.path], (sample.box.x, sample.box.y, sample.box.w, sample.box.h))["annotations"]
    return np.array(face["keypoints"]).reshape(-1, 3)[:, :2]


def predicted(model: Model, samples: Sequence[Sample]) -> list[Prediction]:
    return model.finished(predict.predict(model.network(), samples, model.head), samples, model.head)


if __name__ == "__main__":
    main()
