"""Learn several definitions at once (`train`), or a new one from few faces beside what is known (`adapt`)."""

from __future__ import annotations

import contextlib
import copy
import math
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from mdmd.config import ModelConfig, TrainConfig
from mdmd.data.boxes import box_scale
from mdmd.data.records import Dataset, Prediction, Sample
from mdmd.errors import DataError
from mdmd.evaluation.calibration import Calibration, Method, calibrate
from mdmd.evaluation.evaluate import evaluate, plain
from mdmd.loading.augment import WARPS
from mdmd.loading.batches import FaceCache, split_heldout
from mdmd.loading.crop_cache import CropStore
from mdmd.models.checkpoint import Checkpoint, earlier
from mdmd.models.encoder import load_pretrained, load_weights
from mdmd.models.heads import RegressionHead
from mdmd.models.landmark_model import MDMD
from mdmd.run_folder import History, Stopped
from mdmd.training.crossfit import Predict, cross_fit, folds_of
from mdmd.training.head_init import inherit
from mdmd.training.label_counts import FEWEST_LABELS, label_counts
from mdmd.training.loop import fit
from mdmd.training.plan import Plan
from mdmd.training.resume import RunState, inputs_of
from mdmd.training.run_log import RunLog
from mdmd.training.validation import Watch

#: Fewer faces than this cannot be split into faces to learn from and faces to measure on.
FEWEST_FACES = 3


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

    Batches come from every set alike. With `start` it is that checkpoint's network that goes on learning, with its
    heads of the same names. `stage` is what the log calls it.
    """
    checkpoint = _begun(start, datasets[0].name, config, plan, log)
    known = _give_heads(checkpoint, datasets)
    return _learn(checkpoint, datasets, _Run(datasets, known, plan, log, stage))


def adapt(
    target: Dataset,
    sources: Sequence[Dataset],
    base: Checkpoint | None,
    config: ModelConfig,
    plan: Plan,
    log: RunLog,
) -> Checkpoint:
    """Learn `target` beside `sources`, from `base` where there is one, else from the encoder's weights."""
    checkpoint = _begun(base, target.name, config, plan, log)
    datasets = (target, *sources)
    known = _give_heads(checkpoint, datasets, anew=target.name)
    # Frozen, random numbers would stay random, and so would what learned blocks make of a new stem's.
    learned = base is not None or (checkpoint.history.weights is not None and config.stem == "patch")
    run = _Run(
        datasets,
        known,
        plan,
        log,
        "adapt",
        frozen_blocks=plan.train.frozen_blocks if learned else 0,
        target_share=share_of_target(target, plan.train, plan.learn_share),
    )
    return _learn(checkpoint, (target,), run)


def share_of_target(target: Dataset, config: TrainConfig, learn_share: float = 1.0) -> float | None:
    """How often to draw the target: the more labeled points it has, the less the sources have to add. Of a target
    that only `learn_share` of is learned from, that share of its points counts."""
    if config.target_share is None or config.full_source_points is None:
        return config.target_share
    points = sum(int(s.annotation.labeled.sum()) for s in target.split("train") if s.annotation is not None)
    return 1 - (1 - config.target_share) * min(1.0, config.full_source_points / max(learn_share * points, 1))


def _begun(start: Checkpoint | None, target: str, config: ModelConfig, plan: Plan, log: RunLog) -> Checkpoint:
    """What a run begins with: `start` and all that is known of it, or a new network with the encoder's weights."""
    torch.manual_seed(plan.seed)
    if start is None:
        model = MDMD(config)
        return Checkpoint(model, target, history=History(weights=start_encoder(model, plan.weights, log)))
    history = History(weights=start.history.weights, base=start.history)
    return Checkpoint(start.model, target, dict(start.calibrations), history)


def _give_heads(checkpoint: Checkpoint, datasets: Sequence[Dataset], *, anew: str | None = None) -> set[str]:
    """Give `checkpoint` a new head for each set that it has none for or one of another definition, and for the set
    `anew`; returns the names of the other heads, which have learned before (a replaced one as the `earlier`)."""
    given = set()
    for dataset in datasets:
        if checkpoint.model.definitions.get(dataset.name) != dataset.definition or dataset.name == anew:
            checkpoint.add_head(dataset.name, dataset.definition)
            given.add(dataset.name)
    return set(checkpoint.model.definitions) - given


def start_encoder(model: MDMD, weights: str | None, log: RunLog) -> str | None:
    """Load the encoder's weights as asked; returns what was loaded, None for random numbers."""
    if weights == "none":
        log.warn("no pretrained weights, as asked: the encoder starts from random numbers")
        return None
    if weights is None:
        return load_pretrained(model.encoder, log.warn)
    load_weights(model.encoder, Path(weights), log.warn)
    return Path(weights).name


def _learn(checkpoint: Checkpoint, held: Sequence[Dataset], run: _Run) -> Checkpoint:
    """Learn what `run` says, with faces of the sets `held` held out to calibrate on."""
    datasets, plan, log, stage = run.datasets, run.plan, run.log, run.stage
    began = time.monotonic()
    learned: dict[str, Sequence[Sample]] = {}
    heldout: dict[str, Sequence[Sample]] = {}
    few: dict[str, dict[str, int]] = {}
    for dataset in datasets:
        share = plan.train.heldout_share if dataset in held and not plan.folds else 0.0
        rest, heldout[dataset.name] = split_heldout(dataset, share, plan.seed)
        learned[dataset.name] = some_of(rest, plan.learn_share, plan.seed) if dataset in held else rest
        if share > 0 and rest and not heldout[dataset.name]:
            log.warn(
                f"{dataset.name}: no face could be held out, so no error is measured and ellipses are the network's own"
            )
    for dataset in datasets:
        # What one set holds out, another may have as well, under other landmarks.
        others = [s for name, faces in heldout.items() if name != dataset.name for s in faces]
        learned[dataset.name] = without_pictures_of(learned[dataset.name], others)
        few[dataset.name] = _check(dataset, learned[dataset.name], log, mirrored=WARPS[plan.train.augment].mirror > 0)
        if plan.folds and dataset in held:
            folds_of(learned[dataset.name], plan.folds, plan.seed)  # a wrong number is said before the long part
    log.event(
        "start",
        stage=stage,
        steps=plan.budget.steps,
        minutes=plan.budget.minutes,
        train_faces={name: len(s) for name, s in learned.items()},
        heldout_faces=len(heldout[checkpoint.target]),
        encoder=checkpoint.model.config.encoder,
        weights=checkpoint.history.weights,
        device=str(plan.processes.device),
        processes=plan.processes.count,
    )
    start = copy.deepcopy(checkpoint.model) if plan.folds else None
    out = plan.heldout if plan.processes.main else None
    watch = Watch(checkpoint, heldout[checkpoint.target], log, stage, following=len(held), rule=plan.rule, out=out)
    state = _state(checkpoint.model, datasets, plan, log, stage)
    checkpoint.model = run.fitted(checkpoint.model, learned, watch, state, began)
    metrics: dict[str, float | None] = {}
    for dataset in held:
        if start is None:
            faces = heldout[dataset.name]
            own = watch if dataset.name == checkpoint.target else Watch(checkpoint, faces, log, stage, dataset.name)
            found = own.predictions(checkpoint.model)
        else:
            faces = learned[dataset.name]
            found = cross_fit(faces, plan.folds, run.fold_learner(start, dataset, learned), plan.seed)
            found = [prediction for prediction, face in zip(found, faces, strict=True) if not face.unseen]
            faces = [face for face in faces if not face.unseen]
        calibration = _calibrate(dataset.name, found, faces, plan.calibration, log)
        checkpoint.calibrations[dataset.name] = calibration
        if dataset.name == checkpoint.target:
            found = [calibration.apply(p, s.box) for p, s in zip(found, faces, strict=True)]
            numbers = evaluate(dataset.definition, found, faces, plan.rule, calibration.law) if faces else {}
            metrics = plain(numbers) | ({"folds": plan.folds} if plan.folds else {})
            watch.tell(checkpoint.model, found, faces, calibration.law, final=True)
    checkpoint.model.cpu()
    # A calibration is of the model that it was measured on: a base's are not this one's.
    measured = {dataset.name for dataset in held}
    checkpoint.calibrations = {name: c for name, c in checkpoint.calibrations.items() if name in measured}
    stopped = None if plan.stop is None or plan.stop.at is None else Stopped(*plan.stop.at)
    checkpoint.history = replace(
        checkpoint.history,
        stage=stage,
        faces={name: len(s) for name, s in learned.items()},
        heldout=metrics,
        rarely_labeled=few[checkpoint.target],
        box_scale=box_scale(learned[checkpoint.target]),
        seed=plan.seed,
        seconds=round(time.monotonic() - began + (state.seconds_before if state is not None else 0), 1),
        stopped=stopped,
    )
    log.event("done", stage=stage, seconds=checkpoint.history.seconds, nme=metrics.get("nme"))
    return checkpoint


@dataclass(frozen=True)
class _Run:
    """What every fit of one run shares; `known` are the heads that have learned before. See `fit` for the last two."""

    datasets: Sequence[Dataset]
    known: Collection[str]
    plan: Plan
    log: RunLog
    stage: str
    frozen_blocks: int = 0
    target_share: float | None = None

    def fitted(
        self,
        model: MDMD,
        learned: Mapping[str, Sequence[Sample]],
        watch: Watch,
        state: RunState | None = None,
        began: float | None = None,
    ) -> MDMD:
        """`model` after learning from `learned`, on the plan's device."""
        with _caches(self.datasets, learned, model.config, self.plan, self.log) as caches:
            model.to(self.plan.processes.device)
            for cache in caches:
                if cache.name not in self.known:
                    self._start_head(model, cache)
            for dataset in self.datasets:
                if earlier(dataset.name) in model.definitions:
                    model.drop_head(earlier(dataset.name))
            return fit(
                model,
                caches,
                self.plan,
                self.log,
                watch,
                self.stage,
                frozen_blocks=self.frozen_blocks,
                target_share=self.target_share,
                state=state,
                began=began,
            )

    def _start_head(self, model: MDMD, faces: FaceCache) -> None:
        head = model.head(faces.name)
        if isinstance(head, RegressionHead):
            head.means.start_at(faces.mean_shape(), spread=1.0)
        if self.plan.train.inherit:
            like = inherit(model, faces, self.known)
            if like:
                self.log.event("inherited", stage=self.stage, head=faces.name, like=like)

    def fold_learner(
        self, start: MDMD, dataset: Dataset, learned: Mapping[str, Sequence[Sample]]
    ) -> Callable[[Sequence[Sample]], Predict]:
        """What `cross_fit` asks for: trains a copy of `start` on some faces of `dataset` beside the other sets."""

        def learn(faces: Sequence[Sample]) -> Predict:
            self.log.event("fold", stage=self.stage, faces=len(faces), folds=self.plan.folds)
            blind = Watch(Checkpoint(start, dataset.name), (), self.log, self.stage)
            kept = {id(face) for face in faces}
            left_out = [face for face in learned[dataset.name] if id(face) not in kept]
            others = {name: without_pictures_of(theirs, left_out) for name, theirs in learned.items()}
            model = self.fitted(copy.deepcopy(start), {**others, dataset.name: faces}, blind)
            made = Checkpoint(model, dataset.name)
            return lambda left_out: Watch(made, left_out, self.log, self.stage).predictions(model)

        return learn


def _calibrate(
    name: str, found: Sequence[Prediction], faces: Sequence[Sample], method: Method, log: RunLog
) -> Calibration:
    """What `faces` say of the head `name`; `method` gives way, with a warning, to too few faces."""
    truth = [s.annotation for s in faces if s.annotation is not None]
    made = calibrate(found, truth, [s.box for s in faces], method)
    if made.method != method:
        log.warn(
            f"{name}: {made.faces} held-out faces are too few for a conformal 90 % ellipse, which takes 9; "
            "its covariances are calibrated by likelihood"
        )
    return made


def _state(model: MDMD, datasets: Sequence[Dataset], plan: Plan, log: RunLog, stage: str) -> RunState | None:
    if plan.keep is None:
        return None
    kind = "steps" if plan.budget.steps is not None else "minutes"
    settings = (model.config, plan.train)
    inputs = inputs_of(model, settings, datasets, stage=stage, budget=kind, seed=plan.seed, folds=plan.folds)
    if plan.learn_share < 1:  # named only then: states of whole runs that were kept before there were shares go on
        inputs["share of faces"] = str(plan.learn_share)
    return RunState(plan.keep, inputs, log, main=plan.processes.main)


def enough_faces(dataset: Dataset) -> None:
    """Raises DataError for a set with too few faces to learn from."""
    total = sum(s.annotation is not None for s in dataset.split("train"))
    if total < FEWEST_FACES:
        raise DataError(f"{dataset.name}: found {total} labeled training faces, training needs at least {FEWEST_FACES}")


def _check(dataset: Dataset, faces: Sequence[Sample], log: RunLog, *, mirrored: bool) -> dict[str, int]:
    """Landmarks with too few labels to learn from, and how many; DataError for a set with too few faces."""
    enough_faces(dataset)
    if not faces:
        raise DataError(f"{dataset.name}: all its pictures are held out in another set, so there is nothing to learn")
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


def without_pictures_of(samples: Sequence[Sample], others: Sequence[Sample]) -> Sequence[Sample]:
    """`samples` but for those on pictures that one of `others` is on."""
    theirs = {sample.path.absolute() for sample in others}
    return [s for s in samples if s.path.absolute() not in theirs] if theirs else samples


def some_of(samples: Sequence[Sample], share: float, seed: int) -> tuple[Sample, ...]:
    """That share of `samples`, rounded up, but no fewer than FEWEST_FACES where there are so many; in their order.

    Of one seed, those of a smaller share are among those of a larger one.
    """
    # A hair less: 0.07 of 100 faces are 7, though the product is a little more.
    count = max(math.ceil(share * len(samples) - 1e-9), FEWEST_FACES)
    chosen = np.random.default_rng(seed).permutation(len(samples))[:count]
    return tuple(samples[k] for k in sorted(chosen))


def fewer_faces(dataset: Dataset, count: int, seed: int) -> Dataset:
    """`dataset` with `count` of its labeled training faces, chosen by `seed`; the rest of the splits stay."""
    training = [s for s in dataset.split("train") if s.annotation is not None]
    if not 1 <= count <= len(training):
        raise DataError(f"{dataset.name}: asked for {count} training faces, there are {len(training)}")
    chosen = {id(training[k]) for k in np.random.default_rng(seed).permutation(len(training))[:count]}
    return replace(dataset, samples=tuple(s for s in dataset.samples if s.split != "train" or id(s) in chosen))
