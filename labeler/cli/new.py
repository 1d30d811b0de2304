"""`labeler new`: create a project."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from labeler.cli.options import (
    DEFINITION_HELP,
    Commands,
    add_name,
    add_subject_rule,
    chosen_definition,
    print_refused,
    print_skipped,
)
from labeler.pictures.subjects import SubjectRule, subjects_words
from labeler.project.found_labels import FoundLabels, LabelsBeside, labels_beside
from labeler.project.workspace import Workspace
from mdmd.data.definition import Definition
from mdmd.data.picture_files import none_found
from mdmd.errors import DataError


def add_new(commands: Commands) -> None:
    new = commands.add(
        "new",
        run_new,
        "Create a project, with pictures, labels and a landmark definition if you have them already.",
        "labeler new monkeys --pictures ~/monkeys --labels",
        codes="Exits with 0 if all pictures came in; with 1 if some were refused or are in a format that is not read "
        "here, which is said (the others stay); with 2 if none came in (no project is left). Hidden files and files "
        "that are no pictures do not count.",
    )
    add_name(new)
    new.add_argument("--pictures", type=Path, metavar="FOLDER", help="add the pictures in this folder")
    new.add_argument(
        "--labels",
        action="store_true",
        help="bring in the labels of the COCO-keypoint file that lies beside the pictures: in their folder, in its "
        "parent, or in a folder named annotations in either (without this, such a file is named and left out)",
    )
    add_subject_rule(new)
    new.add_argument(
        "--definition",
        metavar="D",
        help=DEFINITION_HELP,
    )


def run_new(options: argparse.Namespace, workspace: Workspace) -> int:
    """`labeler new`. Input that cannot be used leaves no project."""
    definition = chosen_definition(options.definition)
    complete = True
    if options.labels and options.pictures is None:
        raise DataError("--labels looks beside the pictures: name their folder with --pictures")
    if options.subjects and options.pictures is None:
        raise DataError("--subjects says who is on the pictures: name their folder with --pictures")
    if options.pictures is None:
        project = workspace.create(options.name, definition=definition)
        print(f"created project {project.name!r} in {project.folder}")
    else:
        complete = _with_pictures(
            workspace,
            options.name,
            definition,
            options.pictures,
            with_labels=options.labels,
            subjects=options.subjects,
        )
    print(f'next: labeler open "{options.name}"')
    return 0 if complete else 1


def _with_pictures(
    workspace: Workspace,
    name: str,
    definition: Definition | None,
    folder: Path,
    *,
    with_labels: bool,
    subjects: SubjectRule | None,
) -> bool:
    """Create the project with the pictures in `folder`; returns whether all came in. Raises DataError if none did."""
    if not folder.is_dir():
        raise DataError(f"{folder} is a file, not a folder" if folder.exists() else f"no such folder: {folder}")
    beside = labels_beside(folder, definition)
    labels = _the_only(beside, folder) if with_labels else None
    with workspace.making(name, definition=definition) as project:
        # First: boxes, subjects and splits of the file are taken for new pictures only.
        imported = project.import_labels(labels.file, folder=folder) if labels else None
        ruled = project.set_subjects(subjects) if imported and subjects else None
        report = project.add_pictures([folder], subjects=subjects)
        who = subjects_words(project.subjects())
        added = len(project.store.images())
    refused = [*(imported.refused if imported else []), *report.refused]
    print_refused(refused)
    print_skipped(report.skipped)
    if not added:
        reason = f"all pictures in {folder} were refused" if report.refused else none_found([folder])
        raise DataError(f"{reason}; no project was created")
    print(f"created project {name!r} in {project.folder}")
    duplicates = report.already - (imported.added if imported else 0)
    print(f"pictures: {added} added, {duplicates} duplicates, {len(refused)} refused")
    if imported and labels:
        print(f"labeled: {imported.faces} faces, {imported.points} points from {labels.file}")
    if subjects:
        print(who)
    if ruled and ruled.problem:
        print(ruled.problem, file=sys.stderr)
    if not with_labels:
        _name_left_out(beside, name, folder)
    return report.complete and not refused and not (ruled and ruled.problem)


def _the_only(beside: LabelsBeside, folder: Path) -> FoundLabels:
    """The file to import with --labels. Raises DataError if none or several fit."""
    if len(beside.found) == 1:
        return beside.found[0]
    if not beside.found:
        why = "; ".join(f"{name}: {reason}" for name, reason in beside.unusable)
        raise DataError(
            f"no labels that can be used lie beside the pictures in {folder}" + (f" ({why})" if why else "")
        )
    names = ", ".join(labels.name for labels in beside.found)
    raise DataError(
        f"several files beside the pictures in {folder} hold labels: {names}; leave out --labels, and bring in one "
        "with `labeler import`"
    )


def _name_left_out(beside: LabelsBeside, name: str, folder: Path) -> None:
    """Print which labels lie beside the pictures, and how they come in."""
    for labels in beside.found:
        command = shlex.join(["labeler", "import", name, str(labels.file), "--pictures", str(folder)])
        print(f"{labels.points} labels in {labels.name} were left out; to bring them in: {command}")
    for file, reason in beside.unusable:
        print(f"the labels in {file} cannot be used: {reason}", file=sys.stderr)
