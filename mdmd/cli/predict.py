"""`mdmd predict`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import get_args

from mdmd.cli.options import Commands, add_command, add_flag_options, add_reading_options, flag_rule, foreign_set
from mdmd.config import SHARD, Engine
from mdmd.errors import DataError
from mdmd.evaluation.evaluate import FlagRule
from mdmd.importing import large_libraries
from mdmd.run_folder import must_hold_model


def add_to(commands: Commands) -> None:
    """Add the command and its options."""
    command = add_command(
        commands,
        "predict",
        run,
        "Predict landmarks on images; writes COCO-keypoint JSON or a table, with covariances and flags.",
        codes="Exits with 0 if all pictures were predicted; with 1 if some were left out, which a warning names, or it "
        "failed; with 2 if nothing was predicted.",
    )
    command.add_argument("model", type=Path, metavar="RUN", help="a folder that mdmd train or adapt wrote")
    command.add_argument(
        "pictures",
        nargs="*",
        metavar="PICTURES",
        help="images and folders of them, patterns such as 'photos/*.jpg', and @LIST, a text file with a path in each "
        "line; each image is taken as the box of one face; of an animation, the first frame",
    )
    command.add_argument(
        "--faces",
        type=Path,
        action="append",
        metavar="F.json",
        help="faces with boxes instead of images, as COCO JSON (also without keypoints, as a detector writes it) or as "
        "labels of another tool; repeatable, with one --out for each",
    )
    command.add_argument(
        "--find-boxes",
        action="store_true",
        help="let the model find the face if its box is the whole image",
    )
    command.add_argument("--head", help="the head to use (default: the target's)")
    command.add_argument(
        "--out",
        type=Path,
        action="append",
        required=True,
        metavar="FILE",
        help="the file to write: COCO JSON, or a table with a row for each face if it ends in .csv or .parquet. An "
        "interrupted prediction goes on when it is started again",
    )
    bulk = command.add_argument_group("very many pictures")
    bulk.add_argument(
        "--bulk",
        type=Path,
        metavar="MANIFEST",
        help="instead of pictures: a folder, a text file with a path in each line, or a CSV or Parquet table with a "
        "column image and, where faces are known, box_x, box_y, box_w and box_h. --out is then a folder of Parquet "
        "files; the same command after an interruption goes on",
    )
    bulk.add_argument(
        "--engine",
        choices=get_args(Engine),
        default="local",
        help="processes of this machine, or Ray Data, on the cluster that RAY_ADDRESS names (default local)",
    )
    bulk.add_argument("--workers", type=int, metavar="N", help="processes (default: one a core, or a GPU)")
    bulk.add_argument("--shard", type=int, default=SHARD, metavar="ROWS", help=f"rows of a file (default {SHARD:,})")
    command.add_argument("--draw", type=Path, metavar="FOLDER", help="draw each face into this new folder")
    command.add_argument("--quiet", action="store_true", help="no progress bar")
    command.add_argument(
        "--allow-missing",
        action="store_true",
        help="exit with 0 although pictures were left out (default: 1), if some could be read",
    )
    add_flag_options(command)
    add_reading_options(command, "faces", labels=False)


def run(options: argparse.Namespace) -> int:
    """Predict and write each of the files; the model is loaded once. Returns 1 if pictures were left out."""
    must_hold_model(options.model)
    with large_libraries():
        from mdmd import api

    rule = flag_rule(options)
    if options.bulk is not None:
        return _run_bulk(options, rule)
    if bool(options.pictures) == bool(options.faces):
        raise DataError("name either pictures (or folders of them), or --faces F.json")
    given: list[Path | None] = options.faces or [None]
    if len(given) != len(options.out):
        raise DataError(f"found {len(options.out)} --out, wanted {len(given)}: one for each file of faces")
    if options.draw is not None and len(given) > 1:
        raise DataError("--draw takes the faces of one file")
    model = api.load_run(options.model)
    for out in options.out:
        out.parent.mkdir(parents=True, exist_ok=True)  # fail before the work, not after it
    all_used = True
    for faces, out in zip(given, options.out, strict=True):
        coco, used = api.predict_all(
            model,
            options.pictures,
            faces=None if faces is None else foreign_set(options, faces),
            out=out,
            draw=options.draw,
            progress=not options.quiet and sys.stderr.isatty(),
            find_boxes=options.find_boxes,
            head=options.head,
            tolerance=rule.tolerance,
            threshold=rule.threshold,
        )
        all_used = all_used and used
        flagged = sum(sum(record["attributes"]["flagged"]) for record in coco["annotations"])
        print(f"{len(coco['annotations'])} faces predicted, {flagged} points flagged: {out}")
    return 0 if all_used or options.allow_missing else 1


def _run_bulk(options: argparse.Namespace, rule: FlagRule) -> int:
    from mdmd import api

    if options.pictures or options.faces or options.draw is not None or len(options.out) != 1:
        raise DataError("--bulk takes one MANIFEST and one --out FOLDER, and neither pictures nor --faces nor --draw")
    for name in ("workers", "shard"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise DataError(f"found --{name} {value}, wanted at least 1")
    (out,) = options.out
    result = api.predict_bulk(
        options.model,
        options.bulk,
        out,
        engine=options.engine,
        workers=options.workers,
        shard=options.shard,
        find_boxes=options.find_boxes,
        head=options.head,
        tolerance=rule.tolerance,
        threshold=rule.threshold,
        progress=not options.quiet and sys.stderr.isatty(),
    )
    print(f"{result.faces:,} faces predicted, {result.problems:,} rows with a problem: {out}")
    return 0 if not result.problems or options.allow_missing else 1
