"""Options that several commands share, and how their values are read. No torch: --help must not wait for it."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from mdmd.config import PRESETS, SAVE_EVERY
from mdmd.errors import DataError
from mdmd.evaluation.calibration import Method
from mdmd.evaluation.evaluate import RECALL, FlagRule

if TYPE_CHECKING:
    from mdmd.api import TrainingOptions

#: The subparsers of a command line, to which a command adds its own.
Commands = Any

DATA_HELP = (
    "a COCO-keypoint JSON whose category carries keypoints, flsg, flip_pairs and normalizer, "
    "pictures beside it or in images/; or the name of an added dataset (mdmd sources list)"
)


def add_command(
    commands: Commands, name: str, run: Callable[[argparse.Namespace], None], text: str
) -> argparse.ArgumentParser:
    """Add the command `name`, which `run` carries out; `text` describes it in a list of commands and in its help."""
    command = commands.add_parser(name, help=text, description=text)
    command.set_defaults(run=run)
    return command


def add_training_options(command: argparse.ArgumentParser, *, out: str) -> None:
    """The options of commands that train one model; `out` describes the folder they write."""
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
        default=os.environ.get("MDMD_WEIGHTS") or None,
        help="the encoder's weights as safetensors, 'none', or for adapt 'starter' (default: $MDMD_WEIGHTS, else "
        "timm's download, else for adapt the starter)",
    )
    budget = command.add_mutually_exclusive_group()
    budget.add_argument("--minutes", type=float, metavar="M", help="how long to train, on any machine (default 10)")
    budget.add_argument(
        "--steps", type=int, metavar="N", help="how many batches instead: repeatable to the last digit on one machine"
    )
    command.add_argument("--seed", type=seed, default=0, metavar="S", help="for everything random (default 0)")
    command.add_argument(
        "--fresh", action="store_true", help="start over, where an interrupted run in the folder would be resumed"
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
        help="what covariances are fitted to on held-out faces: the likelihood, or the 50 %% and 90 %% ellipses of "
        "split-conformal prediction, which hold at least what they promise (from 9 held-out faces)",
    )
    command.add_argument("--quiet", action="store_true", help="no progress bar")
    command.add_argument("--out", type=Path, required=True, metavar="FOLDER", help=out)
    add_flag_options(command)


def training_options(options: argparse.Namespace) -> TrainingOptions:
    """The values of `add_training_options`, as `mdmd.train` and `mdmd.adapt` take them."""
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
    }


def add_flag_options(command: argparse.ArgumentParser) -> None:
    """The options that decide which predicted points are flagged."""
    command.add_argument(
        "--tolerance",
        type=float,
        default=FlagRule.tolerance,
        metavar="T",
        help="a point is flagged when it may be off by more than this share of the normalizer (default 0.10) ...",
    )
    command.add_argument(
        "--threshold",
        type=float,
        metavar="P",
        help="... with more than this probability (default: so that the flags are expected to catch "
        f"{100 * RECALL:.0f} %% of all such points)",
    )


def flag_rule(options: argparse.Namespace) -> FlagRule:
    """The rule that `add_flag_options` describes; DataError where a value is out of range."""
    if not options.tolerance > 0 or not (options.threshold is None or 0 < options.threshold < 1):
        raise DataError("--tolerance must be above 0 and --threshold between 0 and 1")
    return FlagRule(options.tolerance, options.threshold)


def seed(text: str) -> int:
    """A seed that every random generator accepts."""
    if text.isascii() and text.isdecimal() and int(text) < 2**63:
        return int(text)
    raise argparse.ArgumentTypeError(f"a whole number from 0 to 2^63 - 1 is wanted, found {text!r}")
