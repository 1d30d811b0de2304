"""The command line of the method: train, adapt, evaluate, predict."""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from mdmd import bases, checkpoint
from mdmd.checkpoint import write_json
from mdmd.coco import PREDICTED, read_coco, to_coco
from mdmd.config import PRESETS, Preset, preset, to_json
from mdmd.evaluate import FlagRule, evaluate, plain, probabilities_off
from mdmd.pictures import picture_size, pictures_in
from mdmd.predict import compute_device, predict
from mdmd.records import Annotation, Box, DataError, Dataset, Sample
from mdmd.runlog import RunLog
from mdmd.schedule import Budget
from mdmd.train import Plan, adapt, fewer_faces, train

DATA_HELP = (
    "a COCO-keypoint JSON whose category carries keypoints, flsg, flip_pairs and normalizer; "
    "pictures beside it or in images/"
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
    if out is not None and out.is_dir():
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
    fit.add_argument("--train-faces", type=int, metavar="K", help="learn from K of the target's training faces only")
    _training_options(fit, out="the folder for the run: checkpoint, log.jsonl, metrics.json")

    measure = command("evaluate", run_evaluate, "Measure a run on labeled faces.")
    measure.add_argument("model", type=Path, metavar="RUN", help="a folder that mdmd train or adapt wrote")
    measure.add_argument("--data", type=Path, required=True, metavar="T.json", help=DATA_HELP)
    measure.add_argument("--split", default="test", help="which images: those whose split has this name (default test)")
    measure.add_argument("--head", help="which head answers (default: the target's)")
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
    return top


def _training_options(command: argparse.ArgumentParser, *, out: str) -> None:
    command.add_argument(
        "--preset",
        default="default",
        choices=sorted(PRESETS),
        help="paper: the published method; default: ours; tiny: for a try without pretrained weights",
    )
    command.add_argument("--encoder", metavar="NAME", help="any timm vision transformer (default: the preset's)")
    command.add_argument(
        "--weights",
        metavar="FILE",
        default=os.environ.get("MDMD_WEIGHTS"),
        help="the encoder's weights as safetensors, or 'none' (default: $MDMD_WEIGHTS, else timm's download)",
    )
    budget = command.add_mutually_exclusive_group()
    budget.add_argument("--minutes", type=float, metavar="M", help="how long to train, on any machine (default 10)")
    budget.add_argument(
        "--steps", type=int, metavar="N", help="how many batches instead: repeatable to the last digit on one machine"
    )
    command.add_argument("--seed", type=int, default=0, metavar="S", help="for everything random (default 0)")
    command.add_argument("--quiet", action="store_true", help="no progress bar")
    command.add_argument("--out", type=Path, required=True, metavar="FOLDER", help=out)
    _flag_options(command)


def _flag_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--tolerance",
        type=float,
        default=FlagRule.tolerance,
        metavar="T",
        help="a point is flagged when it may be off by more than this share of the normaliser (default 0.05) ...",
    )
    command.add_argument(
        "--threshold",
        type=float,
        default=FlagRule.threshold,
        metavar="P",
        help="... with more than this probability (default 0.2)",
    )


def _rule(options: argparse.Namespace) -> FlagRule:
    if not options.tolerance > 0 or not 0 < options.threshold < 1:
        raise DataError("--tolerance must be above 0 and --threshold between 0 and 1")
    return FlagRule(options.tolerance, options.threshold)


def _plan(options: argparse.Namespace, chosen: Preset) -> Plan:
    minutes = 10.0 if options.minutes is None and options.steps is None else options.minutes
    home = Path(os.environ.get("MDMD_HOME") or Path.home() / ".mdmd")
    return Plan(
        chosen.train,
        Budget(options.steps, minutes),
        options.weights,
        options.seed,
        _rule(options),
        crops=home / "crops",
    )


def _read_all(paths: Sequence[Path]) -> list[Dataset]:
    datasets: list[Dataset] = []
    for path in paths:
        dataset = read_coco(path)
        taken = {d.name for d in datasets}
        name, k = dataset.name, 2
        while name in taken:
            name, k = f"{dataset.name}-{k}", k + 1
        datasets.append(replace(dataset, name=name))
    return datasets


def _leave(out: Path, made: checkpoint.Checkpoint, chosen: Preset, options: argparse.Namespace) -> None:
    made.history.update(preset=options.preset, train=to_json(chosen.train), seed=options.seed)
    made.save(out)
    write_json(out / "metrics.json", made.history["heldout"])


def _open_run(out: Path, quiet: bool) -> RunLog:
    out.mkdir(parents=True, exist_ok=True)
    if (out / "model.json").is_file():  # the log of an earlier run that came to its end
        (out / "log.jsonl").unlink(missing_ok=True)
    (out / "error.json").unlink(missing_ok=True)
    return RunLog(out / "log.jsonl", quiet=quiet)


def run_train(options: argparse.Namespace) -> None:
    """`mdmd train`."""
    chosen = preset(options.preset, encoder=options.encoder)
    plan = _plan(options, chosen)
    datasets = _read_all(options.data)
    with _open_run(options.out, options.quiet) as log:
        _leave(options.out, train(datasets, chosen.model, plan, log), chosen, options)


def run_adapt(options: argparse.Namespace) -> None:
    """`mdmd adapt`."""
    chosen = preset(options.preset, encoder=options.encoder)
    plan = _plan(options, chosen)
    target, *sources = _read_all([options.target, *options.source])
    if options.train_faces is not None:
        target = fewer_faces(target, options.train_faces, options.seed)
    base = checkpoint.load(options.base) if options.base is not None else None
    if base is not None and options.encoder not in (None, base.model.config.encoder):
        raise DataError(f"{options.base} has the encoder {base.model.config.encoder}, --encoder says {options.encoder}")
    with _open_run(options.out, options.quiet) as log:
        if base is None and sources and chosen.starts_from_base and options.bases is not None:
            names = [s.name for s in sources]
            folder = bases.base_folder(options.bases, options.source, names, chosen.model, options.weights)
            base_plan = replace(plan, budget=Budget(minutes=options.base_minutes))
            base = bases.find_or_train(folder, sources, chosen.model, base_plan, log)
        _leave(options.out, adapt(target, sources, base, chosen.model, plan, log), chosen, options)


def run_evaluate(options: argparse.Namespace) -> None:
    """`mdmd evaluate`."""
    made = checkpoint.load(options.model)
    head = options.head or made.target
    definition = made.model.head_definition(head)
    data = read_coco(options.data)
    if len(data.definition.landmarks) != len(definition.landmarks):
        raise DataError(
            f"{options.data.name} has {len(data.definition.landmarks)} landmarks, "
            f"head {head!r} predicts {len(definition.landmarks)}"
        )
    samples = [s for s in data.split(options.split) if s.annotation is not None]
    if not samples:
        found = ", ".join(sorted({s.split for s in data.samples}))
        raise DataError(f"{options.data.name} has no labeled faces in split {options.split!r}; its splits: {found}")
    made.model.to(compute_device())
    predictions = predict(made.model, samples, head, scale=made.scales.get(head, 1.0))
    numbers = plain(evaluate(data.definition, predictions, samples, _rule(options)))
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
    definition = made.model.head_definition(head)
    samples = _bare_pictures(options.pictures) if options.pictures else read_coco(options.faces).samples
    made.model.to(compute_device())
    with RunLog(options.out.parent / "log.jsonl" if options.faces is not None else None, quiet=True) as log:

        def told(done: int) -> None:
            log.event("predicted", faces=done, of=len(samples))

        predictions = predict(made.model, samples, head, scale=made.scales.get(head, 1.0), on_batch=told)
    labels, extras = [], {}
    for number, (sample, found) in enumerate(zip(samples, predictions, strict=True), start=1):
        face = sample.face_id or number
        off = probabilities_off(definition, found, sample, rule.tolerance)
        shown = Annotation(found.points, 2 + 0 * (found.points[:, 0]).astype(int))
        labels.append(replace(sample, annotation=shown, face_id=face, image_id=sample.image_id or number))
        extras[face] = {
            "source": PREDICTED,
            "covariance": found.covariance[:, (0, 0, 1), (0, 1, 1)].round(4).tolist(),
            "p_off": [round(float(p), 4) for p in off],
            "flagged": [bool(p > rule.threshold) for p in off],
        }
    info = {
        "description": "predictions, not labels",
        "model": options.model.name,
        "head": head,
        "tolerance": rule.tolerance,
        "threshold": rule.threshold,
    }
    write_json(options.out, to_coco(labels, definition, info=info, attributes=extras), indent=None)
    flagged = sum(sum(extra["flagged"]) for extra in extras.values())
    print(f"{len(predictions)} faces predicted, {flagged} points flagged: {options.out}")


def _bare_pictures(paths: Sequence[Path]) -> list[Sample]:
    samples = []
    for file in (file for path in paths for file in (pictures_in(path) if path.is_dir() else [path])):
        width, height = picture_size(file)
        whole = Box(0.0, 0.0, float(width), float(height))
        samples.append(Sample(file, file.as_posix().lstrip("/"), width, height, whole))
    return samples


if __name__ == "__main__":
    sys.exit(main())
