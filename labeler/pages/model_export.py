"""The buttons of the run card that export its model for use elsewhere, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

import gradio as gr
from markupsafe import Markup

from labeler.html.markup import render
from labeler.pages.request import QUIETLY, errors_as_messages, open_project, wanted_project
from labeler.project.project import Project
from labeler.project.workspace import Workspace
from labeler.runs.control import model_runs
from labeler.runs.manage import megabytes
from labeler.runs.model_exports import ModelExports, exported_models
from labeler.runs.model_use import EXPORTS, ModelExport

POLL_SECONDS = 0.5


class ModelExportHandlers:
    """The handlers of the buttons. `run_id` is the run that the page shows, and `seen` tells the export and its state
    that it shows."""

    def __init__(self, workspace: Workspace, exports: ModelExports) -> None:
        self.workspace, self.exports = workspace, exports

    def look(self, request: gr.Request) -> str:
        """What the page is to show."""
        project = open_project(self.workspace, request)
        newest = self.exports.of(project) if project else None
        return newest.name if newest else ""

    def show(self, run_id: str, request: gr.Request) -> tuple[object, ...]:
        """What is exported of the run, the buttons, and the timer while an export is made."""
        project = open_project(self.workspace, request)
        if project is None or run_id not in [run.id for run in model_runs(project)]:
            return self.look(request), gr.Timer(active=False), "", *(gr.update(visible=False),) * len(EXPORTS)
        newest = self.exports.of(project)
        busy = newest is not None and newest.active
        buttons = (gr.update(visible=True, interactive=not busy),) * len(EXPORTS)
        return self.look(request), gr.Timer(active=busy), model_exports_html(project, self.exports, run_id), *buttons

    def begin(self, form: ModelExport) -> Callable[[str, gr.Request], str]:
        """The handler that exports the run's model in this form."""

        @errors_as_messages
        def begin(run_id: str, request: gr.Request) -> str:
            return self.exports.begin(wanted_project(self.workspace, request), run_id, form).name

        return begin


class ModelExportPart:
    """The buttons, for a row of their own or of others, and what `place` shows of the exports."""

    def __init__(self, workspace: Workspace, exports: ModelExports) -> None:
        self.on = ModelExportHandlers(workspace, exports)
        self.buttons = [
            gr.Button(form.button, size="sm", visible=False, elem_classes=["narrow-button"]) for form in EXPORTS
        ]

    def place(self) -> None:
        """Put what is exported here."""
        self.result = gr.HTML(padding=False)

    def connect(self, run: gr.Textbox) -> None:
        """Follow the run whose number is in `run`."""
        seen, timer = gr.Textbox(visible=False), gr.Timer(POLL_SECONDS, active=False)
        shown = [seen, timer, self.result, *self.buttons]
        # An answer that comes late sets an older state, which asks once more.
        gr.on([run.change, seen.change], self.on.show, run, shown, trigger_mode="always_last", **QUIETLY)
        timer.tick(self.on.look, None, seen, **QUIETLY)
        for form, button in zip(EXPORTS, self.buttons, strict=True):
            button.click(self.on.begin(form), run, seen)


def model_exports_html(project: Project, exports: ModelExports, run_id: str) -> Markup:
    """The export that is made of a run, why the last one failed, and where those that are there lie."""
    newest = exports.of(project)
    own = newest is not None and newest.run.id == run_id
    running = problem = ""
    if newest is not None and newest.active:
        running = f"Exporting the model of run {newest.run.name}, which takes a minute or two"
    elif newest is not None and own and newest.problem:
        problem = f"{newest.problem.rstrip('.')}."
    return render(
        "model_exports.html",
        running=running,
        problem=problem,
        exported=[
            {
                "folder": made.folder.resolve(),
                "address": f"api/projects/{quote(project.name)}/runs/{quote(run_id)}/exported/{made.form.name}",
                "size": megabytes(made.archive.stat().st_size),
            }
            for made in exported_models(project, run_id)
        ],
    )
