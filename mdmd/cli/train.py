"""What each command of `mdmd` does with its options (see `mdmd/cli/main.py`)."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Iterator, MutableMapping, Sequence
from dataclasses import replace
from pathlib import Path

from mdmd.config import Preset, of_base, preset, to_json
from mdmd.data.coco import check_file_name, read_coco
from mdmd.data.definition import Definition
from mdmd.data.images import PictureError, picture_size, pictures_in
from mdmd.data.records import Box, Dataset, Prediction, Sample
from mdmd.datasets.readers import picture_problem
from mdmd.datasets.registry import Sources, default_home, report, warnings
from mdmd.device import compute_device
from mdmd.errors import DataError
from mdmd.evaluation.calibration import Calibration
from mdmd.evaluation.evaluate import FlagRule, counterparts, evaluate, plain
from mdmd.evaluation.predictions import predicted_coco
from mdmd.experiments import report as comparison
from mdmd.experiments.runner import Experiment, launch_process
from mdmd.experiments.tables import TABLES
from mdmd.files import write_json, writes_files
from mdmd.inference.boxes import find_boxes
from mdmd.inference.predict import predict
from mdmd.models import checkpoint
from mdmd.run_folder import ERROR, HELDOUT, LOG, METRICS, MODEL, STATE, STOP
from mdmd.training import base_cache as bases
from mdmd.training.distributed import Processes, launched
from mdmd.training.plan import Plan
from mdmd.training.pretrain import STARTER_TRAIN, Drawing, pretrain
from mdmd.training.resume import Keep
from mdmd.training.run_log import RunLog
from mdmd.training.schedule import Budget
from mdmd.training.stop_file import StopFile
from mdmd.training.train import adapt, enough_faces, fewer_faces, train

#: So many of the pictures that `mdmd predict` leaves out are named.
NAMED = 3


def _rule(options: argparse.Namespace) -> FlagRule:
    if not options.tolerance > 0 or not (options.threshold is None or 0 < options.threshold < 1):
        raise DataError("--tolerance must be above 0 and --threshold between 0 and 1")
    return FlagRule(options.tolerance, options.threshold)


def _plan(options: argparse.Namespace, chosen: Preset, processes: Processes) -> Plan:
    minutes = 10.0 if options.minutes is None and options.steps is None else options.minutes
    return Plan(
        chosen.train,
        Budget(options.steps, minutes),
        options.weights,
        options.seed,
        _rule(options),
        options.calibration,
        keep=Keep(options.out / STATE, every=options.save_every),
        stop=StopFile(options.out / STOP),
        processes=processes,
        crops=default_home(os.environ) / "crops",
        heldout=options.out / HELDOUT,
    )


def _read_all(paths: Sequence[Path]) -> tuple[list[Dataset], list[str]]:
    """The sets, no two of one name, and what of them cannot be used, which has been said."""
    datasets: list[Dataset] = []
    unusable: list[str] = []
    for path in paths:
        dataset, said = _read(path)
        unusable += said
        taken = {d.name for d in datasets}
        name, k = dataset.name, 2
        while name in taken:
            name, k = f"{dataset.name}-{k}", k + 1
        datasets.append(replace(dataset, name=name))
    return datasets, unusable


def _read(given: Path) -> tuple[Dataset, list[str]]:
    """The COCO file or the added dataset that an option names; says what of it cannot be used, and returns that."""
    reading = Sources(default_home(os.environ)).open(given)
    said = warnings(reading)
    for sentence in said:
        print(f"mdmd: {sentence}", file=sys.stderr)
    return reading.dataset, said


def _read_set(given: Path) -> Dataset:
    return _read(given)[0]


def _leave(made: checkpoint.Checkpoint, chosen: Preset, options: argparse.Namespace) -> None:
    if not writes_files():
        return
    made.history.update(preset=options.preset, train=to_json(chosen.train), seed=options.seed)
    made.save(options.out)
    write_json(
        options.out / METRICS,
        {
            **made.history["heldout"],
            "rarely_labeled": made.history["rarely_labeled"],
            **({"stopped": made.history["stopped"]} if "stopped" in made.history else {}),
        },
    )
    (options.out / STATE).unlink(missing_ok=True)


@contextlib.contextmanager
def _open_run(options: argparse.Namespace, unusable: Sequence[str]) -> Iterator[tuple[RunLog, Processes]]:
    """The run's log, in the one process that writes it, and the processes that train together. The log begins with
    what of the sets is `unusable`."""
    with launched() as processes:
        if processes.main:
            _clear(options.out, fresh=options.fresh)
        processes.wait()
        with RunLog(options.out / LOG if processes.main else None, quiet=options.quiet or not processes.main) as log:
            for sentence in unusable:
                log.warn(sentence.removeprefix("warning: "), said=True)
            yield log, processes


def _clear(out: Path, *, fresh: bool) -> None:
    out.mkdir(parents=True, exist_ok=True)
    if fresh:
        (out / STATE).unlink(missing_ok=True)
    if fresh or ((out / MODEL).is_file() and not (out / STATE).is_file()):  # an earlier run's log
        (out / LOG).unlink(missing_ok=True)
        (out / HELDOUT).unlink(missing_ok=True)
    for left in (ERROR, STOP):  # of an earlier try
        (out / left).unlink(missing_ok=True)


def run_train(options: argparse.Namespace) -> None:
    """`mdmd train`."""
    chosen = preset(options.preset, encoder=options.encoder, settings=options.settings)
    datasets, unusable = _read_all(options.data)
    for dataset in datasets:
        enough_faces(dataset)
    with _open_run(options, unusable) as (log, processes):
        plan = _plan(options, chosen, processes)
        _leave(train(datasets, chosen.model, plan, log), chosen, options)


def run_adapt(options: argparse.Namespace) -> None:
    """`mdmd adapt`."""
    if not 0 < options.learn_share <= 1:
        raise DataError(f"found --learn-share {options.learn_share:g}, wanted a share above 0 and up to 1")
    if options.folds and options.learn_share < 1:
        raise DataError("--learn-share keeps the held-out faces the same, and with --folds none are held out: use one")
    chosen = preset(options.preset, encoder=options.encoder, settings=options.settings)
    (target, *sources), unusable = _read_all([options.target, *options.source])
    if options.train_faces is not None:
        target = fewer_faces(target, options.train_faces, options.seed)
    for dataset in (target, *sources):
        enough_faces(dataset)  # before a finished run in the same folder is touched
    base = None if options.base is None else _given_base(options, chosen)
    with _open_run(options, unusable) as (log, processes):
        plan = replace(_plan(options, chosen, processes), folds=options.folds, learn_share=options.learn_share)
        if options.folds:  # each must learn as long as the others
            plan = replace(plan, stop=None)
        start = None if base is not None else bases.starter(options.starter, chosen.model, options.weights, log)
        if start is not None and options.weights == bases.FROM_STARTER:
            start = _as_asked(start, options.starter, options)
        config = chosen.model if start is None else start.model.config
        if start is not None and all(start.model.definitions.get(s.name) == s.definition for s in sources):
            base = start  # it has learned these sets already
        if base is None and sources and chosen.starts_from_base and options.bases is not None:
            first = None if start is None else options.starter
            folder = bases.base_folder(options.bases, sources, config, options.weights, first)
            base_budget = Budget(minutes=options.base_minutes)
            base_plan = replace(plan, budget=base_budget, folds=0, learn_share=1.0, stop=None, heldout=None)
            base = bases.find_or_train(folder, sources, config, base_plan, log, start=start)
        _leave(adapt(target, sources, base or start, config, plan, log), chosen, options)


def _given_base(options: argparse.Namespace, chosen: Preset) -> checkpoint.Checkpoint:
    """The checkpoint of --from; DataError for options that name another base, or ask for another network."""
    if options.bases is not None:
        raise DataError("--bases is where a base of the sources is kept; --from names one already: use one of the two")
    base = _as_asked(checkpoint.load(options.base), options.base, options)
    asked, found = chosen.model.head, base.model.config.head
    if options.preset != "default" and asked != found:
        raise DataError(f"{options.base} has {found} heads, --preset {options.preset} has {asked} heads: name another")
    return base


def _as_asked(made: checkpoint.Checkpoint, where: Path, options: argparse.Namespace) -> checkpoint.Checkpoint:
    """What is started from, looking at faces as the options say; DataError where they ask for another network."""
    config = made.model.config
    if options.encoder not in (None, config.encoder):
        raise DataError(f"{where} has the encoder {config.encoder}, --encoder says {options.encoder}")
    made.model.config = of_base(config, options.settings, where=str(where))
    return made


def run_pretrain(options: argparse.Namespace) -> None:
    """`mdmd pretrain`."""
    if min(options.rounds, options.faces, options.workers) < 1:
        raise DataError("--rounds, --faces and --workers must be at least 1")
    budget = Budget(steps=options.steps) if options.steps is not None else Budget(minutes=options.minutes)
    photos = _read_set(options.photos) if options.photos is not None else None
    drawing = Drawing(faces=options.faces, workers=options.workers)
    options.out.mkdir(parents=True, exist_ok=True)
    with RunLog(options.out / LOG, quiet=options.quiet) as log:
        plan = Plan(STARTER_TRAIN, budget, seed=options.seed)
        made = pretrain(options.out, photos, plan, log, rounds=options.rounds, drawing=drawing)
    print(f"starter of {made.history['rounds']} rounds: {options.out}")


def run_evaluate(options: argparse.Namespace) -> None:
    """`mdmd evaluate`."""
    if options.json is not None:
        options.json.parent.mkdir(parents=True, exist_ok=True)
    made = checkpoint.load(options.model)
    head = options.head or made.target
    definition = made.model.head_definition(head)
    data = _read_set(options.data)
    order = _landmark_order(data, definition, head)
    samples = [s for s in data.split(options.split) if s.annotation is not None]
    if not samples:
        found = ", ".join(sorted({s.split for s in data.samples}))
        raise DataError(f"{options.data.name} has no labeled faces in split {options.split!r}; its splits: {found}")
    if options.subset is not None:
        found = ", ".join(sorted({name for s in samples for name in s.subsets})) or "none"
        samples = [s for s in samples if options.subset in s.subsets]
        if not samples:
            raise DataError(f"{options.data.name} has no subset {options.subset!r} in {options.split}; found: {found}")
    samples = _looked_at(samples)
    made.model.to(compute_device())
    calibration = _calibration(made, head)
    raw = predict(made.model, samples, head)
    found = [calibration.apply(p, s.box) for p, s in zip(raw, samples, strict=True)]
    predictions = [Prediction(p.points[order], p.covariance[order]) for p in found]
    normalized = data.definition if options.normalizer == "definition" else replace(data.definition, normalizer=None)
    numbers = plain(evaluate(normalized, predictions, samples, _rule(options), calibration.law))
    print(json.dumps(numbers, indent=1))
    if options.json is not None:
        write_json(options.json, numbers)


def _looked_at(samples: Sequence[Sample]) -> list[Sample]:
    """Those whose labels a person has looked at, with a word on the others; raises DataError where there are none."""
    kept = [sample for sample in samples if not sample.unseen]
    left_out = len(samples) - len(kept)
    if not kept:
        raise DataError(f"all {left_out:,} faces have labels accepted without a look, and nothing is measured on those")
    if left_out:
        said = f"{left_out:,} of {len(samples):,} faces have labels accepted without a look and are left out"
        print(f"mdmd: warning: {said}", file=sys.stderr)
    return kept


def _landmark_order(data: Dataset, definition: Definition, head: str) -> list[int]:
    """Which landmark of `head` each one of `data` is; says so where only their places tell."""
    try:
        order = counterparts(data.definition, definition)
    except DataError as error:
        raise DataError(f"{data.name} cannot be measured with head {head!r}: {error}") from None
    if set(data.definition.landmarks) != set(definition.landmarks):
        print(
            f"mdmd: warning: {data.name} has other names than head {head!r}: its landmarks are taken in their order",
            file=sys.stderr,
        )
    return order


def run_predict(options: argparse.Namespace) -> None:
    """`mdmd predict`."""
    rule = _rule(options)
    if bool(options.pictures) == bool(options.faces):
        raise DataError("name either pictures (or folders of them), or --faces F.json")
    given: list[Path | None] = options.faces or [None]
    if len(given) != len(options.out):
        raise DataError(f"found {len(options.out)} --out, wanted {len(given)}: one for each file of faces")
    made = checkpoint.load(options.model)
    for out in options.out:
        out.parent.mkdir(parents=True, exist_ok=True)  # found out before the work, not after it
    made.model.to(compute_device())
    for faces, out in zip(given, options.out, strict=True):
        _predict_into(out, made, faces, rule, options)


def _predict_into(
    out: Path, made: checkpoint.Checkpoint, faces: Path | None, rule: FlagRule, options: argparse.Namespace
) -> None:
    """Predict `faces`, or the pictures of `options` where there are none, into the file `out`."""
    head = options.head or made.target
    definition, calibration = made.model.head_definition(head), _calibration(made, head)
    unusable: dict[Path, str] = {}
    samples = _bare_pictures(options.pictures, unusable) if faces is None else _faces(faces, unusable)
    samples = [s for s in samples if s.path not in unusable]
    if options.find_boxes:
        samples = _with_found_boxes(made, samples, head, unusable)
    with RunLog(None if faces is None else out.parent / LOG, quiet=True) as log:

        def told(done: int) -> None:
            log.event("predicted", faces=done, of=len(samples))

        found = predict(made.model, samples, head, on_batch=told, unusable=unusable)
        raw = [p for p, s in zip(found, samples, strict=True) if s.path not in unusable]
        samples = [s for s in samples if s.path not in unusable]
        if unusable:
            _tell_left_out(list(unusable.values()), log, none_left=not samples)
    predictions = [calibration.apply(p, s.box) for p, s in zip(raw, samples, strict=True)]
    coco = predicted_coco(definition, predictions, samples, rule, calibration.law, model=options.model.name, head=head)
    write_json(out, coco, indent=None, for_others=True)
    flagged = sum(sum(record["attributes"]["flagged"]) for record in coco["annotations"])
    print(f"{len(predictions)} faces predicted, {flagged} points flagged: {out}")


def _tell_left_out(problems: Sequence[str], log: RunLog, *, none_left: bool) -> None:
    """Say which pictures are left out and why; raises PictureError where that leaves none."""
    named = "; ".join([*problems[:NAMED], *(["..."] if len(problems) > NAMED else [])])
    if none_left:
        raise PictureError(named)
    sentence = f"{len(problems):,} picture{' is' if len(problems) == 1 else 's are'} left out: {named}"
    print(f"mdmd: warning: {sentence}", file=sys.stderr)
    log.warn(sentence, said=True)


def _calibration(made: checkpoint.Checkpoint, head: str) -> Calibration:
    """Of `head`; says so where it has none."""
    if head not in made.calibrations:
        print(
            f"mdmd: warning: head {head!r} was not calibrated on held-out faces: its ellipses and flags are the "
            "network's own word",
            file=sys.stderr,
        )
    return made.calibration(head)


def _with_found_boxes(
    made: checkpoint.Checkpoint, samples: Sequence[Sample], head: str, unusable: MutableMapping[Path, str]
) -> list[Sample]:
    """`samples`, with the model's own boxes for those whose box is the whole picture.

    A model that does not know how its boxes lie around the points is shown what it was given.
    """
    scale = made.history.get("box_scale")
    if scale is None:
        return list(samples)
    whole = [k for k, s in enumerate(samples) if (s.box.x, s.box.y, s.box.w, s.box.h) == (0, 0, s.width, s.height)]
    boxed = find_boxes(made.model, [samples[k] for k in whole], head, scale=float(scale), unusable=unusable)
    found = dict(zip(whole, boxed, strict=True))
    return [found.get(k, sample) for k, sample in enumerate(samples)]


def run_sources_add(options: argparse.Namespace) -> None:
    """`mdmd sources add`."""
    added = Sources(default_home(os.environ)).add(
        options.path, kind=options.kind, name=options.name, one_based=options.one_based
    )
    print(report(*added))


def run_sources_list(options: argparse.Namespace) -> None:
    """`mdmd sources list`."""
    for source in Sources(default_home(os.environ)).all():
        faces = ", ".join(f"{split} {number:,}" for split, number in source.faces.items())
        print(f"{source.name}: {source.landmarks} points, faces: {faces}; {source.kind} in {source.path}")


def run_sources_remove(options: argparse.Namespace) -> None:
    """`mdmd sources remove`."""
    Sources(default_home(os.environ)).remove(options.name)


def run_experiment(options: argparse.Namespace) -> None:
    """`mdmd experiment`."""
    if options.name not in TABLES:
        raise DataError(f"no table {options.name!r}; there are: {', '.join(TABLES)}")
    steps = options.steps
    experiment = Experiment(
        table=TABLES[options.name],
        root=Path(options.data).resolve(),
        out=options.runs.resolve(),
        seeds=options.seeds,
        budget=Budget(minutes=options.minutes) if steps is None else Budget(steps),
        base_budget=Budget(minutes=options.base_minutes) if steps is None else Budget(steps),
        weights=options.weights,
        settings=tuple(options.settings),
        only=tuple(options.only),
        added=frozenset(source.name for source in Sources(default_home(os.environ)).all()),
    )
    if options.dry_run:
        print(comparison.forecast(experiment))
        return
    experiment.execute(launch_process, lambda line: print(line, file=sys.stderr))
    print(comparison.markdown(experiment))


def _faces(file: Path, unusable: MutableMapping[Path, str]) -> Sequence[Sample]:
    """The faces of a COCO file; a picture that is not the one it describes gets its reason in `unusable`."""
    samples = read_coco(file).samples
    for sample in {s.path: s for s in samples}.values():
        problem = picture_problem(sample)
        if problem is not None:
            unusable[sample.path] = problem
    return samples


def _bare_pictures(paths: Sequence[Path], unusable: MutableMapping[Path, str]) -> list[Sample]:
    """A face that fills each picture; their names are their paths under the folder that holds them all.

    What is no picture, or has a name that no COCO file can hold, gets its reason in `unusable`.
    """
    samples = []
    given = [file for path in paths for file in (pictures_in(path) if path.is_dir() else [path])]
    files = list(dict.fromkeys(Path(os.path.abspath(file)) for file in given))  # links keep their own names
    root = os.path.commonpath([file.parent for file in files])
    for file in files:
        name = file.relative_to(root).as_posix()
        try:
            check_file_name(name, f"picture {file}")
            width, height = picture_size(file)
        except DataError as error:
            unusable[file] = str(error).encode(errors="replace").decode()
            continue
        whole = Box(0.0, 0.0, float(width), float(height))
        samples.append(Sample(file, name, width, height, whole))
    return samples
