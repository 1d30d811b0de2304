"""Rename, copy or delete the open project on the Project page, and put back what was deleted."""

from __future__ import annotations

from collections.abc import Callable

import gradio as gr
from markupsafe import Markup

from labeler.html.markup import plural, project_address, render
from labeler.pages.question import Question
from labeler.pages.request import QUIETLY, TO_PROBLEM, errors_as_messages, field_problem, wanted_project
from labeler.project.project import Project
from labeler.project.workspace import Workspace
from labeler.runs.housekeeping import copy_project, delete_project, must_not_run, rename_project
from labeler.runs.manage import megabytes
from mdmd.errors import DataError

NAME, BACK = "other-name", "put-back"
PROJECT, PICTURE = "project:", "picture:"
#: The most removed pictures that the menu offers.
MOST_PICTURES = 500


class ProjectForm:
    """Rename, copy and delete. `moved` are the events after which the page leads to the address in `done` and says its
    words there."""

    def __init__(self, workspace: Workspace, done: list[gr.Textbox]) -> None:
        self.workspace = workspace
        with gr.Accordion("Rename, copy or delete this project", open=False, visible=False) as self.frame:
            self.name = gr.Textbox(label="New name", max_length=60, elem_id=NAME)
            self.problem = gr.HTML(padding=False)
            with gr.Row():
                self.rename = gr.Button("Rename", size="sm", min_width=120)
                self.copy = gr.Button("Make a copy", size="sm", min_width=120)
                self.delete = gr.Button("Delete…", size="sm", min_width=120)
            self.question = Question("Move to the trash", removes=True)
        asked = [self.problem, *self.question.parts]
        self.delete.click(self.ask, None, asked, **QUIETLY).success(None, None, None, js=TO_PROBLEM)
        self.moved = (
            gr.on([self.rename.click, self.name.submit], self.do_rename, self.name, [self.problem, *done]),
            self.copy.click(self.do_copy, self.name, [self.problem, *done]),
            self.question.sure.click(self.do_delete, None, [self.problem, *done]),
        )

    @errors_as_messages
    def do_rename(self, new: str | None, request: gr.Request) -> tuple[Markup, str, str]:
        """Rename the open project; returns what is wrong, or the new address and what was done."""
        old = wanted_project(self.workspace, request).name
        return self._under(new, lambda name: rename_project(self.workspace, old, name), f"“{old}” is now named")

    @errors_as_messages
    def do_copy(self, new: str | None, request: gr.Request) -> tuple[Markup, str, str]:
        """Copy the open project; returns what is wrong, or the address of the copy and what was done."""
        old = wanted_project(self.workspace, request).name
        return self._under(new, lambda name: copy_project(self.workspace, old, name), f"This is the copy of “{old}”:")

    def _under(self, new: str | None, change: Callable[[str], None], done: str) -> tuple[Markup, str, str]:
        name = (new or "").strip()
        try:
            change(name)
        except DataError as error:
            return field_problem(NAME, error if name else "type the new name first"), "", ""
        return Markup(), f"{project_address(name)}#project", f"{done} “{name}”."

    @errors_as_messages
    def ask(self, request: gr.Request) -> tuple[object, ...]:
        """Ask whether to delete the open project, with what goes with it."""
        project = wanted_project(self.workspace, request)
        try:
            must_not_run(project)
        except DataError as error:
            return field_problem(NAME, error), *Question.closed()
        progress = project.progress()
        question = render(
            "delete_project.html",
            name=project.name,
            pictures=plural(progress.pictures, "picture"),
            labels=plural(progress.points, "label"),
            trash=self.workspace.trash.folder.absolute(),
        )
        return Markup(), *Question.asked(question)

    @errors_as_messages
    def do_delete(self, request: gr.Request) -> tuple[Markup, str, str]:
        """Move the open project to the trash."""
        name = wanted_project(self.workspace, request).name
        try:
            delete_project(self.workspace, name)
        except DataError as error:
            return field_problem(NAME, error), "", ""
        return Markup(), "/", f"“{name}” is in the trash, which can put it back."


class TrashForm:
    """What can be put back, and emptying the trash. `changes` are the events after which the page is shown anew."""

    def __init__(self, workspace: Workspace, done: list[gr.Textbox]) -> None:
        self.workspace = workspace
        with gr.Accordion("Trash", open=False, visible=False) as self.frame:
            self.said = gr.HTML(padding=False)
            self.chosen = gr.Dropdown([], label="Put back", filterable=True, elem_id=BACK)
            self.problem = gr.HTML(padding=False)
            with gr.Row():
                self.back = gr.Button("Put back", size="sm", min_width=120)
                self.empty = gr.Button("Empty the trash…", size="sm", min_width=120)
            self.question = Question("Delete for good", removes=True)
        #: What `show` returns values for.
        self.shown = [self.frame, self.said, self.chosen]
        self.empty.click(self.ask, None, self.question.parts, **QUIETLY)
        self.changes = (
            self.back.click(self.put_back, self.chosen, [self.problem, *done]),
            self.question.sure.click(self.do_empty, None, [*self.question.parts, *done]),
        )

    def show(self, project: Project | None) -> tuple[object, ...]:
        """Updates of `shown`."""
        trash = self.workspace.trash
        choices = [(f"project {each.name}, deleted {each.when}", PROJECT + each.key) for each in trash.projects()]
        removed = project.store.removed_images() if project else []
        for picture in removed[:MOST_PICTURES]:
            choices.append((f"picture {picture.name}, {plural(picture.labels, 'label')}", f"{PICTURE}{picture.id}"))
        size = trash.size()
        said = render(
            "trash.html", size=megabytes(size) if size else None, folder=trash.folder.absolute(), removed=len(removed)
        )
        value = choices[0][1] if choices else None
        return gr.update(visible=bool(choices or size)), said, gr.update(choices=choices, value=value)

    @errors_as_messages
    def put_back(self, chosen: str | None, request: gr.Request) -> tuple[Markup, str, str]:
        """Bring back the chosen project or picture; returns what is wrong, or a project's address and what was done."""
        chosen = chosen or ""
        try:
            if chosen.startswith(PICTURE):
                number = chosen.removeprefix(PICTURE)
                wanted_project(self.workspace, request).put_picture_back(int(number) if number.isdecimal() else 0)
                return Markup(), "", "The picture is back, with its labels."
            name = self.workspace.put_back(chosen.removeprefix(PROJECT))
            return Markup(), f"{project_address(name)}#project", f"“{name}” is back."
        except DataError as error:
            return field_problem(BACK, error), "", ""

    def ask(self) -> tuple[object, ...]:
        """Ask whether to empty the trash."""
        trash = self.workspace.trash
        names = [project.name for project in trash.projects()]
        return Question.asked(render("empty_trash.html", names=names, size=megabytes(trash.size())))

    @errors_as_messages
    def do_empty(self) -> tuple[object, ...]:
        """Delete for good what lies in the trash."""
        self.workspace.trash.empty()
        return *Question.closed(), "", "The trash is empty."
