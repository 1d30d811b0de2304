"""Train, adapt, predict and evaluate: the functions behind `import mdmd` and the command line.

Warnings, such as a missing image, go to the logger "mdmd". Input that cannot be used raises `DataError`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack

from tqdm import tqdm

from mdmd.config import BASE_MINUTES, SHARD, STARTER, Engine, Preset, of_base
from mdmd.data.definition import Definition
from mdmd.data.images import PictureError
from mdmd.data.picture_files import Skipped, any_wanted, skipped_sentences
from mdmd.data.records import Dataset, Prediction, Sample
from mdmd.datasets.foreign import ForeignSet
from mdmd.datasets.registry import Data, read_set, read_sets
from mdmd.errors import DataError
from mdmd.evaluation import prediction_table
from mdmd.evaluation.drawings import draw_faces, draw_predictions, must_be_free
from mdmd.evaluation.evaluate import FlagRule, counterparts, errors_of, plain
from mdmd.evaluation.evaluate import evaluate as measure
from mdmd.evaluation.metrics import face_nme
from mdmd.evaluation.predictions import predicted_coco
from mdmd.files import write_json
from mdmd.inference.bulk import BulkResult, Task, bulk_result, predict_in_bulk
from mdmd.inference.inputs import faces_of_file, named_files, whole, whole_pictures
from mdmd.inference.manifest import Manifest
from mdmd.inference.model import Model
from mdmd.inference.parts import parts_folder, predict_in_parts, remove_parts
from mdmd.inference.predict import predict as predict_samples
from mdmd.loading.batches import named_heldout
from mdmd.loading.crops import left_out, named
from mdmd.models import checkpoint
from mdmd.portable.exported import ExportedModel, is_exported
from mdmd.portable.folder import Exported, export_onnx, export_web
from mdmd.run_folder import LOG, History
from mdmd.training import base_cache
from mdmd.training.plan import Plan
from mdmd.training.run import TrainingOptions, TrainingRun
from mdmd.training.run_log import RunLog
from mdmd.training.schedule import Budget
from mdmd.training.train import FEWEST_FACES, enough_faces, fewer_faces, without_measured_pictures
from mdmd.training.train import adapt as learn_target
from mdmd.training.train import train as learn_sets
from mdmd.transfer.carried_labels import CarriedLabels

logger = logging.getLogger("mdmd")


def load(folder: Path | str) -> Model | ExportedModel:
    """Load the model from a folder that `train`, `adapt` or `export` wrote. Raises DataError if there is none."""
    return ExportedModel(Path(folder)) if is_exported(Path(folder)) else load_run(folder)


def load_run(run: Path | str) -> Model:
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
        named_heldout(dataset)
        enough_faces(dataset)  # before a finished run in the same folder is touched
    with run.opened(warnings) as (log, processes):
        made = learn_sets(datasets, chosen.model, run.plan(chosen, processes), log)
        run.leave(made, chosen)
    return Model(made, Path(out).name)


def learn_base(data: Sequence[Data], bases: Path | str, out: Path | str, **options: Unpack[TrainingOptions]) -> None:
    """Train the base of `data` in the folder `bases`, as `adapt` with `bases` does first if it is missing.

    Nothing is done if it is there. The folder `out` gets the log. An interrupted training goes on where it was.
    Options: `TrainingOptions`, with 20 minutes by default. Raises DataError for data or options that cannot be used.
    """
    run = TrainingRun(Path(out), **options)
    chosen = run.chosen()
    datasets, warnings = read_sets(data)
    for dataset in datasets:
        enough_faces(dataset)
    minutes = BASE_MINUTES if run.minutes is None and run.steps is None else run.minutes
    with run.opened(warnings) as (log, processes):
        plan = run.plan(chosen, processes)
        _start(datasets, chosen, run, plan, log, STARTER, Path(bases), Budget(run.steps, minutes))


def adapt(
    target: Data,
    out: Path | str,
    *,
    sources: Sequence[Data] = (),
    base: Path | str | None = None,
    bases: Path | str | None = None,
    base_minutes: float = BASE_MINUTES,
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
    a K-th of the faces each calibrate the model on all faces. Labeled faces of the target's split "heldout" are held
    out instead of a share of the others, and with `folds` they are not used. Nothing learns from the pictures that are
    held out or tested, whatever set they are in, except a `base` that was trained before. Other options:
    `TrainingOptions`. Raises DataError for data or options that cannot be used.
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
    named_heldout(aim)
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
            start = _start(beside, chosen, run, plan, log, Path(starter), kept, Budget(minutes=base_minutes), aim)
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
        unusable: dict[Path, str] = {}
        raw = predict_samples(base.network(), faces, base.head, unusable=unusable)
        faces, raw = _readable(faces, raw, unusable, target.name, log.warn)
        seen = base.finished(raw, faces, base.head)
        carried = CarriedLabels.of(target.name, target.definition, base.head, base.definition, seen, faces)
        made = replace(base.checkpoint, target=target.name, carried=carried, history=_carried_history(base, carried))
        run.leave(made, chosen)
    return Model(made, run.out.name)


def _carried_history(base: Model, carried: CarriedLabels) -> History:
    known = base.checkpoint.history
    faces = {carried.name: len(carried.labels)}
    return History(weights=known.weights, base=known, stage="carry", faces=faces, box_scale=known.box_scale, steps=0)


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
    target: Dataset | None = None,
) -> checkpoint.Checkpoint | None:
    """The checkpoint that an adaptation without a given base starts from.

    It is a base of the sources or the starter, or None to start from the encoder's weights. A base learns nothing from
    the pictures that a model of `target` will be measured on.
    """
    start = base_cache.starter(starter, chosen.model, run.weights, log)
    if start is not None and run.weights == base_cache.FROM_STARTER:
        start = _as_asked(start, starter, run)
    learned = start is not None and all(start.model.definitions.get(s.name) == s.definition for s in sources)
    if learned or not sources or bases is None or not chosen.starts_from_base:
        return start
    config = chosen.model if start is None else start.model.config
    if target is not None:
        sources = without_measured_pictures(sources, target, config, plan)
        for source in sources:
            if (left := len(source.labeled("train"))) < FEWEST_FACES:
                log.warn(
                    f"{source.name}: found {left} labeled faces on pictures that {target.name} neither holds out nor "
                    f"tests, wanted at least {FEWEST_FACES} to learn a base first: the training begins without it"
                )
                return start
    folder = base_cache.base_folder(bases, sources, config, run.weights, None if start is None else starter)
    plan = replace(plan, budget=budget, folds=0, learn_share=1.0, stop=None, heldout=None)
    return base_cache.find_or_train(folder, sources, config, plan, log, start=start)


class PredictionOptions(TypedDict, total=False):
    """Options of `mdmd.predict`.

    `faces` is a COCO file, or labels of another tool, whose faces are predicted in their boxes, instead of pictures.
    The result is also written to `out`: as COCO JSON, or as a table (see `mdmd.evaluation.prediction_table`) if its
    name ends in .csv or .parquet. Until then, what is predicted is kept in parts beside `out`: the same call after an
    interruption goes on. `draw` is a new folder for a drawing of each face. With `progress` a bar on stderr shows what
    is left. With `find_boxes`, the model finds the face if its box is the whole image. `head` is another head than the
    model's own. A point is flagged if its probability of an error above `tolerance` (a share of the normalizer) exceeds
    `threshold` (None: chosen so that the flags are expected to catch 80 % of such points, and to leave at most 5 % of
    all).
    """

    faces: ForeignSet | Path | str | None
    out: Path | str | None
    draw: Path | str | None
    progress: bool
    find_boxes: bool
    head: str | None
    tolerance: float
    threshold: float | None


def predict(
    model: Model | Path | str, pictures: Sequence[Path | str] = (), **options: Unpack[PredictionOptions]
) -> dict[str, Any]:
    """Predict landmarks as a COCO-keypoint object (see `predicted_coco`).

    The input is either `pictures` (image files, folders, patterns such as `photos/*.jpg` and `@list.txt` with a path in
    each line; one face per image) or the faces of a file. `model` is a `Model` or the folder of a run. Options:
    `PredictionOptions`. Images that cannot be used, and files in folders that are not images, are left out with a
    warning; `info` of the result has the reasons in `left_out`. Raises DataError if none is left.
    """
    return predict_all(model, pictures, **options)[0]


def predict_all(
    model: Model | Path | str,
    pictures: Sequence[Path | str] = (),
    *,
    faces: ForeignSet | Path | str | None = None,
    out: Path | str | None = None,
    draw: Path | str | None = None,
    progress: bool = False,
    find_boxes: bool = False,
    head: str | None = None,
    tolerance: float = FlagRule.tolerance,
    threshold: float | None = None,
) -> tuple[dict[str, Any], bool]:
    """`predict`, and whether no image was left out that a user would expect to be used."""
    if bool(pictures) == (faces is not None):
        raise DataError("name either pictures (or folders of them), or a file of faces")
    out, draw = (None if path is None else Path(path) for path in (out, draw))
    as_table = out is not None and out.suffix.lower() in prediction_table.ENDINGS
    if out is not None and as_table:
        prediction_table.must_be_writable(out)
    if draw is not None:
        must_be_free(draw)
    rule = FlagRule(tolerance, threshold)
    model = model if isinstance(model, Model) else load_run(model)
    head, calibration = model.calibrated(head)
    unusable: dict[str, str] = {}
    skipped: tuple[Skipped, ...] = ()
    missed: list[str] = []
    if faces is None:
        found_pictures = whole_pictures(named_files(pictures))
        samples, unusable, skipped = found_pictures.samples, found_pictures.left_out, found_pictures.skipped
        for sentence in skipped_sentences(skipped):
            logger.warning(f"skipped {sentence}")
    else:
        by_path: dict[Path, str] = {}
        found_faces = faces_of_file(faces if isinstance(faces, ForeignSet) else Path(faces), by_path)
        unusable = {str(path): problem for path, problem in by_path.items()}
        samples, missed = found_faces.samples, found_faces.left_out
        for sentence in found_faces.notes:
            logger.warning(sentence)
        if missed:
            logger.warning(f"{len(missed):,} records are left out: {named(missed)}")
    find = [find_boxes and s.box == whole(s.width, s.height) for s in samples]
    kept = None if out is None else parts_folder(out)
    log_file = out.parent / LOG if faces is not None and out is not None else None
    with RunLog(log_file, quiet=True) as log, tqdm(total=len(samples), unit="face", disable=not progress) as bar:

        def told(done: int) -> None:
            log.event("predicted", faces=done, of=len(samples))
            bar.update(done - bar.n)

        found = predict_in_parts(model, samples, head, find, kept=kept, told=told)
        unusable |= {s.file_name: problem for s, problem in zip(found.samples, found.problems, strict=True) if problem}
        usable = [k for k, problem in enumerate(found.problems) if problem is None]
        if not usable and kept is not None:
            remove_parts(kept)
        if unusable:
            _tell_left_out(list(unusable.values()), log, none_left=not usable)
    samples, predictions = [found.samples[k] for k in usable], [found.predictions[k] for k in usable]
    definition, law = model.definition_of(head), calibration.law
    told_of = {"model": model.name, "head": head, **({"left_out": unusable} if unusable else {})}
    coco = predicted_coco(definition, predictions, samples, model.rule_for(head, rule), law, **told_of)
    if draw is not None:
        draw_predictions(draw, predictions, samples, law)
    if out is not None and as_table:
        sure = FlagRule(rule.tolerance, coco["info"]["threshold"])
        prediction_table.write_table(
            prediction_table.predicted_table(definition, predictions, samples, sure, law, [*unusable.items()]), out
        )
    elif out is not None:
        write_json(out, coco, indent=None, for_others=True)
    if kept is not None:
        remove_parts(kept)
    return coco, not (unusable or missed or any_wanted(skipped))


def predict_bulk(
    run: Path | str,
    pictures: Path | str,
    out: Path | str,
    *,
    engine: Engine = "local",
    workers: int | None = None,
    shard: int = SHARD,
    find_boxes: bool = False,
    head: str | None = None,
    tolerance: float = FlagRule.tolerance,
    threshold: float | None = None,
    progress: bool = False,
) -> BulkResult:
    """Predict very many pictures into Parquet files of `shard` rows each in the folder `out`.

    `pictures` is a manifest (see `mdmd.inference.manifest`): a folder, a list of paths, or a CSV or Parquet table with
    boxes where faces are known. What is in the files: `mdmd.evaluation.prediction_table`, with `row`, the row of the
    manifest from 0; points are flagged with a `threshold` only. The same call after an interruption goes on. `engine`
    is "local", with `workers` processes of this machine (by default one a core, or a GPU), or "ray". Raises DataError,
    also if `out` holds the predictions of another model or of other pictures.
    """
    rule, model, manifest = FlagRule(tolerance, threshold), load_run(run), Manifest(Path(pictures))
    head, calibration = model.calibrated(head)
    task = Task(
        run=str(run),
        model=model.fingerprint(head),
        head=head,
        find_boxes=find_boxes,
        tolerance=rule.tolerance,
        threshold=rule.threshold,
        power=calibration.law.power,
        pictures=str(manifest.folder),
        out=str(Path(out)),
    )
    steps = predict_in_bulk(task, manifest, engine=engine, workers=workers, shard=shard)
    begun = next(steps).rows  # finished by earlier calls: they do not count for the speed
    with tqdm(total=len(manifest), initial=begun, unit="face", disable=not progress) as bar:
        for done in steps:
            bar.update(done.rows - bar.n)
    return bulk_result(Path(out))


def _tell_left_out(problems: Sequence[str], log: RunLog, *, none_left: bool) -> None:
    """Warn about images that are left out. Raises PictureError if none is left."""
    if none_left:
        raise PictureError(named(problems))
    logger.warning(left_out(problems))
    log.warn(left_out(problems), said=True)


def export(
    model: Model | Path | str,
    out: Path | str,
    *,
    format: Literal["onnx", "web"] = "onnx",
    onnxruntime_web: Path | str | None = None,
    golden: Data | None = None,
    head: str | None = None,
    half: bool = False,
    tolerance: float = FlagRule.tolerance,
) -> Exported:
    """Write a model into the new folder `out`, to run without this package (see `mdmd.portable.folder`).

    The folder of the format "onnx" is for Python and other programs, that of "web" is a page for a browser, for which
    `onnxruntime_web` names a local copy of that npm package; without one it is downloaded.
    The golden crops of the format "onnx", by which `check.py` checks a machine, are of four faces of `golden`; without
    it they are drawn. `tolerance` is the share of the normalizer above which a point counts as off; with `half` weights
    are stored in float16. Raises DataError if the model cannot be exported, or the packages onnx, onnxscript and
    onnxruntime are missing.
    """
    model = model if isinstance(model, Model) else load_run(model)
    head, _ = model.calibrated(head)
    rule = FlagRule(tolerance)
    if golden is not None and format != "onnx":
        raise DataError("golden faces go with the format onnx: a page has no check")
    if format == "onnx":
        faces = None if golden is None else read_set(golden)[0].samples
        return export_onnx(
            model.checkpoint, model.name, Path(out), faces=faces, head=head, half=half, tolerance=rule.tolerance
        )
    runtime = None if onnxruntime_web is None else Path(onnxruntime_web)
    return export_web(
        model.checkpoint, model.name, Path(out), runtime=runtime, head=head, half=half, tolerance=rule.tolerance
    )


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
    draw: Path | str | None = None,
) -> dict[str, float | None]:
    """Metrics of a model on the labeled faces of a split; None for a metric without data.

    `mdmd.evaluation.evaluate.evaluate` explains the metrics; `steps`, `batch_size`, `faces_seen` and `minutes` say what
    the training of the model took, without that of its base. Errors are shares of the definition's normalizer, or of
    the square root of the box's area with `normalizer="box"`. `model` is a `Model` or the folder of a run. The best,
    median and worst faces are drawn into the new folder `draw` (see `mdmd.evaluation.drawings`). Raises DataError if
    there is no face to measure on, if the landmarks are not those of the head, or if `draw` holds something.
    """
    rule = FlagRule(tolerance, threshold)
    if draw is not None:
        must_be_free(Path(draw))  # before the work
    model = model if isinstance(model, Model) else load_run(model)
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
    unusable: dict[Path, str] = {}
    raw = predict_samples(model.network(), samples, model.seeing(head), unusable=unusable)
    samples, raw = _readable(samples, raw, unusable, dataset.name, logger.warning)
    applied = model.finished(raw, samples, head)
    predictions = [Prediction(p.points[order], p.covariance[order]) for p in applied]
    measured = dataset.definition if normalizer == "definition" else replace(dataset.definition, normalizer=None)
    if draw is not None:
        nme = face_nme(errors_of(measured, predictions, samples))
        draw_faces(Path(draw), predictions, samples, nme, calibration.law)
    numbers = measure(measured, predictions, samples, model.rule_for(head, rule), calibration.law)
    return plain(numbers) | model.checkpoint.history.effort()


def _readable(
    samples: Sequence[Sample],
    raw: Sequence[Prediction],
    unusable: Mapping[Path, str],
    name: str,
    warn: Callable[[str], None],
) -> tuple[list[Sample], list[Prediction]]:
    """The samples of the set `name`, and their predictions, without those whose pictures are `unusable`.

    A warning names these. Raises PictureError if none is left.
    """
    kept = [(sample, found) for sample, found in zip(samples, raw, strict=True) if sample.path not in unusable]
    if not kept:
        raise PictureError(f"{name}: no labeled picture can be used: {named([*unusable.values()])}")
    if unusable:
        warn(f"{name}: {left_out([*unusable.values()])}")
    return [sample for sample, _ in kept], [found for _, found in kept]


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
