"""Speed of training and prediction relative to the bare encoder; prints Markdown tables.

    OMP_NUM_THREADS=2 python benchmarks/speed.py --data DATA            # everything
    OMP_NUM_THREADS=1 python benchmarks/speed.py --only step profile    # on drawn faces

DATA contains `stylised9/annotations.json` and `w300_helen_afw/annotations.json`; without DATA, drawn faces are used.
Weights are random, because speed does not depend on them. The bare encoder is timm's with the same batch size, type and
threads, both as it is and with the plain attention that our encoder uses (`choose_attention`). Each ratio is the median
over rounds, in which everything runs once, with the smallest and the largest. Ratios are given for wall-clock time and
for CPU time, which other processes disturb less. A training step is one of an adaptation, whose lowest blocks are
frozen, or one of a base.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import pandas as pd
import timm
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from mdmd.cli import main as cli
from mdmd.config import PRESETS, ModelConfig
from mdmd.data.coco import read_coco, to_coco
from mdmd.data.records import Box, Dataset
from mdmd.device import autocast
from mdmd.loading.augment import WARPS, random_photometry, random_warp, warp_pictures
from mdmd.loading.batches import FaceCache
from mdmd.loading.crop_cache import CropStore
from mdmd.loading.crops import MARGIN
from mdmd.models.checkpoint import Checkpoint
from mdmd.models.encoder import choose_attention
from mdmd.models.landmark_model import MDMD, Laplacian
from mdmd.models.losses import group_counts, group_weights
from mdmd.synthetic.datasets import PAREIDOLIAS, write_source
from mdmd.training.loop import fit
from mdmd.training.plan import Plan
from mdmd.training.run_log import RunLog
from mdmd.training.schedule import Budget
from mdmd.training.step import batch_loss, make_optimizer, moving_average
from mdmd.training.validation import Watch

CPU = torch.device("cpu")
MODEL, TRAIN = PRESETS["default"].model, PRESETS["default"].train
PARTS = ("step", "predict", "memory", "profile")

R = TypeVar("R")


@dataclass(frozen=True)
class Cost:
    """Seconds of one call: wall-clock time and CPU time of this process."""

    clock: float
    processor: float


def cost(work: Callable[[], object]) -> Cost:
    """The cost of one call of `work`."""
    clock, processor = time.perf_counter(), time.process_time()
    work()
    return Cost(time.perf_counter() - clock, time.process_time() - processor)


def compare(bares: Mapping[str, Callable[[], object]], work: Callable[[], object], *, rounds: int) -> dict[str, str]:
    """The cost of each of `bares` divided by that of `work` (1: equally fast).

    Each runs once per round, after one unmeasured call.
    """
    costs: dict[str, list[Cost]] = {name: [] for name in (*bares, "whole")}
    for k in range(rounds + 1):
        for name, one in {**bares, "whole": work}.items():
            spent = cost(one)
            if k:
                costs[name].append(spent)
    found = {}
    for name in bares:
        for by in ("clock", "processor"):
            ratios = np.array(
                [getattr(b, by) / getattr(w, by) for b, w in zip(costs[name], costs["whole"], strict=True)]
            )
            found[f"{name}, by {by}"] = f"{np.median(ratios):.2f} ({ratios.min():.2f} to {ratios.max():.2f})"
    return found


def bare_encoders(config: ModelConfig) -> dict[str, nn.Module]:
    """timm's encoder as it is, and with the attention of our encoder."""
    made = {}
    for name in ("timm's", "plain attention"):
        made[name] = timm.create_model(config.encoder, pretrained=False, num_classes=0, img_size=config.image_size)
    with autocast(CPU):
        choose_attention(made["plain attention"], CPU)
    return made


def training_step(dataset: Dataset, options: argparse.Namespace, folder: Path, stage: str) -> dict[str, str]:
    """A step of `fit` on `dataset`, compared with the encoder's forward and backward pass."""
    batch, config = TRAIN.batch_size, MODEL
    images = torch.rand(batch, 3, config.image_size, config.image_size)
    model = MDMD(config)
    model.add_head(dataset.name, dataset.definition)
    with RunLog(None, quiet=True) as log:
        store = CropStore(folder / "crops", warn=log.warn)
        samples = dataset.split("train")[:150]
        cache = FaceCache(
            dataset.name,
            dataset.definition,
            samples,
            crop_scale=config.crop_scale,
            size=config.image_size,
            store=store,
        )
        cache.fill()
        plan = Plan(TRAIN, Budget(steps=options.steps), weights="none")
        watch = Watch(Checkpoint(model, dataset.name), (), log, stage)

        def bare(encoder: Any) -> None:
            for _ in range(options.steps):
                with autocast(CPU):
                    tokens = encoder.forward_features(images)
                tokens.float().mean().backward()
                encoder.zero_grad(set_to_none=True)

        def whole() -> None:
            fit(model, [cache], plan, log, watch, stage)

        bares = {name: partial(bare, encoder.train()) for name, encoder in bare_encoders(config).items()}
        found = compare(bares, whole, rounds=options.rounds)
    points = len(dataset.definition.landmarks)
    return {"what": f"training step ({stage}), {points} points, batch {batch}", **found}


def prediction(
    dataset: Dataset, options: argparse.Namespace, folder: Path, views: Literal["single", "two"]
) -> dict[str, str]:
    """`mdmd predict` from JPEG files to JSON, with loading, compared with the encoder's forward pass."""
    samples = dataset.samples[: options.pictures]
    model = MDMD(MODEL.changed(views=views))
    model.add_head(dataset.name, dataset.definition)
    Checkpoint(model, dataset.name).save(folder / "run")
    pictures = {"image_folder": str(samples[0].path.parent.resolve())}
    (folder / "faces.json").write_text(json.dumps(to_coco(samples, dataset.definition, info=pictures)))
    images = torch.rand(32, 3, MODEL.image_size, MODEL.image_size)

    def bare(encoder: Any) -> None:
        with torch.inference_mode(), autocast(CPU):
            for start in range(0, len(samples), 32):
                encoder.forward_features(images[: len(samples) - start])

    def whole() -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            command = ["predict", folder / "run", "--faces", folder / "faces.json", "--out", folder / "out.json"]
            if cli.main([str(word) for word in command]):
                raise SystemExit("mdmd predict failed")

    bares = {name: partial(bare, encoder.eval()) for name, encoder in bare_encoders(MODEL).items()}
    found = compare(bares, whole, rounds=options.rounds)
    return {"what": f"prediction, views {views}, {len(dataset.definition.landmarks)} points", **found}


def memory(dataset: Dataset, count: int) -> dict[str, str]:
    """The peak memory of a process that trains three steps on `count` faces: those of `dataset` in different boxes."""
    folder = dataset.samples[0].path.parent.parent
    command = [sys.executable, __file__, "--train-many", str(count), "--data", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    started, peak = (int(word) for word in done.stdout.split()[-2:])
    return {"faces": f"{count:,}", "at the start, MB": f"{started:,}", "largest, MB": f"{peak:,}"}


def train_many(folder: Path, count: int) -> None:
    """Train three steps on `count` faces with an empty crop store; prints the peak memory before and after, in MB."""
    dataset = read_coco(folder / "annotations.json", name="many")
    few = dataset.split("train")
    samples = []
    for k in range(count):
        sample, shift = few[k % len(few)], (k // len(few)) / 50
        box = Box(sample.box.x + shift, sample.box.y, sample.box.w, sample.box.h)
        samples.append(replace(sample, box=box, split="train"))
    model = MDMD(MODEL)
    model.add_head("many", dataset.definition)
    started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    with tempfile.TemporaryDirectory() as crops, RunLog(None, quiet=True) as log:
        store = CropStore(Path(crops), warn=log.warn)
        scale, size = MODEL.crop_scale, MODEL.image_size
        cache = FaceCache("many", dataset.definition, samples, crop_scale=scale, size=size, store=store)
        cache.fill()
        watch = Watch(Checkpoint(model, "many"), (), log, "adapt")
        fit(model, [cache], Plan(TRAIN, Budget(steps=3)), log, watch, "adapt")
    print(started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


def profile(dataset: Dataset, options: argparse.Namespace, folder: Path) -> pd.DataFrame:
    """The CPU time of each part of a training step, forward and backward, measured separately; medians."""
    definition, count = dataset.definition, TRAIN.batch_size
    model = MDMD(MODEL)
    model.add_head(dataset.name, definition)
    model.train()
    store = CropStore(folder / "crops", warn=lambda text: print(text, file=sys.stderr))
    samples = dataset.split("train")[:64]
    scale, size = MODEL.crop_scale, MODEL.image_size
    cache = FaceCache(dataset.name, definition, samples, crop_scale=scale, size=size, store=store)
    cache.fill()
    optimizer = make_optimizer(model, TRAIN, frozen_blocks=TRAIN.frozen_blocks)
    average = AveragedModel(model, avg_fn=moving_average(TRAIN.average_decay))
    encoder: Any = bare_encoders(MODEL)["timm's"].train()
    generator = torch.Generator().manual_seed(0)
    spent: dict[str, list[float]] = {}
    members = model.groups_of(dataset.name)
    weights = group_weights(group_counts(cache.labeled[:count], members), members)
    rare = torch.zeros(len(definition.landmarks), dtype=torch.bool)

    def timed(part: str, work: Callable[[], R]) -> R:
        began = time.process_time()
        result = work()
        spent.setdefault(part, []).append(1000 * (time.process_time() - began))
        return result

    def under_autocast(work: Callable[[], R]) -> R:
        with autocast(CPU):
            return work()

    def both_ways(part: str, work: Callable[[], torch.Tensor]) -> torch.Tensor:
        """Run one part forward and backward; returns its detached output, the input of the next part."""
        out = timed(f"{part}, forward", lambda: under_autocast(work))
        timed(f"{part}, backward", lambda: out.backward(torch.ones_like(out)))
        return out.detach().requires_grad_()

    for _ in range(options.rounds + 1):
        index = torch.randperm(len(cache), generator=generator)[:count].tolist()
        mirrored = torch.rand(count, generator=generator) < 0.5
        warp = random_warp(count, WARPS[TRAIN.augment], mirrored, zoom=MARGIN, generator=generator)
        raw = torch.randint(0, 256, (count, 3, round(MARGIN * size), round(MARGIN * size)), dtype=torch.uint8)
        warped = timed("of it: warp", lambda raw=raw, warp=warp: warp_pictures(raw, warp, size))
        timed("of it: photometry", lambda warped=warped: random_photometry(warped, TRAIN.augment, generator))
        batch = timed("batch", lambda index=index: cache.batch(index, TRAIN.augment, generator))
        tokens = both_ways("encoder", lambda batch=batch: model.encoder(batch.images))
        groups = both_ways("decoder", lambda tokens=tokens: model.decoder(tokens))
        pixels = None
        if model.pixels is not None:
            grid = model.encoder.grid_features(tokens).detach().requires_grad_()
            pixels = both_ways("pixel path", lambda batch=batch, grid=grid: model.pixels(batch.images, grid))

        def head_and_loss(groups=groups, pixels=pixels, batch=batch) -> torch.Tensor:
            found = under_autocast(lambda: Laplacian(*model.head(dataset.name)(groups, pixels)))
            return batch_loss(found, batch.points, batch.labeled, weights, rare, TRAIN, 0.5)

        value = timed("head and loss, forward", head_and_loss)
        timed("head and loss, backward", value.backward)
        timed("clip", lambda: nn.utils.clip_grad_norm_(model.parameters(), 1.0))
        timed("optimizer", optimizer.step)
        timed("moving average", lambda: average.update_parameters(model))
        optimizer.zero_grad(set_to_none=True)
        tokens = timed(
            "(bare encoder, forward)",
            lambda batch=batch: under_autocast(lambda: encoder.forward_features(batch.images)),
        )
        timed("(bare encoder, backward)", lambda tokens=tokens: tokens.backward(torch.ones_like(tokens)))
    medians = {part: float(np.median(values[1:])) for part, values in spent.items()}
    whole = sum(value for part, value in medians.items() if not part.startswith(("of it", "(")))
    rows = [(part, f"{value:.1f}", f"{100 * value / whole:.1f}") for part, value in medians.items()]
    return pd.DataFrame(rows, columns=["part", f"ms for {count} faces, {len(definition.landmarks)} points", "%"])


def sets(options: argparse.Namespace, folder: Path) -> list[Dataset]:
    """The dense set and the small set: from --data if given, else drawn."""
    if options.data is not None:
        paths = [options.data / name / "annotations.json" for name in ("w300_helen_afw", "stylised9")]
    else:
        paths = [write_source(folder / "faces", 100, seed=0), PAREIDOLIAS]
    return [read_coco(path) for path in paths]


def markdown(table: pd.DataFrame) -> str:
    """A Markdown table."""
    lines = [table.columns.tolist(), ["---"] * len(table.columns), *table.to_numpy().tolist()]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines) + "\n"


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="real faces; default: drawn ones")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=10, help="training steps in each round")
    parser.add_argument("--pictures", type=int, default=320, help="faces predicted in each round")
    parser.add_argument("--counts", type=int, nargs="+", default=[150, 15_000], help="faces for the memory test")
    parser.add_argument("--train-many", type=int, help=argparse.SUPPRESS)  # used by the process of the memory test
    options = parser.parse_args(words)
    if options.train_many is not None:
        return train_many(options.data, options.train_many)
    with autocast(CPU):
        kind = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else torch.float32
    print(f"threads: {torch.get_num_threads()}, type: {kind}\n")
    with tempfile.TemporaryDirectory(prefix="mdmd-speed-") as temporary:
        folder = Path(temporary)
        both = sets(options, folder)
        ratios = []
        for dataset in both:
            own = folder / f"{dataset.name}-measured"  # drawn sets are in folders with their names
            own.mkdir()
            if "step" in options.only:
                ratios += [training_step(dataset, options, own, stage) for stage in ("adapt", "base")]
            if "predict" in options.only:
                ratios += [prediction(dataset, options, own, views) for views in ("single", "two")]
        if ratios:
            print(markdown(pd.DataFrame(ratios)))
        if "memory" in options.only:
            print(markdown(pd.DataFrame([memory(both[-1], count) for count in options.counts])))
        if "profile" in options.only:
            for dataset in both:
                print(markdown(profile(dataset, options, folder)))
    return None


if __name__ == "__main__":
    main()
