"""`labeler import`, `labeler take-back` and `labeler export`."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from labeler.cli.options import Commands, add_name, chosen_definition, print_refused
from labeler.project.importer import match_of
from labeler.project.outgoing import Split
from labeler.project.project import Project
from labeler.project.workspace import Workspace, name_problem
from labeler.runs.heldout import held_out_of_newest
from mdmd.data.definition import Definition
from mdmd.datasets.incoming import Incoming, incoming, with_guessed_groups
from mdmd.datasets.matching import chosen_landmarks
from mdmd.errors import DataError
from mdmd.formats.known import FORMATS, by_name
from mdmd.formats.table import write_template


def add_exchange(commands: Commands) -> None:
    bring = commands.add(
        "import",
        run_import,
        "Add pictures and labels of another tool, or of an export, to a project; a new project is made.",
        "labeler import monkeys monkeys/annotations.json",
        codes="Exits with 0 if all pictures came in; with 1 if some were refused, which is said (the others stay); "
        "with 2 if none came in (a new project is not left, an existing one is unchanged). An import that was "
        "interrupted goes on where it was when the same command is given again.",
    )
    add_name(bring)
    bring.add_argument("place", type=Path, metavar="PATH", help="the file or folder; its format is found by content")
    names = ", ".join(form.name for form in FORMATS)
    bring.add_argument("--format", metavar="F", help=f"read it as this format ({names})")
    bring.add_argument(
        "--pictures", type=Path, metavar="FOLDER", help="look for its pictures in this folder, and leave out all others"
    )
    bring.add_argument(
        "--map",
        nargs="+",
        default=[],
        action="extend",
        metavar="OURS=THEIRS",
        help="landmarks of the project that have another name in the file",
    )
    bring.add_argument("--partial", action="store_true", help="leave out landmarks that are not matched on both sides")
    bring.add_argument(
        "--definition",
        metavar="D",
        help="the landmarks of a new project, as in labeler new (default: those of the file)",
    )
    begins = bring.add_mutually_exclusive_group()
    begins.add_argument("--one-based", dest="one_based", action="store_true", default=None, help="it counts from 1")
    begins.add_argument("--zero-based", dest="one_based", action="store_false", help="it counts from 0")
    bring.add_argument(
        "--as-predictions",
        action="store_true",
        help="its points are a model's: they come in as proposals to review, not as labels",
    )
    bring.add_argument(
        "--replace",
        action="store_true",
        help="replace labels that are there by those of the file (without it they stay)",
    )
    bring.add_argument("--dry-run", action="store_true", help="only say what would come in")
    back = commands.add(
        "take-back",
        run_take_back,
        "Take back an import: its labels, and the pictures that it added; what was changed since stays.",
        "labeler take-back monkeys",
        codes="Exits with 0 if it was taken back, and with 2 if there is none, or it was taken back before.",
    )
    add_name(back)
    back.add_argument(
        "--import", dest="number", type=int, metavar="N", help="the number that it was given (default: the newest)"
    )
    write = commands.add(
        "export",
        run_export,
        "Write the labels as COCO-keypoint JSON, or as a set of another format; predictions never become labels.",
        "labeler export monkeys --format yolo-pose --out yolo --split train=80,val=20 --with-pictures copy",
        codes="Exits with 0 if the file holds what the labels say; with 1 if pictures that it names are missing, or "
        "complete faces are left out because they have no point; with 2 if nothing was written. Skipped faces, faces "
        "without labels, and those that --only leaves out are left out as usual. With --format it exits with 0 if the "
        "set is written, and says what the format cannot keep.",
    )
    add_name(write)
    write.add_argument(
        "--out", type=Path, required=True, metavar="PATH", help="the JSON file to write; with --format, a new folder"
    )
    write.add_argument(
        "--only",
        choices=("complete", "reviewed"),
        help="only faces with all landmarks labeled, or only those without a point that was accepted unseen",
    )
    write.add_argument(
        "--with-predictions",
        action="store_true",
        help="also the predicted points of faces that are not complete, apart from the labels: as COCO results in "
        "NAME.predictions.json, or where the format has a place for them",
    )
    written = ", ".join(form.name for form in FORMATS if form.write is not None)
    write.add_argument("--format", metavar="F", help=f"write a set of another format ({written})")
    write.add_argument(
        "--split",
        metavar="S",
        help="with --format: kept (as pictures came in, the default), as-trained (the faces that the newest training "
        "held out are val), or shares such as train=80,val=20; the last two never split a subject",
    )
    write.add_argument(
        "--with-pictures", choices=("copy", "link", "none"), help="with --format: put pictures into it (default: none)"
    )
    write.add_argument(
        "--clip", action="store_true", help="with --format: move points outside their picture to its border"
    )
    write.add_argument(
        "--template",
        action="store_true",
        help="with --format csv-wide or csv-long: a table to fill in, with all pictures and landmarks and no labels",
    )


def run_import(options: argparse.Namespace, workspace: Workspace) -> int:
    """`labeler import`."""
    new = options.name not in workspace.names()
    if new and (problem := name_problem(options.name)):
        raise DataError(problem)
    if options.pictures is not None and not options.pictures.is_dir():
        raise DataError(f"--pictures {options.pictures}: there is no such folder")
    definition = chosen_definition(options.definition)
    if definition is not None and not new:
        raise DataError(f"project {options.name!r} is there and has its own landmarks: leave out --definition")
    chosen = chosen_landmarks(options.map)
    with tempfile.TemporaryDirectory(prefix="labeler-") as made:
        found = incoming(
            options.place,
            name=options.format,
            pictures=options.pictures,
            one_based=options.one_based,
            unpacked=Path(made),
            as_predictions=options.as_predictions,
        )
        own = definition if new else workspace.open(options.name).index.definition
        if own is None:
            found, guesses = with_guessed_groups(found)
            for sentence in guesses:
                print(sentence)
        if options.dry_run:
            found = found if options.pictures is None else found.in_folder(options.pictures)
            said: list[str] = []
            if not new:
                importer = workspace.open(options.name).importer
                found = importer.located(found)
                said = importer.foreseen(found, folder=options.pictures).words(replaces=options.replace)
            return _print_found(found, own or found.definition, chosen, said, partial=options.partial)
        making = workspace.making(options.name, definition=definition) if new else _opened(workspace, options.name)
        with making as project:
            report = project.bring_in(
                found,
                chosen=chosen,
                partial=options.partial,
                folder=options.pictures,
                replace_labels=options.replace,
            )
    for sentence in report.notes:
        print(sentence)
    print_refused(report.refused, thing="record")
    if report.nothing:
        reason = f"no picture that {options.place} names is there"
        if report.refused:
            reason = f"all pictures of {options.place} were refused"
        elif options.pictures is not None:
            reason = f"no picture that {options.place} names was found in {options.pictures}"
        raise DataError(f"{reason}; {'no project was created' if new else 'nothing was changed'}")
    if new:
        print(f"created project {options.name!r}")
    print(
        f"pictures: {report.added:,} added, {report.already:,} unchanged because they have labels; "
        f"labeled: {report.faces:,} faces, {report.points:,} points; refused: {len(report.refused):,}"
    )
    if report.replaced:
        print(f"faces whose labels were replaced: {report.replaced:,}")
    if report.proposed:
        print(f"faces that show points of another tool as proposals: {report.proposed:,}")
    if report.number is not None:
        print(f"to take it back: labeler take-back {options.name} --import {report.number}")
    return 1 if report.refused else 0


@contextmanager
def _opened(workspace: Workspace, name: str) -> Iterator[Project]:
    yield workspace.open(name)


def _print_found(
    found: Incoming, own: Definition | None, chosen: Mapping[str, str], said: Sequence[str], *, partial: bool
) -> int:
    """What would come in, for --dry-run, and what else is to be `said`."""
    faces = [sample for samples in found.entries for sample in samples if sample.annotation is not None]
    points = sum(int(sample.annotation.labeled.sum()) for sample in faces if sample.annotation is not None)
    there = sum(samples[0].path.is_file() for samples in found.entries)
    splits = Counter(samples[0].split for samples in found.entries)
    print(f"{found.title}: {len(found.entries):,} pictures, of which {there:,} are there")
    print(f"labeled: {len(faces):,} faces, {points:,} points")
    print(f"splits: {', '.join(f'{split} {count:,}' for split, count in splits.items()) or 'none'}")
    print(f"landmarks: {', '.join(found.landmarks)}")
    said = [*said, *found.notes]
    if own is None:
        said.append("the file does not tell which part of the face its landmarks belong to: add --definition")
    else:
        said += match_of(found, own, chosen=chosen, partial=partial).words(found.landmarks, own)
    for sentence in said:
        print(sentence)
    print_refused([(out.record, out.why) for out in found.left_out], thing="record")
    if not there:  # the import would be refused
        return 2
    return 1 if found.left_out or there < len(found.entries) else 0


def run_take_back(options: argparse.Namespace, workspace: Workspace) -> int:
    """`labeler take-back`."""
    taken = workspace.open(options.name).take_back_import(options.number)
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(taken.what.at))
    print(f"taken back: import {taken.what.id} of {taken.what.name} ({taken.what.title}) at {when}")
    for sentence in taken.sentences:
        print(sentence)
    return 0


def run_export(options: argparse.Namespace, workspace: Workspace) -> int:
    """`labeler export`."""
    project = workspace.open(options.name)
    if options.format is not None:
        return _export_set(options, project)
    for option in ("split", "with_pictures", "clip", "template"):
        if getattr(options, option):
            raise DataError(f"--{option.replace('_', '-')} is for sets of another format: name it with --format")
    report = project.export(options.out, only=options.only, with_predictions=options.with_predictions)
    print(f"{report.faces} faces of {report.images} pictures with {report.points} points: {report.path}")
    if report.predictions is not None:
        print(f"predictions of {report.predicted} faces: {report.predictions}")
    if report.left_out:
        print(f"faces left out: {report.left_out}")
    for sentence in report.problems:
        print(sentence, file=sys.stderr)
    return 0 if report.complete else 1


def _export_set(options: argparse.Namespace, project: Project) -> int:
    if options.template:
        return _write_template(options, project)
    report = project.export_set(
        by_name(options.format),
        options.out,
        split=_split(options.split, project),
        pictures=options.with_pictures or "none",
        only=options.only,
        with_predictions=options.with_predictions,
        clip=options.clip,
    )
    splits = ", ".join(f"{split} {count:,}" for split, count in report.images.items())
    print(f"{report.faces:,} faces with {report.points:,} points, pictures: {splits}; in {report.path}")
    if report.predicted:
        print(f"predictions of {report.predicted:,} faces are beside the labels")
    for loss in report.lost:
        print(f"{report.title} cannot keep all: {loss.words}")
    return 0


def _write_template(options: argparse.Namespace, project: Project) -> int:
    forms = {"csv-wide": False, "csv-long": True}
    others = ("split", "with_pictures", "clip", "only", "with_predictions")
    if given := [f"--{option.replace('_', '-')}" for option in others if getattr(options, option)]:
        raise DataError(f"--template writes a table without labels: leave out {', '.join(given)}")
    if options.format not in forms:
        raise DataError(f"found --template with --format {options.format}, wanted {' or '.join(forms)}")
    if options.out.exists():
        raise DataError(f"{options.out} exists: name a new file")
    landmarks = project.index.must_define().landmarks
    names = [picture.name for picture in project.store.images()]
    write_template(landmarks, names, options.out, is_long=forms[options.format])
    print(f"a table of {len(names):,} pictures and {len(landmarks):,} landmarks to fill in: {options.out}")
    return 0


def _split(text: str | None, project: Project) -> Split:
    if text is None or text == "kept":
        return Split()
    return Split(held_out=held_out_of_newest(project)) if text == "as-trained" else Split.of(text)
