"""Past runs on the Train page: look at one's log, name it, resume it, delete it."""

from __future__ import annotations

from collections.abc import Sequence

import gradio as gr

from labeler.html.markup import text
from labeler.pages.request import QUIETLY, open_project, refusals_as_messages, wanted_project
from labeler.pages.runs import log_html
from labeler.project.workspace import Workspace
from labeler.runs import manage as housekeeping
from labeler.runs import start as jobs
from labeler.runs.control import find_run, list_runs
from labeler.runs.learning_curve import cost_words, start_curve, why_not, why_not_now
from labeler.runs.run import Run


class ManageHandlers:
    """What the accordion's events do."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace

    def show(self, run_id: str | None, request: gr.Request) -> tuple[object, ...]:
        """The log, title and buttons of the chosen run; nothing is asked about deleting any more."""
        project = open_project(self.workspace, request)
        runs = list_runs(project) if project else []
        run = next((run for run in runs if run.id == run_id), None)
        if run is None:
            hidden = gr.update(visible=False)
            return "", gr.update(value=""), hidden, gr.update(interactive=False), "", hidden, *closed()
        return (
            log_html(run),
            gr.update(value=run.title or ""),
            gr.update(visible=run.can_resume),
            gr.update(interactive=not run.active),
            *curve_offer(runs, run),
            *closed(),
        )

    @refusals_as_messages
    def rename(self, run_id: str | None, title: str, request: gr.Request) -> None:
        """Give the chosen run a title."""
        housekeeping.rename(wanted_project(self.workspace, request), run_id or "", title)

    @refusals_as_messages
    def resume(self, run_id: str | None, request: gr.Request) -> None:
        """Go on with the chosen run."""
        jobs.resume(wanted_project(self.workspace, request), run_id or "")

    @refusals_as_messages
    def measure_curve(self, run_id: str | None, request: gr.Request) -> None:
        """Measure the learning curve of the chosen training."""
        start_curve(wanted_project(self.workspace, request), run_id or "")

    @refusals_as_messages
    def ask(self, run_id: str | None, request: gr.Request) -> tuple[object, ...]:
        """What deleting the chosen run would do, and the button that does it."""
        project = wanted_project(self.workspace, request)
        run = find_run(project, run_id or "")
        lines = "".join(f"<li>{text(line)}</li>" for line in housekeeping.consequences(project, run))
        said = f"<p>Delete run {text(run.name)}?</p><ul class='note warning cautions'>{lines}</ul>"
        return gr.update(value=said, visible=True), gr.update(visible=True), gr.update(visible=True)

    @refusals_as_messages
    def delete(self, run_id: str | None, request: gr.Request) -> None:
        """Delete the chosen run for good."""
        housekeeping.delete(wanted_project(self.workspace, request), run_id or "")


def closed() -> tuple[object, ...]:
    """The question about deleting, put away."""
    return gr.update(value="", visible=False), gr.update(visible=False), gr.update(visible=False)


def curve_offer(runs: Sequence[Run], run: Run) -> tuple[object, ...]:
    """What a learning curve of `run` would say and cost, or why there is none, and the button that measures it."""
    if run.kind != "train" or run.active:
        return "", gr.update(visible=False)
    reason = why_not(run) or why_not_now(runs, run)
    if reason is not None:
        return f"<p>Learning curve: {text(reason)}.</p>", gr.update(visible=False)
    said = (
        "What would more labels buy? The report says it once this training has been repeated from a quarter, a half "
        "and three quarters of its faces."
    )
    label = f"Measure the learning curve, {cost_words(runs, run)}"
    return f"<p>{said}</p>", gr.update(value=label, visible=True)


def run_choices(runs: Sequence[Run]) -> list[tuple[str, str]]:
    """Every run with what tells it from the others."""
    return [
        (
            " · ".join(
                [
                    run.name,
                    *([run.what] if run.kind == "curve" else []),
                    run.state,
                    housekeeping.megabytes(housekeeping.size_of(run)),
                ]
            ),
            run.id,
        )
        for run in runs
    ]


class Manage:
    """The accordion's components and what they do. `chosen` offers the runs; the page fills it."""

    def __init__(self, workspace: Workspace) -> None:
        self.on = ManageHandlers(workspace)
        with gr.Accordion("Log, name, resume or delete a run", open=False, visible=False) as self.frame:
            self.chosen = gr.Dropdown([], label="Run", filterable=False)
            self.log = gr.HTML(padding=False)
            with gr.Row(elem_classes=["rename-row"]):
                self.title = gr.Textbox(label="Title", max_length=housekeeping.LONGEST_TITLE, scale=3, min_width=160)
                self.rename = gr.Button("Rename", size="sm", scale=1, min_width=90)
            with gr.Row():
                self.resume = gr.Button("Resume this run", size="sm", visible=False, min_width=120)
                self.delete = gr.Button("Delete this run", size="sm", min_width=120)
            self.curve_said = gr.HTML(padding=False)
            with gr.Row():
                self.curve = gr.Button("Measure the learning curve", size="sm", visible=False, min_width=120)
            self.question = gr.HTML(padding=False, visible=False)
            with gr.Row():
                self.sure = gr.Button("Delete for good", variant="stop", size="sm", visible=False, min_width=120)
                self.keep = gr.Button("Keep it", size="sm", visible=False, min_width=120)
        asked = [self.question, self.sure, self.keep]
        shown = [self.log, self.title, self.resume, self.delete, self.curve_said, self.curve, *asked]
        #: What shows the chosen run: handler, inputs, outputs.
        self.refresh = (self.on.show, self.chosen, shown)
        self.chosen.change(*self.refresh, **QUIETLY)
        self.delete.click(self.on.ask, self.chosen, asked)
        self.keep.click(closed, None, asked, **QUIETLY)
        #: The events after which the page has to look again.
        self.changes = (
            self.rename.click(self.on.rename, [self.chosen, self.title], None),
            self.title.submit(self.on.rename, [self.chosen, self.title], None),
            self.resume.click(self.on.resume, self.chosen, None),
            self.curve.click(self.on.measure_curve, self.chosen, None),
            self.sure.click(self.on.delete, self.chosen, None),
        )
