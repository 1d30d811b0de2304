"""Management of runs on the Train page: log, title, resume, learning curve, delete."""

from __future__ import annotations

from collections.abc import Sequence

import gradio as gr

from labeler.errors import ConflictError
from labeler.html.markup import render
from labeler.pages.in_charge import other_proposer, proposer_words
from labeler.pages.question import Question
from labeler.pages.request import QUIETLY, errors_as_messages, open_project, wanted_project
from labeler.pages.runs import log_html
from labeler.project.workspace import Workspace
from labeler.runs.control import find_run, list_runs
from labeler.runs.learning_curve import cost_words, start_curve, why_not, why_not_now
from labeler.runs.manage import consequences, delete, megabytes, rename, size_of
from labeler.runs.run import LONGEST_TITLE, Run
from labeler.runs.start import resume


class RunManagerHandlers:
    """The handlers of the accordion's events."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace

    def show(self, run_id: str | None, request: gr.Request) -> tuple[object, ...]:
        """The log, title and buttons of the chosen run; closes the question about deleting."""
        project = open_project(self.workspace, request)
        runs = list_runs(project) if project else []
        run = next((run for run in runs if run.id == run_id), None)
        if run is None:
            hidden = gr.update(visible=False)
            return "", gr.update(value=""), hidden, hidden, gr.update(interactive=False), "", hidden, *Question.closed()
        other = other_proposer(project, run) if project else None
        return (
            log_html(run),
            gr.update(value=run.title or ""),
            gr.update(visible=run.can_resume),
            gr.update(value=f"Put {proposer_words(other)} in charge" if other else "", visible=other is not None),
            gr.update(interactive=not run.active),
            *curve_offer(runs, run),
            *Question.closed(),
        )

    @errors_as_messages
    def rename(self, run_id: str | None, title: str, request: gr.Request) -> None:
        """Give the chosen run a title."""
        rename(wanted_project(self.workspace, request), run_id or "", title)

    @errors_as_messages
    def resume(self, run_id: str | None, request: gr.Request) -> None:
        """Resume the chosen run."""
        resume(wanted_project(self.workspace, request), run_id or "")

    @errors_as_messages
    def put_in_charge(self, run_id: str | None, request: gr.Request) -> None:
        """Put the chosen run in charge of proposing points, or carried-over points if it is in charge."""
        project = wanted_project(self.workspace, request)
        other = other_proposer(project, find_run(project, run_id or ""))
        if other is None:
            raise ConflictError(f"run {run_id} has no predictions, so it cannot propose points")
        project.charge.put(other)

    @errors_as_messages
    def measure_curve(self, run_id: str | None, request: gr.Request) -> None:
        """Measure the learning curve of the chosen training."""
        start_curve(wanted_project(self.workspace, request), run_id or "")

    @errors_as_messages
    def ask(self, run_id: str | None, request: gr.Request) -> tuple[object, ...]:
        """Ask whether to delete the chosen run, with the consequences."""
        project = wanted_project(self.workspace, request)
        run = find_run(project, run_id or "")
        return Question.asked(render("delete_run.html", name=run.name, consequences=consequences(project, run)))

    @errors_as_messages
    def delete(self, run_id: str | None, request: gr.Request) -> None:
        """Delete the chosen run for good."""
        delete(wanted_project(self.workspace, request), run_id or "")


def curve_offer(runs: Sequence[Run], run: Run) -> tuple[object, ...]:
    """Text on the learning curve of `run`, or why it cannot be measured, and the button that measures it."""
    if run.kind != "train" or run.active:
        return "", gr.update(visible=False)
    reason = why_not(run) or why_not_now(runs, run)
    text = render("curve_offer.html", reason=reason)
    if reason is not None:
        return text, gr.update(visible=False)
    label = f"Measure the learning curve, {cost_words(runs, run)}"
    return text, gr.update(value=label, visible=True)


def run_choices(runs: Sequence[Run]) -> list[tuple[str, str]]:
    """The choices of a menu of runs: (name, state and size, id)."""
    return [
        (
            " · ".join(
                [
                    run.name,
                    *([run.what] if run.kind == "curve" else []),
                    run.state,
                    megabytes(size_of(run)),
                ]
            ),
            run.id,
        )
        for run in runs
    ]


class RunManager:
    """The accordion's components and their events. `chosen` is the menu of runs, which the page fills."""

    def __init__(self, workspace: Workspace) -> None:
        self.on = RunManagerHandlers(workspace)
        with gr.Accordion("Log, name, resume or delete a run", open=False, visible=False) as self.frame:
            self.chosen = gr.Dropdown([], label="Run", filterable=False)
            self.log = gr.HTML(padding=False)
            with gr.Row(elem_classes=["rename-row"]):
                self.title = gr.Textbox(label="Title", max_length=LONGEST_TITLE, scale=3, min_width=160)
                self.rename = gr.Button("Rename", size="sm", scale=1, min_width=90)
            with gr.Row():
                self.resume = gr.Button("Resume this run", size="sm", visible=False, min_width=120)
                self.charge = gr.Button("", size="sm", visible=False, min_width=120)
                self.delete = gr.Button("Delete this run", size="sm", min_width=120)
            self.curve_text = gr.HTML(padding=False)
            with gr.Row():
                self.curve = gr.Button("Measure the learning curve", size="sm", visible=False, min_width=120)
            self.question = Question("Delete for good", removes=True)
        shown = [self.log, self.title, self.resume, self.charge, self.delete, self.curve_text, self.curve]
        shown += self.question.parts
        #: The event that shows the chosen run: handler, inputs, outputs.
        self.refresh = (self.on.show, self.chosen, shown)
        self.chosen.change(*self.refresh, **QUIETLY)
        self.delete.click(self.on.ask, self.chosen, self.question.parts)
        #: The events after which the page has to be refreshed.
        self.changes = (
            self.rename.click(self.on.rename, [self.chosen, self.title], None),
            self.title.submit(self.on.rename, [self.chosen, self.title], None),
            self.resume.click(self.on.resume, self.chosen, None),
            self.charge.click(self.on.put_in_charge, self.chosen, None),
            self.curve.click(self.on.measure_curve, self.chosen, None),
            self.question.sure.click(self.on.delete, self.chosen, None),
        )
