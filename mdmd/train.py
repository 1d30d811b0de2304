"""Learn several definitions at once (`train`), or a new one from few faces beside what is known (`adapt`)."""

from __future__ import annotations

import contextlib
import math
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from mdmd import loss as losses
from mdmd.calibrate import fit_scale
from mdmd.checkpoint import Checkpoint
from mdmd.config import ModelConfig, TrainConfig
from mdmd.encoder import load_pretrained, load_weights
from mdmd.evaluate import FlagRule, evaluate, plain
from mdmd.heads import RegressionHead
from mdmd.loader import Batch, FaceCache, crops_of, epochs, split_heldout
from mdmd.model import MDMD, Laplacian
from mdmd.predict import autocast, compute_device, predict_crops
from mdmd.records import Annotation, DataError, Dataset, Prediction, Sample
from mdmd.runlog import RunLog
from mdmd.schedule import Budget, learning_rate_factor

#: Fewer faces than this cannot be split into faces to learn from and faces to measure on.
FEWEST_FACES = 3
#: Width of the heatmaps' target, in cells.
HEATMAP_SIGMA = 1.0
EVALUATIONS = 10


@dataclass(frozen=True)
class Plan:
    """What one run needs beside its data. `weights` is a safetensors file, "none", or None for timm's own."""

    train: TrainConfig
    budget: Budget
    weights: str | None = None
    seed: int = 0
    rule: FlagRule = field(default_factory=FlagRule)


def train(
    datasets: Sequence[Dataset],
    config: ModelConfig,
    plan: Plan,
    log: RunLog,
    *,
    start: Checkpoint | None = None,
    stage: str = "base",
) -> Checkpoint:
    """A model with a head for each of `datasets`, from the encoder's weights; the first is the target.

    With `start` it is that checkpoint's network that goes on learning, with its heads of the same names. Stage "base"
    draws its batches uniformly from the sets, any other by `target_share`.
    """
    torch.manual_seed(plan.seed)
    if start is None:
        model = MDMD(config)
        checkpoint = Checkpoint(model, datasets[0].name, history={"weights": start_encoder(model, plan.weights, log)})
    else:
        model = start.model
        checkpoint = Checkpoint(model, datasets[0].name, dict(start.scales), {"weights": start.history.get("weights")})
    for dataset in datasets:
        if model.definitions.get(dataset.name) != dataset.definition:
            model.add_head(dataset.name, dataset.definition)
    return _learn(checkpoint, datasets, held=datasets, plan=plan, log=log, stage=stage)


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
    load_weights(model.encoder, Path(weights))
    return Path(weights).name


def _learn(
    checkpoint: Checkpoint, datasets: Sequence[Dataset], held: Sequence[Dataset], *, plan: Plan, log: RunLog, stage: str
) -> Checkpoint:
    config, device = checkpoint.model.config, compute_device()
    learned: dict[str, Sequence[Sample]] = {}
    heldout: dict[str, Sequence[Sample]] = {}
    for dataset in datasets:
        share = plan.train.heldout_share if dataset in held else 0.0
        learned[dataset.name], heldout[dataset.name] = split_heldout(dataset, share, plan.seed)
        _check(dataset, learned[dataset.name], log)
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
    )
    began = time.monotonic()
    with _caches(datasets, learned, config) as caches:
        for cache in caches:
            head = checkpoint.model.head(cache.name)
            if isinstance(head, RegressionHead) and cache.name not in checkpoint.scales:
                head.means.start_at(cache.mean_shape(), spread=0.1)
        watch = Watch(checkpoint, heldout[checkpoint.target], plan.rule, log, stage)
        checkpoint.model = fit(checkpoint.model.to(device), caches, plan, log, watch, stage)
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
        seed=plan.seed,
        seconds=round(time.monotonic() - began, 1),
    )
    log.event("done", stage=stage, seconds=checkpoint.history["seconds"], nme=checkpoint.history["heldout"].get("nme"))
    return checkpoint


def _check(dataset: Dataset, faces: Sequence[Sample], log: RunLog) -> None:
    total = sum(s.annotation is not None for s in dataset.split("train"))
    if total < FEWEST_FACES:
        raise DataError(f"{dataset.name}: found {total} labeled training faces, training needs at least {FEWEST_FACES}")
    seen = np.sum([s.annotation.labeled for s in faces if s.annotation is not None], axis=0)
    never = [name for name, count in zip(dataset.definition.landmarks, seen, strict=True) if count == 0]
    if never:
        log.warn(f"{dataset.name}: no labels to learn {', '.join(never)} from; predictions of these mean nothing")


@contextlib.contextmanager
def _caches(
    datasets: Sequence[Dataset], learned: Mapping[str, Sequence[Sample]], config: ModelConfig
) -> Iterator[list[FaceCache]]:
    with tempfile.TemporaryDirectory(prefix="mdmd-faces-") as folder:
        yield [
            FaceCache(
                d.name,
                d.definition,
                learned[d.name],
                crop_scale=config.crop_scale,
                size=config.image_size,
                file=Path(folder) / f"{k}.npy",
            )
            for k, d in enumerate(datasets)
        ]


class Watch:
    """Held-out faces of one head, cut once, to measure a model on while and after it learns."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        faces: Sequence[Sample],
        rule: FlagRule,
        log: RunLog,
        stage: str,
        head: str | None = None,
    ) -> None:
        self.faces = faces
        self.rule = rule
        self.log = log
        self.stage = stage
        self.head = head or checkpoint.target
        config = checkpoint.model.config
        self.images, self.crops = (
            crops_of(faces, crop_scale=config.crop_scale, size=config.image_size) if faces else (None, [])
        )

    def predictions(self, model: MDMD, scale: float) -> list[Prediction]:
        """Of these faces, in image pixels."""
        assert self.images is not None
        found: list[Prediction] = []
        for k in range(0, len(self.crops), 32):
            found += predict_crops(model, self.images[k : k + 32], self.head, self.crops[k : k + 32], scale=scale)
        return found

    def scale(self, model: MDMD) -> float:
        """The covariance factor that these faces ask for; 1 without faces."""
        return fit_scale(self.predictions(model, 1.0), [_annotation(s) for s in self.faces]) if self.faces else 1.0

    def metrics(self, model: MDMD, scale: float) -> dict[str, float]:
        """`evaluate` on these faces; empty without faces."""
        if not self.faces:
            return {}
        return evaluate(model.head_definition(self.head), self.predictions(model, scale), self.faces, self.rule)

    def report(self, model: MDMD, step: int) -> None:
        """Log the held-out NME."""
        found = self.metrics(model, 1.0)
        if found:
            self.log.event("eval", stage=self.stage, step=step, nme=round(found["nme"], 3), faces=len(self.faces))


def _annotation(sample: Sample) -> Annotation:
    assert sample.annotation is not None
    return sample.annotation


def fit(model: MDMD, caches: Sequence[FaceCache], plan: Plan, log: RunLog, watch: Watch, stage: str) -> MDMD:
    """Optimise `model`, each batch from one set (see `draw_set`); returns the averaged weights."""
    config, device = plan.train, compute_device()
    generator = torch.Generator().manual_seed(plan.seed)
    streams = [epochs(len(c), config.batch_size, generator) for c in caches]
    optimizer = make_optimizer(model, config)
    average = AveragedModel(model, avg_fn=moving_average(config.average_decay))
    averaged = cast(MDMD, average.module)
    began = told = time.monotonic()
    recent: dict[str, float] = {}
    step, evaluations, share = 0, 0, 0.0
    while share < 1:
        which = draw_set(len(caches), None if stage == "base" else config.target_share, generator)
        batch = caches[which].batch(next(streams[which]), config.augment, generator)
        set_learning_rate(optimizer, config.learning_rate * learning_rate_factor(share, config))
        value = _step(model, batch, caches[which], optimizer, config, device, share)
        step += 1
        if math.isfinite(value):
            average.update_parameters(model)
            recent[batch.name] = value if batch.name not in recent else 0.9 * recent[batch.name] + 0.1 * value
        else:
            log.warn(f"step {step} on {batch.name}: the loss was {value}, the step was skipped")
        now = time.monotonic()
        share = plan.budget.share(step, now - began)
        if now - told >= 1 or share >= 1 or step == 1:
            told = now
            _tell(log, stage, step, share, now - began, recent, optimizer, config)
        if share >= (evaluations + 1) / EVALUATIONS and share < 1:
            evaluations = int(share * EVALUATIONS)
            watch.report(averaged, step)
    watch.report(averaged, step)
    return averaged


def draw_set(count: int, target_share: float | None, generator: torch.Generator) -> int:
    """Which set the next batch comes from: each alike, or the first (the target) with `target_share`."""
    if target_share is None or count == 1:
        return int(torch.randint(count, (), generator=generator))
    if float(torch.rand((), generator=generator)) < target_share:
        return 0
    return 1 + int(torch.randint(count - 1, (), generator=generator))


def moving_average(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """An exponential moving average that starts short, so that the first weights do not linger in short runs."""

    def update(average: Tensor, new: Tensor, count: Tensor | int) -> Tensor:
        return average.lerp(new, 1 - min(decay, (1 + int(count)) / (10 + int(count))))

    return update


def _step(
    model: MDMD,
    batch: Batch,
    cache: FaceCache,
    optimizer: torch.optim.Optimizer,
    config: TrainConfig,
    device: torch.device,
    share: float,
) -> float:
    model.train()
    with autocast(device):
        found = model(batch.images.to(device), batch.name)
    value = batch_loss(
        found, batch.points.to(device), batch.labeled.to(device), cache.definition.members, config, share
    )
    optimizer.zero_grad(set_to_none=True)
    if torch.isfinite(value):
        value.backward()
        if config.clip_norm is not None:
            nn.utils.clip_grad_norm_(model.parameters(), config.clip_norm)
        optimizer.step()
    return float(value.detach())


def batch_loss(
    found: Laplacian,
    points: Tensor,
    labeled: Tensor,
    members: Sequence[Sequence[int]],
    config: TrainConfig,
    share: float,
) -> Tensor:
    """Equation 4 on the Laplacian likelihood; in the first part of a run on the distance (in twentieths of the
    crop), which does not reward small sigmas on memorised faces. A heatmap also gets its cross-entropy."""
    if share < config.distance_share:
        # The factor still learns, on means it cannot pull: sigmas are right when the likelihood takes over.
        values = 20 * losses.distance(found.mean, points)
        values = values + losses.laplacian_nll(found.mean.detach(), found.factor, points)
    else:
        values = losses.laplacian_nll(found.mean, found.factor, points)
    if found.logits is not None:
        values = values + losses.heatmap_cross_entropy(found.logits, points, sigma=HEATMAP_SIGMA)
    return losses.group_mean(values, labeled, members)


def make_optimizer(model: MDMD, config: TrainConfig) -> torch.optim.Optimizer:
    """Adam or AdamW; encoder blocks learn slower the deeper they lie, and norms and biases do not decay."""
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        factor = 1.0
        if name.startswith("encoder."):
            below = model.encoder.depth - model.encoder.depth_of(name.removeprefix("encoder."))
            factor = config.layer_decay ** (below + 1) if config.layer_decay < 1 else 1.0
        decay = config.weight_decay if parameter.ndim > 1 else 0.0
        groups.setdefault((factor, decay), []).append(parameter)
    kind = torch.optim.Adam if config.optimizer == "adam" else torch.optim.AdamW
    return kind(
        [{"params": p, "factor": factor, "weight_decay": decay} for (factor, decay), p in groups.items()],
        lr=config.learning_rate,
    )


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """`rate` times each parameter group's own factor."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["factor"]


def _tell(
    log: RunLog,
    stage: str,
    step: int,
    share: float,
    seconds: float,
    recent: Mapping[str, float],
    optimizer: torch.optim.Optimizer,
    config: TrainConfig,
) -> None:
    total = max(step, round(step / share)) if share > 0 else step
    log.event(
        "step",
        stage=stage,
        step=step,
        steps=total,
        loss=round(sum(recent.values()) / max(len(recent), 1), 5),
        losses={name: round(value, 5) for name, value in recent.items()},
        images_per_second=round(step * config.batch_size / max(seconds, 1e-9), 1),
        eta_seconds=round(max(0.0, seconds * (1 - share) / share), 1) if share > 0 else None,
        learning_rate=max(group["lr"] for group in optimizer.param_groups),
    )


def fewer_faces(dataset: Dataset, count: int, seed: int) -> Dataset:
    """`dataset` with `count` of its labeled training faces, chosen by `seed`; the rest of the splits stay."""
    training = [s for s in dataset.split("train") if s.annotation is not None]
    if not 1 <= count <= len(training):
        raise DataError(f"{dataset.name}: asked for {count} training faces, there are {len(training)}")
    chosen = {id(training[k]) for k in np.random.default_rng(seed).permutation(len(training))[:count]}
    return replace(dataset, samples=tuple(s for s in dataset.samples if s.split != "train" or id(s) in chosen))
