"""The training loop: from batches to averaged weights."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import cast

import torch
from torch.optim.swa_utils import AveragedModel

from mdmd.errors import DataError
from mdmd.loading.augment import mirrored_share
from mdmd.loading.batches import Batch, FaceCache
from mdmd.loading.crops import ahead, batches_ahead
from mdmd.models.landmark_model import MDMD
from mdmd.training.label_counts import rarely_labeled
from mdmd.training.plan import Plan
from mdmd.training.resume import Progress, RunState
from mdmd.training.run_log import RunLog
from mdmd.training.sampling import Draw, draws, mixed
from mdmd.training.schedule import Pace, learning_rate_factor
from mdmd.training.step import Stepper, make_optimizer, moving_average, set_learning_rate
from mdmd.training.validation import Watch

EVALUATIONS = 10
#: The number of consecutive steps without a finite loss and gradient that ends a run.
PATIENCE = 20


def fit(
    model: MDMD,
    caches: Sequence[FaceCache],
    plan: Plan,
    log: RunLog,
    watch: Watch,
    stage: str,
    *,
    frozen_blocks: int = 0,
    target_share: float | None = None,
    state: RunState | None = None,
    began: float | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> MDMD:
    """Train `model` on batches that each come from one set, and return the model with averaged weights.

    `stage` is the run's name in the log, `target_share` is explained in `sampling.draw_set`, and the lowest
    `frozen_blocks` of the encoder are not trained. The run resumes from `state` if an earlier process left one, and
    saves its state there. It ends early if `plan.stop` asks for it. `began` is the time by `clock`, in seconds, at
    which the run began (default: now). Raises DataError if PATIENCE steps in a row have no finite loss and gradient.
    """
    config, processes = plan.train, plan.processes
    model.train()
    pace = Pace(clock())
    began = clock() if began is None else began
    optimizer = make_optimizer(model, config, frozen_blocks=frozen_blocks)
    average = AveragedModel(model, avg_fn=moving_average(config.average_decay))
    averaged = cast(MDMD, average.module)
    take_step = Stepper(model, optimizer, config, processes, log.warn)
    kept = state.restore(model, average, optimizer) if state is not None else None
    progress = kept or Progress()
    if kept is not None:
        began -= kept.seconds
        watch.closing = kept.closing
        log.resume(stage, kept.step, kept.seconds)

    rare = [
        rarely_labeled(c.labeled, c.definition.mirror, mirrored=mirrored_share(config.augment, c.definition) > 0)
        for c in caches
    ]
    order = draws([len(c) for c in caches], config.batch_size, target_share, plan.seed, start=progress.step)
    share = plan.budget.share(progress.step, progress.seconds, closing=watch.closing)

    def made(draw: Draw) -> tuple[Draw, Batch]:
        return draw, caches[draw.which].batch(draw.index, config.augment, draw.generator)

    batches = ahead((partial(made, draw) for draw in order), depth=batches_ahead(processes.device))
    told = -math.inf
    while share < 1:
        draw, batch = next(batches)
        # The network's own random numbers (dropout) depend on seed and step only, too.
        torch.manual_seed(mixed(plan.seed, 2, progress.step))
        set_learning_rate(optimizer, config.learning_rate * learning_rate_factor(share, config))
        value = take_step(batch, rare[draw.which], share)
        progress.count(batch.name, value)
        if math.isfinite(value):
            average.update_parameters(model)
        else:
            log.warn(f"step {progress.step} on {batch.name}: the loss or gradient was {value}, so the step was skipped")
        if progress.skipped >= PATIENCE:
            if state is not None:
                state.save(progress, model, average, optimizer)
            raise DataError(
                f"step {progress.step}: {PATIENCE} steps in a row had no finite loss and gradient: training stops; "
                f"the weights of its last good step are {f'kept in {state.keep.file}' if state else 'lost'}"
            )

        now = clock()
        pace.step(now)
        progress.seconds = now - began
        due = plan.budget.share(progress.step, progress.seconds, closing=watch.closing)
        stopping = due < 1 and plan.stop is not None and plan.stop.asked()
        share = max(share, processes.agree(1.0 if stopping else due))
        if now - told >= log.every or share >= 1:
            told = now
            left = plan.budget.steps_left(progress.step, progress.seconds, pace=pace.seconds, closing=watch.closing)
            rate = max(group["lr"] for group in optimizer.param_groups)
            _tell(log, stage, progress, config.batch_size, left, pace.seconds, watch.closing, rate)
            if stopping and plan.stop is not None:
                plan.stop.at = (progress.step, progress.step + left)
                log.event("stopped", stage=stage, step=progress.step, of=progress.step + left)
        if (progress.evaluations + 1) / EVALUATIONS <= share < 1:
            progress.evaluations = int(share * EVALUATIONS)
            watch.report(averaged, progress.step)
            progress.closing = watch.closing
        if state is not None:
            state.offer(progress, model, average, optimizer)
    batches.close()
    watch.report(averaged, progress.step)
    return averaged


def _tell(
    log: RunLog,
    stage: str,
    progress: Progress,
    batch_size: int,
    left: int,
    seconds: float,
    closing: float,
    learning_rate: float,
) -> None:
    """Log a step. `left` more steps follow, which take `seconds` each, and `closing` seconds of other work."""
    log.event(
        "step",
        stage=stage,
        step=progress.step,
        steps=progress.step + left,
        loss=round(progress.loss, 5),
        losses={name: round(loss, 5) for name, loss in progress.recent.items()},
        images_per_second=round(batch_size / seconds, 1),
        eta_seconds=round(left * seconds + closing, 1),
        learning_rate=learning_rate,
    )
