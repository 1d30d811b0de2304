"""Options that several commands share. Imports no torch, so that --help is fast."""

from __future__ import annotations

import argparse
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from mdmd.config import PRESETS, SAVE_EVERY
from mdmd.data.definition import shipped_definitions
from mdmd.datasets.foreign import ForeignSet
from mdmd.datasets.matching import chosen_landmarks
from mdmd.evaluation.calibration import Method
from mdmd.evaluation.evaluate import LEFT, RECALL, FlagRule
from mdmd.formats.definition_files import read_definition
from mdmd.formats.known import FORMATS

if TYPE_CHECKING:
    from mdmd.api import TrainingOptions

#: The subparsers to which each command adds its parser.
Commands = Any

DATA_HELP = (
    "a COCO-keypoint JSON whose category has keypoints, flsg, flip_pairs and normalizer, "
    "with images beside it or in images/; or the name of an added dataset (mdmd sources list)"
)
FOREIGN_HELP = DATA_HELP + "; or a file or folder of another tool, which is found by content"


def add_command(
    commands: Commands,
    name: str,
    run: Callable[[argparse.Namespace], int | None],
    text: str,
    *,
    codes: str = "",
) -> argparse.ArgumentParser:
    """Add the command `name`, which calls `run`; `text` is its description in all help texts.

    `run` returns an exit code, or None for 0; `codes` explains them.
    """
    command = commands.add_parser(name, help=text, description=f"{text} {codes}".strip())
    command.set_defaults(run=run)
    return command


def add_reading_options(command: argparse.ArgumentParser, what: str, *, labels: bool = True, form: bool = True) -> None:
    """Add the options that say how labels of another tool are read; with `labels`, those of landmarks too."""
    group = command.add_argument_group(f"{what} of another tool")
    if form:
        names = ", ".join(known.name for known in FORMATS)
        group.add_argument("--format", metavar="F", help=f"read it as this format ({names})")
    group.add_argument("--pictures", dest="folder", type=Path, metavar="FOLDER", help="look for its pictures here, too")
    if labels:
        group.add_argument(
            "--definition",
            metavar="D",
            help="the landmarks, where it does not tell their groups: a shipped definition "
            f"({', '.join(shipped_definitions())}), or a file with one, of this tool or of another one",
        )
        group.add_argument(
            "--map",
            nargs="+",
            default=[],
            action="extend",
            metavar="OURS=THEIRS",
            help="landmarks of the definition that have another name in it",
        )
    begins = group.add_mutually_exclusive_group()
    begins.add_argument(
        "--one-based", action="store_true", default=None, help="coordinates in its text files start at 1"
    )
    begins.add_argument("--zero-based", dest="one_based", action="store_false", help="they start at 0")


def foreign_set(options: argparse.Namespace, place: Path) -> ForeignSet:
    """The file or folder `place`, to be read as `add_reading_options` says. Raises DataError."""
    named = getattr(options, "definition", None)
    found = None if named is None else read_definition(named)
    for sentence in () if found is None else found.notes:
        logging.getLogger("mdmd").warning(sentence)
    return ForeignSet(
        place,
        getattr(options, "format", None),
        None if found is None else found.definition,
        chosen_landmarks(getattr(options, "map", [])),
        options.folder,
        options.one_based,
    )


def add_training_options(command: argparse.ArgumentParser, *, out: str) -> None:
    """Add the options of commands that train a model; `out` describes the folder they write."""
    command.add_argument(
        "--preset",
        default="default",
        choices=sorted(PRESETS),
        help="paper: the published method; default: ours; tiny: a small network for tests, without pretrained weights",
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
        default=os.environ.get("MDMD_WEIGHTS") or None,
        help="the encoder's weights as safetensors, 'none', or for adapt 'starter' (default: $MDMD_WEIGHTS, else "
        "timm's download, else for adapt the starter)",
    )
    budget = command.add_mutually_exclusive_group()
    budget.add_argument("--minutes", type=float, metavar="M", help="training time in minutes (default 10)")
    budget.add_argument(
        "--steps",
        type=int,
        metavar="N",
        help="training steps instead of minutes; results are exactly reproducible on the same machine",
    )
    command.add_argument("--seed", type=seed, default=0, metavar="S", help="the random seed (default 0)")
    command.add_argument(
        "--fresh", action="store_true", help="start over instead of resuming an interrupted run in the folder"
    )
    command.add_argument(
        "--save-every",
        type=float,
        default=SAVE_EVERY,
        metavar="S",
        help="seconds between saved states, from which an interrupted run resumes (default 60)",
    )
    command.add_argument(
        "--calibration",
        default="likelihood",
        choices=get_args(Method),
        help="how covariances are calibrated on held-out faces: by maximum likelihood (default), or by split-conformal "
        "prediction, whose 50 %% and 90 %% ellipses hold at least that share of points (needs 9 held-out faces)",
    )
    command.add_argument("--quiet", action="store_true", help="no progress bar")
    command.add_argument("--out", type=Path, required=True, metavar="FOLDER", help=out)
    add_flag_options(command)


def training_options(options: argparse.Namespace) -> TrainingOptions:
    """The values of `add_training_options`, and when the command began, as `mdmd.train` and `mdmd.adapt` take them."""
    rule = flag_rule(options)
    return {
        "preset": options.preset,
        "encoder": options.encoder,
        "settings": options.settings,
        "weights": options.weights,
        "minutes": options.minutes,
        "steps": options.steps,
        "seed": options.seed,
        "fresh": options.fresh,
        "save_every": options.save_every,
        "calibration": options.calibration,
        "tolerance": rule.tolerance,
        "threshold": rule.threshold,
        "quiet": options.quiet,
        "asked_at": options.asked_at,
    }


def add_flag_options(command: argparse.ArgumentParser) -> None:
    """Add the options that decide which predicted points are flagged."""
    command.add_argument(
        "--tolerance",
        type=float,
        default=FlagRule.tolerance,
        metavar="T",
        help="a point is flagged if its error may exceed this share of the normalizer (default 0.10) ...",
    )
    command.add_argument(
        "--threshold",
        type=float,
        metavar="P",
        help="... with more than this probability (default: chosen so that the flags are expected to catch "
        f"{100 * RECALL:.0f} %% of all such points, and to leave at most {100 * LEFT:.0f} %% of all points)",
    )


def flag_rule(options: argparse.Namespace) -> FlagRule:
    """The flag rule from the options. Raises DataError if a value is out of range."""
    return FlagRule(options.tolerance, options.threshold)


def seed(text: str) -> int:
    """Parse a seed that all random generators accept."""
    if text.isascii() and text.isdecimal() and int(text) < 2**63:
        return int(text)
    raise argparse.ArgumentTypeError(f"found {text!r}, wanted a whole number from 0 to 2^63 - 1")
