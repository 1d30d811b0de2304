"""Train, adapt, predict and evaluate: the functions behind `import mdmd` and the command line.

Warnings, such as a missing image, go to the logger "mdmd". Input that cannot be used raises `DataError`.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Unpack

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mdmd.config import STARTER, Preset, of_base
from mdmd.data.definition import Definition
from mdmd.data.images import PictureError
from mdmd.data.picture_files import Skipped, any_wanted, skipped_sentences
from mdmd.data.records import Box, Dataset, Prediction, Sample
from mdmd.datasets.registry import Data, read_set, read_sets
from mdmd.device import compute_device
from mdmd.errors import DataError
from mdmd.evaluation.calibration import Calibration
from mdmd.evaluation.evaluate import FlagRule, counterparts, plain, probabilities_off
from mdmd.evaluation.evaluate import evaluate as measure
from mdmd.evaluation.predictions import predicted_coco
from mdmd.files import write_json
from mdmd.inference.boxes import find_boxes as boxes_found
from mdmd.inference.inputs import ImageLike, boxes_of_images, faces_of_file, image_list, whole, whole_pictures
from mdmd.inference.predict import predict as predict_samples
from mdmd.models import checkpoint
from mdmd.models.landmark_model import MDMD
from mdmd.run_folder import LOG, History
from mdmd.training import base_cache
from mdmd.training.plan import Plan
from mdmd.training.run import TrainingOptions, TrainingRun
from mdmd.training.run_log import RunLog
from mdmd.training.schedule import Budget
from mdmd.training.train import adapt as learn_target
from mdmd.training.train import enough_faces, fewer_faces
from mdmd.training.train import train as learn_sets
from mdmd.transfer.carried_labels import FEWEST_MEASURED, CarriedLabels

logger = logging.getLogger("mdmd")

#: The most images that a warning about left out images names.
NAMED = 3
#: The threshold that no probability exceeds.
NEVER = math.nextafter(1.0, 0.0)
#: The boxes of one image: None (the model finds the face), a box, or a list of boxes (K, 4).
Boxes = Box | Sequence[Box] | Sequence[float] | Sequence[Sequence[float]] | NDArray[Any] | None


@dataclass(frozen=True, eq=False)
class Predictions:
    """Predicted landmarks of F faces with N landmarks each, in pixels of the upright images.

    `means` (F, N, 2) are the points as x and y, and `covariances` (F, N, 2, 2) their calibrated covariances in square
    pixels. `p_off` (F, N) is the probability that the error of a point exceeds the tolerance. `image_index` (F,) is the
    index of each face's image, from 0. `boxes` (F, 4) are the x, y, width and height of the boxes used.
    """

    means: NDArray[np.float64]
    covariances: NDArray[np.float64]
    p_off: NDArray[np.float64]
    image_index: NDArray[np.int64]
    boxes: NDArray[np.float64]


class Model:
    """A trained model. `name` is the name of its folder and `head` the default head of predictions."""

    def __init__(self, made: checkpoint.Checkpoint, name: str) -> None:
        self.checkpoint = made
        self.name = name
        self.head = made.target

    @property
    def definition(self) -> Definition:
        """The definition of the landmarks that the default head predicts."""
        return self.definition_of(self.head)

    @property
    def heads(self) -> Mapping[str, Definition]:
        """The definition of each head, by the head's name."""
        carried = self.checkpoint.carried
        return {**self.checkpoint.model.definitions, **({} if carried is None else {carried.name: carried.definition})}

    def definition_of(self, head: str) -> Definition:
        """The definition of `head`. Raises DataError if there is no such head."""
        if head not in self.heads:
            raise DataError(f"the model has no head {head!r}; it has: {', '.join(sorted(self.heads))}")
        return self.heads[head]

    def carries(self, head: str) -> CarriedLabels | None:
        """The labels that are carried over where `head` was not trained, else None."""
        carried = self.checkpoint.carried
        return carried if carried is not None and carried.name == head else None

    def seeing(self, head: str) -> str:
        """The head of the network that the predictions of `head` come from."""
        carried = self.carries(head)
        return head if carried is None else carried.head

    def predict(
        self,
        images: ImageLike | Sequence[ImageLike],
        boxes: Boxes | Sequence[Boxes] = None,
        *,
        head: str | None = None,
        tolerance: float = FlagRule.tolerance,
    ) -> Predictions:
        """Predict the landmarks of the faces on `images`.

        `images` is a path, a PIL image, a uint8 array (H, W, 3), or a list of these. `boxes` has an entry for each
        image; for a single image it is that entry. An entry is a box (a `Box` or x, y, width, height in pixels), a list
        of boxes, or None, which lets the model find one face. `p_off` is the probability of an error above `tolerance`,
        a share of the definition's normalizer. Raises DataError for an image or a box that cannot be used.
        """
        rule = FlagRule(tolerance)
        head, calibration = self.calibrated(head)
        pictures, several = image_list(images)
        given = boxes_of_images(boxes, len(pictures), several=several)
        paths = [Path(f"image-{k}") for k in range(len(pictures))]  # names only: no file is read
        memory = dict(zip(paths, pictures, strict=True))

        def read(path: Path, most: float) -> tuple[Image.Image, int]:
            return memory[path], 1

        faces: list[tuple[int, Sample]] = []
        unboxed: list[int] = []
        for k, (path, picture) in enumerate(memory.items()):
            for box in [None] if given[k] is None else given[k] or []:
                unboxed += [len(faces)] if box is None else []
                shown = box or whole(*picture.size)
                faces.append((k, Sample(path, str(path), picture.width, picture.height, shown)))
        samples = self.with_found_boxes([face for _, face in faces], unboxed, head, read=read)
        raw = predict_samples(self.network(), samples, self.seeing(head), read=read)
        found = self.finished(raw, samples, head)
        definition = self.definition_of(head)
        n = len(definition.landmarks)
        off = [
            probabilities_off(definition, p, s, rule.tolerance, calibration.law)
            for p, s in zip(found, samples, strict=True)
        ]
        return Predictions(
            means=np.array([p.points for p in found]).reshape(-1, n, 2),
            covariances=np.array([p.covariance for p in found]).reshape(-1, n, 2, 2),
            p_off=np.array(off).reshape(-1, n),
            image_index=np.array([k for k, _ in faces], dtype=np.int64),
            boxes=np.array([[s.box.x, s.box.y, s.box.w, s.box.h] for s in samples], dtype=np.float64).reshape(-1, 4),
        )

    def network(self) -> MDMD:
        """The network, moved to the computing device."""
        return self.checkpoint.model.to(compute_device())

    def calibrated(self, head: str | None) -> tuple[str, Calibration]:
        """The head to use and its calibration.

        Logs a warning if the head is not calibrated; raises DataError if it is unknown.
        """
        head = head or self.head
        self.definition_of(head)
        carried = self.carries(head)
        if carried is not None:
            if not carried.measured:
                logger.warning(
                    f"{head!r} is carried over from {len(carried.labels)} labeled "
                    f"face{'' if len(carried.labels) == 1 else 's'}: its ellipses are not measured and no point is "
                    f"flagged; label {FEWEST_MEASURED} faces or more"
                )
            return head, Calibration()
        if head not in self.checkpoint.calibrations:
            logger.warning(
                f"head {head!r} was not calibrated on held-out faces: its ellipses and flags are uncalibrated"
            )
        return head, self.checkpoint.calibration(head)

    def finished(self, raw: Sequence[Prediction], samples: Sequence[Sample], head: str) -> list[Prediction]:
        """The calibrated predictions of `head`, from what the head `seeing(head)` of the network predicts (`raw`)."""
        calibration = self.checkpoint.calibration(self.seeing(head))
        found = [calibration.apply(p, s.box) for p, s in zip(raw, samples, strict=True)]
        carried = self.carries(head)
        return found if carried is None else carried.carry(found, [s.box for s in samples])

    def rule_for(self, head: str, rule: FlagRule) -> FlagRule:
        """`rule`, or one that flags no point where deviations are not measured."""
        carried = self.carries(head)
        return rule if carried is None or carried.measured else replace(rule, threshold=NEVER)

    def with_found_boxes(
        self, samples: Sequence[Sample], chosen: Sequence[int], head: str, **reading: Any
    ) -> list[Sample]:
        """`samples`, with boxes found by the model for those at the indices `chosen`.

        If the model does not know the `box_scale` of its training data, the given boxes are kept.
        """
        scale = self.checkpoint.history.box_scale
        if scale is None or not chosen:
            return list(samples)
        boxed = boxes_found(self.network(), [samples[k] for k in chosen], self.seeing(head), scale=scale, **reading)
        found = dict(zip(chosen, boxed, strict=True))
        return [found.get(k, sample) for k, sample in enumerate(samples)]


def load(run: Path | str) -> Model:
    """Load the model from the folder `run`, written by `train` or `adapt`. Raises DataError if there is none."""
    return Model(checkpoint.load(Path(run)), Path(run).name)


def train(data: Sequence[Data], out: Path | str, **options: Unpack[TrainingOptions]) -> Model:
    """Train on one or several sets at once and write a checkpoint to `out`, which can be a base to adapt from.

    Each set gets a head with its name; the first set is the target. Options: `TrainingOptions`. Raises DataError for
    data or options that cannot be used.
    """
    run = TrainingRun(Path(out), **options)
    chosen = run.chosen()
    datasets, warnings = read_sets(data)
    for dataset in datasets:
        enough_faces(dataset)  # before a finished run in the same folder is touched
    with run.opened(warnings) as (log, processes):
        made = learn_sets(datasets, chosen.model, run.plan(chosen, processes), log)
        run.leave(made, chosen)
    return Model(made, Path(out).name)


def adapt(
    target: Data,
    out: Path | str,
    *,
    sources: Sequence[Data] = (),
    base: Path | str | None = None,
    bases: Path | str | None = None,
    base_minutes: float = 20.0,
    starter: Path | str = STARTER,
    train_faces: int | None = None,
    learn_share: float = 1.0,
    folds: int = 0,
    **options: Unpack[TrainingOptions],
) -> Model:
    """Train on the few faces of `target` together with `sources`, and write the run to the folder `out`.

    Training starts from the checkpoint `base`, or from the base of the sources in the folder `bases`, which is trained
    for `base_minutes` if it does not exist. If no pretrained weights are available, it starts from the checkpoint
    `starter`. `train_faces` is the number of the target's training faces to use. `learn_share` trains on that share of
    them and holds out the same faces as without it. With `folds` K, no faces are held out, and K more trainings without
    a K-th of the faces each calibrate the model on all faces. Other options: `TrainingOptions`. Raises DataError for
    data or options that cannot be used.
    """
    if not 0 < learn_share <= 1:
        raise DataError(f"found --learn-share {learn_share:g}, wanted a share above 0 and at most 1")
    if folds and learn_share < 1:
        raise DataError("--learn-share keeps the held-out faces, but --folds holds none out: use only one of the two")
    run = TrainingRun(Path(out), **options)
    chosen = run.chosen()
    (aim, *beside), warnings = read_sets([target, *sources])
    if train_faces is not None:
        aim = fewer_faces(aim, train_faces, run.seed)
    if run.steps == 0:
        if beside or bases is not None or folds or learn_share < 1:
            raise DataError("with --steps 0 nothing is trained: name only a target, and a base with --from")
        return _carry_over(aim, Path(starter if base is None else base), chosen, run, warnings)
    for dataset in (aim, *beside):
        enough_faces(dataset)  # before a finished run in the same folder is touched
    if base is not None and bases is not None:
        raise DataError("--from names a base and --bases a folder to find one in: use only one of the two")
    start = None if base is None else _given_base(Path(base), chosen, run)
    with run.opened(warnings) as (log, processes):
        plan = replace(run.plan(chosen, processes), folds=folds, learn_share=learn_share)
        if folds:  # all trainings must have the same length
            plan = replace(plan, stop=None)
        if start is None:
            kept = None if bases is None else Path(bases)
            start = _start(beside, chosen, run, plan, log, Path(starter), kept, Budget(minutes=base_minutes))
        made = learn_target(aim, beside, start, chosen.model, plan, log)
        run.leave(made, chosen)
    return Model(made, Path(out).name)


def _carry_over(target: Dataset, folder: Path, chosen: Preset, run: TrainingRun, warnings: Sequence[str]) -> Model:
    """The base in `folder` with the labels of `target`, which are carried over to other faces without training."""
    faces = [s for s in target.split("train") if s.annotation is not None and s.annotation.labeled.any()]
    if not faces:
        raise DataError(f"{target.name}: found no labeled training face, wanted at least one to carry over")
    base = Model(_given_base(folder, chosen, run), folder.name)
    with run.opened(warnings) as (log, _):
        log.event("start", stage="carry", steps=0, minutes=None, train_faces={target.name: len(faces)}, heldout_faces=0)
        raw = predict_samples(base.network(), faces, base.head)
        seen = base.finished(raw, faces, base.head)
        carried = CarriedLabels.of(target.name, target.definition, base.head, base.definition, seen, faces)
        made = replace(base.checkpoint, target=target.name, carried=carried, history=_carried_history(base, carried))
        run.leave(made, chosen)
    return Model(made, run.out.name)


def _carried_history(base: Model, carried: CarriedLabels) -> History:
    known = base.checkpoint.history
    faces = {carried.name: len(carried.labels)}
    return History(weights=known.weights, base=known, stage="carry", faces=faces, box_scale=known.box_scale)


def _given_base(folder: Path, chosen: Preset, run: TrainingRun) -> checkpoint.Checkpoint:
    """The checkpoint in `folder`. Raises DataError if the run asks for another network."""
    made = _as_asked(checkpoint.load(folder), folder, run)
    asked, found = chosen.model.head, made.model.config.head
    if run.preset != "default" and asked != found:
        raise DataError(
            f"{folder} has {found} heads, --preset {run.preset} has {asked} heads: choose another base or preset"
        )
    return made


def _as_asked(made: checkpoint.Checkpoint, folder: Path, run: TrainingRun) -> checkpoint.Checkpoint:
    """`made` with the views that the run asks for. Raises DataError if the run asks for another network."""
    config = made.model.config
    if run.encoder not in (None, config.encoder):
        raise DataError(f"{folder} has the encoder {config.encoder}, but --encoder is {run.encoder}")
    made.model.config = of_base(config, run.settings, where=str(folder))
    return made


def _start(
    sources: Sequence[Dataset],
    chosen: Preset,
    run: TrainingRun,
    plan: Plan,
    log: RunLog,
    starter: Path,
    bases: Path | None,
    budget: Budget,
) -> checkpoint.Checkpoint | None:
    """The checkpoint that an adaptation without a given base starts from.

    It is a base of the sources or the starter, or None to start from the encoder's weights.
    """
    start = base_cache.starter(starter, chosen.model, run.weights, log)
    if start is not None and run.weights == base_cache.FROM_STARTER:
        start = _as_asked(start, starter, run)
    learned = start is not None and all(start.model.definitions.get(s.name) == s.definition for s in sources)
    if learned or not sources or bases is None or not chosen.starts_from_base:
        return start
    config = chosen.model if start is None else start.model.config
    folder = base_cache.base_folder(bases, sources, config, run.weights, None if start is None else starter)
    plan = replace(plan, budget=budget, folds=0, learn_share=1.0, stop=None, heldout=None)
    return base_cache.find_or_train(folder, sources, config, plan, log, start=start)


def predict(
    model: Model | Path | str,
    pictures: Sequence[Path | str] = (),
    *,
    faces: Path | str | None = None,
    out: Path | str | None = None,
    find_boxes: bool = False,
    head: str | None = None,
    tolerance: float = FlagRule.tolerance,
    threshold: float | None = None,
) -> dict[str, Any]:
    """Predict landmarks as a COCO-keypoint object (see `predicted_coco`), which is also written to `out` if given.

    The input is either `pictures` (image files and folders, one face per image) or the faces of the COCO file `faces`.
    With `find_boxes`, the model finds the face if its box is the whole image. `model` is a `Model` or the folder of a
    run. Images that cannot be used, and files in folders that are not images, are left out with a warning. Raises
    DataError if none is left.
    """
    coco, _ = predict_all(
        model,
        pictures,
        faces=faces,
        out=out,
        find_boxes=find_boxes,
        head=head,
        tolerance=tolerance,
        threshold=threshold,
    )
    return coco


def predict_all(
    model: Model | Path | str,
    pictures: Sequence[Path | str] = (),
    *,
    faces: Path | str | None = None,
    out: Path | str | None = None,
    find_boxes: bool = False,
    head: str | None = None,
    tolerance: float = FlagRule.tolerance,
    threshold: float | None = None,
) -> tuple[dict[str, Any], bool]:
    """`predict`, and whether no image was left out that a user would expect to be used."""
    if bool(pictures) == (faces is not None):
        raise DataError("name either pictures (or folders of them), or a COCO file of faces")
    rule = FlagRule(tolerance, threshold)
    model = model if isinstance(model, Model) else load(model)
    head, calibration = model.calibrated(head)
    unusable: dict[Path, str] = {}
    skipped: tuple[Skipped, ...] = ()
    if faces is None:
        samples, skipped = whole_pictures([Path(path) for path in pictures], unusable)
        for sentence in skipped_sentences(skipped):
            logger.warning(f"skipped {sentence}")
    else:
        samples = faces_of_file(Path(faces), unusable)
    if find_boxes:
        given = [k for k, s in enumerate(samples) if s.box == whole(s.width, s.height)]
        samples = model.with_found_boxes(samples, given, head, unusable=unusable)
    log_file = Path(out).parent / LOG if faces is not None and out is not None else None
    with RunLog(log_file, quiet=True) as log:

        def told(done: int) -> None:
            log.event("predicted", faces=done, of=len(samples))

        found = predict_samples(model.network(), samples, model.seeing(head), on_batch=told, unusable=unusable)
        raw = [p for p, s in zip(found, samples, strict=True) if s.path not in unusable]
        samples = [s for s in samples if s.path not in unusable]
        if unusable:
            _tell_left_out(list(unusable.values()), log, none_left=not samples)
    predictions = model.finished(raw, samples, head)
    rule = model.rule_for(head, rule)
    definition = model.definition_of(head)
    coco = predicted_coco(definition, predictions, samples, rule, calibration.law, model=model.name, head=head)
    if out is not None:
        write_json(Path(out), coco, indent=None, for_others=True)
    return coco, not unusable and not any_wanted(skipped)


def _tell_left_out(problems: Sequence[str], log: RunLog, *, none_left: bool) -> None:
    """Warn about images that are left out. Raises PictureError if none is left."""
    named = "; ".join([*problems[:NAMED], *(["..."] if len(problems) > NAMED else [])])
    if none_left:
        raise PictureError(named)
    sentence = f"{len(problems):,} picture{' is' if len(problems) == 1 else 's are'} left out: {named}"
    logger.warning(sentence)
    log.warn(sentence, said=True)


def evaluate(
    model: Model | Path | str,
    data: Data,
    *,
    split: str = "test",
    subset: str | None = None,
    head: str | None = None,
    normalizer: Literal["definition", "box"] = "definition",
    tolerance: float = FlagRule.tolerance,
    threshold: float | None = None,
) -> dict[str, float | None]:
    """Metrics of a model on the labeled faces of a split; None for a metric without data.

    `mdmd.evaluation.evaluate.evaluate` explains the metrics. Errors are shares of the definition's normalizer, or of
    the square root of the box's area with `normalizer="box"`. `model` is a `Model` or the folder of a run. Raises
    DataError if there is no face to measure on, or if the landmarks are not those of the head.
    """
    rule = FlagRule(tolerance, threshold)
    model = model if isinstance(model, Model) else load(model)
    head = head or model.head
    definition = model.definition_of(head)
    dataset, _ = read_set(data)
    order = _landmark_order(dataset, definition, head)
    samples = [s for s in dataset.split(split) if s.annotation is not None]
    if not samples:
        found = ", ".join(sorted({s.split for s in dataset.samples}))
        raise DataError(f"{dataset.name} has no labeled faces in split {split!r}; its splits: {found}")
    if subset is not None:
        found = ", ".join(sorted({name for s in samples for name in s.subsets})) or "none"
        samples = [s for s in samples if subset in s.subsets]
        if not samples:
            raise DataError(f"{dataset.name} has no subset {subset!r} in {split}; found: {found}")
    samples = _reviewed(samples)
    _, calibration = model.calibrated(head)
    applied = model.finished(predict_samples(model.network(), samples, model.seeing(head)), samples, head)
    predictions = [Prediction(p.points[order], p.covariance[order]) for p in applied]
    measured = dataset.definition if normalizer == "definition" else replace(dataset.definition, normalizer=None)
    return plain(measure(measured, predictions, samples, model.rule_for(head, rule), calibration.law))


def _reviewed(samples: Sequence[Sample]) -> list[Sample]:
    """The samples whose labels a person reviewed. Warns about the others; raises DataError if none is left."""
    kept = [sample for sample in samples if not sample.unseen]
    left_out = len(samples) - len(kept)
    if not kept:
        raise DataError(f"all {left_out:,} faces have labels accepted unseen, wanted reviewed labels to measure on")
    if left_out:
        logger.warning(f"{left_out:,} of {len(samples):,} faces have labels accepted unseen and are left out")
    return kept


def _landmark_order(data: Dataset, definition: Definition, head: str) -> list[int]:
    """The index in `head` of each landmark of `data`, with a warning if they are matched by order only."""
    try:
        order = counterparts(data.definition, definition)
    except DataError as error:
        raise DataError(f"{data.name} cannot be measured with head {head!r}: {error}") from None
    if set(data.definition.landmarks) != set(definition.landmarks):
        logger.warning(f"{data.name} has other landmark names than head {head!r}: landmarks are matched by their order")
    return order
