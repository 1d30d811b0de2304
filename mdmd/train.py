"""Learn several definitions at once (`train`), or a new one from few faces beside what is known (`adapt`)."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from mdmd.augment import WARPS
from mdmd.checkpoint import Checkpoint
from mdmd.config import ModelConfig
from mdmd.cropstore import CropStore
from mdmd.encoder import load_pretrained, load_weights
from mdmd.evaluate import plain
from mdmd.fit import fit
from mdmd.heads import RegressionHead
from mdmd.loader import FaceCache, split_heldout
from mdmd.model import MDMD
from mdmd.plan import Plan
from mdmd.rare import FEWEST_LABELS, label_counts
from mdmd.records import DataError, Dataset, Sample
from mdmd.resume import RunState, inputs_of
from mdmd.runlog import RunLog
from mdmd.watch import Watch

#: Fewer faces than this cannot be split into faces to learn from and faces to measure on.
FEWEST_FACES = 3


def train(datasets: Sequence[Dataset], config: ModelConfig, plan: Plan, log: RunLog) -> Checkpoint:
    """A model with a head for each of `datasets`, from the encoder's weights; the first is the target."""
    torch.manual_seed(plan.seed)
    model = MDMD(config)
    source = start_encoder(model, plan.weights, log)
    for dataset in datasets:
        model.add_head(dataset.name, dataset.definition)
    checkpoint = Checkpoint(model, datasets[0].name, history={"weights": source})
    return _learn(checkpoint, datasets, held=datasets, plan=plan, log=log, stage="base")


def adapt(
    target: Dataset,
    sources: Sequence[Dataset],
    base: Checkpoint | None,
    config: ModelConfig,
    plan: Plan,
    log: RunLog,
) -> Checkpoint:
    """Learn `target` beside `sources`, from `base` where there is one, else from the encoder's weights."""
    torch.manual_seed(plan.seed)
    if base is None:
        model = MDMD(config)
        checkpoint = Checkpoint(model, target.name, history={"weights": start_encoder(model, plan.weights, log)})
    else:
        model = base.model
        history = {"weights": base.history.get("weights"), "base": base.history}
        scales = {name: scale for name, scale in base.scales.items() if name != target.name}
        checkpoint = Checkpoint(model, target.name, scales, history)
    for dataset in (target, *sources):
        known = model.definitions.get(dataset.name)
        if known != dataset.definition or dataset is target:
            model.add_head(dataset.name, dataset.definition)
    return _learn(checkpoint, (target, *sources), held=(target,), plan=plan, log=log, stage="adapt")


def start_encoder(model: MDMD, weights: str | None, log: RunLog) -> str | None:
    """Load the encoder's weights as asked; returns what was loaded, None for random numbers."""
    if weights == "none":
        log.warn("no pretrained weights, as asked: the encoder starts from random numbers")
        return None
    if weights is None:
        return load_pretrained(model.encoder, model.config.encoder, log.warn)
    load_weights(model.encoder, Path(weights), log.warn)
    return Path(weights).name


def _learn(
    checkpoint: Checkpoint, datasets: Sequence[Dataset], held: Sequence[Dataset], *, plan: Plan, log: RunLog, stage: str
) -> Checkpoint:
    began = time.monotonic()
    config, device = checkpoint.model.config, plan.processes.device
    learned: dict[str, Sequence[Sample]] = {}
    heldout: dict[str, Sequence[Sample]] = {}
    few: dict[str, dict[str, int]] = {}
    for dataset in datasets:
        share = plan.train.heldout_share if dataset in held else 0.0
        learned[dataset.name], heldout[dataset.name] = split_heldout(dataset, share, plan.seed)
        few[dataset.name] = _check(dataset, learned[dataset.name], log, mirrored=WARPS[plan.train.augment].mirror > 0)
    log.event(
        "start",
        stage=stage,
        steps=plan.budget.steps,
        minutes=plan.budget.minutes,
        train_faces={name: len(s) for name, s in learned.items()},
        heldout_faces=len(heldout[checkpoint.target]),
        encoder=config.encoder,
        weights=checkpoint.history.get("weights"),
        device=str(device),
        processes=plan.processes.count,
    )
    with _caches(datasets, learned, config, plan, log) as caches:
        for cache in caches:
            head = checkpoint.model.head(cache.name)
            if isinstance(head, RegressionHead) and cache.name not in checkpoint.scales:
                head.means.start_at(cache.mean_shape(), spread=0.1)
        # Still to come after the last step: one report, and two measurements of each head that is held to account.
        following = 1 + 2 * len(held)
        watch = Watch(checkpoint, heldout[checkpoint.target], plan.rule, log, stage, following=following)
        state = _state(checkpoint.model, datasets, plan, log, stage)
        model = checkpoint.model.to(device)
        checkpoint.model = fit(model, caches, plan, log, watch, stage, state=state, began=began)
    checkpoint.model.cpu()
    for dataset in held:
        measured = Watch(checkpoint, heldout[dataset.name], plan.rule, log, stage, head=dataset.name)
        checkpoint.scales[dataset.name] = measured.scale(checkpoint.model)
        if dataset.name == checkpoint.target:
            numbers = measured.metrics(checkpoint.model, checkpoint.scales[dataset.name])
            checkpoint.history["heldout"] = plain(numbers)
    checkpoint.history.update(
        stage=stage,
        faces={name: len(s) for name, s in learned.items()},
        rarely_labeled=few[checkpoint.target],
        seed=plan.seed,
        seconds=round(time.monotonic() - began + (state.seconds_before if state is not None else 0), 1),
    )
    log.event("done", stage=stage, seconds=checkpoint.history["seconds"], nme=checkpoint.history["heldout"].get("nme"))
    return checkpoint


def _state(model: MDMD, datasets: Sequence[Dataset], plan: Plan, log: RunLog, stage: str) -> RunState | None:
    if plan.keep is None:
        return None
    kind = "steps" if plan.budget.steps is not None else "minutes"
    settings = (model.config, plan.train)
    inputs = inputs_of(model, settings, datasets, stage=stage, budget=kind, seed=plan.seed)
    return RunState(plan.keep, inputs, log, main=plan.processes.main)


def _check(dataset: Dataset, faces: Sequence[Sample], log: RunLog, *, mirrored: bool) -> dict[str, int]:
    """Landmarks with too few labels to learn from, and how many; DataError for a set with too few faces."""
    total = sum(s.annotation is not None for s in dataset.split("train"))
    if total < FEWEST_FACES:
        raise DataError(f"{dataset.name}: found {total} labeled training faces, training needs at least {FEWEST_FACES}")
    labeled = torch.from_numpy(np.stack([s.annotation.labeled for s in faces if s.annotation is not None]))
    counts = label_counts(labeled, dataset.definition.mirror, mirrored=mirrored).tolist()
    few = {name: n for name, n in zip(dataset.definition.landmarks, counts, strict=True) if n < FEWEST_LABELS}
    never = [name for name, n in few.items() if n == 0]
    if never:
        log.warn(f"{dataset.name}: no labels to learn {', '.join(never)} from; predictions of these mean nothing")
    rarely = [f"{name} ({n})" for name, n in few.items() if n > 0]
    if rarely:
        log.warn(
            f"{dataset.name}: fewer than {FEWEST_LABELS} labels to learn {', '.join(rarely)} from; "
            "they take the uncertainty of the others"
        )
    return few


@contextlib.contextmanager
def _caches(
    datasets: Sequence[Dataset], learned: Mapping[str, Sequence[Sample]], config: ModelConfig, plan: Plan, log: RunLog
) -> Iterator[list[FaceCache]]:
    with contextlib.ExitStack() as stack:
        folder = plan.crops or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mdmd-crops-")))
        store = CropStore(folder, warn=log.warn)
        size, scale = config.image_size, config.crop_scale
        caches = [
            FaceCache(d.name, d.definition, learned[d.name], crop_scale=scale, size=size, store=store) for d in datasets
        ]
        for cache in caches:
            cache.fill()
        yield caches


def fewer_faces(dataset: Dataset, count: int, seed: int) -> Dataset:
    """`dataset` with `count` of its labeled training faces, chosen by `seed`; the rest of the splits stay."""
    training = [s for s in dataset.split("train") if s.annotation is not None]
    if not 1 <= count <= len(training):
        raise DataError(f"{dataset.name}: asked for {count} training faces, there are {len(training)}")
    chosen = {id(training[k]) for k in np.random.default_rng(seed).permutation(len(training))[:count]}
    return replace(dataset, samples=tuple(s for s in dataset.samples if s.split != "train" or id(s) in chosen))
