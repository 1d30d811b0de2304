"""The form that says which pictures show the same person or animal."""

from __future__ import annotations

import gradio as gr
from markupsafe import Markup

from labeler.html.markup import render
from labeler.pages.request import errors_as_messages, field_problem, open_project, wanted_project
from labeler.pictures.subjects import FOLDER, PICTURE, PLACE, SubjectRule, SubjectsReport, subjects_words
from labeler.project.project import Project
from labeler.project.workspace import Workspace
from mdmd.errors import DataError

RULE = "subjects-rule"


class SubjectsForm:
    """The components of the form. `changed` is the event that sets the subjects, said in `said`."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        gr.HTML("<h2>Subjects</h2>")
        self.said = gr.HTML(padding=False)
        self.rule = gr.Textbox(
            label="Subjects come from",
            info="The folder, or a pattern for the name of a picture.",
            placeholder=f"{FOLDER}, or {PLACE}_*",
            max_length=200,
            elem_id=RULE,
        )
        self.problem = gr.HTML(padding=False)
        self.button = gr.Button("Set subjects", variant="secondary", min_width=120)
        self.changed = gr.on([self.button.click, self.rule.submit], self.set, self.rule, [self.problem, self.said])

    def remembered(self, request: gr.Request) -> str:
        """The rule that was set last."""
        project = open_project(self.workspace, request)
        return (project.settings.subjects or "") if project else ""

    @errors_as_messages
    def set(self, text: str | None, request: gr.Request) -> tuple[Markup, Markup | dict[str, object]]:
        """Set the subjects of all pictures by the rule."""
        project = wanted_project(self.workspace, request)
        try:
            rule = SubjectRule((text or "").strip())
        except DataError as error:
            return field_problem(RULE, error), gr.skip()
        return Markup(), subjects_html(project, project.set_subjects(rule))


def subjects_html(project: Project | None, report: SubjectsReport | None = None) -> Markup:
    """How many subjects there are, what they are for, and what a rule did just now; empty without a project."""
    if project is None:
        return Markup()
    names = {"folder": FOLDER, "picture": PICTURE, "place": PLACE}
    return render("subjects.html", words=subjects_words(project.subjects()), report=report, **names)
