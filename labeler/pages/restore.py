"""Go back to a copy of the labels on the Project page, also where the labels cannot be opened."""

from __future__ import annotations

from contextlib import suppress

import gradio as gr
from markupsafe import Markup

from labeler.errors import DamagedError
from labeler.html.copies import contents_words, loss_words
from labeler.html.markup import render
from labeler.pages.question import Question
from labeler.pages.request import QUIETLY, TO_PROBLEM, errors_as_messages, field_problem, wanted_project
from labeler.project.workspace import Workspace
from labeler.runs.housekeeping import restore_project
from mdmd.errors import DataError

COPY = "copy-of-labels"


class RestoreForm:
    """Copies of the labels, and going back to one. `changes` are the events after which the page is shown anew."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        with gr.Accordion("Copies of the labels", open=False, visible=False) as self.frame:
            self.said = gr.HTML(padding=False)
            self.chosen = gr.Dropdown([], label="Copy", elem_id=COPY)
            self.holds = gr.HTML(padding=False)
            self.problem = gr.HTML(padding=False)
            with gr.Row():
                self.back = gr.Button("Go back to this copy…", size="sm", min_width=120)
                self.make = gr.Button("Make a copy now", size="sm", min_width=120)
                self.check = gr.Button("Check the labels", size="sm", min_width=120)
                self.accept = gr.Button("Go on without what is missing", size="sm", min_width=120, visible=False)
            self.question = Question("Go back", removes=True)
        #: What `show` returns values for.
        self.shown = [self.frame, self.said, self.chosen, self.holds, self.accept]
        asked = gr.Textbox(visible=False)  # the copy that is asked about: another one may be chosen meanwhile
        closed = [self.problem, *self.question.parts]
        self.chosen.input(self.do_look, self.chosen, [self.holds, *self.question.parts], **QUIETLY)
        pressed = self.back.click(self.ask, self.chosen, [*closed, asked], **QUIETLY)
        pressed.success(None, None, None, js=TO_PROBLEM)
        self.changes = (
            self.make.click(self.do_make, None, self.problem),
            self.check.click(self.do_check, None, self.problem),
            self.accept.click(self.do_accept, None, self.problem),
            self.question.sure.click(self.do_restore, asked, closed),
        )

    def show(self, request: gr.Request) -> tuple[object, ...]:
        """Updates of `shown`."""
        name = request.query_params.get("project") or ""
        try:
            backups, missing = self.workspace.backups(name), self._misses_edits(request)
        except DataError:
            return gr.update(visible=False), Markup(), gr.update(choices=[], value=None), Markup(), gr.update()
        copies = backups.all()
        choices = [(copy.words, str(copy.number)) for copy in copies]
        value = choices[0][1] if choices else None
        return (
            gr.update(visible=True),
            render("copies.html", folder=backups.folder.absolute(), none=not copies),
            gr.update(choices=choices, value=value, visible=bool(copies)),
            self._look(name, value),
            gr.update(visible=missing),
        )

    def _misses_edits(self, request: gr.Request) -> bool:
        """Whether edits of the open project are missing. Raises DataError if there is no project."""
        with suppress(DamagedError):  # then all of them are
            return wanted_project(self.workspace, request).safekeeping.missing is not None
        return False

    @errors_as_messages
    def do_look(self, chosen: str | None, request: gr.Request) -> tuple[object, ...]:
        """What the chosen copy holds, and what going back to it would lose."""
        return self._look(request.query_params.get("project") or "", chosen), *Question.closed()

    def _look(self, name: str, chosen: str | None) -> Markup:
        if not chosen:
            return Markup()
        try:
            backups = self.workspace.backups(name)
            contents = backups.contents(backups.backup(number_of(chosen)))
        except DataError as error:
            return field_problem(COPY, error)
        return render("copy.html", holds=contents_words(contents), loses=loss_words(backups.loss(contents)))

    @errors_as_messages
    def ask(self, chosen: str | None, request: gr.Request) -> tuple[object, ...]:
        """Ask whether to go back to the chosen copy."""
        name = request.query_params.get("project") or ""
        try:
            backups = self.workspace.backups(name)
            copy = backups.backup(number_of(chosen))
            loses = loss_words(backups.loss(backups.contents(copy)))
        except DataError as error:
            return field_problem(COPY, error), *Question.closed(), ""
        words = render("restore.html", words=copy.words, loses=loses[:1].upper() + loses[1:])
        return Markup(), *Question.asked(words), str(copy.number)

    @errors_as_messages
    def do_restore(self, asked: str | None, request: gr.Request) -> tuple[object, ...]:
        """Go back to the copy that was asked about."""
        name = request.query_params.get("project") or ""
        try:
            copy = self.workspace.backups(name).backup(number_of(asked))
            restore_project(self.workspace, name, copy.number)
        except DataError as error:
            return field_problem(COPY, error), *Question.closed()
        said = f"The labels are those of the copy of {copy.words} now."
        return render("note.html", sentence=said, tone="good"), *Question.closed()

    @errors_as_messages
    def do_make(self, request: gr.Request) -> Markup:
        """Make a copy now."""
        made = wanted_project(self.workspace, request).safekeeping.backups.make("asked")
        said = f"Copied to {made.path.name}." if made else "Nothing was changed since the newest copy."
        return render("note.html", sentence=said, tone="good")

    @errors_as_messages
    def do_check(self, request: gr.Request) -> Markup:
        """Check the labels now; the overview says what is wrong."""
        damage = wanted_project(self.workspace, request).safekeeping.check()
        said = "Something is damaged: see above." if damage else "The labels are what was saved."
        return render("note.html", sentence=said, tone="warning" if damage else "good")

    @errors_as_messages
    def do_accept(self, request: gr.Request) -> Markup:
        """Go on without the edits that are missing."""
        wanted_project(self.workspace, request).safekeeping.accept_missing()
        return Markup()


def number_of(chosen: str | None) -> int:
    """The number of the chosen copy; 0, which no copy has, for anything else."""
    return int(chosen) if chosen and chosen.isdecimal() else 0
