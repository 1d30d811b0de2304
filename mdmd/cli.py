"""The command line of the method: train, adapt, evaluate, predict."""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn, get_args

import numpy as np

from mdmd import bases, checkpoint, comparison
from mdmd.calibrate import Method
from mdmd.checkpoint import write_json
from mdmd.coco import PREDICTED, read_coco, to_coco
from mdmd.config import PRESETS, STARTER, Preset, check_base, preset, to_json
from mdmd.evaluate import RECALL, FlagRule, evaluate, plain, probabilities_off
from mdmd.experiments import Experiment, launch_process
from mdmd.pictures import picture_size, pictures_in
from mdmd.plan import Plan
from mdmd.predict import compute_device, predict
from mdmd.pretrain import STARTER_TRAIN, Drawing, pretrain
from mdmd.processes import Processes, launched, writes_files
from mdmd.readers import kinds
from mdmd.records import Annotation, Box, DataError, Dataset, Sample
from mdmd.resume import Keep
from mdmd.runlog import RunLog
from mdmd.schedule import Budget
from mdmd.sources import Sources, default_home, report, warnings
from mdmd.tables import TABLES
from mdmd.train import adapt, fewer_faces, train

#: The file in a run's folder that a broken-off run goes on from.
STATE = "resume.safetensors"
DATA_HELP = (
    "a COCO-keypoint JSON whose category carries keypoints, flsg, flip_pairs and normalizer, "
    "pictures beside it or in images/; or the name of an added dataset (mdmd sources list)"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 done, 1 failed, 2 a user's mistake, 130 interrupted."""
    options = parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        options.run(options)
    except DataError as error:
        return _refuse(options, str(error), code=2)
    except KeyboardInterrupt:
        print("mdmd: interrupted", file=sys.stderr)
        return 130
    except MemoryError:
        return _refuse(options, "out of memory: choose a smaller encoder or close other programs", code=1)
    except OSError as error:
        return _refuse(options, f"{error.filename or 'the system'}: {error.strerror or error}", code=1)
    return 0


def _interrupt(signum: int, frame: Any) -> NoReturn:
    raise KeyboardInterrupt


def _refuse(options: argparse.Namespace, message: str, *, code: int) -> int:
    print(f"mdmd: error: {message}", file=sys.stderr)
    out = getattr(options, "out", None)
    if out is not None and out.is_dir() and writes_files():
        with contextlib.suppress(OSError):  # the disk may be what is full
            write_json(out / "error.json", {"error": message})
    return code


def parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    top = argparse.ArgumentParser(
        prog="mdmd",
        description="Multi-domain multi-definition facial landmarks (Ferman and Bharaj, ECCV 2022): learn a landmark "
        "definition of your own from about 100 faces, together with a large set of another definition.",
        epilog="example: mdmd adapt --target monkeys.json --source 300w/annotations.json --minutes 5 --out monkeys-run",
    )
    top.add_argument("--version", action="version", version=f"mdmd {importlib.metadata.version('mdmd')}")
    commands = top.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[argparse.Namespace], None], text: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text)
        made.set_defaults(run=run)
        return made

    learn = command(
        "train", run_train, "Learn one or several sets at once and leave a checkpoint (a base to adapt from)."
    )
    learn.add_argument("--data", type=Path, action="append", required=True, metavar="S.json", help=DATA_HELP)
    _training_options(learn, out="the folder for the checkpoint")

    fit = command("adapt", run_adapt, "Learn a new definition from few faces, beside one or more large sets.")
    fit.add_argument("--target", type=Path, required=True, metavar="T.json", help=f"the new set: {DATA_HELP}")
    fit.add_argument(
        "--source",
        type=Path,
        action="append",
        default=[],
        metavar="S.json",
        help="a set to learn beside it; repeatable; none: the target alone",
    )
    fit.add_argument(
        "--from", dest="base", type=Path, metavar="BASE", help="the checkpoint to start from (made by mdmd train)"
    )
    fit.add_argument(
        "--bases",
        type=Path,
        metavar="DIR",
        help="where base checkpoints are kept: the sources' base is taken from here, and learned first if not there",
    )
    fit.add_argument(
        "--base-minutes",
        type=float,
        default=20.0,
        metavar="M",
        help="time for learning a base that is not there yet (default 20)",
    )
    fit.add_argument(
        "--starter",
        type=Path,
        default=STARTER,
        metavar="FOLDER",
        help="another starter than the one that comes with mdmd",
    )
    fit.add_argument("--train-faces", type=int, metavar="K", help="learn from K of the target's training faces only")
    fit.add_argument(
        "--folds",
        type=int,
        default=0,
        metavar="K",
        help="hold no faces out: learn from all, then K times more without a K-th of them to calibrate on all "
        "(each time for the whole budget; for few faces and much time; default 0: hold 15 %% out)",
    )
    _training_options(fit, out="the folder for the run: checkpoint, log.jsonl, metrics.json")

    measure = command("evaluate", run_evaluate, "Measure a run on labeled faces.")
    measure.add_argument("model", type=Path, metavar="RUN", help="a folder that mdmd train or adapt wrote")
    measure.add_argument("--data", type=Path, required=True, metavar="T.json", help=DATA_HELP)
    measure.add_argument("--split", default="test", help="which images: those whose split has this name (default test)")
    measure.add_argument("--subset", metavar="NAME", help="only faces of this subset (challenge, pose, a style, ...)")
    measure.add_argument("--head", help="which head answers (default: the target's)")
    measure.add_argument(
        "--normalizer",
        default="definition",
        choices=("definition", "box"),
        help="what errors are shares of: the definition's own distance (default), or the square root of the box's area",
    )
    measure.add_argument("--json", type=Path, metavar="OUT.json", help="write the numbers here too")
    _flag_options(measure)

    find = command(
        "predict", run_predict, "Find landmarks in pictures; writes COCO-keypoint JSON with covariances and flags."
    )
    find.add_argument("model", type=Path, metavar="RUN", help="a folder that mdmd train or adapt wrote")
    find.add_argument(
        "pictures",
        type=Path,
        nargs="*",
        metavar="IMAGE_OR_FOLDER",
        help="pictures; the face is taken to fill each of them",
    )
    find.add_argument(
        "--faces", type=Path, metavar="F.json", help="faces with boxes, as COCO JSON, instead of bare pictures"
    )
    find.add_argument("--head", help="which head answers (default: the target's)")
    find.add_argument("--out", type=Path, required=True, metavar="P.json", help="the file to write")
    _flag_options(find)
    _sources_commands(
        command("sources", run_sources_list, "Datasets on this machine that can be named: add, list, remove.")
    )
    _experiment_options(
        command("experiment", run_experiment, "Run a table of the paper, or one of our own, and print both numbers.")
    )

    start = command(
        "pretrain", run_pretrain, "Learn a starter from scratch, on drawn faces and openly licensed photographs."
    )
    start.add_argument(
        "--photos", type=Path, metavar="P.json", help="photographs to learn beside the drawn faces: " + DATA_HELP
    )
    start.add_argument("--minutes", type=float, default=120.0, metavar="M", help="time for all rounds (default 120)")
    start.add_argument("--steps", type=int, metavar="N", help="how many batches in all rounds, instead of minutes")
    start.add_argument(
        "--rounds", type=int, default=4, metavar="R", help="how many times new faces are drawn (default 4)"
    )
    start.add_argument("--faces", type=int, default=4000, metavar="F", help="faces drawn for a round (default 4000)")
    start.add_argument("--workers", type=int, default=1, metavar="W", help="processes that draw (default 1)")
    start.add_argument("--seed", type=int, default=0, metavar="S", help="for everything random (default 0)")
    start.add_argument("--quiet", action="store_true", help="no progress bar")
    start.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="the starter; the same command again goes on where it was",
    )
    return top


def _sources_commands(group: argparse.ArgumentParser) -> None:
    actions = group.add_subparsers(title="actions", required=True, metavar="ACTION")

    def action(name: str, run: Callable[[argparse.Namespace], None], text: str) -> argparse.ArgumentParser:
        made = actions.add_parser(name, help=text, description=text)
        made.set_defaults(run=run)
        return made

    add = action("add", run_sources_add, "Check a dataset as distributed (or a COCO file) and remember it by a name.")
    add.add_argument("kind", nargs="?", choices=kinds(), help="which dataset it is (default: by what the folder holds)")
    add.add_argument("path", type=Path, help="its folder; a COCO-keypoint JSON or the folder of its annotations.json")
    add.add_argument("--name", help="what to call it (default: the kind; for COCO its folder or file)")
    add.add_argument(
        "--one-based", action="store_true", help="coordinates in its text files count from 1 (default: from 0)"
    )
    action("list", run_sources_list, "Show the datasets that were added.")
    action("remove", run_sources_remove, "Forget a dataset; its files stay.").add_argument("name")


def _experiment_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("name", metavar="NAME", help=f"which table: {', '.join(TABLES)}")
    data = os.environ.get("MDMD_DATA")
    command.add_argument(
        "--data",
        type=Path,
        default=data,
        required=data is None,
        metavar="ROOT",
        help="where the sets lie, each as NAME/annotations.json (default: $MDMD_DATA)",
    )
    # Not "out": that is where a command that fails leaves its error, and this folder holds many runs.
    command.add_argument(
        "--out", dest="runs", type=Path, required=True, metavar="FOLDER", help="the runs; what is done there is read"
    )
    command.add_argument("--seeds", type=int, default=3, metavar="N", help="how many seeds of each row (default 3)")
    budget = command.add_mutually_exclusive_group()
    budget.add_argument(
        "--minutes", type=float, default=10.0, metavar="M", help="wall-clock time for each adaptation (default 10)"
    )
    budget.add_argument("--steps", type=int, metavar="N", help="how many batches instead, for bases too")
    command.add_argument(
        "--base-minutes", type=float, default=20.0, metavar="M", help="for each base that is started from (default 20)"
    )
    command.add_argument(
        "--weights",
        metavar="FILE",
        default=os.environ.get("MDMD_WEIGHTS"),
        help="the encoder's weights as in train, for all rows but those about other encoders",
    )
    command.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="SETTING",
        help="a setting for all rows, as in train",
    )
    command.add_argument(
        "--only", action="append", default=[], metavar="PATTERN", help="only runs with names like this, such as '*-25'"
    )
    command.add_argument(
        "--dry-run", action="store_true", help="list runs, missing data and expected time; run nothing"
    )


def _training_options(command: argparse.ArgumentParser, *, out: str) -> None:
    command.add_argument(
        "--preset",
        default="default",
        choices=sorted(PRESETS),
        help="paper: the published method; default: ours; tiny: for a try without pretrained weights",
    )
    command.add_argument(
        "--encoder",
        metavar="NAME",
        help="any timm vision transformer, or a convolutional network such as resnet50 (default: the preset's)",
    )
    command.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="SETTING",
        help="change one setting of the preset, such as model.groups=8, model.tokens=landmark, "
        "model.stem=early_convolutions or train.loss=euclidean; repeatable",
    )
    command.add_argument(
        "--weights",
        metavar="FILE",
        default=os.environ.get("MDMD_WEIGHTS"),
        help="the encoder's weights as safetensors, 'none', or for adapt 'starter' (default: $MDMD_WEIGHTS, else "
        "timm's download, else for adapt the starter)",
    )
    budget = command.add_mutually_exclusive_group()
    budget.add_argument("--minutes", type=float, metavar="M", help="how long to train, on any machine (default 10)")
    budget.add_argument(
        "--steps", type=int, metavar="N", help="how many batches instead: repeatable to the last digit on one machine"
    )
    command.add_argument("--seed", type=int, default=0, metavar="S", help="for everything random (default 0)")
    command.add_argument(
        "--fresh", action="store_true", help="start over where a broken-off run in the folder would be gone on with"
    )
    command.add_argument(
        "--save-every",
        type=float,
        default=Keep.every,
        metavar="S",
        help="seconds between states that a broken-off run can be gone on with from (default 60)",
    )
    command.add_argument(
        "--calibration",
        default="likelihood",
        choices=get_args(Method),
        help="what covariances are fitted to on held-out faces: the likelihood, or the 50 %% and 90 %% ellipses of "
        "split-conformal prediction, which hold at least what they promise (from 9 held-out faces)",
    )
    command.add_argument("--quiet", action="store_true", help="no progress bar")
    command.add_argument("--out", type=Path, required=True, metavar="FOLDER", help=out)
    _flag_options(command)


def _flag_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--tolerance",
        type=float,
        default=FlagRule.tolerance,
        metavar="T",
        help="a point is flagged when it may be off by more than this share of the normaliser (default 0.10) ...",
    )
    command.add_argument(
        "--threshold",
        type=float,
        metavar="P",
        help="... with more than this probability (default: so that the flags are expected to catch "
        f"{100 * RECALL:.0f} %% of all such points)",
    )


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
        processes=processes,
        crops=default_home(os.environ) / "crops",
    )


def _read_all(paths: Sequence[Path]) -> list[Dataset]:
    datasets: list[Dataset] = []
    for path in paths:
        dataset = _read_set(path)
        taken = {d.name for d in datasets}
        name, k = dataset.name, 2
        while name in taken:
            name, k = f"{dataset.name}-{k}", k + 1
        datasets.append(replace(dataset, name=name))
    return datasets


def _read_set(given: Path) -> Dataset:
    """The COCO file or the added dataset that an option names; says what of it cannot be used."""
    reading = Sources(default_home(os.environ)).open(given)
    for sentence in warnings(reading):
        print(f"mdmd: {sentence}", file=sys.stderr)
    return reading.dataset


def _leave(made: checkpoint.Checkpoint, chosen: Preset, options: argparse.Namespace) -> None:
    if not writes_files():
        return
    made.history.update(preset=options.preset, train=to_json(chosen.train), seed=options.seed)
    made.save(options.out)
    write_json(
        options.out / "metrics.json", {**made.history["heldout"], "rarely_labeled": made.history["rarely_labeled"]}
    )
    (options.out / STATE).unlink(missing_ok=True)


@contextlib.contextmanager
def _open_run(options: argparse.Namespace) -> Iterator[tuple[RunLog, Processes]]:
    """The run's log, in the one process that writes it, and the processes that train together."""
    with launched() as processes:
        if processes.main:
            _clear(options.out, fresh=options.fresh)
        processes.wait()
        with RunLog(
            options.out / "log.jsonl" if processes.main else None, quiet=options.quiet or not processes.main
        ) as log:
            yield log, processes


def _clear(out: Path, *, fresh: bool) -> None:
    out.mkdir(parents=True, exist_ok=True)
    if fresh:
        (out / STATE).unlink(missing_ok=True)
    if fresh or ((out / "model.json").is_file() and not (out / STATE).is_file()):  # an earlier run's log
        (out / "log.jsonl").unlink(missing_ok=True)
    (out / "error.json").unlink(missing_ok=True)


def run_train(options: argparse.Namespace) -> None:
    """`mdmd train`."""
    chosen = preset(options.preset, encoder=options.encoder, settings=options.settings)
    datasets = _read_all(options.data)
    with _open_run(options) as (log, processes):
        plan = _plan(options, chosen, processes)
        _leave(train(datasets, chosen.model, plan, log), chosen, options)


def run_adapt(options: argparse.Namespace) -> None:
    """`mdmd adapt`."""
    chosen = preset(options.preset, encoder=options.encoder, settings=options.settings)
    target, *sources = _read_all([options.target, *options.source])
    if options.train_faces is not None:
        target = fewer_faces(target, options.train_faces, options.seed)
    base = checkpoint.load(options.base) if options.base is not None else None
    if base is not None and options.encoder not in (None, base.model.config.encoder):
        raise DataError(f"{options.base} has the encoder {base.model.config.encoder}, --encoder says {options.encoder}")
    if base is not None:
        check_base(base.model.config, options.settings, where=str(options.base))
    with _open_run(options) as (log, processes):
        plan = replace(_plan(options, chosen, processes), folds=options.folds)
        start = None if base is not None else bases.starter(options.starter, chosen.model, options.weights, log)
        config = chosen.model if start is None else start.model.config
        if base is None and sources and chosen.starts_from_base and options.bases is not None:
            first = None if start is None else options.starter
            folder = bases.base_folder(options.bases, sources, config, options.weights, first)
            base_plan = replace(plan, budget=Budget(minutes=options.base_minutes), folds=0)
            base = bases.find_or_train(folder, sources, config, base_plan, log, start=start)
        _leave(adapt(target, sources, base or start, config, plan, log), chosen, options)


def run_pretrain(options: argparse.Namespace) -> None:
    """`mdmd pretrain`."""
    if min(options.rounds, options.faces, options.workers) < 1:
        raise DataError("--rounds, --faces and --workers must be at least 1")
    budget = Budget(steps=options.steps) if options.steps is not None else Budget(minutes=options.minutes)
    photos = read_coco(options.photos) if options.photos is not None else None
    drawing = Drawing(faces=options.faces, workers=options.workers)
    options.out.mkdir(parents=True, exist_ok=True)
    with RunLog(options.out / "log.jsonl", quiet=options.quiet) as log:
        plan = Plan(STARTER_TRAIN, budget, seed=options.seed)
        made = pretrain(options.out, photos, plan, log, rounds=options.rounds, drawing=drawing)
    print(f"starter of {made.history['rounds']} rounds: {options.out}")


def run_evaluate(options: argparse.Namespace) -> None:
    """`mdmd evaluate`."""
    made = checkpoint.load(options.model)
    head = options.head or made.target
    definition = made.model.head_definition(head)
    data = _read_set(options.data)
    if len(data.definition.landmarks) != len(definition.landmarks):
        raise DataError(
            f"{options.data.name} has {len(data.definition.landmarks)} landmarks, "
            f"head {head!r} predicts {len(definition.landmarks)}"
        )
    samples = [s for s in data.split(options.split) if s.annotation is not None]
    if not samples:
        found = ", ".join(sorted({s.split for s in data.samples}))
        raise DataError(f"{options.data.name} has no labeled faces in split {options.split!r}; its splits: {found}")
    if options.subset is not None:
        found = ", ".join(sorted({name for s in samples for name in s.subsets})) or "none"
        samples = [s for s in samples if options.subset in s.subsets]
        if not samples:
            raise DataError(f"{options.data.name} has no subset {options.subset!r} in {options.split}; found: {found}")
    made.model.to(compute_device())
    calibration = made.calibration(head)
    raw = predict(made.model, samples, head)
    predictions = [calibration.apply(p, s.box) for p, s in zip(raw, samples, strict=True)]
    normalized = data.definition if options.normalizer == "definition" else replace(data.definition, normalizer=None)
    numbers = plain(evaluate(normalized, predictions, samples, _rule(options), calibration.law))
    print(json.dumps(numbers, indent=1))
    if options.json is not None:
        write_json(options.json, numbers)


def run_predict(options: argparse.Namespace) -> None:
    """`mdmd predict`."""
    rule = _rule(options)
    if bool(options.pictures) == (options.faces is not None):
        raise DataError("name either pictures (or folders of them), or --faces F.json")
    made = checkpoint.load(options.model)
    head = options.head or made.target
    definition, calibration = made.model.head_definition(head), made.calibration(head)
    samples = _bare_pictures(options.pictures) if options.pictures else read_coco(options.faces).samples
    made.model.to(compute_device())
    with RunLog(options.out.parent / "log.jsonl" if options.faces is not None else None, quiet=True) as log:

        def told(done: int) -> None:
            log.event("predicted", faces=done, of=len(samples))

        raw = predict(made.model, samples, head, on_batch=told)
    predictions = [calibration.apply(p, s.box) for p, s in zip(raw, samples, strict=True)]
    p_off = [
        probabilities_off(definition, p, s, rule.tolerance, calibration.law)
        for p, s in zip(predictions, samples, strict=True)
    ]
    threshold = rule.threshold_for(np.array(p_off))
    labels, extras = [], {}
    for number, (sample, found, off) in enumerate(zip(samples, predictions, p_off, strict=True), start=1):
        face = sample.face_id or number
        shown = Annotation(found.points, 2 + 0 * (found.points[:, 0]).astype(int))
        labels.append(replace(sample, annotation=shown, face_id=face, image_id=sample.image_id or number))
        extras[face] = {
            "source": PREDICTED,
            "covariance": [[round(float(c[i, j]), 4) for i, j in ((0, 0), (0, 1), (1, 1))] for c in found.covariance],
            "p_off": [round(float(p), 4) for p in off],
            "flagged": [bool(p > threshold) for p in off],
        }
    info = {
        "description": "predictions, not labels",
        "model": options.model.name,
        "head": head,
        "tolerance": rule.tolerance,
        "threshold": threshold,
    }
    write_json(options.out, to_coco(labels, definition, info=info, attributes=extras))
    flagged = sum(sum(extra["flagged"]) for extra in extras.values())
    print(f"{len(predictions)} faces predicted, {flagged} points flagged: {options.out}")


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


def _bare_pictures(paths: Sequence[Path]) -> list[Sample]:
    samples = []
    for file in (file for path in paths for file in (pictures_in(path) if path.is_dir() else [path])):
        width, height = picture_size(file)
        whole = Box(0.0, 0.0, float(width), float(height))
        samples.append(Sample(file, file.as_posix().lstrip("/"), width, height, whole))
    return samples


if __name__ == "__main__":
    sys.exit(main())
