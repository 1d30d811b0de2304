"""The command line of the method: its commands and their options. What they do stands in `mdmd/cli/train.py`."""

from __future__ import annotations

import argparse
import contextlib
import errno
import importlib.metadata
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn, get_args

from mdmd import run_folder
from mdmd.config import PRESETS, SAVE_EVERY, STARTER
from mdmd.datasets.readers import kinds
from mdmd.errors import DataError
from mdmd.evaluation.calibration import Method
from mdmd.evaluation.evaluate import RECALL, FlagRule
from mdmd.experiments.tables import TABLES
from mdmd.files import writes_files

DATA_HELP = (
    "a COCO-keypoint JSON whose category carries keypoints, flsg, flip_pairs and normalizer, "
    "pictures beside it or in images/; or the name of an added dataset (mdmd sources list)"
)


#: What the system says where nothing more can be written.
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 done, 1 failed, 2 a user's mistake, 130 interrupted."""
    options = parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        _run(options)
    except DataError as error:
        return _refuse(options, str(error), error.kind, code=2)
    except KeyboardInterrupt:
        print("mdmd: interrupted", file=sys.stderr)
        return 130
    except OSError as error:
        kind = "disk" if error.errno in DISK_FULL else "system"
        return _refuse(options, f"{error.filename or 'the system'}: {error.strerror or error}", kind, code=1)
    except (MemoryError, RuntimeError) as error:
        from mdmd.training.step import out_of_memory

        if not out_of_memory(error):
            raise
        return _refuse(options, "out of memory", "memory", code=1)
    return 0


def _run(options: argparse.Namespace) -> None:
    """Do the command. Only now torch is imported, which takes seconds: no --help and no wrong option waits for it."""
    from mdmd.cli import train as commands

    getattr(commands, options.run)(options)


def _interrupt(signum: int, frame: Any) -> NoReturn:
    raise KeyboardInterrupt


def _refuse(options: argparse.Namespace, message: str, kind: str, *, code: int) -> int:
    print(f"mdmd: error: {message}", file=sys.stderr)
    out = getattr(options, "out", None)
    if isinstance(out, list):  # files of predictions: those of faces lie in the run's folder, as their log does
        out = out[0].parent if options.faces else None
    if out is not None and out.is_dir() and writes_files():
        with contextlib.suppress(OSError):  # the disk may be what is full
            run_folder.Failure(message, kind).write(out)
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
    command = _group(top, "command")
    _train_options(
        command(
            "train",
            "run_train",
            "Learn one or several sets at once and leave a checkpoint (a base to adapt from).",
        )
    )
    _adapt_options(
        command("adapt", "run_adapt", "Learn a new definition from few faces, beside one or more large sets.")
    )
    _evaluate_options(command("evaluate", "run_evaluate", "Measure a run on labeled faces."))
    _predict_options(
        command(
            "predict",
            "run_predict",
            "Find landmarks in pictures; writes COCO-keypoint JSON with covariances and flags.",
        )
    )
    _sources_commands(
        command("sources", "run_sources_list", "Datasets on this machine that can be named: add, list, remove.")
    )
    _experiment_options(
        command(
            "experiment",
            "run_experiment",
            "Run a table of the paper, or one of our own, and print both numbers.",
        )
    )
    _pretrain_options(
        command(
            "pretrain",
            "run_pretrain",
            "Learn a starter from scratch, on drawn faces and openly licensed photographs.",
        )
    )
    return top


def _group(parent: argparse.ArgumentParser, kind: str) -> Callable[..., argparse.ArgumentParser]:
    """A function that adds a command to `parent`: its name, the function of `mdmd/cli/train.py` that does it, and what
    that is in words."""
    members = parent.add_subparsers(title=f"{kind}s", required=True, metavar=kind.upper())

    def add(name: str, run: str, text: str) -> argparse.ArgumentParser:
        made = members.add_parser(name, help=text, description=text)
        made.set_defaults(run=run)
        return made

    return add


def _train_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--data", type=Path, action="append", required=True, metavar="S.json", help=DATA_HELP)
    _training_options(command, out="the folder for the checkpoint")


def _adapt_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--target", type=Path, required=True, metavar="T.json", help=f"the new set: {DATA_HELP}")
    command.add_argument(
        "--source",
        type=Path,
        action="append",
        default=[],
        metavar="S.json",
        help="a set to learn beside it; repeatable; none: the target alone",
    )
    command.add_argument(
        "--from",
        dest="base",
        type=Path,
        metavar="BASE",
        help="the checkpoint to start from (made by mdmd train), whose weights take the place of --weights",
    )
    command.add_argument(
        "--bases",
        type=Path,
        metavar="DIR",
        help="where base checkpoints are kept: the sources' base is taken from here, and learned first if not there",
    )
    command.add_argument(
        "--base-minutes",
        type=float,
        default=20.0,
        metavar="M",
        help="time for learning a base that is not there yet (default 20)",
    )
    command.add_argument(
        "--starter",
        type=Path,
        default=STARTER,
        metavar="FOLDER",
        help="another starter than the one that comes with mdmd",
    )
    command.add_argument(
        "--train-faces", type=int, metavar="K", help="learn from K of the target's training faces only"
    )
    command.add_argument(
        "--learn-share",
        type=float,
        default=1.0,
        metavar="P",
        help="learn from this share of the target's faces and hold out the same ones as without: for how the error "
        "falls with the number of labels (default 1)",
    )
    command.add_argument(
        "--folds",
        type=int,
        default=0,
        metavar="K",
        help="hold no faces out: learn from all, then K times more without a K-th of them to calibrate on all "
        "(each time for the whole budget; for few faces and much time; default 0: hold 15 %% out)",
    )
    _training_options(command, out="the folder for the run: checkpoint, log.jsonl, metrics.json")


def _evaluate_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("model", type=Path, metavar="RUN", help="a folder that mdmd train or adapt wrote")
    command.add_argument("--data", type=Path, required=True, metavar="T.json", help=DATA_HELP)
    command.add_argument("--split", default="test", help="which images: those whose split has this name (default test)")
    command.add_argument("--subset", metavar="NAME", help="only faces of this subset (challenge, pose, a style, ...)")
    command.add_argument("--head", help="which head answers (default: the target's)")
    command.add_argument(
        "--normalizer",
        default="definition",
        choices=("definition", "box"),
        help="what errors are shares of: the definition's own distance (default), or the square root of the box's area",
    )
    command.add_argument("--json", type=Path, metavar="OUT.json", help="write the numbers here too")
    _flag_options(command)


def _predict_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("model", type=Path, metavar="RUN", help="a folder that mdmd train or adapt wrote")
    command.add_argument(
        "pictures",
        type=Path,
        nargs="*",
        metavar="IMAGE_OR_FOLDER",
        help="pictures; the face is taken to fill each of them",
    )
    command.add_argument(
        "--faces",
        type=Path,
        action="append",
        metavar="F.json",
        help="faces with boxes, as COCO JSON, instead of bare pictures; several may be given, each with its own --out",
    )
    command.add_argument(
        "--find-boxes",
        action="store_true",
        help="where the box is the whole picture, look for the face: around its points, closer each time",
    )
    command.add_argument("--head", help="which head answers (default: the target's)")
    command.add_argument("--out", type=Path, action="append", required=True, metavar="P.json", help="the file to write")
    _flag_options(command)


def _sources_commands(group: argparse.ArgumentParser) -> None:
    action = _group(group, "action")
    add = action("add", "run_sources_add", "Check a dataset as distributed (or a COCO file) and remember it by a name.")
    add.add_argument("kind", nargs="?", choices=kinds(), help="which dataset it is (default: by what the folder holds)")
    add.add_argument("path", type=Path, help="its folder; a COCO-keypoint JSON or the folder of its annotations.json")
    add.add_argument("--name", help="what to call it (default: the kind; for COCO its folder or file)")
    add.add_argument(
        "--one-based", action="store_true", help="coordinates in its text files count from 1 (default: from 0)"
    )
    action("list", "run_sources_list", "Show the datasets that were added.")
    action("remove", "run_sources_remove", "Forget a dataset; its files stay.").add_argument("name")


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
        default=os.environ.get("MDMD_WEIGHTS") or None,
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


def _pretrain_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--photos", type=Path, metavar="P.json", help="photographs to learn beside the drawn faces: " + DATA_HELP
    )
    command.add_argument("--minutes", type=float, default=120.0, metavar="M", help="time for all rounds (default 120)")
    command.add_argument("--steps", type=int, metavar="N", help="how many batches in all rounds, instead of minutes")
    command.add_argument(
        "--rounds", type=int, default=4, metavar="R", help="how many times new faces are drawn (default 4)"
    )
    command.add_argument("--faces", type=int, default=4000, metavar="F", help="faces drawn for a round (default 4000)")
    command.add_argument("--workers", type=int, default=1, metavar="W", help="processes that draw (default 1)")
    command.add_argument("--seed", type=_seed, default=0, metavar="S", help="for everything random (default 0)")
    command.add_argument("--quiet", action="store_true", help="no progress bar")
    command.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="the starter; the same command again goes on where it was",
    )


def _seed(text: str) -> int:
    """A seed that every generator takes."""
    if text.isascii() and text.isdecimal() and int(text) < 2**63:
        return int(text)
    raise argparse.ArgumentTypeError(f"a whole number from 0 to 2^63 - 1 is wanted, found {text!r}")


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
        default=os.environ.get("MDMD_WEIGHTS") or None,
        help="the encoder's weights as safetensors, 'none', or for adapt 'starter' (default: $MDMD_WEIGHTS, else "
        "timm's download, else for adapt the starter)",
    )
    budget = command.add_mutually_exclusive_group()
    budget.add_argument("--minutes", type=float, metavar="M", help="how long to train, on any machine (default 10)")
    budget.add_argument(
        "--steps", type=int, metavar="N", help="how many batches instead: repeatable to the last digit on one machine"
    )
    command.add_argument("--seed", type=_seed, default=0, metavar="S", help="for everything random (default 0)")
    command.add_argument(
        "--fresh", action="store_true", help="start over where a broken-off run in the folder would be gone on with"
    )
    command.add_argument(
        "--save-every",
        type=float,
        default=SAVE_EVERY,
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


if __name__ == "__main__":
    sys.exit(main())
