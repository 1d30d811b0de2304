"""The form that adds pictures, and labels that lie beside them, to the open project."""

from __future__ import annotations

import gradio as gr
from markupsafe import Markup

from labeler.errors import NotFoundError
from labeler.html.markup import render
from labeler.pages.labels_offer import NOTHING, LabelsOffer, chosen_labels, imported_html, is_answered, offer
from labeler.pages.picture_places import (
    added_html,
    is_labels,
    labels_near,
    named_place,
    picture_fields,
    picture_paths,
)
from labeler.pages.request import QUIETLY, errors_as_messages, field_problem, wanted_project
from labeler.project.found_labels import ANNOTATIONS, LabelsBeside
from labeler.project.workspace import Workspace

FOLDER = "more-folder"


class AddPicturesForm:
    """The components of the form. `grown` is the event that adds what was chosen, reporting to `report`."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        gr.HTML("<h2>Add pictures or labels</h2>")
        self.files, self.folder = picture_fields("Upload pictures", FOLDER)
        self.problem = gr.HTML(padding=False)
        # By itself: a click on the button also leaves the field, and the answer to that may come later.
        self.nothing_found = gr.HTML(padding=False)
        self.labels = LabelsOffer()
        with gr.Row():
            self.button = gr.Button("Add", variant="secondary", min_width=120)
            self.search = gr.Button("Look for labels", variant="secondary", min_width=120)
        self.report = gr.HTML(padding=False)
        looked, shown = [self.folder, self.labels.choice], [self.problem, *self.labels.shown]
        for event in (self.folder.blur, self.folder.submit):
            event(self.look, looked, shown, **QUIETLY)
        self.searched = self.search.click(
            self.search_labels, looked, [self.nothing_found, *shown], show_progress="hidden"
        )
        self.grown = self.button.click(self.grow, [self.files, *looked], [*shown, self.report, self.files, self.folder])

    def _labels(self, folder: str | None, request: gr.Request) -> LabelsBeside:
        return labels_near(folder, wanted_project(self.workspace, request).definition)

    @errors_as_messages
    def look(self, folder: str | None, choice: str | None, request: gr.Request) -> tuple[object, ...]:
        """Look for labels beside the pictures in `folder`."""
        try:
            return Markup(), *offer(self._labels(folder, request), choice)
        except NotFoundError as error:
            return field_problem(FOLDER, error), *offer(NOTHING)

    @errors_as_messages
    def search_labels(self, folder: str | None, choice: str | None, request: gr.Request) -> tuple[object, ...]:
        """Like `look`, and say so if there are none."""
        try:
            place = named_place(folder)
            beside = self._labels(folder, request)
        except NotFoundError as error:
            return Markup(), field_problem(FOLDER, error), *offer(NOTHING)
        problem = None
        if place is None:
            problem = "name the folder of the pictures, or the file with the labels"
        elif not beside.found and not beside.unusable:
            problem = (
                f"no labels were found: no COCO keypoint file (.json) lies in {place}, in the folder above it, or in a "
                f"folder “{ANNOTATIONS}” in either"
            )
        return field_problem(FOLDER, problem), Markup(), *offer(beside, choice)

    @errors_as_messages
    def grow(
        self, files: list[str] | None, folder: str | None, choice: str | None, request: gr.Request
    ) -> tuple[object, ...]:
        """Add the pictures and the chosen labels."""
        project = wanted_project(self.workspace, request)
        kept = gr.skip(), gr.skip()  # the fields
        try:
            place, beside = named_place(folder), self._labels(folder, request)
        except NotFoundError as error:
            return field_problem(FOLDER, error), *offer(NOTHING), "", *kept
        paths, labels = picture_paths(files, folder), chosen_labels(beside, choice)
        if not is_answered(beside, choice):
            said = render("note.html", sentence="Labels lie beside the pictures: choose above, then add them.", tone="")
            return Markup(), *offer(beside, choice), said, *kept
        if not paths and labels is None:
            problem = "nothing is chosen: upload pictures, or name a folder on this machine"
            if place is not None and is_labels(place):
                problem = f"no labels can come in from {place.name}"
            return field_problem(FOLDER, problem), *offer(beside, choice), "", *kept
        imported = project.import_labels(labels.file, folder=labels.folder) if labels else None
        reports = [imported_html(imported, labels.file)] if labels and imported else []
        if paths or imported is None or imported.added:
            taken = project.add_pictures(paths)
            reports.append(added_html(taken, before=imported.added if imported else 0))
        return Markup(), *offer(NOTHING), Markup("").join(reports), None, ""
