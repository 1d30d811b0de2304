"""The form for a new project: name, landmarks, pictures, and labels that lie beside them."""

from __future__ import annotations

import gradio as gr
from markupsafe import Markup

from labeler.errors import NotFoundError
from labeler.html.markup import project_address, render
from labeler.pages.labels_offer import NOTHING, LabelsOffer, chosen_labels, imported_html, is_answered, offer
from labeler.pages.picture_places import added_html, labels_near, picture_fields, picture_paths
from labeler.pages.request import QUIETLY, errors_as_messages, field_problem
from labeler.project.definition import templates
from labeler.project.workspace import Workspace
from mdmd.data.definition import load_definition

NO_TEMPLATE = ""
OWN = "Define my own landmarks"
NAME, FOLDER = "new-name", "new-folder"
TAKE_THEIRS = f"To take the landmarks of a file, choose “{OWN}”."


class NewProjectForm:
    """The components of the form. `create` is the event that makes the project."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        gr.HTML("<h2>New project</h2>")
        self.name = gr.Textbox(label="Name", placeholder="macaques", max_length=60, elem_id=NAME)
        self.name_problem = gr.HTML(padding=False)
        choices = [(OWN, NO_TEMPLATE), *((t["title"], t["name"]) for t in templates())]
        self.template = gr.Dropdown(
            choices, value=NO_TEMPLATE, label="Landmarks", info="The points that you place on every face."
        )
        self.files, self.folder = picture_fields("Pictures", FOLDER)
        self.folder_problem = gr.HTML(padding=False)
        self.labels = LabelsOffer()
        self.button = gr.Button("Create project", variant="primary")
        self.said = gr.HTML(padding=False)
        self.address = gr.Textbox(visible=False)
        looked = [self.folder, self.template, self.labels.choice]
        for event in (self.folder.blur, self.folder.submit, self.template.input):
            event(self.look, looked, [self.folder_problem, *self.labels.shown], **QUIETLY)
        self.created = gr.on(
            [self.button.click, self.name.submit],
            self.make,
            [self.name, self.template, self.files, self.folder, self.labels.choice],
            [
                *(self.name_problem, self.folder_problem, *self.labels.shown, self.said, self.address),
                *(self.name, self.files, self.folder),
            ],
        )

    @errors_as_messages
    def look(self, folder: str | None, template: str | None, choice: str | None) -> tuple[object, ...]:
        """Look for labels beside the pictures in `folder`."""
        try:
            beside = labels_near(folder, load_definition(template) if template else None)
        except NotFoundError as error:
            return field_problem(FOLDER, error), *offer(NOTHING)
        return Markup(), *offer(beside, choice, advice=TAKE_THEIRS if template else "")

    @errors_as_messages
    def make(
        self, name: str | None, template: str | None, files: list[str] | None, folder: str | None, choice: str | None
    ) -> tuple[object, ...]:
        """Create the project; returns its address, or what is wrong with the fields, or what did not come in.

        The fields are emptied once the project is there.
        """
        kept, emptied = (gr.skip(), gr.skip(), gr.skip()), ("", None, "")
        chosen = (name or "").strip()
        definition = load_definition(template) if template else None
        problem = self.workspace.name_problem(chosen) if chosen else "a project needs a name"
        try:
            beside, folder_problem = labels_near(folder, definition), None
        except NotFoundError as error:
            beside, folder_problem = NOTHING, error
        problems = field_problem(NAME, problem), field_problem(FOLDER, folder_problem)
        question = offer(beside, choice, advice=TAKE_THEIRS if template else "")
        if problem or folder_problem:
            return *problems, *question, "", "", *kept
        if not is_answered(beside, choice):
            said = render(
                "note.html", sentence="Labels lie beside the pictures: choose above, then create the project.", tone=""
            )
            return *problems, *question, said, "", *kept
        paths = picture_paths(files, folder)
        labels = chosen_labels(beside, choice)
        if not paths and labels is None:
            self.workspace.create(chosen, definition=definition)
            return *problems, *question, "", project_address(chosen), *emptied
        reports = []
        with self.workspace.making(chosen, definition=definition) as project:
            # First: boxes, subjects and splits of the file are taken for new pictures only.
            imported = project.import_labels(labels.file, folder=labels.folder) if labels else None
            taken = project.add_pictures(paths)
            there = bool(project.store.images())
        if labels and imported:
            reports.append(imported_html(imported, labels.file))
        reports.append(added_html(taken, before=imported.added if imported else 0))
        advised = any(each.kind.advice for each in taken.skipped)
        refused = taken.refused or (imported and imported.refused)
        if there and taken.complete and not refused and not advised:
            return *problems, *offer(NOTHING), "", project_address(chosen), *emptied
        said = render("created_project.html", name=chosen if there else None, report=Markup("").join(reports))
        if there:
            return *problems, *offer(NOTHING), said, "", *emptied
        return *problems, *question, said, "", *kept
