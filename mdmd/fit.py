"""The optimisation: batches in, averaged weights out."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from mdmd import loss as losses
from mdmd.config import TrainConfig
from mdmd.loader import Batch, FaceCache, epochs
from mdmd.model import MDMD, Laplacian
from mdmd.predict import autocast, compute_device
from mdmd.runlog import RunLog
from mdmd.schedule import Plan, learning_rate_factor
from mdmd.watch import Watch

#: Width of the heatmaps' target, in cells.
HEATMAP_SIGMA = 1.0
EVALUATIONS = 10


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
        which = draw_set(len(caches), config.target_share if stage == "adapt" else None, generator)
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
