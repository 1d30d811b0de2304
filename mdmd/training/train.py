"""Train on several definitions at once (`train`), or adapt to a new one from few faces (`adapt`)."""

from __future__ import annotations

import contextlib
import copy
import math
import tempfile
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from mdmd.config import MIRRORED, ModelConfig, TrainConfig
from mdmd.data.boxes import box_scale
from mdmd.data.images import PictureError
from mdmd.data.records import HELDOUT_SPLIT, Dataset, Prediction, Sample
from mdmd.errors import DataError
from mdmd.evaluation.calibration import Calibration, Method, calibrate
from mdmd.evaluation.evaluate import evaluate, plain
from mdmd.loading.augment import mirrored_share
from mdmd.loading.batches import FaceCache, named_heldout, split_heldout
from mdmd.loading.crop_cache import CropStore
from mdmd.loading.crops import left_out, named
from mdmd.models.checkpoint import Checkpoint, earlier
from mdmd.models.encoder import load_pretrained, load_weights
from mdmd.models.heads import RegressionHead
from mdmd.models.landmark_model import MDMD
from mdmd.run_folder import History, Stopped
from mdmd.training.crossfit import Predict, cross_fit, folds_of
from mdmd.training.following import ENOUGH_FACES, follow_source
from mdmd.training.head_init import inherit
from mdmd.training.label_counts import FEWEST_LABELS, label_counts
from mdmd.training.loop import fit
from mdmd.training.plan import Plan
from mdmd.training.resume import RunState, inputs_of
from mdmd.training.run_log import RunLog
from mdmd.training.validation import Watch

#: The fewest faces that can be split into faces for training and held-out faces.
FEWEST_FACES = 3
#: With fewer faces in the split "heldout", a run warns that its error and its ellipses are rough.
FEWEST_HELDOUT = 3


def train(
    datasets: Sequence[Dataset],
    config: ModelConfig,
    plan: Plan,
    log: RunLog,
    *,
    start: Checkpoint | None = None,
    stage: str = "base",
) -> Checkpoint:
    """Train a model with a head for each of `datasets`; the first is the target.

    Batches come from every set equally often. Training starts from the encoder's weights, or from the checkpoint
    `start`, whose heads of the same names and definitions are kept. `stage` is the run's name in the log. Raises
    DataError if a set has too few faces.
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
    """Train on `target` together with `sources`, starting from `base` if given, else from the encoder's weights."""
    checkpoint = _begun(base, target.name, config, plan, log)
    datasets = (target, *sources)
    known = _give_heads(checkpoint, datasets, anew=target.name)
    # Blocks are frozen only if they are trained: random weights would stay random, and trained blocks cannot use the
    # output of an untrained stem.
    learned = base is not None or (checkpoint.history.weights is not None and config.stem == "patch")
    run = _Run(
        datasets,
        known,
        plan,
        log,
        "adapt",
        frozen_blocks=plan.train.frozen_blocks if learned else 0,
        follow=plan.train.follow,
        target_share=share_of_target(target, plan.train, plan.learn_share),
    )
    return _learn(checkpoint, (target,), run)


def share_of_target(target: Dataset, config: TrainConfig, learn_share: float = 1.0) -> float | None:
    """The share of batches that come from the target, or None for an equal share of all sets.

    The more labeled points the target has, the fewer batches come from the sources. With `learn_share`, only that share
    of its points counts.
    """
    if config.target_share is None or config.full_source_points is None:
        return config.target_share
    points = sum(int(s.annotation.labeled.sum()) for s in target.split("train") if s.annotation is not None)
    return 1 - (1 - config.target_share) * min(1.0, config.full_source_points / max(learn_share * points, 1))


def _begun(start: Checkpoint | None, target: str, config: ModelConfig, plan: Plan, log: RunLog) -> Checkpoint:
    """The checkpoint that a run starts from: `start` with its history, or a new network with the encoder's weights."""
    torch.manual_seed(plan.seed)
    if start is not None:
        start.model.stop_following()  # the heads will be others
    if start is None:
        model = MDMD(config)
        return Checkpoint(model, target, history=History(weights=start_encoder(model, plan.weights, log)))
    history = History(weights=start.history.weights, base=start.history)
    return Checkpoint(start.model, target, dict(start.calibrations), history)


def _give_heads(checkpoint: Checkpoint, datasets: Sequence[Dataset], *, anew: str | None = None) -> set[str]:
    """Add a new head to `checkpoint` for each set without a head of its definition, and for the set `anew`.

    Returns the names of all other heads, which are trained already. A replaced head is among them as `earlier(name)`.
    """
    given = set()
    for dataset in datasets:
        if checkpoint.model.definitions.get(dataset.name) != dataset.definition or dataset.name == anew:
            checkpoint.add_head(dataset.name, dataset.definition)
            given.add(dataset.name)
    return set(checkpoint.model.definitions) - given


def start_encoder(model: MDMD, weights: str | None, log: RunLog) -> str | None:
    """Load the encoder's `weights` and return their name, or None for random weights."""
    if weights == "none":
        log.warn("no pretrained weights, because weights are 'none': the encoder starts from random weights")
        return None
    if weights is None:
        return load_pretrained(model.encoder, log.warn)
    load_weights(model.encoder, Path(weights), log.warn)
    return Path(weights).name


def _learn(checkpoint: Checkpoint, held: Sequence[Dataset], run: _Run) -> Checkpoint:
    """Train as `run` says and calibrate the sets `held`, on held-out faces or by folds.

    Pictures that cannot be read are left out.
    """
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        if run.plan.crops is None:
            crops = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mdmd-crops-")))
            run = replace(run, plan=replace(run.plan, crops=crops))
        readable = _readable(run, checkpoint.model.config)
        run = replace(run, datasets=tuple(readable[dataset.name] for dataset in run.datasets))
        return _learn_readable(checkpoint, [readable[dataset.name] for dataset in held], run, began)


def _readable(run: _Run, config: ModelConfig) -> dict[str, Dataset]:
    """The run's sets by name, without faces whose pictures cannot be read; a warning names them.

    What is read is kept as crops, so that the training does not read it again. Raises PictureError if no labeled face
    of a set is left.
    """
    faces = [(*dataset.labeled("train"), *dataset.labeled(HELDOUT_SPLIT)) for dataset in run.datasets]
    caches = _caches(run.datasets, faces, config, run.plan, warn=lambda sentence: None)
    found = [cache.fill() for cache in caches]
    kept = {}
    for dataset, own, unusable in zip(run.datasets, faces, found, strict=True):
        if unusable and all(face.path in unusable for face in own):
            raise PictureError(f"{dataset.name}: no labeled picture can be used: {named([*unusable.values()])}")
        if unusable:
            run.log.warn(f"{dataset.name}: {left_out([*unusable.values()])}")
        kept[dataset.name] = replace(dataset, samples=tuple(s for s in dataset.samples if s.path not in unusable))
    return kept


def _learn_readable(checkpoint: Checkpoint, held: Sequence[Dataset], run: _Run, began: float) -> Checkpoint:
    datasets, plan, log, stage = run.datasets, run.plan, run.log, run.stage
    learned: dict[str, Sequence[Sample]] = {}
    heldout: dict[str, Sequence[Sample]] = {dataset.name: () for dataset in datasets}
    never: dict[str, Sequence[Sample]] = {}
    few: dict[str, dict[str, int]] = {}
    for dataset in datasets:
        learned[dataset.name] = dataset.labeled("train")
        if dataset not in held:
            continue
        never[dataset.name] = _never_learned(dataset)
        if not plan.folds:
            learned[dataset.name], heldout[dataset.name] = _split(dataset, plan, log)
            never[dataset.name] = (*never[dataset.name], *heldout[dataset.name])
        learned[dataset.name] = some_of(learned[dataset.name], plan.learn_share, plan.seed)
    for dataset in datasets:
        # Another set may contain the same image with other landmarks: the model would have seen what it is measured on.
        others = [s for name, faces in never.items() if name != dataset.name for s in faces]
        learned[dataset.name] = without_pictures_of(learned[dataset.name], others)
        few[dataset.name] = _check(dataset, learned[dataset.name], log, augment=plan.train.augment)
    if plan.folds:
        for dataset in held:
            _check_folds(dataset.name, learned, plan)
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
    following = len(held) + run.after(learned, len(heldout[checkpoint.target]))
    watch = Watch(checkpoint, heldout[checkpoint.target], log, stage, following=following, rule=plan.rule, out=out)
    state = _state(checkpoint.model, datasets, plan, log, stage)
    checkpoint.model = run.fitted(checkpoint.model, learned, watch, state, began)
    metrics: dict[str, float | None] = {}
    measured: dict[str, Calibration] = {}
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
        if calibration.faces:
            measured[dataset.name] = calibration
        if dataset.name == checkpoint.target:
            found = [calibration.apply(p, s.box) for p, s in zip(found, faces, strict=True)]
            numbers = evaluate(dataset.definition, found, faces, plan.rule, calibration.law) if faces else {}
            metrics = plain(numbers) | ({"folds": plan.folds} if plan.folds else {})
            watch.tell(checkpoint.model, found, faces, calibration.law, final=True)
    checkpoint.model.cpu()
    # A calibration is only valid for the model that it was measured on, so those of the base are dropped.
    checkpoint.calibrations = measured
    stopped = None if plan.stop is None or plan.stop.at is None else Stopped(*plan.stop.at)
    checkpoint.history = replace(
        checkpoint.history,
        stage=stage,
        faces={name: len(s) for name, s in learned.items()},
        licenses={dataset.name: dataset.license for dataset in datasets if dataset.license is not None} or None,
        heldout=metrics,
        rarely_labeled=few[checkpoint.target],
        box_scale=box_scale(learned[checkpoint.target]),
        seed=plan.seed,
        seconds=round(time.monotonic() - began + (state.seconds_before if state is not None else 0), 1),
        steps=watch.step,
        stopped=stopped,
    )
    log.event("done", stage=stage, seconds=checkpoint.history.seconds, nme=metrics.get("nme"))
    return checkpoint


def _never_learned(dataset: Dataset) -> tuple[Sample, ...]:
    """The labeled faces of `dataset` in other splits than "train", such as "test". Raises as `named_heldout` does."""
    named_heldout(dataset)
    return tuple(s for s in dataset.samples if s.annotation is not None and s.split != "train")


def without_measured_pictures(
    sources: Sequence[Dataset], target: Dataset, config: ModelConfig, plan: Plan
) -> tuple[Dataset, ...]:
    """`sources` for a base from which `target` is adapted to, without the pictures that the result is measured on.

    These are the target's test pictures and those that `adapt` holds out by the same `plan`; with folds all labeled
    ones, because each is in a fold. `config` is the base's network. Raises DataError as `adapt` does.
    """
    theirs = {s.path.absolute() for source in sources for s in source.labeled("train")}
    if not any(s.path.absolute() in theirs for s in target.samples):
        return tuple(sources)
    # Which faces are held out depends on all that can be read. The run itself warns of the others.
    run = _Run((target,), (), plan, RunLog(None, quiet=True), "adapt")
    target = _readable(run, config)[target.name]
    held = target.labeled("train") if plan.folds else split_heldout(target, plan.train.heldout_share, plan.seed)[1]
    measured = (*_never_learned(target), *held)
    return tuple(replace(source, samples=tuple(without_pictures_of(source.samples, measured))) for source in sources)


def _split(dataset: Dataset, plan: Plan, log: RunLog) -> tuple[Sequence[Sample], Sequence[Sample]]:
    """The faces of `dataset` to learn from and to hold out, with a warning if few or none are held out."""
    learned, held = split_heldout(dataset, plan.train.heldout_share, plan.seed)
    named = len(named_heldout(dataset))
    if len(held) < named:
        log.warn(
            f"{dataset.name}: {named - len(held)} of {named} faces in the split {HELDOUT_SPLIT!r} have labels accepted "
            "unseen and are not used"
        )
    if not held and (named or plan.train.heldout_share > 0) and learned:
        log.warn(f"{dataset.name}: no face could be held out, so no error is measured and ellipses are not calibrated")
    elif named and len(held) < FEWEST_HELDOUT:
        log.warn(
            f"{dataset.name}: found {len(held)} labeled face{'' if len(held) == 1 else 's'} in the split "
            f"{HELDOUT_SPLIT!r}, wanted at least {FEWEST_HELDOUT}: the error and the ellipses are rough; label more"
        )
    return learned, held


@dataclass(frozen=True)
class _Run:
    """The inputs that all fits of a run share.

    `known` names the trained heads. With `follow`, the target, the first of `datasets`, follows one of the others at
    the end (`follow_source`). `fit` explains the last two.
    """

    datasets: Sequence[Dataset]
    known: Collection[str]
    plan: Plan
    log: RunLog
    stage: str
    follow: bool = False
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
        """Train `model` on the faces `learned` of each set, on the plan's device."""
        faces = [learned[dataset.name] for dataset in self.datasets]
        caches = _caches(self.datasets, faces, model.config, self.plan, warn=self.log.warn)
        for cache in caches:
            if unusable := cache.fill():  # since they were read at the start of the run
                raise PictureError(f"{cache.name}: {named([*unusable.values()])}")
        model.to(self.plan.processes.device)
        for cache in caches:
            if cache.name not in self.known:
                self._start_head(model, cache)
        for dataset in self.datasets:
            if earlier(dataset.name) in model.definitions:
                model.drop_head(earlier(dataset.name))
        fitted = fit(
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
        target, *sources = (dataset.name for dataset in self.datasets)
        if self.follow and sources:
            source = follow_source(fitted, target, sources, learned[target], self.plan.seed)
            self.log.event("follows", stage=self.stage, head=target, source=source)
        return fitted

    def after(self, learned: Mapping[str, Sequence[Sample]], held: int) -> float:
        """How many predictions of faces follow the last step, in evaluations of the `held` held-out faces."""
        target, *sources = (dataset.name for dataset in self.datasets)
        seen = min(len(learned[target]), ENOUGH_FACES) * len(sources) if self.follow else 0
        return seen / max(held, 1)

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
        """The function that `cross_fit` needs: it trains a copy of `start` on some faces of `dataset` and the other
        sets."""

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
    """Calibrate the head `name` on `faces`; too few faces for `method` fall back to likelihood with a warning."""
    truth = [s.annotation for s in faces if s.annotation is not None]
    made = calibrate(found, truth, [s.box for s in faces], method)
    if made.method != method:
        log.warn(
            f"{name}: found {made.faces} held-out faces, wanted at least 9 for a conformal 90 % ellipse; "
            "covariances are calibrated by likelihood instead"
        )
    return made


def _state(model: MDMD, datasets: Sequence[Dataset], plan: Plan, log: RunLog, stage: str) -> RunState | None:
    if plan.keep is None:
        return None
    kind = "steps" if plan.budget.steps is not None else "minutes"
    settings = (model.config, plan.train)
    inputs = inputs_of(model, settings, datasets, stage=stage, budget=kind, seed=plan.seed, folds=plan.folds)
    if plan.learn_share < 1:  # only then, so that states saved before this option existed can resume
        inputs["share of faces"] = str(plan.learn_share)
    return RunState(plan.keep, inputs, log, main=plan.processes.main)


def enough_faces(dataset: Dataset) -> None:
    """Raise DataError if `dataset` has fewer than FEWEST_FACES labeled training faces."""
    total = len(dataset.labeled("train"))
    if total < FEWEST_FACES:
        raise DataError(f"{dataset.name}: found {total} labeled training faces, training needs at least {FEWEST_FACES}")


def _some_left(name: str, faces: Sequence[Sample]) -> None:
    """Raise DataError if no face of the set `name` is left to learn from."""
    if not faces:
        raise DataError(f"{name}: all its pictures are held out or tested in another set, so none is left for training")


def _check_folds(name: str, learned: Mapping[str, Sequence[Sample]], plan: Plan) -> None:
    """Raise DataError, before the training, for a wrong number of folds, or if one of them leaves a set no face."""
    for part in folds_of(learned[name], plan.folds, plan.seed):
        left_out = [learned[name][k] for k in part]
        for other, faces in learned.items():
            if other != name:
                _some_left(other, without_pictures_of(faces, left_out))


def _check(dataset: Dataset, faces: Sequence[Sample], log: RunLog, *, augment: str) -> dict[str, int]:
    """Landmarks with too few labels and their numbers of labels. Raises DataError if there are too few faces."""
    enough_faces(dataset)
    _some_left(dataset.name, faces)
    definition = dataset.definition
    if MIRRORED[augment] > 0 and not definition.can_be_mirrored:
        log.warn(
            f"{dataset.name}: found no mirror pairs, so its pictures are not mirrored and there is less to learn from; "
            "name pairs or, if every landmark lies on the midline, declare it symmetric (on the Schema page, or as "
            "flip_pairs or symmetric in its file)"
        )
    labeled = torch.from_numpy(np.stack([s.annotation.labeled for s in faces if s.annotation is not None]))
    counts = label_counts(labeled, definition.mirror, mirrored=mirrored_share(augment, definition) > 0).tolist()
    few = {name: n for name, n in zip(definition.landmarks, counts, strict=True) if n < FEWEST_LABELS}
    never = [name for name, n in few.items() if n == 0]
    if never:
        log.warn(f"{dataset.name}: found no labels of {', '.join(never)}; their predictions have no meaning")
    rarely = [f"{name} ({n})" for name, n in few.items() if n > 0]
    if rarely:
        log.warn(
            f"{dataset.name}: found fewer than {FEWEST_LABELS} labels of {', '.join(rarely)}; "
            "their uncertainty is taken from the other landmarks"
        )
    return few


def _caches(
    datasets: Sequence[Dataset],
    faces: Sequence[Sequence[Sample]],
    config: ModelConfig,
    plan: Plan,
    *,
    warn: Callable[[str], None],
) -> list[FaceCache]:
    """A cache for the `faces` of each set. All are made before the first is filled, so none evicts crops of another."""
    assert plan.crops is not None  # `_learn` makes a folder
    store = CropStore(plan.crops, warn=warn)
    size, scale = config.image_size, config.crop_scale
    return [
        FaceCache(d.name, d.definition, own, crop_scale=scale, size=size, store=store)
        for d, own in zip(datasets, faces, strict=True)
    ]


def without_pictures_of(samples: Sequence[Sample], others: Sequence[Sample]) -> Sequence[Sample]:
    """`samples` without those whose image also has one of `others`."""
    theirs = {sample.path.absolute() for sample in others}
    return [s for s in samples if s.path.absolute() not in theirs] if theirs else samples


def some_of(samples: Sequence[Sample], share: float, seed: int) -> tuple[Sample, ...]:
    """A random `share` of `samples`, rounded up, in their order, and at least FEWEST_FACES if there are that many.

    With the same seed, a larger share contains every smaller one.
    """
    # 1e-9 less, because the product 0.07 * 100 is slightly more than 7.
    count = max(math.ceil(share * len(samples) - 1e-9), FEWEST_FACES)
    chosen = np.random.default_rng(seed).permutation(len(samples))[:count]
    return tuple(samples[k] for k in sorted(chosen))


def fewer_faces(dataset: Dataset, count: int, seed: int) -> Dataset:
    """`dataset` with `count` of its labeled training faces, chosen by `seed`; other splits are unchanged.

    Raises DataError if there are fewer than `count`.
    """
    training = dataset.labeled("train")
    if not 1 <= count <= len(training):
        raise DataError(f"{dataset.name}: found {len(training)} labeled training faces, wanted {count}")
    chosen = {id(training[k]) for k in np.random.default_rng(seed).permutation(len(training))[:count]}
    return replace(dataset, samples=tuple(s for s in dataset.samples if s.split != "train" or id(s) in chosen))
