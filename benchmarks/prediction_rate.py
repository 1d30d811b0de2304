"""How fast `mdmd predict` is on a folder of pictures, beside its network alone, and whether its memory stays flat.

`python benchmarks/prediction_rate.py RUN PICTURES [--count 300] [--rounds 3]` predicts pictures from JPEG to JSON,
with a box for each and looking for boxes, and then lets the network alone, and timm's bare encoder alone, look at as
many crops in batches of the same sizes. Prints pictures a second by the clock and the ratio of both times, side by
side in each round (1: nothing but the network takes time).

With `--memory 300 3000` a process of its own predicts that many pictures, links to those of the folder, with a small
network that looks for boxes; prints the largest memory of each.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import timm
import torch

import mdmd
from mdmd import api
from mdmd.config import ModelConfig
from mdmd.data.definition import load_definition
from mdmd.data.picture_files import find_pictures
from mdmd.device import autocast
from mdmd.inference.model import Model
from mdmd.models.checkpoint import Checkpoint
from mdmd.models.landmark_model import build

CPU = torch.device("cpu")


def seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def batches_of(model: Model, work: Callable[[], object]) -> list[int]:
    """The sizes of the batches that the network sees while `work` runs."""
    sizes: list[int] = []
    hook = model.network().register_forward_pre_hook(lambda module, given: sizes.append(len(given[0])))
    work()
    hook.remove()
    return sizes


def rates(options: argparse.Namespace) -> None:
    model = api.load_run(options.run)
    config, head = model.checkpoint.model.config, model.seeing(model.head)
    pictures: Sequence[Path] = find_pictures([options.pictures]).pictures[: options.count]
    images = torch.rand(64, 3, config.image_size, config.image_size)
    encoder: Any = timm.create_model(config.encoder, pretrained=False, num_classes=0, img_size=config.image_size)
    encoder.blocks = encoder.blocks[: config.encoder_depth or len(encoder.blocks)]
    encoder.eval()
    model.network().eval()

    def alone(sizes: Sequence[int], look: Callable[[torch.Tensor], object]) -> None:
        with torch.inference_mode(), autocast(CPU):
            for size in sizes:
                look(images[:size])

    print(f"{len(pictures)} pictures, {torch.get_num_threads()} threads\n")
    print("| boxes | looks a picture | pictures a second | network alone / whole | bare encoder / whole |")
    print("| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        for words, find in (("the whole picture", False), ("found", True)):

            def whole(find: bool = find) -> None:
                mdmd.predict(model, pictures, out=Path(folder) / "p.json", find_boxes=find)

            sizes = batches_of(model, whole)  # not measured: the first call is slower
            spent = np.array(
                [
                    [
                        seconds(whole),
                        seconds(lambda sizes=sizes: alone(sizes, lambda batch: model.network()(batch, head))),
                        seconds(lambda sizes=sizes: alone(sizes, encoder.forward_features)),
                    ]
                    for _ in range(options.rounds)
                ]
            )
            told = [
                f"{np.median(ratio):.2f} ({ratio.min():.2f} to {ratio.max():.2f})"
                for ratio in (spent[:, 1] / spent[:, 0], spent[:, 2] / spent[:, 0])
            ]
            rate = len(pictures) / np.median(spent[:, 0])
            print(f"| {words} | {sum(sizes) / len(pictures):.1f} | {rate:.1f} | {told[0]} | {told[1]} |", flush=True)


def memories(options: argparse.Namespace) -> None:
    found = find_pictures([options.pictures]).pictures
    print("| pictures | largest memory, MB |\n| --- | --- |")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        model = build(
            ModelConfig(encoder="test_vit", image_size=64, decoder_heads=2), {"nine": load_definition("animweb")}
        )
        made = Checkpoint(model, "nine")
        made.history = api.load_run(options.run).checkpoint.history  # with a box scale
        made.save(folder / "run")
        for count in options.memory:
            links = folder / str(count)
            links.mkdir()
            for k in range(count):
                os.link(found[k % len(found)], links / f"{k:06}{found[k % len(found)].suffix}")
            command = ["-m", "mdmd", "predict", str(folder / "run"), str(links), "--find-boxes", "--quiet", "--out"]
            process = subprocess.Popen([sys.executable, *command, str(folder / "p.json")], stdout=subprocess.DEVNULL)
            most = 0.0
            while process.poll() is None:
                most = max(most, psutil.Process(process.pid).memory_info().rss / 1e6)
                time.sleep(0.1)
            print(f"| {count:,} | {most:.0f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("pictures", type=Path, help="a folder")
    parser.add_argument("--count", type=int, default=300, help="how many of its pictures (default 300)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", type=int, nargs="+", metavar="COUNT")
    options = parser.parse_args()
    if options.memory:
        memories(options)
    else:
        rates(options)


if __name__ == "__main__":
    main()
