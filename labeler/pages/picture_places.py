"""Where pictures come from on the Project page: uploads and a named folder; and what came in."""

from __future__ import annotations

import os
from pathlib import Path

import gradio as gr
from markupsafe import Markup

from labeler.errors import NotFoundError
from labeler.html.markup import plural, render
from labeler.html.refused import refused_html
from labeler.pages.labels_offer import NOTHING
from labeler.pictures.add import IngestReport
from labeler.project.found_labels import LabelsBeside, labels_beside
from mdmd.data.definition import Definition

FINDS_LABELS = "Labels that lie beside the pictures are found too: COCO keypoints, a .json file that many tools write."


def picture_fields(uploads: str, folder_id: str) -> tuple[gr.File, gr.Textbox]:
    """The field for uploads, with the label `uploads`, and the one that names a folder, with this id on the page."""
    files = gr.File(file_count="multiple", label=uploads, height="8.75rem")
    folder = gr.Textbox(
        label="or a folder on this machine",
        info=FINDS_LABELS,
        placeholder="/home/me/pictures/macaques",
        elem_id=folder_id,
    )
    return files, folder


def named_place(folder: str | None) -> Path | None:
    """The folder or file that a person named; None if the field is empty. Raises NotFoundError if there is none."""
    if not folder or not folder.strip():
        return None
    path = Path(os.path.expanduser(folder.strip()))
    if not os.path.exists(path):  # False for a name that no folder can have
        raise NotFoundError(f"there is no folder {folder.strip()} on this machine")
    return path


def picture_paths(files: list[str] | None, folder: str | None) -> list[Path]:
    """Uploads and the named folder or file as paths. Raises NotFoundError if that does not exist."""
    place = named_place(folder)
    named = [] if place is None or is_labels(place) else [place]
    return [*(Path(file) for file in files or []), *named]


def labels_near(folder: str | None, definition: Definition | None) -> LabelsBeside:
    """The labels beside the pictures in the named folder, or in the named file. Raises NotFoundError."""
    place = named_place(folder)
    if place is None or not (place.is_dir() or is_labels(place)):
        return NOTHING
    return labels_beside(place, definition)


def is_labels(place: Path) -> bool:
    """Whether a person named a file with labels instead of a folder."""
    return place.is_file() and place.suffix.lower() == ".json"


def added_html(taken: IngestReport, *, before: int = 0) -> Markup:
    """How many pictures were added, which were refused and why, and what was passed over.

    `before` of those that were here already came in just before, with their labels.
    """
    parts = [f"{plural(taken.added + before, 'picture')} added"]
    if already := max(taken.already - before, 0):
        parts.append(f"{already:,} {'was' if already == 1 else 'were'} here already")
    if taken.refused:
        parts.append(f"{len(taken.refused)} refused")
    if skipped := sum(len(each.names) for each in taken.skipped if each.kind.advice):
        parts.append(f"{skipped:,} skipped")
    return render(
        "added_pictures.html",
        sentence=", ".join(parts) + ".",
        complete=taken.complete and not (taken.nothing and not before),
        refused=refused_html(taken.refused) if taken.refused else "",
        skipped=[(each.words, each.kind.advice) for each in taken.skipped if each.kind.advice],
        others=", ".join(each.words for each in taken.skipped if not each.kind.advice),
    )
