"""The command line of the tool: a command for each thing that its pages do, and for making and filling projects."""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from labeler.cli.console import follow, serve
from labeler.cli.demo import Demo
from labeler.guidance.repeats import noise_words
from labeler.project.coco import read_pictures
from labeler.project.project import Project
from labeler.project.workspace import Workspace, name_problem
from labeler.report.reports import write_report
from labeler.runs import start as jobs
from labeler.runs.collect import collect_predictions
from labeler.runs.control import cancel_run, list_runs, stop_and_keep
from labeler.runs.demo import NAME
from labeler.runs.learning_curve import start_curve
from labeler.runs.manage import megabytes, size_of
from labeler.runs.sources import DRAWN, Source, machine_sources
from mdmd.data.definition import Definition, load_definition, shipped_definitions
from mdmd.data.images import pictures_in
from mdmd.errors import DataError

Command = Callable[[argparse.Namespace, Workspace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 done, 1 failed, 2 a user's mistake, 130 interrupted."""
    options = parser().parse_args(arguments)
    workspace = Workspace(getattr(options, "projects", Path("projects")))
    try:
        return options.run(options, workspace)
    except DataError as error:
        print(f"labeler: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("labeler: interrupted", file=sys.stderr)
        return 130
    except OSError as error:
        print(f"labeler: error: {error.filename or 'the system'}: {error.strerror or error}", file=sys.stderr)
        return 1
    finally:
        workspace.close()


def parser() -> argparse.ArgumentParser:
    """All commands and their options. `--projects` may stand before or after the command."""
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument(
        "--projects",
        type=Path,
        default=argparse.SUPPRESS,
        metavar="DIR",
        help="the folder that holds all projects (default: projects/)",
    )
    top = argparse.ArgumentParser(
        prog="labeler",
        parents=[shared],
        description="Define facial landmarks of your own, label about 100 pictures in the browser, train, review what "
        "is doubtful, export COCO.",
        epilog="example: labeler new monkeys --pictures ~/monkeys --definition pare && labeler open monkeys",
    )
    version = importlib.metadata.version("mdmd")
    top.add_argument("--version", action="version", version=f"labeler {version}")
    commands = top.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def command(name: str, run: Command, text: str, example: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, parents=[shared], help=text, description=text, epilog=f"example: {example}")
        made.set_defaults(run=run)
        return made

    new = command(
        "new",
        run_new,
        "Make a project, with pictures and a landmark definition if you have them already.",
        "labeler new monkeys --pictures ~/monkeys --definition pare",
    )
    _name(new)
    new.add_argument("--pictures", type=Path, metavar="FOLDER", help="bring in the pictures of this folder")
    new.add_argument(
        "--definition",
        metavar="D",
        help=f"start from a shipped definition ({', '.join(shipped_definitions())}) "
        "or from a JSON file that holds a COCO category",
    )
    _add_open(command)
    _add_exchange(command)
    _add_training(command)
    _add_findings(command)
    _add_runs(command)
    show = command(
        "demo",
        run_demo,
        "Make a project with drawn pictures, train it in about three minutes, and open it.",
        "labeler demo --headless",
    )
    show.add_argument("--headless", action="store_true", help="do everything but open the browser")
    show.add_argument("--minutes", type=float, default=3.0, metavar="M", help="for all its training (default 3)")
    return top


def _add_open(command: Callable[..., argparse.ArgumentParser]) -> None:
    show = command(
        "open", run_open, "Open the tool in the browser; Ctrl-C ends it.", "labeler open monkeys --port 7860"
    )
    show.add_argument("name", nargs="?", metavar="NAME", help="the project to open at")
    show.add_argument("--port", type=int, metavar="P", help="the port (default: the first free one from 7860)")
    show.add_argument("--host", default="127.0.0.1", metavar="H", help="only this machine is served: 127.0.0.1")
    show.add_argument("--no-browser", action="store_true", help="print the address and open nothing")


def _add_exchange(command: Callable[..., argparse.ArgumentParser]) -> None:
    bring = command(
        "import",
        run_import,
        "Bring pictures and labels of a COCO-keypoint file into a project, which is made if need be.",
        "labeler import monkeys monkeys/annotations.json",
    )
    _name(bring)
    bring.add_argument("file", type=Path, metavar="FILE.json", help="its pictures lie beside it or in images/")
    write = command(
        "export",
        run_export,
        "Write what persons have labeled as COCO-keypoint JSON; unreviewed predictions are not in it.",
        "labeler export monkeys --out monkeys.json",
    )
    _name(write)
    write.add_argument("--out", type=Path, required=True, metavar="FILE.json", help="the file to write")
    write.add_argument("--only-complete", action="store_true", help="leave out faces with landmarks not labeled yet")


def _add_training(command: Callable[..., argparse.ArgumentParser]) -> None:
    learn = command(
        "train",
        run_train,
        "Train on the labeled faces of a project, pre-label the others; Ctrl-C stops it.",
        "labeler train monkeys --source drawn68 --minutes 5",
    )
    _name(learn)
    learn.add_argument(
        "--source",
        metavar="S",
        help=f"learn together with this set: {DRAWN} (drawn faces, made on first use), a registered one, "
        "or a COCO JSON file (default: alone)",
    )
    budget = learn.add_mutually_exclusive_group()
    budget.add_argument("--minutes", type=float, default=10.0, metavar="M", help="how long (default 10)")
    budget.add_argument("--steps", type=int, metavar="N", help="how many batches instead")
    learn.add_argument(
        "--base-minutes",
        type=float,
        default=jobs.BASE_MINUTES,
        metavar="M",
        help=f"how long to learn a source that is new to this machine (default {jobs.BASE_MINUTES:g})",
    )
    learn.add_argument("--encoder", metavar="E", help="any timm vision transformer (default: the preset's)")
    learn.add_argument(
        "--weights",
        type=Path,
        metavar="W",
        help="the encoder's weights as safetensors, 'starter' or 'none' (default: download, else the starter)",
    )
    learn.add_argument("--preset", default="default", choices=("default", "paper", "tiny"), help="(default: default)")
    learn.add_argument("--seed", type=int, default=0, metavar="N", help="for everything random (default 0)")
    learn.add_argument("--no-prelabel", action="store_true", help="do not predict the faces left afterwards")


def _add_findings(command: Callable[..., argparse.ArgumentParser]) -> None:
    find = command(
        "prelabel",
        run_prelabel,
        "Predict the faces that are not completely labeled with the newest model of a project.",
        "labeler prelabel monkeys",
    )
    _name(find)
    find.add_argument("--run", dest="run_id", metavar="ID", help="the run whose model predicts (default: the newest)")
    tell = command(
        "report",
        run_report,
        "Write how good a training is on the faces it has not learned from, as one HTML file.",
        "labeler report monkeys --out monkeys.html",
    )
    _name(tell)
    tell.add_argument("--run", dest="run_id", metavar="ID", help="the training (default: the newest that is done)")
    tell.add_argument("--against", metavar="ID", help="the training to compare with (default: the one before)")
    tell.add_argument("--out", type=Path, metavar="FILE.html", help="(default: report.html in the run's folder)")
    bend = command(
        "curve",
        run_curve,
        "Measure what more labels would buy: train again on parts of a training's faces, and put it in its report.",
        "labeler curve monkeys 003",
    )
    _name(bend)
    bend.add_argument("run_id", nargs="?", metavar="RUN", help="the training (default: the newest that is done)")
    _name(
        command(
            "repeats",
            run_repeats,
            "Print how exactly each landmark is labeled, from faces that were labeled again blind.",
            "labeler repeats monkeys",
        )
    )


def _add_runs(command: Callable[..., argparse.ArgumentParser]) -> None:
    _name(command("runs", run_runs, "List a project's runs, newest first.", "labeler runs monkeys"))
    end = command(
        "stop",
        run_stop,
        "End a project's training now and keep its model, or with --cancel end its run without one.",
        "labeler stop monkeys",
    )
    _name(end)
    end.add_argument("--cancel", action="store_true", help="keep no model; also ends pre-labeling and waiting")
    go_on = command(
        "resume",
        run_resume,
        "Go on with a broken-off training where it was; Ctrl-C stops it.",
        "labeler resume monkeys",
    )
    _name(go_on)
    go_on.add_argument("--run", dest="run_id", metavar="ID", help="which run (default: the newest that can be resumed)")


def _name(command: argparse.ArgumentParser) -> None:
    command.add_argument("name", metavar="NAME", help="the project")


def run_new(options: argparse.Namespace, workspace: Workspace) -> int:
    """`labeler new`: everything is checked before anything is made."""
    definition = _definition(options.definition) if options.definition else None
    if options.pictures is not None:
        pictures_in(options.pictures)
    project = workspace.create(options.name, definition=definition)
    print(f"made project {project.name!r} in {project.folder}")
    if options.pictures is not None:
        report = project.add_pictures([options.pictures])
        told = f"{report.added} brought in, {report.already} the same as others, {len(report.refused)} refused"
        print(f"pictures: {told}")
        _print_refused(report.refused)
    print(f'next: labeler open "{project.name}"')
    return 0


def _definition(text: str) -> Definition:
    if text in shipped_definitions():
        return load_definition(text)
    path = Path(text)
    if path.suffix != ".json":
        raise DataError(f"no definition named {text!r}; there are: {', '.join(shipped_definitions())}, or a .json file")
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"no such file: {path}") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is not readable as JSON: {error}") from None
    if isinstance(record, dict) and isinstance(record.get("categories"), list) and len(record["categories"]) == 1:
        record = record["categories"][0]
    if not isinstance(record, dict):
        raise DataError(f"{path}: found a JSON {type(record).__name__}, wanted a COCO category with keypoints and flsg")
    return Definition.from_category(record, where=path.name)


def run_open(options: argparse.Namespace, workspace: Workspace) -> int:
    """`labeler open`."""
    if options.name is not None:
        project = workspace.open(options.name)
        try:
            collect_predictions(project)
        except DataError as error:
            print(f"labeler: warning: {error}", file=sys.stderr)
    return serve(workspace, options.name, host=options.host, port=options.port, browser=not options.no_browser)


def run_import(options: argparse.Namespace, workspace: Workspace) -> int:
    """`labeler import`."""
    if options.name not in workspace.names() and name_problem(options.name) is None:
        read_pictures(options.file)
        workspace.create(options.name)
        print(f"made project {options.name!r}")
    report = workspace.open(options.name).import_coco(options.file)
    print(
        f"pictures: {report.added} brought in, {report.already} had labels here and were left as they were, "
        f"{len(report.refused)} refused; labeled: {report.faces} faces, {report.points} points"
    )
    _print_refused(report.refused)
    return 0


def run_export(options: argparse.Namespace, workspace: Workspace) -> int:
    """`labeler export`."""
    report = workspace.open(options.name).export(options.out, only_complete=options.only_complete)
    print(f"{report.faces} faces of {report.images} pictures with {report.points} points: {report.path}")
    return 0


def run_train(options: argparse.Namespace, workspace: Workspace) -> int:
    """`labeler train`."""
    project = workspace.open(options.name)
    run = jobs.start_training(
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
    print(f"training on {run.images} pictures with {run.faces} labeled faces: {run.folder}")
    return follow(project, run)


def _source(text: str, workspace: Workspace) -> Source:
    sources = machine_sources(workspace.root)
    path = Path(text)
    return sources.add(path) if path.suffix == ".json" or path.is_file() else sources.get(text)


def run_prelabel(options: argparse.Namespace, workspace: Workspace) -> int:
    """`labeler prelabel`."""
    project = workspace.open(options.name)
    collect_predictions(project)
    run = jobs.start_prelabel(project, options.run_id)
    print(f"predicting {run.faces} faces on {run.images} pictures: {run.folder}")
    return follow(project, run)


def run_report(options: argparse.Namespace, workspace: Workspace) -> int:
    """`labeler report`."""
    project = workspace.open(options.name)
    print(write_report(project, _training(project, options.run_id), against=options.against, out=options.out))
    return 0


def run_curve(options: argparse.Namespace, workspace: Workspace) -> int:
    """`labeler curve`: ends with the report that it stands in."""
    project = workspace.open(options.name)
    training = _training(project, options.run_id)
    run = start_curve(project, training)
    print(f"measuring the learning curve of training {training} in {len(run.parts)} parts: {run.folder}")
    code = follow(project, run)
    if code == 0:
        print(write_report(project, training))
    return code


def _training(project: Project, run_id: str | None) -> str:
    done = [run.id for run in list_runs(project) if run.kind == "train" and run.has_model]
    if run_id is None and not done:
        raise DataError(f"project {project.name!r} has no finished training to report on; train first")
    return run_id or done[0]


def run_repeats(options: argparse.Namespace, workspace: Workspace) -> int:
    """`labeler repeats`."""
    project = workspace.open(options.name)
    if project.definition is None:
        raise DataError(f"project {project.name!r} has no landmarks defined yet")
    share, noise = project.settings.repeats, project.repeats.noise(project.definition)
    print(f"blind repeats: {noise_words(share, noise)}")
    if noise.landmarks:
        print("per landmark, in % of the normalising distance: mean distance of two labelings, sigma of one")
    width = max((len(row.name) for row in noise.landmarks), default=0)
    for row in noise.landmarks:
        values = f"{row.distance:7.2f} {row.sigma:7.2f}" if row.pairs else "      -       -"
        print(f"{row.name:{width}} {row.pairs:5} pairs {values}")
    return 0


def run_runs(options: argparse.Namespace, workspace: Workspace) -> int:
    """`labeler runs`."""
    for run in list_runs(workspace.open(options.name)):
        step = f" at step {run.stopped[0]} of {run.stopped[1]}" if run.stopped else ""
        said = f"{run.what}, {run.state}" if run.kind == "curve" else f"{run.kind} {run.state}{step}"
        parts = [run.name, said, megabytes(size_of(run))]
        parts += ["can be resumed"] if run.can_resume else []
        print(", ".join(parts + ([run.error] if run.error else [])))
    return 0


def run_stop(options: argparse.Namespace, workspace: Workspace) -> int:
    """`labeler stop`: the run that is under way, or with --cancel the waiting one where none is."""
    project = workspace.open(options.name)
    active = sorted((run for run in list_runs(project) if run.active), key=lambda run: run.state == "waiting")
    if not active:
        raise DataError(f"nothing runs in project {project.name!r}")
    if options.cancel:
        run = cancel_run(project, active[0].id, patience=15)
        print(f"run {run.id} is {run.state}")
        return 0
    stop_and_keep(project, active[0].id)
    return follow(project, active[0], cancels=False)


def run_resume(options: argparse.Namespace, workspace: Workspace) -> int:
    """`labeler resume`."""
    project = workspace.open(options.name)
    wanted = options.run_id or next((run.id for run in list_runs(project) if run.can_resume), None)
    if wanted is None:
        raise DataError(f"project {project.name!r} has no run that could be resumed")
    run = jobs.resume(project, wanted)
    print(f"going on with run {run.id}: {run.folder}")
    return follow(project, run)


def run_demo(options: argparse.Namespace, workspace: Workspace) -> int:
    """`labeler demo`."""
    demo = Demo(workspace, minutes=options.minutes)
    code = demo.make()
    if code or options.headless:
        return code
    return serve(workspace, NAME, host="127.0.0.1", port=None, browser=True)


def _print_refused(refused: Sequence[tuple[str, str]]) -> None:
    for name, sentence in refused:
        print(f"refused {name}: {sentence}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
