"""`labeler train` and `labeler prelabel`: train on the labels and predict the other faces."""

from __future__ import annotations

import argparse
from pathlib import Path

from labeler.cli.console import follow
from labeler.cli.options import Commands, add_name
from labeler.html.markup import plural
from labeler.project.workspace import Workspace
from labeler.runs import start
from labeler.runs.collect import collect_predictions
from labeler.runs.sources import DRAWN, Source, machine_sources


def add_train(commands: Commands) -> None:
    learn = commands.add(
        "train",
        run_train,
        "Train on the labeled faces of a project, pre-label the others; Ctrl-C stops it.",
        "labeler train monkeys --source drawn68 --minutes 5",
    )
    add_name(learn)
    learn.add_argument(
        "--source",
        metavar="S",
        help=f"dataset to train together with: {DRAWN} (drawn faces, made on first use), a registered one, "
        "or a COCO JSON file (default: alone)",
    )
    budget = learn.add_mutually_exclusive_group()
    budget.add_argument(
        "--minutes", type=float, default=10.0, metavar="M", help="training time in minutes (default 10)"
    )
    budget.add_argument("--steps", type=int, metavar="N", help="training steps instead of minutes")
    learn.add_argument(
        "--base-minutes",
        type=float,
        default=start.BASE_MINUTES,
        metavar="M",
        help=f"minutes to train on a source that is new on this machine (default {start.BASE_MINUTES:g})",
    )
    learn.add_argument("--encoder", metavar="E", help="any timm vision transformer (default: the preset's)")
    learn.add_argument(
        "--weights",
        type=Path,
        metavar="W",
        help="the encoder's weights as safetensors, 'starter' or 'none' (default: download, else the starter)",
    )
    learn.add_argument("--preset", default="default", choices=("default", "paper", "tiny"), help="(default: default)")
    learn.add_argument("--seed", type=int, default=0, metavar="N", help="the random seed (default 0)")
    learn.add_argument("--no-prelabel", action="store_true", help="do not predict the other faces afterwards")
    find = commands.add(
        "prelabel",
        run_prelabel,
        "Predict the faces that are not completely labeled with the newest model of a project.",
        "labeler prelabel monkeys",
    )
    add_name(find)
    find.add_argument("--run", dest="run_id", metavar="ID", help="the run whose model predicts (default: the newest)")


def run_train(options: argparse.Namespace, workspace: Workspace) -> int:
    """`labeler train`."""
    project = workspace.open(options.name)
    run = start.start_training(
        project,
        source=_source(options.source, workspace) if options.source else None,
        preset=options.preset,
        encoder=options.encoder,
        weights=options.weights,
        minutes=options.minutes,
        base_minutes=options.base_minutes,
        steps=options.steps,
        prelabel=not options.no_prelabel,
        seed=options.seed,
    )
    print(f"training on {project.progress().training_words} on {plural(run.images, 'picture')}: {run.folder}")
    return follow(project, run)


def _source(text: str, workspace: Workspace) -> Source:
    sources = machine_sources(workspace.root)
    path = Path(text)
    return sources.add(path) if path.suffix == ".json" or path.is_file() else sources.get(text)


def run_prelabel(options: argparse.Namespace, workspace: Workspace) -> int:
    """`labeler prelabel`."""
    project = workspace.open(options.name)
    collect_predictions(project)
    run = start.start_prelabel(project, options.run_id)
    print(f"predicting {run.faces} faces on {run.images} pictures: {run.folder}")
    return follow(project, run)
